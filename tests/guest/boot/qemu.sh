#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# /init of the guest in QEMU: busybox and a few modules. Finds the host's files
# through 9p, makes a root of them, goes there, and hands over to inside.sh.
export PATH=/bin
/bin/busybox --install -s /bin

die() {
	echo "guest: $*"
	/bin/busybox poweroff -f
}

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
while read -r m; do
	insmod "/modules/$m" || die "no $m"
done </modules/order
host=/host at=/new modules=$volfs_modules
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro \
	host $host || die "no files of the host"
if [ -n "$volfs_reboots" ]; then
	mount -t ext4 /dev/vda $at || die "no disk"
else
	mount -t tmpfs -o mode=0755 none $at || die "no tmpfs"
fi
. "/places.sh"

# The ports by their names; a port can be open once.
for p in /sys/class/virtio-ports/*; do
	[ ! -s "$p/name" ] ||
		ln -s "/dev/${p##*/}" "$new/run/guest/$(cat "$p/name")"
done
umount /proc /sys
cd /
if [ -n "$volfs_systemd" ]; then
	# What this machine starts and mounts by itself is left alone.
	# fstab is the script's own once it has run.
	[ -e $at/booted ] || { : >$new/etc/fstab && : >$at/booted; } ||
		die "no fstab"
	mkdir -p $new/run/systemd/system &&
		cat >$new/run/systemd/system/guest.target <<-END &&
		[Unit]
		Requires=sysinit.target guest.service
		Wants=dbus.socket
		After=sysinit.target
		END
		cat >$new/run/systemd/system/guest.service <<-END || die "no unit"
		[Unit]
		After=sysinit.target
		[Service]
		ExecStart=/bin/bash "$volfs_inside"
		KillMode=process
		END
	exec switch_root $new /lib/systemd/systemd
fi
exec switch_root $new /bin/bash "$volfs_inside"
