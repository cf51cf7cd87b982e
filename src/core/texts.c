/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of the daemon's own files. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "core/engine_impl.h"
#include "core/host/device.h"

#define TEXT_MAX (16 * 1024 * 1024)

void engine_config_text(struct engine *e, struct buf *out)
{
	LOCK_SCOPE(&e->lock);
	config_show(e->config, out);
}

const char *engine_store_state(struct engine *e)
{
	return store_state(e->store);
}

const char *engine_host_id(struct engine *e)
{
	return e->host_id;
}

int64_t engine_started_at_s(struct engine *e)
{
	return e->started_at_s;
}

static void add_warning(char ***list, size_t *n, const char *text)
{
	char **more = realloc(*list, (*n + 2) * sizeof(*more));

	if (!more)
		return;
	*list = more;
	more[*n] = strdup(text);
	if (more[*n])
		(*n)++;
	more[*n] = NULL;
}

void engine_warnings(struct engine *e, char ***out)
{
	char text[512];
	size_t n = 0;

	*out = NULL;
	LOCK_SCOPE(&e->lock);
	for (size_t i = 0; i < e->config->n_problems; i++)
		add_warning(out, &n, e->config->problems[i]);
	if (e->store_moved_to) {
		snprintf(text, sizeof(text), "the state database was damaged; "
			 "it is kept as %s and a new one was begun: mounts and "
			 "settings of before are not known",
			 e->store_moved_to);
		add_warning(out, &n, text);
	}
	if (strcmp(store_state(e->store), "ok") != 0) {
		snprintf(text, sizeof(text), "the state database in %s is %s",
			 e->o.state_dir, store_state(e->store));
		add_warning(out, &n, text);
	}
}

/* ---- mounts and devices ---- */

static void put(struct buf *b, const char *key, const char *text)
{
	buf_printf(b, "%s\"%s\":", b->len && b->data[b->len - 1] != '{' ? ","
									: "",
		   key);
	buf_json_string(b, text);
}

static void mount_line(struct engine *e, struct service *s, struct volume *v,
		       struct buf *out)
{
	const struct volume_local *l = v->local;
	AUTO(auto_free) char *path =
		e->o.host.data_path(e->o.host.arg, s->name, v->name);

	buf_putc(out, '{');
	put(out, "service", s->name);
	put(out, "volume", v->name);
	put(out, "id", v->f.id);
	put(out, "path", path);
	put(out, "device", l->device);
	put(out, "fstype", l->fstype);
	put(out, "options", l->options);
	buf_puts(out, ",\"users\":[");
	for (size_t i = 0; i < l->n_users; i++) {
		if (i)
			buf_putc(out, ',');
		buf_json_string(out, l->users[i].name);
	}
	buf_puts(out, "]}\n");
}

/* Calls @each for every volume that is attached, or else mounted, here. */
static void each_volume(struct engine *e, bool attached_only,
			void (*each)(struct engine *e, struct service *s,
				     struct volume *v, struct buf *out),
			struct buf *out)
{
	struct service *s[64];
	unsigned after = 0;
	size_t n;

	while ((n = engine_services(e, after, s, ARRAY_SIZE(s)))) {
		for (size_t i = 0; i < n; i++) {
			struct inventory *inv = service_inventory(s[i]);
			struct volume *v;
			size_t at = 0;

			after = s[i]->number;
			while ((v = service_next_kept(s[i], inv, &at))) {
				if (attached_only ? v->local->device != NULL
						  : v->local->mounted)
					each(e, s[i], v, out);
				volume_unref(v);
			}
			inventory_unref(inv);
			service_unref(s[i]);
		}
	}
}

/* Made on a worker whenever a mount or device came or went; readers copy. */
static void swap_text(struct engine *e, char **slot, struct buf *b)
{
	char *text = buf_failed(b) ? NULL : buf_take(b), *old;

	if (!text)
		return;
	pthread_mutex_lock(&e->texts_lock);
	old = *slot;
	*slot = text;
	pthread_mutex_unlock(&e->texts_lock);
	free(old);
}

static void owner_line(struct engine *e, struct service *s, struct volume *v,
		       struct buf *out)
{
	buf_printf(out, "%s\n", v->local->device);
	buf_putc(out, '{');
	put(out, "service", s->name);
	put(out, "volume", v->name);
	put(out, "id", v->f.id);
	buf_puts(out, "}\n");
}

/* In @owners, lines of a device and then of who it is; NULL if nobody. */
static const char *find_owner(const char *owners, const char *device)
{
	size_t len = strlen(device);

	while (*owners) {
		const char *next = strchr(owners, '\n');

		if (!next)
			return NULL;
		if ((size_t)(next - owners) == len &&
		    memcmp(owners, device, len) == 0)
			return next + 1;
		owners = strchr(next + 1, '\n');
		owners = owners ? owners + 1 : "";
	}
	return NULL;
}

static void device_line(const char *line, size_t len, const char *owners,
			struct buf *out)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o = t ? json_tokener_parse_ex(t, line, len) : NULL;
	struct json_object *dev = NULL;
	const char *owner = NULL;

	json_tokener_free(t);
	if (!o)
		return;
	if (json_object_object_get_ex(o, "device", &dev))
		owner = find_owner(owners, json_object_get_string(dev));
	buf_append(out, line, len - 1);    /* without its } */
	if (owner)
		buf_printf(out, ",%.*s", (int)(strchr(owner, '\n') - owner - 1),
			   owner + 1);
	else
		buf_puts(out, ",\"service\":null,\"volume\":null,\"id\":null}");
	buf_putc(out, '\n');
	json_object_put(o);
}

static void make_devices(struct engine *e)
{
	AUTO(auto_buf) struct buf raw = BUF_INIT(TEXT_MAX);
	AUTO(auto_buf) struct buf owners = BUF_INIT(TEXT_MAX);
	AUTO(auto_buf) struct buf out = BUF_INIT(TEXT_MAX);
	struct err err = ERR_INIT;
	const char *line, *end;

	if (device_list_json(&raw, &err) < 0) {
		log_warn("%s", err.text);
		return;
	}
	each_volume(e, true, owner_line, &owners);
	for (line = buf_str(&raw); (end = strchr(line, '\n')); line = end + 1)
		if (end > line + 2)
			device_line(line, end - line, buf_str(&owners), &out);
	swap_text(e, &e->devices_text, &out);
}

static void make_mounts(struct engine *e)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(TEXT_MAX);

	each_volume(e, false, mount_line, &out);
	swap_text(e, &e->mounts_text, &out);
}

void publish_mounts(struct engine *e)
{
	make_mounts(e);
	publish(e, &(struct change){ .kind = CHANGE_DAEMON }, 1);
}

void publish_daemon(struct engine *e)
{
	make_devices(e);
	publish_mounts(e);
}

void engine_mounts_text(struct engine *e, struct buf *out)
{
	LOCK_SCOPE(&e->texts_lock);
	buf_puts(out, e->mounts_text ? e->mounts_text : "");
}

void engine_devices_text(struct engine *e, struct buf *out)
{
	LOCK_SCOPE(&e->texts_lock);
	buf_puts(out, e->devices_text ? e->devices_text : "");
}

/* ---- metrics ---- */

static void metric(struct buf *out, const char *name, const char *type,
		   const char *help)
{
	buf_printf(out, "# HELP volfs_%s %s\n# TYPE volfs_%s %s\n", name, help,
		   name, type);
}

struct gauge {
	const char *name, *help;
	size_t offset;           /* of an unsigned in struct service_counts */
};

static const struct gauge gauges[] = {
	{ "volumes", "Volumes listed.",
	  offsetof(struct service_counts, volumes) },
	{ "volumes_managed", "Volumes made or taken over by volfs.",
	  offsetof(struct service_counts, managed) },
	{ "volumes_attached", "Volumes attached to this host.",
	  offsetof(struct service_counts, attached) },
	{ "volumes_mounted", "Volumes mounted on this host.",
	  offsetof(struct service_counts, mounted) },
	{ "snapshots", "Snapshots listed.",
	  offsetof(struct service_counts, snapshots) },
	{ "jobs_running", "Jobs that run.",
	  offsetof(struct service_counts, jobs_running) },
	{ "jobs_waiting", "Jobs that wait for their turn.",
	  offsetof(struct service_counts, jobs_waiting) },
};

void engine_metrics_text(struct engine *e, struct buf *out)
{
	struct service *s[SERVICES_MAX];
	struct service_info info;
	size_t n = engine_services(e, 0, s, ARRAY_SIZE(s));

	for (size_t g = 0; g < ARRAY_SIZE(gauges); g++) {
		metric(out, gauges[g].name, "gauge", gauges[g].help);
		for (size_t i = 0; i < n; i++) {
			service_info_get(s[i], &info);
			buf_printf(out, "volfs_%s{service=\"%s\"} %u\n",
				   gauges[g].name, s[i]->name,
				   *(unsigned *)((char *)&info.counts +
						 gauges[g].offset));
			service_info_done(&info);
		}
	}
	metric(out, "service_up", "gauge", "1 if the last listing succeeded.");
	for (size_t i = 0; i < n; i++) {
		service_info_get(s[i], &info);
		buf_printf(out, "volfs_service_up{service=\"%s\"} %d\n",
			   s[i]->name, info.state == SERVICE_OK);
		service_info_done(&info);
	}
	metric(out, "driver_calls_total", "counter",
	       "Operations asked of the driver.");
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "volfs_driver_calls_total{service=\"%s\"} %u\n",
			   s[i]->name, atomic_load(&s[i]->requests));
		service_unref(s[i]);
	}
	pthread_mutex_lock(&e->jobs_lock);
	metric(out, "jobs_total", "counter", "Jobs that ended.");
	buf_printf(out, "volfs_jobs_total %llu\n", e->jobs_total);
	metric(out, "jobs_failed_total", "counter", "Jobs that failed.");
	buf_printf(out, "volfs_jobs_failed_total %llu\n", e->jobs_failed);
	pthread_mutex_unlock(&e->jobs_lock);
}

const struct core_options *engine_core_options(struct engine *e)
{
	LOCK_SCOPE(&e->lock);
	return &e->config->core;
}
