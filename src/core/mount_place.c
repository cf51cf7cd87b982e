/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What really lies at a volume's data/, as the kernel lists it: an admin may
 * have unmounted it by hand, or mounted something else over it. And whether a
 * mount that is there is as a line asks for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/auto.h"
#include "core/engine_impl.h"
#include "core/host/mount.h"
#include "core/verb_impl.h"

static inline void auto_table(struct mount_table *t)
{
	mount_table_done(t);
}

int mount_place(struct service *s, const struct volume *v, struct err *err)
{
	struct engine *e = s->engine;
	AUTO(auto_free) char *data = NULL;
	AUTO(auto_table) struct mount_table t = { .n = 0 };
	const struct mount_entry *private, *there;
	char dir[512];

	private_dir(s, v->node->serial, dir, sizeof(dir));
	data = e->o.host.data_path(e->o.host.arg, s->name, v->name);
	if (!data)
		return err_oom(err);
	if (mount_table_read(&t, err) < 0)
		return -err->num;
	private = mount_table_find(&t, dir);
	there = mount_table_find(&t, data);
	if (private && there && there->devno != private->devno)
		return err_set(err, EBUSY, "'%.100s' is mounted over '%s': "
			       "take that off first", there->source, data);
	return there ? PLACE_WHOLE : private ? PLACE_PRIVATE : PLACE_NOTHING;
}

bool options_have(const char *options, const char *word, size_t len)
{
	for (; *options; options += *options == ',') {
		size_t n = strcspn(options, ",");

		if (n == len && memcmp(options, word, n) == 0)
			return true;
		options += n;
	}
	return false;
}

const char *unmount_how(const struct volume *v, char out[UNMOUNT_HOW_MAX])
{
	const struct volume_local *l = v->local;
	const char *first = l && l->n_users ? l->users[0].name : "manual";
	char more[64] = "";

	if (l && l->n_users > 1)
		snprintf(more, sizeof(more), ", and so for %zu more (cat users)",
			 l->n_users - 1);
	if (strcmp(first, "manual") == 0)
		first = "1";
	snprintf(out, UNMOUNT_HOW_MAX, "echo %s%.100s > %.100s/unmount%s",
		 strcmp(first, "1") == 0 ? "" : "user=", first, v->name, more);
	return out;
}

/* "ro" and "rw" among the options say what the word `ro` says. */
static bool option_is_so(const struct volume_local *l, const char *word,
			 size_t len)
{
	if (len == 2 && memcmp(word, "ro", 2) == 0)
		return l->mount_read_only;
	if (len == 2 && memcmp(word, "rw", 2) == 0)
		return !l->mount_read_only;
	return options_have(l->options ? l->options : "", word, len);
}

int mount_is_as_asked(const struct job *j, const struct volume *v,
		      struct err *err)
{
	const struct volume_local *l = v->local;
	const char *options = job_word(j, "options");

	if (job_word(j, "ro") &&
	    line_has(&j->line, "ro") != l->mount_read_only)
		return err_set(err, EBUSY, "mount '%s': it is mounted "
			       "read-%s already: unmount it first (cat "
			       "%s/users says for whom)", v->name,
			       l->mount_read_only ? "only" : "write", v->name);
	while (options && *options) {
		size_t n = strcspn(options, ",");

		if (n && !option_is_so(l, options, n))
			return err_set(err, EBUSY, "mount '%s': it is mounted "
				       "already, without '%.*s': unmount it "
				       "first (cat %s/users says for whom)",
				       v->name, (int)n, options, v->name);
		options += n + (options[n] == ',');
	}
	return 0;
}
