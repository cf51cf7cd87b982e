/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helpers of the btrfs driver do: one operation each, from a request
 * in JSON. Repeated with the same token or id, each finds how far it came.
 */
#include "providers/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/host/helper.h"

#define PATH_ROOM 1024           /* of a subvolume to be imported */

struct work {
	struct home *h;
	struct json_object *request, *reply;
};

/* ---- small parts ---- */

static int get(const struct work *w, const char *key, const char **out,
	       struct err *err)
{
	return json_get_string(w->request, key, out, err);
}

/* A subvolume within it would be missing from a copy, and hold up a removal. */
static int check_nested(int fd, const char *doing, const char *name, int num,
			struct err *err)
{
	AUTO(auto_buf) struct buf who = BUF_INIT(300);
	int n = btrfs_nested(fd, &who);

	if (n < 0)
		return btrfs_fail(err, -n, "looking for subvolumes in '%s'",
				  name);
	if (n == 0)
		return 0;
	return err_set(err, num, "%s '%s': it holds subvolumes of its own, %s, which no snapshot takes along: delete them first ('btrfs subvolume delete')",
		       doing, name, buf_str(&who));
}

static int set_limit(const struct work *w, const struct subvolume *sv,
		     uint64_t bytes, struct err *err)
{
	struct home *h = w->h;
	enum btrfs_quota now;
	bool inconsistent;
	int r = 0;

	if (h->quota == QUOTA_OFF || !bytes)
		return 0;
	now = btrfs_quota_mode(h->fsid, &inconsistent);
	if (now == QUOTA_OFF) {
		r = btrfs_quota_enable(h->fd, h->quota);
		if (r == -EINVAL && h->quota == QUOTA_SIMPLE)
			return err_set(err, EINVAL, "quota: simple: this kernel has no simple quotas (Linux 6.7 has), or '%s' is read-only: say quota: classic",
				       h->path);
		now = h->quota;
	}
	if (r < 0)
		return btrfs_fail(err, -r, "turning on quotas for '%s'",
				  h->path);
	if (now != h->quota)
		return err_set(err, EINVAL, "quota: %s cannot be had, since the file system of '%s' counts in the way 'quota: %s' names: say that",
			       btrfs_quota_words[h->quota], h->path,
			       btrfs_quota_words[now]);
	r = btrfs_limit_set(h->fd, sv->number, bytes);
	return r < 0 ? btrfs_fail(err, -r, "setting the size") : 0;
}

/* The record of @t, or a new one for what is somebody's own. */
static int record_of(struct thing *t, struct err *err)
{
	if (t->record)
		return 0;
	t->record = json_object_new_object();
	if (!t->record || json_add_i64(t->record, "schema", 1) < 0 ||
	    json_add_string(t->record, "id", t->sv.uuid) < 0 ||
	    json_add_string(t->record, "source", "import") < 0 ||
	    json_add_string(t->record, "uuid", t->sv.uuid) < 0 ||
	    json_add_i64(t->record, "number", (int64_t)t->sv.number) < 0 ||
	    json_add_i64(t->record, "created_at_s", t->sv.created_at_s) < 0 ||
	    json_add_bool(t->record, "managed", false) < 0 ||
	    json_add_bool(t->record, "blank", false) < 0)
		return err_oom(err);
	return 0;
}

static int done(const struct work *w, struct err *err)
{
	int r = btrfs_commit(w->h->fd);

	return r < 0 ? btrfs_fail(err, -r, "writing '%s' to its medium",
				  w->h->path) : 0;
}

/* The volume of the request, locked. */
static int the_volume(const struct work *w, struct thing *t, struct err *err)
{
	const char *id;

	if (get(w, "id", &id, err) < 0 || btrfs_home_lock(w->h, id, err) < 0)
		return -err->num;
	return btrfs_find_volume(w->h, id, t, err);
}

static int tell(const struct work *w, const struct thing *t, struct err *err)
{
	return btrfs_tell_volume(w->h, t, w->reply, err);
}

/* ---- making a volume ---- */

struct making {
	const struct work *w;
	const char *name, *token;
	char id[BTRFS_ID_MAX + 1], fresh[BTRFS_ID_MAX + 16];
	struct thing source;         /* fd -1: from nothing */
	enum source_kind kind;
	struct thing made;
};

static int find_source(struct making *m, struct err *err)
{
	const char *snapshot, *volume;

	if (json_opt_string(m->w->request, "from_snapshot", NULL, &snapshot,
			    err) < 0 ||
	    json_opt_string(m->w->request, "from_volume", NULL, &volume,
			    err) < 0)
		return -err->num;
	m->kind = snapshot ? SOURCE_SNAPSHOT : volume ? SOURCE_VOLUME
						      : SOURCE_NONE;
	if (snapshot)
		return btrfs_find_snapshot(m->w->h, snapshot, &m->source, err);
	if (!volume)
		return 0;
	if (btrfs_find_volume(m->w->h, volume, &m->source, err) < 0)
		return -err->num;
	return check_nested(m->source.fd, "copying", m->source.name, EINVAL,
			    err);
}

/* The subvolume, under a name that nothing lists. */
static int make_subvolume(struct making *m, struct err *err)
{
	struct home *h = m->w->h;
	uint64_t size;
	int r = btrfs_drop_fresh(h, h->fd, m->fresh, err);

	if (r < 0 || json_opt_size(m->w->request, "size_bytes", 0, &size,
				   err) < 0)
		return -err->num;
	r = m->source.fd >= 0 ? btrfs_copy(h->fd, m->fresh, m->source.fd, false)
			      : btrfs_make(h->fd, m->fresh);
	if (r < 0)
		return btrfs_fail(err, -r, "making a subvolume in '%s'",
				  h->path);
	FAULT_POINT("btrfs.create.made");
	m->made.fd = btrfs_open_subvolume(h->fd, m->fresh, &m->made.sv);
	if (m->made.fd < 0)
		return btrfs_fail(err, -m->made.fd, "opening '%s'", m->fresh);
	if (m->source.fd < 0 && fchmod(m->made.fd, 0755) < 0)
		return btrfs_fail(err, errno, "setting the mode of '%s'",
				  m->fresh);
	return set_limit(m->w, &m->made.sv, size, err);
}

static int make_record(struct making *m, struct err *err)
{
	struct json_object *tags, *o = json_object_new_object();
	const struct work *w = m->w;
	const char *source_id, *source_name;
	bool blank;

	if (json_opt_string(w->request, "source_id", NULL, &source_id,
			    err) < 0 ||
	    json_opt_string(w->request, "source_name", NULL, &source_name,
			    err) < 0 ||
	    json_opt_bool(w->request, "blank", false, &blank, err) < 0) {
		json_object_put(o);
		return -err->num;
	}
	m->made.record = o;
	if (!o || json_add_i64(o, "schema", 1) < 0 ||
	    json_add_string(o, "id", m->id) < 0 ||
	    json_add_string(o, "token", m->token) < 0 ||
	    json_add_string(o, "uuid", m->made.sv.uuid) < 0 ||
	    json_add_i64(o, "number", (int64_t)m->made.sv.number) < 0 ||
	    json_add_string(o, "dir", m->name) < 0 ||
	    json_add_i64(o, "created_at_s", clock_unix_s()) < 0 ||
	    json_add_bool(o, "managed", true) < 0 ||
	    json_add_bool(o, "blank", blank) < 0 ||
	    json_add_string(o, "source",
			    m->kind == SOURCE_SNAPSHOT ? "snapshot"
			    : m->kind == SOURCE_VOLUME ? "volume"
						       : NULL) < 0 ||
	    json_add_string(o, "source_id", source_id) < 0 ||
	    json_add_string(o, "source_name", source_name) < 0)
		return err_oom(err);
	if (json_object_object_get_ex(w->request, "tags", &tags) &&
	    json_object_object_add(o, "tags", json_object_get(tags)) < 0)
		return err_oom(err);
	return btrfs_record_write(w->h->volumes, m->id, o, err);
}

static int make_new(struct making *m, struct err *err)
{
	struct home *h = m->w->h;
	int r = find_source(m, err);

	if (r < 0)
		return r;
	r = make_subvolume(m, err);
	if (r == 0)
		r = make_record(m, err);
	FAULT_POINT("btrfs.create.recorded");
	if (r == 0 && renameat2(h->fd, m->fresh, h->fd, m->name,
				RENAME_NOREPLACE) < 0)
		r = errno == EEXIST
			    ? err_set(err, EEXIST, "'%s' has an entry '%s' already",
				      h->path, m->name)
			    : btrfs_fail(err, errno, "naming '%s'", m->name);
	FAULT_POINT("btrfs.create.named");
	if (r == 0) {
		snprintf(m->made.name, sizeof(m->made.name), "%s", m->name);
		r = done(m->w, err);
		return r < 0 ? r : tell(m->w, &m->made, err);
	}
	btrfs_record_remove(h->volumes, m->id);
	btrfs_drop_fresh(h, h->fd, m->fresh, NULL);
	return r;
}

static int work_create(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing there = THING_INIT;
	struct making m = { .w = w, .source = THING_INIT, .made = THING_INIT };
	int r;

	if (get(w, "name", &m.name, err) < 0 ||
	    get(w, "token", &m.token, err) < 0 ||
	    btrfs_name_check(m.name, err) < 0)
		return -err->num;
	snprintf(m.id, sizeof(m.id), "v-%s", m.token);
	snprintf(m.fresh, sizeof(m.fresh), BTRFS_NEW "%s", m.id);
	if (!btrfs_id_is_sound(m.id))
		return err_set(err, EINVAL, "the token '%.80s' cannot be part of an id",
			       m.token);
	if (btrfs_home_lock(w->h, m.id, err) < 0)
		return -err->num;
	r = btrfs_find_volume(w->h, m.id, &there, err);
	if (r == 0)
		return tell(w, &there, err);
	if (r == -ENOENT)
		r = make_new(&m, err);
	btrfs_thing_done(&m.source);
	btrfs_thing_done(&m.made);
	return r;
}

/* ---- unmaking one ---- */

/* Do records say that there are snapshots of it? A listing knows. */
static int check_snapshots(const struct work *w, const char *id,
			   const char *name, struct err *err)
{
	AUTO(auto_json) struct json_object *found = json_object_new_object();
	struct json_object *list;
	size_t n = 0;
	int r;

	if (!found)
		return err_oom(err);
	r = btrfs_list_all(w->h, id, found, err);
	if (r == 0)
		r = json_opt_array(found, "snapshots", &list, &n, err);
	if (r < 0 || n == 0)
		return r;
	return err_set(err, ENOTEMPTY, "removing '%s': it has %zu snapshot%s in '%s/" BTRFS_SNAPSHOTS "'",
		       name, n, n == 1 ? "" : "s", w->h->path);
}

static int work_remove(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	const char *id;
	int r = the_volume(w, &t, err);

	if (get(w, "id", &id, err) < 0)
		return -err->num;
	/* Gone already; its record may have outlived it. */
	if (r == -ENOENT) {
		*err = (struct err)ERR_INIT;
		if (btrfs_id_is_sound(id))
			btrfs_record_remove(w->h->volumes, id);
		return 0;
	}
	if (r == 0)
		r = check_nested(t.fd, "removing", t.name, ENOTEMPTY, err);
	if (r == 0)
		r = check_snapshots(w, id, t.name, err);
	if (r == 0)
		r = helper_directory_free(t.fd, err);
	if (r == 0)
		r = btrfs_drop(w->h, w->h->fd, t.name, &t.sv, err);
	FAULT_POINT("btrfs.remove.dropped");
	if (r < 0)
		return err_wrap(err, "removing '%s'", t.name);
	btrfs_record_remove(w->h->volumes, id);
	return done(w, err);
}

/* ---- snapshots ---- */

struct taking {
	const struct work *w;
	const char *name, *token, *volume;
	char id[BTRFS_ID_MAX + 1], fresh[BTRFS_ID_MAX + 16];
	int dir;                     /* .snapshots/VOLUME */
	struct thing of, taken;
};

static int snapshot_record(struct taking *k, struct err *err)
{
	struct json_object *o = json_object_new_object();
	uint64_t size;

	k->taken.record = o;
	if (json_opt_size(k->w->request, "size_bytes", 0, &size, err) < 0)
		return -err->num;
	if (!o || json_add_i64(o, "schema", 1) < 0 ||
	    json_add_string(o, "id", k->id) < 0 ||
	    json_add_string(o, "token", k->token) < 0 ||
	    json_add_string(o, "volume", k->volume) < 0 ||
	    json_add_string(o, "uuid", k->taken.sv.uuid) < 0 ||
	    json_add_i64(o, "number", (int64_t)k->taken.sv.number) < 0 ||
	    json_add_string(o, "dir", k->of.name) < 0 ||
	    json_add_string(o, "entry", k->name) < 0 ||
	    json_add_i64(o, "size_bytes", (int64_t)size) < 0 ||
	    json_add_i64(o, "created_at_s", clock_unix_s()) < 0 ||
	    json_add_bool(o, "managed", true) < 0)
		return err_oom(err);
	return btrfs_record_write(k->w->h->snapshots, k->id, o, err);
}

/* .snapshots/VOLUME, made if need be. */
static int snapshots_dir(struct taking *k, struct err *err)
{
	struct home *h = k->w->h;
	AUTO(auto_fd) int all = -1;

	if (mkdirat(h->fd, BTRFS_SNAPSHOTS, 0700) < 0 && errno != EEXIST)
		return btrfs_fail(err, errno, "making '" BTRFS_SNAPSHOTS "'");
	all = btrfs_open_at(h->fd, BTRFS_SNAPSHOTS);
	if (all >= 0 && mkdirat(all, k->of.name, 0700) < 0 && errno != EEXIST)
		return btrfs_fail(err, errno, "making '" BTRFS_SNAPSHOTS
				  "/%s'", k->of.name);
	k->dir = all < 0 ? all : btrfs_open_at(all, k->of.name);
	return k->dir < 0 ? btrfs_fail(err, -k->dir, "opening '"
				       BTRFS_SNAPSHOTS "/%s'", k->of.name) : 0;
}

/* Read-only from its first moment, so that it can only be renamed within its
 * directory: there it is made, under a name that nothing lists. */
static int take_new(struct taking *k, struct err *err)
{
	struct home *h = k->w->h;
	int r = snapshots_dir(k, err);

	if (r == 0)
		r = check_nested(k->of.fd, "a snapshot of", k->of.name, EINVAL,
				 err);
	if (r == 0)
		r = btrfs_drop_fresh(h, k->dir, k->fresh, err);
	if (r < 0)
		return r;
	r = btrfs_copy(k->dir, k->fresh, k->of.fd, true);
	FAULT_POINT("btrfs.snapshot.taken");
	if (r < 0)
		return btrfs_fail(err, -r, "taking a snapshot of '%s'",
				  k->of.name);
	k->taken.fd = btrfs_open_subvolume(k->dir, k->fresh, &k->taken.sv);
	r = k->taken.fd < 0 ? btrfs_fail(err, -k->taken.fd, "opening '%s'",
					 k->fresh)
			    : snapshot_record(k, err);
	FAULT_POINT("btrfs.snapshot.recorded");
	if (r == 0 && renameat2(k->dir, k->fresh, k->dir, k->name,
				RENAME_NOREPLACE) < 0)
		r = errno == EEXIST
			    ? err_set(err, EEXIST, "'%s' has a snapshot '%s' already",
				      k->of.name, k->name)
			    : btrfs_fail(err, errno, "naming '%s'", k->name);
	FAULT_POINT("btrfs.snapshot.named");
	if (r == 0) {
		snprintf(k->taken.name, sizeof(k->taken.name), "%s", k->name);
		r = done(k->w, err);
		return r < 0 ? r : btrfs_tell_snapshot(h, &k->taken, k->volume,
						       k->w->reply, err);
	}
	btrfs_record_remove(h->snapshots, k->id);
	btrfs_drop_fresh(h, k->dir, k->fresh, NULL);
	return r;
}

static int work_snapshot(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing there = THING_INIT;
	struct taking k = { .w = w, .dir = -1, .of = THING_INIT,
			    .taken = THING_INIT };
	int r;

	if (get(w, "name", &k.name, err) < 0 ||
	    get(w, "token", &k.token, err) < 0 ||
	    get(w, "id", &k.volume, err) < 0 ||
	    btrfs_name_check(k.name, err) < 0)
		return -err->num;
	snprintf(k.id, sizeof(k.id), "s-%s", k.token);
	snprintf(k.fresh, sizeof(k.fresh), BTRFS_NEW "%s", k.id);
	if (!btrfs_id_is_sound(k.id))
		return err_set(err, EINVAL, "the token '%.80s' cannot be part of an id",
			       k.token);
	r = the_volume(w, &k.of, err);
	if (r == 0) {
		r = btrfs_find_snapshot(w->h, k.id, &there, err);
		if (r == 0)
			r = btrfs_tell_snapshot(w->h, &there, k.volume,
						w->reply, err);
		else if (r == -ENOENT)
			r = take_new(&k, err);
	}
	btrfs_thing_done(&k.of);
	btrfs_thing_done(&k.taken);
	if (k.dir >= 0)
		close(k.dir);
	return r;
}

static int work_snapshot_remove(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	AUTO(auto_fd) int all = -1;
	const char *id, *volume;
	int r;

	if (get(w, "id", &id, err) < 0 ||
	    json_opt_string(w->request, "volume", NULL, &volume, err) < 0 ||
	    btrfs_home_lock(w->h, volume ? volume : id, err) < 0)
		return -err->num;
	r = btrfs_find_snapshot(w->h, id, &t, err);
	if (r == -ENOENT) {
		*err = (struct err)ERR_INIT;
		if (btrfs_id_is_sound(id))
			btrfs_record_remove(w->h->snapshots, id);
		return 0;
	}
	if (r == 0)
		r = helper_directory_free(t.fd, err);
	if (r == 0)
		r = btrfs_drop(w->h, t.parent, t.name, &t.sv, err);
	FAULT_POINT("btrfs.snapshot-remove.dropped");
	if (r < 0)
		return err_wrap(err, "removing the snapshot '%s'", t.name);
	btrfs_record_remove(w->h->snapshots, id);
	all = btrfs_open_at(w->h->fd, BTRFS_SNAPSHOTS);
	if (all >= 0)
		unlinkat(all, t.dir, AT_REMOVEDIR); /* if it was the last */
	return done(w, err);
}

/* ---- restoring ---- */

static int note_next(struct thing *t, const struct subvolume *next,
		     struct err *err)
{
	if (json_add_string(t->record, "next_uuid", next->uuid) < 0 ||
	    json_add_i64(t->record, "next_number", (int64_t)next->number) < 0)
		return err_oom(err);
	return 0;
}

static int note_changed(struct thing *t, const struct subvolume *now,
			struct err *err)
{
	json_object_object_del(t->record, "next_uuid");
	json_object_object_del(t->record, "next_number");
	if (json_add_string(t->record, "uuid", now->uuid) < 0 ||
	    json_add_i64(t->record, "number", (int64_t)now->number) < 0)
		return err_oom(err);
	return 0;
}

/* The copy and the volume change places in one step. Both uuids are in the
 * record meanwhile, so whoever looks finds the volume before as well as after;
 * what lies under the hidden name goes. */
static int swap(const struct work *w, struct thing *t, struct thing *from,
		const char *fresh, struct err *err)
{
	struct home *h = w->h;
	struct subvolume next;
	AUTO(auto_fd) int fd = -1;
	const char *id;
	uint64_t size;
	int r = get(w, "id", &id, err);

	if (r == 0)
		r = json_opt_size(w->request, "size_bytes", 0, &size, err);
	if (r < 0)
		return r;
	r = btrfs_copy(h->fd, fresh, from->fd, false);
	if (r < 0)
		return btrfs_fail(err, -r, "copying the snapshot '%s'",
				  from->name);
	fd = btrfs_open_subvolume(h->fd, fresh, &next);
	if (fd < 0)
		return btrfs_fail(err, -fd, "opening '%s'", fresh);
	FAULT_POINT("btrfs.restore.copied");
	if (set_limit(w, &next, size, err) < 0 ||
	    note_next(t, &next, err) < 0 ||
	    btrfs_record_write(h->volumes, id, t->record, err) < 0)
		return -err->num;
	FAULT_POINT("btrfs.restore.noted");
	if (renameat2(h->fd, fresh, h->fd, t->name, RENAME_EXCHANGE) < 0)
		return btrfs_fail(err, errno, "exchanging '%s' for the copy",
				  t->name);
	FAULT_POINT("btrfs.restore.exchanged");
	if (note_changed(t, &next, err) < 0)
		return -err->num;
	return btrfs_record_write(h->volumes, id, t->record, err);
}

static int work_restore(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	AUTO(auto_thing) struct thing from = THING_INIT;
	char fresh[BTRFS_ID_MAX + 16];
	const char *id, *snapshot;
	int r = the_volume(w, &t, err);

	if (r < 0 || get(w, "id", &id, err) < 0 ||
	    get(w, "snapshot", &snapshot, err) < 0 ||
	    btrfs_find_snapshot(w->h, snapshot, &from, err) < 0 ||
	    check_nested(t.fd, "restoring", t.name, ENOTEMPTY, err) < 0 ||
	    helper_directory_free(t.fd, err) < 0 || record_of(&t, err) < 0)
		return -err->num;
	snprintf(fresh, sizeof(fresh), BTRFS_NEW "%s", id);
	r = btrfs_drop_fresh(w->h, w->h->fd, fresh, err);
	if (r == 0)
		r = swap(w, &t, &from, fresh, err);
	/* That of before, or the copy where it came to nothing. */
	FAULT_POINT("btrfs.restore.recorded");
	btrfs_drop_fresh(w->h, w->h->fd, fresh, NULL);
	return r < 0 ? r : done(w, err);
}

/* ---- changing ---- */

static int work_modify(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	uint64_t size, limit = 0, used = 0;
	char text[2][FORMAT_MAX];
	int r = the_volume(w, &t, err);

	if (r < 0 || json_get_size(w->request, "size_bytes", &size, err) < 0)
		return -err->num;
	btrfs_limit_get(w->h->fsid, t.sv.number, &limit, &used);
	if (size < limit)
		return err_set(err, EINVAL, "'%s' has %s, and a volume can only grow",
			       t.name, format_size(text[0], limit));
	if (size < used)
		return err_set(err, EINVAL, "'%s' holds %s already: size '%s' would be too small",
			       t.name, format_size(text[0], used),
			       format_size(text[1], size));
	r = size == limit ? 0 : set_limit(w, &t.sv, size, err);
	if (r == 0)
		r = done(w, err);
	return r < 0 ? r : tell(w, &t, err);
}

/* Tags and marks: what of them the request has goes into the record. */
static int work_note(const struct work *w, struct err *err)
{
	static const char *const keys[] = { "tags", "managed", "blank" };
	AUTO(auto_thing) struct thing t = THING_INIT;
	struct json_object *value;
	const char *id;
	size_t i;
	int r = the_volume(w, &t, err);

	if (r < 0 || get(w, "id", &id, err) < 0 || record_of(&t, err) < 0)
		return -err->num;
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(w->request, keys[i], &value) &&
		    json_object_object_add(t.record, keys[i],
					   json_object_get(value)) < 0)
			return err_oom(err);
	if (json_add_string(t.record, "dir", t.name) < 0)
		return err_oom(err);
	return btrfs_record_write(w->h->volumes, id, t.record, err);
}

/* The directory of the snapshots follows its volume from where the record says
 * that it was, unless another volume has that name now. */
static void rename_snapshots(struct home *h, const struct thing *t,
			     const char *to)
{
	AUTO(auto_fd) int all = btrfs_open_at(h->fd, BTRFS_SNAPSHOTS);
	const char *from = NULL;

	if (t->record)
		json_opt_string(t->record, "dir", NULL, &from, NULL);
	if (!from)
		from = t->name;
	if (all < 0 || !strcmp(from, to) ||
	    faccessat(h->fd, from, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	unlinkat(all, to, AT_REMOVEDIR);        /* if it is empty */
	renameat2(all, from, all, to, RENAME_NOREPLACE);
}

static int work_rename(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	const char *id, *name;
	int r = the_volume(w, &t, err);

	if (r < 0 || get(w, "id", &id, err) < 0 ||
	    get(w, "name", &name, err) < 0 || btrfs_name_check(name, err) < 0)
		return -err->num;
	if (strcmp(t.name, name) != 0 &&
	    renameat2(w->h->fd, t.name, w->h->fd, name, RENAME_NOREPLACE) < 0)
		return errno == EEXIST
			       ? err_set(err, EEXIST, "'%s' has an entry '%s' already",
					 w->h->path, name)
			       : btrfs_fail(err, errno, "renaming '%s' to '%s'",
					    t.name, name);
	FAULT_POINT("btrfs.rename.renamed");
	rename_snapshots(w->h, &t, name);
	/* A hint where to look, no more: its failure is none. */
	if (t.record && json_add_string(t.record, "dir", name) == 0)
		btrfs_record_write(w->h->volumes, id, t.record, NULL);
	return done(w, err);
}

/* ---- taking over ---- */

/* @path: of a subvolume below HOME; @parent: the directory it lies in. */
static int find_foreign(const struct work *w, const char *path, int *parent,
			char *entry, size_t room, struct thing *t,
			struct err *err)
{
	const char *slash = strrchr(path, '/');
	char quoted[200];

	quote_for_error(quoted, sizeof(quoted), path, strlen(path));
	if (*path == '.' || *path == '/' || strstr(path, "/.") ||
	    strlen(path) > PATH_ROOM || (slash && !slash[1]))
		return err_set(err, EINVAL, "'%s' is no path of a subvolume below '%s': such as old/db",
			       quoted, w->h->path);
	snprintf(entry, room, "%s", slash ? slash + 1 : path);
	if (slash) {
		AUTO(auto_free) char *dir = strndup(path,
						    (size_t)(slash - path));

		*parent = dir ? btrfs_open_at(w->h->fd, dir) : -ENOMEM;
	} else {
		*parent = btrfs_open_at(w->h->fd, ".");
	}
	t->fd = *parent < 0 ? *parent
			    : btrfs_open_subvolume(*parent, entry, &t->sv);
	if (t->fd == -ENOENT || t->fd == -ENOTDIR)
		return err_set(err, ENOENT, "'%s' has no subvolume '%s'",
			       w->h->path, quoted);
	return t->fd < 0 ? btrfs_fail(err, -t->fd, "opening '%s'", quoted) : 0;
}

static int import_it(const struct work *w, int parent, const char *entry,
		     const char *name, struct thing *t, struct err *err)
{
	int r = btrfs_record_read(w->h->volumes, t->sv.uuid, &t->record, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (record_of(t, err) < 0)
		return -err->num;
	if (json_add_bool(t->record, "managed", true) < 0 ||
	    json_add_bool(t->record, "blank", false) < 0 ||
	    json_add_string(t->record, "dir", name) < 0)
		return err_oom(err);
	r = btrfs_record_write(w->h->volumes, t->sv.uuid, t->record, err);
	FAULT_POINT("btrfs.import.recorded");
	if (r == 0 && renameat2(parent, entry, w->h->fd, name,
				RENAME_NOREPLACE) < 0)
		r = errno == EEXIST
			    ? err_set(err, EEXIST, "'%s' has an entry '%s' already",
				      w->h->path, name)
			    : btrfs_fail(err, errno, "moving '%s' to '%s/%s'%s",
					 entry, w->h->path, name,
					 errno == EROFS
						 ? ", for it is read-only (btrfs property set -ts PATH ro false)"
						 : "");
	if (r < 0)
		btrfs_record_remove(w->h->volumes, t->sv.uuid);
	return r;
}

static int work_import(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	AUTO(auto_fd) int parent = -1;
	const char *id, *name;
	char entry[PATH_ROOM + 1];
	int r;

	if (get(w, "id", &id, err) < 0 ||
	    json_opt_string(w->request, "name", NULL, &name, err) < 0)
		return -err->num;
	r = find_foreign(w, id, &parent, entry, sizeof(entry), &t, err);
	/* After a crash it may be in its place already. */
	if (r == -ENOENT && name)
		t.fd = btrfs_open_subvolume(w->h->fd, name, &t.sv);
	if (r < 0 && (t.fd < 0 || btrfs_record_read(w->h->volumes, t.sv.uuid,
						    &t.record, NULL) < 0))
		return r;
	if (r < 0) {
		snprintf(t.name, sizeof(t.name), "%s", name);
		*err = (struct err)ERR_INIT;
		return tell(w, &t, err);
	}
	if (!name)
		name = entry;
	if (btrfs_name_check(name, err) < 0 ||
	    btrfs_home_lock(w->h, t.sv.uuid, err) < 0)
		return -err->num;
	r = import_it(w, parent, entry, name, &t, err);
	if (r == 0)
		r = done(w, err);
	snprintf(t.name, sizeof(t.name), "%s", name);
	return r < 0 ? r : tell(w, &t, err);
}

/* ---- looking ---- */

static int work_list(const struct work *w, struct err *err)
{
	btrfs_sweep(w->h);
	return btrfs_list_all(w->h, NULL, w->reply, err);
}

static int work_get(const struct work *w, struct err *err)
{
	const char *id;

	if (get(w, "id", &id, err) < 0)
		return -err->num;
	return btrfs_list_all(w->h, id, w->reply, err);
}

/* Where it is, for an attach. */
static int work_where(const struct work *w, struct err *err)
{
	AUTO(auto_thing) struct thing t = THING_INIT;
	const char *id;
	int r = get(w, "id", &id, err);

	if (r == 0)
		r = btrfs_find_volume(w->h, id, &t, err);
	if (r == 0 && json_add_string(w->reply, "name", t.name) < 0)
		r = err_oom(err);
	return r;
}

/* ---- one of them ---- */

static const struct {
	const char *name;
	int (*run)(const struct work *w, struct err *err);
	bool write;
} works[] = {
	{ "list", work_list, false },
	{ "get", work_get, false },
	{ "where", work_where, false },
	{ "create", work_create, true },
	{ "remove", work_remove, true },
	{ "snapshot", work_snapshot, true },
	{ "snapshot-remove", work_snapshot_remove, true },
	{ "restore", work_restore, true },
	{ "modify", work_modify, true },
	{ "note", work_note, true },
	{ "rename", work_rename, true },
	{ "import", work_import, true },
};

int btrfs_help(int argc, char **argv, struct json_object *reply,
	       struct err *err)
{
	AUTO(auto_json) struct json_object *request = NULL;
	AUTO(auto_home) struct home h = HOME_INIT;
	struct work w = { .h = &h, .reply = reply };
	size_t i;
	int r;

	for (i = 0; argc == 2 && i < ARRAY_SIZE(works); i++) {
		if (strcmp(works[i].name, argv[0]) != 0)
			continue;
		r = btrfs_json(argv[1], strlen(argv[1]), "the request",
			       &request, err);
		w.request = request;
		if (r == 0)
			r = btrfs_home_open(&h, request, works[i].write, reply,
					    err);
		return r < 0 ? r : works[i].run(&w, err);
	}
	return err_set(err, EINVAL, "the helper of btrfs takes an operation and a request");
}
