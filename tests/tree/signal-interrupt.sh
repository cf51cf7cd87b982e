#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A caller that is interrupted is free within moments, the job goes on, and the
# same line again joins it.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 5s'
start
within 10 has_json "$tree/cloud/.status" .state ok
# What runs in the background may have to ignore SIGINT.
for signal in INT TERM KILL; do
	v=v$signal
	env --default-signal=INT,TERM wr "$tree/cloud/.create/$v" size=1G >wr.out 2>&1 &
	writer=$!
	within 20 test -d "$tree/cloud/$v"
	sleep 0.3
	begin=$(date +%s%N)
	kill -$signal $writer
	wait $writer 2>/dev/null
	took_ms=$((($(date +%s%N) - begin) / 1000000))
	[ $took_ms -lt 2000 ] || fail "SIG$signal frees the caller after $took_ms ms"
	is "state" creating "$(cat "$tree/cloud/$v/state")"
	# Again, the same line: it waits for the same job.
	ok wr "$tree/cloud/.create/$v" size=1G
	is "state" available "$(cat "$tree/cloud/$v/state")"
	is "jobs of $v" 1 "$(wc -l <"$tree/cloud/$v/jobs")"
done
is "create requests" 3 "$(sim GET /admin/counts | jq '.by_op.create')"
sim_is_clean
stop
finish
