/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure half of the btrfs driver: records, requests and replies are JSON,
 * and here it becomes facts. No system call, no session.
 */
#include "providers/btrfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/parse.h"

/* Texts of any bytes: file names need not be UTF-8. */
int btrfs_json(const char *text, size_t len, const char *what,
	       struct json_object **out, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	int r = json_parse_bytes(text, len, what, &o, err);

	if (r < 0)
		return r;
	if (!json_object_is_type(o, json_type_object))
		return err_set(err, EPROTO, "%s is no JSON object", what);
	*out = STEAL(o);
	return 0;
}

bool btrfs_id_is_sound(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= BTRFS_ID_MAX &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

int btrfs_name_check(const char *name, struct err *err)
{
	char legal[NAME_BYTES_MAX + 1], shown[NAME_BYTES_MAX + 1];
	char quoted[120];
	size_t i, len = strlen(name);

	for (i = 0; i < len && i < NAME_BYTES_MAX; i++)
		legal[i] = name[i] == '/' ? '-' : name[i];
	legal[i] = '\0';
	if (*legal == '.')
		*legal = '_';
	if (len > 0 && !strcmp(name, legal))
		return 0;
	/* As the tree would write it. */
	if (name_escape(legal, i, shown, sizeof(shown)) < 0)
		snprintf(shown, sizeof(shown), "volume");
	return err_set(err, EINVAL, "name '%s': a subvolume's name has 1 to %d bytes, no '/', and no dot in front: '%s' would do",
		       quote_for_error(quoted, sizeof(quoted), name, len),
		       NAME_BYTES_MAX, shown);
}

/* ---- objects ---- */

static const char *const source_names[] = {
	[SOURCE_NONE] = "none", [SOURCE_SNAPSHOT] = "snapshot",
	[SOURCE_VOLUME] = "volume", [SOURCE_IMPORT] = "import",
};

static int source_parse(const char *word, enum source_kind *out,
			struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(source_names); i++)
		if (!strcmp(source_names[i], word)) {
			*out = (enum source_kind)i;
			return 0;
		}
	return err_set(err, EPROTO, "its source is '%.40s', which is none of snapshot, volume and import",
		       word);
}

static int tag_order(const void *a, const void *b)
{
	return strcmp(((const struct tag *)a)->key,
		      ((const struct tag *)b)->key);
}

static int tags_parse(struct json_object *o, struct btrfs_volume *v,
		      struct err *err)
{
	struct json_object *tags = json_find(o, "tags");
	uint32_t n = 0;

	if (!tags)
		return 0;
	if (!json_object_is_type(tags, json_type_object))
		return err_set(err, EPROTO, "its tags are no JSON object");
	v->tags = calloc((size_t)json_object_object_length(tags) + 1,
			 sizeof(*v->tags));
	if (!v->tags)
		return err_oom(err);
	json_object_object_foreach(tags, key, value) {
		if (!json_object_is_type(value, json_type_string))
			return err_set(err, EPROTO, "a tag of it is no text");
		v->tags[n++] = (struct tag){ key,
					     json_object_get_string(value) };
	}
	qsort(v->tags, n, sizeof(*v->tags), tag_order);
	v->f.tags = v->tags;
	v->f.n_tags = n;
	return 0;
}

static int id_parse(struct json_object *o, const char **id, struct err *err)
{
	if (json_get_string(o, "id", id, err) < 0)
		return -err->num;
	return btrfs_id_is_sound(*id) ? 0
				      : err_set(err, EPROTO, "its id is '%.80s', which has other bytes than letters, digits and '-'",
						*id);
}

/* What a record has, which is also in every reply. */
static int record_parse(struct json_object *o, struct btrfs_volume *v,
			struct err *err)
{
	struct volume_facts *f = &v->f;
	const char *source;

	if (id_parse(o, &f->id, err) < 0 ||
	    json_opt_string(o, "token", NULL, &f->token, err) < 0 ||
	    json_opt_i64(o, "created_at_s", 0, &f->created_at_s, err) < 0 ||
	    json_opt_bool(o, "managed", false, &f->managed, err) < 0 ||
	    json_opt_bool(o, "blank", false, &f->blank, err) < 0 ||
	    json_opt_string(o, "source", "none", &source, err) < 0 ||
	    json_opt_string(o, "source_id", NULL, &f->source_id, err) < 0 ||
	    json_opt_string(o, "source_name", NULL, &f->source_name, err) < 0 ||
	    source_parse(source, &f->source, err) < 0)
		return -err->num;
	return tags_parse(o, v, err);
}

int btrfs_record_check(struct json_object *o, struct err *err)
{
	struct btrfs_volume v = { 0 };
	const char *text;
	uint64_t number;
	int r = record_parse(o, &v, err);

	if (r == 0 && (json_get_string(o, "uuid", &text, err) < 0 ||
		       json_opt_string(o, "next_uuid", NULL, &text, err) < 0 ||
		       json_opt_string(o, "dir", NULL, &text, err) < 0 ||
		       json_opt_string(o, "entry", NULL, &text, err) < 0 ||
		       json_opt_string(o, "volume", NULL, &text, err) < 0 ||
		       json_opt_size(o, "number", 0, &number, err) < 0 ||
		       json_opt_size(o, "next_number", 0, &number, err) < 0 ||
		       json_opt_size(o, "size_bytes", 0, &number, err) < 0))
		r = -err->num;
	btrfs_volume_done(&v);
	return r;
}

void btrfs_volume_done(struct btrfs_volume *v)
{
	free(v->tags);
	v->tags = NULL;
}

static void state_of(struct btrfs_volume *v, const char *damaged,
		     bool read_only, bool inconsistent)
{
	struct volume_facts *f = &v->f;

	f->state = damaged ? VOLUME_ERROR : VOLUME_AVAILABLE;
	f->service_state = damaged ? "damaged" : read_only ? "read-only"
							   : "there";
	f->access = read_only ? ACCESS_READ_ONLY_MANY : ACCESS_MULTI_WRITER;
	f->health = damaged	   ? HEALTH_FAILED
		    : inconsistent ? HEALTH_DEGRADED : HEALTH_OK;
	if (damaged)
		snprintf(v->message, sizeof(v->message), "%s", damaged);
	else if (inconsistent)
		snprintf(v->message, sizeof(v->message), "btrfs says that its quota counts are inconsistent, so size and usage may be wrong: 'btrfs quota rescan' mends them");
	f->health_message = *v->message ? v->message : NULL;
}

int btrfs_volume_parse(struct json_object *o, struct btrfs_volume *v,
		       struct err *err)
{
	AUTO(auto_buf) struct buf details = BUF_INIT(sizeof(v->details) - 1);
	struct volume_facts *f = &v->f;
	const char *uuid, *quota, *damaged;
	bool read_only, inconsistent;
	uint64_t number;

	*v = (struct btrfs_volume){ .f = { .iops = -1, .encrypted = -1,
					   .throughput_bytes_per_s = -1 } };
	if (record_parse(o, v, err) < 0 ||
	    json_opt_string(o, "name", NULL, &f->name, err) < 0 ||
	    json_opt_size(o, "limit_bytes", 0, &f->size_bytes, err) < 0 ||
	    json_opt_string(o, "uuid", NULL, &uuid, err) < 0 ||
	    json_opt_size(o, "number", 0, &number, err) < 0 ||
	    json_opt_string(o, "quota", NULL, &quota, err) < 0 ||
	    json_opt_string(o, "damaged", NULL, &damaged, err) < 0 ||
	    json_opt_bool(o, "read_only", false, &read_only, err) < 0 ||
	    json_opt_bool(o, "inconsistent", false, &inconsistent, err) < 0) {
		btrfs_volume_done(v);
		return -err->num;
	}
	state_of(v, damaged, read_only, inconsistent);
	if (uuid && number) {
		buf_printf(&details, "{\"subvolume\":%" PRIu64 ",\"uuid\":",
			   number);
		buf_json_string(&details, uuid);
		buf_puts(&details, ",\"quota\":");
		buf_json_string(&details, quota ? quota : "off");
		buf_putc(&details, '}');
	}
	if (details.len && !buf_failed(&details)) {
		snprintf(v->details, sizeof(v->details), "%s",
			 buf_str(&details));
		f->details = v->details;
	}
	return 0;
}

int btrfs_snapshot_parse(struct json_object *o, struct snapshot_facts *f,
			 struct err *err)
{
	*f = (struct snapshot_facts){
		.state = SNAPSHOT_AVAILABLE, .service_state = "there",
		.progress_percent = 100, .encrypted = -1,
		/* The kernel writes out what the volume's files still have in
		 * memory and copies its tree at one point in time; nothing
		 * stops who writes meanwhile. */
		.consistency = "crash",
	};
	if (id_parse(o, &f->id, err) < 0 ||
	    json_get_string(o, "name", &f->name, err) < 0 ||
	    json_opt_string(o, "volume", NULL, &f->volume_id, err) < 0 ||
	    json_opt_string(o, "token", NULL, &f->token, err) < 0 ||
	    json_opt_size(o, "size_bytes", 0, &f->size_bytes, err) < 0 ||
	    json_opt_i64(o, "created_at_s", 0, &f->created_at_s, err) < 0 ||
	    json_opt_bool(o, "managed", false, &f->managed, err) < 0)
		return -err->num;
	return 0;
}

/* ---- replies ---- */

static int emit_volumes(struct json_object *reply,
			const struct volume_sink *out, struct err *err)
{
	struct json_object *list;
	struct btrfs_volume v;
	size_t i, n;
	int r = json_opt_array(reply, "volumes", &list, &n, err);

	for (i = 0; r == 0 && i < n; i++) {
		r = btrfs_volume_parse(json_object_array_get_idx(list, i), &v,
				       err);
		if (r < 0)
			return err_wrap(err, "what the helper says of a volume");
		r = out->volume(out->arg, &v.f, err);
		btrfs_volume_done(&v);
	}
	return r;
}

static int emit_snapshots(struct json_object *reply,
			  const struct volume_sink *out, struct err *err)
{
	struct json_object *list;
	struct snapshot_facts s;
	size_t i, n;
	int r = json_opt_array(reply, "snapshots", &list, &n, err);

	for (i = 0; r == 0 && i < n; i++) {
		r = btrfs_snapshot_parse(json_object_array_get_idx(list, i),
					 &s, err);
		if (r < 0)
			return err_wrap(err, "what the helper says of a snapshot");
		r = out->snapshot(out->arg, &s, err);
	}
	return r;
}

int btrfs_reply_emit(struct json_object *reply, const struct volume_sink *out,
		     struct err *err)
{
	int r = emit_volumes(reply, out, err);

	return r < 0 ? r : emit_snapshots(reply, out, err);
}
