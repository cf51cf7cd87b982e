#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A new name that was shown early is refused by the service and taken back: a
# mount that comes meanwhile begins after that, at the name that stays.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 1h' 'answerWithin: 0'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
ok wr "$c/.create/a" size=64M
ok wr "$c/a/attach" 1
sim POST /admin/rules '{"op":"rename","action":"fail","status":403,"code":"AccessDenied"}' >/dev/null
sim POST /admin/settings '{"latency_ms":1000}' >/dev/null
ok mv "$c/a" "$c/b"
[ -d "$c/b" ] || fail "the new name is not shown early"
# The refusal has come, the service is asked which name it has.
sleep 1.5
ok wr "$c/b/mount" 1
is "names" a "$(ls "$c" | xargs)"
is "mounted" 1 "$(cat "$c/a/mounted")"
is_mount "$c/a/data" || fail "nothing is mounted at the volume's data/"
sim POST /admin/settings '{"latency_ms":0}' >/dev/null
ok wr "$c/a/unmount" 1
ok wr "$c/a/detach" 1
sim_is_clean
stop
finish
