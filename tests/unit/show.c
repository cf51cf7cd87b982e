/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of the status files: valid, in order, the same as the value files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fake_engine.h"
#include "fs/show.h"

static struct fs fs;

static int setup(void **state)
{
	if (fs_init(&fs, "/v", "1") < 0)
		return -1;
	fs.engine = fake_new(NULL);
	fake_add(fs.engine, 1, "db", "vol-1");
	fake_add(fs.engine, 2, "plain", "p-1");
	fake_add_snapshot(fs.engine, 1, 1, "nightly", "snap-1");
	return 0;
}

static int teardown(void **state)
{
	fake_free(fs.engine);
	fs_done(&fs);
	memset(&fs, 0, sizeof(fs));
	return 0;
}

static struct json_object *status_of(uint64_t ino)
{
	struct buf b = BUF_INIT(1 << 20);
	struct json_object *json;
	struct object o;

	assert_int_equal(node_resolve(&fs, ino, &o), 0);
	object_show(&o, &b);
	assert_false(buf_failed(&b));
	assert_int_equal(b.data[b.len - 1], '\n');
	assert_ptr_equal(memchr(b.data, '\n', b.len), b.data + b.len - 1);
	json = json_tokener_parse(b.data);
	assert_non_null(json);
	buf_done(&b);
	object_done(&o);
	return json;
}

static void keys_are(struct json_object *json, const char *const *keys)
{
	size_t i = 0;

	json_object_object_foreach(json, key, value) {
		(void)value;
		assert_non_null(keys[i]);
		assert_string_equal(key, keys[i]);
		i++;
	}
	assert_null(keys[i]);
}

static void volume_keys(void **state)
{
	static const char *const full[] = {
		"schema", "service", "driver", "kind", "name", "path", "id",
		"state", "state_since_at", "service_state", "attached",
		"mounted", "managed", "protect", "created_at", "last_used_at",
		"observed_at", "stale", "stale_reason", "size_bytes", "type",
		"iops", "throughput_bytes_per_s", "zone", "region",
		"encrypted", "encryption_key", "access", "source",
		"attachments", "mount", "usage", "health", "snapshots", "tags",
		"job", "error", "details", NULL
	};
	static const char *const bare[] = {
		"schema", "service", "driver", "kind", "name", "path", "id",
		"state", "state_since_at", "service_state", "attached",
		"mounted", "managed", "protect", "created_at", "last_used_at",
		"observed_at", "stale", "stale_reason", "size_bytes", "access",
		"source", "attachments", "mount", "usage", "health", "job",
		"error", "details", NULL
	};
	struct json_object *json = status_of(node_make(1, 1, VOLUME_STATUS));

	keys_are(json, full);
	assert_string_equal(json_object_get_string(
		json_object_object_get(json, "path")), "/v/full/db");
	assert_null(json_object_object_get(json, "throughput_bytes_per_s"));
	json_object_put(json);
	json = status_of(node_make(2, 2, VOLUME_STATUS));
	keys_are(json, bare);
	json_object_put(json);
}

static void other_keys(void **state)
{
	static const char *const snapshot[] = {
		"schema", "service", "driver", "name", "volume", "volume_id",
		"id", "state", "progress_percent", "size_bytes", "created_at",
		"scheduled", "protect", "encrypted", "consistency",
		"description", "tags", "observed_at", "stale", "job", "error",
		NULL
	};
	static const char *const service[] = {
		"schema", "service", "driver", "state", "observed_at", "stale",
		"stale_reason", "refresh_s", "latency_ms", "instance",
		"counts", "capacity", "quota", "capabilities", "bounds",
		"requests", "warnings", "error", NULL
	};
	static const char *const daemon[] = {
		"schema", "version", "pid", "started_at", "uptime_s",
		"takeovers", "host", "services", "store", "cluster",
		"warnings", NULL
	};
	struct json_object *json = status_of(node_make(1, 3,
						       SNAPSHOT_STATUS));

	keys_are(json, snapshot);
	json_object_put(json);
	json = status_of(node_make(1, 0, SERVICE_STATUS));
	keys_are(json, service);
	json_object_put(json);
	json = status_of(node_make(0, 0, DAEMON_STATUS));
	keys_are(json, daemon);
	json_object_put(json);
}

/* A mounted, attached volume with awkward text everywhere. */
static void full_of_it(void **state)
{
	struct volume_local *l = local_new();
	struct json_object *json, *mount, *error, *users;

	l->attached = l->mounted = true;
	l->device = strdup("/dev/loop7");
	l->fstype = strdup("ext4");
	l->options = strdup("nodev,nosuid,noatime");
	l->users = calloc(1, sizeof(*l->users));
	l->users[0].name = strdup("a \"quoted\"\n\xff name");
	l->n_users = 1;
	l->fault.at_s = 1;
	l->fault.job = 7;
	l->fault.verb = strdup("mount");
	err_set(&l->fault.err, 16, "mount 'db': \"busy\" {[\\");
	fake_set_local(fs.engine, 1, 1, l);
	local_unref(l);
	json = status_of(node_make(1, 1, VOLUME_STATUS));
	mount = json_object_object_get(json, "mount");
	assert_string_equal(json_object_get_string(
		json_object_object_get(mount, "path")), "/v/full/db/data");
	assert_string_equal(json_object_to_json_string_ext(
		json_object_object_get(mount, "options"),
		JSON_C_TO_STRING_PLAIN),
		"[\"rw\",\"nodev\",\"nosuid\",\"noatime\"]");
	users = json_object_object_get(mount, "users");
	assert_int_equal(json_object_array_length(users), 1);
	error = json_object_object_get(json, "error");
	assert_string_equal(json_object_get_string(
		json_object_object_get(error, "errno")), "EBUSY");
	assert_string_equal(json_object_get_string(
		json_object_object_get(error, "job")), "7");
	json_object_put(json);
}

/* "observed_at" and its like keep their width, known or not. */
static void widths(void **state)
{
	struct buf a = BUF_INIT(100), b = BUF_INIT(100);

	js_time_fixed(&a, "t", 0);
	js_time_fixed(&b, "t", 1234567890);
	assert_int_equal(a.len, b.len);
	buf_reset(&a);
	buf_reset(&b);
	js_number_fixed(&a, "n", -1);
	js_number_fixed(&b, "n", 123456);
	assert_int_equal(a.len, b.len);
	buf_done(&a);
	buf_done(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(volume_keys), TEST(other_keys), TEST(full_of_it),
		cmocka_unit_test(widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
