#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A removed snapshot is gone, also while the service still shows it as one that
# is being deleted, and the next one of its name is taken.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 1s'
start
within 10 has_json "$tree/cloud/.status" .state ok
v=$tree/cloud/v
ok wr "$tree/cloud/.create/v" 1
for i in 1 2 3; do
	ok mkdir "$v/snapshots/x"
	ok wr "$v/snapshots/x/protect" 0
	ok rmdir "$v/snapshots/x"
	is "snapshots after rmdir $i" "" "$(ls "$v/snapshots")"
done
ok mkdir "$v/snapshots/x"
within 20 has "$v/snapshots/x/state" available
is "snapshots" x "$(ls "$v/snapshots")"
is "all of them" v@x "$(ls "$tree/cloud/.snapshots")"
ok wr "$tree/cloud/.refresh" 1
is "after a refresh" x "$(ls "$v/snapshots")"
stop
finish
