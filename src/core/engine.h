/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_ENGINE_H
#define VOLFS_CORE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "core/config.h"
#include "core/service.h"
#include "core/verb.h"

/*
 * The engine: services, jobs, store, events; knows nothing of FUSE. The file
 * system reads from it (memory only), submits requests, and is told of every
 * change through one callback.
 */
struct engine;

/*
 * One thing that a reader can see has changed. The engine has swapped it in
 * already and calls changed() on a worker, with no lock held, before it
 * answers any writer; the file system waits there for the replies that were
 * begun on the old state, and pushes.
 */
enum change_kind {
	CHANGE_VOLUME,           /* content of a volume's files */
	CHANGE_VOLUME_ADDED, CHANGE_VOLUME_GONE, CHANGE_VOLUME_RENAMED,
	CHANGE_VOLUME_ENTRIES,   /* a file in the volume's directory came/went */
	CHANGE_SNAPSHOT, CHANGE_SNAPSHOT_ADDED, CHANGE_SNAPSHOT_GONE,
	CHANGE_SERVICE,          /* .status, .error */
	CHANGE_SERVICE_ADDED, CHANGE_SERVICE_GONE,
	CHANGE_MODES,            /* owner, group or modes of a service's files */
	CHANGE_JOB, CHANGE_JOB_ADDED, CHANGE_JOB_GONE,
	CHANGE_DAEMON,           /* .volfs: status config mounts devices */
	CHANGE_EVENTS            /* .volfs/events grew */
};
struct change {
	enum change_kind kind;
	struct service *svc;         /* NULL for jobs and the daemon */
	uint64_t serial;             /* volume, snapshot; job id */
	uint64_t volume_serial;      /* snapshots: of their volume, 0 = none */
	_Atomic uint64_t *given;     /* volumes, snapshots: the given bits */
};

struct engine_host {
	void *arg;
	void (*changed)(void *arg, const struct change *c, size_t n);
	/* Path of a volume's data/ in the tree, for binding; caller frees. */
	char *(*data_path)(void *arg, const char *service, const char *volume);
	/* The inode of a volume's directory in the tree; 0 = it has none. */
	uint64_t (*volume_ino)(void *arg, struct service *s, uint64_t serial);
	/* Is the tree being served (bindings can be made)? */
	bool (*tree_is_up)(void *arg);
	/* volctl down: every volume is unmounted; end the daemon. */
	void (*end)(void *arg);
	/* Text of .volfs/config after a reload is config_show()'s. */
};

struct engine_options {
	const char *state_dir, *run_dir;
	const char *mount_point;
	struct config_request config;   /* how to load it, again at reload */
	struct engine_host host;
};

/* Loads configuration and store, makes the services with what the store knows
 * of them: no request leaves, nothing is mounted. */
int engine_new(const struct engine_options *o, struct engine **out,
	       struct err *err);
/* After the tree answers: starts workers, resumes jobs, binds data mounts
 * again, mounts `auto` volumes, starts refreshing. Returns at once. */
int engine_start(struct engine *e, struct err *err);
/* Waits until what was mounted before is bound at its data/ again, at most
 * @most_ms; false if that takes longer (a device that hangs). */
bool engine_wait_recovered(struct engine *e, int64_t most_ms);
/* Stops taking requests (new ones get -EAGAIN), lets running steps end for at
 * most @grace_ms, leaves mounts and unfinished jobs for the next start. */
void engine_stop(struct engine *e, int64_t grace_ms);
/* False, and nothing is freed: a step would not end and may still call the
 * host, so that is to stay as well until the process ends. */
bool engine_free(struct engine *e);

/*
 * Every thread that is not the engine's own does its work between these two,
 * and waits for nothing in between: what service_options() and its like return
 * then stays until engine_leave(), whatever a reload does.
 */
unsigned engine_enter(struct engine *e);
void engine_leave(struct engine *e, unsigned generation);

/* ---- services ---- */

/* References in the order of their numbers; returns how many, at most @max. */
size_t engine_services(struct engine *e, unsigned after_number,
		       struct service **out, size_t max);
struct service *engine_service(struct engine *e, unsigned number);
struct service *engine_service_named(struct engine *e, const char *name);

/* ---- requests ---- */

struct request {
	const struct verb *verb;
	struct service *svc;         /* NULL for TARGET_DAEMON */
	uint64_t serial;             /* of the volume or snapshot; job id for
				      * the daemon's cancel */
	const char *name;            /* TARGET_NAME, snapshot (mkdir), rename:
				      * the escaped name as given */
	const struct setting *setting; /* a setting file: text is its value */
	const char *text;            /* the line, or the value */
	size_t len;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool name_operation;         /* mkdir, rmdir, rename: answered within
				      * the service's answerWithin */
	const struct err *refused;   /* already, by the file system: only
				      * recorded, and answered so; or NULL */
};

struct answer {
	int num;                     /* 0 or a positive errno */
	uint64_t job;                /* 0 = none was needed */
	uint64_t serial;             /* of what a create or snapshot made */
};

/*
 * Takes the request. @done is called exactly once, from this thread before
 * submit returns, or later from another; the sentence of a failure is then
 * in the object's error, the service's .error, the job and the log.
 * Never blocks. *@waiter, when not NULL, is a reference for
 * engine_interrupt() and engine_waiter_unref(); NULL if already answered.
 */
struct waiter;
void engine_submit(struct engine *e, const struct request *r,
		   void (*done)(void *arg, const struct answer *a), void *arg,
		   struct waiter **waiter);
/* Answers EINTR unless answered; the job goes on. */
void engine_interrupt(struct waiter *w);
void engine_waiter_unref(struct waiter *w);

/* Runs @fn on a worker (for reads that touch a disk, such as events). */
int engine_defer(struct engine *e, void (*fn)(void *arg), void *arg);

/* ---- jobs ---- */

struct job_info {                /* a consistent copy; strings the caller's */
	uint64_t id;
	char *service, *volume, *line;
	const char *verb, *state, *step;
		/* state: waiting running done failed cancelled */
	int percent;                 /* -1 unknown */
	int64_t submitted_at_s, started_at_s, finished_at_s, deadline_at_s;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	struct err err;              /* num 0 = fine */
	int64_t changed_at_s;
	_Atomic uint64_t *given;     /* valid until job_info_done() */
	struct job *keep;            /* the engine's */
};
/* 0 or -ENOENT. */
int engine_job(struct engine *e, uint64_t id, struct job_info *out);
void job_info_done(struct job_info *i);
/* Ids of kept jobs above @after, ascending; how many were filled in. */
size_t engine_jobs(struct engine *e, uint64_t after, uint64_t *ids,
		   size_t max);
/* The last 16 jobs of a volume, newest last, one line each: "17 mount done
 * 2026-11-21T04:06:43Z OK". */
void engine_volume_jobs(struct engine *e, struct service *svc,
			uint64_t serial, struct buf *out);

/* ---- the daemon's own files ---- */

/* Each appends the whole text; memory only. */
void engine_config_text(struct engine *e, struct buf *out);
void engine_mounts_text(struct engine *e, struct buf *out);
void engine_devices_text(struct engine *e, struct buf *out);
void engine_metrics_text(struct engine *e, struct buf *out);
void engine_warnings(struct engine *e, char ***out); /* NULL-terminated, caller
						      * frees each and it */
const char *engine_store_state(struct engine *e);
const char *engine_host_id(struct engine *e);
/* The daemon's own options in force: owner, group and modes of what is its.
 * Valid until a reload: copy what is kept. */
const struct core_options *engine_core_options(struct engine *e);
int64_t engine_started_at_s(struct engine *e);

/* The events file: its size now, and reading from it (touches the disk: on a
 * worker only). @which 0 = events, 1 = events.1 (-ENOENT before it is). */
uint64_t engine_events_size(struct engine *e, int which);
ssize_t engine_events_read(struct engine *e, int which, char *out, size_t len,
			   uint64_t offset);

/* Owner change of a volume's directory: stored, then published. Memory and
 * queue only; @done as in engine_submit(). (uid_t)-1, (gid_t)-1, (mode_t)-1:
 * unchanged. */
void engine_chown(struct engine *e, struct service *svc, uint64_t serial,
		  uid_t uid, gid_t gid, mode_t mode,
		  void (*done)(void *arg, const struct answer *a), void *arg);

#endif
