/* SPDX-License-Identifier: Apache-2.0 */

/* Mounting NFS from within a helper. */

#include "core/host/share.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/host/commands.h"
#include "core/host/mount_internal.h"

#define OPTIONS_MAX 4096
#define NFS_PORT "2049"

DEFINE_AUTO_PTR(auto_context, struct libmnt_context, mnt_free_context)
DEFINE_AUTO_PTR(auto_addresses, struct addrinfo, freeaddrinfo)

int share_unshare(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(err, errno == EPERM ? EACCES : errno,
			       "a mount namespace of its own: %s; volfs manages shares as root with CAP_SYS_ADMIN",
			       strerrordesc_np(errno));
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, errno, "keep mounts from other namespaces");
	return 0;
}

const char *share_host(const char *source, char *out, size_t room)
{
	const char *end = strstr(source, ":/");
	size_t len;

	if (source[0] == '[') {
		end = strstr(source, "]:/");
		source++;
	}
	len = end ? (size_t)(end - source) : 0;
	if (len == 0 || len >= room)
		return NULL;
	memcpy(out, source, len);
	out[len] = '\0';
	return strchr(end, '/');
}

/* ---- by mount.nfs ---- */

/* mount.nfs says in words what went wrong, and ends with 32 for everything. */
static int errno_of_words(const char *words)
{
	static const struct {
		const char *words;
		int num;
	} known[] = {
		{ "access denied", EACCES },
		{ "Permission denied", EACCES },
		{ "Operation not permitted", EACCES },
		{ "No such file or directory", ENOENT },
		{ "does not exist", ENOENT },
		{ "Connection refused", EHOSTUNREACH },
		{ "Connection timed out", EHOSTUNREACH },
		{ "timed out", EHOSTUNREACH },
		{ "No route to host", EHOSTUNREACH },
		{ "Network is unreachable", EHOSTUNREACH },
		{ "Failed to resolve", EHOSTUNREACH },
		{ "Name or service not known", EHOSTUNREACH },
		{ "not supported", EPROTO },
		{ "Stale file handle", ESTALE },
		{ "unknown filesystem type", ENODEV },
		{ "No such device", ENODEV },
		{ "incorrect mount option", EINVAL },
		{ "invalid option", EINVAL },
		{ "Invalid argument", EINVAL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (strcasestr(words, known[i].words))
			return known[i].num;
	return EIO;
}

/* What was written to @fd, as one line. */
static void said(int fd, char *out, size_t room)
{
	ssize_t n = pread(fd, out, room - 1, 0);
	size_t i, len = n > 0 ? (size_t)n : 0;

	while (len && (out[len - 1] == '\n' || out[len - 1] == ' '))
		len--;
	out[len] = '\0';
	for (i = 0; i < len; i++)
		if ((unsigned char)out[i] < ' ')
			out[i] = ' ';
}

/* Runs it with standard error going to a file in memory: the program's own
 * words are what tells one failure from another. */
static int mount_collecting(struct libmnt_context *cxt, char *words,
			    size_t room)
{
	AUTO(auto_fd) int memory = memfd_create("mount", MFD_CLOEXEC);
	AUTO(auto_fd) int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int r, excode;

	words[0] = '\0';
	if (memory >= 0)
		dup2(memory, STDERR_FILENO);
	r = mnt_context_mount(cxt);
	excode = mnt_context_get_excode(cxt, r, words, room);
	if (memory >= 0 && before >= 0)
		dup2(before, STDERR_FILENO);
	else
		close(STDERR_FILENO);
	if (excode == MNT_EX_SUCCESS)
		return 0;
	if (memory >= 0 && lseek(memory, 0, SEEK_END) > 0)
		said(memory, words, room);
	if (!mnt_context_helper_executed(cxt) && r > 0)
		return -r;
	return -errno_of_words(words);
}

static int mount_by_libmount(const struct share *m, struct err *err)
{
	AUTO(auto_context) struct libmnt_context *cxt = mnt_new_context();
	char options[OPTIONS_MAX], words[400];
	int r;

	if (!cxt)
		return err_oom(err);
	/* Its own repeating knows neither our deadline nor our cancel. */
	snprintf(options, sizeof(options), "%s%sretry=0%s", m->options,
		 *m->options ? "," : "", m->read_only ? ",ro" : "");
	mnt_context_disable_mtab(cxt, 1);
	r = mnt_context_set_source(cxt, m->source);
	r = r < 0 ? r : mnt_context_set_target(cxt, m->target);
	r = r < 0 ? r : mnt_context_set_fstype(cxt, m->fstype);
	r = r < 0 ? r : mnt_context_set_options(cxt, options);
	if (r < 0)
		return err_errno(err, -r, "mount '%s'", m->source);
	r = mount_collecting(cxt, words, sizeof(words));
	if (r < 0)
		return err_set(err, -r, "mount '%s' at '%s': %s", m->source,
			       m->target, *words ? words : strerrordesc_np(-r));
	return 0;
}

/* ---- by the kernel alone ---- */

/* The server's address, and ours towards it, as numbers. */
static int addresses(const char *host, char *server, char *client, bool *v6,
		     struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	AUTO(auto_addresses) struct addrinfo *found = NULL;
	struct sockaddr_storage own = { 0 };
	socklen_t own_len = sizeof(own);
	AUTO(auto_fd) int fd = -1;
	int r = getaddrinfo(host, NFS_PORT, &hints, &found);

	if (r != 0)
		return err_set(err, EHOSTUNREACH, "the name of the server '%s' is not resolved: %s",
			       host, gai_strerror(r));
	r = getnameinfo(found->ai_addr, found->ai_addrlen, server, NI_MAXHOST,
			NULL, 0, NI_NUMERICHOST);
	*v6 = found->ai_family == AF_INET6;
	client[0] = '\0';
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Sends nothing: it asks the routing. */
	if (r == 0 && fd >= 0 &&
	    connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &own_len) == 0)
		(void)getnameinfo((struct sockaddr *)&own, own_len, client,
				  NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
	return r == 0 ? 0 : err_set(err, EHOSTUNREACH, "the address of the server '%s': %s",
				    host, gai_strerror(r));
}

static bool is_for_mount_nfs(const char *word)
{
	return !strcmp(word, "bg") || !strcmp(word, "fg") ||
	       !strcmp(word, "intr") || !strcmp(word, "nointr") ||
	       !strncmp(word, "retry=", 6);
}

/* @options without what only mount.nfs knows. Return: is a version named? */
static bool kernel_options(const char *options, char *out, size_t room)
{
	bool named = false;

	out[0] = '\0';
	while (*options) {
		size_t len = strcspn(options, ","), at = strlen(out);
		char word[256];

		snprintf(word, sizeof(word), "%.*s", (int)len, options);
		options += len + (options[len] == ',');
		named |= !strncmp(word, "vers=", 5) ||
			 !strncmp(word, "nfsvers=", 8);
		if (len && !is_for_mount_nfs(word))
			snprintf(out + at, room - at, "%s%s", at ? "," : "",
				 word);
	}
	return named;
}

/* The kernel's errnos -> ours. */
static int kernel_failed(int r, struct err *err)
{
	static const int table[][2] = {
		{ ECONNREFUSED, EHOSTUNREACH }, { ETIMEDOUT, EHOSTUNREACH },
		{ ENETUNREACH, EHOSTUNREACH },	{ EHOSTDOWN, EHOSTUNREACH },
		{ ECONNRESET, EHOSTUNREACH },	{ EPROTONOSUPPORT, EPROTO },
		{ EPERM, EACCES },		{ EREMOTEIO, EIO },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i][0] == -r) {
			if (err)
				err->num = table[i][1];
			return -table[i][1];
		}
	return r;
}

static int mount_alone(const struct share *m, struct err *err)
{
	static const char *const versions[] = { "4.2", "4.1", "4.0", NULL };
	char server[NI_MAXHOST], client[NI_MAXHOST], host[NI_MAXHOST];
	char given[OPTIONS_MAX], options[OPTIONS_MAX + 2 * NI_MAXHOST];
	bool v6 = false, named;
	size_t i;
	int r;

	if (!share_host(m->source, host, sizeof(host)))
		return err_set(err, EINVAL, "'%s' is not SERVER:/PATH",
			       m->source);
	r = addresses(host, server, client, &v6, err);
	if (r < 0)
		return r;
	named = kernel_options(m->options, given, sizeof(given));
	if (strstr(given, "vers=3"))
		return err_set(err, EINVAL, "mount '%s': version 3 needs mount.nfs, which is not installed (Debian: nfs-common)",
			       m->source);
	for (i = 0; i == 0 || (!named && versions[i]); i++) {
		const char *const words[] = { m->source, m->target, "nfs4",
					      options };

		snprintf(options, sizeof(options),
			 "%s%s%s%s%s%s,addr=%s%s%s", given, *given ? "," : "",
			 named ? "" : "vers=", named ? "" : versions[i],
			 named ? "" : ",", v6 ? "proto=tcp6" : "proto=tcp",
			 server, *client ? ",clientaddr=" : "", client);
		r = mount_by_kernel(words, m->read_only, err);
		if (r != -EPROTONOSUPPORT)
			break;
	}
	return r < 0 ? kernel_failed(r, err) : 0;
}

int share_mount(const struct share *m, struct err *err)
{
	char path[256];

	if (tool_find("mount.nfs", path, sizeof(path), NULL) == 0)
		return mount_by_libmount(m, err);
	return mount_alone(m, err);
}
