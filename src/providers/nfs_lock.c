/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of this machine at a time: the helper of a daemon that was
 * killed may still be at work when the next daemon's begins. Locks of the share
 * itself would wait for the server.
 */
#include "providers/nfs.h"

#include <fcntl.h>
#include <stdio.h>

/* A byte of the file for each id; 62 bits, so that two hardly ever meet. */
static off_t place_of(const char *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * 0x100000001b3u;
	return (off_t)(h >> 2);
}

int nfs_lock(struct nfs_work *w, const char *id, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			      .l_start = place_of(id), .l_len = 1 };
	char path[4096];
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/locks", nfs_text(w->q, "run")) >=
	    (int)sizeof(path))
		return err_set(err, EINVAL, "the run directory's path is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nfs_fail(err, errno, "opening '%s'", path);
	/* However long: the daemon ends this process at the deadline. The
	 * descriptor stays open, and the lock goes with the process. */
	do {
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? nfs_fail(err, errno, "locking '%s'", path) : 0;
}
