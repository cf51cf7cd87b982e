#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Forty shells that create forty volumes do not queue: verbs of a second each
# are done in little more than one. Two writers of one file both succeed.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 1s' 'parallel: 64'
start
within 10 has_json "$tree/cloud/.status" .state ok
ok wr "$tree/cloud/.create/first" size=1G
begin=$(date +%s%N)
jobs=()
for i in $(seq 40); do
	sh -c "echo size=1G > '$tree/cloud/.create/v$i'" 2>>writers.log &
	jobs+=($!)
done
for j in "${jobs[@]}"; do wait "$j" || fail "a writer failed"; done
took_ms=$((($(date +%s%N) - begin) / 1000000))
is "volumes" 41 "$(ls "$tree/cloud" | wc -l)"
[ $took_ms -lt 8000 ] || fail "forty creates of one second took $took_ms ms"
is "volumes that are not available" "" \
	"$(cat "$tree"/cloud/v*/state | grep -v '^available$')"

sh -c "echo 1 > '$tree/cloud/first/attach'" & a=$!
sh -c "echo 1 > '$tree/cloud/first/attach'" & b=$!
wait $a || fail "the first writer failed"
wait $b || fail "the second writer failed"
is "attached" 1 "$(cat "$tree/cloud/first/attached")"
is "attach requests" 1 "$(sim GET /admin/counts | jq '.by_op.attach')"
sim_is_clean
stop
finish
