/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "core/host/mount.h"

/* ---- directories ---- */

int start_directory(const char *path, unsigned mode, struct err *err)
{
	AUTO(auto_free) char *copy = strdup(path);

	if (!copy)
		return err_oom(err);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_errno(err, errno, "make the directory '%s'",
					 copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the directory '%s'", copy);
	return 0;
}

/* Absolute, without touching it: a dead tree answers nothing. */
static char *absolute(const char *path, struct err *err)
{
	char here[PATH_MAX];
	char *out;
	size_t n;

	if (!path[0]) {
		err_set(err, EINVAL, "the mount point is an empty word: leave "
			"it out for /volumes");
		return NULL;
	}
	if (path[0] == '/') {
		out = strdup(path);
	} else if (!getcwd(here, sizeof(here))) {
		err_errno(err, errno, "find the working directory");
		return NULL;
	} else if (asprintf(&out, "%s/%s", here, path) < 0) {
		out = NULL;
	}
	if (!out) {
		err_oom(err);
		return NULL;
	}
	for (n = strlen(out); n > 1 && out[n - 1] == '/'; n--)
		out[n - 1] = '\0';
	return out;
}

/* A tree of ours at exactly that path: 1 if it lives, 0 if there is none. A
 * dead one is taken off, with what an earlier one left below it. */
static int leftover_remove(const char *path, struct err *err)
{
	for (int i = 0; i < 16; i++) {
		struct mount_table table;
		const struct mount_entry *e;
		struct statfs st;
		bool ours;

		if (mount_table_read(&table, err) < 0)
			return -err->num;
		e = mount_table_find(&table, path);
		ours = e && strcmp(e->fstype, "fuse.volfs") == 0;
		mount_table_done(&table);
		if (!ours)
			return 0;
		/* Not stat(): the kernel answers that for a dead one too. */
		if (statfs(path, &st) == 0)
			return 1;
		log_info("a tree without a daemon is at '%s': taken off",
			 path);
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_errno(err, errno, "take the dead tree off "
					 "'%s'", path);
	}
	return err_set(err, EBUSY, "'%s' is a stack of dead trees: umount them",
		       path);
}

char *start_mount_point(const char *path, struct err *err)
{
	AUTO(auto_free) char *at = absolute(path, err);
	char *real;
	int r;

	if (!at)
		return NULL;
	r = leftover_remove(at, err);
	if (r == 1)
		err_set(err, EBUSY, "another volfsd serves '%s' already: end it "
			"with 'volctl -t %s down', or choose another mount "
			"point", at, at);
	if (r != 0 || start_directory(at, 0755, err) < 0)
		return NULL;
	real = realpath(at, NULL);
	if (!real) {
		err_errno(err, errno, "look at the mount point '%s'", at);
		return NULL;
	}
	/* By way of a symlink the path was another one. */
	if (strcmp(real, at) != 0 && leftover_remove(real, err) != 0) {
		err_set(err, EBUSY, "another volfsd serves '%s' already", real);
		free(real);
		return NULL;
	}
	return real;
}

int start_check_place(const char *at, const char *dir, const char *what,
		      struct err *err)
{
	AUTO(auto_free) char *real = realpath(dir, NULL);
	size_t len = strlen(at);

	if (strcmp(at, "/") == 0)
		return err_set(err, EINVAL, "the tree at '/' would hide "
			       "everything: choose a directory of its own, "
			       "such as /volumes");
	if (!real)
		return err_errno(err, errno, "look at the %s '%s'", what, dir);
	if (strncmp(real, at, len) != 0 || (real[len] && real[len] != '/'))
		return 0;
	return err_set(err, EINVAL, "the tree at '%s' would hide the %s '%s': "
		       "choose a directory of its own, such as /volumes", at,
		       what, real);
}

/* ---- around ---- */

void start_warn_namespace(void)
{
	char ours[128], host[128];
	ssize_t n = readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1);
	ssize_t m = readlink("/proc/1/ns/mnt", host, sizeof(host) - 1);

	if (n <= 0 || m <= 0)
		return;
	if (n != m || memcmp(ours, host, (size_t)n) != 0)
		log_warn("volfsd runs in a mount namespace of its own: the tree "
			 "and what it mounts may not reach the host (under "
			 "systemd: none of PrivateTmp, ProtectSystem, "
			 "ProtectHome, PrivateDevices)");
}

/* One datagram: the protocol is that of sd_notify(3). */
static int notify_send(const char *path, const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	AUTO(auto_fd) int fd = -1;

	if (len < 2 || len >= sizeof(to.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return -EINVAL;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		   (const struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
	    0)
		return -errno;
	return 0;
}

void start_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char text[1024];
	va_list ap;
	int r;

	if (!path || !*path)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = notify_send(path, text);
	if (r < 0)
		log_warn("tell systemd at '%s' (NOTIFY_SOCKET) how volfsd is: "
			 "%s", path, strerror(-r));
}

void start_raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* ---- to the background ---- */

/* The child's one byte says that the tree answers; its end without one, that
 * it has said on standard error why not. */
static _Noreturn void parent_wait(int fd, pid_t child)
{
	char byte;
	ssize_t n;
	int status = 0;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
						       : 1);
}

int start_daemon(struct err *err)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		err_errno(err, errno, "make a pipe");
		return -1;
	}
	child = fork();
	if (child < 0) {
		err_errno(err, errno, "fork to the background");
		return -1;
	}
	if (child > 0) {
		close(ends[1]);
		parent_wait(ends[0], child);
	}
	close(ends[0]);
	setsid();
	return ends[1];
}

int start_daemon_ready(int fd, const char *log, struct err *err)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int r = 0;

	if (nothing < 0 || out < 0)
		r = err_errno(err, errno, "open the log '%s'", log);
	if (r == 0) {
		dup2(nothing, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		if (chdir("/") < 0)
			log_warn("go to /: %s", strerror(errno));
		if (write(fd, "", 1) != 1)
			log_warn("the starting process did not wait");
	}
	if (nothing >= 0)
		close(nothing);
	if (out >= 0)
		close(out);
	close(fd);
	return r;
}
