/* SPDX-License-Identifier: Apache-2.0 */

/* The pure halves of the nfs driver: options, names, sources of mounts, and
 * what a helper says, good and bad. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "core/host/share.h"
#include "providers/nfs.h"

/* ---- options ---- */

static void done(struct nfs_session *s)
{
	for (size_t i = 0; i < s->n_exports; i++) {
		free(s->exports[i].name);
		free(s->exports[i].id);
		free(s->exports[i].source);
	}
	free(s->exports);
	options_done(provider_nfs.options, s);
}

/* "key=value" each; a list's items are divided by '|'. */
static int check(struct nfs_session *s, const char *const *given,
		 struct err *err)
{
	struct opt_value v[8];
	struct opt_values values = { v, 0 };
	char texts[8][256];
	int r;

	memset(s, 0, sizeof(*s));
	for (; *given; given++) {
		const char *eq = strchr(*given, '=');
		char key[32];

		snprintf(key, sizeof(key), "%.*s", (int)(eq - *given), *given);
		snprintf(texts[values.n], sizeof(texts[0]), "%s", eq + 1);
		for (char *c = texts[values.n]; *c; c++)
			if (*c == '|')
				*c = '\n';
		v[values.n] = (struct opt_value){
			options_find(provider_nfs.options, key),
			texts[values.n], (char *)"the test"
		};
		assert_non_null(v[values.n++].spec);
	}
	r = options_apply(provider_nfs.options, &values, s, err);
	return r < 0 ? r : nfs_options_check(s, err);
}

static void test_options(void **state)
{
	struct nfs_session s;
	struct err err = ERR_INIT;

	/* openstorage's words, and its list in one text. */
	assert_int_equal(check(&s, (const char *const[]){
		"server=nas-1, nas-2|[fe80::1]", "share=/export/",
		"subDir=volumes/web/", NULL }, &err), 0);
	assert_string_equal(s.servers[0], "nas-1");
	assert_string_equal(s.servers[1], "nas-2");
	assert_string_equal(s.servers[2], "fe80::1");
	assert_null(s.servers[3]);
	assert_string_equal(s.path, "/export");
	assert_string_equal(s.sub_dir, "volumes/web");
	assert_string_equal(s.on_delete, "retain");
	assert_int_equal(s.port, 2049);
	assert_int_equal(s.timeout_ms, 5000);
	done(&s);
	assert_int_equal(check(&s, (const char *const[]){
		"mountedAt=/mnt/share", NULL }, &err), 0);
	done(&s);
	assert_int_equal(check(&s, (const char *const[]){
		"volumes=db=nas:/db|web=[::1]:/web", NULL }, &err), 0);
	assert_int_equal(s.n_exports, 2);
	assert_string_equal(s.exports[0].name, "db");
	assert_string_equal(s.exports[0].id, "export-db");
	assert_string_equal(s.exports[1].source, "[::1]:/web");
	done(&s);
}

static void test_bad_options(void **state)
{
	static const struct {
		const char *const given[4];
		const char *says;
	} bad[] = {
		{ { NULL }, "'server' is missing" },
		{ { "server=nas", NULL }, "'path' is missing" },
		{ { "path=/x", NULL }, "'server' is missing" },
		{ { "server=na s", "path=/x", NULL }, NULL },
		{ { "server=nas;reboot", "path=/x", NULL }, "no name or address" },
		{ { "server=a$(b)", "path=/x", NULL }, "no name or address" },
		{ { "server=nas", "path=/x", "subDir=../up", NULL }, "'subDir'" },
		{ { "server=nas", "path=/x", "subDir=a/../b", NULL }, "'subDir'" },
		{ { "server=nas", "path=/x", "subDir=/a", NULL }, "'subDir'" },
		{ { "server=nas", "path=/x", "subDir=a//b", NULL }, "'subDir'" },
		{ { "server=nas", "path=/x", "subDir=.volfs", NULL }, "'subDir'" },
		{ { "server=nas", "mountedAt=/x", NULL }, "one of them" },
		{ { "volumes=db", NULL }, "NAME=HOST:/PATH" },
		{ { "volumes==nas:/db", NULL }, "NAME=HOST:/PATH" },
		{ { "volumes=db=nas", NULL }, "NAME=HOST:/PATH" },
		{ { "volumes=db=:/db", NULL }, "NAME=HOST:/PATH" },
		{ { "volumes=db=nas:/db,ro", NULL }, "NAME=HOST:/PATH" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nfs_session s;
		struct err err = ERR_INIT;
		int r = check(&s, bad[i].given, &err);

		if (!bad[i].says) {       /* cut at the blank */
			assert_int_equal(r, 0);
			assert_string_equal(s.servers[0], "na");
		} else {
			assert_int_equal(r, -EINVAL);
			if (!strstr(err.text, bad[i].says))
				fail_msg("row %zu: %s", i, err.text);
		}
		done(&s);
	}
}

static void test_sources(void **state)
{
	static const struct {
		const char *server, *path, *sub, *dir, *source;
	} rows[] = {
		{ "nas", "/", NULL, NULL, "nas:/" },
		{ "nas", "/", NULL, "db", "nas:/db" },
		{ "nas", "/export", "a/b", "db", "nas:/export/a/b/db" },
		{ "fe80::1", "/x", "", "db", "[fe80::1]:/x/db" },
		{ NULL, "/mnt/share", "a", "db", "/mnt/share/a/db" },
	};
	char host[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(auto_free) char *source = nfs_source(
			rows[i].server, rows[i].path, rows[i].sub, rows[i].dir);

		assert_string_equal(source, rows[i].source);
		if (rows[i].server) {
			assert_non_null(share_host(source, host, sizeof(host)));
			assert_string_equal(host, rows[i].server);
		} else {
			assert_null(share_host(source, host, sizeof(host)));
		}
	}
	assert_string_equal(share_host("nas:/a/b", host, sizeof(host)), "/a/b");
	assert_null(share_host("", host, sizeof(host)));
	assert_null(share_host(":/a", host, sizeof(host)));
	assert_null(share_host("[::1", host, sizeof(host)));
	assert_null(share_host("nas:/a", host, 3));
}

/* ---- names ---- */

static void test_names(void **state)
{
	char dir[NAME_BYTES_MAX + 1], name[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;
	char longest[400];

	assert_int_equal(nfs_dir_of_name("a b/c", dir, &err), 0);
	assert_string_equal(dir, "a%20b%2Fc");
	nfs_name_of_dir(dir, name);
	assert_string_equal(name, "a b/c");
	assert_int_equal(nfs_dir_of_name(".volfs", dir, &err), 0);
	assert_string_equal(dir, "%2Evolfs");
	/* A directory that nobody escaped is called what it is called. */
	nfs_name_of_dir("two words", name);
	assert_string_equal(name, "two words");
	nfs_name_of_dir("100%", name);
	assert_string_equal(name, "100%");
	assert_int_equal(nfs_dir_of_name("", dir, &err), -EINVAL);
	assert_int_equal(nfs_dir_of_name("archived-db", dir, &err), -EINVAL);
	assert_non_null(strstr(err.text, "'kept-archived-db'"));
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(nfs_dir_of_name(longest, dir, &err), -EINVAL);
	longest[255] = '\0';
	assert_int_equal(nfs_dir_of_name(longest, dir, &err), 0);
}

static void test_ids(void **state)
{
	static const char *const bad[] = { "", "v", "v-", "../x", "v-a/b",
					   ".volfs", "v-a.b", "v-a b" };
	char longest[200];

	/* "v-" alone is short; three bytes and more of the alphabet are fine */
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(nfs_id_is_sound(bad[i]));
	assert_true(nfs_id_is_sound("v-volfs-0123abcd"));
	assert_true(nfs_id_is_sound("ino-1f"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(nfs_id_is_sound(longest));
}

/* ---- what a helper says ---- */

struct seen {
	char text[512];
	unsigned n;
};

static int see_volume(void *arg, const struct volume_facts *f,
		      struct err *err)
{
	struct seen *s = arg;

	s->n++;
	snprintf(s->text, sizeof(s->text),
		 "%s '%s' %s %s managed=%d blank=%d source=%d tags=%u%s%s size=%llu access=%s details=%s",
		 f->id, f->name, volume_state_name(f->state),
		 volume_health_name(f->health), f->managed, f->blank,
		 f->source, f->n_tags, f->n_tags ? " first=" : "",
		 f->n_tags ? f->tags[0].key : "",
		 (unsigned long long)f->size_bytes,
		 volume_access_name(f->access), f->details);
	return 0;
}

static int see_snapshot(void *arg, const struct snapshot_facts *f,
			struct err *err)
{
	struct seen *s = arg;

	s->n++;
	snprintf(s->text, sizeof(s->text), "%s '%s' of %s %s %s", f->id,
		 f->name, f->volume_id, snapshot_state_name(f->state),
		 f->consistency);
	return 0;
}

static int give(const char *json, bool snapshot, struct seen *seen,
		struct err *err)
{
	AUTO(auto_json) struct json_object *o = json_tokener_parse(json);
	const struct volume_sink sink = { see_volume, see_snapshot, seen };

	memset(seen, 0, sizeof(*seen));
	assert_non_null(o);
	return snapshot ? nfs_give_snapshot(o, &sink, err)
			: nfs_give_volume(o, &sink, err);
}

static void test_volumes(void **state)
{
	struct err err = ERR_INIT;
	struct seen seen;

	assert_int_equal(give("{\"id\":\"v-1a\",\"directory\":\"a%20b\",\"state\":\"available\",\"managed\":true,\"blank\":true,\"tags\":{\"z\":\"1\",\"a\":\"2\"},\"source\":\"snapshot\",\"created_at_s\":7}",
			      false, &seen, &err), 0);
	assert_string_equal(seen.text, "v-1a 'a b' available ok managed=1 blank=1 source=1 tags=2 first=a size=0 access=multi-writer details={\"directory\":\"a%20b\"}");
	assert_int_equal(give("{\"id\":\"ino-1\",\"directory\":\"x\",\"state\":\"restoring\"}",
			      false, &seen, &err), 0);
	assert_non_null(strstr(seen.text, "error failed managed=0"));
	assert_int_equal(give("{\"id\":\"ino-1\",\"directory\":\"x\",\"state\":\"no such word\"}",
			      false, &seen, &err), 0);
	assert_non_null(strstr(seen.text, "unknown unknown"));
	assert_int_equal(give("{\"id\":\"s-1\",\"directory\":\"nightly\",\"volume_id\":\"v-1\",\"folder\":\"db\"}",
			      true, &seen, &err), 0);
	assert_string_equal(seen.text,
			    "s-1 'nightly' of v-1 available files");
}

static void test_bad_answers(void **state)
{
	static const struct {
		const char *json;
		bool snapshot;
	} bad[] = {
		{ "{}", false },
		{ "{\"id\":\"v-1\",\"directory\":\"x\"}", false },
		{ "{\"id\":\"v-1\",\"state\":\"available\"}", false },
		{ "{\"id\":\"../x\",\"directory\":\"x\",\"state\":\"available\"}", false },
		{ "{\"id\":\"v-1\",\"directory\":\"\",\"state\":\"available\"}", false },
		{ "{\"id\":[],\"directory\":\"x\",\"state\":\"available\"}", false },
		{ "{\"id\":\"v-1\",\"directory\":\"x\",\"state\":\"available\",\"tags\":[]}", false },
		{ "{\"id\":\"v-1\",\"directory\":\"x\",\"state\":\"available\",\"tags\":{\"a\":{}}}", false },
		{ "{\"id\":\"v-1\",\"directory\":\"x\",\"state\":\"available\",\"managed\":\"maybe\"}", false },
		{ "{\"id\":\"s-1\",\"directory\":\"x\"}", true },
		{ "{\"id\":\"s-1\",\"volume_id\":\"v-1\"}", true },
		{ "{\"id\":\"s 1\",\"directory\":\"x\",\"volume_id\":\"v-1\"}", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		struct seen seen;

		if (give(bad[i].json, bad[i].snapshot, &seen, &err) != -EPROTO)
			fail_msg("row %zu was taken: %s", i, seen.text);
		assert_int_equal(seen.n, 0);
		assert_int_equal(err.num, EPROTO);
		assert_true(strlen(err.text) > 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_bad_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
