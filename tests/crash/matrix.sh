#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the daemon at every fault point that a scenario reaches, with the
# service doing what it is asked, and refusing it (scenarios.sh, case.sh). Each
# case has a cell of its own; four run at a time. The points that every job
# comes by are taken together: the next kill when the job is carried on.
#
#	matrix.sh [SCENARIO...]
TEST_TIMEOUT=${TEST_TIMEOUT:-1800}
. "${srcdir:-.}/tests/lib.sh"
grep -q VOLFS_FAULT_TRACE "$build/volfsd" || skip "this build has no fault points"
# The cells of the cases lie in ours, so what is left of them goes with it.
export TMPDIR=$dir
at_once=${VOLFS_CRASH_JOBS:-4}
mkdir wanted logs

scenarios=$*
[ -n "$scenarios" ] || scenarios=$(sed -n 's/^act_\(.*\)() {.*/\1/p' \
	"$source_dir/tests/crash/scenarios.sh")

# one SCENARIO MODE POINT: a line of the result.
one() {
	local log=$dir/logs/$1.$2.$3 began=$SECONDS
	if env -u VOLFS_CELL bash "$source_dir/tests/crash/case.sh" "$1" "$2" \
		"$3" "$dir/wanted/$1.$2" >"$log" 2>&1; then
		echo "ok   $1 $2 $3"
		rm -f "$log"
	else
		echo "FAIL $1 $2 $3"
	fi
}
export -f one
export dir source_dir

run() { # of lines SCENARIO MODE POINT
	xargs -P "$at_once" -L 1 bash -c 'one "$@"' one | tee -a results
}

for s in $scenarios; do
	echo "$s ok none"
	grep -q "^refuse_$s()" "$source_dir/tests/crash/scenarios.sh" &&
		echo "$s fail none"
done | run

together=(
	job.after-admission+job.before-run+job.before-result+job.result-stored
	job.before-admission+job.after-result
)
for w in wanted/*.points; do
	[ -e "$w" ] || continue
	# What every job comes by is the same for each driver.
	case $w in wanted/nfs_*)
		w=${w#wanted/}
		w=${w%.points}
		grep '^nfs\.' "wanted/$w.points" | sed "s/^/${w%.*} ${w##*.} /"
		continue ;;
	esac
	w=${w#wanted/}
	w=${w%.points}
	case $w in
	btrfs_*)
		grep '^btrfs\.' "wanted/$w.points" |
			sed "s/^/${w%.*} ${w##*.} /"
		continue ;;
	esac
	{
		printf '%s\n' "${together[@]}"
		grep -vxF "$(tr + '\n' <<<"${together[*]// /+}" | tr ' ' '\n')" \
			"wanted/$w.points"
	} | sed "s/^/${w%.*} ${w##*.} /"
done | run

# No point is left out.
if [ $# = 0 ]; then
	for p in $(grep -rhoE 'FAULT_POINT\("[^"]*"\)' "$source_dir/src" \
		"$source_dir/fs" | sed 's/.*("//; s/").*//' | sort -u); do
		grep -qE "[ +]$p([ +]|\$)" results || fail "no scenario gets to '$p'"
	done
fi
while read -r s mode point; do
	fail "$s, $mode, killed at $point"
	grep -v '^----' "logs/$s.$mode.$point" | head -n 60
done < <(sed -n 's/^FAIL //p' results)
echo "$(grep -c ^ok results) of $(wc -l <results) cases pass"
finish
