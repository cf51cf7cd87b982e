#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite over the local driver: in the temporary directory, and
# (as root) on file systems without and with reflinks. In a mount namespace of
# its own, so that nothing stays mounted, however this ends.
set -u

suite=${CONFORMANCE:-./tests/conformance}
if [ "$(id -u)" = 0 ] && [ -z "${CONFORMANCE_UNSHARED:-}" ] &&
   unshare -m --propagation private true 2>/dev/null; then
	CONFORMANCE_UNSHARED=1 exec unshare -m --propagation private "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/volfs-local.XXXXXX") || exit 1
mounted=
finish() {
	for m in $mounted; do umount "$m"; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

failed=0
run() { # run WHERE PATH [KEY=VALUE...]
	where=$1 path=$2
	shift 2
	echo "# local on $where: $*"
	mkdir -p "$path" && truncate -s 64M "$path/old.img" || exit 1
	TMPDIR=$dir "$suite" --import=old.img local path="$path" "$@" ||
		failed=1
	left=$(find "$path" -mindepth 1 ! -name .deleted)
	if [ -n "$left" ]; then
		echo "# left behind: $left"
		failed=1
	fi
}

run "the temporary directory" "$dir/plain"
run "the temporary directory" "$dir/thick" thick=true overcommit=1000

if [ -n "${CONFORMANCE_UNSHARED:-}" ]; then
	for type in ext4 xfs btrfs; do
		image=$dir/$type.img
		truncate -s 2G "$image"
		mkdir -p "$dir/$type"
		if ! mkfs.$type -q "$image" >"$dir/mkfs.log" 2>&1 ||
		   ! mount -o loop "$image" "$dir/$type"; then
			echo "# local on $type: not possible here"
			cat "$dir/mkfs.log"
			failed=1
			continue
		fi
		mounted="$mounted $dir/$type"
		run "$type" "$dir/$type/volumes"
	done
else
	echo "# not root: ext4, xfs and btrfs are left out"
fi
exit $failed
