/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs in the store: written before anything of them runs, read at the start,
 * forgotten by count and age.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"

static const char *const state_names[] = {
	[JOB_WAITING] = "waiting", [JOB_RUNNING] = "running",
	[JOB_DONE] = "done", [JOB_FAILED] = "failed",
	[JOB_CANCELLED] = "cancelled",
};

const char *job_state_name(enum job_state s)
{
	return state_names[s];
}

void job_key(uint64_t id, char *out, size_t room)
{
	snprintf(out, room, "%012" PRIx64, id);
}

static void put_int(struct json_object *o, const char *key, int64_t n)
{
	json_object_object_add(o, key, json_object_new_int64(n));
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	if (text)
		json_object_object_add(o, key, json_object_new_string(text));
}

int job_row(struct store_batch *b, const struct job *j)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	size_t len;
	char key[16];

	put_text(o, "service", j->svc ? j->svc->name : NULL);
	put_text(o, "verb", j->verb->name);
	put_text(o, "setting", j->setting ? j->setting->key : NULL);
	put_text(o, "text", j->text);
	put_text(o, "name", j->name);
	put_text(o, "token", j->token);
	put_text(o, "state", state_names[j->state]);
	put_int(o, "serial", j->serial);
	put_int(o, "snapshot", j->snapshot);
	put_int(o, "uid", j->uid);
	put_int(o, "gid", j->gid);
	put_int(o, "pid", j->pid);
	put_int(o, "submitted", j->submitted_at_s);
	put_int(o, "started", j->started_at_s);
	put_int(o, "finished", j->finished_at_s);
	put_int(o, "early", j->early);
	put_int(o, "hidden", j->hidden);
	if (j->err.num) {
		put_text(o, "errno", err_name(j->err.num));
		put_text(o, "code", j->err.code);
		put_text(o, "request", j->err.request);
		put_text(o, "message", j->err.text);
	}
	text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN,
						 &len);
	if (!text) {
		json_object_put(o);
		return -ENOMEM;
	}
	job_key(j->id, key, sizeof(key));
	store_batch_put(b, "job", key, text, len);
	json_object_put(o);
	return 0;
}

void job_store_hidden(struct job *j)
{
	struct store_batch *b = store_batch_new();

	pthread_mutex_lock(&j->engine->jobs_lock);
	j->hidden = true;
	job_row(b, j);
	pthread_mutex_unlock(&j->engine->jobs_lock);
	store_commit(j->engine->store, b, NULL);
}

static int64_t get_int(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v)
						     : 0;
}

static const char *get_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v)
						     : NULL;
}

static enum job_state parse_state(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(state_names); i++)
		if (strcmp(state_names[i], word) == 0)
			return i;
	return JOB_FAILED;
}

static void decode_result(struct job *j, struct json_object *o)
{
	const char *name = get_text(o, "errno");
	const char *code = get_text(o, "code"), *text = get_text(o, "message");

	j->state = parse_state(get_text(o, "state"));
	j->started_at_s = get_int(o, "started");
	j->finished_at_s = get_int(o, "finished");
	j->early = get_int(o, "early");
	j->hidden = get_int(o, "hidden");
	if (!name)
		return;
	err_set(&j->err, err_number(name), "%s", text ? text : "");
	err_set_code(&j->err, code, get_text(o, "request"));
}

static struct job *decode(struct engine *e, uint64_t id,
			  struct json_object *o)
{
	const char *service = get_text(o, "service"), *s;
	const struct verb *v = verb_find(get_text(o, "verb"));
	struct job *j;

	j = v ? job_new(e, v) : NULL;
	if (!j)
		return NULL;
	j->id = id;
	j->admitted = j->from_store = true;
	j->svc = service ? engine_service_named(e, service) : NULL;
	s = get_text(o, "setting");
	j->setting = s ? setting_find(s) : NULL;
	j->text = strdup((s = get_text(o, "text")) ? s : "");
	j->name = (s = get_text(o, "name")) ? strdup(s) : NULL;
	s = get_text(o, "token");
	snprintf(j->token, sizeof(j->token), "%s", s ? s : "");
	j->serial = get_int(o, "serial");
	j->snapshot = get_int(o, "snapshot");
	j->uid = get_int(o, "uid");
	j->gid = get_int(o, "gid");
	j->pid = get_int(o, "pid");
	j->submitted_at_s = j->changed_at_s = get_int(o, "submitted");
	decode_result(j, o);
	return j;
}

struct job *job_decode(struct engine *e, uint64_t id, const char *text,
		       size_t len)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o = t ? json_tokener_parse_ex(t, text, len) : NULL;
	struct job *j = o ? decode(e, id, o) : NULL;

	json_object_put(o);
	json_tokener_free(t);
	return j;
}

static int load_one(void *arg, const char *key, const char *value, size_t len)
{
	struct engine *e = arg;
	uint64_t id = volume_key_serial(key);
	struct job *j = job_decode(e, id, value, len);

	if (!j)
		log_error("job %" PRIu64 " in the store cannot be read; it is "
			  "left alone", id);
	else if (jobs_keep(e, j) < 0)
		job_unref(j);
	return 0;
}

int jobs_load(struct engine *e, struct err *err)
{
	return store_each(e->store, "job", "", load_one, e, err);
}

/* The oldest finished jobs go, by count and by age. */
void jobs_prune(struct engine *e)
{
	uint64_t kept = e->config->core.jobs_kept;
	int64_t oldest = clock_unix_s() -
			 (int64_t)(e->config->core.jobs_kept_for_ms / 1000);
	struct job *drop[64];
	struct store_batch *b;
	size_t n = 0;
	char key[16];

	pthread_mutex_lock(&e->jobs_lock);
	for (size_t i = 0; i < e->n_jobs && n < ARRAY_SIZE(drop); i++) {
		struct job *j = e->jobs[i];

		if (j->state < JOB_DONE)
			continue;
		if (e->n_jobs - n <= kept && j->finished_at_s >= oldest)
			break;
		drop[n++] = j;
	}
	for (size_t i = 0; i < n; i++)
		jobs_remove(e, drop[i]);
	pthread_mutex_unlock(&e->jobs_lock);
	if (!n)
		return;
	b = store_batch_new();
	for (size_t i = 0; i < n; i++) {
		job_key(drop[i]->id, key, sizeof(key));
		store_batch_delete(b, "job", key);
	}
	store_commit(e->store, b, NULL);
	for (size_t i = 0; i < n; i++) {
		publish(e, &(struct change){ .kind = CHANGE_JOB_GONE,
					     .serial = drop[i]->id,
					     .given = &drop[i]->given }, 1);
		job_unref(drop[i]);
	}
}
