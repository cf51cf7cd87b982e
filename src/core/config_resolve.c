/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The values of one service and of the daemon itself: for each key all places
 * where it may stand, the nearest first; see core/config.h for the order.
 */

#include "core/config_internal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/parse.h"

/* The search for one key. */
struct search {
	struct loader *l;
	struct service_config *service;  /* NULL for the daemon's own keys */
	const struct opt_spec *spec;
	bool have;
	struct found found;
	bool is_reference;               /* found holds the path of a secret */
	enum rexray_change change;
};

static void take(struct search *s, const struct found *f, bool is_reference,
		 enum rexray_change change)
{
	if (s->have)
		return;
	s->have = true;
	s->found = *f;
	s->is_reference = is_reference;
	s->change = change;
}

static void try_name(struct search *s, const struct place *at,
		     const char *name)
{
	char file_key[160];
	struct found f;

	if (conf_lookup(s->l, at, name, &f))
		take(s, &f, false, AS_IS);
	if (s->spec->type != OPT_SECRET)
		return;
	snprintf(file_key, sizeof(file_key), "%sFile", name);
	if (conf_lookup(s->l, at, file_key, &f))
		take(s, &f, true, AS_IS);
}

/* The key of @s at one place, by its name and its older spellings. */
static void try_place(struct search *s, const struct place *at)
{
	const char *const *alias;

	try_name(s, at, s->spec->key);
	for (alias = s->spec->aliases; alias && *alias; alias++)
		try_name(s, at, *alias);
}

/* Is @key, of the driver, for volfs alone in a service's block? One that both
 * have, of the same kind, is for both. */
static bool is_core_word(const struct search *s, const char *key)
{
	const struct opt_spec *core = options_find(service_option_table, key);

	return !strcasecmp(key, "driver") ||
	       (core && core->type != s->spec->type);
}

/* As try_place() in a service's own block, but for volfs's words. */
static void try_inline(struct search *s, const struct place *at)
{
	const char *const *alias;

	if (!is_core_word(s, s->spec->key))
		try_name(s, at, s->spec->key);
	for (alias = s->spec->aliases; alias && *alias; alias++)
		if (!is_core_word(s, *alias))
			try_name(s, at, *alias);
}

/* Does the driver's block within the service's name the key, if only to say
 * that it has no value? */
static bool is_in_own_block(const struct draft *d, const struct opt_spec *spec)
{
	const char *const *root = conf_driver_roots(d->to->driver);
	const char *const itself[] = { d->to->driver, NULL };

	for (root = root ? root : itself; *root; root++)
		if (conf_child(conf_child(d->block, *root), spec->key))
			return true;
	return false;
}

/* The blocks "ebs", "aws", "ec2" below one place. */
static void try_roots(struct search *s, const struct place *at,
		      const char *driver)
{
	const char *const *root = conf_driver_roots(driver);
	const char *const itself[] = { driver, NULL };

	for (root = root ? root : itself; *root; root++) {
		char path[CONF_PATH_MAX];
		struct place below = { conf_child(at->block, *root), path };

		conf_join(path, sizeof(path), at->path, *root);
		try_place(s, &below);
	}
}

static void try_extra_env(struct search *s)
{
	const char *p = s->spec->env;
	struct found f = { .from = FROM_ENV };
	char name[128];

	while (p && *p) {
		size_t len = strcspn(p, " ");

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		f.text = conf_env(s->l, name);
		snprintf(f.source, sizeof(f.source), "environment %s", name);
		if (f.text && *f.text)
			take(s, &f, false, AS_IS);
		p += len;
		p += strspn(p, " ");
	}
}

/* Older names of volfs's own keys, below @at; @brief: without "libstorage.". */
static void try_old_names(struct search *s, const struct rexray_name *names,
			  const struct place *at, bool brief)
{
	struct found f;

	for (; names->path; names++) {
		const char *path = names->path;

		if (strcmp(names->key, s->spec->key))
			continue;
		if (brief)
			path = rexray_short_path(path);
		if (path && conf_lookup(s->l, at, path, &f))
			take(s, &f, false, names->change);
	}
}

static int values_add(struct opt_values *values, const struct opt_spec *spec,
		      char *text, const char *source)
{
	void *grown = reallocarray(values->v, values->n + 1,
				   sizeof(*values->v));
	char *copy = strdup(source);

	if (grown)
		values->v = grown;
	if (!grown || !copy) {
		free(copy);
		free(text);
		return -ENOMEM;
	}
	values->v[values->n++] = (struct opt_value){ spec, text, copy };
	return 0;
}

static int found_text(struct search *s, char **text, struct err *err)
{
	const struct opt_spec path_spec = { .key = s->spec->key,
					    .type = OPT_PATH };
	AUTO(auto_free) char *path = NULL;
	int r;

	if (!s->is_reference) {
		r = conf_value(s->l, s->spec, &s->found, text, err);
		if (r == 0 && s->change != AS_IS)
			r = rexray_convert(s->change, text, err);
		return r;
	}
	r = conf_value(s->l, &path_spec, &s->found, &path, err);
	return r < 0 ? r : conf_secret_file(path, text, err);
}

/* Takes what was found over into @values. Wrong values are the service's
 * error, or a problem where there is none; returned are only those that end
 * the load. */
static int search_end(struct search *s, struct opt_values *values,
		      struct err *err)
{
	AUTO(auto_free) char *text = NULL;
	struct err why = ERR_INIT;
	char *canonical = NULL;
	int r;

	if (!s->have)
		return 0;
	r = found_text(s, &text, &why);
	if (r == 0 && s->spec->type == OPT_SECRET)
		log_redact(text);
	if (r == 0)
		r = options_canonical(s->spec, text, &canonical, &why);
	if (text && s->spec->type == OPT_SECRET)
		explicit_bzero(text, strlen(text));
	if (r == -ENOMEM)
		return err_oom(err);
	if (r == -EPERM && s->found.from == FROM_FLAG) {
		*err = why;
		return r;
	}
	if (r == 0)
		return values_add(values, s->spec, canonical,
				  s->found.source) < 0 ? err_oom(err) : 0;
	err_wrap(&why, "%s", s->found.source);
	if (s->service)
		conf_service_error(s->l->config, s->service, why.text);
	else
		conf_problem(s->l->config, "%s", why.text);
	return 0;
}

/* A default that depends on something else. */
static int add_default(struct opt_values *values,
		       const struct opt_spec *table, const char *key,
		       const char *text, const char *why)
{
	const struct opt_spec *spec = options_find(table, key);
	char source[160], *copy;

	if (options_given(values, spec))
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	snprintf(source, sizeof(source), "default%s%s", *why ? ", " : "", why);
	return values_add(values, spec, copy, source);
}

static const char *value_text(const struct opt_values *values,
			      const struct opt_spec *table, const char *key)
{
	const struct opt_spec *spec = options_find(table, key);
	const struct opt_value *v = options_given(values, spec);

	return v ? v->text : spec->dflt;
}

/* A user or group by name or number. 0, or -EINVAL with @err. */
static int look_up_user(const char *name, uid_t *uid, struct err *err)
{
	AUTO(auto_free) char *room = NULL;
	struct passwd pw, *hit = NULL;
	uint64_t number;

	if (!strcmp(name, "root")) {
		*uid = 0;
		return 0;
	}
	if (parse_u64(name, strlen(name), &number, NULL) == 0 &&
	    number < UINT32_MAX) {
		*uid = (uid_t)number;
		return 0;
	}
	room = malloc(65536);
	if (!room)
		return err_oom(err);
	getpwnam_r(name, &pw, room, 65536, &hit);
	if (!hit)
		return err_set(err, EINVAL,
			       "'owner': this machine has no user '%.80s'",
			       name);
	*uid = hit->pw_uid;
	return 0;
}

static int look_up_group(const char *name, gid_t *gid, struct err *err)
{
	AUTO(auto_free) char *room = NULL;
	struct group gr, *hit = NULL;
	uint64_t number;

	if (!strcmp(name, "root")) {
		*gid = 0;
		return 0;
	}
	if (parse_u64(name, strlen(name), &number, NULL) == 0 &&
	    number < UINT32_MAX) {
		*gid = (gid_t)number;
		return 0;
	}
	room = malloc(65536);
	if (!room)
		return err_oom(err);
	getgrnam_r(name, &gr, room, 65536, &hit);
	if (!hit)
		return err_set(err, EINVAL,
			       "'group': this machine has no group '%.80s'",
			       name);
	*gid = hit->gr_gid;
	return 0;
}

const struct opt_spec *conf_driver_table(const struct loader *l,
					 const char *driver, bool *built)
{
	const struct opt_spec *table = NULL;

	if (l->req->driver_options)
		table = l->req->driver_options(driver);
	*built = table != NULL;
	return table ? table : config_known_options(driver);
}

/* The service's own places: its block, and the native path of its name. */
static size_t own_places(struct draft *d, char *native, size_t room,
			 struct place *places)
{
	size_t n = 0;

	if (d->form != FORM_BARE)
		places[n++] = (struct place){ d->block, d->path };
	if (d->form != FORM_NATIVE) {
		conf_join(native, room, "services", d->to->name);
		places[n++] = (struct place){ NULL, native };
	}
	return n;
}

static int resolve_driver_key(struct loader *l, struct draft *d,
			      const struct opt_spec *spec, struct err *err)
{
	struct search s = { .l = l, .service = d->to, .spec = spec };
	struct place server = { conf_at(l->root, "libstorage.server"),
				"libstorage.server" };
	struct place root = { l->root, "" }, own[2];
	char native[CONF_PATH_MAX];
	size_t i, n = own_places(d, native, sizeof(native), own);

	for (i = 0; i < n; i++) {
		struct search only_mark = s;

		try_roots(&s, &own[i], d->to->driver);
		only_mark.have = true;
		if (d->form != FORM_MODULE || !own[i].block)
			try_inline(is_in_own_block(d, spec) ? &only_mark : &s,
				   &own[i]);
	}
	/* An `osd:` block has the driver's words only. */
	if (d->form == FORM_OSD)
		try_place(&s, &own[0]);
	try_roots(&s, &server, d->to->driver);
	try_roots(&s, &root, d->to->driver);
	try_extra_env(&s);
	return search_end(&s, &d->to->driver_values, err);
}

static int resolve_core_key(struct loader *l, struct draft *d,
			    const struct opt_spec *spec, struct err *err)
{
	struct search s = { .l = l, .service = d->to, .spec = spec };
	struct place server = { conf_at(l->root, "libstorage.server"),
				"libstorage.server" };
	struct place defaults = { conf_at(l->root, "defaults"), "defaults" };
	struct place root = { l->root, "" }, own[2];
	char native[CONF_PATH_MAX];
	size_t i, n = own_places(d, native, sizeof(native), own);

	for (i = 0; i < n; i++) {
		bool words = d->form == FORM_NATIVE ||
			     d->form == FORM_LIBSTORAGE || !own[i].block;

		if (words)
			try_place(&s, &own[i]);
		try_old_names(&s, rexray_names, &own[i], false);
		try_old_names(&s, rexray_names, &own[i], true);
	}
	try_old_names(&s, rexray_names, &server, true);
	try_place(&s, &defaults);
	try_old_names(&s, rexray_names, &root, false);
	return search_end(&s, &d->to->core_values, err);
}

/* Defaults that hang on other keys, or on the form of the file. */
static int service_defaults(struct loader *l, struct service_config *s)
{
	const struct opt_spec *table = service_option_table;
	struct opt_values *v = &s->core_values;
	const char *rexray = "as REX-Ray has it", *file_mode;
	int r = 0;

	if (l->is_rexray) {
		/* A bucket is shown whole: older clients surprised there. */
		if (strcmp(s->driver, "s3fs"))
			r |= add_default(v, table, "subpath", "/data", rexray);
		r |= add_default(v, table, "mode", "0700", rexray);
		r |= add_default(v, table, "managedByTag", "true", rexray);
	}
	if (value_text(v, table, "group")) {
		const char *why = "as a group is given";

		r |= add_default(v, table, "dirMode", "0775", why);
		r |= add_default(v, table, "fileMode", "0664", why);
	}
	file_mode = value_text(v, table, "fileMode");
	r |= add_default(v, table, "settingMode", file_mode, "as fileMode");
	r |= add_default(v, table, "verbMode", file_mode, "as fileMode");
	return r;
}

/* "FILE:LINE: " before a sentence about a key's value. */
static void wrap_source(struct err *err, const struct opt_spec *table,
			const struct opt_values *values, const char *key)
{
	const struct opt_value *v = options_given(values,
						  options_find(table, key));

	if (v)
		err_wrap(err, "%s", v->source);
}

static void service_owner(struct config *c, struct service_config *s)
{
	const struct opt_spec *table = service_option_table;
	struct err why = ERR_INIT;

	if (s->core.owner &&
	    look_up_user(s->core.owner, &s->core.owner_uid, &why) < 0) {
		wrap_source(&why, table, &s->core_values, "owner");
		conf_service_error(c, s, why.text);
	}
	s->core.has_group = s->core.group != NULL;
	if (s->core.group &&
	    look_up_group(s->core.group, &s->core.group_gid, &why) < 0) {
		wrap_source(&why, table, &s->core_values, "group");
		conf_service_error(c, s, why.text);
	}
}

/* `local` without a path keeps its images in the service's directory under the
 * state directory, which the engine makes; so that it is shown. */
static int local_path(struct loader *l, struct service_config *s)
{
	const struct opt_spec *spec = options_find(s->driver_table, "path");
	const char *state = l->req->state_dir ? l->req->state_dir :
			    "/var/lib/volfs";
	char *path;

	if (strcmp(s->driver, "local") || !spec || spec->dflt ||
	    options_given(&s->driver_values, spec))
		return 0;
	if (asprintf(&path, "%s/services/%s/volumes", state, s->name) < 0)
		return -ENOMEM;
	return values_add(&s->driver_values, spec, path, "default");
}

static void check_required(struct loader *l, struct service_config *s)
{
	const struct opt_spec *spec;
	struct err why = ERR_INIT;

	for (spec = s->driver_table; spec->key; spec++) {
		if (!spec->required || spec->dflt ||
		    options_given(&s->driver_values, spec))
			continue;
		err_set(&why, EINVAL, "%s: service '%s' lacks '%s': %s",
			s->source, s->name, spec->key,
			spec->help ? spec->help : "");
		conf_service_error(l->config, s, why.text);
	}
}

static int resolve_driver(struct loader *l, struct draft *d, struct err *err)
{
	struct service_config *s = d->to;
	const struct opt_spec *spec;
	struct err why = ERR_INIT;
	const char *near;
	int r;

	s->driver_table = conf_driver_table(l, s->driver, &s->driver_built);
	for (spec = s->driver_table; spec && spec->key; spec++) {
		r = resolve_driver_key(l, d, spec, err);
		if (r < 0)
			return r;
	}
	if (s->driver_built) {
		if (local_path(l, s) < 0)
			return err_oom(err);
		check_required(l, s);
		return 0;
	}
	if (!*s->driver)
		return 0;   /* said where the service was found */
	near = l->req->driver_nearest ? l->req->driver_nearest(s->driver)
				      : NULL;
	if (s->driver_table)
		err_set(&why, ENOTSUP,
			"%s: service '%s': driver '%s' is not built into this volfs yet",
			s->source, s->name, s->driver);
	else
		err_set(&why, EINVAL,
			"%s: service '%s': there is no driver '%.80s'%s%s%s (see volfsd --drivers)",
			s->source, s->name, s->driver,
			near ? ": did you mean '" : "", near ? near : "",
			near ? "'?" : "");
	conf_service_error(l->config, s, why.text);
	return 0;
}

int conf_resolve_service(struct loader *l, struct draft *d, struct err *err)
{
	struct service_config *s = d->to;
	const struct opt_spec *spec;
	int r = resolve_driver(l, d, err);

	if (r < 0)
		return r;
	for (spec = service_option_table; spec->key; spec++) {
		r = resolve_core_key(l, d, spec, err);
		if (r < 0)
			return r;
	}
	if (service_defaults(l, s) < 0)
		return err_oom(err);
	r = options_apply(service_option_table, &s->core_values, &s->core,
			  err);
	if (r < 0)
		return r;
	service_owner(l->config, s);
	return 0;
}

/* The daemon's own keys; owner, group and modes fall back to `defaults:`. */
static int core_defaults(struct loader *l)
{
	const struct opt_spec *table = core_option_table;
	struct opt_values *v = &l->config->core_values;
	int r = 0;

	if (value_text(v, table, "group"))
		r = add_default(v, table, "verbMode", "0664",
				"as a group is given");
	return r;
}

static void core_owner(struct config *c)
{
	struct err why = ERR_INIT;

	if (c->core.owner &&
	    look_up_user(c->core.owner, &c->core.owner_uid, &why) < 0) {
		wrap_source(&why, core_option_table, &c->core_values, "owner");
		conf_problem(c, "%s", why.text);
	}
	c->core.has_group = c->core.group != NULL;
	if (c->core.group &&
	    look_up_group(c->core.group, &c->core.group_gid, &why) < 0) {
		wrap_source(&why, core_option_table, &c->core_values, "group");
		conf_problem(c, "%s", why.text);
	}
}

int conf_resolve_core(struct loader *l, struct err *err)
{
	struct place volfs = { conf_at(l->root, "volfs"), "volfs" };
	struct place defaults = { conf_at(l->root, "defaults"), "defaults" };
	struct place root = { l->root, "" };
	const struct opt_spec *spec;
	int r;

	for (spec = core_option_table; spec->key; spec++) {
		struct search s = { .l = l, .spec = spec };

		try_place(&s, &volfs);
		if (options_find(service_option_table, spec->key))
			try_place(&s, &defaults);
		try_old_names(&s, rexray_core_names, &root, false);
		r = search_end(&s, &l->config->core_values, err);
		if (r < 0)
			return r;
	}
	if (core_defaults(l) < 0)
		return err_oom(err);
	r = options_apply(core_option_table, &l->config->core_values,
			  &l->config->core, err);
	if (r < 0)
		return r;
	core_owner(l->config);
	return 0;
}
