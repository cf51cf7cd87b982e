#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Thousands of snapshots that a listing finds, and misses, at once; two of one
# name in one listing.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 0'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
ok wr "$c/.create/db" size=16M
ok wr "$c/.create/other" size=16M
id=$(cat "$c/db/id")
cd "$(dirname "$(find "$state" -name socket -type s -path '*cloud*')")" || exit 99
for i in $(seq 2000); do
	echo next
	echo 'url="http://cloud/v1/snapshots"'
	echo 'unix-socket="socket"'
	echo "data=\"{\\\"volume\\\":\\\"$id\\\",\\\"name\\\":\\\"n$((i / 2))\\\"}\""
done | sed 1d >"$dir/curl.cfg"
curl -sS -K "$dir/curl.cfg" >"$dir/curl.out" || fail "curl: $?"
cd "$dir" || exit 99
ok wr "$c/.refresh" timeout=100s
is "snapshots" 2000 "$(ls "$c/db/snapshots" | wc -l)"
is "snapshots of the service" 2000 "$(ls "$c/.snapshots" | wc -l)"
ok test -e "$c/db/snapshots/n7/id"
# Of two with one name the second has its id.
second=$(ls "$c/.snapshots" | grep -c '@snap')
is "snapshots that are listed by id" 999 "$second"
inode=$(stat -c %i "$c/db/snapshots/n7")
ok wr --mkdir "$c/db/snapshots/mine"
stop
start
within 10 has_json "$c/.status" .counts.snapshots 2001
is "inode after a restart" "$inode" "$(stat -c %i "$c/db/snapshots/n7")"
# Half of them go at once, unseen.
kept=$(cat "$c/db/snapshots/n7/id")
for gone in $(ls "$c/.snapshots" | sed -n 's/^.*@\(snap-.*\)/\1/p'); do
	echo next
	echo "url=\"http://cloud/v1/snapshots/$gone\""
	echo 'unix-socket="socket"'
	echo 'request="DELETE"'
done | sed 1d >"$dir/curl.cfg"
cd "$(dirname "$(find "$state" -name socket -type s -path '*cloud*')")" || exit 99
curl -sS -K "$dir/curl.cfg" >"$dir/curl.out" || fail "curl: $?"
cd "$dir" || exit 99
ok wr "$c/.refresh" timeout=100s
is "snapshots left" 1002 "$(ls "$c/db/snapshots" | wc -l)"
is "inode of one that stays" "$inode" "$(stat -c %i "$c/db/snapshots/n7")"
is "its id" "$kept" "$(cat "$c/db/snapshots/n7/id")"
ok test -e "$c/db/snapshots/mine/id"
stop
finish
