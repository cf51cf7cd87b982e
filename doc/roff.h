/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_DOC_ROFF_H
#define VOLFS_DOC_ROFF_H

#include <stdio.h>

/* Text to stdout for roff: no backslash, no dash, no dot or quote that begins
 * a line means anything in it. Errors stay with stdout. */
static inline void roff_put(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

#endif
