/* SPDX-License-Identifier: Apache-2.0 */
/* snapshots/<name>/: one snapshot of a volume. */
#include <errno.h>
#include <stdio.h>

#include "core/provider.h"
#include "fs/show.h"

static void snapshot_object(const struct object *dir, struct snapshot *snap,
			    struct object *out)
{
	*out = (struct object){
		.fs = dir->fs, .kind = OBJECT_SNAPSHOT, .serial = snap->serial,
		.snap = snap, .svc = service_ref(dir->svc),
		.row = attr_by_index(OBJECT_SNAPSHOT, SNAPSHOT_DIR),
	};
}

static int snapshot_find(const struct object *dir, const char *name,
			 struct object *out)
{
	struct snapshot *snap = service_snapshot_named(dir->svc, dir->serial,
						       name);

	if (!snap)
		return -ENOENT;
	snapshot_object(dir, snap, out);
	return 0;
}

static int snapshot_next(const struct object *dir, uint64_t after,
			 struct cursor *c, struct child *child,
			 struct object *out)
{
	struct snapshot *snap;

	if (service_snapshots_of(dir->svc, dir->serial, after, &snap, 1) != 1)
		return -ENOENT;
	child->serial = snap->serial;
	snprintf(child->name, sizeof(child->name), "%s", snap->name);
	snapshot_object(dir, snap, out);
	return 0;
}

const struct children files_snapshot_children = { snapshot_find,
						  snapshot_next };

static void show_id(const struct object *o, struct buf *out)
{
	buf_printf(out, "%s\n", o->snap->f.id);
}

static void show_size(const struct object *o, struct buf *out)
{
	if (o->snap->f.size_bytes)
		buf_printf(out, "%llu",
			   (unsigned long long)o->snap->f.size_bytes);
	buf_putc(out, '\n');
}

static void show_state(const struct object *o, struct buf *out)
{
	buf_printf(out, "%s\n", snapshot_state_name(o->snap->f.state));
}

static void show_progress(const struct object *o, struct buf *out)
{
	if (o->snap->f.progress_percent >= 0)
		buf_printf(out, "%d", o->snap->f.progress_percent);
	buf_putc(out, '\n');
}

static void show_protect(const struct object *o, struct buf *out)
{
	buf_printf(out, "%d\n", o->snap->protect != 0);
}

static void show_error(const struct object *o, struct buf *out)
{
	show_fault(o->snap->fault, out);
}

static void show_link(const struct object *o, struct buf *out)
{
	struct volume *v = service_volume(o->svc, o->snap->volume_serial);

	if (v)
		buf_printf(out, "../%s/snapshots/%s", v->name, o->snap->name);
	volume_unref(v);
}

static bool has_id(const struct object *o)
{
	return o->snap->f.id != NULL;
}

static bool has_size(const struct object *o)
{
	return driver_notes(o, NOTION_SIZE);
}

static bool has_volume(const struct object *o)
{
	struct volume *v = o->snap->volume_serial ?
		service_volume(o->svc, o->snap->volume_serial) : NULL;

	volume_unref(v);
	return v != NULL;
}

static const struct attr snapshot_rows[] = {
	{ "", SNAPSHOT_DIR, 0, CLASS_DIR,
	  .help = "One snapshot. mkdir in snapshots/ takes one, rmdir deletes "
		  "it once protect is 0." },
	{ "status", SNAPSHOT_STATUS, SNAPSHOT_DIR, CLASS_STATUS, .polls = true,
	  .show = show_snapshot_status,
	  .help = "All that is known of it as one JSON object." },
	{ "id", SNAPSHOT_ID, SNAPSHOT_DIR, CLASS_STATUS, .present = has_id,
	  .show = show_id,
	  .help = "The service's id; there once the service has it." },
	{ "size", SNAPSHOT_SIZE, SNAPSHOT_DIR, CLASS_STATUS,
	  .present = has_size, .show = show_size,
	  .help = "The volume's size when it was taken, bytes." },
	{ "state", SNAPSHOT_STATE, SNAPSHOT_DIR, CLASS_STATUS, .polls = true,
	  .show = show_state,
	  .help = "One word: creating, available, error or deleting." },
	{ "progress", SNAPSHOT_PROGRESS, SNAPSHOT_DIR, CLASS_STATUS,
	  .polls = true, .show = show_progress,
	  .help = "Percent; empty where it is not known." },
	{ "protect", SNAPSHOT_PROTECT, SNAPSHOT_DIR, CLASS_SETTING,
	  .setting = "protect", .show = show_protect,
	  .help = "1: rmdir refuses. Write 0 to allow it." },
	{ "restore", SNAPSHOT_RESTORE, SNAPSHOT_DIR, CLASS_VERB,
	  .verb = "restore", .present = has_volume,
	  .help = "A write rolls the volume back to this snapshot; it must not "
		  "be mounted." },
	{ "error", SNAPSHOT_ERROR_FILE, SNAPSHOT_DIR, CLASS_STATUS,
	  .polls = true, .show = show_error,
	  .help = "The last error; empty where there was none." },
	{ "", SNAPSHOT_LINK, 0, CLASS_LINK, .present = has_volume,
	  .show = show_link,
	  .help = "In the service's .snapshots: the snapshot's directory." },
	{ NULL }
};

const struct attr_table files_snapshot = {
	OBJECT_SNAPSHOT, "A snapshot",
	"MOUNTPOINT/SERVICE/VOLUME/snapshots/NAME", snapshot_rows
};
