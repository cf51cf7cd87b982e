#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# find, grep -r, tar, cp -r, rsync, du and updatedb over 10,000 volumes, 100
# of them mounted, one service silent: each succeeds, no request is counted at
# the service, nothing changes.
TEST_TIMEOUT=900
. "${srcdir:-.}/tests/lib.sh"
need rsync updatedb.plocate
. "$source_dir/tests/lib/crowd.sh"
crowd 10000 100
# By itself the service is asked no more: what is counted is the crawlers'.
sleep 1
requests=$(sim_requests)
before=$(picture)
# In memory: what is measured is the tree, not the disk.
mkdir copy && mount -t tmpfs -o size=4G none copy

crawl() { # crawl SECONDS WHAT COMMAND...
	local begin=$SECONDS what=$2 limit=$1
	shift 2
	"$@" >crawl.out 2>crawl.err </dev/null || {
		fail "$what ends with $?"
		head -n 5 crawl.err
	}
	[ ! -s crawl.err ] || fail "$what says: $(head -n 3 crawl.err)"
	echo "$what: $((SECONDS - begin)) s"
	[ $((SECONDS - begin)) -le "$limit" ] || fail "$what takes $((SECONDS - begin)) s"
}

crawl 60 find find "$tree" -xdev
[ "$(wc -l <crawl.out)" -gt 200000 ] || fail "find sees $(wc -l <crawl.out) files"
# grep finds nothing (1), but must not fail (2).
crawl 240 grep sh -c "grep -r --exclude-dir=data 'no such text at all' '$tree'; [ \$? = 1 ]"
crawl 60 du du -sx "$tree"
is "du" 0 "$(cut -f 1 crawl.out)"
crawl 240 tar tar --one-file-system -C "$tree" -cf copy/all.tar .
crawl 240 cp cp -rx "$tree/cloud" copy/cloud
crawl 240 rsync rsync -ax "$tree/cloud/" copy/rsync/
rm -rf copy/*
crawl 60 updatedb updatedb.plocate -U "$tree" -o copy/locate.db -l no --prunefs '' --prunepaths '' --prune-bind-mounts no
crawl 60 "ls -lR" ls -lR "$tree/cloud"

is "the tree" "$before" "$(picture)"
is "mounted volumes" 100 "$(json "$tree/local/.status" .counts.mounted)"
is "requests at the service" "$requests" "$(sim_requests)"
stop
finish
