#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A state database of a newer version is not touched; the start says so.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
need sqlite3
start
ok wr "$tree/local/.create/db" 1
stop
database=$state/volfs.db
ok sqlite3 "$database" 'PRAGMA user_version=9999'
before=$(sha256sum <"$database")
launch
wait $pid
status=$?
pid=
is "the exit status" 1 $status
says volfsd.log newer
is "the database" "$before" "$(sha256sum <"$database")"
finish
