/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/parse.h"

/* Standard error of the test is a file meanwhile. */
static int real_stderr = -1, file = -1;
static char written[1024 * 1024];

static int stderr_take(void **state)
{
	char path[] = "/tmp/volfs-log-test-XXXXXX";

	real_stderr = dup(STDERR_FILENO);
	file = mkstemp(path);
	if (real_stderr < 0 || file < 0)
		return -1;
	unlink(path);
	/* As several processes share a log. */
	if (fcntl(file, F_SETFL, O_APPEND) < 0 ||
	    dup2(file, STDERR_FILENO) < 0)
		return -1;
	unsetenv("JOURNAL_STREAM");
	log_init(LOG_INFO_);
	return 0;
}

static int stderr_give_back(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(file);
	return 0;
}

/* All that was written since the last call. */
static const char *log_text(void)
{
	ssize_t n = pread(file, written, sizeof(written) - 1, 0);

	assert_true(n >= 0);
	written[n] = '\0';
	assert_int_equal(ftruncate(file, 0), 0);
	return written;
}

/* The message of the one line there is, without time and newline. */
static const char *log_message(void)
{
	const char *text = log_text();
	char *end = strchr(text, '\n');
	const char *message = strchr(text, ' ');

	assert_non_null(end);
	assert_string_equal(end, "\n");
	*end = '\0';
	message = message ? strchr(message + 1, ' ') : NULL;
	assert_non_null(message);
	return message + 1;
}

static void line_has_time_and_level(void **state)
{
	struct err err = ERR_INIT;
	const char *text;
	int64_t when;

	log_warn("volume '%s' is %d", "db", 7);
	text = log_text();
	assert_int_equal(parse_time(text, 20, &when, &err), 0);
	assert_string_equal(text + 20, " warn volume 'db' is 7\n");
	log_error("x");
	assert_string_equal(log_text() + 20, " error x\n");
}

static void levels(void **state)
{
	enum log_level level;

	log_debug("not shown");
	assert_string_equal(log_text(), "");
	log_init(LOG_DEBUG_);
	log_debug("shown");
	assert_string_equal(log_message(), "shown");
	log_init(LOG_ERR_);
	log_warn("not shown");
	assert_string_equal(log_text(), "");
	log_init(LOG_INFO_);
	assert_int_equal(log_level_parse("DEBUG", &level), 0);
	assert_int_equal(level, LOG_DEBUG_);
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_WARN_);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(level, LOG_WARN_);
}

static void journal_prefix(void **state)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(LOG_INFO_);
	log_error("x");
	assert_string_equal(log_text(), "<3>x\n");
	log_info("y");
	assert_string_equal(log_text(), "<6>y\n");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init(LOG_INFO_);
	log_info("z");
	assert_string_equal(log_message(), "z");
	unsetenv("JOURNAL_STREAM");
	log_init(LOG_INFO_);
}

static void a_message_is_one_line(void **state)
{
	log_info("a\nb\x1b[0m\x7f");
	assert_string_equal(log_message(), "a\\x0Ab\\x1B[0m\\x7F");
}

static void errno_is_kept(void **state)
{
	errno = ENOSPC;
	log_info("cannot: %m");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(log_message(), "cannot: No space left on device");
}

static void secrets_are_covered(void **state)
{
	log_redact("hunter2");
	log_redact("hunter2");
	log_redact("abc");      /* too short */
	log_redact("two\nlines");
	log_redact("r2secret");
	log_redact("");
	log_redact(NULL);
	log_info("key=hunter2, abc");
	assert_string_equal(log_message(), "key=***, abc");
	log_info("hunter2 and hunter2");
	assert_string_equal(log_message(), "*** and ***");
	log_info("<two\nlines>");
	assert_string_equal(log_message(), "<***>");
	log_info("overlap: hunter2secret.");
	assert_string_equal(log_message(), "overlap: ***.");
	log_info("hunter");
	assert_string_equal(log_message(), "hunter");
}

static void long_messages_are_cut(void **state)
{
	static char text[20000];
	const char *message;
	size_t len;

	/* Wherever the cut falls, no beginning of the secret stays. */
	for (size_t at = 8180; at <= 8200; at++) {
		memset(text, '.', sizeof(text) - 1);
		memcpy(text + at, "hunter2", 7);
		log_info("%s", text);
		message = log_message();
		len = strlen(message);
		assert_in_range(len, 1000, 8200);
		assert_string_equal(message + len - 3, "...");
		assert_null(strchr(message, 'h'));
	}
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	message = log_message();
	assert_string_equal(message + strlen(message) - 7, "\\x0A...");
}

static void held_lines_come_later(void **state)
{
	static char text[1000];

	log_hold();
	log_hold();
	log_info("one");
	log_info("two");
	assert_string_equal(log_text(), "");
	log_release();
	assert_string_equal(log_text(), "");
	log_release();
	assert_non_null(strstr(log_text(), "one\n"));
	assert_non_null(strstr(written, "two\n"));
	log_release();  /* one too many does no harm */
	log_info("three");
	assert_string_equal(log_message(), "three");

	memset(text, 'x', sizeof(text) - 1);
	log_hold();
	for (int i = 0; i < 100; i++)
		log_info("%s", text);
	log_release();
	assert_in_range(strlen(log_text()), 60000, 70000);
	assert_non_null(strstr(written, " warn 37 lines were lost"));
}

#define THREADS 8
#define LINES 500

static void *log_many(void *arg)
{
	char id = *(char *)arg;
	char text[201];

	memset(text, id, 200);
	text[200] = '\0';
	for (int i = 0; i < LINES; i++) {
		log_info("%s", text);
		if (i % 50 == 0)
			log_redact(text);
	}
	return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
	char ids[THREADS];
	pthread_t threads[THREADS];
	size_t lines = 0;
	char *rest;

	for (int i = 0; i < THREADS; i++) {
		ids[i] = (char)('a' + i);
		assert_int_equal(pthread_create(&threads[i], NULL, log_many,
						&ids[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_text();
	rest = written;
	for (char *line; (line = strsep(&rest, "\n")) && rest; lines++) {
		size_t len = strlen(line);

		assert_memory_equal(line + 20, " info ", 6);
		if (len == 29) {
			assert_string_equal(line + 26, "***");
			continue;
		}
		assert_int_equal(len, 226);
		assert_int_equal(strspn(line + 26, (char[]){ line[26], 0 }),
				 200);
	}
	assert_int_equal(lines, THREADS * LINES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_time_and_level),
		cmocka_unit_test(levels),
		cmocka_unit_test(journal_prefix),
		cmocka_unit_test(a_message_is_one_line),
		cmocka_unit_test(errno_is_kept),
		cmocka_unit_test(secrets_are_covered),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(held_lines_come_later),
		cmocka_unit_test(threads_do_not_mix_lines),
	};

	return cmocka_run_group_tests(tests, stderr_take, stderr_give_back);
}
