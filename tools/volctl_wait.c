/* SPDX-License-Identifier: Apache-2.0 */
/* wait, cancel, events, down: what watches or ends other work. */

#include "tools/volctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

#define REREAD_MS 500
#define DOWN_TIMEOUT_MS 120000

/* ---- wait: conditions ---- */

enum verdict { HOLDS, NOT_YET, NEVER };

static int64_t left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_ms();

	return left < 0 ? 0 : left;
}

static bool word_is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static enum verdict job_info_verdict(const struct job_info *job,
				     struct buf *why)
{
	if (!job->finished) {
		buf_printf(why, "job %s, %s, is %s", job->id, job->verb,
			   job->state);
		return NOT_YET;
	}
	buf_printf(why, "job %s: %s (%s)", job->id, job->message[0]
		   ? job->message : job->state, job->error);
	return !strcmp(job->error, "OK") ? HOLDS : NEVER;
}

/* From a line of the volume's last jobs: "ID VERB STATE TIME ERRNO". */
static enum verdict job_line_verdict(char *line, const char *id,
				     struct buf *why)
{
	const char *state, *last;

	strsep(&line, " ");
	strsep(&line, " ");
	state = strsep(&line, " ");
	last = line ? strrchr(line, ' ') : NULL;
	if (!state || !strcmp(state, "running") || !strcmp(state, "waiting")) {
		buf_printf(why, "job %s is %s", id, state ? state : "there");
		return NOT_YET;
	}
	buf_printf(why, "job %s: %s (%s)", id, state, last ? last + 1 : "?");
	return !strcmp(state, "done") ? HOLDS : NEVER;
}

/* How job @id ended: from the job itself, or from what its volume says of
 * its last ones, which others may read, too. */
static enum verdict job_verdict(const struct ctl *ctl, const struct name *name,
				const char *id, struct buf *why)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	AUTO(auto_json) struct json_object *o = NULL;
	AUTO(auto_json) struct json_object *last = NULL;
	char path[PATH_MAX], file[300];
	struct job_info job;
	char *line, *rest;

	snprintf(file, sizeof(file), ".volfs/jobs/%s/status", id);
	o = tree_read_json(tree_path(path, ctl, NULL, file));
	if (job_from_json(o, &job))
		return job_info_verdict(&job, why);
	last = tree_read_json(tree_path(path, ctl, name, "job"));
	if (job_from_json(last, &job) && !strcmp(job.id, id))
		return job_info_verdict(&job, why);
	buf_puts(&text, "");
	tree_read(tree_path(path, ctl, name, "jobs"), &text);
	rest = text.data;
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, id, strlen(id)) && line[strlen(id)] == ' ')
			return job_line_verdict(line, id, why);
	buf_printf(why, "there is no job '%s' here", id);
	return NEVER;
}

static bool value_equals(struct json_object *value, const char *wanted)
{
	uint64_t number;
	bool yes;

	if (json_object_is_type(value, json_type_boolean))
		return parse_bool(wanted, strlen(wanted), &yes, NULL) == 0 &&
		       yes == json_object_get_boolean(value);
	if (json_object_is_type(value, json_type_int))
		return parse_size(wanted, strlen(wanted), &number, NULL) == 0 &&
		       number == json_object_get_uint64(value);
	return value && !strcmp(json_object_get_string(value), wanted);
}

/* The status' own name of what a value file is called. */
static const char *status_key(const char *key)
{
	static const char *const names[][2] = {
		{ "size", "size_bytes" },
		{ "throughput", "throughput_bytes_per_s" },
		{ "fstype", "mount.fstype" },
		{ "policy", "policy.name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i][0], key))
			return names[i][1];
	return key;
}

/* Does the status have the key, if only as null? */
static bool status_has(struct json_object *status, const char *key)
{
	char first[64];

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(key, "."), key);
	return json_object_object_get_ex(status, first, NULL);
}

static enum verdict word_verdict(const struct ctl *ctl,
				 const struct name *name, const char *word,
				 struct json_object *status, struct buf *why)
{
	const char *equals = strchr(word, '=');
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	if (!strcmp(key, "job"))
		return job_verdict(ctl, name, equals + 1, why);
	if (!status_has(status, status_key(key))) {
		buf_printf(why, "it has no '%s': state, mounted, attached, job "
			   "and the keys of its status can be waited for",
			   key);
		return NEVER;
	}
	if (value_equals(js_get(status, status_key(key)), equals + 1))
		return HOLDS;
	buf_printf(why, "%s is '%s'", key, js_str(status, status_key(key)));
	return NOT_YET;
}

/* Nothing runs and the state is one that lasts. */
static enum verdict settled_verdict(struct json_object *status,
				    struct buf *why)
{
	const char *state = js_str(status, "state");
	struct job_info job;

	if (job_from_json(js_get(status, "job"), &job) && !job.finished) {
		buf_printf(why, "job %s, %s, is %s", job.id, job.verb,
			   job.state);
		return NOT_YET;
	}
	buf_printf(why, "state is '%s'", state);
	return !strcmp(state, "creating") || !strcmp(state, "attaching") ||
	       !strcmp(state, "detaching") || !strcmp(state, "deleting")
		       ? NOT_YET : HOLDS;
}

/* A thing whose creation failed, or which is lost, becomes nothing else. */
static bool is_hopeless(struct json_object *status, struct buf *why)
{
	const char *state = js_str(status, "state");
	struct job_info job;

	if (strcmp(state, "error") && strcmp(state, "lost"))
		return false;
	if (job_from_json(js_get(status, "job"), &job) && !job.finished)
		return false;
	buf_reset(why);
	buf_printf(why, "state is '%s'%s%s", state,
		   *js_str(status, "error.message") ? ": " : "",
		   js_str(status, "error.message"));
	return true;
}

static enum verdict wait_verdict(const struct ctl *ctl,
				 const struct name *name,
				 const struct strings *words,
				 struct json_object *status, struct buf *why)
{
	enum verdict verdict = HOLDS;

	if (!words->count)
		verdict = settled_verdict(status, why);
	for (size_t i = 0; i < words->count && verdict == HOLDS; i++) {
		buf_reset(why);
		verdict = word_verdict(ctl, name, words->at[i], status, why);
	}
	if (verdict == NOT_YET && is_hopeless(status, why))
		verdict = NEVER;
	return verdict;
}

/* ---- wait: the loop ---- */

static int wait_ended(const struct ctl *ctl, const struct name *name,
		      const char *why)
{
	char shown[NAME_TEXT_MAX];

	if (interrupted)
		return complain("%s: interrupted; %s", name_text(name, shown),
				why);
	return complain("%s: still not so after %s: %s", name_text(name, shown),
			ctl->timeout_text, why);
}

static int wait_gone(const struct ctl *ctl, const struct name *name,
		     int64_t deadline_ms)
{
	char path[PATH_MAX];

	tree_path(path, ctl, name, NULL);
	while (tree_has_directory(path)) {
		if (interrupted || left_ms(deadline_ms) == 0)
			return wait_ended(ctl, name, "it is still there");
		tree_poll(-1, (int)(left_ms(deadline_ms) < REREAD_MS
				    ? left_ms(deadline_ms) : REREAD_MS));
	}
	/* Nothing is said by a tree that is not there itself. */
	if (!tree_has_directory(tree_path(path, ctl, NULL, ".volfs")))
		return complain_missing(ctl, name);
	return EXIT_DONE;
}

static int wait_for(const struct ctl *ctl, const struct name *name,
		    const struct strings *words, int64_t deadline_ms)
{
	char path[PATH_MAX];
	char shown[NAME_TEXT_MAX];

	tree_path(path, ctl, name, name->volume[0] ? "status" : ".status");
	for (;;) {
		AUTO(auto_buf) struct buf why = BUF_INIT(TREE_FILE_MAX);
		/* opened before it is read: a change in between wakes it */
		AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);
		AUTO(auto_json) struct json_object *status =
			tree_read_json(path);
		int64_t left = left_ms(deadline_ms);
		enum verdict verdict;

		if (!status && errno == EINTR)
			return wait_ended(ctl, name, "not waited for");
		if (!status)
			return tree_complain(ctl, name, path, "wait", errno);
		verdict = wait_verdict(ctl, name, words, status, &why);
		if (verdict == HOLDS)
			return EXIT_DONE;
		if (verdict == NEVER)
			return complain("%s: %s", name_text(name, shown),
					buf_str(&why));
		if (interrupted || left == 0)
			return wait_ended(ctl, name, buf_str(&why));
		tree_poll(fd, (int)(left < REREAD_MS ? left : REREAD_MS));
	}
}

static int wait_one(const struct ctl *ctl, const struct name *name,
		    const struct arguments *a, struct json_object *done)
{
	int64_t deadline_ms = ctl_has(ctl, TAKES_TIMEOUT)
				      ? clock_ms() + (int64_t)ctl->timeout_ms
				      : INT64_MAX;
	struct progress *progress;
	struct json_object *status;
	char path[PATH_MAX];
	int r;

	CATCH_INTERRUPTS();
	progress = progress_start(ctl, name);
	if (a->words.count && !strcmp(a->words.at[0], "gone"))
		r = wait_gone(ctl, name, deadline_ms);
	else
		r = wait_for(ctl, name, &a->words, deadline_ms);
	progress_stop(progress);
	if (r || !ctl->json)
		return r;
	status = tree_read_json(tree_path(path, ctl, name, name->volume[0]
					  ? "status" : ".status"));
	if (status)
		json_object_array_add(done, status);
	return r;
}

int command_wait(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	bool gone = false;

	a.names = calloc((size_t)argc + 1, sizeof(*a.names));
	if (!a.names)
		return complain("out of memory");
	for (int i = 1; i < argc; i++) {
		bool is_gone = i > 1 && !strcmp(argv[i], "gone");

		gone |= is_gone;
		if (i > 1 && (is_gone || (strchr(argv[i], '=') &&
					  !argument_is_name(argv[i])))) {
			if (strings_add(&a.words, argv[i]) < 0)
				return complain("out of memory");
		} else {
			a.names[a.name_count++] = argv[i];
		}
	}
	if (!a.name_count)
		return usage_error(ctl, "wait for what? give SERVICE/VOLUME");
	if (gone && a.words.count > 1)
		return usage_error(ctl, "'gone' stands alone");
	for (size_t i = 0; i < a.words.count; i++)
		if (!strncmp(a.words.at[i], "job=", 4) &&
		    !word_is_number(a.words.at[i] + 4))
			return usage_error(ctl, "'%s' is not the number of a "
					   "job", a.words.at[i] + 4);
	return verb_each(ctl, &a, NAME_SERVICE | NAME_VOLUME | NAME_SNAPSHOT,
			 wait_one);
}

/* ---- cancel ---- */

/* What became of a job that somebody asked to end. */
static const char *cancelled_text(const struct job_info *job)
{
	if (!job->finished)
		return "is being cancelled";
	if (!strcmp(job->state, "cancelled"))
		return "cancelled";
	return "had ended already: nothing was cancelled";
}

static int cancel_job(const struct ctl *ctl, const char *id,
		      struct json_object *done)
{
	struct json_object *status;
	struct job_info job;
	char path[PATH_MAX];
	char file[300];
	int r;

	snprintf(file, sizeof(file), ".volfs/jobs/%s/cancel", id);
	tree_path(path, ctl, NULL, file);
	r = tree_write(path, "1");
	if (r == -ENOENT)
		return complain("there is no job '%s' ('volctl jobs' lists "
				"them)", id);
	if (r < 0)
		return tree_complain(ctl, NULL, path, "cancel", -r);
	snprintf(file, sizeof(file), ".volfs/jobs/%s/status", id);
	status = tree_read_json(tree_path(path, ctl, NULL, file));
	if (!job_from_json(status, &job))
		job = (struct job_info){ .state = "cancelled",
					 .finished = true };
	if (status)
		json_object_array_add(done, status);
	if (!ctl->quiet && !ctl->json)
		printf("job %s: %s\n", id, cancelled_text(&job));
	return EXIT_DONE;
}

static int cancel_volume(const struct ctl *ctl, const char *text,
			 struct json_object *done)
{
	AUTO(auto_json) struct json_object *status = NULL;
	struct job_info job;
	struct name name;
	char path[PATH_MAX];
	bool runs;
	int r = name_parse(ctl, text, NAME_VOLUME, &name);

	if (r)
		return r;
	status = tree_read_json(tree_path(path, ctl, &name, "job"));
	runs = job_from_json(status, &job) && !job.finished;
	r = verb_write(ctl, &name, "cancel", "1", &name, "cancel");
	if (r)
		return r;
	verb_done(ctl, &name, done, runs ? "is being cancelled"
					 : "nothing runs on it");
	return EXIT_DONE;
}

int command_cancel(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *done = json_object_new_array();
	int status = EXIT_DONE;

	if (argc == 1)
		return usage_error(ctl, "cancel what? give the number of a "
				   "job, or SERVICE/VOLUME");
	CATCH_INTERRUPTS();
	for (int i = 1; i < argc && !interrupted; i++) {
		bool is_job = word_is_number(argv[i]) && strlen(argv[i]) < 20;
		int r = is_job ? cancel_job(ctl, argv[i], done)
			       : cancel_volume(ctl, argv[i], done);

		if (r == EXIT_USAGE)
			return r;
		status = r ? EXIT_FAILED : status;
		if (r && !ctl_has(ctl, TAKES_CONTINUE))
			break;
	}
	if (ctl->json)
		show_json_array(done);
	return status;
}

/* ---- down ---- */

/* The tree is gone: unmounted, or its connection has ended. */
static bool tree_is_gone(const struct ctl *ctl)
{
	char path[PATH_MAX];

	return !tree_has_directory(tree_path(path, ctl, NULL, ".volfs")) &&
	       (errno == ENOENT || errno == ENOTDIR || errno == ENOTCONN ||
		errno == ECONNABORTED || errno == ENODEV);
}

/* The daemon ends a moment after its tree; who starts the next one at once
 * wants its state directory free. In a container the number is another's. */
static bool daemon_is_running(int64_t pid)
{
	AUTO(auto_free) char *name = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	name = pid > 0 ? tree_read_line(path) : NULL;
	return name && !strcmp(name, "volfsd");
}

static int down_wait(const struct ctl *ctl, int64_t pid)
{
	int64_t deadline_ms = clock_ms() + (ctl_has(ctl, TAKES_TIMEOUT)
				? (int64_t)ctl->timeout_ms : DOWN_TIMEOUT_MS);

	while (!tree_is_gone(ctl) || daemon_is_running(pid)) {
		if (interrupted)
			return complain("interrupted; '%s' is still being "
					"taken down", ctl->tree);
		if (left_ms(deadline_ms) == 0)
			return complain("'%s' is still there: '%s' says what "
					"holds it", ctl->tree, "volctl jobs");
		tree_poll(-1, 50);
	}
	return EXIT_DONE;
}

int command_down(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *status = NULL;
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct name nothing = { 0 };
	char path[PATH_MAX];
	int64_t pid;
	int r;

	if (argc > 1)
		return usage_error(ctl, "'down' takes no names: it ends the "
				   "whole tree");
	if (!tree_has_directory(tree_path(path, ctl, NULL, ".volfs")))
		return complain_missing(ctl, &nothing);
	status = tree_read_json(tree_path(path, ctl, NULL, ".volfs/status"));
	pid = js_int(status, "pid", 0);
	r = line_compose(ctl, ctl_has(ctl, TAKES_FORCE) ? "force" : NULL, NULL,
			 &line);
	if (r)
		return r;
	CATCH_INTERRUPTS();
	r = tree_write(tree_path(path, ctl, NULL, ".volfs/down"),
		       buf_str(&line));
	/* The answer may get lost with the tree. */
	if (r < 0 && r != -ENOTCONN && r != -ECONNABORTED && r != -ENODEV)
		return tree_complain(ctl, NULL, path, "down", -r);
	r = down_wait(ctl, pid);
	if (!r && !ctl->quiet && !ctl->json)
		printf("%s: down\n", ctl->tree);
	else if (!r && ctl->json)
		puts("[]");
	return r;
}
