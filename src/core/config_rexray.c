/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The names that libStorage, REX-Ray and openstorage gave to what volfs calls
 * otherwise, and those of theirs that mean nothing here.
 */

#include "core/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/parse.h"

#define OPS "libstorage.integration.volume.operations."

/* The newer name stands before the older one of the same key. */
const struct rexray_name rexray_names[] = {
	{ OPS "create.default.size", "size", GIB },
	{ "docker.size", "size", GIB },
	{ "rexray.docker.size", "size", GIB },
	{ OPS "create.default.type", "type", AS_IS },
	{ "docker.volumeType", "type", AS_IS },
	{ "rexray.docker.volumeType", "type", AS_IS },
	{ OPS "create.default.iops", "iops", AS_IS },
	{ "docker.iops", "iops", AS_IS },
	{ "rexray.docker.iops", "iops", AS_IS },
	{ OPS "create.default.fsType", "fstype", AS_IS },
	{ "docker.fsType", "fstype", AS_IS },
	{ OPS "create.default.availabilityZone", "zone", AS_IS },
	{ "docker.availabilityZone", "zone", AS_IS },
	{ "rexray.docker.availabilityZone", "zone", AS_IS },
	{ "rexray.minVolSize", "minSize", GIB },
	{ OPS "create.disable", "allowCreate", INVERTED },
	{ "rexray.volume.create.disable", "allowCreate", INVERTED },
	{ OPS "create.implicit", "implicitCreate", AS_IS },
	{ OPS "remove.disable", "allowRemove", INVERTED },
	{ "rexray.volume.remove.disable", "allowRemove", INVERTED },
	{ OPS "remove.force", "removeForce", AS_IS },
	{ OPS "mount.preempt", "preempt", AS_IS },
	{ "rexray.volume.mount.preempt", "preempt", AS_IS },
	{ OPS "mount.retryCount", "mountRetries", AS_IS },
	{ OPS "mount.retryWait", "mountRetryWait", AS_IS },
	{ OPS "mount.rootPath", "subpath", AS_IS },
	{ "linux.volume.rootPath", "subpath", AS_IS },
	{ "linux.volume.fileMode", "mode", AS_IS },
	{ OPS "unmount.ignoreUsedCount", "ignoreUsedCount", AS_IS },
	{ "rexray.volume.unmount.ignoreUsedCount", "ignoreUsedCount", AS_IS },
	{ "libstorage.device.attachTimeout", "deviceTimeout", AS_IS },
	{ "libstorage.server.tasks.exeTimeout", "answerTimeout", AS_IS },
	{ NULL }
};

const struct rexray_name rexray_core_names[] = {
	{ "libstorage.logging.level", "logLevel", LEVEL },
	{ "rexray.logLevel", "logLevel", LEVEL },
	{ NULL }
};

#define NO_SERVER "volfs talks to the services itself, without a server"
#define NO_NETWORK "volfs has no network side"
#define NO_HELPER "volfs needs no helper of that kind"
#define NO_PLUGIN "Docker and CSI are served by clients of the tree"
#define NO_LOGFILE "volfs logs to the journal, and never bodies"

static const struct {
	const char *path, *why;
} ignored[] = {
	{ "csi", NO_PLUGIN },
	{ "docker.legacy", NO_PLUGIN },
	{ "docker.mountDirPath", "volumes are mounted at their data/" },
	{ "libstorage.client", NO_SERVER },
	{ "libstorage.device.scanType", "devices are found by identity" },
	{ "libstorage.embedded", NO_SERVER },
	{ "libstorage.executor", NO_HELPER },
	{ "libstorage.host", NO_SERVER },
	{ "libstorage.http", NO_NETWORK },
	{ "libstorage.integration.driver", NO_PLUGIN },
	{ OPS "mount.path", "volumes are mounted at their data/" },
	{ OPS "path", "the tree is always answered from memory" },
	{ "libstorage.logging", NO_LOGFILE },
	{ "libstorage.os", "the system is always Linux" },
	{ "libstorage.server.auth", NO_NETWORK },
	{ "libstorage.server.autoEndpointMode", NO_NETWORK },
	{ "libstorage.server.endpoints", NO_NETWORK },
	{ "libstorage.server.parseRequestOpts", NO_NETWORK },
	{ "libstorage.server.tasks.logTimeout", "jobs are kept by number" },
	{ "libstorage.server.tls", NO_NETWORK },
	{ "libstorage.service", "each service has its own directory" },
	{ "libstorage.storage", NO_SERVER },
	{ "libstorage.tls", NO_NETWORK },
	{ "linux.volume", "it says nothing of a volume here" },
	{ "osd.cluster", "machines are named by their machine-id" },
	{ "osd.drivers.buse", "volfs has no such driver" },
	{ "osd.drivers.coprhd", "volfs has no such driver" },
	{ "osd.drivers.fuse", "volfs has no such driver" },
	{ "osd.drivers.pwx", "volfs has no such driver" },
	{ "osd.graphdrivers", "volfs stores no image layers" },
	{ "rexray.csi", NO_PLUGIN },
	{ "rexray.daemonDrivers", NO_PLUGIN },
	{ "rexray.debug", "the level is volfs.logLevel" },
	{ "rexray.docker.mount", "volumes are mounted at their data/" },
	{ "rexray.home", "volfs has --state and --run" },
	{ "rexray.host", NO_SERVER },
	{ "rexray.module", NO_PLUGIN },
	{ "rexray.osDrivers", "the system is always Linux" },
	{ "rexray.remoteManagement", "it is a key of xtremio" },
	{ "rexray.service", "each service has its own directory" },
	{ "rexray.volume.path", "the tree is always answered from memory" },
	{ "rexray.volumeDrivers", NO_PLUGIN },
};

/* What others read of a file: sections, and the keys services are made of. */
static const char *const structure[] = {
	"libstorage.server.services", "osd.drivers", "rexray.modules",
	"rexray.storageDrivers",
};

static bool is_at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncasecmp(path, top, len) &&
	       (path[len] == '\0' || path[len] == '.');
}

const char *rexray_ignored(const char *path, size_t *top)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++) {
		if (!is_at_or_below(path, ignored[i].path))
			continue;
		*top = strlen(ignored[i].path);
		return ignored[i].why;
	}
	return NULL;
}

/* Every known path, for the two functions below. */
static const char *known_path(size_t i)
{
	size_t n = ARRAY_SIZE(rexray_names) - 1;

	if (i < n)
		return rexray_names[i].path;
	i -= n;
	n = ARRAY_SIZE(rexray_core_names) - 1;
	if (i < n)
		return rexray_core_names[i].path;
	i -= n;
	if (i < ARRAY_SIZE(ignored))
		return ignored[i].path;
	i -= ARRAY_SIZE(ignored);
	return i < ARRAY_SIZE(structure) ? structure[i] : NULL;
}

bool rexray_is_container(const char *path)
{
	const char *known;
	size_t i;

	for (i = 0; (known = known_path(i)); i++)
		if (strlen(known) > strlen(path) &&
		    is_at_or_below(known, path))
			return true;
	return false;
}

size_t rexray_words(const char *parent, const char **words, size_t room,
		    char *store, size_t store_room)
{
	size_t len = strlen(parent), n = 0, i, used = 0;
	const char *known;

	for (i = 0; (known = known_path(i)) && n < room; i++) {
		size_t word;

		if (len && (!is_at_or_below(known, parent) || !known[len]))
			continue;
		known += len ? len + 1 : 0;
		word = strcspn(known, ".");
		if (used + word + 1 > store_room)
			break;
		memcpy(store + used, known, word);
		store[used + word] = '\0';
		words[n++] = store + used;
		used += word + 1;
	}
	return n;
}

const char *rexray_short_path(const char *path)
{
	static const char prefix[] = "libstorage.";

	if (strncasecmp(path, prefix, sizeof(prefix) - 1))
		return NULL;
	return path + sizeof(prefix) - 1;
}

static const char *level_word(const char *word)
{
	static const char *const levels[][2] = {
		{ "panic", "error" }, { "fatal", "error" },
		{ "warning", "warn" }, { "trace", "debug" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++)
		if (!strcasecmp(levels[i][0], word))
			return levels[i][1];
	return word;
}

int rexray_convert(enum rexray_change change, char **text, struct err *err)
{
	char *changed = NULL;
	bool truth;
	int r;

	switch (change) {
	case AS_IS:
		return 0;
	case GIB:
		if (!**text || (*text)[strspn(*text, "0123456789")])
			return 0;   /* it has a unit */
		if (asprintf(&changed, "%sG", *text) < 0)
			return err_oom(err);
		break;
	case INVERTED:
		r = parse_bool(*text, strlen(*text), &truth, err);
		if (r < 0)
			return r;
		changed = strdup(truth ? "false" : "true");
		break;
	case LEVEL:
		changed = strdup(level_word(*text));
		break;
	}
	if (!changed)
		return err_oom(err);
	free(*text);
	*text = changed;
	return 0;
}
