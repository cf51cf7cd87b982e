/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the daemon itself: reload, down, cancelling a job. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

/* ---- reload ---- */

static int run_reload(struct job *j, struct err *err)
{
	job_step(j, "read-configuration");
	return engine_reload(j->engine, err);
}

const struct verb verb_reload = {
	.name = "reload", .target = TARGET_DAEMON,
	.help = "Read the configuration again; no mount and no job is "
		"disturbed.",
	.example = "1", .run = run_reload,
};

/* ---- down ---- */

/* Unmounts that are under way, each a job of its own. */
struct down {
	pthread_mutex_t lock;
	pthread_cond_t done;
	unsigned pending, failed;
	char first[320];             /* service/volume that failed first */
};

struct down_one {
	struct down *down;
	char path[256];
};

static void one_down(void *arg, const struct answer *a)
{
	struct down_one *one = arg;
	struct down *d = one->down;

	pthread_mutex_lock(&d->lock);
	d->pending--;
	if (a->num && !d->failed++)
		snprintf(d->first, sizeof(d->first), "%s: %s", one->path,
			 err_name(a->num));
	pthread_cond_broadcast(&d->done);
	pthread_mutex_unlock(&d->lock);
	free(one);
}

static void take_down(struct job *j, struct down *d, struct service *s,
		      struct volume *v, const char *how)
{
	struct down_one *one = calloc(1, sizeof(*one));
	struct request r = { .verb = &verb_unmount, .svc = s,
			     .serial = v->node->serial, .text = how,
			     .len = strlen(how), .uid = j->uid,
			     .gid = j->gid, .pid = j->pid };

	if (!one)
		return;
	one->down = d;
	snprintf(one->path, sizeof(one->path), "%.100s/%.150s", s->name,
		 v->name);
	pthread_mutex_lock(&d->lock);
	d->pending++;
	pthread_mutex_unlock(&d->lock);
	engine_submit(j->engine, &r, one_down, one, NULL);
}

/* Plain unmounts end the last user's hold only, so every user is dropped one
 * by one: force would also kill what a hung server still owes. */
static void take_down_service(struct job *j, struct down *d, struct service *s,
			      bool force)
{
	struct inventory *inv = service_inventory(s);
	struct volume *v;
	size_t at = 0;

	while ((v = service_next_kept(s, inv, &at))) {
		bool mounted = volume_is_mounted(v);

		for (size_t u = 0; mounted && !force && u < v->local->n_users;
		     u++) {
			char line[300];

			snprintf(line, sizeof(line), "timeout=60s user=%s",
				 v->local->users[u].name);
			take_down(j, d, s, v, line);
		}
		if (mounted && force)
			take_down(j, d, s, v, "timeout=60s force");
		volume_unref(v);
	}
	inventory_unref(inv);
}

int unmount_all(struct job *j, bool force, struct err *err)
{
	struct down d = { .pending = 0 };
	struct service *s[64];
	unsigned after = 0;
	size_t n;
	int r;

	pthread_mutex_init(&d.lock, NULL);
	cond_init(&d.done);
	while ((n = engine_services(j->engine, after, s, ARRAY_SIZE(s)))) {
		for (size_t i = 0; i < n; i++) {
			after = s[i]->number;
			take_down_service(j, &d, s[i], force);
			service_unref(s[i]);
		}
	}
	pthread_mutex_lock(&d.lock);
	/* Each one has a deadline of its own. */
	while (d.pending)
		pthread_cond_wait(&d.done, &d.lock);
	pthread_mutex_unlock(&d.lock);
	r = d.failed ? err_set(err, EBUSY, "down: %u volumes stay mounted, the "
			       "first is %s; the daemon goes on (its 'error' "
			       "says who holds it; 'force' unmounts all the "
			       "same)", d.failed, d.first)
		     : 0;
	pthread_mutex_destroy(&d.lock);
	pthread_cond_destroy(&d.done);
	return r;
}

static int run_down(struct job *j, struct err *err)
{
	struct err ignored = ERR_INIT;
	char path[512];
	struct call c;
	int r;

	job_step(j, "unmount-all");
	r = unmount_all(j, line_has(&j->line, "force"), err);
	if (r < 0)
		return r;
	job_call(j, &c);
	snprintf(path, sizeof(path), "%s/mnt", j->engine->o.run_dir);
	if (mount_umount(&c, path, UMOUNT_PLAIN, &ignored) < 0)
		log_warn("down: %s", ignored.text);
	log_info("down: every volume is unmounted; the daemon ends");
	j->engine->o.host.end(j->engine->o.host.arg);
	return 0;
}

static const struct word_spec down_words[] = {
	{ "force", OPT_BOOL, .flag = true,
	  .help = "Unmount also what is in use or hangs." },
	{ NULL }
};

const struct verb verb_down = {
	.name = "down", .target = TARGET_DAEMON, .words = down_words,
	.help = "Unmount every volume in order, and end the daemon.",
	.example = "1", .run = run_down, .urgent = true,
};

/* ---- cancelling a job ---- */

static int check_job_cancel(struct job *j, struct err *err)
{
	struct job *there = j->line.dry_run ? job_find(j->engine, j->serial)
					    : NULL;

	if (there)
		job_unref(there);
	else if (!job_cancel(j->engine, j->serial))
		return err_set(err, ENOENT, "cancel: there is no job %" PRIu64,
			       j->serial);
	return 1;
}

const struct verb verb_job_cancel = {
	.name = "job-cancel", .target = TARGET_DAEMON,
	.help = "Stop this job, safely.", .example = "1",
	.check = check_job_cancel,
};
