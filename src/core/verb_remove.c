/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove, forget, import, rename: a volume leaves, enters, or changes its name.
 * And what the verbs share.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fault.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

#define TOMBSTONE_S 120          /* listings may lag so far behind */
#define POLL_MS 200
#define POLL_MAX_MS 5000

/* ---- shared ---- */

bool provider_backoff(struct job *j, const struct call *c, int64_t *wait_ms)
{
	struct err err = ERR_INIT;

	if (call_left_ms(c, *wait_ms + 1) <= *wait_ms)
		return false;
	job_step(j, "throttled");
	if (call_sleep(c, *wait_ms, &err) < 0)
		return false;
	*wait_ms = *wait_ms < 15000 ? *wait_ms * 2 : 30000;
	/* The service has said so for long enough. */
	return *wait_ms < 30000;
}

int wait_for_state(struct job *j, const struct call *c,
		   enum volume_state pending, struct err *err)
{
	int64_t wait_ms = POLL_MS;

	for (;;) {
		struct volume *v = service_volume(j->svc, j->serial);
		enum volume_state state = v ? v->f.state : VOLUME_LOST;
		char words[64];
		int r;

		snprintf(words, sizeof(words), "%.63s",
			 v && v->f.service_state ? v->f.service_state : "");
		volume_unref(v);
		if (!v)
			return err_set(err, ESTALE, "the volume is gone");
		if (state == VOLUME_ERROR)
			return err_set(err, EIO, "the service says that the "
				       "volume is in error [%s]", words);
		if (state != pending)
			return 0;
		r = call_sleep(c, wait_ms, err);
		if (r < 0)
			return r;
		wait_ms = wait_ms * 3 / 2 < POLL_MAX_MS ? wait_ms * 3 / 2
							: POLL_MAX_MS;
		r = refresh_one(j->svc, c, j->serial, err);
		/* A listing that lags does not show it yet. */
		if (r < 0 && r != -ENOENT && r != -EAGAIN)
			return r;
	}
}

int tag_check_key(const char *key, struct err *err)
{
	if (!*key)
		return err_set(err, EINVAL, "a tag needs a key: KEY=VALUE");
	if (strcmp(key, "volfs") == 0 || strncmp(key, "volfs.", 6) == 0)
		return err_set(err, EINVAL, "tag '%s': names that begin with "
			       "'volfs' are volfs's own", key);
	return 0;
}

static void tombstone_until(struct service *s, const char *id, int64_t until_s)
{
	struct tombstone *t = id && *id ? calloc(1, sizeof(*t)) : NULL;

	if (!t || !(t->id = strdup(id))) {
		free(t);
		return;
	}
	t->until_s = until_s;
	LOCK_SCOPE(&s->lock);
	t->next = s->tombstones;
	s->tombstones = t;
}

void tombstone_add(struct service *s, const char *id)
{
	tombstone_until(s, id, clock_unix_s() + TOMBSTONE_S);
}

void tombstone_hold(struct service *s, const char *id)
{
	tombstone_until(s, id, INT64_MAX);
}

bool tombstone_is_for(struct service *s, const char *id)
{
	int64_t now = clock_unix_s();
	struct tombstone **at, *t;
	bool found = false;

	if (!id)
		return false;
	LOCK_SCOPE(&s->lock);
	for (at = &s->tombstones; (t = *at);) {
		if (t->until_s < now) {
			*at = t->next;
			free(t->id);
			free(t);
			continue;
		}
		found |= strcmp(t->id, id) == 0;
		at = &t->next;
	}
	return found;
}

void tombstone_drop(struct service *s, const char *id)
{
	struct tombstone **at, *t;

	LOCK_SCOPE(&s->lock);
	for (at = &s->tombstones; (t = *at);) {
		if (!id || strcmp(t->id, id) != 0) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t->id);
		free(t);
	}
}

void hold_off(struct service *s, const struct volume_facts *f)
{
	tombstone_hold(s, f->id);
	tombstone_hold(s, f->token);
}

/* What the service shows of @f from here on is news. */
static void hold_off_no_more(struct service *s, const struct volume_facts *f)
{
	tombstone_drop(s, f->id);
	tombstone_drop(s, f->token);
}

int raw_name(const char *escaped, char *out, struct err *err)
{
	int r = name_unescape(escaped, out, NAME_BYTES_MAX + 1, err);

	if (r > 0 && strlen(out) != (size_t)r)
		return err_set(err, EINVAL, "name '%s': a name cannot have a "
			       "NUL byte", escaped);
	return r < 0 ? r : 0;
}

int check_managed(const struct job *j, const struct volume *v,
		  struct err *err)
{
	if (v->f.managed || !v->f.id || !j->svc->provider->set_marks)
		return 0;
	return err_set(err, EPERM, "%s '%s': not made by volfs; take it over "
		       "first: echo name=%s > %s/.import/%s", j->verb->name,
		       v->name, v->name, j->svc->name, v->f.id);
}

static int say_busy(const struct job *j, const struct volume *v,
		    const char *how, const char *what, struct err *err)
{
	return err_set(err, EBUSY, "%s '%s': it is %s; %s", j->verb->name,
		       v->name, how, what);
}

int check_unused(const struct job *j, const struct volume *v, struct err *err)
{
	char how[UNMOUNT_HOW_MAX], what[UNMOUNT_HOW_MAX + 32];

	if (volume_is_mounted(v)) {
		snprintf(what, sizeof(what), "unmount it first: %s",
			 unmount_how(v, how));
		return say_busy(j, v, "mounted here", what, err);
	}
	if (volume_is_attached(v)) {
		snprintf(what, sizeof(what), "detach it first: echo 1 > "
			 "%.100s/detach", v->name);
		return say_busy(j, v, "attached here", what, err);
	}
	if (volume_effective_state(v) == VOLUME_IN_USE) {
		snprintf(what, sizeof(what), "host '%.100s' has it",
			 v->f.n_attachments ? v->f.attachments[0].host : "?");
		return say_busy(j, v, "attached elsewhere", what, err);
	}
	return 0;
}

/* ---- remove ---- */

static int may_remove(const struct job *j, const struct volume *v,
		      struct err *err)
{
	size_t snapshots;

	if (!j->svc->config->core.allow_remove)
		return err_set(err, EPERM, "remove '%s': removing is switched "
			       "off for '%s' (allowRemove)", v->name,
			       j->svc->name);
	/* The remains of a creation hold nothing. */
	if (v->local && v->local->failed && !v->local->ever_attached)
		return 0;
	if (check_managed(j, v, err) < 0 || check_unused(j, v, err) < 0)
		return -err->num;
	snapshots = service_snapshot_count(j->svc, v->node->serial);
	if (snapshots)
		return err_set(err, ENOTEMPTY, "remove '%s': it has %zu "
			       "snapshot%s: ls %s/snapshots, and rmdir them "
			       "first", v->name, snapshots,
			       snapshots == 1 ? "" : "s", v->name);
	if (volume_is_protected(v))
		return err_set(err, ENOTEMPTY, "remove '%s': it may hold data "
			       "and is protected: echo 0 > %s/protect, then "
			       "again", v->name, v->name);
	return 0;
}

static int check_remove(struct job *j, struct err *err)
{
	struct volume *v = service_volume_named(j->svc, j->name);
	int r;

	if (!v) {
		const char *absent = job_word(j, "absent");

		if (absent)
			return 1;
		return err_set(err, ENOENT, "remove '%s': '%s' has no volume "
			       "of that name (absent=ok makes that a success)",
			       j->name, j->svc->name);
	}
	j->serial = v->node->serial;
	/* One that is still being made is judged when its turn comes. */
	r = v->f.state == VOLUME_CREATING ? 0 : may_remove(j, v, err);
	volume_unref(v);
	return r;
}

/* Asks until the service no longer knows it. */
static int wait_until_gone(struct job *j, const struct call *c, const char *id,
			   struct err *err)
{
	const struct provider *p = j->svc->provider;
	struct take t = { .svc = j->svc, .serial = UINT64_MAX };
	struct volume_sink sink = take_sink(&t);
	int64_t wait_ms = POLL_MS;
	int r = 0;

	job_step(j, "wait-for-service");
	while (p->get) {
		struct err e = ERR_INIT;

		r = PROVIDER_CALL(j, c, p->get(j->svc->session, c, id, &sink,
					       &e), &e);
		if (r == -ENOENT || (r == 0 && !t.got)) {
			r = 0;
			break;
		}
		if (r == 0 && t.state != VOLUME_DELETING) {
			/* Some show it for a while as it was. */
			r = wait_ms > 2000 ? 0 : -EAGAIN;
			if (r == 0)
				break;
		}
		r = call_sleep(c, wait_ms, err);
		if (r < 0)
			break;
		wait_ms = wait_ms * 3 / 2 < POLL_MAX_MS ? wait_ms * 3 / 2
							: POLL_MAX_MS;
	}
	take_done(&t);
	return r;
}

int remove_at_service(struct job *j, struct volume *v, struct err *err)
{
	struct volume_facts deleting = v->f;
	struct call c;
	int r;

	job_call(j, &c);
	job_step(j, "delete");
	deleting.state = VOLUME_DELETING;
	volume_update(j->svc, j->serial,
		      &(struct volume_update){ .facts = &deleting }, NULL);
	FAULT_POINT("job.remove.before-call");
	r = PROVIDER_CALL(j, &c, j->svc->provider->remove(
		j->svc->session, &c, &v->f, err), err);
	FAULT_POINT("job.remove.called");
	if (r == 0 || r == -ENOENT) {
		tombstone_add(j->svc, v->f.id);
		return wait_until_gone(j, &c, v->f.id, err);
	}
	volume_update(j->svc, j->serial,
		      &(struct volume_update){ .facts = &v->f }, NULL);
	return r;
}

static void local_fault_of(struct volume_local *l, void *arg)
{
	struct job *j = arg;

	l->fault.at_s = clock_unix_s();
	l->fault.job = j->id;
	l->fault.verb = strdup("remove");
	l->fault.err = j->err;
}

/* The volume comes back as a new appearance, with the sentence. Until then
 * the store has it as it was, so that a crash brings it back as well. */
static void come_back(struct job *j, const struct volume *v)
{
	uint64_t serial = store_serial(j->engine->store, "node", NULL);
	struct volume_node *node = serial ? volume_node_new(serial) : NULL;
	struct volume_local *l = v->local ? local_copy(v->local) : local_new();
	struct store_batch *b = store_batch_new();
	struct volume *again = NULL;
	char name[NAME_BYTES_MAX + 1], key[32];
	struct err err = ERR_INIT;

	service_pick_name(j->svc, v->f.name, v->f.id, serial, name);
	if (l)
		local_fault_of(l, j);
	if (node && l)
		again = volume_new(node, name, &v->f, l, NULL);
	volume_key(j->svc, j->serial, key, sizeof(key));
	store_batch_delete(b, "volume", key);
	store_batch_delete(b, "local", key);
	if (again) {
		again->changed_at_s = again->entries_at_s =
			again->state_since_s = clock_unix_s();
		volume_row(b, j->svc, again, &err);
	}
	store_commit(j->engine->store, b, &err);
	if (again && service_add(j->svc, again, &err) == 0)
		publish_volume(j->svc, again, CHANGE_VOLUME_ADDED);
	service_release_name(j->svc, name);
	volume_unref(again);
	local_unref(l);
	volume_node_unref(node);
}

void verb_remove_failed(struct job *j)
{
	if (!j->hidden || !j->hidden_volume)
		return;
	come_back(j, j->hidden_volume);
	hold_off_no_more(j->svc, &j->hidden_volume->f);
}

static int run_remove(struct job *j, struct err *err)
{
	struct volume *v = service_volume(j->svc, j->serial);
	struct volume_node *node;
	int r;

	if (!v && j->hidden_volume)
		v = volume_ref(j->hidden_volume);
	if (!v)
		return 0;
	r = may_remove(j, v, err);
	if (r == 0) {
		if (!v->f.id)
			r = remains_of_volume(j, &v, err);
		if (r == 0 && v->f.id)
			r = remove_at_service(j, v, err);
		if (r < 0)
			err_wrap(err, "remove '%s'", j->name);
	}
	node = volume_node_ref(v->node);
	if (r == 0) {
		hold_off_no_more(j->svc, &v->f);
		tombstone_add(j->svc, v->f.id);
		tombstone_add(j->svc, v->f.token);
		FAULT_POINT("job.remove.before-forget");
		service_forget(j->svc, &node, 1, "removed");
	}
	volume_node_unref(node);
	volume_unref(v);
	return r;
}

static int show_name(struct job *j, const char *name, struct err *err);

/* The outcome of a name operation is shown before the verdict. */
int job_answer_early(struct job *j)
{
	struct err err = ERR_INIT;
	struct volume *v;

	if (j->verb == &verb_rename)
		return show_name(j, j->name, &err);
	if (j->verb == &verb_snapshot_remove) {
		snapshot_hide(j);
		return 0;
	}
	if (j->verb != &verb_remove || j->line.async)
		return 0;
	v = service_volume(j->svc, j->serial);
	if (!v)
		return 0;
	/* A mount may have ended between the check and the job's queueing; none
	 * begins before it. The kernel would take off what lies below. */
	if (check_unused(j, v, &err) < 0) {
		volume_unref(v);
		return -err.num;
	}
	j->hidden_volume = volume_ref(v);
	job_store_hidden(j);
	/* A listing until then must not show it as a new one. */
	hold_off(j->svc, &v->f);
	service_drop(j->svc, &v->node, 1);
	publish_volume(j->svc, v, CHANGE_VOLUME_GONE);
	publish_service(j->svc);
	volume_unref(v);
	return 0;
}

static const char *const ok_words[] = { "ok", NULL };

static const struct word_spec remove_words[] = {
	{ "absent", OPT_CHOICE, .choices = ok_words,
	  .help = "Succeed if there is no such volume." },
	{ NULL }
};

const struct verb verb_remove = {
	.name = "remove", .target = TARGET_NAME, .words = remove_words,
	.help = "Delete a volume that is not protected, not in use and has no "
		"snapshots, and wait for the service's verdict.",
	.example = "absent=ok", .check = check_remove, .run = run_remove,
	.urgent = true,
};

/* ---- forget ---- */

static int check_forget(struct job *j, struct err *err)
{
	struct volume *v = job_volume(j, err);
	int r = 0;

	if (!v)
		return -err->num;
	if (volume_effective_state(v) != VOLUME_LOST)
		r = err_set(err, EBUSY, "forget '%s': the service still has "
			    "it, state %s; only what is lost can be forgotten",
			    v->name,
			    volume_state_name(volume_effective_state(v)));
	else if (volume_is_mounted(v))
		r = err_set(err, EBUSY, "forget '%s': it is still mounted "
			    "here; echo 'lazy' > %s/unmount first", v->name,
			    v->name);
	volume_unref(v);
	return r;
}

static int run_forget(struct job *j, struct err *err)
{
	struct volume *v = service_volume(j->svc, j->serial);
	struct volume_node *node;

	if (!v)
		return 0;
	node = volume_node_ref(v->node);
	volume_unref(v);
	service_forget(j->svc, &node, 1, "forgotten");
	volume_node_unref(node);
	return 0;
}

const struct verb verb_forget = {
	.name = "forget", .target = TARGET_VOLUME,
	.help = "Take a lost volume out of the tree.", .example = "1",
	.check = check_forget, .run = run_forget, .urgent = true,
};

/* ---- rename ---- */

static bool can_rename(const struct provider *p)
{
	return p->rename != NULL;
}

static int check_rename(struct job *j, struct err *err)
{
	char raw[NAME_BYTES_MAX + 1], how[UNMOUNT_HOW_MAX];
	struct volume *v = job_volume(j, err), *other;
	int r;

	if (!v)
		return -err->num;
	r = raw_name(j->name, raw, err);
	if (r == 0)
		r = check_managed(j, v, err);
	if (r == 0 && j->svc->provider->rename_detached &&
	    volume_is_attached(v)) {
		snprintf(how, sizeof(how), "echo 1 > %.100s/detach", v->name);
		r = err_set(err, EBUSY, "rename to '%s': it is attached here, "
			    "and '%s' renames only what is not: first %s",
			    j->name, j->svc->name, volume_is_mounted(v)
			    ? unmount_how(v, how) : how);
	}
	volume_unref(v);
	if (r == 0 && j->svc->provider->check_name)
		r = j->svc->provider->check_name(j->svc->session, raw, err);
	if (r < 0)
		return r;
	other = service_volume_named(j->svc, j->name);
	if (!other)
		return 0;
	r = other->node->serial == j->serial
		    ? 1 : err_set(err, EEXIST, "rename to '%s': there is a "
				  "volume of that name", j->name);
	volume_unref(other);
	return r;
}

/* In the tree: the record with the new name, raw and escaped. */
static int show_name(struct job *j, const char *name, struct err *err)
{
	char raw[NAME_BYTES_MAX + 1];
	struct volume *v = service_volume(j->svc, j->serial);
	int r = 0;

	if (!v)
		return err_set(err, ENOENT, "rename '%s': it is gone", name);
	name_unescape(name, raw, sizeof(raw), NULL);
	if (strcmp(v->name, name) != 0)
		r = volume_rename(j->svc, j->serial, name, raw, false, err);
	volume_unref(v);
	return r;
}

static int rename_to(struct job *j, const char *name, struct err *err)
{
	char raw[NAME_BYTES_MAX + 1];
	struct volume *v = job_volume(j, err);
	struct call c;
	int r;

	if (!v)
		return -err->num;
	name_unescape(name, raw, sizeof(raw), NULL);
	job_call(j, &c);
	job_step(j, "rename");
	r = service_claim_name(j->svc, name, j->serial, err);
	if (r == 0) {
		FAULT_POINT("job.rename.before-call");
		r = PROVIDER_CALL(j, &c, j->svc->provider->rename(
			j->svc->session, &c, &v->f, raw, err), err);
		FAULT_POINT("job.rename.called");
		/* What was shown early may have another name since. Whoever
		 * has the kernel rename it here and now waits for us. */
		if (r == 0 && !job_was_shown(j))
			r = waiters_hold_client(j)
				    ? show_name(j, name, err)
				    : name_care_move(j->svc, v, name, raw, err);
		service_release_name(j->svc, name);
	}
	volume_unref(v);
	return r < 0 ? err_wrap(err, "rename to '%s'", name) : 0;
}

static int run_rename(struct job *j, struct err *err)
{
	return rename_to(j, j->name, err);
}

/* A new name that was shown early and is refused after all: the service says
 * which one it has. */
void verb_rename_failed(struct job *j)
{
	struct call c = { .deadline_ms = clock_ms() + 10000, .token = "",
			  .job = "" };
	char name[NAME_BYTES_MAX + 1], now[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;
	struct volume *v;

	refresh_one(j->svc, &c, j->serial, &err);
	v = service_volume(j->svc, j->serial);
	if (v && v->f.name && strcmp(v->name, j->name) == 0 &&
	    name_escape(v->f.name, strlen(v->f.name), now, sizeof(now)) > 0 &&
	    strcmp(now, v->name) != 0) {
		service_pick_name(j->svc, v->f.name, v->f.id, j->serial, name);
		name_care_move(j->svc, v, name, NULL, &err);
		service_release_name(j->svc, name);
	}
	volume_unref(v);
}

const struct verb verb_rename = {
	.name = "rename", .target = TARGET_VOLUME, .can = can_rename,
	.help = "Give the volume another name (mv).", .example = "1",
	.check = check_rename, .run = run_rename,
};

/* ---- import ---- */

static bool can_import(const struct provider *p)
{
	return p->import || p->set_marks;
}

static int check_import(struct job *j, struct err *err)
{
	char id[NAME_BYTES_MAX + 1], raw[NAME_BYTES_MAX + 1];
	const char *name = job_word(j, "name");
	struct volume *v;
	int r;

	r = raw_name(j->name, id, err);
	if (r < 0)
		return r;
	if (name && (r = raw_name(name, raw, err)) < 0)
		return r;
	v = service_volume_by_id(j->svc, id);
	if (v)
		j->serial = v->node->serial;
	else if (!name && j->svc->provider->import)
		return err_set(err, EINVAL, "import '%s': say which name it "
			       "gets: name=NAME", j->name);
	r = v || j->svc->provider->import
		    ? 0 : err_set(err, ENOENT, "import '%s': '%s' has no "
				  "volume of that id: ls %s/.by-id",
				  j->name, j->svc->name, j->svc->name);
	if (r == 0 && v && v->f.managed &&
	    (!name || strcmp(name, v->name) == 0))
		r = 1;
	volume_unref(v);
	if (r != 0 || !name)
		return r;
	v = service_volume_named(j->svc, name);
	if (v && v->node->serial != j->serial)
		r = err_set(err, EEXIST, "import '%s': there is a volume '%s' "
			    "already", j->name, name);
	volume_unref(v);
	return r;
}

static void local_imported(struct volume_local *l, void *arg)
{
	l->imported = true;
	l->made_here = false;
}

/* One that the listing shows: takes it over by its mark. */
static int import_listed(struct job *j, const struct call *c, struct volume *v,
			 struct err *err)
{
	const struct provider *p = j->svc->provider;
	const char *name = job_word(j, "name");
	struct volume_facts f = v->f;
	int r;

	if (!p->set_marks)
		return err_set(err, EPERM, "driver '%s' has no marks",
			       p->name);
	r = PROVIDER_CALL(j, c, p->set_marks(j->svc->session, c, &v->f, true,
					     false, err), err);
	if (r < 0)
		return r;
	f.managed = true;
	f.blank = false;
	r = volume_update(j->svc, j->serial,
			  &(struct volume_update){
				  .facts = &f, .local = local_imported,
				  .store = true, .event = "import" }, err);
	if (r < 0 || !name || strcmp(name, v->name) == 0)
		return r;
	if (!p->rename)
		return volume_rename(j->svc, j->serial, name, NULL, false,
				     err);
	return rename_to(j, name, err);
}

struct imported {
	struct service *svc;
	char *id;
};

static int skip_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	return 0;
}

static int note_id(void *arg, const struct volume_facts *f, struct err *err)
{
	struct imported *i = arg;

	free(i->id);
	i->id = strdup(f->id);
	return i->id ? 0 : err_oom(err);
}

static int run_import(struct job *j, struct err *err)
{
	char id[NAME_BYTES_MAX + 1], raw[NAME_BYTES_MAX + 1];
	const char *name = job_word(j, "name");
	struct imported i = { j->svc, NULL };
	struct volume_sink sink = { note_id, skip_snapshot, &i };
	struct volume *v;
	struct call c;
	int r;

	name_unescape(j->name, id, sizeof(id), NULL);
	job_call(j, &c);
	job_step(j, "import");
	FAULT_POINT("job.import.before-call");
	v = service_volume_by_id(j->svc, id);
	if (v) {
		r = import_listed(j, &c, v, err);
		volume_unref(v);
		return r < 0 ? err_wrap(err, "import '%s'", j->name) : 0;
	}
	if (name)
		name_unescape(name, raw, sizeof(raw), NULL);
	r = PROVIDER_CALL(j, &c, j->svc->provider->import(
		j->svc->session, &c, id, name ? raw : NULL, &sink, err), err);
	FAULT_POINT("job.import.called");
	if (r == 0)
		r = refresh_now(j->svc, &c, err);
	v = r == 0 && i.id ? service_volume_by_id(j->svc, i.id) : NULL;
	if (v) {
		job_aim(j, v->node->serial, 0);
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_imported,
					  .store = true }, err);
	}
	volume_unref(v);
	free(i.id);
	return r < 0 ? err_wrap(err, "import '%s'", j->name) : 0;
}

static const struct word_spec import_words[] = {
	{ "name", OPT_STR, .help = "Name it gets in the tree." },
	{ NULL }
};

const struct verb verb_import = {
	.name = "import", .target = TARGET_NAME, .words = import_words,
	.can = can_import,
	.help = "Take over an existing volume by its id; its content is not "
		"touched.",
	.example = "name=db", .check = check_import, .run = run_import,
};

/* ---- refresh ---- */

static int run_refresh(struct job *j, struct err *err)
{
	struct call c;

	job_call(j, &c);
	job_step(j, "list");
	return refresh_now(j->svc, &c, err);
}

const struct verb verb_refresh = {
	.name = "refresh", .target = TARGET_SERVICE,
	.help = "Ask the service now what it has.", .example = "1",
	.run = run_refresh,
};
