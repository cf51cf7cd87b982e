/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#define LOCK_MS 3000
#define LOCK_NAME "volfs.lock"
#define DATABASE_NAME "volfs.db"
#define RESERVE_NAME "reserve"

int store_dir_open(struct store *st, const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the state directory '%s'",
				 dir);
	/* An absolute path: the daemon changes its directory later. */
	st->dir = realpath(dir, NULL);
	if (!st->dir)
		return err_errno(err, errno, "open the state directory '%s'",
				 dir);
	if (asprintf(&st->path, "%s/" DATABASE_NAME, st->dir) < 0) {
		st->path = NULL;
		return err_oom(err);
	}
	st->dir_fd = open(st->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->dir_fd < 0)
		return err_errno(err, errno, "open the state directory '%s'",
				 dir);
	return 0;
}

static int lock_refused(struct store *st, int fd, struct err *err)
{
	char text[32] = "";
	uint64_t pid;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len > 0 && parse_u64(text, strcspn(text, " \n"), &pid, NULL) == 0)
		return err_set(err, EBUSY,
			       "the state directory '%s' is in use by process %"
			       PRIu64
			       ": stop that daemon, or give this one a directory of its own with --state",
			       st->dir, pid);
	return err_set(err, EBUSY,
		       "the state directory '%s' is in use by another daemon: stop it, or give this one a directory of its own with --state",
		       st->dir);
}

int store_dir_lock(struct store *st, struct err *err)
{
	AUTO(auto_fd) int fd = openat(st->dir_fd, LOCK_NAME,
				      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				      0600);
	char text[32];
	int len, r;

	if (fd < 0)
		return err_errno(err, errno, "open '%s/" LOCK_NAME "'",
				 st->dir);
	/* A child that a killed daemon was just starting has it a moment
	 * longer. */
	r = file_lock(fd, LOCK_MS);
	if (r == -EWOULDBLOCK)
		return lock_refused(st, fd, err);
	if (r < 0)
		return err_errno(err, -r, "lock '%s/" LOCK_NAME "'", st->dir);
	/* Of fixed width, written in place: works on a full disk too, where
	 * the file is there already. The lock counts, the text only informs,
	 * so a failure here is none of the caller's. */
	len = snprintf(text, sizeof(text), "%-11ld\n", (long)getpid());
	if (pwrite(fd, text, (size_t)len, 0) != len)
		errno = 0;
	st->lock_fd = STEAL_FD(fd);
	return 0;
}

/* SQLite would make it as the umask has it; -wal and -shm take its mode. */
int store_file_create(struct store *st, struct err *err)
{
	AUTO(auto_fd) int fd = openat(st->dir_fd, DATABASE_NAME,
				      O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, errno, "open '%s'", st->path);
	if (fsync(st->dir_fd) < 0)
		return err_errno(err, errno, "sync '%s'", st->dir);
	return 0;
}

/* True while the path leads to the file that was opened: what is written to
 * one that was deleted or replaced would be lost with this process. */
bool store_file_is_ours(struct store *st)
{
	struct stat s;

	return fstatat(st->dir_fd, DATABASE_NAME, &s, 0) == 0 &&
	       s.st_dev == st->dev && s.st_ino == st->ino;
}

/* "volfs.db.damaged-20261121T040643Z", or with "-2" ... if that exists. */
static int aside_name(struct store *st, char *out, size_t room)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (int n = 1; n < 1000; n++) {
		char more[16] = "";

		if (n > 1)
			snprintf(more, sizeof(more), "-%d", n);
		snprintf(out, room, DATABASE_NAME ".damaged-%s%s", stamp,
			 more);
		if (faccessat(st->dir_fd, out, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : -errno;
	}
	return -EEXIST;
}

int store_move_aside(struct store *st, char **moved_to, struct err *err)
{
	/* The log goes first: left behind after a crash in between, it would
	 * be played into the new database. */
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	char to[96];
	int r = aside_name(st, to, sizeof(to));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(suffixes); i++) {
		char from[32], target[112];

		snprintf(from, sizeof(from), DATABASE_NAME "%s", suffixes[i]);
		snprintf(target, sizeof(target), "%s%s", to, suffixes[i]);
		if (renameat(st->dir_fd, from, st->dir_fd, target) < 0 &&
		    errno != ENOENT)
			r = -errno;
	}
	if (r == 0 && fsync(st->dir_fd) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, -r, "move the damaged '%s' aside",
				 st->path);
	free(*moved_to);
	if (asprintf(moved_to, "%s/%s", st->dir, to) < 0) {
		*moved_to = NULL;
		return err_oom(err);
	}
	return 0;
}

/* ---- the reserve ---- */

static uint64_t free_bytes(struct store *st)
{
	struct statvfs v;

	if (fstatvfs(st->dir_fd, &v) < 0)
		return UINT64_MAX;
	return (uint64_t)v.f_frsize *
	       (geteuid() == 0 ? v.f_bfree : v.f_bavail);
}

static bool reserve_is_whole(struct store *st)
{
	struct stat s;

	return fstatat(st->dir_fd, RESERVE_NAME, &s, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       S_ISREG(s.st_mode) && s.st_size >= STORE_RESERVE_BYTES &&
	       (uint64_t)s.st_blocks * 512 >= STORE_RESERVE_BYTES;
}

void store_reserve_make(struct store *st)
{
	AUTO(auto_fd) int fd = -1;

	st->reserve_tried_ms = clock_ms();
	st->reserve_held = reserve_is_whole(st);
	/* As much again must be left, else the first commit after it would
	 * find the disk full. */
	if (!st->reserve_held && free_bytes(st) >= 2 * STORE_RESERVE_BYTES) {
		unlinkat(st->dir_fd, RESERVE_NAME, 0);
		fd = openat(st->dir_fd, RESERVE_NAME,
			    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		st->reserve_held = fd >= 0 &&
			posix_fallocate(fd, 0, STORE_RESERVE_BYTES) == 0;
		if (fd >= 0 && !st->reserve_held)
			unlinkat(st->dir_fd, RESERVE_NAME, 0);
	}
	if (st->reserve_held)
		st->reserve_released = false;
}

bool store_reserve_release(struct store *st)
{
	struct stat s;

	st->reserve_held = false;
	if (fstatat(st->dir_fd, RESERVE_NAME, &s, AT_SYMLINK_NOFOLLOW) < 0 ||
	    unlinkat(st->dir_fd, RESERVE_NAME, 0) < 0)
		return false;
	st->reserve_released = true;
	/* Not at once again: what is free now is meant to be used. */
	st->reserve_tried_ms = clock_ms();
	return true;
}

bool store_has_room(struct store *st)
{
	return !st->reserve_released || free_bytes(st) >= STORE_RESERVE_BYTES;
}
