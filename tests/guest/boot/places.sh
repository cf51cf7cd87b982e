# SPDX-License-Identifier: Apache-2.0
# Sourced by process 1, uml.sh and qemu.sh: makes the root that the script will
# see. All mounts are made here, from outside of it: inside, /proc, /run and
# the like of the host lie where they belong.
#
#	$host		where the host's files are, "" for /
#	$at		a tmpfs, or a disk, for what is written over them
#	$modules	the kernel's modules, a path of the host
#	$volfs_guest	what run has left for us, a path of the host
#
# Sets $new: the root.

new=$at/root
mkdir -p $at/upper $at/work $new
mount -t overlay -o "lowerdir=$host/,upperdir=$at/upper,workdir=$at/work" root \
	$new || die "no overlay"
mount -t proc proc $new/proc
mount -t sysfs sysfs $new/sys
mount -t devtmpfs dev $new/dev
mkdir -p $new/dev/pts $new/dev/shm $new/lib/modules
mount -t devpts -o ptmxmode=0666 pts $new/dev/pts
mount -t tmpfs -o mode=1777 shm $new/dev/shm
for d in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 \
	 stderr:/proc/self/fd/2; do
	ln -sf "${d#*:}" "$new/dev/${d%%:*}"
done
for d in run tmp mnt var/tmp; do
	mkdir -p $new/$d
	mount -t tmpfs -o mode=1777 none $new/$d || die "no $d"
done
chmod 0755 $new/run $new/mnt
mount -t cgroup2 none $new/sys/fs/cgroup

# The host may be a container; the guest is none.
rm -f $new/.dockerenv

# What may lie below one of these is shown all the same.
mount --bind "$host$modules" $new/lib/modules
while read -r d; do
	mkdir -p "$new$d" && mount --bind "$host$d" "$new$d" || die "no $d"
done <"$host$volfs_guest/shown"
mkdir $new/run/guest && cp "$host$volfs_guest/env" $new/run/guest/env ||
	die "nothing to run"
