/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_DEVICE_WATCH_H
#define VOLFS_CORE_HOST_DEVICE_WATCH_H

#include <sys/types.h>

#include "base/err.h"

/*
 * News of block devices: that one went, as soon as the kernel says so; that
 * one came or changed, once udev knows what it is. Opens no device. One thread
 * waits, any may end its wait.
 */
struct device_watch;

enum device_news {
	DEVICE_CAME,             /* or changed */
	DEVICE_WENT,
	DEVICE_MISSED            /* there were too many: look at all */
};

struct device_event {
	enum device_news news;
	dev_t devno;             /* 0 where MISSED */
};

/* -errno where the kernel's or udev's messages cannot be had. */
int device_watch_new(struct device_watch **out, struct err *err);
void device_watch_free(struct device_watch *w);

/* Blocks until there is news, or for ever. -ECANCELED after
 * device_watch_stop(); -EIO when nothing will be heard any more. */
int device_watch_next(struct device_watch *w, struct device_event *out);
void device_watch_stop(struct device_watch *w);

#endif
