/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_SESSION_H
#define VOLFS_FS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <linux/fuse.h>

#include "base/err.h"
#include "fs/fs.h"

/*
 * The connection to the kernel: one /dev/fuse descriptor, a pool of reader
 * threads of our own, the mount, the notifications, and the barrier.
 *
 * libfuse takes requests apart and puts replies together; reading and writing
 * the descriptor is ours (fuse_session_custom_io), so that the request as it
 * came (its `unique`, POLL's handle) can be seen.
 */
struct tree_session;

#define READERS 4

/* `unique` of what a dead daemon had read comes with this bit. */
#define UNIQUE_RESEND (UINT64_C(1) << 63)

/* Opens /dev/fuse, mounts at fs->mount_point, shared. @options: further mount
 * options, comma-separated (NULL = none): -EINVAL names an unknown one. */
int session_open(struct fs *fs, const char *options, struct err *err);

/* Starts the readers and waits until the kernel's INIT is answered. */
int session_start(struct tree_session *s, struct err *err);

/* Takes the tree from the namespace (lazily: nothing hangs on it) and stops the
 * readers. What the engine still answers and publishes goes on. NULL is fine. */
void session_stop(struct tree_session *s);

/* Closes the connection; once nothing of the engine runs. NULL is fine. */
void session_free(struct tree_session *s);

/* The request in hand on this reader thread, as the kernel sent it; NULL on
 * other threads. */
const struct fuse_in_header *session_request(void);

/*
 * Attributes and entries are answered between epoch_enter() and epoch_leave();
 * what they say is read after the one, and written before the other. After
 * session_barrier() every answer begun earlier has been written. Never call
 * the barrier, and never wait, in between.
 */
struct epoch;
struct epoch *epoch_enter(struct tree_session *s);
void epoch_leave(struct epoch *e);
static inline void auto_epoch(struct epoch **e)
{
	epoch_leave(*e);
}
#define EPOCH_SCOPE(s)                                                  \
	AUTO(auto_epoch) struct epoch *epoch_scope_                     \
		__attribute__((unused)) = epoch_enter(s)
void session_barrier(struct tree_session *s);

/* How long ago the last such answer was written, nanoseconds. */
int64_t session_quiet_ns(struct tree_session *s);

/* Tells the kernel to drop what it has of a node: attributes, and with @entries
 * a directory's listing. Takes no lock in the kernel. False: it has no such
 * node (or not yet). */
bool session_inval(struct tree_session *s, uint64_t ino, bool entries);

/* Wakes a poller by the handle that its POLL request brought. */
void session_wake(struct tree_session *s, uint64_t kh);

/* In builds with fault points: holds this thread where VOLFS_HOOK says so. */
#ifdef VOLFS_FAULT_POINTS
void session_hook(const char *operation, const char *name);
#else
static inline void session_hook(const char *operation, const char *name)
{
}
#endif

extern const struct fuse_lowlevel_ops tree_ops;          /* fuse_ops.c */

/* An INTERRUPT for the request @unique (fuse_write.c). */
void pending_interrupt(struct fs *fs, uint64_t unique);

#endif
