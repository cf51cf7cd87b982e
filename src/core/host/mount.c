/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's side of mounting: what is asked of the helpers. */

#include "core/host/mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fault.h"
#include "core/host/commands.h"
#include "core/host/mount_internal.h"

/* Log replay of a big file system takes minutes; a dead server for ever. */
#define MOUNT_MS (10 * 60 * 1000)
#define BIND_MS 30000
#define DIRECTORY_MS 30000
#define UMOUNT_MS (5 * 60 * 1000)
/* Who forces, or does not care, does not wait for a server either. */
#define UMOUNT_FORCE_MS 15000

static int path_check(const char *what, const char *path, struct err *err)
{
	if (path && path[0] == '/')
		return 0;
	return err_set(err, EINVAL, "%s '%.200s' is not an absolute path", what,
		       path ? path : "");
}

/* Has it a peer group that its parent is not in? */
static bool has_own_group(const struct mount_table *t,
			  const struct mount_entry *e)
{
	size_t i;

	if (!e->group)
		return false;
	for (i = 0; i < t->n; i++)
		if (t->e[i].id == e->parent)
			return t->e[i].group != e->group;
	return true;
}

int mount_private_root(const char *dir, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	const struct mount_entry *e;
	int r = path_check("the private directory", dir, err);

	if (r == 0)
		r = mount_table_read(&t, err);
	if (r < 0)
		return r;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make '%s'", dir);
	if (chmod(dir, 0700) < 0)
		return err_errno(err, errno, "set the mode of '%s'", dir);
	e = mount_table_find(&t, dir);
	if (e && has_own_group(&t, e))
		return 0;
	if (!e && mount(dir, dir, "none", MS_BIND, "") < 0)
		return err_errno(err, errno, "bind '%s' on itself", dir);
	/* Also when it was found: a crash may have come in between. Private
	 * first, so that it leaves the group of the mount around it. */
	if (mount("none", dir, "none", MS_PRIVATE, "") < 0 ||
	    mount("none", dir, "none", MS_SHARED, "") < 0)
		return err_errno(err, errno, "make '%s' a mount with a peer "
				 "group of its own", dir);
	return 0;
}

int mount_private(const struct call *c, const struct mount_spec *m,
		  struct err *err)
{
	const char *argv[] = { "mount", m->source, m->target, m->fstype,
			       m->options ? m->options : "",
			       m->read_only ? "1" : "0", NULL };
	int r = path_check("the mount point", m->target, err);

	if (r < 0)
		return r;
	FAULT_POINT("host.mount.before");
	r = m->device ? device_helper_run(c, MOUNT_MS, m->device, argv, NULL,
					  err)
		      : helper_run(c, MOUNT_MS, argv, NULL, err);
	FAULT_POINT("host.mount.after");
	return r;
}

int mount_bind(const struct call *c, const struct mount_bind *m,
	       struct err *err)
{
	char uid[WORD_MAX], gid[WORD_MAX], mode[WORD_MAX], ino[WORD_MAX];
	const char *argv[] = { "bind", m->private_dir,
			       m->subpath ? m->subpath : "/", m->data,
			       m->make ? "1" : "0", word_of_u64(uid, m->uid),
			       word_of_u64(gid, m->gid),
			       word_of_u64(mode, m->mode),
			       m->read_only ? "1" : "0",
			       m->options ? m->options : "",
			       word_of_u64(ino, m->above_ino), NULL };
	int r = path_check("the directory", m->private_dir, err);

	if (r == 0)
		r = path_check("the mount point", m->data, err);
	if (r < 0)
		return r;
	FAULT_POINT("host.bind.before");
	r = helper_run(c, BIND_MS, argv, NULL, err);
	FAULT_POINT("host.bind.after");
	return r;
}

int mount_names_renew(const struct call *c, const struct mount_name *names,
		      size_t n, struct err *err)
{
	const char *argv[2 + 2 * MOUNT_NAMES_MAX] = { "names-renew" };
	char ino[MOUNT_NAMES_MAX][WORD_MAX];

	for (size_t i = 0; i < n && i < MOUNT_NAMES_MAX; i++) {
		argv[1 + 2 * i] = names[i].path;
		argv[2 + 2 * i] = word_of_u64(ino[i], names[i].ino);
	}
	return helper_run(c, BIND_MS, argv, NULL, err);
}

int mount_name_move(const struct call *c, const struct mount_name *n,
		    const char *newname, struct err *err)
{
	char ino[WORD_MAX];
	const char *argv[] = { "name-move", n->path, word_of_u64(ino, n->ino),
			       newname, NULL };
	int r = path_check("the directory", n->path, err);

	return r < 0 ? r : helper_run(c, BIND_MS, argv, NULL, err);
}

int mount_set_root_owner(const struct call *c, const char *private_dir,
			 uid_t uid, gid_t gid, mode_t mode, struct err *err)
{
	char uid_word[WORD_MAX], gid_word[WORD_MAX], mode_word[WORD_MAX];
	const char *argv[] = { "chown-root", private_dir,
			       word_of_u64(uid_word, uid),
			       word_of_u64(gid_word, gid),
			       word_of_u64(mode_word, mode), NULL };

	return helper_run(c, BIND_MS, argv, NULL, err);
}

/* Why is @path busy: what is mounted below it, and which processes use it. */
static int umount_busy(const char *path, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	AUTO(auto_buf) struct buf who = BUF_INIT(320);
	const struct mount_entry *e;
	struct err none;
	size_t i;

	e = mount_table_read(&t, &none) == 0 ? mount_table_find(&t, path) :
					       NULL;
	for (i = 0; e && i < t.n && !who.len; i++)
		if (t.e[i].parent == e->id)
			buf_printf(&who, "'%.200s' is mounted below it",
				   t.e[i].target);
	if (e && !who.len)
		mount_users(e->devno, e->root, 4, &who);
	return err_set(err, EBUSY, "unmount '%s': it is in use%s%s", path,
		       who.len ? ": " : " (by whom was not found: see lsof)",
		       buf_str(&who));
}

/* What was taken out of the tree is unmounted, although the kernel may still
 * be waiting for a server to say farewell to. */
static bool is_unmounted(const char *path)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };

	return mount_table_read(&t, NULL) == 0 && !mount_table_find(&t, path);
}

int mount_directory_free(const struct call *c, const char *directory,
			 struct err *err)
{
	const char *argv[] = { "directory-free", directory, NULL };

	return helper_run(c, DIRECTORY_MS, argv, NULL, err);
}

int mount_umount(const struct call *c, const char *path, enum umount_how how,
		 struct err *err)
{
	static const char *const words[] = { "plain", "force", "lazy" };
	const char *argv[] = { "umount", path, words[how], NULL };
	struct err why = ERR_INIT;
	int r = path_check("the mount point", path, err);

	if (r < 0)
		return r;
	FAULT_POINT("host.umount.before");
	r = helper_run(c, how == UMOUNT_PLAIN ? UMOUNT_MS : UMOUNT_FORCE_MS,
		       argv, NULL, &why);
	FAULT_POINT("host.umount.after");
	if (r == -ETIMEDOUT && is_unmounted(path))
		return 0;
	if (r == -EBUSY)
		return umount_busy(path, err);
	if (r < 0 && err)
		*err = why;
	return r;
}
