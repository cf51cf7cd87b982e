/* SPDX-License-Identifier: Apache-2.0 */

/* The pure halves of the sim driver: what it asks for, what it makes of
 * answers, good and bad. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "providers/sim.h"

/* ---- a sink that writes down what it gets ---- */

struct seen {
	struct buf text;
	unsigned volumes, snapshots;
	int fail;                    /* errno to answer with */
};

static int see_volume(void *arg, const struct volume_facts *f,
		      struct err *err)
{
	struct seen *s = arg;
	uint32_t i;

	if (s->fail)
		return err_set(err, s->fail, "the sink is full");
	s->volumes++;
	buf_printf(&s->text, "%s %s %s %s %llu managed=%d blank=%d",
		   f->id, f->name ? f->name : "-",
		   volume_state_name(f->state), f->service_state,
		   (unsigned long long)f->size_bytes, f->managed, f->blank);
	for (i = 0; i < f->n_tags; i++)
		buf_printf(&s->text, " %s=%s", f->tags[i].key,
			   f->tags[i].value);
	for (i = 0; i < f->n_attachments; i++)
		buf_printf(&s->text, " %s%s:%s", f->attachments[i].host,
			   f->attachments[i].here ? "(here)" : "",
			   volume_state_name(f->attachments[i].state));
	buf_putc(&s->text, '\n');
	return 0;
}

static int see_snapshot(void *arg, const struct snapshot_facts *f,
			struct err *err)
{
	struct seen *s = arg;

	(void)err;
	s->snapshots++;
	buf_printf(&s->text, "%s %s of %s %s %d%% %s\n", f->id,
		   f->name ? f->name : "-", f->volume_id ? f->volume_id : "-",
		   snapshot_state_name(f->state), f->progress_percent,
		   f->consistency);
	return 0;
}

static struct volume_sink sink_of(struct seen *s)
{
	*s = (struct seen){ .text = BUF_INIT(65536) };
	return (struct volume_sink){ see_volume, see_snapshot, s };
}

static void expect_volume(const char *json, const char *text)
{
	struct seen seen;
	struct volume_sink sink = sink_of(&seen);
	struct err err = ERR_INIT;

	assert_int_equal(sim_parse_volume(json, strlen(json), "h1", &sink,
					  &err), 0);
	assert_string_equal(buf_str(&seen.text), text);
	assert_int_equal(err.num, 0);
	buf_done(&seen.text);
}

static void refuse_volume(const char *json, const char *word)
{
	struct seen seen;
	struct volume_sink sink = sink_of(&seen);
	struct err err = ERR_INIT;

	assert_int_equal(sim_parse_volume(json, strlen(json), "h1", &sink,
					  &err), -EPROTO);
	assert_non_null(strstr(err.text, word));
	assert_int_equal(seen.volumes, 0);
	buf_done(&seen.text);
}

/* ---- volumes ---- */

#define BODY "\"id\":\"v1\",\"name\":\"db\",\"size_bytes\":1048576"

static void test_volume(void **state)
{
	(void)state;
	expect_volume("{" BODY ",\"state\":\"available\",\"tags\":{\"z\":\"1\","
		      "\"a\":\"2\",\"volfs\":\"1\",\"volfs.blank\":\"1\","
		      "\"volfs.other\":\"x\"},\"attachments\":[]}",
		      "v1 db available available 1048576 managed=1 blank=1 "
		      "a=2 z=1\n");
	/* Keys in another case, numbers as text, no name. */
	expect_volume("{\"ID\":\"v1\",\"Size_Bytes\":\"7\",\"State\":"
		      "\"deleting\",\"Tags\":{}}",
		      "v1 - deleting deleting 7 managed=0 blank=0\n");
}

static void test_states(void **state)
{
	static const char *const rows[][3] = {
		{ "creating", "", "creating" },
		{ "available", "", "available" },
		{ "modifying", "", "available" },
		{ "restoring", "", "available" },
		{ "error", "", "error" },
		{ "in-use", "{\"host\":\"h2\",\"state\":\"attached\"}",
		  "in-use" },
		{ "in-use", "{\"host\":\"h1\",\"state\":\"attaching\"}",
		  "attaching" },
		{ "in-use", "{\"host\":\"h2\",\"state\":\"attached\"},"
		  "{\"host\":\"h1\",\"state\":\"detaching\"}", "detaching" },
		{ "modifying", "{\"host\":\"h1\",\"state\":\"attached\"}",
		  "attached" },
		{ "something new", "", "unknown" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct seen seen;
		struct volume_sink sink = sink_of(&seen);
		struct err err = ERR_INIT;
		char json[512], start[64];

		snprintf(json, sizeof(json), "{" BODY ",\"state\":\"%s\","
			 "\"tags\":{},\"attachments\":[%s]}", rows[i][0],
			 rows[i][1]);
		assert_int_equal(sim_parse_volume(json, strlen(json), "h1",
						  &sink, &err), 0);
		snprintf(start, sizeof(start), "v1 db %s ", rows[i][2]);
		assert_memory_equal(buf_str(&seen.text), start, strlen(start));
		buf_done(&seen.text);
	}
}

static void test_bad_volumes(void **state)
{
	(void)state;
	refuse_volume("", "ends");
	refuse_volume("<html>", "not JSON");
	refuse_volume("[]", "'id'");
	refuse_volume("null", "'id'");
	refuse_volume("{" BODY "}", "'state'");
	refuse_volume("{\"id\":{},\"state\":\"a\"}", "'id'");
	refuse_volume("{\"id\":\"v1\",\"state\":\"available\",\"tags\":{},"
		      "\"size_bytes\":-1}", "'size_bytes'");
	refuse_volume("{\"id\":\"v1\",\"state\":\"available\",\"tags\":{},"
		      "\"size_bytes\":\"big\"}", "'size_bytes'");
	refuse_volume("{" BODY ",\"state\":\"available\",\"tags\":[]}",
		      "'tags'");
	refuse_volume("{" BODY ",\"state\":\"in-use\",\"tags\":{},"
		      "\"attachments\":[{\"host\":\"h\"}]}", "'state'");
	refuse_volume("{" BODY ",\"state\":\"in-use\",\"tags\":{},"
		      "\"attachments\":{}}", "'attachments'");
}

static void test_pages(void **state)
{
	static const char page[] =
		"{\"volumes\":[{" BODY ",\"state\":\"available\",\"tags\":{}},"
		"{\"id\":\"v2\",\"size_bytes\":1,\"state\":\"error\","
		"\"tags\":{}}],\"next\":\"17\"}";
	static const char snapshots[] =
		"{\"snapshots\":[{\"id\":\"s1\",\"name\":\"n\",\"volume\":"
		"\"v1\",\"size_bytes\":5,\"state\":\"creating\",\"progress\":"
		"40,\"tags\":{\"volfs.consistency\":\"frozen\"}},{\"id\":"
		"\"s2\",\"size_bytes\":5,\"state\":\"available\",\"tags\":{}}"
		"],\"next\":null}";
	AUTO(auto_buf) struct buf next = BUF_INIT(64);
	struct seen seen;
	struct volume_sink sink = sink_of(&seen);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sim_parse_volumes(page, strlen(page), "h1", &sink,
					   &next, &err), 0);
	assert_string_equal(buf_str(&next), "17");
	assert_int_equal(seen.volumes, 2);
	/* What the sink says is passed on. */
	seen.fail = ENOMEM;
	assert_int_equal(sim_parse_volumes(page, strlen(page), "h1", &sink,
					   &next, &err), -ENOMEM);
	buf_done(&seen.text);

	sink = sink_of(&seen);
	buf_reset(&next);
	assert_int_equal(sim_parse_snapshots(snapshots, strlen(snapshots),
					     &sink, &next, &err), 0);
	assert_string_equal(buf_str(&next), "");
	assert_string_equal(buf_str(&seen.text),
			    "s1 n of v1 creating 40% frozen\n"
			    "s2 - of - available -1% crash\n");
	buf_done(&seen.text);
	assert_int_equal(sim_parse_volumes("{}", 2, "h1", &sink, &next, &err),
			 -EPROTO);
}

static void test_attach(void **state)
{
	static const char block[] =
		"{\"disk\":{\"kind\":\"block\",\"dev\":65024,\"ino\":12}}";
	static const char disk[] =
		"{\"disk\":{\"kind\":\"block\",\"serial\":\"vol01\",\"by_id\":"
		"\"nvme-*_vol01\"}}";
	static const char share[] =
		"{\"disk\":{\"kind\":\"share\",\"directory\":\"/x\"}}";
	static const char *const bad[] = {
		"{\"disk\":{\"kind\":\"block\",\"dev\":65024}}",
		"{\"disk\":{\"kind\":\"block\",\"serial\":\"\"}}",
		"{\"disk\":{\"kind\":\"share\"}}",
		"{\"disk\":{\"kind\":\"share\",\"directory\":\"x\"}}",
		"{\"disk\":null}", "{}", "[",
	};
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	assert_int_equal(sim_parse_attach(block, strlen(block), &a, &err), 0);
	assert_int_equal(a.kind, KIND_BLOCK);
	assert_int_equal(a.device.backing_dev, 65024);
	assert_int_equal(a.device.backing_ino, 12);
	attach_done(&a);
	assert_int_equal(sim_parse_attach(disk, strlen(disk), &a, &err), 0);
	assert_int_equal(a.kind, KIND_BLOCK);
	assert_string_equal(a.device.serial, "vol01");
	assert_string_equal(a.device.by_id, "nvme-*_vol01");
	attach_done(&a);
	memset(&a, 0, sizeof(a));
	assert_int_equal(sim_parse_attach(share, strlen(share), &a, &err), 0);
	assert_int_equal(a.kind, KIND_SHARE);
	assert_string_equal(a.source, "/x");
	assert_string_equal(a.fstype, "bind");
	attach_done(&a);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(sim_parse_attach(bad[i], strlen(bad[i]), &a,
						  &err), -EPROTO);
		assert_null(a.source);
	}
}

/* What the driver keeps of an attachment comes back from the store the same. */
static void test_attach_stored(void **state)
{
	struct attach_result a = { .kind = KIND_BLOCK, .read_only = true };
	struct attach_result back = { 0 };
	AUTO(auto_buf) struct buf one = BUF_INIT(4096);
	AUTO(auto_buf) struct buf two = BUF_INIT(4096);
	struct err err = ERR_INIT;

	(void)state;
	a.device.backing_dev = 1;
	a.device.backing_ino = UINT64_C(1) << 62;
	a.device.serial = strdup("a\"b");
	assert_int_equal(attach_encode(&a, &one), 0);
	assert_int_equal(attach_decode(buf_str(&one), &back, &err), 0);
	assert_int_equal(attach_encode(&back, &two), 0);
	assert_string_equal(buf_str(&one), buf_str(&two));
	assert_true(back.read_only);
	assert_string_equal(back.device.serial, "a\"b");
	attach_done(&back);
	attach_done(&a);
	assert_int_equal(attach_decode("{\"kind\":\"odd\"}", &back, &err),
			 -EPROTO);
	assert_int_equal(attach_decode("", &back, &err), -EPROTO);
}

static void test_limits(void **state)
{
	static const char text[] =
		"{\"size_min_bytes\":1,\"size_max_bytes\":9,\"size_step_bytes\""
		":1,\"quota_volumes\":0,\"quota_bytes\":50,\"capacity_bytes\":"
		"100,\"used_bytes\":30,\"types\":[\"a\",\"b\"],\"zones\":[]}";
	char **types, **zones;
	struct bounds b;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sim_parse_limits(text, strlen(text), &b, &types,
					  &zones, &err), 0);
	assert_int_equal(b.quota_volumes, -1);
	assert_int_equal(b.quota_bytes, 50);
	assert_int_equal(b.available_bytes, 70);
	assert_string_equal(types[1], "b");
	assert_null(types[2]);
	assert_null(zones[0]);
	sim_words_free(types);
	sim_words_free(zones);
	assert_int_equal(sim_parse_limits("{}", 2, &b, &types, &zones, &err),
			 -EPROTO);
}

static void test_fault(void **state)
{
	struct http_reply reply;
	struct http_fault fault = { 0 };

	(void)state;
	http_reply_init(&reply);
	buf_puts(&reply.body, "{\"error\":{\"code\":\"VolumeInUse\","
		 "\"message\":\"it is\"}}");
	sim_parse_fault(&reply, &fault);
	assert_string_equal(fault.code, "VolumeInUse");
	assert_string_equal(fault.text, "it is");
	buf_reset(&reply.body);
	buf_puts(&reply.body, "<html>");
	memset(&fault, 0, sizeof(fault));
	sim_parse_fault(&reply, &fault);
	assert_string_equal(fault.code, "");
	http_reply_done(&reply);
}

/* ---- requests ---- */

static void test_requests(void **state)
{
	const struct tag tags[] = { { "a", "1" }, { "q", "\"x\"" } };
	const struct tag old[] = { { "a", "0" }, { "gone", "" } };
	const struct volume_facts f = { .tags = old, .n_tags = 2 };
	const struct volume_spec want = {
		.name = "db", .size_bytes = 1048576, .iops = -1,
		.throughput_bytes_per_s = 7, .encrypted = -1, .blank = true,
		.tags = tags, .n_tags = 2,
	};
	const struct volume_change change = {
		.fields = FIELD_SIZE | FIELD_IOPS, .size_bytes = 5,
		.iops = 100, .type = "ignored",
	};
	AUTO(auto_buf) struct buf b = BUF_INIT(4096);

	(void)state;
	sim_request_create(&want, "zone-b", "s1", NULL, &b);
	assert_string_equal(buf_str(&b),
		"{\"name\":\"db\",\"size_bytes\":1048576,\"zone\":\"zone-b\","
		"\"throughput_bytes_per_s\":7,\"snapshot\":\"s1\",\"tags\":{"
		"\"volfs\":\"1\",\"volfs.blank\":\"1\",\"a\":\"1\","
		"\"q\":\"\\\"x\\\"\"}}");
	buf_reset(&b);
	sim_request_change(&change, &b);
	assert_string_equal(buf_str(&b),
			    "{\"v\":1,\"size_bytes\":5,\"iops\":100}");
	buf_reset(&b);
	sim_request_tags(&f, tags, 2, &b);
	assert_string_equal(buf_str(&b), "{\"tags\":{\"gone\":null,\"a\":\"1\","
			    "\"q\":\"\\\"x\\\"\"}}");
	buf_reset(&b);
	sim_request_marks(true, false, "n", &b);
	assert_string_equal(buf_str(&b), "{\"tags\":{\"volfs\":\"1\","
			    "\"volfs.blank\":null},\"name\":\"n\"}");
}

static void test_names(void **state)
{
	const struct provider *p = provider_find("sim");
	struct err err = ERR_INIT;
	char longer[80];

	(void)state;
	assert_non_null(p);
	assert_null(provider_find("si"));
	assert_int_equal(p->check_name(NULL, "a-b_c.9", &err), 0);
	assert_int_equal(p->check_name(NULL, "a b\xc3\xa4", &err), -EINVAL);
	assert_non_null(strstr(err.text, "'a-b--'"));
	assert_int_equal(p->check_name(NULL, "", &err), -EINVAL);
	memset(longer, 'x', 65);
	longer[65] = '\0';
	assert_int_equal(p->check_name(NULL, longer, &err), -EINVAL);
	longer[64] = '\0';
	assert_int_equal(p->check_name(NULL, longer, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_bad_volumes),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_attach_stored),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
