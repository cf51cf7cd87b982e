#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mv and rmdir of a volume that is being mounted or unmounted: refused at once,
# for its data would be put where another volume has the name by then.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 1s'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
ok wr "$c/.create/a" size=64M
ok wr "$c/a/protect" 0
ok wr "$c/a/mount" async
within 20 has_json "$c/a/status" .job.verb mount
fails_with EBUSY --rename "$c/a" "$c/b"
says "$c/a/error" "mount"
fails_with EBUSY --rmdir "$c/a"
is "listing" a "$(ls "$c")"
within 20 has "$c/a/mounted" 1
echo here >"$c/a/data/file"
is "mount" "$c/a/data" "$(findmnt -lno TARGET -t ext4 | grep "$tree/")"
ok wr "$c/a/unmount" async
within 20 has_json "$c/a/status" .job.verb unmount
fails_with EBUSY --rename "$c/a" "$c/b"
within 20 has "$c/a/attached" 0
within 20 has_json "$c/a/status" .job null
ok mv "$c/a" "$c/b"
ok wr "$c/.create/a" size=64M
ok wr "$c/b/mount" 1
is "file" here "$(cat "$c/b/data/file")"
is "nothing at the other's data" "" "$(findmnt -no SOURCE "$c/a/data")"
ok wr "$c/b/unmount" 1
sim_is_clean
stop
finish
