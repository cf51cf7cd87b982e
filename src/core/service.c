/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configured service: its driver's session, what the store knew of it, and
 * what readers may ask.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/parse.h"
#include "core/engine_impl.h"

const char *service_state_name(enum service_state s)
{
	static const char *const names[] = {
		[SERVICE_OK] = "ok", [SERVICE_DEGRADED] = "degraded",
		[SERVICE_UNREACHABLE] = "unreachable",
		[SERVICE_MISCONFIGURED] = "misconfigured",
		[SERVICE_RETIRED] = "retired",
	};

	return names[s];
}

struct service *service_new(struct engine *e, unsigned number,
			    const struct service_config *c)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->engine = e;
	s->number = number;
	s->config = c;
	s->owner = config_ref(e->config);
	s->provider = provider_find(c->driver);
	s->latency_ms = -1;
	s->instance.attach_limit = -1;
	s->changed_at_s = s->entries_at_s = clock_unix_s();
	s->waiting_tail = &s->waiting;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->serial_lock, NULL);
	cond_init(&s->refreshed);
	for (size_t i = 0; i < WRITE_STRIPES; i++)
		pthread_mutex_init(&s->write[i], NULL);
	s->name = strdup(c->name);
	s->inv = inventory_new(0, 0);
	if (!s->name || !s->inv) {
		service_unref(s);
		return NULL;
	}
	return s;
}

struct service *service_ref(struct service *s)
{
	if (s)
		atomic_fetch_add(&s->refs, 1);
	return s;
}

void service_unref(struct service *s)
{
	struct tombstone *t;

	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	service_close(s);
	if (s->inv)
		inventory_free_all(s);
	while ((t = s->tombstones)) {
		s->tombstones = t->next;
		free(t->id);
		free(t);
	}
	free(s->fault.verb);
	config_unref(s->owner);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->serial_lock);
	pthread_cond_destroy(&s->refreshed);
	for (size_t i = 0; i < WRITE_STRIPES; i++)
		pthread_mutex_destroy(&s->write[i]);
	free(s->name);
	free(s->renamed);
	free(s);
}

/* <base>/<name>, made with mode 0700. NULL with @err. */
static char *own_dir(const char *base, const char *sub, const char *name,
		     struct err *err)
{
	AUTO(auto_free) char *parent = NULL;
	char *path;

	if (asprintf(&parent, "%s/%s", base, sub) < 0 ||
	    asprintf(&path, "%s/%s", parent, name) < 0) {
		err_oom(err);
		return NULL;
	}
	if ((mkdir(parent, 0700) < 0 && errno != EEXIST) ||
	    (mkdir(path, 0700) < 0 && errno != EEXIST)) {
		err_errno(err, errno, "make the directory '%s'", path);
		free(path);
		return NULL;
	}
	return path;
}

static void session_free(const struct provider *p, struct session *ss)
{
	if (!ss)
		return;
	options_done(p->options, ss);
	free((char *)ss->state_dir);
	free((char *)ss->run_dir);
	free(ss);
}

/* What of the bounds does not change while the session is open. */
static void note_bounds(struct service *s, const struct provider *p,
			struct session *ss)
{
	struct bounds b = { 0 };

	if (p->bounds)
		p->bounds(ss, &b);
	s->no_size = b.no_size;
}

static int misconfigured(struct service *s, const struct err *err)
{
	pthread_mutex_lock(&s->lock);
	s->state = SERVICE_MISCONFIGURED;
	pthread_mutex_unlock(&s->lock);
	s->refuses = true;
	service_set_fault(s, "open", 0, err);
	log_error("service '%s': %s", s->name, err->text);
	return -err->num;
}

struct old_session {
	const struct provider *provider;
	struct session *session;
	struct service *svc;     /* a reference: its name is in the session */
};

static void end_session(void *arg)
{
	struct old_session *old = arg;

	old->provider->close(old->session);
	session_free(old->provider, old->session);
	service_unref(old->svc);
	free(old);
}

/* Closed once no call of it runs. */
static void retire_session(struct service *s, struct session *session)
{
	struct old_session *old = session ? malloc(sizeof(*old)) : NULL;

	/* Without memory it is never closed, which harms nobody. */
	if (!old)
		return;
	*old = (struct old_session){ s->provider, session, service_ref(s) };
	retire(s->engine, end_session, old);
}

int service_open(struct service *s, struct err *err)
{
	const struct provider *p = provider_find(s->config->driver);
	struct engine *e = s->engine;
	struct session *ss;
	int r;

	if (s->config->error) {
		err_set(err, EINVAL, "%s", s->config->error);
		return misconfigured(s, err);
	}
	if (!p) {
		err_set(err, EINVAL,
			"driver '%s' is not built into this volfsd: see "
			"volfsd --drivers", s->config->driver);
		return misconfigured(s, err);
	}
	/* Calls that run have the one for the other's session. */
	if (s->session && p != s->provider) {
		err_set(err, EINVAL, "its driver was '%s' and is now '%s': "
			"that takes a restart of volfsd, or another name",
			s->provider->name, p->name);
		return misconfigured(s, err);
	}
	s->provider = p;
	ss = calloc(1, p->session_size);
	if (!ss)
		return err_oom(err);
	r = options_apply(p->options, &s->config->driver_values, ss, err);
	if (r == 0) {
		ss->service = s->name;
		ss->host_id = e->host_id;
		ss->requests_per_s = s->config->core.requests_per_s;
		ss->state_dir = own_dir(e->o.state_dir, "services", s->name,
					err);
		ss->run_dir = own_dir(e->o.run_dir, "services", s->name, err);
		r = ss->state_dir && ss->run_dir ? p->open(ss, err) : -err->num;
	}
	if (r < 0) {
		session_free(p, ss);
		return misconfigured(s, err);
	}
	note_bounds(s, p, ss);
	retire_session(s, atomic_exchange(&s->session, ss));
	s->refuses = false;
	return 0;
}

bool service_is_open(const struct service *s)
{
	return s->session && !s->refuses;
}

void service_close(struct service *s)
{
	if (!s->session)
		return;
	s->provider->close(s->session);
	session_free(s->provider, s->session);
	s->session = NULL;
}

void service_enter(struct service *s)
{
	atomic_fetch_add(&s->requests, 1);
	if (!s->provider->parallel)
		pthread_mutex_lock(&s->serial_lock);
}

void service_leave(struct service *s)
{
	if (!s->provider->parallel)
		pthread_mutex_unlock(&s->serial_lock);
}

int service_whoami(struct service *s, const struct call *c, struct err *err)
{
	struct instance i = { .attach_limit = -1 };
	int r;

	if (!s->provider->whoami || s->instance_known)
		return 0;
	service_enter(s);
	r = s->provider->whoami(s->session, c, &i, err);
	service_leave(s);
	if (r < 0)
		return r;
	LOCK_SCOPE(&s->lock);
	s->instance = i;
	s->instance_known = true;
	return 0;
}

/* ---- from the store ---- */

struct kept {
	uint64_t serial;
	struct volume_local *local;
};

struct loading {
	struct service *s;
	struct kept *kept;           /* ascending serials, as the store has */
	size_t n_kept, room_kept;
	size_t at_kept;              /* those before are of earlier volumes */
	struct volume **volumes;
	size_t n, room;
	struct snapshot **snapshots;
	size_t n_snapshots, room_snapshots;
	struct err *err;
};

static int grow(void **array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *p;

	if (n < *room)
		return 0;
	p = realloc(*array, more * size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

/* What this host keeps of volumes: few have a row, so they are read before the
 * volumes, instead of being asked for with each. */
static int load_kept(void *arg, const char *key, const char *value, size_t len)
{
	struct loading *l = arg;
	struct kept *k;

	if (grow((void **)&l->kept, l->n_kept, &l->room_kept, sizeof(*k)) < 0)
		return err_oom(l->err);
	k = &l->kept[l->n_kept];
	k->serial = volume_key_serial(key);
	if (local_decode(value, len, &k->local, l->err) < 0)
		log_error("service '%s': what this host kept of volume %s "
			  "cannot be read: %s", l->s->name, key, l->err->text);
	else
		l->n_kept++;
	return 0;
}

/* NULL where it keeps nothing. Serials are asked for in ascending order. */
static struct volume_local *find_kept(struct loading *l, uint64_t serial)
{
	while (l->at_kept < l->n_kept && l->kept[l->at_kept].serial < serial)
		l->at_kept++;
	if (l->at_kept == l->n_kept || l->kept[l->at_kept].serial != serial)
		return NULL;
	return l->kept[l->at_kept].local;
}

static int load_volume(void *arg, const char *key, const char *value,
		       size_t len)
{
	struct loading *l = arg;
	size_t name = strnlen(value, len) + 1;
	uint64_t serial = volume_key_serial(key);
	AUTO(auto_free) void *scratch = NULL;
	struct volume_facts f = { 0 };
	struct volume_node *node;
	struct volume *v = NULL;

	if (name > len || volume_facts_decode(value + name, len - name, &f,
					      &scratch, l->err) < 0) {
		log_error("service '%s': what the store has of volume %s is "
			  "damaged, and is read from the service again",
			  l->s->name, key);
		return 0;
	}
	node = volume_node_new(serial);
	if (node)
		v = volume_new(node, value, &f, find_kept(l, serial), NULL);
	volume_node_unref(node);
	if (!v || grow((void **)&l->volumes, l->n, &l->room, sizeof(v)) < 0) {
		volume_unref(v);
		return err_oom(l->err);
	}
	v->changed_at_s = v->entries_at_s = v->state_since_s =
		l->s->engine->started_at_s;
	l->volumes[l->n++] = v;
	return 0;
}

static int load_snapshot(void *arg, const char *key, const char *value,
			 size_t len)
{
	struct loading *l = arg;
	size_t name = strnlen(value, len) + 1;
	uint64_t serial = volume_key_serial(key);
	AUTO(auto_free) void *scratch = NULL;
	struct snapshot_facts f = { 0 };
	_Atomic uint64_t *given;
	struct snapshot *sn;

	if (name + 1 > len ||
	    snapshot_facts_decode(value + name + 1, len - name - 1, &f,
				  &scratch, l->err) < 0)
		return 0;
	given = given_new();
	sn = given ? snapshot_new(serial, given,
				  snapshot_volume_serial(l->s, &f), value, &f)
		   : NULL;
	given_unref(given);
	if (!sn || grow((void **)&l->snapshots, l->n_snapshots,
			&l->room_snapshots, sizeof(sn)) < 0) {
		snapshot_unref(sn);
		return err_oom(l->err);
	}
	sn->protect = value[name] == '1';
	sn->changed_at_s = l->s->engine->started_at_s;
	l->snapshots[l->n_snapshots++] = sn;
	return 0;
}

static void loading_done(struct loading *l)
{
	for (size_t i = 0; i < l->n_kept; i++)
		local_unref(l->kept[i].local);
	for (size_t i = 0; i < l->n; i++)
		volume_unref(l->volumes[i]);
	for (size_t i = 0; i < l->n_snapshots; i++)
		snapshot_unref(l->snapshots[i]);
	free(l->kept);
	free(l->volumes);
	free(l->snapshots);
}

/* Of an older daemon, or of one that ended in between: of two volumes with one
 * name the one in use keeps it, else the older. */
static int part_names(struct service *s, struct err *err)
{
	struct inventory *inv = service_inventory(s);
	char name[NAME_BYTES_MAX + 1], raw[NAME_BYTES_MAX + 1];
	const struct volume_node *first = NULL;
	int r = 0;

	for (size_t i = 0; i < inv->n_volumes && r == 0; i++) {
		const struct volume_node *n = inv->by_name[i], *other = n;

		if (!first || strcmp(first->current->name, n->current->name)) {
			first = n;
			continue;
		}
		if (volume_is_mounted(n->current) ||
		    (volume_is_attached(n->current) &&
		     !volume_is_mounted(first->current))) {
			other = first;
			first = n;
		}
		name_unescape(other->current->name, raw, sizeof(raw), NULL);
		service_pick_name(s, raw, other->current->f.id, other->serial,
				  name);
		r = volume_rename(s, other->serial, name, NULL, false, err);
		service_release_name(s, name);
	}
	inventory_unref(inv);
	return r;
}

int service_load(struct service *s, struct err *err)
{
	AUTO(auto_buf) struct buf observed = BUF_INIT(64);
	struct loading l = { .s = s, .err = err };
	struct store *st = s->engine->store;
	char prefix[8];
	uint64_t at;
	int r;

	snprintf(prefix, sizeof(prefix), "%04x/", s->number);
	r = store_each(st, "local", prefix, load_kept, &l, err);
	if (r == 0)
		r = store_each(st, "volume", prefix, load_volume, &l, err);
	if (r == 0 && l.n)
		r = service_add_all(s, l.volumes, l.n, err);
	if (r == 0)
		r = part_names(s, err);
	if (r == 0)
		r = store_each(st, "snapshot", prefix, load_snapshot, &l, err);
	if (r == 0 && l.n_snapshots)
		r = service_add_snapshots(s, l.snapshots, l.n_snapshots, err);
	loading_done(&l);
	if (store_get(st, "observed", s->name, &observed, NULL) == 0 &&
	    parse_u64(buf_str(&observed), observed.len, &at, NULL) == 0)
		s->observed_at_s = at;
	return r;
}

/* ---- readers ---- */

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
	return s->session ? s->provider : NULL;
}

bool service_notes(const struct service *s, unsigned notion)
{
	const struct provider *p = service_provider(s);

	return p && provider_notes(p, notion) &&
	       !(notion == NOTION_SIZE && s->no_size);
}

const struct service_options *service_options(const struct service *s)
{
	return &s->config->core;
}

static const char *stale_reason(const struct service *s)
{
	uint64_t refresh_s = s->config->core.refresh_ms / 1000;

	if (s->state == SERVICE_MISCONFIGURED)
		return "the service is misconfigured";
	if (s->state == SERVICE_RETIRED)
		return "the service is no longer configured";
	if (!s->observed_here)
		return "not asked since volfsd started";
	if (s->silent)
		return "the service does not answer";
	if (s->state == SERVICE_UNREACHABLE)
		return "the service cannot be reached";
	if (s->failures)
		return "the last listing failed";
	if (refresh_s && clock_unix_s() - s->observed_at_s >
				 (int64_t)refresh_s * 3 + 5)
		return "the listing is late";
	return NULL;
}

void service_observed(struct service *s, int64_t *observed_at_s, bool *stale,
		      const char **reason)
{
	LOCK_SCOPE(&s->lock);
	const char *why = stale_reason(s);

	*observed_at_s = s->observed_at_s;
	*stale = why != NULL;
	if (reason)
		*reason = why;
}

static char **copy_warnings(const struct service *s)
{
	const char *refuse = s->config->refuse_creates;
	char **w = calloc(2, sizeof(*w));

	if (w && refuse)
		w[0] = strdup(refuse);
	return w;
}

/* Under service->lock, and only when something has changed since. */
static void count_volumes(struct service *s)
{
	struct service_counts n = { 0 };

	for (size_t i = 0; i < s->inv->n_volumes; i++) {
		const struct volume *v = s->inv->by_serial[i]->current;

		n.managed += v->f.managed;
		n.attached += volume_is_attached(v);
		n.mounted += volume_is_mounted(v);
	}
	s->counts = n;
	s->counts_clock = s->clock;
}

void service_info_get(struct service *s, struct service_info *out)
{
	struct engine *e = s->engine;

	*out = (struct service_info){ 0 };
	pthread_mutex_lock(&e->jobs_lock);
	out->counts.jobs_running = s->n_running;
	out->counts.jobs_waiting = s->n_waiting;
	pthread_mutex_unlock(&e->jobs_lock);
	if (s->session && s->provider->bounds)
		s->provider->bounds(s->session, &out->bounds);
	LOCK_SCOPE(&s->lock);
	out->state = s->retired ? SERVICE_RETIRED : s->state;
	out->observed_at_s = s->observed_at_s;
	out->stale = stale_reason(s) != NULL;
	if (out->stale)
		out->stale_reason = strdup(stale_reason(s));
	out->refresh_ms = s->config->core.refresh_ms;
	out->latency_ms = s->latency_ms;
	out->instance = s->instance;
	out->throttled_until_s = s->throttled_until_s;
	out->fault = s->fault;
	out->fault.verb = s->fault.verb ? strdup(s->fault.verb) : NULL;
	out->warnings = copy_warnings(s);
	out->changed_at_s = s->changed_at_s;
	out->entries_at_s = s->entries_at_s;
	out->counts.snapshots = s->inv->n_snapshots;
	if (s->counts_clock != s->clock)
		count_volumes(s);
	out->counts.volumes = s->inv->n_volumes;
	out->counts.managed = s->counts.managed;
	out->counts.attached = s->counts.attached;
	out->counts.mounted = s->counts.mounted;
}

void service_info_done(struct service_info *i)
{
	free(i->stale_reason);
	free(i->fault.verb);
	for (size_t n = 0; i->warnings && i->warnings[n]; n++)
		free(i->warnings[n]);
	free(i->warnings);
}
