#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Names at the limits: dots, 255 bytes, spaces, newlines, what is ours.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 16M}}
END
start
s=$tree/local
long=$(printf 'n%.0s' $(seq 255))
is "255 bytes" OK "$(wr --mkdir "$s/$long")"
ok test -d "$s/$long"
is "256 bytes" EINVAL "$(wr --mkdir "$s/n$long")"
says "$s/.error" 255
# One escaped byte is three: 253 + 3 is too long.
is "escaped, 256 bytes" EINVAL "$(wr --mkdir "$s/${long:0:253}%20")"
fails_with EEXIST --mkdir "$s/.."
fails_with EEXIST --mkdir "$s/."
fails_with EINVAL --mkdir "$s/.hidden"
fails_with EINVAL --mkdir "$s/"$'a\nb'
fails_with EINVAL --mkdir "$s/a b"
is "a dot, escaped" OK "$(wr --mkdir "$s/%2Ehidden")"
is "dots, escaped" OK "$(wr --mkdir "$s/%2E.")"
ok ls -l "$s/%2E."
fails_with EINVAL --mkdir "$s/100%"
fails_with EEXIST --mkdir "$s/.create"
fails_with EPERM --mkdir "$tree/service"
fails_with EPERM --mkdir "$tree/.volfs/x"
fails_with EPERM --mkdir "$s/$long/x"
fails_with EPERM --unlink "$s/$long/status"
fails_with EPERM --unlink "$s/.status"
fails_with EPERM --create "$s/file"
fails_with EPERM --create "$s/$long/file"
fails_with EPERM --mknod "$s/fifo"
fails_with EPERM --symlink x "$s/link"
fails_with EPERM --link "$s/$long/status" "$s/hard"
fails_with EROFS --create "$s/$long/data/file"
fails_with EROFS --mkdir "$s/$long/data/dir"
fails_with ENOENT --read "$s/absent/status"
fails_with ENOENT --rmdir "$s/absent"
fails_with ENOTSUP --setxattr "$s/$long/status"
fails_with ENOTSUP --getxattr "$s/$long/status"
stop
finish
