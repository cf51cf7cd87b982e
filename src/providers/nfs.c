/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfs: a directory of an NFS share is a volume (NFS 4.2 to 3; RFC 7862, 8881,
 * 7530). One service is one share; several machines may use it at once, and
 * what volfs knows of its volumes lies on it (providers/nfs.h says how).
 *
 * A volume is mounted by itself, as SERVER:SHARE/DIRECTORY: with NFS 4 a path
 * below an export can be mounted. The driver's own look at the share is another
 * mount, soft and private to a helper process, so that a server that hangs
 * holds up nothing but that process.
 *
 * Missing: sizes (nothing of a share limits a directory, and statfs tells of
 * all of it), frozen snapshots (they are copies, file by file, and take time
 * where the server cannot clone), other hosts' attachments (NFS 4 does not tell
 * its clients of each other).
 */
#include "providers/nfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/call.h"
#include "base/clock.h"

#define AT(field) offsetof(struct nfs_session, field)

/* The sheet's: an own mount that gives up in time, and dies alone. */
#define MANAGE_OPTIONS "soft,timeo=50,retrans=2,nosharecache"
/* Volumes of one export would share a superblock: unmount force of one would
 * give errors to the users of all, and their options would have to be the
 * same. */
#define USER_OPTIONS "hard,nosharecache"
/* Looking answers within that, or the server counts as away. */
#define LOOK_MS 60000
#define WORK_MS (24 * 3600 * 1000LL)

static const char *const on_delete_words[] = { "delete", "retain", "archive",
					       NULL };
static const char *const versions[] = { "4.2", "4.1", "4.0", "4", "3", NULL };
static const char *const path_aliases[] = { "share", NULL };

static const struct opt_spec nfs_options[] = {
	{ "server", OPT_LIST, AT(servers),
	  .help = "Name or address of the server; several are several ways to the same share: the first that answers is used." },
	{ "path", OPT_PATH, AT(path), .aliases = path_aliases,
	  .help = "The export, such as /srv/volumes." },
	{ "subDir", OPT_STR, AT(sub_dir),
	  .help = "Directory of the share that holds the volumes; made when it is missing. Default: all of the share." },
	{ "mountPermissions", OPT_MODE, AT(mode), .dflt = "0000", .max = 07777,
	  .help = "Mode of a new volume's directory; 0 is 0755." },
	{ "onDelete", OPT_CHOICE, AT(on_delete), .dflt = "retain",
	  .choices = on_delete_words,
	  .help = "What a removal does with files: retain moves them to .deleted, archive renames them to archived-NAME, delete erases them." },
	{ "version", OPT_CHOICE, AT(version), .choices = versions,
	  .help = "NFS version; default: the newest that both sides have." },
	{ "port", OPT_U64, AT(port), .dflt = "2049", .min = 1, .max = 65535,
	  .help = "TCP port of the server." },
	{ "timeout", OPT_DURATION, AT(timeout_ms), .dflt = "5s", .min = 100,
	  .max = 60000,
	  .help = "A server that gives no sign of life for so long counts as unreachable." },
	{ "manageOptions", OPT_STR, AT(manage_options),
	  .help = "Further mount options of the driver's own look at the share, such as sec=krb5; those of volumes are 'options'." },
	{ "mountedAt", OPT_PATH, AT(mounted_at),
	  .help = "Where the machine itself mounts the share (fstab, autofs): volumes are bound from there, and 'server' and 'path' are not given." },
	{ "volumes", OPT_LIST, AT(volumes), .env = "X_CSI_NFS_VOLUMES",
	  .help = "Exports that are volumes as they are: NAME=HOST:/PATH each. They are mounted and never changed." },
	{ NULL }
};

static struct nfs_session *nfs_session(struct session *s)
{
	return (struct nfs_session *)s;
}

/*
 * Open and close
 */

static void nfs_close(struct session *session)
{
	struct nfs_session *s = nfs_session(session);
	size_t i;

	for (i = 0; i < s->n_exports; i++) {
		free(s->exports[i].name);
		free(s->exports[i].id);
		free(s->exports[i].source);
	}
	free(s->exports);
	free(s->target);
	pthread_mutex_destroy(&s->lock);
}

static int nfs_open_session(struct session *session, struct err *err)
{
	struct nfs_session *s = nfs_session(session);
	int r;

	pthread_mutex_init(&s->lock, NULL);
	r = nfs_options_check(s, err);
	if (r == 0 && asprintf(&s->target, "%s/share", s->base.run_dir) < 0) {
		s->target = NULL;
		r = err_oom(err);
	}
	if (r == 0 && mkdir(s->target, 0700) < 0 && errno != EEXIST)
		r = nfs_fail(err, errno, "making '%s'", s->target);
	if (r < 0)
		nfs_close(session);
	return r;
}

/*
 * Asking a helper
 */

static void options_of(const struct nfs_session *s, const char *base,
		       const char *more, struct buf *out)
{
	buf_puts(out, base);
	if (s->version)
		buf_printf(out, ",vers=%s", s->version);
	if (s->port != 2049)
		buf_printf(out, ",port=%" PRIu64, s->port);
	if (more && *more)
		buf_printf(out, ",%s", more);
}

static int add_share(const struct nfs_session *s, struct json_object *q)
{
	AUTO(auto_buf) struct buf options = BUF_INIT(4096);
	struct json_object *servers = json_object_new_array();
	int r = servers ? 0 : -ENOMEM;

	for (char **server = s->servers; r == 0 && *server; server++)
		r = json_object_array_add(servers,
					  json_object_new_string(*server));
	r = r < 0 ? r : nfs_put(q, "servers", servers);
	options_of(s, MANAGE_OPTIONS, s->manage_options, &options);
	r = r < 0 ? r : nfs_put_text(q, "options", buf_str(&options));
	r = r < 0 ? r : nfs_put_text(q, "path", s->path);
	r = r < 0 ? r : nfs_put_text(q, "sub_dir", s->sub_dir);
	r = r < 0 ? r : nfs_put_text(q, "mounted_at", s->mounted_at);
	r = r < 0 ? r : nfs_put_text(q, "target", s->target);
	r = r < 0 ? r : nfs_put_text(q, "run", s->base.run_dir);
	r = r < 0 ? r : nfs_put_text(q, "host", s->base.host_id);
	r = r < 0 ? r : nfs_put_number(q, "port", s->port);
	return r < 0 ? r : nfs_put_number(q, "timeout_ms", s->timeout_ms);
}

/* Is there a share at all, or exports alone? */
static bool has_share(const struct nfs_session *s)
{
	return s->mounted_at || s->servers[0];
}

static int away(const struct nfs_session *s, const char *operation,
		struct err *err)
{
	return err_set(err, EHOSTUNREACH, "the share '%s' of the server '%s' gave no answer to '%s' in time: the server hangs, or the network",
		       s->mounted_at ? s->mounted_at : s->path,
		       s->mounted_at ? "this machine" : s->servers[0],
		       operation);
}

/* @q is taken. *@reply may be NULL. */
static int ask(struct session *session, const struct call *c,
	       const char *operation, struct json_object *q, int64_t most_ms,
	       struct json_object **reply, struct err *err)
{
	struct nfs_session *s = nfs_session(session);
	AUTO(auto_json) struct json_object *request = q;
	const char *words[] = { operation, NULL, NULL };
	int r = call_check(c, err);

	if (r < 0)
		return r;
	if (!has_share(s))
		return err_set(err, EACCES, "no share is configured here, 'server' and 'path', only exports of 'volumes', which are as they are");
	if (!request || add_share(s, request) < 0 ||
	    nfs_put_text(request, "token", c->token) < 0)
		return err_oom(err);
	words[1] = json_object_to_json_string_ext(
		request, JSON_C_TO_STRING_PLAIN |
				 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!words[1])
		return err_oom(err);
	if (strlen(words[1]) > NFS_META_MAX + 16384)
		return err_set(err, EINVAL, "the tags take more than the %d bytes that a volume's facts may have",
			       NFS_META_MAX);
	r = provider_help(&provider_nfs, c, most_ms, words, reply, err);
	if (r == -ETIMEDOUT && call_check(c, NULL) == 0)
		return away(s, operation, err);
	return r;
}

static struct json_object *request_of(const char *id)
{
	struct json_object *q = json_object_new_object();

	if (q && id && nfs_put_text(q, "id", id) < 0) {
		json_object_put(q);
		return NULL;
	}
	return q;
}

/* A long copy that was stopped leaves its half, which is nobody's. */
static void discard(struct session *session, int r, const char *prefix,
		    const char *token)
{
	struct call c = { .deadline_ms = clock_ms() + 10000, .token = "",
			  .job = "" };
	char id[NFS_ID_ROOM];

	if (r != -ECANCELED && r != -ETIMEDOUT)
		return;
	snprintf(id, sizeof(id), "%s%.80s", prefix, token);
	(void)ask(session, &c, "discard", request_of(id), 10000, NULL, NULL);
}

/* Each object of the array @key to @give. */
static int give_all(struct json_object *reply, const char *key,
		    int (*give)(struct json_object *o,
				const struct volume_sink *out,
				struct err *err),
		    const struct volume_sink *out, struct err *err)
{
	struct json_object *list;
	size_t n;
	int r = json_opt_array(reply, key, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = give(json_object_array_get_idx(list, i), out, err);
	return r;
}

static int give_reply(struct json_object *reply, const struct volume_sink *out,
		      struct err *err)
{
	int r = give_all(reply, "volumes", nfs_give_volume, out, err);

	return r < 0 ? r : give_all(reply, "snapshots", nfs_give_snapshot, out,
				    err);
}

/*
 * Exports that are volumes
 */

static const struct nfs_export *export_of(struct session *session,
					  const char *id)
{
	struct nfs_session *s = nfs_session(session);

	for (size_t i = 0; i < s->n_exports; i++)
		if (!strcmp(s->exports[i].id, id))
			return &s->exports[i];
	return NULL;
}

static int export_give(const struct nfs_export *e,
		       const struct volume_sink *out, struct err *err)
{
	const struct volume_facts f = {
		.id = e->id, .name = e->name, .service_state = "configured",
		.state = VOLUME_AVAILABLE, .health = HEALTH_OK,
		.access = ACCESS_MULTI_WRITER, .iops = -1,
		.throughput_bytes_per_s = -1, .encrypted = -1,
	};

	return out->volume(out->arg, &f, err);
}

static int export_refuse(struct session *session, const char *id,
			 struct err *err)
{
	if (!export_of(session, id))
		return 0;
	return err_set(err, EACCES, "it is an export named in the configuration ('volumes'): it is mounted as it is, and nothing of it is changed");
}

/*
 * Looking
 */

static int nfs_list(struct session *session, const struct call *c,
		    const struct volume_sink *out, struct err *err)
{
	struct nfs_session *s = nfs_session(session);
	AUTO(auto_json) struct json_object *reply = NULL;
	int r = call_check(c, err);

	if (r == 0 && has_share(s))
		r = ask(session, c, "list", request_of(NULL), LOOK_MS, &reply,
			err);
	for (size_t i = 0; r == 0 && i < s->n_exports; i++)
		r = export_give(&s->exports[i], out, err);
	if (r < 0 || !reply)
		return r;
	pthread_mutex_lock(&s->lock);
	s->total_bytes = nfs_number(reply, "total_bytes");
	s->available_bytes = nfs_number(reply, "available_bytes");
	pthread_mutex_unlock(&s->lock);
	return give_reply(reply, out, err);
}

static int nfs_get(struct session *session, const struct call *c,
		   const char *id, const struct volume_sink *out,
		   struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	const struct nfs_export *e = export_of(session, id);
	int r = call_check(c, err);

	if (r == 0 && e)
		return export_give(e, out, err);
	if (r == 0)
		r = ask(session, c, "get", request_of(id), LOOK_MS, &reply,
			err);
	return r < 0 ? r : give_reply(reply, out, err);
}

static int nfs_check_name(struct session *session, const char *name,
			  struct err *err)
{
	char dir[NAME_BYTES_MAX + 1];

	return nfs_dir_of_name(name, dir, err);
}

static void nfs_bounds(struct session *session, struct bounds *out)
{
	struct nfs_session *s = nfs_session(session);

	LOCK_SCOPE(&s->lock);
	*out = (struct bounds){
		.name_rule = "any bytes, at most 255 of them when escaped",
		.total_bytes = s->total_bytes,
		.available_bytes = s->available_bytes,
		.quota_volumes = -1, .quota_bytes = -1,
	};
}

/*
 * Making and removing
 */

static struct json_object *tags_of(const struct tag *tags, uint32_t n)
{
	struct json_object *o = json_object_new_object();

	for (uint32_t i = 0; o && i < n; i++)
		if (nfs_put_text(o, tags[i].key,
				 tags[i].value ? tags[i].value : "") < 0) {
			json_object_put(o);
			return NULL;
		}
	return o;
}

static int make(struct session *session, const struct call *c,
		const struct volume_spec *want, const char *source,
		const char *source_id, const char *source_name,
		const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	AUTO(auto_json) struct json_object *q = request_of(NULL);
	char dir[NAME_BYTES_MAX + 1];
	int r = nfs_dir_of_name(want->name, dir, err);

	if (r < 0)
		return r;
	r = q ? nfs_put_text(q, "directory", dir) : -ENOMEM;
	r = r < 0 ? r : nfs_put(q, "tags", tags_of(want->tags, want->n_tags));
	r = r < 0 ? r : nfs_put_bool(q, "blank", want->blank && !source);
	r = r < 0 ? r : nfs_put_number(q, "mode", nfs_session(session)->mode);
	r = r < 0 ? r : nfs_put_text(q, "source", source);
	r = r < 0 ? r : nfs_put_text(q, "source_id", source_id);
	r = r < 0 ? r : nfs_put_text(q, "source_name", source_name);
	if (r < 0)
		return err_oom(err);
	r = ask(session, c, "create", STEAL(q), WORK_MS, &reply, err);
	if (r < 0)
		discard(session, r, "v-", c->token);
	return r < 0 ? r : give_reply(reply, out, err);
}

static int nfs_create(struct session *session, const struct call *c,
		      const struct volume_spec *want,
		      const struct volume_sink *out, struct err *err)
{
	return make(session, c, want, NULL, NULL, NULL, out, err);
}

static int nfs_create_from_snapshot(struct session *session,
				    const struct call *c,
				    const struct volume_spec *want,
				    const struct snapshot_facts *snapshot,
				    const struct volume_sink *out,
				    struct err *err)
{
	return make(session, c, want, "snapshot", snapshot->id,
		    snapshot->name, out, err);
}

static int nfs_create_from_volume(struct session *session,
				  const struct call *c,
				  const struct volume_spec *want,
				  const struct volume_facts *volume,
				  const struct volume_sink *out,
				  struct err *err)
{
	if (export_refuse(session, volume->id, err) < 0)
		return -err->num;
	return make(session, c, want, "volume", volume->id, volume->name, out,
		    err);
}

static int nfs_remove(struct session *session, const struct call *c,
		      const struct volume_facts *v, struct err *err)
{
	struct json_object *q;

	if (export_refuse(session, v->id, err) < 0)
		return -err->num;
	q = request_of(v->id);
	if (q && nfs_put_text(q, "on_delete",
			      nfs_session(session)->on_delete) < 0) {
		json_object_put(q);
		return err_oom(err);
	}
	return ask(session, c, "remove", q, WORK_MS, NULL, err);
}

/*
 * Use. The service keeps no attachments; what this host has attached is noted,
 * since its mount's source is a path that a rename would end.
 */

static void attached_path(const struct nfs_session *s, const char *id,
			  char *out, size_t room)
{
	snprintf(out, room, "%s/attached-%.95s", s->base.state_dir, id);
}

static int attach_note(const struct nfs_session *s, const char *id,
		       struct err *err)
{
	char path[4096];
	int fd;

	attached_path(s, id, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return nfs_fail(err, errno, "noting the attachment in '%s'",
				path);
	close(fd);
	return 0;
}

static int attach_fill(struct nfs_session *s, const char *server,
		       const char *directory, bool read_only,
		       struct attach_result *out, struct err *err)
{
	AUTO(auto_buf) struct buf options = BUF_INIT(4096);
	struct attach_result a = { .kind = KIND_SHARE,
				   .read_only = read_only };

	if (s->mounted_at) {
		a.fstype = strdup("bind");
		a.source = nfs_source(NULL, s->mounted_at, s->sub_dir,
				      directory);
	} else {
		options_of(s, USER_OPTIONS, NULL, &options);
		a.fstype = strdup("nfs");
		a.source = nfs_source(server, s->path, s->sub_dir, directory);
		a.options = buf_take(&options);
	}
	if (!a.fstype || !a.source || (!s->mounted_at && !a.options)) {
		attach_done(&a);
		return err_oom(err);
	}
	*out = a;
	return 0;
}

static int attach_export(const struct nfs_export *e, bool read_only,
			 struct attach_result *out, struct err *err)
{
	struct attach_result a = { .kind = KIND_SHARE,
				   .read_only = read_only };

	a.fstype = strdup("nfs");
	a.source = strdup(e->source);
	a.options = strdup(USER_OPTIONS);
	if (!a.fstype || !a.source || !a.options) {
		attach_done(&a);
		return err_oom(err);
	}
	*out = a;
	return 0;
}

static int nfs_attach(struct session *session, const struct call *c,
		      const struct volume_facts *v, bool read_only,
		      struct attach_result *out, struct err *err)
{
	struct nfs_session *s = nfs_session(session);
	AUTO(auto_json) struct json_object *reply = NULL;
	const struct nfs_export *e = export_of(session, v->id);
	const char *directory;
	int r = call_check(c, err);

	if (r == 0 && e)
		return attach_export(e, read_only, out, err);
	if (r == 0)
		r = ask(session, c, "attach", request_of(v->id), LOOK_MS,
			&reply, err);
	if (r == 0)
		r = json_get_string(reply, "directory", &directory, err);
	if (r == 0)
		r = attach_note(s, v->id, err);
	return r < 0 ? r : attach_fill(s, nfs_text(reply, "server"), directory,
				       read_only, out, err);
}

static int nfs_detach(struct session *session, const struct call *c,
		      const struct volume_facts *v, bool force,
		      struct err *err)
{
	char path[4096];
	int r = call_check(c, err);

	if (r < 0)
		return r;
	attached_path(nfs_session(session), v->id, path, sizeof(path));
	if (unlink(path) < 0 && errno != ENOENT)
		return nfs_fail(err, errno, "removing '%s'", path);
	return 0;
}

/*
 * Changes
 */

/* @q is taken. */
static int change(struct session *session, const struct call *c,
		  const char *id, struct json_object *q, struct err *err)
{
	if (export_refuse(session, id, err) < 0) {
		json_object_put(q);
		return -err->num;
	}
	return ask(session, c, "change", q, LOOK_MS, NULL, err);
}

static int nfs_set_tags(struct session *session, const struct call *c,
			const struct volume_facts *v, const struct tag *tags,
			uint32_t n_tags, struct err *err)
{
	AUTO(auto_json) struct json_object *q = request_of(v->id);

	if (!q || nfs_put(q, "tags", tags_of(tags, n_tags)) < 0)
		return err_oom(err);
	return change(session, c, v->id, STEAL(q), err);
}

static int nfs_set_marks(struct session *session, const struct call *c,
			 const struct volume_facts *v, bool managed,
			 bool blank, struct err *err)
{
	AUTO(auto_json) struct json_object *q = request_of(v->id);

	if (!q || nfs_put_bool(q, "managed", managed) < 0 ||
	    nfs_put_bool(q, "blank", blank) < 0)
		return err_oom(err);
	return change(session, c, v->id, STEAL(q), err);
}

static int nfs_rename(struct session *session, const struct call *c,
		      const struct volume_facts *v, const char *name,
		      struct err *err)
{
	AUTO(auto_json) struct json_object *q = request_of(v->id);
	char dir[NAME_BYTES_MAX + 1], path[4096];
	int r = nfs_dir_of_name(name, dir, err);

	if (r == 0)
		r = export_refuse(session, v->id, err);
	if (r < 0)
		return r;
	attached_path(nfs_session(session), v->id, path, sizeof(path));
	if (access(path, F_OK) == 0)
		return err_set(err, EBUSY, "it is attached here, and its mount would lose its path: unmount and detach it first");
	if (!q || nfs_put_text(q, "directory", dir) < 0)
		return err_oom(err);
	return ask(session, c, "rename", STEAL(q), LOOK_MS, NULL, err);
}

static int nfs_import(struct session *session, const struct call *c,
		      const char *id, const char *name,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	AUTO(auto_json) struct json_object *q = request_of(id);
	char dir[NAME_BYTES_MAX + 1];
	int r = name ? nfs_dir_of_name(name, dir, err) : 0;

	if (r < 0)
		return r;
	if (!q || (name && nfs_put_text(q, "directory", dir) < 0))
		return err_oom(err);
	r = ask(session, c, "import", STEAL(q), LOOK_MS, &reply, err);
	return r < 0 ? r : give_reply(reply, out, err);
}

/*
 * Snapshots
 */

static int nfs_snapshot(struct session *session, const struct call *c,
			const struct volume_facts *v, const char *name,
			const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	AUTO(auto_json) struct json_object *q = request_of(v->id);
	char dir[NAME_BYTES_MAX + 1];
	int r = nfs_dir_of_name(name, dir, err);

	if (r == 0)
		r = export_refuse(session, v->id, err);
	if (r < 0)
		return r;
	if (!q || nfs_put_text(q, "directory", dir) < 0 ||
	    nfs_put_number(q, "now_s", (uint64_t)clock_unix_s()) < 0)
		return err_oom(err);
	r = ask(session, c, "snapshot", STEAL(q), WORK_MS, &reply, err);
	if (r < 0)
		discard(session, r, "s-", c->token);
	return r < 0 ? r : give_reply(reply, out, err);
}

static int nfs_snapshot_remove(struct session *session, const struct call *c,
			       const struct snapshot_facts *snapshot,
			       struct err *err)
{
	return ask(session, c, "snapshot-remove", request_of(snapshot->id),
		   WORK_MS, NULL, err);
}

static int nfs_restore(struct session *session, const struct call *c,
		       const struct volume_facts *v,
		       const struct snapshot_facts *snapshot, struct err *err)
{
	AUTO(auto_json) struct json_object *q = request_of(v->id);

	if (!q || nfs_put_text(q, "source_id", snapshot->id) < 0)
		return err_oom(err);
	return ask(session, c, "restore", STEAL(q), WORK_MS, NULL, err);
}

const struct provider provider_nfs = {
	.name = "nfs",
	.title = "directories of an NFS share",
	.kind = KIND_SHARE,
	.notions = NOTION_TAGS,
	.unsized = true,
	.share_type = "nfs",
	.session_size = sizeof(struct nfs_session),
	.options = nfs_options,
	.parallel = true,

	.open = nfs_open_session,
	.close = nfs_close,
	.list = nfs_list,
	.create = nfs_create,
	.remove = nfs_remove,
	.attach = nfs_attach,
	.detach = nfs_detach,

	.get = nfs_get,
	.bounds = nfs_bounds,
	.check_name = nfs_check_name,
	.create_from_snapshot = nfs_create_from_snapshot,
	.create_from_volume = nfs_create_from_volume,
	.set_tags = nfs_set_tags,
	.set_marks = nfs_set_marks,
	.rename = nfs_rename,
	.snapshot = nfs_snapshot,
	.snapshot_remove = nfs_snapshot_remove,
	.restore = nfs_restore,
	.import = nfs_import,
	.help = nfs_help,
};
