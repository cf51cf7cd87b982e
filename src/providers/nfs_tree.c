/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How volumes and snapshots lie on a share, and how they are found: in a
 * helper. What a share holds is others' doing as well; no symbolic link is
 * followed and nothing above the volumes' directory reached.
 */
#include "providers/nfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <uthash.h>

#include "base/fault.h"
#include "base/file.h"

/* The system's errno -> the contract's. What is not named is EIO. */
static const struct err_map errno_table[] = {
	{ ENOSPC, ENOSPC },	  { EDQUOT, EDQUOT },
	{ EROFS, EROFS },	  { EACCES, EACCES },
	{ EPERM, EACCES },	  { EEXIST, EEXIST },
	{ EBUSY, EBUSY },	  { ETXTBSY, EBUSY },
	{ ENOMEM, ENOMEM },	  { ENAMETOOLONG, EINVAL },
	{ EXDEV, EXDEV },	  { ENFILE, EAGAIN },
	{ EMFILE, EAGAIN },	  { ENOTEMPTY, ENOTEMPTY },
	{ ESTALE, ESTALE },	  { ETIMEDOUT, EHOSTUNREACH },
	{ ECONNREFUSED, EHOSTUNREACH }, { EHOSTUNREACH, EHOSTUNREACH },
	{ ENETUNREACH, EHOSTUNREACH }, { EFBIG, ENOSPC },
	{ 0, 0 },
};

int nfs_fail(struct err *err, int num, const char *fmt, ...)
{
	const char *hint = "";
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (num == EACCES || num == EPERM)
		hint = "; an export that squashes root refuses this: no_root_squash";
	else if (num == ESTALE)
		hint = "; the directory was made anew on the server";
	return err_mapped(err, errno_table, num, text, hint);
}

/*
 * Directories
 */

int nfs_open(int dir, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int nfs_open_dir(int dir, const char *path)
{
	return nfs_open(dir, path, O_RDONLY | O_DIRECTORY);
}

int nfs_make_dirs(int dir, const char *path)
{
	AUTO(auto_free) char *copy = strdup(path);
	AUTO(auto_fd) int at = nfs_open_dir(dir, ".");
	char *word, *rest = copy;

	if (!copy)
		return -ENOMEM;
	while (at >= 0 && (word = strsep(&rest, "/"))) {
		int next;

		if (!*word)
			continue;
		next = nfs_open_dir(at, word);
		if (next == -ENOENT) {
			if (mkdirat(at, word, 0700) < 0 && errno != EEXIST)
				return -errno;
			next = nfs_open_dir(at, word);
		}
		close(at);
		at = next;
	}
	return at < 0 ? at : STEAL_FD(at);
}

DIR *nfs_stream(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d && copy >= 0)
		close(copy);
	return d;
}

int nfs_has_entries(int dir, const char *path)
{
	AUTO(auto_fd) int fd = nfs_open_dir(dir, path);
	AUTO(auto_dir) DIR *d = fd < 0 ? NULL : nfs_stream(fd);
	struct dirent *e;

	if (!d)
		return fd < 0 ? fd : -errno;
	while ((errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return 1;
	return -errno;
}

int nfs_ident(int dir, const char *path, struct nfs_ident *out)
{
	AUTO(auto_fd) int fd = nfs_open(dir, path, O_PATH | O_DIRECTORY);
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + 128];
	} u;
	struct stat st;
	int mount_id;

	if (fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	out->ino = st.st_ino;
	out->handle[0] = '\0';
	u.h.handle_bytes = 128;
	/* It has the generation as well, which tells a new directory from an
	 * old one with the same number. Not every file system has handles. */
	if (name_to_handle_at(fd, "", &u.h, &mount_id, AT_EMPTY_PATH) == 0)
		for (unsigned i = 0; i < u.h.handle_bytes && i < 128; i++)
			snprintf(out->handle + 2 * i, 3, "%02x",
				 u.h.f_handle[i]);
	return 0;
}

/*
 * Facts
 */

int nfs_put(struct json_object *o, const char *key, struct json_object *value)
{
	if (!value) {
		json_object_object_del(o, key);
		return 0;
	}
	if (json_object_object_add(o, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int nfs_put_text(struct json_object *o, const char *key, const char *value)
{
	return nfs_put(o, key, value ? json_object_new_string(value) : NULL);
}

int nfs_put_number(struct json_object *o, const char *key, uint64_t n)
{
	return nfs_put(o, key, json_object_new_uint64(n));
}

int nfs_put_bool(struct json_object *o, const char *key, bool on)
{
	return nfs_put(o, key, json_object_new_boolean(on));
}

int nfs_put_ident(struct json_object *meta, const struct nfs_ident *i)
{
	int r = nfs_put_number(meta, "directory_ino", i->ino);

	return r < 0 ? r : nfs_put_text(meta, "handle",
					*i->handle ? i->handle : NULL);
}

const char *nfs_text(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) : "";
}

uint64_t nfs_number(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_is_type(v, json_type_int) ?
		       json_object_get_uint64(v) : 0;
}

bool nfs_truth(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_is_type(v, json_type_boolean) &&
	       json_object_get_boolean(v);
}

bool nfs_is_of(struct json_object *meta, const struct nfs_ident *i)
{
	const char *handle = nfs_text(meta, "handle");

	if (nfs_number(meta, "directory_ino") != i->ino)
		return false;
	/* Handles change when a file system is exported otherwise. */
	return !*handle || !*i->handle || strlen(handle) != strlen(i->handle) ||
	       !strcmp(handle, i->handle);
}

static bool is_entry_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_BYTES_MAX && !strchr(name, '/') &&
	       name[0] != '.';
}

/* Names in facts become paths: they are looked at as closely as words of a
 * user. */
static bool meta_is_sound(struct json_object *o, const char *id, bool snapshot)
{
	if (!json_object_is_type(o, json_type_object) ||
	    strcmp(nfs_text(o, "id"), id) != 0)
		return false;
	if (snapshot)
		return is_entry_name(nfs_text(o, "folder")) &&
		       is_entry_name(nfs_text(o, "directory")) &&
		       nfs_id_is_sound(nfs_text(o, "volume_id"));
	return is_entry_name(nfs_text(o, "directory"));
}

int nfs_meta_parse(const char *text, size_t len, const char *place,
		   const char *id, struct json_object **out)
{
	AUTO(auto_json) struct json_object *o = NULL;

	if (json_parse_bytes(text, len, place, &o, NULL) < 0 ||
	    !meta_is_sound(o, id, !strcmp(place, NFS_SNAPSHOT_FACTS)))
		return -EUCLEAN;
	*out = STEAL(o);
	return 0;
}

int nfs_meta_read(int root, const char *place, const char *id,
		  struct json_object **out, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(NFS_META_MAX);
	AUTO(auto_fd) int file = -1;
	char path[NFS_PATH_ROOM];
	int r;

	if (!nfs_id_is_sound(id))
		return err_set(err, ENOENT, "nothing here has the id '%.64s'",
			       id);
	snprintf(path, sizeof(path), "%s/%s", place, id);
	file = nfs_open(root, path, O_RDONLY | O_NONBLOCK);
	if (file == -ENOENT || file == -ENOTDIR)
		return err_set(err, ENOENT, "nothing here has the id '%.64s'",
			       id);
	r = file < 0 ? file : file_read_all(file, &text);
	if (r < 0)
		return nfs_fail(err, -r, "reading '%s'", path);
	if (nfs_meta_parse(buf_str(&text), text.len, place, id, out) < 0)
		return err_set(err, EUCLEAN, "'%s' is damaged: it is not what volfs writes",
			       path);
	return 0;
}

/* Of this machine, so that what a crash left is written over: only machines
 * write to the same facts at once. */
static void write_name(struct nfs_work *w, const char *id,
		       char out[NAME_BYTES_MAX + 1])
{
	uint32_t h = 0x811c9dc5u;

	for (const char *c = nfs_text(w->q, "host"); *c; c++)
		h = (h ^ (unsigned char)*c) * 0x01000193u;
	snprintf(out, NAME_BYTES_MAX + 1, ".write-%.95s.%08" PRIx32, id, h);
}

int nfs_meta_write(struct nfs_work *w, const char *place,
		   struct json_object *meta, struct err *err)
{
	const char *id = nfs_text(meta, "id");
	const char *text = json_object_to_json_string_ext(
		meta, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	AUTO(auto_fd) int dir = nfs_make_dirs(w->root, place);
	AUTO(auto_fd) int file = -1;
	char fresh[NAME_BYTES_MAX + 1];
	int r = dir;

	if (!text)
		return err_oom(err);
	if (strlen(text) > NFS_META_MAX)
		return err_set(err, EINVAL, "the tags take more than the %d bytes that a volume's facts may have",
			       NFS_META_MAX);
	write_name(w, id, fresh);
	if (r >= 0) {
		/* Not into an old one: it could be a link to somewhere else. */
		unlinkat(dir, fresh, 0);
		file = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL |
			      O_CLOEXEC | O_NOFOLLOW, 0600);
		r = file < 0 ? -errno
			     : file_write_all(file, text, strlen(text));
		if (r == 0 && fsync(file) < 0)
			r = -errno;
	}
	FAULT_POINT("nfs.facts.written");
	if (r == 0 && renameat(dir, fresh, dir, id) < 0)
		r = -errno;
	if (r == 0 && fsync(dir) < 0 && errno != EINVAL)
		r = -errno;
	if (r == 0)
		return 0;
	if (file >= 0)
		unlinkat(dir, fresh, 0);
	return nfs_fail(err, -r, "writing '%s/%s'", place, id);
}

int nfs_meta_drop(int root, const char *place, const char *id, struct err *err)
{
	AUTO(auto_fd) int dir = nfs_open_dir(root, place);

	if (dir == -ENOENT ||
	    (dir >= 0 && (unlinkat(dir, id, 0) == 0 || errno == ENOENT)))
		return 0;
	return nfs_fail(err, dir < 0 ? -dir : errno, "removing '%s/%s'", place,
			id);
}

void nfs_attempt(const char *prefix, const char *id,
		 char out[NAME_BYTES_MAX + 1])
{
	uint32_t n = 0;

	while (getrandom(&n, sizeof(n), 0) != sizeof(n))
		;
	snprintf(out, NAME_BYTES_MAX + 1, "%.32s%.95s.%08" PRIx32, prefix, id,
		 n);
}

void nfs_drop_attempts(struct nfs_work *w, const char *place,
		       const char *prefix, const char *id)
{
	AUTO(auto_fd) int dir = nfs_open_dir(w->root, place);
	AUTO(auto_dir) DIR *d = dir < 0 ? NULL : nfs_stream(dir);
	char begin[NAME_BYTES_MAX + 1];
	struct dirent *e;

	snprintf(begin, sizeof(begin), "%.32s%.95s.", prefix, id);
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, begin, strlen(begin)))
			(void)nfs_erase(dir, e->d_name, NULL);
}

/*
 * Finding
 */

struct entry {                    /* a directory of the share */
	char name[NAME_BYTES_MAX + 1];
	uint64_t ino;
	struct json_object *meta; /* whose directory it is */
	bool claim;               /* no volume: the name a rename goes to */
	UT_hash_handle hh;
};

struct index {
	struct entry *by_name;
	struct json_object **metas;
	size_t n, room;
};

static void index_done(struct index *x)
{
	struct entry *e, *next;
	size_t i;

	HASH_ITER(hh, x->by_name, e, next) {
		HASH_DEL(x->by_name, e);
		free(e);
	}
	for (i = 0; i < x->n; i++)
		json_object_put(x->metas[i]);
	free(x->metas);
}

/* The names of .volfs and its like begin with a dot; what the server's own
 * file system keeps there is no volume. */
static bool is_volume_name(const char *name)
{
	return is_entry_name(name) && strcmp(name, "lost+found") != 0 &&
	       strncmp(name, NFS_ARCHIVED, strlen(NFS_ARCHIVED)) != 0;
}

static int index_dirs(struct nfs_work *w, struct index *x, struct err *err)
{
	AUTO(auto_dir) DIR *d = nfs_stream(w->root);
	struct dirent *e;
	struct stat st;

	while (d && (errno = 0, e = readdir(d))) {
		struct entry *entry;

		if (!is_volume_name(e->d_name) ||
		    (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		if (fstatat(w->root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return err_oom(err);
		snprintf(entry->name, sizeof(entry->name), "%s", e->d_name);
		entry->ino = st.st_ino;
		HASH_ADD_STR(x->by_name, name, entry);
	}
	return d && !errno ? 0 : nfs_fail(err, errno, "listing the share");
}

/* Calls @each for the facts in @place; damaged ones are none. */
static int each_meta(struct nfs_work *w, const char *place,
		     int (*each)(struct json_object *meta, void *arg,
				 struct err *err),
		     void *arg, struct err *err)
{
	AUTO(auto_fd) int dir = nfs_open_dir(w->root, place);
	AUTO(auto_dir) DIR *d = dir < 0 ? NULL : nfs_stream(dir);
	struct dirent *e;
	int r = 0;

	if (dir == -ENOENT)
		return 0;
	while (r == 0 && d && (errno = 0, e = readdir(d))) {
		AUTO(auto_json) struct json_object *meta = NULL;

		if (!nfs_id_is_sound(e->d_name))
			continue;
		r = nfs_meta_read(w->root, place, e->d_name, &meta, err);
		if (r == 0)
			r = each(meta, arg, err);
		else if (r == -ENOENT || r == -EUCLEAN)
			r = 0;
	}
	if (r == 0 && (!d || errno))
		return nfs_fail(err, dir < 0 ? -dir : errno, "listing '%s'",
				place);
	return r;
}

static int index_meta(struct json_object *meta, void *arg, struct err *err)
{
	struct index *x = arg;

	if (x->n == x->room) {
		size_t room = x->room ? 2 * x->room : 64;
		void *more = reallocarray(x->metas, room, sizeof(*x->metas));

		if (!more)
			return err_oom(err);
		x->metas = more;
		x->room = room;
	}
	x->metas[x->n++] = json_object_get(meta);
	return 0;
}

/* Whose directory each is: by name and number first, then by number alone
 * (renamed on the server), then by name alone (put back from a backup). */
static void index_match(struct nfs_work *w, struct index *x)
{
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < x->n; i++) {
			struct json_object *m = x->metas[i];
			struct nfs_ident ident;
			struct entry *e = NULL;

			if (nfs_truth(m, "placed"))
				continue;
			if (round == 1) {
				for (e = x->by_name; e; e = e->hh.next)
					if (!e->meta && e->ino ==
					    nfs_number(m, "directory_ino") &&
					    !nfs_ident(w->root, e->name,
						       &ident) &&
					    nfs_is_of(m, &ident))
						break;
			} else {
				HASH_FIND_STR(x->by_name,
					      nfs_text(m, "directory"), e);
			}
			if (!e || e->meta ||
			    (round == 0 && e->ino !=
			     nfs_number(m, "directory_ino")))
				continue;
			/* What was claimed is empty. */
			if (round == 2 && nfs_truth(m, "pending") &&
			    nfs_has_entries(w->root, e->name) != 0)
				continue;
			e->meta = m;
			nfs_put_bool(m, "placed", true);
		}
}

/* What a rename has claimed and not yet filled is no volume of its own: shown
 * as one, it would have the name when the real one comes. */
static void index_claims(struct nfs_work *w, struct index *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const char *to = nfs_text(x->metas[i], "renaming");
		struct entry *e = NULL;

		if (*to)
			HASH_FIND_STR(x->by_name, to, e);
		if (e && !e->meta)
			e->claim = nfs_has_entries(w->root, to) == 0;
	}
}

static int index_make(struct nfs_work *w, struct index *x, struct err *err)
{
	int r = index_dirs(w, x, err);

	if (r == 0)
		r = each_meta(w, NFS_VOLUMES, index_meta, x, err);
	if (r < 0)
		return r;
	index_match(w, x);
	index_claims(w, x);
	return 0;
}

void nfs_volume_done(struct nfs_volume *v)
{
	json_object_put(v->meta);
	v->meta = NULL;
}

static void volume_of(struct json_object *meta, const char *dir, uint64_t ino,
		      struct nfs_volume *v)
{
	*v = (struct nfs_volume){ .meta = json_object_get(meta), .ino = ino };
	if (meta) {
		json_object_object_del(meta, "placed");
		snprintf(v->id, sizeof(v->id), "%s", nfs_text(meta, "id"));
	} else {
		snprintf(v->id, sizeof(v->id), "ino-%" PRIx64, ino);
	}
	snprintf(v->dir, sizeof(v->dir), "%s", dir);
}

int nfs_each_volume(struct nfs_work *w,
		    int (*each)(struct nfs_work *w, struct nfs_volume *v,
				void *arg, struct err *err),
		    void *arg, struct err *err)
{
	struct index x = { .n = 0 };
	struct nfs_volume v;
	struct entry *e;
	int r = w->root < 0 ? 0 : index_make(w, &x, err);

	/* One whose restore was cut short has facts and no directory. */
	for (size_t i = 0; r == 0 && i < x.n; i++) {
		if (nfs_truth(x.metas[i], "placed") ||
		    !*nfs_text(x.metas[i], "restoring"))
			continue;
		volume_of(x.metas[i], nfs_text(x.metas[i], "directory"), 0, &v);
		r = each(w, &v, arg, err);
		nfs_volume_done(&v);
	}
	for (e = x.by_name; r == 0 && e; e = e->hh.next) {
		if (e->claim)
			continue;
		volume_of(e->meta, e->name, e->ino, &v);
		r = each(w, &v, arg, err);
		nfs_volume_done(&v);
	}
	index_done(&x);
	return r;
}

struct search {
	const char *id;
	struct nfs_volume *out;
};

static int search_each(struct nfs_work *w, struct nfs_volume *v, void *arg,
		       struct err *err)
{
	struct search *s = arg;

	if (strcmp(v->id, s->id) != 0)
		return 0;
	*s->out = *v;
	v->meta = NULL;
	return 1;
}

int nfs_find(struct nfs_work *w, const char *id, struct nfs_volume *out,
	     struct err *err)
{
	AUTO(auto_json) struct json_object *meta = NULL;
	struct search search = { id, out };
	struct nfs_ident ident;
	int r = -ENOENT;

	/* Where its facts say, as nearly always. */
	if (w->root >= 0)
		r = nfs_meta_read(w->root, NFS_VOLUMES, id, &meta, NULL);
	if (r == 0 && !nfs_ident(w->root, nfs_text(meta, "directory"),
				 &ident) && nfs_is_of(meta, &ident)) {
		volume_of(meta, nfs_text(meta, "directory"), ident.ino, out);
		return 0;
	}
	r = nfs_each_volume(w, search_each, &search, err);
	if (r == 0)
		return err_set(err, ENOENT, "the share has no volume with the id '%.64s'",
			       id);
	return r < 0 ? r : 0;
}

/*
 * Snapshots
 */

void nfs_snapshot_path(struct json_object *meta, char out[NFS_PATH_ROOM])
{
	snprintf(out, NFS_PATH_ROOM, NFS_SNAPSHOTS "/%s/%s",
		 nfs_text(meta, "folder"), nfs_text(meta, "directory"));
}

/* The facts are written before the rename that puts the copy there: it is a
 * snapshot once that directory is the one they speak of. */
static bool snapshot_is_whole(struct nfs_work *w, struct json_object *meta)
{
	char path[NFS_PATH_ROOM];
	struct nfs_ident ident;

	nfs_snapshot_path(meta, path);
	return !nfs_ident(w->root, path, &ident) &&
	       ident.ino == nfs_number(meta, "directory_ino");
}

struct walk {
	struct nfs_work *w;
	const char *volume;
	int (*each)(struct nfs_work *w, struct json_object *meta, void *arg,
		    struct err *err);
	void *arg;
};

static int walk_each(struct json_object *meta, void *arg, struct err *err)
{
	struct walk *k = arg;

	if ((k->volume && strcmp(nfs_text(meta, "volume_id"), k->volume) != 0) ||
	    !snapshot_is_whole(k->w, meta))
		return 0;
	return k->each(k->w, meta, k->arg, err);
}

int nfs_each_snapshot(struct nfs_work *w, const char *volume,
		      int (*each)(struct nfs_work *w, struct json_object *meta,
				  void *arg, struct err *err),
		      void *arg, struct err *err)
{
	struct walk k = { w, volume, each, arg };

	return w->root < 0 ? 0 : each_meta(w, NFS_SNAPSHOT_FACTS, walk_each,
					   &k, err);
}

int nfs_find_snapshot(struct nfs_work *w, const char *id,
		      struct json_object **out, struct err *err)
{
	AUTO(auto_json) struct json_object *meta = NULL;
	int r = w->root < 0 ? -ENOENT
			    : nfs_meta_read(w->root, NFS_SNAPSHOT_FACTS, id,
					    &meta, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || !snapshot_is_whole(w, meta))
		return err_set(err, ENOENT, "the share has no snapshot with the id '%.64s'",
			       id);
	*out = STEAL(meta);
	return 0;
}
