/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

static const char hex_digits[] = "0123456789ABCDEF";

/* No <ctype.h> here: what a name looks like must not hang on the locale. */
static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool name_keeps(char c, size_t at)
{
	if (c == '.')
		return at > 0;
	return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '-';
}

static bool tag_keeps(char c, size_t at)
{
	unsigned char u = (unsigned char)c;

	if (at == 0 && (c == '+' || c == '-' || c == '#'))
		return false;
	return u >= 0x20 && u != 0x7f && c != '%' && c != '=';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The byte that the %XX at @s stands for, -1 where it is none. */
static int percent_value(const char *s, size_t len)
{
	int high, low;

	if (len < 3 || s[0] != '%')
		return -1;
	high = hex_value(s[1]);
	low = hex_value(s[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Return: length; -ENAMETOOLONG, with nothing written, when over @most. */
static int escape(const char *in, size_t len, bool (*keeps)(char, size_t),
		  char *out, size_t most)
{
	size_t need = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		need += keeps(in[i], i) ? 1 : 3;
		if (need > most)
			return -ENAMETOOLONG;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)in[i];

		if (keeps(in[i], i)) {
			out[n++] = in[i];
			continue;
		}
		out[n++] = '%';
		out[n++] = hex_digits[c >> 4];
		out[n++] = hex_digits[c & 15];
	}
	out[n] = '\0';
	return (int)n;
}

int name_escape(const char *name, size_t len, char *out, size_t room)
{
	if (len == 0)
		return -EINVAL;
	if (room == 0)
		return -ENAMETOOLONG;
	return escape(name, len, name_keeps, out,
		      room - 1 < NAME_BYTES_MAX ? room - 1 : NAME_BYTES_MAX);
}

/* Undoes %XX in either case and takes every other byte as it is, a lone '%'
 * too: what somebody who wrote a wrong form most likely meant. @out has @len
 * bytes and gets no NUL. Return: length. */
static size_t name_guess(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int value = percent_value(in + i, len - i);

		if (value >= 0)
			i += 2;
		out[n++] = value >= 0 ? (char)value : in[i];
	}
	return n;
}

/* A canonical name is one that escaping its meaning gives back. @raw has
 * NAME_BYTES_MAX bytes. Return: length of @raw; -EINVAL with the right form
 * in @right (NAME_BYTES_MAX + 1 bytes), which is "" where there is none. */
static int name_decode(const char *escaped, char *raw, char *right)
{
	size_t len = strnlen(escaped, NAME_BYTES_MAX + 1);
	size_t n;

	right[0] = '\0';
	if (len == 0 || len > NAME_BYTES_MAX)
		return -EINVAL;
	n = name_guess(escaped, len, raw);
	if (name_escape(raw, n, right, NAME_BYTES_MAX + 1) < 0)
		return -EINVAL;
	return strcmp(right, escaped) ? -EINVAL : (int)n;
}

int name_unescape(const char *escaped, char *out, size_t room,
		  struct err *err)
{
	char raw[NAME_BYTES_MAX], right[NAME_BYTES_MAX + 1], quoted[128];
	int n = name_decode(escaped, raw, right);

	if (n >= 0) {
		if ((size_t)n >= room)
			return err_set(err, ENAMETOOLONG, "name '%s' is over "
				       "%zu bytes", right, room ? room - 1 : 0);
		memcpy(out, raw, (size_t)n);
		out[n] = '\0';
		return n;
	}
	if (!escaped[0])
		return err_set(err, EINVAL, "a name must not be empty");
	quote_for_error(quoted, sizeof(quoted), escaped, strlen(escaped));
	if (!right[0])
		return err_set(err, EINVAL, "name '%s' is too long: written "
			       "with %%XX for each byte outside A-Z a-z 0-9 . "
			       "_ - it may have %d bytes", quoted,
			       NAME_BYTES_MAX);
	if (strcmp(quoted, right) == 0)
		return err_set(err, EINVAL, "a name is written with %%XX for "
			       "each byte outside A-Z a-z 0-9 . _ -, so this "
			       "one as '%s'", right);
	return err_set(err, EINVAL, "name '%s' is not in the form of the tree: "
		       "use '%s'", quoted, right);
}

bool name_is_canonical(const char *escaped)
{
	char raw[NAME_BYTES_MAX], right[NAME_BYTES_MAX + 1];

	return name_decode(escaped, raw, right) >= 0;
}

bool service_name_is_valid(const char *name)
{
	size_t len = strnlen(name, 64);

	if (len == 0 || len > 63 || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_lower(name[i]) && !is_digit(name[i]) && name[i] != '-')
			return false;
	}
	return true;
}

int tag_escape(const char *text, char *out, size_t room)
{
	if (room == 0)
		return -ENAMETOOLONG;
	return escape(text, strlen(text), tag_keeps, out, room - 1);
}

/* What comes out of one tag: its byte, or -1 where @s is not well-formed. A
 * NUL is refused, for tags are C strings everywhere. */
static int tag_byte(const char *s, size_t len)
{
	int value = s[0] == '%' ? percent_value(s, len)
				: (int)(unsigned char)s[0];

	return value > 0 ? value : -1;
}

int tag_unescape(const char *text, size_t len, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += text[i] == '%' ? 3 : 1) {
		if (tag_byte(text + i, len - i) < 0)
			return -EINVAL;
		n++;
	}
	if (n >= room)
		return -ENAMETOOLONG;
	n = 0;
	for (size_t i = 0; i < len; i += text[i] == '%' ? 3 : 1)
		out[n++] = (char)tag_byte(text + i, len - i);
	out[n] = '\0';
	return (int)n;
}
