/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_PARSE_H
#define VOLFS_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

/*
 * Strict parsers: (text, length), no locale, no leading or trailing blanks,
 * no trailing junk; outputs untouched on failure. The sentence quotes the
 * text (shortened, unprintable bytes as %XX) and says what would be right.
 * All return 0 or -EINVAL, -ERANGE never: out of range is -EINVAL too.
 */

int parse_u64(const char *s, size_t len, uint64_t *out, struct err *err);
int parse_i64(const char *s, size_t len, int64_t *out, struct err *err);

/* 0 1 true false yes no on off, any case. */
int parse_bool(const char *s, size_t len, bool *out, struct err *err);

/* Bytes, or a decimal number with K M G T P or KiB..PiB (1024) or KB..PB
 * (1000), any case; "B" alone is bytes; decimals allowed ("1.5G"), exponents
 * not; a part of a byte is rounded up ("0.1K" is 103), but bytes without a unit
 * are whole. 0 is a number like others; over 2^63-1 is refused. */
int parse_size(const char *s, size_t len, uint64_t *bytes, struct err *err);

/* A sum of numbers with ms s m h d ("1h30m", "500ms", "0.5s"); a bare number
 * is refused, naming the units, except "0". Parts of a millisecond are rounded
 * up; over 2^63-1 is refused. */
int parse_duration_ms(const char *s, size_t len, uint64_t *ms, struct err *err);

/* RFC 3339 in UTC or with an offset; fractions dropped. */
int parse_time(const char *s, size_t len, int64_t *unix_s, struct err *err);

/* Octal permission bits, 0 to 07777, with or without a leading 0. */
int parse_mode(const char *s, size_t len, unsigned *mode, struct err *err);

/* Canonical forms, which the parsers above read back to the same value.
 * format_size: the largest 1024 unit that divides it exactly ("20G", "1536M",
 * "1000000"). format_duration: "90s" for 90000, "500ms", "0". format_time:
 * "2026-11-21T04:06:43Z", years 0000 to 9999 (others as the nearest of these).
 * Sizes and durations over 2^63-1 are not read back. Each returns @out, of at
 * least FORMAT_MAX bytes. */
#define FORMAT_MAX 32
char *format_size(char *out, uint64_t bytes);
char *format_duration_ms(char *out, uint64_t ms);
char *format_time(char *out, int64_t unix_s);

/* For people: "20 GiB", "1.5 GiB", "999 B"; at most FORMAT_MAX bytes. */
char *format_size_human(char *out, uint64_t bytes);

/* The entry of NULL-terminated @words nearest to @word by edit distance, or
 * NULL where none is near enough to be meant. */
const char *nearest_word(const char *word, const char *const *words);

/* @s shortened to what fits in @out, unprintable bytes (also all that are not
 * ASCII) as %XX: for sentences. Adds no quotes. Return: @out. */
char *quote_for_error(char *out, size_t room, const char *s, size_t len);

#endif
