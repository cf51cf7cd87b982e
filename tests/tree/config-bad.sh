#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files that are no configuration: a start ends with the sentence, a reload
# changes nothing, and both say where.
. "${srcdir:-.}/tests/lib.sh"
good() {
	config <<-END
	services: {local: {driver: local, size: 64M}}
	END
}
good
start
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/db/mount" 1
before=$(cat "$tree/.volfs/config")
refused() { # refused WHAT WORDS [ERRNO]: the file as it stands
	local got
	got=$(timeout 30 wr "$tree/.volfs/reload" 1)
	is "a reload of $1" "${3:-EINVAL}" "$got"
	grep -qE -e "$2" volfsd.log ||
		fail "the log does not say '$2' of $1: $(tail -n 1 volfsd.log | head -c 300)"
	: >volfsd.log
	is "the configuration after $1" "$before" "$(cat "$tree/.volfs/config")"
	timeout 30 "$build/volfsd" --check "$dir/config.yml" >check.out 2>&1
	[ $? = 1 ] || fail "--check of $1 does not end with 1"
	[ -s check.out ] || fail "--check says nothing of $1"
	[ "$(wc -c <check.out)" -lt 4096 ] || fail "--check says too much of $1"
}
printf 'services:\n\tlocal: {driver: local}\n' | config
refused "a tab" ':2:'
head -c 10485760 /dev/zero | tr '\0' '[' | config
refused "10 MB of brackets" 'more than 1 MiB' E2BIG
awk 'BEGIN { for (i = 0; i < 900; i++) { printf "%*sa:\n", i, "" } }' | config
refused "nesting by blanks" 'nest|deep'
head -c 100000 /dev/zero | tr '\0' '[' | config
refused "nesting by brackets" 'nest|deep'
printf 'services: [local, cloud]\n' | config
refused "a list of services" 'services'
printf 'services: {local: {driver: local}, local: {driver: local}}\n' | config
refused "a service twice" 'local'
head -c 4096 /dev/urandom | config
refused "noise" 'config.yml'
good
ok wr "$tree/.volfs/reload" 1
ok is_mount "$tree/local/db/data"
ok wr "$tree/local/db/unmount" 1
stop
# A start: no tree, one sentence, exit status 1.
head -c 10485760 /dev/zero | tr '\0' '{' | config
launch
wait "$pid"
is "exit status" 1 $?
pid=
isnt "the sentence" "" "$(cat volfsd.log)"
[ "$(wc -c <volfsd.log)" -lt 2048 ] || fail "it says too much"
ok sh -c "! mountpoint -q '$tree'"
finish
