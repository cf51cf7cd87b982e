/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_main.h"

#include <linux/loop.h>
#include <pthread.h>
#include <stdatomic.h>

#define MIB (1024 * 1024)

struct count {
	struct stat st;
	int n;
};

static int count_one(const struct loop_device *d, void *arg)
{
	struct count *c = arg;

	c->n += d->backing_dev == c->st.st_dev &&
		d->backing_ino == c->st.st_ino;
	return 0;
}

static int count_loops(const char *image)
{
	struct count c = { .n = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(stat(image, &c.st), 0);
	assert_ok(loop_each(count_one, &c, &err), &err);
	return c.n;
}

static void attach_twice_is_one(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct loop_device a, b;
	struct err err = ERR_INIT;

	NEED_HOST();
	image = host_image("twice.img", 8 * MIB);
	assert_ok(loop_attach(image, false, &a, &err), &err);
	assert_ok(loop_attach(image, false, &b, &err), &err);
	assert_string_equal(a.path, b.path);
	assert_int_equal(a.size_bytes, 8 * MIB);
	assert_false(b.autoclear);
	assert_int_equal(count_loops(image), 1);
	assert_ok(loop_detach(a.backing_dev, a.backing_ino, 3000, &err), &err);
	assert_ok(loop_detach(a.backing_dev, a.backing_ino, 3000, &err), &err);
	assert_int_equal(count_loops(image), 0);
	assert_fails(ENOENT,
		     loop_find(a.backing_dev, a.backing_ino, &b, &err), &err);
}

static void racer(const char *image, int start)
{
	struct loop_device d;
	struct err err = ERR_INIT;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(start, &byte, 1) != 0)
		_exit(3);
	_exit(loop_attach(image, false, &d, &err) < 0 ? 1 : 0);
}

static void race_never_makes_two(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct err err = ERR_INIT;
	struct stat st;
	int round, i;

	NEED_HOST();
	image = host_image("race.img", 1 * MIB);
	assert_int_equal(stat(image, &st), 0);
	for (round = 0; round < 50; round++) {
		pid_t pid[2];
		int start[2], status;

		assert_int_equal(pipe2(start, O_CLOEXEC), 0);
		for (i = 0; i < 2; i++) {
			pid[i] = fork();
			if (pid[i] == 0) {
				close(start[1]);
				racer(image, start[0]);
			}
		}
		close(start[0]);
		close(start[1]);
		for (i = 0; i < 2; i++) {
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_int_equal(status, 0);
		}
		assert_int_equal(count_loops(image), 1);
		assert_ok(loop_detach(st.st_dev, st.st_ino, 3000, &err), &err);
		assert_int_equal(count_loops(image), 0);
	}
}

static void only_files_are_attached(void **state)
{
	struct loop_device d;
	struct err err = ERR_INIT;

	NEED_HOST();
	assert_fails(EINVAL, loop_attach("/dev/null", false, &d, &err), &err);
	assert_fails(ENOENT, loop_attach("/nowhere/x", false, &d, &err), &err);
}

static void detach_of_busy_is_refused(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct device_identity id = { 0 };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct loop_device d;
	struct device dev;
	char pid[32];
	int fd;

	NEED_HOST();
	image = host_image("busy.img", 1 * MIB);
	id.image = image;
	host_attach(image, &dev);
	assert_ok(device_check_free(&c, &dev, &err), &err);
	fd = open(dev.path, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_fails(EBUSY, device_check_free(&c, &dev, &err), &err);
	snprintf(pid, sizeof(pid), "pid %d ", (int)getpid());
	assert_says(&err, pid);
	assert_fails(EBUSY, device_release(&c, &id, &err), &err);
	assert_says(&err, pid);
	assert_int_equal(count_loops(image), 1);
	close(fd);
	assert_ok(device_release(&c, &id, &err), &err);
	assert_int_equal(count_loops(image), 0);
	assert_ok(device_check_free(&c, &dev, &err), &err);
	assert_fails(ENODEV, device_find(&c, &id, &dev, &err), &err);

	/* Open without exclusion: it goes at that one's end. */
	assert_ok(loop_attach(image, false, &d, &err), &err);
	fd = open(d.path, O_RDONLY | O_CLOEXEC);
	assert_fails(EBUSY, loop_detach(d.backing_dev, d.backing_ino, 200,
					&err), &err);
	close(fd);
	assert_ok(loop_detach(d.backing_dev, d.backing_ino, 3000, &err), &err);
}

struct taker {
	const char *image, *path;
	int fd;
	atomic_bool enough;
};

/* Lets go of the device, and takes its number in the moment in which it is
 * free. */
static void *take_number(void *arg)
{
	struct taker *t = arg;
	struct loop_config config = { .block_size = 512 };
	int image = open(t->image, O_RDWR | O_CLOEXEC), r = -1;

	config.fd = (uint32_t)image;
	usleep(200000);
	close(t->fd);
	while (r < 0 && !atomic_load(&t->enough)) {
		int fd = open(t->path, O_RDWR | O_CLOEXEC);

		r = fd < 0 ? -1 : ioctl(fd, LOOP_CONFIGURE, &config);
		if (fd >= 0)
			close(fd);
	}
	close(image);
	return NULL;
}

static void number_of_another(void **state)
{
	AUTO(auto_free) char *image = NULL;
	AUTO(auto_free) char *other = NULL;
	struct loop_device d;
	struct err err = ERR_INIT;
	struct taker taker = { .enough = false };
	pthread_t thread;

	NEED_HOST();
	image = host_image("one.img", 1 * MIB);
	other = host_image("other.img", 1 * MIB);
	assert_ok(loop_attach(image, false, &d, &err), &err);
	taker.image = other;
	taker.path = d.path;
	taker.fd = open(d.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pthread_create(&thread, NULL, take_number, &taker), 0);
	assert_ok(loop_detach(d.backing_dev, d.backing_ino, 3000, &err), &err);
	atomic_store(&taker.enough, true);
	pthread_join(thread, NULL);
	assert_int_equal(count_loops(image), 0);
	host_detach(other);
}

static void autoclear_lets_go(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct loop_device d, again;
	struct err err = ERR_INIT;
	int fd;

	NEED_HOST();
	image = host_image("clear.img", 1 * MIB);
	assert_ok(loop_attach(image, false, &d, &err), &err);
	fd = open(d.path, O_RDONLY | O_CLOEXEC);
	assert_ok(loop_autoclear(&d, true, &err), &err);
	/* Attaching again takes it back. */
	assert_ok(loop_attach(image, false, &again, &err), &err);
	assert_string_equal(again.path, d.path);
	assert_false(again.autoclear);
	assert_ok(loop_autoclear(&d, true, &err), &err);
	close(fd);
	/* The kernel lets go a moment after the last close. */
	for (int i = 0; i < 300 && count_loops(image); i++)
		usleep(10000);
	assert_int_equal(count_loops(image), 0);
}

static void grows_with_its_file(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct device_identity id = { 0 };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev;

	NEED_HOST();
	image = host_image("grow.img", 4 * MIB);
	id.image = image;
	host_attach(image, &dev);
	assert_int_equal(truncate(image, 9 * MIB), 0);
	assert_ok(device_rescan(&c, &id, &dev, 9 * MIB, &err), &err);
	assert_int_equal(dev.size_bytes, 9 * MIB);
	/* By an attach too: the daemon may have died in between. */
	assert_int_equal(truncate(image, 10 * MIB), 0);
	host_attach(image, &dev);
	assert_int_equal(dev.size_bytes, 10 * MIB);
	c = host_call(500);
	assert_fails(ETIMEDOUT, device_rescan(&c, &id, &dev, 99 * MIB, &err),
		     &err);
	host_detach(image);
}

static void deleted_image_is_still_released(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct err err = ERR_INIT;
	struct device dev;
	struct loop_device d;
	struct stat st;

	NEED_HOST();
	image = host_image("deleted.img", 1 * MIB);
	assert_int_equal(stat(image, &st), 0);
	host_attach(image, &dev);
	assert_int_equal(unlink(image), 0);
	host_detach(image);
	assert_fails(ENOENT, loop_find(st.st_dev, st.st_ino, &d, &err), &err);
	host_detach(image);
}

static void empty_and_read_only(void **state)
{
	AUTO(auto_free) char *image = NULL;
	AUTO(auto_free) char *empty = NULL;
	struct device_identity id = { 0 };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct loop_device d, w;
	struct device dev;

	NEED_HOST();
	empty = host_image("empty.img", 0);
	id.image = empty;
	assert_fails(ENODEV, device_wait(&c, &id, 1000, &dev, &err), &err);
	assert_ok(device_release(&c, &id, &err), &err);
	image = host_image("ro.img", 1 * MIB);
	assert_ok(loop_attach(image, true, &d, &err), &err);
	assert_true(d.read_only);
	assert_fails(EBUSY, loop_attach(image, false, &w, &err), &err);
	assert_says(&err, "read-only");
	host_detach(image);
}

static void devices_by_identity(void **state)
{
	AUTO(auto_free) char *image = NULL;
	AUTO(auto_buf) struct buf list = BUF_INIT(1 << 20);
	struct device_identity id = { 0 };
	struct call c = host_call(60000);
	struct err err = ERR_INIT;
	struct device dev, found;
	int64_t began_ms = clock_ms();
	struct stat st;

	NEED_HOST();
	id.serial = (char *)"no-such-serial";
	assert_fails(ENODEV, device_wait(&c, &id, 500, &dev, &err), &err);
	assert_in_range(clock_ms() - began_ms, 450, 20000);
	assert_says(&err, "no-such-serial");
	assert_fails(ENODEV, device_find(&c, &id, &dev, &err), &err);
	memset(&id, 0, sizeof(id));
	assert_fails(EINVAL, device_find(&c, &id, &dev, &err), &err);

	image = host_image("ident.img", 1 * MIB);
	host_attach(image, &dev);
	assert_int_equal(stat(image, &st), 0);
	id.backing_dev = st.st_dev;
	id.backing_ino = st.st_ino;
	assert_ok(device_wait(&c, &id, 1000, &found, &err), &err);
	assert_string_equal(found.path, dev.path);
	memset(&id, 0, sizeof(id));
	id.path = dev.path;
	assert_ok(device_find(&c, &id, &found, &err), &err);
	assert_int_equal(found.devno, dev.devno);
	assert_int_equal(found.size_bytes, 1 * MIB);
	assert_ok(device_list_json(&list, &err), &err);
	assert_non_null(strstr(buf_str(&list), dev.path));
	host_detach(image);
}

/* Nodes are made where nobody else does. */
/* A name and a number may be another disk's a moment later: the kernel's count
 * of disks tells, and a helper looks at it before anything else. */
static void another_disk_is_not_touched(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct call c = host_call(20000);
	struct err err = ERR_INIT;
	struct loop_device loop;
	struct device d = { .path = "" }, now, other;
	struct fs_probe p;

	NEED_HOST();
	image = host_image("other.img", 16 * MIB);
	assert_ok(loop_attach(image, false, &loop, &err), &err);
	snprintf(d.path, sizeof(d.path), "%s", loop.path);
	d.devno = loop.devno;
	assert_ok(device_still(&d, &now, &err), &err);
	assert_int_equal(now.size_bytes, 16 * MIB);
	if (!now.diskseq) {
		host_detach(image);
		skip();
	}
	assert_true(device_newest() >= now.diskseq);
	assert_ok(fs_probe(&c, &now, 16 * MIB, &p, &err), &err);
	assert_true(p.blank);

	other = now;
	other.diskseq--;
	assert_fails(ENODEV, device_still(&other, &d, &err), &err);
	assert_fails(ENODEV, fs_probe(&c, &other, 16 * MIB, &p, &err), &err);
	assert_non_null(strstr(err.text, loop.path));
	assert_fails(ENODEV, fs_make(&c, &other, "ext4", NULL, 16 * MIB, true,
				     &err), &err);
	other = now;
	other.devno++;
	assert_fails(ENODEV, device_still(&other, &d, &err), &err);
	assert_fails(ENODEV, fs_make(&c, &other, "ext4", NULL, 16 * MIB, true,
				     &err), &err);
	/* Nobody holds what is gone. */
	assert_ok(device_check_free(&c, &other, &err), &err);
	assert_ok(fs_probe(&c, &now, 16 * MIB, &p, &err), &err);
	assert_true(p.blank);
	host_detach(image);
}

static void missing_node_is_made(void **state)
{
	AUTO(auto_free) char *image = NULL;
	struct err err = ERR_INIT;
	struct loop_device d;
	struct stat st;

	NEED_HOST();
	assert_int_equal(stat("/dev/loop-control", &st), 0);
	/* In our own mount namespace: an empty /dev but for the control. */
	assert_int_equal(mount("none", "/mnt", "tmpfs", 0, ""), 0);
	assert_int_equal(mknod("/mnt/loop-control", S_IFCHR | 0600,
			       st.st_rdev), 0);
	assert_int_equal(mount("/mnt", "/dev", "none", MS_BIND, ""), 0);
	image = host_image("node.img", 1 * MIB);
	if (loop_attach(image, false, &d, &err) < 0) {
		umount2("/dev", MNT_DETACH);
		umount2("/mnt", MNT_DETACH);
		fail_msg("%s", err.text);
	}
	assert_int_equal(stat(d.path, &st), 0);
	assert_true(S_ISBLK(st.st_mode));
	umount2("/dev", MNT_DETACH);
	umount2("/mnt", MNT_DETACH);
	host_detach(image);
}

static int host_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_twice_is_one),
		cmocka_unit_test(race_never_makes_two),
		cmocka_unit_test(only_files_are_attached),
		cmocka_unit_test(detach_of_busy_is_refused),
		cmocka_unit_test(number_of_another),
		cmocka_unit_test(autoclear_lets_go),
		cmocka_unit_test(grows_with_its_file),
		cmocka_unit_test(deleted_image_is_still_released),
		cmocka_unit_test(empty_and_read_only),
		cmocka_unit_test(devices_by_identity),
		cmocka_unit_test(another_disk_is_not_touched),
		cmocka_unit_test(missing_node_is_made),
	};

	return cmocka_run_group_tests_name("host loop", tests, NULL, NULL);
}
