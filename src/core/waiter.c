/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who wait for a job, and the thread that watches their deadlines and
 * the services' refresh times.
 *
 * A waiter is answered once. Whoever is about to answer claims it first, under
 * jobs_lock: the finished job (with its verdict), the clock (early success of
 * a name operation, else ETIMEDOUT), or an interrupt (EINTR).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"

struct waiter {
	atomic_uint refs;
	struct waiter *next;
	struct job *job;
	void (*done)(void *arg, const struct answer *a);
	void *arg;
	int64_t deadline_ms;
	bool name_operation;
	bool claimed;
};

void engine_waiter_unref(struct waiter *w)
{
	if (!w || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	job_unref(w->job);
	free(w);
}

/* Under jobs_lock. The list has one reference, the caller gets another. */
struct waiter *waiter_add(struct job *j,
			  void (*done)(void *, const struct answer *),
			  void *arg, int64_t deadline_ms, bool name_operation)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	atomic_init(&w->refs, 2);
	w->job = job_ref(j);
	w->done = done;
	w->arg = arg;
	w->deadline_ms = deadline_ms;
	w->name_operation = name_operation;
	w->next = j->engine->waiters;
	j->engine->waiters = w;
	pthread_cond_signal(&j->engine->timer_wake);
	return w;
}

/* Takes @w out of the list; under jobs_lock. */
static void unlink_waiter(struct engine *e, struct waiter *w)
{
	struct waiter **at;

	for (at = &e->waiters; *at; at = &(*at)->next) {
		if (*at != w)
			continue;
		*at = w->next;
		return;
	}
}

static void answer(struct waiter *w, int num)
{
	struct job *j = w->job;
	struct answer a = { .num = num };

	/* It may be being admitted. */
	pthread_mutex_lock(&j->engine->jobs_lock);
	a.job = j->id;
	a.serial = j->verb->target == TARGET_SNAPSHOT ||
				   j->verb == &verb_snapshot
			   ? j->snapshot
			   : j->serial;
	pthread_mutex_unlock(&j->engine->jobs_lock);
	w->done(w->arg, &a);
	engine_waiter_unref(w);
}

/* Claims all that wait for @j; under jobs_lock. Return: a list of them. */
struct waiter *waiters_claim(struct job *j)
{
	struct waiter **at = &j->engine->waiters, *w, *mine = NULL;

	while ((w = *at)) {
		if (w->job != j || w->claimed) {
			at = &w->next;
			continue;
		}
		w->claimed = true;
		*at = w->next;
		w->next = mine;
		mine = w;
	}
	return mine;
}

void waiters_tell(struct waiter *list, int num)
{
	struct waiter *w;

	while ((w = list)) {
		list = w->next;
		answer(w, num);
	}
}

void engine_interrupt(struct waiter *w)
{
	struct engine *e = w->job->engine;

	pthread_mutex_lock(&e->jobs_lock);
	if (w->claimed || w->job->held) {
		pthread_mutex_unlock(&e->jobs_lock);
		return;
	}
	/* The kernel could not know then which name is right, and would take
	 * off what is mounted below: it is answered early, and the job goes on,
	 * too. */
	if (w->name_operation && w->job->verb == &verb_rename) {
		w->deadline_ms = 0;
		e->timer_kicked = true;
		pthread_cond_signal(&e->timer_wake);
		pthread_mutex_unlock(&e->jobs_lock);
		return;
	}
	w->claimed = true;
	unlink_waiter(e, w);
	pthread_mutex_unlock(&e->jobs_lock);
	answer(w, EINTR);
}

bool waiters_hold_client(struct job *j)
{
	struct waiter *w;

	LOCK_SCOPE(&j->engine->jobs_lock);
	for (w = j->engine->waiters; w; w = w->next)
		if (w->job == j && w->name_operation)
			break;
	j->held = w || (j->early && !j->denied);
	return j->held;
}

void waiters_release(struct engine *e)
{
	struct waiter *list = NULL, *w, **at;

	pthread_mutex_lock(&e->jobs_lock);
	for (at = &e->waiters; (w = *at);) {
		if (w->claimed) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->claimed = true;
		w->next = list;
		list = w;
	}
	pthread_mutex_unlock(&e->jobs_lock);
	waiters_tell(list, EINTR);
}

/* False: the verdict came just before the clock's word was given. Else what is
 * shown until end_telling() is shown before what the verdict shows. */
static bool begin_telling(struct job *j)
{
	struct engine *e = j->engine;

	LOCK_SCOPE(&e->jobs_lock);
	while (j->telling)
		pthread_cond_wait(&e->idle, &e->jobs_lock);
	j->telling = j->state < JOB_DONE;
	return j->telling;
}

static void end_telling(struct job *j, bool shown)
{
	struct engine *e = j->engine;

	LOCK_SCOPE(&e->jobs_lock);
	j->telling = false;
	j->shown_early |= shown;
	j->denied |= !shown;
	pthread_cond_broadcast(&e->idle);
}

bool job_was_shown(struct job *j)
{
	struct engine *e = j->engine;

	LOCK_SCOPE(&e->jobs_lock);
	while (j->telling)
		pthread_cond_wait(&e->idle, &e->jobs_lock);
	return j->shown_early;
}

/* On a worker: the object's error says that the job goes on. */
static void tell_timeout(void *arg)
{
	struct waiter *w = arg;
	struct job *j = w->job;
	struct err err = ERR_INIT;

	if (!begin_telling(j)) {
		answer(w, j->err.num);
		return;
	}
	err_set(&err, ETIMEDOUT, "%s '%s': no verdict yet, still running as "
		"job %" PRIu64 ": see .volfs/jobs/%" PRIu64 "/status, or wait "
		"with volctl wait", j->verb->name,
		j->name && *j->name ? j->name : j->svc ? j->svc->name : "",
		j->id, j->id);
	job_set_fault(j, &err);
	end_telling(j, false);
	answer(w, ETIMEDOUT);
}

/* On a worker: shows the outcome of a name operation before the verdict. */
static void tell_early(void *arg)
{
	struct waiter *w = arg;
	struct job *j = w->job;
	int num;

	if (begin_telling(j)) {
		num = -job_answer_early(j);
		end_telling(j, num == 0);
	} else {
		num = j->err.num;
	}
	answer(w, num);
}

int64_t waiters_tick(struct engine *e, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	struct waiter **at = &e->waiters, *w;

	while ((w = *at)) {
		void (*tell)(void *arg) = tell_timeout;

		if (w->claimed || (w->name_operation && !w->job->admitted)) {
			at = &w->next;
			continue;
		}
		if (w->deadline_ms > now_ms) {
			next = w->deadline_ms < next ? w->deadline_ms : next;
			at = &w->next;
			continue;
		}
		if (w->name_operation) {
			tell = tell_early;
			w->job->early = true;
		}
		w->claimed = true;
		*at = w->next;
		if (pool_run(e->pool, tell, w) < 0) {
			/* No memory for a worker: look again in a second. */
			w->claimed = false;
			w->next = *at;
			*at = w;
			at = &w->next;
			next = now_ms + 1000 < next ? now_ms + 1000 : next;
		}
	}
	return next;
}

/* Starts the refreshes that are due; tells of services that say nothing.
 * Return: when to look again; a refresh that runs kicks the timer at its
 * end. */
static int64_t refreshes_tick(struct engine *e, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	LOCK_SCOPE(&e->lock);
	for (size_t i = 0; i < e->n_services; i++) {
		struct service *s = e->services[i];
		bool due, silent;
		int64_t watch;

		pthread_mutex_lock(&s->lock);
		watch = refresh_watch(s, now_ms, &silent);
		due = service_is_open(s) && !s->refreshing &&
		      s->next_refresh_ms <= now_ms;
		if (due)
			s->next_refresh_ms = INT64_MAX;
		if (service_is_open(s) && !s->refreshing &&
		    s->next_refresh_ms < next)
			next = s->next_refresh_ms;
		pthread_mutex_unlock(&s->lock);
		if (due)
			refresh_start(s);
		if (silent && pool_run(e->pool, refresh_tell_silent,
				       service_ref(s)) < 0) {
			service_unref(s);
			watch = now_ms + 1000;
		}
		next = watch < next ? watch : next;
	}
	return next;
}

void timer_kick(struct engine *e)
{
	LOCK_SCOPE(&e->jobs_lock);
	e->timer_kicked = true;
	pthread_cond_signal(&e->timer_wake);
}

void *engine_timer(void *arg)
{
	struct engine *e = arg;

	while (!e->stopping) {
		int64_t now = clock_ms(), refresh, next;
		unsigned generation = engine_enter(e);
		struct timespec t;

		pthread_mutex_lock(&e->jobs_lock);
		e->timer_kicked = false;
		pthread_mutex_unlock(&e->jobs_lock);
		refresh = refreshes_tick(e, now);
		next = jobs_start_again(e, now);
		if (next < refresh)
			refresh = next;
		engine_leave(e, generation);
		LOCK_SCOPE(&e->jobs_lock);
		next = waiters_tick(e, clock_ms());
		if (refresh < next)
			next = refresh;
		if (next > now + 3600 * 1000)
			next = now + 3600 * 1000;
		if (e->stopping)
			break;
		if (e->timer_kicked)
			continue;
		t = clock_timespec(next);
		pthread_cond_timedwait(&e->timer_wake, &e->jobs_lock, &t);
	}
	return NULL;
}
