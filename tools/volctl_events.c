/* SPDX-License-Identifier: Apache-2.0 */
/* events: what happened, and what happens. */

#include "tools/volctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define LINES_BEFORE_FOLLOWING 10

struct watch {
	const struct ctl *ctl;
	struct name *names;        /* only these; none: all */
	int name_count;
	int64_t last_seq;          /* of the last line looked at */
	off_t offset;              /* of the first byte not looked at */
	bool counting;             /* those that are wanted; none is shown */
	uint64_t count, lines;     /* not shown yet, and to be shown */
	struct buf partial;        /* the beginning of a line */
};

static bool event_is_wanted(const struct watch *w, struct json_object *o)
{
	for (int i = 0; i < w->name_count; i++) {
		const struct name *name = &w->names[i];

		if (!strcmp(js_str(o, "service"), name->service) &&
		    (!name->volume[0] ||
		     !strcmp(js_str(o, "volume"), name->volume)))
			return true;
	}
	return w->name_count == 0;
}

static void event_print(const struct ctl *ctl, struct json_object *o)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	if (ctl->json) {
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
			JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	buf_printf(&text, "%s  %s%s%s  %s", js_str(o, "at"),
		   js_str(o, "service"), *js_str(o, "volume") ? "/" : "",
		   js_str(o, "volume"), js_str(o, "event"));
	if (*js_str(o, "from") || *js_str(o, "to"))
		buf_printf(&text, "  %s -> %s", *js_str(o, "from")
			   ? js_str(o, "from") : "-", *js_str(o, "to")
			   ? js_str(o, "to") : "-");
	if (*js_str(o, "job"))
		buf_printf(&text, "  job %s", js_str(o, "job"));
	if (*js_str(o, "message"))
		buf_printf(&text, "  %s", js_str(o, "message"));
	show_safe(&safe, buf_str(&text));
	puts(buf_str(&safe));
}

/* One line of the file; one that is no JSON was cut, and is passed over. */
static void event_line(struct watch *w, const char *line)
{
	AUTO(auto_json) struct json_object *o = json_tokener_parse(line);
	int64_t seq = js_int(o, "seq", -1);

	if (!json_object_is_type(o, json_type_object) ||
	    (seq >= 0 && seq <= w->last_seq))
		return;
	if (seq >= 0)
		w->last_seq = seq;
	if (!event_is_wanted(w, o))
		return;
	if (w->counting)
		w->count++;
	else if (w->count > w->lines)
		w->count--;
	else
		event_print(w->ctl, o);
}

/* Looks at the whole lines in @text; keeps what is left for later. */
static void events_take(struct watch *w, const char *text, size_t len)
{
	const char *newline;

	while ((newline = memchr(text, '\n', len))) {
		buf_append(&w->partial, text, (size_t)(newline - text));
		event_line(w, buf_str(&w->partial));
		buf_reset(&w->partial);
		len -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	buf_append(&w->partial, text, len);
	if (buf_failed(&w->partial))
		buf_reset(&w->partial);
}

/* Reads what was added. Return: 0 or -errno. */
static int events_read(struct watch *w, int fd)
{
	char piece[65536];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < w->offset) {
		/* cut, as a log is: what was seen is known by its number */
		w->offset = 0;
		buf_reset(&w->partial);
	}
	while ((n = pread(fd, piece, sizeof(piece), w->offset)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		w->offset += n;
		events_take(w, piece, (size_t)n);
	}
	fflush(stdout);
	return 0;
}

/* Where the last @lines lines of the file begin. */
static off_t events_tail(int fd, uint64_t lines)
{
	off_t at = lseek(fd, 0, SEEK_END);
	char piece[65536];

	/* one newline more: the one that ends the last line */
	for (uint64_t seen = 0; at > 0;) {
		off_t from = at > (off_t)sizeof(piece)
				     ? at - (off_t)sizeof(piece) : 0;
		ssize_t n = pread(fd, piece, (size_t)(at - from), from);

		if (n <= 0)
			return 0;
		while (n > 0) {
			if (piece[--n] == '\n' && seen++ == lines)
				return from + n + 1;
		}
		at = from;
	}
	return 0;
}

/* Of named things the last lines may be anywhere: all are counted, and those
 * before the last @lines passed over. */
static int events_count(struct watch *w, int fd, uint64_t lines)
{
	int r;

	w->counting = true;
	r = events_read(w, fd);
	w->counting = false;
	w->lines = lines;
	w->offset = 0;
	w->last_seq = -1;
	buf_reset(&w->partial);
	return r;
}

/* The file has begun again: what came before that is in events.1. */
static void events_read_old(struct watch *w, int fd)
{
	char path[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size >= w->offset)
		return;
	AUTO(auto_fd) int old = tree_open(tree_path(path, w->ctl, NULL,
					  ".volfs/events.1"), O_RDONLY);
	if (old >= 0 && fstat(old, &st) == 0 && st.st_size >= w->offset)
		events_read(w, old);
	w->offset = 0;
	buf_reset(&w->partial);
}

static int events_follow(struct watch *w, const char *path)
{
	int r = 0;

	while (r == 0) {
		/* Opened anew: what is open keeps what it had. */
		AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);

		if (fd >= 0)
			events_read_old(w, fd);
		r = fd < 0 ? -errno : events_read(w, fd);
		if (r == 0)
			tree_poll(fd, 500);
	}
	return r;
}

static int events_show(struct watch *w)
{
	const struct ctl *ctl = w->ctl;
	bool follow = ctl_has(ctl, TAKES_FOLLOW);
	bool last = follow || ctl_has(ctl, TAKES_LINES);
	uint64_t lines = ctl_has(ctl, TAKES_LINES) ? ctl->lines
						   : LINES_BEFORE_FOLLOWING;
	struct name nothing = { 0 };
	char path[PATH_MAX];
	int r;

	tree_path(path, ctl, NULL, ".volfs/events");
	{
		AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);

		r = fd < 0 ? -errno : 0;
		if (r == 0 && last && w->name_count)
			r = events_count(w, fd, lines);
		else if (r == 0 && last)
			w->offset = events_tail(fd, lines);
		if (r == 0)
			r = events_read(w, fd);
	}
	if (r == 0 && follow)
		r = events_follow(w, path);
	if (r == -EACCES)
		return complain("you may not read everyone's events: '%s' is "
				"for root and the configured group", path);
	if (r < 0 && !tree_has_directory(tree_path(path, ctl, NULL, ".volfs")))
		return complain_missing(ctl, &nothing);
	return r < 0 ? complain("'%s' cannot be read: %s", path, strerror(-r))
		     : EXIT_DONE;
}

int command_events(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_free) struct name *names = calloc((size_t)argc,
						    sizeof(*names));
	struct watch w = { .ctl = ctl, .names = names, .last_seq = -1,
			   .partial = BUF_INIT(TREE_FILE_MAX) };
	int r = 0;

	if (!names)
		return complain("out of memory");
	for (int i = 1; i < argc && !r; i++)
		r = name_parse(ctl, argv[i], NAME_SERVICE | NAME_VOLUME,
			       &names[w.name_count++]);
	if (!r)
		r = events_show(&w);
	buf_done(&w.partial);
	return r;
}
