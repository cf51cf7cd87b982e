/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/parse.h"
#include "net/http_internal.h"

#define TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000
#define REPLY_MAX_BYTES ((size_t)16 << 20)
#define ATTEMPTS 5
#define BACKOFF_MS 200
#define BACKOFF_MAX_MS 20000
#define HANDLES_KEPT 16
#define HEADERS_MAX 256
#define RETRY_AFTER_MAX_S 86400

struct http {
	char *title, *base_url, *unix_path, *ca_file;
	char **headers;
	size_t n_headers;
	struct http_options o;       /* strings in it are those above */

	pthread_mutex_t lock;        /* protects the rest */
	bool engine;                 /* we hold a reference */
	CURL *idle[HANDLES_KEPT];    /* they keep TLS sessions */
	size_t n_idle;
	double tokens;               /* of the budget, may be negative: owed */
	int64_t tokens_at_ms;
	int64_t throttled_until_ms;  /* clock_ms() */
	struct http_stats stats;
};

/* ---- replies ---- */

void http_reply_init(struct http_reply *r)
{
	*r = (struct http_reply){ .body = BUF_INIT(REPLY_MAX_BYTES) };
}

static void reply_clear_headers(struct http_reply *r)
{
	size_t i;

	for (i = 0; i < r->n_headers; i++)
		free(r->headers[i].name);       /* the value is in there too */
	free(r->headers);
	r->headers = NULL;
	r->n_headers = 0;
}

void http_reply_done(struct http_reply *r)
{
	buf_done(&r->body);
	reply_clear_headers(r);
}

void auto_http_reply(struct http_reply *r)
{
	int saved = errno;

	http_reply_done(r);
	errno = saved;
}

const char *http_reply_header(const struct http_reply *r, const char *name)
{
	size_t i;

	for (i = r->n_headers; i > 0; i--)
		if (!strcasecmp(r->headers[i - 1].name, name))
			return r->headers[i - 1].value;
	return NULL;
}

int http_reply_take_header(struct http_reply *r, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	struct http_header *more, *h;

	/* A NUL byte in its name would end it before the colon. */
	if (!colon || colon == line || memchr(line, '\0', len) ||
	    r->n_headers >= HEADERS_MAX)
		return 0;
	more = realloc(r->headers, (r->n_headers + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->headers = more;
	h = &more[r->n_headers];
	while (len > 0 && strchr("\r\n \t", line[len - 1]))
		len--;
	h->name = strndup(line, len);
	if (!h->name)
		return -ENOMEM;
	h->value = h->name + (colon - line);
	if (h->value >= h->name + len)
		h->value = h->name + len;
	else
		*h->value++ = '\0';
	h->value += strspn(h->value, " \t");
	r->n_headers++;
	return 0;
}

/* ---- errno of things ---- */

static const struct { int status, num; } status_errno[] = {
	{ 400, EINVAL }, { 401, EACCES }, { 402, EDQUOT }, { 403, EACCES },
	{ 404, ENOENT }, { 405, EPROTO }, { 406, EPROTO }, { 407, EACCES },
	{ 408, ETIMEDOUT }, { 409, EBUSY }, { 410, ENOENT }, { 412, EBUSY },
	{ 413, EINVAL }, { 414, EINVAL }, { 416, EINVAL }, { 422, EINVAL },
	{ 423, EBUSY }, { 429, EAGAIN }, { 502, EHOSTUNREACH },
	{ 503, EHOSTUNREACH }, { 504, EHOSTUNREACH }, { 507, ENOSPC },
};

int http_errno(int status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(status_errno); i++)
		if (status_errno[i].status == status)
			return status_errno[i].num;
	/* 1xx and 3xx here: somebody who is not the service answered. */
	return status >= 400 ? EIO : EPROTO;
}

int http_code_errno(const struct http_code *table, const char *code,
		    int status)
{
	const struct http_code *row;
	char digits[16];

	for (row = table; code && *code && row && row->code; row++)
		if (!strcasecmp(row->code, code))
			return row->num;
	snprintf(digits, sizeof(digits), "%d", status);
	for (row = table; row && row->code; row++)
		if (!strcmp(row->code, digits))
			return row->num;
	return http_errno(status);
}

static const struct curl_errno {
	CURLcode code;
	int num;
	bool again;              /* for a request that may be repeated */
} curl_errnos[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, true },
	{ CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, true },
	{ CURLE_COULDNT_CONNECT, EHOSTUNREACH, true },
	{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, true },
	{ CURLE_GOT_NOTHING, EHOSTUNREACH, true },
	{ CURLE_SEND_ERROR, EHOSTUNREACH, true },
	{ CURLE_RECV_ERROR, EHOSTUNREACH, true },
	{ CURLE_PARTIAL_FILE, EPROTO, true },
	{ CURLE_HTTP2, EPROTO, true },
	{ CURLE_HTTP2_STREAM, EPROTO, true },
	{ CURLE_SSL_CONNECT_ERROR, EPROTO, true },
	{ CURLE_PEER_FAILED_VERIFICATION, EPROTO, false },
	{ CURLE_SSL_CACERT_BADFILE, EINVAL, false },
	{ CURLE_URL_MALFORMAT, EINVAL, false },
	{ CURLE_UNSUPPORTED_PROTOCOL, EINVAL, false },
	{ CURLE_OUT_OF_MEMORY, ENOMEM, false },
};

static const struct curl_errno *curl_errno_find(CURLcode code)
{
	static const struct curl_errno other = { CURLE_OK, EPROTO, false };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(curl_errnos); i++)
		if (curl_errnos[i].code == code)
			return &curl_errnos[i];
	return &other;
}

int64_t http_retry_after_s(const char *value, int64_t now_unix_s)
{
	uint64_t seconds;
	time_t when;

	if (!value)
		return -1;
	if (!parse_u64(value, strlen(value), &seconds, NULL))
		return seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S
						   : (int64_t)seconds;
	if (curl_load(NULL) < 0)
		return -1;
	when = curl_getdate(value, NULL);
	if (when == (time_t)-1)
		return -1;
	if (when <= now_unix_s)
		return 0;
	return when - now_unix_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S
						     : when - now_unix_s;
}

/* ---- text ---- */

void http_escape(struct buf *b, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p; p++) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= 'a' && *p <= 'z') || strchr("-._~", *p))
			buf_putc(b, (char)*p);
		else
			buf_printf(b, "%%%02X", *p);
	}
}

void http_url_redact(const char *url, char *out, size_t room)
{
	size_t len = strcspn(url, "?#");
	const char *host = strstr(url, "://");
	const char *at = NULL, *p;

	host = host && host < url + len ? host + 3 : url;
	for (p = host; p < url + len && *p != '/'; p++)
		if (*p == '@')
			at = p;
	if (at)
		snprintf(out, room, "%.*s%.*s", (int)(host - url), url,
			 (int)(url + len - at - 1), at + 1);
	else
		snprintf(out, room, "%.*s", (int)len, url);
}

/* Where it was asked, for sentences. */
static void place_of(const struct http *h, char *out, size_t room)
{
	if (h->unix_path)
		snprintf(out, room, "%s", h->unix_path);
	else
		http_url_redact(h->base_url, out, room);
}

/* ---- a client ---- */

static int copy_headers(struct http *h, const char *const *headers)
{
	size_t n = 0;

	while (headers && headers[n])
		n++;
	h->headers = calloc(n + 1, sizeof(*h->headers));
	for (; h->headers && h->n_headers < n; h->n_headers++) {
		h->headers[h->n_headers] = strdup(headers[h->n_headers]);
		if (!h->headers[h->n_headers])
			return -ENOMEM;
	}
	return h->headers ? 0 : -ENOMEM;
}

static int copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

static void set_defaults(struct http_options *o)
{
	if (!o->timeout_ms)
		o->timeout_ms = TIMEOUT_MS;
	if (!o->connect_timeout_ms)
		o->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (!o->reply_max_bytes)
		o->reply_max_bytes = REPLY_MAX_BYTES;
	if (!o->attempts)
		o->attempts = ATTEMPTS;
	if (!o->backoff_ms)
		o->backoff_ms = BACKOFF_MS;
	if (!o->burst)
		o->burst = o->budget_per_s >= 1 ? (unsigned)o->budget_per_s : 1;
}

struct http *http_new(const struct http_options *o, struct err *err)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h) {
		err_oom(err);
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->o = *o;
	set_defaults(&h->o);
	if (copy_text(&h->title, o->title ? o->title : "the service") ||
	    copy_text(&h->base_url, o->base_url ? o->base_url : "") ||
	    copy_text(&h->unix_path, o->unix_path) ||
	    copy_text(&h->ca_file, o->ca_file) ||
	    copy_headers(h, o->headers)) {
		http_free(h);
		err_oom(err);
		return NULL;
	}
	h->tokens = h->o.burst;
	h->tokens_at_ms = clock_ms();
	h->stats.latency_ms = -1;
	return h;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void http_free(struct http *h)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < h->n_idle; i++)
		curl_easy_cleanup(h->idle[i]);
	if (h->engine)
		http_engine_put();
	/* Headers may hold credentials, and so may the URL. */
	for (i = 0; i < h->n_headers; i++)
		wipe(h->headers[i]);
	free(h->headers);
	wipe(h->base_url);
	free(h->title);
	free(h->unix_path);
	free(h->ca_file);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void http_stats(struct http *h, struct http_stats *out)
{
	int64_t left_ms;

	LOCK_SCOPE(&h->lock);
	*out = h->stats;
	left_ms = h->throttled_until_ms - clock_ms();
	out->throttled_until_s =
		left_ms > 0 ? clock_unix_s() + (left_ms + 999) / 1000 : 0;
}

static CURL *handle_take(struct http *h)
{
	CURL *easy = NULL;

	pthread_mutex_lock(&h->lock);
	if (h->n_idle > 0)
		easy = h->idle[--h->n_idle];
	pthread_mutex_unlock(&h->lock);
	return easy ? easy : curl_easy_init();
}

static void handle_give(struct http *h, CURL *easy)
{
	curl_easy_reset(easy);
	pthread_mutex_lock(&h->lock);
	if (h->n_idle < HANDLES_KEPT) {
		h->idle[h->n_idle++] = easy;
		easy = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	if (easy)
		curl_easy_cleanup(easy);
}

/* ---- budget and throttling ---- */

/* Takes one request from the budget. Return: how long to wait for it, ms. */
static int64_t budget_take(struct http *h)
{
	double rate = h->o.budget_per_s;
	int64_t now = clock_ms(), wait_ms;

	LOCK_SCOPE(&h->lock);
	wait_ms = h->throttled_until_ms - now;
	if (rate > 0) {
		h->tokens += (double)(now - h->tokens_at_ms) * rate / 1000;
		if (h->tokens > h->o.burst)
			h->tokens = h->o.burst;
		h->tokens_at_ms = now;
		h->tokens -= 1;
		if (h->tokens < 0 && -h->tokens / rate * 1000 > (double)wait_ms)
			wait_ms = (int64_t)(-h->tokens / rate * 1000);
	}
	return wait_ms > 0 ? wait_ms : 0;
}

static void budget_return(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	h->tokens += 1;
}

/* Waits for the service's pause and our budget to let one request through. */
static int budget_wait(struct http *h, const struct call *c, struct err *err)
{
	int64_t wait_ms = budget_take(h);
	int r;

	if (wait_ms == 0)
		return call_check(c, err);
	if (wait_ms > call_left_ms(c, INT64_MAX)) {
		budget_return(h);
		return err_set(err, EAGAIN,
			       "%s takes no request for another %" PRId64
			       " ms, which is beyond the deadline: try again later",
			       h->title, wait_ms);
	}
	r = call_sleep(c, wait_ms, err);
	if (r < 0)
		budget_return(h);
	return r;
}

static void note_throttled(struct http *h, int64_t pause_ms)
{
	int64_t until = clock_ms() + pause_ms;

	LOCK_SCOPE(&h->lock);
	if (until > h->throttled_until_ms)
		h->throttled_until_ms = until;
}

static void note_latency(struct http *h, int64_t ms)
{
	LOCK_SCOPE(&h->lock);
	if (h->stats.latency_ms < 0)
		h->stats.latency_ms = ms;
	else
		h->stats.latency_ms = (h->stats.latency_ms * 7 + ms) / 8;
}

/* Half of it fixed, half by chance, so that many do not come back at once. */
static int64_t backoff_ms(const struct http *h, unsigned attempt)
{
	uint64_t ms = h->o.backoff_ms << (attempt > 10 ? 10 : attempt);
	uint32_t chance = 0;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = (uint32_t)clock_ms();
	return (int64_t)(ms / 2 + chance % (ms / 2 + 1));
}

/* ---- one attempt ---- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	if (len > t->reply_max_bytes - t->reply->body.len) {
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	buf_append(&t->reply->body, data, len);
	if (buf_failed(&t->reply->body)) {
		t->no_memory = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return len;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	/* A status line: what came before belonged to a 1xx. */
	if (len > 5 && !memcmp(data, "HTTP/", 5)) {
		reply_clear_headers(t->reply);
		return len;
	}
	if (http_reply_take_header(t->reply, data, len) < 0) {
		t->no_memory = true;
		return 0;
	}
	return len;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose,
			       struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

static bool method_is(const struct http_request *q, const char *method)
{
	return !strcmp(q->method ? q->method : "GET", method);
}

static bool is_repeatable(const struct http_request *q)
{
	if (q->only_once)
		return false;
	return q->repeatable || method_is(q, "GET") || method_is(q, "HEAD") ||
	       method_is(q, "PUT") || method_is(q, "DELETE");
}

static int set_headers(struct http *h, const struct http_request *q,
		       struct curl_slist **list)
{
	char type[160];
	const char *const *p;
	size_t i;
	int failed = 0;

#define ADD(line) do {                                                  \
		struct curl_slist *more_ = curl_slist_append(*list, line); \
		failed |= !more_;                                       \
		*list = more_ ? more_ : *list;                          \
	} while (0)
	for (i = 0; i < h->n_headers; i++)
		ADD(h->headers[i]);
	for (p = q->headers; p && *p; p++)
		ADD(*p);
	if (q->body) {
		snprintf(type, sizeof(type), "Content-Type: %s",
			 q->content_type ? q->content_type
					 : "application/json");
		ADD(type);
		/* Never wait for a "100 Continue" that many do not send. */
		ADD("Expect:");
	}
#undef ADD
	return failed ? -ENOMEM : 0;
}

static void set_where(struct http *h, CURL *e, const char *url)
{
	curl_easy_setopt(e, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS,
			 CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	if (h->unix_path) {
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, h->unix_path);
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	}
	if (h->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, h->o.no_verify ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, h->o.no_verify ? 0L : 2L);
}

static void set_limits(struct http *h, const struct call *c,
		       const struct http_request *q, CURL *e)
{
	uint64_t ms = q->timeout_ms ? q->timeout_ms : h->o.timeout_ms;

	/* One more than is left: then it is the call that has run out, and
	 * says so, not the attempt. */
	ms = (uint64_t)call_left_ms(c, (int64_t)ms) + 1;
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)h->o.connect_timeout_ms);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A look-up that hangs is left to itself when the call is over. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
	/* libcurl silently sends again what was lost on a connection that had
	 * been kept: not with what must not be done twice. */
	if (!is_repeatable(q))
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_body(const struct http_request *q, CURL *e)
{
	if (method_is(q, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (q->body) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)q->body_len);
	} else if (method_is(q, "POST") || method_is(q, "PUT") ||
		   method_is(q, "PATCH")) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, 0L);
	}
	if (q->method && !method_is(q, "HEAD"))
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_callbacks(struct transfer *t)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, (void *)t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->words);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, (void *)t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, (void *)t);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(e, CURLOPT_USERAGENT, "volfs");
}

static int out_of_time(const struct http *h, struct err *err)
{
	char place[256];

	place_of(h, place, sizeof(place));
	return err_set(err, ETIMEDOUT,
		       "%s at %s did not answer before the deadline",
		       h->title, place);
}

/* The sentence for an attempt that brought no answer. */
static int attempt_failed(struct http *h, const struct http_request *q,
			  const struct transfer *t, struct err *err)
{
	const struct curl_errno *row = curl_errno_find(t->result);
	char place[256], limit[FORMAT_MAX], words[CURL_ERROR_SIZE + 64];
	uint64_t ms = q->timeout_ms ? q->timeout_ms : h->o.timeout_ms;

	place_of(h, place, sizeof(place));
	if (t->no_memory || row->num == ENOMEM)
		return err_oom(err);
	if (t->too_large)
		return err_set(err, EPROTO,
			       "%s answered more than %zu bytes, which is no answer to this request",
			       h->title, t->reply_max_bytes);
	if (row->num == ETIMEDOUT)
		return err_set(err, ETIMEDOUT,
			       "%s at %s did not answer within %s", h->title,
			       place, format_duration_ms(limit, ms));
	if (row->num == EINVAL)
		return err_set(err, EINVAL, "%s: '%s' cannot be used: %s",
			       h->title, place, curl_easy_strerror(t->result));
	quote_for_error(words, sizeof(words), *t->words ? t->words :
			curl_easy_strerror(t->result),
			strlen(*t->words ? t->words :
			       curl_easy_strerror(t->result)));
	if (row->num == EHOSTUNREACH)
		return err_set(err, EHOSTUNREACH,
			       "%s cannot be reached at %s: %s", h->title,
			       place, words);
	if (t->result == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(err, EPROTO,
			       "%s at %s has a certificate that is not trusted here: %s",
			       h->title, place, words);
	return err_set(err, EPROTO, "%s at %s was not understood: %s",
		       h->title, place, words);
}

static int attempt_run(struct http *h, const struct call *c,
		       const struct http_request *q, const char *url,
		       struct transfer *t, struct err *err)
{
	struct curl_slist *headers = NULL;
	int64_t began = clock_ms();
	long status = 0;
	int r;

	t->easy = handle_take(h);
	if (!t->easy)
		return err_oom(err);
	r = set_headers(h, q, &headers);
	if (r < 0) {
		err_oom(err);
	} else {
		set_where(h, t->easy, url);
		set_limits(h, c, q, t->easy);
		set_body(q, t->easy);
		set_callbacks(t);
		curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
		r = http_engine_run(c, t, err);
	}
	if (r == -ETIMEDOUT || (r == 0 && call_left_ms(c, 1) == 0 &&
				t->result == CURLE_OPERATION_TIMEDOUT))
		r = out_of_time(h, err);
	if (r == 0 && t->result == CURLE_OK) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->reply->status = (int)status;
		note_latency(h, clock_ms() - began);
	}
	curl_slist_free_all(headers);
	handle_give(h, t->easy);
	return r;
}

/* What to do about an answer or its lack. */
struct verdict {
	int r;                   /* 0: hand it out; else err is set */
	bool again;              /* may be repeated ... */
	int64_t pause_ms;        /* ... after this long; -1 = back-off */
};

/* The sentence for an answer that is none of 2xx. */
static int answer_failed(struct http *h, const struct http_reply *r,
			 struct err *err)
{
	struct http_fault fault = { 0 };
	char text[sizeof(fault.text) + 64], code[sizeof(fault.code) + 16];
	const char *verb = r->status >= 500 ? "failed" : "refused";
	int num;

	if (h->o.parse_fault)
		h->o.parse_fault(r, &fault);
	num = http_code_errno(h->o.codes, fault.code, r->status);
	if (num == EAGAIN)
		verb = "is throttling requests";
	quote_for_error(text, sizeof(text), fault.text, strlen(fault.text));
	quote_for_error(code, sizeof(code), fault.code, strlen(fault.code));
	if (!*fault.code)
		snprintf(code, sizeof(code), "HTTP %d", r->status);
	if (*fault.text)
		err_set(err, num, "%s %s: %s [%s]", h->title, verb, text, code);
	else if (num == EACCES)
		err_set(err, num,
			"%s does not accept the credentials or does not permit this [%s]",
			h->title, code);
	else
		err_set(err, num, "%s %s [%s]", h->title, verb, code);
	err_set_code(err, *fault.code ? fault.code : NULL,
		     *fault.request ? fault.request : NULL);
	return -num;
}

static struct verdict judge_answer(struct http *h,
				   const struct http_request *q,
				   const struct http_reply *reply,
				   struct err *err)
{
	struct verdict v = { .pause_ms = -1 };
	int64_t after_s;

	if (reply->status >= 200 && reply->status < 300)
		return v;
	v.r = answer_failed(h, reply, err);
	after_s = http_retry_after_s(http_reply_header(reply, "Retry-After"),
				     clock_unix_s());
	if (v.r == -EAGAIN || reply->status == 429) {
		/* Throttled: it did nothing, so anything may be repeated. */
		v.again = !q->only_once;
		if (after_s >= 0)
			note_throttled(h, after_s * 1000);
	} else if (reply->status >= 502 && reply->status <= 504) {
		v.again = is_repeatable(q);
	}
	if (after_s >= 0)
		v.pause_ms = after_s * 1000;
	return v;
}

static struct verdict attempt(struct http *h, const struct call *c,
			      const struct http_request *q, const char *url,
			      bool last, struct http_reply *out,
			      struct err *err)
{
	AUTO(auto_http_reply) struct http_reply reply;
	struct transfer t = { .reply = &reply };
	struct verdict v = { .pause_ms = -1 };

	http_reply_init(&reply);
	t.reply_max_bytes = q->reply_max_bytes ? q->reply_max_bytes
					       : h->o.reply_max_bytes;
	reply.body.max = t.reply_max_bytes;
	v.r = attempt_run(h, c, q, url, &t, err);
	if (v.r < 0)
		return v;
	if (t.result != CURLE_OK) {
		v.r = attempt_failed(h, q, &t, err);
		v.again = curl_errno_find(t.result)->again && !t.too_large &&
			  !t.no_memory && is_repeatable(q);
		return v;
	}
	v = judge_answer(h, q, &reply, err);
	if (v.r == 0 || (q->any_status && (last || !v.again))) {
		http_reply_done(out);
		*out = reply;
		http_reply_init(&reply);
		v.r = 0;
	}
	return v;
}

/* The engine is there from the first exchange on: curl is not even loaded for
 * a service that is never asked. */
static int engine_need(struct http *h, struct err *err)
{
	int r = 0;

	LOCK_SCOPE(&h->lock);
	if (!h->engine) {
		r = http_engine_get(err);
		h->engine = r == 0;
	}
	return r;
}

static void count_attempt(struct http *h, unsigned attempt_no)
{
	LOCK_SCOPE(&h->lock);
	h->stats.requests++;
	if (attempt_no > 0)
		h->stats.repeats++;
}

int http_exchange(struct http *h, const struct call *c,
		  const struct http_request *req, struct http_reply *out,
		  struct err *err)
{
	AUTO(auto_buf) struct buf url = BUF_INIT(64 * 1024);
	struct err why = ERR_INIT;       /* of an attempt that may be repeated */
	struct verdict v;
	unsigned n;
	int r = engine_need(h, err);

	if (r < 0)
		return r;
	if (!strstr(req->path, "://") || req->path[0] == '/')
		buf_puts(&url, h->base_url);
	buf_puts(&url, req->path);
	if (buf_failed(&url))
		return err_set(err, EINVAL, "the address of a request to %s is too long",
			       h->title);
	for (n = 0;; n++) {
		int64_t pause_ms;

		r = budget_wait(h, c, err);
		if (r < 0)
			return r;
		count_attempt(h, n);
		v = attempt(h, c, req, buf_str(&url), n + 1 >= h->o.attempts,
			    out, &why);
		if (v.r == 0 || !v.again || n + 1 >= h->o.attempts)
			break;
		pause_ms = v.pause_ms >= 0 ? v.pause_ms : backoff_ms(h, n);
		/* No time for another: the sentence of this one is the true
		 * reason, not the deadline. */
		if (pause_ms >= call_left_ms(c, INT64_MAX))
			break;
		r = call_sleep(c, pause_ms, err);
		if (r < 0)
			return r;
	}
	if (v.r < 0 && err)
		*err = why;
	return v.r;
}
