#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The programs people write files with, over control files.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 16M}}
END
start
ok wr "$tree/local/.create/db" 1
v=$tree/local/db

echo 1 | ok tee "$v/attach" >/dev/null
is "after tee" 1 "$(cat "$v/attached")"
echo 1 >one
ok cp one "$v/detach"
is "after cp" 0 "$(cat "$v/attached")"
ok dd if=one of="$v/attach" status=none
is "after dd" 1 "$(cat "$v/attached")"
ok dd if=one of="$v/detach" conv=notrunc status=none
is "after dd conv=notrunc" 0 "$(cat "$v/attached")"
dd if=one of="$v/attach" seek=1 bs=1 status=none 2>/dev/null &&
	fail "dd at an offset succeeds"
dd if=one of="$v/attach" oflag=append conv=notrunc status=none 2>/dev/null &&
	fail "dd to append succeeds"
(echo 1 >>"$v/attach") 2>/dev/null && fail "the shell's >> succeeds"
is "after what was refused" 0 "$(cat "$v/attached")"

# sed -i makes a file beside: refused, and nothing changes.
sed -i s/16777216/33554432/ "$v/size" 2>/dev/null && fail "sed -i succeeds"
is "size" 16777216 "$(cat "$v/size")"
is "entries of the volume with a strange name" "" \
	"$(ls -A "$v" | grep -v '^[A-Za-z-]*$')"

# vim writes in place where it can make no backup beside.
for vim in vim.tiny vim vi; do command -v $vim >/dev/null && break; done
timeout 30 $vim -u NONE -i NONE -n -es -c 'set nobackup nowritebackup' \
	-c '%s/.*/32M/' -c 'w!' -c 'q!' "$v/size" </dev/null >vim.out 2>&1
is "size after vim" 33554432 "$(cat "$v/size")"

ok python3 -c "open('$v/size','w').write('64M')"
is "size after Python" 67108864 "$(cat "$v/size")"
ok sh -c "printf 1 > '$v/attach'"
ok bash -c "echo 1 > '$v/detach'"
is "attached at the end" 0 "$(cat "$v/attached")"
stop
finish
