/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_FILESYSTEM_H
#define VOLFS_CORE_HOST_FILESYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/call.h"
#include "core/host/device.h"

/*
 * File systems on devices: looking, making, checking, growing, freezing. Each
 * runs in a helper process. Supported to make and grow: ext4 xfs btrfs; to
 * look at and mount: whatever libblkid and the kernel know (ext2 ext3 vfat
 * among the closed list of mount options).
 */

struct fs_probe {
	char type[32];           /* "ext4"; "" if nothing was found */
	char uuid[64], label[256];
	bool blank;              /* libblkid found nothing at all (no bad
				  * checksum either), the first and last MiB
				  * read as zeros, the size is as asked */
	bool unclean;            /* an ext journal that wants recovery or fsck */
	char found[128];         /* in words what was there, for sentences */
	uint64_t size_bytes;     /* of the device */
};

/* @want_bytes: what the service says the device is; 0 = not known (never
 * blank then). Contradicting signatures: not blank, type "". */
int fs_probe(const struct call *c, const struct device *dev,
	     uint64_t want_bytes, struct fs_probe *out, struct err *err);

/* mkfs by argv. Probes again itself in the same process, just before, and
 * refuses with -EUCLEAN what is not blank, unless @overwrite. Wipes its own
 * signatures when mkfs fails half-way, so that a repeat finds it blank.
 * The UUID is made from @c's token: a repeat with the same token waits for a
 * mkfs that a killed daemon left running, finds what it made and says 0. Only
 * where mkfs itself was killed (a power cut), what is there is nobody's: a
 * caller whose journal says "was blank, mkfs begun" may then @overwrite.
 * @label may be NULL. -EINVAL: too small for @fstype, unknown @fstype. */
int fs_make(const struct call *c, const struct device *dev, const char *fstype,
	    const char *label, uint64_t want_bytes, bool overwrite,
	    struct err *err);

/* fsck -p for ext file systems that are unclean; nothing for others.
 * -EUCLEAN when it needs a decision: the sentence gives the command. */
int fs_check(const struct call *c, const struct device *dev,
	     const char *fstype, struct err *err);

/* Grows the file system to its device. ext4, xfs, btrfs online at @mounted_at;
 * ext4 also unmounted (@mounted_at NULL). 0 also when nothing was to do.
 * -EPERM: ext4 online without CAP_SYS_RESOURCE, said in the sentence. */
int fs_grow(const struct call *c, const struct device *dev, const char *fstype,
	    const char *mounted_at, struct err *err);

/* Is mkfs.<fstype> installed, is the type in the closed list? 0 or -EINVAL. */
int fs_type_check(const char *fstype, struct err *err);

/* Mount options from the tree are a closed list per file system. 0 or -EINVAL
 * naming the nearest one. @options: comma-separated. */
int fs_options_check(const char *fstype, const char *options, struct err *err);

struct fs_usage {
	uint64_t total_bytes, used_bytes, available_bytes;
	uint64_t total_inodes, used_inodes;
	bool read_only;          /* the kernel has remounted it read-only */
};

/* statfs in a helper, at most @most_ms: a dead server answers -ETIMEDOUT. */
int fs_usage(const struct call *c, const char *path, int64_t most_ms,
	     struct fs_usage *out, struct err *err);

/*
 * A freeze outlives its freezer, and writers hang in D. So: the path goes to
 * the journal first (a file in @journal_dir, fsynced), then a guard process
 * in a session of its own freezes, answers, and thaws on EOF of its pipe or
 * after @most_ms, whichever is first. freeze_recover() at start thaws what the
 * journal names. -EDEADLK where the file system holds @journal_dir or any of
 * the paths in @never (NULL-terminated).
 */
struct freeze;
int freeze_begin(const struct call *c, const char *mounted_at, int64_t most_ms,
		 const char *journal_dir, const char *const *never,
		 struct freeze **out, struct err *err);
/* Thaws. -EBUSY when the guard had to thaw before: what was read in between is
 * no point in time. Frees @f in every case. */
int freeze_end(struct freeze *f, struct err *err);
int freeze_recover(const char *journal_dir, struct err *err);

#endif
