/* SPDX-License-Identifier: Apache-2.0 */

/* The store on good days: values, batches, prefixes, many at once, numbers,
 * and what is left after SIGKILL. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tests/unit/store_place.h"

/* ---- reading and writing ---- */

static void test_values(void **state)
{
	struct place *p = *state;
	AUTO(auto_buf) struct buf out = BUF_INIT(4096);
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	static const char odd[] = "a\0b\0\0\xff";

	assert_string_equal(store_state(st), "ok");
	check_value(st, "k", NULL);
	put_ok(st, "k", "one");
	check_value(st, "k", "one");
	put_ok(st, "k", "two");
	check_value(st, "k", "two");
	put_ok(st, "empty", "");
	check_value(st, "empty", "");
	assert_int_equal(put(st, "odd", odd, sizeof(odd), &err), 0);
	assert_int_equal(store_get(st, "b", "odd", &out, &err), 0);
	assert_int_equal(out.len, sizeof(odd));
	assert_memory_equal(out.data, odd, sizeof(odd));
	assert_int_equal(store_get(st, "other", "k", &out, &err), -ENOENT);
	store_close(st);
	st = open_ok(p->dir);
	check_value(st, "k", "two");
	assert_int_equal(store_get(st, "b", "odd", &out, &err), 0);
	assert_memory_equal(out.data, odd, sizeof(odd));
	store_close(st);
	store_close(NULL);
}

static void test_batches(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct store_batch *b = store_batch_new();
	struct err err = ERR_INIT;

	store_batch_put(b, "b", "x", "1", 1);
	store_batch_put(b, "b", "y", "1", 1);
	store_batch_delete(b, "b", "x");
	store_batch_delete(b, "b", "was never there");
	store_batch_put(b, "c", "x", "1", 1);
	assert_int_equal(store_commit(st, b, &err), 0);
	check_value(st, "x", NULL);
	check_value(st, "y", "1");
	assert_int_equal(store_commit(st, store_batch_new(), &err), 0);

	store_batch_put(NULL, "b", "k", "v", 1);
	store_batch_delete(NULL, "b", "k");
	store_batch_delete_prefix(NULL, "b", "k");
	store_batch_urgent(NULL);
	assert_int_equal(store_commit(st, NULL, &err), -ENOMEM);
	store_batch_free(NULL);
	b = store_batch_new();
	store_batch_put(b, "b", "k", "v", 1);
	store_batch_free(b);
	check_value(st, "k", NULL);
	store_close(st);
}

static int collect(void *arg, const char *key, const char *value, size_t len)
{
	struct buf *out = arg;

	buf_printf(out, "%s=%.*s;", key, (int)len, value);
	return 0;
}

static int stop_at_second(void *arg, const char *key, const char *value,
			  size_t len)
{
	int *n = arg;

	return ++*n == 2 ? 77 : 0;
}

static void check_rows(struct store *st, const char *prefix, const char *want)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(65536);
	struct err err = ERR_INIT;

	assert_int_equal(store_each(st, "b", prefix, collect, &out, &err), 0);
	assert_string_equal(buf_str(&out), want);
}

static void delete_prefix(struct store *st, const char *prefix)
{
	struct store_batch *b = store_batch_new();
	struct err err = ERR_INIT;

	store_batch_delete_prefix(b, "b", prefix);
	assert_int_equal(store_commit(st, b, &err), 0);
}

static void test_prefixes(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct store_batch *b = store_batch_new();
	struct err err = ERR_INIT;
	static const char *const keys[] = {
		"z", "a/2", "a/1", "a", "a0", "a\xff", "a\xff\xff.", "A/1",
		"a%", "a_", "\xff", "\xff\xff", "\x01", "", "b'\"\n", "a/\xc3",
	};
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		store_batch_put(b, "b", keys[i], "", 0);
	store_batch_put(b, "c", "a/3", "", 0);
	assert_int_equal(store_commit(st, b, &err), 0);
	check_rows(st, "", "=;\x01=;A/1=;a=;a%=;a/1=;a/2=;a/\xc3=;a0=;a_=;"
			   "a\xff=;a\xff\xff.=;b'\"\n=;z=;\xff=;\xff\xff=;");
	check_rows(st, "a/", "a/1=;a/2=;a/\xc3=;");
	check_rows(st, "a%", "a%=;");
	check_rows(st, "a\xff", "a\xff=;a\xff\xff.=;");
	check_rows(st, "\xff", "\xff=;\xff\xff=;");
	check_rows(st, "nothing", "");
	assert_int_equal(store_each(st, "b", "a", stop_at_second, &n, &err),
			 77);
	assert_int_equal(n, 2);
	delete_prefix(st, "a/");
	check_rows(st, "a", "a=;a%=;a0=;a_=;a\xff=;a\xff\xff.=;");
	delete_prefix(st, "a\xff");
	check_rows(st, "a", "a=;a%=;a0=;a_=;");
	delete_prefix(st, "\xff");
	check_rows(st, "b", "b'\"\n=;");
	check_rows(st, "\xff", "");
	delete_prefix(st, "");
	check_rows(st, "", "");
	assert_int_equal(store_each(st, "c", "", stop_at_second, &n, &err), 0);
	assert_int_equal(n, 3);
	store_close(st);
}

struct nest {
	struct store *st;
	int rows;
};

/* Reads and writes in the middle of a walk: it sees what was there before. */
static int nested(void *arg, const char *key, const char *value, size_t len)
{
	struct nest *n = arg;
	char other[32];

	n->rows++;
	check_value(n->st, key, "v");
	snprintf(other, sizeof(other), "%s-more", key);
	put_ok(n->st, other, "v");
	return 0;
}

static void test_nested(void **state)
{
	struct place *p = *state;
	struct nest n = { .st = open_ok(p->dir) };
	struct err err = ERR_INIT;

	put_ok(n.st, "1", "v");
	put_ok(n.st, "2", "v");
	put_ok(n.st, "3", "v");
	assert_int_equal(store_each(n.st, "b", "", nested, &n, &err), 0);
	assert_int_equal(n.rows, 3);
	check_rows(n.st, "", "1=v;1-more=v;2=v;2-more=v;3=v;3-more=v;");
	store_close(n.st);
}

static void check_mode(const char *dir, const char *name, mode_t want)
{
	char path[160];
	struct stat s;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 07777, want);
}

static void test_modes(void **state)
{
	struct place *p = *state;
	mode_t old = umask(0);
	struct store *st = open_ok(p->dir);
	char path[160];

	put_ok(st, "k", "v");
	umask(old);
	check_mode(p->dir, ".", 0700);
	check_mode(p->dir, "volfs.db", 0600);
	check_mode(p->dir, "volfs.db-wal", 0600);
	check_mode(p->dir, "volfs.db-shm", 0600);
	check_mode(p->dir, "volfs.lock", 0600);
	check_mode(p->dir, "reserve", 0600);
	store_close(st);
	snprintf(path, sizeof(path), "%s/volfs.db-wal", p->dir);
	assert_int_equal(access(path, F_OK), -1);
}

/* ---- many at once ---- */

#define THREADS 64
#define COMMITS 20

struct worker {
	pthread_t thread;
	struct store *st;
	int id, result;
	bool bad;
};

static void *worker_commit(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < COMMITS && w->result == 0; i++) {
		struct store_batch *b = store_batch_new();
		struct err err = ERR_INIT;
		char key[32];

		snprintf(key, sizeof(key), "%02d-%03d", w->id, i);
		store_batch_put(b, "b", key, "v", 1);
		w->result = store_commit(w->st, b, &err);
	}
	return NULL;
}

static int count(void *arg, const char *key, const char *value, size_t len)
{
	++*(int *)arg;
	return 0;
}

static void test_group_commit(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct worker workers[THREADS] = { 0 };
	struct err err = ERR_INIT;
	int rows = 0;
	uint64_t transactions;

	for (int i = 0; i < THREADS; i++) {
		workers[i].st = st;
		workers[i].id = i;
		pthread_create(&workers[i].thread, NULL, worker_commit,
			       &workers[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].result, 0);
	}
	transactions = st->transactions;
	print_message("%d commits in %ju transactions\n", THREADS * COMMITS,
		      (uintmax_t)transactions);
	assert_true(transactions < THREADS * COMMITS);
	assert_int_equal(store_each(st, "b", "", count, &rows, &err), 0);
	assert_int_equal(rows, THREADS * COMMITS);
	store_close(st);
}

static void *worker_one(void *arg)
{
	struct worker *w = arg;
	struct store_batch *b = store_batch_new();
	struct err err = ERR_INIT;
	AUTO(auto_free) char *big = NULL;
	char key[32];

	snprintf(key, sizeof(key), "%02d", w->id);
	store_batch_put(b, "b", key, "v", 1);
	if (w->bad) {
		big = calloc(1, STORE_VALUE_MAX + 1);
		store_batch_put(b, "b", "big", big, STORE_VALUE_MAX + 1);
	}
	w->result = store_commit(w->st, b, &err);
	return NULL;
}

static void calls_wait(struct store *st, unsigned int n)
{
	for (;;) {
		unsigned int calls;

		pthread_mutex_lock(&st->lock);
		calls = st->calls;
		pthread_mutex_unlock(&st->lock);
		if (calls >= n)
			return;
		usleep(1000);
	}
}

/* All wait at once, one of them with what cannot be stored. */
static void test_bad_batch(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct worker workers[12] = { 0 };
	sqlite3 *db = foreign_lock(p->dir, "BEGIN IMMEDIATE");

	for (int i = 0; i < 12; i++) {
		workers[i].st = st;
		workers[i].id = i;
		workers[i].bad = i == 6;
		pthread_create(&workers[i].thread, NULL, worker_one,
			       &workers[i]);
	}
	calls_wait(st, 12);
	foreign_unlock(db);
	for (int i = 0; i < 12; i++) {
		char key[32];

		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].result, i == 6 ? -E2BIG : 0);
		snprintf(key, sizeof(key), "%02d", i);
		check_value(st, key, i == 6 ? NULL : "v");
	}
	check_value(st, "big", NULL);
	assert_string_equal(store_state(st), "ok");
	store_close(st);
}

static void *closer(void *arg)
{
	store_close(arg);
	return NULL;
}

static void test_close_pending(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct worker workers[8] = { 0 };
	pthread_t closing;
	sqlite3 *db = foreign_lock(p->dir, "BEGIN IMMEDIATE");

	for (int i = 0; i < 8; i++) {
		workers[i].st = st;
		workers[i].id = i;
		pthread_create(&workers[i].thread, NULL, worker_one,
			       &workers[i]);
	}
	calls_wait(st, 8);
	pthread_create(&closing, NULL, closer, st);
	usleep(50000);
	foreign_unlock(db);
	pthread_join(closing, NULL);
	for (int i = 0; i < 8; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].result, 0);
	}
	st = open_ok(p->dir);
	check_rows(st, "", "00=v;01=v;02=v;03=v;04=v;05=v;06=v;07=v;");
	store_close(st);
}

static void test_foreign_lock(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	int64_t start_ms;
	sqlite3 *db;

	put_ok(st, "k", "v");
	db = foreign_lock(p->dir, "BEGIN EXCLUSIVE");
	start_ms = clock_ms();
	check_value(st, "k", "v");
	assert_true(clock_ms() - start_ms < 1000);
	start_ms = clock_ms();
	assert_int_equal(put(st, "k", "w", 1, &err), -EBUSY);
	assert_in_range(clock_ms() - start_ms, 1500, 20000);
	assert_non_null(strstr(err.text, "volfs.db"));
	check_value(st, "k", "v");
	foreign_unlock(db);
	put_ok(st, "k", "w");
	store_close(st);
}

/* ---- SIGKILL ---- */

struct ack {
	int thread;
	unsigned int n;
	unsigned long long serial;
};

struct killed {
	struct store *st;
	int thread, pipe, round;
};

static void *killed_thread(void *arg)
{
	struct killed *k = arg;

	for (unsigned int n = 0;; n++) {
		struct err err = ERR_INIT;
		struct ack ack = { .thread = k->thread, .n = n };
		char key[64];

		ack.serial = store_serial(k->st, "job", &err);
		snprintf(key, sizeof(key), "%d-%d-%u", k->round, k->thread, n);
		if (!ack.serial || put(k->st, key, "v", 1, &err) < 0)
			_exit(3);
		if (write(k->pipe, &ack, sizeof(ack)) != sizeof(ack))
			_exit(4);
	}
	return NULL;
}

static void killed_child(const char *dir, int fd, int round)
{
	struct killed k[4];
	pthread_t thread;
	struct store *st;
	struct err err;
	char *moved;

	if (store_open(dir, &st, &moved, &err) < 0 || moved)
		_exit(2);
	for (int i = 0; i < 4; i++) {
		k[i] = (struct killed){ st, i, fd, round };
		pthread_create(&thread, NULL, killed_thread, &k[i]);
	}
	for (;;)
		pause();
}

/* Each commit that was acknowledged is there, each number was given once. */
static void test_killed(void **state)
{
	struct place *p = *state;
	static unsigned char given[4 * 1024 * 1024];
	unsigned int acks = 0;

	memset(given, 0, sizeof(given));
	for (int round = 0; round < 6; round++) {
		struct ack ack, kept[4] = { { 0 } };
		int status, fds[2];
		struct store *st;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			killed_child(p->dir, fds[1], round);
		close(fds[1]);
		usleep(150000 + (unsigned int)round * 30000);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(fds[0], &ack, sizeof(ack)) == sizeof(ack)) {
			acks++;
			kept[ack.thread] = ack;
			assert_true(ack.serial < sizeof(given));
			assert_int_equal(given[ack.serial]++, 0);
		}
		close(fds[0]);
		st = open_ok(p->dir);
		for (int i = 0; i < 4; i++) {
			for (unsigned int n = 0;
			     kept[i].serial && n <= kept[i].n; n++) {
				char key[64];

				snprintf(key, sizeof(key), "%d-%d-%u", round,
					 i, n);
				check_value(st, key, "v");
			}
		}
		store_close(st);
	}
	print_message("%u acknowledged commits over 6 kills\n", acks);
	assert_true(acks > 20);
}

static void test_serials(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	uint64_t before;

	for (unsigned int i = 1; i <= 3000; i++)
		assert_int_equal(store_serial(st, "node", &err), i);
	assert_int_equal(store_serial(st, "job", &err), 1);
	before = st->transactions;
	assert_int_equal(before, 4);
	store_close(st);
	st = open_ok(p->dir);
	assert_int_equal(store_serial(st, "node", &err), 3001);
	assert_int_equal(store_serial(st, "job", &err), 2);
	store_close(st);
}

/* ---- how fast ---- */

static void test_speed(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	int64_t start_ms = clock_ms();
	int rows = 0;

	fill(st, 100000, 250);
	print_message("100,000 rows: stored in %jd ms",
		      (intmax_t)(clock_ms() - start_ms));
	start_ms = clock_ms();
	store_close(st);
	print_message(", closed in %jd ms", (intmax_t)(clock_ms() - start_ms));
	start_ms = clock_ms();
	st = open_ok(p->dir);
	print_message(", opened in %jd ms", (intmax_t)(clock_ms() - start_ms));
	start_ms = clock_ms();
	assert_int_equal(store_each(st, "rows", "", count, &rows, &err), 0);
	print_message(", read in %jd ms\n",
		      (intmax_t)(clock_ms() - start_ms));
	assert_int_equal(rows, 100000);
	store_close(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),       TEST(test_batches),
		TEST(test_prefixes),     TEST(test_nested),
		TEST(test_modes),        TEST(test_group_commit),
		TEST(test_bad_batch),    TEST(test_close_pending),
		TEST(test_foreign_lock), TEST(test_killed),
		TEST(test_serials),      TEST(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
