/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload replaces, and when nobody uses it any more.
 *
 * Readers and jobs point into a configuration, and call a session, without a
 * reference. So every thread does its work between engine_enter() and
 * engine_leave(), in a generation; what is retired in one goes once all that
 * was begun in it, or before, has ended. A generation ends when none of the
 * one before is at work: so two counters do.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "core/engine_impl.h"

struct retired {
	unsigned generation;
	void (*end)(void *arg);
	void *arg;
	struct retired *next;
};

unsigned engine_enter(struct engine *e)
{
	for (;;) {
		unsigned g = atomic_load(&e->generation);

		atomic_fetch_add(&e->at_work[g & 1], 1);
		if (atomic_load(&e->generation) == g)
			return g;
		atomic_fetch_sub(&e->at_work[g & 1], 1);
	}
}

/* On a worker. */
static void end_all(void *arg)
{
	struct retired *r = arg, *next;

	for (; r; r = next) {
		next = r->next;
		r->end(r->arg);
		free(r);
	}
}

/* Ends generations that can end. Return: what nobody uses any more. */
static struct retired *take_unused(struct engine *e)
{
	struct retired *unused = NULL, *r, **at;

	LOCK_SCOPE(&e->retired_lock);
	for (int i = 0; i < 2; i++) {
		unsigned g = atomic_load(&e->generation);

		if (atomic_load(&e->at_work[(g + 1) & 1]) == 0)
			atomic_store(&e->generation, g + 1);
	}
	for (at = &e->retired; (r = *at);) {
		if (atomic_load(&e->generation) - r->generation < 2) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = unused;
		unused = r;
	}
	atomic_store(&e->any_retired, e->retired != NULL);
	return unused;
}

/* What could not be ended for want of a thread waits for the next time. */
static void put_back(struct engine *e, struct retired *list)
{
	LOCK_SCOPE(&e->retired_lock);
	while (list) {
		struct retired *r = list;

		list = r->next;
		r->next = e->retired;
		e->retired = r;
	}
	atomic_store(&e->any_retired, true);
}

void engine_leave(struct engine *e, unsigned generation)
{
	struct retired *unused;

	atomic_fetch_sub(&e->at_work[generation & 1], 1);
	if (!atomic_load(&e->any_retired))
		return;
	unused = take_unused(e);
	if (unused && pool_run(e->pool, end_all, unused) < 0)
		put_back(e, unused);
}

void retire(struct engine *e, void (*end)(void *arg), void *arg)
{
	struct retired *r = malloc(sizeof(*r));

	/* Without memory it stays to the end. */
	if (!r)
		return;
	*r = (struct retired){ .end = end, .arg = arg };
	LOCK_SCOPE(&e->retired_lock);
	r->generation = atomic_load(&e->generation);
	r->next = e->retired;
	e->retired = r;
	atomic_store(&e->any_retired, true);
}

void retired_end(struct engine *e)
{
	end_all(STEAL(e->retired));
}
