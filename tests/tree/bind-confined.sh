#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One volume's directory, bind-mounted into a namespace, is a control plane
# for that volume alone.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
ok wr "$tree/local/.create/mine" 1
ok wr "$tree/local/.create/other" 1
v=$tree/local/mine
mkdir root
ok mount --make-shared "$tree"
cat >inside.sh <<END
mount --rbind $v $dir/root && mount --make-rslave $dir/root || exit 10
cd $dir/root || exit 11
umount -l $tree || exit 12
echo 1 > attach && [ "\$(cat attached)" = 1 ] || exit 13
mkdir snapshots/one || exit 14
[ -e ../other ] && [ ! -e $tree/local/other ] && exit 15
ls $dir/root/../local 2>/dev/null && exit 16
echo 1 > mount || exit 17
[ "\$(cat mounted)" = 1 ] || exit 18
mountpoint -q data || exit 19
echo hello > data/file || exit 20
umount data 2>/dev/null
echo from=other > set 2>/dev/null && exit 21
exit 0
END
unshare -m --propagation slave sh inside.sh
is "the exit status inside" 0 $?
is "the data" hello "$(cat "$v/data/file")"
is "the neighbour" 0 "$(cat "$tree/local/other/attached")"
stop
finish
