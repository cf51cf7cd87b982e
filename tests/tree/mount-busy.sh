#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A busy mount: EBUSY names who holds it, also from another mount namespace;
# force and lazy.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/mount" 1
sleep 1000 <"$v/data" & holder=$!
(cd "$v/data" && exec sleep 1001) & cwd=$!
fails_with EBUSY "$v/unmount" 1
says "$v/error" "$holder"
says "$v/error" sleep
is "mounted" 1 "$(cat "$v/mounted")"
kill $holder $cwd; wait $holder $cwd 2>/dev/null
ok wr "$v/unmount" 1

# Who holds it sits in a mount namespace of its own.
ok wr "$v/mount" 1
unshare -m --propagation private sh -c "cd '$v/data' && exec sleep 1002" & holder=$!
within 20 sh -c "readlink /proc/$holder/cwd | grep -q data"
fails_with EBUSY "$v/unmount" 1
says "$v/error" "$holder"
is "mounted, after the refusal" 1 "$(cat "$v/mounted")"
ok is_mount "$v/data"
# Where the device is to stay, its holder does not matter.
ok wr "$v/unmount" keep
ok wr "$v/mount" 1
kill $holder; wait $holder 2>/dev/null
ok wr "$v/unmount" 1
is "mounted" 0 "$(cat "$v/mounted")"
ok wr "$v/detach" 1

# Another place of this namespace holds it as well; a copy of the whole tree,
# which follows it, does not.
mkdir place copy
ok mount --rbind "$tree" copy
ok wr "$v/mount" 1
ok is_mount "copy/local/db/data"
ok mount --bind "$v/data" place
fails_with EBUSY "$v/unmount" 1
says "$v/error" "mounted at $dir/place"
is "mounted, after the refusal" 1 "$(cat "$v/mounted")"
ok umount place
unshare -m --propagation slave sleep 1004 & holder=$!
within 20 sh -c "! cmp -s /proc/self/mountinfo /proc/$holder/mountinfo && grep -q sleep /proc/$holder/comm"
ok wr "$v/unmount" 1
is "mounted in the copy" "" "$(findmnt -no FSTYPE "copy/local/db/data")"
kill $holder; wait $holder 2>/dev/null
ok umount copy
is "attached" 0 "$(cat "$v/attached")"

# lazy lets go of the path; the device stays until nobody uses it.
ok wr "$v/mount" 1
sleep 1003 <"$v/data" & holder=$!
ok wr "$v/unmount" lazy
is "a mount at data" "" "$(findmnt -no FSTYPE "$v/data")"
is "the image's loop device stays" 1 "$(loops | wc -l)"
kill $holder; wait $holder 2>/dev/null
ok wr "$v/detach" 1
within 20 test -z "$(loops)"
stop
finish
