#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A superblock that is lost or damaged: never formatted again; EUCLEAN says
# what to do; overwrite=NAME does it.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
s=$tree/local
for v in zeroed damaged full; do ok wr "$s/.create/$v" 1; done
for v in zeroed damaged; do
	ok wr "$s/$v/mount" 1
	echo kept >"$s/$v/data/file"
	ok wr "$s/$v/unmount" 1
done
ok dd if=/dev/zero of="$images/zeroed/data.img" bs=1M count=1 conv=notrunc status=none
printf '\377\377\377\377' | dd of="$images/damaged/data.img" bs=1 seek=1100 conv=notrunc status=none
# Not ours, and not empty: no file system is known there.
printf secret | dd of="$images/full/data.img" bs=1 seek=500000 conv=notrunc status=none
for v in zeroed damaged full; do
	before=$(sha256sum <"$images/$v/data.img")
	fails_with EUCLEAN "$s/$v/mount" 1
	[ $v = damaged ] || says "$s/$v/error" "overwrite=$v"
	says "$s/$v/error" fsck
	says "$s/$v/error" "detached again: echo 1 > $v/attach"
	is "the image of $v" "$before" "$(sha256sum <"$images/$v/data.img")"
	fails_with EINVAL "$s/$v/mount" overwrite=other
	is "the image of $v" "$before" "$(sha256sum <"$images/$v/data.img")"
done
# The device that such a sentence names is gone with the mount that failed;
# the way to it, which the sentence tells, works.
is "attached" 0 "$(cat "$s/damaged/attached")"
ok wr "$s/damaged/attach" 1
e2fsck -fy "$(readlink "$s/damaged/device")" >fsck.out 2>&1
[ $? -le 1 ] || fail "e2fsck: $(tail -n 3 fsck.out)"
ok wr "$s/damaged/mount" 1
is "the data" kept "$(cat "$s/damaged/data/file")"
is "the sentence" "" "$(cat "$s/damaged/error")"
ok wr "$s/full/mount" overwrite=full
is "data" ext4 "$(findmnt -no FSTYPE "$s/full/data")"
stop
finish
