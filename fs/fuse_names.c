/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir, rmdir, rename; and what this tree never does. */
#include "fs/fuse_reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/provider.h"

/* linux/fs.h has these, and much that clashes. */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

static bool verb_is_there(const struct object *o, const struct verb *v)
{
	const struct provider *p = service_provider(o->svc);

	return v && p && (!v->can || v->can(p));
}

/* What making or taking a name in @dir answers where it is nobody's business:
 * below an unmounted data/ the sentence is that of a read-only file system. */
static int refusal(const struct object *dir)
{
	return dir->row->class == CLASS_DATA_DIR ? EROFS : EPERM;
}

/* Somebody works where nothing is mounted, which in a container that came
 * before the mount is hard to see: the sentence says so, once. Recorded as a
 * mount's, so that the next mount takes it off. */
static void refuse_data(fuse_req_t req, const struct object *dir,
			const char *name)
{
	struct pending_answer how = { .kind = PENDING_NAME };
	const struct volume_local *l = dir->vol->local;
	struct err why = ERR_INIT;
	struct request r = { .verb = verb_find("mount"), .svc = dir->svc,
			     .serial = dir->serial, .text = "",
			     .refused = &why };

	if (l && l->fault.at_s && l->fault.err.num == EROFS) {
		fuse_reply_err(req, EROFS);
		return;
	}
	request_fill(req, &r);
	if (volume_is_mounted(dir->vol))
		err_set(&why, EROFS, "make '%.64s' in data/: it is mounted, "
			"but not for pid %d, which looks at the directory "
			"below: its container or namespace was made before "
			"the mount and does not follow; start it again, or "
			"hand the volume in with ':rslave'", name,
			(int)r.pid);
	else
		err_set(&why, EROFS, "make '%.64s' in data/: it is not "
			"mounted: echo 1 > mount", name);
	pending_submit(req, &r, &how);
}

static void refuse(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	OBJECT_SCOPE(dir);
	int r = request_node(req, parent, &dir);

	if (r == 0 && dir.row->class == CLASS_DATA_DIR)
		refuse_data(req, &dir, name);
	else
		fuse_reply_err(req, r < 0 ? -r : EPERM);
}

enum place { PLACE_OTHER, PLACE_SERVICE, PLACE_SNAPSHOTS };

static enum place place_of(const struct object *dir)
{
	if (dir->kind == OBJECT_SERVICE && dir->row->index == SERVICE_DIR)
		return PLACE_SERVICE;
	if (dir->kind == OBJECT_VOLUME && dir->row->index == VOLUME_SNAPSHOTS)
		return PLACE_SNAPSHOTS;
	return PLACE_OTHER;
}

void tree_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode)
{
	struct request r = { .name = name, .text = "", .name_operation = true };
	struct pending_answer how = { .kind = PENDING_ENTRY };
	OBJECT_SCOPE(dir);
	enum place place;
	int err = request_node(req, parent, &dir);

	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	place = place_of(&dir);
	r.verb = verb_find(place == PLACE_SERVICE ? "create" : "snapshot");
	if (place == PLACE_OTHER || !verb_is_there(&dir, r.verb)) {
		refuse(req, parent, name);
		return;
	}
	r.svc = dir.svc;
	r.serial = dir.serial;
	request_fill(req, &r);
	how.ino = node_make(service_number(dir.svc), 0,
			    place == PLACE_SERVICE ? VOLUME_DIR
						   : SNAPSHOT_DIR);
	pending_submit(req, &r, &how);
}

void tree_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request r = { .text = "", .name_operation = true };
	struct pending_answer how = { .kind = PENDING_NAME };
	OBJECT_SCOPE(dir);
	OBJECT_SCOPE(o);
	int err = request_node(req, parent, &dir);

	if (err == 0)
		err = object_lookup(&dir, name, &o);
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	if (o.kind == OBJECT_VOLUME && o.row->index == VOLUME_DIR)
		r.verb = verb_find("remove");
	else if (o.kind == OBJECT_SNAPSHOT && o.row->index == SNAPSHOT_DIR)
		r.verb = verb_find("snapshot-remove");
	if (o.kind == OBJECT_NAME)
		names_forget(o.fs->names, o.serial, 1);
	if (!r.verb || !verb_is_there(&o, r.verb)) {
		fuse_reply_err(req, refusal(&dir));
		return;
	}
	r.svc = o.svc;
	r.serial = o.serial;
	r.name = name;
	request_fill(req, &r);
	pending_submit(req, &r, &how);
}

static int rename_check(const struct object *from, const struct object *to,
			const struct object *o, unsigned int flags)
{
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	if (place_of(from) != PLACE_SERVICE || place_of(to) != PLACE_SERVICE)
		return refusal(to) == EROFS ? -EROFS : -EPERM;
	if (o->kind != OBJECT_VOLUME || o->row->index != VOLUME_DIR)
		return -EPERM;
	if (from->svc != to->svc)
		return -EXDEV;
	return verb_is_there(from, verb_find("rename")) ? 0 : -EPERM;
}

void tree_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		 fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct request r = { .name = newname, .text = "",
			     .name_operation = true };
	struct pending_answer how = { .kind = PENDING_RENAME };
	OBJECT_SCOPE(from);
	OBJECT_SCOPE(to);
	OBJECT_SCOPE(o);
	OBJECT_SCOPE(there);
	int err = request_node(req, parent, &from);

	if (err == 0)
		err = request_node(req, newparent, &to);
	if (err == 0 && place_of(&from) == PLACE_OTHER)
		err = -refusal(&to);
	if (err == 0)
		err = object_lookup(&from, name, &o);
	if (err == 0)
		err = rename_check(&from, &to, &o, flags);
	/* Also where there is none to rename: after ENOENT the kernel forgets
	 * the other name as well, and takes off what is mounted below. */
	if ((err == 0 || err == -ENOENT) &&
	    object_lookup(&to, newname, &there) == 0)
		err = there.kind == OBJECT_VOLUME ? -EEXIST : -EPERM;
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	r.verb = verb_find("rename");
	r.svc = o.svc;
	r.serial = o.serial;
	request_fill(req, &r);
	pending_submit(req, &r, &how);
}

void tree_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	refuse(req, parent, name);
}

void tree_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, dev_t rdev)
{
	refuse(req, parent, name);
}

void tree_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		  const char *name)
{
	refuse(req, parent, name);
}

void tree_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
	       const char *newname)
{
	refuse(req, newparent, newname);
}

void tree_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, struct fuse_file_info *fi)
{
	refuse(req, parent, name);
}
