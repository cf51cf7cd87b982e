/* SPDX-License-Identifier: Apache-2.0 */

/* Records of the btrfs driver, which anybody with the disk can write, and its
 * helper's replies: taken with sound facts, or refused with a sentence. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "providers/btrfs.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"{\"schema\":1,\"id\":\"v-t\",\"token\":\"t\",\"uuid\":\"u\",\"number\":300,"
	"\"dir\":\"db\",\"created_at_s\":7,\"managed\":true,\"blank\":false,"
	"\"source\":\"snapshot\",\"source_id\":\"s\",\"source_name\":\"n\","
	"\"tags\":{\"b\":\"\",\"a\":\"b\"}}",
	"{\"schema\":1,\"id\":\"s-t\",\"volume\":\"v-t\",\"uuid\":\"u\","
	"\"entry\":\"one\",\"size_bytes\":4096,\"next_uuid\":\"w\","
	"\"next_number\":301}",
	"{\"volumes\":[{\"id\":\"v\",\"name\":\"d\",\"limit_bytes\":1,"
	"\"uuid\":\"u\",\"number\":1,\"quota\":\"off\",\"damaged\":\"x\","
	"\"read_only\":true,\"inconsistent\":true}],"
	"\"snapshots\":[{\"id\":\"s\",\"name\":\"n\"}]}",
	NULL
};

static int take_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	uint32_t i;

	FUZZ_CHECK(btrfs_id_is_sound(f->id) && f->service_state);
	FUZZ_CHECK(f->size_bytes <= INT64_MAX);
	for (i = 1; i < f->n_tags; i++)
		FUZZ_CHECK(strcmp(f->tags[i - 1].key, f->tags[i].key) < 0);
	return 0;
}

static int take_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	FUZZ_CHECK(btrfs_id_is_sound(f->id) && f->name && f->consistency);
	return 0;
}

static void check(int r, const struct err *err)
{
	FUZZ_CHECK(r == 0 || r == -EPROTO);
	FUZZ_CHECK((r == 0) == (err->text[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct volume_sink sink = { take_volume, take_snapshot, NULL };
	AUTO(auto_json) struct json_object *o = NULL;
	AUTO(auto_free) char *text = strndup((const char *)data, size);
	struct err err = ERR_INIT;
	int r;

	r = btrfs_json((const char *)data, size, "it", &o, &err);
	check(r, &err);
	if (r == 0) {
		err = (struct err)ERR_INIT;
		check(btrfs_record_check(o, &err), &err);
		err = (struct err)ERR_INIT;
		check(btrfs_reply_emit(o, &sink, &err), &err);
	}
	err = (struct err)ERR_INIT;
	r = text ? btrfs_name_check(text, &err) : 0;
	FUZZ_CHECK(r == 0 || (r == -EINVAL && strstr(err.text, "would do")));
	return 0;
}
