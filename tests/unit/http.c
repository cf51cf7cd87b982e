/* SPDX-License-Identifier: Apache-2.0 */

/* The HTTP client against a server in this process that is slow, silent,
 * broken and rude on request; and the JSON getters. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/auto.h"
#include "base/call.h"
#include "base/clock.h"
#include "net/http_internal.h"
#include "net/json.h"

#define SECRET "s3cr3t"

/* ---- the server ---- */

static struct {
	struct MHD_Daemon *tcp, *local;
	char base[64], path[64];
	atomic_bool stop;
	atomic_int calls;            /* since the test began */
	atomic_int fail_first;       /* so many are answered badly */
	atomic_int connections;
} server;

static enum MHD_Result say(struct MHD_Connection *conn, unsigned status,
			   const char *text, const char *header,
			   const char *value)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result done;

	if (header)
		MHD_add_response_header(r, header, value);
	done = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return done;
}

static ssize_t give_half(void *arg, uint64_t at, char *out, size_t room)
{
	(void)arg;
	(void)room;
	if (at > 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	memcpy(out, "{\"half\":", 8);
	return 8;
}

static enum MHD_Result say_half(struct MHD_Connection *conn)
{
	struct MHD_Response *r = MHD_create_response_from_callback(
		100, 64, give_half, NULL, NULL);
	enum MHD_Result done = MHD_queue_response(conn, 200, r);

	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result say_large(struct MHD_Connection *conn)
{
	enum MHD_Result done;
	char *text = malloc(300001);

	memset(text, 'x', 300000);
	text[300000] = '\0';
	done = say(conn, 200, text, NULL, NULL);
	free(text);
	return done;
}

static void linger(struct MHD_Connection *conn, int ms)
{
	struct pollfd p = { .events = POLLRDHUP };

	p.fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)
		       ->connect_fd;
	for (; ms > 0 && !server.stop; ms -= 20)
		if (poll(&p, 1, 20) > 0)
			return;
}

static bool bad_this_time(void)
{
	return atomic_fetch_sub(&server.fail_first, 1) > 0;
}

static enum MHD_Result answer(struct MHD_Connection *conn, const char *url,
			      const char *method)
{
	const char *token = MHD_lookup_connection_value(
		conn, MHD_HEADER_KIND, "X-Token");
	char text[256];

	server.calls++;
	if (!strcmp(url, "/slow"))
		linger(conn, 700);
	if (!strcmp(url, "/hang")) {
		linger(conn, 60000);
		return MHD_NO;
	}
	if (!strcmp(url, "/throttle") && bad_this_time())
		return say(conn, 429, "", "Retry-After", "1");
	if (!strcmp(url, "/throttle-long"))
		return say(conn, 429, "", "Retry-After", "3600");
	if (!strcmp(url, "/busy") && bad_this_time())
		return say(conn, 503, "", NULL, NULL);
	if (!strcmp(url, "/drop") && bad_this_time())
		return MHD_NO;
	if (!strcmp(url, "/coded") && bad_this_time())
		return say(conn, 400, "{\"code\":\"SlowDown\",\"text\":\"later\"}",
			   NULL, NULL);
	if (!strcmp(url, "/deny"))
		return say(conn, 403, "{\"code\":\"NoWay\",\"text\":\"not you\"}",
			   NULL, NULL);
	if (!strcmp(url, "/html"))
		return say(conn, 500, "<html>", NULL, NULL);
	if (!strcmp(url, "/half"))
		return say_half(conn);
	if (!strcmp(url, "/large"))
		return say_large(conn);
	snprintf(text, sizeof(text), "{\"method\":\"%s\",\"token\":\"%s\"}",
		 method, token ? token : "");
	return say(conn, 200, text, "X-Answer", "  yes ");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **state)
{
	static int begun;

	(void)arg;
	(void)version;
	(void)data;
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	return answer(conn, url, method);
}

static void on_connection(void *arg, struct MHD_Connection *conn,
			  void **context, enum MHD_ConnectionNotificationCode n)
{
	(void)arg;
	(void)conn;
	(void)context;
	if (n == MHD_CONNECTION_NOTIFY_STARTED)
		server.connections++;
}

static struct MHD_Daemon *serve(int fd)
{
	struct MHD_Daemon *d = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			MHD_USE_POLL | MHD_USE_ITC,
		0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
		MHD_OPTION_END);

	assert_non_null(d);
	return d;
}

/* Also when the tests are killed, the socket does not stay. */
static void remove_at_end(const char *path)
{
	int ends[2];
	char byte;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (fork() == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		close(ends[1]);
		while (read(ends[0], &byte, 1) > 0)
			;
		unlink(path);
		_exit(0);
	}
	close(ends[0]);              /* the other is kept to the end */
}

static int setup_server(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(bind(fd, (struct sockaddr *)&in, sizeof(in)));
	assert_false(listen(fd, 64));
	assert_false(getsockname(fd, (struct sockaddr *)&in, &len));
	snprintf(server.base, sizeof(server.base), "http://127.0.0.1:%d",
		 ntohs(in.sin_port));
	snprintf(server.path, sizeof(server.path), "/tmp/volfs-http-%d.sock",
		 (int)getpid());
	remove_at_end(server.path);
	server.tcp = serve(fd);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", server.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_false(bind(fd, (struct sockaddr *)&un, sizeof(un)));
	assert_false(listen(fd, 64));
	server.local = serve(fd);
	return 0;
}

static int teardown_server(void **state)
{
	(void)state;
	server.stop = true;
	MHD_stop_daemon(server.tcp);
	MHD_stop_daemon(server.local);
	unlink(server.path);
	return 0;
}

/* ---- helpers ---- */

static void parse_fault(const struct http_reply *r, struct http_fault *out)
{
	AUTO(auto_json) struct json_object *o = NULL;
	const char *code, *text;

	if (json_parse(buf_str(&r->body), r->body.len, "", &o, NULL) < 0 ||
	    json_opt_string(o, "code", "", &code, NULL) < 0 ||
	    json_opt_string(o, "text", "", &text, NULL) < 0)
		return;
	snprintf(out->code, sizeof(out->code), "%s", code);
	snprintf(out->text, sizeof(out->text), "%s", text);
}

static const struct http_code codes[] = {
	{ "NoWay", EPERM }, { "SlowDown", EAGAIN }, { "404", ESTALE },
	{ NULL, 0 }
};

static struct http *client(const struct http_options *more)
{
	struct http_options o = more ? *more : (struct http_options){ 0 };
	struct err err = ERR_INIT;
	struct http *h;

	o.title = "the test service";
	if (!o.base_url)
		o.base_url = server.base;
	if (!o.backoff_ms)
		o.backoff_ms = 20;
	o.codes = codes;
	o.parse_fault = parse_fault;
	h = http_new(&o, &err);
	assert_non_null(h);
	server.calls = 0;
	server.fail_first = 0;
	return h;
}

static const struct call forever = { .deadline_ms = CALL_NO_DEADLINE,
				     .token = "", .job = "" };

/* Return: what http_exchange() does; the time it took in @ms. */
static int ask(struct http *h, const struct call *c,
	       const struct http_request *q, struct err *err, int64_t *ms)
{
	AUTO(auto_http_reply) struct http_reply reply;
	int64_t began = clock_ms();
	int r;

	http_reply_init(&reply);
	*err = (struct err)ERR_INIT;
	r = http_exchange(h, c, q, &reply, err);
	if (ms)
		*ms = clock_ms() - began;
	assert_int_equal(r, -err->num);
	assert_true((r == 0) == (err->text[0] == '\0'));
	assert_null(strstr(err->text, SECRET));
	return r;
}

static struct call until(int64_t ms)
{
	struct call c = forever;

	c.deadline_ms = clock_ms() + ms;
	return c;
}

/* ---- tests ---- */

static void test_exchange(void **state)
{
	static const char *const headers[] = { "X-Token: t1", NULL };
	struct http *h = client(&(struct http_options){ .headers = headers });
	struct err err = ERR_INIT;
	struct http_stats stats;
	struct http_reply reply;
	int i, before = server.connections;

	(void)state;
	for (i = 0; i < 5; i++) {
		http_reply_init(&reply);
		assert_int_equal(http_exchange(h, &forever,
			&(struct http_request){ .method = "POST",
				.path = "/ok?x=1", .body = "{}",
				.body_len = 2 }, &reply, &err), 0);
		assert_int_equal(reply.status, 200);
		assert_string_equal(buf_str(&reply.body),
				    "{\"method\":\"POST\",\"token\":\"t1\"}");
		assert_string_equal(http_reply_header(&reply, "x-answer"),
				    "yes");
		assert_null(http_reply_header(&reply, "none"));
		http_reply_done(&reply);
	}
	assert_int_equal(server.calls, 5);
	/* What may be repeated goes over the same connection. */
	for (i = 0; i < 5; i++)
		assert_int_equal(ask(h, &forever, &(struct http_request){
				     .path = "/ok" }, &err, NULL), 0);
	assert_true(server.connections - before <= 6);
	http_stats(h, &stats);
	assert_int_equal(stats.requests, 10);
	assert_int_equal(stats.repeats, 0);
	assert_true(stats.latency_ms >= 0);
	assert_int_equal(stats.throttled_until_s, 0);
	http_free(h);
}

static void test_unix_socket(void **state)
{
	struct http *h = client(&(struct http_options){
		.base_url = "http://here", .unix_path = server.path });
	struct err err;

	(void)state;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/ok" }, &err, NULL), 0);
	http_free(h);
	h = client(&(struct http_options){
		.base_url = "http://here", .unix_path = "/nonexistent",
		.attempts = 1 });
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/ok?" SECRET }, &err, NULL),
			 -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "/nonexistent"));
	http_free(h);
}

static void test_refused(void **state)
{
	struct http *h = client(&(struct http_options){
		.base_url = "http://user:" SECRET "@127.0.0.1:1",
		.attempts = 3 });
	struct err err;
	struct http_stats stats;

	(void)state;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/?sig=" SECRET }, &err, NULL),
			 -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "the test service"));
	assert_non_null(strstr(err.text, "127.0.0.1:1"));
	http_stats(h, &stats);
	assert_int_equal(stats.requests, 3);
	http_free(h);
}

static void test_no_such_host(void **state)
{
	struct http *h = client(&(struct http_options){
		.base_url = "http://nowhere.invalid", .attempts = 1 });
	struct call c = until(5000);
	struct err err;

	(void)state;
	assert_int_equal(ask(h, &c, &(struct http_request){ .path = "/" },
			     &err, NULL), -EHOSTUNREACH);
	http_free(h);
}

static void test_slow(void **state)
{
	struct http *h = client(NULL);
	struct call c = until(200);
	struct err err;
	int64_t ms;

	(void)state;
	/* The attempt's own limit. */
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/slow", .timeout_ms = 150,
			     .only_once = true }, &err, &ms), -ETIMEDOUT);
	assert_in_range(ms, 140, 5000);
	assert_non_null(strstr(err.text, "150ms"));
	/* The call's deadline. */
	assert_int_equal(ask(h, &c, &(struct http_request){ .path = "/slow" },
			     &err, &ms), -ETIMEDOUT);
	assert_in_range(ms, 0, 5000);
	assert_non_null(strstr(err.text, "deadline"));
	/* Slow is no error. */
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/slow" }, &err, &ms), 0);
	assert_true(ms >= 650);
	http_free(h);
}

static void *cancel_soon(void *arg)
{
	poll(NULL, 0, 100);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static void cancel_one(struct http *h, const char *path)
{
	atomic_bool cancel = false;
	struct call c = forever;
	struct err err;
	pthread_t t;
	int64_t ms;

	c.cancel = &cancel;
	pthread_create(&t, NULL, cancel_soon, &cancel);
	assert_int_equal(ask(h, &c, &(struct http_request){ .path = path },
			     &err, &ms), -ECANCELED);
	pthread_join(t, NULL);
	assert_in_range(ms, 90, 4000);
}

static void test_cancel(void **state)
{
	struct http *h = client(&(struct http_options){ .backoff_ms = 5000 });

	(void)state;
	cancel_one(h, "/hang");
	/* In the pause before a repeat, too. */
	server.fail_first = 10;
	cancel_one(h, "/busy");
	http_free(h);
}

static void test_throttled(void **state)
{
	struct http *h = client(NULL);
	struct http_stats stats;
	struct call c;
	struct err err;
	int64_t ms;

	(void)state;
	/* Also what may not be repeated: 429 says that nothing was done. */
	server.fail_first = 1;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .method = "POST", .path = "/throttle" }, &err,
			     &ms), 0);
	assert_in_range(ms, 950, 5000);
	assert_int_equal(server.calls, 2);

	/* Longer than may be waited: said at once, not at the deadline. */
	c = until(20000);
	assert_int_equal(ask(h, &c, &(struct http_request){
			     .path = "/throttle-long" }, &err, &ms), -EAGAIN);
	assert_in_range(ms, 0, 5000);
	http_stats(h, &stats);
	assert_true(stats.throttled_until_s > clock_unix_s() + 3000);
	/* And others of the same service do not ask meanwhile. */
	server.calls = 0;
	c = until(20000);
	assert_int_equal(ask(h, &c, &(struct http_request){ .path = "/ok" },
			     &err, &ms), -EAGAIN);
	assert_in_range(ms, 0, 5000);
	assert_int_equal(server.calls, 0);
	http_free(h);
}

static void test_repeats(void **state)
{
	struct http *h = client(NULL);
	struct err err;

	(void)state;
	server.fail_first = 2;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/busy" }, &err, NULL), 0);
	assert_int_equal(server.calls, 3);

	server.fail_first = 1;
	server.calls = 0;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .method = "POST", .path = "/busy" }, &err, NULL),
			 -EHOSTUNREACH);
	assert_int_equal(server.calls, 1);

	/* A lost answer: not twice, also not by libcurl itself on a kept
	 * connection; unless it may be. */
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/ok" }, &err, NULL), 0);
	server.fail_first = 1;
	server.calls = 0;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .method = "POST", .path = "/drop" }, &err, NULL),
			 -EHOSTUNREACH);
	assert_int_equal(server.calls, 1);
	server.fail_first = 1;
	server.calls = 0;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .method = "POST", .path = "/drop",
			     .repeatable = true }, &err, NULL), 0);
	assert_int_equal(server.calls, 2);

	/* The driver's own word for throttling. */
	server.fail_first = 2;
	server.calls = 0;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .method = "POST", .path = "/coded" }, &err, NULL),
			 0);
	assert_int_equal(server.calls, 3);
	http_free(h);
}

static void test_errors(void **state)
{
	struct http *h = client(&(struct http_options){ .attempts = 2 });
	struct http_reply reply;
	struct err err;

	(void)state;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/deny?k=" SECRET }, &err, NULL), -EPERM);
	assert_string_equal(err.text,
			    "the test service refused: not you [NoWay]");
	assert_string_equal(err.code, "NoWay");
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/html" }, &err, NULL), -EIO);
	assert_string_equal(err.text, "the test service failed [HTTP 500]");

	/* The caller may want to see for itself. */
	http_reply_init(&reply);
	assert_int_equal(http_exchange(h, &forever, &(struct http_request){
			 .path = "/deny", .any_status = true }, &reply, &err),
			 0);
	assert_int_equal(reply.status, 403);
	http_reply_done(&reply);
	http_free(h);
}

static void test_truncated_and_large(void **state)
{
	struct http *h = client(&(struct http_options){ .attempts = 2 });
	struct err err;

	(void)state;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/half" }, &err, NULL), -EPROTO);
	assert_int_equal(server.calls, 2);
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/large" }, &err, NULL), 0);
	server.calls = 0;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/large", .reply_max_bytes = 100000 },
			     &err, NULL), -EPROTO);
	assert_int_equal(server.calls, 1);
	http_free(h);
}

static void test_not_http(void **state)
{
	struct http *h = client(&(struct http_options){
		.base_url = "ftp://127.0.0.1", .attempts = 2 });
	struct err err;

	(void)state;
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/" }, &err, NULL), -EINVAL);
	http_free(h);
	/* TLS asked of one who speaks none. */
	{
		char base[160];

		snprintf(base, sizeof(base), "https%s", server.base + 4);
		h = client(&(struct http_options){ .base_url = base,
						   .attempts = 1 });
	}
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/" }, &err, NULL), -EPROTO);
	http_free(h);
}

static void test_budget(void **state)
{
	struct http *h = client(&(struct http_options){
		.budget_per_s = 20, .burst = 1 });
	struct call c;
	struct err err;
	int64_t began = clock_ms();
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		assert_int_equal(ask(h, &forever, &(struct http_request){
				     .path = "/ok" }, &err, NULL), 0);
	assert_in_range(clock_ms() - began, 240, 5000);
	http_free(h);
	/* One that would have to wait for longer than its caller does. */
	h = client(&(struct http_options){ .budget_per_s = 0.1, .burst = 1 });
	assert_int_equal(ask(h, &forever, &(struct http_request){
			     .path = "/ok" }, &err, NULL), 0);
	c = until(1000);
	assert_int_equal(ask(h, &c, &(struct http_request){ .path = "/ok" },
			     &err, NULL), -EAGAIN);
	http_free(h);
}

#define MANY 16

static void *exchange_often(void *arg)
{
	struct err err;
	int i, failed = 0;

	for (i = 0; i < 20; i++)
		failed += ask(arg, &forever, &(struct http_request){
			      .path = "/ok" }, &err, NULL) < 0;
	return (void *)(intptr_t)failed;
}

static void test_many(void **state)
{
	struct http *h = client(NULL);
	pthread_t t[MANY];
	void *failed;
	int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		assert_int_equal(pthread_create(&t[i], NULL, exchange_often,
						h), 0);
	for (i = 0; i < MANY; i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(server.calls, MANY * 20);
	http_free(h);
}

static void test_tables(void **state)
{
	char out[128];

	(void)state;
	assert_int_equal(http_errno(401), EACCES);
	assert_int_equal(http_errno(404), ENOENT);
	assert_int_equal(http_errno(429), EAGAIN);
	assert_int_equal(http_errno(500), EIO);
	assert_int_equal(http_errno(503), EHOSTUNREACH);
	assert_int_equal(http_errno(302), EPROTO);
	assert_int_equal(http_code_errno(codes, "noway", 400), EPERM);
	assert_int_equal(http_code_errno(codes, "Other", 404), ESTALE);
	assert_int_equal(http_code_errno(NULL, "", 400), EINVAL);
	assert_int_equal(http_retry_after_s("7", 0), 7);
	assert_int_equal(http_retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT",
					    50), 10);
	assert_int_equal(http_retry_after_s("soon", 0), -1);
	assert_int_equal(http_retry_after_s("99999999999", 0), 86400);
	assert_int_equal(http_retry_after_s(NULL, 0), -1);
	http_url_redact("https://u:p@host:1/a/b?sig=1#x", out, sizeof(out));
	assert_string_equal(out, "https://host:1/a/b");
	http_url_redact("/p@th?x", out, sizeof(out));
	assert_string_equal(out, "/p@th");
}

static void test_headers(void **state)
{
	/* Without a NUL at the end, and one where there should be none. */
	static const char nul[] = { 'a', '\0', 'b', ':', 'c' };
	static const char *const none[] = { "no colon", ": no name", "" };
	AUTO(auto_http_reply) struct http_reply r;

	(void)state;
	http_reply_init(&r);
	assert_int_equal(http_reply_take_header(&r, nul, sizeof(nul)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(http_reply_take_header(&r, none[i],
							strlen(none[i])), 0);
	assert_int_equal(r.n_headers, 0);
	assert_int_equal(http_reply_take_header(&r, "A:\t b: c \r\n", 10), 0);
	assert_int_equal(http_reply_take_header(&r, "b:", 2), 0);
	assert_string_equal(http_reply_header(&r, "a"), "b: c");
	assert_string_equal(http_reply_header(&r, "B"), "");
}

static void test_json(void **state)
{
	static const char text[] =
		"{\"Name\":\"db\",\"n\":\"42\",\"f\":1e3,\"big\":"
		"18446744073709551615,\"b\":\"TRUE\",\"list\":[{\"id\":7}],"
		"\"neg\":-1,\"nul\":null,\"o\":{\"k\":\"v\"},\"z\":\"a\\u0000b\"}";
	AUTO(auto_json) struct json_object *o = NULL;
	struct json_object *list;
	struct err err = ERR_INIT;
	const char *s;
	uint64_t size;
	int64_t n;
	size_t len;
	bool b;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "it", &o, &err), 0);
	assert_int_equal(json_get_string(o, "name", &s, &err), 0);
	assert_string_equal(s, "db");
	assert_int_equal(json_get_i64(o, "n", &n, &err), 0);
	assert_int_equal(n, 42);
	assert_int_equal(json_get_i64(o, "F", &n, &err), 0);
	assert_int_equal(n, 1000);
	assert_int_equal(json_get_bool(o, "b", &b, &err), 0);
	assert_true(b);
	assert_int_equal(json_get_string(o, "list.0.id", &s, &err), 0);
	assert_string_equal(s, "7");
	assert_int_equal(json_get_array(o, "list", &list, &len, &err), 0);
	assert_int_equal(len, 1);
	assert_int_equal(json_opt_string(o, "nul", "x", &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(err.num, 0);

	assert_int_equal(json_get_i64(o, "big", &n, &err), -EPROTO);
	assert_int_equal(json_get_size(o, "neg", &size, &err), -EPROTO);
	assert_int_equal(json_get_string(o, "o", &s, &err), -EPROTO);
	assert_int_equal(json_get_string(o, "z", &s, &err), -EPROTO);
	assert_int_equal(json_get_string(o, "o.k.x", &s, &err), -EPROTO);
	assert_non_null(strstr(err.text, "'o.k.x'"));
	assert_int_equal(json_get_i64(o, "name", &n, &err), -EPROTO);
	assert_int_equal(json_opt_i64(o, "list", 0, &n, &err), -EPROTO);
}

static void test_json_bad(void **state)
{
	static const char *const bad[] = {
		"", "{", "{\"a\":1}x", "<html>", "[1,", "{\"a\":tru", "\"",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1",
	};
	struct json_object *o = NULL;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err)ERR_INIT;
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), "it", &o,
					    &err), -EPROTO);
		assert_null(o);
		assert_non_null(strstr(err.text, "it "));
	}
	assert_int_equal(json_parse("{}\0{}", 5, "it", &o, &err), -EPROTO);
	assert_int_equal(json_parse("12", 2, "it", &o, &err), 0);
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_unix_socket),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_such_host),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_truncated_and_large),
		cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_bad),
	};

	return cmocka_run_group_tests(tests, setup_server, teardown_server);
}
