/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_SHARE_H
#define VOLFS_CORE_HOST_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Shares of servers, from within a helper process: mounting sleeps until the
 * server answers. Drivers may include this.
 */

struct share {
	const char *source;      /* "server:/path", "[fe80::1]:/path" */
	const char *target;      /* an existing directory */
	const char *fstype;      /* "nfs" or "nfs4" */
	const char *options;     /* comma-separated; may be "" */
	bool read_only;
};

/*
 * Mounts an NFS share: through libmount and mount.nfs where that is installed
 * (it knows every version and all of Kerberos), else by the kernel alone, to
 * which the server's address is resolved here and the versions 4.2, 4.1, 4.0
 * are offered in turn unless the options name one. Tries once and does not
 * come back to it later.
 * -EHOSTUNREACH: no answer; -EACCES, -ENOENT: refused; -EPROTO: no version in
 * common; -EINVAL: an option; -ENODEV: the kernel has no NFS.
 */
int share_mount(const struct share *m, struct err *err);

/* The host of a "host:/path" or "[address]:/path" in @out, without brackets.
 * Return: the path; NULL where @source is no such thing or too long. */
const char *share_host(const char *source, char *out, size_t room);

/* Gives this process a mount namespace of its own, which sees what others
 * mount and shows them nothing: what is mounted in it goes with the process. */
int share_unshare(struct err *err);

#endif
