/* SPDX-License-Identifier: Apache-2.0 */

/* Every parser of base/parse.h on the same bytes: refused with a sentence and
 * nothing changed, or taken and then written and read back the same. */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "tests/fuzz/fuzz.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

const char *const fuzz_seeds[] = {
	"0", "18446744073709551615", "-9223372036854775808", "yes", "OFF",
	"20G", "1.5GiB", "0.1K", "8191.999999P", "1000kb", "10B", "1h30m",
	"500ms", "0.5s", "106751991167d", "2026-11-21T04:06:43Z",
	"2024-02-29t23:59:60.123456789+01:30", "0750", "7777", NULL,
};

static void check(int result, const struct err *err, bool touched)
{
	FUZZ_CHECK(result == 0 || result == -EINVAL);
	FUZZ_CHECK((result == 0) == (err->num == 0));
	FUZZ_CHECK((result == 0) == (err->text[0] == '\0'));
	FUZZ_CHECK(result == 0 || !touched);
	for (const char *c = err->text; *c; c++)
		FUZZ_CHECK(*c >= 0x20 && *c <= 0x7e);
}

static void check_numbers(const char *s, size_t len)
{
	struct err e1 = ERR_INIT, e2 = ERR_INIT, e3 = ERR_INIT, e4 = ERR_INIT;
	uint64_t u = UNTOUCHED;
	int64_t i = (int64_t)UNTOUCHED;
	unsigned mode = 0x5a5a5a5a;
	bool yes = false, same = true;
	char text[32];
	int r;

	r = parse_u64(s, len, &u, &e1);
	check(r, &e1, u != UNTOUCHED);
	r = parse_i64(s, len, &i, &e2);
	check(r, &e2, i != (int64_t)UNTOUCHED);
	if (r == 0) {
		snprintf(text, sizeof(text), "%jd", (intmax_t)i);
		FUZZ_CHECK(!parse_i64(text, strlen(text), &i, &e2));
	}
	r = parse_bool(s, len, &yes, &e3);
	check(r, &e3, yes);
	FUZZ_CHECK(parse_bool(s, len, &same, NULL) == r);
	FUZZ_CHECK(r ? same : same == yes);
	r = parse_mode(s, len, &mode, &e4);
	check(r, &e4, mode != 0x5a5a5a5a);
	FUZZ_CHECK(r < 0 || mode <= 07777);
}

static void check_size(const char *s, size_t len)
{
	struct err err = ERR_INIT;
	uint64_t v = UNTOUCHED, again;
	char text[FORMAT_MAX];
	int r = parse_size(s, len, &v, &err);

	check(r, &err, v != UNTOUCHED);
	if (r < 0)
		return;
	format_size(text, v);
	FUZZ_CHECK(!parse_size(text, strlen(text), &again, &err));
	FUZZ_CHECK(again == v && v <= INT64_MAX);
	FUZZ_CHECK(strlen(format_size_human(text, v)) < FORMAT_MAX);
}

static void check_duration(const char *s, size_t len)
{
	struct err err = ERR_INIT;
	uint64_t v = UNTOUCHED, again;
	char text[FORMAT_MAX];
	int r = parse_duration_ms(s, len, &v, &err);

	check(r, &err, v != UNTOUCHED);
	if (r < 0)
		return;
	format_duration_ms(text, v);
	FUZZ_CHECK(!parse_duration_ms(text, strlen(text), &again, &err));
	FUZZ_CHECK(again == v && v <= INT64_MAX);
}

static void check_time(const char *s, size_t len)
{
	struct err err = ERR_INIT;
	int64_t v = (int64_t)UNTOUCHED, again;
	char text[FORMAT_MAX];
	int r = parse_time(s, len, &v, &err);

	check(r, &err, v != (int64_t)UNTOUCHED);
	if (r < 0)
		return;
	format_time(text, v);
	FUZZ_CHECK(!parse_time(text, strlen(text), &again, &err));
	FUZZ_CHECK(again == v);
}

static void check_words(const char *s, size_t len)
{
	static const char *const words[] = { "attach", "detach", "size",
					     "snapshot", "G", "", NULL };
	char *word = strndup(s, len);
	char quoted[40];

	FUZZ_CHECK(word);
	nearest_word(word, words);
	for (size_t room = 1; room < sizeof(quoted); room++) {
		quote_for_error(quoted, room, s, len);
		FUZZ_CHECK(strlen(quoted) < room);
	}
	free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;

	check_numbers(s, size);
	check_size(s, size);
	check_duration(s, size);
	check_time(s, size);
	check_words(s, size);
	return 0;
}
