#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One user who may only read opens as much as he can: others still read, and a
# writer's name below .create stays his.
. "${srcdir:-.}/tests/lib.sh"
need python3
chmod 755 "$dir"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
exec 5>"$tree/local/.create/held"
cat >"$dir/greedy.py" <<'END'
import os, resource, sys
tree, many = sys.argv[1], 8000
resource.setrlimit(resource.RLIMIT_NOFILE, (many + 100, many + 100))
os.setgid(1000)
os.setuid(1000)
for i in range(20000):
    try:
        os.stat("%s/local/.create/n%d" % (tree, i))
    except OSError as e:
        print("lookup", os.strerror(e.errno))
        break
opened = 0
for i in range(many):
    fd = os.open(tree + "/local/.README", os.O_RDONLY)
    try:
        os.read(fd, 1)
    except OSError as e:
        print("read", os.strerror(e.errno))
        break
    opened += 1
print("opened", opened, flush=True)
sys.stdin.read()
END
mkfifo "$dir/go"
python3 "$dir/greedy.py" "$tree" <"$dir/go" >"$dir/greedy.out" & greedy=$!
exec 6>"$dir/go"
within 100 grep -q opened "$dir/greedy.out"
says "$dir/greedy.out" "Resource temporarily unavailable"
grep -q lookup "$dir/greedy.out" && fail "a lookup failed"
for uid in 1001 0; do
	is "bytes that $uid reads in parts" 300 "$(setpriv --reuid=$uid \
		--regid=$uid --clear-groups dd if="$tree/local/.README" bs=100 \
		count=3 status=none | wc -c)"
done
is "bytes that he reads at once" "$(stat -c %s "$tree/local/.README")" \
	"$(setpriv --reuid=1000 --regid=1000 --clear-groups \
	cat "$tree/local/.README" | wc -c)"
echo size=64M >&5 || fail "the writer's line is refused"
within 10 test -e "$tree/local/held/id"
exec 5>&- 6>&-
wait $greedy
is "bytes that he reads in parts again" 300 "$(setpriv --reuid=1000 \
	--regid=1000 --clear-groups dd if="$tree/local/.README" bs=100 \
	count=3 status=none | wc -c)"
stop
finish
