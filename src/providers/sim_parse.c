/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The pure halves of the sim driver: requests out of structs, structs out of
 * answers. No network, no session; tests/unit/sim_parse.c and tests/fuzz/sim.c
 * feed them.
 */
#include "providers/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

#define MARK "volfs"
#define MARK_BLANK "volfs.blank"
#define MARK_CONSISTENCY "volfs.consistency"

/* ---- requests ---- */

static void put_text(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", key);
	buf_json_string(out, value);
}

static void put_number(struct buf *out, const char *key, int64_t value)
{
	if (value >= 0)
		buf_printf(out, ",\"%s\":%" PRId64, key, value);
}

/* @value NULL takes the tag off. */
static void put_tag(struct buf *out, const char *key, const char *value,
		    unsigned *count)
{
	buf_puts(out, (*count)++ ? "," : "");
	buf_json_string(out, key);
	buf_putc(out, ':');
	buf_json_string(out, value);
}

void sim_request_create(const struct volume_spec *want, const char *zone,
			const char *snapshot, const char *volume,
			struct buf *out)
{
	unsigned count = 0;
	uint32_t i;

	buf_puts(out, "{\"name\":");
	buf_json_string(out, want->name);
	buf_printf(out, ",\"size_bytes\":%" PRIu64, want->size_bytes);
	put_text(out, "type", want->type);
	put_text(out, "zone", want->zone ? want->zone : zone);
	put_number(out, "iops", want->iops);
	put_number(out, "throughput_bytes_per_s",
		   want->throughput_bytes_per_s);
	if (want->encrypted >= 0)
		buf_printf(out, ",\"encrypted\":%s",
			   want->encrypted ? "true" : "false");
	put_text(out, "snapshot", snapshot);
	put_text(out, "volume", volume);
	buf_puts(out, ",\"tags\":{");
	put_tag(out, MARK, "1", &count);
	if (want->blank)
		put_tag(out, MARK_BLANK, "1", &count);
	for (i = 0; i < want->n_tags; i++)
		put_tag(out, want->tags[i].key, want->tags[i].value, &count);
	buf_puts(out, "}}");
}

void sim_request_change(const struct volume_change *want, struct buf *out)
{
	buf_puts(out, "{\"v\":1");
	if (want->fields & FIELD_SIZE)
		put_number(out, "size_bytes", (int64_t)want->size_bytes);
	if (want->fields & FIELD_TYPE)
		put_text(out, "type", want->type);
	if (want->fields & FIELD_IOPS)
		put_number(out, "iops", want->iops);
	if (want->fields & FIELD_THROUGHPUT)
		put_number(out, "throughput_bytes_per_s",
			   want->throughput_bytes_per_s);
	buf_putc(out, '}');
}

void sim_request_tags(const struct volume_facts *old, const struct tag *tags,
		      uint32_t n_tags, struct buf *out)
{
	unsigned count = 0;
	uint32_t i, k;

	buf_puts(out, "{\"tags\":{");
	for (i = 0; i < old->n_tags; i++) {
		for (k = 0; k < n_tags; k++)
			if (!strcmp(old->tags[i].key, tags[k].key))
				break;
		if (k == n_tags)
			put_tag(out, old->tags[i].key, NULL, &count);
	}
	for (i = 0; i < n_tags; i++)
		put_tag(out, tags[i].key, tags[i].value, &count);
	buf_puts(out, "}}");
}

void sim_request_marks(bool managed, bool blank, const char *name,
		       struct buf *out)
{
	unsigned count = 0;

	buf_puts(out, "{\"tags\":{");
	put_tag(out, MARK, managed ? "1" : NULL, &count);
	put_tag(out, MARK_BLANK, blank ? "1" : NULL, &count);
	buf_putc(out, '}');
	put_text(out, "name", name);
	buf_putc(out, '}');
}

void sim_request_snapshot(const char *volume, const char *name,
			  struct buf *out)
{
	buf_puts(out, "{\"volume\":");
	buf_json_string(out, volume);
	put_text(out, "name", name);
	buf_puts(out, ",\"tags\":{\"" MARK "\":\"1\"}}");
}

void sim_request_consistency(const char *word, struct buf *out)
{
	unsigned count = 0;

	buf_puts(out, "{\"tags\":{");
	put_tag(out, MARK_CONSISTENCY, word, &count);
	buf_puts(out, "}}");
}

/* ---- answers ---- */

/* The service's words, all of them. */
static const struct {
	const char *word;
	enum volume_state state;
} volume_words[] = {
	{ "creating", VOLUME_CREATING }, { "available", VOLUME_AVAILABLE },
	{ "in-use", VOLUME_IN_USE }, { "modifying", VOLUME_AVAILABLE },
	{ "restoring", VOLUME_AVAILABLE }, { "deleting", VOLUME_DELETING },
	{ "error", VOLUME_ERROR }, { "attaching", VOLUME_ATTACHING },
	{ "attached", VOLUME_ATTACHED }, { "detaching", VOLUME_DETACHING },
};

static enum volume_state state_of(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(volume_words); i++)
		if (!strcmp(volume_words[i].word, word))
			return volume_words[i].state;
	return VOLUME_UNKNOWN;
}

static enum snapshot_state snapshot_state_of(const char *word)
{
	if (!strcmp(word, "creating"))
		return SNAPSHOT_CREATING;
	if (!strcmp(word, "available"))
		return SNAPSHOT_AVAILABLE;
	return !strcmp(word, "deleting") ? SNAPSHOT_DELETING : SNAPSHOT_ERROR;
}

/* What a parsed object owns beside the JSON that it points into. */
struct parsed {
	struct tag *tags;
	struct attachment *attachments;
	struct buf details;
	const char *consistency;
	uint32_t n_tags, n_attachments;
	bool managed, blank;
};

static void parsed_done(struct parsed *p)
{
	free(p->tags);
	free(p->attachments);
	buf_done(&p->details);
}

static int tag_order(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->key,
		      ((const struct tag *)b)->key);
}

/* Ours become marks, the others the user's tags. */
static int parse_tags(struct json_object *o, struct parsed *p, struct err *err)
{
	struct json_object *tags;
	int r = json_get_object(o, "tags", &tags, err);

	if (r < 0)
		return r;
	p->tags = calloc((size_t)json_object_object_length(tags) + 1,
			 sizeof(*p->tags));
	if (!p->tags)
		return err_oom(err);
	json_object_object_foreach(tags, key, v) {
		const char *value = v ? json_object_get_string(v) : "";

		if (!strcmp(key, MARK))
			p->managed = true;
		else if (!strcmp(key, MARK_BLANK))
			p->blank = true;
		else if (!strcmp(key, MARK_CONSISTENCY))
			p->consistency = !strcmp(value, "frozen") ? "frozen" :
					 !strcmp(value, "files") ? "files" :
					 "crash";
		else if (strncmp(key, MARK ".", strlen(MARK ".")) != 0)
			p->tags[p->n_tags++] = (struct tag){ key, value };
	}
	qsort(p->tags, p->n_tags, sizeof(*p->tags), tag_order);
	return 0;
}

static int parse_attachments(struct json_object *o, const char *here,
			     struct parsed *p, struct err *err)
{
	struct json_object *list;
	size_t len, i;
	int r = json_opt_array(o, "attachments", &list, &len, err);

	if (r < 0)
		return r;
	p->attachments = calloc(len + 1, sizeof(*p->attachments));
	if (!p->attachments)
		return err_oom(err);
	for (i = 0; i < len; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct attachment *a = &p->attachments[i];
		const char *state = NULL;

		r = json_get_string(one, "host", &a->host, err);
		if (r == 0)
			r = json_get_string(one, "state", &state, err);
		if (r == 0)
			r = json_opt_string(one, "device", NULL, &a->device,
					    err);
		if (r == 0)
			r = json_opt_bool(one, "read_only", false,
					  &a->read_only, err);
		if (r == 0)
			r = json_opt_i64(one, "since_s", 0, &a->since_s, err);
		if (r < 0)
			return err_wrap(err, "attachment %zu", i);
		a->state = state_of(state);
		a->here = here && !strcmp(a->host, here);
	}
	p->n_attachments = (uint32_t)len;
	return 0;
}

/* Attached somewhere, its state is that of the attachment to this host, or
 * else in use. */
static enum volume_state effective_state(const char *word,
					 const struct parsed *p)
{
	enum volume_state state = state_of(word);
	uint32_t i;

	if (state != VOLUME_IN_USE && state != VOLUME_AVAILABLE)
		return state;
	for (i = 0; i < p->n_attachments; i++)
		if (p->attachments[i].here)
			return p->attachments[i].state;
	return p->n_attachments ? VOLUME_IN_USE : VOLUME_AVAILABLE;
}

static int parse_source(struct json_object *o, struct volume_facts *f,
			struct err *err)
{
	const char *kind;
	int r = json_opt_string(o, "source.kind", "", &kind, err);

	if (r == 0)
		r = json_opt_string(o, "source.id", NULL, &f->source_id, err);
	if (r == 0)
		f->source = !strcmp(kind, "snapshot") ? SOURCE_SNAPSHOT :
			    !strcmp(kind, "volume") ? SOURCE_VOLUME :
			    SOURCE_NONE;
	return r;
}

static int parse_kind(struct json_object *o, struct volume_facts *f,
		      struct parsed *p, struct err *err)
{
	const char *kind = NULL;
	bool multi = false;
	int r = json_opt_string(o, "kind", "block", &kind, err);

	if (r == 0)
		r = json_opt_bool(o, "multi_writer", false, &multi, err);
	if (r < 0)
		return r;
	f->access = multi ? ACCESS_MULTI_WRITER : ACCESS_SINGLE_WRITER;
	buf_init(&p->details, 4096);
	buf_puts(&p->details, "{\"kind\":");
	buf_json_string(&p->details, kind);
	buf_putc(&p->details, '}');
	f->details = buf_str(&p->details);
	return buf_failed(&p->details) ? err_oom(err) : 0;
}

static int volume_read(struct json_object *o, const char *here,
		       struct volume_facts *f, struct parsed *p,
		       struct err *err)
{
	bool encrypted = false;
	int r = json_get_string(o, "id", &f->id, err);

	if (r == 0)
		r = json_get_string(o, "state", &f->service_state, err);
	if (r == 0)
		r = json_get_size(o, "size_bytes", &f->size_bytes, err);
	if (r == 0)
		r = json_opt_string(o, "name", NULL, &f->name, err);
	if (r == 0)
		r = json_opt_string(o, "type", NULL, &f->type, err);
	if (r == 0)
		r = json_opt_string(o, "zone", NULL, &f->zone, err);
	if (r == 0)
		r = json_opt_string(o, "region", NULL, &f->region, err);
	if (r == 0)
		r = json_opt_string(o, "token", NULL, &f->token, err);
	if (r == 0)
		r = json_opt_string(o, "error", NULL, &f->health_message, err);
	if (r == 0)
		r = json_opt_i64(o, "iops", -1, &f->iops, err);
	if (r == 0)
		r = json_opt_i64(o, "throughput_bytes_per_s", -1,
				 &f->throughput_bytes_per_s, err);
	if (r == 0)
		r = json_opt_i64(o, "created_s", 0, &f->created_at_s, err);
	if (r == 0)
		r = json_opt_bool(o, "encrypted", false, &encrypted, err);
	if (r == 0)
		r = parse_source(o, f, err);
	if (r == 0)
		r = parse_kind(o, f, p, err);
	if (r == 0)
		r = parse_tags(o, p, err);
	if (r == 0)
		r = parse_attachments(o, here, p, err);
	f->encrypted = encrypted;
	return r;
}

static int volume_give(struct json_object *o, const char *here,
		       const struct volume_sink *out, struct err *err)
{
	struct volume_facts f = { .iops = -1, .throughput_bytes_per_s = -1 };
	struct parsed p = { 0 };
	int r = volume_read(o, here, &f, &p, err);

	if (r == 0) {
		f.state = effective_state(f.service_state, &p);
		f.health = f.state == VOLUME_ERROR ? HEALTH_FAILED : HEALTH_OK;
		f.managed = p.managed;
		f.blank = p.blank;
		f.tags = p.tags;
		f.n_tags = p.n_tags;
		f.attachments = p.attachments;
		f.n_attachments = p.n_attachments;
		r = out->volume(out->arg, &f, err);
	} else {
		err_wrap(err, "volume '%s'", f.id ? f.id : "");
	}
	parsed_done(&p);
	return r;
}

static int snapshot_read(struct json_object *o, struct snapshot_facts *f,
			 struct parsed *p, struct err *err)
{
	int64_t percent = -1;
	int r = json_get_string(o, "id", &f->id, err);

	if (r == 0)
		r = json_get_string(o, "state", &f->service_state, err);
	if (r == 0)
		r = json_get_size(o, "size_bytes", &f->size_bytes, err);
	if (r == 0)
		r = json_opt_string(o, "name", NULL, &f->name, err);
	if (r == 0)
		r = json_opt_string(o, "volume", NULL, &f->volume_id, err);
	if (r == 0)
		r = json_opt_string(o, "token", NULL, &f->token, err);
	if (r == 0)
		r = json_opt_i64(o, "created_s", 0, &f->created_at_s, err);
	if (r == 0)
		r = json_opt_i64(o, "progress", -1, &percent, err);
	if (r == 0)
		r = parse_tags(o, p, err);
	f->progress_percent = percent >= 0 && percent <= 100 ? (int)percent
							     : -1;
	return r;
}

static int snapshot_give(struct json_object *o,
			 const struct volume_sink *out, struct err *err)
{
	struct snapshot_facts f = { .encrypted = -1 };
	struct parsed p = { 0 };
	int r = snapshot_read(o, &f, &p, err);

	if (r == 0) {
		f.state = snapshot_state_of(f.service_state);
		f.managed = p.managed;
		f.tags = p.tags;
		f.n_tags = p.n_tags;
		f.consistency = p.consistency ? p.consistency : "crash";
		r = out->snapshot(out->arg, &f, err);
	} else {
		err_wrap(err, "snapshot '%s'", f.id ? f.id : "");
	}
	parsed_done(&p);
	return r;
}

int sim_parse_volume(const char *text, size_t len, const char *here,
		     const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	int r = json_parse(text, len, "the answer", &o, err);

	return r < 0 ? r : volume_give(o, here, out, err);
}

int sim_parse_snapshot(const char *text, size_t len,
		       const struct volume_sink *out, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	int r = json_parse(text, len, "the answer", &o, err);

	return r < 0 ? r : snapshot_give(o, out, err);
}

static int parse_page(const char *text, size_t len, const char *key,
		      const char *here, const struct volume_sink *out,
		      struct buf *next, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct json_object *list = NULL;
	const char *more = "";
	size_t n = 0, i;
	int r = json_parse(text, len, "the listing", &o, err);

	if (r == 0)
		r = json_get_array(o, key, &list, &n, err);
	if (r == 0)
		r = json_opt_string(o, "next", "", &more, err);
	for (i = 0; r == 0 && i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		r = !strcmp(key, "volumes")
		    ? volume_give(one, here, out, err)
		    : snapshot_give(one, out, err);
	}
	if (r == 0)
		buf_puts(next, more);
	return r;
}

int sim_parse_volumes(const char *text, size_t len, const char *here,
		      const struct volume_sink *out, struct buf *next,
		      struct err *err)
{
	return parse_page(text, len, "volumes", here, out, next, err);
}

int sim_parse_snapshots(const char *text, size_t len,
			const struct volume_sink *out, struct buf *next,
			struct err *err)
{
	return parse_page(text, len, "snapshots", NULL, out, next, err);
}

/* A real disk: found by what it is promised to be known by. */
static int parse_promise(struct json_object *o, const char *serial,
			 struct attach_result *out, struct err *err)
{
	struct attach_result a = { .kind = KIND_BLOCK };
	const char *by_id = NULL;
	int r = json_opt_string(o, "disk.by_id", NULL, &by_id, err);

	if (r < 0)
		return r;
	if (!*serial)
		return err_set(err, EPROTO, "'disk.serial' in the answer is empty");
	a.device.serial = strdup(serial);
	a.device.by_id = by_id ? strdup(by_id) : NULL;
	if (!a.device.serial || (by_id && !a.device.by_id)) {
		attach_done(&a);
		return err_oom(err);
	}
	*out = a;
	return 0;
}

int sim_parse_attach(const char *text, size_t len, struct attach_result *out,
		     struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct attach_result a = { .kind = KIND_BLOCK };
	const char *kind = NULL, *directory = NULL, *serial = NULL;
	char **copy;
	int r = json_parse(text, len, "the answer", &o, err);

	if (r == 0)
		r = json_get_string(o, "disk.kind", &kind, err);
	if (r < 0)
		return r;
	r = json_opt_string(o, "disk.serial", NULL, &serial, err);
	if (r < 0)
		return r;
	if (!strcmp(kind, "block") && serial)
		return parse_promise(o, serial, out, err);
	if (!strcmp(kind, "block")) {
		r = json_get_size(o, "disk.dev", &a.device.backing_dev, err);
		if (r == 0)
			r = json_get_size(o, "disk.ino",
					  &a.device.backing_ino, err);
		if (r == 0)
			*out = a;
		return r;
	}
	r = json_get_string(o, "disk.directory", &directory, err);
	if (r < 0)
		return r;
	if (directory[0] != '/')
		return err_set(err, EPROTO, "'disk.directory' in the answer is no whole path");
	a.kind = !strcmp(kind, "share") ? KIND_SHARE : KIND_DIRECTORY;
	copy = a.kind == KIND_SHARE ? &a.source : &a.directory;
	*copy = strdup(directory);
	if (*copy && a.kind == KIND_SHARE) {
		a.fstype = strdup("bind");
		a.options = strdup("");
	}
	if (!*copy || (a.kind == KIND_SHARE && (!a.fstype || !a.options))) {
		attach_done(&a);
		return err_oom(err);
	}
	*out = a;
	return 0;
}

int sim_parse_instance(const char *text, size_t len, struct instance *out,
		       struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	const char *id = NULL, *zone = NULL, *region = NULL;
	int64_t limit = -1;
	int r = json_parse(text, len, "the answer", &o, err);

	if (r == 0)
		r = json_get_string(o, "id", &id, err);
	if (r == 0)
		r = json_opt_string(o, "zone", "", &zone, err);
	if (r == 0)
		r = json_opt_string(o, "region", "", &region, err);
	if (r == 0)
		r = json_opt_i64(o, "attach_limit", -1, &limit, err);
	if (r < 0)
		return r;
	snprintf(out->id, sizeof(out->id), "%s", id);
	snprintf(out->zone, sizeof(out->zone), "%s", zone);
	snprintf(out->region, sizeof(out->region), "%s", region);
	out->attach_limit = limit < 0 || limit > INT32_MAX ? -1 : (int)limit;
	return 0;
}

void sim_words_free(char **words)
{
	size_t i;

	for (i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

static int parse_words(struct json_object *o, const char *key, char ***out,
		       struct err *err)
{
	struct json_object *list;
	const char *word;
	char **words;
	size_t len, i;
	int r = json_get_array(o, key, &list, &len, err);

	if (r < 0)
		return r;
	words = calloc(len + 1, sizeof(*words));
	if (!words)
		return err_oom(err);
	for (i = 0; i < len; i++) {
		word = NULL;
		r = json_get_string(json_object_array_get_idx(list, i), "",
				    &word, err);
		words[i] = word ? strdup(word) : NULL;
		if (r < 0 || !words[i]) {
			sim_words_free(words);
			return r < 0 ? err_wrap(err, "%s", key) : err_oom(err);
		}
	}
	*out = words;
	return 0;
}

int sim_parse_limits(const char *text, size_t len, struct bounds *out,
		     char ***types, char ***zones, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct bounds b = { 0 };
	char **found = NULL;
	int r = json_parse(text, len, "the answer", &o, err);

	if (r == 0)
		r = json_get_size(o, "size_min_bytes", &b.size_min_bytes, err);
	if (r == 0)
		r = json_get_size(o, "size_max_bytes", &b.size_max_bytes, err);
	if (r == 0)
		r = json_get_size(o, "size_step_bytes", &b.size_step_bytes,
				  err);
	if (r == 0)
		r = json_opt_size(o, "capacity_bytes", 0, &b.total_bytes, err);
	if (r == 0)
		r = json_opt_size(o, "used_bytes", 0, &b.committed_bytes, err);
	if (r == 0)
		r = json_opt_i64(o, "quota_volumes", 0, &b.quota_volumes, err);
	if (r == 0)
		r = json_opt_i64(o, "quota_bytes", 0, &b.quota_bytes, err);
	if (r == 0)
		r = parse_words(o, "types", &found, err);
	if (r == 0)
		r = parse_words(o, "zones", zones, err);
	if (r < 0) {
		sim_words_free(found);
		return r;
	}
	*types = found;
	/* The service says 0 where it has none. */
	if (b.quota_volumes <= 0)
		b.quota_volumes = -1;
	if (b.quota_bytes <= 0)
		b.quota_bytes = -1;
	if (b.total_bytes > b.committed_bytes)
		b.available_bytes = b.total_bytes - b.committed_bytes;
	*out = b;
	return 0;
}

void sim_parse_fault(const struct http_reply *reply, struct http_fault *out)
{
	AUTO(auto_json) struct json_object *o = NULL;
	const char *code, *text;

	if (json_parse(buf_str(&reply->body), reply->body.len, "", &o,
		       NULL) < 0 ||
	    json_opt_string(o, "error.code", "", &code, NULL) < 0 ||
	    json_opt_string(o, "error.message", "", &text, NULL) < 0)
		return;
	snprintf(out->code, sizeof(out->code), "%s", code);
	snprintf(out->text, sizeof(out->text), "%s", text);
}
