/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One key: where it stands (flag, environment, file), and its value as text:
 * variables replaced, lists joined, secrets fetched from where they are kept.
 */

#include "core/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

#define SECRET_BYTES_MAX 65536

const char *conf_env(const struct loader *l, const char *name)
{
	size_t len = strlen(name);
	char *const *e;

	for (e = l->req->environ; e && *e; e++)
		if (!strncmp(*e, name, len) && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

void conf_source(const struct conf_node *node, char *out, size_t room)
{
	snprintf(out, room, "%s:%u", node->file->path, node->line);
}

void conf_join(char *out, size_t room, const char *path, const char *key)
{
	size_t n = strnlen(path, room - 1), len;

	memmove(out, path, n);
	if (n && n < room - 1)
		out[n++] = '.';
	len = strnlen(key, room - 1 - n);
	memcpy(out + n, key, len);
	out[n + len] = '\0';
}

/* "ebs.accessKey", "--ebsAccessKey" -> "ebsaccesskey" */
void conf_flag_plain(const char *name, char *out, size_t room)
{
	size_t n = 0;

	for (; *name && n + 1 < room; name++)
		if (isalnum((unsigned char)*name))
			out[n++] = (char)tolower((unsigned char)*name);
	out[n] = '\0';
}

static bool lookup_flag(struct loader *l, const char *path, struct found *f)
{
	char plain[CONF_PATH_MAX];
	bool hit = false;
	size_t i;

	if (!l->n_flags)
		return false;
	conf_flag_plain(path, plain, sizeof(plain));
	for (i = 0; i < l->n_flags; i++) {   /* the last one wins */
		if (strcmp(l->flags[i].plain, plain))
			continue;
		l->flags[i].used = true;
		f->from = FROM_FLAG;
		f->text = l->flags[i].value;
		snprintf(f->source, sizeof(f->source), "--%s",
			 l->flags[i].name);
		hit = true;
	}
	return hit;
}

/* The environment name of a path; the native ones get VOLFS_ before them. */
void conf_env_name(const char *path, char *out, size_t room)
{
	bool native = !strncasecmp(path, "services.", 9) ||
		      !strncasecmp(path, "defaults.", 9);

	options_env_name(native ? "volfs" : "", path, out, room);
}

static bool lookup_env(struct loader *l, const char *path, struct found *f)
{
	char name[CONF_PATH_MAX + 8];
	const char *text;

	conf_env_name(path, name, sizeof(name));
	text = conf_env(l, name);
	if (!text || !*text)
		return false;
	f->from = FROM_ENV;
	f->text = text;
	snprintf(f->source, sizeof(f->source), "environment %.500s", name);
	return true;
}

bool conf_lookup(struct loader *l, const struct place *at, const char *key,
		 struct found *f)
{
	char path[CONF_PATH_MAX];
	struct conf_node *node;

	conf_join(path, sizeof(path), at->path, key);
	node = conf_at(at->block, key);
	if (node)
		node->used = true;
	f->node = NULL;
	if (lookup_flag(l, path, f) || lookup_env(l, path, f))
		return true;
	if (!node || node->kind == CONF_NULL)
		return false;
	f->from = FROM_FILE;
	f->node = node;
	f->text = NULL;
	conf_source(node, f->source, sizeof(f->source));
	return true;
}

char *conf_lookup_text(struct loader *l, const char *path, struct found *f)
{
	struct place root = { l->root, "" };
	struct opt_spec spec = { .key = path, .type = OPT_STR };
	struct err err = ERR_INIT;
	char *text = NULL;

	if (!conf_lookup(l, &root, path, f))
		return NULL;
	if (conf_value(l, &spec, f, &text, &err) < 0)
		conf_problem(l->config, "%s: %s", f->source, err.text);
	return text;
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* Appends the variable at @s, which begins with '$'. Return: the bytes used. */
static int expand_one(const struct loader *l, const char *s, struct buf *out,
		      struct err *err)
{
	bool braces = s[1] == '{';
	const char *name = s + 1 + braces, *value;
	size_t len = name_length(name);
	char copy[128];

	if (s[1] == '$') {
		buf_putc(out, '$');
		return 2;
	}
	if (!len && !braces) {
		buf_putc(out, '$');
		return 1;
	}
	if (!len || len >= sizeof(copy) || (braces && name[len] != '}'))
		return err_set(err, EINVAL,
			       "'${' is not followed by NAME}: write $$ for a dollar");
	memcpy(copy, name, len);
	copy[len] = '\0';
	value = conf_env(l, copy);
	if (!value)
		return err_set(err, EINVAL,
			       "$%s is not set in the environment: set it, or write $$ for a dollar",
			       copy);
	buf_puts(out, value);
	return (int)(1 + 2 * braces + len);
}

int conf_expand(const struct loader *l, const char *text, char **out,
		struct err *err)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(CONF_VALUE_MAX);
	int r;

	while (*text) {
		size_t plain = strcspn(text, "$");

		buf_append(&b, text, plain);
		text += plain;
		if (!*text)
			break;
		r = expand_one(l, text, &b, err);
		if (r < 0)
			return r;
		text += r;
	}
	if (buf_failed(&b) == ENOMEM)
		return err_oom(err);
	if (buf_failed(&b))
		return err_set(err, EINVAL,
			       "the value is longer than 64 KiB");
	*out = strdup(buf_str(&b));
	if (b.data)
		explicit_bzero(b.data, b.len);
	return *out ? 0 : err_oom(err);
}

bool conf_is_private(const struct stat *st)
{
	return !(st->st_mode & (S_IRWXG | S_IRWXO)) &&
	       (st->st_uid == 0 || st->st_uid == geteuid());
}

static int read_secret(int fd, const char *path, char **text, struct err *err)
{
	AUTO(auto_free) char *data = malloc(SECRET_BYTES_MAX + 1);
	ssize_t n, len = 0;

	if (!data)
		return err_oom(err);
	do {
		n = read(fd, data + len, (size_t)(SECRET_BYTES_MAX + 1 - len));
		if (n > 0)
			len += n;
	} while ((n > 0 && len <= SECRET_BYTES_MAX) ||
		 (n < 0 && errno == EINTR));
	if (n < 0)
		return err_errno(err, errno, "read the secret in '%s'", path);
	if (len > SECRET_BYTES_MAX || memchr(data, '\0', (size_t)len))
		return err_set(err, EINVAL,
			       "'%s' is no text of at most 64 KiB", path);
	if (len && data[len - 1] == '\n')
		len--;
	if (len && data[len - 1] == '\r')
		len--;
	if (!len)
		return err_set(err, EINVAL, "'%s' is empty", path);
	*text = strndup(data, (size_t)len);
	explicit_bzero(data, (size_t)len);
	return *text ? 0 : err_oom(err);
}

int conf_secret_file(const char *path, char **text, struct err *err)
{
	struct stat st;
	AUTO(auto_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
					  O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, errno, "open the secret in '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a plain file", path);
	if (!conf_is_private(&st))
		return err_set(err, EACCES,
			       "'%s' holds a secret and others may read or own it: chown root, chmod 600 '%s'",
			       path, path);
	return read_secret(fd, path, text, err);
}

static int secret_credential(const struct loader *l, const char *name,
			     char **text, struct err *err)
{
	const char *dir = conf_env(l, "CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (!*name || *name == '.' || strchr(name, '/'))
		return err_set(err, EINVAL,
			       "'%.80s' is no name of a credential", name);
	if (!dir)
		return err_set(err, EINVAL,
			       "credential '%.80s': $CREDENTIALS_DIRECTORY is not set: write LoadCredential=%.80s:/path into the systemd unit",
			       name, name);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path))
		return err_set(err, EINVAL, "the credential's path is too long");
	return conf_secret_file(path, text, err);
}

/* password: {file: /path} or {credential: NAME} */
static int secret_reference(const struct loader *l,
			    const struct opt_spec *spec,
			    const struct conf_node *node, char **text,
			    struct err *err)
{
	AUTO(auto_free) char *value = NULL;
	struct conf_node *child = node->n == 1 ? node->child[0] : NULL;
	int r;

	if (!child || child->kind != CONF_TEXT ||
	    (strcasecmp(child->key, "file") &&
	     strcasecmp(child->key, "credential")))
		return err_set(err, EINVAL,
			       "'%s' takes the secret itself, {file: /path} or {credential: NAME}",
			       spec->key);
	child->used = true;
	r = conf_expand(l, child->text, &value, err);
	if (r < 0)
		return r;
	if (!strcasecmp(child->key, "credential"))
		return secret_credential(l, value, text, err);
	return conf_secret_file(value, text, err);
}

/* As conf_expand(), with no word of the secret in the sentence. */
static int secret_expand(const struct loader *l, const struct opt_spec *spec,
			 const char *value, char **text, struct err *err)
{
	int r = conf_expand(l, value, text, err);

	if (r == -EINVAL)
		return err_set(err, EINVAL,
			       "'%s' holds a '$' before a name that is not set in the environment, or is too long: write $$ for a dollar",
			       spec->key);
	return r;
}

static int secret_value(struct loader *l, const struct opt_spec *spec,
			const struct found *f, char **text, struct err *err)
{
	if (f->from == FROM_FLAG)
		return err_set(err, EPERM,
			       "a secret on a command line is seen by every user of this machine: put it into a file that only root can read and give %sFile PATH, or write '%s' in the configuration file or the environment",
			       f->source, spec->key);
	if (f->from == FROM_ENV) {
		*text = strdup(f->text);
		return *text ? 0 : err_oom(err);
	}
	if (f->node->kind == CONF_MAP)
		return secret_reference(l, spec, f->node, text, err);
	if (f->node->kind != CONF_TEXT)
		return err_set(err, EINVAL, "'%s' takes one value",
			       spec->key);
	if (!strcmp(f->node->text, "***"))
		return err_set(err, EINVAL,
			       "'%s' is '***', which stands for a hidden secret: write the secret, or {file: /path}",
			       spec->key);
	if (!f->node->file->is_private)
		return err_set(err, EACCES,
			       "'%s' is a secret, and others may read or own the file: chown root, chmod 600 '%s'",
			       spec->key, f->node->file->path);
	return secret_expand(l, spec, f->node->text, text, err);
}

static int append_item(const struct loader *l, const struct opt_spec *spec,
		       const char *key, const struct conf_node *node,
		       struct buf *out, struct err *err)
{
	AUTO(auto_free) char *text = NULL;
	int r;

	if (node->kind == CONF_MAP || node->kind == CONF_LIST)
		return err_set(err, EINVAL,
			       "'%s': each entry is one value, line %u is not",
			       spec->key, node->line);
	if (node->kind == CONF_TEXT && !spec->literal)
		r = conf_expand(l, node->text, &text, err);
	else
		r = (text = strdup(node->text ? node->text : "")) ?
		    0 : err_oom(err);
	if (r < 0)
		return r;
	if (strchr(text, '\n') || (key && strpbrk(key, "=\n")))
		return err_set(err, EINVAL,
			       "'%s': an entry holds a line break or a '=' in its name",
			       spec->key);
	buf_printf(out, "%s%s%s%s", out->len ? "\n" : "", key ? key : "",
		   key ? "=" : "", text);
	return 0;
}

/* "a b,c" -> "a\nb\nc" */
static void split_words(char *text)
{
	char *to = text;
	const char *from = text;

	while (*from) {
		size_t len = strcspn(from, " \t\r\n,");

		if (len) {
			if (to != text)
				*to++ = '\n';
			memmove(to, from, len);
			to += len;
			from += len;
		}
		while (*from && strchr(" \t\r\n,", *from))
			from++;
	}
	*to = '\0';
}

static int items_value(struct loader *l, const struct opt_spec *spec,
		       const struct conf_node *node, char **text,
		       struct err *err)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(CONF_VALUE_MAX);
	size_t i;
	int r;

	if (node->kind == CONF_MAP && spec->type != OPT_MAP)
		return err_set(err, EINVAL, "'%s' is a list: [a, b]",
			       spec->key);
	for (i = 0; i < node->n; i++) {
		node->child[i]->used = true;
		r = append_item(l, spec, node->child[i]->key, node->child[i],
				&b, err);
		if (r < 0)
			return r;
	}
	if (buf_failed(&b))
		return err_set(err, EINVAL, "'%s' has too many entries",
			       spec->key);
	*text = strdup(buf_str(&b));
	return *text ? 0 : err_oom(err);
}

int conf_value(struct loader *l, const struct opt_spec *spec,
	       const struct found *f, char **text, struct err *err)
{
	bool items = spec->type == OPT_LIST || spec->type == OPT_MAP;
	char *value = NULL;
	int r;

	if (spec->type == OPT_SECRET)
		return secret_value(l, spec, f, text, err);
	if (f->from == FROM_FILE && f->node->kind != CONF_TEXT) {
		if (!items)
			return err_set(err, EINVAL,
				       "'%s' takes one value (%s), and this is a %s",
				       spec->key,
				       options_type_name(spec->type),
				       f->node->kind == CONF_MAP ? "mapping" :
				       "list");
		return items_value(l, spec, f->node, text, err);
	}
	if (f->from == FROM_FILE && !spec->literal) {
		r = conf_expand(l, f->node->text, &value, err);
	} else {
		value = strdup(f->from == FROM_FILE ? f->node->text : f->text);
		r = value ? 0 : err_oom(err);
	}
	if (r < 0)
		return r;
	if (items)
		split_words(value);
	*text = value;
	return 0;
}
