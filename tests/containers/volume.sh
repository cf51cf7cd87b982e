#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One volume's directory in a container is a complete control plane for that
# volume and for nothing else, for root with every capability but SYS_ADMIN.
. "${srcdir:-.}/tests/containers/lib.sh"
. "$source_dir/tests/containers/confined.sh"
confined_start

for engine in "${engines[@]}"; do
	name=vol-$engine
	volume_make db
	box $engine $name $(all_but $engine) -v "$(doc_v /volumes/local/db)" \
		-e HOST_CANARY="${canary#/}" -e HOST_TREE="$tree" \
		-e NEIGHBOUR_DEVICE="$neighbour_device"
	saw "$engine: $(inside $engine $name grep CapEff /proc/self/status)"

	# The whole life of the volume, from inside.
	ok inside $engine $name sh -ec '
		cd /vol
		[ "$(cat mounted)" = 0 ]
		echo 1 >mount
		[ "$(cat mounted)" = 1 ]
		echo hello >data/file
		mkdir snapshots/kept
		until grep -q available snapshots/kept/state; do usleep 50000; done
		echo changed >data/file
		echo 1 >unmount
		echo 1 >snapshots/kept/restore
		echo 1 >mount
		[ "$(cat data/file)" = hello ]
		echo 128M >size || [ "$(cat attached)" = 1 ]'
	is "$engine: the file on the host" hello "$(cat "$tree/local/db/data/file")"
	# Nothing that can be read there names a neighbour.
	is "$engine: neighbours named" "" "$(inside $engine $name sh -c \
		"find /vol -path /vol/data -prune -o -type f -exec grep -lE 'elsewhere|theirs' {} +")"
	read_n=$(inside $engine $name sh -c 'find /vol -path /vol/data -prune -o -type f -exec cat {} + | wc -c')
	[ "$read_n" -gt 1000 ] || fail "$engine: only $read_n bytes can be read"
	before=$(neighbours)
	mark=$(events_mark)
	for turn in mounted unmounted; do
		inside $engine $name /attack volume /vol "${inodes[@]}" >attack.said 2>&1 ||
			fail "$engine: the attack did not end well"
		attack_ended "$engine, $turn at first" attack.said
		wr "$tree/local/db/unmount" force >/dev/null
		wr "$tree/local/db/detach" 1 >/dev/null
	done
	is "$engine: the neighbours" "$before" "$(neighbours)"
	only_these "$engine" "$mark" '.service == "local" and .volume == "db"'
	unbox $engine $name
	volume_end db
done
stop
finish
