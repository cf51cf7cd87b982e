/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How the sim driver asks: one request and its answer, the cloud being there
 * and knowing this host, and waiting for what pends.
 */
#include "providers/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

#define POLL_MS 50               /* first look at what pends; then doubled */
#define POLL_MAX_MS 2000
#define READY_LOOK_MS 20

/* ---- exchanges ---- */

static int send(struct sim_session *s, const struct call *c,
		const struct sim_ask *a, struct http_reply *out,
		struct err *err)
{
	char token[160];
	const char *headers[] = { token, NULL };
	struct http_request q = {
		.method = a->method, .path = a->path,
		.headers = a->token && *a->token ? headers : NULL,
		/* Every request of this service may come twice: what makes
		 * something has a token, the others say how it shall be. */
		.repeatable = true, .only_once = a->once,
		.timeout_ms = a->timeout_ms,
	};

	if (a->body && buf_failed(a->body))
		return err_oom(err);
	if (a->body) {
		q.body = buf_str(a->body);
		q.body_len = a->body->len;
	}
	snprintf(token, sizeof(token), "Idempotency-Token: %s",
		 a->token ? a->token : "");
	return http_exchange(s->http, c, &q, out, err);
}

int sim_register(struct sim_session *s, const struct call *c, struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf body = BUF_INIT(1024);
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);

	http_reply_init(&reply);
	buf_puts(&path, "/v1/hosts/");
	http_escape(&path, s->here);
	buf_puts(&body, "{\"zone\":");
	buf_json_string(&body, s->host_zone);
	buf_putc(&body, '}');
	return send(s, c, &(struct sim_ask){
		.method = "PUT", .body = &body, .path = buf_str(&path) },
		&reply, err);
}

/* Its own cloud runs and is as configured. What was set at run time in the
 * cloud stays, unless the configuration has changed since. */
static int own_cloud(struct sim_session *s, const struct call *c,
		     struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf body = BUF_INIT(8192);
	int r = sim_cloud_start(c, s->directory, s->plug ? s->plug : "",
				err);

	http_reply_init(&reply);
	if (r < 0)
		return r;
	sim_cloud_settings(s, &body);
	return send(s, c, &(struct sim_ask){
		.method = "POST", .body = &body, .path = "/admin/configure" },
		&reply, err);
}

/* Once, at the first request, and again when the cloud has been away. Who comes
 * meanwhile waits, on his own terms: he could do nothing before. */
int sim_ready(struct sim_session *s, const struct call *c, struct err *err)
{
	bool ours = false;
	int r = 0;

	while (!ours) {
		pthread_mutex_lock(&s->lock);
		if (s->ready) {
			pthread_mutex_unlock(&s->lock);
			return 0;
		}
		ours = !s->starting;
		s->starting = true;
		pthread_mutex_unlock(&s->lock);
		if (!ours)
			r = call_sleep(c, READY_LOOK_MS, err);
		if (r < 0)
			return r;
	}
	if (!s->endpoint)
		r = own_cloud(s, c, err);
	if (r == 0)
		r = sim_register(s, c, err);
	LOCK_SCOPE(&s->lock);
	s->starting = false;
	s->ready = r == 0;
	return r;
}

/* As send(); a cloud that is away is looked after before the next request. */
int sim_send(struct sim_session *s, const struct call *c,
	     const struct sim_ask *a, struct http_reply *out, struct err *err)
{
	int r = send(s, c, a, out, err);

	if (r == -EHOSTUNREACH) {
		LOCK_SCOPE(&s->lock);
		s->ready = false;
	}
	return r;
}

int sim_ask(struct sim_session *s, const struct call *c,
	    const struct sim_ask *a, struct http_reply *out, struct err *err)
{
	int r = sim_ready(s, c, err);

	if (r == 0)
		r = sim_send(s, c, a, out, err);
	/* Its own cloud is started again at once, if it gave no answer at all. */
	if (r == -EHOSTUNREACH && !*err->code && !s->endpoint && !a->once) {
		*err = (struct err)ERR_INIT;
		r = sim_ready(s, c, err);
		if (r == 0)
			r = sim_send(s, c, a, out, err);
	}
	return r;
}

const char *sim_path(struct buf *b, const char *what, const char *id,
		     const char *rest)
{
	buf_reset(b);
	buf_printf(b, "/v1/%s/", what);
	http_escape(b, id);
	buf_puts(b, rest);
	return buf_str(b);
}

int sim_ask_volume(struct sim_session *s, const struct call *c,
		   const struct sim_ask *a, const struct volume_sink *out,
		   struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	int r;

	http_reply_init(&reply);
	r = sim_ask(s, c, a, &reply, err);
	if (r < 0)
		return r;
	return sim_parse_volume(buf_str(&reply.body), reply.body.len, s->here,
				out, err);
}

int sim_tell_volume(struct sim_session *s, const struct call *c,
		    const char *method, const char *id, const char *rest,
		    const struct buf *body, struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);

	http_reply_init(&reply);
	return sim_ask(s, c, &(struct sim_ask){
		.method = method, .body = body,
		.path = sim_path(&path, "volumes", id, rest) }, &reply, err);
}

int sim_gone_is_fine(int r, struct err *err)
{
	if (r != -ENOENT)
		return r;
	*err = (struct err)ERR_INIT;
	return 0;
}

/* ---- waiting ---- */

static int look_at(void *arg, const struct volume_facts *f, struct err *err)
{
	struct sim_look *l = arg;
	uint32_t i;

	(void)err;
	l->found = l->pending && !strcmp(f->service_state, l->pending);
	for (i = 0; i < f->n_attachments; i++)
		if (f->attachments[i].here &&
		    f->attachments[i].state == l->here)
			l->found = true;
	return 0;
}

int sim_wait_while(struct sim_session *s, const struct call *c,
		   const char *id, struct sim_look *l, struct err *err)
{
	const struct volume_sink sink = { .volume = look_at, .arg = l };
	AUTO(auto_buf) struct buf path = BUF_INIT(2048);
	int64_t pause_ms = POLL_MS;
	int r;

	for (;;) {
		l->found = false;
		r = sim_ask_volume(s, c, &(struct sim_ask){
			.path = sim_path(&path, "volumes", id, "") }, &sink,
			err);
		if (r < 0 || !l->found)
			return sim_gone_is_fine(r, err);
		r = call_sleep(c, pause_ms, err);
		if (r < 0)
			return r;
		pause_ms = pause_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS
						      : pause_ms * 2;
	}
}
