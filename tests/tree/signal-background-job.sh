#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bash gets SIGCHLD while its echo waits; Python repeats after EINTR. Both end
# well, with one job.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 2s'
start
within 10 has_json "$tree/cloud/.status" .state ok
ok bash -c "sleep 0.5 & sleep 1 & echo size=1G > '$tree/cloud/.create/db'"
is "state" available "$(cat "$tree/cloud/db/state")"
is "jobs" 1 "$(wc -l <"$tree/cloud/db/jobs")"
cat >repeat.py <<'END'
import os, signal, sys, threading, time
signal.signal(signal.SIGUSR1, lambda *a: None)
me = os.getpid()
def disturb():
    for _ in range(5):
        time.sleep(0.25)
        os.kill(me, signal.SIGUSR1)
threading.Thread(target=disturb, daemon=True).start()
with open(sys.argv[1], "w") as f:
    f.write("size=1G\n")
END
ok python3 repeat.py "$tree/cloud/.create/py"
is "state" available "$(cat "$tree/cloud/py/state")"
is "jobs" 1 "$(wc -l <"$tree/cloud/py/jobs")"
is "create requests" 2 "$(sim GET /admin/counts | jq '.by_op.create')"
stop
finish
