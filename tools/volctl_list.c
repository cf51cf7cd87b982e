/* SPDX-License-Identifier: Apache-2.0 */
/* ls, tree, jobs. */

#include "tools/volctl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- what all lists share ---- */

/* The status of @name. NULL: it is gone, or (*@status then) unreadable. */
static struct json_object *read_status(const struct ctl *ctl,
				       const struct name *name,
				       const char *file, int *status)
{
	char path[PATH_MAX];
	char shown[NAME_TEXT_MAX];
	struct json_object *o =
		tree_read_json(tree_path(path, ctl, name, file));

	/* What vanished since the listing is no failure of it. */
	if (!o && (errno != ENOENT ||
		   tree_has_directory(tree_path(path, ctl, name, NULL))))
		*status = complain("%s: its status cannot be read: %s",
				   name_text(name, shown), errno == EPROTO
				   ? "it is not JSON" : strerror(errno));
	return o;
}

static int complain_list(const struct ctl *ctl, const struct name *name,
			 const char *path, int num)
{
	static const struct name nothing;
	char shown[NAME_TEXT_MAX];

	if (!name)
		name = &nothing;
	if (num == ENOENT || num == ENOTDIR || num == ENOTCONN)
		return complain_missing(ctl, name);
	return complain("%s: cannot list '%s': %s", name->service[0]
			? name_text(name, shown) : ctl->tree, path,
			strerror(num));
}

static void cell_int(struct table *t, int64_t value)
{
	char text[FORMAT_MAX];

	snprintf(text, sizeof(text), "%" PRId64, value);
	table_cell(t, value < 0 ? "-" : text);
}

static void cell_size(const struct ctl *ctl, struct table *t, int64_t bytes)
{
	char text[FORMAT_MAX];

	table_cell(t, show_size(ctl, bytes, text));
}

static void cell_yes(struct table *t, struct json_object *o, const char *key)
{
	table_cell(t, js_get(o, key) ? js_bool(o, key) ? "yes" : "no" : "-");
}

/* ---- ls ---- */

/* What is listed: a row of a table, or an object of the JSON array. */
struct listing {
	const char *file;              /* of each thing: its status */
	const char *const *headers;
	unsigned right;
	void (*row)(const struct ctl *ctl, struct table *t, const char *name,
		    struct json_object *o);
};

static void service_row(const struct ctl *ctl, struct table *t,
			const char *name, struct json_object *o)
{
	table_cell(t, name);
	table_cell(t, js_str(o, "state"));
	table_cell(t, js_str(o, "driver"));
	cell_int(t, js_int(o, "counts.volumes", -1));
	cell_int(t, js_int(o, "counts.mounted", -1));
}

static void volume_row(const struct ctl *ctl, struct table *t,
		       const char *name, struct json_object *o)
{
	table_cell(t, name);
	table_cell(t, js_str(o, "state"));
	cell_size(ctl, t, js_int(o, "size_bytes", -1));
	table_cell(t, js_str(o, "type"));
	cell_size(ctl, t, js_int(o, "usage.used_bytes", -1));
	cell_yes(t, o, "mounted");
	table_cell(t, js_str(o, "id"));
}

static void snapshot_row(const struct ctl *ctl, struct table *t,
			 const char *name, struct json_object *o)
{
	table_cell(t, name);
	table_cell(t, js_str(o, "state"));
	cell_size(ctl, t, js_int(o, "size_bytes", -1));
	table_cell(t, js_str(o, "created_at"));
	cell_yes(t, o, "protect");
	table_cell(t, js_str(o, "id"));
}

static const struct listing listings[] = {
	{ ".status", (const char *const[]){ "NAME", "STATE", "DRIVER",
	  "VOLUMES", "MOUNTED", NULL }, 1 << 3 | 1 << 4, service_row },
	{ "status", (const char *const[]){ "NAME", "STATE", "SIZE", "TYPE",
	  "USED", "MOUNTED", "ID", NULL }, 1 << 2 | 1 << 4, volume_row },
	{ "status", (const char *const[]){ "NAME", "STATE", "SIZE", "CREATED",
	  "PROTECTED", "ID", NULL }, 1 << 2, snapshot_row },
};

/* The thing called @child in the directory of @parent. */
static struct name child_of(const struct name *parent, const char *child)
{
	struct name name = *parent;

	if (!name.service[0])
		snprintf(name.service, sizeof(name.service), "%s", child);
	else if (!name.volume[0])
		snprintf(name.volume, sizeof(name.volume), "%s", child);
	else
		snprintf(name.snapshot, sizeof(name.snapshot), "%s", child);
	return name;
}

/* With -q: the names as other commands take them, nothing else. */
static void print_names(const struct name *parent,
			const struct strings *children)
{
	char shown[NAME_TEXT_MAX];

	for (size_t i = 0; i < children->count; i++) {
		struct name child = child_of(parent, children->at[i]);
		AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

		show_safe(&safe, name_text(&child, shown));
		puts(buf_str(&safe));
	}
}

static int list_children(const struct ctl *ctl, const struct name *parent,
			 const struct strings *children,
			 struct json_object *array)
{
	const struct listing *listing =
		&listings[parent->volume[0] ? 2 : parent->service[0] ? 1 : 0];
	AUTO(auto_table) struct table t;
	int status = EXIT_DONE;

	table_init(&t, listing->headers, listing->right, 1);
	for (size_t i = 0; i < children->count; i++) {
		struct name child = child_of(parent, children->at[i]);
		AUTO(auto_json) struct json_object *o = read_status(
			ctl, &child, listing->file, &status);

		if (o && ctl->json)
			json_object_array_add(array, STEAL(o));
		else if (o)
			listing->row(ctl, &t, children->at[i], o);
	}
	if (!ctl->json)
		table_print(ctl, &t);
	return status;
}

static int list_one(const struct ctl *ctl, const struct name *parent,
		    struct json_object *array)
{
	AUTO(auto_strings) struct strings children = STRINGS_INIT;
	char path[PATH_MAX];
	int r;

	r = tree_list(tree_path(path, ctl, parent, parent->volume[0]
				? "snapshots" : NULL), &children);
	/* A volume whose service has no snapshots has none. */
	if (r == -ENOENT && parent->volume[0] &&
	    tree_has_directory(tree_path(path, ctl, parent, NULL)))
		r = 0;
	if (!r && !parent->service[0] &&
	    !tree_has_directory(tree_path(path, ctl, NULL, ".volfs")))
		r = -ENOENT;
	if (r < 0)
		return complain_list(ctl, parent, path, -r);
	if (ctl->quiet && !ctl->json) {
		print_names(parent, &children);
		return EXIT_DONE;
	}
	return list_children(ctl, parent, &children, array);
}

int command_ls(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *array = json_object_new_array();
	struct name name = { 0 };
	char shown[NAME_TEXT_MAX];
	int status = EXIT_DONE;

	if (argc == 1)
		status = list_one(ctl, &name, array);
	for (int i = 1; i < argc; i++) {
		int r = name_parse(ctl, argv[i], NAME_SERVICE | NAME_VOLUME,
				   &name);

		if (r)
			return r;
		if (argc > 2 && !ctl->json && !ctl->quiet)
			printf("%s%s:\n", i > 1 ? "\n" : "",
			       name_text(&name, shown));
		fflush(stdout);
		if (list_one(ctl, &name, array))
			status = EXIT_FAILED;
	}
	if (ctl->json)
		show_json_array(array);
	return status;
}

/* ---- tree ---- */

static void draw_node(const struct ctl *ctl, const char *prefix, bool last,
		      const char *name, const char *state, const char *more)
{
	AUTO(auto_buf) struct buf safe = BUF_INIT(TREE_FILE_MAX);

	show_safe(&safe, name);
	printf("%s%s%s", prefix, ctl->utf8 ? last ? "└── " : "├── "
					   : last ? "`-- " : "|-- ",
	       buf_str(&safe));
	if (*state) {
		buf_reset(&safe);
		show_safe(&safe, state);
		printf("  %s%s%s", show_color(ctl, state), buf_str(&safe),
		       show_color_end(ctl));
	}
	buf_reset(&safe);
	show_safe(&safe, more);
	puts(buf_str(&safe));
}

/* The children of @parent as lines and as "volumes", "snapshots" of @into. */
static int draw_below(const struct ctl *ctl, const struct name *parent,
		      const char *prefix, struct json_object *into);

static int draw_child(const struct ctl *ctl, const struct name *child,
		      const char *prefix, bool last, struct json_object *into)
{
	AUTO(auto_json) struct json_object *o = NULL;
	AUTO(auto_buf) struct buf more = BUF_INIT(1024);
	AUTO(auto_buf) struct buf deeper = BUF_INIT(1024);
	struct json_object *node = json_object_new_object();
	bool is_service = !child->volume[0];
	const char *label = is_service ? child->service : child->snapshot[0]
				       ? child->snapshot : child->volume;
	char size[FORMAT_MAX];
	int status = EXIT_DONE;

	json_object_array_add(into, node);
	o = read_status(ctl, child, is_service ? ".status" : "status",
			&status);
	json_object_object_add(node, "name", json_object_new_string(label));
	json_object_object_add(node, "state",
			       json_object_get(js_get(o, "state")));
	if (!is_service) {
		json_object_object_add(node, "size_bytes",
				json_object_get(js_get(o, "size_bytes")));
		buf_printf(&more, "  %s%s", show_size(ctl, js_int(o,
			   "size_bytes", -1), size),
			   js_bool(o, "mounted") ? ", mounted" : "");
	}
	if (!ctl->json)
		draw_node(ctl, prefix, last, label, js_str(o, "state"),
			  buf_str(&more));
	if (child->snapshot[0])
		return status;
	buf_printf(&deeper, "%s%s", prefix,
		   last ? "    " : ctl->utf8 ? "│   " : "|   ");
	return draw_below(ctl, child, buf_str(&deeper), node) || status
		       ? EXIT_FAILED : EXIT_DONE;
}

static int draw_below(const struct ctl *ctl, const struct name *parent,
		      const char *prefix, struct json_object *into)
{
	AUTO(auto_strings) struct strings children = STRINGS_INIT;
	struct json_object *array = into;
	char path[PATH_MAX];
	int status = EXIT_DONE;
	int r;

	if (parent->service[0]) {
		array = json_object_new_array();
		json_object_object_add(into, parent->volume[0] ? "snapshots"
				       : "volumes", array);
	}
	r = tree_list(tree_path(path, ctl, parent, parent->volume[0]
				? "snapshots" : NULL), &children);
	if (r < 0 && !(r == -ENOENT && parent->volume[0]))
		return complain_list(ctl, parent, path, -r);
	for (size_t i = 0; i < children.count; i++) {
		struct name child = child_of(parent, children.at[i]);

		if (draw_child(ctl, &child, prefix, i + 1 == children.count,
			       array))
			status = EXIT_FAILED;
	}
	return status;
}

int command_tree(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *array = json_object_new_array();
	struct name name = { 0 };
	char path[PATH_MAX];
	int status = EXIT_DONE;

	if (argc == 1) {
		if (!tree_has_directory(tree_path(path, ctl, NULL, ".volfs")))
			return complain_missing(ctl, &name);
		if (!ctl->json)
			puts(ctl->tree);
		status = draw_below(ctl, &name, "", array);
	}
	for (int i = 1; i < argc; i++) {
		int r = name_parse(ctl, argv[i], NAME_SERVICE | NAME_VOLUME,
				   &name);

		if (r)
			return r;
		if (!tree_has_directory(tree_path(path, ctl, &name, NULL)))
			status = complain_missing(ctl, &name);
		else if (draw_child(ctl, &name, "", i + 1 == argc, array))
			status = EXIT_FAILED;
	}
	if (ctl->json)
		show_json_array(array);
	return status;
}

/* ---- jobs ---- */

static const char *const job_headers[] = {
	"ID", "STATE", "VERB", "VOLUME", "STEP", "DONE", "STARTED", "RESULT",
	NULL
};

static void job_row(struct table *t, struct json_object *o)
{
	char object[NAME_TEXT_MAX];
	char percent[16];
	struct job_info job;

	if (!job_from_json(o, &job))
		return;
	snprintf(object, sizeof(object), "%s%s%s", job.service,
		 job.volume[0] ? "/" : "", job.volume);
	snprintf(percent, sizeof(percent), "%d%%", job.percent);
	table_cell(t, job.id);
	table_cell(t, job.state);
	table_cell(t, job.verb);
	table_cell(t, object);
	table_cell(t, job.finished ? "" : job.step);
	table_cell(t, job.percent >= 0 && !job.finished ? percent : "");
	table_cell(t, job.started_at);
	table_cell(t, job.finished ? job.error : "");
}

static int compare_ids(const void *a, const void *b)
{
	const char *x = *(char *const *)a;
	const char *y = *(char *const *)b;
	size_t x_len = strlen(x);
	size_t y_len = strlen(y);

	return x_len != y_len ? x_len > y_len ? 1 : -1 : strcmp(x, y);
}

static int list_all_jobs(const struct ctl *ctl, struct table *t,
			 struct json_object *array)
{
	AUTO(auto_strings) struct strings ids = STRINGS_INIT;
	int r, status = EXIT_DONE;
	char path[PATH_MAX];
	struct job_info job;
	char file[300];

	r = tree_list(tree_path(path, ctl, NULL, ".volfs/jobs"), &ids);
	if (r < 0)
		return complain_list(ctl, NULL, path, -r);
	if (ids.count)
		qsort(ids.at, ids.count, sizeof(*ids.at), compare_ids);
	for (size_t i = 0; i < ids.count; i++) {
		AUTO(auto_json) struct json_object *o = NULL;

		snprintf(file, sizeof(file), ".volfs/jobs/%s/status",
			 ids.at[i]);
		o = tree_read_json(tree_path(path, ctl, NULL, file));
		if (!o && errno == EACCES)
			return complain("you may not read everyone's jobs: "
					"'volctl jobs SERVICE/VOLUME' shows "
					"those of a volume");
		if (!job_from_json(o, &job) ||
		    (job.finished && !ctl_has(ctl, TAKES_ALL)))
			continue;
		job_row(t, o);
		json_object_array_add(array, STEAL(o));
	}
	return status;
}

/* The last jobs of a volume: "ID VERB STATE TIME ERRNO" a line, and the one
 * that runs as JSON in "job". */
static int list_volume_jobs(const struct ctl *ctl, const struct name *name,
			    struct table *t, struct json_object *array)
{
	static const char *const keys[] = { "id", "verb", "state", "at",
					    "errno" };
	AUTO(auto_buf) struct buf text = BUF_INIT(TREE_FILE_MAX);
	char shown[NAME_TEXT_MAX];
	char path[PATH_MAX];
	char *line, *rest;
	int r = tree_read(tree_path(path, ctl, name, "jobs"), &text);

	if (r < 0)
		return tree_complain(ctl, name, path, "list its jobs", -r);
	buf_puts(&text, "");
	rest = text.data;
	while ((line = strsep(&rest, "\n"))) {
		struct json_object *o = json_object_new_object();
		char *word, *words = line;

		json_object_object_add(o, "service",
				       json_object_new_string(name->service));
		json_object_object_add(o, "volume",
				       json_object_new_string(name->volume));
		for (size_t k = 0; k < ARRAY_SIZE(keys) &&
		     (word = strsep(&words, " ")); k++)
			json_object_object_add(o, keys[k],
					       json_object_new_string(word));
		if (!*js_str(o, "verb")) {
			json_object_put(o);
			continue;
		}
		table_cell(t, js_str(o, "id"));
		table_cell(t, js_str(o, "state"));
		table_cell(t, js_str(o, "verb"));
		table_cell(t, name_text(name, shown));
		table_cell(t, "");
		table_cell(t, "");
		table_cell(t, js_str(o, "at"));
		table_cell(t, js_str(o, "errno"));
		json_object_array_add(array, o);
	}
	return EXIT_DONE;
}

int command_jobs(const struct ctl *ctl, int argc, char **argv)
{
	AUTO(auto_json) struct json_object *array = json_object_new_array();
	AUTO(auto_table) struct table t;
	int status = EXIT_DONE;
	struct name name;

	table_init(&t, job_headers, 1 << 0 | 1 << 5, 1);
	if (argc == 1)
		status = list_all_jobs(ctl, &t, array);
	for (int i = 1; i < argc; i++) {
		int r = name_parse(ctl, argv[i], NAME_VOLUME, &name);

		if (r)
			return r;
		if (list_volume_jobs(ctl, &name, &t, array))
			status = EXIT_FAILED;
	}
	if (ctl->json)
		show_json_array(array);
	else if (!status || t.cells.count)
		table_print(ctl, &t);
	return status;
}
