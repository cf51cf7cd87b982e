#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# With a service of 30 s latency that is being asked, the 99th percentile of
# stat and of reading a status stays within 1.5 of the same tree at rest.
TEST_TIMEOUT=300
. "${srcdir:-.}/tests/lib.sh"
# Two daemons with the same volumes, one at rest, one whose cloud is slow.
daemon() { # daemon NAME
	tree=$dir/$1 state=$dir/state-$1 run=$dir/run-$1
	mkdir -p "$tree"
	config <<END
services:
  cloud: {driver: sim, volumes: 1000, volumeSize: 64M, refresh: 1h, requestTimeout: 10m}
END
	start
	within 30 has_json "$tree/cloud/.status" .counts.volumes 1000
}
daemon idle
idle_pid=$pid
daemon busy
sim POST /admin/settings '{"latency_ms":"30000"}' >/dev/null
(while :; do wr "$tree/cloud/.refresh" 1; sleep 0.2; done) >asker.log 2>&1 & asker=$!
for i in 1 2 3 4; do wr "$tree/cloud/.create/n$i" "async size=64M" >/dev/null; done
sleep 1
# What slows it does so every time; other work on the machine does not.
for try in 1 2 3; do
	p99 "$dir/idle/cloud" "$dir/busy/cloud" 1000 150 && break
	[ $try -lt 3 ] || fail "reading is slowed"
done
kill $asker
[ "$(ls "$dir/busy/cloud" | wc -l)" -ge 1004 ] || fail "the creates are not listed"
stop 40
pid=$idle_pid
stop
finish
