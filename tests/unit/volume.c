/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/auto.h"
#include "core/volume.h"

#define ROUNDS 2000
#define LIST_MAX 5

/* ---- random facts, the same on every run ---- */

static uint64_t seed = 88172645463325252ULL;

static uint64_t random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)(random_next() % n);
}

struct facts_room {
	char text[64][40];
	size_t n;
	struct attachment attachments[LIST_MAX];
	struct tag tags[LIST_MAX];
};

/* NULL, "", or any bytes but NUL, the codec's own mark among them. */
static const char *random_string(struct facts_room *room, bool may_be_null)
{
	char *s = room->text[room->n++];
	size_t len = below(4) ? below(39) : 0;

	assert_true(room->n <= ARRAY_SIZE(room->text));
	if (may_be_null && below(3) == 0)
		return NULL;
	for (size_t i = 0; i < len; i++)
		s[i] = (char)(below(4) ? 1 + below(3) : 1 + below(255));
	s[len] = '\0';
	return s;
}

static int64_t random_number(void)
{
	switch (below(5)) {
	case 0:
		return -1;
	case 1:
		return INT64_MAX;
	case 2:
		return INT64_MIN;
	default:
		return (int64_t)random_next();
	}
}

static const struct tag *random_tags(struct facts_room *room, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		room->tags[i].key = random_string(room, false);
		room->tags[i].value = random_string(room, false);
	}
	return n ? room->tags : NULL;
}

static void random_volume(struct volume_facts *f, struct facts_room *room)
{
	const char **strings[] = {
		&f->id, &f->name, &f->service_state, &f->type, &f->zone,
		&f->region, &f->encryption_key, &f->source_id,
		&f->source_name, &f->health_message, &f->details, &f->token
	};

	memset(f, 0, sizeof(*f));
	room->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		*strings[i] = random_string(room, true);
	f->size_bytes = below(2) ? UINT64_MAX : random_next();
	f->iops = random_number();
	f->throughput_bytes_per_s = random_number();
	f->created_at_s = random_number();
	f->state = below(VOLUME_STATES);
	f->access = below(ACCESS_READ_ONLY_MANY + 1);
	f->health = below(HEALTH_FAILED + 1);
	f->source = below(SOURCE_IMPORT + 1);
	f->encrypted = (int8_t)((int)below(3) - 1);
	f->managed = below(2);
	f->blank = below(2);
	f->n_attachments = below(LIST_MAX);
	for (uint32_t i = 0; i < f->n_attachments; i++) {
		room->attachments[i] = (struct attachment){
			.host = random_string(room, true),
			.device = random_string(room, true),
			.state = below(VOLUME_STATES),
			.here = below(2),
			.read_only = below(2),
			.since_s = random_number(),
		};
	}
	f->attachments = f->n_attachments ? room->attachments : NULL;
	f->n_tags = below(LIST_MAX);
	f->tags = random_tags(room, f->n_tags);
}

static void random_snapshot(struct snapshot_facts *f, struct facts_room *room)
{
	static const char *const words[] = { NULL, "frozen", "crash", "files" };

	memset(f, 0, sizeof(*f));
	room->n = 0;
	f->id = random_string(room, true);
	f->name = random_string(room, true);
	f->volume_id = random_string(room, true);
	f->description = random_string(room, true);
	f->token = random_string(room, true);
	f->service_state = random_string(room, true);
	f->size_bytes = random_next();
	f->created_at_s = random_number();
	f->state = below(SNAPSHOT_DELETING + 1);
	f->progress_percent = (int)below(102) - 1;
	f->encrypted = (int8_t)((int)below(3) - 1);
	f->managed = below(2);
	f->scheduled = below(2);
	f->consistency = words[below(4)];
	f->n_tags = below(LIST_MAX);
	f->tags = random_tags(room, f->n_tags);
}

/* ---- the codec ---- */

static void test_volume_round_trip(void **unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		AUTO(auto_buf) struct buf out = BUF_INIT(65536);
		AUTO(auto_free) void *scratch = NULL;
		struct err err = ERR_INIT;
		struct volume_facts f, back;
		struct facts_room room;

		random_volume(&f, &room);
		assert_int_equal(volume_facts_encode(&f, &out), 0);
		assert_int_equal(volume_facts_decode(out.data, out.len, &back,
						     &scratch, &err), 0);
		assert_true(volume_facts_equal(&f, &back));
		assert_int_equal(back.n_tags, f.n_tags);
		if (f.id)
			assert_string_equal(back.id, f.id);
	}
}

static void test_snapshot_round_trip(void **unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		AUTO(auto_buf) struct buf out = BUF_INIT(65536);
		AUTO(auto_free) void *scratch = NULL;
		struct err err = ERR_INIT;
		struct snapshot_facts f, back;
		struct facts_room room;

		random_snapshot(&f, &room);
		assert_int_equal(snapshot_facts_encode(&f, &out), 0);
		assert_int_equal(snapshot_facts_decode(out.data, out.len,
						       &back, &scratch, &err),
				 0);
		assert_true(snapshot_facts_equal(&f, &back));
	}
}

/* Cut short anywhere, or longer by a byte: refused, outputs untouched. */
static void test_decode_truncated(void **unused)
{
	for (int i = 0; i < 50; i++) {
		AUTO(auto_buf) struct buf out = BUF_INIT(65536);
		struct err err;
		struct volume_facts f, back;
		struct facts_room room;
		void *scratch = &room;

		random_volume(&f, &room);
		assert_int_equal(volume_facts_encode(&f, &out), 0);
		memset(&back, 0x5a, sizeof(back));
		for (size_t len = 0; len <= out.len + 1; len++) {
			/* Exactly as long, so that a sanitizer sees more. */
			AUTO(auto_free) char *cut = malloc(len + 1);

			if (len == out.len)
				continue;
			memcpy(cut, out.data,
			       len < out.len ? len : out.len);
			if (len > out.len)
				cut[len - 1] = '\0';
			err = (struct err)ERR_INIT;
			assert_int_equal(volume_facts_decode(cut, len, &back,
							     &scratch, &err),
					 -EPROTO);
			assert_int_equal(err.num, EPROTO);
			assert_true(err.text[0]);
			assert_ptr_equal(scratch, &room);
			assert_int_equal(((char *)&back)[0], 0x5a);
		}
	}
}

static void check_refused(const char *text, size_t len)
{
	struct volume_facts f;
	struct snapshot_facts s;
	struct err err = ERR_INIT;
	void *scratch = NULL;

	assert_int_equal(volume_facts_decode(text, len, &f, &scratch, &err),
			 -EPROTO);
	assert_int_equal(snapshot_facts_decode(text, len, &s, &scratch, &err),
			 -EPROTO);
	assert_null(scratch);
}

static void test_decode_garbage(void **unused)
{
	char noise[256];
	/* 4 billion tags in a text of thirty bytes. */
	static const char greedy[] =
		"\1aaaabaa\0" "0\0" "0\0" "0\0" "0\0" "0\0" "4294967295\0"
		"\0\0\0\0\0\0\0\0\0\0\0";

	check_refused("", 0);
	check_refused("\2", 1);
	check_refused("\1", 1);
	check_refused("{}", 2);
	check_refused(greedy, sizeof(greedy));
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = below(sizeof(noise));

		for (size_t n = 0; n < len; n++)
			noise[n] = (char)random_next();
		noise[0] = below(2) ? 1 : noise[0];
		check_refused(noise, len);
	}
}

static void test_encode_no_room(void **unused)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(8);
	struct volume_facts f = { .id = "vol-1" };

	assert_int_equal(volume_facts_encode(&f, &out), -E2BIG);
}

/* ---- records ---- */

static void plain_facts(struct volume_facts *f)
{
	*f = (struct volume_facts){
		.id = "vol-0123456789abcdef0", .name = "database-0001",
		.service_state = "available", .type = "gp3",
		.zone = "eu-west-1a", .region = "eu-west-1",
		.size_bytes = 1ULL << 34, .iops = 3000,
		.throughput_bytes_per_s = 125000000,
		.state = VOLUME_AVAILABLE, .encrypted = 1, .managed = true,
	};
}

static void test_volume_copies(void **unused)
{
	for (int i = 0; i < 200; i++) {
		struct volume_node *node = volume_node_new(7);
		struct volume_facts f;
		struct facts_room room;
		struct volume *v;

		random_volume(&f, &room);
		v = volume_new(node, "n%20ame", &f, NULL, NULL);
		assert_non_null(v);
		assert_true(volume_facts_equal(&f, &v->f));
		assert_string_equal(v->name, "n%20ame");
		volume_node_unref(node);
		assert_ptr_equal(volume_ref(v), v);
		volume_unref(v);
		assert_int_equal(v->node->serial, 7);
		volume_unref(v);
	}
}

static void test_volume_deep(void **unused)
{
	struct tag tag = { strdup("team"), strdup("web") };
	struct attachment at = { .host = strdup("i-7"), .device = NULL,
				 .state = VOLUME_ATTACHED };
	struct volume_facts f = { .id = strdup("v1"), .name = strdup("a b"),
				  .n_tags = 1, .tags = &tag,
				  .n_attachments = 1, .attachments = &at };
	char *name = strdup("a%20b");
	struct volume *v = volume_new(NULL, name, &f, NULL, NULL);

	assert_non_null(v);
	free((char *)(uintptr_t)tag.key);
	free((char *)(uintptr_t)tag.value);
	free((char *)(uintptr_t)at.host);
	free((char *)(uintptr_t)f.id);
	free((char *)(uintptr_t)f.name);
	free(name);
	assert_string_equal(v->name, "a%20b");
	assert_string_equal(v->f.name, "a b");
	assert_string_equal(v->f.id, "v1");
	assert_string_equal(v->f.tags[0].key, "team");
	assert_string_equal(v->f.tags[0].value, "web");
	assert_string_equal(v->f.attachments[0].host, "i-7");
	assert_null(v->f.attachments[0].device);
	volume_unref(v);
	volume_unref(NULL);
}

static void test_volume_size(void **unused)
{
	struct volume_facts f;
	struct volume *v;

	plain_facts(&f);
	v = volume_new(NULL, "database-0001", &f, NULL, NULL);
	assert_non_null(v);
	print_message("a plain volume takes %zu bytes, %zu of them fixed\n",
		      malloc_usable_size(v), sizeof(*v));
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(malloc_usable_size(v) <= 350);
#endif
	volume_unref(v);
}

static void test_facts_differ(void **unused)
{
	struct volume_facts a, b;
	struct tag tags[] = { { "k", "v" } }, other[] = { { "k", "w" } };

	plain_facts(&a);
	b = a;
	assert_true(volume_facts_equal(&a, &b));
	b.type = NULL;
	assert_false(volume_facts_equal(&a, &b));
	b = a;
	b.iops++;
	assert_false(volume_facts_equal(&a, &b));
	b = a;
	a.n_tags = b.n_tags = 1;
	a.tags = tags;
	b.tags = other;
	assert_false(volume_facts_equal(&a, &b));
	b.tags = tags;
	assert_true(volume_facts_equal(&a, &b));
	b.n_tags = 0;
	assert_false(volume_facts_equal(&a, &b));
}

static void test_snapshot_record(void **unused)
{
	_Atomic uint64_t *given = given_new();
	struct tag tag = { "k", "" };
	char word[] = "frozen";
	struct snapshot_facts f = { .id = "snap-1", .name = "nightly",
				    .consistency = word, .n_tags = 1,
				    .tags = &tag };
	struct snapshot *s = snapshot_new(3, given, 7, "nightly", &f);

	assert_non_null(s);
	assert_true(snapshot_facts_equal(&s->f, &f));
	memset(word, 'x', 6);
	assert_string_equal(s->f.consistency, "frozen");
	assert_string_equal(s->name, "nightly");
	assert_ptr_equal(s->given, given);
	assert_int_equal(s->serial, 3);
	assert_int_equal(s->volume_serial, 7);
	s->fault = calloc(1, sizeof(*s->fault));
	s->fault->verb = strdup("snapshot");
	s->job = calloc(1, sizeof(*s->job));
	s->job->refs = 1;
	assert_ptr_equal(snapshot_ref(s), s);
	snapshot_unref(s);
	snapshot_unref(s);
	snapshot_unref(NULL);

	f.name = NULL;
	s = snapshot_new(4, given, 0, "snap-1", &f);
	assert_string_equal(s->name, "snap-1");
	snapshot_unref(s);
	given_unref(given);
}

/* ---- what the tree says ---- */

static enum volume_state effective(const struct volume_facts *f,
				   struct volume_local *l, bool *attached)
{
	struct volume *v = volume_new(NULL, "v", f, l, NULL);
	enum volume_state s = volume_effective_state(v);

	*attached = volume_is_attached(v);
	volume_unref(v);
	return s;
}

static void test_effective_state(void **unused)
{
	static const struct {
		enum volume_state facts, here, there;
		bool local, gone, failed;
		enum volume_state want;
		bool attached;
	} rows[] = {
		{ VOLUME_AVAILABLE, .want = VOLUME_AVAILABLE },
		{ VOLUME_UNKNOWN, .want = VOLUME_UNKNOWN },
		{ VOLUME_AVAILABLE, .local = true, .want = VOLUME_ATTACHED,
		  .attached = true },
		{ VOLUME_IN_USE, .here = VOLUME_ATTACHED,
		  .want = VOLUME_ATTACHED, .attached = true },
		{ VOLUME_IN_USE, .here = VOLUME_ATTACHING,
		  .want = VOLUME_ATTACHING },
		{ VOLUME_IN_USE, .here = VOLUME_DETACHING,
		  .there = VOLUME_ATTACHED, .want = VOLUME_DETACHING },
		{ VOLUME_ATTACHED, .there = VOLUME_ATTACHED,
		  .want = VOLUME_IN_USE },
		{ VOLUME_AVAILABLE, .there = VOLUME_ATTACHED,
		  .here = VOLUME_ATTACHED, .want = VOLUME_ATTACHED,
		  .attached = true },
		{ VOLUME_CREATING, .want = VOLUME_CREATING },
		{ VOLUME_DELETING, .there = VOLUME_ATTACHED,
		  .want = VOLUME_DELETING },
		{ VOLUME_ERROR, .local = true, .want = VOLUME_ERROR,
		  .attached = true },
		{ VOLUME_ATTACHING, .want = VOLUME_ATTACHING },
		{ VOLUME_DETACHING, .local = true, .want = VOLUME_DETACHING,
		  .attached = true },
		{ VOLUME_AVAILABLE, .failed = true, .want = VOLUME_ERROR },
		{ VOLUME_CREATING, .gone = true, .failed = true,
		  .want = VOLUME_LOST },
		{ VOLUME_AVAILABLE, .gone = true, .local = true,
		  .want = VOLUME_LOST, .attached = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attachment at[2] = { { 0 } };
		struct volume_facts f = { .id = "v", .state = rows[i].facts,
					  .attachments = at };
		struct volume_local *l = local_new();
		bool attached;

		if (rows[i].there)
			at[f.n_attachments++] = (struct attachment){
				.host = "b", .state = rows[i].there };
		if (rows[i].here)
			at[f.n_attachments++] = (struct attachment){
				.host = "a", .state = rows[i].here,
				.here = true };
		l->attached = rows[i].local;
		l->gone = rows[i].gone;
		l->failed = rows[i].failed;
		assert_string_equal(volume_state_name(effective(&f, l,
								&attached)),
				    volume_state_name(rows[i].want));
		assert_int_equal(attached, rows[i].attached);
		local_unref(l);
	}
}

static bool protected_with(bool blank, bool ever_attached, int8_t protect)
{
	struct volume_facts f = { .id = "v", .blank = blank };
	struct volume_local *l = local_new();
	struct volume *v;
	bool yes;

	l->ever_attached = ever_attached;
	l->protect = protect;
	v = volume_new(NULL, "v", &f, l, NULL);
	yes = volume_is_protected(v);
	volume_unref(v);
	local_unref(l);
	return yes;
}

static void test_protected(void **unused)
{
	struct volume_facts f = { .id = "v" };
	struct volume *v = volume_new(NULL, "v", &f, NULL, NULL);

	assert_true(volume_is_protected(v));
	assert_false(volume_is_mounted(v));
	assert_false(volume_is_attached(v));
	volume_unref(v);
	f.blank = true;
	v = volume_new(NULL, "v", &f, NULL, NULL);
	assert_false(volume_is_protected(v));
	volume_unref(v);
	assert_false(protected_with(true, false, -1));
	assert_true(protected_with(true, true, -1));
	assert_true(protected_with(false, false, -1));
	assert_true(protected_with(true, false, 1));
	assert_false(protected_with(false, true, 0));
}

static void test_names(void **unused)
{
	assert_string_equal(volume_state_name(VOLUME_IN_USE), "in-use");
	assert_string_equal(volume_state_name(99), "unknown");
	assert_string_equal(volume_kind_name(KIND_DIRECTORY), "directory");
	assert_string_equal(volume_access_name(ACCESS_READ_ONLY_MANY),
			    "read-only-many");
	assert_string_equal(volume_health_name(HEALTH_DEGRADED), "degraded");
	assert_string_equal(snapshot_state_name(SNAPSHOT_DELETING),
			    "deleting");
	for (int s = 0; s < VOLUME_STATES; s++)
		assert_non_null(volume_state_name(s));
}

/* ---- what this host keeps ---- */

static struct volume_local *local_full(void)
{
	struct volume_local *l = local_new();

	l->owner_uid = 1000;
	l->owner_gid = 0;
	l->owner_mode = 02775;
	l->protect = 0;
	l->formatted = l->formatting = l->imported = l->ever_attached = true;
	l->auto_mount = l->attached = l->attached_by_mount = true;
	l->attached_read_only = true;
	l->attached_at_s = 1763700000;
	l->attach_json = strdup("{\"path\":\"/a \\\"b\\\"\"}");
	l->device = strdup("/dev/loop3");
	l->device_serial = strdup("\x7f\xff\x01 odd");
	l->device_devno = UINT64_MAX >> 1;
	l->mounted = l->mount_read_only = true;
	l->fstype = strdup("ext4");
	l->options = strdup("");
	l->subpath = strdup("/data");
	l->data_uid = UINT32_MAX - 1;
	l->data_gid = 5;
	l->data_mode = 0700;
	l->n_users = 2;
	l->users = calloc(2, sizeof(*l->users));
	l->users[0].name = strdup("docker:3fa9");
	l->users[0].since_s = 5;
	l->users[1].name = strdup("m\nü");
	l->users[1].read_only = true;
	l->grow_pending = l->usage_known = l->went_read_only = true;
	memcpy(l->usage_scope, "volume", 7);
	l->total_bytes = INT64_MAX;
	l->used_bytes = 2;
	l->available_bytes = 3;
	l->total_inodes = 4;
	l->used_inodes = 5;
	l->usage_at_s = 6;
	l->failed = l->gone = l->orphaned_name = true;
	l->last_used_at_s = 7;
	l->fault.at_s = 8;
	l->fault.job = 9;
	l->fault.verb = strdup("attach");
	err_set(&l->fault.err, EBUSY, "attach 'db': %s", "held");
	err_set_code(&l->fault.err, "VolumeInUse", "req-1");
	return l;
}

static void check_string(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void check_local(const struct volume_local *a,
			const struct volume_local *b)
{
	AUTO(auto_buf) struct buf x = BUF_INIT(65536);
	AUTO(auto_buf) struct buf y = BUF_INIT(65536);

	assert_int_equal(local_encode(a, &x), 0);
	assert_int_equal(local_encode(b, &y), 0);
	assert_string_equal(buf_str(&x), buf_str(&y));
	check_string(a->attach_json, b->attach_json);
	check_string(a->device_serial, b->device_serial);
	check_string(a->options, b->options);
	assert_int_equal(a->n_users, b->n_users);
	for (size_t i = 0; i < a->n_users; i++) {
		check_string(a->users[i].name, b->users[i].name);
		assert_int_equal(a->users[i].since_s, b->users[i].since_s);
		assert_int_equal(a->users[i].read_only, b->users[i].read_only);
	}
	assert_int_equal(a->owner_uid, b->owner_uid);
	assert_int_equal(a->data_uid, b->data_uid);
	assert_int_equal(a->data_mode, b->data_mode);
	assert_int_equal(a->protect, b->protect);
	assert_int_equal(a->total_bytes, b->total_bytes);
	assert_int_equal(a->device_devno, b->device_devno);
	assert_string_equal(a->usage_scope, b->usage_scope);
	assert_int_equal(a->fault.err.num, b->fault.err.num);
	assert_string_equal(a->fault.err.text, b->fault.err.text);
	assert_string_equal(a->fault.err.code, b->fault.err.code);
	assert_string_equal(a->fault.err.request, b->fault.err.request);
	check_string(a->fault.verb, b->fault.verb);
}

static void test_local_round_trip(void **unused)
{
	struct volume_local *all[] = { local_new(), local_full() };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO(auto_buf) struct buf out = BUF_INIT(65536);
		struct volume_local *back = NULL, *copy;
		struct err err = ERR_INIT;

		assert_int_equal(local_encode(all[i], &out), 0);
		assert_int_equal(local_decode(out.data, out.len, &back, &err),
				 0);
		check_local(all[i], back);
		copy = local_copy(back);
		local_unref(back);
		check_local(all[i], copy);
		assert_ptr_equal(local_ref(copy), copy);
		local_unref(copy);
		local_unref(copy);
		local_unref(all[i]);
	}
}

static void test_local_defaults(void **unused)
{
	AUTO(auto_buf) struct buf out = BUF_INIT(4096);
	struct volume_local *l = local_copy(NULL);

	assert_int_equal(l->owner_uid, (uid_t)-1);
	assert_int_equal(l->owner_mode, (mode_t)-1);
	assert_int_equal(l->data_gid, (gid_t)-1);
	assert_int_equal(l->protect, -1);
	assert_int_equal(local_encode(l, &out), 0);
	assert_string_equal(buf_str(&out), "{}");
	local_unref(l);
	local_unref(NULL);
}

static void test_local_refused(void **unused)
{
	static const char *const texts[] = {
		"", "null", "[]", "{", "{} x", "{\"protect\":7}",
		"{\"owner_uid\":-1}", "{\"owner_uid\":4294967296}",
		"{\"attached\":1}", "{\"device\":5}", "{\"device\":null}",
		"{\"device\":\"a\\u0000b\"}", "{\"users\":{}}",
		"{\"users\":[1]}", "{\"users\":[{\"name\":\"a\"}]}",
		"{\"total_bytes\":-1}", "{\"total_bytes\":1.5}",
		"{\"usage_scope\":\"far too long\"}", "{\"fault\":[]}",
		"{\"fault\":{\"at_s\":\"x\"}}", "{\"mounted\":\"true\"}",
		"{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
		/* The second user is bad: the first must not leak. */
		"{\"users\":[{\"name\":\"a\",\"since_s\":1,\"read_only\":true},{}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct volume_local *l = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(local_decode(texts[i], strlen(texts[i]), &l,
					      &err), -EPROTO);
		assert_null(l);
		assert_true(err.text[0]);
	}
}

/* A record of a later version: what is not known is passed over. */
static void test_local_unknown_key(void **unused)
{
	static const char text[] = "{\"mounted\":true,\"later\":{\"a\":[1]}}";
	struct volume_local *l = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(local_decode(text, strlen(text), &l, &err), 0);
	assert_true(l->mounted);
	local_unref(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume_round_trip),
		cmocka_unit_test(test_snapshot_round_trip),
		cmocka_unit_test(test_decode_truncated),
		cmocka_unit_test(test_decode_garbage),
		cmocka_unit_test(test_encode_no_room),
		cmocka_unit_test(test_volume_copies),
		cmocka_unit_test(test_volume_deep),
		cmocka_unit_test(test_volume_size),
		cmocka_unit_test(test_facts_differ),
		cmocka_unit_test(test_snapshot_record),
		cmocka_unit_test(test_effective_state),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_local_round_trip),
		cmocka_unit_test(test_local_defaults),
		cmocka_unit_test(test_local_refused),
		cmocka_unit_test(test_local_unknown_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
