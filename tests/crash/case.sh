#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# case.sh SCENARIO MODE POINT[+POINT...] [WANTED]: one scenario of scenarios.sh,
# with the daemon killed at a fault point, and started again; to be killed at
# the next one, where there are more.
#
# MODE is "ok", or "fail": the service refuses the scenario's operation then.
# POINT is a fault point, or "none". What came out of it is compared with the
# file WANTED; without one it is printed. With POINT "none" the points that the
# scenario reaches are put into WANTED.points.
TEST_TIMEOUT=${TEST_TIMEOUT:-180}
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/crash/scenarios.sh"
scenario=$1 mode=$2 point=$3 wanted=${4:-}
result=

points=()
armed=0
[ "$point" = none ] || IFS=+ read -ra points <<<"$point"

# A look reaches a dead tree's cache, reading does not.
answers() {
	! kill -0 "$pid" 2>/dev/null ||
		head -c 1 "$tree/.volfs/status" >/dev/null 2>&1
}

newest_job() {
	{ echo 0; ls "$tree/.volfs/jobs" 2>/dev/null; } | sort -n | tail -n 1
}

job_is_over() {
	case $(json "$tree/.volfs/jobs/$1/status" .state) in
	done|failed|cancelled) return 0 ;;
	esac
	return 1
}

# Idle, or dead.
at_rest() {
	ended "$pid" && return 0
	has_json "$tree/$service/.status" \
		'.counts | .jobs_running + .jobs_waiting' 0
}

# Arms the next of the points.
arm() {
	unset VOLFS_FAULT VOLFS_FAULT_ONCE VOLFS_FAULT_TRACE
	[ "$armed" -lt ${#points[@]} ] || return 0
	export VOLFS_FAULT=${points[armed]} VOLFS_FAULT_ONCE=$dir/killed.$armed
	armed=$((armed + 1))
}

again() {
	wait "$pid" 2>/dev/null
	pid=
	arm
	launch
	within 20 answers
}

# Of what was answered before the verdict, the verdict.
verdict() {
	local errno
	[ -n "${early:-}" ] && [ "$result" = OK ] || return 0
	errno=$(json "$tree/.volfs/jobs/$(newest_job)/status" .errno)
	[ "$errno" = null ] || result=$errno
}

over_or_dead() { ended "$pid" || job_is_over "$1"; }

# act ARGUMENT-OF-WR...: the write whose result the case is about. The caller
# does what callers do: where a job was stored, it asks for the job's result by
# its id, else it writes the line again.
act() {
	local last job
	# Answered early, if the machine is busy.
	case $1 in --*) early=1 ;; esac
	last=$(newest_job)
	result=$(wr "$@" 2>&1)
	within 20 at_rest
	ended "$pid" || verdict
	while ended "$pid"; do
		again
		job=$(newest_job 2>/dev/null)
		if [ "$job" -gt "$last" ]; then
			within 30 over_or_dead "$job"
			result=$(json "$tree/.volfs/jobs/$job/status" .errno)
		else
			result=$(wr "$@" 2>&1)
			within 20 at_rest
			verdict
		fi
		within 20 at_rest
	done
	[ "$point" != none ] || sort -u trace >points
}

# A creation that failed leaves a volume that says so, unless a caller was told.
dismiss() {
	local v
	for v in "$tree/$service"/*/ "$tree/$service"/*/snapshots/*/; do
		[ "$(cat "$v/state" 2>/dev/null)" = error ] && [ ! -s "$v/id" ] ||
			continue
		ok wr --rmdir "${v%/}"
	done
	within 20 at_rest
}

# What is there, without what differs from run to run.
picture() {
	local v s
	for v in "$tree/$service"/*/; do
		v=${v%/}
		[ -e "$v/status" ] || continue
		echo "${v##*/}: $(jq -c '[.state, .size_bytes, .attached, .mounted,
			.managed, .protect, .source.kind, .tags,
			(.mount.users // [] | map(.name)),
			(.error // {} | .errno)]' "$v/status")"
		[ "$(cat "$v/mounted")" = 0 ] ||
			echo "  data: $(findmnt -no FSTYPE "$v/data") $(cat "$v/data/file" 2>/dev/null) $(df --output=size -BM "$v/data" | tail -n 1)"
		for s in "$v/snapshots"/*/; do
			s=${s%/}
			[ -e "$s/status" ] || continue
			echo "  ${s##*/}: $(jq -c '[.state, .size_bytes, .protect]' "$s/status")"
		done
	done | sed 's/before-restore-[0-9TZ:.-]*/before-restore/'
	if [ "$service" = pool ]; then
		subvolumes | sed 's/before-restore-[0-9TZ:.-]*/before-restore/'
		echo "records: $(find "$home/.volfs" -name '*.json' | wc -l)"
	fi
	echo "loop devices: $(loops | wc -l)"
	echo "private mounts: $(grep -cF "$run/mnt/" /proc/self/mountinfo)"
	echo "private directories: $(find "$run/mnt" -mindepth 2 -xdev 2>/dev/null | wc -l)"
	[ ! -d "$dir/share" ] || (cd "$dir/share" && find . ! -path './.volfs/*/*' |
		sed 's/before-restore-[0-9TZ:.-]*/before-restore/' | sort)
	echo "images: $(find "$state/services" -xdev -name "*.img" 2>/dev/null | wc -l)"
}

# What is removed after the answer may take a moment.
no_rubbish() {
	[ "$service" != pool ] || { btrfs_clean; return; }
	[ -z "$(find "$dir/share" \( -path '*/.volfs/new/*' -o -name '.incomplete-*' \
		-o -path '*/.deleted/*' -o -name '.write-*' \) 2>/dev/null)" ] || return 1
	[ -z "$(find "$images" \( -name '.new-*' -o -path '*/.deleted/*' \) 2>/dev/null)" ]
}

configure || finish
start
within 20 has_json "$tree/$service/.status" .state ok
"prepare_$scenario"
within 20 at_rest
stop
arm
[ "$point" != none ] || export VOLFS_FAULT_TRACE=$dir/trace
start
within 20 has_json "$tree/$service/.status" .state ok
[ "$point" != none ] || : >"$dir/trace"
[ "$mode" = ok ] || "refuse_$scenario"
"act_$scenario"
for i in ${!points[@]}; do
	# The answer may be out before the last point is reached.
	try 10 test -e "$dir/killed.$i" ||
		fail "it never gets to '${points[i]}'"
done
[ "$mode" = ok ] || forgive
while ended "$pid"; do again; within 20 at_rest; done
dismiss
[ "$service" = local ] || ok wr "$tree/$service/.refresh" 1
within 20 at_rest
! declare -F "settle_$scenario" >/dev/null || "settle_$scenario"
within 10 no_rubbish
{ echo "result: $result"; picture; } >outcome
[ "$service" != cloud ] || sim_is_clean
if [ "$point" = none ]; then
	[ -z "$wanted" ] || { cp outcome "$wanted"; cp points "$wanted.points"; }
elif [ -n "$wanted" ]; then
	diff -u "$wanted" outcome || fail "killed at '$point' it ends otherwise"
fi
[ -n "$wanted" ] || cat outcome
stop
[ -z "${VOLFS_KEEP_LOG:-}" ] || cp volfsd.log "$VOLFS_KEEP_LOG"
finish
