#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lists: aligned tables, names alone, JSON, and what cannot be listed.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree

run 0 ls
exactly out <<END
NAME   STATE  DRIVER  VOLUMES  MOUNTED
cloud  ok     sim           0        1
local  ok     local         2        1
END
silent err

run 0 ls local
exactly out <<END
NAME  STATE        SIZE  TYPE     USED  MOUNTED  ID
db    attached   16 GiB  thin  512 MiB  yes      id-db
web   available   1 GiB  thin  512 MiB  no       id-web
END

run 0 ls --bytes local/db
exactly out <<END
NAME     STATE            SIZE  CREATED               PROTECTED  ID
nightly  available  1073741824  2026-11-20T00:00:00Z  yes        snap-nightly
END

run 0 ls -q local
exactly out <<END
local/db
local/web
END
run 0 ls -q local/db
exactly out <<END
local/db@nightly
END

# several: each under its name
run 0 ls local/db cloud
says out "local/db:"
says out "cloud:"

# an empty service is a table without rows
run 0 ls cloud
exactly out <<END
NAME  STATE  SIZE  TYPE  USED  MOUNTED  ID
END

# JSON is the status files, as an array
run 0 ls --json local
{ echo '['; sed '$s/$/,/' "$tree/local/db/status"; cat "$tree/local/web/status"
  echo ']'; } >"$dir/expected"
diff "$dir/expected" "$dir/out" || fail "ls --json is not the status files"
run 0 ls --json cloud
exactly out <<END
[]
END

# paths below the tree and a slash at the end are names, too
run 0 ls "$tree/local/"
says out id-db
run 0 ls local/
says out id-db

# the tree of the environment
VOLFS_TREE=$tree "$volctl" ls >"$dir/out" || fail "VOLFS_TREE is not heeded"
says out "local"

# what a terminal could obey is not printed, and columns stay in line
make_volume local odd available 1 false
printf '{"state":"av\\u001b[31mail","size_bytes":null,"type":"\\u202eé","id":"a\\u0000b","mounted":false}' \
	>"$tree/local/odd/status"
run 0 ls local
grep -q "$(printf '\033')" "$dir/out" && fail "an escape byte was printed"
says out 'av\x1B[31mail'
says out '\xE2\x80\xAEé'

# one that cannot be read fails, the others are listed
echo 'not json' >"$tree/local/odd/status"
run 1 ls local
says err "local/odd: its status cannot be read: it is not JSON"
says out "id-web"
rm -r "$tree/local/odd"

run 1 ls nosuch
says err "there is no service 'nosuch'"
run 1 ls locl
says err "did you mean 'local'"
run 1 ls local/wep
says err "there is no volume 'wep' in 'local': did you mean 'web'"
run 2 ls 'No Service'
run 1 -t "$dir/none" ls
says err "holds no volfs tree"
run 1 -t "$dir/none" ls local
says err "is volfsd running"

# a listing that cannot be written is a failure
if [ -e /dev/full ]; then
	"$volctl" -t "$tree" ls >/dev/full 2>"$dir/err" &&
		fail "a full disk is no failure"
	says err "could not be written"
fi
finish
