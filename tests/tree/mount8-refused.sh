#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What mount.volfs refuses, each with a sentence and a status of mount(8).
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/lib/mount8.sh"
place db
at=$dir/srv/db
with=tree=$tree

# No tree, then one; a volume that is none.
ends 32 mount -t volfs -o "$with" local/db "$at"
says said.out "no volfs tree is at '$tree'"
start
v=$tree/local/db
ok wr "$tree/local/.create/db" size=64M
ends 32 mount -t volfs -o "$with" local/dp "$at"
says said.out "no volume 'dp' in 'local': there is 'db'"
ends 32 mount -t volfs -o "$with" lokal/db "$at"
says said.out "no service 'lokal'"
ends 1 mount -t volfs -o "$with" local "$at"
says said.out "neither"
ends 1 mount -t volfs -o "$with" Local/db "$at"
ends 32 mount.volfs local/db "$dir/srv/none" -o "$with"
says said.out "none"
touch file
ends 32 mount.volfs local/db "$dir/file" -o "$with"
says said.out "not a directory"
ok wr "$v/mount" 1
ends 1 mount.volfs local/db "$v/data" -o "$with"
says said.out "by itself"
ok wr "$v/unmount" 1
ends 1 mount.volfs local/db
says said.out Usage
ends 1 setpriv --reuid 65534 mount.volfs local/db "$at" -o "$with"
says said.out "only root"
ends 32 umount.volfs "$at"
says said.out "no volume is mounted at '$at'"
long=$(printf 'x%.0s' {1..200})/$(printf 'x%.0s' {1..200})
mkdir -p "$dir/srv/$long"
ends 1 mount -t volfs -o "$with" local/db "$dir/srv/$long"
says said.out "holder=NAME"
is "mounted by none of these" 0 "$(cat "$v/mounted")"

# A daemon in a mount namespace of its own says so at its start, and mount.volfs
# says what it cannot see.
stop
VOLFSD_UNDER="unshare -m --propagation slave" launch
within 10 grep -q "mount namespace of its own" volfsd.log
kill -TERM "$pid"; wait "$pid" 2>/dev/null; pid=

# The daemon is gone while something is mounted: umount goes on, and says what
# is left to do; a stopped one does not hang us.
start
ends 0 mount -t volfs -o "$with" local/db "$at"
stop
ok test -d "$at/lost+found"
ends 0 umount "$at"
says said.out "volctl umount local/db user=mount:$at"
start
is "users" "mount:$at" "$(users local/db)"
kill -STOP "$pid"
ends 32 mount -t volfs -o "$with" local/db "$at"
says said.out "does not answer"
kill -CONT "$pid"
ok volctl umount local/db "user=mount:$at"
kill9
ends 32 mount -t volfs -o "$with" local/db "$at"
says said.out "has ended"
finish
