/* SPDX-License-Identifier: Apache-2.0 */
/* Names, reading, writing and listing: all that volctl does to the tree. */

#include "tools/volctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

/* How often a write is repeated that was interrupted by no signal of ours: a
 * restarted daemon, a window that changed its size. */
#define AGAIN_MAX 200

volatile sig_atomic_t interrupted;

/* True when a call failed with EINTR that no signal of ours explains: the tree
 * answers so while it is in doubt, and it is to be asked again. */
static bool again(int *count)
{
	if (errno != EINTR || interrupted || (*count)++ >= AGAIN_MAX)
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	return true;
}

int tree_open(const char *path, int flags)
{
	int count = 0;
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && again(&count));
	return fd;
}

/* ---- names ---- */

int name_component(const char *text, size_t len, char *out, size_t room)
{
	char plain[NAME_BYTES_MAX + 1];

	if (len > 0 && len < sizeof(plain)) {
		memcpy(plain, text, len);
		plain[len] = '\0';
		if (strlen(plain) == len && name_is_canonical(plain)) {
			memcpy(out, plain, len + 1);
			return 0;
		}
	}
	int r = name_escape(text, len, out, room);
	return r < 0 ? r : 0;
}

/* The text itself where the tree shows a volume of exactly that name: the
 * second volume of one name is listed as name@ID, which is no escaped form. */
static bool name_is_listed(const struct ctl *ctl, const char *service,
			   const char *text)
{
	char path[PATH_MAX];
	int n;

	if (!text[0] || text[0] == '.' || strchr(text, '/') ||
	    strlen(text) > NAME_BYTES_MAX)
		return false;
	n = snprintf(path, sizeof(path), "%s/%s/%s", ctl->tree, service, text);
	return n > 0 && (size_t)n < sizeof(path) && tree_has_directory(path);
}

static int name_too_long(const struct ctl *ctl, const char *text)
{
	char quoted[80];

	return usage_error(ctl, "'%s' is empty or longer than %d bytes once "
			   "escaped", quote_for_error(quoted, sizeof(quoted),
			   text, strlen(text)), NAME_BYTES_MAX);
}

static int name_parse_volume(const struct ctl *ctl, const char *rest,
			     unsigned kinds, struct name *out)
{
	const char *at = strrchr(rest, '@');
	size_t len = strlen(rest);

	if ((kinds & NAME_VOLUME) &&
	    name_is_listed(ctl, out->service, rest)) {
		memcpy(out->volume, rest, len + 1);
		return 0;
	}
	if ((kinds & NAME_SNAPSHOT) && at) {
		char volume[NAME_BYTES_MAX + 1] = "";

		len = (size_t)(at - rest);
		if (name_component(at + 1, strlen(at + 1), out->snapshot,
				   sizeof(out->snapshot)) < 0)
			return name_too_long(ctl, at + 1);
		if (len < sizeof(volume))
			memcpy(volume, rest, len);
		if (name_is_listed(ctl, out->service, volume)) {
			memcpy(out->volume, volume, sizeof(volume));
			return 0;
		}
	} else if (!(kinds & NAME_VOLUME)) {
		return usage_error(ctl, "'%s/%s' names no snapshot: write "
				   "SERVICE/VOLUME@SNAPSHOT", out->service,
				   rest);
	}
	if (name_component(rest, len, out->volume, sizeof(out->volume)) < 0)
		return name_too_long(ctl, rest);
	return 0;
}

/* SERVICE/VOLUME/snapshots/SNAPSHOT, as a path below the tree is written. */
static int name_parse_path(const struct ctl *ctl, char *rest, unsigned kinds,
			   struct name *out)
{
	static const char middle[] = "/snapshots/";
	char *slash = strchr(rest, '/');

	if (!slash) {
		return name_parse_volume(ctl, rest, kinds, out);
	} else if (!strncmp(slash, middle, sizeof(middle) - 1) &&
		   !strchr(slash + sizeof(middle) - 1, '/') &&
		   (kinds & NAME_SNAPSHOT)) {
		memmove(slash + 1, slash + sizeof(middle) - 1,
			strlen(slash + sizeof(middle) - 1) + 1);
		*slash = '@';
		return name_parse_volume(ctl, rest, NAME_SNAPSHOT, out);
	}
	return usage_error(ctl, "the path '%s/%s' is below a volume: give the "
			   "volume's own directory", out->service, rest);
}

static int name_lacks_service(const struct ctl *ctl, const char *text)
{
	AUTO(auto_strings) struct strings services = STRINGS_INIT;
	char quoted[80];

	quote_for_error(quoted, sizeof(quoted), text, strlen(text));
	tree_list(ctl->tree, &services);
	for (size_t i = 0; i < services.count; i++) {
		if (name_is_listed(ctl, services.at[i], text))
			return usage_error(ctl, "'%s' lacks its service: did "
					   "you mean %s/%s", quoted,
					   services.at[i], quoted);
	}
	return usage_error(ctl, "'%s' is not SERVICE/VOLUME", quoted);
}

int name_parse(const struct ctl *ctl, const char *text, unsigned kinds,
	       struct name *out)
{
	AUTO(auto_free) char *copy = strdup(text);
	size_t tree_len = strlen(ctl->tree);
	char *start = copy;
	bool is_path = false;
	char *rest;

	*out = (struct name){ 0 };
	if (!copy)
		return complain("out of memory");
	if (!strncmp(copy, ctl->tree, tree_len) && copy[tree_len] == '/') {
		start += tree_len;
		is_path = true;
		while (*start == '/')
			start++;
	}
	for (size_t n = strlen(start); n > 1 && start[n - 1] == '/'; n--)
		start[n - 1] = '\0';
	rest = strchr(start, '/');
	if (rest)
		*rest++ = '\0';
	else if (!(kinds & NAME_SERVICE))
		return name_lacks_service(ctl, text);
	if (!service_name_is_valid(start)) {
		char quoted[80];

		return usage_error(ctl, "'%s' cannot be a service: their names "
				   "are a-z, 0-9 and '-'", quote_for_error(
				   quoted, sizeof(quoted), start,
				   strlen(start)));
	}
	snprintf(out->service, sizeof(out->service), "%s", start);
	if (!rest)
		return 0;
	if (!(kinds & (NAME_VOLUME | NAME_SNAPSHOT)))
		return usage_error(ctl, "'%s' names a volume: give a service",
				   text);
	return is_path ? name_parse_path(ctl, rest, kinds, out)
		       : name_parse_volume(ctl, rest, kinds, out);
}

const char *name_text(const struct name *name, char *out)
{
	snprintf(out, NAME_TEXT_MAX, "%s%s%s%s%s", name->service,
		 name->volume[0] ? "/" : "", name->volume,
		 name->snapshot[0] ? "@" : "", name->snapshot);
	return out;
}

bool argument_is_name(const char *text)
{
	size_t slash = strcspn(text, "/");

	return text[slash] == '/' && strcspn(text, "=") > slash;
}

char *tree_path(char *out, const struct ctl *ctl, const struct name *name,
		const char *file)
{
	static const struct name nothing;
	int n;

	if (!name)
		name = &nothing;
	n = snprintf(out, PATH_MAX, "%s%s%s%s%s%s%s%s%s", ctl->tree,
		     name->service[0] ? "/" : "", name->service,
		     name->volume[0] ? "/" : "", name->volume,
		     name->snapshot[0] ? "/snapshots/" : "", name->snapshot,
		     file ? "/" : "", file ? file : "");
	if (n < 0 || n >= PATH_MAX)
		snprintf(out, PATH_MAX, "%s", "");
	return out;
}

/* ---- signals ---- */

static const int caught_signals[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction caught_before[ARRAY_SIZE(caught_signals)];
static int catch_depth;

static void note_interrupt(int number)
{
	interrupted = number;
}

void interrupts_catch(void)
{
	struct sigaction action = { .sa_handler = note_interrupt };

	if (catch_depth++ > 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(caught_signals); i++) {
		sigaction(caught_signals[i], NULL, &caught_before[i]);
		/* nohup's choice stays */
		if (caught_before[i].sa_handler != SIG_IGN)
			sigaction(caught_signals[i], &action, NULL);
	}
}

void interrupts_release(int *unused)
{
	int saved = errno;

	if (--catch_depth > 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(caught_signals); i++)
		sigaction(caught_signals[i], &caught_before[i], NULL);
	errno = saved;
}

/* ---- reading ---- */

int tree_read(const char *path, struct buf *out)
{
	AUTO(auto_fd) int fd = tree_open(path, O_RDONLY);
	int count = 0;
	char piece[8192];
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (;;) {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && again(&count))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		buf_append(out, piece, (size_t)n);
		if (buf_failed(out))
			return -EFBIG;
	}
	return 0;
}

char *tree_read_line(const char *path)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	size_t len;

	tree_read(path, &text);
	len = strlen(buf_str(&text));
	if (len && text.data[len - 1] == '\n')
		text.data[len - 1] = '\0';
	return strdup(buf_str(&text));
}

struct json_object *tree_read_json(const char *path)
{
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	struct json_object *object;
	int r = tree_read(path, &text);

	if (r < 0) {
		errno = -r;
		return NULL;
	}
	object = json_tokener_parse(buf_str(&text));
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		errno = EPROTO;
		return NULL;
	}
	return object;
}

/* ---- writing ---- */

int tree_write(const char *path, const char *line)
{
	/* Without O_TRUNC and O_APPEND, so that the kernel makes no writer of
	 * the same file wait for another and a signal can end the wait. */
	AUTO(auto_fd) int fd = tree_open(path, O_WRONLY);
	AUTO(auto_buf) struct buf text = BUF_INIT(LINE_MAX_BYTES);
	int count = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	buf_printf(&text, "%s\n", line);
	if (buf_failed(&text))
		return -E2BIG;
	do
		n = write(fd, text.data, text.len);
	while (n < 0 && again(&count));
	if (n < 0)
		return -errno;
	return n == (ssize_t)text.len ? 0 : -EIO;
}

int tree_mkdir(const char *path)
{
	int count = 0;
	int r;

	do
		r = mkdir(path, 0755);
	while (r < 0 && again(&count));
	/* one that was interrupted may have made it */
	return r == 0 || (count && errno == EEXIST) ? 0 : -errno;
}

int tree_rmdir(const char *path)
{
	int count = 0;
	int r;

	do
		r = rmdir(path);
	while (r < 0 && again(&count));
	return r == 0 || (count && errno == ENOENT) ? 0 : -errno;
}

void tree_poll(int fd, int most_ms)
{
	/* POLLPRI alone: a file that cannot tell is always readable. */
	struct pollfd wait = { .fd = fd, .events = POLLPRI };

	if (poll(&wait, 1, most_ms) > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* ---- lists ---- */

void auto_strings(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i]);
	free(s->at);
	*s = (struct strings)STRINGS_INIT;
}

int strings_add(struct strings *s, const char *text)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		char **at = realloc(s->at, room * sizeof(*at));

		if (!at)
			return -ENOMEM;
		s->at = at;
		s->room = room;
	}
	s->at[s->count] = strdup(text);
	return s->at[s->count] ? (s->count++, 0) : -ENOMEM;
}

bool tree_has_directory(const char *path)
{
	struct statfs fs;
	struct stat st;
	int count = 0;
	int r;

	do
		r = stat(path, &st);
	while (r < 0 && again(&count));
	if (r == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	/* The kernel answers stat() for a dead daemon, too. */
	return r == 0 && S_ISDIR(st.st_mode) && statfs(path, &fs) == 0;
}

static bool entry_is_directory(DIR *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(dir), entry->d_name, &st,
		       AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int tree_list(const char *path, struct strings *out)
{
	AUTO(auto_fd) int fd = tree_open(path, O_RDONLY | O_DIRECTORY);
	AUTO(auto_dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	fd = -1;
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (entry->d_name[0] == '.' || !entry_is_directory(dir, entry))
			continue;
		if (strings_add(out, entry->d_name) < 0)
			return -ENOMEM;
	}
	if (errno)
		return -errno;
	if (out->count)
		qsort(out->at, out->count, sizeof(*out->at), compare_text);
	return 0;
}
