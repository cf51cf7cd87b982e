/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of names without a client's mv. The kernel keeps its entries for
 * ever, so one of a volume that was renamed at the service, or whose mv was
 * answered and then refused, would go on leading to it, and another volume of
 * that name would be reached by nobody. Each changed name is looked up anew in
 * the tree; that moves the directory's entry, with all that is mounted below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/mount.h"

#define RENEW_MS 4000

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

/* Its directory's path; NULL: there is none. */
static char *path_of(struct service *s, uint64_t serial)
{
	struct engine *e = s->engine;
	struct volume *v = service_volume(s, serial);
	char *path = NULL, *slash;

	if (v)
		path = e->o.host.data_path(e->o.host.arg, s->name, v->name);
	slash = path ? strrchr(path, '/') : NULL;
	if (slash)
		*slash = '\0';
	volume_unref(v);
	return path;
}

static void renew(struct service *s, const uint64_t *serials, size_t n)
{
	struct engine *e = s->engine;
	struct call c = { .deadline_ms = clock_ms() + RENEW_MS, .token = "",
			  .job = "" };
	struct mount_name names[MOUNT_NAMES_MAX];
	char *paths[MOUNT_NAMES_MAX];
	struct err err = ERR_INIT;
	size_t i, kept = 0;

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
	if (kept && mount_names_renew(&c, names, kept, &err) < 0)
		log_warn("service '%s': names that changed may lead to other "
			 "volumes for a while: %s", s->name, err.text);
	for (i = 0; i < kept; i++)
		free(paths[i]);
}

static void renew_run(void *arg)
{
	struct service *s = arg;
	uint64_t serials[MOUNT_NAMES_MAX];
	size_t n;

	while ((n = take_some(s, serials, MOUNT_NAMES_MAX)))
		renew(s, serials, n);
	service_unref(s);
}

/* Is somebody to be started who does it? */
static bool note(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->lock);
	if (s->n_renamed == s->room_renamed) {
		size_t room = s->room_renamed ? s->room_renamed * 2 : 16;
		uint64_t *more = realloc(s->renamed, room * sizeof(*more));

		if (!more)
			return false;
		s->renamed = more;
		s->room_renamed = room;
	}
	s->renamed[s->n_renamed++] = serial;
	if (s->renewing)
		return false;
	s->renewing = true;
	return true;
}

void name_care_changed(struct service *s, uint64_t serial)
{
	struct engine *e = s->engine;

	if (!e->o.host.volume_ino || !e->o.host.tree_is_up ||
	    !e->o.host.tree_is_up(e->o.host.arg) || !note(s, serial))
		return;
	if (pool_run(e->pool, renew_run, service_ref(s)) == 0)
		return;
	service_unref(s);
	LOCK_SCOPE(&s->lock);
	s->renewing = false;
}
