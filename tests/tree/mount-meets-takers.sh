#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel makes of an mv that ends otherwise than it began: it takes off
# what is mounted below names that it is told are nobody's. One that is refused
# after it was answered, while others try to get the name; one that is given
# up; one of a name that is gone; one that was asked for before.
. "${srcdir:-.}/tests/lib.sh"
need python3
sim_config 'refresh: 1h' 'answerWithin: 0'
start
c=$tree/cloud
within 10 has_json "$c/.status" .state ok
ok wr "$c/.create/a" size=64M
ok wr "$c/a/mount" 1
echo mine >"$c/a/data/whose"
cat >taker.py <<'END'
import os, sys, time
end = time.time() + 1.5
while time.time() < end:
    for name in sys.argv[1:]:
        try:
            os.mknod(name)
        except OSError:
            pass
END
is_whole() {
	is "names" "$1" "$(ls "$c" | xargs)"
	is "data" mine "$(cat "$c/$1/data/whose")"
	is "mounts" "$c/$1/data" "$(findmnt -lno TARGET -t ext4 | grep "$tree/")"
}

sim POST /admin/rules '{"op":"rename","action":"fail","status":409,"code":"No"}' >/dev/null
sim POST /admin/settings '{"latency_ms":200}' >/dev/null
for i in 1 2; do
	ok mv "$c/a" "$c/b"
	python3 taker.py "$c/b"
	within 10 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
	is_whole a
done

# ---- given up ----

sim DELETE /admin/rules >/dev/null
sim POST /admin/settings '{"latency_ms":0}' >/dev/null
sim POST /admin/rules '{"op":"rename","action":"delay","ms":700}' >/dev/null
sed -i 's/answerWithin: 0/answerWithin: 10s/' config.yml
ok wr "$tree/.volfs/reload" 1
now=a
for signal in INT KILL; do
	timeout -s $signal 0.3 mv "$c/$now" "$c/b$signal" 2>/dev/null
	now=b$signal
	is_whole $now
	within 10 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
	is_whole $now
done
is "name at the service" $now "$(sim GET /v1/volumes | jq -r '.volumes[].name')"
ok mv "$c/$now" "$c/a"

# ---- of what is gone, to the name of one that is mounted ----

ok wr "$c/.create/x" size=16M
ls "$c/x" >/dev/null
sim DELETE "/v1/volumes/$(cat "$c/x/id")" >/dev/null
ok wr "$c/.refresh" 1
fails_with EEXIST --rename "$c/x" "$c/a"
is_whole a

# ---- the same mv again, after another ----

sed -i 's/answerWithin: 10s/answerWithin: 0/' config.yml
ok wr "$tree/.volfs/reload" 1
ok mv "$c/a" "$c/b"
ok mv "$c/b" "$c/d"
ok mv "$c/d" "$c/b"
is_whole b
within 10 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
is_whole b
ok mv "$c/b" "$c/a"
within 10 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
ok wr "$c/a/unmount" 1
ok wr "$c/a/protect" 0
ok wr "$c/.remove/a" 1
sim_is_clean
stop
finish
