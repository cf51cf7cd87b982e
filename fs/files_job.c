/* SPDX-License-Identifier: Apache-2.0 */
/* .volfs/jobs/<id>/: one job. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "fs/show.h"

static int job_object(const struct object *dir, uint64_t id,
		      struct object *out)
{
	return node_resolve(dir->fs, node_make(0, id, JOB_DIR), out);
}

static int job_find(const struct object *dir, const char *name,
		    struct object *out)
{
	uint64_t id;

	if (name[0] == '0' || parse_u64(name, strlen(name), &id, NULL) < 0 ||
	    id > NODE_SERIAL_MAX)
		return -ENOENT;
	return job_object(dir, id, out);
}

static int job_next(const struct object *dir, uint64_t after, struct cursor *c,
		    struct child *child, struct object *out)
{
	uint64_t id;

	while (engine_jobs(dir->fs->engine, after, &id, 1) == 1) {
		after = id;
		if (job_object(dir, id, out) < 0)
			continue;
		child->serial = id;
		snprintf(child->name, sizeof(child->name), "%llu",
			 (unsigned long long)id);
		return 0;
	}
	return -ENOENT;
}

const struct children files_job_children = { job_find, job_next };

static const struct attr job_rows[] = {
	{ "", JOB_DIR, 0, CLASS_TENANT_DIR, .help = "One job." },
	{ "status", JOB_STATUS, JOB_DIR, CLASS_TENANT, .polls = true,
	  .show = show_job_status,
	  .help = "What it does, for whom, how far it is, and how it ended, as "
		  "one JSON object." },
	{ "cancel", JOB_CANCEL, JOB_DIR, CLASS_VERB, .verb = "job-cancel",
	  .help = "A write stops the job where that is safe." },
	{ NULL }
};

const struct attr_table files_job = {
	OBJECT_JOB, "A job", "MOUNTPOINT/.volfs/jobs/ID", job_rows
};
