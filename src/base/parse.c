/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "base/auto.h"

#define QUOTED 64       /* bytes of a value that a sentence shows */
#define SIZE_MOST ((uint64_t)INT64_MAX)

/* No <ctype.h>: its answers depend on the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(s[n]))
		n++;
	return n;
}

/* Return: false on overflow. */
static bool digits_value(const char *s, size_t len, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s[i] - '0'),
					   &value))
			return false;
	}
	*out = value;
	return true;
}

/* "'@s' is @what" */
static int refuse(struct err *err, const char *s, size_t len,
		  const char *what)
{
	char quoted[QUOTED];

	return err_set(err, EINVAL, "'%s' is %s",
		       quote_for_error(quoted, sizeof(quoted), s, len), what);
}

int parse_u64(const char *s, size_t len, uint64_t *out, struct err *err)
{
	if (len == 0 || digits_len(s, len) != len)
		return refuse(err, s, len,
			      "not a number: use decimal digits only");
	if (!digits_value(s, len, out))
		return refuse(err, s, len, "too large: the most is "
			      "18446744073709551615");
	return 0;
}

int parse_i64(const char *s, size_t len, int64_t *out, struct err *err)
{
	bool minus = len > 0 && s[0] == '-';
	uint64_t most = (uint64_t)INT64_MAX + minus;
	uint64_t value;

	if (len == minus || digits_len(s + minus, len - minus) != len - minus)
		return refuse(err, s, len, "not a number: use decimal digits, "
			      "after a '-' where it is negative");
	if (!digits_value(s + minus, len - minus, &value) || value > most)
		return refuse(err, s, len, "out of range: use "
			      "-9223372036854775808 to 9223372036854775807");
	/* Not -(int64_t)value, which the lowest one has no room for. */
	*out = minus ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

static bool word_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !strncasecmp(s, word, len);
}

int parse_bool(const char *s, size_t len, bool *out, struct err *err)
{
	static const char *const words[2][4] = {
		{ "0", "false", "no", "off" },
		{ "1", "true", "yes", "on" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (!word_is(s, len, words[value][i]))
				continue;
			*out = value;
			return 0;
		}
	}
	return refuse(err, s, len, "neither yes nor no: use 1 or 0");
}

/* A decimal number as text: digits, and perhaps a point and digits. */
struct decimal {
	const char *whole, *part;
	size_t whole_len, part_len;
};

/* Return: how many bytes of @s it takes, 0 where there is none. */
static size_t decimal_read(const char *s, size_t len, struct decimal *d)
{
	size_t n = digits_len(s, len);

	*d = (struct decimal){ .whole = s, .whole_len = n };
	if (n == 0 || n == len || s[n] != '.')
		return n;
	d->part = s + n + 1;
	d->part_len = digits_len(d->part, len - n - 1);
	return d->part_len ? n + 1 + d->part_len : 0;
}

/*
 * @d times @unit, rounded up to a whole number. Exact for any number of
 * digits: the part is worked off from its last digit on, and rounding up at
 * each step gives the same as rounding up once, for
 * ceil((a + x) / 10) == ceil((a + ceil(x)) / 10) for whole a.
 * Return: false when over SIZE_MOST.
 */
static bool decimal_times(const struct decimal *d, uint64_t unit,
			  uint64_t *out)
{
	uint64_t value, part = 0;

	for (size_t i = d->part_len; i > 0; i--) {
		uint64_t digit = (uint64_t)(d->part[i - 1] - '0');

		part = (digit * unit + part + 9) / 10;
	}
	if (!digits_value(d->whole, d->whole_len, &value) ||
	    __builtin_mul_overflow(value, unit, &value) ||
	    __builtin_add_overflow(value, part, &value) || value > SIZE_MOST)
		return false;
	*out = value;
	return true;
}

static const char size_letters[] = "KMGTP";

/* Bytes of the unit at @s ("K", "KiB", "KB", "B"), 0 where it is none. */
static uint64_t size_unit(const char *s, size_t len)
{
	uint64_t base = 1024, unit = 1;
	const char *letter;

	if (word_is(s, len, "B"))
		return 1;
	if (len == 0 || s[0] == '\0')
		return 0;
	letter = strchr(size_letters, s[0] & ~0x20);
	if (!letter || !*letter)
		return 0;
	if (word_is(s + 1, len - 1, "B"))
		base = 1000;
	else if (len != 1 && !word_is(s + 1, len - 1, "iB"))
		return 0;
	for (const char *c = size_letters; c <= letter; c++)
		unit *= base;
	return unit;
}

int parse_size(const char *s, size_t len, uint64_t *bytes, struct err *err)
{
	struct decimal d;
	size_t n = decimal_read(s, len, &d);
	uint64_t unit = n == 0 ? 0 : n == len ? 1 : size_unit(s + n, len - n);

	if (unit == 0)
		return refuse(err, s, len, "not a size: use bytes, or a number "
			      "with K, M, G, T or P (1024) or KB to PB (1000), "
			      "such as 20G");
	if (unit == 1 && d.part_len)
		return refuse(err, s, len, "not a size: bytes are whole; with "
			      "a decimal point use a unit, such as 1.5G");
	if (!decimal_times(&d, unit, bytes))
		return refuse(err, s, len,
			      "too large: the most is 9223372036854775807 "
			      "bytes");
	return 0;
}

/* From small to large. */
static const struct {
	const char *word;
	uint64_t ms;
} duration_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
};

/* The unit at @s, which ends at the next digit. Return: how many bytes it
 * takes, 0 where it is none. */
static size_t duration_unit(const char *s, size_t len, uint64_t *ms)
{
	size_t n = 0;

	while (n < len && !is_digit(s[n]))
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		const char *word = duration_units[i].word;

		if (strlen(word) != n || memcmp(word, s, n))
			continue;
		*ms = duration_units[i].ms;
		return n;
	}
	return 0;
}

int parse_duration_ms(const char *s, size_t len, uint64_t *ms, struct err *err)
{
	uint64_t sum = 0, unit = 0, term;
	bool too_long = false;
	size_t at = 0, n;
	struct decimal d;

	if (len == 1 && s[0] == '0') {
		*ms = 0;
		return 0;
	}
	if (len > 0 && digits_len(s, len) == len)
		return refuse(err, s, len, "a duration without a unit: put "
			      "ms, s, m, h or d after it");
	do {
		n = decimal_read(s + at, len - at, &d);
		at += n;
		if (n)
			n = duration_unit(s + at, len - at, &unit);
		at += n;
		if (n == 0)
			return refuse(err, s, len, "not a duration: use "
				      "numbers with ms, s, m, h or d, such "
				      "as 1h30m");
		if (!decimal_times(&d, unit, &term) ||
		    __builtin_add_overflow(sum, term, &sum) || sum > SIZE_MOST)
			too_long = true;
	} while (at < len);
	if (too_long)
		return refuse(err, s, len,
			      "too long: the most is 9223372036854775807ms");
	*ms = sum;
	return 0;
}

/* Years 0000 to 9999, the ones that RFC 3339 can write. */
#define TIME_FIRST (-62167219200LL)
#define TIME_LAST 253402300799LL

/* Reads "@n digits" at *@s and moves on. Return: false where they are not. */
static bool number_next(const char **s, const char *end, size_t n, int *out)
{
	uint64_t value;

	if ((size_t)(end - *s) < n || digits_len(*s, n) != n ||
	    !digits_value(*s, n, &value))
		return false;
	*out = (int)value;
	*s += n;
	return true;
}

/* Takes one byte of @any. */
static bool byte_next(const char **s, const char *end, const char *any)
{
	if (*s == end || !**s || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

/* "Z" or "+01:00", which must be all that is left. */
static bool offset_next(const char **s, const char *end, int *seconds)
{
	int hours, minutes, sign;

	*seconds = 0;
	if (byte_next(s, end, "Zz"))
		return *s == end;
	sign = *s < end && **s == '-' ? -1 : 1;
	if (!byte_next(s, end, "+-") || !number_next(s, end, 2, &hours) ||
	    !byte_next(s, end, ":") || !number_next(s, end, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return *s == end;
}

static bool time_read(const char *s, const char *end, int64_t *out)
{
	struct tm tm = { 0 };
	int year, month, day, offset;
	int64_t value;

	if (!number_next(&s, end, 4, &year) || !byte_next(&s, end, "-") ||
	    !number_next(&s, end, 2, &month) || !byte_next(&s, end, "-") ||
	    !number_next(&s, end, 2, &day) || !byte_next(&s, end, "Tt ") ||
	    !number_next(&s, end, 2, &tm.tm_hour) ||
	    !byte_next(&s, end, ":") ||
	    !number_next(&s, end, 2, &tm.tm_min) ||
	    !byte_next(&s, end, ":") || !number_next(&s, end, 2, &tm.tm_sec))
		return false;
	if (byte_next(&s, end, ".")) {
		size_t n = digits_len(s, (size_t)(end - s));

		if (n == 0)
			return false;
		s += n;
	}
	/* 60 is a leap second, which counts as the next minute's first. */
	if (!offset_next(&s, end, &offset) || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	value = (int64_t)tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	value += (int64_t)timegm(&tm) - offset;
	/* timegm() has moved a 30 February into March. */
	if (tm.tm_mon != month - 1 || tm.tm_mday != day || value < TIME_FIRST ||
	    value > TIME_LAST)
		return false;
	*out = value;
	return true;
}

int parse_time(const char *s, size_t len, int64_t *unix_s, struct err *err)
{
	if (len == 0 || !time_read(s, s + len, unix_s))
		return refuse(err, s, len,
			      "not a time: use RFC 3339, such as "
			      "2026-11-21T04:06:43Z");
	return 0;
}

int parse_mode(const char *s, size_t len, unsigned *mode, struct err *err)
{
	unsigned value = 0;
	size_t n = 0;

	while (n < len && n < 5 && s[n] >= '0' && s[n] <= '7')
		value = value * 8 + (unsigned)(s[n++] - '0');
	if (len == 0 || n < len || value > 07777)
		return refuse(err, s, len, "not a mode: use octal digits, 0 "
			      "to 7777, such as 0750");
	*mode = value;
	return 0;
}

char *format_size(char *out, uint64_t bytes)
{
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && size_letters[unit]) {
		bytes /= 1024;
		unit++;
	}
	if (unit)
		snprintf(out, FORMAT_MAX, "%ju%c", (uintmax_t)bytes,
			 size_letters[unit - 1]);
	else
		snprintf(out, FORMAT_MAX, "%ju", (uintmax_t)bytes);
	return out;
}

char *format_duration_ms(char *out, uint64_t ms)
{
	size_t i = ARRAY_SIZE(duration_units) - 1;

	if (ms == 0) {
		snprintf(out, FORMAT_MAX, "0");
		return out;
	}
	while (ms % duration_units[i].ms)
		i--;
	snprintf(out, FORMAT_MAX, "%ju%s",
		 (uintmax_t)(ms / duration_units[i].ms),
		 duration_units[i].word);
	return out;
}

/* @n digits of @value, and what follows them. Return: behind that. */
static char *put_digits(char *at, int value, int n, char then)
{
	for (int i = n - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	at[n] = then;
	return at + n + 1;
}

char *format_time(char *out, int64_t unix_s)
{
	struct tm tm;
	char *at = out;
	time_t t;

	if (unix_s < TIME_FIRST)
		unix_s = TIME_FIRST;
	if (unix_s > TIME_LAST)
		unix_s = TIME_LAST;
	t = (time_t)unix_s;
	gmtime_r(&t, &tm);
	/* Not printf(): each status has several, and each size of one. */
	at = put_digits(at, tm.tm_year + 1900, 4, '-');
	at = put_digits(at, tm.tm_mon + 1, 2, '-');
	at = put_digits(at, tm.tm_mday, 2, 'T');
	at = put_digits(at, tm.tm_hour, 2, ':');
	at = put_digits(at, tm.tm_min, 2, ':');
	at = put_digits(at, tm.tm_sec, 2, 'Z');
	*at = '\0';
	return out;
}

char *format_size_human(char *out, uint64_t bytes)
{
	uint64_t unit = 1024, tenths, rest;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(out, FORMAT_MAX, "%u B", (unsigned)bytes);
		return out;
	}
	while (size_letters[i + 1] && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	/* To the nearest tenth, without a sum that could run over. */
	tenths = bytes / unit * 10;
	rest = bytes % unit;
	tenths += (rest * 10 + unit / 2) / unit;
	if (tenths >= 10240 && size_letters[i + 1]) {
		tenths = 10;
		i++;
	}
	if (tenths % 10)
		snprintf(out, FORMAT_MAX, "%ju.%u %ciB",
			 (uintmax_t)(tenths / 10), (unsigned)(tenths % 10),
			 size_letters[i]);
	else
		snprintf(out, FORMAT_MAX, "%ju %ciB", (uintmax_t)(tenths / 10),
			 size_letters[i]);
	return out;
}

#define WORD_MAX 64     /* longer words are nobody's typing errors */

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32)
				    : (unsigned char)c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein: letters added, left out, wrong, or two neighbours
 * swapped, each one step; case is none. Both at most WORD_MAX bytes. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b,
			      size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= b_len; j++)
		before[j] = last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(last[j - 1] + !same,
				       least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

const char *nearest_word(const char *word, const char *const *words)
{
	size_t len = strnlen(word, WORD_MAX + 1);
	unsigned best_distance = WORD_MAX;
	const char *best = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		size_t other = strnlen(*words, WORD_MAX + 1);
		size_t longer = other > len ? other : len;
		unsigned distance;

		if (longer > WORD_MAX)
			continue;
		distance = edit_distance(word, len, *words, other);
		/* A third of the letters may be wrong, four at most: one of
		 * three, but none of two, where every word is near. */
		if (distance > least((unsigned)longer / 3, 4) ||
		    distance >= best_distance)
			continue;
		best = *words;
		best_distance = distance;
	}
	return best;
}

char *quote_for_error(char *out, size_t room, const char *s, size_t len)
{
	size_t n = 0, short_n = 0;

	if (room == 0)
		return out;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		size_t piece = c < 0x20 || c > 0x7e ? 3 : 1;

		if (n + piece > room - 1) {
			/* Back to where three dots fit, too. */
			snprintf(out + short_n, room - short_n, "...");
			return out;
		}
		if (piece == 3)
			snprintf(out + n, 4, "%%%02X", c);
		else
			out[n] = (char)c;
		n += piece;
		if (n + 3 <= room - 1)
			short_n = n;
	}
	out[n] = '\0';
	return out;
}
