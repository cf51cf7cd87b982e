#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A name that was freed by mv or rmdir while its creation still runs: mkdir of
# it makes a new volume, and says nothing else.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 1s'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud

ok mkdir "$c/a"
ok mv "$c/a" "$c/b"
ok mkdir "$c/a"
is "listing" "a b" "$(echo $(ls "$c"))"
isnt "node" "$(stat -c %i "$c/b")" "$(stat -c %i "$c/a")"
within 20 has "$c/a/state" available
within 20 has "$c/b/state" available
is "name of b" b "$(json "$c/b/status" .name)"
is "name of a" a "$(json "$c/a/status" .name)"
isnt "id" "$(cat "$c/b/id")" "$(cat "$c/a/id")"

is "line" OK "$(wr "$c/.create/d" "async size=1G")"
ok mv "$c/d" "$c/e"
is "line again" OK "$(wr "$c/.create/d" "async size=1G")"
is "both" "d e" "$(cd "$c" && echo [de])"

# The rmdir waits for the creation that it ends: no mkdir joins that one.
for i in $(seq 20); do
	is "mkdir $i" OK "$(wr --mkdir "$c/x")"
	is "rmdir $i" OK "$(wr --rmdir "$c/x")"
done
within 20 has_json "$c/.status" .counts.jobs_running 0
within 20 has_json "$c/.status" .counts.jobs_waiting 0
ls "$c" | grep -q '^x' && fail "an x is left: $(ls "$c")"
sim_is_clean
stop
finish
