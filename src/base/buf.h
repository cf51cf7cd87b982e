/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_BUF_H
#define VOLFS_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing byte buffer with a hard ceiling. A failed append (ceiling, no
 * memory) sets the buffer's failed flag and every later append does nothing,
 * so callers append in a row and look once, with buf_failed(). While not
 * failed, data is always NUL-terminated (the NUL is not counted in len).
 */
struct buf {
	char *data;        /* NULL until the first append */
	size_t len;
	size_t room;
	size_t max;        /* ceiling of len, bytes */
	int failed;        /* errno of the first failure (E2BIG at the ceiling,
			    * ENOMEM), or 0 */
};

#define BUF_INIT(max_bytes) { .max = (max_bytes) }

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);       /* frees; the buffer may be used again */
void buf_reset(struct buf *b);          /* empties and keeps the memory */
void auto_buf(struct buf *b);           /* for AUTO() */

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_number(struct buf *b, int64_t n);      /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Appends @text as a JSON string with its quotes; NULL gives null. Bytes that
 * are not UTF-8 become U+FFFD, so that the output is always valid JSON. */
void buf_json_string(struct buf *b, const char *text);

/* Would buf_json_string() leave it as it is? */
bool text_is_utf8(const char *text);

/* Takes @len bytes, at most all, from the front. */
void buf_drop(struct buf *b, size_t len);

/* The text, "" if empty. Valid until the next append. */
const char *buf_str(const struct buf *b);

/* The text as the caller's own; the buffer is empty afterwards. NULL if failed,
 * and then the buffer is as it was. */
char *buf_take(struct buf *b);

static inline int buf_failed(const struct buf *b)
{
	return b->failed;
}

#endif
