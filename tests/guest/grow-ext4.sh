#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml
# ext4 grows while it is mounted and written to: what a kernel refuses where
# CAP_SYS_RESOURCE is missing, so here it runs for certain.
. "${srcdir:-.}/tests/guest/lib.sh"
start
v=$tree/local/db
ok wr "$tree/local/.create/db" "size=128M fstype=ext4"
ok wr "$v/mount" 1
is "file system" ext4 "$(findmnt -no FSTYPE "$v/data")"
before=$(df --output=size -B1 "$v/data" | tail -n 1)

# A writer that goes on while the file system grows, twice.
(
	i=0
	while [ ! -e "$dir/enough" ]; do
		i=$((i + 1))
		echo $i >"$v/data/n$((i % 100))" && sync "$v/data/n$((i % 100))" || exit 1
	done
	echo $i >"$dir/written"
) &
writer=$!
within 10 test -e "$v/data/n9"
for size in 256M 512M; do
	ok wr "$v/size" $size
	is "mounted" 1 "$(cat "$v/mounted")"
done
touch "$dir/enough"
wait $writer || fail "the writer met an error"
[ "$(cat "$dir/written")" -ge 9 ] || fail "nothing was written meanwhile"
is "size" 536870912 "$(cat "$v/size")"
after=$(df --output=size -B1 "$v/data" | tail -n 1)
[ "$after" -gt $((before + 350000000)) ] || fail "it grew from $before to $after"
# The new room can be used: this is more than there was.
ok dd if=/dev/zero of="$v/data/big" bs=1M count=150 status=none conv=fsync
ok rm "$v/data/big"
ok wr "$v/unmount" 1
image=$(find "$images" -name '*.img')
is "size of the image" 536870912 "$(stat -c %s "$image")"
said=$(fsck.ext4 -fn "$image" 2>&1) || fail "fsck.ext4 -fn: $said"
ok wr "$v/mount" 1
is "last line written" "$(cat "$dir/written")" \
	"$(sort -n "$v"/data/n* | tail -n 1)"
ok wr "$v/unmount" 1
stop
is "loop devices left" "" "$(loops)"
finish
