#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command of every README of the tree works as it stands there.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool
config <<END
services:
  pool: {driver: btrfs, home: $home}
  local: {driver: local, size: 512M}
  cloud: {driver: sim, volumes: 1, volumeSize: 64M}
  dirs: {driver: sim, kind: directory}
END
start
within 10 has_json "$tree/cloud/.status" .state ok
within 10 has_json "$tree/dirs/.status" .state ok
within 10 has_json "$tree/pool/.status" .state ok
for s in local cloud dirs pool; do
	size=size=512M
	[ "$s" != pool ] || size=1
	ok wr "$tree/$s/.create/db" "$size"
	ok wr "$tree/$s/.create/used" "$size"
	ok wr "$tree/$s/used/mount" 1
	ok wr "$tree/$s/used/tags" $'a=1\nb=2%20%22x%22\n'
done
n=0
commands() { # commands README: each line that four spaces begin, in order
	local line
	while IFS= read -r line; do
		n=$((n + 1))
		timeout 60 bash -c "$line" >command.out 2>&1 </dev/null ||
			fail "${1#"$tree"/}: '$line': $(head -n 3 command.out)"
	done < <(sed -n 's/^    \([^ ]\)/\1/p' "$1")
}
for readme in "$tree/README" "$tree"/*/.README "$tree"/*/*/README; do
	ok test -s "$readme"
	before=$n
	commands "$readme"
	[ $n -gt $((before + 2)) ] || fail "$readme has $((n - before)) commands"
done
for s in local cloud dirs; do
	is "tags" "a=1 b=2%20%22x%22" "$(echo $(cat "$tree/$s/used/tags"))"
done
stop
finish
