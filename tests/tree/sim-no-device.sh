#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A device that never appears: ENODEV with the sentence, after deviceTimeout;
# nothing stays attached; a caller's deadline and cancel work meanwhile.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'deviceTimeout: 2s'
start
within 10 has_json "$tree/cloud/.status" .state ok
v=$tree/cloud/db
ok wr "$tree/cloud/.create/db" size=64M
never() {
	sim POST /admin/rules '{"op":"attach","action":"no-device"}' >/dev/null
}
attached_there() {
	sim GET /v1/volumes | jq '[.volumes[].attachments[]] | length'
}
nothing_attached() {
	is "attached" 0 "$(cat "$v/attached")"
	is "mounted" 0 "$(cat "$v/mounted")"
	is "state" available "$(cat "$v/state")"
	ok gone "$v/device"
	is "attached at the cloud" 0 "$(attached_there)"
	is "loop devices" "" "$(loops)"
}
waits() { has_json "$v/status" .job.step wait-for-device; }
never
fails_with ENODEV "$v/attach" 1
says "$v/error" "did not appear within 2 s"
says "$v/error" "attach 'db'"
nothing_attached
fails_with ENODEV "$v/mount" user=web
says "$v/error" "did not appear within 2 s"
says "$v/error" "mount 'db'"
is "users" "" "$(cat "$v/users")"
nothing_attached
# The caller's deadline is before the device's: the job goes on and says so.
fails_with ETIMEDOUT "$v/attach" timeout=300ms
job=$(last_job "$v")
within 20 has_json "$tree/.volfs/jobs/$job/status" .errno ENODEV
nothing_attached
stop

sim_config 'deviceTimeout: 10m'
start
within 10 has_json "$tree/cloud/.status" .state ok
never
wr "$v/mount" 1 >wr.out & writer=$!
within 10 waits
is "attached at the cloud" 1 "$(attached_there)"
ok wr "$v/cancel" 1
wait $writer
is "the writer" ECANCELED "$(cat wr.out)"
nothing_attached
# A daemon that is killed while it waits goes on waiting.
wr "$v/attach" 1 >wr.out & writer=$!
within 10 waits
kill9
wait $writer
start
within 20 waits
job=$(last_job "$v")
ok wr "$v/cancel" 1
within 20 has_json "$tree/.volfs/jobs/$job/status" .state cancelled
nothing_attached
# And one that is late is waited for.
sim DELETE /admin/rules >/dev/null
sim POST /admin/settings '{"attaching_ms":"1500"}' >/dev/null
ok wr "$v/mount" 1
ok is_mount "$v/data"
ok wr "$v/unmount" 1
nothing_attached
stop
finish
