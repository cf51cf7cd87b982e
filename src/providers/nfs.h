/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_PROVIDERS_NFS_H
#define VOLFS_PROVIDERS_NFS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/escape.h"
#include "core/provider.h"
#include "net/json.h"

/*
 * Insides of the nfs driver, for its own files, its unit tests and its fuzz
 * target. A volume is a directory of the share; what volfs knows of it lies
 * beside, so that the volume holds nothing but its user's files:
 *
 *	<share>/<subDir>/<volume>/              the files
 *	                 .volfs/volumes/<id>    its facts (JSON)
 *	                 .volfs/snapshots/<id>  a snapshot's
 *	                 .volfs/new/<id>.N      a copy being made for a volume
 *	                 .snapshots/<volume>/<snapshot>/
 *	                 .snapshots/<volume>/.incomplete-<id>.N
 *	                 .deleted/<volume>.<time>[.purge]
 *
 * An id is made from the token of the create. The facts name the directory and
 * its inode, so that a directory that somebody renamed is found again. A
 * directory without facts is a volume that volfs did not make: "ino-<inode>".
 *
 * Two parts. In the daemon (nfs.c, nfs_parse.c) nothing touches the share: an
 * operation becomes a request, a JSON object, for a helper process. The helper
 * (nfs_help.c and the rest) mounts the share in a namespace of its own, does
 * it, answers, and ends, and the mount with it.
 */

#define NFS_DIR ".volfs"
#define NFS_VOLUMES NFS_DIR "/volumes"
#define NFS_SNAPSHOT_FACTS NFS_DIR "/snapshots"
#define NFS_NEW NFS_DIR "/new"
#define NFS_SNAPSHOTS ".snapshots"
#define NFS_DELETED ".deleted"
#define NFS_PURGE ".purge"
#define NFS_ARCHIVED "archived-"
#define NFS_INCOMPLETE ".incomplete-"

#define NFS_ID_ROOM 96
#define NFS_PATH_ROOM (3 * (NAME_BYTES_MAX + 1))
#define NFS_META_MAX (64 * 1024)  /* of facts, tags and all; an argument of a
				   * program may have 128 KiB */

extern const struct provider provider_nfs;

struct nfs_export;                /* a row of the option "volumes" */

struct nfs_session {
	struct session base;

	/* Options. */
	char **servers, **volumes;
	char *path, *sub_dir, *on_delete, *version, *manage_options;
	char *mounted_at;
	uint64_t mode, port, timeout_ms;

	char *target;             /* where helpers mount, each in its own
				   * namespace */
	struct nfs_export *exports;
	size_t n_exports;

	pthread_mutex_t lock;     /* protects the rest */
	uint64_t total_bytes, available_bytes;
};

/* nfs_parse.c: the pure halves. */

/* -EINVAL with a sentence: what the option table cannot check. Splits a
 * server's list at commas, cuts slashes off the ends. */
int nfs_options_check(struct nfs_session *s, struct err *err);
/* "host:/a" + "b" + "c" -> "host:/a/b/c", an IPv6 address in brackets; parts
 * may be NULL. The caller's to free; NULL = no memory. */
char *nfs_source(const char *server, const char *path, const char *sub_dir,
		 const char *directory);
/* May a volume be called so? Its directory in @dir. */
int nfs_dir_of_name(const char *name, char dir[NAME_BYTES_MAX + 1],
		    struct err *err);
void nfs_name_of_dir(const char *dir, char name[NAME_BYTES_MAX + 1]);
/* An id as this driver makes them: a word that is a safe file name. */
bool nfs_id_is_sound(const char *id);
/* What a helper found, to the sink. -EPROTO where it is not what ours says. */
int nfs_give_volume(struct json_object *o, const struct volume_sink *out,
		    struct err *err);
int nfs_give_snapshot(struct json_object *o, const struct volume_sink *out,
		      struct err *err);
/* "NAME=HOST:/PATH" */
struct nfs_export {
	char *name, *id, *source;
};
int nfs_export_parse(const char *text, struct nfs_export *out,
		     struct err *err);

/* nfs_probe.c: does the server answer at all? An RPC of the null procedure,
 * which touches no file. Blocks at most @most_ms. -EHOSTUNREACH says why. */
int nfs_probe(const char *host, const char *port, int64_t most_ms,
	      struct err *err);

/*
 * In the helper.
 */

struct nfs_work {
	struct json_object *q;    /* the request */
	struct json_object *reply;
	const char *token;        /* "" = none */
	char server[256];         /* which one answered; "" if mounted_at */
	int root;                 /* the volumes' directory; -1: not yet made */
};

/* The system's errno -> the contract's, with its words and name; as err_set().
 * Return: negative. */
int nfs_fail(struct err *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* nfs_help.c */
int nfs_help(int argc, char **argv, struct json_object *reply,
	     struct err *err);

/* nfs_tree.c: the layout, and facts. */

/* openat2() beneath @dir, no symbolic link followed: what a share holds is
 * others' doing. Return: a descriptor or a negative errno. */
int nfs_open(int dir, const char *path, int flags);
/* The same for a directory to be listed. */
int nfs_open_dir(int dir, const char *path);
/* Makes @path and what is above it (0700) and opens it. */
int nfs_make_dirs(int dir, const char *path);
/* A directory's stream of its own position. NULL with errno. */
DIR *nfs_stream(int dir);
/* 1: it has entries, 0, or a negative errno. */
int nfs_has_entries(int dir, const char *path);

/* What tells a directory from another of the same name. */
struct nfs_ident {
	uint64_t ino;
	char handle[2 * 128 + 1]; /* in hexadecimal; "" = not known */
};
/* -ENOENT also where @path is no directory. */
int nfs_ident(int dir, const char *path, struct nfs_ident *out);

/* Facts in @place (NFS_VOLUMES, NFS_SNAPSHOT_FACTS). -ENOENT: none;
 * -EUCLEAN: not what this driver writes. */
int nfs_meta_read(int root, const char *place, const char *id,
		  struct json_object **out, struct err *err);
/* The same of its text: 0 or -EUCLEAN. */
int nfs_meta_parse(const char *text, size_t len, const char *place,
		   const char *id, struct json_object **out);
/* As a whole, on the server's medium when it returns. */
int nfs_meta_write(struct nfs_work *w, const char *place,
		   struct json_object *meta, struct err *err);
int nfs_meta_drop(int root, const char *place, const char *id,
		  struct err *err);
/* Sets a key, or takes it off (NULL). -ENOMEM. */
int nfs_put(struct json_object *o, const char *key, struct json_object *value);
int nfs_put_text(struct json_object *o, const char *key, const char *value);
int nfs_put_number(struct json_object *o, const char *key, uint64_t n);
int nfs_put_bool(struct json_object *o, const char *key, bool on);
int nfs_put_ident(struct json_object *meta, const struct nfs_ident *i);
const char *nfs_text(struct json_object *o, const char *key); /* "" = none */
uint64_t nfs_number(struct json_object *o, const char *key);
bool nfs_truth(struct json_object *o, const char *key);
/* Are these the facts of that directory? */
bool nfs_is_of(struct json_object *meta, const struct nfs_ident *i);

/* A volume found. */
struct nfs_volume {
	struct json_object *meta; /* NULL: volfs knows nothing of it */
	char id[NFS_ID_ROOM];
	char dir[NAME_BYTES_MAX + 1];
	uint64_t ino;             /* 0: its directory is not there */
};
void nfs_volume_done(struct nfs_volume *v);

/* Calls @each for all of them; a positive return ends it. */
int nfs_each_volume(struct nfs_work *w,
		    int (*each)(struct nfs_work *w, struct nfs_volume *v,
				void *arg, struct err *err),
		    void *arg, struct err *err);
/* By its id. -ENOENT with a sentence. */
int nfs_find(struct nfs_work *w, const char *id, struct nfs_volume *out,
	     struct err *err);
/* Likewise each snapshot that is whole, with its facts; @volume: only of that
 * one, or NULL. */
int nfs_each_snapshot(struct nfs_work *w, const char *volume,
		      int (*each)(struct nfs_work *w, struct json_object *meta,
				  void *arg, struct err *err),
		      void *arg, struct err *err);
int nfs_find_snapshot(struct nfs_work *w, const char *id,
		      struct json_object **out, struct err *err);
/* "<.snapshots>/<volume>/<snapshot>" of its facts. */
void nfs_snapshot_path(struct json_object *meta, char out[NFS_PATH_ROOM]);

/* nfs_lock.c: one process of this machine at a time works at @id. The lock
 * lies on this machine, in the request's "run", and goes with the process. */
int nfs_lock(struct nfs_work *w, const char *id, struct err *err);

/* nfs_volumes.c, nfs_copies.c: the operations. Each gets the request in @w and
 * fills its reply. */
int nfs_do_list(struct nfs_work *w, struct err *err);
int nfs_do_get(struct nfs_work *w, struct err *err);
int nfs_do_create(struct nfs_work *w, struct err *err);
int nfs_do_remove(struct nfs_work *w, struct err *err);
int nfs_do_attach(struct nfs_work *w, struct err *err);
int nfs_do_change(struct nfs_work *w, struct err *err);
int nfs_do_rename(struct nfs_work *w, struct err *err);
int nfs_do_import(struct nfs_work *w, struct err *err);
int nfs_do_snapshot(struct nfs_work *w, struct err *err);
int nfs_do_snapshot_remove(struct nfs_work *w, struct err *err);
int nfs_do_restore(struct nfs_work *w, struct err *err);
int nfs_do_discard(struct nfs_work *w, struct err *err);

/* A volume or snapshot into the reply's array. */
int nfs_answer_volume(struct nfs_work *w, const struct nfs_volume *v,
		      struct err *err);
int nfs_answer_snapshot(struct nfs_work *w, struct json_object *meta,
			struct err *err);
/* Claims the directory of a volume of @id: made, empty. *@fresh: just now. */
int nfs_claim(struct nfs_work *w, struct json_object *meta, const char *dir,
	      struct err *err);
/* Says that the volume is all there. */
int nfs_settle(struct nfs_work *w, struct json_object *meta, struct err *err);
/* A new volume's facts, of the request. NULL: no memory. */
struct json_object *nfs_new_meta(struct nfs_work *w, const char *id,
				 const char *dir);
/* Copies @from (below the root) to what becomes the volume of @meta. */
int nfs_fill(struct nfs_work *w, struct json_object *meta, const char *from,
	     struct err *err);
/* @path (below the root) to .deleted, under a name that says when; with the
 * suffix NFS_PURGE it is erased by nfs_purge(), which takes also what earlier
 * calls left. */
int nfs_bury(struct nfs_work *w, const char *path, const char *name,
	     const char *suffix, struct err *err);
int nfs_purge(struct nfs_work *w, struct err *err);
/* A name in @dir that no other attempt uses: "<prefix><id>.<number>". */
void nfs_attempt(const char *prefix, const char *id,
		 char out[NAME_BYTES_MAX + 1]);
/* Erases what earlier attempts for @id left in @place. */
void nfs_drop_attempts(struct nfs_work *w, const char *place,
		       const char *prefix, const char *id);

/* nfs_copy.c: trees of files. */

/* Copies what is below @from to @to, an empty directory, and makes @to like
 * @from: owners, modes, times, links, holes, extended attributes. What goes
 * away meanwhile is left out. Tells its progress. */
int nfs_copy(int from, int to, struct err *err);
/* Removes @name in @dir and all below it; gone already is 0. */
int nfs_erase(int dir, const char *name, struct err *err);

#define AUTO_VOLUME AUTO(nfs_volume_done)
#define NFS_VOLUME_INIT { .meta = NULL }

#endif
