#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The status files: every key of the schema in its order, and each value file
# prints what its key says.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/btrfs.sh"
btrfs_pool
mkdir "$dir/share" && mount --bind "$dir/share" "$dir/share"
config <<END
services:
  pool: {driver: btrfs, home: $home, quota: simple}
  local: {driver: local, size: 512M}
  cloud: {driver: sim, volumes: 3, volumeSize: 64M}
  dirs: {driver: sim, kind: directory}
  share: {driver: nfs, mountedAt: $dir/share}
END
start
within 10 has_json "$tree/cloud/.status" .state ok
within 10 has_json "$tree/dirs/.status" .state ok
within 10 has_json "$tree/pool/.status" .state ok
for s in local cloud dirs pool share; do
	# A directory of a share has no size.
	size=size=512M sized=size_bytes
	[ $s != share ] || size=1
	ok wr "$tree/$s/.create/db" $size
	ok wr "$tree/$s/.create/used" $size
	ok wr "$tree/$s/used/mount" user=web
	ok mkdir "$tree/$s/used/snapshots/one"
done
keys_volume='schema service driver kind name path id state state_since_at service_state attached mounted managed protect created_at last_used_at observed_at stale stale_reason size_bytes type iops throughput_bytes_per_s zone region encrypted encryption_key access source attachments mount usage health policy schedule limits holds snapshots tags job error details'
keys_snapshot='schema service driver name volume volume_id id state progress_percent size_bytes created_at scheduled protect encrypted consistency description tags observed_at stale job error'
keys_service='schema service driver state observed_at stale stale_reason refresh_s latency_ms instance counts capacity quota capabilities bounds requests warnings error'
keys_daemon='schema version pid started_at uptime_s takeovers host services store cluster warnings'
keys_job='schema id verb state step progress_percent started_at deadline_at uid service volume line submitted_at finished_at gid pid errno code message'
# in_order FILE KEYS: one object, one line, its keys are among KEYS, in order
in_order() {
	local wanted=" $2 " key rest=" $2 "
	is "lines of $1" 1 "$(wc -l <"$1")"
	ok jq -e . "$1"
	is "the size of $1" "$(wc -c <"$1")" "$(stat -c %s "$1")"
	for key in $(jq -r 'keys_unsorted[]' "$1"); do
		case $rest in
		*" $key "*) rest=" ${rest#* "$key" }" ;;
		*" "*) fail "$1: key '$key' is not in its place in '$wanted'" ;;
		esac
	done
}
has_keys() { # has_keys FILE KEY...
	local f=$1 key
	shift
	for key; do ok jq -e "has(\"$key\")" "$f"; done
}
for s in local cloud dirs pool share; do
	[ $s != share ] || sized=
	in_order "$tree/$s/.status" "$keys_service"
	has_keys "$tree/$s/.status" schema service driver state observed_at stale \
		counts capabilities bounds error
	is "schema" 1 "$(json "$tree/$s/.status" .schema)"
	for v in "$tree/$s"/*; do
		in_order "$v/status" "$keys_volume"
		has_keys "$v/status" schema service driver kind name path id state \
			attached mounted managed protect observed_at stale \
			$sized attachments job error details snapshots
		is "path" "$v" "$(json "$v/status" .path)"
		is "name" "${v##*/}" "$(json "$v/status" .name)"
		is "service" "$s" "$(json "$v/status" .service)"
		for pair in state:state size:size_bytes id:id iops:iops type:type \
			throughput:throughput_bytes_per_s zone:zone encrypted:encrypted \
			protect:protect managed:managed attached:attached mounted:mounted; do
			f=${pair%:*} key=${pair#*:}
			[ -e "$v/$f" ] || {
				is "$v has no '$f', and '$key' is there" false \
					"$(json "$v/status" "has(\"$key\")")"
				continue
			}
			is "$v/$f" "$(jq -r ".$key | if . == true then 1 elif . == false then 0 elif . == null then \"\" else . end" "$v/status")" \
				"$(cat "$v/$f")"
		done
	done
	in_order "$tree/$s/used/snapshots/one/status" "$keys_snapshot"
	is "user" web "$(json "$tree/$s/used/status" '.mount.users[0].name')"
	is "users" web "$(json "$tree/$s/used/users" .name)"
	id=$(cat "$tree/$s/db/id")
	is "the link by id" ../db "$(readlink "$tree/$s/.by-id/$id")"
	ok test -e "$tree/$s/.snapshots/used@one/status"
done
in_order "$tree/.volfs/status" "$keys_daemon"
for j in "$tree/.volfs/jobs"/*; do in_order "$j/status" "$keys_job"; done
for f in mounts devices events; do
	ok jq -e . "$tree/.volfs/$f"
done
is "mounts" 5 "$(wc -l <"$tree/.volfs/mounts")"
# Times are RFC 3339, UTC, whole seconds.
is "times of another form" "" "$(jq -r '[paths(type == "string") as $p | select($p[-1] | tostring | endswith("_at")) | getpath($p)][]' \
	"$tree"/*/*/status | grep -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$')"
stop
finish
