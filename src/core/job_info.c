/* SPDX-License-Identifier: Apache-2.0 */
/* What others may ask of jobs and do to them: read, cancel, resume. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/verb_impl.h"

#define VOLUME_JOBS 16

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

/* Of a job for a snapshot, whose own name is in its sentence, the volume. */
static char *volume_name_of(const struct job *j)
{
	struct volume *v = NULL;
	char *name;

	if (j->svc && j->snapshot && j->serial)
		v = service_volume(j->svc, j->serial);
	name = copy(v ? v->name : j->snapshot ? NULL : j->name);
	volume_unref(v);
	return name;
}

void job_target(const struct job *j, char *out, size_t room)
{
	struct volume *v = NULL;

	if (j->svc && j->snapshot && j->serial)
		v = service_volume(j->svc, j->serial);
	if (j->svc)
		snprintf(out, room, "%s/%s%s%s", j->svc->name, v ? v->name : "",
			 v ? "@" : "", j->name ? j->name : "");
	else if (j->serial)
		snprintf(out, room, "%" PRIu64, j->serial);
	else
		snprintf(out, room, "/");
	volume_unref(v);
}

int engine_job(struct engine *e, uint64_t id, struct job_info *out)
{
	struct job *j = job_find(e, id);
	char *volume;

	if (!j)
		return -ENOENT;
	volume = volume_name_of(j);
	pthread_mutex_lock(&e->jobs_lock);
	*out = (struct job_info){
		.id = j->id,
		.service = copy(j->svc ? j->svc->name : NULL),
		.volume = volume, .line = copy(j->text),
		.verb = j->verb->name, .state = job_state_name(j->state),
		.step = j->step ? j->step : "", .percent = j->percent,
		.submitted_at_s = j->submitted_at_s,
		.started_at_s = j->started_at_s,
		.finished_at_s = j->finished_at_s,
		.deadline_at_s = j->submitted_at_s + 24 * 3600,
		.uid = j->uid, .gid = j->gid, .pid = j->pid, .err = j->err,
		.changed_at_s = j->changed_at_s, .given = &j->given,
	};
	pthread_mutex_unlock(&e->jobs_lock);
	out->keep = j;
	return 0;
}

void job_info_done(struct job_info *i)
{
	free(i->service);
	free(i->volume);
	free(i->line);
	job_unref(i->keep);
	i->keep = NULL;
}

size_t engine_jobs(struct engine *e, uint64_t after, uint64_t *ids, size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&e->jobs_lock);
	for (size_t i = jobs_after(e, after); i < e->n_jobs && n < max; i++)
		ids[n++] = e->jobs[i]->id;
	return n;
}

void engine_volume_jobs(struct engine *e, struct service *svc, uint64_t serial,
			struct buf *out)
{
	struct volume *v = service_volume(svc, serial);
	bool none = !v || !v->node->had_job;
	const struct job *mine[VOLUME_JOBS];
	char at[FORMAT_MAX];
	size_t n = 0;

	volume_unref(v);
	if (none)
		return;
	LOCK_SCOPE(&e->jobs_lock);
	for (size_t i = e->n_jobs; i > 0 && n < VOLUME_JOBS; i--)
		if (e->jobs[i - 1]->svc == svc &&
		    e->jobs[i - 1]->serial == serial)
			mine[n++] = e->jobs[i - 1];
	while (n--) {
		const struct job *j = mine[n];

		format_time(at, j->finished_at_s ? j->finished_at_s
						 : j->submitted_at_s);
		buf_printf(out, "%" PRIu64 " %s %s %s %s\n", j->id,
			   j->verb->name, job_state_name(j->state), at,
			   j->state < JOB_DONE ? "-" : err_name(j->err.num));
	}
}

bool job_cancel(struct engine *e, uint64_t id)
{
	struct job *j = job_find(e, id);

	if (!j)
		return false;
	j->cancel = true;
	job_unref(j);
	return true;
}

static void nobody_waits(void *arg, const struct answer *a)
{
}

int job_internal(struct engine *e, struct service *s, const char *verb,
		 uint64_t serial, const char *text, struct err *err)
{
	struct request r = { .verb = verb_find(verb), .svc = s,
			     .serial = serial, .text = text,
			     .len = strlen(text) };

	engine_submit(e, &r, nobody_waits, NULL, NULL);
	return 0;
}

/* A setting file's text is one value, whatever bytes it has. */
int job_parse_setting(struct job *j, const struct setting *s, const char *text,
		      size_t len, struct err *err)
{
	struct opt_spec spec = { .key = s->key, .type = s->type,
				 .unit = s->unit };
	struct word *w;

	if (memchr(text, 0, len))
		return err_set(err, EINVAL, "%s: a value cannot have a NUL "
			       "byte", s->key);
	while (len && text[len - 1] == '\n' && s->type != OPT_MAP)
		len--;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_oom(err);
	j->line.words = w;
	j->line.n = 1;
	for (const struct word_spec *ws = verb_set.words; ws->key; ws++)
		if (strcmp(ws->key, s->key) == 0)
			w->spec = ws;
	w->value = strndup(text, len);
	if (!w->value)
		return err_oom(err);
	return s->type == OPT_MAP ? 0 : options_check(&spec, w->value, err);
}

/* The line again, from its text: what was checked then is not judged anew. */
static int parse_again(struct job *j, struct err *err)
{
	const struct provider *p = j->svc ? j->svc->provider : NULL;

	if (j->setting)
		return job_parse_setting(j, j->setting, j->text,
					 strlen(j->text), err);
	return line_parse(j->text, strlen(j->text), j->verb, p, &j->line, err);
}

/* Of an early rmdir: its volume stays out of the tree. */
static void hide_again(struct job *j)
{
	struct volume *v;

	if (j->verb == &verb_snapshot_remove) {
		j->hidden_snapshot = service_snapshot(j->svc, j->snapshot);
		if (j->hidden_snapshot) {
			tombstone_hold(j->svc, j->hidden_snapshot->f.id);
			tombstone_hold(j->svc, j->hidden_snapshot->f.token);
			service_drop_snapshots(j->svc,
					       &j->hidden_snapshot, 1);
		}
		return;
	}
	v = service_volume(j->svc, j->serial);
	if (!v)
		return;
	j->hidden_volume = volume_ref(v);
	hold_off(j->svc, &v->f);
	service_drop(j->svc, &v->node, 1);
	volume_unref(v);
}

void jobs_prepare(struct engine *e)
{
	for (size_t i = 0; i < e->n_jobs; i++) {
		struct job *j = e->jobs[i];

		struct volume *v = j->svc ? service_volume(j->svc, j->serial)
					  : NULL;

		if (v)
			v->node->had_job = true;
		volume_unref(v);
		if (j->state < JOB_DONE && j->svc && j->hidden)
			hide_again(j);
	}
}

/* Carries on what a crash interrupted, under the same tokens. */
void jobs_resume(struct engine *e)
{
	uint64_t after = 0;
	uint64_t ids[64];
	size_t n;

	while ((n = engine_jobs(e, after, ids, ARRAY_SIZE(ids)))) {
		for (size_t i = 0; i < n; i++) {
			struct job *j = job_find(e, ids[i]);
			struct err err = ERR_INIT;

			after = ids[i];
			if (!j || j->state >= JOB_DONE || !j->from_store) {
				job_unref(j);
				continue;
			}
			j->resumed = true;
			j->from_store = false;
			j->state = JOB_WAITING;
			if ((!j->svc && j->verb->target != TARGET_DAEMON) ||
			    parse_again(j, &err) < 0)
				job_fail(j, err_set(&err, ECANCELED, "its "
					"service is no longer configured"),
					&err);
			else if (j->verb->target == TARGET_DAEMON)
				job_fail(j, err_set(&err, ECANCELED, "the "
					"daemon was restarted"), &err);
			else
				job_queue(j);
			job_unref(j);
		}
	}
}

bool has_unfinished_job(struct service *s, const struct volume *v)
{
	struct engine *e = s->engine;

	LOCK_SCOPE(&e->jobs_lock);
	for (size_t i = 0; i < e->n_jobs; i++)
		if (e->jobs[i]->svc == s && e->jobs[i]->state < JOB_DONE &&
		    e->jobs[i]->serial == v->node->serial)
			return true;
	return false;
}

void jobs_free(struct engine *e)
{
	for (size_t i = 0; i < e->n_jobs; i++)
		job_unref(e->jobs[i]);
	free(e->jobs);
	e->jobs = NULL;
	e->n_jobs = 0;
}
