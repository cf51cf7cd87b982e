#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A name that is being given to one is not given to another: of a volume that
# is being renamed, of one that came from outside, of a snapshot that comes back.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 1h' 'answerWithin: 10s'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
for name in a x y; do ok wr "$c/.create/$name" size=64M; done
rule() {
	sim DELETE /admin/rules >/dev/null
	[ -z "${1:-}" ] || sim POST /admin/rules "$1" >/dev/null
}
rule '{"op":"rename","action":"delay","ms":1500}'
mv "$c/a" "$c/b" & mv=$!
within 5 has_json "$c/a/status" .job.verb rename
fails_with EEXIST "$c/.create/b" size=64M
wait "$mv" || fail "the mv is refused"
is "names" "b x y" "$(ls "$c" | xargs)"
is "name" b "$(json "$c/b/status" .name)"

# One made at the service meanwhile.
mv "$c/b" "$c/d" & mv=$!
within 5 has_json "$c/b/status" .job.verb rename
sim POST /v1/volumes '{"name":"d","size_bytes":67108864}' >/dev/null
id=$(cat "$c/b/id")
ok wr "$c/.refresh" 1
wait "$mv" || fail "the mv is refused"
is "how many names" 4 "$(ls "$c" | sort -u | wc -l)"
is "names in all" 4 "$(ls "$c" | wc -l)"
is "the renamed one" "$id" "$(cat "$c/d/id")"

# A snapshot whose removal is refused late, and a new one of its name.
stop
sim_config 'refresh: 1h' 'answerWithin: 0'
start
within 10 has_json "$c/.status" .stale false
ok mkdir "$c/x/snapshots/s"
within 5 has "$c/x/snapshots/s/state" available
ok wr "$c/x/snapshots/s/protect" 0
rule '{"op":"remove-snapshot","action":"fail","status":403,"code":"AccessDenied"}'
sim POST /admin/rules '{"op":"remove-snapshot","action":"delay","ms":1000}' >/dev/null
sim POST /admin/settings '{"latency_ms":500}' >/dev/null
old=$(cat "$c/x/snapshots/s/id")
ok rmdir "$c/x/snapshots/s"
ok mkdir "$c/x/snapshots/s"
within 10 has_json "$c/.status" .counts.jobs_running 0
within 10 has_json "$c/.status" .counts.jobs_waiting 0
is "snapshots" 2 "$(ls "$c/x/snapshots" | sort -u | wc -l)"
is "snapshots in all" 2 "$(ls "$c/x/snapshots" | wc -l)"
is "the one that came back" "$old" "$(cat "$c/x/snapshots/$old/id")"
stop
finish
