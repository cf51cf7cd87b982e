/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_main.h"

#include <pthread.h>
#include <stdatomic.h>

#define MIB (1024ull * 1024)
#define TOKEN "0f1e2d3c"

static struct fs_probe probe(const struct device *dev, uint64_t want)
{
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct fs_probe p;

	assert_ok(fs_probe(&c, dev, want, &p, &err), &err);
	return p;
}

static void mkfs(const struct device *dev, const char *fstype)
{
	struct call c = host_call(120000);
	struct err err = ERR_INIT;

	assert_ok(fs_make(&c, dev, fstype, NULL, dev->size_bytes, false, &err),
		  &err);
}

/* Not blank; and mkfs of each kind refuses and writes nothing. */
static void refused(const struct device *dev, const char *found)
{
	struct fs_probe p = probe(dev, dev->size_bytes), again;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	assert_false(p.blank);
	if (!strstr(p.found, found))
		fail_msg("found '%s', not '%s'", p.found, found);
	assert_fails(EUCLEAN, fs_make(&c, dev, "ext4", NULL, dev->size_bytes,
				      false, &err), &err);
	assert_says(&err, found);
	assert_fails(EUCLEAN, fs_make(&c, dev, "btrfs", NULL, dev->size_bytes,
				      false, &err), &err);
	again = probe(dev, dev->size_bytes);
	assert_string_equal(p.found, again.found);
	assert_string_equal(p.uuid, again.uuid);
}

static void blank_and_its_conditions(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct device dev;
	struct fs_probe p;

	NEED_HOST();
	image = host_image("blank.img", 120 * MIB);
	host_attach(image, &dev);
	p = probe(&dev, 120 * MIB);
	assert_true(p.blank);
	assert_string_equal(p.type, "");
	assert_int_equal(p.size_bytes, 120 * MIB);
	p = probe(&dev, 121 * MIB);
	assert_false(p.blank);
	p = probe(&dev, 0);
	assert_false(p.blank);
	host_poke(dev.path, 777777, "x", 1);
	refused(&dev, "byte 777777");
	host_poke(dev.path, 777777, "", 1);
	assert_true(probe(&dev, 120 * MIB).blank);
	host_poke(dev.path, 120 * MIB - 1, "x", 1);
	refused(&dev, "no known kind");
	host_detach(image);
}

static void made_and_then_refused(void **state)
{
	static const char *const types[] = { "ext4", "xfs", "btrfs" };
	size_t i;

	NEED_HOST();
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		AUTO(auto_free) char *image = host_image("made.img",
							 320 * MIB);
		struct call c = host_call(120000);
		struct err err = ERR_INIT;
		struct fs_probe p, q;
		struct device dev;

		host_attach(image, &dev);
		assert_fails(EUCLEAN, fs_make(&c, &dev, types[i], NULL,
					      321 * MIB, false, &err), &err);
		assert_says(&err, "right device");
		assert_ok(fs_make(&c, &dev, types[i], "lbl", 320 * MIB, false,
				  &err), &err);
		p = probe(&dev, 320 * MIB);
		assert_string_equal(p.type, types[i]);
		assert_string_equal(p.label, "lbl");
		assert_false(p.unclean);
		refused(&dev, types[i]);
		assert_ok(fs_make(&c, &dev, "xfs", NULL, 320 * MIB, true,
				  &err), &err);
		q = probe(&dev, 320 * MIB);
		assert_string_equal(q.type, "xfs");
		assert_ok(fs_check(&c, &dev, "xfs", &err), &err);
		host_detach(image);
	}
}

/* A job's repeat finds its own file system; another job does not. */
static void repeat_of_a_job_is_done(void **state)
{
	static const char *const types[] = { "ext4", "xfs", "btrfs" };
	size_t i;

	NEED_HOST();
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		AUTO(auto_free) char *image = host_image("token.img",
							 300 * MIB);
		struct call c = host_call(120000);
		struct err err = ERR_INIT;
		struct device dev;
		struct fs_probe p;

		host_attach(image, &dev);
		c.token = TOKEN;
		assert_ok(fs_make(&c, &dev, types[i], NULL, 300 * MIB, false,
				  &err), &err);
		p = probe(&dev, 0);
		assert_ok(fs_make(&c, &dev, types[i], NULL, 300 * MIB, false,
				  &err), &err);
		assert_string_equal(p.uuid, probe(&dev, 0).uuid);
		c.token = "another";
		assert_fails(EUCLEAN, fs_make(&c, &dev, types[i], NULL,
					      300 * MIB, false, &err), &err);
		if (strcmp(types[i], "xfs") == 0) {
			/* sb_inprogress: mkfs.xfs was killed. */
			host_poke(dev.path, 126, "\1", 1);
			c.token = TOKEN;
			assert_fails(EUCLEAN, fs_make(&c, &dev, "xfs", NULL,
						      300 * MIB, false, &err),
				     &err);
		}
		host_detach(image);
	}
}

static uint32_t crc32_of(const unsigned char *data, size_t len)
{
	uint32_t crc = 0xffffffff;
	int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* A protective MBR and the header of a GPT without partitions. */
static void poke_gpt(const char *path, uint64_t sectors)
{
	static unsigned char table[128 * 128];
	unsigned char mbr[512] = { 0 }, header[512] = { 0 };
	const uint64_t at[] = { 1, sectors - 1, 34, sectors - 34 };
	uint32_t n;

	memcpy(mbr + 446, "\0\0\2\0\xee\xff\xff\xff\1\0\0\0\xff\xff\xff\xff",
	       16);
	memcpy(mbr + 510, "\x55\xaa", 2);
	memcpy(header, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	memcpy(header + 24, at, sizeof(at));
	memset(header + 56, 0x5a, 16);
	header[72] = 2;
	header[80] = 128;
	header[84] = 128;
	n = crc32_of(table, sizeof(table));
	memcpy(header + 88, &n, 4);
	n = crc32_of(header, 0x5c);
	memcpy(header + 16, &n, 4);
	host_poke(path, 0, mbr, sizeof(mbr));
	host_poke(path, 512, header, sizeof(header));
}

static void other_things_are_refused(void **state)
{
	static const unsigned char luks[] = "LUKS\xba\xbe\0\1";
	AUTO(auto_free) char *image = NULL;
	struct device dev;

	NEED_HOST();
	image = host_image("other.img", 120 * MIB);
	host_attach(image, &dev);
	assert_int_equal(RUN("mkswap", dev.path), 0);
	refused(&dev, "swap");
	assert_int_equal(RUN("wipefs", "-aq", dev.path), 0);
	/* Swap leaves more than its signature. */
	assert_false(probe(&dev, 120 * MIB).blank);
	host_detach(image);

	free(image);
	image = host_image("luks.img", 120 * MIB);
	host_attach(image, &dev);
	host_poke(dev.path, 0, luks, 8);
	refused(&dev, "");
	host_detach(image);

	free(image);
	image = host_image("gpt.img", 120 * MIB);
	host_attach(image, &dev);
	poke_gpt(dev.path, 120 * MIB / 512);
	refused(&dev, "gpt partition table");
	host_detach(image);
}

static void contradiction_is_refused(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct device dev;
	struct fs_probe p;

	NEED_HOST();
	image = host_image("two.img", 320 * MIB);
	host_attach(image, &dev);
	mkfs(&dev, "ext4");
	host_poke(dev.path, 4096 - 10, "SWAPSPACE2", 10);
	host_poke(dev.path, 1024, "\1\0\0\0\377\0\0\0", 8);
	host_poke(dev.path, 65536 + 64, "_BHRfS_M", 8);
	p = probe(&dev, 320 * MIB);
	assert_false(p.blank);
	refused(&dev, "");
	host_detach(image);
}

static void damaged_superblock(void **state)
{
	static const char zeros[4096];
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;

	NEED_HOST();
	image = host_image("damaged.img", 320 * MIB);
	host_attach(image, &dev);
	mkfs(&dev, "ext4");
	/* A byte of the volume's name: only the checksum is wrong. */
	host_poke(dev.path, 1024 + 120, "z", 1);
	refused(&dev, "damaged superblock");
	assert_true(probe(&dev, 320 * MIB).unclean);
	/* Lost altogether. */
	host_poke(dev.path, 0, zeros, sizeof(zeros));
	refused(&dev, "no known kind");
	assert_fails(EUCLEAN, fs_check(&c, &dev, "ext4", &err), &err);
	assert_says(&err, "copies of a lost superblock");
	host_detach(image);
}

static void sizes_labels_and_types(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;

	NEED_HOST();
	image = host_image("small.img", 8 * MIB);
	host_attach(image, &dev);
	assert_fails(EINVAL, fs_make(&c, &dev, "xfs", NULL, 8 * MIB, false,
				     &err), &err);
	assert_says(&err, "300M");
	assert_fails(EINVAL, fs_make(&c, &dev, "btrfs", NULL, 8 * MIB, false,
				     &err), &err);
	assert_fails(EINVAL, fs_make(&c, &dev, "ext4", "a label over 16 bytes",
				     8 * MIB, false, &err), &err);
	assert_fails(EINVAL, fs_make(&c, &dev, "zfs", NULL, 8 * MIB, false,
				     &err), &err);
	assert_fails(EUCLEAN, fs_make(&c, &dev, "ext4", NULL, 0, false, &err),
		     &err);
	assert_fails(EUCLEAN, fs_check(&c, &dev, "ext4", &err), &err);
	assert_says(&err, "there is nothing");
	assert_true(probe(&dev, 8 * MIB).blank);
	mkfs(&dev, "ext4");
	host_detach(image);
}

static void option_lists(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_type_check("ext4", &err), 0);
	assert_fails(EINVAL, fs_type_check("ext5", &err), &err);
	assert_says(&err, "did you mean 'ext4'");
	assert_int_equal(fs_options_check("ext4", "", &err), 0);
	assert_int_equal(fs_options_check("ext4", "noatime,data=ordered", &err),
			 0);
	assert_int_equal(fs_options_check("xfs", "nouuid,nodev", &err), 0);
	assert_fails(EINVAL, fs_options_check("ext4", "noatme", &err), &err);
	assert_says(&err, "did you mean 'noatime'");
	assert_fails(EINVAL, fs_options_check("ext4", "nouuid", &err), &err);
	assert_fails(EINVAL, fs_options_check("ext4", "data", &err), &err);
	assert_fails(EINVAL, fs_options_check("ext4", "data=", &err), &err);
	assert_fails(EINVAL, fs_options_check("ext4", "dev", &err), &err);
	assert_fails(EINVAL, fs_options_check("ext4", "suid", &err), &err);
	assert_fails(EINVAL, fs_options_check("btrfs", "device=/dev/vda", &err),
		     &err);
	assert_fails(EINVAL, fs_options_check("ext4", "errors=a b", &err),
		     &err);
	assert_fails(EINVAL, fs_options_check("zfs", "ro", &err), &err);
}

#ifdef VOLFS_FAULT_POINTS
static void fake_mkfs(const char *script)
{
	AUTO(auto_free) char *dir = host_path("bin");
	AUTO(auto_free) char *path = host_path("bin/mkfs.ext4");
	FILE *f;

	mkdir(dir, 0700);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nfor d; do :; done\n%s\n", script);
	fchmod(fileno(f), 0700);
	fclose(f);
	setenv("VOLFS_TOOL_PATH", dir, 1);
}

static void half_made_is_wiped(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;
	int64_t began_ms;

	NEED_HOST();
	image = host_image("half.img", 64 * MIB);
	host_attach(image, &dev);
	fake_mkfs("/usr/sbin/mkfs.ext4 -q $d\n"
		  "echo some sad sentence >&2; exit 3");
	assert_fails(EIO, fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false,
				  &err), &err);
	assert_says(&err, "some sad sentence");
	assert_says(&err, "status 3");
	assert_true(probe(&dev, 64 * MIB).blank);

	/* One that hangs half-way is ended at the time limit, and wiped. */
	fake_mkfs("/usr/sbin/mkfs.ext4 -q $d; sleep 60");
	c = host_call(2000);
	began_ms = clock_ms();
	assert_fails(ETIMEDOUT, fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false,
					&err), &err);
	assert_in_range(clock_ms() - began_ms, 1000, 30000);
	assert_true(probe(&dev, 64 * MIB).blank);

	/* One that lies. */
	c = host_call(60000);
	fake_mkfs("exit 0");
	assert_fails(EIO, fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false,
				  &err), &err);
	unsetenv("VOLFS_TOOL_PATH");
	mkfs(&dev, "ext4");
	host_detach(image);
}

static atomic_bool cancelled;

static void *cancel_soon(void *arg)
{
	struct timespec t = { .tv_nsec = 300 * 1000 * 1000 };

	nanosleep(&t, NULL);
	atomic_store(&cancelled, true);
	*(int64_t *)arg = clock_ms();
	return NULL;
}

/* The caller is free at once; the helper ends mkfs and wipes, and whoever
 * comes next waits for that. */
static void cancelled_mkfs_cleans_up(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	int64_t cancelled_ms = 0;
	struct device dev;
	pthread_t thread;

	NEED_HOST();
	image = host_image("cancel.img", 64 * MIB);
	host_attach(image, &dev);
	fake_mkfs("/usr/sbin/mkfs.ext4 -q $d; sleep 60");
	c.cancel = &cancelled;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon,
					&cancelled_ms), 0);
	assert_fails(ECANCELED, fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false,
					&err), &err);
	pthread_join(thread, NULL);
	assert_in_range(clock_ms() - cancelled_ms, 0, 30000);
	unsetenv("VOLFS_TOOL_PATH");
	mkfs(&dev, "ext4");
	host_detach(image);
}

/* kill -9 of the daemon while mkfs runs: mkfs goes on, and the job's repeat
 * waits for it and finds its own file system. */
static void killed_daemon_repeats(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	AUTO(auto_free) char *begun = host_path("begun");
	AUTO(auto_free) char *script = NULL;
	struct device dev;
	int64_t began_ms;
	pid_t daemon;

	NEED_HOST();
	image = host_image("killed.img", 64 * MIB);
	host_attach(image, &dev);
	assert_true(asprintf(&script, ": >%s; sleep 1; "
			     "exec /usr/sbin/mkfs.ext4 \"$@\"", begun) > 0);
	fake_mkfs(script);
	c.token = TOKEN;
	daemon = fork();
	if (daemon == 0)
		_exit(fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false,
			      NULL) < 0);
	for (int i = 0; i < 2000 && access(begun, F_OK) < 0; i++)
		usleep(10000);
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	unsetenv("VOLFS_TOOL_PATH");
	began_ms = clock_ms();
	assert_ok(fs_make(&c, &dev, "ext4", NULL, 64 * MIB, false, &err), &err);
	assert_true(clock_ms() - began_ms > 400);
	assert_string_equal(probe(&dev, 0).type, "ext4");
	host_detach(image);
}
#endif

static void mount_it(const struct device *dev, const char *type, const char *at)
{
	struct mount_spec m = { .source = dev->path, .target = at,
				.fstype = type, .options = "nodev,nosuid" };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	assert_ok(mount_private(&c, &m, &err), &err);
}

static void umount_it(const char *at)
{
	struct call c = host_call(60000);
	struct err err = ERR_INIT;

	assert_ok(mount_umount(&c, at, UMOUNT_PLAIN, &err), &err);
}

/* An image copied while it is mounted looks as after a crash. */
static void unclean_ext4_is_checked(void **state)
{
	AUTO(auto_free) char *image = NULL;
	AUTO(auto_free) char *copy = NULL;
	AUTO(auto_free) char *at = NULL;
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;

	NEED_HOST();
	image = host_image("crash.img", 64 * MIB);
	copy = host_path("copy.img");
	at = host_path("crash");
	host_attach(image, &dev);
	mkfs(&dev, "ext4");
	assert_ok(fs_check(&c, &dev, "ext4", &err), &err);
	mount_it(&dev, "ext4", at);
	assert_int_equal(RUN("sh", "-c", "echo x > \"$0/file\"; sync -f \"$0\"",
			     at), 0);
	assert_int_equal(RUN("cp", "--sparse=always", image, copy), 0);
	umount_it(at);
	host_detach(image);
	host_attach(copy, &dev);
	assert_true(probe(&dev, 0).unclean);
	assert_ok(fs_check(&c, &dev, "ext4", &err), &err);
	assert_false(probe(&dev, 0).unclean);
	/* Damage that wants a decision. */
	assert_int_equal(RUN("debugfs", "-w", "-R", "clri <2>", dev.path), 0);
	assert_int_equal(RUN("debugfs", "-w", "-R", "ssv state 2", dev.path),
			 0);
	assert_fails(EUCLEAN, fs_check(&c, &dev, "ext4", &err), &err);
	assert_says(&err, "e2fsck /dev/loop");
	host_detach(copy);
}

static bool may_grow_ext4_online(void)
{
	return prctl(PR_CAPBSET_READ, 24 /* CAP_SYS_RESOURCE */) == 1;
}

static void grow_one(const char *type, bool mounted)
{
	AUTO(auto_free) char *image = host_image("growfs.img", 320 * MIB);
	AUTO(auto_free) char *at = host_path("growfs");
	struct device_identity id = { .image = image };
	struct call c = host_call(120000);
	struct err err = ERR_INIT;
	struct fs_usage before, after;
	struct device dev;

	host_attach(image, &dev);
	mkfs(&dev, type);
	mount_it(&dev, type, at);
	assert_ok(fs_usage(&c, at, 10000, &before, &err), &err);
	if (!mounted)
		umount_it(at);
	assert_ok(fs_grow(&c, &dev, type, mounted ? at : NULL, &err), &err);
	assert_int_equal(truncate(image, 640 * MIB), 0);
	assert_ok(device_rescan(&c, &id, &dev, 640 * MIB, &err), &err);
	if (mounted && strcmp(type, "ext4") == 0 && !may_grow_ext4_online()) {
		assert_fails(EPERM, fs_grow(&c, &dev, type, at, &err), &err);
		assert_says(&err, "CAP_SYS_RESOURCE");
	} else {
		assert_ok(fs_grow(&c, &dev, type, mounted ? at : NULL, &err),
			  &err);
		assert_ok(fs_grow(&c, &dev, type, mounted ? at : NULL, &err),
			  &err);
		if (!mounted)
			mount_it(&dev, type, at);
		assert_ok(fs_usage(&c, at, 10000, &after, &err), &err);
		assert_true(after.total_bytes >
			    before.total_bytes + 250 * MIB);
		assert_false(after.read_only);
		assert_true(after.available_bytes > before.available_bytes);
	}
	umount_it(at);
	host_detach(image);
}

static void file_systems_grow(void **state)
{
	struct call c = host_call(1000);
	struct device dev = { .path = "/dev/null" };
	struct err err = ERR_INIT;

	NEED_HOST();
	grow_one("xfs", true);
	grow_one("btrfs", true);
	grow_one("ext4", false);
	grow_one("ext4", true);
	assert_fails(EINVAL, fs_grow(&c, &dev, "xfs", NULL, &err), &err);
	assert_fails(EINVAL, fs_grow(&c, &dev, "vfat", "/x", &err), &err);
}

static int host_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_and_its_conditions),
		cmocka_unit_test(made_and_then_refused),
		cmocka_unit_test(repeat_of_a_job_is_done),
		cmocka_unit_test(other_things_are_refused),
		cmocka_unit_test(contradiction_is_refused),
		cmocka_unit_test(damaged_superblock),
		cmocka_unit_test(sizes_labels_and_types),
		cmocka_unit_test(option_lists),
#ifdef VOLFS_FAULT_POINTS
		cmocka_unit_test(half_made_is_wiped),
		cmocka_unit_test(cancelled_mkfs_cleans_up),
		cmocka_unit_test(killed_daemon_repeats),
#endif
		cmocka_unit_test(unclean_ext4_is_checked),
		cmocka_unit_test(file_systems_grow),
	};

	return cmocka_run_group_tests_name("host fs", tests, NULL, NULL);
}
