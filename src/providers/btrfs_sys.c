/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel does for the btrfs driver, by the ioctls of <linux/btrfs.h>.
 * libbtrfsutil has no quota groups, and renamed its functions between two
 * Debian releases.
 */
#include "providers/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"

#ifndef BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA
#define BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA 4   /* Linux 6.7 */
#endif
#define NAMED_MOST 5
#define COMMIT_TRIES 20

/* The kernel's errno -> the contract's. What is not named is EIO. A missing
 * path is not ENOENT: the core would believe that a volume is gone. */
static const struct err_map errno_table[] = {
	{ ENOSPC, ENOSPC },	{ EDQUOT, EDQUOT },
	{ EROFS, EROFS },	{ EACCES, EACCES },
	{ EPERM, EACCES },	{ EEXIST, EEXIST },
	{ EBUSY, EBUSY },	{ ETXTBSY, EBUSY },
	{ ENOMEM, ENOMEM },	{ ENAMETOOLONG, EINVAL },
	{ EXDEV, EBUSY },	{ ENFILE, EAGAIN },
	{ EMFILE, EAGAIN },	{ EUCLEAN, EUCLEAN },
	{ ENOTEMPTY, ENOTEMPTY }, { EMLINK, ENOSPC },
	{ 0, 0 },
};

int btrfs_fail(struct err *err, int num, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_mapped(err, errno_table, num, text, "");
}

/* ---- subvolumes ---- */

int btrfs_open_at(int parent, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static void uuid_text(const uint8_t *u, char out[BTRFS_UUID_ROOM])
{
	snprintf(out, BTRFS_UUID_ROOM,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
}

int btrfs_look(int fd, struct subvolume *out)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != BTRFS_FIRST_FREE_OBJECTID)
		return -ENOTDIR;
	/* It may return 1, with everything filled in. */
	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return errno == ENOTTY ? -ENOTDIR : -errno;
	out->number = info.treeid;
	uuid_text(info.uuid, out->uuid);
	out->created_at_s = (int64_t)info.otime.sec;
	out->read_only = (info.flags & BTRFS_ROOT_SUBVOL_RDONLY) != 0;
	return 0;
}

int btrfs_open_subvolume(int parent, const char *name, struct subvolume *out)
{
	AUTO(auto_fd) int fd = btrfs_open_at(parent, name);
	int r;

	if (fd < 0)
		return fd;
	r = btrfs_look(fd, out);
	return r < 0 ? r : STEAL_FD(fd);
}

int btrfs_make(int parent, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(parent, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno
								    : 0;
}

int btrfs_copy(int parent, const char *name, int source, bool read_only)
{
	struct btrfs_ioctl_vol_args_v2 args = {
		.fd = source, .flags = read_only ? BTRFS_SUBVOL_RDONLY : 0,
	};

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int btrfs_destroy(int parent, uint64_t number)
{
	struct btrfs_ioctl_vol_args_v2 args = {
		.flags = BTRFS_SUBVOL_SPEC_BY_ID, .subvolid = number,
	};

	return ioctl(parent, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 ? -errno
								   : 0;
}

bool btrfs_exists(int fd, uint64_t number)
{
	/* What says in which directory it lies goes when it is deleted; its root
	 * item stays until it is cleaned up. */
	struct btrfs_ioctl_search_args args = { .key = {
		.tree_id = BTRFS_ROOT_TREE_OBJECTID,
		.min_objectid = number, .max_objectid = number,
		.min_type = BTRFS_ROOT_BACKREF_KEY,
		.max_type = BTRFS_ROOT_BACKREF_KEY,
		.max_offset = UINT64_MAX, .max_transid = UINT64_MAX,
		.nr_items = 1,
	} };

	return ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0 ||
	       args.key.nr_items > 0;
}

/*
 * A commit that an fsync made may end before the one before it has ended, which
 * then sets the number of the last one back: for a moment the kernel says of
 * the later one, long on the medium, that there is none (EINVAL). Asked again,
 * it names the last that it knows, or says that the file system is broken.
 */
int btrfs_commit(int fd)
{
	uint64_t transaction;

	for (int i = 0; i < COMMIT_TRIES; i++) {
		if (ioctl(fd, BTRFS_IOC_START_SYNC, &transaction) < 0)
			return -errno;
		if (ioctl(fd, BTRFS_IOC_WAIT_SYNC, &transaction) == 0)
			return 0;
		if (errno != EINVAL)
			return -errno;
	}
	return -EINVAL;
}

static void name_nested(int fd, uint64_t dirid, uint64_t treeid,
			struct buf *out)
{
	struct btrfs_ioctl_ino_lookup_user_args user = { .dirid = dirid,
							 .treeid = treeid };
	char quoted[128];

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP_USER, &user) < 0) {
		buf_printf(out, "number %llu", (unsigned long long)treeid);
		return;
	}
	buf_printf(out, "'%s", quote_for_error(quoted, sizeof(quoted),
					       user.path, strlen(user.path)));
	buf_printf(out, "%s'", quote_for_error(quoted, sizeof(quoted),
					       user.name, strlen(user.name)));
}

int btrfs_nested(int fd, struct buf *out)
{
	struct btrfs_ioctl_get_subvol_rootref_args args = { 0 };
	int i, n;

	/* EOVERFLOW: there are more than fit, and those are filled in. */
	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_ROOTREF, &args) < 0 &&
	    errno != EOVERFLOW)
		return -errno;
	n = args.num_items;
	for (i = 0; i < n && i < NAMED_MOST; i++) {
		if (i)
			buf_puts(out, ", ");
		name_nested(fd, args.rootref[i].dirid, args.rootref[i].treeid,
			    out);
	}
	if (n > NAMED_MOST)
		buf_printf(out, " and %d more", n - NAMED_MOST);
	return n;
}

/* ---- quotas ---- */

const char *const btrfs_quota_words[] = {
	[QUOTA_OFF] = "off", [QUOTA_SIMPLE] = "simple",
	[QUOTA_CLASSIC] = "classic", NULL
};

/* The first line of /sys/fs/btrfs/FSID/qgroups/NAME. -ENOENT: no such file. */
static int group_file(const char *fsid, const char *name, char *out,
		      size_t room)
{
	AUTO(auto_fd) int fd = -1;
	char path[160];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/fs/btrfs/%s/qgroups/%s", fsid,
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, out, room - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

enum btrfs_quota btrfs_quota_mode(const char *fsid, bool *inconsistent)
{
	char word[32];

	*inconsistent = group_file(fsid, "inconsistent", word,
				   sizeof(word)) == 0 && *word == '1';
	if (group_file(fsid, "mode", word, sizeof(word)) == 0)
		return !strcmp(word, "squota")	 ? QUOTA_SIMPLE
		       : !strcmp(word, "qgroup") ? QUOTA_CLASSIC
						 : QUOTA_OFF;
	/* Before Linux 6.7 there is no other. */
	return group_file(fsid, "enabled", word, sizeof(word)) == 0 &&
		       *word == '1' ? QUOTA_CLASSIC : QUOTA_OFF;
}

int btrfs_quota_enable(int fd, enum btrfs_quota mode)
{
	struct btrfs_ioctl_quota_ctl_args args = {
		.cmd = mode == QUOTA_SIMPLE
			       ? BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA
			       : BTRFS_QUOTA_CTL_ENABLE,
	};

	return ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) < 0 ? -errno : 0;
}

int btrfs_limit_set(int fd, uint64_t number, uint64_t bytes)
{
	struct btrfs_ioctl_qgroup_limit_args args = {
		.qgroupid = number,
		.lim = { .flags = BTRFS_QGROUP_LIMIT_MAX_RFER,
			 .max_rfer = bytes ? bytes : UINT64_MAX },
	};

	return ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) < 0 ? -errno : 0;
}

static bool group_number(const char *fsid, uint64_t number, const char *what,
			 uint64_t *out)
{
	char name[64], text[32];

	snprintf(name, sizeof(name), "0_%llu/%s", (unsigned long long)number,
		 what);
	return group_file(fsid, name, text, sizeof(text)) == 0 &&
	       parse_u64(text, strlen(text), out, NULL) == 0;
}

bool btrfs_limit_get(const char *fsid, uint64_t number, uint64_t *limit,
		     uint64_t *used)
{
	uint64_t flags;

	if (!group_number(fsid, number, "referenced", used) ||
	    !group_number(fsid, number, "limit_flags", &flags) ||
	    !group_number(fsid, number, "max_referenced", limit))
		return false;
	if (!(flags & BTRFS_QGROUP_LIMIT_MAX_RFER) || *limit > INT64_MAX)
		*limit = 0;
	return true;
}

int btrfs_group_remove(int fd, uint64_t number)
{
	struct btrfs_ioctl_qgroup_create_args args = { .qgroupid = number };

	return ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) < 0 ? -errno : 0;
}
