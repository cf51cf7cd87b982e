/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb there is, one line each. */
#include <string.h>

#include "core/engine_impl.h"

const struct verb *const verbs[] = {
	&verb_create,
	&verb_remove,
	&verb_import,
	&verb_refresh,
	&verb_attach,
	&verb_detach,
	&verb_mount,
	&verb_unmount,
	&verb_set,
	&verb_cancel,
	&verb_forget,
	&verb_rename,
	&verb_snapshot,
	&verb_snapshot_remove,
	&verb_snapshot_protect,
	&verb_restore,
	&verb_reload,
	&verb_down,
	&verb_job_cancel,
	NULL
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *v = verbs; *v; v++)
		if (name && strcmp((*v)->name, name) == 0)
			return *v;
	return NULL;
}
