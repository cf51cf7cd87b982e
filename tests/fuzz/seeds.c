/* SPDX-License-Identifier: Apache-2.0 */

/* With libFuzzer: the seeds become files in the directory that it is given,
 * if any, where it finds and runs them before anything else. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static void seed_write(const char *dir, size_t i)
{
	AUTO(auto_free) char *path = NULL;
	size_t len = strlen(fuzz_seeds[i]);
	FILE *f;

	FUZZ_CHECK(asprintf(&path, "%s/seed-%02zu", dir, i) > 0);
	f = fopen(path, "we");
	if (!f || fwrite(fuzz_seeds[i], 1, len, f) != len || fclose(f)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stat st;

	for (int i = 1; i < *argc; i++) {
		const char *dir = (*argv)[i];

		if (dir[0] == '-' || stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		for (size_t n = 0; fuzz_seeds[n]; n++)
			seed_write(dir, n);
		break;
	}
	return 0;
}
