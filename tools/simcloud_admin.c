/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What a test, or somebody who tries things out, asks of the cloud beside its
 * clients: none of it waits, fails on purpose or is counted.
 *
 * A rule: {"op":"create","at_call":3,"action":"fail","status":503,
 * "code":"Unavailable","message":"...","times":1}. "op" may be "*". Without
 * at_call (the Nth call from now) and every (each Nth) it fires on every call;
 * times is how often at most (0 = no end; 1 with at_call). "no-device" is for
 * "attach": it is attached by the books, and its device never appears.
 */

static const char *const action_names[] = {
	[FAULT_NONE] = "none", [FAULT_FAIL] = "fail",
	[FAULT_FAIL_AFTER] = "fail-after", [FAULT_LOST] = "lost",
	[FAULT_DROP] = "drop", [FAULT_SILENT] = "silent",
	[FAULT_SILENT_AFTER] = "silent-after", [FAULT_THROTTLE] = "throttle",
	[FAULT_DELAY] = "delay", [FAULT_TRUNCATE] = "truncate",
	[FAULT_GARBAGE] = "garbage", [FAULT_END_ERROR] = "end-error",
	[FAULT_NO_DEVICE] = "no-device",
};

static int action_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(action_names); i++)
		if (!strcmp(action_names[i], name))
			return (int)i;
	return -1;
}

static bool rule_fires(sqlite3_stmt *st)
{
	int64_t at_call = sqlite3_column_int64(st, 1);
	int64_t every = sqlite3_column_int64(st, 2);
	int64_t times = sqlite3_column_int64(st, 3);
	int64_t seen = sqlite3_column_int64(st, 9) + 1;
	int64_t fired = sqlite3_column_int64(st, 10);

	if (times && fired >= times)
		return false;
	if (at_call)
		return every ? seen >= at_call && (seen - at_call) % every == 0
			     : times > 1 ? seen >= at_call : seen == at_call;
	return !every || seen % every == 0;
}

void rules_match(struct cloud *s, const char *op, struct fault_rule *out)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT seq,at_call,every,times,action,status,code,message,"
		"retry_after_s,seen,fired,ms FROM rules WHERE op=? OR op='*'"
		" ORDER BY seq", "s", op);

	*out = (struct fault_rule){ .action = FAULT_NONE };
	while (db_next(st)) {
		bool fires = out->action == FAULT_NONE && rule_fires(st);

		db_run(s, "UPDATE rules SET seen=seen+1, fired=fired+?"
		       " WHERE seq=?", "ii", (int64_t)fires,
		       (int64_t)sqlite3_column_int64(st, 0));
		if (!fires)
			continue;
		out->action = (enum fault_action)sqlite3_column_int(st, 4);
		out->status = sqlite3_column_int(st, 5);
		snprintf(out->code, sizeof(out->code), "%s", db_text(st, 6));
		snprintf(out->message, sizeof(out->message), "%s",
			 db_text(st, 7));
		out->retry_after_s = sqlite3_column_int64(st, 8);
		out->ms = sqlite3_column_int64(st, 11);
	}
}

int admin_settings(struct cloud *s, struct request *q)
{
	settings_show(s, &q->reply);
	return 200;
}

static int refuse_setting(struct request *q, const struct err *err)
{
	return answer_error(q, 400, "InvalidSetting", "%s", err->text);
}

int admin_settings_change(struct cloud *s, struct request *q)
{
	struct err err = ERR_INIT;

	if (!q->body)
		return answer_error(q, 400, "InvalidSetting", "which?");
	json_object_object_foreach(q->body, k, v) {
		if (setting_store(s, k, v ? json_object_get_string(v) : "",
				  &err) < 0)
			return refuse_setting(q, &err);
	}
	return admin_settings(s, q);
}

int admin_configure(struct cloud *s, struct request *q)
{
	struct err err = ERR_INIT;

	if (!q->body)
		return answer_error(q, 400, "InvalidSetting", "which?");
	if (settings_configure(s, q->body, &err) < 0)
		return refuse_setting(q, &err);
	return admin_settings(s, q);
}

int admin_rules(struct cloud *s, struct request *q)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s,
		"SELECT seq,op,at_call,every,times,action,status,code,seen,"
		"fired FROM rules ORDER BY seq", "");
	size_t n = 0;

	buf_puts(&q->reply, "{\"rules\":[");
	while (db_next(st)) {
		buf_printf(&q->reply, "%s{\"rule\":%" PRId64 ",\"op\":",
			   n++ ? "," : "",
			   (int64_t)sqlite3_column_int64(st, 0));
		buf_json_string(&q->reply, db_text(st, 1));
		buf_printf(&q->reply, ",\"at_call\":%d,\"every\":%d,\"times\":%d,"
			   "\"action\":\"%s\",\"status\":%d,\"code\":",
			   sqlite3_column_int(st, 2), sqlite3_column_int(st, 3),
			   sqlite3_column_int(st, 4),
			   action_names[sqlite3_column_int(st, 5)],
			   sqlite3_column_int(st, 6));
		buf_json_string(&q->reply, db_text(st, 7));
		buf_printf(&q->reply, ",\"seen\":%d,\"fired\":%d}",
			   sqlite3_column_int(st, 8), sqlite3_column_int(st, 9));
	}
	buf_puts(&q->reply, "]}");
	return 200;
}

static const char *text_of(struct request *q, const char *key,
			   const char *missing)
{
	struct json_object *v = json_object_object_get(q->body, key);

	return v ? json_object_get_string(v) : missing;
}

static int64_t number_of(struct request *q, const char *key, int64_t missing)
{
	struct json_object *v = json_object_object_get(q->body, key);

	return v ? json_object_get_int64(v) : missing;
}

int admin_rule_add(struct cloud *s, struct request *q)
{
	int64_t at_call, status;
	int action;

	if (!q->body)
		return answer_error(q, 400, "InvalidRule", "which?");
	action = action_find(text_of(q, "action", "fail"));
	at_call = number_of(q, "at_call", 0);
	status = number_of(q, "status", 500);
	if (action < 0)
		return answer_error(q, 400, "InvalidRule",
				    "there is no action '%s'",
				    text_of(q, "action", ""));
	if (status < 300 || status > 599)
		return answer_error(q, 400, "InvalidRule",
				    "a status lies between 300 and 599");
	db_run(s, "INSERT INTO rules(op,at_call,every,times,action,status,code,"
	       "message,retry_after_s,ms) VALUES(?,?,?,?,?,?,?,?,?,?)",
	       "siiiiissii", text_of(q, "op", "*"), at_call,
	       number_of(q, "every", 0),
	       number_of(q, "times",
			 at_call && !number_of(q, "every", 0) ? 1 : 0),
	       (int64_t)action, status, text_of(q, "code", "InternalError"),
	       text_of(q, "message", "failed on purpose"),
	       number_of(q, "retry_after_s", 1), number_of(q, "ms", 1000));
	return admin_rules(s, q);
}

int admin_rules_clear(struct cloud *s, struct request *q)
{
	db_run(s, "DELETE FROM rules", "");
	return admin_rules(s, q);
}

static void show_counts(struct cloud *s, struct request *q, const char *key,
			const char *sql)
{
	AUTO(auto_stmt) sqlite3_stmt *st = db_query(s, sql, "");
	size_t n = 0;

	buf_printf(&q->reply, "\"%s\":{", key);
	while (db_next(st)) {
		if (n++)
			buf_putc(&q->reply, ',');
		buf_json_string(&q->reply, db_text(st, 0));
		buf_printf(&q->reply, ":%" PRId64,
			   (int64_t)sqlite3_column_int64(st, 1));
	}
	buf_putc(&q->reply, '}');
}

int admin_counts(struct cloud *s, struct request *q)
{
	buf_printf(&q->reply, "{\"requests\":%" PRId64 ",",
		   db_number(s, "SELECT COUNT(*) FROM requests", ""));
	show_counts(s, q, "by_op", "SELECT op,COUNT(*) FROM requests"
		    " GROUP BY op");
	buf_putc(&q->reply, ',');
	show_counts(s, q, "by_token", "SELECT token,COUNT(*) FROM requests"
		    " WHERE token<>'' GROUP BY token LIMIT 10000");
	buf_putc(&q->reply, ',');
	show_counts(s, q, "by_object", "SELECT object,COUNT(*) FROM requests"
		    " WHERE object<>'' GROUP BY object LIMIT 10000");
	buf_putc(&q->reply, '}');
	return 200;
}

int admin_counts_clear(struct cloud *s, struct request *q)
{
	db_run(s, "DELETE FROM requests", "");
	return admin_counts(s, q);
}

/* Orphans and doubles. */
int admin_strays(struct cloud *s, struct request *q)
{
	buf_putc(&q->reply, '{');
	show_counts(s, q, "doubles", "SELECT token,objects FROM doubles");
	buf_putc(&q->reply, ',');
	show_counts(s, q, "orphans", "SELECT id,1 FROM orphans");
	buf_putc(&q->reply, '}');
	return 200;
}

int admin_stop(struct cloud *s, struct request *q)
{
	atomic_store(&s->stopping, true);
	buf_puts(&q->reply, "{}");
	return 200;
}
