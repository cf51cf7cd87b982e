#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: qemu -t 600 -m 1024
# NVMe disks, plugged into PCI Express: found by serial and by udev's link,
# formatted, mounted, grown, pulled while mounted; other volumes do not notice.
. "${srcdir:-.}/tests/guest/lib.sh"
plug=$srcdir/tests/guest/disks/nvme
. "$srcdir/tests/guest/disks/life.sh"
modprobe nvme
# QEMU does not resize an NVMe disk in use; disks-scsi.sh grows one.
grow_at_rest=1
disk_start "plugById: 'nvme-*_{serial}'"
other_volume
disk_life ext4 128M 256M
ok wr "$tree/cloud/other/unmount" 1
within 20 eval '! ls /dev/nvme*n*'
stop
finish
