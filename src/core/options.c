/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/parse.h"

#define OPTIONS_MAX 512           /* keys of one table, for nearest_word() */
#define LIST_ITEMS_MAX 4096

static const char *const type_names[] = {
	[OPT_STR] = "text", [OPT_PATH] = "path", [OPT_SECRET] = "secret",
	[OPT_CHOICE] = "word", [OPT_BOOL] = "true or false",
	[OPT_U64] = "number", [OPT_SIZE] = "size", [OPT_DURATION] = "duration",
	[OPT_MODE] = "octal mode", [OPT_LIST] = "list", [OPT_MAP] = "map",
};

const char *options_type_name(enum opt_type type)
{
	return type_names[type];
}

static bool spec_is_named(const struct opt_spec *spec, const char *key)
{
	const char *const *alias;

	if (!strcasecmp(spec->key, key))
		return true;
	for (alias = spec->aliases; alias && *alias; alias++)
		if (!strcasecmp(*alias, key))
			return true;
	return false;
}

const struct opt_spec *options_find(const struct opt_spec *table,
				    const char *key)
{
	const struct opt_spec *spec;

	for (spec = table; spec && spec->key; spec++)
		if (spec_is_named(spec, key))
			return spec;
	return NULL;
}

const char *options_nearest(const struct opt_spec *table, const char *key)
{
	const char *words[OPTIONS_MAX + 1];
	const struct opt_spec *spec;
	size_t n = 0;

	for (spec = table; spec && spec->key && n < OPTIONS_MAX; spec++)
		words[n++] = spec->key;
	words[n] = NULL;
	return nearest_word(key, words);
}

/* "'refresh' is '5 minutes'": how each complaint about a value begins. A
 * secret is never quoted. */
static void value_begin(const struct opt_spec *spec, const char *text,
			char *out, size_t room)
{
	char quoted[96];

	if (spec->type == OPT_SECRET)
		snprintf(out, room, "'%s'", spec->key);
	else
		snprintf(out, room, "'%s' is '%s'", spec->key,
			 quote_for_error(quoted, sizeof(quoted), text,
					 strlen(text)));
}

/* The limit of a range as one would write it. */
static const char *limit_text(const struct opt_spec *spec, uint64_t limit,
			      char *out)
{
	if (spec->type == OPT_SIZE)
		return format_size(out, limit);
	if (spec->type == OPT_DURATION)
		return format_duration_ms(out, limit);
	if (spec->type == OPT_MODE)
		snprintf(out, FORMAT_MAX, "%04" PRIo64, limit);
	else
		snprintf(out, FORMAT_MAX, "%" PRIu64, limit);
	return out;
}

static int check_range(const struct opt_spec *spec, const char *text,
		       uint64_t value, struct err *err)
{
	char begin[192], low[FORMAT_MAX], high[FORMAT_MAX];

	if (value >= spec->min && (!spec->max || value <= spec->max))
		return 0;
	value_begin(spec, text, begin, sizeof(begin));
	limit_text(spec, spec->min, low);
	if (!spec->max)
		return err_set(err, EINVAL, "%s, but the least is %s", begin,
			       low);
	return err_set(err, EINVAL, "%s, but must lie between %s and %s",
		       begin, low, limit_text(spec, spec->max, high));
}

static bool is_bare_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* A number without a unit, where the older form of the key says what it
 * counts. */
static int parse_bare(const struct opt_spec *spec, const char *text,
		      uint64_t *out, struct err *err)
{
	uint64_t count;
	int r = parse_u64(text, strlen(text), &count, err);

	if (r < 0)
		return r;
	if (count > INT64_MAX / spec->unit)
		return err_set(err, EINVAL, "'%s' is far too large", text);
	*out = count * spec->unit;
	return 0;
}

static int parse_number(const struct opt_spec *spec, const char *text,
			uint64_t *out, struct err *err)
{
	size_t len = strlen(text);
	uint64_t value = 0;
	unsigned mode = 0;
	bool truth = false;
	int r;

	if (spec->unit && is_bare_number(text) &&
	    (spec->type == OPT_SIZE || spec->type == OPT_DURATION)) {
		r = parse_bare(spec, text, &value, err);
	} else if (spec->type == OPT_SIZE) {
		r = parse_size(text, len, &value, err);
	} else if (spec->type == OPT_DURATION) {
		r = parse_duration_ms(text, len, &value, err);
	} else if (spec->type == OPT_MODE) {
		r = parse_mode(text, len, &mode, err);
		value = mode;
	} else if (spec->type == OPT_BOOL) {
		r = parse_bool(text, len, &truth, err);
		value = truth;
	} else {
		r = parse_u64(text, len, &value, err);
	}
	if (r < 0)
		return err_wrap(err, "'%s'", spec->key);
	if (spec->type != OPT_BOOL) {
		r = check_range(spec, text, value, err);
		if (r < 0)
			return r;
	}
	*out = value;
	return 0;
}

static int check_choice(const struct opt_spec *spec, const char *text,
			const char **found, struct err *err)
{
	AUTO(auto_buf) struct buf words = BUF_INIT(400);
	char begin[192];
	const char *near;
	size_t i;

	for (i = 0; spec->choices[i]; i++) {
		if (!strcasecmp(spec->choices[i], text)) {
			*found = spec->choices[i];
			return 0;
		}
		buf_printf(&words, "%s%s", i ? ", " : "", spec->choices[i]);
	}
	value_begin(spec, text, begin, sizeof(begin));
	near = nearest_word(text, spec->choices);
	if (near)
		return err_set(err, EINVAL,
			       "%s, not one of: %s (did you mean '%s'?)",
			       begin, buf_str(&words), near);
	return err_set(err, EINVAL, "%s, not one of: %s", begin,
		       buf_str(&words));
}

/* Calls for each line of @text; items are split by newlines only here, the
 * splitting at blanks is the reader's of the file. */
static int check_items(const struct opt_spec *spec, const char *text,
		       struct err *err)
{
	size_t count = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *equals = memchr(text, '=', len);

		if (++count > LIST_ITEMS_MAX)
			return err_set(err, EINVAL,
				       "'%s' has more than %d items",
				       spec->key, LIST_ITEMS_MAX);
		if (spec->type == OPT_MAP && len &&
		    (!equals || equals == text))
			return err_set(err, EINVAL,
				       "'%s': '%.*s' is not KEY=VALUE",
				       spec->key, len > 80 ? 80 : (int)len,
				       text);
		text += len;
		if (*text == '\n')
			text++;
	}
	return 0;
}

int options_check(const struct opt_spec *spec, const char *text,
		  struct err *err)
{
	const char *choice;
	char begin[192];
	uint64_t value;

	switch (spec->type) {
	case OPT_PATH:
		if (*text == '\0' || *text == '/')
			return 0;
		value_begin(spec, text, begin, sizeof(begin));
		return err_set(err, EINVAL,
			       "%s, which does not begin with '/': write the whole path",
			       begin);
	case OPT_CHOICE:
		return check_choice(spec, text, &choice, err);
	case OPT_BOOL: case OPT_U64: case OPT_SIZE: case OPT_DURATION:
	case OPT_MODE:
		return parse_number(spec, text, &value, err);
	case OPT_LIST: case OPT_MAP:
		return check_items(spec, text, err);
	case OPT_STR: case OPT_SECRET:
		break;
	}
	return 0;
}

int options_canonical(const struct opt_spec *spec, const char *text,
		      char **out, struct err *err)
{
	char number[FORMAT_MAX];
	const char *result = text;
	uint64_t value;
	int r = 0;

	switch (spec->type) {
	case OPT_CHOICE:
		r = check_choice(spec, text, &result, err);
		break;
	case OPT_BOOL:
		r = parse_number(spec, text, &value, err);
		result = r < 0 ? NULL : value ? "true" : "false";
		break;
	case OPT_U64: case OPT_SIZE: case OPT_DURATION: case OPT_MODE:
		r = parse_number(spec, text, &value, err);
		result = r < 0 ? NULL : limit_text(spec, value, number);
		break;
	default:
		r = options_check(spec, text, err);
		break;
	}
	if (r < 0)
		return r;
	*out = strdup(result);
	return *out ? 0 : err_oom(err);
}

static void items_free(char **items)
{
	size_t i;

	for (i = 0; items && items[i]; i++)
		free(items[i]);
	free(items);
}

static char **items_split(const char *text)
{
	size_t n = 0, count = 1;
	char **items;
	const char *p;

	for (p = text; *p; p++)
		count += *p == '\n';
	items = calloc(count + 1, sizeof(*items));
	while (items && *text) {
		size_t len = strcspn(text, "\n");

		if (len) {
			items[n] = strndup(text, len);
			if (!items[n]) {
				items_free(items);
				return NULL;
			}
			n++;
		}
		text += len;
		if (*text == '\n')
			text++;
	}
	return items;
}

static int set_number(const struct opt_spec *spec, const char *text, void *at,
		      struct err *err)
{
	uint64_t value = 0;
	int r = text ? parse_number(spec, text, &value, err) : 0;

	if (r < 0)
		return r;
	if (spec->type == OPT_BOOL)
		*(bool *)at = value != 0;
	else
		*(uint64_t *)at = value;
	return 0;
}

/* @text NULL: the field's zero, no pointer. */
static int field_set(const struct opt_spec *spec, const char *text,
		     void *target, struct err *err)
{
	void *at = (char *)target + spec->offset;
	int r;

	switch (spec->type) {
	case OPT_BOOL: case OPT_U64: case OPT_SIZE: case OPT_DURATION:
	case OPT_MODE:
		return set_number(spec, text, at, err);
	case OPT_LIST: case OPT_MAP:
		*(char ***)at = items_split(text ? text : "");
		return *(char ***)at ? 0 : err_oom(err);
	case OPT_CHOICE:
		if (text) {
			r = check_choice(spec, text, &text, err);
			if (r < 0)
				return r;
		}
		break;
	default:
		break;
	}
	*(char **)at = text ? strdup(text) : NULL;
	return text && !*(char **)at ? err_oom(err) : 0;
}

const struct opt_value *options_given(const struct opt_values *given,
				      const struct opt_spec *spec)
{
	size_t i;

	for (i = 0; given && i < given->n; i++)
		if (given->v[i].spec == spec)
			return &given->v[i];
	return NULL;
}

/* A pass before anything is set, so that a bad value leaves @target alone. */
static int check_all(const struct opt_spec *table,
		     const struct opt_values *given, struct err *err)
{
	const struct opt_spec *spec;

	for (spec = table; spec->key; spec++) {
		const struct opt_value *value = options_given(given, spec);
		int r;

		if (!value && spec->required && !spec->dflt)
			return err_set(err, EINVAL, "'%s' is missing: %s",
				       spec->key, spec->help ? spec->help : "");
		if (!value || !value->text)
			continue;
		r = options_check(spec, value->text, err);
		if (r < 0 && value->source)
			return err_wrap(err, "%s", value->source);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_apply(const struct opt_spec *table, const struct opt_values *given,
		  void *target, struct err *err)
{
	const struct opt_spec *spec, *undo;
	int r = check_all(table, given, err);

	if (r < 0)
		return r;
	for (spec = table; spec->key; spec++) {
		const struct opt_value *value = options_given(given, spec);

		r = field_set(spec, value ? value->text : spec->dflt, target,
			      err);
		if (r == 0)
			continue;
		/* What comes after was never set: nothing there to free. */
		for (undo = spec; undo->key; undo++)
			if (undo->type <= OPT_CHOICE || undo->type >= OPT_LIST)
				*(char **)((char *)target + undo->offset) =
					NULL;
		options_done(table, target);
		return r;
	}
	return 0;
}

void options_done(const struct opt_spec *table, void *target)
{
	const struct opt_spec *spec;

	for (spec = table; spec->key; spec++) {
		void *at = (char *)target + spec->offset;

		if (spec->type == OPT_LIST || spec->type == OPT_MAP) {
			items_free(*(char ***)at);
			*(char ***)at = NULL;
		} else if (spec->type <= OPT_CHOICE) {
			char *text = *(char **)at;

			if (text && spec->type == OPT_SECRET)
				explicit_bzero(text, strlen(text));
			free(text);
			*(char **)at = NULL;
		}
	}
}

void options_env_name(const char *driver, const char *key, char *out,
		      size_t room)
{
	size_t i;

	snprintf(out, room, "%s%s%s", driver, *driver && *key ? "." : "", key);
	for (i = 0; out[i]; i++) {
		if (out[i] == '.' || out[i] == '-')
			out[i] = '_';
		else
			out[i] = (char)toupper((unsigned char)out[i]);
	}
}

static void describe_one(const struct opt_spec *spec, const char *driver,
			 struct buf *out)
{
	char name[128], low[FORMAT_MAX], high[FORMAT_MAX];
	size_t i;

	buf_printf(out, "%s: %s", spec->key, type_names[spec->type]);
	for (i = 0; spec->choices && spec->choices[i]; i++)
		buf_printf(out, "%s%s", i ? "|" : " ", spec->choices[i]);
	if (spec->dflt) {
		buf_puts(out, ", default ");
		for (i = 0; spec->dflt[i]; i++)   /* a list's items */
			buf_putc(out, spec->dflt[i] == '\n' ? ' ' :
				 spec->dflt[i]);
		if (!i)
			buf_puts(out, "empty");
	} else if (spec->required)
		buf_puts(out, ", required");
	if (spec->max)
		buf_printf(out, ", %s to %s", limit_text(spec, spec->min, low),
			   limit_text(spec, spec->max, high));
	else if (spec->min)
		buf_printf(out, ", at least %s",
			   limit_text(spec, spec->min, low));
	options_env_name(driver, spec->key, name, sizeof(name));
	buf_printf(out, "\n    environment %s%s%s", name,
		   spec->env ? ", " : "", spec->env ? spec->env : "");
	for (i = 0; spec->aliases && spec->aliases[i]; i++)
		buf_printf(out, "%s%s", i ? ", " : "\n    also written ",
			   spec->aliases[i]);
	buf_printf(out, "\n    %s\n", spec->help ? spec->help : "");
}

void options_describe(const struct opt_spec *table, const char *driver,
		      struct buf *out)
{
	const struct opt_spec *spec;

	for (spec = table; spec && spec->key; spec++)
		describe_one(spec, driver, out);
}

void opt_values_done(struct opt_values *v)
{
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (v->v[i].text && v->v[i].spec->type == OPT_SECRET)
			explicit_bzero(v->v[i].text, strlen(v->v[i].text));
		free(v->v[i].text);
		free(v->v[i].source);
	}
	free(v->v);
	v->v = NULL;
	v->n = 0;
}
