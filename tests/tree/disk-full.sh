#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A full disk under the local driver: creates and growth are refused below the
# floor, what is there goes on, and removing makes room.
. "${srcdir:-.}/tests/lib.sh"
truncate -s 200M small.img
ok mkfs.ext4 -q small.img
mkdir -p small && ok mount -o loop small.img small
config <<END
services:
  local: {driver: local, path: $dir/small/volumes, size: 32M, answerWithin: 10s}
END
start
s=$tree/local
ok wr "$s/.create/db" 1
ok wr "$s/.create/idle" 1
ok wr "$s/db/mount" 1
echo kept >"$s/db/data/file" && sync "$s/db/data/file"
# Almost everything is gone.
fallocate -l "$(($(df --output=avail -B1 small | tail -n 1) - 4000000))" small/fill ||
	fail "filling the disk"
fails_with ENOSPC "$s/.create/more" 1
says "$s/.error" minFree
ok gone "$s/more"
fails_with ENOSPC "$s/idle/size" 10G
is "size" 33554432 "$(cat "$s/idle/size")"
fails_with ENOSPC --mkdir "$s/db/snapshots/one"
is "the data" kept "$(cat "$s/db/data/file")"
ok wr "$s/db/unmount" 1
ok wr "$s/db/protect" 0
ok wr "$s/.remove/db" 1
rm small/fill
ok wr "$s/.create/more" 1
is "state" available "$(cat "$s/more/state")"
stop
ok umount small
finish
