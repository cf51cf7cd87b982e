#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the daemon at any instant under a mixed load on both drivers, again
# and again (VOLFS_STORM_KILLS, 40 times). At the end every job has a result,
# every volume of the service is one volume of the tree and the other way round,
# nothing is doubled, orphaned or left, and what a file system was told to keep
# is there.
TEST_TIMEOUT=${TEST_TIMEOUT:-600}
. "${srcdir:-.}/tests/lib.sh"
kills=${VOLFS_STORM_KILLS:-40}
RANDOM=${VOLFS_STORM_SEED:-$$}
echo "# seed ${VOLFS_STORM_SEED:-$$}, $kills kills"
config <<END
services:
  local: {driver: local, size: 16M, refresh: 1s}
  cloud: {driver: sim, size: 16M, refresh: 1s, latency: 5ms, jitter: 10ms,
          pending: 30ms, answerWithin: 10ms, parallel: 8}
END

# Not a look, which a dead tree's cache answers.
answers() {
	! kill -0 "$pid" 2>/dev/null ||
		head -c 1 "$tree/.volfs/status" >/dev/null 2>&1
}

# worker SERVICE N: one user's volume, through its life, whatever fails.
worker() {
	local s=$tree/$1 v=$tree/$1/v$2 n=0
	while [ ! -e enough ]; do
		n=$((n + 1))
		until head -c 1 "$s/.status"; do sleep 0.05; done
		wr "$s/.create/v$2" size=16M
		wr "$v/mount" 1
		if mountpoint -q "$v/data"; then
			echo "$n" >"$v/data/new" && sync "$v/data/new" &&
				mv "$v/data/new" "$v/data/kept" &&
				sync "$v/data" && echo "$n" >"kept.$1.$2"
		fi
		wr --mkdir "$v/snapshots/s$n"
		wr "$v/tags" "round=$n"
		wr "$v/unmount" 1
		wr "$v/snapshots/s$n/protect" 0
		wr --rmdir "$v/snapshots/s$n"
		if [ $((n % 4)) = 0 ]; then
			wr --rename "$v" "$s/w$2"
			wr --rename "$s/w$2" "$v"
			wr "$s/.create/copy$2" "from=v$2"
			wr "$s/copy$2/protect" 0
			wr --rmdir "$s/copy$2"
		fi
	done >/dev/null 2>&1
}

start
for service in local cloud; do
	within 20 has_json "$tree/$service/.status" .state ok
done
workers=()
for service in local cloud; do
	for i in 1 2 3; do
		worker $service $i & workers+=($!)
	done
done
for ((i = 0; i < kills; i++)); do
	sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
	kill9 2>/dev/null
	start
done
touch enough
for w in "${workers[@]}"; do
	try 60 ended "$w" || { fail "a worker hangs"; kill -9 "$w"; }
done

# ---- what is there ----

rest() {
	has_json "$tree/local/.status" '.counts | .jobs_running + .jobs_waiting' 0 &&
		has_json "$tree/cloud/.status" \
			'.counts | .jobs_running + .jobs_waiting' 0
}
within 60 rest
for j in "$tree"/.volfs/jobs/*/status; do
	case $(json "$j" .state) in
	done|failed|cancelled) ;;
	*) fail "a job has no end: $(cat "$j")" ;;
	esac
done
for service in local cloud; do
	ok wr "$tree/$service/.refresh" 1
	within 30 rest
	for v in "$tree/$service"/*/; do
		v=${v%/}
		name=${v##*/}
		case $(cat "$v/state") in
		available|attached) ;;
		error)
			[ ! -s "$v/id" ] || fail "$service/$name: state error: $(cat "$v/error")"
			# That, the user was told: he dismisses it.
			ok wr --rmdir "$v"
			continue ;;
		*) fail "$service/$name: state $(cat "$v/state")" ;;
		esac
		is "$service/$name mounted" "$(cat "$v/mounted")" \
			"$(mountpoint -q "$v/data" && echo 1 || echo 0)"
	done
	# A rename that a kill cut short may have left it with its other name,
	# and its user with a new one of the old name.
	for i in 1 2 3; do
		[ -e "kept.$service.$i" ] || continue
		newest=0
		for v in "$tree/$service"/[vw]$i; do
			[ -d "$v" ] || continue
			ok wr "$v/mount" 1
			n=$(cat "$v/data/kept" 2>/dev/null) || continue
			[ "$n" -le "$newest" ] || newest=$n
		done
		[ "$newest" -ge "$(cat "kept.$service.$i")" ] ||
			fail "$service/v$i lost what was synced: $newest < $(cat "kept.$service.$i")"
	done
done
for v in "$tree"/*/*/; do
	[ "$(cat "$v/mounted")" = 0 ] || ok wr "${v}unmount" force
	[ "$(cat "$v/attached")" = 0 ] || ok wr "${v}detach" 1
done
within 60 rest
twice=$(ls "$tree/local" "$tree/cloud" | grep -E '@|^vol-|^lv-')
[ -z "$twice" ] || fail "there twice: $twice"
is "snapshots under their ids" "" \
	"$(ls -d "$tree"/*/*/snapshots/{snap-,ls-}* 2>/dev/null)"
is "volumes that the cloud has" \
	"$(sim GET '/v1/volumes?limit=1000' | jq -r '.volumes[].name' | sort | xargs)" \
	"$(ls "$tree/cloud" | xargs)"
sim_is_clean
is "images" "$(ls "$tree/local" | wc -l)" \
	"$(find "$images" -mindepth 2 -maxdepth 2 -name data.img 2>/dev/null | wc -l)"
is "loop devices" "" "$(loops)"
is "private mounts" 0 "$(grep -cF "$run/mnt/" /proc/self/mountinfo)"
is "half-made things" "" \
	"$(find "$images" \( -name '.new-*' -o -path '*/.deleted/*' \) 2>/dev/null)"
echo "# $(ls "$tree/.volfs/jobs" | wc -l) jobs; rounds: $(cat kept.* | xargs)"
stop
finish
