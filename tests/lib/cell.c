/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell [-t SECONDS] COMMAND [ARGUMENT...]: runs a test in a cell of its own.
 *
 * A new directory (its path is in VOLFS_CELL), a mount namespace and a process
 * namespace. However the test ends, the kernel takes its processes and mounts
 * with it; a reaper that no signal to the test's group reaches then detaches
 * the loop devices on files below the directory, removes the control groups
 * that have its name (those of containers), and the directory. So nothing is
 * left behind by a test that is killed, this program included.
 *
 * Exit status: the command's; 77 where cells are not possible; 1 at the
 * time limit. The logs in the directory are shown unless it is 0 or 77.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

#define EXIT_SKIP 77
#define LOG_TAIL 16384
#define CLEAN_TRIES 100
#define CLEAN_PAUSE_US 100000

static char dir[4096];

/* ---- cleaning up ---- */

/* Loop devices on files below the directory. Return: how many there were. */
static int detach_loops(void)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int found = 0;

	while (d && (e = readdir(d))) {
		char path[512], file[4096] = "";
		int fd;
		ssize_t n;

		if (strncmp(e->d_name, "loop", 4))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
			 e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, file, sizeof(file) - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0 || strncmp(file, dir, strlen(dir)) ||
		    file[strlen(dir)] != '/')
			continue;
		found++;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			ioctl(fd, LOOP_CLR_FD);
			close(fd);
		}
	}
	if (d)
		closedir(d);
	return found;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	remove(path);
	return 0;
}

/* Control groups called as the directory is, of each hierarchy. Return: how
 * many are still there. */
static int remove_groups(void)
{
	static const char top[] = "/sys/fs/cgroup";
	DIR *d = opendir(top);
	struct dirent *e;
	struct stat st;
	int left = 0;

	while (d && (e = readdir(d))) {
		char path[4096];

		if (strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", top, e->d_name,
			 strrchr(dir, '/'));
		if (lstat(path, &st) < 0)
			continue;
		/* Their files go with them. */
		nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		left += lstat(path, &st) == 0;
	}
	if (d)
		closedir(d);
	return left;
}

/* The namespaces may take a moment to go, and their mounts with them. */
static int clean(void)
{
	struct stat st;
	int loops = 0, groups = 0;

	for (int i = 0; i < CLEAN_TRIES; i++) {
		loops = detach_loops();
		groups = remove_groups();
		if (!loops)
			nftw(dir, remove_one, 32,
			     FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (!loops && !groups && lstat(dir, &st) < 0)
			return 0;
		usleep(CLEAN_PAUSE_US);
	}
	fprintf(stderr, "left behind: '%s', %d loop devices on it, %d control "
		"groups of that name\n", dir, loops, groups);
	return 1;
}

/* Cleans when the pipe's other end is gone: the cell's parent has ended. */
static void reaper(int pipe_fd)
{
	char c;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Whoever reads the test's output shall not wait for us. */
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	while (read(pipe_fd, &c, 1) < 0 && errno == EINTR)
		;
	_exit(clean());
}

/* ---- the logs ---- */

static void show_tail(const char *path)
{
	static char text[LOG_TAIL];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (size > 0) {
		lseek(fd, size > LOG_TAIL ? size - LOG_TAIL : 0, SEEK_SET);
		n = read(fd, text, sizeof(text));
		printf("---- %s\n%.*s\n", path, n < 0 ? 0 : (int)n, text);
	}
	if (fd >= 0)
		close(fd);
}

static void show_logs(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		char path[8192];

		if (!dot || strcmp(dot, ".log"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		show_tail(path);
	}
	if (d)
		closedir(d);
	fflush(stdout);
}

/* ---- the cell ---- */

/* The first process of the namespace: reaps, and ends with the command. */
static void init(char **argv)
{
	pid_t command, gone;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0) {
		perror("cell");
		_exit(EXIT_SKIP);
	}
	command = fork();
	if (command == 0) {
		setpgid(0, 0);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	for (;;) {
		gone = waitpid(-1, &status, 0);
		if (gone == command)
			break;
		if (gone < 0 && errno != EINTR)
			_exit(1);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status)
				: 128 + WTERMSIG(status));
}

/* Waits for the cell's end, its time limit or a signal. */
static int watch(pid_t child, int timeout_s)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	sigset_t signals;
	int status = 1, n;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	p[0].fd = (int)syscall(SYS_pidfd_open, child, 0);
	p[1].fd = signalfd(-1, &signals, SFD_CLOEXEC);
	n = poll(p, 2, timeout_s * 1000);
	if (n == 0)
		printf("the time limit of %d s is over: the test is killed\n",
		       timeout_s);
	if (n <= 0 || !p[0].revents) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return n == 0 ? 1 : 130;
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

static int run(char **argv, int timeout_s)
{
	sigset_t signals;
	pid_t child;
	int alive[2], status;

	if (pipe2(alive, O_CLOEXEC) < 0)
		return 1;
	if (fork() == 0) {
		close(alive[1]);
		reaper(alive[0]);
	}
	close(alive[0]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (unshare(CLONE_NEWPID) < 0) {
		perror("cell");
		rmdir(dir);
		return EXIT_SKIP;
	}
	child = fork();
	if (child == 0) {
		close(alive[1]);
		init(argv);
	}
	sigprocmask(SIG_BLOCK, &signals, NULL);
	status = watch(child, timeout_s);
	if (status != 0 && status != EXIT_SKIP)
		show_logs();
	return clean() && status == 0 ? 1 : status;
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	uint64_t timeout_s = 120;
	int c;

	while ((c = getopt(argc, argv, "+t:")) != -1)
		if (c != 't' || parse_u64(optarg, strlen(optarg), &timeout_s,
					  NULL) < 0 || timeout_s > 86400)
			optind = argc;
	if (optind >= argc) {
		fputs("Usage: cell [-t SECONDS] COMMAND [ARGUMENT...]\n",
		      stderr);
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/volfs-test.XXXXXX",
		 tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	setenv("VOLFS_CELL", dir, 1);
	return run(argv + optind, (int)timeout_s);
}
