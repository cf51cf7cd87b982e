#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What happens at the service behind our back appears, goes and changes; a
# path once shown means the same volume.
. "${srcdir:-.}/tests/lib.sh"
sim_config
start
within 10 has_json "$tree/cloud/.status" .state ok
ok wr "$tree/cloud/.create/db" size=1G
inode=$(stat -c %i "$tree/cloud/db")
sim POST /v1/volumes '{"name":"db","size_bytes":1073741824}' >/dev/null
ok wr "$tree/cloud/.refresh" 1
is "volumes" 2 "$(ls "$tree/cloud" | wc -l)"
other=$(ls "$tree/cloud" | grep '^db@')
is "the second of the same name" "db@$(cat "$tree/cloud/$other/id")" "$other"
is "inode of the first" "$inode" "$(stat -c %i "$tree/cloud/db")"
id=$(cat "$tree/cloud/db/id")
stop
start
is "id of the first after a restart" "$id" "$(cat "$tree/cloud/db/id")"
is "inode after a restart" "$inode" "$(stat -c %i "$tree/cloud/db")"
ok wr "$tree/cloud/db/mount" 1
sim DELETE "/v1/volumes/$id?force=1" >/dev/null
ok wr "$tree/cloud/.refresh" 1
ok test -d "$tree/cloud/db"
ok is_mount "$tree/cloud/db/data"
stop
finish
