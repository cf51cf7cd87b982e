#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A state database that another program holds locked: a sentence, no hang, and
# all is well afterwards.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
need python3
start
ok wr "$tree/local/.create/db" 1
database=$state/volfs.db
cat >lock.py <<'END'
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=20)
db.isolation_level = None
db.execute("BEGIN EXCLUSIVE")
open("locked", "w").close()
time.sleep(float(sys.argv[2]))
END
python3 lock.py "$database" 20 & holder=$!
within 10 test -e locked
# Reading needs no database; what must be stored waits, or says why not.
ok timeout 5 cat "$tree/local/db/status" "$tree/.volfs/status"
begin=$SECONDS
got=$(timeout 60 wr "$tree/local/.create/other" 1)
case $got in
OK|EBUSY) ;;
*) fail "a create with a locked database: '$got'" ;;
esac
[ "$got" != EBUSY ] || says "$tree/local/.error" lock
kill $holder 2>/dev/null; wait $holder 2>/dev/null
ok wr "$tree/local/.create/other" 1
stop
finish
