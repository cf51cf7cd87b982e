/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_NODE_H
#define VOLFS_FS_NODE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "core/engine.h"
#include "fs/index.h"

struct fs;
struct object;

/*
 * Nodes. A node id (also st_ino) is 64 bits and says by itself what it is:
 *
 *	bits 0-7    which file of its object (index.h)
 *	bits 8-47   the object's serial: of a volume's or snapshot's appearance,
 *	            a job's id, or 0
 *	bits 48-62  the service's number, 0 for the daemon's own
 *
 * All parts are stored and never used again, so an id means the same thing
 * over restarts. Nothing is kept per node but one bit: that the kernel has it.
 * Only the names under .create/ and its like (serials with bit 39) are kept in
 * a table, from LOOKUP to FORGET.
 */
#define NODE_SERIAL_BITS 40
#define NODE_SERIAL_MAX ((UINT64_C(1) << NODE_SERIAL_BITS) - 1)
#define NODE_NAME_BIT (UINT64_C(1) << 39)
#define NODE_SERVICE_MAX 0x7fffu

/* The longest text of one file but events, bytes. */
#define SHOW_MAX ((size_t)64 << 20)

static inline uint64_t node_make(unsigned service, uint64_t serial,
				 unsigned index)
{
	return (uint64_t)service << 48 | (serial & NODE_SERIAL_MAX) << 8 |
	       (index & 0xff);
}

static inline unsigned node_service(uint64_t ino)
{
	return (unsigned)(ino >> 48) & NODE_SERVICE_MAX;
}

static inline uint64_t node_serial(uint64_t ino)
{
	return ino >> 8 & NODE_SERIAL_MAX;
}

static inline unsigned node_index(uint64_t ino)
{
	return ino & 0xff;
}

enum object_kind { OBJECT_DAEMON, OBJECT_DRIVER, OBJECT_JOB, OBJECT_SERVICE,
		   OBJECT_VOLUME, OBJECT_SNAPSHOT, OBJECT_NAME, OBJECT_KINDS };

/* What an id belongs to, by its bits alone. */
enum object_kind node_kind(uint64_t ino);

/* What a row is, and by which of the configured modes it is shown. */
enum attr_class {
	CLASS_DIR,               /* directory */
	CLASS_TENANT_DIR,        /* one that names other tenants' things */
	CLASS_NAMES_DIR,         /* .create and its like: every name exists */
	CLASS_DATA_DIR,          /* where a volume's file system lies */
	CLASS_LINK,
	CLASS_STATUS,            /* 0444 */
	CLASS_TENANT,            /* 0440 */
	CLASS_SETTING,           /* a value; writable where it can change */
	CLASS_VERB
};

/* The children of a directory that are not rows. */
struct cursor {
	struct inventory *inv;   /* held from call to call of next() */
	size_t at;
};
struct child {
	uint64_t serial;         /* its place: ascending */
	char name[NAME_MAX + 1];
};
struct children {
	/* By name: fills @out (its row too). 0 or -ENOENT. */
	int (*find)(const struct object *dir, const char *name,
		    struct object *out);
	/* The first above @after: fills both. 0, or -ENOENT at the end. */
	int (*next)(const struct object *dir, uint64_t after, struct cursor *c,
		    struct child *child, struct object *out);
};

/*
 * One row: everything there is to know of a file. Lookup, listing, attributes,
 * reading, writing, README files, usage texts and volfs-files(7) come from it.
 */
struct attr {
	const char *name;
	unsigned index;
	unsigned in;             /* index of the directory it lies in; 0: a
				  * parent object shows it among its children */
	enum attr_class class;
	bool polls;              /* poll() tells of a change */
	bool restless;           /* changes without a push: nothing cached */
	bool (*present)(const struct object *o);         /* NULL: always */
	void (*show)(const struct object *o, struct buf *out);
				 /* text, or a link's target; NULL for a verb
				  * gives its usage */
	const char *verb;        /* CLASS_VERB */
	const char *setting;     /* CLASS_SETTING: key of the setting, NULL = a
				  * value that is never written */
	const struct children *children;
	const char *help;        /* one sentence */
};

/* The tables, by kind: rows in ascending order of index, name NULL at the end. */
struct attr_table {
	enum object_kind kind;
	const char *title;       /* "the daemon": for the manual page */
	const char *where;       /* "MOUNTPOINT/SERVICE/VOLUME" */
	const struct attr *rows;
};
extern const struct attr_table files_daemon, files_driver, files_job,
	files_service, files_volume, files_snapshot, files_name;
extern const struct attr_table *const attr_tables[OBJECT_KINDS];

/* Of directories whose rows are in another table. */
extern const struct children files_job_children, files_snapshot_children;

static inline void auto_inventory(struct inventory **inv)
{
	if (*inv)
		inventory_unref(*inv);
}

/* The row of an index, or NULL. O(1). */
const struct attr *attr_by_index(enum object_kind kind, unsigned index);
const struct verb *attr_verb(const struct attr *a);        /* or NULL */
const struct setting *attr_setting(const struct attr *a);  /* or NULL */
bool attr_is_directory(const struct attr *a);

/*
 * A node with what it shows: references taken for as long as one request is in
 * hand. Zeroed, filled by node_resolve() or lookup, ended by object_done().
 */
struct object {
	struct fs *fs;
	enum object_kind kind;
	const struct attr *row;
	uint64_t serial;
	struct service *svc;         /* a reference */
	struct volume *vol;          /* a reference */
	struct snapshot *snap;       /* a reference */
	const struct provider *driver; /* OBJECT_DRIVER */
	struct job_info job;         /* OBJECT_JOB */
	char *name;                  /* OBJECT_NAME; own copy */
};

void object_done(struct object *o);                       /* for AUTO() too */

/* 0, or -ENOENT: nothing (any more) has that id. */
int node_resolve(struct fs *fs, uint64_t ino, struct object *o);
uint64_t object_ino(const struct object *o);
/* The same object by another row, which must be of its kind. */
bool object_has(const struct object *o, const struct attr *a);
/* Can the file be written to at all? */
bool object_is_writable(const struct object *o);

/* Looks @name up in the directory @dir. 0 or -ENOENT. */
int object_lookup(const struct object *dir, const char *name,
		  struct object *out);

/* Notes that the kernel has the node from now on. Before its attributes go. */
void object_mark_given(const struct object *o);

/* Attributes; renders a file to know its size. 0 or -ENOMEM. */
int object_stat(const struct object *o, struct stat *st);

/* The whole text of a file or target of a link. */
void object_show(const struct object *o, struct buf *out);

/* "/volumes/local/db" and what is below: to @out. */
void object_path(const struct object *o, const char *below, struct buf *out);
/* The same as a word for a shell. */
void object_shell_path(const struct object *o, const char *below,
		       struct buf *out);

/* ---- names under .create/ and its like (names.c) ---- */

struct names;
struct names *names_new(void);
void names_free(struct names *n);
/* The serial of a name (made if need be), counted as looked up once. 0: no
 * memory. */
uint64_t names_get(struct names *n, unsigned service, unsigned index,
		   const char *name);
/* A copy of the name; NULL when unknown. */
char *names_find(struct names *n, uint64_t serial);
void names_forget(struct names *n, uint64_t serial, uint64_t lookups);
/* Opened for writing, and closed again: in between it is not forgotten for
 * the sake of room. An unknown one is ignored. */
void names_open(struct names *n, uint64_t serial);
void names_close(struct names *n, uint64_t serial);
size_t names_count(struct names *n);

#endif
