/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot, its removal, its protection, and restore. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/verb_impl.h"

#define POLL_MS 200
#define POLL_MAX_MS 5000

static bool can_snapshot(const struct provider *p)
{
	return p->snapshot != NULL;
}

/* ---- taking one ---- */

static int check_snapshot(struct job *j, struct err *err)
{
	char raw[NAME_BYTES_MAX + 1];
	struct volume *v = service_volume(j->svc, j->serial);
	struct snapshot *sn;
	int r;

	if (!v)
		return err_set(err, ENOENT, "snapshot '%s': the volume is gone",
			       j->name);
	r = raw_name(j->name, raw, err);
	sn = service_snapshot_named(j->svc, j->serial, j->name);
	if (r >= 0 && sn)
		r = err_set(err, EEXIST, "snapshot '%s': '%s' has one of that "
			    "name", j->name, v->name);
	else if (r >= 0 && !v->f.id)
		r = err_set(err, EBUSY, "snapshot '%s': '%s' is not there at "
			    "the service yet", j->name, v->name);
	snapshot_unref(sn);
	volume_unref(v);
	return r < 0 ? r : 0;
}

/* Has the volume one of that name by now, or will it, by an earlier one of the
 * jobs that are admitted with this? */
static bool is_taken(const struct job *j, const struct job *batch)
{
	struct snapshot *sn = service_snapshot_named(j->svc, j->serial,
						     j->name);
	bool taken = sn != NULL;

	snapshot_unref(sn);
	for (const struct job *k = batch; k != j && !taken; k = k->next)
		taken = k->placeholder_snapshot && k->svc == j->svc &&
			k->serial == j->serial && strcmp(k->name, j->name) == 0;
	return taken;
}

int make_snapshot(struct job *j, struct job *batch, struct store_batch *b,
		  struct err *err)
{
	char raw[NAME_BYTES_MAX + 1];
	struct volume *v = service_volume(j->svc, j->serial);
	struct snapshot_facts f = { .name = raw,
				    .state = SNAPSHOT_CREATING,
				    .progress_percent = 0, .encrypted = -1,
				    .managed = true, .token = j->token,
				    .created_at_s = clock_unix_s() };

	if (!v)
		return 0;   /* run_snapshot() says so */
	if (is_taken(j, batch)) {
		err_set(err, EEXIST, "snapshot '%s': '%s' has one of that name",
			j->name, v->name);
		volume_unref(v);
		return -EEXIST;
	}
	name_unescape(j->name, raw, sizeof(raw), NULL);
	f.volume_id = v->f.id;
	f.size_bytes = v->f.size_bytes;
	j->placeholder_snapshot = snapshot_make(j->svc, &f, j->serial, j->name,
						err);
	volume_unref(v);
	if (!j->placeholder_snapshot)
		return -err->num;
	job_aim(j, j->serial, j->placeholder_snapshot->serial);
	return snapshot_row(b, j->svc, j->placeholder_snapshot, err);
}

int show_snapshot(struct job *j, struct err *err)
{
	int r = service_add_snapshots(j->svc, &j->placeholder_snapshot, 1,
				      err);

	if (r == 0)
		publish_snapshot(j->svc, j->placeholder_snapshot,
				 CHANGE_SNAPSHOT_ADDED);
	snapshot_unref(STEAL(j->placeholder_snapshot));
	return r;
}

/* Asks until the service has finished it. */
static int wait_for_snapshot(struct job *j, const struct call *c,
			     struct take *t, struct err *err)
{
	const struct provider *p = j->svc->provider;
	int64_t wait_ms = POLL_MS;
	int r = 0;

	while (r == 0 && t->got_snapshot &&
	       t->snapshot_state == SNAPSHOT_CREATING) {
		struct snapshot *sn;

		call_progress(c, "wait-for-service", t->snapshot_percent);
		r = call_sleep(c, wait_ms, err);
		if (r < 0)
			break;
		wait_ms = wait_ms * 3 / 2 < POLL_MAX_MS ? wait_ms * 3 / 2
							: POLL_MAX_MS;
		if (p->list && !p->get) {
			r = refresh_now(j->svc, c, err);
		} else {
			struct volume *v = job_volume(j, err);
			struct take all = { .svc = j->svc };
			struct volume_sink out = take_sink(&all);

			r = v ? PROVIDER_CALL(j, c, p->get(
				j->svc->session, c, v->f.id, &out, err), err)
			      : -err->num;
			take_done(&all);
			volume_unref(v);
		}
		sn = service_snapshot(j->svc, j->snapshot);
		if (sn) {
			t->snapshot_state = sn->f.state;
			t->snapshot_percent = sn->f.progress_percent;
		}
		snapshot_unref(sn);
	}
	if (r == 0 && t->snapshot_state == SNAPSHOT_ERROR)
		r = err_set(err, EIO, "the service says that the snapshot "
			    "failed");
	return r;
}

static void forget_placeholder(struct job *j)
{
	struct snapshot *sn = service_snapshot(j->svc, j->snapshot);

	if (sn && !sn->f.id && j->told && !j->early &&
	    !is_ambiguous(j->err.num))
		snapshot_forget(j->svc, sn);
	else if (sn && !sn->f.id) {
		struct snapshot_facts f = sn->f;

		f.state = SNAPSHOT_ERROR;
		snapshot_update(j->svc, j->snapshot, &f, 0, false, NULL, NULL);
	}
	snapshot_unref(sn);
}

void snapshot_recover(struct service *s, const struct snapshot *sn)
{
	struct engine *e = s->engine;
	struct snapshot_facts f = sn->f;
	bool unfinished = false;

	if (f.id || f.state != SNAPSHOT_CREATING)
		return;
	pthread_mutex_lock(&e->jobs_lock);
	for (size_t i = 0; i < e->n_jobs; i++)
		unfinished |= e->jobs[i]->snapshot == sn->serial &&
			      e->jobs[i]->state < JOB_DONE;
	pthread_mutex_unlock(&e->jobs_lock);
	if (unfinished)
		return;
	f.state = SNAPSHOT_ERROR;
	snapshot_update(s, sn->serial, &f, 0, false, NULL, NULL);
}

void verb_snapshot_failed(struct job *j)
{
	if (j->snapshot)
		forget_placeholder(j);
}

static int run_snapshot(struct job *j, struct err *err)
{
	char raw[NAME_BYTES_MAX + 1];
	struct volume *v = job_volume(j, err);
	struct take t = { .svc = j->svc, .serial = j->serial,
			  .snapshot = j->snapshot };
	struct volume_sink sink = take_sink(&t);
	char dir[512];
	struct call c;
	int r;

	if (!v)
		return -err->num;
	name_unescape(j->name, raw, sizeof(raw), NULL);
	/* A directory or share of the machine is not ours to freeze. */
	if (volume_is_mounted(v) && !v->local->mount_read_only &&
	    v->local->device) {
		private_dir(j->svc, j->serial, dir, sizeof(dir));
		j->freeze_path = strdup(dir);
	}
	job_call(j, &c);
	job_step(j, "snapshot");
	FAULT_POINT("job.snapshot.before-call");
	r = PROVIDER_CALL(j, &c, j->svc->provider->snapshot(
		j->svc->session, &c, &v->f, raw, &sink, err), err);
	FAULT_POINT("job.snapshot.called");
	if (r >= 0)
		r = wait_for_snapshot(j, &c, &t, err);
	take_done(&t);
	volume_unref(v);
	return r < 0 ? err_wrap(err, "snapshot '%s'", j->name) : 0;
}

const struct verb verb_snapshot = {
	.name = "snapshot", .target = TARGET_VOLUME, .can = can_snapshot,
	.help = "Take a snapshot (mkdir in snapshots/).", .example = "1",
	.check = check_snapshot, .run = run_snapshot,
};

/* ---- removing one ---- */

static bool can_snapshot_remove(const struct provider *p)
{
	return p->snapshot_remove != NULL;
}

static int may_remove(const struct job *j, const struct snapshot *sn,
		      struct err *err)
{
	struct volume *v;

	if (sn->f.state == SNAPSHOT_ERROR && !sn->f.id)
		return 0;
	if (!sn->protect)
		return 0;
	v = service_volume(j->svc, sn->volume_serial);
	if (v)
		err_set(err, ENOTEMPTY, "remove snapshot '%s@%s': it is "
			"protected: echo 0 > %s/snapshots/%s/protect, then "
			"again", v->name, sn->name, v->name, sn->name);
	else
		err_set(err, ENOTEMPTY, "remove snapshot '%s': it is protected: "
			"echo 0 > .snapshots/%s/protect, then again",
			sn->name, sn->name);
	volume_unref(v);
	return -ENOTEMPTY;
}

static int check_snapshot_remove(struct job *j, struct err *err)
{
	struct snapshot *sn = service_snapshot(j->svc, j->snapshot);
	int r = sn ? may_remove(j, sn, err)
		   : err_set(err, ENOENT, "remove snapshot: it is gone");

	snapshot_unref(sn);
	return r;
}

void snapshot_hide(struct job *j)
{
	struct snapshot *sn = service_snapshot(j->svc, j->snapshot);

	if (!sn)
		return;
	j->hidden_snapshot = sn;
	job_store_hidden(j);
	tombstone_hold(j->svc, sn->f.id);
	tombstone_hold(j->svc, sn->f.token);
	service_drop_snapshots(j->svc, &sn, 1);
	publish_snapshot(j->svc, sn, CHANGE_SNAPSHOT_GONE);
}

void verb_snapshot_remove_failed(struct job *j)
{
	struct snapshot *old = j->hidden_snapshot, *sn;
	char key[32], name[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;
	struct store_batch *b;

	if (!old)
		return;
	LOCK_SCOPE(&j->engine->snapshots_lock);
	tombstone_drop(j->svc, old->f.id);
	tombstone_drop(j->svc, old->f.token);
	snprintf(name, sizeof(name), "%s", old->name);
	sn = service_snapshot_named(j->svc, old->volume_serial, name);
	/* The name has gone to a new one. */
	if (sn && old->f.id)
		snapshot_pick_name(j->svc, old->volume_serial, &old->f, name);
	snapshot_unref(sn);
	sn = snapshot_make(j->svc, &old->f, old->volume_serial, name, &err);
	if (!sn)
		return;
	sn->protect = old->protect;
	sn->fault = calloc(1, sizeof(*sn->fault));
	if (sn->fault) {
		sn->fault->at_s = clock_unix_s();
		sn->fault->job = j->id;
		sn->fault->verb = strdup(j->verb->name);
		sn->fault->err = j->err;
	}
	b = store_batch_new();
	volume_key(j->svc, old->serial, key, sizeof(key));
	store_batch_delete(b, "snapshot", key);
	store_commit(j->engine->store, b, &err);
	snapshot_add(j->svc, sn, &err);
	snapshot_unref(sn);
}

static int run_snapshot_remove(struct job *j, struct err *err)
{
	struct snapshot *sn = service_snapshot(j->svc, j->snapshot);
	struct call c;
	int r;

	if (!sn && j->hidden_snapshot)
		sn = snapshot_ref(j->hidden_snapshot);
	if (!sn)
		return 0;
	job_call(j, &c);
	job_step(j, "delete");
	r = may_remove(j, sn, err);
	if (r == 0 && !sn->f.id)
		r = remains_of_snapshot(j, &sn, err);
	FAULT_POINT("job.snapshot-remove.before-call");
	if (r == 0 && sn->f.id)
		r = PROVIDER_CALL(j, &c, j->svc->provider->snapshot_remove(
			j->svc->session, &c, &sn->f, err), err);
	FAULT_POINT("job.snapshot-remove.called");
	if (r == -ENOENT)
		r = 0;
	if (r == 0) {
		tombstone_drop(j->svc, sn->f.id);
		tombstone_drop(j->svc, sn->f.token);
		tombstone_add(j->svc, sn->f.id);
		tombstone_add(j->svc, sn->f.token);
		snapshot_forget(j->svc, sn);
	}
	snapshot_unref(sn);
	return r < 0 ? err_wrap(err, "remove snapshot '%s'", j->name) : 0;
}

const struct verb verb_snapshot_remove = {
	.name = "snapshot-remove", .target = TARGET_SNAPSHOT,
	.can = can_snapshot_remove,
	.help = "Delete a snapshot that is not protected (rmdir).",
	.example = "1", .check = check_snapshot_remove,
	.run = run_snapshot_remove, .urgent = true,
};

/* ---- protecting one ---- */

static int run_snapshot_protect(struct job *j, struct err *err)
{
	const char *text = job_word(j, "protect");
	bool on = true;

	if (text && parse_bool(text, strlen(text), &on, err) < 0)
		return -err->num;
	snapshot_update(j->svc, j->snapshot, NULL, on, false, NULL, NULL);
	return 0;
}

static int check_snapshot_protect(struct job *j, struct err *err)
{
	return j->line.n ? 0 : 1;
}

static const struct word_spec protect_words[] = {
	{ "protect", OPT_BOOL, .help = "Whether rmdir refuses." },
	{ NULL }
};

const struct verb verb_snapshot_protect = {
	.name = "snapshot-protect", .target = TARGET_SNAPSHOT,
	.words = protect_words, .can = can_snapshot_remove,
	.help = "Say whether rmdir refuses the snapshot.", .example = "0",
	.check = check_snapshot_protect, .run = run_snapshot_protect,
};

/* ---- restoring ---- */

static bool can_restore(const struct provider *p)
{
	return p->restore != NULL;
}

static int may_restore(const struct job *j, struct volume **out,
		       struct snapshot **snapshot, struct err *err)
{
	struct snapshot *sn = service_snapshot(j->svc, j->snapshot);
	struct volume *v = sn ? service_volume(j->svc, sn->volume_serial)
			      : NULL;
	int r = 0;

	if (!sn || !v)
		r = err_set(err, ENOENT, "restore: the snapshot or its volume "
			    "is gone; a new volume can be made with from=");
	else if (sn->f.state != SNAPSHOT_AVAILABLE)
		r = err_set(err, EBUSY, "restore '%s' from '%s': the snapshot "
			    "is %s", v->name, sn->name,
			    snapshot_state_name(sn->f.state));
	if (r == 0)
		r = check_managed(j, v, err);
	if (r == 0)
		r = check_unused(j, v, err);
	if (r < 0) {
		snapshot_unref(sn);
		volume_unref(v);
		return r;
	}
	*out = v;
	*snapshot = sn;
	return 0;
}

static int check_restore(struct job *j, struct err *err)
{
	struct snapshot *sn;
	struct volume *v;

	if (may_restore(j, &v, &sn, err) < 0)
		return -err->num;
	snapshot_unref(sn);
	volume_unref(v);
	return 0;
}

/* Something may be lost, so first a snapshot of how it was. The name has the
 * time of the request, so that a repeat after a crash finds it. */
static int snapshot_before(struct job *j, const struct call *c,
			   struct volume *v, struct err *err)
{
	char token[64], at[FORMAT_MAX], name[64];
	struct call before = *c;
	struct take t = { .svc = j->svc };
	struct volume_sink sink = take_sink(&t);
	int r;

	format_time(at, j->submitted_at_s);
	for (char *p = at; *p; p++)
		if (*p == ':')
			*p = '-';
	snprintf(name, sizeof(name), "before-restore-%s", at);
	snprintf(token, sizeof(token), "%s-b", j->token);
	before.token = token;
	job_step(j, "snapshot-before");
	r = PROVIDER_CALL(j, &before, j->svc->provider->snapshot(
		j->svc->session, &before, &v->f, name, &sink, err), err);
	if (r == -EEXIST) {
		/* Another restore's of the same second; ours is found by its
		 * token. */
		snprintf(name + strlen(name), sizeof(name) - strlen(name),
			 "-%" PRIu64, j->id);
		r = PROVIDER_CALL(j, &before, j->svc->provider->snapshot(
			j->svc->session, &before, &v->f, name, &sink, err),
			err);
	}
	take_done(&t);
	return r < 0 ? r : 0;
}

static void local_restored(struct volume_local *l, void *arg)
{
	l->grow_pending = true;
}

static int run_restore(struct job *j, struct err *err)
{
	struct snapshot *sn;
	struct volume *v;
	struct call c;
	int r;

	if (may_restore(j, &v, &sn, err) < 0)
		return -err->num;
	job_call(j, &c);
	r = j->svc->provider->snapshot ? snapshot_before(j, &c, v, err) : 0;
	FAULT_POINT("job.restore.before-call");
	if (r == 0) {
		job_step(j, "restore");
		r = PROVIDER_CALL(j, &c, j->svc->provider->restore(
			j->svc->session, &c, &v->f, &sn->f, err), err);
	}
	FAULT_POINT("job.restore.called");
	/* The snapshot may be of when the volume was smaller. */
	if (r == 0)
		r = volume_update(j->svc, v->node->serial,
				  &(struct volume_update){
					  .local = local_restored,
					  .store = true, .event = "restore" },
				  err);
	if (r == 0)
		r = refresh_one(j->svc, &c, v->node->serial, err);
	volume_unref(v);
	if (r < 0)
		err_wrap(err, "restore '%s'", sn->name);
	snapshot_unref(sn);
	return r;
}

const struct verb verb_restore = {
	.name = "restore", .target = TARGET_SNAPSHOT, .can = can_restore,
	.help = "Roll the volume back to this snapshot, in place; it is not "
		"mounted then, and a snapshot of how it was is taken first.",
	.example = "1", .check = check_restore, .run = run_restore,
};
