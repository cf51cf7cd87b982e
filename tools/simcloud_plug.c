/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real disks: a program of the configuration makes a volume's image a disk of
 * this machine, with a serial that the cloud chooses.
 *
 *	PROGRAM plug ID SERIAL IMAGE    a disk with that serial appears
 *	PROGRAM grow ID SERIAL IMAGE    the image grew, so does the disk
 *	PROGRAM pull ID SERIAL          it goes, used or not
 *
 * What is so already is success. The disk may appear later than the program
 * ends. Exit status 0, else it failed; what it says goes to the log.
 *
 * A file plugged/ID is there from before a plug to after the pull: so that
 * the next process knows what the last one left.
 */
#include "tools/simcloud.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The cloud's lock is held meanwhile. */
#define PROGRAM_MS 60000

extern char **environ;

/* NVMe has room for 20 bytes (NVM Express base specification, SN). */
void plug_serial(const char *id, char *out, size_t room)
{
	size_t n = 0;

	for (; *id && n < room - 1; id++)
		if (*id != '-')
			out[n++] = *id;
	out[n] = '\0';
}

static int await(pid_t pid, const char *program, struct err *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int status = 0, r;

	do
		r = poll(&p, 1, PROGRAM_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	if (r == 0)
		return err_set(err, ETIMEDOUT, "'%s' did not end within %d s",
			       program, PROGRAM_MS / 1000);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(err, EIO, "'%s' failed", program);
	return 0;
}

static int run(struct cloud *s, const char *act, const char *id,
	       const char *image, struct err *err)
{
	char serial[32];
	const char *argv[] = { s->plug, act, id, serial, image, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int r;

	plug_serial(id, serial, sizeof(serial));
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(&pid, s->plug, NULL, &attr, (char *const *)argv,
			environ);
	posix_spawnattr_destroy(&attr);
	if (r)
		return err_errno(err, r, "starting '%s'", s->plug);
	return await(pid, s->plug, err);
}

/* ---- what is plugged ---- */

static void note_path(struct cloud *s, const char *id, char *out, size_t room)
{
	snprintf(out, room, "plugged/%.120s", id);
}

bool plug_is_noted(struct cloud *s, const char *id)
{
	char path[160];

	note_path(s, id, path, sizeof(path));
	return faccessat(s->dir_fd, path, F_OK, 0) == 0;
}

int plug_disk(struct cloud *s, const struct disk *d, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	char path[160];

	note_path(s, d->id, path, sizeof(path));
	fd = openat(s->dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "making '%s/%s'", s->dir, path);
	return run(s, "plug", d->id, d->path, err);
}

int plug_grow(struct cloud *s, const struct disk *d, struct err *err)
{
	return run(s, "grow", d->id, d->path, err);
}

int plug_pull(struct cloud *s, const char *id, struct err *err)
{
	char path[160];
	int r;

	note_path(s, id, path, sizeof(path));
	r = run(s, "pull", id, NULL, err);
	if (r == 0 && unlinkat(s->dir_fd, path, 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "removing '%s/%s'", s->dir, path);
	return r;
}

int plug_pull_all(struct cloud *s, bool (*keep)(struct cloud *s,
						const char *id),
		  struct err *err)
{
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *e;
	int r = 0;
	int fd = openat(s->dir_fd, "plugged",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && !(keep && keep(s, e->d_name)) &&
		    plug_pull(s, e->d_name, err) < 0)
			r = -1;
	return r;
}

/* ---- which program ---- */

int plug_load(struct cloud *s, const char *given, struct err *err)
{
	AUTO(auto_fd) int fd = openat(s->dir_fd, "plug",
				      O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return err_errno(err, errno, "making '%s/plug'", s->dir);
	if (!given) {
		n = read(fd, s->plug, sizeof(s->plug) - 1);
		s->plug[n > 0 ? n : 0] = '\0';
		return 0;
	}
	if (*given && *given != '/')
		return err_set(err, EINVAL, "'%s' is not the whole path of a "
			       "program", given);
	if (strlen(given) >= sizeof(s->plug))
		return err_set(err, ENAMETOOLONG, "'%s'", given);
	n = (ssize_t)strlen(given);
	/* The one of before knows how to pull what it has plugged. */
	memset(s->plug, 0, sizeof(s->plug));
	if (read(fd, s->plug, sizeof(s->plug) - 1) > 0 &&
	    strcmp(s->plug, given) != 0)
		plug_pull_all(s, NULL, NULL);
	snprintf(s->plug, sizeof(s->plug), "%s", given);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, given, (size_t)n, 0) != n)
		return err_errno(err, errno, "writing '%s/plug'", s->dir);
	return 0;
}
