# SPDX-License-Identifier: Apache-2.0
# A tree of plain files and directories, and checks, for the tests of volctl.
# Sourced; sets $volctl, $tree and $dir, and removes $dir at the end.

set -u
volctl=${VOLCTL:-./volctl}
case $volctl in /*) ;; *) volctl=$PWD/$volctl ;; esac
source_dir=${srcdir:-.}
case $source_dir in /*) ;; *) source_dir=$PWD/$source_dir ;; esac
unset VOLFS_TREE NO_COLOR
export LC_ALL=C.UTF-8 TERM=xterm

[ -x "$volctl" ] || { echo "no volctl at '$volctl': build it first"; exit 99; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/volctl-test.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM
tree=$dir/volumes
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# run STATUS ARGUMENT...: runs volctl, leaves $dir/out and $dir/err.
run() {
	wanted=$1
	shift
	what="volctl $*"
	"$volctl" -t "$tree" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	[ $got = "$wanted" ] || {
		fail "$what: exit status $got, not $wanted"
		cat "$dir/out" "$dir/err"
	}
}

# says FILE TEXT: the file (out, err) has that text.
says() {
	grep -qF -e "$2" "$dir/$1" || {
		fail "$what: no '$2' in its $1:"
		cat "$dir/$1"
	}
}

silent() {
	[ ! -s "$dir/$1" ] || { fail "$what: says on $1:"; cat "$dir/$1"; }
}

# exactly FILE, from standard input
exactly() {
	cat >"$dir/expected"
	diff -u "$dir/expected" "$dir/$1" || fail "$what: other $1"
}

# holds FILE TEXT: a file of the tree begins with that line.
holds() {
	[ "$(head -n1 "$tree/$1" 2>/dev/null)" = "$2" ] ||
		fail "$what: '$1' holds '$(head -n1 "$tree/$1")', not '$2'"
}

finish() {
	[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
	exit 0
}

now() {
	date -u +%Y-%m-%dT%H:%M:%SZ
}

make_service() {
	mkdir -p "$tree/.volfs/jobs" "$tree/$1/.create" "$tree/$1/.remove" \
		"$tree/$1/.import" "$tree/$1/.attach"
	cat >"$tree/$1/.status" <<END
{"schema":1,"service":"$1","driver":"${2:-local}","state":"ok","observed_at":"2026-11-21T04:06:43Z","stale":false,"counts":{"volumes":${3:-0},"managed":0,"attached":1,"mounted":1,"snapshots":1,"jobs_running":0,"jobs_waiting":0},"capabilities":["create","mount"],"error":null}
END
	: >"$tree/$1/.error"
}

# make_volume SERVICE NAME STATE SIZE_BYTES [MOUNTED] [MORE]
make_volume() {
	v=$tree/$1/$2
	mkdir -p "$v/snapshots" "$v/data"
	cat >"$v/status" <<END
{"schema":1,"service":"$1","driver":"local","kind":"block","name":"$2","path":"$v","id":"id-$2","state":"$3","state_since_at":"2026-11-21T04:06:43Z","attached":${5:-false},"mounted":${5:-false},"managed":true,"protect":true,"created_at":"2026-11-21T04:00:00Z","observed_at":"2026-11-21T04:06:43Z","stale":false,"stale_reason":null,"size_bytes":$4,"type":"thin","usage":{"scope":"volume","total_bytes":1073741824,"used_bytes":536870912,"available_bytes":536870912},"snapshots":{"count":1,"latest":"nightly","latest_at":"2026-11-20T00:00:00Z"},"tags":{"team":"web"},"job":null,"error":null${6:-}}
END
	echo "$3" >"$v/state"
	echo "$4" >"$v/size"
	echo 1 >"$v/protect"
	: >"$v/error"
	for file in attach detach mount unmount set cancel; do
		rm -f "$v/$file"
		echo "usage of $file, which is longer than a line of the test" \
			>"$v/$file"
	done
}

# make_snapshot SERVICE VOLUME NAME STATE
make_snapshot() {
	s=$tree/$1/$2/snapshots/$3
	mkdir -p "$s"
	cat >"$s/status" <<END
{"schema":1,"service":"$1","driver":"local","name":"$3","volume":"$2","id":"snap-$3","state":"$4","progress_percent":100,"size_bytes":1073741824,"created_at":"2026-11-20T00:00:00Z","protect":true,"consistency":"frozen","tags":{},"observed_at":"2026-11-21T04:06:43Z","stale":false,"job":null,"error":null}
END
	echo 1 >"$s/protect"
	: >"$s/restore"
}

# make_job ID VERB SERVICE VOLUME STATE ERRNO PID MESSAGE
make_job() {
	finished=null
	case $5 in done|failed|cancelled) finished="\"$(now)\"" ;; esac
	mkdir -p "$tree/.volfs/jobs/$1"
	: >"$tree/.volfs/jobs/$1/cancel"
	cat >"$tree/.volfs/jobs/$1/status" <<END
{"id":"$1","verb":"$2","state":"$5","step":"copy","progress_percent":40,"started_at":"2026-11-21T04:06:43Z","deadline_at":null,"uid":$(id -u),"service":"$3","volume":"$4","line":"1","submitted_at":"$(now)","finished_at":$finished,"gid":0,"pid":$7,"errno":"$6","code":"","message":"$8"}
END
}

make_tree() {
	mkdir -p "$tree/.volfs/jobs"
	echo '{"schema":1,"version":"0.1.0","pid":1,"started_at":"2026-11-21T04:00:00Z","host":{"id":"h1","name":"h1"},"services":["cloud","local"],"store":{"kind":"sqlite","state":"ok"},"warnings":[]}' \
		>"$tree/.volfs/status"
	: >"$tree/.volfs/events"
	make_service local local 2
	make_service cloud sim 0
	make_volume local db attached 17179869184 true
	make_volume local web available 1073741824
	make_snapshot local db nightly available
}
