#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A service that takes requests and does not answer: its .status says so long
# before the listing gives up, with a sentence; and is fine again with the
# answer. One that is only slow goes on as it was.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 0' 'requestTimeout: 40s' 'volumes: 2' 'volumeSize: 64M'
start
c=$tree/cloud
within 10 has_json "$c/.status" .counts.volumes 2
is "state" ok "$(json "$c/.status" .state)"
v=$c/$(ls "$c" | head -n 1)
sim POST /admin/settings '{"silent":"*"}' >/dev/null
ok wr "$c/.refresh" async
within 30 has_json "$c/.status" .state degraded
says "$c/.error" "has not answered for"
is "stale" true "$(json "$c/.status" .stale)"
is "the volume is stale" true "$(json "$v/status" .stale)"
says "$v/status" "does not answer"
is "why" "the service does not answer" "$(json "$c/.status" .stale_reason)"
is "jobs that run" 1 "$(json "$c/.status" .counts.jobs_running)"
fails_with ETIMEDOUT "$c/.refresh" timeout=200ms
says "$c/.error" "refresh 'cloud': no verdict yet"
sim POST /admin/settings '{"silent":""}' >/dev/null
within 60 has_json "$c/.status" .state ok
is "the sentence" "" "$(cat "$c/.error")"
is "stale" false "$(json "$v/status" .stale)"
stop
finish
