/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_CONFIG_H
#define VOLFS_CORE_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/options.h"

/*
 * The configuration: YAML in volfs's own form, in the form of libStorage and
 * REX-Ray (0.3 to 0.11), or with openstorage's `osd:` section, and for each key
 * an environment variable and a flag. One struct config is one reading of all
 * of these, immutable, owned by who loaded it; to reload, load another one and
 * compare with config_service_equal().
 *
 * Where a value comes from. The nearest place wins: the service's own block,
 * then (driver keys) libstorage.server.DRIVER, then DRIVER at the root; or
 * (volfs's keys) `defaults:`, then the older names at the root; last the
 * driver's or volfs's default. For one and the same place: flag, then
 * environment, then file.
 *
 * Names. The path of a key, "ebs.accessKey", is EBS_ACCESSKEY in the
 * environment (upper case; '.' and '-' become '_') and --ebsAccessKey as a flag
 * (case and '-' do not matter). The native paths begin with VOLFS_ in the
 * environment: services.cloud.latency is VOLFS_SERVICES_CLOUD_LATENCY and
 * --servicesCloudLatency, defaults.refresh is VOLFS_DEFAULTS_REFRESH and
 * --defaultsRefresh, and volfs.logLevel is VOLFS_LOGLEVEL and --volfsLogLevel.
 * So SIM_LATENCY is for all services of the driver sim, and
 * VOLFS_SERVICES_CLOUD_LATENCY for the service cloud.
 *
 * Values. $NAME and ${NAME} are replaced from the environment, $$ is a dollar;
 * a name that is not set is an error of the service that uses it.
 *
 * Secrets (OPT_SECRET) come from the environment; from a configuration file
 * that nobody but root and the daemon's user can read; or by reference, from
 * any file: `password: {file: /path}`, `passwordFile: /path` (which has its
 * environment and flag form too) or `password: {credential: NAME}`, a file in
 * $CREDENTIALS_DIRECTORY. A secret as a flag is refused.
 *
 * A key at the root that begins with "x-" is not looked at: a place for what
 * anchors name.
 *
 * In a service's block, a word that both volfs and the driver have is for both
 * where it is of the same kind, else volfs's; the driver's own is written in a
 * block of the driver's name below it:
 *
 *	services:
 *	  g: {driver: gcepd, zone: for-new-volumes, gcepd: {zone: seen-zone}}
 */

/* What volfs itself knows about a service; key names as in `defaults:`. Paths
 * and times as in options.h (bytes, milliseconds). */
struct service_options {
	/* the tree */
	char *owner, *group;             /* as written; the numbers: */
	uid_t owner_uid;
	gid_t group_gid;
	bool has_group;
	uint64_t dir_mode, status_mode, setting_mode, verb_mode;
	uint64_t file_mode;              /* default of the two above */
	uint64_t secret_mode, tenant_mode;
	char *list;                      /* "all" or "managed" */
	bool managed_by_tag;             /* what has the service's tag counts
					  * as managed */
	/* the engine */
	uint64_t refresh_ms;             /* 0 = only when asked */
	uint64_t answer_within_ms, answer_timeout_ms;
	uint64_t parallel, parallel_per_user;
	uint64_t max_waiting, max_waiting_per_user;
	uint64_t requests_per_s;         /* 0 = the driver's own budget */
	/* new volumes */
	uint64_t size_bytes, min_size_bytes;
	char *type, *zone, *fstype, *encryption_key;
	uint64_t iops, throughput_bytes_per_s;   /* 0 = not said */
	char *encrypted;                 /* "true", "false" or NULL */
	char **tags;                     /* KEY=VALUE */
	bool allow_create, allow_remove, implicit_create, remove_force;
	/* mounting */
	char **options;
	char *subpath;
	uint64_t uid, gid, mode;         /* of the directory shown as data/ */
	char *fsck;                      /* "preen" or "never" */
	bool preempt, ignore_used_count;
	uint64_t mount_retries, mount_retry_wait_ms;
	uint64_t device_timeout_ms, freeze_limit_ms;
};

/* The daemon's own; block `volfs:`. */
struct core_options {
	char *log_level;
	char *mount_point;               /* NULL: the command line, /volumes */
	char *owner, *group;
	uid_t owner_uid;
	gid_t group_gid;
	bool has_group;
	uint64_t dir_mode, status_mode, tenant_mode, verb_mode;
	uint64_t jobs_kept, jobs_kept_for_ms;
	uint64_t events_size_bytes;
	char *host_id;                   /* NULL: /etc/machine-id */
};

extern const struct opt_spec service_option_table[];
extern const struct opt_spec core_option_table[];

struct service_config {
	char *name;                      /* legal as a directory of the tree */
	char *driver;                    /* canonical ("ebs" for "ec2") */
	char *source;                    /* "/etc/volfs/config.yml:3" */
	bool driver_built;               /* by what driver_options() said */
	const struct opt_spec *driver_table;  /* NULL: nobody knows it */
	struct opt_values driver_values; /* for options_apply(); the values that
					  * were given, and computed defaults */
	struct opt_values core_values;   /* likewise, of core */
	struct service_options core;     /* always filled, also when broken */
	char *error;                     /* NULL, or why it is misconfigured */
	char *refuse_creates;            /* NULL, or the sentence of the key
					  * that is to be mended first */
};

struct config {
	atomic_uint refs;
	struct service_config *services; /* in the order of the files */
	size_t n;
	struct core_options core;
	struct opt_values core_values;
	char **files;                    /* what was read, last wins */
	size_t n_files;
	char **problems;                 /* warnings: to be mended */
	size_t n_problems;
	char **notes;                    /* one line each, nothing to do */
	size_t n_notes;
	bool out_of_memory;              /* while loading: the load will fail */
};

struct config_request {
	const char *file;        /* --config; NULL: the usual places */
	const char *text;        /* not NULL: what stands in @file, which is
				  * then not opened and only names it */
	size_t text_len;
	const char *etc_dir;     /* NULL = "/etc" */
	const char *state_dir;   /* NULL = "/var/lib/volfs" */
	char *const *environ;    /* NULL = none; HOME is taken from it */
	/* Flag forms of properties as given: "--ebsRegion=x", or "--ebsRegion"
	 * and then "x"; see config_flag_args(). */
	const char *const *flags;
	size_t n_flags;
	/* The option table of a compiled-in driver by its name, NULL if there
	 * is none. */
	const struct opt_spec *(*driver_options)(const char *driver);
	/* The compiled-in driver whose name is near, for "did you mean"; may
	 * be NULL. */
	const char *(*driver_nearest)(const char *word);
};

/**
 * config_load - read the whole configuration
 *
 * Reads files and the environment; blocks on local disk only. Registers every
 * secret with log_redact(). What is wrong with one service stands in that
 * service; what is wrong with a file as a whole (no YAML, too large, a key
 * twice) fails the load, and so do a flag that nobody knows and a secret as a
 * flag. Return: the configuration, for config_free(); NULL with @err.
 */
struct config *config_load(const struct config_request *req, struct err *err);
void config_free(struct config *c);   /* whatever its references */
struct config *config_ref(struct config *c);
void config_unref(struct config *c);  /* the last one frees it; NULL is fine */

/* The service of that name, NULL if there is none. */
const struct service_config *config_service(const struct config *c,
					    const char *name);

/* True if a running service of @a need not be opened again for @b: same
 * driver and values; where the values come from does not count. */
bool config_service_equal(const struct service_config *a,
			  const struct service_config *b);

/* Appends the effective configuration: YAML in the native form, every key with
 * its value and its source as a comment, secrets as "***". */
void config_show(const struct config *c, struct buf *out);

/* What `volfsd --check` prints: each key, value, source and help, then notes
 * and problems. Return: the number of problems. */
size_t config_check_print(const struct config *c, FILE *out);

/* How many of @argv from @i on are one property's flag form: 0 if @argv[i] is
 * none ("--foreground", "-f"), 1 ("--ebsRegion=x"), 2 ("--ebsRegion" "x").
 * A property's flag has a capital after its first word. */
int config_flag_args(int argc, char *const *argv, int i);

/* Drivers that have no code here yet, but whose keys are known: their table
 * and title; NULL for a name that nobody knows. */
const struct opt_spec *config_known_options(const char *driver);
/* "ebs" for "ec2" and "aws"; the name itself where it is no alias. */
const char *config_driver_canonical(const char *name);

#endif
