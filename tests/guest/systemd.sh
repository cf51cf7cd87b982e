#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: qemu -s -r -d 3000 -m 1024 -t 1500
# systemd as process 1 and the service as it is installed: enable, reload,
# restart, kill, stop; every file system under the unit's limits; lines of fstab
# with and without the service; three reboots, after which volumes are where
# they were.
#
# The script runs once a boot; /var/guest has the number of the boot.
if [ -z "${VOLFS_GUEST:-}" ]; then
	b=${VOLFS_BUILD:-$PWD}
	# As "make install" leaves it; for the guest to take over.
	rm -rf "$b/tests/guest/staged"
	make -s -C "$b" install DESTDIR="$b/tests/guest/staged" \
		>"$b/tests/guest/staged.log" 2>&1 ||
		{ cat "$b/tests/guest/staged.log"; exit 99; }
	[ -n "$(find "$b/tests/guest/staged" -name volfs.service)" ] || {
		echo "SKIP: it was configured to leave systemd's directories be"
		exit 77
	}
fi
. "${srcdir:-.}/tests/guest/lib.sh"

# The tree of the whole machine, and not one of the test's own.
tree=/volumes
export VOLFS_TREE=$tree
mkdir -p /var/guest
boot=$(cat /var/guest/boot 2>/dev/null || echo 0)
echo $((boot + 1)) >/var/guest/boot
echo "boot $boot, $(cut -d' ' -f1 /proc/uptime) s"

show() { systemctl show -P "$2" "$1"; }
is_active() { systemctl is-active -q "$1"; }
service() { # service PROPERTY: of volfs.service
	show volfs.service "$1"
}
on_host() { grep -q " $1 " /proc/1/mountinfo; }
users() { jq -r .name "$tree/$1/users" | sort | paste -sd' '; }
journal() { journalctl -q -o cat -u volfs.service "$@"; }
next_boot() {
	if [ $failures != 0 ]; then
		journal -b | tail -n 60
		finish
	fi
	sync
	trap - EXIT
	echo "boot $boot ends, $(cut -d' ' -f1 /proc/uptime) s"
	echo reboot >/run/guest/verdict
	systemctl reboot
	exec sleep 1000
}
# What the end of the boot before this one says.
went_down() {
	ok test "$(journalctl --list-boots 2>/dev/null | wc -l)" -gt 1
	journalctl -q -o short-monotonic -b -1 >before.log
	grep -i "timed out\|stop-sigkill\|ordering cycle" before.log &&
		fail "the machine did not go down by itself"
	grep "Reached target.*shutdown.target" before.log >/dev/null ||
		fail "the end of boot $((boot - 1)) is not in the journal"
	dmesg | grep -i "loop.*\(recovery\|orphan\|unclean\|replay\)" &&
		fail "a file system was not unmounted"
}

boot_0() {
	is "process 1" systemd "$(cat /proc/1/comm)"
	# What else this machine would start is not for here; the journal is
	# to be there at the next boot.
	rm -rf /etc/systemd/system/*.wants
	# Nor what volfs has left on it; and not looked up there again.
	rm -rf /volumes /var/lib/volfs /run/volfs && mkdir /volumes
	mkdir -p /var/log/journal /etc/systemd/system/guest.target.d
	printf '[Unit]\nWants=multi-user.target\n' \
		>/etc/systemd/system/guest.target.d/all.conf
	systemctl restart systemd-journald
	# As it is everywhere: it wants the lines with _netdev.
	systemctl enable remote-fs.target
	(cd "$VOLFS_BUILD/tests/guest/staged" && tar -c .) |
		tar -x -C / --keep-directory-symlink || fail "nothing is installed"
	ok test -x /sbin/mount.volfs
	echo 'VOLFSD_OPTIONS="--config /var/guest/config.yml"' >/etc/default/volfs
	echo 'services: {local: {driver: local, size: 300M}}' >/var/guest/config.yml
	systemctl daemon-reload
	systemd-analyze verify --man=no volfs.service 2>&1 | grep volfs &&
		fail "systemd minds something about the unit"
	ok systemd-tmpfiles --create volfs.conf
	is "the mode of the state directory" 700 "$(stat -c %a /var/lib/volfs)"

	ok systemctl enable --now volfs.service
	is_active volfs.service || { journal; fail "volfs.service does not start"; finish; }
	is "the status" "serves /volumes, 1 service" "$(service StatusText)"
	ok test -e $tree/.volfs/status
	journal | grep "mount namespace" && fail "the unit has a namespace of its own"
	for part in filesystems reloads restarts namespace lines_with_service; do
		echo "$part, $(cut -d' ' -f1 /proc/uptime) s"
		$part
	done
	# Somebody has a volume open when the machine goes down.
	echo precious >$tree/local/btrfs/data/file
	sync $tree/local/btrfs/data/file
	setsid sleep 1000 <$tree/local/btrfs/data/file &
	next_boot
}

# Made, filled, grown and copied by a daemon under the unit's limits.
filesystems() {
	local t v
	for t in ext4:100M xfs:300M btrfs:128M; do
		v=$tree/local/${t%:*}
		ok wr "$tree/local/.create/${t%:*}" "size=${t#*:} fstype=${t%:*}" &&
			ok wr "$v/mount" 1
		t=${t%:*}
		on_host "$v/data" || fail "data/ of '$t' is not on the host"
		is "file system" $t "$(findmnt -no FSTYPE "$v/data")"
		echo "this is $t" >"$v/data/file"
		ok wr "$v/size" 400M
		is "its size" 400M "$(cat "$v/size" | numfmt --to=iec)"
	done
	v=$tree/local/ext4
	ok mkdir "$v/snapshots/one"
	within 120 has "$v/snapshots/one/state" available
	ok wr "$tree/local/.create/copy" from=ext4@one
	udevadm settle
	udevadm info -q property "$(realpath $v/device)" | grep -qx UDISKS_IGNORE=1 ||
		fail "udev's rule does not apply to $(realpath $v/device)"
	# A busy one is named, whoever has it.
	setpriv --reuid 65534 sleep 1000 <$tree/local/xfs/data/file & holder=$!
	fails_with EBUSY "$tree/local/xfs/unmount" 1
	says $tree/local/xfs/error "pid $holder (sleep)"
	kill $holder; wait $holder 2>/dev/null
	ok wr $tree/local/xfs/unmount 1
	ok wr $tree/local/xfs/mount 1
}

reloads() {
	echo 'services: {local: {driver: local}, more: {driver: local, path: /var/more}}' \
		>/var/guest/config.yml
	ok systemctl reload volfs.service
	ok test -d $tree/more
	printf '\t' >/var/guest/config.yml
	systemctl reload volfs.service 2>/dev/null && fail "a reload of nonsense succeeds"
	is_active volfs.service || fail "a failed reload ends the daemon"
	echo 'services: {local: {driver: local}}' >/var/guest/config.yml
	kill -HUP "$(service MainPID)"
	within 20 eval '[ "$(service StatusText)" = "serves /volumes, 1 service" ]'
	is_active volfs.service || fail "not active after SIGHUP"
}

restarts() {
	local v=$tree/local/ext4 pid writer
	pid=$(service MainPID)
	(cd $v/data && while sleep 0.2; do echo x >>ticks || exit 1; done) & writer=$!
	ok timeout 60 systemctl restart volfs.service
	isnt "the daemon after restart" "$pid" "$(service MainPID)"
	within 60 on_host $v/data
	pid=$(service MainPID)
	kill -KILL "$pid"
	within 60 eval 'is_active volfs.service && [ "$(service MainPID)" != '"$pid"' ]'
	within 60 on_host $v/data
	ok timeout 60 systemctl stop volfs.service
	on_host $tree && fail "the tree is still there after stop"
	is "private mounts after stop" 3 "$(grep -c ' /run/volfs/mnt/' /proc/1/mountinfo)"
	ok kill -0 $writer
	ok systemctl start volfs.service
	within 60 on_host $v/data
	is "the file" "this is ext4" "$(cat $v/data/file)"
	ok kill -0 $writer
	kill $writer; wait $writer 2>/dev/null
}

# A unit that somebody has hardened too much is told so.
namespace() {
	mkdir -p /run/systemd/system/volfs.service.d
	printf '[Service]\nPrivateTmp=yes\n' >/run/systemd/system/volfs.service.d/x.conf
	systemctl daemon-reload
	ok systemctl restart volfs.service
	journal | grep -q "mount namespace of its own" ||
		fail "PrivateTmp, and volfsd does not mind"
	rm -r /run/systemd/system/volfs.service.d
	systemctl daemon-reload
	ok systemctl restart volfs.service
	within 60 on_host $tree/local/ext4/data
}

lines_with_service() {
	cat >/etc/fstab <<-END
	local/ext4 /srv/ext4 volfs nofail 0 0
	local/xfs  /srv/xfs  volfs _netdev,nofail,ro 0 0
	local/copy /srv/auto volfs noauto,nofail,x-systemd.automount 0 0
	END
	mkdir -p /srv/ext4 /srv/xfs /srv/auto
	systemctl daemon-reload
	case " $(show srv-ext4.mount After) " in
	*" volfs.service "*) ;;
	*) fail "srv-ext4.mount is not ordered after volfs.service" ;;
	esac
	ok systemctl start srv-ext4.mount srv-xfs.mount srv-auto.automount
	on_host /srv/ext4 || fail "/srv/ext4 is not mounted"
	is "users" "manual mount:/srv/ext4" "$(users local/ext4)"
	is "the automount" "this is ext4" "$(cat /srv/auto/file)"
	ok systemctl stop srv-ext4.mount
	is "users after stop" manual "$(users local/ext4)"
	ok systemctl start srv-ext4.mount
	# The daemon's restart disturbs nobody's mount.
	ok systemctl restart volfs.service
	is_active srv-ext4.mount || fail "srv-ext4.mount went with the daemon"
	ok wr $tree/local/ext4/auto 1
}

boot_1() {
	within 120 systemctl is-system-running
	went_down
	# In order, and by the daemon; the one in use was left to systemd.
	local v
	for v in ext4 xfs; do
		grep -q "unmount local/$v .*: OK" before.log ||
			fail "'$v' was not unmounted by volfsd"
	done
	says before.log "down: 1 volumes stay mounted, the first is local/btrfs"
	is_active volfs.service || { journal -b; fail "volfs.service is not active"; }
	within 60 on_host $tree/local/ext4/data
	is "mounted, having auto" 1 "$(cat $tree/local/ext4/mounted)"
	is "mounted, without auto" 0 "$(cat $tree/local/btrfs/mounted)"
	within 60 on_host /srv/ext4
	is "users" "manual mount:/srv/ext4" "$(users local/ext4)"
	is "the file" "this is ext4" "$(cat /srv/ext4/file)"
	within 60 on_host /srv/xfs
	touch /srv/xfs/x 2>/dev/null && fail "/srv/xfs can be written to"
	on_host "/srv/auto .* ext4" && fail "the automount did not wait"
	is "the automount" "this is ext4" "$(cat /srv/auto/file)"
	ok wr $tree/local/btrfs/mount 1
	is "what was open" precious "$(cat $tree/local/btrfs/data/file)"

	# From now on without the service: fstab has the tree as well.
	ok systemctl disable volfs.service
	cat >/etc/fstab <<-END
	volfs /volumes volfs config=/var/guest/config.yml 0 0
	local/ext4 /srv/ext4 volfs defaults 0 0
	END
	next_boot
}

boot_2() {
	within 120 systemctl is-system-running
	went_down
	is_active volumes.mount || fail "volumes.mount is not active"
	is_active srv-ext4.mount || fail "srv-ext4.mount is not active"
	is "the file" "this is ext4" "$(cat /srv/ext4/file)"
	is "the service" inactive "$(systemctl is-active volfs.service)"
	# The service sees that somebody was there first.
	systemctl start volfs.service
	is "the service beside the line" inactive "$(systemctl is-active volfs.service)"
	is "its result" exec-condition "$(service Result)"
	ok timeout 120 systemctl stop volumes.mount
	on_host $tree && fail "the tree is still there"
	on_host /srv/ext4 && fail "/srv/ext4 outlived its tree"
	is "volfsd" "" "$(pgrep -x volfsd)"
	is "loop devices" "" "$(losetup -nO NAME)"
	ok systemctl start srv-ext4.mount
	is "the file" "this is ext4" "$(cat /srv/ext4/file)"
	# Both, at the next boot.
	ok systemctl enable volfs.service
	next_boot
}

boot_3() {
	within 120 systemctl is-system-running
	went_down
	is_active volumes.mount || fail "volumes.mount is not active"
	is "the file" "this is ext4" "$(cat /srv/ext4/file)"
	is "the service beside the line" inactive "$(systemctl is-active volfs.service)"
	is "daemons" 1 "$(pgrep -cx -P 1 volfsd)"
	is "failed units" "" "$(systemctl --failed --no-legend --plain)"
	finish
}

case $boot in
[0-3]) "boot_$boot" ;;
*) fail "boot $boot: the machine rebooted by itself"; finish ;;
esac
