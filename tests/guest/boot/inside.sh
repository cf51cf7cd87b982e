#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Process 1 in the guest's final root, or a unit of systemd's: runs the script,
# says how it went, and turns the guest off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 HOME=/root TERM=dumb
. /run/guest/env

# What tests/lib.sh works in; a cell of its own is not needed here.
export VOLFS_CELL=/tmp/guest TMPDIR=/tmp

prepare() {
	hostname guest
	ip link set lo up
	modprobe -qa fuse loop virtio_blk
	# UML's first disk and QEMU's.
	for disk in /dev/ubda /dev/vda; do
		[ ! -b $disk ] || ln -s $disk /run/guest/disk
	done
	mkdir -p $VOLFS_CELL
}

# As tests/lib/cell.c does.
show_logs() {
	local log
	for log in $VOLFS_CELL/*.log; do
		[ -s "$log" ] || continue
		printf -- '---- %s\n' "$log"
		tail -c 16384 "$log"
	done
}

run() {
	local up left
	read -r up _ </proc/uptime
	left=$((limit - ${up%.*}))
	timeout -k 5 $((left > 0 ? left : 1)) bash "$script" "${arguments[@]}"
	local status=$?
	case $status in
	0|77) ;;
	124|137) echo "the time limit of $limit s in the guest is over" ;;
	esac
	[ $status = 0 ] || [ $status = 77 ] || show_logs
	return $status
}

prepare
run >/run/guest/out 2>&1 </dev/null
echo $? >/run/guest/verdict
# The ports are written through; nothing else outlives the guest.
busybox poweroff -f
