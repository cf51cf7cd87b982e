#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Somebody uses umount and mount at a volume's data/ by hand: mount brings the
# data back, and unmount takes off nothing that is not the volume's.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/mount" 1
echo here >"$v/data/file"

ok umount "$v/data"
ok wr "$v/mount" 1
is "file" here "$(cat "$v/data/file")"
is "users" manual "$(json "$v/users" .name)"
ok umount "$v/data"
ok wr "$v/mount" user=web
is "file, for another user" here "$(cat "$v/data/file")"
ok wr "$v/unmount" user=web

# The private place as well.
ok umount "$v/data"
ok umount "$run/mnt/local/"*
ok wr "$v/mount" 1
is "file, after both were unmounted" here "$(cat "$v/data/file")"
is "users" 1 "$(wc -l <"$v/users")"
ok umount "$v/data"
ok wr "$v/unmount" 1
is "mounted" 0 "$(cat "$v/mounted")"
is "loop devices" "" "$(loops)"

ok wr "$v/mount" 1
ok mount -t tmpfs mine "$v/data"
echo mine >"$v/data/precious"
for how in 1 lazy force; do
	fails_with EBUSY "$v/unmount" "$how"
	says "$v/error" "'mine' is mounted over"
	is "precious" mine "$(cat "$v/data/precious")"
done
is "mounted" 1 "$(cat "$v/mounted")"
fails_with EBUSY "$v/mount" user=web
ok umount "$v/data"
is "file, below" here "$(cat "$v/data/file")"
ok wr "$v/unmount" 1
is "mounted" 0 "$(cat "$v/mounted")"
is "loop devices" "" "$(loops)"
stop
finish
