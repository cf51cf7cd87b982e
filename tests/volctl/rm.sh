#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing protected is removed without consent, and what stays is protected.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree
: >"$tree/local/.remove/db"
: >"$tree/local/.remove/web"
: >"$tree/local/.remove/none"

run 1 rm local/db
says err "give --yes"
holds local/db/protect 1
holds local/.remove/db ""

run 0 rm --dry-run local/db
holds local/db/protect 1
holds local/.remove/db "dry-run 1"
: >"$tree/local/.remove/db"

run 0 rm --yes local/db
holds local/db/protect 0
holds local/.remove/db 1
says out "local/db: removed"

# a blank one needs no consent
echo 0 >"$tree/local/web/protect"
run 0 rm --json local/web
exactly out <<END
[
{"service":"local","name":"web","removed":true}
]
END
run 0 rm local/none absent=ok
holds local/.remove/none absent=ok

# a refusal leaves it as it was
if [ -c /dev/full ]; then
	echo 1 >"$tree/local/db/protect"
	ln -sf /dev/full "$tree/local/.remove/db"
	run 1 rm -y local/db
	holds local/db/protect 1
fi

# snapshots are directories: plain ones with files in them cannot be removed
run 1 rm local/db@nightly
says err "local/db@nightly: is protected"
run 1 rm -y local/db@nightly
says err "ENOTEMPTY"
holds local/db/snapshots/nightly/protect 1
rm "$tree/local/db/snapshots/nightly/"*
run 0 rm local/db@nightly
[ ! -d "$tree/local/db/snapshots/nightly" ] || fail "the snapshot is there"
run 1 rm local/db@nightly
says err "has no snapshot 'nightly'"

# on a terminal it asks, and only yes is yes
if command -v script >/dev/null; then
	make_volume local db available 1073741824
	rm -f "$tree/local/.remove/db"
	: >"$tree/local/.remove/db"
	printf 'n\n' | script -qec "'$volctl' -t '$tree' rm local/db" \
		/dev/null >"$dir/out"
	what="rm on a terminal, n"
	says out "Remove it for good? [y/N]"
	holds local/db/protect 1
	printf 'y\n' | script -qec "'$volctl' -t '$tree' rm local/db" \
		/dev/null >"$dir/out"
	what="rm on a terminal, y"
	holds local/db/protect 0
	holds local/.remove/db 1
fi
finish
