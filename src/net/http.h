/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_NET_HTTP_H
#define VOLFS_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/call.h"
#include "base/err.h"

/*
 * The HTTP client of every driver that speaks to a service: one blocking
 * exchange at a time per caller, any number of callers at once.
 *
 * All exchanges of the process run on one libcurl multi handle with a thread
 * of its own, both made by the first exchange: connections, TLS sessions, name
 * look-ups and the parsed CA bundle are shared, HTTP/2 is used when offered.
 * Written once here, so no driver does it: deadline and cancel (noticed within
 * 100 ms), the limit per attempt, the ceiling of a reply, repeats with back-off
 * and jitter, Retry-After, the budget of requests a second, and the sentence
 * of an error. Query strings never reach a sentence (URLs may be signed).
 */

/* One row of a driver's table: the service's own code -> errno. A row with a
 * number for a code ("409") replaces what http_errno() says of that status. */
struct http_code {
	const char *code;        /* compared without case; NULL ends the table */
	int num;                 /* positive errno */
};

struct http_header {
	char *name, *value;
};

struct http_reply {
	int status;              /* 200 ... */
	struct buf body;         /* NUL-terminated */
	struct http_header *headers;
	size_t n_headers;
};

void http_reply_init(struct http_reply *r);
void http_reply_done(struct http_reply *r);
void auto_http_reply(struct http_reply *r);         /* for AUTO() */
/* The last header of that name, without regard to case; NULL if none. */
const char *http_reply_header(const struct http_reply *r, const char *name);

/* What a service said went wrong, from the body of its answer. */
struct http_fault {
	char code[64];           /* its own code; "" = none */
	char request[64];        /* its id of the request; "" = none */
	char text[256];          /* its words; "" = none */
};

struct http_options {
	const char *title;       /* who it is, in sentences: "the cloud 'sim'" */
	const char *base_url;    /* "https://host/path", no '/' at the end */
	const char *unix_path;   /* connect here instead; may be NULL */
	const char *const *headers; /* "Name: value" for each request, or NULL */
	const char *ca_file;     /* NULL = the system's */
	bool no_verify;          /* accept any certificate: by configuration only */
	uint64_t connect_timeout_ms; /* 0 = 10 s */
	uint64_t timeout_ms;     /* one attempt; 0 = 30 s */
	size_t reply_max_bytes;  /* 0 = 16 MiB */
	unsigned attempts;       /* of a repeatable request; 0 = 5 */
	uint64_t backoff_ms;     /* first pause, doubled each time; 0 = 200 ms */
	double budget_per_s;     /* requests a second; 0 = no limit */
	unsigned burst;          /* that may go at once; 0 = budget, at least 1 */
	const struct http_code *codes;  /* the driver's table, or NULL */
	/* Finds the fault in an answer that is none of 2xx; may be NULL. */
	void (*parse_fault)(const struct http_reply *r,
			    struct http_fault *out);
};

struct http;

/* Copies the strings; makes no request, starts nothing. NULL with err set. */
struct http *http_new(const struct http_options *o, struct err *err);
/* No exchange may be running. NULL is fine. */
void http_free(struct http *h);

struct http_request {
	const char *method;      /* NULL = GET */
	const char *path;        /* after base_url, with its query string; or a
				  * whole URL */
	const char *const *headers; /* further "Name: value", or NULL */
	const char *body;        /* may be NULL */
	size_t body_len;
	const char *content_type;   /* NULL = application/json, with a body */
	/* May be sent again when its answer was lost: it changes nothing, or
	 * the same thing (a token, a name), the second time. GET, HEAD, PUT and
	 * DELETE are taken to be so. */
	bool repeatable;
	bool only_once;          /* never repeated, whatever the method */
	uint64_t timeout_ms;     /* one attempt; 0 = the client's */
	size_t reply_max_bytes;  /* 0 = the client's */
	bool any_status;         /* give the caller each answer, also errors */
};

/**
 * http_exchange - send a request, wait for its answer
 * @out: initialised; filled on success only (any 2xx, or any with any_status)
 *
 * Blocks until the call's deadline at most. Repeats a repeatable request on
 * 429, 502, 503, 504, a lost connection and what the driver's table maps to
 * EAGAIN; others only on 429, which says that nothing was done.
 * Return: 0; -ECANCELED; -ETIMEDOUT (the deadline, or each attempt's limit);
 * -EHOSTUNREACH (refused, no such host, connection lost); -EAGAIN (throttled
 * for longer than may be waited); -EPROTO (no HTTP, too large, bad TLS); else
 * what http_errno() or the driver's table says, with the service's code noted
 * in err->code.
 */
int http_exchange(struct http *h, const struct call *c,
		  const struct http_request *req, struct http_reply *out,
		  struct err *err);

/* errno of an HTTP status without a better code: 401 -> EACCES ... Positive. */
int http_errno(int status);

/* errno of @code in @table, then of the status in it, then http_errno(). */
int http_code_errno(const struct http_code *table, const char *code,
		    int status);

/* Seconds of a Retry-After value (a number or an HTTP date), -1 if neither. */
int64_t http_retry_after_s(const char *value, int64_t now_unix_s);

/* What has been seen so far. */
struct http_stats {
	uint64_t requests;       /* attempts sent */
	uint64_t repeats;
	int64_t latency_ms;      /* smoothed, of answers; -1 = none yet */
	int64_t throttled_until_s;  /* unix; 0 = not throttled */
};
void http_stats(struct http *h, struct http_stats *out);

/* Appends @text percent-encoded for a path component or a query value. */
void http_escape(struct buf *b, const char *text);

/* @url without its query string and user part, for sentences and logs. */
void http_url_redact(const char *url, char *out, size_t room);

#endif
