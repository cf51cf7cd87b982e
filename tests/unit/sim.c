/* SPDX-License-Identifier: Apache-2.0 */

/* The sim driver against the real volfs-simcloud: a life of a volume, and the
 * bad days that the cloud can be told to have. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/loop.h"
#include "core/volume.h"
#include "net/http.h"
#include "net/json.h"
#include "providers/sim.h"

#define MIB (UINT64_C(1) << 20)

extern const struct provider provider_sim;
static const struct provider *const p = &provider_sim;

static struct call forever = { .deadline_ms = CALL_NO_DEADLINE,
			       .token = "", .job = "" };

/* ---- a session in a directory of its own ---- */

static char root[64];            /* all of them */

struct world {
	char dir[160];
	struct sim_session *s;
	struct http *admin;

	/* What the sink got last. */
	struct volume *v;
	struct snapshot *n;
	unsigned volumes, snapshots;
};

static int keep_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	struct world *w = arg;

	(void)err;
	w->volumes++;
	if (w->v)
		volume_unref(w->v);
	w->v = volume_new(NULL, "x", f, NULL, NULL);
	return w->v ? 0 : -ENOMEM;
}

static int keep_snapshot(void *arg, const struct snapshot_facts *f,
			 struct err *err)
{
	struct world *w = arg;

	(void)err;
	w->snapshots++;
	if (w->n)
		snapshot_unref(w->n);
	w->n = snapshot_new(1, NULL, 1, "x", f);
	return w->n ? 0 : -ENOMEM;
}

static struct volume_sink sink(struct world *w)
{
	w->volumes = w->snapshots = 0;
	return (struct volume_sink){ keep_volume, keep_snapshot, w };
}

/* "key=value" each. */
static void world_open(struct world *w, const char *const *options)
{
	struct opt_value given[16];
	struct opt_values values = { given, 0 };
	struct err err = ERR_INIT;
	char keys[16][32];

	for (; options && *options; options++) {
		size_t len = strcspn(*options, "=");

		snprintf(keys[values.n], sizeof(keys[0]), "%.*s", (int)len,
			 *options);
		given[values.n].spec = options_find(p->options,
						    keys[values.n]);
		assert_non_null(given[values.n].spec);
		given[values.n].text = (char *)(uintptr_t)*options + len + 1;
		given[values.n++].source = NULL;
	}
	w->s = calloc(1, p->session_size);
	assert_non_null(w->s);
	assert_int_equal(options_apply(p->options, &values, w->s, &err), 0);
	w->s->base = (struct session){ .service = "cloud",
				       .state_dir = w->dir, .run_dir = w->dir,
				       .host_id = "host-1" };
	if (p->open(&w->s->base, &err) < 0)
		fail_msg("%s", err.text);
}

static void world_close(struct world *w)
{
	p->close(&w->s->base);
	options_done(p->options, w->s);
	free(w->s);
	w->s = NULL;
}

static void world_make(struct world *w, const char *const *options)
{
	char path[256];

	*w = (struct world){ 0 };
	snprintf(w->dir, sizeof(w->dir), "%s/XXXXXX", root);
	assert_non_null(mkdtemp(w->dir));
	world_open(w, options);
	snprintf(path, sizeof(path), "%s/cloud/socket", w->dir);
	w->admin = http_new(&(struct http_options){
		.base_url = "http://admin", .unix_path = path }, NULL);
	assert_non_null(w->admin);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *dir)
{
	int i;

	/* A cloud may still be writing to it the first time. */
	for (i = 0; i < 3 && access(dir, F_OK) == 0; i++)
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Also when the tests are killed, nothing stays: a process waits for their
 * end, takes the directory away, and with it end the clouds in it. */
static int setup_root(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	snprintf(root, sizeof(root), "/tmp/volfs-sim-XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (fork() == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		close(ends[1]);
		while (read(ends[0], &byte, 1) > 0)
			;
		remove_tree(root);
		_exit(0);
	}
	close(ends[0]);              /* the other is kept to the end */
	return 0;
}

static int cloud_pid(struct world *w)
{
	char path[256], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/cloud/pid", w->dir);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return (int)strtoul(text, NULL, 10);
}

/* No longer runs: its lock is free. A zombie counts as gone. */
static bool cloud_ends(int lock_fd)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (flock(lock_fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		poll(NULL, 0, 25);
	}
	return false;
}

static void world_end(struct world *w)
{
	char path[256];
	int fd;

	if (w->s)
		world_close(w);
	http_free(w->admin);
	volume_unref(w->v);
	snapshot_unref(w->n);
	snprintf(path, sizeof(path), "%s/cloud/pid", w->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* It notices that its directory is gone. */
	remove_tree(w->dir);
	if (fd >= 0) {
		assert_true(cloud_ends(fd));
		close(fd);
	}
	assert_int_not_equal(access(w->dir, F_OK), 0);
}

static struct json_object *tell(struct world *w, const char *method,
				const char *path, const char *body)
{
	AUTO(auto_http_reply) struct http_reply reply;
	struct json_object *o = NULL;
	struct err err = ERR_INIT;

	http_reply_init(&reply);
	if (http_exchange(w->admin, &forever, &(struct http_request){
			  .method = method, .path = path, .body = body,
			  .body_len = body ? strlen(body) : 0 }, &reply,
			  &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(json_parse(buf_str(&reply.body), reply.body.len,
				    path, &o, &err), 0);
	return o;
}

static void set_cloud(struct world *w, const char *body)
{
	json_object_put(tell(w, "POST", "/admin/settings", body));
}

static void add_rule(struct world *w, const char *body)
{
	json_object_put(tell(w, "POST", "/admin/rules", body));
}

static int64_t count_of(struct world *w, const char *path)
{
	AUTO(auto_json) struct json_object *o =
		tell(w, "GET", "/admin/counts", NULL);
	int64_t n;

	assert_int_equal(json_opt_i64(o, path, 0, &n, NULL), 0);
	return n;
}

/* Nothing was made twice, nothing is there that nobody knows of. */
static void check_strays(struct world *w)
{
	AUTO(auto_json) struct json_object *o =
		tell(w, "GET", "/admin/strays", NULL);
	struct json_object *doubles, *orphans;

	assert_int_equal(json_get_object(o, "doubles", &doubles, NULL), 0);
	assert_int_equal(json_get_object(o, "orphans", &orphans, NULL), 0);
	assert_int_equal(json_object_object_length(doubles), 0);
	assert_int_equal(json_object_object_length(orphans), 0);
}

#define OK(call)                                                           \
	do {                                                               \
		struct err err = ERR_INIT;                                 \
		int r_ = (call);                                           \
		if (r_ < 0)                                                \
			fail_msg("%s: %s", #call, err.text);               \
		assert_int_equal(err.num, 0);                              \
	} while (0)

#define FAILS(call, number)                                                \
	do {                                                               \
		struct err err = ERR_INIT;                                 \
		int r_ = (call);                                           \
		if (r_ != -(number))                                       \
			fail_msg("%s: %d, %s", #call, r_, err.text);       \
		assert_int_equal(err.num, (number));                       \
		assert_true(err.text[0] != '\0');                          \
	} while (0)

static struct volume_spec spec(const char *name)
{
	return (struct volume_spec){ .name = name, .size_bytes = 8 * MIB,
				     .iops = -1, .throughput_bytes_per_s = -1,
				     .encrypted = -1, .blank = true };
}

static int create(struct world *w, const char *name, const char *token,
		  struct err *err)
{
	struct volume_spec want = spec(name);
	struct volume_sink out = sink(w);
	struct call c = forever;

	c.token = token;
	return p->create(&w->s->base, &c, &want, &out, err);
}

static int get(struct world *w, const char *id, struct err *err)
{
	struct volume_sink out = sink(w);
	char copy[128];              /* @id may be that of w->v */

	snprintf(copy, sizeof(copy), "%s", id);
	return p->get(&w->s->base, &forever, copy, &out, err);
}

static int list(struct world *w, struct err *err)
{
	struct volume_sink out = sink(w);

	return p->list(&w->s->base, &forever, &out, err);
}

/* ---- tests ---- */

static const char *const directories[] = { "kind=directory", NULL };

static void test_session(void **state)
{
	struct instance instance;
	struct bounds bounds;
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(p->whoami(&w.s->base, &forever, &instance, &err));
	assert_string_equal(instance.id, "host-1");
	assert_string_equal(instance.zone, "zone-a");
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 0);
	p->bounds(&w.s->base, &bounds);
	assert_string_equal(bounds.types[1], "fast");
	assert_int_equal(bounds.size_step_bytes, MIB);
	world_end(&w);
}

static void test_settings_of_a_volume(void **state)
{
	const struct tag tags[] = { { "team", "web" } };
	struct volume_change grow = { .fields = FIELD_SIZE | FIELD_TYPE,
				      .size_bytes = 16 * MIB, .type = "fast" };
	struct volume_sink out;
	char id[64];
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "db", "t1", &err));
	snprintf(id, sizeof(id), "%s", w.v->f.id);
	assert_int_equal(w.v->f.state, VOLUME_AVAILABLE);
	assert_true(w.v->f.managed && w.v->f.blank);
	assert_string_equal(w.v->f.token, "t1");
	OK(p->set_tags(&w.s->base, &forever, &w.v->f, tags, 1, &err));
	OK(p->set_marks(&w.s->base, &forever, &w.v->f, true, false, &err));
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.n_tags, 1);
	assert_true(w.v->f.managed && !w.v->f.blank);
	OK(p->set_tags(&w.s->base, &forever, &w.v->f, NULL, 0, &err));
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.n_tags, 0);
	out = sink(&w);
	OK(p->modify(&w.s->base, &forever, &w.v->f, &grow, &out, &err));
	assert_int_equal(w.v->f.size_bytes, 16 * MIB);
	assert_string_equal(w.v->f.type, "fast");
	grow.size_bytes = MIB;
	FAILS(p->modify(&w.s->base, &forever, &w.v->f, &grow, &out, &err),
	      EINVAL);
	OK(p->rename(&w.s->base, &forever, &w.v->f, "other", &err));
	OK(get(&w, id, &err));
	assert_string_equal(w.v->f.name, "other");
	world_end(&w);
}

static void test_life(void **state)
{
	struct volume_spec want = spec("copy");
	struct attach_result a = { 0 };
	struct volume_sink out;
	char id[64], path[512];
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "db", "t1", &err));
	snprintf(id, sizeof(id), "%s", w.v->f.id);
	OK(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err));
	assert_int_equal(a.kind, KIND_DIRECTORY);
	snprintf(path, sizeof(path), "%s/file", a.directory);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	attach_done(&a);
	OK(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err));
	attach_done(&a);
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.state, VOLUME_ATTACHED);
	FAILS(p->remove(&w.s->base, &forever, &w.v->f, &err), EBUSY);

	out = sink(&w);
	OK(p->snapshot(&w.s->base, &forever, &w.v->f, "s1", &out, &err));
	assert_int_equal(w.n->f.state, SNAPSHOT_AVAILABLE);
	assert_string_equal(w.n->f.volume_id, id);
	unlink(path);
	FAILS(p->restore(&w.s->base, &forever, &w.v->f, &w.n->f, &err), EBUSY);
	OK(p->detach(&w.s->base, &forever, &w.v->f, false, &err));
	OK(p->detach(&w.s->base, &forever, &w.v->f, false, &err));
	OK(p->restore(&w.s->base, &forever, &w.v->f, &w.n->f, &err));
	assert_int_equal(access(path, F_OK), 0);

	OK(p->create_from_snapshot(&w.s->base, &forever, &want, &w.n->f, &out,
				   &err));
	assert_string_equal(w.v->f.source_id, w.n->f.id);
	want.name = "third";
	OK(p->create_from_volume(&w.s->base, &forever, &want, &w.v->f, &out,
				 &err));
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 3);
	assert_int_equal(w.snapshots, 1);
	OK(get(&w, id, &err));
	assert_int_equal(w.snapshots, 1);

	OK(p->snapshot_remove(&w.s->base, &forever, &w.n->f, &err));
	OK(p->snapshot_remove(&w.s->base, &forever, &w.n->f, &err));
	OK(p->remove(&w.s->base, &forever, &w.v->f, &err));
	OK(p->remove(&w.s->base, &forever, &w.v->f, &err));
	FAILS(get(&w, id, &err), ENOENT);
	world_end(&w);
}

/* Two hosts at once, where the volume permits it. */
static void test_multi_writer(void **state)
{
	struct attach_result a = { 0 };
	struct world w;
	char path[128];

	(void)state;
	world_make(&w, (const char *const[]){ "multiWriter=true", NULL });
	OK(create(&w, "a", "", &err));
	assert_int_equal(w.v->f.access, ACCESS_MULTI_WRITER);
	snprintf(path, sizeof(path), "/v1/volumes/%s/attach", w.v->f.id);
	json_object_put(tell(&w, "PUT", "/v1/hosts/host-2", "{}"));
	json_object_put(tell(&w, "POST", path,
			     "{\"host\":\"host-2\",\"plug\":false}"));
	if (geteuid() == 0 && access("/dev/loop-control", W_OK) == 0) {
		OK(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err));
		attach_done(&a);
		OK(get(&w, w.v->f.id, &err));
		assert_int_equal(w.v->f.state, VOLUME_ATTACHED);
		assert_int_equal(w.v->f.n_attachments, 2);
		OK(p->detach(&w.s->base, &forever, &w.v->f, true, &err));
	}
	OK(get(&w, w.v->f.id, &err));
	assert_int_equal(w.v->f.state, VOLUME_IN_USE);
	world_end(&w);
}

/* What no listing shows is taken over by its id. */
static void test_import(void **state)
{
	struct volume_sink out;
	const char *id;
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(list(&w, &err));
	{
		AUTO(auto_json) struct json_object *o = tell(
			&w, "POST", "/v1/volumes", "{\"name\":\"foreign\","
			"\"size_bytes\":1048576,\"hidden\":true}");

		assert_int_equal(json_get_string(o, "id", &id, NULL), 0);
		OK(list(&w, &err));
		assert_int_equal(w.volumes, 0);
		out = sink(&w);
		FAILS(p->import(&w.s->base, &forever, "vol-none", "x", &out,
				&err), ENOENT);
		OK(p->import(&w.s->base, &forever, id, "mine", &out, &err));
	}
	assert_string_equal(w.v->f.name, "mine");
	assert_true(w.v->f.managed && !w.v->f.blank);
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 1);
	world_end(&w);
}

/* Names, quotas, zones, limits: each with the errno of the contract. */
static void test_refusals(void **state)
{
	static const char *const options[] = {
		"kind=block", "quotaVolumes=3", "quotaSize=100M",
		"attachLimit=1", NULL
	};
	struct volume_spec want = spec("far");
	struct attach_result a = { 0 };
	struct volume_sink out;
	struct world w;

	(void)state;
	world_make(&w, options);
	want.zone = "zone-b";
	out = sink(&w);
	OK(p->create(&w.s->base, &forever, &want, &out, &err));
	FAILS(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err),
	      EXDEV);
	want.zone = NULL;
	want.type = "odd";
	FAILS(p->create(&w.s->base, &forever, &want, &out, &err), EINVAL);
	want.type = NULL;
	want.size_bytes = 99 * MIB;
	FAILS(p->create(&w.s->base, &forever, &want, &out, &err), EDQUOT);
	OK(create(&w, "a", "", &err));
	/* Somebody else has it. */
	{
		char path[128];

		snprintf(path, sizeof(path), "/v1/volumes/%s/attach",
			 w.v->f.id);
		json_object_put(tell(&w, "PUT", "/v1/hosts/host-2", "{}"));
		json_object_put(tell(&w, "POST", path,
			"{\"host\":\"host-2\",\"plug\":false}"));
	}
	FAILS(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err),
	      EBUSY);
	OK(get(&w, w.v->f.id, &err));
	assert_int_equal(w.v->f.state, VOLUME_IN_USE);
	/* Not ours to detach: nothing happens, and that is fine. */
	OK(p->detach(&w.s->base, &forever, &w.v->f, false, &err));
	OK(get(&w, w.v->f.id, &err));
	assert_int_equal(w.v->f.n_attachments, 1);
	OK(create(&w, "b", "", &err));
	FAILS(create(&w, "c", "", &err), EDQUOT);
	set_cloud(&w, "{\"quota_volumes\":0,\"quota_bytes\":0,"
		      "\"capacity_bytes\":1048576}");
	FAILS(create(&w, "c", "", &err), ENOSPC);
	FAILS(create(&w, "not a name", "", &err), EINVAL);
	world_end(&w);
}

static void test_lost_answers(void **state)
{
	struct volume_sink out;
	struct call c = forever;
	struct world w;
	char first[64];

	(void)state;
	world_make(&w, directories);
	OK(list(&w, &err));
	/* Made, and the answer lost: the repeat finds it. */
	add_rule(&w, "{\"op\":\"create\",\"action\":\"lost\",\"at_call\":1}");
	OK(create(&w, "a", "t1", &err));
	assert_int_equal(count_of(&w, "by_token.t1"), 2);
	/* Later, after a crash, once more. */
	snprintf(first, sizeof(first), "%s", w.v->f.id);
	OK(create(&w, "a", "t1", &err));
	assert_string_equal(w.v->f.id, first);
	/* Cut off in the middle, or failed afterwards. */
	add_rule(&w, "{\"op\":\"create\",\"action\":\"truncate\",\"at_call\":1}");
	OK(create(&w, "b", "t2", &err));
	add_rule(&w, "{\"op\":\"create\",\"action\":\"fail-after\",\"at_call\":1,"
		     "\"status\":503}");
	OK(create(&w, "c", "t3", &err));
	c.token = "t4";
	out = sink(&w);
	add_rule(&w, "{\"op\":\"snapshot\",\"action\":\"lost\",\"at_call\":1}");
	FAILS(p->snapshot(&w.s->base, &c, &w.v->f, "s", &out, &err),
	      EHOSTUNREACH);
	OK(p->snapshot(&w.s->base, &c, &w.v->f, "s", &out, &err));
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 3);
	assert_int_equal(w.snapshots, 1);
	check_strays(&w);
	/* The counting itself: a cloud without tokens makes two. */
	set_cloud(&w, "{\"heeds_tokens\":0}");
	add_rule(&w, "{\"op\":\"create\",\"action\":\"lost\",\"at_call\":1}");
	OK(create(&w, "d", "t5", &err));
	{
		AUTO(auto_json) struct json_object *o =
			tell(&w, "GET", "/admin/strays", NULL);
		int64_t n = 0;

		assert_int_equal(json_get_i64(o, "doubles.t5", &n, NULL), 0);
		assert_int_equal(n, 2);
	}
	/* What nobody was told of is an orphan. */
	add_rule(&w, "{\"op\":\"create\",\"action\":\"fail-after\","
		     "\"status\":500}");
	FAILS(create(&w, "e", "t6", &err), EIO);
	{
		AUTO(auto_json) struct json_object *o =
			tell(&w, "GET", "/admin/strays", NULL);
		struct json_object *orphans;

		assert_int_equal(json_get_object(o, "orphans", &orphans, NULL),
				 0);
		assert_int_equal(json_object_object_length(orphans), 1);
	}
	world_end(&w);
}

static void test_faults(void **state)
{
	struct world w;
	int64_t began;

	(void)state;
	world_make(&w, directories);
	OK(list(&w, &err));
	add_rule(&w, "{\"op\":\"create\",\"action\":\"fail\",\"at_call\":2,"
		     "\"status\":409,\"code\":\"IncorrectState\"}");
	OK(create(&w, "a", "", &err));
	FAILS(create(&w, "b", "", &err), EBUSY);
	OK(create(&w, "b", "", &err));
	add_rule(&w, "{\"op\":\"list\",\"action\":\"garbage\",\"at_call\":1}");
	FAILS(list(&w, &err), EPROTO);
	add_rule(&w, "{\"op\":\"list\",\"action\":\"throttle\",\"at_call\":1,"
		     "\"retry_after_s\":1}");
	began = clock_ms();
	OK(list(&w, &err));
	assert_true(clock_ms() - began >= 900);
	assert_int_equal(w.volumes, 2);
	add_rule(&w, "{\"op\":\"create\",\"action\":\"end-error\",\"at_call\":1}");
	OK(create(&w, "bad", "", &err));
	assert_int_equal(w.v->f.state, VOLUME_ERROR);
	assert_int_equal(w.v->f.health, HEALTH_FAILED);
	add_rule(&w, "{\"op\":\"get\",\"action\":\"fail\",\"status\":401,"
		     "\"code\":\"Denied\"}");
	FAILS(get(&w, w.v->f.id, &err), EACCES);
	world_end(&w);
}

static void test_silence(void **state)
{
	struct call c = forever;
	struct volume_sink out;
	struct world w;
	int64_t began;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "a", "", &err));
	set_cloud(&w, "{\"silent\":\"list,remove\"}");
	out = sink(&w);
	began = clock_ms();
	c.deadline_ms = began + 300;
	FAILS(p->list(&w.s->base, &c, &out, &err), ETIMEDOUT);
	assert_in_range(clock_ms() - began, 280, 20000);
	/* Others are answered meanwhile. */
	OK(get(&w, w.v->f.id, &err));
	set_cloud(&w, "{\"silent\":\"*\"}");
	c.deadline_ms = clock_ms() + 200;
	FAILS(p->get(&w.s->base, &c, w.v->f.id, &out, &err), ETIMEDOUT);
	set_cloud(&w, "{\"silent\":\"\"}");
	OK(p->remove(&w.s->base, &forever, &w.v->f, &err));
	world_end(&w);
}

static void test_pending(void **state)
{
	struct attach_result a = { 0 };
	struct volume_sink out;
	struct world w;
	char id[64];

	(void)state;
	world_make(&w, (const char *const[]){ "kind=directory",
					      "pending=150ms", NULL });
	OK(create(&w, "a", "", &err));
	snprintf(id, sizeof(id), "%s", w.v->f.id);
	assert_int_equal(w.v->f.state, VOLUME_CREATING);
	FAILS(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err),
	      EBUSY);
	poll(NULL, 0, 200);
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.state, VOLUME_AVAILABLE);
	OK(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err));
	attach_done(&a);
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.state, VOLUME_ATTACHING);
	poll(NULL, 0, 200);
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.state, VOLUME_ATTACHED);
	out = sink(&w);
	OK(p->snapshot(&w.s->base, &forever, &w.v->f, "s", &out, &err));
	assert_int_equal(w.n->f.state, SNAPSHOT_CREATING);
	/* These wait. */
	OK(p->detach(&w.s->base, &forever, &w.v->f, false, &err));
	OK(get(&w, id, &err));
	assert_int_equal(w.v->f.state, VOLUME_AVAILABLE);
	OK(p->restore(&w.s->base, &forever, &w.v->f, &w.n->f, &err));
	OK(p->remove(&w.s->base, &forever, &w.v->f, &err));
	FAILS(get(&w, id, &err), ENOENT);
	world_end(&w);
}

static void test_lag(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, (const char *const[]){ "kind=directory", "lag=400ms",
					      NULL });
	OK(list(&w, &err));
	OK(create(&w, "a", "", &err));
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 0);
	poll(NULL, 0, 450);
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 1);
	OK(p->rename(&w.s->base, &forever, &w.v->f, "b", &err));
	OK(list(&w, &err));
	assert_string_equal(w.v->f.name, "a");
	OK(get(&w, w.v->f.id, &err));
	assert_string_equal(w.v->f.name, "b");
	OK(p->remove(&w.s->base, &forever, &w.v->f, &err));
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 1);
	poll(NULL, 0, 450);
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 0);
	world_end(&w);
}

/* ---- freeze and thaw ---- */

struct frozen {
	char order[16];
	int thaw_result;
};

static int on_freeze(void *arg, struct err *err)
{
	struct frozen *f = arg;

	(void)err;
	strncat(f->order, "f", sizeof(f->order) - strlen(f->order) - 1);
	return 0;
}

static int on_thaw(void *arg, struct err *err)
{
	struct frozen *f = arg;

	strncat(f->order, "t", sizeof(f->order) - strlen(f->order) - 1);
	return f->thaw_result ? err_set(err, -f->thaw_result, "too late") : 0;
}

static void test_freeze(void **state)
{
	struct frozen f = { "" };
	struct call c = forever;
	struct volume_sink out;
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "a", "", &err));
	c.freeze = on_freeze;
	c.thaw = on_thaw;
	c.arg = &f;
	out = sink(&w);
	OK(p->snapshot(&w.s->base, &c, &w.v->f, "s1", &out, &err));
	assert_string_equal(f.order, "ft");
	assert_string_equal(w.n->f.consistency, "frozen");
	OK(list(&w, &err));
	assert_string_equal(w.n->f.consistency, "frozen");
	/* Thawed by the guard meanwhile: it is no snapshot. */
	f.thaw_result = -EBUSY;
	out = sink(&w);
	FAILS(p->snapshot(&w.s->base, &c, &w.v->f, "s2", &out, &err), EBUSY);
	assert_int_equal(w.snapshots, 0);
	OK(list(&w, &err));
	assert_int_equal(w.snapshots, 1);
	/* Refused: thawed all the same. */
	f = (struct frozen){ "" };
	add_rule(&w, "{\"op\":\"snapshot\",\"action\":\"fail\",\"status\":500}");
	FAILS(p->snapshot(&w.s->base, &c, &w.v->f, "s3", &out, &err), EIO);
	assert_string_equal(f.order, "ft");
	world_end(&w);
}

/* ---- the cloud's own life ---- */

static void test_killed(void **state)
{
	struct world w;
	char id[64];
	int pid;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "a", "t", &err));
	snprintf(id, sizeof(id), "%s", w.v->f.id);
	pid = cloud_pid(&w);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* It is found to be away, and started again. */
	OK(get(&w, id, &err));
	assert_int_not_equal(cloud_pid(&w), pid);
	/* A second daemon's session finds the one that runs. */
	pid = cloud_pid(&w);
	world_close(&w);
	world_open(&w, directories);
	OK(get(&w, id, &err));
	assert_int_equal(cloud_pid(&w), pid);
	world_end(&w);
}

/* What was set at run time stays until the configuration changes. */
static void test_settings(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, directories);
	OK(list(&w, &err));
	set_cloud(&w, "{\"quota_volumes\":1}");
	world_close(&w);
	world_open(&w, directories);
	OK(create(&w, "a", "", &err));
	FAILS(create(&w, "b", "", &err), EDQUOT);
	world_close(&w);
	world_open(&w, (const char *const[]){ "kind=directory",
					      "quotaVolumes=2", NULL });
	OK(create(&w, "b", "", &err));
	FAILS(create(&w, "c", "", &err), EDQUOT);
	world_end(&w);
}

static void test_endpoint(void **state)
{
	struct sim_session *s;
	char option[256];
	struct world w, other;

	(void)state;
	world_make(&w, directories);
	OK(create(&w, "a", "", &err));
	/* Another host of the same cloud. */
	other = w;
	other.v = NULL;
	other.n = NULL;
	snprintf(option, sizeof(option), "endpoint=unix:%s/cloud/socket",
		 w.dir);
	world_open(&other, (const char *const[]){ option, "host=host-9",
						  NULL });
	OK(list(&other, &err));
	assert_int_equal(other.volumes, 1);
	volume_unref(other.v);
	world_close(&other);

	s = calloc(1, p->session_size);
	assert_int_equal(options_apply(p->options, NULL, s, NULL), 0);
	s->endpoint = strdup("nonsense");
	FAILS(p->open(&s->base, &err), EINVAL);
	options_done(p->options, s);
	free(s);
	world_end(&w);
}

static void test_many(void **state)
{
	struct world w;
	int64_t began;

	(void)state;
	world_make(&w, (const char *const[]){ "volumes=100000", NULL });
	began = clock_ms();
	OK(list(&w, &err));
	assert_int_equal(w.volumes, 100000);
	print_message("100000 volumes made and listed in %lld ms\n",
		      (long long)(clock_ms() - began));
	/* They have held data. */
	assert_false(w.v->f.blank);
	assert_string_equal(w.v->f.name, "vol-100000");
	assert_int_equal(count_of(&w, "by_op.list"), 101);
	world_end(&w);
}

/* ---- block devices ---- */

static void test_block(void **state)
{
	struct attach_result a = { 0 };
	struct volume_change grow = { .fields = FIELD_SIZE,
				      .size_bytes = 24 * MIB };
	struct loop_device loop;
	struct volume_sink out;
	struct world w;
	dev_t dev;
	ino_t ino;

	(void)state;
	if (geteuid() != 0 || access("/dev/loop-control", W_OK) < 0)
		skip();
	world_make(&w, NULL);
	OK(create(&w, "a", "", &err));
	OK(p->attach(&w.s->base, &forever, &w.v->f, false, &a, &err));
	assert_int_equal(a.kind, KIND_BLOCK);
	dev = a.device.backing_dev;
	ino = a.device.backing_ino;
	attach_done(&a);
	OK(loop_find(dev, ino, &loop, &err));
	assert_int_equal(loop.size_bytes, 8 * MIB);
	out = sink(&w);
	OK(p->modify(&w.s->base, &forever, &w.v->f, &grow, &out, &err));
	OK(loop_find(dev, ino, &loop, &err));
	assert_int_equal(loop.size_bytes, 24 * MIB);
	/* Killed, it finds its device again. */
	kill(cloud_pid(&w), SIGKILL);
	OK(get(&w, w.v->f.id, &err));
	assert_int_equal(w.v->f.state, VOLUME_ATTACHED);
	OK(loop_find(dev, ino, &loop, &err));
	OK(p->detach(&w.s->base, &forever, &w.v->f, false, &err));
	FAILS(loop_find(dev, ino, &loop, &err), ENOENT);
	/* Gone with its directory, the device with it. */
	OK(p->attach(&w.s->base, &forever, &w.v->f, true, &a, &err));
	assert_true(a.read_only);
	attach_done(&a);
	OK(loop_find(dev, ino, &loop, &err));
	world_end(&w);
	FAILS(loop_find(dev, ino, &loop, &err), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_settings_of_a_volume),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_multi_writer),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_lag),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_block),
	};

	return cmocka_run_group_tests(tests, setup_root, NULL);
}
