/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine without FUSE, on the local driver: real loop devices, real file
 * systems, data/ bound in a plain directory.
 */
#include "host_main.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "core/engine_impl.h"

int __real_pool_run(struct pool *p, void (*fn)(void *arg), void *arg);
int __wrap_pool_run(struct pool *p, void (*fn)(void *arg), void *arg);

/* So many more calls find no thread to be had. Linked with --wrap. */
static atomic_int no_threads;

int __wrap_pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
	if (atomic_fetch_sub(&no_threads, 1) > 0)
		return -EAGAIN;
	atomic_store(&no_threads, 0);
	return __real_pool_run(p, fn, arg);
}

static struct engine *engine;
static struct service *local;

static char *data_path(void *arg, const char *service, const char *volume)
{
	char *path;

	if (asprintf(&path, "%s/tree/%s-%s", host_dir, service, volume) < 0)
		return NULL;
	mkdir(path, 0755);
	return path;
}

static char *etc;                        /* also for reloads */

static void start(void)
{
	char *state = host_path("state"), *run = host_path("run");
	char *tree = host_path("tree");
	struct engine_options o = {
		.state_dir = state, .run_dir = run, .mount_point = tree,
		.host = { .data_path = data_path },
	};
	struct err err = ERR_INIT;

	o.config.etc_dir = etc = host_path("etc");
	mkdir(etc, 0755);
	mkdir(tree, 0755);
	assert_ok(engine_new(&o, &engine, &err), &err);
	assert_ok(engine_start(engine, &err), &err);
	local = engine_service_named(engine, "local");
	assert_non_null(local);
	free(state);
	free(run);
	free(tree);
}

static void stop(void)
{
	service_unref(local);
	engine_stop(engine, 5000);
	engine_free(engine);
	free(etc);
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	struct answer answer;
};

static void answered(void *arg, const struct answer *a)
{
	struct waiting *w = arg;

	pthread_mutex_lock(&w->lock);
	w->answer = *a;
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void submit(struct request *r, struct waiting *w)
{
	*w = (struct waiting){ .lock = PTHREAD_MUTEX_INITIALIZER,
			       .cond = PTHREAD_COND_INITIALIZER };
	r->svc = local;
	r->len = r->text ? strlen(r->text) : 0;
	engine_submit(engine, r, answered, w, NULL);
}

static struct answer answer_of(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->answer;
}

static struct answer ask(struct request *r)
{
	struct waiting w;

	submit(r, &w);
	return answer_of(&w);
}

static struct volume *named(const char *name)
{
	return service_volume_named(local, name);
}

static uint64_t serial_of(const char *name)
{
	struct volume *v = name ? named(name) : NULL;
	uint64_t serial = v ? v->node->serial : 0;

	volume_unref(v);
	return serial;
}

static int say(const char *verb, const char *volume, const char *line)
{
	struct request r = { .verb = verb_find(verb), .text = line };
	struct answer a;

	assert_non_null(r.verb);
	if (r.verb->target == TARGET_NAME)
		r.name = volume;
	else
		r.serial = serial_of(volume);
	a = ask(&r);
	return a.num;
}

static int set(const char *volume, const char *key, const char *value)
{
	struct request r = { .verb = verb_find("set"), .text = value,
			     .setting = setting_find(key),
			     .serial = serial_of(volume) };

	return ask(&r).num;
}

static int snapshot(const char *volume, const char *name)
{
	struct request r = { .verb = verb_find("snapshot"), .text = "",
			     .serial = serial_of(volume), .name = name };

	return ask(&r).num;
}

static int of_snapshot(const char *verb, const char *volume, const char *name,
		       const char *line)
{
	struct snapshot *sn = service_snapshot_named(local, serial_of(volume),
						     name);
	struct request r = { .verb = verb_find(verb), .text = line };

	assert_non_null(sn);
	r.serial = sn->serial;
	snapshot_unref(sn);
	return ask(&r).num;
}

static void sentence(const char *volume)
{
	struct volume *v = named(volume);
	struct service_info i;

	if (v && v->local && v->local->fault.at_s)
		print_message("%s: %s\n", volume, v->local->fault.err.text);
	volume_unref(v);
	service_info_get(local, &i);
	if (i.fault.at_s)
		print_message("service: %s\n", i.fault.err.text);
	service_info_done(&i);
}

#define assert_num(want, call_, volume_)                                \
	do {                                                            \
		int n_ = (call_);                                       \
		if (n_ != (want)) {                                     \
			sentence(volume_);                              \
			fail_msg("%s: %s, not %s", #call_, err_name(n_), \
				 err_name(want));                       \
		}                                                       \
	} while (0)

static void write_file(const char *volume, const char *file, const char *text)
{
	AUTO(auto_free) char *dir = data_path(NULL, "local", volume);
	AUTO(auto_free) char *path = NULL;
	FILE *f;

	assert_true(asprintf(&path, "%s/%s", dir, file) > 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *volume, const char *file, const char *want)
{
	AUTO(auto_free) char *dir = data_path(NULL, "local", volume);
	AUTO(auto_free) char *path = NULL;
	char text[64] = "";
	FILE *f;

	assert_true(asprintf(&path, "%s/%s", dir, file) > 0);
	f = fopen(path, "r");
	if (!want) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, want);
}

static int loops(void)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d))) {
		char path[512], name[PATH_MAX] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
			 e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(name, sizeof(name), f) &&
		     strncmp(name, host_dir, strlen(host_dir)) == 0;
		fclose(f);
	}
	closedir(d);
	return n;
}

static void life_of(const char *fstype)
{
	char line[64];

	snprintf(line, sizeof(line), "size=320M fstype=%s", fstype);
	assert_num(0, say("create", "db", line), "db");
	assert_num(0, say("create", "db", line), "db");
	assert_num(EEXIST, say("create", "db", "size=400M"), "db");
	assert_num(0, say("mount", "db", "1"), "db");
	assert_num(0, say("mount", "db", "user=two"), "db");
	write_file("db", "f", "before\n");
	assert_num(0, snapshot("db", "s1"), "db");
	write_file("db", "f", "after\n");
	assert_num(0, say("create", "copy", "from=db@s1"), "copy");
	assert_num(0, say("mount", "copy", "1"), "copy");
	assert_file("copy", "f", "before\n");
	assert_num(EBUSY, say("remove", "db", ""), "db");
	assert_num(0, say("unmount", "db", "1"), "db");
	assert_file("db", "f", "after\n");
	assert_num(0, say("unmount", "db", "user=two"), "db");
	assert_file("db", "f", NULL);
	assert_num(0, of_snapshot("restore", "db", "s1", "1"), "db");
	assert_num(0, set("db", "size", "400M\n"), "db");
	assert_num(EINVAL, set("db", "size", "100M\n"), "db");
	assert_num(0, say("mount", "db", "1"), "db");
	assert_file("db", "f", "before\n");
	assert_num(0, say("unmount", "db", "1"), "db");
	assert_num(0, say("unmount", "copy", "1"), "copy");
	assert_int_equal(loops(), 0);
	assert_num(ENOTEMPTY, say("remove", "copy", ""), "copy");
	assert_num(0, set("copy", "protect", "0\n"), "copy");
	assert_num(0, say("remove", "copy", ""), "copy");
	assert_num(0, say("remove", "copy", "absent=ok"), "copy");
}

static void end_of(void)
{
	struct snapshot *s[16];
	size_t n;

	n = service_snapshots_of(local, serial_of("db"), 0, s, 16);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_num(ENOTEMPTY, of_snapshot("snapshot-remove", "db",
						  s[i]->name, ""), "db");
		assert_num(0, of_snapshot("snapshot-protect", "db", s[i]->name,
					  "protect=0"), "db");
		assert_num(0, of_snapshot("snapshot-remove", "db", s[i]->name,
					  ""), "db");
		snapshot_unref(s[i]);
	}
	assert_num(0, set("db", "protect", "0"), "db");
	assert_num(0, say("remove", "db", ""), "db");
	assert_int_equal(serial_of("db"), 0);
}

static void test_life(void **state)
{
	NEED_HOST();
	start();
	life_of("ext4");
	end_of();
	life_of("xfs");
	end_of();
	stop();
}

static void test_restart(void **state)
{
	NEED_HOST();
	start();
	assert_num(0, say("create", "kept", "size=64M"), "kept");
	assert_num(0, say("mount", "kept", "1"), "kept");
	write_file("kept", "f", "here\n");
	stop();
	assert_int_equal(loops(), 1);
	start();
	for (int i = 0; i < 1000 && !serial_of("kept"); i++)
		usleep(10000);
	assert_file("kept", "f", "here\n");
	assert_num(0, say("unmount", "kept", "1"), "kept");
	assert_int_equal(loops(), 0);
	assert_num(0, set("kept", "protect", "0"), "kept");
	assert_num(0, say("remove", "kept", ""), "kept");
	stop();
}

static void test_refusals(void **state)
{
	NEED_HOST();
	start();
	assert_num(EINVAL, say("create", "a/b", ""), "a");
	assert_num(EINVAL, say("create", "x", "size=10X"), "x");
	assert_num(EINVAL, say("create", "x", "size=0"), "x");
	assert_num(EINVAL, say("create", "x", "size=99999P"), "x");
	assert_num(EINVAL, say("create", "x", "sized=1G"), "x");
	assert_num(EINVAL, say("create", "x", "size=1G size=1G"), "x");
	assert_num(ENOENT, say("create", "x", "from=nobody@nothing"), "x");
	assert_num(ENOENT, say("remove", "x", ""), "x");
	assert_num(0, say("create", "x", "dry-run size=64M"), "x");
	assert_int_equal(serial_of("x"), 0);
	stop();
}

/* Many at once; two of each name, and equal lines join. */
static void *make_some(void *arg)
{
	int first = *(int *)arg;

	for (int i = first; i < first + 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%d", i / 2);
		if (say("create", name, "size=32M") ||
		    say("mount", name, "1"))
			return "create or mount";
	}
	return NULL;
}

static void *unmake_some(void *arg)
{
	int first = *(int *)arg;

	for (int i = first; i < first + 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%d", i / 2);
		if (serial_of(name) && say("unmount", name, "1"))
			return "unmount";
		if (serial_of(name))
			set(name, "protect", "0");
		say("remove", name, "absent=ok");
	}
	return NULL;
}

static void in_parallel(void *(*fn)(void *))
{
	pthread_t t[8];
	int first[8];

	for (int i = 0; i < 8; i++) {
		first[i] = i * 3;
		assert_int_equal(pthread_create(&t[i], NULL, fn, &first[i]),
				 0);
	}
	for (int i = 0; i < 8; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		if (bad)
			fail_msg("%s failed", (char *)bad);
	}
}

static void test_many(void **state)
{
	struct inventory *inv;

	NEED_HOST();
	start();
	in_parallel(make_some);
	inv = service_inventory(local);
	assert_int_equal(inv->n_volumes, 12);
	inventory_unref(inv);
	assert_int_equal(loops(), 12);
	in_parallel(unmake_some);
	inv = service_inventory(local);
	assert_int_equal(inv->n_volumes, 0);
	inventory_unref(inv);
	assert_int_equal(loops(), 0);
	stop();
}

/* Jobs for which no thread can be had wait their turn, and run once one can. */
static void test_no_threads(void **state)
{
	NEED_HOST();
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	assert_int_equal(say("create", "one", "size=32M"), 0);
	atomic_store(&no_threads, 3);
	assert_int_equal(say("attach", "one", "1"), 0);
	assert_int_equal(loops(), 1);
	atomic_store(&no_threads, 3);
	assert_int_equal(say("reload", NULL, ""), 0);
	assert_int_equal(say("detach", "one", "1"), 0);
	assert_int_equal(loops(), 0);
	set("one", "protect", "0");
	assert_int_equal(say("remove", "one", "1"), 0);
	stop();
}

/* A service without marks: the store knows what was made here from nothing and
 * never attached, and nothing else is unprotected. */
static void test_no_marks(void **state)
{
	struct provider without;
	struct volume *v;

	NEED_HOST();
	for (int again = 0; again < 2; again++) {
		start();
		without = *local->provider;
		without.set_marks = NULL;
		local->provider = &without;
		assert_true(engine_wait_recovered(engine, 10000));
		if (!again) {
			assert_int_equal(say("create", "idle", "size=32M"), 0);
			assert_int_equal(say("create", "used", "size=32M"), 0);
			assert_int_equal(say("attach", "used", "1"), 0);
			assert_int_equal(say("detach", "used", "1"), 0);
			assert_int_equal(say("create", "copy",
					     "from=used"), 0);
		}
		v = named("idle");
		assert_false(v->f.blank);
		assert_false(volume_is_protected(v));
		volume_unref(v);
		v = named("used");
		assert_true(volume_is_protected(v));
		volume_unref(v);
		v = named("copy");
		assert_true(volume_is_protected(v));
		volume_unref(v);
		if (again) {
			assert_int_equal(say("remove", "used", "1"),
					 ENOTEMPTY);
			assert_int_equal(say("remove", "idle", "1"), 0);
			set("used", "protect", "0");
			set("copy", "protect", "0");
			assert_int_equal(say("remove", "used", "1"), 0);
			assert_int_equal(say("remove", "copy", "1"), 0);
		}
		stop();
	}
}

static int64_t observed_at_s(void)
{
	struct service_info i;
	int64_t at_s;

	service_info_get(local, &i);
	at_s = i.observed_at_s;
	service_info_done(&i);
	return at_s;
}

/* False after ten seconds. */
static bool observed_after(int64_t at_s)
{
	for (int i = 0; i < 1000 && observed_at_s() <= at_s; i++)
		usleep(10000);
	return observed_at_s() > at_s;
}

/* A refresh for which no thread can be had is tried again. */
static void test_refresh_without_thread(void **state)
{
	char *etc_dir = host_path("etc"), *volfs = host_path("etc/volfs");
	char *path = host_path("etc/volfs/config.yml");
	FILE *f;

	NEED_HOST();
	mkdir(etc_dir, 0755);
	mkdir(volfs, 0755);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("services: {local: {driver: local, refresh: 1s}}\n", f);
	fclose(f);
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	assert_true(observed_after(0));
	atomic_store(&no_threads, 1);
	for (int i = 0; i < 1000 && atomic_load(&no_threads) > 0; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&no_threads), 0);
	assert_true(observed_after(observed_at_s()));
	stop();
	unlink(path);
	free(path);
	free(volfs);
	free(etc_dir);
}

/* ---- what comes in between ---- */

static void configure(unsigned refresh_s)
{
	AUTO(auto_free) char *path = host_path("etc/volfs/config.yml");
	char beside[64];
	FILE *f;

	snprintf(beside, sizeof(beside), "%.50s-%u", host_dir, refresh_s);
	f = fopen(beside, "we");
	assert_non_null(f);
	fprintf(f, "services: {local: {driver: local, refresh: %us}}\n",
		refresh_s);
	fclose(f);
	assert_int_equal(rename(beside, path), 0);
}

static void *reload_often(void *arg)
{
	unsigned first = *(unsigned *)arg, generation;
	struct err err = ERR_INIT;
	struct volume *v;

	for (unsigned i = 0; i < 200; i++) {
		generation = engine_enter(engine);
		configure(first + i);
		if (engine_reload(engine, &err) < 0)
			return (void *)"reload";
		v = named("read");
		volume_unref(v);
		if (service_options(local)->refresh_ms < 1000)
			return (void *)"options";
		engine_leave(engine, generation);
	}
	return NULL;
}

/* Reloads at the same time come after each other. */
static void test_reloads(void **state)
{
	char *etc_dir = host_path("etc"), *volfs = host_path("etc/volfs");
	char *path = host_path("etc/volfs/config.yml");
	unsigned first[2] = { 1000, 2000 };
	pthread_t t[2];
	void *bad;

	NEED_HOST();
	mkdir(etc_dir, 0755);
	mkdir(volfs, 0755);
	configure(60);
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	for (size_t i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reload_often, &first[i]);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	stop();
	unlink(path);
	free(path);
	free(volfs);
	free(etc_dir);
}

/* An rmdir that was checked before a mount ended is not answered early. */
static void test_early_looks_again(void **state)
{
	struct job *j;

	NEED_HOST();
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	assert_int_equal(say("create", "held", "size=32M"), 0);
	j = job_new(engine, &verb_remove);
	assert_non_null(j);
	j->svc = service_ref(local);
	j->serial = serial_of("held");
	j->name = strdup("held");
	assert_int_equal(say("mount", "held", "1"), 0);
	assert_int_equal(job_answer_early(j), -EBUSY);
	assert_int_equal(serial_of("held"), j->serial);
	job_unref(j);
	assert_int_equal(say("unmount", "held", "1"), 0);
	stop();
}

static sem_t at_service, go_on;

static int rename_held(struct session *s, const struct call *c,
		       const struct volume_facts *v, const char *name,
		       struct err *err)
{
	sem_post(&at_service);
	sem_wait(&go_on);
	return 0;
}

/* As a creation's answer does while an early mv is being shown. */
static void tell_size(uint64_t serial, uint64_t bytes)
{
	struct volume *v = service_volume(local, serial), *newer;
	struct volume_facts f = v->f;
	struct err err = ERR_INIT;

	f.size_bytes = bytes;
	newer = volume_new(v->node, v->name, &f, v->local, v->job);
	assert_non_null(newer);
	assert_ok(service_replace(local, newer, &err), &err);
	volume_unref(newer);
	volume_unref(v);
}

/* What was told of a volume while its new name waited for the store is kept. */
static void test_rename_keeps_facts(void **state)
{
	struct request r = { .verb = verb_find("rename"), .name = "two" };
	struct provider held;
	struct waiting w;
	struct volume *v;

	NEED_HOST();
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	assert_int_equal(say("create", "one", "size=32M"), 0);
	sem_init(&at_service, 0, 0);
	sem_init(&go_on, 0, 0);
	held = *local->provider;
	held.rename = rename_held;
	local->provider = &held;
	r.serial = serial_of("one");
	submit(&r, &w);
	sem_wait(&at_service);
	pthread_mutex_lock(&local->write[r.serial % WRITE_STRIPES]);
	sem_post(&go_on);
	usleep(100000);
	tell_size(r.serial, 64 << 20);
	pthread_mutex_unlock(&local->write[r.serial % WRITE_STRIPES]);
	assert_int_equal(answer_of(&w).num, 0);
	v = named("two");
	assert_non_null(v);
	assert_int_equal(v->f.size_bytes, 64 << 20);
	assert_string_equal(v->f.name, "two");
	volume_unref(v);
	stop();
}

/* What takes the snapshot away while its copy is being admitted refuses the
 * copy, and nothing that was asked in the same moment. */
static void test_refused_alone(void **state)
{
	struct request first = { .verb = verb_find("set"), .text = "auto=1" };
	struct request copy = { .verb = verb_find("create"), .name = "copy",
				.text = "from=source@s" };
	struct request last = { .verb = verb_find("set"), .text = "uid=7" };
	struct waiting w[3];
	struct snapshot *sn;

	NEED_HOST();
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	assert_int_equal(say("create", "source", "size=32M"), 0);
	assert_int_equal(snapshot("source", "s"), 0);
	first.serial = last.serial = serial_of("source");
	pthread_mutex_lock(&local->write[first.serial % WRITE_STRIPES]);
	submit(&first, &w[0]);
	usleep(100000);                  /* it is being admitted */
	submit(&copy, &w[1]);
	submit(&last, &w[2]);
	sn = service_snapshot_named(local, first.serial, "s");
	assert_non_null(sn);
	service_drop_snapshots(local, &sn, 1);
	snapshot_unref(sn);
	pthread_mutex_unlock(&local->write[first.serial % WRITE_STRIPES]);
	assert_int_equal(answer_of(&w[0]).num, 0);
	assert_int_equal(answer_of(&w[1]).num, ENOENT);
	assert_int_equal(answer_of(&w[2]).num, 0);
	assert_int_equal(serial_of("copy"), 0);
	stop();
}

static void never(void *arg)
{
	fail_msg("work began after the end");
}

/* What readers of the tree bring while it is being unmounted begins no more. */
static void test_nothing_after_stop(void **state)
{
	struct request r = { .verb = verb_find("refresh"), .text = "" };

	NEED_HOST();
	start();
	assert_true(engine_wait_recovered(engine, 10000));
	engine_stop(engine, 5000);
	assert_true(engine_defer(engine, never, NULL) < 0);
	assert_int_equal(ask(&r).num, EAGAIN);
	stop();
}

static int host_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_threads),
		cmocka_unit_test(test_refresh_without_thread),
		cmocka_unit_test(test_no_marks),
		cmocka_unit_test(test_rename_keeps_facts),
		cmocka_unit_test(test_refused_alone),
		cmocka_unit_test(test_early_looks_again),
		cmocka_unit_test(test_reloads),
		cmocka_unit_test(test_nothing_after_stop),
	};

	log_init(getenv("V") ? LOG_DEBUG_ : LOG_ERR_);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
