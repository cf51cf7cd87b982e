/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/parse.h"

#define MESSAGE_MAX 8192        /* bytes of a message, then "..." */
#define LINE_ROOM (2 * MESSAGE_MAX)
#define HELD_ROOM (64 * 1024)
#define PIECE_MAX 4096          /* PIPE_BUF: fits where poll() sees room */
#define STALLED_MS 200          /* for a reader who may only be slow */
#define SECRET_BYTES_MIN 4      /* shorter ones would blacken plain words */

static const struct {
	const char *word;
	int syslog;
} levels[] = {
	[LOG_ERR_] = { "error", 3 },
	[LOG_WARN_] = { "warn", 4 },
	[LOG_INFO_] = { "info", 6 },
	[LOG_DEBUG_] = { "debug", 7 },
};

static atomic_int level_most = LOG_INFO_;
static atomic_bool to_journal;

/*
 * Protects all below, and makes one line one write(2), if it is no longer than
 * PIECE_MAX. The buffers are here
 * and not on the heap, so that being out of memory can be logged.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char message[MESSAGE_MAX + 1];
static bool covered[MESSAGE_MAX];   /* this byte is part of a secret */
static char line[LINE_ROOM];
static char held[HELD_ROOM];
static size_t held_len;
static unsigned holders;
static unsigned long held_lost;     /* lines that found no room in held */
static bool stalled;                /* nobody reads what is written */
static unsigned long stalled_lost;

static struct secret {
	struct secret *next;
	size_t len;
	char text[];
} *secrets;

/* JOURNAL_STREAM is "DEVICE:INODE" of what systemd gave us as stderr; it is
 * inherited by children whose stderr is something else. */
static bool stderr_is_journal(void)
{
	const char *want = getenv("JOURNAL_STREAM");
	char have[64];
	struct stat st;

	if (!want || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(have, sizeof(have), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return !strcmp(have, want);
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&lock);
}

static void fork_finish(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child forked while another thread logs must find the lock free. */
static void fork_register(void)
{
	pthread_atfork(fork_prepare, fork_finish, fork_finish);
}

void log_init(enum log_level most)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fork_register);
	atomic_store(&to_journal, stderr_is_journal());
	atomic_store(&level_most, (int)most);
}

int log_level_parse(const char *word, enum log_level *out)
{
	if (!strcasecmp(word, "warning")) {
		*out = LOG_WARN_;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!strcasecmp(word, levels[i].word)) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_redact(const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;
	struct secret *s;

	if (len < SECRET_BYTES_MIN)
		return;
	LOCK_SCOPE(&lock);
	for (s = secrets; s; s = s->next) {
		if (s->len == len && !memcmp(s->text, secret, len))
			return;
	}
	s = malloc(sizeof(*s) + len + 1);
	if (!s)
		abort(); /* better no daemon than its secrets in a log */
	s->len = len;
	memcpy(s->text, secret, len + 1);
	s->next = secrets;
	secrets = s;
}

/* Marks every byte of message that belongs to a secret. Where the message was
 * cut, also the first part of one at its end. */
static void secrets_cover(size_t len, bool cut)
{
	memset(covered, 0, len);
	for (struct secret *s = secrets; s; s = s->next) {
		char *at = message;

		while ((at = memmem(at, len - (size_t)(at - message), s->text,
				    s->len))) {
			memset(covered + (at - message), 1, s->len);
			at++;
		}
		if (!cut)
			continue;
		for (size_t n = s->len < len ? s->len : len; n > 0; n--) {
			if (memcmp(message + len - n, s->text, n))
				continue;
			memset(covered + len - n, 1, n);
			break;
		}
	}
}

/* Writes the message to @out: secrets as ***, control bytes as \xNN, cut to
 * fit in @room with a NUL. Return: its length. */
static size_t message_clean(size_t len, bool cut, char *out, size_t room)
{
	/* The longest piece is 4 bytes; "..." and the line's end come after. */
	const size_t most = room - 8;
	size_t n = 0;

	secrets_cover(len, cut);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)message[i];

		if (n > most - 4) {
			cut = true;
			break;
		}
		if (covered[i]) {
			if (i == 0 || !covered[i - 1])
				n += (size_t)snprintf(out + n, 5, "***");
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, 5, "\\x%02X", c);
		} else {
			out[n++] = (char)c;
		}
	}
	if (cut) {
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n] = '\0';
	return n;
}

/* Every thread logs, under one lock: none may wait here for somebody who has
 * stopped reading a pipe, a terminal or the journal's socket. */
static bool has_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	stalled = poll(&p, 1, stalled ? 0 : STALLED_MS) == 0;
	return !stalled;
}

/* Where standard error takes nothing any more there is nobody to tell. False:
 * it may take more later. */
static bool write_all(const char *data, size_t len)
{
	while (len > 0) {
		size_t piece = len < PIECE_MAX ? len : PIECE_MAX;
		ssize_t n;

		if (!has_room())
			return false;
		n = write(STDERR_FILENO, data, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t line_begin(enum log_level level);

/* Of what was lost while nobody read, once somebody does. False: nobody. */
static bool stalled_tell(void)
{
	char text[192];
	size_t n;

	if (!stalled_lost)
		return true;
	n = line_begin(LOG_WARN_);
	n = (size_t)snprintf(text, sizeof(text), "%.*s%lu lines were lost "
			     "while nobody read the log\n", (int)n, line,
			     stalled_lost);
	if (!write_all(text, n))
		return false;
	stalled_lost = 0;
	return true;
}

static void line_out(size_t len)
{
	if (holders == 0) {
		stalled_lost += !write_all(line, len);
	} else if (len <= sizeof(held) - held_len) {
		memcpy(held + held_len, line, len);
		held_len += len;
	} else {
		held_lost++;
	}
}

static size_t line_begin(enum log_level level)
{
	char when[FORMAT_MAX];

	if (atomic_load(&to_journal))
		return (size_t)snprintf(line, sizeof(line), "<%d>",
					levels[level].syslog);
	return (size_t)snprintf(line, sizeof(line), "%s %s ",
				format_time(when, clock_unix_s()),
				levels[level].word);
}

/* Of the message as it is; the lock is held. */
static void message_log(enum log_level level, size_t len, bool cut)
{
	size_t n;

	if (holders == 0 && !stalled_tell()) {
		stalled_lost++;
		return;
	}
	n = line_begin(level);
	n += message_clean(len, cut, line + n, sizeof(line) - n);
	line[n++] = '\n';
	line_out(n);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	int saved = errno, n;
	va_list ap;

	if ((int)level > atomic_load(&level_most))
		return;
	LOCK_SCOPE(&lock);
	errno = saved; /* for %m */
	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (n >= 0)
		message_log(level, n > MESSAGE_MAX ? MESSAGE_MAX : (size_t)n,
			    n > MESSAGE_MAX);
	errno = saved;
}

void log_hold(void)
{
	LOCK_SCOPE(&lock);
	holders++;
}

void log_release(void)
{
	int saved = errno, n;

	LOCK_SCOPE(&lock);
	if (holders == 0 || --holders > 0)
		return;
	stalled_lost += !write_all(held, held_len);
	held_len = 0;
	if (held_lost) {
		n = snprintf(message, sizeof(message), "%lu lines were lost "
			     "while a file system was frozen", held_lost);
		held_lost = 0;
		message_log(LOG_WARN_, (size_t)n, false);
	}
	errno = saved;
}
