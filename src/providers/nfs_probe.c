/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an NFS server there? The null procedure (RFC 5531, 7530) answers without
 * looking at any file. The socket does not block, so neither does this.
 */
#include "providers/nfs.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

#define PROGRAM_NFS 100003
#define LAST_FRAGMENT 0x80000000u

DEFINE_AUTO_PTR(auto_addresses, struct addrinfo, freeaddrinfo)

static int wait_for(int fd, short events, int64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left_ms = end_ms - clock_ms();

	if (left_ms <= 0)
		return -ETIMEDOUT;
	switch (poll(&p, 1, (int)left_ms)) {
	case 0:
		return -ETIMEDOUT;
	case 1:
		return 0;
	default:
		return errno == EINTR ? 0 : -errno;
	}
}

static int connect_to(const struct addrinfo *a, int64_t end_ms)
{
	AUTO(auto_fd) int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
				      SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int r, num = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return STEAL_FD(fd);
	if (errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, end_ms);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &num, &len) < 0)
		r = -errno;
	if (r == 0 && num)
		r = -num;
	return r < 0 ? r : STEAL_FD(fd);
}

static int read_words(int fd, uint32_t *words, size_t bytes, int64_t end_ms)
{
	size_t got = 0;

	while (got < bytes) {
		int r = wait_for(fd, POLLIN, end_ms);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(fd, (char *)words + got, bytes - got, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			got += (size_t)n;
	}
	return 0;
}

static int call_null(int fd, int64_t end_ms)
{
	const uint32_t xid = htonl(0x766f6c66);
	/* Fragment; xid, call, RPC 2, program, version 4, procedure 0, and no
	 * credentials twice. */
	const uint32_t call[] = {
		htonl(LAST_FRAGMENT | 40), xid, 0, htonl(2),
		htonl(PROGRAM_NFS), htonl(4), 0, 0, 0, 0, 0,
	};
	uint32_t reply[3];
	int r;

	if (send(fd, call, sizeof(call), MSG_NOSIGNAL) != sizeof(call))
		return errno ? -errno : -EIO;
	r = read_words(fd, reply, sizeof(reply), end_ms);
	if (r < 0)
		return r;
	/* A server that has no version 4 says so, and is there. */
	return reply[1] == xid && reply[2] == htonl(1) ? 0 : -EPROTO;
}

int nfs_probe(const char *host, const char *port, int64_t most_ms,
	      struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	AUTO(auto_addresses) struct addrinfo *all = NULL;
	int64_t end_ms = clock_ms() + most_ms;
	int r = getaddrinfo(host, port, &hints, &all);

	if (r != 0)
		return err_set(err, EHOSTUNREACH, "the name of the server '%s' is not resolved: %s",
			       host, gai_strerror(r));
	r = -EHOSTUNREACH;
	for (const struct addrinfo *a = all; a && r < 0; a = a->ai_next) {
		AUTO(auto_fd) int fd = connect_to(a, end_ms);

		r = fd < 0 ? fd : call_null(fd, end_ms);
	}
	if (r == 0)
		return 0;
	if (r == -ETIMEDOUT)
		return err_set(err, EHOSTUNREACH, "the server '%s' does not answer: no reply at port %s within %lld ms [ETIMEDOUT]",
			       host, port, (long long)most_ms);
	return err_set(err, EHOSTUNREACH, "the server '%s' does not answer at port %s: %s [%s]",
		       host, port, strerrordesc_np(-r), err_name(-r));
}
