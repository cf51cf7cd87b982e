/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_FS_H
#define VOLFS_FS_FS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/engine.h"
#include "fs/node.h"

/*
 * The file system: what main.c makes and everything in fs/ shares. One a
 * process. FUSE requests come in on reader threads (session.c), are answered
 * from the engine's memory (fuse_*.c), and the engine's changes go out as
 * invalidations (publish.c).
 */
struct tree_session;
struct opens;
struct pendings;
struct publisher;

struct fs {
	struct engine *engine;
	struct engine_options options;
	char *mount_point;               /* as clients see it */
	struct tree_session *session;
	struct names *names;
	struct opens *opens;
	struct pendings *pendings;
	struct publisher *publisher;
	const char *version;
	int end_fd;                      /* an eventfd: main() waits on it */
	_Atomic int end_why;             /* enum fs_end */
	atomic_bool tree_is_up;

	/* When they last changed, for mtimes: unix seconds. */
	_Atomic int64_t root_at_s, daemon_at_s, jobs_at_s, events_at_s;

	/* A bit per index that the kernel has. */
	_Atomic uint64_t given_daemon;
	_Atomic uint64_t given_service[NODE_SERVICE_MAX + 1];
	/* What each service's volumes last said of being stale, as a number. */
	_Atomic uint32_t stale_of_service[NODE_SERVICE_MAX + 1];
	atomic_bool old_events_shown;
	/* Jobs are many and short: a bit per id modulo, never taken back. */
	_Atomic uint64_t given_jobs[64];
};

#define FOREVER_S 1e6                    /* entry and attribute timeouts */

/* The main loop ends the daemon soon after. Any thread. */
enum fs_end { FS_END_UNMOUNTED = 1, FS_END_DOWN, FS_END_SIGNAL };
void fs_end(struct fs *fs, enum fs_end why);

/* Connects @fs to what engine_new() needs: fills @host. */
void fs_host(struct fs *fs, struct engine_host *host);

/* Everything but the engine and the session. 0 or -ENOMEM. */
int fs_init(struct fs *fs, const char *mount_point, const char *version);
void fs_done(struct fs *fs);

#endif
