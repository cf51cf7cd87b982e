#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container that holds a volume's directory has that volume, whatever becomes
# of its name: it follows a rename, a newcomer of the old name is not its, and
# of a removed volume nothing is left, also when the name comes back. And what
# :ro of a directory means.
. "${srcdir:-.}/tests/containers/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
remove() {
	ok wr "$tree/local/$1/protect" 0
	ok wr "$tree/local/.remove/$1" 1
}

for engine in "${engines[@]}"; do
	name=holder-$engine
	ok wr "$tree/local/.create/db" 1
	box $engine $name $(all_but $engine) -v "$(doc_v /volumes/local/db)"
	ok mv "$tree/local/db" "$tree/local/moved"
	ok wr "$tree/local/.create/db" 1
	is "$engine: the id inside" "$(cat "$tree/local/moved/id")" \
		"$(inside $engine $name cat /vol/id)"
	ok inside $engine $name sh -c 'echo 1 >/vol/attach'
	is "$engine: moved, then attached inside" 1 "$(cat "$tree/local/moved/attached")"
	is "$engine: the newcomer" 0 "$(cat "$tree/local/db/attached")"
	ok wr "$tree/local/moved/detach" 1

	remove moved
	ok wr "$tree/local/.create/moved" 1
	for f in status id mount; do
		said=$(inside $engine $name wr --read /vol/$f)
		case $said in
		ESTALE|ENOENT) ;;
		*) fail "$engine: $f of a removed volume: $said" ;;
		esac
	done
	said=$(inside $engine $name wr /vol/attach 1)
	is "$engine: a verb of a removed volume" 0 "$(cat "$tree/local/moved/attached")"
	isnt "$engine: a verb of a removed volume" OK "$said"
	is "$engine: ls of it" "" "$(inside $engine $name ls /vol 2>/dev/null)"
	saw "$engine: removed and made again: $(inside $engine $name cat /vol/status 2>&1), a verb: $said"
	unbox $engine $name
	remove moved

	# Read-only: of the control files, and said again, of what is mounted.
	ok wr "$tree/local/db/mount" 1
	watcher=$(doc_commands | grep -m 1 -e '--name watcher' |
		sed 's/.*--name watcher//; s/IMAGE//')
	box $engine $name $(doc_here <<<"$watcher")
	is "$engine, ro: state" attached "$(inside $engine $name cat /vol/state)"
	is "$engine, ro: a verb" EROFS "$(inside $engine $name wr /vol/unmount 1)"
	is "$engine, ro: a snapshot" EROFS "$(inside $engine $name wr --mkdir /vol/snapshots/one)"
	is "$engine, ro: a file" EROFS "$(inside $engine $name wr --create /vol/data/file)"
	is "$engine, ro: mounted" 1 "$(cat "$tree/local/db/mounted")"
	saw "$engine, ro: $(inside $engine $name grep -c ' /vol.* ro,' /proc/mounts) read-only mounts"
	unbox $engine $name
	ok wr "$tree/local/db/unmount" 1
	remove db
done
stop
finish
