/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who holds a file system or a device. It only names: whether a device is free
 * is decided by an exclusive open. Everything comes from /proc and /sys, by
 * mount ids and device numbers; a mounted path is asked for nothing, except
 * (with cached attributes) where a process holds what is mounted nowhere any
 * more. All in a helper, for that exception's sake.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/host/commands.h"
#include "core/host/mount_internal.h"

#define HOLDERS_MS 5000
#define HOLDERS_MOST 64
#define CONTAINER_ID_LEN 64
#define CONTAINER_ID_SHORT 12

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

/* One mount namespace, seen through its first process. */
struct space {
	char name[64];              /* "mnt:[4026531841]" */
	struct mount_table table;
};

struct search {
	dev_t devno;                /* of the file system */
	const char *root;           /* only this directory of it; NULL: all */
	dev_t own;                  /* the number that files in @root have, where
				     * it is a subvolume; else 0 */
	char node[280];             /* "/dev/loop3", "" if it is no disk */
	const char *except_below;
	enum { LOOK_ALL, LOOK_PROCESSES, LOOK_MOUNTS } look;
	/* What data is mounted on, and the private directory; id 0 = not asked
	 * for: mounts on copies of these go along and are not counted. */
	struct { int id; dev_t devno; uint64_t group; } on[2];
	unsigned most, found;
	struct json_object *who;    /* an array of strings */
	struct space *spaces;
	size_t n_spaces;
	char own_space[64];
};

static ssize_t link_read(const char *pid, const char *name, char *out,
			 size_t room)
{
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	n = readlink(path, out, room - 1);
	out[n > 0 ? n : 0] = 0;
	return n;
}

/* The device's own node by its number, for mounts whose device number is not
 * the disk's (btrfs): their source names it. */
static void node_of_device(dev_t devno, char *out, size_t room)
{
	char path[64], link[PATH_MAX];
	const char *base;
	ssize_t n;

	out[0] = 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(devno),
		 minor(devno));
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return;
	link[n] = 0;
	base = strrchr(link, '/');
	snprintf(out, room, "/dev/%.250s", base ? base + 1 : link);
}

static bool entry_is_on_device(const struct search *s,
			       const struct mount_entry *e)
{
	if (s->root)
		return e->devno == s->devno && path_is_below(e->root, s->root);
	return e->devno == s->devno ||
	       (major(e->devno) == 0 && *s->node &&
		strcmp(e->source, s->node) == 0);
}

static void found_add(struct search *s, const char *text)
{
	s->found++;
	if (s->found <= s->most)
		json_object_array_add(s->who, json_object_new_string(text));
}

/* --- naming a process --- */

/* Docker, podman, containerd, CRI-O: 64 hexadecimal digits in the cgroup. */
static void container_of(const char *pid, char *out, size_t room)
{
	char path[300], line[4096];
	AUTO(auto_file) FILE *f = NULL;

	out[0] = 0;
	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		size_t run = 0, i;

		for (i = 0; line[i]; i++) {
			run = isxdigit((unsigned char)line[i]) ? run + 1 : 0;
			if (run == CONTAINER_ID_LEN) {
				snprintf(out, room, "%.*s", CONTAINER_ID_SHORT,
					 line + i + 1 - run);
				return;
			}
		}
	}
}

static void process_describe(const char *pid, char *out, size_t room)
{
	char path[300], name[32] = "?", container[32];
	AUTO(auto_file) FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = 0;
	container_of(pid, container, sizeof(container));
	snprintf(out, room, "pid %s (%s)%s%s", pid, name,
		 *container ? " in container " : "", container);
}

/* --- mount namespaces --- */

static struct space *space_find(struct search *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_spaces; i++)
		if (strcmp(s->spaces[i].name, name) == 0)
			return &s->spaces[i];
	return NULL;
}

/* Is it data/ itself, or what an unmount takes along: a mount on a copy of the
 * tree or of the private directory that is their peer, or follows them? */
static bool entry_goes_along(const struct search *s, const struct space *space,
			     const struct mount_entry *e)
{
	const struct mount_entry *on = NULL;
	size_t i;

	for (i = 0; i < space->table.n && !on; i++)
		if (space->table.e[i].id == e->parent)
			on = &space->table.e[i];
	for (i = 0; on && i < ARRAY_SIZE(s->on); i++)
		if (s->on[i].id &&
		    (on->id == s->on[i].id ||
		     (on->devno == s->on[i].devno && s->on[i].group &&
		      (on->group == s->on[i].group ||
		       on->master == s->on[i].group))))
			return true;
	return false;
}

static void space_report(struct search *s, const struct space *space,
			 const char *pid)
{
	bool own = strcmp(space->name, s->own_space) == 0;
	char text[PATH_MAX + 128], process[128];
	size_t i;

	process_describe(pid, process, sizeof(process));
	for (i = 0; i < space->table.n; i++) {
		const struct mount_entry *e = &space->table.e[i];

		if (!entry_is_on_device(s, e) || entry_goes_along(s, space, e))
			continue;
		if (own && s->except_below &&
		    path_is_below(e->target, s->except_below))
			continue;
		if (own)
			snprintf(text, sizeof(text), "mounted at %.200s",
				 e->target);
		else
			snprintf(text, sizeof(text), "%s, mounted at %.200s",
				 process, e->target);
		found_add(s, text);
		/* One place is enough to tell a foreign namespace by. */
		if (!own)
			return;
	}
}

/* The namespace of @pid, read when it is met for the first time. */
static struct space *space_of(struct search *s, const char *pid)
{
	struct space *space, *more;
	char name[64], path[300];

	if (link_read(pid, "ns/mnt", name, sizeof(name)) <= 0)
		return NULL;
	space = space_find(s, name);
	if (space)
		return space;
	more = reallocarray(s->spaces, s->n_spaces + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->spaces = more;
	space = &more[s->n_spaces];
	memset(space, 0, sizeof(*space));
	snprintf(space->name, sizeof(space->name), "%s", name);
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	if (mount_table_read_file(path, &space->table, NULL) < 0)
		return NULL;
	s->n_spaces++;
	if (s->look != LOOK_PROCESSES)
		space_report(s, space, pid);
	return space;
}

/* NULL: no namespace has it. */
static const struct mount_entry *mount_of_id(const struct search *s, int id)
{
	size_t i, j;

	for (i = 0; i < s->n_spaces; i++)
		for (j = 0; j < s->spaces[i].table.n; j++) {
			const struct mount_entry *e = &s->spaces[i].table.e[j];

			if (e->id == id)
				return e;
		}
	return NULL;
}

/* Whether a file that was opened by the mount @e (NULL: one that is nowhere any
 * more) has to be asked itself. */
static bool must_ask(const struct search *s, const struct mount_entry *e)
{
	if (s->own)
		return !e || e->devno == s->devno;
	return !e && !s->root;
}

/* --- what a process has open --- */

/* With what the kernel has cached: it asks no server. */
static bool magic_link_is_on_device(const struct search *s, const char *path)
{
	struct statx x;

	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_TYPE, &x) == 0 &&
	       makedev(x.stx_dev_major, x.stx_dev_minor) ==
		       (s->own ? s->own : s->devno);
}

static int fd_mount_id(const char *pid, const char *fd)
{
	char path[300], line[256];
	AUTO(auto_file) FILE *f = NULL;
	uint64_t id;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *n = line + strlen("mnt_id:");

		if (strncmp(line, "mnt_id:", strlen("mnt_id:")) != 0)
			continue;
		n += strspn(n, " \t");
		if (parse_u64(n, strcspn(n, "\n"), &id, NULL) == 0)
			return (int)id;
	}
	return -1;
}

static bool process_has_fd(const struct search *s, const char *pid)
{
	char path[64], target[PATH_MAX];
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		const struct mount_entry *e;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "fd/%.20s", entry->d_name);
		if (link_read(pid, path, target, sizeof(target)) <= 0 ||
		    target[0] != '/')
			continue; /* a socket, a pipe */
		if (*s->node && strcmp(target, s->node) == 0)
			return true;
		e = mount_of_id(s, fd_mount_id(pid, entry->d_name));
		if (e && entry_is_on_device(s, e))
			return true;
		snprintf(path, sizeof(path), "/proc/%s/fd/%.20s", pid,
			 entry->d_name);
		if (must_ask(s, e) && magic_link_is_on_device(s, path))
			return true;
	}
	return false;
}

/* Working directory and root: by the path's text, which asks nobody. */
static bool process_is_in(const struct search *s, const struct space *space,
			  const char *pid)
{
	static const char *const links[] = { "cwd", "root" };
	char target[PATH_MAX], path[300];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(links); i++) {
		const struct mount_entry *e;

		if (link_read(pid, links[i], target, sizeof(target)) <= 0)
			continue;
		e = mount_table_of_path(&space->table, target);
		if (e && entry_is_on_device(s, e))
			return true;
		/* After umount -l the text leads elsewhere: then the truth is
		 * in the inode, asked for only where no server is. */
		if (e && major(e->devno) == 0 &&
		    strcmp(e->fstype, "tmpfs") != 0 &&
		    strcmp(e->fstype, "btrfs") != 0 &&
		    strcmp(e->fstype, "overlay") != 0)
			continue;
		if (s->root && !s->own)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, links[i]);
		if (magic_link_is_on_device(s, path))
			return true;
	}
	return false;
}

/* The kernel's links to what a process has mapped. */
static bool process_map_files(const struct search *s, const char *pid)
{
	char path[64];
	AUTO(auto_dir) DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%s/map_files", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/map_files/%.34s", pid,
			 entry->d_name);
		if (magic_link_is_on_device(s, path))
			return true;
	}
	return false;
}

/* Programs and libraries: "7f.. r-xp 00000000 fd:00 1234 /path". */
static bool process_maps(const struct search *s, const char *pid)
{
	char path[300], line[PATH_MAX + 128], want[32];
	AUTO(auto_file) FILE *f = NULL;

	/* The file system's number does not tell the parts apart. */
	if (s->root && strcmp(s->root, "/") != 0 && !s->own)
		return false;
	snprintf(want, sizeof(want), " %02x:%02x ", major(s->devno),
		 minor(s->devno));
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		/* Cut before the path, which may hold anything. */
		line[strcspn(line, "/[")] = 0;
		if (strstr(line, want))
			return !s->own || process_map_files(s, pid);
	}
	return false;
}

/* A helper of a volfsd looks at every subvolume, and has none. */
static bool is_helper(const char *pid)
{
	char path[64], name[32] = "";
	AUTO(auto_file) FILE *f = NULL;
	struct stat ours, its;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, sizeof(name), f) ||
	    strcmp(name, HELPER_NAME "\n") != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	return stat("/proc/self/exe", &ours) == 0 && stat(path, &its) == 0 &&
	       ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

static void process_look(struct search *s, const struct space *space,
			 const char *pid)
{
	char process[128];

	if (!process_has_fd(s, pid) && !process_is_in(s, space, pid) &&
	    !process_maps(s, pid))
		return;
	if (s->own && is_helper(pid))
		return;
	process_describe(pid, process, sizeof(process));
	found_add(s, process);
}

static int processes_look(struct search *s, struct err *err)
{
	AUTO(auto_dir) DIR *dir = opendir("/proc");
	struct dirent *entry;
	char self[16];

	if (!dir)
		return err_errno(err, errno, "look through /proc");
	snprintf(self, sizeof(self), "%d", (int)getpid());
	/* First all namespaces: an open file may be on another's mount. */
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			space_of(s, entry->d_name);
	rewinddir(dir);
	while (s->look != LOOK_MOUNTS && (entry = readdir(dir))) {
		const struct space *space;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    strcmp(entry->d_name, self) == 0)
			continue;
		space = space_of(s, entry->d_name);
		if (space)
			process_look(s, space, entry->d_name);
	}
	return 0;
}

/* --- the kernel itself --- */

static void kernel_look(struct search *s)
{
	char path[PATH_MAX], text[320], line[512];
	AUTO(auto_dir) DIR *dir = NULL;
	AUTO(auto_file) FILE *swaps = NULL;
	struct dirent *entry;
	size_t len = strlen(s->node);

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders",
		 major(s->devno), minor(s->devno));
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(text, sizeof(text), "device '%s' is built on it",
			 entry->d_name);
		found_add(s, text);
	}
	swaps = fopen("/proc/swaps", "re");
	while (len && swaps && fgets(line, sizeof(line), swaps))
		if (strncmp(line, s->node, len) == 0 &&
		    isspace((unsigned char)line[len]))
			found_add(s, "used as swap");
}

/* Notes what data is mounted on here, and the private directory. */
static int tree_look(struct search *s, const char *data, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	const struct mount_entry *e;
	int r = mount_table_read(&t, err);
	size_t i;

	if (r < 0)
		return r;
	e = mount_table_find(&t, data);
	for (i = 0; i < t.n; i++) {
		unsigned which = e && t.e[i].id == e->parent ? 0 : 1;

		if (which == 0 || (s->except_below &&
				   strcmp(t.e[i].target, s->except_below) == 0)) {
			s->on[which].id = t.e[i].id;
			s->on[which].devno = t.e[i].devno;
			s->on[which].group = t.e[i].group;
		}
	}
	return 0;
}

/* --- a directory --- */

/* Where the directory of @fd is within its file system, and what the kernel
 * calls that; the mount table of ours is @t's. */
static int directory_place(int fd, struct mount_table *t, struct search *s,
			   char *root, size_t room, struct err *err)
{
	char name[32], path[PATH_MAX];
	const struct mount_entry *e = NULL;
	struct stat st;
	size_t i, skip;
	int id;

	snprintf(name, sizeof(name), "%d", fd);
	id = fd_mount_id("self", name);
	snprintf(name, sizeof(name), "fd/%d", fd);
	if (link_read("self", name, path, sizeof(path)) <= 0 ||
	    fstat(fd, &st) < 0)
		return err_errno(err, errno, "look where a directory is");
	if (mount_table_read(t, err) < 0)
		return -err->num;
	for (i = 0; i < t->n; i++)
		if (t->e[i].id == id)
			e = &t->e[i];
	if (!e || !path_is_below(path, e->target))
		return err_set(err, EIO, "'%.200s' is on no mount that is known here",
			       path);
	skip = strcmp(e->target, "/") == 0 ? 0 : strlen(e->target);
	snprintf(root, room, "%s%s", strcmp(e->root, "/") == 0 ? "" : e->root,
		 path + skip);
	s->devno = e->devno;
	s->root = *root ? root : "/";
	/* Each subvolume of btrfs has a number of its own, and its root this
	 * inode number (BTRFS_FIRST_FREE_OBJECTID). */
	s->own = st.st_ino == 256 && st.st_dev != e->devno ? st.st_dev : 0;
	return 0;
}

int helper_directory_free(int fd, struct err *err)
{
	AUTO_TABLE struct mount_table t = { .n = 0 };
	AUTO(auto_buf) struct buf who = BUF_INIT(320);
	struct search s = { .most = 3 };
	char root[PATH_MAX];
	size_t i;
	int r = directory_place(fd, &t, &s, root, sizeof(root), err);

	if (r < 0)
		return r;
	s.who = json_object_new_array();
	if (!s.who)
		return err_oom(err);
	link_read("self", "ns/mnt", s.own_space, sizeof(s.own_space));
	r = processes_look(&s, err);
	for (i = 0; i < s.n_spaces; i++)
		mount_table_done(&s.spaces[i].table);
	free(s.spaces);
	for (i = 0; i < json_object_array_length(s.who); i++)
		buf_printf(&who, "%s%s", i ? "; " : "",
			   json_object_get_string(
				   json_object_array_get_idx(s.who, i)));
	json_object_put(s.who);
	if (r < 0 || !s.found)
		return r;
	return err_set(err, EBUSY, "it is in use: %s%s", buf_str(&who),
		       s.found > s.most ? "; and more" : "");
}

/* argv: path */
HELPER_COMMAND(command_directory_free)
{
	AUTO(auto_fd) int fd = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC |
					     O_NOFOLLOW);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_errno(err, errno, "open the directory '%s'",
				 argv[0]);
	return helper_directory_free(fd, err);
}

/* argv: devno root except_below most look data */
HELPER_COMMAND(command_holders)
{
	struct search s = { .root = *argv[1] ? argv[1] : NULL,
			    .except_below = *argv[2] ? argv[2] : NULL };
	uint64_t devno, most, look;
	size_t i;
	int r = word_u64(argv[0], &devno, err);

	if (r == 0)
		r = word_u64(argv[3], &most, err);
	if (r == 0)
		r = word_u64(argv[4], &look, err);
	if (r == 0 && *argv[5])
		r = tree_look(&s, argv[5], err);
	if (r < 0)
		return r;
	s.devno = devno;
	s.look = look;
	s.most = most < HOLDERS_MOST ? (unsigned)most : HOLDERS_MOST;
	s.who = json_object_new_array();
	if (!s.who)
		return err_oom(err);
	node_of_device(s.devno, s.node, sizeof(s.node));
	link_read("self", "ns/mnt", s.own_space, sizeof(s.own_space));
	if (s.look != LOOK_PROCESSES)
		kernel_look(&s);
	r = processes_look(&s, err);
	for (i = 0; i < s.n_spaces; i++)
		mount_table_done(&s.spaces[i].table);
	free(s.spaces);
	json_object_object_add(reply, "who", s.who);
	json_object_object_add(reply, "n", json_object_new_uint64(s.found));
	return r;
}

/* --- the daemon's side --- */

static int holders_ask(dev_t devno, const char *root, const char *except_below,
		       int look, const char *data, unsigned most,
		       struct buf *who)
{
	const struct call c = { .deadline_ms = CALL_NO_DEADLINE,
				.token = "", .job = "" };
	AUTO(auto_json) struct json_object *reply = NULL;
	char dev_word[WORD_MAX], most_word[WORD_MAX], look_word[WORD_MAX];
	const char *argv[] = { "holders", word_of_u64(dev_word, devno), root,
			       except_below ? except_below : "",
			       word_of_u64(most_word, most),
			       word_of_u64(look_word, (uint64_t)look),
			       data, NULL };
	struct json_object *list;
	struct err err;
	size_t i;
	int n;

	if (helper_run(&c, HOLDERS_MS, argv, &reply, &err) < 0 ||
	    !json_object_object_get_ex(reply, "who", &list))
		return 0;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (i)
			buf_puts(who, "; ");
		buf_puts(who, json_object_get_string(one));
	}
	n = (int)reply_u64(reply, "n");
	if ((size_t)n > i && i > 0)
		buf_printf(who, "; and %zu more", (size_t)n - i);
	return n;
}

int mount_holders(dev_t devno, const char *except_below, unsigned most,
		  struct buf *who)
{
	return holders_ask(devno, "", except_below, LOOK_ALL, "", most, who);
}

int mount_holders_beyond(dev_t devno, const char *root,
			 const char *except_below, const char *data,
			 unsigned most, struct buf *who)
{
	return holders_ask(devno, root, except_below, LOOK_MOUNTS, data, most, who);
}

int mount_users(dev_t devno, const char *root, unsigned most, struct buf *who)
{
	return holders_ask(devno, root, NULL, LOOK_PROCESSES, "", most, who);
}
