#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An rmdir that is answered while the volume's creation still runs: the name is
# gone, and what the creation makes goes, too, although listings lag.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'lag: 2s' 'pending: 1s' 'answerWithin: 0' 'refresh: 200ms'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
sim POST /admin/rules '{"op":"create","action":"delay","ms":500}' >/dev/null
ok mkdir "$c/x"
within 5 has_json "$c/x/status" .job.step create
ok rmdir "$c/x"
for i in $(seq 80); do
	[ ! -e "$c/x" ] || { fail "the removed volume is back after $i tenths"; break; }
	sleep 0.1
done
within 10 has_json "$c/.status" .counts.jobs_running 0
is "what is left at the service" "[]" "$(sim GET /v1/volumes | jq -c '[.volumes[]? | .name]')"
stop
finish
