/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "base/call.h"
#include "base/clock.h"

static void no_deadline_never_ends(void **state)
{
	struct call c = { .deadline_ms = CALL_NO_DEADLINE };
	struct err err = ERR_INIT;
	int64_t began_ms = clock_ms();

	assert_int_equal(call_check(&c, &err), 0);
	assert_int_equal(call_left_ms(&c, 1234), 1234);
	assert_int_equal(call_left_ms(&c, -5), 0);
	assert_int_equal(call_sleep(&c, 60, &err), 0);
	assert_in_range(clock_ms() - began_ms, 60, 20000);
}

static void deadline_ends_a_sleep(void **state)
{
	struct call c = { .deadline_ms = clock_ms() + 300 };
	struct err err = ERR_INIT;
	int64_t began_ms = clock_ms();

	assert_in_range(call_left_ms(&c, 60000), 1, 300);
	assert_int_equal(call_left_ms(&c, 10), 10);
	assert_int_equal(call_sleep(&c, 60000, &err), -ETIMEDOUT);
	assert_int_equal(err.num, ETIMEDOUT);
	assert_in_range(clock_ms() - began_ms, 290, 20000);
	assert_int_equal(call_left_ms(&c, 60000), 0);
	assert_int_equal(call_check(&c, &err), -ETIMEDOUT);
	assert_int_equal(call_sleep(&c, 0, &err), -ETIMEDOUT);
}

static atomic_bool cancelled;

static void *cancel_soon(void *arg)
{
	struct timespec t = { .tv_nsec = 100 * 1000 * 1000 };

	nanosleep(&t, NULL);
	atomic_store(&cancelled, true);
	return NULL;
}

static void cancel_ends_a_sleep(void **state)
{
	struct call c = { .deadline_ms = CALL_NO_DEADLINE,
			  .cancel = &cancelled };
	struct err err = ERR_INIT;
	int64_t began_ms = clock_ms();
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
	assert_int_equal(call_sleep(&c, 60000, &err), -ECANCELED);
	assert_in_range(clock_ms() - began_ms, 90, 20000);
	assert_int_equal(call_check(&c, &err), -ECANCELED);
	pthread_join(thread, NULL);
}

static int told;

static int tell(void *arg, struct err *err)
{
	told += *(int *)arg;
	return told > 2 ? err_set(err, EBUSY, "too often") : 0;
}

static void tell_progress(void *arg, const char *step, int percent)
{
	told = percent;
}

static void freeze_and_progress_are_optional(void **state)
{
	int one = 1;
	struct call c = { .deadline_ms = CALL_NO_DEADLINE };
	struct err err = ERR_INIT;

	call_progress(&c, "nothing", 5);
	assert_int_equal(call_freeze(&c, &err), 0);
	assert_int_equal(call_thaw(&c, &err), 0);
	c = (struct call){ .progress = tell_progress, .freeze = tell,
			   .thaw = tell, .arg = &one };
	call_progress(&c, "copy", 1);
	assert_int_equal(told, 1);
	assert_int_equal(call_freeze(&c, &err), 0);
	assert_int_equal(call_thaw(&c, &err), -EBUSY);
	assert_string_equal(err.text, "too often");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_deadline_never_ends),
		cmocka_unit_test(deadline_ends_a_sleep),
		cmocka_unit_test(cancel_ends_a_sleep),
		cmocka_unit_test(freeze_and_progress_are_optional),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
