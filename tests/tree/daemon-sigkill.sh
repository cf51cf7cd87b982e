#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at any instant, again and again under load: nothing is lost, nothing
# is doubled, what was mounted stays.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 20ms'
start
within 10 has_json "$tree/cloud/.status" .state ok
ok wr "$tree/local/.create/db" size=64M
ok wr "$tree/local/db/mount" 1
echo kept >"$tree/local/db/data/file" && sync "$tree/local/db/data/file"
touch loading
load() {
	local i=0
	while [ -e loading ]; do
		i=$((i + 1))
		wr "$tree/cloud/.create/w$1-$i" size=1G
		wr "$tree/cloud/w$1-$i/attach" 1
		wr "$tree/cloud/w$1-$i/detach" 1
	done >/dev/null 2>&1
}
load 1 & load 2 &
for round in 1 2 3 4 5 6; do
	sleep 0.$((RANDOM % 9 + 1))
	kill9
	start || break
	within 20 has "$tree/local/db/mounted" 1
	within 20 is_mount "$tree/local/db/data"
	is "the data" kept "$(cat "$tree/local/db/data/file")"
done
rm loading
wait $(jobs -p | grep -v "^$pid\$")
within 30 has_json "$tree/cloud/.status" .counts.jobs_running 0
ok wr "$tree/cloud/.refresh" 1
is "volumes in a state of passage" "" \
	"$(cat "$tree"/cloud/*/state | grep -xv 'available\|attached')"
sim_is_clean
is "volumes in the tree and in the cloud" "$(ls "$tree/cloud" | wc -l)" \
	"$(sim GET /v1/volumes?limit=1000 | jq '.volumes | length')"
# What a killed one was starting has its locks until it executes.
kill9
(flock 8 && flock 9 && touch locked && exec sleep 1) \
	8<>"$run/volfsd.lock" 9<>"$state/volfs.lock" &
within 20 test -e locked
start
stop
finish
