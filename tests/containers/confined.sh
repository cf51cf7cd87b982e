# SPDX-License-Identifier: Apache-2.0
# For the tests of confinement, sourced after lib.sh: a tree with neighbours
# that nobody may touch, and what tells whether somebody did.

canary=$dir/canary.img

# local/db is handed out (volume_make); local/elsewhere (mounted, with a snapshot),
# cloud/theirs and the files of the host are not.
confined_start() {
	config <<-END
	services:
	  local: {driver: local, size: 64M}
	  cloud: {driver: sim, volumes: 0}
	END
	start
	within 10 has_json "$tree/cloud/.status" .state ok
	truncate -s 1M "$canary"
	local v
	for v in local/elsewhere cloud/theirs; do
		ok wr "$tree/${v%/*}/.create/${v#*/}" size=64M
		ok wr "$tree/$v/mount" 1
		ok sh -c "echo secret >'$tree/$v/data/secret'"
		ok mkdir "$tree/$v/snapshots/kept"
		within 20 has "$tree/$v/snapshots/kept/state" available
		# What is measured is all there is: a later refresh sees no more.
		ok sync -f "$tree/$v/data"
		ok wr "$tree/${v%/*}/.refresh" 1
		within 20 has_json "$tree/$v/status" .usage.used_inodes 12
	done
	neighbour_device=$(stat -c %Hr:%Lr "$(readlink "$tree/local/elsewhere/device")")
	# Node numbers of what is not handed out.
	mapfile -t inodes < <(stat -c %i "$tree" "$tree/.volfs" \
		"$tree"/.volfs/{events,config,mounts,devices,status,reload} \
		"$tree/cloud" "$tree/cloud/.create" "$tree/cloud/theirs" \
		"$tree/cloud/theirs"/{mount,status} \
		"$tree/local/.remove" "$tree/local/.by-id" \
		"$tree/local/elsewhere"/{,mount,status,snapshots,snapshots/kept})
}

volume_make() {
	ok wr "$tree/local/.create/$1" size=64M
}

volume_end() {
	local v=$tree/local/$1 s
	wr "$v/unmount" force >/dev/null
	wr "$v/detach" 1 >/dev/null
	for s in "$v"/snapshots/*/; do
		[ -d "$s" ] || continue
		ok wr "$s/protect" 0
		ok rmdir "$s"
	done
	ok wr "$v/protect" 0
	ok wr "$tree/local/.remove/$1" 1
}

# Everything that can be seen of them, but for when it was seen.
neighbours() { # neighbours [SERVICE]: those of that service alone
	local v f
	for v in "$tree"/${1:-*}/*/; do
		[ "$v" != "$tree/local/db/" ] || continue
		echo "== $v $(stat -c '%A %u %g %s' "$v")"
		find "$v" -path '*/data/*' -prune -o -print | sort | while read -r f; do
			echo "-- $f $(stat -c '%A %u %g' "$f")"
			[ ! -f "$f" ] || sed -E \
				's/"(observed_at|stale|stale_reason)":[^,}]*//g' "$f"
		done
		cat "$v/data/secret" 2>&1
	done
	cat "$canary" | sha256sum
	ls "$tree" "$state" "$state/services"
}

events_mark() { tail -n 1 "$tree/.volfs/events" | jq .seq; }

# only_these WHO SEQ CONDITION: every event since then, and every job, is of
# what was handed out.
only_these() {
	local n strange
	n=$(jq -s "map(select(.seq > $2)) | length" "$tree/.volfs/events")
	strange=$(jq -c "select(.seq > $2 and .volume != null) |
		select(($3) | not)" "$tree/.volfs/events")
	is "$1: events elsewhere" "" "$(head -n 5 <<<"$strange")"
	[ "$n" -gt 0 ] || fail "$1: no event at all"
	saw "$1: $n events of what was handed out, none of anything else"
}

# attack_ended WHO LOG
attack_ended() {
	is "$1: what got out" "" "$(grep -E '^(ESCAPED|CONTROL)' "$2" | head -n 20)"
	grep -q '^tried [0-9]* things' "$2" || fail "$1: it ended early: $(tail -n 3 "$2")"
	saw "$1: $(grep '^tried' "$2" | paste -sd';')"
}
