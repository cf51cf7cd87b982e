#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every writable file that ls shows, of each driver, takes a write: none
# answers that it is not supported.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool
sim_config 'volumes: 2'
mkdir "$dir/share" && mount --bind "$dir/share" "$dir/share"
cat >>config.yml <<END
  pool: {driver: btrfs, home: $home, quota: simple}
  bare: {driver: btrfs, home: $home}
  share: {driver: nfs, mountedAt: $dir/share}
END
start
within 10 has_json "$tree/cloud/.status" .state ok
within 10 has_json "$tree/bare/.status" .state ok
for s in local cloud pool share; do
	# A directory of a share has no size.
	size=size=512M
	[ $s != share ] || size=1
	ok wr "$tree/$s/.create/db" $size
	# A blank snapshot, restored, would never be formatted again.
	ok wr "$tree/$s/db/mount" 1
	ok wr "$tree/$s/db/unmount" 1
	ok mkdir "$tree/$s/db/snapshots/one"
	within 20 has "$tree/$s/db/snapshots/one/state" available
done
n=0
write_all() { # write_all PATH...
	local f said
	for f; do
		[ -f "$f" ] && [ -n "$(find "$f" -maxdepth 0 -perm /222)" ] || continue
		n=$((n + 1))
		for text in "no-such-word" "" 1 "$(head -c 200 "$f" | head -n 1)"; do
			said=$(wr "$f" "$text")
			case $said in
			EOPNOTSUPP|ENOTSUP|ENOSYS|EIO) fail "'$text' to '$f': $said" ;;
			esac
		done
	done
}
ok wr "$tree/bare/.refresh" 1
within 10 test -d "$tree/bare/db"
for state_now in plain attached mounted; do
	for s in local cloud pool bare share; do
		v=$tree/$s/db
		case $state_now in
		attached) ok wr "$v/attach" 1 ;;
		mounted) ok wr "$v/mount" 1 ;;
		esac
		write_all "$v"/* "$v"/snapshots/one/* "$tree/$s"/.[a-z]* \
			"$tree/$s/.create/other" "$tree/$s/.import/other"
		# What a "1" did to the other verbs is put right again.
		wr "$v/unmount" force >/dev/null
		wr "$v/detach" 1 >/dev/null
	done
done
write_all "$tree"/cloud/sim*/* "$tree/.volfs"/jobs/*/* "$tree/.volfs/reload"
[ $n -gt 60 ] || fail "only $n files were written"
ok kill -0 "$pid"
stop
finish
