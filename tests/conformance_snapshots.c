/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: snapshots, and what is made from them. */
#include "conformance.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"

static void auto_found(struct found *f)
{
	found_done(f);
}

static struct volume_spec copy_spec(const char *name, uint64_t size)
{
	return (struct volume_spec){ .name = name, .size_bytes = size,
				     .iops = -1, .throughput_bytes_per_s = -1,
				     .encrypted = -1 };
}

static bool snapshot_facts_sane(const struct snapshot_facts *f,
				const struct volume_facts *v,
				const char *name)
{
	NEED(f->name && !strcmp(f->name, name), "the name is '%s'", f->name);
	NEED(f->volume_id && !strcmp(f->volume_id, v->id),
	     "it is of volume '%s'", f->volume_id ? f->volume_id : "(none)");
	NEED(f->size_bytes >= v->size_bytes || !f->size_bytes,
	     "%llu bytes", (unsigned long long)f->size_bytes);
	NEED(f->progress_percent >= -1 && f->progress_percent <= 100,
	     "progress %d", f->progress_percent);
	NEED(f->consistency && (!strcmp(f->consistency, "frozen") ||
				!strcmp(f->consistency, "crash") ||
				!strcmp(f->consistency, "files")),
	     "consistency '%s'", f->consistency ? f->consistency : "(none)");
	return true;
}

static bool snapshot_life(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	char name[64];
	int r;

	if (!t->p->snapshot)
		SKIP(t, "no snapshots");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	t->freezes = t->thaws = 0;
	if (!take_snapshot(t, &v.v[0]->f, "nightly", &s))
		return false;
	NEED(t->freezes == t->thaws && t->freezes <= 1,
	     "frozen %u times, thawed %u", t->freezes, t->thaws);
	if (!snapshot_facts_sane(&s.s[0]->f, &v.v[0]->f, "nightly") ||
	    !snapshot_listed(t, s.s[0]->f.id, true))
		return false;
	r = t->p->snapshot_remove(t->s, &c, &s.s[0]->f, &err);
	NEED_OK(r, &err, "snapshot_remove");
	if (!snapshot_listed(t, s.s[0]->f.id, false))
		return false;
	r = t->p->snapshot_remove(t->s, &c, &s.s[0]->f, &err);
	NEED_OK(r, &err, "snapshot_remove of a gone one");
	return drop_volume(t, &v.v[0]->f);
}

static bool snapshot_repeated(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found a = { 0 };
	AUTO(auto_found) struct found b = { 0 };
	AUTO(auto_found) struct found taken = { 0 };
	AUTO(auto_found) struct found rest = { 0 };
	struct err err = ERR_INIT;
	char name[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	int r;

	if (!t->p->snapshot)
		SKIP(t, "no snapshots");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	found_init(&a);
	found_init(&b);
	found_init(&taken);
	r = t->p->snapshot(t->s, &c, &v.v[0]->f, "one", &a.sink, &err);
	NEED_OK(r, &err, "snapshot");
	r = t->p->snapshot(t->s, &c, &v.v[0]->f, "one", &b.sink, &err);
	NEED_OK(r, &err, "the same snapshot again");
	NEED(a.n_snapshots == 1 && b.n_snapshots == 1 &&
	     !strcmp(a.s[0]->f.id, b.s[0]->f.id), "two snapshots");
	if (!settle_snapshot(t, v.v[0]->f.id, a.s[0]->f.id, &rest))
		return false;
	c = call_make(t, fresh_token(t, token));
	r = t->p->snapshot(t->s, &c, &v.v[0]->f, "one", &taken.sink, &err);
	if (r < 0 && !refused(r, &err, EEXIST, "a taken snapshot name"))
		return false;
	if (r == 0) {
		found_done(&rest);
		NEED(strcmp(a.s[0]->f.id, taken.s[0]->f.id) != 0,
		     "another token, and the same snapshot");
		if (!settle_snapshot(t, v.v[0]->f.id, taken.s[0]->f.id, &rest))
			return false;
	}
	return drop_volume(t, &v.v[0]->f);
}

static bool snapshot_names(struct suite *t)
{
	static const char *const names[] = {
		"a", "2026-11-21T04:06:43Z", "before upgrade", "..",
		"before-restore-1", "\xc3\xa9",
	};
	AUTO(auto_found) struct found v = { 0 };
	char name[64], token[64];
	size_t i;

	if (!t->p->snapshot)
		SKIP(t, "no snapshots");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v))
		return false;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO(auto_found) struct found s = { 0 };
		AUTO(auto_found) struct found rest = { 0 };
		struct call c = call_make(t, fresh_token(t, token));
		struct err err = ERR_INIT;
		int r;

		found_init(&s);
		r = t->p->snapshot(t->s, &c, &v.v[0]->f, names[i], &s.sink,
				   &err);
		if (r < 0) {
			if (!refused(r, &err, EINVAL, "a snapshot's name"))
				return false;
			continue;
		}
		NEED(s.s[0]->f.name && !strcmp(s.s[0]->f.name, names[i]),
		     "'%s' came back as '%s'", names[i], s.s[0]->f.name);
		if (!settle_snapshot(t, v.v[0]->f.id, s.s[0]->f.id, &rest))
			return false;
	}
	return drop_volume(t, &v.v[0]->f);
}

/* Removing a volume that has snapshots: refused with ENOTEMPTY, or done. */
static bool remove_with_snapshots(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	char name[64];
	int r;

	if (!t->p->snapshot)
		SKIP(t, "no snapshots");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !take_snapshot(t, &v.v[0]->f, "kept", &s))
		return false;
	r = t->p->remove(t->s, &c, &v.v[0]->f, &err);
	if (r < 0)
		return refused(r, &err, ENOTEMPTY, "remove with snapshots") &&
		       listed(t, v.v[0]->f.id, true) &&
		       snapshot_listed(t, s.s[0]->f.id, true) &&
		       drop_volume(t, &v.v[0]->f);
	if (!listed(t, v.v[0]->f.id, false) ||
	    !snapshot_listed(t, s.s[0]->f.id, true))
		return false;
	r = t->p->snapshot_remove(t->s, &c, &s.s[0]->f, &err);
	NEED_OK(r, &err, "removing what was left");
	return snapshot_listed(t, s.s[0]->f.id, false);
}

static bool clone_checked(struct suite *t, struct found *clone,
			  enum source_kind kind, const char *source,
			  unsigned char byte)
{
	AUTO(auto_found) struct found rest = { 0 };
	const struct volume_facts *f;

	NEED(clone->n_volumes == 1, "%zu volumes", clone->n_volumes);
	if (!settle_volume(t, clone->v[0]->f.id, &rest))
		return false;
	f = found_volume(&rest, clone->v[0]->f.id);
	NEED(f->state == VOLUME_AVAILABLE, "state %s",
	     volume_state_name(f->state));
	NEED(f->managed && !f->blank, "marks of a copy: managed %d, blank %d",
	     f->managed, f->blank);
	NEED(f->source == kind || f->source == SOURCE_NONE, "source kind %d",
	     f->source);
	NEED(f->source == SOURCE_NONE || !f->source_id ||
	     !strcmp(f->source_id, source), "source '%s'", f->source_id);
	return content_is(t, f, byte);
}

static bool clone_from_snapshot(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	AUTO(auto_found) struct found clone = { 0 };
	AUTO(auto_found) struct found again = { 0 };
	struct err err = ERR_INIT;
	char name[64], to[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = copy_spec(fresh_name(t, to), 0);
	int r;

	if (!t->p->create_from_snapshot)
		SKIP(t, "no volumes from snapshots");
	want.size_bytes = 2 * small_size(t);
	found_init(&clone);
	found_init(&again);
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !content_write(t, &v.v[0]->f, 0x77) ||
	    !take_snapshot(t, &v.v[0]->f, "s", &s) ||
	    !content_write(t, &v.v[0]->f, 0x88))
		return false;
	r = t->p->create_from_snapshot(t->s, &c, &want, &s.s[0]->f,
				       &clone.sink, &err);
	NEED_OK(r, &err, "create_from_snapshot");
	r = t->p->create_from_snapshot(t->s, &c, &want, &s.s[0]->f,
				       &again.sink, &err);
	NEED_OK(r, &err, "create_from_snapshot again");
	NEED(again.n_volumes == 1 && clone.n_volumes == 1 &&
	     !strcmp(again.v[0]->f.id, clone.v[0]->f.id), "two clones");
	NEED(clone.v[0]->f.size_bytes >= want.size_bytes, "size %llu",
	     (unsigned long long)clone.v[0]->f.size_bytes);
	return clone_checked(t, &clone, SOURCE_SNAPSHOT, s.s[0]->f.id, 0x77) &&
	       content_is(t, &v.v[0]->f, 0x88) &&
	       drop_volume(t, &clone.v[0]->f) && drop_volume(t, &v.v[0]->f);
}

static bool clone_from_volume(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found clone = { 0 };
	struct err err = ERR_INIT;
	char name[64], to[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = copy_spec(fresh_name(t, to), 0);
	int r;

	if (!t->p->create_from_volume)
		SKIP(t, "no volumes from volumes");
	want.size_bytes = small_size(t);
	found_init(&clone);
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !content_write(t, &v.v[0]->f, 0x99))
		return false;
	t->freezes = t->thaws = 0;
	r = t->p->create_from_volume(t->s, &c, &want, &v.v[0]->f, &clone.sink,
				     &err);
	NEED_OK(r, &err, "create_from_volume");
	NEED(t->freezes == t->thaws, "frozen %u times, thawed %u", t->freezes,
	     t->thaws);
	if (!clone_checked(t, &clone, SOURCE_VOLUME, v.v[0]->f.id, 0x99))
		return false;
	/* They are two: what is written to one is not in the other. */
	return content_write(t, &clone.v[0]->f, 0xaa) &&
	       content_is(t, &v.v[0]->f, 0x99) &&
	       drop_volume(t, &v.v[0]->f) &&
	       content_is(t, &clone.v[0]->f, 0xaa) &&
	       drop_volume(t, &clone.v[0]->f);
}

static bool clone_too_small(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	AUTO(auto_found) struct found clone = { 0 };
	struct err err = ERR_INIT;
	char name[64], to[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = copy_spec(fresh_name(t, to), 0);
	int r;

	if (t->p->unsized)
		SKIP(t, "no sizes");
	if (!t->p->create_from_snapshot)
		SKIP(t, "no volumes from snapshots");
	if (!small_size(t))
		SKIP(t, "volumes have no size");
	want.size_bytes = small_size(t);
	found_init(&clone);
	if (!make_volume(t, fresh_name(t, name), 2 * small_size(t), &v) ||
	    !take_snapshot(t, &v.v[0]->f, "s", &s))
		return false;
	r = t->p->create_from_snapshot(t->s, &c, &want, &s.s[0]->f,
				       &clone.sink, &err);
	return refused(r, &err, EINVAL, "a clone smaller than its source") &&
	       drop_volume(t, &v.v[0]->f);
}

static bool clone_of_gone(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	AUTO(auto_found) struct found clone = { 0 };
	struct err err = ERR_INIT;
	char name[64], to[64], token[64];
	struct call c = call_make(t, fresh_token(t, token));
	struct volume_spec want = copy_spec(fresh_name(t, to), 0);
	int r;

	if (!t->p->create_from_snapshot)
		SKIP(t, "no volumes from snapshots");
	want.size_bytes = small_size(t);
	found_init(&clone);
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !take_snapshot(t, &v.v[0]->f, "s", &s) ||
	    !drop_volume(t, &v.v[0]->f))
		return false;
	r = t->p->create_from_snapshot(t->s, &c, &want, &s.s[0]->f,
				       &clone.sink, &err);
	return refused(r, &err, ENOENT, "a clone of a gone snapshot");
}

static bool restored(struct suite *t)
{
	AUTO(auto_found) struct found v = { 0 };
	AUTO(auto_found) struct found s = { 0 };
	AUTO(auto_found) struct found now = { 0 };
	struct err err = ERR_INIT;
	char name[64], token[64];
	struct call c;
	int i, r;

	if (!t->p->restore)
		SKIP(t, "no restore");
	if (!make_volume(t, fresh_name(t, name), small_size(t), &v) ||
	    !content_write(t, &v.v[0]->f, 0x44) ||
	    !take_snapshot(t, &v.v[0]->f, "s", &s))
		return false;
	for (i = 0; i < 2; i++) {
		if (!content_write(t, &v.v[0]->f, 0x55))
			return false;
		c = call_make(t, fresh_token(t, token));
		r = t->p->restore(t->s, &c, &v.v[0]->f, &s.s[0]->f, &err);
		NEED_OK(r, &err, "restore");
		r = t->p->restore(t->s, &c, &v.v[0]->f, &s.s[0]->f, &err);
		NEED_OK(r, &err, "the same restore again");
		if (!settle_volume(t, v.v[0]->f.id, &now))
			return false;
		NEED(found_volume(&now, v.v[0]->f.id)->size_bytes >=
		     v.v[0]->f.size_bytes, "it shrank");
		found_done(&now);
		if (!content_is(t, &v.v[0]->f, 0x44) ||
		    !snapshot_listed(t, s.s[0]->f.id, true))
			return false;
	}
	return drop_volume(t, &v.v[0]->f);
}

const struct check checks_snapshots[] = {
	{ "snapshot, list, remove", snapshot_life },
	{ "snapshot with the same token twice gives one", snapshot_repeated },
	{ "names of snapshots", snapshot_names },
	{ "remove of a volume with snapshots", remove_with_snapshots },
	{ "a volume from a snapshot has its content", clone_from_snapshot },
	{ "a volume from a volume has its content", clone_from_volume },
	{ "no clone is smaller than its source", clone_too_small },
	{ "no clone of what is gone", clone_of_gone },
	{ "restore brings the content back", restored },
	{ NULL, NULL }
};
