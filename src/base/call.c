/* SPDX-License-Identifier: Apache-2.0 */
#include "base/call.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

/* How late a cancel may be seen. */
#define CALL_CANCEL_MS 50

static bool call_is_cancelled(const struct call *c)
{
	return c->cancel &&
	       atomic_load_explicit(c->cancel, memory_order_relaxed);
}

int call_check(const struct call *c, struct err *err)
{
	if (call_is_cancelled(c))
		return err_set(err, ECANCELED, "cancelled");
	if (c->deadline_ms != CALL_NO_DEADLINE && clock_ms() >= c->deadline_ms)
		return err_set(err, ETIMEDOUT,
			       "the time limit passed before the work "
			       "was done");
	return 0;
}

int64_t call_left_ms(const struct call *c, int64_t most_ms)
{
	int64_t left_ms;

	if (c->deadline_ms == CALL_NO_DEADLINE)
		return most_ms > 0 ? most_ms : 0;
	left_ms = c->deadline_ms - clock_ms();
	if (left_ms > most_ms)
		left_ms = most_ms;
	return left_ms > 0 ? left_ms : 0;
}

int call_sleep(const struct call *c, int64_t ms, struct err *err)
{
	int64_t end_ms = clock_ms() + ms;

	for (;;) {
		int64_t left_ms;
		struct timespec t;
		int r = call_check(c, err);

		if (r < 0)
			return r;
		left_ms = call_left_ms(c, end_ms - clock_ms());
		if (left_ms == 0 && clock_ms() >= end_ms)
			return 0;
		if (c->cancel && left_ms > CALL_CANCEL_MS)
			left_ms = CALL_CANCEL_MS;
		t = clock_timespec(left_ms);
		nanosleep(&t, NULL);
	}
}

void call_progress(const struct call *c, const char *step, int percent)
{
	if (c->progress)
		c->progress(c->arg, step, percent);
}

int call_freeze(const struct call *c, struct err *err)
{
	return c->freeze ? c->freeze(c->arg, err) : 0;
}

int call_thaw(const struct call *c, struct err *err)
{
	return c->thaw ? c->thaw(c->arg, err) : 0;
}
