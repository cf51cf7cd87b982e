#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# volctl down unmounts in order and ends the daemon; nothing is left.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
for v in a b; do
	ok wr "$tree/local/.create/$v" 1
	ok wr "$tree/local/$v/mount" 1
done
sleep 1000 <"$tree/local/a/data" & holder=$!
volctl down >down.out 2>&1 </dev/null && fail "down succeeds with a busy volume"
says down.out "stay mounted, the first is local/a: EBUSY; the daemon goes on"
ok kill -0 "$pid"
kill $holder; wait $holder 2>/dev/null
ok volctl down
within 20 ended $pid
pid=
is "loop devices left" "" "$(loops)"
is "mounts left" "" "$(grep -F "$dir/" /proc/self/mountinfo)"
finish
