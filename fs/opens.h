/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_OPENS_H
#define VOLFS_FS_OPENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/*
 * Open files. A handle is a serial; behind it is kept, from the first read to
 * RELEASE, the text that this open shows, and whether it has changed since,
 * for poll(). Opening a file that does not poll keeps nothing.
 */
struct opens;

struct opens *opens_new(void);
void opens_free(struct opens *o);

/* A new handle for an open of @ino. */
uint64_t opens_add(struct opens *o, uint64_t ino, bool polls);
void opens_release(struct opens *o, uint64_t fh);

/* A read at @offset: appends up to @size bytes of the kept text. 0, or -ENOENT:
 * nothing is kept, the text must be made. */
int opens_read(struct opens *o, uint64_t fh, uint64_t offset, size_t size,
	       struct buf *out);

/* Called before the text is made: what changes from here on is news. */
void opens_begin_read(struct opens *o, uint64_t fh);

/* Keeps a text (a copy) for @uid. -EAGAIN: too much is kept already, for all or
 * for that user, and this one cannot do without. A user may always have one
 * text, and what others keep open never takes all room from root. */
enum opens_must { OPENS_IF_ROOM, OPENS_MUST };
int opens_keep(struct opens *o, uint64_t fh, uint64_t ino, uid_t uid,
	       const char *text, size_t len, enum opens_must must);

/* A piece written at @offset, for a value of several lines: appends to @all
 * what this open has written so far, this piece included. -EINVAL: it does not
 * follow the last piece; -E2BIG: over @most bytes in all. */
int opens_write(struct opens *o, uint64_t fh, uint64_t ino, uint64_t offset,
		const char *piece, size_t len, size_t most, struct buf *all);

/* For the events: how far an open has read. */
void opens_set_end(struct opens *o, uint64_t fh, uint64_t end);
uint64_t opens_end(struct opens *o, uint64_t fh);

/* Has it changed since it was opened or last read from its start? If not, and
 * @schedule, the poller @kh is woken when it does. */
bool opens_poll(struct opens *o, uint64_t fh, uint64_t ino, uint64_t kh,
		bool schedule);

/* The node has changed: wakes its pollers. @wake is called with no lock that
 * a caller of the above would need for long. */
void opens_changed(struct opens *o, uint64_t ino,
		   void (*wake)(void *arg, uint64_t kh), void *arg);

#endif
