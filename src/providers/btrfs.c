/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs: a volume is a subvolume below one directory, "home".
 *
 * There is no service behind it but the kernel. Snapshots, clones and restores
 * are instant and share their blocks. A size is the limit of a quota group;
 * quotas are a decision for the whole file system and cost something, so only
 * the option "quota" turns them on, and without it volumes have no size.
 *
 * What is there is the truth: `mv` in a shell renames a volume, and subvolumes
 * that somebody made are listed, not managed. What volfs knows besides lies in
 * HOME/.volfs (providers/btrfs.h), never in a volume.
 *
 * A btrfs on a dying disk sleeps uninterruptibly, so nothing here touches it:
 * each operation is one helper process, to which a request in JSON goes
 * (btrfs_work.c).
 *
 * Missing: send and receive; compression and copy-on-write by volume.
 */
#include "providers/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_MS ((int64_t)60 * 60 * 1000) /* writing out a busy volume */
#define REQUEST_MAX 120000       /* a word of a program has 128 KiB at most */
#define SIZE_MIN ((uint64_t)1 << 20)      /* an empty one has 16 KiB */
#define SIZE_STEP 4096                    /* its sectors */
#define IDENTITY "home"          /* a file in the service's state directory */

struct btrfs_session {
	struct session base;
	char *home, *quota;          /* options */
	char note[512];              /* the file IDENTITY */

	pthread_mutex_t lock;        /* protects what follows */
	char identity[96];           /* of home, "" before it was first seen */
	char fsid[BTRFS_UUID_ROOM];
	uint64_t total_bytes, available_bytes;
};

#define AT(field) offsetof(struct btrfs_session, field)

static const struct opt_spec btrfs_options[] = {
	{ "home", OPT_PATH, AT(home), .required = true,
	  .aliases = (const char *const[]){ "root_vol", "path", NULL },
	  .help = "Existing directory on a btrfs file system; each subvolume "
		  "in it is a volume." },
	{ "quota", OPT_CHOICE, AT(quota), .dflt = "off",
	  .choices = btrfs_quota_words,
	  .help = "off: volumes have no size. simple (Linux 6.7) or classic: a "
		  "size is a limit that btrfs keeps; turns quotas on for the "
		  "whole file system. simple charges blocks to who wrote them "
		  "first, so a clone starts at nearly 0; classic counts what a "
		  "volume refers to, and slows snapshots down." },
	{ NULL }
};

/* ---- requests ---- */

static struct btrfs_session *session_of(struct session *s)
{
	return (struct btrfs_session *)s;
}

/* What every request has. NULL: no memory. */
static struct json_object *request_new(struct btrfs_session *s)
{
	struct json_object *o = json_object_new_object();
	char expect[sizeof(s->identity)];

	pthread_mutex_lock(&s->lock);
	memcpy(expect, s->identity, sizeof(expect));
	pthread_mutex_unlock(&s->lock);
	if (o && json_add_string(o, "home", s->home) == 0 &&
	    json_add_string(o, "quota", s->quota) == 0 &&
	    json_add_string(o, "note", s->note) == 0 &&
	    json_add_string(o, "expect", *expect ? expect : NULL) == 0)
		return o;
	json_object_put(o);
	return NULL;
}

/* Which home this is, for sessions to come. A failure costs no more than that
 * the next one has to believe what it finds. */
static void identity_keep(const char *note, const char *identity)
{
	char fresh[600];
	AUTO(auto_fd) int fd = -1;
	ssize_t len = (ssize_t)strlen(identity);

	snprintf(fresh, sizeof(fresh), "%s.new", note);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, identity, (size_t)len) != len ||
	    fsync(fd) < 0 || rename(fresh, note) < 0)
		unlink(fresh);
}

static void identity_load(struct btrfs_session *s)
{
	AUTO(auto_fd) int fd = open(s->note, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, s->identity,
				      sizeof(s->identity) - 1);

	s->identity[n > 0 ? n : 0] = '\0';
}

static void take_home(struct btrfs_session *s, struct json_object *reply)
{
	const char *identity, *fsid;
	uint64_t total, available;
	bool first;

	if (json_get_string(reply, "identity", &identity, NULL) < 0 ||
	    json_get_string(reply, "fsid", &fsid, NULL) < 0 ||
	    json_get_size(reply, "total_bytes", &total, NULL) < 0 ||
	    json_get_size(reply, "available_bytes", &available, NULL) < 0)
		return;
	pthread_mutex_lock(&s->lock);
	first = !*s->identity;
	snprintf(s->identity, sizeof(s->identity), "%s", identity);
	snprintf(s->fsid, sizeof(s->fsid), "%s", fsid);
	s->total_bytes = total;
	s->available_bytes = available;
	pthread_mutex_unlock(&s->lock);
	if (first)
		identity_keep(s->note, identity);
}

/* Runs a helper with @request, which is used up; @out may be NULL. */
static int ask(struct btrfs_session *s, const struct call *c, const char *what,
	       struct json_object *request, struct json_object **out,
	       struct err *err)
{
	AUTO(auto_json) struct json_object *o = request;
	AUTO(auto_json) struct json_object *reply = NULL;
	const char *words[] = { what, NULL, NULL };
	int r = call_check(c, err);

	if (r < 0)
		return r;
	words[1] = o ? json_object_to_json_string_ext(
			       o, JSON_C_TO_STRING_PLAIN |
				  JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
	if (!words[1])
		return err_oom(err);
	if (strlen(words[1]) > REQUEST_MAX)
		return err_set(err, EINVAL, "its tags are too long: %d bytes are the most",
			       REQUEST_MAX);
	r = provider_help(&provider_btrfs, c, WORK_MS, words, &reply, err);
	if (r < 0)
		return r;
	take_home(s, reply);
	if (out)
		*out = STEAL(reply);
	return 0;
}

/* As ask(), of one object; further texts come in pairs, up to NULL. */
static int ask_of(struct session *base, const struct call *c, const char *what,
		  const char *id, const char *key, const char *value,
		  struct json_object **out, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	struct json_object *o = request_new(s);

	if (!o || json_add_string(o, "id", id) < 0 ||
	    (key && json_add_string(o, key, value) < 0)) {
		json_object_put(o);
		return err_oom(err);
	}
	return ask(s, c, what, o, out, err);
}

static int put_tags(struct json_object *o, const struct tag *tags,
		    uint32_t n_tags)
{
	struct json_object *all = json_object_new_object();
	uint32_t i;

	for (i = 0; all && i < n_tags; i++)
		if (json_add_string(all, tags[i].key, tags[i].value) < 0)
			break;
	if (all && i == n_tags && json_object_object_add(o, "tags", all) == 0)
		return 0;
	json_object_put(all);
	return -ENOMEM;
}

/* ---- a session ---- */

static int btrfs_open(struct session *base, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	int n = snprintf(s->note, sizeof(s->note), "%s/" IDENTITY,
			 base->state_dir);

	if (n < 0 || (size_t)n >= sizeof(s->note))
		return err_set(err, ENAMETOOLONG, "the state directory '%.100s...' has too long a path",
			       base->state_dir);
	pthread_mutex_init(&s->lock, NULL);
	identity_load(s);
	return 0;
}

static void btrfs_close(struct session *base)
{
	pthread_mutex_destroy(&session_of(base)->lock);
}

/* ---- looking ---- */

static int btrfs_list(struct session *base, const struct call *c,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	struct btrfs_session *s = session_of(base);
	int r = ask(s, c, "list", request_new(s), &reply, err);

	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

static int btrfs_get(struct session *base, const struct call *c,
		     const char *id, const struct volume_sink *out,
		     struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	int r = ask_of(base, c, "get", id, NULL, NULL, &reply, err);

	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

static bool has_quota(const struct btrfs_session *s)
{
	return strcmp(s->quota, btrfs_quota_words[0]) != 0;
}

static void btrfs_bounds(struct session *base, struct bounds *out)
{
	struct btrfs_session *s = session_of(base);

	*out = (struct bounds){
		.name_rule = "1 to 255 bytes, no '/', no dot in front",
		.quota_volumes = -1, .quota_bytes = -1,
		.no_size = !has_quota(s),
	};
	if (has_quota(s)) {
		out->size_min_bytes = SIZE_MIN;
		out->size_step_bytes = SIZE_STEP;
	}
	LOCK_SCOPE(&s->lock);
	out->total_bytes = s->total_bytes;
	out->available_bytes = s->available_bytes;
}

static int btrfs_check_name(struct session *base, const char *name,
			    struct err *err)
{
	return btrfs_name_check(name, err);
}

/* What the quota group says; df shows the whole file system. */
static int btrfs_usage(struct session *base, const struct call *c,
		       const struct volume_facts *v, struct volume_usage *u,
		       struct err *err)
{
	struct btrfs_session *s = session_of(base);
	AUTO(auto_json) struct json_object *details = NULL;
	char fsid[sizeof(s->fsid)];
	uint64_t number, limit, used;

	u->scope = "pool";
	pthread_mutex_lock(&s->lock);
	memcpy(fsid, s->fsid, sizeof(fsid));
	pthread_mutex_unlock(&s->lock);
	if (!has_quota(s) || !*fsid || !v->details ||
	    json_parse(v->details, strlen(v->details), "details", &details,
		       NULL) < 0 ||
	    json_get_size(details, "subvolume", &number, NULL) < 0 ||
	    !btrfs_limit_get(fsid, number, &limit, &used) || !limit)
		return 0;
	u->scope = "volume";
	u->total_bytes = limit;
	u->used_bytes = used;
	if (u->available_bytes > (limit > used ? limit - used : 0))
		u->available_bytes = limit > used ? limit - used : 0;
	return 0;
}

/* ---- life ---- */

/* As it can be kept. */
static int64_t rounded(uint64_t size_bytes)
{
	return (int64_t)((size_bytes + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP);
}

static int make(struct session *base, const struct call *c,
		const struct volume_spec *want, const char *from_key,
		const char *from, const char *from_name,
		const struct volume_sink *out, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	AUTO(auto_json) struct json_object *reply = NULL;
	struct json_object *o = request_new(s);
	int r;

	if (btrfs_name_check(want->name, err) < 0) {
		json_object_put(o);
		return -err->num;
	}
	if (!o || json_add_string(o, "name", want->name) < 0 ||
	    json_add_string(o, "token", c->token) < 0 ||
	    json_add_i64(o, "size_bytes", rounded(want->size_bytes)) < 0 ||
	    json_add_bool(o, "blank", want->blank) < 0 ||
	    (from && (json_add_string(o, from_key, from) < 0 ||
		      json_add_string(o, "source_id", from) < 0 ||
		      json_add_string(o, "source_name", from_name) < 0)) ||
	    put_tags(o, want->tags, want->n_tags) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	r = ask(s, c, "create", o, &reply, err);
	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

static int btrfs_create(struct session *base, const struct call *c,
			const struct volume_spec *want,
			const struct volume_sink *out, struct err *err)
{
	return make(base, c, want, NULL, NULL, NULL, out, err);
}

static int check_larger(struct session *base, const struct volume_spec *want,
			uint64_t least_bytes, struct err *err)
{
	if (!has_quota(session_of(base)) || want->size_bytes >= least_bytes)
		return 0;
	return err_set(err, EINVAL, "'%s' needs at least %llu bytes, as its source has",
		       want->name, (unsigned long long)least_bytes);
}

static int btrfs_create_from_snapshot(struct session *base,
				      const struct call *c,
				      const struct volume_spec *want,
				      const struct snapshot_facts *snapshot,
				      const struct volume_sink *out,
				      struct err *err)
{
	int r = check_larger(base, want, snapshot->size_bytes, err);

	return r < 0 ? r : make(base, c, want, "from_snapshot", snapshot->id,
				snapshot->name, out, err);
}

static int btrfs_create_from_volume(struct session *base, const struct call *c,
				    const struct volume_spec *want,
				    const struct volume_facts *volume,
				    const struct volume_sink *out,
				    struct err *err)
{
	int r = check_larger(base, want, volume->size_bytes, err);

	return r < 0 ? r : make(base, c, want, "from_volume", volume->id,
				volume->name, out, err);
}

static int btrfs_remove(struct session *base, const struct call *c,
			const struct volume_facts *v, struct err *err)
{
	return ask_of(base, c, "remove", v->id, NULL, NULL, NULL, err);
}

static int btrfs_attach(struct session *base, const struct call *c,
			const struct volume_facts *v, bool read_only,
			struct attach_result *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	struct btrfs_session *s = session_of(base);
	const char *name;
	char *directory;
	int r = ask_of(base, c, "where", v->id, NULL, NULL, &reply, err);

	if (r == 0)
		r = json_get_string(reply, "name", &name, err);
	if (r < 0)
		return r;
	if (asprintf(&directory, "%s/%s", s->home, name) < 0)
		return err_oom(err);
	*out = (struct attach_result){ .kind = KIND_DIRECTORY,
				       .directory = directory,
				       .read_only = read_only };
	return 0;
}

/* Nobody has to be told: the core has seen that nobody has it mounted. */
static int btrfs_detach(struct session *base, const struct call *c,
			const struct volume_facts *v, bool force,
			struct err *err)
{
	return call_check(c, err);
}

/* ---- changing ---- */

static int btrfs_modify(struct session *base, const struct call *c,
			const struct volume_facts *v,
			const struct volume_change *want,
			const struct volume_sink *out, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	AUTO(auto_json) struct json_object *reply = NULL;
	struct json_object *o;
	int r = call_check(c, err);

	if (r < 0)
		return r;
	if (want->fields & ~(unsigned)FIELD_SIZE)
		return err_set(err, EINVAL, "a subvolume has nothing but its size to change");
	if (!has_quota(s))
		return err_set(err, EINVAL, "volumes have no size without the option quota");
	o = request_new(s);
	if (!o || json_add_string(o, "id", v->id) < 0 ||
	    json_add_i64(o, "size_bytes",
			 rounded(want->fields & FIELD_SIZE
					 ? want->size_bytes
					 : v->size_bytes)) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	r = ask(s, c, "modify", o, &reply, err);
	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

static int btrfs_set_tags(struct session *base, const struct call *c,
			  const struct volume_facts *v, const struct tag *tags,
			  uint32_t n_tags, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	struct json_object *o = request_new(s);

	if (!o || json_add_string(o, "id", v->id) < 0 ||
	    put_tags(o, tags, n_tags) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	return ask(s, c, "note", o, NULL, err);
}

static int btrfs_set_marks(struct session *base, const struct call *c,
			   const struct volume_facts *v, bool managed,
			   bool blank, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	struct json_object *o = request_new(s);

	if (!o || json_add_string(o, "id", v->id) < 0 ||
	    json_add_bool(o, "managed", managed) < 0 ||
	    json_add_bool(o, "blank", blank) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	return ask(s, c, "note", o, NULL, err);
}

static int btrfs_rename(struct session *base, const struct call *c,
			const struct volume_facts *v, const char *name,
			struct err *err)
{
	if (btrfs_name_check(name, err) < 0)
		return -err->num;
	return ask_of(base, c, "rename", v->id, "name", name, NULL, err);
}

static int btrfs_import(struct session *base, const struct call *c,
			const char *id, const char *name,
			const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	int r = name ? btrfs_name_check(name, err) : 0;

	if (r == 0)
		r = ask_of(base, c, "import", id, "name", name, &reply, err);
	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

/* ---- snapshots ---- */

static int btrfs_snapshot(struct session *base, const struct call *c,
			  const struct volume_facts *v, const char *name,
			  const struct volume_sink *out, struct err *err)
{
	struct btrfs_session *s = session_of(base);
	AUTO(auto_json) struct json_object *reply = NULL;
	struct json_object *o;
	int r;

	if (btrfs_name_check(name, err) < 0)
		return -err->num;
	/* A freeze would be of the whole file system, and hold up the very
	 * snapshot: the kernel makes it of one piece by itself. */
	o = request_new(s);
	if (!o || json_add_string(o, "id", v->id) < 0 ||
	    json_add_string(o, "name", name) < 0 ||
	    json_add_string(o, "token", c->token) < 0 ||
	    json_add_i64(o, "size_bytes", (int64_t)v->size_bytes) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	r = ask(s, c, "snapshot", o, &reply, err);
	return r < 0 ? r : btrfs_reply_emit(reply, out, err);
}

static int btrfs_snapshot_remove(struct session *base, const struct call *c,
				 const struct snapshot_facts *snapshot,
				 struct err *err)
{
	return ask_of(base, c, "snapshot-remove", snapshot->id, "volume",
		      snapshot->volume_id, NULL, err);
}

static int btrfs_restore(struct session *base, const struct call *c,
			 const struct volume_facts *v,
			 const struct snapshot_facts *snapshot,
			 struct err *err)
{
	struct btrfs_session *s = session_of(base);
	struct json_object *o = request_new(s);

	if (!o || json_add_string(o, "id", v->id) < 0 ||
	    json_add_string(o, "snapshot", snapshot->id) < 0 ||
	    json_add_i64(o, "size_bytes", (int64_t)v->size_bytes) < 0) {
		json_object_put(o);
		return err_oom(err);
	}
	return ask(s, c, "restore", o, NULL, err);
}

const struct provider provider_btrfs = {
	.name = "btrfs",
	.title = "Subvolumes of a btrfs file system of this machine",
	.kind = KIND_DIRECTORY,
	.notions = NOTION_TAGS,
	.session_size = sizeof(struct btrfs_session),
	.options = btrfs_options,
	.parallel = true,
	.open = btrfs_open,
	.close = btrfs_close,
	.list = btrfs_list,
	.create = btrfs_create,
	.remove = btrfs_remove,
	.attach = btrfs_attach,
	.detach = btrfs_detach,
	.get = btrfs_get,
	.bounds = btrfs_bounds,
	.check_name = btrfs_check_name,
	.create_from_snapshot = btrfs_create_from_snapshot,
	.create_from_volume = btrfs_create_from_volume,
	.changes = FIELD_SIZE,
	.modify = btrfs_modify,
	.set_tags = btrfs_set_tags,
	.set_marks = btrfs_set_marks,
	.rename = btrfs_rename,
	.snapshot = btrfs_snapshot,
	.snapshot_remove = btrfs_snapshot_remove,
	.restore = btrfs_restore,
	.import = btrfs_import,
	.usage = btrfs_usage,
	.help = btrfs_help,
};
