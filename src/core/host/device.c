/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host/device.h"

#include <dirent.h>
#include <errno.h>
#include <libudev.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "core/host/commands.h"
#include "core/host/device_match.h"
#include "core/host/mount.h"

/* One loop device helper: it may wait 10 s for another's lock of the image. */
#define LOOP_MS 30000
#define DETACH_WAIT_MS 3000
/* How often is looked without a word from udev, which may not be there. */
#define LOOK_MS 200
#define CANCEL_MS 50
#define RESCAN_MS 60000

DEFINE_AUTO_PTR(auto_udev, struct udev, udev_unref)
DEFINE_AUTO_PTR(auto_monitor, struct udev_monitor, udev_monitor_unref)
DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

void device_identity_done(struct device_identity *id)
{
	free(id->serial);
	free(id->wwn);
	free(id->by_id);
	free(id->path);
	free(id->image);
	memset(id, 0, sizeof(*id));
}

bool device_identity_is_loop(const struct device_identity *id)
{
	return id->image || id->backing_ino;
}

static void identity_describe(const struct device_identity *id, char *out,
			      size_t room)
{
	const struct {
		const char *name, *value;
	} part[] = { { "serial", id->serial }, { "WWN", id->wwn },
		     { "by-id name", id->by_id }, { "path", id->path } };
	size_t i, n = 0;

	out[0] = 0;
	for (i = 0; i < ARRAY_SIZE(part); i++)
		if (part[i].value && n < room)
			n += (size_t)snprintf(out + n, room - n,
					      "%s%s '%.80s'", n ? " and " : "",
					      part[i].name, part[i].value);
}

/* --- a device that stays what it is while a helper is at it --- */

int device_helper_run(const struct call *c, int64_t most_ms,
		      const struct device *dev, const char *const *argv,
		      struct json_object **reply, struct err *err)
{
	const char *words[HOLD_WORDS + 10];
	char devno[WORD_MAX], diskseq[WORD_MAX];
	size_t i;

	words[0] = "hold";
	words[1] = dev->path;
	words[2] = word_of_u64(devno, dev->devno);
	words[3] = word_of_u64(diskseq, dev->diskseq);
	for (i = 0; argv[i]; i++) {
		if (HOLD_WORDS + i + 1 >= ARRAY_SIZE(words))
			return err_set(err, E2BIG, "host helper '%s'", argv[0]);
		words[HOLD_WORDS + i] = argv[i];
	}
	words[HOLD_WORDS + i] = NULL;
	return helper_run(c, most_ms, words, reply, err);
}

/* --- loop devices: through a helper, since images may lie on bad media --- */

static int loop_ask(const struct call *c, const char *const *argv,
		    struct device *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	struct device d = { .path = "" };
	int r = helper_run(c, LOOP_MS, argv, &reply, err);

	if (r < 0)
		return r;
	snprintf(d.path, sizeof(d.path), "%s", reply_text(reply, "path"));
	d.devno = makedev((unsigned)reply_u64(reply, "major"),
			  (unsigned)reply_u64(reply, "minor"));
	d.size_bytes = reply_u64(reply, "size_bytes");
	if (d.size_bytes == 0)
		return err_set(err, ENODEV, "'%s' has no size: the image "
			       "behind it is empty", d.path);
	*out = d;
	return 0;
}

static int loop_device_find(const struct call *c,
			    const struct device_identity *id,
			    struct device *out, struct err *err)
{
	char dev[WORD_MAX], ino[WORD_MAX];
	const char *argv[4] = { "loop-find" };

	if (id->image) {
		argv[1] = id->image;
	} else {
		argv[1] = word_of_u64(dev, id->backing_dev);
		argv[2] = word_of_u64(ino, id->backing_ino);
	}
	return loop_ask(c, argv, out, err);
}

static int loop_device_attach(const struct call *c,
			      const struct device_identity *id,
			      struct device *out, struct err *err)
{
	const char *argv[] = { "loop-attach", id->image, NULL };
	int r;

	FAULT_POINT("host.loop.attach.before");
	r = loop_ask(c, argv, out, err);
	FAULT_POINT("host.loop.attach.after");
	return r;
}

/* --- devices of this machine --- */

static int match_result(const struct device_identity *id,
			const struct device_matches *m, struct device *out,
			struct err *err)
{
	char want[256];

	identity_describe(id, want, sizeof(want));
	if (m->n > 1)
		return err_set(err, ENOTUNIQ, "more than one device has %s: "
			       "'%s' and '%s'", want, m->d[0].path,
			       m->d[1].path);
	if (*m->not_yet)
		return err_set(err, ENODEV, "'%s' may have %s, but udev is not "
			       "done with it", m->not_yet, want);
	if (m->n == 0)
		return err_set(err, ENODEV, "no block device has %s; there "
			       "are: %s", want, *m->there ? m->there : "none");
	if (m->d[0].size_bytes == 0)
		return err_set(err, ENODEV, "'%s' with %s has no size yet",
			       m->d[0].path, want);
	if (device_make_node(&m->d[0], err) < 0)
		return -err->num;
	*out = m->d[0];
	return 0;
}

static int identity_check(const struct device_identity *id, struct err *err)
{
	if (id->serial || id->wwn || id->by_id || id->path ||
	    device_identity_is_loop(id))
		return 0;
	return err_set(err, EINVAL, "nothing is known by which to find the "
		       "device");
}

static int device_look(struct udev *udev, const struct device_identity *id,
		       struct device *out, struct err *err)
{
	struct device_matches m;
	struct err why = ERR_INIT;
	int r = device_match_all(udev, id, &m, &why);

	if (r == 0)
		r = match_result(id, &m, out, &why);
	if (r < 0 && err)
		*err = why;
	return r;
}

int device_find(const struct call *c, const struct device_identity *id,
		struct device *out, struct err *err)
{
	AUTO(auto_udev) struct udev *udev = NULL;
	int r = identity_check(id, err);

	if (r < 0)
		return r;
	if (device_identity_is_loop(id))
		return loop_device_find(c, id, out, err);
	udev = udev_new();
	if (!udev)
		return err_oom(err);
	return device_look(udev, id, out, err);
}

int device_still(const struct device *known, struct device *out,
		 struct err *err)
{
	const char *name = known->path + strlen("/dev/");
	struct device now;

	if (strncmp(known->path, "/dev/", strlen("/dev/")) != 0 ||
	    device_from_sysfs(name, &now) < 0)
		return err_set(err, ENODEV, "'%s' is gone", known->path);
	if (now.devno != known->devno ||
	    (now.diskseq && known->diskseq && now.diskseq != known->diskseq) ||
	    (*now.serial && *known->serial &&
	     strcmp(now.serial, known->serial) != 0))
		return err_set(err, ENODEV, "'%s' is another disk now",
			       known->path);
	*out = now;
	return 0;
}

int device_find_known(const struct call *c, const struct device_identity *id,
		      const struct device *known, struct device *out,
		      struct err *err)
{
	if (*known->path && !device_identity_is_loop(id) &&
	    device_still(known, out, NULL) == 0)
		return 0;
	return device_find(c, id, out, err);
}

/* A monitor of block devices, or NULL where there is no udev to hear. */
static struct udev_monitor *monitor_open(struct udev *udev)
{
	AUTO(auto_monitor) struct udev_monitor *m = NULL;

	m = udev_monitor_new_from_netlink(udev, "udev");
	if (!m ||
	    udev_monitor_filter_add_match_subsystem_devtype(m, "block",
							    NULL) < 0 ||
	    udev_monitor_enable_receiving(m) < 0)
		return NULL;
	return STEAL(m);
}

/* Sleeps until udev tells something, LOOK_MS passed, or the call ends. */
static int monitor_wait(const struct call *c, struct udev_monitor *m,
			int64_t end_ms, struct err *err)
{
	int64_t look_ms = clock_ms() + LOOK_MS;

	if (look_ms > end_ms)
		look_ms = end_ms;
	for (;;) {
		struct pollfd p = { .fd = m ? udev_monitor_get_fd(m) : -1,
				    .events = POLLIN };
		int64_t left_ms = call_left_ms(c, look_ms - clock_ms());
		int r = call_check(c, err);

		if (r < 0 || left_ms <= 0)
			return r;
		if (poll(&p, 1, (int)(left_ms < CANCEL_MS ? left_ms :
							     CANCEL_MS)) > 0) {
			/* What it was does not matter: all is looked at. */
			udev_device_unref(udev_monitor_receive_device(m));
			return 0;
		}
	}
}

static int did_not_appear(int64_t most_ms, const struct err *why,
			  struct err *err)
{
	return err_set(err, ENODEV, "the device did not appear within %lld s "
		       "(deviceTimeout): %s",
		       (long long)((most_ms + 999) / 1000), why->text);
}

static int device_await(const struct call *c, const struct device_identity *id,
			int64_t most_ms, struct device *out, struct err *err)
{
	AUTO(auto_udev) struct udev *udev = udev_new();
	AUTO(auto_monitor) struct udev_monitor *monitor = NULL;
	int64_t end_ms = clock_ms() + call_left_ms(c, most_ms);
	struct err over = ERR_INIT;

	if (!udev)
		return err_oom(err);
	/* Before the first look, so that nothing falls between. */
	monitor = monitor_open(udev);
	for (;;) {
		struct err why = ERR_INIT;
		int r = device_look(udev, id, out, &why);

		if (r == 0)
			return 0;
		if (r == -ENODEV && clock_ms() < end_ms) {
			r = monitor_wait(c, monitor, end_ms, &over);
			if (r == 0)
				continue;
			if (r == -ECANCELED)
				return err_set(err, ECANCELED, "%s",
					       over.text);
			r = -ENODEV;
		}
		if (r == -ENODEV)
			return did_not_appear(most_ms, &why, err);
		if (err)
			*err = why;
		return r;
	}
}

static int loop_await(const struct call *c, const struct device_identity *id,
		      int64_t most_ms, struct device *out, struct err *err)
{
	int64_t end_ms = clock_ms() + call_left_ms(c, most_ms);

	for (;;) {
		struct err why = ERR_INIT;
		int r = loop_device_find(c, id, out, &why);

		if (r == -ENODEV && clock_ms() >= end_ms)
			return did_not_appear(most_ms, &why, err);
		if (r != -ENODEV) {
			if (r < 0 && err)
				*err = why;
			return r;
		}
		r = call_sleep(c, LOOK_MS, err);
		if (r < 0)
			return r;
	}
}

int device_wait(const struct call *c, const struct device_identity *id,
		int64_t most_ms, struct device *out, struct err *err)
{
	int r = identity_check(id, err);

	if (r < 0)
		return r;
	if (id->image)
		return loop_device_attach(c, id, out, err);
	if (device_identity_is_loop(id))
		return loop_await(c, id, most_ms, out, err);
	return device_await(c, id, most_ms, out, err);
}

/* --- growth --- */

static const char *device_name(const struct device *dev)
{
	return dev->path + strlen("/dev/");
}

/* SCSI disks and NVMe controllers must be asked; virtio and rbd tell. Each path
 * of a multipath map is asked. */
static int rescan_device(const struct call *c, const char *name,
			 struct err *err)
{
	static const char *const files[] = { "device/rescan",
					     "device/rescan_controller" };
	char paths[16][512];
	const char *argv[18] = { "rescan" };
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *entry;
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(paths[n], sizeof(paths[n]), "/sys/class/block/%s/%s",
			 name, files[i]);
		if (access(paths[n], W_OK) == 0)
			n++;
	}
	snprintf(paths[n], sizeof(paths[n]), "/sys/class/block/%s/slaves",
		 name);
	dir = opendir(paths[n]);
	while (dir && n < ARRAY_SIZE(paths) && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(paths[n], sizeof(paths[n]),
			 "/sys/class/block/%s/device/rescan", entry->d_name);
		if (access(paths[n], W_OK) == 0)
			n++;
	}
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
		argv[i + 1] = paths[i];
	return helper_run(c, RESCAN_MS, argv, NULL, err);
}

static int loop_device_grow(const struct call *c,
			    const struct device_identity *id, struct err *err)
{
	const char *argv[] = { "loop-grow", id->image, NULL };

	FAULT_POINT("host.loop.grow.before");
	return id->image ? helper_run(c, LOOP_MS, argv, NULL, err) : 0;
}

int device_rescan(const struct call *c, const struct device_identity *id,
		  struct device *dev, uint64_t want_bytes, struct err *err)
{
	int64_t end_ms = clock_ms() + call_left_ms(c, RESCAN_MS);
	int r;

	r = device_identity_is_loop(id) ? loop_device_grow(c, id, err) :
				   rescan_device(c, device_name(dev), err);
	if (r < 0)
		return r;
	for (;;) {
		struct device now;

		if (device_from_sysfs(device_name(dev), &now) < 0 ||
		    now.devno != dev->devno)
			return err_set(err, ENODEV, "'%s' went away while it "
				       "grew", dev->path);
		if (now.size_bytes >= want_bytes) {
			dev->size_bytes = now.size_bytes;
			return 0;
		}
		if (clock_ms() >= end_ms)
			return err_set(err, ETIMEDOUT, "'%s' still has %llu "
				       "bytes, not %llu: the service grew the "
				       "volume, this machine does not see it",
				       dev->path,
				       (unsigned long long)now.size_bytes,
				       (unsigned long long)want_bytes);
		r = call_sleep(c, LOOK_MS, err);
		if (r < 0)
			return r;
	}
}

/* --- letting go --- */

int device_check_free(const struct call *c, const struct device *dev,
		      struct err *err)
{
	char n_major[WORD_MAX], n_minor[WORD_MAX];
	const char *argv[] = { "exclusive-open", dev->path,
			       word_of_u64(n_major, major(dev->devno)),
			       word_of_u64(n_minor, minor(dev->devno)), NULL };
	AUTO(auto_buf) struct buf who = BUF_INIT(300);
	struct err why = ERR_INIT;
	int r = device_helper_run(c, LOOP_MS, dev, argv, NULL, &why);

	if (r == -ENXIO || r == -ENOENT || r == -ENODEV)
		return 0; /* it is gone: nobody can hold it */
	if (r == 0)
		return 0;
	if (r != -EBUSY) {
		if (err)
			*err = why;
		return r;
	}
	mount_holders(dev->devno, NULL, 4, &who);
	return err_set(err, EBUSY, "'%s' is in use%s%s", dev->path,
		       who.len ? ": " : " (by whom was not found: see lsof, "
					"lsblk)", buf_str(&who));
}

int device_release(const struct call *c, const struct device_identity *id,
		   struct err *err)
{
	char wait[WORD_MAX];
	const char *argv[] = { "loop-detach", id->image,
			       word_of_u64(wait, DETACH_WAIT_MS), NULL };
	AUTO(auto_buf) struct buf who = BUF_INIT(300);
	struct device dev;
	struct err why = ERR_INIT;
	int r;

	if (!id->image)
		return 0;
	FAULT_POINT("host.loop.detach.before");
	r = helper_run(c, LOOP_MS, argv, NULL, &why);
	FAULT_POINT("host.loop.detach.after");
	if (r == -EBUSY && loop_device_find(c, id, &dev, NULL) == 0) {
		mount_holders(dev.devno, NULL, 4, &who);
		if (who.len)
			return err_set(err, EBUSY, "'%s' is in use: %s",
				       dev.path, buf_str(&who));
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

int device_set_autoclear(const struct call *c, const struct device_identity *id,
			 bool on, struct err *err)
{
	const char *argv[] = { "loop-autoclear", id->image, on ? "1" : "0",
			       NULL };

	return id->image ? helper_run(c, LOOP_MS, argv, NULL, err) : 0;
}

/* --- listing --- */

uint64_t device_newest(void)
{
	AUTO(auto_dir) DIR *dir = opendir("/sys/class/block");
	struct dirent *entry;
	uint64_t newest = 0;
	struct device d;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    device_from_sysfs(entry->d_name, &d) == 0 &&
		    d.diskseq > newest)
			newest = d.diskseq;
	return newest;
}

static int skip_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int device_list_json(struct buf *out, struct err *err)
{
	struct dirent **names = NULL;
	int i, n = scandir("/sys/class/block", &names, skip_dots, versionsort);

	if (n < 0)
		return err_errno(err, errno, "list /sys/class/block");
	for (i = 0; i < n; i++) {
		struct device d;

		/* Without size: a loop device or drive with nothing in it. */
		if (device_from_sysfs(names[i]->d_name, &d) == 0 &&
		    d.size_bytes > 0) {
			buf_puts(out, "{\"device\":");
			buf_json_string(out, d.path);
			buf_printf(out, ",\"major_minor\":\"%u:%u\"",
				   major(d.devno), minor(d.devno));
			buf_puts(out, ",\"serial\":");
			buf_json_string(out, *d.serial ? d.serial : NULL);
			buf_printf(out, ",\"size_bytes\":%llu}\n",
				   (unsigned long long)d.size_bytes);
		}
		free(names[i]);
	}
	free(names);
	return buf_failed(out) ? err_oom(err) : 0;
}
