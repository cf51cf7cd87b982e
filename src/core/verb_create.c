/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create: a new volume, from nothing, a snapshot or another volume.
 *
 * The placeholder is stored with the job's token before the first request
 * leaves. Whatever happens to the answer, the token finds what was made: the
 * same create goes on under it, and a listing that shows it resolves the
 * placeholder.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/host/filesystem.h"
#include "core/verb_impl.h"

#define TAGS_MAX 64

/* Everything a create asks for, resolved against configuration and bounds. */
struct wanted {
	struct volume_spec spec;
	char name[NAME_BYTES_MAX + 1];      /* raw */
	struct tag tags[TAGS_MAX];
	char *tag_text;                     /* what the tags point into */
	struct snapshot *snapshot;          /* from= */
	struct volume *volume;
};

static void wanted_done(struct wanted *w)
{
	snapshot_unref(w->snapshot);
	volume_unref(w->volume);
	free(w->tag_text);
}

static const char *word_or(const struct job *j, const char *key,
			   const char *dflt)
{
	const char *v = job_word(j, key);

	return v ? v : dflt;
}

/* tags: of the configuration, then tag= words, which win. */
static int want_tags(const struct job *j, struct wanted *w, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(64 * 1024);
	char *const *t = j->svc->config->core.tags;
	char *at;

	if (!(j->svc->provider->notions & NOTION_TAGS))
		return 0;
	for (; t && *t; t++)
		buf_printf(&text, "%s\n", *t);
	for (size_t i = 0; i < j->line.n; i++)
		if (strcmp(j->line.words[i].spec->key, "tag") == 0)
			buf_printf(&text, "%s\n", j->line.words[i].value);
	w->tag_text = buf_take(&text);
	if (!w->tag_text)
		return text.failed ? err_oom(err) : 0;
	for (at = w->tag_text; *at;) {
		char *end = strchr(at, '\n'), *eq = strchr(at, '=');
		uint32_t i;

		*end = '\0';
		if (!eq || eq > end)
			return err_set(err, EINVAL, "create: tag '%s' is not "
				       "KEY=VALUE", at);
		*eq = '\0';
		if (tag_check_key(at, err) < 0)
			return -err->num;
		for (i = 0; i < w->spec.n_tags; i++)
			if (strcmp(w->tags[i].key, at) == 0)
				break;
		if (i == TAGS_MAX)
			return err_set(err, E2BIG, "create: over %d tags",
				       TAGS_MAX);
		w->tags[i] = (struct tag){ at, eq + 1 };
		if (i == w->spec.n_tags)
			w->spec.n_tags++;
		at = end + 1;
	}
	w->spec.tags = w->tags;
	return 0;
}

/* from=VOLUME or from=VOLUME@SNAPSHOT, or a snapshot's id. */
static int want_source(const struct job *j, struct wanted *w, struct err *err)
{
	const char *from = job_word(j, "from"), *at;
	const struct provider *p = j->svc->provider;
	char name[NAME_BYTES_MAX + 1];

	if (!from)
		return 0;
	at = strchr(from, '@');
	snprintf(name, sizeof(name), "%.*s",
		 (int)(at ? at - from : (long)strlen(from)), from);
	w->volume = service_volume_named(j->svc, at ? name : from);
	if (at && w->volume) {
		w->snapshot = service_snapshot_named(
			j->svc, w->volume->node->serial, at + 1);
		volume_unref(STEAL(w->volume));
	}
	if (!w->snapshot && !w->volume)
		w->snapshot = service_snapshot_by_id(j->svc, from);
	if (!w->snapshot && !w->volume)
		return err_set(err, ENOENT, "create '%s': there is no volume "
			       "or snapshot '%s' in '%s': from=VOLUME@SNAPSHOT,"
			       " as ls %s/.snapshots shows them", j->name, from,
			       j->svc->name, j->svc->name);
	if (w->snapshot && !p->create_from_snapshot)
		return err_set(err, EPERM, "create '%s': driver '%s' makes no "
			       "volumes from snapshots", j->name, p->name);
	if (w->volume && !p->create_from_volume)
		return err_set(err, EPERM, "create '%s': driver '%s' makes no "
			       "volumes from volumes; take a snapshot and use "
			       "from=%s@SNAPSHOT", j->name, p->name, from);
	if (w->snapshot && w->snapshot->f.state != SNAPSHOT_AVAILABLE &&
	    w->snapshot->f.state != SNAPSHOT_CREATING)
		return err_set(err, EBUSY, "create '%s': snapshot '%s' is %s",
			       j->name, from,
			       snapshot_state_name(w->snapshot->f.state));
	return 0;
}

/* A snapshot is often still being taken when a volume is made from it: mkdir
 * answers before the service's verdict. */
static int wait_for_source(struct job *j, const struct call *c,
			   struct wanted *w, struct err *err)
{
	while (w->snapshot && w->snapshot->f.state == SNAPSHOT_CREATING) {
		uint64_t serial = w->snapshot->serial;
		int r;

		job_step(j, "wait-for-snapshot");
		r = call_sleep(c, 50, err);
		if (r < 0)
			return r;
		snapshot_unref(w->snapshot);
		w->snapshot = service_snapshot(j->svc, serial);
		if (!w->snapshot)
			return err_set(err, ENOENT, "the snapshot '%s' is "
				       "gone", job_word(j, "from"));
	}
	if (w->snapshot && w->snapshot->f.state != SNAPSHOT_AVAILABLE)
		return err_set(err, EIO, "taking the snapshot '%s' failed",
			       job_word(j, "from"));
	return 0;
}

static int one_of(const char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (strcmp(*words, word) == 0)
			return 1;
	return 0;
}

static int check_choice(const struct job *j, const char *what,
			const char *const *words, const char *value,
			struct err *err)
{
	const char *near;

	if (!value || !words || one_of(words, value))
		return 0;
	near = nearest_word(value, words);
	return err_set(err, EINVAL, "%s '%s': %s '%s' is none of '%s': it has "
		       "'%s'%s", j->verb->name, j->name, what, value,
		       j->svc->name, near ? near : words[0],
		       near ? "; did you mean that?" : " and others; see "
						       ".status");
}

int check_size(const struct job *j, uint64_t *size, struct err *err)
{
	struct bounds b = { 0 };
	char text[2][FORMAT_MAX];
	uint64_t min = j->svc->config->core.min_size_bytes, step;

	if (j->svc->provider->bounds)
		j->svc->provider->bounds(j->svc->session, &b);
	min = b.size_min_bytes > min ? b.size_min_bytes : min;
	if (*size == 0 || *size < min)
		return err_set(err, EINVAL, "size '%s' is below the least that "
			       "'%s' has, %s%s", format_size(text[0], *size),
			       j->svc->name,
			       format_size(text[1], min ? min : 1),
			       *size < 65536 ? ": a bare number is bytes, did "
					       "you mean G?" : "");
	step = b.size_step_bytes ? b.size_step_bytes : 1;
	if (*size > UINT64_MAX / 2 - step)
		return err_set(err, EINVAL, "size '%s' is too large",
			       format_size(text[0], *size));
	*size = (*size + step - 1) / step * step;
	if (b.size_max_bytes && *size > b.size_max_bytes)
		return err_set(err, EINVAL, "size '%s' is above the most that "
			       "'%s' has, %s", format_size(text[0], *size),
			       j->svc->name,
			       format_size(text[1], b.size_max_bytes));
	return 0;
}

static uint64_t number(const char *text, uint64_t dflt, bool size)
{
	uint64_t n = dflt;

	if (text && size)
		parse_size(text, strlen(text), &n, NULL);
	else if (text)
		parse_u64(text, strlen(text), &n, NULL);
	return n;
}

static int want_numbers(const struct job *j, struct wanted *w, struct err *err)
{
	const struct service_options *o = &j->svc->config->core;
	struct volume_spec *s = &w->spec;
	uint64_t least = w->snapshot ? w->snapshot->f.size_bytes
			 : w->volume ? w->volume->f.size_bytes : 0;
	const char *word = job_word(j, "size");
	unsigned notions = j->svc->provider->notions;
	char text[FORMAT_MAX];
	bool on;

	s->size_bytes = number(word, least ? least : o->size_bytes, true);
	if (s->size_bytes < least)
		return err_set(err, EINVAL, "create '%s': size '%s' is smaller "
			       "than its source, which has %s", j->name, word,
			       format_size(text, least));
	s->iops = number(job_word(j, "iops"), o->iops ? o->iops : UINT64_MAX,
			 false);
	s->throughput_bytes_per_s =
		number(job_word(j, "throughput"),
		       o->throughput_bytes_per_s ? o->throughput_bytes_per_s
						 : UINT64_MAX, true);
	if (!(notions & NOTION_IOPS))
		s->iops = -1;
	if (!(notions & NOTION_THROUGHPUT))
		s->throughput_bytes_per_s = -1;
	s->encrypted = -1;
	word = word_or(j, "encrypted", o->encrypted);
	if (word && (notions & NOTION_ENCRYPTED)) {
		if (!*word)
			s->encrypted = 1;
		else if (parse_bool(word, strlen(word), &on, err) < 0)
			return err_wrap(err, "create '%s': encrypted", j->name);
		else
			s->encrypted = on;
	}
	if (!service_notes(j->svc, NOTION_SIZE) && job_word(j, "size"))
		return err_set(err, EINVAL, "create '%s': volumes of '%s' have "
			       "no size of their own: leave size out", j->name,
			       j->svc->name);
	if (!service_notes(j->svc, NOTION_SIZE))
		s->size_bytes = 0;
	else if (check_size(j, &s->size_bytes, err) < 0)
		return err_wrap(err, "create '%s'", j->name);
	return 0;
}

/* Resolves the job's line; refuses what memory can refuse. */
static int want(const struct job *j, struct wanted *w, struct err *err)
{
	const struct service_options *o = &j->svc->config->core;
	const struct provider *p = j->svc->provider;
	struct bounds b = { 0 };
	int r;

	*w = (struct wanted){ 0 };
	r = raw_name(j->name, w->name, err);
	if (r < 0)
		return r;
	w->spec.name = w->name;
	if (p->check_name && p->check_name(j->svc->session, w->name, err) < 0)
		return -err->num;
	r = want_source(j, w, err);
	if (r == 0)
		r = want_numbers(j, w, err);
	if (r == 0)
		r = want_tags(j, w, err);
	if (r < 0)
		return r;
	w->spec.type = word_or(j, "type", o->type);
	w->spec.zone = word_or(j, "zone", o->zone);
	w->spec.encryption_key = word_or(j, "encryptionKey",
					 o->encryption_key);
	w->spec.fstype = word_or(j, "fstype", o->fstype);
	/* Without marks the store says what is blank: placeholder_local(). */
	w->spec.blank = !w->snapshot && !w->volume && p->set_marks;
	if (p->bounds)
		p->bounds(j->svc->session, &b);
	if (check_choice(j, "type", b.types, w->spec.type, err) < 0 ||
	    check_choice(j, "zone", b.zones, w->spec.zone, err) < 0)
		return -err->num;
	if ((p->kind == KIND_BLOCK && job_word(j, "fstype") &&
	     fs_type_check(w->spec.fstype, err) < 0) ||
	    check_subpath(job_word(j, "subpath"), err) < 0)
		return err_wrap(err, "create '%s'", j->name);
	return 0;
}

/* Does a volume that is there equal each word that was given? */
static int compare(const struct job *j, const struct wanted *w,
		   const struct volume *v, struct err *err)
{
	char have[FORMAT_MAX];
	const char *differs = NULL, *is = "";

	if (job_word(j, "size") && w->spec.size_bytes != v->f.size_bytes) {
		differs = "size";
		is = format_size(have, v->f.size_bytes);
	} else if (job_word(j, "type") &&
		   strcmp(v->f.type ? v->f.type : "", w->spec.type) != 0) {
		differs = "type";
		is = v->f.type ? v->f.type : "";
	} else if (job_word(j, "zone") &&
		   strcmp(v->f.zone ? v->f.zone : "", w->spec.zone) != 0) {
		differs = "zone";
		is = v->f.zone ? v->f.zone : "";
	} else if (job_word(j, "iops") && w->spec.iops != v->f.iops) {
		differs = "iops";
	} else if (job_word(j, "encrypted") &&
		   w->spec.encrypted != v->f.encrypted) {
		differs = "encrypted";
		is = v->f.encrypted == 1 ? "1" : "0";
	} else if (job_word(j, "fstype") && v->local && v->local->fstype &&
		   strcmp(v->local->fstype, w->spec.fstype) != 0) {
		differs = "fstype";
		is = v->local->fstype;
	} else if (w->snapshot && v->f.source_id &&
		   strcmp(v->f.source_id, w->snapshot->f.id) != 0) {
		differs = "from";
		is = v->f.source_id;
	} else if (w->volume && v->f.source_id && w->volume->f.id &&
		   strcmp(v->f.source_id, w->volume->f.id) != 0) {
		differs = "from";
		is = v->f.source_id;
	} else if ((w->snapshot || w->volume) &&
		   v->f.source == SOURCE_NONE) {
		differs = "from";
	} else if (job_word(j, "subpath") && v->local &&
		   strcmp(v->local->subpath ? v->local->subpath : "/",
			  job_word(j, "subpath")) != 0) {
		differs = "subpath";
		is = v->local->subpath ? v->local->subpath : "/";
	}
	if (!differs)
		return 0;
	return err_set(err, EEXIST, "create '%s': it is there already, and "
		       "its %s is '%s', not '%s'", j->name, differs, is,
		       job_word(j, differs));
}

static bool is_failed(const struct volume *v)
{
	return v->local && v->local->failed;
}

static int check_create(struct job *j, struct err *err)
{
	const struct service_config *c = j->svc->config;
	struct volume *v;
	struct wanted w;
	int r;

	if (service_is_retired(j->svc))
		return err_set(err, EPERM, "create '%s': '%s' is no longer in "
			       "the configuration and only stays until what is "
			       "mounted of it is unmounted", j->name, c->name);
	if (!c->core.allow_create)
		return err_set(err, EPERM, "create '%s': creating is switched "
			       "off for '%s' (allowCreate)", j->name, c->name);
	if (c->refuse_creates)
		return err_set(err, EPERM, "create '%s': refused until the "
			       "configuration is mended: %s", j->name,
			       c->refuse_creates);
	r = want(j, &w, err);
	v = r == 0 ? service_volume_named(j->svc, j->name) : NULL;
	if (v && !is_failed(v)) {
		if (j->name_operation)
			r = err_set(err, EEXIST, "create '%s': '%s' has a "
				    "volume of that name", j->name, c->name);
		else if (v->f.id && v->f.state != VOLUME_CREATING)
			r = compare(j, &w, v, err) == 0 ? 1 : -err->num;
	}
	volume_unref(v);
	wanted_done(&w);
	return r;
}

/* Made, and given up on by the service: nobody has ever had it. */
static bool is_given_up(const struct volume *v)
{
	return is_failed(v) && v->f.id && v->f.state == VOLUME_ERROR &&
	       !v->local->ever_attached;
}

/* ---- the placeholder ---- */

static struct volume_local *placeholder_local(const struct job *j,
					      const struct wanted *w)
{
	struct volume_local *l = local_new();
	const char *fstype = job_word(j, "fstype");
	const char *subpath = job_word(j, "subpath");

	if (!l)
		return NULL;
	l->made_here = !j->svc->provider->set_marks && !w->snapshot &&
		       !w->volume;
	if (fstype)
		l->fstype = strdup(fstype);
	if (subpath)
		l->subpath = strdup(subpath);
	return l;
}

static int make_create(struct job *j, struct job *batch,
		       struct store_batch *b, struct err *err)
{
	struct volume *v = service_volume_named(j->svc, j->name);
	struct volume_facts f = { .state = VOLUME_CREATING, .iops = -1,
				  .throughput_bytes_per_s = -1,
				  .encrypted = -1, .managed = true };
	struct volume_local *local;
	struct volume_node *node;
	struct wanted w;
	uint64_t serial;
	int r;

	for (struct job *k = batch; k != j && !v; k = k->next)
		if (k->svc == j->svc && k->placeholder &&
		    strcmp(k->name, j->name) == 0)
			v = volume_ref(k->placeholder);
	if (v) {
		/* One that failed: the same token, so that what its creation
		 * may have left at the service is found, not doubled. */
		if (is_failed(v) && v->f.token && !is_given_up(v))
			snprintf(j->token, sizeof(j->token), "%s", v->f.token);
		job_aim(j, v->node->serial, 0);
		volume_unref(v);
		return 0;
	}
	r = want(j, &w, err);
	serial = r == 0 ? store_serial(j->engine->store, "node", err) : 0;
	r = serial ? service_claim_name(j->svc, j->name, serial, err)
		   : -err->num;
	job_aim(j, r == 0 ? serial : 0, 0);
	if (r < 0) {
		wanted_done(&w);
		return err_wrap(err, "create '%s'", j->name);
	}
	f.name = w.name;
	f.token = j->token;
	f.size_bytes = w.spec.size_bytes;
	f.type = w.spec.type;
	f.zone = w.spec.zone;
	f.iops = w.spec.iops;
	f.throughput_bytes_per_s = w.spec.throughput_bytes_per_s;
	f.encrypted = w.spec.encrypted;
	f.encryption_key = w.spec.encryption_key;
	f.created_at_s = clock_unix_s();
	f.blank = w.spec.blank;
	f.source = w.snapshot ? SOURCE_SNAPSHOT
		   : w.volume ? SOURCE_VOLUME : SOURCE_NONE;
	f.source_id = w.snapshot ? w.snapshot->f.id
		      : w.volume ? w.volume->f.id : NULL;
	f.source_name = job_word(j, "from");
	f.tags = w.spec.tags;
	f.n_tags = w.spec.n_tags;
	node = volume_node_new(j->serial);
	local = placeholder_local(j, &w);
	if (node && local)
		j->placeholder = volume_new(node, j->name, &f, local, NULL);
	local_unref(local);
	volume_node_unref(node);
	wanted_done(&w);
	if (!j->placeholder)
		return err_oom(err);
	j->placeholder->changed_at_s = j->placeholder->entries_at_s =
		j->placeholder->state_since_s = f.created_at_s;
	return volume_row(b, j->svc, j->placeholder, err);
}

int verb_make_placeholder(struct job *j, struct job *batch,
			  struct store_batch *b, struct err *err)
{
	if (j->verb == &verb_create)
		return make_create(j, batch, b, err);
	if (j->verb == &verb_snapshot)
		return make_snapshot(j, batch, b, err);
	return 0;
}

int verb_show_placeholder(struct job *j, struct err *err)
{
	int r;

	if (j->placeholder_snapshot)
		return show_snapshot(j, err);
	if (!j->placeholder)
		return 0;
	r = service_add(j->svc, j->placeholder, err);
	if (r == 0) {
		event_add(j->engine, j->svc, j->placeholder, "create", "",
			  "creating", j->id, j->uid, j->text);
		publish_volume(j->svc, j->placeholder, CHANGE_VOLUME_ADDED);
	}
	verb_drop_placeholder(j);
	return r;
}

void verb_drop_placeholder(struct job *j)
{
	if (!j->placeholder)
		return;
	service_release_name(j->svc, j->placeholder->name);
	volume_unref(STEAL(j->placeholder));
}

/* ---- the work ---- */

static void local_created(struct volume_local *l, void *arg)
{
	l->failed = l->unresolved = false;
	l->fault.at_s = 0;
}

static int call_create(struct job *j, const struct call *c, struct wanted *w,
		       const struct volume_sink *out, struct err *err)
{
	const struct provider *p = j->svc->provider;

	if (w->snapshot)
		return PROVIDER_CALL(j, c, p->create_from_snapshot(
			j->svc->session, c, &w->spec, &w->snapshot->f, out,
			err), err);
	if (w->volume)
		return PROVIDER_CALL(j, c, p->create_from_volume(
			j->svc->session, c, &w->spec, &w->volume->f, out, err),
			err);
	return PROVIDER_CALL(j, c, p->create(j->svc->session, c, &w->spec, out,
					     err), err);
}

/* What the service made and then gave up on holds nothing: it goes, and the
 * same create begins anew, under a token of its own. */
static int clear_failed(struct job *j, struct volume *v, struct err *err)
{
	struct volume_facts f = v->f;
	int r;

	if (!is_given_up(v))
		return 0;
	r = remove_at_service(j, v, err);
	if (r < 0)
		return r;
	f.id = NULL;
	f.state = VOLUME_CREATING;
	f.service_state = NULL;
	f.token = j->token;
	return volume_update(j->svc, j->serial,
			     &(struct volume_update){ .facts = &f,
						      .store = true }, err);
}

static int run_create(struct job *j, struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct take t = { .svc = j->svc, .serial = j->serial };
	struct volume_sink sink = take_sink(&t);
	struct wanted w;
	struct call c;
	int r;

	if (!v)
		return -err->num;
	r = want(j, &w, err);
	if (r == 0 && v->f.id && !is_failed(v) &&
	    v->f.state != VOLUME_CREATING) {
		r = compare(j, &w, v, err);
		goto done;
	}
	if (r < 0)
		goto done;
	job_call(j, &c);
	r = clear_failed(j, v, err);
	if (r == 0)
		r = wait_for_source(j, &c, &w, err);
	if (r < 0)
		goto out;
	job_step(j, "create");
	FAULT_POINT("job.create.before-call");
	r = call_create(j, &c, &w, &sink, err);
	FAULT_POINT("job.create.called");
	if (r < 0)
		goto out;
	if (is_failed(v))
		volume_update(j->svc, j->serial,
			      &(struct volume_update){ .local = local_created,
						       .store = true }, NULL);
	job_step(j, "wait-for-service");
	r = wait_for_state(j, &c, VOLUME_CREATING, err);
	FAULT_POINT("job.create.available");
out:
	if (r < 0)
		err_wrap(err, "create '%s'", j->name);
done:
	take_done(&t);
	wanted_done(&w);
	volume_unref(v);
	return r < 0 ? r : 0;
}

/* @arg: whether something may have been made all the same. */
static void local_failed(struct volume_local *l, void *arg)
{
	const bool *unresolved = arg;

	l->failed = true;
	l->unresolved |= *unresolved;
}

/* Nothing is at the service and the caller knows: nothing stays. Otherwise the
 * volume stays, with state error and the sentence; its token may yet find it,
 * the same create tries again, rmdir dismisses it. */
void verb_create_failed(struct job *j)
{
	struct volume *v = service_volume(j->svc, j->serial);
	bool unresolved = is_ambiguous(j->err.num);
	struct volume_node *node;

	if (!v)
		return;
	node = volume_node_ref(v->node);
	if (v->f.id && !is_failed(v)) {
		bool error = v->f.state == VOLUME_ERROR;

		volume_update(j->svc, j->serial,
			      &(struct volume_update){
				      .local = error ? local_failed : NULL,
				      .arg = &unresolved, .set_job = true,
				      .store = error },
			      NULL);
	} else if (j->told && !j->early && !unresolved) {
		service_forget(j->svc, &node, 1, "refused");
	} else {
		struct volume_facts f = v->f;

		f.state = VOLUME_ERROR;
		volume_update(j->svc, j->serial,
			      &(struct volume_update){
				      .facts = &f, .local = local_failed,
				      .arg = &unresolved, .set_job = true, .store = true,
				      .event = "create-failed" }, NULL);
	}
	volume_node_unref(node);
	volume_unref(v);
}

/* A crash between a job's result and this: its placeholder is as it was. */
void create_recover(struct service *s)
{
	struct inventory *inv = service_inventory(s);
	/* What is being made has no id yet; mostly there is none. */
	bool any = inv->n_ids < inv->n_volumes;
	bool unresolved = true;

	for (size_t i = 0; any && i < inv->n_volumes; i++) {
		struct volume *v = service_volume(s, inv->by_serial[i]->serial);
		struct volume_facts f;

		if (v && !v->f.id && !is_failed(v) &&
		    !has_unfinished_job(s, v)) {
			f = v->f;
			f.state = VOLUME_ERROR;
			volume_update(s, v->node->serial,
				      &(struct volume_update){
					      .facts = &f,
					      .local = local_failed,
					      .arg = &unresolved,
					      .store = true,
					      .event = "create-failed" }, NULL);
		}
		volume_unref(v);
	}
	for (size_t i = 0; i < inv->n_snapshots; i++)
		snapshot_recover(s, inv->snapshots[i]);
	inventory_unref(inv);
}

static const struct word_spec create_words[] = {
	{ "size", OPT_SIZE, .notion = NOTION_SIZE,
	  .help = "Capacity: bytes, or with K M G T P." },
	{ "type", OPT_STR, .notion = NOTION_TYPE,
	  .help = "Kind of storage, one of the service's." },
	{ "iops", OPT_U64, .notion = NOTION_IOPS,
	  .help = "Operations a second." },
	{ "throughput", OPT_SIZE, .notion = NOTION_THROUGHPUT,
	  .help = "Bytes a second, with K M G." },
	{ "zone", OPT_STR, .notion = NOTION_ZONE,
	  .help = "Availability zone." },
	{ "encrypted", OPT_BOOL, .flag = true, .notion = NOTION_ENCRYPTED,
	  .help = "Encrypt at rest." },
	{ "encryptionKey", OPT_STR, .notion = NOTION_ENCRYPTED,
	  .help = "Key's name at the service." },
	{ "from", OPT_STR,
	  .help = "VOLUME@SNAPSHOT or VOLUME whose content it begins with." },
	{ "fstype", OPT_STR,
	  .help = "File system made at the first mount." },
	{ "subpath", OPT_STR,
	  .help = "Directory of the volume that data/ shows." },
	{ "tag", OPT_MAP, .repeat = true, .notion = NOTION_TAGS,
	  .help = "A tag; may be repeated." },
	{ NULL }
};

const struct verb verb_create = {
	.name = "create", .target = TARGET_NAME, .words = create_words,
	.help = "Create a volume, and wait for the service's verdict.",
	.example = "size=20G", .check = check_create, .run = run_create,
};
