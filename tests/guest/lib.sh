# SPDX-License-Identifier: Apache-2.0
# For tests under another kernel: sourced first by each of them, in place of
# tests/lib.sh, which it brings along. The test's line "# guest: ..." has the
# kind of guest and the options of tests/guest/run; the test is run again
# there, as root of a machine that is its own.
#
#	udevd			starts udev's daemon; returns when it has settled
#	qmp COMMAND [JSON]	asks QEMU's monitor; prints what it returns (qmp.py)
#
# There is no other cell: $dir is in memory, and all goes with the guest.

if [ -z "${VOLFS_GUEST:-}" ]; then
	# shellcheck disable=SC2046
	exec bash "${srcdir:-.}/tests/guest/run" \
		$(sed -n 's/^# guest: //p' "$0") "$0" "$@"
fi
. "$srcdir/tests/lib.sh"

udevd() {
	mkdir -p /run/udev
	/lib/systemd/systemd-udevd --daemon &&
		udevadm trigger --action=add && udevadm settle -t 60
}

qmp() {
	"$srcdir/tests/guest/qmp.py" "$@"
}
