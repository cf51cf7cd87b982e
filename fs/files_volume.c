/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that says what a volume's directory holds. */
#include "core/provider.h"
#include "fs/show.h"

/* ---- values: the same as the key of status, with a newline ---- */

static void put(struct buf *out, const char *text)
{
	buf_printf(out, "%s\n", text ? text : "");
}

static void put_number(struct buf *out, int64_t n)
{
	if (n >= 0)
		buf_printf(out, "%lld", (long long)n);
	buf_putc(out, '\n');
}

#define SHOW_TEXT(name, expression)                                     \
	static void name(const struct object *o, struct buf *out)       \
	{                                                               \
		put(out, expression);                                   \
	}
#define SHOW_NUMBER(name, expression)                                   \
	static void name(const struct object *o, struct buf *out)       \
	{                                                               \
		put_number(out, (int64_t)(expression));                 \
	}

SHOW_TEXT(show_state, volume_state_name(volume_effective_state(o->vol)))
SHOW_TEXT(show_id, o->vol->f.id)
SHOW_TEXT(show_type, o->vol->f.type)
SHOW_TEXT(show_zone, o->vol->f.zone)
SHOW_TEXT(show_fstype, volume_fstype(o))
SHOW_TEXT(show_subpath, volume_subpath(o))
/* One without a limit, which could have one. */
SHOW_NUMBER(show_size, o->vol->f.size_bytes ? (int64_t)o->vol->f.size_bytes
					    : -1)
SHOW_NUMBER(show_iops, o->vol->f.iops)
SHOW_NUMBER(show_throughput, o->vol->f.throughput_bytes_per_s)
SHOW_NUMBER(show_encrypted, o->vol->f.encrypted)
SHOW_NUMBER(show_protect, volume_is_protected(o->vol))
SHOW_NUMBER(show_attached, volume_is_attached(o->vol))
SHOW_NUMBER(show_mounted, volume_is_mounted(o->vol))
SHOW_NUMBER(show_managed, o->vol->f.managed)
SHOW_NUMBER(show_auto, o->vol->local && o->vol->local->auto_mount)
SHOW_NUMBER(show_uid, volume_data_uid(o))
SHOW_NUMBER(show_gid, volume_data_gid(o))

static void show_mode(const struct object *o, struct buf *out)
{
	buf_printf(out, "%04o\n", (unsigned)volume_data_mode(o));
}

static void show_options(const struct object *o, struct buf *out)
{
	volume_options(o, out);
	buf_putc(out, '\n');
}

static void show_error(const struct object *o, struct buf *out)
{
	if (o->vol->local)
		show_fault(&o->vol->local->fault, out);
}

static void show_device(const struct object *o, struct buf *out)
{
	buf_puts(out, o->vol->local->device);
}

static void show_by_id(const struct object *o, struct buf *out)
{
	buf_printf(out, "../%s", o->vol->name);
}

/* ---- what this volume can serve ---- */

#define PRESENT(name, expression)                                       \
	static bool name(const struct object *o)                        \
	{                                                               \
		return expression;                                      \
	}

PRESENT(has_id, o->vol->f.id != NULL)
PRESENT(has_size, driver_notes(o, NOTION_SIZE))
PRESENT(has_type, driver_notes(o, NOTION_TYPE))
PRESENT(has_iops, driver_notes(o, NOTION_IOPS))
PRESENT(has_throughput, driver_notes(o, NOTION_THROUGHPUT))
PRESENT(has_zone, driver_notes(o, NOTION_ZONE))
PRESENT(has_encrypted, driver_notes(o, NOTION_ENCRYPTED))
PRESENT(has_tags, driver_notes(o, NOTION_TAGS))
PRESENT(is_block, object_volume_kind(o) == KIND_BLOCK)
PRESENT(is_lost, volume_effective_state(o->vol) == VOLUME_LOST)
PRESENT(has_device, o->vol->local && o->vol->local->attached &&
		    o->vol->local->device)

static bool has_snapshots(const struct object *o)
{
	const struct provider *p = service_provider(o->svc);

	return p && p->snapshot;
}

static const struct attr volume_rows[] = {
	{ "", VOLUME_DIR, 0, CLASS_DIR,
	  .help = "One volume. Its size as a directory is the volume's "
		  "capacity; a chown by root hands over the control files in "
		  "it." },
	{ "README", VOLUME_README, VOLUME_DIR, CLASS_STATUS,
	  .show = show_volume_readme,
	  .help = "What this volume supports, as commands." },
	{ "status", VOLUME_STATUS, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_volume_status,
	  .help = "All that is known of it as one JSON object." },
	{ "state", VOLUME_STATE, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_state,
	  .help = "One word: creating, available, attaching, attached, "
		  "detaching, in-use, deleting, error, lost or unknown." },
	{ "id", VOLUME_ID, VOLUME_DIR, CLASS_STATUS, .present = has_id,
	  .show = show_id,
	  .help = "The service's id; there once the service has the volume." },
	{ "error", VOLUME_ERROR_FILE, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_error,
	  .help = "The last error, in a sentence; empty where there was none." },
	{ "job", VOLUME_JOB, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_volume_job,
	  .help = "The running job, or the last one, as one JSON object." },
	{ "jobs", VOLUME_JOBS, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_volume_jobs,
	  .help = "The last 16 jobs, newest last, one a line." },
	{ "size", VOLUME_SIZE, VOLUME_DIR, CLASS_SETTING, .setting = "size",
	  .present = has_size, .show = show_size,
	  .help = "Bytes. Accepts K M G T P (1024) and KB MB GB TB PB (1000); it "
		  "can only grow, and what is mounted grows with it." },
	{ "type", VOLUME_TYPE, VOLUME_DIR, CLASS_SETTING, .setting = "type",
	  .present = has_type, .show = show_type,
	  .help = "The service's own word for the kind of storage." },
	{ "iops", VOLUME_IOPS, VOLUME_DIR, CLASS_SETTING, .setting = "iops",
	  .present = has_iops, .show = show_iops,
	  .help = "Operations a second; empty where it is not known." },
	{ "throughput", VOLUME_THROUGHPUT, VOLUME_DIR, CLASS_SETTING,
	  .setting = "throughput", .present = has_throughput,
	  .show = show_throughput,
	  .help = "Bytes a second; empty where it is not known." },
	{ "zone", VOLUME_ZONE, VOLUME_DIR, CLASS_STATUS, .present = has_zone,
	  .show = show_zone, .help = "Where the service keeps it." },
	{ "encrypted", VOLUME_ENCRYPTED, VOLUME_DIR, CLASS_STATUS,
	  .present = has_encrypted, .show = show_encrypted,
	  .help = "0 or 1; empty where it is not known." },
	{ "fstype", VOLUME_FSTYPE, VOLUME_DIR, CLASS_SETTING,
	  .setting = "fstype", .present = is_block, .show = show_fstype,
	  .help = "The file system it has, or will be made with." },
	{ "tags", VOLUME_TAGS, VOLUME_DIR, CLASS_SETTING, .setting = "tags",
	  .present = has_tags, .show = show_volume_tags,
	  .help = "KEY=VALUE a line. A write replaces them all; lines that all "
		  "begin with + or - add and take off." },
	{ "protect", VOLUME_PROTECT, VOLUME_DIR, CLASS_SETTING,
	  .setting = "protect", .show = show_protect,
	  .help = "1: rmdir refuses, as it does from the first attach on. Write "
		  "0 to allow it." },
	{ "attached", VOLUME_ATTACHED_FILE, VOLUME_DIR, CLASS_STATUS,
	  .polls = true, .show = show_attached,
	  .help = "1 while it is attached to this host." },
	{ "mounted", VOLUME_MOUNTED, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_mounted, .help = "1 while it is mounted at data/." },
	{ "managed", VOLUME_MANAGED, VOLUME_DIR, CLASS_STATUS,
	  .show = show_managed,
	  .help = "1: made or taken over by volfs. 0: it can be looked at, "
		  "attached, mounted and snapshot; .import takes it over." },
	{ "auto", VOLUME_AUTO, VOLUME_DIR, CLASS_SETTING, .setting = "auto",
	  .show = show_auto,
	  .help = "1: mounted whenever volfsd starts, as after a reboot." },
	{ "attach", VOLUME_ATTACH, VOLUME_DIR, CLASS_VERB, .verb = "attach",
	  .help = "A write attaches it to this host." },
	{ "detach", VOLUME_DETACH, VOLUME_DIR, CLASS_VERB, .verb = "detach",
	  .help = "A write detaches it from this host." },
	{ "mount", VOLUME_MOUNT, VOLUME_DIR, CLASS_VERB, .verb = "mount",
	  .help = "A write mounts it at data/, attaching and formatting it "
		  "first where that is needed and safe." },
	{ "unmount", VOLUME_UNMOUNT, VOLUME_DIR, CLASS_VERB,
	  .verb = "unmount",
	  .help = "A write ends the use of a user; the last one unmounts." },
	{ "set", VOLUME_SET, VOLUME_DIR, CLASS_VERB, .verb = "set",
	  .help = "A write changes several settings, all or none." },
	{ "cancel", VOLUME_CANCEL, VOLUME_DIR, CLASS_VERB, .verb = "cancel",
	  .help = "A write stops the running job where that is safe." },
	{ "forget", VOLUME_FORGET, VOLUME_DIR, CLASS_VERB, .verb = "forget",
	  .present = is_lost,
	  .help = "There while the state is lost: a write takes it from the "
		  "tree." },
	{ "users", VOLUME_USERS, VOLUME_DIR, CLASS_STATUS, .polls = true,
	  .show = show_volume_users,
	  .help = "Who holds the mount: one JSON object a line." },
	{ "options", VOLUME_OPTIONS, VOLUME_DIR, CLASS_SETTING,
	  .setting = "options", .show = show_options,
	  .help = "The mount options in force, or of the next mount." },
	{ "subpath", VOLUME_SUBPATH, VOLUME_DIR, CLASS_SETTING,
	  .setting = "subpath", .show = show_subpath,
	  .help = "The directory of the volume that data/ shows." },
	{ "uid", VOLUME_UID, VOLUME_DIR, CLASS_SETTING, .setting = "uid",
	  .show = show_uid,
	  .help = "Owner of that directory when it is made." },
	{ "gid", VOLUME_GID, VOLUME_DIR, CLASS_SETTING, .setting = "gid",
	  .show = show_gid,
	  .help = "Group of that directory when it is made." },
	{ "mode", VOLUME_MODE, VOLUME_DIR, CLASS_SETTING, .setting = "mode",
	  .show = show_mode,
	  .help = "Mode of that directory when it is made." },
	{ "device", VOLUME_DEVICE, VOLUME_DIR, CLASS_LINK,
	  .present = has_device, .show = show_device,
	  .help = "Symlink to the block device; there while attached here." },
	{ "snapshots", VOLUME_SNAPSHOTS, VOLUME_DIR, CLASS_DIR,
	  .present = has_snapshots, .children = &files_snapshot_children,
	  .help = "Its snapshots; mkdir takes one." },
	{ "data", VOLUME_DATA, VOLUME_DIR, CLASS_DATA_DIR,
	  .help = "The volume's own file system, mounted by the kernel." },
	{ "", VOLUME_BY_ID, 0, CLASS_LINK, .present = has_id,
	  .show = show_by_id,
	  .help = "In the service's .by-id: the volume's directory." },
	{ NULL }
};

const struct attr_table files_volume = {
	OBJECT_VOLUME, "A volume", "MOUNTPOINT/SERVICE/VOLUME", volume_rows
};
