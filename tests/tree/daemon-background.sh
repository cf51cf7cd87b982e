#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Without -f volfsd returns when the tree answers; --check, --drivers,
# --version and --help end with the right status.
. "${srcdir:-.}/tests/lib.sh"
mkdir -p "$tree"
ok timeout 20 "$build/volfsd" --state "$state" --run "$run" "$tree"
ok cat "$tree/.volfs/status"
pid=$(json "$tree/.volfs/status" .pid)
ok kill -0 "$pid"
kill -TERM "$pid"
within 20 ended "$pid"
pid=
for option in --drivers --version --help; do
	"$build/volfsd" $option >out.txt 2>err.txt || fail "$option ends with $?"
	ok test -s out.txt
	is "what $option says on stderr" "" "$(cat err.txt)"
done
"$build/volfsd" --no-such-option >out.txt 2>&1
is "the exit status of an unknown option" 2 $?
printf 'services:\n  local: {driver: local, szie: 10G}\n' >bad.yml
"$build/volfsd" --check bad.yml >out.txt 2>&1
is "the exit status of --check" 1 $?
says out.txt size
printf 'services:\n  local: {driver: local, size: 10G}\n' >good.yml
ok "$build/volfsd" --check good.yml
printf 'services:\n\tlocal: {}\n' >tab.yml
"$build/volfsd" --check tab.yml >out.txt 2>&1
is "the exit status of --check with a tab" 1 $?
says out.txt tab.yml
finish
