#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The progress line is there on a terminal while a verb takes its time, is
# wiped before anything is printed, and is nowhere else. A fifo stands for a
# verb that takes its time.
. "${srcdir:-.}/tests/volctl/lib.sh"
command -v script >/dev/null || { echo "no script(1)"; exit 77; }
make_tree
rm "$tree/local/db/mount"
mkfifo "$tree/local/db/mount"
echo '{"id":"5","verb":"mount","state":"running","step":"mkfs","progress_percent":40,"started_at":"2026-11-21T04:06:43Z"}' \
	>"$tree/local/db/job"

( sleep 1; cat "$tree/local/db/mount" >"$dir/line" ) &
script -qec "'$volctl' -t '$tree' mount local/db" /dev/null </dev/null \
	>"$dir/out"
wait
what="mount on a terminal"
says out " 40%"
says out "mount local/db: mkfs"
[ "$(cat "$dir/line")" = 1 ] || fail "the line was not written"
wipe=$(printf '\r\033[K')
grep -qF "$wipe$tree/local/db/data" "$dir/out" ||
	fail "the line is not wiped before the output"

( sleep 1; cat "$tree/local/db/mount" >"$dir/line" ) &
run 0 mount local/db
wait
silent err
exactly out <<END
$tree/local/db/data
END

( sleep 1; cat "$tree/local/db/mount" >"$dir/line" ) &
script -qec "'$volctl' -q -t '$tree' mount local/db" /dev/null </dev/null \
	>"$dir/out"
wait
silent out
finish
