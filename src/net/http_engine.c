/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"

/* How long a cancel may go unseen; the flag has nobody who signals it. */
#define CANCEL_LOOK_MS 50
#define IDLE_POLL_MS 60000
#define IDLE_CONNECTIONS_MAX 64L

static struct engine {
	pthread_mutex_t lock;        /* protects the rest, and each transfer's
				      * links and flags */
	unsigned users;
	CURLM *multi;                /* used by the thread only, but for
				      * curl_multi_wakeup() */
	pthread_t thread;
	bool running, stop;
	struct transfer *waiting;    /* to be added */
	struct transfer *active;     /* added */
} engine = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Held over a whole start or stop of the thread; taken before engine.lock. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

static void start_curl(void)
{
	curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void transfer_push(struct transfer **list, struct transfer *t)
{
	t->next = *list;
	t->link = list;
	if (t->next)
		t->next->link = &t->next;
	*list = t;
}

static void transfer_unlink(struct transfer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
}

static void transfer_finish(struct transfer *t, CURLcode result)
{
	transfer_unlink(t);
	t->result = result;
	t->done = true;
	pthread_cond_signal(&t->cond);
}

/* With the lock held: what callers have asked for since the last round. */
static void take_orders(struct engine *e)
{
	struct transfer *t, *next;

	while ((t = e->waiting)) {
		CURLMcode m = CURLM_OK;

		if (!t->abandoned)
			m = curl_multi_add_handle(e->multi, t->easy);
		if (t->abandoned || m != CURLM_OK) {
			transfer_finish(t, CURLE_OUT_OF_MEMORY);
			continue;
		}
		transfer_unlink(t);
		transfer_push(&e->active, t);
	}
	for (t = e->active; t; t = next) {
		next = t->next;
		if (!t->abandoned)
			continue;
		curl_multi_remove_handle(e->multi, t->easy);
		transfer_finish(t, CURLE_ABORTED_BY_CALLBACK);
	}
}

static void hand_back(struct engine *e)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(e->multi, &left))) {
		struct transfer *t = NULL;
		CURLcode result = message->data.result;
		CURL *easy = message->easy_handle;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(e->multi, easy);
		LOCK_SCOPE(&e->lock);
		transfer_finish(t, result);
	}
}

static void *engine_main(void *arg)
{
	struct engine *e = arg;
	int running;

	pthread_setname_np(pthread_self(), "volfs-http");
	for (;;) {
		{
			LOCK_SCOPE(&e->lock);
			if (e->stop)
				return NULL;
			take_orders(e);
		}
		curl_multi_perform(e->multi, &running);
		hand_back(e);
		curl_multi_poll(e->multi, NULL, 0, IDLE_POLL_MS, NULL);
	}
}

/* With the lock held. */
static int engine_start(struct engine *e, struct err *err)
{
	sigset_t all, before;
	int r;

	if (curl_load(err) < 0)
		return -err->num;
	pthread_once(&curl_once, start_curl);
	if (curl_started != CURLE_OK)
		return err_set(err, EIO, "libcurl does not start: %s",
			       curl_easy_strerror(curl_started));
	e->multi = curl_multi_init();
	if (!e->multi)
		return err_oom(err);
	curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS,
			  IDLE_CONNECTIONS_MAX);
	e->stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&e->thread, NULL, engine_main, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		curl_multi_cleanup(e->multi);
		e->multi = NULL;
		return err_errno(err, r, "starting the thread for HTTP");
	}
	e->running = true;
	return 0;
}

int http_engine_get(struct err *err)
{
	int r = 0;

	LOCK_SCOPE(&life);
	LOCK_SCOPE(&engine.lock);
	if (!engine.running)
		r = engine_start(&engine, err);
	if (r == 0)
		engine.users++;
	return r;
}

void http_engine_put(void)
{
	struct engine *e = &engine;

	LOCK_SCOPE(&life);
	{
		LOCK_SCOPE(&e->lock);
		if (--e->users > 0)
			return;
		e->stop = true;
	}
	curl_multi_wakeup(e->multi);
	pthread_join(e->thread, NULL);
	curl_multi_cleanup(e->multi);
	LOCK_SCOPE(&e->lock);
	e->multi = NULL;
	e->running = false;
}

int http_engine_run(const struct call *c, struct transfer *t, struct err *err)
{
	struct engine *e = &engine;
	pthread_condattr_t attr;
	int r = 0;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->cond, &attr);
	pthread_condattr_destroy(&attr);

	pthread_mutex_lock(&e->lock);
	transfer_push(&e->waiting, t);
	curl_multi_wakeup(e->multi);
	while (!t->done) {
		struct timespec until = clock_timespec(clock_ms() +
						       CANCEL_LOOK_MS);

		pthread_cond_timedwait(&t->cond, &e->lock, &until);
		if (t->done || t->abandoned)
			continue;
		r = call_check(c, err);
		if (r < 0) {
			t->abandoned = true;
			curl_multi_wakeup(e->multi);
		}
	}
	pthread_mutex_unlock(&e->lock);
	pthread_cond_destroy(&t->cond);
	return r;
}
