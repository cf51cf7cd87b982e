# SPDX-License-Identifier: Apache-2.0
# kill -9 of the daemon at every step of a job. For tests/tree/crash-*.
#
# A scenario is a list of steps, each one write (or mkdir ...) by wr. It is run
# once unkilled, then once for each fault point: there the daemon is killed as
# soon as it gets to the point, and started again. The caller does what callers
# do: where a job was stored, it asks for the job's result by its id, else it
# writes the line again. Each step's result, and what is there at the end, must
# be what the unkilled run gave; and nothing is doubled, orphaned or left.

# step NAME ARGUMENT-OF-WR...: its result goes to $results.
step() {
	local name=$1 result last newest
	shift
	last=$(newest_job)
	result=$(wr "$@")
	# Its connection ends a moment before it does.
	case $result in
	ENOTCONN|ECONNABORTED) try 5 ended "$pid" ;;
	esac
	if ended "$pid"; then
		kills=$((kills + 1))
		wait "$pid" 2>/dev/null
		pid=
		start || return 1
		newest=$(newest_job)
		if [ "$newest" -gt "$last" ]; then
			result=$(job_result "$newest")
		else
			# Nothing was begun; the caller repeats. What was done
			# without a job is done, so the answer may say that.
			result=$(wr "$@")
			case "$1 $result" in
			"--mkdir EEXIST"|"--rmdir ENOENT"|"--rename ENOENT")
				result=OK ;;
			esac
		fi
	fi
	settle
	echo "$name $result" >>"$results"
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

job_result() {
	try 40 job_is_over "$1" ||
		fail "job $1 hangs: $(cat "$tree/.volfs/jobs/$1/status")"
	json "$tree/.volfs/jobs/$1/status" .errno
}

# mkdir and rmdir answer early: the next step comes when their jobs are over.
# A kill in between is a restart, too.
settle() {
	local i
	for i in 1 2 3; do
		try 40 idle
		ended "$pid" || { within 5 bound; return 0; }
		kills=$((kills + 1))
		wait "$pid" 2>/dev/null
		pid=
		start || return 1
	done
}

# A restarted daemon binds what is mounted again, soon after it answers.
bound() {
	local v
	for v in "$tree"/*/*/mounted; do
		! has "$v" 1 || is_mount "${v%/mounted}/data" || return 1
	done
}

idle() {
	local s
	ended "$pid" && return 0
	for s in "$tree"/*/.status; do
		has_json "$s" '.counts | .jobs_running + .jobs_waiting' 0 ||
			return 1
	done
}

# What is there, without what differs from run to run.
picture() {
	local v s
	for v in "$tree"/*/*/; do
		v=${v%/}
		[ -e "$v/status" ] || continue
		echo "${v#"$tree"/}: $(jq -c '[.state, .size_bytes, .attached, .mounted, .managed, .protect, .source.kind, (.mount.users // [] | map(.name)), (.error // {} | .errno)]' "$v/status")"
		[ "$(cat "$v/mounted")" = 0 ] ||
			echo "  data: $(cat "$v/data/file" 2>&1) $(findmnt -no FSTYPE "$v/data")"
		for s in "$v/snapshots"/*/; do
			[ -e "$s/status" ] || continue
			s=${s%/}
			echo "  ${s##*/}: $(jq -c '[.state, .size_bytes, .protect]' "$s/status")"
		done | sed -E 's/(before-restore|snap)-[0-9a-fTZ:.-]+/before-restore:/' | sort
	done
	echo "loop devices: $(loops | wc -l)"
	echo "private mounts: $(grep -cF "$run/mnt/" /proc/self/mountinfo)"
	echo "images: $(find "$images" -name '*.img' 2>/dev/null | wc -l)"
}

# What is removed after the answer may take a moment.
rubbish() {
	find "$images" \( -name '.new-*' -o -path '*/.deleted/*' \) 2>/dev/null
}
no_rubbish() { [ -z "$(rubbish)" ]; }

# once POINT: the scenario in directories of its own; leaves $results
once() {
	tree=$dir/$1/volumes state=$dir/$1/state run=$dir/$1/run
	images=$state/services/local/volumes
	results=$dir/$1/results
	mkdir -p "$tree"
	kills=0
	start || return 1
	scenario
	settle
	within 15 no_rubbish
	{ cat "$results"; picture; } >"$dir/$1/outcome"
	case $(ls "$state" 2>/dev/null; cat "$dir/config.yml" 2>/dev/null) in
	*sim*) sim_is_clean ;;
	esac
}

# Everything of one run, gone.
away() {
	local cloud
	[ -z "$pid" ] || stop
	for cloud in $(find "$state" -name socket -type s 2>/dev/null); do
		volfs-simcloud --stop "$(dirname "$cloud")"
	done
	umount -l "$tree" 2>/dev/null
	grep -F "$dir/$1/" /proc/self/mountinfo | cut -d ' ' -f 5 |
		sort -r | while read -r m; do umount -l "$m"; done
	loops | while read -r file; do
		losetup -j "$file" | cut -d : -f 1 | xargs -r losetup -d
	done
	rm -rf "${dir:?}/$1"
}

# points PATTERN...: the fault points of the sources that match
points() {
	local p
	for p in $(grep -rhoE 'FAULT_POINT\("[a-z.-]+"\)' "$source_dir/src" \
		"$source_dir/fs" | sed 's/.*("//; s/").*//' | sort -u); do
		for pattern; do
			# shellcheck disable=SC2254
			case $p in $pattern) echo "$p" ;; esac
		done
	done
}

# crash_at PATTERN...: the scenario, unkilled and killed at each such point
crash_at() {
	local p n=0 wanted
	"$build/volfsd" --version | grep -q fault ||
		grep -q VOLFS_FAULT_ONCE "$build/volfsd" ||
		skip "this build has no fault points"
	once unkilled
	wanted=$dir/wanted
	cp "$dir/unkilled/outcome" "$wanted"
	echo "# unkilled:"
	cat "$wanted"
	[ $failures = 0 ] || finish
	away unkilled
	for p in $(points "$@"); do
		n=$((n + 1))
		export VOLFS_FAULT=$p VOLFS_FAULT_ONCE=$dir/once
		rm -f "$dir/once"
		once "$p"
		unset VOLFS_FAULT VOLFS_FAULT_ONCE
		[ -e "$dir/once" ] ||
			fail "the scenario never gets to '$p'"
		diff -u "$wanted" "$dir/$p/outcome" ||
			{ fail "killed at '$p', it ends otherwise"
			  tail -n 20 "$dir/volfsd.log"; }
		: >"$dir/volfsd.log"
		away "$p"
	done
	[ $n -gt 0 ] || fail "no fault point matches '$*'"
	echo "# $n fault points"
}
