/* SPDX-License-Identifier: Apache-2.0 */
#include "core/provider.h"

#include <strings.h>

#include "base/parse.h"

extern const struct provider provider_btrfs;
extern const struct provider provider_local;
extern const struct provider provider_nfs;
extern const struct provider provider_sim;

const struct provider *const providers[] = {
	&provider_local,
	&provider_btrfs,
	&provider_nfs,
	&provider_sim,
	NULL
};

const char *provider_nearest(const char *word)
{
	const char *names[sizeof(providers) / sizeof(*providers)] = { NULL };

	for (size_t i = 0; providers[i]; i++)
		names[i] = providers[i]->name;
	return nearest_word(word, names);
}

const struct provider *provider_find(const char *name)
{
	size_t i;

	for (i = 0; providers[i]; i++)
		if (!strcasecmp(providers[i]->name, name))
			return providers[i];
	return NULL;
}
