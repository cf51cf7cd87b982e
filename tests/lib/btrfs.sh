# SPDX-License-Identifier: Apache-2.0
# For tests of the btrfs driver: sourced after lib.sh.
#
#	btrfs_pool [NAME [SIZE]]	a btrfs mounted at $dir/NAME ("pool"), with
#			an empty directory NAME/home; sets $pool and $home
#	subvolumes	what subvolumes $pool has, one path a line
#	btrfs_clean	nothing unfinished lies in $home

need mkfs.btrfs btrfs

btrfs_pool() {
	pool=$dir/${1:-pool}
	home=$pool/home
	truncate -s "${2:-1G}" "$pool.img"
	mkdir "$pool"
	ok mkfs.btrfs -q "$pool.img"
	# What the image holds need not outlive this machine.
	ok mount -o loop,nobarrier "$pool.img" "$pool"
	mkdir "$home"
}

subvolumes() {
	btrfs subvolume list "$pool" | sed 's/.* path //' | sort
}

btrfs_clean() {
	[ -z "$(find "$home" -maxdepth 3 -name '.volfs-new-*')" ] &&
		[ -z "$(find "$home/.volfs" -name '*.new')" ]
}
