/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: taken apart by a verb's table of words, and the usage text
 * that reading the verb's file gives.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/service.h"
#include "core/verb.h"

#define LINE_MAX_BYTES 4095
#define WORDS_MAX 64
#define USAGE_BYTES 512

static const struct word_spec no_words[] = { { NULL } };

static const struct word_spec *words_of(const struct verb *v)
{
	return v->words ? v->words : no_words;
}

static const struct word_spec *find_word(const struct verb *v,
					 const char *key, size_t len)
{
	for (const struct word_spec *w = words_of(v); w->key; w++)
		if (strlen(w->key) == len && memcmp(w->key, key, len) == 0)
			return w;
	return NULL;
}

static bool word_is_served(const struct word_spec *w, const struct provider *p)
{
	return !w->notion || !p || provider_notes(p, w->notion);
}

static int unknown_word(const struct verb *v, const struct provider *p,
			const char *key, size_t len, struct err *err)
{
	const char *known[WORDS_MAX + 4] = { "async", "dry-run", "timeout" };
	char quoted[80], word[64];
	const char *near;
	size_t n = 3;

	if (find_word(v, key, len))
		return err_set(err, EINVAL, "%s: the volumes of driver '%s' "
			       "have no '%.*s'", v->name, p->name, (int)len,
			       key);
	for (const struct word_spec *w = words_of(v);
	     w->key && n < ARRAY_SIZE(known) - 1; w++)
		if (word_is_served(w, p))
			known[n++] = w->key;
	quote_for_error(quoted, sizeof(quoted), key, len);
	quote_for_error(word, sizeof(word), key, len);
	near = nearest_word(word, known);
	if (near)
		return err_set(err, EINVAL, "%s: '%s' is not a word of it: did "
			       "you mean '%s'? Reading the file shows all",
			       v->name, quoted, near);
	return err_set(err, EINVAL, "%s: '%s' is not a word of it: reading the "
		       "file shows which it takes", v->name, quoted);
}

static int check_value(const struct verb *v, const struct word_spec *w,
		       const char *value, struct err *err)
{
	struct opt_spec spec = { .key = w->key, .type = w->type,
				 .unit = w->unit, .choices = w->choices };

	if (w->type == OPT_MAP)
		return strchr(value, '=') && value[0] != '='
			       ? 0
			       : err_set(err, EINVAL, "%s: %s '%s' is not "
					 "KEY=VALUE", v->name, w->key, value);
	if (options_check(&spec, value, err) < 0)
		return err_wrap(err, "%s", v->name);
	return 0;
}

static int add_word(struct line *out, const struct word_spec *w, char *value,
		    const struct verb *v, struct err *err)
{
	struct word *words;

	for (size_t i = 0; i < out->n && !w->repeat; i++)
		if (out->words[i].spec == w) {
			free(value);
			return err_set(err, EINVAL, "%s: '%s' is there twice",
				       v->name, w->key);
		}
	if (out->n >= WORDS_MAX) {
		free(value);
		return err_set(err, E2BIG, "%s: over %d words", v->name,
			       WORDS_MAX);
	}
	words = realloc(out->words, (out->n + 1) * sizeof(*words));
	if (!words) {
		free(value);
		return err_oom(err);
	}
	out->words = words;
	out->words[out->n++] = (struct word){ w, value };
	return 0;
}

/* async, dry-run, timeout=DUR, 1. Return: 1 if it was one of them. */
static int common_word(const char *s, size_t len, const struct verb *v,
		       struct line *out, struct err *err)
{
	uint64_t ms;

	if (len == 1 && s[0] == '1')
		return 1;
	if (len == 5 && memcmp(s, "async", 5) == 0) {
		out->async = true;
		return 1;
	}
	if (len == 7 && memcmp(s, "dry-run", 7) == 0) {
		out->dry_run = true;
		return 1;
	}
	if (len < 8 || memcmp(s, "timeout=", 8) != 0)
		return 0;
	if (out->timeout_ms >= 0)
		return err_set(err, EINVAL, "%s: 'timeout' is there twice",
			       v->name);
	if (parse_duration_ms(s + 8, len - 8, &ms, err) < 0)
		return err_wrap(err, "%s: timeout", v->name);
	if (ms > 7LL * 24 * 3600 * 1000)
		return err_set(err, EINVAL, "%s: a timeout is at most 7d",
			       v->name);
	out->timeout_ms = ms;
	return 1;
}

static int one_word(const char *s, size_t len, const struct verb *v,
		    const struct provider *p, struct line *out,
		    struct err *err)
{
	const char *eq = memchr(s, '=', len);
	size_t key = eq ? (size_t)(eq - s) : len;
	const struct word_spec *w;
	char *value;
	int r = common_word(s, len, v, out, err);

	if (r)
		return r < 0 ? r : 0;
	w = find_word(v, s, key);
	if (!w || !word_is_served(w, p))
		return unknown_word(v, p, s, key, err);
	if (!eq && !w->flag)
		return err_set(err, EINVAL, "%s: '%s' needs a value: %s=...",
			       v->name, w->key, w->key);
	if (eq && w->flag && w->type != OPT_BOOL)
		return err_set(err, EINVAL, "%s: '%s' takes no value", v->name,
			       w->key);
	value = eq ? strndup(eq + 1, s + len - eq - 1) : strdup("");
	if (!value)
		return err_oom(err);
	if (eq && check_value(v, w, value, err) < 0) {
		free(value);
		return -err->num;
	}
	return add_word(out, w, value, v, err);
}

int line_parse(const char *text, size_t len, const struct verb *v,
	       const struct provider *p, struct line *out, struct err *err)
{
	struct line l = { .timeout_ms = -1 };
	size_t at = 0;

	if (len > LINE_MAX_BYTES)
		return err_set(err, E2BIG, "%s: a line has at most %d bytes",
			       v->name, LINE_MAX_BYTES);
	if (memchr(text, 0, len))
		return err_set(err, EINVAL, "%s: a line cannot have a NUL "
			       "byte", v->name);
	if (len && text[len - 1] == '\n')
		len--;
	if (memchr(text, '\n', len))
		return err_set(err, EINVAL, "%s: one write is one line",
			       v->name);
	while (at < len) {
		size_t end;

		if (text[at] == ' ' || text[at] == '\t' || text[at] == '\r') {
			at++;
			continue;
		}
		for (end = at; end < len && text[end] != ' ' &&
			       text[end] != '\t' && text[end] != '\r'; end++)
			;
		if (one_word(text + at, end - at, v, p, &l, err) < 0) {
			line_done(&l);
			return -err->num;
		}
		at = end;
	}
	*out = l;
	return 0;
}

void line_done(struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->words[i].value);
	free(l->words);
	l->words = NULL;
	l->n = 0;
}

const char *line_value(const struct line *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->words[i].spec && strcmp(l->words[i].spec->key, key) == 0)
			return l->words[i].value;
	return NULL;
}

bool line_has(const struct line *l, const char *key)
{
	const char *value = line_value(l, key);
	bool on = true;

	for (size_t i = 0; value && *value && i < l->n; i++)
		if (l->words[i].value == value &&
		    l->words[i].spec->type == OPT_BOOL)
			parse_bool(value, strlen(value), &on, NULL);
	return value && on;
}

/* ---- usage ---- */

static const char *value_word(const struct word_spec *w)
{
	switch (w->type) {
	case OPT_BOOL: return "0|1";
	case OPT_U64: return "NUMBER";
	case OPT_SIZE: return "SIZE";
	case OPT_DURATION: return "DURATION";
	case OPT_MODE: return "MODE";
	case OPT_PATH: return "PATH";
	case OPT_LIST: return "A,B,...";
	case OPT_MAP: return "KEY=VALUE";
	default: return "TEXT";
	}
}

/* What the service's configuration gives when the word is not said. */
static void default_of(const struct verb *v, const struct word_spec *w,
		       struct service *svc, char *out, size_t room)
{
	const struct service_options *o = svc ? service_options(svc) : NULL;
	char text[FORMAT_MAX];

	snprintf(out, room, "%s", w->dflt ? w->dflt : "");
	/* What `set` does not name stays as it is. */
	if (!o || w->dflt || strcmp(v->name, "set") == 0)
		return;
	if (strcmp(w->key, "size") == 0)
		snprintf(out, room, "%s", format_size(text, o->size_bytes));
	else if (strcmp(w->key, "fstype") == 0)
		snprintf(out, room, "%s", o->fstype ? o->fstype : "");
	else if (strcmp(w->key, "type") == 0)
		snprintf(out, room, "%s", o->type ? o->type : "");
	else if (strcmp(w->key, "zone") == 0)
		snprintf(out, room, "%s", o->zone ? o->zone : "");
	else if (strcmp(w->key, "subpath") == 0)
		snprintf(out, room, "%s", o->subpath ? o->subpath : "");
}

static void usage_word(const struct verb *v, const struct word_spec *w,
		       struct service *svc, struct buf *out)
{
	char head[64], dflt[128];

	if (w->flag && w->type != OPT_BOOL)
		snprintf(head, sizeof(head), "%s", w->key);
	else if (w->choices) {
		snprintf(head, sizeof(head), "%s=", w->key);
		for (size_t i = 0; w->choices[i]; i++)
			snprintf(head + strlen(head),
				 sizeof(head) - strlen(head), "%s%s",
				 i ? "|" : "", w->choices[i]);
	} else
		snprintf(head, sizeof(head), "%s=%s", w->key, value_word(w));
	buf_printf(out, "  %-20s %s", head, w->help);
	default_of(v, w, svc, dflt, sizeof(dflt));
	if (dflt[0])
		buf_printf(out, " Default: %s.", dflt);
	buf_putc(out, '\n');
}

static bool service_has_word(const struct service *svc,
			     const struct word_spec *w)
{
	return !w->notion || !svc || !service_provider(svc) ||
	       service_notes(svc, w->notion);
}

/* The verb's example, where the service has what it speaks of. */
static const char *example_of(const struct verb *v, const struct service *svc)
{
	const struct provider *p = svc ? service_provider(svc) : NULL;
	struct err ignored = ERR_INIT;
	struct line l = { .n = 0 };
	bool whole = true;

	if (!v->example || line_parse(v->example, strlen(v->example), v, p, &l,
				      &ignored) < 0)
		return "1";
	for (size_t i = 0; i < l.n; i++)
		whole &= service_has_word(svc, l.words[i].spec);
	line_done(&l);
	return whole ? v->example : "1";
}

void verb_usage(const struct verb *v, struct service *svc, const char *path,
		struct buf *out)
{
	char wait[FORMAT_MAX] = "60s";
	size_t start = out->len;

	buf_printf(out, "%s: %s\n\n", v->name, v->help);
	buf_printf(out, "Write one line:  [async] [dry-run] [timeout=DURATION] "
		   "[1]%s\n\n", words_of(v)->key ? " WORD ..." : "");
	for (const struct word_spec *w = words_of(v); w->key; w++)
		if (service_has_word(svc, w))
			usage_word(v, w, svc, out);
	if (svc)
		format_duration_ms(wait,
				   service_options(svc)->answer_timeout_ms);
	buf_printf(out,
		   "  async                Answer once the job is recorded.\n"
		   "  dry-run              Check everything, change nothing.\n"
		   "  timeout=DURATION     Wait so long for the result; the job "
		   "goes on. Default: %s.\n", wait);
	buf_printf(out, "\nExample:\n    echo '%s' > %s\n",
		   example_of(v, svc), path ? path : v->name);
	buf_printf(out, "The write's errno is the result; its sentence is in "
		   "%s.\n",
		   v->target == TARGET_DAEMON ? "the log and in .volfs/events"
		   : v->target == TARGET_VOLUME ||
		     v->target == TARGET_SNAPSHOT ? "'error'"
						  : "the service's '.error'");
	/* The kernel lets two writers in at once up to st_size. */
	while (!buf_failed(out) && out->len - start < USAGE_BYTES)
		buf_putc(out, out->len - start == USAGE_BYTES - 1 ? '\n' : ' ');
}
