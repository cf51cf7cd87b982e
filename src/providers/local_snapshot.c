/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the local driver does with whole images: snapshots, clones, restore and
 * import.
 */
#include "providers/local.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"

/* The image of @o to read, and whether it is attached at this moment. */
static int image_to_copy(const struct local_object *o, int *image, bool *live,
			 uint64_t *size, struct err *err)
{
	AUTO(auto_fd) int fd = local_image_open(o->fd, o->dir, O_RDONLY, err);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return local_fail(err, errno, "reading '%s'", o->dir);
	if ((uint64_t)st.st_size < o->meta.size_bytes)
		return err_set(err, EIO,
			       "the image of '%s' was cut to %lld bytes behind volfs and should have %llu: there is no whole copy to be had of it",
			       o->dir, (long long)st.st_size,
			       (unsigned long long)o->meta.size_bytes);
	r = local_image_check_free(fd, "copying", err);
	if (r < 0 && r != -EBUSY)
		return r;
	*live = r == -EBUSY;
	*size = (uint64_t)st.st_size;
	*image = STEAL_FD(fd);
	return 0;
}

/*
 * Snapshots
 */

/* 1: a repeat, and the sink has the snapshot; 0: the name is free. */
static int snapshot_existing(int snapshots, const struct local_object *volume,
			     const char *dir, const char *token,
			     const struct volume_sink *out, struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	int r = local_object_open(snapshots, dir, &o, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (o.damaged || !token || !*token || !o.meta.token ||
	    strcmp(token, o.meta.token) != 0)
		return err_set(err, EEXIST, "'%s' has a snapshot '%s' already: choose another name",
			       volume->dir, dir);
	r = local_snapshot_emit(&o, volume->meta.id, out, err);
	return r < 0 ? r : 1;
}

static int snapshot_fill(struct local_session *s, const struct call *c,
			 int root, const struct local_object *volume,
			 struct local_making *making, struct err *err)
{
	AUTO(auto_fd) int from = -1;
	AUTO(auto_fd) int to = -1;
	struct local_copy copy = { .call = c };
	struct local_meta meta = { .token = c->token, .managed = true };
	char id[LOCAL_ID_ROOM];
	int r = image_to_copy(volume, &from, &copy.live, &meta.size_bytes, err);

	if (r == 0)
		r = local_space_check(s, root, 0, &copy.room_bytes, err);
	if (r < 0)
		return r;
	to = local_file_new(making->fd, LOCAL_IMAGE, from, err);
	if (to < 0)
		return to;
	copy.from = from;
	copy.to = to;
	r = local_copy_run(&copy, err);
	FAULT_POINT("local.snapshot.copied");
	if (r < 0)
		return r;
	local_id_make(id, "ls-");
	meta.id = id;
	meta.created_at_s = clock_unix_s();
	meta.consistency = copy.frozen ? "frozen" : "crash";
	return local_meta_write(making->fd, &meta, err);
}

static int snapshots_make(const struct local_object *volume, struct err *err)
{
	int fd;

	if (mkdirat(volume->fd, LOCAL_SNAPSHOTS, 0700) < 0 && errno != EEXIST)
		return local_fail(err, errno, "making the directory of the snapshots of '%s'",
				  volume->dir);
	fd = local_snapshots_open(volume);
	return fd < 0 ? local_fail(err, -fd, "opening the snapshots of '%s'",
				   volume->dir) : fd;
}

int local_snapshot(struct session *session, const struct call *c,
		   const struct volume_facts *v, const char *name,
		   const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object volume = LOCAL_OBJECT_INIT;
	AUTO(auto_object) struct local_object made = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int snapshots = -1;
	AUTO(auto_making) struct local_making making = LOCAL_MAKING_INIT;
	char dir[NAME_BYTES_MAX + 1];
	int r = local_dir_of_name(name, dir, err);

	if (r == 0)
		r = local_volume_find(s, c, v->id, &root, &volume, err);
	if (r < 0)
		return r;
	snapshots = snapshots_make(&volume, err);
	if (snapshots < 0)
		return snapshots;
	r = snapshot_existing(snapshots, &volume, dir, c->token, out, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = local_making_begin(&making, snapshots, c, err);
	if (r == 0)
		r = snapshot_fill(s, c, root, &volume, &making, err);
	if (r == 0)
		r = local_making_commit(&making, dir, err);
	if (r == 0)
		r = local_object_open(snapshots, dir, &made, err);
	return r < 0 ? r : local_snapshot_emit(&made, volume.meta.id, out, err);
}

struct snapshot_search {
	const struct call *c;
	const char *id, *dir;         /* @dir: a hint, may be "" */
	struct local_object *volume, *out;
};

/* Looks among the snapshots of @volume, which is taken with the find. */
static int search_volume(struct local_object *volume, void *arg,
			 struct err *err)
{
	struct snapshot_search *search = arg;
	AUTO(auto_fd) int fd = volume->damaged ? -ENOENT
					       : local_snapshots_open(volume);
	int r = -ENOENT;

	if (fd < 0)
		return 0;
	if (*search->dir)
		r = local_object_open(fd, search->dir, search->out, err);
	if (r == 0 && (search->out->damaged ||
		       strcmp(search->out->meta.id, search->id) != 0)) {
		local_object_done(search->out);
		r = -ENOENT;
	}
	if (r == -ENOENT)
		r = local_object_search(fd, search->c, search->id, search->out,
					err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*search->volume = *volume;
	*volume = (struct local_object)LOCAL_OBJECT_INIT;
	return 1;
}

/* @snapshot and the volume it is of. -ENOENT when it is gone. */
static int snapshot_find(struct local_session *s, const struct call *c,
			 const struct snapshot_facts *snapshot, int *root,
			 struct local_object *volume, struct local_object *out,
			 struct err *err)
{
	AUTO(auto_object) struct local_object hint = LOCAL_OBJECT_INIT;
	char dir[NAME_BYTES_MAX + 1] = "";
	struct snapshot_search search = { c, snapshot->id, dir, volume, out };
	int r = call_check(c, err);

	if (r < 0)
		return r;
	*root = local_root_open(s, err);
	if (*root < 0)
		return *root;
	if (snapshot->name && local_dir_of_name(snapshot->name, dir, NULL) < 0)
		dir[0] = '\0';
	if (snapshot->volume_id) {
		r = local_volume_open(s, *root, c, snapshot->volume_id, &hint,
				      err);
		if (r == 0)
			r = search_volume(&hint, &search, err);
	} else {
		NAMES_SCOPE(s, rd);
		r = local_object_each(*root, c, search_volume, &search, err);
	}
	if (r == 0 || r == -ENOENT)
		return err_set(err, ENOENT, "the snapshot '%s' (%s) is gone",
			       dir, snapshot->id);
	return r < 0 ? r : 0;
}

int local_snapshot_remove(struct session *session, const struct call *c,
			  const struct snapshot_facts *snapshot,
			  struct err *err)
{
	AUTO(auto_object) struct local_object volume = LOCAL_OBJECT_INIT;
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int snapshots = -1;
	int r = snapshot_find(local_session(session), c, snapshot, &root,
			      &volume, &o, err);

	if (r == -ENOENT) {
		local_discard_finish(root, snapshot->id);
		return 0;
	}
	if (r < 0)
		return r;
	snapshots = local_snapshots_open(&volume);
	if (snapshots < 0)
		return local_fail(err, -snapshots, "opening the snapshots of '%s'",
				  volume.dir);
	r = local_check_contents(o.fd, o.dir, err);
	return r < 0 ? r : local_discard(root, snapshots, o.dir, o.meta.id,
					 err);
}

/*
 * Clones
 */

int local_create_from_snapshot(struct session *session, const struct call *c,
			       const struct volume_spec *want,
			       const struct snapshot_facts *snapshot,
			       const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object volume = LOCAL_OBJECT_INIT;
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int image = -1;
	char name[2 * NAME_BYTES_MAX + 2], part[NAME_BYTES_MAX + 1];
	struct local_origin from = { .kind = SOURCE_SNAPSHOT, .name = name };
	int r = snapshot_find(s, c, snapshot, &root, &volume, &o, err);

	if (r == 0)
		r = image_to_copy(&o, &image, &from.live, &from.size_bytes,
				  err);
	if (r < 0)
		return r;
	local_name_of_dir(volume.dir, name);
	local_name_of_dir(o.dir, part);
	snprintf(name + strlen(name), sizeof(part) + 1, "@%s", part);
	from.id = o.meta.id;
	from.image = image;
	return local_volume_make(s, c, want, &from, out, err);
}

int local_create_from_volume(struct session *session, const struct call *c,
			     const struct volume_spec *want,
			     const struct volume_facts *volume,
			     const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int image = -1;
	char name[NAME_BYTES_MAX + 1];
	struct local_origin from = { .kind = SOURCE_VOLUME, .name = name };
	int r = local_volume_find(s, c, volume->id, &root, &o, err);

	if (r == 0)
		r = image_to_copy(&o, &image, &from.live, &from.size_bytes,
				  err);
	if (r < 0)
		return r;
	local_name_of_dir(o.dir, name);
	from.id = o.meta.id;
	from.image = image;
	return local_volume_make(s, c, want, &from, out, err);
}

/*
 * Restore: a copy of the snapshot takes the image's place. What attaches finds
 * the image by its path, so the volume need only be detached.
 */

static int restore_copy(struct local_session *s, const struct call *c,
			int root, const struct local_object *snapshot,
			uint64_t volume_bytes, struct local_making *making,
			struct err *err)
{
	AUTO(auto_fd) int from = -1;
	AUTO(auto_fd) int to = -1;
	struct local_copy copy = { .call = c };
	uint64_t size;
	int r = image_to_copy(snapshot, &from, &copy.live, &size, err);

	if (r == 0)
		r = local_space_check(s, root, 0, &copy.room_bytes, err);
	if (r < 0)
		return r;
	to = local_file_new(making->fd, LOCAL_IMAGE, from, err);
	if (to < 0)
		return to;
	copy.from = from;
	copy.to = to;
	r = local_copy_run(&copy, err);
	/* Grown since: it keeps its size, its file system is the smaller. */
	if (r == 0 && volume_bytes > size)
		r = local_image_extend(s, c, to, size, volume_bytes, err);
	FAULT_POINT("local.restore.copied");
	return r;
}

static int restore_place(struct local_object *volume,
			 struct local_making *making, struct err *err)
{
	int r = 0;

	/* It is not made from nothing any more: first, as a crash may follow. */
	if (volume->meta.blank) {
		volume->meta.blank = false;
		r = local_meta_write(volume->fd, &volume->meta, err);
	}
	if (r < 0)
		return r;
	if (renameat(making->fd, LOCAL_IMAGE, volume->fd, LOCAL_IMAGE) < 0)
		return local_fail(err, errno, "putting the restored image of '%s' in its place",
				  volume->dir);
	FAULT_POINT("local.restore.placed");
	if (fsync(volume->fd) < 0)
		return local_fail(err, errno, "writing the directory of '%s'",
				  volume->dir);
	return 0;
}

int local_restore(struct session *session, const struct call *c,
		  const struct volume_facts *v,
		  const struct snapshot_facts *snapshot, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object volume = LOCAL_OBJECT_INIT;
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int snapshots = -1;
	AUTO(auto_fd) int image = -1;
	AUTO(auto_making) struct local_making making = LOCAL_MAKING_INIT;
	int r = snapshot_find(s, c, snapshot, &root, &volume, &o, err);

	if (r < 0)
		return r;
	if (strcmp(volume.meta.id, v->id) != 0)
		return err_set(err, EINVAL,
			       "the snapshot '%s' is of the volume '%s', not of '%s': a new volume can be made from it instead",
			       o.dir, volume.dir, v->id);
	image = openat(volume.fd, LOCAL_IMAGE, O_RDONLY | O_CLOEXEC |
		       O_NOFOLLOW | O_NONBLOCK);
	r = image < 0 ? 0 : local_image_check_free(image, "restore", err);
	if (r < 0)
		return r;
	snapshots = snapshots_make(&volume, err);
	if (snapshots < 0)
		return snapshots;
	r = local_making_begin(&making, snapshots, c, err);
	if (r == 0)
		r = restore_copy(s, c, root, &o, volume.meta.size_bytes,
				 &making, err);
	return r < 0 ? r : restore_place(&volume, &making, err);
}

/*
 * Import
 */

/* Takes @id, a file's name or its path, apart: the directory and the name. */
static int import_base(const struct local_session *s, const char *id,
		       const char **dir, const char **base, struct err *err)
{
	size_t len;

	*dir = s->import_from && *s->import_from ? s->import_from : s->path;
	len = strlen(*dir);
	while (len > 1 && (*dir)[len - 1] == '/')
		len--;
	*base = id;
	if (!strncmp(id, *dir, len) && id[len] == '/')
		*base = id + len + 1;
	if (!**base || strchr(*base, '/') || !strcmp(*base, ".") ||
	    !strcmp(*base, ".."))
		return err_set(err, EINVAL,
			       "'%.200s' is no file of '%s': move the image there and name it by its file name; importFrom names another directory",
			       id, *dir);
	return 0;
}

/* Refuses what is an image of another kind: attached, it would be a disk full
 * of rubbish. */
static int import_check_magic(int image, const char *id, struct err *err)
{
	static const struct {
		const char *magic, *name;
	} known[] = {
		{ "QFI\xfb", "qcow2" }, { "KDMV", "vmdk" },
		{ "vhdxfile", "vhdx" }, { "conectix", "vpc" },
		{ "<<< ", "vdi" },
	};
	char head[8] = "";
	size_t i;

	if (pread(image, head, sizeof(head), 0) < 0)
		return local_fail(err, errno, "reading '%.200s'", id);
	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (!memcmp(head, known[i].magic, strlen(known[i].magic)))
			return err_set(err, EINVAL,
				       "'%.200s' is a %s image, not a raw one: qemu-img convert -f %s -O raw makes one of it",
				       id, known[i].name, known[i].name);
	return 0;
}

static int import_open(int dir, const char *base, const char *id,
		       struct stat *st, struct err *err)
{
	AUTO(auto_fd) int image = -1;
	int r;

	if (fstatat(dir, base, st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ?
			err_set(err, ENOENT, "there is no file '%.200s'", id) :
			local_fail(err, errno, "looking at '%.200s'", id);
	if (!S_ISREG(st->st_mode))
		return err_set(err, EINVAL,
			       "'%.200s' is %s, and only plain files are imported",
			       id, S_ISLNK(st->st_mode) ? "a symbolic link" :
			       S_ISDIR(st->st_mode) ? "a directory" :
			       "a device or the like");
	image = openat(dir, base, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (image < 0 || fstat(image, st) < 0)
		return local_fail(err, errno, "opening '%.200s'", id);
	if (!st->st_size || st->st_size % 512)
		return err_set(err, EINVAL,
			       "'%.200s' has %lld bytes, and an image has a multiple of 512: truncate -s %%512 FILE rounds it up",
			       id, (long long)st->st_size);
	r = import_check_magic(image, id, err);
	if (r == 0)
		r = local_image_check_free(image, "import", err);
	return r < 0 ? r : STEAL_FD(image);
}

/* A second name for the file in the new volume; its old one goes when the
 * volume is in place, so that no crash leaves it without any. A file of another
 * file system is copied and stays. */
static int import_fill(struct local_session *s, const struct call *c, int root,
		       int dir, const char *base, int image,
		       struct local_making *making, struct err *err)
{
	AUTO(auto_fd) int to = -1;
	struct local_copy copy = { .call = c, .from = image };
	int r;

	if (linkat(dir, base, making->fd, LOCAL_IMAGE, 0) == 0)
		return 0;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK)
		return local_fail(err, errno, "import");
	r = local_space_check(s, root, 0, &copy.room_bytes, err);
	if (r < 0)
		return r;
	to = local_file_new(making->fd, LOCAL_IMAGE, image, err);
	if (to < 0)
		return to;
	copy.to = to;
	return local_copy_run(&copy, err);
}

/* Takes away the old name of an image that the volume @o has now, and the
 * rights that its old owner had. */
static void import_take(const struct local_object *o, int dir,
			const char *base)
{
	struct stat image, old;

	if (fstatat(o->fd, LOCAL_IMAGE, &image, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(o->fd, LOCAL_IMAGE, 0600, 0) < 0 ||
	    fchownat(o->fd, LOCAL_IMAGE, geteuid(), getegid(),
		     AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (fstatat(dir, base, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    old.st_dev == image.st_dev && old.st_ino == image.st_ino &&
	    unlinkat(dir, base, 0) == 0)
		(void)fsync(dir);
}

static int import_make(struct local_session *s, const struct call *c, int root,
		       int dir, const char *base, const char *id,
		       const char *name_dir, struct err *err)
{
	AUTO(auto_making) struct local_making making = LOCAL_MAKING_INIT;
	AUTO(auto_fd) int image = -1;
	char new_id[LOCAL_ID_ROOM];
	struct local_meta meta = { .id = new_id, .token = c->token,
				   .managed = true, .source = SOURCE_IMPORT,
				   .source_name = base };
	struct stat st, own;
	int r;

	image = import_open(dir, base, id, &st, err);
	if (image < 0)
		return image;
	r = local_making_begin(&making, root, c, err);
	if (r == 0)
		r = import_fill(s, c, root, dir, base, image, &making, err);
	FAULT_POINT("local.import.filled");
	if (r < 0)
		return r;
	if (fstat(making.fd, &own) < 0)
		return local_fail(err, errno, "import");
	local_id_make(new_id, "lv-");
	meta.size_bytes = (uint64_t)st.st_size;
	meta.directory_ino = own.st_ino;
	meta.created_at_s = clock_unix_s();
	r = local_meta_write(making.fd, &meta, err);
	if (r < 0)
		return r;
	NAMES_SCOPE(s, wr);
	r = local_overcommit_check(s, root, c, meta.size_bytes, err);
	return r < 0 ? r : local_making_commit(&making, name_dir, err);
}

int local_import(struct session *session, const struct call *c,
		 const char *id, const char *name,
		 const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int dir = -1;
	const char *dir_path, *base;
	char name_dir[NAME_BYTES_MAX + 1];
	int r = call_check(c, err);

	r = r < 0 ? r : local_dir_of_name(name, name_dir, err);
	r = r < 0 ? r : import_base(s, id, &dir_path, &base, err);
	if (r < 0)
		return r;
	root = local_root_open(s, err);
	if (root < 0)
		return root;
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return local_fail(err, errno, "opening '%s'", dir_path);
	r = local_object_open(root, name_dir, &o, err);
	if (r == -ENOENT) {
		r = import_make(s, c, root, dir, base, id, name_dir, err);
		FAULT_POINT("local.import.placed");
		if (r == 0)
			r = local_object_open(root, name_dir, &o, err);
	} else if (r == 0 && (o.damaged || !o.meta.token || !*o.meta.token ||
			      strcmp(o.meta.token, c->token) != 0)) {
		return err_set(err, EEXIST, "a volume '%s' exists already: choose another name",
			       name_dir);
	}
	if (r < 0)
		return r;
	import_take(&o, dir, base);
	local_place_note(s, o.meta.id, o.dir);
	return local_volume_emit(s, &o, out, err);
}
