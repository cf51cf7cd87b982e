/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_main.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define MIB (1024ull * 1024)

/* One formatted volume, attached; its private root; a place for data/. */
struct volume {
	char *image, *root, *at, *data;
	struct device dev;
};

static int setup(void **state)
{
	struct volume *v = calloc(1, sizeof(*v));
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	*state = v;
	if (!host_ready || !v)
		return 0;
	v->image = host_image("mounted.img", 64 * MIB);
	v->root = host_path("mnt");
	v->at = host_path("mnt/local/db");
	v->data = host_path("data");
	mkdir(v->data, 0755);
	host_attach(v->image, &v->dev);
	assert_ok(fs_make(&c, &v->dev, "ext4", NULL, 64 * MIB, true, &err),
		  &err);
	assert_ok(mount_private_root(v->root, &err), &err);
	assert_ok(mount_private_root(v->root, &err), &err);
	return 0;
}

static int teardown(void **state)
{
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	if (v->at) {
		assert_ok(mount_umount(&c, v->data, UMOUNT_LAZY, &err), &err);
		assert_ok(mount_umount(&c, v->at, UMOUNT_LAZY, &err), &err);
		assert_ok(mount_umount(&c, v->root, UMOUNT_LAZY, &err), &err);
		host_detach(v->image);
	}
	free(v->image);
	free(v->root);
	free(v->at);
	free(v->data);
	free(v);
	return 0;
}

static void mount_it(const struct volume *v, const char *options)
{
	struct mount_spec m = { .source = v->dev.path, .target = v->at,
				.fstype = "ext4", .options = options };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	assert_ok(mount_private(&c, &m, &err), &err);
}

static struct mount_bind bind_of(const struct volume *v, const char *subpath)
{
	return (struct mount_bind){ .private_dir = v->at, .subpath = subpath,
				    .data = v->data, .make = true,
				    .uid = 1000, .gid = 1001, .mode = 0750,
				    .options = "nodev,nosuid" };
}

static int mounts_at(const char *path)
{
	struct mount_table t;
	struct err err = ERR_INIT;
	size_t i;
	int n = 0;

	assert_ok(mount_table_read(&t, &err), &err);
	for (i = 0; i < t.n; i++)
		n += strcmp(t.e[i].target, path) == 0;
	mount_table_done(&t);
	return n;
}

static pid_t holder(const char *what, const char *at, bool own_space);
static void holder_end(pid_t pid);

static unsigned long flags_of(const char *path)
{
	struct statvfs s;

	assert_int_equal(statvfs(path, &s), 0);
	return s.f_flag;
}

/* As a table can look that changed while it was read. */
static void each_on_the_other(void **state)
{
	static char x[] = "/x", y[] = "/y";
	struct mount_entry e[] = {
		{ .target = x, .id = 1, .parent = 2 },
		{ .target = y, .id = 3, .parent = 3 },
		{ .target = x, .id = 2, .parent = 1 },
	};
	struct mount_table t = { e, ARRAY_SIZE(e) };

	(void)state;
	alarm(10);
	assert_non_null(mount_table_find(&t, x));
	assert_ptr_equal(mount_table_find(&t, y), &e[1]);
	alarm(0);
	e[0].parent = 7;
	assert_ptr_equal(mount_table_find(&t, x), &e[2]);
}

static void mounted_once(void **state)
{
	struct volume *v = *state;
	struct mount_table t;
	const struct mount_entry *e;
	struct err err = ERR_INIT;

	NEED_HOST();
	mount_it(v, "nodev,nosuid,noatime,errors=remount-ro");
	mount_it(v, "nodev,nosuid,noatime,errors=remount-ro");
	assert_int_equal(mounts_at(v->at), 1);
	assert_ok(mount_table_read(&t, &err), &err);
	e = mount_table_find(&t, v->at);
	assert_non_null(e);
	assert_string_equal(e->source, v->dev.path);
	assert_string_equal(e->fstype, "ext4");
	assert_non_null(strstr(e->options, "nodev"));
	assert_non_null(strstr(e->options, "noatime"));
	assert_non_null(strstr(e->super_options, "errors=remount-ro"));
	/* Whoever has copied it lets go when we do; nobody else sees it. */
	assert_true(e->shared);
	assert_true(e->devno == v->dev.devno);
	e = mount_table_find(&t, v->root);
	assert_non_null(e);
	assert_true(e->group != 0);
	for (size_t i = 0; i < t.n; i++)
		assert_true(t.e[i].id == e->id || t.e[i].group != e->group);
	mount_table_done(&t);
	assert_null(mount_table_find(&t, v->at));
}

static void what_fails_says_why(void **state)
{
	AUTO(auto_free) char *other = NULL;
	struct volume *v = *state;
	struct mount_spec m = { .source = v->dev.path, .target = v->at,
				.fstype = "ext4", .options = "data=nonsense" };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;

	NEED_HOST();
	assert_fails(EINVAL, mount_private(&c, &m, &err), &err);
	assert_says(&err, "nonsense");
	m.options = "nosuchoption";
	assert_fails(EINVAL, mount_private(&c, &m, &err), &err);
	assert_says(&err, "nosuchoption");
	m.options = "";
	m.fstype = "xfs";
	assert_true(mount_private(&c, &m, &err) < 0);
	m.fstype = "no-such-fs";
	assert_fails(ENODEV, mount_private(&c, &m, &err), &err);
	m.target = "relative";
	assert_fails(EINVAL, mount_private(&c, &m, &err), &err);
	assert_int_equal(mounts_at(v->at), 0);
	/* Another device at the same place. */
	mount_it(v, "");
	other = host_image("other.img", 16 * MIB);
	host_attach(other, &dev);
	m = (struct mount_spec){ .source = dev.path, .target = v->at,
				 .fstype = "ext4", .options = "" };
	assert_fails(EBUSY, mount_private(&c, &m, &err), &err);
	host_detach(other);
}

static void read_only_is_read_only(void **state)
{
	struct volume *v = *state;
	struct mount_spec m = { .source = v->dev.path, .target = v->at,
				.fstype = "ext4", .options = "nodev",
				.read_only = true };
	struct mount_bind b = bind_of(v, "/");
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct fs_usage u;

	NEED_HOST();
	assert_ok(mount_private(&c, &m, &err), &err);
	assert_true(flags_of(v->at) & ST_RDONLY);
	assert_ok(mount_bind(&c, &b, &err), &err);
	assert_ok(fs_usage(&c, v->data, 5000, &u, &err), &err);
	assert_true(u.read_only);
}

static void bound_at_data(void **state)
{
	struct volume *v = *state;
	struct mount_bind b = bind_of(v, "/deep/data");
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct stat st;

	NEED_HOST();
	assert_fails(ENODEV, mount_bind(&c, &b, &err), &err);
	mount_it(v, "");
	assert_ok(mount_bind(&c, &b, &err), &err);
	assert_ok(mount_bind(&c, &b, &err), &err);
	assert_int_equal(mounts_at(v->data), 1);
	assert_int_equal(stat(v->data, &st), 0);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(st.st_gid, 1001);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_true(flags_of(v->data) & ST_NODEV);
	assert_true(flags_of(v->data) & ST_NOSUID);
	assert_false(flags_of(v->at) & ST_NOSUID);
	/* Owner and mode are given once, never again. */
	assert_int_equal(chmod(v->data, 0700), 0);
	assert_ok(mount_umount(&c, v->data, UMOUNT_PLAIN, &err), &err);
	b.mode = 0777;
	b.read_only = true;
	assert_ok(mount_bind(&c, &b, &err), &err);
	assert_int_equal(stat(v->data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(flags_of(v->data) & ST_RDONLY);
	assert_false(flags_of(v->at) & ST_RDONLY);
	assert_ok(mount_set_root_owner(&c, v->at, 5, 6, 0711, &err), &err);
	assert_int_equal(stat(v->at, &st), 0);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_fails(ENODEV, mount_set_root_owner(&c, v->image, 5, 6, 0711,
						  &err), &err);
}

static void subpath_stays_in_the_volume(void **state)
{
	static const char *const traps[] = { "/link", "/link/x", "/abs",
					     "/up", "/file", "..", "/a/../..",
					     "/inner/etc" };
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	size_t i;

	NEED_HOST();
	mount_it(v, "");
	assert_int_equal(RUN("sh", "-c",
			     "cd \"$0\" && ln -s /etc link && ln -s . up && "
			     "ln -s /etc/passwd abs && echo >file && "
			     "mkdir real && ln -s real inner", v->at), 0);
	for (i = 0; i < ARRAY_SIZE(traps); i++) {
		struct mount_bind b = bind_of(v, traps[i]);

		assert_fails(EINVAL, mount_bind(&c, &b, &err), &err);
		assert_int_equal(mounts_at(v->data), 0);
	}
	{
		struct mount_bind b = bind_of(v, "/nothing");

		b.make = false;
		assert_fails(ENOENT, mount_bind(&c, &b, &err), &err);
		b.subpath = "/real/";
		assert_ok(mount_bind(&c, &b, &err), &err);
	}
}

/* The tree is a shared mount: what is bound in it reaches the namespaces that
 * follow, which let go when we do, of the private place as well. */
static void binds_propagate(void **state)
{
	struct volume *v = *state;
	AUTO(auto_free) char *tree = host_path("tree");
	AUTO(auto_free) char *data = host_path("tree/data");
	struct mount_bind b = bind_of(v, "/");
	AUTO(auto_buf) struct buf who = BUF_INIT(1000);
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	pid_t pid;

	NEED_HOST();
	mkdir(tree, 0755);
	assert_int_equal(mount("none", tree, "tmpfs", 0, ""), 0);
	assert_int_equal(mount("none", tree, "none", MS_SHARED, ""), 0);
	assert_int_equal(mkdir(data, 0755), 0);
	pid = holder("nothing", tree, true);
	mount_it(v, "");
	b.data = data;
	assert_ok(mount_bind(&c, &b, &err), &err);
	/* Ours at data, and the other namespace's. */
	assert_int_equal(mount_holders(v->dev.devno, v->root, 4, &who), 2);
	assert_non_null(strstr(buf_str(&who), "(holder), mounted at"));
	assert_int_equal(mount_holders_beyond(v->dev.devno, "", v->root, data,
					      4, &who), 0);
	assert_ok(mount_umount(&c, data, UMOUNT_PLAIN, &err), &err);
	assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	assert_int_equal(mount_holders(v->dev.devno, v->root, 4, &who), 0);
	holder_end(pid);
	assert_ok(mount_umount(&c, tree, UMOUNT_PLAIN, &err), &err);
}

/* What a crash left of a subpath is taken up. */
static void half_made_subpath_is_finished(void **state)
{
	struct volume *v = *state;
	struct mount_bind b = bind_of(v, "data");
	AUTO(auto_free) char *part = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct stat st;

	NEED_HOST();
	mount_it(v, "");
	assert_true(asprintf(&part, "%s/.volfs-subpath-new", v->at) > 0);
	assert_int_equal(mkdir(part, 0700), 0);
	assert_ok(mount_bind(&c, &b, &err), &err);
	assert_int_equal(stat(v->data, &st), 0);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(access(part, F_OK), -1);
}

/* A process that does @what at @at, then says so and sleeps. */
static pid_t holder(const char *what, const char *at, bool own_space)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		AUTO(auto_free) char *path = NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "holder");
		if (own_space && unshare(CLONE_NEWNS) < 0)
			_exit(1);
		if (strcmp(what, "private") == 0 &&
		    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0)
			_exit(1);
		if (asprintf(&path, "%s/held", at) < 0 ||
		    (strcmp(what, "cwd") == 0 && chdir(at) < 0) ||
		    (strcmp(what, "open") == 0 &&
		     open(path, O_RDWR | O_CREAT, 0600) < 0) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void holder_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void busy_mount_names_its_users(void **state)
{
	static const char *const ways[] = { "cwd", "open" };
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	char name[64];
	size_t i;

	NEED_HOST();
	for (i = 0; i < 2; i++) {
		pid_t pid;

		mount_it(v, "");
		pid = holder(ways[i], v->at, false);
		snprintf(name, sizeof(name), "pid %d (holder)", (int)pid);
		assert_fails(EBUSY,
			     mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
		assert_says(&err, name);
		/* Lazily unmounted, it still holds the device. */
		assert_ok(mount_umount(&c, v->at, UMOUNT_LAZY, &err), &err);
		assert_int_equal(mounts_at(v->at), 0);
		assert_fails(EBUSY, device_check_free(&c, &v->dev, &err), &err);
		assert_says(&err, name);
		holder_end(pid);
		assert_ok(device_check_free(&c, &v->dev, &err), &err);
		assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	}
	mount_it(v, "");
	assert_int_equal(RUN("sh", "-c", "mkdir -p \"$0/in\" && "
			     "mount -t tmpfs none \"$0/in\"", v->at), 0);
	assert_fails(EBUSY, mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	assert_says(&err, "mounted below it");
	assert_int_equal(RUN("umount", "-l", v->at), 0);
}

static void other_namespaces_are_named(void **state)
{
	struct volume *v = *state;
	AUTO(auto_buf) struct buf who = BUF_INIT(1000);
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	char name[64];
	pid_t pid;

	NEED_HOST();
	mount_it(v, "");
	pid = holder("private", v->at, true);
	snprintf(name, sizeof(name), "pid %d (holder), mounted at %s",
		 (int)pid, v->at);
	assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	assert_fails(EBUSY, device_check_free(&c, &v->dev, &err), &err);
	assert_says(&err, name);
	/* And a second one: both are counted, one is written. */
	mount_it(v, "");
	assert_int_equal(mount_holders(v->dev.devno, v->root, 4, &who), 1);
	buf_reset(&who);
	assert_int_equal(mount_holders(v->dev.devno, NULL, 1, &who), 2);
	assert_non_null(strstr(buf_str(&who), "and 1 more"));
	holder_end(pid);
	buf_reset(&who);
	assert_int_equal(mount_holders(v->dev.devno, v->root, 4, &who), 0);
	assert_string_equal(buf_str(&who), "");
}

/* btrfs has device numbers of its own. */
static void btrfs_is_named_too(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct volume *v = *state;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct mount_spec m;
	struct device dev;
	char name[64];
	pid_t pid;

	NEED_HOST();
	image = host_image("btrfs.img", 120 * MIB);
	host_attach(image, &dev);
	assert_ok(fs_make(&c, &dev, "btrfs", NULL, 120 * MIB, false, &err),
		  &err);
	m = (struct mount_spec){ .source = dev.path, .target = v->at,
				 .fstype = "btrfs",
				 .options = "compress=zstd,nodev" };
	assert_ok(mount_private(&c, &m, &err), &err);
	assert_ok(mount_private(&c, &m, &err), &err);
	assert_int_equal(mounts_at(v->at), 1);
	pid = holder("open", v->at, false);
	snprintf(name, sizeof(name), "pid %d (holder)", (int)pid);
	assert_fails(EBUSY, mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	assert_says(&err, name);
	assert_fails(EBUSY, device_check_free(&c, &dev, &err), &err);
	assert_says(&err, name);
	holder_end(pid);
	assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	host_detach(image);
}

static void autoclear_after_mount(void **state)
{
	struct volume *v = *state;
	struct device_identity id = { .image = v->image };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device found;

	NEED_HOST();
	mount_it(v, "");
	assert_ok(device_set_autoclear(&c, &id, true, &err), &err);
	assert_fails(EBUSY, device_release(&c, &id, &err), &err);
	assert_ok(device_find(&c, &id, &found, &err), &err);
	assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	assert_fails(ENODEV, device_find(&c, &id, &found, &err), &err);
	assert_ok(device_release(&c, &id, &err), &err);
}

static void directories_are_bound(void **state)
{
	struct volume *v = *state;
	AUTO(auto_free) char *dir = NULL;
	struct mount_spec m = { .target = v->at, .fstype = "bind",
				.options = "nodev,noexec" };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	NEED_HOST();
	dir = host_path("directory");
	mkdir(dir, 0755);
	m.source = dir;
	assert_ok(mount_private(&c, &m, &err), &err);
	assert_ok(mount_private(&c, &m, &err), &err);
	assert_int_equal(mounts_at(v->at), 1);
	assert_true(flags_of(v->at) & ST_NOEXEC);
	m.source = v->data;
	assert_fails(EBUSY, mount_private(&c, &m, &err), &err);
	assert_ok(mount_umount(&c, v->at, UMOUNT_PLAIN, &err), &err);
	m.options = "data=ordered";
	assert_fails(EINVAL, mount_private(&c, &m, &err), &err);
	m.options = "";
	m.source = "/nowhere";
	assert_fails(ENOENT, mount_private(&c, &m, &err), &err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int host_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_on_the_other),
		TEST(mounted_once),
		TEST(what_fails_says_why),
		TEST(read_only_is_read_only),
		TEST(bound_at_data),
		TEST(subpath_stays_in_the_volume),
		TEST(binds_propagate),
		TEST(half_made_subpath_is_finished),
		TEST(busy_mount_names_its_users),
		TEST(other_namespaces_are_named),
		TEST(btrfs_is_named_too),
		TEST(autoclear_after_mount),
		TEST(directories_are_bound),
	};

	return cmocka_run_group_tests_name("host mount", tests, NULL, NULL);
}
