#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a creation without a verdict left at a service whose listings lag: rmdir
# of the volume in error takes it away, also after a restart or a crash.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'lag: 10m' 'refresh: 0' 'requestTimeout: 2s'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
rule() {
	sim DELETE /admin/rules >/dev/null
	[ -z "${1:-}" ] || sim POST /admin/rules "$1" >/dev/null
}
idle() {
	has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
}
# left NAME [WORDS]: a create that the service did and never answered to
left() {
	rule '{"op":"create","action":"lost"}'
	wr "$c/.create/$1" "size=64M ${2:-}" >/dev/null &&
		fail "a create without an answer succeeds"
	rule
	is "state of $1" error "$(cat "$c/$1/state")"
	ok gone "$c/$1/id"
}
# A volume to copy from, with a snapshot.
ok wr "$c/.create/base" size=64M
ok wr --mkdir "$c/base/snapshots/one"
within 10 has "$c/base/snapshots/one/state" available

left plain "iops=500 tag=team=web"
isnt "orphans before" '{}' "$(sim GET /admin/strays | jq -c .orphans)"
ok wr --rmdir "$c/plain"
within 20 gone "$c/plain"
within 20 idle
sim_is_clean
left copy from=base@one
ok wr "$c/.remove/copy" 1
sim_is_clean

# The service is away when it is asked again: it stays, and says so.
left later
rule '{"op":"*","action":"fail","status":503,"code":"Unavailable"}'
wr "$c/.remove/later" timeout=60s >/dev/null && fail "removed without asking"
rule
is "state of later" error "$(cat "$c/later/state")"
isnt "its sentence" "" "$(cat "$c/later/error")"
kill9
start
within 10 has_json "$c/.status" .state ok
ok wr "$c/.remove/later" 1
sim_is_clean

# One that was refused has made nothing, and nothing is made to remove it.
rule '{"op":"create","action":"end-error","times":1}'
rule '{"op":"create","action":"fail","status":403,"code":"QuotaExceeded"}'
# Late, so that the caller is gone by then.
sim POST /admin/settings '{"latency_ms":"300"}' >/dev/null
ok wr "$c/.create/refused" "async size=64M"
within 10 has "$c/refused/state" error
sim POST /admin/settings '{"latency_ms":"0"}' >/dev/null
rule
before=$(sim GET /admin/counts | jq '.by_op.create')
ok wr "$c/.remove/refused" 1
is "creates" "$before" "$(sim GET /admin/counts | jq '.by_op.create')"

# A snapshot, likewise.
rule '{"op":"snapshot","action":"lost"}'
wr --mkdir "$c/base/snapshots/two" >/dev/null
within 60 has "$c/base/snapshots/two/state" error
rule
ok wr --rmdir "$c/base/snapshots/two"
within 20 gone "$c/base/snapshots/two"
within 20 idle
sim_is_clean

# Killed between its steps.
for point in job.remains.found job.remove.before-call job.remove.called \
	job.remove.before-forget; do
	left crash
	stop
	export VOLFS_FAULT=$point VOLFS_FAULT_ONCE=$dir/$point
	start
	within 10 has_json "$c/.status" .state ok
	wr --rmdir "$c/crash" >/dev/null
	within 20 ended "$pid"
	wait "$pid" 2>/dev/null
	pid=
	unset VOLFS_FAULT VOLFS_FAULT_ONCE
	ok test -e "$dir/$point"
	start
	within 10 has_json "$c/.status" .state ok
	within 20 idle
	within 20 gone "$c/crash"
	sim_is_clean
done
ok wr "$c/.refresh" 1
sim POST /admin/settings '{"lag_ms":"0"}' >/dev/null
is "volumes at the cloud" base "$(sim GET /v1/volumes | jq -r ".volumes[].name" | xargs)"
stop
finish
