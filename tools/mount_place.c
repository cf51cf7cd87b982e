/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A volume at a directory of its own, as a line of fstab wants it. The daemon
 * mounts the volume for a named user, the line's holder; what is then at its
 * data/ is bound at the directory. Unmounting ends that user's hold, and the
 * last one's unmounts the volume.
 */

#include "tools/mount_volfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define ANSWER_MS 10000
#define HOLDER_MAX 255        /* as the tree takes it */

/* ---- names ---- */

/* What the daemon calls this mount: no blanks, no control bytes, and none of
 * what separates options. */
static int holder_default(struct mount_request *q)
{
	AUTO(auto_buf) struct buf name = BUF_INIT(HOLDER_MAX);

	buf_puts(&name, "mount:");
	for (const unsigned char *p = (const unsigned char *)q->target; *p;
	     p++) {
		if (*p <= ' ' || *p == 0x7f || strchr(",\"\\%", *p))
			buf_printf(&name, "%%%02X", *p);
		else
			buf_putc(&name, (char)*p);
	}
	if (buf_failed(&name)) {
		complain("'%s' is too long to be the name of who holds the "
			 "volume: give a shorter one with -o holder=NAME",
			 q->target);
		return MOUNT_USAGE;
	}
	q->holder = buf_take(&name);
	return q->holder ? 0 : MOUNT_SYSTEM;
}

static int target_check(const struct mount_request *q, const char *data)
{
	struct stat st, there;

	if (stat(q->target, &st) < 0) {
		complain("the mount point '%s': %s", q->target,
			 strerror(errno));
		return MOUNT_FAILED;
	}
	if (!S_ISDIR(st.st_mode)) {
		complain("the mount point '%s' is not a directory", q->target);
		return MOUNT_FAILED;
	}
	if (strcmp(q->target, data) == 0 ||
	    (stat(data, &there) == 0 && strncmp(q->target, q->ctl.tree,
					       strlen(q->ctl.tree)) == 0 &&
	     st.st_dev == there.st_dev && st.st_ino == there.st_ino)) {
		complain("'%s' is where the tree mounts it by itself: echo 1 > "
			 "mount does that, 'auto' at every start; a line of "
			 "fstab is for another directory", q->target);
		return MOUNT_USAGE;
	}
	return 0;
}

/* ---- the daemon's part ---- */

static void line_compose_mount(const struct mount_request *q, bool read_only,
			       const char *options, struct buf *out)
{
	if (q->fake)
		buf_puts(out, "dry-run ");
	if (q->timeout)
		buf_printf(out, "timeout=%s ", q->timeout);
	if (read_only)
		buf_puts(out, "ro ");
	buf_printf(out, "user=%s", q->holder);
	if (*options)
		buf_printf(out, " options=%s", options);
}

/* With -s what the volume's file system does not take is left out: each is
 * asked for alone. */
static void options_sift(const struct mount_request *q, const char *path,
			 struct buf *out)
{
	AUTO(auto_free) char *copy = strdup(buf_str(&q->passed));
	char *word, *rest = copy;

	while (copy && (word = strsep(&rest, ","))) {
		AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);

		buf_printf(&line, "dry-run user=%s options=%s", q->holder,
			   word);
		if (tree_write(path, buf_str(&line)) == -EINVAL)
			mount_say(q, "option '%s' is left out", word);
		else
			buf_printf(out, "%s%s", out->len ? "," : "", word);
	}
}

static bool is_mounted_read_write(const struct mount_request *q,
				  const struct name *name)
{
	AUTO(auto_json) struct json_object *status = NULL;
	char path[PATH_MAX];

	status = tree_read_json(tree_path(path, &q->ctl, name, "status"));
	return js_bool(status, "mounted") &&
	       !js_bool(status, "mount.read_only");
}

/* Is the holder one of the volume's users already? */
static bool holder_is_user(const struct mount_request *q,
			   const struct name *name)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	char path[PATH_MAX];
	char *line, *rest;

	if (tree_read(tree_path(path, &q->ctl, name, "users"), &text) < 0 ||
	    !text.len)
		return false;
	rest = text.data;
	while ((line = strsep(&rest, "\n"))) {
		AUTO(auto_json) struct json_object *user =
			json_tokener_parse(line);

		if (!strcmp(js_str(user, "name"), q->holder))
			return true;
	}
	return false;
}

/* Asks for the mount. A volume that others have read-write can still be shown
 * read-only at one place. Complains. */
static int volume_mount(const struct mount_request *q, const struct name *name)
{
	AUTO(auto_buf) struct buf options = BUF_INIT(LINE_MAX_BYTES);
	char path[PATH_MAX];
	bool read_only = q->read_only;
	int r;

	tree_path(path, &q->ctl, name, "mount");
	if (q->sloppy)
		options_sift(q, path, &options);
	else
		buf_puts(&options, buf_str(&q->passed));
	for (;;) {
		AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);

		line_compose_mount(q, read_only, buf_str(&options), &line);
		mount_say(q, "%s: %s", path, buf_str(&line));
		r = buf_failed(&line) ? -E2BIG
				      : tree_write(path, buf_str(&line));
		if (r != -EBUSY || !read_only ||
		    !is_mounted_read_write(q, name))
			break;
		mount_say(q, "it is mounted read-write for others: read-only "
			  "at this place alone");
		read_only = false;
	}
	if (r == 0)
		return MOUNT_DONE;
	tree_complain(&q->ctl, name, path, "mount", -r);
	return r == -EINVAL || r == -E2BIG ? MOUNT_USAGE : MOUNT_FAILED;
}

/* Ends a hold. Return: 0 or -errno. */
static int volume_release(const struct ctl *ctl, const struct name *name,
			  const char *holder)
{
	AUTO(auto_buf) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char path[PATH_MAX];

	buf_printf(&line, "user=%s", holder);
	return tree_write(tree_path(path, ctl, name, "unmount"),
			  buf_str(&line));
}

/* ---- the kernel's part ---- */

static int attr_apply(int fd, const struct mount_request *q, bool fresh)
{
	struct mount_attr a = { .attr_set = q->attr_set,
				.attr_clr = q->attr_clear };

	/* A group of its own: what is mounted below the place later does not
	 * appear below data/, where it would keep the volume busy. */
	if (fresh)
		a.propagation = MS_PRIVATE;
	else if (!a.attr_set && !a.attr_clr)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0
	       ? -errno : 0;
}

/* Opens what is to be seen at the place: data/, or a directory of it that no
 * symlink leads to. Complains. */
static int data_open(const struct mount_request *q, const char *data)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	const char *sub = q->subpath ? q->subpath : ".";
	struct statx st;
	int dir, fd;

	dir = open(data, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || statx(dir, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0) {
		complain("open '%s': %s", data, strerror(errno));
		goto fail;
	}
	if ((st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
		complain("the volume is mounted, but nothing is to be seen at "
			 "'%s': volfsd runs in a mount namespace of its own "
			 "(its log says so at its start)", data);
		goto fail;
	}
	sub += strspn(sub, "/");
	fd = (int)syscall(SYS_openat2, dir, *sub ? sub : ".", &how,
			  sizeof(how));
	if (fd < 0)
		complain("subpath '%s' of the volume: %s%s", sub,
			 strerror(errno), errno == ENOENT ? ": make it first"
			 : errno == ELOOP ? ": a symlink is not followed" : "");
	close(dir);
	return fd;
fail:
	if (dir >= 0)
		close(dir);
	return -1;
}

static bool is_there_already(const struct mount_request *q, int fd)
{
	struct stat a, b;
	struct statx st;

	return fstat(fd, &a) == 0 && stat(q->target, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
	       statx(AT_FDCWD, q->target, 0, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int namespace_enter(const char *path)
{
	AUTO(auto_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && setns(fd, CLONE_NEWNS) == 0)
		return 0;
	complain("enter the mount namespace '%s': %s", path, strerror(errno));
	return MOUNT_FAILED;
}

/* Return: an exit status; @made says whether there is a new mount. */
static int place_bind(const struct mount_request *q, const char *data,
		      bool *made)
{
	AUTO(auto_fd) int fd = data_open(q, data);
	AUTO(auto_fd) int tree = -1;
	int r;

	*made = false;
	if (fd < 0)
		return MOUNT_FAILED;
	tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE |
			 OPEN_TREE_CLOEXEC);
	r = tree < 0 ? -errno : attr_apply(tree, q, true);
	if (r == 0 && q->namespace && namespace_enter(q->namespace))
		return MOUNT_FAILED;
	if (r == 0 && is_there_already(q, fd)) {
		mount_say(q, "it is mounted at '%s' already", q->target);
		return MOUNT_DONE;
	}
	if (r == 0 && move_mount(tree, "", AT_FDCWD, q->target,
				 MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	if (r < 0) {
		complain("bind '%s' at '%s': %s", data, q->target,
			 strerror(-r));
		return MOUNT_FAILED;
	}
	*made = true;
	return MOUNT_DONE;
}

/* ---- mount ---- */

static int place_note(const struct mount_request *q, const struct name *name)
{
	char shown[NAME_TEXT_MAX];
	struct mount_note note, now = {
		.volume = (char *)name_text(name, shown),
		.tree = (char *)q->ctl.tree, .holder = q->holder,
	};
	int r;

	if (q->no_note)
		return MOUNT_DONE;
	r = mount_note_find(q->target, &note);
	mount_note_done(&note);
	if (r == 1)
		return MOUNT_DONE;
	r = mount_note_write(q->target, &now, buf_str(&q->noted));
	if (r == 0)
		return MOUNT_DONE;
	complain("it is mounted, but that could not be noted in /run/mount "
		 "(%s): after umount '%s' end the hold with volctl umount %s "
		 "user=%s", strerror(-r), q->target, shown, q->holder);
	return MOUNT_NO_NOTE;
}

static int place_prepare(struct mount_request *q, struct name *name,
			 char *data)
{
	int r = tree_answers(q->ctl.tree, ANSWER_MS);

	if (r < 0) {
		tree_complain_down(q->ctl.tree, r);
		return MOUNT_FAILED;
	}
	if (name_parse(&q->ctl, q->source, NAME_VOLUME, name) != 0)
		return MOUNT_USAGE;
	tree_path(data, &q->ctl, name, NULL);
	if (!tree_has_directory(data)) {
		complain_missing(&q->ctl, name);
		return MOUNT_FAILED;
	}
	tree_path(data, &q->ctl, name, "data");
	/* In another namespace it is looked at when we are there. */
	r = q->namespace ? 0 : target_check(q, data);
	return r || q->holder ? r : holder_default(q);
}

int place_mount(struct mount_request *q)
{
	char data[PATH_MAX];
	struct name name;
	bool had, made;
	int r;

	r = place_prepare(q, &name, data);
	if (r)
		return r;
	CATCH_INTERRUPTS();
	had = holder_is_user(q, &name);
	r = volume_mount(q, &name);
	if (r || q->fake)
		return r;
	r = place_bind(q, data, &made);
	if (r && !had && !q->namespace &&
	    volume_release(&q->ctl, &name, q->holder) < 0)
		complain("the volume stays mounted in the tree for '%s'",
			 q->holder);
	return r ? r : place_note(q, &name);
}

/* ---- remount ---- */

int place_remount(struct mount_request *q)
{
	AUTO(auto_fd) int fd = -1;
	struct mount_note note;
	struct statvfs st;
	int r;

	if (q->passed.len) {
		complain("remount '%s': '%s' belongs to the volume and not to "
			 "this place: it changes with the volume's next mount",
			 q->target, buf_str(&q->passed));
		return MOUNT_USAGE;
	}
	r = mount_note_find(q->target, &note);
	mount_note_done(&note);
	if (r != 1) {
		complain("no volume is mounted at '%s' by mount.volfs",
			 q->target);
		return MOUNT_FAILED;
	}
	if (q->fake)
		return MOUNT_DONE;
	fd = open(q->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : attr_apply(fd, q, false);
	if (r < 0) {
		complain("remount '%s': %s%s", q->target, strerror(-r),
			 r == -EBUSY ? ": a file there is open for writing"
				     : "");
		return MOUNT_FAILED;
	}
	if (!q->read_only && statvfs(q->target, &st) == 0 &&
	    (st.f_flag & ST_RDONLY)) {
		complain("remount '%s': the volume itself is mounted "
			 "read-only: its users are in the tree's 'users'; "
			 "unmount it for all of them, and mount it again",
			 q->target);
		return MOUNT_FAILED;
	}
	return MOUNT_DONE;
}

/* ---- umount ---- */

static int place_detach(struct mount_request *q)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	int flags = UMOUNT_NOFOLLOW | (q->lazy ? MNT_DETACH : 0) |
		    (q->force ? MNT_FORCE : 0);

	if (umount2(q->target, flags) == 0)
		return 0;
	if (errno == EBUSY && q->read_only_if_busy &&
	    mount_setattr(AT_FDCWD, q->target, AT_SYMLINK_NOFOLLOW, &ro,
			  sizeof(ro)) == 0) {
		complain("'%s' is busy: it is read-only now", q->target);
		return -EBUSY;
	}
	complain("umount '%s': %s%s", q->target, strerror(errno),
		 errno == EBUSY ? ": 'fuser -vm' of it names who has it open"
				: "");
	return -errno;
}

/* The place is gone; so is its hold, unless somebody has to see to it. */
static int hold_end(const struct mount_request *q,
		    const struct mount_note *note)
{
	struct ctl ctl = q->ctl;
	struct name name;
	char path[PATH_MAX];
	int r;

	ctl.tree = note->tree;
	r = tree_answers(ctl.tree, ANSWER_MS);
	if (r < 0) {
		complain("'%s' is unmounted, but no daemon is at '%s' to be "
			 "told: '%s' holds %s until volctl umount %s user=%s, "
			 "or the next boot", q->target, note->tree,
			 note->holder, note->volume, note->volume,
			 note->holder);
		return MOUNT_DONE;
	}
	if (name_parse(&ctl, note->volume, NAME_VOLUME, &name) != 0)
		return MOUNT_FAILED;
	tree_path(path, &ctl, &name, NULL);
	/* A volume that is gone is held by nobody. */
	if (!tree_has_directory(path))
		return MOUNT_DONE;
	r = volume_release(&ctl, &name, note->holder);
	if (r == 0)
		return MOUNT_DONE;
	complain("'%s' is unmounted, its volume is not:", q->target);
	tree_complain(&ctl, &name, tree_path(path, &ctl, &name, "unmount"),
		      "unmount", -r);
	complain("later: volctl umount %s user=%s", note->volume,
		 note->holder);
	/* Lazily is what was asked for: the rest follows by itself. */
	return q->lazy ? MOUNT_DONE : MOUNT_FAILED;
}

int place_umount(struct mount_request *q)
{
	AUTO(auto_fd) int home = -1;
	struct mount_note note;
	bool twin;
	int r;

	if (q->namespace) {
		home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		if (home < 0 || namespace_enter(q->namespace))
			return MOUNT_FAILED;
	}
	CATCH_INTERRUPTS();
	r = mount_note_find(q->target, &note);
	if (r == 2 && !q->namespace)
		return tree_umount(q);
	if (r != 1) {
		complain("no volume is mounted at '%s' by mount.volfs",
			 q->target);
		return MOUNT_FAILED;
	}
	twin = mount_note_has_twin(q->target, &note);
	r = place_detach(q);
	if (r == 0 && !q->no_note)
		mount_note_remove(q->target);
	if (r == 0 && home >= 0 && setns(home, CLONE_NEWNS) < 0)
		r = -errno;
	r = r < 0 ? r == -EBUSY && q->read_only_if_busy ? MOUNT_DONE
							: MOUNT_FAILED
	    : twin ? MOUNT_DONE : hold_end(q, &note);
	mount_note_done(&note);
	return r;
}
