/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: what is gone, late, called off, crowded or out of memory. */
#include "conformance.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"

#define THREADS 16
#define ROUNDS 3

static void auto_found(struct found *f)
{
	found_done(f);
}

static struct volume_spec spec(struct suite *t, const char *name)
{
	return (struct volume_spec){ .name = name,
				     .size_bytes = small_size(t), .iops = -1,
				     .throughput_bytes_per_s = -1,
				     .encrypted = -1, .blank = true };
}

/* A volume that was, with an id of the service's form. */
static bool gone_volume(struct suite *t, struct found *v)
{
	char name[64];

	return make_volume(t, fresh_name(t, name), small_size(t), v) &&
	       drop_volume(t, &v->v[0]->f);
}

static bool gone_ids(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found out = { 0 };
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	char token[64];
	struct call c = call_make(t, fresh_token(t, token));
	const struct provider *p = t->p;
	const struct volume_facts *f;
	int r;

	if (!gone_volume(t, &v))
		return false;
	f = &v.v[0]->f;
	found_init(&out);
	if (p->get) {
		r = p->get(t->s, &c, f->id, &out.sink, &err);
		if (!refused(r, &err, ENOENT, "get of a gone one"))
			return false;
		r = p->get(t->s, &c, "no-such-id", &out.sink, &err);
		if (!refused(r, &err, ENOENT, "get of nothing"))
			return false;
	}
	r = p->remove(t->s, &c, f, &err);
	NEED_OK(r, &err, "remove of a gone one");
	r = p->detach(t->s, &c, f, false, &err);
	NEED_OK(r, &err, "detach of a gone one");
	r = p->attach(t->s, &c, f, false, &a, &err);
	if (!refused(r, &err, ENOENT, "attach of a gone one"))
		return false;
	if (p->set_tags) {
		r = p->set_tags(t->s, &c, f, NULL, 0, &err);
		if (!refused(r, &err, ENOENT, "tags of a gone one"))
			return false;
	}
	if (p->set_marks) {
		r = p->set_marks(t->s, &c, f, true, false, &err);
		if (!refused(r, &err, ENOENT, "marks of a gone one"))
			return false;
	}
	if (p->rename) {
		r = p->rename(t->s, &c, f, "other", &err);
		if (!refused(r, &err, ENOENT, "rename of a gone one"))
			return false;
	}
	if (p->snapshot) {
		r = p->snapshot(t->s, &c, f, "s", &out.sink, &err);
		if (!refused(r, &err, ENOENT, "snapshot of a gone one"))
			return false;
	}
	NEED(!out.n_volumes && !out.n_snapshots, "facts of what is gone");
	return true;
}

/* Every operation on @c, which is late or called off: all fail with @num. */
static bool all_refused(struct suite *t, struct call *c, int num,
			const struct volume_facts *v,
			const struct snapshot_facts *s)
{
	AUTO(auto_found) struct found out = { 0 };
	struct volume_change grow = { .fields = FIELD_SIZE,
				      .size_bytes = 2 * v->size_bytes };
	char name[64], token[64];
	struct volume_spec want = spec(t, fresh_name(t, name));
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	const struct provider *p = t->p;

	c->token = fresh_token(t, token);
	found_init(&out);
#define LATE(call, what)                                        \
	do {                                                    \
		int r_ = (call);                                \
		if (!refused(r_, &err, num, what))              \
			return false;                           \
	} while (0)
	LATE(p->list(t->s, c, &out.sink, &err), "list");
	LATE(p->create(t->s, c, &want, &out.sink, &err), "create");
	LATE(p->remove(t->s, c, v, &err), "remove");
	LATE(p->attach(t->s, c, v, false, &a, &err), "attach");
	LATE(p->detach(t->s, c, v, false, &err), "detach");
	if (p->get)
		LATE(p->get(t->s, c, v->id, &out.sink, &err), "get");
	if (p->changes & FIELD_SIZE)
		LATE(p->modify(t->s, c, v, &grow, &out.sink, &err), "modify");
	if (p->set_tags)
		LATE(p->set_tags(t->s, c, v, NULL, 0, &err), "set_tags");
	if (p->set_marks)
		LATE(p->set_marks(t->s, c, v, true, false, &err), "set_marks");
	if (p->rename)
		LATE(p->rename(t->s, c, v, name, &err), "rename");
	if (p->snapshot)
		LATE(p->snapshot(t->s, c, v, "late", &out.sink, &err),
		     "snapshot");
	if (p->create_from_volume)
		LATE(p->create_from_volume(t->s, c, &want, v, &out.sink, &err),
		     "create_from_volume");
	if (s && p->create_from_snapshot)
		LATE(p->create_from_snapshot(t->s, c, &want, s, &out.sink,
					     &err), "create_from_snapshot");
	if (s && p->restore)
		LATE(p->restore(t->s, c, v, s, &err), "restore");
	if (s)
		LATE(p->snapshot_remove(t->s, c, s, &err), "snapshot_remove");
#undef LATE
	NEED(!out.n_volumes && !out.n_snapshots, "late, and given");
	return true;
}

static bool nothing_changed(const struct found *a, const struct found *b)
{
	size_t i;

	NEED(a->n_volumes == b->n_volumes, "%zu volumes, then %zu",
	     a->n_volumes, b->n_volumes);
	NEED(a->n_snapshots == b->n_snapshots, "%zu snapshots, then %zu",
	     a->n_snapshots, b->n_snapshots);
	for (i = 0; i < a->n_volumes; i++) {
		const struct volume_facts *f = found_volume(b, a->v[i]->f.id);

		NEED(f && volume_facts_equal(f, &a->v[i]->f),
		     "volume '%s' changed", a->v[i]->f.id);
	}
	return true;
}

static bool with_bad_call(struct suite *t, struct call *c, int num)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	AUTO(auto_found) struct found before = { 0 };
	AUTO(auto_found) struct found after = { 0 };
	char name[64];

	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    (t->p->snapshot && !take_snapshot(t, &v.v[0]->f, "s", &s)) ||
	    !listed(t, v.v[0]->f.id, true) || !list_all(t, &before))
		return false;
	return all_refused(t, c, num, &v.v[0]->f,
			   s.n_snapshots ? &s.s[0]->f : NULL) &&
	       list_all(t, &after) && nothing_changed(&before, &after) &&
	       drop_volume(t, &v.v[0]->f);
}

static bool deadline_past(struct suite *t)
{
	struct call c = call_make(t, NULL);

	c.deadline_ms = clock_ms() - 1;
	return with_bad_call(t, &c, ETIMEDOUT);
}

static bool cancelled(struct suite *t)
{
	struct call c = call_make(t, NULL);
	atomic_bool cancel = true;

	c.cancel = &cancel;
	return with_bad_call(t, &c, ECANCELED);
}

/* A cancel within a call is heeded, or came too late; never half-done. */
static void *cancel_later(void *arg)
{
	struct timespec pause = { 0, 3000000 };

	nanosleep(&pause, NULL);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static bool cancelled_within(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	char name[64], token[64];
	struct volume_spec want = spec(t, fresh_name(t, name));
	struct call c = call_make(t, fresh_token(t, token));
	atomic_bool cancel = false;
	struct err err = ERR_INIT;
	pthread_t thread;
	int r;

	c.cancel = &cancel;
	found_init(&v);
	NEED(!pthread_create(&thread, NULL, cancel_later, &cancel), "thread");
	r = t->p->create(t->s, &c, &want, &v.sink, &err);
	pthread_join(thread, NULL);
	if (r < 0 && !refused(r, &err, ECANCELED, "create, cancelled within"))
		return false;
	/* Whatever it came to: the same token brings it to its end. */
	c.cancel = NULL;
	found_done(&v);
	found_init(&v);
	r = t->p->create(t->s, &c, &want, &v.sink, &err);
	NEED_OK(r, &err, "the repeat");
	return settle_volume(t, v.v[0]->f.id, &rest) &&
	       drop_volume(t, &v.v[0]->f);
}

/*
 * Sinks that fail
 */

static int full_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	++*(unsigned *)arg;
	return err_oom(err);
}

static int full_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	++*(unsigned *)arg;
	return err_oom(err);
}

static bool sink_fails(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	unsigned calls = 0;
	struct volume_sink full = { full_volume, full_snapshot, &calls };
	char name[64], token[64];
	struct volume_spec want = spec(t, fresh_name(t, name));
	struct call c = call_make(t, fresh_token(t, token));
	struct err err = ERR_INIT;
	int r;

	r = t->p->create(t->s, &c, &want, &full, &err);
	NEED(r == -ENOMEM && err.num == ENOMEM && calls == 1,
	     "create: %d, the sink was called %u times", r, calls);
	found_init(&v);
	r = t->p->create(t->s, &c, &want, &v.sink, &err);
	NEED_OK(r, &err, "the repeat");
	if (!settle_volume(t, v.v[0]->f.id, &rest) ||
	    !listed(t, v.v[0]->f.id, true))
		return false;
	calls = 0;
	r = t->p->list(t->s, &c, &full, &err);
	NEED(r == -ENOMEM && calls == 1,
	     "list: %d, and went on: %u calls", r, calls);
	calls = 0;
	r = t->p->get ? t->p->get(t->s, &c, v.v[0]->f.id, &full, &err)
		      : -ENOMEM;
	NEED(r == -ENOMEM && calls <= 1, "get: %d, %u calls", r, calls);
	return drop_volume(t, &v.v[0]->f);
}

/*
 * Many at once
 */

struct worker {
	struct suite t;              /* a copy: serial and skip are its own */
	pthread_t thread;
	bool ok;
};

static bool work_once(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	char name[64];

	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	if (t->p->snapshot && !take_snapshot(t, &v.v[0]->f, "s", &s))
		return false;
	return drop_volume(t, &v.v[0]->f);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int i;

	w->ok = true;
	for (i = 0; w->ok && i < ROUNDS; i++)
		w->ok = work_once(&w->t);
	return NULL;
}

static bool in_parallel(struct suite *t)
{
	static struct worker workers[THREADS];
	AUTO(auto_found) struct found before = { 0 };
	AUTO(auto_found) struct found after = { 0 };
	bool ok = true;
	int i;

	if (!t->p->parallel)
		SKIP(t, "one call at a time");
	if (!list_all(t, &before))
		return false;
	for (i = 0; i < THREADS; i++) {
		workers[i].t = *t;
		snprintf(workers[i].t.prefix, sizeof(t->prefix), "%.16s%c-",
			 t->prefix, 'a' + i);
		NEED(!pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]), "thread");
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		ok = ok && workers[i].ok;
	}
	return ok && list_all(t, &after) && nothing_changed(&before, &after);
}

/* One token, several callers: at most one volume, whoever wins. */
static void *create_same(void *arg)
{
	struct worker *w = arg;
	struct found v;
	char name[64];
	struct volume_spec want = spec(&w->t, name);
	struct call c = call_make(&w->t, w->t.import_id);
	struct err err = ERR_INIT;
	int r;

	snprintf(name, sizeof(name), "%sx", w->t.prefix);
	found_init(&v);
	r = w->t.p->create(w->t.s, &c, &want, &v.sink, &err);
	w->ok = r == 0 || refused(r, &err, 0, "create, at the same time");
	found_done(&v);
	return NULL;
}

static bool token_in_parallel(struct suite *t)
{
	static struct worker workers[4];
	AUTO(auto_found) struct found all = { 0 };
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	char token[64], name[64];
	struct volume_spec want = spec(t, name);
	struct call c = call_make(t, fresh_token(t, token));
	struct err err = ERR_INIT;
	bool ok = true;
	size_t i, n = 0;

	if (!t->p->parallel)
		SKIP(t, "one call at a time");
	snprintf(name, sizeof(name), "%sx", t->prefix);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].t = *t;
		workers[i].t.import_id = token;
		NEED(!pthread_create(&workers[i].thread, NULL, create_same,
				     &workers[i]), "thread");
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		ok = ok && workers[i].ok;
	}
	found_init(&v);
	NEED(ok && t->p->create(t->s, &c, &want, &v.sink, &err) == 0,
	     "the repeat: %s", err.text);
	if (!settle_volume(t, v.v[0]->f.id, &rest) ||
	    !listed(t, v.v[0]->f.id, true) || !list_all(t, &all))
		return false;
	for (i = 0; i < all.n_volumes; i++)
		n += all.v[i]->f.name && !strcmp(all.v[i]->f.name, name);
	NEED(n == 1, "%zu volumes", n);
	return drop_volume(t, &v.v[0]->f);
}

/* Whatever checks of this run made is gone. */
static bool nothing_left(struct suite *t)
{
	AUTO(auto_found) struct found all = { 0 };
	size_t i;

	if (!list_all(t, &all))
		return false;
	for (i = 0; i < all.n_volumes; i++)
		NEED(!is_of_this_run(t, &all.v[i]->f), "'%s' is left",
		     all.v[i]->f.name ? all.v[i]->f.name : all.v[i]->f.id);
	return true;
}

const struct check checks_failures[] = {
	{ "what is gone is ENOENT, or success", gone_ids },
	{ "a deadline that is past makes nothing", deadline_past },
	{ "a cancelled call makes nothing", cancelled },
	{ "a call cancelled within can be repeated", cancelled_within },
	{ "a failing sink is passed on", sink_fails },
	{ "16 threads", in_parallel },
	{ "one token from four threads", token_in_parallel },
	{ "nothing is left", nothing_left },
	{ NULL, NULL }
};
