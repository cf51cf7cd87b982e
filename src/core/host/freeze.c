/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The daemon's side of a freeze: first the journal, then the guard. A journal
 * file holds, as JSON, what is frozen and in which boot of the machine; after
 * a reboot nothing is frozen any more.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "core/host/commands.h"
#include "core/host/mount_internal.h"

/* Writing out what is dirty, before the freeze itself. */
#define FREEZE_SYNC_MS (5 * 60 * 1000)
#define FREEZE_THAW_MS 30000
#define JOURNAL_PREFIX "freeze-"

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

struct freeze {
	char path[PATH_MAX];
	char journal[PATH_MAX];
	pid_t guard;
	int socket;             /* its end tells the guard to thaw */
	dev_t devno;
};

static void freeze_free(struct freeze *f)
{
	if (f->socket >= 0)
		close(f->socket);
	free(f);
}

DEFINE_AUTO_PTR(auto_freeze, struct freeze, freeze_free)

/* --- the journal --- */

static void boot_id(char *out, size_t room)
{
	AUTO(auto_fd) int fd = open("/proc/sys/kernel/random/boot_id",
				    O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);

	out[n > 0 ? n : 0] = 0;
	out[strcspn(out, "\n")] = 0;
}

static int dir_sync(const char *dir)
{
	AUTO(auto_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int file_write_synced(const char *path, const char *text)
{
	AUTO(auto_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC |
						 O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int journal_write(const struct freeze *f, const char *dir,
			 const struct mount_entry *e, struct err *err)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(16384);
	char boot[64], part[PATH_MAX + 8];
	int r;

	boot_id(boot, sizeof(boot));
	buf_puts(&text, "{\"path\":");
	buf_json_string(&text, f->path);
	buf_puts(&text, ",\"device\":");
	buf_json_string(&text, e->source);
	buf_puts(&text, ",\"fstype\":");
	buf_json_string(&text, e->fstype);
	buf_printf(&text, ",\"devno\":%llu,\"boot\":\"%s\"}\n",
		   (unsigned long long)e->devno, boot);
	if (buf_failed(&text))
		return err_oom(err);
	snprintf(part, sizeof(part), "%s.new", f->journal);
	r = file_write_synced(part, buf_str(&text));
	if (r == 0 && rename(part, f->journal) < 0)
		r = -errno;
	if (r == 0)
		r = dir_sync(dir);
	if (r < 0) {
		unlink(part);
		return err_errno(err, -r, "note the freeze of '%s' in '%s'",
				 f->path, dir);
	}
	return 0;
}

/* --- refusing --- */

/* -EDEADLK if @path is on the file system of @e. By mount table, as text. */
static int not_on(const struct mount_table *t, const struct mount_entry *e,
		  const char *path, struct err *err)
{
	AUTO(auto_free) char *real = realpath(path, NULL);
	const struct mount_entry *of;

	if (!real)
		return errno == ENOENT ? 0 : err_errno(err, errno,
						       "look at '%s'", path);
	of = mount_table_of_path(t, real);
	if (of && of->devno == e->devno)
		return err_set(err, EDEADLK, "'%s' cannot be frozen: it holds "
			       "'%s', which volfsd itself writes to",
			       e->target, path);
	return 0;
}

static int freeze_check(const struct mount_table *t,
			const struct mount_entry *e, const char *journal_dir,
			const char *const *never, struct err *err)
{
	int r = not_on(t, e, journal_dir, err);

	for (; r == 0 && never && *never; never++)
		r = not_on(t, e, *never, err);
	return r;
}

/* --- the guard --- */

static int guard_start(struct freeze *f, int64_t most_ms, struct err *err)
{
	char limit[WORD_MAX];
	const char *argv[] = { "freeze-guard", f->path,
			       word_of_u64(limit, (uint64_t)most_ms), NULL };
	struct helper_spawn h = { .argv = argv, .session = true };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(err, errno, "freeze '%s'", f->path);
	f->socket = fds[0];
	h.input = fds[1];
	h.output = fds[1];
	f->guard = helper_spawn(&h, err);
	close(fds[1]);
	return f->guard < 0 ? f->guard : 0;
}

/* One line of the guard. -EPIPE: it ended without one. */
static int guard_answer(const struct call *c, struct freeze *f,
			int64_t most_ms, struct err *err)
{
	int64_t end_ms = clock_ms() + most_ms;
	char line[1024];
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = f->socket, .events = POLLIN };
		int64_t left_ms = call_left_ms(c, end_ms - clock_ms());
		ssize_t got;
		int r = call_check(c, err);

		if (r < 0)
			return r;
		if (left_ms <= 0)
			return err_set(err, ETIMEDOUT, "freeze '%s': what is "
				       "dirty could not be written out in time",
				       f->path);
		if (poll(&p, 1, left_ms < 50 ? (int)left_ms : 50) <= 0)
			continue;
		/* A byte at a time: the next line is for the next call. */
		got = read(f->socket, line + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EPIPE;
		if (line[n] == '\n')
			return helper_parse(line, n, NULL, err);
		if (++n == sizeof(line))
			return err_set(err, EPROTO, "the guard of '%s' said "
				       "too much", f->path);
	}
}

static struct freeze *freeze_new(const struct mount_entry *e,
				 const char *mounted_at,
				 const char *journal_dir)
{
	/* A name of its own: a freeze that is refused because another one is
	 * under way must not take away that one's note. */
	static atomic_uint serial;
	struct freeze *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->socket = -1;
	f->devno = e->devno;
	snprintf(f->path, sizeof(f->path), "%s", mounted_at);
	snprintf(f->journal, sizeof(f->journal),
		 "%s/" JOURNAL_PREFIX "%u-%u-%d-%u", journal_dir,
		 major(e->devno), minor(e->devno), (int)getpid(),
		 atomic_fetch_add(&serial, 1));
	return f;
}

int freeze_begin(const struct call *c, const char *mounted_at, int64_t most_ms,
		 const char *journal_dir, const char *const *never,
		 struct freeze **out, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	AUTO(auto_freeze) struct freeze *f = NULL;
	const struct mount_entry *e;
	int r = mount_table_read(&t, err);

	if (r < 0)
		return r;
	e = mount_table_find(&t, mounted_at);
	if (!e)
		return err_set(err, ENODEV, "nothing is mounted at '%s'",
			       mounted_at);
	r = freeze_check(&t, e, journal_dir, never, err);
	if (r < 0)
		return r;
	f = freeze_new(e, mounted_at, journal_dir);
	if (!f)
		return err_oom(err);
	r = journal_write(f, journal_dir, e, err);
	if (r < 0)
		return r;
	FAULT_POINT("host.freeze.noted");
	r = guard_start(f, most_ms, err);
	if (r == 0)
		r = guard_answer(c, f, FREEZE_SYNC_MS, err);
	if (r == -EPIPE)
		r = err_set(err, EIO, "the guard of '%s' ended before it froze",
			    f->path);
	if (r < 0) {
		/* It may be about to freeze: the socket's end stops it. */
		if (f->guard > 0) {
			close(STEAL_FD(f->socket));
			helper_reap(f->guard, 0);
		}
		if (r != -ETIMEDOUT && r != -ECANCELED)
			unlink(f->journal);
		return r;
	}
	*out = STEAL(f);
	FAULT_POINT("host.freeze.frozen");
	return 0;
}

/* Somebody killed the guard. If the file system still is frozen, it was so all
 * the time: FITHAW tells. */
static int thaw_without_guard(const struct call *c, struct freeze *f,
			      struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	const char *argv[] = { "thaw", f->path, "", "", "0", NULL };
	int r = helper_run(c, FREEZE_THAW_MS, argv, &reply, err);

	if (r == 0 && !reply_bool(reply, "was_frozen"))
		r = err_set(err, EBUSY, "the freeze of '%s' was over before "
			    "the work was: what was copied is no single point "
			    "in time", f->path);
	return r;
}

int freeze_end(struct freeze *freeze, struct err *err)
{
	const struct call c = { .deadline_ms = CALL_NO_DEADLINE,
				.token = "", .job = "" };
	AUTO(auto_freeze) struct freeze *f = freeze;
	struct err why = ERR_INIT;
	int r;

	FAULT_POINT("host.freeze.thaw");
	/* Fails where the guard has ended: its last line is there to read. */
	(void)!send(f->socket, "t", 1, MSG_NOSIGNAL);
	r = guard_answer(&c, f, FREEZE_THAW_MS, &why);
	if (r == -EPIPE)
		r = thaw_without_guard(&c, f, &why);
	helper_reap(f->guard, 1000);
	if (r == 0 || r == -EBUSY)
		unlink(f->journal);
	if (r < 0 && err)
		*err = why;
	return r;
}

/* --- after a crash --- */

static int recover_one(const struct mount_table *t, const char *path,
		       struct err *err)
{
	const struct call c = { .deadline_ms = CALL_NO_DEADLINE,
				.token = "", .job = "" };
	AUTO(auto_json) struct json_object *o = json_object_from_file(path);
	const char *argv[] = { "thaw", "", "", "", "0", NULL };
	char boot[64];
	size_t i;
	int r;

	boot_id(boot, sizeof(boot));
	/* A torn file was not yet renamed to its name, so it froze nothing. */
	if (!o || strcmp(reply_text(o, "boot"), boot) != 0) {
		unlink(path);
		return 0;
	}
	for (i = 0; i < t->n && !*argv[1]; i++)
		if (t->e[i].devno == reply_u64(o, "devno"))
			argv[1] = t->e[i].target;
	argv[2] = reply_text(o, "device");
	argv[3] = reply_text(o, "fstype");
	r = helper_run(&c, FREEZE_THAW_MS, argv, NULL, err);
	if (r == 0)
		unlink(path);
	return r;
}

int freeze_recover(const char *journal_dir, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	AUTO(auto_dir) DIR *dir = opendir(journal_dir);
	struct dirent *entry;
	int first = 0, r;

	if (!dir)
		return errno == ENOENT ? 0 :
			err_errno(err, errno, "look for freezes in '%s'",
				  journal_dir);
	r = mount_table_read(&t, err);
	if (r < 0)
		return r;
	while ((entry = readdir(dir))) {
		struct err why = ERR_INIT;
		char path[PATH_MAX];

		if (strncmp(entry->d_name, JOURNAL_PREFIX,
			    strlen(JOURNAL_PREFIX)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", journal_dir,
			 entry->d_name);
		r = recover_one(&t, path, &why);
		/* One that can't be thawed does not keep the others frozen. */
		if (r < 0 && first == 0) {
			first = r;
			if (err)
				*err = why;
		}
	}
	return first;
}
