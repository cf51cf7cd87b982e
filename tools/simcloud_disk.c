/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/simcloud.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"

#define DETACH_WAIT_MS 1000      /* udev looks at a device for a moment */
#define PIECE_BYTES ((size_t)16 << 20)

extern char **environ;

static void disk_at(struct cloud *s, const char *below, const char *id,
		    const char *kind, struct disk *out)
{
	out->is_directory = strcmp(kind, "block") != 0;
	snprintf(out->id, sizeof(out->id), "%s", id);
	snprintf(out->path, sizeof(out->path), "%s/%s/%s%s", s->dir, below, id,
		 out->is_directory ? "" : ".img");
}

void disk_of_volume(struct cloud *s, const char *id, const char *kind,
		    struct disk *out)
{
	disk_at(s, "volumes", id, kind, out);
}

void disk_of_snapshot(struct cloud *s, const char *id, const char *kind,
		      struct disk *out)
{
	disk_at(s, "snapshots", id, kind, out);
}

int disk_make(const struct disk *d, uint64_t size_bytes, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct stat st;

	if (d->is_directory) {
		if (mkdir(d->path, 0755) < 0 && errno != EEXIST)
			return err_errno(err, errno, "making '%s'", d->path);
		return 0;
	}
	fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "making '%s'", d->path);
	if ((uint64_t)st.st_size < size_bytes &&
	    ftruncate(fd, (off_t)size_bytes) < 0)
		return err_errno(err, errno, "making '%s' larger", d->path);
	return 0;
}

bool disk_inode(const struct disk *d, struct backing *out)
{
	struct stat st;

	if (stat(d->path, &st) < 0)
		return false;
	*out = (struct backing){ st.st_dev, st.st_ino };
	return true;
}

/* ---- copies ---- */

/* @end of a piece of data; holes stay holes. */
static int copy_range(int from, int to, off_t at, off_t end, struct err *err)
{
	while (at < end) {
		size_t want = (size_t)(end - at) < PIECE_BYTES
			      ? (size_t)(end - at) : PIECE_BYTES;
		off_t in = at, out = at;
		ssize_t n = copy_file_range(from, &in, to, &out, want, 0);

		if (n < 0)
			return err_errno(err, errno, "copying a disk");
		if (n == 0)
			return 0;
		at += n;
	}
	return 0;
}

static int copy_data(int from, int to, struct err *err)
{
	off_t at = 0, end;
	int r;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	for (;;) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			return 0;
		end = at < 0 ? -1 : lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return err_errno(err, errno, "reading a disk");
		r = copy_range(from, to, at, end, err);
		if (r < 0)
			return r;
		at = end;
	}
}

static int copy_image(const struct disk *from, const char *to,
		      uint64_t size_bytes, struct err *err)
{
	AUTO(auto_fd) int in = open(from->path, O_RDONLY | O_CLOEXEC);
	AUTO(auto_fd) int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
				     0600);
	struct stat st;
	int r;

	if (out < 0)
		return err_errno(err, errno, "making '%s'", to);
	/* Never attached: all zeros. */
	if (in >= 0) {
		r = copy_data(in, out, err);
		if (r < 0)
			return r;
	} else if (errno != ENOENT) {
		return err_errno(err, errno, "opening '%s'", from->path);
	}
	if (fstat(out, &st) < 0 ||
	    ((uint64_t)st.st_size < size_bytes &&
	     ftruncate(out, (off_t)size_bytes) < 0))
		return err_errno(err, errno, "making '%s' larger", to);
	return 0;
}

static int run(const char *const *argv, struct err *err)
{
	pid_t pid;
	int status, r;

	r = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv,
			 environ);
	if (r)
		return err_errno(err, r, "starting '%s'", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "waiting for '%s'",
					 argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(err, EIO, "'%s' failed", argv[0]);
	return 0;
}

static int copy_tree(const struct disk *from, const char *to, struct err *err)
{
	char source[sizeof(from->path) + 4];
	const char *argv[] = { "cp", "-a", "--reflink=auto", "--", source, to,
			       NULL };

	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return err_errno(err, errno, "making '%s'", to);
	if (access(from->path, F_OK) < 0)
		return 0;
	snprintf(source, sizeof(source), "%s/.", from->path);
	return run(argv, err);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static int remove_path(const char *path, struct err *err)
{
	if (nftw(path, remove_one, 32,
		 FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
		return err_errno(err, errno, "removing '%s'", path);
	return 0;
}

int disk_copy(const struct disk *from, const struct disk *to,
	      uint64_t size_bytes, struct err *err)
{
	char part[sizeof(to->path) + 8], old[sizeof(to->path) + 8];
	int r;

	snprintf(part, sizeof(part), "%s.part", to->path);
	snprintf(old, sizeof(old), "%s.old", to->path);
	r = remove_path(part, err);
	if (r == 0)
		r = to->is_directory ? copy_tree(from, part, err)
				     : copy_image(from, part, size_bytes, err);
	/* A directory cannot be renamed over another. */
	if (r == 0 && to->is_directory && rename(to->path, old) < 0 &&
	    errno != ENOENT)
		r = err_errno(err, errno, "moving '%s' away", to->path);
	if (r == 0 && rename(part, to->path) < 0)
		r = err_errno(err, errno, "renaming to '%s'", to->path);
	if (r < 0)
		remove_path(part, NULL);
	remove_path(old, NULL);
	return r;
}

int disk_remove(const struct disk *d, struct err *err)
{
	return remove_path(d->path, err);
}

/* ---- loop devices ---- */

static void loops_note(struct cloud *s, const struct backing *b, bool there)
{
	struct backing *more;
	size_t i;

	for (i = 0; i < s->n_loops; i++)
		if (s->loops[i].dev == b->dev && s->loops[i].ino == b->ino)
			break;
	if (!there && i < s->n_loops)
		s->loops[i] = s->loops[--s->n_loops];
	if (!there || i < s->n_loops)
		return;
	more = realloc(s->loops, (s->n_loops + 1) * sizeof(*more));
	if (!more)
		return;
	s->loops = more;
	s->loops[s->n_loops++] = *b;
}

int disk_plug(struct cloud *s, const struct disk *d, char *device,
	      size_t room, struct err *err)
{
	struct loop_device loop;
	struct backing b;
	int r;

	if (d->is_directory) {
		snprintf(device, room, "%s", "");
		return 0;
	}
	if (s->plug[0]) {
		plug_serial(d->id, device, room);
		return plug_disk(s, d, err);
	}
	/* Noted first: what is noted and not there does no harm. */
	if (disk_inode(d, &b))
		loops_note(s, &b, true);
	r = loop_attach(d->path, false, &loop, err);
	if (r < 0)
		return r;
	snprintf(device, room, "%s", loop.path);
	return 0;
}

static int unplug(struct cloud *s, const struct backing *b, bool force,
		  struct err *err)
{
	struct loop_device loop;
	int r = loop_detach(b->dev, b->ino, force ? 0 : DETACH_WAIT_MS, err);

	/* Pulled while in use: it goes with its last user. */
	if (r < 0 && force && loop_find(b->dev, b->ino, &loop, NULL) == 0)
		r = loop_autoclear(&loop, true, err);
	if (r == 0)
		loops_note(s, b, false);
	return r;
}

int disk_unplug(struct cloud *s, const struct disk *d, bool force,
		struct err *err)
{
	struct backing b;

	if (!d->is_directory && s->plug[0] && plug_is_noted(s, d->id))
		return plug_pull(s, d->id, err);
	if (d->is_directory || !disk_inode(d, &b))
		return 0;
	return unplug(s, &b, force, err);
}

int disk_regrow(struct cloud *s, const struct disk *d, struct err *err)
{
	struct loop_device loop;
	struct backing b;
	uint64_t size_bytes;

	if (!d->is_directory && s->plug[0] && plug_is_noted(s, d->id))
		return plug_grow(s, d, err);
	if (d->is_directory || !disk_inode(d, &b) ||
	    loop_find(b.dev, b.ino, &loop, NULL) < 0)
		return 0;
	return loop_grow(&loop, &size_bytes, err);
}

int disk_flush(const struct disk *d, struct err *err)
{
	AUTO(auto_fd) int fd = -1;
	struct loop_device loop;
	struct backing b;

	if (d->is_directory || !disk_inode(d, &b) ||
	    loop_find(b.dev, b.ino, &loop, NULL) < 0)
		return 0;
	fd = open(loop.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "opening '%s'", loop.path);
	if (fsync(fd) < 0)
		return err_errno(err, errno, "flushing '%s'", loop.path);
	return 0;
}

/* Is the volume of the image "ID.img", or of that id, plugged by the store? */
static bool is_known(struct cloud *s, const char *file)
{
	char id[128];

	snprintf(id, sizeof(id), "%.*s", (int)strcspn(file, "."), file);
	return db_number(s, "SELECT COUNT(*) FROM attachments WHERE volume=?"
			 " AND plug=1 AND state='attached'", "s", id) > 0;
}

static int unplug_files(struct cloud *s, bool known_too, struct err *err)
{
	char path[sizeof(s->dir) + 16];
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *e;
	int r = 0;

	snprintf(path, sizeof(path), "%s/volumes", s->dir);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		struct stat st;
		struct backing b;

		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0
		    || !S_ISREG(st.st_mode) ||
		    (!known_too && is_known(s, e->d_name)))
			continue;
		b = (struct backing){ st.st_dev, st.st_ino };
		if (unplug(s, &b, true, err) < 0)
			r = -1;
	}
	return r;
}

int disk_unplug_all(struct cloud *s, struct err *err)
{
	int r = s->plug[0] ? plug_pull_all(s, NULL, err) : 0;

	return unplug_files(s, true, err) < 0 ? -1 : r;
}

int disk_unplug_unknown(struct cloud *s, struct err *err)
{
	int r = s->plug[0] ? plug_pull_all(s, is_known, err) : 0;

	return unplug_files(s, false, err) < 0 ? -1 : r;
}

void disk_abandon(struct cloud *s)
{
	while (s->n_loops > 0) {
		struct backing b = s->loops[s->n_loops - 1];

		unplug(s, &b, true, NULL);
		loops_note(s, &b, false);
	}
}
