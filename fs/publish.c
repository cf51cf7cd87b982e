/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/provider.h"
#include "fs/opens.h"
#include "fs/session.h"

/*
 * A written answer is not yet an applied one. Until its client has run, a push
 * finds no node to drop (one that is there compares versions and drops the old
 * attributes itself), or a listing that is not kept yet. What that may have met
 * is pushed again: once before the writer is answered, where somebody was
 * answered just now, and twice a while later, should his client sleep longer.
 */
#define APPLY_NS 2000000
#define AGAIN_MAX 8192
#define AGAIN_AFTER_MS 20
#define AGAIN_LAST_MS 1000
#define MISSED_MAX 512

struct again {
	uint64_t ino;
	int64_t due_ms;
	bool entries;
};

/* In the order of their time: one that waits long is in nobody's way. */
struct ring {
	size_t first, n;
	struct again all[AGAIN_MAX];
};

struct publisher {
	struct fs *fs;
	pthread_t thread;
	pthread_mutex_t lock;        /* all below */
	pthread_cond_t wake;
	bool stop;
	struct ring soon, last;
};

static void ring_put(struct ring *r, uint64_t ino, bool entries, int wait_ms)
{
	if (r->n == AGAIN_MAX)
		return;
	r->all[(r->first + r->n++) % AGAIN_MAX] = (struct again){
		.ino = ino, .entries = entries, .due_ms = clock_ms() + wait_ms,
	};
}

static void again_add(struct publisher *p, uint64_t ino, bool entries)
{
	if (!p)
		return;
	LOCK_SCOPE(&p->lock);
	ring_put(&p->soon, ino, entries, AGAIN_AFTER_MS);
	if (p->soon.n == 1)
		pthread_cond_signal(&p->wake);
}

/* The ring whose first is due first; NULL: both are empty. */
static struct ring *ring_first(struct publisher *p)
{
	struct ring *soon = &p->soon, *last = &p->last;

	if (soon->n == 0 || last->n == 0)
		return soon->n ? soon : last->n ? last : NULL;
	return soon->all[soon->first].due_ms <= last->all[last->first].due_ms
		? soon : last;
}

/* The next to push, waiting for it; false: the end. */
static bool again_take(struct publisher *p, struct again *out)
{
	LOCK_SCOPE(&p->lock);
	for (;;) {
		struct ring *r = ring_first(p);
		struct timespec until;

		if (p->stop)
			return false;
		if (!r) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		*out = r->all[r->first];
		if (out->due_ms <= clock_ms()) {
			r->first = (r->first + 1) % AGAIN_MAX;
			r->n--;
			if (r == &p->soon)
				ring_put(&p->last, out->ino, out->entries,
					 AGAIN_LAST_MS);
			return true;
		}
		until = clock_timespec(out->due_ms);
		pthread_cond_timedwait(&p->wake, &p->lock, &until);
	}
}

static void *again_run(void *arg)
{
	struct publisher *p = arg;
	struct again a;

	while (again_take(p, &a))
		session_inval(p->fs->session, a.ino, a.entries);
	return NULL;
}

struct publisher *publisher_new(struct fs *fs, struct err *err)
{
	struct publisher *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	pthread_attr_t small;
	int r;

	if (!p) {
		err_oom(err);
		return NULL;
	}
	p->fs = fs;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 128 * 1024);
	r = pthread_create(&p->thread, &small, again_run, p);
	pthread_attr_destroy(&small);
	if (r) {
		err_errno(err, r, "start the publishing thread");
		free(p);
		return NULL;
	}
	return p;
}

void publisher_free(struct publisher *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}

/* ---- pushing ---- */

static void wake_poller(void *arg, uint64_t kh)
{
	session_wake(arg, kh);
}

static _Thread_local struct {
	uint64_t ino;
	bool entries;
} missed[MISSED_MAX];
static _Thread_local unsigned n_missed;

static void missed_push(struct fs *fs)
{
	int64_t wait_ns = APPLY_NS - session_quiet_ns(fs->session);

	if (n_missed && wait_ns > 0) {
		nanosleep(&(struct timespec){ .tv_nsec = wait_ns }, NULL);
		for (unsigned i = 0; i < n_missed; i++)
			session_inval(fs->session, missed[i].ino,
				      missed[i].entries);
	}
	n_missed = 0;
}

static void push(struct fs *fs, uint64_t ino, bool entries)
{
	bool known = session_inval(fs->session, ino, entries);

	if (entries || !known) {
		again_add(fs->publisher, ino, entries);
		if (n_missed < MISSED_MAX) {
			missed[n_missed].ino = ino;
			missed[n_missed++].entries = entries;
		}
	}
	opens_changed(fs->opens, ino, wake_poller, fs->session);
}

/* Those of @mask that the kernel has been given. */
static void push_given(struct fs *fs, unsigned service, uint64_t serial,
		       uint64_t given, uint64_t mask, bool entries)
{
	uint64_t bits = given & mask;

	while (bits) {
		unsigned index = (unsigned)__builtin_ctzll(bits);

		bits &= bits - 1;
		push(fs, node_make(service, serial, index), entries);
	}
}

#define BIT(index) (UINT64_C(1) << (index))
#define VOLUME_DIRS (BIT(VOLUME_DIR) | BIT(VOLUME_SNAPSHOTS))
#define SNAPSHOT_DIRS BIT(SNAPSHOT_DIR)
#define ALL (~UINT64_C(0))

static void push_daemon(struct fs *fs, uint64_t mask, bool entries)
{
	push_given(fs, 0, 0, fs->given_daemon, mask, entries);
}

static void push_service(struct fs *fs, struct service *svc, uint64_t mask,
			 bool entries)
{
	unsigned number = service_number(svc);

	push_given(fs, number, 0, fs->given_service[number], mask, entries);
}

static uint64_t given_of(const struct change *c)
{
	return c->given ? atomic_load(c->given) : 0;
}

/* The counts of a service are in its .status, services in the README. */
static void push_counts(struct fs *fs, struct service *svc)
{
	push_service(fs, svc, BIT(SERVICE_STATUS), false);
}

static void volume_changed(struct fs *fs, const struct change *c)
{
	unsigned number = service_number(c->svc);
	uint64_t given = given_of(c);

	switch (c->kind) {
	case CHANGE_VOLUME_ENTRIES:
		push_given(fs, number, c->serial, given, VOLUME_DIRS, true);
		push_given(fs, number, c->serial, given, ~VOLUME_DIRS, false);
		break;
	case CHANGE_VOLUME_ADDED:
	case CHANGE_VOLUME_GONE:
	case CHANGE_VOLUME_RENAMED:
		push_service(fs, c->svc, BIT(SERVICE_DIR) | BIT(SERVICE_BY_ID) |
			     BIT(SERVICE_SNAPSHOTS), true);
		push_given(fs, number, c->serial, given, VOLUME_DIRS,
			   c->kind != CHANGE_VOLUME_ADDED);
		push_given(fs, number, c->serial, given, ~VOLUME_DIRS, false);
		push_counts(fs, c->svc);
		break;
	default:
		push_given(fs, number, c->serial, given, ALL, false);
	}
}

static void snapshot_changed(struct fs *fs, const struct change *c)
{
	unsigned number = service_number(c->svc);
	uint64_t given = given_of(c);
	struct volume *vol;

	push_given(fs, number, c->serial, given, SNAPSHOT_DIRS,
		   c->kind != CHANGE_SNAPSHOT);
	push_given(fs, number, c->serial, given, ~SNAPSHOT_DIRS, false);
	/* The volume's status tells of its latest one. */
	vol = c->volume_serial ? service_volume(c->svc, c->volume_serial)
			       : NULL;
	if (vol) {
		uint64_t has = atomic_load(&vol->node->given);

		push_given(fs, number, c->volume_serial, has,
			   BIT(VOLUME_STATUS), false);
		if (c->kind != CHANGE_SNAPSHOT)
			push_given(fs, number, c->volume_serial, has,
				   BIT(VOLUME_SNAPSHOTS), true);
		volume_unref(vol);
	}
	if (c->kind == CHANGE_SNAPSHOT)
		return;
	push_service(fs, c->svc, BIT(SERVICE_SNAPSHOTS), true);
	push_counts(fs, c->svc);
}

/* Every node of the service that the kernel has and @mask names. */
static void push_all_volumes(struct fs *fs, struct service *svc, uint64_t mask)
{
	AUTO(auto_inventory) struct inventory *inv = service_inventory(svc);
	unsigned number = service_number(svc);

	for (size_t i = 0; i < inv->n_volumes; i++) {
		struct volume_node *n = inv->by_serial[i];

		push_given(fs, number, n->serial, atomic_load(&n->given),
			   mask, false);
	}
	for (size_t i = 0; i < inv->n_snapshots; i++) {
		const struct snapshot *s = inv->snapshots[i];

		if (s->given)
			push_given(fs, number, s->serial,
				   atomic_load(s->given), mask, false);
	}
}

/* Has it changed what each volume's status says of the service? */
static bool stale_changed(struct fs *fs, struct service *svc)
{
	const char *reason = NULL;
	int64_t at_s;
	bool stale;
	uint32_t now = 1;

	service_observed(svc, &at_s, &stale, &reason);
	now += stale;
	for (const char *p = stale && reason ? reason : ""; *p; p++)
		now = now * 31 + (unsigned char)*p;
	return atomic_exchange(&fs->stale_of_service[service_number(svc)],
			       now) != now;
}

static void service_changed(struct fs *fs, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_SERVICE_ADDED:
	case CHANGE_SERVICE_GONE:
		push_daemon(fs, BIT(DAEMON_ROOT), true);
		push_daemon(fs, BIT(DAEMON_README) | BIT(DAEMON_STATUS),
			    false);
		push_service(fs, c->svc, ALL, false);
		break;
	case CHANGE_MODES:
		push_service(fs, c->svc, ALL, false);
		push_all_volumes(fs, c->svc, ALL);
		break;
	default:
		push_service(fs, c->svc, BIT(SERVICE_STATUS) |
			     BIT(SERVICE_ERROR) | BIT(SERVICE_README), false);
		if (stale_changed(fs, c->svc))
			push_all_volumes(fs, c->svc, BIT(VOLUME_STATUS) |
					 BIT(SNAPSHOT_STATUS));
	}
}

static void job_changed(struct fs *fs, const struct change *c)
{
	uint64_t id = c->serial;
	bool given = atomic_load(&fs->given_jobs[id / 64 % 64]) &
		     UINT64_C(1) << (id % 64);

	if (given) {
		push(fs, node_make(0, id, JOB_DIR),
		     c->kind == CHANGE_JOB_GONE);
		push(fs, node_make(0, id, JOB_STATUS), false);
		push(fs, node_make(0, id, JOB_CANCEL), false);
	}
	if (c->kind != CHANGE_JOB)
		push_daemon(fs, BIT(DAEMON_JOBS), true);
}

static void changed(struct fs *fs, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_VOLUME:
	case CHANGE_VOLUME_ADDED:
	case CHANGE_VOLUME_GONE:
	case CHANGE_VOLUME_RENAMED:
	case CHANGE_VOLUME_ENTRIES:
		volume_changed(fs, c);
		break;
	case CHANGE_SNAPSHOT:
	case CHANGE_SNAPSHOT_ADDED:
	case CHANGE_SNAPSHOT_GONE:
		snapshot_changed(fs, c);
		break;
	case CHANGE_SERVICE:
	case CHANGE_SERVICE_ADDED:
	case CHANGE_SERVICE_GONE:
	case CHANGE_MODES:
		if (c->svc)
			service_changed(fs, c);
		else
			push_daemon(fs, ALL, false);
		break;
	case CHANGE_JOB:
	case CHANGE_JOB_ADDED:
	case CHANGE_JOB_GONE:
		job_changed(fs, c);
		break;
	case CHANGE_DAEMON:
		push_daemon(fs, BIT(DAEMON_STATUS) | BIT(DAEMON_CONFIG) |
			    BIT(DAEMON_MOUNTS) | BIT(DAEMON_DEVICES) |
			    BIT(DAEMON_METRICS) | BIT(DAEMON_README), false);
		break;
	case CHANGE_EVENTS:
		push_daemon(fs, BIT(DAEMON_EVENTS) | BIT(DAEMON_EVENTS_OLD),
			    false);
		if (engine_events_size(fs->engine, 1) &&
		    !atomic_exchange(&fs->old_events_shown, true))
			push_daemon(fs, BIT(DAEMON_DIR), true);
		break;
	}
}

/* What mtimes of the daemon's own files say: before the barrier, so that an
 * answer made after it has the new one. */
static void note_times(struct fs *fs, const struct change *c)
{
	int64_t now_s = clock_unix_s();

	switch (c->kind) {
	case CHANGE_SERVICE_ADDED:
	case CHANGE_SERVICE_GONE:
		atomic_store(&fs->root_at_s, now_s);
		break;
	case CHANGE_JOB_ADDED:
	case CHANGE_JOB_GONE:
		atomic_store(&fs->jobs_at_s, now_s);
		break;
	case CHANGE_DAEMON:
		atomic_store(&fs->daemon_at_s, now_s);
		break;
	case CHANGE_EVENTS:
		atomic_store(&fs->events_at_s, now_s);
		break;
	default:
		break;
	}
}

void publish_changed(void *arg, const struct change *c, size_t n)
{
	struct fs *fs = arg;

	for (size_t i = 0; i < n; i++)
		note_times(fs, &c[i]);
	if (!fs->session)
		return;
	session_barrier(fs->session);
	for (size_t i = 0; i < n; i++)
		changed(fs, &c[i]);
	missed_push(fs);
}
