#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A flag said to be 0 is not set; dry-run does nothing, also where the act is
# quick; each verb is in the log, whatever became of it.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'pending: 3s'
start
within 10 has_json "$tree/cloud/.status" .state ok
v=$tree/local/db
ok wr "$tree/local/.create/db" size=64M
ok wr "$v/mount" "user=web ro=0"
is "read-only" false "$(json "$v/status" .mount.read_only)"
ok wr "$v/mount" "user=db ro=no"
ok wr "$v/unmount" "user=db force=0 lazy=0"
is "users" web "$(json "$v/users" .name)"
fails_with EBUSY "$v/mount" "user=db ro=1"
fails_with EINVAL "$v/mount" "user=db ro=perhaps"
exec 5<"$v/data/."
fails_with EBUSY "$tree/.volfs/down" force=0
exec 5<&-
is "mounted" 1 "$(cat "$v/mounted")"

# What is mounted already is so only if it is as the line says.
fails_with EBUSY "$v/mount" "user=web ro"
says "$v/error" read-write
fails_with EBUSY "$v/mount" "user=web options=noexec"
says "$v/error" noexec
ok wr "$v/mount" "user=web options=nosuid,nodev"
ok wr "$v/mount" "user=web options=$(cat "$v/options")"
ok wr "$v/unmount" user=web
ok wr "$v/mount" "ro options=noexec"
ok wr "$v/mount" "ro options=noexec"
ok wr "$v/mount" 1
fails_with EBUSY "$v/mount" ro=0
ok wr "$v/unmount" 1

# "ro" among the options is no failure of the kernel's.
ok wr "$v/options" ro
ok wr "$v/mount" 1
is "read-only" true "$(json "$v/status" .mount.read_only)"
is "options" '["ro","nodev","nosuid"]' \
	"$(jq -c .mount.options "$v/status")"
is "health" ok "$(json "$v/status" .health.condition)"
ok wr "$v/mount" 1
ok wr "$v/unmount" 1
ok wr "$v/options" nodev,nosuid

# A word of other drivers, and what a job is about once its volume is gone.
fails_with EINVAL "$v/set" "iops=6000"
says "$v/error" "the volumes of driver 'local' have no 'iops'"
fails_with EINVAL "$v/set" "siez=64M"
says "$v/error" "did you mean 'size'"
ok wr "$tree/local/.create/brief" size=64M
ok mkdir "$tree/local/brief/snapshots/first"
within 10 has "$tree/local/brief/snapshots/first/state" available
job=$(last_job "$tree/local/brief")
is "verb of the job" snapshot "$(json "$tree/.volfs/jobs/$job/status" .verb)"
is "volume of the job" brief "$(json "$tree/.volfs/jobs/$job/status" .volume)"
ok wr "$tree/local/brief/snapshots/first/protect" 0
ok rmdir "$tree/local/brief/snapshots/first"
ok wr "$tree/local/.remove/brief" 1
is "volume of the job" null "$(json "$tree/.volfs/jobs/$job/status" .volume)"
within 20 grep -q "job $job snapshot local/brief@first " "$dir/volfsd.log"

c=$tree/cloud/big
ok wr "$tree/cloud/.create/big" async
within 20 test -e "$c/cancel"
ok wr "$c/cancel" dry-run
job=$(json "$c/status" .job.id)
ok wr "$tree/.volfs/jobs/$job/cancel" dry-run
within 20 has "$c/state" available
is "the job" done "$(json "$tree/.volfs/jobs/$job/status" .state)"
ok wr "$c/attach" async
within 20 has_json "$c/status" .job.verb attach
job=$(json "$c/status" .job.id)
ok wr "$c/cancel" 1
within 20 has_json "$tree/.volfs/jobs/$job/status" .state cancelled
within 20 grep -q "cancel cloud/big uid=0 gid=0 pid=[0-9]* '1': OK" "$dir/volfsd.log"
within 20 grep -q "cancel cloud/big uid=0 gid=0 pid=[0-9]* 'dry-run': OK" \
	"$dir/volfsd.log"
ok wr "$v/unmount" 1
within 20 grep -q "unmount local/db uid=0 gid=0 pid=[0-9]* '1': OK (already so)" \
	"$dir/volfsd.log"
stop
finish
