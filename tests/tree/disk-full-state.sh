#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A full disk under the state directory: reading goes on, a create is refused
# with its sentence, unmount, detach and delete still work.
. "${srcdir:-.}/tests/lib.sh"
truncate -s 64M small.img
ok mkfs.ext4 -q small.img
mkdir -p small && ok mount -o loop small.img small
state=$dir/small/state
config <<END
services: {local: {driver: local, path: $dir/images, size: 32M}}
END
start
s=$tree/local
ok wr "$s/.create/db" 1
ok wr "$s/db/mount" 1
cat /dev/zero >small/fill 2>/dev/null
sync -f small
ok cat "$s/db/status" "$tree/.volfs/status"
got=$(wr "$s/.create/more" 1)
[ "$got" = ENOSPC ] || [ "$got" = OK ] || fail "a create on a full disk: $got"
ok wr "$s/db/unmount" 1
ok wr "$s/db/protect" 0
ok wr "$s/.remove/db" 1
ok gone "$s/db"
rm small/fill
ok wr "$s/.create/later" 1
stop
ok umount small
finish
