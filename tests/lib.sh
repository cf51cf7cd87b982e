# SPDX-License-Identifier: Apache-2.0
# For tests through a real mount (tests/tree): sourced first by each of them.
#
# The test is run again in a cell (tests/lib/cell.c): a directory, mounts and
# processes of its own, all of which are gone when it ends, however it ends.
# There it starts daemons and looks at what their trees do:
#
#	config <<END ... END	the configuration; without it there is none
#	start [OPTION...]	starts volfsd; returns when the tree answers
#	stop, kill9		SIGTERM, SIGKILL; return when it has ended
#	ok COMMAND...		the command succeeds
#	fails_with ERRNO ARG...	"wr ARG..." (tests/lib/wr.c) ends with that errno
#	is WHAT WANTED GOT	two texts are equal
#	json FILE FILTER	jq -r FILTER
#	says FILE TEXT		the file has that text
#	within SECONDS COMMAND...	the command succeeds before long
#	skip REASON		what the kernel or the machine refuses
#	finish			the end: the exit status says how it went
#
# $dir, $tree, $state, $run, $images: the cell's directory, and the daemon's. A failure
# is counted and the test goes on; the daemon's log is shown then.

set -u
export LC_ALL=C.UTF-8
# The leak checker stops its process to look at it, which a cell does not allow.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
build=${VOLFS_BUILD:-$PWD}
source_dir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd) || exit 99
export VOLFS_BUILD=$build srcdir=$source_dir
PATH=$build:$build/tests/lib:$PATH:/usr/sbin:/sbin

skip() {
	echo "SKIP: $*"
	[ -z "${VOLFS_NO_SKIP:-}" ] || { echo "nothing is to be skipped here"; exit 1; }
	exit 77
}

# The second try of a line that only this kernel refuses: not a failure where
# nothing else may be skipped. Known: growing a mounted ext4.
refused_by_kernel() {
	echo "SKIP: $*"
	exit 77
}

need() { # need PROGRAM...
	local p
	for p; do
		command -v "$p" >/dev/null || skip "there is no '$p'"
	done
}

if [ -z "${VOLFS_CELL:-}" ]; then
	[ "$(id -u)" = 0 ] || skip "a mount needs root"
	[ -c /dev/fuse ] || skip "there is no /dev/fuse"
	[ -c /dev/loop-control ] || skip "there are no loop devices"
	need jq bash
	for program in volfsd tests/lib/cell tests/lib/wr; do
		[ -x "$build/$program" ] ||
			{ echo "no '$build/$program': make check builds it"; exit 99; }
	done
	exec "$build/tests/lib/cell" -t "${TEST_TIMEOUT:-300}" bash "$0" "$@"
fi

dir=$VOLFS_CELL
tree=$dir/volumes
state=$dir/state
run=$dir/run
# Where the service "local" has its images, unless it is told otherwise.
images=$state/services/local/volumes
pid=
failures=0
finished=
export VOLFS_TREE=$tree
unset VOLFS_FAULT VOLFS_FAULT_ONCE
cd "$dir" && mkdir -p "$tree" || exit 99
# No configuration is none, whatever this machine has.
export HOME=$dir
for there in /etc/volfs /etc/rexray; do
	[ ! -d $there ] || mount -t tmpfs none $there || exit 99
done

fail() {
	failures=$((failures + 1))
	echo "FAILED: $* (line ${BASH_LINENO[-2]:-?} of ${0##*/})"
}

at_exit() {
	[ -n "$finished" ] || { echo "FAILED: the test ended early"; exit 1; }
}
trap at_exit EXIT

finish() {
	finished=1
	if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
		fail "volfsd is gone, and nobody stopped it"
	fi
	if grep -lE 'AddressSanitizer|ThreadSanitizer|runtime error:|LeakSanitizer|ERROR SUMMARY: [1-9]' \
	   "$dir"/*.log 2>/dev/null; then
		fail "a sanitizer has something to say"
	fi
	[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
	exit 0
}

ok() {
	local said status
	said=$("$@" 2>&1)
	status=$?
	[ $status = 0 ] && return 0
	fail "'$*' ended with $status: $said"
	return 1
}

fails_with() {
	local wanted=$1 got
	shift
	got=$(wr "$@" 2>&1)
	[ "$got" = "$wanted" ] && return 0
	fail "'wr $*' ended with '$got', not '$wanted'"
	return 1
}

is() {
	[ "$2" = "$3" ] && return 0
	fail "$1 is '$3', not '$2'"
	return 1
}

# isnt WHAT UNWANTED GOT
isnt() {
	[ "$2" != "$3" ] && return 0
	fail "$1 is '$3'"
	return 1
}

json() {
	jq -r "$2" "$1" 2>&1
}

says() {
	grep -qF -e "$2" "$1" && return 0
	fail "'$1' says '$(head -c 400 "$1" 2>&1)', and not '$2'"
	return 1
}

# try SECONDS COMMAND...: again and again; the command's last status.
try() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

within() {
	try "$@" && return 0
	fail "not within $1 s: '${*:2}'"
	return 1
}

# For try and within: a value file, a key of a JSON file.
has() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
has_json() { [ "$(jq -r "$2" "$1" 2>/dev/null)" = "$3" ]; }
gone() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
is_mount() { mountpoint -q "$1"; }

# ---- the daemon ----

config() {
	cat >"$dir/config.yml"
}

# One that does not wait; for failures of the start itself. Leaves the log.
launch() {
	local given=()
	[ ! -e "$dir/config.yml" ] || given=(--config "$dir/config.yml")
	${VOLFSD_UNDER:-} "$build/volfsd" -f "${given[@]}" --state "$state" \
		--run "$run" "$@" "$tree" </dev/null >>"$dir/volfsd.log" 2>&1 &
	pid=$!
}

# Asked of the daemon itself: the kernel remembers a dead one's files.
answers() {
	ended "$pid" || [ -n "$(timeout 5 jq ".pid | select(. > 0)" \
		"$tree/.volfs/status" 2>/dev/null)" ]
}

start() {
	launch "$@"
	within 20 answers
	kill -0 "$pid" 2>/dev/null || {
		pid=
		fail "volfsd does not start: $(tail -n 5 "$dir/volfsd.log")"
		finish
	}
}

stop() {
	local was=$pid
	[ -n "$pid" ] || return 0
	pid=
	kill -TERM "$was"
	within "${1:-20}" ended "$was"
	wait "$was" 2>/dev/null
}

kill9() {
	local was=$pid
	pid=
	kill -KILL "$was"
	wait "$was" 2>/dev/null
}

ended() {
	! kill -0 "$1" 2>/dev/null ||
		[ "$(sed -n 's/^State:[ \t]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" = Z ]
}

# The number of the job that runs or ran last on a volume's directory.
last_job() {
	tail -n 1 "$1/jobs" | cut -d ' ' -f 1
}

# ---- the simulated cloud ----

# sim_config [KEY: VALUE]...: a service "cloud", with quick jobs.
sim_config() {
	local line
	{
		echo "services:"
		echo "  local: {driver: local}"
		echo "  cloud:"
		echo "    driver: sim"
		for line; do echo "    $line"; done
	} | config
}

# sim METHOD PATH [BODY]: asks the cloud behind the service "cloud" itself.
sim() {
	local at
	at=$(find "$state" -name socket -type s -path "*/services/${SIM_SERVICE:-cloud}/*" | head -n 1)
	# The path of a socket may be too long for its address.
	cd "$(dirname "$at")" && curl -sS --max-time 30 --unix-socket socket \
		-X "$1" ${3:+-d "$3"} "http://cloud$2"
	local status=$?
	cd "$dir" || exit 99
	return $status
}

sim_requests() {
	sim GET /admin/counts | jq .requests
}

# Doubles and orphans: in the cloud's own books.
sim_is_clean() {
	is "doubles and orphans of the cloud" '{"doubles":{},"orphans":{}}' \
		"$(sim GET /admin/strays | jq -c .)"
}

# ---- what is on this machine ----

# Loop devices on files below the cell's directory, one file a line.
loops() {
	cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -F "$dir/" | sort
}
