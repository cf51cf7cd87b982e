# SPDX-License-Identifier: Apache-2.0
# For tests under another kernel: sourced first by each of them, in place of
# tests/lib.sh, which it brings along. The test's line "# guest: ..." has the
# kind of guest and the options of tests/guest/run; the test is run again
# there, as root of a machine that is its own.
#
#	udevd			starts udev's daemon; returns when it has settled
#	qmp COMMAND [JSON]	asks QEMU's monitor; prints what it returns
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

# A port can be open once, so each question has it for itself. What is asked is
# answered under its own id; events that come meanwhile are dropped.
qmp() {
	local id=$BASHPID.$RANDOM line
	(
		flock 9
		exec 8<>/run/guest/qmp || exit 1
		if [ ! -s /run/guest/qmp.lock ]; then
			echo '{"execute":"qmp_capabilities","id":"hello"}' >&8
			qmp_reply hello >/dev/null || exit 1
			echo ready >&9
		fi
		jq -nc --arg id "$id" --arg command "$1" \
			--argjson arguments "${2:-{\}}" \
			'{execute: $command, arguments: $arguments, id: $id}' >&8
		qmp_reply "$id"
	) 9>>/run/guest/qmp.lock
}

qmp_reply() { # qmp_reply ID: from descriptor 8
	local line
	while read -r -t 60 line <&8; do
		[ "$(jq -r '.id // empty' <<<"$line")" = "$1" ] || continue
		jq -ce '.return // empty' <<<"$line" && return
		jq -r '.error.desc // empty' <<<"$line" >&2
		return 1
	done
	echo "QEMU's monitor does not answer" >&2
	return 1
}
