#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon ends, by SIGTERM and by SIGKILL, and begins again while containers
# run: data goes on without a hitch; a container that was handed the directory
# above the tree finds everything in its place; one that holds a directory of
# the old tree has to be started again.
. "${srcdir:-.}/tests/containers/lib.sh"
above=$dir/above
mkdir -p "$above" && mount --bind "$above" "$above" &&
	mount --make-shared "$above" || exit 99
tree=$above/tree
mkdir "$tree"
export VOLFS_TREE=$tree
config <<END
services: {local: {driver: local, size: 64M}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/.create/late" 1
ok wr "$v/mount" user=web

for engine in "${engines[@]}"; do
	box $engine data-$engine -v "$(doc_v /volumes/local/db/data)"
	box $engine volume-$engine -v "$(doc_v /volumes/local/db)"
	box $engine above-$engine -v "$(doc_v /srv/volfs)"
	# Writes without end; a failure ends it.
	ok $engine exec -d data-$engine sh -c "while echo x >>/data/$engine &&
		usleep 10000; do :; done; echo failed >/data/$engine-failed"
	within 10 test -s "$v/data/$engine"
done

grown() { [ "$(wc -c <"$1")" -gt "$2" ]; }
# In the tree that a container sees by the directory above it.
there() { inside "$1" "above-$1" cat "/srv/volfs/tree/$2" 2>/dev/null; }
has_there() { [ "$(there "$1" "$2")" = "$3" ]; }

for how in stop kill9; do
	before=$(wc -c <"$v/data/podman")
	old=$(cat "$tree/.volfs/status" | jq .pid)
	$how
	# Nobody serves the tree now.
	for engine in "${engines[@]}"; do
		pid_of=$(box_pid $engine data-$engine)
		within 10 grown "/proc/$pid_of/root/data/$engine" "$before"
		saw "$engine, $how: without a daemon: $(inside $engine volume-$engine \
			cat /vol/status 2>&1 | head -n 1)"
		# By the path through the tree too, but for an orderly end, which
		# takes the tree off and what lies in it.
		[ $how = stop ] || is "$engine: data by the volume's directory" x \
			"$(inside $engine volume-$engine head -n 1 /vol/data/$engine 2>&1)"
	done
	start
	isnt "the daemon" "$old" "$(jq .pid "$tree/.volfs/status")"
	within 10 is_mount "$v/data"
	for engine in "${engines[@]}"; do
		before=$(wc -c <"$v/data/$engine")
		within 10 grown "$v/data/$engine" "$before"
		ok test ! -e "$v/data/$engine-failed"
		is "$engine, $how: data" x "$(inside $engine data-$engine head -n 1 /data/$engine)"

		is "$engine, $how: the tree by the directory above it" 1 \
			"$(there $engine local/db/mounted)"
		ok sh -c "echo $how >'$v/data/$engine-mark'"
		within 10 has_there $engine local/db/data/$engine-mark $how
		# It can act there, and what is mounted from now on appears.
		ok inside $engine above-$engine sh -ec "cd /srv/volfs/tree/local/late
			echo 1 >mount; echo $engine >data/file; cat data/file; echo 1 >unmount"
		is "$engine, $how: users" web "$(json "$v/users" .name)"

		is "$engine, $how: the old volume's directory" ENOTCONN \
			"$(inside $engine volume-$engine wr --read /vol/status)"
		$engine restart -t 0 volume-$engine >/dev/null 2>&1 ||
			fail "$engine: the container does not start again"
		is "$engine, $how: started again" 1 \
			"$(inside $engine volume-$engine cat /vol/mounted)"
		saw "$engine, $how: data, the directory above, and the started-again container are fine"
	done
done

for engine in "${engines[@]}"; do
	unbox $engine data-$engine
	unbox $engine volume-$engine
	unbox $engine above-$engine
done
ok wr "$v/unmount" user=web
is "loop devices left" "" "$(loops)"
stop
finish
