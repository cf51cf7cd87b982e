/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that go while a volume is attached, and come again. The kernel says
 * that one went; whose it was is known by its number, and whether it is really
 * gone is looked up in /sys: a number may be another disk's by now. What is
 * mounted stays so (its file system is dead, its user decides); `device` goes
 * at once, for its name may soon be another disk's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/device.h"
#include "core/host/device_watch.h"

#define FIND_MS 10000

/* ---- what this host keeps ---- */

static void set_string(char **to, const char *from)
{
	free(*to);
	*to = from && *from ? strdup(from) : NULL;
}

bool local_device(const struct volume_local *l, struct device *out)
{
	memset(out, 0, sizeof(*out));
	if (!l || !l->attached || !l->device)
		return false;
	snprintf(out->path, sizeof(out->path), "%s", l->device);
	snprintf(out->serial, sizeof(out->serial), "%s",
		 l->device_serial ? l->device_serial : "");
	out->devno = l->device_devno;
	out->diskseq = l->device_diskseq;
	return true;
}

void local_device_found(struct volume_local *l, const struct device *d)
{
	set_string(&l->device, d->path);
	set_string(&l->device_serial, d->serial);
	l->device_devno = d->devno;
	l->device_diskseq = d->diskseq;
	set_string(&l->device_lost, NULL);
	if (l->fault.verb && strcmp(l->fault.verb, "device") == 0) {
		free(l->fault.verb);
		l->fault = (struct fault){ 0 };
	}
}

void local_device_forgotten(struct volume_local *l)
{
	local_device_found(l, &(struct device){ .path = "" });
}

/* ---- one that went ---- */

struct loss {
	struct device device;
	char text[480];
	bool noted;
};

static void describe(struct loss *x, const struct volume *v)
{
	const struct volume_local *l = v->local;

	snprintf(x->text, sizeof(x->text), "the disk '%.60s'%s%.60s%s went "
		 "away while '%.100s' was %s%s", x->device.path,
		 *x->device.serial ? " with serial '" : "", x->device.serial,
		 *x->device.serial ? "'" : "", v->name,
		 l->mounted ? "mounted" : "attached",
		 l->mounted ? ", and with it what had not been written: echo 1 "
			      "> unmount, see to the disk, mount it again"
			    : ": see to the disk, or echo 1 > detach");
}

static void local_lost(struct volume_local *l, void *arg)
{
	struct loss *x = arg;

	/* Somebody may have attached it again meanwhile. */
	if (!l->attached || !l->device || l->device_devno != x->device.devno ||
	    l->device_diskseq != x->device.diskseq)
		return;
	set_string(&l->device, NULL);
	set_string(&l->device_lost, x->text);
	free(l->fault.verb);
	l->fault = (struct fault){ .at_s = clock_unix_s(),
				   .verb = strdup("device") };
	err_set(&l->fault.err, EIO, "%s", x->text);
	x->noted = true;
}

void device_care_look(struct service *s, uint64_t serial)
{
	struct volume *v = service_volume(s, serial);
	struct err err = ERR_INIT;
	struct loss x = { .noted = false };
	struct device now;

	if (v && local_device(v->local, &x.device) &&
	    device_still(&x.device, &now, NULL) == -ENODEV) {
		describe(&x, v);
		if (volume_update(s, serial,
				  &(struct volume_update){
					  .local = local_lost, .arg = &x,
					  .store = true, .urgent = true,
					  .event = "device-lost" }, &err) < 0)
			log_error("'%s/%s': %s; and it could not be noted: %s",
				  s->name, v->name, x.text, err.text);
		else if (x.noted)
			log_warn("'%s/%s': %s", s->name, v->name, x.text);
	}
	volume_unref(v);
}

/* ---- one that came again ---- */

static void local_back(struct volume_local *l, void *arg)
{
	if (l->attached && !l->mounted && l->device_lost)
		local_device_found(l, arg);
}

/* A mounted one stays lost: its file system does not come back. */
void device_care_back(struct service *s, uint64_t serial)
{
	struct call c = { .deadline_ms = clock_ms() + FIND_MS, .token = "",
			  .job = "" };
	struct volume *v = service_volume(s, serial);
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	struct device d;

	if (v && v->local && v->local->device_lost && !v->local->mounted &&
	    v->local->attach_json &&
	    attach_decode(v->local->attach_json, &a, &err) == 0 &&
	    a.kind == KIND_BLOCK &&
	    device_find(&c, &a.device, &d, &err) == 0 &&
	    volume_update(s, serial,
			  &(struct volume_update){ .local = local_back,
						   .arg = &d, .store = true,
						   .event = "device-back" },
			  &err) == 0)
		log_info("'%s/%s': its disk is back as '%s'", s->name, v->name,
			 d.path);
	attach_done(&a);
	volume_unref(v);
}

/* A job that is at it finds its device itself. */
static void back_unless_busy(struct service *s, uint64_t serial)
{
	struct volume *v = service_volume(s, serial);

	if (v && !has_unfinished_job(s, v))
		device_care_back(s, serial);
	volume_unref(v);
}

/* ---- all that an event may be about ---- */

struct serials {
	uint64_t *list;
	size_t n, room;
};

static void serials_add(struct serials *l, uint64_t serial)
{
	uint64_t *more = l->list;

	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		more = realloc(l->list, l->room * sizeof(*more));
	}
	if (!more) {
		l->room = l->n;
		return;
	}
	l->list = more;
	l->list[l->n++] = serial;
}

static bool concerns(const struct volume_local *l,
		     const struct device_event *ev)
{
	if (!l || !l->attached)
		return false;
	switch (ev->news) {
	case DEVICE_CAME:
		return l->device_lost && !l->mounted;
	case DEVICE_WENT:
		return l->device && l->device_devno == ev->devno;
	default:
		return l->device || l->device_lost;
	}
}

static void look_at_service(struct service *s, const struct device_event *ev)
{
	struct serials found = { 0 };

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->inv->n_volumes; i++) {
		const struct volume *v = s->inv->by_serial[i]->current;

		if (v && concerns(v->local, ev))
			serials_add(&found, s->inv->by_serial[i]->serial);
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < found.n; i++) {
		if (ev->news != DEVICE_CAME)
			device_care_look(s, found.list[i]);
		if (ev->news != DEVICE_WENT)
			back_unless_busy(s, found.list[i]);
	}
	free(found.list);
}

static void look_at_all(struct engine *e, const struct device_event *ev)
{
	struct service *s[64];
	unsigned after = 0;
	size_t n;

	while ((n = engine_services(e, after, s, ARRAY_SIZE(s))))
		for (size_t i = 0; i < n; i++) {
			after = s[i]->number;
			look_at_service(s[i], ev);
			service_unref(s[i]);
		}
}

static void *care(void *arg)
{
	struct engine *e = arg;
	struct device_event ev;
	int r;

	while ((r = device_watch_next(e->device_watch, &ev)) == 0)
		look_at_all(e, &ev);
	if (r != -ECANCELED)
		log_warn("the kernel no longer tells of devices that go: "
			 "each refresh looks");
	return NULL;
}

void device_care_start(struct engine *e)
{
	struct err err = ERR_INIT;
	int r = device_watch_new(&e->device_watch, &err);

	if (r == 0) {
		r = thread_start(&e->device_care, care, e);
		e->device_care_runs = r == 0;
	}
	if (r < 0)
		log_warn("disks that are pulled are noticed at the next "
			 "refresh only: %s", err.num ? err.text : "no thread");
}

void device_care_stop(struct engine *e)
{
	if (e->device_care_runs) {
		device_watch_stop(e->device_watch);
		pthread_join(e->device_care, NULL);
	}
	e->device_care_runs = false;
	device_watch_free(e->device_watch);
	e->device_watch = NULL;
}
