/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_ENGINE_IMPL_H
#define VOLFS_CORE_ENGINE_IMPL_H

/*
 * The inside of the engine, for src/core only.
 *
 * Threads: workers (pool.c) run jobs, refreshes and deferred reads; one timer
 * thread watches deadlines and refresh times; one admission thread writes new
 * jobs to the store, a batch at a time, before anything runs; one hears of
 * disks that go (device_care.c).
 *
 * Lock order: engine->reload_lock, engine->snapshots_lock, engine->lock,
 * service->write[], service->lock, engine->jobs_lock. service->write[]
 * serialises writers of one volume over their commit, snapshots_lock those who
 * name snapshots, reload_lock reloads; readers never take any of these. No
 * callback is made with any other lock held.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "base/call.h"
#include "core/engine.h"
#include "core/store.h"

#define WRITE_STRIPES 32
#define SERVICES_MAX 1024

struct pool;

struct engine {
	struct engine_options o;         /* strings are the engine's */
	struct config *_Atomic config;   /* a reference */
	struct store *store;
	char *store_moved_to;
	char host_id[128];
	int64_t started_at_s;
	struct pool *pool;
	struct device_watch *device_watch;
	pthread_t device_care;
	bool device_care_runs;
	pthread_t timer, admission;
	bool timer_runs, admission_runs;

	pthread_mutex_t reload_lock;     /* which services there are changes */
	/* From the look whether a snapshot's name is free until who gets it is
	 * listed: a commit is in between. */
	pthread_mutex_t snapshots_lock;

	pthread_mutex_t lock;            /* services, config, warnings */
	struct service *services[SERVICES_MAX]; /* ascending numbers */
	size_t n_services;

	pthread_mutex_t jobs_lock;       /* all below, and every struct job */
	pthread_cond_t timer_wake, admission_wake, idle;
	bool timer_kicked;               /* look again before waiting */
	struct job **jobs;               /* kept ones, ascending id */
	size_t n_jobs, room_jobs;
	struct job *submitted, **submitted_tail; /* for the admission thread */
	struct job *admitting;           /* which has taken these */
	struct job *unstarted;           /* of the daemon itself, for want of a
				      * thread */
	int64_t start_again_ms;          /* when jobs are tried again for which
				      * there was none; 0 = all have one */
	struct waiter *waiters;          /* unanswered */
	size_t n_running;
	bool started, recovered;
	atomic_bool stopping;
	unsigned long long jobs_total, jobs_failed;

	struct events *events;

	pthread_mutex_t texts_lock;      /* the two below */
	char *mounts_text, *devices_text;

	pthread_mutex_t retired_lock;    /* the next two; see retire.c */
	struct retired *retired;
	atomic_bool any_retired;
	atomic_uint generation, at_work[2];

	bool drained;                    /* every worker has ended */
};

struct tombstone {
	char *id;
	int64_t until_s;
	struct tombstone *next;
};

struct service {
	atomic_uint refs;
	struct engine *engine;
	unsigned number;
	char *name;
	/* A reload replaces these while they are in use: see retire.c. */
	const struct provider *_Atomic provider; /* NULL: unknown driver */
	struct session *_Atomic session; /* NULL: misconfigured */
	const struct service_config *_Atomic config;
	struct config *owner;            /* whose that is: a reference */
	/* A reload made it misconfigured: what runs goes on in the session of
	 * before, what is mounted can be unmounted, nothing else begins. */
	atomic_bool refuses;
	atomic_bool no_size;             /* the session's bounds say so */
	pthread_mutex_t serial_lock;     /* one call at a time, if !parallel */
	pthread_mutex_t write[WRITE_STRIPES];

	pthread_mutex_t lock;            /* all below */
	struct inventory *inv;
	void *claims;                    /* of names: a tree of tsearch() */
	uint64_t clock;                  /* ticks at each change: to tell what a
				      * listing was too early for */
	struct service_counts counts;    /* as of counts_clock */
	uint64_t counts_clock;
	struct tombstone *tombstones;    /* removed, perhaps still listed */
	enum service_state state;
	int64_t observed_at_s;
	bool observed_here;              /* listed since the start */
	int64_t latency_ms;
	struct instance instance;
	bool instance_known;
	int64_t throttled_until_s;
	struct fault fault;
	int64_t changed_at_s, entries_at_s;
	bool retired;

	/* volumes whose names the kernel is to look up again: name_care.c */
	uint64_t *renamed;
	size_t n_renamed, room_renamed;
	bool renewing;
	struct name_move *moves;         /* whose names the kernel is to move */

	/* refresh: single-flight */
	bool refreshing, refresh_again;
	bool listing;            /* begun, and not yet counted in refreshes */
	bool silent;             /* it says nothing for too long */
	_Atomic int64_t heard_ms;        /* when the listing last heard of it;
				      * 0 = it asks nothing */
	int64_t next_refresh_ms;
	unsigned failures;               /* in a row */
	struct err refresh_err;          /* of the last one; num 0 = fine */
	uint64_t refreshes;              /* finished, for those who wait */
	pthread_cond_t refreshed;

	/* jobs, under engine->jobs_lock */
	bool recovered;                  /* mounts of before are bound again;
					  * no job runs before that */
	struct job *waiting, **waiting_tail;
	struct job *running;
	unsigned n_waiting, n_running;
	unsigned slow_verdicts;          /* in a row: name operations whose
				      * verdict came after answerWithin */
	atomic_uint requests;
};

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_FAILED,
		 JOB_CANCELLED };

struct job {
	atomic_uint refs;
	struct engine *engine;
	struct job *next;                /* in a queue */

	/* fixed at submission; id, serial and snapshot at admission for what
	 * makes something, under jobs_lock, since others compare */
	uint64_t id;
	struct service *svc;
	const struct verb *verb;
	const struct setting *setting;
	struct line line;
	char *text;                      /* as written, for the record */
	char *name;                      /* escaped, of the target */
	uint64_t serial;                 /* of the volume; for a create of the
				      * placeholder, once admitted */
	uint64_t snapshot;               /* serial, for snapshot verbs */
	char token[40];
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool name_operation, resumed;
	bool from_store;                 /* to be carried on by jobs_resume() */
	bool refused;                    /* by its check: never ran, not stored */
	int64_t submitted_at_s;
	uint64_t deadline_ms;            /* of the work itself */

	/* under engine->jobs_lock */
	enum job_state state;
	const char *step;
	int percent;
	int64_t started_at_s, finished_at_s, changed_at_s;
	int64_t began_ms, shown_ms;
	atomic_bool cancel;
	bool admitted;                   /* stored and shown */
	bool told;                       /* somebody got, or will get, the
				      * verdict of the finished job */
	bool early;                      /* a name operation was answered before
				      * the verdict */
	bool telling;                    /* the outcome is being shown before the
				      * verdict, which waits for that */
	bool shown_early;                /* that has been done */
	bool devices_changed;            /* by its work: .volfs/devices is made
					  * anew once it is answered */
	bool denied;                     /* it could not: that was the answer */
	bool held;                       /* its waiters get the verdict */
	bool hidden;                     /* its volume was taken from the tree
				      * (early rmdir) */
	struct err err;
	_Atomic uint64_t given;

	/* of whoever has it in hand: admission, then its worker */
	struct volume *placeholder;
	struct snapshot *placeholder_snapshot;
	struct volume *hidden_volume;    /* what an early rmdir took away */
	struct snapshot *hidden_snapshot;
	struct freeze *freeze;
	char *freeze_path;               /* where its volume is mounted */
	bool attached_now;               /* this job attached the volume */
};

/* ---- pool.c ---- */
struct pool *pool_new(struct engine *e);
int pool_run(struct pool *p, void (*fn)(void *arg), void *arg);
/* Waits for running work for at most @grace_ms; true if none is left, and none
 * can begin any more. */
bool pool_stop(struct pool *p, int64_t grace_ms);
void pool_free(struct pool *p);
/* A thread with a small stack and all signals blocked. */
int thread_start(pthread_t *t, void *(*fn)(void *), void *arg);
/* A condition variable on CLOCK_MONOTONIC. */
void cond_init(pthread_cond_t *c);

/* ---- retire.c ---- */
/* Calls @end(@arg) on a worker, once no work goes on that was begun before. */
void retire(struct engine *e, void (*end)(void *arg), void *arg);
/* All at once: nobody is left. */
void retired_end(struct engine *e);

/* ---- inventory.c: who is there; every change of the listing ---- */
struct inventory *inventory_new(size_t volumes, size_t snaps);
struct inventory *inventory_ref(struct inventory *inv);
/* The next volume of @inv, from *@at on, that is still there and of which this
 * host keeps something: a reference; NULL at the end. */
struct volume *service_next_kept(struct service *s,
				 const struct inventory *inv, size_t *at);
/* Adds a node whose current record is @v (takes its own references). */
int service_add(struct service *s, struct volume *v, struct err *err);
/* Many at once: one new listing. The records that were added are published. */
int service_add_all(struct service *s, struct volume **v, size_t n,
		    struct err *err);
/* Makes @v the current record of its node; a new name or id moves it in the
 * listing. -ESTALE when the node is gone. */
int service_replace(struct service *s, struct volume *v, struct err *err);
/* Takes nodes from the listing and drops their records. */
void service_drop(struct service *s, struct volume_node **nodes, size_t n);
/* Return: how many were listed already, which are at the end of @add then. */
int service_add_snapshots(struct service *s, struct snapshot **add, size_t n,
			  struct err *err);
/* By their serials; the order of @drop changes. */
void service_drop_snapshots(struct service *s, struct snapshot **drop,
			    size_t n);
/* Swaps a snapshot's record; the old one is released. */
void service_swap_snapshot(struct service *s, struct snapshot *sn);
/* A name belongs to one volume. Who brings one into the listing claims it for
 * the volume's serial before it is stored, and releases it once it is shown.
 * -EEXIST: another volume has it, or is about to. A claim of one serial may be
 * repeated, and is released as often. */
int service_claim_name(struct service *s, const char *name, uint64_t serial,
		       struct err *err);
void service_release_name(struct service *s, const char *name);
/* Claims a free name for a volume: the escaped raw name, else name@ID, else the
 * id. @id may be NULL (a creation). To @out of NAME_BYTES_MAX + 1. */
void service_pick_name(struct service *s, const char *raw, const char *id,
		       uint64_t serial, char *out);
struct snapshot *service_snapshot_by_id(struct service *s, const char *id);
/* The one of that id, or the one that the same request (token) makes. */
struct snapshot *service_snapshot_like(struct service *s,
				       const struct snapshot_facts *f);
size_t service_snapshot_count(struct service *s, uint64_t volume_serial);
void inventory_free_all(struct service *s);

/* ---- update.c: changing one volume or snapshot: store, swap, publish ---- */
struct volume_update {
	const struct volume_facts *facts;      /* NULL: as they are */
	void (*local)(struct volume_local *l, void *arg);  /* NULL: as it is */
	void *arg;
	bool set_job;                          /* then @job, may be NULL */
	struct job_view *job;
	bool store;                            /* facts and local to the store */
	bool urgent;
	uint64_t since;                        /* not, if it was touched after
						* that (service->clock), or a
						* job has it; 0 = in any case */
	const char *event;                     /* for events; NULL = none but
						* state changes */
};
int volume_update(struct service *s, uint64_t serial,
		  const struct volume_update *u, struct err *err);
/* @raw: its name at the service from now on, NULL = as it is. @idle: -EBUSY if
 * it is attached or mounted, or a job has it. */
int volume_rename(struct service *s, uint64_t serial, const char *name,
		  const char *raw, bool idle, struct err *err);
/* The same for one whose name is @from; 1: it has another one, and keeps it. */
int volume_rename_from(struct service *s, uint64_t serial, const char *from,
		       const char *name, const char *raw, struct err *err);
/* Takes volumes from listing and store, and tells. */
void service_forget(struct service *s, struct volume_node **nodes, size_t n,
		    const char *event);
/* Keeps the writers of the volume or snapshot of that serial out, those of all
 * for 0: for what is not made by the above. */
void writers_hold(struct service *s, uint64_t serial);
void writers_release(struct service *s, uint64_t serial);
/* Store rows. */
void volume_key(struct service *s, uint64_t serial, char *out, size_t room);
uint64_t volume_key_serial(const char *key);
int volume_row(struct store_batch *b, struct service *s,
	       const struct volume *v, struct err *err);
/* The row of the facts alone: what a listing changes. */
int volume_facts_row(struct store_batch *b, struct service *s, uint64_t serial,
		     const char *name, const struct volume_facts *f,
		     struct err *err);
int snapshot_row(struct store_batch *b, struct service *s,
		 const struct snapshot *sn, struct err *err);
void publish(struct engine *e, const struct change *c, size_t n);
void publish_volume(struct service *s, struct volume *v,
		    enum change_kind kind);
void publish_daemon(struct engine *e);
/* Where no device has changed. */
void publish_mounts(struct engine *e);
void publish_service(struct service *s);
/* Facts of one volume (and its snapshots) as a driver gave them, into the
 * listing: sink for create, modify, get. arg: struct take. */
struct take {
	struct service *svc;
	uint64_t serial;         /* of the volume they are for; 0 = by id */
	uint64_t snapshot;       /* serial of a placeholder snapshot, or 0 */
	uint64_t since;          /* as in struct volume_update */
	bool got, got_snapshot;
	enum volume_state state;
	enum snapshot_state snapshot_state;
	int snapshot_percent;
	char *id, *snapshot_id;
};
struct volume_sink take_sink(struct take *t);
void take_done(struct take *t);
void snapshot_update(struct service *s, uint64_t serial,
		     const struct snapshot_facts *facts, int protect,
		     bool set_job, struct job_view *job,
		     const struct fault *fault);
uint64_t snapshot_volume_serial(struct service *s,
				const struct snapshot_facts *f);
void snapshot_pick_name(struct service *s, uint64_t volume_serial,
			const struct snapshot_facts *f, char *out);
struct snapshot *snapshot_make(struct service *s,
			       const struct snapshot_facts *f,
			       uint64_t volume_serial, const char *name,
			       struct err *err);
void publish_snapshot(struct service *s, struct snapshot *sn,
		      enum change_kind kind);
/* Store, listing, told; nothing when it is listed already. */
int snapshot_add(struct service *s, struct snapshot *sn, struct err *err);
/* Many in one commit and one new listing; their order may change. */
int snapshots_add(struct service *s, struct snapshot **sn, size_t n,
		  struct err *err);
/* From store and listing, and told. */
void snapshot_forget(struct service *s, struct snapshot *sn);
void snapshots_forget(struct service *s, struct snapshot **sn, size_t n);
/* Drops the last error if it is that verb's. */
void service_clear_fault(struct service *s, const char *verb);
int service_set_fault(struct service *s, const char *verb, uint64_t job,
		      const struct err *e);

/* ---- service.c ---- */
struct service *service_new(struct engine *e, unsigned number,
			    const struct service_config *c);
/* Makes a session by the present configuration, which takes over from the one
 * there may be; on failure that one stays and the service refuses. */
int service_open(struct service *s, struct err *err);
bool service_is_open(const struct service *s);
int service_load(struct service *s, struct err *err);  /* from the store */
void service_close(struct service *s);
bool service_is_retired(struct service *s);
/* A service that is no longer configured goes with its last use. */
void service_leave_if_retired(struct service *s);
/* Brackets for calls into the driver: one at a time unless parallel. */
void service_enter(struct service *s);
void service_leave(struct service *s);
/* Asks for the instance once; 0 when known. */
int service_whoami(struct service *s, const struct call *c, struct err *err);

/* ---- refresh.c ---- */
void refresh_schedule(struct service *s, int64_t in_ms);
/* Lists now, or joins a listing that begins later than this call. Blocks. */
int refresh_now(struct service *s, const struct call *c, struct err *err);
void refresh_start(struct service *s);   /* on a worker, returns at once */
/* Has the listing that runs heard nothing for too long? Then its state will say
 * so. Under service->lock. Return: when to look again, INT64_MAX = not. */
int64_t refresh_watch(struct service *s, int64_t now_ms, bool *silent);
void refresh_tell_silent(void *service); /* on a worker; takes a reference */
/* Has the volume been changed after that tick of service->clock, or has a job
 * it now? */
bool volume_touched_since(struct service *s, const struct volume *v,
			  uint64_t clock);
/* Asks for one volume: provider->get, else a listing. */
int refresh_one(struct service *s, const struct call *c, uint64_t serial,
		struct err *err);

/* Was what has that id or token removed here a moment ago? The service may go
 * on to show it. */
bool tombstone_is_for(struct service *s, const char *id);

/* ---- job.c, job_store.c, waiter.c ---- */
void job_unref(struct job *j);
struct job *job_ref(struct job *j);
int jobs_load(struct engine *e, struct err *err);
/* Index of the first kept job with an id above @id; under jobs_lock. */
size_t jobs_after(struct engine *e, uint64_t id);
/* Before the tree is served: hides what early rmdirs took away. */
void jobs_prepare(struct engine *e);
void job_queue(struct job *j);
/* Starts what may run: one job a volume, so many a service. */
void jobs_dispatch(struct service *s);
/* Those for which there was no thread, when it is time. Return: when to come
 * again, INT64_MAX = not. */
int64_t jobs_start_again(struct engine *e, int64_t now_ms);
void job_fail(struct job *j, int r, struct err *err);
int job_parse_setting(struct job *j, const struct setting *s, const char *text,
		      size_t len, struct err *err);
void jobs_resume(struct engine *e);
void jobs_free(struct engine *e);
void *jobs_admission(void *engine);
void *engine_timer(void *engine);
/* A refresh has got another time. With at most service->lock held. */
void timer_kick(struct engine *e);
int job_row(struct store_batch *b, const struct job *j);
/* The job of a row's text; NULL where it is none. */
struct job *job_decode(struct engine *e, uint64_t id, const char *text,
		       size_t len);
/* Notes that an early rmdir has taken its object from the tree, before it has:
 * a restart takes it away as well. */
void job_store_hidden(struct job *j);
/* A job of the engine's own (auto mounts): not joined, nobody waits. */
int job_internal(struct engine *e, struct service *s, const char *verb,
		 uint64_t serial, const char *text, struct err *err);
/* For verbs, on the worker: */
void job_step(struct job *j, const char *step);
void job_call(struct job *j, struct call *c);
struct volume *job_volume(struct job *j, struct err *err); /* a reference */
const char *job_word(const struct job *j, const char *key);
struct job_view *job_view_new(const struct job *j);
struct job_view *job_view_ref(struct job_view *v);   /* volume.c */
void job_view_unref(struct job_view *v);
struct job *job_new(struct engine *e, const struct verb *v);
const char *job_state_name(enum job_state s);
void job_key(uint64_t id, char *out, size_t room);
/* Adds to the kept ones (takes the reference) / removes; under jobs_lock for
 * remove. */
int jobs_keep(struct engine *e, struct job *j);
void jobs_remove(struct engine *e, struct job *j);
/* The sentence, to the object's error, or to its service's. */
void job_set_fault(struct job *j, const struct err *e);
struct waiter *waiters_claim(struct job *j);
void waiters_tell(struct waiter *list, int num);
struct job *job_find(struct engine *e, uint64_t id);  /* a reference */
/* What it is about, for the log: service/volume, service/volume@snapshot, the
 * number of a job, "/" for the daemon. */
#define TARGET_TEXT_MAX 640
void job_target(const struct job *j, char *out, size_t room);
bool job_cancel(struct engine *e, uint64_t id);
/* What a job that others see already is about. */
void job_aim(struct job *j, uint64_t serial, uint64_t snapshot);
/* Under jobs_lock: the job that runs or waits for this volume, or NULL. */
struct job *job_of_volume(struct service *s, uint64_t serial);
/* Takes jobs_lock: does one run, wait, or come? */
bool service_has_job(struct service *s);
bool volume_has_job(struct service *s, uint64_t serial);
bool snapshot_has_job(struct service *s, uint64_t serial);
/* Likewise, one that mounts, unmounts, attaches or detaches it? Who judges by
 * the volume's record that nothing is to be done asks this first: a job that
 * ends in between has changed the record by then. */
bool volume_will_move(struct service *s, uint64_t serial);
/* The volume that has the name which a creation is to make; 0: none. */
uint64_t job_names_volume(const struct job *j);
/* Under jobs_lock, of a job that is in no list yet: an equal line of the same
 * user on the same object, waiting or running, or NULL; @named: what
 * job_names_volume() said before. */
struct job *job_equal(const struct job *j, uint64_t named);
/* Likewise. -EAGAIN: the service's limits. */
int job_check_room(const struct job *j, struct err *err);
/* Likewise. -EBUSY while a job that mounts, unmounts, attaches or detaches the
 * volume runs or waits, for a name operation: it may be answered before its
 * turn, and would give the name away under that one's hands. */
int job_check_rest(const struct job *j, struct err *err);
/* What a name operation that is answered before its verdict is answered: 0, and
 * its outcome is shown; or what speaks against that by now. */
int job_answer_early(struct job *j);
/* Has it been shown? Waits while it is. For the job's worker. */
bool job_was_shown(struct job *j);
void jobs_prune(struct engine *e);
struct waiter *waiter_add(struct job *j,
			  void (*done)(void *, const struct answer *),
			  void *arg, int64_t deadline_ms, bool name_operation);
/* Does a client's mkdir, rmdir or rename wait for @j, or has it just been
 * answered success? From here on it gets the verdict, whatever interrupts. */
bool waiters_hold_client(struct job *j);
/* Answers all that wait with EINTR: the daemon ends, their jobs go on at the
 * next start. */
void waiters_release(struct engine *e);
int64_t waiters_tick(struct engine *e, int64_t now_ms);

/* ---- verb_*.c ---- */
extern const struct verb verb_create, verb_remove, verb_import, verb_refresh,
	verb_attach, verb_detach, verb_mount, verb_unmount, verb_set,
	verb_cancel, verb_forget, verb_rename, verb_snapshot,
	verb_snapshot_remove, verb_snapshot_protect, verb_restore, verb_reload,
	verb_down, verb_job_cancel;
int attach_volume(struct job *j, const struct call *c, bool by_mount,
		  bool read_only, struct err *err);
int detach_volume(struct job *j, const struct call *c, bool force,
		  struct err *err);
int mount_rebind(struct service *s, struct volume *v, struct err *err);
void mount_recover(struct service *s);
/* Has the kernel look up the new name of a volume, soon; blocks nothing. */
void name_care_changed(struct service *s, uint64_t serial);
/* Likewise for what could not be looked up before. */
void name_care_go_on(struct service *s);
/* Gives volume @v the name @name, for which no client's mv waits, unless it has
 * another one than @v by then: in the tree, so that what is mounted below moves
 * in the same moment; where that cannot be done, in the listing alone. */
int name_care_move(struct service *s, const struct volume *v, const char *name,
		   const char *raw, struct err *err);
/* Is @r that rename, as the tree was asked for it? Then it is answered. */
bool name_care_answers(const struct request *r,
		       void (*done)(void *arg, const struct answer *a),
		       void *arg);
bool has_unfinished_job(struct service *s, const struct volume *v);
int grow_filesystem(struct job *j, const struct call *c, struct err *err);
int unmount_all(struct job *j, bool force, struct err *err);
void private_dir(struct service *s, uint64_t serial, char *out, size_t room);
void usage_measure(struct service *s, const struct call *c);

/* ---- share_care.c: servers that hang ---- */
/* Of a mounted share: what a look at it met, 0 or a negative errno. */
void share_care_note(struct service *s, const struct volume *v, int r);

/* ---- device_care.c: disks that go and come ---- */
struct device;
/* A thread that hears of it; without one each refresh looks. */
void device_care_start(struct engine *e);
void device_care_stop(struct engine *e);
/* Is the disk of an attached volume still there? Else the volume says so. */
void device_care_look(struct service *s, uint64_t serial);
/* Has the disk of one that is not mounted come back? */
void device_care_back(struct service *s, uint64_t serial);
/* For what changes a volume_local: its device is @d; it has none. */
void local_device_found(struct volume_local *l, const struct device *d);
void local_device_forgotten(struct volume_local *l);
/* What is kept of it; false where it has none (@out is empty then). */
bool local_device(const struct volume_local *l, struct device *out);

/* After the result of a job is stored, and after what was shown early is. */
void verb_create_failed(struct job *j);
void verb_rename_failed(struct job *j);
void verb_remove_failed(struct job *j);
/* After a start: what no job makes any more says that it failed. */
void create_recover(struct service *s);
/* What a create or snapshot will make: a row in @b, in @j->placeholder; then
 * shown, or dropped. @batch: the jobs admitted together, up to @j. An error is
 * this job's alone. */
int verb_make_placeholder(struct job *j, struct job *batch,
			  struct store_batch *b, struct err *err);
int verb_show_placeholder(struct job *j, struct err *err);
void verb_drop_placeholder(struct job *j);
/* A volume's service has the power to be changed by us: -EPERM naming .import
 * for a foreign one. */
int check_managed(const struct job *j, const struct volume *v,
		  struct err *err);
int engine_reload(struct engine *e, struct err *err);

/* ---- events.c ---- */
struct events *events_open(const char *dir, uint64_t max_bytes,
			   struct err *err);
void events_close(struct events *ev);
void event_add(struct engine *e, struct service *s, const struct volume *v,
	       const char *event, const char *from, const char *to,
	       uint64_t job, uid_t uid, const char *message);

#endif
