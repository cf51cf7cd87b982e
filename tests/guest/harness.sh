#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The harness itself: verdicts, limits, what a script sees, and that nothing is
# left behind. Runs here, and starts guests.
. "${srcdir:-.}/tests/lib.sh"
case $(uname -m) in x86_64) ;; *) skip "the guests are for x86_64" ;; esac
need linux.uml qemu-system-x86_64 busybox
guest=$source_dir/tests/guest/run
# Their cells are in ours; a skip is what is tried here.
export TMPDIR=$dir
unset VOLFS_CELL VOLFS_NO_SKIP

# ends STATUS OPTION... with the script on standard input
ends() {
	local wanted=$1
	shift
	cat >"$dir/script"
	"$guest" "$@" >"$dir/said" 2>&1
	is "status of '$*'" "$wanted" $? || cat "$dir/said"
}

for kind in uml qemu; do
	ends 0 $kind -e GIVEN='two words' -e HOME -e NOT_THERE "$dir/script" a 'b  c' <<-'END'
		echo "$VOLFS_GUEST: $# arguments, '$2', '$GIVEN', $(id -u)"
		[ ! -e "$HOME" ] || [ -n "$HOME" ] || exit 1
		[ -z "${NOT_THERE+set}" ] || exit 1
		echo here >/usr/here && [ "$(cat /usr/here)" = here ] || exit 1
		! echo here >"$srcdir/here" || exit 1
		! echo here >"$VOLFS_BUILD/here" || exit 1
		[ -x "$VOLFS_BUILD/volfsd" ] && [ -f "$srcdir/tests/lib.sh" ] || exit 1
	END
	says "$dir/said" "$kind: 2 arguments, 'b  c', 'two words', 0"
done
for there in /usr/here "$source_dir/here" "$build/here"; do
	ok gone "$there"
done

ends 77 uml "$dir/script" <<<'echo "SKIP: not today"; exit 77'
says "$dir/said" "SKIP: not today"
ends 1 uml "$dir/script" <<<'echo "lost in it" >$VOLFS_CELL/some.log; exit 3'
says "$dir/said" "the script ended with 3"
says "$dir/said" "lost in it"
# A verdict is not what a script prints, nor how the emulator ends.
ends 1 uml "$dir/script" <<<'echo 0; echo 0 >/dev/console; busybox poweroff -f'
says "$dir/said" "without a verdict"
ends 1 uml "$dir/script" <<<'echo c >/proc/sysrq-trigger; sleep 100'
says "$dir/said" "without a verdict"
says "$dir/said" "sysrq"
ends 1 uml -t 12 "$dir/script" <<<'echo "was here" >$VOLFS_CELL/some.log; sleep 100'
says "$dir/said" "the time limit of 9 s in the guest is over"
says "$dir/said" "was here"
ends 1 uml -t 8 "$dir/script" <<<'kill -STOP $PPID; sleep 100'
says "$dir/said" "the time limit of 8 s is over"

# Killed: its processes and its directory go with it, whatever it was doing.
guests() { pgrep -f "volfs_guest=$dir/" >/dev/null; }
for kind in uml qemu; do
	echo 'touch $VOLFS_CELL/x; sleep 100' >"$dir/script"
	"$guest" $kind "$dir/script" >/dev/null 2>&1 &
	killed=$!
	within 20 guests
	kill -9 $killed
	wait $killed 2>/dev/null
	within 20 eval '! guests'
	within 20 eval '[ -z "$(ls -d "$dir"/volfs-test.*)" ]'
done

# Side by side, each its own.
echo 'echo $1 >/tmp/mine; sleep 2; [ "$(cat /tmp/mine)" = $1 ]' >"$dir/script"
for i in 1 2 3; do
	"$guest" uml -m 128 "$dir/script" $i >"$dir/said$i" 2>&1 &
	started[i]=$!
done
for i in 1 2 3; do
	wait "${started[i]}" || { fail "guest $i ended with $?"; cat "$dir/said$i"; }
done
is "what is left" "" "$(ls -d "$dir"/volfs-test.* 2>/dev/null)"
finish
