/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_ERR_H
#define VOLFS_BASE_ERR_H

/*
 * An error is an errno and a sentence. The sentence answers: doing what, to
 * which thing, what was wrong, what would be right. Values stand in 'quotes',
 * the service's own code in [brackets] at the end; never a secret.
 *
 * A function that can fail returns 0 (or a count) or a negative errno and
 * fills its last argument exactly then. It either logs or returns, never both.
 * The struct is a plain array, so an error needs no memory.
 */
struct err {
	int num;           /* positive errno; 0 while nothing has failed */
	char code[64];     /* the service's own code, "" if it has none */
	char request[64];  /* the service's id of the request, "" if none */
	char text[512];    /* the sentence, no newline */
};

#define ERR_INIT { 0 }

/* Sets @e (which may be NULL) to @num and the sentence, which is cut to one
 * line; takes away an earlier code and request id. Arguments may point into
 * @e. Return: -num. */
int err_set(struct err *e, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence; the code stays. Return: -e->num, and
 * -EIO where nothing was set, so that a failure never turns into success. */
int err_wrap(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Notes the service's own code and request id, either of which may be NULL.
 * To be called after err_set(). */
void err_set_code(struct err *e, const char *code, const char *request);

/* As err_set() with ": " and the system's words for @num at the end. */
int err_errno(struct err *e, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The system's errno -> the contract's; { 0, 0 } ends a list of them. */
struct err_map {
	int from, to;
};

/* "@text: the system's words for @num@hint [NAME]" (@hint may be ""), as the
 * errno that @map has for it, else EIO; the name is the code. Return: the
 * negative errno. */
int err_mapped(struct err *e, const struct err_map *map, int num,
	       const char *text, const char *hint);

/* Return: -ENOMEM, with a sentence that took no memory. */
int err_oom(struct err *e);

/* "EBUSY" for 16 or -16; "OK" for 0; "E999" for a number nobody knows. Static
 * text, whole for the life of the process. 95 is "ENOTSUP", 11 "EAGAIN". */
const char *err_name(int num);

/* The number of "EBUSY", of an alias such as "EOPNOTSUPP", or of "E999"; 0 for
 * "OK"; -1 for a word that is none. */
int err_number(const char *name);

#endif
