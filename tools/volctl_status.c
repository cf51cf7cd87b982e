/* SPDX-License-Identifier: Apache-2.0 */
/* status: one thing of the tree, for a tired person. */

#include "tools/volctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* "  label       text", nothing when there is no text. */
static void line(const char *label, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void line(const char *label, const char *fmt, ...)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (!text.len)
		return;
	show_safe(&safe, buf_str(&text));
	printf("  %-12s %s\n", label, buf_str(&safe));
}

static void line_yes(const char *label, struct json_object *o, const char *key)
{
	if (js_get(o, key))
		line(label, "%s", js_bool(o, key) ? "yes" : "no");
}

static void heading(const struct ctl *ctl, const char *name, const char *state,
		    const char *more)
{
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	show_safe(&safe, *state ? state : "state not known");
	printf("%s  %s%s%s%s\n", name, show_color(ctl, state), buf_str(&safe),
	       show_color_end(ctl), more);
}

/* ---- what several of them have ---- */

static void show_job(struct json_object *o)
{
	struct job_info job;
	char percent[16] = "";

	if (!job_from_json(js_get(o, "job"), &job) || job.finished)
		return;
	if (job.percent >= 0)
		snprintf(percent, sizeof(percent), ", %d%%", job.percent);
	line("job", "%s: %s, %s%s%s%s since %s", job.id, job.verb, job.state,
	     *job.step ? ", " : "", job.step, percent, job.started_at);
}

static void show_error(struct json_object *o)
{
	struct json_object *error = js_get(o, "error");

	if (json_object_is_type(error, json_type_string)) {
		line("last error", "%s", js_str(o, "error"));
	} else if (error) {
		line("last error", "%s (%s)", js_str(o, "error.message"),
		     js_str(o, "error.errno"));
		line("", "at %s%s%s%s%s", js_str(o, "error.at"),
		     *js_str(o, "error.verb") ? " during " : "",
		     js_str(o, "error.verb"),
		     *js_str(o, "error.job") ? ", job " : "",
		     js_str(o, "error.job"));
	}
}

static void show_observed(struct json_object *o)
{
	line("observed", "%s%s%s%s", js_str(o, "observed_at"),
	     js_bool(o, "stale") ? ", stale" : "",
	     js_bool(o, "stale") && *js_str(o, "stale_reason") ? ": " : "",
	     js_bool(o, "stale") ? js_str(o, "stale_reason") : "");
}

static void show_warnings(struct json_object *o)
{
	struct json_object *warnings = js_get(o, "warnings");

	if (!json_object_is_type(warnings, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(warnings); i++)
		line(i ? "" : "warnings", "%s", json_object_get_string(
			     json_object_array_get_idx(warnings, i)));
}

/* ["a","b"] as "a, b" or, of objects, the strings of their @key. */
static void join(struct buf *out, struct json_object *array, const char *key)
{
	if (!json_object_is_type(array, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		const char *text = key ? js_str(item, key)
				       : json_object_get_string(item);

		buf_printf(out, "%s%s", out->len ? ", " : "",
			   text ? text : "");
	}
}

/* ---- a volume ---- */

static void show_sizes(const struct ctl *ctl, struct json_object *o)
{
	int64_t size = js_int(o, "size_bytes", -1);
	int64_t total = js_int(o, "usage.total_bytes", -1);
	int64_t used = js_int(o, "usage.used_bytes", -1);
	char text[FORMAT_MAX];

	if (size >= 0)
		line("size", "%s", show_size(ctl, size, text));
	if (total > 0 && used >= 0) {
		char more[FORMAT_MAX];

		line("used", "%s of %s (%d%%)%s", show_size(ctl, used, text),
		     show_size(ctl, total, more),
		     (int)((double)used * 100 / (double)total + 0.5),
		     strcmp(js_str(o, "usage.scope"), "share") == 0 ?
			     ", of all of its share" : "");
	}
}

static void show_performance(const struct ctl *ctl, struct json_object *o)
{
	int64_t throughput = js_int(o, "throughput_bytes_per_s", -1);
	char text[FORMAT_MAX];

	line("type", "%s", js_str(o, "type"));
	line("iops", "%s", js_str(o, "iops"));
	if (throughput >= 0)
		line("throughput", "%s/s", show_size(ctl, throughput, text));
	line("zone", "%s", js_str(o, "zone"));
	line_yes("encrypted", o, "encrypted");
}

static void show_mount(struct json_object *o)
{
	AUTO(auto_buf) struct buf options = BUF_INIT(4096);
	AUTO(auto_buf) struct buf users = BUF_INIT(65536);

	if (!js_get(o, "mount"))
		return;
	join(&options, js_get(o, "mount.options"), NULL);
	join(&users, js_get(o, "mount.users"), "name");
	line("data", "%s", js_str(o, "mount.path"));
	line("mounted", "%s%s%s", js_str(o, "mount.fstype"),
	     options.len ? ": " : "", buf_str(&options));
	line("users", "%s", buf_str(&users));
}

static void show_attachments(struct json_object *o)
{
	struct json_object *all = js_get(o, "attachments");

	if (!json_object_is_type(all, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *a = json_object_array_get_idx(all, i);

		line(i ? "" : "attached to", "%s%s%s%s%s%s", js_str(a, "host"),
		     js_bool(a, "here") ? " (this host)" : "",
		     *js_str(a, "device") ? ", " : "", js_str(a, "device"),
		     *js_str(a, "state") ? ", " : "", js_str(a, "state"));
	}
}

static void show_tags(struct json_object *o)
{
	struct json_object *tags = js_get(o, "tags");
	const char *label = "tags";

	if (!json_object_is_type(tags, json_type_object))
		return;
	json_object_object_foreach(tags, key, value) {
		const char *text = value ? json_object_get_string(value) : "";

		line(label, "%s=%s", key, text ? text : "");
		label = "";
	}
}

static void show_volume(const struct ctl *ctl, const char *shown,
			struct json_object *o)
{
	const char *health = js_str(o, "health.condition");
	int64_t snapshots = js_int(o, "snapshots.count", -1);

	heading(ctl, shown, js_str(o, "state"),
		js_bool(o, "mounted") ? ", mounted" : "");
	line("driver", "%s%s%s", js_str(o, "driver"),
	     *js_str(o, "kind") ? ", " : "", js_str(o, "kind"));
	line("id", "%s", js_str(o, "id"));
	show_sizes(ctl, o);
	show_mount(o);
	show_attachments(o);
	show_performance(ctl, o);
	if (snapshots > 0)
		line("snapshots", "%" PRId64 ", the latest '%s' of %s",
		     snapshots, js_str(o, "snapshots.latest"),
		     js_str(o, "snapshots.latest_at"));
	if (js_get(o, "protect"))
		line("protected", "%s", js_bool(o, "protect")
		     ? "yes: removing it needs --yes" : "no: it is blank");
	if (js_get(o, "managed") && !js_bool(o, "managed"))
		line("managed", "no: 'volctl import' takes it over");
	show_tags(o);
	if (*health && strcmp(health, "ok"))
		line("health", "%s: %s", health, js_str(o, "health.message"));
	show_job(o);
	show_error(o);
	line("created", "%s", js_str(o, "created_at"));
	show_observed(o);
}

static void show_snapshot(const struct ctl *ctl, const char *shown,
			  struct json_object *o)
{
	int64_t percent = js_int(o, "progress_percent", -1);
	char text[FORMAT_MAX];

	heading(ctl, shown, js_str(o, "state"), "");
	line("id", "%s", js_str(o, "id"));
	line("size", "%s", show_size(ctl, js_int(o, "size_bytes", -1), text));
	if (percent >= 0 && percent < 100)
		line("progress", "%" PRId64 "%%", percent);
	line("consistency", "%s", js_str(o, "consistency"));
	line("description", "%s", js_str(o, "description"));
	line_yes("protected", o, "protect");
	show_tags(o);
	show_job(o);
	show_error(o);
	line("created", "%s", js_str(o, "created_at"));
	show_observed(o);
}

/* ---- a service, the daemon ---- */

static void show_service(const struct ctl *ctl, const char *shown,
			 struct json_object *o)
{
	AUTO(auto_buf) struct buf verbs = BUF_INIT(65536);
	char total[FORMAT_MAX];
	char free_bytes[FORMAT_MAX];

	heading(ctl, shown, js_str(o, "state"), "");
	line("driver", "%s", js_str(o, "driver"));
	if (js_get(o, "counts"))
		line("volumes", "%" PRId64 ", %" PRId64 " attached, %" PRId64
		     " mounted, %" PRId64 " snapshots",
		     js_int(o, "counts.volumes", 0),
		     js_int(o, "counts.attached", 0),
		     js_int(o, "counts.mounted", 0),
		     js_int(o, "counts.snapshots", 0));
	if (js_int(o, "counts.jobs_running", 0) ||
	    js_int(o, "counts.jobs_waiting", 0))
		line("jobs", "%" PRId64 " running, %" PRId64 " waiting",
		     js_int(o, "counts.jobs_running", 0),
		     js_int(o, "counts.jobs_waiting", 0));
	if (js_int(o, "capacity.total_bytes", -1) >= 0)
		line("capacity", "%s, %s available",
		     show_size(ctl, js_int(o, "capacity.total_bytes", -1),
			       total),
		     show_size(ctl, js_int(o, "capacity.available_bytes", -1),
			       free_bytes));
	line("this host", "%s", js_str(o, "instance.id"));
	line("zone", "%s", js_str(o, "instance.zone"));
	join(&verbs, js_get(o, "capabilities"), NULL);
	line("can", "%s", buf_str(&verbs));
	line("throttled", "%s", js_str(o, "requests.throttled_until_at"));
	show_warnings(o);
	show_error(o);
	show_observed(o);
}

static void show_daemon(const struct ctl *ctl, const char *shown,
			struct json_object *o)
{
	AUTO(auto_buf) struct buf names = BUF_INIT(65536);
	struct json_object *services = js_get(o, "services");

	AUTO(auto_buf) struct buf title = BUF_INIT(PATH_MAX + 256);

	show_safe(&title, js_str(o, "version"));
	buf_puts(&title, " at ");
	show_safe(&title, shown);
	printf("volfsd %s\n", buf_str(&title));
	line("pid", "%s", js_str(o, "pid"));
	line("started", "%s", js_str(o, "started_at"));
	line("this host", "%s", js_str(o, "host.id"));
	if (json_object_is_type(services, json_type_array)) {
		bool objects = json_object_is_type(
			json_object_array_get_idx(services, 0),
			json_type_object);

		join(&names, services, objects ? "name" : NULL);
		line("services", "%s", buf_str(&names));
	} else {
		line("services", "%s", js_str(o, "services"));
	}
	line("store", "%s%s%s", js_str(o, "store.kind"),
	     *js_str(o, "store.state") ? ", " : "", js_str(o, "store.state"));
	show_warnings(o);
}

/* ---- the command ---- */

static int status_one(const struct ctl *ctl, const struct name *name,
		      struct json_object *array, bool first)
{
	AUTO(auto_json) struct json_object *o = NULL;
	const char *file = name->volume[0]    ? "status"
			   : name->service[0] ? ".status"
					      : ".volfs/status";
	char shown[NAME_TEXT_MAX];
	char path[PATH_MAX];

	o = tree_read_json(tree_path(path, ctl, name, file));
	if (!o && (errno == ENOENT || errno == ENOTCONN || errno == ENOTDIR))
		return complain_missing(ctl, name);
	if (!o)
		return complain("'%s' cannot be read: %s", path, errno == EPROTO
				? "it is not JSON" : strerror(errno));
	if (ctl->json) {
		json_object_array_add(array, STEAL(o));
		return EXIT_DONE;
	}
	if (!first)
		putchar('\n');
	name_text(name, shown);
	if (name->snapshot[0])
		show_snapshot(ctl, shown, o);
	else if (name->volume[0])
		show_volume(ctl, shown, o);
	else if (name->service[0])
		show_service(ctl, shown, o);
	else
		show_daemon(ctl, ctl->tree, o);
	return EXIT_DONE;
}

int command_status(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *array = json_object_new_array();
	struct name name = { 0 };
	int status = EXIT_DONE;

	if (argc == 1)
		status = status_one(ctl, &name, array, true);
	for (int i = 1; i < argc; i++) {
		int r = name_parse(ctl, argv[i], NAME_SERVICE | NAME_VOLUME |
				   NAME_SNAPSHOT, &name);

		if (r)
			return r;
		if (status_one(ctl, &name, array, i == 1))
			status = EXIT_FAILED;
		fflush(stdout);
	}
	if (ctl->json)
		show_json_array(array);
	return status;
}
