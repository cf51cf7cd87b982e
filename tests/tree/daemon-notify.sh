#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What systemd is told (sd_notify): READY when the tree answers and not before,
# RELOADING and READY around a reload, STOPPING at the end; a status in words.
. "${srcdir:-.}/tests/lib.sh"
need python3
cat >hear.py <<'END'
import os, socket, sys
# At each message: does the tree answer at that moment?
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    text = s.recv(4096).decode().replace("\n", "|")
    try:
        there = bool(open(sys.argv[2] + "/.volfs/version").read())
    except OSError:
        there = False
    print("tree" if there else "none", text, flush=True)
END
hear() { # hear ADDRESS
	python3 hear.py "$1" "$tree" >>heard.txt &
	ear=$!
	within 20 grep -q listening heard.txt
}
config <<END
services: {local: {driver: local}}
END
hear "$dir/notify"
export NOTIFY_SOCKET=$dir/notify
start
within 10 grep -q READY=1 heard.txt
is "lines with READY" "tree READY=1|STATUS=serves $tree, 1 service" \
	"$(grep READY heard.txt)"
# It may answer before that is heard.
says heard.txt "STATUS=reading"

# A reload that adds a service, and one that fails.
config <<END
services: {local: {driver: local}, more: {driver: local, path: $dir/more}}
END
: >heard.txt
kill -HUP "$pid"
within 10 grep -q READY=1 heard.txt
is "of a reload" RELOADING=1 "$(head -n 1 heard.txt | grep -o 'RELOADING=1')"
says heard.txt "|MONOTONIC_USEC="
is "ready again" "tree READY=1|STATUS=serves $tree, 2 services" \
	"$(tail -n 1 heard.txt)"
printf 'services:\n\tlocal: {}\n' | config
: >heard.txt
kill -HUP "$pid"
within 10 grep -q READY=1 heard.txt
says heard.txt "2 services; the configuration was not read again"

: >heard.txt
config <<END
services: {local: {driver: local}}
END
stop
within 10 grep -q STOPPING=1 heard.txt
says heard.txt "STATUS=ends; volumes stay mounted for the next start"
kill $ear; wait $ear 2>/dev/null

# An abstract address; a start that fails is never ready.
sed -i 's/s.bind(sys.argv\[1\])/s.bind("\\0" + sys.argv[1])/' hear.py
: >heard.txt
hear "volfs-test-$$"
export NOTIFY_SOCKET=@volfs-test-$$
start
within 10 grep -q "tree READY=1" heard.txt
: >heard.txt
ok volctl down
within 20 ended "$pid"
pid=
within 10 grep -q STOPPING=1 heard.txt
says heard.txt "every volume is unmounted"
: >heard.txt
printf 'services:\n\tlocal: {}\n' | config
launch
wait "$pid"; is "the status of a failed start" 1 $?
pid=
# What it said was heard before this is.
python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"END", "\0" + sys.argv[1])' \
	"volfs-test-$$"
within 20 grep -q "END$" heard.txt
says heard.txt "STATUS="
grep READY heard.txt && fail "a failed start says that it is ready"

# Nobody listens: a warning, and the tree all the same.
kill $ear; wait $ear 2>/dev/null
config <<END
services: {local: {driver: local}}
END
export NOTIFY_SOCKET=$dir/nobody
start
says volfsd.log "tell systemd at '$dir/nobody' (NOTIFY_SOCKET)"
stop
finish
