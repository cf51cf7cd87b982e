# SPDX-License-Identifier: Apache-2.0
# Sourced after tests/guest/lib.sh: the life of volumes that are real disks. In
# $plug is the program that plugs and pulls them (disks/lio, disks/nvme).

# disk_start [KEY: VALUE]...: a service "cloud" with such volumes
disk_start() {
	udevd || fail "there is no udev"
	sim_config "plug: $plug" "pending: 300ms" "refresh: 1h" \
		"answerTimeout: 5m" "$@"
	start
}

# serial VOLUME: what the cloud promises
serial() {
	tr -d - <"$tree/cloud/$1/id"
}

# pull VOLUME: as a hand does
pull() {
	"$plug" pull "$(cat "$tree/cloud/$1/id")" "$(serial "$1")"
}

# The disk that the tree names is the volume's, by what the disk says of itself.
is_its_disk() {
	is "serial of $1's disk" "$(serial "$1")" \
		"$(udevadm info -q property -n "$(readlink "$tree/cloud/$1/device")" |
			sed -n "s/^${serial_property:-ID_SERIAL_SHORT}=//p")"
}

# found_in_time VOLUME: attaches it, and prints how long after udev's event the
# device was there. The number asked for is 100 ms; what a slow machine takes
# is no failure, but a device that is only found by chance is.
found_in_time() {
	local ms v=$tree/cloud/$1
	rm -f "$dir/listens"
	"$srcdir/tests/guest/disks/found.py" "$v/device" "$dir/listens" >"$dir/ms" &
	within 20 test -e "$dir/listens"
	ok wr "$v/attach" 1
	wait $! || fail "no event of udev's, or no device of '$1'"
	ms=$(cat "$dir/ms")
	echo "found $ms ms after udev's event (100 are allowed)"
	[ "${ms:-99999}" -le 10000 ] || fail "found after $ms ms"
	is_its_disk "$1"
}

# pulled_while_mounted VOLUME: the whole story, told by the tree
pulled_while_mounted() {
	local v=$tree/cloud/$1 device
	device=$(readlink "$v/device")
	is "health before" ok "$(json "$v/status" .health.condition)"
	pull "$1" || fail "it cannot be pulled"
	within 10 has "$v/state" error
	is "health" failed "$(json "$v/status" .health.condition)"
	for said in "$(json "$v/status" .health.message)" "$(cat "$v/error")"; do
		case $said in *"$device"*"$(serial "$1")"*) ;; *)
			fail "the sentence does not say which disk went: '$said'" ;;
		esac
	done
	is "mounted" 1 "$(cat "$v/mounted")"
	# The name may soon be another disk's.
	ok gone "$v/device"
	within 10 grep -q '"event":"device-lost"' "$tree/.volfs/events"
	ok wr "$v/unmount" 1
	is "mounted after the unmount" 0 "$(cat "$v/mounted")"
	ok wr "$v/detach" 1
	is "state after the detach" available "$(cat "$v/state")"
	is "health after the detach" ok "$(json "$v/status" .health.condition)"
}

# untouched VOLUME TEXT
untouched() {
	local v=$tree/cloud/$1
	is "state of $1" attached "$(cat "$v/state")"
	is "health of $1" ok "$(json "$v/status" .health.condition)"
	is "data of $1" "$2" "$(cat "$v/data/file")"
	ok touch "$v/data/touched"
	is_its_disk "$1"
}

at_rest() {
	ok wr "$1/unmount" 1
	ok wr "$1/detach" 1
}

# disk_life FSTYPE SIZE GROWN: grown while it is mounted, unless $grow_at_rest
disk_life() {
	local v=$tree/cloud/$1 before after
	ok wr "$tree/cloud/.create/$1" "size=$2 fstype=$1"
	found_in_time "$1"
	ok wr "$v/mount" 1
	is "file system" "$1" "$(findmnt -no FSTYPE "$v/data")"
	echo "$1" >"$v/data/file" && sync "$v/data/file"
	before=$(df --output=size -B1 "$v/data" | tail -n 1)
	[ -z "${grow_at_rest:-}" ] || at_rest "$v"
	ok wr "$v/size" "$3"
	[ -z "${grow_at_rest:-}" ] || { ok wr "$v/attach" 1; ok wr "$v/mount" 1; }
	after=$(df --output=size -B1 "$v/data" | tail -n 1)
	[ "$after" -gt $((before + 50000000)) ] ||
		fail "$1 grew from $before to $after"
	pulled_while_mounted "$1"
	untouched other other
	# It is plugged again, and all that was written is there.
	ok wr "$v/mount" 1
	is_its_disk "$1"
	is "data of $1" "$1" "$(cat "$v/data/file")"
	at_rest "$v"
	is "disks left of $1" "" "$(find "$state" -path '*/plugged/*' -name "$(cat "$v/id")")"
}

other_volume() {
	ok wr "$tree/cloud/.create/other" "size=64M fstype=ext4"
	ok wr "$tree/cloud/other/mount" 1
	echo other >"$tree/cloud/other/data/file"
}
