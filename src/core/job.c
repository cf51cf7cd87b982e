/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: from a written line to its verdict.
 *
 *   engine_submit()   parses, refuses what memory can refuse, joins an equal
 *                     job, else queues for admission; on the caller's thread
 *   jobs_admission()  stores a batch of new jobs in one commit, shows what they
 *                     will make, and queues them at their service
 *   jobs_dispatch()        starts what may run: one job a volume, so many a service
 *   run_job()         runs the verb on a worker
 *   finish_job()      stores the result, shows it, answers those who wait
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/filesystem.h"
#include "core/verb_impl.h"

#define JOB_MS (24LL * 3600 * 1000)      /* a copy of a large volume is long */
#define SHOW_MS 200                      /* progress is published so often */
#define AGAIN_MS 1000                    /* when there was no thread */

struct job *job_new(struct engine *e, const struct verb *v)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	atomic_init(&j->refs, 1);
	j->engine = e;
	j->verb = v;
	j->percent = -1;
	j->line.timeout_ms = -1;
	j->submitted_at_s = j->changed_at_s = clock_unix_s();
	return j;
}

struct job *job_ref(struct job *j)
{
	atomic_fetch_add(&j->refs, 1);
	return j;
}

void job_unref(struct job *j)
{
	if (!j || atomic_fetch_sub(&j->refs, 1) != 1)
		return;
	line_done(&j->line);
	service_unref(j->svc);
	volume_unref(j->placeholder);
	volume_unref(j->hidden_volume);
	snapshot_unref(j->placeholder_snapshot);
	snapshot_unref(j->hidden_snapshot);
	free(j->text);
	free(j->name);
	free(j);
}

/* ---- the kept ones ---- */

int jobs_keep(struct engine *e, struct job *j)
{
	LOCK_SCOPE(&e->jobs_lock);
	size_t i;

	if (e->n_jobs == e->room_jobs) {
		size_t room = e->room_jobs ? e->room_jobs * 2 : 64;
		struct job **p = realloc(e->jobs, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		e->jobs = p;
		e->room_jobs = room;
	}
	for (i = e->n_jobs; i > 0 && e->jobs[i - 1]->id > j->id; i--)
		e->jobs[i] = e->jobs[i - 1];
	e->jobs[i] = j;
	e->n_jobs++;
	return 0;
}

/* Index of the first kept job with an id above @id. */
size_t jobs_after(struct engine *e, uint64_t id)
{
	size_t low = 0, high = e->n_jobs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (e->jobs[mid]->id <= id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void jobs_remove(struct engine *e, struct job *j)
{
	size_t i = jobs_after(e, j->id - 1);

	if (i >= e->n_jobs || e->jobs[i] != j)
		return;
	memmove(e->jobs + i, e->jobs + i + 1,
		(e->n_jobs - i - 1) * sizeof(*e->jobs));
	e->n_jobs--;
}

struct job *job_find(struct engine *e, uint64_t id)
{
	LOCK_SCOPE(&e->jobs_lock);
	size_t i = id ? jobs_after(e, id - 1) : e->n_jobs;

	if (i < e->n_jobs && e->jobs[i]->id == id)
		return job_ref(e->jobs[i]);
	return NULL;
}

/* ---- what a worker tells while it runs ---- */

struct job_view *job_view_new(const struct job *j)
{
	struct job_view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	atomic_init(&v->refs, 1);
	v->id = j->id;
	v->verb = j->verb->name;
	v->state = job_state_name(j->state);
	v->step = j->step ? j->step : "";
	v->percent = j->percent;
	v->started_at_s = j->started_at_s ? j->started_at_s
					  : j->submitted_at_s;
	v->deadline_at_s = j->submitted_at_s + JOB_MS / 1000;
	v->uid = j->uid;
	return v;
}

/* The job as the volume's and its own files show it. */
static void show_job(struct job *j)
{
	struct change c = { .kind = CHANGE_JOB, .serial = j->id,
			    .given = &j->given };
	struct job_view *view;

	pthread_mutex_lock(&j->engine->jobs_lock);
	view = job_view_new(j);
	j->shown_ms = clock_ms();
	j->changed_at_s = clock_unix_s();
	pthread_mutex_unlock(&j->engine->jobs_lock);
	if (j->svc && j->serial)
		volume_update(j->svc, j->serial,
			      &(struct volume_update){ .set_job = true,
						       .job = view }, NULL);
	if (j->svc && j->snapshot)
		snapshot_update(j->svc, j->snapshot, NULL, -1, true, view,
				NULL);
	job_view_unref(view);
	publish(j->engine, &c, 1);
}

static void progress(void *arg, const char *step, int percent)
{
	struct job *j = arg;
	bool show;

	pthread_mutex_lock(&j->engine->jobs_lock);
	show = (step && step != j->step) ||
	       (percent != j->percent && clock_ms() - j->shown_ms > SHOW_MS);
	if (step)
		j->step = step;
	j->percent = percent;
	pthread_mutex_unlock(&j->engine->jobs_lock);
	if (show)
		show_job(j);
}

void job_step(struct job *j, const char *step)
{
	progress(j, step, -1);
}

static int freeze(void *arg, struct err *err)
{
	struct job *j = arg;
	struct engine *e = j->engine;
	const char *never[] = { e->o.state_dir, e->o.run_dir, NULL };
	struct call c = { .deadline_ms = CALL_NO_DEADLINE, .token = "",
			  .job = "", .cancel = &j->cancel };

	if (!j->freeze_path || j->freeze)
		return 0;
	return freeze_begin(&c, j->freeze_path,
			    j->svc->config->core.freeze_limit_ms + 5000,
			    e->o.state_dir, never, &j->freeze, err);
}

static int thaw(void *arg, struct err *err)
{
	struct job *j = arg;

	return j->freeze ? freeze_end(STEAL(j->freeze), err) : 0;
}

void job_call(struct job *j, struct call *c)
{
	*c = (struct call){ .deadline_ms = j->deadline_ms,
			    .cancel = &j->cancel, .token = j->token,
			    .job = "", .progress = progress, .arg = j };
	if (j->svc)
		c->freeze_limit_ms = j->svc->config->core.freeze_limit_ms;
	if (j->freeze_path) {
		c->freeze = freeze;
		c->thaw = thaw;
	}
}

struct volume *job_volume(struct job *j, struct err *err)
{
	struct volume *v = service_volume(j->svc, j->serial);

	if (!v)
		err_set(err, ENOENT, "%s '%s': the volume is gone",
			j->verb->name, j->name ? j->name : "");
	return v;
}

const char *job_word(const struct job *j, const char *key)
{
	return line_value(&j->line, key);
}

struct with_fault {
	const struct job *job;
	const struct err *err;       /* NULL: clear */
};

static void local_fault(struct volume_local *l, void *arg)
{
	struct with_fault *w = arg;

	free(l->fault.verb);
	l->fault = (struct fault){ 0 };
	if (!w->err)
		return;
	l->fault.at_s = clock_unix_s();
	l->fault.job = w->job->id;
	l->fault.verb = strdup(w->job->verb->name);
	l->fault.err = *w->err;
}

void job_set_fault(struct job *j, const struct err *e)
{
	struct with_fault w = { j, e };
	struct fault f = { .at_s = clock_unix_s(), .job = j->id,
			   .verb = (char *)j->verb->name };
	struct volume_update u = { .local = local_fault, .arg = &w,
				   .store = true, .urgent = true };

	if (!j->svc)
		return;
	if (e)
		f.err = *e;
	if (j->snapshot && e)
		snapshot_update(j->svc, j->snapshot, NULL, -1, false, NULL, &f);
	if (j->serial && volume_update(j->svc, j->serial, &u, NULL) == 0 &&
	    j->verb->target != TARGET_NAME)
		return;
	if (e)
		service_set_fault(j->svc, j->verb->name, j->id, e);
}

/* ---- finishing ---- */

static void log_result(const struct job *j)
{
	char target[TARGET_TEXT_MAX];

	job_target(j, target, sizeof(target));
	log_info("job %" PRIu64 " %s %s uid=%u gid=%u pid=%d '%s': %s%s%s",
		 j->id, j->verb->name, target, j->uid, j->gid, j->pid, j->text,
		 err_name(j->err.num), j->err.num ? ": " : "", j->err.text);
}

/* What its check did or found done, or was only to be tried: it is no job, but
 * who asked is in the log all the same. On a worker: the log may be slow. */
static void log_answered(void *arg)
{
	struct job *j = arg;
	char target[TARGET_TEXT_MAX];

	job_target(j, target, sizeof(target));
	log_info("%s %s uid=%u gid=%u pid=%d '%s': OK%s", j->verb->name,
		 target, j->uid, j->gid, j->pid, j->text,
		 j->verb->run && !j->line.dry_run ? " (already so)" : "");
	job_unref(j);
}

/* Clears the error that an earlier job of the same verb left. */
static void clear_fault(struct job *j)
{
	if (j->svc && j->verb->target == TARGET_NAME)
		service_clear_fault(j->svc, j->verb->name);

	struct volume *v = j->svc && j->serial
				   ? service_volume(j->svc, j->serial)
				   : NULL;

	if (v && v->local && v->local->fault.at_s && v->local->fault.verb &&
	    strcmp(v->local->fault.verb, j->verb->name) == 0)
		job_set_fault(j, NULL);
	volume_unref(v);
}

static void hide_job(struct job *j)
{
	struct job *next;
	struct job_view *view = NULL;

	pthread_mutex_lock(&j->engine->jobs_lock);
	next = j->svc ? job_of_volume(j->svc, j->serial) : NULL;
	if (next)
		view = job_view_new(next);
	pthread_mutex_unlock(&j->engine->jobs_lock);
	if (j->svc && j->serial)
		volume_update(j->svc, j->serial,
			      &(struct volume_update){ .set_job = true,
						       .job = view }, NULL);
	if (j->svc && j->snapshot)
		snapshot_update(j->svc, j->snapshot, NULL, -1, true, NULL,
				NULL);
	job_view_unref(view);
}

/* The result to the store. A result that cannot be stored is kept in memory;
 * after a crash the job runs again and finds its work done. */
static void store_result(struct job *j)
{
	struct store_batch *b;
	struct err err = ERR_INIT;

	if (j->refused)
		return;
	b = store_batch_new();
	store_batch_urgent(b);
	pthread_mutex_lock(&j->engine->jobs_lock);
	job_row(b, j);
	pthread_mutex_unlock(&j->engine->jobs_lock);
	if (store_commit(j->engine->store, b, &err) < 0)
		log_error("job %" PRIu64 ": its result is not stored: %s",
			  j->id, err.text);
}

/* Out of the running ones: the next of its volume may begin. */
static void leave_running(struct job *j)
{
	struct service *s = j->svc;
	struct job **at;

	if (!s)
		return;
	LOCK_SCOPE(&j->engine->jobs_lock);
	for (at = &s->running; *at; at = &(*at)->next) {
		if (*at != j)
			continue;
		*at = j->next;
		s->n_running--;
		break;
	}
	j->next = NULL;
}

/* Under jobs_lock: what the verdict means for how long the next name operation
 * waits. */
static void note_verdict(const struct job *j)
{
	struct service *s = j->svc;

	if (!s || !j->name_operation || j->refused)
		return;
	if (clock_ms() - j->began_ms <=
	    (int64_t)s->config->core.answer_within_ms)
		s->slow_verdicts = 0;
	else
		s->slow_verdicts++;
}

/* What the verdict means for what was shown of the job's work. */
static void show_result(struct job *j, int r)
{
	if (j->refused)
		return;
	if (r < 0 && j->verb == &verb_create)
		verb_create_failed(j);
	else
		hide_job(j);
	if (r < 0 && j->verb == &verb_snapshot)
		verb_snapshot_failed(j);
	if (r < 0 && j->verb == &verb_remove)
		verb_remove_failed(j);
	if (r < 0 && j->verb == &verb_snapshot_remove)
		verb_snapshot_remove_failed(j);
	if (r < 0 && j->verb == &verb_rename && (j->early || j->resumed))
		verb_rename_failed(j);
}

static void finish_job(struct job *j, int r, struct err *err)
{
	struct engine *e = j->engine;
	struct waiter *waiting;
	struct volume *v;

	if (j->freeze)
		freeze_end(STEAL(j->freeze), NULL);
	free(j->freeze_path);
	j->freeze_path = NULL;
	pthread_mutex_lock(&e->jobs_lock);
	while (j->telling)
		pthread_cond_wait(&e->idle, &e->jobs_lock);
	if (r < 0) {
		j->err = *err;
		if (!j->err.num)
			j->err.num = -r;
	}
	j->state = r >= 0 ? JOB_DONE
		   : r == -ECANCELED ? JOB_CANCELLED : JOB_FAILED;
	j->finished_at_s = j->changed_at_s = clock_unix_s();
	note_verdict(j);
	e->jobs_total++;
	e->jobs_failed += r < 0;
	waiting = waiters_claim(j);
	j->told = waiting != NULL;
	pthread_mutex_unlock(&e->jobs_lock);
	FAULT_POINT("job.before-result");
	if (r < 0)
		job_set_fault(j, &j->err);
	else
		clear_fault(j);
	/* Before what a repeat would need to come to the same is taken away. */
	store_result(j);
	FAULT_POINT("job.result-stored");
	show_result(j, r);
	leave_running(j);
	FAULT_POINT("job.after-result");
	log_result(j);
	v = j->svc && j->serial ? service_volume(j->svc, j->serial) : NULL;
	event_add(e, j->svc, v, j->verb->name, "", err_name(j->err.num),
		  j->id, j->uid, j->err.text);
	volume_unref(v);
	publish(e, &(struct change){ .kind = CHANGE_JOB, .serial = j->id,
				     .given = &j->given }, 1);
	waiters_tell(waiting, j->err.num);
	if (j->devices_changed)
		publish_daemon(e);
	if (j->svc) {
		jobs_dispatch(j->svc);
		service_leave_if_retired(j->svc);
	}
	jobs_prune(e);
	pthread_mutex_lock(&e->jobs_lock);
	pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->jobs_lock);
	job_unref(j);
}

/* ---- running ---- */

static void run_job(void *arg)
{
	struct job *j = arg;
	struct err err = ERR_INIT;
	int r;

	show_job(j);
	FAULT_POINT("job.before-run");
	if (j->cancel)
		r = err_set(&err, ECANCELED, "%s '%s': cancelled before it "
			    "began", j->verb->name, j->name ? j->name : "");
	else if (j->svc && j->verb->target != TARGET_DAEMON && !j->svc->session)
		r = err_set(&err, EHOSTUNREACH, "%s: service '%s' is not "
			    "running: see its .error", j->verb->name,
			    j->svc->name);
	else
		r = j->verb->run(j, &err);
	/* A daemon that ends leaves the job as it is: the next start carries
	 * it on under the same token. */
	if (r == -ECANCELED && j->engine->stopping) {
		job_unref(j);
		return;
	}
	finish_job(j, r, &err);
}

/* May @j start? One job a volume, and so many a user who is not root. */
static bool may_start(const struct service *s, const struct job *j)
{
	uint64_t most = s->config->core.parallel_per_user, mine = 0;

	for (const struct job *r = s->running; r; r = r->next) {
		if (j->serial && r->serial == j->serial)
			return false;
		mine += r->uid == j->uid;
	}
	return !most || !j->uid || mine < most;
}

/* Under jobs_lock. False: no thread can be had; the job waits again, and the
 * queue's reference is the caller's again. */
static bool start_job(struct engine *e, struct service *s, struct job *j)
{
	j->state = JOB_RUNNING;
	j->started_at_s = clock_unix_s();
	j->began_ms = clock_ms();
	j->deadline_ms = clock_ms() + JOB_MS;
	if (s) {
		j->next = s->running;
		s->running = j;
		s->n_running++;
	}
	/* The reference of the queue is the worker's now. */
	if (pool_run(e->pool, run_job, j) == 0)
		return true;
	if (s) {
		s->running = j->next;
		s->n_running--;
	}
	j->next = NULL;
	j->state = JOB_WAITING;
	j->started_at_s = 0;
	if (!e->start_again_ms) {
		log_warn("no thread can be had for job %" PRIu64 ": it waits",
			 j->id);
		e->start_again_ms = clock_ms() + AGAIN_MS;
		e->timer_kicked = true;
		pthread_cond_signal(&e->timer_wake);
	}
	return false;
}

/* Under jobs_lock; takes the reference. */
static void start_daemon_job(struct engine *e, struct job *j)
{
	j->next = NULL;
	if (start_job(e, NULL, j))
		return;
	j->next = e->unstarted;
	e->unstarted = j;
}

void jobs_dispatch(struct service *s)
{
	struct engine *e = s->engine;
	struct job **at, *j;

	LOCK_SCOPE(&e->jobs_lock);
	for (at = &s->waiting; s->recovered && (j = *at) && !e->stopping;) {
		if (s->n_running >= s->config->core.parallel)
			return;
		if (!may_start(s, j)) {
			at = &j->next;
			continue;
		}
		/* What waits before it for the same volume goes first. */
		bool first = true;

		for (struct job *k = s->waiting; k != j; k = k->next)
			first &= !j->serial || k->serial != j->serial;
		if (!first) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		if (!*at)
			s->waiting_tail = at;
		s->n_waiting--;
		if (start_job(e, s, j))
			continue;
		j->next = *at;
		*at = j;
		if (!j->next)
			s->waiting_tail = &j->next;
		s->n_waiting++;
		return;
	}
}

int64_t jobs_start_again(struct engine *e, int64_t now_ms)
{
	struct service *s[64];
	struct job *list, *j;
	unsigned after = 0;
	int64_t next;
	size_t n;

	pthread_mutex_lock(&e->jobs_lock);
	next = e->start_again_ms ? e->start_again_ms : INT64_MAX;
	if (next > now_ms || e->stopping) {
		pthread_mutex_unlock(&e->jobs_lock);
		return next;
	}
	e->start_again_ms = 0;
	list = e->unstarted;
	e->unstarted = NULL;
	while ((j = list)) {
		list = j->next;
		start_daemon_job(e, j);
	}
	pthread_mutex_unlock(&e->jobs_lock);
	while ((n = engine_services(e, after, s, ARRAY_SIZE(s)))) {
		for (size_t i = 0; i < n; i++) {
			after = s[i]->number;
			jobs_dispatch(s[i]);
			service_unref(s[i]);
		}
	}
	pthread_mutex_lock(&e->jobs_lock);
	next = e->start_again_ms ? e->start_again_ms : INT64_MAX;
	pthread_mutex_unlock(&e->jobs_lock);
	return next;
}

/* ---- admission ---- */

/* Under jobs_lock. */
static void leave_admission(struct job *j)
{
	struct engine *e = j->engine;

	j->admitted = true;
	if (e->admitting == j)
		e->admitting = j->next;
	j->next = NULL;
}

void job_queue(struct job *j)
{
	struct service *s = j->svc;
	struct engine *e = j->engine;

	pthread_mutex_lock(&e->jobs_lock);
	leave_admission(j);
	if (!s) {
		start_daemon_job(e, job_ref(j));
	} else {
		*s->waiting_tail = job_ref(j);
		s->waiting_tail = &j->next;
		s->n_waiting++;
	}
	pthread_cond_signal(&e->timer_wake);
	pthread_mutex_unlock(&e->jobs_lock);
	if (s)
		jobs_dispatch(s);
}

/* Shows what the job will make, and itself, before it can run. */
static void admit_job(struct job *j)
{
	struct err err = ERR_INIT;

	if (verb_show_placeholder(j, &err) < 0)
		log_error("job %" PRIu64 ": %s", j->id, err.text);
	publish(j->engine, &(struct change){ .kind = CHANGE_JOB_ADDED,
					     .serial = j->id,
					     .given = &j->given }, 1);
	if (j->svc && j->serial)
		show_job(j);
	job_queue(j);
}

static void refuse(struct job *j, struct err *err)
{
	j->refused = true;
	verb_drop_placeholder(j);
	pthread_mutex_lock(&j->engine->jobs_lock);
	leave_admission(j);
	pthread_mutex_unlock(&j->engine->jobs_lock);
	finish_job(job_ref(j), -err->num, err);
}

void job_fail(struct job *j, int r, struct err *err)
{
	finish_job(job_ref(j), r, err);
}

static void run_refused(void *arg)
{
	struct job *j = arg;
	struct err err = j->err;

	publish(j->engine, &(struct change){ .kind = CHANGE_JOB_ADDED,
					     .serial = j->id,
					     .given = &j->given }, 1);
	refuse(j, &err);
	job_unref(j);
}

/* Ids, tokens and placeholders for a batch; one commit; then they may run. */
static void admit_batch(struct engine *e, struct job *list)
{
	struct store_batch *b = store_batch_new();
	struct err err = ERR_INIT;
	struct job *j, *next;
	int r = 0;

	for (j = list; j && r == 0; j = j->next) {
		uint64_t id = store_serial(e->store, "job", &err);

		pthread_mutex_lock(&e->jobs_lock);
		j->id = id;
		pthread_mutex_unlock(&e->jobs_lock);
		r = id ? 0 : -err.num;
		/* This one alone: its name is taken by now, its source gone. */
		if (r == 0 && verb_make_placeholder(j, list, b, &j->err) < 0)
			continue;
		if (r == 0)
			r = job_row(b, j);
		if (j->verb->urgent)
			store_batch_urgent(b);
	}
	FAULT_POINT("job.before-admission");
	if (r == 0)
		r = store_commit(e->store, b, &err);
	else
		store_batch_free(b);
	FAULT_POINT("job.after-admission");
	if (r < 0)
		err_wrap(&err, "the request could not be recorded");
	for (j = list; j; j = next) {
		next = j->next;
		if (r < 0 || j->err.num) {
			refuse(j, r < 0 ? &err : &j->err);
		} else {
			if (jobs_keep(e, job_ref(j)) < 0)
				job_unref(j);
			admit_job(j);
		}
		job_unref(j);
	}
}

static void admit(struct engine *e, struct job *list)
{
	bool names = false;

	for (const struct job *j = list; j; j = j->next)
		names |= j->verb == &verb_snapshot;
	if (names)
		pthread_mutex_lock(&e->snapshots_lock);
	admit_batch(e, list);
	if (names)
		pthread_mutex_unlock(&e->snapshots_lock);
}

void *jobs_admission(void *arg)
{
	struct engine *e = arg;
	unsigned generation;
	struct job *list;

	for (;;) {
		pthread_mutex_lock(&e->jobs_lock);
		while (!e->submitted && !e->stopping)
			pthread_cond_wait(&e->admission_wake, &e->jobs_lock);
		list = e->admitting = e->submitted;
		e->submitted = NULL;
		e->submitted_tail = &e->submitted;
		pthread_mutex_unlock(&e->jobs_lock);
		if (!list)
			return NULL;
		generation = engine_enter(e);
		admit(e, list);
		engine_leave(e, generation);
	}
}

/* ---- submission ---- */

static void make_token(char *out, size_t room)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		memset(b, clock_ms() & 0xff, sizeof(b));
	snprintf(out, room, "volfs-");
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(out + 6 + i * 2, room - 6 - i * 2, "%02x", b[i]);
}

static int fill_job(struct job *j, const struct request *r, struct err *err)
{
	const struct provider *p = r->svc ? r->svc->provider : NULL;
	struct volume *v;

	j->svc = service_ref(r->svc);
	j->setting = r->setting;
	j->uid = r->uid;
	j->gid = r->gid;
	j->pid = r->pid;
	j->name_operation = r->name_operation;
	j->text = strndup(r->text ? r->text : "", r->len);
	if (!j->text)
		return err_oom(err);
	if (r->verb->target == TARGET_SNAPSHOT)
		j->snapshot = r->serial;
	else
		j->serial = r->serial;
	if (r->name && !(j->name = strdup(r->name)))
		return err_oom(err);
	make_token(j->token, sizeof(j->token));
	if (r->svc && (r->verb->urgent ? !r->svc->session
				       : !service_is_open(r->svc)))
		return err_set(err, EHOSTUNREACH, "%s: service '%s' is not "
			       "running: its .error says why", r->verb->name,
			       r->svc->name);
	if (r->verb->can && p && !r->verb->can(p))
		return err_set(err, EPERM, "%s: driver '%s' cannot do it",
			       r->verb->name, p->name);
	if (j->snapshot) {
		struct snapshot *sn = service_snapshot(j->svc, j->snapshot);

		if (!sn)
			return err_set(err, ENOENT, "%s: the snapshot is gone",
				       r->verb->name);
		j->serial = sn->volume_serial;
		if (!j->name)
			j->name = strdup(sn->name);
		snapshot_unref(sn);
	} else if (r->verb->target == TARGET_VOLUME) {
		v = service_volume(j->svc, j->serial);
		if (!v)
			return err_set(err, ENOENT, "%s: the volume is gone",
				       r->verb->name);
		if (!j->name)
			j->name = strdup(v->name);
		volume_unref(v);
	}
	if (r->setting)
		return job_parse_setting(j, r->setting, r->text, r->len, err);
	return line_parse(r->text ? r->text : "", r->len, r->verb, p, &j->line,
			  err);
}

struct immediate {
	void (*done)(void *arg, const struct answer *a);
	void *arg;
};

static void answer_now(const struct immediate *to, const struct job *j,
		       int num)
{
	struct answer a = { .num = num, .job = j->id, .serial = j->serial };

	to->done(to->arg, &a);
}

/* Queues @j, or joins an equal one. Return: 0, or an error of the limits. */
static int enqueue(struct engine *e, struct job *j, const struct immediate *to,
		   struct waiter **waiter, struct err *err)
{
	const struct service_options *o = j->svc ? &j->svc->config->core
						 : NULL;
	int64_t wait_ms = j->line.timeout_ms >= 0 ? j->line.timeout_ms
			  : o ? (int64_t)o->answer_timeout_ms : 60000;
	uint64_t named = job_names_volume(j);
	struct job *equal;
	struct waiter *w;

	LOCK_SCOPE(&e->jobs_lock);
	/* Since this was asked: nobody is left to admit it, or to answer. */
	if (e->stopping)
		return err_set(err, EAGAIN, "%s: the daemon ends",
			       j->verb->name);
	equal = job_equal(j, named);
	if (!equal && (job_check_room(j, err) < 0 ||
		       job_check_rest(j, err) < 0))
		return -err->num;
	if (j->name_operation && o)
		wait_ms = j->svc->slow_verdicts >= 3
				  ? 0
				  : (int64_t)o->answer_within_ms;
	if (j->line.async)
		wait_ms = 0;
	w = waiter_add(equal ? equal : j, to->done, to->arg,
		       clock_ms() + wait_ms,
		       j->name_operation || j->line.async);
	if (!w)
		return err_oom(err);
	if (waiter)
		*waiter = w;
	else
		engine_waiter_unref(w);
	if (equal)
		return 0;
	*e->submitted_tail = job_ref(j);
	e->submitted_tail = &j->next;
	pthread_cond_signal(&e->admission_wake);
	return 0;
}

/* Refused before it was a job: recorded all the same, on a worker, so that the
 * sentence is in the object's error when the writer reads it. */
static void reject(struct engine *e, struct job *j, const struct err *err,
		   const struct immediate *to)
{
	struct waiter *w;

	j->err = *err;
	j->refused = true;
	j->id = store_serial(e->store, "job", NULL);
	pthread_mutex_lock(&e->jobs_lock);
	w = waiter_add(j, to->done, to->arg, INT64_MAX, false);
	engine_waiter_unref(w);
	pthread_mutex_unlock(&e->jobs_lock);
	if (j->id && jobs_keep(e, job_ref(j)) < 0)
		job_unref(j);
	if (!w)
		answer_now(to, j, err->num);
	if (pool_run(e->pool, run_refused, job_ref(j)) < 0)
		run_refused(j);
}

void engine_submit(struct engine *e, const struct request *r,
		   void (*done)(void *arg, const struct answer *a), void *arg,
		   struct waiter **waiter)
{
	struct immediate to = { done, arg };
	struct err err = ERR_INIT;
	struct job *j;
	int n;

	if (waiter)
		*waiter = NULL;
	if (r->verb == &verb_rename && name_care_answers(r, done, arg))
		return;
	j = job_new(e, r->verb);
	if (!j || e->stopping) {
		job_unref(j);
		done(arg, &(struct answer){ .num = j ? EAGAIN : ENOMEM });
		return;
	}
	n = fill_job(j, r, &err);
	if (r->refused) {
		err = *r->refused;
		n = -err.num;
	}
	if (n == 0 && r->verb->check)
		n = r->verb->check(j, &err);
	if (n > 0 || (n == 0 && j->line.dry_run)) {
		/* Already so, done by its check, or only asked. */
		answer_now(&to, j, 0);
		if (pool_run(e->pool, log_answered, job_ref(j)) < 0)
			log_answered(j);
	} else if (n == 0) {
		n = enqueue(e, j, &to, waiter, &err);
	}
	if (n < 0)
		reject(e, j, &err, &to);
	job_unref(j);
}
