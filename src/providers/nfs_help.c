/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nfs driver's helper process: finds a server that answers, mounts the
 * share in a namespace of its own, does one operation, and ends, and with it
 * the mount. It may sleep for as long as the server does; the daemon waits
 * until its deadline and no longer.
 */
#include "providers/nfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/host/share.h"

static const struct {
	const char *name;
	int (*run)(struct nfs_work *w, struct err *err);
	bool makes;               /* the volumes' directory, if it is missing */
} operations[] = {
	{ "attach", nfs_do_attach, false },
	{ "change", nfs_do_change, false },
	{ "create", nfs_do_create, true },
	{ "discard", nfs_do_discard, false },
	{ "get", nfs_do_get, false },
	{ "import", nfs_do_import, false },
	{ "list", nfs_do_list, false },
	{ "remove", nfs_do_remove, false },
	{ "rename", nfs_do_rename, false },
	{ "restore", nfs_do_restore, false },
	{ "snapshot", nfs_do_snapshot, false },
	{ "snapshot-remove", nfs_do_snapshot_remove, false },
};

/* The first of the servers that answers. */
static int choose_server(struct nfs_work *w, struct err *err)
{
	struct json_object *servers = json_find(w->q, "servers");
	size_t n = json_object_is_type(servers, json_type_array) ?
			   json_object_array_length(servers) : 0;
	int r = err_set(err, EINVAL, "no server is configured");
	char port[16];

	snprintf(port, sizeof(port), "%" PRIu64, nfs_number(w->q, "port"));
	for (size_t i = 0; i < n && r < 0; i++) {
		const char *server = json_object_get_string(
			json_object_array_get_idx(servers, i));

		snprintf(w->server, sizeof(w->server), "%s", server);
		r = nfs_probe(server, port,
			      (int64_t)nfs_number(w->q, "timeout_ms"), err);
	}
	return r;
}

/* What the kernel says when a server goes away in the middle is an I/O error,
 * or less; whether it answers is a better sentence. */
static int say_if_away(struct nfs_work *w, int r, struct err *err)
{
	struct err away = ERR_INIT;
	char port[16];

	if (!*w->server || (r != -EIO && r != -EHOSTUNREACH && r != -ESTALE))
		return r;
	snprintf(port, sizeof(port), "%" PRIu64, nfs_number(w->q, "port"));
	if (nfs_probe(w->server, port, (int64_t)nfs_number(w->q, "timeout_ms"),
		      &away) == 0)
		return r;
	*err = away;
	return -away.num;
}

/* The share, mounted for this process alone. */
static int mount_share(struct nfs_work *w, struct err *err)
{
	const char *target = nfs_text(w->q, "target");
	AUTO(auto_free) char *source = NULL;
	struct share m = { .target = target, .fstype = "nfs",
			   .options = nfs_text(w->q, "options") };
	int fd, r = choose_server(w, err);

	if (r < 0)
		return r;
	source = nfs_source(w->server, nfs_text(w->q, "path"), NULL, NULL);
	if (!source)
		return err_oom(err);
	m.source = source;
	r = share_unshare(err);
	if (r == 0)
		r = share_mount(&m, err);
	/* The share itself missing is no volume missing. */
	if (r == -ENOENT)
		err->num = EIO, r = -EIO;
	if (r < 0)
		return r;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? nfs_fail(err, errno, "opening the share '%s'", source)
		      : fd;
}

/* One that the machine mounts by itself. Without its mount that directory is
 * an empty one, where volumes would seem to be gone. */
static int open_mounted(const char *path, struct err *err)
{
	AUTO(auto_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statx sx;

	if (fd < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) < 0)
		return err_set(err, EIO, "'mountedAt' '%s' cannot be opened: %s",
			       path, strerrordesc_np(errno));
	if (!(sx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return err_set(err, EIO, "nothing is mounted at 'mountedAt' '%s': mount the share there",
			       path);
	return STEAL_FD(fd);
}

static int open_root(struct nfs_work *w, bool makes, struct err *err)
{
	const char *sub = nfs_text(w->q, "sub_dir");
	const char *mounted = nfs_text(w->q, "mounted_at");
	AUTO(auto_fd) int share = *mounted ? open_mounted(mounted, err)
					   : mount_share(w, err);

	if (share < 0)
		return share;
	w->root = nfs_open_dir(share, *sub ? sub : ".");
	if (w->root == -ENOENT && makes)
		w->root = nfs_make_dirs(share, sub);
	if (w->root == -ENOENT)       /* nothing was ever made here */
		return 0;
	return w->root < 0 ? nfs_fail(err, -w->root, "opening 'subDir' '%s' of the share",
				      sub) : 0;
}

static int run(struct nfs_work *w, const char *name, struct err *err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (strcmp(operations[i].name, name) != 0)
			continue;
		r = open_root(w, operations[i].makes, err);
		if (r == 0)
			r = operations[i].run(w, err);
		return r < 0 ? say_if_away(w, r, err) : 0;
	}
	return err_set(err, EINVAL, "the helper of nfs knows no '%s'", name);
}

int nfs_help(int argc, char **argv, struct json_object *reply,
	     struct err *err)
{
	AUTO(auto_json) struct json_object *q = NULL;
	struct nfs_work w = { .reply = reply, .root = -1 };
	int r;

	if (argc != 2)
		return err_set(err, EINVAL, "the helper of nfs takes two words");
	r = json_parse_bytes(argv[1], strlen(argv[1]),
			     "the request to the helper of nfs", &q, err);
	if (r < 0)
		return r;
	/* A daemon that is killed takes it along: the next one asks anew. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	umask(0);
	w.q = q;
	w.token = nfs_text(q, "token");
	r = run(&w, argv[0], err);
	if (r == 0 && *w.server)
		r = nfs_put_text(reply, "server", w.server);
	return r;
}
