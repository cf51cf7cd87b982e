# SPDX-License-Identifier: Apache-2.0
# A real NFS server in the guest: the kernel's own, on loopback, exporting an
# ext4 (it does not export what lies in memory). For tests that source lib.sh.
#
#	nfs_server		sets it up and starts it; $export is what it exports
#	nfs_up, nfs_down	its threads; while there are none, nobody answers
#	nfs_line PATH		the lines of mountinfo that are of NFS at PATH

export=/mnt/export

nfs_up() { rpc.nfsd -N 3 4; }
nfs_down() { echo 0 >/proc/fs/nfsd/threads; }

nfs_server() {
	need rpc.mountd rpc.nfsd exportfs mkfs.ext4
	modprobe -a nfsd nfs nfsv4 || { fail "this kernel has no NFS"; finish; }
	mountpoint -q /proc/fs/nfsd ||
		mount -t nfsd nfsd /proc/fs/nfsd || { fail "no nfsd"; finish; }
	mount -t tmpfs none /var/lib/nfs
	mkdir /var/lib/nfs/v4recovery
	: >/var/lib/nfs/etab
	: >/var/lib/nfs/rmtab
	truncate -s "${1:-300M}" "$dir/export.img"
	mkdir -p $export
	mkfs.ext4 -q "$dir/export.img" && mount -o loop "$dir/export.img" $export ||
		{ fail "no file system to export"; finish; }
	# A client that is gone is not waited for after a restart.
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo 10 >/proc/fs/nfsd/nfsv4leasetime
	rpc.mountd -N 3
	exportfs -o rw,no_root_squash,insecure,no_subtree_check,fsid=0 \
		127.0.0.1:$export
	nfs_up || { fail "nfsd does not start"; finish; }
}

nfs_line() {
	awk -v at="$1" '$5 == at && / - nfs4 /' /proc/self/mountinfo
}
