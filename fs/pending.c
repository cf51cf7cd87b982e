/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that the engine has and somebody waits for, by their `unique`: how
 * their answer goes out, and what an interrupt does to them.
 */
#include "fs/fuse_reply.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"

/* An INTERRUPT may be read before its request is: the last ones that met no
 * request are remembered. */
#define EARLY_MAX 64
#define WATCH_EVERY_MS 20

struct pending {
	atomic_uint refs;            /* the engine's, the submitter's, guests' */
	fuse_req_t req;              /* the engine's until it is answered */
	struct fs *fs;
	struct pending_answer how;
	uint64_t unique;
	pid_t pid;

	/* under pendings->lock */
	struct waiter *waiter;       /* set once submitted */
	bool listed, submitted;
	bool interrupted;            /* as soon as there is a waiter */
	bool watched;                /* its caller's signals are looked at */
	UT_hash_handle hh;
};

struct pendings {
	pthread_mutex_t lock;        /* all below */
	pthread_cond_t wake;
	pthread_t watcher;
	bool started, stop;
	struct pending *all;
	unsigned n_watched;
	uint64_t early[EARLY_MAX];
	unsigned next_early;
};

static void pending_unref(struct pending *p)
{
	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	engine_waiter_unref(p->waiter);
	free(p);
}

/* ---- the answer ---- */

static void pending_unlist(struct pending *p)
{
	struct pendings *ps = p->fs->pendings;

	LOCK_SCOPE(&ps->lock);
	if (!p->listed)
		return;
	HASH_DELETE(hh, ps->all, p);
	p->listed = false;
	if (p->watched)
		ps->n_watched--;
}

static void pending_done(void *arg, const struct answer *a)
{
	struct pending *p = arg;
	fuse_req_t req = p->req;

	pending_unlist(p);
	/* After an mv the kernel takes these two as a reason to forget both
	 * names, and takes off what is mounted below. */
	if (p->how.kind == PENDING_RENAME &&
	    (a->num == ENOENT || a->num == EINTR))
		fuse_reply_err(req, EBUSY);
	else if (a->num)
		fuse_reply_err(req, a->num);
	else if (p->how.kind == PENDING_WRITE)
		fuse_reply_write(req, p->how.written);
	else if (p->how.kind == PENDING_NAME || p->how.kind == PENDING_RENAME)
		fuse_reply_err(req, 0);
	else if (p->how.kind == PENDING_ATTR)
		reply_attr_of(req, p->how.ino);
	else
		reply_entry_of(req, node_make(node_service(p->how.ino),
					      a->serial,
					      node_index(p->how.ino)));
	pending_unref(p);
}

/* ---- interrupts ---- */

/* The 16 hexadecimal digits behind a key of /proc/<pid>/status. */
static uint64_t status_mask(const char *text, const char *key)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = strstr(text, key), *digit;
	uint64_t mask = 0;

	for (at = at ? at + strlen(key) : ""; *at; at++) {
		digit = strchr(digits, *at);
		if (!digit)
			break;
		mask = mask << 4 | (uint64_t)(digit - digits);
	}
	return mask;
}

/*
 * A signal that has a handler and is none of INT, TERM, HUP, QUIT (bash gets
 * SIGCHLD from its background jobs) does not end the wait. Nothing pending
 * that could be seen: no reason to end it either; what cannot be looked at
 * (another pid namespace, gone) ends it.
 */
static bool caller_wants_out(pid_t pid)
{
	const uint64_t fatal = UINT64_C(1) << (SIGINT - 1) |
			       UINT64_C(1) << (SIGTERM - 1) |
			       UINT64_C(1) << (SIGHUP - 1) |
			       UINT64_C(1) << (SIGQUIT - 1);
	char path[64], text[4096];
	uint64_t pending;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	AUTO(auto_fd) int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return true;
	text[n] = '\0';
	pending = status_mask(text, "\nSigPnd:\t") |
		  status_mask(text, "\nShdPnd:\t");
	pending &= ~status_mask(text, "\nSigBlk:\t");
	pending &= ~status_mask(text, "\nSigIgn:\t");
	return (pending & fatal) ||
	       (pending & ~status_mask(text, "\nSigCgt:\t"));
}

/* Ends the wait, or has its caller watched: the kernel sends one INTERRUPT a
 * request, so a Ctrl-C after an ignored SIGCHLD would come to nobody. */
static void pending_signalled(struct pending *p)
{
	struct pendings *ps = p->fs->pendings;
	struct waiter *end = NULL;

	if (caller_wants_out(p->pid)) {
		LOCK_SCOPE(&ps->lock);
		p->interrupted = true;
		end = p->submitted ? p->waiter : NULL;
		if (p->watched && p->listed)
			ps->n_watched--;
		p->watched = false;
	} else {
		LOCK_SCOPE(&ps->lock);
		if (!p->watched && p->listed) {
			p->watched = true;
			ps->n_watched++;
			pthread_cond_signal(&ps->wake);
		}
	}
	if (end)
		engine_interrupt(end);
}

void pending_interrupt(struct fs *fs, uint64_t unique)
{
	struct pendings *ps = fs->pendings;
	struct pending *p;

	pthread_mutex_lock(&ps->lock);
	HASH_FIND(hh, ps->all, &unique, sizeof(unique), p);
	if (p)
		atomic_fetch_add(&p->refs, 1);
	else
		ps->early[ps->next_early++ % EARLY_MAX] = unique;
	pthread_mutex_unlock(&ps->lock);
	if (!p)
		return;
	pending_signalled(p);
	pending_unref(p);
}

#define WATCH_BATCH 64

static void watch_once(struct pendings *ps)
{
	struct pending *batch[WATCH_BATCH], *p, *next;
	unsigned n = 0;

	pthread_mutex_lock(&ps->lock);
	HASH_ITER(hh, ps->all, p, next) {
		if (!p->watched || n == WATCH_BATCH)
			continue;
		atomic_fetch_add(&p->refs, 1);
		batch[n++] = p;
	}
	pthread_mutex_unlock(&ps->lock);
	while (n > 0) {
		p = batch[--n];
		pending_signalled(p);
		pending_unref(p);
	}
}

static void *watcher_run(void *arg)
{
	struct pendings *ps = arg;

	for (;;) {
		pthread_mutex_lock(&ps->lock);
		while (!ps->stop && ps->n_watched == 0)
			pthread_cond_wait(&ps->wake, &ps->lock);
		if (ps->stop) {
			pthread_mutex_unlock(&ps->lock);
			return NULL;
		}
		pthread_mutex_unlock(&ps->lock);
		nanosleep(&(struct timespec){
			.tv_nsec = WATCH_EVERY_MS * 1000000 }, NULL);
		watch_once(ps);
	}
}

/* ---- submitting ---- */

static struct pending *pending_new(fuse_req_t req,
				   const struct pending_answer *how)
{
	const struct fuse_in_header *in = session_request();
	struct pending *p = calloc(1, sizeof(*p));
	struct pendings *ps = request_fs(req)->pendings;

	if (!p)
		return NULL;
	atomic_init(&p->refs, 2);
	p->req = req;
	p->fs = request_fs(req);
	p->how = *how;
	p->unique = in->unique & ~UNIQUE_RESEND;
	p->pid = (pid_t)in->pid;
	LOCK_SCOPE(&ps->lock);
	HASH_ADD(hh, ps->all, unique, sizeof(p->unique), p);
	p->listed = true;
	return p;
}

/* After the engine has it: an interrupt may have come in between, or before
 * the request itself. */
static void pending_submitted(struct pending *p, struct waiter *waiter)
{
	struct pendings *ps = p->fs->pendings;
	bool interrupted, early = false;

	pthread_mutex_lock(&ps->lock);
	p->waiter = waiter;
	p->submitted = true;
	for (unsigned i = 0; i < EARLY_MAX; i++) {
		if (ps->early[i] == p->unique) {
			ps->early[i] = 0;
			early = true;
		}
	}
	interrupted = p->interrupted;
	pthread_mutex_unlock(&ps->lock);
	if (interrupted && waiter)
		engine_interrupt(waiter);
	else if (early && waiter)
		pending_signalled(p);
	pending_unref(p);
}

void pending_submit(fuse_req_t req, const struct request *r,
		    const struct pending_answer *how)
{
	struct pending *p = pending_new(req, how);
	struct waiter *waiter = NULL;

	if (!p) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	engine_submit(p->fs->engine, r, pending_done, p, &waiter);
	pending_submitted(p, waiter);
}

void pending_chown(fuse_req_t req, struct service *svc, uint64_t serial,
		   uid_t uid, gid_t gid, mode_t mode,
		   const struct pending_answer *how)
{
	struct pending *p = pending_new(req, how);

	if (!p) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	engine_chown(p->fs->engine, svc, serial, uid, gid, mode, pending_done,
		     p);
	pending_submitted(p, NULL);
}

/* ---- life ---- */

struct pendings *pendings_new(void)
{
	struct pendings *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	pthread_mutex_init(&ps->lock, NULL);
	pthread_cond_init(&ps->wake, NULL);
	return ps;
}

int pendings_start(struct pendings *ps, struct err *err)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	r = pthread_create(&ps->watcher, &attr, watcher_run, ps);
	pthread_attr_destroy(&attr);
	if (r)
		return err_errno(err, r, "start the thread that watches "
				 "callers");
	ps->started = true;
	return 0;
}

void pendings_drain(struct pendings *ps, int64_t most_ms)
{
	int64_t until_ms = clock_ms() + most_ms;

	while (clock_ms() < until_ms) {
		pthread_mutex_lock(&ps->lock);
		bool none = !ps->all;
		pthread_mutex_unlock(&ps->lock);
		if (none)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

void pendings_free(struct pendings *ps)
{
	if (!ps)
		return;
	if (ps->started) {
		pthread_mutex_lock(&ps->lock);
		ps->stop = true;
		pthread_cond_signal(&ps->wake);
		pthread_mutex_unlock(&ps->lock);
		pthread_join(ps->watcher, NULL);
	}
	pthread_mutex_destroy(&ps->lock);
	pthread_cond_destroy(&ps->wake);
	free(ps);
}
