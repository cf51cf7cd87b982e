#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Out of file descriptors: what cannot be done says so, nothing is lost, and
# the daemon serves on.
. "${srcdir:-.}/tests/lib.sh"
sim_config
ulimit -n 64
start
within 10 has_json "$tree/cloud/.status" .state ok
pids=()
for i in $(seq 30); do
	wr "$tree/local/.create/v$i" size=32M >"said.$i" 2>&1 & pids+=($!)
	wr "$tree/cloud/.create/c$i" size=1G >"said.c$i" 2>&1 & pids+=($!)
done
for p in "${pids[@]}"; do wait "$p"; done
for i in $(seq 8); do
	wr "$tree/local/v$i/mount" 1 >>mounts.said 2>&1 & pids+=($!)
done
for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
kill -0 "$pid" || fail "the daemon has ended"
for i in $(seq 30); do
	# Either it is there, or its writer was told.
	[ -e "$tree/local/v$i/id" ] || grep -q '^E' "said.$i" ||
		fail "v$i is lost: $(cat "said.$i")"
	[ -e "$tree/cloud/c$i/id" ] || grep -q '^E' "said.c$i" ||
		fail "c$i is lost: $(cat "said.c$i")"
done
ok ls -lR "$tree/local" "$tree/cloud"
ok wr "$tree/local/.create/after" size=32M
ok wr "$tree/local/after/mount" 1
ok touch "$tree/local/after/data/f"
for v in "$tree"/local/*; do ok wr "$v/unmount" 1; done
is "loop devices left" "" "$(loops)"
sim_is_clean
stop
finish
