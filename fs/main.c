/* SPDX-License-Identifier: Apache-2.0 */
/* volfsd: options, the daemon's life, signals. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "core/host/helper.h"
#include "core/provider.h"
#include "fs/fuse_reply.h"
#include "fs/publish.h"
#include "fs/show.h"
#include "fs/start.h"

extern char **environ;

#define STOP_GRACE_MS 5000
#define RECOVER_MS 2000
#define DOWN_ANSWER_MS 2000
#define LOCK_MS 3000

static const char help_text[] =
"Usage: volfsd [OPTION]... [MOUNTPOINT]\n"
"\n"
"Serves storage volumes as a directory tree: mkdir makes a volume, writing a\n"
"control file attaches, mounts or snapshots it, reading a file says how it is,\n"
"and its data lies beside it. Without a configuration there is one service,\n"
"'local', with volumes in files of this machine.\n"
"\n"
"  -f                  stay in the foreground; messages go to standard error\n"
"      --config FILE   the configuration; else /etc/volfs/config.yml, then\n"
"                      /etc/rexray/config.yml, then $HOME/.rexray/config.yml\n"
"      --state DIR     what outlives the daemon (default /var/lib/volfs)\n"
"      --run DIR       mounts and the log of this boot (default /run/volfs)\n"
"  -o OPTIONS          mount options of the tree: noexec,noatime,...\n"
"      --log-level L   error, warning, info or debug\n"
"      --check [FILE]  say what each key of the configuration does; exit 1 if\n"
"                      anything is to be mended\n"
"      --drivers       every driver with its options\n"
"      --version, --help\n"
"\n"
"A property of a driver can be given as a flag too: --simLatency=50ms.\n"
"\n"
"MOUNTPOINT is /volumes by default and made if need be. Without -f, volfsd\n"
"returns when the tree answers. Try then:\n"
"\n"
"    cat /volumes/README\n"
"\n"
"SIGTERM ends the daemon and leaves what is mounted for the next start;\n"
"'volctl down' unmounts everything in order first. SIGHUP reads the\n"
"configuration again.\n";

struct arguments {
	bool foreground, check, drivers;
	const char *config, *state, *run, *options, *mount_point;
	const char *log_level;
	const char **flags;          /* of properties, as given */
	size_t n_flags;
};

static struct fs fs;

/* ---- the command line ---- */

static int usage_error(const char *fmt, const char *word)
{
	fputs("volfsd: ", stderr);
	fprintf(stderr, "%s", fmt);
	if (word)
		fprintf(stderr, " '%s'", word);
	fputs("; see volfsd --help\n", stderr);
	return 2;
}

/* Takes the flags of properties out of @argv, which getopt does not know. */
static int flags_collect(int *argc, char **argv, struct arguments *a)
{
	int kept = 1;

	a->flags = calloc((size_t)*argc + 1, sizeof(*a->flags));
	if (!a->flags)
		return -ENOMEM;
	for (int i = 1; i < *argc; i++) {
		int n = config_flag_args(*argc, argv, i);

		if (n == 0) {
			argv[kept++] = argv[i];
			continue;
		}
		for (; n > 0; n--, i++)
			a->flags[a->n_flags++] = argv[i];
		i--;
	}
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

enum { OPT_CONFIG = 256, OPT_STATE, OPT_RUN, OPT_CHECK, OPT_DRIVERS,
       OPT_VERSION, OPT_HELP, OPT_LOG_LEVEL };

static const struct option long_options[] = {
	{ "foreground", no_argument, NULL, 'f' },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "run", required_argument, NULL, OPT_RUN },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "drivers", no_argument, NULL, OPT_DRIVERS },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ NULL, 0, NULL, 0 }
};

/* 0, or the exit status + 1. */
static int option_take(int c, char **argv, struct arguments *a)
{
	switch (c) {
	case 'f': a->foreground = true; break;
	case 'o': a->options = optarg; break;
	case OPT_CONFIG: a->config = optarg; break;
	case OPT_STATE: a->state = optarg; break;
	case OPT_RUN: a->run = optarg; break;
	case OPT_CHECK: a->check = true; break;
	case OPT_DRIVERS: a->drivers = true; break;
	case OPT_LOG_LEVEL: a->log_level = optarg; break;
	case OPT_VERSION:
		printf("volfsd %s\n", PACKAGE_VERSION);
		return 1;
	case OPT_HELP:
		fputs(help_text, stdout);
		return 1;
	case ':':
		return 1 + usage_error("a value is missing after",
				       argv[optind - 1]);
	default:
		return 1 + usage_error("no such option:", argv[optind - 1]);
	}
	return 0;
}

static int arguments_parse(int argc, char **argv, struct arguments *a)
{
	int c, r;

	if (flags_collect(&argc, argv, a) < 0)
		return 2;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":fo:", long_options, NULL)) !=
	       -1) {
		r = option_take(c, argv, a);
		if (r)
			return r;
	}
	if (optind < argc) {
		if (a->check)
			a->config = argv[optind++];
		else
			a->mount_point = argv[optind++];
	}
	if (optind < argc)
		return 1 + usage_error("one argument too many:",
				       argv[optind]);
	return 0;
}

/* ---- configuration ---- */

static const struct opt_spec *driver_options(const char *driver)
{
	const struct provider *p = provider_find(driver);

	return p ? p->options : NULL;
}

static void config_request_fill(const struct arguments *a,
				struct config_request *r)
{
	*r = (struct config_request){
		.file = a->config, .state_dir = a->state, .environ = environ,
		.flags = a->flags, .n_flags = a->n_flags,
		.driver_options = driver_options,
		.driver_nearest = provider_nearest,
	};
}

static int say(const struct err *err)
{
	fprintf(stderr, "volfsd: %s\n", err->text);
	return 1;
}

static int run_check(const struct arguments *a)
{
	struct config_request request;
	struct err err = ERR_INIT;
	struct config *c;
	size_t problems;

	config_request_fill(a, &request);
	c = config_load(&request, &err);
	if (!c)
		return say(&err);
	problems = config_check_print(c, stdout);
	config_free(c);
	return problems ? 1 : 0;
}

static int run_drivers(void)
{
	for (size_t i = 0; providers[i]; i++) {
		AUTO(auto_buf) struct buf text = BUF_INIT(1 << 20);

		options_describe(providers[i]->options, providers[i]->name,
				 &text);
		printf("%s%s: %s\n\n%s", i ? "\n" : "", providers[i]->name,
		       providers[i]->title, buf_str(&text));
	}
	return 0;
}

/* ---- the daemon's life ---- */

static void wakeups_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	/* Threads made from here on inherit this. */
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void notify_ready(const char *more)
{
	unsigned n = count_services(fs.engine);

	start_notify("READY=1\nSTATUS=serves %s, %u service%s%s",
		     fs.mount_point, n, n == 1 ? "" : "s", more);
}

static void reload_done(void *arg, const struct answer *a)
{
	if (a->num)
		log_error("reload after SIGHUP: %s", err_name(a->num));
	notify_ready(a->num ? "; the configuration was not read again: the "
			      "log says why" : "");
}

static void reload(void)
{
	struct request r = { .verb = verb_find("reload"), .text = "",
			     .pid = getpid() };

	start_notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "000\n"
		     "STATUS=reading the configuration again", clock_ms());
	if (r.verb)
		engine_submit(fs.engine, &r, reload_done, NULL, NULL);
}

/* Waits for what ends the daemon. */
static enum fs_end wait_for_end(const sigset_t *set)
{
	AUTO(auto_fd) int fd = signalfd(-1, set, SFD_CLOEXEC);
	struct pollfd p[] = { { .fd = fd, .events = POLLIN },
			      { .fd = fs.end_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return (enum fs_end)atomic_load(&fs.end_why);
		if (read(fd, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGHUP)
			return FS_END_SIGNAL;
		reload();
	}
}

/* Held until the daemon ends. Two daemons with one run directory would mount
 * their volumes at the same private places. */
static int run_dir_lock(const char *run, struct err *err)
{
	AUTO(auto_free) char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/volfsd.lock", run) < 0) {
		path = NULL;
		return err_oom(err);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	/* A child that a killed daemon was just starting has it a moment
	 * longer. */
	if (file_lock(fd, LOCK_MS) == 0)
		return 0;
	close(fd);
	return err_set(err, EBUSY, "the run directory '%s' is in use by another "
		       "daemon: stop it, or give this one a directory of its "
		       "own with --run", run);
}

/* For who stops the daemon by its number, as an init script does. */
static void run_dir_note_pid(const char *run)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_fd) int fd = -1;

	if (asprintf(&path, "%s/volfsd.lock", run) < 0)
		path = NULL;
	fd = path ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
		  : -1;
	if (fd < 0 || dprintf(fd, "%d\n", getpid()) < 0)
		log_warn("write the daemon's number to '%s/volfsd.lock': %s",
			 run, strerror(errno));
}

static int directories_make(struct arguments *a, struct err *err)
{
	int r;

	if (!a->state)
		a->state = "/var/lib/volfs";
	if (!a->run)
		a->run = "/run/volfs";
	r = start_directory(a->state, 0700, err);
	if (r == 0)
		r = start_directory(a->run, 0755, err);
	return r == 0 ? run_dir_lock(a->run, err) : r;
}

/* The mount point: the command line's, the configuration's, /volumes. */
static char *mount_point_choose(const struct arguments *a, struct err *err)
{
	AUTO(auto_free) char *configured = NULL;
	struct config_request request;
	struct config *c;

	if (a->mount_point)
		return start_mount_point(a->mount_point, err);
	config_request_fill(a, &request);
	c = config_load(&request, err);
	if (!c)
		return NULL;
	if (c->core.mount_point)
		configured = strdup(c->core.mount_point);
	config_free(c);
	return start_mount_point(configured ? configured : "/volumes", err);
}

static int tree_start(const struct arguments *a, struct err *err)
{
	AUTO(auto_free) char *at = mount_point_choose(a, err);
	struct engine_options *o = &fs.options;
	int r;

	if (!at)
		return -err->num;
	r = start_check_place(at, a->state, "state directory", err);
	if (r == 0)
		r = start_check_place(at, a->run, "run directory", err);
	if (r < 0)
		return r;
	if (fs_init(&fs, at, PACKAGE_VERSION) < 0)
		return err_oom(err);
	*o = (struct engine_options){ .state_dir = a->state,
				      .run_dir = a->run,
				      .mount_point = fs.mount_point };
	config_request_fill(a, &o->config);
	fs_host(&fs, &o->host);
	r = engine_new(o, &fs.engine, err);
	if (r < 0)
		return r;
	fs.publisher = publisher_new(&fs, err);
	if (!fs.publisher)
		return -err->num;
	r = pendings_start(fs.pendings, err);
	if (r == 0)
		r = session_open(&fs, a->options, err);
	if (r == 0)
		r = session_start(fs.session, err);
	if (r < 0)
		return r;
	atomic_store(&fs.tree_is_up, true);
	r = engine_start(fs.engine, err);
	/* Ready means that what was mounted is at its data/ again; one device
	 * that hangs does not keep the others waiting. */
	if (r == 0 && !engine_wait_recovered(fs.engine, RECOVER_MS))
		log_warn("some volumes are not bound at their data/ yet");
	return r;
}

static void tree_stop(void)
{
	if (fs.engine && atomic_load(&fs.tree_is_up))
		engine_stop(fs.engine, STOP_GRACE_MS);
	atomic_store(&fs.tree_is_up, false);
	session_stop(fs.session);
	/* What would not end publishes and answers through all of this. */
	if (fs.engine && !engine_free(fs.engine))
		return;
	fs_done(&fs);
	session_free(fs.session);
}

static int log_level_set(const struct arguments *a, struct err *err)
{
	enum log_level level = LOG_INFO_;

	if (a->log_level && log_level_parse(a->log_level, &level) < 0)
		return err_set(err, EINVAL, "--log-level %s: it is error, "
			       "warning, info or debug", a->log_level);
	log_init(level);
	return 0;
}

static void say_end(enum fs_end why)
{
	if (why == FS_END_UNMOUNTED)
		log_warn("somebody unmounted the tree at '%s': volfsd ends; "
			 "volumes stay mounted for the next start",
			 fs.mount_point);
	else if (why == FS_END_DOWN)
		log_info("every volume is unmounted: volfsd ends");
	else
		log_info("volfsd ends; volumes stay mounted for the next "
			 "start");
}

static int run_daemon(struct arguments *a)
{
	AUTO(auto_free) char *log = NULL;
	struct err err = ERR_INIT;
	enum fs_end why;
	int ready = -1, r;
	sigset_t set;

	r = log_level_set(a, &err);
	if (r == 0)
		r = directories_make(a, &err);
	if (r == 0 && !a->foreground)
		r = ready = start_daemon(&err);
	if (r < 0)
		return say(&err);
	run_dir_note_pid(a->run);
	start_raise_limits();
	mallopt(M_ARENA_MAX, 2);
	wakeups_block(&set);
	start_warn_namespace();
	start_notify("STATUS=reading what is known, looking for what is "
		     "mounted");
	r = tree_start(a, &err);
	if (r >= 0 && ready >= 0 &&
	    asprintf(&log, "%s/volfsd.log", a->run) < 0)
		r = err_oom(&err);
	if (r >= 0 && ready >= 0)
		r = start_daemon_ready(ready, log, &err);
	if (r < 0) {
		say(&err);
		tree_stop();
		return 1;
	}
	log_info("volfsd %s serves %s", PACKAGE_VERSION, fs.mount_point);
	notify_ready("");
	why = wait_for_end(&set);
	say_end(why);
	start_notify("STOPPING=1\nSTATUS=ends; %s", why == FS_END_DOWN ?
		     "every volume is unmounted" :
		     "volumes stay mounted for the next start");
	/* Who wrote to `down` is told that it worked. */
	if (why == FS_END_DOWN)
		pendings_drain(fs.pendings, DOWN_ANSWER_MS);
	tree_stop();
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	int r;

	if (argc > 1 && strcmp(argv[1], "--host-helper") == 0)
		return helper_main(argc, argv);
	r = arguments_parse(argc, argv, &a);
	if (r)
		r--;
	else if (a.check)
		r = run_check(&a);
	else if (a.drivers)
		r = run_drivers();
	else
		r = run_daemon(&a);
	free(a.flags);
	return r;
}
