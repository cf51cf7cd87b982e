#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml -m 768 -t 420
# The conformance suite over the nfs driver and the kernel's own NFS server:
# with mount.nfs, and what touches content also without it. What is about names
# and many callers is in tests/conformance-nfs.sh: helpers are slow here.
. "${srcdir:-.}/tests/guest/lib.sh" || exit 99
. "$srcdir/tests/guest/nfs-server.sh"
nfs_server

run() { # run OPTION KEY=VALUE...
	echo "# nfs: $*"
	mkdir $export/old && echo kept >$export/old/file
	TMPDIR=$dir "$build/tests/conformance" --import=old "$1" \
		--skip=names --skip="16 threads" \
		nfs server=127.0.0.1 onDelete=delete "${@:2}" >"$dir/tap" 2>&1 ||
		fail "the suite, with $*"
	grep -v '^ok [0-9]* - [^#]*$' "$dir/tap"
	grep -q '^ok ' "$dir/tap" || fail "no check ran"
	! grep -q 'SKIP.*share' "$dir/tap" || fail "content was not looked at"
	rm -rf $export/old
	is "left in the export" "" "$(find $export -mindepth 1 ! -type d)"
}

[ -x /sbin/mount.nfs ] || fail "there is no mount.nfs (nfs-common)"
run --only= path=/
mkdir "$dir/tools"
export VOLFS_TOOL_PATH=$dir/tools
run --only=content path=/ subDir=below/here version=4.1
is "NFS mounts left" "" "$(grep ' - nfs4 ' /proc/self/mountinfo)"
finish
