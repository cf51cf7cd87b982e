/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of volumes and snapshots read as. */
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "base/parse.h"
#include "core/provider.h"
#include "fs/show.h"

static const struct volume_local nothing_local = {
	.owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1,
	.owner_mode = (mode_t)-1, .protect = -1,
	.data_uid = (uid_t)-1, .data_gid = (gid_t)-1, .data_mode = (mode_t)-1,
};

static const struct volume_local *local_of(const struct object *o)
{
	return o->vol->local ? o->vol->local : &nothing_local;
}

/* ---- choices of the volume, else of its service ---- */

bool driver_notes(const struct object *o, unsigned notion)
{
	return service_notes(o->svc, notion);
}

enum volume_kind object_volume_kind(const struct object *o)
{
	const struct provider *p = service_provider(o->svc);

	if (!p)
		return KIND_DIRECTORY;
	return p->kind_of ? p->kind_of(&o->vol->f) : p->kind;
}

const char *volume_fstype(const struct object *o)
{
	const char *chosen = local_of(o)->fstype;
	const char *configured = service_options(o->svc)->fstype;

	return chosen ? chosen : configured ? configured : "ext4";
}

const char *volume_subpath(const struct object *o)
{
	const char *chosen = local_of(o)->subpath;
	const char *configured = service_options(o->svc)->subpath;

	return chosen ? chosen : configured ? configured : "/";
}

uid_t volume_data_uid(const struct object *o)
{
	uid_t chosen = local_of(o)->data_uid;

	return chosen != (uid_t)-1 ? chosen
				   : (uid_t)service_options(o->svc)->uid;
}

gid_t volume_data_gid(const struct object *o)
{
	gid_t chosen = local_of(o)->data_gid;

	return chosen != (gid_t)-1 ? chosen
				   : (gid_t)service_options(o->svc)->gid;
}

mode_t volume_data_mode(const struct object *o)
{
	mode_t chosen = local_of(o)->data_mode;

	return chosen != (mode_t)-1 ? chosen
				    : (mode_t)service_options(o->svc)->mode;
}

void volume_options(const struct object *o, struct buf *out)
{
	char *const *configured = service_options(o->svc)->options;

	if (local_of(o)->options) {
		buf_puts(out, local_of(o)->options);
		return;
	}
	if (!configured || !configured[0]) {
		buf_puts(out, "nodev,nosuid");
		return;
	}
	for (size_t i = 0; configured[i]; i++)
		buf_printf(out, "%s%s", i ? "," : "", configured[i]);
}

/* ---- status, in pieces ---- */

static void status_identity(const struct object *o, struct buf *b)
{
	const struct provider *p = service_provider(o->svc);
	const struct volume_facts *f = &o->vol->f;
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);

	object_path(o, NULL, &path);
	js_text(b, "service", service_name(o->svc));
	js_text(b, "driver", p ? p->name : NULL);
	js_text(b, "kind", volume_kind_name(object_volume_kind(o)));
	js_text(b, "name", o->vol->name);
	js_text(b, "path", buf_str(&path));
	js_text(b, "id", f->id);
	js_text(b, "state", volume_state_name(volume_effective_state(o->vol)));
	js_time(b, "state_since_at", o->vol->state_since_s);
	js_text(b, "service_state", f->service_state);
	js_bool(b, "attached", volume_is_attached(o->vol));
	js_bool(b, "mounted", volume_is_mounted(o->vol));
	js_bool(b, "managed", f->managed);
	js_bool(b, "protect", volume_is_protected(o->vol));
	js_time(b, "created_at", f->created_at_s);
	js_time(b, "last_used_at", local_of(o)->last_used_at_s);
}

static void status_observed(const struct object *o, struct buf *b)
{
	int64_t at_s = 0;
	bool stale = true;
	const char *reason = NULL;

	service_observed(o->svc, &at_s, &stale, &reason);
	/* What a job did since the listing, it learnt from the service too. */
	if (o->kind == OBJECT_VOLUME && o->vol->node &&
	    o->vol->node->job_at_s > at_s)
		at_s = o->vol->node->job_at_s;
	if (o->kind == OBJECT_SNAPSHOT && o->snap->f.created_at_s > at_s)
		at_s = o->snap->f.created_at_s;
	js_time_fixed(b, "observed_at", at_s);
	js_bool(b, "stale", stale);
	if (o->kind == OBJECT_VOLUME)
		js_text(b, "stale_reason", stale ? reason : NULL);
}

static void status_settings(const struct object *o, struct buf *b)
{
	const struct volume_facts *f = &o->vol->f;

	if (driver_notes(o, NOTION_SIZE))
		js_known(b, "size_bytes", f->size_bytes
						  ? (int64_t)f->size_bytes
						  : -1);
	if (driver_notes(o, NOTION_TYPE))
		js_text(b, "type", f->type);
	if (driver_notes(o, NOTION_IOPS))
		js_known(b, "iops", f->iops);
	if (driver_notes(o, NOTION_THROUGHPUT))
		js_known(b, "throughput_bytes_per_s",
			 f->throughput_bytes_per_s);
	if (driver_notes(o, NOTION_ZONE))
		js_text(b, "zone", f->zone);
	if (driver_notes(o, NOTION_REGION))
		js_text(b, "region", f->region);
	if (driver_notes(o, NOTION_ENCRYPTED)) {
		js_flag(b, "encrypted", f->encrypted);
		js_text(b, "encryption_key", f->encryption_key);
	}
	js_text(b, "access", volume_access_name(f->access));
}

static void status_source(const struct object *o, struct buf *b)
{
	static const char *const kinds[] = {
		[SOURCE_SNAPSHOT] = "snapshot", [SOURCE_VOLUME] = "volume",
		[SOURCE_IMPORT] = "import",
	};
	const struct volume_facts *f = &o->vol->f;

	js_key(b, "source");
	if (f->source == SOURCE_NONE) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '{');
	js_text(b, "kind", kinds[f->source]);
	js_text(b, "id", f->source_id);
	js_text(b, "name", f->source_name);
	buf_putc(b, '}');
}

static void attachment_put(const struct object *o, const struct attachment *a,
			   struct buf *b)
{
	const struct volume_local *l = local_of(o);
	bool here = a->here && l->attached;

	buf_putc(b, '{');
	js_text(b, "host", a->host);
	js_bool(b, "here", a->here);
	js_text(b, "state", volume_state_name(a->state));
	js_text(b, "device", here ? l->device : a->device);
	js_text(b, "serial", here ? l->device_serial : NULL);
	js_bool(b, "read_only", a->read_only);
	js_time(b, "since_at", a->since_s);
	buf_putc(b, '}');
}

static void status_attachments(const struct object *o, struct buf *b)
{
	const struct volume_facts *f = &o->vol->f;
	const struct volume_local *l = local_of(o);
	bool here = false;

	js_key(b, "attachments");
	buf_putc(b, '[');
	for (uint32_t i = 0; i < f->n_attachments; i++) {
		if (i)
			buf_putc(b, ',');
		attachment_put(o, &f->attachments[i], b);
		here |= f->attachments[i].here;
	}
	if (l->attached && !here) {
		/* A service that keeps no list, or not yet a new one. */
		struct attachment a = {
			.host = engine_host_id(o->fs->engine), .here = true,
			.state = VOLUME_ATTACHED,
			.read_only = l->attached_read_only,
			.since_s = l->attached_at_s,
		};

		if (f->n_attachments)
			buf_putc(b, ',');
		attachment_put(o, &a, b);
	}
	buf_putc(b, ']');
}

static void users_put(const struct volume_local *l, struct buf *b)
{
	buf_putc(b, '[');
	for (size_t i = 0; i < l->n_users; i++) {
		buf_puts(b, i ? ",{" : "{");
		js_text(b, "name", l->users[i].name);
		js_time(b, "since_at", l->users[i].since_s);
		js_bool(b, "read_only", l->users[i].read_only);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void options_put(const char *options, bool read_only, struct buf *b)
{
	const char *p = options ? options : "";

	buf_printf(b, "[\"%s\"", read_only ? "ro" : "rw");
	while (*p) {
		size_t n = strcspn(p, ",");
		AUTO(auto_free) char *word = strndup(p, n);

		if (word && n && strcmp(word, "rw") && strcmp(word, "ro")) {
			buf_putc(b, ',');
			buf_json_string(b, word);
		}
		p += n + (p[n] == ',');
	}
	buf_putc(b, ']');
}

static void status_mount(const struct object *o, struct buf *b)
{
	const struct volume_local *l = local_of(o);
	AUTO(auto_buf) struct buf text = BUF_INIT(8192);

	js_key(b, "mount");
	if (!l->mounted) {
		buf_puts(b, "null");
		return;
	}
	object_path(o, "data", &text);
	buf_putc(b, '{');
	js_text(b, "path", buf_str(&text));
	js_text(b, "fstype", l->fstype);
	buf_reset(&text);
	volume_options(o, &text);
	js_key(b, "options");
	options_put(buf_str(&text), l->mount_read_only, b);
	js_text(b, "subpath", volume_subpath(o));
	js_number(b, "uid", volume_data_uid(o));
	js_number(b, "gid", volume_data_gid(o));
	js_mode(b, "mode", volume_data_mode(o));
	js_bool(b, "read_only", l->mount_read_only);
	js_key(b, "users");
	users_put(l, b);
	buf_putc(b, '}');
}

static void status_usage(const struct object *o, struct buf *b)
{
	const struct volume_local *l = local_of(o);

	js_key(b, "usage");
	if (!l->usage_known) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '{');
	js_text(b, "scope", l->usage_scope);
	js_number(b, "total_bytes", (int64_t)l->total_bytes);
	js_number(b, "used_bytes", (int64_t)l->used_bytes);
	js_number(b, "available_bytes", (int64_t)l->available_bytes);
	js_number(b, "total_inodes", (int64_t)l->total_inodes);
	js_number(b, "used_inodes", (int64_t)l->used_inodes);
	js_time_fixed(b, "observed_at", l->usage_at_s);
	buf_putc(b, '}');
}

static void status_health(const struct object *o, struct buf *b)
{
	const struct volume_facts *f = &o->vol->f;
	enum volume_health h = f->health;
	const char *message = f->health_message;

	if (volume_effective_state(o->vol) == VOLUME_LOST) {
		h = HEALTH_FAILED;
		message = "the service no longer has it: what is mounted stays "
			  "until it is unmounted, and a line in 'forget' takes "
			  "it out of the tree";
	}
	if (local_of(o)->went_read_only && h != HEALTH_FAILED) {
		h = HEALTH_FAILED;
		message = "the kernel made the file system read-only after an "
			  "error";
	}
	if (local_of(o)->share_lost) {
		h = HEALTH_FAILED;
		message = local_of(o)->share_lost;
	}
	if (local_of(o)->device_lost) {
		h = HEALTH_FAILED;
		message = local_of(o)->device_lost;
	}
	js_key(b, "health");
	buf_putc(b, '{');
	js_text(b, "condition", volume_health_name(h));
	js_text(b, "message", message ? message : "");
	buf_putc(b, '}');
}

#define SNAPSHOT_BATCH 32

static void status_snapshots(const struct object *o, struct buf *b)
{
	const struct provider *p = service_provider(o->svc);
	struct snapshot *s[SNAPSHOT_BATCH], *latest = NULL;
	uint64_t after = 0, count = 0;
	size_t n;

	if (!p || !p->snapshot)
		return;
	while ((n = service_snapshots_of(o->svc, o->serial, after, s,
					 SNAPSHOT_BATCH)) > 0) {
		count += n;
		after = s[n - 1]->serial;
		for (size_t i = 0; i < n; i++) {
			if (!latest || s[i]->f.created_at_s >=
				       latest->f.created_at_s) {
				snapshot_unref(latest);
				latest = snapshot_ref(s[i]);
			}
			snapshot_unref(s[i]);
		}
		if (n < SNAPSHOT_BATCH)
			break;
	}
	js_key(b, "snapshots");
	buf_putc(b, '{');
	js_number(b, "count", (int64_t)count);
	js_text(b, "latest", latest ? latest->name : NULL);
	js_time(b, "latest_at", latest ? latest->f.created_at_s : 0);
	buf_putc(b, '}');
	snapshot_unref(latest);
}

void show_volume_status(const struct object *o, struct buf *out)
{
	const struct volume_facts *f = &o->vol->f;

	js_begin(out);
	status_identity(o, out);
	status_observed(o, out);
	status_settings(o, out);
	status_source(o, out);
	status_attachments(o, out);
	status_mount(o, out);
	status_usage(o, out);
	status_health(o, out);
	status_snapshots(o, out);
	if (driver_notes(o, NOTION_TAGS))
		js_tags(out, f->tags, f->n_tags);
	js_job_view(out, o->vol->job);
	js_fault(out, &local_of(o)->fault);
	js_key(out, "details");
	buf_puts(out, f->details && f->details[0] == '{' ? f->details : "{}");
	js_end(out);
}

/* ---- other files of a volume ---- */

void show_fault(const struct fault *f, struct buf *out)
{
	if (f && f->at_s)
		buf_printf(out, "%s: %s\n", err_name(f->err.num), f->err.text);
}

void show_volume_users(const struct object *o, struct buf *out)
{
	const struct volume_local *l = local_of(o);

	for (size_t i = 0; i < l->n_users; i++) {
		buf_putc(out, '{');
		js_text(out, "name", l->users[i].name);
		js_time(out, "since_at", l->users[i].since_s);
		js_bool(out, "read_only", l->users[i].read_only);
		buf_puts(out, "}\n");
	}
}

void show_volume_tags(const struct object *o, struct buf *out)
{
	char text[4096];

	for (uint32_t i = 0; i < o->vol->f.n_tags; i++) {
		const struct tag *t = &o->vol->f.tags[i];

		/* As names are; '=' stands between the two. */
		if (name_escape(t->key, strlen(t->key), text,
				sizeof(text)) < 0)
			continue;
		buf_printf(out, "%s=", text);
		if (name_escape(t->value, strlen(t->value), text,
				sizeof(text)) >= 0)
			buf_puts(out, text);
		buf_putc(out, '\n');
	}
}

void show_volume_jobs(const struct object *o, struct buf *out)
{
	engine_volume_jobs(o->fs->engine, o->svc, o->serial, out);
}

/* The id on the last line of `jobs`, 0 if there is none. */
static uint64_t last_job(const struct object *o)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(65536);
	const char *line;
	uint64_t id = 0;

	engine_volume_jobs(o->fs->engine, o->svc, o->serial, &text);
	if (buf_failed(&text) || text.len < 2)
		return 0;
	line = memrchr(text.data, '\n', text.len - 1);
	line = line ? line + 1 : text.data;
	parse_u64(line, strcspn(line, " \n"), &id, NULL);
	return id;
}

void show_volume_job(const struct object *o, struct buf *out)
{
	uint64_t id = o->vol->job ? o->vol->job->id : last_job(o);
	struct object job = { .fs = o->fs, .kind = OBJECT_JOB, .serial = id };

	if (!id || engine_job(o->fs->engine, id, &job.job) < 0)
		return;
	show_job_status(&job, out);
	object_done(&job);
}

/* ---- snapshots ---- */

void show_snapshot_status(const struct object *o, struct buf *out)
{
	const struct snapshot_facts *f = &o->snap->f;
	const struct provider *p = service_provider(o->svc);
	struct volume *v = o->snap->volume_serial ?
		service_volume(o->svc, o->snap->volume_serial) : NULL;

	js_begin(out);
	js_text(out, "service", service_name(o->svc));
	js_text(out, "driver", p ? p->name : NULL);
	js_text(out, "name", o->snap->name);
	js_text(out, "volume", v ? v->name : NULL);
	js_text(out, "volume_id", v && v->f.id ? v->f.id : f->volume_id);
	volume_unref(v);
	js_text(out, "id", f->id);
	js_text(out, "state", snapshot_state_name(f->state));
	js_known(out, "progress_percent", f->progress_percent);
	if (driver_notes(o, NOTION_SIZE))
		js_known(out, "size_bytes", f->size_bytes
						    ? (int64_t)f->size_bytes
						    : -1);
	js_time(out, "created_at", f->created_at_s);
	js_bool(out, "scheduled", f->scheduled);
	js_bool(out, "protect", o->snap->protect);
	if (driver_notes(o, NOTION_ENCRYPTED))
		js_flag(out, "encrypted", f->encrypted);
	js_text(out, "consistency", f->consistency);
	js_text(out, "description", f->description);
	if (driver_notes(o, NOTION_TAGS))
		js_tags(out, f->tags, f->n_tags);
	status_observed(o, out);
	js_job_view(out, o->snap->job);
	js_fault(out, o->snap->fault);
	js_end(out);
}
