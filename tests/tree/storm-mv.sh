#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Four clients give six volumes each other's names, all at once, beside four
# mounts: every mv is answered before the service refuses a third of them. What
# each path leads to is the volume that says so, with its own data.
. "${srcdir:-.}/tests/lib.sh"
need python3
sim_config 'answerWithin: 10ms' 'latency: 50ms' 'parallel: 16' 'refresh: 1h'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
for v in 0 1 2 3 4 5; do
	ok wr "$c/.create/v$v" size=16M
done
for v in 0 1 2 3; do
	ok wr "$c/v$v/mount" 1
	cat "$c/v$v/id" >"$c/v$v/data/whose"
done
sim POST /admin/rules '{"op":"rename","action":"fail","status":409,"code":"No","every":3}' >/dev/null
cat >client.py <<'END'
import errno, os, random, sys, time
c, end = sys.argv[1], time.time() + 4
random.seed(int(sys.argv[2]))
names = ["v0", "v1", "v2", "v3", "v4", "v5", "w0", "w1", "w2"]
known = {errno.ENOENT, errno.EEXIST, errno.EBUSY}
while time.time() < end:
    a, b = ("%s/%s" % (c, random.choice(names)) for i in range(2))
    act = random.randrange(4)
    try:
        if act < 2: os.rename(a, b)
        elif act == 2: os.stat(a + "/id")
        else: os.mknod(a)
    except OSError as e:
        if e.errno not in known and (act, e.errno) != (3, errno.EPERM):
            print(act, e)
END
clients=()
for i in 1 2 3 4; do
	python3 client.py "$c" $i >"client$i.out" 2>&1 & clients+=($!)
done
wait "${clients[@]}"
is "errors of other kinds" "" "$(cat client*.out)"
within 30 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
sim DELETE /admin/rules >/dev/null
is "volumes" 6 "$(ls "$c" | wc -l)"
for v in "$c"/*; do
	id=$(cat "$v/id")
	is "the link of ${v##*/}" "../${v##*/}" "$(readlink "$c/.by-id/$id")"
	[ "$(cat "$v/mounted")" = 1 ] || continue
	is "data of ${v##*/}" "$id" "$(cat "$v/data/whose")"
	is "mounts at ${v##*/}" 1 "$(awk '{ print $5 }' /proc/self/mountinfo |
		grep -cxF "$v/data")"
	ok wr "$v/unmount" 1
done
is "mounts" "" "$(awk '{ print $5 }' /proc/self/mountinfo | grep -E "$tree/|$run/mnt/")"
sim_is_clean
stop
finish
