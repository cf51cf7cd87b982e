# SPDX-License-Identifier: Apache-2.0
# life FSTYPE: the whole life of a volume of the local driver with that file
# system: create, mount, write, snapshot, restore in place, new volume from the
# snapshot, grow while mounted, unmount, detach, remove. For tests/tree/life-*.

life() {
	local v=$tree/local/db copy=$tree/local/copy before grown

	ok wr "$tree/local/.create/db" "size=512M fstype=$1"
	is "state" available "$(cat "$v/state")"
	is "size" 536870912 "$(cat "$v/size")"
	is "protect of a blank volume" 0 "$(cat "$v/protect")"
	ok wr "$v/mount" 1
	is "mounted" 1 "$(cat "$v/mounted")"
	is "attached" 1 "$(cat "$v/attached")"
	is "protect of a used volume" 1 "$(cat "$v/protect")"
	is "file system" "$1" "$(findmnt -no FSTYPE "$v/data")"
	is "fstype" "$1" "$(cat "$v/fstype")"
	ok test -b "$v/device"
	echo one >"$v/data/file" && sync "$v/data/file"

	# a snapshot, and back to it
	ok mkdir "$v/snapshots/first"
	within 30 has "$v/snapshots/first/state" available
	is "consistency" frozen "$(json "$v/snapshots/first/status" .consistency)"
	echo two >"$v/data/file" && sync "$v/data/file"
	fails_with EBUSY "$v/snapshots/first/restore" 1
	is "data after the refusal" two "$(cat "$v/data/file")"
	ok wr "$v/unmount" 1
	is "mounted" 0 "$(cat "$v/mounted")"
	is "attached" 0 "$(cat "$v/attached")"
	ok wr "$v/snapshots/first/restore" 1
	ok wr "$v/mount" 1
	is "restored data" one "$(cat "$v/data/file")"
	ok sh -c "ls '$v/snapshots' | grep -q '^before-restore-'"

	# a new volume from it, mounted beside the first
	ok wr "$tree/local/.create/copy" "from=db@first"
	ok wr "$copy/mount" 1
	is "the copy's data" one "$(cat "$copy/data/file")"
	is "the copy's file system" "$1" "$(findmnt -no FSTYPE "$copy/data")"
	ok wr "$copy/unmount" 1

	# more room, while it is mounted
	before=$(df --output=size -B1 "$v/data" | tail -n 1)
	grow "$1" "$v"
	is "size" 1073741824 "$(cat "$v/size")"
	grown=$(df --output=size -B1 "$v/data" | tail -n 1)
	[ "$grown" -gt $((before + 400000000)) ] ||
		fail "$1 grew from $before to $grown"
	is "data after growing" one "$(cat "$v/data/file")"

	life_ends
}

grow() {
	local got
	got=$(wr "$2/size" 1G) && return
	if [ "$1" = ext4 ] && ! capsh --has-p=cap_sys_resource 2>/dev/null; then
		is "growing a mounted ext4" EPERM "$got"
		says "$2/error" CAP_SYS_RESOURCE
		is "size after the refusal" 536870912 "$(cat "$2/size")"
		# At rest it grows.
		ok wr "$2/unmount" 1
		ok wr "$2/size" 1G
		ok wr "$2/mount" 1
	else
		fail "growing $1 while mounted: $got: $(cat "$2/error")"
	fi
}

life_ends() {
	local v=$tree/local/db s

	fails_with EBUSY --rmdir "$v"
	ok wr "$v/unmount" 1
	ok gone "$v/device"
	fails_with ENOTEMPTY --rmdir "$v"
	for s in "$v/snapshots"/*; do
		is "protect of $s" 1 "$(cat "$s/protect")"
		fails_with ENOTEMPTY --rmdir "$s"
		ok wr "$s/protect" 0
		ok rmdir "$s"
	done
	within 10 test -z "$(ls "$v/snapshots")"
	fails_with ENOTEMPTY --rmdir "$v"
	ok wr "$v/protect" 0
	ok rmdir "$v"
	ok gone "$v"
	ok wr "$tree/local/copy/protect" 0
	ok wr "$tree/local/.remove/copy" 1
	is "what is left in the service" "" "$(ls "$tree/local")"
	is "loop devices left" "" "$(loops)"
	within 10 test -z "$(find "$images" -name '*.img')"
	is "mounts left" "" "$(grep -F "$run/mnt/" /proc/self/mountinfo)"
}
