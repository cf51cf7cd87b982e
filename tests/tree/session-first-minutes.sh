#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job, with no configuration at all: a volume, its data, a snapshot, a
# volume from it, more room.
. "${srcdir:-.}/tests/lib.sh"
start
ok mkdir "$tree/local/db"
ok sh -c "echo 1 > '$tree/local/db/mount'"
ok df -h "$tree/local/db/data"
is "data" ext4 "$(findmnt -no FSTYPE "$tree/local/db/data")"
ok sh -c "echo important > '$tree/local/db/data/file'"
ok mkdir "$tree/local/db/snapshots/before-upgrade"
within 30 has "$tree/local/db/snapshots/before-upgrade/state" available
ok sh -c "echo from=db@before-upgrade > '$tree/local/.create/test'"
is "the copy's source" snapshot "$(json "$tree/local/test/status" .source.kind)"
ok sh -c "echo 1 > '$tree/local/test/mount'"
is "the copy's data" important "$(cat "$tree/local/test/data/file")"
ok sh -c "echo 1 > '$tree/local/test/unmount'"
if ! got=$(wr "$tree/local/db/size" 20G); then
	# Without CAP_SYS_RESOURCE the kernel grows no mounted ext4.
	is "the errno" EPERM "$got"
	says "$tree/local/db/error" CAP_SYS_RESOURCE
	is "size" 17179869184 "$(cat "$tree/local/db/size")"
	ok wr "$tree/local/db/unmount" 1
	ok wr "$tree/local/db/size" 20G
	ok wr "$tree/local/db/mount" 1
fi
is "size" 21474836480 "$(cat "$tree/local/db/size")"
is "the data" important "$(cat "$tree/local/db/data/file")"
stop
finish
