/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"

/*
 * SQLite connections to the store: one table of (bucket, key) -> value. Keys
 * are BLOBs: ordered by bytes, and no byte means anything to SQLite.
 */
#define APPLICATION_ID 0x766f6c66 /* "volf", in the header of the file */
#define SCHEMA_VERSION 1

/* The log is folded into the database each 4 MiB, and cut to that. */
#define WAL_PAGES 1024
#define WAL_BYTES 4194304

/* Pages that a connection keeps; there may be five. The kernel has them all,
 * and what is read here is read once, or by its key. */
#define CACHE_KIB 256

#define STRING_(x) #x
#define STRING(x) STRING_(x)

/* ---- errors ---- */

static void condition_set(struct store *st, enum store_condition c)
{
	atomic_store(&st->condition, c);
}

static int error_damaged(struct store *st, const char *doing, struct err *err)
{
	atomic_store(&st->damaged, true);
	condition_set(st, STORE_FAILED);
	return err_set(err, EIO,
		       "%s: the state database '%s' is damaged: restart volfsd, which moves it aside and begins a new one",
		       doing, st->path);
}

static int error_full(struct store *st, const char *doing, struct err *err)
{
	condition_set(st, STORE_FULL);
	return err_set(err, ENOSPC,
		       "%s: no space is left in '%s', nothing was changed: make room there",
		       doing, st->dir);
}

static int error_read_only(struct store *st, const char *doing,
			   struct err *err)
{
	condition_set(st, STORE_READ_ONLY);
	return err_set(err, EROFS,
		       "%s: '%s' has become read-only: look at the kernel's log for its disk",
		       doing, st->dir);
}

/* Those that SQLite tells apart only by the errno it met. */
static int error_system(struct store *st, sqlite3 *db, const char *doing,
			struct err *err)
{
	int num = db ? sqlite3_system_errno(db) : 0;
	const char *words = db ? sqlite3_errmsg(db) : "cannot be opened";

	switch (num) {
	case ENOSPC:
	case EDQUOT:
		return error_full(st, doing, err);
	case EROFS:
		return error_read_only(st, doing, err);
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		/* Will pass: the store is as good as before. */
		return err_errno(err, num, "%s: the state database '%s'",
				 doing, st->path);
	case EACCES:
	case EPERM:
		condition_set(st, STORE_FAILED);
		return err_errno(err, EACCES, "%s: the state database '%s'",
				 doing, st->path);
	default:
		condition_set(st, STORE_FAILED);
		return err_set(err, EIO,
			       "%s: the state database '%s': %s%s%s", doing,
			       st->path, words, num ? ": " : "",
			       num ? strerror(num) : "");
	}
}

int store_error(struct store *st, sqlite3 *db, int rc, const char *doing,
		struct err *err)
{
	/* SQLite loses the errno of this one; it is always want of space. */
	if (rc == SQLITE_IOERR_SHMSIZE)
		return error_full(st, doing, err);
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return error_full(st, doing, err);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_damaged(st, doing, err);
	case SQLITE_READONLY:
		return error_read_only(st, doing, err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, EBUSY,
			       "%s: another program holds a lock on the state database '%s': end that program (an open sqlite3 session?)",
			       doing, st->path);
	case SQLITE_NOMEM:
		return err_oom(err);
	case SQLITE_TOOBIG:
		return err_set(err, E2BIG,
			       "%s: a value is larger than the %d MiB that the state database takes",
			       doing, STORE_VALUE_MAX / 1024 / 1024);
	default:
		return error_system(st, db, doing, err);
	}
}

/* ---- connections ---- */

/* @query gives one number. */
static int number_query(sqlite3 *db, const char *query, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT;
	}
	sqlite3_finalize(s);
	return rc;
}

/* *@is: whether the first row of @query is the text @want. */
static int text_query(sqlite3 *db, const char *query, const char *want,
		      bool *is)
{
	sqlite3_stmt *s = NULL;
	const char *got = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		got = (const char *)sqlite3_column_text(s, 0);
	*is = got && !strcmp(got, want);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = SQLITE_OK;
	sqlite3_finalize(s);
	return rc;
}

static int connection_open(struct store *st, sqlite3 **db)
{
	int rc = sqlite3_open_v2(st->path, db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				 NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(*db, 1);
	sqlite3_busy_timeout(*db, STORE_BUSY_MS);
	sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, STORE_VALUE_MAX);
	/* No map of the file: a truncated one would be a SIGBUS. */
	return sqlite3_exec(*db,
			    "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
			    "PRAGMA cache_size=-" STRING(CACHE_KIB) ";"
			    "PRAGMA trusted_schema=OFF;"
			    "PRAGMA temp_store=MEMORY;",
			    NULL, NULL, NULL);
}

static int schema_create(sqlite3 *db)
{
	return sqlite3_exec(
		db,
		"BEGIN IMMEDIATE;"
		"CREATE TABLE IF NOT EXISTS kv("
		" bucket TEXT NOT NULL, key BLOB NOT NULL,"
		" value BLOB NOT NULL, PRIMARY KEY(bucket, key)"
		") WITHOUT ROWID;"
		"PRAGMA application_id=" STRING(APPLICATION_ID) ";"
		"PRAGMA user_version=" STRING(SCHEMA_VERSION) ";"
		"COMMIT;",
		NULL, NULL, NULL);
}

/* Each page is looked at once: a damage met later, while volumes are mounted
 * and jobs run, would be worse. */
static int content_check(sqlite3 *db)
{
	bool good = false;
	int rc = sqlite3_exec(db, "SELECT bucket, key, value FROM kv LIMIT 1",
			      NULL, NULL, NULL);

	if (rc == SQLITE_ERROR)
		return SQLITE_CORRUPT; /* no such table, or other columns */
	if (rc == SQLITE_OK)
		rc = text_query(db, "PRAGMA quick_check(1)", "ok", &good);
	return rc == SQLITE_OK && !good ? SQLITE_CORRUPT : rc;
}

/* Reads what tells whose database this is. *@fresh: an empty file. Return: 0,
 * -EPROTO with the sentence; SQLite's result in *@rc. */
static int schema_check(struct store *st, sqlite3 *db, bool *fresh, int *rc,
			struct err *err)
{
	int64_t id = 0, version = 0, objects = 0;

	*rc = number_query(db, "PRAGMA application_id", &id);
	if (*rc == SQLITE_OK)
		*rc = number_query(db, "PRAGMA user_version", &version);
	if (*rc == SQLITE_OK)
		*rc = number_query(db, "SELECT count(*) FROM sqlite_master",
				   &objects);
	if (*rc != SQLITE_OK)
		return 0;
	*fresh = id == 0 && version == 0 && objects == 0;
	if (*fresh)
		return 0;
	if (id != APPLICATION_ID)
		return err_set(err, EPROTO,
			       "'%s' is the database of another program: move it away, or choose another directory with --state",
			       st->path);
	if (version > SCHEMA_VERSION)
		return err_set(err, EPROTO,
			       "'%s' was written by a newer volfs (version %lld, this one knows %d): install that one again, or choose another directory with --state",
			       st->path, (long long)version, SCHEMA_VERSION);
	*rc = content_check(db);
	return 0;
}

static int writer_prepare(struct store_writer *w)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *text;
	} rows[] = {
		{ &w->begin, "BEGIN IMMEDIATE" },
		{ &w->commit, "COMMIT" },
		{ &w->put, "INSERT OR REPLACE INTO kv VALUES(?1, ?2, ?3)" },
		{ &w->remove, "DELETE FROM kv WHERE bucket=?1 AND key=?2" },
		{ &w->remove_range, "DELETE FROM kv WHERE bucket=?1"
				    " AND key>=?2 AND key<?3" },
		{ &w->remove_from, "DELETE FROM kv WHERE bucket=?1"
				   " AND key>=?2" },
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < ARRAY_SIZE(rows); i++)
		rc = sqlite3_prepare_v3(w->db, rows[i].text, -1,
					SQLITE_PREPARE_PERSISTENT,
					rows[i].stmt, NULL);
	return rc;
}

static int writer_configure(struct store *st, bool fresh)
{
	struct store_writer *w = &st->writer;
	struct stat s;
	bool wal = false;
	int rc = text_query(w->db, "PRAGMA journal_mode=WAL", "wal", &wal);

	/* It stays in another mode where the file system has no shared maps. */
	if (rc == SQLITE_OK && !wal)
		rc = SQLITE_IOERR_SHMMAP;
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(w->db,
				  "PRAGMA synchronous=FULL;"
				  "PRAGMA wal_autocheckpoint=" STRING(
					  WAL_PAGES) ";"
				  "PRAGMA journal_size_limit=" STRING(
					  WAL_BYTES) ";",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK && fresh)
		rc = schema_create(w->db);
	if (rc == SQLITE_OK)
		rc = writer_prepare(w);
	if (rc == SQLITE_OK && stat(st->path, &s) < 0)
		rc = SQLITE_CANTOPEN;
	if (rc == SQLITE_OK) {
		st->dev = s.st_dev;
		st->ino = s.st_ino;
	}
	return rc;
}

int store_writer_open(struct store *st, bool *damaged, struct err *err)
{
	struct store_writer *w = &st->writer;
	bool fresh = false;
	int rc = connection_open(st, &w->db);
	int r = 0;

	*damaged = false;
	if (rc == SQLITE_OK)
		r = schema_check(st, w->db, &fresh, &rc, err);
	if (r == 0 && rc == SQLITE_OK)
		rc = writer_configure(st, fresh);
	if (rc != SQLITE_OK) {
		*damaged = (rc & 0xff) == SQLITE_CORRUPT ||
			   (rc & 0xff) == SQLITE_NOTADB;
		r = store_error(st, w->db, rc, "open", err);
	}
	if (r < 0)
		store_writer_close(w);
	return r;
}

void store_writer_close(struct store_writer *w)
{
	sqlite3_finalize(w->begin);
	sqlite3_finalize(w->commit);
	sqlite3_finalize(w->put);
	sqlite3_finalize(w->remove);
	sqlite3_finalize(w->remove_range);
	sqlite3_finalize(w->remove_from);
	sqlite3_close(w->db);
	*w = (struct store_writer){ 0 };
}

int store_reader_open(struct store *st, struct store_reader **out,
		      struct err *err)
{
	struct store_reader *r = calloc(1, sizeof(*r));
	int rc, result;

	if (!r)
		return err_oom(err);
	rc = connection_open(st, &r->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(r->db, "PRAGMA query_only=ON", NULL, NULL,
				  NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(r->db,
					"SELECT value FROM kv"
					" WHERE bucket=?1 AND key=?2",
					-1, SQLITE_PREPARE_PERSISTENT, &r->get,
					NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(r->db,
					"SELECT key, value FROM kv"
					" WHERE bucket=?1 AND key>=?2"
					" ORDER BY key",
					-1, SQLITE_PREPARE_PERSISTENT,
					&r->each, NULL);
	if (rc != SQLITE_OK) {
		result = store_error(st, r->db, rc, "read", err);
		store_reader_free(r);
		return result;
	}
	*out = r;
	return 0;
}

void store_reader_free(struct store_reader *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->get);
	sqlite3_finalize(r->each);
	sqlite3_close(r->db);
	free(r);
}
