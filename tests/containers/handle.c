/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle: opening files by handle, past every path (needs
 * CAP_DAC_READ_SEARCH, which containers may be given).
 *
 *	handle --of PATH              makes PATH's handle and opens it: shows
 *	                              that it can be done in this file system
 *	handle --inode MOUNT INODE    opens the FUSE node with that number (as
 *	                              stat shows it) in the file system of MOUNT
 *	handle --sweep MOUNT          the same for every node number that a small
 *	                              tree can have
 *
 * Prints OK or the errno's name; --sweep a line "tried N, opened N" and what
 * was opened. Exit status 0, 1 for an errno or where --sweep opened nothing, 2
 * for usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"
#include "fs/node.h"

/* <linux/exportfs.h>: a 64-bit inode number and a 32-bit generation, each in
 * words of the machine's order, the number's upper half first. */
#define FILEID_INO64_GEN 0x81

#define SERVICES 4
#define SERIALS 512
#define INDEXES 64

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static int open_inode(int mount_fd, uint64_t inode, int flags)
{
	union handle u = { .h = { .handle_bytes = 12,
				  .handle_type = FILEID_INO64_GEN } };
	uint32_t words[3] = { (uint32_t)(inode >> 32), (uint32_t)inode, 0 };

	memcpy(u.h.f_handle, words, sizeof(words));
	return open_by_handle_at(mount_fd, &u.h, flags | O_CLOEXEC);
}

static int say(int fd)
{
	puts(fd < 0 ? err_name(errno) : "OK");
	return fd < 0;
}

static int handle_of(const char *path)
{
	union handle u = { .h = { .handle_bytes = MAX_HANDLE_SZ } };
	int mount_fd = open(path, O_RDONLY | O_CLOEXEC), id;

	if (mount_fd < 0 ||
	    name_to_handle_at(AT_FDCWD, path, &u.h, &id, 0) < 0)
		return say(-1);
	return say(open_by_handle_at(mount_fd, &u.h, O_RDONLY | O_CLOEXEC));
}

static int handle_inode(const char *mount, const char *number)
{
	int mount_fd = open(mount, O_RDONLY | O_CLOEXEC);
	uint64_t inode;

	if (parse_u64(number, strlen(number), &inode, NULL) < 0)
		return 2;
	return say(mount_fd < 0 ? -1 : open_inode(mount_fd, inode, O_RDONLY));
}

static int handle_sweep(const char *mount)
{
	int mount_fd = open(mount, O_RDONLY | O_CLOEXEC);
	unsigned tried = 0, opened = 0;

	if (mount_fd < 0)
		return say(-1);
	for (unsigned service = 0; service < SERVICES; service++)
		for (unsigned serial = 0; serial < SERIALS; serial++)
			for (unsigned i = 0; i < INDEXES; i++) {
				uint64_t inode = node_make(service, serial, i);
				int fd = open_inode(mount_fd, inode, O_PATH);

				tried++;
				if (fd < 0)
					continue;
				printf("opened node %u/%u/%u\n", service,
				       serial, i);
				opened++;
				close(fd);
			}
	printf("tried %u, opened %u\n", tried, opened);
	return !opened;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--of") == 0)
		return handle_of(argv[2]);
	if (argc == 4 && strcmp(argv[1], "--inode") == 0)
		return handle_inode(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--sweep") == 0)
		return handle_sweep(argv[2]);
	fputs("Usage: handle --of PATH | --inode MOUNT INODE | --sweep MOUNT\n",
	      stderr);
	return 2;
}
