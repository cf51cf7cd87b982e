/* SPDX-License-Identifier: Apache-2.0 */

/* volfs's own keys: of a service, and of the daemon. */

#include "core/config_internal.h"

#define AT(field) offsetof(struct service_options, field)

const struct opt_spec service_option_table[] = {
	/* the tree */
	{ "owner", OPT_STR, AT(owner), .dflt = "root",
	  .help = "User (name or number) that owns the service's directories "
	  "and files." },
	{ "group", OPT_STR, AT(group),
	  .help = "Group that may use the service: its directory, settings "
	  "and verbs are writable by it." },
	{ "dirMode", OPT_MODE, AT(dir_mode), .dflt = "0755", .max = 07777,
	  .help = "Mode of directories; 0775 where a group is given." },
	{ "statusMode", OPT_MODE, AT(status_mode), .dflt = "0444",
	  .max = 0777, .help = "Mode of files that are only read." },
	{ "fileMode", OPT_MODE, AT(file_mode), .dflt = "0644", .max = 0777,
	  .help = "Mode of settings and verbs; 0664 where a group is given." },
	{ "settingMode", OPT_MODE, AT(setting_mode), .max = 0777,
	  .help = "Mode of settings (size, tags ...); default fileMode." },
	{ "verbMode", OPT_MODE, AT(verb_mode), .max = 0777,
	  .help = "Mode of verbs (attach, mount ...); default fileMode." },
	{ "secretMode", OPT_MODE, AT(secret_mode), .dflt = "0200",
	  .max = 0777, .help = "Mode of files that take a secret." },
	{ "tenantMode", OPT_MODE, AT(tenant_mode), .dflt = "0440",
	  .max = 0777,
	  .help = "Mode of files that name other tenants' things." },
	{ "list", OPT_CHOICE, AT(list), .dflt = "all",
	  .choices = (const char *const[]){ "all", "managed", NULL },
	  .help = "all: every volume the service's filter lets through; "
	  "managed: only those with our mark." },
	{ "managedByTag", OPT_BOOL, AT(managed_by_tag), .dflt = "false",
	  .help = "Volumes under the service's tag count as managed, as under "
	  "REX-Ray." },
	/* the engine */
	{ "refresh", OPT_DURATION, AT(refresh_ms), .dflt = "60s",
	  .max = 86400000, .unit = 1000,
	  .help = "How often the service is asked for its volumes; 0: only "
	  "when .refresh is written." },
	{ "answerWithin", OPT_DURATION, AT(answer_within_ms),
	  .dflt = "100ms", .max = 10000,
	  .help = "mkdir and rmdir wait that long for the service's verdict; "
	  "0: never." },
	{ "answerTimeout", OPT_DURATION, AT(answer_timeout_ms),
	  .dflt = "60s", .min = 100, .max = 86400000, .unit = 1000,
	  .help = "A write to a verb waits that long; the job goes on." },
	{ "parallel", OPT_U64, AT(parallel), .dflt = "16", .min = 1,
	  .max = 1024, .help = "Jobs of the service that run at once." },
	{ "parallelPerUser", OPT_U64, AT(parallel_per_user), .dflt = "16",
	  .min = 1, .max = 1024,
	  .help = "Of these, for one user; root has no such limit." },
	{ "maxWaiting", OPT_U64, AT(max_waiting), .dflt = "1000", .min = 1,
	  .max = 100000,
	  .help = "Jobs that may wait; one more is refused with EAGAIN." },
	{ "maxWaitingPerUser", OPT_U64, AT(max_waiting_per_user),
	  .dflt = "200", .min = 1, .max = 100000,
	  .help = "Of these, for one user; root has no such limit." },
	{ "requestsPerSecond", OPT_U64, AT(requests_per_s), .dflt = "0",
	  .max = 100000,
	  .help = "Budget of requests to the service; 0: the driver's own." },
	/* new volumes */
	{ "size", OPT_SIZE, AT(size_bytes), .dflt = "16G", .min = 1,
	  .help = "Size of a new volume whose create names none." },
	{ "minSize", OPT_SIZE, AT(min_size_bytes), .dflt = "0",
	  .help = "Smallest size a create may have." },
	{ "type", OPT_STR, AT(type),
	  .help = "Type of a new volume; none: the service's default." },
	{ "iops", OPT_U64, AT(iops), .dflt = "0",
	  .help = "IOPS of a new volume; 0: the service's default." },
	{ "throughput", OPT_SIZE, AT(throughput_bytes_per_s), .dflt = "0",
	  .help = "Bytes a second of a new volume; 0: the service's "
	  "default." },
	{ "zone", OPT_STR, AT(zone),
	  .help = "Zone of a new volume; none: this machine's." },
	{ "encrypted", OPT_CHOICE, AT(encrypted),
	  .choices = (const char *const[]){ "true", "false", NULL },
	  .help = "New volumes are encrypted; none: the service's default." },
	{ "encryptionKey", OPT_STR, AT(encryption_key),
	  .help = "Id of the key that new volumes are encrypted with." },
	{ "fstype", OPT_STR, AT(fstype), .dflt = "ext4",
	  .help = "File system that a blank volume gets at its first mount." },
	{ "tags", OPT_MAP, AT(tags),
	  .help = "Tags of each new volume: {team: web}." },
	{ "allowCreate", OPT_BOOL, AT(allow_create), .dflt = "true",
	  .help = "false: a create is refused with EPERM." },
	{ "allowRemove", OPT_BOOL, AT(allow_remove), .dflt = "true",
	  .help = "false: a removal is refused with EPERM." },
	{ "implicitCreate", OPT_BOOL, AT(implicit_create), .dflt = "true",
	  .help = "Docker's mount of an absent name creates it." },
	{ "removeForce", OPT_BOOL, AT(remove_force), .dflt = "false",
	  .help = "Docker's remove also deletes what a share or bucket still "
	  "holds." },
	/* mounting */
	{ "options", OPT_LIST, AT(options),
	  .help = "Mount options: [noatime, discard]." },
	{ "subpath", OPT_STR, AT(subpath), .dflt = "/",
	  .help = "Directory of the volume that data/ shows." },
	{ "uid", OPT_U64, AT(uid), .dflt = "0", .max = 4294967294,
	  .help = "Owner of that directory when it is made." },
	{ "gid", OPT_U64, AT(gid), .dflt = "0", .max = 4294967294,
	  .help = "Group of that directory when it is made." },
	{ "mode", OPT_MODE, AT(mode), .dflt = "0755", .max = 07777,
	  .help = "Mode of that directory when it is made." },
	{ "fsck", OPT_CHOICE, AT(fsck), .dflt = "preen",
	  .choices = (const char *const[]){ "preen", "never", NULL },
	  .help = "preen: fsck -p before an unclean ext file system is "
	  "mounted." },
	{ "preempt", OPT_BOOL, AT(preempt), .dflt = "false",
	  .help = "A mount takes the volume from another machine." },
	{ "ignoreUsedCount", OPT_BOOL, AT(ignore_used_count),
	  .dflt = "false",
	  .help = "Docker's first unmount unmounts, whoever else uses it." },
	{ "mountRetries", OPT_U64, AT(mount_retries), .dflt = "0",
	  .max = 1000, .help = "A failed mount is tried so often again." },
	{ "mountRetryWait", OPT_DURATION, AT(mount_retry_wait_ms),
	  .dflt = "5s", .max = 3600000, .help = "Pause between these." },
	{ "deviceTimeout", OPT_DURATION, AT(device_timeout_ms),
	  .dflt = "30s", .min = 100, .max = 3600000, .unit = 1000,
	  .help = "Wait for the device of an attached volume." },
	{ "freezeLimit", OPT_DURATION, AT(freeze_limit_ms), .dflt = "5s",
	  .min = 10, .max = 8000,
	  .help = "Longest freeze of a mounted file system for a snapshot." },
	{ NULL }
};

#undef AT
#define AT(field) offsetof(struct core_options, field)

const struct opt_spec core_option_table[] = {
	{ "logLevel", OPT_CHOICE, AT(log_level), .dflt = "info",
	  .choices = (const char *const[]){ "error", "warn", "info", "debug",
					    NULL },
	  .help = "What is logged." },
	{ "mountPoint", OPT_PATH, AT(mount_point),
	  .help = "Where the tree is; the command line wins; else "
	  "/volumes." },
	{ "owner", OPT_STR, AT(owner), .dflt = "root",
	  .help = "User that owns the root and .volfs." },
	{ "group", OPT_STR, AT(group),
	  .help = "Group that may read .volfs/jobs, events, mounts, devices "
	  "and config." },
	{ "dirMode", OPT_MODE, AT(dir_mode), .dflt = "0755", .max = 0755,
	  .help = "Mode of the root, .volfs and its directories." },
	{ "statusMode", OPT_MODE, AT(status_mode), .dflt = "0444",
	  .max = 0777, .help = "Mode of .volfs files that are only read." },
	{ "tenantMode", OPT_MODE, AT(tenant_mode), .dflt = "0440",
	  .max = 0777, .help = "Mode of .volfs/jobs, events, mounts, devices "
	  "and config, which name other tenants' things." },
	{ "verbMode", OPT_MODE, AT(verb_mode), .dflt = "0644", .max = 0777,
	  .help = "Mode of .volfs/reload and of cancel; 0664 where a group is "
	  "given." },
	{ "jobsKept", OPT_U64, AT(jobs_kept), .dflt = "10000", .min = 16,
	  .max = 1000000, .help = "Finished jobs that are remembered." },
	{ "jobsKeptFor", OPT_DURATION, AT(jobs_kept_for_ms), .dflt = "7d",
	  .min = 60000, .help = "And for how long." },
	{ "eventsSize", OPT_SIZE, AT(events_size_bytes), .dflt = "16M",
	  .min = 65536, .max = 1073741824,
	  .help = "Size at which .volfs/events starts again." },
	{ "hostId", OPT_STR, AT(host_id),
	  .help = "Name of this machine to services that have none of their "
	  "own; else /etc/machine-id." },
	{ NULL }
};
