/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: from an id to what it shows, its name, its attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "core/provider.h"
#include "fs/fs.h"
#include "fs/node.h"

const struct attr_table *const attr_tables[OBJECT_KINDS] = {
	[OBJECT_DAEMON] = &files_daemon,
	[OBJECT_DRIVER] = &files_driver,
	[OBJECT_JOB] = &files_job,
	[OBJECT_SERVICE] = &files_service,
	[OBJECT_VOLUME] = &files_volume,
	[OBJECT_SNAPSHOT] = &files_snapshot,
	[OBJECT_NAME] = &files_name,
};

/* ---- rows ---- */

static struct {
	const struct attr *attr;
	const struct verb *verb;
	const struct setting *setting;
} by_index[OBJECT_KINDS][INDEX_MAX];
static pthread_once_t by_index_once = PTHREAD_ONCE_INIT;

static void by_index_fill(void)
{
	for (int k = 0; k < OBJECT_KINDS; k++) {
		for (const struct attr *a = attr_tables[k]->rows; a->name;
		     a++) {
			by_index[k][a->index].attr = a;
			if (a->verb)
				by_index[k][a->index].verb =
					verb_find(a->verb);
			if (a->setting)
				by_index[k][a->index].setting =
					setting_find(a->setting);
		}
	}
}

const struct attr *attr_by_index(enum object_kind kind, unsigned index)
{
	pthread_once(&by_index_once, by_index_fill);
	if (kind == OBJECT_DRIVER)
		return &files_driver.rows[0];
	return index < INDEX_MAX ? by_index[kind][index].attr : NULL;
}

static int attr_kind(const struct attr *a)
{
	for (int k = 0; k < OBJECT_KINDS; k++)
		if (by_index[k][a->index].attr == a)
			return k;
	return OBJECT_DRIVER;
}

const struct verb *attr_verb(const struct attr *a)
{
	pthread_once(&by_index_once, by_index_fill);
	return a->verb ? by_index[attr_kind(a)][a->index].verb : NULL;
}

const struct setting *attr_setting(const struct attr *a)
{
	pthread_once(&by_index_once, by_index_fill);
	return a->setting ? by_index[attr_kind(a)][a->index].setting : NULL;
}

bool attr_is_directory(const struct attr *a)
{
	return a->class == CLASS_DIR || a->class == CLASS_TENANT_DIR ||
	       a->class == CLASS_NAMES_DIR || a->class == CLASS_DATA_DIR;
}

/* ---- objects ---- */

enum object_kind node_kind(uint64_t ino)
{
	unsigned index = node_index(ino);
	uint64_t serial = node_serial(ino);

	if (node_service(ino) == 0) {
		if (serial)
			return OBJECT_JOB;
		return index < DAEMON_DRIVER_FIRST ? OBJECT_DAEMON
						   : OBJECT_DRIVER;
	}
	if (serial == 0)
		return OBJECT_SERVICE;
	if (serial & NODE_NAME_BIT)
		return OBJECT_NAME;
	return index < SNAPSHOT_FIRST ? OBJECT_VOLUME : OBJECT_SNAPSHOT;
}

void object_done(struct object *o)
{
	volume_unref(o->vol);
	snapshot_unref(o->snap);
	service_unref(o->svc);
	if (o->kind == OBJECT_JOB)
		job_info_done(&o->job);
	free(o->name);
	*o = (struct object){ 0 };
}

static const struct provider *driver_at(unsigned at)
{
	for (unsigned i = 0; providers[i]; i++)
		if (i == at)
			return providers[i];
	return NULL;
}

static int resolve_daemons(uint64_t ino, struct object *o)
{
	if (o->kind == OBJECT_DRIVER) {
		o->driver = driver_at(node_index(ino) - DAEMON_DRIVER_FIRST);
		return o->driver ? 0 : -ENOENT;
	}
	if (o->kind == OBJECT_JOB &&
	    engine_job(o->fs->engine, o->serial, &o->job) < 0) {
		o->kind = OBJECT_DAEMON;        /* no job to free */
		return -ENOENT;
	}
	return 0;
}

static int resolve_parts(uint64_t ino, struct object *o)
{
	if (node_service(ino) == 0)
		return resolve_daemons(ino, o);
	o->svc = engine_service(o->fs->engine, node_service(ino));
	if (!o->svc)
		return -ENOENT;
	switch (o->kind) {
	case OBJECT_VOLUME:
		o->vol = service_volume(o->svc, o->serial);
		return o->vol ? 0 : -ENOENT;
	case OBJECT_SNAPSHOT:
		o->snap = service_snapshot(o->svc, o->serial);
		return o->snap ? 0 : -ENOENT;
	case OBJECT_NAME:
		o->name = names_find(o->fs->names, o->serial);
		return o->name ? 0 : -ENOENT;
	default:
		return 0;
	}
}

int node_resolve(struct fs *fs, uint64_t ino, struct object *o)
{
	*o = (struct object){ .fs = fs, .kind = node_kind(ino),
			      .serial = node_serial(ino) };
	o->row = attr_by_index(o->kind, node_index(ino));
	if (!o->row || resolve_parts(ino, o) < 0 || !object_has(o, o->row)) {
		object_done(o);
		return -ENOENT;
	}
	return 0;
}

uint64_t object_ino(const struct object *o)
{
	unsigned index = o->row->index;

	if (o->kind == OBJECT_DRIVER) {
		index = DAEMON_DRIVER_FIRST;
		while (providers[index - DAEMON_DRIVER_FIRST] != o->driver)
			index++;
	}
	return node_make(o->svc ? service_number(o->svc) : 0, o->serial,
			 index);
}

static bool verb_is_possible(const struct object *o, const struct verb *v)
{
	const struct provider *p = o->svc ? service_provider(o->svc) : NULL;

	if (!v)
		return false;
	return !v->can || !o->svc || (p && v->can(p));
}

bool object_has(const struct object *o, const struct attr *a)
{
	if (a->class == CLASS_VERB && !verb_is_possible(o, attr_verb(a)))
		return false;
	return !a->present || a->present(o);
}

bool object_is_writable(const struct object *o)
{
	const struct setting *s;

	if (o->row->class == CLASS_VERB)
		return true;
	if (o->row->class != CLASS_SETTING || !o->svc)
		return false;
	s = attr_setting(o->row);
	return s && setting_is_writable(s, service_provider(o->svc));
}

/* ---- names ---- */

/* A row of the same object; takes references of its own. */
static void object_row(const struct object *from, const struct attr *row,
		       struct object *out)
{
	*out = (struct object){
		.fs = from->fs, .kind = from->kind, .row = row,
		.serial = from->serial, .driver = from->driver,
		.svc = service_ref(from->svc),
		.vol = from->vol ? volume_ref(from->vol) : NULL,
		.snap = from->snap ? snapshot_ref(from->snap) : NULL,
	};
}

int object_lookup(const struct object *dir, const char *name,
		  struct object *out)
{
	const struct attr *rows = attr_tables[dir->kind]->rows;

	for (const struct attr *a = rows; a->name; a++) {
		if (a->in != dir->row->index || strcmp(a->name, name) != 0)
			continue;
		if (dir->kind == OBJECT_JOB)
			return node_resolve(dir->fs, node_make(0, dir->serial,
					    a->index), out);
		if (!object_has(dir, a))
			return -ENOENT;
		object_row(dir, a, out);
		return 0;
	}
	if (!dir->row->children)
		return -ENOENT;
	return dir->row->children->find(dir, name, out);
}

void object_mark_given(const struct object *o)
{
	uint64_t bit = UINT64_C(1) << (o->row->index & 63);

	switch (o->kind) {
	case OBJECT_DAEMON:
		atomic_fetch_or(&o->fs->given_daemon, bit);
		break;
	case OBJECT_SERVICE:
		atomic_fetch_or(&o->fs->given_service[
				service_number(o->svc)], bit);
		break;
	case OBJECT_VOLUME:
		atomic_fetch_or(&o->vol->node->given, bit);
		break;
	case OBJECT_SNAPSHOT:
		if (o->snap->given)
			atomic_fetch_or(o->snap->given, bit);
		break;
	case OBJECT_JOB:
		atomic_fetch_or(&o->fs->given_jobs[o->serial / 64 % 64],
				UINT64_C(1) << (o->serial % 64));
		break;
	default:
		break;
	}
}

/* ---- attributes ---- */

struct owner {
	uid_t uid;
	gid_t gid;
	mode_t dir, status, setting, verb, tenant;
};

static void owner_of_daemon(struct fs *fs, struct owner *w)
{
	const struct core_options *c = engine_core_options(fs->engine);

	*w = (struct owner){
		.uid = c->owner_uid, .gid = c->has_group ? c->group_gid : 0,
		.dir = (mode_t)c->dir_mode, .status = (mode_t)c->status_mode,
		.tenant = (mode_t)c->tenant_mode,
		.setting = (mode_t)c->verb_mode, .verb = (mode_t)c->verb_mode,
	};
}

static void owner_of_service(struct service *svc, struct owner *w)
{
	const struct service_options *c = service_options(svc);

	*w = (struct owner){
		.uid = c->owner_uid, .gid = c->has_group ? c->group_gid : 0,
		.dir = (mode_t)c->dir_mode, .status = (mode_t)c->status_mode,
		.setting = (mode_t)c->setting_mode,
		.verb = (mode_t)c->verb_mode,
		.tenant = (mode_t)c->tenant_mode,
	};
}

/* A chown of the volume's directory hands over the control files in it, and
 * its mode narrows or widens theirs. */
static void owner_delegate(const struct volume_local *l, struct owner *w)
{
	if (!l)
		return;
	if (l->owner_uid != (uid_t)-1)
		w->uid = l->owner_uid;
	if (l->owner_gid != (gid_t)-1)
		w->gid = l->owner_gid;
	if (l->owner_mode == (mode_t)-1)
		return;
	w->dir = l->owner_mode & 0777;
	w->status &= 0444 & l->owner_mode;
	w->setting = (w->setting & 0444 & l->owner_mode) |
		     (l->owner_mode & 0222);
	w->verb = (w->verb & 0444 & l->owner_mode) | (l->owner_mode & 0222);
}

static void owner_of(const struct object *o, struct owner *w)
{
	if (!o->svc) {
		owner_of_daemon(o->fs, w);
		return;
	}
	owner_of_service(o->svc, w);
	if (o->kind == OBJECT_VOLUME) {
		owner_delegate(o->vol->local, w);
	} else if (o->kind == OBJECT_SNAPSHOT && o->snap->volume_serial) {
		struct volume *v = service_volume(o->svc,
						  o->snap->volume_serial);

		if (v)
			owner_delegate(v->local, w);
		volume_unref(v);
	}
}

static mode_t mode_of(const struct object *o, const struct owner *w)
{
	/* Who may read is said for reading; a directory is passed likewise. */
	mode_t tenant_dir = w->tenant | (w->tenant & 0444) >> 2;

	switch (o->row->class) {
	case CLASS_DIR:
	case CLASS_DATA_DIR:
		return S_IFDIR | w->dir;
	case CLASS_NAMES_DIR:
		return S_IFDIR | (w->dir & 0555) | 0200;
	case CLASS_TENANT_DIR:
		return S_IFDIR | tenant_dir;
	case CLASS_LINK:
		return S_IFLNK | 0777;
	case CLASS_STATUS:
		return S_IFREG | w->status;
	case CLASS_TENANT:
		return S_IFREG | w->tenant;
	case CLASS_VERB:
		if (o->kind == OBJECT_JOB)
			return S_IFREG | (w->verb & 0770);
		return S_IFREG | w->verb;
	case CLASS_SETTING:
		return S_IFREG | (object_is_writable(o) ? w->setting
							: w->status);
	}
	return S_IFREG;
}

/* Each time here is pushed where it changes (fs/publish.c): with an old one in
 * its cache, the kernel has another before a read than after it, and tar says
 * that the file changed. */
static int64_t mtime_of_service(const struct object *o)
{
	struct service_info info;
	int64_t at_s;

	service_info_get(o->svc, &info);
	if (attr_is_directory(o->row))
		at_s = info.entries_at_s;
	else if (o->row->index == SERVICE_STATUS ||
		 o->row->index == SERVICE_ERROR ||
		 o->row->index == SERVICE_README)
		at_s = info.changed_at_s;
	else
		at_s = engine_started_at_s(o->fs->engine);
	service_info_done(&info);
	return at_s;
}

static int64_t mtime_of_daemon(const struct object *o)
{
	switch (o->row->index) {
	case DAEMON_ROOT:
	case DAEMON_README:
		return o->fs->root_at_s;
	case DAEMON_JOBS:
		return o->fs->jobs_at_s;
	case DAEMON_EVENTS:
	case DAEMON_EVENTS_OLD:
		return o->fs->events_at_s;
	case DAEMON_STATUS:
	case DAEMON_METRICS:
	case DAEMON_CONFIG:
	case DAEMON_MOUNTS:
	case DAEMON_DEVICES:
		return o->fs->daemon_at_s;
	default:
		return engine_started_at_s(o->fs->engine);
	}
}

static int64_t mtime_of(const struct object *o)
{
	switch (o->kind) {
	case OBJECT_DAEMON:
		return mtime_of_daemon(o);
	case OBJECT_SERVICE:
		return mtime_of_service(o);
	case OBJECT_VOLUME:
		return attr_is_directory(o->row) ||
		       o->row->class == CLASS_LINK ? o->vol->entries_at_s
						   : o->vol->changed_at_s;
	case OBJECT_SNAPSHOT:
		return o->snap->changed_at_s;
	case OBJECT_JOB:
		return o->job.changed_at_s;
	default:
		return engine_started_at_s(o->fs->engine);
	}
}

static bool is_events(const struct object *o)
{
	return o->kind == OBJECT_DAEMON &&
	       (o->row->index == DAEMON_EVENTS ||
		o->row->index == DAEMON_EVENTS_OLD);
}

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *arg)
{
	buf_done(arg);
	free(arg);
}

static void scratch_init(void)
{
	pthread_key_create(&scratch_key, scratch_free);
}

/* A thread's buffer to render in, kept between calls: attributes are asked for
 * hundreds of files a millisecond. Emptied; NULL: no memory. */
static struct buf *scratch(void)
{
	struct buf *b;

	pthread_once(&scratch_once, scratch_init);
	b = pthread_getspecific(scratch_key);
	if (!b) {
		b = malloc(sizeof(*b));
		if (!b)
			return NULL;
		buf_init(b, SHOW_MAX);
		pthread_setspecific(scratch_key, b);
	}
	buf_reset(b);
	return b;
}

static int size_of(const struct object *o, uint64_t *size)
{
	struct buf *text;
	int r;

	if (attr_is_directory(o->row)) {
		*size = o->kind == OBJECT_VOLUME && o->row->index == VOLUME_DIR
			? o->vol->f.size_bytes : 0;
		return 0;
	}
	if (is_events(o)) {
		*size = engine_events_size(o->fs->engine,
				o->row->index == DAEMON_EVENTS_OLD);
		return 0;
	}
	text = scratch();
	if (!text)
		return -ENOMEM;
	object_show(o, text);
	*size = text->len;
	r = buf_failed(text) ? -ENOMEM : 0;
	if (text->room > 65536)
		buf_done(text);
	return r;
}

int object_stat(const struct object *o, struct stat *st)
{
	struct owner w;
	uint64_t size;
	int r = size_of(o, &size);

	if (r < 0)
		return r;
	owner_of(o, &w);
	*st = (struct stat){
		.st_ino = object_ino(o), .st_mode = mode_of(o, &w),
		.st_nlink = 1, .st_uid = w.uid, .st_gid = w.gid,
		.st_size = (off_t)size, .st_blksize = 4096,
	};
	st->st_mtim.tv_sec = mtime_of(o);
	st->st_ctim = st->st_atim = st->st_mtim;
	return 0;
}

/* ---- text ---- */

/* What is below the mount point has no byte that a shell minds. */
static void path_below(const struct object *o, const char *below,
		       struct buf *out)
{
	const struct attr *row = o->row;

	if (o->svc)
		buf_printf(out, "/%s", service_name(o->svc));
	if (o->vol)
		buf_printf(out, "/%s", o->vol->name);
	if (o->snap) {
		struct volume *v = o->snap->volume_serial ?
			service_volume(o->svc, o->snap->volume_serial) : NULL;

		if (v)
			buf_printf(out, "/%s/snapshots/%s", v->name,
				   o->snap->name);
		else
			buf_printf(out, "/.snapshots/%s", o->snap->name);
		volume_unref(v);
	}
	if (o->kind == OBJECT_JOB)
		buf_printf(out, "/.volfs/jobs/%llu",
			   (unsigned long long)o->serial);
	if (o->kind == OBJECT_NAME)
		buf_printf(out, "/.%s/%s", row->verb, o->name);
	if (below)
		buf_printf(out, "/%s", below);
}

void object_path(const struct object *o, const char *below, struct buf *out)
{
	buf_puts(out, o->fs->mount_point);
	path_below(o, below, out);
}

void object_shell_path(const struct object *o, const char *below,
		       struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
	const char *top = o->fs->mount_point;

	if (!top[strspn(top, plain)]) {
		object_path(o, below, out);
		return;
	}
	buf_putc(out, '\'');
	for (; *top; top++) {
		if (*top == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *top);
	}
	buf_putc(out, '\'');
	path_below(o, below, out);
}

static void show_usage(const struct object *o, struct buf *out)
{
	const struct attr *a = o->row;
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);

	object_shell_path(o, o->kind == OBJECT_NAME ? NULL :
			  o->kind == OBJECT_DAEMON ? ".volfs" : a->name,
			  &path);
	if (o->kind == OBJECT_DAEMON)
		buf_printf(&path, "/%s", a->name);
	verb_usage(attr_verb(a), o->svc, buf_str(&path), out);
}

void object_show(const struct object *o, struct buf *out)
{
	if (o->row->show)
		o->row->show(o, out);
	else if (o->row->class == CLASS_VERB)
		show_usage(o, out);
}
