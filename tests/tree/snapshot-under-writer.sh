#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A snapshot and growth under a writer that syncs: the copy passes fsck -n,
# and holds a prefix of what was written.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 512M}}
END
start
cat >writer.py <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while os.path.exists("writing"):
    os.write(fd, b"%09d\n" % n)
    os.fsync(fd)
    n += 1
END
numbers() { seq -f %09.0f 0 $(($1 - 1)); }
for fs in ext4 xfs btrfs; do
	v=$tree/local/$fs copy=$tree/local/copy-$fs
	ok wr "$tree/local/.create/$fs" fstype=$fs
	ok wr "$v/mount" 1
	touch writing
	python3 writer.py "$v/data/numbers" & writer=$!
	within 10 test -s "$v/data/numbers"
	sleep 0.5
	before=$(wc -l <"$v/data/numbers")
	ok mkdir "$v/snapshots/one"
	within 30 has "$v/snapshots/one/state" available
	[ $fs = ext4 ] || ok wr "$v/size" 768M
	sleep 0.3
	rm writing
	wait $writer || fail "the writer failed"

	ok wr "$tree/local/.create/copy-$fs" "from=$fs@one"
	ok wr "$copy/attach" 1
	device=$(readlink "$copy/device")
	# xfs leaves its log to be replayed by the next mount.
	case $fs in
	ext4) ok e2fsck -fn "$device" ;;
	btrfs) ok btrfs check --readonly "$device" ;;
	esac
	ok wr "$copy/mount" 1
	n=$(wc -l <"$copy/data/numbers")
	[ "$n" -ge "$before" ] || fail "$fs: the copy has $n lines, not the $before that were synced"
	numbers "$n" | cmp - "$copy/data/numbers" ||
		fail "$fs: the copy is no prefix of what was written"
	numbers "$(wc -l <"$v/data/numbers")" | cmp - "$v/data/numbers" ||
		fail "$fs: the volume lost writes"
	ok wr "$copy/unmount" keep
	[ $fs != xfs ] || ok xfs_repair -n "$device"
	ok wr "$copy/detach" 1
done
stop
finish
