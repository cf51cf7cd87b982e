/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that are one line written to one file of what they are about. */

#include "tools/volctl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void auto_arguments(struct arguments *a)
{
	free(a->names);
	auto_strings(&a->words);
}

/* The daemon takes a line apart at blanks, so one word must not become two. */
static int check_word(const struct ctl *ctl, const char *word)
{
	char quoted[80];
	const unsigned char *s = (const unsigned char *)word;

	while (*s > ' ' && *s != 0x7f)
		s++;
	if (!*s && s != (const unsigned char *)word)
		return 0;
	return usage_error(ctl, "'%s' cannot be a word of a line: it is empty "
			   "or holds a blank or control byte",
			   quote_for_error(quoted, sizeof(quoted), word,
					   strlen(word)));
}

int arguments_split(const struct ctl *ctl, int argc, char **argv,
		    struct arguments *out)
{
	*out = (struct arguments){ .names = calloc((size_t)argc + 1,
						   sizeof(*out->names)) };
	if (!out->names)
		return complain("out of memory");
	for (int i = 1; i < argc; i++) {
		if (argument_is_name(argv[i])) {
			out->names[out->name_count++] = argv[i];
			continue;
		}
		if (!out->name_count && !strchr(argv[i], '=')) {
			struct name ignored;

			return name_parse(ctl, argv[i], NAME_VOLUME, &ignored);
		}
		if (check_word(ctl, argv[i]))
			return EXIT_USAGE;
		if (strings_add(&out->words, argv[i]) < 0)
			return complain("out of memory");
	}
	if (!out->name_count)
		return usage_error(ctl, "which volume? give SERVICE/VOLUME");
	return 0;
}

int line_compose(const struct ctl *ctl, const char *first,
		 const struct strings *words, struct buf *out)
{
	if (ctl_has(ctl, TAKES_ASYNC))
		buf_puts(out, "async ");
	if (ctl_has(ctl, TAKES_DRY_RUN))
		buf_puts(out, "dry-run ");
	if (ctl_has(ctl, TAKES_TIMEOUT))
		buf_printf(out, "timeout=%s ", ctl->timeout_text);
	if (first)
		buf_printf(out, "%s ", first);
	for (size_t i = 0; words && i < words->count; i++)
		buf_printf(out, "%s ", words->at[i]);
	if (!first && (!words || !words->count))
		buf_puts(out, "1 ");
	if (buf_failed(out) || out->len >= LINE_MAX_BYTES)
		return usage_error(ctl, "a line is shorter than %d bytes",
				   LINE_MAX_BYTES);
	out->data[--out->len] = '\0';
	return 0;
}

int verb_write(const struct ctl *ctl, const struct name *parent,
	       const char *file, const char *line, const struct name *name,
	       const char *what)
{
	struct progress *progress;
	char path[PATH_MAX];
	int r;

	CATCH_INTERRUPTS();
	tree_path(path, ctl, parent, file);
	progress = progress_start(ctl, name);
	r = tree_write(path, line);
	progress_stop(progress);
	if (r == 0)
		return EXIT_DONE;
	tree_complain(ctl, name, path, what, -r);
	errno = -r;
	return EXIT_FAILED;
}

void verb_done(const struct ctl *ctl, const struct name *name,
	       struct json_object *done, const char *text)
{
	char shown[NAME_TEXT_MAX];
	char path[PATH_MAX];
	struct job_info job;
	struct json_object *status;

	if (ctl->json) {
		status = tree_read_json(tree_path(path, ctl, name, "status"));
		if (status)
			json_object_array_add(done, status);
		return;
	}
	if (ctl->quiet)
		return;
	name_text(name, shown);
	if (ctl_has(ctl, TAKES_DRY_RUN))
		printf("%s: would be %s\n", shown, text);
	else if (!ctl_has(ctl, TAKES_ASYNC))
		printf("%s: %s\n", shown, text);
	else if (job_find_ours(ctl, name, "", &job))
		printf("%s: job %s\n", shown, job.id);
	else
		printf("%s: begun\n", shown);
}

int verb_each(const struct ctl *ctl, const struct arguments *a, unsigned kinds,
	      int (*one)(const struct ctl *ctl, const struct name *name,
			 const struct arguments *a, struct json_object *done))
{
	AUTO(auto_json) struct json_object *done = json_object_new_array();
	int status = EXIT_DONE;
	struct name name;

	/* All names are looked at before anything is done to the first. */
	for (int i = 0; i < a->name_count; i++) {
		int r = name_parse(ctl, a->names[i], kinds, &name);

		if (r)
			return r;
	}
	for (int i = 0; i < a->name_count && !interrupted; i++) {
		int r = name_parse(ctl, a->names[i], kinds, &name);

		if (!r)
			r = one(ctl, &name, a, done);
		fflush(stdout);
		if (r == EXIT_USAGE)
			return r;
		if (r) {
			status = EXIT_FAILED;
			if (!ctl_has(ctl, TAKES_CONTINUE))
				break;
		}
	}
	if (ctl->json)
		show_json_array(done);
	return status;
}

/* ---- attach, detach ---- */

static const char *word_with(const struct strings *words, const char *start)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strncmp(words->at[i], start, strlen(start)))
			return words->at[i];
	return NULL;
}

/* Another machine's attachment is asked of the service, ours of the volume. */
static int attach_or_detach(const struct ctl *ctl, const struct name *name,
			    const struct arguments *a,
			    struct json_object *done, const char *verb,
			    const char *text)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct name service = { 0 };
	char file[NAME_BYTES_MAX + 16];
	int r = line_compose(ctl, NULL, &a->words, &line);

	if (r)
		return r;
	if (word_with(&a->words, "host=")) {
		memcpy(service.service, name->service,
		       sizeof(service.service));
		snprintf(file, sizeof(file), ".%s/%s", verb, name->volume);
		r = verb_write(ctl, &service, file, buf_str(&line), name,
			       verb);
	} else {
		r = verb_write(ctl, name, verb, buf_str(&line), name, verb);
	}
	if (!r)
		verb_done(ctl, name, done, text);
	return r;
}

static int attach_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	return attach_or_detach(ctl, name, a, done, "attach", "attached");
}

static int detach_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	return attach_or_detach(ctl, name, a, done, "detach", "detached");
}

static int run_verb(const struct ctl *ctl, int argc, char **argv,
		    unsigned kinds,
		    int (*one)(const struct ctl *ctl, const struct name *name,
			       const struct arguments *a,
			       struct json_object *done))
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r = arguments_split(ctl, argc, argv, &a);

	return r ? r : verb_each(ctl, &a, kinds, one);
}

int command_attach(const struct ctl *ctl, int argc, char **argv)
{
	return run_verb(ctl, argc, argv, NAME_VOLUME, attach_one);
}

int command_detach(const struct ctl *ctl, int argc, char **argv)
{
	return run_verb(ctl, argc, argv, NAME_VOLUME, detach_one);
}

/* ---- mount, umount ---- */

static int mount_one(const struct ctl *ctl, const struct name *name,
		     const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char path[PATH_MAX];
	int r = line_compose(ctl, NULL, &a->words, &line);

	if (!r)
		r = verb_write(ctl, name, "mount", buf_str(&line), name,
			       "mount");
	if (r)
		return r;
	if (ctl->json || ctl_has(ctl, TAKES_ASYNC | TAKES_DRY_RUN))
		verb_done(ctl, name, done, "mounted");
	else if (!ctl->quiet)
		puts(tree_path(path, ctl, name, "data"));
	return EXIT_DONE;
}

/* One user's hold ended, and others have it: says for whom. */
static bool still_mounted(const struct ctl *ctl, const struct name *name)
{
	AUTO(auto_json) struct json_object *status = NULL;
	AUTO(auto_buf) struct buf who = BUF_INIT(TREE_FILE_MAX);
	struct json_object *users;
	char path[PATH_MAX], shown[NAME_TEXT_MAX];

	if (ctl->json || ctl->quiet || ctl_has(ctl, TAKES_ASYNC | TAKES_DRY_RUN))
		return false;
	status = tree_read_json(tree_path(path, ctl, name, "status"));
	users = js_get(status, "mount.users");
	if (!js_bool(status, "mounted") || !users)
		return false;
	for (size_t i = 0; i < json_object_array_length(users); i++)
		buf_printf(&who, "%s'%s'", i ? ", " : "",
			   js_str(json_object_array_get_idx(users, i), "name"));
	printf("%s: still mounted for %s: user=NAME ends each of these\n",
	       name_text(name, shown), buf_str(&who));
	return true;
}

static int umount_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	const char *how = ctl_has(ctl, TAKES_FORCE)
				  ? ctl_has(ctl, TAKES_LAZY) ? "force lazy"
							     : "force"
				  : ctl_has(ctl, TAKES_LAZY) ? "lazy" : NULL;
	int r = line_compose(ctl, how, &a->words, &line);

	if (!r)
		r = verb_write(ctl, name, "unmount", buf_str(&line), name,
			       "unmount");
	if (!r && !still_mounted(ctl, name))
		verb_done(ctl, name, done, "unmounted");
	return r;
}

int command_mount(const struct ctl *ctl, int argc, char **argv)
{
	return run_verb(ctl, argc, argv, NAME_VOLUME, mount_one);
}

int command_umount(const struct ctl *ctl, int argc, char **argv)
{
	return run_verb(ctl, argc, argv, NAME_VOLUME, umount_one);
}

/* ---- restore ---- */

static int restore_one(const struct ctl *ctl, const struct name *name,
		       const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	AUTO(auto_buf) struct buf text = BUF_INIT(LINE_MAX_BYTES);
	struct name volume = *name;
	int r = line_compose(ctl, NULL, &a->words, &line);

	if (!r)
		r = verb_write(ctl, name, "restore", buf_str(&line), name,
			       "restore");
	if (r)
		return r;
	volume.snapshot[0] = '\0';
	buf_printf(&text, "rolled back to '%s'", name->snapshot);
	verb_done(ctl, &volume, done, buf_str(&text));
	return EXIT_DONE;
}

int command_restore(const struct ctl *ctl, int argc, char **argv)
{
	return run_verb(ctl, argc, argv, NAME_SNAPSHOT, restore_one);
}

/* ---- settings ---- */

/* "+10G" is what the volume has and 10 GiB more. */
static int resolve_size(const struct ctl *ctl, const struct name *name,
			const char *wanted, struct buf *out)
{
	AUTO(auto_json) struct json_object *status = NULL;
	struct err err = ERR_INIT;
	uint64_t more;
	char path[PATH_MAX];
	int64_t now;

	if (parse_size(wanted + (*wanted == '+'),
		       strlen(wanted + (*wanted == '+')), &more, &err) < 0)
		return usage_error(ctl, "%s", err.text);
	if (*wanted != '+') {
		buf_puts(out, wanted);
		return 0;
	}
	status = tree_read_json(tree_path(path, ctl, name, "status"));
	if (!status)
		return tree_complain(ctl, name, path, "read the size", errno);
	now = js_int(status, "size_bytes", -1);
	if (now < 0 || more > (uint64_t)(INT64_MAX - now))
		return complain("%s/%s: its size is not known: give the new "
				"size without '+'", name->service,
				name->volume);
	buf_printf(out, "%" PRIu64, (uint64_t)now + more);
	return 0;
}

static int resize_one(const struct ctl *ctl, const struct name *name,
		      const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	AUTO(auto_buf) struct buf size = BUF_INIT(LINE_MAX_BYTES);
	AUTO(auto_free) char *now = NULL;
	char text[FORMAT_MAX + 16];
	char shown[FORMAT_MAX];
	char path[PATH_MAX];
	uint64_t bytes = 0;
	int r = resolve_size(ctl, name, a->words.at[0], &size);

	if (r)
		return r;
	if (ctl_has(ctl, TAKES_ASYNC | TAKES_DRY_RUN | TAKES_TIMEOUT)) {
		/* a value file takes a value; the options need a line */
		AUTO(auto_buf) struct buf word = BUF_INIT(LINE_MAX_BYTES);

		buf_printf(&word, "size=%s", buf_str(&size));
		r = line_compose(ctl, buf_str(&word), NULL, &line);
		if (!r)
			r = verb_write(ctl, name, "set", buf_str(&line), name,
				       "resize");
	} else {
		r = verb_write(ctl, name, "size", buf_str(&size), name,
			       "resize");
	}
	if (r)
		return r;
	if (!ctl_has(ctl, TAKES_DRY_RUN | TAKES_ASYNC))
		now = tree_read_line(tree_path(path, ctl, name, "size"));
	if (!now || parse_u64(now, strlen(now), &bytes, NULL) < 0)
		parse_size(buf_str(&size), strlen(buf_str(&size)), &bytes,
			   NULL);
	snprintf(text, sizeof(text), "resized, %s",
		 show_size(ctl, (int64_t)bytes, shown));
	verb_done(ctl, name, done, text);
	return EXIT_DONE;
}

int command_resize(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r = arguments_split(ctl, argc, argv, &a);

	if (r)
		return r;
	if (a.words.count != 1)
		return usage_error(ctl, "give one new size, such as 200G or "
				   "+10G");
	if (!strncmp(a.words.at[0], "size=", 5))
		memmove(a.words.at[0], a.words.at[0] + 5,
			strlen(a.words.at[0] + 5) + 1);
	return verb_each(ctl, &a, NAME_VOLUME, resize_one);
}

static int set_one(const struct ctl *ctl, const struct name *name,
		   const struct arguments *a, struct json_object *done)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	int r = line_compose(ctl, NULL, &a->words, &line);

	if (!r)
		r = verb_write(ctl, name, "set", buf_str(&line), name, "set");
	if (!r)
		verb_done(ctl, name, done, "set");
	return r;
}

int command_set(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_arguments) struct arguments a = { 0 };
	int r = arguments_split(ctl, argc, argv, &a);

	if (r)
		return r;
	if (!a.words.count)
		return usage_error(ctl, "set what? give KEY=VALUE");
	return verb_each(ctl, &a, NAME_VOLUME, set_one);
}
