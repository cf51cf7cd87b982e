#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that write again after EINTR, as Python does, join the job they
# began; and two writers of one file: the second finds it done.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 2s'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
cat >repeats.py <<'END'
import os, signal, sys
seen = 0
def handler(number, frame):
    global seen
    seen += 1
signal.signal(getattr(signal, sys.argv[1]), handler)
if sys.argv[1] == 'SIGALRM':
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
fd = os.open(sys.argv[2], os.O_WRONLY)
n = os.write(fd, sys.argv[3].encode())
signal.setitimer(signal.ITIMER_REAL, 0)
print(n, seen > 0)
END
# A timer of the program's own, all the time.
is "Python with a timer" "9 True" "$(python3 repeats.py SIGALRM "$c/.create/a" 'size=64M
')"
is "jobs" 1 "$(wc -l <"$c/a/jobs")"
# A signal that ends the wait, and is handled: it is written again.
python3 repeats.py SIGTERM "$c/.create/b" "size=64M" >python.out & writer=$!
within 10 test -d "$c/b"
for i in 1 2 3; do sleep 0.2; kill -TERM $writer; done
wait $writer
is "Python with SIGTERM" "8 True" "$(cat python.out)"
is "state" available "$(cat "$c/b/state")"
is "jobs" 1 "$(wc -l <"$c/b/jobs")"
is "create requests" 2 "$(sim GET /admin/counts | jq '.by_op.create')"

# Two shells, one file: '>' truncates, and the second waits for the first.
sim POST /admin/settings '{"attaching_ms":"1000"}' >/dev/null
bash -c "echo 1 >'$c/a/attach'" & first=$!
bash -c "echo 1 >'$c/a/attach'" & second=$!
wait $first || fail "the first writer failed"
wait $second || fail "the second writer failed"
is "attached" 1 "$(cat "$c/a/attached")"
is "attach requests" 1 "$(sim GET /admin/counts | jq '.by_op.attach')"
# Different lines: one after the other.
(echo 1 >"$c/a/detach") & first=$!
wr "$c/a/attach" 1 >second.out & second=$!
wait $first || fail "detach failed"
wait $second
is "the second writer" OK "$(cat second.out)"
# Killed while it waits for the other.
sim POST /admin/settings '{"attaching_ms":"3000"}' >/dev/null
ok wr "$c/a/detach" 1
wr "$c/a/attach" 1 >first.out & first=$!
within 10 has_json "$c/a/status" .job.verb attach
wr "$c/a/attach" 1 >second.out & second=$!
sleep 0.3
kill -KILL $second
wait $second 2>/dev/null
wait $first
is "the first writer" OK "$(cat first.out)"
is "attached" 1 "$(cat "$c/a/attached")"
ok wr "$c/a/detach" 1
sim_is_clean
stop
finish
