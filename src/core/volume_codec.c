/* SPDX-License-Identifier: Apache-2.0 */
#include "core/volume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/volume_internal.h"

/*
 * The compact form of facts in the store: a version byte, then fields that
 * each end in NUL.
 *
 *   flags     one letter a value, 'a' is the lowest
 *   numbers   decimal
 *   strings   as they are; an empty field is NULL, and a string that is empty
 *             or begins with STRING_MARK has one STRING_MARK put before it
 *   volumes   then each attachment: flags, since, host, device
 *   then each tag: key, value
 */
#define RECORD_VERSION 1
#define STRING_MARK '\x01'

/* ---- to text ---- */

static void flags_put(struct buf *out, const int *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_putc(out, (char)('a' + values[i]));
	buf_putc(out, '\0');
}

static void number_put(struct buf *out, int64_t n)
{
	buf_printf(out, "%" PRId64, n);
	buf_putc(out, '\0');
}

static void size_put(struct buf *out, uint64_t n)
{
	buf_printf(out, "%" PRIu64, n);
	buf_putc(out, '\0');
}

static void string_encode(struct buf *out, const char *s)
{
	if (s && (s[0] == '\0' || s[0] == STRING_MARK))
		buf_putc(out, STRING_MARK);
	if (s)
		buf_append(out, s, strlen(s));
	buf_putc(out, '\0');
}

static void tags_encode(struct buf *out, const struct tag *tags, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		string_encode(out, tags[i].key);
		string_encode(out, tags[i].value);
	}
}

int volume_facts_encode(const struct volume_facts *f, struct buf *out)
{
	const int flags[] = { (int)f->state, (int)f->access, (int)f->health,
			      (int)f->source, f->encrypted + 1, f->managed,
			      f->blank };

	buf_putc(out, RECORD_VERSION);
	flags_put(out, flags, ARRAY_SIZE(flags));
	size_put(out, f->size_bytes);
	number_put(out, f->iops);
	number_put(out, f->throughput_bytes_per_s);
	number_put(out, f->created_at_s);
	size_put(out, f->n_attachments);
	size_put(out, f->n_tags);
	for (size_t i = 0; i < VOLUME_STRINGS; i++)
		string_encode(out, string_at(f, volume_string_offsets[i]));
	for (uint32_t i = 0; i < f->n_attachments; i++) {
		const struct attachment *a = &f->attachments[i];
		const int bits[] = { (int)a->state, a->here, a->read_only };

		flags_put(out, bits, ARRAY_SIZE(bits));
		number_put(out, a->since_s);
		string_encode(out, a->host);
		string_encode(out, a->device);
	}
	tags_encode(out, f->tags, f->n_tags);
	return -buf_failed(out);
}

int snapshot_facts_encode(const struct snapshot_facts *f, struct buf *out)
{
	const int flags[] = { (int)f->state, f->encrypted + 1, f->managed,
			      f->scheduled };

	buf_putc(out, RECORD_VERSION);
	flags_put(out, flags, ARRAY_SIZE(flags));
	size_put(out, f->size_bytes);
	number_put(out, f->created_at_s);
	number_put(out, f->progress_percent);
	size_put(out, f->n_tags);
	for (size_t i = 0; i < SNAPSHOT_STRINGS; i++)
		string_encode(out, string_at(f, snapshot_string_offsets[i]));
	string_encode(out, f->consistency);
	tags_encode(out, f->tags, f->n_tags);
	return -buf_failed(out);
}

/* ---- from text ---- */

/* What is left of a record. The first field that is wrong makes it bad, and
 * every later read gives nothing: readers go on and look once, at the end. */
struct cursor {
	const char *at, *end;
	bool bad;
};

static const char *field_take(struct cursor *c, size_t *len)
{
	const char *s = c->at;
	const char *nul = NULL;

	if (!c->bad && s < c->end)
		nul = memchr(s, '\0', (size_t)(c->end - s));
	if (!nul) {
		c->bad = true;
		*len = 0;
		return "";
	}
	*len = (size_t)(nul - s);
	c->at = nul + 1;
	return s;
}

/* @limits: how many values each letter has. */
static void flags_take(struct cursor *c, const int *limits, size_t n,
		       int *values)
{
	size_t len;
	const char *s = field_take(c, &len);

	memset(values, 0, n * sizeof(*values));
	if (len != n)
		c->bad = true;
	for (size_t i = 0; !c->bad && i < n; i++) {
		values[i] = s[i] - 'a';
		if (values[i] < 0 || values[i] >= limits[i])
			c->bad = true;
	}
}

static int64_t number_take(struct cursor *c)
{
	size_t len;
	const char *s = field_take(c, &len);
	int64_t n = 0;

	if (!c->bad && parse_i64(s, len, &n, NULL) < 0)
		c->bad = true;
	return n;
}

static uint64_t size_take(struct cursor *c)
{
	size_t len;
	const char *s = field_take(c, &len);
	uint64_t n = 0;

	if (!c->bad && parse_u64(s, len, &n, NULL) < 0)
		c->bad = true;
	return n;
}

/* A number of things that take at least @least bytes each: what cannot be in
 * the text is refused before memory is asked for. */
static uint32_t count_take(struct cursor *c, size_t least)
{
	uint64_t n = size_take(c);

	if (c->bad || n > (size_t)(c->end - c->at) / least) {
		c->bad = true;
		return 0;
	}
	return (uint32_t)n;
}

static const char *string_take(struct cursor *c)
{
	size_t len;
	const char *s = field_take(c, &len);

	if (len == 0)
		return NULL;
	return s[0] == STRING_MARK ? s + 1 : s;
}

static void tags_take(struct cursor *c, struct tag *tags, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		tags[i].key = string_take(c);
		tags[i].value = string_take(c);
		if (!tags[i].key || !tags[i].value)
			c->bad = true;
	}
}

static void attachments_take(struct cursor *c, struct attachment *list,
			     uint32_t n)
{
	static const int limits[] = { VOLUME_STATES, 2, 2 };
	int bits[ARRAY_SIZE(limits)];

	for (uint32_t i = 0; i < n; i++) {
		flags_take(c, limits, ARRAY_SIZE(limits), bits);
		list[i].state = (enum volume_state)bits[0];
		list[i].here = bits[1];
		list[i].read_only = bits[2];
		list[i].since_s = number_take(c);
		list[i].host = string_take(c);
		list[i].device = string_take(c);
	}
}

static int record_open(const char *text, size_t len, const char *what,
		       struct cursor *c, struct err *err)
{
	if (len == 0 || text[0] != RECORD_VERSION)
		return err_set(err, EPROTO,
			       "the stored record of a %s has version %d; this volfs knows %d",
			       what, len ? (unsigned char)text[0] : 0,
			       RECORD_VERSION);
	*c = (struct cursor){ .at = text + 1, .end = text + len };
	return 0;
}

static int record_bad(const char *what, struct err *err)
{
	return err_set(err, EPROTO,
		       "the stored record of a %s is damaged", what);
}

static void volume_head_take(struct cursor *c, struct volume_facts *f)
{
	static const int limits[] = {
		VOLUME_STATES, ACCESS_READ_ONLY_MANY + 1, HEALTH_FAILED + 1,
		SOURCE_IMPORT + 1, 3, 2, 2
	};
	int flags[ARRAY_SIZE(limits)];

	flags_take(c, limits, ARRAY_SIZE(limits), flags);
	f->state = (enum volume_state)flags[0];
	f->access = (enum volume_access)flags[1];
	f->health = (enum volume_health)flags[2];
	f->source = (enum source_kind)flags[3];
	f->encrypted = (int8_t)(flags[4] - 1);
	f->managed = flags[5];
	f->blank = flags[6];
	f->size_bytes = size_take(c);
	f->iops = number_take(c);
	f->throughput_bytes_per_s = number_take(c);
	f->created_at_s = number_take(c);
	f->n_attachments = count_take(c, 4);
	f->n_tags = count_take(c, 2);
	for (size_t i = 0; i < VOLUME_STRINGS; i++)
		string_put(f, volume_string_offsets[i], string_take(c));
}

int volume_facts_decode(const char *text, size_t len, struct volume_facts *f,
			void **scratch, struct err *err)
{
	struct volume_facts got = { 0 };
	struct attachment *attachments;
	struct tag *tags;
	struct cursor c;
	AUTO(auto_free) char *arrays = NULL;
	size_t size;
	int r = record_open(text, len, "volume", &c, err);

	if (r < 0)
		return r;
	volume_head_take(&c, &got);
	if (c.bad)
		return record_bad("volume", err);
	size = got.n_attachments * sizeof(*got.attachments) +
	       got.n_tags * sizeof(*got.tags);
	if (size > 0) {
		arrays = calloc(1, size);
		if (!arrays)
			return err_oom(err);
		attachments = (struct attachment *)(void *)arrays;
		tags = (struct tag *)(void *)(attachments + got.n_attachments);
		attachments_take(&c, attachments, got.n_attachments);
		tags_take(&c, tags, got.n_tags);
		got.attachments = got.n_attachments ? attachments : NULL;
		got.tags = got.n_tags ? tags : NULL;
	}
	if (c.bad || c.at != c.end)
		return record_bad("volume", err);
	*f = got;
	*scratch = STEAL(arrays);
	return 0;
}

static void snapshot_head_take(struct cursor *c, struct snapshot_facts *f)
{
	static const int limits[] = { SNAPSHOT_DELETING + 1, 3, 2, 2 };
	int flags[ARRAY_SIZE(limits)];
	int64_t percent;

	flags_take(c, limits, ARRAY_SIZE(limits), flags);
	f->state = (enum snapshot_state)flags[0];
	f->encrypted = (int8_t)(flags[1] - 1);
	f->managed = flags[2];
	f->scheduled = flags[3];
	f->size_bytes = size_take(c);
	f->created_at_s = number_take(c);
	percent = number_take(c);
	if (percent < -1 || percent > 100)
		c->bad = true;
	f->progress_percent = c->bad ? -1 : (int)percent;
	f->n_tags = count_take(c, 2);
	for (size_t i = 0; i < SNAPSHOT_STRINGS; i++)
		string_put(f, snapshot_string_offsets[i], string_take(c));
	f->consistency = string_take(c);
}

/* The static word for what the text says; -1 if it is none. */
static int consistency_decode(struct snapshot_facts *f)
{
	if (!f->consistency)
		return 0;
	for (size_t i = 0; snapshot_consistency_words[i]; i++) {
		if (strcmp(f->consistency, snapshot_consistency_words[i]))
			continue;
		f->consistency = snapshot_consistency_words[i];
		return 0;
	}
	return -1;
}

int snapshot_facts_decode(const char *text, size_t len,
			  struct snapshot_facts *f, void **scratch,
			  struct err *err)
{
	struct snapshot_facts got = { 0 };
	struct cursor c;
	AUTO(auto_free) struct tag *tags = NULL;
	int r = record_open(text, len, "snapshot", &c, err);

	if (r < 0)
		return r;
	snapshot_head_take(&c, &got);
	if (c.bad || consistency_decode(&got) < 0)
		return record_bad("snapshot", err);
	if (got.n_tags > 0) {
		tags = calloc(got.n_tags, sizeof(*tags));
		if (!tags)
			return err_oom(err);
		tags_take(&c, tags, got.n_tags);
		got.tags = tags;
	}
	if (c.bad || c.at != c.end)
		return record_bad("snapshot", err);
	*f = got;
	*scratch = STEAL(tags);
	return 0;
}
