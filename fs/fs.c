/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the file system share, and what the engine asks of it. */
#include "fs/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "fs/fuse_reply.h"
#include "fs/opens.h"
#include "fs/publish.h"

void fs_end(struct fs *fs, enum fs_end why)
{
	int none = 0;
	uint64_t one = 1;

	atomic_compare_exchange_strong(&fs->end_why, &none, (int)why);
	if (write(fs->end_fd, &one, sizeof(one)) < 0) {
		/* Full: then it is awake already. */
	}
}

static char *host_data_path(void *arg, const char *service, const char *volume)
{
	struct fs *fs = arg;
	char *path;

	if (asprintf(&path, "%s/%s/%s/data", fs->mount_point, service,
		     volume) < 0)
		return NULL;
	return path;
}

static uint64_t host_volume_ino(void *arg, struct service *s, uint64_t serial)
{
	return node_make(service_number(s), serial, VOLUME_DIR);
}

static bool host_tree_is_up(void *arg)
{
	struct fs *fs = arg;

	return atomic_load(&fs->tree_is_up);
}

static void host_end(void *arg)
{
	fs_end(arg, FS_END_DOWN);
}

void fs_host(struct fs *fs, struct engine_host *host)
{
	*host = (struct engine_host){
		.arg = fs, .changed = publish_changed,
		.data_path = host_data_path, .volume_ino = host_volume_ino,
		.tree_is_up = host_tree_is_up,
		.end = host_end,
	};
}

int fs_init(struct fs *fs, const char *mount_point, const char *version)
{
	int64_t now_s = clock_unix_s();

	fs->version = version;
	fs->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fs->mount_point = strdup(mount_point);
	fs->names = names_new();
	fs->opens = opens_new();
	fs->pendings = pendings_new();
	atomic_store(&fs->root_at_s, now_s);
	atomic_store(&fs->daemon_at_s, now_s);
	atomic_store(&fs->jobs_at_s, now_s);
	atomic_store(&fs->events_at_s, now_s);
	if (fs->end_fd < 0 || !fs->mount_point || !fs->names || !fs->opens ||
	    !fs->pendings)
		return -ENOMEM;
	return 0;
}

void fs_done(struct fs *fs)
{
	publisher_free(fs->publisher);
	pendings_free(fs->pendings);
	opens_free(fs->opens);
	names_free(fs->names);
	free(fs->mount_point);
	if (fs->end_fd > 0)
		close(fs->end_fd);
}
