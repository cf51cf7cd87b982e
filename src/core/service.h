/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_SERVICE_H
#define VOLFS_CORE_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/provider.h"
#include "core/volume.h"

struct engine;

/*
 * One configured service: its driver's session and what is known of its
 * volumes. Lock order: engine->lock, service->lock, job->lock; nothing is
 * called back with any of them held, and none is held over a request, a
 * commit or a helper. A reader holds service->lock for a binary search and a
 * reference, no longer.
 *
 * The inventory is immutable and counted; refresh swaps it. What changes in a
 * single volume swaps node->current. by_serial is the order of readdir, so
 * that an offset is a serial and stays right whatever comes and goes.
 */
struct inventory {
	atomic_uint refs;
	struct volume_node **by_serial;  /* ascending; a reference each */
	size_t n_volumes;
	/* For searches under the service's lock, in the current one only. */
	struct volume_node **by_name;    /* n_volumes, by current->name */
	struct volume_node **by_id;      /* n_ids, by current->f.id */
	size_t n_ids;
	struct snapshot **snapshots;     /* by serial */
	struct snapshot **by_volume;     /* by volume_serial, then serial */
	size_t n_snapshots;
};

enum service_state { SERVICE_OK, SERVICE_DEGRADED, SERVICE_UNREACHABLE,
		     SERVICE_MISCONFIGURED, SERVICE_RETIRED };
const char *service_state_name(enum service_state s);

struct service;              /* inside: src/core/service_impl.h */

/* ---- what readers (fs/) use: memory only, never blocks ---- */

struct service *service_ref(struct service *s);
void service_unref(struct service *s);

unsigned service_number(const struct service *s);  /* 1.., for node ids */
const char *service_name(const struct service *s);
const struct provider *service_provider(const struct service *s);
				/* NULL: misconfigured, unknown driver */
/* Whether what it has has that notion (enum notion, one of them). */
bool service_notes(const struct service *s, unsigned notion);
/* The options in force; valid while @s is held and no reload happens: copy
 * what is kept. Owner, group and modes are resolved to numbers there. */
const struct service_options *service_options(const struct service *s);

/* Each returns a reference, or NULL. */
struct volume *service_volume(struct service *s, uint64_t serial);
/* What a node of a listing is now; NULL when it is gone. */
struct volume *service_volume_of(struct service *s, struct volume_node *node);
struct volume *service_volume_named(struct service *s, const char *name);
struct volume *service_volume_by_id(struct service *s, const char *id);
struct snapshot *service_snapshot(struct service *s, uint64_t serial);
struct snapshot *service_snapshot_named(struct service *s,
					uint64_t volume_serial,
					const char *name);

/* The listing as it is now; iterate by_serial and take each volume with
 * service_volume_of(). NULL is never returned. */
struct inventory *service_inventory(struct service *s);
void inventory_unref(struct inventory *inv);
/* Index of the first volume with a serial above @serial. */
size_t inventory_after(const struct inventory *inv, uint64_t serial);

/* Snapshots of a volume in serial order, from above @after: fills at most
 * @max references; returns how many. volume_serial 0: of unlisted volumes. */
size_t service_snapshots_of(struct service *s, uint64_t volume_serial,
			    uint64_t after, struct snapshot **out, size_t max);

struct service_counts {
	unsigned volumes, managed, attached, mounted, snapshots;
	unsigned jobs_running, jobs_waiting;
};

/* For .status and .error: a consistent copy. Strings are the caller's. */
struct service_info {
	enum service_state state;
	int64_t observed_at_s;       /* 0 = never */
	bool stale;
	char *stale_reason;          /* or NULL */
	uint64_t refresh_ms;
	int64_t latency_ms;          /* of the last listing; -1 = none yet */
	struct instance instance;
	struct service_counts counts;
	struct bounds bounds;
	int64_t throttled_until_s;   /* 0 = not */
	struct fault fault;          /* at_s 0 = none */
	char **warnings;             /* NULL-terminated */
	int64_t changed_at_s;        /* of what .status shows besides times */
	int64_t entries_at_s;        /* a volume came or went */
};
void service_info_get(struct service *s, struct service_info *out);
void service_info_done(struct service_info *i);

/* observed_at and staleness for a volume's status; same for all of a service */
void service_observed(struct service *s, int64_t *observed_at_s, bool *stale,
		      const char **stale_reason);

#endif
