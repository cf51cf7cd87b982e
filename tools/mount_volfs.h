/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TOOLS_MOUNT_VOLFS_H
#define VOLFS_TOOLS_MOUNT_VOLFS_H

/*
 * mount.volfs and umount.volfs: what mount(8) and umount(8) run for the type
 * volfs. Clients of the tree, as volctl is; of the kernel they ask one bind
 * mount, and of libmount the note that lets umount(8) find its way back.
 *
 *	mount_volfs.c      the command line, options, messages
 *	mount_place.c      a volume at a directory of its own
 *	mount_tree.c       the tree: is it there, start it, take it down
 *	mount_notes.c      the note of a mount in libmount's table
 */

#include <stdbool.h>
#include <stdint.h>

#include "tools/volctl.h"

/* Exit statuses of mount(8). */
enum mount_status {
	MOUNT_DONE = 0,
	MOUNT_USAGE = 1,             /* wrong words, or not root */
	MOUNT_SYSTEM = 2,            /* no memory, no process */
	MOUNT_NO_NOTE = 16,          /* mounted, but not noted */
	MOUNT_FAILED = 32,
};

/* What was asked, from the command line. */
struct mount_request {
	struct ctl ctl;              /* .tree: the option's, or /volumes */
	const char *source;          /* "volfs", or SERVICE/VOLUME */
	char *target;                /* absolute */
	const char *namespace;       /* -N: a path, or NULL */
	bool fake, verbose, no_note, sloppy;
	bool force, lazy, read_only_if_busy;   /* of umount */
	bool remount, read_only;
	uint64_t attr_set, attr_clear;         /* MOUNT_ATTR_* */
	char *holder, *subpath, *timeout;
	char *config, *state, *run, *log_level;
	struct buf passed;           /* options that are the daemon's */
	struct buf kept;             /* ro, noexec...: as words */
	struct buf noted;            /* x-..., _netdev: kept in the note */
};

/* ---- mount_volfs.c ---- */

/* Says a line on standard error with -v. */
void mount_say(const struct mount_request *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- mount_place.c ---- */

/* Each returns an exit status, having said why on standard error. */
int place_mount(struct mount_request *q);
int place_remount(struct mount_request *q);
int place_umount(struct mount_request *q);

/* ---- mount_tree.c ---- */

/* Starts the tree at the target; nothing where one answers there. */
int tree_mount(struct mount_request *q);
/* Unmounts its volumes in order, and ends the daemon. */
int tree_umount(struct mount_request *q);

/* Does a daemon answer at @tree within @most_ms? Asked from a process of its
 * own, for a daemon that hangs holds whoever asks. Return: 0 | -ENOENT (no
 * tree) | -ENOTCONN (its daemon has ended) | -ETIMEDOUT | -errno. */
int tree_answers(const char *tree, int most_ms);

/* Complains that it does not; @num is what tree_answers() said. */
void tree_complain_down(const char *tree, int num);

/* ---- mount_notes.c ---- */

/* A mount of ours, as it was noted. The texts are the caller's to free by
 * mount_note_done(). */
struct mount_note {
	char *volume, *tree, *holder;
};

/**
 * mount_note_find - what is mounted at @target (the topmost)
 *
 * Return: 1 and the note if it is a volume's place; 2 if it is a tree; 0 if
 * it is something else or nothing; -errno.
 */
int mount_note_find(const char *target, struct mount_note *out);
void mount_note_done(struct mount_note *note);

/* True if the same volume is mounted for the same holder elsewhere too. */
bool mount_note_has_twin(const char *target, const struct mount_note *note);

/* Writes or removes the note of @target; @note is NULL for a tree. @more:
 * options, "" or ",x-...". Return: 0 or -errno. */
int mount_note_write(const char *target, const struct mount_note *note,
		     const char *more);
int mount_note_remove(const char *target);

#endif
