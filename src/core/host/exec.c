/* SPDX-License-Identifier: Apache-2.0 */

/* Other programs (mkfs, e2fsck, xfs_growfs), run from within a helper. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/host/commands.h"

extern char **environ;

/* Set by SIGTERM: the caller of this helper does not wait any more. */
static volatile sig_atomic_t stop_asked;

static void stop_handler(int sig)
{
	stop_asked = 1;
}

void helper_heed_stop(void)
{
	struct sigaction action = { .sa_handler = stop_handler };

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
}

static const char *tool_path(void)
{
#ifdef VOLFS_FAULT_POINTS
	const char *path = getenv("VOLFS_TOOL_PATH");

	if (path && *path)
		return path;
#endif
	return "/usr/sbin:/sbin:/usr/bin:/bin";
}

int tool_find(const char *name, char *path, size_t room, struct err *err)
{
	const char *dir = tool_path();

	while (*dir) {
		size_t len = strcspn(dir, ":");

		if ((size_t)snprintf(path, room, "%.*s/%s", (int)len, dir,
				     name) < room && access(path, X_OK) == 0)
			return 0;
		dir += len;
		if (*dir == ':')
			dir++;
	}
	return err_set(err, ENOENT, "the program '%s' is not installed "
		       "(looked in %s)", name, tool_path());
}

/* The last bytes of what a program said, as one line. */
struct tail {
	char text[2048 + 1];
	size_t len;
};

static void tail_append(struct tail *t, const char *data, size_t n)
{
	const size_t room = sizeof(t->text) - 1;

	if (n > room) {
		data += n - room;
		n = room;
	}
	if (t->len + n > room) {
		size_t drop = t->len + n - room;

		memmove(t->text, t->text + drop, t->len - drop);
		t->len -= drop;
	}
	memcpy(t->text + t->len, data, n);
	t->len += n;
	t->text[t->len] = 0;
}

/* Newlines become "; " so that it fits in a sentence. */
static void tail_to_line(const struct tail *t, char *out, size_t room)
{
	size_t i, n = 0;
	bool gap = false;

	for (i = 0; i < t->len && n + 3 < room; i++) {
		unsigned char c = (unsigned char)t->text[i];

		if (c == '\n' || c == '\r') {
			gap = n > 0;
			continue;
		}
		if (gap) {
			out[n++] = ';';
			out[n++] = ' ';
			gap = false;
		}
		out[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
	if (room)
		out[n < room ? n : room - 1] = 0;
}

static int exec_start(const char *path, const char *const *argv, int output,
		      pid_t *pid)
{
	posix_spawn_file_actions_t files;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY,
					     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, output, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, output, 2);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	/* It stays in our process group: whoever kills us kills it too. */
	if (r == 0)
		r = posix_spawn(pid, path, &files, NULL, (char *const *)argv,
				environ);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* Reads what @pid says until it ends. 0, -ETIMEDOUT or -ECANCELED. */
static int exec_follow(int from, pid_t pid, int64_t end_ms, struct tail *tail)
{
	AUTO(auto_fd) int ended = pidfd_open(pid, 0);

	if (ended < 0)
		return -errno;
	for (;;) {
		struct pollfd p[2] = { { .fd = from, .events = POLLIN },
				       { .fd = ended, .events = POLLIN } };
		int64_t left_ms = end_ms - clock_ms();
		char piece[1024];
		ssize_t n = 0;

		if (stop_asked)
			return -ECANCELED;
		if (left_ms <= 0)
			return -ETIMEDOUT;
		/* SIGTERM between the look above and poll(): 1 s late. */
		if (poll(p, 2, left_ms < 1000 ? (int)left_ms : 1000) <= 0)
			continue;
		if (p[0].revents)
			n = read(from, piece, sizeof(piece));
		if (n > 0)
			tail_append(tail, piece, (size_t)n);
		else if (p[1].revents)
			return 0;
		else if (n == 0 && p[0].revents)
			from = -1; /* it closed them and goes on */
	}
}

int helper_exec(const char *const *argv, int64_t most_ms, char *output,
		size_t output_room, struct err *err)
{
	AUTO(auto_fd) int from = -1;
	struct tail tail = { .len = 0 };
	char path[256], said[400];
	int fds[2], status, r;
	pid_t pid;

	r = tool_find(argv[0], path, sizeof(path), err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "run '%s'", argv[0]);
	from = fds[0];
	r = exec_start(path, argv, fds[1], &pid);
	close(fds[1]);
	if (r < 0)
		return err_errno(err, -r, "run '%s'", path);
	r = exec_follow(from, pid, clock_ms() + most_ms, &tail);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (output)
		snprintf(output, output_room, "%s", tail.text);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "'%s' did not end within "
			       "%lld s", argv[0], (long long)(most_ms / 1000));
	if (r < 0)
		return err_errno(err, -r, "run '%s'", argv[0]);
	tail_to_line(&tail, said, sizeof(said));
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "'%s' was killed by signal %d: %s",
			       argv[0], WTERMSIG(status), said);
	r = WEXITSTATUS(status);
	if (r != 0)
		err_set(err, EIO, "'%s' ended with status %d: %s", argv[0], r,
			said);
	return r;
}
