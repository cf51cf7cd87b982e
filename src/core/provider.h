/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_PROVIDER_H
#define VOLFS_CORE_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/call.h"
#include "base/err.h"
#include "core/host/device.h"
#include "core/options.h"
#include "core/volume.h"

/*
 * What a driver is: one constant struct provider at the end of its file.
 *
 * A driver is plain blocking code on a worker thread: ask, wait, answer. The
 * core checks arguments, serialises (per volume always; per session unless
 * @parallel), stores, retries after a crash, logs and publishes. A driver does
 * none of that, knows nothing of the tree, makes no thread, reads no
 * environment, and never formats or mounts.
 *
 * Rules for every operation:
 *  - heed c->deadline_ms and c->cancel in every wait (base/call.h, net/http.h);
 *  - it may be called again with the same c->token after a crash: the second
 *    call must find what the first one did and finish it;
 *  - what is already so is success (detach of a detached, remove of a gone);
 *  - on failure fill @err by the driver's one table from the service's codes
 *    to errno (CONTRACT section 5); unknown codes become EIO and keep their
 *    text in [brackets];
 *  - -EAGAIN says throttled: the core backs off and repeats.
 */

struct json_object;

/* Zeroed by the core, @session_size bytes, its options filled by the option
 * table before open(). A driver embeds it first:
 *	struct foo_session { struct session base; char *region; ... }; */
struct session {
	const char *service;     /* its name under /volumes */
	const char *state_dir;   /* a directory of its own for files it keeps */
	const char *run_dir;     /* likewise, empty after each boot */
	const char *host_id;     /* this machine's stable id (machine-id) */
	uint64_t requests_per_s; /* budget for its requests; 0 = its own */
};

/* Where list() and friends put what they found. The facts are copied; they
 * need to live only for the call. 0, or -ENOMEM (pass it on). */
struct volume_sink {
	int (*volume)(void *arg, const struct volume_facts *f, struct err *err);
	int (*snapshot)(void *arg, const struct snapshot_facts *f,
			struct err *err);
	void *arg;
};

/* What a create asks for; unset as in struct volume_facts. */
struct volume_spec {
	const char *name;        /* raw */
	uint64_t size_bytes;     /* rounded up to the service's step already */
	const char *type, *zone, *encryption_key, *fstype;
	int64_t iops, throughput_bytes_per_s;
	int8_t encrypted;        /* -1 not said */
	bool blank;              /* set the marks volfs and volfs.blank: it is
				  * made from nothing (else only volfs) */
	uint32_t n_tags;
	const struct tag *tags;
};

/* What set asks for; only what is set in @fields counts. */
enum volume_field {
	FIELD_SIZE = 1 << 0, FIELD_TYPE = 1 << 1, FIELD_IOPS = 1 << 2,
	FIELD_THROUGHPUT = 1 << 3
};
struct volume_change {
	unsigned fields;
	uint64_t size_bytes;
	const char *type;
	int64_t iops, throughput_bytes_per_s;
};

/* How the host gets at an attached volume. All strings are malloc()ed and
 * freed by attach_done(). */
struct attach_result {
	enum volume_kind kind;
	struct device_identity device;  /* KIND_BLOCK */
	char *fstype, *source, *options; /* KIND_SHARE */
	char *directory;                /* KIND_DIRECTORY */
	bool read_only;
};
void attach_done(struct attach_result *a);
/* JSON for the store. */
int attach_encode(const struct attach_result *a, struct buf *out);
int attach_decode(const char *text, struct attach_result *out,
		  struct err *err);

/* What this machine is to the service. */
struct instance {
	char id[256], zone[128], region[128];
	int attach_limit;        /* -1 = none known */
};

/* What memory can refuse before any request: known after open(), may be
 * refined by whoami()/list(); arrays are the session's. */
struct bounds {
	uint64_t size_min_bytes, size_max_bytes;  /* max 0 = none */
	uint64_t size_step_bytes;                 /* 0 = 1 */
	const char *const *types, *const *zones;  /* NULL = the notion is free */
	const char *name_rule;                    /* in words, for .status */
	uint64_t total_bytes, available_bytes;    /* capacity; 0, 0 = unknown */
	uint64_t committed_bytes;
	int64_t quota_volumes, quota_bytes;       /* -1 = unknown */
	bool no_size;            /* as provider.unsized, by the options; the same
				  * from open() to close() */
};

/* How full a mounted volume is. */
struct volume_usage {
	const char *scope;       /* "volume" "share" "pool", static: what the
				  * numbers are of */
	uint64_t total_bytes, used_bytes, available_bytes;
	uint64_t total_inodes, used_inodes;
};

/* Notions a service has beyond id, name, size and state; the value files and
 * status keys of the others are absent. */
enum notion {
	NOTION_TYPE = 1 << 0, NOTION_IOPS = 1 << 1, NOTION_THROUGHPUT = 1 << 2,
	NOTION_ZONE = 1 << 3, NOTION_ENCRYPTED = 1 << 4, NOTION_TAGS = 1 << 5,
	NOTION_REGION = 1 << 6,
	NOTION_SIZE = 1 << 7     /* all but what says .unsized */
};

struct provider {
	const char *name;        /* "sim"; [a-z][a-z0-9-]* */
	const char *title;       /* one line, for README files and --drivers */
	enum volume_kind kind;   /* what attach() returns, unless kind_of() */
	unsigned notions;        /* enum notion, without NOTION_SIZE */
	bool unsized;            /* a volume has no size of its own, as a
				  * directory of a share has none */
	const char *share_type;  /* KIND_SHARE: the file system that mounts
				  * are of, for the options they take */
	size_t session_size;
	const struct opt_spec *options;
	bool parallel;           /* calls of different volumes may overlap */
	bool rename_detached;    /* rename() refuses what is attached: said
				  * before an mv is answered */

	/* Required. open() makes no request: it checks the options and
	 * prepares; a failure lists the service with its .error. */
	int  (*open)(struct session *s, struct err *err);
	void (*close)(struct session *s);
	int  (*list)(struct session *s, const struct call *c,
		     const struct volume_sink *out, struct err *err);
	int  (*create)(struct session *s, const struct call *c,
		       const struct volume_spec *want,
		       const struct volume_sink *out, struct err *err);
	int  (*remove)(struct session *s, const struct call *c,
		       const struct volume_facts *v, struct err *err);
	/* Makes it reachable from this host. The volume may still be
	 * attaching when it returns; the core waits for the device. */
	int  (*attach)(struct session *s, const struct call *c,
		       const struct volume_facts *v, bool read_only,
		       struct attach_result *out, struct err *err);
	int  (*detach)(struct session *s, const struct call *c,
		       const struct volume_facts *v, bool force,
		       struct err *err);

	/* Optional: NULL hides the files that need it. */

	/* One volume and its snapshots by id; where NULL the core lists. -ENOENT
	 * when the service says that it is gone. */
	int  (*get)(struct session *s, const struct call *c, const char *id,
		    const struct volume_sink *out, struct err *err);
	/* Memory only, never blocks. @bounds may be NULL: no bounds. */
	void (*bounds)(struct session *s, struct bounds *out);
	/* Memory only: may the service have a volume of that raw name? -EINVAL
	 * naming a legal one. NULL: any. */
	int  (*check_name)(struct session *s, const char *name,
			   struct err *err);
	int  (*whoami)(struct session *s, const struct call *c,
		       struct instance *out, struct err *err);
	/* A new volume from a snapshot, or from a volume (exactly one is not
	 * NULL; both may be refused with -EINVAL). */
	int  (*create_from_snapshot)(struct session *s, const struct call *c,
				     const struct volume_spec *want,
				     const struct snapshot_facts *snapshot,
				     const struct volume_sink *out,
				     struct err *err);
	int  (*create_from_volume)(struct session *s, const struct call *c,
				   const struct volume_spec *want,
				   const struct volume_facts *volume,
				   const struct volume_sink *out,
				   struct err *err);
	/* Settings. Which of them the service can change: @changes. The sink
	 * gets the volume as it then is. */
	unsigned changes;        /* enum volume_field */
	int  (*modify)(struct session *s, const struct call *c,
		       const struct volume_facts *v,
		       const struct volume_change *want,
		       const struct volume_sink *out, struct err *err);
	int  (*set_tags)(struct session *s, const struct call *c,
			 const struct volume_facts *v, const struct tag *tags,
			 uint32_t n_tags, struct err *err);
	/* Sets or takes off the marks volfs and volfs.blank. */
	int  (*set_marks)(struct session *s, const struct call *c,
			  const struct volume_facts *v, bool managed,
			  bool blank, struct err *err);
	int  (*rename)(struct session *s, const struct call *c,
		       const struct volume_facts *v, const char *name,
		       struct err *err);
	/* The sink gets the snapshot, perhaps still creating (the core polls).
	 * Calls call_freeze() and call_thaw() around the one act that fixes
	 * the point in time, and sets facts.consistency by their result. */
	int  (*snapshot)(struct session *s, const struct call *c,
			 const struct volume_facts *v, const char *name,
			 const struct volume_sink *out, struct err *err);
	int  (*snapshot_remove)(struct session *s, const struct call *c,
				const struct snapshot_facts *snapshot,
				struct err *err);
	/* Rolls @v back in place; it is detached from every host. */
	int  (*restore)(struct session *s, const struct call *c,
			const struct volume_facts *v,
			const struct snapshot_facts *snapshot,
			struct err *err);
	/* What an id names that list() does not show yet (an image file, a
	 * foreign disk): takes it over under @name and marks it. */
	int  (*import)(struct session *s, const struct call *c, const char *id,
		       const char *name, const struct volume_sink *out,
		       struct err *err);
	/* Where statfs() of the mount shows more than the volume: @u has what
	 * that says; what is known better replaces it. Called for a mounted
	 * volume after each listing. */
	int  (*usage)(struct session *s, const struct call *c,
		      const struct volume_facts *v, struct volume_usage *u,
		      struct err *err);
	/* Where the kind differs by volume (sim). */
	enum volume_kind (*kind_of)(const struct volume_facts *v);
	/* What may sleep uninterruptibly (a path on a server that can hang):
	 * runs in a process of its own, begun by provider_help(). There is no
	 * session there, only the words; what it finds goes into @reply. It
	 * tells its progress by helper_progress(). */
	int  (*help)(int argc, char **argv, struct json_object *reply,
		     struct err *err);
};

/* Does it have that notion? */
static inline bool provider_notes(const struct provider *p, unsigned notion)
{
	return notion == NOTION_SIZE ? !p->unsized : p->notions & notion;
}

/* Runs @p->help() with @words (at most 20, NULL-terminated; never a secret)
 * in a helper process (core/host/helper.h), and waits up to @c's deadline and
 * @most_ms; then it is killed, or left alone where the kernel won't let it
 * die. On success *@reply (may be NULL) is the caller's. */
int provider_help(const struct provider *p, const struct call *c,
		  int64_t most_ms, const char *const *words,
		  struct json_object **reply, struct err *err);

/* registry.c: every compiled-in driver, one line each; NULL-terminated. */
extern const struct provider *const providers[];
const struct provider *provider_find(const char *name);
/* The one whose name is near @word, or NULL. */
const char *provider_nearest(const char *word);

#endif
