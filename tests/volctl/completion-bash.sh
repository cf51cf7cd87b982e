#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Names are completed from the tree.
. "${srcdir:-.}/tests/volctl/lib.sh"
make_tree
make_volume local 'my%20db' available 1
mkdir -p "$dir/bin"
ln -s "$volctl" "$dir/bin/volctl"
. "$source_dir/contrib/completion/volctl.bash"
complete -p volctl | grep -q _volctl || fail "volctl has no completion"

# completes LINE WANTED...
completes() {
	local line=$1
	shift
	COMP_LINE=$line
	COMP_POINT=${#line}
	read -ra COMP_WORDS <<<"$line"
	case $line in *' ') COMP_WORDS+=('') ;; esac
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_volctl
	what="completion of '$line'"
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sed 's/ $//' | sort | tr '\n' ' ')
	want=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
	[ "$got" = "$want" ] || fail "$what: '$got', not '$want'"
}

export VOLFS_TREE=$tree
completes 'volctl mo' mount
completes 'volctl s' set snapshot status
completes 'volctl mount ' local/ cloud/
completes 'volctl mount l' local/
completes 'volctl mount local/' local/db local/web 'local/my%20db'
completes 'volctl mount local/d' local/db
completes 'volctl mount local/db local/w' local/web
completes 'volctl ls ' local/ cloud/
completes 'volctl ls --by' --bytes
completes 'volctl mount --yes' ''
completes 'volctl --js' --json
completes 'volctl umount --l' --lazy
# '@' and '=' break words: only what comes after them is replaced
completes 'volctl restore local/db@' nightly
completes 'volctl restore local/db@n' nightly
completes 'volctl rm local/db@' nightly
completes 'volctl wait local/db state=at' attached attaching
completes 'volctl import cl' cloud
make_job 17 mount local db running "" 1 ""
completes 'volctl cancel 1' 17
completes 'volctl cancel lo' local/
# another tree
unset VOLFS_TREE
completes "volctl -t $tree mount local/w" local/web
completes "volctl --tree=$tree mount local/w" local/web
completes "volctl -t /nowhere mount l" ''
finish
