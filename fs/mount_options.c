/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/parse.h"

static const struct {
	const char *word;
	unsigned long set, clear;
} table[] = {
	/* These are always so; fstab lines carry them. */
	{ "allow_other", 0, 0 }, { "default_permissions", 0, 0 },
	{ "defaults", 0, 0 }, { "rw", 0, 0 }, { "_netdev", 0, 0 },
	{ "nofail", 0, 0 }, { "auto", 0, 0 }, { "noauto", 0, 0 },
	{ "nosuid", MS_NOSUID, 0 }, { "nodev", MS_NODEV, 0 },
	{ "noexec", MS_NOEXEC, 0 }, { "exec", 0, MS_NOEXEC },
	{ "noatime", MS_NOATIME, 0 }, { "relatime", MS_RELATIME, 0 },
	{ "ro", MS_RDONLY, 0 },
};

static int unknown(const char *word, struct err *err)
{
	const char *words[ARRAY_SIZE(table) + 1] = { NULL };
	const char *nearest;
	char quoted[80];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		words[i] = table[i].word;
	nearest = nearest_word(word, words);
	quote_for_error(quoted, sizeof(quoted), word, strlen(word));
	return err_set(err, EINVAL, "-o %s: no such option of the tree%s%s%s",
		       quoted, nearest ? "; did you mean '" : "",
		       nearest ? nearest : "", nearest ? "'" : "");
}

static int parse_word(const char *word, unsigned long *flags,
		      struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(word, table[i].word) == 0) {
			*flags = (*flags | table[i].set) & ~table[i].clear;
			return 0;
		}
	}
	/* systemd and mount -a pass their own marks through. */
	if (strncmp(word, "x-", 2) == 0 || strncmp(word, "comment=", 8) == 0)
		return 0;
	return unknown(word, err);
}

int mount_options_parse(const char *options, unsigned long *flags,
			struct err *err)
{
	const char *p = options ? options : "";

	while (*p) {
		size_t n = strcspn(p, ",");
		AUTO(auto_free) char *word = strndup(p, n);
		int r = word ? 0 : err_oom(err);

		if (r == 0 && n)
			r = parse_word(word, flags, err);
		if (r < 0)
			return r;
		p += n + (p[n] == ',');
	}
	return 0;
}
