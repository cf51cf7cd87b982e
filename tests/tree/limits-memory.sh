#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Little memory: as much fails as has to, the daemon serves on, and what was
# made is there after a start with more.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  local: {driver: local, size: 32M}
  cloud: {driver: sim, volumes: 3000}
END
for kib in 400000 160000 90000; do
	# The limit is the daemon's alone.
	(ulimit -v $kib; exec "$build/volfsd" -f --config "$dir/config.yml" \
		--state "$state" --run "$run" "$tree" </dev/null \
		>>"$dir/volfsd.log" 2>&1) & pid=$!
	try 10 answers
	if ended "$pid"; then
		# It may refuse to start at all, with a sentence and no signal.
		wait "$pid"
		status=$?
		[ $status -lt 128 ] || fail "with $kib KiB it ends by signal $((status - 128))"
		pid=
		umount -l "$tree" 2>/dev/null
		continue
	fi
	for i in $(seq 10); do
		wr "$tree/local/.create/m$kib-$i" 1 >/dev/null 2>&1
	done
	wr "$tree/local/m$kib-1/mount" 1 >/dev/null 2>&1
	ls -lR "$tree" >/dev/null 2>&1
	kill -0 "$pid" || fail "with $kib KiB the daemon has ended"
	ls "$tree/local" >made.$kib 2>/dev/null
	stop
done
start
within 20 has_json "$tree/cloud/.status" .counts.volumes 3000
cat made.* | sort -u | while read -r v; do
	[ -e "$tree/local/$v/status" ] || echo "$v"
done >lost
is "lost volumes" "" "$(xargs <lost)"
for v in "$tree"/local/*/; do ok wr "$v/unmount" 1; done
is "loop devices left" "" "$(loops)"
stop
finish
