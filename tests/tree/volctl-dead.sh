#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# volctl at a tree whose daemon was killed, and where there is none: each
# command fails soon, and says which of the two it is.
. "${srcdir:-.}/tests/lib.sh"
start
ok wr "$tree/local/.create/db" size=64M
volctl wait local/db gone --timeout 60s & wait_pid=$!
volctl ls >/dev/null && volctl status local/db >/dev/null
kill9
# tells SENTENCE COMMAND...: it ends with 1 and says so.
tells() {
	local sentence=$1 said
	shift
	said=$(timeout 20 volctl "$@" 2>&1 >/dev/null </dev/null)
	is "exit status of 'volctl $*'" 1 $?
	[[ $said = *"$sentence"* ]] || fail "'volctl $*' says '$said'"
}
each() {
	tells "$1" ls
	tells "$1" ls local
	tells "$1" ls local/db
	tells "$1" tree
	tells "$1" tree local
	tells "$1" create local/x
	tells "$1" rm local/db
	tells "$1" mount local/db
	tells "$1" umount local/db
	tells "$1" snapshot local/db x
	tells "$1" resize local/db +1G
	tells "$1" set local/db auto=1
	tells "$1" status
	tells "$1" status local/db
	tells "$1" jobs
	tells "$1" jobs local/db
	tells "$1" cancel local/db
	tells "$1" events
	tells "$1" events -f
	tells "$1" wait local/db
	tells "$1" wait local/db gone
	tells "$1" down
	tells "$1" --json ls
}
wait $wait_pid && fail "the wait for 'gone' ended well when the daemon died"
each "the daemon behind '$tree' has ended: start volfsd again"
tells "the daemon behind" cancel 1
start
ok volctl status local/db
stop
each "'$tree' holds no volfs tree"
VOLFS_TREE=/proc
each "'/proc' holds no volfs tree"
finish
