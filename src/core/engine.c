/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the engine: load, start, reload, stop; and the list of services.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/host/filesystem.h"
#include "core/host/mount.h"

/* ---- services ---- */

size_t engine_services(struct engine *e, unsigned after, struct service **out,
		       size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&e->lock);
	for (size_t i = 0; i < e->n_services && n < max; i++)
		if (e->services[i]->number > after)
			out[n++] = service_ref(e->services[i]);
	return n;
}

struct service *engine_service(struct engine *e, unsigned number)
{
	LOCK_SCOPE(&e->lock);
	for (size_t i = 0; i < e->n_services; i++)
		if (e->services[i]->number == number)
			return service_ref(e->services[i]);
	return NULL;
}

struct service *engine_service_named(struct engine *e, const char *name)
{
	LOCK_SCOPE(&e->lock);
	for (size_t i = 0; i < e->n_services; i++)
		if (strcmp(e->services[i]->name, name) == 0)
			return service_ref(e->services[i]);
	return NULL;
}

/* A service's number is stored: node ids hold it. */
static int service_number_for(struct engine *e, const char *name,
			      unsigned *out, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(64);
	struct store_batch *b;
	char digits[24];
	uint64_t n;
	int r = store_get(e->store, "service", name, &text, err);

	if (r == 0 && parse_u64(buf_str(&text), text.len, &n, NULL) == 0) {
		*out = n;
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	n = store_serial(e->store, "service", err);
	if (!n)
		return -err->num;
	if (n > 0x7fff)
		return err_set(err, ENOSPC, "32767 services have been "
			       "configured here; begin with a new --state");
	snprintf(digits, sizeof(digits), "%" PRIu64, n);
	b = store_batch_new();
	store_batch_put(b, "service", name, digits, strlen(digits));
	r = store_commit(e->store, b, err);
	*out = n;
	return r;
}

/* Keeps e->services in the order of their numbers. */
static int insert_service(struct engine *e, struct service *s, struct err *err)
{
	size_t i;

	LOCK_SCOPE(&e->lock);
	if (e->n_services == SERVICES_MAX)
		return err_set(err, E2BIG, "over %d services", SERVICES_MAX);
	for (i = e->n_services;
	     i > 0 && e->services[i - 1]->number > s->number; i--)
		e->services[i] = e->services[i - 1];
	e->services[i] = s;
	e->n_services++;
	return 0;
}

static int add_service(struct engine *e, const struct service_config *c,
		       struct service **out, struct err *err)
{
	struct err open_err = ERR_INIT;
	struct service *s;
	unsigned number = 0;
	int r;

	r = service_number_for(e, c->name, &number, err);
	if (r < 0)
		return r;
	s = service_new(e, number, c);
	if (!s)
		return err_oom(err);
	/* A broken service is listed with its .error; the others start. */
	service_open(s, &open_err);
	r = service_load(s, err);
	if (r == 0)
		r = insert_service(e, s, err);
	if (r < 0) {
		service_unref(s);
		return r;
	}
	if (out)
		*out = s;
	return 0;
}

/* ---- beginning ---- */

static const struct opt_spec *driver_options(const char *driver)
{
	const struct provider *p = provider_find(driver);

	return p ? p->options : NULL;
}

static void read_host_id(struct engine *e)
{
	AUTO(auto_fd) int fd = -1;
	struct utsname u;
	ssize_t n = -1;

	if (e->config->core.host_id) {
		snprintf(e->host_id, sizeof(e->host_id), "%s",
			 e->config->core.host_id);
		return;
	}
	fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, e->host_id, 64);
	if (n >= 8) {
		e->host_id[n] = '\0';
		e->host_id[strcspn(e->host_id, "\n ")] = '\0';
	} else if (uname(&u) == 0) {
		snprintf(e->host_id, sizeof(e->host_id), "%s", u.nodename);
	}
}

static int copy_options(struct engine *e, const struct engine_options *o,
			struct err *err)
{
	e->o = *o;
	e->o.state_dir = strdup(o->state_dir);
	e->o.run_dir = strdup(o->run_dir);
	e->o.mount_point = strdup(o->mount_point);
	e->o.config.driver_options = driver_options;
	e->o.config.driver_nearest = provider_nearest;
	e->o.config.state_dir = e->o.state_dir;
	if (e->o.state_dir && e->o.run_dir && e->o.mount_point)
		return 0;
	return err_oom(err);
}

static int make_dir(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the directory '%s'", path);
	return 0;
}

/* What makes a service misconfigured, that service logs. */
static void log_problems(const struct config *c)
{
	for (size_t i = 0; i < c->n_problems; i++) {
		bool told = false;

		for (size_t k = 0; k < c->n; k++)
			told |= c->services[k].error &&
				strcmp(c->services[k].error,
				       c->problems[i]) == 0;
		if (!told)
			log_warn("configuration: %s", c->problems[i]);
	}
}

static int begin(struct engine *e, struct err *err)
{
	int r;

	if (make_dir(e->o.state_dir, 0700, err) < 0 ||
	    make_dir(e->o.run_dir, 0700, err) < 0)
		return -err->num;
	e->config = config_load(&e->o.config, err);
	if (!e->config)
		return -err->num;
	log_problems(e->config);
	read_host_id(e);
	r = store_open(e->o.state_dir, &e->store, &e->store_moved_to, err);
	if (r < 0)
		return r;
	e->events = events_open(e->o.state_dir,
				e->config->core.events_size_bytes, err);
	if (!e->events)
		return -err->num;
	r = freeze_recover(e->o.state_dir, err);
	if (r < 0)
		log_error("thaw what was frozen: %s", err->text);
	for (size_t i = 0; i < e->config->n; i++) {
		r = add_service(e, &e->config->services[i], NULL, err);
		if (r < 0)
			return err_wrap(err, "service '%s'",
					e->config->services[i].name);
	}
	r = jobs_load(e, err);
	if (r == 0)
		jobs_prepare(e);
	return r;
}

int engine_new(const struct engine_options *o, struct engine **out,
	       struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_oom(err);
	pthread_mutex_init(&e->reload_lock, NULL);
	pthread_mutex_init(&e->snapshots_lock, NULL);
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->jobs_lock, NULL);
	pthread_mutex_init(&e->texts_lock, NULL);
	cond_init(&e->timer_wake);
	cond_init(&e->admission_wake);
	cond_init(&e->idle);
	e->submitted_tail = &e->submitted;
	e->started_at_s = clock_unix_s();
	pthread_mutex_init(&e->retired_lock, NULL);
	e->pool = pool_new(e);
	r = e->pool ? copy_options(e, o, err) : err_oom(err);
	if (r == 0)
		r = begin(e, err);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*out = e;
	return 0;
}

/* What the store knows of it: bound again, ended, mounted; then jobs may run. */
static void service_recover(struct service *s)
{
	struct engine *e = s->engine;

	mount_recover(s);
	create_recover(s);
	pthread_mutex_lock(&e->jobs_lock);
	s->recovered = true;
	pthread_mutex_unlock(&e->jobs_lock);
	jobs_dispatch(s);
	refresh_schedule(s, 0);
}

/* On a worker, once the tree answers. */
static void recover(void *arg)
{
	struct engine *e = arg;
	struct service *s[64];
	unsigned after = 0;
	char path[512];
	struct err err = ERR_INIT;
	size_t n;

	snprintf(path, sizeof(path), "%s/mnt", e->o.run_dir);
	if (mount_private_root(path, &err) < 0)
		log_error("%s", err.text);
	while ((n = engine_services(e, after, s, ARRAY_SIZE(s)))) {
		for (size_t i = 0; i < n; i++) {
			after = s[i]->number;
			service_recover(s[i]);
			service_unref(s[i]);
		}
	}
	publish_daemon(e);
	pthread_mutex_lock(&e->jobs_lock);
	e->recovered = true;
	pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->jobs_lock);
}

bool engine_wait_recovered(struct engine *e, int64_t most_ms)
{
	struct timespec until = clock_timespec(clock_ms() + most_ms);

	LOCK_SCOPE(&e->jobs_lock);
	while (!e->recovered)
		if (pthread_cond_timedwait(&e->idle, &e->jobs_lock, &until))
			break;
	return e->recovered;
}

int engine_start(struct engine *e, struct err *err)
{
	int r;

	/* What was there before goes first. */
	jobs_resume(e);
	r = thread_start(&e->admission, jobs_admission, e);
	e->admission_runs = r == 0;
	if (r == 0)
		r = thread_start(&e->timer, engine_timer, e);
	e->timer_runs = r == 0;
	/* Before anybody looks at a device, so that nothing falls between. */
	if (r == 0)
		device_care_start(e);
	if (r == 0)
		r = pool_run(e->pool, recover, e);
	e->started = r == 0;
	return r < 0 ? err_errno(err, -r, "start the engine's threads") : 0;
}

/* ---- ending ---- */

void engine_stop(struct engine *e, int64_t grace_ms)
{
	pthread_mutex_lock(&e->jobs_lock);
	e->stopping = true;
	pthread_cond_broadcast(&e->timer_wake);
	pthread_cond_broadcast(&e->admission_wake);
	/* What waits for a request ends; the job is carried on by the next
	 * start. */
	for (size_t i = 0; i < e->n_jobs; i++)
		if (e->jobs[i]->state == JOB_RUNNING)
			e->jobs[i]->cancel = true;
	pthread_mutex_unlock(&e->jobs_lock);
	waiters_release(e);
	if (e->admission_runs)
		pthread_join(e->admission, NULL);
	if (e->timer_runs)
		pthread_join(e->timer, NULL);
	e->admission_runs = e->timer_runs = false;
	device_care_stop(e);
	e->drained = pool_stop(e->pool, grace_ms);
	if (!e->drained)
		log_warn("some work did not end within %" PRId64 " s; it is "
			 "carried on at the next start", grace_ms / 1000);
}

bool engine_free(struct engine *e)
{
	if (e->started && !e->drained)
		return false;
	jobs_free(e);
	retired_end(e);
	for (size_t i = 0; i < e->n_services; i++)
		service_unref(e->services[i]);
	if (e->store)
		store_close(e->store);
	events_close(e->events);
	config_unref(e->config);
	pool_free(e->pool);
	free((char *)e->o.state_dir);
	free((char *)e->o.run_dir);
	free((char *)e->o.mount_point);
	free(e->store_moved_to);
	free(e->devices_text);
	free(e->mounts_text);
	pthread_mutex_destroy(&e->reload_lock);
	pthread_mutex_destroy(&e->snapshots_lock);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->jobs_lock);
	pthread_mutex_destroy(&e->texts_lock);
	pthread_mutex_destroy(&e->retired_lock);
	pthread_cond_destroy(&e->timer_wake);
	pthread_cond_destroy(&e->admission_wake);
	pthread_cond_destroy(&e->idle);
	free(e);
	return true;
}

int engine_defer(struct engine *e, void (*fn)(void *arg), void *arg)
{
	return pool_run(e->pool, fn, arg);
}

/* ---- reload ---- */

static bool is_in_use(struct service *s)
{
	struct service_info i;
	bool used;

	service_info_get(s, &i);
	used = i.counts.mounted || i.counts.attached || service_has_job(s);
	service_info_done(&i);
	LOCK_SCOPE(&s->lock);
	return used || s->refreshing;
}

static void retire_or_remove(struct engine *e, struct service *s)
{
	bool used = is_in_use(s), listed = false;
	struct change c = { .kind = CHANGE_SERVICE_GONE, .svc = s };

	pthread_mutex_lock(&s->lock);
	s->retired = true;
	s->next_refresh_ms = INT64_MAX;
	pthread_mutex_unlock(&s->lock);
	if (used) {
		publish_service(s);
		return;
	}
	pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < e->n_services; i++) {
		if (e->services[i] != s)
			continue;
		memmove(e->services + i, e->services + i + 1,
			(e->n_services - i - 1) * sizeof(*e->services));
		e->n_services--;
		listed = true;
		break;
	}
	pthread_mutex_unlock(&e->lock);
	if (!listed)
		return;
	publish(e, &c, 1);
	service_unref(s);
}

bool service_is_retired(struct service *s)
{
	LOCK_SCOPE(&s->lock);
	return s->retired;
}

void service_leave_if_retired(struct service *s)
{
	if (!service_is_retired(s))
		return;
	LOCK_SCOPE(&s->engine->reload_lock);
	/* A reload may have brought it back. */
	if (service_is_retired(s))
		retire_or_remove(s->engine, s);
}

/* A changed driver configuration: a new session beside the old one, which
 * running calls may still use. */
static void reopen(struct service *s)
{
	struct err err = ERR_INIT;

	s->instance_known = false;
	if (service_open(s, &err) == 0) {
		pthread_mutex_lock(&s->lock);
		s->state = SERVICE_OK;
		pthread_mutex_unlock(&s->lock);
		service_set_fault(s, NULL, 0, NULL);
	}
}

/* Its many small pieces lie between others: what is free goes back. */
static void config_end(void *config)
{
	config_unref(config);
	malloc_trim(0);
}

static void reload_service(struct engine *e, const struct service_config *c)
{
	struct service *s = engine_service_named(e, c->name);
	struct config *owner;
	struct err err = ERR_INIT;
	bool same;

	if (!s) {
		if (add_service(e, c, &s, &err) < 0) {
			log_error("service '%s': %s", c->name, err.text);
			return;
		}
		publish(e, &(struct change){ .kind = CHANGE_SERVICE_ADDED,
					     .svc = s }, 1);
		service_recover(s);
		return;
	}
	same = config_service_equal(s->config, c);
	pthread_mutex_lock(&s->lock);
	owner = s->owner;
	s->config = c;
	s->owner = config_ref(e->config);
	s->retired = false;
	pthread_mutex_unlock(&s->lock);
	/* Not before: who begins in between would still find it. */
	retire(e, config_end, owner);
	if (!same || !service_is_open(s))
		reopen(s);
	refresh_schedule(s, 0);
	publish(e, &(struct change){ .kind = CHANGE_MODES, .svc = s }, 1);
	publish_service(s);
	service_unref(s);
}

/* Do the two say the same, from the same places? */
static bool config_is_same(const struct config *a, const struct config *b)
{
	AUTO(auto_buf) struct buf x = BUF_INIT(16 * 1024 * 1024);
	AUTO(auto_buf) struct buf y = BUF_INIT(16 * 1024 * 1024);

	config_show(a, &x);
	config_show(b, &y);
	if (buf_failed(&x) || buf_failed(&y) || a->n != b->n ||
	    a->n_problems != b->n_problems ||
	    strcmp(buf_str(&x), buf_str(&y)) != 0)
		return false;
	/* Secrets are not shown. */
	for (size_t i = 0; i < a->n; i++)
		if (!config_service_equal(&a->services[i], &b->services[i]) ||
		    a->services[i].core.owner_uid !=
			    b->services[i].core.owner_uid ||
		    a->services[i].core.group_gid !=
			    b->services[i].core.group_gid)
			return false;
	return a->core.owner_uid == b->core.owner_uid &&
	       a->core.group_gid == b->core.group_gid;
}

int engine_reload(struct engine *e, struct err *err)
{
	struct service *s[SERVICES_MAX];
	struct config *c;
	size_t n;

	/* A SIGHUP and a line, or lines of two users, are two jobs. */
	LOCK_SCOPE(&e->reload_lock);
	c = config_load(&e->o.config, err);
	if (!c)
		return err_wrap(err, "reload: the configuration in force "
				"stays");
	if (config_is_same(e->config, c)) {
		config_unref(c);
		log_info("configuration read again: nothing has changed");
		return 0;
	}
	/* Readers and jobs may point into the old one: it goes after them. */
	retire(e, config_end, atomic_exchange(&e->config, c));
	n = engine_services(e, 0, s, ARRAY_SIZE(s));
	for (size_t i = 0; i < c->n; i++)
		reload_service(e, &c->services[i]);
	for (size_t i = 0; i < n; i++) {
		if (!config_service(c, s[i]->name))
			retire_or_remove(e, s[i]);
		service_unref(s[i]);
	}
	publish_daemon(e);
	log_problems(c);
	log_info("configuration read again: services: %zu, problems: %zu", c->n,
		 c->n_problems);
	return 0;
}

/* ---- ownership ---- */

struct chown_job {
	struct engine *e;
	struct service *s;
	uint64_t serial;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	void (*done)(void *arg, const struct answer *a);
	void *arg;
};

static void local_owner(struct volume_local *l, void *arg)
{
	const struct chown_job *c = arg;

	if (c->uid != (uid_t)-1)
		l->owner_uid = c->uid;
	if (c->gid != (gid_t)-1)
		l->owner_gid = c->gid;
	if (c->mode != (mode_t)-1)
		l->owner_mode = c->mode & 07777;
}

static void run_chown(void *arg)
{
	struct chown_job *c = arg;
	struct err err = ERR_INIT;
	int r = volume_update(c->s, c->serial,
			      &(struct volume_update){ .local = local_owner,
						       .arg = c,
						       .store = true }, &err);

	if (r < 0)
		log_error("chown: %s", err.text);
	c->done(c->arg, &(struct answer){ .num = -r });
	service_unref(c->s);
	free(c);
}

void engine_chown(struct engine *e, struct service *svc, uint64_t serial,
		  uid_t uid, gid_t gid, mode_t mode,
		  void (*done)(void *arg, const struct answer *a), void *arg)
{
	struct chown_job *c = malloc(sizeof(*c));

	if (!c) {
		done(arg, &(struct answer){ .num = ENOMEM });
		return;
	}
	*c = (struct chown_job){ e, service_ref(svc), serial, uid, gid, mode,
				 done, arg };
	if (pool_run(e->pool, run_chown, c) < 0)
		run_chown(c);
}
