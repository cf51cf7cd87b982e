/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/opens.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "base/auto.h"

/* Kept texts, bytes. Whole ones, which a reader has seen all of, only while
 * there is little; of others, so much of one user, of all users, and with
 * root's. */
#define WHOLE_MAX ((size_t)8 << 20)
#define USER_MAX ((size_t)8 << 20)
#define USERS_MAX ((size_t)48 << 20)
#define KEPT_MAX ((size_t)64 << 20)

/* What one user keeps. */
struct share {
	uid_t uid;
	size_t kept;
	UT_hash_handle hh;
};

struct open_file {
	uint64_t fh, ino;
	char *text;
	size_t len;
	char *written;               /* see opens_write() */
	size_t n_written;
	bool has_text, at_end;       /* at_end: all was read, nothing kept */
	struct share *share;         /* while there is a text */
	bool watched, changed;
	uint64_t kh;                 /* of a waiting poller, 0 = none */
	uint64_t end;
	struct open_file *next;      /* of the same watched node */
	UT_hash_handle hh;
};

struct watch {
	uint64_t ino;
	struct open_file *first;
	UT_hash_handle hh;
};

struct opens {
	pthread_mutex_t lock;        /* all below but the atomics */
	struct open_file *files;
	struct watch *watches;
	struct share *shares;
	size_t kept;
	_Atomic uint64_t next;
	atomic_uint n_watches;
};

struct opens *opens_new(void)
{
	struct opens *o = calloc(1, sizeof(*o));
	struct timespec now;

	if (!o)
		return NULL;
	pthread_mutex_init(&o->lock, NULL);
	/* Above every handle of an earlier daemon. */
	clock_gettime(CLOCK_REALTIME, &now);
	atomic_init(&o->next, (uint64_t)now.tv_sec * 1000000000u +
			      (uint64_t)now.tv_nsec);
	return o;
}

static struct open_file *file_find(struct opens *o, uint64_t fh)
{
	struct open_file *f;

	HASH_FIND(hh, o->files, &fh, sizeof(fh), f);
	return f;
}

static struct open_file *file_get(struct opens *o, uint64_t fh, uint64_t ino)
{
	struct open_file *f = file_find(o, fh);

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->fh = fh;
	f->ino = ino;
	HASH_ADD(hh, o->files, fh, sizeof(f->fh), f);
	return f;
}

static void file_watch(struct opens *o, struct open_file *f)
{
	struct watch *w;

	if (f->watched)
		return;
	HASH_FIND(hh, o->watches, &f->ino, sizeof(f->ino), w);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return;
		w->ino = f->ino;
		HASH_ADD(hh, o->watches, ino, sizeof(w->ino), w);
		atomic_fetch_add(&o->n_watches, 1);
	}
	f->next = w->first;
	w->first = f;
	f->watched = true;
}

static void file_unwatch(struct opens *o, struct open_file *f)
{
	struct open_file **p;
	struct watch *w;

	if (!f->watched)
		return;
	HASH_FIND(hh, o->watches, &f->ino, sizeof(f->ino), w);
	for (p = &w->first; *p != f; p = &(*p)->next)
		;
	*p = f->next;
	if (!w->first) {
		HASH_DELETE(hh, o->watches, w);
		atomic_fetch_sub(&o->n_watches, 1);
		free(w);
	}
}

static struct share *share_get(struct opens *o, uid_t uid)
{
	struct share *s;

	HASH_FIND(hh, o->shares, &uid, sizeof(uid), s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->uid = uid;
	HASH_ADD(hh, o->shares, uid, sizeof(s->uid), s);
	return s;
}

static void share_put(struct opens *o, struct share *s, size_t len)
{
	s->kept -= len;
	if (s->kept)
		return;
	HASH_DELETE(hh, o->shares, s);
	free(s);
}

static void text_drop(struct opens *o, struct open_file *f)
{
	if (f->has_text) {
		o->kept -= f->len;
		share_put(o, f->share, f->len);
	}
	f->share = NULL;
	free(f->text);
	f->text = NULL;
	f->has_text = f->at_end = false;
}

static void file_free(struct opens *o, struct open_file *f)
{
	file_unwatch(o, f);
	text_drop(o, f);
	HASH_DELETE(hh, o->files, f);
	free(f->written);
	free(f);
}

void opens_free(struct opens *o)
{
	struct open_file *f, *next;

	if (!o)
		return;
	HASH_ITER(hh, o->files, f, next)
		file_free(o, f);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

uint64_t opens_add(struct opens *o, uint64_t ino, bool polls)
{
	uint64_t fh = atomic_fetch_add(&o->next, 1);
	struct open_file *f;

	if (!polls)
		return fh;
	LOCK_SCOPE(&o->lock);
	f = file_get(o, fh, ino);
	if (f)
		file_watch(o, f);
	return fh;
}

void opens_release(struct opens *o, uint64_t fh)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (f)
		file_free(o, f);
}

int opens_read(struct opens *o, uint64_t fh, uint64_t offset, size_t size,
	       struct buf *out)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (!f || (!f->has_text && !f->at_end))
		return -ENOENT;
	if (!f->has_text)
		return offset >= f->len ? 0 : -ENOENT;
	if (offset < f->len)
		buf_append(out, f->text + offset,
			   f->len - offset < size ? f->len - offset : size);
	return 0;
}

void opens_begin_read(struct opens *o, uint64_t fh)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (f)
		f->changed = false;
}

static bool has_room(const struct opens *o, const struct share *s, size_t len,
		     enum opens_must must)
{
	if (must == OPENS_IF_ROOM && o->kept + len > WHOLE_MAX)
		return false;
	if (s->uid == 0)
		return o->kept + len <= KEPT_MAX;
	return o->kept + len <= USERS_MAX &&
	       (s->kept == 0 || s->kept + len <= USER_MAX);
}

int opens_keep(struct opens *o, uint64_t fh, uint64_t ino, uid_t uid,
	       const char *text, size_t len, enum opens_must must)
{
	struct open_file *f;
	struct share *s;
	int r = -ENOMEM;

	LOCK_SCOPE(&o->lock);
	f = file_get(o, fh, ino);
	if (!f)
		return -ENOMEM;
	text_drop(o, f);
	f->len = len;
	s = len ? share_get(o, uid) : NULL;
	if (s && !has_room(o, s, len, must))
		r = -EAGAIN;
	else if (s)
		f->text = malloc(len + 1);
	if (!f->text) {
		if (s)
			share_put(o, s, 0);
		f->at_end = !must || len == 0;
		return f->at_end ? 0 : r;
	}
	memcpy(f->text, text, len);
	f->has_text = true;
	f->share = s;
	s->kept += len;
	o->kept += len;
	return 0;
}

void opens_set_end(struct opens *o, uint64_t fh, uint64_t end)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (f)
		f->end = end;
}

uint64_t opens_end(struct opens *o, uint64_t fh)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	return f ? f->end : 0;
}

bool opens_poll(struct opens *o, uint64_t fh, uint64_t ino, uint64_t kh,
		bool schedule)
{
	struct open_file *f;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (!f) {
		/* Opened with an earlier daemon: it may well have changed. */
		f = file_get(o, fh, ino);
		if (!f)
			return true;
		f->changed = true;
	}
	file_watch(o, f);
	if (schedule)
		f->kh = kh;
	return f->changed || !f->watched;
}

void opens_changed(struct opens *o, uint64_t ino,
		   void (*wake)(void *arg, uint64_t kh), void *arg)
{
	struct watch *w;

	if (atomic_load(&o->n_watches) == 0)
		return;
	LOCK_SCOPE(&o->lock);
	HASH_FIND(hh, o->watches, &ino, sizeof(ino), w);
	for (struct open_file *f = w ? w->first : NULL; f; f = f->next) {
		f->changed = true;
		if (f->kh)
			wake(arg, f->kh);
	}
}

int opens_write(struct opens *o, uint64_t fh, uint64_t ino, uint64_t offset,
		const char *piece, size_t len, size_t most, struct buf *all)
{
	struct open_file *f;
	char *more;

	LOCK_SCOPE(&o->lock);
	f = file_find(o, fh);
	if (offset && (!f || offset != f->n_written))
		return -EINVAL;
	if (len > most || offset > most - len)
		return -E2BIG;
	f = file_get(o, fh, ino);
	more = f ? realloc(f->written, offset + len + 1) : NULL;
	if (!more)
		return -ENOMEM;
	memcpy(more + offset, piece, len);
	f->written = more;
	f->n_written = offset + len;
	buf_append(all, more, f->n_written);
	return buf_failed(all) ? -ENOMEM : 0;
}
