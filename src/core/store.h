/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_STORE_H
#define VOLFS_CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * What outlives the daemon: named buckets of key -> bytes, changed in batches
 * that are all or nothing and durable (fsync) when store_commit() returns.
 * Commits of several threads that meet become one transaction, so a hundred
 * waiting jobs cost one fsync. Embedded in SQLite: <dir>/volfs.db.
 *
 * Any thread may call any of it; readers (get, each) do not wait for commits.
 */
struct store;
struct store_batch;

/* Opens or makes it. One daemon per directory: -EBUSY names the other's pid.
 * A damaged database is moved aside (never deleted) and a new one begun; then
 * *@moved_to (caller frees) says where it is, else NULL. -EPROTO: written by a
 * newer volfs; -EROFS, -ENOSPC, -EACCES as the directory has it. */
int store_open(const char *dir, struct store **out, char **moved_to,
	       struct err *err);
void store_close(struct store *st);

/* The value to @out (emptied first). -ENOENT without a sentence if absent. */
int store_get(struct store *st, const char *bucket, const char *key,
	      struct buf *out, struct err *err);

/* Calls @each in key order for keys that begin with @prefix ("" = all); a
 * result other than 0 stops and is returned. It sees the store as it was at
 * the start, and may itself read and commit. @value has no NUL at its end, and
 * both are valid during the call only. */
int store_each(struct store *st, const char *bucket, const char *prefix,
	       int (*each)(void *arg, const char *key, const char *value,
			   size_t len),
	       void *arg, struct err *err);

/* NULL on no memory; all later calls take NULL and store_commit() says so. */
struct store_batch *store_batch_new(void);
void store_batch_put(struct store_batch *b, const char *bucket,
		     const char *key, const void *value, size_t len);
void store_batch_delete(struct store_batch *b, const char *bucket,
			const char *key);
void store_batch_delete_prefix(struct store_batch *b, const char *bucket,
			       const char *prefix);
void store_batch_free(struct store_batch *b);
/* Set for unmount, detach and delete: may use the reserve on a full disk. */
void store_batch_urgent(struct store_batch *b);

/* Blocks until it is on disk; frees @b in every case. -ENOSPC, -EIO: nothing
 * of the batch was done. */
int store_commit(struct store *st, struct store_batch *b, struct err *err);

/* The next of a persistent sequence of numbers, never given twice. Reserves
 * blocks, so that most calls do not commit. 0 on failure. */
unsigned long long store_serial(struct store *st, const char *sequence,
				struct err *err);

/* "ok" "full" "read-only" "failed": for .volfs/status. */
const char *store_state(struct store *st);

#endif
