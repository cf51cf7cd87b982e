#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml -t 400 -m 1024
# SCSI disks: found by serial and by udev's link, formatted, mounted, grown,
# pulled while mounted; other volumes do not notice.
. "${srcdir:-.}/tests/guest/lib.sh"
plug=$srcdir/tests/guest/disks/lio serial_property=ID_SCSI_SERIAL
. "$srcdir/tests/guest/disks/life.sh"
disk_start "plugById: 'scsi-36001405*'"
other_volume
disk_life ext4 128M 256M
disk_life xfs 300M 500M
disk_life btrfs 128M 256M
ok wr "$tree/cloud/other/unmount" 1
within 10 eval '! ls /dev/sd*'
stop
finish
