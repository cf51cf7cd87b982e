/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host/device_match.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

DEFINE_AUTO_PTR(auto_enumerate, struct udev_enumerate, udev_enumerate_unref)
DEFINE_AUTO_PTR(auto_device, struct udev_device, udev_device_unref)

void device_attribute(const char *name, const char *attribute, char *out,
		      size_t room)
{
	AUTO(auto_fd) int fd = -1;
	char path[PATH_MAX];
	ssize_t n, from = 0;

	out[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name,
		 attribute);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, out, room - 1);
	if (n < 0)
		n = 0;
	while (n > 0 && isspace((unsigned char)out[n - 1]))
		n--;
	while (from < n && isspace((unsigned char)out[from]))
		from++;
	memmove(out, out + from, (size_t)(n - from));
	out[n - from] = 0;
}

/* SCSI: "Unit Serial Number" page, four bytes of header, then the text. */
static void scsi_serial(const char *name, char *out, size_t room)
{
	AUTO(auto_fd) int fd = -1;
	char path[PATH_MAX];
	unsigned char page[256];
	ssize_t i, n;
	size_t len = 0;

	out[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/device/vpd_pg80",
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, page, sizeof(page));
	for (i = 4; i < n && len < room - 1; i++)
		if (isgraph(page[i]))
			out[len++] = (char)page[i];
	out[len] = 0;
}

static void sysfs_serial(const char *name, char *out, size_t room)
{
	device_attribute(name, "serial", out, room);        /* virtio */
	if (!*out)
		device_attribute(name, "device/serial", out, room); /* nvme */
	if (!*out)
		scsi_serial(name, out, room);
}

int device_from_sysfs(const char *name, struct device *out)
{
	struct device d = { .path = "" };
	char text[64], *minor_text;
	uint64_t sectors, n_major, n_minor;

	device_attribute(name, "dev", text, sizeof(text));
	minor_text = strchr(text, ':');
	if (!minor_text ||
	    parse_u64(text, (size_t)(minor_text - text), &n_major, NULL) < 0 ||
	    parse_u64(minor_text + 1, strlen(minor_text + 1), &n_minor,
		      NULL) < 0)
		return -ENODEV;
	d.devno = makedev((unsigned)n_major, (unsigned)n_minor);
	device_attribute(name, "diskseq", text, sizeof(text));
	if (parse_u64(text, strlen(text), &d.diskseq, NULL) < 0)
		d.diskseq = 0;
	device_attribute(name, "size", text, sizeof(text));
	/* In sectors of 512 bytes, whatever the device's own are. */
	if (parse_u64(text, strlen(text), &sectors, NULL) == 0)
		d.size_bytes = sectors * 512;
	sysfs_serial(name, d.serial, sizeof(d.serial));
	snprintf(d.path, sizeof(d.path), "/dev/%s", name);
	/* sysfs writes '!' for the '/' of names such as cciss/c0d0. */
	for (minor_text = d.path; *minor_text; minor_text++)
		if (*minor_text == '!')
			*minor_text = '/';
	*out = d;
	return 0;
}

int device_make_node(const struct device *d, struct err *err)
{
	struct stat st;

	if (lstat(d->path, &st) == 0) {
		if (S_ISBLK(st.st_mode) && st.st_rdev == d->devno)
			return 0;
		return err_set(err, ENODEV, "'%s' is not the node of device "
			       "%u:%u", d->path, major(d->devno),
			       minor(d->devno));
	}
	if (mknod(d->path, S_IFBLK | 0600, d->devno) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the node '%s'", d->path);
	return 0;
}

static bool same_serial(const char *a, const char *b)
{
	return a && *a && strcasecmp(a, b) == 0;
}

/* NVMe serials of EBS are "vol0a1b" and "vol-0a1b" by where one reads: a dash
 * is not part of the comparison. */
static void without_dashes(const char *from, char *out, size_t room)
{
	size_t n = 0;

	for (; *from && n < room - 1; from++)
		if (*from != '-')
			out[n++] = *from;
	out[n] = 0;
}

static bool serial_matches(struct udev_device *u, const char *name,
			   const char *want)
{
	static const char *const keys[] = { "ID_SERIAL_SHORT",
					    "ID_SCSI_SERIAL", "ID_SERIAL" };
	char own[256], plain[256], want_plain[256];
	size_t i;

	without_dashes(want, want_plain, sizeof(want_plain));
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = udev_device_get_property_value(u, keys[i]);

		without_dashes(value ? value : "", plain, sizeof(plain));
		if (same_serial(plain, want_plain))
			return true;
	}
	sysfs_serial(name, own, sizeof(own));
	without_dashes(own, plain, sizeof(plain));
	return same_serial(plain, want_plain);
}

/* "naa.5000", "0x5000", "wwn-0x5000", "eui.00" and "5000" are one thing. */
static const char *wwn_digits(const char *wwn)
{
	static const char *const prefixes[] = { "wwn-", "naa.", "eui.", "uuid.",
						"0x" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncasecmp(wwn, prefixes[i], strlen(prefixes[i])) == 0)
			wwn += strlen(prefixes[i]);
	return wwn;
}

static bool wwn_matches(struct udev_device *u, const char *name,
			const char *want)
{
	static const char *const keys[] = { "ID_WWN_WITH_EXTENSION", "ID_WWN" };
	static const char *const files[] = { "wwid", "device/wwid" };
	char own[256];
	size_t i;

	want = wwn_digits(want);
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = udev_device_get_property_value(u, keys[i]);

		if (value && same_serial(wwn_digits(value), want))
			return true;
	}
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		device_attribute(name, files[i], own, sizeof(own));
		if (same_serial(wwn_digits(own), want))
			return true;
	}
	return false;
}

/* Without a udev daemon: somebody may have made the links all the same. */
static bool link_dir_matches(const char *pattern, dev_t devno)
{
	AUTO(auto_dir) DIR *dir = opendir("/dev/disk/by-id");
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (fnmatch(pattern, entry->d_name, 0) == 0 &&
		    fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
		    S_ISBLK(st.st_mode) && st.st_rdev == devno)
			return true;
	return false;
}

static bool by_id_matches(struct udev_device *u, const char *pattern,
			  dev_t devno)
{
	struct udev_list_entry *link;
	const char *slash = strrchr(pattern, '/');

	if (slash)
		pattern = slash + 1;
	udev_list_entry_foreach(link, udev_device_get_devlinks_list_entry(u)) {
		const char *name = udev_list_entry_get_name(link);

		if (strncmp(name, "/dev/disk/by-id/", 16) == 0 &&
		    fnmatch(pattern, name + 16, 0) == 0)
			return true;
	}
	return link_dir_matches(pattern, devno);
}

static bool path_matches(const char *path, const struct device *d)
{
	struct stat st;

	if (strcmp(path, d->path) == 0)
		return true;
	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
	       st.st_rdev == d->devno;
}

enum match { MATCH_NOT, MATCH_NOT_YET, MATCH };

/* Links and properties come when udev's rules have run. */
static bool udev_is_at_it(struct udev_device *u)
{
	return !udev_device_get_is_initialized(u) &&
	       access("/run/udev/control", F_OK) == 0;
}

static enum match device_matches(struct udev_device *u, const char *name,
				 const struct device_identity *id,
				 const struct device *d)
{
	const char *type = udev_device_get_devtype(u);
	bool partition = type && strcmp(type, "partition") == 0;

	/* A partition has its disk's serial; it is meant where it is named. */
	if (partition && !id->path &&
	    !(id->by_id && strstr(id->by_id, "-part")))
		return MATCH_NOT;
	if ((id->serial && !serial_matches(u, name, id->serial)) ||
	    (id->wwn && !wwn_matches(u, name, id->wwn)) ||
	    (id->path && !path_matches(id->path, d)))
		return MATCH_NOT;
	if (!id->by_id || by_id_matches(u, id->by_id, d->devno))
		return MATCH;
	return (id->serial || id->wwn) && udev_is_at_it(u) ? MATCH_NOT_YET
							   : MATCH_NOT;
}

/* The multipath map over a path, if there is one; else "". */
static void multipath_holder(const char *name, char *out, size_t room)
{
	char path[PATH_MAX], uuid[64], attribute[300];
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *entry;

	out[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(attribute, sizeof(attribute), "holders/%s/dm/uuid",
			 entry->d_name);
		device_attribute(name, attribute, uuid, sizeof(uuid));
		if (strncmp(uuid, "mpath-", 6) == 0)
			snprintf(out, room, "%s", entry->d_name);
	}
}

static void matches_add(struct device_matches *m, const struct device *d)
{
	unsigned i;

	for (i = 0; i < m->n && i < ARRAY_SIZE(m->d); i++)
		if (m->d[i].devno == d->devno)
			return;
	if (m->n < ARRAY_SIZE(m->d))
		m->d[m->n] = *d;
	m->n++;
}

static void matches_note_other(struct device_matches *m,
			       const struct device *d)
{
	size_t len = strlen(m->there);

	if (d->size_bytes == 0 || len + 80 > sizeof(m->there))
		return;
	snprintf(m->there + len, sizeof(m->there) - len, "%s%.30s%s%.30s%s",
		 len ? ", " : "", d->path, *d->serial ? " (serial " : "",
		 d->serial, *d->serial ? ")" : "");
}

int device_match_all(struct udev *udev, const struct device_identity *id,
		     struct device_matches *out, struct err *err)
{
	AUTO(auto_enumerate) struct udev_enumerate *all = NULL;
	struct udev_list_entry *entry;

	memset(out, 0, sizeof(*out));
	all = udev_enumerate_new(udev);
	if (!all || udev_enumerate_add_match_subsystem(all, "block") < 0 ||
	    udev_enumerate_scan_devices(all) < 0)
		return err_set(err, EIO, "list the block devices in /sys");
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(all)) {
		AUTO(auto_device) struct udev_device *u = NULL;
		char hidden[8], holder[256];
		enum match match;
		const char *name;
		struct device d;

		u = udev_device_new_from_syspath(
			udev, udev_list_entry_get_name(entry));
		name = u ? udev_device_get_sysname(u) : NULL;
		/* Loop devices have neither: there may be hundreds. */
		if (!name || ((id->serial || id->wwn) &&
			      strncmp(name, "loop", 4) == 0) ||
		    device_from_sysfs(name, &d) < 0)
			continue;
		match = device_matches(u, name, id, &d);
		if (match != MATCH_NOT) {
			device_attribute(name, "hidden", hidden,
					 sizeof(hidden));
			if (strcmp(hidden, "1") == 0)
				continue;
		}
		if (match == MATCH_NOT_YET)
			snprintf(out->not_yet, sizeof(out->not_yet), "%s",
				 d.path);
		if (match == MATCH_NOT)
			matches_note_other(out, &d);
		if (match != MATCH)
			continue;
		multipath_holder(name, holder, sizeof(holder));
		if (*holder)
			device_from_sysfs(holder, &d);
		matches_add(out, &d);
	}
	return 0;
}
