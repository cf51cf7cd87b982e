/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write's answer is an errno; the sentence lies beside it in the tree. Which
 * sentence belongs to the call that just failed is what this file finds out.
 */

#include "tools/volctl.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

/* Newest jobs that are looked at: ours ended a moment ago. */
#define JOBS_LOOKED_AT 256

/* Clocks of whole seconds: what happened in the second before may be ours. */
#define SLACK_S 1

/* ---- jobs ---- */

static int64_t time_of(const char *text)
{
	int64_t unix_s = 0;

	parse_time(text, strlen(text), &unix_s, NULL);
	return unix_s;
}

bool job_from_json(struct json_object *object, struct job_info *out)
{
	static const char *const finished[] = {
		"done", "failed", "cancelled", "canceled", "succeeded", "error",
	};

	if (!json_object_is_type(object, json_type_object) ||
	    !*js_str(object, "id"))
		return false;
	*out = (struct job_info){ 0 };
#define COPY(field, path) \
	snprintf(out->field, sizeof(out->field), "%s", js_str(object, path))
	COPY(id, "id");
	COPY(verb, "verb");
	COPY(state, "state");
	COPY(step, "step");
	COPY(service, "service");
	COPY(volume, "volume");
	COPY(error, "errno");
	COPY(code, "code");
	COPY(message, "message");
	COPY(started_at, "started_at");
#undef COPY
	out->percent = (int)js_int(object, "progress_percent", -1);
	out->pid = js_int(object, "pid", -1);
	out->uid = js_int(object, "uid", -1);
	out->submitted_s = time_of(js_str(object, "submitted_at"));
	out->finished = *js_str(object, "finished_at") != '\0';
	for (size_t i = 0; i < ARRAY_SIZE(finished); i++)
		out->finished |= !strcmp(out->state, finished[i]);
	return true;
}

static int compare_ids_newest_first(const void *a, const void *b)
{
	const char *x = *(char *const *)a;
	const char *y = *(char *const *)b;
	size_t x_len = strlen(x);
	size_t y_len = strlen(y);

	if (x_len != y_len)
		return x_len < y_len ? 1 : -1;
	return strcmp(y, x);
}

static bool job_is_ours(const struct ctl *ctl, const struct job_info *job,
			const struct name *name, const char *error)
{
	if (job->pid != getpid() ||
	    (job->uid >= 0 && job->uid != (int64_t)getuid()))
		return false;
	if (job->submitted_s && job->submitted_s < ctl->started_s - SLACK_S)
		return false;
	/* The unmounts of a "down" are its own, too. */
	if (!name && job->volume[0])
		return false;
	if (name && name->service[0] && job->service[0] &&
	    strcmp(job->service, name->service))
		return false;
	if (name && name->volume[0] && job->volume[0] &&
	    strcmp(job->volume, name->volume))
		return false;
	if (!error)
		return !job->finished;
	return !*error || (job->finished && !strcmp(job->error, error));
}

/* The volume's own file tells of its running or last job, to everybody. */
static bool job_of_volume(const struct ctl *ctl, const struct name *name,
			  struct job_info *out)
{
	AUTO(auto_json) struct json_object *status = NULL;
	struct name volume = *name;
	char path[PATH_MAX];

	volume.snapshot[0] = '\0';
	status = tree_read_json(tree_path(path, ctl, &volume, "job"));
	return job_from_json(status, out);
}

bool job_find_ours(const struct ctl *ctl, const struct name *name,
		   const char *error, struct job_info *out)
{
	AUTO(auto_strings) struct strings ids = STRINGS_INIT;
	char path[PATH_MAX];
	char file[300];

	if (name && name->volume[0] && job_of_volume(ctl, name, out) &&
	    job_is_ours(ctl, out, name, error))
		return true;
	tree_list(tree_path(path, ctl, NULL, ".volfs/jobs"), &ids);
	if (!ids.count)
		return false;
	qsort(ids.at, ids.count, sizeof(*ids.at), compare_ids_newest_first);
	for (size_t i = 0; i < ids.count && i < JOBS_LOOKED_AT; i++) {
		AUTO(auto_json) struct json_object *status = NULL;

		snprintf(file, sizeof(file), ".volfs/jobs/%s/status",
			 ids.at[i]);
		status = tree_read_json(tree_path(path, ctl, NULL, file));
		if (!status && errno == EACCES)
			return false;
		if (job_from_json(status, out) &&
		    job_is_ours(ctl, out, name, error))
			return true;
	}
	return false;
}

/* ---- error files ---- */

/* The sentence, and the service's code where it is not in there already. */
static void append_message(struct buf *out, const char *message,
			   const char *code)
{
	buf_puts(out, message);
	if (*code && !strstr(message, code))
		buf_printf(out, " [%s]", code);
}

/* Takes "EBUSY sentence" apart. Return: the sentence; @num 0: no such word. */
static const char *error_split(const char *text, int *num)
{
	char word[32];
	size_t len = strcspn(text, " :");

	*num = 0;
	if (len == 0 || len >= sizeof(word))
		return text;
	memcpy(word, text, len);
	word[len] = '\0';
	if (err_number(word) <= 0)
		return text;
	*num = err_number(word);
	text += len;
	return text + strspn(text, " :");
}

/*
 * The sentence of @name's own error, when it tells of @num and is not older
 * than this process: the status says when it happened, the file's time where
 * the status cannot be read.
 */
static bool error_of(const struct ctl *ctl, const struct name *name, int num,
		     struct buf *out)
{
	const char *dot = name->volume[0] ? "" : ".";
	AUTO(auto_json) struct json_object *status = NULL;
	AUTO(auto_free) char *text = NULL;
	char path[PATH_MAX];
	char file[16];
	struct stat st;
	const char *sentence;
	int told;

	snprintf(file, sizeof(file), "%sstatus", dot);
	status = tree_read_json(tree_path(path, ctl, name, file));
	if (*js_str(status, "error.message")) {
		int64_t at = time_of(js_str(status, "error.at"));

		if (err_number(js_str(status, "error.errno")) != num ||
		    at < ctl->started_s - SLACK_S)
			return false;
		append_message(out, js_str(status, "error.message"),
			       js_str(status, "error.code"));
		return true;
	}
	snprintf(file, sizeof(file), "%serror", dot);
	tree_path(path, ctl, name, file);
	text = tree_read_line(path);
	if (!text || !*text || stat(path, &st) < 0)
		return false;
	sentence = error_split(text, &told);
	if (told ? told != num : st.st_mtime < ctl->started_s - SLACK_S)
		return false;
	buf_puts(out, sentence);
	return true;
}

/* ---- what is missing ---- */

static void append_choice(struct buf *out, const char *wanted,
			  const struct strings *there, const char *none)
{
	AUTO(auto_free) const char **words =
		calloc(there->count + 1, sizeof(*words));
	const char *nearest;

	if (!words)
		return;
	for (size_t i = 0; i < there->count; i++)
		words[i] = there->at[i];
	/* Edit distances to very many names cost seconds. */
	nearest = there->count <= 2000 ? nearest_word(wanted, words) : NULL;
	if (nearest) {
		buf_printf(out, ": did you mean '%s'", nearest);
	} else if (there->count == 0) {
		buf_printf(out, ": %s", none);
	} else if (there->count <= 8) {
		buf_puts(out, ": there is");
		for (size_t i = 0; i < there->count; i++)
			buf_printf(out, "%s '%s'", i ? "," : "", words[i]);
	}
}

static void missing_service(const struct ctl *ctl, const struct name *name,
			    struct buf *out)
{
	AUTO(auto_strings) struct strings services = STRINGS_INIT;
	char path[PATH_MAX];
	bool there = tree_has_directory(tree_path(path, ctl, NULL, ".volfs"));

	if (!there && (errno == ENOTCONN || errno == ECONNABORTED)) {
		buf_printf(out, "the daemon behind '%s' has ended: start "
			   "volfsd again", ctl->tree);
	} else if (!there) {
		buf_printf(out, "'%s' holds no volfs tree: is volfsd running "
			   "there? Name another tree with -t TREE or "
			   "$VOLFS_TREE", ctl->tree);
	} else {
		tree_list(ctl->tree, &services);
		buf_printf(out, "there is no service '%s' in '%s'",
			   name->service, ctl->tree);
		append_choice(out, name->service, &services,
			      "no service is configured");
	}
}

/* Says which part of the name is not there. Return: false if all of it is. */
static bool missing_sentence(const struct ctl *ctl, const struct name *name,
			     struct buf *out)
{
	struct name above = *name;
	AUTO(auto_strings) struct strings there = STRINGS_INIT;
	char path[PATH_MAX];

	if (!name->service[0]) {
		tree_path(path, ctl, NULL, ".volfs");
		if (tree_has_directory(path))
			return false;
		missing_service(ctl, name, out);
		return true;
	}
	above.volume[0] = above.snapshot[0] = '\0';
	if (!tree_has_directory(tree_path(path, ctl, &above, NULL))) {
		missing_service(ctl, name, out);
		return true;
	}
	if (!name->volume[0] ||
	    tree_has_directory(tree_path(path, ctl, name, NULL)))
		return false;
	memcpy(above.volume, name->volume, sizeof(above.volume));
	if (!tree_has_directory(tree_path(path, ctl, &above, NULL))) {
		above.volume[0] = '\0';
		tree_list(tree_path(path, ctl, &above, NULL), &there);
		buf_printf(out, "there is no volume '%s' in '%s'",
			   name->volume, name->service);
		append_choice(out, name->volume, &there,
			      "it has no volumes yet");
		return true;
	}
	tree_list(tree_path(path, ctl, &above, "snapshots"), &there);
	buf_printf(out, "'%s/%s' has no snapshot '%s'", name->service,
		   name->volume, name->snapshot);
	append_choice(out, name->snapshot, &there, "it has none yet");
	return true;
}

int complain_missing(const struct ctl *ctl, const struct name *name)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	char shown[NAME_TEXT_MAX];

	if (!missing_sentence(ctl, name, &text))
		buf_printf(&text, "'%s' is being changed: try again",
			   name_text(name, shown));
	return complain("%s", buf_str(&text));
}

/* ---- the sentence ---- */

/* A file that the caller may not write: whose it is. */
static bool refused_sentence(const char *path, struct buf *out)
{
	struct stat st;
	struct passwd *user;
	struct group *group;

	if (stat(path, &st) < 0 || access(path, W_OK) == 0)
		return false;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	buf_printf(out, "you may not write '%s': it is owned by '%s', group "
		   "'%s', mode %04o", path, user ? user->pw_name : "?",
		   group ? group->gr_name : "?", st.st_mode & 07777);
	return true;
}

static bool told_sentence(const struct ctl *ctl, const struct name *name,
			  int num, struct buf *out)
{
	struct name service = { 0 };
	struct job_info job;

	if (job_find_ours(ctl, name, err_name(num), &job) && job.message[0]) {
		append_message(out, job.message, job.code);
		return true;
	}
	if (!name)
		return false;
	if (name->volume[0] && error_of(ctl, name, num, out))
		return true;
	if (name->snapshot[0]) {
		struct name volume = *name;

		volume.snapshot[0] = '\0';
		if (error_of(ctl, &volume, num, out))
			return true;
	}
	memcpy(service.service, name->service, sizeof(service.service));
	return error_of(ctl, &service, num, out);
}

void tree_sentence(const struct ctl *ctl, const struct name *name,
		   const char *path, const char *what, int num,
		   struct buf *out)
{
	char shown[NAME_TEXT_MAX];
	bool walked = num == ENOENT || num == ENOTDIR || num == ENOTCONN;
	struct name nothing = { 0 };
	struct stat st;

	if (num == ENOTCONN || num == ECONNABORTED) {
		missing_service(ctl, name ? name : &nothing, out);
		return;
	}
	/* Where there is not even a file to write to nobody was asked: what
	 * the tree says tells of something else. */
	if (walked && name && stat(path, &st) < 0) {
		if (missing_sentence(ctl, name, out))
			return;
		if (num == ENOENT) {
			buf_printf(out, "'%s' cannot do that here: there is no "
				   "'%s'", name_text(name, shown), path);
			return;
		}
	}
	if (told_sentence(ctl, name, num, out)) {
		buf_printf(out, " (%s)", err_name(num));
	} else if (walked && name && missing_sentence(ctl, name, out)) {
		return;
	} else if (num != EACCES || !refused_sentence(path, out)) {
		buf_printf(out, "%s: %s (%s)", what, strerror(num),
			   err_name(num));
	}
}

static void interrupted_sentence(const struct ctl *ctl,
				 const struct name *name, struct buf *out)
{
	char shown[NAME_TEXT_MAX];
	struct job_info job;
	bool found = job_find_ours(ctl, name, NULL, &job);

	/* ours may have joined one that another process began */
	if (!found && name && name->volume[0])
		found = job_of_volume(ctl, name, &job) && !job.finished;
	if (!found) {
		buf_puts(out, "interrupted; what was begun goes on: see "
			 "'volctl jobs'");
		return;
	}
	buf_printf(out, "interrupted; still running as job %s: 'volctl wait %s "
		   "job=%s' waits for it, 'volctl cancel %s' stops it", job.id,
		   name ? name_text(name, shown) : "SERVICE/VOLUME", job.id,
		   job.id);
}

int tree_complain(const struct ctl *ctl, const struct name *name,
		  const char *path, const char *what, int num)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	char shown[NAME_TEXT_MAX];

	if (num == EINTR && interrupted)
		interrupted_sentence(ctl, name, &text);
	else
		tree_sentence(ctl, name, path, what, num, &text);
	if (!name || !name->service[0])
		return complain("%s", buf_str(&text));
	return complain("%s: %s", name_text(name, shown), buf_str(&text));
}
