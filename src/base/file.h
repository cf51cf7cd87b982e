/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_FILE_H
#define VOLFS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Whole files through a descriptor, from where it stands; they go on after a
 * signal, and block as the file does. 0, or a negative errno. */

/* To the end of the file. -E2BIG over the ceiling of @out. */
int file_read_all(int fd, struct buf *out);
int file_write_all(int fd, const void *data, size_t len);

/* flock() for this descriptor alone, tried again for up to @most_ms. 0;
 * -EWOULDBLOCK: another has it still. */
int file_lock(int fd, int64_t most_ms);

#endif
