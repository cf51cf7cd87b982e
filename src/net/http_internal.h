/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_NET_HTTP_INTERNAL_H
#define VOLFS_NET_HTTP_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "net/curl.h"
#include "net/http.h"

/* One attempt under way. Lives on the stack of the caller, who stays until
 * @done. The engine's lock protects the links and flags; the reply is the
 * engine thread's until then. */
struct transfer {
	CURL *easy;
	struct transfer *next, **link;
	bool abandoned, done;
	CURLcode result;
	pthread_cond_t cond;

	struct http_reply *reply;
	size_t reply_max_bytes;
	bool too_large, no_memory;
	char words[CURL_ERROR_SIZE];
};

/* "Name: value\r\n" of @len bytes. A line that is no header is skipped.
 * -ENOMEM. */
int http_reply_take_header(struct http_reply *r, const char *line, size_t len);

/* http_engine.c: the process's one multi handle and its thread. Each client
 * holds a reference; the last one put stops the thread. */
int http_engine_get(struct err *err);
void http_engine_put(void);

/* Runs @t to its end; the caller's deadline or cancel takes it off the wire.
 * 0 with t->result set, or what call_check() says. */
int http_engine_run(const struct call *c, struct transfer *t, struct err *err);

#endif
