/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_LOOP_H
#define VOLFS_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Loop devices, known by the (device, inode) of what backs them, never by
 * path text. Two loop devices on one file destroy its file system, and the
 * kernel permits it: loop_attach() looks first, under an flock() of the image
 * that every volfs process takes. All of these may sleep where the medium is
 * bad, so volfsd calls them in helper processes only.
 */
struct loop_device {
	char path[32];             /* "/dev/loop3" */
	dev_t devno;
	dev_t backing_dev;
	ino_t backing_ino;
	uint64_t size_bytes;
	bool read_only, autoclear;
};

/* Finds the device backed by that inode. 0, or -ENOENT (err set). */
int loop_find(dev_t dev, ino_t ino, struct loop_device *out, struct err *err);

/* Attaches @image, or finds it attached. Without AUTOCLEAR. The device's node
 * is made where no udev does it. -EBUSY: another process holds the image. */
int loop_attach(const char *image, bool read_only, struct loop_device *out,
		struct err *err);

/* Detaches if it still is backed by that inode, waits until it is free (up to
 * @wait_ms). 0 also when it was not attached; -EBUSY when still open. */
int loop_detach(dev_t dev, ino_t ino, int64_t wait_ms, struct err *err);

/* Sets or clears AUTOCLEAR: the device goes at its last close. */
int loop_autoclear(const struct loop_device *d, bool on, struct err *err);

/* Makes the device as large as its file now is. */
int loop_grow(const struct loop_device *d, uint64_t *size_bytes,
	      struct err *err);

/* Calls @each for every configured loop device. */
int loop_each(int (*each)(const struct loop_device *d, void *arg), void *arg,
	      struct err *err);

#endif
