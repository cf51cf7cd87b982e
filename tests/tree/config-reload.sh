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
ok gone "$tree/third"
stop
finish
