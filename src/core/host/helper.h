/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_HOST_HELPER_H
#define VOLFS_CORE_HOST_HELPER_H

#include <json-c/json.h>

#include "base/call.h"
#include "base/err.h"

/*
 * Whatever may sleep uninterruptibly runs in a short-lived process of its own:
 * /proc/self/exe again, with "--host-helper" and a command's words. It gets an
 * argv and one pipe, over which it answers with one line of JSON; no database,
 * no lock, no /dev/fuse (all other descriptors are closed), its own process
 * group. A helper that does not answer by the deadline is killed, and left
 * alone where the kernel will not let it die; it is reaped later.
 *
 * A successful answer is {"ok":true, ...}; a failed one
 * {"ok":false,"errno":"EBUSY","message":"..."} becomes the caller's err.
 */

/* Runs "@argv" (NULL-terminated, without program name and "--host-helper").
 * Blocks to @c's deadline or cancel, and not longer than @most_ms.
 * On success *@reply (may be NULL) is the caller's, to json_object_put(). */
int helper_run(const struct call *c, int64_t most_ms, const char *const *argv,
	       struct json_object **reply, struct err *err);

/* The helper's side; called by main() when argv[1] is "--host-helper".
 * Return: the process's exit status. */
int helper_main(int argc, char **argv);

/* Within a helper: becomes call_progress() of who waits for it. A line each:
 * some ten a second are enough. */
void helper_progress(int percent);

/* Within a helper: as mount_directory_free() of what @fd is open on, which may
 * be open in volfsd's helpers. */
int helper_directory_free(int fd, struct err *err);

/* Runs another program by argv from within a helper: standard input empty,
 * output and errors captured (the last 2 KiB go into @err on failure).
 * Return: its exit status, or a negative errno. */
int helper_exec(const char *const *argv, int64_t most_ms, char *output,
		size_t output_room, struct err *err);

#endif
