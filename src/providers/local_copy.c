/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the local driver copies an image: by reflink where the file system under
 * it can (xfs, btrfs), else data for data, leaving holes out.
 *
 * Reading the image of an attached volume is right once the dirty pages of the
 * loop device's own cache have been written: freezing the file system on it
 * syncs them through the loop device into the image's page cache, which the
 * reads here and FICLONE see. So for an attached image nothing that was read
 * before the freeze counts until it was compared again within it.
 */
#include "providers/local.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/parse.h"

#define COPY_PIECE (16 << 20)     /* cancel and progress between two */
#define COMPARE_PIECE (1 << 20)
#define COMPARE_BLOCK (64 << 10)  /* what is written again where it differs */

struct comparison {
	unsigned char *a, *b;         /* COMPARE_PIECE each */
	int64_t until_ms;             /* clock_ms() when it must have ended */
};

/* The next data of @fd at or after @pos: its begin and end, cut at @size.
 * Return: 1, 0 at the end, negative errno. */
static int next_data(int fd, uint64_t size, uint64_t pos, uint64_t *begin,
		     uint64_t *end)
{
	off_t data, hole;

	if (pos >= size)
		return 0;
	data = lseek(fd, (off_t)pos, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return 0;
	if (data < 0 && errno != EINVAL)
		return -errno;
	/* EINVAL: a file system that does not tell: it is all data. */
	hole = data < 0 ? (off_t)size : lseek(fd, data, SEEK_HOLE);
	*begin = data < 0 ? pos : (uint64_t)data;
	*end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
	return *begin < size;
}

static int count_data(int fd, uint64_t size, uint64_t *bytes)
{
	uint64_t begin, end = 0;
	int r;

	*bytes = 0;
	while ((r = next_data(fd, size, end, &begin, &end)) > 0)
		*bytes += end - begin;
	return r;
}

static ssize_t read_full(int fd, void *data, size_t len, uint64_t pos)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)data + done, len - done,
				  (off_t)(pos + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int write_full(int fd, const void *data, size_t len, uint64_t pos)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data = (const char *)data + n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where copy_file_range() will not: other file systems, older kernels. */
static int copy_by_hand(int from, int to, uint64_t pos, size_t len)
{
	AUTO(auto_free) char *piece = malloc(COMPARE_PIECE);

	if (!piece)
		return -ENOMEM;
	while (len) {
		size_t some = len < COMPARE_PIECE ? len : COMPARE_PIECE;
		ssize_t n = read_full(from, piece, some, pos);
		int r = n < 0 ? (int)n : n == 0 ? -ENODATA : 0;

		if (r == 0)
			r = write_full(to, piece, (size_t)n, pos);
		if (r < 0)
			return r;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_piece(int from, int to, uint64_t pos, size_t len)
{
	while (len) {
		loff_t in = (loff_t)pos, out = (loff_t)pos;
		ssize_t n = copy_file_range(from, &in, to, &out, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && (errno == EXDEV || errno == EINVAL ||
					 errno == ENOSYS ||
					 errno == EOPNOTSUPP)))
			return copy_by_hand(from, to, pos, len);
		if (n < 0)
			return -errno;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_fail(struct err *err, int num)
{
	if (num == ENODATA)
		return err_set(err, EIO,
			       "the image became shorter while it was copied");
	if (num == ENOSPC)
		return err_set(err, ENOSPC,
			       "the file system is full: what was copied is dropped again; free some space and repeat");
	return local_fail(err, num, "copying the image");
}

static int copy_data(const struct local_copy *k, uint64_t size, uint64_t total,
		     struct err *err)
{
	uint64_t begin, end = 0, done = 0;
	int r;

	while ((r = next_data(k->from, size, end, &begin, &end)) > 0) {
		while (begin < end) {
			size_t len = end - begin < COPY_PIECE ?
				     (size_t)(end - begin) : COPY_PIECE;

			r = call_check(k->call, err);
			if (r < 0)
				return r;
			r = copy_piece(k->from, k->to, begin, len);
			if (r < 0)
				return copy_fail(err, -r);
			FAULT_POINT("local.copy.piece");
			begin += len;
			done += len;
			call_progress(k->call, "copy",
				      done < total ? (int)(done * 100 / total)
						   : 100);
		}
	}
	return r < 0 ? copy_fail(err, -r) : 0;
}

static bool is_zero(const unsigned char *data, size_t len)
{
	return len == 0 || (data[0] == 0 && !memcmp(data, data + 1, len - 1));
}

/* Makes @to equal to @from in [@pos, @pos + @len), len <= COMPARE_PIECE. */
static int compare_piece(const struct local_copy *k, struct comparison *cmp,
			 uint64_t pos, size_t len)
{
	ssize_t n = read_full(k->from, cmp->a, len, pos);
	size_t at, some;
	int r = 0;

	if (n >= 0 && (size_t)n < len)
		return -ENODATA;
	if (n >= 0)
		n = read_full(k->to, cmp->b, len, pos);
	if (n < 0)
		return (int)n;
	if (!memcmp(cmp->a, cmp->b, len))
		return 0;
	for (at = 0; r == 0 && at < len; at += some) {
		some = len - at < COMPARE_BLOCK ? len - at : COMPARE_BLOCK;
		if (!memcmp(cmp->a + at, cmp->b + at, some))
			continue;
		if (is_zero(cmp->a + at, some) &&
		    fallocate(k->to, FALLOC_FL_PUNCH_HOLE |
			      FALLOC_FL_KEEP_SIZE, (off_t)(pos + at),
			      (off_t)some) == 0)
			continue;
		r = write_full(k->to, cmp->a + at, some, pos + at);
	}
	return r;
}

/* Brings @to up to date, looking at what either of the two has as data.
 * -ETIME when cmp->until_ms came first. */
static int copy_differences(const struct local_copy *k,
			    struct comparison *cmp, uint64_t size,
			    struct err *err)
{
	uint64_t pos = 0;

	while (pos < size) {
		uint64_t begin = size, other = size, end;
		int r = next_data(k->from, size, pos, &begin, &end);
		int q = next_data(k->to, size, pos, &other, &end);
		size_t len;

		if (r < 0 || q < 0)
			return copy_fail(err, r < 0 ? -r : -q);
		if (!q || (r && begin < other))
			other = begin;
		if (!r && !q)
			return 0;
		pos = other;
		len = size - pos < COMPARE_PIECE ? (size_t)(size - pos)
						 : COMPARE_PIECE;
		if (clock_ms() > cmp->until_ms)
			return -ETIME;
		r = call_check(k->call, err);
		if (r < 0)
			return r;
		r = compare_piece(k, cmp, pos, len);
		if (r < 0)
			return copy_fail(err, -r);
		pos += len;
	}
	return 0;
}

static int freeze_too_short(const struct local_copy *k, struct err *err)
{
	char limit[FORMAT_MAX];

	return err_set(err, EBUSY,
		       "its file system would have to stand still for more than %s (freezeLimit) to be copied: unmount it first, stop what writes much, or keep the volumes on xfs or btrfs, which copy at once",
		       format_duration_ms(limit, k->call->freeze_limit_ms));
}

/* Stops the writers, compares, lets them go on. Nothing between freeze and
 * thaw logs or waits for the store. */
static int copy_frozen(struct local_copy *k, struct comparison *cmp,
		       uint64_t size, struct err *err)
{
	struct err thaw = ERR_INIT;
	int r, t;

	call_progress(k->call, "freeze", -1);
	r = call_freeze(k->call, err);
	if (r < 0)
		return r;
	FAULT_POINT("local.copy.frozen");
	cmp->until_ms = clock_ms() + k->call->freeze_limit_ms;
	r = copy_differences(k, cmp, size, err);
	t = call_thaw(k->call, &thaw);
	if (r == -ETIME)
		return freeze_too_short(k, err);
	if (r == 0 && t < 0) {
		*err = thaw;
		return t;
	}
	return r;
}

/* An attached image: once while it is written to, once more to see how long
 * the comparison takes (and have it in memory), and then frozen. */
static int copy_live(struct local_copy *k, uint64_t size, uint64_t total,
		     struct err *err)
{
	struct comparison cmp = { .until_ms = 0 };
	AUTO(auto_free) unsigned char *room = malloc(2 * COMPARE_PIECE);
	int r = copy_data(k, size, total, err);

	if (r < 0)
		return r;
	if (!room)
		return err_oom(err);
	cmp.a = room;
	cmp.b = room + COMPARE_PIECE;
	call_progress(k->call, "compare", -1);
	cmp.until_ms = clock_ms() + k->call->freeze_limit_ms;
	r = copy_differences(k, &cmp, size, err);
	if (r == -ETIME)
		return freeze_too_short(k, err);
	if (r < 0)
		return r;
	return copy_frozen(k, &cmp, size, err);
}

/* Can the file system reflink between the two? One block tells. */
static bool can_reflink(const struct local_copy *k, uint64_t size)
{
	struct file_clone_range range = {
		.src_fd = k->from,
		.src_length = size < COMPARE_PIECE ? size : COMPARE_PIECE,
	};

	return ioctl(k->to, FICLONERANGE, &range) == 0;
}

static int reflink(struct local_copy *k, struct err *err)
{
	struct err thaw = ERR_INIT;
	int r, t = 0;

	if (k->live) {
		r = call_freeze(k->call, err);
		if (r < 0)
			return r;
		FAULT_POINT("local.copy.frozen");
	}
	r = ioctl(k->to, FICLONE, k->from) < 0 ? -errno : 0;
	if (k->live)
		t = call_thaw(k->call, &thaw);
	if (r == -ENOSPC)
		return copy_fail(err, ENOSPC);
	if (r < 0)
		return local_fail(err, -r, "cloning the image");
	if (t < 0)
		*err = thaw;
	return t;
}

/* A true copy must leave the floor of free space alone. */
static int copy_check_room(const struct local_copy *k, uint64_t size,
			   uint64_t *total, struct err *err)
{
	char need[FORMAT_MAX], have[FORMAT_MAX];
	int r = count_data(k->from, size, total);

	if (r < 0)
		return copy_fail(err, -r);
	if (*total <= k->room_bytes)
		return 0;
	return err_set(err, ENOSPC,
		       "the copy takes %s, and %s may still be used (free space less 'minFree'): remove something, or lower minFree",
		       format_size_human(need, *total),
		       format_size_human(have, k->room_bytes));
}

static bool same_time(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int local_copy_run(struct local_copy *k, struct err *err)
{
	struct stat before, after;
	uint64_t size, total;
	int r;

	if (fstat(k->from, &before) < 0)
		return copy_fail(err, errno);
	size = (uint64_t)before.st_size;
	if (ftruncate(k->to, before.st_size) < 0)
		return copy_fail(err, errno);
	if (can_reflink(k, size)) {
		r = reflink(k, err);
	} else {
		r = copy_check_room(k, size, &total, err);
		if (r == 0 && k->live)
			r = copy_live(k, size, total, err);
		else if (r == 0)
			r = copy_data(k, size, total, err);
	}
	if (r < 0)
		return r;
	if (fsync(k->to) < 0 || fstat(k->from, &after) < 0)
		return copy_fail(err, errno);
	/* It was not attached when this began: it should not have changed. */
	if (!k->live && !same_time(&before, &after))
		return err_set(err, EBUSY,
			       "the image was written to while it was copied: ask again now that it is attached");
	k->frozen = !k->live || k->call->freeze;
	return 0;
}
