/* SPDX-License-Identifier: Apache-2.0 */
/* Safe text, tables, colours and JSON. */

#define _XOPEN_SOURCE 700      /* wcwidth() */
#include "tools/volctl.h"

#include <inttypes.h>
#include <string.h>
#include <wchar.h>

/* ---- text from the tree ---- */

/* Decodes one UTF-8 character. Return: its bytes, 0 when it is not one. */
static size_t utf8_decode(const unsigned char *s, uint32_t *out)
{
	size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : 1;
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	uint32_t c;

	if (s[0] < 0x80) {
		*out = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	c = s[0] & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return more + 1;
}

/* Control characters, and those that turn the direction of a line or hide. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

void show_safe(struct buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, &c);

		if (len && !is_unsafe(c)) {
			buf_append(out, s, len);
			s += len;
			continue;
		}
		for (size_t i = 0; i < (len ? len : 1); i++)
			buf_printf(out, "\\x%02X", *s++);
	}
}

/* Columns of a terminal that safe text takes. */
static size_t text_width(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t width = 0;

	while (*s) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, &c);
		int w = len ? wcwidth((wchar_t)c) : 1;

		width += w < 0 ? 1 : (size_t)w;
		s += len ? len : 1;
	}
	return width;
}

const char *show_size(const struct ctl *ctl, int64_t bytes, char *out)
{
	if (bytes < 0)
		snprintf(out, FORMAT_MAX, "-");
	else if (ctl_has(ctl, TAKES_BYTES))
		snprintf(out, FORMAT_MAX, "%" PRId64, bytes);
	else
		format_size_human(out, (uint64_t)bytes);
	return out;
}

/* ---- colours ---- */

const char *show_color(const struct ctl *ctl, const char *state)
{
	static const struct { const char *state, *color; } colors[] = {
		{ "attached", "\033[32m" },
		{ "available", "\033[32m" },
		{ "ok", "\033[32m" },
		{ "OK", "\033[32m" },
		{ "error", "\033[31m" },
		{ "failed", "\033[31m" },
		{ "lost", "\033[31m" },
		{ "unreachable", "\033[31m" },
		{ "misconfigured", "\033[31m" },
		{ "in-use", "\033[36m" },
	};

	if (!ctl->color)
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
		if (!strcmp(colors[i].state, state))
			return colors[i].color;
	return "\033[33m";
}

const char *show_color_end(const struct ctl *ctl)
{
	return ctl->color ? "\033[0m" : "";
}

/* ---- tables ---- */

#define COLUMNS_MAX 16

void table_init(struct table *t, const char *const *headers, unsigned right,
		int state_column)
{
	*t = (struct table){ .headers = headers, .right = right,
			     .state_column = state_column };
	while (headers[t->columns])
		t->columns++;
}

void auto_table(struct table *t)
{
	auto_strings(&t->cells);
}

void table_cell(struct table *t, const char *text)
{
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	show_safe(&safe, text && *text ? text : "-");
	strings_add(&t->cells, buf_str(&safe));
}

static void print_padding(size_t count)
{
	while (count--)
		putchar(' ');
}

static void print_row(const struct ctl *ctl, const struct table *t,
		      char *const *row, const size_t *widths, bool header)
{
	for (size_t c = 0; c < t->columns; c++) {
		size_t pad = widths[c] - text_width(row[c]);
		bool colored = !header && (int)c == t->state_column;

		if (t->right >> c & 1)
			print_padding(pad);
		printf("%s%s%s", colored ? show_color(ctl, row[c]) : "",
		       row[c], colored ? show_color_end(ctl) : "");
		if (c + 1 == t->columns)
			break;
		print_padding((t->right >> c & 1 ? 0 : pad) + 2);
	}
	putchar('\n');
}

void table_print(const struct ctl *ctl, const struct table *t)
{
	size_t widths[COLUMNS_MAX] = { 0 };
	size_t rows = t->cells.count / t->columns;
	char *headers[COLUMNS_MAX] = { NULL };

	for (size_t c = 0; c < t->columns && c < COLUMNS_MAX; c++) {
		headers[c] = (char *)t->headers[c];
		widths[c] = strlen(headers[c]);
		for (size_t r = 0; r < rows; r++) {
			size_t w = text_width(t->cells.at[r * t->columns + c]);

			widths[c] = w > widths[c] ? w : widths[c];
		}
	}
	print_row(ctl, t, headers, widths, true);
	for (size_t r = 0; r < rows; r++)
		print_row(ctl, t, t->cells.at + r * t->columns, widths, false);
}

/* ---- JSON ---- */

void show_json_array(struct json_object *array)
{
	size_t count = json_object_array_length(array);

	putchar('[');
	for (size_t i = 0; i < count; i++)
		printf("%s\n%s", i ? "," : "", json_object_to_json_string_ext(
			json_object_array_get_idx(array, i),
			JSON_C_TO_STRING_PLAIN |
			JSON_C_TO_STRING_NOSLASHESCAPE));
	printf("%s]\n", count ? "\n" : "");
}

struct json_object *js_get(struct json_object *o, const char *path)
{
	char key[64];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key) ||
		    !json_object_is_type(o, json_type_object))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		o = json_object_object_get(o, key);
		path += len + (path[len] == '.');
	}
	return o;
}

const char *js_str(struct json_object *o, const char *path)
{
	struct json_object *value = js_get(o, path);
	const char *text = value ? json_object_get_string(value) : NULL;

	return text ? text : "";
}

int64_t js_int(struct json_object *o, const char *path, int64_t missing)
{
	struct json_object *value = js_get(o, path);

	return json_object_is_type(value, json_type_int)
		       ? json_object_get_int64(value) : missing;
}

bool js_bool(struct json_object *o, const char *path)
{
	return json_object_get_boolean(js_get(o, path));
}
