/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress line. The main thread sits in a write or a wait, so that a
 * signal ends exactly that; this thread reads the job's file beside it.
 */

#include "tools/volctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base/clock.h"

#define FIRST_SHOWN_AFTER_MS 300
#define REDRAW_MS 200
#define BAR_CELLS 24

struct progress {
	pthread_t thread;
	int stop_fd;                   /* an eventfd: readable means stop */
	char label[NAME_TEXT_MAX];
	char job_path[PATH_MAX];
	char status_path[PATH_MAX];    /* of a snapshot, else "" */
	int64_t started_ms;
	unsigned ticks;
	bool drawn;
};

static int terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void append_bar(struct buf *line, int percent)
{
	int full = percent * BAR_CELLS / 100;

	buf_putc(line, '[');
	for (int i = 0; i < BAR_CELLS; i++)
		buf_putc(line, i < full ? '#' : '.');
	buf_printf(line, "] %3d%%", percent);
}

static void progress_draw(struct progress *p, const char *verb,
			  const char *step, int percent)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(4096);
	AUTO(auto_buf) struct buf safe = BUF_INIT(4096);
	int columns = terminal_columns();

	if (percent >= 0 && percent <= 100)
		append_bar(&line, percent);
	else
		buf_putc(&line, "|/-\\"[p->ticks++ % 4]);
	buf_printf(&line, " %llds  %s %s%s%s",
		   (long long)(clock_ms() - p->started_ms) / 1000, verb,
		   p->label, *step ? ": " : "", step);
	show_safe(&safe, buf_str(&line));
	if (buf_failed(&safe))
		return;
	/* One column less: a full line would scroll. */
	fprintf(stderr, "\r%.*s\033[K", columns > 1 ? columns - 1 : 1,
		buf_str(&safe));
	fflush(stderr);
	p->drawn = true;
}

static void progress_look(struct progress *p)
{
	AUTO(auto_json) struct json_object *object =
		tree_read_json(p->job_path);
	AUTO(auto_json) struct json_object *status =
		*p->status_path ? tree_read_json(p->status_path) : NULL;
	struct job_info job;

	if (job_from_json(js_get(status, "job"), &job) && !job.finished) {
		if (job.percent < 0)
			job.percent = (int)js_int(status, "progress_percent",
						  -1);
		progress_draw(p, job.verb, job.step, job.percent);
	} else if (job_from_json(object, &job) && !job.finished) {
		progress_draw(p, job.verb, job.step, job.percent);
	} else {
		progress_draw(p, "waiting for", "", -1);
	}
}

static void *progress_run(void *argument)
{
	struct progress *p = argument;
	struct pollfd stop = { .fd = p->stop_fd, .events = POLLIN };

	if (poll(&stop, 1, FIRST_SHOWN_AFTER_MS) != 0)
		return NULL;
	do
		progress_look(p);
	while (poll(&stop, 1, REDRAW_MS) == 0);
	return NULL;
}

/* Signals are the main thread's: they must end its wait. */
static int progress_start_thread(struct progress *p)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&p->thread, NULL, progress_run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

struct progress *progress_start(const struct ctl *ctl, const struct name *name)
{
	struct name volume = *name;
	struct progress *p;

	if (!ctl->progress)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	p->started_ms = clock_ms();
	name_text(name, p->label);
	if (name->snapshot[0])
		tree_path(p->status_path, ctl, name, "status");
	volume.snapshot[0] = '\0';
	tree_path(p->job_path, ctl, &volume, "job");
	if (p->stop_fd < 0 || progress_start_thread(p) != 0) {
		auto_fd(&p->stop_fd);
		free(p);
		return NULL;
	}
	return p;
}

void progress_stop(struct progress *p)
{
	uint64_t one = 1;

	if (!p)
		return;
	while (write(p->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(p->thread, NULL);
	if (p->drawn) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	close(p->stop_fd);
	free(p);
}
