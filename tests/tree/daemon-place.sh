#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where the tree may be: not over what the daemon needs; and in a directory
# whose name a shell minds the README files still work as typed.
. "${srcdir:-.}/tests/lib.sh"
refused() { # refused TEXT MOUNTPOINT
	timeout 20 "$build/volfsd" -f --state "$state" --run "$run" "$2" \
		>place.out 2>&1 </dev/null
	is "exit status with '$2'" 1 $?
	says place.out "$1"
	is "mounts" "" "$(grep -F fuse.volfs /proc/self/mountinfo)"
}
refused "empty word" ""
refused "hide everything" /
refused "hide the state directory" "$dir"
refused "hide the state directory" "$state"
refused "hide the run directory" "$run"

config <<END
services: {local: {driver: local, size: 64M}}
END
tree="$dir/it's \$HOME; "
mkdir "$tree"
export VOLFS_TREE=$tree
start
ok wr "$tree/local/.create/db" 1
for readme in "$tree/README" "$tree/local/.README" "$tree/local/db/README"; do
	while IFS= read -r line; do
		timeout 60 bash -c "$line" >command.out 2>&1 </dev/null ||
			fail "${readme#"$tree"/}: '$line': $(cat command.out)"
	done < <(sed -n 's/^    \([^ ]\)/\1/p' "$readme")
done
ok bash -c "$(sed -n 's/^    \(echo\)/\1/p' "$tree/local/db/attach")"
is "attached" 1 "$(cat "$tree/local/db/attached")"
is "path" "$tree/local/db" "$(json "$tree/local/db/status" .path)"
stop
finish
