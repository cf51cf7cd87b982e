/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers. A thread is made when work comes and none is idle, and leaves after
 * ten idle seconds, so that an idle daemon keeps none.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/engine_impl.h"

#define WORKERS_MAX 256
#define IDLE_MS 10000
#define STACK_BYTES (512 * 1024)

struct work {
	void (*fn)(void *arg);
	void *arg;
	struct work *next;
};

struct pool {
	struct engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	struct work *first, **last;
	unsigned queued, threads, idle;
	bool stopping, closed;
};

void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

int thread_start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	pthread_attr_t a;
	sigset_t all, old;
	int r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(t, &a, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&a);
	return -r;
}

struct pool *pool_new(struct engine *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->engine = e;
	pthread_mutex_init(&p->lock, NULL);
	cond_init(&p->wake);
	cond_init(&p->ended);
	p->last = &p->first;
	return p;
}

/* The next piece of work, or NULL when this thread should leave. */
static struct work *next_work(struct pool *p)
{
	struct timespec until = clock_timespec(clock_ms() + IDLE_MS);

	while (!p->first) {
		int r;

		if (p->stopping)
			return NULL;
		p->idle++;
		r = pthread_cond_timedwait(&p->wake, &p->lock, &until);
		p->idle--;
		if (r == ETIMEDOUT && !p->first)
			return NULL;
	}

	struct work *w = p->first;

	p->first = w->next;
	if (!p->first)
		p->last = &p->first;
	p->queued--;
	return w;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	unsigned generation;
	struct work *w;

	pthread_mutex_lock(&p->lock);
	while ((w = next_work(p))) {
		pthread_mutex_unlock(&p->lock);
		generation = engine_enter(p->engine);
		w->fn(w->arg);
		engine_leave(p->engine, generation);
		free(w);
		pthread_mutex_lock(&p->lock);
	}
	p->threads--;
	pthread_cond_broadcast(&p->ended);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
	struct work *w = malloc(sizeof(*w));
	pthread_t t;

	if (!w)
		return -ENOMEM;
	*w = (struct work){ .fn = fn, .arg = arg };
	LOCK_SCOPE(&p->lock);
	if (p->closed) {
		free(w);
		return -EAGAIN;
	}
	if (p->idle <= p->queued && p->threads < WORKERS_MAX) {
		if (thread_start(&t, worker, p) == 0) {
			pthread_detach(t);
			p->threads++;
		} else if (p->threads == 0) {
			free(w);
			return -EAGAIN;
		}
	}
	*p->last = w;
	p->last = &w->next;
	p->queued++;
	pthread_cond_signal(&p->wake);
	return 0;
}

bool pool_stop(struct pool *p, int64_t grace_ms)
{
	struct timespec until = clock_timespec(clock_ms() + grace_ms);

	LOCK_SCOPE(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	while (p->threads > 0)
		if (pthread_cond_timedwait(&p->ended, &p->lock, &until) &&
		    p->threads > 0)
			return false;
	/* Readers of the tree still come: what they would begin now would
	 * meet the end of all that it uses. */
	p->closed = true;
	return true;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->ended);
	free(p);
}
