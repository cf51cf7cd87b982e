/* SPDX-License-Identifier: Apache-2.0 */
/* The root of the tree and .volfs/: the daemon itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "core/provider.h"
#include "fs/show.h"

/* ---- children: services, drivers, jobs ---- */

static void service_object(const struct object *dir, struct service *svc,
			   struct object *out)
{
	*out = (struct object){
		.fs = dir->fs, .kind = OBJECT_SERVICE, .svc = svc,
		.row = attr_by_index(OBJECT_SERVICE, SERVICE_DIR),
	};
}

static int service_find(const struct object *dir, const char *name,
			struct object *out)
{
	struct service *svc = engine_service_named(dir->fs->engine, name);

	if (!svc)
		return -ENOENT;
	service_object(dir, svc, out);
	return 0;
}

static int service_next(const struct object *dir, uint64_t after,
			struct cursor *c, struct child *child,
			struct object *out)
{
	struct service *svc;

	if (engine_services(dir->fs->engine, (unsigned)after, &svc, 1) != 1)
		return -ENOENT;
	child->serial = service_number(svc);
	snprintf(child->name, sizeof(child->name), "%s", service_name(svc));
	service_object(dir, svc, out);
	return 0;
}

static const struct children service_children = { service_find, service_next };

static void driver_object(const struct object *dir, const struct provider *p,
			  struct object *out)
{
	*out = (struct object){ .fs = dir->fs, .kind = OBJECT_DRIVER,
				.driver = p, .row = &files_driver.rows[0] };
}

static int driver_find(const struct object *dir, const char *name,
		       struct object *out)
{
	for (size_t i = 0; providers[i]; i++) {
		if (strcmp(providers[i]->name, name) == 0) {
			driver_object(dir, providers[i], out);
			return 0;
		}
	}
	return -ENOENT;
}

static int driver_next(const struct object *dir, uint64_t after,
		       struct cursor *c, struct child *child,
		       struct object *out)
{
	for (size_t i = 0; providers[i]; i++) {
		if (i < after)
			continue;
		child->serial = i + 1;
		snprintf(child->name, sizeof(child->name), "%s",
			 providers[i]->name);
		driver_object(dir, providers[i], out);
		return 0;
	}
	return -ENOENT;
}

static const struct children driver_children = { driver_find, driver_next };

/* ---- texts ---- */

static void show_version(const struct object *o, struct buf *out)
{
	buf_printf(out, "%s\n", o->fs->version);
}

/* Counters move without a push: filled up so that the size rarely does. */
static void show_metrics(const struct object *o, struct buf *out)
{
	size_t start = out->len, fill;

	engine_metrics_text(o->fs->engine, out);
	fill = 1024 - (out->len - start + 3) % 1024;
	buf_printf(out, "# %*s\n", (int)fill, "");
}

static void show_config(const struct object *o, struct buf *out)
{
	engine_config_text(o->fs->engine, out);
}

static void show_mounts(const struct object *o, struct buf *out)
{
	engine_mounts_text(o->fs->engine, out);
}

static void show_devices(const struct object *o, struct buf *out)
{
	engine_devices_text(o->fs->engine, out);
}

static void show_driver(const struct object *o, struct buf *out)
{
	buf_printf(out, "%s: %s\n\n", o->driver->name, o->driver->title);
	options_describe(o->driver->options, o->driver->name, out);
}

static bool old_events_present(const struct object *o)
{
	return engine_events_size(o->fs->engine, 1) > 0;
}

static const struct attr daemon_rows[] = {
	{ "", DAEMON_ROOT, 0, CLASS_DIR, .children = &service_children,
	  .help = "The tree: one directory for each configured service." },
	{ "README", DAEMON_README, DAEMON_ROOT, CLASS_STATUS,
	  .show = show_daemon_readme,
	  .help = "What this is, and commands that work as typed." },
	{ ".volfs", DAEMON_DIR, DAEMON_ROOT, CLASS_DIR,
	  .help = "The daemon itself." },
	{ "status", DAEMON_STATUS, DAEMON_DIR, CLASS_STATUS, .polls = true,
	  .show = show_daemon_status,
	  .help = "The daemon's state as one JSON object." },
	{ "version", DAEMON_VERSION, DAEMON_DIR, CLASS_STATUS,
	  .show = show_version, .help = "The daemon's version." },
	{ "metrics", DAEMON_METRICS, DAEMON_DIR, CLASS_STATUS,
	  .restless = true, .show = show_metrics,
	  .help = "Counters in the text format of Prometheus." },
	{ "config", DAEMON_CONFIG, DAEMON_DIR, CLASS_TENANT,
	  .show = show_config,
	  .help = "The configuration in force as YAML, each key with where its "
		  "value comes from; secrets are \"***\"." },
	{ "reload", DAEMON_RELOAD, DAEMON_DIR, CLASS_VERB, .verb = "reload",
	  .help = "A write reads the configuration again; no mount and no job "
		  "is disturbed." },
	{ "drivers", DAEMON_DRIVERS, DAEMON_DIR, CLASS_DIR,
	  .children = &driver_children,
	  .help = "A file for each driver: every option with its type, default, "
		  "environment name and help." },
	{ "jobs", DAEMON_JOBS, DAEMON_DIR, CLASS_TENANT_DIR,
	  .children = &files_job_children,
	  .help = "A directory for each job that runs, waits, or ended not long "
		  "ago." },
	{ "mounts", DAEMON_MOUNTS, DAEMON_DIR, CLASS_TENANT, .restless = true,
	  .show = show_mounts,
	  .help = "What is mounted: one JSON object a line." },
	{ "devices", DAEMON_DEVICES, DAEMON_DIR, CLASS_TENANT,
	  .restless = true, .show = show_devices,
	  .help = "The block devices of this machine and the volumes they are: "
		  "one JSON object a line." },
	{ "events", DAEMON_EVENTS, DAEMON_DIR, CLASS_TENANT, .polls = true,
	  .help = "Every change of state: one JSON object a line. It grows, so "
		  "tail -f follows it; poll() tells when." },
	{ "events.1", DAEMON_EVENTS_OLD, DAEMON_DIR, CLASS_TENANT,
	  .present = old_events_present,
	  .help = "The events from before the file last began again." },
	{ "down", DAEMON_DOWN, DAEMON_DIR, CLASS_VERB, .verb = "down",
	  .help = "A write unmounts every volume in order and ends the "
		  "daemon." },
	{ NULL }
};

const struct attr_table files_daemon = {
	OBJECT_DAEMON, "The daemon", "MOUNTPOINT", daemon_rows
};

static const struct attr driver_rows[] = {
	{ "", 1, 0, CLASS_STATUS, .show = show_driver,
	  .help = "The driver's options, as they are written in the "
		  "configuration." },
	{ NULL }
};

const struct attr_table files_driver = {
	OBJECT_DRIVER, "A driver", "MOUNTPOINT/.volfs/drivers/DRIVER",
	driver_rows
};
