/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TESTS_FUZZ_H
#define VOLFS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What a target defines: takes any bytes, returns 0, dies where it finds a
 * fault. The name and the form are libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* And a NULL-terminated list of good inputs (there may be none), which the
 * driver of the short run changes a little each. */
extern const char *const fuzz_seeds[];

/* The bytes in memory of just their size, with a NUL in place of each '|',
 * which a seed could not have in it. The caller's to free. */
static inline char *fuzz_with_nuls(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);

	if (!text)
		abort();
	for (size_t i = 0; i < size; i++)
		text[i] = data[i] == '|' ? '\0' : (char)data[i];
	return text;
}

/* assert(), which NDEBUG cannot take out. */
#define FUZZ_CHECK(condition)                                              \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s is false\n", __FILE__,  \
				__LINE__, #condition);                     \
			abort();                                           \
		}                                                          \
	} while (0)

#endif
