#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An image cut short behind the daemon's back: never formatted, never crashed
# over, and the sentence says it.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
s=$tree/local
ok wr "$s/.create/db" 1
ok wr "$s/db/mount" 1
ok wr "$s/db/unmount" 1
ok truncate -s 1M "$images/db/data.img"
ok wr "$s/.refresh" 1
got=$(wr "$s/db/mount" 1) && fail "a cut image is mounted"
case $got in
EIO|EUCLEAN|ENODEV) ;;
*) fail "the mount of a cut image: $got" ;;
esac
isnt "the sentence" "" "$(cat "$s/db/error")"
is "mounted" 0 "$(cat "$s/db/mounted")"
# Nothing in it is gone but what was cut off: no mkfs.
is "the image" 1048576 "$(stat -c %s "$images/db/data.img")"
is "its superblock" "53 ef" \
	"$(od -An -tx1 -j1080 -N2 "$images/db/data.img" | xargs)"
stop
finish
