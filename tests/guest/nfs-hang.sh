#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml -m 768 -t 280
# A server that hangs: it holds up who uses its volume, and nothing else. They
# go on when it is back; health says so; unmount force and lazy work meanwhile;
# the daemon ends and starts without it.
. "${srcdir:-.}/tests/guest/lib.sh" || exit 99
. "$srcdir/tests/guest/nfs-server.sh"
nfs_server

config <<END
services:
  share: {driver: nfs, server: 127.0.0.1, path: /, refresh: 5s, timeout: 2s}
  local: {driver: local, size: 64M}
END
start
s=$tree/share
for v in db forced lazy kept; do
	ok wr "$s/.create/$v" 1
	ok wr "$s/$v/mount" 1
	[ -n "$(nfs_line "$s/$v/data")" ] || fail "no nfs4 line for $v/data"
	echo before >"$s/$v/data/file"
done
ok wr "$tree/local/.create/disk" 1

# A reader and a writer of data/, which the hang will meet.
(
	i=0
	while [ ! -e "$dir/enough" ]; do
		i=$((i + 1))
		echo $i >"$s/db/data/line" && sync "$s/db/data/line" || {
			echo "line $i" >"$dir/writer-failed"; exit 1; }
		echo $i >"$dir/written"
		sleep 0.1
	done
) &
writer=$!
within 20 test -s "$dir/written"
is "health" ok "$(json "$s/db/status" .health.condition)"

nfs_down
sleep 1
stuck=$(cat "$dir/written")
# These hang in the volumes that are let go later.
cat "$s/forced/data/"* >/dev/null 2>&1 &
forced=$!
ls -l "$s/lazy/data" >/dev/null 2>&1 &

# The tree, a listing of it, and another service go on. (ls -l of the volume's
# own directory looks at data/ as well, which is the server's.)
ok timeout 20 ls -l "$tree" "$s" "$tree/local" "$s/db/snapshots"
ok timeout 20 ls "$s/db"
ok timeout 20 cat "$s/db/status"
ok timeout 30 wr "$tree/local/disk/mount" 1
ok timeout 20 dd if=/dev/zero of="$tree/local/disk/data/x" bs=1M count=1 status=none
ok timeout 30 wr "$tree/local/disk/unmount" 1

# What needs the server says that it is away.
said=$(timeout 60 bash -c "echo 1 >'$s/.refresh'" 2>&1) &&
	fail "a listing succeeded without a server"
within 40 has_json "$s/.status" .state unreachable
says "$s/.error" "127.0.0.1"
is "volumes still listed" 4 "$(ls "$s" | wc -l)"
is "stale" true "$(json "$s/db/status" .stale)"
within 60 has_json "$s/db/status" .health.condition failed
message=$(json "$s/db/status" .health.message)
for part in "server '127.0.0.1'" "not answered since 20"; do
	grep -qF "$part" <<<"$message" || fail "health says '$message'"
done
! timeout 60 wr "$s/.create/another" 1 >/dev/null 2>&1 ||
	fail "a volume was made without a server"

# It is let go of, by force and lazily.
ok timeout 60 wr "$s/forced/unmount" force
[ -z "$(nfs_line "$s/forced/data")" ] || fail "forced/data is still mounted"
within 20 has "$s/forced/mounted" 0
within 20 ended $forced
ok timeout 60 wr "$s/lazy/unmount" lazy
[ -z "$(nfs_line "$s/lazy/data")" ] || fail "lazy/data is still mounted"
within 20 has "$s/lazy/mounted" 0
is "attached after lazy" 0 "$(cat "$s/lazy/attached")"

# The daemon ends and comes back without waiting; the mounts are still there.
was=$pid
ok timeout 60 kill -TERM "$pid"
within 30 ended "$was"
pid=
start
within 20 has "$s/kept/mounted" 1
within 20 test -n "$(nfs_line "$s/kept/data")"
is "still mounted" 1 "$(cat "$s/db/mounted")"
[ -n "$(nfs_line "$s/db/data")" ] || fail "db/data was not bound again"
ok timeout 30 wr "$tree/local/disk/mount" 1

# The server comes back: who waited goes on, and lost nothing.
is "the writer stands still" "$stuck" "$(cat "$dir/written")"
nfs_up
goes_on() { [ "$(cat "$dir/written")" -gt $((stuck + 5)) ]; }
within 90 goes_on
touch "$dir/enough"
wait $writer || fail "the writer met an error: $(cat "$dir/writer-failed")"
is "what it wrote last" "$(cat "$dir/written")" "$(cat "$s/db/data/line")"
within 60 has_json "$s/.status" .state ok
within 60 has_json "$s/db/status" .health.condition ok
is "content" before "$(cat "$s/kept/data/file")"
for v in forced lazy; do
	ok wr "$s/$v/mount" 1
	is "content of $v" before "$(cat "$s/$v/data/file")"
done

# Its directory is made anew on the server: told, and cured by a new mount.
rm -rf $export/kept && mkdir $export/kept && echo anew >$export/kept/file
within 60 has_json "$s/kept/status" .health.condition failed
json "$s/kept/status" .health.message | grep -q ESTALE ||
	fail "health says '$(json "$s/kept/status" .health.message)'"
ok timeout 60 wr "$s/kept/unmount" force
ok wr "$s/kept/mount" 1
is "content of the new directory" anew "$(cat "$s/kept/data/file")"
within 30 has_json "$s/kept/status" .health.condition ok

for v in db forced lazy kept; do ok wr "$s/$v/unmount" 1; done
ok wr "$tree/local/disk/unmount" 1
stop
is "NFS mounts left" "" "$(grep ' - nfs4 ' /proc/self/mountinfo)"
finish
