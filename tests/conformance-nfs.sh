#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite over the nfs driver, on directories that stand for a
# share that the machine mounts itself ("mountedAt"): all of the driver but the
# mounting, which tests/guest does with a real server. In a mount namespace of
# its own, so that nothing stays mounted, however this ends.
set -u

suite=${CONFORMANCE:-./tests/conformance}
if [ "$(id -u)" != 0 ] || ! unshare -m --propagation private true 2>/dev/null; then
	echo "1..0 # SKIP root and a mount namespace are needed"
	exit 77
fi
if [ -z "${CONFORMANCE_UNSHARED:-}" ]; then
	CONFORMANCE_UNSHARED=1 exec unshare -m --propagation private "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/volfs-nfs.XXXXXX") || exit 1
mounted=
finish() {
	for m in $mounted; do umount "$m"; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

failed=0
run() { # run WHERE SHARE [KEY=VALUE...]
	where=$1 share=$2
	shift 2
	echo "# nfs on $where: $*"
	mkdir "$share/old" && echo kept >"$share/old/file" || exit 1
	TMPDIR=$dir "$suite" --import=old nfs mountedAt="$share" \
		onDelete=delete "$@" || failed=1
	left=$(find "$share" -mindepth 1 ! -type d ! -path '*/lost+found/*')
	if [ -n "$left" ]; then
		echo "# left behind: $left"
		failed=1
	fi
}

# No reflinks and extended attributes on the first, both on the second.
for type in ext4 btrfs; do
	truncate -s 1G "$dir/$type.img"
	mkdir "$dir/$type"
	if ! mkfs.$type -q "$dir/$type.img" >"$dir/mkfs.log" 2>&1 ||
	   ! mount -o loop "$dir/$type.img" "$dir/$type"; then
		echo "# nfs on $type: not possible here"
		cat "$dir/mkfs.log"
		failed=1
		continue
	fi
	mounted="$mounted $dir/$type"
	run "$type" "$dir/$type"
done
exit $failed
