/* SPDX-License-Identifier: Apache-2.0 */
/* lookup, getattr, open, read, poll ... -> node calls, nothing else. */
#include "fs/fuse_reply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fs/opens.h"

/* ---- entries and attributes ---- */

static double attr_timeout(const struct object *o)
{
	return o->row->restless ? 0 : FOREVER_S;
}

int entry_fill(const struct object *o, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){ .ino = object_ino(o) };
	object_mark_given(o);
	/* A name below .create is gone when the last who said it is. */
	e->entry_timeout = o->kind == OBJECT_NAME ? 0 : FOREVER_S;
	e->attr_timeout = o->kind == OBJECT_NAME ? 0 : attr_timeout(o);
	return object_stat(o, &e->attr);
}

void reply_entry_of(fuse_req_t req, uint64_t ino)
{
	struct fs *fs = request_fs(req);
	struct fuse_entry_param e;
	OBJECT_SCOPE(o);
	int r;

	EPOCH_SCOPE(fs->session);
	r = node_resolve(fs, ino, &o);
	if (r == 0)
		r = entry_fill(&o, &e);
	/* It is gone again already: harmless, and true the next time. */
	if (r < 0)
		fuse_reply_err(req, r == -ENOENT ? EINTR : -r);
	else
		fuse_reply_entry(req, &e);
}

void reply_attr_of(fuse_req_t req, uint64_t ino)
{
	struct fs *fs = request_fs(req);
	struct stat st;
	OBJECT_SCOPE(o);
	int r;

	EPOCH_SCOPE(fs->session);
	r = request_node(req, ino, &o);
	if (r == 0) {
		object_mark_given(&o);
		r = object_stat(&o, &st);
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	session_hook("GETATTR", o.row->name);
	fuse_reply_attr(req, &st, o.kind == OBJECT_NAME ? 0
							: attr_timeout(&o));
}

static void tree_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = request_fs(req);
	struct fuse_entry_param e;
	OBJECT_SCOPE(dir);
	OBJECT_SCOPE(o);
	int r;

	EPOCH_SCOPE(fs->session);
	r = request_node(req, parent, &dir);
	if (r == 0)
		r = object_lookup(&dir, name, &o);
	if (r == 0)
		r = entry_fill(&o, &e);
	session_hook("LOOKUP", name);
	if (r < 0) {
		/* Nothing but "there is none" (or no such directory any more)
		 * and "ask again" ever: any other answer makes the kernel
		 * detach what is mounted below. */
		fuse_reply_err(req, r == -ENOENT || r == -ENAMETOOLONG ||
				    r == -ESTALE ? -r : EINTR);
		return;
	}
	if (fuse_reply_entry(req, &e) < 0 && o.kind == OBJECT_NAME)
		names_forget(fs->names, o.serial, 1);
}

static void forget_one(struct fs *fs, uint64_t ino, uint64_t lookups)
{
	if (node_kind(ino) == OBJECT_NAME)
		names_forget(fs->names, node_serial(ino), lookups);
}

static void tree_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	forget_one(request_fs(req), ino, lookups);
	fuse_reply_none(req);
}

static void tree_forget_multi(fuse_req_t req, size_t n,
			      struct fuse_forget_data *f)
{
	for (size_t i = 0; i < n; i++)
		forget_one(request_fs(req), f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

static void tree_getattr(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	reply_attr_of(req, ino);
}

static void tree_readlink(fuse_req_t req, fuse_ino_t ino)
{
	AUTO(auto_buf) struct buf target = BUF_INIT(4096);
	OBJECT_SCOPE(o);
	int r = request_node(req, ino, &o);

	if (r == 0)
		object_show(&o, &target);
	if (r < 0 || target.len == 0)
		fuse_reply_err(req, r < 0 ? -r : ENOENT);
	else
		fuse_reply_readlink(req, buf_str(&target));
}

static void tree_statfs(fuse_req_t req, fuse_ino_t ino)
{
	/* No blocks: df does not list it. */
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096,
			      .f_namemax = NAME_MAX };

	fuse_reply_statfs(req, &st);
}

/* ---- open files ---- */

static bool is_events(const struct object *o)
{
	return o->kind == OBJECT_DAEMON &&
	       (o->row->index == DAEMON_EVENTS ||
		o->row->index == DAEMON_EVENTS_OLD);
}

static int open_check(const struct object *o, int flags)
{
	if (attr_is_directory(o->row))
		return -EISDIR;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return 0;
	return object_is_writable(o) ? 0 : -EPERM;
}

static bool is_name_writer(uint64_t ino, int flags)
{
	return node_kind(ino) == OBJECT_NAME &&
	       (flags & O_ACCMODE) != O_RDONLY;
}

/* By hand: libfuse 3.14 has no word for parallel writes. */
static void reply_open(fuse_req_t req, uint64_t fh, uint32_t flags)
{
	struct fuse_open_out out = { .fh = fh, .open_flags = flags };

	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void tree_open(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	struct fs *fs = request_fs(req);
	uint32_t flags = FOPEN_DIRECT_IO;
	OBJECT_SCOPE(o);
	int r = request_node(req, ino, &o);

	if (r == 0)
		r = open_check(&o, fi->flags);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if ((fi->flags & O_ACCMODE) != O_RDONLY && (fi->flags & O_APPEND)) {
		refuse_append(req, &o);
		return;
	}
	if (object_is_writable(&o))
		flags |= FOPEN_PARALLEL_DIRECT_WRITES | FOPEN_NOFLUSH;
	if (is_name_writer(ino, fi->flags))
		names_open(fs->names, o.serial);
	reply_open(req, opens_add(fs->opens, ino, o.row->polls), flags);
}

static void tree_release(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	struct fs *fs = request_fs(req);

	opens_release(fs->opens, fi->fh);
	if (is_name_writer(ino, fi->flags))
		names_close(fs->names, node_serial(ino));
	fuse_reply_err(req, 0);
}

/* ---- reading the events: from the disk, so on a worker ---- */

struct events_read {
	fuse_req_t req;
	uint64_t fh, offset;
	size_t size;
	int which;
};

static void events_read_run(void *arg)
{
	struct events_read *e = arg;
	struct fs *fs = request_fs(e->req);
	char *text = malloc(e->size ? e->size : 1);
	ssize_t n = -ENOMEM;

	if (text)
		n = engine_events_read(fs->engine, e->which, text, e->size,
				       e->offset);
	if (n < 0) {
		fuse_reply_err(e->req, (int)-n);
	} else {
		opens_set_end(fs->opens, e->fh, e->offset + (uint64_t)n);
		fuse_reply_buf(e->req, text, (size_t)n);
	}
	free(text);
	free(e);
}

static void read_events(fuse_req_t req, const struct object *o, uint64_t fh,
			size_t size, off_t off)
{
	struct events_read *e = malloc(sizeof(*e));
	int r = -ENOMEM;

	opens_begin_read(o->fs->opens, fh);
	if (e) {
		*e = (struct events_read){
			.req = req, .fh = fh, .offset = (uint64_t)off,
			.size = size,
			.which = o->row->index == DAEMON_EVENTS_OLD,
		};
		r = engine_defer(o->fs->engine, events_read_run, e);
	}
	if (r < 0) {
		free(e);
		fuse_reply_err(req, -r);
	}
}

/* ---- reading ---- */

static void reply_piece(fuse_req_t req, const char *text, size_t len,
			uint64_t off, size_t size)
{
	if (off >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, text + off,
			       len - off < size ? len - off : size);
}

/* The text of this open is made at its first read, and again at each read from
 * the start (who polls reads again so); reads further on see the same one. */
static void tree_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	struct fs *fs = request_fs(req);
	AUTO(auto_buf) struct buf text = BUF_INIT(SHOW_MAX);
	OBJECT_SCOPE(o);
	bool whole;
	int r;

	if (off > 0 && opens_read(fs->opens, fi->fh, (uint64_t)off, size,
				  &text) == 0) {
		fuse_reply_buf(req, text.data, text.len);
		return;
	}
	r = node_resolve(fs, ino, &o);
	if (r == 0 && is_events(&o)) {
		read_events(req, &o, fi->fh, size, off);
		return;
	}
	if (r == 0) {
		opens_begin_read(fs->opens, fi->fh);
		object_show(&o, &text);
		r = buf_failed(&text) ? -ENOMEM : 0;
	}
	if (r == 0) {
		whole = off == 0 && text.len <= size;
		r = opens_keep(fs->opens, fi->fh, ino, fuse_req_ctx(req)->uid,
			       buf_str(&text), text.len,
			       whole ? OPENS_IF_ROOM : OPENS_MUST);
	}
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		reply_piece(req, buf_str(&text), text.len, (uint64_t)off,
			    size);
}

/* ---- poll ---- */

static bool poll_is_ready(const struct object *o, uint64_t fh,
			  const struct fuse_poll_in *in)
{
	struct fs *fs = o->fs;
	bool changed = opens_poll(fs->opens, fh, object_ino(o), in->kh,
				  in->flags & FUSE_POLL_SCHEDULE_NOTIFY);

	if (is_events(o))
		return engine_events_size(fs->engine, 0) !=
		       opens_end(fs->opens, fh);
	return changed;
}

static void tree_poll(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	const struct fuse_in_header *head = session_request();
	const struct fuse_poll_in *in = (const void *)(head + 1);
	unsigned always = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	OBJECT_SCOPE(o);

	/* Kept is the kernel's own handle: the next daemon can use it too. */
	if (ph)
		fuse_pollhandle_destroy(ph);
	if (node_resolve(request_fs(req), ino, &o) < 0)
		fuse_reply_poll(req, POLLERR | POLLHUP | POLLIN | POLLPRI);
	else if (!o.row->polls)
		fuse_reply_poll(req, always);
	else if (poll_is_ready(&o, fi->fh, in))
		fuse_reply_poll(req, POLLIN | POLLRDNORM | POLLPRI);
	else
		fuse_reply_poll(req, 0);
}

/* ---- the rest ---- */

static void tree_init(void *userdata, struct fuse_conn_info *conn)
{
	unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_AUTO_INVAL_DATA |
			FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS |
			FUSE_CAP_HANDLE_KILLPRIV;

	/* Not: ATOMIC_O_TRUNC (SETATTR comes and means nothing),
	 * READDIRPLUS_AUTO (find would look each name up again),
	 * CACHE_SYMLINKS (`device` changes), splicing, locks. */
	conn->want = conn->capable & want;
	conn->max_write = 128 * 1024;
	conn->max_readahead = 128 * 1024;
	conn->time_gran = 1;
}

static void tree_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		       struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

/* Not implemented, so that the kernel stops asking: FLUSH, ACCESS, xattr,
 * locks. */
const struct fuse_lowlevel_ops tree_ops = {
	.init = tree_init,
	.lookup = tree_lookup,
	.forget = tree_forget,
	.forget_multi = tree_forget_multi,
	.getattr = tree_getattr,
	.setattr = tree_setattr,
	.readlink = tree_readlink,
	.mknod = tree_mknod,
	.mkdir = tree_mkdir,
	.unlink = tree_unlink,
	.rmdir = tree_rmdir,
	.symlink = tree_symlink,
	.rename = tree_rename,
	.link = tree_link,
	.open = tree_open,
	.read = tree_read,
	.write = tree_write,
	.release = tree_release,
	.fsync = tree_fsync,
	.opendir = tree_opendir,
	.readdir = tree_readdir,
	.readdirplus = tree_readdirplus,
	.releasedir = tree_releasedir,
	.fsyncdir = tree_fsync,
	.statfs = tree_statfs,
	.create = tree_create,
	.poll = tree_poll,
};
