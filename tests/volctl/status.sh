#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# status, tree and jobs, for people and as JSON.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree

run 0 status
says out "volfsd 0.1.0"
says out "cloud, local"
run 0 status local
says out "local  ok"
says out "2, 1 attached, 1 mounted, 1 snapshots"
run 0 status local/db
exactly out <<END
local/db  attached, mounted
  driver       local, block
  id           id-db
  size         16 GiB
  used         512 MiB of 1 GiB (50%)
  type         thin
  snapshots    1, the latest 'nightly' of 2026-11-20T00:00:00Z
  protected    yes: removing it needs --yes
  tags         team=web
  created      2026-11-21T04:00:00Z
  observed     2026-11-21T04:06:43Z
END
run 0 status local/db@nightly
says out "local/db@nightly  available"
says out "frozen"
run 0 status --json local/db
[ "$(sed -n 2p "$dir/out")" = "$(cat "$tree/local/db/status")" ] ||
	fail "status --json is not the status file"

# an error, a job and a mount are told
make_volume local bad error 1073741824 false \
	',"error":{"at":"2026-11-21T04:06:43Z","job":"16","verb":"attach","errno":"EBUSY","message":"attach '\'bad\'': it is taken"},"job":{"id":"17","verb":"mount","state":"running","step":"mkfs","progress_percent":40,"started_at":"2026-11-21T04:06:43Z"},"mount":{"path":"/x/data","fstype":"ext4","options":["rw","nodev"],"users":[{"name":"docker:1"},{"name":"manual"}]}'
run 0 status local/bad
says out "attach 'bad': it is taken (EBUSY)"
says out "17: mount, running, mkfs, 40%"
says out "ext4: rw, nodev"
says out "docker:1, manual"
rm -r "$tree/local/bad"

run 1 status local/none
says err "there is no volume 'none' in 'local'"
run 1 status local/db@none
says err "has no snapshot 'none'"

run 0 tree
exactly out <<END
$tree
├── cloud  ok
└── local  ok
    ├── db  attached  16 GiB, mounted
    │   └── nightly  available  1 GiB
    └── web  available  1 GiB
END
LC_ALL=C run 0 tree local
exactly out <<END
\`-- local  ok
    |-- db  attached  16 GiB, mounted
    |   \`-- nightly  available  1 GiB
    \`-- web  available  1 GiB
END
run 0 tree --json cloud
exactly out <<END
[
{"name":"cloud","state":"ok","volumes":[]}
]
END
run 1 tree local/none
run 1 -t "$dir/none" tree

make_job 9 mount local db done OK 1 ""
make_job 10 snapshot local db running "" 1 ""
run 0 jobs
exactly out <<END
ID  STATE    VERB      VOLUME    STEP  DONE  STARTED               RESULT
10  running  snapshot  local/db  copy   40%  2026-11-21T04:06:43Z  -
END
run 0 jobs --all
sed -n 2p "$dir/out" | grep -q '^ 9  done  ' || fail "jobs are not in order"
says out "OK"
run 0 jobs --json
[ "$(sed -n 2p "$dir/out")" = "$(cat "$tree/.volfs/jobs/10/status")" ] ||
	fail "jobs --json is not the status file"
printf '8 attach failed 2026-11-21T04:06:43Z EBUSY\n9 mount done 2026-11-21T04:06:44Z OK\n' \
	>"$tree/local/db/jobs"
run 0 jobs local/db
says out "attach"
says out "EBUSY"
[ "$(wc -l <"$dir/out")" = 3 ] || fail "jobs of a volume: not two rows"
run 1 jobs local/none
finish
