/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_main.h"

#include <linux/fs.h>

#include "base/parse.h"

#define MIB (1024ull * 1024)

struct volume {
	char *image, *at, *journal;
	struct device dev;
};

static int setup(void **state)
{
	struct volume *v = calloc(1, sizeof(*v));
	struct mount_spec m = { .fstype = "ext4", .options = "" };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	*state = v;
	if (!host_ready || !v)
		return 0;
	v->image = host_image("frozen.img", 64 * MIB);
	v->at = host_path("frozen");
	v->journal = host_path("journal");
	mkdir(v->journal, 0700);
	host_attach(v->image, &v->dev);
	assert_ok(fs_make(&c, &v->dev, "ext4", NULL, 64 * MIB, false, &err),
		  &err);
	m.source = v->dev.path;
	m.target = v->at;
	assert_ok(mount_private(&c, &m, &err), &err);
	return 0;
}

static int teardown(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	if (v->at) {
		assert_ok(mount_umount(&c, v->at, UMOUNT_LAZY, &err), &err);
		host_detach(v->image);
	}
	free(v->image);
	free(v->at);
	free(v->journal);
	free(v);
	return 0;
}

static int files_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool is_frozen(const char *at)
{
	int fd = open(at, O_RDONLY | O_CLOEXEC), r, nothing = 0;

	assert_true(fd >= 0);
	r = ioctl(fd, FIFREEZE, &nothing);
	if (r == 0)
		ioctl(fd, FITHAW, &nothing);
	close(fd);
	return r < 0;
}

/* A writer of one file; its end says that the write went through. */
static pid_t writer(const char *at)
{
	pid_t pid = fork();

	if (pid == 0) {
		AUTO(auto_free) char *path = NULL;
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (asprintf(&path, "%s/written", at) < 0)
			_exit(1);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		_exit(fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0);
	}
	return pid;
}

/* Milliseconds until @pid ended well; -1 if not within @most_ms. */
static int64_t ended_ms(pid_t pid, int64_t most_ms)
{
	int64_t began_ms = clock_ms();
	struct timespec t = { .tv_nsec = 5 * 1000 * 1000 };
	int status;

	while (clock_ms() - began_ms < most_ms) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			assert_int_equal(status, 0);
			return clock_ms() - began_ms;
		}
		nanosleep(&t, NULL);
	}
	return -1;
}

static void writers_wait_between(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f;
	pid_t pid;

	NEED_HOST();
	assert_ok(freeze_begin(&c, v->at, 10000, v->journal, NULL, &f, &err),
		  &err);
	assert_int_equal(files_in(v->journal), 1);
	pid = writer(v->at);
	assert_int_equal(ended_ms(pid, 300), -1);
	assert_ok(freeze_end(f, &err), &err);
	assert_true(ended_ms(pid, 2000) >= 0);
	assert_int_equal(files_in(v->journal), 0);
	assert_false(is_frozen(v->at));
}

static void guard_thaws_when_late(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f;
	pid_t pid;

	NEED_HOST();
	assert_ok(freeze_begin(&c, v->at, 400, v->journal, NULL, &f, &err),
		  &err);
	pid = writer(v->at);
	assert_true(ended_ms(pid, 3000) >= 0);
	assert_fails(EBUSY, freeze_end(f, &err), &err);
	assert_says(&err, "no single point in time");
	assert_int_equal(files_in(v->journal), 0);
}

/* kill -9 of whoever froze. */
static void guard_thaws_after_kill(void **state)
{
	struct volume *v = *state;
	struct err err = ERR_INIT;
	pid_t freezer, pid;
	int ready[2];
	char byte;

	NEED_HOST();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	freezer = fork();
	if (freezer == 0) {
		struct call c = host_call(60000);
		struct freeze *f;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (freeze_begin(&c, v->at, 10000, v->journal, NULL, &f,
				 &err) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	pid = writer(v->at);
	assert_int_equal(ended_ms(pid, 200), -1);
	kill(freezer, SIGKILL);
	assert_true(ended_ms(pid, 2000) >= 0);
	waitpid(freezer, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(files_in(v->journal), 1);
	assert_ok(freeze_recover(v->journal, &err), &err);
	assert_int_equal(files_in(v->journal), 0);
}

/* The guards are our children's children: found by their words. */
static int guards_kill(const char *at, int sig)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir))) {
		char path[300], words[4096] = "";
		uint64_t pid;
		size_t len;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/cmdline",
			 entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		len = fread(words, 1, sizeof(words) - 1, f);
		fclose(f);
		if (memmem(words, len, "freeze-guard", 13) &&
		    memmem(words, len, at, strlen(at)) &&
		    parse_u64(entry->d_name, strlen(entry->d_name), &pid,
			      NULL) == 0) {
			kill((pid_t)pid, sig);
			n++;
		}
	}
	closedir(dir);
	return n;
}

static void guard_heeds_no_sigterm(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f;

	NEED_HOST();
	assert_ok(freeze_begin(&c, v->at, 10000, v->journal, NULL, &f, &err),
		  &err);
	assert_int_equal(guards_kill(v->at, SIGTERM), 1);
	assert_int_equal(guards_kill(v->at, SIGHUP), 1);
	assert_true(is_frozen(v->at));
	assert_ok(freeze_end(f, &err), &err);
	assert_false(is_frozen(v->at));
}

/* Even the guard killed: the end thaws, and knows that it was frozen. */
static void dead_guard_is_made_up_for(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f;

	NEED_HOST();
	assert_ok(freeze_begin(&c, v->at, 10000, v->journal, NULL, &f, &err),
		  &err);
	assert_int_equal(guards_kill(v->at, SIGKILL), 1);
	assert_ok(freeze_end(f, &err), &err);
	assert_false(is_frozen(v->at));
}

/* Freezer and guard killed: the journal of the next start. */
static void start_recovers(void **state)
{
	const struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct mount_spec m = { .source = v->dev.path, .target = v->at,
				.fstype = "ext4", .options = "" };
	pid_t freezer;
	int round, status;

	NEED_HOST();
	for (round = 0; round < 2; round++) {
		freezer = fork();
		if (freezer == 0) {
			struct freeze *f;

			if (freeze_begin(&c, v->at, 60000, v->journal, NULL,
					 &f, &err) < 0 ||
			    guards_kill(v->at, SIGKILL) != 1)
				_exit(1);
			_exit(0);
		}
		waitpid(freezer, &status, 0);
		assert_int_equal(status, 0);
		assert_int_equal(files_in(v->journal), 1);
		assert_true(is_frozen(v->at));
		/* Second: unmounted meanwhile, which leaves it frozen. */
		if (round == 1)
			assert_ok(mount_umount(&c, v->at, UMOUNT_LAZY, &err),
				  &err);
		assert_ok(freeze_recover(v->journal, &err), &err);
		assert_int_equal(files_in(v->journal), 0);
		if (round == 1)
			assert_ok(mount_private(&c, &m, &err), &err);
		assert_false(is_frozen(v->at));
	}
}

static void own_files_are_never_frozen(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f;
	const char *never[] = { "/nowhere", v->at, NULL };

	NEED_HOST();
	assert_fails(EDEADLK, freeze_begin(&c, v->at, 1000, v->at, NULL, &f,
					   &err), &err);
	assert_fails(EDEADLK, freeze_begin(&c, v->at, 1000, v->journal, never,
					   &f, &err), &err);
	assert_fails(ENODEV, freeze_begin(&c, v->journal, 1000, v->journal,
					  NULL, &f, &err), &err);
	assert_int_equal(files_in(v->journal), 0);
	assert_false(is_frozen(v->at));
}

static void second_freeze_is_refused(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct freeze *f, *g;

	NEED_HOST();
	assert_ok(freeze_begin(&c, v->at, 10000, v->journal, NULL, &f, &err),
		  &err);
	assert_fails(EBUSY, freeze_begin(&c, v->at, 1000, v->journal, NULL, &g,
					 &err), &err);
	assert_true(is_frozen(v->at));
	assert_int_equal(files_in(v->journal), 1);
	assert_ok(freeze_end(f, &err), &err);
}

static int host_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_wait_between),
		cmocka_unit_test(guard_thaws_when_late),
		cmocka_unit_test(guard_thaws_after_kill),
		cmocka_unit_test(guard_heeds_no_sigterm),
		cmocka_unit_test(dead_guard_is_made_up_for),
		cmocka_unit_test(start_recovers),
		cmocka_unit_test(own_files_are_never_frozen),
		cmocka_unit_test(second_freeze_is_refused),
	};

	return cmocka_run_group_tests_name("host freeze", tests, setup,
					   teardown);
}
