/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The effective configuration for people: .volfs/config, which is YAML that
 * loads again, and what `volfsd --check` prints.
 */

#include "core/config_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"

/* Would YAML and our reader take @text as that very text, unquoted? */
static bool is_plain(const char *text)
{
	static const char *const words[] = {
		"null", "true", "false", "yes", "no", "on", "off", "~"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(words[i], text))
			return false;
	if (!isalnum((unsigned char)*text) && *text != '/')
		return false;
	for (i = 0; text[i]; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    !strchr("._/-", text[i]))
			return false;
	return true;
}

/* The characters beyond ASCII that YAML forbids, or takes for line breaks. */
static bool is_special(unsigned code)
{
	return (code >= 0x80 && code < 0xa0) || code == 0x2028 ||
	       code == 0x2029 || code == 0xfeff || code >= 0xfffe;
}

/* Appends one character of valid UTF-8, escaped where need be. Return: its
 * length. */
static size_t put_character(struct buf *out, const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned code = u[0];
	size_t len = 1;

	if (u[0] >= 0xf0) {
		buf_append(out, s, 4);
		return 4;
	} else if (u[0] >= 0xe0) {
		code = (u[0] & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u);
		len = 3;
	} else if (u[0] >= 0xc0) {
		code = (u[0] & 31u) << 6 | (u[1] & 63u);
		len = 2;
	}
	if (code == 0x7f || is_special(code))
		buf_printf(out, "\\u%04X", code);
	else
		buf_append(out, s, len);
	return len;
}

/* @text with "***" for the password of a URL in it ("https://user:password@h"),
 * the caller's to free; NULL where there is none. */
static char *hide_password(const char *text)
{
	const char *user = strstr(text, "://"), *at, *colon;
	char *shown;

	user = user ? user + 3 : "";
	at = user + strcspn(user, "/?#");
	while (at > user && *at != '@')
		at--;
	colon = memchr(user, ':', (size_t)(at - user));
	if (at == user || !colon)
		return NULL;
	return asprintf(&shown, "%.*s:***%s", (int)(colon - text), text, at) < 0
		? NULL : shown;
}

/* One scalar. A '$' is doubled where the reader would replace it. A JSON
 * string is a YAML one, but for a few characters. */
static void put_scalar(struct buf *out, const char *text, bool literal)
{
	AUTO(auto_buf) struct buf plain = BUF_INIT(2 * CONF_VALUE_MAX + 2);
	AUTO(auto_buf) struct buf json = BUF_INIT(12 * CONF_VALUE_MAX + 16);
	AUTO(auto_free) char *hidden = hide_password(text);
	const char *p;

	if (is_plain(text)) {
		buf_puts(out, text);
		return;
	}
	if (hidden)
		text = hidden;
	for (; *text; text++)
		buf_puts(&plain, *text == '$' && !literal ? "$$" :
			 (const char[]){ *text, '\0' });
	buf_json_string(&json, buf_str(&plain));
	if (buf_failed(&plain) || buf_failed(&json)) {
		buf_puts(out, "\"\"");
		return;
	}
	for (p = buf_str(&json); *p;)
		p += put_character(out, p);
}

static void put_items(struct buf *out, const struct opt_spec *spec,
		      const char *text)
{
	bool map = spec->type == OPT_MAP, first = true;

	buf_putc(out, map ? '{' : '[');
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *item = strndup(text, len);
		char *value = item && map ? strchr(item, '=') : NULL;

		if (item && len) {
			if (!first)
				buf_puts(out, ", ");
			first = false;
			if (value) {
				*value++ = '\0';
				put_scalar(out, item, true);
				buf_puts(out, ": ");
			}
			put_scalar(out, value ? value : item, spec->literal);
		}
		free(item);
		text += len + (text[len] == '\n');
	}
	buf_putc(out, map ? '}' : ']');
}

static void put_value(struct buf *out, const struct opt_spec *spec,
		      const char *text)
{
	switch (spec->type) {
	case OPT_SECRET:
		buf_puts(out, "\"***\"");
		break;
	case OPT_LIST: case OPT_MAP:
		put_items(out, spec, text);
		break;
	case OPT_MODE:
		buf_printf(out, "\"%s\"", text);
		break;
	case OPT_BOOL: case OPT_U64: case OPT_SIZE: case OPT_DURATION:
		buf_puts(out, text);
		break;
	default:
		if (spec->type == OPT_CHOICE && (!strcmp(text, "true") ||
						 !strcmp(text, "false")))
			buf_puts(out, text);
		else
			put_scalar(out, text, spec->literal);
		break;
	}
}

/* A source as a comment: one line of ASCII, whatever a file is called. */
static void put_source(struct buf *out, const char *source)
{
	for (; *source; source++)   /* a char below 0 is one beyond ASCII */
		buf_putc(out, (signed char)*source < ' ' || *source == 0x7f ? '?' :
			 *source);
}

static void show_table(const struct opt_spec *table,
		       const struct opt_values *values, const char *indent,
		       struct buf *out)
{
	const struct opt_spec *spec;

	for (spec = table; spec->key; spec++) {
		const char *source;
		AUTO(auto_free) char *text = conf_effective(spec, values,
							     &source);

		buf_printf(out, "%s%s:%s", indent, spec->key,
			   text ? " " : "");
		if (text)
			put_value(out, spec, text);
		buf_puts(out, "  # ");
		put_source(out, source);
		buf_putc(out, '\n');
		if (text && spec->type == OPT_SECRET)
			explicit_bzero(text, strlen(text));
	}
}

static void show_comment(struct buf *out, const char *indent,
			 const char *label, const char *text)
{
	if (!text)
		return;
	buf_printf(out, "%s# %s: ", indent, label);
	put_source(out, text);
	buf_putc(out, '\n');
}

/* The name of the block that holds a driver's keys. */
static const char *block_name(const struct service_config *s)
{
	const char *const *roots = conf_driver_roots(s->driver);

	return roots ? roots[0] : s->driver;
}

static void show_service(const struct service_config *s, struct buf *out)
{
	buf_printf(out, "  %s:\n", s->name);
	show_comment(out, "    ", "error", s->error);
	show_comment(out, "    ", "creates are refused", s->refuse_creates);
	buf_puts(out, "    driver:");
	if (*s->driver) {
		buf_putc(out, ' ');
		put_scalar(out, s->driver, false);
	}
	buf_puts(out, "  # ");
	put_source(out, s->source);
	buf_putc(out, '\n');
	if (s->driver_table && s->driver_table->key) {
		buf_printf(out, "    %s:\n", block_name(s));
		show_table(s->driver_table, &s->driver_values, "      ", out);
	}
	show_table(service_option_table, &s->core_values, "    ", out);
}

void config_show(const struct config *c, struct buf *out)
{
	size_t i;

	buf_puts(out, "# The configuration in force. Each comment says where a value comes from.\n");
	for (i = 0; i < c->n_files; i++)
		show_comment(out, "", "read", c->files[i]);
	for (i = 0; i < c->n_problems; i++)
		show_comment(out, "", "problem", c->problems[i]);
	for (i = 0; i < c->n_notes; i++)
		show_comment(out, "", "note", c->notes[i]);
	buf_puts(out, "volfs:\n");
	show_table(core_option_table, &c->core_values, "  ", out);
	buf_puts(out, "services:\n");
	for (i = 0; i < c->n; i++)
		show_service(&c->services[i], out);
}

static void check_table(const struct opt_spec *table,
			const struct opt_values *values, const char *prefix,
			FILE *out)
{
	const struct opt_spec *spec;

	for (spec = table; spec->key; spec++) {
		AUTO(auto_buf) struct buf shown = BUF_INIT(CONF_VALUE_MAX * 2);
		const char *source;
		AUTO(auto_free) char *text = conf_effective(spec, values,
							     &source);

		if (text)
			put_value(&shown, spec, text);
		fprintf(out, "%s%s = %s  (%s)\n    %s\n", prefix, spec->key,
			buf_str(&shown), source, spec->help ? spec->help : "");
		if (text && spec->type == OPT_SECRET)
			explicit_bzero(text, strlen(text));
	}
}

static void check_service(const struct service_config *s, FILE *out)
{
	char prefix[CONF_PATH_MAX];

	fprintf(out, "services.%s.driver = %s  (%s)\n", s->name, s->driver,
		s->source);
	if (s->driver_table) {
		snprintf(prefix, sizeof(prefix), "services.%s.%s.", s->name,
			 block_name(s));
		check_table(s->driver_table, &s->driver_values, prefix, out);
	}
	snprintf(prefix, sizeof(prefix), "services.%s.", s->name);
	check_table(service_option_table, &s->core_values, prefix, out);
}

size_t config_check_print(const struct config *c, FILE *out)
{
	size_t i;

	for (i = 0; i < c->n_files; i++)
		fprintf(out, "read %s\n", c->files[i]);
	check_table(core_option_table, &c->core_values, "volfs.", out);
	for (i = 0; i < c->n; i++)
		check_service(&c->services[i], out);
	for (i = 0; i < c->n_notes; i++)
		fprintf(out, "note: %s\n", c->notes[i]);
	for (i = 0; i < c->n_problems; i++)
		fprintf(out, "problem: %s\n", c->problems[i]);
	return c->n_problems;
}
