/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set: one or several settings of a volume, all or nothing. What can be
 * refused is refused before anything is changed; the service's part comes
 * first, since only that can fail then.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/host/device.h"
#include "core/host/filesystem.h"
#include "core/verb_impl.h"

#define TAGS_MAX 64
#define SUBPATH_MAX 1024
#ifndef CAP_SYS_RESOURCE
#define CAP_SYS_RESOURCE 24
#endif

static bool can_tags(const struct provider *p)
{
	return p->set_tags != NULL;
}

static bool can_block(const struct provider *p)
{
	return p->kind == KIND_BLOCK || p->kind_of;
}

/* In this order also the words of `set`. */
const struct setting settings[] = {
	{ "size", OPT_SIZE, .field = FIELD_SIZE, .notion = NOTION_SIZE,
	  .help = "Capacity: bytes, or with K M G T P. It can only grow.",
	  .example = "20G" },
	{ "type", OPT_STR, .field = FIELD_TYPE, .notion = NOTION_TYPE,
	  .help = "Kind of storage, one of the service's.",
	  .example = "gp3" },
	{ "iops", OPT_U64, .field = FIELD_IOPS, .notion = NOTION_IOPS,
	  .help = "Operations a second.", .example = "6000" },
	{ "throughput", OPT_SIZE, .field = FIELD_THROUGHPUT,
	  .notion = NOTION_THROUGHPUT,
	  .help = "Bytes a second, with K M G.", .example = "250M" },
	{ "tags", OPT_MAP, .notion = NOTION_TAGS, .can = can_tags,
	  .help = "KEY=VALUE a line; a write replaces all, lines that all "
		  "begin with + or - edit.", .example = "+team=web" },
	{ "protect", OPT_BOOL,
	  .help = "1: rmdir refuses. 0 only while provably blank, or written.",
	  .example = "0" },
	{ "auto", OPT_BOOL,
	  .help = "1: mounted whenever volfsd starts, as after a reboot.", .example = "1" },
	{ "fstype", OPT_STR, .can = can_block,
	  .help = "File system that the first mount makes.",
	  .example = "xfs" },
	{ "options", OPT_STR,
	  .help = "Mount options for the next mount, of a closed list.",
	  .example = "noatime" },
	{ "subpath", OPT_STR,
	  .help = "Directory of the volume that data/ shows, / for all.",
	  .example = "/data" },
	{ "uid", OPT_U64, .help = "Owner of data/ when it is first made.",
	  .example = "999" },
	{ "gid", OPT_U64, .help = "Group of data/ when it is first made.",
	  .example = "999" },
	{ "mode", OPT_MODE, .help = "Mode of data/ when it is first made.",
	  .example = "0750" },
	{ NULL }
};

const struct setting *setting_find(const char *key)
{
	for (const struct setting *s = settings; s->key; s++)
		if (key && strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

bool setting_is_writable(const struct setting *s, const struct provider *p)
{
	if (s->field && (!p->modify || !(p->changes & s->field)))
		return false;
	return !s->can || s->can(p);
}

/* ---- tags ---- */

struct tags {
	struct tag t[TAGS_MAX];
	uint32_t n;
	char text[64 * 1024];    /* what the tags point into */
	size_t used;
};

static const char *keep_text(struct tags *t, const char *s, size_t len)
{
	char *at = t->text + t->used;
	int n;

	if (sizeof(t->text) - t->used < len + 1)
		return NULL;
	n = tag_unescape(s, len, at, sizeof(t->text) - t->used);
	if (n < 0)
		return NULL;
	t->used += n + 1;
	return at;
}

static int tag_index(const struct tags *t, const char *key)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (strcmp(t->t[i].key, key) == 0)
			return i;
	return -1;
}

static int tag_put(struct tags *t, const char *s, size_t len, struct err *err)
{
	const char *eq = memchr(s, '=', len), *key, *value;
	int i;

	if (!eq)
		return err_set(err, EINVAL, "tags: '%.*s' is not KEY=VALUE",
			       (int)(len < 100 ? len : 100), s);
	key = keep_text(t, s, eq - s);
	value = keep_text(t, eq + 1, s + len - eq - 1);
	if (!key || !value)
		return err_set(err, EINVAL, "tags: '%.*s' has a wrong %%XX, or "
			       "there is too much",
			       (int)(len < 100 ? len : 100), s);
	if (tag_check_key(key, err) < 0)
		return -err->num;
	i = tag_index(t, key);
	if (i < 0 && t->n == TAGS_MAX)
		return err_set(err, E2BIG, "tags: over %d", TAGS_MAX);
	if (i < 0)
		i = t->n++;
	t->t[i] = (struct tag){ key, value };
	return 0;
}

static int tag_take(struct tags *t, const char *s, size_t len, struct err *err)
{
	const char *eq = memchr(s, '=', len);
	const char *key = keep_text(t, s, eq ? (size_t)(eq - s) : len);
	int i = key ? tag_index(t, key) : -1;

	if (i >= 0)
		t->t[i] = t->t[--t->n];
	return 0;
}

static int cmp_tag(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->key,
		      ((const struct tag *)b)->key);
}

/* Calls @each for each line of @text; in a `set` line commas divide. */
static int each_line(const char *text, char divider,
		     int (*each)(void *arg, const char *s, size_t len,
				 struct err *err),
		     void *arg, struct err *err)
{
	while (*text) {
		const char *end = text;

		while (*end && *end != '\n' && *end != divider)
			end++;
		if (end > text) {
			int r = each(arg, text, end - text, err);

			if (r < 0)
				return r;
		}
		text = *end ? end + 1 : end;
	}
	return 0;
}

static int is_edit(void *arg, const char *s, size_t len, struct err *err)
{
	bool *edit = arg;

	*edit &= s[0] == '+' || s[0] == '-';
	return 0;
}

static int apply_line(void *arg, const char *s, size_t len, struct err *err)
{
	if (s[0] == '-')
		return tag_take(arg, s + 1, len - 1, err);
	return s[0] == '+' ? tag_put(arg, s + 1, len - 1, err)
			   : tag_put(arg, s, len, err);
}

static int parse_tags(const struct job *j, const struct volume *v,
		      const char *text, struct tags *t, struct err *err)
{
	char divider = j->setting ? '\n' : ',';
	bool edit = *text != '\0';
	int r;

	t->n = 0;
	t->used = 0;
	each_line(text, divider, is_edit, &edit, NULL);
	for (uint32_t i = 0; edit && i < v->f.n_tags && i < TAGS_MAX; i++)
		t->t[t->n++] = v->f.tags[i];
	r = each_line(text, divider, apply_line, t, err);
	qsort(t->t, t->n, sizeof(t->t[0]), cmp_tag);
	return r;
}

/* ---- what a line asks of the service ---- */

static uint64_t word_number(const struct job *j, const char *key, bool size)
{
	const char *text = job_word(j, key);
	uint64_t n = 0;

	if (size)
		parse_size(text, strlen(text), &n, NULL);
	else
		parse_u64(text, strlen(text), &n, NULL);
	return n;
}

static int want_size(const struct job *j, const struct volume *v,
		     struct volume_change *w, struct err *err)
{
	char text[FORMAT_MAX];

	if (!job_word(j, "size"))
		return 0;
	if (!service_notes(j->svc, NOTION_SIZE))
		return err_set(err, EPERM, "volumes of '%s' have no size of "
			       "their own", j->svc->name);
	w->size_bytes = word_number(j, "size", true);
	if (w->size_bytes == v->f.size_bytes)
		return 0;
	if (check_size(j, &w->size_bytes, err) < 0)
		return -err->num;
	if (w->size_bytes < v->f.size_bytes)
		return err_set(err, EINVAL, "size '%s': it has %s, and a "
			       "volume can only grow", job_word(j, "size"),
			       format_size(text, v->f.size_bytes));
	if (w->size_bytes > v->f.size_bytes)
		w->fields |= FIELD_SIZE;
	return 0;
}

static int want_type(const struct job *j, const struct volume *v,
		     struct volume_change *w, struct err *err)
{
	const char *type = job_word(j, "type");
	struct bounds b = { 0 };

	if (!type || (v->f.type && strcmp(type, v->f.type) == 0))
		return 0;
	if (j->svc->provider->bounds)
		j->svc->provider->bounds(j->svc->session, &b);
	for (const char *const *t = b.types; t; t++) {
		if (!*t)
			return err_set(err, EINVAL, "type '%s' is none of "
				       "'%s': see its .status", type,
				       j->svc->name);
		if (strcmp(*t, type) == 0)
			break;
	}
	w->type = type;
	w->fields |= FIELD_TYPE;
	return 0;
}

static int want_changes(const struct job *j, const struct volume *v,
			struct volume_change *w, struct err *err)
{
	const struct provider *p = j->svc->provider;
	int r;

	*w = (struct volume_change){ 0 };
	r = want_size(j, v, w, err);
	if (r == 0)
		r = want_type(j, v, w, err);
	if (r < 0)
		return r;
	if (job_word(j, "iops")) {
		w->iops = word_number(j, "iops", false);
		w->fields |= w->iops != v->f.iops ? FIELD_IOPS : 0;
	}
	if (job_word(j, "throughput")) {
		w->throughput_bytes_per_s = word_number(j, "throughput", true);
		w->fields |= w->throughput_bytes_per_s !=
					     v->f.throughput_bytes_per_s
				     ? FIELD_THROUGHPUT : 0;
	}
	if (w->fields & ~p->changes)
		return err_set(err, EPERM, "driver '%s' cannot change that",
			       p->name);
	return 0;
}

static bool have_sys_resource(void)
{
	return prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1;
}

/* Refused before the service is asked: else the volume would be larger, and
 * its file system could not follow while it is mounted. */
static int check_growable(const struct volume *v,
			  const struct volume_change *w, struct err *err)
{
	if (!(w->fields & FIELD_SIZE) || !volume_is_mounted(v) ||
	    !v->local->fstype || strncmp(v->local->fstype, "ext", 3) != 0 ||
	    have_sys_resource())
		return 0;
	return err_set(err, EPERM, "growing a mounted %s needs "
		       "CAP_SYS_RESOURCE, which volfsd does not have here: "
		       "unmount it first (xfs and btrfs grow mounted)",
		       v->local->fstype);
}

/* ---- what this host keeps ---- */

/* How it is mounted is what these say as long as it is: data/ is bound by them
 * again after a crash. */
static int check_in_force(const struct job *j, const struct volume *v,
			  const char *key, const char *now, struct err *err)
{
	const char *word = job_word(j, key);
	char how[UNMOUNT_HOW_MAX];

	if (!word || !volume_is_mounted(v) || strcmp(word, now) == 0)
		return 0;
	return err_set(err, EBUSY, "it is mounted with %s '%.100s'; unmount it "
		       "first: %s", key, now, unmount_how(v, how));
}

static int check_local(const struct job *j, const struct volume *v,
		       struct err *err)
{
	const char *fstype = job_word(j, "fstype");
	const char *options = job_word(j, "options");
	const char *subpath = job_word(j, "subpath");
	const struct volume_local *l = v->local;
	const char *share = j->svc->provider->share_type;
	const char *now = l && l->fstype ? l->fstype : share ? share
					 : j->svc->config->core.fstype;

	if (fstype && !(now && strcmp(fstype, now) == 0)) {
		if (l && (l->formatted || l->mounted))
			return err_set(err, EPERM, "it has a file system "
				       "already, %s, so fstype is no longer "
				       "to choose", now);
		if (fs_type_check(fstype, err) < 0)
			return -err->num;
	}
	if (options && *options &&
	    fs_options_check(options_fstype(j, v, fstype), options, err) < 0)
		return -err->num;
	if (check_subpath(subpath, err) < 0)
		return -err->num;
	if (check_in_force(j, v, "options", l && l->options ? l->options : "",
			   err) < 0)
		return -err->num;
	return check_in_force(j, v, "subpath",
			      l && l->subpath ? l->subpath : "/", err);
}

int check_subpath(const char *subpath, struct err *err)
{
	if (!subpath || !*subpath)
		return 0;
	if (subpath[0] != '/' || strlen(subpath) > SUBPATH_MAX)
		return err_set(err, EINVAL, "subpath '%.100s' must begin with "
			       "/, the root of the volume, and have at most %d "
			       "bytes", subpath, SUBPATH_MAX);
	for (const char *at = strstr(subpath, "/.."); at;
	     at = strstr(at + 1, "/.."))
		if (at[3] == '/' || at[3] == '\0')
			return err_set(err, EINVAL, "subpath '%.100s': '..' "
				       "has no place in it", subpath);
	return 0;
}

/* What chown() can take; all ones would mean "unchanged" there. */
static int check_owner(const struct job *j, const char *key, struct err *err)
{
	if (job_word(j, key) && word_number(j, key, false) >= UINT32_MAX)
		return err_set(err, EINVAL, "%s '%.40s' is above the highest, "
			       "%u", key, job_word(j, key), UINT32_MAX - 1);
	return 0;
}

static void set_text(char **to, const char *text)
{
	if (!text)
		return;
	free(*to);
	*to = *text ? strdup(text) : NULL;
}

static void local_settings(struct volume_local *l, void *arg)
{
	const struct job *j = arg;
	const char *text;
	unsigned mode;
	bool on;

	text = job_word(j, "protect");
	if (text && parse_bool(text, strlen(text), &on, NULL) == 0)
		l->protect = on;
	text = job_word(j, "auto");
	if (text && parse_bool(text, strlen(text), &on, NULL) == 0)
		l->auto_mount = on;
	set_text(&l->fstype, job_word(j, "fstype"));
	set_text(&l->options, job_word(j, "options"));
	set_text(&l->subpath, job_word(j, "subpath"));
	if (job_word(j, "uid"))
		l->data_uid = word_number(j, "uid", false);
	if (job_word(j, "gid"))
		l->data_gid = word_number(j, "gid", false);
	text = job_word(j, "mode");
	if (text && parse_mode(text, strlen(text), &mode, NULL) == 0)
		l->data_mode = mode;
}

static bool has_local_words(const struct job *j)
{
	static const char *const keys[] = { "protect", "auto", "fstype",
					    "options", "subpath", "uid", "gid",
					    "mode" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (job_word(j, keys[i]))
			return true;
	return false;
}

/* ---- growing ---- */

static void local_grow_pending(struct volume_local *l, void *arg)
{
	l->grow_pending = true;
}

static void local_grown(struct volume_local *l, void *arg)
{
	l->grow_pending = false;
	l->usage_known = false;
}

int grow_filesystem(struct job *j, const struct call *c, struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct attach_result a = { 0 };
	struct device dev, known;
	char dir[512];
	int r;

	if (!v)
		return -err->num;
	r = attach_decode(v->local->attach_json, &a, err);
	if (r == 0 && a.kind == KIND_BLOCK) {
		job_step(j, "grow-device");
		local_device(v->local, &known);
		r = device_find_known(c, &a.device, &known, &dev, err);
		if (r == 0)
			r = device_rescan(c, &a.device, &dev, v->f.size_bytes,
					  err);
		FAULT_POINT("job.set.device-grown");
		private_dir(j->svc, j->serial, dir, sizeof(dir));
		if (r == 0 && volume_is_mounted(v)) {
			job_step(j, "grow-file-system");
			r = fs_grow(c, &dev, v->local->fstype, dir, err);
			FAULT_POINT("job.set.fs-grown");
		}
	}
	if (r == 0 && (volume_is_mounted(v) || a.kind != KIND_BLOCK))
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_grown,
					  .store = true }, err);
	attach_done(&a);
	volume_unref(v);
	return r;
}

static int grow_after(struct job *j, const struct call *c, struct err *err)
{
	struct volume *v = job_volume(j, err);
	bool attached;
	int r;

	if (!v)
		return -err->num;
	attached = v->local && v->local->attached;
	volume_unref(v);
	r = volume_update(j->svc, j->serial,
			  &(struct volume_update){ .local = local_grow_pending,
						   .store = true }, err);
	if (r < 0 || !attached)
		return r;
	r = grow_filesystem(j, c, err);
	usage_of(j->svc, j->serial, c);
	j->devices_changed = true;
	return r;
}

/* ---- the verb ---- */

static int modify(struct job *j, const struct call *c, const struct volume *v,
		  const struct volume_change *w, struct err *err)
{
	struct take t = { .svc = j->svc, .serial = j->serial };
	struct volume_sink sink = take_sink(&t);
	int r;

	job_step(j, "modify");
	FAULT_POINT("job.set.before-call");
	r = PROVIDER_CALL(j, c, j->svc->provider->modify(
		j->svc->session, c, &v->f, w, &sink, err), err);
	FAULT_POINT("job.set.called");
	take_done(&t);
	return r < 0 ? r : 0;
}

static int set_tags(struct job *j, const struct call *c, struct err *err)
{
	const char *text = job_word(j, "tags");
	AUTO(auto_free) struct tags *t = malloc(sizeof(*t));
	struct volume *v = job_volume(j, err);
	struct volume_facts f;
	int r;

	if (!t || !v) {
		volume_unref(v);
		return v ? err_oom(err) : -err->num;
	}
	r = parse_tags(j, v, text, t, err);
	if (r == 0) {
		job_step(j, "set-tags");
		r = PROVIDER_CALL(j, c, j->svc->provider->set_tags(
			j->svc->session, c, &v->f, t->t, t->n, err), err);
	}
	if (r == 0) {
		f = v->f;
		f.tags = t->t;
		f.n_tags = t->n;
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){ .facts = &f,
							   .store = true },
				  err);
	}
	volume_unref(v);
	return r;
}

static int check_all(struct job *j, const struct volume *v, struct err *err)
{
	struct volume_change w;
	struct tags *t;
	int r;

	if (v->local && v->local->gone)
		return err_set(err, ESTALE, "it is lost, the service no longer "
			       "has it");
	for (size_t i = 0; i < j->line.n; i++) {
		const struct setting *s =
			setting_find(j->line.words[i].spec->key);

		if (s && !setting_is_writable(s, j->svc->provider))
			return err_set(err, EPERM, "driver '%s' cannot change "
				       "%s", j->svc->provider->name, s->key);
		if (s && (s->field || s->notion || !strcmp(s->key, "protect")) &&
		    check_managed(j, v, err) < 0)
			return -err->num;
	}
	r = want_changes(j, v, &w, err);
	if (r == 0)
		r = check_growable(v, &w, err);
	if (r == 0)
		r = check_local(j, v, err);
	if (r == 0)
		r = check_owner(j, "uid", err);
	if (r == 0)
		r = check_owner(j, "gid", err);
	if (r < 0 || !job_word(j, "tags"))
		return r;
	t = malloc(sizeof(*t));
	if (!t)
		return err_oom(err);
	r = parse_tags(j, v, job_word(j, "tags"), t, err);
	free(t);
	return r;
}

static int check_set(struct job *j, struct err *err)
{
	struct volume *v = job_volume(j, err);
	int r;

	if (!v)
		return -err->num;
	r = check_all(j, v, err);
	if (r < 0)
		err_wrap(err, "set '%s'", v->name);
	else if (j->line.n == 0)
		r = 1;
	volume_unref(v);
	return r;
}

static int run_set(struct job *j, struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct volume_change w;
	struct call c;
	int r;

	if (!v)
		return -err->num;
	job_call(j, &c);
	r = check_all(j, v, err);
	if (r == 0)
		r = want_changes(j, v, &w, err);
	if (r == 0 && w.fields)
		r = modify(j, &c, v, &w, err);
	/* After a crash the volume has the size, but its device may not. */
	if (r == 0 && ((w.fields & FIELD_SIZE) ||
		       (j->resumed && job_word(j, "size"))))
		r = grow_after(j, &c, err);
	if (r == 0 && job_word(j, "tags"))
		r = set_tags(j, &c, err);
	if (r == 0 && has_local_words(j))
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_settings, .arg = j,
					  .store = true, .event = "set" },
				  err);
	volume_unref(v);
	return r < 0 ? err_wrap(err, "set '%s'", j->name) : 0;
}

static const struct word_spec set_words[] = {
	{ "size", OPT_SIZE, .notion = NOTION_SIZE,
	  .help = "Capacity; it can only grow." },
	{ "type", OPT_STR, .notion = NOTION_TYPE, .help = "Kind of storage." },
	{ "iops", OPT_U64, .notion = NOTION_IOPS,
	  .help = "Operations a second." },
	{ "throughput", OPT_SIZE, .notion = NOTION_THROUGHPUT,
	  .help = "Bytes a second." },
	{ "tags", OPT_STR, .notion = NOTION_TAGS,
	  .help = "K=V,...: all tags; +K=V,-K,...: edits." },
	{ "protect", OPT_BOOL, .help = "Whether rmdir refuses." },
	{ "auto", OPT_BOOL, .help = "Mount whenever volfsd starts." },
	{ "fstype", OPT_STR, .help = "File system of the first mount." },
	{ "options", OPT_STR, .help = "Mount options." },
	{ "subpath", OPT_STR, .help = "Directory that data/ shows." },
	{ "uid", OPT_U64, .help = "Owner of data/." },
	{ "gid", OPT_U64, .help = "Group of data/." },
	{ "mode", OPT_MODE, .help = "Mode of data/." },
	{ NULL }
};

const struct verb verb_set = {
	.name = "set", .target = TARGET_VOLUME, .words = set_words,
	.help = "Change one or several settings, all or none.",
	.example = "size=200G", .check = check_set, .run = run_set,
};
