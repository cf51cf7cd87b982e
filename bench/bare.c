/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare [-k] [-n VOLUMES] [-s SHAPE] MOUNTPOINT: a FUSE server that does
 * nothing but answer, to compare volfsd with.
 *
 * It shows MOUNTPOINT/cloud/vol-000001/..., as the simulated cloud names its
 * volumes, with the entries of SHAPE ("d|f SIZE NAME" a line, made by the bench
 * from a volume of volfsd) in each; without one there is only a file "status"
 * of 1024 bytes. Nothing is rendered, looked up or locked: attributes come
 * from the node id, content from one buffer.
 *
 * What it has in common with volfsd is what its design says of the kernel's
 * side: libfuse's low-level API, an own pool of 4 threads on one descriptor,
 * infinite timeouts, READDIRPLUS always, cached listings, no FLUSH, files with
 * DIRECT_IO, or with -k from the page cache (then the server is not read from).
 *
 * Prints "ready" once it answers; ends with SIGTERM, or when it is unmounted.
 */
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

#define THREADS 4
#define FOREVER_S 1e6
#define ENTRIES_MAX 128
#define PIECE_MAX (128 * 1024)   /* as volfsd: one request's data */

/* Node ids: 1 the root, 2 "cloud", else volume << 8 | entry; entry 1 is the
 * volume's directory, the others are those of the shape. */
#define INO_CLOUD 2
#define ENTRY_DIR 1
#define ENTRY_FIRST 2

static struct entry {
	char name[256];
	bool directory;
	uint64_t size;
} entries[ENTRIES_MAX];
static size_t n_entries;
static uint64_t n_volumes = 10;
static bool keep_cache;
static char *content;
static uint64_t content_size;
static struct fuse_session *session;

/* ---- nodes ---- */

static uint64_t ino_make(uint64_t volume, uint64_t entry)
{
	return volume << 8 | entry;
}

static const struct entry *entry_of(uint64_t ino)
{
	uint64_t at = (ino & 0xff) - ENTRY_FIRST;

	return ino >> 8 && at < n_entries ? &entries[at] : NULL;
}

static int node_stat(uint64_t ino, struct stat *st)
{
	const struct entry *e = entry_of(ino);

	if (ino >> 8 > n_volumes || (ino >> 8 && !e && (ino & 0xff) != 1))
		return ENOENT;
	*st = (struct stat){ .st_ino = ino, .st_mode = S_IFDIR | 0755,
			     .st_nlink = 1, .st_blksize = 4096 };
	if (e && !e->directory) {
		st->st_mode = S_IFREG | 0444;
		st->st_size = (off_t)e->size;
	}
	return 0;
}

static int entry_fill(uint64_t ino, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){ .ino = ino,
					.attr_timeout = FOREVER_S,
					.entry_timeout = FOREVER_S };
	return node_stat(ino, &e->attr);
}

static uint64_t child_find(uint64_t parent, const char *name)
{
	uint64_t n = 0;

	if (parent == FUSE_ROOT_ID)
		return strcmp(name, "cloud") ? 0 : INO_CLOUD;
	if (parent == INO_CLOUD) {
		if (strncmp(name, "vol-", 4))
			return 0;
		for (name += 4; *name >= '0' && *name <= '9'; name++)
			n = n * 10 + (uint64_t)(*name - '0');
		return *name || n == 0 || n > n_volumes ? 0 :
		       ino_make(n, ENTRY_DIR);
	}
	for (size_t i = 0; (parent & 0xff) == ENTRY_DIR && i < n_entries; i++)
		if (!strcmp(entries[i].name, name))
			return ino_make(parent >> 8, ENTRY_FIRST + i);
	return 0;
}

/* The child at @at, from 0 on; its name to @name. 0: there are no more. */
static uint64_t child_at(uint64_t parent, uint64_t at, char *name, size_t room)
{
	if (parent == FUSE_ROOT_ID && at == 0) {
		snprintf(name, room, "cloud");
		return INO_CLOUD;
	}
	if (parent == INO_CLOUD && at < n_volumes) {
		snprintf(name, room, "vol-%06llu", (unsigned long long)at + 1);
		return ino_make(at + 1, ENTRY_DIR);
	}
	if (parent >> 8 && (parent & 0xff) == ENTRY_DIR && at < n_entries) {
		snprintf(name, room, "%s", entries[at].name);
		return ino_make(parent >> 8, ENTRY_FIRST + at);
	}
	return 0;
}

/* ---- operations ---- */

static void bare_init(void *arg, struct fuse_conn_info *c)
{
	c->want = c->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_READDIRPLUS |
				FUSE_CAP_AUTO_INVAL_DATA |
				FUSE_CAP_PARALLEL_DIROPS);
	c->max_read = PIECE_MAX;
	c->max_write = PIECE_MAX;
	c->max_readahead = PIECE_MAX;
}

static void bare_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	uint64_t ino = child_find(parent, name);
	struct fuse_entry_param e;

	if (!ino || entry_fill(ino, &e))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void bare_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	fuse_reply_none(req);
}

static void bare_forget_multi(fuse_req_t req, size_t n,
			      struct fuse_forget_data *f)
{
	fuse_reply_none(req);
}

static void bare_getattr(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	struct stat st;
	int r = node_stat(ino, &st);

	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_attr(req, &st, FOREVER_S);
}

static void bare_open(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	fi->direct_io = !keep_cache;
	fi->keep_cache = keep_cache;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void bare_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	const struct entry *e = entry_of(ino);
	uint64_t at = (uint64_t)off;

	if (!e || at >= e->size)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, content + at,
			       e->size - at < size ? e->size - at : size);
}

static void bare_release(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void bare_opendir(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void bare_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			     off_t off, struct fuse_file_info *fi)
{
	AUTO(auto_free) char *data = malloc(size);
	struct fuse_entry_param e;
	char name[256];
	size_t len = 0;
	uint64_t child;

	for (; data && (child = child_at(ino, (uint64_t)off, name,
					 sizeof(name))); off++) {
		size_t need;

		entry_fill(child, &e);
		need = fuse_add_direntry_plus(req, data + len, size - len,
					      name, &e, off + 1);
		if (need > size - len)
			break;
		len += need;
	}
	if (data)
		fuse_reply_buf(req, data, len);
	else
		fuse_reply_err(req, ENOMEM);
}

static void bare_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096,
			      .f_namemax = 255 };

	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops ops = {
	.init = bare_init, .lookup = bare_lookup, .forget = bare_forget,
	.forget_multi = bare_forget_multi, .getattr = bare_getattr,
	.open = bare_open, .read = bare_read, .release = bare_release,
	.opendir = bare_opendir, .readdirplus = bare_readdirplus,
	.releasedir = bare_release, .statfs = bare_statfs,
};

/* ---- life ---- */

static void *thread_run(void *arg)
{
	struct fuse_buf buf = { .mem = NULL };

	while (!fuse_session_exited(session)) {
		int n = fuse_session_receive_buf(session, &buf);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	kill(getpid(), SIGTERM);
	return NULL;
}

static void entry_add(const char *name, bool directory, uint64_t size)
{
	struct entry *e = &entries[n_entries++];

	snprintf(e->name, sizeof(e->name), "%s", name);
	e->directory = directory;
	e->size = size;
	if (size > content_size)
		content_size = size;
}

/* Lines "d|f SIZE NAME". False with a message. */
static bool shape_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];

	while (f && n_entries < ENTRIES_MAX && fgets(line, sizeof(line), f)) {
		char *size = line + 2, *name = strchr(size, ' ');
		uint64_t n;

		line[strcspn(line, "\n")] = '\0';
		if (!name || parse_u64(size, (size_t)(name - size), &n,
				       NULL) < 0) {
			fprintf(stderr, "bare: '%s' is no entry\n", line);
			fclose(f);
			return false;
		}
		entry_add(name + 1, line[0] == 'd', n);
	}
	if (!f)
		perror(path);
	else
		fclose(f);
	return f != NULL;
}

static int serve(const char *at)
{
	/* The kernel's size of one READ, as volfsd has it. */
	char *argv[] = { (char *)"bare", (char *)"-o",
			 (char *)"allow_other,default_permissions,max_read=131072",
			 NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	pthread_t thread;
	sigset_t end;
	int signal;

	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, at) < 0)
		return 1;
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, thread_run, NULL))
			return 1;
	puts("ready");
	fflush(stdout);
	sigwait(&end, &signal);
	umount2(at, MNT_DETACH);
	return 0;
}

int main(int argc, char **argv)
{
	const char *shape = NULL;
	int c;

	while ((c = getopt(argc, argv, "kn:s:")) != -1) {
		if (c == 'k')
			keep_cache = true;
		else if (c == 's')
			shape = optarg;
		else if (c != 'n' || parse_u64(optarg, strlen(optarg),
					       &n_volumes, NULL) < 0)
			optind = argc;
	}
	if (optind + 1 != argc) {
		fputs("Usage: bare [-k] [-n VOLUMES] [-s SHAPE] MOUNTPOINT\n",
		      stderr);
		return 2;
	}
	if (!shape)
		entry_add("status", false, 1024);
	else if (!shape_read(shape))
		return 1;
	content = malloc(content_size + 1);
	if (!content)
		return 1;
	for (uint64_t i = 0; i < content_size; i++)
		content[i] = i % 64 == 63 ? '\n' : 'x';
	return serve(argv[optind]);
}
