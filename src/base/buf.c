/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf)BUF_INIT(max_bytes);
}

void buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
	b->room = 0;
	b->failed = 0;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_drop(struct buf *b, size_t len)
{
	if (len >= b->len) {
		buf_reset(b);
		return;
	}
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

void auto_buf(struct buf *b)
{
	int saved = errno;

	buf_done(b);
	errno = saved;
}

/* Makes room for @more bytes and the NUL. */
static bool buf_grow(struct buf *b, size_t more)
{
	size_t room = b->room ? b->room : 128;
	size_t need;
	char *data;

	if (b->failed)
		return false;
	/* The second half is for a ceiling of SIZE_MAX, where the NUL would
	 * have no place. */
	if (more > b->max - b->len || b->len + more == SIZE_MAX) {
		b->failed = E2BIG;
		return false;
	}
	need = b->len + more + 1;
	if (need <= b->room)
		return true;
	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	data = realloc(b->data, room);
	if (!data) {
		b->failed = ENOMEM;
		return false;
	}
	data[b->len] = '\0';
	b->data = data;
	b->room = room;
	return true;
}

/* What buf_grow() finds where nothing is to be done, as it mostly is. */
static inline bool has_room(const struct buf *b, size_t more)
{
	return !b->failed && more <= b->max - b->len &&
	       more < b->room - b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	if (!has_room(b, len) && !buf_grow(b, len))
		return;
	if (len == 0)
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_number(struct buf *b, int64_t n)
{
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	char text[24];
	char *at = text + sizeof(text);

	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (n < 0)
		*--at = '-';
	buf_append(b, at, (size_t)(text + sizeof(text) - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	size_t left;
	va_list again;
	int n;

	if (!buf_grow(b, 0))
		return;
	left = b->room - b->len;
	va_copy(again, ap);
	n = vsnprintf(b->data + b->len, left, fmt, ap);
	if (n < 0) {
		b->failed = EINVAL;
	} else if (buf_grow(b, (size_t)n)) {
		if ((size_t)n >= left)
			vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	if (b->failed)
		b->data[b->len] = '\0';
}

/* Length of the UTF-8 character at @s, 0 where there is none (RFC 3629: no
 * overlong forms, no surrogates, nothing over U+10FFFF). Stops at a NUL. */
static size_t utf8_char_len(const unsigned char *s)
{
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

bool text_is_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	for (; *s; s += len) {
		len = utf8_char_len(s);
		if (!len)
			return false;
	}
	return true;
}

static void json_escape_byte(struct buf *b, unsigned char c)
{
	static const char letters[] = "btn?fr"; /* 0x08 to 0x0d */

	if (c == '"' || c == '\\')
		buf_printf(b, "\\%c", c);
	else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
		buf_printf(b, "\\%c", letters[c - 0x08]);
	else
		buf_printf(b, "\\u%04x", c);
}

void buf_json_string(struct buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t run = 0; /* bytes at s that go out as they are */

	if (!text) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '"');
	while (s[run]) {
		unsigned char c = s[run];
		size_t len;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			run++;   /* nearly all there is */
			continue;
		}
		len = utf8_char_len(s + run);
		if (len && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			run += len;
			continue;
		}
		buf_append(b, s, run);
		if (len)
			json_escape_byte(b, c);
		else
			buf_puts(b, "\xef\xbf\xbd"); /* U+FFFD */
		s += run + 1;
		run = 0;
	}
	buf_append(b, s, run);
	buf_putc(b, '"');
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *data;

	if (!buf_grow(b, 0))
		return NULL;
	data = b->data;
	b->data = NULL;
	b->len = 0;
	b->room = 0;
	return data;
}
