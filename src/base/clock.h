/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_CLOCK_H
#define VOLFS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds that only go forward (CLOCK_MONOTONIC): for waits. */
static inline int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Seconds since 1970 (CLOCK_REALTIME): for what people read. */
static inline int64_t clock_unix_s(void)
{
	return (int64_t)time(NULL);
}

/* The absolute CLOCK_MONOTONIC time of clock_ms() == @ms, for condition
 * variables made by cond_init(). */
static inline struct timespec clock_timespec(int64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000,
				  .tv_nsec = (ms % 1000) * 1000000 };
}

#endif
