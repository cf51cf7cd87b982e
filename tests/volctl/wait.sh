#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# wait, events and down.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree

run 0 wait local/db
run 0 wait local/db state=attached mounted=1 attached=yes size=16G
run 0 wait local state=ok
run 0 wait local/db@nightly state=available
run 0 wait local/none gone
run 1 wait --timeout 300ms local/db state=available
says err "still not so after 300ms: state is 'attached'"
run 1 wait --timeout 300ms local/db gone
run 1 wait local/none state=available
says err "there is no volume 'none'"
run 1 wait local/db colour=red
says err "it has no 'colour'"
run 2 wait --timeout soon local/db
run 2 wait --timeout 10 local/db
says err "--timeout"
run 2 wait local/db job=x
run 0 wait --json local/web state=available
[ "$(sed -n 2p "$dir/out")" = "$(cat "$tree/local/web/status")" ] ||
	fail "wait --json is not the status"

# it comes true
( sleep 0.4; make_volume local web available 1073741824 true ) &
run 0 wait --timeout 20s local/web mounted=1
( sleep 0.4; mv "$tree/local/web" "$dir/web.gone" ) &
run 0 wait --timeout 20s local/web gone
wait

# it cannot come true any more
make_volume local bad error 1 false ',"error":{"at":"2026-11-21T04:06:43Z","errno":"EDQUOT","message":"create '\'bad\'': the quota is 10"}'
sed -i 's/"error":null,//' "$tree/local/bad/status"
run 1 wait local/bad state=available
says err "state is 'error': create 'bad': the quota is 10"
run 0 wait local/bad state=error

# jobs, also by a volume's list of them
make_job 40 mount local db done OK 1 ""
make_job 41 mount local db failed EUCLEAN 1 "mount 'db': no"
run 0 wait local/db job=40
run 1 wait local/db job=41
says err "mount 'db': no (EUCLEAN)"
printf '50 mount done 2026-11-21T04:06:43Z OK\n51 mount failed 2026-11-21T04:06:43Z EBUSY\n' \
	>"$tree/local/db/jobs"
run 0 wait local/db job=50
run 1 wait local/db job=51
says err "EBUSY"
echo '52 mount running 2026-11-21T04:06:43Z OK' >>"$tree/local/db/jobs"
run 1 wait --timeout 200ms local/db job=52
says err "job 52 is running"
echo '{"id":"53","verb":"mount","state":"failed","errno":"EIO","message":"no"}' \
	>"$tree/local/db/job"
run 1 wait local/db job=53
says err "no (EIO)"
run 1 wait local/db job=5
says err "there is no job '5'"
make_job 42 mount local db running "" 1 ""
( sleep 0.4; make_job 42 mount local db done OK 1 "" ) &
run 0 wait --timeout 20s local/db job=42
wait

# an interrupt ends it
"$volctl" -t "$tree" wait local/db state=deleting >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 0.3
kill -TERM $pid
wait $pid
[ $? = 1 ] || fail "an interrupted wait has another exit status"
what="volctl wait, interrupted"
says err "interrupted"

# events: filters, the last ones, JSON, a file that begins again
event() {
	printf '{"seq":%d,"at":"2026-11-21T04:06:4%dZ","service":"%s","volume":"%s","id":"i","event":"state","from":"available","to":"attached","job":"%d","uid":0,"message":"number %d"}\n' \
		"$1" "$1" "$2" "$3" "$1" "$1"
}
{ event 1 local db; event 2 cloud x; event 3 local web; } \
	>"$tree/.volfs/events"
run 0 events
[ "$(wc -l <"$dir/out")" = 3 ] || fail "not three events"
says out "2026-11-21T04:06:41Z  local/db  state  available -> attached  job 1  number 1"
run 0 events local
[ "$(wc -l <"$dir/out")" = 2 ] || fail "not two events of a service"
run 0 events local/web
[ "$(wc -l <"$dir/out")" = 1 ] || fail "not one event of a volume"
run 0 events -n 1 --json
event 3 local web | diff - "$dir/out" || fail "events --json is not the line"
run 0 events -n 0
silent out
# the last ones of those that are named, not what is of them among the last
run 0 events -n 1 --json local/db
event 1 local db | diff - "$dir/out" || fail "not the last event of db"
run 0 events -n 1 local
says out "number 3"
run 0 events -n 0 local
silent out
run 2 events -n x
"$volctl" -t "$tree" events -f -n 1 >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 0.5
event 4 local db >>"$tree/.volfs/events"
sleep 0.8
cp "$tree/.volfs/events" "$tree/.volfs/events.1"
event 5 local db >>"$tree/.volfs/events.1"
event 6 local db >"$tree/.volfs/events"
sleep 0.8
# and the oldest half cut off, as a log's
rm "$tree/.volfs/events.1"
{ event 7 local db; event 8 local db; } >>"$tree/.volfs/events"
sleep 0.8
{ event 8 local db; event 9 local db; } >"$dir/cut"
mv "$dir/cut" "$tree/.volfs/events"
sleep 0.8
kill $pid
wait $pid 2>/dev/null
what="volctl events -f"
sed 's/.*number //' "$dir/out" | tr '\n' ' ' >"$dir/seen"
[ "$(cat "$dir/seen")" = "3 4 5 6 7 8 9 " ] ||
	fail "events -f saw '$(cat "$dir/seen")', not '3 4 5 6 7 8 9 '"

# down writes and waits until the tree is gone
: >"$tree/.volfs/down"
run 1 down --timeout 200ms
says err "is still there"
holds .volfs/down "timeout=200ms 1"
: >"$tree/.volfs/down"
( sleep 0.4; cp "$tree/.volfs/down" "$dir/line"; mv "$tree" "$dir/old" ) &
run 0 down --force
[ "$(cat "$dir/line")" = force ] || fail "down --force wrote something else"
says out "down"
run 1 down
says err "holds no volfs tree"
finish
