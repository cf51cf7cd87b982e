/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TESTS_STORE_PLACE_H
#define VOLFS_TESTS_STORE_PLACE_H

/* What the tests of the store share: a directory for each, and short forms of
 * calls that must succeed. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/auto.h"
#include "core/store_internal.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)

/* One directory a test; @dir is in it and not there yet. */
struct place {
	char root[64];
	char dir[80];
};

static inline int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->root, sizeof(p->root), "/tmp/volfs-store-XXXXXX");
	if (!mkdtemp(p->root))
		return -1;
	snprintf(p->dir, sizeof(p->dir), "%s/state", p->root);
	*state = p;
	return 0;
}

static inline int entry_remove(const char *path, const struct stat *s, int type,
			struct FTW *walk)
{
	return remove(path);
}

static inline int place_remove(void **state)
{
	struct place *p = *state;

	umount2(p->dir, MNT_DETACH); /* in a namespace of our own only */
	nftw(p->root, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static inline struct store *open_ok(const char *dir)
{
	struct store *st = NULL;
	struct err err = ERR_INIT;
	char *moved = NULL;

	if (store_open(dir, &st, &moved, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(moved);
	return st;
}

static inline int put(struct store *st, const char *key, const void *value,
	       size_t len, struct err *err)
{
	struct store_batch *b = store_batch_new();

	store_batch_put(b, "b", key, value, len);
	return store_commit(st, b, err);
}

static inline void put_ok(struct store *st, const char *key, const char *value)
{
	struct err err = ERR_INIT;

	if (put(st, key, value, strlen(value), &err) < 0)
		fail_msg("%s", err.text);
}

static inline void check_value(struct store *st, const char *key, const char *want)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(4096);
	struct err err = ERR_INIT;
	int r = store_get(st, "b", key, &out, &err);

	if (!want) {
		assert_int_equal(r, -ENOENT);
		assert_string_equal(err.text, "");
		return;
	}
	if (r < 0)
		fail_msg("%s: %s", key, err.text);
	assert_string_equal(buf_str(&out), want);
}

/* A connection of another program, which keeps all writers out. */
static inline sqlite3 *foreign_lock(const char *dir, const char *how)
{
	char path[160];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/volfs.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, how, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static inline void foreign_unlock(sqlite3 *db)
{
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(db);
}

static inline void fill(struct store *st, int rows, size_t len)
{
	struct store_batch *b = store_batch_new();
	AUTO(auto_free) char *value = malloc(len);
	struct err err = ERR_INIT;

	memset(value, 'v', len);
	for (int i = 0; i < rows; i++) {
		char key[32];

		snprintf(key, sizeof(key), "%08d", i);
		store_batch_put(b, "rows", key, value, len);
	}
	if (store_commit(st, b, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
