/* SPDX-License-Identifier: Apache-2.0 */
/* Writes: one write is one whole line, and its errno is the result. */
#include "fs/fuse_reply.h"
#include "fs/opens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

void request_fill(fuse_req_t req, struct request *r)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	r->uid = c->uid;
	r->gid = c->gid;
	r->pid = c->pid;
}

static int write_target(const struct object *o, struct request *r)
{
	if (o->row->class == CLASS_VERB) {
		r->verb = attr_verb(o->row);
	} else {
		r->setting = attr_setting(o->row);
		r->verb = verb_find(o->kind == OBJECT_SNAPSHOT ?
				    "snapshot-protect" : "set");
	}
	r->svc = o->svc;
	r->serial = o->kind == OBJECT_NAME ? 0 : o->serial;
	r->name = o->name;
	return r->verb ? 0 : -EPERM;
}

/* Half of what stands there plus a line is no line. */
void refuse_append(fuse_req_t req, const struct object *o)
{
	struct pending_answer how = { .kind = PENDING_NAME };
	struct request r = { .text = "" };
	struct err why = ERR_INIT;
	int err = write_target(o, &r);

	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	err_set(&why, EINVAL, "%s: opened to append ('>>'): one write is one "
		"whole line that replaces what is there: use '>'",
		r.verb && !*o->row->name ? r.verb->name : o->row->name);
	r.refused = &why;
	request_fill(req, &r);
	pending_submit(req, &r, &how);
}

void tree_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		off_t off, struct fuse_file_info *fi)
{
	struct pending_answer how = { .kind = PENDING_WRITE, .written = size };
	struct request r = { .text = buf, .len = size };
	AUTO(auto_buf) struct buf all = BUF_INIT(LINE_MAX_BYTES);
	struct err why = ERR_INIT;
	OBJECT_SCOPE(o);
	int err = node_resolve(request_fs(req), ino, &o);

	if (err == 0 && !object_is_writable(&o))
		err = -EPERM;
	if (err == 0)
		err = write_target(&o, &r);
	/* stdio cuts there, and half a line must never run. */
	if (err == 0 && size >= LINE_MAX_BYTES)
		err = err_set(&why, E2BIG, "%s: one write has at most %d "
			      "bytes, this one had %zu: nothing was done",
			      o.row->name, LINE_MAX_BYTES - 1, size);
	/* bash writes line by line: a value of several lines is what this open
	 * has written so far. Everything else is one line, whole. */
	if (err == 0 && r.setting && r.setting->type == OPT_MAP) {
		err = opens_write(request_fs(req)->opens, fi->fh, ino,
				  (uint64_t)off, buf, size,
				  LINE_MAX_BYTES - 1, &all);
		r.text = buf_str(&all);
		r.len = all.len;
	} else if (err == 0 && off != 0) {
		err = err_set(&why, EINVAL, "%s: one write is one whole line; "
			      "this one began at byte %lld: write it in one "
			      "piece, with '>' and not '>>'", o.row->name,
			      (long long)off);
	}
	if (err < 0 && !why.num) {
		fuse_reply_err(req, -err);
		return;
	}
	if (err < 0) {
		r.text = "";
		r.len = 0;
		r.refused = &why;
	}
	if (r.len && r.text[r.len - 1] == '\n')
		r.len--;
	request_fill(req, &r);
	pending_submit(req, &r, &how);
}

/* ---- SETATTR ---- */

/* What would really change of owner and mode. */
static void setattr_changes(const struct stat *now, const struct stat *want,
			    int to_set, uid_t *uid, gid_t *gid, mode_t *mode)
{
	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	*mode = (mode_t)-1;
	if ((to_set & FUSE_SET_ATTR_UID) && want->st_uid != now->st_uid)
		*uid = want->st_uid;
	if ((to_set & FUSE_SET_ATTR_GID) && want->st_gid != now->st_gid)
		*gid = want->st_gid;
	if ((to_set & FUSE_SET_ATTR_MODE) &&
	    (want->st_mode & 07777) != (now->st_mode & 07777))
		*mode = want->st_mode & 07777;
}

/* Size 0 comes from every shell's '>', times from touch and cp: no effect. */
static int setattr_check(const struct object *o, const struct stat *now,
			 const struct stat *want, int to_set)
{
	if (!(to_set & FUSE_SET_ATTR_SIZE) || want->st_size == 0 ||
	    want->st_size == now->st_size)
		return 0;
	return object_is_writable(o) ? -EINVAL : -EPERM;
}

void tree_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		  int to_set, struct fuse_file_info *fi)
{
	struct pending_answer how = { .kind = PENDING_ATTR, .ino = ino };
	struct stat now;
	OBJECT_SCOPE(o);
	uid_t uid;
	gid_t gid;
	mode_t mode;
	int r = request_node(req, ino, &o);

	if (r == 0)
		r = object_stat(&o, &now);
	if (r == 0)
		r = setattr_check(&o, &now, attr, to_set);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	setattr_changes(&now, attr, to_set, &uid, &gid, &mode);
	if (uid == (uid_t)-1 && gid == (gid_t)-1 && mode == (mode_t)-1) {
		reply_attr_of(req, ino);
		return;
	}
	if (o.kind != OBJECT_VOLUME || o.row->index != VOLUME_DIR ||
	    fuse_req_ctx(req)->uid != 0 ||
	    (mode != (mode_t)-1 && (mode & ~(mode_t)0777))) {
		fuse_reply_err(req, EPERM);
		return;
	}
	pending_chown(req, o.svc, o.serial, uid, gid, mode, &how);
}
