#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The init script: each argument twice, LSB's exit statuses, volumes of fstab;
# stop leaves volumes mounted, but not when the machine goes down.
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/lib/mount8.sh"
place db
at=$dir/srv/db
script=$build/contrib/sysv/volfs
config <<END
services: {local: {driver: local, size: 64M}}
END
cat >defaults <<END
VOLFSD_OPTIONS="--config $dir/config.yml --state $state --run $run"
VOLFS_TREE=$tree
VOLFS_RUN=$run
END
cp /etc/fstab old-fstab 2>/dev/null
echo "local/db $at volfs nofail,tree=$tree 0 0" >fstab
touch old-fstab
mount --bind fstab /etc/fstab 2>/dev/null || skip "there is no /etc/fstab to be covered"
run_script() { # run_script STATUS ARGUMENT...
	local wanted=$1
	shift
	ends "$wanted" env VOLFSD="$build/volfsd" VOLCTL="$build/volctl" \
		VOLFS_DEFAULTS="$dir/defaults" "$script" "$@"
}
head -n 30 "$script" | grep -q '^### BEGIN INIT INFO' || fail "no LSB header"
run_script 3 status
run_script 7 reload
run_script 0 stop
run_script 2 frobnicate
run_script 2

# The volume of fstab is not there yet.
run_script 0 start
says said.out "no volume 'db'"
says said.out "not every volume of fstab is mounted"
run_script 0 status
is "the number in the lock" "$(json "$tree/.volfs/status" .pid)" "$(cat "$run/volfsd.lock")"
ok wr "$tree/local/.create/db" 1
run_script 0 start
says said.out already
is_mount "$at" || fail "fstab's volume is not mounted: $(cat said.out)"
first=$(json "$tree/.volfs/status" .pid)

# reload
config <<END
services: {local: {driver: local, size: 64M}, more: {driver: local, path: $dir/more}}
END
run_script 0 reload
ok test -d "$tree/more"
printf '\t' >config.yml
run_script 1 reload
config <<END
services: {local: {driver: local, size: 64M}}
END

# restart and stop disturb no volume
echo kept >"$at/file"
run_script 0 restart
isnt "the daemon after restart" "$first" "$(json "$tree/.volfs/status" .pid)"
is "the volume" kept "$(cat "$at/file")"
run_script 0 stop
run_script 0 stop
run_script 3 status
is "the volume after stop" kept "$(cat "$at/file")"
run_script 0 try-restart
run_script 3 status
run_script 0 start
kill -KILL "$(cat "$run/volfsd.lock")"
within 10 ended "$(cat "$run/volfsd.lock")"
run_script 1 status
says said.out dead
run_script 0 start
run_script 0 status
is "the volume after a crash" kept "$(cat "$at/file")"

# by hand: everything, unless it is in use
sleep 1000 <"$tree/local/db/data" & holder=$!
run_script 1 down
run_script 0 status
kill $holder; wait $holder 2>/dev/null
run_script 0 down
is "loop devices after down" "" "$(loops)"
run_script 0 start
is_mount "$at" || fail "fstab's volume is not mounted again"

# when the machine goes down; also with somebody in the way
RUNLEVEL=6 run_script 0 stop
run_script 3 status
is "mounts after a shutdown" "" \
	"$(grep -F "$dir/" /proc/self/mountinfo | grep -v -e helpers -e fstab)"
is "loop devices after a shutdown" "" "$(loops)"
run_script 0 start
sleep 1000 <"$tree/local/db/data" & holder=$!
RUNLEVEL=0 run_script 0 stop
run_script 3 status
kill $holder; wait $holder 2>/dev/null
VOLFSD=$dir/none VOLFS_DEFAULTS=$dir/defaults ok "$script" stop
finish
