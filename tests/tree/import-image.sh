#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An image somebody has is taken over, its content untouched and never
# formatted.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
mkdir -p "$images"
truncate -s 64M old.img
ok mkfs.ext4 -q old.img
mkdir mnt && mount -o loop old.img mnt && echo kept >mnt/file && umount mnt
cp old.img "$images/old.img"
ok wr "$tree/local/.import/old.img" name=db
v=$tree/local/db
is "size" 67108864 "$(cat "$v/size")"
is "managed" 1 "$(cat "$v/managed")"
is "protect" 1 "$(cat "$v/protect")"
ok wr "$v/mount" 1
is "the data" kept "$(cat "$v/data/file")"
ok wr "$v/unmount" 1
is "source" import "$(json "$v/status" .source.kind)"
# Blank, but imported: no mkfs.
truncate -s 64M "$images/empty.img"
ok wr "$tree/local/.import/empty.img" name=empty
fails_with EUCLEAN "$tree/local/empty/mount" 1
fails_with ENOENT "$tree/local/.import/absent.img" name=absent
fails_with EINVAL "$tree/local/.import/absent.img" 1
says "$tree/local/.error" name=
fails_with EINVAL "$tree/local/.import/absent.img" name=
stop
finish
