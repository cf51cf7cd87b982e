/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p99 IDLE BUSY VOLUMES LIMIT_PERCENT: is reading slowed?
 *
 * IDLE and BUSY are the same service in two trees, one at rest and one whose
 * service is slow and being asked. In rounds that visit both, one after the
 * other, the time of stat() and of reading a whole status is taken. Of each
 * round the 99th percentile counts, of the rounds their median: one burst of
 * other work on the machine spoils a round, not the result.
 *
 * Exit status 0 where BUSY is within LIMIT_PERCENT of IDLE in both, else 1.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"

#define ROUNDS 41
#define SAMPLES 1000

static uint64_t number(const char *text)
{
	uint64_t n;

	if (parse_u64(text, strlen(text), &n, NULL) < 0) {
		fprintf(stderr, "p99: '%s' is not a number\n", text);
		exit(2);
	}
	return n;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void give_up(const char *path)
{
	fprintf(stderr, "p99: '%s': %s\n", path, strerror(errno));
	exit(1);
}

static int64_t time_stat(const char *path)
{
	struct stat st;
	int64_t begin = now_ns();

	if (stat(path, &st) < 0)
		give_up(path);
	return now_ns() - begin;
}

static int64_t time_read(const char *path)
{
	char text[65536];
	int64_t begin = now_ns();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, all = 0;

	if (fd < 0)
		give_up(path);
	while ((n = read(fd, text, sizeof(text))) > 0)
		all += n;
	if (n < 0 || all == 0)
		give_up(path);
	close(fd);
	return now_ns() - begin;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* One round in one tree: the 99th percentile of SAMPLES, nanoseconds. */
static int64_t round_p99(char **paths, uint64_t n_paths, unsigned *seed,
			 int64_t (*act)(const char *path))
{
	int64_t t[SAMPLES];

	for (int i = 0; i < SAMPLES; i++)
		t[i] = act(paths[(uint64_t)rand_r(seed) % n_paths]);
	qsort(t, SAMPLES, sizeof(t[0]), compare);
	return t[SAMPLES * 99 / 100];
}

static int64_t median(int64_t *t)
{
	qsort(t, ROUNDS, sizeof(t[0]), compare);
	return t[ROUNDS / 2];
}

/* The first @n volumes that the service lists; fewer are an error. */
static char **paths_of(const char *service, uint64_t n)
{
	char **paths = calloc(n, sizeof(*paths));
	DIR *d = opendir(service);
	struct dirent *e;
	uint64_t i = 0;

	if (!paths || !d)
		give_up(service);
	while (i < n && (e = readdir(d)))
		if (e->d_name[0] != '.' &&
		    asprintf(&paths[i++], "%s/%s/status", service,
			     e->d_name) < 0)
			give_up(service);
	closedir(d);
	if (i < n) {
		fprintf(stderr, "p99: '%s' has %llu volumes\n", service,
			(unsigned long long)i);
		exit(1);
	}
	return paths;
}

int main(int argc, char **argv)
{
	static int64_t (*const acts[])(const char *path) = { time_stat,
							     time_read };
	static const char *const names[] = { "stat", "read" };
	int64_t t[2][2][ROUNDS];        /* act, tree, round */
	uint64_t n, limit;
	unsigned seed = 1;
	char **paths[2];
	int worst = 0;

	if (argc != 5) {
		fputs("Usage: p99 IDLE BUSY VOLUMES LIMIT_PERCENT\n", stderr);
		return 2;
	}
	n = number(argv[3]);
	limit = number(argv[4]);
	paths[0] = paths_of(argv[1], n);
	paths[1] = paths_of(argv[2], n);
	for (int r = -1; r < ROUNDS; r++)       /* the first warms up */
		for (int tree = 0; tree < 2; tree++)
			for (int a = 0; a < 2; a++)
				t[a][tree][r < 0 ? 0 : r] = round_p99(
					paths[tree], n, &seed, acts[a]);
	for (int a = 0; a < 2; a++) {
		int64_t idle = median(t[a][0]), busy = median(t[a][1]);
		int percent = (int)(busy * 100 / (idle > 0 ? idle : 1));

		printf("%s: p99 idle %lld ns, busy %lld ns, %d%%\n", names[a],
		       (long long)idle, (long long)busy, percent);
		if (percent > worst)
			worst = percent;
	}
	return worst > (int)limit;
}
