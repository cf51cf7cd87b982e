/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"

#define BODY_MAX_BYTES ((size_t)1 << 20)
#define REPLY_MAX_BYTES ((size_t)64 << 20)
#define CONNECTIONS_MAX 4096u
#define IDLE_S 300u

struct server {
	struct cloud *cloud;
	struct MHD_Daemon *http;
	int fd, port;
};

/* What a connection's request has collected so far. */
struct exchange {
	struct buf body;
	bool begun;
};

typedef int (*handler)(struct cloud *s, struct request *q);

/* A '*' stands for one component, the object's id. Where @op is NULL the
 * request is the administrator's. PATCH's operation is found by its body. */
static const struct route {
	const char *method, *path, *op;
	handler run;
} routes[] = {
	{ "GET", "/v1/volumes", "list", volume_list },
	{ "POST", "/v1/volumes", "create", volume_create },
	{ "GET", "/v1/volumes/*", "get", volume_get },
	{ "PATCH", "/v1/volumes/*", "modify", volume_change },
	{ "DELETE", "/v1/volumes/*", "remove", volume_remove },
	{ "POST", "/v1/volumes/*/attach", "attach", volume_attach },
	{ "POST", "/v1/volumes/*/detach", "detach", volume_detach },
	{ "POST", "/v1/volumes/*/restore", "restore", volume_restore },
	{ "GET", "/v1/snapshots", "list-snapshots", snapshot_list },
	{ "POST", "/v1/snapshots", "snapshot", snapshot_create },
	{ "GET", "/v1/snapshots/*", "get-snapshot", snapshot_get },
	{ "PATCH", "/v1/snapshots/*", "tag-snapshot", snapshot_change },
	{ "DELETE", "/v1/snapshots/*", "remove-snapshot", snapshot_remove },
	{ "GET", "/v1/hosts/*", "host", host_show },
	{ "PUT", "/v1/hosts/*", "register", host_register },
	{ "GET", "/v1/limits", "limits", limits_show },
	{ "GET", "/admin/settings", NULL, admin_settings },
	{ "POST", "/admin/settings", NULL, admin_settings_change },
	{ "POST", "/admin/configure", NULL, admin_configure },
	{ "GET", "/admin/rules", NULL, admin_rules },
	{ "POST", "/admin/rules", NULL, admin_rule_add },
	{ "DELETE", "/admin/rules", NULL, admin_rules_clear },
	{ "GET", "/admin/counts", NULL, admin_counts },
	{ "DELETE", "/admin/counts", NULL, admin_counts_clear },
	{ "GET", "/admin/strays", NULL, admin_strays },
	{ "POST", "/admin/stop", NULL, admin_stop },
};

int answer_error(struct request *q, int status, const char *code,
		 const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_reset(&q->reply);
	buf_puts(&q->reply, "{\"error\":{\"code\":");
	buf_json_string(&q->reply, code);
	buf_puts(&q->reply, ",\"message\":");
	buf_json_string(&q->reply, text);
	buf_puts(&q->reply, "}}");
	return status;
}

int answer_oops(struct cloud *s, struct request *q)
{
	return answer_error(q, 500, "InternalError", "%s",
			    sqlite3_errmsg(s->db));
}

/* ---- finding the route ---- */

static bool path_fits(const char *pattern, const char *path, char *object,
		      size_t room)
{
	size_t len;

	*object = '\0';
	while (*pattern) {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		len = strcspn(path, "/");
		if (len == 0 || len >= room)
			return false;
		memcpy(object, path, len);
		object[len] = '\0';
		path += len;
		pattern++;
	}
	return *path == '\0';
}

static const struct route *route_find(struct request *q)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(routes); i++)
		if (!strcmp(routes[i].method, q->method) &&
		    path_fits(routes[i].path, q->path, q->object,
			      sizeof(q->object)))
			return &routes[i];
	return NULL;
}

static const char *op_of(const struct route *route, struct request *q)
{
	if (strcmp(route->op, "modify") != 0 || !q->body)
		return route->op;
	if (json_object_object_get(q->body, "name"))
		return "rename";
	return json_object_object_get(q->body, "tags") ? "tags" : route->op;
}

/* ---- pauses: never with the lock held ---- */

/* Until the client gives up, or we end. */
static void wait_for_hangup(struct cloud *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	while (!atomic_load(&s->stopping))
		if (poll(&p, 1, 100) > 0)
			return;
}

/* As long, or until the client gives up. */
static void pause_ms(struct cloud *s, int64_t ms, int fd)
{
	int64_t until = clock_ms() + ms, left;
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	while ((left = until - clock_ms()) > 0 && !atomic_load(&s->stopping))
		if (poll(&p, 1, left > 100 ? 100 : (int)left) > 0)
			return;
}

static int64_t latency_ms(const struct settings *set)
{
	uint32_t chance = 0;

	if (set->jitter_ms > 0 &&
	    getrandom(&chance, sizeof(chance), 0) == (ssize_t)sizeof(chance))
		return set->latency_ms +
		       (int64_t)(chance % (uint64_t)(set->jitter_ms + 1));
	return set->latency_ms;
}

/* ---- one request ---- */

/* What becomes of the answer. */
enum fate { FATE_ANSWER, FATE_DROP, FATE_SILENT, FATE_TRUNCATE };

static bool over_budget(struct cloud *s)
{
	double rate = (double)s->set.budget_per_s;
	int64_t now = clock_ms();

	if (rate <= 0)
		return false;
	s->tokens += (double)(now - s->tokens_at_ms) * rate / 1000;
	if (s->tokens > rate)
		s->tokens = rate;
	s->tokens_at_ms = now;
	if (s->tokens < 1)
		return true;
	s->tokens -= 1;
	return false;
}

static int fail_by_rule(struct request *q, const struct fault_rule *rule)
{
	if (rule->action != FAULT_THROTTLE)
		return answer_error(q, rule->status, rule->code, "%s",
				    rule->message);
	q->retry_after_s = rule->retry_after_s;
	return answer_error(q, 429, "Throttled", "too many requests");
}

/* The fault's part before the deed. Return: the fate, with q->status 0 while
 * the deed is to be done. */
static enum fate before_deed(struct request *q, const struct fault_rule *rule)
{
	switch (rule->action) {
	case FAULT_FAIL: case FAULT_THROTTLE:
		q->status = fail_by_rule(q, rule);
		break;
	case FAULT_DROP:
		q->status = -1;
		return FATE_DROP;
	case FAULT_SILENT:
		q->status = -1;
		return FATE_SILENT;
	case FAULT_GARBAGE:
		buf_puts(&q->reply, "<html><body>It works!</body></html>");
		q->status = 200;
		break;
	case FAULT_END_ERROR:
		q->end_error = true;
		break;
	case FAULT_NO_DEVICE:
		q->no_device = true;
		break;
	default:
		break;
	}
	return FATE_ANSWER;
}

static enum fate after_deed(struct request *q, const struct fault_rule *rule)
{
	switch (rule->action) {
	case FAULT_FAIL_AFTER:
		q->status = fail_by_rule(q, rule);
		return FATE_ANSWER;
	case FAULT_LOST:
		return FATE_DROP;
	case FAULT_SILENT_AFTER:
		return FATE_SILENT;
	case FAULT_TRUNCATE:
		return FATE_TRUNCATE;
	default:
		return FATE_ANSWER;
	}
}

/* A client's request: counted, delayed, perhaps failed, done. */
static enum fate serve_client(struct cloud *s, struct request *q,
			      const struct route *route, int fd)
{
	struct fault_rule rule;
	enum fate fate;
	int64_t seq, ms;

	q->op = op_of(route, q);
	pthread_mutex_lock(&s->lock);
	rules_match(s, q->op, &rule);
	db_run(s, "INSERT INTO requests(at_ms,op,object,token) VALUES(?,?,?,?)",
	       "isss", now_ms(), q->op, q->object, q->token ? q->token : "");
	seq = sqlite3_last_insert_rowid(s->db);
	ms = latency_ms(&s->set);
	if (rule.action == FAULT_DELAY)
		ms += rule.ms;
	if (rule.action == FAULT_NONE &&
	    (!strcmp(s->set.silent, "*") || list_has(s->set.silent, q->op)))
		rule.action = FAULT_SILENT;
	if (rule.action == FAULT_NONE && over_budget(s)) {
		rule.action = FAULT_THROTTLE;
		rule.retry_after_s = 1;
	}
	pthread_mutex_unlock(&s->lock);

	if (ms > 0)
		pause_ms(s, ms, fd);
	pthread_mutex_lock(&s->lock);
	cloud_settle(s);
	fate = before_deed(q, &rule);
	if (q->status == 0) {
		q->status = route->run(s, q);
		fate = after_deed(q, &rule);
	}
	if (fate == FATE_ANSWER)
		db_run(s, "UPDATE requests SET status=?, object=? WHERE seq=?",
		       "isi", (int64_t)q->status, q->object, seq);
	else
		db_run(s, "UPDATE requests SET status=?, object=? WHERE seq=?",
		       "isi", (int64_t)0, q->object, seq);
	pthread_mutex_unlock(&s->lock);
	return fate;
}

static enum fate serve(struct cloud *s, struct request *q, int fd)
{
	const struct route *route = route_find(q);

	if (!route) {
		q->status = answer_error(q, 404, "NoSuchOperation",
					 "%s %s means nothing here", q->method,
					 q->path);
		return FATE_ANSWER;
	}
	if (route->op)
		return serve_client(s, q, route, fd);
	LOCK_SCOPE(&s->lock);
	cloud_settle(s);
	q->op = "admin";
	q->status = route->run(s, q);
	return FATE_ANSWER;
}

/* ---- libmicrohttpd ---- */

/* Says that all of it comes, gives half, and breaks off. */
static ssize_t give_half(void *arg, uint64_t at, char *out, size_t room)
{
	struct buf *b = arg;
	size_t half = b->len / 2;

	if (at >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (room > half - at)
		room = half - at;
	memcpy(out, b->data + at, room);
	return (ssize_t)room;
}

static void give_done(void *arg)
{
	struct buf *b = arg;

	buf_done(b);
	free(b);
}

static enum MHD_Result send_half(struct MHD_Connection *conn,
				 struct request *q)
{
	struct buf *copy = malloc(sizeof(*copy));
	struct MHD_Response *r;
	enum MHD_Result done;

	if (!copy)
		return MHD_NO;
	*copy = q->reply;
	buf_init(&q->reply, REPLY_MAX_BYTES);
	r = MHD_create_response_from_callback(copy->len, 4096, give_half, copy,
					      give_done);
	if (!r) {
		give_done(copy);
		return MHD_NO;
	}
	done = MHD_queue_response(conn, (unsigned)q->status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result send_answer(struct MHD_Connection *conn,
				   struct request *q)
{
	struct MHD_Response *r;
	enum MHD_Result done;
	char number[32];

	if (buf_failed(&q->reply)) {
		buf_done(&q->reply);
		q->status = answer_error(q, 500, "InternalError",
					 "the answer is too large");
	}
	r = MHD_create_response_from_buffer(q->reply.len,
					    (void *)(uintptr_t)buf_str(&q->reply),
					    MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "application/json");
	if (q->retry_after_s >= 0) {
		snprintf(number, sizeof(number), "%lld",
			 (long long)q->retry_after_s);
		MHD_add_response_header(r, "Retry-After", number);
	}
	done = MHD_queue_response(conn, (unsigned)q->status, r);
	MHD_destroy_response(r);
	return done;
}

static int connection_fd(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? (int)info->connect_fd : -1;
}

static const char *argument(struct MHD_Connection *conn, const char *key)
{
	return MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result answer(struct server *server,
			      struct MHD_Connection *conn, const char *url,
			      const char *method, const struct buf *body)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct cloud *s = server->cloud;
	struct request q = {
		.method = method, .path = url, .retry_after_s = -1,
		.limit = argument(conn, "limit"),
		.next = argument(conn, "next"),
		.volume = argument(conn, "volume"),
		.token = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
						     "Idempotency-Token"),
	};
	enum MHD_Result done = MHD_NO;
	enum fate fate = FATE_ANSWER;
	int fd = connection_fd(conn);

	buf_init(&q.reply, REPLY_MAX_BYTES);
	if (body->len)
		o = json_tokener_parse(buf_str(body));
	q.body = json_object_is_type(o, json_type_object) ? o : NULL;
	if (buf_failed(body) || (body->len && !q.body))
		q.status = answer_error(&q, 400, "InvalidBody",
					"the body is no JSON object");
	else
		fate = serve(s, &q, fd);
	if (fate == FATE_SILENT)
		wait_for_hangup(s, fd);
	else if (fate == FATE_TRUNCATE)
		done = send_half(conn, &q);
	else if (fate == FATE_ANSWER)
		done = send_answer(conn, &q);
	buf_done(&q.reply);
	return done;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **state)
{
	struct exchange *x = *state;

	(void)version;
	if (!x) {
		x = calloc(1, sizeof(*x));
		if (!x)
			return MHD_NO;
		buf_init(&x->body, BODY_MAX_BYTES);
		*state = x;
		return MHD_YES;
	}
	if (*size > 0) {
		buf_append(&x->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer(arg, conn, url, method, &x->body);
}

static void on_done(void *arg, struct MHD_Connection *conn, void **state,
		    enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)arg;
	(void)conn;
	(void)why;
	if (!x)
		return;
	buf_done(&x->body);
	free(x);
	*state = NULL;
}

/* ---- listening ---- */

static int listen_unix(struct cloud *s, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(auto_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* By way of the directory's descriptor: a path of any length fits. */
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/socket",
		 s->dir_fd);
	unlinkat(s->dir_fd, "socket", 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    fchmodat(s->dir_fd, "socket", 0600, 0) < 0 || listen(fd, 512) < 0)
		return err_errno(err, errno, "listening at '%s/socket'",
				 s->dir);
	return STEAL_FD(fd);
}

static int listen_tcp(int port, int *got, struct err *err)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };
	AUTO(auto_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	int one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return err_errno(err, errno, "listening at 127.0.0.1:%d", port);
	*got = ntohs(a.sin_port);
	return STEAL_FD(fd);
}

struct server *server_start(struct cloud *s, int port, struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server) {
		err_oom(err);
		return NULL;
	}
	server->cloud = s;
	server->port = port;
	server->fd = port < 0 ? listen_unix(s, err)
			      : listen_tcp(port, &server->port, err);
	if (server->fd < 0) {
		free(server);
		return NULL;
	}
	/* A thread a connection: latency and silence are plain sleeping. */
	server->http = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, on_request,
		server, MHD_OPTION_LISTEN_SOCKET, server->fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 << 10,
		MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
	if (!server->http) {
		err_set(err, EIO, "the HTTP server does not start");
		close(server->fd);
		free(server);
		return NULL;
	}
	return server;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->http);   /* closes the socket */
	free(server);
}

int server_port(const struct server *server)
{
	return server->port;
}
