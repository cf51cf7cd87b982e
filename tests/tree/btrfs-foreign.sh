#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the btrfs driver did not make: subvolumes of others are listed and taken
# over with their content, also from a directory of openstorage; subvolumes
# within a volume; mounts and open files in other namespaces; records that are
# damaged; a home that is not mounted.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool
mkdir -p "$home/volumes" "$home/plain" "$home/.snapshots/theirs"
for s in theirs volumes/11aa over; do
	ok btrfs -q subvolume create "$home/$s"
	echo kept >"$home/$s/file"
done
ok btrfs -q subvolume snapshot -r "$home/theirs" "$home/.snapshots/theirs/old"
config <<END
services: {pool: {driver: btrfs, home: $home, refresh: 0, answerWithin: 5s}}
END
start
within 10 has_json "$tree/pool/.status" .counts.volumes 2
v=$tree/pool/theirs
is "what is listed" "over theirs" "$(ls "$tree/pool" | tr '\n' ' ' | sed 's/ $//')"
is "managed" 0 "$(cat "$v/managed")"
is "its snapshot" old "$(ls "$v/snapshots")"
is "nothing is written by looking" "" "$(find "$home" -maxdepth 1 -name .volfs)"
fails_with EPERM --rmdir "$v"
fails_with EPERM "$v/tags" team=web
ok wr "$v/mount" 1
is "its data" kept "$(cat "$v/data/file")"
ok wr "$v/unmount" 1

# taken over: by id, by path
id=$(cat "$v/id")
is "id" "$(btrfs subvolume show "$home/theirs" | sed -n 's/^\tUUID:[ \t]*//p')" "$id"
ok wr "$tree/pool/.import/$id" name=ours
v=$tree/pool/ours
is "id" "$id" "$(cat "$v/id")"
is "managed" 1 "$(cat "$v/managed")"
is "protect" 1 "$(cat "$v/protect")"
ok wr "$tree/pool/.refresh" 1
is "source" import "$(json "$v/status" .source.kind)"
is "its snapshot" old "$(ls "$v/snapshots")"
is "its data" kept "$(cat "$home/ours/file")"
ok wr "$tree/pool/.import/volumes%2F11aa" name=db
is "its data" kept "$(cat "$home/db/file")"
fails_with ENOENT "$tree/pool/.import/volumes%2Fabsent" name=x
fails_with ENOENT "$tree/pool/.import/plain" name=x
fails_with EINVAL "$tree/pool/.import/..%2Fhome" name=x
fails_with EINVAL "$tree/pool/.import/%2Fetc" name=x
ok wr "$tree/pool/db/tags" team=web
is "tags" team=web "$(cat "$tree/pool/db/tags")"

# a subvolume within: no snapshot, no removal, and the sentence names it
ok btrfs -q subvolume create "$home/db/inner"
mkdir "$home/db/d"
ok btrfs -q subvolume create "$home/db/d/deep"
fails_with EINVAL --mkdir "$tree/pool/db/snapshots/s"
says "$tree/pool/db/error" "'d/deep'"
ok wr "$tree/pool/db/protect" 0
fails_with ENOTEMPTY "$tree/pool/.remove/db" 1
says "$tree/pool/.error" "'inner'"
fails_with EINVAL "$tree/pool/.create/copy" from=db
ok btrfs -q subvolume delete "$home/db/inner" "$home/db/d/deep"

# held: mounted in another namespace, or open; the kernel would not mind
unshare -m --propagation private sh -c \
	"mkdir '$dir/at' && mount --bind '$home/db' '$dir/at' && exec sleep 1000" & holder=$!
within 20 sh -c "grep -q '$dir/at' /proc/$holder/mountinfo"
fails_with EBUSY "$tree/pool/.remove/db" 1
says "$tree/pool/.error" "pid $holder (sleep), mounted at $dir/at"
kill $holder; wait $holder 2>/dev/null
sleep 1000 <"$home/db/file" & holder=$!
fails_with EBUSY "$tree/pool/.remove/db" 1
says "$tree/pool/.error" "pid $holder (sleep)"
kill $holder; wait $holder 2>/dev/null
is "its data" kept "$(cat "$home/db/file")"

# in use in another namespace: refused as a whole, or attached until it ends
ok wr "$tree/pool/db/mount" 1
unshare -m --propagation private sleep 1000 & holder=$!
within 20 sh -c "[ \$(readlink /proc/$holder/ns/mnt) != \$(readlink /proc/self/ns/mnt) ]"
fails_with EBUSY "$tree/pool/db/unmount" 1
says "$tree/pool/db/error" "pid $holder (sleep)"
is "mounted" 1 "$(cat "$tree/pool/db/mounted")"
is "its data" kept "$(cat "$tree/pool/db/data/file")"
ok wr "$tree/pool/db/unmount" lazy
is "mounted" 0 "$(cat "$tree/pool/db/mounted")"
ok wr "$tree/pool/.refresh" 1
is "attached" 1 "$(cat "$tree/pool/db/attached")"
fails_with EBUSY "$tree/pool/.remove/db" 1
kill $holder; wait $holder 2>/dev/null
ok wr "$tree/pool/.refresh" 1
within 10 has "$tree/pool/db/attached" 0
ok wr "$tree/pool/.remove/db" 1
ok gone "$home/db"

# something else over one, and a record that is no more readable
mount -t tmpfs none "$home/ours"
ok wr "$tree/pool/.refresh" 1
is "state" error "$(cat "$v/state")"
is "condition" failed "$(json "$v/status" .health.condition)"
ok umount "$home/ours"
ok wr "$tree/pool/.refresh" 1
is "state" available "$(cat "$v/state")"
cp "$home/.volfs/volumes/$id.json" saved
echo '{"id": 1' >"$home/.volfs/volumes/$id.json"
ok wr "$tree/pool/.refresh" 1
is "state" error "$(cat "$v/state")"
cp saved "$home/.volfs/volumes/$id.json"
ok wr "$tree/pool/.refresh" 1
is "state" available "$(cat "$v/state")"

# deleted behind volfs: lost, and its record goes
ok wr "$tree/pool/.create/lost" 1
is "records" 2 "$(find "$home/.volfs/volumes" -name '*.json' | wc -l)"
ok btrfs -q subvolume delete "$home/lost"
ok wr "$tree/pool/.refresh" 1
within 40 sh -c "! test -e '$tree/pool/lost' || test \$(cat '$tree/pool/lost/state') = lost"
is "records" 1 "$(find "$home/.volfs/volumes" -name '*.json' | wc -l)"

# a home that is not mounted has not lost its volumes
ok umount "$pool"
mkdir -p "$home"
fails_with EHOSTUNREACH "$tree/pool/.refresh" 1
is "state" available "$(cat "$v/state")"
fails_with EHOSTUNREACH "$tree/pool/.create/new" 1
rmdir "$home"
fails_with EHOSTUNREACH "$tree/pool/.refresh" 1
truncate -s 512M other.img
mkfs.btrfs -q other.img
mount -o loop other.img "$pool" && mkdir "$home"
fails_with EHOSTUNREACH "$tree/pool/.refresh" 1
says "$tree/pool/.error" "another directory than it was"
ok umount "$pool"
ok mount -o loop,nobarrier "$pool.img" "$pool"
ok wr "$tree/pool/.refresh" 1
is "state" available "$(cat "$v/state")"
is "its data" kept "$(cat "$home/ours/file")"
stop
finish
