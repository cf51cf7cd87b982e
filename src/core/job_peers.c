/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new job against those that wait and run: is there an equal one to join, are
 * there too many, is one in its way. A job is in one of four lists, from the
 * moment it is submitted until it has ended.
 */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "core/engine_impl.h"
#include "core/verb_impl.h"

#define LISTS 4

/* Newest last. Under jobs_lock. */
static void lists_of(const struct engine *e, const struct service *s,
		     struct job *out[LISTS])
{
	out[0] = s ? s->running : NULL;
	out[1] = s ? s->waiting : NULL;
	out[2] = e->admitting;
	out[3] = e->submitted;
}

struct job *job_of_volume(struct service *s, uint64_t serial)
{
	for (struct job *j = s->running; j; j = j->next)
		if (j->serial == serial && j->state == JOB_RUNNING)
			return j;
	for (struct job *j = s->waiting; j; j = j->next)
		if (j->serial == serial)
			return j;
	return NULL;
}

/* One of the service, of its volume @serial and of that snapshot (0 = of any),
 * that @fits (NULL = each does). Under jobs_lock. */
static const struct job *find_job(const struct service *s, uint64_t serial,
				  uint64_t snapshot,
				  bool (*fits)(const struct job *k))
{
	struct job *lists[LISTS];

	lists_of(s->engine, s, lists);
	for (size_t i = 0; i < LISTS; i++)
		for (const struct job *k = lists[i]; k; k = k->next)
			if (k->svc == s && (!serial || k->serial == serial) &&
			    (!snapshot || k->snapshot == snapshot) &&
			    (!fits || fits(k)))
				return k;
	return NULL;
}

bool service_has_job(struct service *s)
{
	LOCK_SCOPE(&s->engine->jobs_lock);
	return find_job(s, 0, 0, NULL) != NULL;
}

bool volume_has_job(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->engine->jobs_lock);
	return find_job(s, serial, 0, NULL) != NULL;
}

bool snapshot_has_job(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->engine->jobs_lock);
	return find_job(s, 0, serial, NULL) != NULL;
}

void job_aim(struct job *j, uint64_t serial, uint64_t snapshot)
{
	LOCK_SCOPE(&j->engine->jobs_lock);
	j->serial = serial;
	j->snapshot = snapshot;
}

/* ---- equal ones ---- */

uint64_t job_names_volume(const struct job *j)
{
	struct volume *v = j->verb == &verb_create
				   ? service_volume_named(j->svc, j->name)
				   : NULL;
	uint64_t serial = v ? v->node->serial : 0;

	volume_unref(v);
	return serial;
}

/* A creation whose volume has been renamed or removed since makes nothing of
 * that name any more: the same line asks for a new one. */
static bool makes_another(const struct job *k, uint64_t named)
{
	return k->verb == &verb_create && k->admitted && k->serial != named;
}

/* An mv whose new name was shown before its verdict: the volume may have got
 * another one since. */
static bool was_shown(const struct job *k)
{
	return k->verb == &verb_rename && k->early;
}

static bool is_equal(const struct job *j, const struct job *k, uint64_t named)
{
	/* One that has ended answers nobody any more. */
	return k->state < JOB_DONE &&
	       k->verb == j->verb && k->svc == j->svc && k->uid == j->uid &&
	       k->setting == j->setting && k->snapshot == j->snapshot &&
	       (k->serial == j->serial || !j->serial) &&
	       strcmp(k->text, j->text) == 0 &&
	       strcmp(k->name ? k->name : "", j->name ? j->name : "") == 0 &&
	       !makes_another(k, named) && !was_shown(k);
}

struct job *job_equal(const struct job *j, uint64_t named)
{
	struct job *lists[LISTS];

	lists_of(j->engine, j->svc, lists);
	for (size_t i = LISTS; i-- > 0;)
		for (struct job *k = lists[i]; k; k = k->next)
			if (is_equal(j, k, named))
				return k;
	return NULL;
}

/* ---- too many ---- */

int job_check_room(const struct job *j, struct err *err)
{
	const struct service_options *o;
	unsigned mine = 0, all = 0;
	struct job *lists[LISTS];

	if (!j->svc)
		return 0;
	o = &j->svc->config->core;
	lists_of(j->engine, j->svc, lists);
	for (size_t i = 1; i < LISTS; i++)
		for (struct job *k = lists[i]; k; k = k->next) {
			all += k->svc == j->svc;
			mine += k->svc == j->svc && k->uid == j->uid;
		}
	if (o->max_waiting && all >= o->max_waiting)
		return err_set(err, EAGAIN, "%s: %u jobs of service '%s' wait "
			       "already (maxWaiting): try again later",
			       j->verb->name, all, j->svc->name);
	if (o->max_waiting_per_user && j->uid &&
	    mine >= o->max_waiting_per_user)
		return err_set(err, EAGAIN, "%s: %u jobs of user %u wait "
			       "already (maxWaitingPerUser): try again later",
			       j->verb->name, mine, j->uid);
	return 0;
}

/* ---- in the way ---- */

/* What puts a volume to its place in this host, or takes it from there: by its
 * name, or so that it is in use afterwards. */
static bool is_at_its_place(const struct job *k)
{
	return k->verb == &verb_mount || k->verb == &verb_unmount ||
	       k->verb == &verb_attach || k->verb == &verb_detach;
}

bool volume_will_move(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->engine->jobs_lock);
	return find_job(s, serial, 0, is_at_its_place) != NULL;
}

int job_check_rest(const struct job *j, struct err *err)
{
	const struct job *k;

	if (!j->name_operation || !j->serial ||
	    (j->verb != &verb_rename && j->verb != &verb_remove))
		return 0;
	k = find_job(j->svc, j->serial, 0, is_at_its_place);
	if (!k)
		return 0;
	return err_set(err, EBUSY, "%s '%s': a job is at work on it ('%s'): "
		       "wait for that", j->verb->name, j->name, k->verb->name);
}
