#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A volume without our mark can be looked at, attached and mounted, and
# nothing else, until it is imported.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'volumes: 2' 'volumeSize: 64M'
start
within 10 has_json "$tree/cloud/.status" .counts.volumes 2
v=$(ls -d "$tree"/cloud/* | head -n 1)
if [ "$(cat "$v/managed")" = 0 ]; then
	fails_with EPERM --rmdir "$v"
	fails_with EPERM "$v/size" 128M
	says "$v/error" .import
	fails_with EPERM "$tree/cloud/.remove/${v##*/}" 1
	ok wr "$v/attach" 1
	ok wr "$v/detach" 1
	# Never formatted by us.
	fails_with EUCLEAN "$v/mount" 1
	wr "$v/detach" 1 >/dev/null
	ok wr "$tree/cloud/.import/$(cat "$v/id")" 1
	is "managed" 1 "$(cat "$v/managed")"
fi
is "protect of what held data" 1 "$(cat "$v/protect")"
fails_with ENOTEMPTY --rmdir "$v"
ok wr "$v/size" 128M
ok wr "$v/protect" 0
ok wr "$tree/cloud/.remove/${v##*/}" 1
is "volumes" 1 "$(ls "$tree/cloud" | wc -l)"
stop
finish
