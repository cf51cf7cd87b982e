#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at each step of making, attaching, mounting, growing, renaming and
# removing volumes of the local driver, some of it failing on its own.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/crash.sh"
config <<END
services: {local: {driver: local, size: 128M, fstype: btrfs, answerWithin: 10s}}
END
scenario() {
	local l=$tree/local
	step create "$l/.create/db" 1
	step create-again "$l/.create/db" 1
	step create-other "$l/.create/db" size=256M
	step mkdir --mkdir "$l/dir"
	step attach "$l/dir/attach" 1
	step detach "$l/dir/detach" 1
	step mount "$l/db/mount" user=web
	echo kept >"$l/db/data/file"; sync "$l/db/data/file"
	step grow-mounted "$l/db/size" 256M
	step mount-second "$l/db/mount" user=batch
	step unmount "$l/db/unmount" user=batch
	step rmdir-mounted --rmdir "$l/db"
	step rename --rename "$l/dir" "$l/moved"
	step grow-detached "$l/moved/size" 256M
	step shrink "$l/moved/size" 1M
	# What nobody may format: the mount's job fails.
	step create-full "$l/.create/full" fstype=ext4
	printf x | dd of="$images/full/data.img" bs=1 seek=99999 \
		conv=notrunc status=none
	step mount-full "$l/full/mount" 1
	step mount-fsck "$l/full/mount" overwrite=full
	echo full >"$l/full/data/file"; sync "$l/full/data/file"
	step unmount-full "$l/full/unmount" 1
	step remove-protected "$l/.remove/full" 1
	step unprotect "$l/full/protect" 0
	step remove "$l/.remove/full" 1
	step rmdir --rmdir "$l/moved"
	step unprotect-moved "$l/moved/protect" 0
	step rmdir-moved --rmdir "$l/moved"
}
crash_at 'job.before-*' 'job.after-*' 'job.result-*' 'job.create.*' 'job.attach.*' \
	'job.detach.*' 'job.mount.*' 'job.unmount.*' 'job.set.*' \
	'job.rename.*' 'job.remove.*' 'host.bind.*' 'host.grow.*' \
	'host.loop.*' 'host.mkfs.*' 'host.mount.*' 'host.umount.*' \
	'local.create.*' 'local.discard.*' 'local.making.*' 'local.meta.*' \
	'local.modify.*' 'local.purge.*' 'local.rename.*'
finish
