/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sim: a simulated cloud, for trying, testing and measuring; and the driver to
 * copy from.
 *
 * The service is volfs-simcloud (tools/simcloud*.c), JSON over HTTP on a unix
 * socket, version 1; its routes stand in tools/simcloud_server.c. Without an
 * `endpoint` the driver starts one in `directory`. Volumes are files on loop
 * devices or directories of this machine, or real disks that a program plugs;
 * nothing costs money, and it takes as long as the options say.
 *
 * Everything of the vtable is there. Encryption is a flag without a key.
 *
 * The pure halves (requests out of structs, structs out of answers) are in
 * sim_parse.c, asking and waiting in sim_ask.c, the starting of one's own cloud
 * in sim_cloud.c.
 */
#include "providers/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"

#define NAME_BYTES 64            /* what the service takes */
#define PAGES_MAX 1000000u       /* of one listing; more is a loop */
#define BACKOFF_MS 50            /* it is near */
#define FREEZE_MS 8000           /* the guard thaws after 10 s */

#define AT(field) offsetof(struct sim_session, field)

static const char *const kinds[] = { "block", "share", "directory", NULL };

static const struct opt_spec sim_options[] = {
	{ "endpoint", OPT_STR, AT(endpoint),
	  .help = "A cloud that runs already: unix:/PATH/socket or "
		  "http://127.0.0.1:PORT. Empty: one of its own, started when "
		  "needed, to which the options below apply." },
	{ "directory", OPT_PATH, AT(directory),
	  .help = "Where its own cloud keeps everything; default 'cloud' in "
		  "the service's state directory." },
	{ "host", OPT_STR, AT(host),
	  .help = "What the cloud calls this machine; default its machine id." },
	{ "hostZone", OPT_STR, AT(host_zone),
	  .help = "Zone this machine is in; default the cloud's first." },
	{ "kind", OPT_CHOICE, AT(kind), .dflt = "block", .choices = kinds,
	  .help = "What new volumes are: loop devices, shares, directories." },
	{ "latency", OPT_DURATION, AT(latency_ms), .dflt = "0",
	  .max = 3600000, .help = "How long each request takes." },
	{ "jitter", OPT_DURATION, AT(jitter_ms), .dflt = "0", .max = 3600000,
	  .help = "Up to so much is added to latency, by chance." },
	{ "pending", OPT_DURATION, AT(pending_ms), .dflt = "0",
	  .max = 3600000,
	  .help = "How long things stay creating, attaching, deleting ..." },
	{ "lag", OPT_DURATION, AT(lag_ms), .dflt = "0", .max = 3600000,
	  .help = "How old what a listing says is." },
	{ "volumes", OPT_U64, AT(volumes), .dflt = "0", .max = 10000000,
	  .help = "How many volumes it has at the start. They count as "
		  "having held data." },
	{ "volumeSize", OPT_SIZE, AT(volume_bytes), .dflt = "1G",
	  .min = 1 << 20, .help = "Size of the volumes of the start." },
	{ "types", OPT_LIST, AT(types), .dflt = "standard\nfast",
	  .help = "Types of volumes; the first is the default." },
	{ "zones", OPT_LIST, AT(zones), .dflt = "zone-a\nzone-b",
	  .help = "Zones; a volume attaches in its own only." },
	{ "multiWriter", OPT_BOOL, AT(multi_writer), .dflt = "false",
	  .help = "New volumes attach to several hosts at once." },
	{ "quotaVolumes", OPT_U64, AT(quota_volumes), .dflt = "0",
	  .help = "How many volumes the quota permits; 0 = any number." },
	{ "quotaSize", OPT_SIZE, AT(quota_bytes), .dflt = "0",
	  .help = "How many bytes the quota permits in all; 0 = any." },
	{ "capacity", OPT_SIZE, AT(capacity_bytes), .dflt = "0",
	  .help = "How many bytes the cloud has room for; 0 = any." },
	{ "attachLimit", OPT_U64, AT(attach_limit), .dflt = "0",
	  .help = "How many volumes a host may have; 0 = any number." },
	{ "requestLimit", OPT_U64, AT(request_limit), .dflt = "0",
	  .help = "Requests a second, above which it throttles; 0 = any." },
	{ "pageSize", OPT_U64, AT(page_size), .dflt = "1000", .min = 1,
	  .max = 10000, .help = "Objects in one page of a listing." },
	{ "silent", OPT_STR, AT(silent),
	  .help = "Operations never answered: 'list,attach', or '*'." },
	{ "plug", OPT_PATH, AT(plug),
	  .help = "A program that makes volumes real disks of this machine, in "
		  "place of loop devices: PROGRAM plug|grow ID SERIAL IMAGE, "
		  "PROGRAM pull ID SERIAL. Heeded when the cloud starts." },
	{ "plugById", OPT_STR, AT(plug_by_id),
	  .help = "Name below /dev/disk/by-id that real disks are promised to "
		  "have besides the serial, a pattern: 'nvme-*_{serial}'." },
	{ "requestTimeout", OPT_DURATION, AT(timeout_ms), .dflt = "60s",
	  .min = 10, .help = "How long one request may take." },
	{ NULL }
};

/* ---- errors ---- */

static const struct http_code sim_codes[] = {
	{ "AttachmentLimitExceeded", EMFILE },
	{ "CopyFailed", EIO },
	{ "DeviceBusy", EBUSY },
	{ "DeviceFailed", EIO },
	{ "HostNotFound", ENOENT },
	{ "IncorrectState", EBUSY },
	{ "InsufficientCapacity", ENOSPC },
	{ "NoSuchOperation", EPROTO },
	{ "NotAttached", ENOENT },
	{ "QuotaExceeded", EDQUOT },
	{ "SnapshotNotFound", ENOENT },
	{ "Throttled", EAGAIN },
	{ "TokenSpent", ESTALE },
	{ "VolumeInUse", EBUSY },
	{ "VolumeNotFound", ENOENT },
	{ "ZoneMismatch", EXDEV },
	{ NULL, 0 }
};

/* ---- operations: a session ---- */

static int connect_to(struct sim_session *s, const char *socket_path,
		      struct err *err)
{
	const struct http_options o = {
		.title = "the simulated cloud",
		.base_url = socket_path ? "http://simcloud" : s->endpoint,
		.unix_path = socket_path,
		.timeout_ms = s->timeout_ms,
		.backoff_ms = BACKOFF_MS,
		.budget_per_s = s->base.requests_per_s,
		.codes = sim_codes,
		.parse_fault = sim_parse_fault,
	};

	s->http = http_new(&o, err);
	return s->http ? 0 : -err->num;
}

/* A path that is too long for a socket's address has a short form. */
static int connect_to_own(struct sim_session *s, struct err *err)
{
	struct sockaddr_un a;
	AUTO(auto_free) char *path = NULL;

	if (!s->directory &&
	    asprintf(&s->directory, "%s/cloud", s->base.state_dir) < 0)
		return err_oom(err);
	if (mkdir(s->directory, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "'directory': making '%s'",
				 s->directory);
	if (strlen(s->directory) + strlen("/socket") < sizeof(a.sun_path)) {
		if (asprintf(&path, "%s/socket", s->directory) < 0)
			return err_oom(err);
		return connect_to(s, path, err);
	}
	s->dir_fd = open(s->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_errno(err, errno, "'directory': opening '%s'",
				 s->directory);
	if (asprintf(&path, "/proc/self/fd/%d/socket", s->dir_fd) < 0)
		return err_oom(err);
	return connect_to(s, path, err);
}

static void sim_close(struct session *base)
{
	struct sim_session *s = (struct sim_session *)base;

	http_free(s->http);
	s->http = NULL;
	if (s->dir_fd > 0)
		close(s->dir_fd);
	s->dir_fd = -1;
	while (s->words) {
		struct sim_words *older = s->words->older;

		sim_words_free(s->words->types);
		sim_words_free(s->words->zones);
		free(s->words);
		s->words = older;
	}
	pthread_mutex_destroy(&s->lock);
}

static int sim_open(struct session *base, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	int r;

	s->dir_fd = -1;
	s->here = s->host && *s->host ? s->host : base->host_id;
	if (s->endpoint && !*s->endpoint) {
		free(s->endpoint);
		s->endpoint = NULL;
	}
	if (s->endpoint && strncmp(s->endpoint, "http://", 7) != 0 &&
	    strncmp(s->endpoint, "https://", 8) != 0 &&
	    strncmp(s->endpoint, "unix:/", 6) != 0)
		return err_set(err, EINVAL, "'endpoint' is '%s': write unix:/PATH/socket or http://HOST:PORT",
			       s->endpoint);
	pthread_mutex_init(&s->lock, NULL);
	/* What the service says by default; the first listing refines it. */
	s->bounds = (struct bounds){
		.size_min_bytes = 1 << 20, .size_step_bytes = 1 << 20,
		.types = s->endpoint ? NULL : (const char *const *)s->types,
		.zones = s->endpoint ? NULL : (const char *const *)s->zones,
		.name_rule = "1 to 64 letters, digits, '-', '.' and '_'",
		.quota_volumes = -1, .quota_bytes = -1,
	};
	if (!s->endpoint)
		r = connect_to_own(s, err);
	else
		r = connect_to(s, strncmp(s->endpoint, "unix:", 5)
				  ? NULL : s->endpoint + 5, err);
	if (r < 0)
		sim_close(base);
	return r;
}

/* ---- operations: looking ---- */

typedef int (*page_parser)(const char *text, size_t len, const char *here,
			   const struct volume_sink *out, struct buf *next,
			   struct err *err);

static int snapshot_page(const char *text, size_t len, const char *here,
			 const struct volume_sink *out, struct buf *next,
			 struct err *err)
{
	(void)here;
	return sim_parse_snapshots(text, len, out, next, err);
}

/* All pages of a listing. @of: of that volume only, or NULL. */
static int list_pages(struct sim_session *s, const struct call *c,
		      const char *what, const char *of, page_parser parse,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_buf) struct buf path = BUF_INIT(4096);
	AUTO(auto_buf) struct buf next = BUF_INIT(1024);
	unsigned page;
	int r;

	for (page = 0; page < PAGES_MAX; page++) {
		AUTO(auto_http_reply) struct http_reply reply;

		http_reply_init(&reply);
		buf_reset(&path);
		buf_printf(&path, "/v1/%s?limit=%" PRIu64, what, s->page_size);
		if (of) {
			buf_puts(&path, "&volume=");
			http_escape(&path, of);
		}
		if (next.len) {
			buf_puts(&path, "&next=");
			http_escape(&path, buf_str(&next));
		}
		r = sim_ask(s, c, &(struct sim_ask){ .path = buf_str(&path) },
			    &reply, err);
		buf_reset(&next);
		if (r == 0)
			r = parse(buf_str(&reply.body), reply.body.len,
				  s->here, out, &next, err);
		if (r < 0 || next.len == 0)
			return r;
	}
	return err_set(err, EPROTO, "the listing of %s has no end", what);
}

static bool words_equal(char *const *a, char *const *b)
{
	size_t i;

	for (i = 0; a[i] && b[i]; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return !a[i] && !b[i];
}

/* Keeps the words that others may be reading. */
static int bounds_take(struct sim_session *s, const struct bounds *b,
		       char **types, char **zones, struct err *err)
{
	struct sim_words *words = s->words;

	LOCK_SCOPE(&s->lock);
	if (words && words_equal(words->types, types) &&
	    words_equal(words->zones, zones)) {
		sim_words_free(types);
		sim_words_free(zones);
	} else {
		words = calloc(1, sizeof(*words));
		if (!words) {
			sim_words_free(types);
			sim_words_free(zones);
			return err_oom(err);
		}
		*words = (struct sim_words){ s->words, types, zones };
		s->words = words;
	}
	{
		const char *rule = s->bounds.name_rule;

		s->bounds = *b;
		s->bounds.name_rule = rule;
		s->bounds.types = (const char *const *)words->types;
		s->bounds.zones = (const char *const *)words->zones;
	}
	return 0;
}

static int ask_limits(struct sim_session *s, const struct call *c,
		      struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	char **types, **zones;
	struct bounds b;
	int r;

	http_reply_init(&reply);
	r = sim_ask(s, c, &(struct sim_ask){ .path = "/v1/limits" }, &reply,
		    err);
	if (r == 0)
		r = sim_parse_limits(buf_str(&reply.body), reply.body.len, &b,
				     &types, &zones, err);
	return r < 0 ? r : bounds_take(s, &b, types, zones, err);
}

static int sim_list(struct session *base, const struct call *c,
		    const struct volume_sink *out, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	int r = ask_limits(s, c, err);

	if (r == 0)
		r = list_pages(s, c, "volumes", NULL, sim_parse_volumes, out,
			       err);
	if (r == 0)
		r = list_pages(s, c, "snapshots", NULL, snapshot_page, out,
			       err);
	return r;
}

static int sim_get(struct session *base, const struct call *c, const char *id,
		   const struct volume_sink *out, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	int r = sim_ask_volume(s, c, &(struct sim_ask){
		.path = sim_path(&path, "volumes", id, "") }, out, err);

	if (r == 0 && out->snapshot)
		r = list_pages(s, c, "snapshots", id, snapshot_page, out, err);
	return r;
}

/* ---- operations: life ---- */

/* Its requests are JSON. */
static int check_tags(const struct tag *tags, uint32_t n_tags, struct err *err)
{
	for (uint32_t i = 0; i < n_tags; i++)
		if (!text_is_utf8(tags[i].key) ||
		    (tags[i].value && !text_is_utf8(tags[i].value)))
			return err_set(err, EINVAL, "the service takes tags of "
				       "UTF-8 text only, and tag %u is none",
				       i + 1);
	return 0;
}

static int make_volume(struct session *base, const struct call *c,
		       const struct volume_spec *want, const char *snapshot,
		       const char *volume, const struct volume_sink *out,
		       struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_buf) struct buf body = BUF_INIT(256 * 1024);
	int r = check_tags(want->tags, want->n_tags, err);

	if (r < 0)
		return r;
	sim_request_create(want, s->host_zone, snapshot, volume, &body);
	return sim_ask_volume(s, c, &(struct sim_ask){
		.method = "POST", .path = "/v1/volumes", .body = &body,
		.token = c->token }, out, err);
}

static int sim_create(struct session *base, const struct call *c,
		      const struct volume_spec *want,
		      const struct volume_sink *out, struct err *err)
{
	return make_volume(base, c, want, NULL, NULL, out, err);
}

static int sim_create_from_snapshot(struct session *base, const struct call *c,
				    const struct volume_spec *want,
				    const struct snapshot_facts *snapshot,
				    const struct volume_sink *out,
				    struct err *err)
{
	return make_volume(base, c, want, snapshot->id, NULL, out, err);
}

static int sim_create_from_volume(struct session *base, const struct call *c,
				  const struct volume_spec *want,
				  const struct volume_facts *volume,
				  const struct volume_sink *out,
				  struct err *err)
{
	return make_volume(base, c, want, NULL, volume->id, out, err);
}

static int sim_remove(struct session *base, const struct call *c,
		      const struct volume_facts *v, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	struct sim_look deleting = { .pending = "deleting",
				 .here = VOLUME_STATES };
	int r = sim_tell_volume(s, c, "DELETE", v->id, "", NULL, err);

	if (r < 0)
		return sim_gone_is_fine(r, err);
	return sim_wait_while(s, c, v->id, &deleting, err);
}

static int sim_attach(struct session *base, const struct call *c,
		      const struct volume_facts *v, bool read_only,
		      struct attach_result *out, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	AUTO(auto_buf) struct buf body = BUF_INIT(2048);
	const struct sim_ask attach = {
		.method = "POST", .body = &body,
		.path = sim_path(&path, "volumes", v->id, "/attach"),
	};
	int r;

	http_reply_init(&reply);
	buf_puts(&body, "{\"host\":");
	buf_json_string(&body, s->here);
	buf_printf(&body, ",\"read_only\":%s}", read_only ? "true" : "false");
	r = sim_ask(s, c, &attach, &reply, err);
	/* A cloud that was made anew does not know us. */
	if (r == -ENOENT && !strcmp(err->code, "HostNotFound")) {
		sim_gone_is_fine(r, err);
		r = sim_register(s, c, err);
		if (r == 0)
			r = sim_ask(s, c, &attach, &reply, err);
	}
	if (r == 0)
		r = sim_parse_attach(buf_str(&reply.body), reply.body.len, out,
				     err);
	if (r == 0)
		out->read_only = read_only;
	return r;
}

static int sim_detach(struct session *base, const struct call *c,
		      const struct volume_facts *v, bool force,
		      struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	struct sim_look detaching = { .here = VOLUME_DETACHING };
	AUTO(auto_buf) struct buf body = BUF_INIT(2048);
	int r;

	buf_puts(&body, "{\"host\":");
	buf_json_string(&body, s->here);
	buf_printf(&body, ",\"force\":%s}", force ? "true" : "false");
	r = sim_tell_volume(s, c, "POST", v->id, "/detach", &body, err);
	/* Not attached, or gone altogether. */
	if (r < 0)
		return sim_gone_is_fine(r, err);
	return sim_wait_while(s, c, v->id, &detaching, err);
}

/* ---- operations: what memory knows ---- */

static void sim_bounds(struct session *base, struct bounds *out)
{
	struct sim_session *s = (struct sim_session *)base;

	LOCK_SCOPE(&s->lock);
	*out = s->bounds;
}

static int sim_check_name(struct session *base, const char *name,
			  struct err *err)
{
	char legal[NAME_BYTES + 1];
	size_t i;

	(void)base;
	for (i = 0; i < NAME_BYTES && name[i]; i++) {
		char ch = name[i];

		legal[i] = (ch >= 'a' && ch <= 'z') ||
			   (ch >= 'A' && ch <= 'Z') ||
			   (ch >= '0' && ch <= '9') || strchr("-._", ch)
			   ? ch : '-';
	}
	legal[i] = '\0';
	if (i > 0 && !strcmp(name, legal))
		return 0;
	return err_set(err, EINVAL, "the simulated cloud takes names of 1 to %d letters, digits, '-', '.' and '_': '%s' would do",
		       NAME_BYTES, *legal ? legal : "volume");
}

static int sim_whoami(struct session *base, const struct call *c,
		      struct instance *out, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	int r;

	http_reply_init(&reply);
	r = sim_ask(s, c, &(struct sim_ask){
		.path = sim_path(&path, "hosts", s->here, "") }, &reply, err);
	if (r < 0)
		return r;
	return sim_parse_instance(buf_str(&reply.body), reply.body.len, out,
				  err);
}

static enum volume_kind sim_kind_of(const struct volume_facts *v)
{
	const char *details = v->details ? v->details : "";

	if (strstr(details, "\"kind\":\"share\""))
		return KIND_SHARE;
	if (strstr(details, "\"kind\":\"directory\""))
		return KIND_DIRECTORY;
	return KIND_BLOCK;
}

/* ---- operations: changing ---- */

static int change(struct session *base, const struct call *c, const char *id,
		  const struct buf *body, const struct volume_sink *out,
		  struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);

	if (!out)
		return sim_tell_volume(s, c, "PATCH", id, "", body, err);
	return sim_ask_volume(s, c, &(struct sim_ask){
		.method = "PATCH", .body = body,
		.path = sim_path(&path, "volumes", id, "") }, out, err);
}

static int sim_modify(struct session *base, const struct call *c,
		      const struct volume_facts *v,
		      const struct volume_change *want,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_buf) struct buf body = BUF_INIT(4096);

	sim_request_change(want, &body);
	return change(base, c, v->id, &body, out, err);
}

struct retag {
	const struct tag *tags;
	uint32_t n_tags;
	struct buf body;
};

static int retag(void *arg, const struct volume_facts *f, struct err *err)
{
	struct retag *t = arg;

	(void)err;
	sim_request_tags(f, t->tags, t->n_tags, &t->body);
	return 0;
}

/* The service adds and takes off single tags, so what it has now is asked
 * first: @v may be of yesterday. */
static int sim_set_tags(struct session *base, const struct call *c,
			const struct volume_facts *v, const struct tag *tags,
			uint32_t n_tags, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	struct retag t = { tags, n_tags, BUF_INIT(256 * 1024) };
	const struct volume_sink sink = { .volume = retag, .arg = &t };
	int r = check_tags(tags, n_tags, err);

	if (r == 0)
		r = sim_ask_volume(s, c, &(struct sim_ask){
			.path = sim_path(&path, "volumes", v->id, "") },
			&sink, err);
	if (r == 0)
		r = change(base, c, v->id, &t.body, NULL, err);
	buf_done(&t.body);
	return r;
}

static int sim_set_marks(struct session *base, const struct call *c,
			 const struct volume_facts *v, bool managed,
			 bool blank, struct err *err)
{
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);

	sim_request_marks(managed, blank, NULL, &body);
	return change(base, c, v->id, &body, NULL, err);
}

static int sim_rename(struct session *base, const struct call *c,
		      const struct volume_facts *v, const char *name,
		      struct err *err)
{
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);

	buf_puts(&body, "{\"name\":");
	buf_json_string(&body, name);
	buf_putc(&body, '}');
	return change(base, c, v->id, &body, NULL, err);
}

static int sim_import(struct session *base, const struct call *c,
		      const char *id, const char *name,
		      const struct volume_sink *out, struct err *err)
{
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);

	sim_request_marks(true, false, name, &body);
	return change(base, c, id, &body, out, err);
}

/* ---- operations: snapshots ---- */

static int drop_snapshot(struct sim_session *s, const struct call *c,
			 const char *id, struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	int r;

	http_reply_init(&reply);
	r = sim_ask(s, c, &(struct sim_ask){
		.method = "DELETE",
		.path = sim_path(&path, "snapshots", id, "") }, &reply, err);
	return sim_gone_is_fine(r, err);
}

/* The request that fixes the point in time stands alone between freeze and
 * thaw: one attempt, in good time before the guard lets go. @reply: the
 * answer; on failure nothing is left behind that could pass for one. */
static int ask_frozen(struct sim_session *s, const struct call *c,
		      const struct buf *body, struct http_reply *reply,
		      struct err *err)
{
	const struct sim_ask a = { .method = "POST", .path = "/v1/snapshots",
			       .body = body, .token = c->token, .once = true,
			       .timeout_ms = FREEZE_MS };
	struct err thaw_err = ERR_INIT;
	int r, thawed;

	/* Whatever else is to be said to the cloud is said before. */
	r = sim_ready(s, c, err);
	if (r == 0)
		r = call_freeze(c, err);
	if (r < 0)
		return r;
	r = sim_send(s, c, &a, reply, err);
	thawed = call_thaw(c, &thaw_err);
	if (r < 0)
		return r;
	if (thawed < 0) {
		*err = thaw_err;
		return thawed;
	}
	return 0;
}

struct made {
	char id[256];
};

static int note_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	struct made *m = arg;

	(void)err;
	snprintf(m->id, sizeof(m->id), "%s", f->id);
	return 0;
}

/* Has the cloud remember that it was taken frozen. Only for one that this very
 * request made: an earlier one with our token may have come about after the
 * thaw. */
static int mark_frozen(struct sim_session *s, const struct call *c,
		       const char *id, struct http_reply *reply,
		       struct err *err)
{
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);

	sim_request_consistency("frozen", &body);
	return sim_ask(s, c, &(struct sim_ask){
		.method = "PATCH", .body = &body,
		.path = sim_path(&path, "snapshots", id, "") }, reply, err);
}

static int sim_snapshot(struct session *base, const struct call *c,
			const struct volume_facts *v, const char *name,
			const struct volume_sink *out, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	struct made made = { "" };
	const struct volume_sink note = { .snapshot = note_snapshot,
					  .arg = &made };
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf body = BUF_INIT(4096);
	int r;

	http_reply_init(&reply);
	sim_request_snapshot(v->id, name, &body);
	if (buf_failed(&body))
		return err_oom(err);
	r = ask_frozen(s, c, &body, &reply, err);
	if (reply.status == 0)
		return r;
	if (sim_parse_snapshot(buf_str(&reply.body), reply.body.len, &note,
			       r < 0 ? NULL : err) < 0)
		return r < 0 ? r : -err->num;
	/* Thawed too early: it is no point in time. */
	if (r < 0) {
		struct err ignored = ERR_INIT;

		drop_snapshot(s, c, made.id, &ignored);
		return r;
	}
	if (c->freeze && reply.status == 201) {
		r = mark_frozen(s, c, made.id, &reply, err);
		if (r < 0)
			return r;
	}
	return sim_parse_snapshot(buf_str(&reply.body), reply.body.len, out,
				  err);
}

static int sim_snapshot_remove(struct session *base, const struct call *c,
			       const struct snapshot_facts *snapshot,
			       struct err *err)
{
	return drop_snapshot((struct sim_session *)base, c, snapshot->id, err);
}

static int sim_restore(struct session *base, const struct call *c,
		       const struct volume_facts *v,
		       const struct snapshot_facts *snapshot, struct err *err)
{
	struct sim_session *s = (struct sim_session *)base;
	struct sim_look restoring = { .pending = "restoring",
				  .here = VOLUME_STATES };
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);
	int r;

	buf_puts(&body, "{\"snapshot\":");
	buf_json_string(&body, snapshot->id);
	buf_putc(&body, '}');
	/* An earlier attempt may still be at it. */
	r = sim_wait_while(s, c, v->id, &restoring, err);
	if (r == 0)
		r = sim_tell_volume(s, c, "POST", v->id, "/restore", &body, err);
	return r < 0 ? r : sim_wait_while(s, c, v->id, &restoring, err);
}

const struct provider provider_sim = {
	.name = "sim",
	.title = "A simulated cloud on this machine, for trying and testing",
	.kind = KIND_BLOCK,
	.notions = NOTION_TYPE | NOTION_IOPS | NOTION_THROUGHPUT |
		   NOTION_ZONE | NOTION_ENCRYPTED | NOTION_TAGS |
		   NOTION_REGION,
	.session_size = sizeof(struct sim_session),
	.options = sim_options,
	.parallel = true,
	.open = sim_open,
	.close = sim_close,
	.list = sim_list,
	.create = sim_create,
	.remove = sim_remove,
	.attach = sim_attach,
	.detach = sim_detach,
	.get = sim_get,
	.bounds = sim_bounds,
	.check_name = sim_check_name,
	.whoami = sim_whoami,
	.create_from_snapshot = sim_create_from_snapshot,
	.create_from_volume = sim_create_from_volume,
	.changes = FIELD_SIZE | FIELD_TYPE | FIELD_IOPS | FIELD_THROUGHPUT,
	.modify = sim_modify,
	.set_tags = sim_set_tags,
	.set_marks = sim_set_marks,
	.rename = sim_rename,
	.snapshot = sim_snapshot,
	.snapshot_remove = sim_snapshot_remove,
	.restore = sim_restore,
	.import = sim_import,
	.kind_of = sim_kind_of,
};
