/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a service what it has, and fitting the answer into the tree.
 *
 * One listing a service at a time; who asks meanwhile waits for the next one.
 * A listing takes time and may be older than what jobs did while it ran: what
 * was touched since it began (node->touched against service->clock), has a
 * running job, or was removed a moment ago (tombstones) is left as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "core/engine_impl.h"

#define LIST_MS 120000           /* one whole listing */
#define GRACE_S 30               /* a new volume may be late in listings */
#define VERIFY_MAX 16            /* missing volumes that are asked for singly */
#define VERIFY_MS 10000          /* and one such question, at most */
#define BACKOFF_MAX_MS 300000
#define AGAIN_MS 1000            /* when there was no thread */
#define SILENT_MIN_MS 10000      /* without a word: nobody's patience is less */
#define SILENT_MAX_MS 60000

struct listing {
	struct service *s;
	const struct call *call; /* also for what is asked afterwards */
	bool unanswered;         /* such a question was: no more of them */
	struct inventory *inv;   /* as it was when the listing began */
	uint64_t began;          /* service->clock then */
	bool *seen;              /* by index in inv->by_serial */
	bool *seen_snapshot;     /* by index in by_id */
	struct snapshot **by_id; /* inv->snapshots by id */
	struct volume **changed, **found;
	size_t n_changed, room_changed, n_found, room_found;
	struct volume **asked;   /* changed, but the answer to a question of its
				  * own counts */
	size_t n_asked, room_asked;
	struct snapshot **new_snaps;
	size_t n_snaps, room_snaps;
};

static int push(void *array, size_t *n, size_t *room, void *item)
{
	void ***a = array;

	if (*n == *room) {
		size_t more = *room ? *room * 2 : 64;
		void **p = realloc(*a, more * sizeof(void *));

		if (!p)
			return -ENOMEM;
		*a = p;
		*room = more;
	}
	(*a)[(*n)++] = item;
	return 0;
}

bool volume_touched_since(struct service *s, const struct volume *v,
			  uint64_t clock)
{
	if (volume_has_job(s, v->node->serial))
		return true;
	LOCK_SCOPE(&s->lock);
	return v->node->touched > clock;
}

/* A creation whose answer was lost: the newcomer with its token is that
 * volume; so is one of its name, while the creation runs. */
static struct volume *find_placeholder(struct service *s,
				       const struct volume_facts *f)
{
	LOCK_SCOPE(&s->lock);
	if (s->inv->n_ids == s->inv->n_volumes)
		return NULL;
	for (size_t i = 0; i < s->inv->n_volumes; i++) {
		struct volume *v = s->inv->by_serial[i]->current;

		if (v->f.id)
			continue;
		if ((f->token && v->f.token &&
		     strcmp(f->token, v->f.token) == 0) ||
		    (f->name && v->f.name && strcmp(f->name, v->f.name) == 0))
			return volume_ref(v);
	}
	return NULL;
}

static void resolve_local(struct volume_local *l, void *arg)
{
	l->failed = l->unresolved = false;
	l->fault.at_s = 0;
}

/* True: the newcomer is that placeholder, nothing more to do with it. */
static bool resolve_placeholder(struct service *s, const struct volume_facts *f,
				struct err *err)
{
	struct volume *v = find_placeholder(s, f);
	bool token, running;

	if (!v)
		return false;
	token = f->token && v->f.token && strcmp(f->token, v->f.token) == 0;
	running = volume_has_job(s, v->node->serial);
	if (token && !running)
		volume_update(s, v->node->serial,
			      &(struct volume_update){
				      .facts = f, .local = resolve_local,
				      .store = true, .event = "resolved" },
			      err);
	volume_unref(v);
	return token || running;
}

static int list_found(struct listing *l, const struct volume_facts *f,
		      struct err *err)
{
	struct service *s = l->s;
	struct volume_node *node;
	struct volume *v;
	uint64_t serial;

	if (tombstone_is_for(s, f->id) || tombstone_is_for(s, f->token) ||
	    resolve_placeholder(s, f, err))
		return 0;
	serial = store_serial(s->engine->store, "node", err);
	if (!serial)
		return -err->num;
	node = volume_node_new(serial);
	/* Named once all are known: the oldest of equals has the name. */
	v = node ? volume_new(node, "", f, NULL, NULL) : NULL;
	volume_node_unref(node);
	if (!v || push(&l->found, &l->n_found, &l->room_found, v) < 0) {
		volume_unref(v);
		return err_oom(err);
	}
	return 0;
}

static bool is_hidden(const struct service *s, const struct volume_facts *f)
{
	return !f->managed && s->config->core.list &&
	       strcmp(s->config->core.list, "managed") == 0;
}

static int list_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	struct listing *l = arg;
	struct volume *v = service_volume_by_id(l->s, f->id);
	bool lost;
	size_t i;
	int r = 0;

	atomic_store(&l->s->heard_ms, clock_ms());
	if (!v)
		return is_hidden(l->s, f) ? 0 : list_found(l, f, err);
	i = inventory_after(l->inv, v->node->serial - 1);
	if (i < l->inv->n_volumes && l->inv->by_serial[i] == v->node)
		l->seen[i] = true;
	lost = v->local && v->local->gone;
	if ((lost || !volume_facts_equal(&v->f, f)) &&
	    !volume_touched_since(l->s, v, l->began)) {
		struct volume *nv = volume_new(v->node, v->name, f, v->local,
					       NULL);

		if (!nv || push(&l->changed, &l->n_changed, &l->room_changed,
				nv) < 0) {
			volume_unref(nv);
			r = err_oom(err);
		}
	}
	volume_unref(v);
	return r;
}

static int cmp_snapshot_id(const void *a, const void *b)
{
	const struct snapshot *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->f.id ? x->f.id : "", y->f.id ? y->f.id : "");
}

static int list_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	struct listing *l = arg;
	struct snapshot key = { .f.id = f->id }, *pkey = &key, **at, *sn;
	size_t n = l->inv->n_snapshots;

	at = bsearch(&pkey, l->by_id, n, sizeof(*l->by_id), cmp_snapshot_id);
	if (at) {
		l->seen_snapshot[at - l->by_id] = true;
		sn = service_snapshot(l->s, (*at)->serial);
		/* Another record: a job was at it since the listing began. */
		if (sn == *at && !sn->job && !snapshot_facts_equal(&sn->f, f))
			snapshot_update(l->s, sn->serial, f, -1, false, NULL,
					NULL);
		snapshot_unref(sn);
		return 0;
	}
	sn = service_snapshot_like(l->s, f);  /* made meanwhile, or being made */
	if (sn && !sn->f.id && !sn->job)
		snapshot_update(l->s, sn->serial, f, -1, false, NULL, NULL);
	if (sn || tombstone_is_for(l->s, f->id) ||
	    tombstone_is_for(l->s, f->token)) {
		snapshot_unref(sn);
		return 0;
	}
	sn = snapshot_make(l->s, f, 0, "", err);
	if (!sn || push(&l->new_snaps, &l->n_snaps, &l->room_snaps, sn) < 0) {
		snapshot_unref(sn);
		return err_oom(err);
	}
	return 0;
}

/* ---- putting it in ---- */

static void found_again(struct volume_local *l, void *arg)
{
	l->gone = false;
}

static int ask_one(struct service *s, const struct call *c, uint64_t serial,
		   uint64_t since, struct err *err);

/* A question about one volume: within the listing's call, and shorter. */
static struct call verify_call(const struct listing *l)
{
	struct call c = *l->call;
	int64_t until_ms = clock_ms() + VERIFY_MS;

	if (until_ms < c.deadline_ms)
		c.deadline_ms = until_ms;
	return c;
}

/* Of a service that does not answer one question, no other is asked. */
static void note_answer(struct listing *l, int r)
{
	l->unanswered |= r == -ETIMEDOUT || r == -EHOSTUNREACH ||
			 r == -ECANCELED || r == -EAGAIN;
}

/* A listing may lag behind what a job did a moment ago. The volume itself is
 * asked where it can be; else the listing counts once it has had its time. But
 * a lost one that it shows is there again, whatever else is old. */
static void drop_late(struct listing *l)
{
	int64_t now_s = clock_unix_s();
	size_t kept = 0, asked = 0;

	for (size_t i = 0; i < l->n_changed; i++) {
		struct volume *v = l->changed[i];

		if (now_s - v->node->job_at_s > GRACE_S) {
			l->changed[kept++] = v;
			continue;
		}
		if (v->local && v->local->gone)
			volume_update(l->s, v->node->serial,
				      &(struct volume_update){
					      .local = found_again,
					      .store = true }, NULL);
		if (l->s->provider->get && !l->unanswered &&
		    asked++ < VERIFY_MAX) {
			struct call c = verify_call(l);
			struct err err = ERR_INIT;

			note_answer(l, ask_one(l->s, &c, v->node->serial,
					       l->began, &err));
			/* Its name may be another one now. */
			if (push(&l->asked, &l->n_asked, &l->room_asked,
				 v) == 0)
				continue;
		}
		volume_unref(v);
	}
	l->n_changed = kept;
}

/* In one commit, and not over what jobs stored while the listing ran: they may
 * have given the volume another name, or taken it away. */
static int store_changed(struct listing *l, struct err *err)
{
	struct store_batch *b = store_batch_new();
	int r = 0;

	writers_hold(l->s, 0);
	for (size_t i = 0; i < l->n_changed && r == 0; i++) {
		struct volume *v = l->changed[i], *now;

		now = service_volume_of(l->s, v->node);
		if (now && !volume_touched_since(l->s, v, l->began))
			r = volume_facts_row(b, l->s, v->node->serial, v->name,
					     &v->f, err);
		volume_unref(now);
	}
	if (r == 0)
		r = store_commit(l->s->engine->store, STEAL(b), err);
	writers_release(l->s, 0);
	store_batch_free(b);
	return r;
}

static int apply_changed(struct listing *l, struct err *err)
{
	int r = l->n_changed ? store_changed(l, err) : 0;

	for (size_t i = 0; i < l->n_changed && r == 0; i++) {
		struct volume *v = l->changed[i];
		bool gone = v->local && v->local->gone;

		volume_update(l->s, v->node->serial,
			      &(struct volume_update){
				      .facts = &v->f, .since = l->began,
				      .local = gone ? found_again : NULL,
				      .store = gone }, NULL);
	}
	return r;
}

/* A volume whose name at the service changed: takes it, unless it is in use
 * here, for a path in use means the same volume until that is gone. */
static void apply_renames(struct listing *l, struct volume **some, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t serial = some[i]->node->serial;
		struct volume *v = service_volume(l->s, serial);
		char name[NAME_BYTES_MAX + 1];

		if (!v)
			continue;
		if (v->f.name && !volume_is_mounted(v) &&
		    !volume_is_attached(v) && !volume_has_job(l->s, serial) &&
		    name_escape(v->f.name, strlen(v->f.name), name,
				sizeof(name)) > 0 &&
		    strcmp(name, v->name) != 0) {
			char old[NAME_BYTES_MAX + 1], alias[NAME_BYTES_MAX * 2];

			snprintf(old, sizeof(old), "%s", v->name);
			snprintf(alias, sizeof(alias), "%s@%s", name, v->f.id);
			service_pick_name(l->s, v->f.name, v->f.id, serial,
					  name);
			if (strcmp(old, alias) != 0)
				volume_rename(l->s, serial, name, NULL, true,
					      NULL);
			service_release_name(l->s, name);
		}
		volume_unref(v);
	}
}

static int cmp_age(const void *a, const void *b)
{
	const struct volume *x = *(void *const *)a, *y = *(void *const *)b;

	if (x->f.created_at_s != y->f.created_at_s)
		return x->f.created_at_s < y->f.created_at_s ? -1 : 1;
	return x->node->serial < y->node->serial ? -1 : 1;
}

static int cmp_raw_name(const void *a, const void *b)
{
	const struct volume *x = *(void *const *)a, *y = *(void *const *)b;
	int c = strcmp(x->f.name ? x->f.name : "", y->f.name ? y->f.name : "");

	return c ? c : cmp_age(a, b);
}

/* Names for the newcomers, in @names; of equal ones the oldest has it as it is.
 * All before any volume is made: what is freed when they are shown lies together
 * then, and goes back to the system. */
static int pick_names(struct listing *l, char **names, struct err *err)
{
	qsort(l->found, l->n_found, sizeof(void *), cmp_raw_name);
	for (size_t i = 0; i < l->n_found; i++) {
		const struct volume *v = l->found[i];
		char name[NAME_BYTES_MAX + 1];

		service_pick_name(l->s, v->f.name, v->f.id, v->node->serial,
				  name);
		names[i] = strdup(name);
		if (names[i])
			continue;
		service_release_name(l->s, name);
		return err_oom(err);
	}
	return 0;
}

static void release_names(struct listing *l, char **names)
{
	for (size_t i = 0; i < l->n_found; i++) {
		if (names[i])
			service_release_name(l->s, names[i]);
		free(names[i]);
	}
	free(names);
}

static int name_found(struct listing *l, char *const *names, struct err *err)
{
	for (size_t i = 0; i < l->n_found; i++) {
		struct volume *v = l->found[i], *named;

		named = volume_new(v->node, names[i], &v->f, NULL, NULL);
		if (!named)
			return err_oom(err);
		named->changed_at_s = named->entries_at_s =
			named->state_since_s = clock_unix_s();
		volume_unref(v);
		l->found[i] = named;
	}
	return 0;
}

/* Those that a job has come to know while the listing ran. */
static void drop_known(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n_found; i++) {
		struct volume *v = service_volume_by_id(l->s,
							l->found[i]->f.id);

		if (v)
			volume_unref(l->found[i]);
		else
			l->found[kept++] = l->found[i];
		volume_unref(v);
	}
	l->n_found = kept;
}

static int show_found(struct listing *l, struct err *err)
{
	struct change *c;
	struct store_batch *b;
	int r = 0;

	c = calloc(l->n_found, sizeof(*c));
	b = store_batch_new();
	for (size_t i = 0; i < l->n_found && r == 0; i++)
		r = volume_facts_row(b, l->s, l->found[i]->node->serial,
				     l->found[i]->name, &l->found[i]->f, err);
	if (r < 0 || !c)
		store_batch_free(b);
	else
		r = store_commit(l->s->engine->store, b, err);
	if (r == 0 && c)
		r = service_add_all(l->s, l->found, l->n_found, err);
	for (size_t i = 0; i < l->n_found && r == 0 && c; i++) {
		c[i] = (struct change){ .kind = CHANGE_VOLUME_ADDED,
					.svc = l->s,
					.serial = l->found[i]->node->serial,
					.given = &l->found[i]->node->given };
		if (l->n_found <= 1000)
			event_add(l->s->engine, l->s, l->found[i], "appeared",
				  "", "", 0, 0, "");
	}
	if (r == 0 && c)
		publish(l->s->engine, c, l->n_found);
	free(c);
	return c ? r : err_oom(err);
}

static int apply_found(struct listing *l, struct err *err)
{
	char **names;
	int r;

	drop_known(l);
	if (!l->n_found)
		return 0;
	names = calloc(l->n_found, sizeof(*names));
	if (!names)
		return err_oom(err);
	r = pick_names(l, names, err);
	if (r == 0)
		r = name_found(l, names, err);
	if (r == 0)
		r = show_found(l, err);
	release_names(l, names);
	return r;
}

static void set_gone(struct volume_local *l, void *arg)
{
	l->gone = true;
}

/* Is a volume that the listing did not show really gone? */
static bool is_gone(struct listing *l, struct volume *v, size_t missing)
{
	struct service *s = l->s;
	struct take t = { .svc = s, .serial = v->node->serial,
			  .since = l->began };
	struct volume_sink sink = take_sink(&t);
	struct call c = verify_call(l);
	struct err err = ERR_INIT;
	int r;

	if (s->provider->get && missing <= VERIFY_MAX) {
		if (l->unanswered)
			return false;
		service_enter(s);
		r = s->provider->get(s->session, &c, v->f.id, &sink, &err);
		service_leave(s);
		take_done(&t);
		note_answer(l, r);
		return r == -ENOENT;
	}
	return clock_unix_s() - v->state_since_s > GRACE_S;
}

static void apply_missing(struct listing *l)
{
	struct service *s = l->s;
	struct volume_node **drop = NULL;
	size_t n = 0, missing = 0;

	for (size_t i = 0; i < l->inv->n_volumes; i++)
		missing += !l->seen[i];
	if (!missing)
		return;
	drop = calloc(missing, sizeof(*drop));
	for (size_t i = 0; i < l->inv->n_volumes && drop; i++) {
		struct volume *v;

		if (l->seen[i])
			continue;
		v = service_volume(s, l->inv->by_serial[i]->serial);
		if (!v)
			continue;
		if (!v->f.id ||
		    volume_touched_since(s, v, l->began) ||
		    (v->local && v->local->gone) || !is_gone(l, v, missing)) {
			volume_unref(v);
			continue;
		}
		if (volume_is_mounted(v) || volume_is_attached(v))
			volume_update(s, v->node->serial,
				      &(struct volume_update){
					      .local = set_gone,
					      .store = true,
					      .event = "lost" }, NULL);
		else
			drop[n++] = volume_node_ref(v->node);
		volume_unref(v);
	}
	if (n)
		service_forget(s, drop, n, "disappeared");
	for (size_t i = 0; i < n; i++)
		volume_node_unref(drop[i]);
	free(drop);
}

/* Those gone, and those whose volume came or went: a snapshot that moves
 * between a volume's directory and .snapshots is a new appearance. */
static void forget_snapshots(struct listing *l, struct err *err)
{
	struct service *s = l->s;
	struct snapshot **gone = calloc(l->inv->n_snapshots + 1,
					sizeof(*gone));
	size_t n = 0;

	for (size_t i = 0; gone && i < l->inv->n_snapshots; i++) {
		struct snapshot *old = l->by_id[i];
		struct snapshot *sn = service_snapshot(s, old->serial);
		bool moved;

		if (!sn)
			continue;
		moved = snapshot_volume_serial(s, &sn->f) != sn->volume_serial;
		/* One that got its id meanwhile is not in this listing; one
		 * that a job has, which may wait since a crash, is its own. */
		if (!sn->f.id || !l->by_id[i]->f.id || sn->job ||
		    snapshot_has_job(s, sn->serial) ||
		    (l->seen_snapshot[i] && !moved)) {
			snapshot_unref(sn);
			continue;
		}
		if (moved && l->seen_snapshot[i]) {
			struct snapshot *again = snapshot_make(s, &sn->f, 0,
							       "", err);

			if (again) {
				again->protect = sn->protect;
				push(&l->new_snaps, &l->n_snaps,
				     &l->room_snaps, again);
			}
		}
		gone[n++] = sn;
	}
	if (n)
		snapshots_forget(s, gone, n);
	for (size_t i = 0; i < n; i++)
		snapshot_unref(gone[i]);
	free(gone);
}

static int cmp_snapshot_name(const void *a, const void *b)
{
	const struct snapshot *x = *(void *const *)a, *y = *(void *const *)b;
	int c;

	if (x->volume_serial != y->volume_serial)
		return x->volume_serial < y->volume_serial ? -1 : 1;
	c = strcmp(x->name, y->name);
	return c ? c : x->serial < y->serial ? -1 : 1;
}

/* Of the newcomers that got one name, all but the first have their id. */
static void rename_twins(struct snapshot **new, size_t n)
{
	if (n)
		qsort(new, n, sizeof(*new), cmp_snapshot_name);
	for (size_t i = n; i-- > 1;) {
		struct snapshot *sn = new[i], *other;
		char name[NAME_BYTES_MAX + 1];

		if (new[i - 1]->volume_serial != sn->volume_serial ||
		    strcmp(new[i - 1]->name, sn->name) != 0 ||
		    name_escape(sn->f.id, strlen(sn->f.id), name,
				sizeof(name)) < 0)
			continue;
		other = snapshot_new(sn->serial, sn->given, sn->volume_serial,
				     name, &sn->f);
		if (!other)
			continue;
		other->protect = sn->protect;
		other->changed_at_s = sn->changed_at_s;
		new[i] = other;
		snapshot_unref(sn);
	}
}

static void apply_snapshots(struct listing *l, struct err *err)
{
	struct service *s = l->s;
	size_t n = 0;

	forget_snapshots(l, err);
	LOCK_SCOPE(&s->engine->snapshots_lock);
	for (size_t i = 0; i < l->n_snaps; i++) {
		struct snapshot *raw = l->new_snaps[i], *sn;
		char name[NAME_BYTES_MAX + 1];
		uint64_t volume = snapshot_volume_serial(s, &raw->f);

		sn = service_snapshot_like(s, &raw->f);
		if (!sn) {
			snapshot_pick_name(s, volume, &raw->f, name);
			sn = snapshot_new(raw->serial, raw->given, volume,
					  name, &raw->f);
			if (sn) {
				sn->protect = raw->protect;
				sn->changed_at_s = clock_unix_s();
				l->new_snaps[n++] = STEAL(sn);
			}
		}
		snapshot_unref(sn);
		snapshot_unref(raw);
	}
	l->n_snaps = n;
	rename_twins(l->new_snaps, n);
	if (n)
		snapshots_add(s, l->new_snaps, n, err);
}

static void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->n_changed; i++)
		volume_unref(l->changed[i]);
	for (size_t i = 0; i < l->n_asked; i++)
		volume_unref(l->asked[i]);
	for (size_t i = 0; i < l->n_found; i++)
		volume_unref(l->found[i]);
	for (size_t i = 0; i < l->n_snaps; i++)
		snapshot_unref(l->new_snaps[i]);
	free(l->changed);
	free(l->asked);
	free(l->found);
	free(l->new_snaps);
	free(l->seen);
	free(l->seen_snapshot);
	free(l->by_id);
	inventory_unref(l->inv);
}

static int list_and_apply(struct service *s, const struct call *c,
			  struct err *err)
{
	struct listing l = { .s = s, .call = c };
	struct volume_sink sink = { list_volume, list_snapshot, &l };
	int r;

	pthread_mutex_lock(&s->lock);
	l.inv = inventory_ref(s->inv);
	l.began = s->clock;
	pthread_mutex_unlock(&s->lock);
	l.seen = calloc(l.inv->n_volumes + 1, sizeof(bool));
	l.seen_snapshot = calloc(l.inv->n_snapshots + 1, sizeof(bool));
	l.by_id = calloc(l.inv->n_snapshots + 1, sizeof(void *));
	if (!l.seen || !l.seen_snapshot || !l.by_id) {
		listing_done(&l);
		return err_oom(err);
	}
	for (size_t i = 0; i < l.inv->n_snapshots; i++)
		l.by_id[i] = l.inv->snapshots[i];
	qsort(l.by_id, l.inv->n_snapshots, sizeof(void *), cmp_snapshot_id);
	service_enter(s);
	atomic_store(&s->heard_ms, clock_ms());
	timer_kick(s->engine);
	r = s->provider->list(s->session, c, &sink, err);
	atomic_store(&s->heard_ms, 0);
	service_leave(s);
	if (r >= 0) {
		drop_late(&l);
		r = apply_changed(&l, err);
	}
	if (r >= 0) {
		apply_renames(&l, l.changed, l.n_changed);
		apply_renames(&l, l.asked, l.n_asked);
		r = apply_found(&l, err);
	}
	if (r >= 0) {
		apply_missing(&l);
		apply_snapshots(&l, err);
	}
	listing_done(&l);
	/* The replies, and what was compared with them: many megabytes that
	 * the next listing takes again, and the daemon does not keep. */
	malloc_trim(0);
	return r < 0 ? r : 0;
}

/* ---- when ---- */

static enum service_state state_of(int num)
{
	switch (num) {
	case 0:
		return SERVICE_OK;
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return SERVICE_UNREACHABLE;
	default:
		return SERVICE_DEGRADED;
	}
}

static void note_result(struct service *s, const struct err *err,
			int64_t took_ms)
{
	enum service_state was, is;
	uint64_t refresh_ms = s->config->core.refresh_ms;
	char text[32];

	pthread_mutex_lock(&s->lock);
	was = s->state;
	if (!s->refuses)
		s->state = state_of(err->num);
	is = s->state;
	s->refresh_err = *err;
	s->refreshes++;
	s->listing = s->silent = false;
	if (!err->num) {
		s->observed_at_s = clock_unix_s();
		s->observed_here = true;
		s->latency_ms = took_ms;
		s->failures = 0;
	} else {
		s->failures++;
	}
	if (err->num == EAGAIN)
		s->throttled_until_s = clock_unix_s() + 5;
	else
		s->throttled_until_s = 0;
	s->next_refresh_ms = refresh_ms ? clock_ms() + refresh_ms : INT64_MAX;
	if (s->failures && refresh_ms) {
		int64_t back = 1000LL << (s->failures < 9 ? s->failures : 9);
		int64_t most = (int64_t)refresh_ms * 5;

		most = most < 5000 ? 5000 : most;
		most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
		s->next_refresh_ms = clock_ms() + (back < most ? back : most);
	}
	snprintf(text, sizeof(text), "%" PRId64, s->observed_at_s);
	pthread_cond_broadcast(&s->refreshed);
	pthread_mutex_unlock(&s->lock);
	if (!err->num) {
		struct store_batch *b = store_batch_new();

		store_batch_put(b, "observed", s->name, text, strlen(text));
		store_commit(s->engine->store, b, NULL);
	}
	if (was != is)
		log_info("service '%s' is %s%s%s", s->name,
			 service_state_name(is), err->num ? ": " : "",
			 err->text);
	if (err->num)
		service_set_fault(s, "refresh", 0, err);
	else
		service_clear_fault(s, "refresh");
	if (was != is)
		publish_service(s);
}

/* ---- a service that says nothing ---- */

/* Four times what it took the last time, within reason. */
static int64_t patience_ms(const struct service *s)
{
	int64_t ms = s->latency_ms * 4;

	return ms < SILENT_MIN_MS ? SILENT_MIN_MS
	       : ms > SILENT_MAX_MS ? SILENT_MAX_MS : ms;
}

int64_t refresh_watch(struct service *s, int64_t now_ms, bool *silent)
{
	int64_t heard_ms = atomic_load(&s->heard_ms);

	*silent = false;
	if (!heard_ms || s->silent)
		return INT64_MAX;
	*silent = now_ms >= heard_ms + patience_ms(s);
	return *silent ? INT64_MAX : heard_ms + patience_ms(s);
}

void refresh_tell_silent(void *arg)
{
	struct service *s = arg;
	struct err err = ERR_INIT;
	bool silent;

	pthread_mutex_lock(&s->lock);
	refresh_watch(s, clock_ms(), &silent);
	if (silent) {
		s->silent = true;
		s->state = SERVICE_DEGRADED;
		err_set(&err, ETIMEDOUT, "list '%s': the service has not "
			"answered for %" PRId64 " s; what is shown is what was "
			"known before; the listing waits on, for %d s in all",
			s->name, patience_ms(s) / 1000, LIST_MS / 1000);
	}
	pthread_mutex_unlock(&s->lock);
	if (silent) {
		log_warn("%s", err.text);
		service_set_fault(s, "refresh", 0, &err);
	}
	service_unref(s);
}

static void refresh_run(void *arg)
{
	struct service *s = arg;
	struct call c = { .deadline_ms = clock_ms() + LIST_MS, .token = "",
			  .job = "", .cancel = &s->engine->stopping };
	struct err err = ERR_INIT;
	int64_t began = clock_ms();
	bool again;

	pthread_mutex_lock(&s->lock);
	s->refresh_again = false;
	s->listing = true;
	pthread_mutex_unlock(&s->lock);
	if (list_and_apply(s, &c, &err) == 0)
		err.num = 0;
	else
		err_wrap(&err, "list '%s'", s->name);
	note_result(s, &err, clock_ms() - began);
	service_whoami(s, &c, &err);
	name_care_go_on(s);
	usage_measure(s, &c);
	pthread_mutex_lock(&s->lock);
	again = s->refresh_again && !s->engine->stopping;
	s->refresh_again = false;
	s->refreshing = again;
	pthread_cond_broadcast(&s->refreshed);
	pthread_mutex_unlock(&s->lock);
	if (again && pool_run(s->engine->pool, refresh_run, s) == 0)
		return;
	if (again) {
		pthread_mutex_lock(&s->lock);
		s->refreshing = false;
		pthread_mutex_unlock(&s->lock);
	}
	service_leave_if_retired(s);
	/* It left this service out while the refresh ran. */
	timer_kick(s->engine);
	service_unref(s);
}

void refresh_start(struct service *s)
{
	bool go;

	if (!service_is_open(s))
		return;
	pthread_mutex_lock(&s->lock);
	go = !s->refreshing;
	s->refreshing = true;
	pthread_mutex_unlock(&s->lock);
	if (go && pool_run(s->engine->pool, refresh_run, service_ref(s)) < 0) {
		pthread_mutex_lock(&s->lock);
		s->refreshing = false;
		s->next_refresh_ms = clock_ms() + AGAIN_MS;
		pthread_mutex_unlock(&s->lock);
		timer_kick(s->engine);
		service_unref(s);
	}
}

void refresh_schedule(struct service *s, int64_t in_ms)
{
	int64_t at = clock_ms() + in_ms;

	pthread_mutex_lock(&s->lock);
	if (at < s->next_refresh_ms)
		s->next_refresh_ms = at;
	pthread_mutex_unlock(&s->lock);
	timer_kick(s->engine);
}

int refresh_now(struct service *s, const struct call *c, struct err *err)
{
	uint64_t want;
	int r;

	if (!service_is_open(s))
		return err_set(err, EINVAL, "service '%s' is misconfigured: "
			       "see its .error", s->name);
	pthread_mutex_lock(&s->lock);
	/* A listing that runs already may be too old for us; a refresh that is
	 * before or behind its listing is not. */
	want = s->refreshes + (s->listing ? 2 : 1);
	if (s->refreshing)
		s->refresh_again = true;
	pthread_mutex_unlock(&s->lock);
	refresh_start(s);
	pthread_mutex_lock(&s->lock);
	while (s->refreshes < want) {
		struct timespec t = clock_timespec(clock_ms() + 100);

		if (call_check(c, err) < 0) {
			pthread_mutex_unlock(&s->lock);
			return -err->num;
		}
		pthread_cond_timedwait(&s->refreshed, &s->lock, &t);
	}
	r = -s->refresh_err.num;
	if (r < 0)
		*err = s->refresh_err;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int ask_one(struct service *s, const struct call *c, uint64_t serial,
		   uint64_t since, struct err *err)
{
	struct volume *v = service_volume(s, serial);
	struct take t = { .svc = s, .serial = serial, .since = since };
	struct volume_sink sink = take_sink(&t);
	int r;

	if (!v)
		return err_set(err, ESTALE, "the volume is gone");
	if (!v->f.id || !s->provider->get) {
		volume_unref(v);
		return refresh_now(s, c, err);
	}
	service_enter(s);
	r = s->provider->get(s->session, c, v->f.id, &sink, err);
	service_leave(s);
	take_done(&t);
	volume_unref(v);
	return r < 0 ? r : 0;
}

int refresh_one(struct service *s, const struct call *c, uint64_t serial,
		struct err *err)
{
	return ask_one(s, c, serial, 0, err);
}
