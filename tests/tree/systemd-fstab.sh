#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The unit is one that systemd understands, and volfs-fstab-generator orders
# the lines of fstab around it.
. "${srcdir:-.}/tests/lib.sh"
gen() { # gen: of fstab, into out/
	rm -rf out && mkdir out
	SYSTEMD_FSTAB=$dir/fstab "$build/volfs-fstab-generator" out out out >gen.out 2>&1
	is "the generator's status" 0 $?
}
drop() { grep -v '^#' "out/$1.d/50-volfs.conf" 2>/dev/null | paste -sd' '; }
cat >fstab <<'END'
# volumes alone: they come after the service
UUID=00-00 / ext4 defaults 0 1
local/db /srv/db volfs nofail 0 0
local/www /srv/w-w_w/x.y volfs _netdev,ro 0 0
local/late /srv/later volfs noauto,nofail 0 0
local/auto /srv/auto volfs noauto,x-systemd.automount,nofail
local/circle /srv/circle volfs noauto,x-systemd.automount
local/odd /srv/a\040b/.c/ volfs nofail
local/else /srv/else volfs nofail,tree=/elsewhere
local/bad /srv/bad volfs defaults
END
gen
after='[Unit] Wants=volfs.service After=volfs.service'
is "a line with nofail" "$after" "$(drop srv-db.mount)"
is "one with _netdev" "$after" "$(drop 'srv-w\x2dw_w-x.y.mount')"
is "one with noauto" "$after" "$(drop srv-later.mount)"
is "an automount" "$after" "$(drop srv-auto.mount)"
is "a path with a blank" "$after" "$(drop 'srv-a\x20b-.c.mount')"
is "another tree" "[Unit] After=volfs.service" "$(drop srv-else.mount)"
for bad in bad circle; do
	is "one that would wait for itself" "" "$(drop srv-$bad.mount)"
	says gen.out "the line of '/srv/$bad' needs 'nofail' or '_netdev'"
done
is "what was written" 6 "$(find out -name '*.conf' | wc -l)"

cat >fstab <<'END'
volfs /volumes volfs config=/etc/x.yml 0 0
local/db /srv/db volfs defaults 0 0
END
gen
is "what is said" "" "$(cat gen.out)"
is "the tree's line" "[Unit] Before=volfs.service" "$(drop volumes.mount)"
is "a volume of it" "[Unit] RequiresMountsFor=/volumes" "$(drop srv-db.mount)"

rm fstab
gen
is "without a fstab" "" "$(find out -type f)"
"$build/volfs-fstab-generator" >gen.out 2>&1
is "its status without arguments" 2 $?

# The names are those that systemd gives.
if command -v systemd-escape >/dev/null; then
	odd="/srv/ä b%c/.d//e-f/"
	printf 'local/db /srv/ä\\040b%%c/.d//e-f/ volfs nofail\n' >fstab
	gen
	ok test -d "out/$(systemd-escape -p --suffix=mount "$odd").d"
fi

# The unit, as it will be installed, with programs that are there.
if command -v systemd-analyze >/dev/null; then
	mkdir units
	sed "s|=[^ ]*/volfsd |=$build/volfsd |; s|exec [^ ]*/volctl|exec $build/volctl|" \
		"$build/contrib/systemd/volfs.service" >units/volfs.service
	grep -q "$build/volfsd -f" units/volfs.service || fail "no ExecStart"
	# What it says of other units of this machine is not ours.
	SYSTEMD_UNIT_PATH=$dir/units: systemd-analyze verify --man=no \
		units/volfs.service >verify.out 2>&1
	is "systemd-analyze of volfs.service" "" "$(grep volfs verify.out)"
else
	echo "there is no systemd-analyze: the unit is looked at by a guest alone"
fi
for word in PrivateTmp ProtectSystem ProtectHome ProtectKernel PrivateDevices \
	BindPaths DynamicUser PrivateMounts ReadWritePaths; do
	grep -q "^$word" "$build/contrib/systemd/volfs.service" &&
		fail "$word gives the unit a mount namespace of its own"
done
finish
