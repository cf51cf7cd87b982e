/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_VERB_IMPL_H
#define VOLFS_CORE_VERB_IMPL_H

/* What the verb_*.c files share. */

#include "core/engine_impl.h"

/* Waits before a throttled request is repeated; doubles @wait_ms. False: the
 * deadline is near or the job was cancelled. */
bool provider_backoff(struct job *j, const struct call *c, int64_t *wait_ms);

/* Calls into the driver: one at a time unless it is parallel; what it answers
 * EAGAIN to is repeated with growing waits. */
#define PROVIDER_CALL(j, c, expr, err)                                      \
	__extension__({                                                     \
		int r_;                                                     \
		int64_t wait_ms_ = 500;                                     \
		do {                                                        \
			service_enter((j)->svc);                            \
			r_ = (expr);                                        \
			service_leave((j)->svc);                            \
		} while (r_ == -EAGAIN && provider_backoff(j, c, &wait_ms_)); \
		r_;                                                         \
	})

/* Asks the service until the volume is no longer in @pending. -EIO when it
 * went to error, -ESTALE when it is gone. */
int wait_for_state(struct job *j, const struct call *c,
		   enum volume_state pending, struct err *err);

/* The size as the service will have it; -EINVAL outside its bounds. */
int check_size(const struct job *j, uint64_t *size, struct err *err);

/* The raw name of a name of the tree, to @out of NAME_BYTES_MAX + 1. -EINVAL
 * also for one with a NUL byte, which no service can have. */
int raw_name(const char *escaped, char *out, struct err *err);

/* "volfs" and "volfs.*" are ours; empty is nobody's. */
int tag_check_key(const char *key, struct err *err);

/* Notes a removed id or token, so that a late listing does not bring it back;
 * NULL is none. */
void tombstone_add(struct service *s, const char *id);
/* For as long as the removal takes, until tombstone_drop(). */
void tombstone_hold(struct service *s, const char *id);
void tombstone_drop(struct service *s, const char *id);

/* No listing shows that volume as a new one, by its id, or by the token of its
 * creation, which may still run. */
void hold_off(struct service *s, const struct volume_facts *f);

/* Of this error of a creation: something may have been made all the same. */
bool is_ambiguous(int num);
/* For the removal of a volume or snapshot that has no id: looks whether its
 * creation left something. *@v is then that, with its id in the store; its
 * listing is held off by a tombstone. Else it stays as it was. Blocks. An error
 * says that nobody knows. Takes and gives the reference. */
int remains_of_volume(struct job *j, struct volume **v, struct err *err);
int remains_of_snapshot(struct job *j, struct snapshot **sn, struct err *err);

/* Deletes it there and waits until it is gone. */
int remove_at_service(struct job *j, struct volume *v, struct err *err);

int make_snapshot(struct job *j, struct job *batch, struct store_batch *b,
		  struct err *err);
int show_snapshot(struct job *j, struct err *err);
/* -EINVAL unless it is an absolute path in the volume, without ".."; none is
 * fine too. */
int check_subpath(const char *subpath, struct err *err);
void verb_snapshot_failed(struct job *j);
/* An rmdir of a snapshot that is answered before the verdict: out of the tree;
 * and back as a new appearance, should it fail. */
void snapshot_hide(struct job *j);
void verb_snapshot_remove_failed(struct job *j);
/* The snapshots' part of create_recover(). */
void snapshot_recover(struct service *s, const struct snapshot *sn);
/* An rmdir that was answered and then failed or never began. */
void verb_remove_failed(struct job *j);

/* What is mounted of a volume that counts as mounted. -EBUSY: something that is
 * not of it lies over its data/. */
enum { PLACE_NOTHING, PLACE_PRIVATE, PLACE_WHOLE };
int mount_place(struct service *s, const struct volume *v, struct err *err);
/* Is the mount that is there what the line asks for? 0 or -EBUSY. */
int mount_is_as_asked(const struct job *j, const struct volume *v,
		      struct err *err);
/* The lines that end the mount of @v, which depends on who its users are, for
 * a sentence: "echo 1 > db/unmount". */
#define UNMOUNT_HOW_MAX 320
const char *unmount_how(const struct volume *v, char out[UNMOUNT_HOW_MAX]);
/* Is @word one of the comma-separated @options? */
bool options_have(const char *options, const char *word, size_t len);

/* Forgets the mount and its users; for volume_update(), @arg unused. */
void local_unmounted(struct volume_local *l, void *arg);
/* Whose list of mount options holds for @v: a file system's ("bind" where a
 * directory is bound); @fstype: what a line names, or NULL. */
const char *options_fstype(const struct job *j, const struct volume *v,
			   const char *fstype);
/* Measures one mounted volume. */
void usage_of(struct service *s, uint64_t serial, const struct call *c);

/* -EBUSY when mounted, attached or in use elsewhere; @what names the verb. */
int check_unused(const struct job *j, const struct volume *v,
		 struct err *err);

#endif
