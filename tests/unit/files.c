/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute tables themselves: what everything is derived from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fake_engine.h"
#include "fs/fs.h"

static void check_row(const struct attr_table *t, const struct attr *a)
{
	size_t help = a->help ? strlen(a->help) : 0;

	if (help < 5 || a->help[help - 1] != '.')
		fail_msg("%s: '%s' has no help sentence", t->title, a->name);
	assert_true(a->index > 0 && a->index < DAEMON_DRIVER_FIRST);
	if (a->class == CLASS_VERB)
		assert_non_null(a->verb);
	else
		assert_null(a->verb);
	if (a->setting)
		assert_int_equal(a->class, CLASS_SETTING);
	if (a->children)
		assert_true(attr_is_directory(a));
	/* What is no directory, verb or events has a text. */
	if (!attr_is_directory(a) && a->class != CLASS_VERB && !a->show)
		assert_memory_equal(a->name, "events", 6);
}

static void tables(void **state)
{
	for (int k = 0; k < OBJECT_KINDS; k++) {
		const struct attr_table *t = attr_tables[k];
		uint64_t seen = 0;
		unsigned last = 0;

		assert_int_equal(t->kind, k);
		for (const struct attr *a = t->rows; a->name; a++) {
			check_row(t, a);
			assert_false(seen & UINT64_C(1) << a->index);
			seen |= UINT64_C(1) << a->index;
			assert_true(a->index > last);
			last = a->index;
			if (k != OBJECT_DRIVER)
				assert_ptr_equal(attr_by_index(
					(enum object_kind)k, a->index), a);
		}
	}
}

/* A row's directory is a row of the same table; no two of a name in one. */
static void places(void **state)
{
	for (int k = 0; k < OBJECT_KINDS; k++) {
		const struct attr *rows = attr_tables[k]->rows;

		for (const struct attr *a = rows; a->name; a++) {
			const struct attr *in = a->in ? attr_by_index(
				(enum object_kind)k, a->in) : NULL;

			assert_true(!a->in || (in && attr_is_directory(in)));
			if (!a->in)
				assert_string_equal(a->name, "");
			for (const struct attr *b = rows; a->in && b != a; b++)
				assert_false(a->in == b->in &&
					     !strcmp(a->name, b->name));
		}
	}
}

/* The numbers are in kernels' hands and in open files: never another one. */
static void numbers(void **state)
{
	static const struct { enum object_kind kind; unsigned index;
			      const char *name; } fixed[] = {
		{ OBJECT_DAEMON, 2, "README" }, { OBJECT_DAEMON, 13, "events" },
		{ OBJECT_JOB, 2, "status" }, { OBJECT_SERVICE, 5, ".create" },
		{ OBJECT_SERVICE, 10, ".by-id" }, { OBJECT_VOLUME, 3, "status" },
		{ OBJECT_VOLUME, 9, "size" }, { OBJECT_VOLUME, 22, "attach" },
		{ OBJECT_VOLUME, 35, "device" }, { OBJECT_VOLUME, 37, "data" },
		{ OBJECT_SNAPSHOT, 49, "status" },
		{ OBJECT_SNAPSHOT, 55, "restore" },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		assert_string_equal(attr_by_index(fixed[i].kind,
						  fixed[i].index)->name,
				    fixed[i].name);
}

/* Commands of README files begin with four blanks, and name what is there. */
static void readmes(void **state)
{
	static struct fs fs;
	static const uint64_t inos[] = { 2, 0, 0 };
	uint64_t ino[3];

	memcpy(ino, inos, sizeof(ino));
	ino[1] = node_make(1, 0, SERVICE_README);
	ino[2] = node_make(1, 1, VOLUME_README);
	assert_int_equal(fs_init(&fs, "/v", "1"), 0);
	fs.engine = fake_new(NULL);
	fake_add(fs.engine, 1, "db", "vol-1");
	for (int i = 0; i < 3; i++) {
		struct buf b = BUF_INIT(1 << 20);
		struct object o;
		unsigned commands = 0;

		assert_int_equal(node_resolve(&fs, ino[i], &o), 0);
		object_show(&o, &b);
		for (const char *p = buf_str(&b); p; p = strchr(p, '\n')) {
			p += *p == '\n';
			if (strncmp(p, "    ", 4) != 0)
				continue;
			commands++;
			assert_true(strstr(p, "/v") || strstr(p, "volctl"));
		}
		assert_true(commands >= 5);
		buf_done(&b);
		object_done(&o);
	}
	fake_free(fs.engine);
	fs_done(&fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables), cmocka_unit_test(places),
		cmocka_unit_test(numbers), cmocka_unit_test(readmes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
