/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: the life of a volume without its snapshots. */
#include "conformance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"

static void auto_found(struct found *f)
{
	found_done(f);
}

static struct volume_spec spec(const char *name, uint64_t size)
{
	return (struct volume_spec){ .name = name, .size_bytes = size,
				     .iops = -1, .throughput_bytes_per_s = -1,
				     .encrypted = -1, .blank = true };
}

static bool vtable(struct suite *t)
{
	const struct provider *p = t->p;

	NEED(p->name && p->title && p->options, "name, title or options");
	NEED(p->session_size >= sizeof(struct session), "session_size");
	NEED(p->open && p->close && p->list && p->create && p->remove &&
	     p->attach && p->detach, "a required operation is missing");
	NEED(!p->modify == !p->changes, "modify and changes go together");
	NEED(!p->snapshot_remove == !p->snapshot,
	     "snapshot and snapshot_remove go together");
	NEED(!p->set_tags || p->notions & NOTION_TAGS,
	     "set_tags without NOTION_TAGS");
	NEED(p->snapshot || (!p->restore && !p->create_from_snapshot),
	     "restore or create_from_snapshot without snapshot");
	return true;
}

/* A value that no option of its type takes; NULL where all texts do. */
static const char *bad_value(const struct opt_spec *o)
{
	switch (o->type) {
	case OPT_PATH:
		return "not/absolute";
	case OPT_CHOICE: case OPT_BOOL: case OPT_U64: case OPT_SIZE:
	case OPT_DURATION: case OPT_MODE:
		return "no-such-word";
	case OPT_MAP:
		return "no equals sign";
	default:
		return NULL;
	}
}

static bool bad_options(struct suite *t)
{
	const struct opt_spec *o;

	for (o = t->p->options; o->key; o++) {
		struct opt_value v = { o, (char *)bad_value(o),
				       (char *)"the test" };
		struct opt_values given = { &v, 1 };
		struct err err = ERR_INIT;
		void *target;
		int r;

		NEED(o->help && strlen(o->help) > 10, "'%s' has no help",
		     o->key);
		if (!v.text)
			continue;
		target = calloc(1, t->p->session_size);
		NEED(target, "no memory");
		r = options_apply(t->p->options, &given, target, &err);
		free(target);
		if (!refused(r, &err, EINVAL, o->key))
			return false;
	}
	return true;
}

static bool bounds_sane(struct suite *t)
{
	struct bounds b;

	if (!t->p->bounds)
		SKIP(t, "no bounds");
	memset(&b, 0xff, sizeof(b));
	t->p->bounds(t->s, &b);
	NEED(!b.size_max_bytes || b.size_min_bytes <= b.size_max_bytes,
	     "the least size is above the largest");
	NEED(b.size_step_bytes < (1ULL << 50), "the step was not set");
	NEED(b.available_bytes <= b.total_bytes, "more available than total");
	NEED(b.quota_volumes >= -1 && b.quota_bytes >= -1, "quotas");
	return true;
}

static bool whoami_fills(struct suite *t)
{
	struct call c = call_make(t, NULL);
	struct instance i = { .attach_limit = -1 };
	struct err err = ERR_INIT;
	int r;

	if (!t->p->whoami)
		SKIP(t, "no whoami");
	r = t->p->whoami(t->s, &c, &i, &err);
	NEED_OK(r, &err, "whoami");
	NEED(i.id[0], "no id");
	NEED(i.attach_limit >= -1, "attach limit %d", i.attach_limit);
	return true;
}

static bool facts_sane(struct suite *t, const struct volume_facts *f,
		       const char *name, uint64_t size)
{
	uint32_t i;

	NEED(f->id && *f->id, "no id");
	NEED(f->name && !strcmp(f->name, name), "the name is '%s', not '%s'",
	     f->name ? f->name : "(none)", name);
	NEED(f->size_bytes >= size, "%llu bytes asked for, %llu given",
	     (unsigned long long)size, (unsigned long long)f->size_bytes);
	NEED(f->state == VOLUME_AVAILABLE, "state %s",
	     volume_state_name(f->state));
	NEED(f->service_state && *f->service_state, "no service_state");
	NEED(f->health != HEALTH_FAILED, "health failed");
	NEED(f->managed, "not marked as managed");
	NEED(f->created_at_s >= 0, "created at %lld",
	     (long long)f->created_at_s);
	NEED(!(t->p->notions & NOTION_IOPS) ? f->iops == -1 : true,
	     "iops without the notion");
	NEED(!(t->p->notions & NOTION_ENCRYPTED) ? f->encrypted == -1 : true,
	     "encrypted without the notion");
	for (i = 0; i < f->n_tags; i++) {
		NEED(strncmp(f->tags[i].key, "volfs", 5) != 0 ||
		     (f->tags[i].key[5] && f->tags[i].key[5] != '.'),
		     "our mark '%s' among the tags", f->tags[i].key);
		NEED(!i || strcmp(f->tags[i - 1].key, f->tags[i].key) < 0,
		     "the tags are not sorted");
	}
	return true;
}

static bool create_list_get(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found all = { 0 };
	uint64_t size = small_size(t);
	char name[64];
	const struct volume_facts *f;

	if (!make_volume(t, fresh_name(t, name), size, &v))
		return false;
	f = &v.v[0]->f;
	if (!facts_sane(t, f, name, size) || !listed(t, f->id, true))
		return false;
	if (t->p->set_marks)
		NEED(f->blank, "not marked as blank");
	if (!list_all(t, &all))
		return false;
	NEED(found_volume(&all, f->id), "not listed");
	NEED(volume_facts_equal(found_volume(&all, f->id), f),
	     "get and list differ");
	return drop_volume(t, f);
}

static bool create_token_repeated(struct suite *t)
{
	AUTO(auto_found) struct found first = { 0 };
	AUTO(auto_found) struct found second = { 0 };
	AUTO(auto_found) struct found all = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	char name[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = spec(fresh_name(t, name), small_size(t));
	struct err err = ERR_INIT;
	size_t i, n = 0;
	int r;

	found_init(&first);
	found_init(&second);
	r = t->p->create(t->s, &c, &want, &first.sink, &err);
	NEED_OK(r, &err, "create");
	r = t->p->create(t->s, &c, &want, &second.sink, &err);
	NEED_OK(r, &err, "the same create again");
	NEED(first.n_volumes == 1 && second.n_volumes == 1,
	     "%zu and %zu volumes", first.n_volumes, second.n_volumes);
	NEED(!strcmp(first.v[0]->f.id, second.v[0]->f.id),
	     "two volumes: '%s' and '%s'", first.v[0]->f.id,
	     second.v[0]->f.id);
	if (!settle_volume(t, first.v[0]->f.id, &rest) ||
	    !listed(t, first.v[0]->f.id, true) || !list_all(t, &all))
		return false;
	for (i = 0; i < all.n_volumes; i++)
		n += all.v[i]->f.name && !strcmp(all.v[i]->f.name, name);
	NEED(n == 1, "%zu volumes of the name are listed", n);
	return drop_volume(t, &first.v[0]->f);
}

/* Either names are unique, or they are not: but always the same. */
static bool create_name_taken(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	char name[64], token[64];
	struct volume_spec want = spec(fresh_name(t, name), small_size(t));
	int i, results[2];

	if (!make_volume(t, name, want.size_bytes, &v))
		return false;
	for (i = 0; i < 2; i++) {
		AUTO(auto_found) struct found other = { 0 };
		AUTO(auto_found) struct found rest = { 0 };
		struct call c = call_make(t, fresh_token(t, token));
		struct err err = ERR_INIT;

		found_init(&other);
		results[i] = t->p->create(t->s, &c, &want, &other.sink, &err);
		if (results[i] < 0) {
			if (!refused(results[i], &err, EEXIST, "a taken name"))
				return false;
			NEED(!other.n_volumes, "refused, and given");
			continue;
		}
		NEED(other.n_volumes == 1 &&
		     strcmp(other.v[0]->f.id, v.v[0]->f.id) != 0,
		     "another token, and the same volume");
		if (!settle_volume(t, other.v[0]->f.id, &rest) ||
		    !drop_volume(t, &other.v[0]->f))
			return false;
	}
	NEED(results[0] == results[1], "once %d, then %d", results[0],
	     results[1]);
	return drop_volume(t, &v.v[0]->f);
}

static bool sizes_round(struct suite *t)
{
	uint64_t least = small_size(t), size;
	struct bounds b = { 0 };
	int i;

	if (t->p->unsized)
		SKIP(t, "no sizes");
	if (t->p->bounds)
		t->p->bounds(t->s, &b);
	if (b.no_size)
		SKIP(t, "volumes have no size");
	for (i = 0; i < 2; i++) {
		AUTO(auto_found) struct found v = { 0 };
		char name[64];

		size = i ? least + 1 : least;
		if (b.size_step_bytes <= 1 || !i)
			size = least;
		if (!make_volume(t, fresh_name(t, name), size, &v))
			return false;
		NEED(v.v[0]->f.size_bytes >= size, "%llu became %llu",
		     (unsigned long long)size,
		     (unsigned long long)v.v[0]->f.size_bytes);
		NEED(b.size_step_bytes <= 1 ||
		     v.v[0]->f.size_bytes % b.size_step_bytes == 0,
		     "%llu is not a multiple of the step",
		     (unsigned long long)v.v[0]->f.size_bytes);
		if (!drop_volume(t, &v.v[0]->f))
			return false;
	}
	return true;
}

/*
 * Names
 */

/* 'x' between the last two single quotes of the sentence, unescaped. */
static bool suggestion(const struct err *err, char *out, size_t room)
{
	const char *end = strrchr(err->text, '\''), *begin = end;
	char escaped[NAME_BYTES_MAX + 1];

	while (begin && begin > err->text && begin[-1] != '\'')
		begin--;
	NEED(end && begin > err->text && end > begin &&
	     (size_t)(end - begin) < sizeof(escaped),
	     "no name is suggested: %s", err->text);
	snprintf(escaped, sizeof(escaped), "%.*s", (int)(end - begin), begin);
	NEED(name_unescape(escaped, out, room, NULL) >= 0,
	     "'%s' is no escaped name", escaped);
	return true;
}

static bool name_works(struct suite *t, const char *name)
{
	AUTO(auto_found) struct found v = { 0 };

	if (!make_volume(t, name, small_size(t), &v))
		return false;
	NEED(v.v[0]->f.name && !strcmp(v.v[0]->f.name, name),
	     "another name came back");
	return drop_volume(t, &v.v[0]->f);
}

static bool name_try(struct suite *t, const char *name)
{
	AUTO(auto_found) struct found v = { 0 };
	struct err err = ERR_INIT, second = ERR_INIT;
	char legal[512];
	char token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = spec(name, small_size(t));
	int r = t->p->check_name ? t->p->check_name(t->s, name, &err) : 0;

	if (r == 0)
		return name_works(t, name);
	if (!refused(r, &err, EINVAL, "an illegal name") ||
	    !suggestion(&err, legal, sizeof(legal)))
		return false;
	NEED(t->p->check_name(t->s, legal, &second) == 0,
	     "the suggested '%s' is refused: %s", legal, second.text);
	found_init(&v);
	r = t->p->create(t->s, &c, &want, &v.sink, &err);
	return refused(r, &err, EINVAL, "a create of an illegal name") &&
	       name_works(t, legal);
}

static bool names_odd(struct suite *t)
{
	static const char *const names[] = {
		"a", "A-b_c.9", ".", "..", ".hidden", "-rf", "two words",
		"a/b", "new\nline", "tab\t", "%41", "100%", "a@b", "a=b",
		"\xc3\xa9t\xc3\xa9", "\xff\xfe", "UPPER", "0", "a'b", "a\"b",
		"trailing ", " leading", "CON", "x.new", "meta.json",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		NEED(name_try(t, names[i]), "name %zu, '%s'", i, names[i]);
	return true;
}

static bool names_all_bytes(struct suite *t)
{
	char name[130];
	int i, n = 0;

	for (i = 1; i < 256; i++) {
		name[n++] = (char)i;
		if (n < 60 && i < 255)
			continue;
		name[n] = '\0';
		NEED(name_try(t, name), "bytes up to %d", i);
		n = 0;
	}
	return true;
}

static bool names_long(struct suite *t)
{
	static const size_t lengths[] = { 0, 1, 31, 32, 63, 64, 128, 200, 255,
					  256, 300, 1000, 4096 };
	AUTO(auto_free) char *name = malloc(4097);
	size_t i;

	NEED(name, "no memory");
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		/* What nobody can check beforehand need not be legal. */
		if (!t->p->check_name && (!lengths[i] || lengths[i] > 63))
			continue;
		memset(name, 'n', lengths[i]);
		name[lengths[i]] = '\0';
		NEED(name_try(t, name), "%zu bytes", lengths[i]);
	}
	return true;
}

/*
 * Attach
 */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool attach_equal(const struct attach_result *a,
			 const struct attach_result *b)
{
	return a->kind == b->kind && a->read_only == b->read_only &&
	       same_text(a->device.serial, b->device.serial) &&
	       same_text(a->device.wwn, b->device.wwn) &&
	       same_text(a->device.by_id, b->device.by_id) &&
	       same_text(a->device.path, b->device.path) &&
	       same_text(a->device.image, b->device.image) &&
	       a->device.backing_dev == b->device.backing_dev &&
	       a->device.backing_ino == b->device.backing_ino &&
	       same_text(a->fstype, b->fstype) &&
	       same_text(a->source, b->source) &&
	       same_text(a->options, b->options) &&
	       same_text(a->directory, b->directory);
}

static bool attach_complete(const struct attach_result *a)
{
	const struct device_identity *d = &a->device;

	if (a->kind == KIND_BLOCK)
		NEED(d->serial || d->wwn || d->by_id || d->path || d->image ||
		     d->backing_ino, "a device without an identity");
	if (a->kind == KIND_SHARE)
		NEED(a->fstype && a->source, "a share without type or source");
	if (a->kind == KIND_DIRECTORY)
		NEED(a->directory && a->directory[0] == '/',
		     "a directory without a path");
	return true;
}

static bool attach_stored(const struct attach_result *a)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(65536);
	struct attach_result back = { 0 };
	struct err err = ERR_INIT;
	bool same;

	NEED(attach_encode(a, &text) == 0, "attach_encode");
	NEED(attach_decode(buf_str(&text), &back, &err) == 0,
	     "attach_decode: %s", err.text);
	same = attach_equal(a, &back);
	attach_done(&back);
	NEED(same, "not the same from the store: %s", buf_str(&text));
	return true;
}

static bool attach_detach(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found now = { 0 };
	struct attach_result a = { 0 }, b = { 0 };
	struct err err = ERR_INIT;
	char name[64], token[64];
	struct call c;
	const struct volume_facts *f;
	bool ok;
	int i, r;

	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	f = &v.v[0]->f;
	c = call_make(t, fresh_token(t, token));
	for (i = 0; i < 3; i++) {
		r = t->p->attach(t->s, &c, f, false, &a, &err);
		NEED_OK(r, &err, "attach");
		r = t->p->attach(t->s, &c, f, false, &b, &err);
		NEED_OK(r, &err, "attach of an attached");
		ok = attach_complete(&a) && attach_stored(&a);
		if (ok && !attach_equal(&a, &b)) {
			diag(__FILE__, __LINE__, "two attaches differ");
			ok = false;
		}
		attach_done(&a);
		attach_done(&b);
		if (!ok || !settle_volume(t, f->id, &now))
			return false;
		found_done(&now);
		r = t->p->detach(t->s, &c, f, i == 2, &err);
		NEED_OK(r, &err, "detach");
		if (!settle_volume(t, f->id, &now))
			return false;
		NEED(found_volume(&now, f->id)->state == VOLUME_AVAILABLE,
		     "not available after its detach");
		found_done(&now);
		r = t->p->detach(t->s, &c, f, false, &err);
		NEED_OK(r, &err, "detach of a detached");
	}
	return drop_volume(t, f);
}

static bool content_kept(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	char name[64];

	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	return content_write(t, &v.v[0]->f, 0x5a) &&
	       content_is(t, &v.v[0]->f, 0x5a) && drop_volume(t, &v.v[0]->f);
}

/*
 * Changes
 */

static int resize(struct suite *t, const struct volume_facts *v,
		  uint64_t size, struct found *out, struct err *err)
{
	struct volume_change want = { .fields = FIELD_SIZE, .size_bytes = size,
				      .iops = -1,
				      .throughput_bytes_per_s = -1 };
	char token[64];
	struct call c = call_make(t, fresh_token(t, token));

	found_init(out);
	return t->p->modify(t->s, &c, v, &want, &out->sink, err);
}

static bool grow_not_shrink(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found now = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	struct err err = ERR_INIT;
	uint64_t size = small_size(t);
	const struct volume_facts *f;
	char name[64];
	int r, i;

	if (!(t->p->changes & FIELD_SIZE) || !size)
		SKIP(t, "sizes do not change");
	if (!make_volume(t, fresh_name(t, name), size, &v))
		return false;
	f = &v.v[0]->f;
	if (!content_write(t, f, 0x31))
		return false;
	for (i = 0; i < 2; i++) { /* the second finds it so */
		found_done(&now);
		found_done(&rest);
		r = resize(t, f, 2 * size, &now, &err);
		NEED_OK(r, &err, "grow");
		NEED(now.n_volumes == 1, "the sink got %zu", now.n_volumes);
		if (!settle_volume(t, f->id, &rest))
			return false;
		NEED(found_volume(&rest, f->id)->size_bytes >= 2 * size,
		     "grew to %llu", (unsigned long long)
		     found_volume(&rest, f->id)->size_bytes);
	}
	if (!content_is(t, f, 0x31))
		return false;
	found_done(&now);
	r = resize(t, found_volume(&rest, f->id), size, &now, &err);
	if (!refused(r, &err, EINVAL, "shrinking"))
		return false;
	NEED(!now.n_volumes, "refused, and given");
	return drop_volume(t, f);
}

static bool tags_are(struct suite *t, const char *id, const struct tag *tags,
		     uint32_t n)
{
	AUTO(auto_found) struct found now = { 0 };
	const struct volume_facts *f;
	uint32_t i;

	if (!settle_volume(t, id, &now))
		return false;
	f = found_volume(&now, id);
	NEED(f->n_tags == n, "%u tags, not %u", f->n_tags, n);
	for (i = 0; i < n; i++)
		NEED(!strcmp(f->tags[i].key, tags[i].key) &&
		     !strcmp(f->tags[i].value, tags[i].value),
		     "tag %u is %s=%s", i, f->tags[i].key, f->tags[i].value);
	return true;
}

static bool tags_set(struct suite *t)
{
	static const struct tag some[] = { { "b", "2" }, { "a", "1" } },
				sorted[] = { { "a", "1" }, { "b", "2" } },
				other[] = { { "a", "" },
					    { "owner", "the web team" } },
				bytes[] = { { "k\xff", "\xfe \x80" } };
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	char name[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = spec(fresh_name(t, name), small_size(t));
	struct err err = ERR_INIT;
	const char *id;
	int r;

	if (!(t->p->notions & NOTION_TAGS))
		SKIP(t, "no tags");
	want.tags = some;
	want.n_tags = 2;
	found_init(&v);
	r = t->p->create(t->s, &c, &want, &v.sink, &err);
	NEED_OK(r, &err, "create with tags");
	id = v.v[0]->f.id;
	if (!settle_volume(t, id, &rest) || !tags_are(t, id, sorted, 2))
		return false;
	if (t->p->set_tags) {
		c = call_make(t, fresh_token(t, token));
		r = t->p->set_tags(t->s, &c, &v.v[0]->f, other, 2, &err);
		NEED_OK(r, &err, "set_tags");
		if (!tags_are(t, id, other, 2))
			return false;
		/* Any bytes, or a refusal: nothing may be lost by them. */
		r = t->p->set_tags(t->s, &c, &v.v[0]->f, bytes, 1, &err);
		if (r < 0)
			NEED(refused(r, &err, EINVAL, "tags of any bytes"),
			     "tags of any bytes");
		if (!tags_are(t, id, r < 0 ? other : bytes, r < 0 ? 2 : 1))
			return false;
		r = t->p->set_tags(t->s, &c, &v.v[0]->f, NULL, 0, &err);
		NEED_OK(r, &err, "set_tags to none");
		if (!tags_are(t, id, NULL, 0))
			return false;
	}
	return drop_volume(t, &v.v[0]->f);
}

static bool marks_set(struct suite *t)
{
	static const bool marks[][2] = { { true, false }, { true, true },
					 { false, false }, { false, false },
					 { true, false } };
	AUTO(auto_found) struct found v = { 0 };
	char name[64];
	size_t i;

	if (!t->p->set_marks)
		SKIP(t, "no marks");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	for (i = 0; i < ARRAY_SIZE(marks); i++) {
		AUTO(auto_found) struct found now = { 0 };
		struct call c = call_make(t, NULL);
		struct err err = ERR_INIT;
		const struct volume_facts *f;
		int r = t->p->set_marks(t->s, &c, &v.v[0]->f, marks[i][0],
					marks[i][1], &err);

		NEED_OK(r, &err, "set_marks");
		if (!settle_volume(t, v.v[0]->f.id, &now))
			return false;
		f = found_volume(&now, v.v[0]->f.id);
		NEED(f->managed == marks[i][0] && f->blank == marks[i][1],
		     "set to %d %d, and is %d %d", marks[i][0], marks[i][1],
		     f->managed, f->blank);
	}
	return drop_volume(t, &v.v[0]->f);
}

static bool renamed(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found other = { 0 };
	AUTO(auto_found) struct found now = { 0 };
	char name[64], taken[64], to[64];
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	const char *id;
	int i, r;

	if (!t->p->rename)
		SKIP(t, "no rename");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !make_volume(t, fresh_name(t, taken), small_size(t), &other))
		return false;
	id = v.v[0]->f.id;
	fresh_name(t, to);
	for (i = 0; i < 2; i++) {
		r = t->p->rename(t->s, &c, &v.v[0]->f, to, &err);
		NEED_OK(r, &err, i ? "rename to what it is" : "rename");
		if (!settle_volume(t, id, &now))
			return false;
		NEED(!strcmp(found_volume(&now, id)->name, to),
		     "it is called '%s'", found_volume(&now, id)->name);
		found_done(&now);
	}
	r = t->p->rename(t->s, &c, &v.v[0]->f, taken, &err);
	if (r < 0 && !refused(r, &err, EEXIST, "rename to a taken name"))
		return false;
	if (!content_write(t, &v.v[0]->f, 0x11)) /* found by its id */
		return false;
	return drop_volume(t, &v.v[0]->f) && drop_volume(t, &other.v[0]->f);
}

static bool imported(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found again = { 0 };
	struct err err = ERR_INIT;
	char name[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	int r;

	if (!t->p->import)
		SKIP(t, "no import");
	found_init(&v);
	found_init(&again);
	r = t->p->import(t->s, &c, "no-such-thing", fresh_name(t, name),
			 &v.sink, &err);
	if (r != -EINVAL && !refused(r, &err, ENOENT, "import of nothing"))
		return false;
	NEED(!v.n_volumes, "nothing was imported, and given");
	if (!t->import_id)
		SKIP(t, "nothing to import (--import=ID)");
	c = call_make(t, fresh_token(t, token));
	r = t->p->import(t->s, &c, t->import_id, name, &v.sink, &err);
	NEED_OK(r, &err, "import");
	r = t->p->import(t->s, &c, t->import_id, name, &again.sink, &err);
	NEED_OK(r, &err, "the same import again");
	NEED(v.n_volumes == 1 && again.n_volumes == 1 &&
	     !strcmp(v.v[0]->f.id, again.v[0]->f.id), "two volumes");
	NEED(v.v[0]->f.managed && !v.v[0]->f.blank, "marks of an import");
	return listed(t, v.v[0]->f.id, true) && drop_volume(t, &v.v[0]->f);
}

static bool reopened(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found now = { 0 };
	char name[64];

	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	session_close(t);
	if (!session_open(t) || !settle_volume(t, v.v[0]->f.id, &now))
		return false;
	NEED(volume_facts_equal(&v.v[0]->f, found_volume(&now, v.v[0]->f.id)),
	     "it is another one in a new session");
	return drop_volume(t, &v.v[0]->f);
}

const struct check checks_volumes[] = {
	{ "the vtable is complete", vtable },
	{ "options refuse what is senseless", bad_options },
	{ "bounds make sense", bounds_sane },
	{ "whoami says who", whoami_fills },
	{ "create, list, get", create_list_get },
	{ "create with the same token twice gives one", create_token_repeated },
	{ "create of a taken name", create_name_taken },
	{ "sizes are rounded up", sizes_round },
	{ "odd names", names_odd },
	{ "names of all bytes", names_all_bytes },
	{ "names of all lengths", names_long },
	{ "attach and detach, repeated", attach_detach },
	{ "content is kept over detach", content_kept },
	{ "grows, and does not shrink", grow_not_shrink },
	{ "tags", tags_set },
	{ "marks", marks_set },
	{ "rename", renamed },
	{ "import", imported },
	{ "the same volumes in a new session", reopened },
	{ NULL, NULL }
};
