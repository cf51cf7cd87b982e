#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The options of mount.volfs, and the letters that mount(8) gives it.
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/lib/mount8.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
start
place db sub
v=$tree/local/db at=$dir/srv/db
ok wr "$tree/local/.create/db" 1
has_option() { findmnt -no OPTIONS "$1" | tr , '\n' | grep -qx "$2"; }
vmount() { # vmount STATUS OPTIONS [ARGUMENT...]
	local status=$1 options=$2
	shift 2
	ends "$status" mount -t volfs -o "tree=$tree${options:+,}$options" \
		"$@" local/db "$at"
}

# -f tries without doing.
vmount 0 "" -f
is "mounted after -f" 0 "$(cat "$v/mounted")"
vmount 1 bogus -f
says said.out bogus

# Read-only: the volume's mount while nobody else has it.
ok wr "$v/mount" 1 && touch "$v/data/file" && ok wr "$v/unmount" 1
vmount 0 ro
has_option "$at" ro || fail "the place is not read-only"
is "the volume's own mount" true "$(json "$v/status" .mount.read_only)"
ends 32 mount -o "remount,rw,tree=$tree" -t volfs local/db "$at"
says said.out "read-only"
ends 0 umount "$at"
# With others that write, the place alone.
ok wr "$v/mount" 1
vmount 0 ro -v
says said.out "this place alone"
has_option "$at" ro || fail "the place is not read-only"
ok touch "$v/data/file"
touch "$at/file" 2>/dev/null && fail "a read-only place is written to"
ends 0 mount -t volfs -o "remount,rw,noexec,tree=$tree" local/db "$at"
ok touch "$at/file"
has_option "$at" noexec || fail "remount did not take noexec"
has_option "$v/data" noexec && fail "remount of a place reached data/"
ends 1 mount -t volfs -o "remount,commit=9,tree=$tree" local/db "$at"
says said.out "commit=9"
ends 0 umount "$at"
ok wr "$v/unmount" 1

# What is the file system's goes to the daemon, whose list is closed.
vmount 0 noatime,commit=17,x-systemd.after=volfs.service,nofail,_netdev
says /proc/self/mountinfo "commit=17"
has_option "$at" noatime || fail "noatime is lost"
says /run/mount/utab x-systemd.after=volfs.service
ends 0 umount "$at"
vmount 1 subvolid=5
says said.out "subvolid"
is "mounted after a refused option" 0 "$(cat "$v/mounted")"
vmount 0 subvolid=5,commit=18 -s
says /proc/self/mountinfo "commit=18"
ends 0 umount "$at"
ends 1 mount.volfs local/db "$at" -o "bind,tree=$tree"
says said.out bind
vmount 1 config=/etc/x
says said.out config=
vmount 1 holder=

# A directory of the volume; no symlink leads out of it.
ok wr "$v/mount" 1
mkdir -p "$v/data/some/where" && touch "$v/data/some/where/here"
ln -s /etc "$v/data/some/link"
vmount 0 subpath=some/where
is "the subpath" here "$(ls "$at")"
ends 0 umount "$at"
for bad in some/link ../x some/none; do
	vmount 32 "subpath=$bad"
	says said.out "subpath"
done
is "users after refused subpaths" manual "$(users local/db)"
ok wr "$v/unmount" 1

# -n leaves no note: umount takes the place off, and the hold stays.
vmount 0 "" -n
is "notes" "" "$(cat /run/mount/utab 2>/dev/null)"
ends 0 umount "$at"
is "users" "mount:$at" "$(users local/db)"
ok wr "$v/unmount" "user=mount:$at"

# Busy: the sentence, and nothing half done; lazily all the same.
vmount 0 ""
sleep 1000 <"$at" & holder=$!
ends 32 umount "$at"
says said.out busy
is "users while busy" "mount:$at" "$(users local/db)"
ends 0 umount -l "$at"
is "users after umount -l" "" "$(users local/db)"
kill $holder; wait $holder 2>/dev/null

# In another mount namespace.
unshare -m --propagation private sleep 1000 & other=$!
within 20 test /proc/$other/ns/mnt -ef /proc/$other/ns/mnt
within 20 bash -c "[ \$(readlink /proc/$other/ns/mnt) != \$(readlink /proc/self/ns/mnt) ]"
ends 0 mount.volfs local/db "$at" -N /proc/$other/ns/mnt -o "tree=$tree"
ok nsenter -m -t $other mountpoint -q "$at"
mountpoint -q "$at" && fail "the mount with -N is here, too"
ends 0 umount.volfs "$at" -N /proc/$other/ns/mnt
nsenter -m -t $other mountpoint -q "$at" && fail "umount -N left it"
is "users after umount -N" "" "$(users local/db)"
kill $other; wait $other 2>/dev/null
stop
finish
