/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of mounts without anybody asking: at a start they are bound
 * again, later they are measured, and what a lazy unmount left is detached.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <linux/major.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/device.h"
#include "core/host/filesystem.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

#define MEASURE_MS 10000
#define MEASURE_AFTER_MS 3000
#define ALL_MEASURES_MS 120000

/* ---- at a start ---- */

struct recovered {
	bool here;                   /* what it is attached as */
	bool disk;                   /* and that is this: */
	struct device device;
};

static void local_recovered(struct volume_local *l, void *arg)
{
	const struct recovered *x = arg;

	local_unmounted(l, NULL);
	if (x->disk)
		local_device_found(l, &x->device);
	if (x->here)
		return;
	l->attached = l->attached_by_mount = false;
	local_device_forgotten(l);
	free(l->attach_json);
	l->attach_json = NULL;
}

/* Is the device of an attached volume still there, and by which name? */
static void look_for_device(struct volume *v, struct recovered *out)
{
	struct call c = { .deadline_ms = clock_ms() + 10000, .token = "",
			  .job = "" };
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	int r;

	if (!v->local->attach_json ||
	    attach_decode(v->local->attach_json, &a, &err) < 0)
		return;
	out->here = true;
	if (a.kind == KIND_BLOCK) {
		r = device_find(&c, &a.device, &out->device, &err);
		out->here = r != -ENODEV;
		out->disk = r == 0 && !device_identity_is_loop(&a.device);
	}
	attach_done(&a);
}

/* A loop device stays, whatever becomes of what is behind it. */
static void look_at_disk(struct service *s, const struct volume *v)
{
	struct device d;

	if (local_device(v->local, &d) && major(d.devno) != LOOP_MAJOR)
		device_care_look(s, v->node->serial);
	else if (v->local->device_lost && !has_unfinished_job(s, v))
		device_care_back(s, v->node->serial);
}

/* An unmount or a detach that was interrupted ends from wherever it was, and
 * needs to know how it began. */
static bool is_being_ended(struct service *s, const struct volume *v)
{
	struct engine *e = s->engine;

	LOCK_SCOPE(&e->jobs_lock);
	for (size_t i = 0; i < e->n_jobs; i++)
		if (e->jobs[i]->svc == s && e->jobs[i]->state < JOB_DONE &&
		    e->jobs[i]->serial == v->node->serial &&
		    (e->jobs[i]->verb == &verb_unmount ||
		     e->jobs[i]->verb == &verb_detach))
			return true;
	return false;
}

static void recover_volume(struct service *s, struct volume *v,
			   const struct mount_table *t)
{
	struct err err = ERR_INIT;
	struct recovered x = { .here = false };
	char dir[512];

	private_dir(s, v->node->serial, dir, sizeof(dir));
	if (v->local->mounted && mount_table_find(t, dir)) {
		if (mount_rebind(s, v, &err) < 0)
			log_error("'%s/%s' is still mounted at %s, but not at "
				  "its data/: %s", s->name, v->name, dir,
				  err.text);
		look_at_disk(s, v);
		return;
	}
	if ((!v->local->mounted && !v->local->attached) ||
	    is_being_ended(s, v))
		return;
	look_for_device(v, &x);
	if (x.here && !v->local->mounted &&
	    (!x.disk || x.device.devno == v->local->device_devno))
		return;
	volume_update(s, v->node->serial,
		      &(struct volume_update){ .local = local_recovered,
					       .arg = &x, .store = true,
					       .event = "rebooted" }, &err);
}

/* After a start: what is still mounted is bound again; what a reboot ended is
 * no longer shown; `auto` volumes are mounted. */
void mount_recover(struct service *s)
{
	struct mount_table t = { 0 };
	struct err err = ERR_INIT;
	struct inventory *inv;
	struct volume *v;
	size_t at = 0;

	if (mount_table_read(&t, &err) < 0) {
		log_error("%s", err.text);
		return;
	}
	inv = service_inventory(s);
	while ((v = service_next_kept(s, inv, &at))) {
		uint64_t serial = v->node->serial;
		bool is_auto = v->local->auto_mount;

		recover_volume(s, v, &t);
		volume_unref(v);
		v = service_volume(s, serial);
		if (v && is_auto && !volume_is_mounted(v) &&
		    service_is_open(s))
			job_internal(s->engine, s, "mount", serial,
				     "", &err);
		volume_unref(v);
	}
	inventory_unref(inv);
	mount_table_done(&t);
}

/* ---- usage ---- */

struct measured {
	struct volume_usage u;
	bool read_only;
};

static void local_usage(struct volume_local *l, void *arg)
{
	struct measured *m = arg;

	l->usage_known = true;
	snprintf(l->usage_scope, sizeof(l->usage_scope), "%s", m->u.scope);
	l->total_bytes = m->u.total_bytes;
	l->used_bytes = m->u.used_bytes;
	l->available_bytes = m->u.available_bytes;
	l->total_inodes = m->u.total_inodes;
	l->used_inodes = m->u.used_inodes;
	l->usage_at_s = clock_unix_s();
	l->went_read_only = m->read_only && !l->mount_read_only;
}

/* What statfs() says of the mount, and what the driver knows better. */
static int usage_ask(struct service *s, const struct call *c,
		     const struct volume *v, int64_t most_ms,
		     struct measured *m, struct err *err)
{
	const struct provider *p = s->provider;
	struct fs_usage u;
	char dir[512];
	int r;

	private_dir(s, v->node->serial, dir, sizeof(dir));
	r = fs_usage(c, dir, most_ms, &u, err);
	share_care_note(s, v, r);
	if (r < 0)
		return r;
	*m = (struct measured){
		.u = { .scope = v->local->device ? "volume" : "share",
		       .total_bytes = u.total_bytes,
		       .used_bytes = u.used_bytes,
		       .available_bytes = u.available_bytes,
		       .total_inodes = u.total_inodes,
		       .used_inodes = u.used_inodes },
		.read_only = u.read_only,
	};
	if (!s->session || !p->usage)
		return 0;
	service_enter(s);
	r = p->usage(s->session, c, &v->f, &m->u, err);
	service_leave(s);
	return r;
}

/* At most @most_ms: a server that hangs answers nothing. -ETIMEDOUT then. */
static int measure(struct service *s, const struct call *c, struct volume *v,
		   int64_t most_ms)
{
	const struct volume_local *l = v->local;
	struct err err = ERR_INIT;
	struct measured m;
	int r = usage_ask(s, c, v, most_ms, &m, &err);

	if (r < 0)
		return r;
	if (l->usage_known && l->used_bytes == m.u.used_bytes &&
	    l->total_bytes == m.u.total_bytes &&
	    l->used_inodes == m.u.used_inodes &&
	    strcmp(l->usage_scope, m.u.scope) == 0 &&
	    l->went_read_only == (m.read_only && !l->mount_read_only))
		return 0;
	volume_update(s, v->node->serial,
		      &(struct volume_update){ .local = local_usage,
					       .arg = &m }, NULL);
	return 0;
}

void usage_of(struct service *s, uint64_t serial, const struct call *c)
{
	struct volume *v = service_volume(s, serial);

	if (v && volume_is_mounted(v))
		measure(s, c, v, MEASURE_MS);
	volume_unref(v);
}

/* What a mount attached and a lazy unmount left to its last user, who may be
 * in another namespace: detached once nobody has it. */
static void detach_left(struct service *s, const struct call *c,
			struct volume *v)
{
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	struct device dev, known;
	int r;

	if (!v->local || !v->local->attached || !v->local->attached_by_mount ||
	    v->local->mounted || has_unfinished_job(s, v))
		return;
	r = v->local->attach_json ? attach_decode(v->local->attach_json, &a,
						  &err) : -EBUSY;
	/* A share has no device that somebody could still have. */
	if (r == 0 && a.kind == KIND_BLOCK) {
		local_device(v->local, &known);
		r = device_find_known(c, &a.device, &known, &dev, &err);
		if (r == 0)
			r = device_check_free(c, &dev, &err);
	} else if (r == 0 && a.kind == KIND_DIRECTORY) {
		r = mount_directory_free(c, a.directory, &err);
	}
	attach_done(&a);
	if (r == 0 || r == -ENODEV)
		job_internal(s->engine, s, "detach", v->node->serial, "",
			     &err);
}

void usage_measure(struct service *s, const struct call *c)
{
	struct inventory *inv = service_inventory(s);
	/* The listing before may have used up its time waiting for a server. */
	struct call own = { .deadline_ms = clock_ms() + ALL_MEASURES_MS,
			    .cancel = c->cancel, .token = "", .job = "" };
	int64_t most_ms = MEASURE_MS;
	struct volume *v;
	size_t at = 0;

	while ((v = service_next_kept(s, inv, &at))) {
		if (call_check(&own, NULL) == 0) {
			look_at_disk(s, v);
			/* Where one hangs the others of the service will. */
			if (!volume_is_mounted(v))
				detach_left(s, &own, v);
			else if (measure(s, &own, v, most_ms) == -ETIMEDOUT)
				most_ms = MEASURE_AFTER_MS;
		}
		volume_unref(v);
	}
	inventory_unref(inv);
}
