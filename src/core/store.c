/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/parse.h"

/*
 * The store as others see it: opening, reading, commits that meet and become
 * one, sequences.
 */

#define IDLE_READERS_MAX 4

/* Numbers reserved at once, so that one commit serves so many. */
#define SEQUENCE_BLOCK 1024
#define SEQUENCE_BUCKET "seq"

/* ---- life ---- */

static void store_free(struct store *st)
{
	struct store_sequence *q, *next;

	store_writer_close(&st->writer);
	for (q = st->sequences; q; q = next) {
		next = q->next;
		free(q->name);
		free(q);
	}
	if (st->dir_fd >= 0)
		close(st->dir_fd);
	if (st->lock_fd >= 0)
		close(st->lock_fd);
	pthread_cond_destroy(&st->changed);
	pthread_mutex_destroy(&st->lock);
	pthread_mutex_destroy(&st->serial_lock);
	free(st->dir);
	free(st->path);
	free(st);
}

DEFINE_AUTO_PTR(auto_store, struct store, store_free)

static struct store *store_new(void)
{
	struct store *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->dir_fd = -1;
	st->lock_fd = -1;
	st->queue_end = &st->queue;
	pthread_mutex_init(&st->lock, NULL);
	pthread_mutex_init(&st->serial_lock, NULL);
	pthread_cond_init(&st->changed, NULL);
	return st;
}

/* Opens the database; a damaged one is moved aside and another begun. On a
 * full disk the reserve is given up: what is mounted must be unmounted, and
 * that takes a daemon that starts. */
static int database_open(struct store *st, char **moved_to, struct err *err)
{
	int r = -EIO;

	for (int attempt = 0; attempt < 3; attempt++) {
		bool damaged = false;

		r = store_file_create(st, err);
		if (r == 0)
			r = store_writer_open(st, &damaged, err);
		if (r == 0)
			return 0;
		if (damaged) {
			r = store_move_aside(st, moved_to, err);
			if (r < 0)
				return r;
			atomic_store(&st->damaged, false);
			r = -EIO;
		} else if (r != -ENOSPC || !store_reserve_release(st)) {
			return r;
		}
	}
	return r;
}

int store_open(const char *dir, struct store **out, char **moved_to,
	       struct err *err)
{
	AUTO(auto_store) struct store *st = store_new();
	AUTO(auto_free) char *moved = NULL;
	int r;

	*moved_to = NULL;
	if (!st)
		return err_oom(err);
	r = store_dir_open(st, dir, err);
	if (r == 0)
		r = store_dir_lock(st, err);
	if (r == 0)
		r = database_open(st, &moved, err);
	/* Also when opening failed later: the caller tells where it went. */
	*moved_to = STEAL(moved);
	if (r < 0)
		return r;
	if (!st->reserve_released)
		store_reserve_make(st);
	atomic_store(&st->condition,
		     st->reserve_held ? STORE_OK : STORE_FULL);
	if (err)
		*err = (struct err)ERR_INIT; /* of attempts that failed */
	*out = STEAL(st);
	return 0;
}

/* Every call into the store stands between these two: store_close() waits for
 * those that are within. */
static int call_enter(struct store *st, struct err *err)
{
	LOCK_SCOPE(&st->lock);
	if (st->closing)
		return err_set(err, ECANCELED,
			       "the state database is being closed");
	st->calls++;
	return 0;
}

static void call_leave(struct store *st)
{
	LOCK_SCOPE(&st->lock);
	if (--st->calls == 0)
		pthread_cond_broadcast(&st->changed);
}

/* Numbers that were reserved and not given are given by the next daemon. */
static void sequences_return(struct store *st)
{
	struct store_batch *b = store_batch_new();

	for (struct store_sequence *q = st->sequences; q; q = q->next) {
		char text[32];

		if (q->end == 0)
			continue; /* its first block was never reserved */
		snprintf(text, sizeof(text), "%llu", q->at);
		store_batch_put(b, SEQUENCE_BUCKET, q->name, text,
				strlen(text));
	}
	if (b && b->first && !b->failed)
		store_batches_run(st, b);
	store_batch_free(b);
}

void store_close(struct store *st)
{
	struct store_reader *r;

	if (!st)
		return;
	pthread_mutex_lock(&st->lock);
	st->closing = true;
	while (st->calls > 0)
		pthread_cond_wait(&st->changed, &st->lock);
	pthread_mutex_unlock(&st->lock);
	while ((r = st->idle)) {
		st->idle = r->next;
		store_reader_free(r);
	}
	sequences_return(st);
	if (store_file_is_ours(st) && !atomic_load(&st->damaged))
		sqlite3_wal_checkpoint_v2(st->writer.db, NULL,
					  SQLITE_CHECKPOINT_TRUNCATE, NULL,
					  NULL);
	store_free(st);
}

const char *store_state(struct store *st)
{
	static const char *const words[] = {
		[STORE_OK] = "ok",
		[STORE_FULL] = "full",
		[STORE_READ_ONLY] = "read-only",
		[STORE_FAILED] = "failed",
	};

	return words[atomic_load(&st->condition)];
}

/* ---- reading ---- */

static int reader_take(struct store *st, struct store_reader **out,
		       struct err *err)
{
	int r = call_enter(st, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&st->lock);
	*out = st->idle;
	if (*out) {
		st->idle = (*out)->next;
		st->n_idle--;
	}
	pthread_mutex_unlock(&st->lock);
	if (*out)
		return 0;
	r = store_reader_open(st, out, err);
	if (r < 0)
		call_leave(st);
	return r;
}

/* @broken: the connection met an error and is not used again. */
static void reader_give(struct store *st, struct store_reader *r, bool broken)
{
	pthread_mutex_lock(&st->lock);
	if (!broken && st->n_idle < IDLE_READERS_MAX) {
		r->next = st->idle;
		st->idle = r;
		st->n_idle++;
		r = NULL;
	}
	pthread_mutex_unlock(&st->lock);
	store_reader_free(r);
	call_leave(st);
}

static int key_bind(sqlite3_stmt *s, const char *bucket, const char *key)
{
	int rc = sqlite3_bind_text(s, 1, bucket, -1, SQLITE_STATIC);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob64(s, 2, key, strlen(key),
					 SQLITE_STATIC);
	return rc;
}

static int value_copy(sqlite3_stmt *s, struct buf *out, struct err *err)
{
	const void *value = sqlite3_column_blob(s, 0);
	int len = sqlite3_column_bytes(s, 0);

	if (len > 0 && !value)
		return err_oom(err);
	buf_append(out, value ? value : "", (size_t)len);
	if (buf_failed(out))
		return err_errno(err, buf_failed(out),
				 "read a value of %d bytes", len);
	return 0;
}

int store_get(struct store *st, const char *bucket, const char *key,
	      struct buf *out, struct err *err)
{
	struct store_reader *reader;
	int result = reader_take(st, &reader, err);
	int rc;

	if (result < 0)
		return result;
	buf_reset(out);
	rc = key_bind(reader->get, bucket, key);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(reader->get);
	if (rc == SQLITE_ROW)
		result = value_copy(reader->get, out, err);
	else if (rc == SQLITE_DONE)
		result = -ENOENT;
	else
		result = store_error(st, reader->db, rc, "read", err);
	sqlite3_reset(reader->get);
	sqlite3_clear_bindings(reader->get);
	reader_give(st, reader, rc != SQLITE_ROW && rc != SQLITE_DONE);
	return result;
}

/* Steps through the rows while they begin with @prefix: they come in order, so
 * the first that does not is the end. */
static int rows_walk(struct store *st, struct store_reader *reader,
		     const char *prefix,
		     int (*each)(void *arg, const char *key,
				 const char *value, size_t len),
		     void *arg, int *rc, struct err *err)
{
	AUTO(auto_buf) struct buf key = BUF_INIT(STORE_VALUE_MAX);
	size_t prefix_len = strlen(prefix);

	while ((*rc = sqlite3_step(reader->each)) == SQLITE_ROW) {
		const void *k = sqlite3_column_blob(reader->each, 0);
		int k_len = sqlite3_column_bytes(reader->each, 0);
		const char *value = sqlite3_column_blob(reader->each, 1);
		int len = sqlite3_column_bytes(reader->each, 1);
		int r;

		if ((k_len > 0 && !k) || (len > 0 && !value))
			return err_oom(err);
		buf_reset(&key);
		buf_append(&key, k ? k : "", (size_t)k_len);
		if (buf_failed(&key))
			return err_oom(err);
		if (strncmp(buf_str(&key), prefix, prefix_len) != 0) {
			*rc = SQLITE_DONE;
			return 0;
		}
		r = each(arg, buf_str(&key), value ? value : "", (size_t)len);
		if (r != 0)
			return r;
	}
	if (*rc != SQLITE_DONE)
		return store_error(st, reader->db, *rc, "read", err);
	return 0;
}

int store_each(struct store *st, const char *bucket, const char *prefix,
	       int (*each)(void *arg, const char *key, const char *value,
			   size_t len),
	       void *arg, struct err *err)
{
	struct store_reader *reader;
	int result = reader_take(st, &reader, err);
	int rc;

	if (result < 0)
		return result;
	rc = key_bind(reader->each, bucket, prefix);
	if (rc == SQLITE_OK)
		result = rows_walk(st, reader, prefix, each, arg, &rc, err);
	else
		result = store_error(st, reader->db, rc, "read", err);
	sqlite3_reset(reader->each);
	sqlite3_clear_bindings(reader->each);
	reader_give(st, reader, rc != SQLITE_ROW && rc != SQLITE_DONE);
	return result;
}

/* ---- commits ---- */

/* Takes all that wait and commits them. Called and returns with the lock
 * held, which is free in between. */
static void lead(struct store *st)
{
	struct store_batch *batches = st->queue;
	struct store_batch *b, *next;

	st->queue = NULL;
	st->queue_end = &st->queue;
	st->leading = true;
	pthread_mutex_unlock(&st->lock);
	store_batches_run(st, batches);
	pthread_mutex_lock(&st->lock);
	st->leading = false;
	for (b = batches; b; b = next) {
		next = b->next;
		b->done = true; /* its owner may free it once we unlock */
	}
	pthread_cond_broadcast(&st->changed);
}

static int commit_wait(struct store *st, struct store_batch *b)
{
	LOCK_SCOPE(&st->lock);
	*st->queue_end = b;
	st->queue_end = &b->next;
	while (!b->done) {
		if (st->leading)
			pthread_cond_wait(&st->changed, &st->lock);
		else
			lead(st);
	}
	return b->result;
}

int store_commit(struct store *st, struct store_batch *b, struct err *err)
{
	int r;

	if (!b)
		return err_oom(err);
	if (b->failed)
		r = err_oom(err);
	else if (!b->first)
		r = 0;
	else
		r = call_enter(st, err);
	if (r == 0 && b->first) {
		r = commit_wait(st, b);
		if (r < 0 && err)
			*err = b->err;
		call_leave(st);
	}
	store_batch_free(b);
	return r;
}

/* ---- sequences ---- */

static struct store_sequence *sequence_find(struct store *st, const char *name)
{
	struct store_sequence *q;

	for (q = st->sequences; q; q = q->next) {
		if (strcmp(q->name, name) == 0)
			return q;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->name = strdup(name);
	if (!q->name) {
		free(q);
		return NULL;
	}
	q->next = st->sequences;
	st->sequences = q;
	return q;
}

/* Where the sequence stands on disk; 1 where it was never used. */
static int sequence_read(struct store *st, const char *name, uint64_t *out,
			 struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(64);
	int r = store_get(st, SEQUENCE_BUCKET, name, &text, err);

	*out = 1;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (parse_u64(text.data, text.len, out, NULL) < 0 || *out == 0 ||
	    *out > UINT64_MAX - 2 * SEQUENCE_BLOCK)
		return err_set(err, EIO,
			       "the stored sequence '%s' is not a number that can be gone on from",
			       name);
	return 0;
}

static int sequence_reserve(struct store *st, struct store_sequence *q,
			    struct err *err)
{
	struct store_batch *b;
	char text[32];
	uint64_t at;
	int r = sequence_read(st, q->name, &at, err);

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRIu64, at + SEQUENCE_BLOCK);
	b = store_batch_new();
	/* An unmount has a number too, also on a full disk. */
	store_batch_urgent(b);
	store_batch_put(b, SEQUENCE_BUCKET, q->name, text, strlen(text));
	r = store_commit(st, b, err);
	if (r < 0)
		return r;
	q->at = at;
	q->end = at + SEQUENCE_BLOCK;
	return 0;
}

unsigned long long store_serial(struct store *st, const char *sequence,
				struct err *err)
{
	struct store_sequence *q;
	LOCK_SCOPE(&st->serial_lock);

	q = sequence_find(st, sequence);
	if (!q) {
		err_oom(err);
		return 0;
	}
	if (q->at == q->end && sequence_reserve(st, q, err) < 0)
		return 0;
	return q->at++;
}
