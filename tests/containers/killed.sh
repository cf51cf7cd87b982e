#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A test with containers that is killed leaves nothing behind: no engine, no
# container, no mount, no loop device, no control group, no directory.
. "${srcdir:-.}/tests/lib.sh"
need podman dockerd docker crun runc busybox ldd

cat >victim.sh <<'END'
. "$srcdir/tests/containers/lib.sh"
config <<-EOT
services: {local: {driver: local, size: 64M}}
EOT
start
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/db/mount" 1
for engine in "${engines[@]}"; do
	box $engine app -v "$tree/local/db/data:/data" -v "$tree:/volumes:rslave"
done
echo "$dir" >"$VICTIM_READY"
sleep 1000
END

# Processes of this cell, those of the cells in it included.
processes() { ps -e -o comm= | grep -cE "^($1)"; }

export VICTIM_READY=$dir/ready
setsid env -u VOLFS_CELL "$build/tests/lib/cell" -t 100 bash "$dir/victim.sh" \
	>victim.said 2>&1 &
victim=$!
within 60 test -s ready || { cat victim.said; finish; }
inner=$(cat ready)
groups() { find /sys/fs/cgroup -maxdepth 2 -name "${inner##*/}" 2>/dev/null; }
for what in dockerd containerd conmon containerd-shim; do
	[ "$(processes $what)" -gt 0 ] || fail "no $what runs: it is called otherwise"
done
is "containers" 2 "$(ps -e -o args= | grep -c '^sleep 10000')"
[ -n "$(groups)" ] || fail "no control groups: they are called otherwise"
saw="$(groups | wc -l) control groups, $(processes .) processes"

kill -KILL $victim
wait $victim 2>/dev/null
nothing_is_left() {
	[ "$(processes 'dockerd|containerd|conmon|crun|runc|volfsd')" = 0 ] &&
		[ ! -e "$inner" ] && [ -z "$(groups)" ] && [ -z "$(loops)" ] &&
		! grep -qF "$inner" /proc/self/mountinfo
}
within 30 nothing_is_left ||
	{ ps -e -o pid,ppid,comm; ls -d "$inner"; groups; loops; }
is "containers left" 0 "$(ps -e -o args= | grep -c '^sleep 10000')"
echo "  before the kill: $saw; after it: nothing"
finish
