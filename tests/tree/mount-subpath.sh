#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# subpath, owner and mode of data/: made at the first mount, beneath the
# volume's root, no symlinks followed; read-only; options.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/set" "subpath=/in/side uid=1000 gid=1001 mode=0700"
ok wr "$v/mount" 1
is "owner of data" "1000:1001 700" "$(stat -c '%u:%g %a' "$v/data")"
is "nodev,nosuid" 1 "$(findmnt -no OPTIONS "$v/data" | grep -c 'nosuid.*nodev\|nodev.*nosuid')"
echo one >"$v/data/file"
ok wr "$v/unmount" 1
ok wr "$v/set" "uid=0 mode=0755"
ok wr "$v/mount" 1
is "owner, never again" "1000:1001 700" "$(stat -c '%u:%g %a' "$v/data")"
ok wr "$v/unmount" 1
ok wr "$v/subpath" /
ok wr "$v/mount" 1
is "the whole volume" one "$(cat "$v/data/in/side/file")"
# What is in force is what is told: data/ is bound by it again after a crash.
fails_with EBUSY "$v/subpath" /in
says "$v/error" "it is mounted with subpath '/'; unmount it first: echo 1 > db/unmount"
fails_with EBUSY "$v/options" noatime
ok wr "$v/options" "$(cat "$v/options")"
ok wr "$v/subpath" /
kill9
start
is "the whole volume" one "$(cat "$v/data/in/side/file")"
is "options" '["rw","nodev","nosuid"]' "$(jq -c .mount.options "$v/status")"
ln -s / "$v/data/away"
ok wr "$v/unmount" 1
ok wr "$v/subpath" /away/etc
got=$(wr "$v/mount" 1) && fail "a symlink is followed"
is "mounted" 0 "$(cat "$v/mounted")"
fails_with EINVAL "$v/subpath" /../..
ok wr "$v/subpath" /
ok wr "$v/mount" ro
is "writing" EROFS "$(wr --create "$v/data/new")"
is "read_only" true "$(json "$v/status" .mount.read_only)"
ok wr "$v/unmount" 1
ok wr "$v/mount" options=noatime
ok sh -c "findmnt -no OPTIONS '$v/data' | grep -q noatime"
ok wr "$v/unmount" 1
fails_with EINVAL "$v/mount" options=suid,dev,context=x

# Without a subpath they are those of the whole volume, once it is made.
v=$tree/local/whole
ok wr "$tree/local/.create/whole" 1
ok wr "$v/set" "uid=1000 gid=1001 mode=0750"
ok wr "$v/mount" 1
is "owner of the whole volume" "1000:1001 750" "$(stat -c '%u:%g %a' "$v/data")"
ok wr "$v/unmount" 1
stop
finish
