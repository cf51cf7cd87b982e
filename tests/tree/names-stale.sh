#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Names that change without a client's mv, whose old ones the kernel remembers:
# a path leads to the volume that has the name now, and data goes to its own
# volume's data/.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'answerWithin: 50ms' 'latency: 200ms'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
# rename_outside NAME NEW: at the service, by somebody else
rename_outside() {
	sim PATCH "/v1/volumes/$1" "{\"name\":\"$2\"}" >/dev/null
}

# ---- an mv that was answered before the service refused it ----

ok wr "$c/.create/a" size=16M
a=$(cat "$c/a/id")
sim POST /admin/rules '{"op":"rename","action":"fail","status":409,"code":"No"}' >/dev/null
ok wr --rename "$c/a" "$c/b"
within 10 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
is "the id of a" "$a" "$(cat "$c/a/id")"
sim DELETE /admin/rules >/dev/null

# Another gets the name that the kernel has seen.
ok wr "$c/.create/b" size=16M
b=$(sim GET '/v1/volumes?limit=10' | jq -r '.volumes[] | select(.name == "b").id')
is "the id of b" "$b" "$(cat "$c/b/id")"
ok wr "$c/b/mount" 1
ok wr "$c/a/mount" 1
for v in a b; do
	echo $v >"$c/$v/data/name"
done
for v in a b; do
	is "data of $v" $v "$(cat "$c/$v/data/name")"
	ok wr "$c/$v/unmount" 1
done

# ---- two that swap their names at the service ----

rename_outside "$a" other
rename_outside "$b" a
rename_outside "$a" b
ok wr "$c/.refresh" 1
for id in "$a" "$b"; do
	v=$(basename "$(readlink "$c/.by-id/$id")")
	within 5 has "$c/$v/id" "$id"
	ok wr "$c/$v/mount" 1
	is "data at $v" "$([ "$id" = "$a" ] && echo a || echo b)" "$(cat "$c/$v/data/name")"
	ok wr "$c/$v/unmount" 1
done

# ---- one whose name changes, and the old one taken by another ----

ok wr "$c/.create/x" size=16M
x=$(cat "$c/x/id")
exec 5<"$c/x"
rename_outside "$x" y
ok wr "$c/.refresh" 1
within 5 has "$c/y/id" "$x"
within 5 gone "$c/x"
ok wr "$c/.create/x" size=16M
isnt "the id of the new x" "$x" "$(cat "$c/x/id")"
is "who holds the directory has the volume" "$x" "$(cat /proc/self/fd/5/id)"
sim_is_clean
stop
finish
