#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container in a user namespace is a stranger: it reads, and is refused the
# rest, until the volume's directory is handed to its root by chown; then it
# has that volume and no other. Data are its own by an idmapped mount.
. "${srcdir:-.}/tests/containers/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
# The way to what is handed in is walked by the container's root, too.
chmod 755 "$dir"
start
mapped=(--uidmap 0:100000:65536 --gidmap 0:100000:65536)
doc_commands | grep -qF -e "${mapped[*]}" ||
	fail "doc/CONTAINERS.md maps the ids in another way"
for name in db other; do
	ok wr "$tree/local/.create/$name" 1
	ok wr "$tree/local/$name/mount" 1
done
v=$tree/local/db
box podman tenant $(all_but podman) "${mapped[@]}" \
	-v "$(doc_v /volumes/local/db)" -v "$tree/local/other:/other:rslave"
in_box() { inside podman tenant "$@"; }

is "uid on the host" 100000 "$(stat -c %u "/proc/$(box_pid podman tenant)")"
is "state, read inside" attached "$(in_box cat /vol/state)"
is "owner, seen inside" 65534:65534 "$(in_box stat -c %u:%g /vol/attach)"
saw "inside: $(in_box ls -ln /vol/mount)"
for f in mount unmount attach detach set size protect tags; do
	is "$f by a stranger" EACCES "$(in_box wr /vol/$f 1)"
done
is "a snapshot by a stranger" EACCES "$(in_box wr --mkdir /vol/snapshots/mine)"
is "a file by a stranger" EACCES "$(in_box wr --create /vol/data/file)"
is "chown by a stranger" EPERM "$(in_box wr --chown=0:0 /vol)"

# Handed over.
ok chown 100000:100000 "$v"
is "owner, seen inside" 0:0 "$(in_box stat -c %u:%g /vol/attach)"
is "chown by its owner" EPERM "$(in_box wr --chown=1:1 /vol)"
ok in_box sh -ec '
	cd /vol
	mkdir snapshots/mine
	until grep -q available snapshots/mine/state; do usleep 50000; done
	echo 1 >unmount
	echo 1 >snapshots/mine/restore
	echo team=web >tags
	echo user=tenant >mount
	[ "$(cat mounted)" = 1 ]
	echo user=tenant >unmount
	echo 1 >mount
	echo 0 >snapshots/mine/protect
	rmdir snapshots/mine'
is "the volume's tags" team=web "$(cat "$v/tags")"
is "uid in the job" 100000 "$(jq -s '[.[] | select(.uid == 100000)] | .[0].uid' "$tree/.volfs/events")"
for f in mount unmount attach set size protect tags; do
	is "$f of the neighbour" EACCES "$(in_box wr /other/$f 1)"
done
is "a snapshot of the neighbour" EACCES "$(in_box wr --mkdir /other/snapshots/mine)"
is "the neighbour is mounted" 1 "$(cat "$tree/local/other/mounted")"
saw "delegated: $(in_box ls -ln /vol/mount)"

# Its data, by their owner when they were made.
ok wr "$tree/local/.create/theirs" 1
ok wr "$tree/local/theirs/set" "uid=100000 gid=100000"
ok wr "$tree/local/theirs/mount" 1
box podman own "${mapped[@]}" -v "$tree/local/theirs/data:/data"
ok inside podman own sh -c 'echo x >/data/file'
is "owner on the host" 100000:100000 "$(stat -c %u:%g "$tree/local/theirs/data/file")"

# And by an idmapped mount.
idmap=$(doc_commands | sed -n 's/.* -v \([^ ]*:idmap\) .*/\1/p')
box podman idmapped "${mapped[@]}" -v "$(doc_here <<<" $idmap" | tr -d ' ')"
ok inside podman idmapped sh -c 'echo x >/data/file'
is "owner inside" 0:0 "$(inside podman idmapped stat -c %u:%g /data/file)"
is "owner on the host" 0:0 "$(stat -c %u:%g "$v/data/file")"
saw "idmapped: root inside, $(stat -c %u:%g "$v/data/file") on the host"
for name in tenant own idmapped; do unbox podman $name; done

# Ids that podman chooses: the same.
for f in /etc/subuid /etc/subgid; do echo containers:300000:131072 >>$f; done
box podman auto --userns=auto -v "$(doc_v /volumes/local/db)"
root=$(stat -c %u "/proc/$(box_pid podman auto)")
[ "$root" -ge 300000 ] || fail "root of --userns=auto is $root"
is "state, --userns=auto" attached "$(inside podman auto cat /vol/state)"
is "a verb, --userns=auto" EACCES "$(inside podman auto wr /vol/unmount 1)"
ok chown "$root:$root" "$v"
is "a verb, delegated" OK "$(inside podman auto wr /vol/unmount 1)"
is "mounted" 0 "$(cat "$v/mounted")"
saw "--userns=auto: root is $root on the host"
unbox podman auto
stop
finish
