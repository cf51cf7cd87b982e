#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A state directory on a read-only file system: the start says so and leaves
# nothing behind.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, path: $dir/images, size: 64M}}
END
mkdir -p "$state"
start
ok wr "$tree/local/.create/db" 1
stop
ok mount --bind "$state" "$state"
ok mount -o remount,bind,ro "$state"
launch
within 20 ended $pid
wait $pid
status=$?
pid=
is "the exit status" 1 $status
says volfsd.log "$state"
ok gone "$tree/.volfs"
finish
