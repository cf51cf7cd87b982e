#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How the tree looks to ls, df and du: capacity as the directory's size, no
# blocks, true sizes, and tail -f on events.
. "${srcdir:-.}/tests/lib.sh"
start
ok wr "$tree/local/.create/db" size=100M
v=$tree/local/db
is "size of the directory" 104857600 "$(stat -c %s "$v")"
is "du" 0 "$(du -s "$tree" | cut -f 1)"
is "df" "" "$(df -x none 2>/dev/null | grep -F "$tree" )"
is "links" 1 "$(stat -c %h "$v")"
for f in README status state id jobs size attach set; do
	is "size of $f" "$(wc -c <"$v/$f")" "$(stat -c %s "$v/$f")"
done
for f in attach detach mount unmount set cancel; do
	[ "$(stat -c %s "$v/$f")" -ge 512 ] || fail "$f is shorter than 512 bytes"
	ok grep -q . "$v/$f"
done
says "$v/mount" "user"
says "$v/mount" "ro"
# A listing shows volumes, and nothing else.
is "ls" "db" "$(ls "$tree/local")"
is "ls .create" "" "$(ls -A "$tree/local/.create")"
ok test -f "$tree/local/.create/any%20name"
ok grep -q "^volfs_" "$tree/.volfs/metrics"
ok grep -q . "$tree/.volfs/version" "$tree/.volfs/drivers/local"
# The mtime of a directory is that of its entries.
before=$(stat -c %Y "$tree/local")
sleep 1.1
ok wr "$tree/local/.refresh" 1
is "mtime after a refresh" "$before" "$(stat -c %Y "$tree/local")"
ok mkdir "$tree/local/other"
isnt "mtime after a mkdir" "$before" "$(stat -c %Y "$tree/local")"
stop
finish
