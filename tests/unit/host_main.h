/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TESTS_HOST_MAIN_H
#define VOLFS_TESTS_HOST_MAIN_H

/*
 * For tests of core/host: real loop devices in a directory of the test's own.
 * A test program is also its helpers' program, so main() is here; it calls
 * host_tests(). The tests run in a mount namespace of their own, which ends
 * with them; a watcher detaches what loop devices they left, also when they
 * were killed.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/call.h"
#include "base/clock.h"
#include "base/loop.h"
#include "core/host/device.h"
#include "core/host/filesystem.h"
#include "core/host/helper.h"
#include "core/host/mount.h"

static char host_dir[PATH_MAX / 4];
static bool host_ready;

static int host_tests(void);

#define NEED_HOST()                                                     \
	do {                                                            \
		if (!host_ready)                                        \
			skip();                                         \
	} while (0)

static inline struct call host_call(int64_t ms)
{
	return (struct call){ .deadline_ms = clock_ms() + ms, .token = "",
			      .job = "" };
}

/* 0, or the test ends with the sentence. */
#define assert_ok(call_, err_)                                          \
	do {                                                            \
		int r_ = (call_);                                       \
		if (r_ < 0)                                             \
			fail_msg("%s: %d %s", #call_, r_, (err_)->text); \
	} while (0)

#define assert_fails(want, call_, err_)                                 \
	do {                                                            \
		int r_ = (call_);                                       \
		if (r_ != -(want))                                      \
			fail_msg("%s: %d (%s), not %s", #call_, r_,     \
				 r_ < 0 ? (err_)->text : "success",     \
				 #want);                                \
		assert_int_equal((err_)->num, (want));                  \
	} while (0)

#define assert_says(err_, part)                                         \
	do {                                                            \
		if (!strstr((err_)->text, (part)))                      \
			fail_msg("'%s' does not say '%s'", (err_)->text, \
				 (part));                               \
	} while (0)

static inline char *host_path(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", host_dir, name) < 0)
		abort();
	return path;
}

/* A sparse image; the caller frees the path. */
static inline char *host_image(const char *name, uint64_t size)
{
	char *path = host_path(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	return path;
}

static inline void host_attach(const char *image, struct device *dev)
{
	struct device_identity id = { .image = (char *)image };
	struct call c = host_call(20000);
	struct err err = ERR_INIT;

	assert_ok(device_wait(&c, &id, 10000, dev, &err), &err);
}

static inline void host_detach(const char *image)
{
	struct device_identity id = { .image = (char *)image };
	struct call c = host_call(20000);
	struct err err = ERR_INIT;

	assert_ok(device_release(&c, &id, &err), &err);
}

/* Writes @len bytes at @at of a device or file. */
static inline void host_poke(const char *path, uint64_t at, const void *data,
			     size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)at), (ssize_t)len);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

/* Runs a program quietly. Return: its exit status. */
static inline int host_run(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) host_run((const char *const[]){ __VA_ARGS__, NULL })

/* --- the watcher --- */

static int host_clean_file(const char *path, const struct stat *st, int type,
			   struct FTW *where)
{
	if (type == FTW_F && S_ISREG(st->st_mode))
		loop_detach(st->st_dev, st->st_ino, 5000, NULL);
	return 0;
}

static void host_clean(void)
{
	AUTO(auto_free) char *journal = host_path("journal");

	/* A test of freezing that was killed itself. */
	freeze_recover(journal, NULL);
	nftw(host_dir, host_clean_file, 16, FTW_PHYS | FTW_MOUNT);
	execlp("rm", "rm", "-rf", "--one-file-system", host_dir, NULL);
	_exit(1);
}

static void host_watch(void)
{
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0 || fork() != 0) {
		/* The write end stays open to this process's end. */
		return;
	}
	setsid();
	signal(SIGPIPE, SIG_IGN);
	close(fds[1]);
	dup2(open("/dev/null", O_RDWR), 1);
	dup2(1, 2);
	while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
		;
	host_clean();
}

static void host_begin(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[sizeof(host_dir)];

	snprintf(path, sizeof(path), "%s/volfs-host-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (geteuid() != 0 || access("/dev/loop-control", R_OK | W_OK) != 0 ||
	    !mkdtemp(path) || !realpath(path, host_dir))
		return;
	host_watch();
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0)
		return;
	host_ready = true;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--host-helper") == 0)
		return helper_main(argc, argv);
	host_begin();
	return host_tests();
}

#endif
