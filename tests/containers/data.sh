#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# data/ alone in a container: the volume's file system, native, and no way to a
# control file, to another volume or to the host, for root with every
# capability but SYS_ADMIN.
. "${srcdir:-.}/tests/containers/lib.sh"
. "$source_dir/tests/containers/confined.sh"
confined_start
volume_make db
ok wr "$tree/local/db/mount" 1

for engine in "${engines[@]}"; do
	name=data-$engine
	box $engine $name $(all_but $engine) -v "$(doc_v /volumes/local/db/data)" \
		-e HOST_CANARY="${canary#/}" -e HOST_TREE="$tree" \
		-e NEIGHBOUR_DEVICE="$neighbour_device"
	is "$engine: its file system" ext4 "$(inside $engine $name \
		sed -n 's|^[^ ]* /data \([^ ]*\).*|\1|p' /proc/mounts)"
	ok inside $engine $name sh -c 'echo hello >/data/file && ln -s / /data/away && mkdir /data/dir'
	is "$engine: the file on the host" hello "$(cat "$tree/local/db/data/file")"
	before=$(neighbours)
	mark=$(events_mark)
	inside $engine $name /attack data /data "${inodes[@]}" >attack.said 2>&1 ||
		fail "$engine: the attack did not end well"
	attack_ended "$engine" attack.said
	is "$engine: the neighbours" "$before" "$(neighbours)"
	is "$engine: events of whatever volume" "" "$(jq -c \
		"select(.seq > $mark and .volume != null)" "$tree/.volfs/events")"

	# A link that it made leads nobody out: subpath follows none.
	ok wr "$tree/local/db/unmount" "lazy"
	ok unbox $engine $name
	within 10 sh -c "wr '$tree/local/db/detach' 1 | grep OK"
	ok wr "$tree/local/db/subpath" /away/etc
	fails_with EINVAL "$tree/local/db/mount" 1
	says "$tree/local/db/error" "symbolic link"
	ok wr "$tree/local/db/subpath" /dir
	ok wr "$tree/local/db/mount" 1
	box $engine $name -v "$(doc_v /volumes/local/db/data)"
	is "$engine: a subpath alone" "" "$(inside $engine $name ls -A /data)"
	is "$engine: above it" "$(inside $engine $name ls -A /)" \
		"$(inside $engine $name ls -A /data/..)"
	unbox $engine $name
	ok wr "$tree/local/db/unmount" 1
	ok wr "$tree/local/db/subpath" /
	ok wr "$tree/local/db/mount" 1
	ok rm -r "$tree/local/db/data/"{file,away,dir}
done
stop
finish
