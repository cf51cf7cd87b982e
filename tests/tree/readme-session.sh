#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The session of the README: each command works as typed, one after the other.
. "${srcdir:-.}/tests/lib.sh"
start
n=0
while IFS= read -r line; do
	case $line in
	*/volumes*|volctl*) ;;
	*) continue ;;
	esac
	n=$((n + 1))
	timeout 60 bash -c "${line//\/volumes/$tree}" >command.out 2>&1 </dev/null ||
		fail "'$line': $(head -n 3 command.out)"
	[ "$line" != "volctl down" ] || break
done < <(sed -n 's/^    \([^ ]\)/\1/p' "$source_dir/README")
[ $n -ge 14 ] || fail "only $n commands are found"
within 20 ended "$pid"
pid=
is "loop devices left" "" "$(loops)"
finish
