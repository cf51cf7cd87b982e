#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The sentence that is printed belongs to this call. /dev/full stands for a
# verb that fails: writing to it gives ENOSPC.
. "${srcdir:-.}/tests/volctl/lib.sh"
[ -c /dev/full ] || { echo "no /dev/full"; exit 77; }
make_tree

fails() {
	ln -sf /dev/full "$tree/local/db/attach"
	run 1 attach local/db
}

# nothing is told: the system's words
fails
exactly err <<END
volctl: local/db: attach: No space left on device (ENOSPC)
END
silent out

# the volume's error, of this errno and of now
echo "ENOSPC attach 'db': the pool is full [NoRoom]" >"$tree/local/db/error"
fails
exactly err <<END
volctl: local/db: attach 'db': the pool is full [NoRoom] (ENOSPC)
END
# of another errno: not ours
echo "EBUSY attach 'db': taken" >"$tree/local/db/error"
fails
says err "No space left"
# a sentence without its errno counts by its age
echo "attach 'db': no room" >"$tree/local/db/error"
fails
says err "no room (ENOSPC)"
touch -d '1 hour ago' "$tree/local/db/error"
fails
says err "No space left"

# the status says when it happened, and decides
make_volume local db attached 1 false ',"error":{"at":"2020-01-01T00:00:00Z","verb":"attach","errno":"ENOSPC","message":"long ago"}'
sed -i 's/"error":null,//' "$tree/local/db/status"
echo "ENOSPC long ago" >"$tree/local/db/error"
fails
says err "No space left"
sed -i "s/2020-01-01T00:00:00Z/2099-01-01T00:00:00Z/; s/long ago/just now/" \
	"$tree/local/db/status"
fails
says err "just now (ENOSPC)"

# the service's error, for what has no volume
make_volume local db attached 1
ln -s /dev/full "$tree/local/.create/new"
echo "ENOSPC create 'new': 10G are left" >"$tree/local/.error"
run 1 create local/new
says err "local/new: create 'new': 10G are left (ENOSPC)"
: >"$tree/local/.error"

# the newest failed job of this very process comes before all that
job_of() {
	make_job 21 attach local db failed ENOSPC "$1" "its own job says so"
	sed -i 's/"code":""/"code":"PoolFull"/' "$tree/.volfs/jobs/21/status"
	make_job 22 attach local db failed ENOSPC 1 "another process"
}
echo "ENOSPC other" >"$tree/local/db/error"
ln -sf /dev/full "$tree/local/db/attach"
( job_of "$(sh -c 'echo $PPID')"
  exec "$volctl" -t "$tree" attach local/db ) >"$dir/out" 2>"$dir/err"
[ $? = 1 ] || fail "attach with a failed job"
says err "its own job says so [PoolFull] (ENOSPC)"

# and where nobody's jobs may be read, the volume tells of its last one
( job_of "$(sh -c 'echo $PPID')"
  mv "$tree/.volfs/jobs/21/status" "$tree/local/db/job"
  rm -r "$tree/.volfs/jobs"
  exec "$volctl" -t "$tree" attach local/db ) >"$dir/out" 2>"$dir/err"
says err "its own job says so [PoolFull] (ENOSPC)"
rm "$tree/local/db/job"

# bytes that a terminal obeys are not passed on
printf 'ENOSPC \033[2Jgone\n' >"$tree/local/db/error"
fails
says err '\x1B[2Jgone'

# several names: the first failure ends it, unless told to go on
run 1 attach local/db local/web
holds local/web/attach "usage of attach, which is longer than a line of the test"
run 1 attach -k local/db local/web
holds local/web/attach 1
says out "local/web: attached"

# what is missing is named, whatever else failed so just now
echo "ENOENT remove 'old': no volume of that name" >"$tree/local/.error"
run 1 mount local/none
says err "there is no volume 'none' in 'local'"
rm "$tree/local/web/detach"
run 1 detach local/web
rm "$tree/local/.error"
says err "cannot do that here"
run 1 create nosuch/db
says err "there is no service 'nosuch'"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$dir"
	setpriv --reuid 65534 --clear-groups "$volctl" -t "$tree" mount \
		local/web >"$dir/out" 2>"$dir/err" && fail "nobody may mount"
	says err "you may not write"
	says err "owned by 'root'"
fi

# an interrupted wait says what goes on: opening a fifo waits
rm "$tree/local/web/mount"
mkfifo "$tree/local/web/mount"
echo '{"id":"31","verb":"mount","state":"running"}' >"$tree/local/web/job"
"$volctl" -t "$tree" mount local/web local/db >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 0.5
kill -TERM $pid
wait $pid
[ $? = 1 ] || fail "an interrupted mount has another exit status"
what="volctl mount, interrupted"
says err "still running as job 31: 'volctl wait local/web job=31'"
silent out
finish
