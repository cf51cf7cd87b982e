#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A second daemon on the same mount point or state directory says so and
# disturbs nothing; with others it lives side by side.
. "${srcdir:-.}/tests/lib.sh"
start
first=$pid
v=$tree/local/db
ok wr "$tree/local/.create/db" size=64M
ok wr "$v/mount" 1
mkdir other
refused() { # refused TEXT OPTION...
	local text=$1
	shift
	timeout 20 "$build/volfsd" -f "$@" >second.out 2>&1 </dev/null
	is "the exit status of a second volfsd" 1 $?
	says second.out "$text"
}
refused "$state" --state "$state" --run "$dir/run2" "$dir/other"
refused "$tree" --state "$dir/state2" --run "$dir/run2" "$tree"
ok kill -0 "$first"
is "the first one's tree" available "$(mkdir "$tree/local/x"; cat "$tree/local/x/state")" ||
	within 20 has "$tree/local/x/state" available
is "its mount" ext4 "$(findmnt -no FSTYPE "$v/data")"
"$build/volfsd" -f --state "$dir/state3" --run "$dir/run3" \
	"$dir/other" >>other.log 2>&1 </dev/null &
other=$!
within 10 test -e other/.volfs/status
is "volumes of the other" "" "$(ls other/local)"
kill -TERM $other; wait $other
stop
finish
