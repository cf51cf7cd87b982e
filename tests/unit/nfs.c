/* SPDX-License-Identifier: Apache-2.0 */

/* What the nfs driver's helper does, on a directory of this machine: copying
 * and erasing trees, facts on the share; and the question whether a server is
 * there, to servers that answer, refuse, keep silent and talk nonsense. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "providers/nfs.h"

#define SPARSE_BYTES ((off_t)64 << 20)

static char top[] = "/tmp/volfs-nfs-XXXXXX";

static int erase_entry(const char *path, const struct stat *st, int type,
		       struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	strcpy(top + strlen(top) - 6, "XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	return chdir("/") < 0 ? -1
	       : nftw(top, erase_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int dir_fd(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* ---- copying ---- */

static void make_tree(void)
{
	const struct timespec long_ago[] = { { 1000, 5 }, { 2000, 7 } };
	int fd;

	assert_int_equal(mkdir("from", 02750), 0);
	assert_int_equal(chmod("from", 02750), 0);
	put("from/file", "hello");
	assert_int_equal(chmod("from/file", 04711), 0);
	assert_int_equal(link("from/file", "from/same"), 0);
	assert_int_equal(symlink("../../etc/passwd", "from/link"), 0);
	assert_int_equal(symlink("nowhere", "from/.dangling"), 0);
	assert_int_equal(mkfifo("from/fifo", 0640), 0);
	assert_int_equal(mkdir("from/below", 0700), 0);
	assert_int_equal(mkdir("from/below/empty", 0555), 0);
	assert_int_equal(link("from/file", "from/below/same"), 0);
	put("from/empty", "");
	put("from/odd \xff\n name", "odd");
	fd = open("from/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "end", 3, SPARSE_BYTES), 3);
	close(fd);
	(void)setxattr("from/file", "user.note", "kept", 4, 0);
	if (geteuid() == 0) {
		assert_int_equal(lchown("from/link", 12, 34), 0);
		assert_int_equal(chown("from/below", 56, 78), 0);
	}
	assert_int_equal(utimensat(AT_FDCWD, "from/file", long_ago, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, "from/below", long_ago, 0), 0);
}

static void same_entry(const char *name)
{
	char a[300], b[300];
	struct stat x, y;

	snprintf(a, sizeof(a), "from/%s", name);
	snprintf(b, sizeof(b), "to/%s", name);
	assert_int_equal(lstat(a, &x), 0);
	if (lstat(b, &y) < 0)
		fail_msg("'%s' was not copied", name);
	assert_int_equal(x.st_mode, y.st_mode);
	assert_int_equal(x.st_uid, y.st_uid);
	assert_int_equal(x.st_gid, y.st_gid);
	assert_int_equal(x.st_nlink, y.st_nlink);
	if (!S_ISDIR(x.st_mode))
		assert_int_equal(x.st_size, y.st_size);
	assert_int_equal(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
	assert_int_equal(x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
}

static void test_copy(void **state)
{
	static const char *const names[] = {
		".", "file", "same", "link", ".dangling", "fifo", "below",
		"below/empty", "below/same", "empty", "odd \xff\n name",
		"sparse",
	};
	struct err err = ERR_INIT;
	char value[8] = "", target[64] = "";
	struct stat st, other;
	int from, to;

	make_tree();
	assert_int_equal(mkdir("to", 0700), 0);
	from = dir_fd("from");
	to = dir_fd("to");
	assert_int_equal(nfs_copy(from, to, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		same_entry(names[i]);
	assert_int_equal(stat("to/file", &st), 0);
	assert_int_equal(stat("to/below/same", &other), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	assert_true(readlink("to/link", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../../etc/passwd");
	assert_int_equal(stat("to/sparse", &st), 0);
	assert_true(st.st_blocks * 512 < SPARSE_BYTES / 8);
	if (getxattr("from/file", "user.note", value, sizeof(value)) == 4) {
		memset(value, 0, sizeof(value));
		assert_int_equal(getxattr("to/file", "user.note", value,
					  sizeof(value)), 4);
		assert_string_equal(value, "kept");
	}
	close(from);
	close(to);
}

static void test_erase(void **state)
{
	struct err err = ERR_INIT;
	int here = dir_fd(".");

	make_tree();
	put("kept", "kept");
	assert_int_equal(symlink("kept", "from/to-kept"), 0);
	assert_int_equal(nfs_erase(here, "from", &err), 0);
	assert_int_equal(access("from", F_OK), -1);
	assert_int_equal(access("kept", F_OK), 0);
	assert_int_equal(nfs_erase(here, "from", &err), 0);
	close(here);
}

/* ---- facts ---- */

static void test_beneath(void **state)
{
	struct err err = ERR_INIT;
	int root, fd;

	assert_int_equal(mkdir("root", 0700), 0);
	assert_int_equal(mkdir("outside", 0700), 0);
	put("outside/secret", "secret");
	assert_int_equal(symlink("../outside", "root/way-out"), 0);
	assert_int_equal(mkdir("root/in", 0700), 0);
	root = dir_fd("root");
	fd = nfs_open_dir(root, "in");
	assert_true(fd >= 0);
	close(fd);
	assert_true(nfs_open_dir(root, "way-out") < 0);
	assert_int_equal(nfs_open_dir(root, "in/../.."), -EXDEV);
	assert_true(nfs_open(root, "way-out/secret", O_RDONLY) < 0);
	assert_true(nfs_make_dirs(root, "way-out/new") < 0);
	assert_int_equal(access("outside/new", F_OK), -1);
	assert_int_equal(nfs_erase(root, "way-out", &err), 0);
	assert_int_equal(access("outside/secret", F_OK), 0);
	close(root);
}

static void test_facts(void **state)
{
	AUTO(auto_json) struct json_object *o = json_object_new_object();
	AUTO(auto_json) struct json_object *back = NULL;
	AUTO(auto_json) struct json_object *q = json_object_new_object();
	struct nfs_work w = { .q = q };
	struct err err = ERR_INIT;
	int root;

	assert_int_equal(mkdir("root", 0700), 0);
	w.root = root = dir_fd("root");
	assert_int_equal(nfs_meta_read(root, NFS_VOLUMES, "v-1", &back, &err),
			 -ENOENT);
	nfs_put_text(o, "id", "v-1");
	nfs_put_text(o, "directory", "db");
	nfs_put_text(o, "note", "\xff raw");
	assert_int_equal(nfs_meta_write(&w, NFS_VOLUMES, o, &err), 0);
	assert_int_equal(nfs_meta_read(root, NFS_VOLUMES, "v-1", &back, &err),
			 0);
	assert_string_equal(nfs_text(back, "note"), "\xff raw");
	/* What others may have put there. */
	put("root/.volfs/volumes/v-2", "{\"id\":\"v-1\",\"directory\":\"x\"}");
	put("root/.volfs/volumes/v-3", "{\"id\":\"v-3\",\"directory\":\"../x\"}");
	put("root/.volfs/volumes/v-4", "{\"id\":\"v-4\",");
	assert_int_equal(symlink("v-1", "root/.volfs/volumes/v-5"), 0);
	for (char id[] = "v-2"; id[2] <= '5'; id[2]++) {
		AUTO(auto_json) struct json_object *bad = NULL;

		assert_true(nfs_meta_read(root, NFS_VOLUMES, id, &bad, &err) <
			    0);
	}
	assert_int_equal(nfs_meta_drop(root, NFS_VOLUMES, "v-1", &err), 0);
	assert_int_equal(nfs_meta_drop(root, NFS_VOLUMES, "v-1", &err), 0);
	close(root);
}

/* ---- is a server there? ---- */

struct fake {
	int fd;
	char port[8];
	const char *answer;          /* after the request's number; NULL: none */
	size_t len;
	bool echo;                   /* with the number of the request */
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct fake *f = arg;
	int c = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
	char request[64], reply[64] = { (char)0x80, 0, 0, 24 };

	if (recv(c, request, 44, MSG_WAITALL) == 44 && f->answer) {
		memcpy(reply + 4, f->echo ? request + 4 : "\1\2\3\4", 4);
		memcpy(reply + 8, f->answer, f->len);
		(void)!send(c, reply, 8 + f->len, MSG_NOSIGNAL);
	}
	/* Until the other side has had enough. */
	(void)!recv(c, request, 1, 0);
	close(c);
	return NULL;
}

static void listen_on_loopback(struct fake *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->fd, 4), 0);
	assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(f->port, sizeof(f->port), "%u", ntohs(a.sin_port));
}

static int ask_fake(struct fake *f, struct err *err)
{
	int r;

	listen_on_loopback(f);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	r = nfs_probe("127.0.0.1", f->port, 500, err);
	pthread_join(f->thread, NULL);
	close(f->fd);
	return r;
}

static void test_probe(void **state)
{
	/* REPLY, accepted, no verifier, success (or: no such version). */
	static const char good[] = "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const char call[] = "\0\0\0\0\0\0\0\0";
	struct err err = ERR_INIT;
	struct fake f = { .answer = good, .len = 20, .echo = true };

	assert_int_equal(ask_fake(&f, &err), 0);
	f.echo = false;
	assert_int_equal(ask_fake(&f, &err), -EHOSTUNREACH);
	f = (struct fake){ .answer = call, .len = 8, .echo = true };
	assert_int_equal(ask_fake(&f, &err), -EHOSTUNREACH);
	/* Takes the connection and never says a word. */
	f = (struct fake){ .answer = NULL };
	assert_int_equal(ask_fake(&f, &err), -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "ETIMEDOUT"));
	assert_non_null(strstr(err.text, "'127.0.0.1'"));
	/* Takes none: the port is free now. */
	assert_int_equal(nfs_probe("127.0.0.1", f.port, 500, &err),
			 -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "ECONNREFUSED"));
	assert_int_equal(nfs_probe("no-such-host.invalid", "2049", 500, &err),
			 -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "not resolved"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_erase, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beneath, setup, teardown),
		cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
