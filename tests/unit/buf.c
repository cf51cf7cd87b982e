/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json.h>

#include "base/auto.h"
#include "base/buf.h"

static void appends(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(1000);

	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "one ");
	buf_putc(&b, '2');
	buf_printf(&b, " %s %d", "three", 4);
	buf_append(&b, "\0x", 2);
	buf_append(&b, NULL, 0);
	assert_int_equal(buf_failed(&b), 0);
	assert_int_equal(b.len, 15);
	assert_memory_equal(b.data, "one 2 three 4\0x", 16);
}

static void numbers(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(1000);

	buf_number(&b, 0);
	buf_putc(&b, ' ');
	buf_number(&b, -7);
	buf_putc(&b, ' ');
	buf_number(&b, INT64_MAX);
	buf_putc(&b, ' ');
	buf_number(&b, INT64_MIN);
	assert_string_equal(buf_str(&b), "0 -7 9223372036854775807 "
					 "-9223372036854775808");
}

static void grows_to_the_ceiling_and_no_further(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(1000);

	for (int i = 0; i < 1000; i++)
		buf_putc(&b, 'x');
	assert_int_equal(buf_failed(&b), 0);
	assert_int_equal(b.len, 1000);
	buf_putc(&b, 'y');
	assert_int_equal(buf_failed(&b), E2BIG);
	assert_int_equal(b.len, 1000);
	assert_null(strchr(buf_str(&b), 'y'));
	buf_reset(&b);
	assert_int_equal(buf_failed(&b), 0);
	buf_puts(&b, "again");
	assert_string_equal(buf_str(&b), "again");
}

static void a_failure_stays(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(4);

	buf_puts(&b, "ab");
	buf_puts(&b, "cde");
	buf_puts(&b, "f");
	buf_printf(&b, "%d", 1);
	buf_json_string(&b, "g");
	assert_string_equal(buf_str(&b), "ab");
	assert_int_equal(buf_failed(&b), E2BIG);
	assert_null(buf_take(&b));
	assert_int_equal(buf_failed(&b), E2BIG);
}

static void sizes_do_not_run_over(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(SIZE_MAX);

	buf_append(&b, "x", 1);
	buf_append(&b, "x", SIZE_MAX - 1);
	assert_int_equal(buf_failed(&b), E2BIG);
	buf_reset(&b);
	buf_append(&b, "x", SIZE_MAX);
	assert_int_equal(buf_failed(&b), E2BIG);
	assert_string_equal(buf_str(&b), "");
}

static void printf_of_every_length(void **state)
{
	char text[600] = "";

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		AUTO(auto_buf) struct buf b = BUF_INIT(512);

		memset(text, 'x', len);
		buf_printf(&b, "%s", text);
		assert_int_equal(buf_failed(&b), len > 512 ? E2BIG : 0);
		assert_string_equal(buf_str(&b), len > 512 ? "" : text);
	}
}

static void take_leaves_it_empty(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(100);
	AUTO(auto_free) char *none = buf_take(&b);
	AUTO(auto_free) char *text = NULL;

	assert_string_equal(none, "");
	buf_puts(&b, "text");
	text = buf_take(&b);
	assert_string_equal(text, "text");
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "more");
	assert_string_equal(buf_str(&b), "more");
	assert_string_equal(text, "text");
}

static void check_json(const char *text, const char *want)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(10000);

	buf_json_string(&b, text);
	assert_string_equal(buf_str(&b), want);
}

static void json_strings(void **state)
{
	check_json(NULL, "null");
	check_json("", "\"\"");
	check_json("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	check_json("\b\t\n\f\r\v\x01\x1f\x7f",
		   "\"\\b\\t\\n\\f\\r\\u000b\\u0001\\u001f\\u007f\"");
	check_json("\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xbe",
		   "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xbe\"");
}

#define BAD "\xef\xbf\xbd"

static void json_of_what_is_not_utf8(void **state)
{
	check_json("a\xff" "b", "\"a" BAD "b\"");
	check_json("\xc3", "\"" BAD "\"");
	check_json("\xc3\"", "\"" BAD "\\\"\"");
	check_json("\xe2\x82", "\"" BAD BAD "\"");
	check_json("\xf0\x9f\x92", "\"" BAD BAD BAD "\"");
	check_json("\xc0\x80", "\"" BAD BAD "\"");             /* overlong */
	check_json("\xe0\x80\x80", "\"" BAD BAD BAD "\"");
	check_json("\xed\xa0\x80", "\"" BAD BAD BAD "\"");     /* surrogate */
	check_json("\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"");
	check_json("\xf5\x80", "\"" BAD BAD "\"");
}

/* json-c reads back, strictly, any three bytes that we wrote. */
static void json_is_always_valid(void **state)
{
	static const unsigned char bytes[] = {
		0x01, 0x1f, '"', '\\', 'x', 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0,
		0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff };
	const size_t n = ARRAY_SIZE(bytes);

	for (size_t i = 0; i < n * n * n * n; i++) {
		AUTO(auto_buf) struct buf b = BUF_INIT(100);
		struct json_tokener *t = json_tokener_new();
		struct json_object *o;
		char text[5] = { (char)bytes[i % n], (char)bytes[i / n % n],
				 (char)bytes[i / n / n % n],
				 (char)bytes[i / n / n / n], 0 };

		json_tokener_set_flags(t, JSON_TOKENER_STRICT |
						  JSON_TOKENER_VALIDATE_UTF8);
		buf_json_string(&b, text);
		o = json_tokener_parse_ex(t, buf_str(&b), (int)b.len + 1);
		assert_int_equal(json_tokener_get_error(t),
				 json_tokener_success);
		assert_true(json_object_is_type(o, json_type_string));
		if (!strstr(buf_str(&b), BAD))
			assert_string_equal(json_object_get_string(o), text);
		json_object_put(o);
		json_tokener_free(t);
	}
}

static void tells_utf8(void **state)
{
	static const char *const none[] = { "\xff", "a\x80", "\xc0\xaf",
					    "\xed\xa0\x80", "\xe2\x82" };

	assert_true(text_is_utf8(""));
	assert_true(text_is_utf8("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x92\xbe"));
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(text_is_utf8(none[i]));
}

static void drops_from_the_front(void **state)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(100);

	buf_drop(&b, 3);
	buf_puts(&b, "one two");
	buf_drop(&b, 4);
	assert_string_equal(buf_str(&b), "two");
	assert_int_equal(b.len, 3);
	buf_drop(&b, 100);
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "three");
	assert_string_equal(buf_str(&b), "three");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(numbers),
		cmocka_unit_test(grows_to_the_ceiling_and_no_further),
		cmocka_unit_test(a_failure_stays),
		cmocka_unit_test(sizes_do_not_run_over),
		cmocka_unit_test(printf_of_every_length),
		cmocka_unit_test(take_leaves_it_empty),
		cmocka_unit_test(tells_utf8),
		cmocka_unit_test(drops_from_the_front),
		cmocka_unit_test(json_strings),
		cmocka_unit_test(json_of_what_is_not_utf8),
		cmocka_unit_test(json_is_always_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
