/* SPDX-License-Identifier: Apache-2.0 */

/* The helpers that mount, bind and unmount. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/host/commands.h"
#include "core/host/device_match.h"
#include "core/host/mount_internal.h"
#include "core/host/share.h"

#define MOUNT_PROGRAM_MS (10 * 60 * 1000)
#define FORCE_TRIES 30
#define FORCE_PAUSE_MS 100

/* The name under which a subpath is prepared before it appears. */
#define SUBPATH_NEW ".volfs-subpath-new"

/* --- options --- */

/* What concerns one mount and not the file system as such. */
static const struct {
	const char *name;
	uint64_t set, clear;
} mount_attributes[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0 },
	{ "rw", 0, MOUNT_ATTR_RDONLY },
	{ "nodev", MOUNT_ATTR_NODEV, 0 },
	{ "dev", 0, MOUNT_ATTR_NODEV },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "suid", 0, MOUNT_ATTR_NOSUID },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", 0, MOUNT_ATTR_NOEXEC },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
};

/* True if @word is an attribute, which is then in @a (later words win). */
static bool attribute_take(const char *word, struct mount_attr *a)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mount_attributes); i++) {
		if (strcmp(word, mount_attributes[i].name) != 0)
			continue;
		a->attr_set &= ~mount_attributes[i].clear;
		a->attr_clr |= mount_attributes[i].clear;
		a->attr_set |= mount_attributes[i].set;
		if (mount_attributes[i].set & ~MOUNT_ATTR__ATIME)
			a->attr_clr &= ~mount_attributes[i].set;
		return true;
	}
	return false;
}

static bool word_is_for_tools(const char *word)
{
	return strcmp(word, "defaults") == 0 || strcmp(word, "_netdev") == 0 ||
	       strcmp(word, "nofail") == 0 || strncmp(word, "x-", 2) == 0;
}

/* --- the new mount API: its log says what a file system minds --- */

/* Appends what the context logged: lines "e text", "w text", "i text". */
static void fs_log_read(int fs, char *out, size_t room)
{
	size_t n = 0;
	char line[512];
	ssize_t len;

	out[0] = 0;
	while ((len = read(fs, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		line[strcspn(line, "\n")] = 0;
		if (line[0] == 'i' || len < 3 || n >= room)
			continue;
		n += (size_t)snprintf(out + n, room - n, "%s%s",
				      n ? "; " : ": ", line + 2);
	}
}

static int mount_fail(const char *const *m, int fs, int num, struct err *err)
{
	const char *hint = "";
	char log[300];

	fs_log_read(fs, log, sizeof(log));
	if (num == EUCLEAN)
		hint = " (the file system is damaged: check it with fsck)";
	else if (num == EINVAL && !*log && strcmp(m[2], "xfs") == 0)
		hint = " (see dmesg; a copy of an xfs that is mounted needs "
		       "the option nouuid)";
	else if (num == EINVAL && !*log)
		hint = " (no such file system there, or an option it does not "
		       "take: see dmesg)";
	else if (num == ENODEV)
		hint = " (the kernel has no such file system)";
	return err_errno(err, num, "mount '%s' as %s at '%s'%s%s", m[0], m[2],
			 m[1], log, hint);
}

static int fs_option(int fs, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[64];

	if (!equals)
		return fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	return fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

/* Gives the context its options; what concerns the mount only goes to @a. On
 * failure *@bad is the option that was not taken. */
static int fs_options_set(int fs, char *options, bool read_only,
			  struct mount_attr *a, const char **bad)
{
	char *word, *rest = options;

	while ((word = strsep(&rest, ","))) {
		bool ro = strcmp(word, "ro") == 0;

		if (!*word || word_is_for_tools(word))
			continue;
		if (ro)
			read_only = true;
		else if (strcmp(word, "rw") == 0)
			continue;
		*bad = word;
		if (!attribute_take(word, a) && fs_option(fs, word) < 0)
			return -errno;
	}
	*bad = "ro";
	if (read_only) {
		a->attr_set |= MOUNT_ATTR_RDONLY;
		if (fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
			return -errno;
	}
	return 0;
}

/* @m: source, target, type, options. */
int mount_by_kernel(const char *const *m, bool read_only, struct err *err)
{
	struct mount_attr a = { .attr_set = 0 };
	AUTO(auto_free) char *options = strdup(m[3]);
	AUTO(auto_fd) int fs = -1;
	AUTO(auto_fd) int mnt = -1;
	const char *bad;
	int r;

	if (!options)
		return err_oom(err);
	fs = fsopen(m[2], FSOPEN_CLOEXEC);
	if (fs < 0)
		return mount_fail(m, -1, errno, err);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", m[0], 0) < 0)
		return mount_fail(m, fs, errno, err);
	r = fs_options_set(fs, options, read_only, &a, &bad);
	if (r < 0) {
		mount_fail(m, fs, -r, err);
		return err_wrap(err, "mount option '%.64s'", bad);
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return mount_fail(m, fs, errno, err);
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)a.attr_set);
	if (mnt < 0)
		return mount_fail(m, fs, errno, err);
	if (move_mount(mnt, "", AT_FDCWD, m[1], MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return mount_fail(m, fs, errno, err);
	return 0;
}

/* File systems of other servers: their programs find out addresses and the
 * like. */
static int mount_by_program(const char *program, const char *const *m,
			    bool read_only, struct err *err)
{
	char options[4096];
	const char *argv[] = { program, m[0], m[1], "-o", options, NULL };
	int r;

	snprintf(options, sizeof(options), "%s%s%s", m[3], *m[3] ? "," : "",
		 read_only ? "ro" : "rw");
	r = helper_exec(argv, MOUNT_PROGRAM_MS, NULL, 0, err);
	if (r == 0)
		return 0;
	err_wrap(err, "mount '%s' at '%s'", m[0], m[1]);
	return r < 0 ? r : -EIO;
}

static bool mount_has_program(const char *fstype, char *program, size_t room)
{
	static const char *const types[] = { "ceph", "cifs", "glusterfs",
					     "lustre" };
	char path[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], fstype) == 0) {
			snprintf(program, room, "mount.%s", fstype);
			return tool_find(program, path, sizeof(path),
					 NULL) == 0;
		}
	return false;
}

/* Is @path the directory @ino? Where the kernel remembers another, it is made
 * to look again: by the creation of something that is there. A link to a
 * directory, so that nothing is made where the tree is no longer. That takes
 * off what is mounted below the other, so not then.
 * 0, -ENOENT, -EBUSY, -ESTALE. */
static int name_renew(const char *path, uint64_t ino)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	struct stat st;
	size_t i;

	if (lstat(path, &st) < 0)
		return -errno;
	if (st.st_ino == ino)
		return 0;
	if (mount_table_read(&t, NULL) < 0)
		return -EBUSY;
	for (i = 0; i < t.n; i++)
		if (path_is_below(t.e[i].target, path))
			return -EBUSY;
	if (link("/", path) == 0 || errno != EEXIST)
		return -ENOENT;
	if (lstat(path, &st) < 0)
		return -errno;
	return st.st_ino == ino ? 0 : -ESTALE;
}

/* argv: path inode ... */
HELPER_COMMAND(command_names_renew)
{
	uint64_t ino = 0;
	int i, r, worst = 0;

	for (i = 0; i + 1 < argc; i += 2) {
		r = word_u64(argv[i + 1], &ino, err);
		if (r < 0)
			return r;
		r = name_renew(argv[i], ino);
		if (r < 0 && r != -ENOENT)
			worst = err_errno(err, -r, "look at '%s' again",
					  argv[i]);
	}
	return worst;
}

/* argv: path inode newname. Nothing is followed or replaced, and nothing but
 * that directory gets the name. */
HELPER_COMMAND(command_name_move)
{
	const char *slash = strrchr(argv[0], '/');
	AUTO(auto_free) char *above = strndup(argv[0],
					      (size_t)(slash - argv[0]));
	AUTO(auto_fd) int fd = -1;
	struct stat st, there;
	uint64_t ino = 0;
	int r = above ? word_u64(argv[1], &ino, err) : err_oom(err);

	if (r < 0)
		return r;
	fd = open(above, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstatat(fd, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "look at '%s'", argv[0]);
	/* Asked to rename, the kernel takes off what is below a name that it
	 * remembers and finds to be nobody's. */
	if (st.st_ino != ino ||
	    fstatat(fd, argv[2], &there, AT_SYMLINK_NOFOLLOW) == 0)
		return err_errno(err, ESTALE, "move '%s' to '%s'", argv[0],
				 argv[2]);
	if (renameat2(fd, slash + 1, fd, argv[2], RENAME_NOREPLACE) < 0)
		return err_errno(err, errno, "move '%s' to '%s'", argv[0],
				 argv[2]);
	return 0;
}

/* The directory that @target is in, which has to be @ino (0 = any). */
static int open_above(const char *target, uint64_t ino, const char **name,
		      struct err *err)
{
	const char *slash = strrchr(target, '/');
	AUTO(auto_free) char *above = strndup(target, (size_t)(slash - target));
	AUTO(auto_fd) int fd = -1;
	struct stat st;
	int r = above ? 0 : err_oom(err);

	if (r == 0 && ino)
		r = name_renew(above, ino);
	if (r == -EBUSY || r == -ESTALE)
		return err_set(err, -r, "'%s' is the directory of another "
			       "volume, whose name has just changed: try again",
			       above);
	if (r == 0)
		fd = open(*above ? above : "/",
			  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r == 0 && (fd < 0 || fstat(fd, &st) < 0))
		r = -errno;
	if (r == 0 && ino && st.st_ino != ino)
		r = -ESTALE;
	if (r < 0)
		return err_errno(err, -r, "open '%s'", above ? above : target);
	*name = slash + 1;
	return STEAL_FD(fd);
}

/* Clones @fd's mount (not what is mounted below it) and puts it at @name in the
 * directory @above, out of the peer group that the clone is in: what somebody
 * mounts below the one does not appear below the other. */
static int bind_at(int fd, int above, const char *name, struct mount_attr *a)
{
	AUTO(auto_fd) int tree = -1;

	tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE |
					 OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	a->propagation = MS_PRIVATE;
	/* Before Linux 5.12 it stays in the group, which mostly shows nowhere. */
	if (mount_setattr(tree, "", AT_EMPTY_PATH, a, sizeof(*a)) < 0 &&
	    (errno != ENOSYS || a->attr_set || a->attr_clr))
		return -errno;
	if (move_mount(tree, "", above, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int bind_options(const char *options, bool read_only,
			struct mount_attr *a, struct err *err)
{
	AUTO(auto_free) char *text = strdup(options);
	char *word, *rest = text;

	if (!text)
		return err_oom(err);
	while ((word = strsep(&rest, ",")))
		if (*word && !word_is_for_tools(word) &&
		    !attribute_take(word, a))
			return err_set(err, EINVAL, "option '%.64s' does not "
				       "apply to one mount of a directory",
				       word);
	if (read_only) {
		a->attr_set |= MOUNT_ATTR_RDONLY;
		a->attr_clr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	return 0;
}

static int mount_directory(const char *const *m, bool read_only,
			   struct err *err)
{
	struct mount_attr a = { .attr_set = 0 };
	AUTO(auto_fd) int fd = -1;
	int r = bind_options(m[3], read_only, &a, err);

	if (r < 0)
		return r;
	fd = open(m[0], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open the directory '%s'", m[0]);
	r = bind_at(fd, AT_FDCWD, m[1], &a);
	if (r < 0)
		return err_errno(err, -r, "bind '%s' at '%s'", m[0], m[1]);
	return 0;
}

/* --- mount --- */

/* Makes the mount point and what is above it. Mode 0: a container that writes
 * where nothing is mounted must fail and not fill the root file system. */
static int target_make(const char *target, struct err *err)
{
	char path[PATH_MAX], *slash;

	if ((size_t)snprintf(path, sizeof(path), "%s", target) >= sizeof(path))
		return err_set(err, ENAMETOOLONG, "the mount point's path is "
			       "too long");
	for (slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return err_errno(err, errno, "make '%s'", path);
		*slash = '/';
	}
	if (mkdir(path, 0) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the mount point '%s'",
				 path);
	return 0;
}

static bool same_source(const struct mount_entry *e, const char *source,
			const char *fstype)
{
	struct stat a, b;

	if (strcmp(fstype, "bind") == 0)
		return stat(source, &a) == 0 && stat(e->target, &b) == 0 &&
		       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	if (strcmp(e->source, source) == 0)
		return true;
	/* By another path of the same node. */
	if (stat(source, &a) < 0 || !S_ISBLK(a.st_mode))
		return false;
	if (a.st_rdev == e->devno)
		return true;
	return e->source[0] == '/' && stat(e->source, &b) == 0 &&
	       S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev;
}

HELPER_COMMAND(command_mount)
{
	const char *const m[] = { argv[0], argv[1], argv[2], argv[3] };
	bool read_only = argv[4][0] == '1';
	AUTO_TABLE struct mount_table t = { .n = 0 };
	const struct mount_entry *e;
	char program[64];
	int r = target_make(m[1], err);

	if (r == 0)
		r = mount_table_read(&t, err);
	if (r < 0)
		return r;
	e = mount_table_find(&t, m[1]);
	if (e && same_source(e, m[0], m[2]))
		return 0;
	if (e)
		return err_set(err, EBUSY, "mount '%s' at '%s': '%s' is "
			       "mounted there", m[0], m[1], e->source);
	if (strcmp(m[2], "bind") == 0)
		return mount_directory(m, read_only, err);
	if (strcmp(m[2], "nfs") == 0 || strcmp(m[2], "nfs4") == 0)
		return share_mount(&(struct share){ m[0], m[1], m[2], m[3],
						    read_only }, err);
	if (mount_has_program(m[2], program, sizeof(program)))
		return mount_by_program(program, m, read_only, err);
	return mount_by_kernel(m, read_only, err);
}

/* --- bind --- */

static int open_beneath(int dir, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

struct subpath_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* Makes @name in @dir, with its owner and mode from the first moment. */
static int subpath_make_one(int dir, const char *name,
			    const struct subpath_owner *own)
{
	AUTO(auto_fd) int parent = -1;
	AUTO(auto_fd) int made = -1;

	/* O_PATH descriptors may serve as dirfd, but not renameat2's target
	 * on all file systems; and what a crash left is ours to take. */
	parent = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	if (mkdirat(parent, SUBPATH_NEW, 0700) < 0 && errno != EEXIST)
		return -errno;
	made = openat(parent, SUBPATH_NEW,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0)
		return -errno;
	if (fchown(made, own->uid, own->gid) < 0 ||
	    fchmod(made, own->mode & 07777) < 0)
		return -errno;
	if (renameat2(parent, SUBPATH_NEW, parent, name,
		      RENAME_NOREPLACE) < 0) {
		int saved = errno;

		unlinkat(parent, SUBPATH_NEW, AT_REMOVEDIR);
		return saved == EEXIST ? 0 : -saved;
	}
	return 0;
}

/* Opens @subpath beneath @root, and makes what is missing of it. */
static int subpath_open(int root, char *subpath, bool make,
			const struct subpath_owner *own)
{
	static const struct subpath_owner between = { 0, 0, 0755 };
	AUTO(auto_fd) int at = dup(root);
	char *word, *rest = subpath;

	while (at >= 0 && (word = strsep(&rest, "/"))) {
		int next;

		if (!*word || strcmp(word, ".") == 0)
			continue;
		if (strcmp(word, "..") == 0)
			return -EXDEV;
		next = open_beneath(at, word);
		if (next == -ENOENT && make) {
			bool last = !rest || !rest[strspn(rest, "/")];
			int r = subpath_make_one(at, word,
						 last ? own : &between);

			if (r < 0)
				return r;
			next = open_beneath(at, word);
		}
		if (next < 0)
			return next;
		close(at);
		at = next;
	}
	return at < 0 ? -errno : STEAL_FD(at);
}

static int subpath_fail(const char *subpath, int r, struct err *err)
{
	if (r == -ELOOP || r == -ENOTDIR)
		return err_set(err, EINVAL, "subpath '%.200s' goes through a "
			       "symbolic link or a file: it must be a "
			       "directory of the volume itself", subpath);
	if (r == -EXDEV)
		return err_set(err, EINVAL, "subpath '%.200s' leads out of the "
			       "volume", subpath);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "the volume has no directory "
			       "'%.200s'", subpath);
	return err_errno(err, -r, "open or make the subpath '%.200s'",
			 subpath);
}

/* With O_PATH in @flags nothing is asked of what is mounted there: a server
 * that hangs does not matter. */
static int root_open(const char *dir, int flags, struct mount_table *t,
		     const struct mount_entry **entry, struct err *err)
{
	int fd, r = mount_table_read(t, err);

	if (r < 0)
		return r;
	*entry = mount_table_find(t, dir);
	if (!*entry)
		return err_set(err, ENODEV, "nothing is mounted at '%s'", dir);
	fd = open(dir, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", dir);
	return fd;
}

/* argv: private subpath data make uid gid mode ro options above-inode */
HELPER_COMMAND(command_bind)
{
	struct mount_attr a = { .attr_set = 0 };
	AUTO_TABLE struct mount_table t = { .n = 0 };
	AUTO(auto_free) char *subpath = strdup(argv[1]);
	const struct mount_entry *e, *there;
	struct subpath_owner own;
	AUTO(auto_fd) int root = -1;
	AUTO(auto_fd) int fd = -1;
	AUTO(auto_fd) int above = -1;
	uint64_t n[3] = { 0 }, ino = 0;
	const char *name = NULL;
	int i, r = subpath ? 0 : err_oom(err);

	for (i = 0; r == 0 && i < 3; i++)
		r = word_u64(argv[4 + i], &n[i], err);
	if (r == 0)
		r = word_u64(argv[9], &ino, err);
	if (r == 0)
		r = bind_options(argv[8], argv[7][0] == '1', &a, err);
	if (r < 0)
		return r;
	own = (struct subpath_owner){ (uid_t)n[0], (gid_t)n[1], (mode_t)n[2] };
	root = root_open(argv[0], O_PATH, &t, &e, err);
	if (root < 0)
		return root;
	there = mount_table_find(&t, argv[2]);
	if (there && there->devno != e->devno)
		return err_set(err, EBUSY, "bind '%s' at '%s': '%s' is mounted "
			       "there", argv[0], argv[2], there->source);
	if (there) {
		if ((a.attr_set || a.attr_clr) &&
		    mount_setattr(AT_FDCWD, argv[2], AT_SYMLINK_NOFOLLOW, &a,
				  sizeof(a)) < 0)
			return err_errno(err, errno, "set the options of '%s'",
					 argv[2]);
		return 0;
	}
	fd = subpath_open(root, subpath, argv[3][0] == '1', &own);
	if (fd < 0)
		return subpath_fail(argv[1], fd, err);
	above = open_above(argv[2], ino, &name, err);
	if (above < 0)
		return above;
	r = bind_at(fd, above, name, &a);
	if (r < 0)
		return err_errno(err, -r, "bind '%s' at '%s'", argv[0],
				 argv[2]);
	return 0;
}

/* argv: path uid gid mode */
HELPER_COMMAND(command_chown_root)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	const struct mount_entry *e;
	AUTO(auto_fd) int fd = -1;
	uint64_t n[3] = { 0 };
	int i, r = 0;

	for (i = 0; r == 0 && i < 3; i++)
		r = word_u64(argv[1 + i], &n[i], err);
	if (r < 0)
		return r;
	fd = root_open(argv[0], O_RDONLY, &t, &e, err);
	if (fd < 0)
		return fd;
	if (fchown(fd, (uid_t)n[0], (gid_t)n[1]) < 0 ||
	    fchmod(fd, (mode_t)n[2] & 07777) < 0)
		return err_errno(err, errno, "set the owner and mode of what "
				 "is mounted at '%s'", argv[0]);
	return 0;
}

/* --- unmount --- */

static int umount_once(const char *path, const char *how)
{
	int flags = UMOUNT_NOFOLLOW;

	if (strcmp(how, "force") == 0)
		flags |= MNT_FORCE;
	else if (strcmp(how, "lazy") == 0)
		flags |= MNT_DETACH;
	return umount2(path, flags) < 0 ? -errno : 0;
}

HELPER_COMMAND(command_umount)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	const struct mount_entry *e;
	int tries = 0, r = mount_table_read(&t, err);

	if (r < 0)
		return r;
	e = mount_table_find(&t, argv[0]);
	if (!e)
		return 0;
	/* Each MNT_FORCE ends the requests in hand at a server; their callers
	 * then let go, or make the next one. */
	if (strcmp(argv[1], "force") == 0)
		tries = strncmp(e->fstype, "nfs", 3) == 0 ? FORCE_TRIES : 1;
	r = umount_once(argv[0], argv[1]);
	while (r == -EBUSY && tries-- > 0) {
		usleep(FORCE_PAUSE_MS * 1000);
		r = umount_once(argv[0], argv[1]);
	}
	/* Somebody else was quicker. */
	if (r == -EINVAL || r == -ENOENT) {
		mount_table_done(&t);
		if (mount_table_read(&t, err) < 0 ||
		    !mount_table_find(&t, argv[0]))
			return 0;
	}
	if (r < 0)
		return err_errno(err, -r, "unmount '%s'", argv[0]);
	return 0;
}
