/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host/device_watch.h"

#include <errno.h>
#include <libudev.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/auto.h"

/* The kernel's own messages: first with what goes, and without a udev daemon.
 * udev's: only then are links and serials of what came known. */
enum source { FROM_KERNEL, FROM_UDEV, SOURCES };

struct device_watch {
	struct udev *udev;
	struct udev_monitor *monitor[SOURCES];
	int stop_fd;
};

DEFINE_AUTO_PTR(auto_device, struct udev_device, udev_device_unref)

static struct udev_monitor *monitor_new(struct udev *udev, const char *name)
{
	struct udev_monitor *m = udev_monitor_new_from_netlink(udev, name);

	if (m &&
	    udev_monitor_filter_add_match_subsystem_devtype(m, "block",
							    NULL) >= 0 &&
	    udev_monitor_enable_receiving(m) >= 0)
		return m;
	udev_monitor_unref(m);
	return NULL;
}

int device_watch_new(struct device_watch **out, struct err *err)
{
	struct device_watch *w = calloc(1, sizeof(*w));
	int num;

	if (!w)
		return err_oom(err);
	errno = ENOMEM;
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->udev = w->stop_fd < 0 ? NULL : udev_new();
	if (w->udev) {
		w->monitor[FROM_KERNEL] = monitor_new(w->udev, "kernel");
		w->monitor[FROM_UDEV] = monitor_new(w->udev, "udev");
	}
	if (w->monitor[FROM_KERNEL] && w->monitor[FROM_UDEV]) {
		*out = w;
		return 0;
	}
	num = errno ? errno : EIO;
	device_watch_free(w);
	return err_errno(err, num, "listen to the kernel's news of devices");
}

void device_watch_free(struct device_watch *w)
{
	if (!w)
		return;
	for (int i = 0; i < SOURCES; i++)
		udev_monitor_unref(w->monitor[i]);
	udev_unref(w->udev);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	free(w);
}

void device_watch_stop(struct device_watch *w)
{
	eventfd_write(w->stop_fd, 1);
}

/* 1: news that counts. 0: none of ours. */
static int receive(struct udev_monitor *m, enum source from,
		   struct device_event *out)
{
	AUTO(auto_device) struct udev_device *d = NULL;
	const char *action;
	bool went;

	errno = 0;
	d = udev_monitor_receive_device(m);
	if (!d) {
		*out = (struct device_event){ .news = DEVICE_MISSED };
		return errno == ENOBUFS;
	}
	action = udev_device_get_action(d);
	went = action && strcmp(action, "remove") == 0;
	*out = (struct device_event){
		.news = went ? DEVICE_WENT : DEVICE_CAME,
		.devno = udev_device_get_devnum(d),
	};
	return went == (from == FROM_KERNEL);
}

int device_watch_next(struct device_watch *w, struct device_event *out)
{
	struct pollfd p[SOURCES + 1] = { { .fd = -1 } };

	for (int i = 0; i < SOURCES; i++)
		p[i] = (struct pollfd){
			.fd = udev_monitor_get_fd(w->monitor[i]),
			.events = POLLIN };
	p[SOURCES] = (struct pollfd){ .fd = w->stop_fd, .events = POLLIN };
	for (;;) {
		if (poll(p, SOURCES + 1, -1) < 0 && errno != EINTR)
			return -EIO;
		if (p[SOURCES].revents)
			return -ECANCELED;
		for (int i = 0; i < SOURCES; i++) {
			if (p[i].revents & (POLLHUP | POLLNVAL))
				return -EIO;
			if (p[i].revents &&
			    receive(w->monitor[i], (enum source)i, out))
				return 0;
		}
	}
}
