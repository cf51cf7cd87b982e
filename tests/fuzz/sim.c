/* SPDX-License-Identifier: Apache-2.0 */

/* What a service answers, by way of the sim driver's parsers: taken, or
 * refused with a sentence and nothing left over; never a crash. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "net/http.h"
#include "providers/sim.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"{\"id\":\"v1\",\"name\":\"db\",\"size_bytes\":1048576,\"type\":\"fast\","
	"\"zone\":\"z\",\"iops\":3000,\"encrypted\":false,\"kind\":\"block\","
	"\"created_s\":5,\"token\":null,\"source\":{\"kind\":\"snapshot\","
	"\"id\":\"s\"},\"tags\":{\"volfs\":\"1\",\"a\":\"b\"},"
	"\"attachments\":[{\"host\":\"h\",\"state\":\"attached\"}],"
	"\"state\":\"in-use\"}",
	"{\"volumes\":[{\"id\":\"v\",\"size_bytes\":1,\"state\":\"x\","
	"\"tags\":{}}],\"next\":\"7\"}",
	"{\"snapshots\":[{\"id\":\"s\",\"volume\":\"v\",\"size_bytes\":\"1\","
	"\"state\":\"creating\",\"progress\":40,\"tags\":{}}],\"next\":null}",
	"{\"disk\":{\"kind\":\"block\",\"dev\":1,\"ino\":2}}",
	"{\"disk\":{\"kind\":\"block\",\"serial\":\"s\",\"by_id\":\"b\"}}",
	"{\"disk\":{\"kind\":\"share\",\"directory\":\"/x\"}}",
	"{\"size_min_bytes\":1,\"size_max_bytes\":2,\"size_step_bytes\":1,"
	"\"types\":[\"a\"],\"zones\":[\"b\",\"c\"]}",
	"{\"id\":\"h\",\"zone\":\"z\",\"attach_limit\":3}",
	"{\"error\":{\"code\":\"VolumeInUse\",\"message\":\"m\"}}",
	NULL
};

static int take_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	(void)arg;
	(void)err;
	FUZZ_CHECK(f->id && f->service_state && f->state < VOLUME_STATES);
	FUZZ_CHECK(f->n_tags == 0 || f->tags[0].key);
	(void)provider_find("sim")->kind_of(f);
	return 0;
}

static int take_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	(void)arg;
	(void)err;
	FUZZ_CHECK(f->id && f->consistency);
	FUZZ_CHECK(f->progress_percent >= -1 && f->progress_percent <= 100);
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
	AUTO(auto_buf) struct buf next = BUF_INIT(4096);
	AUTO(auto_http_reply) struct http_reply reply;
	const char *text = (const char *)data;
	char **types, **zones;
	struct attach_result a = { 0 };
	struct http_fault fault = { 0 };
	struct instance instance;
	struct bounds bounds;
	struct err err[7] = { 0 };
	int r;

	check(sim_parse_volume(text, size, "h", &sink, &err[0]), &err[0]);
	check(sim_parse_volumes(text, size, "h", &sink, &next, &err[1]),
	      &err[1]);
	check(sim_parse_snapshot(text, size, &sink, &err[2]), &err[2]);
	check(sim_parse_snapshots(text, size, &sink, &next, &err[3]), &err[3]);
	r = sim_parse_attach(text, size, &a, &err[4]);
	check(r, &err[4]);
	FUZZ_CHECK(r == 0 || (!a.source && !a.directory));
	attach_done(&a);
	check(sim_parse_instance(text, size, &instance, &err[5]), &err[5]);
	r = sim_parse_limits(text, size, &bounds, &types, &zones, &err[6]);
	check(r, &err[6]);
	if (r == 0) {
		sim_words_free(types);
		sim_words_free(zones);
	}
	http_reply_init(&reply);
	buf_append(&reply.body, data, size);
	sim_parse_fault(&reply, &fault);
	return 0;
}
