/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a helper copies: snapshots, new volumes from them, volumes rolled back.
 * A copy is made under a name that says it is incomplete, and put in its place
 * by one rename. A repeat of a call that was cut short begins it anew.
 */
#include "providers/nfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"

/* Who the folder of snapshots belongs to: a later volume may have the name
 * that an earlier one had. */
#define OWNER ".volume"

/* A copy of @from (below the root) as @place/@attempt, with its identity. */
static int make_copy(struct nfs_work *w, const char *from, const char *place,
		     const char *attempt, struct nfs_ident *ident,
		     struct err *err)
{
	AUTO(auto_fd) int source = nfs_open_dir(w->root, from);
	AUTO(auto_fd) int parent = -1;
	AUTO(auto_fd) int to = -1;
	int r;

	if (source < 0)
		return nfs_fail(err, -source, "opening '%s'", from);
	parent = nfs_make_dirs(w->root, place);
	if (parent >= 0 && mkdirat(parent, attempt, 0700) < 0)
		return nfs_fail(err, errno, "making '%s/%s'", place, attempt);
	to = parent < 0 ? parent : nfs_open_dir(parent, attempt);
	if (to < 0)
		return nfs_fail(err, -to, "making '%s/%s'", place, attempt);
	r = nfs_copy(source, to, err);
	FAULT_POINT("nfs.copy.copied");
	if (r == 0) {
		r = nfs_ident(parent, attempt, ident);
		if (r < 0)
			nfs_fail(err, -r, "finding the copy of '%s'", from);
	}
	if (r < 0)
		(void)nfs_erase(parent, attempt, NULL);
	return r < 0 ? -err->num : 0;
}

int nfs_fill(struct nfs_work *w, struct json_object *meta, const char *from,
	     struct err *err)
{
	const char *dir = nfs_text(meta, "directory");
	char attempt[NAME_BYTES_MAX + 1], path[NFS_PATH_ROOM];
	struct nfs_ident ident;
	int r;

	nfs_drop_attempts(w, NFS_NEW, "", nfs_text(meta, "id"));
	nfs_attempt("", nfs_text(meta, "id"), attempt);
	r = make_copy(w, from, NFS_NEW, attempt, &ident, err);
	if (r < 0)
		return r;
	if (nfs_put_ident(meta, &ident) < 0)
		return err_oom(err);
	r = nfs_meta_write(w, NFS_VOLUMES, meta, err);
	FAULT_POINT("nfs.fill.copied");
	snprintf(path, sizeof(path), NFS_NEW "/%s", attempt);
	if (r == 0 && renameat(w->root, path, w->root, dir) < 0)
		r = nfs_fail(err, errno, "putting the copy at '%s'", dir);
	return r;
}

/*
 * Snapshots
 */

struct by_name {
	const char *directory;
};

static int same_name(struct nfs_work *w, struct json_object *meta, void *arg,
		     struct err *err)
{
	const struct by_name *b = arg;

	return !strcmp(nfs_text(meta, "directory"), b->directory);
}

/* 1: the folder .snapshots/@name is @id's, now if not before. */
static int own_folder(int all, const char *name, const char *id)
{
	AUTO(auto_fd) int dir = -1;
	AUTO(auto_fd) int file = -1;
	char is[NFS_ID_ROOM] = "";
	ssize_t n;

	if (mkdirat(all, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = nfs_open_dir(all, name);
	if (dir < 0)
		return dir == -ENOTDIR || dir == -ELOOP ? 0 : dir;
	file = openat(dir, OWNER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		      O_NOFOLLOW, 0600);
	if (file >= 0)
		return write(file, id, strlen(id)) == (ssize_t)strlen(id)
			       ? 1 : -errno;
	file = nfs_open(dir, OWNER, O_RDONLY | O_NONBLOCK);
	n = file < 0 ? file : read(file, is, sizeof(is) - 1);
	return n < 0 ? -EIO : !strcmp(is, id);
}

/* The folder of the volume's snapshots: by its name, or by name and id. */
static int choose_folder(struct nfs_work *w, const struct nfs_volume *v,
			 char folder[NAME_BYTES_MAX + 1], struct err *err)
{
	AUTO(auto_fd) int all = nfs_make_dirs(w->root, NFS_SNAPSHOTS);
	int r = all;

	snprintf(folder, NAME_BYTES_MAX + 1, "%s", v->dir);
	if (r >= 0)
		r = own_folder(all, folder, v->id);
	if (r == 0) {
		snprintf(folder, NAME_BYTES_MAX + 1, "%.150s@%s", v->dir,
			 v->id);
		r = own_folder(all, folder, v->id);
	}
	if (r == 0)
		return err_set(err, EIO, "'" NFS_SNAPSHOTS "/%s' belongs to another volume",
			       folder);
	return r < 0 ? nfs_fail(err, -r, "making '" NFS_SNAPSHOTS "/%s'",
				folder) : 0;
}

static struct json_object *snapshot_meta(struct nfs_work *w, const char *id,
					 const struct nfs_volume *v,
					 const char *folder,
					 const struct nfs_ident *ident)
{
	AUTO(auto_json) struct json_object *o = json_object_new_object();
	int r = o ? nfs_put_number(o, "schema", 1) : -ENOMEM;

	r = r < 0 ? r : nfs_put_text(o, "id", id);
	r = r < 0 ? r : nfs_put_text(o, "volume_id", v->id);
	r = r < 0 ? r : nfs_put_text(o, "folder", folder);
	r = r < 0 ? r : nfs_put_text(o, "directory",
				     nfs_text(w->q, "directory"));
	r = r < 0 ? r : nfs_put_text(o, "token", w->token);
	r = r < 0 ? r : nfs_put_number(o, "created_at_s",
				       nfs_number(w->q, "now_s"));
	r = r < 0 ? r : nfs_put_ident(o, ident);
	return r < 0 ? NULL : STEAL(o);
}

/* Facts first, then the rename that makes them true. */
static int place_snapshot(struct nfs_work *w, struct json_object *meta,
			  const char *place, const char *attempt,
			  struct err *err)
{
	AUTO(auto_fd) int dir = nfs_open_dir(w->root, place);
	const char *name = nfs_text(meta, "directory");
	int num, r;

	if (dir < 0)
		return nfs_fail(err, -dir, "opening '%s'", place);
	r = nfs_meta_write(w, NFS_SNAPSHOT_FACTS, meta, err);
	FAULT_POINT("nfs.snapshot.facts");
	if (r == 0 && renameat(dir, attempt, dir, name) == 0)
		return 0;
	num = errno;
	(void)nfs_erase(dir, attempt, NULL);
	(void)nfs_meta_drop(w->root, NFS_SNAPSHOT_FACTS, nfs_text(meta, "id"),
			    NULL);
	if (r < 0)
		return r;
	if (num == ENOTEMPTY || num == EEXIST)
		return err_set(err, EEXIST, "the share has '%s/%s' already: choose another name",
			       place, name);
	return nfs_fail(err, num, "putting the copy at '%s/%s'", place, name);
}

static int take_snapshot(struct nfs_work *w, const char *id,
			 const struct nfs_volume *v, struct err *err)
{
	AUTO(auto_json) struct json_object *meta = NULL;
	char folder[NAME_BYTES_MAX + 1], place[NFS_PATH_ROOM];
	char attempt[NAME_BYTES_MAX + 1];
	struct nfs_ident ident;
	int r = choose_folder(w, v, folder, err);

	if (r < 0)
		return r;
	snprintf(place, sizeof(place), NFS_SNAPSHOTS "/%s", folder);
	nfs_drop_attempts(w, place, NFS_INCOMPLETE, id);
	nfs_attempt(NFS_INCOMPLETE, id, attempt);
	r = make_copy(w, v->dir, place, attempt, &ident, err);
	if (r < 0)
		return r;
	meta = snapshot_meta(w, id, v, folder, &ident);
	if (!meta)
		return err_oom(err);
	r = place_snapshot(w, meta, place, attempt, err);
	FAULT_POINT("nfs.snapshot.placed");
	return r < 0 ? r : nfs_answer_snapshot(w, meta, err);
}

int nfs_do_snapshot(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	AUTO(auto_json) struct json_object *meta = NULL;
	struct by_name name = { nfs_text(w->q, "directory") };
	const char *volume = nfs_text(w->q, "id");
	char id[NFS_ID_ROOM];
	int r;

	snprintf(id, sizeof(id), "s-%.80s", w->token);
	r = nfs_lock(w, id, err);
	if (r == 0)
		r = nfs_find(w, volume, &v, err);
	if (r < 0)
		return r;
	/* The call before did it, and its answer was lost. */
	if (nfs_find_snapshot(w, id, &meta, err) == 0)
		return nfs_answer_snapshot(w, meta, err);
	if (err->num != ENOENT)
		return -err->num;
	*err = (struct err)ERR_INIT;
	if (!v.ino)
		return err_set(err, EBUSY, "a restore of '%s' was cut short; restore it again",
			       v.dir);
	r = nfs_each_snapshot(w, volume, same_name, &name, err);
	if (r > 0)
		return err_set(err, EEXIST, "'%s' has a snapshot '%s' already",
			       v.dir, name.directory);
	return r < 0 ? r : take_snapshot(w, id, &v, err);
}

/* A folder without snapshots goes, unless somebody put something there. */
static void drop_folder(struct nfs_work *w, const char *folder)
{
	AUTO(auto_fd) int all = nfs_open_dir(w->root, NFS_SNAPSHOTS);
	AUTO(auto_fd) int dir = all < 0 ? -1 : nfs_open_dir(all, folder);
	AUTO(auto_dir) DIR *d = dir < 0 ? NULL : nfs_stream(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, OWNER) != 0)
			return;
	if (!d)
		return;
	(void)unlinkat(dir, OWNER, 0);
	(void)unlinkat(all, folder, AT_REMOVEDIR);
}

int nfs_do_snapshot_remove(struct nfs_work *w, struct err *err)
{
	AUTO(auto_json) struct json_object *meta = NULL;
	AUTO(auto_json) struct json_object *whole = NULL;
	const char *id = nfs_text(w->q, "id");
	char path[NFS_PATH_ROOM];
	int r;

	if (w->root < 0)
		return 0;
	r = nfs_lock(w, id, err);
	if (r < 0)
		return r;
	r = nfs_meta_read(w->root, NFS_SNAPSHOT_FACTS, id, &meta, err);
	if (r == -ENOENT) {
		*err = (struct err)ERR_INIT;
		return nfs_purge(w, err);
	}
	if (r < 0)
		return r;
	nfs_snapshot_path(meta, path);
	/* Only what the facts are of: another one may have the name now. */
	if (nfs_find_snapshot(w, id, &whole, NULL) == 0)
		r = nfs_bury(w, path, nfs_text(meta, "directory"), NFS_PURGE,
			     err);
	FAULT_POINT("nfs.snapshot-remove.moved");
	if (r == 0)
		r = nfs_meta_drop(w->root, NFS_SNAPSHOT_FACTS, id, err);
	if (r == 0)
		r = nfs_purge(w, err);
	drop_folder(w, nfs_text(meta, "folder"));
	return r;
}

/*
 * Restore: a copy of the snapshot takes the volume's place. Its directory is a
 * new one; who has the old one mounted on another machine sees the old files
 * go. Between the two renames there is no directory: the facts say so, and
 * name the copy.
 */

static int swap(struct nfs_work *w, struct nfs_volume *v, struct err *err)
{
	char path[NFS_PATH_ROOM];
	struct nfs_ident ident;
	int r = 0;

	snprintf(path, sizeof(path), NFS_NEW "/%s",
		 nfs_text(v->meta, "restoring"));
	/* No copy any more: the call before came as far as the second rename. */
	if (nfs_ident(w->root, path, &ident) < 0)
		return nfs_settle(w, v->meta, err);
	if (nfs_ident(w->root, v->dir, &ident) == 0)
		r = nfs_bury(w, v->dir, v->dir, NFS_PURGE, err);
	FAULT_POINT("nfs.restore.between");
	if (r == 0 && renameat(w->root, path, w->root, v->dir) < 0)
		r = nfs_fail(err, errno, "putting the copy at '%s'", v->dir);
	FAULT_POINT("nfs.restore.moved");
	return r < 0 ? r : nfs_settle(w, v->meta, err);
}

static int prepare(struct nfs_work *w, struct nfs_volume *v,
		   struct json_object *snapshot, struct err *err)
{
	char attempt[NAME_BYTES_MAX + 1], from[NFS_PATH_ROOM];
	struct nfs_ident ident;
	int r;

	nfs_drop_attempts(w, NFS_NEW, "", v->id);
	nfs_attempt("", v->id, attempt);
	nfs_snapshot_path(snapshot, from);
	r = make_copy(w, from, NFS_NEW, attempt, &ident, err);
	if (r < 0)
		return r;
	if (nfs_put_text(v->meta, "restoring", attempt) < 0 ||
	    nfs_put_text(v->meta, "restoring_from",
			 nfs_text(snapshot, "id")) < 0 ||
	    nfs_put_bool(v->meta, "blank", false) < 0)
		return err_oom(err);
	r = nfs_meta_write(w, NFS_VOLUMES, v->meta, err);
	FAULT_POINT("nfs.restore.copied");
	return r;
}

int nfs_do_restore(struct nfs_work *w, struct err *err)
{
	AUTO_VOLUME struct nfs_volume v = NFS_VOLUME_INIT;
	AUTO(auto_json) struct json_object *snapshot = NULL;
	const char *id = nfs_text(w->q, "id");
	const char *from = nfs_text(w->q, "source_id");
	int r = nfs_lock(w, id, err);

	if (r == 0)
		r = nfs_find_snapshot(w, from, &snapshot, err);
	if (r == 0)
		r = nfs_find(w, id, &v, err);
	if (r < 0)
		return r;
	if (!v.meta)
		return err_set(err, EACCES, "volfs did not make '%s': take it over by .import first",
			       v.dir);
	if (nfs_put_text(v.meta, "directory", v.dir) < 0)
		return err_oom(err);
	/* One that was cut short is finished first, if it was this one. */
	if (!*nfs_text(v.meta, "restoring") ||
	    strcmp(nfs_text(v.meta, "restoring_from"), from) != 0)
		r = prepare(w, &v, snapshot, err);
	if (r == 0)
		r = swap(w, &v, err);
	return r < 0 ? r : nfs_purge(w, err);
}
