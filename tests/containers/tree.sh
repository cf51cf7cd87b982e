#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole tree in a container: what is mounted later appears where it was
# handed in rslave, unmounts follow; without rslave data/ stays empty, and a
# write there says why.
. "${srcdir:-.}/tests/containers/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
ok wr "$tree/local/.create/elsewhere" 1

for engine in "${engines[@]}"; do
	v=$tree/local/db
	ok wr "$tree/local/.create/db" 1
	box $engine tree $(all_but $engine) -v "$(doc_v /volumes)" \
		-e HOST_CANARY=x -e HOST_TREE="$tree"
	box $engine private -v "$v:/vol"
	in=/volumes/local/db
	ok inside $engine tree test -e /volumes/.volfs/events

	ok wr "$v/mount" 1
	ok sh -c "echo later >'$v/data/file'"
	is "$engine: data mounted later, rslave" later \
		"$(inside $engine tree cat $in/data/file)"
	is "$engine: its file system" ext4 "$(inside $engine tree \
		sed -n "s|^[^ ]* $in/data \([^ ]*\).*|\1|p" /proc/mounts)"
	saw "$engine, rslave: $(inside $engine tree grep " $in/data " /proc/mounts)"

	# The other container has the bare directory.
	is "$engine: data mounted later, rprivate" "" "$(inside $engine private ls -A /vol/data)"
	is "$engine: mounted, says the tree" 1 "$(inside $engine private cat /vol/mounted)"
	for what in --create --mkdir; do
		is "$engine: $what there" EROFS \
			"$(inside $engine private wr $what /vol/data/file)"
	done
	saw "$engine, rprivate: $(inside $engine private cat /vol/error)"
	says "$v/error" rslave
	is "$engine: jobs of refused writes" 1 "$(grep -c EROFS "$v/jobs")"

	# Verbs from inside act on the host, and are seen there.
	ok inside $engine tree sh -c "echo 1 >$in/unmount"
	is "$engine: mounted on the host" 0 "$(cat "$v/mounted")"
	is "$engine: in the container" "" "$(inside $engine tree ls -A $in/data)"
	ok inside $engine tree sh -c "echo 1 >$in/mount && rm $in/data/file"
	is "$engine: the file on the host" "" "$(ls "$v/data" | grep -v lost+found)"

	# Who works in there keeps it busy, and is named.
	ok $engine exec -d -w $in/data tree sleep 9999
	within 5 sh -c "! wr '$v/unmount' 1"
	says "$v/error" "(sleep) in container $(box_id $engine tree | cut -c 1-12)"
	saw "$engine: $(cat "$v/error")"
	is "$engine: still mounted" 1 "$(cat "$v/mounted")"

	# What the tests of confinement look for, they would have found here.
	inside $engine tree /attack volume $in $(stat -c %i "$tree/local/elsewhere") \
		>attack.said 2>&1
	grep -q "^ESCAPED: test -e $in/../elsewhere" attack.said ||
		fail "$engine: the attack sees nothing: $(tail -n 3 attack.said)"
	unbox $engine tree
	unbox $engine private
	wr "$v/unmount" force >/dev/null
	wr "$v/detach" 1 >/dev/null
	for s in "$v"/snapshots/*/; do
		[ ! -d "$s" ] || { ok wr "$s/protect" 0; ok rmdir "$s"; }
	done
	ok wr "$v/protect" 0
	ok wr "$tree/local/.remove/db" 1
done
stop
finish
