#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lines of fstab: 'volfs DIRECTORY volfs' starts the tree, the others mount
# volumes; mount -a, twice; umount of each, and of the tree.
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/lib/mount8.sh"
place db www
config <<END
services: {local: {driver: local, size: 64M}}
END
# The tree's own line first: mount -a goes from top to bottom.
cat >"$dir/fstab" <<END
volfs    $tree       volfs  config=$dir/config.yml,state=$state,run=$run,noatime,nofail 0 0
local/db $dir/srv/db volfs  tree=$tree,nofail 0 0
local/www $dir/srv/www volfs tree=$tree,nofail,ro 0 0
none     $dir/srv/no volfs  noauto,tree=$tree 0 0
END
all="mount -a -T $dir/fstab"
daemon() { json "$tree/.volfs/status" .pid; }

# The volumes are not there yet: the tree is up, and each line has its sentence.
timeout 60 mount -a -T "$dir/fstab" >said.out 2>&1 </dev/null
isnt "the status of mount -a without volumes" 0 $?
says said.out "no volume 'db'"
says said.out "no volume 'www'"
first=$(daemon)
ok kill -0 "$first"
findmnt -no OPTIONS "$tree" | grep -q noatime || fail "noatime is lost"
ok wr "$tree/local/.create/db" 1
ok wr "$tree/local/.create/www" 1
ok wr "$tree/local/www/mount" 1
ok wr "$tree/local/www/unmount" 1

ends 0 $all
is_mount "$dir/srv/db" && is_mount "$dir/srv/www" || fail "not mounted: $(cat said.out)"
ends 0 $all
is "mounts of the tree" 1 "$(findmnt -no TARGET "$tree" | wc -l)"
is "mounts of db" 1 "$(findmnt -no TARGET "$dir/srv/db" | wc -l)"
is "the daemon" "$first" "$(daemon)"
is "users of db" "mount:$dir/srv/db" "$(users local/db)"

# The daemon ends and is started again by its line: places stay as they are.
echo kept >"$dir/srv/db/file"
kill -TERM "$first"
within 20 ended "$first"
is "data without a daemon" kept "$(cat "$dir/srv/db/file")"
ends 0 $all
isnt "the daemon" "$first" "$(daemon)"
is "users of db" "mount:$dir/srv/db" "$(users local/db)"
is "mounts of db" 1 "$(findmnt -no TARGET "$dir/srv/db" | wc -l)"
is "the same volume" kept "$(cat "$tree/local/db/data/file")"

# Two starts at once: one daemon, two successes.
first=$(daemon)
kill -KILL "$first"
within 20 ended "$first"
mount -T "$dir/fstab" "$tree" >one.out 2>&1 & one=$!
mount -T "$dir/fstab" "$tree" >two.out 2>&1 & two=$!
wait $one; is "the first start's status" 0 $?
wait $two; is "the second start's status" 0 $?
pid=$(daemon)
is "daemons" "$pid" "$(pgrep -x volfsd -P 1)"

ends 0 umount "$dir/srv/db"
ends 0 umount "$dir/srv/www"
ends 0 umount "$tree"
within 20 ended "$pid"
pid=
is "loop devices left" "" "$(loops)"
is "mounts left" "" "$(grep -F "$dir/" /proc/self/mountinfo | grep -v helpers)"

# An option that is none, and a configuration that is none.
ends 32 mount -t volfs -o "state=$state,run=$run,noxec" volfs "$tree"
says said.out "did you mean 'noexec'"
ends 32 mount -t volfs -o "state=$state,run=$run,config=$dir/no.yml" volfs "$tree"
says said.out no.yml

# umount of the tree unmounts its volumes in order; one that is in use keeps
# the daemon.
ends 0 $all
pid=$(daemon)
ends 0 umount "$dir/srv/www"
sleep 1000 <"$tree/local/db/data" & holder=$!
ends 32 umount "$tree"
says said.out db
ok kill -0 "$pid"
kill $holder; wait $holder 2>/dev/null
ends 0 umount "$dir/srv/db"
ends 0 umount "$tree"
within 20 ended "$pid"
pid=
is "loop devices left at the end" "" "$(loops)"
finish
