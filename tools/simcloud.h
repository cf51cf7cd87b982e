/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TOOLS_SIMCLOUD_H
#define VOLFS_TOOLS_SIMCLOUD_H

/*
 * volfs-simcloud: a cloud on this machine. A process and a store of its own,
 * so that what it counts (requests, doubles, orphans) is not what its client
 * believes. Volumes are files on loop devices, or directories.
 *
 *	simcloud.c           options, start, stop, the life of the process
 *	simcloud_store.c     the SQLite store, settings, volumes at the start
 *	simcloud_server.c    HTTP: requests, routes, faults on purpose
 *	simcloud_volume.c    volumes, hosts
 *	simcloud_attach.c    attachments, and what time brings
 *	simcloud_snapshot.c  snapshots, restore
 *	simcloud_disk.c      what lies behind a volume
 *	simcloud_plug.c      volumes as real disks
 *	simcloud_admin.c     settings, rules, counts
 *
 * One mutex, cloud.lock, protects the store and everything in struct cloud
 * that is not constant. It is given up for pauses and for copying.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>
#include <sqlite3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

/* What can be set while it runs; the names are those of the table in
 * simcloud_store.c, times in milliseconds. */
struct settings {
	int64_t latency_ms, jitter_ms;
	int64_t budget_per_s;            /* 0 = no limit */
	int64_t lag_ms;                  /* how old a listing is */
	int64_t creating_ms, attaching_ms, detaching_ms, deleting_ms;
	int64_t snapshot_ms, modifying_ms, restoring_ms;
	int64_t page_max;
	int64_t quota_volumes, quota_bytes, capacity_bytes;   /* 0 = none */
	int64_t attach_limit;            /* per host, 0 = none */
	int64_t size_min_bytes, size_max_bytes, size_step_bytes;
	int64_t heeds_tokens;            /* 0: a repeat makes a second object */
	int64_t multi_writer;            /* of new volumes */
	int64_t volumes;                 /* made at the start */
	int64_t volume_bytes;            /* their size */
	char types[256], zones[256];     /* with commas; the first is the default */
	char region[64];
	char kind[16];                   /* of new volumes: block share directory */
	char silent[256];                /* operations never answered, or "*" */
	char by_id[128];                 /* what real disks are promised to be
					  * called, "{serial}" in it; "" = nothing */
};

struct cloud {
	char dir[4096];                  /* absolute */
	int dir_fd, lock_fd;
	atomic_bool stopping;
	char plug[4096];                 /* the program for real disks; "": they
					  * are loop devices. Never a setting:
					  * whoever reaches us could run it. */

	pthread_mutex_t lock;
	sqlite3 *db;
	struct settings set;
	double tokens;                   /* of the budget */
	int64_t tokens_at_ms;

	/* Backing inodes of loop devices we have made, for the day the
	 * directory is gone and the store with it. */
	struct backing { dev_t dev; ino_t ino; } *loops;
	size_t n_loops;
};

/* One request, and what is to be answered. */
struct request {
	const char *method, *path, *token;
	/* Of the query string; may be NULL. */
	const char *limit, *next, *volume;
	struct json_object *body;        /* an object, or NULL */
	char object[128];                /* the id in the path, "" = none */
	const char *op;                  /* static */

	int status;
	struct buf reply;
	int64_t retry_after_s;           /* -1 = none */
	bool end_error;                  /* by a rule: what it makes ends so */
	bool no_device;                  /* likewise: attached, and no device */
};

/* Puts an error into the answer. Return: @status. */
int answer_error(struct request *q, int status, const char *code,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int answer_oops(struct cloud *s, struct request *q);   /* the store failed */

/* ---- simcloud_store.c ---- */

int64_t now_ms(void);                    /* CLOCK_REALTIME */

int store_open(struct cloud *s, struct err *err);
void store_close(struct cloud *s);

/* A prepared statement with @types ("s" text, "i" int64_t) bound in order;
 * NULL when the store failed. db_done() ends it. */
sqlite3_stmt *db_query(struct cloud *s, const char *sql, const char *types, ...);
void db_done(sqlite3_stmt *st);
DEFINE_AUTO_PTR(auto_stmt, sqlite3_stmt, db_done)
bool db_next(sqlite3_stmt *st);          /* false at the end */
const char *db_text(sqlite3_stmt *st, int column);     /* "" for NULL */
/* Runs to the end. Return: rows changed, or -1. */
int db_run(struct cloud *s, const char *sql, const char *types, ...);
int64_t db_number(struct cloud *s, const char *sql, const char *types, ...);

/* One setting from text. Return: 0, -ENOENT (no such), -EINVAL. */
int setting_store(struct cloud *s, const char *key, const char *value,
		  struct err *err);
void settings_show(struct cloud *s, struct buf *out);
/* All of @o at once, if they are not what was configured the last time. */
int settings_configure(struct cloud *s, struct json_object *o,
		       struct err *err);
/* Is @word in the comma-separated @list? NULL = the first word: copied. */
bool list_has(const char *list, const char *word);
void list_first(const char *list, char *out, size_t room);

void id_make(const char *prefix, char *out, size_t room);

/* ---- simcloud_disk.c: with the lock held unless it says otherwise ---- */

struct disk {
	char path[4200];                 /* image or directory */
	char id[128];                    /* of the volume or snapshot */
	bool is_directory;
};

void disk_of_volume(struct cloud *s, const char *id, const char *kind,
		    struct disk *out);
void disk_of_snapshot(struct cloud *s, const char *id, const char *kind,
		      struct disk *out);
/* Makes it, or makes it as large as @size_bytes. */
int disk_make(const struct disk *d, uint64_t size_bytes, struct err *err);
/* Without the lock: a copy appears whole or not at all. */
int disk_copy(const struct disk *from, const struct disk *to,
	      uint64_t size_bytes, struct err *err);
int disk_remove(const struct disk *d, struct err *err);
/* The loop device, or the real disk: made or found, gone or already gone. */
int disk_plug(struct cloud *s, const struct disk *d, char *device,
	      size_t room, struct err *err);
int disk_unplug(struct cloud *s, const struct disk *d, bool force,
		struct err *err);
/* After the image grew. */
int disk_regrow(struct cloud *s, const struct disk *d, struct err *err);
/* Writes what a plugged disk's device still holds to the image. */
int disk_flush(const struct disk *d, struct err *err);
bool disk_inode(const struct disk *d, struct backing *out);
/* All real disks, and all loop devices on files below volumes/, whoever made
 * them; or those that no attachment in the store accounts for. */
int disk_unplug_all(struct cloud *s, struct err *err);
int disk_unplug_unknown(struct cloud *s, struct err *err);
/* Those that we made, when nothing is left but their inodes. */
void disk_abandon(struct cloud *s);

/* ---- simcloud_plug.c: real disks, in place of loop devices ---- */

/* Which program: @given, or where that is NULL the one of the last time. */
int plug_load(struct cloud *s, const char *given, struct err *err);
/* The serial of the disk of a volume. */
void plug_serial(const char *id, char *out, size_t room);
/* These block for as long as the program runs, a minute at most. */
int plug_disk(struct cloud *s, const struct disk *d, struct err *err);
int plug_grow(struct cloud *s, const struct disk *d, struct err *err);
int plug_pull(struct cloud *s, const char *id, struct err *err);
/* All that are plugged but those that @keep (may be NULL) is true for. */
int plug_pull_all(struct cloud *s, bool (*keep)(struct cloud *s,
						const char *id),
		  struct err *err);
/* Has that volume been plugged, and not yet pulled? */
bool plug_is_noted(struct cloud *s, const char *id);

/* ---- simcloud_volume.c ---- */

int volume_list(struct cloud *s, struct request *q);
int volume_get(struct cloud *s, struct request *q);
int volume_create(struct cloud *s, struct request *q);
int volume_change(struct cloud *s, struct request *q);
int volume_remove(struct cloud *s, struct request *q);
int host_show(struct cloud *s, struct request *q);
int host_register(struct cloud *s, struct request *q);
int limits_show(struct cloud *s, struct request *q);

/* Appends the volume as JSON; false if there is none. */
bool volume_show(struct cloud *s, const char *id, struct buf *out);
/* Before a change: what a lagging listing goes on showing. */
void volume_remember(struct cloud *s, const char *id);
/* Appends a page's end. */
void page_end(struct request *q, size_t shown, int64_t limit, int64_t last);
/* Reads limit and next of a listing; 0 or the status of the refusal. */
int page_begin(struct cloud *s, struct request *q, int64_t *limit,
	       int64_t *after);

/* Merges the tags of the body into the text @old; null takes one off. 0, or
 * the status of the refusal. */
int tags_merge(struct request *q, const char *old, char **out);
/* Takes it out of the store, its disk with it. */
void volume_forget(struct cloud *s, const char *id, const char *kind);

/* ---- simcloud_attach.c ---- */

int volume_attach(struct cloud *s, struct request *q);
int volume_detach(struct cloud *s, struct request *q);
/* What pends and is due, happens. */
void cloud_settle(struct cloud *s);
/* After a start: loop devices as the store says. */
void cloud_reconcile(struct cloud *s);

/* ---- simcloud_snapshot.c ---- */

int snapshot_list(struct cloud *s, struct request *q);
int snapshot_get(struct cloud *s, struct request *q);
int snapshot_create(struct cloud *s, struct request *q);
int snapshot_change(struct cloud *s, struct request *q);
int snapshot_remove(struct cloud *s, struct request *q);
int volume_restore(struct cloud *s, struct request *q);

/* ---- simcloud_admin.c ---- */

/* What a rule does to a request. */
enum fault_action {
	FAULT_NONE, FAULT_FAIL, FAULT_FAIL_AFTER, FAULT_LOST, FAULT_DROP,
	FAULT_SILENT, FAULT_SILENT_AFTER, FAULT_THROTTLE, FAULT_DELAY,
	FAULT_TRUNCATE, FAULT_GARBAGE, FAULT_END_ERROR, FAULT_NO_DEVICE
};
struct fault_rule {
	enum fault_action action;
	int status;
	char code[64], message[256];
	int64_t retry_after_s, ms;
};
/* The rule that this request of @op sets off, with the lock held. */
void rules_match(struct cloud *s, const char *op, struct fault_rule *out);

int admin_settings(struct cloud *s, struct request *q);
int admin_settings_change(struct cloud *s, struct request *q);
int admin_configure(struct cloud *s, struct request *q);
int admin_rules(struct cloud *s, struct request *q);
int admin_rule_add(struct cloud *s, struct request *q);
int admin_rules_clear(struct cloud *s, struct request *q);
int admin_counts(struct cloud *s, struct request *q);
int admin_counts_clear(struct cloud *s, struct request *q);
int admin_strays(struct cloud *s, struct request *q);
int admin_stop(struct cloud *s, struct request *q);

/* ---- simcloud_server.c ---- */

struct server;
/* @port < 0: the unix socket "socket" in the cloud's directory. */
struct server *server_start(struct cloud *s, int port, struct err *err);
void server_stop(struct server *server);
int server_port(const struct server *server);

#endif
