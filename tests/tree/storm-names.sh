#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Five clients make, mount, rename, unmount and remove the same three names:
# whatever each was told, nothing is lost or left afterwards.
. "${srcdir:-.}/tests/lib.sh"
need python3
config <<END
services: {local: {driver: local, size: 64M}}
END
start
cat >"$dir/client.py" <<'END'
import errno, os, random, sys
local = sys.argv[1] + "/local"
random.seed(int(sys.argv[2]))
known = {errno.ENOENT, errno.EEXIST, errno.EBUSY, errno.ENOTEMPTY,
         errno.ESTALE, errno.EINVAL, errno.EROFS}
def line(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)
for i in range(200):
    name = lambda: "%s/q%d" % (local, random.randrange(3))
    v, act = name(), random.randrange(8)
    try:
        if act == 0: os.mkdir(v)
        elif act == 1: line(v + "/mount", b"1")
        elif act == 2: line(v + "/unmount", b"1")
        elif act == 3: line(v + "/unmount", b"lazy")
        elif act == 4: line(v + "/protect", b"0")
        elif act == 5: os.rmdir(v)
        elif act == 6: os.rename(v, name())
        else: os.listdir(v + "/data")
    except OSError as e:
        if e.errno not in known:
            print(act, e)
END
clients=()
for i in 1 2 3 4 5; do
	python3 "$dir/client.py" "$tree" $i >"$dir/client$i.out" & clients+=($!)
done
wait "${clients[@]}"
is "errors of other kinds" "" "$(cat "$dir"/client*.out)"
within 30 has_json "$tree/local/.status" .counts.jobs_running 0
within 30 has_json "$tree/local/.status" .counts.jobs_waiting 0
for v in "$tree"/local/q*; do
	[ -d "$v" ] || continue
	ok wr "$v/unmount" lazy
	[ "$(cat "$v/mounted")" = 0 ] || cat "$v/error"
	is "mounted, ${v##*/}" 0 "$(cat "$v/mounted")"
	ok wr "$v/detach" 1
	ok wr "$v/protect" 0
	ok wr "$tree/local/.remove/${v##*/}" 1
done
is "volumes" "" "$(ls "$tree/local")"
is "loop devices" "" "$(loops)"
is "mounts" "" "$(awk '{ print $5 }' /proc/self/mountinfo |
	grep -E "$tree/|$run/mnt/")"
stop
finish
