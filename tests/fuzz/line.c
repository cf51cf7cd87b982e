/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: whatever is written to a verb's file. */
#include <string.h>

#include "core/verb.h"
#include "fuzz.h"

const char *const fuzz_seeds[] = {
	"0size=20G tag=team=web from=db@nightly encrypted",
	"5async timeout=1m30s ro user=docker:3fa9 options=noatime",
	"8size=200G iops=6000 tags=+a=b,-c",
	"1absent=ok", "2name=db", "31", "4dry-run", NULL
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct verb *v = verbs[0];
	struct err err = ERR_INIT;
	struct line l;
	size_t n = 0;
	int r;

	if (size == 0)
		return 0;
	for (size_t i = 0; verbs[i]; i++)
		n++;
	v = verbs[(data[0] - '0') % n];
	r = line_parse((const char *)data + 1, size - 1, v, NULL, &l, &err);
	if (r < 0) {
		if (err.num != -r || !err.text[0] || strchr(err.text, '\n'))
			__builtin_trap();
		return 0;
	}
	for (size_t i = 0; i < l.n; i++)
		if (!l.words[i].spec || !l.words[i].value ||
		    !line_value(&l, l.words[i].spec->key))
			__builtin_trap();
	line_done(&l);
	return 0;
}
