/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local: volumes that are sparse files of this machine, the embedded default.
 *
 * There is no service behind it and no API: a volume is a directory with an
 * image and a few facts (providers/local.h says how they lie on disk). The name
 * of the directory is the volume's name, so `mv` in a shell renames a volume;
 * its id is in meta.json. The core makes the loop device of an attached image,
 * so nothing here touches devices, file systems or mounts.
 *
 * Snapshots and clones are reflinks on xfs and btrfs, at once and sharing
 * space; elsewhere (ext4) they are copies of the data, which takes time and
 * space. A snapshot lives within its volume's directory: a volume that has
 * snapshots is not removed (ENOTEMPTY), so none outlives it.
 *
 * Missing: types, zones, IOPS, encryption, hosts: a file has none of them.
 */
#include "providers/local.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"

static const struct opt_spec local_options[] = {
	{ "path", OPT_PATH, offsetof(struct local_session, path),
	  .help = "Directory that holds the volumes; its parent must exist. Default: 'volumes' in the service's state directory." },
	{ "minFree", OPT_STR, offsetof(struct local_session, min_free),
	  .help = "Space that stays free on the file system under path: a size, or a share such as 5%. Below it no volume is made, grown or copied. Default: 5% or 1 GiB, whichever is less." },
	{ "overcommit", OPT_U64,
	  offsetof(struct local_session, overcommit_percent), .dflt = "0",
	  .max = 1000000,
	  .help = "The sizes of all volumes together may be at most this percentage of the file system under path: 100 promises no more than there is. 0: no limit." },
	{ "thick", OPT_BOOL, offsetof(struct local_session, thick),
	  .dflt = "false",
	  .help = "Allocate the whole image when a volume is made or grown, instead of when it is written to." },
	{ "importFrom", OPT_PATH, offsetof(struct local_session, import_from),
	  .help = "Directory whose image files may be imported. Default: path itself." },
	{ NULL }
};

/*
 * Open and close
 */

static int root_prepare(struct local_session *s, struct err *err)
{
	struct stat st;

	if (mkdir(s->path, 0700) < 0 && errno != EEXIST) {
		if (errno == ENOENT)
			return err_set(err, EINVAL,
				       "'path' is '%s', and the directory above it does not exist: make it, or mount what belongs there",
				       s->path);
		return local_fail(err, errno, "making 'path' '%s'", s->path);
	}
	if (stat(s->path, &st) < 0)
		return local_fail(err, errno, "looking at 'path' '%s'",
				  s->path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, EINVAL,
			       "'path' is '%s', which is not a directory",
			       s->path);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static int default_path(struct local_session *s, struct err *err)
{
	size_t len;

	if (!s->path || !*s->path) {
		free(s->path);
		s->path = NULL;
		if (asprintf(&s->path, "%s/volumes", s->base.state_dir) < 0) {
			s->path = NULL;
			return err_oom(err);
		}
	}
	len = strlen(s->path);
	while (len > 1 && s->path[len - 1] == '/')
		s->path[--len] = '\0';
	return 0;
}

static int local_open(struct session *session, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_fd) int root = -1;
	int r = local_space_parse(s, err);

	if (r == 0)
		r = default_path(s, err);
	if (r == 0)
		r = root_prepare(s, err);
	if (r < 0)
		return r;
	root = local_root_open(s, err);
	if (root < 0)
		return root;
	pthread_rwlock_init(&s->names, NULL);
	pthread_mutex_init(&s->lock, NULL);
	local_space_look(s, root);
	return 0;
}

static void local_close(struct session *session)
{
	struct local_session *s = local_session(session);
	struct place *p, *next;

	HASH_ITER(hh, s->places, p, next) {
		HASH_DEL(s->places, p);
		free(p);
	}
	pthread_mutex_destroy(&s->lock);
	pthread_rwlock_destroy(&s->names);
}

static int local_check_name(struct session *session, const char *name,
			    struct err *err)
{
	char dir[NAME_BYTES_MAX + 1];

	return local_dir_of_name(name, dir, err);
}

static void local_bounds(struct session *session, struct bounds *out)
{
	struct local_session *s = local_session(session);

	LOCK_SCOPE(&s->lock);
	*out = (struct bounds){
		.size_min_bytes = LOCAL_SIZE_MIN, .size_step_bytes = LOCAL_SIZE_STEP,
		.name_rule = "any bytes, at most 255 of them when escaped",
		.total_bytes = s->total_bytes,
		.available_bytes = s->available_bytes,
		.committed_bytes = s->committed_bytes,
		.quota_volumes = -1, .quota_bytes = -1,
	};
}

/*
 * Create
 */

/* 1: a repeat, @dir is what the first call made, and the sink has it; 0: the
 * name is free. */
static int create_existing(struct local_session *s, int root, const char *dir,
			   const char *token, const struct volume_sink *out,
			   struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	int r = local_object_open(root, dir, &o, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (o.damaged || !token || !*token || !o.meta.token ||
	    strcmp(token, o.meta.token) != 0)
		return err_set(err, EEXIST, "a volume '%s' exists already: choose another name, or remove that one first",
			       dir);
	r = local_volume_emit(s, &o, out, err);
	return r < 0 ? r : 1;
}

static int make_size(const struct volume_spec *want,
		     const struct local_origin *from, uint64_t *size,
		     struct err *err)
{
	char text[FORMAT_MAX];
	int r;

	if (!want->size_bytes && from->image >= 0) {
		*size = from->size_bytes;
		return 0;
	}
	r = local_size_check(want->size_bytes, size, err);
	if (r < 0)
		return r;
	if (*size < from->size_bytes)
		return err_set(err, EINVAL,
			       "the size is smaller than what it is made from, which has %s (%llu bytes)",
			       format_size_human(text, from->size_bytes),
			       (unsigned long long)from->size_bytes);
	return 0;
}

static int make_image(struct local_session *s, const struct call *c, int fd,
		      const struct local_origin *from, uint64_t size,
		      uint64_t room, struct err *err)
{
	AUTO(auto_fd) int image = local_file_new(fd, LOCAL_IMAGE, from->image,
						 err);
	struct local_copy copy = {
		.call = c, .from = from->image, .to = image,
		.live = from->live, .room_bytes = room,
	};
	int r;

	if (image < 0)
		return image;
	if (from->image >= 0) {
		r = local_copy_run(&copy, err);
		if (r < 0)
			return r;
	}
	return local_image_extend(s, c, image, from->size_bytes, size, err);
}

static int make_commit(struct local_session *s, const struct call *c, int root,
		       struct local_making *making, const char *dir,
		       uint64_t size, struct err *err)
{
	int r;

	NAMES_SCOPE(s, wr);
	r = local_overcommit_check(s, root, c, size, err);
	return r < 0 ? r : local_making_commit(making, dir, err);
}

/* The facts that a new volume begins with. */
static void make_meta(const struct call *c, const struct volume_spec *want,
		      const struct local_origin *from, uint64_t size,
		      int directory, char id[LOCAL_ID_ROOM],
		      struct local_meta *m)
{
	struct stat st = { 0 };

	local_id_make(id, "lv-");
	(void)fstat(directory, &st);
	*m = (struct local_meta){
		.id = id, .token = c->token, .size_bytes = size,
		.directory_ino = st.st_ino, .created_at_s = clock_unix_s(),
		.managed = true, .blank = want->blank && from->image < 0,
		.source = from->kind, .source_id = from->id,
		.source_name = from->name, .tags = want->tags,
		.n_tags = want->n_tags,
	};
}

static int emit_new(struct local_session *s, int root, const char *dir,
		    const struct volume_sink *out, struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	int r = local_object_open(root, dir, &o, err);

	if (r == 0 && o.damaged)
		return err_set(err, EIO, "'%s': %s", dir, o.why.text);
	if (r < 0)
		return r;
	local_place_note(s, o.meta.id, dir);
	return local_volume_emit(s, &o, out, err);
}

int local_volume_make(struct local_session *s, const struct call *c,
		      const struct volume_spec *want,
		      const struct local_origin *from,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_fd) int root = -1;
	AUTO(auto_making) struct local_making making = LOCAL_MAKING_INIT;
	char dir[NAME_BYTES_MAX + 1], id[LOCAL_ID_ROOM];
	struct local_meta meta;
	uint64_t size, room;
	int r = call_check(c, err);

	r = r < 0 ? r : local_dir_of_name(want->name, dir, err);
	if (r < 0)
		return r;
	root = local_root_open(s, err);
	if (root < 0)
		return root;
	r = create_existing(s, root, dir, c->token, out, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = make_size(want, from, &size, err);
	if (r == 0)
		r = local_space_check(s, root, s->thick ? size : 0, &room, err);
	if (r == 0)
		r = local_making_begin(&making, root, c, err);
	if (r < 0)
		return r;
	r = make_image(s, c, making.fd, from, size, room, err);
	FAULT_POINT("local.create.image");
	if (r < 0)
		return r;
	make_meta(c, want, from, size, making.fd, id, &meta);
	r = local_meta_write(making.fd, &meta, err);
	FAULT_POINT("local.create.meta");
	if (r == 0)
		r = make_commit(s, c, root, &making, dir, size, err);
	return r < 0 ? r : emit_new(s, root, dir, out, err);
}

static int local_create(struct session *session, const struct call *c,
			const struct volume_spec *want,
			const struct volume_sink *out, struct err *err)
{
	const struct local_origin nothing = { .image = -1 };

	return local_volume_make(local_session(session), c, want, &nothing,
				 out, err);
}

/*
 * Remove
 */

static int check_no_snapshots(const struct local_object *o, struct err *err)
{
	AUTO(auto_fd) int fd = local_snapshots_open(o);
	AUTO(auto_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (fd == -ENOENT)
		return 0;
	if (!d)
		return local_fail(err, fd < 0 ? -fd : errno,
				  "listing the snapshots of '%s'", o->dir);
	fd = -1; /* the stream's now */
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			return err_set(err, ENOTEMPTY,
				       "'%s' has snapshots ('%s' for one): remove them first",
				       o->dir, e->d_name);
	return 0;
}

static int check_image_free(const struct local_object *o, const char *doing,
			    struct err *err)
{
	AUTO(auto_fd) int image = openat(o->fd, LOCAL_IMAGE, O_RDONLY |
					 O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[NAME_BYTES_MAX + 32];

	if (image < 0)
		return 0; /* deleted behind us: nothing is held by it */
	snprintf(text, sizeof(text), "%s '%s'", doing, o->dir);
	return local_image_check_free(image, text, err);
}

static int local_remove(struct session *session, const struct call *c,
			const struct volume_facts *v, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	int r = local_volume_find(s, c, v->id, &root, &o, err);

	if (r == -ENOENT) {
		local_discard_finish(root, v->id);
		local_place_forget(s, v->id);
		return 0;
	}
	if (r < 0)
		return r;
	r = check_image_free(&o, "remove", err);
	if (r == 0)
		r = check_no_snapshots(&o, err);
	if (r == 0)
		r = local_check_contents(o.fd, o.dir, err);
	if (r == 0)
		r = local_discard(root, root, o.dir, o.meta.id, err);
	if (r == 0)
		local_place_forget(s, v->id);
	return r;
}

/*
 * Attach: the core makes and removes the loop device
 */

static int local_attach(struct session *session, const struct call *c,
			const struct volume_facts *v, bool read_only,
			struct attach_result *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int image = -1;
	struct stat st;
	char *path;
	int r = local_volume_find(s, c, v->id, &root, &o, err);

	if (r < 0)
		return r;
	image = local_image_open(o.fd, o.dir, O_RDONLY, err);
	if (image < 0)
		return image;
	if (fstat(image, &st) < 0)
		return local_fail(err, errno, "attach '%s'", o.dir);
	if ((uint64_t)st.st_size < o.meta.size_bytes)
		return err_set(err, EIO,
			       "attach '%s': its image was cut to %lld bytes behind volfs and should have %llu: restore a snapshot, or give it its size back with truncate -s",
			       o.dir, (long long)st.st_size,
			       (unsigned long long)o.meta.size_bytes);
	if (asprintf(&path, "%s/%s/" LOCAL_IMAGE, s->path, o.dir) < 0)
		return err_oom(err);
	*out = (struct attach_result){ .kind = KIND_BLOCK,
				       .device.image = path,
				       .read_only = read_only };
	return 0;
}

static int local_detach(struct session *session, const struct call *c,
			const struct volume_facts *v, bool force,
			struct err *err)
{
	return call_check(c, err);
}

/*
 * Changes
 */

static int grow(struct local_session *s, const struct call *c, int root,
		struct local_object *o, int image, uint64_t had, uint64_t size,
		struct err *err)
{
	uint64_t room;
	int r;

	/* The image first: larger than meta.json says is no damage. */
	if (size > had) {
		NAMES_SCOPE(s, wr);
		r = local_space_check(s, root, s->thick ? size - had : 0, &room,
				      err);
		if (r == 0)
			r = local_overcommit_check(s, root, c, size - had, err);
		if (r == 0)
			r = local_image_extend(s, c, image, had, size, err);
		if (r < 0)
			return r;
		FAULT_POINT("local.modify.grown");
	}
	if (o->meta.size_bytes == size)
		return 0;
	o->meta.size_bytes = size;
	return local_meta_write(o->fd, &o->meta, err);
}

static int local_modify(struct session *session, const struct call *c,
			const struct volume_facts *v,
			const struct volume_change *want,
			const struct volume_sink *out, struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int image = -1;
	uint64_t size = want->size_bytes;
	struct stat st;
	int r;

	if (want->fields & ~(unsigned)FIELD_SIZE)
		return err_set(err, EINVAL,
			       "of a local volume only the size can be changed");
	r = local_volume_find(s, c, v->id, &root, &o, err);
	if (r < 0)
		return r;
	image = local_image_open(o.fd, o.dir, O_RDWR, err);
	if (image < 0)
		return image;
	if (fstat(image, &st) < 0)
		return local_fail(err, errno, "resize '%s'", o.dir);
	if (want->fields && size != (uint64_t)st.st_size) {
		r = local_size_check(size, &size, err);
		if (r < 0)
			return r;
		if (size < (uint64_t)st.st_size)
			return err_set(err, EINVAL,
				       "'%s' has %llu bytes and cannot shrink to %llu: make a smaller volume and copy the files",
				       o.dir, (unsigned long long)st.st_size,
				       (unsigned long long)size);
	}
	if (want->fields)
		r = grow(s, c, root, &o, image, (uint64_t)st.st_size, size,
			 err);
	return r < 0 ? r : local_volume_emit(s, &o, out, err);
}

static int local_set_tags(struct session *session, const struct call *c,
			  const struct volume_facts *v, const struct tag *tags,
			  uint32_t n_tags, struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	int r = local_volume_find(local_session(session), c, v->id, &root, &o,
				  err);

	if (r < 0)
		return r;
	o.meta.tags = tags;
	o.meta.n_tags = n_tags;
	return local_meta_write(o.fd, &o.meta, err);
}

static int local_set_marks(struct session *session, const struct call *c,
			   const struct volume_facts *v, bool managed,
			   bool blank, struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	int r = local_volume_find(local_session(session), c, v->id, &root, &o,
				  err);

	if (r < 0)
		return r;
	if (o.meta.managed == managed && o.meta.blank == blank)
		return 0;
	o.meta.managed = managed;
	o.meta.blank = blank;
	return local_meta_write(o.fd, &o.meta, err);
}

static int local_rename_volume(struct session *session, const struct call *c,
			       const struct volume_facts *v, const char *name,
			       struct err *err)
{
	struct local_session *s = local_session(session);
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	AUTO(auto_fd) int root = -1;
	char dir[NAME_BYTES_MAX + 1];
	int r = local_dir_of_name(name, dir, err);

	if (r == 0)
		r = local_volume_find(s, c, v->id, &root, &o, err);
	if (r < 0 || !strcmp(dir, o.dir))
		return r;
	/* The path of its image is what an attachment is found by. */
	r = check_image_free(&o, "rename", err);
	if (r < 0)
		return r;
	{
		NAMES_SCOPE(s, wr);
		r = local_rename(root, o.dir, root, dir);
		if (r == 0)
			local_place_note(s, o.meta.id, dir);
	}
	FAULT_POINT("local.rename.done");
	if (r == -EEXIST)
		return err_set(err, EEXIST, "rename '%s' to '%s': that exists already",
			       o.dir, dir);
	if (r == 0 && fsync(root) < 0)
		r = -errno;
	return r < 0 ? local_fail(err, -r, "rename '%s' to '%s'", o.dir, dir)
		     : 0;
}

const struct provider provider_local = {
	.name = "local",
	.title = "sparse files of this machine on loop devices",
	.kind = KIND_BLOCK,
	.notions = NOTION_TAGS,
	.session_size = sizeof(struct local_session),
	.options = local_options,
	.parallel = true,

	.open = local_open,
	.close = local_close,
	.list = local_list,
	.create = local_create,
	.remove = local_remove,
	.attach = local_attach,
	.detach = local_detach,

	.get = local_get,
	.bounds = local_bounds,
	.check_name = local_check_name,
	.create_from_snapshot = local_create_from_snapshot,
	.create_from_volume = local_create_from_volume,
	.changes = FIELD_SIZE,
	.modify = local_modify,
	.set_tags = local_set_tags,
	.set_marks = local_set_marks,
	.rename = local_rename_volume, .rename_detached = true,
	.snapshot = local_snapshot,
	.snapshot_remove = local_snapshot_remove,
	.restore = local_restore,
	.import = local_import,
};
