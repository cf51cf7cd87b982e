/* SPDX-License-Identifier: Apache-2.0 */

/* The decoders of stored records: refused with EPROTO and nothing changed, or
 * taken, and then written and read back the same. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "core/volume.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"\1caaabaa|17179869184|3000|-1|0|1|1|vol-1|db|available|gp3|z|r|||||"
	"{}|tok|eba|5|i-7|/dev/sdf|team|web|",
	"\1caaabaa|0|-1|-1|0|0|0|||||||||||||",
	"\1bbab|100|5|50|1|snap-1|nightly|vol-1|text|tok|done|frozen|k|\1|",
	"\1abaa|0|0|-1|0||||||||",
	"{\"owner_uid\":1000,\"protect\":0,\"attached\":true,"
	"\"device\":\"/dev/loop3\",\"attach_json\":\"{\\\"a\\\":1}\"}",
	"{\"users\":[{\"name\":\"manual\",\"since_s\":5,\"read_only\":false}]}",
	"{\"fault\":{\"at_s\":8,\"job\":9,\"verb\":\"x\",\"errno\":16,"
	"\"code\":\"c\",\"request\":\"r\",\"text\":\"t\"}}",
	NULL
};

static void check_error(int r, const struct err *err)
{
	FUZZ_CHECK(r == 0 || r == -EPROTO);
	FUZZ_CHECK((r == 0) == (err->num == 0));
	FUZZ_CHECK((r == 0) == (err->text[0] == '\0'));
}

static void check_volume(const char *text, size_t len)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(1 << 20);
	AUTO(auto_free) void *scratch = NULL;
	AUTO(auto_free) void *again = NULL;
	struct volume_facts f, back;
	struct err err = ERR_INIT;
	struct volume *v;
	int r = volume_facts_decode(text, len, &f, &scratch, &err);

	check_error(r, &err);
	if (r < 0)
		return;
	FUZZ_CHECK(volume_facts_encode(&f, &out) == 0);
	FUZZ_CHECK(!volume_facts_decode(out.data, out.len, &back, &again,
					&err));
	FUZZ_CHECK(volume_facts_equal(&f, &back));
	v = volume_new(NULL, "name", &f, NULL, NULL);
	FUZZ_CHECK(v && volume_facts_equal(&f, &v->f));
	FUZZ_CHECK(volume_effective_state(v) < VOLUME_STATES);
	volume_unref(v);
}

static void check_snapshot(const char *text, size_t len)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(1 << 20);
	AUTO(auto_free) void *scratch = NULL;
	AUTO(auto_free) void *again = NULL;
	struct snapshot_facts f, back;
	struct err err = ERR_INIT;
	struct snapshot *s;
	int r = snapshot_facts_decode(text, len, &f, &scratch, &err);

	check_error(r, &err);
	if (r < 0)
		return;
	FUZZ_CHECK(snapshot_facts_encode(&f, &out) == 0);
	FUZZ_CHECK(!snapshot_facts_decode(out.data, out.len, &back, &again,
					  &err));
	FUZZ_CHECK(snapshot_facts_equal(&f, &back));
	s = snapshot_new(1, NULL, 2, "name", &f);
	FUZZ_CHECK(s && snapshot_facts_equal(&f, &s->f));
	snapshot_unref(s);
}

static void check_local(const char *text, size_t len)
{
	AUTO(auto_buf) struct buf one = BUF_INIT(1 << 20);
	AUTO(auto_buf) struct buf two = BUF_INIT(1 << 20);
	struct volume_local *l = NULL, *back = NULL, *copy;
	struct err err = ERR_INIT;
	int r = local_decode(text, len, &l, &err);

	check_error(r, &err);
	FUZZ_CHECK((r == 0) == (l != NULL));
	if (r < 0)
		return;
	FUZZ_CHECK(local_encode(l, &one) == 0);
	FUZZ_CHECK(local_decode(one.data, one.len, &back, &err) == 0);
	copy = local_copy(back);
	FUZZ_CHECK(copy && local_encode(copy, &two) == 0);
	FUZZ_CHECK(!strcmp(buf_str(&one), buf_str(&two)));
	local_unref(copy);
	local_unref(back);
	local_unref(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = fuzz_with_nuls(data, size);

	check_local((const char *)data, size);
	check_volume((const char *)data, size);
	check_snapshot((const char *)data, size);
	check_volume(text, size);
	check_snapshot(text, size);
	return 0;
}
