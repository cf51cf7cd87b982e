/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

#define TICK_MS 50
#define STOP_WAIT_MS 15000

struct options {
	const char *dir;
	int port;                        /* -1 = the unix socket */
	bool background, stop;
	const char *plug;                /* NULL = as the last time */
	char **set;                      /* KEY=VALUE each */
	int n_set;
};

static void usage(FILE *out)
{
	fputs("Usage: volfs-simcloud [-b] [-p PORT] [-s KEY=VALUE]...\n"
	      "                      [--plug PROGRAM] DIR\n"
	      "       volfs-simcloud --stop DIR\n\n"
	      "A simulated cloud whose objects live in DIR. It listens at\n"
	      "DIR/socket until SIGTERM, --stop, or until DIR is gone.\n\n"
	      "  -b, --background     return when it answers; does nothing\n"
	      "                       where one runs already\n"
	      "  -p, --port=PORT      listen at 127.0.0.1:PORT instead, 0 = any\n"
	      "                       (the number is in DIR/port)\n"
	      "  -s, --set=KEY=VALUE  a setting, as GET /admin/settings shows\n"
	      "      --plug=PROGRAM   volumes are real disks, not loop devices:\n"
	      "                       PROGRAM plug|grow ID SERIAL IMAGE\n"
	      "                       PROGRAM pull ID SERIAL\n"
	      "                       (\"\": loop devices; default as before)\n"
	      "      --stop           end the one in DIR, remove its devices\n"
	      "  -h, --help           this text\n", out);
}

/* Return: 0; -1: wrong; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "background", no_argument, NULL, 'b' },
		{ "port", required_argument, NULL, 'p' },
		{ "set", required_argument, NULL, 's' },
		{ "plug", required_argument, NULL, 'P' },
		{ "stop", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t number;
	int c;

	while ((c = getopt_long(argc, argv, "bp:s:h", table, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->background = true;
			break;
		case 'p':
			if (parse_u64(optarg, strlen(optarg), &number,
				      NULL) < 0 || number > 65535)
				return -1;
			o->port = (int)number;
			break;
		case 's':
			if (!strchr(optarg, '='))
				return -1;
			o->set[o->n_set++] = optarg;
			break;
		case 'P':
			o->plug = optarg;
			break;
		case 'S':
			o->stop = true;
			break;
		case 'h':
			return 1;
		default:
			return -1;
		}
	}
	o->dir = optind + 1 == argc ? argv[optind] : NULL;
	return o->dir ? 0 : -1;
}

/* ---- the directory, and who owns it ---- */

static int dir_open(struct cloud *s, const char *dir, struct err *err)
{
	static const char *const below[] = { "volumes", "snapshots",
					     "plugged" };
	AUTO(auto_free) char *real = NULL;
	size_t i;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "making '%s'", dir);
	real = realpath(dir, NULL);
	if (!real || strlen(real) >= sizeof(s->dir))
		return err_errno(err, real ? ENAMETOOLONG : errno, "'%s'", dir);
	snprintf(s->dir, sizeof(s->dir), "%s", real);
	s->dir_fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_errno(err, errno, "opening '%s'", real);
	for (i = 0; i < ARRAY_SIZE(below); i++)
		if (mkdirat(s->dir_fd, below[i], 0700) < 0 && errno != EEXIST)
			return err_errno(err, errno, "making '%s/%s'", real,
					 below[i]);
	return 0;
}

/* The lock of the file "pid" says that a cloud runs here; kept to its end. */
static int lock_take(struct cloud *s, struct err *err)
{
	s->lock_fd = openat(s->dir_fd, "pid", O_RDWR | O_CREAT | O_CLOEXEC,
			    0600);
	if (s->lock_fd < 0)
		return err_errno(err, errno, "making '%s/pid'", s->dir);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
		       ? err_set(err, EBUSY, "a cloud runs in '%s' already",
				 s->dir)
		       : err_errno(err, errno, "locking '%s/pid'", s->dir);
	return 0;
}

static void write_file(struct cloud *s, const char *name, int number)
{
	AUTO(auto_fd) int fd = openat(s->dir_fd, name,
				      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				      0600);

	if (fd >= 0)
		dprintf(fd, "%d\n", number);
}

static bool dir_is_gone(const struct cloud *s)
{
	struct stat st;

	return fstat(s->dir_fd, &st) < 0 || st.st_nlink == 0 ||
	       faccessat(s->dir_fd, "pid", F_OK, 0) < 0;
}

/* ---- a run ---- */

static int apply_settings(struct cloud *s, const struct options *o,
			  struct err *err)
{
	int i, r;

	for (i = 0; i < o->n_set; i++) {
		char *equals = strchr(o->set[i], '=');

		*equals = '\0';
		r = setting_store(s, o->set[i], equals + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Until a signal, a request to stop, or nothing is left to serve. */
static void live(struct cloud *s, const sigset_t *signals)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };

	while (!atomic_load(&s->stopping)) {
		if (sigtimedwait(signals, NULL, &tick) > 0)
			break;
		if (dir_is_gone(s)) {
			LOCK_SCOPE(&s->lock);
			disk_abandon(s);
			break;
		}
		LOCK_SCOPE(&s->lock);
		cloud_settle(s);
	}
	atomic_store(&s->stopping, true);
}

static int serve_here(struct cloud *s, const struct options *o, int ready_fd,
		      struct err *err)
{
	struct server *server;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = store_open(s, err);
	if (r < 0)
		return r;
	r = plug_load(s, o->plug, err);
	if (r == 0)
		r = apply_settings(s, o, err);
	if (r == 0) {
		s->tokens_at_ms = clock_ms();
		cloud_reconcile(s);
		server = server_start(s, o->port, err);
		r = server ? 0 : -err->num;
	}
	if (r == 0) {
		write_file(s, "pid", getpid());
		write_file(s, "port", server_port(server));
		if (ready_fd >= 0 && write(ready_fd, "", 1) == 1)
			close(ready_fd);
		live(s, &signals);
		server_stop(server);
	}
	store_close(s);
	return r;
}

/* The child serves; the parent returns when it answers, or has failed. */
static int serve_in_background(struct cloud *s, const struct options *o,
			       struct err *err)
{
	int ready[2], null, log;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_errno(err, errno, "making a pipe");
	pid = fork();
	if (pid < 0)
		return err_errno(err, errno, "starting a process");
	if (pid > 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 1)
			_exit(0);
		return err_set(err, EIO,
			       "the cloud in '%s' does not start: see its file 'log'",
			       s->dir);
	}
	close(ready[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log = openat(s->dir_fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		     0600);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log >= 0 ? log : null, 2);
	if (chdir("/") < 0)
		return err_errno(err, errno, "going to '/'");
	return serve_here(s, o, ready[1], err);
}

/* ---- stop ---- */

static int end_process(struct cloud *s, struct err *err)
{
	int64_t until = clock_ms() + STOP_WAIT_MS;
	char text[32] = "";
	uint64_t pid;
	int pidfd;

	if (pread(s->lock_fd, text, sizeof(text) - 1, 0) < 0 ||
	    parse_u64(text, strcspn(text, "\n"), &pid, NULL) < 0 || pid < 2)
		return err_set(err, EIO, "'%s/pid' names no process", s->dir);
	/* Held from here on: the number cannot become another's. */
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd >= 0 && flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
	while (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (clock_ms() > until)
			return err_set(err, EBUSY,
				       "the cloud in '%s' does not end",
				       s->dir);
		poll(NULL, 0, TICK_MS);
	}
	if (pidfd >= 0)
		close(pidfd);
	return 0;
}

static int stop(struct cloud *s, struct err *err)
{
	int r = lock_take(s, err);

	if (r == -EBUSY)
		r = end_process(s, err);
	if (r == 0)
		r = plug_load(s, NULL, err);
	if (r == 0 && disk_unplug_all(s, err) < 0)
		r = -err->num;
	return r;
}

int main(int argc, char **argv)
{
	static struct cloud s = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .lock_fd = -1, .dir_fd = -1 };
	struct options o = { .port = -1 };
	struct err err = ERR_INIT;
	int r;

	o.set = calloc((size_t)argc + 1, sizeof(*o.set));
	if (!o.set)
		return 1;
	r = read_options(argc, argv, &o);
	if (r) {
		usage(r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	r = dir_open(&s, o.dir, &err);
	if (r == 0 && o.stop)
		r = stop(&s, &err);
	else if (r == 0)
		r = lock_take(&s, &err);
	if (r == 0 && !o.stop)
		r = o.background ? serve_in_background(&s, &o, &err)
				 : serve_here(&s, &o, -1, &err);
	if (r < 0 && !(r == -EBUSY && o.background))
		fprintf(stderr, "volfs-simcloud: %s\n", err.text);
	free(o.set);
	free(s.loops);
	return r == 0 || (r == -EBUSY && o.background) ? 0 : 1;
}
