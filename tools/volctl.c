/* SPDX-License-Identifier: Apache-2.0 */
/* volctl: options, the command table, --help. */

#include "tools/volctl.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "base/clock.h"

/* ---- messages ---- */

static void say(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));
static void say(const char *fmt, va_list ap)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	buf_vprintf(&text, fmt, ap);
	show_safe(&safe, buf_str(&text));
	fflush(stdout);
	fprintf(stderr, "volctl: %s\n", buf_str(&safe));
}

int complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int usage_error(const struct ctl *ctl, const char *fmt, ...)
{
	const struct command *command = ctl->command;
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	if (command)
		fprintf(stderr, "usage: volctl %s%s%s\n", command->name,
			*command->usage ? " " : "", command->usage);
	fprintf(stderr, "'volctl %s%s--help' explains it.\n",
		command ? command->name : "", command ? " " : "");
	return EXIT_USAGE;
}

/* ---- options ---- */

struct option_spec {
	const char *name;
	int key;               /* the short form, or a number above 255 */
	unsigned flag;         /* TAKES_*; 0: goes with every command */
	const char *metavar;   /* NULL: takes no value */
	const char *help;
};

enum { KEY_JSON = 256, KEY_VERSION, KEY_BYTES, KEY_TIMEOUT, KEY_ASYNC,
       KEY_DRY_RUN, KEY_SNAPSHOTS, KEY_FORCE };

static const struct option_spec option_table[] = {
	{ "tree", 't', 0, "TREE",
	  "the tree (default $VOLFS_TREE, else /volumes)" },
	{ "json", KEY_JSON, 0, NULL, "print what the tree says as JSON" },
	{ "quiet", 'q', 0, NULL,
	  "print nothing but errors; names alone with ls" },
	{ "help", 'h', 0, NULL, "explain volctl, or the command" },
	{ "version", KEY_VERSION, 0, NULL, "print the version" },
	{ "bytes", KEY_BYTES, TAKES_BYTES, NULL, "print sizes as bytes" },
	{ "yes", 'y', TAKES_YES, NULL,
	  "remove protected ones too, without asking" },
	{ "with-snapshots", KEY_SNAPSHOTS, TAKES_SNAPSHOTS, NULL,
	  "remove the volume's snapshots first" },
	{ "all", 'a', TAKES_ALL, NULL, "also those that have ended" },
	{ "follow", 'f', TAKES_FOLLOW, NULL, "go on with what happens" },
	{ "force", 'f', TAKES_FORCE, NULL, "drop all users of a mount" },
	{ "lazy", 'l', TAKES_LAZY, NULL,
	  "hide it now, let go when the last user has" },
	{ "lines", 'n', TAKES_LINES, "N", "begin with the last N events" },
	{ "timeout", KEY_TIMEOUT, TAKES_TIMEOUT, "TIME",
	  "wait this long: 500ms, 60s, 5m, 1h" },
	{ "async", KEY_ASYNC, TAKES_ASYNC, NULL,
	  "begin it, print the job, do not wait" },
	{ "dry-run", KEY_DRY_RUN, TAKES_DRY_RUN, NULL,
	  "check everything, change nothing" },
	{ "continue-on-error", 'k', TAKES_CONTINUE, NULL,
	  "go on with the next name when one fails" },
};

/* Fills getopt's tables with the options that @command takes (NULL: the ones
 * for all). */
static void fill_options(const struct command *command, struct option *longs,
			 char *shorts)
{
	*shorts++ = command ? ':' : '+';
	if (!command)
		*shorts++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
		const struct option_spec *spec = &option_table[i];

		if (spec->flag && !(command && command->takes & spec->flag))
			continue;
		*longs++ = (struct option){ spec->name, spec->metavar != NULL,
					    NULL, 1000 + (int)i };
		if (spec->key < 256)
			*shorts++ = (char)spec->key;
		if (spec->key < 256 && spec->metavar)
			*shorts++ = ':';
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

static int take_option(struct ctl *ctl, const struct option_spec *spec,
		       const char *value)
{
	struct err err = ERR_INIT;

	ctl->flags |= spec->flag;
	switch (spec->key) {
	case 't':
		ctl->tree = value;
		break;
	case KEY_JSON:
		ctl->json = true;
		break;
	case 'q':
		ctl->quiet = true;
		break;
	case 'n':
		if (parse_u64(value, strlen(value), &ctl->lines, &err) < 0)
			return usage_error(ctl, "--lines: %s", err.text);
		break;
	case KEY_TIMEOUT:
		ctl->timeout_text = value;
		if (parse_duration_ms(value, strlen(value), &ctl->timeout_ms,
				      &err) < 0 ||
		    ctl->timeout_ms > INT64_MAX / 2)
			return usage_error(ctl, "--timeout: %s", err.num
					   ? err.text : "that is too long");
		break;
	case 'h':
		if (ctl->command)
			help_print_command(ctl->command);
		else
			help_print_all(ctl);
		return -1;
	case KEY_VERSION:
		printf("volctl %s\n", PACKAGE_VERSION);
		return -1;
	}
	return 0;
}

static const struct option_spec *find_option(const struct command *command,
					     int key)
{
	if (key >= 1000)
		return &option_table[key - 1000];
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++)
		if (option_table[i].key == key &&
		    (!option_table[i].flag ||
		     (command && command->takes & option_table[i].flag)))
			return &option_table[i];
	return NULL;
}

static int unknown_option(const struct ctl *ctl, const char *text)
{
	const char *names[ARRAY_SIZE(option_table) + 1] = { NULL };
	const char *nearest = NULL;
	char quoted[80];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++)
		if (!option_table[i].flag || (ctl->command &&
		    ctl->command->takes & option_table[i].flag))
			names[n++] = option_table[i].name;
	if (!strncmp(text, "--", 2) && text[2])
		nearest = nearest_word(text + 2, names);
	quote_for_error(quoted, sizeof(quoted), text, strlen(text));
	if (nearest)
		return usage_error(ctl, "'%s' is no option here: did you mean "
				   "'--%s'", quoted, nearest);
	return usage_error(ctl, "'%s' is no option here", quoted);
}

/* Reads the options in @argv from @optind on. Return: 0 | EXIT_USAGE | -1:
 * done already, with success. */
static int read_options(struct ctl *ctl, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(option_table) + 1];
	char shorts[3 * ARRAY_SIZE(option_table) + 3];
	char letter[3] = "-?";
	int key;

	fill_options(ctl->command, longs, shorts);
	opterr = 0;
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		int r;

		letter[1] = (char)optopt;
		if (key == ':')
			return usage_error(ctl, "'%s' needs a value",
					   optopt >= 1000 || !optopt
					   ? argv[optind - 1] : letter);
		if (key == '?')
			return unknown_option(ctl, optopt && optopt < 256
					      ? letter : argv[optind - 1]);
		r = take_option(ctl, find_option(ctl->command, key), optarg);
		if (r)
			return r;
	}
	return 0;
}

/* ---- help ---- */

static void print_options(unsigned takes, bool common)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
		const struct option_spec *spec = &option_table[i];
		char both[64];
		int n = 0;

		if (spec->flag ? !(takes & spec->flag) : !common)
			continue;
		if (spec->key < 256)
			n = snprintf(both, sizeof(both), "-%c, ", spec->key);
		snprintf(both + n, sizeof(both) - (size_t)n, "--%s%s%s",
			 spec->name, spec->metavar ? " " : "",
			 spec->metavar ? spec->metavar : "");
		printf("  %-24s %s\n", both, spec->help);
	}
}

void help_print_all(const struct ctl *ctl)
{
	printf("usage: volctl [OPTION]... COMMAND [ARGUMENT]...\n\n"
	       "Works on the storage volumes of the volfs tree at %s. A "
	       "volume is SERVICE/VOLUME,\na snapshot "
	       "SERVICE/VOLUME@SNAPSHOT. All of it can be done with ls, cat "
	       "and echo\nin the tree itself; its README files show how.\n\n"
	       "  volctl create local/db size=20G     a new volume\n"
	       "  volctl mount local/db               prints where its data "
	       "is\n"
	       "  volctl snapshot local/db before     keeps its content of "
	       "now\n"
	       "  volctl ls local                     the volumes of a "
	       "service\n"
	       "  volctl rm local/db                  asks first\n\n"
	       "Commands ('volctl COMMAND --help' explains each):\n",
	       ctl->tree);
	for (const struct command *c = command_table; c->name; c++)
		printf("  %-10s %s\n", c->name, c->summary);
	puts("\nOptions:");
	print_options(0, true);
	puts("\nExit status: 0 done, 1 failed (the sentence is on standard "
	     "error), 2 usage.");
}

void help_print_command(const struct command *command)
{
	printf("usage: volctl %s%s%s\n\n%s.\n\n%s\n", command->name,
	       *command->usage ? " " : "", command->usage, command->summary,
	       command->help);
	puts("Options:");
	print_options(command->takes, true);
}

/* ---- main ---- */

static int unknown_command(struct ctl *ctl, const char *text)
{
	const char *names[64] = { NULL };
	const char *nearest;
	char quoted[80];

	for (size_t i = 0; command_table[i].name; i++)
		names[i] = command_table[i].name;
	nearest = nearest_word(text, names);
	quote_for_error(quoted, sizeof(quoted), text, strlen(text));
	if (nearest)
		return usage_error(ctl, "'%s' is no command: did you mean "
				   "'%s'", quoted, nearest);
	return usage_error(ctl, "'%s' is no command", quoted);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = command_table; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static void set_defaults(struct ctl *ctl)
{
	const char *tree = getenv("VOLFS_TREE");
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	setlocale(LC_CTYPE, "");
	ctl->tree = tree && *tree ? tree : "/volumes";
	ctl->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	ctl->started_s = clock_unix_s();
	ctl->timeout_text = "";
	ctl->color = isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
		     term && *term && strcmp(term, "dumb");
	ctl->progress = isatty(STDERR_FILENO) && term && *term &&
			strcmp(term, "dumb");
}

/* The tree without slashes at its end. Return: 0 or EXIT_USAGE. */
static int settle_tree(struct ctl *ctl)
{
	static char room[PATH_MAX];
	size_t len = strlen(ctl->tree);

	while (len > 1 && ctl->tree[len - 1] == '/')
		len--;
	if (len == 0 || len >= PATH_MAX)
		return usage_error(ctl, "the tree's path is %s", len
				   ? "too long" : "empty");
	memcpy(room, ctl->tree, len);
	room[len] = '\0';
	ctl->tree = room;
	return 0;
}

/* volctl help [COMMAND] */
static int run_help(struct ctl *ctl, int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		help_print_all(ctl);
		return EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(ctl, argv[1]);
	help_print_command(command);
	return EXIT_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	int r = read_options(ctl, argc, argv);

	if (r)
		return r;
	if (optind == argc)
		return usage_error(ctl, "which command? 'volctl --help' lists "
				   "them");
	argc -= optind;
	argv += optind;
	if (!strcmp(argv[0], "help"))
		return run_help(ctl, argc, argv);
	ctl->command = find_command(argv[0]);
	if (!ctl->command)
		return unknown_command(ctl, argv[0]);
	optind = 0;
	r = read_options(ctl, argc, argv);
	if (!r)
		r = settle_tree(ctl);
	if (r)
		return r;
	ctl->progress &= !ctl->quiet;
	/* What is left, the command's name before it. */
	argv[optind - 1] = argv[0];
	return ctl->command->run(ctl, argc - optind + 1, argv + optind - 1);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	int status;

	set_defaults(&ctl);
	status = run(&ctl, argc, argv);
	if (status < 0)
		status = EXIT_DONE;
	if (fflush(stdout) != 0 || ferror(stdout))
		status = complain("what was to be printed could not be "
				  "written: %s", strerror(errno));
	return status;
}
