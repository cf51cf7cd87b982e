#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One write is one whole line: too long, NUL, in pieces, at an offset, appended.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 16M}}
END
start
ok mkdir "$tree/local/db"
within 10 test -e "$tree/local/db/id"
v=$tree/local/db
blanks() { printf '%*s' "$1" ''; }
fails_with E2BIG "$v/attach" "1$(blanks 4095)"
says "$v/error" "at most 4095 bytes"
fails_with E2BIG "$v/attach" "1$(blanks 100000)"
is "attached" 0 "$(cat "$v/attached")"
fails_with EINVAL --append "$v/attach" 1
says "$v/error" "attach: opened to append"
fails_with EINVAL --append "$v/size" 64M
says "$v/error" "size: opened to append"
fails_with EINVAL --append "$tree/local/.create/other" 1
says "$tree/local/.error" "create: opened to append"
fails_with EINVAL --offset=1 "$v/attach" 1
says "$v/error" "one whole line"
fails_with EINVAL --offset=100000 "$v/attach" 1
is "NUL" EINVAL "$(printf 'a\0b' | wr "$v/attach" -)"
is "NUL in a value" EINVAL "$(printf '16M\0' | wr "$v/size" -)"
fails_with EINVAL --pieces=1 "$v/set" "size=32M"
is "size" 16777216 "$(cat "$v/size")"
fails_with EINVAL "$v/attach" "sideways"
says "$v/error" sideways
fails_with EINVAL "$v/mount" "ro=maybe"
fails_with EINVAL "$v/mount" "ro ro"
fails_with EINVAL "$v/set" "size=32M size=64M"
fails_with EINVAL "$v/set" "sise=32M"
says "$v/error" size
fails_with EINVAL "$v/set" "size=32M mode=9999"
is "size: all or nothing" 16777216 "$(cat "$v/size")"
ok wr "$v/set" $'size=32M\n'
is "size" 33554432 "$(cat "$v/size")"
# To truncate, to close, to touch and to write nothing do nothing.
ok wr --truncate=0 "$v/attach"
ok touch "$v/attach"
ok sh -c ": > '$v/attach'"
ok chmod "$(stat -c %a "$v/attach")" "$v/attach"
is "attached" 0 "$(cat "$v/attached")"
ok wr --trunc "$v/attach" 1
is "attached" 1 "$(cat "$v/attached")"
ok wr "$v/detach" "$(blanks 4000)1"
is "attached" 0 "$(cat "$v/attached")"
stop
finish
