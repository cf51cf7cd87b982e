#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Asking for what is so already succeeds and does nothing.
. "${srcdir:-.}/tests/lib.sh"
start
s=$tree/local v=$tree/local/db
ok wr "$s/.create/db" size=64M
ok wr "$s/.create/db" size=64M
ok wr "$s/.create/db" 1
fails_with EEXIST "$s/.create/db" size=128M
says "$s/.error" 64M
fails_with EEXIST --mkdir "$v"
ok wr "$v/detach" 1
ok wr "$v/unmount" 1
ok wr "$v/attach" 1
ok wr "$v/attach" 1
ok wr "$v/mount" 1
device=$(readlink "$v/device")
ok wr "$v/mount" 1
is "device" "$device" "$(readlink "$v/device")"
is "users" 1 "$(wc -l <"$v/users")"
is "user" manual "$(json "$v/users" .name)"
ok wr "$v/mount" user=web
is "users" 2 "$(wc -l <"$v/users")"
fails_with EBUSY "$v/detach" 1
ok wr "$v/unmount" 1
is "mounted, by one more user" 1 "$(cat "$v/mounted")"
# What is told to end the mount is told by whose it is.
fails_with EBUSY "$v/detach" 1
says "$v/error" "echo user=web > db/unmount"
fails_with EBUSY --rename "$v" "$s/other"
says "$v/error" "echo user=web > db/unmount"
is "volctl umount" "local/db: still mounted for 'web': user=NAME ends each of these" \
	"$(volctl umount local/db)"
ok wr "$v/unmount" user=web
is "mounted" 0 "$(cat "$v/mounted")"
is "attached: it was before the mount" 1 "$(cat "$v/attached")"
is "device" "$device" "$(readlink "$v/device")"
is "its size" 67108864 "$(blockdev --getsize64 "$v/device")"
ok wr "$v/unmount" user=web
ok wr "$v/detach" 1
is "attached" 0 "$(cat "$v/attached")"
fails_with ENOENT "$s/.remove/absent" 1
ok wr "$s/.remove/absent" absent=ok
# dry-run answers and changes nothing.
ok wr "$v/mount" dry-run
is "mounted by a dry run" 0 "$(cat "$v/mounted")"
ok wr "$s/.create/other" "dry-run size=64M"
ok gone "$s/other"
fails_with EINVAL "$s/.create/other" "dry-run size=0"
# async answers at once
ok wr "$v/mount" async
within 10 has "$v/mounted" 1
ok wr "$v/unmount" force
stop
finish
