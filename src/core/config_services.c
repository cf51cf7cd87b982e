/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which services a configuration has, in each of the forms it may have:
 * `services:`, libstorage.server.services, osd.drivers, rexray.modules,
 * rexray.storageDrivers, and a bare libstorage.service.
 */

#include "core/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/escape.h"
#include "base/parse.h"

/* Makes a legal service name of a key: lower case, the rest '-'. */
static void tree_name(const char *key, char *out, size_t room)
{
	size_t n = 0;

	while (*key && !isalnum((unsigned char)*key))
		key++;
	for (; *key && n + 1 < room; key++)
		out[n++] = isalnum((unsigned char)*key) ?
			   (char)tolower((unsigned char)*key) : '-';
	out[n] = '\0';
	if (!n)
		snprintf(out, room, "service");
}

static struct draft *draft_find(struct loader *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n_drafts; i++)
		if (!strcmp(l->drafts[i].to->name, name))
			return &l->drafts[i];
	return NULL;
}

/* Says it where a service's name had to be changed. */
static void name_changed(struct loader *l, enum service_form form,
			 const char *source, const char *key,
			 const char *name)
{
	char quoted[96];

	quote_for_error(quoted, sizeof(quoted), key, strlen(key));
	if (form == FORM_NATIVE)
		conf_problem(l->config,
			     "%s: '%s' cannot be a directory name of the tree ([a-z0-9][a-z0-9-]*): the service is listed as '%s'",
			     source, quoted, name);
	else
		conf_note(l->config, "%s: service '%s' is listed as '%s'",
			  source, quoted, name);
}

/* A new service. Return: its draft; NULL when it is left out. */
static struct draft *draft_add(struct loader *l, enum service_form form,
			       const char *key, const char *source,
			       struct conf_node *block, const char *path)
{
	struct config *c = l->config;
	struct draft *d;
	char name[64];

	tree_name(key, name, sizeof(name));
	d = draft_find(l, name);
	if (d) {
		conf_problem(c,
			     "%s: service '%s' is left out, as %s has one of that name",
			     source, name, d->to->source);
		return NULL;
	}
	if (c->n == CONF_SERVICES_MAX) {
		conf_problem(c, "%s: more than %d services: the rest is left out",
			     source, CONF_SERVICES_MAX);
		return NULL;
	}
	if (strcmp(name, key))
		name_changed(l, form, source, key, name);
	d = &l->drafts[l->n_drafts];
	d->form = form;
	d->block = block;
	snprintf(d->path, sizeof(d->path), "%s", path);
	d->to = &c->services[c->n];
	d->to->name = strdup(name);
	d->to->source = strdup(source);
	d->to->driver = strdup("");
	if (!d->to->name || !d->to->source || !d->to->driver) {
		free(d->to->name);
		free(d->to->source);
		free(d->to->driver);
		d->to->name = d->to->source = d->to->driver = NULL;
		c->out_of_memory = true;
		return NULL;
	}
	l->n_drafts++;
	c->n++;
	return d;
}

static void set_driver(struct loader *l, struct draft *d, const char *driver)
{
	char *copy = strdup(config_driver_canonical(driver));

	if (!copy) {
		l->config->out_of_memory = true;
		return;
	}
	free(d->to->driver);
	d->to->driver = copy;
}

/* The driver of a block: "driver", or the longer form of libStorage 0.1. */
static void read_driver(struct loader *l, struct draft *d)
{
	static const char *const keys[] = {
		"driver", "libstorage.storage.driver", "storage.driver"
	};
	struct opt_spec spec = { .key = "driver", .type = OPT_STR };
	struct place at = { d->block, d->path };
	AUTO(auto_free) char *text = NULL;
	struct err why = ERR_INIT;
	struct found f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (conf_lookup(l, &at, keys[i], &f))
			break;
	if (i == ARRAY_SIZE(keys))
		err_set(&why, EINVAL,
			"%s: service '%s' names no driver: write 'driver: NAME' (volfsd --drivers lists them)",
			d->to->source, d->to->name);
	else if (conf_value(l, &spec, &f, &text, &why) < 0)
		err_wrap(&why, "%s", f.source);
	if (text)
		set_driver(l, d, text);
	else
		conf_service_error(l->config, d->to, why.text);
}

/* The services of a block of the native or libStorage form. */
static int add_blocks(struct loader *l, enum service_form form,
		      struct conf_node *map, const char *path,
		      struct err *err)
{
	char source[CONF_PATH_MAX + 64], below[CONF_PATH_MAX];
	struct err why = ERR_INIT;
	size_t i;

	if (!map || map->kind == CONF_NULL)
		return 0;
	conf_source(map, source, sizeof(source));
	if (map->kind != CONF_MAP)
		return err_set(err, EINVAL,
			       "%s: '%s' takes a block a service: NAME: {driver: ...}",
			       source, path);
	for (i = 0; i < map->n; i++) {
		struct conf_node *block = map->child[i];
		struct draft *d;

		conf_source(block, source, sizeof(source));
		conf_join(below, sizeof(below), path, block->key);
		d = draft_add(l, form, block->key, source, block, below);
		if (!d)
			continue;
		if (block->kind == CONF_MAP || block->kind == CONF_NULL) {
			read_driver(l, d);
			continue;
		}
		err_set(&why, EINVAL,
			"%s: service '%s' takes a block: {driver: NAME, ...}",
			source, d->to->name);
		conf_service_error(l->config, d->to, why.text);
	}
	return 0;
}

static void add_osd(struct loader *l)
{
	struct conf_node *map = conf_at(l->root, "osd.drivers");
	char source[CONF_PATH_MAX + 64], path[CONF_PATH_MAX];
	size_t i, top;

	for (i = 0; map && map->kind == CONF_MAP && i < map->n; i++) {
		struct conf_node *block = map->child[i];
		struct draft *d;

		conf_source(block, source, sizeof(source));
		conf_join(path, sizeof(path), "osd.drivers", block->key);
		if (rexray_ignored(path, &top))
			continue;
		d = draft_add(l, FORM_OSD, block->key, source, block, path);
		if (d)
			set_driver(l, d, block->key);
	}
}

/* A service that is only a driver's name. */
static void add_bare(struct loader *l, const char *driver, const char *source)
{
	struct draft *d = draft_add(l, FORM_BARE, driver, source, NULL, "");

	if (d)
		set_driver(l, d, driver);
}

/* "scaleio\nxtremio": each line to add_bare(), unless it is there. */
static void add_each(struct loader *l, char *drivers, const char *source)
{
	char *driver, *rest = drivers, name[64];

	while ((driver = strsep(&rest, "\n"))) {
		tree_name(driver, name, sizeof(name));
		if (*driver && !draft_find(l, name))
			add_bare(l, driver, source);
	}
}

/* The list at @key below @at as lines; NULL if there is none. */
static char *read_list(struct loader *l, const struct place *at,
		       const char *key, struct found *f)
{
	struct opt_spec spec = { .key = key, .type = OPT_LIST };
	struct err why = ERR_INIT;
	char *text = NULL;

	if (!conf_lookup(l, at, key, f))
		return NULL;
	if (conf_value(l, &spec, f, &text, &why) < 0)
		conf_problem(l->config, "%s: %s", f->source, why.text);
	return text;
}

/* Does a module set keys of its own, so that its service is another one? */
static bool module_overrides(const struct conf_node *module)
{
	static const char *const plain[] = {
		"type", "desc", "host", "spec", "disabled", "rexray",
		"libstorage", NULL
	};
	size_t i, j;

	for (i = 0; i < module->n; i++) {
		for (j = 0; plain[j]; j++)
			if (!strcasecmp(plain[j], module->child[i]->key))
				break;
		if (!plain[j])
			return true;
	}
	return false;
}

static bool module_is_disabled(const struct conf_node *module)
{
	const struct conf_node *word = conf_child(module, "disabled");
	bool truth = false;

	if (word && word->kind == CONF_TEXT)
		parse_bool(word->text, strlen(word->text), &truth, NULL);
	return truth;
}

/* The drivers a module serves, one a line; NULL if it names none. */
static char *module_drivers(struct loader *l, const struct place *at,
			    struct found *f)
{
	char *text = read_list(l, at, "rexray.storageDrivers", f);
	char name[64];

	if (text)
		return text;
	text = read_list(l, at, "libstorage.service", f);
	if (!text)
		return NULL;
	tree_name(text, name, sizeof(name));
	if (!draft_find(l, name))
		return text;
	free(text);
	return NULL;
}

/* A service of its own for each driver of a module that overrides keys. */
static void add_module_services(struct loader *l, struct conf_node *module,
				const char *path, char *drivers,
				const char *source)
{
	bool several = strchr(drivers, '\n') != NULL;
	char *driver, *rest = drivers, name[256];

	while ((driver = strsep(&rest, "\n"))) {
		struct draft *d;

		if (several)
			snprintf(name, sizeof(name), "%s-%s", module->key,
				 driver);
		else
			snprintf(name, sizeof(name), "%s", module->key);
		d = draft_add(l, FORM_MODULE, name, source, module, path);
		if (d)
			set_driver(l, d, driver);
	}
}

static int add_module(struct loader *l, struct conf_node *module,
		      struct err *err)
{
	char source[CONF_PATH_MAX + 64], path[CONF_PATH_MAX];
	char services[CONF_PATH_MAX + 32];
	struct place at = { module, path };
	AUTO(auto_free) char *drivers = NULL;
	struct found f;
	int r;

	conf_source(module, source, sizeof(source));
	conf_join(path, sizeof(path), "rexray.modules", module->key);
	if (module->kind != CONF_MAP)
		return 0;
	if (module_is_disabled(module)) {
		conf_note(l->config, "%s: module '%s' is disabled; ignored",
			  source, module->key);
		module->used = true;
		return 0;
	}
	snprintf(services, sizeof(services), "%s.libstorage.server.services",
		 path);
	r = add_blocks(l, FORM_LIBSTORAGE,
		       conf_at(module, "libstorage.server.services"),
		       services, err);
	if (r < 0)
		return r;
	drivers = module_drivers(l, &at, &f);
	if (!drivers || !*drivers)
		return 0;
	if (module_overrides(module)) {
		add_module_services(l, module, path, drivers, source);
		return 0;
	}
	conf_note(l->config,
		  "%s: module '%s' shows what the services of its drivers show",
		  source, module->key);
	add_each(l, drivers, f.source);
	return 0;
}

/* libstorage.service or rexray.service: which one was meant by default; where
 * no service was described it is a driver. */
static void add_default_service(struct loader *l, const char *key)
{
	AUTO(auto_free) char *text = NULL;
	struct found f;
	char name[64];
	bool built;

	text = conf_lookup_text(l, key, &f);
	if (!text)
		return;
	tree_name(text, name, sizeof(name));
	if (draft_find(l, name)) {
		conf_note(l->config,
			  "%s: %s: each service has its own directory; ignored",
			  f.source, key);
		return;
	}
	if (conf_driver_table(l, config_driver_canonical(text), &built))
		add_bare(l, text, f.source);
	else
		conf_problem(l->config,
			     "%s: %s: '%.80s' is neither a service of the file nor a driver",
			     f.source, key, text);
}

static int add_modules(struct loader *l, struct err *err)
{
	struct conf_node *modules = conf_at(l->root, "rexray.modules");
	size_t i;
	int r;

	for (i = 0; modules && modules->kind == CONF_MAP && i < modules->n;
	     i++) {
		r = add_module(l, modules->child[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int conf_find_services(struct loader *l, struct err *err)
{
	static const char *const libstorage = "libstorage.server.services";
	struct place root = { l->root, "" };
	AUTO(auto_free) char *drivers = NULL;
	struct found f;
	int r;

	r = add_blocks(l, FORM_NATIVE, conf_child(l->root, "services"),
		       "services", err);
	if (r == 0)
		r = add_blocks(l, FORM_LIBSTORAGE,
			       conf_at(l->root, libstorage), libstorage, err);
	if (r < 0)
		return r;
	add_osd(l);
	drivers = read_list(l, &root, "rexray.storageDrivers", &f);
	if (drivers)
		add_each(l, drivers, f.source);
	r = add_modules(l, err);
	if (r < 0)
		return r;
	add_default_service(l, "libstorage.service");
	add_default_service(l, "rexray.service");
	if (!l->n_drafts)
		add_bare(l, "local", "default");
	return 0;
}
