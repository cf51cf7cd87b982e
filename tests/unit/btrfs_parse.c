/* SPDX-License-Identifier: Apache-2.0 */
/* The btrfs driver's pure half: records and replies become facts, or -EPROTO
 * with a sentence; names that a directory cannot have are refused with one that
 * it can. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/escape.h"
#include "providers/btrfs.h"

static struct json_object *parse(const char *text)
{
	struct json_object *o = NULL;
	struct err err = ERR_INIT;

	if (btrfs_json(text, strlen(text), "it", &o, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return o;
}

#define RECORD                                                              \
	"\"schema\":1,\"id\":\"v-t1\",\"token\":\"t1\",\"uuid\":\"u\","      \
	"\"number\":300,\"dir\":\"db\",\"created_at_s\":7,"                 \
	"\"managed\":true,\"blank\":true"

static void test_volume(void **state)
{
	AUTO(auto_json) struct json_object *o = parse(
		"{" RECORD ",\"name\":\"d\xff" "b\",\"limit_bytes\":4096,"
		"\"quota\":\"simple\",\"tags\":{\"z\":\"1\",\"a\":\"\xfe\"},"
		"\"source\":\"snapshot\",\"source_id\":\"s-1\"}");
	struct btrfs_volume v;
	struct err err = ERR_INIT;

	assert_int_equal(btrfs_record_check(o, &err), 0);
	assert_int_equal(btrfs_volume_parse(o, &v, &err), 0);
	assert_string_equal(v.f.id, "v-t1");
	assert_string_equal(v.f.name, "d\xff" "b");
	assert_string_equal(v.f.token, "t1");
	assert_int_equal(v.f.size_bytes, 4096);
	assert_int_equal(v.f.created_at_s, 7);
	assert_true(v.f.managed && v.f.blank);
	assert_int_equal(v.f.source, SOURCE_SNAPSHOT);
	assert_int_equal(v.f.state, VOLUME_AVAILABLE);
	assert_int_equal(v.f.health, HEALTH_OK);
	assert_int_equal(v.f.encrypted, -1);
	assert_int_equal(v.f.iops, -1);
	assert_int_equal(v.f.n_tags, 2);
	assert_string_equal(v.f.tags[0].key, "a");
	assert_string_equal(v.f.tags[0].value, "\xfe");
	assert_string_equal(v.f.details, "{\"subvolume\":300,\"uuid\":\"u\",\"quota\":\"simple\"}");
	btrfs_volume_done(&v);
}

static void test_states(void **state)
{
	static const struct {
		const char *more;
		enum volume_state state;
		enum volume_health health;
		enum volume_access access;
		const char *says;
	} cases[] = {
		{ "", VOLUME_AVAILABLE, HEALTH_OK, ACCESS_MULTI_WRITER, NULL },
		{ ",\"read_only\":true", VOLUME_AVAILABLE, HEALTH_OK,
		  ACCESS_READ_ONLY_MANY, NULL },
		{ ",\"inconsistent\":true", VOLUME_AVAILABLE, HEALTH_DEGRADED,
		  ACCESS_MULTI_WRITER, "quota rescan" },
		{ ",\"damaged\":\"it is\"", VOLUME_ERROR, HEALTH_FAILED,
		  ACCESS_MULTI_WRITER, "it is" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(auto_json) struct json_object *o = NULL;
		struct btrfs_volume v;
		struct err err = ERR_INIT;
		char text[400];

		snprintf(text, sizeof(text), "{" RECORD "%s}", cases[i].more);
		o = parse(text);
		assert_int_equal(btrfs_volume_parse(o, &v, &err), 0);
		assert_int_equal(v.f.state, cases[i].state);
		assert_int_equal(v.f.health, cases[i].health);
		assert_int_equal(v.f.access, cases[i].access);
		if (cases[i].says)
			assert_non_null(strstr(v.f.health_message,
					       cases[i].says));
		else
			assert_null(v.f.health_message);
		btrfs_volume_done(&v);
	}
}

/* Each refused, with a sentence that has the word. */
static void test_spoilt(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{}", "id" },
		{ "{\"id\":5}", "uuid" },
		{ "{\"id\":\"../x\",\"uuid\":\"u\"}", "id" },
		{ "{\"id\":\"\",\"uuid\":\"u\"}", "id" },
		{ "{\"id\":\"a\",\"uuid\":{}}", "uuid" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"number\":-1}", "number" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"managed\":[]}", "managed" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"source\":\"x\"}", "source" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"tags\":[]}", "tags" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"tags\":{\"a\":1}}", "tag" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"dir\":[]}", "dir" },
		{ "{\"id\":\"a\",\"uuid\":\"u\",\"entry\":[]}", "entry" },
	};
	static const char *const broken[] = { "", "{", "[]", "null", "{} x",
					      "\"a\"", "{\"id\": 1" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(auto_json) struct json_object *o = parse(cases[i].text);
		struct err err = ERR_INIT;

		if (btrfs_record_check(o, &err) != -EPROTO ||
		    !strstr(err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		struct json_object *o = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(btrfs_json(broken[i], strlen(broken[i]),
					    "the record", &o, &err), -EPROTO);
		assert_non_null(strstr(err.text, "the record"));
		assert_null(o);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *would_do;     /* NULL: it does itself */
	} cases[] = {
		{ "db", NULL }, { "d b\n\xff", NULL }, { "a.b", NULL },
		{ "", "'volume' would do" }, { ".", "'_' would do" },
		{ "..", "'_.' would do" }, { ".db", "'_db' would do" },
		{ "a/b", "'a-b' would do" }, { "/", "'-' would do" },
		{ "a/ ", "'a-%20' would do" },
	};
	char name[NAME_BYTES_MAX + 2];
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = btrfs_name_check(cases[i].name, &err);

		if (!cases[i].would_do)
			assert_int_equal(r, 0);
		else if (r != -EINVAL || !strstr(err.text, cases[i].would_do))
			fail_msg("'%s': %s", cases[i].name, err.text);
	}
	memset(name, 'a', sizeof(name));
	name[NAME_BYTES_MAX] = '\0';
	assert_int_equal(btrfs_name_check(name, &err), 0);
	name[NAME_BYTES_MAX] = 'a';
	name[NAME_BYTES_MAX + 1] = '\0';
	assert_int_equal(btrfs_name_check(name, &err), -EINVAL);
}

struct counted {
	size_t volumes, snapshots;
};

static int count_volume(void *arg, const struct volume_facts *f,
			struct err *err)
{
	((struct counted *)arg)->volumes++;
	return 0;
}

static int count_snapshot(void *arg, const struct snapshot_facts *f,
			  struct err *err)
{
	((struct counted *)arg)->snapshots++;
	assert_string_equal(f->consistency, "crash");
	assert_string_equal(f->volume_id, "v-t1");
	assert_int_equal(f->size_bytes, 9);
	return 0;
}

static void test_reply(void **state)
{
	AUTO(auto_json) struct json_object *o = parse(
		"{\"volumes\":[{" RECORD "},{\"id\":\"x\"}],\"snapshots\":["
		"{\"id\":\"s-1\",\"name\":\"one\",\"volume\":\"v-t1\","
		"\"size_bytes\":9}]}");
	AUTO(auto_json) struct json_object *none = parse("{}");
	AUTO(auto_json) struct json_object *bad = parse(
		"{\"snapshots\":[{\"id\":\"s-1\"}]}");
	struct counted n = { 0 };
	const struct volume_sink sink = { count_volume, count_snapshot, &n };
	struct err err = ERR_INIT;

	assert_int_equal(btrfs_reply_emit(o, &sink, &err), 0);
	assert_int_equal(n.volumes, 2);
	assert_int_equal(n.snapshots, 1);
	assert_int_equal(btrfs_reply_emit(none, &sink, &err), 0);
	assert_int_equal(btrfs_reply_emit(bad, &sink, &err), -EPROTO);
	assert_non_null(strstr(err.text, "name"));
	assert_int_equal(n.snapshots, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume), cmocka_unit_test(test_states),
		cmocka_unit_test(test_spoilt), cmocka_unit_test(test_names),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
