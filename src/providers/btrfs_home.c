/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOME as the helpers of the btrfs driver see it: that it is the right one, the
 * records, finding, and who works on what. See btrfs.h for what lies where.
 */
#include "providers/btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"

#define RECORD_MAX (1024 * 1024)  /* bytes, tags and all */
#define LOCK_TRIES 6000           /* of 10 ms each */

/* ---- the directory ---- */

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void btrfs_home_done(struct home *h)
{
	close_one(&h->fd);
	close_one(&h->records);
	close_one(&h->volumes);
	close_one(&h->snapshots);
	close_one(&h->groups);
	close_one(&h->lock);
}

/* Opens @name in @parent, and makes it first if @make: -1 where it is not
 * there, which is no failure. */
static int part_open(struct home *h, int parent, const char *name, bool make,
		     int *out, struct err *err)
{
	if (make && mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return btrfs_fail(err, errno, "making '%s' in '%s'", name,
				  h->path);
	*out = btrfs_open_at(parent, name);
	if (*out == -ENOENT && !make)
		*out = -1;
	else if (*out < 0)
		return btrfs_fail(err, -*out, "opening '%s' in '%s'", name,
				  h->path);
	return 0;
}

static int parts_open(struct home *h, bool make, struct err *err)
{
	int r = part_open(h, h->fd, BTRFS_RECORDS, make, &h->records, err);

	if (r < 0 || h->records < 0)
		return r;
	if (part_open(h, h->records, "volumes", make, &h->volumes, err) < 0 ||
	    part_open(h, h->records, "snapshots", make, &h->snapshots,
		      err) < 0 ||
	    part_open(h, h->records, "groups", make, &h->groups, err) < 0)
		return -err->num;
	return 0;
}

static void fsid_text(const uint8_t *u, char out[BTRFS_UUID_ROOM])
{
	snprintf(out, BTRFS_UUID_ROOM,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* Which directory it is, so that an empty mount point is not taken for a home
 * without volumes. */
static int identify(struct home *h, char *out, size_t room, struct err *err)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	struct btrfs_ioctl_fs_info_args fs = { 0 };
	struct statfs st;
	struct stat dir;

	if (fstatfs(h->fd, &st) < 0 || fstat(h->fd, &dir) < 0)
		return btrfs_fail(err, errno, "looking at '%s'", h->path);
	if (st.f_type != BTRFS_SUPER_MAGIC)
		return err_set(err, EHOSTUNREACH, "'%s' is not on a btrfs file system: is that mounted? (home: the directory on it that holds the volumes)",
			       h->path);
	if (ioctl(h->fd, BTRFS_IOC_FS_INFO, &fs) < 0 ||
	    ioctl(h->fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return btrfs_fail(err, errno, "asking btrfs about '%s'",
				  h->path);
	fsid_text(fs.fsid, h->fsid);
	snprintf(out, room, "%s/%llu/%llu", h->fsid,
		 (unsigned long long)info.treeid,
		 (unsigned long long)dir.st_ino);
	return 0;
}

static int quota_parse(struct home *h, const char *word, struct err *err)
{
	int i;

	for (i = QUOTA_OFF; i <= QUOTA_CLASSIC; i++)
		if (!strcmp(btrfs_quota_words[i], word)) {
			h->quota = (enum btrfs_quota)i;
			return 0;
		}
	return err_set(err, EINVAL, "quota '%s' is none of off, simple and classic",
		       word);
}

static int tell_space(struct home *h, const char *identity,
		      struct json_object *reply, struct err *err)
{
	struct statfs st;

	if (fstatfs(h->fd, &st) < 0)
		return btrfs_fail(err, errno, "looking at '%s'", h->path);
	if (json_add_string(reply, "identity", identity) < 0 ||
	    json_add_string(reply, "fsid", h->fsid) < 0 ||
	    json_add_i64(reply, "total_bytes",
			 (int64_t)(st.f_blocks * (uint64_t)st.f_bsize)) < 0 ||
	    json_add_i64(reply, "available_bytes",
			 (int64_t)(st.f_bavail * (uint64_t)st.f_bsize)) < 0)
		return err_oom(err);
	return 0;
}

int btrfs_home_open(struct home *h, struct json_object *request, bool write,
		    struct json_object *reply, struct err *err)
{
	const char *quota, *expect, *note;
	char identity[96];

	if (json_get_string(request, "home", &h->path, err) < 0 ||
	    json_get_string(request, "quota", &quota, err) < 0 ||
	    json_opt_string(request, "expect", NULL, &expect, err) < 0 ||
	    json_opt_string(request, "note", "", &note, err) < 0 ||
	    quota_parse(h, quota, err) < 0)
		return -err->num;
	h->fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, EHOSTUNREACH, "'%s' is not there, or no directory: is its file system mounted? (home: an existing directory on btrfs)",
			       h->path);
	if (h->fd < 0)
		return btrfs_fail(err, errno, "opening '%s'", h->path);
	if (identify(h, identity, sizeof(identity), err) < 0)
		return -err->num;
	if (expect && strcmp(expect, identity) != 0)
		return err_set(err, EHOSTUNREACH, "'%s' is another directory than it was: is its file system mounted? If it was moved or made anew on purpose, remove '%s' and reload [%s, before %s]",
			       h->path, note, identity, expect);
	if (tell_space(h, identity, reply, err) < 0)
		return -err->num;
	return parts_open(h, write, err);
}

/* ---- who works on what ---- */

static uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static int lock_file(struct home *h)
{
	if (h->lock < 0)
		h->lock = openat(h->records, "lock", O_RDWR | O_CREAT |
				 O_CLOEXEC | O_NOFOLLOW, 0600);
	return h->lock < 0 ? -errno : 0;
}

int btrfs_home_lock(struct home *h, const char *id, struct err *err)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			       .l_len = 1 };
	const struct timespec pause = { .tv_nsec = 10000000 };
	int i, r = lock_file(h);

	if (r < 0)
		return btrfs_fail(err, -r, "opening the lock of '%s'",
				  h->path);
	range.l_start = (off_t)(hash_text(id) >> 2);
	for (i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(h->lock, F_OFD_SETLK, &range) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return btrfs_fail(err, errno, "locking in '%s'",
					  h->path);
		nanosleep(&pause, NULL);
	}
	return err_set(err, EBUSY, "another process has been at work on '%s' for a minute, perhaps the helper of a volfsd that has ended: see who has '%s/" BTRFS_RECORDS "/lock' open",
		       id, h->path);
}

/* ---- records ---- */

int btrfs_record_read(int dir, const char *id, struct json_object **out,
		      struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(RECORD_MAX);
	AUTO(auto_json) struct json_object *o = NULL;
	AUTO(auto_fd) int fd = -1;
	char name[BTRFS_ID_MAX + 8];
	int r;

	if (dir < 0 || !btrfs_id_is_sound(id))
		return err_set(err, ENOENT, "there is nothing of the id '%.80s'",
			       id);
	snprintf(name, sizeof(name), "%s.json", id);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "there is nothing of the id '%s'",
			       id);
	r = fd < 0 ? -errno : file_read_all(fd, &text);
	if (r < 0)
		return btrfs_fail(err, -r, "reading '%s'", name);
	if (btrfs_json(buf_str(&text), text.len, "it", &o, err) < 0 ||
	    btrfs_record_check(o, err) < 0) {
		err_wrap(err, "'%s' of " BTRFS_RECORDS " is damaged", name);
		if (err)
			err->num = EUCLEAN;
		return -EUCLEAN;
	}
	*out = STEAL(o);
	return 0;
}

int btrfs_record_write(int dir, const char *id, struct json_object *o,
		       struct err *err)
{
	char name[BTRFS_ID_MAX + 8], fresh[BTRFS_ID_MAX + 8];
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		   JSON_C_TO_STRING_NOSLASHESCAPE);
	AUTO(auto_fd) int fd = -1;
	int r = 0;

	if (!text)
		return err_oom(err);
	if (strlen(text) > RECORD_MAX)
		return err_set(err, EINVAL, "the tags take more than the %d bytes that are kept of a volume",
			       RECORD_MAX);
	snprintf(name, sizeof(name), "%s.json", id);
	snprintf(fresh, sizeof(fresh), "%s.new", id);
	unlinkat(dir, fresh, 0);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	if (fd < 0)
		r = -errno;
	if (r == 0)
		r = file_write_all(fd, text, strlen(text));
	if (r == 0)
		r = file_write_all(fd, "\n", 1);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	FAULT_POINT("btrfs.record.written");
	if (r == 0 && renameat(dir, fresh, dir, name) < 0)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(dir, fresh, 0);
	return btrfs_fail(err, -r, "writing '%s' in " BTRFS_RECORDS, name);
}

void btrfs_record_remove(int dir, const char *id)
{
	char name[BTRFS_ID_MAX + 8];

	snprintf(name, sizeof(name), "%s.json", id);
	unlinkat(dir, name, 0);
}

/* ---- finding ---- */

void btrfs_thing_done(struct thing *t)
{
	json_object_put(t->record);
	t->record = NULL;
	close_one(&t->fd);
	close_one(&t->parent);
}

static const char *text_of(struct json_object *o, const char *key)
{
	const char *text = NULL;

	if (json_opt_string(o, key, NULL, &text, NULL) < 0)
		return NULL;
	return text;
}

/* Is it the record's subvolume? A restore that was cut short may have come to
 * its end or not. */
static bool is_of(struct json_object *record, const struct subvolume *sv)
{
	const char *uuid = text_of(record, "uuid");
	const char *next = text_of(record, "next_uuid");

	return (uuid && !strcmp(uuid, sv->uuid)) ||
	       (next && !strcmp(next, sv->uuid));
}

/* Does another record say that it is its subvolume? */
static bool is_claimed(int records, const struct subvolume *sv)
{
	AUTO(auto_dir) DIR *d = NULL;
	int copy = records < 0 ? -1 : btrfs_open_at(records, ".");
	struct dirent *e;

	d = copy < 0 ? NULL : fdopendir(copy);
	while (d && (e = readdir(d))) {
		AUTO(auto_json) struct json_object *o = NULL;
		char *dot = strstr(e->d_name, ".json");

		if (!dot)
			continue;
		*dot = '\0';
		if (btrfs_record_read(records, e->d_name, &o, NULL) == 0 &&
		    is_of(o, sv))
			return true;
	}
	return false;
}

/* Takes the entry @name of @parent if it is what is looked for. */
static bool thing_is(struct thing *t, int parent, const char *name,
		     const char *id)
{
	AUTO(auto_fd) int fd = btrfs_open_subvolume(parent, name, &t->sv);

	if (fd < 0 || (t->record ? !is_of(t->record, &t->sv)
				 : strcmp(id, t->sv.uuid) != 0))
		return false;
	t->fd = STEAL_FD(fd);
	t->parent = btrfs_open_at(parent, ".");
	snprintf(t->name, sizeof(t->name), "%s", name);
	return true;
}

static bool thing_in(struct thing *t, int parent, const char *id)
{
	int copy = btrfs_open_at(parent, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && thing_is(t, parent, e->d_name, id))
			return true;
	return false;
}

static int find_fail(struct home *h, struct thing *t, const char *what,
		     const char *id, struct err *err)
{
	btrfs_thing_done(t);
	return err_set(err, ENOENT, "'%s' has no %s of the id '%.80s'",
		       h->path, what, id);
}

int btrfs_find_volume(struct home *h, const char *id, struct thing *out,
		      struct err *err)
{
	int r = btrfs_record_read(h->volumes, id, &out->record, err);
	const char *dir;

	if (r < 0 && r != -ENOENT)
		return r;
	dir = out->record ? text_of(out->record, "dir") : NULL;
	if ((dir && *dir != '.' && thing_is(out, h->fd, dir, id)) ||
	    thing_in(out, h->fd, id)) {
		if (out->record || !is_claimed(h->volumes, &out->sv))
			return 0;
	}
	return find_fail(h, out, "volume", id, err);
}

int btrfs_find_snapshot(struct home *h, const char *id, struct thing *out,
			struct err *err)
{
	AUTO(auto_fd) int all = btrfs_open_at(h->fd, BTRFS_SNAPSHOTS);
	AUTO(auto_dir) DIR *d = NULL;
	const char *dir, *entry;
	int copy, r = btrfs_record_read(h->snapshots, id, &out->record, err);
	struct dirent *e;

	if (r < 0 && r != -ENOENT)
		return r;
	if (all < 0)
		return find_fail(h, out, "snapshot", id, err);
	dir = out->record ? text_of(out->record, "dir") : NULL;
	entry = out->record ? text_of(out->record, "entry") : NULL;
	if (dir && entry && *dir != '.' && *entry != '.') {
		AUTO(auto_fd) int in = btrfs_open_at(all, dir);

		snprintf(out->dir, sizeof(out->dir), "%s", dir);
		if (in >= 0 && thing_is(out, in, entry, id))
			return 0;
	}
	copy = btrfs_open_at(all, ".");
	d = copy < 0 ? NULL : fdopendir(copy);
	while (d && (e = readdir(d))) {
		AUTO(auto_fd) int in = -1;

		if (e->d_name[0] == '.')
			continue;
		in = btrfs_open_at(all, e->d_name);
		snprintf(out->dir, sizeof(out->dir), "%s", e->d_name);
		if (in >= 0 && thing_in(out, in, id) &&
		    (out->record || !is_claimed(h->snapshots, &out->sv)))
			return 0;
	}
	return find_fail(h, out, "snapshot", id, err);
}

/* ---- going ---- */

int btrfs_drop(struct home *h, int parent, const char *name,
	       const struct subvolume *sv, struct err *err)
{
	char number[32];
	bool inconsistent;
	int fd, r;

	/* Its quota group cannot go before it, and in simple mode not before
	 * the last clone that shares its blocks. */
	if (h->groups >= 0 && btrfs_quota_mode(h->fsid, &inconsistent)) {
		snprintf(number, sizeof(number), "%" PRIu64, sv->number);
		fd = openat(h->groups, number, O_WRONLY | O_CREAT | O_CLOEXEC |
			    O_NOFOLLOW, 0600);
		if (fd >= 0)
			close(fd);
	}
	r = btrfs_destroy(parent, sv->number);
	if (r == -EPERM)
		return err_set(err, EBUSY, "deleting '%s': btrfs does not allow it; it has an active swap file, or it is the default subvolume [EPERM]",
			       name);
	if (r == -EBUSY)
		return err_set(err, EBUSY, "deleting '%s': a 'btrfs send' of it is running [EBUSY]",
			       name);
	return r < 0 && r != -ENOENT
		       ? btrfs_fail(err, -r, "deleting '%s'", name) : 0;
}

int btrfs_drop_fresh(struct home *h, int parent, const char *fresh,
		     struct err *err)
{
	struct subvolume sv;
	AUTO(auto_fd) int fd = btrfs_open_subvolume(parent, fresh, &sv);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return btrfs_fail(err, -fd, "looking at '%s' in '%s'", fresh,
				  h->path);
	return btrfs_drop(h, parent, fresh, &sv, err);
}
