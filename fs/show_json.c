/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of JSON, written straight into the buffer: a listing asks for the
 * size of thousands of status files. */
#include "base/parse.h"
#include "fs/show.h"

/* Times have 22 bytes with their quotes; so has what stands in their place. */
#define NULL_TIME "null                  "

void js_begin(struct buf *b)
{
	buf_puts(b, "{\"schema\":1");
}

void js_end(struct buf *b)
{
	buf_puts(b, "}\n");
}

void js_key(struct buf *b, const char *key)
{
	if (b->len && b->data[b->len - 1] != '{')
		buf_append(b, ",\"", 2);
	else
		buf_putc(b, '"');
	buf_puts(b, key);
	buf_append(b, "\":", 2);
}

void js_text(struct buf *b, const char *key, const char *value)
{
	js_key(b, key);
	buf_json_string(b, value);
}

void js_number(struct buf *b, const char *key, int64_t value)
{
	js_key(b, key);
	buf_number(b, value);
}

void js_known(struct buf *b, const char *key, int64_t value)
{
	if (value >= 0) {
		js_number(b, key, value);
		return;
	}
	js_key(b, key);
	buf_puts(b, "null");
}

void js_bool(struct buf *b, const char *key, bool value)
{
	js_key(b, key);
	buf_puts(b, value ? "true" : "false");
}

void js_flag(struct buf *b, const char *key, int value)
{
	js_key(b, key);
	buf_puts(b, value < 0 ? "null" : value ? "true" : "false");
}

void js_time(struct buf *b, const char *key, int64_t unix_s)
{
	char text[FORMAT_MAX];

	js_text(b, key, unix_s ? format_time(text, unix_s) : NULL);
}

void js_time_fixed(struct buf *b, const char *key, int64_t unix_s)
{
	if (unix_s) {
		js_time(b, key, unix_s);
		return;
	}
	js_key(b, key);
	buf_puts(b, NULL_TIME);
}

void js_number_fixed(struct buf *b, const char *key, int64_t value)
{
	js_key(b, key);
	if (value < 0)
		buf_printf(b, "%10s", "null");
	else
		buf_printf(b, "%10lld", (long long)value);
}

void js_mode(struct buf *b, const char *key, unsigned mode)
{
	js_key(b, key);
	buf_printf(b, "\"%04o\"", mode);
}

void js_fault(struct buf *b, const struct fault *f)
{
	char id[24];

	js_key(b, "error");
	if (!f || !f->at_s) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '{');
	js_time(b, "at", f->at_s);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)f->job);
	js_text(b, "job", f->job ? id : NULL);
	js_text(b, "verb", f->verb);
	js_text(b, "errno", err_name(f->err.num));
	js_text(b, "code", f->err.code[0] ? f->err.code : NULL);
	js_text(b, "request_id", f->err.request[0] ? f->err.request : NULL);
	js_text(b, "message", f->err.text);
	buf_putc(b, '}');
}

void js_job_view(struct buf *b, const struct job_view *j)
{
	char id[24];

	js_key(b, "job");
	if (!j) {
		buf_puts(b, "null");
		return;
	}
	snprintf(id, sizeof(id), "%llu", (unsigned long long)j->id);
	buf_putc(b, '{');
	js_text(b, "id", id);
	js_text(b, "verb", j->verb);
	js_text(b, "state", j->state);
	js_text(b, "step", j->step && *j->step ? j->step : NULL);
	js_known(b, "progress_percent", j->percent);
	js_time(b, "started_at", j->started_at_s);
	js_time(b, "deadline_at", j->deadline_at_s);
	js_number(b, "uid", j->uid);
	buf_putc(b, '}');
}

void js_tags(struct buf *b, const struct tag *tags, uint32_t n)
{
	js_key(b, "tags");
	buf_putc(b, '{');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ',');
		buf_json_string(b, tags[i].key);
		buf_putc(b, ':');
		buf_json_string(b, tags[i].value);
	}
	buf_putc(b, '}');
}
