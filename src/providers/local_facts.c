/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the local driver finds its volumes and what it says of them.
 */
#include "providers/local.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/parse.h"

int local_root_open(struct local_session *s, struct err *err)
{
	AUTO(auto_fd) int fd = open(s->path, O_RDONLY | O_DIRECTORY |
				    O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, EIO, "the directory '%s' of the volumes cannot be opened: %s",
			       s->path, strerrordesc_np(errno));
	if (st.st_dev != s->dev || st.st_ino != s->ino)
		return err_set(err, EIO,
			       "'%s' is not the directory it was when this service was opened: mount its file system again, or reload volfs",
			       s->path);
	return STEAL_FD(fd);
}

/*
 * Names and places
 */

int local_dir_of_name(const char *name, char dir[NAME_BYTES_MAX + 1],
		       struct err *err)
{
	size_t len = strlen(name);
	int r = name_escape(name, len, dir, NAME_BYTES_MAX + 1);

	if (r >= 0)
		return 0;
	if (!len)
		return err_set(err, EINVAL,
			       "a volume needs a name of at least one byte: for example 'volume'");
	while (name_escape(name, --len, dir, NAME_BYTES_MAX + 1) < 0)
		;
	return err_set(err, EINVAL,
		       "the name is too long: escaped it may have %d bytes; this would do: '%s'",
		       NAME_BYTES_MAX, dir);
}

void local_name_of_dir(const char *dir, char name[NAME_BYTES_MAX + 1])
{
	if (name_unescape(dir, name, NAME_BYTES_MAX + 1, NULL) < 0)
		snprintf(name, NAME_BYTES_MAX + 1, "%s", dir);
}

void local_place_note(struct local_session *s, const char *id,
		       const char *dir)
{
	struct place *p;

	LOCK_SCOPE(&s->lock);
	HASH_FIND_STR(s->places, id, p);
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return; /* a hint less */
		snprintf(p->id, sizeof(p->id), "%s", id);
		HASH_ADD_STR(s->places, id, p);
	}
	snprintf(p->dir, sizeof(p->dir), "%s", dir);
}

static bool place_find(struct local_session *s, const char *id,
		       char dir[NAME_BYTES_MAX + 1])
{
	struct place *p;

	LOCK_SCOPE(&s->lock);
	HASH_FIND_STR(s->places, id, p);
	if (p)
		snprintf(dir, NAME_BYTES_MAX + 1, "%s", p->dir);
	return p;
}

void local_place_forget(struct local_session *s, const char *id)
{
	struct place *p;

	LOCK_SCOPE(&s->lock);
	HASH_FIND_STR(s->places, id, p);
	if (p) {
		HASH_DEL(s->places, p);
		free(p);
	}
}

/* Is @o the one with @id? A copy of a volume's directory that somebody made by
 * hand carries the same id: not it, where @exact. */
static bool object_is(const struct local_object *o, const char *id, bool exact)
{
	struct stat st;

	if (o->damaged || strcmp(o->meta.id, id) != 0)
		return false;
	return !exact || !o->meta.directory_ino ||
	       (fstat(o->fd, &st) == 0 && st.st_ino == o->meta.directory_ino);
}

struct search {
	const char *id;
	struct local_object *out;
	bool exact;
};

static int search_each(struct local_object *o, void *arg, struct err *err)
{
	struct search *search = arg;

	if (!object_is(o, search->id, search->exact))
		return 0;
	*search->out = *o;
	*o = (struct local_object)LOCAL_OBJECT_INIT;
	return 1;
}

/* Looks through @parent: first for the original, then for any (the whole of
 * path may have been moved to another disk). */
int local_object_search(int parent, const struct call *c, const char *id,
			 struct local_object *out, struct err *err)
{
	struct search search = { id, out, true };
	int r = local_object_each(parent, c, search_each, &search, err);

	if (r == 0) {
		search.exact = false;
		r = local_object_each(parent, c, search_each, &search, err);
	}
	if (r == 0)
		return err_set(err, ENOENT, "nothing here has the id '%.64s'",
			       id);
	return r < 0 ? r : 0;
}

int local_volume_open(struct local_session *s, int root, const struct call *c,
		       const char *id, struct local_object *out,
		       struct err *err)
{
	char dir[NAME_BYTES_MAX + 1];
	int r;

	if (!strncmp(id, LOCAL_DAMAGED, strlen(LOCAL_DAMAGED))) {
		r = local_object_open(root, id + strlen(LOCAL_DAMAGED), out, err);
		if (r < 0 || !out->damaged)
			return r;
		r = err_set(err, EIO, "'%s': %s", out->dir, out->why.text);
		local_object_done(out);
		return r;
	}
	NAMES_SCOPE(s, rd);
	if (place_find(s, id, dir)) {
		r = local_object_open(root, dir, out, err);
		if (r == 0 && object_is(out, id, true))
			return 0;
		if (r == 0)
			local_object_done(out);
	}
	r = local_object_search(root, c, id, out, err);
	if (r == 0)
		local_place_note(s, id, out->dir);
	return r;
}

int local_volume_find(struct local_session *s, const struct call *c,
		     const char *id, int *root, struct local_object *out,
		     struct err *err)
{
	int r = call_check(c, err);

	if (r == 0) {
		*root = local_root_open(s, err);
		r = *root < 0 ? *root : 0;
	}
	return r < 0 ? r : local_volume_open(s, *root, c, id, out, err);
}

/*
 * Facts
 */

/* Looks at the image behind @f: the size is what it has; what is wrong with it
 * goes to state and health. */
static void facts_of_image(const struct local_object *o,
			   struct volume_facts *f, char *message, size_t room)
{
	char is[FORMAT_MAX], was[FORMAT_MAX];
	struct stat st;

	f->state = VOLUME_ERROR;
	f->health = HEALTH_FAILED;
	f->health_message = message;
	if (fstatat(o->fd, LOCAL_IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		f->service_state = "image-missing";
		snprintf(message, room,
			 "the image of '%s' is gone: '" LOCAL_IMAGE
			 "' was deleted behind volfs; put it back, restore a snapshot, or remove the volume",
			 o->dir);
	} else if (!S_ISREG(st.st_mode)) {
		f->service_state = "image-replaced";
		snprintf(message, room, "'" LOCAL_IMAGE
			 "' of '%s' is no plain file", o->dir);
	} else if ((uint64_t)st.st_size < f->size_bytes) {
		f->service_state = "image-truncated";
		snprintf(message, room,
			 "the image of '%s' was cut to %s behind volfs and should have %s: restore a snapshot, or give it its size back with truncate -s %" PRIu64
			 " and check its file system",
			 o->dir, format_size_human(is, (uint64_t)st.st_size),
			 format_size_human(was, f->size_bytes), f->size_bytes);
	} else {
		f->service_state = "available";
		f->state = VOLUME_AVAILABLE;
		f->health = HEALTH_OK;
		f->health_message = NULL;
		f->size_bytes = (uint64_t)st.st_size;
	}
}

int local_volume_emit(struct local_session *s, const struct local_object *o,
		       const struct volume_sink *out, struct err *err)
{
	AUTO(auto_buf) struct buf details = BUF_INIT(32768);
	AUTO(auto_buf) struct buf image = BUF_INIT(8192);
	char name[NAME_BYTES_MAX + 1], message[512];
	struct volume_facts f = {
		.id = o->meta.id, .name = name, .token = o->meta.token,
		.source = o->meta.source, .source_id = o->meta.source_id,
		.source_name = o->meta.source_name,
		.size_bytes = o->meta.size_bytes, .iops = -1,
		.throughput_bytes_per_s = -1, .encrypted = -1,
		.created_at_s = o->meta.created_at_s,
		.access = ACCESS_SINGLE_WRITER, .managed = o->meta.managed,
		.blank = o->meta.blank, .n_tags = o->meta.n_tags,
		.tags = o->meta.tags,
	};

	local_name_of_dir(o->dir, name);
	buf_printf(&image, "%s/%s/" LOCAL_IMAGE, s->path, o->dir);
	buf_puts(&details, "{\"image\":");
	buf_json_string(&details, buf_str(&image));
	buf_puts(&details, "}");
	if (buf_failed(&details) || buf_failed(&image))
		return err_oom(err);
	f.details = buf_str(&details);
	facts_of_image(o, &f, message, sizeof(message));
	return out->volume(out->arg, &f, err);
}

/* Something that has an image but no facts that can be trusted. */
static int damaged_emit(const struct local_object *o, const char *why,
			const struct volume_sink *out, struct err *err)
{
	char id[sizeof(LOCAL_DAMAGED) + NAME_BYTES_MAX], name[NAME_BYTES_MAX + 1];
	char message[600];
	struct volume_facts f = {
		.id = id, .name = name, .service_state = "damaged",
		.state = VOLUME_ERROR, .health = HEALTH_FAILED,
		.health_message = message, .iops = -1,
		.throughput_bytes_per_s = -1, .encrypted = -1,
		.access = ACCESS_SINGLE_WRITER,
	};
	struct stat st;

	snprintf(id, sizeof(id), LOCAL_DAMAGED "%s", o->dir);
	local_name_of_dir(o->dir, name);
	snprintf(message, sizeof(message),
		 "%.400s; mend it, or move its " LOCAL_IMAGE
		 " beside the volumes and import that", why);
	if (fstatat(o->fd, LOCAL_IMAGE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode))
		f.size_bytes = (uint64_t)st.st_size;
	return out->volume(out->arg, &f, err);
}

struct snapshot_walk {
	const char *volume_id;
	const char *id;               /* only this one; NULL = all */
	const struct volume_sink *out;
};

int local_snapshot_emit(const struct local_object *o, const char *volume_id,
			 const struct volume_sink *out, struct err *err)
{
	char name[NAME_BYTES_MAX + 1];
	struct snapshot_facts f = {
		.id = o->meta.id, .name = name, .volume_id = volume_id,
		.token = o->meta.token, .size_bytes = o->meta.size_bytes,
		.created_at_s = o->meta.created_at_s,
		.state = SNAPSHOT_AVAILABLE, .service_state = "available",
		.progress_percent = 100, .encrypted = -1,
		.managed = o->meta.managed,
	};
	struct stat st;

	local_name_of_dir(o->dir, name);
	/* Static text is asked for. */
	f.consistency = o->meta.consistency &&
			!strcmp(o->meta.consistency, "frozen") ? "frozen"
							       : "crash";
	if (fstatat(o->fd, LOCAL_IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size < f.size_bytes) {
		f.state = SNAPSHOT_ERROR;
		f.service_state = "image-missing";
	}
	return out->snapshot(out->arg, &f, err);
}

static int snapshot_each(struct local_object *o, void *arg, struct err *err)
{
	const struct snapshot_walk *walk = arg;

	/* Without facts there is no id to call it by; its volume stays, as
	 * the directory is not empty. */
	if (o->damaged || (walk->id && strcmp(walk->id, o->meta.id) != 0))
		return 0;
	return local_snapshot_emit(o, walk->volume_id, walk->out, err);
}

int local_snapshots_open(const struct local_object *volume)
{
	int fd = openat(volume->fd, LOCAL_SNAPSHOTS, O_RDONLY | O_DIRECTORY |
			O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int snapshots_emit(const struct local_object *volume,
			  const struct call *c, const struct volume_sink *out,
			  struct err *err)
{
	struct snapshot_walk walk = { volume->meta.id, NULL, out };
	AUTO(auto_fd) int fd = local_snapshots_open(volume);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return local_fail(err, -fd, "listing the snapshots of '%s'",
				  volume->dir);
	local_sweep(fd, false);
	return local_object_each(fd, c, snapshot_each, &walk, err);
}

/*
 * List and get
 */

struct seen {
	char id[LOCAL_ID_ROOM];
	UT_hash_handle hh;
};

struct listing {
	struct local_session *s;
	const struct call *c;
	const struct volume_sink *out;
	struct seen *seen;
	bool copies;                  /* second round: what copies() skipped */
	bool skipped;
	uint64_t committed;
};

static bool listing_note(struct listing *l, const char *id)
{
	struct seen *e;

	HASH_FIND_STR(l->seen, id, e);
	if (e)
		return false;
	e = calloc(1, sizeof(*e));
	if (e) {
		snprintf(e->id, sizeof(e->id), "%s", id);
		HASH_ADD_STR(l->seen, id, e);
	}
	return true;
}

static int listing_each(struct local_object *o, void *arg, struct err *err)
{
	struct listing *l = arg;
	bool original = !o->damaged && object_is(o, o->meta.id, true);
	int r;

	if (!o->damaged && original == l->copies) {
		l->skipped |= !original;
		return 0;
	}
	if (o->damaged)
		return l->copies ? 0 : damaged_emit(o, o->why.text, l->out,
						    err);
	if (!listing_note(l, o->meta.id))
		return damaged_emit(o, "it is a copy of another volume's directory, with the id of that volume in its "
				    LOCAL_META, l->out, err);
	local_size_add(o, &l->committed, err);
	local_place_note(l->s, o->meta.id, o->dir);
	r = local_volume_emit(l->s, o, l->out, err);
	return r < 0 ? r : snapshots_emit(o, l->c, l->out, err);
}

/* What crashes left: what was being made is dropped (who wants it asks again),
 * what was being removed is. */
static void sweep(int root)
{
	AUTO(auto_fd) int deleted = openat(root, LOCAL_DELETED, O_RDONLY |
					   O_DIRECTORY | O_CLOEXEC |
					   O_NOFOLLOW);

	local_sweep(root, false);
	if (deleted >= 0)
		local_sweep(deleted, true);
}

int local_list(struct session *session, const struct call *c,
		      const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	struct listing l = { .s = s, .c = c, .out = out };
	struct seen *e, *next;
	AUTO(auto_fd) int root = -1;
	int r = call_check(c, err);

	if (r < 0)
		return r;
	root = local_root_open(s, err);
	if (root < 0)
		return root;
	sweep(root);
	{
		NAMES_SCOPE(s, rd);
		r = local_object_each(root, c, listing_each, &l, err);
		if (r == 0 && l.skipped) {
			l.copies = true;
			r = local_object_each(root, c, listing_each, &l, err);
		}
	}
	HASH_ITER(hh, l.seen, e, next) {
		HASH_DEL(l.seen, e);
		free(e);
	}
	if (r < 0)
		return r;
	local_space_look(s, root);
	LOCK_SCOPE(&s->lock);
	s->committed_bytes = l.committed;
	return 0;
}

int local_get(struct session *session, const struct call *c,
		     const char *id, const struct volume_sink *out,
		     struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	int r = call_check(c, err);

	if (r < 0)
		return r;
	root = local_root_open(s, err);
	if (root < 0)
		return root;
	if (!strncmp(id, LOCAL_DAMAGED, strlen(LOCAL_DAMAGED))) {
		r = local_object_open(root, id + strlen(LOCAL_DAMAGED), &o, err);
		if (r == 0 && o.damaged)
			return damaged_emit(&o, o.why.text, out, err);
		return r < 0 ? r : err_set(err, ENOENT,
					   "'%s' is whole again, under its own id",
					   o.dir);
	}
	r = local_volume_open(s, root, c, id, &o, err);
	if (r == 0)
		r = local_volume_emit(s, &o, out, err);
	return r < 0 ? r : snapshots_emit(&o, c, out, err);
}
