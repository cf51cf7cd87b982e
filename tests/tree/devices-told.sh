#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# .volfs/devices says which volume a device is from the attachment on and no
# longer than that; how large it is, and how full, also after growth in use.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  local: {driver: local, size: 512M, fstype: xfs}
  cloud: {driver: sim}
END
start
within 10 has_json "$tree/cloud/.status" .state ok
# device_is SERVICE [DEVICE BYTES]: the line of its volume db, which is made once
# what changes it is answered.
device_is() {
	[ "$(jq -r "select(.service == \"$1\" and .volume == \"db\") |
		\"\(.device) \(.size_bytes)\"" "$tree/.volfs/devices")" = "${*:2}" ]
}
ok wr "$tree/local/.create/db" 1
ok wr "$tree/cloud/.create/db" size=512M
for s in local cloud; do
	v=$tree/$s/db
	ok wr "$v/attach" 1
	within 10 device_is $s "$(readlink "$v/device")" 536870912
	ok wr "$v/detach" 1
	within 10 device_is $s
	ok wr "$v/mount" 1
	within 10 device_is $s "$(readlink "$v/device")" 536870912
	ok wr "$v/unmount" 1
	within 10 device_is $s
done
v=$tree/local/db
ok wr "$v/mount" 1
ok wr "$v/size" 1G
within 10 device_is local "$(readlink "$v/device")" 1073741824
ok test "$(json "$v/status" .usage.total_bytes)" -gt 900000000
stop
finish
