#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may: modes of every kind of file, a group's rights, and a stranger who
# may only read.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  local: {driver: local, size: 64M}
  team: {driver: local, size: 64M, group: daemon}
END
as() { setpriv --reuid="$1" --regid="$2" --clear-groups "${@:3}"; }
start
ok wr "$tree/local/.create/db" 1
ok wr "$tree/team/.create/db" 1
v=$tree/local/db
mode() { stat -c '%a %u %g' "$1"; }
is "root" "755 0 0" "$(mode "$tree")"
is "service" "755 0 0" "$(mode "$tree/local")"
is "status" "444 0 0" "$(mode "$v/status")"
is "verb" "644 0 0" "$(mode "$v/attach")"
is "setting" "644 0 0" "$(mode "$v/size")"
is "jobs" "550 0 0" "$(mode "$tree/.volfs/jobs")"
for f in events mounts devices config; do
	is "$f" "440 0 0" "$(mode "$tree/.volfs/$f")"
done
is "a group's service" "775 0 1" "$(mode "$tree/team")"
is "a group's verb" "664 0 1" "$(mode "$tree/team/db/attach")"
# nobody reads, and does nothing
chmod 755 "$dir"
ok as 65534 65534 cat "$v/status" "$tree/local/.status" "$tree/README"
ok as 65534 65534 ls -lR "$v"
is "attach by nobody" EACCES "$(as 65534 65534 wr "$v/attach" 1)"
is "mkdir by nobody" EACCES "$(as 65534 65534 wr --mkdir "$tree/local/x")"
is "create by nobody" EACCES "$(as 65534 65534 wr "$tree/local/.create/x" 1)"
is "rmdir by nobody" EACCES "$(as 65534 65534 wr --rmdir "$v")"
is "events by nobody" EACCES "$(as 65534 65534 wr --read "$tree/.volfs/events")"
is "chmod by nobody" EPERM "$(as 65534 65534 wr --chmod=777 "$v/attach")"
# the group does
is "mkdir by the group" OK "$(as 65534 1 wr --mkdir "$tree/team/mine")"
within 20 has "$tree/team/mine/state" available
is "attach by the group" OK "$(as 65534 1 wr "$tree/team/mine/attach" 1)"
is "uid in the job" 65534 "$(json "$tree/.volfs/jobs/$(last_job "$tree/team/mine")/status" .uid)"
stop
finish
