/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of names without a client's mv. The kernel keeps its entries for
 * ever, so one of a volume that was renamed at the service, or whose mv was
 * answered and then refused, would go on leading to it, and another volume of
 * that name would be reached by nobody. Each changed name is looked up anew in
 * the tree; that moves the directory's entry, with all that is mounted below.
 *
 * Until then whoever asks the kernel to make something of the old name has it
 * find that this is nobody's, and take off what is mounted below. So a volume
 * that may be in use gets its name by a rename in the tree, which the daemon
 * asks for itself: between that and the kernel's entry comes nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/mount.h"

#define RENEW_MS 4000
#define RENEW_TRIES 3

static size_t take_some(struct service *s, uint64_t *out, size_t most)
{
	size_t n;

	LOCK_SCOPE(&s->lock);
	n = s->n_renamed < most ? s->n_renamed : most;
	memcpy(out, s->renamed, n * sizeof(*out));
	s->n_renamed -= n;
	memmove(s->renamed, s->renamed + n, s->n_renamed * sizeof(*out));
	if (n == 0)
		s->renewing = false;
	return n;
}

/* A volume's directory. */
static char *directory_path(struct service *s, const char *name)
{
	struct engine *e = s->engine;
	char *path = e->o.host.data_path(e->o.host.arg, s->name, name);
	char *slash = path ? strrchr(path, '/') : NULL;

	if (slash)
		*slash = '\0';
	return path;
}

/* NULL: there is none. */
static char *path_of(struct service *s, uint64_t serial)
{
	struct volume *v = service_volume(s, serial);
	char *path = v ? directory_path(s, v->name) : NULL;

	volume_unref(v);
	return path;
}

static int renew(struct service *s, const uint64_t *serials, size_t n,
		 struct err *err)
{
	struct engine *e = s->engine;
	struct call c = { .deadline_ms = clock_ms() + RENEW_MS, .token = "",
			  .job = "", .cancel = &e->stopping };
	struct mount_name names[MOUNT_NAMES_MAX];
	char *paths[MOUNT_NAMES_MAX];
	size_t i, kept = 0;
	int r;

	for (i = 0; i < n; i++) {
		paths[kept] = path_of(s, serials[i]);
		if (!paths[kept])
			continue;
		names[kept] = (struct mount_name){
			paths[kept],
			e->o.host.volume_ino(e->o.host.arg, s, serials[i]),
		};
		kept++;
	}
	r = kept ? mount_names_renew(&c, names, kept, err) : 0;
	for (i = 0; i < kept; i++)
		free(paths[i]);
	return r;
}

/* Under service->lock. */
static int put(struct service *s, const uint64_t *serials, size_t n)
{
	size_t room = s->room_renamed ? s->room_renamed : 16;
	uint64_t *more;

	while (room < s->n_renamed + n)
		room *= 2;
	more = room > s->room_renamed
		       ? realloc(s->renamed, room * sizeof(*more)) : s->renamed;
	if (!more)
		return -ENOMEM;
	s->renamed = more;
	s->room_renamed = room;
	memcpy(s->renamed + s->n_renamed, serials, n * sizeof(*serials));
	s->n_renamed += n;
	return 0;
}

/* What could not be looked up, because a client's mkdir had the directory for
 * too long or another's data is mounted there, stays for the next time. */
static void renew_run(void *arg)
{
	struct service *s = arg;
	uint64_t serials[MOUNT_NAMES_MAX];
	struct err err = ERR_INIT;
	unsigned failures = 0;
	size_t n;

	while (failures < RENEW_TRIES &&
	       (n = take_some(s, serials, MOUNT_NAMES_MAX))) {
		if (renew(s, serials, n, &err) == 0) {
			failures = 0;
			continue;
		}
		failures++;
		LOCK_SCOPE(&s->lock);
		put(s, serials, n);
	}
	if (failures) {
		pthread_mutex_lock(&s->lock);
		s->renewing = false;
		pthread_mutex_unlock(&s->lock);
		log_warn("service '%s': until the next listing names that "
			 "changed may lead to other volumes: %s", s->name,
			 err.text);
	}
	service_unref(s);
}

void name_care_go_on(struct service *s)
{
	bool go;

	pthread_mutex_lock(&s->lock);
	go = s->n_renamed && !s->renewing;
	s->renewing |= go;
	pthread_mutex_unlock(&s->lock);
	if (!go || pool_run(s->engine->pool, renew_run, service_ref(s)) == 0)
		return;
	service_unref(s);
	LOCK_SCOPE(&s->lock);
	s->renewing = false;
}

static bool tree_is_up(const struct engine *e)
{
	return e->o.host.volume_ino && e->o.host.tree_is_up &&
	       e->o.host.tree_is_up(e->o.host.arg);
}

void name_care_changed(struct service *s, uint64_t serial)
{
	if (!tree_is_up(s->engine))
		return;
	pthread_mutex_lock(&s->lock);
	put(s, &serial, 1);
	pthread_mutex_unlock(&s->lock);
	name_care_go_on(s);
}

/* ---- names given in the tree ---- */

struct name_move {
	struct name_move *next;
	uint64_t serial;
	const char *from, *to, *raw;
};

/* The rename that the tree was asked for. */
struct asked {
	struct service *svc;
	uint64_t serial;
	char *from, *to, *raw;
	void (*done)(void *arg, const struct answer *a);
	void *arg;
};

static void asked_free(struct asked *a)
{
	service_unref(a->svc);
	free(a->from);
	free(a->to);
	free(a->raw);
	free(a);
}

static void give_asked(void *arg)
{
	struct asked *a = arg;
	struct err err = ERR_INIT;
	int r = volume_rename_from(a->svc, a->serial, a->from, a->to, a->raw,
				   &err);

	a->done(a->arg, &(struct answer){ .num = r > 0 ? EBUSY : -r });
	asked_free(a);
}

static bool asked_fill(struct asked *a, const struct name_move *m)
{
	a->from = strdup(m->from);
	a->to = strdup(m->to);
	a->raw = m->raw ? strdup(m->raw) : NULL;
	return a->from && a->to && (a->raw || !m->raw);
}

/* NULL: nobody waits for that, or there is no memory. */
static struct asked *find_move(const struct request *r)
{
	struct service *s = r->svc;
	struct volume *v = service_volume(s, r->serial);
	struct asked *a = v ? calloc(1, sizeof(*a)) : NULL;
	const struct name_move *m;
	bool found = false;

	if (a) {
		a->svc = service_ref(s);
		a->serial = r->serial;
		pthread_mutex_lock(&s->lock);
		for (m = s->moves; m && !found; m = m->next)
			found = m->serial == r->serial &&
				strcmp(m->from, v->name) == 0 &&
				strcmp(m->to, r->name) == 0 &&
				asked_fill(a, m);
		pthread_mutex_unlock(&s->lock);
	}
	volume_unref(v);
	if (found)
		return a;
	if (a)
		asked_free(a);
	return NULL;
}

bool name_care_answers(const struct request *r,
		       void (*done)(void *arg, const struct answer *a),
		       void *arg)
{
	struct asked *a = find_move(r);

	if (!a)
		return false;
	a->done = done;
	a->arg = arg;
	if (pool_run(r->svc->engine->pool, give_asked, a) == 0)
		return true;
	asked_free(a);
	return false;
}

static void move_in_tree(struct service *s, struct name_move *m)
{
	struct engine *e = s->engine;
	struct call c = { .deadline_ms = clock_ms() + RENEW_MS, .token = "",
			  .job = "", .cancel = &e->stopping };
	AUTO(auto_free) char *path = directory_path(s, m->from);
	struct mount_name n = { path, 0 };
	struct err err = ERR_INIT;
	struct name_move **at;

	if (!path)
		return;
	n.ino = e->o.host.volume_ino(e->o.host.arg, s, m->serial);
	pthread_mutex_lock(&s->lock);
	m->next = s->moves;
	s->moves = m;
	pthread_mutex_unlock(&s->lock);
	if (mount_name_move(&c, &n, m->to, &err) < 0)
		log_debug("service '%s': the tree does not make '%s' '%s': %s",
			  s->name, m->from, m->to, err.text);
	LOCK_SCOPE(&s->lock);
	for (at = &s->moves; *at != m; at = &(*at)->next)
		;
	*at = m->next;
}

int name_care_move(struct service *s, const struct volume *v, const char *name,
		   const char *raw, struct err *err)
{
	struct name_move m = { NULL, v->node->serial, v->name, name, raw };
	int r;

	if (tree_is_up(s->engine))
		move_in_tree(s, &m);
	/* Done already, then it has another name than that. */
	r = volume_rename_from(s, m.serial, m.from, name, raw, err);
	return r < 0 ? r : 0;
}
