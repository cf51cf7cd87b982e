/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* What an attachment is about. */
struct bond {
	char host[256], kind[16], zone[64], state[32];
	int64_t size_bytes;
	bool multi;
	struct disk disk;
};

static int read_bond(struct cloud *s, struct request *q, struct bond *b)
{
	struct json_object *host = q->body
		? json_object_object_get(q->body, "host") : NULL;
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT kind,zone,state,size_bytes,multi FROM volumes"
		" WHERE id=?", "s", q->object);

	if (!host || !*json_object_get_string(host) ||
	    strlen(json_object_get_string(host)) >= sizeof(b->host))
		return answer_error(q, 400, "InvalidHost", "which host?");
	if (!db_next(st))
		return answer_error(q, 404, "VolumeNotFound",
				    "there is no volume '%s'", q->object);
	snprintf(b->host, sizeof(b->host), "%s", json_object_get_string(host));
	snprintf(b->kind, sizeof(b->kind), "%s", db_text(st, 0));
	snprintf(b->zone, sizeof(b->zone), "%s", db_text(st, 1));
	snprintf(b->state, sizeof(b->state), "%s", db_text(st, 2));
	b->size_bytes = sqlite3_column_int64(st, 3);
	b->multi = sqlite3_column_int(st, 4) != 0;
	disk_of_volume(s, q->object, b->kind, &b->disk);
	return 0;
}

/* What a real disk is promised to be known by. */
static void show_promise(struct cloud *s, const char *id, struct buf *out)
{
	const char *pattern = s->set.by_id, *hole = strstr(pattern, "{serial}");
	char serial[32], name[256];

	plug_serial(id, serial, sizeof(serial));
	buf_puts(out, ",\"serial\":");
	buf_json_string(out, serial);
	if (!*pattern)
		return;
	if (hole)
		snprintf(name, sizeof(name), "%.*s%s%s",
			 (int)(hole - pattern), pattern, serial,
			 hole + strlen("{serial}"));
	else
		snprintf(name, sizeof(name), "%s", pattern);
	buf_puts(out, ",\"by_id\":");
	buf_json_string(out, name);
}

static int answer_bond(struct cloud *s, struct request *q,
		       const struct bond *b)
{
	struct backing inode;

	buf_puts(&q->reply, "{\"volume\":");
	volume_show(s, q->object, &q->reply);
	buf_printf(&q->reply, ",\"disk\":{\"kind\":\"%s\"", b->kind);
	if (b->disk.is_directory) {
		buf_puts(&q->reply, ",\"directory\":");
		buf_json_string(&q->reply, b->disk.path);
	} else if (s->plug[0]) {
		show_promise(s, q->object, &q->reply);
	} else if (disk_inode(&b->disk, &inode)) {
		buf_printf(&q->reply, ",\"dev\":%llu,\"ino\":%llu",
			   (unsigned long long)inode.dev,
			   (unsigned long long)inode.ino);
	}
	buf_puts(&q->reply, "}}");
	return 200;
}

static int check_attach(struct cloud *s, struct request *q,
			const struct bond *b)
{
	AUTO(auto_stmt) sqlite3_stmt *others = NULL;
	AUTO(auto_stmt) sqlite3_stmt *host = NULL;

	if (strcmp(b->state, "available") && strcmp(b->state, "modifying"))
		return answer_error(q, 409, "IncorrectState",
				    "the volume is %s", b->state);
	host = db_query(s, "SELECT zone FROM hosts WHERE id=?", "s", b->host);
	if (!db_next(host))
		return answer_error(q, 404, "HostNotFound",
				    "there is no host '%s'", b->host);
	/* Directories are served to every zone. */
	if (!b->disk.is_directory && strcmp(db_text(host, 0), b->zone))
		return answer_error(q, 400, "ZoneMismatch",
				    "the volume is in zone '%s', the host in '%s'",
				    b->zone, db_text(host, 0));
	others = db_query(s, "SELECT host FROM attachments WHERE volume=?"
			  " LIMIT 1", "s", q->object);
	if (!b->multi && db_next(others))
		return answer_error(q, 409, "VolumeInUse",
				    "the volume is attached to '%s'",
				    db_text(others, 0));
	if (s->set.attach_limit &&
	    db_number(s, "SELECT COUNT(*) FROM attachments WHERE host=?", "s",
		      b->host) >= s->set.attach_limit)
		return answer_error(q, 400, "AttachmentLimitExceeded",
				    "'%s' has all the %" PRId64
				    " volumes that a host may have", b->host,
				    s->set.attach_limit);
	return 0;
}

int volume_attach(struct cloud *s, struct request *q)
{
	struct json_object *flag;
	struct err err = ERR_INIT;
	char device[64] = "";
	struct bond b = { 0 };
	bool read_only = false, plug = true;
	int64_t until = 0;
	int r = read_bond(s, q, &b);

	if (r)
		return r;
	if (db_number(s, "SELECT COUNT(*) FROM attachments WHERE volume=? AND"
		      " host=? AND state<>'detaching'", "ss", q->object,
		      b.host) > 0)
		return answer_bond(s, q, &b);
	r = check_attach(s, q, &b);
	if (r)
		return r;
	if (json_object_object_get_ex(q->body, "read_only", &flag))
		read_only = json_object_get_boolean(flag);
	/* A host that exists in the store only has no devices. */
	if (json_object_object_get_ex(q->body, "plug", &flag))
		plug = json_object_get_boolean(flag);
	plug = plug && !q->no_device;
	if (s->set.attaching_ms)
		until = now_ms() + s->set.attaching_ms;
	if (disk_make(&b.disk, (uint64_t)b.size_bytes, &err) < 0 ||
	    (plug && !until &&
	     disk_plug(s, &b.disk, device, sizeof(device), &err) < 0))
		return answer_error(q, 500, "DeviceFailed", "%s", err.text);
	volume_remember(s, q->object);
	db_run(s, "INSERT OR REPLACE INTO attachments VALUES(?,?,?,?,?,?,?,?)",
	       "sssiiiis", q->object, b.host, until ? "attaching" : "attached",
	       until, clock_unix_s(), (int64_t)read_only, (int64_t)plug,
	       device);
	return answer_bond(s, q, &b);
}

/* The last host that has the device lets go of it. */
static int unplug_if_last(struct cloud *s, const char *id, const char *host,
			  const struct disk *disk, bool force, struct err *err)
{
	if (db_number(s, "SELECT COUNT(*) FROM attachments WHERE volume=? AND"
		      " host<>? AND plug=1", "ss", id, host) > 0)
		return 0;
	return disk_unplug(s, disk, force, err);
}

int volume_detach(struct cloud *s, struct request *q)
{
	struct json_object *flag;
	struct err err = ERR_INIT;
	struct bond b = { 0 };
	bool force = false;
	int64_t count;
	int r = read_bond(s, q, &b);

	if (r)
		return r;
	count = db_number(s, "SELECT COUNT(*) FROM attachments WHERE volume=?"
			  " AND host=?", "ss", q->object, b.host);
	if (!count)
		return answer_error(q, 409, "NotAttached",
				    "the volume is not attached to '%s'",
				    b.host);
	if (json_object_object_get_ex(q->body, "force", &flag))
		force = json_object_get_boolean(flag);
	if (unplug_if_last(s, q->object, b.host, &b.disk, force, &err) < 0)
		return answer_error(q, 409, "DeviceBusy", "%s", err.text);
	volume_remember(s, q->object);
	if (s->set.detaching_ms && !force)
		db_run(s, "UPDATE attachments SET state='detaching', until_ms=?,"
		       " plug=0, device='' WHERE volume=? AND host=? AND"
		       " state<>'detaching'", "iss",
		       now_ms() + s->set.detaching_ms, q->object, b.host);
	else
		db_run(s, "DELETE FROM attachments WHERE volume=? AND host=?",
		       "ss", q->object, b.host);
	if (!volume_show(s, q->object, &q->reply))
		return answer_oops(s, q);
	return 200;
}

/* ---- what time brings ---- */

static void plug_again(struct cloud *s, const char *id, const char *kind,
		       const char *host, int64_t size_bytes)
{
	struct err err = ERR_INIT;
	char device[64] = "";
	struct disk disk;

	disk_of_volume(s, id, kind, &disk);
	if (disk_make(&disk, (uint64_t)size_bytes, &err) < 0 ||
	    disk_plug(s, &disk, device, sizeof(device), &err) < 0)
		fprintf(stderr, "simcloud: attach '%s': %s\n", id, err.text);
	db_run(s, "UPDATE attachments SET state='attached', until_ms=0,"
	       " device=? WHERE volume=? AND host=?", "sss", device, id, host);
}

static void settle_attachments(struct cloud *s, int64_t now)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT a.volume,a.host,a.state,a.plug,v.kind,v.size_bytes"
		" FROM attachments a JOIN volumes v ON v.id=a.volume"
		" WHERE a.until_ms>0 AND a.until_ms<=?", "i", now);

	while (db_next(st)) {
		const char *id = db_text(st, 0), *host = db_text(st, 1);

		volume_remember(s, id);
		if (!strcmp(db_text(st, 2), "detaching"))
			db_run(s, "DELETE FROM attachments WHERE volume=? AND"
			       " host=?", "ss", id, host);
		else if (sqlite3_column_int(st, 3))
			plug_again(s, id, db_text(st, 4), host,
				   sqlite3_column_int64(st, 5));
		else
			db_run(s, "UPDATE attachments SET state='attached',"
			       " until_ms=0 WHERE volume=? AND host=?", "ss",
			       id, host);
	}
}

static void settle_volumes(struct cloud *s, int64_t now)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT id,kind,next_state FROM volumes"
		" WHERE until_ms>0 AND until_ms<=?", "i", now);

	while (db_next(st)) {
		const char *id = db_text(st, 0);

		if (!strcmp(db_text(st, 2), "gone")) {
			volume_forget(s, id, db_text(st, 1));
			continue;
		}
		volume_remember(s, id);
		db_run(s, "UPDATE volumes SET state=next_state, until_ms=0"
		       " WHERE id=?", "s", id);
	}
}

void cloud_settle(struct cloud *s)
{
	int64_t now = now_ms();

	settle_attachments(s, now);
	settle_volumes(s, now);
	if (db_run(s, "UPDATE objects SET gone_ms=? WHERE id IN (SELECT id FROM"
		   " snapshots WHERE next_state='gone' AND until_ms>0 AND"
		   " until_ms<=?)", "ii", now, now) > 0)
		db_run(s, "DELETE FROM snapshots WHERE next_state='gone' AND"
		       " until_ms>0 AND until_ms<=?", "i", now);
	db_run(s, "UPDATE snapshots SET state=next_state, until_ms=0"
	       " WHERE until_ms>0 AND until_ms<=?", "i", now);
}

void cloud_reconcile(struct cloud *s)
{
	AUTO(auto_stmt) sqlite3_stmt *st = NULL;
	struct err err = ERR_INIT;

	/* A device that the store knows nothing of: the last process was
	 * killed between the one and the other. */
	disk_unplug_unknown(s, &err);
	st = db_query(s, "SELECT a.volume,a.host,v.kind,v.size_bytes FROM"
		      " attachments a JOIN volumes v ON v.id=a.volume"
		      " WHERE a.plug=1 AND a.state='attached'", "");
	while (db_next(st))
		plug_again(s, db_text(st, 0), db_text(st, 2), db_text(st, 1),
			   sqlite3_column_int64(st, 3));
}
