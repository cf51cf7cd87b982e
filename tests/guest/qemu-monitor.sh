#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: qemu -d 64
# The guest's ways out: the emulator's monitor, a disk of the host's, the
# script's arguments and environment.
. "${srcdir:-.}/tests/guest/lib.sh"
is "status" running "$(qmp query-status | jq -r .status)"
qmp device_add '{"driver":"no-such-device"}' 2>"$dir/said" &&
	fail "a device that is none was added"
says "$dir/said" no-such-device
is "status, asked again" running "$(qmp query-status | jq -r .status)"
is "size of the disk" 67108864 "$(blockdev --getsize64 /run/guest/disk)"
ok mkfs.ext4 -q /run/guest/disk
finish
