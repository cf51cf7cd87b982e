#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# auto mounts again after a reboot; what was mounted without it is not.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
for v in with without; do
	ok wr "$tree/local/.create/$v" 1
	ok wr "$tree/local/$v/mount" user=web
done
ok wr "$tree/local/with/auto" 1
stop
# A reboot, as far as a test can: nothing is mounted, nothing runs, /run is empty.
umount -l "$tree"
for m in $(grep -F "$run/" /proc/self/mountinfo | cut -d ' ' -f 5); do umount "$m"; done
for l in /sys/block/loop*/loop; do
	case $(cat "$l/backing_file" 2>/dev/null) in
	"$dir"/*) losetup -d "/dev/$(basename "$(dirname "$l")")" ;;
	esac
done
rm -rf "$run"
start
within 10 has "$tree/local/with/mounted" 1
within 10 is_mount "$tree/local/with/data"
ok wr "$tree/local/with/unmount" 1
is "mounted, unmounted as anything is" 0 "$(cat "$tree/local/with/mounted")"
within 20 has "$tree/local/without/mounted" 0
is "attached" 0 "$(cat "$tree/local/without/attached")"
ok wr "$tree/local/without/mount" 1
stop
finish
