/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: whatever is written to a verb's file or a setting's. */
#include <string.h>

#include "base/auto.h"
#include "core/engine_impl.h"
#include "tests/fuzz/fuzz.h"

/* The first byte says whose file, from '0' on in the order of verbs.c. */
const char *const fuzz_seeds[] = {
	"0size=20G tag=team=web from=db@nightly encrypted",
	"0type=fast iops=3000 throughput=100M zone=z fstype=ext4 subpath=/a",
	"6async timeout=1m30s ro user=docker:3fa9 options=noatime\n",
	"6options=subvol=a,ro options=x", "7user=manual force", "5force",
	"8size=200G iops=6000 tags=+a=b,-c", "8encrypted=yes protect=0",
	"1absent=ok", "2name=db", "31", "4dry-run", "<name=n description=%20",
	"020G\n", "0yes", "0a=b\n+c=%2C\n-d\n\n", NULL
};

static void check_line(const char *text, size_t len, const struct verb *v,
		       const struct provider *p)
{
	struct err err = ERR_INIT;
	struct line l;
	int r = line_parse(text, len, v, p, &l, &err);

	if (r < 0) {
		FUZZ_CHECK(err.num == -r && err.text[0] &&
			   !strchr(err.text, '\n'));
		return;
	}
	for (size_t i = 0; i < l.n; i++) {
		FUZZ_CHECK(l.words[i].spec && l.words[i].value);
		FUZZ_CHECK(line_value(&l, l.words[i].spec->key));
		line_has(&l, l.words[i].spec->key);
	}
	line_done(&l);
}

static void check_setting(const char *text, size_t len,
			  const struct setting *s)
{
	struct err err = ERR_INIT;
	struct job j = { .line = { .n = 0 } };
	int r;

	r = job_parse_setting(&j, s, text, len, &err);
	FUZZ_CHECK(r == 0 || (err.num == -r && err.text[0]));
	FUZZ_CHECK(r < 0 || (j.line.n == 1 && j.line.words[0].value));
	line_done(&j.line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	const struct verb *v;
	size_t n = 0;

	if (size == 0)
		return 0;
	while (verbs[n])
		n++;
	v = verbs[(uint8_t)(data[0] - '0') % n];
	check_line(text, size - 1, v, NULL);
	check_line(text, size - 1, v, provider_find("nfs"));
	for (size_t i = 0; settings[i].key; i++)
		check_setting(text, size - 1, &settings[i]);
	return 0;
}
