/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TOOLS_VOLCTL_H
#define VOLFS_TOOLS_VOLCTL_H

/*
 * volctl: a client of the tree and nothing else. Everything it does is an
 * open, read, write, mkdir, rmdir, readdir or poll below the tree; what it
 * prints comes from there.
 *
 *	volctl.c           options, command table, help
 *	volctl_help.c      the words of each command's --help
 *	volctl_tree.c      names, reading, writing, lists
 *	volctl_error.c     the sentence that belongs to a failed call
 *	volctl_show.c      safe text, tables, JSON, colours
 *	volctl_progress.c  the progress line
 *	volctl_list.c      ls, tree, jobs
 *	volctl_status.c    status
 *	volctl_verb.c      verbs that are one line written to one file
 *	volctl_life.c      create, clone, import, snapshot, rm
 *	volctl_wait.c      wait, cancel, events, down
 */

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/escape.h"
#include "base/parse.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What one file of the tree may hold before it is no longer believed. */
#define TREE_FILE_MAX ((size_t)4 << 20)
/* A line of this length is refused by the tree (E2BIG). */
#define LINE_MAX_BYTES 4096

/* Options a command takes; --json, -q, -t, --help go with every command. */
enum option_flag {
	TAKES_BYTES = 1 << 0,
	TAKES_YES = 1 << 1,
	TAKES_SNAPSHOTS = 1 << 2,
	TAKES_ALL = 1 << 3,
	TAKES_FOLLOW = 1 << 4,
	TAKES_FORCE = 1 << 5,
	TAKES_LAZY = 1 << 6,
	TAKES_LINES = 1 << 7,
	TAKES_TIMEOUT = 1 << 8,
	TAKES_ASYNC = 1 << 9,
	TAKES_DRY_RUN = 1 << 10,
	TAKES_CONTINUE = 1 << 11,
};

#define TAKES_LINE \
	(TAKES_TIMEOUT | TAKES_ASYNC | TAKES_DRY_RUN | TAKES_CONTINUE)

/* The command line, read once; constant afterwards. */
struct ctl {
	const char *tree;            /* no slash at the end, unless it is "/" */
	const struct command *command;
	unsigned flags;              /* TAKES_*: those given */
	bool json;
	bool quiet;
	bool color;                  /* standard output may hold colours */
	bool progress;               /* standard error is a terminal; no -q */
	bool utf8;                   /* line drawing may be UTF-8 */
	uint64_t timeout_ms;         /* with TAKES_TIMEOUT */
	const char *timeout_text;    /* as typed */
	uint64_t lines;              /* with TAKES_LINES */
	int64_t started_s;           /* when this volctl started, unix time */
};

struct command {
	const char *name;
	int (*run)(const struct ctl *ctl, int argc, char **argv);
	unsigned takes;
	const char *usage;           /* after "volctl NAME" */
	const char *summary;         /* one line, no full stop */
	const char *help;            /* paragraphs and examples */
};

static inline bool ctl_has(const struct ctl *ctl, unsigned flag)
{
	return ctl->flags & flag;
}

/* ---- volctl.c, volctl_help.c ---- */

extern const struct command command_table[];   /* ends with a NULL name */

/* Says on standard error what was wrong with the command line and where the
 * help is. Return: EXIT_USAGE. */
int usage_error(const struct ctl *ctl, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints "volctl: " and the sentence on standard error, bytes made safe.
 * Return: EXIT_FAILED. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void help_print_all(const struct ctl *ctl);
void help_print_command(const struct command *command);

/* ---- volctl_tree.c: names ---- */

/* A thing in the tree, in the escaped form that is its path; "" where the
 * level is not given. */
struct name {
	char service[64];
	char volume[NAME_BYTES_MAX + 1];
	char snapshot[NAME_BYTES_MAX + 1];
};

enum name_kind { NAME_SERVICE = 1, NAME_VOLUME = 2, NAME_SNAPSHOT = 4 };

/**
 * name_parse - SERVICE, SERVICE/VOLUME or SERVICE/VOLUME@SNAPSHOT
 * @kinds: a set of enum name_kind that the command takes
 *
 * A name that the tree shows, or one in the tree's own form, is taken as it
 * is; any other is escaped. A path below the tree is a name too. Complains.
 * Return: 0 or EXIT_USAGE.
 */
int name_parse(const struct ctl *ctl, const char *text, unsigned kinds,
	       struct name *out);

/* Escapes one component unless it is in the tree's form already.
 * Return: 0 or -ENAMETOOLONG, -EINVAL (empty). */
int name_component(const char *text, size_t len, char *out, size_t room);

/* "service/volume@snapshot"; static storage of the caller, NAME_TEXT_MAX. */
#define NAME_TEXT_MAX (64 + 2 * (NAME_BYTES_MAX + 1) + 4)
const char *name_text(const struct name *name, char *out);

/* True for an argument that is a SERVICE/VOLUME and not a WORD or KEY=VALUE. */
bool argument_is_name(const char *text);

/* Writes the path of @file (NULL: the directory itself) of the thing to @out,
 * which has PATH_MAX bytes. Return: @out. Too long gives a path that cannot
 * exist. */
char *tree_path(char *out, const struct ctl *ctl, const struct name *name,
		const char *file);

/* ---- volctl_tree.c: reading and writing ---- */

/* open(2), again where the tree is in doubt. */
int tree_open(const char *path, int flags);

/* mkdir(2) and rmdir(2), likewise. Return: 0 or -errno. */
int tree_mkdir(const char *path);
int tree_rmdir(const char *path);

/* Appends the file to @out. Return: 0 or -errno. */
int tree_read(const char *path, struct buf *out);

/* The file's text without its last newline, "" when it cannot be read; the
 * caller frees. Never NULL but when out of memory. */
char *tree_read_line(const char *path);

/* The file as a JSON object, or NULL with errno set (EPROTO: not JSON). */
struct json_object *tree_read_json(const char *path);

/**
 * tree_write - one whole line in one write, no truncation, no append
 *
 * Blocks until the daemon has a verdict or a signal came in. An interrupt
 * that no signal of ours explains is written again: it joins the same job.
 * Return: 0 or -errno.
 */
int tree_write(const char *path, const char *line);

struct strings {
	char **at;
	size_t count;
	size_t room;
};

#define STRINGS_INIT { 0 }
void auto_strings(struct strings *s);
int strings_add(struct strings *s, const char *text);  /* 0 or -ENOMEM */

/* The directory's sub-directories that do not begin with a dot, sorted.
 * Return: 0 or -errno. */
int tree_list(const char *path, struct strings *out);

/* True if @path is a directory. */
bool tree_has_directory(const char *path);

/* INT, TERM and HUP end waits while one of these is in scope. */
extern volatile sig_atomic_t interrupted;
void interrupts_catch(void);
void interrupts_release(int *unused);
#define CATCH_INTERRUPTS()                                              \
	AUTO(interrupts_release) int AUTO_CAT(catch_, __LINE__)         \
		__attribute__((unused)) = (interrupts_catch(), 0)

/* Waits until the file behind @fd says that it changed, @most_ms at most. */
void tree_poll(int fd, int most_ms);

/* ---- volctl_error.c ---- */

struct job_info {
	char id[32];
	char verb[32];
	char state[32];
	char step[64];
	char service[64];
	char volume[NAME_BYTES_MAX + 1];
	char error[32];        /* "EBUSY", "OK", "" while it runs */
	char code[64];         /* the service's own */
	char message[1024];
	char started_at[40];
	int percent;           /* -1: not known */
	int64_t pid, uid;      /* -1: not known */
	int64_t submitted_s;   /* unix time, 0: not known */
	bool finished;
};

/* Reads what @object (a job's status) says. Return: false if it is none. */
bool job_from_json(struct json_object *object, struct job_info *out);

/* The newest job that this process began on @name (NULL: on anything). @error
 * is the errno's name that it ended with, NULL for one that still runs, "" for
 * any. Return: false if none can be seen. */
bool job_find_ours(const struct ctl *ctl, const struct name *name,
		   const char *error, struct job_info *out);

/**
 * tree_sentence - why the call on @path that just failed with @num failed
 * @name: the thing that it was meant for; it need not exist
 * @what: what was attempted, "attach"
 *
 * The newest failed job of this process has it; else the thing's error, else
 * its service's, when they tell of this errno and of now; else volctl says
 * what is missing, else the system's words.
 */
void tree_sentence(const struct ctl *ctl, const struct name *name,
		   const char *path, const char *what, int num,
		   struct buf *out);

/* Prints the sentence for @num, or after an interrupt what goes on and how to
 * wait for it. Return: EXIT_FAILED. */
int tree_complain(const struct ctl *ctl, const struct name *name,
		  const char *path, const char *what, int num);

/* Complains that the thing is not there, naming what is. */
int complain_missing(const struct ctl *ctl, const struct name *name);

/* ---- volctl_show.c ---- */

/* Appends @text with everything a terminal could obey written as \xNN. */
void show_safe(struct buf *out, const char *text);

/* "20 GiB", or the plain number with --bytes; "-" when negative. */
const char *show_size(const struct ctl *ctl, int64_t bytes, char *out);

/* A table: cells are added row by row; columns are aligned when printed. */
struct table {
	const char *const *headers;    /* NULL at the end */
	size_t columns;
	unsigned right;                /* bit N: column N is right-aligned */
	int state_column;              /* coloured by its word; -1: none */
	struct strings cells;
};

void table_init(struct table *t, const char *const *headers, unsigned right,
		int state_column);
void auto_table(struct table *t);
void table_cell(struct table *t, const char *text);   /* NULL or "" gives "-" */
void table_print(const struct ctl *ctl, const struct table *t);

/* The colour that a state is shown in, "" without colours. */
const char *show_color(const struct ctl *ctl, const char *state);
const char *show_color_end(const struct ctl *ctl);

/* Prints the objects of @array as a JSON array, one a line. */
void show_json_array(struct json_object *array);

/* Typed getters by dotted path, "job.id": never fail. */
struct json_object *js_get(struct json_object *o, const char *path);
const char *js_str(struct json_object *o, const char *path);    /* "" */
int64_t js_int(struct json_object *o, const char *path, int64_t missing);
bool js_bool(struct json_object *o, const char *path);

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

/* ---- volctl_progress.c ---- */

struct progress;

/* Shows the job of @name while the caller is busy: a thread reads the job's
 * file and draws on standard error. NULL where nothing is to be shown. */
struct progress *progress_start(const struct ctl *ctl, const struct name *name);

/* Ends the thread and wipes the line. NULL is fine. */
void progress_stop(struct progress *p);

/* ---- volctl_verb.c ---- */

/* Names first, words after: what most verbs are given. */
struct arguments {
	char **names;
	int name_count;
	struct strings words;
};

void auto_arguments(struct arguments *a);

/* Sorts argv[1..] into names and words. Complains. Return: 0 or EXIT_USAGE. */
int arguments_split(const struct ctl *ctl, int argc, char **argv,
		    struct arguments *out);

/* The line for a verb file: options, then @first (may be NULL), then words;
 * "1" when that is nothing. Complains. Return: 0 or EXIT_USAGE. */
int line_compose(const struct ctl *ctl, const char *first,
		 const struct strings *words, struct buf *out);

/**
 * verb_write - write @line to @file of @parent, showing the progress of @name
 *
 * Complains with the sentence. Return: EXIT_DONE, or EXIT_FAILED with errno.
 */
int verb_write(const struct ctl *ctl, const struct name *parent,
	       const char *file, const char *line, const struct name *name,
	       const char *what);

/* Says what has been done: the status with --json (collected in @done), else
 * "NAME: @text" unless quiet; with --async which job does it. */
void verb_done(const struct ctl *ctl, const struct name *name,
	       struct json_object *done, const char *text);

/* Runs @one for each name of @a, as --continue-on-error says; prints the
 * collected JSON. Return: the exit status. */
int verb_each(const struct ctl *ctl, const struct arguments *a, unsigned kinds,
	      int (*one)(const struct ctl *ctl, const struct name *name,
			 const struct arguments *a, struct json_object *done));

int command_attach(const struct ctl *ctl, int argc, char **argv);
int command_detach(const struct ctl *ctl, int argc, char **argv);
int command_mount(const struct ctl *ctl, int argc, char **argv);
int command_umount(const struct ctl *ctl, int argc, char **argv);
int command_restore(const struct ctl *ctl, int argc, char **argv);
int command_resize(const struct ctl *ctl, int argc, char **argv);
int command_set(const struct ctl *ctl, int argc, char **argv);

/* ---- the other commands ---- */

int command_create(const struct ctl *ctl, int argc, char **argv);
int command_clone(const struct ctl *ctl, int argc, char **argv);
int command_import(const struct ctl *ctl, int argc, char **argv);
int command_snapshot(const struct ctl *ctl, int argc, char **argv);
int command_rm(const struct ctl *ctl, int argc, char **argv);

int command_ls(const struct ctl *ctl, int argc, char **argv);
int command_tree(const struct ctl *ctl, int argc, char **argv);
int command_jobs(const struct ctl *ctl, int argc, char **argv);
int command_status(const struct ctl *ctl, int argc, char **argv);

int command_wait(const struct ctl *ctl, int argc, char **argv);
int command_cancel(const struct ctl *ctl, int argc, char **argv);
int command_events(const struct ctl *ctl, int argc, char **argv);
int command_down(const struct ctl *ctl, int argc, char **argv);

#endif
