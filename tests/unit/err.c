/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"

static void sets_number_and_sentence(void **state)
{
	struct err e = ERR_INIT;

	assert_int_equal(err_set(&e, EBUSY, "volume '%s' is busy", "db"),
			 -EBUSY);
	assert_int_equal(e.num, EBUSY);
	assert_string_equal(e.text, "volume 'db' is busy");
	assert_int_equal(err_set(NULL, ENOSPC, "x"), -ENOSPC);
}

static void number_is_never_success(void **state)
{
	struct err e = ERR_INIT;

	assert_int_equal(err_set(&e, -EBUSY, "x"), -EBUSY);
	assert_int_equal(err_set(&e, 0, "x"), -EIO);
	assert_int_equal(e.num, EIO);
	e = (struct err)ERR_INIT;
	assert_int_equal(err_wrap(&e, "attach"), -EIO);
	assert_int_equal(e.num, EIO);
	assert_non_null(strstr(e.text, "attach: "));
	assert_int_equal(err_wrap(NULL, "attach"), -EIO);
}

static void wraps_and_keeps_the_code(void **state)
{
	struct err e = ERR_INIT;

	err_set(&e, EBUSY, "already attached to 'i-03'");
	err_set_code(&e, "VolumeInUse", "req-1");
	assert_int_equal(err_wrap(&e, "attach '%s'", "db"), -EBUSY);
	assert_string_equal(e.text, "attach 'db': already attached to 'i-03'");
	assert_string_equal(e.code, "VolumeInUse");
	assert_string_equal(e.request, "req-1");
	err_set(&e, EIO, "other");
	assert_string_equal(e.code, "");
	assert_string_equal(e.request, "");
}

static void arguments_may_be_the_old_text(void **state)
{
	struct err e = ERR_INIT;

	err_set(&e, EIO, "inner");
	err_set(&e, EBUSY, "outer (%s)", e.text);
	assert_string_equal(e.text, "outer (inner)");
	err_wrap(&e, "again %s", e.text);
	assert_string_equal(e.text, "again outer (inner): outer (inner)");
}

static void sentence_is_one_line(void **state)
{
	struct err e = ERR_INIT;

	err_set(&e, EIO, "a\nb\x1b[0m\tc");
	assert_string_equal(e.text, "a b [0m c");
	err_set_code(&e, "x\ny", NULL);
	assert_string_equal(e.code, "x?y");
	assert_string_equal(e.request, "");
}

static void long_text_is_cut_at_a_character(void **state)
{
	struct err e = ERR_INIT;
	char text[1500];

	for (size_t shift = 0; shift < 3; shift++) {
		/* U+20AC, three bytes each. */
		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		err_set(&e, EIO, "%s", text);
		size_t len = strlen(e.text);

		assert_in_range(len, sizeof(e.text) - 4, sizeof(e.text) - 1);
		assert_string_equal(e.text + len - 3, "...");
		assert_int_equal((len - 3 - shift) % 3, 0);
	}
	err_wrap(&e, "%s", text);
	assert_in_range(strlen(e.text), 1, sizeof(e.text) - 1);
	err_set_code(&e, text, text);
	assert_int_equal(strlen(e.code), sizeof(e.code) - 1);
}

static void errno_adds_the_words(void **state)
{
	struct err e = ERR_INIT;

	assert_int_equal(err_errno(&e, ENOENT, "open '%s'", "/x"), -ENOENT);
	assert_string_equal(e.text, "open '/x': No such file or directory");
	assert_int_equal(err_oom(&e), -ENOMEM);
	assert_string_equal(e.text, "out of memory");
	assert_int_equal(err_oom(NULL), -ENOMEM);
}

static void names_the_contract(void **state)
{
	static const struct {
		int num;
		const char *name;
	} words[] = {
#define W(name) { name, #name }
		W(EINVAL), W(EEXIST), W(ENOENT), W(EBUSY), W(ENOTEMPTY),
		W(EDQUOT), W(ENOSPC), W(EMFILE), W(EACCES), W(EPERM),
		W(EROFS), W(EXDEV), W(EAGAIN), W(ETIMEDOUT), W(EHOSTUNREACH),
		W(EPROTO), W(EIO), W(EUCLEAN), W(ENODEV), W(ESTALE), W(E2BIG),
		W(ECANCELED), W(EINTR), W(ENOTSUP),
#undef W
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		assert_string_equal(err_name(words[i].num), words[i].name);
		assert_string_equal(err_name(-words[i].num), words[i].name);
		assert_int_equal(err_number(words[i].name), words[i].num);
	}
}

/* Whatever the C library knows, we know, and each number comes back. */
static void names_round_trip(void **state)
{
	for (int i = 0; i < 4096; i++) {
		const char *ours = err_name(i);
#ifdef __GLIBC__
		const char *theirs = strerrorname_np(i);

		if (theirs && i)
			assert_int_equal(err_number(theirs), i);
		if (!theirs && i)
			assert_true(ours[1] >= '0' && ours[1] <= '9');
#endif
		assert_int_equal(err_number(ours), i);
	}
	assert_string_equal(err_name(0), "OK");
	assert_string_equal(err_name(999), "E999");
	assert_string_equal(err_name(INT32_MIN), "E?");
	assert_string_equal(err_name(INT32_MAX), "E?");
	assert_int_equal(err_number("EOPNOTSUPP"), ENOTSUP);
	assert_int_equal(err_number("EWOULDBLOCK"), EAGAIN);
}

static void refuses_other_words(void **state)
{
	static const char *const words[] = { "", "E", "E?", "E16", "EBUS",
					     "EBUSYY", "ebusy", "E0", "E0999",
					     "E4096", "E99999999999", "ok" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(err_number(words[i]), -1);
	assert_int_equal(err_number(NULL), -1);
}

static void mapped_errnos(void **state)
{
	static const struct err_map map[] = { { EPERM, EACCES },
					      { ENOSPC, ENOSPC }, { 0, 0 } };
	struct err e = ERR_INIT;

	assert_int_equal(err_mapped(&e, map, EPERM, "open 'x'", "; ask root"),
			 -EACCES);
	assert_int_equal(e.num, EACCES);
	assert_string_equal(e.code, "EPERM");
	assert_string_equal(e.text, "open 'x': Operation not permitted; ask "
				    "root [EPERM]");
	assert_int_equal(err_mapped(&e, map, ENOTTY, "ioctl", ""), -EIO);
	assert_string_equal(e.code, "ENOTTY");
	assert_int_equal(err_mapped(&e, map, 512, "read", ""), -EIO);
	assert_string_equal(e.text, "read: unknown error [E512]");
	assert_int_equal(err_mapped(NULL, map, ENOSPC, "write", ""), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_number_and_sentence),
		cmocka_unit_test(number_is_never_success),
		cmocka_unit_test(wraps_and_keeps_the_code),
		cmocka_unit_test(arguments_may_be_the_old_text),
		cmocka_unit_test(sentence_is_one_line),
		cmocka_unit_test(long_text_is_cut_at_a_character),
		cmocka_unit_test(errno_adds_the_words),
		cmocka_unit_test(names_the_contract),
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(refuses_other_words),
		cmocka_unit_test(mapped_errnos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
