/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: the rows of a table, then the children. */
#include "fs/fuse_reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where an entry lies, which is what readdir() goes on from: a row by its
 * index, a child by its serial. It stays right whatever comes and goes.
 */
#define OFF_DOT 1
#define OFF_DOTDOT 2
#define OFF_ROWS 8
#define OFF_CHILDREN 512

struct listing {
	fuse_req_t req;
	const struct object *dir;
	bool plus;
	char *data;
	size_t len, room;
};

void tree_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fuse_open_out out = { 0 };
	OBJECT_SCOPE(o);
	int r = request_node(req, ino, &o);

	if (r == 0 && !attr_is_directory(o.row))
		r = -ENOTDIR;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (o.row->class != CLASS_NAMES_DIR)
		out.open_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

void tree_releasedir(fuse_req_t req, fuse_ino_t ino,
		     struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

/* False: it is full. */
static bool listing_put(struct listing *l, const char *name,
			const struct fuse_entry_param *e, off_t next)
{
	size_t room = l->room - l->len, need;

	if (l->plus)
		need = fuse_add_direntry_plus(l->req, l->data + l->len, room,
					      name, e, next);
	else
		need = fuse_add_direntry(l->req, l->data + l->len, room, name,
					 &e->attr, next);
	if (need > room)
		return false;
	l->len += need;
	return true;
}

static bool listing_add(struct listing *l, const struct object *o,
			const char *name, off_t next)
{
	struct fuse_entry_param e = { 0 };

	if (!l->plus) {
		e.attr.st_ino = object_ino(o);
		e.attr.st_mode = attr_is_directory(o->row) ? S_IFDIR :
				 o->row->class == CLASS_LINK ? S_IFLNK
							     : S_IFREG;
	} else if (entry_fill(o, &e) < 0) {
		return false;
	}
	return listing_put(l, name, &e, next);
}

/* The directory above: only its inode number is told. */
static uint64_t parent_of(const struct object *o)
{
	unsigned service = o->svc ? service_number(o->svc) : 0;

	if (o->row->in)
		return node_make(service, o->serial, o->row->in);
	switch (o->kind) {
	case OBJECT_JOB:
		return node_make(0, 0, DAEMON_JOBS);
	case OBJECT_VOLUME:
		return node_make(service, 0, SERVICE_DIR);
	case OBJECT_SNAPSHOT:
		if (!o->snap->volume_serial)
			return node_make(service, 0, SERVICE_SNAPSHOTS);
		return node_make(service, o->snap->volume_serial,
				 VOLUME_SNAPSHOTS);
	default:
		return FUSE_ROOT_ID;
	}
}

static bool list_dots(struct listing *l, off_t off)
{
	/* Node id 0: the kernel is told of no node, only of a name. */
	struct fuse_entry_param e = { .attr.st_mode = S_IFDIR };

	e.attr.st_ino = object_ino(l->dir);
	if (off < OFF_DOT && !listing_put(l, ".", &e, OFF_DOT))
		return false;
	e.attr.st_ino = parent_of(l->dir);
	return off >= OFF_DOTDOT || listing_put(l, "..", &e, OFF_DOTDOT);
}

static bool list_rows(struct listing *l, off_t off)
{
	const struct attr *rows = attr_tables[l->dir->kind]->rows;

	for (const struct attr *a = rows; a->name; a++) {
		struct object o = *l->dir;   /* borrows its references */

		if (a->in != l->dir->row->index || OFF_ROWS + a->index <= off ||
		    !object_has(l->dir, a))
			continue;
		o.row = a;
		if (!listing_add(l, &o, a->name, OFF_ROWS + a->index))
			return false;
	}
	return true;
}

static void list_children(struct listing *l, off_t off)
{
	const struct children *c = l->dir->row->children;
	uint64_t after = off > OFF_CHILDREN ? (uint64_t)off - OFF_CHILDREN : 0;
	struct cursor cursor = { 0 };
	bool more = c != NULL;

	while (more) {
		struct child child;
		OBJECT_SCOPE(o);

		if (c->next(l->dir, after, &cursor, &child, &o) < 0)
			break;
		after = child.serial;
		more = listing_add(l, &o, child.name,
				   (off_t)(OFF_CHILDREN + child.serial));
	}
	if (cursor.inv)
		inventory_unref(cursor.inv);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 bool plus)
{
	struct fs *fs = request_fs(req);
	AUTO(auto_free) char *data = malloc(size);
	OBJECT_SCOPE(dir);
	struct listing l = { .req = req, .plus = plus, .data = data,
			     .room = size, .dir = &dir };
	int r;

	EPOCH_SCOPE(fs->session);
	r = data ? node_resolve(fs, ino, &dir) : -ENOMEM;
	if (r == 0 && !attr_is_directory(dir.row))
		r = -ENOTDIR;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (list_dots(&l, off) && list_rows(&l, off))
		list_children(&l, off);
	session_hook("READDIR", dir.vol ? dir.vol->name :
			       dir.svc ? service_name(dir.svc) : "/");
	fuse_reply_buf(req, data, l.len);
}

void tree_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi)
{
	list(req, ino, size, off, false);
}

void tree_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	list(req, ino, size, off, true);
}
