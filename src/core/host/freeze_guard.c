/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The process that freezes a file system and thaws it whatever happens: when
 * told so, when whoever asked is gone (the end of the socket that is its
 * standard input and output), or when the time is over. It is in a session of
 * its own and heeds no signal that can be ignored. While frozen it does
 * nothing but wait: no log, no file, no memory.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/host/commands.h"

/* Neither SIGTERM of a service that is stopped, nor a terminal's end, nor the
 * kernel's search for memory may end the guard. */
static void guard_harden(void)
{
	AUTO(auto_fd) int fd = -1;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGSEGV &&
		    sig != SIGBUS && sig != SIGILL && sig != SIGFPE &&
		    sig != SIGABRT)
			signal(sig, SIG_IGN);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "-1000", 5) < 0)
		(void)mlockall(MCL_CURRENT);
	else
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

/* True when whoever asked has gone. */
static bool guard_is_alone(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

enum guard_end { GUARD_TOLD, GUARD_ALONE, GUARD_LATE };

static enum guard_end guard_wait(int64_t end_ms)
{
	for (;;) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
		int64_t left_ms = end_ms - clock_ms();
		char word;
		ssize_t n;

		if (left_ms <= 0)
			return GUARD_LATE;
		if (poll(&p, 1, (int)left_ms) <= 0)
			continue;
		n = read(STDIN_FILENO, &word, 1);
		if (n == 1)
			return GUARD_TOLD;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return GUARD_ALONE;
	}
}

/* Thaws; EINVAL says that it is thawed already. */
static int thaw(int fd)
{
	while (ioctl(fd, FITHAW, 0) < 0) {
		struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

		if (errno == EINVAL)
			return -EINVAL;
		if (errno != EINTR && errno != EBUSY && errno != EAGAIN)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int guard_freeze(const char *path, int fd, struct err *err)
{
	/* The long part, while writers still go on. */
	if (syncfs(fd) < 0)
		return err_errno(err, errno, "write out '%s'", path);
	if (guard_is_alone())
		return err_set(err, ECANCELED, "nobody waits for the freeze");
	if (ioctl(fd, FIFREEZE, 0) == 0)
		return 0;
	if (errno == EBUSY)
		return err_set(err, EBUSY, "freeze '%s': somebody else has "
			       "frozen it (fsfreeze -u thaws it)", path);
	return err_errno(err, errno, "freeze '%s'", path);
}

static int guard_end(int fd, const char *path, enum guard_end how,
		     int64_t most_ms, struct err *err)
{
	int r = thaw(fd);

	if (r == -EINVAL || how == GUARD_LATE)
		return err_set(err, EBUSY, "the freeze of '%s' was over before "
			       "the work was (limit %lld ms): what was copied "
			       "is no single point in time", path,
			       (long long)most_ms);
	if (r < 0)
		return err_errno(err, -r, "thaw '%s'", path);
	return 0;
}

HELPER_COMMAND(command_freeze_guard)
{
	struct json_object *second;
	AUTO(auto_fd) int fd = -1;
	enum guard_end how;
	uint64_t most_ms;
	int r = word_u64(argv[1], &most_ms, err);

	guard_harden();
	fd = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = err_errno(err, errno, "open '%s'", argv[0]);
	second = json_object_new_object();
	if (r == 0 && !second)
		r = err_oom(err);
	if (r == 0)
		r = guard_freeze(argv[0], fd, err);
	helper_answer(STDOUT_FILENO, r, reply, err);
	if (r == 0) {
		how = guard_wait(clock_ms() + (int64_t)most_ms);
		r = guard_end(fd, argv[0], how, (int64_t)most_ms, err);
		helper_answer(STDOUT_FILENO, r, second, err);
	}
	json_object_put(second);
	return r;
}

/* Reaches a frozen file system that is mounted nowhere any more (umount -l, or
 * umount, leaves it alive and frozen): a mount that is attached to nothing. Not
 * where nobody holds the device: then there is nothing to thaw, and mounting
 * would replay a journal. */
static int thaw_unmounted(const char *device, const char *fstype,
			  struct err *err)
{
	AUTO(auto_fd) int exclusive = -1;
	AUTO(auto_fd) int fs = -1;
	AUTO(auto_fd) int mnt = -1;
	AUTO(auto_fd) int dir = -1;
	int r;

	exclusive = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (exclusive >= 0 || errno != EBUSY)
		return 0;
	fs = fsopen(fstype, FSOPEN_CLOEXEC);
	if (fs < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(err, errno, "reach the frozen '%s'", device);
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	dir = mnt < 0 ? -1 : openat(mnt, ".", O_RDONLY | O_DIRECTORY |
						      O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "reach the frozen '%s'", device);
	r = thaw(dir);
	if (r < 0 && r != -EINVAL)
		return err_errno(err, -r, "thaw '%s'", device);
	return 0;
}

/* argv: path ("" = mounted nowhere) device type devno */
HELPER_COMMAND(command_thaw)
{
	AUTO(auto_fd) int fd = -1;
	int r;

	if (!*argv[0])
		return thaw_unmounted(argv[1], argv[2], err);
	fd = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", argv[0]);
	r = thaw(fd);
	json_object_object_add(reply, "was_frozen",
			       json_object_new_boolean(r == 0));
	if (r < 0 && r != -EINVAL)
		return err_errno(err, -r, "thaw '%s'", argv[0]);
	return 0;
}
