/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"

#define LOCK_PAUSE_MS 20

int file_read_all(int fd, struct buf *out)
{
	char piece[8192];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf_append(out, piece, (size_t)n);
		if (buf_failed(out))
			return -buf_failed(out);
	}
	return 0;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_lock(int fd, int64_t most_ms)
{
	int64_t end_ms = clock_ms() + most_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EINTR &&
		    (errno != EWOULDBLOCK || clock_ms() >= end_ms))
			return -errno;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return 0;
}
