/* SPDX-License-Identifier: Apache-2.0 */

/* What lies on a share and what a helper says, by way of the nfs driver's
 * parsers: taken with sound facts, or refused with a sentence. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "core/host/share.h"
#include "providers/nfs.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"{\"id\":\"v-1a\",\"directory\":\"a%20b\",\"state\":\"available\","
	"\"managed\":true,\"blank\":true,\"tags\":{\"z\":\"1\",\"a\":\"\"},"
	"\"source\":\"snapshot\",\"source_id\":\"s-1\",\"created_at_s\":7,"
	"\"token\":\"t\"}",
	"{\"id\":\"s-1\",\"directory\":\"nightly\",\"volume_id\":\"v-1\","
	"\"folder\":\"db\",\"created_at_s\":7}",
	"db=nas-1:/srv/db",
	"[fe80::1]:/srv/db",
	"a name\n",
	NULL
};

static int take_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	(void)arg;
	(void)err;
	FUZZ_CHECK(nfs_id_is_sound(f->id) && f->name && *f->name);
	FUZZ_CHECK(f->state < VOLUME_STATES && f->created_at_s >= 0);
	FUZZ_CHECK(f->n_tags == 0 || (f->tags[0].key && f->tags[0].value));
	return 0;
}

static int take_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	(void)arg;
	(void)err;
	FUZZ_CHECK(nfs_id_is_sound(f->id) && f->name && f->volume_id);
	return 0;
}

static void check_answers(const char *text, size_t size)
{
	const struct volume_sink sink = { take_volume, take_snapshot, NULL };
	AUTO(auto_json) struct json_object *o = NULL;
	struct err err[2] = { 0 };
	int r;

	if (json_parse_bytes(text, size, "it", &o, NULL) < 0)
		return;
	r = nfs_give_volume(o, &sink, &err[0]);
	FUZZ_CHECK(r == 0 || (r == -EPROTO && err[0].text[0]));
	r = nfs_give_snapshot(o, &sink, &err[1]);
	FUZZ_CHECK(r == 0 || (r == -EPROTO && err[1].text[0]));
}

static void check_words(const char *text)
{
	char dir[NAME_BYTES_MAX + 1], name[NAME_BYTES_MAX + 1], host[64];
	struct nfs_export e = { .name = NULL };
	struct err err = ERR_INIT;

	if (nfs_dir_of_name(text, dir, &err) == 0) {
		FUZZ_CHECK(!strchr(dir, '/') && dir[0] != '.');
		nfs_name_of_dir(dir, name);
		FUZZ_CHECK(!strcmp(name, text));
	} else {
		FUZZ_CHECK(err.num == EINVAL);
	}
	if (nfs_export_parse(text, &e, &err) == 0)
		FUZZ_CHECK(*e.name && strstr(e.source, ":/"));
	free(e.name);
	free(e.id);
	free(e.source);
	if (share_host(text, host, sizeof(host)))
		FUZZ_CHECK(*host && strlen(host) < sizeof(host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_answers((const char *)data, size);
	check_words(text);
	return 0;
}
