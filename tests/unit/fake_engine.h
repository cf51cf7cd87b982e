/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TESTS_FAKE_ENGINE_H
#define VOLFS_TESTS_FAKE_ENGINE_H

#include "core/engine.h"

/*
 * A small engine over lists in memory, for tests of the file system. Two
 * services: "full" (number 1), whose driver can everything and has every
 * notion, and "bare" (2), whose driver has only what is required. Verbs act on
 * the lists at once, on a worker of their own, after fake_delay_ms; a line or
 * value with the word "fail" fails with EBUSY.
 */
struct engine *fake_new(const struct engine_host *host);
void fake_free(struct engine *e);

/* Adds a volume; returns its serial. Published when a host is there. */
uint64_t fake_add(struct engine *e, unsigned service, const char *name,
		  const char *id);
uint64_t fake_add_snapshot(struct engine *e, unsigned service,
			   uint64_t volume_serial, const char *name,
			   const char *id);
void fake_remove(struct engine *e, unsigned service, uint64_t serial);
void fake_set_size(struct engine *e, unsigned service, uint64_t serial,
		   uint64_t size_bytes);
/* As the engine does it; with publish false only the swap. */
void fake_swap_size(struct engine *e, unsigned service, uint64_t serial,
		    uint64_t size_bytes, bool publish);
void fake_publish(struct engine *e, enum change_kind kind, unsigned service,
		  uint64_t serial);
/* Replaces what the host keeps of a volume. */
void fake_set_local(struct engine *e, unsigned service, uint64_t serial,
		    struct volume_local *local);

extern int fake_delay_ms;
extern struct service_options fake_options;      /* of both services */
extern struct core_options fake_core_options;

#endif
