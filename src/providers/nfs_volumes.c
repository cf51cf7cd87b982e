/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a helper does with volumes: looking, making, removing, changing.
 *
 * mkdir is the one act that decides who has a name, since over NFS a rename
 * replaces an empty directory without a word. So a name is claimed by mkdir
 * first; what is put there then takes the place of the empty directory.
 */
#include "providers/nfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"

/*
 * Looking
 */

static int answer_into(struct nfs_work *w, const char *key,
		       struct json_object *o, struct err *err)
{
	struct json_object *list = NULL;

	if (!json_object_object_get_ex(w->reply, key, &list)) {
		list = json_object_new_array();
		if (!list || nfs_put(w->reply, key, list) < 0) {
			json_object_put(o);
			return err_oom(err);
		}
	}
	if (json_object_array_add(list, o) == 0)
		return 0;
	json_object_put(o);
	return err_oom(err);
}

/* Of a volume's facts what the daemon is told, besides the computed. */
static int copy_keys(struct json_object *meta, struct json_object *o)
{
	static const char *const keys[] = {
		"token", "managed", "created_at_s", "source", "source_id",
		"source_name", "tags",
	};
	struct json_object *v;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(meta, keys[i], &v))
			r = nfs_put(o, keys[i], json_object_get(v));
	return r;
}

/* Who has the export can write to it without volfs: a volume is blank while
 * nobody has. */
static bool is_blank(struct nfs_work *w, const struct nfs_volume *v)
{
	return v->meta && nfs_truth(v->meta, "blank") && v->ino &&
	       nfs_has_entries(w->root, v->dir) == 0;
}

int nfs_answer_volume(struct nfs_work *w, const struct nfs_volume *v,
		      struct err *err)
{
	AUTO(auto_json) struct json_object *o = json_object_new_object();
	const char *state = "available";
	int r = o ? 0 : -ENOMEM;

	if (v->meta && nfs_truth(v->meta, "pending"))
		state = "creating";
	if (!v->ino)
		state = "restoring";
	r = r < 0 ? r : nfs_put_text(o, "id", v->id);
	r = r < 0 ? r : nfs_put_text(o, "directory", v->dir);
	r = r < 0 ? r : nfs_put_text(o, "state", state);
	r = r < 0 ? r : nfs_put_bool(o, "blank", is_blank(w, v));
	if (r == 0 && v->meta)
		r = copy_keys(v->meta, o);
	if (r < 0)
		return err_oom(err);
	return answer_into(w, "volumes", STEAL(o), err);
}

int nfs_answer_snapshot(struct nfs_work *w, struct json_object *meta,
			struct err *err)
{
	return answer_into(w, "snapshots", json_object_get(meta), err);
}

static int answer_each(struct nfs_work *w, struct nfs_volume *v, void *arg,
		       struct err *err)
{
	return nfs_answer_volume(w, v, err);
}

static int answer_each_snapshot(struct nfs_work *w, struct json_object *meta,
				void *arg, struct err *err)
{
	return nfs_answer_snapshot(w, meta, err);
}

static int answer_space(struct nfs_work *w, struct err *err)
{
	struct statvfs fs;
	int r;

	if (w->root < 0 || fstatvfs(w->root, &fs) < 0)
		return 0;             /* the share's space is worth no failure */
	r = nfs_put_number(w->reply, "total_bytes", fs.f_blocks * fs.f_frsize);
	if (r == 0)
		r = nfs_put_number(w->reply, "available_bytes",
				   fs.f_bavail * fs.f_frsize);
	return r < 0 ? err_oom(err) : 0;
}

int nfs_do_list(struct nfs_work *w, struct err *err)
{
	int r = nfs_each_volume(w, answer_each, NULL, err);

	if (r == 0)
		r = nfs_each_snapshot(w, NULL, answer_each_snapshot, NULL, err);
	return r < 0 ? r : answer_space(w, err);
}

int nfs_do_get(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	int r = nfs_find(w, nfs_text(w->q, "id"), &v, err);

	if (r == 0)
		r = nfs_answer_volume(w, &v, err);
	if (r == 0)
		r = nfs_each_snapshot(w, v.id, answer_each_snapshot, NULL, err);
	return r;
}

/*
 * Making
 */

struct json_object *nfs_new_meta(struct nfs_work *w, const char *id,
				 const char *dir)
{
	static const char *const keys[] = { "token", "tags", "source",
					    "source_id", "source_name" };
	AUTO(auto_json) struct json_object *o = json_object_new_object();
	struct json_object *v;
	int r = o ? nfs_put_number(o, "schema", 1) : -ENOMEM;

	r = r < 0 ? r : nfs_put_text(o, "id", id);
	r = r < 0 ? r : nfs_put_text(o, "directory", dir);
	r = r < 0 ? r : nfs_put_bool(o, "managed", true);
	r = r < 0 ? r : nfs_put_bool(o, "blank", nfs_truth(w->q, "blank"));
	r = r < 0 ? r : nfs_put_number(o, "created_at_s",
				       (uint64_t)clock_unix_s());
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(w->q, keys[i], &v))
			r = nfs_put(o, keys[i], json_object_get(v));
	return r < 0 ? NULL : STEAL(o);
}

struct by_dir {
	const char *dir;
	char id[NFS_ID_ROOM];
};

static int dir_each(struct nfs_work *w, struct nfs_volume *v, void *arg,
		    struct err *err)
{
	struct by_dir *b = arg;

	if (strcmp(v->dir, b->dir) != 0)
		return 0;
	snprintf(b->id, sizeof(b->id), "%s", v->id);
	return 1;
}

/* A directory that an earlier attempt for these facts has made? Its own, and
 * empty or filled by it. */
static bool is_own_claim(struct nfs_work *w, struct json_object *meta,
			 const char *dir)
{
	struct by_dir b = { .dir = dir };
	struct nfs_ident ident;

	if (nfs_each_volume(w, dir_each, &b, NULL) <= 0 ||
	    strcmp(b.id, nfs_text(meta, "id")) != 0)
		return false;
	return nfs_has_entries(w->root, dir) == 0 ||
	       (!nfs_ident(w->root, dir, &ident) && nfs_is_of(meta, &ident));
}

static int say_exists(const char *dir, struct err *err)
{
	return err_set(err, EEXIST, "the share has a directory '%s' already: choose another name, or take that one over by .import",
		       dir);
}

int nfs_claim(struct nfs_work *w, struct json_object *meta, const char *dir,
	      struct err *err)
{
	if (mkdirat(w->root, dir, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return nfs_fail(err, errno, "making the directory '%s'", dir);
	return meta && is_own_claim(w, meta, dir) ? 0 : say_exists(dir, err);
}

int nfs_settle(struct nfs_work *w, struct json_object *meta, struct err *err)
{
	const char *dir = nfs_text(meta, "directory");
	struct nfs_ident ident;
	int r = nfs_ident(w->root, dir, &ident);

	if (r < 0)
		return nfs_fail(err, r == -ENOENT ? EIO : -r, "finding the directory '%s' again",
				dir);
	json_object_object_del(meta, "pending");
	json_object_object_del(meta, "restoring");
	json_object_object_del(meta, "restoring_from");
	json_object_object_del(meta, "renaming");
	if (nfs_put_ident(meta, &ident) < 0)
		return err_oom(err);
	return nfs_meta_write(w, NFS_VOLUMES, meta, err);
}

static int set_mode(struct nfs_work *w, const char *dir, struct err *err)
{
	mode_t mode = (mode_t)nfs_number(w->q, "mode");
	AUTO(auto_fd) int fd = nfs_open_dir(w->root, dir);

	if (fd < 0 || fchmod(fd, mode ? mode : 0755) < 0)
		return nfs_fail(err, fd < 0 ? -fd : errno, "setting the mode of '%s'",
				dir);
	return 0;
}

/* What the new volume begins with, as a path below the root; "" = nothing. */
static int source_path(struct nfs_work *w, char path[NFS_PATH_ROOM],
		       struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	AUTO(auto_json) struct json_object *snapshot = NULL;
	const char *kind = nfs_text(w->q, "source");
	const char *id = nfs_text(w->q, "source_id");
	int r = 0;

	path[0] = '\0';
	if (!strcmp(kind, "snapshot")) {
		r = nfs_find_snapshot(w, id, &snapshot, err);
		if (r == 0)
			nfs_snapshot_path(snapshot, path);
	} else if (!strcmp(kind, "volume")) {
		r = nfs_find(w, id, &v, err);
		if (r == 0)
			snprintf(path, NFS_PATH_ROOM, "%s", v.dir);
	}
	return r;
}

/* A failure leaves nothing, as far as the server still listens. */
static void undo_create(struct nfs_work *w, struct json_object *meta)
{
	nfs_drop_attempts(w, NFS_NEW, "", nfs_text(meta, "id"));
	(void)unlinkat(w->root, nfs_text(meta, "directory"), AT_REMOVEDIR);
	(void)nfs_meta_drop(w->root, NFS_VOLUMES, nfs_text(meta, "id"), NULL);
}

static int create_rest(struct nfs_work *w, struct json_object *meta,
		       const char *from, struct err *err)
{
	const char *dir = nfs_text(meta, "directory");
	struct nfs_ident ident;
	int r = 0;

	if (!*from)
		r = set_mode(w, dir, err);
	else if (nfs_ident(w->root, dir, &ident) < 0 ||
		 !nfs_is_of(meta, &ident))
		r = nfs_fill(w, meta, from, err);
	FAULT_POINT("nfs.create.filled");
	return r < 0 ? r : nfs_settle(w, meta, err);
}

static int create_begin(struct nfs_work *w, const char *id,
			struct json_object **out, struct err *err)
{
	const char *dir = nfs_text(w->q, "directory");
	AUTO(auto_json) struct json_object *meta = nfs_new_meta(w, id, dir);
	int r;

	if (!meta || nfs_put_bool(meta, "pending", true) < 0)
		return err_oom(err);
	/* A name that is taken is refused before anything is written. */
	if (faccessat(w->root, dir, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return say_exists(dir, err);
	r = nfs_meta_write(w, NFS_VOLUMES, meta, err);
	FAULT_POINT("nfs.create.facts");
	if (r < 0)
		return r;
	r = nfs_claim(w, NULL, dir, err);
	FAULT_POINT("nfs.create.claimed");
	if (r < 0) {
		(void)nfs_meta_drop(w->root, NFS_VOLUMES, id, NULL);
		return r;
	}
	*out = STEAL(meta);
	return 0;
}

int nfs_do_create(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	AUTO(auto_json) struct json_object *meta = NULL;
	char id[NFS_ID_ROOM], from[NFS_PATH_ROOM];
	int r;

	snprintf(id, sizeof(id), "v-%.80s", w->token);
	r = nfs_lock(w, id, err);
	if (r < 0)
		return r;
	r = nfs_meta_read(w->root, NFS_VOLUMES, id, &meta, err);
	if (r == 0 && !nfs_truth(meta, "pending")) {
		/* The call before did it all, and its answer was lost. */
		r = nfs_find(w, id, &v, err);
		return r < 0 ? r : nfs_answer_volume(w, &v, err);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (source_path(w, from, err) < 0)
		return -err->num;
	if (!meta)
		r = create_begin(w, id, &meta, err);
	else
		r = nfs_claim(w, meta, nfs_text(meta, "directory"), err);
	if (r < 0)
		return r;
	r = create_rest(w, meta, from, err);
	if (r < 0) {
		undo_create(w, meta);
		return r;
	}
	r = nfs_find(w, id, &v, err);
	return r < 0 ? r : nfs_answer_volume(w, &v, err);
}

/*
 * Removing
 */

static int snapshot_each(struct nfs_work *w, struct json_object *meta,
			 void *arg, struct err *err)
{
	return 1;
}

int nfs_purge(struct nfs_work *w, struct err *err)
{
	AUTO(auto_fd) int dir = nfs_open_dir(w->root, NFS_DELETED);
	AUTO(auto_dir) DIR *d = dir < 0 ? NULL : nfs_stream(dir);
	const size_t end = strlen(NFS_PURGE);
	struct dirent *e;
	int r = 0;

	while (r == 0 && d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len > end && !strcmp(e->d_name + len - end, NFS_PURGE))
			r = nfs_erase(dir, e->d_name, err);
	}
	return r;
}

int nfs_bury(struct nfs_work *w, const char *path, const char *name,
	     const char *suffix, struct err *err)
{
	AUTO(auto_fd) int dir = nfs_make_dirs(w->root, NFS_DELETED);
	char at[FORMAT_MAX], to[NAME_BYTES_MAX + 1], nth[16] = "";
	int i, r = dir;

	format_time(at, clock_unix_s());
	for (char *p = at; *p; p++)
		if (*p == ':')
			*p = '-';
	for (i = 2; r >= 0 && i < 1000; i++) {
		snprintf(to, sizeof(to), "%.200s.%s%s%s", name, at, nth,
			 suffix);
		if (renameat(w->root, path, dir, to) == 0)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			r = -errno;
		snprintf(nth, sizeof(nth), ".%d", i);
	}
	return nfs_fail(err, r < 0 ? -r : EEXIST, "moving '%s' to '%s'", path,
			NFS_DELETED);
}

static int archive(struct nfs_work *w, const char *dir, struct err *err)
{
	char to[NAME_BYTES_MAX + 1];

	for (int i = 1; i < 1000; i++) {
		snprintf(to, sizeof(to), i > 1 ? NFS_ARCHIVED "%.230s.%d"
					       : NFS_ARCHIVED "%.230s",
			 dir, i);
		/* Claimed first: rename() replaces an empty directory. */
		if (mkdirat(w->root, to, 0700) < 0 && errno == EEXIST)
			continue;
		if (renameat(w->root, dir, w->root, to) == 0)
			return 0;
		break;
	}
	return nfs_fail(err, errno, "renaming '%s' to '%s'", dir, to);
}

static int remove_files(struct nfs_work *w, struct nfs_volume *v,
			struct err *err)
{
	const char *how = nfs_text(w->q, "on_delete");

	if (!v->ino || unlinkat(w->root, v->dir, AT_REMOVEDIR) == 0 ||
	    errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return nfs_fail(err, errno, "removing '%s'", v->dir);
	if (v->meta && nfs_truth(v->meta, "blank") &&
	    !nfs_truth(v->meta, "pending")) {
		if (nfs_put_bool(v->meta, "blank", false) < 0)
			return err_oom(err);
		(void)nfs_meta_write(w, NFS_VOLUMES, v->meta, NULL);
		return err_set(err, ENOTEMPTY, "'%s' was made blank and never mounted by volfs, but it holds files: somebody else put them there. It is protected now: echo 0 > protect, then again",
			       v->dir);
	}
	if (!strcmp(how, "archive"))
		return archive(w, v->dir, err);
	return nfs_bury(w, v->dir, v->dir, strcmp(how, "delete") ? "" : NFS_PURGE,
		    err);
}

int nfs_do_remove(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	const char *id = nfs_text(w->q, "id");
	int r;

	if (w->root < 0)
		return 0;
	r = nfs_lock(w, id, err);
	if (r == 0)
		r = nfs_find(w, id, &v, err);
	if (r == -ENOENT) {
		*err = (struct err)ERR_INIT;
		r = nfs_id_is_sound(id) ? nfs_meta_drop(w->root, NFS_VOLUMES,
							id, err) : 0;
		return r < 0 ? r : nfs_purge(w, err);
	}
	if (r < 0)
		return r;
	r = nfs_each_snapshot(w, id, snapshot_each, NULL, err);
	if (r > 0)
		return err_set(err, ENOTEMPTY, "'%s' has snapshots: remove them first",
			       v.dir);
	nfs_drop_attempts(w, NFS_NEW, "", id);
	r = r < 0 ? r : remove_files(w, &v, err);
	FAULT_POINT("nfs.remove.moved");
	if (r == 0)
		r = nfs_meta_drop(w->root, NFS_VOLUMES, id, err);
	return r < 0 ? r : nfs_purge(w, err);
}

/*
 * Using and changing
 */

/* Facts of a directory that had none: as it is taken over. */
static int adopt(struct nfs_work *w, struct nfs_volume *v, struct err *err)
{
	v->meta = nfs_new_meta(w, v->id, v->dir);
	if (!v->meta || nfs_put_bool(v->meta, "managed", false) < 0 ||
	    nfs_put_bool(v->meta, "blank", false) < 0 ||
	    nfs_put_text(v->meta, "source", "import") < 0 ||
	    nfs_put(v->meta, "created_at_s", NULL) < 0)
		return err_oom(err);
	return 0;
}

/* Where it was found last is where it is. */
static int write_facts(struct nfs_work *w, struct nfs_volume *v,
		       struct err *err)
{
	if (nfs_put_text(v->meta, "directory", v->dir) < 0)
		return err_oom(err);
	if (nfs_truth(v->meta, "pending") || !v->ino)
		return nfs_meta_write(w, NFS_VOLUMES, v->meta, err);
	return nfs_settle(w, v->meta, err);
}

int nfs_do_attach(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	const char *id = nfs_text(w->q, "id");
	int r = nfs_lock(w, id, err);

	if (r == 0)
		r = nfs_find(w, id, &v, err);
	if (r < 0)
		return r;
	if (!v.ino || (v.meta && nfs_truth(v.meta, "pending")))
		return err_set(err, EBUSY, "'%s' is not whole: %s", v.dir,
			       v.ino ? "it is still being made"
				     : "a restore of it was cut short; restore it again");
	/* From now on it may hold data. */
	if (v.meta && nfs_truth(v.meta, "blank")) {
		if (nfs_put_bool(v.meta, "blank", false) < 0)
			return err_oom(err);
		r = write_facts(w, &v, err);
	}
	if (r == 0 && nfs_put_text(w->reply, "directory", v.dir) < 0)
		return err_oom(err);
	return r;
}

int nfs_do_change(struct nfs_work *w, struct err *err)
{
	static const char *const keys[] = { "managed", "blank", "tags" };
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	const char *id = nfs_text(w->q, "id");
	struct json_object *value;
	int r = nfs_lock(w, id, err);

	if (r == 0)
		r = nfs_find(w, id, &v, err);
	if (r == 0 && !v.meta)
		r = adopt(w, &v, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(w->q, keys[i], &value) &&
		    nfs_put(v.meta, keys[i], json_object_get(value)) < 0)
			r = err_oom(err);
	return r < 0 ? r : write_facts(w, &v, err);
}

/* To a name that nobody has; "renaming" in the facts lets a repeat after a
 * crash take the name that it claimed itself. */
static int move(struct nfs_work *w, struct nfs_volume *v, const char *to,
		struct err *err)
{
	bool again = v->meta && !strcmp(nfs_text(v->meta, "renaming"), to) &&
		     nfs_has_entries(w->root, to) == 0;
	int r = 0;

	if (!again && faccessat(w->root, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return say_exists(to, err);
	if (!again && v->meta) {
		if (nfs_put_text(v->meta, "renaming", to) < 0)
			return err_oom(err);
		r = nfs_meta_write(w, NFS_VOLUMES, v->meta, err);
	}
	if (r == 0 && !again)
		r = nfs_claim(w, NULL, to, err);
	FAULT_POINT("nfs.rename.claimed");
	if (r < 0)
		return r;
	if (renameat(w->root, v->dir, w->root, to) < 0) {
		r = nfs_fail(err, errno, "renaming '%s' to '%s'", v->dir, to);
		(void)unlinkat(w->root, to, AT_REMOVEDIR);
		return r;
	}
	FAULT_POINT("nfs.rename.moved");
	snprintf(v->dir, sizeof(v->dir), "%s", to);
	return v->meta ? write_facts(w, v, err) : 0;
}

int nfs_do_rename(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	const char *id = nfs_text(w->q, "id");
	const char *to = nfs_text(w->q, "directory");
	int r = nfs_lock(w, id, err);

	if (r == 0)
		r = nfs_find(w, id, &v, err);
	if (r == 0 && !v.ino)
		r = err_set(err, EBUSY, "a restore of '%s' was cut short; restore it again",
			    v.dir);
	if (r == 0 && strcmp(v.dir, to) != 0)
		r = move(w, &v, to, err);
	return r;
}

struct by_token {
	const char *token;
	struct nfs_volume *out;
};

static int token_each(struct nfs_work *w, struct nfs_volume *v, void *arg,
		      struct err *err)
{
	struct by_token *b = arg;

	if (!v->meta || strcmp(nfs_text(v->meta, "token"), b->token) != 0)
		return 0;
	*b->out = *v;
	v->meta = NULL;
	return 1;
}

/* The directory of the share that a user names, also one that is hidden from
 * listings: what was archived. */
static int import_find(struct nfs_work *w, const char *word,
		       struct nfs_volume *v, struct err *err)
{
	struct by_dir b = { .dir = word };
	struct nfs_ident ident;
	int r;

	if (w->root < 0 || !*word || strchr(word, '/') || word[0] == '.' ||
	    strlen(word) > NAME_BYTES_MAX ||
	    nfs_ident(w->root, word, &ident) < 0)
		return err_set(err, ENOENT, "the share has no directory '%.100s'",
			       word);
	r = nfs_each_volume(w, dir_each, &b, err);
	if (r < 0)
		return r;
	if (r > 0)
		return nfs_find(w, b.id, v, err);
	*v = (struct nfs_volume){ .ino = ident.ino };
	snprintf(v->id, sizeof(v->id), "v-%.80s", w->token);
	snprintf(v->dir, sizeof(v->dir), "%s", word);
	return 0;
}

/* 1: the same import before got as far as its facts. It may have been cut
 * short on either side of the rename, with the directory still hidden. */
static int import_again(struct nfs_work *w, struct nfs_volume *v,
			struct err *err)
{
	static const char *const keys[] = { "directory", "renaming" };
	AUTO(auto_json) struct json_object *meta = NULL;
	struct by_token b = { w->token, v };
	char id[NFS_ID_ROOM];

	if (w->root < 0 || !*w->token)
		return 0;
	snprintf(id, sizeof(id), "v-%.80s", w->token);
	(void)nfs_meta_read(w->root, NFS_VOLUMES, id, &meta, NULL);
	for (size_t i = 0; meta && i < ARRAY_SIZE(keys); i++) {
		const char *dir = nfs_text(meta, keys[i]);
		struct nfs_ident ident;

		if (!*dir || nfs_ident(w->root, dir, &ident) < 0 ||
		    !nfs_is_of(meta, &ident))
			continue;
		*v = (struct nfs_volume){ .ino = ident.ino };
		snprintf(v->id, sizeof(v->id), "%s", id);
		snprintf(v->dir, sizeof(v->dir), "%s", dir);
		v->meta = STEAL(meta);
		return 1;
	}
	return nfs_each_volume(w, token_each, &b, err);
}

int nfs_do_import(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	const char *to = nfs_text(w->q, "directory");
	int r = nfs_lock(w, w->token, err);
	bool again;

	if (r == 0)
		r = import_again(w, &v, err);
	again = r > 0;
	if (r == 0)
		r = import_find(w, nfs_text(w->q, "id"), &v, err);
	if (r == 0 && !v.meta)
		r = adopt(w, &v, err);
	if (r < 0)
		return r;
	if (!again && *to && strcmp(v.dir, to) != 0 &&
	    faccessat(w->root, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return say_exists(to, err);
	if (nfs_put_bool(v.meta, "managed", true) < 0 ||
	    nfs_put_bool(v.meta, "blank", false) < 0 ||
	    nfs_put_text(v.meta, "token", w->token) < 0)
		return err_oom(err);
	/* A repeat keeps what says which name it has claimed. */
	r = again && *to && strcmp(v.dir, to) != 0 ? 0
						   : write_facts(w, &v, err);
	FAULT_POINT("nfs.import.facts");
	if (r == 0 && *to && strcmp(v.dir, to) != 0)
		r = move(w, &v, to, err);
	return r < 0 ? r : nfs_answer_volume(w, &v, err);
}

int nfs_do_discard(struct nfs_work *w, struct err *err)
{
	const char *id = nfs_text(w->q, "id");
	AUTO(auto_fd) int all = nfs_open_dir(w->root, NFS_SNAPSHOTS);
	AUTO(auto_dir) DIR *d = all < 0 ? NULL : nfs_stream(all);
	char place[NFS_PATH_ROOM];
	struct dirent *e;

	nfs_drop_attempts(w, NFS_NEW, "", id);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(place, sizeof(place), NFS_SNAPSHOTS "/%s", e->d_name);
		nfs_drop_attempts(w, place, NFS_INCOMPLETE, id);
	}
	return 0;
}
