/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_STORE_INTERNAL_H
#define VOLFS_CORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/store.h"

/* Space that only urgent batches may use, see store_batch_urgent(). */
#define STORE_RESERVE_BYTES (16 * 1024 * 1024)
#define STORE_RESERVE_RETRY_MS 60000

/* How long a lock of another program is waited for. */
#define STORE_BUSY_MS 2000

/* The largest value; records are a few hundred bytes. */
#define STORE_VALUE_MAX (64 * 1024 * 1024)

enum store_condition { STORE_OK, STORE_FULL, STORE_READ_ONLY, STORE_FAILED };

enum op_kind { OP_PUT, OP_DELETE, OP_DELETE_PREFIX };

struct store_op {
	struct store_op *next;
	enum op_kind kind;
	const char *bucket, *key;    /* in this allocation, as is value */
	const void *value;
	size_t len;
};

struct store_batch {
	struct store_op *first, **last;
	bool urgent;
	bool failed;                 /* no memory while it was filled */
	struct store_batch *next;    /* in the queue */
	bool done;                   /* result and err are valid */
	int result;
	struct err err;
};

/* A connection that only reads, and its statements. */
struct store_reader {
	struct store_reader *next;
	sqlite3 *db;
	sqlite3_stmt *get, *each;
};

/* The connection that writes: whoever leads a group of commits has it. */
struct store_writer {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit;
	sqlite3_stmt *put, *remove;
	sqlite3_stmt *remove_range;  /* from a key to before another */
	sqlite3_stmt *remove_from;   /* from a key to the bucket's end */
};

/* A sequence of numbers: those up to before @end are reserved on disk. */
struct store_sequence {
	struct store_sequence *next;
	char *name;
	unsigned long long at, end;
};

struct store {
	char *dir, *path;            /* the directory; the database in it */
	int dir_fd, lock_fd;
	dev_t dev;                   /* the database as it was opened */
	ino_t ino;
	_Atomic enum store_condition condition;
	atomic_bool damaged;         /* for good: no more is written */

	pthread_mutex_t lock;        /* what follows, up to the next mutex */
	pthread_cond_t changed;      /* a group is done, or a call has left */
	struct store_batch *queue, **queue_end;
	bool leading;                /* a thread commits; it has writer and
				      * reserve to itself */
	bool closing;
	unsigned int calls;          /* threads within this module */
	struct store_reader *idle;
	unsigned int n_idle;

	pthread_mutex_t serial_lock; /* sequences; taken before lock */
	struct store_sequence *sequences;

	/* The leader's. */
	struct store_writer writer;
	bool reserve_held;
	bool reserve_released;       /* by an urgent batch, not made again */
	int64_t reserve_tried_ms;
	_Atomic uint64_t transactions; /* begun: what tests count */
};

/* store_file.c: the directory and what is in it besides the database. */
int store_dir_open(struct store *st, const char *dir, struct err *err);
int store_dir_lock(struct store *st, struct err *err);
int store_file_create(struct store *st, struct err *err);
int store_move_aside(struct store *st, char **moved_to, struct err *err);
bool store_file_is_ours(struct store *st);
/* Makes the reserve if it is not there and there is room. */
void store_reserve_make(struct store *st);
/* Gives the reserve up. False if there was none. */
bool store_reserve_release(struct store *st);
/* False while what is free is what the reserve gave up. */
bool store_has_room(struct store *st);

/* store_db.c: connections. */
int store_writer_open(struct store *st, bool *damaged, struct err *err);
void store_writer_close(struct store_writer *w);
int store_reader_open(struct store *st, struct store_reader **out,
		      struct err *err);
void store_reader_free(struct store_reader *r);
/* SQLite's result as ours, with the sentence; notes the store's condition.
 * @doing: "read", "store". */
int store_error(struct store *st, sqlite3 *db, int rc, const char *doing,
		struct err *err);

/* store_commit.c: groups of batches. */
void store_batches_run(struct store *st, struct store_batch *batches);

#endif
