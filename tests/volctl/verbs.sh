#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each verb writes one line to the right file, without truncating it.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree
: >"$tree/local/.create/new"
: >"$tree/local/.create/more"
: >"$tree/local/.create/copy"
: >"$tree/local/.import/vol-1"
: >"$tree/local/.attach/db"

run 0 create local/new
holds local/.create/new 1
says out "local/new: created"
run 0 create --async --dry-run --timeout 5m local/new local/more size=20G type=x
holds local/.create/new "async dry-run timeout=5m size=20G type=x"
holds local/.create/more "async dry-run timeout=5m size=20G type=x"
run 0 -q create local/new size=1G
silent out

run 0 attach local/db
holds local/db/attach 1
[ "$(wc -l <"$tree/local/db/attach")" = 2 ] ||
	fail "the file was truncated before it was written"
run 0 attach local/db host=i-07
holds local/.attach/db host=i-07
holds local/db/attach 1
run 0 detach local/db
holds local/db/detach 1

run 0 mount local/db ro user=me
holds local/db/mount "ro user=me"
exactly out <<END
$tree/local/db/data
END
run 0 mount local/db local/web
exactly out <<END
$tree/local/db/data
$tree/local/web/data
END
run 0 umount local/db
holds local/db/unmount 1
run 0 umount --lazy --force local/db user=me
holds local/db/unmount "force lazy user=me"
run 0 umount -f local/db
holds local/db/unmount force

run 0 restore local/db@nightly
holds local/db/snapshots/nightly/restore 1
run 0 clone local/db@nightly local/copy size=20G
holds local/.create/copy "from=db@nightly size=20G"
run 0 clone local/db local/copy
holds local/.create/copy from=db
run 2 clone local/db cloud/copy
says err "two services"

run 0 resize local/db 200G
holds local/db/size 200G
echo 17179869184 >"$tree/local/db/size"
run 0 resize local/db +1G
holds local/db/size 18253611008
run 0 resize --timeout 5s local/db 200G
holds local/db/set "timeout=5s size=200G"
run 0 set local/db local/web size=200G iops=6000
holds local/db/set "size=200G iops=6000"
holds local/web/set "size=200G iops=6000"

run 0 import local vol-1 name=n
holds local/.import/vol-1 name=n
says out "local/n: imported"
run 0 cancel local/db
holds local/db/cancel 1
says out "local/db: nothing runs on it"
make_job 17 mount local db running "" 1 ""
cp "$tree/.volfs/jobs/17/status" "$tree/local/db/job"
run 0 cancel local/db
says out "local/db: is being cancelled"
make_job 17 mount local db cancelled ECANCELED 1 ""
run 0 cancel 17
says out "job 17: cancelled"
make_job 17 mount local db done OK 1 ""
run 0 cancel 17
says out "job 17: had ended already"
make_job 17 mount local db running "" 1 ""
run 0 cancel 17
says out "job 17: is being cancelled"
holds .volfs/jobs/17/cancel 1
run 1 cancel 18
says err "there is no job '18'"

# the status as JSON, once it is done
run 0 --json mount local/db local/web
[ "$(sed -n 2p "$dir/out")" = "$(cat "$tree/local/db/status")," ] ||
	fail "mount --json is not the status"

# snapshots are directories; the wait for them ends with their state
run 0 snapshot local/web@x --async
[ -d "$tree/local/web/snapshots/x" ] || fail "no snapshot was made"
run 0 snapshot --async local/web
ls "$tree/local/web/snapshots" | grep -Eq '^[0-9]{8}-[0-9]{6}$' ||
	fail "no snapshot is named after the time"
run 1 snapshot local/db nightly
says err "there is a snapshot of that name already (EEXIST)"
run 1 snapshot local/none x
says err "there is no volume 'none' in 'local'"
run 0 snapshot --async local/db 'a b'
[ -d "$tree/local/db/snapshots/a%20b" ] || fail "a name was not escaped"

# a line stays under 4096 bytes, a word holds no blank
run 2 create local/new "type=$(printf '%04100d' 0)"
says err "shorter than 4096"
run 2 create local/new "type=a b"
says err "holds a blank"
run 2 set local/db "tag=$(printf 'a\nb')"
finish
