/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define SNAPSHOT_COLUMNS                                                   \
	"id,name,volume,size_bytes,state,began_ms,until_ms,created_s,"     \
	"token,tags"

static int progress(sqlite3_stmt *st)
{
	int64_t began = sqlite3_column_int64(st, 5);
	int64_t until = sqlite3_column_int64(st, 6);
	int64_t now = now_ms();

	if (!strcmp(db_text(st, 4), "copying"))
		return 0;
	if (until <= began || now >= until)
		return 100;
	return now <= began ? 0 : (int)((now - began) * 100 / (until - began));
}

static void show_row(sqlite3_stmt *st, struct buf *out)
{
	const char *state = db_text(st, 4);

	buf_puts(out, "{\"id\":");
	buf_json_string(out, db_text(st, 0));
	buf_puts(out, ",\"name\":");
	buf_json_string(out, db_text(st, 1));
	buf_puts(out, ",\"volume\":");
	buf_json_string(out, db_text(st, 2));
	buf_printf(out, ",\"size_bytes\":%" PRId64 ",\"state\":",
		   (int64_t)sqlite3_column_int64(st, 3));
	buf_json_string(out, !strcmp(state, "copying") ? "creating" : state);
	buf_printf(out, ",\"progress\":%d,\"created_s\":%" PRId64 ",\"token\":",
		   progress(st), (int64_t)sqlite3_column_int64(st, 7));
	buf_json_string(out, *db_text(st, 8) ? db_text(st, 8) : NULL);
	buf_printf(out, ",\"tags\":%s}",
		   *db_text(st, 9) ? db_text(st, 9) : "{}");
}

static int answer_snapshot(struct cloud *s, struct request *q, int status)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s, "SELECT "
		SNAPSHOT_COLUMNS " FROM snapshots WHERE id=?", "s", q->object);

	if (!db_next(st))
		return answer_error(q, 404, "SnapshotNotFound",
				    "there is no snapshot '%s'", q->object);
	show_row(st, &q->reply);
	return status;
}

int snapshot_list(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	int64_t limit, after, last = 0;
	size_t shown = 0;
	int r = page_begin(s, q, &limit, &after);

	if (r)
		return r;
	st = db_query(s, "SELECT " SNAPSHOT_COLUMNS ",seq FROM snapshots"
		      " WHERE seq>? AND (?='' OR volume=?)"
		      " ORDER BY seq LIMIT ?", "issi", after,
		      q->volume ? q->volume : "", q->volume ? q->volume : "",
		      limit);
	buf_puts(&q->reply, "{\"snapshots\":[");
	while (db_next(st)) {
		if (shown++)
			buf_putc(&q->reply, ',');
		last = sqlite3_column_int64(st, 10);
		show_row(st, &q->reply);
	}
	page_end(q, shown, limit, last);
	return 200;
}

int snapshot_get(struct cloud *s, struct request *q)
{
	return answer_snapshot(s, q, 200);
}

/* The snapshot that this token has made before. Return: 0, none. */
static int repeat_of(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;

	if (!q->token || !*q->token || !s->set.heeds_tokens)
		return 0;
	st = db_query(s, "SELECT id, gone_ms FROM objects WHERE token=? AND"
		      " kind='snapshot' ORDER BY gone_ms", "s", q->token);
	if (!db_next(st))
		return 0;
	if (sqlite3_column_type(st, 1) != SQLITE_NULL)
		return answer_error(q, 409, "TokenSpent",
				    "what this request made has been removed");
	snprintf(q->object, sizeof(q->object), "%s", db_text(st, 0));
	return answer_snapshot(s, q, 200);
}

static void finish(struct cloud *s, struct request *q, const char *id)
{
	int64_t now = now_ms();
	const char *end = q->end_error ? "error" : "available";

	db_run(s, "UPDATE snapshots SET state=?, next_state=?, began_ms=?,"
	       " until_ms=? WHERE id=?", "ssiis",
	       s->set.snapshot_ms ? "creating" : end, end, now,
	       s->set.snapshot_ms ? now + s->set.snapshot_ms : (int64_t)0, id);
}

/* The copy fixes the point in time, so it is made before the answer. */
static int copy_volume(struct cloud *s, struct request *q, const char *id,
		       const char *volume, const char *kind, int64_t size_bytes)
{
	struct err err = ERR_INIT;
	struct disk from, to;
	int r;

	disk_of_volume(s, volume, kind, &from);
	disk_of_snapshot(s, id, kind, &to);
	r = disk_flush(&from, &err);
	pthread_mutex_unlock(&s->lock);
	if (r == 0)
		r = disk_copy(&from, &to, (uint64_t)size_bytes, &err);
	pthread_mutex_lock(&s->lock);
	if (r == 0)
		return 0;
	db_run(s, "DELETE FROM snapshots WHERE id=?", "s", id);
	db_run(s, "DELETE FROM objects WHERE id=?", "s", id);
	return answer_error(q, 500, "CopyFailed", "%s", err.text);
}

static const char *text_of(struct request *q, const char *key)
{
	struct json_object *v = q->body
		? json_object_object_get(q->body, key) : NULL;

	return v ? json_object_get_string(v) : "";
}

int snapshot_create(struct cloud *s, struct request *q)
{
	const char *volume = text_of(q, "volume"), *name = text_of(q, "name");
	struct json_object *tags = q->body
		? json_object_object_get(q->body, "tags") : NULL;
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	char id[64], kind[16];
	int64_t size_bytes;
	int r = repeat_of(s, q);

	if (r)
		return r;
	if (!*name || strlen(name) > 255)
		return answer_error(q, 400, "InvalidName",
				    "a snapshot's name has 1 to 255 bytes");
	st = db_query(s, "SELECT kind,size_bytes,state FROM volumes"
		      " WHERE id=?", "s", volume);
	if (!db_next(st))
		return answer_error(q, 404, "VolumeNotFound",
				    "there is no volume '%s'", volume);
	if (strcmp(db_text(st, 2), "available") &&
	    strcmp(db_text(st, 2), "modifying"))
		return answer_error(q, 409, "IncorrectState",
				    "the volume is %s", db_text(st, 2));
	snprintf(kind, sizeof(kind), "%s", db_text(st, 0));
	size_bytes = sqlite3_column_int64(st, 1);
	id_make("snap", id, sizeof(id));
	db_run(s, "INSERT INTO snapshots(id,name,volume,kind,size_bytes,state,"
	       "created_s,token,tags) VALUES(?,?,?,?,?,'copying',?,?,?)",
	       "ssssiiss", id, name, volume, kind, size_bytes, clock_unix_s(),
	       q->token ? q->token : "",
	       json_object_is_type(tags, json_type_object) ?
	       json_object_to_json_string_ext(tags, JSON_C_TO_STRING_PLAIN) :
	       "{}");
	db_run(s, "INSERT INTO objects VALUES(?,'snapshot',?,?,NULL)", "ssi",
	       id, q->token ? q->token : "", now_ms());
	r = copy_volume(s, q, id, volume, kind, size_bytes);
	if (r)
		return r;
	finish(s, q, id);
	snprintf(q->object, sizeof(q->object), "%s", id);
	return answer_snapshot(s, q, 201);
}

int snapshot_change(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT tags FROM snapshots WHERE id=?", "s", q->object);
	AUTO(auto_free) char *tags = NULL;
	int r;

	if (!db_next(st))
		return answer_snapshot(s, q, 200);
	r = tags_merge(q, db_text(st, 0), &tags);
	if (r)
		return r;
	db_run(s, "UPDATE snapshots SET tags=? WHERE id=?", "ss", tags,
	       q->object);
	return answer_snapshot(s, q, 200);
}

int snapshot_remove(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT kind,state FROM snapshots WHERE id=?", "s", q->object);
	struct err err = ERR_INIT;
	struct disk disk;

	if (!db_next(st))
		return answer_error(q, 404, "SnapshotNotFound",
				    "there is no snapshot '%s'", q->object);
	if (!strcmp(db_text(st, 1), "copying"))
		return answer_error(q, 409, "IncorrectState",
				    "the snapshot is being made");
	disk_of_snapshot(s, q->object, db_text(st, 0), &disk);
	if (disk_remove(&disk, &err) < 0)
		return answer_error(q, 500, "InternalError", "%s", err.text);
	if (s->set.deleting_ms) {
		db_run(s, "UPDATE snapshots SET state='deleting',"
		       " next_state='gone', until_ms=? WHERE id=?", "is",
		       now_ms() + s->set.deleting_ms, q->object);
	} else {
		db_run(s, "DELETE FROM snapshots WHERE id=?", "s", q->object);
		db_run(s, "UPDATE objects SET gone_ms=? WHERE id=?", "is",
		       now_ms(), q->object);
	}
	buf_puts(&q->reply, "{}");
	return 200;
}

/* ---- restore ---- */

static int check_restore(struct cloud *s, struct request *q,
			 const char *snapshot, char *kind, size_t room,
			 int64_t *size_bytes)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT v.kind, v.size_bytes, v.state, n.state, n.volume,"
		" (SELECT COUNT(*) FROM attachments WHERE volume=v.id)"
		" FROM volumes v LEFT JOIN snapshots n ON n.id=?"
		" WHERE v.id=?", "ss", snapshot, q->object);

	if (!db_next(st))
		return answer_error(q, 404, "VolumeNotFound",
				    "there is no volume '%s'", q->object);
	if (sqlite3_column_type(st, 3) == SQLITE_NULL)
		return answer_error(q, 404, "SnapshotNotFound",
				    "there is no snapshot '%s'", snapshot);
	if (strcmp(db_text(st, 4), q->object))
		return answer_error(q, 400, "InvalidSnapshot",
				    "the snapshot is of another volume");
	if (sqlite3_column_int(st, 5) > 0)
		return answer_error(q, 409, "VolumeInUse",
				    "the volume is attached");
	if (strcmp(db_text(st, 2), "available"))
		return answer_error(q, 409, "IncorrectState",
				    "the volume is %s", db_text(st, 2));
	if (strcmp(db_text(st, 3), "available"))
		return answer_error(q, 409, "IncorrectState",
				    "the snapshot is %s", db_text(st, 3));
	snprintf(kind, room, "%s", db_text(st, 0));
	*size_bytes = sqlite3_column_int64(st, 1);
	return 0;
}

int volume_restore(struct cloud *s, struct request *q)
{
	const char *snapshot = text_of(q, "snapshot");
	struct err err = ERR_INIT;
	struct disk from, to;
	int64_t size_bytes = 0, until;
	char kind[16];
	int r = check_restore(s, q, snapshot, kind, sizeof(kind), &size_bytes);

	if (r)
		return r;
	disk_of_snapshot(s, snapshot, kind, &from);
	disk_of_volume(s, q->object, kind, &to);
	volume_remember(s, q->object);
	db_run(s, "UPDATE volumes SET state='restoring', until_ms=0"
	       " WHERE id=?", "s", q->object);
	pthread_mutex_unlock(&s->lock);
	r = disk_copy(&from, &to, (uint64_t)size_bytes, &err);
	pthread_mutex_lock(&s->lock);
	until = r == 0 && s->set.restoring_ms
		? now_ms() + s->set.restoring_ms : 0;
	db_run(s, "UPDATE volumes SET state=?, next_state='available',"
	       " until_ms=? WHERE id=?", "sis",
	       until ? "restoring" : "available", until, q->object);
	if (r < 0)
		return answer_error(q, 500, "CopyFailed", "%s", err.text);
	if (!volume_show(s, q->object, &q->reply))
		return answer_oops(s, q);
	return 200;
}
