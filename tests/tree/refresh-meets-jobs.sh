#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What jobs do to volumes while a listing is being taken in is not undone by
# it, in the store either.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 1h' 'answerWithin: 10s'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
for name in a b c d z; do
	ok wr "$c/.create/$name" size=64M
done
# Volumes that had a job a moment ago are asked for singly.
stop
start
within 10 has_json "$c/.status" .stale false
outside() { # outside NAME...
	local name
	for name; do
		sim PATCH "/v1/volumes/$(cat "$c/$name/id")" \
			'{"tags":{"team":"web"}}' >/dev/null
	done
}
outside a b c d z
ok wr "$c/z/auto" 1
sim POST /admin/rules '{"op":"get","action":"delay","ms":3000,"times":1}' >/dev/null
wr "$c/.refresh" 1 >/dev/null & refresh=$!
within 5 has_json "$c/.status" .counts.jobs_running 1
sleep 1
for name in a b; do ok mv "$c/$name" "$c/new-$name"; done
for name in c d; do ok wr "$c/.remove/$name" 1; done
wait "$refresh"
is "names" "new-a new-b z" "$(ls "$c" | xargs)"
sim POST /admin/rules '{"op":"list","action":"delay","ms":5000}' >/dev/null
kill9
start
is "names after a crash" "new-a new-b z" "$(ls "$c" | xargs)"
sim DELETE /admin/rules >/dev/null
stop
finish
