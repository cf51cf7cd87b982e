#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A snapshot and growth under a writer that syncs: the copy passes fsck -n,
# and holds a prefix of what was written.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 512M, fstype: xfs}}
END
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
ok wr "$v/mount" 1
cat >writer.py <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while os.path.exists("writing"):
    os.write(fd, b"%09d\n" % n)
    os.fsync(fd)
    n += 1
END
touch writing
python3 writer.py "$v/data/numbers" & writer=$!
within 10 test -s "$v/data/numbers"
sleep 0.5
before=$(wc -l <"$v/data/numbers")
ok mkdir "$v/snapshots/one"
within 30 has "$v/snapshots/one/state" available
ok wr "$v/size" 768M
sleep 0.3
rm writing
wait $writer || fail "the writer failed"
ok wr "$tree/local/.create/copy" from=db@one
ok wr "$tree/local/copy/attach" 1
ok xfs_repair -n "$(readlink "$tree/local/copy/device")"
ok wr "$tree/local/copy/mount" 1
n=$(wc -l <"$tree/local/copy/data/numbers")
[ "$n" -ge "$before" ] || fail "the copy has $n lines, fewer than the $before synced before it"
seq -f %09.0f 0 $((n - 1)) | cmp - "$tree/local/copy/data/numbers" ||
	fail "the copy is no prefix of what was written"
seq -f %09.0f 0 $(($(wc -l <"$v/data/numbers") - 1)) | cmp - "$v/data/numbers" ||
	fail "the volume lost writes"
ok wr "$tree/local/copy/unmount" 1
stop
finish
