/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_PROVIDERS_BTRFS_H
#define VOLFS_PROVIDERS_BTRFS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/provider.h"
#include "core/volume.h"
#include "net/json.h"

/*
 * Insides of the btrfs driver. On the disk:
 *
 *	HOME/NAME                       a volume: a subvolume, NAME its name
 *	HOME/.snapshots/NAME/SNAPSHOT   a read-only subvolume
 *	HOME/.volfs/volumes/ID.json     what is known of it besides: a record
 *	HOME/.volfs/snapshots/ID.json   likewise
 *	HOME/.volfs/groups/NUMBER       a quota group that is to go
 *	HOME/.volfs/lock                who works on what (byte ranges)
 *	.volfs-new-ID beside its place  a subvolume being made, or on its way out
 *
 * A record says by "uuid" which subvolume it is of, wherever that lies; one
 * without a record is somebody's own, with its uuid as its id. What is being
 * made is complete, and its record written, before one rename(2) shows it; a
 * subvolume is deleted by one ioctl. So a crash leaves the whole or rubbish
 * that a listing sweeps away.
 *
 * Everything that touches the disk runs in helper processes (btrfs_home.c,
 * btrfs_work.c, btrfs_sys.c); in volfsd are only btrfs.c and the pure half,
 * btrfs_parse.c. Between them goes JSON: a request, and a reply.
 */

#define BTRFS_RECORDS ".volfs"
#define BTRFS_SNAPSHOTS ".snapshots"
#define BTRFS_NEW ".volfs-new-"
#define BTRFS_ID_MAX 80
#define BTRFS_UUID_ROOM 37

/* ---- btrfs_parse.c: no system call, no session ---- */

/* JSON in which names are bytes, as they are in file names: not all UTF-8.
 * -EPROTO, naming @what. */
int btrfs_json(const char *text, size_t len, const char *what,
	       struct json_object **out, struct err *err);

/* "v-TOKEN", "s-TOKEN", or a uuid: 1 to BTRFS_ID_MAX of [A-Za-z0-9-]. */
bool btrfs_id_is_sound(const char *id);

/* May an entry of HOME or of a directory of snapshots be called so? -EINVAL,
 * naming a legal one. */
int btrfs_name_check(const char *name, struct err *err);

/* Facts of an object of a reply; strings are @o's or in the struct. */
struct btrfs_volume {
	struct volume_facts f;
	struct tag *tags;            /* free() */
	char details[512], message[256];
};
int btrfs_volume_parse(struct json_object *o, struct btrfs_volume *out,
		       struct err *err);
void btrfs_volume_done(struct btrfs_volume *v);
int btrfs_snapshot_parse(struct json_object *o, struct snapshot_facts *out,
			 struct err *err);

/* Hands what the reply has of volumes and snapshots to the sink. */
int btrfs_reply_emit(struct json_object *reply, const struct volume_sink *out,
		     struct err *err);

/* Is it a record, as far as its types go? -EPROTO naming the key. */
int btrfs_record_check(struct json_object *o, struct err *err);

/* ---- btrfs_sys.c: what the kernel does ---- */

/* As err_set(), with the system's words for @num and its name in brackets; the
 * driver's one table turns @num into an errno of the contract. Return: that,
 * negative. */
int btrfs_fail(struct err *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct subvolume {
	uint64_t number;             /* what btrfs calls its id */
	char uuid[BTRFS_UUID_ROOM];
	int64_t created_at_s;
	bool read_only;
};

/* The directory @name in @parent, through no symlink and no mount. Return: a
 * descriptor, or a negative errno. */
int btrfs_open_at(int parent, const char *name);
/* What @fd is: 0; -ENOTDIR if it is not the root of a subvolume; another
 * negative errno. */
int btrfs_look(int fd, struct subvolume *out);
/* The two of them: a descriptor, or a negative errno. */
int btrfs_open_subvolume(int parent, const char *name, struct subvolume *out);

/* Each 0 or a negative errno. */
int btrfs_make(int parent, const char *name);
int btrfs_copy(int parent, const char *name, int source, bool read_only);
int btrfs_destroy(int parent, uint64_t number);
/* Is there still a subvolume of that number? Also true when in doubt. */
bool btrfs_exists(int fd, uint64_t number);
/* Everything done so far is on the medium. */
int btrfs_commit(int fd);

/* The subvolumes within the one of @fd, as "'a', 'b/c' and 2 more".
 * Return: how many, or a negative errno. */
int btrfs_nested(int fd, struct buf *out);

/* Quotas, as the kernel has them; the words NULL-terminated, by number. */
enum btrfs_quota { QUOTA_OFF, QUOTA_SIMPLE, QUOTA_CLASSIC };
extern const char *const btrfs_quota_words[];
enum btrfs_quota btrfs_quota_mode(const char *fsid, bool *inconsistent);
int btrfs_quota_enable(int fd, enum btrfs_quota mode);
/* @bytes 0: none. */
int btrfs_limit_set(int fd, uint64_t number, uint64_t bytes);
/* From /sys, which touches no disk. False: not known. @limit 0: none. */
bool btrfs_limit_get(const char *fsid, uint64_t number, uint64_t *limit,
		     uint64_t *used);
int btrfs_group_remove(int fd, uint64_t number);

/* ---- btrfs_home.c: HOME, its records, its listing ---- */

struct home {
	const char *path;
	int fd;
	int records, volumes, snapshots, groups;  /* -1: not there */
	int lock;
	enum btrfs_quota quota;      /* the option */
	char fsid[BTRFS_UUID_ROOM];
};
#define HOME_INIT { .fd = -1, .records = -1, .volumes = -1, \
		    .snapshots = -1, .groups = -1, .lock = -1 }
void btrfs_home_done(struct home *h);
/* By the request. @write: makes what is missing of .volfs. */
int btrfs_home_open(struct home *h, struct json_object *request, bool write,
		    struct json_object *reply, struct err *err);

/* One at a time works on @id, also if its daemon was killed. */
int btrfs_home_lock(struct home *h, const char *id, struct err *err);

/* A volume or snapshot found. */
struct thing {
	struct json_object *record;  /* NULL: somebody's own */
	int parent, fd;              /* the directory it lies in; itself */
	char dir[256];               /* of a snapshot: its volume's */
	char name[256];
	struct subvolume sv;
};
#define THING_INIT { .parent = -1, .fd = -1 }
void btrfs_thing_done(struct thing *t);

/* -ENOENT: there is none. */
int btrfs_find_volume(struct home *h, const char *id, struct thing *out,
		      struct err *err);
int btrfs_find_snapshot(struct home *h, const char *id, struct thing *out,
			struct err *err);

/* A record as a whole, on the medium when it returns. @dir: of the volumes or
 * of the snapshots. */
int btrfs_record_write(int dir, const char *id, struct json_object *o,
		       struct err *err);
void btrfs_record_remove(int dir, const char *id);
/* -ENOENT: none. */
int btrfs_record_read(int dir, const char *id, struct json_object **out,
		      struct err *err);

/* Adds it to the reply's volumes or snapshots. */
int btrfs_tell_volume(struct home *h, const struct thing *t,
		      struct json_object *reply, struct err *err);
int btrfs_tell_snapshot(struct home *h, const struct thing *t,
			const char *volume, struct json_object *reply,
			struct err *err);

/* Deletes a subvolume, and notes its quota group for later. */
int btrfs_drop(struct home *h, int parent, const char *name,
	       const struct subvolume *sv, struct err *err);
/* Deletes HOME/.volfs-new-ID or the like, if it is there. */
int btrfs_drop_fresh(struct home *h, int parent, const char *fresh,
		     struct err *err);

/* ---- btrfs_list.c ---- */

/* Walks all volumes, and all snapshots; only those of @id unless NULL. */
int btrfs_list_all(struct home *h, const char *id, struct json_object *reply,
		   struct err *err);
/* What crashes left, unless somebody is at work. */
void btrfs_sweep(struct home *h);

static inline void auto_home(struct home *h)
{
	btrfs_home_done(h);
}

static inline void auto_thing(struct thing *t)
{
	btrfs_thing_done(t);
}

/* ---- btrfs_work.c ---- */

int btrfs_help(int argc, char **argv, struct json_object *reply,
	       struct err *err);

/* ---- btrfs.c ---- */

extern const struct provider provider_btrfs;

#endif
