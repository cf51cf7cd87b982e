#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# volctl needs the tree and nothing else: every command works in a root that
# has only volctl, its libraries, /volumes and /proc.
. "${srcdir:-.}/tests/lib.sh"
sim_config
start
within 10 has_json "$tree/cloud/.status" .state ok

jail=$dir/jail
mkdir -p "$jail"/{volumes,proc,tmp}
cp "$build/volctl" "$jail/volctl"
for lib in $(ldd "$build/volctl" | grep -o '/[^ ]*'); do
	mkdir -p "$jail${lib%/*}"
	cp "$lib" "$jail$lib"
done
mount --rbind "$tree" "$jail/volumes"
mount --make-rslave "$jail/volumes"
mount -t proc proc "$jail/proc"
v() { env -u VOLFS_TREE -u LD_PRELOAD timeout 60 chroot "$jail" /volctl "$@" </dev/null; }

ok v create local/db size=320M fstype=xfs
ok v mount local/db
echo before >"$tree/local/db/data/f"
ok v snapshot local/db s1
ok v clone local/db@s1 local/copy
ok v resize local/db 400M
is "size" 419430400 "$(cat "$tree/local/db/size")"
ok v set local/db auto=1 tags=team=web
is "tags" team=web "$(cat "$tree/local/db/tags")"
v ls >out 2>&1 && says out local
v ls local >out 2>&1 && says out db
v ls local/db >out 2>&1 && says out s1
v tree >out 2>&1 && says out copy
is "ls --json" "copy db" "$(v ls --json local | jq -r '.[].name' | sort | xargs)"
v status local/db >out 2>&1 && says out 400
v jobs --all >out 2>&1 && says out snapshot
v events >out 2>&1 && says out mount
ok v wait local/db mounted=1 --timeout 5s
echo after >"$tree/local/db/data/f"
ok v umount local/db
ok v restore local/db@s1
ok v mount local/db
is "restored" before "$(cat "$tree/local/db/data/f")"
ok v umount local/db
v attach cloud/new >out 2>&1 && fail "attach of what is not there succeeds"
says out cloud/new
ok v create cloud/new size=1G
ok v attach cloud/new
is "attached" 1 "$(cat "$tree/cloud/new/attached")"
ok v detach cloud/new
ok v rm --yes cloud/new
v rm local/db --yes >out 2>&1 && fail "a volume with snapshots is removed"
says out snapshot
ok v rm --yes --with-snapshots local/db
ok v rm --yes local/copy
is "left" "" "$(ls "$tree/local")"
v create local/x size=10X >out 2>&1
is "exit status of a refusal" 1 $?
says out 10X
v frobnicate >out 2>&1
is "exit status of a wrong command" 2 $?
umount -l "$jail/volumes"
ok volctl down
within 20 ended "$pid"
pid=
finish
