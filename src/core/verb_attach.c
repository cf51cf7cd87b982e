/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach and detach: the service makes the volume reachable from this host,
 * the host finds the device by the identity that the service promised.
 *
 * What attach returned is stored before the device is waited for, so that a
 * crash leaves nothing that a restart could not find again and release.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/device.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

/* How long a device may stay smaller than its volume, and how often it is
 * asked whether it is the only one. */
#define SIZE_MS 60000
#define SIZE_LOOK_MS 2000
/* The same for one that was there too early. */
#define OLDER_MS 30000
#define OLDER_LOOK_MS 200
/* How long the second look waits for udev to be done with what came. */
#define LOOK_AGAIN_MS 5000

struct attached {
	struct attach_result result;
	char *json;
	struct device device;
	uint64_t older;              /* disks up to this one were there before
				      * the service attached it; 0 = not known,
				      * or it was attached already */
	bool by_mount, read_only, done;
};

static void set_string(char **to, const char *from)
{
	free(*to);
	*to = from && *from ? strdup(from) : NULL;
}

static void local_attaching(struct volume_local *l, void *arg)
{
	struct attached *a = arg;

	set_string(&l->attach_json, a->json);
	l->attached_by_mount = a->by_mount;
	l->attached_read_only = a->read_only;
	l->ever_attached = true;
}

static void local_attached(struct volume_local *l, void *arg)
{
	struct attached *a = arg;

	l->attached = true;
	l->attached_at_s = clock_unix_s();
	local_device_found(l, &a->device);
}

static void local_detached(struct volume_local *l, void *arg)
{
	l->attached = l->attached_by_mount = l->attached_read_only = false;
	l->attached_at_s = 0;
	set_string(&l->attach_json, NULL);
	local_device_forgotten(l);
}

static int check_limit(const struct job *j, struct err *err)
{
	struct service_info i;
	int r = 0;

	service_info_get(j->svc, &i);
	if (i.instance.attach_limit >= 0 &&
	    (int)i.counts.attached >= i.instance.attach_limit)
		r = err_set(err, EMFILE, "this host has %u volume%s of '%s' "
			    "attached, its limit; detach one first",
			    i.counts.attached, i.counts.attached == 1 ? "" : "s",
			    j->svc->name);
	service_info_done(&i);
	return r;
}

static int check_elsewhere(const struct job *j, const struct volume *v,
			   struct err *err)
{
	if (volume_effective_state(v) != VOLUME_IN_USE ||
	    v->f.access != ACCESS_SINGLE_WRITER ||
	    j->svc->config->core.preempt)
		return 0;
	return err_set(err, EBUSY, "host '%s' has it attached; detach it there, "
		       "or set preempt to take it", v->f.attachments[0].host);
}

static int check_state(const struct job *j, const struct volume *v,
		       struct err *err)
{
	if (v->local && v->local->failed)
		return err_set(err, EIO, "its creation failed: %s",
			       v->local->fault.err.text);
	if (v->f.state == VOLUME_ERROR)
		return err_set(err, EIO, "the service says it is in error: %s",
			       v->f.health_message ? v->f.health_message : "");
	if (v->local && v->local->gone)
		return err_set(err, ESTALE, "it is lost: the service no longer "
			       "has it");
	return check_elsewhere(j, v, err);
}

static void local_owner_pending(struct volume_local *l, void *arg)
{
	l->owner_pending = true;
}

static void local_maybe_attached(struct volume_local *l, void *arg)
{
	l->ever_attached = true;
}

/* Before the first attach the mark "blank" goes, on whatever host: from then
 * on the volume may hold data. */
static int take_off_blank(struct job *j, const struct call *c,
			  const struct volume *v, struct err *err)
{
	const struct provider *p = j->svc->provider;
	struct volume_facts f = v->f;
	int r;

	if (!p->set_marks && v->local && v->local->made_here)
		return volume_update(j->svc, j->serial,
				     &(struct volume_update){
					     .local = local_maybe_attached,
					     .store = true }, err);
	if (!v->f.blank || !p->set_marks)
		return 0;
	job_step(j, "take-off-blank");
	r = PROVIDER_CALL(j, c, p->set_marks(j->svc->session, c, &v->f,
					     v->f.managed, false, err), err);
	if (r < 0)
		return r;
	f.blank = false;
	return volume_update(j->svc, j->serial,
			     &(struct volume_update){
				     .facts = &f, .local = local_owner_pending,
				     .store = true }, err);
}

/* Smaller than the service says: grown elsewhere, then the kernel is asked to
 * look; or another disk with the same serial, and the right one comes yet. */
static int await_size(const struct call *c, struct attached *a,
		      uint64_t want_bytes, struct err *err)
{
	int64_t end_ms = clock_ms() + SIZE_MS;
	struct call look = *c;
	struct device other;
	int r;

	do {
		look.deadline_ms = clock_ms() + SIZE_LOOK_MS;
		if (look.deadline_ms > c->deadline_ms)
			look.deadline_ms = c->deadline_ms;
		r = device_rescan(&look, &a->result.device, &a->device,
				  want_bytes, err);
		if (r == -ETIMEDOUT &&
		    device_find(c, &a->result.device, &other, NULL) ==
			    -ENOTUNIQ)
			return device_find(c, &a->result.device, &other, err);
	} while (r == -ETIMEDOUT && clock_ms() < end_ms &&
		 call_check(c, NULL) == 0);
	return r;
}

/* A disk that was there before the service attached the volume is another one
 * with the same serial: the right one comes yet, and then they are two. */
static int await_newer(const struct call *c, struct attached *a,
		       int64_t most_ms, struct err *err)
{
	int64_t end_ms = clock_ms() + call_left_ms(c, most_ms);
	struct device old = a->device;
	int r = 0;

	while (r == 0 && a->device.diskseq &&
	       a->device.diskseq <= a->older) {
		if (clock_ms() >= end_ms)
			return err_set(err, ENOTUNIQ, "'%s' has what the "
				       "service promised of the device, but was "
				       "there before the service attached it: "
				       "another disk with the serial '%s'",
				       old.path, old.serial);
		r = call_sleep(c, OLDER_LOOK_MS, err);
		if (r == 0)
			r = device_find(c, &a->result.device, &a->device, err);
		/* Between the two, or with udev. */
		if (r == -ENODEV)
			r = 0;
	}
	return r;
}

static int find_device(struct job *j, const struct call *c,
		       struct attached *a, uint64_t want_bytes, struct err *err)
{
	uint64_t wait_ms = j->svc->config->core.device_timeout_ms;

	if (a->result.kind != KIND_BLOCK)
		return 0;
	job_step(j, "wait-for-device");
	if (device_wait(c, &a->result.device, wait_ms, &a->device, err) < 0)
		return -err->num;
	FAULT_POINT("job.attach.device");
	if (await_newer(c, a, wait_ms < OLDER_MS ? wait_ms : OLDER_MS, err) < 0)
		return -err->num;
	if (a->device.size_bytes >= want_bytes)
		return 0;
	return await_size(c, a, want_bytes, err);
}

/* The volume as it was before this was begun, by an earlier daemon perhaps. */
static struct volume_facts facts_before(const struct volume *v)
{
	struct volume_facts f = v->f;

	if (f.state == VOLUME_ATTACHING)
		f.state = VOLUME_AVAILABLE;
	return f;
}

/* After a failure: nothing stays attached that the tree does not show. */
static void roll_back(struct job *j, struct attached *a, struct volume *v)
{
	struct call c = { .deadline_ms = clock_ms() + 30000, .token = "",
			  .job = "" };
	struct volume_facts before = facts_before(v);
	struct err err = ERR_INIT;
	int r = 0;

	if (a->result.kind == KIND_BLOCK)
		r = device_release(&c, &a->result.device, &err);
	/* What somebody uses beside us is not pulled from under them. */
	if (r == 0 && a->device.diskseq)
		r = device_check_free(&c, &a->device, &err);
	if (r == 0)
		r = PROVIDER_CALL(j, &c, j->svc->provider->detach(
			j->svc->session, &c, &v->f, false, &err), &err);
	if (r < 0)
		log_warn("attach '%s/%s' failed and could not be undone: %s",
			 j->svc->name, v->name, err.text);
	volume_update(j->svc, j->serial,
		      &(struct volume_update){ .facts = &before,
					       .local = r < 0 ? NULL
							 : local_detached,
					       .store = true, .urgent = true },
		      NULL);
	if (j->svc->provider->get)
		refresh_one(j->svc, &c, j->serial, &err);
}

static bool is_here(const struct volume *v)
{
	for (uint32_t i = 0; i < v->f.n_attachments; i++)
		if (v->f.attachments[i].here)
			return true;
	return false;
}

/* A failure that is no refusal: the service may have attached it all the same.
 * That is taken back, and the service says how it is now. */
static void take_back(struct job *j, const struct volume *v, int num)
{
	struct call c = { .deadline_ms = clock_ms() + 10000, .token = "",
			  .job = "" };
	const struct provider *p = j->svc->provider;
	struct err err = ERR_INIT;

	if (is_here(v) || (num != EIO && num != ETIMEDOUT && num != EPROTO &&
			   num != EHOSTUNREACH && num != ECANCELED))
		return;
	service_enter(j->svc);
	if (p->detach(j->svc->session, &c, &v->f, false, &err) < 0)
		log_info("attach '%s/%s' failed; taking it back: %s",
			 j->svc->name, v->name, err.text);
	service_leave(j->svc);
	if (p->get)
		refresh_one(j->svc, &c, j->serial, &err);
}

static int attach_at_service(struct job *j, const struct call *c,
			     struct volume *v, struct attached *a,
			     struct err *err)
{
	AUTO(auto_buf) struct buf json = BUF_INIT(64 * 1024);
	const struct provider *p = j->svc->provider;
	struct volume_facts f = v->f;
	int r;

	if (!is_here(v) && !j->resumed && !(v->local && v->local->attach_json))
		a->older = device_newest();
	f.state = VOLUME_ATTACHING;
	volume_update(j->svc, j->serial,
		      &(struct volume_update){ .facts = &f }, NULL);
	job_step(j, "attach");
	FAULT_POINT("job.attach.before-call");
	r = PROVIDER_CALL(j, c, p->attach(j->svc->session, c, &v->f,
					  a->read_only, &a->result, err), err);
	FAULT_POINT("job.attach.called");
	if (r == 0)
		r = attach_encode(&a->result, &json);
	if (r == 0)
		a->json = buf_take(&json);
	if (r < 0) {
		f = facts_before(v);
		volume_update(j->svc, j->serial,
			      &(struct volume_update){ .facts = &f }, NULL);
		r = err->num ? -err->num : err_oom(err);
		if (!(j->engine->stopping && r == -ECANCELED))
			take_back(j, v, -r);
		return r;
	}
	return volume_update(j->svc, j->serial,
			     &(struct volume_update){
				     .local = local_attaching, .arg = a,
				     .store = true }, err);
}

/* The service's own view of it, once the device is here. */
static int settle(struct job *j, const struct call *c, struct volume *v,
		  struct err *err)
{
	int r;

	if (!j->svc->provider->get)
		return volume_update(j->svc, j->serial,
				     &(struct volume_update){ .facts = &v->f },
				     err);
	r = refresh_one(j->svc, c, j->serial, err);
	return r == 0 ? wait_for_state(j, c, VOLUME_ATTACHING, err) : r;
}

/* What was found before the service was done may have been another disk that
 * has the same serial: now both would be there. Or it went at once, before it
 * was known whose it was: then nobody has noted that. */
static int look_again(struct job *j, const struct call *c, struct attached *a,
		      struct err *err)
{
	struct device now;
	int r;

	if (a->result.kind != KIND_BLOCK ||
	    device_identity_is_loop(&a->result.device))
		return 0;
	r = device_wait(c, &a->result.device, LOOK_AGAIN_MS, &now, err);
	if (r == -ENODEV && device_still(&a->device, &now, NULL) == 0)
		return 0;
	if (r == -ENODEV)
		return err_wrap(err, "'%s' appeared and went at once",
				a->device.path);
	if (r < 0 || (now.devno == a->device.devno &&
		      now.diskseq == a->device.diskseq))
		return r;
	a->device = now;
	return volume_update(j->svc, j->serial,
			     &(struct volume_update){ .local = local_attached,
						      .arg = a, .store = true },
			     err);
}

int attach_volume(struct job *j, const struct call *c, bool by_mount,
		  bool read_only, struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct attached a = { .by_mount = by_mount, .read_only = read_only };
	int r;

	if (!v)
		return -err->num;
	if (v->local && v->local->attached) {
		volume_unref(v);
		return 0;
	}
	/* A repeat after a crash keeps who began it. */
	if (v->local && v->local->attach_json)
		a.by_mount = v->local->attached_by_mount;
	r = check_state(j, v, err);
	if (r == 0 && !(v->local && v->local->attach_json))
		r = check_limit(j, err);
	if (r == 0)
		r = take_off_blank(j, c, v, err);
	if (r == 0) {
		volume_unref(v);
		v = job_volume(j, err);
		r = v ? 0 : -err->num;
	}
	if (r == 0)
		r = attach_at_service(j, c, v, &a, err);
	if (r == 0) {
		r = find_device(j, c, &a, v->f.size_bytes, err);
		if (r == 0)
			r = volume_update(j->svc, j->serial,
					  &(struct volume_update){
						  .local = local_attached,
						  .arg = &a, .store = true,
						  .event = "attach" }, err);
		if (r == 0)
			r = settle(j, c, v, err);
		if (r == 0)
			r = look_again(j, c, &a, err);
		FAULT_POINT("job.attach.done");
		if (r < 0 && !(j->engine->stopping && r == -ECANCELED))
			roll_back(j, &a, v);
	}
	j->attached_now = r == 0;
	attach_done(&a.result);
	free(a.json);
	volume_unref(v);
	return r;
}

static int check_attach(struct job *j, struct err *err)
{
	bool moves = volume_will_move(j->svc, j->serial);
	struct volume *v = job_volume(j, err);
	int r;

	if (!v)
		return -err->num;
	r = v->local && v->local->attached ? !moves : check_state(j, v, err);
	volume_unref(v);
	return r < 0 ? err_wrap(err, "attach '%s'", j->name) : r;
}

static int run_attach(struct job *j, struct err *err)
{
	struct call c;

	job_call(j, &c);
	if (attach_volume(j, &c, false, line_has(&j->line, "ro"), err) < 0)
		return err_wrap(err, "attach '%s'", j->name);
	j->devices_changed = true;
	return 0;
}

static const struct word_spec attach_words[] = {
	{ "ro", OPT_BOOL, .flag = true, .help = "Read-only." },
	{ NULL }
};

const struct verb verb_attach = {
	.name = "attach", .target = TARGET_VOLUME, .words = attach_words,
	.help = "Attach the volume to this host; 'device' then shows where.",
	.example = "1", .check = check_attach, .run = run_attach,
};

/* ---- detach ---- */

static int release_device(struct job *j, const struct call *c,
			  struct volume *v, struct err *err)
{
	struct attach_result a = { 0 };
	struct device dev, known;
	int r;

	if (!v->local || !v->local->attach_json)
		return 0;
	r = attach_decode(v->local->attach_json, &a, err);
	if (r == 0 && a.kind == KIND_BLOCK) {
		job_step(j, "release-device");
		local_device(v->local, &known);
		r = device_find_known(c, &a.device, &known, &dev, err);
		if (r == 0)
			r = device_check_free(c, &dev, err);
		if (r == 0)
			r = device_release(c, &a.device, err);
		/* Gone already; and an image that somebody deleted went with
		 * the device. */
		if (r == -ENODEV || (r == -ENOENT && v->local->gone))
			r = 0;
	}
	if (r == 0 && a.kind == KIND_DIRECTORY)
		r = mount_directory_free(c, a.directory, err);
	attach_done(&a);
	return r;
}

static void local_letting_go(struct volume_local *l, void *arg)
{
	local_device_forgotten(l);
}

static void local_kept(struct volume_local *l, void *arg)
{
	if (l->attached && !l->device)
		local_device_found(l, arg);
}

/* A disk that goes from here on was not pulled, and its name may be another's
 * in a moment. False: none is known. */
static bool let_go(struct job *j, const struct volume *v, struct device *known)
{
	return local_device(v->local, known) &&
	       volume_update(j->svc, j->serial,
			     &(struct volume_update){
				     .local = local_letting_go }, NULL) == 0;
}

int detach_volume(struct job *j, const struct call *c, bool force,
		  struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct device known;
	char how[UNMOUNT_HOW_MAX];
	bool had_device = false;
	int r;

	if (!v)
		return -err->num;
	if (volume_is_mounted(v)) {
		r = err_set(err, EBUSY, "it is mounted here; unmount it "
			    "first: %s", unmount_how(v, how));
		goto out;
	}
	r = release_device(j, c, v, err);
	if (r < 0)
		goto out;
	job_step(j, "detach");
	had_device = let_go(j, v, &known);
	FAULT_POINT("job.detach.before-call");
	r = v->local && v->local->gone
		    ? 0 : PROVIDER_CALL(j, c, j->svc->provider->detach(
			j->svc->session, c, &v->f, force, err), err);
	FAULT_POINT("job.detach.called");
	if (r == 0)
		r = volume_update(j->svc, j->serial,
				  &(struct volume_update){
					  .local = local_detached,
					  .store = true, .urgent = true,
					  .event = "detach" }, err);
	j->devices_changed |= r == 0;
	if (r == 0 && j->svc->provider->get && !(v->local && v->local->gone)) {
		refresh_one(j->svc, c, j->serial, err);
		r = wait_for_state(j, c, VOLUME_DETACHING, err);
	}
out:
	if (r < 0 && had_device && device_still(&known, &known, NULL) == 0)
		volume_update(j->svc, j->serial,
			      &(struct volume_update){ .local = local_kept,
						       .arg = &known }, NULL);
	volume_unref(v);
	return r;
}

static bool is_detached(const struct volume *v)
{
	return !volume_is_attached(v) && !(v->local && v->local->attach_json) &&
	       v->f.state != VOLUME_ATTACHING &&
	       v->f.state != VOLUME_DETACHING;
}

static int check_detach(struct job *j, struct err *err)
{
	bool moves = volume_will_move(j->svc, j->serial);
	struct volume *v = job_volume(j, err);
	char how[UNMOUNT_HOW_MAX];
	int r = 0;

	if (!v)
		return -err->num;
	if (volume_is_mounted(v))
		r = err_set(err, EBUSY, "detach '%s': it is mounted here; "
			    "unmount it first: %s", v->name,
			    unmount_how(v, how));
	else if (is_detached(v))
		r = !moves;
	volume_unref(v);
	return r;
}

static int run_detach(struct job *j, struct err *err)
{
	struct volume *v = job_volume(j, err);
	struct call c;
	bool done;

	if (!v)
		return -err->num;
	done = is_detached(v);
	volume_unref(v);
	job_call(j, &c);
	if (!done &&
	    detach_volume(j, &c, line_has(&j->line, "force"), err) < 0)
		return err_wrap(err, "detach '%s'", j->name);
	return 0;
}

static const struct word_spec detach_words[] = {
	{ "force", OPT_BOOL, .flag = true,
	  .help = "Ask the service to do it by force." },
	{ NULL }
};

const struct verb verb_detach = {
	.name = "detach", .target = TARGET_VOLUME, .words = detach_words,
	.help = "Detach the volume from this host; it must not be mounted.",
	.example = "1", .check = check_detach, .run = run_detach,
	.urgent = true,
};

/* ---- cancel ---- */

static int check_cancel(struct job *j, struct err *err)
{
	struct engine *e = j->engine;
	uint64_t id = 0;

	pthread_mutex_lock(&e->jobs_lock);
	struct job *running = job_of_volume(j->svc, j->serial);

	if (running)
		id = running->id;
	pthread_mutex_unlock(&e->jobs_lock);
	if (id && !j->line.dry_run)
		job_cancel(e, id);
	return 1;
}

const struct verb verb_cancel = {
	.name = "cancel", .target = TARGET_VOLUME,
	.help = "Stop what runs on this volume, safely.", .example = "1",
	.check = check_cancel,
};
