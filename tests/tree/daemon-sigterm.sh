#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM with volumes mounted: data goes on without the daemon, and the next
# start has everything in its place.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/mount" user=web
(cd "$v/data" && while sleep 0.01; do date +%N >>ticks || exit 1; done) & writer=$!
id=$(cat "$v/id") inode=$(stat -c %i "$v")
stop
is "the private mount" 1 "$(grep -cF "$run/mnt/" /proc/self/mountinfo)"
ok kill -0 $writer
start
is "mounted" 1 "$(cat "$v/mounted")"
within 20 is_mount "$v/data"
is "id" "$id" "$(cat "$v/id")"
is "inode" "$inode" "$(stat -c %i "$v")"
is "user" web "$(json "$v/users" .name)"
ok test -s "$v/data/ticks"
ok kill -0 $writer
kill $writer; wait $writer 2>/dev/null
ok wr "$v/unmount" user=web
is "mounted" 0 "$(cat "$v/mounted")"
stop
is "loop devices left" "" "$(loops)"
is "mounts left" "" "$(grep -F "$run/mnt/" /proc/self/mountinfo)"
finish
