/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conformance [--import=ID] [--only=TEXT] [--skip=TEXT]... PROVIDER
 *	[KEY=VALUE...]
 *
 * Runs the suite over one provider and prints TAP. Session directories are
 * made in a private directory and removed. Exit status: 0, 1 (a check failed),
 * 2 (usage).
 */
#include "conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/parse.h"
#include "core/host/helper.h"
#include "core/host/mount.h"

#define CALL_MS 60000
#define SETTLE_MS 30000
#define LISTED_MS 10000
#define POLL_MS 20
#define CONTENT_BYTES 65536

void diag(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

bool refused(int r, const struct err *err, int num, const char *what)
{
	NEED(r < 0, "%s should have failed, and returned %d", what, r);
	NEED(!num || r == -num, "%s: should fail with %s, not %s: %s", what,
	     err_name(num), err_name(-r), err->text);
	NEED(err->num == -r, "%s: returned %s, but the error says %s", what,
	     err_name(-r), err_name(err->num));
	/* Who cancelled knows; "cancelled" is enough. */
	NEED(strlen(err->text) > 20 || r == -ECANCELED,
	     "%s: '%s' is no sentence", what, err->text);
	NEED(!strpbrk(err->text, "\r\n"), "%s: a newline in '%s'", what,
	     err->text);
	return true;
}

/*
 * What sinks get
 */

static struct volume_node *some_node;

static int take_volume(void *arg, const struct volume_facts *f,
		       struct err *err)
{
	struct found *found = arg;
	struct volume **more = reallocarray(found->v, found->n_volumes + 1,
					    sizeof(*more));

	if (!more)
		return err_oom(err);
	found->v = more;
	more[found->n_volumes] = volume_new(some_node, "x", f, NULL, NULL);
	if (!more[found->n_volumes])
		return err_oom(err);
	found->n_volumes++;
	return 0;
}

static int take_snapshot_facts(void *arg, const struct snapshot_facts *f,
			       struct err *err)
{
	struct found *found = arg;
	struct snapshot **more = reallocarray(found->s, found->n_snapshots + 1,
					      sizeof(*more));

	if (!more)
		return err_oom(err);
	found->s = more;
	more[found->n_snapshots] = snapshot_new(1, NULL, 0, "x", f);
	if (!more[found->n_snapshots])
		return err_oom(err);
	found->n_snapshots++;
	return 0;
}

void found_done(struct found *f)
{
	size_t i;

	for (i = 0; i < f->n_volumes; i++)
		volume_unref(f->v[i]);
	for (i = 0; i < f->n_snapshots; i++)
		snapshot_unref(f->s[i]);
	free(f->v);
	free(f->s);
	memset(f, 0, sizeof(*f));
}

void found_init(struct found *f)
{
	memset(f, 0, sizeof(*f));
	f->sink = (struct volume_sink){ take_volume, take_snapshot_facts, f };
}

const struct volume_facts *found_volume(const struct found *f, const char *id)
{
	size_t i;

	for (i = 0; i < f->n_volumes; i++)
		if (f->v[i]->f.id && !strcmp(f->v[i]->f.id, id))
			return &f->v[i]->f;
	return NULL;
}

const struct snapshot_facts *found_snapshot(const struct found *f,
					    const char *id)
{
	size_t i;

	for (i = 0; i < f->n_snapshots; i++)
		if (f->s[i]->f.id && !strcmp(f->s[i]->f.id, id))
			return &f->s[i]->f;
	return NULL;
}

/*
 * Calls
 */

const char *fresh_name(struct suite *t, char *out)
{
	snprintf(out, 64, "%s%u", t->prefix, ++t->serial);
	return out;
}

const char *fresh_token(struct suite *t, char *out)
{
	snprintf(out, 64, "token-%s%u", t->prefix, ++t->serial);
	return out;
}

static int count_freeze(void *arg, struct err *err)
{
	((struct suite *)arg)->freezes++;
	return 0;
}

static int count_thaw(void *arg, struct err *err)
{
	((struct suite *)arg)->thaws++;
	return 0;
}

struct call call_make(struct suite *t, const char *token)
{
	return (struct call){ .deadline_ms = clock_ms() + CALL_MS,
			      .freeze_limit_ms = 5000,
			      .token = token ? token : "", .job = "",
			      .freeze = count_freeze, .thaw = count_thaw,
			      .arg = t };
}

uint64_t small_size(struct suite *t)
{
	struct bounds b = { 0 };
	uint64_t size = 32 << 20;

	if (t->p->unsized)
		return 0;
	if (t->p->bounds)
		t->p->bounds(t->s, &b);
	if (b.no_size)
		return 0;
	if (size < b.size_min_bytes)
		size = b.size_min_bytes;
	if (b.size_step_bytes > 1)
		size = (size + b.size_step_bytes - 1) / b.size_step_bytes *
		       b.size_step_bytes;
	return size;
}

bool session_open(struct suite *t)
{
	struct err err = ERR_INIT;
	int r;

	t->s = calloc(1, t->p->session_size);
	NEED(t->s, "no memory");
	r = options_apply(t->p->options, &t->given, t->s, &err);
	if (r < 0) {
		free(t->s);
		t->s = NULL;
		NEED(false, "options: %s", err.text);
	}
	t->s->service = "conformance";
	t->s->state_dir = t->state_dir;
	t->s->run_dir = t->run_dir;
	t->s->host_id = "conformance-host";
	r = t->p->open(t->s, &err);
	if (r < 0) {
		options_done(t->p->options, t->s);
		free(t->s);
		t->s = NULL;
	}
	NEED_OK(r, &err, "open");
	return true;
}

void session_close(struct suite *t)
{
	if (!t->s)
		return;
	t->p->close(t->s);
	options_done(t->p->options, t->s);
	free(t->s);
	t->s = NULL;
}

bool list_all(struct suite *t, struct found *out)
{
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	int r;

	found_init(out);
	r = t->p->list(t->s, &c, &out->sink, &err);
	NEED_OK(r, &err, "list");
	return true;
}

static int look(struct suite *t, const char *id, struct found *out,
		struct err *err)
{
	struct call c = call_make(t, NULL);

	found_init(out);
	if (!t->p->get)
		return t->p->list(t->s, &c, &out->sink, err);
	return t->p->get(t->s, &c, id, &out->sink, err);
}

bool settle_volume(struct suite *t, const char *id, struct found *out)
{
	int64_t end_ms = clock_ms() + SETTLE_MS;

	for (;;) {
		const struct volume_facts *f;
		struct err err = ERR_INIT;
		int r = look(t, id, out, &err);

		f = found_volume(out, id);
		if (r == 0 && f && f->state != VOLUME_CREATING &&
		    f->state != VOLUME_ATTACHING &&
		    f->state != VOLUME_DETACHING && f->state != VOLUME_DELETING)
			return true;
		if (clock_ms() > end_ms) {
			diag(__FILE__, __LINE__, "'%s' never came to rest: %s",
			     id, f ? volume_state_name(f->state) : err.text);
			found_done(out);
			return false;
		}
		found_done(out);
		usleep(POLL_MS * 1000);
	}
}

bool settle_snapshot(struct suite *t, const char *volume_id, const char *id,
		     struct found *out)
{
	int64_t end_ms = clock_ms() + SETTLE_MS;

	for (;;) {
		const struct snapshot_facts *f;
		struct err err = ERR_INIT;

		(void)look(t, volume_id, out, &err);
		f = found_snapshot(out, id);
		if (f && f->state == SNAPSHOT_AVAILABLE)
			return true;
		if (clock_ms() > end_ms || (f && f->state == SNAPSHOT_ERROR)) {
			diag(__FILE__, __LINE__,
			     "snapshot '%s' never was available: %s", id,
			     f ? snapshot_state_name(f->state) : err.text);
			found_done(out);
			return false;
		}
		found_done(out);
		usleep(POLL_MS * 1000);
	}
}

bool make_volume(struct suite *t, const char *name, uint64_t size,
		 struct found *out)
{
	struct volume_spec want = { .name = name, .size_bytes = size,
				    .iops = -1, .throughput_bytes_per_s = -1,
				    .encrypted = -1, .blank = true };
	struct found first;
	struct err err = ERR_INIT;
	char token[64];
	struct call c = call_make(t, fresh_token(t, token));
	bool ok;
	int r;

	found_init(&first);
	r = t->p->create(t->s, &c, &want, &first.sink, &err);
	if (r < 0 || first.n_volumes != 1 || !first.v[0]->f.id) {
		diag(__FILE__, __LINE__, "create '%s': %d, %zu volumes: %s",
		     name, r, first.n_volumes, err.text);
		found_done(&first);
		return false;
	}
	ok = settle_volume(t, first.v[0]->f.id, out);
	found_done(&first);
	if (ok && t->p->get)
		return true;
	if (!ok)
		return false;
	/* A listing: the one that was made comes first. */
	for (size_t i = 1; i < out->n_volumes; i++)
		if (out->v[i]->f.name && !strcmp(out->v[i]->f.name, name)) {
			struct volume *other = out->v[0];

			out->v[0] = out->v[i];
			out->v[i] = other;
		}
	return true;
}

bool take_snapshot(struct suite *t, const struct volume_facts *v,
		   const char *name, struct found *out)
{
	struct found first, all;
	struct err err = ERR_INIT;
	char token[64];
	struct call c = call_make(t, fresh_token(t, token));
	const struct snapshot_facts *f;
	bool ok;
	int r;

	found_init(&first);
	found_init(out);
	r = t->p->snapshot(t->s, &c, v, name, &first.sink, &err);
	if (r < 0 || first.n_snapshots != 1 || !first.s[0]->f.id) {
		diag(__FILE__, __LINE__, "snapshot '%s': %d, %zu of them: %s",
		     name, r, first.n_snapshots, err.text);
		found_done(&first);
		return false;
	}
	ok = settle_snapshot(t, v->id, first.s[0]->f.id, &all);
	if (ok) {
		f = found_snapshot(&all, first.s[0]->f.id);
		ok = out->sink.snapshot(out, f, &err) == 0;
		found_done(&all);
	}
	found_done(&first);
	return ok;
}

static bool is_listed(struct suite *t, const char *id, bool snapshot,
		      bool want)
{
	int64_t end_ms = clock_ms() + LISTED_MS;
	bool is;

	for (;;) {
		struct found all;

		if (!list_all(t, &all)) {
			found_done(&all);
			return false;
		}
		is = snapshot ? found_snapshot(&all, id) != NULL
			      : found_volume(&all, id) != NULL;
		found_done(&all);
		if (is == want)
			return true;
		NEED(clock_ms() < end_ms, "'%s' %s listed", id,
		     want ? "is not" : "is still");
		usleep(POLL_MS * 1000);
	}
}

bool listed(struct suite *t, const char *id, bool want)
{
	return is_listed(t, id, false, want);
}

bool snapshot_listed(struct suite *t, const char *id, bool want)
{
	return is_listed(t, id, true, want);
}

bool drop_volume(struct suite *t, const struct volume_facts *v)
{
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	struct found all;
	size_t i;
	int r = 0;

	if (!list_all(t, &all))
		return false;
	for (i = 0; r == 0 && i < all.n_snapshots; i++) {
		const struct snapshot_facts *f = &all.s[i]->f;

		if (f->volume_id && !strcmp(f->volume_id, v->id))
			r = t->p->snapshot_remove(t->s, &c, f, &err);
	}
	found_done(&all);
	NEED_OK(r, &err, "removing its snapshots");
	r = t->p->remove(t->s, &c, v, &err);
	NEED_OK(r, &err, "remove");
	return listed(t, v->id, false);
}

bool is_of_this_run(const struct suite *t, const struct volume_facts *f)
{
	char token[64];

	snprintf(token, sizeof(token), "token-%s", t->prefix);
	return (f->name && !strncmp(f->name, t->prefix, strlen(t->prefix))) ||
	       (f->token && !strncmp(f->token, token, strlen(token)));
}

/* After a failed check: what it made shall not fail the next ones. */
static void drop_all(struct suite *t)
{
	struct found all;
	size_t i;

	if (t->s && list_all(t, &all)) {
		for (i = 0; i < all.n_volumes; i++)
			if (is_of_this_run(t, &all.v[i]->f))
				(void)drop_volume(t, &all.v[i]->f);
		found_done(&all);
	}
}

/*
 * Content
 */

static const char *content_mount(const struct suite *t, char out[300])
{
	snprintf(out, 300, "%s/content", t->dir);
	return out;
}

/* A share of a server: mounted as the core would, where that may be done. */
static bool content_of_share(struct suite *t, const struct call *c,
			     const struct attach_result *a, char *path,
			     size_t room, bool *held)
{
	char target[300];
	struct mount_spec m = { .source = a->source,
				.target = content_mount(t, target),
				.fstype = a->fstype,
				.options = a->options ? a->options : "" };
	struct err err = ERR_INIT;
	int r;

	if (geteuid() != 0) {
		t->skip = "shares are mounted by root";
		path[0] = '\0';
		return true;
	}
	r = mount_private(c, &m, &err);
	NEED_OK(r, &err, "mounting the share");
	*held = true;
	snprintf(path, room, "%s/conformance", target);
	return true;
}

/* The file that stands for the content: @path, or t->skip set. *@held says
 * that content_release() is due. */
static bool content_path(struct suite *t, const struct attach_result *a,
			 char *path, size_t room, bool *held)
{
	struct call c = call_make(t, NULL);
	struct err err = ERR_INIT;
	struct device dev;
	int r;

	*held = false;
	if (a->kind == KIND_DIRECTORY) {
		snprintf(path, room, "%s/conformance", a->directory);
	} else if (a->kind == KIND_SHARE && !strcmp(a->fstype, "bind")) {
		snprintf(path, room, "%s/conformance", a->source);
	} else if (a->kind == KIND_BLOCK && a->device.image) {
		snprintf(path, room, "%s", a->device.image);
	} else if (a->kind == KIND_BLOCK) {
		r = device_wait(&c, &a->device, 10000, &dev, &err);
		NEED_OK(r, &err, "waiting for the device");
		snprintf(path, room, "%s", dev.path);
		*held = true;
	} else {
		return content_of_share(t, &c, a, path, room, held);
	}
	return true;
}

static int content_release(struct suite *t, const struct call *c,
			   const struct attach_result *a, struct err *err)
{
	char target[300];

	if (a->kind == KIND_SHARE)
		return mount_umount(c, content_mount(t, target), UMOUNT_PLAIN,
				    err);
	return device_release(c, &a->device, err);
}

static bool content_io(const char *path, unsigned char byte, bool write_it,
		       int kind)
{
	static unsigned char data[CONTENT_BYTES], is[CONTENT_BYTES];
	AUTO(auto_fd) int fd = open(path, O_RDWR | O_CLOEXEC |
				    (kind == KIND_BLOCK ? 0 : O_CREAT), 0600);
	size_t i;

	NEED(fd >= 0, "open '%s': %s", path, strerror(errno));
	memset(data, byte, sizeof(data));
	if (write_it) {
		NEED(pwrite(fd, data, sizeof(data), 0) == sizeof(data),
		     "write '%s': %s", path, strerror(errno));
		NEED(fsync(fd) == 0, "fsync '%s': %s", path, strerror(errno));
		return true;
	}
	NEED(pread(fd, is, sizeof(is), 0) == sizeof(is), "read '%s': %s", path,
	     strerror(errno));
	for (i = 0; i < sizeof(is); i++)
		NEED(is[i] == byte, "'%s': byte %zu is %u, not %u", path, i,
		     is[i], byte);
	return true;
}

static bool content(struct suite *t, const struct volume_facts *v,
		    unsigned char byte, bool write_it)
{
	struct call c = call_make(t, NULL);
	struct attach_result a = { 0 };
	struct err err = ERR_INIT;
	struct found now;
	char path[4352];
	bool held, ok;
	int r = t->p->attach(t->s, &c, v, false, &a, &err);

	NEED_OK(r, &err, "attach");
	ok = content_path(t, &a, path, sizeof(path), &held);
	if (ok && path[0])
		ok = content_io(path, byte, write_it, (int)a.kind);
	if (held) {
		r = content_release(t, &c, &a, &err);
		if (r < 0)
			diag(__FILE__, __LINE__, "release: %s", err.text);
		ok = ok && r == 0;
	}
	attach_done(&a);
	r = t->p->detach(t->s, &c, v, false, &err);
	NEED_OK(r, &err, "detach");
	if (!settle_volume(t, v->id, &now))
		return false;
	found_done(&now);
	return ok;
}

bool content_write(struct suite *t, const struct volume_facts *v,
		   unsigned char byte)
{
	return content(t, v, byte, true);
}

bool content_is(struct suite *t, const struct volume_facts *v,
		unsigned char byte)
{
	return content(t, v, byte, false);
}

/*
 * Running it
 */

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)remove(path);
	return 0;
}

static int give(struct suite *t, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[64];
	struct opt_value *more;

	if (!equals || equals == word || (size_t)(equals - word) > 63) {
		fprintf(stderr, "conformance: '%s' is not KEY=VALUE\n", word);
		return -EINVAL;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	more = reallocarray(t->given.v, t->given.n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->given.v = more;
	more[t->given.n].spec = options_find(t->p->options, key);
	if (!more[t->given.n].spec) {
		fprintf(stderr, "conformance: '%s' has no option '%s'\n",
			t->p->name, key);
		return -EINVAL;
	}
	more[t->given.n].text = strdup(equals + 1);
	more[t->given.n++].source = strdup("command line");
	return 0;
}

/* --only and --skip: texts in the names of checks. */
static const char *only, *skips[8];
static size_t n_skips;

static bool is_chosen(const char *name)
{
	if (only && !strstr(name, only))
		return false;
	for (size_t i = 0; i < n_skips; i++)
		if (strstr(name, skips[i]))
			return false;
	return true;
}

static bool run_list(struct suite *t, const struct check *list,
		     unsigned *number)
{
	bool all = true;

	for (; list->name; list++) {
		bool ok;

		if (!is_chosen(list->name))
			continue;
		t->skip = NULL;
		ok = list->run(t);
		printf("%sok %u - %s%s%s\n", ok ? "" : "not ", ++*number,
		       list->name, ok && t->skip ? " # SKIP " : "",
		       ok && t->skip ? t->skip : "");
		fflush(stdout);
		all = all && ok;
		if (!ok)
			drop_all(t);
		if (!t->s && !session_open(t)) {
			printf("Bail out! the session does not open again\n");
			return false;
		}
	}
	return all;
}

static bool run(struct suite *t)
{
	unsigned number = 0;
	bool ok = session_open(t);

	if (!ok) {
		printf("Bail out! the session does not open\n");
		return false;
	}
	ok = run_list(t, checks_volumes, &number);
	ok = t->s && run_list(t, checks_snapshots, &number) && ok;
	ok = t->s && run_list(t, checks_failures, &number) && ok;
	printf("1..%u\n", number);
	session_close(t);
	return ok && number > 0;
}

static int prepare(struct suite *t)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(t->dir, sizeof(t->dir), "%.200s/conformance.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(t->dir))
		return -errno;
	snprintf(t->state_dir, sizeof(t->state_dir), "%s/state", t->dir);
	snprintf(t->run_dir, sizeof(t->run_dir), "%s/run", t->dir);
	snprintf(t->prefix, sizeof(t->prefix), "c%d-", (int)getpid());
	some_node = volume_node_new(1);
	if (!some_node || mkdir(t->state_dir, 0700) < 0 ||
	    mkdir(t->run_dir, 0700) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct suite t = { 0 };
	bool ok = false;
	int i = 1;

	if (argc > 1 && !strcmp(argv[1], "--host-helper"))
		return helper_main(argc, argv);
	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strncmp(argv[i], "--import=", 9))
			t.import_id = argv[i] + 9;
		else if (!strncmp(argv[i], "--only=", 7))
			only = argv[i] + 7;
		else if (!strncmp(argv[i], "--skip=", 7) &&
			 n_skips < ARRAY_SIZE(skips))
			skips[n_skips++] = argv[i] + 7;
		else
			break;
	}
	t.p = i < argc ? provider_find(argv[i]) : NULL;
	if (!t.p) {
		fprintf(stderr, "usage: conformance [--import=ID] [--only=TEXT] [--skip=TEXT]... PROVIDER [KEY=VALUE...]\n");
		return 2;
	}
	while (++i < argc)
		if (give(&t, argv[i]) < 0)
			return 2;
	if (prepare(&t) == 0)
		ok = run(&t);
	volume_node_unref(some_node);
	opt_values_done(&t.given);
	nftw(t.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return ok ? 0 : 1;
}
