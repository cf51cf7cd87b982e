/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_MOUNT_OPTIONS_H
#define VOLFS_FS_MOUNT_OPTIONS_H

#include "base/err.h"

/* Adds what -o says to the mount(2) flags of the tree. @options: separated by
 * commas, may be NULL. -EINVAL names the unknown one and the nearest. */
int mount_options_parse(const char *options, unsigned long *flags,
			struct err *err);

#endif
