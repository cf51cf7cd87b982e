#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A listing that lags: what was made stays visible, what was removed stays
# away, and nothing is doubled.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'lag: 2s' 'refresh: 500ms'
start
within 10 has_json "$tree/cloud/.status" .state ok
ok wr "$tree/cloud/.create/db" size=1G
for i in $(seq 30); do
	[ -e "$tree/cloud/db/status" ] || fail "the new volume is away after $i tenths"
	sleep 0.1
done
inode=$(stat -c %i "$tree/cloud/db")
ok wr "$tree/cloud/db/size" 2G
for i in $(seq 30); do
	[ "$(cat "$tree/cloud/db/size")" = 2147483648 ] || { fail "the size goes back"; break; }
	sleep 0.1
done
is "inode" "$inode" "$(stat -c %i "$tree/cloud/db")"
ok wr "$tree/cloud/.remove/db" 1
for i in $(seq 30); do
	[ ! -e "$tree/cloud/db" ] || { fail "the removed volume is back"; break; }
	sleep 0.1
done
sim_is_clean
stop
finish
