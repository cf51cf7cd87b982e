/* SPDX-License-Identifier: Apache-2.0 */

/* What is mounted, as the kernel lists it. Nothing mounted is touched. */

#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/host/commands.h"
#include "core/host/mount.h"
#include "core/host/mount_internal.h"

DEFINE_AUTO_PTR(auto_table, struct libmnt_table, mnt_unref_table)
DEFINE_AUTO_PTR(auto_iter, struct libmnt_iter, mnt_free_iter)

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

/* "shared:12 master:3": the number behind @key; 0 where it is not there. */
static uint64_t group_of(const char *fields, const char *key)
{
	const char *at = fields ? strstr(fields, key) : NULL;
	uint64_t n;

	if (!at)
		return 0;
	at += strlen(key);
	return parse_u64(at, strspn(at, "0123456789"), &n, NULL) < 0 ? 0 : n;
}

static int entry_fill(struct mount_entry *e, struct libmnt_fs *fs)
{
	const char *fields = mnt_fs_get_optional_fields(fs);
	unsigned long flags = 0;

	mnt_fs_get_propagation(fs, &flags);
	*e = (struct mount_entry){
		.target = copy(mnt_fs_get_target(fs)),
		.source = copy(mnt_fs_get_source(fs)),
		.root = copy(mnt_fs_get_root(fs)),
		.fstype = copy(mnt_fs_get_fstype(fs)),
		.options = copy(mnt_fs_get_vfs_options(fs)),
		.super_options = copy(mnt_fs_get_fs_options(fs)),
		.devno = mnt_fs_get_devno(fs),
		.id = mnt_fs_get_id(fs),
		.parent = mnt_fs_get_parent_id(fs),
		.shared = flags & MS_SHARED,
		.group = group_of(fields, "shared:"),
		.master = group_of(fields, "master:"),
	};
	return e->target && e->source && e->root && e->fstype && e->options &&
	       e->super_options ? 0 : -ENOMEM;
}

int mount_table_read_file(const char *path, struct mount_table *t,
			  struct err *err)
{
	AUTO(auto_table) struct libmnt_table *table = NULL;
	AUTO(auto_iter) struct libmnt_iter *iter = NULL;
	struct libmnt_fs *fs;
	int n;

	*t = (struct mount_table){ .n = 0 };
	errno = 0;
	table = mnt_new_table_from_file(path);
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	if (!table || !iter)
		return err_errno(err, errno ? errno : EIO, "read '%s'", path);
	n = mnt_table_get_nents(table);
	t->e = calloc(n > 0 ? (size_t)n : 1, sizeof(*t->e));
	if (!t->e)
		return err_oom(err);
	while (t->n < (size_t)n && mnt_table_next_fs(table, iter, &fs) == 0) {
		if (entry_fill(&t->e[t->n++], fs) < 0) {
			mount_table_done(t);
			return err_oom(err);
		}
	}
	return 0;
}

int mount_table_read(struct mount_table *t, struct err *err)
{
	return mount_table_read_file("/proc/self/mountinfo", t, err);
}

void mount_table_done(struct mount_table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->e[i].target);
		free(t->e[i].source);
		free(t->e[i].root);
		free(t->e[i].fstype);
		free(t->e[i].options);
		free(t->e[i].super_options);
	}
	free(t->e);
	*t = (struct mount_table){ .n = 0 };
}

const struct mount_entry *mount_table_find(const struct mount_table *t,
					   const char *target)
{
	const struct mount_entry *found = NULL;
	size_t i, j, steps = 0;

	for (i = 0; i < t->n; i++) {
		if (strcmp(t->e[i].target, target) != 0)
			continue;
		/* The kernel lists parents first, but a mount that was moved
		 * under another may stand before it. */
		found = found && found->parent == t->e[i].id ? found :
							       &t->e[i];
	}
	/* The table is read in pieces, and ids are used again: two may seem to
	 * be on each other. */
	for (j = 0; found && j < t->n && steps < t->n; j++)
		if (t->e[j].parent == found->id && &t->e[j] != found &&
		    strcmp(t->e[j].target, target) == 0) {
			found = &t->e[j];
			j = (size_t)-1;
			steps++;
		}
	return found;
}

bool path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len == 1 && dir[0] == '/')
		return path[0] == '/';
	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '/' || path[len] == 0);
}

const struct mount_entry *mount_table_of_path(const struct mount_table *t,
					      const char *path)
{
	const struct mount_entry *best = NULL;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const char *target = t->e[i].target;

		if (path_is_below(path, target) &&
		    (!best || strlen(target) >= strlen(best->target)))
			best = &t->e[i];
	}
	return best ? mount_table_find(t, best->target) : NULL;
}
