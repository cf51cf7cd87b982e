/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/escape.h"

static void check_name(const char *name, const char *want)
{
	char out[NAME_BYTES_MAX + 1];

	assert_int_equal(name_escape(name, strlen(name), out, sizeof(out)),
			 strlen(want));
	assert_string_equal(out, want);
	assert_true(name_is_canonical(want));
}

static void escapes_names(void **state)
{
	check_name("db", "db");
	check_name("A-z_0.9", "A-z_0.9");
	check_name("my db", "my%20db");
	check_name(".", "%2E");
	check_name("..", "%2E.");
	check_name(".hidden.x", "%2Ehidden.x");
	check_name("a/b\n", "a%2Fb%0A");
	check_name("100%", "100%25");
	check_name("gr\xc3\xbcn", "gr%C3%BCn");
	check_name("db@i-1", "db%40i-1");
}

static void every_byte_round_trips(void **state)
{
	for (int first = 0; first < 256; first++) {
		for (int second = 0; second < 256; second++) {
			char in[2] = { (char)first, (char)second };
			char out[16], back[NAME_BYTES_MAX + 1];
			struct err err = ERR_INIT;

			assert_in_range(name_escape(in, 2, out, sizeof(out)),
					2, 6);
			assert_int_equal(name_unescape(out, back, sizeof(back),
						       &err), 2);
			assert_memory_equal(in, back, 2);
		}
	}
}

static void length_limits(void **state)
{
	char in[256], out[600], back[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;

	memset(in, 'x', sizeof(in));
	assert_int_equal(name_escape(in, 255, out, 256), 255);
	assert_int_equal(name_unescape(out, back, sizeof(back), &err), 255);
	assert_int_equal(name_unescape(out, back, 255, &err), -ENAMETOOLONG);
	assert_int_equal(name_escape(in, 255, out, 255), -ENAMETOOLONG);
	assert_int_equal(name_escape(in, 256, out, sizeof(out)),
			 -ENAMETOOLONG);
	memset(in, ' ', sizeof(in));
	assert_int_equal(name_escape(in, 85, out, sizeof(out)), 255);
	strncpy(out, "kept", sizeof(out));
	assert_int_equal(name_escape(in, 86, out, sizeof(out)),
			 -ENAMETOOLONG);
	assert_string_equal(out, "kept");
	assert_int_equal(name_escape(in, 0, out, sizeof(out)), -EINVAL);
	assert_int_equal(name_escape(in, 1, out, 0), -ENAMETOOLONG);
}

static void refuses_naming_the_right_form(void **state)
{
	static const char *const wrong[][2] = {
		{ "my db", "'my%20db'" },       { "%2e", "'%2E'" },
		{ "%41", "'A'" },               { "100%", "'100%25'" },
		{ "a%2", "'a%252'" },           { "%zz", "'%25zz'" },
		{ ".x", "'%2Ex'" },             { "\xc3\xbc", "'%C3%BC'" },
		{ "a@b", "'a%40b'" },           { "a\nb", "'a%0Ab'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char out[NAME_BYTES_MAX + 1] = "kept";
		struct err err = ERR_INIT;

		assert_false(name_is_canonical(wrong[i][0]));
		assert_int_equal(name_unescape(wrong[i][0], out, sizeof(out),
					       &err), -EINVAL);
		assert_int_equal(err.num, EINVAL);
		assert_non_null(strstr(err.text, wrong[i][1]));
		assert_string_equal(out, "kept");
	}
}

static void refuses_names_that_have_no_form(void **state)
{
	char name[400], out[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;

	assert_int_equal(name_unescape("", out, sizeof(out), &err), -EINVAL);
	assert_non_null(strstr(err.text, "empty"));
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(name_unescape(name, out, sizeof(out), &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
	assert_false(name_is_canonical(name));
	memset(name, ' ', 255);
	name[255] = '\0';
	assert_int_equal(name_unescape(name, out, sizeof(out), &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
}

static void service_names(void **state)
{
	char name[80];

	assert_true(service_name_is_valid("ebs"));
	assert_true(service_name_is_valid("0-a-"));
	assert_false(service_name_is_valid(""));
	assert_false(service_name_is_valid("-a"));
	assert_false(service_name_is_valid("Ebs"));
	assert_false(service_name_is_valid("a_b"));
	assert_false(service_name_is_valid("a.b"));
	assert_false(service_name_is_valid("a\n"));
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_true(service_name_is_valid(name));
	name[63] = 'a';
	name[64] = '\0';
	assert_false(service_name_is_valid(name));
}

static void check_tag(const char *text, const char *want)
{
	char out[100], back[100];

	assert_int_equal(tag_escape(text, out, sizeof(out)), strlen(want));
	assert_string_equal(out, want);
	assert_int_equal(tag_unescape(out, strlen(out), back, sizeof(back)),
			 strlen(text));
	assert_string_equal(back, text);
}

static void tags(void **state)
{
	check_tag("", "");
	check_tag("cost centre: 7/8", "cost centre: 7/8");
	check_tag("a=b%c\n", "a%3Db%25c%0A");
	check_tag("+1", "%2B1");
	check_tag("-x", "%2Dx");
	check_tag("#x#", "%23x#");
	check_tag("a+b-c", "a+b-c");
	check_tag("gr\xc3\xbcn\x7f\x01", "gr\xc3\xbcn%7F%01");
}

static void refuses_tags(void **state)
{
	char out[10];

	assert_int_equal(tag_escape("12345678901", out, 10), -ENAMETOOLONG);
	assert_int_equal(tag_escape("123456789", out, 10), 9);
	assert_int_equal(tag_escape("", out, 0), -ENAMETOOLONG);
	assert_int_equal(tag_unescape("%41%4a", 6, out, 3), 2);
	assert_string_equal(out, "AJ");
	assert_int_equal(tag_unescape("%41%4a", 6, out, 2), -ENAMETOOLONG);
	assert_int_equal(tag_unescape("%", 1, out, 10), -EINVAL);
	assert_int_equal(tag_unescape("%4", 2, out, 10), -EINVAL);
	assert_int_equal(tag_unescape("%41", 2, out, 10), -EINVAL);
	assert_int_equal(tag_unescape("%4g", 3, out, 10), -EINVAL);
	assert_int_equal(tag_unescape("%00", 3, out, 10), -EINVAL);
	assert_int_equal(tag_unescape("a\0b", 3, out, 10), -EINVAL);
	assert_string_equal(out, "AJ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_names),
		cmocka_unit_test(every_byte_round_trips),
		cmocka_unit_test(length_limits),
		cmocka_unit_test(refuses_naming_the_right_form),
		cmocka_unit_test(refuses_names_that_have_no_form),
		cmocka_unit_test(service_names),
		cmocka_unit_test(tags),
		cmocka_unit_test(refuses_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
