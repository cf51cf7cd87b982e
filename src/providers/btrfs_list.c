/* SPDX-License-Identifier: Apache-2.0 */
/* Listing a home of the btrfs driver, and sweeping what crashes left there. */
#include "providers/btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "base/parse.h"

/* ---- telling ---- */

static int add_to(struct json_object *reply, const char *list,
		  struct json_object *o, struct err *err)
{
	struct json_object *array;

	if (!json_object_object_get_ex(reply, list, &array)) {
		array = json_object_new_array();
		if (!array || json_object_object_add(reply, list, array) < 0) {
			json_object_put(array);
			json_object_put(o);
			return err_oom(err);
		}
	}
	if (json_object_array_add(array, o) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	return 0;
}

/* A copy of the record, or what stands for one. NULL: no memory. */
static struct json_object *object_of(const struct thing *t)
{
	struct json_object *o = NULL;

	if (t->record)
		return json_object_deep_copy(t->record, &o, NULL) < 0 ? NULL
								      : o;
	o = json_object_new_object();
	if (o && (json_add_string(o, "id", t->sv.uuid) < 0 ||
		  json_add_i64(o, "created_at_s", t->sv.created_at_s) < 0 ||
		  json_add_bool(o, "managed", false) < 0)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static bool is_empty(int fd)
{
	int copy = btrfs_open_at(fd, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			return false;
	return d != NULL;
}

int btrfs_tell_volume(struct home *h, const struct thing *t,
		      struct json_object *reply, struct err *err)
{
	struct json_object *o = object_of(t);
	struct json_object *blank;
	uint64_t limit = 0, used;
	bool inconsistent = false;

	if (!o)
		return err_oom(err);
	if (h->quota != QUOTA_OFF &&
	    btrfs_quota_mode(h->fsid, &inconsistent) != QUOTA_OFF)
		btrfs_limit_get(h->fsid, t->sv.number, &limit, &used);
	if (json_add_string(o, "name", t->name) < 0 ||
	    json_add_string(o, "uuid", t->sv.uuid) < 0 ||
	    json_add_i64(o, "number", (int64_t)t->sv.number) < 0 ||
	    json_add_i64(o, "limit_bytes", (int64_t)limit) < 0 ||
	    json_add_string(o, "quota", btrfs_quota_words[h->quota]) < 0 ||
	    json_add_bool(o, "inconsistent", inconsistent) < 0 ||
	    json_add_bool(o, "read_only", t->sv.read_only) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	/* The mark does not say so of what was put there behind volfs. */
	if (json_object_object_get_ex(o, "blank", &blank) &&
	    json_object_get_boolean(blank) && !is_empty(t->fd))
		json_object_set_boolean(blank, false);
	return add_to(reply, "volumes", o, err);
}

int btrfs_tell_snapshot(struct home *h, const struct thing *t,
			const char *volume, struct json_object *reply,
			struct err *err)
{
	struct json_object *o = object_of(t);

	if (!o)
		return err_oom(err);
	if (json_add_string(o, "name", t->name) < 0 ||
	    (!t->record && json_add_string(o, "volume", volume) < 0)) {
		json_object_put(o);
		return err_oom(err);
	}
	return add_to(reply, "snapshots", o, err);
}

/* ---- all of them ---- */

/* A record, by the uuid of the subvolume it is of; a volume, by its name. */
struct entry {
	char key[256];
	char id[BTRFS_ID_MAX + 1];
	struct json_object *record;  /* a reference, or NULL */
	UT_hash_handle hh;
};

struct listing {
	struct home *h;
	struct json_object *reply;
	const char *only;            /* a volume's id, or NULL */
	bool found;
	struct entry *volumes, *snapshots, *names;
	struct entry *damaged;       /* volumes, by id; the record is the reason,
				      * as a text */
};

static int entry_add(struct entry **table, const char *key, const char *id,
		     struct json_object *record)
{
	struct entry *e;

	HASH_FIND_STR(*table, key, e);
	if (e)
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	snprintf(e->key, sizeof(e->key), "%s", key);
	snprintf(e->id, sizeof(e->id), "%s", id);
	e->record = record ? json_object_get(record) : NULL;
	HASH_ADD_STR(*table, key, e);
	return 0;
}

static void entries_done(struct entry **table)
{
	struct entry *e, *next;

	HASH_ITER(hh, *table, e, next) {
		HASH_DEL(*table, e);
		json_object_put(e->record);
		free(e);
	}
}

static int note_record(struct entry **table, const char *id,
		       struct json_object *o, struct err *err)
{
	static const char *const keys[] = { "uuid", "next_uuid" };
	const char *uuid;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_opt_string(o, keys[i], NULL, &uuid, err) < 0 ||
		    (uuid && entry_add(table, uuid, id, o) < 0))
			return err_oom(err);
	return 0;
}

static int tell_damaged(struct listing *l, const char *id, const char *name,
			const char *why, struct err *err)
{
	struct json_object *o = json_object_new_object();

	if (!o || json_add_string(o, "id", id) < 0 ||
	    json_add_string(o, "name", name) < 0 ||
	    json_add_bool(o, "managed", true) < 0 ||
	    json_add_string(o, "damaged", why) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	l->found |= l->only && !strcmp(l->only, id);
	return add_to(l->reply, "volumes", o, err);
}

/* The record of a volume cannot be read: it is not gone for that. */
static int note_damaged(struct listing *l, const char *id, const char *why,
			struct err *err)
{
	AUTO(auto_json) struct json_object *text = json_object_new_string(why);

	if (!text || entry_add(&l->damaged, id, id, text) < 0)
		return err_oom(err);
	return 0;
}

static int load(struct listing *l, int dir, struct entry **table,
		struct err *err)
{
	int copy = dir < 0 ? -1 : btrfs_open_at(dir, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = 0;

	if (dir >= 0 && !d)
		return btrfs_fail(err, errno, "listing " BTRFS_RECORDS);
	while (r == 0 && d && (e = readdir(d))) {
		AUTO(auto_json) struct json_object *o = NULL;
		char *dot = strrchr(e->d_name, '.');
		struct err why = ERR_INIT;

		if (!dot || strcmp(dot, ".json") != 0)
			continue;
		*dot = '\0';
		if (!btrfs_id_is_sound(e->d_name))
			continue;
		r = btrfs_record_read(dir, e->d_name, &o, &why);
		if (r == 0)
			r = note_record(table, e->d_name, o, err);
		else if (r == -ENOENT)
			r = 0;          /* removed this instant */
		else if (r != -EUCLEAN && err)
			*err = why;
		else
			r = dir == l->h->volumes
				    ? note_damaged(l, e->d_name, why.text, err)
				    : 0;
	}
	return r;
}

/* Something else is mounted over an entry: it is there all the same. */
static int mounted_over(struct listing *l, const char *name, struct err *err)
{
	struct entry *e, *next;
	const char *dir;

	HASH_ITER(hh, l->volumes, e, next)
		if (json_opt_string(e->record, "dir", NULL, &dir, err) == 0 &&
		    dir && !strcmp(dir, name) &&
		    (!l->only || !strcmp(l->only, e->id)))
			return tell_damaged(l, e->id, name, "something else is mounted over its subvolume: unmount that",
					    err);
	return 0;
}

/* Tells it, under the name that its subvolume has, if that is known. */
static int damaged_entry(struct listing *l, struct entry *e, const char *name,
			 struct err *err)
{
	int r = 0;

	if (!l->only || !strcmp(l->only, e->id))
		r = tell_damaged(l, e->id, name,
				 json_object_get_string(e->record), err);
	HASH_DEL(l->damaged, e);
	json_object_put(e->record);
	free(e);
	return r;
}

static int volume_entry(struct listing *l, const char *name, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	struct entry *e;
	const char *id;

	t.fd = btrfs_open_subvolume(l->h->fd, name, &t.sv);
	if (t.fd == -EXDEV)
		return mounted_over(l, name, err);
	if (t.fd == -ENOTDIR || t.fd == -ELOOP || t.fd == -ENOENT)
		return 0;
	if (t.fd < 0)
		return btrfs_fail(err, -t.fd, "looking at '%s' in '%s'", name,
				  l->h->path);
	snprintf(t.name, sizeof(t.name), "%s", name);
	/* What was taken over has its uuid for an id. */
	HASH_FIND_STR(l->damaged, t.sv.uuid, e);
	if (e)
		return damaged_entry(l, e, name, err);
	HASH_FIND_STR(l->volumes, t.sv.uuid, e);
	if (e)
		t.record = json_object_get(e->record);
	id = e ? e->id : t.sv.uuid;
	if (entry_add(&l->names, name, id, NULL) < 0)
		return err_oom(err);
	if (l->only && strcmp(l->only, id) != 0)
		return 0;
	l->found = true;
	return btrfs_tell_volume(l->h, &t, l->reply, err);
}

static int snapshot_entry(struct listing *l, int dir, const char *name,
			  const char *volume, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	const char *of = volume;
	struct entry *e;

	t.fd = btrfs_open_subvolume(dir, name, &t.sv);
	if (t.fd == -EXDEV || t.fd == -ENOTDIR || t.fd == -ELOOP ||
	    t.fd == -ENOENT)
		return 0;
	if (t.fd < 0)
		return btrfs_fail(err, -t.fd, "looking at the snapshot '%s'",
				  name);
	snprintf(t.name, sizeof(t.name), "%s", name);
	HASH_FIND_STR(l->snapshots, t.sv.uuid, e);
	if (e) {
		t.record = json_object_get(e->record);
		if (json_opt_string(e->record, "volume", NULL, &of, err) < 0)
			return -err->num;
	}
	if (l->only && (!of || strcmp(l->only, of) != 0))
		return 0;
	return btrfs_tell_snapshot(l->h, &t, volume, l->reply, err);
}

/* Calls @each for the entries of @fd, but those with a dot in front. */
static int each_entry(struct listing *l, int fd,
		      int (*each)(struct listing *l, int fd, const char *name,
				  struct err *err), struct err *err)
{
	int copy = btrfs_open_at(fd, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = 0;

	if (!d)
		return btrfs_fail(err, errno, "listing '%s'", l->h->path);
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (e->d_name[0] != '.' &&
		    (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
			r = each(l, fd, e->d_name, err);
	return r == 0 && errno ? btrfs_fail(err, errno, "listing '%s'",
					    l->h->path) : r;
}

static int each_volume(struct listing *l, int fd, const char *name,
		       struct err *err)
{
	return volume_entry(l, name, err);
}

static int snapshots_in(struct listing *l, int all, const char *name,
			struct err *err)
{
	AUTO(auto_fd) int fd = btrfs_open_at(all, name);
	int copy = fd < 0 ? -1 : btrfs_open_at(fd, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct entry *volume;
	struct dirent *e;
	int r = 0;

	HASH_FIND_STR(l->names, name, volume);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EXDEV)
		return 0;
	if (!d)
		return btrfs_fail(err, fd < 0 ? -fd : errno,
				  "listing the snapshots of '%s'", name);
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (e->d_name[0] != '.')
			r = snapshot_entry(l, fd, e->d_name,
					   volume ? volume->id : NULL, err);
	return r == 0 && errno ? btrfs_fail(err, errno,
					    "listing the snapshots of '%s'",
					    name) : r;
}

int btrfs_list_all(struct home *h, const char *id, struct json_object *reply,
		   struct err *err)
{
	struct listing l = { .h = h, .reply = reply, .only = id };
	AUTO(auto_fd) int all = btrfs_open_at(h->fd, BTRFS_SNAPSHOTS);
	int r = 0;

	if (all < 0 && all != -ENOENT)
		return btrfs_fail(err, -all, "opening '" BTRFS_SNAPSHOTS
				  "' in '%s'", h->path);
	r = load(&l, h->volumes, &l.volumes, err);
	if (r == 0)
		r = load(&l, h->snapshots, &l.snapshots, err);
	if (r == 0)
		r = each_entry(&l, h->fd, each_volume, err);
	while (r == 0 && l.damaged)
		r = damaged_entry(&l, l.damaged, NULL, err);
	if (r == 0 && all >= 0)
		r = each_entry(&l, all, snapshots_in, err);
	entries_done(&l.volumes);
	entries_done(&l.snapshots);
	entries_done(&l.names);
	entries_done(&l.damaged);
	if (r == 0 && id && !l.found)
		return err_set(err, ENOENT, "'%s' has no volume of the id '%.80s'",
			       h->path, id);
	return r;
}

/* ---- sweeping ---- */

/* Deletes the unfinished subvolumes in @fd. */
static void sweep_fresh(struct home *h, int fd)
{
	int copy = btrfs_open_at(fd, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, BTRFS_NEW, strlen(BTRFS_NEW)))
			btrfs_drop_fresh(h, fd, e->d_name, NULL);
}

static void sweep_snapshots(struct home *h)
{
	AUTO(auto_fd) int all = btrfs_open_at(h->fd, BTRFS_SNAPSHOTS);
	int copy = all < 0 ? -1 : btrfs_open_at(all, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		AUTO(auto_fd) int fd = -1;

		if (e->d_name[0] == '.')
			continue;
		fd = btrfs_open_at(all, e->d_name);
		if (fd < 0)
			continue;
		sweep_fresh(h, fd);
		unlinkat(all, e->d_name, AT_REMOVEDIR); /* if it is empty */
	}
}

/* Records of what no longer is anywhere on the file system. */
static void sweep_records(struct home *h, int dir)
{
	int copy = dir < 0 ? -1 : btrfs_open_at(dir, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		AUTO(auto_json) struct json_object *o = NULL;
		char *dot = strrchr(e->d_name, '.');
		uint64_t number, next;

		if (dot && !strcmp(dot, ".new"))
			unlinkat(dir, e->d_name, 0);
		if (!dot || strcmp(dot, ".json") != 0)
			continue;
		*dot = '\0';
		if (btrfs_record_read(dir, e->d_name, &o, NULL) < 0 ||
		    json_opt_size(o, "number", 0, &number, NULL) < 0 ||
		    json_opt_size(o, "next_number", 0, &next, NULL) < 0 ||
		    !number || btrfs_exists(h->fd, number) ||
		    (next && btrfs_exists(h->fd, next)))
			continue;
		btrfs_record_remove(dir, e->d_name);
	}
}

/* Quota groups of deleted subvolumes. The kernel keeps them while it is still
 * cleaning up, and in simple mode while a clone uses their blocks. */
static void sweep_groups(struct home *h)
{
	int copy = h->groups < 0 ? -1 : btrfs_open_at(h->groups, ".");
	AUTO(auto_dir) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	uint64_t number;

	while (d && (e = readdir(d))) {
		if (parse_u64(e->d_name, strlen(e->d_name), &number,
			      NULL) < 0 || btrfs_exists(h->fd, number))
			continue;
		if (btrfs_group_remove(h->fd, number) != -EBUSY)
			unlinkat(h->groups, e->d_name, 0);
	}
}

void btrfs_sweep(struct home *h)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (h->records < 0)
		return;
	if (h->lock < 0)
		h->lock = openat(h->records, "lock", O_RDWR | O_CREAT |
				 O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->lock < 0 || fcntl(h->lock, F_OFD_SETLK, &all) < 0)
		return;
	sweep_fresh(h, h->fd);
	sweep_snapshots(h);
	sweep_records(h, h->volumes);
	sweep_records(h, h->snapshots);
	sweep_groups(h);
	all.l_type = F_UNLCK;
	fcntl(h->lock, F_OFD_SETLK, &all);
}
