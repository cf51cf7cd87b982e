/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

/*
 * Where two names share a number, the first one is what err_name() says:
 * ENOTSUP and EAGAIN, the words of the contract.
 */
static const struct {
	const char *name;
	int num;
} names[] = {
#define E(name) { #name, name }
	{ "OK", 0 },
	E(E2BIG), E(EACCES), E(EADDRINUSE), E(EADDRNOTAVAIL), E(EAFNOSUPPORT),
	E(EAGAIN), E(EWOULDBLOCK), E(EALREADY), E(EBADE), E(EBADF), E(EBADFD),
	E(EBADMSG), E(EBADR), E(EBADRQC), E(EBADSLT), E(EBUSY), E(ECANCELED),
	E(ECHILD), E(ECHRNG), E(ECOMM), E(ECONNABORTED), E(ECONNREFUSED),
	E(ECONNRESET), E(EDEADLK), E(EDEADLOCK), E(EDESTADDRREQ), E(EDOM),
	E(EDQUOT), E(EEXIST), E(EFAULT), E(EFBIG), E(EHOSTDOWN),
	E(EHOSTUNREACH), E(EHWPOISON), E(EIDRM), E(EILSEQ), E(EINPROGRESS),
	E(EINTR), E(EINVAL), E(EIO), E(EISCONN), E(EISDIR), E(EISNAM),
	E(EKEYEXPIRED), E(EKEYREJECTED), E(EKEYREVOKED), E(ELIBACC),
	E(ELIBBAD), E(ELIBEXEC), E(ELIBMAX), E(ELIBSCN), E(ELOOP),
	E(EMEDIUMTYPE), E(EMFILE), E(EMLINK), E(EMSGSIZE), E(EMULTIHOP),
	E(ENAMETOOLONG), E(ENETDOWN), E(ENETRESET), E(ENETUNREACH),
	E(ENFILE), E(ENOBUFS), E(ENODATA), E(ENODEV), E(ENOENT), E(ENOEXEC),
	E(ENOKEY), E(ENOLCK), E(ENOLINK), E(ENOMEDIUM), E(ENOMEM), E(ENOMSG),
	E(ENONET), E(ENOPKG), E(ENOPROTOOPT), E(ENOSPC), E(ENOSR), E(ENOSTR),
	E(ENOSYS), E(ENOTBLK), E(ENOTCONN), E(ENOTDIR), E(ENOTEMPTY),
	E(ENOTRECOVERABLE), E(ENOTSOCK), E(ENOTSUP), E(EOPNOTSUPP),
	E(ENOTTY), E(ENOTUNIQ), E(ENXIO), E(EOVERFLOW), E(EOWNERDEAD),
	E(EPERM), E(EPFNOSUPPORT), E(EPIPE), E(EPROTO), E(EPROTONOSUPPORT),
	E(EPROTOTYPE), E(ERANGE), E(EREMCHG), E(EREMOTE), E(EREMOTEIO),
	E(ERESTART), E(ERFKILL), E(EROFS), E(ESHUTDOWN), E(ESOCKTNOSUPPORT),
	E(ESPIPE), E(ESRCH), E(ESTALE), E(ESTRPIPE), E(ETIME), E(ETIMEDOUT),
	E(ETOOMANYREFS), E(ETXTBSY), E(EUCLEAN), E(EUNATCH), E(EUSERS),
	E(EXDEV), E(EXFULL),
	/* Of old systems; listed so that each known number has its word. */
	E(EADV), E(EBFONT), E(EDOTDOT), E(EL2HLT), E(EL2NSYNC), E(EL3HLT),
	E(EL3RST), E(ELNRNG), E(ENAVAIL), E(ENOANO), E(ENOCSI), E(ENOTNAM),
	E(ESRMNT),
#undef E
};

/* The kernel's errnos end at 4095 (MAX_ERRNO). */
#define NUMBERS 4096
static char unknown[NUMBERS][16];
static pthread_once_t unknown_once = PTHREAD_ONCE_INIT;

static void unknown_fill(void)
{
	for (int i = 0; i < NUMBERS; i++)
		snprintf(unknown[i], sizeof(unknown[i]), "E%d", i);
}

const char *err_name(int num)
{
	if (num < 0 && num > -NUMBERS)
		num = -num;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].num == num)
			return names[i].name;
	}
	if (num < 0 || num >= NUMBERS)
		return "E?";
	pthread_once(&unknown_once, unknown_fill);
	return unknown[num];
}

int err_number(const char *name)
{
	if (!name)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].name, name))
			return names[i].num;
	}
	pthread_once(&unknown_once, unknown_fill);
	for (int i = 1; i < NUMBERS; i++) {
		if (!strcmp(unknown[i], name))
			return !strcmp(err_name(i), name) ? i : -1;
	}
	return -1;
}

/* Stores @text, which is not in @e: one line, whole UTF-8 characters, and
 * three dots where it was too long. */
static void text_store(struct err *e, const char *text)
{
	const size_t most = sizeof(e->text) - 1;
	size_t len = strlen(text);

	if (len > most) {
		len = most - 3;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		memcpy(e->text, text, len);
		memcpy(e->text + len, "...", 4);
		len += 3;
	} else {
		memcpy(e->text, text, len + 1);
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)e->text[i];

		if (c < 0x20 || c == 0x7f)
			e->text[i] = ' ';
	}
}

/* Every sentence is put together here first, since the arguments may well
 * point into the struct that it replaces. */
#define SCRATCH (2 * sizeof(((struct err *)0)->text))

/* An error is never 0, and callers do hand in what a function returned. */
static int number_clean(int num)
{
	if (num < 0 && num > -NUMBERS)
		num = -num;
	return num > 0 ? num : EIO;
}

static int err_vset(struct err *e, int num, const char *text)
{
	num = number_clean(num);
	if (e) {
		e->num = num;
		e->code[0] = '\0';
		e->request[0] = '\0';
		text_store(e, text);
	}
	return -num;
}

int err_set(struct err *e, int num, const char *fmt, ...)
{
	char text[SCRATCH];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return err_vset(e, num, text);
}

int err_errno(struct err *e, int num, const char *fmt, ...)
{
	char text[SCRATCH], words[128];
	size_t len;
	va_list ap;

	num = number_clean(num);
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, ": %s",
		 strerror_r(num, words, sizeof(words)));
	return err_vset(e, num, text);
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char text[SCRATCH];
	size_t len;
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, ": %s",
		 e->text[0] ? e->text : "failed, and nothing says why");
	e->num = number_clean(e->num);
	text_store(e, text);
	return -e->num;
}

/* The service's own words may hold anything: they stay one line. */
static void word_store(char *out, size_t room, const char *word)
{
	size_t len = word ? strnlen(word, room - 1) : 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)word[i];

		out[i] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	out[len] = '\0';
}

void err_set_code(struct err *e, const char *code, const char *request)
{
	if (!e)
		return;
	if (code != e->code)
		word_store(e->code, sizeof(e->code), code);
	if (request != e->request)
		word_store(e->request, sizeof(e->request), request);
}

int err_mapped(struct err *e, const struct err_map *map, int num,
	       const char *text, const char *hint)
{
	const char *words = strerrordesc_np(num);

	while (map->from && map->from != num)
		map++;
	/* The kernel lets through numbers of its own: NFS's 512. */
	err_set(e, map->from ? map->to : EIO, "%s: %s%s [%s]", text,
		words ? words : "unknown error", hint, err_name(num));
	err_set_code(e, err_name(num), NULL);
	return -(map->from ? map->to : EIO);
}

int err_oom(struct err *e)
{
	return err_vset(e, ENOMEM, "out of memory");
}
