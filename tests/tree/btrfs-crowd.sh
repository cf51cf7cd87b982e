#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Much at once for the btrfs driver: a thousand snapshots are listed, and one of
# them restored; forty volumes are made side by side; restores, snapshots and
# copies of several volumes meet, with writers in them; a helper that somebody's
# lock holds up harms no other volume.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
need python3
btrfs_pool
config <<END
services: {pool: {driver: btrfs, home: $home, refresh: 0, answerWithin: 5s}}
END
start
within 10 has_json "$tree/pool/.status" .state ok
v=$tree/pool/db
ok wr "$tree/pool/.create/db" 1
mkdir -p "$home/.snapshots/db"
python3 -c '
import fcntl, os, struct, sys
volume, at = sys.argv[1:]
source, parent = os.open(volume, os.O_RDONLY), os.open(at, os.O_RDONLY)
for n in range(1, 1001):
    with open(volume + "/file", "w") as f:
        f.write("%d\n" % n)
    # BTRFS_IOC_SNAP_CREATE_V2, BTRFS_SUBVOL_RDONLY
    fcntl.ioctl(parent, 0x50009417, bytearray(struct.pack("qQQ32x4040s",
        source, 0, 2, b"s%d" % n)))
' "$home/db" "$home/.snapshots/db" || fail "no thousand snapshots"
ok wr "$tree/pool/.refresh" 1
within 20 has_json "$tree/pool/.status" .counts.snapshots 1000
is "snapshots" 1000 "$(ls "$v/snapshots" | wc -l)"
fails_with ENOTEMPTY --rmdir "$v"
ok wr "$v/snapshots/s500/restore" 1
is "restored data" 500 "$(cat "$home/db/file")"
is "snapshots" 1001 "$(ls "$v/snapshots" | wc -l)"
ok wr "$v/snapshots/s7/protect" 0
ok rmdir "$v/snapshots/s7"
ok gone "$home/.snapshots/db/s7"

# forty at once
for n in $(seq 40); do
	wr "$tree/pool/.create/v$n" 1 >"made.$n" 2>&1 &
	made[n]=$!
done
wait "${made[@]}"
is "failed creates" "" "$(cat made.* | grep -vx OK)"
is "volumes" 41 "$(ls "$tree/pool" | wc -l)"

# all kinds at once, of volumes that are written to and of others
for n in 1 2 3 4; do
	ok wr "$tree/pool/v$n/mount" 1
	(while echo "$n" >>"$tree/pool/v$n/data/log" 2>/dev/null; do :; done) & writers[n]=$!
	echo before >"$home/v1$n/file"
	ok mkdir "$tree/pool/v1$n/snapshots/first"
	echo after >"$home/v1$n/file"
done
for n in 1 2 3 4; do
	wr --mkdir "$tree/pool/v$n/snapshots/live" >"done.a$n" 2>&1 & many[n]=$!
	wr "$tree/pool/v1$n/snapshots/first/restore" 1 >"done.b$n" 2>&1 & many[10 + n]=$!
	wr "$tree/pool/.create/copy$n" "from=v$n" >"done.c$n" 2>&1 & many[20 + n]=$!
	wr "$tree/pool/.refresh" 1 >"done.d$n" 2>&1 & many[30 + n]=$!
done
wait "${many[@]}"
kill "${writers[@]}"; wait "${writers[@]}" 2>/dev/null
is "failures" "" "$(cat done.* | grep -vx OK)"
for n in 1 2 3 4; do
	within 20 has "$tree/pool/v$n/snapshots/live/state" available
	is "restored data of v1$n" before "$(cat "$home/v1$n/file")"
	# A snapshot holds the beginning of what was written, whole lines of it.
	is "other lines in the snapshot of v$n" "" "$(sort -u "$home/.snapshots/v$n/live/log" | grep -vx "$n")"
	ok wr "$tree/pool/v$n/unmount" 1
done

# one is held up, by a lock as a helper of another volfsd would have it
wr "$tree/pool/v20/tags" held=1 >held & held=$!
wait $held
exec 8<>"$home/.volfs/lock"
python3 -c '
import fcntl, struct, sys
h = 0xcbf29ce484222325
for c in sys.argv[1].encode():
    h = ((h ^ c) * 0x100000001b3) & (2**64 - 1)
fcntl.fcntl(8, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, h >> 2, 1, 0))
' "$(cat "$tree/pool/v20/id")" || fail "no lock"
fails_with ETIMEDOUT "$tree/pool/v20/set" "timeout=300ms tags=held=2"
ok wr "$tree/pool/v21/tags" free=1
ok wr "$tree/pool/.refresh" 1
exec 8>&-
within 20 has "$tree/pool/v20/tags" held=2
within 10 btrfs_clean
stop
finish
