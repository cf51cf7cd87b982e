/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/host/commands.h"

/* A driver may answer with a listing of 100,000 directories. */
#define HELPER_ANSWER_MAX (64 * 1024 * 1024)
#define HELPER_WORDS_MAX 24
#define PROGRESS_BEGIN "{\"progress\":"
/* A cancel is seen this late. */
#define HELPER_CANCEL_MS 50
/* An answered helper is waited for so long: its descriptors and locks go when
 * it ends, and the next step may count on that. */
#define HELPER_END_MS 2000
/* One that was asked to stop may clean up so long before it is killed. */
#define HELPER_STOP_MS 10000

extern char **environ;

struct helper_command {
	const char *name;
	int (*run)(int argc, char **argv, struct json_object *reply,
		   struct err *err);
	int words_min, words_max;
	bool cleans_up;    /* is asked by SIGTERM to stop, not killed */
	bool raw;          /* writes its answers itself */
};

#ifdef VOLFS_FAULT_POINTS
/* For the tests of abandoning: a helper that hangs. */
static HELPER_COMMAND(command_sleep)
{
	uint64_t ms;
	struct timespec t;
	int r = word_u64(argv[0], &ms, err);

	if (r < 0)
		return r;
	t = clock_timespec((int64_t)ms);
	nanosleep(&t, NULL);
	return 0;
}

/* One that tells how far it is, from 0 to 100. */
static HELPER_COMMAND(command_count)
{
	for (int percent = 0; percent <= 100; percent++)
		helper_progress(percent);
	return 0;
}
#endif

static HELPER_COMMAND(command_nothing)
{
	return 0;
}

static const struct helper_command commands[] = {
	{ "bind", command_bind, 10, 10 },
	{ "chown-root", command_chown_root, 4, 4 },
#ifdef VOLFS_FAULT_POINTS
	{ "count", command_count, 0, 0 },
#endif
	{ "directory-free", command_directory_free, 1, 1 },
	{ "driver", command_driver, 2, HELPER_WORDS_MAX },
	{ "exclusive-open", command_exclusive_open, 3, 3 },
	{ "freeze-guard", command_freeze_guard, 2, 2, .raw = true },
	{ "fsck", command_fsck, 3, 3 },
	{ "grow", command_grow, 4, 4 },
	{ "holders", command_holders, 6, 6 },
	{ "loop-attach", command_loop_attach, 1, 1 },
	{ "loop-autoclear", command_loop_autoclear, 2, 2 },
	{ "loop-detach", command_loop_detach, 2, 2 },
	{ "loop-find", command_loop_find, 1, 2 },
	{ "loop-grow", command_loop_grow, 1, 1 },
	{ "mkfs", command_mkfs, 7, 7, .cleans_up = true },
	{ "mount", command_mount, 5, 5 },
	{ "name-move", command_name_move, 3, 3 },
	{ "names-renew", command_names_renew, 2, HELPER_WORDS_MAX },
	{ "nothing", command_nothing, 0, 0 },
	{ "probe", command_probe, 2, 2 },
	{ "rescan", command_rescan, 1, 16 },
#ifdef VOLFS_FAULT_POINTS
	{ "sleep", command_sleep, 1, 1 },
#endif
	{ "statfs", command_statfs, 1, 1 },
	{ "thaw", command_thaw, 4, 4 },
	{ "umount", command_umount, 2, 2 },
};

static const struct helper_command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* The command's own words. */
static const char *const *command_words(const char *const *argv)
{
	return strcmp(argv[0], "hold") == 0 ? argv + HOLD_WORDS : argv;
}

/* --- children that were not waited for --- */

struct abandoned {
	struct abandoned *next;
	pid_t pid;
	int64_t kill_at_ms;
};

/* Protects the list. Nothing in it sleeps. */
static pthread_mutex_t abandoned_lock = PTHREAD_MUTEX_INITIALIZER;
static struct abandoned *abandoned_list;

static void abandoned_reap(void)
{
	struct abandoned **link = &abandoned_list;

	LOCK_SCOPE(&abandoned_lock);
	while (*link) {
		struct abandoned *a = *link;

		if (waitpid(a->pid, NULL, WNOHANG) != 0) {
			*link = a->next;
			free(a);
			continue;
		}
		/* Not waited for yet, so the number is still that child's. */
		if (clock_ms() >= a->kill_at_ms) {
			kill(-a->pid, SIGKILL);
			kill(a->pid, SIGKILL);
		}
		link = &a->next;
	}
}

static void abandoned_add(pid_t pid, int64_t kill_at_ms)
{
	struct abandoned *a = malloc(sizeof(*a));

	/* Without memory it stays a zombie until volfsd ends. */
	if (!a)
		return;
	*a = (struct abandoned){ .pid = pid, .kill_at_ms = kill_at_ms };
	LOCK_SCOPE(&abandoned_lock);
	a->next = abandoned_list;
	abandoned_list = a;
}

void helper_reap(pid_t pid, int64_t most_ms)
{
	AUTO(auto_fd) int fd = -1;
	int64_t end_ms = clock_ms() + most_ms;
	int64_t left_ms;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		struct pollfd p = { .events = POLLIN };

		left_ms = end_ms - clock_ms();
		if (left_ms <= 0) {
			abandoned_add(pid, clock_ms() + HELPER_STOP_MS);
			return;
		}
		if (fd < 0)
			fd = pidfd_open(pid, 0);
		/* Without a pidfd (valgrind knows none), look every 2 ms. */
		p.fd = fd;
		poll(&p, 1, (int)(fd >= 0 || left_ms < 2 ? left_ms : 2));
	}
}

/* Ends a helper that is late or not wanted any more, and does not wait. */
static void helper_abandon(pid_t pid, bool cleans_up)
{
	if (cleans_up) {
		kill(pid, SIGTERM);
		abandoned_add(pid, clock_ms() + HELPER_STOP_MS);
		return;
	}
	kill(-pid, SIGKILL);
	helper_reap(pid, 5);
}

/* --- starting --- */

/* Nothing of volfsd's environment reaches a helper or mkfs: it may hold
 * secrets of services. */
static bool environment_is_passed(const char *entry)
{
#if defined(VOLFS_FAULT_POINTS) || defined(__SANITIZE_ADDRESS__)
	static const char *const prefixes[] = { "VOLFS_TOOL_PATH=",
						"VOLFS_FAULT",
						"ASAN_OPTIONS=",
						"UBSAN_OPTIONS=",
						"LSAN_OPTIONS=" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
#endif
	return strncmp(entry, "LD_LIBRARY_PATH=", 16) == 0;
}

static void environment_make(char **out, size_t room)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C";
	size_t n = 0;
	char **e;

	out[n++] = path;
	out[n++] = locale;
	for (e = environ; *e && n < room - 1; e++)
		if (environment_is_passed(*e))
			out[n++] = *e;
	out[n] = NULL;
}

static int spawn_prepare(const struct helper_spawn *h,
			 posix_spawn_file_actions_t *files,
			 posix_spawnattr_t *attr)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	flags |= h->session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
	r = posix_spawnattr_setflags(attr, flags);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attr, 0);
	if (r == 0 && h->input >= 0)
		r = posix_spawn_file_actions_adddup2(files, h->input, 0);
	if (r == 0 && h->input < 0)
		r = posix_spawn_file_actions_addopen(files, 0, "/dev/null",
						     O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, h->output, 1);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(files, 3);
	return r;
}

pid_t helper_spawn(const struct helper_spawn *h, struct err *err)
{
	static char name[] = HELPER_NAME, mark[] = "--host-helper";
	char *argv[HELPER_WORDS_MAX + 3] = { name, mark };
	AUTO(auto_fd) int exe = -1;
	char *env[16], path[64];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	pid_t pid = -1;
	size_t n;
	int r;

	for (n = 0; h->argv[n]; n++) {
		if (n == HELPER_WORDS_MAX)
			return err_set(err, E2BIG, "host helper '%s': more "
				       "than %d words", h->argv[0],
				       HELPER_WORDS_MAX);
		argv[n + 2] = (char *)h->argv[n];
	}
	environment_make(env, ARRAY_SIZE(env));
	/* By descriptor, since to valgrind /proc/self/exe means one thing when
	 * it is opened and another when it is executed. */
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (exe < 0)
		return err_errno(err, errno, "start host helper '%s'",
				 h->argv[0]);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), exe);
	r = posix_spawn_file_actions_init(&files);
	if (r != 0)
		return err_errno(err, r, "start host helper '%s'", h->argv[0]);
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		r = spawn_prepare(h, &files, &attr);
		if (r == 0)
			r = posix_spawn(&pid, path, &files, &attr, argv,
					env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	if (r != 0)
		return err_errno(err, r, "start host helper '%s'", h->argv[0]);
	return pid;
}

/* --- the answer --- */

uint64_t reply_u64(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ?
		       json_object_get_uint64(v) : 0;
}

bool reply_bool(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) &&
	       json_object_get_boolean(v);
}

const char *reply_text(struct json_object *o, const char *key)
{
	struct json_object *v;
	const char *text = NULL;

	if (json_object_object_get_ex(o, key, &v))
		text = json_object_get_string(v);
	return text ? text : "";
}

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)
DEFINE_AUTO_PTR(auto_tokener, struct json_tokener, json_tokener_free)

int helper_parse(const char *text, size_t len, struct json_object **reply,
		 struct err *err)
{
	AUTO(auto_tokener) struct json_tokener *t = json_tokener_new();
	AUTO(auto_json) struct json_object *o = NULL;
	int num;

	if (!t)
		return err_oom(err);
	o = json_tokener_parse_ex(t, text, (int)len);
	if (!o || !json_object_is_type(o, json_type_object))
		return err_set(err, EIO, "it ended without an answer");
	if (!reply_bool(o, "ok")) {
		num = err_number(reply_text(o, "errno"));
		return err_set(err, num > 0 ? num : EIO, "%s",
			       reply_text(o, "message"));
	}
	if (reply)
		*reply = STEAL(o);
	return 0;
}

/* Takes the lines of helper_progress() from the front of @text. */
static void helper_take_progress(const struct call *c, struct buf *text)
{
	static const char begin[] = PROGRESS_BEGIN;

	while (text->len >= sizeof(begin) - 1 &&
	       memcmp(text->data, begin, sizeof(begin) - 1) == 0) {
		const char *number = text->data + sizeof(begin) - 1;
		const char *end = memchr(text->data, '\n', text->len);
		uint64_t percent;

		if (!end)
			return;
		if (parse_u64(number, strcspn(number, "}"), &percent,
			      NULL) == 0)
			call_progress(c, NULL, (int)percent);
		buf_drop(text, (size_t)(end + 1 - text->data));
	}
}

/* Collects the helper's line. 0 at its end; -ETIMEDOUT; -ECANCELED. */
static int helper_collect(const struct call *c, int64_t end_ms, int fd,
			  struct buf *line)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left_ms = call_left_ms(c, end_ms - clock_ms());
		char piece[4096];
		ssize_t n;

		if (c->cancel && atomic_load(c->cancel))
			return -ECANCELED;
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (c->cancel && left_ms > HELPER_CANCEL_MS)
			left_ms = HELPER_CANCEL_MS;
		if (left_ms > 3600 * 1000)
			left_ms = 3600 * 1000;
		if (poll(&p, 1, (int)left_ms) <= 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0)
			buf_append(line, piece, (size_t)n);
		if (buf_failed(line))
			return 0;
		helper_take_progress(c, line);
		/* A whole answer counts even if its sender can't die. */
		if (n > 0 && line->len > 0 && piece[n - 1] == '\n')
			return 0;
	}
}

static int helper_late(const struct call *c, const char *command, int r,
		       int64_t began_ms, struct err *err)
{
	if (r == -ECANCELED)
		return err_set(err, ECANCELED, "cancelled during '%s' on this "
			       "machine", command);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "'%s' on this machine gave no "
			       "answer within %lld ms: its device or server "
			       "may be stuck; see dmesg", command,
			       (long long)(clock_ms() - began_ms));
	return err_errno(err, -r, "read the answer of host helper '%s'",
			 command);
}

int helper_run(const struct call *c, int64_t most_ms, const char *const *argv,
	       struct json_object **reply, struct err *err)
{
	const char *name = command_words(argv)[0];
	const struct helper_command *command = command_find(name);
	struct helper_spawn h = { .argv = argv, .input = -1 };
	AUTO(auto_buf) struct buf line = BUF_INIT(HELPER_ANSWER_MAX);
	AUTO(auto_fd) int from = -1;
	int64_t began_ms = clock_ms();
	int pipe_fds[2];
	pid_t pid;
	int r;

	r = call_check(c, err);
	if (r < 0)
		return r;
	abandoned_reap();
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "start host helper '%s'", name);
	from = pipe_fds[0];
	h.output = pipe_fds[1];
	pid = helper_spawn(&h, err);
	close(pipe_fds[1]);
	if (pid < 0)
		return pid;
	r = helper_collect(c, began_ms + most_ms, from, &line);
	if (r < 0) {
		helper_abandon(pid, command && command->cleans_up);
		return helper_late(c, name, r, began_ms, err);
	}
	helper_reap(pid, HELPER_END_MS);
	if (buf_failed(&line))
		return err_set(err, EIO, "host helper '%s' answered too much",
			       name);
	r = helper_parse(buf_str(&line), line.len, reply, err);
	if (r == -EIO && line.len == 0)
		return err_wrap(err, "host helper '%s'", name);
	return r;
}

/* --- the helper's side --- */

int word_u64(const char *word, uint64_t *out, struct err *err)
{
	return parse_u64(word, strlen(word), out, err);
}

const char *word_of_u64(char *out, uint64_t n)
{
	snprintf(out, WORD_MAX, "%llu", (unsigned long long)n);
	return out;
}

void helper_answer(int fd, int r, struct json_object *reply,
		   const struct err *err)
{
	const char *text;
	size_t len, done = 0;

	json_object_object_add(reply, "ok", json_object_new_boolean(r >= 0));
	if (r < 0) {
		json_object_object_add(reply, "errno",
				       json_object_new_string(err_name(-r)));
		json_object_object_add(reply, "message",
				       json_object_new_string(err->text));
	}
	text = json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN);
	len = strlen(text);
	while (done <= len) {
		ssize_t n = done < len ? write(fd, text + done, len - done) :
					 write(fd, "\n", 1);

		/* EPIPE, mostly: nobody waits for it any more. */
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0)
			done += (size_t)n;
	}
}

void helper_progress(int percent)
{
	char line[64];
	int len = snprintf(line, sizeof(line), PROGRESS_BEGIN "%d}\n", percent);

	/* One that nobody reads any more is killed soon. */
	if (write(STDOUT_FILENO, line, (size_t)len) < 0)
		return;
}

/* "hold" node devno diskseq: the disk that was found, and kept open; the
 * descriptor is never closed. */
static int hold(char *const *words, struct err *err)
{
	uint64_t devno, diskseq, now = 0;
	struct stat st;
	int fd, r = word_u64(words[2], &devno, err);

	if (r == 0)
		r = word_u64(words[3], &diskseq, err);
	if (r < 0)
		return r;
	fd = device_node_open(words[1], O_RDONLY, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at '%s'", words[1]);
	/* Kernels before 5.15 do not count: then the number must do. */
	if (!diskseq || ioctl(fd, BLKGETDISKSEQ, &now) < 0)
		now = diskseq;
	if (st.st_rdev != (dev_t)devno || now != diskseq)
		return err_set(err, ENODEV, "'%s' is no longer the disk that "
			       "was found: that went away, and another has its "
			       "name", words[1]);
	return 0;
}

int helper_main(int argc, char **argv)
{
	AUTO(auto_json) struct json_object *reply = json_object_new_object();
	const struct helper_command *command;
	struct err err = ERR_INIT;
	int words = argc - 3;
	int held = 0, r;

	if (!reply)
		return 1;
	if (argc < 3) {
		fprintf(stderr, "--host-helper is for volfsd itself\n");
		return 2;
	}
	prctl(PR_SET_NAME, HELPER_NAME);
	FAULT_IN_HELPER();
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(argv[2], "hold") == 0 && words >= HOLD_WORDS) {
		held = hold(argv + 2, &err);
		argv += HOLD_WORDS;
		words -= HOLD_WORDS;
	}
	command = command_find(argv[2]);
	if (held < 0)
		r = held;
	else if (!command)
		r = err_set(&err, EINVAL, "there is no host helper '%s'",
			    argv[2]);
	else if (words < command->words_min || words > command->words_max)
		r = err_set(&err, EINVAL, "host helper '%s' does not take %d "
			    "words", argv[2], words);
	else
		r = command->run(words, argv + 3, reply, &err);
	if (!command || !command->raw)
		helper_answer(STDOUT_FILENO, r, reply, &err);
	return 0;
}
