/* SPDX-License-Identifier: Apache-2.0 */

/* The store on bad days: damaged, deleted, locked, of another version, on a
 * full or read-only disk. */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/store_place.h"

#define MEBIBYTE (1024 * 1024)

static bool may_mount;

/* ---- files ---- */

static void file_damage(const char *dir, off_t at, size_t len, int byte)
{
	char path[160];
	AUTO(auto_free) char *junk = malloc(len);
	AUTO(auto_fd) int fd = -1;

	snprintf(path, sizeof(path), "%s/volfs.db", dir);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	memset(junk, byte, len);
	assert_int_equal(pwrite(fd, junk, len, at), len);
}

static off_t file_size(const char *path)
{
	struct stat s;

	return stat(path, &s) < 0 ? -1 : s.st_size;
}

static void check_moved(const char *dir)
{
	struct store *st = NULL;
	struct err err = ERR_INIT;
	char path[160];
	off_t size;
	char *moved = NULL;

	snprintf(path, sizeof(path), "%s/volfs.db", dir);
	size = file_size(path);
	if (store_open(dir, &st, &moved, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(moved);
	assert_non_null(strstr(moved, "/volfs.db.damaged-20"));
	assert_int_equal(file_size(moved), size);
	check_value(st, "k", NULL);
	put_ok(st, "k", "new");
	assert_string_equal(store_state(st), "ok");
	store_close(st);
	free(moved);
	st = open_ok(dir);
	check_value(st, "k", "new");
	store_close(st);
}

static void test_damaged(void **state)
{
	static const struct {
		off_t at;
		size_t len;
	} rows[] = {
		{ 0, 4096 },      /* no header */
		{ 16, 84 },       /* a wrong one */
		{ 100, 1000 },    /* the schema */
		{ 65536, 4096 },  /* a page in the middle */
		{ 4096, 200000 }, /* nearly all */
	};
	struct place *p = *state;
	char path[160];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct store *st;

		snprintf(path, sizeof(path), "%s/%zu", p->root, i);
		st = open_ok(path);
		put_ok(st, "k", "old");
		fill(st, 2000, 200);
		store_close(st);
		file_damage(path, rows[i].at, rows[i].len, 0x55);
		check_moved(path);
	}
}

/* Cut to a size that is no database; and twice within one second. */
static void test_truncated(void **state)
{
	struct place *p = *state;
	char path[160];

	for (int i = 0; i < 3; i++) {
		struct store *st = open_ok(p->dir);

		put_ok(st, "k", "old");
		fill(st, 2000, 200);
		store_close(st);
		snprintf(path, sizeof(path), "%s/volfs.db", p->dir);
		assert_int_equal(truncate(path, 10000), 0);
		check_moved(p->dir);
	}
}

static void test_damaged_running(void **state)
{
	struct place *p = *state;
	AUTO(auto_buf) struct buf out = BUF_INIT(4096);
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;

	fill(st, 5000, 200);
	store_close(st);
	st = open_ok(p->dir);
	file_damage(p->dir, 4096, 300000, 0x55);
	assert_int_equal(store_get(st, "rows", "00002500", &out, &err), -EIO);
	assert_non_null(strstr(err.text, "damaged"));
	assert_string_equal(store_state(st), "failed");
	assert_int_equal(put(st, "k", "v", 1, &err), -EIO);
	assert_string_equal(store_state(st), "failed");
	store_close(st);
	check_moved(p->dir);
}

static void test_deleted_running(void **state)
{
	struct place *p = *state;
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	char path[160];

	put_ok(st, "k", "v");
	snprintf(path, sizeof(path), "%s/volfs.db", p->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(put(st, "k", "v", 1, &err), -EIO);
	assert_non_null(strstr(err.text, "deleted"));
	assert_string_equal(store_state(st), "failed");
	store_close(st);
	/* What is left of the old one's log must not get into the new one. */
	st = open_ok(p->dir);
	check_value(st, "k", NULL);
	store_close(st);
}

static void check_protocol(const char *dir, const char *change,
			   const char *word)
{
	struct store *st = open_ok(dir);
	struct err err = ERR_INIT;
	char *moved = NULL;

	put_ok(st, "k", "v");
	store_close(st);
	sqlite3_close(foreign_lock(dir, change));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_open(dir, &st, &moved, &err), -EPROTO);
		assert_non_null(strstr(err.text, word));
		assert_null(moved);
	}
	sqlite3_close(foreign_lock(dir, "PRAGMA user_version=1;"
					"PRAGMA application_id=0x766f6c66"));
	st = open_ok(dir);
	check_value(st, "k", "v");
	store_close(st);
}

static void test_not_ours(void **state)
{
	struct place *p = *state;

	check_protocol(p->dir, "PRAGMA user_version=2", "newer");
	check_protocol(p->dir, "PRAGMA application_id=7", "another program");
}

static void test_locked(void **state)
{
	struct place *p = *state;
	struct store *st = NULL;
	struct err err = ERR_INIT;
	char *moved = NULL, text[32], go;
	int ready[2], status;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (store_open(p->dir, &st, &moved, &err) < 0)
			_exit(2);
		if (write(ready[1], "x", 1) != 1)
			_exit(3);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &go, 1), 1);
	assert_int_equal(store_open(p->dir, &st, &moved, &err), -EBUSY);
	snprintf(text, sizeof(text), "process %d:", (int)pid);
	assert_non_null(strstr(err.text, text));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(ready[1]);
	st = open_ok(p->dir);
	assert_int_equal(store_open(p->dir, &st, &moved, &err), -EBUSY);
	store_close(st);
}

static void test_no_directory(void **state)
{
	struct place *p = *state;
	struct store *st = NULL;
	struct err err = ERR_INIT;
	char path[160], *moved = NULL;
	AUTO(auto_fd) int fd = -1;

	snprintf(path, sizeof(path), "%s/a/b", p->root);
	assert_int_equal(store_open(path, &st, &moved, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	snprintf(path, sizeof(path), "%s/file", p->root);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(store_open(path, &st, &moved, &err), -ENOTDIR);
}

/* A log without its database: its rows must not get into a new one. */
static void test_lost(void **state)
{
	struct place *p = *state;
	struct store *st;
	char path[160], go;
	int status, ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		st = open_ok(p->dir);
		put_ok(st, "k", "v");
		if (write(ready[1], "x", 1) != 1)
			_exit(3);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &go, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(ready[1]);
	snprintf(path, sizeof(path), "%s/volfs.db-wal", p->dir);
	assert_true(file_size(path) > 0);
	snprintf(path, sizeof(path), "%s/volfs.db", p->dir);
	assert_int_equal(unlink(path), 0);
	st = open_ok(p->dir);
	check_value(st, "k", NULL);
	put_ok(st, "k", "new");
	store_close(st);
	st = open_ok(p->dir);
	check_value(st, "k", "new");
	store_close(st);
}

/* No descriptor is left for one more reader: said, and over when it is over. */
static void test_no_descriptors(void **state)
{
	struct place *p = *state;
	AUTO(auto_buf) struct buf out = BUF_INIT(4096);
	struct store *st = open_ok(p->dir);
	struct err err = ERR_INIT;
	struct rlimit old, few;
	AUTO(auto_fd) int next = dup(0);

	put_ok(st, "k", "v");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(store_get(st, "b", "k", &out, &err), -EMFILE);
	put_ok(st, "k", "w");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(store_state(st), "ok");
	check_value(st, "k", "w");
	store_close(st);
}

/* ---- disks: need a mount of our own ---- */

static void disk_mount(const char *dir, const char *options)
{
	if (!may_mount)
		skip();
	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("none", dir, "tmpfs", 0, options) < 0)
		skip();
}

static void disk_fill(const char *dir)
{
	static char zeros[4096];
	char path[160];
	AUTO(auto_fd) int fd = -1;

	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
}

static int put_large(struct store *st, const char *key, bool urgent,
		     struct err *err)
{
	struct store_batch *b = store_batch_new();
	AUTO(auto_free) char *value = calloc(1, MEBIBYTE);

	*err = (struct err)ERR_INIT;
	store_batch_put(b, "b", key, value, MEBIBYTE);
	if (urgent)
		store_batch_urgent(b);
	return store_commit(st, b, err);
}

static bool file_exists(const char *dir, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void test_full(void **state)
{
	struct place *p = *state;
	struct store *st;
	struct err err;
	char path[160];

	disk_mount(p->dir, "size=48m,mode=0700");
	st = open_ok(p->dir);
	put_ok(st, "k", "v");
	disk_fill(p->dir);
	assert_int_equal(put_large(st, "no", false, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "no space"));
	assert_string_equal(store_state(st), "full");
	assert_true(file_exists(p->dir, "reserve"));
	check_value(st, "no", NULL);
	check_value(st, "k", "v");
	assert_int_equal(put_large(st, "unmount", true, &err), 0);
	assert_false(file_exists(p->dir, "reserve"));
	assert_string_equal(store_state(st), "full");
	/* The space the reserve gave up is not for everyone. */
	assert_int_equal(put_large(st, "no", false, &err), -ENOSPC);
	assert_int_equal(put_large(st, "detach", true, &err), 0);
	assert_true(store_serial(st, "job", &err) > 0);

	snprintf(path, sizeof(path), "%s/filler", p->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(put_large(st, "yes", false, &err), 0);
	assert_false(file_exists(p->dir, "reserve")); /* not at once */
	st->reserve_tried_ms -= STORE_RESERVE_RETRY_MS;
	put_ok(st, "k", "w");
	assert_true(file_exists(p->dir, "reserve"));
	assert_string_equal(store_state(st), "ok");
	store_close(st);
}

/* What is mounted must be unmounted: the daemon starts on a full disk. */
static void test_open_full(void **state)
{
	struct place *p = *state;
	struct store *st;
	struct err err;

	disk_mount(p->dir, "size=48m,mode=0700");
	st = open_ok(p->dir);
	put_ok(st, "k", "v");
	store_close(st);
	disk_fill(p->dir);
	st = open_ok(p->dir);
	check_value(st, "k", "v");
	assert_string_equal(store_state(st), "full");
	assert_int_equal(put_large(st, "no", false, &err), -ENOSPC);
	assert_int_equal(put_large(st, "unmount", true, &err), 0);
	store_close(st);
}

static void test_open_no_space(void **state)
{
	struct place *p = *state;
	struct store *st = NULL;
	struct err err = ERR_INIT;
	char *moved = NULL;

	disk_mount(p->dir, "size=1m,mode=0700");
	disk_fill(p->dir);
	assert_int_equal(store_open(p->dir, &st, &moved, &err), -ENOSPC);
	assert_null(st);
	assert_true(err.text[0]);
}

static void test_read_only(void **state)
{
	struct place *p = *state;
	struct store *st;
	struct err err = ERR_INIT;
	char *moved = NULL;

	disk_mount(p->dir, "size=48m,mode=0700");
	st = open_ok(p->dir);
	put_ok(st, "k", "v");
	store_close(st);
	assert_int_equal(mount("none", p->dir, "tmpfs", MS_REMOUNT | MS_RDONLY,
			       NULL), 0);
	assert_int_equal(store_open(p->dir, &st, &moved, &err), -EROFS);
	assert_null(moved);
	assert_non_null(strstr(err.text, p->dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_damaged),         TEST(test_truncated),
		TEST(test_damaged_running), TEST(test_deleted_running),
		TEST(test_lost),            TEST(test_not_ours),
		TEST(test_locked),          TEST(test_no_directory),
		TEST(test_no_descriptors),  TEST(test_full),
		TEST(test_open_full),       TEST(test_open_no_space),
		TEST(test_read_only),
	};

	/* What is mounted here goes with this process, also when killed. */
	may_mount = unshare(CLONE_NEWNS) == 0 &&
		    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
