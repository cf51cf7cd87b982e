#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Names: what the tree shows is taken as it is, all else is escaped.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree

# wants RAW ESCAPED: creating RAW writes .create/ESCAPED
wants() {
	: >"$tree/local/.create/$2"
	run 0 create "local/$1"
	holds "local/.create/$2" 1
	rm -f "$tree/local/.create/$2"
}
wants 'my db' 'my%20db'
wants 'a/b' 'a%2Fb'
wants '.hidden' '%2Ehidden'
wants '..' '%2E.'
wants "$(printf 'tab\there')" 'tab%09here'
wants "$(printf 'line\nbreak')" 'line%0Abreak'
wants 'ümlaut' '%C3%BCmlaut'
wants "$(printf '\377\001')" '%FF%01'
wants 'x=y' 'x%3Dy'
wants '100%' '100%25'
wants 'a%20b' 'a%20b'
wants 'a%41' 'a%2541'
wants 'a%2f' 'a%252f'
wants 'a@b' 'a%40b'
long=$(printf '%0255d' 0)
wants "$long" "$long"
run 2 create "local/${long}0"
says err "longer than 255 bytes"
run 2 create "local/$(printf 'ü%.0s' $(seq 50))"
run 2 create local/
run 2 create /db
run 2 create 'No/db'
says err "cannot be a service"

# the second volume of one name is listed as name@ID, and is not a snapshot
make_volume local db@vol-2 available 1073741824
run 0 mount local/db@vol-2
exactly out <<END
$tree/local/db@vol-2/data
END
make_snapshot local db@vol-2 s available
run 0 restore local/db@vol-2@s
holds local/db@vol-2/snapshots/s/restore 1
run 0 status local/db@vol-2
says out "local/db@vol-2  available"

# paths below the tree
run 0 mount "$tree/local/db/"
holds local/db/mount 1
run 0 restore "$tree/local/db/snapshots/nightly"
run 2 mount "$tree/local/db/data"
says err "below a volume"

# a forgotten service is named
run 2 mount db
says err "did you mean local/db"
run 2 mount nowhere
says err "'nowhere' is not SERVICE/VOLUME"
run 2 restore local/db
says err "SERVICE/VOLUME@SNAPSHOT"
finish
