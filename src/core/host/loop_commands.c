/* SPDX-License-Identifier: Apache-2.0 */

/* The helpers that touch devices: loop devices of images, rescans, and the
 * exclusive open that decides whether a device is free. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/loop.h"
#include "core/host/commands.h"

#define EXCLUSIVE_MS 1000

static void loop_to_json(const struct loop_device *d,
			 struct json_object *reply)
{
	json_object_object_add(reply, "path", json_object_new_string(d->path));
	json_object_object_add(reply, "major",
			       json_object_new_uint64(major(d->devno)));
	json_object_object_add(reply, "minor",
			       json_object_new_uint64(minor(d->devno)));
	json_object_object_add(reply, "size_bytes",
			       json_object_new_uint64(d->size_bytes));
}

struct lost_image {
	char name[PATH_MAX + 16];
	struct loop_device found;
	bool any;
};

static int lost_image_match(const struct loop_device *d, void *arg)
{
	struct lost_image *lost = arg;
	char path[96], text[sizeof(lost->name)];
	AUTO(auto_fd) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
		 d->path + strlen("/dev/"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n - (text[n - 1] == '\n')] = 0;
	if (strcmp(text, lost->name) != 0)
		return 0;
	lost->found = *d;
	lost->any = true;
	return 1;
}

/* An image somebody deleted has no inode to ask for any more, but its loop
 * device lives: the kernel then calls it "PATH (deleted)". */
static int loop_of_lost_image(const char *image, struct loop_device *d,
			      struct err *err)
{
	struct lost_image lost = { .any = false };
	int r;

	snprintf(lost.name, sizeof(lost.name), "%s (deleted)", image);
	r = loop_each(lost_image_match, &lost, err);
	if (r < 0)
		return r;
	if (!lost.any)
		return err_set(err, ENOENT, "there is no image '%s'", image);
	*d = lost.found;
	return 0;
}

/* -ENODEV: it is attached to nothing; -ENOENT: there is no such image. */
static int loop_of_image(const char *image, struct loop_device *d,
			 struct err *err)
{
	struct stat st;
	int r;

	if (lstat(image, &st) < 0 && errno == ENOENT)
		return loop_of_lost_image(image, d, err);
	if (lstat(image, &st) < 0)
		return err_errno(err, errno, "look at the image '%s'", image);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "the image '%s' is not a regular "
			       "file", image);
	r = loop_find(st.st_dev, st.st_ino, d, err);
	if (r == -ENOENT)
		return err_set(err, ENODEV, "the image '%s' is attached to no "
			       "loop device", image);
	return r;
}

HELPER_COMMAND(command_loop_attach)
{
	struct loop_device d;
	int r = loop_attach(argv[0], false, &d, err);

	if (r == 0)
		loop_to_json(&d, reply);
	return r;
}

HELPER_COMMAND(command_loop_find)
{
	struct loop_device d;
	uint64_t dev, ino;
	int r;

	if (argc == 1) {
		r = loop_of_image(argv[0], &d, err);
	} else {
		r = word_u64(argv[0], &dev, err);
		if (r == 0)
			r = word_u64(argv[1], &ino, err);
		if (r == 0)
			r = loop_find(dev, ino, &d, err);
		if (r == -ENOENT)
			r = err_set(err, ENODEV, "%s", err->text);
	}
	if (r == 0)
		loop_to_json(&d, reply);
	return r;
}

HELPER_COMMAND(command_loop_detach)
{
	struct loop_device d;
	uint64_t wait_ms;
	int r = word_u64(argv[1], &wait_ms, err);

	if (r == 0)
		r = loop_of_image(argv[0], &d, err);
	if (r == -ENODEV || r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return loop_detach(d.backing_dev, d.backing_ino, (int64_t)wait_ms,
			   err);
}

HELPER_COMMAND(command_loop_autoclear)
{
	struct loop_device d;
	int r = loop_of_image(argv[0], &d, err);

	return r < 0 ? r : loop_autoclear(&d, argv[1][0] == '1', err);
}

HELPER_COMMAND(command_loop_grow)
{
	struct loop_device d;
	uint64_t size;
	int r = loop_of_image(argv[0], &d, err);

	if (r == 0)
		r = loop_grow(&d, &size, err);
	if (r == 0)
		json_object_object_add(reply, "size_bytes",
				       json_object_new_uint64(size));
	return r;
}

/* Writes "1" to each attribute, which makes the kernel ask the device. */
HELPER_COMMAND(command_rescan)
{
	int i;

	for (i = 0; i < argc; i++) {
		AUTO(auto_fd) int fd = open(argv[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "1", 1) != 1)
			return err_errno(err, errno, "rescan by '%s'", argv[i]);
	}
	return 0;
}

HELPER_COMMAND(command_exclusive_open)
{
	int64_t end_ms = clock_ms() + EXCLUSIVE_MS;
	struct timespec pause = { .tv_nsec = 25 * 1000 * 1000 };
	uint64_t want_major, want_minor;
	int r = word_u64(argv[1], &want_major, err);

	if (r == 0)
		r = word_u64(argv[2], &want_minor, err);
	if (r < 0)
		return r;
	for (;;) {
		AUTO(auto_fd) int fd = -1;
		struct stat st;

		fd = device_node_open(argv[0], O_RDWR | O_EXCL, err);
		if (fd == -EROFS || fd == -EACCES || fd == -EPERM)
			fd = device_node_open(argv[0], O_RDONLY | O_EXCL, err);
		if (fd >= 0 && fstat(fd, &st) == 0 &&
		    st.st_rdev != makedev((unsigned)want_major,
					  (unsigned)want_minor))
			return err_set(err, ENODEV, "'%s' is another device "
				       "now (%u:%u)", argv[0],
				       major(st.st_rdev), minor(st.st_rdev));
		if (fd >= 0)
			return 0;
		/* udev or a mount that is just ending may hold it shortly. */
		if (fd != -EBUSY || clock_ms() >= end_ms)
			return fd;
		nanosleep(&pause, NULL);
	}
}
