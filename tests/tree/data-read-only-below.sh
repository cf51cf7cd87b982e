#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is written below an unmounted data/ is refused; what is below a mounted
# one is the user's.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
fails_with EROFS --create "$v/data/file"
says "$v/error" "it is not mounted: echo 1 > mount"
fails_with EROFS --mkdir "$v/data/dir"
is "records of that, however often" 1 "$(grep -c EROFS "$v/jobs")"
ok wr "$v/mount" 1
is "error once it is mounted" "" "$(cat "$v/error")"
ok sh -c "echo x > '$v/data/file' && mkdir '$v/data/dir' && rm -r '$v/data/dir'"
ok wr "$v/unmount" 1
fails_with EROFS --create "$v/data/file"
is "ls of an unmounted data" "" "$(ls -A "$v/data")"
stop
finish
