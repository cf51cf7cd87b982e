/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#include "base/auto.h"

/* Its name since version 7.16 of 2006, and the Debian package that has it. */
#define LIBRARY "libcurl.so.4"
#define PACKAGE_OF_LIBRARY "libcurl4"

struct curl_functions curl_functions;

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define CURL_ROW(name) { "curl_" #name, offsetof(struct curl_functions, name) },
	CURL_FUNCTIONS(CURL_ROW)
#undef CURL_ROW
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char reason[256];         /* why it is not there; "" = it is */

static void load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; library && i < ARRAY_SIZE(functions); i++) {
		void **to = (void **)(void *)((char *)&curl_functions +
					      functions[i].offset);

		*to = dlsym(library, functions[i].name);
		if (!*to)
			library = NULL;
	}
	if (!library) {
		const char *why = dlerror();

		snprintf(reason, sizeof(reason), "%s",
			 why ? why : LIBRARY " is no libcurl");
	}
}

int curl_load(struct err *err)
{
	pthread_once(&once, load);
	if (reason[0])
		return err_set(err, ENOENT, "load libcurl: %s: install the "
			       "package " PACKAGE_OF_LIBRARY, reason);
	return 0;
}
