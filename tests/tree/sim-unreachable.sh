#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A service that does not answer: its tree is shown as it was known, marked
# stale, also after a restart; reading it waits for nothing.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'volumes: 3' 'volumeSize: 64M' 'refresh: 1s' 'requestTimeout: 2s'
start
within 10 has_json "$tree/cloud/.status" .counts.volumes 3
ok wr "$tree/cloud/.create/db" size=64M
sim POST /admin/settings '{"silent":"*"}' >/dev/null
ok wr "$tree/cloud/.refresh" async
job=$tree/.volfs/jobs/$(ls "$tree/.volfs/jobs" | sort -n | tail -n 1)
ok ls -lRa "$tree"
within 20 has_json "$tree/cloud/.status" .state unreachable
# What the kernel has cached is what it is told after a read: else tar says
# that the file changed.
within 20 has_json "$job/status" .state failed
for f in "$tree/cloud/.refresh" "$job/cancel"; do
	before=$(stat -c '%X %Z' "$f")
	ok cat "$f"
	is "times of $f after a read" "$before" "$(stat -c '%X %Z' "$f")"
done
is "stale" true "$(json "$tree/cloud/db/status" .stale)"
isnt "the sentence" "" "$(cat "$tree/cloud/.error")"
got=$(wr "$tree/cloud/.refresh" "timeout=8s") && fail "a refresh of a silent service succeeds"
case $got in EHOSTUNREACH|ETIMEDOUT) ;; *) fail "a refresh: $got" ;; esac
stop
start
ok timeout 2 ls -l "$tree/cloud"
is "volumes known from before" 4 "$(ls "$tree/cloud" | wc -l)"
is "stale" true "$(json "$tree/cloud/db/status" .stale)"
ok timeout 2 cat "$tree"/cloud/*/status
# Other services do not mind.
ok wr "$tree/local/.create/x" size=64M
sim POST /admin/settings '{"silent":""}' >/dev/null
ok wr "$tree/cloud/.refresh" 1
within 20 has_json "$tree/cloud/.status" .state ok
within 20 has_json "$tree/cloud/db/status" .stale false
stop
finish
