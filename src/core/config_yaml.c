/* SPDX-License-Identifier: Apache-2.0 */

/*
 * YAML text -> a small tree with line numbers. libyaml's events are used, not
 * its loader: depth, nodes and bytes are limited as they come, aliases are
 * counted copies (so that no few lines of text can become gigabytes), and a
 * key given twice is an error instead of a choice.
 */

#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/auto.h"
#include "base/parse.h"

#define ANCHORS_MAX 1000

struct anchor {
	char *name;
	struct conf_node *node;   /* a copy: the original may be a key, or go */
};

struct reader {
	yaml_parser_t parser;
	const struct conf_file *file;
	const char *text;         /* the whole file, to look at a bad line */
	size_t len;
	size_t nodes, bytes;      /* made so far, copies included */
	struct anchor *anchors;
	size_t n_anchors;
};

void conf_free(struct conf_node *node)
{
	size_t i;

	if (!node)
		return;
	for (i = 0; i < node->n; i++)
		conf_free(node->child[i]);
	free(node->child);
	free(node->sorted);
	free(node->key);
	if (node->text)   /* it may be a secret */
		explicit_bzero(node->text, strlen(node->text));
	free(node->text);
	free(node);
}

static void auto_node(struct conf_node **node)
{
	conf_free(*node);
}

static int fail(const struct reader *r, unsigned line, struct err *err,
		const char *text)
{
	return err_set(err, EINVAL, "%s:%u: %s", r->file->path, line, text);
}

static struct conf_node *node_new(struct reader *r, enum conf_kind kind,
				  unsigned line, struct err *err)
{
	struct conf_node *node;

	if (++r->nodes > CONF_NODES_MAX) {
		fail(r, line, err,
		     "the file has more than 100000 values, aliases counted each time: make it smaller");
		return NULL;
	}
	node = calloc(1, sizeof(*node));
	if (!node) {
		err_oom(err);
		return NULL;
	}
	node->kind = kind;
	node->file = r->file;
	node->line = line;
	return node;
}

static int node_set_text(struct reader *r, char **at, const char *text,
			 size_t len, unsigned line, struct err *err)
{
	r->bytes += len;
	if (r->bytes > 8 * CONF_BYTES_MAX)
		return fail(r, line, err,
			    "the aliases of the file repeat too much text");
	if (memchr(text, '\0', len))
		return fail(r, line, err, "a value holds a NUL byte");
	*at = strndup(text, len);
	return *at ? 0 : err_oom(err);
}

static int node_add(struct conf_node *parent, struct conf_node *child)
{
	if (parent->n == parent->room) {
		size_t room = parent->room ? 2 * parent->room : 8;
		void *grown = reallocarray(parent->child, room,
					   sizeof(*parent->child));

		if (!grown)
			return -ENOMEM;
		parent->child = grown;
		parent->room = room;
	}
	parent->child[parent->n++] = child;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct conf_node *const *x = a, *const *y = b;

	return strcasecmp((*x)->key, (*y)->key);
}

static int node_sort(struct conf_node *map)
{
	void *sorted;

	map->n_sorted = 0;
	if (!map->n)
		return 0;
	sorted = reallocarray(map->sorted, map->n, sizeof(*map->sorted));
	if (!sorted)
		return -ENOMEM;
	map->sorted = sorted;
	map->n_sorted = map->n;
	memcpy(map->sorted, map->child, map->n * sizeof(*map->child));
	qsort(map->sorted, map->n, sizeof(*map->sorted), by_key);
	return 0;
}

struct conf_node *conf_child(const struct conf_node *map, const char *key)
{
	struct conf_node wanted = { .key = (char *)key };
	struct conf_node *p = &wanted, **hit;

	if (!map || map->kind != CONF_MAP || !map->n_sorted)
		return NULL;
	hit = bsearch(&p, map->sorted, map->n_sorted, sizeof(*map->sorted),
		      by_key);
	return hit ? *hit : NULL;
}

struct conf_node *conf_at(struct conf_node *root, const char *path)
{
	char key[CONF_PATH_MAX];

	while (root && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		root = conf_child(root, key);
		path += len;
		if (*path == '.')
			path++;
	}
	return root;
}

static struct conf_node *node_copy(struct reader *r,
				   const struct conf_node *from, unsigned line,
				   struct err *err)
{
	AUTO(auto_node) struct conf_node *to = node_new(r, from->kind, line,
							err);
	size_t i;

	if (!to)
		return NULL;
	if (from->key && node_set_text(r, &to->key, from->key,
				       strlen(from->key), line, err) < 0)
		return NULL;
	if (from->text && node_set_text(r, &to->text, from->text,
					strlen(from->text), line, err) < 0)
		return NULL;
	for (i = 0; i < from->n; i++) {
		struct conf_node *child = node_copy(r, from->child[i],
						    from->child[i]->line, err);

		if (!child)
			return NULL;
		if (node_add(to, child) < 0) {
			conf_free(child);
			err_oom(err);
			return NULL;
		}
	}
	if (to->kind == CONF_MAP && node_sort(to) < 0) {
		err_oom(err);
		return NULL;
	}
	return STEAL(to);
}

/* What libyaml says, with the commonest cause put plainly: a tab. */
static int parser_failed(struct reader *r, struct err *err)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line, i, at = 0;

	if (p->error == YAML_MEMORY_ERROR)
		return err_oom(err);
	if (p->error == YAML_READER_ERROR) {
		for (i = 0, line = 1; i < p->problem_offset && i < r->len; i++)
			line += r->text[i] == '\n';
		return err_set(err, EINVAL,
			       "%s:%zu: not text in UTF-8 (%s)", r->file->path,
			       line, p->problem ? p->problem : "");
	}
	for (i = 0; i < r->len && at < line; i++)
		at += r->text[i] == '\n';
	while (i < r->len && (r->text[i] == ' ' || r->text[i] == '-'))
		i++;
	if (i < r->len && r->text[i] == '\t')
		return fail(r, (unsigned)line + 1, err,
			    "the line is indented with a tab: YAML wants blanks");
	return err_set(err, EINVAL, "%s:%zu: not YAML: %s%s%s", r->file->path,
		       line + 1, p->context ? p->context : "",
		       p->context ? ", " : "",
		       p->problem ? p->problem : "syntax error");
}

static int next_event(struct reader *r, yaml_event_t *event, struct err *err)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	return parser_failed(r, err);
}

static unsigned event_line(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static int anchor_set(struct reader *r, const char *name,
		      const struct conf_node *node, struct err *err)
{
	AUTO(auto_node) struct conf_node *copy = node_copy(r, node, node->line,
							   err);
	void *grown;
	size_t i;

	if (!copy)
		return -err->num;
	for (i = 0; i < r->n_anchors; i++) {
		if (!strcmp(r->anchors[i].name, name)) {
			conf_free(r->anchors[i].node);
			r->anchors[i].node = STEAL(copy);
			return 0;
		}
	}
	if (r->n_anchors == ANCHORS_MAX)
		return fail(r, node->line, err,
			    "the file has more than 1000 anchors");
	grown = reallocarray(r->anchors, r->n_anchors + 1,
			     sizeof(*r->anchors));
	if (!grown)
		return err_oom(err);
	r->anchors = grown;
	r->anchors[r->n_anchors].name = strdup(name);
	if (!r->anchors[r->n_anchors].name)
		return err_oom(err);
	r->anchors[r->n_anchors++].node = STEAL(copy);
	return 0;
}

static struct conf_node *read_alias(struct reader *r,
				    const yaml_event_t *event, struct err *err)
{
	const char *name = (const char *)event->data.alias.anchor;
	size_t i;

	for (i = 0; i < r->n_anchors; i++) {
		if (strcmp(r->anchors[i].name, name))
			continue;
		return node_copy(r, r->anchors[i].node, event_line(event), err);
	}
	err_set(err, EINVAL,
		"%s:%u: '*%.80s' names an anchor that no line above has finished: write '&%.80s' at the value it stands for",
		r->file->path, event_line(event), name, name);
	return NULL;
}

static bool is_null_text(const char *text, size_t len)
{
	return len == 0 || (len == 1 && *text == '~') ||
	       (len == 4 && !strncasecmp(text, "null", 4));
}

static struct conf_node *read_scalar(struct reader *r,
				     const yaml_event_t *event,
				     struct err *err)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		     event->data.scalar.plain_implicit;
	AUTO(auto_node) struct conf_node *node = node_new(
		r, plain && is_null_text(text, len) ? CONF_NULL : CONF_TEXT,
		event_line(event), err);

	if (node && node->kind == CONF_TEXT &&
	    node_set_text(r, &node->text, text, len, node->line, err) < 0)
		return NULL;
	return STEAL(node);
}

static struct conf_node *read_node(struct reader *r, yaml_event_t *event,
				   int depth, struct err *err);

/* Reads the node that begins with the next event, or NULL with @end set where
 * that event is @stop. */
static struct conf_node *read_next(struct reader *r, yaml_event_type_t stop,
				   bool *end, int depth, struct err *err)
{
	struct conf_node *node = NULL;
	yaml_event_t event;

	if (next_event(r, &event, err) < 0)
		return NULL;
	*end = event.type == stop;
	if (!*end)
		node = read_node(r, &event, depth, err);
	yaml_event_delete(&event);
	return node;
}

static int add_to_map(struct reader *r, struct conf_node *map,
		      struct conf_node *key, struct conf_node **value,
		      struct err *err)
{
	if (key->kind != CONF_TEXT || !*key->text)
		return fail(r, key->line, err, "a key must be a plain word");
	if (strlen(key->text) > 255)
		return fail(r, key->line, err,
			    "a key is longer than 255 bytes");
	(*value)->key = STEAL(key->text);
	(*value)->line = key->line;
	if (node_add(map, *value) < 0)
		return err_oom(err);
	*value = NULL;
	return 0;
}

static int check_twice(struct reader *r, const struct conf_node *map,
		       struct err *err)
{
	const struct conf_node *first, *again;
	char quoted[80];
	size_t i;

	for (i = 1; i < map->n; i++) {
		first = map->sorted[i - 1];
		again = map->sorted[i];
		if (strcasecmp(first->key, again->key))
			continue;
		if (first->line > again->line) {
			first = again;
			again = map->sorted[i - 1];
		}
		return err_set(err, EINVAL,
			       "%s:%u: key '%s' is given twice (first on line %u): remove one",
			       r->file->path, again->line,
			       quote_for_error(quoted, sizeof(quoted),
					       again->key,
					       strlen(again->key)),
			       first->line);
	}
	return 0;
}

/* The entries of "<<" that @map itself lacks become its own. */
static int merge_one(struct reader *r, struct conf_node *map,
		     const struct conf_node *from, struct err *err)
{
	size_t i;

	if (from->kind != CONF_MAP)
		return fail(r, from->line, err,
			    "'<<' takes an alias of a mapping");
	for (i = 0; i < from->n; i++) {
		struct conf_node *copy;

		if (conf_child(map, from->child[i]->key))
			continue;
		copy = node_copy(r, from->child[i], from->child[i]->line, err);
		if (!copy)
			return -err->num;
		if (node_add(map, copy) < 0) {
			conf_free(copy);
			return err_oom(err);
		}
	}
	return node_sort(map) < 0 ? err_oom(err) : 0;
}

static int resolve_merges(struct reader *r, struct conf_node *map,
			  struct err *err)
{
	AUTO(auto_node) struct conf_node *merge = NULL;
	size_t i, j;
	int ret;

	for (i = 0; i < map->n; i++) {
		if (strcmp(map->child[i]->key, "<<"))
			continue;
		merge = map->child[i];
		memmove(&map->child[i], &map->child[i + 1],
			(map->n - i - 1) * sizeof(*map->child));
		map->n--;
		if (node_sort(map) < 0)
			return err_oom(err);
		break;
	}
	if (!merge)
		return 0;
	if (merge->kind != CONF_LIST)
		return merge_one(r, map, merge, err);
	for (j = 0; j < merge->n; j++) {
		ret = merge_one(r, map, merge->child[j], err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_entries(struct reader *r, struct conf_node *map, int depth,
			struct err *err)
{
	for (;;) {
		AUTO(auto_node) struct conf_node *value = NULL;
		AUTO(auto_node) struct conf_node *key = NULL;
		bool end = false, odd;
		int ret;

		key = read_next(r, YAML_MAPPING_END_EVENT, &end, depth, err);
		if (end)
			break;
		if (!key)
			return -err->num;
		value = read_next(r, YAML_MAPPING_END_EVENT, &odd, depth, err);
		if (!value)
			return -err->num;
		ret = add_to_map(r, map, key, &value, err);
		if (ret < 0)
			return ret;
	}
	if (node_sort(map) < 0)
		return err_oom(err);
	if (check_twice(r, map, err) < 0)
		return -err->num;
	return resolve_merges(r, map, err);
}

static int read_items(struct reader *r, struct conf_node *list, int depth,
		      struct err *err)
{
	bool end = false;

	for (;;) {
		struct conf_node *item = read_next(r, YAML_SEQUENCE_END_EVENT,
						   &end, depth, err);

		if (end)
			return 0;
		if (!item)
			return -err->num;
		if (node_add(list, item) < 0) {
			conf_free(item);
			return err_oom(err);
		}
	}
}

static struct conf_node *read_collection(struct reader *r,
					 const yaml_event_t *event, int depth,
					 struct err *err)
{
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	AUTO(auto_node) struct conf_node *node = NULL;
	int ret;

	if (depth >= CONF_DEPTH_MAX) {
		fail(r, event_line(event), err,
		     "nested more than 32 levels deep");
		return NULL;
	}
	node = node_new(r, is_map ? CONF_MAP : CONF_LIST, event_line(event),
			err);
	if (!node)
		return NULL;
	if (is_map)
		ret = read_entries(r, node, depth + 1, err);
	else
		ret = read_items(r, node, depth + 1, err);
	return ret < 0 ? NULL : STEAL(node);
}

static struct conf_node *read_node(struct reader *r, yaml_event_t *event,
				   int depth, struct err *err)
{
	AUTO(auto_node) struct conf_node *node = NULL;
	const yaml_char_t *anchor = NULL;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, event, err);
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		node = read_scalar(r, event, err);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		node = read_collection(r, event, depth, err);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		node = read_collection(r, event, depth, err);
		break;
	default:
		fail(r, event_line(event), err, "a value is missing here");
		return NULL;
	}
	if (node && anchor &&
	    anchor_set(r, (const char *)anchor, node, err) < 0)
		return NULL;
	return STEAL(node);
}

/* Takes one event that is not part of a value. */
static int expect(struct reader *r, yaml_event_type_t want,
		  yaml_event_type_t *got, unsigned *line, struct err *err)
{
	yaml_event_t event;
	int ret = next_event(r, &event, err);

	if (ret < 0)
		return ret;
	*got = event.type;
	*line = event_line(&event);
	yaml_event_delete(&event);
	return *got == want;
}

static struct conf_node *read_document(struct reader *r, struct err *err)
{
	AUTO(auto_node) struct conf_node *root = NULL;
	yaml_event_type_t got;
	unsigned line = 0;
	bool end;

	if (expect(r, YAML_STREAM_START_EVENT, &got, &line, err) < 0 ||
	    expect(r, YAML_DOCUMENT_START_EVENT, &got, &line, err) < 0)
		return NULL;
	if (got == YAML_STREAM_END_EVENT)
		return node_new(r, CONF_MAP, line, err);
	root = read_next(r, YAML_NO_EVENT, &end, 0, err);
	if (!root || expect(r, YAML_DOCUMENT_END_EVENT, &got, &line, err) < 0 ||
	    expect(r, YAML_STREAM_END_EVENT, &got, &line, err) < 0)
		return NULL;
	if (got != YAML_STREAM_END_EVENT) {
		fail(r, line, err,
		     "a second document begins here: only one is read");
		return NULL;
	}
	if (root->kind == CONF_NULL)
		root->kind = CONF_MAP;
	if (root->kind != CONF_MAP) {
		fail(r, root->line, err,
		     "a configuration is 'key: value' lines, and this is not");
		return NULL;
	}
	return STEAL(root);
}

struct conf_node *conf_parse(const char *text, size_t len,
			     const struct conf_file *file, struct err *err)
{
	struct reader r = { .file = file, .text = text, .len = len };
	struct conf_node *root;
	size_t i;

	if (len > CONF_BYTES_MAX) {
		err_set(err, EINVAL,
			"%s: %zu bytes are more than a configuration may have (1 MiB)",
			file->path, len);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		err_oom(err);
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const yaml_char_t *)text,
				     len);
	root = read_document(&r, err);
	yaml_parser_delete(&r.parser);
	for (i = 0; i < r.n_anchors; i++) {
		free(r.anchors[i].name);
		conf_free(r.anchors[i].node);
	}
	free(r.anchors);
	return root;
}

static int merge_into(struct conf_node *base, struct conf_node *over)
{
	struct conf_node swap;
	size_t i;

	for (i = 0; i < over->n; i++) {
		struct conf_node *child = over->child[i];
		struct conf_node *old = conf_child(base, child->key);

		if (child->kind == CONF_NULL && old)
			continue;
		if (!old) {
			/* Not yet in base->sorted: keys of @over differ. */
			if (node_add(base, child) < 0)
				return -ENOMEM;
			over->child[i] = NULL;
		} else if (old->kind == CONF_MAP && child->kind == CONF_MAP) {
			if (merge_into(old, child) < 0)
				return -ENOMEM;
		} else {
			swap = *old;
			*old = *child;
			*child = swap;
		}
	}
	return node_sort(base);
}

struct conf_node *conf_merge(struct conf_node *base, struct conf_node *over)
{
	int r = merge_into(base, over);

	conf_free(over);
	if (r == 0)
		return base;
	conf_free(base);
	return NULL;
}
