/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"

/*
 * Batches, and how a group of them gets to the disk: in one transaction; if
 * that fails for a reason that may be one batch's own, each of them alone.
 */

struct store_batch *store_batch_new(void)
{
	struct store_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->last = &b->first;
	return b;
}

static void op_add(struct store_batch *b, enum op_kind kind,
		   const char *bucket, const char *key, const void *value,
		   size_t len)
{
	size_t bucket_size, key_size;
	struct store_op *op = NULL;
	char *at;

	if (!b || b->failed)
		return;
	bucket_size = strlen(bucket) + 1;
	key_size = strlen(key) + 1;
	if (len < SIZE_MAX / 2)
		op = malloc(sizeof(*op) + bucket_size + key_size + len);
	if (!op) {
		b->failed = true;
		return;
	}
	at = (char *)(op + 1);
	*op = (struct store_op){
		.kind = kind, .bucket = at, .key = at + bucket_size,
		.value = at + bucket_size + key_size, .len = len,
	};
	memcpy(at, bucket, bucket_size);
	memcpy(at + bucket_size, key, key_size);
	if (len > 0)
		memcpy(at + bucket_size + key_size, value, len);
	*b->last = op;
	b->last = &op->next;
}

void store_batch_put(struct store_batch *b, const char *bucket,
		     const char *key, const void *value, size_t len)
{
	op_add(b, OP_PUT, bucket, key, value, len);
}

void store_batch_delete(struct store_batch *b, const char *bucket,
			const char *key)
{
	op_add(b, OP_DELETE, bucket, key, NULL, 0);
}

void store_batch_delete_prefix(struct store_batch *b, const char *bucket,
			       const char *prefix)
{
	op_add(b, OP_DELETE_PREFIX, bucket, prefix, NULL, 0);
}

void store_batch_urgent(struct store_batch *b)
{
	if (b)
		b->urgent = true;
}

void store_batch_free(struct store_batch *b)
{
	struct store_op *op, *next;

	if (!b)
		return;
	for (op = b->first; op; op = next) {
		next = op->next;
		free(op);
	}
	free(b);
}

/* ---- one operation ---- */

static int step(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int bind(sqlite3_stmt *s, const struct store_op *op)
{
	int rc = sqlite3_bind_text(s, 1, op->bucket, -1, SQLITE_STATIC);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob64(s, 2, op->key, strlen(op->key),
					 SQLITE_STATIC);
	return rc;
}

/* The first key after all that begin with @prefix: its last byte that is not
 * 0xff, one higher, is the last. Return: its length; 0: there is none. */
static size_t prefix_end(char *prefix)
{
	size_t len = strlen(prefix);

	while (len > 0 && (unsigned char)prefix[len - 1] == 0xff)
		len--;
	if (len > 0)
		prefix[len - 1] = (char)((unsigned char)prefix[len - 1] + 1);
	return len;
}

static int remove_prefix(struct store_writer *w, const struct store_op *op)
{
	AUTO(auto_free) char *end = strdup(op->key);
	size_t end_len;
	sqlite3_stmt *s;
	int rc;

	if (!end)
		return SQLITE_NOMEM;
	end_len = prefix_end(end);
	s = end_len > 0 ? w->remove_range : w->remove_from;
	rc = bind(s, op);
	if (rc == SQLITE_OK && end_len > 0)
		rc = sqlite3_bind_blob64(s, 3, end, end_len, SQLITE_STATIC);
	return rc == SQLITE_OK ? step(s) : rc;
}

static int op_run(struct store_writer *w, const struct store_op *op)
{
	int rc;

	switch (op->kind) {
	case OP_PUT:
		rc = bind(w->put, op);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_blob64(w->put, 3, op->value, op->len,
						 SQLITE_STATIC);
		return rc == SQLITE_OK ? step(w->put) : rc;
	case OP_DELETE:
		rc = bind(w->remove, op);
		return rc == SQLITE_OK ? step(w->remove) : rc;
	default:
		return remove_prefix(w, op);
	}
}

/* ---- transactions ---- */

/* @batches up to before @end as one transaction: all or nothing. */
static int transaction_run(struct store *st, struct store_batch *batches,
			   struct store_batch *end)
{
	struct store_writer *w = &st->writer;
	int rc = step(w->begin);

	atomic_fetch_add(&st->transactions, 1);
	for (struct store_batch *b = batches; rc == SQLITE_OK && b != end;
	     b = b->next) {
		for (struct store_op *op = b->first; rc == SQLITE_OK && op;
		     op = op->next)
			rc = op_run(w, op);
	}
	if (rc == SQLITE_OK)
		rc = step(w->commit);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(w->db)) {
		/* The caller tells of the first failure, not of this one. */
		sqlite3_stmt *s = NULL;

		if (sqlite3_prepare_v2(w->db, "ROLLBACK", -1, &s, NULL) ==
		    SQLITE_OK)
			sqlite3_step(s);
		sqlite3_finalize(s);
	}
	return rc;
}

static void finish(struct store_batch *b, int result, const struct err *err)
{
	b->result = result;
	if (result < 0)
		b->err = *err;
}

static void batches_finish(struct store_batch *batches, int result,
			   const struct err *err)
{
	for (struct store_batch *b = batches; b; b = b->next)
		finish(b, result, err);
}

/* What one batch may bring about without the others' doing. */
static bool is_own_fault(int result)
{
	return result == -ENOSPC || result == -E2BIG || result == -ENOMEM;
}

/* Without the reserve the next unmount may find no space: that is full. */
static void condition_good(struct store *st)
{
	atomic_store(&st->condition,
		     st->reserve_held ? STORE_OK : STORE_FULL);
}

static int batch_run_alone(struct store *st, struct store_batch *b)
{
	sqlite3 *db = st->writer.db;
	int result = 0;
	int rc;

	if (!b->urgent && !store_has_room(st)) {
		result = store_error(st, db, SQLITE_FULL, "store", &b->err);
		b->result = result;
		return result;
	}
	rc = transaction_run(st, b, b->next);
	if (rc != SQLITE_OK)
		result = store_error(st, db, rc, "store", &b->err);
	if (result == -ENOSPC && b->urgent && store_reserve_release(st)) {
		rc = transaction_run(st, b, b->next);
		result = rc == SQLITE_OK ? 0 :
			 store_error(st, db, rc, "store", &b->err);
	}
	if (result == 0)
		condition_good(st);
	b->result = result;
	return result;
}

static bool group_may_run(struct store *st, struct store_batch *batches)
{
	if (store_has_room(st))
		return true;
	for (struct store_batch *b = batches; b; b = b->next) {
		if (!b->urgent)
			return false;
	}
	return true;
}

/* What makes every write vain. */
static int store_check(struct store *st, struct err *err)
{
	if (atomic_load(&st->damaged))
		return store_error(st, st->writer.db, SQLITE_CORRUPT, "store",
				   err);
	if (store_file_is_ours(st))
		return 0;
	atomic_store(&st->condition, STORE_FAILED);
	return err_set(err, EIO,
		       "store: '%s' was moved or deleted while in use, nothing is kept any more: restart volfsd",
		       st->path);
}

void store_batches_run(struct store *st, struct store_batch *batches)
{
	struct err err = ERR_INIT;
	int rc, result;

	result = store_check(st, &err);
	if (result < 0) {
		batches_finish(batches, result, &err);
		return;
	}
	if (!st->reserve_held &&
	    clock_ms() - st->reserve_tried_ms >= STORE_RESERVE_RETRY_MS)
		store_reserve_make(st);
	if (group_may_run(st, batches)) {
		rc = transaction_run(st, batches, NULL);
		if (rc == SQLITE_OK) {
			condition_good(st);
			batches_finish(batches, 0, NULL);
			return;
		}
		result = store_error(st, st->writer.db, rc, "store", &err);
		if (!is_own_fault(result)) {
			batches_finish(batches, result, &err);
			return;
		}
	}
	for (struct store_batch *b = batches; b; b = b->next)
		batch_run_alone(st, b);
}
