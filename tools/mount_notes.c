/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note of a mount in libmount's table (/run/mount/utab): umount(8) sees
 * there that umount.volfs is to be called, and umount.volfs whose hold ends.
 */

#include "tools/mount_volfs.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <string.h>
#include <sys/mount.h>

#define NOTE_MAX 8192

DEFINE_AUTO_PTR(auto_table_mnt, struct libmnt_table, mnt_unref_table)
DEFINE_AUTO_PTR(auto_fs_mnt, struct libmnt_fs, mnt_unref_fs)
DEFINE_AUTO_PTR(auto_update_mnt, struct libmnt_update, mnt_free_update)
DEFINE_AUTO_PTR(auto_iter_mnt, struct libmnt_iter, mnt_free_iter)

static const char volume_key[] = "x-volfs.volume";
static const char tree_key[] = "x-volfs.tree";
static const char holder_key[] = "x-volfs.holder";

/* What is mounted, with the notes. */
static struct libmnt_table *table_read(void)
{
	struct libmnt_table *table = mnt_new_table();

	if (table && mnt_table_parse_mtab(table, NULL) != 0) {
		mnt_unref_table(table);
		return NULL;
	}
	return table;
}

static char *option_of(struct libmnt_fs *fs, const char *key)
{
	char *value = NULL;
	size_t len = 0;

	if (mnt_fs_get_option(fs, key, &value, &len) != 0 || !value)
		return NULL;
	return strndup(value, len);
}

static bool note_of(struct libmnt_fs *fs, struct mount_note *out)
{
	*out = (struct mount_note){ option_of(fs, volume_key),
				    option_of(fs, tree_key),
				    option_of(fs, holder_key) };
	if (out->volume && out->tree && out->holder)
		return true;
	mount_note_done(out);
	return false;
}

void mount_note_done(struct mount_note *note)
{
	free(note->volume);
	free(note->tree);
	free(note->holder);
	*note = (struct mount_note){ 0 };
}

int mount_note_find(const char *target, struct mount_note *out)
{
	AUTO(auto_table_mnt) struct libmnt_table *table = table_read();
	struct libmnt_fs *fs;
	const char *type;

	*out = (struct mount_note){ 0 };
	if (!table)
		return -EIO;
	fs = mnt_table_find_target(table, target, MNT_ITER_BACKWARD);
	if (!fs)
		return 0;
	type = mnt_fs_get_fstype(fs);
	if (type && strcmp(type, "fuse.volfs") == 0)
		return 2;
	return note_of(fs, out) ? 1 : 0;
}

bool mount_note_has_twin(const char *target, const struct mount_note *note)
{
	AUTO(auto_iter_mnt) struct libmnt_iter *at =
		mnt_new_iter(MNT_ITER_FORWARD);
	AUTO(auto_table_mnt) struct libmnt_table *table = table_read();
	struct libmnt_fs *fs;
	bool found = false;

	while (at && table && !found &&
	       mnt_table_next_fs(table, at, &fs) == 0) {
		struct mount_note other;

		if (strcmp(mnt_fs_get_target(fs), target) == 0 ||
		    !note_of(fs, &other))
			continue;
		found = strcmp(other.volume, note->volume) == 0 &&
			strcmp(other.tree, note->tree) == 0 &&
			strcmp(other.holder, note->holder) == 0;
		mount_note_done(&other);
	}
	return found;
}

/* libmount says its own errors as -errno, or as numbers of its own. */
static int errno_of(int r)
{
	return r == 0 ? 0 : r < 0 ? r : -EIO;
}

/* Notes @options for what is mounted at @target. */
static int options_write(const char *target, const char *options)
{
	AUTO(auto_update_mnt) struct libmnt_update *update = mnt_new_update();
	AUTO(auto_fs_mnt) struct libmnt_fs *fs = mnt_new_fs();
	int r;

	if (!update || !fs)
		return -ENOMEM;
	/* A note counts for a mount of one device and root only. As a bind
	 * mount of itself libmount looks both up; else the root would be "/",
	 * which it is not where a subpath or a subvolume is shown. */
	r = mnt_fs_set_source(fs, target);
	if (r == 0)
		r = mnt_fs_set_target(fs, target);
	if (r == 0)
		r = mnt_fs_set_options(fs, options);
	if (r == 0)
		r = mnt_update_set_fs(update, MS_BIND, NULL, fs);
	if (r == 0)
		r = mnt_update_table(update, NULL);
	return errno_of(r);
}

int mount_note_write(const char *target, const struct mount_note *note,
		     const char *more)
{
	AUTO(auto_buf) struct buf options = BUF_INIT(NOTE_MAX);

	buf_puts(&options, "helper=volfs");
	if (note)
		buf_printf(&options, ",%s=%s,%s=%s,%s=%s", volume_key,
			   note->volume, tree_key, note->tree, holder_key,
			   note->holder);
	buf_puts(&options, more);
	return buf_failed(&options) ? -buf_failed(&options)
				    : options_write(target, buf_str(&options));
}

int mount_note_remove(const char *target)
{
	AUTO(auto_update_mnt) struct libmnt_update *update = mnt_new_update();
	int r;

	if (!update)
		return -ENOMEM;
	r = mnt_update_set_fs(update, 0, target, NULL);
	/* 1: there is no table that could be written. */
	if (r == 0)
		r = mnt_update_table(update, NULL);
	return r == 1 ? 0 : errno_of(r);
}
