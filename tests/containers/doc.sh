#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/CONTAINERS.md: each command works as typed, one after the other, with
# docker and with podman in its place; what the page says fails, fails so.
. "${srcdir:-.}/tests/containers/lib.sh"
above=$dir/srv
chmod 755 "$dir"
start
PATH=$build:$PATH

n=0
doc_run() { # doc_run ENGINE LINE
	local said wanted
	wanted=$(sed -n 's/.*# *//p' <<<"$2")
	said=$(timeout 60 bash -c "$(sed 's/ *#.*//' <<<"$2")" 2>&1 </dev/null)
	case $?/$wanted in
	0/) ;;
	0/*) fail "$1: '$2' succeeds" ;;
	*/) fail "$1: '$2': $said" ;;
	*) grep -qF "$wanted" <<<"$said" || fail "$1: '$2' says '$said'" ;;
	esac
	n=$((n + 1))
}

end_all() {
	local name
	for name in $("$1" ps -a --format '{{.Names}}'); do unbox "$1" "$name"; done
}

for engine in docker podman; do
	while IFS= read -r line; do
		case $engine/$line in
		docker/podman*) continue ;;
		# What came before took the volume away and left it to the last.
		*/'mkdir -p /srv/volfs'*)
			end_all $engine
			ok wr "$tree/local/db/detach" 1
			ok wr "$tree/local/db/mount" 1 ;;
		esac
		line=${line/#docker/$engine}
		doc_run $engine "$(doc_here <<<"$line")"
	done < <(sed -nE 's/^ {4,6}([a-z])/\1/p' "$source_dir/doc/CONTAINERS.md")
	end_all $engine
	timeout 60 volctl -t "$above/tree" down || fail "$engine: the second tree is still there"
	umount "$above" && rm -rf "$above" "$above-state"
	for v in db scratch; do
		wr "$tree/local/$v/unmount" force >/dev/null
		for s in "$tree/local/$v"/snapshots/*/; do
			[ ! -d "$s" ] || { ok wr "$s/protect" 0; ok rmdir "$s"; }
		done
		ok wr "$tree/local/$v/protect" 0
		ok wr "$tree/local/.remove/$v" 1
	done
	saw "$engine: $n commands so far"
done
[ $n -ge 36 ] || fail "only $n commands are found"
stop
finish
