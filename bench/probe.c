/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bench measures in a process of its own. Each prints one JSON value.
 *
 * probe stat|lstat|read ROUNDS CALLS LIST [LIST...]
 *	A LIST is a file of paths, one a line. A round visits each list in turn
 *	and makes CALLS calls over its paths: stat(), lstat(), or
 *	open+read+close. An array of nanoseconds a call for each list.
 * probe run ROUNDS COMMAND [ARGUMENT...] -- TARGET [TARGET...]
 *	A round runs the command once for each target, with "{}" in an argument
 *	replaced, its output thrown away. An array of nanoseconds for each
 *	target. A command that fails ends it.
 * probe crowd DIRECTORY PREFIX NUMBER LINE
 *	NUMBER threads at once, each: open DIRECTORY/PREFIX<i> for writing,
 *	write LINE, close. {"ns": until the last was back, "failed": how many,
 *	"errno": of the first that failed}.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

#define STACK_BYTES (64 * 1024)

extern char **environ;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "probe: '%s': %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text)
{
	uint64_t n;

	if (parse_u64(text, strlen(text), &n, NULL) < 0 || n == 0) {
		fprintf(stderr, "probe: '%s' is no number from 1 on\n", text);
		exit(2);
	}
	return n;
}

/* [[...], ...]: @rounds values of each of @n; value r of i at [i * rounds + r] */
static void print_rounds(const int64_t *ns, size_t n, uint64_t rounds)
{
	for (size_t i = 0; i < n; i++) {
		printf("%s[", i ? "," : "[");
		for (uint64_t r = 0; r < rounds; r++)
			printf("%s%lld", r ? "," : "",
			       (long long)ns[i * rounds + r]);
		putchar(']');
	}
	puts("]");
}

/* ---- calls ---- */

struct list {
	char **paths;
	size_t n;
};

static void list_read(const char *file, struct list *l)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0, paths = 0;

	if (!f)
		give_up(file);
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (l->n == paths) {
			paths = paths ? paths * 2 : 1024;
			l->paths = realloc(l->paths, paths * sizeof(char *));
			if (!l->paths)
				give_up(file);
		}
		l->paths[l->n++] = strdup(line);
	}
	free(line);
	fclose(f);
	if (!l->n) {
		errno = ENODATA;
		give_up(file);
	}
}

static void call_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		give_up(path);
}

static void call_lstat(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		give_up(path);
}

static void call_read(const char *path)
{
	static char text[128 * 1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text)) < 0)
		give_up(path);
	close(fd);
}

static int calls(const char *name, uint64_t rounds, uint64_t count,
		 char **files, size_t n)
{
	void (*call)(const char *path) = !strcmp(name, "stat") ? call_stat :
		!strcmp(name, "lstat") ? call_lstat : call_read;
	struct list *lists = calloc(n, sizeof(*lists));
	int64_t *ns = calloc(n * rounds, sizeof(*ns));

	if (!lists || !ns)
		give_up("memory");
	for (size_t i = 0; i < n; i++) {
		list_read(files[i], &lists[i]);
		for (size_t k = 0; k < lists[i].n; k++)
			call(lists[i].paths[k]); /* so that all are known */
	}
	for (uint64_t r = 0; r < rounds; r++) {
		for (size_t i = 0; i < n; i++) {
			int64_t began = now_ns();

			for (uint64_t c = 0; c < count; c++)
				call(lists[i].paths[c % lists[i].n]);
			ns[i * rounds + r] = (now_ns() - began) /
					     (int64_t)count;
		}
	}
	print_rounds(ns, n, rounds);
	return 0;
}

/* ---- commands ---- */

static int64_t run_once(char **argv, const char *target)
{
	posix_spawn_file_actions_t to;
	char *args[64] = { NULL };
	int status = 1;
	int64_t began;
	pid_t pid;

	for (size_t i = 0; argv[i] && i < ARRAY_SIZE(args) - 1; i++)
		args[i] = strcmp(argv[i], "{}") ? argv[i] :
			  (char *)(uintptr_t)target;
	posix_spawn_file_actions_init(&to);
	posix_spawn_file_actions_addopen(&to, 1, "/dev/null", O_WRONLY, 0);
	began = now_ns();
	errno = posix_spawnp(&pid, args[0], &to, NULL, args, environ);
	if (errno)
		give_up(args[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	began = now_ns() - began;
	posix_spawn_file_actions_destroy(&to);
	if (status) {
		fprintf(stderr, "probe: '%s' on '%s' failed\n", args[0],
			target);
		exit(1);
	}
	return began;
}

static int run(uint64_t rounds, char **argv)
{
	char **targets = argv;
	size_t n = 0;
	int64_t *ns;

	while (*targets && strcmp(*targets, "--"))
		targets++;
	if (!*targets || !targets[1])
		return 2;
	*targets++ = NULL;
	while (targets[n])
		n++;
	ns = calloc(n * rounds, sizeof(*ns));
	if (!ns)
		give_up("memory");
	for (uint64_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < n; i++)
			ns[i * rounds + r] = run_once(argv, targets[i]);
	print_rounds(ns, n, rounds);
	return 0;
}

/* ---- a crowd of writers ---- */

static struct {
	const char *directory, *prefix, *line;
	pthread_barrier_t start;
	_Atomic unsigned failed;
	_Atomic int first;
} crowd;

static void *crowd_member(void *arg)
{
	size_t len = strlen(crowd.line);
	char path[4096];
	int fd, none = 0;

	snprintf(path, sizeof(path), "%s/%s%zu", crowd.directory, crowd.prefix,
		 (size_t)(uintptr_t)arg);
	pthread_barrier_wait(&crowd.start);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, crowd.line, len) != (ssize_t)len) {
		atomic_compare_exchange_strong(&crowd.first, &none, errno);
		atomic_fetch_add(&crowd.failed, 1);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int crowd_run(char **argv)
{
	uint64_t n = number(argv[2]);
	pthread_t *threads = calloc(n, sizeof(*threads));
	pthread_attr_t attr;
	int64_t began;

	crowd.directory = argv[0];
	crowd.prefix = argv[1];
	crowd.line = argv[3];
	pthread_barrier_init(&crowd.start, NULL, (unsigned)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (uint64_t i = 0; i < n; i++) {
		errno = !threads ? ENOMEM :
			pthread_create(&threads[i], &attr, crowd_member,
				       (void *)(uintptr_t)i);
		if (errno)
			give_up("thread");
	}
	pthread_barrier_wait(&crowd.start);
	began = now_ns();
	for (uint64_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("{\"ns\":%lld,\"failed\":%u,\"errno\":%d}\n",
	       (long long)(now_ns() - began), crowd.failed, crowd.first);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc > 4 && (!strcmp(what, "stat") || !strcmp(what, "lstat") ||
			 !strcmp(what, "read")))
		return calls(what, number(argv[2]), number(argv[3]), argv + 4,
			     (size_t)argc - 4);
	if (argc > 4 && !strcmp(what, "run"))
		return run(number(argv[2]), argv + 3);
	if (argc == 6 && !strcmp(what, "crowd"))
		return crowd_run(argv + 2);
	fputs("Usage: probe stat|lstat|read ROUNDS CALLS LIST...\n"
	      "       probe run ROUNDS COMMAND... -- TARGET...\n"
	      "       probe crowd DIRECTORY PREFIX NUMBER LINE\n", stderr);
	return 2;
}
