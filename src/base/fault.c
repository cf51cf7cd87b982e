/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#ifdef VOLFS_FAULT_POINTS

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"

/* The environment is read once, before any thread could change it. Written
 * by fault_read() alone. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *fault_name;        /* NULL: no fault is wanted */
static uint64_t fault_at = 1;   /* the time it is reached that kills */
static char *once_file;         /* or NULL */
static int trace_fd = -1;       /* gets the names of what is reached */
static atomic_uint_fast64_t reached;
static pid_t whole;              /* of whom this is a part; 0: nobody's */

static void fault_read(void)
{
	const char *want = getenv("VOLFS_FAULT");
	const char *file = getenv("VOLFS_FAULT_ONCE");
	const char *trace = getenv("VOLFS_FAULT_TRACE");
	const char *colon;
	struct err err = ERR_INIT;

	if (trace && trace[0])
		trace_fd = open(trace, O_CREAT | O_APPEND | O_WRONLY |
				O_CLOEXEC, 0600);
	if (!want || !want[0])
		return;
	colon = strchr(want, ':');
	if (colon && (parse_u64(colon + 1, strlen(colon + 1), &fault_at,
				&err) < 0 || fault_at == 0)) {
		/* A test that asks for nonsense must not pass by it. */
		log_error("VOLFS_FAULT '%s': use NAME or NAME:N, N from 1",
			  want);
		abort();
	}
	if (file && file[0] && !(once_file = strdup(file)))
		abort();
	fault_name = colon ? strndup(want, (size_t)(colon - want))
			   : strdup(want);
	if (!fault_name)
		abort();
}

void fault_in_helper(void)
{
	whole = getppid();
}

void fault_point(const char *name)
{
	int fd;

	pthread_once(&once, fault_read);
	if (trace_fd >= 0)
		dprintf(trace_fd, "%s\n", name);
	if (!fault_name || strcmp(fault_name, name))
		return;
	if (atomic_fetch_add(&reached, 1) + 1 != fault_at)
		return;
	if (once_file) {
		fd = open(once_file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
			  0600);
		if (fd < 0 && errno == EEXIST)
			return;
		if (fd >= 0)
			close(fd);
	}
	if (whole)
		kill(whole, SIGKILL);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

#endif
