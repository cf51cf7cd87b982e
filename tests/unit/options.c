/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "core/options.h"

struct target {
	char *name, *path, *secret, *color;
	bool on;
	uint64_t count, size, wait_ms, mode;
	char **list, **map;
};

#define AT(field) offsetof(struct target, field)

static const char *const colors[] = { "red", "green", "blue", NULL };
static const char *const old_names[] = { "title", "label", NULL };

static const struct opt_spec table[] = {
	{ "name", OPT_STR, AT(name), .aliases = old_names, .required = true,
	  .env = "OLD_NAME", .help = "What it is called." },
	{ "path", OPT_PATH, AT(path), .dflt = "/tmp", .help = "Where." },
	{ "secret", OPT_SECRET, AT(secret), .help = "Not for others." },
	{ "color", OPT_CHOICE, AT(color), .dflt = "green", .choices = colors,
	  .help = "How it looks." },
	{ "on", OPT_BOOL, AT(on), .dflt = "true", .help = "Whether." },
	{ "count", OPT_U64, AT(count), .dflt = "3", .min = 1, .max = 9,
	  .help = "How many." },
	{ "size", OPT_SIZE, AT(size), .dflt = "1G", .unit = 1 << 30,
	  .help = "How large." },
	{ "wait", OPT_DURATION, AT(wait_ms), .dflt = "5s", .unit = 1000,
	  .min = 1000, .help = "How long." },
	{ "mode", OPT_MODE, AT(mode), .dflt = "0755", .max = 0777,
	  .help = "Who may." },
	{ "list", OPT_LIST, AT(list), .dflt = "a\nb", .help = "Several." },
	{ "map", OPT_MAP, AT(map), .help = "Pairs." },
	{ NULL }
};

static void give(struct opt_values *v, const char *key, const char *text)
{
	v->v = reallocarray(v->v, v->n + 1, sizeof(*v->v));
	assert_non_null(v->v);
	v->v[v->n].spec = options_find(table, key);
	assert_non_null(v->v[v->n].spec);
	v->v[v->n].text = strdup(text);
	v->v[v->n++].source = strdup("file:1");
}

static void test_find(void **state)
{
	assert_string_equal(options_find(table, "NAME")->key, "name");
	assert_string_equal(options_find(table, "Title")->key, "name");
	assert_null(options_find(table, "nam"));
	assert_null(options_find(NULL, "name"));
	assert_string_equal(options_nearest(table, "colour"), "color");
	assert_null(options_nearest(table, "zzzzzzzz"));
}

static void test_defaults(void **state)
{
	struct opt_values given = { NULL, 0 };
	struct err err = ERR_INIT;
	struct target t;

	give(&given, "name", "x");
	memset(&t, 0xff, sizeof(t));
	assert_int_equal(options_apply(table, &given, &t, &err), 0);
	assert_string_equal(t.name, "x");
	assert_string_equal(t.path, "/tmp");
	assert_null(t.secret);
	assert_string_equal(t.color, "green");
	assert_true(t.on);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.size, 1 << 30);
	assert_int_equal(t.wait_ms, 5000);
	assert_int_equal(t.mode, 0755);
	assert_string_equal(t.list[0], "a");
	assert_string_equal(t.list[1], "b");
	assert_null(t.list[2]);
	assert_null(t.map[0]);
	options_done(table, &t);
	assert_null(t.name);
	assert_null(t.list);
	opt_values_done(&given);
}

static void test_given(void **state)
{
	struct opt_values given = { NULL, 0 };
	struct err err = ERR_INIT;
	struct target t;

	give(&given, "name", "");
	give(&given, "color", "BLUE");
	give(&given, "on", "no");
	give(&given, "size", "8");
	give(&given, "wait", "90");
	give(&given, "mode", "700");
	give(&given, "list", "");
	give(&given, "map", "k=v\nempty=");
	give(&given, "secret", "hush");
	assert_int_equal(options_apply(table, &given, &t, &err), 0);
	assert_string_equal(t.name, "");
	assert_string_equal(t.color, "blue");
	assert_false(t.on);
	assert_int_equal(t.size, 8ULL << 30);
	assert_int_equal(t.wait_ms, 90000);
	assert_int_equal(t.mode, 0700);
	assert_null(t.list[0]);
	assert_string_equal(t.map[1], "empty=");
	assert_string_equal(t.secret, "hush");
	options_done(table, &t);
	opt_values_done(&given);
}

static void test_missing(void **state)
{
	struct err err = ERR_INIT;
	struct target t;

	assert_int_equal(options_apply(table, NULL, &t, &err), -EINVAL);
	assert_string_equal(err.text, "'name' is missing: What it is called.");
}

static void check_bad(const char *key, const char *text, const char *sentence)
{
	struct opt_values given = { NULL, 0 };
	struct target t, untouched;
	struct err err = ERR_INIT;

	memset(&t, 0x5a, sizeof(t));
	untouched = t;
	give(&given, "name", "x");
	give(&given, key, text);
	assert_int_equal(options_apply(table, &given, &t, &err), -EINVAL);
	assert_memory_equal(&t, &untouched, sizeof(t));
	assert_int_equal(strncmp(err.text, "file:1: ", 8), 0);
	if (!strstr(err.text, sentence))
		fail_msg("'%s' is not in '%s'", sentence, err.text);
	opt_values_done(&given);
}

static void test_bad(void **state)
{
	check_bad("count", "10", "'count' is '10', but must lie between 1 and 9");
	check_bad("count", "0", "between 1 and 9");
	check_bad("count", "-1", "'count'");
	check_bad("count", "1x", "'count'");
	check_bad("size", "10X", "'size'");
	check_bad("size", "99999999999999", "too large");
	check_bad("wait", "10ms", "but the least is 1s");
	check_bad("wait", "5 minutes", "'wait'");
	check_bad("mode", "1777", "between 0000 and 0777");
	check_bad("mode", "0798", "'mode'");
	check_bad("on", "perhaps", "'on'");
	check_bad("color", "gren", "not one of: red, green, blue (did you mean 'green'?)");
	check_bad("path", "relative", "does not begin with '/'");
	check_bad("map", "k=v\nnopair", "'nopair' is not KEY=VALUE");
	check_bad("map", "=v", "is not KEY=VALUE");
}

static void check_canonical(const char *key, const char *text,
			    const char *want)
{
	const struct opt_spec *spec = options_find(table, key);
	struct err err = ERR_INIT;
	AUTO(auto_free) char *out = NULL;
	AUTO(auto_free) char *again = NULL;

	assert_int_equal(options_canonical(spec, text, &out, &err), 0);
	assert_string_equal(out, want);
	assert_int_equal(options_canonical(spec, out, &again, &err), 0);
	assert_string_equal(again, want);
}

static void test_canonical(void **state)
{
	char *out = NULL;

	check_canonical("on", "Yes", "true");
	check_canonical("on", "0", "false");
	check_canonical("size", "20", "20G");
	check_canonical("size", "1024M", "1G");
	check_canonical("wait", "60", "1m");
	check_canonical("mode", "55", "0055");
	check_canonical("count", "7", "7");
	check_canonical("color", "Red", "red");
	check_canonical("name", "As It Is", "As It Is");
	assert_int_equal(options_canonical(options_find(table, "count"), "99",
					   &out, NULL), -EINVAL);
	assert_null(out);
}

static void test_env_name(void **state)
{
	char out[32];

	options_env_name("ebs", "accessKey", out, sizeof(out));
	assert_string_equal(out, "EBS_ACCESSKEY");
	options_env_name("", "services.my-svc.x", out, sizeof(out));
	assert_string_equal(out, "SERVICES_MY_SVC_X");
	options_env_name("ebs", "accessKey", out, 6);
	assert_string_equal(out, "EBS_A");
}

static void test_describe(void **state)
{
	struct buf out = BUF_INIT(65536);

	options_describe(table, "thing", &out);
	assert_non_null(strstr(buf_str(&out),
		"name: text, required\n"
		"    environment THING_NAME, OLD_NAME\n"
		"    also written title, label\n"
		"    What it is called.\n"));
	assert_non_null(strstr(buf_str(&out),
		"color: word red|green|blue, default green\n"));
	assert_non_null(strstr(buf_str(&out),
		"count: number, default 3, 1 to 9\n"));
	assert_non_null(strstr(buf_str(&out),
		"list: list, default a b\n"));
	buf_done(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_env_name),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
