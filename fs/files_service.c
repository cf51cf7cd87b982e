/* SPDX-License-Identifier: Apache-2.0 */
/* A service's directory: its volumes, and what begins with a dot. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "core/provider.h"
#include "fs/show.h"

/* ---- volumes, and their symlinks in .by-id ---- */

/* Takes the reference @vol. */
static void volume_object(const struct object *dir, struct volume *vol,
			  unsigned index, struct object *out)
{
	*out = (struct object){
		.fs = dir->fs, .kind = OBJECT_VOLUME,
		.serial = vol->node->serial, .vol = vol,
		.svc = service_ref(dir->svc),
		.row = attr_by_index(OBJECT_VOLUME, index),
	};
}

static int volume_find(const struct object *dir, const char *name,
		       struct object *out)
{
	struct volume *vol = service_volume_named(dir->svc, name);

	if (!vol)
		return -ENOENT;
	volume_object(dir, vol, VOLUME_DIR, out);
	return 0;
}

/* The next volume of the listing that is still there. */
static struct volume *volume_at(const struct object *dir, uint64_t after,
				struct cursor *c)
{
	struct volume *vol;

	if (!c->inv) {
		c->inv = service_inventory(dir->svc);
		c->at = inventory_after(c->inv, after);
	}
	while (c->at < c->inv->n_volumes) {
		vol = service_volume_of(dir->svc,
					c->inv->by_serial[c->at++]);
		if (vol)
			return vol;
	}
	return NULL;
}

static int volume_next(const struct object *dir, uint64_t after,
		       struct cursor *c, struct child *child,
		       struct object *out)
{
	struct volume *vol = volume_at(dir, after, c);

	if (!vol)
		return -ENOENT;
	child->serial = vol->node->serial;
	/* A name of the tree fits, and so does its NUL. */
	memcpy(child->name, vol->name, strlen(vol->name) + 1);
	volume_object(dir, vol, VOLUME_DIR, out);
	return 0;
}

static const struct children volume_children = { volume_find, volume_next };

static int by_id_find(const struct object *dir, const char *name,
		      struct object *out)
{
	char id[NAME_BYTES_MAX + 1];
	struct volume *vol;

	if (name_unescape(name, id, sizeof(id), NULL) < 0)
		return -ENOENT;
	vol = service_volume_by_id(dir->svc, id);
	if (!vol)
		return -ENOENT;
	volume_object(dir, vol, VOLUME_BY_ID, out);
	return 0;
}

static int by_id_next(const struct object *dir, uint64_t after,
		      struct cursor *c, struct child *child,
		      struct object *out)
{
	struct volume *vol;

	while ((vol = volume_at(dir, after, c))) {
		if (vol->f.id &&
		    name_escape(vol->f.id, strlen(vol->f.id), child->name,
				sizeof(child->name)) > 0) {
			child->serial = vol->node->serial;
			volume_object(dir, vol, VOLUME_BY_ID, out);
			return 0;
		}
		volume_unref(vol);
	}
	return -ENOENT;
}

static const struct children by_id_children = { by_id_find, by_id_next };

/* ---- .snapshots ---- */

/* Takes the reference @snap. */
static void snapshot_object(const struct object *dir, struct snapshot *snap,
			    unsigned index, struct object *out)
{
	*out = (struct object){
		.fs = dir->fs, .kind = OBJECT_SNAPSHOT, .serial = snap->serial,
		.snap = snap, .svc = service_ref(dir->svc),
		.row = attr_by_index(OBJECT_SNAPSHOT, index),
	};
}

/* <volume>@<snapshot>; by id where its volume is not listed, or where that
 * would be too long. False: it has no name to be shown by. */
static bool snapshot_entry(const struct object *dir,
			   const struct snapshot *snap, char *name,
			   size_t room, unsigned *index)
{
	struct volume *vol = snap->volume_serial ?
		service_volume(dir->svc, snap->volume_serial) : NULL;
	int n = -1;

	*index = vol ? SNAPSHOT_LINK : SNAPSHOT_DIR;
	if (vol)
		n = snprintf(name, room, "%s@%s", vol->name, snap->name);
	volume_unref(vol);
	if (n > 0 && (size_t)n < room)
		return true;
	return snap->f.id && name_escape(snap->f.id, strlen(snap->f.id), name,
					 room) > 0;
}

/* By its service's id, in its escaped form: of unlisted volumes first, then
 * those whose name is too long. */
static struct snapshot *snapshot_by_id(struct service *svc, const char *name)
{
	AUTO(auto_inventory) struct inventory *inv = service_inventory(svc);
	char id[NAME_BYTES_MAX + 1];

	if (name_unescape(name, id, sizeof(id), NULL) < 0)
		return NULL;
	for (size_t i = 0; i < inv->n_snapshots; i++) {
		const struct snapshot *s = inv->snapshots[i];

		if (s->f.id && strcmp(s->f.id, id) == 0)
			return service_snapshot(svc, s->serial);
	}
	return NULL;
}

static struct snapshot *snapshot_by_path(struct service *svc,
					 const char *name)
{
	char volume[NAME_BYTES_MAX + 1];
	const char *at = strrchr(name, '@');
	struct volume *vol;
	struct snapshot *snap;

	if (!at || (size_t)(at - name) >= sizeof(volume))
		return NULL;
	memcpy(volume, name, (size_t)(at - name));
	volume[at - name] = '\0';
	vol = service_volume_named(svc, volume);
	if (!vol)
		return NULL;
	snap = service_snapshot_named(svc, vol->node->serial, at + 1);
	volume_unref(vol);
	return snap;
}

static int all_find(const struct object *dir, const char *name,
		    struct object *out)
{
	struct snapshot *snap = snapshot_by_path(dir->svc, name);
	char shown[NAME_MAX + 1];
	unsigned index;

	if (!snap)
		snap = snapshot_by_id(dir->svc, name);
	/* Found by a name that it is not listed by: it has only one. */
	if (!snap || !snapshot_entry(dir, snap, shown, sizeof(shown), &index) ||
	    strcmp(shown, name) != 0) {
		snapshot_unref(snap);
		return -ENOENT;
	}
	snapshot_object(dir, snap, index, out);
	return 0;
}

static int all_next(const struct object *dir, uint64_t after, struct cursor *c,
		    struct child *child, struct object *out)
{
	unsigned index;

	if (!c->inv) {
		c->inv = service_inventory(dir->svc);
		while (c->at < c->inv->n_snapshots &&
		       c->inv->snapshots[c->at]->serial <= after)
			c->at++;
	}
	while (c->at < c->inv->n_snapshots) {
		struct snapshot *snap = service_snapshot(dir->svc,
					c->inv->snapshots[c->at++]->serial);

		if (snap && snapshot_entry(dir, snap, child->name,
					   sizeof(child->name), &index)) {
			child->serial = snap->serial;
			snapshot_object(dir, snap, index, out);
			return 0;
		}
		snapshot_unref(snap);
	}
	return -ENOENT;
}

static const struct children all_children = { all_find, all_next };

/* ---- .create and its like ---- */

static int name_find(const struct object *dir, const char *name,
		     struct object *out)
{
	static const unsigned index_of[] = {
		[SERVICE_CREATE] = NAME_CREATE, [SERVICE_REMOVE] = NAME_REMOVE,
		[SERVICE_IMPORT] = NAME_IMPORT,
	};
	unsigned index = index_of[dir->row->index];
	uint64_t serial = 0;
	char *copy;

	/* The kernel passes longer ones on, too. */
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	copy = strdup(name);
	if (copy)
		serial = names_get(dir->fs->names, service_number(dir->svc),
				   index, name);
	if (!serial) {
		free(copy);
		return -ENOMEM;
	}
	*out = (struct object){
		.fs = dir->fs, .kind = OBJECT_NAME, .serial = serial,
		.svc = service_ref(dir->svc), .name = copy,
		.row = attr_by_index(OBJECT_NAME, index),
	};
	return 0;
}

static int name_next(const struct object *dir, uint64_t after,
		     struct cursor *c, struct child *child,
		     struct object *out)
{
	return -ENOENT;
}

static const struct children name_children = { name_find, name_next };

/* ---- rows ---- */

static void show_error(const struct object *o, struct buf *out)
{
	struct service_info i;

	service_info_get(o->svc, &i);
	show_fault(&i.fault, out);
	service_info_done(&i);
}

static bool has_verb(const struct object *o, const char *name)
{
	const struct verb *v = verb_find(name);
	const struct provider *p = service_provider(o->svc);

	return v && p && (!v->can || v->can(p));
}

static bool has_import(const struct object *o)
{
	return has_verb(o, "import");
}

static bool has_snapshots(const struct object *o)
{
	const struct provider *p = service_provider(o->svc);

	return p && p->snapshot;
}

static const struct attr service_rows[] = {
	{ "", SERVICE_DIR, 0, CLASS_DIR, .children = &volume_children,
	  .help = "One configured service. A listing shows its volumes; mkdir "
		  "makes one, rmdir removes one, mv renames one where the "
		  "service can." },
	{ ".README", SERVICE_README, SERVICE_DIR, CLASS_STATUS,
	  .show = show_service_readme,
	  .help = "How to use the service, and what new volumes get that is not "
		  "said." },
	{ ".status", SERVICE_STATUS, SERVICE_DIR, CLASS_STATUS, .polls = true,
	  .show = show_service_status,
	  .help = "Reachability, capabilities, bounds and counts as one JSON "
		  "object." },
	{ ".error", SERVICE_ERROR, SERVICE_DIR, CLASS_STATUS, .polls = true,
	  .show = show_error,
	  .help = "The last error of the service itself; empty where there was "
		  "none." },
	{ ".create", SERVICE_CREATE, SERVICE_DIR, CLASS_NAMES_DIR,
	  .children = &name_children,
	  .help = "A file for every name: a line written to .create/NAME makes "
		  "the volume and waits for the verdict." },
	{ ".remove", SERVICE_REMOVE, SERVICE_DIR, CLASS_NAMES_DIR,
	  .children = &name_children,
	  .help = "A file for every name: a line written to .remove/NAME deletes "
		  "the volume and waits for the verdict." },
	{ ".import", SERVICE_IMPORT, SERVICE_DIR, CLASS_NAMES_DIR,
	  .children = &name_children, .present = has_import,
	  .help = "A file for every id: a line written to .import/ID takes over "
		  "what the service has there; its content is not touched." },
	{ ".refresh", SERVICE_REFRESH, SERVICE_DIR, CLASS_VERB,
	  .verb = "refresh",
	  .help = "A write asks the service now." },
	{ ".snapshots", SERVICE_SNAPSHOTS, SERVICE_DIR, CLASS_DIR,
	  .present = has_snapshots, .children = &all_children,
	  .help = "Every snapshot the service has, as VOLUME@SNAPSHOT; by id "
		  "where the volume is gone." },
	{ ".by-id", SERVICE_BY_ID, SERVICE_DIR, CLASS_DIR,
	  .children = &by_id_children,
	  .help = "A symlink for each volume by the service's id." },
	{ NULL }
};

const struct attr_table files_service = {
	OBJECT_SERVICE, "A service", "MOUNTPOINT/SERVICE", service_rows
};

static const struct attr name_rows[] = {
	{ "", NAME_CREATE, 0, CLASS_VERB, .verb = "create",
	  .help = "In .create: makes the volume NAME." },
	{ "", NAME_REMOVE, 0, CLASS_VERB, .verb = "remove",
	  .help = "In .remove: deletes the volume NAME." },
	{ "", NAME_IMPORT, 0, CLASS_VERB, .verb = "import",
	  .help = "In .import: takes over the volume ID." },
	{ NULL }
};

const struct attr_table files_name = {
	OBJECT_NAME, "A name", "MOUNTPOINT/SERVICE/.create/NAME", name_rows
};
