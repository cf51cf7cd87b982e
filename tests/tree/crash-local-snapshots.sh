#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at each step of snapshots, restores, clones and imports of the local
# driver, some of it failing on its own.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/crash.sh"
config <<END
services: {local: {driver: local, size: 64M, answerWithin: 10s}}
END
scenario() {
	local l=$tree/local
	step create "$l/.create/db" 1
	step mount "$l/db/mount" user=web
	echo one >"$l/db/data/file"; sync "$l/db/data/file"
	step snapshot --mkdir "$l/db/snapshots/first"
	step snapshot-again --mkdir "$l/db/snapshots/first"
	echo two >"$l/db/data/file"; sync "$l/db/data/file"
	step restore-mounted "$l/db/snapshots/first/restore" 1
	step unmount "$l/db/unmount" user=web
	step restore "$l/db/snapshots/first/restore" 1
	step clone "$l/.create/copy" from=db@first
	step clone-nothing "$l/.create/none" from=db@absent
	# An unclean ext4, so that fsck has its turn.
	debugfs -w -R 'set_super_value state 0' \
		"$images/copy/data.img" 2>/dev/null
	step mount-copy "$l/copy/mount" 1
	step rmdir-protected --rmdir "$l/db/snapshots/first"
	step unprotect "$l/db/snapshots/first/protect" 0
	step rmdir --rmdir "$l/db/snapshots/first"
	cp --sparse=always "$images/db/data.img" \
		"$images/old.img"
	step import "$l/.import/old.img" name=old
	step import-nothing "$l/.import/absent.img" name=absent
	rm -f "$images/old.img"
}
crash_at 'job.snapshot.*' 'job.snapshot-remove.*' 'job.restore.*' \
	'job.import.*' 'host.freeze.*' 'host.fsck.*' 'local.copy.*' \
	'local.import.*' 'local.restore.*' 'local.snapshot.*'
finish
