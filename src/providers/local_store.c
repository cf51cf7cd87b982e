/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the local driver keeps on disk: object directories, their meta.json,
 * how they come and how they go. See local.h for the layout and its rules.
 */
#include "providers/local.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/parse.h"
#include "net/json.h"

#define META_MAX (1024 * 1024)    /* bytes of a meta.json, tags and all */
#define META_NEW "meta.json.new"
#define TOKEN_ROOM 160            /* of an escaped token in a file name */
#define BEGIN_TRIES 50
#define BEGIN_WAIT_MS 5

/* The system's errno -> the contract's. What is not named is EIO. */
static const struct err_map errno_table[] = {
	{ ENOSPC, ENOSPC },   { EDQUOT, EDQUOT },	{ EROFS, EROFS },
	{ EACCES, EACCES },   { EPERM, EACCES },	{ EEXIST, EEXIST },
	{ EBUSY, EBUSY },     { ETXTBSY, EBUSY },	{ EFBIG, EINVAL },
	{ ENOMEM, ENOMEM },   { ENAMETOOLONG, EINVAL }, { EXDEV, EXDEV },
	{ ENFILE, EAGAIN },   { EMFILE, EAGAIN },	{ EINTR, EINTR },
	{ EUCLEAN, EUCLEAN }, { ENOTEMPTY, ENOTEMPTY },
	{ 0, 0 },
};

int local_fail(struct err *err, int num, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_mapped(err, errno_table, num, text, "");
}

void local_id_make(char out[LOCAL_ID_ROOM], const char *prefix)
{
	uint64_t random = 0;

	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	snprintf(out, LOCAL_ID_ROOM, "%s%016" PRIx64, prefix, random);
}

/*
 * meta.json
 */

static const char *const source_names[] = {
	[SOURCE_NONE] = "none", [SOURCE_SNAPSHOT] = "snapshot",
	[SOURCE_VOLUME] = "volume", [SOURCE_IMPORT] = "import",
};

void local_meta_done(struct local_meta *m)
{
	json_object_put(m->json);
	free(m->tags_owned);
	memset(m, 0, sizeof(*m));
}

static int file_read(int fd, const char *name, struct buf *out)
{
	AUTO(auto_fd) int file = openat(fd, name, O_RDONLY | O_CLOEXEC |
					O_NOFOLLOW | O_NONBLOCK);

	return file < 0 ? -errno : file_read_all(file, out);
}

static int compare_tags(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->key,
		      ((const struct tag *)b)->key);
}

static int get_tags(struct local_meta *m)
{
	struct json_object *tags;
	size_t n = 0;

	if (!json_object_object_get_ex(m->json, "tags", &tags))
		return 0;
	if (!json_object_is_type(tags, json_type_object))
		return -EUCLEAN;
	m->tags_owned = calloc((size_t)json_object_object_length(tags) + 1,
			       sizeof(*m->tags_owned));
	if (!m->tags_owned)
		return -ENOMEM;
	json_object_object_foreach(tags, key, value) {
		if (!json_object_is_type(value, json_type_string))
			return -EUCLEAN;
		m->tags_owned[n].key = key;
		m->tags_owned[n++].value = json_object_get_string(value);
	}
	qsort(m->tags_owned, n, sizeof(*m->tags_owned), compare_tags);
	m->tags = m->tags_owned;
	m->n_tags = (uint32_t)n;
	return 0;
}

/* Ids become file names (in .deleted, in the tree's .by-id) and words. */
static bool id_is_sound(const char *id)
{
	size_t len = id ? strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")
			: 0;

	return len >= 4 && len < LOCAL_ID_ROOM && id[len] == '\0';
}

static int meta_from_json(struct local_meta *m, struct err *err)
{
	struct json_object *o = m->json;
	int64_t ino = 0, created = 0;
	const char *source = NULL;
	size_t i;
	int r = json_get_string(o, "id", &m->id, err);

	r = r < 0 ? r : json_get_size(o, "size_bytes", &m->size_bytes, err);
	r = r < 0 ? r : json_opt_i64(o, "directory_ino", 0, &ino, err);
	r = r < 0 ? r : json_opt_i64(o, "created_at_s", 0, &created, err);
	r = r < 0 ? r : json_opt_string(o, "token", NULL, &m->token, err);
	r = r < 0 ? r : json_opt_string(o, "source", NULL, &source, err);
	r = r < 0 ? r : json_opt_string(o, "source_id", NULL, &m->source_id,
					err);
	r = r < 0 ? r : json_opt_string(o, "source_name", NULL,
					&m->source_name, err);
	r = r < 0 ? r : json_opt_string(o, "consistency", NULL,
					&m->consistency, err);
	r = r < 0 ? r : json_opt_bool(o, "managed", false, &m->managed, err);
	r = r < 0 ? r : json_opt_bool(o, "blank", false, &m->blank, err);
	if (r < 0)
		return r;
	if (!id_is_sound(m->id) || !m->size_bytes)
		return err_set(err, EPROTO, "'id' or 'size_bytes' is senseless");
	m->directory_ino = (uint64_t)ino;
	m->created_at_s = created > 0 ? created : 0;
	for (i = 0; source && i < ARRAY_SIZE(source_names); i++)
		if (!strcmp(source, source_names[i]))
			m->source = (enum source_kind)i;
	r = get_tags(m);
	if (r == -ENOMEM)
		return err_oom(err);
	return r < 0 ? err_set(err, EPROTO, "'tags' are not all texts") : 0;
}

int local_meta_parse(const char *text, size_t len, struct local_meta *out,
		     struct err *err)
{
	struct local_meta m = { 0 };
	int r = json_parse_bytes(text, len, LOCAL_META, &m.json, err);

	if (r == 0)
		r = meta_from_json(&m, err);
	if (r == 0) {
		*out = m;
		return 0;
	}
	local_meta_done(&m);
	if (r == -ENOMEM)
		return r;
	err_wrap(err, LOCAL_META " is damaged");
	if (err)
		err->num = EUCLEAN;
	return -EUCLEAN;
}

int local_meta_read(int fd, struct local_meta *out, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(META_MAX);
	int r = file_read(fd, LOCAL_META, &text);

	if (r == -ENOENT)
		return err_set(err, ENOENT, "there is no " LOCAL_META);
	if (r == -ENOMEM)
		return err_oom(err);
	if (r < 0)
		return err_set(err, EUCLEAN, LOCAL_META
			       " cannot be read: %s", strerrordesc_np(-r));
	return local_meta_parse(buf_str(&text), text.len, out, err);
}

static void put_text(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(b, ",\n \"%s\": ", key);
	buf_json_string(b, value);
}

/* Text as JSON, byte for byte: buf_json_string() would mend what is not
 * UTF-8, and tags come back as they were given. */
static void put_raw_text(struct buf *b, const char *text)
{
	struct json_object *o = json_object_new_string(text);

	if (!o) {
		b->failed = ENOMEM;
		return;
	}
	buf_puts(b, json_object_to_json_string_ext(
			    o, JSON_C_TO_STRING_PLAIN |
				       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void meta_format(const struct local_meta *m, struct buf *b)
{
	uint32_t i;

	buf_puts(b, "{\"schema\": 1,\n \"id\": ");
	buf_json_string(b, m->id);
	if (m->token && *m->token) {
		buf_puts(b, ",\n \"token\": ");
		put_raw_text(b, m->token);
	}
	buf_printf(b, ",\n \"size_bytes\": %" PRIu64, m->size_bytes);
	buf_printf(b, ",\n \"created_at_s\": %" PRId64, m->created_at_s);
	buf_printf(b, ",\n \"directory_ino\": %" PRIu64, m->directory_ino);
	buf_printf(b, ",\n \"managed\": %s,\n \"blank\": %s",
		   m->managed ? "true" : "false", m->blank ? "true" : "false");
	if (m->source != SOURCE_NONE)
		put_text(b, "source", source_names[m->source]);
	put_text(b, "source_id", m->source_id);
	if (m->source_name) {
		buf_puts(b, ",\n \"source_name\": ");
		put_raw_text(b, m->source_name);
	}
	put_text(b, "consistency", m->consistency);
	for (i = 0; i < m->n_tags; i++) {
		buf_puts(b, i ? ",\n  " : ",\n \"tags\": {");
		put_raw_text(b, m->tags[i].key);
		buf_puts(b, ": ");
		put_raw_text(b, m->tags[i].value ? m->tags[i].value : "");
	}
	buf_puts(b, m->n_tags ? "}}\n" : "}\n");
}

int local_meta_write(int fd, const struct local_meta *m, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(META_MAX);
	AUTO(auto_fd) int file = -1;
	int r = 0;

	meta_format(m, &text);
	if (buf_failed(&text) == ENOMEM)
		return err_oom(err);
	if (buf_failed(&text))
		return err_set(err, EINVAL,
			       "the tags take more than the %d bytes that a volume's "
			       LOCAL_META " may have", META_MAX);
	/* Not over an old one: it could be a link to somewhere else. */
	unlinkat(fd, META_NEW, 0);
	file = openat(fd, META_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		      O_NOFOLLOW, 0600);
	if (file < 0)
		r = -errno;
	if (r == 0)
		r = file_write_all(file, buf_str(&text), text.len);
	if (r == 0 && fsync(file) < 0)
		r = -errno;
	FAULT_POINT("local.meta.written");
	if (r == 0 && renameat(fd, META_NEW, fd, LOCAL_META) < 0)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	if (file >= 0)
		unlinkat(fd, META_NEW, 0);
	return local_fail(err, -r, "writing " LOCAL_META);
}

/*
 * Objects
 */

void local_object_done(struct local_object *o)
{
	local_meta_done(&o->meta);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

static int dir_open(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
			O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int local_object_open(int parent, const char *dir, struct local_object *out,
		      struct err *err)
{
	AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;
	struct stat st;
	int r;

	if (strlen(dir) >= sizeof(o.dir))
		return err_set(err, ENOENT, "'%.64s...' does not exist", dir);
	snprintf(o.dir, sizeof(o.dir), "%s", dir);
	o.fd = dir_open(parent, dir);
	if (o.fd == -ENOENT || o.fd == -ENOTDIR || o.fd == -ELOOP)
		return err_set(err, ENOENT, "'%s' does not exist", dir);
	if (o.fd < 0)
		return local_fail(err, -o.fd, "opening the directory '%s'",
				  dir);
	r = local_meta_read(o.fd, &o.meta, &o.why);
	if (r == -ENOMEM)
		return err_oom(err);
	/* lost+found, somebody's notes: no image, no facts, none of ours. */
	if (r == -ENOENT &&
	    fstatat(o.fd, LOCAL_IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, ENOENT, "'%s' is no volume", dir);
	o.damaged = r < 0;
	*out = o;
	o = (struct local_object)LOCAL_OBJECT_INIT;
	return 0;
}

static DIR *dir_read(int fd)
{
	int copy = dir_open(fd, ".");
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d && copy >= 0)
		close(copy);
	return d;
}

int local_object_each(int parent, const struct call *c,
		      int (*each)(struct local_object *o, void *arg,
				  struct err *err),
		      void *arg, struct err *err)
{
	AUTO(auto_dir) DIR *d = dir_read(parent);
	struct dirent *e;
	int r = 0;

	if (!d)
		return local_fail(err, errno, "listing the volumes");
	while (r == 0 && (errno = 0, e = readdir(d))) {
		AUTO(auto_object) struct local_object o = LOCAL_OBJECT_INIT;

		if (e->d_name[0] == '.' ||
		    (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		r = call_check(c, err);
		if (r < 0)
			return r;
		r = local_object_open(parent, e->d_name, &o, err);
		if (r == -ENOENT)
			r = 0; /* none of ours, or gone this instant */
		else if (r == 0)
			r = each(&o, arg, err);
	}
	if (r == 0 && errno)
		return local_fail(err, errno, "listing the volumes");
	return r;
}

/*
 * Coming
 */

/* What an object's directory may hold; all else is somebody's. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { ".", "..", LOCAL_IMAGE,
					     LOCAL_META, META_NEW,
					     LOCAL_SNAPSHOTS };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Empties an object's directory of what is ours. The image goes first: a
 * directory without it is rubbish also to a reader who finds the rest. */
static void contents_purge(int fd)
{
	AUTO(auto_fd) int snapshots = dir_open(fd, LOCAL_SNAPSHOTS);

	unlinkat(fd, LOCAL_IMAGE, 0);
	FAULT_POINT("local.purge.image");
	unlinkat(fd, LOCAL_META, 0);
	unlinkat(fd, META_NEW, 0);
	if (snapshots >= 0) {
		local_sweep(snapshots, false);
		unlinkat(fd, LOCAL_SNAPSHOTS, AT_REMOVEDIR);
	}
}

static uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static void making_name(const char *token, char *out, size_t room)
{
	char id[LOCAL_ID_ROOM], escaped[TOKEN_ROOM];

	local_id_make(id, "");
	if (!token || !*token)
		snprintf(out, room, LOCAL_NEW "%s", id);
	else if (name_escape(token, strlen(token), escaped,
			     sizeof(escaped)) > 0)
		snprintf(out, room, LOCAL_NEW "%s", escaped);
	else
		snprintf(out, room, LOCAL_NEW "%016" PRIx64, hash_text(token));
}

/* Opens and locks @name in @parent: its descriptor; -EAGAIN: it went away
 * before the lock was there; -EBUSY: another one works in it. */
static int dir_claim(int parent, const char *name)
{
	AUTO(auto_fd) int fd = dir_open(parent, name);
	struct stat mine, now;

	if (fd < 0)
		return fd == -ENOENT ? -EAGAIN : fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(fd, &mine) < 0)
		return -errno;
	if (fstatat(parent, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    mine.st_ino != now.st_ino)
		return -EAGAIN;
	return STEAL_FD(fd);
}

int local_making_begin(struct local_making *m, int parent,
		       const struct call *c, struct err *err)
{
	int fd = -EAGAIN, tries, r;

	making_name(c->token, m->name, sizeof(m->name));
	for (tries = 0; tries < BEGIN_TRIES; tries++) {
		if (mkdirat(parent, m->name, 0700) < 0 && errno != EEXIST)
			return local_fail(err, errno, "making a directory");
		fd = dir_claim(parent, m->name);
		if (fd != -EAGAIN && fd != -EBUSY)
			break;
		/* A sweep looked at it this instant, or took it away. */
		r = call_sleep(c, BEGIN_WAIT_MS, err);
		if (r < 0)
			return r;
	}
	if (fd == -EBUSY)
		return err_set(err, EBUSY,
			       "the same request is being carried out at this moment; ask again when it has ended");
	if (fd < 0)
		return local_fail(err, -fd, "opening '%s'", m->name);
	m->parent = parent;
	m->fd = fd;
	contents_purge(fd);
	FAULT_POINT("local.making.begun");
	return 0;
}

int local_rename(int from_parent, const char *from, int to_parent,
		 const char *to)
{
	int r = renameat2(from_parent, from, to_parent, to, RENAME_NOREPLACE);

	/* Where the file system lacks the flag rename() will do: it does not
	 * replace a directory that holds something, and ours always do. */
	if (r < 0 && (errno == EINVAL || errno == ENOSYS))
		r = renameat(from_parent, from, to_parent, to);
	if (r == 0)
		return 0;
	return errno == ENOTEMPTY || errno == ENOTDIR ? -EEXIST : -errno;
}

int local_making_commit(struct local_making *m, const char *dir,
			struct err *err)
{
	int r = fsync(m->fd) < 0 ? -errno : 0;

	FAULT_POINT("local.making.complete");
	if (r == 0)
		r = local_rename(m->parent, m->name, m->parent, dir);
	if (r == -EEXIST)
		return err_set(err, EEXIST, "'%s' exists already", dir);
	if (r < 0)
		return local_fail(err, -r, "putting '%s' in its place", dir);
	FAULT_POINT("local.making.committed");
	close(m->fd);
	m->fd = -1;
	if (fsync(m->parent) < 0)
		return local_fail(err, errno, "writing the directory of '%s'",
				  dir);
	return 0;
}

void local_making_drop(struct local_making *m)
{
	int saved = errno;

	if (m->fd < 0)
		return;
	contents_purge(m->fd);
	unlinkat(m->parent, m->name, AT_REMOVEDIR);
	close(m->fd);
	m->fd = -1;
	errno = saved;
}

int local_file_new(int fd, const char *name, int like, struct err *err)
{
	AUTO(auto_fd) int file = openat(fd, name, O_RDWR | O_CREAT | O_EXCL |
					O_CLOEXEC | O_NOFOLLOW, 0600);
	int flags = 0, wanted = FS_NOCOW_FL;

	if (file < 0)
		return local_fail(err, errno, "making '%s'", name);
	/* btrfs knows the flag; others refuse it, and nothing is lost. */
	if (like >= 0 && ioctl(like, FS_IOC_GETFLAGS, &wanted) < 0)
		wanted = 0;
	if (ioctl(file, FS_IOC_GETFLAGS, &flags) == 0 &&
	    (flags ^ wanted) & FS_NOCOW_FL) {
		flags ^= FS_NOCOW_FL;
		(void)ioctl(file, FS_IOC_SETFLAGS, &flags);
	}
	return STEAL_FD(file);
}

/*
 * Images
 */

int local_image_open(int fd, const char *label, int flags, struct err *err)
{
	AUTO(auto_fd) int image = openat(fd, LOCAL_IMAGE, flags | O_CLOEXEC |
					 O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (image < 0 && errno == ENOENT)
		return err_set(err, EIO, "the image of '%s' is gone: '" LOCAL_IMAGE
			       "' was deleted behind volfs; put it back, or remove the volume",
			       label);
	if (image < 0 && errno != ELOOP)
		return local_fail(err, errno, "opening the image of '%s'",
				  label);
	if (image < 0 || fstat(image, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EIO,
			       "the image of '%s' is no plain file: something else was put in the place of '"
			       LOCAL_IMAGE "'", label);
	return STEAL_FD(image);
}

/* Is @image what the loop device in @sys, an entry of /sys/block, stands on?
 * The path there only leads to the inode, which decides. */
static bool loop_backs(int sys, const char *loop, const struct stat *image)
{
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);
	char file[300];
	struct stat st;

	snprintf(file, sizeof(file), "%s/loop/backing_file", loop);
	if (file_read(sys, file, &path) < 0 || !path.len)
		return false;
	if (path.data[path.len - 1] == '\n')
		path.data[path.len - 1] = '\0';
	return stat(path.data, &st) == 0 && st.st_dev == image->st_dev &&
	       st.st_ino == image->st_ino;
}

int local_image_check_free(int image, const char *doing, struct err *err)
{
	AUTO(auto_dir) DIR *d = opendir("/sys/block");
	struct dirent *e;
	struct stat st;

	if (fstat(image, &st) < 0)
		return local_fail(err, errno, "%s", doing);
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "loop", 4) &&
		    loop_backs(dirfd(d), e->d_name, &st))
			return err_set(err, EBUSY,
				       "%s: its image is attached as /dev/%s; detach it first",
				       doing, e->d_name);
	/* What volfs attaches it locks; so this sees what a namespace hides. */
	if (flock(image, LOCK_SH | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return err_set(err, EBUSY,
				       "%s: its image is held by another process (flock); detach it there first",
				       doing);
		return local_fail(err, errno, "%s", doing);
	}
	flock(image, LOCK_UN);
	return 0;
}

/*
 * Going
 */

int local_check_contents(int fd, const char *label, struct err *err)
{
	AUTO(auto_dir) DIR *d = dir_read(fd);
	char quoted[128];
	struct dirent *e;

	if (!d)
		return local_fail(err, errno, "looking into '%s'", label);
	while ((e = readdir(d)))
		if (!is_ours(e->d_name))
			return err_set(err, ENOTEMPTY,
				       "the directory of '%s' also holds '%s', which volfs did not make: move it away first",
				       label,
				       quote_for_error(quoted, sizeof(quoted),
						       e->d_name,
						       strlen(e->d_name)));
	return 0;
}

int local_discard(int root, int parent, const char *dir, const char *id,
		  struct err *err)
{
	AUTO(auto_fd) int deleted = -1;
	AUTO(auto_fd) int mine = -1;
	int r;

	if (mkdirat(root, LOCAL_DELETED, 0700) < 0 && errno != EEXIST)
		return local_fail(err, errno, "making '" LOCAL_DELETED "'");
	deleted = dir_open(root, LOCAL_DELETED);
	if (deleted < 0)
		return local_fail(err, -deleted, "opening '" LOCAL_DELETED "'");
	/* Held, so that no sweep purges beside us. */
	mine = dir_claim(parent, dir);
	r = renameat(parent, dir, deleted, id) < 0 ? -errno : 0;
	if (r == -ENOTEMPTY || r == -EEXIST) {
		local_discard_finish(root, id);
		r = renameat(parent, dir, deleted, id) < 0 ? -errno : 0;
	}
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return local_fail(err, -r, "moving '%s' to '" LOCAL_DELETED
				  "'", dir);
	FAULT_POINT("local.discard.moved");
	if (fsync(parent) < 0 || fsync(deleted) < 0)
		return local_fail(err, errno, "writing the directory of '%s'",
				  dir);
	if (mine >= 0) {
		contents_purge(mine);
		unlinkat(deleted, id, AT_REMOVEDIR);
	}
	return 0;
}

/* Purges @name of @parent unless somebody works in it. */
static void purge_abandoned(int parent, const char *name)
{
	AUTO(auto_fd) int fd = dir_claim(parent, name);

	if (fd < 0)
		return;
	contents_purge(fd);
	unlinkat(parent, name, AT_REMOVEDIR);
}

void local_discard_finish(int root, const char *id)
{
	AUTO(auto_fd) int deleted = dir_open(root, LOCAL_DELETED);

	if (deleted >= 0 && id_is_sound(id))
		purge_abandoned(deleted, id);
}

void local_sweep(int parent, bool all)
{
	AUTO(auto_dir) DIR *d = dir_read(parent);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (all || !strncmp(e->d_name, LOCAL_NEW, strlen(LOCAL_NEW)))
			purge_abandoned(parent, e->d_name);
	}
}
