/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_START_H
#define VOLFS_FS_START_H

#include <stdbool.h>

#include "base/err.h"

/* What stands around the daemon when it starts (used by main.c only). */

/* Makes the mount point if need be, takes off a dead tree of an earlier daemon,
 * and returns its path without symlinks; the caller frees. NULL with @err:
 * -EBUSY where another daemon serves it. */
char *start_mount_point(const char *path, struct err *err);

/* -EINVAL: a tree at @at would hide @dir, which the daemon needs: @what names
 * it in the sentence. */
int start_check_place(const char *at, const char *dir, const char *what,
		      struct err *err);

/* Makes a directory and those above it, mode 0755 above and @mode itself.
 * Existing ones stay as they are. 0 or -errno. */
int start_directory(const char *path, unsigned mode, struct err *err);

/* Warns where mounts made here do not reach the host. */
void start_warn_namespace(void);

/* Tells systemd: lines of sd_notify(3), "READY=1\nSTATUS=..." (by
 * $NOTIFY_SOCKET; nothing where there is none). Never blocks for long: where
 * nobody reads, the message is dropped with a warning. */
void start_notify(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* As many descriptors as the hard limit lets. */
void start_raise_limits(void);

/* Forks; the parent waits for start_daemon_ready() of the child and ends with
 * its status. In the child: the descriptor to pass on, or -1 with @err. */
int start_daemon(struct err *err);
/* Lets the parent go with success; from here on messages go to @log. */
int start_daemon_ready(int fd, const char *log, struct err *err);

#endif
