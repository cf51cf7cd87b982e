#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mount -t volfs SERVICE/VOLUME DIRECTORY: the volume at a directory of its
# own, for a named user of its own; umount ends that, and the last one's the
# mount. Twice is once.
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/lib/mount8.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
place db again
v=$tree/local/db at=$dir/srv/db
ok wr "$tree/local/.create/db" 1

ends 0 mount -t volfs -o "tree=$tree" local/db "$at"
silent
is "the type at the place" ext4 "$(findmnt -no FSTYPE "$at")"
is "users" "mount:$at" "$(users local/db)"
echo hello >"$at/file"
is "the same file system" hello "$(cat "$v/data/file")"
is "options of the place" 1 "$(findmnt -no OPTIONS "$at" | grep -c nosuid)"
says /run/mount/utab helper=volfs

ends 0 mount -v -t volfs -o "tree=$tree" local/db "$at"
says said.out already
is "mounts at the place after a second mount" 1 \
	"$(findmnt -no TARGET "$at" | wc -l)"
is "users after a second mount" "mount:$at" "$(users local/db)"

# What is mounted below the place is no part of the volume's own data/.
mkdir "$at/below"
ok mount -t tmpfs none "$at/below"
ok test -z "$(findmnt -no TARGET "$v/data/below")"
ok umount "$at/below"

# A second place, and the tree's own user, hold it too.
ends 0 mount -t volfs -o "tree=$tree,holder=web" "$v" "$dir/srv/again"
ok wr "$v/mount" 1
is "users of three" "manual mount:$at web" "$(users local/db)"
ends 0 umount "$at"
silent
is "users of two" "manual web" "$(users local/db)"
is "the place" "" "$(ls "$at")"
ok wr "$v/unmount" 1
is "mounted" 1 "$(cat "$v/mounted")"
ends 0 umount "$dir/srv/again"
is "mounted after the last" 0 "$(cat "$v/mounted")"
is "attached after the last" 0 "$(cat "$v/attached")"
is "notes left" "" "$(cat /run/mount/utab)"
is "loop devices left" "" "$(loops)"

# Names that the tree escapes; a directory with a blank.
place 'a b,c'
ok wr "$tree/local/.create/a%20b" size=64M
ends 0 mount -t volfs -o "tree=$tree" 'local/a b' "$dir/srv/a b,c"
is "the holder's name" "mount:$dir/srv/a%20b%2Cc" "$(users local/a%20b)"
ends 0 umount "$dir/srv/a b,c"
is "mounted" 0 "$(cat "$tree/local/a%20b/mounted")"
stop
finish
