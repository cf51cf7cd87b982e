/* SPDX-License-Identifier: Apache-2.0 */

/* The helpers that check and grow a file system, and that ask for its usage. */

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/host/commands.h"

/* EXT4_IOC_RESIZE_FS; the kernel headers of Debian 12 do not export it. */
#define EXT4_RESIZE_FS _IOW('f', 16, uint64_t)
/* The kernel rounds down to whole groups; a difference under this is none. */
#define EXT4_SLACK_BLOCKS 64

/* e2fsck(8), "EXIT CODE". */
#define E2FSCK_CORRECTED 1
#define E2FSCK_REBOOT 2
#define E2FSCK_UNCORRECTED 4

/* Runs e2fsck -p, with -f where @force. Never answers yes to a question. */
static int e2fsck_run(const char *node, bool force, int64_t limit_ms,
		      struct err *err)
{
	const char *argv[] = { "e2fsck", "-p", force ? "-f" : node,
			       force ? node : NULL, NULL };
	int r = helper_exec(argv, limit_ms, NULL, 0, err);

	if (r < 0)
		return err_wrap(err, "check '%s'", node);
	if ((r & ~(E2FSCK_CORRECTED | E2FSCK_REBOOT)) == 0)
		return 0;
	if (r & E2FSCK_UNCORRECTED)
		return err_set(err, EUCLEAN, "the file system on '%s' is "
			       "damaged and needs your decision: run 'e2fsck "
			       "%s'. %.200s", node, node, err->text);
	return err_set(err, EUCLEAN, "the file system on '%s' could not be "
		       "checked: run 'e2fsck %s', which also tries the copies "
		       "of a lost superblock. %.160s", node, node, err->text);
}

HELPER_COMMAND(command_fsck)
{
	const char *node = argv[0];
	AUTO(auto_fd) int fd = -1;
	struct fs_probe p;
	uint64_t limit_ms, size = 0;
	int r = word_u64(argv[2], &limit_ms, err);

	if (r < 0)
		return r;
	fd = device_node_open(node, O_RDONLY, err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return err_errno(err, errno, "ask '%s' for its size", node);
	r = probe_device(node, fd, size, &p, err);
	if (r < 0)
		return r;
	if (strncmp(p.type, "ext", 3) != 0)
		return err_set(err, EUCLEAN, "'%s' should hold %s, but there "
			       "is %s: run 'e2fsck %s', which also tries the "
			       "copies of a lost superblock", node, argv[1],
			       *p.found ? p.found : "nothing", node);
	if (!p.unclean)
		return 0;
	json_object_object_add(reply, "checked", json_object_new_boolean(1));
	return e2fsck_run(node, false, (int64_t)limit_ms, err);
}

static int ext_needs_growth(const char *node, int fd, struct ext_super *s,
			    uint64_t *blocks, struct err *err)
{
	uint64_t size = 0;
	int r = ext_super_read(fd, s);

	if (r < 0)
		return err_errno(err, -r, "read the ext superblock of '%s'",
				 node);
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return err_errno(err, errno, "ask '%s' for its size", node);
	*blocks = size / s->block_size;
	return *blocks > s->blocks + EXT4_SLACK_BLOCKS;
}

static int grow_ext_online(const char *node, const char *at, struct err *err)
{
	AUTO(auto_fd) int device = -1;
	AUTO(auto_fd) int dir = -1;
	struct ext_super s;
	uint64_t blocks;
	int r;

	device = device_node_open(node, O_RDONLY, err);
	if (device < 0)
		return device;
	r = ext_needs_growth(node, device, &s, &blocks, err);
	if (r <= 0)
		return r;
	dir = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "open '%s'", at);
	if (ioctl(dir, EXT4_RESIZE_FS, &blocks) == 0)
		return 0;
	if (errno == EPERM)
		return err_set(err, EPERM, "grow the mounted ext4 on '%s': the "
			       "kernel wants CAP_SYS_RESOURCE for that, which "
			       "volfsd does not have here. Unmount the volume "
			       "and mount it again: it then grows unmounted",
			       node);
	return err_errno(err, errno, "grow the mounted ext4 on '%s'", node);
}

static int grow_ext_offline(const char *node, int64_t limit_ms, struct err *err)
{
	const char *argv[] = { "resize2fs", node, NULL };
	int64_t end_ms = clock_ms() + limit_ms;
	AUTO(auto_fd) int fd = -1;
	struct ext_super s;
	uint64_t blocks;
	int r;

	fd = device_node_open(node, O_RDONLY, err);
	if (fd < 0)
		return fd;
	r = ext_needs_growth(node, fd, &s, &blocks, err);
	if (r <= 0)
		return r;
	/* resize2fs refuses what was not checked since it was mounted. */
	r = e2fsck_run(node, true, limit_ms, err);
	if (r < 0)
		return r;
	r = helper_exec(argv, end_ms - clock_ms(), NULL, 0, err);
	if (r != 0) {
		err_wrap(err, "grow ext4 on '%s'", node);
		return r < 0 ? r : -EIO;
	}
	return 0;
}

static int grow_btrfs(const char *at, struct err *err)
{
	struct btrfs_ioctl_vol_args args = { .name = "max" };
	AUTO(auto_fd) int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "open '%s'", at);
	if (ioctl(fd, BTRFS_IOC_RESIZE, &args) == 0)
		return 0;
	if (errno == EINVAL)
		return err_set(err, EINVAL, "grow btrfs at '%s': the kernel "
			       "refuses a btrfs under 256 MiB", at);
	return err_errno(err, errno, "grow btrfs at '%s'", at);
}

static int grow_xfs(const char *at, int64_t limit_ms, struct err *err)
{
	const char *argv[] = { "xfs_growfs", "-d", at, NULL };
	int r = helper_exec(argv, limit_ms, NULL, 0, err);

	if (r == 0)
		return 0;
	err_wrap(err, "grow xfs at '%s'", at);
	return r < 0 ? r : -EIO;
}

HELPER_COMMAND(command_grow)
{
	const char *node = argv[0], *fstype = argv[1], *at = argv[2];
	uint64_t limit_ms;
	int r = word_u64(argv[3], &limit_ms, err);

	if (r < 0)
		return r;
	if (strncmp(fstype, "ext", 3) == 0)
		return *at ? grow_ext_online(node, at, err) :
			     grow_ext_offline(node, (int64_t)limit_ms, err);
	if (strcmp(fstype, "btrfs") == 0)
		return grow_btrfs(at, err);
	return grow_xfs(at, (int64_t)limit_ms, err);
}

HELPER_COMMAND(command_statfs)
{
	struct statvfs s;

	if (statvfs(argv[0], &s) < 0)
		return err_errno(err, errno, "ask for the usage of '%s'",
				 argv[0]);
	json_object_object_add(reply, "total_bytes",
			       json_object_new_uint64(s.f_blocks * s.f_frsize));
	json_object_object_add(reply, "used_bytes",
			       json_object_new_uint64((s.f_blocks - s.f_bfree) *
						      s.f_frsize));
	json_object_object_add(reply, "available_bytes",
			       json_object_new_uint64(s.f_bavail * s.f_frsize));
	json_object_object_add(reply, "total_inodes",
			       json_object_new_uint64(s.f_files));
	json_object_object_add(reply, "used_inodes",
			       json_object_new_uint64(s.f_files - s.f_ffree));
	json_object_object_add(reply, "read_only",
			       json_object_new_boolean(s.f_flag & ST_RDONLY));
	return 0;
}
