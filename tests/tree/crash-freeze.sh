#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 between freeze and thaw: a blocked writer goes on within 35 seconds,
# without any daemon, and the next start finds nothing frozen.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
export VOLFS_FAULT=host.freeze.frozen VOLFS_FAULT_ONCE=$dir/once
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/mount" 1
(cd "$v/data" && while :; do
	date +%s%N >tick && sync tick && cp tick "$dir/ticked"
	sleep 0.02
done) & writer=$!
within 5 test -s ticked
wr --mkdir "$v/snapshots/one" >/dev/null
within 10 ended "$pid"
killed=$SECONDS
wait "$pid" 2>/dev/null; pid=
ok test -e once
last=$(cat ticked)
goes_on() { [ "$(cat ticked)" != "$last" ]; }
within 35 goes_on
echo "the writer goes on after $((SECONDS - killed)) s"
start
within 10 has "$v/mounted" 1
last=$(cat ticked)
within 5 goes_on
within 40 has "$v/snapshots/one/state" available
within 5 goes_on
kill $writer; wait $writer 2>/dev/null
ok wr "$v/unmount" 1
# The copy holds a prefix of the writes, and is whole.
ok wr "$tree/local/.create/copy" from=db@one
device_file=$images/copy/data.img
cp --sparse=always "$device_file" copy.img
e2fsck -fy copy.img >fsck.out 2>&1
[ $? -le 1 ] || fail "the snapshot is damaged: $(tail -n 3 fsck.out)"
stop
finish
