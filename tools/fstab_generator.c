/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volfs-fstab-generator NORMAL-DIR [EARLY-DIR LATE-DIR]: run by systemd when it
 * reads its units. systemd makes a mount unit of each line of fstab; this adds
 * what a line of type volfs does not say: that it comes after what serves its
 * tree, and is unmounted before that ends.
 */

#include <errno.h>
#include <libmount/libmount.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"

#define NAME_MAX_BYTES 4096
#define TREE_DEFAULT "/volumes"

DEFINE_AUTO_PTR(auto_table_mnt, struct libmnt_table, mnt_unref_table)
DEFINE_AUTO_PTR(auto_iter_mnt, struct libmnt_iter, mnt_free_iter)

/* As "systemd-escape --path" does it; see systemd.unit(5). */
static void unit_name(const char *path, struct buf *out)
{
	bool begun = false;

	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p == '/') {
			while (p[1] == '/')
				p++;
			if (begun && p[1])
				buf_putc(out, '-');
			continue;
		}
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == ':' || *p == '_' ||
		    (*p == '.' && begun))
			buf_putc(out, (char)*p);
		else
			buf_printf(out, "\\x%02x", *p);
		begun = true;
	}
	buf_puts(out, begun ? ".mount" : "-.mount");
}

static bool has_option(struct libmnt_fs *fs, const char *name)
{
	char *value;
	size_t len;

	return mnt_fs_get_option(fs, name, &value, &len) == 0;
}

static bool is_volfs(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, "volfs") == 0;
}

static bool is_tree(struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_source(fs);

	return is_volfs(fs) && source && !strchr(source, '/');
}

/* Is there a line that starts the tree at @tree? */
static bool tree_has_line(struct libmnt_table *table, const char *tree)
{
	AUTO(auto_iter_mnt) struct libmnt_iter *at =
		mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (at && mnt_table_next_fs(table, at, &fs) == 0)
		if (is_tree(fs) && strcmp(mnt_fs_get_target(fs), tree) == 0)
			return true;
	return false;
}

/* Writes DIR/UNIT.d/50-volfs.conf. Return: 0 or 1, having said why. */
static int drop_in_write(const char *dir, const char *target,
			 const char *text)
{
	AUTO(auto_buf) struct buf path = BUF_INIT(NAME_MAX_BYTES);
	AUTO(auto_file) FILE *f = NULL;

	buf_printf(&path, "%s/", dir);
	unit_name(target, &path);
	buf_puts(&path, ".d");
	if (buf_failed(&path) ||
	    (mkdir(buf_str(&path), 0755) < 0 && errno != EEXIST))
		goto fail;
	buf_puts(&path, "/50-volfs.conf");
	f = buf_failed(&path) ? NULL : fopen(buf_str(&path), "we");
	if (f && fprintf(f, "# From fstab, by volfs-fstab-generator\n[Unit]\n"
			 "%s", text) > 0 && fflush(f) == 0)
		return 0;
fail:
	fprintf(stderr, "volfs-fstab-generator: write '%s': %s\n",
		buf_str(&path), strerror(errno));
	return 1;
}

/* The path as a word of a unit file: no blanks of its own, no specifiers. */
static void path_word(const char *path, struct buf *out)
{
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || strchr("\\\"'", *p))
			buf_printf(out, "\\x%02x", *p);
		else
			buf_printf(out, *p == '%' ? "%%%%" : "%c", *p);
	}
}

static int volume_line(struct libmnt_table *table, struct libmnt_fs *fs,
		       const char *dir)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(NAME_MAX_BYTES);
	AUTO(auto_free) char *tree = NULL;
	const char *target = mnt_fs_get_target(fs);
	char *value = NULL;
	size_t len;

	if (mnt_fs_get_option(fs, "tree", &value, &len) == 0 && value)
		tree = strndup(value, len);
	else
		tree = strdup(TREE_DEFAULT);
	if (!tree)
		return 1;
	if (tree_has_line(table, tree)) {
		buf_puts(&text, "RequiresMountsFor=");
		path_word(tree, &text);
		buf_puts(&text, "\n");
	} else if (!has_option(fs, "nofail") && !has_option(fs, "_netdev")) {
		/* local-fs.target comes after it, volfs.service after that: a
		 * circle, and for noauto and automounts one at shutdown. */
		fprintf(stderr, "volfs-fstab-generator: fstab: the line of "
			"'%s' needs 'nofail' or '_netdev': without, it comes "
			"before volfs.service can start\n", target);
		return 0;
	} else {
		if (strcmp(tree, TREE_DEFAULT) == 0)
			buf_puts(&text, "Wants=volfs.service\n");
		buf_puts(&text, "After=volfs.service\n");
	}
	return drop_in_write(dir, target, buf_str(&text));
}

int main(int argc, char **argv)
{
	AUTO(auto_table_mnt) struct libmnt_table *table = mnt_new_table();
	AUTO(auto_iter_mnt) struct libmnt_iter *at =
		mnt_new_iter(MNT_ITER_FORWARD);
	const char *fstab = getenv("SYSTEMD_FSTAB");
	struct libmnt_fs *fs;
	int status = 0;

	if (argc != 2 && argc != 4) {
		fputs("Usage: volfs-fstab-generator NORMAL-DIR [EARLY-DIR "
		      "LATE-DIR]\n", stderr);
		return 2;
	}
	if (!fstab)
		fstab = "/etc/fstab";
	/* Without one there is nothing to be done. */
	if (!table || !at || access(fstab, F_OK) < 0)
		return 0;
	if (mnt_table_parse_fstab(table, fstab) != 0) {
		fprintf(stderr, "volfs-fstab-generator: '%s' cannot be read\n",
			fstab);
		return 1;
	}
	while (mnt_table_next_fs(table, at, &fs) == 0) {
		if (!is_volfs(fs) || !mnt_fs_get_target(fs))
			continue;
		/* volfs.service looks whether the tree is there already. */
		if (is_tree(fs))
			status |= drop_in_write(argv[1], mnt_fs_get_target(fs),
						"Before=volfs.service\n");
		else
			status |= volume_line(table, fs, argv[1]);
	}
	return status;
}
