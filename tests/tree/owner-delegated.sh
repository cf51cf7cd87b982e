#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# chown of a volume's directory hands over its control files, over restarts
# too; its neighbours stay.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
as() { setpriv --reuid="$1" --regid="$2" --clear-groups "${@:3}"; }
chmod 755 "$dir"
start
ok wr "$tree/local/.create/mine" 1
ok wr "$tree/local/.create/other" 1
v=$tree/local/mine
ok chown 1000:1000 "$v"
is "owner of the directory" "1000:1000" "$(stat -c %u:%g "$v")"
is "owner of a verb" "1000:1000" "$(stat -c %u:%g "$v/attach")"
is "owner of the neighbour" "0:0" "$(stat -c %u:%g "$tree/local/other/attach")"
is "attach by the owner" OK "$(as 1000 1000 wr "$v/attach" 1)"
is "attach of the neighbour" EACCES "$(as 1000 1000 wr "$tree/local/other/attach" 1)"
is "a snapshot by the owner" OK "$(as 1000 1000 wr --mkdir "$v/snapshots/one")"
is "chown by the owner" EPERM "$(as 1000 1000 wr --chown=1001: "$v")"
is "a stranger" EACCES "$(as 1001 1001 wr "$v/detach" 1)"
ok chmod 700 "$v"
is "mode" 700 "$(stat -c %a "$v")"
is "a stranger reads" EACCES "$(as 1001 1001 wr --read "$v/status")"
stop
start
is "owner after a restart" "1000:1000 700" "$(stat -c '%u:%g %a' "$v")"
is "owner of a verb" "1000:1000" "$(stat -c %u:%g "$v/attach")"
is "detach by the owner" OK "$(as 1000 1000 wr "$v/detach" 1)"
stop
finish
