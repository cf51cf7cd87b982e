#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole life of a volume of the btrfs driver, without quotas: create, mount,
# write, snapshot while mounted, restore in place, new volumes from the snapshot
# and from the volume, tags, another name, kill -9 and restart, removal.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool
config <<END
services: {pool: {driver: btrfs, home: $home, refresh: 0, answerWithin: 5s, uid: 33, gid: 34, mode: "0750"}}
END
start
within 10 has_json "$tree/pool/.status" .state ok
v=$tree/pool/db copy=$tree/pool/copy

# what memory refuses
fails_with EINVAL "$tree/pool/.create/db" size=1G
says "$tree/pool/.error" "no size of their own"
fails_with EINVAL --mkdir "$tree/pool/%2Fdb"
fails_with EINVAL --mkdir "$tree/pool/%2Edb"
ok gone "$v"

ok wr "$tree/pool/.create/db" tag=team=web
is "state" available "$(cat "$v/state")"
is "kind" directory "$(json "$v/status" .kind)"
is "protect of a blank volume" 0 "$(cat "$v/protect")"
is "a size" "" "$(find "$v" -maxdepth 1 -name size)"
is "size_bytes in status" false "$(json "$v/status" 'has("size_bytes")')"
ok test -d "$home/db"
ok wr "$v/mount" user=web
is "mounted" 1 "$(cat "$v/mounted")"
is "protect of a used volume" 1 "$(cat "$v/protect")"
is "owner and mode" "33:34 750" "$(stat -c '%u:%g %a' "$v/data")"
is "file system" btrfs "$(findmnt -no FSTYPE "$v/data")"
ok sh -c "findmnt -no OPTIONS '$v/data' | grep -q nosuid,nodev"
is "whose room the usage is" pool "$(json "$v/status" .usage.scope)"
ok mkdir "$v/data/sub"
chmod 700 "$v/data"
echo one >"$v/data/file"       # not written to the disk yet

# a snapshot of it, mounted as it is
ok mkdir "$v/snapshots/first"
within 20 has "$v/snapshots/first/state" available
is "consistency" crash "$(json "$v/snapshots/first/status" .consistency)"
is "what the snapshot has" one "$(cat "$home/.snapshots/db/first/file")"
ok sh -c "! touch '$home/.snapshots/db/first/x' 2>/dev/null"
echo two >"$v/data/file"
fails_with EEXIST --mkdir "$v/snapshots/first"
fails_with EBUSY "$v/snapshots/first/restore" 1

# kill -9 takes no data path along, and the next daemon finds all
sleep 1000 <"$v/data/file" & holder=$!
within 20 sh -c "readlink /proc/$holder/fd/0 | grep -q '/data/file$'"
kill9
ok umount -l "$tree"
start
within 10 has "$v/mounted" 1
is "data after the restart" two "$(cat "$v/data/file")"
is "users" web "$(json "$v/users" .name)"
is "mode after the restart" 700 "$(stat -c %a "$v/data")"
# A file that is open by the mount of before: unmounted, and not yet free.
fails_with EBUSY "$v/unmount" user=web
says "$v/error" "pid $holder (sleep)"
is "mounted" 0 "$(cat "$v/mounted")"
kill $holder; wait $holder 2>/dev/null
ok wr "$v/detach" 1
is "attached" 0 "$(cat "$v/attached")"

# back to it, in place: the volume is the same one
id=$(cat "$v/id")
ok wr "$v/snapshots/first/restore" 1
is "id" "$id" "$(cat "$v/id")"
is "tags" team=web "$(cat "$v/tags")"
ok wr "$v/mount" ro
is "restored data" one "$(cat "$v/data/file")"
ok sh -c "! touch '$v/data/x' 2>/dev/null"
ok sh -c "ls '$v/snapshots' | grep -q '^before-restore-'"
is "what was there before" two "$(cat "$home"/.snapshots/db/before-restore-*/file)"

# new volumes from it
ok wr "$tree/pool/.create/copy" from=db@first
ok wr "$tree/pool/.create/twin" from=db
is "source" "snapshot first" "$(json "$copy/status" '.source | .kind + " " + .name')"
is "source" "volume db" "$(json "$tree/pool/twin/status" '.source | .kind + " " + .name')"
ok wr "$copy/mount" 1
echo three >"$copy/data/file"
is "the original" one "$(cat "$v/data/file")"
is "the twin" one "$(cat "$home/twin/file")"
ok wr "$copy/unmount" 1
ok wr "$v/unmount" 1

# subpath and tags
ok wr "$v/set" "subpath=/sub tags=+zone=a"
ok wr "$v/mount" 1
ok touch "$v/data/below"
ok test -e "$home/db/sub/below"
is "tags" "team=web zone=a" "$(tr '\n' ' ' <"$v/tags" | sed 's/ $//')"
fails_with EINVAL "$v/set" options=compress=zstd
ok wr "$v/unmount" 1

# another name takes the snapshots along; mv in a shell does as well
ok mv "$v" "$tree/pool/moved"
ok test -d "$home/.snapshots/moved/first"
mv "$home/moved" "$home/elsewhere"
ok wr "$tree/pool/.refresh" 1
within 10 test -d "$tree/pool/elsewhere"
v=$tree/pool/elsewhere
is "id" "$id" "$(cat "$v/id")"
ok test -d "$v/snapshots/first"
ok wr "$v/mount" 1
ok test -e "$v/data/below"
ok wr "$v/unmount" 1

# the end
fails_with ENOTEMPTY --rmdir "$v"
for s in "$v/snapshots"/*; do
	ok wr "$s/protect" 0
	ok rmdir "$s"
done
for name in elsewhere copy twin; do
	ok wr "$tree/pool/$name/protect" 0
	ok wr "$tree/pool/.remove/$name" 1
done
within 10 test -z "$(subvolumes)"
ok wr "$tree/pool/.refresh" 1
is "records left" "" "$(find "$home/.volfs" -name '*.json')"
is "mounts left" "" "$(grep -F "$run/mnt/" /proc/self/mountinfo)"
stop
finish
