/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_MOUNT_H
#define VOLFS_CORE_HOST_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/call.h"

/*
 * Mounts. A volume is mounted once, at a private place under the run
 * directory, and from there bound at its data/ in the tree; so a lost tree
 * loses no mount. Each call that may sleep runs in a helper process.
 */

/* Makes @dir (0700) a mount with a peer group of its own: what is mounted below
 * comes into no namespace that has not copied it, and those that have (each
 * service of systemd's with a PrivateTmp of its own) let go when we unmount;
 * were it private, they would hold every device until they end. Idempotent. */
int mount_private_root(const char *dir, struct err *err);

struct device;

struct mount_spec {
	const struct device *device; /* the source, if it is one; else NULL */
	const char *source;      /* "/dev/loop3", "server:/path", a directory */
	const char *target;      /* the private directory; made, mode 0 */
	const char *fstype;      /* "bind" for directories */
	const char *options;     /* comma-separated; "" = rw */
	bool read_only;
};

/* Mounts source at target; 0 also if that very source is mounted there. */
int mount_private(const struct call *c, const struct mount_spec *m,
		  struct err *err);

/* Opens @subpath ("/" = all) beneath @private_dir, no symlinks followed, makes
 * it with @uid:@gid @mode if it does not exist (and @make), and binds it at
 * @data. If @data is a mount of the same file system already: 0. */
struct mount_bind {
	const char *private_dir;
	const char *subpath;
	const char *data;
	bool make;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool read_only;
	const char *options;     /* nodev,nosuid,noexec per mount */
	uint64_t above_ino;      /* the inode that the directory above @data
				  * must be; 0 = any. Else -ESTALE, after the
				  * kernel was made to look again, or -EBUSY:
				  * it cannot be, see below. */
};
int mount_bind(const struct call *c, const struct mount_bind *m,
	       struct err *err);

/* A directory of the tree, by its path, and the inode that it has to be. */
struct mount_name {
	const char *path;
	uint64_t ino;
};
#define MOUNT_NAMES_MAX 10

/* The kernel remembers which directory has which name until somebody looks the
 * name up anew. Has it look where its memory is another's; 0 also for names
 * that are gone. -EBUSY: something is mounted below the old one. */
int mount_names_renew(const struct call *c, const struct mount_name *names,
		      size_t n, struct err *err);

/* Renames the directory @n to @newname beside it, by a rename(2). -ESTALE: it
 * is another directory, or something has that name. */
int mount_name_move(const struct call *c, const struct mount_name *n,
		    const char *newname, struct err *err);

/* Sets owner and mode of the root of what is mounted (subpath "/"): used once,
 * right after our own mkfs. */
int mount_set_root_owner(const struct call *c, const char *private_dir,
			 uid_t uid, gid_t gid, mode_t mode, struct err *err);

enum umount_how { UMOUNT_PLAIN, UMOUNT_FORCE, UMOUNT_LAZY };

/* Unmounts what is mounted at @path (topmost). 0 if nothing is. Never follows
 * a symlink. PLAIN: -EBUSY naming who holds it. FORCE: kills NFS requests. */
int mount_umount(const struct call *c, const char *path, enum umount_how how,
		 struct err *err);

/* From /proc/self/mountinfo; touches no mounted path, so it cannot hang. */
struct mount_entry {
	char *target, *source, *root, *fstype, *options, *super_options;
	dev_t devno;
	int id, parent;
	uint64_t group, master;  /* peer groups: its own, the one it follows;
				  * 0 = none */
	bool shared;
};
struct mount_table {
	struct mount_entry *e;
	size_t n;
};
int mount_table_read(struct mount_table *t, struct err *err);
void mount_table_done(struct mount_table *t);
/* The topmost mount at exactly @target, or NULL. */
const struct mount_entry *mount_table_find(const struct mount_table *t,
					   const char *target);

/* Who holds the file system with device number @devno, in all mount namespaces
 * that have a process (without our own private mounts under @except_below,
 * may be NULL): "pid 812 (postgres) in container 3fa9..., mounted at /x".
 * Appends at most @most holders to @who. Return: how many were found. */
int mount_holders(dev_t devno, const char *except_below, unsigned most,
		  struct buf *who);

/* Of these (but only of the directory @root of that file system; "": all), the
 * mounts that stay when @data is unmounted: neither it nor what
 * propagation takes along with it, as in a container that has the tree by
 * rslave. Processes that merely use it are not looked for: they keep @data
 * itself busy. */
int mount_holders_beyond(dev_t devno, const char *root,
			 const char *except_below, const char *data,
			 unsigned most, struct buf *who);

/* 0 if nobody has @directory or a part of it: -EBUSY naming a mount of it in
 * any namespace, and where it is a subvolume of btrfs, a process that has
 * something in it open. 0 also where it is gone. */
int mount_directory_free(const struct call *c, const char *directory,
			 struct err *err);

#endif
