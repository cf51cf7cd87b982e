/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_DEVICE_H
#define VOLFS_CORE_HOST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/call.h"

/*
 * Block devices by identity. A driver says what the service promises of the
 * device (any subset of the fields; all given ones must match); the device is
 * found through udev's database, and through sysfs for what needs no udev
 * daemon (loop devices, serials in sysfs). Never guessed from a letter. Two
 * devices that match are an error that names both.
 */
struct device_identity {
	char *serial;            /* as udev's ID_SERIAL_SHORT or sysfs */
	char *wwn;               /* "0x5000..." or naa */
	char *by_id;             /* fnmatch() pattern under /dev/disk/by-id */
	char *path;              /* a path the service names, e.g. /dev/rbd0 */
	char *image;             /* a file: volfs makes the loop device itself */
	uint64_t backing_dev;    /* a loop device somebody else made, by the */
	uint64_t backing_ino;    /*   inode behind it; 0, 0 = not said */
};

void device_identity_done(struct device_identity *id);
/* A loop device, known by what is behind it? */
bool device_identity_is_loop(const struct device_identity *id);

struct device {
	char path[256];          /* "/dev/nvme1n1", the node itself, no symlink */
	dev_t devno;
	uint64_t size_bytes;
	uint64_t diskseq;        /* the kernel's count of disks: no two have
				  * the same, also not one after the other
				  * under one number; 0 = not known */
	char serial[128];        /* "" if none is known */
};

/* Waits until the device is there with at least one byte of size. Blocks to
 * @c's deadline, at most @most_ms. With an @image, attaches the loop device.
 * -ENODEV with what was looked for and what is there instead; -ENOTUNIQ. */
int device_wait(const struct call *c, const struct device_identity *id,
		int64_t most_ms, struct device *out, struct err *err);

/* As device_wait() without waiting or attaching: -ENODEV if it isn't there. */
int device_find(const struct call *c, const struct device_identity *id,
		struct device *out, struct err *err);

/* Is what was found as @known (path, devno, diskseq, serial) still that disk?
 * From sysfs, opens nothing, never blocks. -ENODEV, naming it. */
int device_still(const struct device *known, struct device *out,
		 struct err *err);

/* The kernel's count of disks: what appears from now on has a higher diskseq.
 * 0 where it does not count. Reads sysfs, opens nothing. */
uint64_t device_newest(void);

/* The device that @known is, whatever else has its identity by now; where that
 * is gone, or @known->path is "", as device_find(). */
int device_find_known(const struct call *c, const struct device_identity *id,
		      const struct device *known, struct device *out,
		      struct err *err);

/* After the backing storage grew: makes the kernel look again (loop capacity,
 * SCSI rescan) and waits until the device is @want_bytes or larger. */
int device_rescan(const struct call *c, const struct device_identity *id,
		  struct device *dev, uint64_t want_bytes, struct err *err);

/* Before a detach: -EBUSY, naming who (pid, command, container), if the device
 * is mounted or open in any mount namespace: open(O_RDWR|O_EXCL) decides. */
int device_check_free(const struct call *c, const struct device *dev,
		      struct err *err);

/* Lets go of a loop device that device_wait() made from id->image; for other
 * identities nothing. 0 also when already gone. */
int device_release(const struct call *c, const struct device_identity *id,
		   struct err *err);

/* Sets or clears AUTOCLEAR on a loop device made from id->image. Set while it
 * is mounted and to go with the mount: a crash then leaves no device behind.
 * Cleared before an unmount that leaves it attached. Nothing for others. */
int device_set_autoclear(const struct call *c, const struct device_identity *id,
			 bool on, struct err *err);

/* One JSON object a line for each block device of this machine: {"device",
 * "major_minor","serial","size_bytes"}: from sysfs, opens no device. */
int device_list_json(struct buf *out, struct err *err);

#endif
