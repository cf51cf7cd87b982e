#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container that was given data/ holds the file system: unmount is refused,
# names it and changes nothing; lazy takes the path away, and the device goes
# when the container does.
. "${srcdir:-.}/tests/containers/lib.sh"
config <<END
services: {local: {driver: local, size: 64M, refresh: 1s}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1

for engine in "${engines[@]}"; do
	ok wr "$v/mount" 1
	box $engine app -v "$(doc_v /volumes/local/db/data)"
	ok inside $engine app sh -c 'echo mine >/data/file'
	who="pid $(box_pid $engine app) (sleep) in container $(box_id $engine app | cut -c 1-12)"
	fails_with EBUSY "$v/unmount" 1
	says "$v/error" "$who"
	saw "$engine: $(cat "$v/error")"
	is "$engine: mounted" 1 "$(cat "$v/mounted")"
	is "$engine: data" mine "$(cat "$v/data/file")"
	is "$engine: the users" manual "$(json "$v/users" .name)"
	is "$engine: the container's file" mine "$(inside $engine app cat /data/file)"

	ok wr "$v/unmount" lazy
	is "$engine: a mount at data/" "" "$(findmnt -no FSTYPE "$v/data")"
	is "$engine: mounted" 0 "$(cat "$v/mounted")"
	is "$engine: still attached" 1 "$(cat "$v/attached")"
	ok inside $engine app sh -c 'echo still >/data/file'
	fails_with EBUSY "$v/detach" 1
	says "$v/error" "$who"
	fails_with EBUSY --rmdir "$v"
	saw "$engine: after lazy: $(cat "$v/error")"

	# Nobody says anything: the refresh finds that it is free.
	unbox $engine app
	within 30 has "$v/attached" 0
	is "$engine: loop devices left" "" "$(loops)"

	# A container of the data alone that ended is no obstacle.
	ok wr "$v/mount" 1
	is "$engine: what the container wrote last" still "$(cat "$v/data/file")"
	box $engine app -v "$(doc_v /volumes/local/db/data)"
	unbox $engine app
	ok wr "$v/unmount" 1
	is "$engine: attached" 0 "$(cat "$v/attached")"
done
stop
finish
