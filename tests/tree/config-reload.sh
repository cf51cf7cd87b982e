#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A reload disturbs no mount; an added service appears, a removed one stays
# while it is used; a broken file changes nothing.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  local: {driver: local, size: 64M}
  other: {driver: local, size: 64M}
END
start
for s in local other; do
	ok wr "$tree/$s/.create/db" 1
	ok wr "$tree/$s/db/mount" 1
done
config <<END
services:
  local: {driver: local, size: 128M, verbMode: "0600"}
  third: {driver: local, size: 64M}
END
ok wr "$tree/.volfs/reload" 1
ok test -e "$tree/third/.status"
is "mode of a verb" 600 "$(stat -c %a "$tree/local/db/attach")"
is "a mount" 1 "$(cat "$tree/local/db/mounted")"
ok is_mount "$tree/local/db/data"
is "state of the removed service" retired "$(json "$tree/other/.status" .state)"
ok is_mount "$tree/other/db/data"
ok wr "$tree/local/.create/new" 1
is "size by the new default" 134217728 "$(cat "$tree/local/new/size")"
printf 'services: [' | config
fails_with EINVAL "$tree/.volfs/reload" 1
ok test -e "$tree/third/.status"
config <<END
services:
  local: {driver: local, size: 128M}
END
ok wr "$tree/.volfs/reload" 1
ok wr "$tree/other/db/unmount" 1
within 10 gone "$tree/other"
within 10 gone "$tree/third"

# One that a reload breaks, by an option or another driver: what runs and what
# is mounted goes on and can be ended, nothing else begins.
config <<END
services:
  local: {driver: local, size: 64M}
  cloud: {driver: sim, size: 64M, pending: 3s}
END
ok wr "$tree/.volfs/reload" 1
within 10 has_json "$tree/cloud/.status" .state ok
wr "$tree/cloud/.create/slow" 1 >slow.out & slow=$!
within 10 has_json "$tree/cloud/.status" .counts.jobs_running 1
broken() { # broken SENTENCE: of the file on standard input
	config
	ok wr "$tree/.volfs/reload" 1
	is "state" misconfigured "$(json "$tree/cloud/.status" .state)"
	says "$tree/cloud/.error" "$1"
	fails_with EHOSTUNREACH "$tree/cloud/.create/new" 1
}
broken latency <<END
services:
  local: {driver: local, size: 64M}
  cloud: {driver: sim, size: 64M, latency: soon}
END
broken "its driver was 'sim'" <<END
services:
  local: {driver: local, size: 64M}
  cloud: {driver: local, size: 64M}
END
wait $slow
is "what ran" OK "$(cat slow.out)"
ok wr "$tree/local/db/unmount" 1
broken latency <<END
services:
  local: {driver: local, size: 64M, path: relative}
  cloud: {driver: sim, size: 64M, latency: soon}
END
config <<END
services:
  local: {driver: local, size: 64M}
  cloud: {driver: sim, size: 64M}
END
ok wr "$tree/.volfs/reload" 1
within 10 has_json "$tree/cloud/.status" .state ok
is "state of what was made" available "$(cat "$tree/cloud/slow/state")"
ok wr "$tree/cloud/.create/new" 1
# Mounted while it breaks.
ok wr "$tree/cloud/new/mount" 1
broken latency <<END
services:
  cloud: {driver: sim, size: 64M, latency: soon}
END
ok wr "$tree/cloud/new/unmount" 1
is "mounted" 0 "$(cat "$tree/cloud/new/mounted")"
stop
finish
