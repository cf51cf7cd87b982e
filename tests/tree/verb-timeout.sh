#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A caller waits until its deadline; the job goes on. cancel stops it.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 2s'
start
within 10 has_json "$tree/cloud/.status" .state ok
fails_with ETIMEDOUT "$tree/cloud/.create/db" "timeout=300ms size=1G"
v=$tree/cloud/db
is "state" creating "$(cat "$v/state")"
job=$(last_job "$v")
says "$v/error" "job $job"
ok gone "$v/id.not-yet"
within 10 has "$v/state" available
ok test -e "$v/id"
is "the job's state" done "$(json "$tree/.volfs/jobs/$job/status" .state)"
is "the job's errno" OK "$(json "$tree/.volfs/jobs/$job/status" .errno)"
is "its line" "timeout=300ms size=1G" "$(json "$tree/.volfs/jobs/$job/status" .line)"
fails_with EINVAL "$tree/cloud/.create/x" "timeout=soon"
# A silent service: cancel ends the job.
sim POST /admin/settings '{"silent":"attach"}' >/dev/null
wr "$v/attach" 1 >wr.out & writer=$!
within 20 has_json "$v/status" .job.verb attach
job=$(last_job "$v")
ok wr "$v/cancel" 1
wait $writer
is "the writer" ECANCELED "$(cat wr.out)"
within 20 has_json "$tree/.volfs/jobs/$job/status" .state cancelled
stop
finish
