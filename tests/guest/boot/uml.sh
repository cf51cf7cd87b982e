#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Process 1 of user-mode Linux, on the host's own files, read-only. Makes a
# root that can be written to, goes there, and hands over to inside.sh.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
modules=/usr/lib/uml/modules

die() {
	echo "guest: $*"
	busybox poweroff -f
}

# On /sys, where no host keeps anything that is wanted here.
host='' at=/sys
mount -t tmpfs -o mode=0755 none $at || die "no tmpfs"
busybox insmod "$(echo $modules/*/kernel/fs/overlayfs/overlay.ko)" ||
	die "no overlay"
. "$(dirname "$0")/places.sh"
cd $new && pivot_root . mnt && umount -l mnt || die "no new root"
ln -s /dev/tty1 /run/guest/out
ln -s /dev/tty2 /run/guest/verdict
busybox stty -F /dev/tty1 -opost
busybox stty -F /dev/tty2 -opost
exec bash "${0%/*}/inside.sh"
