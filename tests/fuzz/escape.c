/* SPDX-License-Identifier: Apache-2.0 */

/* The bytes as a name, as an escaped name, and as a tag, both ways. */
#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "tests/fuzz/fuzz.h"

#define TAG_ROOM (3 * 4096 + 1)

const char *const fuzz_seeds[] = {
	"db", "my%20db", "%2Ehidden", "a%00b", "100%25", "%2e", "..", "web-1",
	"team=web", "%2B1", "#note", NULL,
};

static void check_name(const char *s, size_t len)
{
	char escaped[NAME_BYTES_MAX + 1], back[NAME_BYTES_MAX + 1];
	int n = name_escape(s, len, escaped, sizeof(escaped));
	struct err err = ERR_INIT;

	if (n < 0) {
		FUZZ_CHECK(n == (len ? -ENAMETOOLONG : -EINVAL));
		return;
	}
	FUZZ_CHECK((size_t)n == strlen(escaped) && escaped[0] != '.');
	FUZZ_CHECK(strspn(escaped, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "abcdefghijklmnopqrstuvwxyz._-%") ==
		   (size_t)n);
	FUZZ_CHECK(name_is_canonical(escaped));
	n = name_unescape(escaped, back, sizeof(back), &err);
	FUZZ_CHECK(n >= 0 && (size_t)n == len && !memcmp(back, s, len));
	FUZZ_CHECK(name_escape(s, len, back, strlen(escaped)) ==
		   -ENAMETOOLONG);
}

static void check_escaped(const char *text)
{
	char raw[NAME_BYTES_MAX + 1], again[NAME_BYTES_MAX + 1];
	struct err err = ERR_INIT;
	int n = name_unescape(text, raw, sizeof(raw), &err);

	service_name_is_valid(text);
	FUZZ_CHECK(name_is_canonical(text) == (n >= 0));
	if (n < 0) {
		FUZZ_CHECK(n == -EINVAL && err.num == EINVAL && err.text[0]);
		return;
	}
	FUZZ_CHECK(name_escape(raw, (size_t)n, again, sizeof(again)) > 0);
	FUZZ_CHECK(!strcmp(again, text));
}

static void check_tag(const char *text)
{
	static char escaped[TAG_ROOM], back[TAG_ROOM];
	int n = tag_escape(text, escaped, sizeof(escaped));

	if (n < 0) {
		FUZZ_CHECK(n == -ENAMETOOLONG);
		return;
	}
	FUZZ_CHECK((size_t)n == strlen(escaped) && !strchr(escaped, '=') &&
		   !strchr(escaped, '\n'));
	n = tag_unescape(escaped, (size_t)n, back, sizeof(back));
	FUZZ_CHECK(n >= 0 && !strcmp(back, text));
}

static void check_tag_text(const char *s, size_t len)
{
	static char raw[4096 + 1];
	int n = tag_unescape(s, len, raw, sizeof(raw));

	FUZZ_CHECK(n >= 0 || n == -EINVAL || n == -ENAMETOOLONG);
	FUZZ_CHECK(n < 0 || ((size_t)n <= len && strlen(raw) == (size_t)n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_name((const char *)data, size);
	check_escaped(text);
	check_tag(text);
	check_tag_text((const char *)data, size);
	free(text);
	return 0;
}
