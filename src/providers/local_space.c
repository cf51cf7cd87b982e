/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local driver's space: what is free, what must stay so, what is promised.
 */
#include "providers/local.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/parse.h"

#define GIB ((uint64_t)1 << 30)
#define ALLOCATE_PIECE GIB

int local_space_parse(struct local_session *s, struct err *err)
{
	const char *text = s->min_free;
	size_t len = text ? strlen(text) : 0;
	uint64_t percent;
	int r;

	s->floor_bytes = UINT64_MAX;
	if (!len)
		return 0;
	if (text[len - 1] != '%') {
		r = parse_size(text, len, &s->floor_bytes, err);
		return r < 0 ? err_wrap(err, "'minFree'") : 0;
	}
	r = parse_u64(text, len - 1, &percent, NULL);
	if (r < 0 || percent > 100)
		return err_set(err, EINVAL,
			       "'minFree' is neither a size (1G) nor a share from 0%% to 100%%: '%.40s'",
			       text);
	s->floor_percent = (unsigned)percent;
	s->floor_bytes = percent ? UINT64_MAX : 0;
	return 0;
}

void local_space_look(struct local_session *s, int root)
{
	struct statvfs fs;

	if (fstatvfs(root, &fs) < 0)
		return;
	LOCK_SCOPE(&s->lock);
	s->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	s->available_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

static uint64_t space_floor(const struct local_session *s, uint64_t total)
{
	if (s->floor_bytes != UINT64_MAX)
		return s->floor_bytes;
	if (s->floor_percent)
		return total / 100 * s->floor_percent;
	return total / 20 < GIB ? total / 20 : GIB;
}

int local_space_check(struct local_session *s, int root, uint64_t need,
		       uint64_t *room, struct err *err)
{
	char have[FORMAT_MAX], keep[FORMAT_MAX], want[FORMAT_MAX];
	uint64_t available, floor;

	local_space_look(s, root);
	LOCK_SCOPE(&s->lock);
	available = s->available_bytes;
	floor = space_floor(s, s->total_bytes);
	*room = available > floor ? available - floor : 0;
	if (available >= floor && need <= *room)
		return 0;
	return err_set(err, ENOSPC,
		       "%s of the file system under '%s' are free, %s of that are to stay so (minFree), and %s are needed: remove something, or lower minFree",
		       format_size_human(have, available), s->path,
		       format_size_human(keep, floor),
		       format_size_human(want, need));
}

int local_size_add(struct local_object *o, void *arg, struct err *err)
{
	struct stat st;

	if (fstatat(o->fd, LOCAL_IMAGE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode))
		*(uint64_t *)arg += (uint64_t)st.st_size;
	return 0;
}

int local_overcommit_check(struct local_session *s, int root,
			    const struct call *c, uint64_t more,
			    struct err *err)
{
	char sum[FORMAT_MAX], limit[FORMAT_MAX];
	uint64_t committed = more, most;
	int r;

	if (!s->overcommit_percent)
		return 0;
	r = local_object_each(root, c, local_size_add, &committed, err);
	if (r < 0)
		return r;
	LOCK_SCOPE(&s->lock);
	most = s->total_bytes / 100 * s->overcommit_percent;
	if (committed <= most)
		return 0;
	return err_set(err, EDQUOT,
		       "the volumes would be promised %s together, and overcommit allows %s: remove some, or raise overcommit",
		       format_size_human(sum, committed),
		       format_size_human(limit, most));
}

int local_size_check(uint64_t size, uint64_t *rounded, struct err *err)
{
	if (size < LOCAL_SIZE_MIN)
		return err_set(err, EINVAL,
			       "a size of %" PRIu64 " bytes is below the least, 16M: did you mean 16M",
			       size);
	if (size > (uint64_t)INT64_MAX - LOCAL_SIZE_STEP)
		return err_set(err, EINVAL,
			       "a size of %" PRIu64 " bytes is more than any file can have",
			       size);
	*rounded = (size + LOCAL_SIZE_STEP - 1) / LOCAL_SIZE_STEP * LOCAL_SIZE_STEP;
	return 0;
}

int local_image_extend(struct local_session *s, const struct call *c,
			int image, uint64_t had, uint64_t size,
			struct err *err)
{
	char text[FORMAT_MAX];
	int r = ftruncate(image, (off_t)size) < 0 ? -errno : 0;

	while (r == 0 && s->thick && had < size) {
		uint64_t some = size - had < ALLOCATE_PIECE ? size - had
							    : ALLOCATE_PIECE;

		r = call_check(c, err);
		if (r < 0)
			return r;
		r = fallocate(image, 0, (off_t)had, (off_t)some) < 0 ? -errno
								     : 0;
		if (r == -EOPNOTSUPP)
			return err_set(err, EINVAL,
				       "the file system under '%s' cannot allocate files ahead: set thick to false",
				       s->path);
		had += some;
		call_progress(c, "allocate", (int)(had / (size / 100)));
	}
	if (r == 0 && fsync(image) < 0)
		r = -errno;
	if (r < 0)
		return local_fail(err, -r, "giving the image a size of %s",
				  format_size_human(text, size));
	return 0;
}
