/* SPDX-License-Identifier: Apache-2.0 */
#include "core/provider.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "core/host/commands.h"
#include "net/json.h"

#define HELP_WORDS_MAX 20

/* One place that knows an attach_result's strings: freeing, writing and
 * reading walk it. */
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "serial", offsetof(struct attach_result, device.serial) },
	{ "wwn", offsetof(struct attach_result, device.wwn) },
	{ "by_id", offsetof(struct attach_result, device.by_id) },
	{ "path", offsetof(struct attach_result, device.path) },
	{ "image", offsetof(struct attach_result, device.image) },
	{ "fstype", offsetof(struct attach_result, fstype) },
	{ "source", offsetof(struct attach_result, source) },
	{ "options", offsetof(struct attach_result, options) },
	{ "directory", offsetof(struct attach_result, directory) },
};

static char **text_at(struct attach_result *a, size_t i)
{
	return (char **)((char *)a + texts[i].offset);
}

void attach_done(struct attach_result *a)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		free(*text_at(a, i));
	memset(a, 0, sizeof(*a));
}

int attach_encode(const struct attach_result *a, struct buf *out)
{
	size_t i;

	buf_puts(out, "{\"kind\":");
	buf_json_string(out, volume_kind_name(a->kind));
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = *(char *const *)((const char *)a +
						    texts[i].offset);

		if (!text)
			continue;
		buf_printf(out, ",\"%s\":", texts[i].key);
		buf_json_string(out, text);
	}
	if (a->device.backing_dev || a->device.backing_ino)
		buf_printf(out, ",\"backing_dev\":%" PRIu64
			   ",\"backing_ino\":%" PRIu64,
			   a->device.backing_dev, a->device.backing_ino);
	buf_printf(out, ",\"read_only\":%s}", a->read_only ? "true" : "false");
	return buf_failed(out) ? -buf_failed(out) : 0;
}

static int kind_parse(const char *word, enum volume_kind *out)
{
	static const enum volume_kind kinds[] = {
		KIND_BLOCK, KIND_SHARE, KIND_PROGRAM, KIND_DIRECTORY
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(volume_kind_name(kinds[i]), word)) {
			*out = kinds[i];
			return 0;
		}
	}
	return -EINVAL;
}

static int decode_texts(struct json_object *o, struct attach_result *a,
			struct err *err)
{
	const char *text;
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		r = json_opt_string(o, texts[i].key, NULL, &text, err);
		if (r < 0)
			return r;
		if (!text)
			continue;
		*text_at(a, i) = strdup(text);
		if (!*text_at(a, i))
			return err_oom(err);
	}
	return 0;
}

int attach_decode(const char *text, struct attach_result *out, struct err *err)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct attach_result a = { 0 };
	const char *kind;
	int r;

	r = json_parse(text, strlen(text), "the attachment in the store", &o,
		       err);
	if (r == 0)
		r = json_get_string(o, "kind", &kind, err);
	if (r == 0 && kind_parse(kind, &a.kind) < 0)
		r = err_set(err, EPROTO, "the attachment in the store is of kind '%s', which nobody knows",
			    kind);
	if (r == 0)
		r = decode_texts(o, &a, err);
	if (r == 0)
		r = json_opt_size(o, "backing_dev", 0, &a.device.backing_dev,
				  err);
	if (r == 0)
		r = json_opt_size(o, "backing_ino", 0, &a.device.backing_ino,
				  err);
	if (r == 0)
		r = json_opt_bool(o, "read_only", false, &a.read_only, err);
	if (r < 0) {
		attach_done(&a);
		return r;
	}
	*out = a;
	return 0;
}

/* ---- the driver's part of a helper process ---- */

HELPER_COMMAND(command_driver)
{
	const struct provider *p = provider_find(argv[0]);

	if (!p || !p->help)
		return err_set(err, EINVAL, "the driver '%s' has no helper",
			       argv[0]);
	return p->help(argc - 1, argv + 1, reply, err);
}

int provider_help(const struct provider *p, const struct call *c,
		  int64_t most_ms, const char *const *words,
		  struct json_object **reply, struct err *err)
{
	const char *argv[HELP_WORDS_MAX + 3] = { "driver", p->name };
	size_t n;

	for (n = 0; words[n]; n++) {
		if (n == HELP_WORDS_MAX)
			return err_set(err, E2BIG, "a helper of the driver "
				       "'%s' has more than %d words", p->name,
				       HELP_WORDS_MAX);
		argv[n + 2] = words[n];
	}
	return helper_run(c, most_ms, argv, reply, err);
}
