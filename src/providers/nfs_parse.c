/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure halves of the nfs driver: options, names, and what a helper says.
 */
#include "providers/nfs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

/*
 * Options
 */

static void cut_slashes(char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
}

/* A name, an IPv4 address, or an IPv6 address without its brackets. */
static int server_check(char *server, struct err *err)
{
	size_t len = strlen(server);
	char shown[64];

	if (server[0] == '[' && len > 2 && server[len - 1] == ']') {
		memmove(server, server + 1, len - 2);
		server[len - 2] = '\0';
	}
	len = strlen(server);
	if (len > 0 && len < 254 &&
	    strspn(server, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") == len)
		return 0;
	return err_set(err, EINVAL, "'server' '%s' is no name or address of a host",
		       quote_for_error(shown, sizeof(shown), server, len));
}

/* "a,b" as one item, as openstorage writes it, is two. */
static int split_servers(struct nfs_session *s, struct err *err)
{
	size_t n = 0, i;
	char **list;

	for (i = 0; s->servers && s->servers[i]; i++)
		for (const char *c = s->servers[i]; ; c++) {
			n += *c == ',' || !*c;
			if (!*c)
				break;
		}
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return err_oom(err);
	n = 0;
	for (i = 0; s->servers && s->servers[i]; i++) {
		char *rest = s->servers[i], *word;

		while ((word = strsep(&rest, ","))) {
			word += strspn(word, " ");
			word[strcspn(word, " ")] = '\0';
			if (*word && !(list[n++] = strdup(word)))
				n--;
		}
		free(s->servers[i]);
	}
	free(s->servers);
	s->servers = list;
	return 0;
}

static int sub_dir_check(const char *sub, struct err *err)
{
	const char *at = sub;

	while (sub && *at) {
		size_t len = strcspn(at, "/");

		if (len == 0 || at[0] == '.' || len > NAME_BYTES_MAX)
			return err_set(err, EINVAL, "'subDir' '%.100s': it is a path below the share, such as 'volumes/web', without '..' and names that begin with a dot",
				       sub);
		at += len + (at[len] == '/');
	}
	return 0;
}

int nfs_export_parse(const char *text, struct nfs_export *out, struct err *err)
{
	const char *eq = strchr(text, '='), *colon = eq ? strstr(eq, ":/")
							: NULL;
	char dir[NAME_BYTES_MAX + 1];
	struct nfs_export e = { .name = NULL };

	if (!eq || eq == text || !colon || colon == eq + 1 ||
	    strpbrk(eq + 1, " \t,"))
		return err_set(err, EINVAL, "'volumes' '%.100s' is not NAME=HOST:/PATH",
			       text);
	e.name = strndup(text, (size_t)(eq - text));
	e.source = strdup(eq + 1);
	if (e.name && name_escape(e.name, strlen(e.name), dir,
				  sizeof(dir)) < 0) {
		free(e.name);
		free(e.source);
		return err_set(err, EINVAL, "'volumes' '%.100s': the name is too long",
			       text);
	}
	if (!e.name || !e.source || asprintf(&e.id, "export-%s", e.name) < 0) {
		free(e.name);
		free(e.source);
		return err_oom(err);
	}
	*out = e;
	return 0;
}

static int parse_exports(struct nfs_session *s, struct err *err)
{
	size_t n = 0;

	while (s->volumes && s->volumes[n])
		n++;
	s->exports = calloc(n + 1, sizeof(*s->exports));
	if (!s->exports)
		return err_oom(err);
	for (; s->n_exports < n; s->n_exports++)
		if (nfs_export_parse(s->volumes[s->n_exports],
				     &s->exports[s->n_exports], err) < 0)
			return -err->num;
	return 0;
}

int nfs_options_check(struct nfs_session *s, struct err *err)
{
	int r = split_servers(s, err);

	for (char **server = s->servers; r == 0 && *server; server++)
		r = server_check(*server, err);
	cut_slashes(s->path);
	cut_slashes(s->sub_dir);
	cut_slashes(s->mounted_at);
	if (r == 0)
		r = sub_dir_check(s->sub_dir, err);
	if (r == 0)
		r = parse_exports(s, err);
	if (r < 0)
		return r;
	if (s->mounted_at && s->servers[0])
		return err_set(err, EINVAL, "'mountedAt' says that the machine mounts the share itself, and 'server' that volfs does: one of them");
	if (s->mounted_at || (s->servers[0] && s->path))
		return 0;
	if (s->servers[0])
		return err_set(err, EINVAL, "'path' is missing: the export of '%s', such as /srv/volumes",
			       s->servers[0]);
	if (s->path || !s->n_exports)
		return err_set(err, EINVAL, "'server' is missing: the name or address of the NFS server");
	return 0;
}

char *nfs_source(const char *server, const char *path, const char *sub_dir,
		 const char *directory)
{
	AUTO(auto_buf) struct buf b = BUF_INIT(16384);
	const char *parts[] = { sub_dir, directory };

	if (server)
		buf_printf(&b, strchr(server, ':') ? "[%s]:" : "%s:", server);
	buf_puts(&b, path);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i] && *parts[i])
			buf_printf(&b, "%s%s", b.data[b.len - 1] == '/' ? ""
								       : "/",
				   parts[i]);
	return buf_take(&b);
}

/*
 * Names
 */

/* Escaped, so that any byte goes. These are hidden from listings. */
static bool is_reserved(const char *name)
{
	return !strncmp(name, NFS_ARCHIVED, strlen(NFS_ARCHIVED));
}

int nfs_dir_of_name(const char *name, char dir[NAME_BYTES_MAX + 1],
		    struct err *err)
{
	size_t len = strlen(name);
	int r = name_escape(name, len, dir, NAME_BYTES_MAX + 1);

	if (r >= 0 && is_reserved(name))
		return err_set(err, EINVAL, "names that begin with '" NFS_ARCHIVED
			       "' are of removed volumes; this would do: 'kept-%.200s'",
			       dir);
	if (r >= 0)
		return 0;
	if (!len)
		return err_set(err, EINVAL, "a volume needs a name of at least one byte: for example 'volume'");
	while (name_escape(name, --len, dir, NAME_BYTES_MAX + 1) < 0)
		;
	return err_set(err, EINVAL, "the name is too long: escaped it may have %d bytes; this would do: '%s'",
		       NAME_BYTES_MAX, dir);
}

void nfs_name_of_dir(const char *dir, char name[NAME_BYTES_MAX + 1])
{
	if (name_unescape(dir, name, NAME_BYTES_MAX + 1, NULL) < 0 ||
	    strlen(name) == 0)
		snprintf(name, NAME_BYTES_MAX + 1, "%s", dir);
}

bool nfs_id_is_sound(const char *id)
{
	size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	return len >= 3 && len < NFS_ID_ROOM && id[len] == '\0';
}

/*
 * What a helper found
 */

/* Every word of a helper, and what it means. */
static const struct {
	const char *word;
	enum volume_state state;
	enum volume_health health;
	const char *message;
} states[] = {
	{ "available", VOLUME_AVAILABLE, HEALTH_OK, NULL },
	{ "creating", VOLUME_CREATING, HEALTH_OK, NULL },
	{ "restoring", VOLUME_ERROR, HEALTH_FAILED,
	  "a restore was cut short between taking the old files away and "
	  "putting the new ones there: restore the snapshot again" },
};

static void take_state(const char *word, struct volume_facts *f)
{
	f->state = VOLUME_UNKNOWN;
	f->health = HEALTH_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(states[i].word, word)) {
			f->state = states[i].state;
			f->health = states[i].health;
			f->health_message = states[i].message;
		}
}

static int compare_tags(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->key,
		      ((const struct tag *)b)->key);
}

/* Sorted, in *@out, the caller's to free. */
static int take_tags(struct json_object *o, struct volume_facts *f,
		     struct tag **out, struct err *err)
{
	struct json_object *tags = NULL;
	struct tag *list;
	uint32_t n = 0;

	if (!json_object_object_get_ex(o, "tags", &tags) || !tags)
		return 0;
	if (!json_object_is_type(tags, json_type_object))
		return err_set(err, EPROTO, "the tags of '%.64s' are no object",
			       f->id);
	list = calloc((size_t)json_object_object_length(tags) + 1,
		      sizeof(*list));
	if (!list)
		return err_oom(err);
	*out = list;
	json_object_object_foreach(tags, key, value) {
		if (!json_object_is_type(value, json_type_string))
			return err_set(err, EPROTO, "tag '%.64s' of '%.64s' is no text",
				       key, f->id);
		list[n++] = (struct tag){ key, json_object_get_string(value) };
	}
	qsort(list, n, sizeof(*list), compare_tags);
	f->tags = list;
	f->n_tags = n;
	return 0;
}

static enum source_kind source_of(const char *word)
{
	return !word ? SOURCE_NONE
	       : !strcmp(word, "snapshot") ? SOURCE_SNAPSHOT
	       : !strcmp(word, "volume") ? SOURCE_VOLUME
	       : !strcmp(word, "import") ? SOURCE_IMPORT : SOURCE_NONE;
}

static int take_texts(struct json_object *o, struct volume_facts *f,
		      const char **directory, struct err *err)
{
	const char *source = NULL;
	int r = json_get_string(o, "id", &f->id, err);

	r = r < 0 ? r : json_get_string(o, "directory", directory, err);
	r = r < 0 ? r : json_get_string(o, "state", &f->service_state, err);
	r = r < 0 ? r : json_opt_string(o, "token", NULL, &f->token, err);
	r = r < 0 ? r : json_opt_string(o, "source", NULL, &source, err);
	r = r < 0 ? r : json_opt_string(o, "source_id", NULL, &f->source_id,
					err);
	r = r < 0 ? r : json_opt_string(o, "source_name", NULL,
					&f->source_name, err);
	r = r < 0 ? r : json_opt_bool(o, "managed", false, &f->managed, err);
	r = r < 0 ? r : json_opt_bool(o, "blank", false, &f->blank, err);
	r = r < 0 ? r : json_opt_i64(o, "created_at_s", 0, &f->created_at_s,
				     err);
	if (r < 0)
		return r;
	f->source = source_of(source);
	if (f->created_at_s < 0)
		f->created_at_s = 0;
	if (!nfs_id_is_sound(f->id) || !**directory ||
	    strlen(*directory) > NAME_BYTES_MAX)
		return err_set(err, EPROTO, "'id' or 'directory' of a volume is senseless");
	return 0;
}

int nfs_give_volume(struct json_object *o, const struct volume_sink *out,
		    struct err *err)
{
	AUTO(auto_buf) struct buf details = BUF_INIT(4096);
	AUTO(auto_free) struct tag *tags = NULL;
	char name[NAME_BYTES_MAX + 1];
	struct volume_facts f = { .iops = -1, .throughput_bytes_per_s = -1,
				  .encrypted = -1,
				  .access = ACCESS_MULTI_WRITER };
	const char *directory = NULL;
	int r = take_texts(o, &f, &directory, err);

	if (r == 0)
		r = take_tags(o, &f, &tags, err);
	if (r < 0)
		return r;
	take_state(f.service_state, &f);
	nfs_name_of_dir(directory, name);
	f.name = name;
	buf_puts(&details, "{\"directory\":");
	buf_json_string(&details, directory);
	buf_putc(&details, '}');
	if (buf_failed(&details))
		return err_oom(err);
	f.details = buf_str(&details);
	return out->volume(out->arg, &f, err);
}

int nfs_give_snapshot(struct json_object *o, const struct volume_sink *out,
		      struct err *err)
{
	char name[NAME_BYTES_MAX + 1];
	struct snapshot_facts f = {
		.state = SNAPSHOT_AVAILABLE, .service_state = "available",
		.progress_percent = 100, .encrypted = -1, .managed = true,
		.consistency = "files", .name = name,
	};
	const char *directory = NULL;
	int r = json_get_string(o, "id", &f.id, err);

	r = r < 0 ? r : json_get_string(o, "directory", &directory, err);
	r = r < 0 ? r : json_get_string(o, "volume_id", &f.volume_id, err);
	r = r < 0 ? r : json_opt_string(o, "token", NULL, &f.token, err);
	r = r < 0 ? r : json_opt_i64(o, "created_at_s", 0, &f.created_at_s,
				     err);
	if (r < 0)
		return r;
	if (!nfs_id_is_sound(f.id) || !*directory ||
	    strlen(directory) > NAME_BYTES_MAX)
		return err_set(err, EPROTO, "'id' or 'directory' of a snapshot is senseless");
	nfs_name_of_dir(directory, name);
	return out->snapshot(out->arg, &f, err);
}
