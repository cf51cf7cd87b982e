#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at each step of a job on the simulated cloud, half of the jobs
# failing at the service: no double and no orphan in its own books.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/crash.sh"
sim_config 'pending: 100ms' 'size: 64M' 'answerWithin: 10s'
rule() { # rule OPERATION ACTION
	sim DELETE /admin/rules >/dev/null
	[ $# = 0 ] || sim POST /admin/rules \
		"{\"op\":\"$1\",\"action\":\"$2\",\"status\":409,\"code\":\"Conflict\"}" >/dev/null
}
scenario() {
	local c=$tree/cloud
	within 10 has_json "$c/.status" .state ok
	step create "$c/.create/db" size=64M
	rule create fail
	step create-fails "$c/.create/bad" size=64M
	rule
	step attach "$c/db/attach" 1
	rule detach fail
	step detach-fails "$c/db/detach" 1
	rule
	step mount "$c/db/mount" 1
	echo one >"$c/db/data/file"; sync "$c/db/data/file"
	rule snapshot fail
	step snapshot-fails --mkdir "$c/db/snapshots/bad"
	rule
	# Whoever was not there for the verdict finds it in the tree.
	[ ! -d "$c/db/snapshots/bad" ] ||
		{ has "$c/db/snapshots/bad/state" error && rmdir "$c/db/snapshots/bad"; }
	step snapshot --mkdir "$c/db/snapshots/first"
	step unmount "$c/db/unmount" 1
	step detach "$c/db/detach" 1
	rule modify fail
	step grow-fails "$c/db/size" 128M
	rule
	step grow "$c/db/size" 128M
	rule attach fail
	step attach-fails "$c/db/attach" 1
	rule restore fail
	step restore-fails "$c/db/snapshots/first/restore" 1
	rule
	step restore "$c/db/snapshots/first/restore" 1
	step clone "$c/.create/copy" from=db@first
	step unprotect "$c/copy/protect" 0
	rule remove fail
	step remove-fails "$c/.remove/copy" 1
	rule
	step remove "$c/.remove/copy" 1
}
crash_at 'job.before-*' 'job.after-*' 'job.result-*' 'job.create.*' 'job.attach.*' \
	'job.detach.*' 'job.mount.*' 'job.unmount.*' 'job.snapshot.*' \
	'job.restore.*' 'job.remove.*' 'job.set.before-call' 'job.set.called'
finish
