#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sizes of the btrfs driver, simple and classic: the kernel keeps the limit, it
# grows while mounted and never shrinks, usage is the volume's, quota groups of
# deleted subvolumes go; and a way of counting that the file system does not have
# is refused with a sentence.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool one
one=$home
btrfs_pool two
two=$home
config <<END
services:
  one: {driver: btrfs, home: $one, quota: simple, refresh: 0, size: 64M}
  two: {driver: btrfs, home: $two, quota: classic, refresh: 0, size: 64M}
  both: {driver: btrfs, home: $one, quota: classic, refresh: 0}
END
start
limits() { # limits NAME
	pool=$dir/$1
	local v=$tree/$1/db n

	within 10 has_json "$tree/$1/.status" .state ok
	# Looking turns nothing on.
	is "groups before the first volume" "" "$(ls -d /sys/fs/btrfs/"$(findmnt -no UUID "$pool")"/qgroups 2>/dev/null)"
	fails_with EINVAL "$tree/$1/.create/tiny" size=1000
	ok wr "$tree/$1/.create/db" size=33000000
	is "size, rounded up" 33001472 "$(cat "$v/size")"
	ok wr "$v/mount" 1
	n=$(dd if=/dev/urandom of="$v/data/big" bs=1M count=64 2>&1)
	case $n in
	*"quota exceeded"*) ;;
	*) fail "$1: no limit: $n" ;;
	esac
	sync -f "$v/data"
	[ "$(stat -c %s "$v/data/big")" -le 33001472 ] || fail "$1: it is too big"
	ok wr "$tree/$1/.refresh" 1
	# Measured again before long: at first it is what the mount found.
	within 10 has_json "$v/status" '.usage | .scope == "volume" and
		.total_bytes == 33001472 and .used_bytes > 20000000' true
	# More, mounted.
	fails_with EINVAL "$v/size" 16M
	ok wr "$v/size" 128M
	is "size" 134217728 "$(cat "$v/size")"
	ok dd if=/dev/urandom of="$v/data/more" bs=1M count=40 status=none
	# At the limit, what is there can be removed.
	dd if=/dev/urandom of="$v/data/rest" bs=1M count=200 2>/dev/null
	ok rm "$v/data/rest"
	sync -f "$v/data"
	# A snapshot has the size; a copy cannot be smaller, and is as limited.
	ok mkdir "$v/snapshots/s"
	within 20 has "$v/snapshots/s/state" available
	is "size of the snapshot" 134217728 "$(cat "$v/snapshots/s/size")"
	fails_with EINVAL "$tree/$1/.create/small" "from=db@s size=64M"
	ok wr "$tree/$1/.create/copy" "from=db@s"
	is "size of the copy" 134217728 "$(cat "$tree/$1/copy/size")"
	ok wr "$v/unmount" 1
	ok wr "$v/snapshots/s/restore" 1
	is "size after a restore" 134217728 "$(cat "$v/size")"
	ok wr "$v/mount" 1
	ok wr "$v/unmount" 1
	fails_with EINVAL "$tree/$1/copy/size" 1M
	# The groups go with what they counted.
	for s in "$v/snapshots"/*; do
		ok wr "$s/protect" 0
		ok rmdir "$s"
	done
	for n in db copy; do
		ok wr "$tree/$1/$n/protect" 0
		ok wr "$tree/$1/.remove/$n" 1
	done
	ok btrfs subvolume sync "$pool"
	within 20 no_groups "$1"
}
no_groups() {
	wr "$tree/$1/.refresh" 1 >/dev/null
	[ -z "$(ls "$dir/$1/home/.volfs/groups")" ] &&
		[ -z "$(find /sys/fs/btrfs/"$(findmnt -no UUID "$dir/$1")"/qgroups -name '0_[1-9]*' ! -name 0_5)" ]
}
limits one
limits two
# Two ways of counting cannot be had.
fails_with EINVAL "$tree/both/.create/db" size=64M
says "$tree/both/.error" "quota: simple"
is "what is left" "" "$(ls "$tree/both")"
stop
finish
