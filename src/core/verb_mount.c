/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount and unmount. A volume is mounted once, at a private place, and bound
 * at its data/; who asked for it is a named user. The first mounts, the last
 * unmounts.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/device.h"
#include "core/host/filesystem.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

#define USER_NAME_MAX 255
#define USERS_MAX 1024

void private_dir(struct service *s, uint64_t serial, char *out, size_t room)
{
	snprintf(out, room, "%s/mnt/%s/%" PRIx64, s->engine->o.run_dir,
		 s->name, serial);
}

static const char *user_of(const struct job *j)
{
	const char *user = job_word(j, "user");

	return user ? user : "manual";
}

static const struct mount_user *find_user(const struct volume *v,
					  const char *name)
{
	for (size_t i = 0; v->local && i < v->local->n_users; i++)
		if (strcmp(v->local->users[i].name, name) == 0)
			return &v->local->users[i];
	return NULL;
}

/* ---- users ---- */

struct with_user {
	const char *name;
	bool read_only, all;
};

static void local_add_user(struct volume_local *l, void *arg)
{
	struct with_user *u = arg;
	struct mount_user *users;

	for (size_t i = 0; i < l->n_users; i++)
		if (strcmp(l->users[i].name, u->name) == 0)
			return;
	users = realloc(l->users, (l->n_users + 1) * sizeof(*users));
	if (!users)
		return;
	l->users = users;
	users[l->n_users] = (struct mount_user){ strdup(u->name),
						 clock_unix_s(),
						 u->read_only };
	if (users[l->n_users].name)
		l->n_users++;
	l->last_used_at_s = clock_unix_s();
}

static void local_drop_user(struct volume_local *l, void *arg)
{
	struct with_user *u = arg;
	size_t kept = 0;

	for (size_t i = 0; i < l->n_users; i++) {
		if (u->all || strcmp(l->users[i].name, u->name) == 0)
			free(l->users[i].name);
		else
			l->users[kept++] = l->users[i];
	}
	l->n_users = kept;
	l->last_used_at_s = clock_unix_s();
}

/* ---- mount ---- */

/* Of the directory that data/ shows, when it is made: as set for the volume,
 * else as configured. */
struct data_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

static struct data_owner data_owner_of(const struct service *s,
				       const struct volume *v)
{
	const struct service_options *o = &s->config->core;
	const struct volume_local *l = v->local;
	struct data_owner own = { o->uid, o->gid, o->mode };

	if (l && l->data_uid != (uid_t)-1)
		own.uid = l->data_uid;
	if (l && l->data_gid != (gid_t)-1)
		own.gid = l->data_gid;
	if (l && l->data_mode != (mode_t)-1)
		own.mode = l->data_mode;
	return own;
}

struct mounting {
	struct job *j;
	struct volume *v;            /* attached by now */
	struct attach_result how;
	struct device device;
	struct fs_probe probe;
	char fstype[32];
	char options[512];
	char dir[512];
	bool read_only, fresh;       /* fresh: our mkfs, just now */
	bool in_use;                 /* by another mount namespace */
	const char *subpath;
};

static void join_list(char *const *list, char *out, size_t room)
{
	out[0] = '\0';
	for (; list && *list; list++)
		snprintf(out + strlen(out), room - strlen(out), "%s%s",
			 out[0] ? "," : "", *list);
}

/* Naming another option does not take these off: only their opposite does,
 * which the configuration can say and the tree cannot. */
static void add_safety(char *options, size_t room, const char *word,
		       const char *opposite)
{
	size_t len = strlen(options);

	if (!options_have(options, word, strlen(word)) &&
	    !options_have(options, opposite, strlen(opposite)))
		snprintf(options + len, room - len, "%s%s", len ? "," : "",
			 word);
}

/* What a user may set, in this order: this mount's word, the volume's, the
 * configuration's. */
static void choose_options(struct mounting *m)
{
	const struct service_options *o = &m->j->svc->config->core;
	const struct volume_local *l = m->v->local;
	const char *word = job_word(m->j, "options");
	const char *fstype = job_word(m->j, "fstype");

	if (word)
		snprintf(m->options, sizeof(m->options), "%s", word);
	else if (l && l->options)
		snprintf(m->options, sizeof(m->options), "%s", l->options);
	else
		join_list(o->options, m->options, sizeof(m->options));
	add_safety(m->options, sizeof(m->options), "nodev", "dev");
	add_safety(m->options, sizeof(m->options), "nosuid", "suid");
	snprintf(m->fstype, sizeof(m->fstype), "%s",
		 fstype ? fstype : l && l->fstype ? l->fstype
		 : o->fstype ? o->fstype : "ext4");
	m->subpath = l && l->subpath ? l->subpath
		     : o->subpath && *o->subpath ? o->subpath : "/";
	m->read_only = line_has(&m->j->line, "ro") ||
		       options_have(m->options, "ro", 2) ||
		       m->v->local->attached_read_only;
}

/* The last of the four conditions before mkfs; fs_make() has the others. */
static int may_format(const struct mounting *m, bool overwrite,
		      struct err *err)
{
	const struct volume *v = m->v;
	const struct volume_local *l = v->local;
	const char *why = NULL;

	if (m->read_only)
		return err_set(err, EROFS, "it has no file system yet and was "
			       "to be mounted read-only");
	if (overwrite)
		return 0;
	if (!v->f.managed)
		why = "it was not made by volfs";
	else if (l && l->imported)
		why = "it was imported";
	else if (l && l->formatted)
		why = "volfs made a file system on it before";
	else if (v->f.source == SOURCE_SNAPSHOT || v->f.source == SOURCE_VOLUME)
		why = "it was made from another volume";
	if (!why && m->probe.blank)
		return 0;
	return err_set(err, EUCLEAN, "%s has no file system that can be "
		       "mounted (%s) and is not made anew, because %s: look at "
		       "it with fsck %s, or give up its content with "
		       "overwrite=%s", m->device.path,
		       m->probe.found[0] ? m->probe.found : "nothing found",
		       why ? why : "it is not blank", m->device.path,
		       v->name);
}

static void local_formatting(struct volume_local *l, void *arg)
{
	struct mounting *m = arg;

	l->formatting = true;
	free(l->fstype);
	l->fstype = strdup(m->fstype);
}

static void local_formatted(struct volume_local *l, void *arg)
{
	l->formatting = false;
	l->formatted = true;
}

/* "formatting" is stored before mkfs and "formatted" after it: what a crash
 * in between leaves on the device is mkfs's own, and is overwritten. */
static int format(struct mounting *m, const struct call *c, bool overwrite,
		  struct err *err)
{
	bool again = m->v->local && m->v->local->formatting;
	int r;

	r = again ? 0 : may_format(m, overwrite, err);
	if (r < 0)
		return r;
	if (fs_type_check(m->fstype, err) < 0)
		return -err->num;
	r = volume_update(m->j->svc, m->j->serial,
			  &(struct volume_update){ .local = local_formatting,
						   .arg = m, .store = true },
			  err);
	if (r < 0)
		return r;
	job_step(m->j, "make-file-system");
	FAULT_POINT("job.mount.before-mkfs");
	r = fs_make(c, &m->device, m->fstype, NULL, m->v->f.size_bytes,
		    overwrite || again, err);
	FAULT_POINT("job.mount.after-mkfs");
	if (r < 0)
		return r;
	m->fresh = true;
	return volume_update(m->j->svc, m->j->serial,
			     &(struct volume_update){ .local = local_formatted,
						      .store = true }, err);
}

/* A job that a crash interrupted may find its volume mounted already: then
 * there is nothing to look for on the device. */
static bool is_mounted_already(struct mounting *m)
{
	struct mount_table t = { 0 };
	const struct mount_entry *e;
	bool found;

	if (!m->j->resumed || mount_table_read(&t, NULL) < 0)
		return false;
	e = mount_table_find(&t, m->dir);
	found = e != NULL;
	if (found)
		snprintf(m->fstype, sizeof(m->fstype), "%s", e->fstype);
	mount_table_done(&t);
	return found;
}

/* The device, a file system on it that is sound, its type in m->fstype. */
static int prepare_block(struct mounting *m, const struct call *c,
			 struct err *err)
{
	bool overwrite = line_has(&m->j->line, "overwrite");
	int r;

	r = device_wait(c, &m->how.device,
			m->j->svc->config->core.device_timeout_ms, &m->device,
			err);
	if (r < 0 || is_mounted_already(m))
		return r;
	job_step(m->j, "look-at-device");
	r = fs_probe(c, &m->device, m->v->f.size_bytes, &m->probe, err);
	if (r < 0)
		return r;
	if (overwrite || m->v->local->formatting || !m->probe.type[0])
		return format(m, c, overwrite, err);
	snprintf(m->fstype, sizeof(m->fstype), "%s", m->probe.type);
	/* Still mounted in another namespace: nobody may check it now, and
	 * the kernel mounts the same file system once more. */
	m->in_use = device_check_free(c, &m->device, NULL) == -EBUSY;
	if (m->in_use || m->read_only || strcmp(m->j->svc->config->core.fsck ?
				   m->j->svc->config->core.fsck : "preen",
				   "never") == 0)
		return 0;
	job_step(m->j, "check-file-system");
	return fs_check(c, &m->device, m->fstype, err);
}

/* A copy has the uuid of its original, and xfs refuses the second of them. */
static void add_nouuid(struct mounting *m)
{
	size_t len = strlen(m->options);

	if (strcmp(m->fstype, "xfs") == 0 &&
	    m->v->f.source != SOURCE_NONE && !strstr(m->options, "nouuid"))
		snprintf(m->options + len, sizeof(m->options) - len,
			 ",nouuid");
}

/* ext4 can only grow mounted with a capability that we may lack, but always
 * before it is mounted. */
static void grow_before(struct mounting *m, const struct call *c)
{
	struct err err = ERR_INIT;

	if (m->v->local->grow_pending && !m->read_only && !m->in_use &&
	    strncmp(m->fstype, "ext", 3) == 0 &&
	    fs_grow(c, &m->device, m->fstype, NULL, &err) < 0)
		log_warn("mount '%s/%s': %s", m->j->svc->name, m->v->name,
			 err.text);
}

/* The root of what is mounted belongs to whom the volume's settings, else the
 * configuration's, name: once, before anybody has had it. */
static int own_root(struct mounting *m, const struct call *c, struct err *err)
{
	struct data_owner own = data_owner_of(m->j->svc, m->v);

	if (strcmp(m->subpath, "/") != 0 || m->read_only ||
	    !(m->fresh || (m->how.kind == KIND_DIRECTORY &&
			   m->v->local->owner_pending)))
		return 0;
	return mount_set_root_owner(c, m->dir, own.uid, own.gid, own.mode,
				    err);
}

static int mount_it(struct mounting *m, const struct call *c, struct err *err)
{
	struct mount_spec spec = { .target = m->dir,
				   .read_only = m->read_only };
	char options[768];
	int r;

	snprintf(options, sizeof(options), "%s", m->options);
	switch (m->how.kind) {
	case KIND_BLOCK:
		r = prepare_block(m, c, err);
		if (r < 0)
			return r;
		add_nouuid(m);
		grow_before(m, c);
		snprintf(options, sizeof(options), "%s", m->options);
		spec.source = m->device.path;
		spec.device = &m->device;
		spec.fstype = m->fstype;
		break;
	case KIND_DIRECTORY:
		spec.source = m->how.directory;
		spec.fstype = "bind";
		snprintf(m->fstype, sizeof(m->fstype), "bind");
		break;
	default:
		spec.source = m->how.source;
		spec.fstype = m->how.fstype;
		snprintf(m->fstype, sizeof(m->fstype), "%s", m->how.fstype);
		if (m->how.options && *m->how.options)
			snprintf(options, sizeof(options), "%s,%s",
				 m->how.options, m->options);
	}
	spec.options = options;
	job_step(m->j, "mount");
	FAULT_POINT("job.mount.before-mount");
	r = mount_private(c, &spec, err);
	FAULT_POINT("job.mount.mounted");
	if (r == 0)
		r = own_root(m, c, err);
	/* What was attached before stays so after the unmount. */
	if (r == 0 && m->how.kind == KIND_BLOCK &&
	    m->v->local->attached_by_mount)
		r = device_set_autoclear(c, &m->how.device, true, err);
	return r;
}

/* What of the mount's options is said again of each of its places. */
static void place_options(const char *options, char *out, size_t room)
{
	static const char *const words[] = { "nodev", "nosuid", "noexec" };
	char padded[1024];

	out[0] = '\0';
	snprintf(padded, sizeof(padded), ",%s,", options ? options : "");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		char word[16];

		snprintf(word, sizeof(word), ",%s,", words[i]);
		if (strstr(padded, word))
			snprintf(out + strlen(out), room - strlen(out), "%s%s",
				 out[0] ? "," : "", words[i]);
	}
}

static int bind_data(struct service *s, const struct volume *v,
		     const char *subpath, const char *options, bool read_only,
		     bool make, const struct call *c, struct err *err)
{
	struct engine *e = s->engine;
	struct data_owner own = data_owner_of(s, v);
	AUTO(auto_free) char *data = NULL;
	char dir[512], place[64];
	struct mount_bind b = {
		.private_dir = dir, .subpath = subpath, .make = make,
		.uid = own.uid, .gid = own.gid, .mode = own.mode,
		.read_only = read_only, .options = place,
	};

	place_options(options, place, sizeof(place));
	private_dir(s, v->node->serial, dir, sizeof(dir));
	data = e->o.host.data_path(e->o.host.arg, s->name, v->name);
	if (!data)
		return err_oom(err);
	b.data = data;
	if (e->o.host.volume_ino)
		b.above_ino = e->o.host.volume_ino(e->o.host.arg, s,
						   v->node->serial);
	return mount_bind(c, &b, err);
}

static void local_mounted(struct volume_local *l, void *arg)
{
	struct mounting *m = arg;
	struct with_user u = { user_of(m->j), m->read_only, false };

	if (m->how.kind == KIND_BLOCK)
		local_device_found(l, &m->device);
	l->mounted = true;
	l->mount_read_only = m->read_only;
	free(l->fstype);
	l->fstype = strdup(m->fstype);
	free(l->options);
	l->options = strdup(m->options);
	free(l->subpath);
	l->subpath = strdup(m->subpath);
	l->went_read_only = false;
	if (!m->read_only)
		l->owner_pending = false;
	local_add_user(l, &u);
}

/* The sentence of a damaged file system names a device that is no more. */
static void tell_detached(const struct mounting *m, struct err *why)
{
	if (why->num == EUCLEAN)
		err_set(why, EUCLEAN, "%.380s; it is detached again: echo 1 > "
			"%s/attach, and readlink %s/device says where it is "
			"then", why->text, m->v->name, m->v->name);
}

/* A mount that cannot be completed leaves neither mount nor attachment that
 * was not there before. */
static void undo_mount(struct mounting *m, struct err *why)
{
	struct engine *e = m->j->engine;
	AUTO(auto_free) char *data = NULL;
	struct call c = { .deadline_ms = clock_ms() + 30000, .token = "",
			  .job = "" };
	struct err err = ERR_INIT;

	data = e->o.host.data_path(e->o.host.arg, m->j->svc->name,
				   m->v->name);
	if (data)
		mount_umount(&c, data, UMOUNT_PLAIN, &err);
	if (mount_umount(&c, m->dir, UMOUNT_PLAIN, &err) < 0) {
		log_warn("mount '%s/%s' failed and could not be undone: %s",
			 m->j->svc->name, m->v->name, err.text);
		return;
	}
	if (!m->v->local->attached_by_mount)
		return;
	if (detach_volume(m->j, &c, false, &err) < 0)
		log_warn("mount '%s/%s' failed and it stays attached: %s",
			 m->j->svc->name, m->v->name, err.text);
	else
		tell_detached(m, why);
}

static int add_user(struct job *j, const struct volume *v, struct err *err)
{
	struct with_user u = { user_of(j), line_has(&j->line, "ro"), false };

	if (find_user(v, u.name))
		return 0;
	if (v->local->mount_read_only && !u.read_only)
		return err_set(err, EBUSY, "mount '%s': it is mounted "
			       "read-only for others: cat %s/users", v->name,
			       v->name);
	if (v->local->n_users >= USERS_MAX)
		return err_set(err, EAGAIN, "mount '%s': it has %d users",
			       v->name, USERS_MAX);
	return volume_update(j->svc, j->serial,
			     &(struct volume_update){ .local = local_add_user,
						      .arg = &u, .store = true,
						      .event = "user" }, err);
}

/* Grows what a resize while unmounted left behind. */
static void grow_pending(struct mounting *m, const struct call *c)
{
	struct err err = ERR_INIT;

	if (m->how.kind != KIND_BLOCK || m->read_only ||
	    !m->v->local->grow_pending)
		return;
	if (grow_filesystem(m->j, c, &err) < 0)
		log_warn("mount '%s/%s': its file system is smaller than the "
			 "volume: %s", m->j->svc->name, m->v->name, err.text);
}

/* One more user of a mounted volume; what somebody unmounted by hand comes
 * back. PLACE_NOTHING: it has to be mounted from the start. */
static int join_mount(struct job *j, struct volume *v, struct err *err)
{
	int place, r = mount_is_as_asked(j, v, err);

	if (r < 0)
		return r;
	place = mount_place(j->svc, v, err);
	if (place == PLACE_NOTHING)
		return place;
	if (place == PLACE_PRIVATE) {
		log_info("mount '%s/%s': somebody unmounted its data/; it is "
			 "bound again", j->svc->name, v->name);
		place = mount_rebind(j->svc, v, err);
	}
	if (place < 0)
		return err_wrap(err, "mount '%s'", v->name);
	r = add_user(j, v, err);
	return r < 0 ? r : PLACE_WHOLE;
}

static int run_mount(struct job *j, struct err *err)
{
	struct mounting m = { .j = j };
	struct volume *v = job_volume(j, err);
	bool attached;
	struct call c;
	int r;

	if (!v)
		return -err->num;
	r = volume_is_mounted(v) ? join_mount(j, v, err) : PLACE_NOTHING;
	if (r != PLACE_NOTHING) {
		volume_unref(v);
		return r < 0 ? r : 0;
	}
	attached = v->local && v->local->attached;
	volume_unref(v);
	job_call(j, &c);
	r = attach_volume(j, &c, !attached, line_has(&j->line, "ro"), err);
	if (r < 0)
		return err_wrap(err, "mount '%s'", j->name);
	m.v = job_volume(j, err);
	if (!m.v)
		return -err->num;
	private_dir(j->svc, j->serial, m.dir, sizeof(m.dir));
	choose_options(&m);
	r = attach_decode(m.v->local->attach_json, &m.how, err);
	if (r == 0)
		r = mount_it(&m, &c, err);
	if (r == 0)
		r = bind_data(j->svc, m.v, m.subpath, m.options, m.read_only,
			      true, &c, err);
	FAULT_POINT("job.mount.bound");
	if (r == 0)
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_mounted, .arg = &m,
					  .store = true, .event = "mount" },
				  err);
	if (r == 0) {
		grow_pending(&m, &c);
		usage_of(j->svc, j->serial, &c);
		publish_mounts(j->engine);
		j->devices_changed = true;
	} else if (!(j->engine->stopping && r == -ECANCELED)) {
		undo_mount(&m, err);
	}
	attach_done(&m.how);
	volume_unref(m.v);
	return r < 0 ? err_wrap(err, "mount '%s'", j->name) : 0;
}

static int check_user_name(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > USER_NAME_MAX)
		return err_set(err, EINVAL, "mount: a user's name has 1 to %d "
			       "bytes", USER_NAME_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return err_set(err, EINVAL, "mount: a user's name has "
				       "no blanks or control bytes");
	return 0;
}

static bool is_directory(const struct job *j, const struct volume *v)
{
	const struct provider *p = j->svc->provider;

	return (p->kind_of ? p->kind_of(&v->f) : p->kind) == KIND_DIRECTORY;
}

const char *options_fstype(const struct job *j, const struct volume *v,
			   const char *fstype)
{
	const struct provider *p = j->svc->provider;

	if (is_directory(j, v))
		return "bind";
	if (fstype)
		return fstype;
	if (v->local && v->local->fstype)
		return v->local->fstype;
	if (p->share_type)
		return p->share_type;
	return j->svc->config->core.fstype ? j->svc->config->core.fstype
					   : "ext4";
}

static int check_mount(struct job *j, struct err *err)
{
	const char *overwrite = job_word(j, "overwrite");
	const char *options = job_word(j, "options");
	const char *fstype = job_word(j, "fstype");
	struct volume *v = job_volume(j, err);
	int r;

	if (!v)
		return -err->num;
	r = check_user_name(user_of(j), err);
	if (r == 0 && overwrite && strcmp(overwrite, v->name) != 0)
		r = err_set(err, EINVAL, "mount '%s': overwrite=%s: to give up "
			    "the content of this volume write overwrite=%s",
			    v->name, overwrite, v->name);
	if (r == 0 && overwrite && check_managed(j, v, err) < 0)
		r = -err->num;
	if (r == 0 && fstype)
		r = fs_type_check(fstype, err);
	if (r == 0 && options)
		r = fs_options_check(options_fstype(j, v, fstype), options,
				     err);
	if (r == 0 && volume_is_mounted(v) && overwrite)
		r = err_set(err, EBUSY, "mount '%s': it is mounted, so "
			    "nothing is overwritten", v->name);
	volume_unref(v);
	return r;
}

static const struct word_spec mount_words[] = {
	{ "ro", OPT_BOOL, .flag = true, .help = "Read-only." },
	{ "user", OPT_STR, .dflt = "manual",
	  .help = "Who holds it; the last user's unmount unmounts." },
	{ "options", OPT_STR,
	  .help = "Mount options, comma-separated, of a closed list." },
	{ "fstype", OPT_STR, .help = "File system, if it has none yet." },
	{ "overwrite", OPT_STR,
	  .help = "The volume's name: make a new file system, and give up "
		  "what is there." },
	{ NULL }
};

const struct verb verb_mount = {
	.name = "mount", .target = TARGET_VOLUME, .words = mount_words,
	.help = "Mount the volume at data/, attaching it first; a blank one "
		"gets a file system.",
	.example = "1", .check = check_mount, .run = run_mount,
};

/* ---- unmount ---- */

void local_unmounted(struct volume_local *l, void *arg)
{
	struct with_user all = { .all = true };

	l->mounted = false;
	l->mount_read_only = false;
	l->usage_known = false;
	l->went_read_only = false;
	free(l->share_lost);
	l->share_lost = NULL;
	l->share_lost_at_s = 0;
	local_drop_user(l, &all);
}

/* data/ first, for that is where users are; then the private place. When that
 * one is busy data/ comes back: nothing is half done. */
static int unmount_both(struct job *j, const struct call *c, struct volume *v,
			enum umount_how how, struct err *err)
{
	struct engine *e = j->engine;
	AUTO(auto_free) char *data = NULL;
	char dir[512];
	int r;

	private_dir(j->svc, j->serial, dir, sizeof(dir));
	data = e->o.host.data_path(e->o.host.arg, j->svc->name, v->name);
	if (!data)
		return err_oom(err);
	job_step(j, "unmount");
	FAULT_POINT("job.unmount.before");
	r = mount_umount(c, data, how, err);
	FAULT_POINT("job.unmount.data");
	if (r < 0)
		return r;
	r = mount_umount(c, dir, how, err);
	FAULT_POINT("job.unmount.private");
	if (r < 0)
		mount_rebind(j->svc, v, NULL);
	else
		rmdir(dir);   /* an empty directory left behind harms nobody */
	return r;
}

static void local_unmounted_kept(struct volume_local *l, void *arg)
{
	local_unmounted(l, arg);
	l->attached_by_mount = false;
}

/* Before an unmount that does not detach: a loop device that went with the
 * mount would leave its number, which 'device' names, to another volume. */
static int keep_device(const struct call *c, const struct volume *v,
		       struct err *err)
{
	struct attach_result a = { 0 };
	int r;

	if (!v->local->attached_by_mount || !v->local->attach_json)
		return 0;
	r = attach_decode(v->local->attach_json, &a, err);
	if (r == 0 && a.kind == KIND_BLOCK)
		r = device_set_autoclear(c, &a.device, false, err);
	attach_done(&a);
	return r;
}

/* What is mounted of @v, for who asks the kernel who has it: the file system's
 * number, and where in that it begins ("": all of it). */
static dev_t mounted_part(const struct job *j, const struct volume *v,
			  char *root, size_t room)
{
	struct mount_table t = { 0 };
	const struct mount_entry *e;
	dev_t devno = v->local->device_devno;
	char dir[512];

	*root = '\0';
	if (devno || !is_directory(j, v) || mount_table_read(&t, NULL) < 0)
		return devno;
	private_dir(j->svc, j->serial, dir, sizeof(dir));
	e = mount_table_find(&t, dir);
	if (e && snprintf(root, room, "%s", e->root) < (int)room)
		devno = e->devno;
	mount_table_done(&t);
	return devno;
}

/* Before an unmount that detaches: whoever else has it mounted would keep the
 * device, and only half of this would be done. What begins after this look is
 * found by the detach. */
static int check_held(const struct job *j, const struct volume *v,
		      struct err *err)
{
	struct engine *e = j->engine;
	AUTO(auto_buf) struct buf who = BUF_INIT(300);
	AUTO(auto_free) char *data = NULL;
	char below[512], root[PATH_MAX];
	dev_t devno = mounted_part(j, v, root, sizeof(root));

	if (!devno)
		return 0;
	data = e->o.host.data_path(e->o.host.arg, j->svc->name, v->name);
	if (!data)
		return err_oom(err);
	snprintf(below, sizeof(below), "%s/mnt", e->o.run_dir);
	if (mount_holders_beyond(devno, root, below, data, 4, &who) <= 0)
		return 0;
	return err_set(err, EBUSY, "it is in use: %s: end that first, or let "
		       "the path go now and the device when that ends: echo "
		       "lazy > unmount", buf_str(&who));
}

/* The last user's: unmounts, and detaches if that is to be. */
static int unmount_last(struct job *j, const struct call *c, struct volume *v,
			bool detach, struct err *err)
{
	bool force = line_has(&j->line, "force");
	enum umount_how how = line_has(&j->line, "lazy") ? UMOUNT_LAZY
			      : force ? UMOUNT_FORCE : UMOUNT_PLAIN;
	bool keep = line_has(&j->line, "keep");
	struct err ignored = ERR_INIT;
	int r;

	r = mount_place(j->svc, v, err);
	if (r >= 0)
		r = !detach ? keep_device(c, v, err)
			    : how != UMOUNT_PLAIN ? 0
						  : check_held(j, v, err);
	if (r == 0)
		r = unmount_both(j, c, v, how, err);
	if (r < 0)
		return r;
	r = volume_update(j->svc, j->serial,
			  &(struct volume_update){
				  .local = keep ? local_unmounted_kept
						: local_unmounted,
				  .store = true, .urgent = true,
				  .event = "unmount" }, err);
	FAULT_POINT("job.unmount.stored");
	publish_mounts(j->engine);
	/* A pulled disk that is there again was waiting for this. */
	if (r == 0 && !detach)
		device_care_back(j->svc, j->serial);
	if (r < 0 || !detach || detach_volume(j, c, force, err) == 0)
		return r;
	r = err_wrap(err, "it is unmounted here, but not detached");
	keep_device(c, v, &ignored);
	return r;
}

static int run_unmount(struct job *j, struct err *err)
{
	bool force = line_has(&j->line, "force");
	bool lazy = line_has(&j->line, "lazy");
	struct with_user u = { user_of(j), false, force || lazy };
	struct volume *v = service_volume(j->svc, j->serial);
	bool detach;
	struct call c;
	int r;

	/* Removed while this waited: then nothing of it is mounted. */
	if (!v)
		return 0;
	job_call(j, &c);
	/* A device or directory stays until the last namespace lets go of it. */
	detach = v->local && v->local->attached_by_mount &&
		 !(lazy && (v->local->device || is_directory(j, v))) &&
		 !line_has(&j->line, "keep");
	if (!volume_is_mounted(v)) {
		/* A repeat after a crash between the unmount and the detach. */
		r = j->resumed && detach ? detach_volume(j, &c, force, err) : 0;
		goto out;
	}
	if (!u.all && v->local->n_users > (find_user(v, u.name) ? 1 : 0)) {
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_drop_user, .arg = &u,
					  .store = true, .urgent = true,
					  .event = "user" }, err);
		goto out;
	}
	r = unmount_last(j, &c, v, detach, err);
out:
	volume_unref(v);
	return r < 0 ? err_wrap(err, "unmount '%s'", j->name) : 0;
}

static int check_unmount(struct job *j, struct err *err)
{
	/* In this order: see volume_will_move(). */
	bool busy = volume_has_job(j->svc, j->serial);
	struct volume *v = job_volume(j, err);

	if (!v)
		return -err->num;
	busy |= volume_is_mounted(v);
	volume_unref(v);
	return busy ? 0 : 1;
}

static const struct word_spec unmount_words[] = {
	{ "user", OPT_STR, .dflt = "manual", .help = "Whose hold ends." },
	{ "keep", OPT_BOOL, .flag = true, .help = "Leave it attached." },
	{ "force", OPT_BOOL, .flag = true,
	  .help = "For all users, and although a server hangs." },
	{ "lazy", OPT_BOOL, .flag = true,
	  .help = "For all users; what is open goes on until closed." },
	{ NULL }
};

const struct verb verb_unmount = {
	.name = "unmount", .target = TARGET_VOLUME, .words = unmount_words,
	.help = "End one user's hold; the last one unmounts, and detaches "
		"what mount attached.",
	.example = "1", .check = check_unmount, .run = run_unmount,
	.urgent = true,
};

/* ---- at a start ---- */

int mount_rebind(struct service *s, struct volume *v, struct err *err)
{
	struct call c = { .deadline_ms = clock_ms() + 30000, .token = "",
			  .job = "" };

	return bind_data(s, v, v->local->subpath ? v->local->subpath : "/",
			 v->local->options, v->local->mount_read_only, false,
			 &c, err);
}
