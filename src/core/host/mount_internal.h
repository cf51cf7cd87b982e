/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_MOUNT_INTERNAL_H
#define VOLFS_CORE_HOST_MOUNT_INTERNAL_H

#include "core/host/mount.h"

/* As mount_table_read(), of another process: "/proc/812/mountinfo". */
int mount_table_read_file(const char *path, struct mount_table *t,
			  struct err *err);

/* The mount that an absolute canonical @path is on, by text alone. */
const struct mount_entry *mount_table_of_path(const struct mount_table *t,
					      const char *path);

/* True for @dir itself and all below it, as text. */
bool path_is_below(const char *path, const char *dir);

/* Processes only: who keeps a mount of @root ("/": all) of the file system
 * from being unmounted. */
int mount_users(dev_t devno, const char *root, unsigned most,
		struct buf *who);

/* In a helper: mounts by the kernel's own means. @m: source, target, type,
 * options. The negative errno is the kernel's. */
int mount_by_kernel(const char *const *m, bool read_only, struct err *err);

#define AUTO_TABLE AUTO(mount_table_done)

#endif
