/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"

/* Statements are kept by the address of their text: a literal each. */
#define STATEMENTS_MAX 128
#define REQUESTS_KEPT INT64_C(1000000)   /* at a start */

static struct {
	const char *sql;
	sqlite3_stmt *st;
} statements[STATEMENTS_MAX];

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the store ---- */

/* The views are for tests, which read them with any SQLite client. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS volumes("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
	" name TEXT, size_bytes INTEGER, type TEXT, zone TEXT, iops INTEGER,"
	" throughput INTEGER, encrypted INTEGER, kind TEXT, state TEXT,"
	" next_state TEXT, until_ms INTEGER DEFAULT 0, created_s INTEGER,"
	" token TEXT, source_kind TEXT, source_id TEXT, tags TEXT,"
	" multi INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0, error TEXT);"
	"CREATE INDEX IF NOT EXISTS volumes_until ON volumes(until_ms)"
	" WHERE until_ms>0;"
	"CREATE TABLE IF NOT EXISTS attachments("
	" volume TEXT, host TEXT, state TEXT, until_ms INTEGER, since_s INTEGER,"
	" read_only INTEGER, plug INTEGER, device TEXT,"
	" PRIMARY KEY(volume,host));"
	"CREATE TABLE IF NOT EXISTS snapshots("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
	" name TEXT, volume TEXT, kind TEXT, size_bytes INTEGER, state TEXT,"
	" next_state TEXT, began_ms INTEGER, until_ms INTEGER DEFAULT 0,"
	" created_s INTEGER, token TEXT, tags TEXT);"
	"CREATE INDEX IF NOT EXISTS snapshots_volume ON snapshots(volume);"
	"CREATE INDEX IF NOT EXISTS snapshots_until ON snapshots(until_ms)"
	" WHERE until_ms>0;"
	"CREATE TABLE IF NOT EXISTS hosts(id TEXT PRIMARY KEY, zone TEXT);"
	"CREATE TABLE IF NOT EXISTS settings(key TEXT PRIMARY KEY, value TEXT);"
	"CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT);"
	"CREATE TABLE IF NOT EXISTS past(id TEXT, until_ms INTEGER, shown TEXT);"
	"CREATE INDEX IF NOT EXISTS past_id ON past(id,until_ms);"
	"CREATE TABLE IF NOT EXISTS rules("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT, at_call INTEGER,"
	" every INTEGER, times INTEGER, action INTEGER, status INTEGER,"
	" code TEXT, message TEXT, retry_after_s INTEGER, ms INTEGER,"
	" seen INTEGER DEFAULT 0, fired INTEGER DEFAULT 0);"
	/* status NULL: not answered (yet); 0: the answer was thrown away. */
	"CREATE TABLE IF NOT EXISTS requests("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER, op TEXT,"
	" object TEXT, token TEXT, status INTEGER);"
	"CREATE INDEX IF NOT EXISTS requests_token ON requests(token)"
	" WHERE token<>'';"
	"CREATE TABLE IF NOT EXISTS objects("
	" id TEXT PRIMARY KEY, kind TEXT, token TEXT, made_ms INTEGER,"
	" gone_ms INTEGER);"
	"CREATE INDEX IF NOT EXISTS objects_token ON objects(token)"
	" WHERE token<>'';"
	"CREATE VIEW IF NOT EXISTS counts AS"
	" SELECT op, COUNT(*) AS requests FROM requests GROUP BY op;"
	"CREATE VIEW IF NOT EXISTS doubles AS"
	" SELECT token, COUNT(*) AS objects FROM objects WHERE token<>''"
	" GROUP BY token HAVING COUNT(*)>1;"
	/* Made, still there, and whoever asked was never told so. */
	"CREATE VIEW IF NOT EXISTS orphans AS"
	" SELECT o.id, o.kind, o.token FROM objects o"
	" WHERE o.gone_ms IS NULL AND o.token<>'' AND NOT EXISTS("
	"  SELECT 1 FROM requests r WHERE r.token=o.token"
	"  AND r.status BETWEEN 200 AND 299);";

static int oops(struct cloud *s, const char *doing, struct err *err)
{
	return err_set(err, EIO, "%s '%s/store.db': %s", doing, s->dir,
		       s->db ? sqlite3_errmsg(s->db) : "no memory");
}

static void bind_all(sqlite3_stmt *st, const char *types, va_list ap)
{
	int i;

	for (i = 1; *types; types++, i++) {
		if (*types == 's')
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1,
					  SQLITE_TRANSIENT);
		else
			sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
	}
}

static sqlite3_stmt *statement(struct cloud *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	size_t i;

	for (i = 0; i < STATEMENTS_MAX && statements[i].sql; i++)
		if (statements[i].sql == sql &&
		    !sqlite3_stmt_busy(statements[i].st))
			return statements[i].st;
	if (sqlite3_prepare_v3(s->db, sql, -1, 0, &st, NULL) != SQLITE_OK) {
		fprintf(stderr, "simcloud: %s in: %s\n", sqlite3_errmsg(s->db),
			sql);
		return NULL;
	}
	if (i < STATEMENTS_MAX) {
		statements[i].sql = sql;
		statements[i].st = st;
	}
	return st;
}

sqlite3_stmt *db_query(struct cloud *s, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st = statement(s, sql);
	va_list ap;

	if (!st)
		return NULL;
	va_start(ap, types);
	bind_all(st, types, ap);
	va_end(ap);
	return st;
}

void db_done(sqlite3_stmt *st)
{
	size_t i;

	for (i = 0; i < STATEMENTS_MAX && statements[i].sql; i++) {
		if (statements[i].st == st) {
			sqlite3_reset(st);
			sqlite3_clear_bindings(st);
			return;
		}
	}
	sqlite3_finalize(st);
}

bool db_next(sqlite3_stmt *st)
{
	return st && sqlite3_step(st) == SQLITE_ROW;
}

const char *db_text(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text ? text : "";
}

int db_run(struct cloud *s, const char *sql, const char *types, ...)
{
	AUTO(auto_stmt) sqlite3_stmt *st = statement(s, sql);
	va_list ap;
	int r;

	if (!st)
		return -1;
	va_start(ap, types);
	bind_all(st, types, ap);
	va_end(ap);
	do
		r = sqlite3_step(st);
	while (r == SQLITE_ROW);
	if (r != SQLITE_DONE) {
		fprintf(stderr, "simcloud: %s in: %s\n", sqlite3_errmsg(s->db),
			sql);
		return -1;
	}
	return sqlite3_changes(s->db);
}

int64_t db_number(struct cloud *s, const char *sql, const char *types, ...)
{
	AUTO(auto_stmt) sqlite3_stmt *st = statement(s, sql);
	va_list ap;

	if (!st)
		return 0;
	va_start(ap, types);
	bind_all(st, types, ap);
	va_end(ap);
	return db_next(st) ? sqlite3_column_int64(st, 0) : 0;
}

/* ---- settings ---- */

static const struct setting {
	const char *key;
	size_t offset, room;             /* room 0: a number */
	const char *dflt;
} setting_table[] = {
#define NUMBER(field, dflt) { #field, offsetof(struct settings, field), 0, dflt }
#define TEXT(field, dflt) { #field, offsetof(struct settings, field), \
			    sizeof(((struct settings *)0)->field), dflt }
	NUMBER(latency_ms, "0"), NUMBER(jitter_ms, "0"),
	NUMBER(budget_per_s, "0"), NUMBER(lag_ms, "0"),
	NUMBER(creating_ms, "0"), NUMBER(attaching_ms, "0"),
	NUMBER(detaching_ms, "0"), NUMBER(deleting_ms, "0"),
	NUMBER(snapshot_ms, "0"), NUMBER(modifying_ms, "0"),
	NUMBER(restoring_ms, "0"), NUMBER(page_max, "1000"),
	NUMBER(quota_volumes, "0"), NUMBER(quota_bytes, "0"),
	NUMBER(capacity_bytes, "0"), NUMBER(attach_limit, "0"),
	NUMBER(size_min_bytes, "1048576"),
	NUMBER(size_max_bytes, "70368744177664"),
	NUMBER(size_step_bytes, "1048576"),
	NUMBER(heeds_tokens, "1"), NUMBER(multi_writer, "0"),
	NUMBER(volumes, "0"), NUMBER(volume_bytes, "1073741824"),
	TEXT(types, "standard,fast"), TEXT(zones, "zone-a,zone-b"),
	TEXT(region, "sim-1"), TEXT(kind, "block"), TEXT(silent, ""),
	TEXT(by_id, ""),
#undef NUMBER
#undef TEXT
};

static const struct setting *setting_find(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(setting_table); i++)
		if (!strcmp(setting_table[i].key, key))
			return &setting_table[i];
	return NULL;
}

static int setting_put(struct settings *to, const struct setting *row,
		       const char *value, struct err *err)
{
	char *at = (char *)to + row->offset;
	int64_t number;

	if (row->room) {
		if (strlen(value) >= row->room)
			return err_set(err, EINVAL, "'%s' is too long",
				       row->key);
		if (!strcmp(row->key, "kind") && strcmp(value, "block") &&
		    strcmp(value, "share") && strcmp(value, "directory"))
			return err_set(err, EINVAL,
				       "kind '%s' is none of block, share, directory",
				       value);
		snprintf(at, row->room, "%s", value);
		return 0;
	}
	if (parse_i64(value, strlen(value), &number, NULL) < 0 || number < 0)
		return err_set(err, EINVAL, "'%s' is '%s', not a number from 0",
			       row->key, value);
	memcpy(at, &number, sizeof(number));
	return 0;
}

/* Up to so many, whatever has been removed of them: those that are there at
 * the start have held data, so they carry no blank mark. */
static void make_first_volumes(struct cloud *s)
{
	int64_t have = db_number(s, "SELECT value FROM meta WHERE key='seeded'",
				 "");
	char zone[64], type[64];

	if (have >= s->set.volumes)
		return;
	list_first(s->set.zones, zone, sizeof(zone));
	list_first(s->set.types, type, sizeof(type));
	sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	db_run(s, "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i+1 FROM n"
	       " WHERE i<?) INSERT OR IGNORE INTO volumes(id,name,size_bytes,"
	       "type,zone,iops,throughput,encrypted,kind,state,created_s,token,"
	       "source_kind,tags,multi) SELECT printf('vol-%016x',i),"
	       "printf('vol-%06d',i),?,?,?,3000,131072000,0,?,'available',"
	       "?,'','','{\"volfs\":\"1\"}',? FROM n", "iiisssii",
	       have + 1, s->set.volumes, s->set.volume_bytes, type, zone,
	       s->set.kind, clock_unix_s() - 86400, s->set.multi_writer);
	db_run(s, "INSERT OR REPLACE INTO meta VALUES('seeded',?)", "i",
	       s->set.volumes);
	sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
}

int setting_store(struct cloud *s, const char *key, const char *value,
		  struct err *err)
{
	const struct setting *row = setting_find(key);
	int r;

	if (!row)
		return err_set(err, ENOENT, "there is no setting '%s'", key);
	r = setting_put(&s->set, row, value, err);
	if (r < 0)
		return r;
	db_run(s, "INSERT OR REPLACE INTO settings VALUES(?,?)", "ss", key,
	       value);
	if (!strcmp(key, "volumes"))
		make_first_volumes(s);
	return 0;
}

void settings_show(struct cloud *s, struct buf *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(setting_table); i++) {
		const struct setting *row = &setting_table[i];
		const char *at = (const char *)&s->set + row->offset;
		int64_t number;

		buf_puts(out, i ? "," : "{");
		buf_json_string(out, row->key);
		buf_putc(out, ':');
		if (row->room) {
			buf_json_string(out, at);
		} else {
			memcpy(&number, at, sizeof(number));
			buf_printf(out, "%" PRId64, number);
		}
	}
	buf_putc(out, '}');
}

int settings_configure(struct cloud *s, struct json_object *o,
		       struct err *err)
{
	const char *text = json_object_to_json_string(o);
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT value FROM meta WHERE key='configured'", "");
	bool same = db_next(st) && !strcmp(db_text(st, 0), text);
	struct settings trial = s->set;
	bool volumes = false;
	int r;

	if (same)
		return 0;
	json_object_object_foreach(o, k, v) {
		const struct setting *row = setting_find(k);

		if (!row)
			return err_set(err, ENOENT, "there is no setting '%s'",
				       k);
		r = setting_put(&trial, row, json_object_get_string(v), err);
		if (r < 0)
			return r;
	}
	/* The number of volumes comes last: they are made as the others say. */
	json_object_object_foreach(o, key, value) {
		if (!strcmp(key, "volumes"))
			volumes = true;
		else
			setting_store(s, key, json_object_get_string(value),
				      NULL);
	}
	if (volumes)
		setting_store(s, "volumes", json_object_get_string(
			      json_object_object_get(o, "volumes")), NULL);
	db_run(s, "INSERT OR REPLACE INTO meta VALUES('configured',?)", "s",
	       text);
	return 0;
}

bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && !memcmp(list, word, n))
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

void list_first(const char *list, char *out, size_t room)
{
	snprintf(out, room, "%.*s", (int)strcspn(list, ","), list);
}

void id_make(const char *prefix, char *out, size_t room)
{
	uint64_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = (uint64_t)now_ms();
	/* The lower half belongs to the volumes of the start. */
	snprintf(out, room, "%s-%016" PRIx64, prefix,
		 value | UINT64_C(1) << 63);
}

/* ---- open, close ---- */

static void settings_load(struct cloud *s)
{
	AUTO(auto_stmt) sqlite3_stmt *st =
		db_query(s, "SELECT key, value FROM settings", "");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(setting_table); i++)
		setting_put(&s->set, &setting_table[i], setting_table[i].dflt,
			    NULL);
	while (db_next(st)) {
		const struct setting *row = setting_find(db_text(st, 0));

		if (row)
			setting_put(&s->set, row, db_text(st, 1), NULL);
	}
}

int store_open(struct cloud *s, struct err *err)
{
	char path[sizeof(s->dir) + 16];
	/* No fsync: a killed process loses nothing, and a machine that loses
	 * its power has lost its simulated cloud's loop devices too. */
	static const char pragmas[] =
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
		"PRAGMA busy_timeout=5000;";

	snprintf(path, sizeof(path), "%s/store.db", s->dir);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE |
			    SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		oops(s, "opening", err);
		store_close(s);
		return -EIO;
	}
	settings_load(s);
	/* What was being copied when the last process ended was never whole. */
	db_run(s, "DELETE FROM objects WHERE id IN"
	       " (SELECT id FROM snapshots WHERE state='copying')", "");
	db_run(s, "DELETE FROM snapshots WHERE state='copying'", "");
	db_run(s, "DELETE FROM objects WHERE id IN"
	       " (SELECT id FROM volumes WHERE state='copying')", "");
	db_run(s, "DELETE FROM volumes WHERE state='copying'", "");
	db_run(s, "UPDATE volumes SET state='available', next_state=NULL,"
	       " until_ms=0 WHERE state='restoring' AND until_ms=0", "");
	db_run(s, "DELETE FROM requests WHERE seq<="
	       "(SELECT MAX(seq) FROM requests)-?", "i", REQUESTS_KEPT);
	make_first_volumes(s);
	return 0;
}

void store_close(struct cloud *s)
{
	size_t i;

	for (i = 0; i < STATEMENTS_MAX; i++) {
		sqlite3_finalize(statements[i].st);
		statements[i].sql = NULL;
		statements[i].st = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}
