/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_ESCAPE_H
#define VOLFS_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A service's name <-> a file name: every byte outside [A-Za-z0-9._-], and a
 * leading dot, is %XX in upper case; exactly reversible. A file name has at
 * most NAME_BYTES_MAX bytes.
 */
#define NAME_BYTES_MAX 255

/* Writes the escaped form of @len bytes at @name and a NUL to @out.
 * Return: its length; -ENAMETOOLONG when over @room - 1 or NAME_BYTES_MAX
 * bytes; -EINVAL when @len is 0. Nothing is written on failure. */
int name_escape(const char *name, size_t len, char *out, size_t room);

/* The reverse; with @room over NAME_BYTES_MAX it always fits. The name may hold
 * a NUL of its own (%00), so take the length. Return: length; -ENAMETOOLONG
 * when over @room - 1. Refuses what name_escape() would not have written:
 * -EINVAL with a sentence that names the right form. */
int name_unescape(const char *escaped, char *out, size_t room,
		  struct err *err);

/* True for exactly the forms name_escape() writes. */
bool name_is_canonical(const char *escaped);

/* [a-z0-9][a-z0-9-]*, at most 63 bytes. */
bool service_name_is_valid(const char *name);

/* Tags: as names, but a space and most printable bytes stay; only '%', '=',
 * newline, control bytes and a leading '+' or '-' or '#' are %XX.
 * tag_unescape() takes %XX of either case and any other byte as it is; a '%'
 * without two hex digits and a NUL, raw or as %00, are -EINVAL.
 * Return: length or -ENAMETOOLONG. */
int tag_escape(const char *text, char *out, size_t room);
int tag_unescape(const char *text, size_t len, char *out, size_t room);

#endif
