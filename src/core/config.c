/* SPDX-License-Identifier: Apache-2.0 */

/* One reading of the configuration, from the files to struct config. */

#include "core/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"

#define SENTENCES_MAX 1000

__attribute__((format(printf, 4, 0)))
static void sentence_add(struct config *c, char ***list, size_t *n,
			 const char *fmt, va_list ap)
{
	char text[1024];
	char *copy;
	void *grown;
	size_t i;

	vsnprintf(text, sizeof(text), fmt, ap);
	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';   /* a line each, in logs and files */
	for (i = 0; i < *n; i++)
		if (!strcmp((*list)[i], text))
			return;
	if (*n >= SENTENCES_MAX)
		return;
	copy = strdup(text);
	grown = reallocarray(*list, *n + 1, sizeof(**list));
	if (grown)
		*list = grown;
	if (!copy || !grown) {
		c->out_of_memory = true;
		free(copy);
		return;
	}
	(*list)[(*n)++] = copy;
}

void conf_problem(struct config *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sentence_add(c, &c->problems, &c->n_problems, fmt, ap);
	va_end(ap);
}

void conf_note(struct config *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sentence_add(c, &c->notes, &c->n_notes, fmt, ap);
	va_end(ap);
}

void conf_service_error(struct config *c, struct service_config *s,
			const char *text)
{
	if (!s->error)
		s->error = strdup(text);
	if (!s->error)
		c->out_of_memory = true;
	conf_problem(c, "%s", text);
}

void conf_service_refuse(struct config *c, struct service_config *s,
			 const char *text)
{
	if (!s->refuse_creates)
		s->refuse_creates = strdup(text);
	if (!s->refuse_creates)
		c->out_of_memory = true;
}

static void service_done(struct service_config *s)
{
	opt_values_done(&s->driver_values);
	opt_values_done(&s->core_values);
	options_done(service_option_table, &s->core);
	free(s->name);
	free(s->driver);
	free(s->source);
	free(s->error);
	free(s->refuse_creates);
}

static void strings_free(char **list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

struct config *config_ref(struct config *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void config_unref(struct config *c)
{
	if (c && atomic_fetch_sub(&c->refs, 1) == 1)
		config_free(c);
}

void config_free(struct config *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n; i++)
		service_done(&c->services[i]);
	free(c->services);
	opt_values_done(&c->core_values);
	options_done(core_option_table, &c->core);
	strings_free(c->files, c->n_files);
	strings_free(c->problems, c->n_problems);
	strings_free(c->notes, c->n_notes);
	free(c);
}

const struct service_config *config_service(const struct config *c,
					    const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!strcmp(c->services[i].name, name))
			return &c->services[i];
	return NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

char *conf_effective(const struct opt_spec *spec,
		     const struct opt_values *values, const char **source)
{
	const struct opt_value *v = options_given(values, spec);
	char *text = NULL;

	*source = v ? v->source : spec->dflt ? "default" : "not set";
	if (v)
		return strdup(v->text);
	if (spec->dflt && options_canonical(spec, spec->dflt, &text, NULL) < 0)
		text = strdup(spec->dflt);
	return text;
}

static bool values_equal(const struct opt_spec *table,
			 const struct opt_values *a,
			 const struct opt_values *b)
{
	const char *source;

	for (; table && table->key; table++) {
		char *x = conf_effective(table, a, &source);
		char *y = conf_effective(table, b, &source);
		bool equal = text_equal(x, y);

		if (table->type == OPT_SECRET && x)
			explicit_bzero(x, strlen(x));
		if (table->type == OPT_SECRET && y)
			explicit_bzero(y, strlen(y));
		free(x);
		free(y);
		if (!equal)
			return false;
	}
	return true;
}

bool config_service_equal(const struct service_config *a,
			  const struct service_config *b)
{
	return !strcmp(a->driver, b->driver) &&
	       a->driver_table == b->driver_table &&
	       text_equal(a->error, b->error) &&
	       text_equal(a->refuse_creates, b->refuse_creates) &&
	       values_equal(a->driver_table, &a->driver_values,
			    &b->driver_values) &&
	       values_equal(service_option_table, &a->core_values,
			    &b->core_values);
}

static bool is_flag(const char *arg)
{
	if (strncmp(arg, "--", 2) || !islower((unsigned char)arg[2]))
		return false;
	for (arg += 2; *arg && *arg != '='; arg++)
		if (isupper((unsigned char)*arg))
			return true;
	return false;
}

int config_flag_args(int argc, char *const *argv, int i)
{
	if (!is_flag(argv[i]))
		return 0;
	return strchr(argv[i], '=') || i + 1 >= argc ? 1 : 2;
}

static int read_flags(struct loader *l, struct err *err)
{
	const struct config_request *req = l->req;
	size_t i;

	if (!req->n_flags)
		return 0;
	l->flags = calloc(req->n_flags, sizeof(*l->flags));
	if (!l->flags)
		return err_oom(err);
	for (i = 0; i < req->n_flags; i++) {
		struct conf_flag *flag = &l->flags[l->n_flags];
		const char *arg = req->flags[i];
		size_t len = strcspn(arg, "=");

		if (!is_flag(arg) || len > 200)
			return err_set(err, EINVAL,
				       "'%.80s' is not the flag of a key", arg);
		if (!arg[len] && i + 1 == req->n_flags)
			return err_set(err, EINVAL,
				       "option %s needs a value", arg);
		flag->name = strndup(arg + 2, len - 2);
		if (!flag->name)
			return err_oom(err);
		flag->value = arg[len] ? arg + len + 1 : req->flags[++i];
		conf_flag_plain(flag->name, flag->plain, sizeof(flag->plain));
		l->n_flags++;
	}
	return 0;
}

static int check_flags(struct loader *l, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < l->n_flags; i++) {
		if (l->flags[i].used)
			continue;
		r = conf_unknown_flag(l, &l->flags[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_all(int fd, const char *path, struct buf *out,
		    struct err *err)
{
	char piece[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read '%s'", path);
		if (n == 0)
			break;
		buf_append(out, piece, (size_t)n);
		if (buf_failed(out) == ENOMEM)
			return err_oom(err);
		if (buf_failed(out))
			return err_set(err, E2BIG,
				       "%s: more than 1 MiB is no configuration",
				       path);
	}
	explicit_bzero(piece, sizeof(piece));
	return 0;
}

/* Lays the text of a file over what is there. */
static int add_text(struct loader *l, const char *path, bool is_private,
		    const char *text, size_t len, struct err *err)
{
	struct conf_file *file = &l->files[l->n_files];
	struct conf_node *root;

	file->path = strdup(path);
	if (!file->path)
		return err_oom(err);
	file->is_private = is_private;
	l->n_files++;
	root = conf_parse(text, len, file, err);
	if (!root)
		return -err->num;
	l->root = l->root ? conf_merge(l->root, root) : root;
	return l->root ? 0 : err_oom(err);
}

/* Reads one file over what is there. 1 if it does not exist. */
static int read_file(struct loader *l, const char *path, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(CONF_BYTES_MAX);
	struct stat st;
	AUTO(auto_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
					  O_NONBLOCK);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open the configuration '%s'",
				 path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL,
			       "the configuration '%s' is not a plain file",
			       path);
	r = read_all(fd, path, &text, err);
	if (r == 0)
		r = add_text(l, path, conf_is_private(&st), buf_str(&text),
			     text.len, err);
	if (text.data)
		explicit_bzero(text.data, text.len);
	return r;
}

/* The usual places: /etc/volfs alone, or REX-Ray's system file with the
 * user's laid over it. */
static int read_usual(struct loader *l, struct err *err)
{
	static const char *const names[] = {
		"config.yml", "config.yaml", "rexray.yml", "rexray.yaml"
	};
	const char *etc = l->req->etc_dir ? l->req->etc_dir : "/etc";
	const char *home = conf_env(l, "HOME");
	char path[PATH_MAX];
	size_t i;
	int r;

	snprintf(path, sizeof(path), "%s/volfs/config.yml", etc);
	r = read_file(l, path, err);
	if (r <= 0)
		return r;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/rexray/%s", etc, names[i]);
		r = read_file(l, path, err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
	}
	for (i = 0; home && *home == '/' && i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/.rexray/%s", home, names[i]);
		r = read_file(l, path, err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
	}
	return 0;
}

static int read_files(struct loader *l, struct err *err)
{
	static const struct conf_file no_file = { "(no file)", false };
	struct config *c = l->config;
	size_t i;
	int r;

	if (l->req->text) {
		r = add_text(l, l->req->file ? l->req->file : "(text)", true,
			     l->req->text, l->req->text_len, err);
	} else if (l->req->file) {
		r = read_file(l, l->req->file, err);
		if (r > 0)
			return err_set(err, ENOENT,
				       "the configuration '%s' does not exist",
				       l->req->file);
	} else {
		r = read_usual(l, err);
	}
	if (r < 0)
		return r;
	if (!l->root) {
		l->root = conf_parse("", 0, &no_file, err);
		return l->root ? 0 : -err->num;
	}
	c->files = calloc(l->n_files, sizeof(*c->files));
	if (!c->files)
		return err_oom(err);
	for (i = 0; i < l->n_files; i++) {
		c->files[i] = strdup(l->files[i].path);
		if (!c->files[i])
			return err_oom(err);
		c->n_files++;
	}
	return 0;
}

static int load(struct loader *l, struct err *err)
{
	struct config *c = l->config;
	size_t i;
	int r = read_flags(l, err);

	if (r == 0)
		r = read_files(l, err);
	if (r < 0)
		return r;
	l->is_rexray = conf_child(l->root, "libstorage") ||
		       conf_child(l->root, "rexray");
	c->services = calloc(CONF_SERVICES_MAX, sizeof(*c->services));
	l->drafts = calloc(CONF_SERVICES_MAX, sizeof(*l->drafts));
	if (!c->services || !l->drafts)
		return err_oom(err);
	r = conf_find_services(l, err);
	for (i = 0; r == 0 && i < l->n_drafts; i++)
		r = conf_resolve_service(l, &l->drafts[i], err);
	if (r == 0)
		r = conf_resolve_core(l, err);
	if (r < 0)
		return r;
	conf_report_unknown(l);
	r = check_flags(l, err);
	if (r < 0)
		return r;
	return c->out_of_memory ? err_oom(err) : 0;
}

struct config *config_load(const struct config_request *req, struct err *err)
{
	struct loader l = { .req = req };
	size_t i;
	int r;

	l.config = calloc(1, sizeof(*l.config));
	if (l.config)
		atomic_init(&l.config->refs, 1);
	r = l.config ? load(&l, err) : err_oom(err);
	conf_free(l.root);
	for (i = 0; i < l.n_files; i++)
		free(l.files[i].path);
	for (i = 0; i < l.n_flags; i++)
		free((char *)l.flags[i].name);
	free(l.flags);
	free(l.drafts);
	if (r == 0)
		return l.config;
	config_free(l.config);
	return NULL;
}
