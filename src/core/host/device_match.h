/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_DEVICE_MATCH_H
#define VOLFS_CORE_HOST_DEVICE_MATCH_H

#include <libudev.h>

#include "core/host/device.h"

/*
 * One look at all block devices, from sysfs and udev's database: no device is
 * opened. Several devices match where a disk has several paths.
 */
struct device_matches {
	struct device d[16];
	unsigned n;              /* how many match; over 16 are counted */
	char there[256];         /* what else there is, for sentences */
	char not_yet[256];       /* has the serial or WWN, and udev is not done
				  * with it: what else it is, is not known */
};

/* Fills @out with the devices that have every property of @id but its image
 * and backing inode, which are for helpers. */
int device_match_all(struct udev *udev, const struct device_identity *id,
		     struct device_matches *out, struct err *err);

/* Fills path, devno, size and serial of the block device called @name in
 * /sys/class/block. -ENODEV. */
int device_from_sysfs(const char *name, struct device *out);

/* Makes the device's node where neither devtmpfs nor udev did. */
int device_make_node(const struct device *d, struct err *err);

/* One line of a small file in /sys/class/block/@name/@attribute, trimmed; "" if
 * there is none. */
void device_attribute(const char *name, const char *attribute, char *out,
		      size_t room);

#endif
