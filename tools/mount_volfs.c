/* SPDX-License-Identifier: Apache-2.0 */
/* mount.volfs and umount.volfs: the command line, options, messages. */

#include "tools/mount_volfs.h"

#include <errno.h>
#include <getopt.h>
#include <libmount/libmount.h>
#include <string.h>
#include <sys/mount.h>

#include "base/clock.h"

#define OPTIONS_MAX 4000
#define TREE_DEFAULT "/volumes"

static const char *self = "mount.volfs";

/* ---- messages ---- */

static void say(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));
static void say(const char *fmt, va_list ap)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	buf_vprintf(&text, fmt, ap);
	show_safe(&safe, buf_str(&text));
	fprintf(stderr, "%s: %s\n", self, buf_str(&safe));
}

int complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

/* Of names, in the functions that volctl has too. */
int usage_error(const struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_USAGE;
}

void mount_say(const struct mount_request *q, const char *fmt, ...)
{
	va_list ap;

	if (!q->verbose)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

/* ---- options ---- */

/* What is a matter of one mount; the file system as a whole does not mind. */
static const struct {
	const char *word;
	uint64_t set, clear;
} attributes[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0 },
	{ "rw", 0, MOUNT_ATTR_RDONLY },
	{ "nodev", MOUNT_ATTR_NODEV, 0 },
	{ "dev", 0, MOUNT_ATTR_NODEV },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "suid", 0, MOUNT_ATTR_NOSUID },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", 0, MOUNT_ATTR_NOEXEC },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "diratime", 0, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
};

/* For mount(8), fstab and systemd; util-linux 2.38 passes some of them on. */
static const char *const for_mount[] = {
	"defaults", "auto", "noauto", "nofail", "user", "nouser", "users",
	"nousers", "owner", "noowner", "group", "nogroup", "comment",
	"helper", "uhelper", "silent", "loud",
};

/* Those move or share mounts, which is not what a line of fstab is for. */
static const char *const moves[] = {
	"bind", "rbind", "move", "shared", "rshared", "slave", "rslave",
	"private", "rprivate", "unbindable", "runbindable", "loop", "offset",
	"sizelimit", "encryption",
};

static int key_take(struct mount_request *q, const char *key, size_t key_len,
		    const char *value, size_t len)
{
	const struct { const char *key; char **to; } keys[] = {
		{ "tree", (char **)&q->ctl.tree }, { "holder", &q->holder },
		{ "subpath", &q->subpath }, { "timeout", &q->timeout },
		{ "config", &q->config }, { "state", &q->state },
		{ "run", &q->run }, { "log-level", &q->log_level },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i].key) != key_len ||
		    memcmp(keys[i].key, key, key_len) != 0)
			continue;
		if (!value || !len) {
			complain("the option '%s' takes a value", keys[i].key);
			return MOUNT_USAGE;
		}
		*keys[i].to = strndup(value, len);
		return *keys[i].to ? -1 : MOUNT_SYSTEM;
	}
	return 0;
}

static bool is_among(const char *word, size_t len, const char *const *list,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == len && memcmp(list[i], word, len) == 0)
			return true;
	return false;
}

static void word_add(struct buf *to, const char *word, size_t len)
{
	if (to->len)
		buf_putc(to, ',');
	buf_append(to, word, len);
}

static bool attribute_take(struct mount_request *q, const char *word,
			   size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (!is_among(word, len, &attributes[i].word, 1))
			continue;
		q->attr_set &= ~attributes[i].clear;
		q->attr_clear |= attributes[i].clear;
		q->attr_set |= attributes[i].set;
		if (attributes[i].set & ~(uint64_t)MOUNT_ATTR__ATIME)
			q->attr_clear &= ~attributes[i].set;
		if ((attributes[i].set | attributes[i].clear) ==
		    MOUNT_ATTR_RDONLY)
			q->read_only = attributes[i].set != 0;
		word_add(&q->kept, word, len);
		return true;
	}
	return false;
}

/* What other programs read in the table of mounts. */
static bool is_for_others(const char *word, size_t len)
{
	return (len > 2 && (word[0] == 'x' || word[0] == 'X') &&
		word[1] == '-') || is_among(word, len,
					    (const char *[]){ "_netdev" }, 1);
}

/* One option: @len bytes of name, @whole with its value. */
static int option_take(struct mount_request *q, const char *word, size_t len,
		       size_t whole)
{
	if (is_for_others(word, len)) {
		buf_putc(&q->noted, ',');
		buf_append(&q->noted, word, whole);
	} else if (is_among(word, len, moves, ARRAY_SIZE(moves))) {
		complain("the option '%.*s' is not for a volume", (int)len,
			 word);
		return MOUNT_USAGE;
	} else if (is_among(word, len, (const char *[]){ "remount" }, 1)) {
		q->remount = true;
	} else if (!is_among(word, len, for_mount, ARRAY_SIZE(for_mount)) &&
		   !attribute_take(q, word, len)) {
		word_add(&q->passed, word, whole);
	}
	return 0;
}

static int options_take(struct mount_request *q, char *text)
{
	char *word, *value;
	size_t len, value_len;
	int r;

	while ((r = mnt_optstr_next_option(&text, &word, &len, &value,
					   &value_len)) == 0) {
		r = key_take(q, word, len, value, value_len);
		if (r == 0)
			r = option_take(q, word, len,
					value ? (size_t)(value - word) +
						value_len : len);
		if (r > 0)
			return r;
	}
	if (r < 0) {
		complain("the options after -o: %s", strerror(-r));
		return MOUNT_USAGE;
	}
	return buf_failed(&q->passed) || buf_failed(&q->kept) ||
	       buf_failed(&q->noted) ? MOUNT_SYSTEM : 0;
}

/* ---- the command line ---- */

static int usage(FILE *to)
{
	fprintf(to,
"Usage: mount.volfs volfs DIRECTORY [-fnsv] [-o OPTIONS]\n"
"       mount.volfs SERVICE/VOLUME DIRECTORY [-fnsv] [-N NAMESPACE]\n"
"                   [-o OPTIONS]\n"
"       umount.volfs DIRECTORY [-flnrv] [-N NAMESPACE]\n"
"\n"
"Run by mount(8) and umount(8) for the type volfs: the first starts the tree\n"
"at DIRECTORY, the second mounts a volume there. Options of the tree: config=,\n"
"state=, run=, log-level=; of a volume: tree=, subpath=, holder=, timeout=,\n"
"ro, noexec and the like, and those of its file system.\n"
"See mount.volfs(8).\n");
	return to == stdout ? MOUNT_DONE : MOUNT_USAGE;
}

static int letter_take(int c, struct mount_request *q)
{
	switch (c) {
	case 'f': q->fake = q->force = true; break;
	case 'l': q->lazy = true; break;
	case 'n': q->no_note = true; break;
	case 'r': q->read_only_if_busy = true; break;
	case 's': q->sloppy = true; break;
	case 'v': q->verbose = true; break;
	case 'N': q->namespace = optarg; break;
	case 't': break;               /* the type: volfs, or we are not run */
	case 'o': return options_take(q, optarg);
	default: return usage(stderr);
	}
	return 0;
}

static int target_take(struct mount_request *q, const char *text)
{
	char real[PATH_MAX];

	/* A place that is unmounted may be a dead tree: it is not looked at.
	 * mount(8) gives real paths; others may give what they like. */
	if (text[0] == '/')
		q->target = strdup(text);
	else if (realpath(text, real))
		q->target = strdup(real);
	else
		complain("'%s': %s", text, strerror(errno));
	if (!q->target)
		return MOUNT_FAILED;
	for (size_t n = strlen(q->target); n > 1 && q->target[n - 1] == '/';
	     n--)
		q->target[n - 1] = '\0';
	return 0;
}

/* mount(8): SOURCE DIRECTORY [-sfnv] [-N namespace] [-o options] [-t type];
 * umount(8): DIRECTORY [-flnrv] [-N namespace] [-t type]. */
static int arguments_take(int argc, char **argv, bool is_umount,
			  struct mount_request *q)
{
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt(argc, argv, is_umount ? "flnrvN:t:"
						       : "fnsvN:o:t:")) != -1)
		r = letter_take(c, q);
	if (r)
		return r;
	if (argc - optind != (is_umount ? 1 : 2))
		return usage(stderr);
	if (!is_umount)
		q->source = argv[optind++];
	return target_take(q, argv[optind]);
}

static int mount_run(struct mount_request *q)
{
	if (q->remount)
		return strchr(q->source, '/') ? place_remount(q)
					      : tree_mount(q);
	if (!strcmp(q->source, "volfs") || !strcmp(q->source, "none"))
		return tree_mount(q);
	if (q->config || q->state || q->run || q->log_level) {
		complain("config=, state=, run= and log-level= go with the "
			 "tree: volfs DIRECTORY volfs config=FILE");
		return MOUNT_USAGE;
	}
	if (!strchr(q->source, '/')) {
		complain("'%s' is neither 'volfs', which starts the tree, nor "
			 "SERVICE/VOLUME", q->source);
		return MOUNT_USAGE;
	}
	return place_mount(q);
}

int main(int argc, char **argv)
{
	struct mount_request q = {
		.ctl = { .tree = TREE_DEFAULT, .started_s = clock_unix_s() },
		.passed = BUF_INIT(OPTIONS_MAX),
		.kept = BUF_INIT(OPTIONS_MAX),
		.noted = BUF_INIT(OPTIONS_MAX),
	};
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	bool is_umount = strncmp(name, "umount.", 7) == 0;
	int r;

	if (is_umount)
		self = "umount.volfs";
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("%s %s\n", self, PACKAGE_VERSION);
		return MOUNT_DONE;
	}
	if (argc > 1 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	r = arguments_take(argc, argv, is_umount, &q);
	if (!r && geteuid() != 0) {
		complain("only root can: fstab's 'user' and 'users' are not "
			 "for volumes");
		r = MOUNT_USAGE;
	}
	if (!r)
		r = is_umount ? place_umount(&q) : mount_run(&q);
	free(q.target);
	buf_done(&q.passed);
	buf_done(&q.kept);
	buf_done(&q.noted);
	return r;
}
