/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_COMMANDS_H
#define VOLFS_CORE_HOST_COMMANDS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/host/helper.h"
#include "core/host/filesystem.h"

/*
 * The commands of helper processes, and what only the files of this directory
 * share. A command runs in a process of its own with one thread, so it may
 * sleep for ever. It gets its words as argv[0..argc-1] (without its own name;
 * their number has been checked), adds to @reply what the caller wants to
 * know, and returns 0, or a negative errno with @err filled.
 */
#define HELPER_COMMAND(name)                                            \
	int name(int argc, char **argv, struct json_object *reply,      \
		 struct err *err)

HELPER_COMMAND(command_driver);          /* driver words...; core/provider.c */
HELPER_COMMAND(command_loop_attach);     /* image */
HELPER_COMMAND(command_loop_find);       /* image | device inode */
HELPER_COMMAND(command_loop_detach);     /* image wait_ms */
HELPER_COMMAND(command_loop_autoclear);  /* image 0|1 */
HELPER_COMMAND(command_loop_grow);       /* image */
HELPER_COMMAND(command_rescan);          /* sysfs-attribute... */
HELPER_COMMAND(command_exclusive_open);  /* node major minor */
HELPER_COMMAND(command_probe);           /* node want_bytes */
HELPER_COMMAND(command_mkfs);            /* node type label uuid want ms over */
HELPER_COMMAND(command_fsck);            /* node type ms */
HELPER_COMMAND(command_grow);            /* node type mounted_at ms */
HELPER_COMMAND(command_statfs);          /* path */
HELPER_COMMAND(command_mount);           /* source target type options ro */
HELPER_COMMAND(command_bind);            /* private subpath data ... */
HELPER_COMMAND(command_name_move);       /* path inode newname */
HELPER_COMMAND(command_names_renew);     /* path inode ... */
HELPER_COMMAND(command_umount);          /* path how */
HELPER_COMMAND(command_chown_root);      /* path uid gid mode */
HELPER_COMMAND(command_holders);         /* devno except_below most ... */
HELPER_COMMAND(command_directory_free);  /* path */
HELPER_COMMAND(command_freeze_guard);    /* path most_ms */
HELPER_COMMAND(command_thaw);            /* path | "" device type devno */

/* --- starting a helper (helper.c) --- */

#define HELPER_NAME "volfs-helper"

struct helper_spawn {
	const char *const *argv;   /* a command's words, NULL-terminated */
	int input;                 /* becomes its descriptor 0; -1: /dev/null */
	int output;                /* becomes its descriptor 1 */
	bool session;              /* a session of its own, not only a group */
};

/* Starts a helper. Return: its process id, or a negative errno. */
pid_t helper_spawn(const struct helper_spawn *h, struct err *err);

/* Waits up to @most_ms for the end of @pid; else (and with @most_ms 0) it is
 * put on the list of children that later helpers' ends look at. */
void helper_reap(pid_t pid, int64_t most_ms);

/* Turns a helper's line into a reply (0) or its error. */
int helper_parse(const char *text, size_t len, struct json_object **reply,
		 struct err *err);

/* Writes one answer line to descriptor @fd, from within a helper. */
void helper_answer(int fd, int r, struct json_object *reply,
		   const struct err *err);

/* Before a command's words: "hold" node devno diskseq. The helper opens the
 * node, makes sure that it is that disk and no other under its name, and keeps
 * it open to its end: so long no other disk can get its number. */
#define HOLD_WORDS 4

/* helper_run() of a command that is about @dev (device.c). -ENODEV, -ENXIO,
 * -ENOENT where that disk is gone. */
int device_helper_run(const struct call *c, int64_t most_ms,
		      const struct device *dev, const char *const *argv,
		      struct json_object **reply, struct err *err);

/* --- within a helper (exec.c) --- */

/* The full path of a program, looked for in a fixed list of directories.
 * -ENOENT, naming it. */
int tool_find(const char *name, char *path, size_t room, struct err *err);

/* SIGTERM asks a command that cleans up after itself to stop: helper_exec()
 * then ends its program and says -ECANCELED. */
void helper_heed_stop(void);

/* --- probing (probe.c) --- */

int probe_device(const char *node, int fd, uint64_t want_bytes,
		 struct fs_probe *out, struct err *err);
void probe_to_json(const struct fs_probe *p, struct json_object *reply);

/* Opens a node for what is asked, as a block device or nothing. */
int device_node_open(const char *node, int flags, struct err *err);

/* What an ext2, ext3 or ext4 superblock says of itself. */
struct ext_super {
	uint64_t blocks;
	uint32_t block_size;
	bool unclean;
	bool damaged;      /* its checksum is wrong */
};
/* -EUCLEAN: there is none. */
int ext_super_read(int fd, struct ext_super *out);

/* --- numbers in argv --- */

/* Our own numbers, written by the parent: -EINVAL where they are none. */
int word_u64(const char *word, uint64_t *out, struct err *err);

/* A decimal number as a word; @out holds at least 24 bytes. */
const char *word_of_u64(char *out, uint64_t n);
#define WORD_MAX 24

uint64_t reply_u64(struct json_object *o, const char *key);
bool reply_bool(struct json_object *o, const char *key);
const char *reply_text(struct json_object *o, const char *key); /* "" if none */

#endif
