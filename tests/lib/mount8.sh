# SPDX-License-Identifier: Apache-2.0
# For tests of mount.volfs: sourced after tests/lib.sh. mount(8) looks for its
# helpers in /sbin alone and for its notes in /run/mount, so the cell gets a
# /sbin that has the build's own, and an empty /run.

need findmnt
mkdir -p "$dir/helpers" "$dir/srv"
for name in mount.volfs umount.volfs; do
	ln -s "$build/mount.volfs" "$dir/helpers/$name"
done
sbin=$(realpath /sbin)
mount -t overlay helpers -o "lowerdir=$dir/helpers:$sbin" "$sbin" ||
	skip "no overlay here, so mount(8) cannot be given a helper"
mount -t tmpfs none /run || exit 99
: >"$dir/fstab"

# place NAME...: empty directories to mount at
place() {
	local p
	for p; do mkdir -p "$dir/srv/$p"; done
}

# ends STATUS COMMAND...: the command ends with that status; what it says is in
# said.out
ends() {
	local wanted=$1 status
	shift
	timeout 60 "$@" >said.out 2>&1 </dev/null
	status=$?
	[ $status = "$wanted" ] ||
		fail "'$*' ended with $status, not $wanted: $(cat said.out)"
}

silent() {
	[ ! -s said.out ] || fail "there is something to read: $(cat said.out)"
}

users() { # users VOLUME: the names, sorted, in one line
	jq -r .name "$tree/$1/users" | sort | paste -sd' '
}
