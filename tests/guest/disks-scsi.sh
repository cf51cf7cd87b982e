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

# Pulled while the daemon was away: the next one sees it.
id=$(cat "$tree/cloud/other/id") serial=$(serial other)
kill9
ok "$plug" pull "$id" "$serial"
start
within 20 has "$tree/cloud/other/state" error
says "$tree/cloud/other/error" "$serial"
is "mounted" 1 "$(cat "$tree/cloud/other/mounted")"
ok wr "$tree/cloud/other/unmount" 1
is "state" available "$(cat "$tree/cloud/other/state")"
ok wr "$tree/cloud/other/mount" 1
untouched other other
ok wr "$tree/cloud/other/unmount" 1
within 10 eval '! ls /dev/sd*'
stop
finish
