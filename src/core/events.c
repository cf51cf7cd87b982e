/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events file: one JSON object a line, in the state directory. At its
 * limit it becomes events.1 and a new one begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "core/engine_impl.h"

#define TAIL_BYTES 8192

struct events {
	pthread_mutex_t lock;
	int fd[2];               /* events, events.1; -1 = not there */
	char *path[2];
	_Atomic uint64_t size[2];
	uint64_t max_bytes, seq;
	bool failed;             /* said once */
};

/* The number of the last event, from the last line of the file. */
static uint64_t last_seq(int fd, uint64_t size)
{
	char tail[TAIL_BYTES + 1];
	uint64_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	ssize_t n = pread(fd, tail, TAIL_BYTES, from);
	struct json_object *o, *v;
	uint64_t seq = 0;
	char *line;

	if (n <= 1)
		return 0;
	tail[n] = '\0';
	if (tail[n - 1] == '\n')
		tail[n - 1] = '\0';
	line = strrchr(tail, '\n');
	o = json_tokener_parse(line ? line + 1 : tail);
	if (o && json_object_object_get_ex(o, "seq", &v))
		seq = json_object_get_int64(v);
	json_object_put(o);
	return seq;
}

static void open_one(struct events *ev, int which, int flags)
{
	struct stat st;

	ev->fd[which] = open(ev->path[which], O_RDWR | O_CLOEXEC | flags,
			     0600);
	ev->size[which] = ev->fd[which] >= 0 &&
			  fstat(ev->fd[which], &st) == 0 ? st.st_size : 0;
}

struct events *events_open(const char *dir, uint64_t max_bytes,
			   struct err *err)
{
	struct events *ev = calloc(1, sizeof(*ev));

	if (!ev || asprintf(&ev->path[0], "%s/events", dir) < 0 ||
	    asprintf(&ev->path[1], "%s/events.1", dir) < 0) {
		free(ev);
		err_oom(err);
		return NULL;
	}
	pthread_mutex_init(&ev->lock, NULL);
	ev->max_bytes = max_bytes ? max_bytes : 16 * 1024 * 1024;
	open_one(ev, 0, O_CREAT | O_APPEND);
	open_one(ev, 1, 0);
	if (ev->fd[0] < 0) {
		err_errno(err, errno, "open '%s'", ev->path[0]);
		events_close(ev);
		return NULL;
	}
	ev->seq = last_seq(ev->fd[0], ev->size[0]);
	if (!ev->size[0] && ev->fd[1] >= 0)
		ev->seq = last_seq(ev->fd[1], ev->size[1]);
	return ev;
}

void events_close(struct events *ev)
{
	if (!ev)
		return;
	for (int i = 0; i < 2; i++) {
		if (ev->fd[i] >= 0)
			close(ev->fd[i]);
		free(ev->path[i]);
	}
	pthread_mutex_destroy(&ev->lock);
	free(ev);
}

/* Under the lock. */
static void rotate(struct events *ev)
{
	if (rename(ev->path[0], ev->path[1]) < 0)
		return;
	if (ev->fd[1] >= 0)
		close(ev->fd[1]);
	ev->fd[1] = ev->fd[0];
	ev->size[1] = ev->size[0];
	open_one(ev, 0, O_CREAT | O_APPEND);
}

static void write_line(struct events *ev, const struct buf *line)
{
	ssize_t n;

	if (ev->size[0] + line->len > ev->max_bytes)
		rotate(ev);
	n = ev->fd[0] < 0 ? -1 : write(ev->fd[0], line->data, line->len);
	if (n == (ssize_t)line->len) {
		ev->size[0] += n;
		ev->failed = false;
		return;
	}
	/* Half a line must not stand in the file. */
	if (n > 0 && ftruncate(ev->fd[0], ev->size[0]) < 0)
		ev->size[0] += n;
	if (!ev->failed)
		log_warn("events cannot be written: %s", strerror(errno));
	ev->failed = true;
}

static void put(struct buf *b, const char *key, const char *text)
{
	buf_printf(b, ",\"%s\":", key);
	buf_json_string(b, text);
}

void event_add(struct engine *e, struct service *s, const struct volume *v,
	       const char *event, const char *from, const char *to,
	       uint64_t job, uid_t uid, const char *message)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(16 * 1024);
	struct events *ev = e->events;
	char at[FORMAT_MAX];

	if (!ev)
		return;
	pthread_mutex_lock(&ev->lock);
	buf_printf(&line, "{\"seq\":%" PRIu64 ",\"at\":\"%s\"", ++ev->seq,
		   format_time(at, clock_unix_s()));
	put(&line, "service", s ? s->name : NULL);
	put(&line, "volume", v ? v->name : NULL);
	put(&line, "id", v ? v->f.id : NULL);
	put(&line, "event", event);
	put(&line, "from", from);
	put(&line, "to", to);
	if (job)
		buf_printf(&line, ",\"job\":\"%" PRIu64 "\"", job);
	else
		buf_puts(&line, ",\"job\":null");
	buf_printf(&line, ",\"uid\":%u", uid);
	put(&line, "message", message);
	buf_puts(&line, "}\n");
	if (!buf_failed(&line))
		write_line(ev, &line);
	pthread_mutex_unlock(&ev->lock);
	publish(e, &(struct change){ .kind = CHANGE_EVENTS }, 1);
}

uint64_t engine_events_size(struct engine *e, int which)
{
	return e->events ? e->events->size[which] : 0;
}

ssize_t engine_events_read(struct engine *e, int which, char *out, size_t len,
			   uint64_t offset)
{
	struct events *ev = e->events;
	ssize_t n;
	int fd;

	if (!ev)
		return -ENOENT;
	pthread_mutex_lock(&ev->lock);
	fd = ev->fd[which] >= 0 ? fcntl(ev->fd[which], F_DUPFD_CLOEXEC, 3)
				: -1;
	pthread_mutex_unlock(&ev->lock);
	if (fd < 0)
		return -ENOENT;
	n = pread(fd, out, len, offset);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}
