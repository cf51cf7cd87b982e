/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_VOLUME_INTERNAL_H
#define VOLFS_CORE_VOLUME_INTERNAL_H

#include <stddef.h>

/*
 * Where the plain strings of the fact structs are: copying, comparing and
 * both directions of the codec walk the same list, so a field cannot be
 * forgotten in one of them. The order is that of the stored record: a new
 * field goes at the end, with a new version of the record.
 */
#define VOLUME_STRINGS 12
extern const size_t volume_string_offsets[VOLUME_STRINGS];

#define SNAPSHOT_STRINGS 6
extern const size_t snapshot_string_offsets[SNAPSHOT_STRINGS];

static inline const char *string_at(const void *record, size_t offset)
{
	return *(const char *const *)((const char *)record + offset);
}

static inline void string_put(void *record, size_t offset, const char *s)
{
	*(const char **)((char *)record + offset) = s;
}

/* The words of struct snapshot_facts.consistency; NULL-terminated. */
extern const char *const snapshot_consistency_words[];

#endif
