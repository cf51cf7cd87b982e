/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_CALL_H
#define VOLFS_BASE_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The terms on which a blocking piece of work runs: until when, whether
 * somebody has called it off, under which token it may be repeated, and where
 * its progress goes. Made by the job engine, passed down to providers, HTTP
 * and host helpers. Every wait below heeds both @deadline_ms and @cancel.
 */
struct call {
	int64_t deadline_ms;        /* clock_ms() time; INT64_MAX = none */
	const atomic_bool *cancel;  /* may be NULL */
	const char *token;          /* idempotency token, the same after a crash
				     * and a restart; "" if it repeats nothing */
	const char *job;            /* id for logs, "" if none */

	int64_t freeze_limit_ms;    /* at most so long between call_freeze()
				     * and call_thaw() */

	/* All may be NULL. */
	void (*progress)(void *arg, const char *step, int percent);
	int (*freeze)(void *arg, struct err *err);
	int (*thaw)(void *arg, struct err *err);
	void *arg;
};

#define CALL_NO_DEADLINE INT64_MAX

/* 0, -ECANCELED or -ETIMEDOUT with a sentence: to be looked at in loops. */
int call_check(const struct call *c, struct err *err);

/* Milliseconds that are left, at most @most_ms, never under 0. */
int64_t call_left_ms(const struct call *c, int64_t most_ms);

/* Sleeps up to @ms; wakes for cancel within 50 ms. As call_check(). */
int call_sleep(const struct call *c, int64_t ms, struct err *err);

/* Tells how far the work is; @percent < 0: not known. @step is static. */
void call_progress(const struct call *c, const char *step, int percent);

/* Stops and resumes writes to the file system of the volume in hand, where it
 * is mounted here (else success, nothing done). Between the two a driver does
 * the one thing that fixes the point in time, and neither logs nor touches the
 * store. call_thaw() fails with -EBUSY where the guard has thawed already:
 * what was copied is then not one point in time and must be dropped. */
int call_freeze(const struct call *c, struct err *err);
int call_thaw(const struct call *c, struct err *err);

#endif
