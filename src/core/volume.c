/* SPDX-License-Identifier: Apache-2.0 */
#include "core/volume.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "core/volume_internal.h"

/* ---- words ---- */

static const char *word_of(const char *const *words, size_t n, size_t i)
{
	return i < n ? words[i] : words[0];
}

const char *volume_state_name(enum volume_state s)
{
	static const char *const words[VOLUME_STATES] = {
		[VOLUME_UNKNOWN] = "unknown",
		[VOLUME_CREATING] = "creating",
		[VOLUME_AVAILABLE] = "available",
		[VOLUME_ATTACHING] = "attaching",
		[VOLUME_ATTACHED] = "attached",
		[VOLUME_DETACHING] = "detaching",
		[VOLUME_IN_USE] = "in-use",
		[VOLUME_DELETING] = "deleting",
		[VOLUME_ERROR] = "error",
		[VOLUME_LOST] = "lost",
	};

	return word_of(words, ARRAY_SIZE(words), s);
}

const char *volume_kind_name(enum volume_kind k)
{
	static const char *const words[] = {
		[KIND_BLOCK] = "block",
		[KIND_SHARE] = "share",
		[KIND_PROGRAM] = "program",
		[KIND_DIRECTORY] = "directory",
	};

	return word_of(words, ARRAY_SIZE(words), k);
}

const char *volume_access_name(enum volume_access a)
{
	static const char *const words[] = {
		[ACCESS_SINGLE_WRITER] = "single-writer",
		[ACCESS_MULTI_WRITER] = "multi-writer",
		[ACCESS_READ_ONLY_MANY] = "read-only-many",
	};

	return word_of(words, ARRAY_SIZE(words), a);
}

const char *volume_health_name(enum volume_health h)
{
	static const char *const words[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_OK] = "ok",
		[HEALTH_DEGRADED] = "degraded",
		[HEALTH_FAILED] = "failed",
	};

	return word_of(words, ARRAY_SIZE(words), h);
}

const char *snapshot_state_name(enum snapshot_state s)
{
	static const char *const words[] = {
		[SNAPSHOT_CREATING] = "creating",
		[SNAPSHOT_AVAILABLE] = "available",
		[SNAPSHOT_ERROR] = "error",
		[SNAPSHOT_DELETING] = "deleting",
	};

	return word_of(words, ARRAY_SIZE(words), s);
}

const char *const snapshot_consistency_words[] = {
	"frozen", "crash", "files", NULL
};

/* ---- references ---- */

static void ref_get(atomic_uint *refs)
{
	atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* True when that was the last one. */
static bool ref_put(atomic_uint *refs)
{
	return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

struct job_view *job_view_ref(struct job_view *j)
{
	if (j)
		ref_get(&j->refs);
	return j;
}

void job_view_unref(struct job_view *j)
{
	if (j && ref_put(&j->refs))
		free(j);
}

struct volume_node *volume_node_new(uint64_t serial)
{
	struct volume_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	atomic_init(&n->refs, 1);
	atomic_init(&n->given, 0);
	n->serial = serial;
	return n;
}

struct volume_node *volume_node_ref(struct volume_node *n)
{
	if (n)
		ref_get(&n->refs);
	return n;
}

void volume_node_unref(struct volume_node *n)
{
	if (n && ref_put(&n->refs))
		free(n);
}

/* ---- one allocation for a record, its arrays and its strings ---- */

const size_t volume_string_offsets[VOLUME_STRINGS] = {
	offsetof(struct volume_facts, id),
	offsetof(struct volume_facts, name),
	offsetof(struct volume_facts, service_state),
	offsetof(struct volume_facts, type),
	offsetof(struct volume_facts, zone),
	offsetof(struct volume_facts, region),
	offsetof(struct volume_facts, encryption_key),
	offsetof(struct volume_facts, source_id),
	offsetof(struct volume_facts, source_name),
	offsetof(struct volume_facts, health_message),
	offsetof(struct volume_facts, details),
	offsetof(struct volume_facts, token),
};

const size_t snapshot_string_offsets[SNAPSHOT_STRINGS] = {
	offsetof(struct snapshot_facts, id),
	offsetof(struct snapshot_facts, name),
	offsetof(struct snapshot_facts, volume_id),
	offsetof(struct snapshot_facts, description),
	offsetof(struct snapshot_facts, token),
	offsetof(struct snapshot_facts, service_state),
};

static size_t string_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static bool string_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Copies @s to *@at and moves that on. */
static const char *string_pack(char **at, const char *s)
{
	size_t size = string_size(s);
	char *copy = *at;

	if (!s)
		return NULL;
	memcpy(copy, s, size);
	*at += size;
	return copy;
}

static size_t tags_size(const struct tag *tags, uint32_t n)
{
	size_t size = n * sizeof(*tags);

	for (uint32_t i = 0; i < n; i++)
		size += string_size(tags[i].key) + string_size(tags[i].value);
	return size;
}

/* The array at *@array and the strings at *@at, both moved on. */
static const struct tag *tags_pack(char **array, char **at,
				   const struct tag *tags, uint32_t n)
{
	struct tag *copy = (struct tag *)(void *)*array;

	if (n == 0)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		copy[i].key = string_pack(at, tags[i].key);
		copy[i].value = string_pack(at, tags[i].value);
	}
	*array += n * sizeof(*copy);
	return copy;
}

static bool tags_equal(const struct tag *a, uint32_t n_a, const struct tag *b,
		       uint32_t n_b)
{
	if (n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (!string_equal(a[i].key, b[i].key) ||
		    !string_equal(a[i].value, b[i].value))
			return false;
	}
	return true;
}

static size_t attachments_size(const struct volume_facts *f)
{
	size_t size = f->n_attachments * sizeof(*f->attachments);

	for (uint32_t i = 0; i < f->n_attachments; i++)
		size += string_size(f->attachments[i].host) +
			string_size(f->attachments[i].device);
	return size;
}

static const struct attachment *attachments_pack(char **array, char **at,
						 const struct volume_facts *f)
{
	struct attachment *copy = (struct attachment *)(void *)*array;

	if (f->n_attachments == 0)
		return NULL;
	for (uint32_t i = 0; i < f->n_attachments; i++) {
		copy[i] = f->attachments[i];
		copy[i].host = string_pack(at, f->attachments[i].host);
		copy[i].device = string_pack(at, f->attachments[i].device);
	}
	*array += f->n_attachments * sizeof(*copy);
	return copy;
}

static bool attachments_equal(const struct volume_facts *a,
			      const struct volume_facts *b)
{
	if (a->n_attachments != b->n_attachments)
		return false;
	for (uint32_t i = 0; i < a->n_attachments; i++) {
		const struct attachment *x = &a->attachments[i];
		const struct attachment *y = &b->attachments[i];

		if (!string_equal(x->host, y->host) ||
		    !string_equal(x->device, y->device) ||
		    x->state != y->state || x->here != y->here ||
		    x->read_only != y->read_only || x->since_s != y->since_s)
			return false;
	}
	return true;
}

static size_t strings_size(const void *record, const size_t *offsets, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += string_size(string_at(record, offsets[i]));
	return size;
}

static void strings_pack(char **at, const void *from, void *to,
			 const size_t *offsets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		string_put(to, offsets[i],
			   string_pack(at, string_at(from, offsets[i])));
}

static bool strings_equal(const void *a, const void *b, const size_t *offsets,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!string_equal(string_at(a, offsets[i]),
				  string_at(b, offsets[i])))
			return false;
	}
	return true;
}

/* ---- volumes ---- */

struct volume *volume_new(struct volume_node *node, const char *name,
			  const struct volume_facts *f,
			  struct volume_local *local, struct job_view *job)
{
	/* Most names need no escape: then one copy serves both. */
	bool shared = string_equal(name, f->name);
	size_t arrays = f->n_attachments * sizeof(*f->attachments) +
			f->n_tags * sizeof(*f->tags);
	size_t size = sizeof(struct volume) + attachments_size(f) +
		      tags_size(f->tags, f->n_tags) +
		      strings_size(f, volume_string_offsets, VOLUME_STRINGS) +
		      (shared ? 0 : string_size(name));
	struct volume *v = calloc(1, size);
	char *array, *at;

	if (!v)
		return NULL;
	array = (char *)(v + 1);
	at = array + arrays;
	atomic_init(&v->refs, 1);
	v->f = *f;
	v->f.attachments = attachments_pack(&array, &at, f);
	v->f.tags = tags_pack(&array, &at, f->tags, f->n_tags);
	strings_pack(&at, f, &v->f, volume_string_offsets, VOLUME_STRINGS);
	v->name = shared ? v->f.name : string_pack(&at, name);
	v->node = volume_node_ref(node);
	v->local = local_ref(local);
	v->job = job_view_ref(job);
	return v;
}

struct volume *volume_ref(struct volume *v)
{
	if (v)
		ref_get(&v->refs);
	return v;
}

void volume_unref(struct volume *v)
{
	if (!v || !ref_put(&v->refs))
		return;
	volume_node_unref(v->node);
	local_unref(v->local);
	job_view_unref(v->job);
	free(v);
}

bool volume_facts_equal(const struct volume_facts *a,
			const struct volume_facts *b)
{
	return a->size_bytes == b->size_bytes && a->iops == b->iops &&
	       a->throughput_bytes_per_s == b->throughput_bytes_per_s &&
	       a->created_at_s == b->created_at_s && a->state == b->state &&
	       a->access == b->access && a->health == b->health &&
	       a->source == b->source && a->encrypted == b->encrypted &&
	       a->managed == b->managed && a->blank == b->blank &&
	       strings_equal(a, b, volume_string_offsets, VOLUME_STRINGS) &&
	       attachments_equal(a, b) &&
	       tags_equal(a->tags, a->n_tags, b->tags, b->n_tags);
}

/* This host's attachment, the one that stands before one that comes or goes. */
static const struct attachment *attachment_here(const struct volume_facts *f)
{
	const struct attachment *here = NULL;

	for (uint32_t i = 0; i < f->n_attachments; i++) {
		const struct attachment *a = &f->attachments[i];

		if (a->here && (!here || a->state == VOLUME_ATTACHED))
			here = a;
	}
	return here;
}

bool volume_is_attached(const struct volume *v)
{
	const struct attachment *a;

	if (v->local && v->local->attached)
		return true;
	a = attachment_here(&v->f);
	return a && a->state == VOLUME_ATTACHED;
}

enum volume_state volume_effective_state(const struct volume *v)
{
	const struct attachment *a;

	if (v->local && v->local->gone)
		return VOLUME_LOST;
	if (v->local && (v->local->failed || v->local->device_lost))
		return VOLUME_ERROR;
	switch (v->f.state) {
	case VOLUME_CREATING:
	case VOLUME_DELETING:
	case VOLUME_ERROR:
	case VOLUME_LOST:
	case VOLUME_ATTACHING:
	case VOLUME_DETACHING:
		return v->f.state;
	default:
		break;
	}
	if (volume_is_attached(v))
		return VOLUME_ATTACHED;
	a = attachment_here(&v->f);
	if (a && (a->state == VOLUME_ATTACHING || a->state == VOLUME_DETACHING))
		return a->state;
	if (!a && v->f.n_attachments > 0)
		return VOLUME_IN_USE;
	return v->f.state;
}

bool volume_is_mounted(const struct volume *v)
{
	return v->local && v->local->mounted;
}

bool volume_is_protected(const struct volume *v)
{
	if (v->local && v->local->protect >= 0)
		return v->local->protect;
	if (v->local && v->local->ever_attached)
		return true;
	return !v->f.blank && !(v->local && v->local->made_here);
}

/* ---- snapshots ---- */

/* The word as our own static string; NULL if it is none of ours. */
static const char *consistency_word(const char *word)
{
	for (size_t i = 0; word && snapshot_consistency_words[i]; i++) {
		if (strcmp(word, snapshot_consistency_words[i]) == 0)
			return snapshot_consistency_words[i];
	}
	return NULL;
}

struct given {
	_Atomic uint64_t bits;       /* first: what the pointers point at */
	atomic_uint refs;
};

_Atomic uint64_t *given_new(void)
{
	struct given *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	atomic_init(&g->refs, 1);
	return &g->bits;
}

_Atomic uint64_t *given_ref(_Atomic uint64_t *given)
{
	if (given)
		ref_get(&((struct given *)given)->refs);
	return given;
}

void given_unref(_Atomic uint64_t *given)
{
	struct given *g = (struct given *)given;

	if (g && ref_put(&g->refs))
		free(g);
}

struct snapshot *snapshot_new(uint64_t serial, _Atomic uint64_t *given,
			      uint64_t volume_serial, const char *name,
			      const struct snapshot_facts *f)
{
	bool by_name = string_equal(name, f->name);
	bool by_id = !by_name && string_equal(name, f->id);
	size_t size = sizeof(struct snapshot) + tags_size(f->tags, f->n_tags) +
		      strings_size(f, snapshot_string_offsets,
				   SNAPSHOT_STRINGS) +
		      (by_name || by_id ? 0 : string_size(name));
	struct snapshot *s = calloc(1, size);
	char *array, *at;

	if (!s)
		return NULL;
	array = (char *)(s + 1);
	at = array + f->n_tags * sizeof(*f->tags);
	atomic_init(&s->refs, 1);
	s->serial = serial;
	s->given = given_ref(given);
	s->volume_serial = volume_serial;
	s->f = *f;
	s->f.consistency = consistency_word(f->consistency);
	s->f.tags = tags_pack(&array, &at, f->tags, f->n_tags);
	strings_pack(&at, f, &s->f, snapshot_string_offsets, SNAPSHOT_STRINGS);
	s->name = by_name ? s->f.name :
		  by_id ? s->f.id : string_pack(&at, name);
	return s;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	if (s)
		ref_get(&s->refs);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	given_unref(s->given);
	job_view_unref(s->job);
	if (s->fault)
		free(s->fault->verb);
	free(s->fault);
	free(s);
}

bool snapshot_facts_equal(const struct snapshot_facts *a,
			  const struct snapshot_facts *b)
{
	return a->size_bytes == b->size_bytes &&
	       a->created_at_s == b->created_at_s && a->state == b->state &&
	       a->progress_percent == b->progress_percent &&
	       a->encrypted == b->encrypted && a->managed == b->managed &&
	       a->scheduled == b->scheduled &&
	       string_equal(a->consistency, b->consistency) &&
	       strings_equal(a, b, snapshot_string_offsets,
			     SNAPSHOT_STRINGS) &&
	       tags_equal(a->tags, a->n_tags, b->tags, b->n_tags);
}
