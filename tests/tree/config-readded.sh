#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A service that a reload takes out and another brings back: while it is being
# listed, nothing of it is there twice; and one that was still in use when the
# daemon was started without it has its mounts again.
. "${srcdir:-.}/tests/lib.sh"
without() {
	config <<-END
	services: {local: {driver: local, size: 64M}}
	END
}
with() {
	config <<-END
	services:
	  local: {driver: local, size: 64M}
	  cloud: {driver: sim, size: 16M, latency: ${1:-1ms}}
	END
}
with
start
c=$tree/cloud
within 20 has_json "$c/.status" .stale false
sim POST /v1/volumes '{"name":"theirs","size_bytes":16777216}' >/dev/null
sim POST /admin/settings '{"latency_ms":1500}' >/dev/null
ok wr "$c/.refresh" async
without
ok wr "$tree/.volfs/reload" 1
is "while it is listed" retired "$(json "$c/.status" .state)"
with
ok wr "$tree/.volfs/reload" 1
sim POST /admin/settings '{"latency_ms":1}' >/dev/null
within 20 test -d "$c/theirs"
ok wr "$c/.refresh" 1
is "volumes" theirs "$(ls "$c" | xargs)"
ok wr "$c/.refresh" async
without
ok wr "$tree/.volfs/reload" 1
within 20 gone "$c"
with
ok wr "$tree/.volfs/reload" 1
within 20 has_json "$c/.status" .stale false
is "volumes, of a new service" theirs "$(ls "$c" | xargs)"

# Started without it, while something of it is mounted.
ok wr "$c/.create/db" size=16M
ok wr "$c/db/mount" 1
echo here >"$c/db/data/file"
stop
without
start
ok gone "$c"
with
ok wr "$tree/.volfs/reload" 1
within 20 has "$c/db/mounted" 1
within 20 is_mount "$c/db/data"
is "the data" here "$(cat "$c/db/data/file")"
ok wr "$c/db/unmount" 1
sim_is_clean
stop
finish
