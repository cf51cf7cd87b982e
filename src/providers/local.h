/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_PROVIDERS_LOCAL_H
#define VOLFS_PROVIDERS_LOCAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/call.h"
#include "base/err.h"
#include "base/escape.h"
#include "core/provider.h"
#include "core/volume.h"

/*
 * Insides of the local driver. A volume and a snapshot are both an "object": a
 * directory with an image and its facts,
 *
 *	<path>/<volume>/{data.img,meta.json}
 *	<path>/<volume>/snapshots/<snapshot>/{data.img,meta.json}
 *
 * made complete as ".new-<token>" beside its place and put there by one
 * rename(2); taken away by one rename into <path>/.deleted, then purged. So a
 * crash leaves either the whole object or rubbish with a name that says so.
 * Whoever works in such a ".new-" or ".deleted" directory holds an flock() on
 * it: local_sweep() purges those that nobody holds.
 */

#define LOCAL_IMAGE "data.img"
#define LOCAL_META "meta.json"
#define LOCAL_SNAPSHOTS "snapshots"
#define LOCAL_DELETED ".deleted"
#define LOCAL_NEW ".new-"

/* local_store.c */

/* As err_set() with the system's words for @num and its name in brackets; the
 * driver's one table turns @num into an errno of the contract. Return: that,
 * negative. */
int local_fail(struct err *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What meta.json holds. The strings are in @json where it was read. */
struct local_meta {
	const char *id, *token;
	const char *source_id, *source_name;
	const char *consistency;     /* of a snapshot */
	uint64_t size_bytes;
	uint64_t directory_ino;      /* of the directory it was written for: a
				      * copy made by hand has another */
	int64_t created_at_s;
	enum source_kind source;
	bool managed, blank;
	uint32_t n_tags;
	const struct tag *tags;
	struct json_object *json;    /* what a read one owns */
	struct tag *tags_owned;
};
void local_meta_done(struct local_meta *m);

/* Reads it in the directory @fd. -ENOENT: there is none; -EUCLEAN: it is not
 * what this driver writes, with a sentence that says where. */
int local_meta_read(int fd, struct local_meta *out, struct err *err);
/* The same of its text. */
int local_meta_parse(const char *text, size_t len, struct local_meta *out,
		     struct err *err);
/* Replaces it as a whole, on the medium when it returns. */
int local_meta_write(int fd, const struct local_meta *m, struct err *err);

/* "lv-" or the like and 16 random hexadecimal digits. */
#define LOCAL_ID_ROOM 32
void local_id_make(char out[LOCAL_ID_ROOM], const char *prefix);

/* An object found: its open directory and its facts. */
struct local_object {
	int fd;
	char dir[NAME_BYTES_MAX + 1];
	struct local_meta meta;
	bool damaged;                /* meta.json is not readable: @why */
	struct err why;
};
#define LOCAL_OBJECT_INIT { .fd = -1 }
void local_object_done(struct local_object *o);

/* The object in @parent's entry @dir. -ENOENT: none, or a directory that is no
 * object. A damaged one is found, with @damaged set. */
int local_object_open(int parent, const char *dir, struct local_object *out,
		      struct err *err);

/* Calls @each for every object in @parent but hidden ones; its directory is
 * closed afterwards unless taken (fd = -1). A positive return ends the walk
 * and is returned, a negative one is the failure. */
int local_object_each(int parent, const struct call *c,
		      int (*each)(struct local_object *o, void *arg,
				  struct err *err),
		      void *arg, struct err *err);

/* An object being made: the directory ".new-<token>" in @parent, empty. */
struct local_making {
	int parent;                  /* borrowed */
	int fd;                      /* -1: nothing */
	char name[NAME_BYTES_MAX + 1];
};
#define LOCAL_MAKING_INIT { .parent = -1, .fd = -1 }
int local_making_begin(struct local_making *m, int parent,
		       const struct call *c, struct err *err);
/* Puts it in its place, on the medium when it returns. -EEXIST: taken. */
int local_making_commit(struct local_making *m, const char *dir,
			struct err *err);
/* Purges what was not committed. */
void local_making_drop(struct local_making *m);

/* A new, empty file 0600 in @fd, with the copy-on-write flag of @like (a
 * reflink needs them equal), or without copy-on-write where @like is -1. */
int local_file_new(int fd, const char *name, int like, struct err *err);

/* Opens the image of the object at @fd; -EIO with a sentence where it is
 * missing or no plain file. @label names the object there. */
int local_image_open(int fd, const char *label, int flags, struct err *err);

/* -EBUSY, naming what was being done, if a loop device or another process
 * holds the image open as @image. */
int local_image_check_free(int image, const char *doing, struct err *err);

/* Moves the entry @dir of @parent to @root's .deleted as @id and purges it. */
int local_discard(int root, int parent, const char *dir, const char *id,
		  struct err *err);
/* Purges what is left of a discard of @id that a crash cut short. */
void local_discard_finish(int root, const char *id);
/* Purges every abandoned directory of @parent: all (in .deleted), or those
 * that begin with ".new-". */
void local_sweep(int parent, bool all);

/* 0, or -ENOTEMPTY naming what somebody else put in the object's directory. */
int local_check_contents(int fd, const char *label, struct err *err);

/* Renames within @parent or between two; -EEXIST where @to is taken. */
int local_rename(int from_parent, const char *from, int to_parent,
		 const char *to);

/* local_copy.c */

struct local_copy {
	const struct call *call;
	int from, to;                /* files; @to is new and empty */
	bool live;                   /* @from is attached: others may write */
	uint64_t room_bytes;         /* what a true copy may take up */
	bool frozen;                 /* result: it is one point in time */
};

/* Makes @to a copy of @from: by reflink where the file system can, else of
 * its data, holes left out. On the medium when it returns. -EBUSY: @live and
 * the differences did not fit into the freeze; or it was written to although
 * it was not @live. */
int local_copy_run(struct local_copy *k, struct err *err);

/* The session, and what the operations share (local_facts.c). */

#define LOCAL_DAMAGED "dir-"      /* id of a volume whose meta.json is lost */

/* Where a volume was last seen, so that finding one by its id does not read
 * every meta.json. A hint: what is there is looked at. */
struct place {
	char id[LOCAL_ID_ROOM];
	char dir[NAME_BYTES_MAX + 1];
	UT_hash_handle hh;
};

struct local_session {
	struct session base;
	char *path, *min_free, *import_from;    /* options */
	uint64_t overcommit_percent;
	bool thick;

	dev_t dev;                    /* of @path, as it was at open() */
	ino_t ino;
	uint64_t floor_bytes;         /* UINT64_MAX: the default rule */
	unsigned floor_percent;       /* 0: floor_bytes counts */

	/* Held for writing while the name of a volume changes or a new one
	 * counts against overcommit; for reading while the names are listed:
	 * a rename during readdir() could hide a volume. Taken first. */
	pthread_rwlock_t names;
	pthread_mutex_t lock;         /* protects what follows */
	struct place *places;
	uint64_t total_bytes, available_bytes, committed_bytes;
};


static inline struct local_session *local_session(struct session *s)
{
	return (struct local_session *)s;
}

static inline void auto_names(pthread_rwlock_t **l)
{
	pthread_rwlock_unlock(*l);
}

/* Holds the names of @s for reading (rd) or writing (wr) to the end of the
 * block. */
#define NAMES_SCOPE(s, how)                                     \
	AUTO(auto_names) pthread_rwlock_t *names_held           \
		__attribute__((unused)) =                       \
		(pthread_rwlock_##how##lock(&(s)->names), &(s)->names)

/* The directory that holds the volumes. Opened anew each time: a descriptor
 * kept would keep its file system from being unmounted, and what is there now
 * must be what was there at open(), else every volume would seem lost. */
int local_root_open(struct local_session *s, struct err *err);

/* The directory of @name: -EINVAL, naming a legal one, if there is none; and a
 * directory's name back: as it is where nobody escaped it. */
int local_dir_of_name(const char *name, char dir[NAME_BYTES_MAX + 1],
		      struct err *err);
void local_name_of_dir(const char *dir, char name[NAME_BYTES_MAX + 1]);

/* Where volume @id is: a hint for the next who looks for it. */
void local_place_note(struct local_session *s, const char *id,
		      const char *dir);
void local_place_forget(struct local_session *s, const char *id);

/* Volume @id in @root: -ENOENT if it is gone, -EIO where its meta.json is
 * damaged. The second looks at the call and opens the root first. */
int local_volume_open(struct local_session *s, int root, const struct call *c,
		      const char *id, struct local_object *out,
		      struct err *err);
int local_volume_find(struct local_session *s, const struct call *c,
		      const char *id, int *root, struct local_object *out,
		      struct err *err);
/* The object in @parent with @id. */
int local_object_search(int parent, const struct call *c, const char *id,
			struct local_object *out, struct err *err);
/* The snapshots' directory of @volume; -ENOENT if it has none. No sentence. */
int local_snapshots_open(const struct local_object *volume);

/* Hands an object's facts to the sink. */
int local_volume_emit(struct local_session *s, const struct local_object *o,
		      const struct volume_sink *out, struct err *err);
int local_snapshot_emit(const struct local_object *o, const char *volume_id,
			const struct volume_sink *out, struct err *err);

int local_list(struct session *session, const struct call *c,
	       const struct volume_sink *out, struct err *err);
int local_get(struct session *session, const struct call *c, const char *id,
	      const struct volume_sink *out, struct err *err);

/* local_space.c */

#define LOCAL_SIZE_MIN ((uint64_t)16 << 20) /* mkfs.ext4 needs some 8 MiB */
#define LOCAL_SIZE_STEP ((uint64_t)1 << 20)

/* 'minFree' into floor_bytes and floor_percent. */
int local_space_parse(struct local_session *s, struct err *err);
/* Notes how full the file system of @root is. */
void local_space_look(struct local_session *s, int root);
/* What may still be used: free space less the floor. -ENOSPC where that is
 * less than @need. */
int local_space_check(struct local_session *s, int root, uint64_t need,
		      uint64_t *room, struct err *err);
/* May @more bytes be promised? Under the names for writing, so that two new
 * volumes see each other. -EDQUOT. */
int local_overcommit_check(struct local_session *s, int root,
			   const struct call *c, uint64_t more,
			   struct err *err);
/* Adds the size of the image of @o to *(uint64_t *)@arg. */
int local_size_add(struct local_object *o, void *arg, struct err *err);
int local_size_check(uint64_t size, uint64_t *rounded, struct err *err);
/* Gives @image its size; from @had on with all its blocks where wanted. */
int local_image_extend(struct local_session *s, const struct call *c,
		       int image, uint64_t had, uint64_t size,
		       struct err *err);

/* local_snapshot.c: what copies images */

/* Where a new volume's content comes from: nothing, or an open image. */
struct local_origin {
	int image;                    /* -1: from nothing */
	bool live;
	uint64_t size_bytes;
	enum source_kind kind;
	const char *id, *name;
};
/* local.c: makes a volume, from @from. */
int local_volume_make(struct local_session *s, const struct call *c,
		      const struct volume_spec *want,
		      const struct local_origin *from,
		      const struct volume_sink *out, struct err *err);

int local_create_from_snapshot(struct session *session, const struct call *c,
			       const struct volume_spec *want,
			       const struct snapshot_facts *snapshot,
			       const struct volume_sink *out, struct err *err);
int local_create_from_volume(struct session *session, const struct call *c,
			     const struct volume_spec *want,
			     const struct volume_facts *volume,
			     const struct volume_sink *out, struct err *err);
int local_snapshot(struct session *session, const struct call *c,
		   const struct volume_facts *v, const char *name,
		   const struct volume_sink *out, struct err *err);
int local_snapshot_remove(struct session *session, const struct call *c,
			  const struct snapshot_facts *snapshot,
			  struct err *err);
int local_restore(struct session *session, const struct call *c,
		  const struct volume_facts *v,
		  const struct snapshot_facts *snapshot, struct err *err);
int local_import(struct session *session, const struct call *c,
		 const char *id, const char *name,
		 const struct volume_sink *out, struct err *err);

static inline void auto_object(struct local_object *o)
{
	local_object_done(o);
}

static inline void auto_making(struct local_making *m)
{
	local_making_drop(m);
}

#endif
