#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A state database that is damaged is put aside, with a word about it; the
# volumes are still there.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/db/mount" 1
echo kept >"$tree/local/db/data/file"
ok wr "$tree/local/db/unmount" 1
stop
database=$state/volfs.db
head -c 20000 /dev/urandom | dd of="$database" conv=notrunc status=none
rm -f "$database-wal" "$database-shm"
start
within 10 has "$tree/local/db/state" available
isnt "the warnings" "[]" "$(json "$tree/.volfs/status" '.warnings | tostring')"
# What it was formatted with is forgotten, but its content is not.
ok wr "$tree/local/db/mount" 1
is "the data" kept "$(cat "$tree/local/db/data/file")"
is "protect" 1 "$(cat "$tree/local/db/protect")"
ok test "$(find "$state" -maxdepth 1 -type f -size +0 | wc -l)" -ge 2
stop
finish
