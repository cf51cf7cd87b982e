/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_PUBLISH_H
#define VOLFS_FS_PUBLISH_H

#include "fs/fs.h"

/*
 * What the engine changed, told to the kernel: wait until each answer begun on
 * the old state has been written, then push what the kernel has. Only then the
 * engine answers the writer, so that after `echo 1 > attach` the next `ls`
 * shows `device`.
 */
struct publisher;

/* Starts the thread that pushes a second time. NULL with @err. */
struct publisher *publisher_new(struct fs *fs, struct err *err);
void publisher_free(struct publisher *p);

/* engine_host.changed */
void publish_changed(void *arg, const struct change *c, size_t n);

#endif
