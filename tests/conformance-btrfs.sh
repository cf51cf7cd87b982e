#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite over the btrfs driver: without quotas, with simple and
# with classic ones, each on a file system of its own. In namespaces of its own,
# so that nothing stays mounted, however this ends, and a removal looks at few
# processes.
set -u

suite=${CONFORMANCE:-./tests/conformance}
[ "$(id -u)" = 0 ] || { echo "1..0 # skipped: not root"; exit 77; }
if [ -z "${CONFORMANCE_UNSHARED:-}" ]; then
	CONFORMANCE_UNSHARED=1 exec unshare -m --propagation private \
		-p -f --kill-child --mount-proc "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/volfs-btrfs.XXXXXX") || exit 1
mounted=
finish() {
	for m in $mounted; do umount "$m"; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

failed=0
pids=
prepare() { # prepare QUOTA
	truncate -s 1G "$dir/$1.img"
	mkdir "$dir/$1"
	if ! mkfs.btrfs -q "$dir/$1.img" >"$dir/log" 2>&1 ||
	   ! mount -o loop,nobarrier "$dir/$1.img" "$dir/$1" 2>>"$dir/log"; then
		echo "# no btrfs here"
		cat "$dir/log"
		exit 1
	fi
	mounted="$mounted $dir/$1"
	mkdir "$dir/$1/home" "$dir/$1/home/old"
	btrfs -q subvolume create "$dir/$1/home/old/db" || exit 1
}

run() { # run QUOTA
	failed=0
	echo "# btrfs, quota $1"
	TMPDIR=$dir "$suite" --import=old/db btrfs home="$dir/$1/home" \
		quota="$1" || failed=1
	left=$(cd "$dir/$1/home" && find . -mindepth 1 ! -path ./.volfs \
		! -path ./.volfs/volumes ! -path ./.volfs/snapshots \
		! -path ./.volfs/groups ! -path './.volfs/groups/*' \
		! -path ./.volfs/lock ! -path ./.snapshots ! -path ./old)
	if [ -n "$left" ]; then
		echo "# left behind: $left"
		failed=1
	fi
	left=$(btrfs subvolume list "$dir/$1")
	if [ -n "$left" ]; then
		echo "# subvolumes left behind: $left"
		failed=1
	fi
	return $failed
}

for quota in off simple classic; do
	prepare $quota
done
for quota in off simple classic; do
	run $quota >"$dir/$quota.tap" 2>&1 &
	pids="$pids $quota:$!"
done
for one in $pids; do
	wait "${one#*:}" || failed=1
	cat "$dir/${one%:*}.tap"
done
exit $failed
