#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole life of a volume of the simulated cloud, block and directory, by
# its words.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  cloud: {driver: sim, pending: 100ms}
  dirs: {driver: sim, kind: directory}
END
start
within 10 has_json "$tree/cloud/.status" .state ok
within 10 has_json "$tree/dirs/.status" .state ok
for s in cloud dirs; do
	v=$tree/$s/db
	ok wr "$tree/$s/.create/db" size=512M
	is "state" available "$(cat "$v/state")"
	ok wr "$v/mount" 1
	ok is_mount "$v/data"
	echo one >"$v/data/file" && sync "$v/data/file"
	ok mkdir "$v/snapshots/first"
	within 20 has "$v/snapshots/first/state" available
	ok jq -e '.observed_at >= .created_at' "$v/snapshots/first/status"
	echo two >"$v/data/file" && sync "$v/data/file"
	ok wr "$tree/$s/.create/copy" from=db@first
	ok wr "$tree/$s/copy/mount" 1
	is "the copy's data" one "$(cat "$tree/$s/copy/data/file")"
	ok wr "$v/unmount" 1
	ok wr "$v/snapshots/first/restore" 1
	ok wr "$v/mount" 1
	is "restored data" one "$(cat "$v/data/file")"
	ok wr "$v/unmount" 1
	ok wr "$v/size" 1G
	is "size" 1073741824 "$(cat "$v/size")"
	ok mv "$v" "$tree/$s/renamed"
	within 20 has_json "$tree/$s/renamed/status" .name renamed
	ok gone "$v"
	ok wr "$tree/$s/copy/unmount" 1
	for p in renamed copy; do
		for snapshot in "$tree/$s/$p/snapshots"/*/; do
			[ -d "$snapshot" ] || continue
			ok wr "$snapshot/protect" 0
			ok rmdir "$snapshot"
		done
		within 10 test -z "$(ls "$tree/$s/$p/snapshots")"
		ok wr "$tree/$s/$p/protect" 0
		ok wr "$tree/$s/.remove/$p" 1
	done
	is "what is left" "" "$(ls "$tree/$s")"
	SIM_SERVICE=$s sim_is_clean
done
ok wr "$tree/cloud/.create/here" size=1G
fails_with EXDEV --rename "$tree/cloud/here" "$tree/dirs/there"
ok test -d "$tree/cloud/here"
stop
is "loop devices left" "" "$(loops)"
finish
