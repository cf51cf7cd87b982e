#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel has cached is never stale: over the fake engine, whose
# changes come by command, and with answers held between being made and being
# written (VOLFS_HOOK). An answer held back in that way tells the old size; if
# the barrier did not wait for it, that size would stay for ever.
. "${srcdir:-.}/tests/lib.sh"

fake() { # fake [VOLUMES [DELAY_MS]]
	mkdir -p "$tree"
	mkfifo "$dir/commands" "$dir/answers" 2>/dev/null
	"$build/tests/fs_fake" "$tree" "$@" <"$dir/commands" >"$dir/answers" \
		2>>"$dir/volfsd.log" &
	fake=$!
	exec 8>"$dir/commands" 9<"$dir/answers"
	read -r -t 20 word <&9
	is "fs_fake's first word" ready "$word"
}

end_fake() {
	exec 8>&- 9<&-
	wait $fake
}

tell() { # one that is answered
	echo "$*" >&8
	read -r -t 20 said <&9 || fail "no answer to '$*'"
}

size() {
	stat -c %s "$1"
}

# ---- pushes ----
fake 3
is "size" 1073741824 "$(size "$tree/full/v1")"
is "a status' size" "$(wc -c <"$tree/full/v1/status")" "$(size "$tree/full/v1/status")"
tell size 1 5368709120
is "size after a change" 5368709120 "$(size "$tree/full/v1")"
is "size file" 5368709120 "$(cat "$tree/full/v1/size")"
tell swap 1 7
is "an unpushed change (what a cache is)" 5368709120 "$(size "$tree/full/v1")"
tell size 1 8
is "a pushed one" 8 "$(size "$tree/full/v1")"

ls "$tree/full" >"$dir/before"
ls -l "$tree/full" "$tree/full/v2" >"$dir/null"
tell add 1 new
is "a new name in a listing" "new v1 v2 v3" "$(echo $(ls "$tree/full"))"
ok test -d "$tree/full/new"
exec 5<"$tree/full/v2/state"
tell remove 1 2
is "a gone name in a listing" "new v1 v3" "$(echo $(ls "$tree/full"))"
ok gone "$tree/full/v2"
ok gone "$tree/full/v2/status"
ok gone "$tree/full/.by-id/vol-2"
exec 5<&-
ok mkdir "$tree/full/v2"
is "the same name again" "new v1 v2 v3" "$(echo $(ls "$tree/full"))"
is "its state" available "$(cat "$tree/full/v2/state")"
echo 1 >"$tree/full/v2/attach"
is "device right after attach" /dev/null "$(readlink "$tree/full/v2/device")"
ls "$tree/full/v2" | grep -q device || fail "ls does not show device after attach"
echo 1 >"$tree/full/v2/detach"
ok gone "$tree/full/v2/device"
ls "$tree/full/v2" | grep -q device && fail "ls shows device after detach"
ok rmdir "$tree/full/v2"
ok gone "$tree/full/v2"
ok mv "$tree/full/v3" "$tree/full/w3"
is "names after a rename" "new v1 w3" "$(echo $(ls "$tree/full"))"
is "a link after a rename" ../w3 "$(readlink "$tree/full/.by-id/vol-3")"

# a name that goes and comes back behind the tree's back, while it is cached
for i in 1 2; do
	tell add 1 twin
	twin=${said#ok }
	is "state of a new one by an old name" available "$(cat "$tree/full/twin/state")"
	fails_with OK "$tree/full/twin/attach" 1
	fails_with OK "$tree/full/twin/detach" 1
	tell remove 1 "$twin"
done
ok gone "$tree/full/twin"

# ---- names under .create: every one is there, and none kept for ever ----
for i in $(seq 20000); do [ -e "$tree/full/.create/n$i" ] || fail "no n$i"; done
tell names
[ "${said#ok }" -le 16384 ] || fail "${said#ok } names are kept"
ok test -e "$tree/full/.create/n1"

# ---- errnos ----
fails_with EPERM --create "$tree/full/v1/x"
fails_with EPERM --mkdir "$tree/full/v1/x"
fails_with EROFS --create "$tree/full/v1/data/x"
fails_with EROFS --mkdir "$tree/full/v1/data/x"
fails_with EPERM --unlink "$tree/full/v1/status"
fails_with EPERM --symlink x "$tree/full/x"
fails_with EPERM --rename "$tree/full/v1/status" "$tree/full/v1/x"
fails_with EXDEV --rename "$tree/full/v1" "$tree/bare/v1"
fails_with EPERM --rename "$tree/bare/b1" "$tree/bare/b2"
fails_with EPERM "$tree/full/v1/status" 1
fails_with EINVAL --append "$tree/full/v1/attach" 1
fails_with EINVAL --offset=1 "$tree/full/v1/attach" 1
head -c 4096 /dev/zero | tr '\0' 1 >"$dir/long"
[ "$(wr "$tree/full/v1/attach" - <"$dir/long")" = E2BIG ] || fail "4096 bytes: not E2BIG"
fails_with EBUSY "$tree/full/v1/attach" fail
fails_with OK --trunc "$tree/full/v1/set" "iops=1"
fails_with OK --truncate=0 "$tree/full/v1/set"
fails_with EINVAL --truncate=3 "$tree/full/v1/set"
fails_with OK --chmod=644 "$tree/full/v1/set"
fails_with EPERM --chmod=600 "$tree/full/v1/set"
fails_with EPERM --chown=1:1 "$tree/full"
ok chown 1000:1000 "$tree/full/v1"
is "owner of a delegated file" 1000 "$(stat -c %u "$tree/full/v1/attach")"
is "blocks of the tree" 0 "$(stat -f -c %b "$tree")"

# ---- texts ----
exec 5<"$tree/full/v1/status"
read -r -N 10 -u 5 first
tell size 1 123456789012345
rest=$(cat <&5)
echo "$first$rest" | jq -e .size_bytes >"$dir/null" || fail "half of the old and half of the new"
exec 5<&-
is "bytes of a sendfile" "$(wc -c <"$tree/full/v1/status")" "$(head -c 100000 "$tree/full/v1/status" | wc -c)"
is "the tail of a file" "$(tail -c 5 "$tree/full/v1/status")" "$(cat "$tree/full/v1/status" | tail -c 5)"
ok tar -cf "$dir/x.tar" -C "$tree" .
ok cp -r --preserve=timestamps "$tree" "$dir/copy"
ok grep -rq available "$tree"
is "du" 0 "$(du -s "$tree" | cut -f 1)"

# ---- poll ----
cat >"$dir/poll.py" <<'END'
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
if "read" in sys.argv:
    while os.read(fd, 65536):
        pass
p = select.poll()
p.register(fd, select.POLLPRI if "read" not in sys.argv else select.POLLIN)
print("waiting", flush=True)
print("woken" if p.poll(10000) else "timeout", flush=True)
END
if command -v python3 >/dev/null; then
	for poll in "full/v1/state" ".volfs/events read"; do
		set -- $poll
		# Else the last one's text is taken for this one's.
		rm -f "$dir/polled"
		python3 "$dir/poll.py" "$tree/$1" ${2:-} >"$dir/polled" &
		poller=$!
		within 20 grep -q waiting "$dir/polled"
		sleep 0.2
		grep -q woken "$dir/polled" && fail "poll of $1 woke before a change"
		tell size 1 99
		echo 1 >"$tree/full/v1/attach"
		wait $poller
		says "$dir/polled" woken
	done
fi

end_fake

# ---- waits ----
fake 2 5000
before=$(date +%s%N)
for i in $(seq 40); do echo 1 >"$tree/full/.create/c$i" & waits[i]=$!; done
sleep 0.3
ok timeout 4 ls -lR "$tree/full/v1"
for i in $(seq 40); do wait ${waits[i]} || fail "create of c$i"; done
took=$((($(date +%s%N) - before) / 1000000))
[ $took -lt 20000 ] || fail "forty creates of five seconds took $took ms"
is "volumes" 42 "$(ls "$tree/full" | wc -l)"
for signal in INT KILL TERM; do
	before=$(date +%s%N)
	timeout -s $signal 0.3 bash -c "trap - INT; echo 1 >'$tree/full/v1/attach'"
	took=$((($(date +%s%N) - before) / 1000000))
	[ $took -lt 4000 ] || fail "SIG$signal: free after $took ms"
done
# A background job's end is no reason to end the wait; Ctrl-C after it is.
ok bash -c "sleep 0.2 & echo 1 >'$tree/full/v1/attach'"
before=$(date +%s%N)
timeout -s INT 0.7 bash -c "sleep 0.2 & echo 1 >'$tree/full/v1/attach'"
took=$((($(date +%s%N) - before) / 1000000))
[ $took -lt 4000 ] || fail "SIGINT after SIGCHLD: free after $took ms"
end_fake

# ---- answers held between being made and being written ----
held() { # held OPERATION NAME COMMAND...
	local operation=$1 name=$2
	shift 2
	export VOLFS_HOOK="$operation $name $dir/go"
	rm -f "$dir/go" "$dir/go.held"
	fake 3
	unset VOLFS_HOOK
	touch "$dir/go.armed"
	"$@" >"$dir/null" 2>&1 &
	asker=$!
	within 5 test -e "$dir/go.held"
	echo "size 1 77777" >&8
	# The publisher must wait for that answer: no answer for a while.
	if read -r -t 0.5 said <&9; then
		fail "$operation: the change was published over an answer in hand"
	fi
	touch "$dir/go"
	read -r -t 10 said <&9 || fail "$operation: the change was never published"
	wait $asker
	is "$operation: size after it all" 77777 "$(size "$tree/full/v1")"
	is "$operation: its size in a listing" 77777 \
		"$(ls -ln "$tree/full" | awk '$NF == "v1" { print $5 }')"
	is "$operation: the status' size" "$(wc -c <"$tree/full/v1/status")" \
		"$(size "$tree/full/v1/status")"
	end_fake
}
if "$build/tests/fs_fake" --hooks 2>/dev/null; then
	held LOOKUP v1 stat "$tree/full/v1"
	held READDIR full ls -l "$tree/full"
fi
finish
