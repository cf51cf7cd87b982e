/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_AUTO_H
#define VOLFS_BASE_AUTO_H

/*
 * Cleanup by scope.
 *
 *	AUTO(auto_free) char *text = strdup("x");
 *	AUTO(auto_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
 *	LOCK_SCOPE(&s->lock);
 *	...
 *	return STEAL(text);       ownership leaves here, visibly
 *
 * A destructor copes with NULL (or -1) and keeps errno.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirent.h>

#define AUTO(destructor) __attribute__((cleanup(destructor)))

#define STEAL(p)                        \
	__extension__({                 \
		__auto_type p_ = (p);   \
		(p) = NULL;             \
		p_;                     \
	})

#define STEAL_FD(fd)                    \
	__extension__({                 \
		int fd_ = (fd);         \
		(fd) = -1;              \
		fd_;                    \
	})

/* DEFINE_AUTO(auto_buf, struct buf *, buf_done): a destructor for AUTO(). */
#define DEFINE_AUTO_PTR(name, type, function)           \
	static inline void name(type **p)               \
	{                                               \
		int saved = errno;                      \
		if (*p)                                 \
			function(*p);                   \
		errno = saved;                          \
	}

static inline void auto_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void auto_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

DEFINE_AUTO_PTR(auto_file, FILE, fclose)
DEFINE_AUTO_PTR(auto_dir, DIR, closedir)

static inline void auto_unlock(pthread_mutex_t **lock)
{
	if (*lock)
		pthread_mutex_unlock(*lock);
}

static inline pthread_mutex_t *auto_lock_(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	return lock;
}

#define AUTO_CAT_(a, b) a##b
#define AUTO_CAT(a, b) AUTO_CAT_(a, b)

/* Holds @lock to the end of the enclosing block. */
#define LOCK_SCOPE(lock)                                        \
	AUTO(auto_unlock) pthread_mutex_t *                     \
		AUTO_CAT(scope_lock_, __LINE__)                 \
		__attribute__((unused)) = auto_lock_(lock)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
