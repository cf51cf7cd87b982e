/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wr: one system call whose errno a test wants to see, which no shell shows.
 *
 *	wr [--trunc] [--append] [--offset=N] [--pieces=N] FILE TEXT
 *		open(O_WRONLY), one write of TEXT ("-": of standard input), or
 *		writes of N bytes each, close
 *	wr --mkdir|--rmdir|--unlink|--create|--mknod|--readlink PATH
 *	wr --rename|--symlink|--link FROM TO
 *	wr --truncate=N PATH   wr --chmod=OCTAL PATH   wr --chown=UID:GID PATH
 *	wr --setxattr PATH     wr --getxattr PATH      wr --read PATH
 *
 * Prints OK or the errno's name. Exit status 0, 1 for an errno, 2 for usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"

#define TEXT_MAX (1 << 20)

enum { OP_WRITE = 256, OP_MKDIR, OP_RMDIR, OP_UNLINK, OP_CREATE, OP_MKNOD,
       OP_READLINK, OP_RENAME, OP_SYMLINK, OP_LINK, OP_TRUNCATE, OP_CHMOD,
       OP_CHOWN, OP_SETXATTR, OP_GETXATTR, OP_READ,
       OPT_TRUNC, OPT_APPEND, OPT_OFFSET, OPT_PIECES };

static const struct option table[] = {
	{ "mkdir", no_argument, NULL, OP_MKDIR },
	{ "rmdir", no_argument, NULL, OP_RMDIR },
	{ "unlink", no_argument, NULL, OP_UNLINK },
	{ "create", no_argument, NULL, OP_CREATE },
	{ "mknod", no_argument, NULL, OP_MKNOD },
	{ "readlink", no_argument, NULL, OP_READLINK },
	{ "rename", no_argument, NULL, OP_RENAME },
	{ "symlink", no_argument, NULL, OP_SYMLINK },
	{ "link", no_argument, NULL, OP_LINK },
	{ "truncate", required_argument, NULL, OP_TRUNCATE },
	{ "chmod", required_argument, NULL, OP_CHMOD },
	{ "chown", required_argument, NULL, OP_CHOWN },
	{ "setxattr", no_argument, NULL, OP_SETXATTR },
	{ "getxattr", no_argument, NULL, OP_GETXATTR },
	{ "read", no_argument, NULL, OP_READ },
	{ "trunc", no_argument, NULL, OPT_TRUNC },
	{ "append", no_argument, NULL, OPT_APPEND },
	{ "offset", required_argument, NULL, OPT_OFFSET },
	{ "pieces", required_argument, NULL, OPT_PIECES },
	{ NULL, 0, NULL, 0 },
};

struct wish {
	int op, flags;
	const char *argument;    /* of --chmod and its like */
	int64_t offset;          /* -1: write(), not pwrite() */
	size_t piece;            /* 0: all at once */
};

static uint64_t number(const char *text)
{
	uint64_t n;

	if (parse_u64(text, strlen(text), &n, NULL) < 0) {
		fprintf(stderr, "wr: '%s' is not a number\n", text);
		exit(2);
	}
	return n;
}

static mode_t octal(const char *text)
{
	unsigned mode;

	if (parse_mode(text, strlen(text), &mode, NULL) < 0)
		exit(2);
	return mode;
}

static int wr_read(const char *path)
{
	char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	return n < 0 ? -1 : close(fd);
}

static int wr_write(const struct wish *w, const char *path, const char *text)
{
	static char in[TEXT_MAX];
	size_t len = strlen(text), at = 0, piece;
	ssize_t n;
	int fd;

	if (strcmp(text, "-") == 0) {
		len = fread(in, 1, sizeof(in), stdin);
		text = in;
	}
	piece = w->piece ? w->piece : len;
	fd = open(path, O_WRONLY | O_CLOEXEC | w->flags);
	if (fd < 0)
		return -1;
	do {
		if (piece > len - at)
			piece = len - at;
		n = w->offset < 0 ? write(fd, text + at, piece)
				  : pwrite(fd, text + at, piece, w->offset);
		if (n < 0)
			return -1;
		if ((size_t)n != piece) {
			printf("SHORT %zd\n", n);
			exit(1);
		}
		at += piece;
	} while (at < len);
	return close(fd);
}

static int wr_chown(const char *argument, const char *path)
{
	const char *colon = strchr(argument, ':');
	char uid[32];

	if (!colon || colon - argument >= (int)sizeof(uid))
		exit(2);
	snprintf(uid, sizeof(uid), "%.*s", (int)(colon - argument), argument);
	return chown(path, uid[0] ? (uid_t)number(uid) : (uid_t)-1,
		     colon[1] ? (gid_t)number(colon + 1) : (gid_t)-1);
}

static int wr_do(const struct wish *w, const char *a, const char *b)
{
	char link_text[4096];

	switch (w->op) {
	case OP_MKDIR: return mkdir(a, 0755);
	case OP_RMDIR: return rmdir(a);
	case OP_UNLINK: return unlink(a);
	case OP_CREATE: return open(a, O_WRONLY | O_CREAT | O_EXCL, 0644);
	case OP_MKNOD: return mknod(a, S_IFIFO | 0644, 0);
	case OP_READLINK: return (int)readlink(a, link_text, sizeof(link_text));
	case OP_RENAME: return rename(a, b);
	case OP_SYMLINK: return symlink(a, b);
	case OP_LINK: return link(a, b);
	case OP_TRUNCATE: return truncate(a, (off_t)number(w->argument));
	case OP_CHMOD: return chmod(a, octal(w->argument));
	case OP_CHOWN: return wr_chown(w->argument, a);
	case OP_SETXATTR: return setxattr(a, "user.x", "y", 1, 0);
	case OP_GETXATTR: return (int)getxattr(a, "user.x", link_text, 16);
	case OP_READ: return wr_read(a);
	default: return wr_write(w, a, b);
	}
}

int main(int argc, char **argv)
{
	struct wish w = { .op = OP_WRITE, .offset = -1 };
	int c, want;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case OPT_TRUNC: w.flags |= O_TRUNC; break;
		case OPT_APPEND: w.flags |= O_APPEND; break;
		case OPT_OFFSET: w.offset = (int64_t)number(optarg); break;
		case OPT_PIECES: w.piece = number(optarg); break;
		case '?': return 2;
		default:
			w.op = c;
			w.argument = optarg;
		}
	}
	want = w.op == OP_WRITE || w.op == OP_RENAME || w.op == OP_SYMLINK ||
	       w.op == OP_LINK ? 2 : 1;
	if (argc - optind != want) {
		fputs("Usage: wr [OPTION] FILE TEXT; see wr.c\n", stderr);
		return 2;
	}
	if (wr_do(&w, argv[optind], argv[optind + want - 1]) < 0) {
		puts(err_name(errno));
		return 1;
	}
	puts("OK");
	return 0;
}
