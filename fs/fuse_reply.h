/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_FUSE_REPLY_H
#define VOLFS_FS_FUSE_REPLY_H

#include <errno.h>

#include "base/auto.h"
#include "fs/session.h"

/*
 * The handlers of fuse_*.c. Each runs on a reader thread, takes what it needs
 * from memory, and either answers or hands the request to the engine; none
 * waits.
 */
static inline void auto_object(struct object *o)
{
	object_done(o);
}
#define OBJECT_SCOPE(name) AUTO(auto_object) struct object name = { 0 }

static inline struct fs *request_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/*
 * The node of a request: 0, or -ESTALE, for which the kernel walks the path
 * once more and asks for each name. Entries are cached for ever, so ENOENT
 * would hide a new volume behind the node of a gone one of that name.
 */
static inline int request_node(fuse_req_t req, uint64_t ino, struct object *o)
{
	return node_resolve(request_fs(req), ino, o) < 0 ? -ESTALE : 0;
}

/* Fills an entry for @o, which is marked as given first. 0 or -errno. Within
 * an epoch. */
int entry_fill(const struct object *o, struct fuse_entry_param *e);

/* Answers with attributes or an entry, within an epoch of its own. */
void reply_attr_of(fuse_req_t req, uint64_t ino);
void reply_entry_of(fuse_req_t req, uint64_t ino);

/* fuse_dir.c */
void tree_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void tree_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi);
void tree_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi);
void tree_releasedir(fuse_req_t req, fuse_ino_t ino,
		     struct fuse_file_info *fi);

/* fuse_names.c: what makes and takes names */
void tree_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode);
void tree_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void tree_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		 fuse_ino_t newparent, const char *newname,
		 unsigned int flags);
void tree_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void tree_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, dev_t rdev);
void tree_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		  const char *name);
void tree_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
	       const char *newname);
void tree_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, struct fuse_file_info *fi);

/* fuse_write.c */
void tree_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		off_t off, struct fuse_file_info *fi);
void tree_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		  int to_set, struct fuse_file_info *fi);

/* pending.c: requests that the engine has and somebody waits for */

enum pending_kind { PENDING_WRITE, PENDING_ATTR, PENDING_NAME,
		    PENDING_RENAME, PENDING_ENTRY };

struct pending_answer {
	enum pending_kind kind;
	size_t written;              /* PENDING_WRITE */
	uint64_t ino;                /* PENDING_ATTR: whose; PENDING_ENTRY: one
				      * with the new serial in it is made of
				      * this */
};

/* Hands @r to the engine; the answer goes to @req as @how says. Takes over
 * @req. */
void pending_submit(fuse_req_t req, const struct request *r,
		    const struct pending_answer *how);
/* The same for a change of owner. */
void pending_chown(fuse_req_t req, struct service *svc, uint64_t serial,
		   uid_t uid, gid_t gid, mode_t mode,
		   const struct pending_answer *how);

struct pendings *pendings_new(void);
/* Starts the thread that watches callers whose signal did not end the wait. */
int pendings_start(struct pendings *p, struct err *err);
/* Waits, at most @most_ms, until every request is answered. */
void pendings_drain(struct pendings *p, int64_t most_ms);
void pendings_free(struct pendings *p);

/* Fills in who asks. */
void request_fill(fuse_req_t req, struct request *r);
/* Answers an open to append with EINVAL, once the sentence is in the object's
 * error. */
void refuse_append(fuse_req_t req, const struct object *o);

#endif
