/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids, names, lookup, attributes, open files: over the fake engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "fake_engine.h"
#include "fs/fs.h"
#include "fs/mount_options.h"
#include "fs/opens.h"

static struct fs fs;

static int setup(void **state)
{
	if (fs_init(&fs, "/v", "1") < 0)
		return -1;
	fs.engine = fake_new(NULL);
	fake_add(fs.engine, 1, "db", "vol-1");
	fake_add(fs.engine, 1, "web", NULL);
	fake_add_snapshot(fs.engine, 1, 1, "nightly", "snap-1");
	fake_add_snapshot(fs.engine, 1, 0, "old", "snap-2");
	return 0;
}

static int teardown(void **state)
{
	fake_free(fs.engine);
	fs_done(&fs);
	memset(&fs, 0, sizeof(fs));
	return 0;
}

static void ids(void **state)
{
	uint64_t ino = node_make(3, 0x7fffffffff, VOLUME_STATUS);

	assert_int_equal(node_make(0, 0, DAEMON_ROOT), 1);
	assert_int_equal(node_service(ino), 3);
	assert_int_equal(node_serial(ino), 0x7fffffffff);
	assert_int_equal(node_index(ino), VOLUME_STATUS);
	assert_int_equal(node_service(node_make(NODE_SERVICE_MAX, 1, 1)),
			 NODE_SERVICE_MAX);
	assert_int_equal(node_kind(1), OBJECT_DAEMON);
	assert_int_equal(node_kind(node_make(0, 0, DAEMON_DRIVER_FIRST)),
			 OBJECT_DRIVER);
	assert_int_equal(node_kind(node_make(0, 17, JOB_STATUS)), OBJECT_JOB);
	assert_int_equal(node_kind(node_make(2, 0, SERVICE_DIR)),
			 OBJECT_SERVICE);
	assert_int_equal(node_kind(ino), OBJECT_VOLUME);
	assert_int_equal(node_kind(node_make(2, 9, SNAPSHOT_DIR)),
			 OBJECT_SNAPSHOT);
	assert_int_equal(node_kind(node_make(2, NODE_NAME_BIT | 4, NAME_CREATE)),
			 OBJECT_NAME);
}

/* Walks a path from the root. 0 or -ENOENT. */
static int walk(const char *path, struct object *out)
{
	char copy[512], *rest = copy, *word;
	struct object at, next;
	int r = node_resolve(&fs, 1, &at);

	snprintf(copy, sizeof(copy), "%s", path);
	while (r == 0 && (word = strsep(&rest, "/"))) {
		r = object_lookup(&at, word, &next);
		object_done(&at);
		at = next;
	}
	if (r == 0)
		*out = at;
	return r;
}

static void reads_as(const char *path, const char *text)
{
	struct buf b = BUF_INIT(1 << 20);
	struct object o;

	assert_int_equal(walk(path, &o), 0);
	object_show(&o, &b);
	assert_string_equal(buf_str(&b), text);
	buf_done(&b);
	object_done(&o);
}

static void is_absent(const char *path)
{
	struct object o;

	assert_int_equal(walk(path, &o), -ENOENT);
}

static void lookup(void **state)
{
	reads_as("full/db/id", "vol-1\n");
	reads_as("full/db/state", "available\n");
	reads_as("full/db/size", "1073741824\n");
	reads_as("full/db/throughput", "\n");
	reads_as("full/.by-id/vol-1", "../db");
	reads_as("full/.snapshots/db@nightly", "../db/snapshots/nightly");
	reads_as("full/.snapshots/snap-2/id", "snap-2\n");
	reads_as("full/db/snapshots/nightly/protect", "1\n");
	reads_as(".volfs/version", "1\n");
	is_absent("full/web/id");
	is_absent("full/db/device");
	is_absent("full/db/forget");
	is_absent("full/none");
	is_absent("full/.snapshots/snap-1");
	is_absent("full/.snapshots/web@nightly");
	is_absent("bare/.import");
	is_absent("bare/.snapshots");
	is_absent(".volfs/jobs/1");
	is_absent(".volfs/jobs/01");
}

/* Every node of the tree: its id leads back to it, and its size is true. */
static void check_node(const struct object *o)
{
	struct buf b = BUF_INIT(1 << 20);
	struct object again;
	struct stat st;

	assert_int_equal(node_resolve(&fs, object_ino(o), &again), 0);
	assert_ptr_equal(again.row, o->row);
	assert_int_equal(object_stat(&again, &st), 0);
	assert_int_equal(st.st_ino, object_ino(o));
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_blocks, 0);
	if (S_ISREG(st.st_mode)) {
		object_show(&again, &b);
		assert_int_equal(st.st_size, b.len);
		if (o->row->class == CLASS_VERB)
			assert_true(b.len >= 512);
		if (b.len)
			assert_int_equal(b.data[b.len - 1], '\n');
	}
	buf_done(&b);
	object_done(&again);
}

static unsigned check_tree(const struct object *dir)
{
	const struct children *c = dir->row->children;
	struct cursor cursor = { 0 };
	struct child child;
	unsigned count = 1;
	uint64_t after = 0;
	struct object o, found;

	check_node(dir);
	if (!attr_is_directory(dir->row))
		return count;
	for (const struct attr *a = attr_tables[dir->kind]->rows; a->name;
	     a++) {
		if (a->in != dir->row->index ||
		    object_lookup(dir, a->name, &o) < 0)
			continue;
		count += check_tree(&o);
		object_done(&o);
	}
	while (c && c->next(dir, after, &cursor, &child, &o) == 0) {
		assert_true(child.serial > after);
		after = child.serial;
		assert_int_equal(object_lookup(dir, child.name, &found), 0);
		assert_int_equal(object_ino(&found), object_ino(&o));
		object_done(&found);
		count += check_tree(&o);
		object_done(&o);
	}
	if (cursor.inv)
		inventory_unref(cursor.inv);
	return count;
}

static void whole_tree(void **state)
{
	struct object root;

	assert_int_equal(node_resolve(&fs, 1, &root), 0);
	assert_true(check_tree(&root) > 100);
	object_done(&root);
}

static void gone(void **state)
{
	struct object o;
	uint64_t ino;

	assert_int_equal(walk("full/db/status", &o), 0);
	ino = object_ino(&o);
	object_done(&o);
	fake_remove(fs.engine, 1, 1);
	assert_int_equal(node_resolve(&fs, ino, &o), -ENOENT);
	is_absent("full/db");
	assert_int_equal(node_resolve(&fs, 0, &o), -ENOENT);
	assert_int_equal(node_resolve(&fs, node_make(9, 1, 1), &o), -ENOENT);
	assert_int_equal(node_resolve(&fs, UINT64_MAX, &o), -ENOENT);
}

static mode_t mode_at(const char *path, uid_t *uid)
{
	struct object o;
	struct stat st;

	assert_int_equal(walk(path, &o), 0);
	assert_int_equal(object_stat(&o, &st), 0);
	*uid = st.st_uid;
	object_done(&o);
	return st.st_mode;
}

static void modes(void **state)
{
	struct volume_local *l = local_new();
	uid_t uid;

	assert_int_equal(mode_at("full/db", &uid), S_IFDIR | 0755);
	assert_int_equal(mode_at("full/db/status", &uid), S_IFREG | 0444);
	assert_int_equal(mode_at("full/db/size", &uid), S_IFREG | 0644);
	assert_int_equal(mode_at("full/db/throughput", &uid), S_IFREG | 0444);
	assert_int_equal(mode_at("full/db/attach", &uid), S_IFREG | 0644);
	assert_int_equal(mode_at(".volfs/config", &uid), S_IFREG | 0440);
	assert_int_equal(mode_at(".volfs/jobs", &uid), S_IFDIR | 0550);
	assert_int_equal(uid, 0);
	l->owner_uid = 1000;
	l->owner_mode = 0770;
	fake_set_local(fs.engine, 1, 1, l);
	local_unref(l);
	assert_int_equal(mode_at("full/db", &uid), S_IFDIR | 0770);
	assert_int_equal(uid, 1000);
	assert_int_equal(mode_at("full/db/attach", &uid), S_IFREG | 0660);
	assert_int_equal(uid, 1000);
	assert_int_equal(mode_at("full/db/status", &uid), S_IFREG | 0440);
	assert_int_equal(mode_at("full/db/snapshots/nightly/protect", &uid),
			 S_IFREG | 0660);
	assert_int_equal(uid, 1000);
	assert_int_equal(mode_at("full/web/attach", &uid), S_IFREG | 0644);
	assert_int_equal(uid, 0);
}

static void names(void **state)
{
	struct names *n = names_new();
	uint64_t a = names_get(n, 1, NAME_CREATE, "x");
	uint64_t b = names_get(n, 1, NAME_REMOVE, "x");
	char *name;

	assert_true(a & NODE_NAME_BIT);
	assert_int_not_equal(a, b);
	assert_int_equal(names_get(n, 1, NAME_CREATE, "x"), a);
	names_forget(n, a, 1);
	name = names_find(n, a);
	assert_string_equal(name, "x");
	free(name);
	names_forget(n, a, 5);
	assert_null(names_find(n, a));
	assert_int_not_equal(names_get(n, 1, NAME_CREATE, "x"), a);
	assert_int_equal(names_count(n), 2);
	names_forget(n, 12345, 1);
	/* However many others look up, a writer keeps his. */
	names_open(n, b);
	for (unsigned i = 0; i < 20000; i++) {
		char other[16];

		snprintf(other, sizeof(other), "n%u", i);
		names_get(n, 1, NAME_CREATE, other);
	}
	assert_true(names_count(n) < 20000);
	name = names_find(n, b);
	assert_string_equal(name, "x");
	free(name);
	names_forget(n, b, 1);
	name = names_find(n, b);
	assert_string_equal(name, "x");
	free(name);
	names_close(n, b);
	assert_null(names_find(n, b));
	names_close(n, b);
	names_free(n);
}

static unsigned woken;

static void wake(void *arg, uint64_t kh)
{
	woken += kh == 7;
}

static void open_files(void **state)
{
	struct opens *o = opens_new();
	uint64_t fh = opens_add(o, 42, true);
	struct buf b = BUF_INIT(100);

	assert_int_equal(opens_read(o, fh, 0, 10, &b), -ENOENT);
	assert_int_equal(opens_keep(o, fh, 42, 1000, "hello world", 11,
				    OPENS_MUST), 0);
	assert_int_equal(opens_read(o, fh, 6, 10, &b), 0);
	assert_string_equal(buf_str(&b), "world");
	assert_int_equal(opens_read(o, fh, 11, 10, &b), 0);
	assert_int_equal(opens_read(o, fh, 99, 10, &b), 0);
	assert_string_equal(buf_str(&b), "world");
	assert_false(opens_poll(o, fh, 42, 7, true));
	opens_changed(o, 41, wake, NULL);
	assert_int_equal(woken, 0);
	opens_changed(o, 42, wake, NULL);
	assert_int_equal(woken, 1);
	assert_true(opens_poll(o, fh, 42, 7, true));
	opens_begin_read(o, fh);
	assert_false(opens_poll(o, fh, 42, 7, true));
	opens_release(o, fh);
	opens_changed(o, 42, wake, NULL);
	assert_int_equal(woken, 1);
	/* One from before a restart: it may have changed. */
	assert_true(opens_poll(o, 3, 42, 7, true));
	buf_done(&b);
	opens_free(o);
}

#define MIB ((size_t)1 << 20)

/* One user leaves room for the others, and all of them for root. */
static void kept_texts(void **state)
{
	AUTO(auto_free) char *text = calloc(1, 20 * MIB);
	struct opens *o = opens_new();
	uint64_t fh;

	assert_non_null(text);
	for (fh = 1; fh <= 8; fh++)
		assert_int_equal(opens_keep(o, fh, 42, 1000, text, MIB,
					    OPENS_MUST), 0);
	assert_int_equal(opens_keep(o, fh, 42, 1000, text, MIB, OPENS_MUST),
			 -EAGAIN);
	assert_int_equal(opens_keep(o, fh, 42, 1000, text, MIB, OPENS_IF_ROOM),
			 0);
	assert_int_equal(opens_keep(o, 1, 42, 1000, text, 10, OPENS_MUST), 0);
	opens_release(o, 2);
	assert_int_equal(opens_keep(o, fh, 42, 1000, text, MIB, OPENS_MUST), 0);
	/* A large one is always possible, but only one. */
	assert_int_equal(opens_keep(o, 100, 42, 1001, text, 20 * MIB,
				    OPENS_MUST), 0);
	assert_int_equal(opens_keep(o, 101, 42, 1001, text, 1, OPENS_MUST),
			 -EAGAIN);
	assert_int_equal(opens_keep(o, 102, 42, 1002, text, 20 * MIB,
				    OPENS_MUST), 0);
	assert_int_equal(opens_keep(o, 103, 42, 1003, text, MIB, OPENS_MUST),
			 -EAGAIN);
	assert_int_equal(opens_keep(o, 104, 42, 0, text, 10 * MIB, OPENS_MUST),
			 0);
	assert_int_equal(opens_keep(o, 105, 42, 0, text, 10 * MIB, OPENS_MUST),
			 -EAGAIN);
	opens_release(o, 102);
	assert_int_equal(opens_keep(o, 103, 42, 1003, text, MIB, OPENS_MUST),
			 0);
	opens_free(o);
}

static void options(void **state)
{
	unsigned long flags = 0;
	struct err err = ERR_INIT;

	assert_int_equal(mount_options_parse(NULL, &flags, &err), 0);
	assert_int_equal(mount_options_parse("noexec,x-systemd.automount",
					     &flags, &err), 0);
	assert_true(flags != 0);
	assert_int_equal(mount_options_parse("noexecc", &flags, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "did you mean 'noexec'"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids), TEST(lookup), TEST(whole_tree),
		TEST(gone), TEST(modes), cmocka_unit_test(names),
		cmocka_unit_test(open_files), cmocka_unit_test(kept_texts),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
