/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"

#define PROGRAM "volfs-simcloud"
#define LOOK_MS 10
#define PARENTS_MAX 2            /* tests lie below the top of a build tree */

/* Beside the running program, or above it (a build tree), else where it was
 * installed. */
static int program_find(char *out, size_t room, struct err *err)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int up;

	if (len > 0) {
		exe[len] = '\0';
		for (up = 0; up <= PARENTS_MAX; up++) {
			char *slash = strrchr(exe, '/');

			if (!slash || slash == exe)
				break;
			*slash = '\0';
			if ((size_t)snprintf(out, room, "%s/" PROGRAM, exe) <
			    room && access(out, X_OK) == 0)
				return 0;
		}
	}
	snprintf(out, room, VOLFS_LIBEXECDIR "/" PROGRAM);
	if (access(out, X_OK) == 0)
		return 0;
	return err_errno(err, errno, "the simulated cloud's program '%s'", out);
}

static int spawn(const char *program, const char *dir, const char *plug,
		 int stderr_fd, pid_t *pid, struct err *err)
{
	const char *argv[] = { program, "--background", "--plug", plug, dir,
			       NULL };
	char *const environment[] = { (char *)(uintptr_t)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				      NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSID);
	r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR,
					     0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, 0, 1);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, stderr_fd, 2);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (!r)
		r = posix_spawn(pid, program, &actions, &attr,
				(char *const *)(uintptr_t)argv, environment);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r ? err_errno(err, r, "starting '%s'", program) : 0;
}

/* It goes into the background by itself: its end is soon. */
static int await(const struct call *c, pid_t pid, int *status, struct err *err)
{
	for (;;) {
		pid_t r = waitpid(pid, status, WNOHANG);
		int left;

		if (r == pid)
			return 0;
		/* Reaped by somebody else: whether it serves will show. */
		if (r < 0 && errno == ECHILD) {
			*status = 0;
			return 0;
		}
		left = call_sleep(c, LOOK_MS, err);
		if (left < 0) {
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return left;
		}
	}
}

int sim_cloud_start(const struct call *c, const char *dir, const char *plug,
		    struct err *err)
{
	AUTO(auto_fd) int out = -1;
	AUTO(auto_fd) int in = -1;
	char program[PATH_MAX], said[256] = "", quoted[300];
	int ends[2], status = 0, r;
	ssize_t n;
	pid_t pid;

	r = program_find(program, sizeof(program), err);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(err, errno, "making a pipe");
	in = ends[0];
	out = ends[1];
	r = spawn(program, dir, plug, out, &pid, err);
	if (r == 0)
		r = await(c, pid, &status, err);
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	n = read(in, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return err_set(err, EHOSTUNREACH, "the simulated cloud did not start in '%s': %s",
		       dir, *said ? quote_for_error(quoted, sizeof(quoted), said,
						    strlen(said))
				  : "it said nothing");
}

static void put_list(struct buf *out, const char *key, char *const *words)
{
	AUTO(auto_buf) struct buf all = BUF_INIT(1024);
	size_t i;

	if (!words || !words[0])
		return;
	for (i = 0; words[i]; i++)
		buf_printf(&all, "%s%s", i ? "," : "", words[i]);
	buf_printf(out, ",\"%s\":", key);
	buf_json_string(out, buf_str(&all));
}

void sim_cloud_settings(const struct sim_session *s, struct buf *out)
{
	static const char *const pending[] = {
		"creating_ms", "attaching_ms", "detaching_ms", "deleting_ms",
		"snapshot_ms", "modifying_ms", "restoring_ms"
	};
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "jitter_ms", s->jitter_ms }, { "lag_ms", s->lag_ms },
		{ "budget_per_s", s->request_limit },
		{ "page_max", s->page_size },
		{ "quota_volumes", s->quota_volumes },
		{ "quota_bytes", s->quota_bytes },
		{ "capacity_bytes", s->capacity_bytes },
		{ "attach_limit", s->attach_limit },
		{ "multi_writer", s->multi_writer },
		{ "volume_bytes", s->volume_bytes },
		{ "volumes", s->volumes },
	};
	size_t i;

	buf_printf(out, "{\"latency_ms\":%" PRIu64, s->latency_ms);
	for (i = 0; i < ARRAY_SIZE(pending); i++)
		buf_printf(out, ",\"%s\":%" PRIu64, pending[i], s->pending_ms);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		buf_printf(out, ",\"%s\":%" PRIu64, numbers[i].key,
			   numbers[i].value);
	buf_puts(out, ",\"kind\":");
	buf_json_string(out, s->kind);
	buf_puts(out, ",\"silent\":");
	buf_json_string(out, s->silent ? s->silent : "");
	buf_puts(out, ",\"by_id\":");
	buf_json_string(out, s->plug_by_id ? s->plug_by_id : "");
	put_list(out, "types", s->types);
	put_list(out, "zones", s->zones);
	buf_putc(out, '}');
}
