#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside a container (busybox) that was handed a part of the tree, as root
# there, and tries to get at the rest of it in every way it knows:
#
#	attack data|volume|service WHERE NEIGHBOUR-INODE...
#
# What should not have been possible is a line "ESCAPED: ..."; the last line
# says how much was tried. What the writes changed outside is for the caller to
# look at.
kind=$1 where=$2
shift 2
tried=0
writes=0

escaped() { echo "ESCAPED: $*"; }

# refused COMMAND...: it must fail
refused() {
	tried=$((tried + 1))
	"$@" >/dev/null 2>&1 && escaped "$*"
	return 0
}

# only ERRNO... -- ARG...: "wr ARG..." ends with one of these
only() {
	allowed=
	while [ "$1" != -- ]; do allowed="$allowed $1"; shift; done
	shift
	tried=$((tried + 1))
	said=$(timeout 20 wr "$@" 2>&1)
	case "$allowed " in
	*" $said "*) ;;
	*) escaped "wr $*: '$said', not one of$allowed" ;;
	esac
}

# ---- every writable file, with lines that name what is outside ----

hostile='1
no-such-word
elsewhere
../elsewhere
local/elsewhere
cloud/theirs
/etc/passwd
from=elsewhere
from=elsewhere@kept
name=../elsewhere
user=elsewhere
host=elsewhere
to=local/elsewhere
overwrite=elsewhere
subpath=../../elsewhere
/../../elsewhere
options=bind,dev,suid
absent=ok user=elsewhere
..
+volfs.id=elsewhere'

write_all() { # write_all FILE...
	for file; do
		while IFS= read -r line; do
			tried=$((tried + 1)) writes=$((writes + 1))
			said=$(timeout 20 wr "$file" "$line" 2>&1)
			case $? in 0|1) ;; *) escaped "wr $file '$line' hangs: $said" ;; esac
			case $said in
			EOPNOTSUPP|ENOSYS|EIO) escaped "'$line' to $file: $said" ;;
			esac
		done <<END
$hostile
END
	done
}

writable() {
	find "$where" -path '*/data/*' -prune -o -type f -perm -200 -print
}

# ---- paths ----

walk_paths() {
	# What lies above is the container's own directory.
	for up in .. ../.. ../../.. data/../.. snapshots/../..; do
		for name in elsewhere local local/elsewhere cloud .volfs .create .by-id; do
			refused test -e "$where/$up/$name"
		done
	done
	for root in /proc/1/root /proc/self/root /proc/1/cwd /proc/$$/cwd; do
		refused test -e "$root/$HOST_CANARY"
		for name in volumes/local "${HOST_TREE#/}/local" .volfs; do
			refused test -e "$root/$name"
		done
	done
	for name in events events.1 mounts devices config jobs/1 reload down; do
		refused test -e "$where/.volfs/$name"
	done
	[ $kind != data ] || return 0
	# No link of the tree leads anywhere but to the volume's device or into
	# what was handed in.
	for link in $(find "$where" -path '*/data/*' -prune -o -type l -print); do
		tried=$((tried + 1))
		case $(readlink "$link") in
		/dev/*) case $link in */device) ;; *) escaped "$link -> $(readlink "$link")" ;; esac ;;
		../[a-zA-Z0-9]*) case $(readlink -f "$link") in
			"$where"/*) ;; *) escaped "$link leads to $(readlink -f "$link")" ;;
			esac ;;
		*) escaped "$link -> $(readlink "$link")" ;;
		esac
	done
}

# ---- names ----

make_names() { # make_names VOLUME-DIRECTORY
	for d in "$1" "$1/snapshots/kept"; do
		only EPERM -- --mkdir "$d/new"
		only EPERM -- --create "$d/new"
		only EPERM -- --mknod "$d/new"
		only EPERM -- --symlink / "$d/new"
		only EPERM -- --link "$d/state" "$d/new"
		only EPERM -- --unlink "$d/state"
		only EPERM EROFS -- --rename "$d/state" "$d/new"
		only EXDEV -- --rename "$d/state" /tmp/new
		only EPERM ENOENT -- --mkdir "$d/.create/new"
		only EPERM ENOTDIR ENOENT -- "$d/.create/new" 1
	done
	# What mkdir takes in snapshots/ are canonical names of this volume's own.
	for name in 'a b' 'a%2fb' '%2E%2E' .hidden 'x@y' '%00' "$(printf 'a\nb')"; do
		only EINVAL -- --mkdir "$1/snapshots/$name"
	done
	only EXDEV -- --rename "$1/snapshots/kept" /tmp/new
	only EXDEV -- --rename /tmp "$1/snapshots/new"
	only EPERM EROFS -- --rename "$1/snapshots/kept" "$1/kept"
	only EPERM -- --rename "$1/snapshots/kept" "$1/snapshots/elsewhere"
}

# ---- past the paths ----

handles() {
	# It can be done: the program and the capability are fine. (In data/ the
	# numbers are those of the volume's own file system.)
	said=$(handle --of /dev)
	[ "$said" = OK ] || echo "CONTROL: a handle of /dev gives $said"
	[ $kind != data ] || return 0
	for inode; do
		tried=$((tried + 1))
		[ "$(handle --inode "$where" "$inode")" = OK ] &&
			escaped "node $inode opened by its handle"
	done
	handle --sweep "$where" >/tmp/sweep && escaped "$(cat /tmp/sweep)"
	tail -n 1 /tmp/sweep
}

# The tree shows device numbers; the engine's list of devices keeps them shut.
raw_device() { # raw_device VOLUME-DIRECTORY
	number=${NEIGHBOUR_DEVICE:-}
	[ -n "$number" ] || return 0
	mknod /tmp/raw b "${number%:*}" "${number#*:}" 2>/dev/null
	refused dd if=/tmp/raw of=/dev/null bs=4096 count=1
	rm -f /tmp/raw
}

# ---- ----

walk_paths
case $kind in
data)
	raw_device "$where"
	for name in .create .remove attach mount snapshots status ../attach; do
		refused test -e "$where/$name"
	done
	only EXDEV -- --rename "$where/file" /tmp/file
	handles "$@"
	echo "tried $tried things"
	exit
	;;
volume)
	make_names "$where"
	raw_device
	;;
service)
	make_names "$where/db"
	for name in .. ../cloud; do
		only ENOENT EISDIR EPERM ENOTDIR -- "$where/.create/$name/x" 1
	done
	for d in .create .remove .import; do
		for name in '%2e%2e' '..%2Fcloud%2Fnew' '%2Fetc%2Fpasswd' \
			    "$HOST_CANARY" "${HOST_CANARY##*/}" cloud .volfs \
			    'a b' '../db/state'; do
			write_all "$where/$d/$name"
		done
	done
	for from in cloud/theirs ../cloud/theirs theirs theirs@kept /etc/passwd \
		    "/$HOST_CANARY" '..%2F..%2Fcanary.img' .. ''; do
		only EINVAL ENOENT -- "$where/.create/new" "from=$from"
	done
	only EXDEV -- --rename "$where/db" /tmp/db
	only EPERM EEXIST -- --mkdir "$where/.create/new"
	only EPERM -- --symlink / "$where/new"
	only EPERM -- --create "$where/new"
	;;
esac
write_all $(writable)
handles "$@"
echo "tried $tried things, $writes of them writes"
