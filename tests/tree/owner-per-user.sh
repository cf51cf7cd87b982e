#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Per user limits: one user's waiting jobs do not keep another's from being
# taken; the next line is EAGAIN.
. "${srcdir:-.}/tests/lib.sh"
need python3
sim_config 'pending: 2s' 'parallelPerUser: 1' 'maxWaitingPerUser: 2' 'verbMode: "0666"' 'dirMode: "0777"'
as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
chmod 755 "$dir"
start
within 10 has_json "$tree/cloud/.status" .state ok
for i in 1 2 3; do
	is "create $i" OK "$(as 1000 wr "$tree/cloud/.create/a$i" "async size=1G")"
	within 20 test -d "$tree/cloud/a$i"
done
is "one too many" EAGAIN "$(as 1000 wr "$tree/cloud/.create/a4" "async size=1G")"
is "another user" OK "$(as 1001 wr "$tree/cloud/.create/b1" size=1G)"
is "the first one's last, when another's is done" creating "$(cat "$tree/cloud/a3/state")"
# Also where they all come at the same moment.
cat >"$dir/burst.py" <<'END'
import os, sys, threading
os.setgid(1002)
os.setuid(1002)
taken = []
gate = threading.Barrier(60)
def ask(i):
    fd = os.open("%s/cloud/.create/c%d" % (sys.argv[1], i), os.O_WRONLY)
    gate.wait()
    try:
        os.write(fd, b"async size=1G")
        taken.append(i)
    except BlockingIOError:
        pass
threads = [threading.Thread(target=ask, args=(i,)) for i in range(60)]
for t in threads: t.start()
for t in threads: t.join()
print(len(taken))
END
taken=$(python3 "$dir/burst.py" "$tree")
# One runs, two wait; and two may be on their way to either.
[ "$taken" -ge 2 ] && [ "$taken" -le 12 ] || fail "of 60 at once $taken were taken"
within 20 has "$tree/cloud/a3/state" available
sim_is_clean
stop
finish
