/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is there: the listing of a service and every change of it. A listing is
 * immutable; a change builds the next one and swaps it under service->lock.
 * Commits come before, publishing after: both are the caller's.
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/escape.h"
#include "core/engine_impl.h"

struct inventory *inventory_ref(struct inventory *inv)
{
	atomic_fetch_add(&inv->refs, 1);
	return inv;
}

void inventory_unref(struct inventory *inv)
{
	if (!inv || atomic_fetch_sub(&inv->refs, 1) != 1)
		return;
	for (size_t i = 0; i < inv->n_volumes; i++)
		volume_node_unref(inv->by_serial[i]);
	for (size_t i = 0; i < inv->n_snapshots; i++)
		snapshot_unref(inv->snapshots[i]);
	free(inv->by_serial);
	free(inv->by_name);
	free(inv->by_id);
	free(inv->snapshots);
	free(inv->by_volume);
	free(inv);
}

/* An empty listing with room for so many. */
struct inventory *inventory_new(size_t volumes, size_t snaps)
{
	struct inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return NULL;
	atomic_init(&inv->refs, 1);
	inv->by_serial = calloc(volumes + 1, sizeof(void *));
	inv->by_name = calloc(volumes + 1, sizeof(void *));
	inv->by_id = calloc(volumes + 1, sizeof(void *));
	inv->snapshots = calloc(snaps + 1, sizeof(void *));
	inv->by_volume = calloc(snaps + 1, sizeof(void *));
	if (inv->by_serial && inv->by_name && inv->by_id && inv->snapshots &&
	    inv->by_volume)
		return inv;
	inventory_unref(inv);
	return NULL;
}

static int cmp_serial(const void *a, const void *b)
{
	const struct volume_node *x = *(void *const *)a, *y = *(void *const *)b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int cmp_name(const void *a, const void *b)
{
	const struct volume_node *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->current->name, y->current->name);
}

static int cmp_id(const void *a, const void *b)
{
	const struct volume_node *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->current->f.id, y->current->f.id);
}

static int cmp_snapshot(const void *a, const void *b)
{
	const struct snapshot *x = *(void *const *)a, *y = *(void *const *)b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int cmp_by_volume(const void *a, const void *b)
{
	const struct snapshot *x = *(void *const *)a, *y = *(void *const *)b;

	if (x->volume_serial != y->volume_serial)
		return x->volume_serial < y->volume_serial ? -1 : 1;
	return cmp_snapshot(a, b);
}

/* What comes from the store, and much of what services list, is in order: to
 * see that takes one comparison each, and no memory. */
static void sort(void *array, size_t n,
		 int (*cmp)(const void *a, const void *b))
{
	void **a = array;
	size_t i;

	for (i = 1; i < n && cmp(&a[i - 1], &a[i]) <= 0; i++)
		;
	if (i < n)
		qsort(a, n, sizeof(*a), cmp);
}

/* by_volume from snapshots, which are sorted. */
static void index_snapshots(struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_snapshots; i++)
		inv->by_volume[i] = inv->snapshots[i];
	sort(inv->by_volume, inv->n_snapshots, cmp_by_volume);
}

/* Index in by_volume of the first snapshot of that volume above @serial. */
static size_t first_of_volume(const struct inventory *inv, uint64_t volume,
			      uint64_t serial)
{
	size_t low = 0, high = inv->n_snapshots;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct snapshot *sn = inv->by_volume[mid];

		if (sn->volume_serial < volume ||
		    (sn->volume_serial == volume && sn->serial <= serial))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The search arrays from by_serial; under service->lock. */
static void index_volumes(struct inventory *inv)
{
	inv->n_ids = 0;
	for (size_t i = 0; i < inv->n_volumes; i++) {
		struct volume_node *n = inv->by_serial[i];

		inv->by_name[i] = n;
		if (n->current->f.id)
			inv->by_id[inv->n_ids++] = n;
	}
	sort(inv->by_name, inv->n_volumes, cmp_name);
	sort(inv->by_id, inv->n_ids, cmp_id);
}

/* Inserts into a sorted array of nodes that has room. */
static void insert_sorted(struct volume_node **a, size_t n,
			  struct volume_node *node,
			  int (*cmp)(const void *, const void *))
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (cmp(&a[mid], &node) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	memmove(a + low + 1, a + low, (n - low) * sizeof(*a));
	a[low] = node;
}

/* A copy of the present listing with room for more; under service->lock. */
static struct inventory *inventory_copy(const struct inventory *old,
					size_t more, size_t more_snaps)
{
	struct inventory *inv = inventory_new(old->n_volumes + more,
					      old->n_snapshots + more_snaps);

	if (!inv)
		return NULL;
	inv->n_volumes = old->n_volumes;
	inv->n_ids = old->n_ids;
	inv->n_snapshots = old->n_snapshots;
	memcpy(inv->by_serial, old->by_serial, old->n_volumes * sizeof(void *));
	memcpy(inv->by_name, old->by_name, old->n_volumes * sizeof(void *));
	memcpy(inv->by_id, old->by_id, old->n_ids * sizeof(void *));
	memcpy(inv->snapshots, old->snapshots,
	       old->n_snapshots * sizeof(void *));
	for (size_t i = 0; i < inv->n_volumes; i++)
		volume_node_ref(inv->by_serial[i]);
	for (size_t i = 0; i < inv->n_snapshots; i++) {
		snapshot_ref(inv->snapshots[i]);
		inv->by_volume[i] = old->by_volume[i];
	}
	return inv;
}

/* Swaps in @inv; under service->lock. */
static void inventory_swap(struct service *s, struct inventory *inv)
{
	struct inventory *old = s->inv;

	s->inv = inv;
	s->clock++;
	s->entries_at_s = clock_unix_s();
	inventory_unref(old);
}

int service_add_all(struct service *s, struct volume **v, size_t n,
		    struct err *err)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv = inventory_copy(s->inv, n, 0);

	if (!inv)
		return err_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct volume_node *node = volume_node_ref(v[i]->node);

		node->current = volume_ref(v[i]);
		node->touched = ++s->clock;
		if (n > 64) {
			inv->by_serial[inv->n_volumes++] = node;
			continue;
		}
		insert_sorted(inv->by_serial, inv->n_volumes, node, cmp_serial);
		insert_sorted(inv->by_name, inv->n_volumes++, node, cmp_name);
		if (v[i]->f.id)
			insert_sorted(inv->by_id, inv->n_ids++, node, cmp_id);
	}
	if (n > 64) {
		sort(inv->by_serial, inv->n_volumes, cmp_serial);
		index_volumes(inv);
	}
	inventory_swap(s, inv);
	return 0;
}

int service_add(struct service *s, struct volume *v, struct err *err)
{
	return service_add_all(s, &v, 1, err);
}

static size_t remove_nodes(struct volume_node **a, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (a[i]->current)
			a[kept++] = a[i];
	return kept;
}

void service_drop(struct service *s, struct volume_node **nodes, size_t n)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv = inventory_copy(s->inv, 0, 0);

	/* Without memory for a new listing the volume stays until the next
	 * refresh finds it gone. */
	if (!inv)
		return;
	for (size_t i = 0; i < n; i++) {
		volume_unref(nodes[i]->current);
		nodes[i]->current = NULL;
	}
	size_t before = inv->n_volumes;

	inv->n_ids = remove_nodes(inv->by_id, inv->n_ids);
	remove_nodes(inv->by_name, before);
	for (size_t i = 0; i < before; i++)
		if (!inv->by_serial[i]->current)
			volume_node_unref(inv->by_serial[i]);
	/* The node's own memory may be gone now, but for the reference that
	 * the old listing holds until the swap below. */
	inv->n_volumes = remove_nodes(inv->by_serial, before);
	inventory_swap(s, inv);
}

static struct snapshot *find_like(const struct inventory *inv, const char *id,
				  const char *token)
{
	for (size_t i = 0; i < inv->n_snapshots; i++) {
		const struct snapshot_facts *f = &inv->snapshots[i]->f;

		if ((id && f->id && strcmp(f->id, id) == 0) ||
		    (token && *token && f->token &&
		     strcmp(f->token, token) == 0))
			return inv->snapshots[i];
	}
	return NULL;
}

struct snapshot *service_snapshot_like(struct service *s,
				       const struct snapshot_facts *f)
{
	LOCK_SCOPE(&s->lock);

	return snapshot_ref(find_like(s->inv, f->id, f->token));
}

static int cmp_snapshot_id(const void *a, const void *b)
{
	const struct snapshot *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->f.id ? x->f.id : "", y->f.id ? y->f.id : "");
}

/* Moves those whose id is listed to the end of @add. Return: how many. */
static int sort_out_listed(const struct inventory *inv, struct snapshot **add,
			   size_t n, struct err *err)
{
	struct snapshot **by_id = calloc(inv->n_snapshots + 1, sizeof(*by_id));
	size_t listed = 0, i = 0;

	if (!by_id)
		return err_oom(err);
	if (inv->n_snapshots)
		memcpy(by_id, inv->snapshots,
		       inv->n_snapshots * sizeof(*by_id));
	qsort(by_id, inv->n_snapshots, sizeof(*by_id), cmp_snapshot_id);
	while (i < n - listed) {
		struct snapshot *sn = add[i], *last = add[n - listed - 1];

		if (!sn->f.id || !bsearch(&sn, by_id, inv->n_snapshots,
					  sizeof(*by_id), cmp_snapshot_id)) {
			i++;
			continue;
		}
		add[n - ++listed] = sn;
		add[i] = last;
	}
	free(by_id);
	return (int)listed;
}

int service_add_snapshots(struct service *s, struct snapshot **add, size_t n,
			  struct err *err)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv;
	int listed = sort_out_listed(s->inv, add, n, err);

	if (listed < 0)
		return listed;
	n -= (size_t)listed;
	inv = inventory_copy(s->inv, 0, n);
	if (!inv)
		return err_oom(err);
	for (size_t i = 0; i < n; i++)
		inv->snapshots[inv->n_snapshots++] = snapshot_ref(add[i]);
	qsort(inv->snapshots, inv->n_snapshots, sizeof(void *), cmp_snapshot);
	index_snapshots(inv);
	inventory_swap(s, inv);
	return listed;
}

static struct snapshot **find_snapshot(struct inventory *inv, uint64_t serial)
{
	size_t low = 0, high = inv->n_snapshots;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (inv->snapshots[mid]->serial < serial)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < inv->n_snapshots && inv->snapshots[low]->serial == serial)
		return &inv->snapshots[low];
	return NULL;
}

void service_drop_snapshots(struct service *s, struct snapshot **drop,
			    size_t n)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv = inventory_copy(s->inv, 0, 0);
	size_t kept = 0;

	if (!inv)
		return;
	qsort(drop, n, sizeof(*drop), cmp_snapshot);
	for (size_t i = 0; i < inv->n_snapshots; i++) {
		struct snapshot *sn = inv->snapshots[i];

		if (bsearch(&sn, drop, n, sizeof(*drop), cmp_snapshot))
			snapshot_unref(sn);
		else
			inv->snapshots[kept++] = sn;
	}
	inv->n_snapshots = kept;
	index_snapshots(inv);
	inventory_swap(s, inv);
}

void service_swap_snapshot(struct service *s, struct snapshot *sn)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv = inventory_copy(s->inv, 0, 0);
	struct snapshot **at;

	if (!inv)
		return;
	at = find_snapshot(inv, sn->serial);
	if (at) {
		snapshot_unref(*at);
		*at = snapshot_ref(sn);
		index_snapshots(inv);
	}
	inventory_swap(s, inv);
}

/* ---- readers ---- */

static struct volume_node *find_serial(struct inventory *inv, uint64_t serial)
{
	size_t i = serial ? inventory_after(inv, serial - 1) : inv->n_volumes;

	if (i < inv->n_volumes && inv->by_serial[i]->serial == serial)
		return inv->by_serial[i];
	return NULL;
}

static struct volume_node *find_name(struct inventory *inv, const char *name)
{
	size_t low = 0, high = inv->n_volumes;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(inv->by_name[mid]->current->name, name);

		if (c == 0)
			return inv->by_name[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static struct volume_node *find_id(struct inventory *inv, const char *id)
{
	size_t low = 0, high = inv->n_ids;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(inv->by_id[mid]->current->f.id, id);

		if (c == 0)
			return inv->by_id[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static struct volume *current_of(struct volume_node *n)
{
	return n && n->current ? volume_ref(n->current) : NULL;
}

struct volume *service_volume(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->lock);
	return current_of(find_serial(s->inv, serial));
}

struct volume *service_volume_of(struct service *s, struct volume_node *node)
{
	LOCK_SCOPE(&s->lock);
	return current_of(node);
}

struct volume *service_volume_named(struct service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	return current_of(find_name(s->inv, name));
}

struct volume *service_volume_by_id(struct service *s, const char *id)
{
	LOCK_SCOPE(&s->lock);
	return current_of(find_id(s->inv, id));
}

struct snapshot *service_snapshot(struct service *s, uint64_t serial)
{
	LOCK_SCOPE(&s->lock);
	struct snapshot **at = find_snapshot(s->inv, serial);

	return at ? snapshot_ref(*at) : NULL;
}

struct snapshot *service_snapshot_named(struct service *s,
					uint64_t volume_serial,
					const char *name)
{
	LOCK_SCOPE(&s->lock);
	struct inventory *inv = s->inv;

	for (size_t i = first_of_volume(inv, volume_serial, 0);
	     i < inv->n_snapshots &&
	     inv->by_volume[i]->volume_serial == volume_serial; i++)
		if (strcmp(inv->by_volume[i]->name, name) == 0)
			return snapshot_ref(inv->by_volume[i]);
	return NULL;
}

struct snapshot *service_snapshot_by_id(struct service *s, const char *id)
{
	LOCK_SCOPE(&s->lock);
	for (size_t i = 0; i < s->inv->n_snapshots; i++) {
		struct snapshot *sn = s->inv->snapshots[i];

		if (sn->f.id && strcmp(sn->f.id, id) == 0)
			return snapshot_ref(sn);
	}
	return NULL;
}

size_t service_snapshot_count(struct service *s, uint64_t volume_serial)
{
	LOCK_SCOPE(&s->lock);
	return first_of_volume(s->inv, volume_serial, UINT64_MAX) -
	       first_of_volume(s->inv, volume_serial, 0);
}

struct inventory *service_inventory(struct service *s)
{
	LOCK_SCOPE(&s->lock);
	return inventory_ref(s->inv);
}

/* Volumes looked at under one lock: readers do not wait for all of them. */
#define STRIDE 1024

struct volume *service_next_kept(struct service *s,
				 const struct inventory *inv, size_t *at)
{
	while (*at < inv->n_volumes) {
		size_t left = inv->n_volumes - *at;
		size_t end = *at + (left < STRIDE ? left : STRIDE);

		LOCK_SCOPE(&s->lock);
		while (*at < end) {
			struct volume *v = inv->by_serial[(*at)++]->current;

			if (v && v->local)
				return volume_ref(v);
		}
	}
	return NULL;
}

size_t inventory_after(const struct inventory *inv, uint64_t serial)
{
	size_t low = 0, high = inv->n_volumes;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (inv->by_serial[mid]->serial <= serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t service_snapshots_of(struct service *s, uint64_t volume_serial,
			    uint64_t after, struct snapshot **out, size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&s->lock);
	struct inventory *inv = s->inv;

	for (size_t i = first_of_volume(inv, volume_serial, after);
	     i < inv->n_snapshots && n < max &&
	     inv->by_volume[i]->volume_serial == volume_serial; i++)
		out[n++] = snapshot_ref(inv->by_volume[i]);
	return n;
}

/* ---- names ---- */

/* A name that is about to be in the listing: it is stored first, and until it
 * is shown nobody else may take it. */
struct name_claim {
	uint64_t serial;
	unsigned times;
	char name[];
};

static int cmp_claim(const void *a, const void *b)
{
	const struct name_claim *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct name_claim *claim_new(const char *name, uint64_t serial)
{
	size_t len = strlen(name);
	struct name_claim *c = calloc(1, sizeof(*c) + len + 1);

	if (!c)
		return NULL;
	c->serial = serial;
	memcpy(c->name, name, len);
	return c;
}

/* Under service->lock. */
static int claim(struct service *s, const char *name, uint64_t serial)
{
	const struct volume_node *there = find_name(s->inv, name);
	struct name_claim *c, **found;

	if (there && there->serial != serial)
		return -EEXIST;
	c = claim_new(name, serial);
	found = c ? tsearch(c, &s->claims, cmp_claim) : NULL;
	if (!found || *found != c)
		free(c);
	if (!found)
		return -ENOMEM;
	if ((*found)->serial != serial)
		return -EEXIST;
	(*found)->times++;
	return 0;
}

int service_claim_name(struct service *s, const char *name, uint64_t serial,
		       struct err *err)
{
	LOCK_SCOPE(&s->lock);
	int r = claim(s, name, serial);

	if (r == -EEXIST)
		return err_set(err, EEXIST, "there is a volume '%s' already",
			       name);
	return r < 0 ? err_oom(err) : 0;
}

void service_release_name(struct service *s, const char *name)
{
	struct name_claim *c = claim_new(name, 0), **found, *old;

	/* Without memory it stays claimed, until the daemon ends. */
	if (!c)
		return;
	LOCK_SCOPE(&s->lock);
	found = tfind(c, &s->claims, cmp_claim);
	old = found ? *found : NULL;
	if (old && --old->times == 0) {
		tdelete(c, &s->claims, cmp_claim);
		free(old);
	}
	free(c);
}

/* Under service->lock: taken, or ours now. */
static bool is_taken(struct service *s, const char *name, uint64_t serial)
{
	return claim(s, name, serial) == -EEXIST;
}

void service_pick_name(struct service *s, const char *raw, const char *id,
		       uint64_t serial, char *out)
{
	char esc_id[NAME_BYTES_MAX + 1];
	size_t room = NAME_BYTES_MAX + 1;
	int len = raw ? name_escape(raw, strlen(raw), out, room) : -EINVAL;

	LOCK_SCOPE(&s->lock);
	if (len > 0 && !is_taken(s, out, serial))
		return;
	if (!id || name_escape(id, strlen(id), esc_id, room) < 0)
		snprintf(esc_id, sizeof(esc_id), "unnamed");
	if (len > 0 && len + 1 + strlen(esc_id) < room) {
		out[len] = '@';
		memcpy(out + len + 1, esc_id, strlen(esc_id) + 1);
	} else {
		memcpy(out, esc_id, strlen(esc_id) + 1);
	}
	/* Ids are unique; but another volume's name may look like this id. */
	size_t base = strlen(out) < room - 12 ? strlen(out) : room - 12;

	for (unsigned i = 2; is_taken(s, out, serial); i++)
		snprintf(out + base, room - base, "@%u", i);
}

/* Takes @node out of @a, which stays sorted. */
static size_t take_out(struct volume_node **a, size_t n,
		       const struct volume_node *node)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != node)
			continue;
		memmove(a + i, a + i + 1, (n - i - 1) * sizeof(*a));
		return n - 1;
	}
	return n;
}

int service_replace(struct service *s, struct volume *v, struct err *err)
{
	LOCK_SCOPE(&s->lock);
	struct volume_node *node = v->node;
	struct volume *old = node->current;
	struct inventory *inv;
	bool new_id, new_name;

	if (!old)
		return err_set(err, ESTALE, "'%s/%s' is gone", s->name,
			       v->name);
	new_name = strcmp(old->name, v->name) != 0;
	new_id = strcmp(old->f.id ? old->f.id : "",
			v->f.id ? v->f.id : "") != 0;
	if (new_name || new_id) {
		inv = inventory_copy(s->inv, 0, 0);
		if (!inv)
			return err_oom(err);
		take_out(inv->by_name, inv->n_volumes, node);
		if (old->f.id)
			inv->n_ids = take_out(inv->by_id, inv->n_ids, node);
		node->current = volume_ref(v);
		insert_sorted(inv->by_name, inv->n_volumes - 1, node,
			      cmp_name);
		if (v->f.id)
			insert_sorted(inv->by_id, inv->n_ids++, node, cmp_id);
		inventory_swap(s, inv);
	} else {
		node->current = volume_ref(v);
	}
	node->touched = ++s->clock;
	volume_unref(old);
	return 0;
}

void inventory_free_all(struct service *s)
{
	LOCK_SCOPE(&s->lock);
	for (size_t i = 0; s->inv && i < s->inv->n_volumes; i++) {
		struct volume_node *n = s->inv->by_serial[i];

		volume_unref(n->current);
		n->current = NULL;
	}
	inventory_unref(s->inv);
	s->inv = NULL;
	tdestroy(s->claims, free);
	s->claims = NULL;
}
