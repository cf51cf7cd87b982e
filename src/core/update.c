/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing what is known of one volume or snapshot: commit, swap, publish, in
 * that order, so that nothing is shown that a crash would take back. Writers
 * of one volume are serialised over all three by service->write[].
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "core/engine_impl.h"

#define ROW_MAX (1024 * 1024)

void publish(struct engine *e, const struct change *c, size_t n)
{
	if (e->o.host.changed && n)
		e->o.host.changed(e->o.host.arg, c, n);
}

void publish_volume(struct service *s, struct volume *v,
		    enum change_kind kind)
{
	struct change c = { .kind = kind, .svc = s, .serial = v->node->serial,
			    .given = &v->node->given };

	publish(s->engine, &c, 1);
}

void publish_service(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	s->changed_at_s = clock_unix_s();
	pthread_mutex_unlock(&s->lock);
	publish(s->engine,
		&(struct change){ .kind = CHANGE_SERVICE, .svc = s }, 1);
}

void writers_hold(struct service *s, uint64_t serial)
{
	for (size_t i = 0; i < WRITE_STRIPES; i++)
		if (!serial || serial % WRITE_STRIPES == i)
			pthread_mutex_lock(&s->write[i]);
}

void writers_release(struct service *s, uint64_t serial)
{
	for (size_t i = 0; i < WRITE_STRIPES; i++)
		if (!serial || serial % WRITE_STRIPES == i)
			pthread_mutex_unlock(&s->write[i]);
}

void volume_key(struct service *s, uint64_t serial, char *out, size_t room)
{
	snprintf(out, room, "%04x/%010" PRIx64, s->number, serial);
}

uint64_t volume_key_serial(const char *key)
{
	const char *hex = strchr(key, '/');
	uint64_t serial = 0;

	for (hex = hex ? hex + 1 : key; *hex; hex++)
		serial = serial << 4 |
			 (*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
	return serial;
}

int volume_facts_row(struct store_batch *b, struct service *s, uint64_t serial,
		     const char *name, const struct volume_facts *f,
		     struct err *err)
{
	AUTO(auto_buf) struct buf row = BUF_INIT(ROW_MAX);
	char key[32];

	volume_key(s, serial, key, sizeof(key));
	buf_append(&row, name, strlen(name) + 1);
	volume_facts_encode(f, &row);
	if (buf_failed(&row))
		return err_oom(err);
	store_batch_put(b, "volume", key, row.data, row.len);
	return 0;
}

/* A row is the name, NUL, and the facts; what this host keeps of it is a row
 * of its own, since few volumes have one. */
int volume_row(struct store_batch *b, struct service *s,
	       const struct volume *v, struct err *err)
{
	AUTO(auto_buf) struct buf local = BUF_INIT(ROW_MAX);
	char key[32];
	int r = volume_facts_row(b, s, v->node->serial, v->name, &v->f, err);

	if (r < 0)
		return r;
	volume_key(s, v->node->serial, key, sizeof(key));
	if (!v->local) {
		store_batch_delete(b, "local", key);
		return 0;
	}
	local_encode(v->local, &local);
	if (buf_failed(&local))
		return err_oom(err);
	store_batch_put(b, "local", key, local.data, local.len);
	return 0;
}

int snapshot_row(struct store_batch *b, struct service *s,
		 const struct snapshot *sn, struct err *err)
{
	AUTO(auto_buf) struct buf row = BUF_INIT(ROW_MAX);
	char key[32];

	volume_key(s, sn->serial, key, sizeof(key));
	buf_append(&row, sn->name, strlen(sn->name) + 1);
	buf_putc(&row, sn->protect ? '1' : '0');
	snapshot_facts_encode(&sn->f, &row);
	if (buf_failed(&row))
		return err_oom(err);
	store_batch_put(b, "snapshot", key, row.data, row.len);
	return 0;
}

/* The record that @u makes of @old. */
static struct volume *updated(const struct volume *old,
			      const struct volume_update *u)
{
	struct volume_local *l = old->local ? local_ref(old->local) : NULL;
	struct volume *v;

	if (u->local) {
		local_unref(l);
		l = local_copy(old->local);
		if (!l)
			return NULL;
		u->local(l, u->arg);
	}
	v = volume_new(old->node, old->name, u->facts ? u->facts : &old->f, l,
		       u->set_job ? u->job : old->job);
	local_unref(l);
	if (!v)
		return NULL;
	v->changed_at_s = clock_unix_s();
	v->entries_at_s = old->entries_at_s;
	v->state_since_s =
		volume_effective_state(v) == volume_effective_state(old)
			? old->state_since_s
			: v->changed_at_s;
	return v;
}

/* Do the two show other files in the volume's directory? */
static bool entries_differ(const struct volume *a, const struct volume *b)
{
	return volume_is_attached(a) != volume_is_attached(b) ||
	       (volume_effective_state(a) == VOLUME_LOST) !=
		       (volume_effective_state(b) == VOLUME_LOST) ||
	       (a->local && a->local->device ? 1 : 0) !=
		       (b->local && b->local->device ? 1 : 0) ||
	       !a->f.id != !b->f.id || a->f.managed != b->f.managed;
}

static void tell(struct service *s, const struct volume *old, struct volume *v,
		 const struct volume_update *u)
{
	enum volume_state was = volume_effective_state(old);
	enum volume_state is = volume_effective_state(v);
	uint64_t job = v->job ? v->job->id : old->job ? old->job->id : 0;
	uid_t uid = v->job ? v->job->uid : old->job ? old->job->uid : 0;

	if (was != is || u->event)
		event_add(s->engine, s, v, u->event ? u->event : "state",
			  volume_state_name(was), volume_state_name(is), job,
			  uid, "");
	publish_volume(s, v, entries_differ(old, v) ? CHANGE_VOLUME_ENTRIES
						    : CHANGE_VOLUME);
	if (was != is || volume_is_mounted(old) != volume_is_mounted(v))
		publish_service(s);
}

int volume_update(struct service *s, uint64_t serial,
		  const struct volume_update *u, struct err *err)
{
	LOCK_SCOPE(&s->write[serial % WRITE_STRIPES]);
	struct volume *old = service_volume(s, serial);
	struct volume *v;
	int r = 0;

	if (!old)
		return err_set(err, ESTALE, "the volume is gone");
	if (u->since && volume_touched_since(s, old, u->since)) {
		volume_unref(old);
		return 0;
	}
	v = updated(old, u);
	if (!v) {
		volume_unref(old);
		return err_oom(err);
	}
	if (entries_differ(old, v))
		v->entries_at_s = v->changed_at_s;
	if (u->set_job)
		v->node->job_at_s = v->changed_at_s;
	if (u->set_job || (v->local && v->local->fault.at_s))
		v->node->had_job = true;
	if (u->store) {
		struct store_batch *b = store_batch_new();

		if (u->urgent && b)
			store_batch_urgent(b);
		r = volume_row(b, s, v, err);
		if (r < 0)
			store_batch_free(b);
		else
			r = store_commit(s->engine->store, b, err);
	}
	if (r == 0)
		r = service_replace(s, v, err);
	if (r == 0)
		tell(s, old, v, u);
	volume_unref(old);
	volume_unref(v);
	return r;
}

/* A job is shown, with the volume's lock, before it can run: none that is not
 * seen here begins before the volume has its new name. */
static bool is_busy(struct service *s, const struct volume *v)
{
	return volume_is_mounted(v) || volume_is_attached(v) ||
	       volume_has_job(s, v->node->serial);
}

static int rename_claimed(struct service *s, uint64_t serial, const char *from,
			  const char *name, const char *raw, bool idle,
			  struct err *err)
{
	LOCK_SCOPE(&s->write[serial % WRITE_STRIPES]);
	struct volume *old = service_volume(s, serial);
	struct volume_facts f;
	struct volume *v;
	struct store_batch *b;
	int r;

	if (!old)
		return err_set(err, ESTALE, "the volume is gone");
	/* It has another name since, which is somebody else's matter. */
	if (from && strcmp(old->name, from) != 0) {
		volume_unref(old);
		return 1;
	}
	if (idle && is_busy(s, old)) {
		volume_unref(old);
		return err_set(err, EBUSY, "the volume is in use");
	}
	/* What is known by now: its creation may just have told its id. */
	f = old->f;
	f.name = raw ? raw : f.name;
	v = volume_new(old->node, name, &f, old->local, old->job);
	if (!v) {
		volume_unref(old);
		return err_oom(err);
	}
	v->changed_at_s = v->entries_at_s = clock_unix_s();
	v->state_since_s = old->state_since_s;
	b = store_batch_new();
	r = volume_row(b, s, v, err);
	if (r < 0)
		store_batch_free(b);
	else
		r = store_commit(s->engine->store, b, err);
	if (r == 0)
		r = service_replace(s, v, err);
	if (r == 0) {
		event_add(s->engine, s, v, "rename", old->name, v->name, 0, 0,
			  "");
		publish_volume(s, v, CHANGE_VOLUME_RENAMED);
		name_care_changed(s, serial);
	}
	volume_unref(old);
	volume_unref(v);
	return r;
}

static int claim_and_rename(struct service *s, uint64_t serial,
			    const char *from, const char *name,
			    const char *raw, bool idle, struct err *err)
{
	int r = service_claim_name(s, name, serial, err);

	if (r < 0)
		return r;
	r = rename_claimed(s, serial, from, name, raw, idle, err);
	service_release_name(s, name);
	return r;
}

int volume_rename(struct service *s, uint64_t serial, const char *name,
		  const char *raw, bool idle, struct err *err)
{
	return claim_and_rename(s, serial, NULL, name, raw, idle, err);
}

int volume_rename_from(struct service *s, uint64_t serial, const char *from,
		       const char *name, const char *raw, struct err *err)
{
	return claim_and_rename(s, serial, from, name, raw, false, err);
}

/* From listing and store, then told. */
void service_forget(struct service *s, struct volume_node **nodes, size_t n,
		    const char *event)
{
	struct change *c = calloc(n, sizeof(*c));
	struct store_batch *b = store_batch_new();
	uint64_t one = n == 1 ? nodes[0]->serial : 0;
	struct err err = ERR_INIT;
	char key[32];

	store_batch_urgent(b);
	for (size_t i = 0; i < n; i++) {
		struct volume *v = service_volume(s, nodes[i]->serial);

		volume_key(s, nodes[i]->serial, key, sizeof(key));
		store_batch_delete(b, "volume", key);
		store_batch_delete(b, "local", key);
		if (c)
			c[i] = (struct change){ .kind = CHANGE_VOLUME_GONE,
						.svc = s,
						.serial = nodes[i]->serial,
						.given = &nodes[i]->given };
		if (v && n <= 1000)
			event_add(s->engine, s, v, event,
				  volume_state_name(volume_effective_state(v)),
				  "", v->job ? v->job->id : 0,
				  v->job ? v->job->uid : 0, "");
		volume_unref(v);
	}
	writers_hold(s, one);
	if (store_commit(s->engine->store, b, &err) < 0)
		log_error("service '%s': %s", s->name, err.text);
	service_drop(s, nodes, n);
	writers_release(s, one);
	if (c)
		publish(s->engine, c, n);
	free(c);
	publish_service(s);
}

/* ---- what a driver hands over for one volume ---- */

static int add_snapshot(struct service *s, const struct snapshot_facts *f,
			struct err *err);

static int take_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	struct take *t = arg;
	struct volume *v = t->serial ? service_volume(t->svc, t->serial)
				     : service_volume_by_id(t->svc, f->id);
	int r = 0;

	t->got = true;
	t->state = f->state;
	free(t->id);
	t->id = strdup(f->id ? f->id : "");
	if (!t->id) {
		volume_unref(v);
		return err_oom(err);
	}
	if (v && !volume_facts_equal(&v->f, f))
		r = volume_update(t->svc, v->node->serial,
				  &(struct volume_update){ .facts = f,
							   .since = t->since,
							   .store = true },
				  err);
	volume_unref(v);
	return r;
}

static int take_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	struct take *t = arg;
	struct snapshot *sn = t->snapshot
				      ? service_snapshot(t->svc, t->snapshot)
				      : service_snapshot_by_id(t->svc, f->id);

	t->got_snapshot = true;
	t->snapshot_state = f->state;
	t->snapshot_percent = f->progress_percent;
	free(t->snapshot_id);
	t->snapshot_id = strdup(f->id ? f->id : "");
	if (!t->snapshot_id) {
		snapshot_unref(sn);
		return err_oom(err);
	}
	/* What was removed may be there for a while yet. */
	if (!sn)
		return t->serial || t->snapshot ||
		       tombstone_is_for(t->svc, f->id)
			       ? 0 : add_snapshot(t->svc, f, err);
	if (!snapshot_facts_equal(&sn->f, f))
		snapshot_update(t->svc, sn->serial, f, -1, false, NULL, NULL);
	snapshot_unref(sn);
	return 0;
}

struct volume_sink take_sink(struct take *t)
{
	return (struct volume_sink){ .volume = take_volume,
				     .snapshot = take_snapshot, .arg = t };
}

void take_done(struct take *t)
{
	free(t->id);
	free(t->snapshot_id);
	t->id = t->snapshot_id = NULL;
}

/* ---- snapshots ---- */

uint64_t snapshot_volume_serial(struct service *s,
				const struct snapshot_facts *f)
{
	struct volume *v = f->volume_id
				   ? service_volume_by_id(s, f->volume_id)
				   : NULL;
	uint64_t serial = v ? v->node->serial : 0;

	volume_unref(v);
	return serial;
}

void snapshot_pick_name(struct service *s, uint64_t volume_serial,
			const struct snapshot_facts *f, char *out)
{
	size_t room = NAME_BYTES_MAX + 1;
	struct snapshot *other;
	int r = -EINVAL;

	if (f->name && volume_serial)
		r = name_escape(f->name, strlen(f->name), out, room);
	if (r > 0) {
		other = service_snapshot_named(s, volume_serial, out);
		if (!other)
			return;
		snapshot_unref(other);
	}
	if (name_escape(f->id, strlen(f->id), out, room) < 0)
		snprintf(out, room, "unnamed");
}

struct snapshot *snapshot_make(struct service *s,
			       const struct snapshot_facts *f,
			       uint64_t volume_serial, const char *name,
			       struct err *err)
{
	uint64_t serial = store_serial(s->engine->store, "node", err);
	_Atomic uint64_t *given = given_new();
	struct snapshot *sn = NULL;

	if (serial && given)
		sn = snapshot_new(serial, given, volume_serial, name, f);
	given_unref(given);
	if (!sn) {
		if (serial)
			err_oom(err);
		return NULL;
	}
	sn->protect = !f->scheduled;
	sn->changed_at_s = clock_unix_s();
	return sn;
}

void publish_snapshot(struct service *s, struct snapshot *sn,
		      enum change_kind kind)
{
	struct change c = { .kind = kind, .svc = s, .serial = sn->serial,
			    .volume_serial = sn->volume_serial,
			    .given = sn->given };

	publish(s->engine, &c, 1);
}

static int add_rows(struct service *s, struct snapshot **sn, size_t n,
		    struct err *err)
{
	struct store_batch *b = store_batch_new();
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = snapshot_row(b, s, sn[i], err);
	if (r == 0)
		return store_commit(s->engine->store, b, err);
	store_batch_free(b);
	return r;
}

static void drop_rows(struct service *s, struct snapshot **sn, size_t n)
{
	struct store_batch *b = store_batch_new();
	char key[32];

	for (size_t i = 0; i < n; i++) {
		volume_key(s, sn[i]->serial, key, sizeof(key));
		store_batch_delete(b, "snapshot", key);
	}
	store_batch_urgent(b);
	store_commit(s->engine->store, b, NULL);
}

static void publish_snapshots(struct service *s, struct snapshot **sn,
			      size_t n, enum change_kind kind)
{
	struct change *c = calloc(n, sizeof(*c));

	for (size_t i = 0; i < n; i++) {
		if (!c) {
			publish_snapshot(s, sn[i], kind);
			continue;
		}
		c[i] = (struct change){ .kind = kind, .svc = s,
					.serial = sn[i]->serial,
					.volume_serial = sn[i]->volume_serial,
					.given = sn[i]->given };
	}
	if (c)
		publish(s->engine, c, n);
	free(c);
}

int snapshots_add(struct service *s, struct snapshot **sn, size_t n,
		  struct err *err)
{
	int r = add_rows(s, sn, n, err);

	if (r == 0)
		r = service_add_snapshots(s, sn, n, err);
	if (r < 0)
		return r;
	/* A listing and a job have seen them at the same time. */
	n -= (size_t)r;
	if (r > 0)
		drop_rows(s, sn + n, (size_t)r);
	if (n)
		publish_snapshots(s, sn, n, CHANGE_SNAPSHOT_ADDED);
	return 0;
}

int snapshot_add(struct service *s, struct snapshot *sn, struct err *err)
{
	return snapshots_add(s, &sn, 1, err);
}

void snapshots_forget(struct service *s, struct snapshot **sn, size_t n)
{
	uint64_t one = n == 1 ? sn[0]->serial : 0;

	writers_hold(s, one);
	drop_rows(s, sn, n);
	service_drop_snapshots(s, sn, n);
	writers_release(s, one);
	publish_snapshots(s, sn, n, CHANGE_SNAPSHOT_GONE);
}

void snapshot_forget(struct service *s, struct snapshot *sn)
{
	snapshots_forget(s, &sn, 1);
}

static int add_snapshot(struct service *s, const struct snapshot_facts *f,
			struct err *err)
{
	uint64_t volume = snapshot_volume_serial(s, f);
	char name[NAME_BYTES_MAX + 1];
	struct snapshot *sn;
	int r;

	LOCK_SCOPE(&s->engine->snapshots_lock);
	snapshot_pick_name(s, volume, f, name);
	sn = snapshot_make(s, f, volume, name, err);
	if (!sn)
		return -err->num;
	r = snapshot_add(s, sn, err);
	snapshot_unref(sn);
	return r;
}

void snapshot_update(struct service *s, uint64_t serial,
		     const struct snapshot_facts *facts, int protect,
		     bool set_job, struct job_view *job,
		     const struct fault *fault)
{
	LOCK_SCOPE(&s->write[serial % WRITE_STRIPES]);
	struct snapshot *old = service_snapshot(s, serial);
	struct snapshot *sn;
	struct store_batch *b;
	struct err err = ERR_INIT;

	if (!old)
		return;
	sn = snapshot_new(serial, old->given, old->volume_serial, old->name,
			  facts ? facts : &old->f);
	if (!sn) {
		snapshot_unref(old);
		return;
	}
	sn->protect = protect >= 0 ? protect : old->protect;
	sn->job = job_view_ref(set_job ? job : old->job);
	sn->changed_at_s = clock_unix_s();
	if (!fault)
		fault = old->fault;
	if (fault) {
		sn->fault = malloc(sizeof(*fault));
		if (sn->fault) {
			*sn->fault = *fault;
			sn->fault->verb = fault->verb ? strdup(fault->verb)
						      : NULL;
		}
	}
	b = store_batch_new();
	if (facts || protect >= 0) {
		if (snapshot_row(b, s, sn, &err) == 0)
			store_commit(s->engine->store, STEAL(b), &err);
	}
	store_batch_free(b);
	service_swap_snapshot(s, sn);
	publish_snapshot(s, sn, CHANGE_SNAPSHOT);
	snapshot_unref(old);
	snapshot_unref(sn);
}

void service_clear_fault(struct service *s, const char *verb)
{
	bool is_its;

	pthread_mutex_lock(&s->lock);
	is_its = s->fault.at_s && s->fault.verb &&
		 strcmp(s->fault.verb, verb) == 0;
	pthread_mutex_unlock(&s->lock);
	if (is_its)
		service_set_fault(s, NULL, 0, NULL);
}

int service_set_fault(struct service *s, const char *verb, uint64_t job,
		      const struct err *e)
{
	pthread_mutex_lock(&s->lock);
	free(s->fault.verb);
	s->fault = (struct fault){ 0 };
	if (e && e->num) {
		s->fault.at_s = clock_unix_s();
		s->fault.job = job;
		s->fault.verb = strdup(verb ? verb : "");
		s->fault.err = *e;
	}
	pthread_mutex_unlock(&s->lock);
	publish_service(s);
	return 0;
}
