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
device_of() { # device_of SERVICE VOLUME
	jq -r "select(.service == \"$1\" and .volume == \"$2\") |
		\"\(.device) \(.size_bytes)\"" "$tree/.volfs/devices"
}
ok wr "$tree/local/.create/db" 1
ok wr "$tree/cloud/.create/db" size=512M
for s in local cloud; do
	v=$tree/$s/db
	ok wr "$v/attach" 1
	is "the device of $s" "$(readlink "$v/device") 536870912" \
		"$(device_of $s db)"
	ok wr "$v/detach" 1
	is "the device of $s, detached" "" "$(device_of $s db)"
	ok wr "$v/mount" 1
	is "the device of $s, mounted" "$(readlink "$v/device") 536870912" \
		"$(device_of $s db)"
	ok wr "$v/unmount" 1
	is "the device of $s, unmounted" "" "$(device_of $s db)"
done
v=$tree/local/db
ok wr "$v/mount" 1
ok wr "$v/size" 1G
is "the device, grown" "$(readlink "$v/device") 1073741824" \
	"$(device_of local db)"
ok test "$(json "$v/status" .usage.total_bytes)" -gt 900000000
stop
finish
