#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A volume in use that the service no longer has is lost and its mount stays;
# one that comes back is there again with the listing that shows it, also just
# after a job. Asking for what a listing lacks ends with the daemon.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 0'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
for name in db web; do ok wr "$c/.create/$name" size=64M; done
ok wr "$c/db/mount" 1
ok wr "$c/web/attach" 1
echo kept >"$c/db/data/file"
hide() { # hide true|false
	local name
	for name in db web; do
		sim PATCH "/v1/volumes/$(cat "$c/$name/id")" \
			"{\"hidden\":$1}" >/dev/null
	done
	sim DELETE /admin/rules >/dev/null
}
hide true
sim POST /admin/rules '{"op":"get","action":"fail","status":404,"code":"VolumeNotFound"}' >/dev/null
ok wr "$c/.refresh" 1
is "state" lost "$(cat "$c/db/state")"
is "state" lost "$(cat "$c/web/state")"
is "its health" failed "$(json "$c/db/status" .health.condition)"
says "$c/db/status" "'forget' takes it out of the tree"
is "the data" kept "$(cat "$c/db/data/file")"
fails_with EBUSY "$c/db/forget" 1
ok wr "$c/db/mount" user=other
hide false
ok wr "$c/.refresh" 1
is "state after it came back" attached "$(cat "$c/web/state")"
is "state after it came back and a job" attached "$(cat "$c/db/state")"
is "its health" ok "$(json "$c/db/status" .health.condition)"
ok gone "$c/db/forget"
is "the data" kept "$(cat "$c/db/data/file")"

# What it lacks is asked for singly; a service that is silent then does not
# hold up the end of the daemon.
hide true
sim POST /admin/rules '{"op":"get","action":"silent"}' >/dev/null
sim DELETE /admin/counts >/dev/null
ok wr "$c/.refresh" async
gets() { sim GET /admin/counts | jq -e '.by_op.get > 0'; }
within 10 gets
stop 5
grep -q "did not end" volfsd.log && fail "the end of the daemon waits for it"
finish
