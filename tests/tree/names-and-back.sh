#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mv there and back, both answered before the slow service has done the first:
# the last name that was promised is there all the time.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 1h' 'answerWithin: 0'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
ok wr "$c/.create/a" size=64M
sim POST /admin/rules '{"op":"rename","action":"delay","ms":1000}' >/dev/null
ok mv "$c/a" "$c/b"
ok mv "$c/b" "$c/a"
for i in $(seq 30); do
	is "names" a "$(ls "$c" | xargs)" || break
	sleep 0.1
done
within 10 has_json "$c/.status" .counts.jobs_running 0
is "name at the service" a "$(sim GET /v1/volumes | jq -r '.volumes[].name')"
stop
finish
