#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One service's directory in a container is a complete control plane for that
# service and for nothing else: neither for the other services, nor for the
# daemon, nor for files of the host.
. "${srcdir:-.}/tests/containers/lib.sh"
. "$source_dir/tests/containers/confined.sh"
confined_start

for engine in "${engines[@]}"; do
	name=svc-$engine
	box $engine $name $(all_but $engine) -v "$(doc_v /volumes/local)" \
		-e HOST_CANARY="${canary#/}" -e HOST_TREE="$tree"
	ok inside $engine $name sh -ec '
		cd /svc
		echo size=64M >.create/db
		echo 1 >db/mount
		echo hello >db/data/file
		mkdir db/snapshots/kept
		until grep -q available db/snapshots/kept/state; do usleep 50000; done
		echo from=db@kept >.create/copy
		mv copy copied
		echo 1 >copied/mount
		[ "$(cat copied/data/file)" = hello ]
		echo 1 >copied/unmount
		echo 0 >copied/protect
		echo 1 >.remove/copied
		[ ! -e copied ]'
	before=$(neighbours cloud)
	mark=$(events_mark)
	inside $engine $name /attack service /svc "${inodes[@]}" >attack.said 2>&1 ||
		fail "$engine: the attack did not end well"
	attack_ended "$engine" attack.said
	is "$engine: the other service" "$before" "$(neighbours cloud)"
	only_these "$engine" "$mark" '.service == "local"'
	unbox $engine $name
	for v in "$tree"/local/*/; do
		v=$(basename "$v")
		[ $v = elsewhere ] || volume_end "$v"
	done
done
stop
finish
