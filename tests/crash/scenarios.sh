# SPDX-License-Identifier: Apache-2.0
# What the crash cases do: prepare_X makes what is there before, act_X writes
# the one line that is interrupted, refuse_X tells the service to refuse it.
# For case.sh. Names that begin with "local_", "btrfs_" and "nfs_" are of these
# drivers: there only their own fault points are of interest, which for the two
# last lie in their helper processes.

service=cloud
options=()

# refuse OPERATION: the cloud refuses it until forgive.
refuse() {
	sim POST /admin/rules "{\"op\":\"$1\",\"action\":\"fail\",\"status\":409,\"code\":\"QuotaExceeded\",\"message\":\"no\"}" >/dev/null
}

forgive() {
	sim DELETE /admin/rules >/dev/null
}

configure() {
	local line
	case $scenario in
	local_*)
		service=local
		config <<-END
		services: {local: {driver: local, size: 64M, refresh: 0}}
		END
		return ;;
	btrfs_*)
		service=pool
		. "$source_dir/tests/lib/btrfs.sh"
		btrfs_pool
		config <<-END
		services: {pool: {driver: btrfs, home: $home, quota: simple, size: 64M, refresh: 0}}
		END
		return ;;
	nfs_*)
		service=share
		mkdir -p "$dir/share"
		mount --bind "$dir/share" "$dir/share"
		config <<-END
		services: {share: {driver: nfs, mountedAt: $dir/share, onDelete: delete, refresh: 0}}
		END
		return ;;
	*_early)
		options=('answerWithin: 20ms' 'latency: 60ms') ;;
	import) options=('volumes: 1' 'volumeSize: 64M') ;;
	dismiss) options=('lag: 10m' 'requestTimeout: 1s') ;;
	esac
	{
		echo "services: {cloud: {driver: sim, size: 64M, refresh: 0"
		for line in ${options[@]+"${options[@]}"}; do
			echo "  , $line"
		done
		echo "}}"
	} | config
}

made() { ok wr "$tree/$service/.create/db" "${1:-size=64M}"; }
mounted() { # mounted [WORDS]
	made "${1:-}"
	ok wr "$tree/$service/db/mount" 1
	echo kept >"$tree/$service/db/data/file"
	sync "$tree/$service/db/data/file"
}
# A volume with data and a snapshot, not in use.
snapped() {
	mounted "${1:-}"
	ok wr "$tree/$service/db/unmount" 1
	ok wr --mkdir "$tree/$service/db/snapshots/first"
	within 20 has "$tree/$service/db/snapshots/first/state" available
}
unprotected() {
	made
	ok wr "$tree/$service/db/protect" 0
}

prepare_create() { :; }
act_create() { act "$tree/$service/.create/db" size=128M; }
refuse_create() { refuse create; }

prepare_create_early() { :; }
act_create_early() { act --mkdir "$tree/$service/db"; }
refuse_create_early() { refuse create; }

prepare_from_snapshot() { snapped; }
act_from_snapshot() { act "$tree/$service/.create/copy" from=db@first; }
refuse_from_snapshot() { refuse create; }

prepare_from_volume() { snapped; }
act_from_volume() { act "$tree/$service/.create/copy" from=db; }
refuse_from_volume() { refuse create; }

# A creation without a verdict, at a service whose listings lag.
prepare_dismiss() {
	sim POST /admin/rules '{"op":"create","action":"lost"}' >/dev/null
	wr "$tree/$service/.create/db" size=64M >/dev/null
	sim DELETE /admin/rules >/dev/null
	is "state" error "$(cat "$tree/$service/db/state")"
}
act_dismiss() { act "$tree/$service/.remove/db" 1; }

prepare_attach() { made; }
act_attach() { act "$tree/$service/db/attach" 1; }
refuse_attach() { refuse attach; }

prepare_detach() { made; ok wr "$tree/$service/db/attach" 1; }
act_detach() { act "$tree/$service/db/detach" 1; }
refuse_detach() { refuse detach; }

prepare_mount_first() { made; }
act_mount_first() { act "$tree/$service/db/mount" user=web; }
refuse_mount_first() { refuse attach; }

prepare_mount() { snapped; }
act_mount() { act "$tree/$service/db/mount" 1; }
refuse_mount() { refuse attach; }

prepare_unmount() { mounted; }
act_unmount() { act "$tree/$service/db/unmount" 1; }
refuse_unmount() { refuse detach; }
# What mount attached is detached later on.
settle_unmount() {
	[ "$mode" = ok ] || within 20 has "$tree/$service/db/attached" 0
	# And its failure, too, is over with the next success.
	ok wr "$tree/$service/db/mount" 1
	ok wr "$tree/$service/db/unmount" 1
}

prepare_grow() { snapped; }
act_grow() { act "$tree/$service/db/size" 128M; }
refuse_grow() { refuse modify; }

prepare_grow_mounted() { mounted "size=320M fstype=xfs"; }
act_grow_mounted() { act "$tree/$service/db/set" "size=640M iops=500"; }
refuse_grow_mounted() { refuse modify; }

prepare_tags() { made; }
act_tags() { act "$tree/$service/db/tags" "team=web"; }
refuse_tags() { refuse tags; }

prepare_rename() { made; }
act_rename() { act --rename "$tree/$service/db" "$tree/$service/moved"; }
refuse_rename() { refuse rename; }

prepare_rename_early() { made; }
act_rename_early() { act --rename "$tree/$service/db" "$tree/$service/moved"; }
refuse_rename_early() { refuse rename; }

prepare_snapshot() { mounted; }
act_snapshot() {
	act --mkdir "$tree/$service/db/snapshots/second"
	# The file system is not left frozen.
	echo more >"$tree/$service/db/data/more" && sync "$tree/$service/db/data/more"
}
refuse_snapshot() { refuse snapshot; }

prepare_snapshot_remove() {
	snapped
	ok wr "$tree/$service/db/snapshots/first/protect" 0
}
act_snapshot_remove() { act --rmdir "$tree/$service/db/snapshots/first"; }
refuse_snapshot_remove() { refuse remove-snapshot; }

prepare_restore() { snapped; }
act_restore() { act "$tree/$service/db/snapshots/first/restore" 1; }
refuse_restore() { refuse restore; }

prepare_import() {
	within 20 has_json "$tree/$service/.status" .counts.volumes 1
	imported=$(ls "$tree/$service/.by-id" | head -n 1)
}
act_import() { act "$tree/$service/.import/$imported" name=taken; }
refuse_import() { refuse tags; refuse rename; }

prepare_remove() { unprotected; }
act_remove() { act "$tree/$service/.remove/db" 1; }
refuse_remove() { refuse remove; }

prepare_remove_early() { unprotected; }
act_remove_early() { act --rmdir "$tree/$service/db"; }
refuse_remove_early() { refuse remove; }

prepare_local_create() { :; }
act_local_create() { act_create; }

prepare_local_from_snapshot() { snapped; }
act_local_from_snapshot() { act_from_snapshot; }

prepare_local_from_volume() { snapped; }
act_local_from_volume() { act_from_volume; }

prepare_local_attach() { made; }
act_local_attach() { act_attach; }

prepare_local_detach() { prepare_detach; }
act_local_detach() { act_detach; }

prepare_local_mount() { made; }
act_local_mount() { act_mount; }

prepare_local_unmount() { mounted; }
act_local_unmount() { act_unmount; }

prepare_local_grow() { snapped; }
act_local_grow() { act_grow; }

prepare_local_grow_mounted() { mounted "size=320M fstype=xfs"; }
act_local_grow_mounted() { act "$tree/local/db/size" 640M; }

prepare_local_rename() { made; }
act_local_rename() { act_rename; }

prepare_local_snapshot() { mounted; }
act_local_snapshot() { act_snapshot; }

prepare_local_snapshot_remove() { prepare_snapshot_remove; }
act_local_snapshot_remove() { act_snapshot_remove; }

prepare_local_restore() { snapped; }
act_local_restore() { act_restore; }

prepare_local_import() {
	mkdir -p "$images"
	truncate -s 64M "$images/old.img"
	mkfs.ext4 -qF "$images/old.img"
}
act_local_import() { act "$tree/local/.import/old.img" name=taken; }

prepare_local_remove() { unprotected; }
act_local_remove() { act_remove; }

prepare_btrfs_create() { :; }
act_btrfs_create() { act_create; }

prepare_btrfs_from_volume() { snapped; }
act_btrfs_from_volume() { act_from_volume; }

prepare_btrfs_tags() { made; }
act_btrfs_tags() { act_tags; }

prepare_btrfs_rename() { snapped; }
act_btrfs_rename() { act_rename; }

prepare_btrfs_snapshot() { mounted; }
act_btrfs_snapshot() { act_snapshot; }

prepare_btrfs_snapshot_remove() { prepare_snapshot_remove; }
act_btrfs_snapshot_remove() { act_snapshot_remove; }

prepare_btrfs_restore() { snapped; echo other >"$home/db/file"; }
act_btrfs_restore() { act_restore; }
# What it was restored to is shown by a mount.
settle_btrfs_restore() { ok wr "$tree/pool/db/mount" 1; }

prepare_btrfs_import() {
	mkdir "$home/old"
	btrfs -q subvolume create "$home/old/db"
}
act_btrfs_import() { act "$tree/pool/.import/old%2Fdb" name=taken; }

prepare_btrfs_remove() { unprotected; }
act_btrfs_remove() { act_remove; }

prepare_nfs_create() { :; }
act_nfs_create() { act "$tree/share/.create/db" tag=a=b; }

prepare_nfs_from_snapshot() { snapped 1; }
act_nfs_from_snapshot() { act_from_snapshot; }

prepare_nfs_rename() { made 1; }
act_nfs_rename() { act_rename; }

prepare_nfs_snapshot() { mounted 1; }
act_nfs_snapshot() { act_snapshot; }

prepare_nfs_snapshot_remove() {
	snapped 1
	ok wr "$tree/share/db/snapshots/first/protect" 0
}
act_nfs_snapshot_remove() { act_snapshot_remove; }

prepare_nfs_restore() {
	snapped 1
	ok wr "$tree/share/db/mount" 1
	echo changed >"$tree/share/db/data/file"
	ok wr "$tree/share/db/unmount" 1
}
act_nfs_restore() { act_restore; }
settle_nfs_restore() {
	ok wr "$tree/share/db/mount" 1
	is "content" kept "$(cat "$tree/share/db/data/file")"
	ok wr "$tree/share/db/unmount" 1
}

prepare_nfs_import() { mkdir "$dir/share/.hidden" "$dir/share/archived-old"; }
act_nfs_import() { act "$tree/share/.import/archived-old" name=taken; }

prepare_nfs_remove() {
	snapped 1
	ok wr "$tree/share/db/snapshots/first/protect" 0
	ok wr --rmdir "$tree/share/db/snapshots/first"
	ok wr "$tree/share/db/protect" 0
}
act_nfs_remove() { act_remove; }
