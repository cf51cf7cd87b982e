/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

/* How long the flock() of an image is waited for: another volfs process holds
 * it for one attach, some milliseconds. */
#define LOOP_LOCK_MS 10000
#define LOOP_LOOK_MS 200
/* GET_FREE reserves nothing: this often others may be quicker. */
#define LOOP_RACES_MAX 64
/* Always said, so that a file system made on one machine (4096-byte sectors
 * below) mounts on another. */
#define LOOP_BLOCK_SIZE 512

static void sleep_ms(int64_t ms)
{
	struct timespec t = clock_timespec(ms);

	nanosleep(&t, NULL);
}

static void sleep_random_ms(unsigned most_ms)
{
	unsigned n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = (unsigned)getpid();
	sleep_ms(1 + n % most_ms);
}

/* Opens /dev/loop@number; makes its node where no udev or devtmpfs did. */
static int loop_open(unsigned number, int flags, char *path, size_t room)
{
	int fd, i;

	snprintf(path, room, "/dev/loop%u", number);
	for (i = 0;; i++) {
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		/* udev may be about to make the node or to set its mode. */
		if ((errno != ENOENT && errno != EACCES) || i == 16)
			return -errno;
		if (errno == ENOENT && i >= 2 &&
		    mknod(path, S_IFBLK | 0600,
			  makedev(LOOP_MAJOR, number)) < 0 &&
		    errno != EEXIST)
			return -errno;
		sleep_ms(25);
	}
}

/* Fills @out from an open loop device. -ENXIO when nothing backs it. */
static int loop_read_status(int fd, const char *path, struct loop_device *out)
{
	struct loop_device d = { 0 };
	struct loop_info64 info = { 0 };
	struct stat st;

	if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0 || fstat(fd, &st) < 0 ||
	    ioctl(fd, BLKGETSIZE64, &d.size_bytes) < 0)
		return -errno;
	snprintf(d.path, sizeof(d.path), "%s", path);
	d.devno = st.st_rdev;
	d.backing_dev = info.lo_device;
	d.backing_ino = info.lo_inode;
	d.read_only = info.lo_flags & LO_FLAGS_READ_ONLY;
	d.autoclear = info.lo_flags & LO_FLAGS_AUTOCLEAR;
	*out = d;
	return 0;
}

/* True for a name such as "loop3" in /sys/block whose device is configured. */
static bool loop_is_configured(const char *name, unsigned *number)
{
	char path[PATH_MAX];
	uint64_t n;

	if (strncmp(name, "loop", 4) != 0 ||
	    parse_u64(name + 4, strlen(name + 4), &n, NULL) < 0 || n > UINT_MAX)
		return false;
	*number = (unsigned)n;
	/* The directory loop/ is there only while the device is configured. */
	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
	return access(path, F_OK) == 0;
}

int loop_each(int (*each)(const struct loop_device *d, void *arg), void *arg,
	      struct err *err)
{
	AUTO(auto_dir) DIR *dir = opendir("/sys/block");
	struct dirent *entry;

	if (!dir)
		return err_errno(err, errno,
				 "look for loop devices in /sys/block");
	while ((entry = readdir(dir))) {
		AUTO(auto_fd) int fd = -1;
		struct loop_device d;
		unsigned number;
		char path[32];
		int r;

		if (!loop_is_configured(entry->d_name, &number))
			continue;
		fd = loop_open(number, O_RDONLY | O_NONBLOCK, path,
			       sizeof(path));
		/* ENXIO: it was let go of while we looked. */
		if (fd == -ENXIO || fd == -ENODEV || fd == -ENOENT)
			continue;
		if (fd < 0)
			return err_errno(err, -fd, "open '%s'", path);
		r = loop_read_status(fd, path, &d);
		if (r == -ENXIO)
			continue;
		if (r < 0)
			return err_errno(err, -r, "ask '%s' what backs it",
					 path);
		r = each(&d, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

struct loop_search {
	dev_t dev;
	ino_t ino;
	struct loop_device found;
	bool any;
};

static int loop_match(const struct loop_device *d, void *arg)
{
	struct loop_search *s = arg;

	if (d->backing_dev != s->dev || d->backing_ino != s->ino)
		return 0;
	s->found = *d;
	s->any = true;
	return 1;
}

int loop_find(dev_t dev, ino_t ino, struct loop_device *out, struct err *err)
{
	struct loop_search s = { .dev = dev, .ino = ino };
	int r = loop_each(loop_match, &s, err);

	if (r < 0)
		return r;
	if (!s.any)
		return err_set(err, ENOENT,
			       "no loop device has inode %llu of %u:%u behind "
			       "it",
			       (unsigned long long)ino, major(dev), minor(dev));
	*out = s.found;
	return 0;
}

/* Opens @d's node and makes sure that the same file still backs it: an
 * AUTOCLEAR device may go, and come back for another file, at any time. */
static int loop_open_same(const struct loop_device *d, int flags,
			  struct loop_device *now, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	char path[32];
	int r;

	fd = loop_open(minor(d->devno), flags, path, sizeof(path));
	if (fd < 0)
		return err_errno(err, -fd, "open '%s'", path);
	r = loop_read_status(fd, path, now);
	if (r == 0 && (now->backing_dev != d->backing_dev ||
		       now->backing_ino != d->backing_ino))
		r = -ENXIO;
	if (r < 0)
		return err_errno(err, -r, "'%s' is no longer what it was",
				 path);
	return STEAL_FD(fd);
}

/* Locks the image against every other volfs process. Through a descriptor of
 * its own: the one given to the kernel lives as long as the loop device, and
 * so would its lock. */
static int image_lock(const char *image, bool read_only, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct stat st;
	int r;

	fd = open(image, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
				 O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, errno, "open the image '%s'", image);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at the image '%s'", image);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file: only "
			       "files are attached to loop devices", image);
	r = file_lock(fd, LOOP_LOCK_MS);
	if (r == -EWOULDBLOCK)
		return err_set(err, EBUSY, "the image '%s' has been locked by "
			       "another process for %d s: see lslocks", image,
			       LOOP_LOCK_MS / 1000);
	if (r < 0)
		return err_errno(err, -r, "lock the image '%s'", image);
	return STEAL_FD(fd);
}

static int loop_set_autoclear(int fd, bool on)
{
	struct loop_info64 info = { 0 };

	if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	if (!!(info.lo_flags & LO_FLAGS_AUTOCLEAR) == on)
		return 0;
	if (on)
		info.lo_flags |= LO_FLAGS_AUTOCLEAR;
	else
		info.lo_flags &= ~(uint32_t)LO_FLAGS_AUTOCLEAR;
	return ioctl(fd, LOOP_SET_STATUS64, &info) < 0 ? -errno : 0;
}

/* The image is attached as @d: takes that device. -ENOENT: it has just gone. */
static int loop_reuse(const struct loop_device *d, const char *image,
		      bool read_only, struct loop_device *out, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct loop_device now;
	int r;

	fd = loop_open_same(d, O_RDONLY, &now, err);
	if (fd == -ENXIO || fd == -ENOENT || fd == -ENODEV)
		return -ENOENT;
	if (fd < 0)
		return fd;
	if (now.read_only && !read_only)
		return err_set(err, EBUSY,
			       "'%s' is attached read-only as '%s': detach it "
			       "first (losetup -d %s)", image, d->path,
			       d->path);
	r = loop_set_autoclear(fd, false);
	/* Its file may have grown just before whoever grew it died. */
	if (r == 0 && ioctl(fd, LOOP_SET_CAPACITY, 0) < 0)
		r = -errno;
	if (r == 0)
		r = loop_read_status(fd, d->path, &now);
	if (r == -ENXIO)
		return -ENOENT;
	if (r < 0)
		return err_errno(err, -r, "keep '%s' of '%s'", d->path, image);
	*out = now;
	return 0;
}

/* One try at a free device. -EBUSY: another process was quicker. */
static int loop_configure(int control, int image_fd, const char *image,
			  bool read_only, struct loop_device *out,
			  struct err *err)
{
	struct loop_config config = { .fd = (uint32_t)image_fd,
				      .block_size = LOOP_BLOCK_SIZE };
	const char *base = strrchr(image, '/');
	AUTO(auto_fd) int fd = -1;
	char path[32];
	int number, r;

	number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		return err_errno(err, errno, "get a free loop device");
	fd = loop_open((unsigned)number, read_only ? O_RDONLY : O_RDWR, path,
		       sizeof(path));
	if (fd < 0)
		return err_errno(err, -fd, "open '%s'", path);
	if (read_only)
		config.info.lo_flags = LO_FLAGS_READ_ONLY;
	snprintf((char *)config.info.lo_file_name,
		 sizeof(config.info.lo_file_name), "%.*s", LO_NAME_SIZE - 1,
		 base ? base + 1 : image);
	if (ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
		/* Never CLR_FD after EBUSY: it would detach the winner. */
		if (errno == EBUSY || errno == EAGAIN)
			return -EBUSY;
		return err_errno(err, errno, "attach '%s' to '%s'%s", image,
				 path,
				 errno == ENOTTY || errno == EINVAL ?
				 " (Linux 5.8 or later is needed)" : "");
	}
	r = loop_read_status(fd, path, out);
	if (r < 0)
		return err_errno(err, -r, "read back '%s'", path);
	return 0;
}

static int loop_attach_new(const char *image, bool read_only,
			   struct loop_device *out, struct err *err)
{
	AUTO(auto_fd) int control = -1;
	AUTO(auto_fd) int image_fd = -1;
	int i, r;

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return err_errno(err, errno, "open '/dev/loop-control' "
				 "(is the kernel module loop there?)");
	image_fd = open(image, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
				       O_NOFOLLOW);
	if (image_fd < 0)
		return err_errno(err, errno, "open the image '%s'", image);
	for (i = 0; i < LOOP_RACES_MAX; i++) {
		r = loop_configure(control, image_fd, image, read_only, out,
				   err);
		if (r != -EBUSY)
			return r;
		sleep_random_ms(50);
	}
	return err_set(err, EAGAIN, "attach '%s': other processes took each of "
		       "%d free loop devices first; try again", image,
		       LOOP_RACES_MAX);
}

int loop_attach(const char *image, bool read_only, struct loop_device *out,
		struct err *err)
{
	AUTO(auto_fd) int lock = -1;
	struct stat st;
	int tries, r;

	lock = image_lock(image, read_only, err);
	if (lock < 0)
		return lock;
	if (fstat(lock, &st) < 0)
		return err_errno(err, errno, "look at the image '%s'", image);
	for (tries = 0; tries < 8; tries++) {
		struct loop_device found;
		struct err none = ERR_INIT;

		r = loop_find(st.st_dev, st.st_ino, &found, &none);
		if (r == -ENOENT)
			return loop_attach_new(image, read_only, out, err);
		if (r < 0) {
			if (err)
				*err = none;
			return r;
		}
		r = loop_reuse(&found, image, read_only, out, err);
		if (r != -ENOENT)
			return r;
	}
	return err_set(err, EAGAIN, "attach '%s': its loop device comes and "
		       "goes; somebody else is attaching it", image);
}

/* True while no file backs device @d. Looks in sysfs only: an open of the
 * device would itself keep it from going. */
static bool loop_is_gone(const struct loop_device *d)
{
	unsigned number;

	return !loop_is_configured(d->path + strlen("/dev/"), &number);
}

static int loop_clear(const struct loop_device *d, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct loop_device now;
	struct err why = ERR_INIT;

	/* Exclusive: so that nobody can mount it between look and clear. */
	fd = loop_open_same(d, O_RDONLY | O_EXCL, &now, &why);
	if (fd == -EBUSY)
		return err_set(err, EBUSY, "detach '%s': it is mounted or in "
			       "use", d->path);
	if (fd == -ENXIO || fd == -ENODEV || fd == -ENOENT)
		return 0;
	if (fd < 0) {
		if (err)
			*err = why;
		return fd;
	}
	if (ioctl(fd, LOOP_CLR_FD, 0) < 0 && errno != ENXIO)
		return err_errno(err, errno, "detach '%s'", d->path);
	return 0;
}

int loop_detach(dev_t dev, ino_t ino, int64_t wait_ms, struct err *err)
{
	int64_t end_ms = clock_ms() + wait_ms, look_ms;
	struct err why;
	bool over = false;
	struct loop_device d;
	int r;

	for (;;) {
		int64_t pause_ms = 1;

		why = (struct err)ERR_INIT;
		r = loop_find(dev, ino, &d, &why);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			break;
		if (over)
			return err_set(err, EBUSY, "detach '%s': another "
				       "process has it mounted or open",
				       d.path);
		r = loop_clear(&d, &why);
		if (r < 0 && r != -EBUSY)
			break;
		/* With other openers CLR_FD only marks it; the last close
		 * (udev's blkid, mostly) lets it go. Its number may be
		 * another file's at once, so what has ours is looked for anew
		 * before long. */
		look_ms = clock_ms() + LOOP_LOOK_MS;
		look_ms = look_ms < end_ms ? look_ms : end_ms;
		while (r == 0 && !loop_is_gone(&d) && clock_ms() < look_ms) {
			sleep_ms(pause_ms);
			if (pause_ms < 32)
				pause_ms *= 2;
		}
		if (r == 0 && loop_is_gone(&d))
			continue; /* a second device may have the same file */
		over = clock_ms() >= end_ms;
		if (!over)
			sleep_ms(20);
	}
	if (err)
		*err = why;
	return r;
}

int loop_autoclear(const struct loop_device *d, bool on, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct loop_device now;
	int r;

	fd = loop_open_same(d, O_RDONLY, &now, err);
	if (fd < 0)
		return fd;
	r = loop_set_autoclear(fd, on);
	if (r < 0)
		return err_errno(err, -r, "%s autoclear of '%s'",
				 on ? "set" : "clear", d->path);
	return 0;
}

int loop_grow(const struct loop_device *d, uint64_t *size_bytes,
	      struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct loop_device now;
	int r;

	fd = loop_open_same(d, O_RDONLY, &now, err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, LOOP_SET_CAPACITY, 0) < 0)
		return err_errno(err, errno, "grow '%s' to its file", d->path);
	r = loop_read_status(fd, d->path, &now);
	if (r < 0)
		return err_errno(err, -r, "read back '%s'", d->path);
	if (size_bytes)
		*size_bytes = now.size_bytes;
	return 0;
}
