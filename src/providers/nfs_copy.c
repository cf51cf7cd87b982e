/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies trees of files within a share, in a helper, and erases them.
 *
 * A file's content is shared where the server can (FICLONE, NFS 4.2 CLONE),
 * else copied by the server (copy_file_range, NFS 4.2 COPY), else read and
 * written, holes left out. All files of one tree as they were at one moment is
 * more than this can give: others may write meanwhile.
 */
#include "providers/nfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <uthash.h>

#include "base/clock.h"
#include "core/host/helper.h"

/* One copy_file_range() over NFS may take long; progress is told between. */
#define PIECE_BYTES ((size_t)64 << 20)
#define BUFFER_BYTES ((size_t)1 << 20)
#define XATTR_BYTES 65536         /* XATTR_SIZE_MAX, linux/limits.h */
#define PROGRESS_MS 100
#define PATH_ROOM 4096

/* A file of several names: the copy's first name, to link the others to. */
struct linked {
	struct {
		dev_t dev;
		ino_t ino;
	} key;
	UT_hash_handle hh;
	char path[];
};

struct copying {
	int to_root;
	dev_t dev;                /* other file systems below are left alone */
	struct linked *links;
	uint64_t all_bytes, done_bytes;
	int64_t told_ms;
	char *buffer;             /* BUFFER_BYTES */
	char path[PATH_ROOM];     /* below the root, for sentences and links */
	struct err *err;
};

static int copy_failed(struct copying *k, const char *doing)
{
	int num = errno;

	return nfs_fail(k->err, num, "%s '%.200s'", doing,
			*k->path ? k->path : ".");
}

static void tell(struct copying *k, uint64_t bytes)
{
	int64_t now = clock_ms();

	k->done_bytes += bytes;
	if (now - k->told_ms < PROGRESS_MS || !k->all_bytes)
		return;
	k->told_ms = now;
	if (k->done_bytes < k->all_bytes)
		helper_progress((int)(k->done_bytes * 99 / k->all_bytes));
}

/* A name below the one at hand. Return: where the path ended before, or -1. */
static ssize_t path_push(struct copying *k, const char *name)
{
	size_t len = strlen(k->path);
	int n = snprintf(k->path + len, sizeof(k->path) - len, "%s%s",
			 len ? "/" : "", name);

	if (n < (int)(sizeof(k->path) - len))
		return (ssize_t)len;
	k->path[len] = '\0';
	errno = ENAMETOOLONG;
	return -1;
}

/*
 * Content
 */

/* By the server, or by a file system that shares. 1: that cannot be here. */
static int copy_range(struct copying *k, int from, int to, uint64_t *at,
		      uint64_t size)
{
	while (*at < size) {
		loff_t in = (loff_t)*at, out = (loff_t)*at;
		size_t want = size - *at < PIECE_BYTES ? size - *at
						       : PIECE_BYTES;
		ssize_t n = copy_file_range(from, &in, to, &out, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT ||
			      errno == EIO || errno == ESTALE))
			return copy_failed(k, "copying");
		if (n < 0)
			return 1;
		if (n == 0)
			return 0;     /* it was cut meanwhile */
		*at += (uint64_t)n;
		tell(k, (uint64_t)n);
	}
	return 0;
}

static int copy_by_hand(struct copying *k, int from, int to, uint64_t at,
			uint64_t end)
{
	while (at < end) {
		size_t want = end - at < BUFFER_BYTES ? end - at : BUFFER_BYTES;
		ssize_t n = pread(from, k->buffer, want, (off_t)at);
		ssize_t put = 0, w;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return copy_failed(k, "reading");
		if (n == 0)
			return 0;
		for (; put < n; put += w) {
			w = pwrite(to, k->buffer + put, (size_t)(n - put),
				   (off_t)at + put);
			if (w < 0 && errno == EINTR)
				w = 0;
			else if (w < 0)
				return copy_failed(k, "writing the copy of");
		}
		at += (uint64_t)n;
		tell(k, (uint64_t)n);
	}
	return 0;
}

/* The data of @from up to @size, without its holes. */
static int copy_data(struct copying *k, int from, int to, uint64_t size)
{
	uint64_t at = 0;
	bool by_hand = false;
	int r = 0;

	while (r == 0 && at < size) {
		off_t data = lseek(from, (off_t)at, SEEK_DATA), hole;
		uint64_t end;

		if (data < 0 && errno == ENXIO)
			break;         /* nothing but a hole is left */
		if (data < 0)
			data = (off_t)at;
		hole = lseek(from, data, SEEK_HOLE);
		end = hole > data && (uint64_t)hole < size ? (uint64_t)hole
							   : size;
		at = (uint64_t)data;
		if (!by_hand) {
			r = copy_range(k, from, to, &at, end);
			by_hand = r > 0;
		}
		if (by_hand)
			r = copy_by_hand(k, from, to, at, end);
		at = end;
	}
	if (r == 0 && ftruncate(to, (off_t)size) < 0)
		return copy_failed(k, "writing the copy of");
	return r;
}

/*
 * What belongs to a file besides
 */

/* An NFSv4 ACL of up to three entries says what the mode says; the server
 * makes one for every file. Its first word counts them (RFC 7530, 6.2.1). */
static bool xattr_is_derived(const char *name, const unsigned char *value,
			     ssize_t len)
{
	if (strcmp(name, "system.nfs4_acl") != 0)
		return false;
	return len < 4 || (!value[0] && !value[1] && !value[2] && value[3] <= 3);
}

static bool xattr_is_copied(const char *name)
{
	static const char *const prefixes[] = {
		"user.", "trusted.", "system.posix_acl_", "system.nfs4_acl",
		"security.capability",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* Where the share has them, the copy's has them too; what is refused one by
 * one (trusted. to who is not root) is left out. */
static int copy_xattrs(struct copying *k, int from, int to)
{
	AUTO(auto_free) char *names = malloc(2 * XATTR_BYTES);
	char *value = names + XATTR_BYTES, *name;
	ssize_t all, len;

	if (!names)
		return err_oom(k->err);
	all = flistxattr(from, names, XATTR_BYTES);
	for (name = names; all > 0 && name < names + all;
	     name += strlen(name) + 1) {
		if (!xattr_is_copied(name))
			continue;
		len = fgetxattr(from, name, value, XATTR_BYTES);
		if (len < 0 ||
		    xattr_is_derived(name, (unsigned char *)value, len))
			continue;
		if (fsetxattr(to, name, value, (size_t)len, 0) == 0)
			continue;
		if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
			return copy_failed(k, "copying the attributes of");
	}
	return 0;
}

/* Owner first: to change it takes off set-user-ID. Times last. */
static int copy_facts(struct copying *k, int from, int to,
		      const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int r;

	if (fchown(to, st->st_uid, st->st_gid) < 0)
		return copy_failed(k, "keeping the owner of");
	if (fchmod(to, st->st_mode & 07777) < 0)
		return copy_failed(k, "keeping the mode of");
	r = copy_xattrs(k, from, to);
	if (r == 0 && futimens(to, times) < 0)
		return copy_failed(k, "keeping the times of");
	return r;
}

/*
 * Entries
 */

/* 1: linked to the copy of another of its names. */
static int link_known(struct copying *k, const struct stat *st, int to,
		      const char *name)
{
	struct linked *l, key = { .key = { .dev = st->st_dev,
					   .ino = st->st_ino } };

	if (st->st_nlink < 2)
		return 0;
	HASH_FIND(hh, k->links, &key.key, sizeof(key.key), l);
	if (!l)
		return 0;
	if (linkat(k->to_root, l->path, to, name, 0) < 0)
		return copy_failed(k, "linking the copy of");
	return 1;
}

static int link_note(struct copying *k, const struct stat *st)
{
	struct linked *l;

	if (st->st_nlink < 2)
		return 0;
	l = calloc(1, sizeof(*l) + strlen(k->path) + 1);
	if (!l)
		return err_oom(k->err);
	l->key.dev = st->st_dev;
	l->key.ino = st->st_ino;
	memcpy(l->path, k->path, strlen(k->path) + 1);
	HASH_ADD(hh, k->links, key, sizeof(l->key), l);
	return 0;
}

static int copy_file(struct copying *k, int from_dir, int to_dir,
		     const char *name)
{
	AUTO(auto_fd) int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC |
					O_NOFOLLOW | O_NONBLOCK);
	AUTO(auto_fd) int to = -1;
	struct stat st;
	int r = 0;

	if (from < 0 && (errno == ENOENT || errno == ESTALE))
		return 0;
	if (from < 0 || fstat(from, &st) < 0)
		return copy_failed(k, "opening");
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	if (to < 0)
		return copy_failed(k, "making the copy of");
	if (st.st_size > 0 && ioctl(to, FICLONE, from) < 0)
		r = copy_data(k, from, to, (uint64_t)st.st_size);
	else
		tell(k, (uint64_t)st.st_size);
	if (r == 0)
		r = copy_facts(k, from, to, &st);
	/* What the server could not store it says now. */
	if (r == 0 && fsync(to) < 0)
		return copy_failed(k, "storing the copy of");
	return r < 0 ? r : link_note(k, &st);
}

static int copy_symlink(struct copying *k, int from_dir, int to_dir,
			const char *name, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	char target[PATH_ROOM];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0 && (errno == ENOENT || errno == EINVAL))
		return 0;
	if (n < 0)
		return copy_failed(k, "reading the link");
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0)
		return copy_failed(k, "making the copy of");
	if (fchownat(to_dir, name, st->st_uid, st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return copy_failed(k, "keeping the owner of");
	/* The time of a link is not worth a failure. */
	(void)utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW);
	return link_note(k, st);
}

/* FIFOs, sockets, devices. */
static int copy_special(struct copying *k, int to_dir, const char *name,
			const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (mknodat(to_dir, name, (st->st_mode & S_IFMT) | 0600,
		    st->st_rdev) < 0)
		return copy_failed(k, "making the copy of");
	if (fchownat(to_dir, name, st->st_uid, st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
		return copy_failed(k, "keeping the owner and mode of");
	(void)utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW);
	return link_note(k, st);
}

static int copy_entries(struct copying *k, int from, int to);

static int copy_dir(struct copying *k, int from_dir, int to_dir,
		    const char *name)
{
	AUTO(auto_fd) int from = nfs_open_dir(from_dir, name);
	AUTO(auto_fd) int to = -1;
	struct stat st;
	int r;

	if (from == -ENOENT || from == -ENOTDIR || from == -ELOOP)
		return 0;
	if (from < 0 || fstat(from, &st) < 0) {
		errno = from < 0 ? -from : errno;
		return copy_failed(k, "opening");
	}
	if (st.st_dev != k->dev)
		return err_set(k->err, EXDEV, "'%.200s' is another file system, mounted below the volume on the server: it is not copied",
			       k->path);
	if (mkdirat(to_dir, name, 0700) < 0)
		return copy_failed(k, "making the copy of");
	to = nfs_open_dir(to_dir, name);
	if (to < 0) {
		errno = -to;
		return copy_failed(k, "opening the copy of");
	}
	r = copy_entries(k, from, to);
	return r < 0 ? r : copy_facts(k, from, to, &st);
}

static int copy_entry(struct copying *k, int from, int to, const char *name)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : copy_failed(k, "looking at");
	if (S_ISDIR(st.st_mode))
		return copy_dir(k, from, to, name);
	r = link_known(k, &st, to, name);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(st.st_mode))
		return copy_file(k, from, to, name);
	if (S_ISLNK(st.st_mode))
		return copy_symlink(k, from, to, name, &st);
	return copy_special(k, to, name, &st);
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int copy_entries(struct copying *k, int from, int to)
{
	AUTO(auto_dir) DIR *d = nfs_stream(from);
	struct dirent *e;
	int r = 0;

	while (r == 0 && d && (errno = 0, e = readdir(d))) {
		ssize_t was;

		if (is_dot(e->d_name))
			continue;
		was = path_push(k, e->d_name);
		if (was < 0)
			return copy_failed(k, "going below");
		r = copy_entry(k, from, to, e->d_name);
		k->path[was] = '\0';
	}
	if (r == 0 && (!d || errno))
		return copy_failed(k, "listing");
	return r;
}

/* How much there is to copy: for the progress alone. */
static uint64_t weigh(int dir, int depth)
{
	AUTO(auto_dir) DIR *d = nfs_stream(dir);
	uint64_t bytes = 0;
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		if (is_dot(e->d_name) ||
		    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
		if (S_ISDIR(st.st_mode) && depth > 0) {
			AUTO(auto_fd) int below = nfs_open_dir(dir, e->d_name);

			if (below >= 0)
				bytes += weigh(below, depth - 1);
		}
	}
	return bytes;
}

/* Each level of a tree holds a few descriptors. */
static void many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int nfs_copy(int from, int to, struct err *err)
{
	struct copying k = { .to_root = to, .err = err };
	struct linked *l, *next;
	struct stat st;
	int r;

	many_descriptors();
	k.buffer = malloc(BUFFER_BYTES);
	if (!k.buffer)
		return err_oom(err);
	if (fstat(from, &st) < 0) {
		r = copy_failed(&k, "looking at");
	} else {
		k.dev = st.st_dev;
		helper_progress(0);
		k.all_bytes = weigh(from, 100);
		r = copy_entries(&k, from, to);
		if (r == 0)
			r = copy_facts(&k, from, to, &st);
	}
	HASH_ITER(hh, k.links, l, next) {
		HASH_DEL(k.links, l);
		free(l);
	}
	free(k.buffer);
	return r;
}

/*
 * Erasing
 */

static int erase(int dir, const char *name, char *first, size_t room)
{
	AUTO(auto_fd) int below = -1;
	AUTO(auto_dir) DIR *d = NULL;
	struct dirent *e;
	int r = 0;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != EACCES)
		goto failed;
	below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
		       O_NOFOLLOW);
	if (below < 0 && errno == ENOENT)
		return 0;
	d = below < 0 ? NULL : nfs_stream(below);
	while (r == 0 && d && (e = readdir(d)))
		if (!is_dot(e->d_name))
			r = erase(below, e->d_name, first, room);
	if (r < 0)
		return r;
	if (d && (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT))
		return 0;
failed:
	r = -errno;
	snprintf(first, room, "%s", name);
	return r;
}

int nfs_erase(int dir, const char *name, struct err *err)
{
	char which[NAME_BYTES_MAX + 1] = "";
	int r;

	many_descriptors();
	/* Entries that come while it is emptied: once more. */
	r = erase(dir, name, which, sizeof(which));
	if (r == -ENOTEMPTY)
		r = erase(dir, name, which, sizeof(which));
	return r < 0 ? nfs_fail(err, -r, "removing '%s' of '%s'", which, name)
		     : 0;
}
