#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# events grows by a line for each change; tail -f follows it; poll wakes up.
. "${srcdir:-.}/tests/lib.sh"
need python3
start
e=$tree/.volfs/events
before=$(stat -c %s "$e")
timeout 60 tail -n +1 -f "$e" >tail.out & tailer=$!
ok wr "$tree/local/.create/db" size=64M
[ "$(stat -c %s "$e")" -gt "$before" ] || fail "events does not grow"
ok wr "$tree/local/db/attach" 1
ok jq -e . "$e"
within 20 grep -q '"db"' tail.out
within 20 sh -c "jq -r 'select(.volume==\"db\") | .to' tail.out | grep -q attached"
is "sequence" "$(jq .seq "$e" | sort -n)" "$(jq .seq "$e")"
kill $tailer; wait $tailer 2>/dev/null
cat >poll.py <<'END'
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.read(fd, 1 << 20)
p = select.poll()
p.register(fd, select.POLLPRI | select.POLLERR)
p.poll(0)
open("polling", "w").close()
sys.exit(0 if p.poll(10000) else 1)
END
python3 poll.py "$tree/local/db/state" & poller=$!
within 20 test -e polling
ok wr "$tree/local/db/detach" 1
wait $poller || fail "poll of a state file does not wake up"
rm polling
python3 poll.py "$e" & poller=$!
within 20 test -e polling
ok wr "$tree/local/db/attach" 1
wait $poller || fail "poll of events does not wake up"
stop
finish
