#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest: uml -t 400 -m 768
# Never the wrong disk: two with one serial, a serial that comes late, a disk
# that appears and goes, a name that is another disk's a moment later.
. "${srcdir:-.}/tests/guest/lib.sh"
plug=$srcdir/tests/guest/disks/lio serial_property=ID_SCSI_SERIAL
. "$srcdir/tests/guest/disks/life.sh"
disk_start "plugById: 'scsi-36001405*'" "deviceTimeout: 60s"
mkdir -p /run/guest/plug /run/udev/rules.d
for v in db two; do
	ok wr "$tree/cloud/.create/$v" "size=64M fstype=ext4"
done
db=$tree/cloud/db two=$tree/cloud/two
id=$(cat "$db/id")

# A stranger with somebody else's data, which is not to be touched.
truncate -s 64M "$dir/stranger"
echo "somebody's data" >"$dir/stranger"
truncate -s 64M "$dir/stranger"
sum=$(md5sum <"$dir/stranger")
stranger_is_whole() {
	is "the stranger's data" "$sum" "$(md5sum <"$dir/stranger")"
}
disk_of() { # disk_of SERIAL: as udev has it
	local d
	for d in /dev/sd*; do
		[ "$(udevadm info -q property -n "$d" |
			sed -n 's/^ID_SCSI_SERIAL=//p')" = "$1" ] && echo "$d"
	done
}

# 1. Two disks with one serial: the stranger is there first, and is found first.
ok "$plug" plug stranger "$(serial db)" "$dir/stranger"
udevadm settle
stranger=$(disk_of "$(serial db)")
fails_with ENOTUNIQ "$db/mount" 1
says "$db/error" "'$stranger'"
is "disks named" 2 "$(grep -o "'/dev/sd[a-z]*'" "$db/error" | sort -u | wc -l)"
is "attached after it" 0 "$(cat "$db/attached")"
fails_with ENOTUNIQ "$db/attach" 1
is "attached after that" 0 "$(cat "$db/attached")"
is "state after it" available "$(cat "$db/state")"
ok "$plug" pull stranger x
stranger_is_whole

# 2. The stranger comes when the right one is in use: that goes on, grows and
# goes; a new mount with both there is refused.
ok wr "$db/mount" 1
echo db >"$db/data/file" && sync "$db/data/file"
ok "$plug" plug stranger "$(serial db)" "$dir/stranger"
udevadm settle
ok wr "$db/size" 128M
ok wr "$db/unmount" 1
is "attached after the unmount" 0 "$(cat "$db/attached")"
fails_with ENOTUNIQ "$db/mount" 1
ok "$plug" pull stranger x
stranger_is_whole
ok wr "$db/mount" 1
is "data" db "$(cat "$db/data/file")"
ok wr "$db/unmount" 1

# 3. A serial that comes late: first what udev says, then the disk itself.
echo 'ACTION!="remove", KERNEL=="sd*", PROGRAM="/bin/sleep 2"' \
	>/run/udev/rules.d/10-late.rules
udevadm control --reload
ok wr "$db/mount" 1
is_its_disk db
is "data" db "$(cat "$db/data/file")"
ok wr "$db/unmount" 1
rm /run/udev/rules.d/10-late.rules
udevadm control --reload
cat >"/run/guest/plug/$id" <<-'END'
	if [ "$act" = plug ] && [ ! -e /run/guest/plug/late ]; then
		: >/run/guest/plug/late
		"$0" plug "$id" not-known-yet "$image"
		(sleep 1; "$0" pull "$id" x; "$0" plug "$id" "$serial" "$image") \
			>/dev/null 2>&1 &
		exit 0
	fi
END
ok wr "$db/mount" 1
is_its_disk db
is "data" db "$(cat "$db/data/file")"
ok wr "$db/unmount" 1

# Nothing was pulled so far: a disk that goes by a detach is not lost.
is "disks lost" "" "$(grep '"event":"device-lost"' "$tree/.volfs/events")"

# From here on some disks never come.
sed -i 's/deviceTimeout: .*/deviceTimeout: 5s/' "$dir/config.yml"
ok wr "$tree/.volfs/reload" 1

# 4. It appears and goes at once, and a stranger gets its name.
cat >"/run/guest/plug/$id" <<-END
	if [ "\$act" = plug ]; then
		mv "/run/guest/plug/\$id" /run/guest/plug/done
		"\$0" plug "\$id" "\$serial" "\$image"
		"\$0" pull "\$id" x
		"\$0" plug stranger another-one "$dir/stranger"
		exit 0
	fi
END
fails_with ENODEV "$db/mount" 1
says "$db/error" "$(serial db)"
is "attached after it" 0 "$(cat "$db/attached")"
stranger_is_whole
# What was found under a name is not what has it now: a helper sees that.
name=$(disk_of another-one)
read -r seq <"/sys/block/${name#/dev/}/diskseq"
number=$(("$(stat -c '0x%t' "$name")" * 256 + "$(stat -c '0x%T' "$name")"))
is "the helper with the right disk" true "$("$build/volfsd" --host-helper hold \
	"$name" $number "$seq" probe "$name" 67108864 | jq .ok)"
is "the helper with another one" ENODEV "$("$build/volfsd" --host-helper hold \
	"$name" $number $((seq - 1)) mkfs "$name" ext4 '' '' 67108864 60000 1 |
	jq -r .errno)"
ok "$plug" pull stranger x
stranger_is_whole

# 5. Pulled while attached, and the name is another's: nobody follows it there.
ok wr "$db/attach" 1
name=$(readlink "$db/device")
pull db
within 10 has "$db/state" error
ok gone "$db/device"
ok wr "$two/mount" 1
echo two >"$two/data/file" && sync "$two/data/file"
is "the other's name" "$name" "$(readlink "$two/device")"
fails_with ENODEV "$db/mount" 1
is "data of the other" two "$(cat "$two/data/file")"
is "state of the other" attached "$(cat "$two/state")"
# It comes back by itself, under another name.
image=$(find "$state" -path "*/volumes/$id.img")
ok "$plug" plug "$id" "$(serial db)" "$image"
within 20 has "$db/state" attached
is_its_disk db
is "health" ok "$(json "$db/status" .health.condition)"
ok wr "$db/mount" 1
is "data" db "$(cat "$db/data/file")"
is "data of the other" two "$(cat "$two/data/file")"
for v in "$db" "$two"; do
	ok wr "$v/unmount" 1
	ok wr "$v/detach" 1
done
within 10 eval '! ls /dev/sd*'
sim_is_clean
stop
finish
