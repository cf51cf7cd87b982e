/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is on a device. libblkid decides that nothing is; the first and last
 * MiB are looked at as well, since libblkid knows no encrypted volume without
 * a header, no raw database, and no ext4 whose superblock is gone.
 */

#include <blkid/blkid.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/host/commands.h"

#define EDGE_BYTES (1024 * 1024)

DEFINE_AUTO_PTR(auto_probe, struct blkid_struct_probe, blkid_free_probe)

int device_node_open(const char *node, int flags, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct stat st;

	fd = open(node, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", node);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at '%s'", node);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, ENOTBLK, "'%s' is not a block device",
			       node);
	return STEAL_FD(fd);
}

static const char *probe_value(blkid_probe pr, const char *name)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(pr, name, &value, NULL) < 0 || !value)
		return "";
	return value;
}

static blkid_probe probe_open(int fd)
{
	AUTO(auto_probe) blkid_probe pr = blkid_new_probe();

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return NULL;
	blkid_probe_enable_superblocks(pr, 1);
	/* BADCSUM: a damaged superblock counts as something. */
	blkid_probe_set_superblocks_flags(
		pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
			    BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
			    BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC);
	return STEAL(pr);
}

/* Names all that contradicts itself: "ext4, swap". */
static void probe_list_all(int fd, char *out, size_t room)
{
	AUTO(auto_probe) blkid_probe pr = probe_open(fd);
	size_t n = 0;

	out[0] = 0;
	while (pr && blkid_do_probe(pr) == 0 && n < room) {
		const char *type = probe_value(pr, "TYPE");

		if (!*type)
			type = probe_value(pr, "PTTYPE");
		if (*type && !strstr(out, type))
			n += (size_t)snprintf(out + n, room - n, "%s%s",
					      n ? ", " : "", type);
	}
}

static void probe_describe(blkid_probe pr, int fd, struct fs_probe *p)
{
	const char *table = probe_value(pr, "PTTYPE");
	const char *usage = probe_value(pr, "USAGE");
	bool damaged = *probe_value(pr, "SBBADCSUM") != 0;
	struct ext_super super;

	snprintf(p->type, sizeof(p->type), "%s", probe_value(pr, "TYPE"));
	snprintf(p->uuid, sizeof(p->uuid), "%s", probe_value(pr, "UUID"));
	snprintf(p->label, sizeof(p->label), "%s", probe_value(pr, "LABEL"));
	/* libblkid looks at ext4's own checksum from 2.39 on only. */
	if (strncmp(p->type, "ext", 3) == 0 &&
	    ext_super_read(fd, &super) == 0) {
		damaged = damaged || super.damaged;
		p->unclean = super.unclean;
	}
	p->unclean = p->unclean || damaged;
	if (*p->type)
		snprintf(p->found, sizeof(p->found), "%s%s%s%s%.40s%s",
			 p->type,
			 strcmp(usage, "filesystem") == 0 ? " file system" :
							    " signature",
			 damaged ? " with a damaged superblock" : "",
			 *p->label ? " labelled '" : "", p->label,
			 *p->label ? "'" : "");
	else
		snprintf(p->found, sizeof(p->found), "%s partition table",
			 *table ? table : "unknown");
}

/* 0: all zeros. 1: not; *@at says where. */
static int range_is_zero(int fd, uint64_t from, uint64_t len, uint64_t *at)
{
	AUTO(auto_free) char *piece = malloc(65536);
	uint64_t done = 0;

	if (!piece)
		return -ENOMEM;
	while (done < len) {
		size_t want = len - done < 65536 ? len - done : 65536;
		ssize_t i, n = pread(fd, piece, want, (off_t)(from + done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		for (i = 0; i < n && !piece[i]; i++)
			;
		if (i < n) {
			*at = from + done + (uint64_t)i;
			return 1;
		}
		done += (uint64_t)n;
	}
	return 0;
}

static int edges_are_zero(int fd, uint64_t size, uint64_t *at)
{
	uint64_t edge = size < EDGE_BYTES ? size : EDGE_BYTES;
	int r = range_is_zero(fd, 0, edge, at);

	return r != 0 ? r : range_is_zero(fd, size - edge, edge, at);
}

static int probe_blank(const char *node, int fd, uint64_t want_bytes,
		       struct fs_probe *p, struct err *err)
{
	uint64_t at = 0;
	int r = edges_are_zero(fd, p->size_bytes, &at);

	if (r < 0)
		return err_errno(err, -r, "read the first and last MiB of '%s'",
				 node);
	if (r > 0)
		snprintf(p->found, sizeof(p->found),
			 "data of no known kind at byte %llu",
			 (unsigned long long)at);
	else if (want_bytes == 0)
		snprintf(p->found, sizeof(p->found), "no signature, but "
			 "the service does not say how large it should be");
	else if (want_bytes != p->size_bytes)
		snprintf(p->found, sizeof(p->found), "no signature, but %llu "
			 "bytes where the service says %llu",
			 (unsigned long long)p->size_bytes,
			 (unsigned long long)want_bytes);
	else
		p->blank = true;
	return 0;
}

int probe_device(const char *node, int fd, uint64_t want_bytes,
		 struct fs_probe *out, struct err *err)
{
	struct fs_probe p = { .type = "" };
	AUTO(auto_probe) blkid_probe pr = NULL;
	int r;

	if (ioctl(fd, BLKGETSIZE64, &p.size_bytes) < 0)
		return err_errno(err, errno, "ask '%s' for its size", node);
	if (p.size_bytes == 0)
		return err_set(err, ENODEV, "'%s' has no size: its medium is "
			       "not there", node);
	pr = probe_open(fd);
	if (!pr)
		return err_set(err, EIO, "libblkid cannot look at '%s'", node);
	errno = 0;
	r = blkid_do_safeprobe(pr);
	if (r == 0) {
		probe_describe(pr, fd, &p);
	} else if (r == -2) {
		int n = snprintf(p.found, sizeof(p.found),
				 "several signatures that contradict each "
				 "other: ");

		probe_list_all(fd, p.found + n, sizeof(p.found) - (size_t)n);
	} else if (r == 1) {
		r = probe_blank(node, fd, want_bytes, &p, err);
		if (r < 0)
			return r;
	} else {
		return err_errno(err, errno ? errno : EIO, "probe '%s'", node);
	}
	*out = p;
	return 0;
}

/* Linux: Documentation/filesystems/ext4/super.rst; little-endian. */
enum {
	EXT_SUPER_AT = 1024,
	EXT_BLOCKS_LO = 0x04,
	EXT_LOG_BLOCK_SIZE = 0x18,
	EXT_MAGIC = 0x38,
	EXT_STATE = 0x3a,
	EXT_FEATURE_INCOMPAT = 0x60,
	EXT_FEATURE_RO_COMPAT = 0x64,
	EXT_BLOCKS_HI = 0x150,
	EXT_CHECKSUM = 0x3fc,
	EXT_MAGIC_VALUE = 0xef53,
	EXT_STATE_CLEAN = 1,
	EXT_STATE_ERRORS = 2,
	EXT_INCOMPAT_RECOVER = 0x4,
	EXT_INCOMPAT_64BIT = 0x80,
	EXT_RO_COMPAT_METADATA_CSUM = 0x400,
};

static uint32_t ext_u32(const unsigned char *s, int at)
{
	uint32_t n;

	memcpy(&n, s + at, sizeof(n));
	return le32toh(n);
}

static unsigned ext_u16(const unsigned char *s, int at)
{
	return s[at] | (unsigned)s[at + 1] << 8;
}

/* CRC-32C (Castagnoli), bit by bit: it is one KiB. */
static uint32_t crc32c(const unsigned char *data, size_t len)
{
	uint32_t crc = 0xffffffff;
	int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

int ext_super_read(int fd, struct ext_super *out)
{
	unsigned char s[1024];
	uint32_t incompat;
	unsigned state;

	errno = EIO;
	if (pread(fd, s, sizeof(s), EXT_SUPER_AT) != sizeof(s))
		return -errno;
	if (ext_u16(s, EXT_MAGIC) != EXT_MAGIC_VALUE ||
	    ext_u32(s, EXT_LOG_BLOCK_SIZE) > 6)
		return -EUCLEAN;
	incompat = ext_u32(s, EXT_FEATURE_INCOMPAT);
	state = ext_u16(s, EXT_STATE);
	out->blocks = ext_u32(s, EXT_BLOCKS_LO);
	if (incompat & EXT_INCOMPAT_64BIT)
		out->blocks |= (uint64_t)ext_u32(s, EXT_BLOCKS_HI) << 32;
	out->block_size = 1024u << ext_u32(s, EXT_LOG_BLOCK_SIZE);
	out->unclean = !(state & EXT_STATE_CLEAN) ||
		       (state & EXT_STATE_ERRORS) ||
		       (incompat & EXT_INCOMPAT_RECOVER);
	out->damaged = (ext_u32(s, EXT_FEATURE_RO_COMPAT) &
			EXT_RO_COMPAT_METADATA_CSUM) &&
		       ext_u32(s, EXT_CHECKSUM) != crc32c(s, EXT_CHECKSUM);
	return 0;
}

void probe_to_json(const struct fs_probe *p, struct json_object *reply)
{
	json_object_object_add(reply, "type", json_object_new_string(p->type));
	json_object_object_add(reply, "uuid", json_object_new_string(p->uuid));
	json_object_object_add(reply, "label",
			       json_object_new_string(p->label));
	json_object_object_add(reply, "found",
			       json_object_new_string(p->found));
	json_object_object_add(reply, "blank",
			       json_object_new_boolean(p->blank));
	json_object_object_add(reply, "unclean",
			       json_object_new_boolean(p->unclean));
	json_object_object_add(reply, "size_bytes",
			       json_object_new_uint64(p->size_bytes));
}

HELPER_COMMAND(command_probe)
{
	AUTO(auto_fd) int fd = -1;
	struct fs_probe p;
	uint64_t want_bytes;
	int r = word_u64(argv[1], &want_bytes, err);

	if (r < 0)
		return r;
	fd = device_node_open(argv[0], O_RDONLY, err);
	if (fd < 0)
		return fd;
	r = probe_device(argv[0], fd, want_bytes, &p, err);
	if (r == 0)
		probe_to_json(&p, reply);
	return r;
}
