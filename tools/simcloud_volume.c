/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"

#define TAGS_MAX 50
#define TAG_BYTES_MAX 512
#define IOPS_MAX 64000

/* ---- showing ---- */

#define VOLUME_COLUMNS                                                     \
	"id,name,size_bytes,type,zone,iops,throughput,encrypted,kind,"     \
	"state,created_s,token,source_kind,source_id,tags,multi,error"

static void show_attachments(struct cloud *s, const char *id, struct buf *out,
			     size_t *count)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT host,state,device,read_only,since_s FROM attachments"
		" WHERE volume=? ORDER BY host", "s", id);

	*count = 0;
	while (db_next(st)) {
		buf_puts(out, (*count)++ ? ",{\"host\":" : "{\"host\":");
		buf_json_string(out, db_text(st, 0));
		buf_puts(out, ",\"state\":");
		buf_json_string(out, db_text(st, 1));
		buf_puts(out, ",\"device\":");
		buf_json_string(out, *db_text(st, 2) ? db_text(st, 2) : NULL);
		buf_printf(out, ",\"read_only\":%s,\"since_s\":%" PRId64 "}",
			   sqlite3_column_int(st, 3) ? "true" : "false",
			   (int64_t)sqlite3_column_int64(st, 4));
	}
}

static void show_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, ",\"%s\":", key);
	buf_json_string(out, *value ? value : NULL);
}

static void show_row(struct cloud *s, sqlite3_stmt *st, struct buf *out)
{
	const char *state = db_text(st, 9);
	size_t attached;

	buf_puts(out, "{\"id\":");
	buf_json_string(out, db_text(st, 0));
	show_text(out, "name", db_text(st, 1));
	buf_printf(out, ",\"size_bytes\":%" PRId64,
		   (int64_t)sqlite3_column_int64(st, 2));
	show_text(out, "type", db_text(st, 3));
	show_text(out, "zone", db_text(st, 4));
	show_text(out, "region", s->set.region);
	buf_printf(out, ",\"iops\":%" PRId64
		   ",\"throughput_bytes_per_s\":%" PRId64 ",\"encrypted\":%s",
		   (int64_t)sqlite3_column_int64(st, 5),
		   (int64_t)sqlite3_column_int64(st, 6),
		   sqlite3_column_int(st, 7) ? "true" : "false");
	show_text(out, "kind", db_text(st, 8));
	buf_printf(out, ",\"created_s\":%" PRId64,
		   (int64_t)sqlite3_column_int64(st, 10));
	show_text(out, "token", db_text(st, 11));
	if (*db_text(st, 12)) {
		buf_puts(out, ",\"source\":{\"kind\":");
		buf_json_string(out, db_text(st, 12));
		show_text(out, "id", db_text(st, 13));
		buf_putc(out, '}');
	}
	buf_printf(out, ",\"tags\":%s,\"multi_writer\":%s",
		   *db_text(st, 14) ? db_text(st, 14) : "{}",
		   sqlite3_column_int(st, 15) ? "true" : "false");
	if (*db_text(st, 16))
		show_text(out, "error", db_text(st, 16));
	buf_puts(out, ",\"attachments\":[");
	show_attachments(s, db_text(st, 0), out, &attached);
	buf_puts(out, "],\"state\":");
	if (!strcmp(state, "copying"))
		state = "creating";
	else if (!strcmp(state, "available") && attached)
		state = "in-use";
	buf_json_string(out, state);
	buf_putc(out, '}');
}

bool volume_show(struct cloud *s, const char *id, struct buf *out)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT " VOLUME_COLUMNS " FROM volumes WHERE id=?", "s", id);

	if (!db_next(st))
		return false;
	show_row(s, st, out);
	return true;
}

void volume_remember(struct cloud *s, const char *id)
{
	AUTO(auto_buf) struct buf shown = BUF_INIT(1 << 20);

	if (s->set.lag_ms <= 0)
		return;
	volume_show(s, id, &shown);
	db_run(s, "INSERT INTO past VALUES(?,?,?)", "sis", id, now_ms(),
	       buf_str(&shown));
	db_run(s, "DELETE FROM past WHERE until_ms<?", "i",
	       now_ms() - s->set.lag_ms - 1000);
}

static int answer_volume(struct cloud *s, struct request *q, int status)
{
	if (!volume_show(s, q->object, &q->reply))
		return answer_error(q, 404, "VolumeNotFound",
				    "there is no volume '%s'", q->object);
	return status;
}

/* ---- listing ---- */

int page_begin(struct cloud *s, struct request *q, int64_t *limit,
	       int64_t *after)
{
	*limit = s->set.page_max > 0 ? s->set.page_max : 1000;
	*after = 0;
	if (q->limit && *q->limit) {
		int64_t asked;

		if (parse_i64(q->limit, strlen(q->limit), &asked, NULL) < 0 ||
		    asked < 1)
			return answer_error(q, 400, "InvalidLimit",
					    "limit is a number from 1");
		if (asked < *limit)
			*limit = asked;
	}
	if (q->next && *q->next &&
	    parse_i64(q->next, strlen(q->next), after, NULL) < 0)
		return answer_error(q, 400, "InvalidNext",
				    "next is what the last page said");
	return 0;
}

void page_end(struct request *q, size_t shown, int64_t limit, int64_t last)
{
	if ((int64_t)shown >= limit)
		buf_printf(&q->reply, "],\"next\":\"%" PRId64 "\"}", last);
	else
		buf_puts(&q->reply, "],\"next\":null}");
}

/* What a listing says of @id that was true lag_ms ago. Return: false if now is
 * no different; *out empty if it was not there. */
static bool show_past(struct cloud *s, const char *id, struct buf *out)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT shown FROM past WHERE id=? AND until_ms>?"
		" ORDER BY until_ms LIMIT 1", "si", id,
		now_ms() - s->set.lag_ms);

	if (!db_next(st))
		return false;
	buf_puts(out, db_text(st, 0));
	return true;
}

/* What is gone by now and was there lag_ms ago; on the last page. */
static void show_gone(struct cloud *s, struct request *q, size_t shown)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT DISTINCT id FROM past WHERE until_ms>? AND id NOT IN"
		" (SELECT id FROM volumes)", "i", now_ms() - s->set.lag_ms);

	while (db_next(st)) {
		AUTO(auto_buf) struct buf one = BUF_INIT(1 << 20);

		if (!show_past(s, db_text(st, 0), &one) || one.len == 0)
			continue;
		buf_printf(&q->reply, "%s%s", shown++ ? "," : "",
			   buf_str(&one));
	}
}

int volume_list(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	int64_t limit, after, last = 0;
	size_t rows = 0, shown = 0;
	int r = page_begin(s, q, &limit, &after);

	if (r)
		return r;
	st = db_query(s, "SELECT " VOLUME_COLUMNS ",seq FROM volumes WHERE"
		      " seq>? AND hidden=0 ORDER BY seq LIMIT ?", "ii", after,
		      limit);
	buf_puts(&q->reply, "{\"volumes\":[");
	while (db_next(st)) {
		AUTO(auto_buf) struct buf one = BUF_INIT(1 << 20);

		rows++;
		last = sqlite3_column_int64(st, 17);
		if (s->set.lag_ms > 0 && show_past(s, db_text(st, 0), &one)) {
			if (one.len)
				buf_printf(&q->reply, "%s%s",
					   shown++ ? "," : "", buf_str(&one));
			continue;
		}
		if (shown++)
			buf_putc(&q->reply, ',');
		show_row(s, st, &q->reply);
	}
	if (s->set.lag_ms > 0 && (int64_t)rows < limit)
		show_gone(s, q, shown);
	page_end(q, rows, limit, last);
	return 200;
}

int volume_get(struct cloud *s, struct request *q)
{
	return answer_volume(s, q, 200);
}

/* ---- reading requests ---- */

static const char *body_text(struct request *q, const char *key)
{
	struct json_object *v;

	if (!q->body || !json_object_object_get_ex(q->body, key, &v) || !v)
		return NULL;
	return json_object_get_string(v);
}

static bool body_number(struct request *q, const char *key, int64_t *out)
{
	struct json_object *v;

	if (!q->body || !json_object_object_get_ex(q->body, key, &v) || !v)
		return false;
	*out = json_object_get_int64(v);
	return true;
}

static bool body_flag(struct request *q, const char *key, bool missing)
{
	struct json_object *v;

	if (!q->body || !json_object_object_get_ex(q->body, key, &v) || !v)
		return missing;
	return json_object_get_boolean(v);
}

static int check_name(struct request *q, const char *name)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	if (!*name || strlen(name) > 64 ||
	    name[strspn(name, legal)] != '\0')
		return answer_error(q, 400, "InvalidName",
				    "a name has 1 to 64 letters, digits, '-', '.' and '_'");
	return 0;
}

static int check_size(struct cloud *s, struct request *q, int64_t bytes)
{
	if (bytes < s->set.size_min_bytes || bytes > s->set.size_max_bytes)
		return answer_error(q, 400, "InvalidSize", "a size lies between %"
				    PRId64 " and %" PRId64,
				    s->set.size_min_bytes,
				    s->set.size_max_bytes);
	return 0;
}

/* What it gives for a size that is asked for. */
static int64_t round_size(const struct cloud *s, int64_t bytes)
{
	int64_t step = s->set.size_step_bytes;

	if (step < 1 || bytes < 1 || bytes > INT64_MAX - step)
		return bytes;
	return (bytes + step - 1) / step * step;
}

int tags_merge(struct request *q, const char *old, char **out)
{
	AUTO(auto_json) struct json_object *all =
		json_tokener_parse(*old ? old : "{}");
	struct json_object *given = NULL;

	if (q->body && json_object_object_get_ex(q->body, "tags", &given) &&
	    given && !json_object_is_type(given, json_type_object))
		return answer_error(q, 400, "InvalidTags", "tags is an object");
	if (given) {
		json_object_object_foreach(given, k, v) {
			if (!*k || strlen(k) > TAG_BYTES_MAX ||
			    (v && strlen(json_object_get_string(v)) >
				  TAG_BYTES_MAX))
				return answer_error(q, 400, "InvalidTags",
						    "a tag is too long or has no key");
			json_object_object_del(all, k);
			if (v)
				json_object_object_add(all, k,
					json_object_new_string(
						json_object_get_string(v)));
		}
	}
	if (json_object_object_length(all) > TAGS_MAX)
		return answer_error(q, 400, "TooManyTags",
				    "a volume has at most %d tags", TAGS_MAX);
	*out = strdup(json_object_to_json_string_ext(all,
						     JSON_C_TO_STRING_PLAIN));
	return *out ? 0 : answer_error(q, 500, "InternalError", "no memory");
}

/* ---- create ---- */

struct wish {
	const char *name, *type, *zone, *from_snapshot, *from_volume;
	char type_room[64], zone_room[64], kind[16], id[64];
	int64_t size_bytes, iops, throughput;
	struct disk source;
	char *tags;
};

static int check_quota(struct cloud *s, struct request *q, int64_t more_bytes,
		       int64_t more_volumes)
{
	int64_t count, bytes;

	count = db_number(s, "SELECT COUNT(*) FROM volumes", "");
	bytes = db_number(s, "SELECT SUM(size_bytes) FROM volumes", "");
	if (s->set.quota_volumes && count + more_volumes > s->set.quota_volumes)
		return answer_error(q, 403, "QuotaExceeded", "%" PRId64
				    " volumes are all that the quota permits",
				    s->set.quota_volumes);
	if (s->set.quota_bytes && bytes + more_bytes > s->set.quota_bytes)
		return answer_error(q, 403, "QuotaExceeded",
				    "the quota permits %" PRId64
				    " bytes, of which %" PRId64 " are in use",
				    s->set.quota_bytes, bytes);
	if (s->set.capacity_bytes &&
	    bytes + more_bytes > s->set.capacity_bytes)
		return answer_error(q, 507, "InsufficientCapacity",
				    "the zone has no room for it");
	return 0;
}

/* Looks up what it is made from: its kind, size, disk. */
static int read_source(struct cloud *s, struct request *q, struct wish *w)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	const char *state;

	if (w->from_snapshot)
		st = db_query(s, "SELECT kind,size_bytes,state FROM snapshots"
			      " WHERE id=?", "s", w->from_snapshot);
	else
		st = db_query(s, "SELECT kind,size_bytes,state FROM volumes"
			      " WHERE id=?", "s", w->from_volume);
	if (!db_next(st))
		return answer_error(q, 404, w->from_snapshot ?
				    "SnapshotNotFound" : "VolumeNotFound",
				    "there is no '%s' to make it from",
				    w->from_snapshot ? w->from_snapshot
						     : w->from_volume);
	state = db_text(st, 2);
	if (strcmp(state, "available") && strcmp(state, "modifying"))
		return answer_error(q, 409, "IncorrectState",
				    "what it is made from is %s", state);
	snprintf(w->kind, sizeof(w->kind), "%s", db_text(st, 0));
	if (!w->size_bytes)
		w->size_bytes = sqlite3_column_int64(st, 1);
	if (w->size_bytes < sqlite3_column_int64(st, 1))
		return answer_error(q, 400, "InvalidSize",
				    "it cannot be smaller than what it is made from: %lld",
				    (long long)sqlite3_column_int64(st, 1));
	if (w->from_snapshot)
		disk_of_snapshot(s, w->from_snapshot, w->kind, &w->source);
	else
		disk_of_volume(s, w->from_volume, w->kind, &w->source);
	return 0;
}

static int read_wish(struct cloud *s, struct request *q, struct wish *w)
{
	int r;

	w->name = body_text(q, "name");
	w->type = body_text(q, "type");
	w->zone = body_text(q, "zone");
	w->from_snapshot = body_text(q, "snapshot");
	w->from_volume = body_text(q, "volume");
	body_number(q, "size_bytes", &w->size_bytes);
	w->size_bytes = round_size(s, w->size_bytes);
	w->iops = 3000;
	body_number(q, "iops", &w->iops);
	w->throughput = 131072000;
	body_number(q, "throughput_bytes_per_s", &w->throughput);
	list_first(s->set.types, w->type_room, sizeof(w->type_room));
	list_first(s->set.zones, w->zone_room, sizeof(w->zone_room));
	snprintf(w->kind, sizeof(w->kind), "%s", s->set.kind);
	w->type = w->type ? w->type : w->type_room;
	w->zone = w->zone ? w->zone : w->zone_room;
	r = check_name(q, w->name ? w->name : "");
	if (!r && !list_has(s->set.types, w->type))
		r = answer_error(q, 400, "InvalidType",
				 "type '%s' is none of %s", w->type,
				 s->set.types);
	if (!r && !list_has(s->set.zones, w->zone))
		r = answer_error(q, 400, "InvalidZone",
				 "zone '%s' is none of %s", w->zone,
				 s->set.zones);
	if (!r && (w->iops < 100 || w->iops > IOPS_MAX))
		r = answer_error(q, 400, "InvalidIops",
				 "iops lies between 100 and %d", IOPS_MAX);
	if (!r && (w->from_snapshot || w->from_volume))
		r = read_source(s, q, w);
	if (!r)
		r = check_size(s, q, w->size_bytes);
	if (!r)
		r = check_quota(s, q, w->size_bytes, 1);
	return r ? r : tags_merge(q, "{}", &w->tags);
}

/* The object that this token has made before. Return: 0, none. */
static int repeat_of(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	const char *name = body_text(q, "name");
	int r;

	if (!q->token || !*q->token || !s->set.heeds_tokens)
		return 0;
	st = db_query(s, "SELECT o.id, o.gone_ms, v.name FROM objects o"
		      " LEFT JOIN volumes v ON v.id=o.id WHERE o.token=?"
		      " AND o.kind='volume' ORDER BY o.gone_ms", "s", q->token);
	if (!db_next(st))
		return 0;
	if (sqlite3_column_type(st, 1) != SQLITE_NULL)
		return answer_error(q, 409, "TokenSpent",
				    "what this request made has been removed");
	if (!name || strcmp(name, db_text(st, 2)))
		return answer_error(q, 400, "TokenMismatch",
				    "this token belongs to another request");
	snprintf(q->object, sizeof(q->object), "%s", db_text(st, 0));
	r = answer_volume(s, q, 200);
	return r;
}

static void insert_volume(struct cloud *s, struct request *q,
			  const struct wish *w, bool copying)
{
	int64_t until = s->set.creating_ms ? now_ms() + s->set.creating_ms : 0;
	const char *end = q->end_error ? "error" : "available";
	const char *state = copying ? "copying" : until ? "creating" : end;

	volume_remember(s, w->id);
	db_run(s, "INSERT INTO volumes(id,name,size_bytes,type,zone,iops,"
	       "throughput,encrypted,kind,state,next_state,until_ms,created_s,"
	       "token,source_kind,source_id,tags,multi,hidden,error)"
	       " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	       "ssissiiisssiissssiis", w->id, w->name, w->size_bytes, w->type,
	       w->zone, w->iops, w->throughput,
	       (int64_t)body_flag(q, "encrypted", false), w->kind, state, end,
	       copying ? (int64_t)0 : until, clock_unix_s(),
	       q->token ? q->token : "",
	       w->from_snapshot ? "snapshot" : w->from_volume ? "volume" : "",
	       w->from_snapshot ? w->from_snapshot :
	       w->from_volume ? w->from_volume : "", w->tags,
	       (int64_t)(body_flag(q, "multi_writer", s->set.multi_writer) ||
			 strcmp(w->kind, "block") != 0),
	       (int64_t)body_flag(q, "hidden", false),
	       q->end_error ? "its disk could not be made" : "");
	db_run(s, "INSERT INTO objects VALUES(?,'volume',?,?,NULL)", "ssi",
	       w->id, q->token ? q->token : "", now_ms());
}

void volume_forget(struct cloud *s, const char *id, const char *kind)
{
	struct disk disk;
	struct err err = ERR_INIT;

	disk_of_volume(s, id, kind, &disk);
	volume_remember(s, id);
	if (disk_unplug(s, &disk, true, &err) < 0 || disk_remove(&disk, &err) < 0)
		fprintf(stderr, "simcloud: remove '%s': %s\n", id, err.text);
	db_run(s, "DELETE FROM volumes WHERE id=?", "s", id);
	db_run(s, "DELETE FROM attachments WHERE volume=?", "s", id);
	db_run(s, "UPDATE objects SET gone_ms=? WHERE id=?", "is", now_ms(),
	       id);
}

/* Fills the new volume, the lock given up meanwhile. */
static int copy_source(struct cloud *s, struct request *q, struct wish *w)
{
	int64_t until = s->set.creating_ms ? now_ms() + s->set.creating_ms : 0;
	struct disk disk;
	struct err err = ERR_INIT;
	int r;

	disk_of_volume(s, w->id, w->kind, &disk);
	r = w->from_volume ? disk_flush(&w->source, &err) : 0;
	pthread_mutex_unlock(&s->lock);
	if (r == 0)
		r = disk_copy(&w->source, &disk, (uint64_t)w->size_bytes, &err);
	pthread_mutex_lock(&s->lock);
	if (r < 0) {
		volume_forget(s, w->id, w->kind);
		/* It never was: the same token may try again. */
		db_run(s, "DELETE FROM objects WHERE id=?", "s", w->id);
		return answer_error(q, 500, "CopyFailed", "%s", err.text);
	}
	if (until)
		db_run(s, "UPDATE volumes SET state='creating', until_ms=?"
		       " WHERE id=?", "is", until, w->id);
	else
		db_run(s, "UPDATE volumes SET state=next_state WHERE id=?",
		       "s", w->id);
	return 0;
}

int volume_create(struct cloud *s, struct request *q)
{
	struct wish w = { 0 };
	int r = repeat_of(s, q);

	if (!r)
		r = read_wish(s, q, &w);
	if (!r) {
		id_make("vol", w.id, sizeof(w.id));
		insert_volume(s, q, &w, w.source.path[0] != '\0');
		snprintf(q->object, sizeof(q->object), "%s", w.id);
		if (w.source.path[0])
			r = copy_source(s, q, &w);
	}
	free(w.tags);
	return r ? r : answer_volume(s, q, 201);
}

/* ---- change, remove ---- */

/* What most operations begin with. 0, or the status of the refusal. */
static int need_volume(struct cloud *s, struct request *q, char *kind,
		       size_t room, const char *const *states)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT kind,state FROM volumes WHERE id=?", "s", q->object);
	size_t i;

	if (!db_next(st))
		return answer_error(q, 404, "VolumeNotFound",
				    "there is no volume '%s'", q->object);
	snprintf(kind, room, "%s", db_text(st, 0));
	for (i = 0; states && states[i]; i++)
		if (!strcmp(states[i], db_text(st, 1)))
			return 0;
	return states ? answer_error(q, 409, "IncorrectState",
				     "the volume is %s", db_text(st, 1)) : 0;
}

static const char *const settled[] = { "available", "modifying", NULL };

static int grow(struct cloud *s, struct request *q, const char *kind,
		int64_t bytes)
{
	int64_t now = db_number(s, "SELECT size_bytes FROM volumes WHERE id=?",
				"s", q->object);
	struct err err = ERR_INIT;
	struct backing b;
	struct disk disk;
	int r = check_size(s, q, bytes);

	if (r || bytes == now)
		return r;
	if (bytes < now)
		return answer_error(q, 400, "InvalidSize",
				    "a volume cannot shrink; it has %" PRId64,
				    now);
	r = check_quota(s, q, bytes - now, 0);
	if (r)
		return r;
	disk_of_volume(s, q->object, kind, &disk);
	if (!disk.is_directory && disk_inode(&disk, &b) &&
	    (disk_make(&disk, (uint64_t)bytes, &err) < 0 ||
	     disk_regrow(s, &disk, &err) < 0))
		return answer_error(q, 500, "InternalError", "%s", err.text);
	db_run(s, "UPDATE volumes SET size_bytes=? WHERE id=?", "is", bytes,
	       q->object);
	return 0;
}

static int change_performance(struct cloud *s, struct request *q,
			      const char *kind)
{
	const char *type = body_text(q, "type");
	int64_t number;
	int r = 0;

	if (type && !list_has(s->set.types, type))
		return answer_error(q, 400, "InvalidType",
				    "type '%s' is none of %s", type,
				    s->set.types);
	if (body_number(q, "iops", &number) &&
	    (number < 100 || number > IOPS_MAX))
		return answer_error(q, 400, "InvalidIops",
				    "iops lies between 100 and %d", IOPS_MAX);
	if (body_number(q, "size_bytes", &number))
		r = grow(s, q, kind, round_size(s, number));
	if (r)
		return r;
	if (type)
		db_run(s, "UPDATE volumes SET type=? WHERE id=?", "ss", type,
		       q->object);
	if (body_number(q, "iops", &number))
		db_run(s, "UPDATE volumes SET iops=? WHERE id=?", "is", number,
		       q->object);
	if (body_number(q, "throughput_bytes_per_s", &number))
		db_run(s, "UPDATE volumes SET throughput=? WHERE id=?", "is",
		       number, q->object);
	if (s->set.modifying_ms)
		db_run(s, "UPDATE volumes SET state='modifying',"
		       " next_state='available', until_ms=? WHERE id=?", "is",
		       now_ms() + s->set.modifying_ms, q->object);
	return 0;
}

static int change_tags(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT tags FROM volumes WHERE id=?", "s", q->object);
	AUTO(auto_free) char *tags = NULL;
	int r = tags_merge(q, db_next(st) ? db_text(st, 0) : "", &tags);

	if (r)
		return r;
	/* Who marks a hidden one takes it over. */
	db_run(s, "UPDATE volumes SET tags=?, hidden=0 WHERE id=?", "ss", tags,
	       q->object);
	return 0;
}

int volume_change(struct cloud *s, struct request *q)
{
	const char *name = body_text(q, "name");
	char kind[16];
	int r = need_volume(s, q, kind, sizeof(kind), NULL);

	if (!r && !strcmp(q->op, "modify"))
		r = need_volume(s, q, kind, sizeof(kind), settled);
	if (!r && name)
		r = check_name(q, name);
	if (r)
		return r;
	volume_remember(s, q->object);
	if (!strcmp(q->op, "modify"))
		r = change_performance(s, q, kind);
	if (!r && json_object_object_get(q->body, "tags"))
		r = change_tags(s, q);
	if (!r && name)
		db_run(s, "UPDATE volumes SET name=? WHERE id=?", "ss", name,
		       q->object);
	if (!r && json_object_object_get(q->body, "hidden"))
		db_run(s, "UPDATE volumes SET hidden=? WHERE id=?", "is",
		       (int64_t)body_flag(q, "hidden", false), q->object);
	return r ? r : answer_volume(s, q, 200);
}

int volume_remove(struct cloud *s, struct request *q)
{
	char kind[16];
	int r = need_volume(s, q, kind, sizeof(kind), NULL);

	if (r)
		return r;
	if (db_number(s, "SELECT COUNT(*) FROM attachments WHERE volume=?",
		      "s", q->object) > 0)
		return answer_error(q, 409, "VolumeInUse",
				    "the volume is attached");
	if (db_number(s, "SELECT COUNT(*) FROM volumes WHERE id=? AND state IN"
		      " ('copying','restoring')", "s", q->object))
		return answer_error(q, 409, "IncorrectState",
				    "the volume is being filled");
	if (!s->set.deleting_ms) {
		volume_forget(s, q->object, kind);
	} else {
		volume_remember(s, q->object);
		db_run(s, "UPDATE volumes SET state='deleting',"
		       " next_state='gone', until_ms=? WHERE id=? AND"
		       " state<>'deleting'", "is",
		       now_ms() + s->set.deleting_ms, q->object);
	}
	buf_puts(&q->reply, "{}");
	return 200;
}

/* ---- hosts ---- */

static int host_zone(struct cloud *s, const char *host, char *zone, size_t room)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT zone FROM hosts WHERE id=?", "s", host);

	if (!db_next(st))
		return -ENOENT;
	snprintf(zone, room, "%s", db_text(st, 0));
	return 0;
}

int host_show(struct cloud *s, struct request *q)
{
	char zone[64];

	if (host_zone(s, q->object, zone, sizeof(zone)) < 0)
		return answer_error(q, 404, "HostNotFound",
				    "there is no host '%s'", q->object);
	buf_puts(&q->reply, "{\"id\":");
	buf_json_string(&q->reply, q->object);
	show_text(&q->reply, "zone", zone);
	show_text(&q->reply, "region", s->set.region);
	buf_printf(&q->reply, ",\"attach_limit\":%" PRId64
		   ",\"attached\":%" PRId64 "}",
		   s->set.attach_limit ? s->set.attach_limit : -1,
		   db_number(s, "SELECT COUNT(*) FROM attachments WHERE host=?",
			     "s", q->object));
	return 200;
}

int host_register(struct cloud *s, struct request *q)
{
	const char *zone = body_text(q, "zone");
	char first[64];

	list_first(s->set.zones, first, sizeof(first));
	if (!zone)
		zone = first;
	if (!list_has(s->set.zones, zone))
		return answer_error(q, 400, "InvalidZone",
				    "zone '%s' is none of %s", zone,
				    s->set.zones);
	db_run(s, "INSERT OR REPLACE INTO hosts VALUES(?,?)", "ss", q->object,
	       zone);
	return host_show(s, q);
}

static void show_list(struct buf *out, const char *key, const char *list)
{
	const char *begin = list;

	buf_printf(out, ",\"%s\":[", key);
	while (*list) {
		char word[64];

		list_first(list, word, sizeof(word));
		buf_puts(out, list == begin ? "" : ",");
		buf_json_string(out, word);
		list += strcspn(list, ",");
		list += *list == ',';
	}
	buf_putc(out, ']');
}

int limits_show(struct cloud *s, struct request *q)
{
	buf_printf(&q->reply, "{\"size_min_bytes\":%" PRId64
		   ",\"size_max_bytes\":%" PRId64 ",\"size_step_bytes\":%"
		   PRId64 ",\"quota_volumes\":%" PRId64 ",\"quota_bytes\":%"
		   PRId64 ",\"capacity_bytes\":%" PRId64 ",\"used_bytes\":%"
		   PRId64, s->set.size_min_bytes, s->set.size_max_bytes,
		   s->set.size_step_bytes, s->set.quota_volumes,
		   s->set.quota_bytes, s->set.capacity_bytes,
		   db_number(s, "SELECT SUM(size_bytes) FROM volumes", ""));
	show_list(&q->reply, "types", s->set.types);
	show_list(&q->reply, "zones", s->set.zones);
	show_text(&q->reply, "kind", s->set.kind);
	buf_putc(&q->reply, '}');
	return 200;
}
