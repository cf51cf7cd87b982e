/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as a whole: whether it answers, its start and its end. */

#include "tools/mount_volfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"

#define ANSWER_MS 10000
#define ANOTHER_MS 20000      /* somebody else's start that came first */

extern char **environ;

/* ---- does it answer? ---- */

/* The child's answer is its exit status: an errno, which is a byte. */
static _Noreturn void ask(const char *tree)
{
	char path[PATH_MAX], piece[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/.volfs/version", tree);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		_exit(errno & 0xff);
	n = read(fd, piece, sizeof(piece));
	_exit(n > 0 ? 0 : n < 0 ? errno & 0xff : EIO);
}

int tree_answers(const char *tree, int most_ms)
{
	int64_t deadline_ms = clock_ms() + most_ms;
	AUTO(auto_fd) int fd = -1;
	struct pollfd p = { .events = POLLIN };
	pid_t child = fork();
	int status = 0, r;

	if (child < 0)
		return -errno;
	if (child == 0)
		ask(tree);
	p.fd = fd = (int)syscall(SYS_pidfd_open, child, 0);
	do {
		int64_t left = deadline_ms - clock_ms();

		r = fd < 0 ? 0 : poll(&p, 1, left < 0 ? 0 : (int)left);
	} while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(child, SIGKILL);
	/* A killed child ends: what waits for a FUSE daemon is killable. */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (r <= 0)
		return -ETIMEDOUT;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

void tree_complain_down(const char *tree, int num)
{
	switch (-num) {
	case ENOENT:
	case ENOTDIR:
		complain("no volfs tree is at '%s': start it (systemctl start "
			 "volfs, or volfsd), or name another with -o tree=DIR; "
			 "a line of fstab needs 'nofail' or '_netdev', so that "
			 "it waits for volfs.service", tree);
		break;
	case ENOTCONN:
	case ECONNABORTED:
		complain("the daemon behind '%s' has ended: start volfsd again "
			 "(systemctl start volfs); what is mounted stays so",
			 tree);
		break;
	case ETIMEDOUT:
		complain("the daemon behind '%s' does not answer: look at its "
			 "log (journalctl -u volfs)", tree);
		break;
	default:
		complain("ask the tree at '%s': %s", tree, strerror(-num));
	}
}

/* ---- programs ---- */

/* The program that was built or installed with this one. */
static void program_path(const char *name, const char *installed, char *out,
			 size_t room)
{
	ssize_t n = readlink("/proc/self/exe", out, room - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		snprintf(slash + 1, room - (size_t)(slash + 1 - out), "%s",
			 name);
	if (!slash || access(out, X_OK) < 0)
		snprintf(out, room, "%s", installed);
}

/* Runs @argv to its end. Return: its exit status, or -errno. */
static int run_program(char *const *argv)
{
	pid_t child;
	int status, r;

	r = posix_spawn(&child, argv[0], NULL, NULL, argv, environ);
	if (r)
		return -r;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

/* ---- start ---- */

/* Another daemon has the run directory: it may be about to answer. */
static bool another_starts(const struct mount_request *q)
{
	AUTO(auto_fd) int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/volfsd.lock",
		 q->run ? q->run : "/run/volfs");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 &&
	       errno == EWOULDBLOCK;
}

static int tree_start(const struct mount_request *q)
{
	AUTO(auto_buf) struct buf words = BUF_INIT(2 * LINE_MAX_BYTES);
	const struct { const char *flag, *value; } options[] = {
		{ "--config", q->config }, { "--state", q->state },
		{ "--run", q->run }, { "--log-level", q->log_level },
	};
	char program[PATH_MAX];
	const char *argv[2 * ARRAY_SIZE(options) + 5];
	size_t n = 0;
	int r;

	program_path("volfsd", VOLFS_SBINDIR "/volfsd", program,
		     sizeof(program));
	argv[n++] = program;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (!options[i].value)
			continue;
		argv[n++] = options[i].flag;
		argv[n++] = options[i].value;
	}
	buf_printf(&words, "%s%s%s", buf_str(&q->kept),
		   q->kept.len && q->passed.len ? "," : "",
		   buf_str(&q->passed));
	if (words.len) {
		argv[n++] = "-o";
		argv[n++] = buf_str(&words);
	}
	argv[n++] = q->target;
	argv[n] = NULL;
	mount_say(q, "starting %s", program);
	r = run_program((char *const *)argv);
	if (r < 0)
		complain("run '%s': %s", program, strerror(-r));
	return r;
}

/* So that umount(8) asks umount.volfs, which takes the tree down in order. */
static int tree_note(const struct mount_request *q)
{
	int r = q->no_note ? 0 : mount_note_write(q->target, NULL,
						  buf_str(&q->noted));

	if (r == 0)
		return MOUNT_DONE;
	complain("the tree answers at '%s', but that could not be noted in "
		 "/run/mount (%s): take it down with volctl down", q->target,
		 strerror(-r));
	return MOUNT_NO_NOTE;
}

int tree_mount(struct mount_request *q)
{
	int r;

	if (q->remount) {
		complain("the options of a tree are those it was started with: "
			 "umount '%s' and mount it again", q->target);
		return MOUNT_USAGE;
	}
	r = tree_answers(q->target, ANSWER_MS);
	if (r == 0) {
		mount_say(q, "a tree answers at '%s' already", q->target);
		return MOUNT_DONE;
	}
	/* Dead or none: volfsd takes a dead one off. */
	if (r == -ETIMEDOUT) {
		tree_complain_down(q->target, r);
		return MOUNT_FAILED;
	}
	if (q->fake)
		return MOUNT_DONE;
	r = tree_start(q);
	if (r == 0)
		return tree_note(q);
	/* volfs.service, or another mount of this line, came first. */
	for (int64_t end = clock_ms() + ANOTHER_MS;
	     r == 1 && clock_ms() < end && another_starts(q);
	     poll(NULL, 0, 100)) {
		if (tree_answers(q->target, ANSWER_MS) != 0)
			continue;
		complain("another start came first, and its tree answers at "
			 "'%s'", q->target);
		return MOUNT_DONE;
	}
	return r == 2 ? MOUNT_USAGE : MOUNT_FAILED;
}

/* ---- end ---- */

int tree_umount(struct mount_request *q)
{
	char program[PATH_MAX];
	const char *argv[8];
	size_t n = 0;
	int r;

	r = q->lazy ? -ENOTCONN : tree_answers(q->target, ANSWER_MS);
	/* Without a daemon nothing is to be put in order; lazily, volumes stay
	 * mounted for the next start. */
	if (r != 0) {
		if (r == -ETIMEDOUT && !q->force) {
			tree_complain_down(q->target, r);
			return MOUNT_FAILED;
		}
		if (umount2(q->target, UMOUNT_NOFOLLOW |
			    (q->lazy ? MNT_DETACH : 0) |
			    (q->force ? MNT_FORCE : 0)) == 0) {
			if (!q->no_note)
				mount_note_remove(q->target);
			return MOUNT_DONE;
		}
		complain("umount '%s': %s%s", q->target, strerror(errno),
			 errno == EBUSY ? ": what is mounted below it goes "
			 "first, or take all of it off with umount -l" : "");
		return MOUNT_FAILED;
	}
	program_path("volctl", VOLFS_BINDIR "/volctl", program,
		     sizeof(program));
	argv[n++] = program;
	argv[n++] = "-q";
	argv[n++] = "-t";
	argv[n++] = q->target;
	argv[n++] = "down";
	if (q->force)
		argv[n++] = "--force";
	argv[n] = NULL;
	r = run_program((char *const *)argv);
	if (r < 0)
		complain("run '%s': %s", program, strerror(-r));
	if (r == 0 && !q->no_note)
		mount_note_remove(q->target);
	return r == 0 ? MOUNT_DONE : MOUNT_FAILED;
}
