#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attach and detach say "already so" of what is, not of what an earlier line is
# about to change: they wait for that.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 1h'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
idle() {
	within 10 has_json "$c/.status" .counts.jobs_waiting 0
	within 10 has_json "$c/.status" .counts.jobs_running 0
}
ok wr "$c/.create/db" size=64M
sim POST /admin/rules '{"op":"modify","action":"delay","ms":1000}' >/dev/null
ok wr "$c/db/set" "async size=128M"
ok wr "$c/db/attach" async
ok wr "$c/db/detach" 1
idle
is "attached after all" 0 "$(cat "$c/db/attached")"
ok wr "$c/db/attach" 1
ok wr "$c/db/set" "async size=256M"
ok wr "$c/db/detach" async
ok wr "$c/db/attach" 1
idle
is "attached again" 1 "$(cat "$c/db/attached")"
[ -e "$(readlink "$c/db/device")" ] || fail "there is no device"
# Nothing that moves it is on its way: no waiting.
ok wr "$c/db/set" "async size=512M"
ok wr "$c/db/attach" "timeout=500ms"
ok wr "$c/db/detach" 1
ok wr "$c/db/detach" 1
idle
sim_is_clean
stop
finish
