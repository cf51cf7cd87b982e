/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_BASE_LOG_H
#define VOLFS_BASE_LOG_H

#include <stdarg.h>

/*
 * One line a message, to standard error; under systemd with the "<N>" level
 * prefix that the journal reads (when JOURNAL_STREAM names our stderr).
 * Elsewhere a line begins with the time (RFC 3339, UTC) and the level word.
 * Newlines and control bytes within a message are written as \xNN. Nothing
 * that came from an OPT_SECRET option may be passed in; log_redact() registers
 * values that are replaced by *** wherever they appear all the same.
 * Never logs while a file system is frozen: see log_hold(). Where nobody reads
 * any more, a line waits a fifth of a second at most and is then lost; how many
 * were is said once somebody reads again.
 */
enum log_level { LOG_ERR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

void log_init(enum log_level most);
int log_level_parse(const char *word, enum log_level *out); /* 0 or -EINVAL */
void log_redact(const char *secret); /* copied; ignored if under 4 bytes */

void log_at(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Between the two no line is written: they are kept, 64 KiB of them, and come
 * at the last log_release(). Holds add up. When log_hold() returns, no write is
 * under way. It takes no memory, so it may be called before a freeze. */
void log_hold(void);
void log_release(void);

#define log_error(...) log_at(LOG_ERR_, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN_, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO_, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG_, __VA_ARGS__)

#endif
