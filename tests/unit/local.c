/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local driver beyond the conformance suite: killed at every step and asked
 * again; images spoiled behind its back; full disks; copying under a writer.
 *
 * What may reach a fault point runs in a child: the point reads its
 * environment once a process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/loop.h"
#include "core/provider.h"

extern const struct provider provider_local;

#define SIZE (32 << 20)

static char dir[256], path[300];

/*
 * A session, and what its calls gave
 */

struct got {
	unsigned volumes, snapshots;
	char id[64], snapshot_id[64], message[600];
	char healthy[64];            /* name of the last that is well */
	uint64_t size_bytes;
	enum volume_state state;
	enum volume_health health;
	bool frozen;
};

static int got_volume(void *arg, const struct volume_facts *f, struct err *err)
{
	struct got *g = arg;

	g->volumes++;
	snprintf(g->id, sizeof(g->id), "%s", f->id);
	snprintf(g->message, sizeof(g->message), "%s",
		 f->health_message ? f->health_message : "");
	if (f->health == HEALTH_OK)
		snprintf(g->healthy, sizeof(g->healthy), "%s", f->name);
	g->size_bytes = f->size_bytes;
	g->state = f->state;
	g->health = f->health;
	return 0;
}

static int got_snapshot(void *arg, const struct snapshot_facts *f,
			struct err *err)
{
	struct got *g = arg;

	g->snapshots++;
	snprintf(g->snapshot_id, sizeof(g->snapshot_id), "%s", f->id);
	g->frozen = !strcmp(f->consistency, "frozen");
	return 0;
}

static struct session *session_new(const char *key, const char *value)
{
	const struct opt_spec *o = provider_local.options;
	struct opt_value v[2] = {
		{ options_find(o, "path"), path, NULL },
		{ key ? options_find(o, key) : NULL, (char *)value, NULL },
	};
	struct opt_values given = { v, key ? 2 : 1 };
	struct session *s = calloc(1, provider_local.session_size);
	struct err err = ERR_INIT;

	if (!s || options_apply(o, &given, s, &err) < 0)
		fail_msg("options: %s", err.text);
	s->service = "local";
	s->state_dir = s->run_dir = dir;
	s->host_id = "host";
	if (provider_local.open(s, &err) < 0)
		fail_msg("open: %s", err.text);
	return s;
}

static void session_end(struct session *s)
{
	provider_local.close(s);
	options_done(provider_local.options, s);
	free(s);
}

static struct call call_for(const char *token)
{
	return (struct call){ .deadline_ms = CALL_NO_DEADLINE, .token = token,
			      .job = "", .freeze_limit_ms = 5000 };
}

/* One operation by name, as the crash tests repeat them. */
static int act(struct session *s, const char *op, const char *token,
	       struct got *g, struct err *err)
{
	const struct provider *p = &provider_local;
	struct volume_sink out = { got_volume, got_snapshot, g };
	struct call c = call_for(token);
	struct got old = { 0 };
	struct volume_sink look = { got_volume, got_snapshot, &old };
	struct volume_spec want = { .name = "db", .size_bytes = SIZE,
				    .iops = -1, .throughput_bytes_per_s = -1,
				    .encrypted = -1, .blank = true };
	struct volume_change grow = { .fields = FIELD_SIZE,
				      .size_bytes = 2 * SIZE };
	struct tag tag = { "key", "value" };
	struct volume_facts v = { .id = old.id, .name = "db" };
	struct snapshot_facts snap = { .id = old.snapshot_id, .name = "s",
				       .volume_id = old.id };
	int r;

	memset(g, 0, sizeof(*g));
	if (!strcmp(op, "create"))
		return p->create(s, &c, &want, &out, err);
	if (!strcmp(op, "import"))
		return p->import(s, &c, "old.img", "db", &out, err);
	if (!strcmp(op, "list"))
		return p->list(s, &c, &out, err);
	/* The rest works on the one volume that there is, if it still is. */
	r = p->list(s, &c, &look, err);
	if (r < 0)
		return r;
	if (!old.id[0])
		snprintf(old.id, sizeof(old.id), "lv-gone");
	if (!old.snapshot_id[0])
		snprintf(old.snapshot_id, sizeof(old.snapshot_id), "ls-gone");
	if (!strcmp(op, "remove"))
		return p->remove(s, &c, &v, err);
	if (!strcmp(op, "snapshot"))
		return p->snapshot(s, &c, &v, "s", &out, err);
	if (!strcmp(op, "snapshot_remove"))
		return p->snapshot_remove(s, &c, &snap, err);
	if (!strcmp(op, "restore"))
		return p->restore(s, &c, &v, &snap, err);
	if (!strcmp(op, "grow"))
		return p->modify(s, &c, &v, &grow, &out, err);
	if (!strcmp(op, "tags"))
		return p->set_tags(s, &c, &v, &tag, 1, err);
	if (!strcmp(op, "rename"))
		return p->rename(s, &c, &v, "new name", err);
	want.name = "copy";
	want.blank = false;
	assert_string_equal(op, "clone");
	if (old.volumes > 1) /* a repeat: which of the two is not known */
		snap.volume_id = NULL;
	return p->create_from_snapshot(s, &c, &want, &snap, &out, err);
}

/*
 * Directories
 */

static int remove_entry(const char *p, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)remove(p);
	return 0;
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%.200s/volfs-unit.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/volumes", dir);
	return 0;
}

static int teardown(void **state)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return 0;
}

static char seen[16][128];
static size_t n_seen;

static int see_entry(const char *p, const struct stat *st, int type,
		     struct FTW *ftw)
{
	const char *relative = p + strlen(path);

	if (*relative == '/' && strcmp(relative, "/.deleted") != 0 &&
	    n_seen < ARRAY_SIZE(seen))
		snprintf(seen[n_seen++], sizeof(seen[0]), "%s", relative + 1);
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The files below path, sorted, blanks between; .deleted itself aside. */
static const char *tree(void)
{
	static char text[2 * sizeof(seen)];
	size_t i, len = 0;

	n_seen = 0;
	nftw(path, see_entry, 16, FTW_PHYS);
	qsort(seen, n_seen, sizeof(seen[0]), compare_text);
	text[0] = '\0';
	for (i = 0; i < n_seen; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i ? " " : "", seen[i]);
	return text;
}

static void image_path(char out[512], const char *name)
{
	snprintf(out, 512, "%s/%s", path, name);
}

static void file_fill(const char *name, unsigned char byte, size_t len)
{
	char file[512];
	AUTO(auto_free) char *data = malloc(1 << 20);
	int fd;
	size_t at;

	image_path(file, name);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(data, byte, 1 << 20);
	for (at = 0; at < len; at += 1 << 20)
		assert_int_equal(pwrite(fd, data, 1 << 20, (off_t)at), 1 << 20);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

static unsigned char file_byte(const char *name)
{
	char file[512];
	unsigned char byte = 0;
	int fd;

	image_path(file, name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 4096), 1);
	close(fd);
	return byte;
}

/*
 * Killed, and asked again
 */

/* Runs @op in a child. Return: as waitpid() says. */
static int act_in_child(const char *op, const char *token, const char *fault)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct session *s;
		struct err err = ERR_INIT;
		struct got g;
		int r;

		if (fault)
			setenv("VOLFS_FAULT", fault, 1);
		s = session_new(NULL, NULL);
		r = act(s, op, token, &g, &err);
		if (r < 0)
			fprintf(stderr, "%s: %s\n", op, err.text);
		session_end(s);
		_exit(r < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const struct crash {
	const char *op, *fault;
	const char *before[3];       /* operations that come first */
	const char *tree;            /* what there is in the end */
} crashes[] = {
#define VOLUME "db db/data.img db/meta.json"
#define SNAPPED VOLUME " db/snapshots db/snapshots/s db/snapshots/s/data.img db/snapshots/s/meta.json"
#define CLONED "copy copy/data.img copy/meta.json " SNAPPED
	{ "create", "local.making.begun", { NULL }, VOLUME },
	{ "create", "local.create.image", { NULL }, VOLUME },
	{ "create", "local.meta.written", { NULL }, VOLUME },
	{ "create", "local.create.meta", { NULL }, VOLUME },
	{ "create", "local.making.complete", { NULL }, VOLUME },
	{ "create", "local.making.committed", { NULL }, VOLUME },
	{ "snapshot", "local.making.begun", { "create" }, SNAPPED },
	{ "snapshot", "local.copy.piece", { "create" }, SNAPPED },
	{ "snapshot", "local.snapshot.copied", { "create" }, SNAPPED },
	{ "snapshot", "local.meta.written", { "create" }, SNAPPED },
	{ "snapshot", "local.making.complete", { "create" }, SNAPPED },
	{ "snapshot", "local.making.committed", { "create" }, SNAPPED },
	{ "clone", "local.making.begun", { "create", "snapshot" }, CLONED },
	{ "clone", "local.copy.piece", { "create", "snapshot" }, CLONED },
	{ "clone", "local.create.meta", { "create", "snapshot" }, CLONED },
	{ "clone", "local.making.complete", { "create", "snapshot" }, CLONED },
	{ "restore", "local.making.begun", { "create", "snapshot" }, SNAPPED },
	{ "restore", "local.restore.copied", { "create", "snapshot" },
	  SNAPPED },
	{ "restore", "local.restore.placed", { "create", "snapshot" },
	  SNAPPED },
	{ "remove", "local.discard.moved", { "create" }, "" },
	{ "remove", "local.purge.image", { "create" }, "" },
	{ "snapshot_remove", "local.discard.moved", { "create", "snapshot" },
	  VOLUME " db/snapshots" },
	{ "snapshot_remove", "local.purge.image", { "create", "snapshot" },
	  VOLUME " db/snapshots" },
	{ "grow", "local.modify.grown", { "create" }, VOLUME },
	{ "grow", "local.meta.written", { "create" }, VOLUME },
	{ "tags", "local.meta.written", { "create" }, VOLUME },
	{ "rename", "local.rename.done", { "create" },
	  "new%20name new%20name/data.img new%20name/meta.json" },
	{ "import", "local.making.begun", { NULL }, VOLUME },
	{ "import", "local.import.filled", { NULL }, VOLUME },
	{ "import", "local.making.complete", { NULL }, VOLUME },
	{ "import", "local.making.committed", { NULL }, VOLUME },
	{ "import", "local.import.placed", { NULL }, VOLUME },
};

/* Up to the kill. False where the point was not reached, which is right where
 * the file system has reflinks and nothing is copied. */
static bool crash_begin(const struct crash *crash)
{
	char token[32];
	int i, status;

	mkdir(path, 0700);
	for (i = 0; i < 3 && crash->before[i]; i++) {
		snprintf(token, sizeof(token), "before-%d", i);
		assert_int_equal(act_in_child(crash->before[i], token, NULL),
				 0);
		if (!strcmp(crash->before[i], "create"))
			file_fill("db/data.img", 'a', 1 << 20);
	}
	if (!strcmp(crash->op, "import"))
		file_fill("old.img", 'a', 1 << 20);
	if (!strcmp(crash->op, "restore"))
		file_fill("db/data.img", 'b', 1 << 20);
	status = act_in_child(crash->op, "token", crash->fault);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (status != 0 || strcmp(crash->fault, "local.copy.piece") != 0)
		fail_msg("%s never reached %s", crash->op, crash->fault);
	return false;
}

static void crash_check(const struct crash *crash)
{
	if (strcmp(tree(), crash->tree) != 0)
		fail_msg("%s killed at %s: '%s' and not '%s'", crash->op,
			 crash->fault, tree(), crash->tree);
	if (!strcmp(crash->op, "restore") || !strcmp(crash->op, "import") ||
	    !strcmp(crash->op, "snapshot"))
		assert_int_equal(file_byte("db/data.img"), 'a');
	if (!strcmp(crash->op, "snapshot"))
		assert_int_equal(file_byte("db/snapshots/s/data.img"), 'a');
	if (!strcmp(crash->op, "clone"))
		assert_int_equal(file_byte("copy/data.img"), 'a');
}

static void path_clear(void)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_killed_then_repeated(void **state)
{
	size_t i;

#ifndef VOLFS_FAULT_POINTS
	skip();
#endif
	for (i = 0; i < ARRAY_SIZE(crashes); i++) {
		crash_begin(&crashes[i]);
		assert_int_equal(act_in_child(crashes[i].op, "token", NULL),
				 0);
		crash_check(&crashes[i]);
		path_clear();
	}
}

/* Nobody asks again: a listing sweeps, and either all is done or nothing. */
static void test_killed_then_listed(void **state)
{
	size_t i;

#ifndef VOLFS_FAULT_POINTS
	skip();
#endif
	for (i = 0; i < ARRAY_SIZE(crashes); i++) {
		crash_begin(&crashes[i]);
		assert_int_equal(act_in_child("list", "", NULL), 0);
		if (strstr(tree(), ".new-") || strstr(tree(), ".deleted/"))
			fail_msg("%s killed at %s leaves '%s'", crashes[i].op,
				 crashes[i].fault, tree());
		/* The image of an import is there under one name or both. */
		if (!strcmp(crashes[i].op, "import"))
			assert_int_equal(file_byte(strstr(tree(), "old.img") ?
						   "old.img" : "db/data.img"),
					 'a');
		path_clear();
	}
}

/*
 * Spoiled behind its back
 */

static struct got listed_now(struct session *s)
{
	struct err err = ERR_INIT;
	struct got g;

	if (act(s, "list", "", &g, &err) < 0)
		fail_msg("list: %s", err.text);
	return g;
}

static void act_ok(struct session *s, const char *op, const char *token)
{
	struct err err = ERR_INIT;
	struct got g;

	if (act(s, op, token, &g, &err) < 0)
		fail_msg("%s: %s", op, err.text);
}

static void act_fails(struct session *s, const char *op, int num,
		      const char *words)
{
	struct err err = ERR_INIT;
	struct got g;
	int r = act(s, op, op, &g, &err);

	assert_int_equal(r, -num);
	assert_int_equal(err.num, num);
	if (!strstr(err.text, words))
		fail_msg("%s: '%s' lacks '%s'", op, err.text, words);
}

static void test_spoiled_images(void **state)
{
	struct session *s = session_new(NULL, NULL);
	char image[512], other[512];
	struct got g;

	act_ok(s, "create", "1");
	image_path(image, "db/data.img");
	assert_int_equal(truncate(image, 1 << 20), 0);
	g = listed_now(s);
	assert_int_equal(g.volumes, 1);
	assert_int_equal(g.state, VOLUME_ERROR);
	assert_int_equal(g.health, HEALTH_FAILED);
	assert_int_equal(g.size_bytes, SIZE);
	assert_non_null(strstr(g.message, "was cut"));
	act_fails(s, "snapshot", EIO, "was cut");

	assert_int_equal(unlink(image), 0);
	g = listed_now(s);
	assert_int_equal(g.health, HEALTH_FAILED);
	assert_non_null(strstr(g.message, "is gone"));
	act_fails(s, "snapshot", EIO, "is gone");
	act_fails(s, "grow", EIO, "is gone");

	assert_int_equal(symlink("/etc/passwd", image), 0);
	g = listed_now(s);
	assert_non_null(strstr(g.message, "no plain file"));
	act_fails(s, "grow", EIO, "no plain file");
	image_path(other, "db/extra");
	assert_int_equal(mkdir(other, 0700), 0);
	act_fails(s, "remove", ENOTEMPTY, "extra");
	assert_int_equal(rmdir(other), 0);
	act_ok(s, "remove", "2");
	session_end(s);
	path_clear();
}

static void meta_put(const char *text)
{
	char meta[512];
	FILE *f;

	image_path(meta, "db/meta.json");
	f = fopen(meta, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_spoiled_facts(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "null", "{}", "{\"id\": 7}", "{\"id\":\"lv-1\"}",
		"{\"id\":\"../../etc\",\"size_bytes\":1048576}",
		"{\"id\":\"lv-1\",\"size_bytes\":-1}",
		"{\"id\":\"lv-1\",\"size_bytes\":1048576,\"tags\":[1]}",
		"{\"id\":\"lv-1\",\"size_bytes\":1048576,\"tags\":{\"a\":1}}",
		"{\"id\":\"lv-1\",\"size_bytes\":1048576} x",
	};
	struct session *s = session_new(NULL, NULL);
	char meta[512];
	struct got g;
	size_t i;

	act_ok(s, "create", "1");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		meta_put(bad[i]);
		g = listed_now(s);
		if (g.volumes != 1 || g.health != HEALTH_FAILED ||
		    strcmp(g.id, "dir-db") != 0)
			fail_msg("meta.json '%s': %u volumes, %s", bad[i],
				 g.volumes, g.id);
		act_fails(s, "remove", EIO, "meta.json");
		act_fails(s, "create", EEXIST, "exists");
	}
	image_path(meta, "db/meta.json");
	assert_int_equal(unlink(meta), 0);
	g = listed_now(s);
	assert_string_equal(g.id, "dir-db");
	session_end(s);
	path_clear();
}

/* What is no volume is not listed, and stays. */
static void test_strangers(void **state)
{
	struct session *s = session_new(NULL, NULL);
	char name[512];

	image_path(name, "lost+found");
	assert_int_equal(mkdir(name, 0700), 0);
	file_fill("notes.txt", 'x', 1 << 20);
	image_path(name, "link");
	assert_int_equal(symlink("/", name), 0);
	assert_int_equal(listed_now(s).volumes, 0);
	assert_string_equal(tree(), "link lost+found notes.txt");
	session_end(s);
	path_clear();
}

static void copy_by_hand(const char *name)
{
	char to[512], file[600], meta[512];

	image_path(to, name);
	image_path(meta, "db/meta.json");
	assert_int_equal(mkdir(to, 0700), 0);
	snprintf(file, sizeof(file), "%s/meta.json", to);
	assert_int_equal(link(meta, file), 0);
	snprintf(file, sizeof(file), "%s/data.img", name);
	file_fill(file, 'x', SIZE);
}

/* `cp -a db aa`: the copy is not taken for the volume, in whatever order they
 * are listed. */
static void test_copied_by_hand(void **state)
{
	struct session *s = session_new(NULL, NULL);
	struct got g;

	act_ok(s, "create", "1");
	g = listed_now(s);
	copy_by_hand("aa");
	copy_by_hand("zz");
	session_end(s);
	s = session_new(NULL, NULL);
	{
		struct call c = call_for("");
		struct got now = { 0 };
		struct volume_sink out = { got_volume, got_snapshot, &now };
		struct volume_facts v = { .id = g.id, .name = "db" };
		struct volume_change grow = { .fields = FIELD_SIZE,
					      .size_bytes = 2 * SIZE };
		struct err err = ERR_INIT;

		assert_int_equal(listed_now(s).volumes, 3);
		assert_string_equal(listed_now(s).healthy, "db");
		assert_int_equal(provider_local.modify(s, &c, &v, &grow, &out,
						       &err), 0);
		assert_string_equal(now.healthy, "db");
	}
	session_end(s);
	path_clear();
}

static void test_directory_replaced(void **state)
{
	struct session *s = session_new(NULL, NULL);
	char moved[512];

	snprintf(moved, sizeof(moved), "%s.moved", path);
	act_ok(s, "create", "1");
	assert_int_equal(rename(path, moved), 0);
	act_fails(s, "list", EIO, "cannot be opened");
	assert_int_equal(mkdir(path, 0700), 0);
	act_fails(s, "list", EIO, "not the directory it was");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(moved, path), 0);
	assert_int_equal(listed_now(s).volumes, 1);
	session_end(s);
	path_clear();
}

static void test_limits(void **state)
{
	struct session *s = session_new("minFree", "100%");

	act_fails(s, "create", ENOSPC, "minFree");
	assert_string_equal(tree(), "");
	session_end(s);
	s = session_new("minFree", "0");
	act_ok(s, "create", "1");
	session_end(s);
	s = session_new("minFree", "8000P");
	act_fails(s, "grow", ENOSPC, "minFree");
	act_fails(s, "snapshot", ENOSPC, "minFree");
	session_end(s);
	path_clear();
}

static void test_imports_refused(void **state)
{
	static const struct {
		const char *id, *words;
		int num;
	} bad[] = {
		{ "none.img", "no file", ENOENT },
		{ "../x.img", "no file of", EINVAL },
		{ "/etc/passwd", "no file of", EINVAL },
		{ "..", "no file of", EINVAL }, { "", "no file of", EINVAL },
		{ "dir", "a directory", EINVAL },
		{ "link", "a symbolic link", EINVAL },
		{ "fifo", "a device", EINVAL },
		{ "odd.img", "multiple of 512", EINVAL },
		{ "empty.img", "multiple of 512", EINVAL },
		{ "cow.img", "qcow2", EINVAL },
	};
	struct session *s = session_new(NULL, NULL);
	char name[512];
	size_t i;

	image_path(name, "dir");
	assert_int_equal(mkdir(name, 0700), 0);
	image_path(name, "link");
	assert_int_equal(symlink("odd.img", name), 0);
	image_path(name, "fifo");
	assert_int_equal(mkfifo(name, 0600), 0);
	file_fill("odd.img", 0, 1 << 20);
	image_path(name, "odd.img");
	assert_int_equal(truncate(name, 1000001), 0);
	file_fill("empty.img", 0, 0);
	file_fill("cow.img", 0, 1 << 20);
	image_path(name, "cow.img");
	{
		AUTO(auto_file) FILE *f = fopen(name, "r+");

		assert_non_null(f);
		fputs("QFI\xfb", f);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct call c = call_for("t");
		struct got g = { 0 };
		struct volume_sink out = { got_volume, got_snapshot, &g };
		struct err err = ERR_INIT;
		int r = provider_local.import(s, &c, bad[i].id, "db", &out,
					      &err);

		if (r != -bad[i].num || !strstr(err.text, bad[i].words))
			fail_msg("'%s': %d %s", bad[i].id, r, err.text);
	}
	assert_int_equal(listed_now(s).volumes, 0);
	session_end(s);
	path_clear();
}

/*
 * Copying under a writer: ext4 on a loop device on the image of "db"
 */

static char mounted_at[300];
static struct loop_device device;
static atomic_bool stop;

static int freeze(void *arg, struct err *err)
{
	AUTO(auto_fd) int fd = open(mounted_at, O_RDONLY | O_CLOEXEC);

	return ioctl(fd, FIFREEZE, 0) < 0 ? err_errno(err, errno, "freeze")
					  : 0;
}

static int thaw(void *arg, struct err *err)
{
	AUTO(auto_fd) int fd = open(mounted_at, O_RDONLY | O_CLOEXEC);

	return ioctl(fd, FITHAW, 0) < 0 ? err_errno(err, errno, "thaw") : 0;
}

static int run(const char *program, const char *a, const char *b,
	       const char *c)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		execlp(program, program, a, b, c, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* Numbers its lines and waits for each to be on the medium. */
static void *write_lines(void *arg)
{
	char name[400], line[32];
	unsigned n = 0;
	int fd;

	snprintf(name, sizeof(name), "%s/lines", mounted_at);
	fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	while (fd >= 0 && !atomic_load(&stop)) {
		int len = snprintf(line, sizeof(line), "%08u\n", n++);

		if (write(fd, line, (size_t)len) != len || fsync(fd) < 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void lines_check(const char *where)
{
	char name[512], line[32], want[32];
	unsigned n = 0;
	FILE *f;

	snprintf(name, sizeof(name), "%s/lines", where);
	f = fopen(name, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		snprintf(want, sizeof(want), "%08u\n", n++);
		assert_string_equal(line, want);
	}
	fclose(f);
	assert_true(n > 0);
}

/* Attaches @image so that the device goes with the descriptor that is
 * returned and the mounts, also when this process is killed. */
static int attach_held(const char *image, bool read_only,
		       struct loop_device *d)
{
	struct err err = ERR_INIT;
	int fd;

	if (loop_attach(image, read_only, d, &err) < 0)
		fail_msg("loop_attach: %s", err.text);
	fd = open(d->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (loop_autoclear(d, true, &err) < 0)
		fail_msg("loop_autoclear: %s", err.text);
	return fd;
}

static bool live_begin(struct session *s)
{
	char image[512];
	int held;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	act_ok(s, "create", "1");
	image_path(image, "db/data.img");
	assert_int_equal(run("mkfs.ext4", "-q", "-F", image), 0);
	held = attach_held(image, false, &device);
	snprintf(mounted_at, sizeof(mounted_at), "%s/mnt", dir);
	mkdir(mounted_at, 0700);
	assert_int_equal(mount(device.path, mounted_at, "ext4", 0, NULL), 0);
	close(held);
	return true;
}

static void live_end(struct session *s)
{
	struct err err = ERR_INIT;

	assert_int_equal(umount2(mounted_at, MNT_DETACH), 0);
	if (loop_detach(device.backing_dev, device.backing_ino, 5000, &err) < 0)
		fail_msg("loop_detach: %s", err.text);
	session_end(s);
	path_clear();
}

static void snapshot_check(void)
{
	struct loop_device copy;
	struct err err = ERR_INIT;
	char image[512], at[400];
	int held;

	image_path(image, "db/snapshots/s/data.img");
	assert_int_equal(run("e2fsck", "-f", "-n", image), 0);
	snprintf(at, sizeof(at), "%s/copy", dir);
	mkdir(at, 0700);
	held = attach_held(image, true, &copy);
	assert_int_equal(mount(copy.path, at, "ext4", MS_RDONLY, NULL), 0);
	lines_check(at);
	close(held);
	assert_int_equal(umount2(at, 0), 0);
	assert_int_equal(loop_detach(copy.backing_dev, copy.backing_ino, 5000,
				     &err), 0);
}

static void test_snapshot_under_writer(void **state)
{
	struct session *s = session_new(NULL, NULL);
	struct got g = { 0 };
	struct volume_sink out = { got_volume, got_snapshot, &g };
	struct volume_facts v = { .name = "db" };
	struct call c = call_for("live");
	struct err err = ERR_INIT;
	struct got old;
	pthread_t thread;
	int round, r;

	if (!live_begin(s)) {
		session_end(s);
		skip();
	}
	old = listed_now(s);
	v.id = old.id;
	c.freeze = freeze;
	c.thaw = thaw;
	for (round = 0; round < 5; round++) {
		atomic_store(&stop, false);
		pthread_create(&thread, NULL, write_lines, NULL);
		usleep(100000);
		r = provider_local.snapshot(s, &c, &v, "s", &out, &err);
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
		if (r < 0)
			fail_msg("snapshot: %s", err.text);
		assert_true(g.frozen);
		snapshot_check();
		act_ok(s, "snapshot_remove", "x");
		{
			char name[400];

			snprintf(name, sizeof(name), "%s/lines", mounted_at);
			assert_int_equal(unlink(name), 0);
		}
	}
	/* In use: these are refused. */
	act_fails(s, "remove", EBUSY, "attached as /dev/loop");
	act_fails(s, "rename", EBUSY, "attached as /dev/loop");
	act_ok(s, "snapshot", "y");
	act_fails(s, "restore", EBUSY, "attached as /dev/loop");
	live_end(s);
}

static int thaw_too_late(void *arg, struct err *err)
{
	(void)thaw(arg, NULL);
	return err_set(err, EBUSY, "the guard had to thaw it before");
}

/* The guard thawed first: the copy is no point in time, and is dropped. */
static void test_thawed_too_early(void **state)
{
	struct session *s = session_new(NULL, NULL);
	struct got g = { 0 }, old;
	struct volume_sink out = { got_volume, got_snapshot, &g };
	struct volume_facts v = { .name = "db" };
	struct call c = call_for("live");
	struct err err = ERR_INIT;

	if (!live_begin(s)) {
		session_end(s);
		skip();
	}
	old = listed_now(s);
	v.id = old.id;
	c.freeze = freeze;
	c.thaw = thaw_too_late;
	assert_int_equal(provider_local.snapshot(s, &c, &v, "s", &out, &err),
			 -EBUSY);
	assert_non_null(strstr(err.text, "guard"));
	assert_int_equal(g.snapshots, 0);
	assert_string_equal(tree(), VOLUME " db/snapshots");
	live_end(s);
}

static int nothing(void *arg, struct err *err)
{
	return 0;
}

/* 512 MiB are not compared in 100 ms. */
static void test_freeze_limit(void **state)
{
	struct session *s = session_new(NULL, NULL);
	struct got g = { 0 }, old;
	struct volume_sink out = { got_volume, got_snapshot, &g };
	struct volume_facts v = { .name = "db" };
	struct volume_change grow = { .fields = FIELD_SIZE,
				      .size_bytes = 1 << 30 };
	struct call c = call_for("live");
	struct loop_device loop;
	struct err err = ERR_INIT;
	char image[512];
	int r, held;

	if (geteuid() != 0) {
		session_end(s);
		skip();
	}
	act_ok(s, "create", "1");
	old = listed_now(s);
	v.id = old.id;
	assert_int_equal(provider_local.modify(s, &c, &v, &grow, &out, &err),
			 0);
	file_fill("db/data.img", 'z', 512 << 20);
	image_path(image, "db/data.img");
	held = attach_held(image, false, &loop);
	c.freeze_limit_ms = 100;
	c.freeze = nothing; /* nothing is mounted */
	c.thaw = nothing;
	r = provider_local.snapshot(s, &c, &v, "s", &out, &err);
	close(held);
	assert_int_equal(loop_detach(loop.backing_dev, loop.backing_ino, 5000,
				     NULL), 0);
	if (r != -EBUSY && r != 0)
		fail_msg("snapshot: %d %s", r, err.text);
	if (r == 0) /* reflinks: at once */
		assert_int_equal(g.snapshots, 1);
	else
		assert_non_null(strstr(err.text, "freezeLimit"));
	session_end(s);
	path_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_then_repeated),
		cmocka_unit_test(test_killed_then_listed),
		cmocka_unit_test(test_spoiled_images),
		cmocka_unit_test(test_spoiled_facts),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_copied_by_hand),
		cmocka_unit_test(test_directory_replaced),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_imports_refused),
		cmocka_unit_test(test_snapshot_under_writer),
		cmocka_unit_test(test_thawed_too_early),
		cmocka_unit_test(test_freeze_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
