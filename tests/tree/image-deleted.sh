#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An image deleted behind the daemon's back: the volume is lost, not
# recreated, and its mount is left alone.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
s=$tree/local
ok wr "$s/.create/db" 1
ok wr "$s/.create/idle" 1
ok wr "$s/.create/held" 1
ok wr "$s/.create/again" 1
ok wr "$s/held/attach" 1
ok wr "$s/again/attach" 1
ok wr "$s/db/mount" 1
echo kept >"$s/db/data/file" && sync "$s/db/data/file"
ok rm -rf "$images/db" "$images/idle" "$images/held" "$images/again"
ok wr "$s/.refresh" 1
within 20 has "$s/db/state" lost
is "the data goes on" kept "$(cat "$s/db/data/file")"
within 20 gone "$s/idle"
got=$(wr "$s/db/size" 128M) && fail "a lost volume grows"
is "growing it" ESTALE "$got"
ok wr "$s/db/unmount" 1
[ ! -e "$s/db" ] || ok wr "$s/db/forget" 1
within 20 gone "$s/db"
# Attached only: its loop device is found all the same, by what it stands on;
# also by a daemon that was started since.
within 20 has "$s/held/state" lost
ok wr "$s/held/detach" 1
within 20 sh -c "! losetup -a | grep -q '$images/held'"
[ ! -e "$s/held" ] || ok wr "$s/held/forget" 1
kill9
start
within 10 has "$s/again/state" lost
ok wr "$s/again/detach" 1
[ ! -e "$s/again" ] || ok wr "$s/again/forget" 1
within 20 gone "$s/again"
stop
is "loop devices left" "" "$(loops)"
finish
