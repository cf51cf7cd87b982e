/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/parse.h"

#define KI 1024ULL
#define GI (KI * KI * KI)
#define PI_ (GI * KI * KI)
#define UNTOUCHED 4242

/* The same numbers in each run: xorshift64*. */
static uint64_t random_next(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 0x2545f4914f6cdd1dULL;
}

typedef int parse_uint_fn(const char *s, size_t len, uint64_t *out,
			  struct err *err);

static void check_uint(parse_uint_fn *parse, const char *s, uint64_t want)
{
	struct err err = ERR_INIT;
	uint64_t value = UNTOUCHED;
	char padded[100];

	/* The length ends it, whatever comes behind. */
	snprintf(padded, sizeof(padded), "%s9", s);
	if (parse(padded, strlen(s), &value, &err) < 0)
		fail_msg("'%s' was refused: %s", s, err.text);
	if (value != want)
		fail_msg("'%s' gave %ju, not %ju", s, (uintmax_t)value,
			 (uintmax_t)want);
	assert_int_equal(err.num, 0);
}

static void refuse_uint(parse_uint_fn *parse, const char *s, size_t len,
			const char *says)
{
	struct err err = ERR_INIT;
	uint64_t value = UNTOUCHED;

	if (parse(s, len, &value, &err) != -EINVAL || err.num != EINVAL)
		fail_msg("'%s' was not refused", s);
	if (!strstr(err.text, says))
		fail_msg("'%s' says \"%s\", without '%s'", s, err.text, says);
	assert_int_equal(value, UNTOUCHED);
}

static void refuse_list(parse_uint_fn *parse, const char *const *list,
			const char *says)
{
	for (; *list; list++)
		refuse_uint(parse, *list, strlen(*list), says);
	refuse_uint(parse, "", 0, says);
	refuse_uint(parse, "1\0", 2, says);
	refuse_uint(parse, "\0" "1", 2, says);
}

static void unsigned_numbers(void **state)
{
	static const char *const bad[] = { "-1", "+1", " 1", "1 ", "1\n",
		"0x10", "1e9", "1.0", "1,000", "ten", "\xd9\xa1", NULL };

	check_uint(parse_u64, "0", 0);
	check_uint(parse_u64, "007", 7);
	check_uint(parse_u64, "18446744073709551615", UINT64_MAX);
	refuse_list(parse_u64, bad, "is not a number");
	refuse_uint(parse_u64, "18446744073709551616", 20, "too large");
	refuse_uint(parse_u64, "99999999999999999999999", 23, "too large");
}

static void check_int(const char *s, int64_t want)
{
	struct err err = ERR_INIT;
	int64_t value = UNTOUCHED;

	assert_int_equal(parse_i64(s, strlen(s), &value, &err), 0);
	assert_true(value == want);
}

static void signed_numbers(void **state)
{
	static const char *const bad[] = { "", "-", "--1", "+1", " 1", "1 ",
		"-1-", "0x1", "9223372036854775808", "-9223372036854775809",
		"99999999999999999999", NULL };

	check_int("0", 0);
	check_int("-0", 0);
	check_int("-17", -17);
	check_int("9223372036854775807", INT64_MAX);
	check_int("-9223372036854775808", INT64_MIN);
	for (const char *const *s = bad; *s; s++) {
		struct err err = ERR_INIT;
		int64_t value = UNTOUCHED;

		assert_int_equal(parse_i64(*s, strlen(*s), &value, &err),
				 -EINVAL);
		assert_int_equal(value, UNTOUCHED);
		assert_int_equal(err.num, EINVAL);
	}
}

static void booleans(void **state)
{
	static const char *const yes[] = { "1", "true", "YES", "oN", "True" };
	static const char *const no[] = { "0", "false", "No", "OFF", "fALSE" };
	static const char *const bad[] = { "", "2", "y", "truee", "tru", " 1",
					   "1 ", "on\n", "00" };
	struct err err = ERR_INIT;
	bool value;

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		value = false;
		assert_int_equal(parse_bool(yes[i], strlen(yes[i]), &value,
					    &err), 0);
		assert_true(value);
		assert_int_equal(parse_bool(no[i], strlen(no[i]), &value,
					    &err), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_bool(bad[i], strlen(bad[i]), &value,
					    &err), -EINVAL);
	assert_non_null(strstr(err.text, "'00' is neither yes nor no"));
}

static void sizes(void **state)
{
	check_uint(parse_size, "0", 0);
	check_uint(parse_size, "1000000", 1000000);
	check_uint(parse_size, "10B", 10);
	check_uint(parse_size, "20G", 20 * GI);
	check_uint(parse_size, "20g", 20 * GI);
	check_uint(parse_size, "20GiB", 20 * GI);
	check_uint(parse_size, "20gib", 20 * GI);
	check_uint(parse_size, "20GB", 20000000000ULL);
	check_uint(parse_size, "3K", 3 * KI);
	check_uint(parse_size, "3kB", 3000);
	check_uint(parse_size, "2M", 2 * KI * KI);
	check_uint(parse_size, "2MB", 2000000);
	check_uint(parse_size, "1T", KI * GI);
	check_uint(parse_size, "1TB", 1000000000000ULL);
	check_uint(parse_size, "1P", PI_);
	check_uint(parse_size, "1PiB", PI_);
	check_uint(parse_size, "1PB", 1000000000000000ULL);
	check_uint(parse_size, "0P", 0);
	check_uint(parse_size, "9223372036854775807", INT64_MAX);
}

static void sizes_with_decimals_are_exact(void **state)
{
	check_uint(parse_size, "1.5G", GI + GI / 2);
	check_uint(parse_size, "0.1K", 103);            /* 102.4, up */
	check_uint(parse_size, "0.5K", 512);
	check_uint(parse_size, "0.0K", 0);
	check_uint(parse_size, "1.10K", 1127);          /* 1126.4 */
	check_uint(parse_size, "0.001KB", 1);
	check_uint(parse_size, "0.0001KB", 1);
	check_uint(parse_size, "0.3PB", 300000000000000ULL);
	check_uint(parse_size, "0.1PB", 100000000000000ULL);
	check_uint(parse_size, "4.35GB", 4350000000ULL); /* not with doubles */
	check_uint(parse_size, "1.000000000000000000000000001K", 1025);
	check_uint(parse_size, "1.00000000000000000000000000000000K", 1024);
	check_uint(parse_size, "0.99999999999999999999999999999999K", 1024);
	/* 2^-50 of a pebibyte is a byte. */
	check_uint(parse_size,
		   "0.00000000000000088817841970012523233890533447265625P", 1);
	check_uint(parse_size,
		   "0.00000000000000088817841970012523233890533447265626P", 2);
	check_uint(parse_size, "8191.9999999999999991P", INT64_MAX);
}

static void refuses_sizes(void **state)
{
	static const char *const bad[] = { "-1", "+1", "10X", "1e9", "1E9",
		"1 G", " 1G", "1G ", "1G\n", ".5G", "1.G", "1..5G", "1.5.5G",
		"G", "K", "B", "1KK", "1iB", "1Ki", "1BB", "1KiBB", "1.5",
		"1.5B", "1.0", "0x10", "1E", "1,5G", "twenty", "1%",
		"1\xcb\x8b", NULL };
	static const char *const large[] = { "9223372036854775808", "99999P",
		"8192P", "8191.9999999999999999P", "18446744073709551616K",
		"99999999999999999999999999999", NULL };

	refuse_list(parse_size, bad, "is not a size: ");
	for (const char *const *s = large; *s; s++)
		refuse_uint(parse_size, *s, strlen(*s), "is too large: ");
	refuse_uint(parse_size, "10X", 3, "'10X'");
}

static void durations(void **state)
{
	check_uint(parse_duration_ms, "0", 0);
	check_uint(parse_duration_ms, "0s", 0);
	check_uint(parse_duration_ms, "500ms", 500);
	check_uint(parse_duration_ms, "0.5s", 500);
	check_uint(parse_duration_ms, "90s", 90000);
	check_uint(parse_duration_ms, "1h30m", 5400000);
	check_uint(parse_duration_ms, "1.5h", 5400000);
	check_uint(parse_duration_ms, "1d2h3m4s5ms", 93784005);
	check_uint(parse_duration_ms, "1m1m", 120000);
	check_uint(parse_duration_ms, "0.1ms", 1);
	check_uint(parse_duration_ms, "1.0001s", 1001);
	check_uint(parse_duration_ms, "9223372036854775807ms", INT64_MAX);
}

static void refuses_durations(void **state)
{
	static const char *const bad[] = { "-1s", "+1s", "1s ", " 1s", "1 s",
		"s", "1h30", "1x", "1mss", "1S", "1.s", ".5s", "1.5", "1e3s",
		"1h,30m", "1sm", "1h-5m", NULL };

	for (const char *const *s = bad; *s; s++)
		refuse_uint(parse_duration_ms, *s, strlen(*s),
			    "is not a duration: ");
	refuse_uint(parse_duration_ms, "", 0, "is not a duration: ");
	refuse_uint(parse_duration_ms, "1s\0", 3, "is not a duration: ");
	refuse_uint(parse_duration_ms, "30", 2, "ms, s, m, h or d");
	refuse_uint(parse_duration_ms, "00", 2, "ms, s, m, h or d");
	refuse_uint(parse_duration_ms, "9223372036854775808ms", 21,
		    "too long");
	refuse_uint(parse_duration_ms, "106751991168d", 13, "too long");
	refuse_uint(parse_duration_ms, "9223372036854775807ms1ms", 24,
		    "too long");
}

static void check_time(const char *s, int64_t want)
{
	struct err err = ERR_INIT;
	int64_t value = UNTOUCHED;

	if (parse_time(s, strlen(s), &value, &err) < 0)
		fail_msg("'%s' was refused: %s", s, err.text);
	if (value != want)
		fail_msg("'%s' gave %jd, not %jd", s, (intmax_t)value,
			 (intmax_t)want);
}

static void times(void **state)
{
	check_time("1970-01-01T00:00:00Z", 0);
	check_time("2026-11-21T04:06:43Z", 1795234003);
	check_time("2026-11-21t04:06:43z", 1795234003);
	check_time("2026-11-21 04:06:43Z", 1795234003);
	check_time("2026-11-21T04:06:43.999999999Z", 1795234003);
	check_time("2026-11-21T05:36:43+01:30", 1795234003);
	check_time("2026-11-20T23:06:43-05:00", 1795234003);
	check_time("2026-11-21T04:06:43-00:00", 1795234003);
	check_time("2024-02-29T00:00:00Z", 1709164800);
	check_time("2016-12-31T23:59:60Z", 1483228800);
	check_time("1969-12-31T23:59:59Z", -1);
	check_time("0000-01-01T00:00:00Z", -62167219200);
	check_time("9999-12-31T23:59:59Z", 253402300799);
}

static void refuses_times(void **state)
{
	static const char *const bad[] = { "", "2026", "2026-11-21",
		"2026-11-21T04:06:43", "2026-11-21T04:06Z",
		"2026-11-21T04:06:43ZZ", " 2026-11-21T04:06:43Z",
		"2026-11-21T04:06:43Z ", "2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
		"2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
		"2026-01-01T00:00:00+01:60", "26-01-01T00:00:00Z",
		"2026-1-1T00:00:00Z", "-026-01-01T00:00:00Z", "now",
		"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		int64_t value = UNTOUCHED;

		if (parse_time(bad[i], strlen(bad[i]), &value, &err) !=
		    -EINVAL)
			fail_msg("'%s' was not refused", bad[i]);
		assert_int_equal(value, UNTOUCHED);
		assert_non_null(strstr(err.text, "RFC 3339"));
	}
}

static void modes(void **state)
{
	static const char *const bad[] = { "", "8", "0o755", "rwx", "10000",
		"17777", "000755", "-1", " 755", "755 ", "0x1ff" };
	struct err err = ERR_INIT;
	unsigned mode = UNTOUCHED;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_mode(bad[i], strlen(bad[i]), &mode,
					    &err), -EINVAL);
		assert_int_equal(mode, UNTOUCHED);
	}
	assert_non_null(strstr(err.text, "'0x1ff' is not a mode"));
	assert_int_equal(parse_mode("0", 1, &mode, &err), 0);
	assert_int_equal(mode, 0);
	assert_int_equal(parse_mode("0750", 4, &mode, &err), 0);
	assert_int_equal(mode, 0750);
	assert_int_equal(parse_mode("7777", 4, &mode, &err), 0);
	assert_int_equal(mode, 07777);
	assert_int_equal(parse_mode("07777", 5, &mode, &err), 0);
	assert_int_equal(mode, 07777);
}

static void canonical_forms(void **state)
{
	char out[FORMAT_MAX];

	assert_string_equal(format_size(out, 0), "0");
	assert_string_equal(format_size(out, 20 * GI), "20G");
	assert_string_equal(format_size(out, GI + GI / 2), "1536M");
	assert_string_equal(format_size(out, 1000000), "1000000");
	assert_string_equal(format_size(out, PI_), "1P");
	assert_string_equal(format_size(out, PI_ * 2048), "2048P");
	assert_string_equal(format_size(out, UINT64_MAX),
			    "18446744073709551615");
	assert_string_equal(format_duration_ms(out, 0), "0");
	assert_string_equal(format_duration_ms(out, 500), "500ms");
	assert_string_equal(format_duration_ms(out, 90000), "90s");
	assert_string_equal(format_duration_ms(out, 60000), "1m");
	assert_string_equal(format_duration_ms(out, 86400000), "1d");
	assert_string_equal(format_time(out, 1795234003),
			    "2026-11-21T04:06:43Z");
	assert_string_equal(format_time(out, INT64_MIN),
			    "0000-01-01T00:00:00Z");
	assert_string_equal(format_time(out, INT64_MAX),
			    "9999-12-31T23:59:59Z");
}

static void canonical_forms_round_trip(void **state)
{
	for (int i = 0; i < 200000; i++) {
		/* Of every magnitude, and often a multiple of a unit. */
		uint64_t v = random_next() >> (1 + random_next() % 63);
		struct err err = ERR_INIT;
		char out[FORMAT_MAX];
		uint64_t back;
		int64_t t;

		v &= ~0ULL << random_next() % 50;
		format_size(out, v);
		assert_int_equal(parse_size(out, strlen(out), &back, &err), 0);
		assert_true(back == v);
		if (v < UINT64_MAX / 90000)
			v *= i % 2 ? 90000 : 1;
		if (v > INT64_MAX)
			continue;
		format_duration_ms(out, v);
		assert_int_equal(parse_duration_ms(out, strlen(out), &back,
						   &err), 0);
		assert_true(back == v);
		v = v % 315569520000ULL;
		format_time(out, (int64_t)v - 62167219200);
		assert_int_equal(parse_time(out, strlen(out), &t, &err), 0);
		assert_true(t == (int64_t)v - 62167219200);
	}
}

static void human_sizes(void **state)
{
	char out[FORMAT_MAX];

	assert_string_equal(format_size_human(out, 0), "0 B");
	assert_string_equal(format_size_human(out, 999), "999 B");
	assert_string_equal(format_size_human(out, 1023), "1023 B");
	assert_string_equal(format_size_human(out, 1024), "1 KiB");
	assert_string_equal(format_size_human(out, 20 * GI), "20 GiB");
	assert_string_equal(format_size_human(out, GI + GI / 2), "1.5 GiB");
	assert_string_equal(format_size_human(out, GI - 1), "1 GiB");
	assert_string_equal(format_size_human(out, 1024 * PI_), "1024 PiB");
	assert_string_equal(format_size_human(out, UINT64_MAX), "16384 PiB");
}

static void nearest_words(void **state)
{
	static const char *const words[] = { "attach", "detach", "mount",
		"unmount", "size", "snapshot", "ro", "throughput", NULL };
	static const char *const none[] = { NULL };
	char longer[200];

	assert_string_equal(nearest_word("atach", words), "attach");
	assert_string_equal(nearest_word("attahc", words), "attach");
	assert_string_equal(nearest_word("ATTACH", words), "attach");
	assert_string_equal(nearest_word("detatch", words), "detach");
	assert_string_equal(nearest_word("umount", words), "mount");
	assert_string_equal(nearest_word("unmout", words), "unmount");
	assert_string_equal(nearest_word("siez", words), "size");
	assert_string_equal(nearest_word("Ro", words), "ro");
	assert_string_equal(nearest_word("througput", words), "throughput");
	assert_null(nearest_word("rw", words));
	assert_null(nearest_word("", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word("zone", words));
	assert_null(nearest_word("elephant", words));
	assert_null(nearest_word("attach", none));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(nearest_word(longer, words));
}

static void quotes(void **state)
{
	char out[12];

	assert_string_equal(quote_for_error(out, 12, "plain", 5), "plain");
	assert_string_equal(quote_for_error(out, 12, "a\nb\0\xff", 5),
			    "a%0Ab%00%FF");
	assert_string_equal(quote_for_error(out, 12, "abc\n\n\n", 6),
			    "abc%0A...");
	assert_string_equal(quote_for_error(out, 12, "12345678901", 11),
			    "12345678901");
	assert_string_equal(quote_for_error(out, 12, "123456789012", 12),
			    "12345678...");
	assert_string_equal(quote_for_error(out, 12, NULL, 0), "");
	assert_string_equal(quote_for_error(out, 4, "12345", 5), "...");
	assert_string_equal(quote_for_error(out, 1, "12345", 5), "");
	out[0] = 'k';
	quote_for_error(out, 0, "12345", 5);
	assert_int_equal(out[0], 'k');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(booleans),
		cmocka_unit_test(sizes),
		cmocka_unit_test(sizes_with_decimals_are_exact),
		cmocka_unit_test(refuses_sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(refuses_durations),
		cmocka_unit_test(times),
		cmocka_unit_test(refuses_times),
		cmocka_unit_test(modes),
		cmocka_unit_test(canonical_forms),
		cmocka_unit_test(canonical_forms_round_trip),
		cmocka_unit_test(human_sizes),
		cmocka_unit_test(nearest_words),
		cmocka_unit_test(quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
