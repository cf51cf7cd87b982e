/* SPDX-License-Identifier: Apache-2.0 */
#include "core/provider.h"

#include <strings.h>

extern const struct provider provider_local;
extern const struct provider provider_sim;

const struct provider *const providers[] = {
	&provider_local,
	&provider_sim,
	NULL
};

const struct provider *provider_find(const char *name)
{
	size_t i;

	for (i = 0; providers[i]; i++)
		if (!strcasecmp(providers[i]->name, name))
			return providers[i];
	return NULL;
}
