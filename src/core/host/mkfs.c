/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The helper that makes a file system. Nothing is passed that would make mkfs
 * overwrite by force: mkfs.ext4 without a terminal overwrites anyway, so the
 * probe here, under the lock that udev heeds, is the only guard.
 *
 * The UUID is derived from the job's token. So a repeat after a crash knows
 * the file system that its own job made, and a half-made one is none of its.
 */

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "core/host/commands.h"

#define WIPE_EDGE_BYTES (1024 * 1024)
#define WIPE_SIGNATURES_MAX 64

/* xfs: byte sb_inprogress of the superblock, set until mkfs.xfs is done. */
#define XFS_INPROGRESS_AT 126

DEFINE_AUTO_PTR(auto_probe, struct blkid_struct_probe, blkid_free_probe)

struct mkfs_job {
	const char *node, *fstype, *label, *uuid;
	uint64_t want_bytes;
	int64_t end_ms;
	bool overwrite;
};

/* Exclusive against mounts for a moment (mkfs itself opens it so, therefore
 * not for longer), then locked against udev and other volfs processes: one
 * that a killed daemon started may still be formatting. */
static int mkfs_open(const struct mkfs_job *m, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	int exclusive, r;

	fd = device_node_open(m->node, O_RDWR, err);
	if (fd < 0)
		return fd;
	r = file_lock(fd, m->end_ms - clock_ms());
	if (r == -EWOULDBLOCK)
		return err_set(err, EBUSY, "'%s' is locked by another process, "
			       "which may be formatting it: see lslocks",
			       m->node);
	if (r < 0)
		return err_errno(err, -r, "lock '%s'", m->node);
	exclusive = device_node_open(m->node, O_RDWR | O_EXCL, err);
	if (exclusive == -EBUSY)
		return err_set(err, EBUSY, "make %s on '%s': it is mounted or "
			       "in use", m->fstype, m->node);
	if (exclusive < 0)
		return exclusive;
	close(exclusive);
	return STEAL_FD(fd);
}

static int wipe_range(int fd, uint64_t from, uint64_t len)
{
	AUTO(auto_free) char *zeros = calloc(1, 65536);

	if (!zeros)
		return -ENOMEM;
	while (len) {
		size_t want = len < 65536 ? len : 65536;
		ssize_t n = pwrite(fd, zeros, want, (off_t)from);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Takes every signature libblkid knows off the device, wherever it lies. */
static int wipe_signatures(int fd)
{
	AUTO(auto_probe) blkid_probe pr = blkid_new_probe();
	int i;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return -EIO;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC |
						      BLKID_SUBLKS_TYPE |
						      BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC |
						     BLKID_PARTS_FORCE_GPT);
	for (i = 0; i < WIPE_SIGNATURES_MAX && blkid_do_probe(pr) == 0; i++)
		if (blkid_do_wipe(pr, 0) != 0)
			return -EIO;
	return 0;
}

static int wipe_device(const char *node, int fd, struct err *err)
{
	uint64_t size = 0, edge;
	int r = 0;

	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		r = -errno;
	edge = size < WIPE_EDGE_BYTES ? size : WIPE_EDGE_BYTES;
	if (r == 0)
		r = wipe_signatures(fd);
	if (r == 0)
		r = wipe_range(fd, 0, edge);
	if (r == 0)
		r = wipe_range(fd, size - edge, edge);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, -r, "wipe what was on '%s'", node);
	return 0;
}

/* Is that what an earlier run of this same job made, to its end? */
static bool mkfs_is_done(const struct mkfs_job *m, int fd,
			 const struct fs_probe *p)
{
	unsigned char in_progress = 1;

	if (!*m->uuid || strcmp(p->uuid, m->uuid) != 0 ||
	    strcmp(p->type, m->fstype) != 0)
		return false;
	if (strcmp(m->fstype, "xfs") == 0)
		return pread(fd, &in_progress, 1, XFS_INPROGRESS_AT) == 1 &&
		       !in_progress;
	return true;
}

static int mkfs_guard(const struct mkfs_job *m, int fd, bool *done,
		      struct err *err)
{
	struct fs_probe p;
	int r = probe_device(m->node, fd, m->want_bytes, &p, err);

	if (r < 0)
		return r;
	*done = mkfs_is_done(m, fd, &p);
	if (*done || p.blank)
		return 0;
	if (m->want_bytes && p.size_bytes != m->want_bytes)
		return err_set(err, EUCLEAN, "make %s on '%s': it has %llu "
			       "bytes where the service says %llu; is it the "
			       "right device?", m->fstype, m->node,
			       (unsigned long long)p.size_bytes,
			       (unsigned long long)m->want_bytes);
	if (!m->want_bytes && !m->overwrite)
		return err_set(err, EUCLEAN, "make %s on '%s': the service "
			       "does not say how large the device should be, "
			       "so it may be another one; nothing was written",
			       m->fstype, m->node);
	if (!m->overwrite)
		return err_set(err, EUCLEAN, "'%s' is not empty (%s). Nothing "
			       "was written; 'fsck -n %s' may tell more, the "
			       "word overwrite=NAME destroys it", m->node,
			       p.found, m->node);
	return wipe_device(m->node, fd, err);
}

static int mkfs_exec(const struct mkfs_job *m, struct err *err)
{
	char program[32], uuid[64];
	const char *argv[16];
	int n = 0;

	snprintf(program, sizeof(program), "mkfs.%s", m->fstype);
	argv[n++] = program;
	if (strcmp(m->fstype, "ext4") == 0) {
		/* Neither inode tables nor a journal are zeroed now: seconds,
		 * and room in a sparse image. A journal of old content is a
		 * danger, so that only where the device was blank. */
		argv[n++] = "-q";
		argv[n++] = "-E";
		argv[n++] = m->overwrite ?
			"lazy_itable_init=1,nodiscard" :
			"lazy_itable_init=1,lazy_journal_init=1,nodiscard";
	} else if (strcmp(m->fstype, "xfs") == 0) {
		argv[n++] = "-q";
		argv[n++] = "-K";
	} else {
		argv[n++] = "-q";
		argv[n++] = "-K";
	}
	if (*m->label) {
		argv[n++] = "-L";
		argv[n++] = m->label;
	}
	if (*m->uuid) {
		bool xfs = strcmp(m->fstype, "xfs") == 0;

		snprintf(uuid, sizeof(uuid), "%s%s", xfs ? "uuid=" : "",
			 m->uuid);
		argv[n++] = xfs ? "-m" : "-U";
		argv[n++] = uuid;
	}
	argv[n++] = m->node;
	argv[n] = NULL;
	return helper_exec(argv, m->end_ms - clock_ms(), NULL, 0, err);
}

/* mkfs failed: what it wrote goes, so that a repeat finds the device blank. */
static int mkfs_undo(const struct mkfs_job *m, int fd, int r, struct err *err)
{
	struct err why = ERR_INIT;

	if (r > 0)
		r = -EIO;
	err_wrap(err, "make %s on '%s'", m->fstype, m->node);
	if (wipe_device(m->node, fd, &why) < 0)
		return err_set(err, -r, "%.380s; and then: %.100s",
			       err->text, why.text);
	return r;
}

static int mkfs_run(const struct mkfs_job *m, struct json_object *reply,
		    struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct fs_probe p;
	char program[32], path[256];
	bool done = false;
	int r;

	/* Before anything is wiped. */
	snprintf(program, sizeof(program), "mkfs.%s", m->fstype);
	r = tool_find(program, path, sizeof(path), err);
	if (r < 0)
		return r;
	fd = mkfs_open(m, err);
	if (fd < 0)
		return fd;
	r = mkfs_guard(m, fd, &done, err);
	if (r < 0 || done)
		return r;
	r = mkfs_exec(m, err);
	if (r != 0)
		return mkfs_undo(m, fd, r, err);
	if (fsync(fd) < 0)
		return mkfs_undo(m, fd, err_errno(err, errno, "write it out"),
				 err);
	r = probe_device(m->node, fd, 0, &p, err);
	if (r < 0)
		return r;
	if (strcmp(p.type, m->fstype) != 0)
		return mkfs_undo(m, fd, err_set(err, EIO, "mkfs said that it "
				"succeeded, but there is %s",
				p.blank || !*p.found ? "nothing" : p.found),
				 err);
	probe_to_json(&p, reply);
	return 0;
}

HELPER_COMMAND(command_mkfs)
{
	struct mkfs_job m = { .node = argv[0], .fstype = argv[1],
			      .label = argv[2], .uuid = argv[3] };
	uint64_t limit_ms, overwrite;
	int r = word_u64(argv[4], &m.want_bytes, err);

	if (r == 0)
		r = word_u64(argv[5], &limit_ms, err);
	if (r == 0)
		r = word_u64(argv[6], &overwrite, err);
	if (r < 0)
		return r;
	m.end_ms = clock_ms() + (int64_t)limit_ms;
	m.overwrite = overwrite != 0;
	helper_heed_stop();
	return mkfs_run(&m, reply, err);
}
