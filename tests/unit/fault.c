/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"

/*
 * Reaches the point "test.a" five times in a child with that environment.
 * Return: how often it came past it, or -SIGNAL.
 */
static int times_passed(const char *fault, const char *once)
{
	int pipe_fds[2], status, n = 0;
	pid_t pid;
	char c;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fault ? setenv("VOLFS_FAULT", fault, 1)
		      : unsetenv("VOLFS_FAULT");
		once ? setenv("VOLFS_FAULT_ONCE", once, 1)
		     : unsetenv("VOLFS_FAULT_ONCE");
		for (int i = 0; i < 5; i++) {
			FAULT_POINT("test.other");
			FAULT_POINT("test.a");
			if (write(pipe_fds[1], "x", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(pipe_fds[1]);
	while (read(pipe_fds[0], &c, 1) == 1)
		n++;
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (n == 5) {
		assert_true(WIFEXITED(status));
		return n;
	}
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status) == SIGKILL ? n : -WTERMSIG(status);
}

static void kills_where_it_is_told(void **state)
{
	assert_int_equal(times_passed(NULL, NULL), 5);
	assert_int_equal(times_passed("", NULL), 5);
	assert_int_equal(times_passed("test", NULL), 5);
	assert_int_equal(times_passed("test.a", NULL), 0);
	assert_int_equal(times_passed("test.a:1", NULL), 0);
	assert_int_equal(times_passed("test.a:3", NULL), 2);
	assert_int_equal(times_passed("test.a:6", NULL), 5);
}

static void once_only(void **state)
{
	char path[] = "/tmp/volfs-fault-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(times_passed("test.a:2", path), 5);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(times_passed("test.a:2", path), 1);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(times_passed("test.a:2", path), 5);
	assert_int_equal(unlink(path), 0);
}

static void nonsense_does_not_pass(void **state)
{
	assert_int_equal(times_passed("test.a:", NULL), -SIGABRT);
	assert_int_equal(times_passed("test.a:0", NULL), -SIGABRT);
	assert_int_equal(times_passed("test.a:x", NULL), -SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills_where_it_is_told),
		cmocka_unit_test(once_only),
		cmocka_unit_test(nonsense_does_not_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
