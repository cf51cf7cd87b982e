/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the kernel: readers, replies, the barrier. */
#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "fs/mount_options.h"

/* A request with its headers: what libfuse offers for max_write is cut to
 * 128 KiB; a READ's pages come from the reply. */
#define WRITE_MAX (128 * 1024)
#define REQUEST_MAX (WRITE_MAX + 8192)
#define STACK_BYTES (256 * 1024)

/* Readers have a slot each; the others are for workers that answer mkdir. */
#define SLOTS (READERS + 28)

/* <linux/fuse.h> of Debian 12 is older than this one. */
#define INIT_NO_EXPORT_SUPPORT (UINT64_C(1) << 38)

struct epoch {
	_Alignas(64) _Atomic uint64_t count;     /* odd: an answer is in hand */
	atomic_bool taken;                       /* by a worker */
	_Atomic int64_t left_ns;                 /* when last left */
};

struct reader {
	struct tree_session *session;
	pthread_t thread;
	bool started;
	atomic_bool ended;
	char *request;
	struct epoch *epoch;
};

struct tree_session {
	struct fs *fs;
	struct fuse_session *fuse;
	int fd;
	bool mounted;
	uint64_t mount_id;                       /* 0: not known */
	atomic_bool stopping, initialized;
	uint64_t init_unique;
	bool init_extended, init_no_export;
	struct reader readers[READERS];
	struct epoch epochs[SLOTS];
	pthread_mutex_t lock;                    /* for the condition */
	pthread_cond_t init_done;
};

static _Thread_local struct reader *this_reader;
static _Thread_local struct epoch *this_epoch;

/* ---- the barrier ---- */

struct epoch *epoch_enter(struct tree_session *s)
{
	struct epoch *e = this_epoch;

	for (unsigned i = READERS; !e; i = i + 1 < SLOTS ? i + 1 : READERS) {
		if (!atomic_exchange(&s->epochs[i].taken, true))
			e = &s->epochs[i];
		else if (i + 1 == SLOTS)
			sched_yield();
	}
	atomic_fetch_add(&e->count, 1);
	return e;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void epoch_leave(struct epoch *e)
{
	atomic_store_explicit(&e->left_ns, now_ns(), memory_order_relaxed);
	atomic_fetch_add(&e->count, 1);
	if (e != this_epoch)
		atomic_store(&e->taken, false);
}

void session_barrier(struct tree_session *s)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t seen = atomic_load(&s->epochs[i].count);

		for (unsigned n = 0; (seen & 1) &&
		     atomic_load(&s->epochs[i].count) == seen; n++) {
			if (n < 100)
				sched_yield();
			else
				nanosleep(&(struct timespec){
					.tv_nsec = 50000 }, NULL);
		}
	}
}

int64_t session_quiet_ns(struct tree_session *s)
{
	int64_t last = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t left = atomic_load(&s->epochs[i].left_ns);

		if (left > last)
			last = left;
	}
	return now_ns() - last;
}

#ifdef VOLFS_FAULT_POINTS
/*
 * VOLFS_HOOK="OPERATION NAME FILE": an answer to that operation for that name
 * is held, once it has been made and before it is written, until FILE exists;
 * FILE.held is made first. Only while FILE.armed exists.
 */
void session_hook(const char *operation, const char *name)
{
	const char *hook = getenv("VOLFS_HOOK"), *file;
	char who[512], path[1100];
	int fd, n;

	n = snprintf(who, sizeof(who), "%s %s ", operation, name);
	if (!hook || n < 0 || strncmp(hook, who, (size_t)n) != 0)
		return;
	file = hook + n;
	snprintf(path, sizeof(path), "%s.armed", file);
	if (unlink(path) < 0)
		return;
	snprintf(path, sizeof(path), "%s.held", file);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	while (access(file, F_OK) < 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}
#endif

/* ---- replies and notifications ---- */

static void init_patch(struct tree_session *s, struct iovec *iov, int count)
{
	const struct fuse_out_header *head = iov[0].iov_base;
	struct fuse_init_out *out;

	if (count < 2 || head->error || head->unique != s->init_unique ||
	    iov[1].iov_len < sizeof(*out))
		return;
	out = iov[1].iov_base;
	if (s->init_extended && s->init_no_export) {
		/* Else a container that holds one volume opens every other by
		 * file handle. */
		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= (uint32_t)(INIT_NO_EXPORT_SUPPORT >> 32);
	}
}

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *data)
{
	struct fs *fs = data;
	struct tree_session *s = fs->session;
	bool init = !atomic_load(&s->initialized);
	ssize_t n;

	if (init)
		init_patch(s, iov, count);
	n = writev(fd, iov, count);
	if (init && n > 0) {
		LOCK_SCOPE(&s->lock);
		atomic_store(&s->initialized, true);
		pthread_cond_broadcast(&s->init_done);
	}
	return n;
}

static ssize_t device_read(int fd, void *buf, size_t len, void *data)
{
	return read(fd, buf, len);
}

bool session_inval(struct tree_session *s, uint64_t ino, bool entries)
{
	int r;

	if (!s)
		return true;
	r = fuse_lowlevel_notify_inval_inode(s->fuse, ino, entries ? 0 : -1,
					     0);
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -ENOTCONN)
		log_debug("invalidate node %llx: %s", (unsigned long long)ino,
			  strerror(-r));
	return r != -ENOENT;
}

void session_wake(struct tree_session *s, uint64_t kh)
{
	struct fuse_notify_poll_wakeup_out wake = { .kh = kh };
	struct fuse_out_header head = {
		.len = sizeof(head) + sizeof(wake), .error = FUSE_NOTIFY_POLL,
	};
	struct iovec iov[] = { { &head, sizeof(head) },
			       { &wake, sizeof(wake) } };

	if (s && writev(s->fd, iov, 2) < 0 && errno != ENOENT)
		log_debug("wake a poller: %s", strerror(errno));
}

/* ---- readers ---- */

const struct fuse_in_header *session_request(void)
{
	return this_reader ? (const void *)this_reader->request : NULL;
}

static void init_look(struct tree_session *s, const struct fuse_in_header *in)
{
	const struct fuse_init_in *init = (const void *)(in + 1);

	s->init_unique = in->unique;
	if (in->len < sizeof(*in) + sizeof(*init) ||
	    !(init->flags & FUSE_INIT_EXT))
		return;
	s->init_extended = true;
	s->init_no_export = init->flags2 &
			    (uint32_t)(INIT_NO_EXPORT_SUPPORT >> 32);
}

static void reader_request(struct reader *r, size_t len)
{
	struct tree_session *s = r->session;
	struct fuse_in_header *in = (void *)r->request;
	struct fuse_buf buf = { .mem = r->request, .size = len };
	unsigned generation;

	if (len < sizeof(*in))
		return;
	if (in->opcode == FUSE_INTERRUPT) {
		const struct fuse_interrupt_in *which = (const void *)(in + 1);

		pending_interrupt(s->fs, which->unique & ~UNIQUE_RESEND);
		return;
	}
	if (in->opcode == FUSE_INIT)
		init_look(s, in);
	generation = engine_enter(s->fs->engine);
	fuse_session_process_buf(s->fuse, &buf);
	engine_leave(s->fs->engine, generation);
}

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	struct tree_session *s = r->session;

	this_reader = r;
	this_epoch = r->epoch;
	while (!atomic_load(&s->stopping)) {
		ssize_t n = read(s->fd, r->request, REQUEST_MAX);

		if (n >= 0) {
			reader_request(r, (size_t)n);
			continue;
		}
		if (errno == EINTR || errno == EAGAIN || errno == ENOENT)
			continue;
		if (errno == ENOMEM || errno == ENFILE || errno == EMFILE) {
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 },
				  NULL);
			continue;
		}
		if (errno != ENODEV)
			log_error("read /dev/fuse: %s", strerror(errno));
		if (!atomic_load(&s->stopping))
			fs_end(s->fs, FS_END_UNMOUNTED);
		break;
	}
	atomic_store(&r->ended, true);
	return NULL;
}

static void reader_poke(int number)
{
	/* Only there to end a read. */
}

static int reader_start(struct tree_session *s, unsigned i, struct err *err)
{
	struct reader *r = &s->readers[i];
	pthread_attr_t attr;
	int r2;

	r->session = s;
	r->epoch = &s->epochs[i];
	r->request = mmap(NULL, REQUEST_MAX, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->request == MAP_FAILED) {
		r->request = NULL;
		return err_oom(err);
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r2 = pthread_create(&r->thread, &attr, reader_run, r);
	pthread_attr_destroy(&attr);
	if (r2)
		return err_errno(err, r2, "start a reader thread");
	r->started = true;
	return 0;
}

int session_start(struct tree_session *s, struct err *err)
{
	struct sigaction poke = { .sa_handler = reader_poke };
	struct timespec until = clock_timespec(clock_ms() + 10000);
	int r;

	sigaction(SIGUSR2, &poke, NULL);
	for (unsigned i = 0; i < READERS; i++) {
		r = reader_start(s, i, err);
		if (r < 0)
			return r;
	}
	LOCK_SCOPE(&s->lock);
	while (!atomic_load(&s->initialized)) {
		r = pthread_cond_timedwait(&s->init_done, &s->lock, &until);
		if (r)
			return err_set(err, ETIMEDOUT, "the kernel did not "
				       "begin the FUSE session at '%s'",
				       s->fs->mount_point);
	}
	if (!s->init_no_export)
		log_info("this kernel (before Linux 6.9) opens files of the "
			 "tree by handle, past every path: a container that "
			 "has a part of it should not have "
			 "CAP_DAC_READ_SEARCH");
	return 0;
}

/* ---- mount ---- */

/* Of what lies on top at @path, without asking its file system; 0: an old
 * kernel does not tell. */
static uint64_t mount_id_at(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT |
		  AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID))
		return 0;
	return st.stx_mnt_id;
}

static int tree_mount(struct tree_session *s, const char *options,
		      struct err *err)
{
	const char *at = s->fs->mount_point;
	unsigned long flags = MS_NOSUID | MS_NODEV;
	char data[256];
	int r = mount_options_parse(options, &flags, err);

	if (r < 0)
		return r;
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,"
		 "group_id=0,allow_other,default_permissions,max_read=%d",
		 s->fd, WRITE_MAX);
	if (mount("volfs", at, "fuse.volfs", flags, data) < 0)
		return err_errno(err, errno, "mount the tree at '%s'", at);
	s->mounted = true;
	s->mount_id = mount_id_at(at);
	/* So that a container with rslave sees data mounted later. */
	if (mount("none", at, "none", MS_SHARED, NULL) < 0)
		return err_errno(err, errno, "make the mount at '%s' shared",
				 at);
	return 0;
}

static int fuse_open(struct tree_session *s, struct err *err)
{
	static const struct fuse_custom_io io = {
		.writev = device_writev, .read = device_read,
	};
	char *argv[] = { (char *)"volfsd", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	s->fuse = fuse_session_new(&args, &tree_ops, sizeof(tree_ops), s->fs);
	fuse_opt_free_args(&args);
	if (!s->fuse)
		return err_set(err, ENOMEM, "make a FUSE session");
	s->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (s->fd < 0)
		return err_errno(err, errno, "open /dev/fuse (is the kernel "
				 "module fuse there?)");
	if (fuse_session_custom_io(s->fuse, &io, s->fd) < 0)
		return err_set(err, EINVAL, "libfuse refused its session");
	return 0;
}

int session_open(struct fs *fs, const char *options, struct err *err)
{
	struct tree_session *s = aligned_alloc(64, sizeof(*s));
	pthread_condattr_t attr;
	int r;

	if (!s)
		return err_oom(err);
	memset(s, 0, sizeof(*s));
	s->fs = fs;
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->init_done, &attr);
	pthread_condattr_destroy(&attr);
	fs->session = s;
	r = fuse_open(s, err);
	if (r == 0)
		r = tree_mount(s, options, err);
	return r;
}

static void readers_stop(struct tree_session *s)
{
	for (unsigned i = 0; i < READERS; i++) {
		struct reader *r = &s->readers[i];

		/* A signal may come just before the read it is to end. */
		while (r->started && !atomic_load(&r->ended)) {
			pthread_kill(r->thread, SIGUSR2);
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 },
				  NULL);
		}
		if (r->started)
			pthread_join(r->thread, NULL);
		if (r->request)
			munmap(r->request, REQUEST_MAX);
	}
}

static void tree_unmount(struct tree_session *s)
{
	const char *at = s->fs->mount_point;

	if (s->mount_id && mount_id_at(at) != s->mount_id) {
		log_debug("the tree is no longer what is mounted at '%s'", at);
		return;
	}
	/* Lazily: whoever has a file open gets an error from the closed
	 * connection and does not hang. What is mounted below stays mounted at
	 * its private place. */
	if (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 &&
	    errno != EINVAL && errno != ENOENT)
		log_warn("unmount the tree at '%s': %s", at, strerror(errno));
}

void session_stop(struct tree_session *s)
{
	if (!s)
		return;
	atomic_store(&s->stopping, true);
	if (s->mounted)
		tree_unmount(s);
	readers_stop(s);
}

void session_free(struct tree_session *s)
{
	if (!s)
		return;
	if (s->fuse)
		fuse_session_destroy(s->fuse);   /* closes the descriptor */
	else if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->init_done);
	free(s);
}
