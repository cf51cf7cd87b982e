#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reloads that change something give back what was there before, sessions too;
# while a job and readers go on in it.
. "${srcdir:-.}/tests/lib.sh"
write_config() { # write_config REFRESH
	{
		echo "services:"
		echo "  cloud: {driver: sim, refresh: 0, pending: $((500 + $1))ms}"
		for i in $(seq 200); do
			echo "  s$i: {driver: local, size: 16M, refresh: $1h}"
		done
	} | config
}
write_config 1
start
within 20 has_json "$tree/cloud/.status" .state ok
anon() { sed -n 's/^RssAnon:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"; }
reloads() { # reloads FROM TO
	local n
	for n in $(seq "$1" "$2"); do
		write_config "$n"
		ok wr "$tree/.volfs/reload" 1
	done
}
(while :; do cat "$tree"/s*/.status "$tree"/s1/.create/x "$tree/.volfs/config"; done) \
	>/dev/null 2>&1 & reader=$!
(n=0; while :; do n=$((n + 1)); wr "$tree/cloud/.create/v$n" size=16M; done) \
	>made 2>&1 & maker=$!
reloads 2 8
before=$(anon)
reloads 9 40
after=$(anon)
kill $reader $maker
wait $reader $maker 2>/dev/null
echo "anonymous memory: $before kB, after 32 reloads $after kB"
[ $((after - before)) -lt 11264 ] || fail "32 reloads keep $((after - before)) kB"
is "what was made meanwhile" OK "$(sort -u made)"
stop
finish
