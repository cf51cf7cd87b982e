#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A state directory that lost its database: volumes are found again,
# protected, and their content is untouched.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/.create/blank" 1
ok wr "$tree/local/db/mount" 1
echo kept >"$tree/local/db/data/file"
ok wr "$tree/local/db/unmount" 1
id=$(cat "$tree/local/db/id")
stop
find "$state" -maxdepth 1 -type f -delete
start
within 10 has "$tree/local/db/id" "$id"
is "protect of what held data" 1 "$(cat "$tree/local/db/protect")"
ok wr "$tree/local/db/mount" 1
is "the data" kept "$(cat "$tree/local/db/data/file")"
stop
finish
