/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_engine.h. */
#include "fake_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"

#define VOLUMES_MAX 200000
#define FAKE_SERVICES 2
#define JOBS_MAX 1024

int fake_delay_ms;
struct service_options fake_options = {
	.dir_mode = 0755, .status_mode = 0444, .setting_mode = 0644,
	.verb_mode = 0644, .secret_mode = 0200, .tenant_mode = 0440,
	.size_bytes = UINT64_C(16) << 30, .mode = 0755, .refresh_ms = 60000,
};
struct core_options fake_core_options = {
	.dir_mode = 0755, .status_mode = 0444, .tenant_mode = 0440,
	.verb_mode = 0644,
};

struct service {
	struct engine *engine;
	unsigned number;
	const char *name;
	const struct provider *provider;
	struct volume **volumes;         /* by serial */
	size_t n_volumes;
	struct snapshot **snapshots;
	size_t n_snapshots;
	int64_t entries_at_s;
};

struct engine {
	struct engine_host host;
	atomic_uint n_busy;              /* threads that act on it */
	pthread_mutex_t lock;
	struct service services[FAKE_SERVICES];
	struct job_info jobs[JOBS_MAX];
	uint64_t n_jobs, next_serial;
	int64_t started_at_s;
	char events[65536];
	size_t n_events;
};

/* ---- drivers, verbs, settings ---- */

static int never_snapshot(struct session *s, const struct call *c,
			  const struct volume_facts *v, const char *name,
			  const struct volume_sink *out, struct err *err)
{
	return 0;
}

static int never_rename(struct session *s, const struct call *c,
			const struct volume_facts *v, const char *name,
			struct err *err)
{
	return 0;
}

static const struct opt_spec no_options[] = { { NULL } };

static const struct provider provider_full = {
	.name = "full", .title = "a driver that can everything",
	.kind = KIND_BLOCK, .options = no_options,
	.notions = NOTION_TYPE | NOTION_IOPS | NOTION_THROUGHPUT |
		   NOTION_ZONE | NOTION_ENCRYPTED | NOTION_TAGS |
		   NOTION_REGION,
	.changes = FIELD_SIZE | FIELD_TYPE | FIELD_IOPS,
	.snapshot = never_snapshot, .rename = never_rename,
};
static const struct provider provider_bare = {
	.name = "bare", .title = "a driver that can little",
	.kind = KIND_DIRECTORY, .options = no_options,
};
const struct provider *const providers[] = { &provider_full, &provider_bare,
					     NULL };

const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; providers[i]; i++)
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	return NULL;
}

static bool can_snapshot(const struct provider *p)
{
	return p->snapshot != NULL;
}

static bool can_rename(const struct provider *p)
{
	return p->rename != NULL;
}

#define VERB(id, word, where, able)                                     \
	static const struct verb id = {                                 \
		.name = word, .target = where, .can = able,             \
		.help = "Does " word ".", .example = "1",               \
	}
VERB(v_create, "create", TARGET_NAME, NULL);
VERB(v_remove, "remove", TARGET_NAME, NULL);
VERB(v_import, "import", TARGET_NAME, can_rename);
VERB(v_refresh, "refresh", TARGET_SERVICE, NULL);
VERB(v_attach, "attach", TARGET_VOLUME, NULL);
VERB(v_detach, "detach", TARGET_VOLUME, NULL);
VERB(v_mount, "mount", TARGET_VOLUME, NULL);
VERB(v_unmount, "unmount", TARGET_VOLUME, NULL);
VERB(v_set, "set", TARGET_VOLUME, NULL);
VERB(v_cancel, "cancel", TARGET_VOLUME, NULL);
VERB(v_forget, "forget", TARGET_VOLUME, NULL);
VERB(v_rename, "rename", TARGET_VOLUME, can_rename);
VERB(v_snapshot, "snapshot", TARGET_VOLUME, can_snapshot);
VERB(v_sremove, "snapshot-remove", TARGET_SNAPSHOT, can_snapshot);
VERB(v_sprotect, "snapshot-protect", TARGET_SNAPSHOT, can_snapshot);
VERB(v_restore, "restore", TARGET_SNAPSHOT, can_snapshot);
VERB(v_reload, "reload", TARGET_DAEMON, NULL);
VERB(v_down, "down", TARGET_DAEMON, NULL);
VERB(v_jcancel, "job-cancel", TARGET_DAEMON, NULL);

const struct verb *const verbs[] = {
	&v_create, &v_remove, &v_import, &v_refresh, &v_attach, &v_detach,
	&v_mount, &v_unmount, &v_set, &v_cancel, &v_forget, &v_rename,
	&v_snapshot, &v_sremove, &v_sprotect, &v_restore, &v_reload, &v_down,
	&v_jcancel, NULL
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; verbs[i]; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

const struct setting settings[] = {
	{ "size", OPT_SIZE, .field = FIELD_SIZE }, { "type", OPT_STR,
	  .field = FIELD_TYPE }, { "iops", OPT_U64, .field = FIELD_IOPS },
	{ "protect", OPT_BOOL }, { "auto", OPT_BOOL }, { "tags", OPT_STR },
	{ "options", OPT_STR }, { "subpath", OPT_STR }, { "uid", OPT_U64 },
	{ "gid", OPT_U64 }, { "mode", OPT_MODE }, { NULL }
};

const struct setting *setting_find(const char *key)
{
	for (size_t i = 0; settings[i].key; i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

bool setting_is_writable(const struct setting *s, const struct provider *p)
{
	return p && (!s->field || (p->changes & s->field));
}

void verb_usage(const struct verb *v, struct service *svc, const char *path,
		struct buf *out)
{
	size_t start = out->len;

	buf_printf(out, "%s\n%s\nexample: echo %s > %s\n", v->name, v->help,
		   v->example, path);
	while (out->len - start < 511)
		buf_putc(out, ' ');
	buf_putc(out, '\n');
}

/* ---- what readers ask ---- */

struct service *service_ref(struct service *s)
{
	return s;
}

void service_unref(struct service *s)
{
}

unsigned service_number(const struct service *s)
{
	return s->number;
}

const char *service_name(const struct service *s)
{
	return s->name;
}

const struct provider *service_provider(const struct service *s)
{
	return s->provider;
}

const struct service_options *service_options(const struct service *s)
{
	return &fake_options;
}

bool service_notes(const struct service *s, unsigned notion)
{
	return s->provider && provider_notes(s->provider, notion);
}

const char *service_state_name(enum service_state s)
{
	return s == SERVICE_OK ? "ok" : "unreachable";
}

static struct volume **find_volume(struct service *s, uint64_t serial)
{
	size_t low = 0, high = s->n_volumes;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->volumes[mid]->node->serial < serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_volumes && s->volumes[low]->node->serial == serial
		? &s->volumes[low] : NULL;
}

struct volume *service_volume(struct service *s, uint64_t serial)
{
	struct volume **v;

	LOCK_SCOPE(&s->engine->lock);
	v = find_volume(s, serial);
	return v ? volume_ref(*v) : NULL;
}

struct volume *service_volume_of(struct service *s, struct volume_node *node)
{
	return service_volume(s, node->serial);
}

struct volume *service_volume_named(struct service *s, const char *name)
{
	LOCK_SCOPE(&s->engine->lock);
	for (size_t i = 0; i < s->n_volumes; i++)
		if (strcmp(s->volumes[i]->name, name) == 0)
			return volume_ref(s->volumes[i]);
	return NULL;
}

struct volume *service_volume_by_id(struct service *s, const char *id)
{
	LOCK_SCOPE(&s->engine->lock);
	for (size_t i = 0; i < s->n_volumes; i++)
		if (s->volumes[i]->f.id && strcmp(s->volumes[i]->f.id, id) == 0)
			return volume_ref(s->volumes[i]);
	return NULL;
}

struct snapshot *service_snapshot(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->engine->lock);
	for (size_t i = 0; i < s->n_snapshots; i++)
		if (s->snapshots[i]->serial == serial)
			return snapshot_ref(s->snapshots[i]);
	return NULL;
}

struct snapshot *service_snapshot_named(struct service *s, uint64_t volume,
					const char *name)
{
	LOCK_SCOPE(&s->engine->lock);
	for (size_t i = 0; i < s->n_snapshots; i++)
		if (s->snapshots[i]->volume_serial == volume &&
		    strcmp(s->snapshots[i]->name, name) == 0)
			return snapshot_ref(s->snapshots[i]);
	return NULL;
}

size_t service_snapshots_of(struct service *s, uint64_t volume, uint64_t after,
			    struct snapshot **out, size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&s->engine->lock);
	for (size_t i = 0; i < s->n_snapshots && n < max; i++)
		if (s->snapshots[i]->volume_serial == volume &&
		    s->snapshots[i]->serial > after)
			out[n++] = snapshot_ref(s->snapshots[i]);
	return n;
}

struct inventory *service_inventory(struct service *s)
{
	struct inventory *inv = calloc(1, sizeof(*inv));

	LOCK_SCOPE(&s->engine->lock);
	atomic_init(&inv->refs, 1);
	inv->by_serial = calloc(s->n_volumes + 1, sizeof(*inv->by_serial));
	inv->snapshots = calloc(s->n_snapshots + 1, sizeof(*inv->snapshots));
	for (size_t i = 0; i < s->n_volumes; i++)
		inv->by_serial[inv->n_volumes++] =
			volume_node_ref(s->volumes[i]->node);
	for (size_t i = 0; i < s->n_snapshots; i++)
		inv->snapshots[inv->n_snapshots++] =
			snapshot_ref(s->snapshots[i]);
	return inv;
}

void inventory_unref(struct inventory *inv)
{
	if (!inv || atomic_fetch_sub(&inv->refs, 1) != 1)
		return;
	for (size_t i = 0; i < inv->n_volumes; i++)
		volume_node_unref(inv->by_serial[i]);
	for (size_t i = 0; i < inv->n_snapshots; i++)
		snapshot_unref(inv->snapshots[i]);
	free(inv->by_serial);
	free(inv->snapshots);
	free(inv);
}

size_t inventory_after(const struct inventory *inv, uint64_t serial)
{
	size_t i = 0;

	while (i < inv->n_volumes && inv->by_serial[i]->serial <= serial)
		i++;
	return i;
}

void service_info_get(struct service *s, struct service_info *out)
{
	LOCK_SCOPE(&s->engine->lock);
	*out = (struct service_info){
		.state = SERVICE_OK, .observed_at_s = clock_unix_s(),
		.refresh_ms = 60000, .latency_ms = 12,
		.instance.attach_limit = -1,
		.counts = { .volumes = (unsigned)s->n_volumes,
			    .snapshots = (unsigned)s->n_snapshots },
		.bounds = { .quota_volumes = -1, .quota_bytes = -1 },
		.changed_at_s = s->entries_at_s,
		.entries_at_s = s->entries_at_s,
	};
}

void service_info_done(struct service_info *i)
{
}

void service_observed(struct service *s, int64_t *at_s, bool *stale,
		      const char **reason)
{
	*at_s = clock_unix_s();
	*stale = false;
	*reason = NULL;
}

size_t engine_services(struct engine *e, unsigned after, struct service **out,
		       size_t max)
{
	size_t n = 0;

	for (unsigned i = after; i < FAKE_SERVICES && n < max; i++)
		out[n++] = &e->services[i];
	return n;
}

struct service *engine_service(struct engine *e, unsigned number)
{
	return number >= 1 && number <= FAKE_SERVICES ?
		&e->services[number - 1] : NULL;
}

struct service *engine_service_named(struct engine *e, const char *name)
{
	for (unsigned i = 0; i < FAKE_SERVICES; i++)
		if (strcmp(e->services[i].name, name) == 0)
			return &e->services[i];
	return NULL;
}

/* ---- the daemon's files ---- */

#define TEXT(function, text)                                            \
	void function(struct engine *e, struct buf *out)                \
	{                                                               \
		buf_puts(out, text);                                    \
	}
TEXT(engine_config_text, "services: {}\n")
TEXT(engine_mounts_text, "")
TEXT(engine_devices_text, "")
TEXT(engine_metrics_text, "volfs_jobs_total 1\n")

void engine_warnings(struct engine *e, char ***out)
{
	*out = calloc(1, sizeof(**out));
}

const char *engine_store_state(struct engine *e)
{
	return "ok";
}

const char *engine_host_id(struct engine *e)
{
	return "host-1";
}

const struct core_options *engine_core_options(struct engine *e)
{
	return &fake_core_options;
}

int64_t engine_started_at_s(struct engine *e)
{
	return e->started_at_s;
}

uint64_t engine_events_size(struct engine *e, int which)
{
	LOCK_SCOPE(&e->lock);
	return which ? 0 : e->n_events;
}

ssize_t engine_events_read(struct engine *e, int which, char *out, size_t len,
			   uint64_t offset)
{
	LOCK_SCOPE(&e->lock);
	if (which || offset >= e->n_events)
		return 0;
	if (len > e->n_events - offset)
		len = e->n_events - offset;
	memcpy(out, e->events + offset, len);
	return (ssize_t)len;
}

/* ---- jobs ---- */

int engine_job(struct engine *e, uint64_t id, struct job_info *out)
{
	LOCK_SCOPE(&e->lock);
	if (id == 0 || id > e->n_jobs)
		return -ENOENT;
	*out = e->jobs[id - 1];
	out->service = out->service ? strdup(out->service) : NULL;
	out->volume = out->volume ? strdup(out->volume) : NULL;
	out->line = out->line ? strdup(out->line) : NULL;
	return 0;
}

void job_info_done(struct job_info *i)
{
	free(i->service);
	free(i->volume);
	free(i->line);
}

size_t engine_jobs(struct engine *e, uint64_t after, uint64_t *ids, size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&e->lock);
	for (uint64_t i = after + 1; i <= e->n_jobs && n < max; i++)
		ids[n++] = i;
	return n;
}

void engine_volume_jobs(struct engine *e, struct service *svc, uint64_t serial,
			struct buf *out)
{
	LOCK_SCOPE(&e->lock);
	if (e->n_jobs)
		buf_printf(out, "%llu %s done 2026-11-21T04:06:43Z OK\n",
			   (unsigned long long)e->n_jobs,
			   e->jobs[e->n_jobs - 1].verb);
}

/* ---- changes ---- */

void fake_publish(struct engine *e, enum change_kind kind, unsigned service,
		  uint64_t serial)
{
	struct service *s = service ? engine_service(e, service) : NULL;
	struct volume *v = s ? service_volume(s, serial) : NULL;
	struct snapshot *sn = s ? service_snapshot(s, serial) : NULL;
	struct change c = { .kind = kind, .svc = s, .serial = serial };

	if (v)
		c.given = &v->node->given;
	if (sn) {
		c.given = sn->given;
		c.volume_serial = sn->volume_serial;
	}
	if (e->host.changed)
		e->host.changed(e->host.arg, &c, 1);
	volume_unref(v);
	snapshot_unref(sn);
}

static void event(struct engine *e, const char *what)
{
	pthread_mutex_lock(&e->lock);
	if (e->n_events + 100 < sizeof(e->events))
		e->n_events += (size_t)snprintf(e->events + e->n_events, 100,
			"{\"event\":\"%s\"}\n", what);
	pthread_mutex_unlock(&e->lock);
	fake_publish(e, CHANGE_EVENTS, 0, 0);
}

static uint64_t add_quietly(struct engine *e, unsigned service,
			    const char *name, const char *id)
{
	struct service *s = engine_service(e, service);
	struct volume_facts f = {
		.id = id, .name = name, .size_bytes = UINT64_C(1) << 30,
		.iops = 3000, .throughput_bytes_per_s = -1, .encrypted = 0,
		.state = VOLUME_AVAILABLE, .health = HEALTH_OK,
		.type = "gp3", .zone = "z1", .managed = true,
		.created_at_s = clock_unix_s(),
	};
	struct volume_node *node;
	uint64_t serial;

	LOCK_SCOPE(&e->lock);
	serial = ++e->next_serial;
	node = volume_node_new(serial);
	s->volumes[s->n_volumes++] = volume_new(node, name, &f, NULL, NULL);
	volume_node_unref(node);
	s->entries_at_s = clock_unix_s();
	return serial;
}

uint64_t fake_add(struct engine *e, unsigned service, const char *name,
		  const char *id)
{
	uint64_t serial = add_quietly(e, service, name, id);

	fake_publish(e, CHANGE_VOLUME_ADDED, service, serial);
	return serial;
}

uint64_t fake_add_snapshot(struct engine *e, unsigned service,
			   uint64_t volume_serial, const char *name,
			   const char *id)
{
	struct service *s = engine_service(e, service);
	struct snapshot_facts f = {
		.id = id, .name = name, .size_bytes = 4096,
		.progress_percent = 100, .state = SNAPSHOT_AVAILABLE,
		.created_at_s = clock_unix_s(), .managed = true,
	};
	uint64_t serial;

	pthread_mutex_lock(&e->lock);
	serial = ++e->next_serial;
	_Atomic uint64_t *given = given_new();
	s->snapshots = realloc(s->snapshots, (s->n_snapshots + 1) *
			       sizeof(*s->snapshots));
	s->snapshots[s->n_snapshots] = snapshot_new(serial, given,
						    volume_serial, name, &f);
	given_unref(given);
	s->snapshots[s->n_snapshots++]->protect = 1;
	pthread_mutex_unlock(&e->lock);
	fake_publish(e, CHANGE_SNAPSHOT_ADDED, service, serial);
	return serial;
}

void fake_remove(struct engine *e, unsigned service, uint64_t serial)
{
	struct service *s = engine_service(e, service);
	struct volume **at, *v;
	struct change c = { .kind = CHANGE_VOLUME_GONE, .svc = s,
			    .serial = serial };

	pthread_mutex_lock(&e->lock);
	at = find_volume(s, serial);
	v = at ? *at : NULL;
	if (v) {
		memmove(at, at + 1, (size_t)(s->volumes + s->n_volumes - at -
					     1) * sizeof(*at));
		s->n_volumes--;
	}
	pthread_mutex_unlock(&e->lock);
	if (!v)
		return;
	c.given = &v->node->given;
	if (e->host.changed)
		e->host.changed(e->host.arg, &c, 1);
	volume_unref(v);
}

static void replace(struct service *s, uint64_t serial, const char *name,
		    const struct volume_facts *f, struct volume_local *l)
{
	struct volume **at, *old, *v;

	LOCK_SCOPE(&s->engine->lock);
	at = find_volume(s, serial);
	if (!at)
		return;
	old = *at;
	v = volume_new(old->node, name ? name : old->name, f ? f : &old->f,
		       l ? l : old->local, NULL);
	v->changed_at_s = v->entries_at_s = clock_unix_s();
	*at = v;
	volume_unref(old);
}

void fake_swap_size(struct engine *e, unsigned service, uint64_t serial,
		    uint64_t size_bytes, bool publish)
{
	struct service *s = engine_service(e, service);
	struct volume *v = service_volume(s, serial);
	struct volume_facts f = v->f;

	f.size_bytes = size_bytes;
	replace(s, serial, NULL, &f, NULL);
	volume_unref(v);
	if (publish)
		fake_publish(e, CHANGE_VOLUME, service, serial);
}

void fake_set_size(struct engine *e, unsigned service, uint64_t serial,
		   uint64_t size_bytes)
{
	fake_swap_size(e, service, serial, size_bytes, true);
}

void fake_set_local(struct engine *e, unsigned service, uint64_t serial,
		    struct volume_local *local)
{
	replace(engine_service(e, service), serial, NULL, NULL, local);
	fake_publish(e, CHANGE_VOLUME_ENTRIES, service, serial);
}

/* ---- requests ---- */

struct waiter {
	atomic_uint refs;
	atomic_bool answered;
	struct engine *engine;
	struct request r;
	char name[NAME_BYTES_MAX + 1], text[4096];
	void (*done)(void *arg, const struct answer *a);
	void *arg;
};

void engine_waiter_unref(struct waiter *w)
{
	if (w && atomic_fetch_sub(&w->refs, 1) == 1)
		free(w);
}

static void answer(struct waiter *w, int num, uint64_t serial)
{
	struct answer a = { .num = num, .serial = serial };

	if (!atomic_exchange(&w->answered, true))
		w->done(w->arg, &a);
}

void engine_interrupt(struct waiter *w)
{
	answer(w, EINTR, 0);
}

static int run_local(struct waiter *w)
{
	struct service *s = w->r.svc;
	struct volume *v = service_volume(s, w->r.serial);
	struct volume_local *l;

	if (!v)
		return ENOENT;
	l = v->local ? local_copy(v->local) : local_new();
	volume_unref(v);
	if (w->r.verb == &v_attach) {
		l->attached = true;
		free(l->device);
		l->device = strdup("/dev/null");
	} else {
		l->attached = false;
	}
	fake_set_local(w->engine, s->number, w->r.serial, l);
	local_unref(l);
	return 0;
}

static int run_set(struct waiter *w)
{
	uint64_t bytes;

	if (!w->r.setting || strcmp(w->r.setting->key, "size") != 0)
		return 0;
	if (parse_size(w->text, strlen(w->text), &bytes, NULL) < 0)
		return EINVAL;
	fake_set_size(w->engine, w->r.svc->number, w->r.serial, bytes);
	return 0;
}

static int run(struct waiter *w, uint64_t *serial)
{
	struct engine *e = w->engine;
	const struct verb *v = w->r.verb;
	struct volume *vol;

	if (strstr(w->text, "fail"))
		return EBUSY;
	if (v == &v_create) {
		if (!name_is_canonical(w->name))
			return EINVAL;
		vol = service_volume_named(w->r.svc, w->name);
		volume_unref(vol);
		if (vol)
			return EEXIST;
		*serial = fake_add(e, w->r.svc->number, w->name, w->name);
	} else if (v == &v_remove) {
		vol = service_volume_named(w->r.svc, w->name);
		if (!vol)
			return ENOENT;
		fake_remove(e, w->r.svc->number, vol->node->serial);
		volume_unref(vol);
	} else if (v == &v_attach || v == &v_detach) {
		return run_local(w);
	} else if (v == &v_set) {
		return run_set(w);
	} else if (v == &v_rename) {
		replace(w->r.svc, w->r.serial, w->name, NULL, NULL);
		fake_publish(e, CHANGE_VOLUME_RENAMED, w->r.svc->number,
			     w->r.serial);
	} else if (v == &v_snapshot) {
		*serial = fake_add_snapshot(e, w->r.svc->number, w->r.serial,
					    w->name, w->name);
	} else if (v == &v_sremove) {
		return ENOTEMPTY;
	} else if (v == &v_down) {
		e->host.end(e->host.arg);
	}
	return 0;
}

static void *worker(void *arg)
{
	struct waiter *w = arg;
	struct engine *e;
	struct job_info *j = NULL;
	uint64_t serial = 0, id = 0;
	int num;

	pthread_mutex_lock(&w->engine->lock);
	if (w->engine->n_jobs < JOBS_MAX) {
		id = ++w->engine->n_jobs;
		j = &w->engine->jobs[id - 1];
		*j = (struct job_info){ .id = id, .verb = w->r.verb->name,
			.state = "running", .percent = -1, .uid = w->r.uid,
			.pid = w->r.pid, .submitted_at_s = clock_unix_s() };
	}
	pthread_mutex_unlock(&w->engine->lock);
	if (id)
		fake_publish(w->engine, CHANGE_JOB_ADDED, 0, id);
	usleep((useconds_t)fake_delay_ms * 1000);
	num = run(w, &serial);
	pthread_mutex_lock(&w->engine->lock);
	if (j) {
		j->state = num ? "failed" : "done";
		j->finished_at_s = clock_unix_s();
		j->err.num = num;
	}
	pthread_mutex_unlock(&w->engine->lock);
	if (id)
		fake_publish(w->engine, CHANGE_JOB, 0, id);
	event(w->engine, w->r.verb->name);
	answer(w, num, serial);
	e = w->engine;
	engine_waiter_unref(w);
	atomic_fetch_sub(&e->n_busy, 1);
	return NULL;
}

void engine_submit(struct engine *e, const struct request *r,
		   void (*done)(void *arg, const struct answer *a), void *arg,
		   struct waiter **waiter)
{
	struct waiter *w;
	pthread_t thread;

	if (r->refused) {
		*waiter = NULL;
		done(arg, &(struct answer){ .num = r->refused->num });
		return;
	}
	w = calloc(1, sizeof(*w));
	w->engine = e;
	w->r = *r;
	w->done = done;
	w->arg = arg;
	snprintf(w->name, sizeof(w->name), "%s", r->name ? r->name : "");
	if (r->len)
		memcpy(w->text, r->text, r->len);
	atomic_init(&w->refs, 2);
	if (waiter)
		*waiter = w;
	atomic_fetch_add(&e->n_busy, 1);
	if (pthread_create(&thread, NULL, worker, w) == 0)
		pthread_detach(thread);
}

struct deferred {
	struct engine *engine;
	void (*fn)(void *arg);
	void *arg;
};

static void *deferred_run(void *arg)
{
	struct deferred d = *(struct deferred *)arg;

	free(arg);
	d.fn(d.arg);
	atomic_fetch_sub(&d.engine->n_busy, 1);
	return NULL;
}

int engine_defer(struct engine *e, void (*fn)(void *arg), void *arg)
{
	struct deferred *d = malloc(sizeof(*d));
	pthread_t thread;

	*d = (struct deferred){ e, fn, arg };
	atomic_fetch_add(&e->n_busy, 1);
	if (pthread_create(&thread, NULL, deferred_run, d) == 0)
		pthread_detach(thread);
	return 0;
}

void engine_chown(struct engine *e, struct service *svc, uint64_t serial,
		  uid_t uid, gid_t gid, mode_t mode,
		  void (*done)(void *arg, const struct answer *a), void *arg)
{
	struct volume *v = service_volume(svc, serial);
	struct volume_local *l = v && v->local ? local_copy(v->local)
					       : local_new();
	struct answer a = { 0 };

	volume_unref(v);
	if (uid != (uid_t)-1)
		l->owner_uid = uid;
	if (gid != (gid_t)-1)
		l->owner_gid = gid;
	if (mode != (mode_t)-1)
		l->owner_mode = mode;
	replace(svc, serial, NULL, NULL, l);
	local_unref(l);
	fake_publish(e, CHANGE_VOLUME, svc->number, serial);
	done(arg, &a);
}

/* ---- life ---- */

struct engine *fake_new(const struct engine_host *host)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (host)
		e->host = *host;
	pthread_mutex_init(&e->lock, NULL);
	e->started_at_s = clock_unix_s();
	for (unsigned i = 0; i < FAKE_SERVICES; i++) {
		struct service *s = &e->services[i];

		*s = (struct service){
			.engine = e, .number = i + 1,
			.name = i ? "bare" : "full",
			.provider = i ? &provider_bare : &provider_full,
			.volumes = calloc(VOLUMES_MAX, sizeof(*s->volumes)),
			.entries_at_s = e->started_at_s,
		};
	}
	return e;
}

void fake_free(struct engine *e)
{
	while (atomic_load(&e->n_busy))
		usleep(1000);
	for (unsigned i = 0; i < FAKE_SERVICES; i++) {
		struct service *s = &e->services[i];

		for (size_t n = 0; n < s->n_volumes; n++)
			volume_unref(s->volumes[n]);
		for (size_t n = 0; n < s->n_snapshots; n++)
			snapshot_unref(s->snapshots[n]);
		free(s->volumes);
		free(s->snapshots);
	}
	pthread_mutex_destroy(&e->lock);
	free(e);
}
