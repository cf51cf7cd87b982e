#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite over the sim driver: each kind of volume, and a cloud
# that is slow, that is behind, and that throttles. Its processes end with the
# directory that they serve.
set -u

suite=${CONFORMANCE:-./tests/conformance}
dir=$(mktemp -d "${TMPDIR:-/tmp}/volfs-sim.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

failed=0
run() { # run [KEY=VALUE...]
	echo "# sim: $*"
	TMPDIR=$dir "$suite" sim "$@" || failed=1
}

run kind=directory
run kind=share pageSize=1
run kind=directory latency=3ms jitter=4ms
if [ "$(id -u)" = 0 ] && [ -w /dev/loop-control ]; then
	run kind=block
	run kind=block pending=30ms
else
	echo "# no root or no loop devices: block volumes are left out"
fi
exit $failed
