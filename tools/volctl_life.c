/* SPDX-License-Identifier: Apache-2.0 */
/* What begins and ends the life of volumes and snapshots. */

#include "tools/volctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

/* ---- create, clone, import ---- */

/* The service's directory of @name, where files a name lie. */
static struct name service_of(const struct name *name)
{
	struct name service = { 0 };

	memcpy(service.service, name->service, sizeof(service.service));
	return service;
}

static void created_text(const struct ctl *ctl, const struct name *name,
			 const char *verb, char *out, size_t room)
{
	AUTO(auto_json) struct json_object *status = NULL;
	char path[PATH_MAX];
	char size[FORMAT_MAX];
	int64_t bytes;

	status = tree_read_json(tree_path(path, ctl, name, "status"));
	bytes = js_int(status, "size_bytes", -1);
	snprintf(out, room, "%s%s%s", verb, bytes < 0 ? "" : ", ",
		 bytes < 0 ? "" : show_size(ctl, bytes, size));
}

static int create_with(const struct ctl *ctl, const struct name *name,
		       const char *first, const struct strings *words,
		       struct json_object *done, const char *what)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct name service = service_of(name);
	char file[NAME_BYTES_MAX + 16];
	char text[FORMAT_MAX + 16];
	int r = line_compose(ctl, first, words, &line);

	if (r)
		return r;
	snprintf(file, sizeof(file), ".create/%s", name->volume);
	r = verb_write(ctl, &service, file, buf_str(&line), name, what);
	if (r)
		return r;
	created_text(ctl, name, "created", text, sizeof(text));
	verb_done(ctl, name, done, text);
	return EXIT_DONE;
}

static int create_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	return create_with(ctl, name, NULL, &a->words, done, "create");
}

int command_create(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r = arguments_split(ctl, argc, argv, &a);

	return r ? r : verb_each(ctl, &a, NAME_VOLUME, create_one);
}

int command_clone(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	AUTO(auto_json) struct json_object *done = json_object_new_array();
	char from[2 * NAME_BYTES_MAX + 16];
	struct name source, target;
	int r;

	r = arguments_split(ctl, argc, argv, &a);
	if (r)
		return r;
	if (a.name_count != 2)
		return usage_error(ctl, "give SERVICE/VOLUME[@SNAPSHOT] and "
				   "the new SERVICE/VOLUME");
	r = name_parse(ctl, a.names[0], NAME_VOLUME | NAME_SNAPSHOT, &source);
	if (!r)
		r = name_parse(ctl, a.names[1], NAME_VOLUME, &target);
	if (r)
		return r;
	if (strcmp(source.service, target.service))
		return usage_error(ctl, "'%s' and '%s' are two services: what "
				   "is cloned stays in its own",
				   source.service, target.service);
	snprintf(from, sizeof(from), "from=%s%s%s", source.volume,
		 source.snapshot[0] ? "@" : "", source.snapshot);
	r = create_with(ctl, &target, from, &a.words, done, "clone");
	if (ctl->json)
		show_json_array(done);
	return r;
}

/* Takes name=N out of the words; the volume is shown under that name. */
static int import_name(const struct ctl *ctl, struct strings *words,
		       struct name *name)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *value = words->at[i] + 5;

		if (strncmp(words->at[i], "name=", 5))
			continue;
		if (name_component(value, strlen(value), name->volume,
				   sizeof(name->volume)) < 0)
			return usage_error(ctl, "'%s' cannot be a name", value);
		return 0;
	}
	return 0;
}

int command_import(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *done = json_object_new_array();
	AUTO(auto_strings) struct strings words = STRINGS_INIT;
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct name service, volume;
	char id[NAME_BYTES_MAX + 1];
	char file[NAME_BYTES_MAX + 16];
	int r;

	if (argc < 3)
		return usage_error(ctl, "give the service and the volume's id");
	r = name_parse(ctl, argv[1], NAME_SERVICE, &service);
	if (r)
		return r;
	if (name_component(argv[2], strlen(argv[2]), id, sizeof(id)) < 0)
		return usage_error(ctl, "'%s' cannot be an id", argv[2]);
	for (int i = 3; i < argc; i++)
		if (strings_add(&words, argv[i]) < 0)
			return complain("out of memory");
	volume = service;
	memcpy(volume.volume, id, sizeof(id));
	r = import_name(ctl, &words, &volume);
	if (!r)
		r = line_compose(ctl, NULL, &words, &line);
	if (r)
		return r;
	snprintf(file, sizeof(file), ".import/%s", id);
	r = verb_write(ctl, &service, file, buf_str(&line), &volume, "import");
	if (!r)
		verb_done(ctl, &volume, done, "imported");
	if (ctl->json)
		show_json_array(done);
	return r;
}

/* ---- snapshot ---- */

/* What a wait returns when the snapshot's status says what went wrong. */
#define STATUS_SAYS_WHY 1

/* It is in state error, and no job is at work to change that. */
static bool has_failed(struct json_object *status)
{
	struct job_info job;

	return !strcmp(js_str(status, "state"), "error") &&
	       !(job_from_json(js_get(status, "job"), &job) && !job.finished);
}

/* Waits until the snapshot is made or has failed; mkdir answered at once.
 * Return: 0 | a negative errno | STATUS_SAYS_WHY. */
static int snapshot_wait(const struct ctl *ctl, const struct name *name)
{
	char path[PATH_MAX];

	tree_path(path, ctl, name, "status");
	while (!interrupted) {
		AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);
		AUTO(auto_json) struct json_object *status =
			tree_read_json(path);
		const char *state = js_str(status, "state");

		if (!status)
			return -errno;
		if (has_failed(status))
			return STATUS_SAYS_WHY;
		if (strcmp(state, "creating") && strcmp(state, "error"))
			return 0;
		tree_poll(fd, 500);
	}
	return -EINTR;
}

static int snapshot_failed(const struct ctl *ctl, const struct name *name,
			   const char *path, const char *what, int r)
{
	AUTO(auto_json) struct json_object *status = NULL;
	char status_path[PATH_MAX];
	char shown[NAME_TEXT_MAX];

	if (r == -EEXIST)
		return complain("%s: there is a snapshot of that name already "
				"(EEXIST)", name_text(name, shown));
	if (r < 0)
		return tree_complain(ctl, name, path, what, -r);
	status = tree_read_json(tree_path(status_path, ctl, name, "status"));
	return complain("%s: %s (%s)", name_text(name, shown),
			js_str(status, "error.message"),
			js_str(status, "error.errno"));
}

/* The time, UTC: sorts by age, needs no escaping. */
static void default_snapshot_name(char *out, size_t room)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	if (!strftime(out, room, "%Y%m%d-%H%M%S", &utc))
		out[0] = '\0';
}

static int snapshot_one(const struct ctl *ctl, const struct name *name,
			const struct arguments *a, struct json_object *done)
{
	struct name snapshot = *name;
	struct progress *progress;
	char path[PATH_MAX];
	int r = 0;

	if (!snapshot.snapshot[0] && a->words.count)
		r = name_component(a->words.at[0], strlen(a->words.at[0]),
				   snapshot.snapshot,
				   sizeof(snapshot.snapshot));
	else if (!snapshot.snapshot[0])
		default_snapshot_name(snapshot.snapshot,
				      sizeof(snapshot.snapshot));
	if (r < 0)
		return usage_error(ctl, "'%s' cannot be a snapshot's name",
				   a->words.at[0]);
	CATCH_INTERRUPTS();
	tree_path(path, ctl, &snapshot, NULL);
	progress = progress_start(ctl, &snapshot);
	r = tree_mkdir(path);
	if (r == 0 && !ctl_has(ctl, TAKES_ASYNC))
		r = snapshot_wait(ctl, &snapshot);
	progress_stop(progress);
	if (r != 0)
		return snapshot_failed(ctl, &snapshot, path, "snapshot", r);
	verb_done(ctl, &snapshot, done, "taken");
	return EXIT_DONE;
}

int command_snapshot(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r;

	/* A name of its own may hold blanks, which a word may not. */
	a.names = calloc((size_t)argc + 1, sizeof(*a.names));
	if (!a.names)
		return complain("out of memory");
	for (int i = 1; i < argc; i++) {
		if (i == 1 || argument_is_name(argv[i]))
			a.names[a.name_count++] = argv[i];
		else if (strings_add(&a.words, argv[i]) < 0)
			return complain("out of memory");
	}
	if (!a.name_count)
		return usage_error(ctl, "snapshot what? give SERVICE/VOLUME");
	if (a.words.count > 1)
		return usage_error(ctl, "give one NAME for the snapshot");
	r = verb_each(ctl, &a, NAME_VOLUME | NAME_SNAPSHOT, snapshot_one);
	return r;
}

/* ---- rm ---- */

/* Asks on the terminal; only "y" or "yes" is one. */
static bool ask_to_remove(const struct ctl *ctl, const struct name *name)
{
	AUTO(auto_json) struct json_object *status = NULL;
	char shown[NAME_TEXT_MAX];
	char path[PATH_MAX];
	char size[FORMAT_MAX];
	char answer[16] = "";

	status = tree_read_json(tree_path(path, ctl, name, "status"));
	fprintf(stderr, "volctl: %s (%s) is protected: it may hold data. "
		"Remove it for good? [y/N] ", name_text(name, shown),
		show_size(ctl, js_int(status, "size_bytes", -1), size));
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return !strcmp(answer, "y") || !strcmp(answer, "yes");
}

static bool is_protected(const struct ctl *ctl, const struct name *name)
{
	AUTO(auto_free) char *value = NULL;
	char path[PATH_MAX];

	value = tree_read_line(tree_path(path, ctl, name, "protect"));
	return value && !strcmp(value, "1");
}

/* The caller means it: --yes, or the answer. Return: 0 or EXIT_FAILED. */
static int consent(const struct ctl *ctl, const struct name *name)
{
	char shown[NAME_TEXT_MAX];

	name_text(name, shown);
	if (ctl_has(ctl, TAKES_YES | TAKES_DRY_RUN))
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return complain("%s: is protected, for it may hold data: give "
				"--yes to remove it all the same", shown);
	return ask_to_remove(ctl, name) ? 0
					: complain("%s: not removed", shown);
}

/* Takes the protection off with consent. @was: there was one. */
static int unprotect(const struct ctl *ctl, const struct name *name, bool *was)
{
	int r;

	*was = is_protected(ctl, name) && !ctl_has(ctl, TAKES_DRY_RUN);
	if (!*was)
		return 0;
	r = consent(ctl, name);
	return r ? r : verb_write(ctl, name, "protect", "0", name,
				  "unprotect");
}

/* What is still there shall be as safe as it was before, unless its removal
 * goes on: @num says how the removal ended. */
static void protect_again(const struct ctl *ctl, const struct name *name,
			  int num)
{
	char shown[NAME_TEXT_MAX];
	char path[PATH_MAX];

	if (interrupted || num == ETIMEDOUT || num == ENOENT)
		return;
	if (tree_write(tree_path(path, ctl, name, "protect"), "1") < 0)
		complain("%s: could not be protected again: write 1 to '%s'",
			 name_text(name, shown), path);
}

/* rmdir answers at once, and the name is gone; when the job then fails, it is
 * there again. Return: as snapshot_wait(). */
static int rmdir_and_wait(const struct ctl *ctl, const struct name *name)
{
	char path[PATH_MAX];
	int r = tree_rmdir(tree_path(path, ctl, name, NULL));

	if (r < 0 || ctl_has(ctl, TAKES_ASYNC))
		return r;
	tree_path(path, ctl, name, "status");
	while (!interrupted) {
		AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);
		AUTO(auto_json) struct json_object *status = NULL;
		struct job_info job;

		if (fd < 0 && errno != ENOENT)
			return -errno;
		status = fd < 0 ? NULL : tree_read_json(path);
		if (has_failed(status))
			return STATUS_SAYS_WHY;
		if (fd < 0 && !job_find_ours(ctl, name, NULL, &job))
			return 0;
		tree_poll(fd, 100);
	}
	return -EINTR;
}

static void removed(const struct ctl *ctl, const struct name *name,
		    struct json_object *done)
{
	char shown[NAME_TEXT_MAX];

	if (ctl->json && !ctl_has(ctl, TAKES_DRY_RUN)) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "service",
				       json_object_new_string(name->service));
		json_object_object_add(o, "name", json_object_new_string(
				name->snapshot[0] ? name->snapshot
						  : name->volume));
		if (name->snapshot[0])
			json_object_object_add(o, "volume",
				json_object_new_string(name->volume));
		json_object_object_add(o, "removed",
				       json_object_new_boolean(true));
		json_object_array_add(done, o);
	} else if (ctl->json || !ctl_has(ctl, TAKES_ASYNC)) {
		if (!ctl->quiet && !ctl->json)
			printf("%s: %sremoved\n", name_text(name, shown),
			       ctl_has(ctl, TAKES_DRY_RUN) ? "would be " : "");
	} else {
		verb_done(ctl, name, done, "removed");
	}
}

static int remove_snapshot(const struct ctl *ctl, const struct name *name,
			   struct json_object *done)
{
	char path[PATH_MAX];
	bool was;
	int r;

	if (ctl_has(ctl, TAKES_TIMEOUT))
		return usage_error(ctl, "a snapshot's removal takes no "
				   "--timeout");
	if (!tree_has_directory(tree_path(path, ctl, name, NULL)))
		return complain_missing(ctl, name);
	r = unprotect(ctl, name, &was);
	if (r)
		return r;
	CATCH_INTERRUPTS();
	if (!ctl_has(ctl, TAKES_DRY_RUN)) {
		struct progress *progress = progress_start(ctl, name);

		r = rmdir_and_wait(ctl, name);
		progress_stop(progress);
	}
	if (r == 0) {
		removed(ctl, name, done);
		return EXIT_DONE;
	}
	snapshot_failed(ctl, name, path, "remove", r);
	if (was)
		protect_again(ctl, name, r < 0 ? -r : 0);
	return EXIT_FAILED;
}

static int remove_all_snapshots(const struct ctl *ctl, const struct name *name,
				struct json_object *done)
{
	AUTO(auto_strings) struct strings there = STRINGS_INIT;
	struct name snapshot = *name;
	char path[PATH_MAX];

	tree_list(tree_path(path, ctl, name, "snapshots"), &there);
	for (size_t i = 0; i < there.count; i++) {
		int r;

		snprintf(snapshot.snapshot, sizeof(snapshot.snapshot), "%s",
			 there.at[i]);
		r = remove_snapshot(ctl, &snapshot, done);
		if (r)
			return r;
	}
	return EXIT_DONE;
}

static int remove_volume(const struct ctl *ctl, const struct name *name,
			 const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct name service = service_of(name);
	char file[NAME_BYTES_MAX + 16];
	bool was;
	int r = line_compose(ctl, NULL, &a->words, &line);

	if (!r)
		r = unprotect(ctl, name, &was);
	if (r)
		return r;
	snprintf(file, sizeof(file), ".remove/%s", name->volume);
	r = verb_write(ctl, &service, file, buf_str(&line), name, "remove");
	if (r == EXIT_DONE)
		removed(ctl, name, done);
	else if (was)
		protect_again(ctl, name, errno);
	return r;
}

static int remove_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	struct ctl sure = *ctl;
	int r;

	if (name->snapshot[0])
		return remove_snapshot(ctl, name, done);
	if (!ctl_has(ctl, TAKES_SNAPSHOTS))
		return remove_volume(ctl, name, a, done);
	/* One question for the volume and all that hangs on it. */
	r = consent(ctl, name);
	if (r)
		return r;
	sure.flags = (sure.flags | TAKES_YES) & ~(unsigned)TAKES_TIMEOUT;
	r = remove_all_snapshots(&sure, name, done);
	sure.flags = ctl->flags | TAKES_YES;
	return r ? r : remove_volume(&sure, name, a, done);
}

int command_rm(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r = arguments_split(ctl, argc, argv, &a);

	return r ? r : verb_each(ctl, &a, NAME_VOLUME | NAME_SNAPSHOT,
				 remove_one);
}
