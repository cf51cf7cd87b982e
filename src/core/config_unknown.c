/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What no key was looked for at: misspelt keys, which make the services they
 * may have been meant for refuse creates, and keys of REX-Ray that mean nothing
 * here, which are one line each.
 */

#include "core/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/parse.h"

#define WORDS_MAX 400
#define REPORTS_MAX 200

/* Which services a key may have been meant for. */
struct aim {
	struct draft *one;        /* this one, or */
	const char *root;         /* those whose driver reads this block, or */
};                                /* (both NULL) all */

struct words {
	const char *word[WORDS_MAX + 1];
	size_t n;
	char store[8192];
};

static void words_add(struct words *w, const char *word)
{
	if (w->n < WORDS_MAX)
		w->word[w->n++] = word;
	w->word[w->n] = NULL;
}

static void words_add_table(struct words *w, const struct opt_spec *table)
{
	for (; table && table->key; table++)
		words_add(w, table->key);
}

static void words_add_all(struct words *w, const char *const *list)
{
	for (; list && *list; list++)
		words_add(w, *list);
}

static bool is_root_of(const char *root, const char *driver)
{
	const char *const *r = conf_driver_roots(driver);

	if (!r)
		return !strcasecmp(root, driver);
	for (; *r; r++)
		if (!strcasecmp(root, *r))
			return true;
	return false;
}

static bool is_any_root(const struct loader *l, const char *key)
{
	const char *const *r;
	size_t i;

	for (r = conf_all_roots(); *r; r++)
		if (!strcasecmp(*r, key))
			return true;
	for (i = 0; i < l->n_drafts; i++)
		if (is_root_of(key, l->drafts[i].to->driver))
			return true;
	return false;
}

static void report(struct loader *l, const struct conf_node *node,
		   const char *path, const struct words *words,
		   const struct aim *aim)
{
	/* Not for thousands of keys: looking for the nearest takes time. */
	const char *near = l->config->n_problems < REPORTS_MAX ?
			   nearest_word(node->key, words->word) : NULL;
	char source[CONF_PATH_MAX + 64], text[700], quoted[160];
	size_t i;

	conf_source(node, source, sizeof(source));
	quote_for_error(quoted, sizeof(quoted), path, strlen(path));
	if (near)
		snprintf(text, sizeof(text),
			 "%.300s: unknown key '%s': did you mean '%s'?",
			 source, quoted, near);
	else
		snprintf(text, sizeof(text),
			 "%.300s: unknown key '%s': remove it", source,
			 quoted);
	if (l->config->n_problems < REPORTS_MAX)
		conf_problem(l->config, "%s", text);
	for (i = 0; i < l->n_drafts; i++) {
		struct draft *d = &l->drafts[i];

		if (aim->one ? aim->one == d :
		    !aim->root || is_root_of(aim->root, d->to->driver))
			conf_service_refuse(l->config, d->to, text);
	}
}

static void note_ignored(struct loader *l, const struct conf_node *node,
			 const char *path, const char *why)
{
	char source[CONF_PATH_MAX + 64];

	conf_source(node, source, sizeof(source));
	conf_note(l->config, "%s: %s: %s; ignored", source, path, why);
}

/* A block that should hold keys of @table only. */
static void walk_table(struct loader *l, const struct conf_node *map,
		       const char *path, const struct opt_spec *table,
		       const struct aim *aim)
{
	struct words words = { .n = 0 };
	char below[CONF_PATH_MAX];
	size_t i;

	words_add_table(&words, table);
	for (i = 0; i < map->n; i++) {
		struct conf_node *child = map->child[i];

		/* Known, but not looked for: a block of a driver in use never
		 * has that. */
		if (child->used || options_find(table, child->key))
			continue;
		conf_join(below, sizeof(below), path, child->key);
		report(l, child, below, &words, aim);
	}
}

/* A driver's block at the root or under libstorage.server. */
static void walk_driver(struct loader *l, struct conf_node *node,
			const char *path)
{
	struct aim aim = { .root = node->key };
	struct words words = { .n = 0 };
	char below[CONF_PATH_MAX];
	bool in_use = false, built;
	size_t i;

	for (i = 0; i < l->n_drafts; i++) {
		const char *driver = l->drafts[i].to->driver;

		if (!is_root_of(node->key, driver))
			continue;
		in_use = true;
		words_add_table(&words, conf_driver_table(l, driver, &built));
	}
	if (!in_use) {
		note_ignored(l, node, path, "no service has that driver");
		return;
	}
	if (node->kind != CONF_MAP) {
		if (node->kind != CONF_NULL)
			report(l, node, path, &words, &aim);
		return;
	}
	for (i = 0; i < node->n; i++) {
		if (node->child[i]->used)
			continue;
		conf_join(below, sizeof(below), path, node->child[i]->key);
		report(l, node->child[i], below, &words, &aim);
	}
}

static struct draft *draft_of(struct loader *l, const struct conf_node *block)
{
	size_t i;

	for (i = 0; i < l->n_drafts; i++)
		if (l->drafts[i].block == block)
			return &l->drafts[i];
	return NULL;
}

static void walk_service(struct loader *l, struct draft *d);

static bool is_service_list(const char *known)
{
	return !strcasecmp(known, "libstorage.server.services");
}

/* Blocks of services; one that was left out has been spoken of. */
static void walk_services(struct loader *l, struct conf_node *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct draft *d = draft_of(l, list->child[i]);

		if (d)
			walk_service(l, d);
	}
}

static void walk_old(struct loader *l, struct conf_node *node,
		     const char *path, const char *known,
		     const struct aim *aim);

/* One key of an older form. @path: where it stands; @known: by which name it
 * is known (without the service's or module's path before it). */
static void walk_old_key(struct loader *l, struct conf_node *child,
			 const char *path, const char *known,
			 const char *parent, const struct aim *aim)
{
	struct words words = { .n = 0 };
	struct draft *d = draft_of(l, child);
	const char *why;
	size_t top;

	if (d) {
		walk_service(l, d);
		return;
	}
	if (child->kind == CONF_NULL)
		return;
	if (child->kind == CONF_MAP && is_service_list(known)) {
		walk_services(l, child);
		return;
	}
	if (child->kind == CONF_MAP && rexray_is_container(known)) {
		walk_old(l, child, path, known, aim);
		return;
	}
	why = rexray_ignored(known, &top);
	if (why) {
		note_ignored(l, child, path, why);
		return;
	}
	words.n = rexray_words(parent, words.word, WORDS_MAX, words.store,
			       sizeof(words.store));
	words.word[words.n] = NULL;
	report(l, child, path, &words, aim);
}

/* A module's words for its own socket. */
static bool is_socket_word(const char *key)
{
	static const char *const words[] = {
		"type", "desc", "host", "spec", "disabled"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(words[i], key))
			return true;
	return false;
}

/* What has no keys to look at, and should have. */
static bool is_block(struct loader *l, const struct conf_node *node,
		     const char *path)
{
	char source[CONF_PATH_MAX + 64], quoted[160];

	if (node->kind != CONF_MAP && node->kind != CONF_NULL) {
		conf_source(node, source, sizeof(source));
		quote_for_error(quoted, sizeof(quoted), path, strlen(path));
		conf_problem(l->config, "%s: '%s' takes a block: {NAME: ...}",
			     source, quoted);
	}
	return node->kind == CONF_MAP;
}

static void walk_module(struct loader *l, struct conf_node *module)
{
	struct aim aim = { .one = draft_of(l, module) };
	char path[CONF_PATH_MAX], below[CONF_PATH_MAX];
	bool has_socket = false;
	size_t i;

	if (module->used)   /* it is disabled */
		return;
	conf_join(path, sizeof(path), "rexray.modules", module->key);
	if (!is_block(l, module, path))
		return;
	for (i = 0; i < module->n; i++) {
		struct conf_node *child = module->child[i];

		if (child->used)
			continue;
		conf_join(below, sizeof(below), path, child->key);
		if (is_socket_word(child->key))
			has_socket = true;
		else if (is_any_root(l, child->key))
			walk_driver(l, child, below);
		else
			walk_old_key(l, child, below, child->key, "", &aim);
	}
	if (has_socket)
		note_ignored(l, module, path,
			     "its socket is for clients of the tree to serve");
}

static void walk_old(struct loader *l, struct conf_node *node,
		     const char *path, const char *known,
		     const struct aim *aim)
{
	char below[CONF_PATH_MAX], name[CONF_PATH_MAX];
	size_t i;

	if (node->kind != CONF_MAP) {
		walk_old_key(l, node, path, known, "", aim);
		return;
	}
	for (i = 0; i < node->n; i++) {
		struct conf_node *child = node->child[i];

		if (child->used)
			continue;
		conf_join(below, sizeof(below), path, child->key);
		conf_join(name, sizeof(name), known, child->key);
		if (!strcasecmp(name, "rexray.modules")) {
			size_t n = is_block(l, child, below) ? child->n : 0;

			for (size_t j = 0; j < n; j++)
				walk_module(l, child->child[j]);
			continue;
		}
		if (!strcasecmp(known, "libstorage.server") &&
		    !rexray_is_container(name) && !is_service_list(name)) {
			size_t top;

			if (is_any_root(l, child->key)) {
				walk_driver(l, child, below);
				continue;
			}
			if (!rexray_ignored(name, &top))
				conf_join(name, sizeof(name), "libstorage",
					  child->key);
		}
		walk_old_key(l, child, below, name, known, aim);
	}
}

/* The words a service's block knows. */
static void service_words(struct draft *d, struct words *words)
{
	const char *const *roots = conf_driver_roots(d->to->driver);

	words_add(words, "driver");
	words_add_table(words, d->to->driver_table);
	words_add_table(words, service_option_table);
	words_add_all(words, roots);
	if (!roots)
		words_add(words, d->to->driver);
}

static void walk_service_key(struct loader *l, struct draft *d,
			     struct conf_node *child, const char *path)
{
	struct aim aim = { .one = d };
	struct words words = { .n = 0 };
	char name[CONF_PATH_MAX];
	size_t top;

	if (is_root_of(child->key, d->to->driver) && child->kind == CONF_MAP) {
		walk_table(l, child, path, d->to->driver_table, &aim);
		return;
	}
	if (is_any_root(l, child->key)) {
		note_ignored(l, child, path,
			     "the service has another driver");
		return;
	}
	snprintf(name, sizeof(name), "%s", child->key);
	if (!rexray_is_container(name))
		conf_join(name, sizeof(name), "libstorage", child->key);
	if (rexray_is_container(name) || rexray_ignored(name, &top)) {
		walk_old_key(l, child, path, name, "", &aim);
		return;
	}
	service_words(d, &words);
	report(l, child, path, &words, &aim);
}

static void walk_service(struct loader *l, struct draft *d)
{
	char path[CONF_PATH_MAX];
	size_t i;

	if (d->form == FORM_MODULE || !d->to->driver_table ||
	    d->block->kind != CONF_MAP)
		return;
	for (i = 0; i < d->block->n; i++) {
		struct conf_node *child = d->block->child[i];

		if (child->used || child->kind == CONF_NULL)
			continue;
		conf_join(path, sizeof(path), d->path, child->key);
		walk_service_key(l, d, child, path);
	}
}

static void walk_native(struct loader *l, struct conf_node *child)
{
	struct aim aim = { NULL, NULL };
	bool core = !strcasecmp(child->key, "volfs");

	if (!strcasecmp(child->key, "services")) {
		walk_services(l, child);
	} else if (child->kind == CONF_MAP) {
		walk_table(l, child, child->key,
			   core ? core_option_table : service_option_table,
			   &aim);
	} else if (child->kind != CONF_NULL) {
		struct words none = { .n = 0 };

		report(l, child, child->key, &none, &aim);
	}
}

void conf_report_unknown(struct loader *l)
{
	static const char *const native[] = {
		"services", "defaults", "volfs", NULL
	};
	struct aim all = { NULL, NULL };
	size_t i, j, top;

	for (i = 0; i < l->root->n; i++) {
		struct conf_node *child = l->root->child[i];
		struct words words = { .n = 0 };

		for (j = 0; native[j]; j++)
			if (!strcasecmp(native[j], child->key))
				break;
		if (!strncasecmp(child->key, "x-", 2))
			continue;   /* whatever it is, a place for anchors */
		if (native[j]) {
			walk_native(l, child);
		} else if (is_any_root(l, child->key)) {
			walk_driver(l, child, child->key);
		} else if (rexray_is_container(child->key) ||
			   rexray_ignored(child->key, &top)) {
			if (rexray_ignored(child->key, &top))
				walk_old_key(l, child, child->key, child->key,
					     "", &all);
			else
				walk_old(l, child, child->key, child->key,
					 &all);
		} else {
			words.n = rexray_words("", words.word, 100,
					       words.store,
					       sizeof(words.store));
			words_add_all(&words, native);
			words_add_all(&words, conf_all_roots());
			report(l, child, child->key, &words, &all);
		}
	}
}

/* "ebs", "accessKey" -> "ebsAccessKey": how a property's flag is written. */
static void flag_name(const char *path, const char *key, char *out,
		      size_t room)
{
	int n = snprintf(out, room, "%s%s", path, key);

	if (n > 0 && strlen(path) < room - 1 && out[strlen(path)] >= 'a' &&
	    out[strlen(path)] <= 'z')
		out[strlen(path)] -= 'a' - 'A';
}

/* All drivers' flags that are near to @name, into @words; or the spec of the
 * flag itself, with @root its block. */
static const struct opt_spec *flags_near(const struct loader *l,
					 const struct conf_flag *flag,
					 struct words *words,
					 const char *const **root)
{
	char name[CONF_PATH_MAX], plain[CONF_PATH_MAX];
	size_t used = 0;
	bool built;

	for (*root = conf_all_roots(); **root; (*root)++) {
		const struct opt_spec *spec = conf_driver_table(
			l, config_driver_canonical(**root), &built);

		for (; spec && spec->key; spec++) {
			const char *one[] = { name, NULL };
			size_t len;

			flag_name(**root, spec->key, name, sizeof(name));
			conf_flag_plain(name, plain, sizeof(plain));
			if (!strcmp(plain, flag->plain))
				return spec;
			len = strlen(name) + 1;
			if (!nearest_word(flag->name, one) ||
			    used + len > sizeof(words->store))
				continue;
			memcpy(words->store + used, name, len);
			words_add(words, words->store + used);
			used += len;
		}
	}
	return NULL;
}

int conf_unknown_flag(struct loader *l, const struct conf_flag *flag,
		      struct err *err)
{
	struct words words = { .n = 0 };
	const char *const *root;
	const struct opt_spec *spec = flags_near(l, flag, &words, &root);
	const char *near;

	if (spec && spec->type == OPT_SECRET)
		return err_set(err, EPERM,
			       "--%.80s: a secret on a command line is seen by every user of this machine: put it into the configuration file",
			       flag->name);
	if (spec) {
		conf_note(l->config,
			  "--%s: no service has the driver '%s'; ignored",
			  flag->name, *root);
		return 0;
	}
	near = nearest_word(flag->name, words.word);
	if (near)
		return err_set(err, EINVAL,
			       "unknown option --%.80s: did you mean --%s?",
			       flag->name, near);
	return err_set(err, EINVAL,
		       "unknown option --%.80s: no key of the configuration has that flag",
		       flag->name);
}
