/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of services, jobs and the daemon itself read as. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/provider.h"
#include "fs/show.h"

static void strings_put(struct buf *b, const char *key,
			const char *const *words)
{
	js_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; words && words[i]; i++) {
		if (i)
			buf_putc(b, ',');
		buf_json_string(b, words[i]);
	}
	buf_putc(b, ']');
}

static void status_instance(const struct instance *i,
			    const struct service_counts *c, struct buf *b)
{
	js_key(b, "instance");
	buf_putc(b, '{');
	js_text(b, "id", i->id[0] ? i->id : NULL);
	js_text(b, "zone", i->zone[0] ? i->zone : NULL);
	js_text(b, "region", i->region[0] ? i->region : NULL);
	js_known(b, "attach_limit", i->attach_limit);
	js_number(b, "attached", c->attached);
	buf_putc(b, '}');
}

static void status_counts(const struct service_counts *c, struct buf *b)
{
	js_key(b, "counts");
	buf_putc(b, '{');
	js_number(b, "volumes", c->volumes);
	js_number(b, "managed", c->managed);
	js_number(b, "attached", c->attached);
	js_number(b, "mounted", c->mounted);
	js_number(b, "snapshots", c->snapshots);
	js_number(b, "jobs_running", c->jobs_running);
	js_number(b, "jobs_waiting", c->jobs_waiting);
	buf_putc(b, '}');
}

static void status_capabilities(const struct provider *p, struct buf *b)
{
	bool any = false;

	js_key(b, "capabilities");
	buf_putc(b, '[');
	for (size_t i = 0; p && verbs[i]; i++) {
		if (verbs[i]->target == TARGET_DAEMON ||
		    (verbs[i]->can && !verbs[i]->can(p)))
			continue;
		if (any)
			buf_putc(b, ',');
		buf_json_string(b, verbs[i]->name);
		any = true;
	}
	buf_putc(b, ']');
}

static void status_capacity(const struct bounds *n, struct buf *b)
{
	bool known = n->total_bytes > 0;

	js_key(b, "capacity");
	buf_putc(b, '{');
	js_known(b, "total_bytes", known ? (int64_t)n->total_bytes : -1);
	/* Free space moves on its own: of a fixed width. */
	js_key(b, "available_bytes");
	if (known)
		buf_printf(b, "%19llu", (unsigned long long)n->available_bytes);
	else
		buf_printf(b, "%19s", "null");
	js_key(b, "committed_bytes");
	if (known)
		buf_printf(b, "%19llu", (unsigned long long)n->committed_bytes);
	else
		buf_printf(b, "%19s", "null");
	buf_putc(b, '}');
	js_key(b, "quota");
	buf_putc(b, '{');
	js_known(b, "volumes", n->quota_volumes);
	js_known(b, "bytes", n->quota_bytes);
	buf_putc(b, '}');
}

static void status_bounds(const struct bounds *n, struct buf *b)
{
	js_key(b, "bounds");
	buf_putc(b, '{');
	js_number(b, "size_min_bytes", (int64_t)n->size_min_bytes);
	js_known(b, "size_max_bytes",
		 n->size_max_bytes ? (int64_t)n->size_max_bytes : -1);
	js_number(b, "size_step_bytes",
		  n->size_step_bytes ? (int64_t)n->size_step_bytes : 1);
	/* No list: the service takes any, or has no such notion. */
	if (n->types)
		strings_put(b, "types", n->types);
	else
		js_text(b, "types", NULL);
	if (n->zones)
		strings_put(b, "zones", n->zones);
	else
		js_text(b, "zones", NULL);
	js_text(b, "name_rule", n->name_rule);
	buf_putc(b, '}');
}

void show_service_status(const struct object *o, struct buf *out)
{
	const struct provider *p = service_provider(o->svc);
	const struct service_options *c = service_options(o->svc);
	struct service_info i;

	service_info_get(o->svc, &i);
	js_begin(out);
	js_text(out, "service", service_name(o->svc));
	js_text(out, "driver", p ? p->name : NULL);
	js_text(out, "state", service_state_name(i.state));
	js_time_fixed(out, "observed_at", i.observed_at_s);
	js_bool(out, "stale", i.stale);
	js_text(out, "stale_reason", i.stale ? i.stale_reason : NULL);
	js_number(out, "refresh_s", (int64_t)(i.refresh_ms / 1000));
	js_number_fixed(out, "latency_ms", i.latency_ms);
	status_instance(&i.instance, &i.counts, out);
	status_counts(&i.counts, out);
	status_capacity(&i.bounds, out);
	status_capabilities(p, out);
	status_bounds(&i.bounds, out);
	js_key(out, "requests");
	buf_putc(out, '{');
	js_known(out, "budget_per_s", c->requests_per_s ?
		 (int64_t)c->requests_per_s : -1);
	js_time_fixed(out, "throttled_until_at", i.throttled_until_s);
	buf_putc(out, '}');
	strings_put(out, "warnings", (const char *const *)i.warnings);
	js_fault(out, &i.fault);
	js_end(out);
	service_info_done(&i);
}

/* ---- jobs ---- */

void show_job_status(const struct object *o, struct buf *out)
{
	const struct job_info *j = &o->job;
	bool finished = j->finished_at_s != 0;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)j->id);
	js_begin(out);
	js_text(out, "id", id);
	js_text(out, "verb", j->verb);
	js_text(out, "state", j->state);
	js_text(out, "step", j->step && *j->step ? j->step : NULL);
	js_known(out, "progress_percent", j->percent);
	js_time(out, "started_at", j->started_at_s);
	js_time(out, "deadline_at", j->deadline_at_s);
	js_number(out, "uid", j->uid);
	js_text(out, "service", j->service && *j->service ? j->service
							: NULL);
	js_text(out, "volume", j->volume && *j->volume ? j->volume : NULL);
	js_text(out, "line", j->line);
	js_time(out, "submitted_at", j->submitted_at_s);
	js_time(out, "finished_at", j->finished_at_s);
	js_number(out, "gid", j->gid);
	js_number(out, "pid", j->pid);
	js_text(out, "errno", finished || j->err.num ? err_name(j->err.num)
						     : NULL);
	js_text(out, "code", j->err.code[0] ? j->err.code : NULL);
	js_text(out, "message", j->err.num ? j->err.text : "");
	js_end(out);
}

/* ---- the daemon ---- */

unsigned count_services(struct engine *e)
{
	struct service *s[32];
	unsigned count = 0, after = 0;
	size_t n;

	while ((n = engine_services(e, after, s, ARRAY_SIZE(s))) > 0) {
		count += (unsigned)n;
		after = service_number(s[n - 1]);
		for (size_t i = 0; i < n; i++)
			service_unref(s[i]);
	}
	return count;
}

static void status_host(struct engine *e, struct buf *out)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	js_key(out, "host");
	buf_putc(out, '{');
	js_text(out, "id", engine_host_id(e));
	js_text(out, "name", name);
	buf_putc(out, '}');
}

void show_daemon_status(const struct object *o, struct buf *out)
{
	struct engine *e = o->fs->engine;
	char **warnings = NULL;

	js_begin(out);
	js_text(out, "version", o->fs->version);
	js_number(out, "pid", getpid());
	js_time(out, "started_at", engine_started_at_s(e));
	js_number_fixed(out, "uptime_s",
			clock_unix_s() - engine_started_at_s(e));
	js_number(out, "takeovers", 0);
	status_host(e, out);
	js_number(out, "services", count_services(e));
	js_key(out, "store");
	buf_putc(out, '{');
	js_text(out, "kind", "sqlite");
	js_text(out, "state", engine_store_state(e));
	buf_putc(out, '}');
	js_key(out, "cluster");
	buf_puts(out, "{\"members\":1,\"leader\":true}");
	engine_warnings(e, &warnings);
	strings_put(out, "warnings", (const char *const *)warnings);
	for (size_t i = 0; warnings && warnings[i]; i++)
		free(warnings[i]);
	free(warnings);
	js_end(out);
}
