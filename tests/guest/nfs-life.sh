#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml -m 768 -t 240
# The whole life of a volume on a real NFS server, through the tree: data/ is
# an nfs4 mount of the volume's own directory; with mount.nfs and without.
. "${srcdir:-.}/tests/guest/lib.sh" || exit 99
. "$srcdir/tests/guest/nfs-server.sh"
nfs_server
mkdir $export/was-there && echo old >$export/was-there/file

config <<END
services:
  share: {driver: nfs, server: 127.0.0.1, path: /, options: [noatime]}
  exports: {driver: nfs, volumes: ["docs=127.0.0.1:/was-there"]}
END

life() { # life WITH VOLUME
	local s=$tree/share v=$tree/share/$2 with=$1 data
	data=$v/data
	ok mkdir "$v"
	within 20 test -e "$v/id"
	is "protect of a blank one" 0 "$(cat "$v/protect")"
	is "kind" share "$(json "$v/status" .kind)"
	is "size_bytes in status" false "$(json "$v/status" 'has("size_bytes")')"
	[ ! -e "$v/size" ] || fail "there is a file 'size', which means nothing"
	[ ! -e "$v/fstype" ] || fail "there is a file 'fstype'"
	fails_with EINVAL "$s/.create/sized" "size=20G"

	ok wr "$v/mount" 1
	[ -n "$(nfs_line "$data")" ] ||
		fail "no nfs4 line for data/ ($with): $(cat /proc/self/mountinfo)"
	nfs_line "$data" | grep -q "127.0.0.1:/$2 " ||
		fail "data/ is not the volume's own directory: $(nfs_line "$data")"
	for option in hard nosuid nodev noatime nosharecache; do
		nfs_line "$data" | grep -qw $option ||
			fail "data/ has no '$option': $(nfs_line "$data")"
	done
	is "fstype" nfs "$(json "$v/status" .mount.fstype)"
	is "protect once mounted" 1 "$(cat "$v/protect")"
	is "usage.scope" share "$(json "$v/status" .usage.scope)"
	[ "$(json "$v/status" .usage.total_bytes)" -gt 200000000 ] ||
		fail "usage: $(json "$v/status" .usage)"
	is "health" ok "$(json "$v/status" .health.condition)"
	is "access" multi-writer "$(json "$v/status" .access)"

	# Owners, modes, times, links, holes, extended attributes.
	ok cp -a /etc/hostname "$data/plain"
	ok chown 1234:2345 "$data/plain"
	ok ln "$data/plain" "$data/linked"
	ok ln -s plain "$data/symlink"
	ok mkdir -m 2750 "$data/below"
	ok truncate -s 8M "$data/below/sparse"
	echo end >>"$data/below/sparse"
	echo hello >"$data/below/file"
	ok touch -d 2001-02-03T04:05:06Z "$data/below/file"
	setfattr -n user.note -v kept "$data/below/file" 2>/dev/null
	ok mkfifo "$data/fifo"
	(cd "$data" && find . -printf '%p %y %m %U %G %s %n %l %T@\n' | sort) >"$dir/before"

	ok mkdir "$v/snapshots/first"
	within 30 has "$v/snapshots/first/state" available
	is "consistency" files "$(json "$v/snapshots/first/status" .consistency)"
	[ -d $export/.snapshots/$2/first ] || fail "the copy is not at .snapshots/$2/first"
	(cd $export/.snapshots/$2/first && find . -printf '%p %y %m %U %G %s %n %l %T@\n' | sort) >"$dir/copy"
	diff "$dir/before" "$dir/copy" >&2 || fail "the copy differs ($with)"
	[ "$(stat -c %b $export/.snapshots/$2/first/below/sparse)" -lt 1000 ] ||
		fail "the copy of a sparse file is full"
	! mkdir "$v/snapshots/first" 2>/dev/null ||
		fail "a snapshot's name was taken twice"

	# Restore: in use it is refused; then the files are as they were.
	echo changed >"$data/below/file"
	echo more >"$data/new"
	fails_with EBUSY "$v/snapshots/first/restore" 1
	ok wr "$v/unmount" 1
	[ -z "$(nfs_line "$data")" ] || fail "data/ is still mounted"
	ok wr "$v/snapshots/first/restore" 1
	ok wr "$v/mount" 1
	is "a restored file" hello "$(cat "$data/below/file")"
	[ ! -e "$data/new" ] || fail "a file of after the snapshot is there"
	(cd "$data" && find . -printf '%p %y %m %U %G %s %n %l %T@\n' | sort) >"$dir/after"
	diff "$dir/before" "$dir/after" >&2 || fail "the restored volume differs ($with)"

	# A new volume from the snapshot, and from the volume.
	ok wr "$s/.create/$2-clone" "from=$2@first"
	ok wr "$s/.create/$2-twin" "from=$2"
	is "source" "$2@first" "$(json "$s/$2-clone/status" '"'$2'@" + .source.name')"
	is "protect of a clone" 1 "$(cat "$s/$2-clone/protect")"
	for c in clone twin; do
		ok wr "$s/$2-$c/mount" 1
		is "content of the $c" hello "$(cat "$s/$2-$c/data/below/file")"
		echo other >"$s/$2-$c/data/below/file"
		ok wr "$s/$2-$c/unmount" 1
	done
	is "the original" hello "$(cat "$data/below/file")"

	# A name: not while it is mounted; the mount's path would be lost.
	! mv "$v" "$s/$2-moved" 2>/dev/null || sleep 1
	within 10 test -d "$v"
	ok wr "$v/unmount" 1
	ok mv "$v" "$s/$2-moved"
	within 10 test -d "$export/$2-moved"
	v=$s/$2-moved
	ok wr "$v/mount" "user=a options=ro,nconnect=2"
	fails_with EINVAL "$s/$2-clone/mount" "options=commit=5"
	is "content after mv" hello "$(cat "$v/data/below/file")"
	ok wr "$v/unmount" "user=a"

	# Removal is deliberate, and what it takes away is kept (retain).
	! rmdir "$v" 2>/dev/null || fail "a volume with snapshots was removed"
	for snapshot in "$v"/snapshots/*; do
		ok wr "$snapshot/protect" 0
		ok rmdir "$snapshot"
	done
	! rmdir "$v" 2>/dev/null || fail "a protected volume was removed"
	for c in "$v" "$s/$2-clone" "$s/$2-twin"; do
		ok wr "$c/protect" 0
		ok wr "$s/.remove/${c##*/}" 1
		gone "$c" || fail "'$c' is still there"
		[ ! -e "$export/${c##*/}" ] || fail "$export/${c##*/} is still there"
		[ -n "$(find $export/.deleted -maxdepth 1 -name "${c##*/}.*")" ] ||
			fail "'${c##*/}' is not in .deleted"
	done
}

start
within 20 has_json "$tree/share/.status" .state ok
life "mount.nfs" one

# An export of the configuration: mounted as it is, and never changed.
e=$tree/exports/docs
within 20 test -d "$e"
ok wr "$e/mount" ro
[ -n "$(nfs_line "$e/data")" ] || fail "no nfs4 line for docs/data"
is "content of an export" old "$(cat "$e/data/file")"
! touch "$e/data/new" 2>/dev/null || fail "ro is not read-only"
ok wr "$e/unmount" 1
fails_with EPERM "$tree/exports/.remove/docs" 1
fails_with EACCES "$tree/exports/.create/more" 1

# What the share had before: seen, not changed, until it is taken over.
w=$tree/share/was-there
is "managed" 0 "$(cat "$w/managed")"
is "protect" 1 "$(cat "$w/protect")"
fails_with EPERM "$tree/share/.remove/was-there" 1
ok wr "$tree/share/.import/$(cat "$w/id")" "name=taken"
within 10 test -d "$tree/share/taken"
ok wr "$tree/share/taken/mount" 1
is "its content" old "$(cat "$tree/share/taken/data/file")"
ok wr "$tree/share/taken/tags" "+team=web"
is "tags" "team=web" "$(cat "$tree/share/taken/tags")"

# The daemon goes, and comes back; the mount stays, and is bound again.
stop
[ -n "$(nfs_line "$run/mnt/share/"*)" ] || grep -q "nfs4 127.0.0.1:/taken" /proc/self/mountinfo ||
	fail "the mount went with the daemon"
start
within 20 has "$tree/share/taken/mounted" 1
is "its content after the restart" old "$(cat "$tree/share/taken/data/file")"
ok wr "$tree/share/taken/unmount" 1
stop

# Blank says volfs; who has the export can write all the same.
start
ok mkdir "$tree/share/blank"
within 20 test -e "$tree/share/blank/id"
echo mine >$export/blank/file
! wr "$tree/share/.remove/blank" 1 >/dev/null 2>&1 ||
	fail "a volume with somebody's files was removed as blank"
is "somebody's file" mine "$(cat $export/blank/file)"
ok wr "$tree/share/.refresh" 1
within 10 has "$tree/share/blank/protect" 1
stop

# Without mount.nfs: by the kernel alone.
mkdir "$dir/tools"
for tool in mkfs.ext4 fsck.ext4; do ln -s "$(command -v $tool)" "$dir/tools/"; done
export VOLFS_TOOL_PATH=$dir/tools
start
within 20 has_json "$tree/share/.status" .state ok
life "the kernel alone" two
stop
is "NFS mounts left" "" "$(grep ' - nfs4 ' /proc/self/mountinfo)"
finish
