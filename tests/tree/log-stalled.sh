#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nobody reads the log any more (a stopped terminal, a stuck journal): volfsd
# works on, and says afterwards how many lines were lost.
. "${srcdir:-.}/tests/lib.sh"
mkfifo "$dir/log.fifo"
config <<END
services: {local: {driver: local, size: 64M}}
END
exec 8<>"$dir/log.fifo"
"$build/volfsd" -f --config "$dir/config.yml" --state "$state" --run "$run" \
	"$tree" </dev/null 2>"$dir/log.fifo" 8>&- & pid=$!
within 20 answers
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
# A pipe has 64 KiB, of which each refused line takes its part.
for i in $(seq 90); do
	printf 'word%01000d' "$i" | timeout 20 wr "$v/attach" - >"$dir/said"
	has "$dir/said" EINVAL || { fail "line $i: $(cat "$dir/said")"; break; }
done
ok timeout 20 wr "$v/mount" 1
ok test -d "$v/data/lost+found"
ok timeout 20 wr "$v/unmount" 1
cat <&8 >"$dir/read.log" & reader=$!
ok wr "$v/attach" 1
ok wr "$v/detach" 1
within 10 grep -q "lines were lost" "$dir/read.log"
within 10 grep -q "detach local/db" "$dir/read.log"
kill $reader
stop
finish
