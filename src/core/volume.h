/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_VOLUME_H
#define VOLFS_CORE_VOLUME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * What a volume is: facts from its service, and what this host keeps of it.
 *
 * struct volume is immutable once published and counted by references; a
 * change makes a new one. Strings of facts live in the same allocation.
 */

enum volume_state {              /* as the service has it, or as we see it */
	VOLUME_UNKNOWN, VOLUME_CREATING, VOLUME_AVAILABLE, VOLUME_ATTACHING,
	VOLUME_ATTACHED, VOLUME_DETACHING, VOLUME_IN_USE, VOLUME_DELETING,
	VOLUME_ERROR, VOLUME_LOST,
	VOLUME_STATES
};
const char *volume_state_name(enum volume_state s);

enum volume_kind { KIND_BLOCK, KIND_SHARE, KIND_PROGRAM, KIND_DIRECTORY };
const char *volume_kind_name(enum volume_kind k);

enum volume_access { ACCESS_SINGLE_WRITER, ACCESS_MULTI_WRITER,
		     ACCESS_READ_ONLY_MANY };
const char *volume_access_name(enum volume_access a);

enum volume_health { HEALTH_UNKNOWN, HEALTH_OK, HEALTH_DEGRADED,
		     HEALTH_FAILED };
const char *volume_health_name(enum volume_health h);

enum source_kind { SOURCE_NONE, SOURCE_SNAPSHOT, SOURCE_VOLUME, SOURCE_IMPORT };

struct tag {
	const char *key, *value;
};

struct attachment {
	const char *host;        /* what the service calls the host */
	const char *device;      /* as the service calls it, or NULL */
	enum volume_state state; /* ATTACHING ATTACHED DETACHING */
	bool here;               /* that host is this one */
	bool read_only;
	int64_t since_s;         /* unix; 0 = not known */
};

/* A NULL string, a number of -1 and a time of 0 mean: not known. A driver
 * whose service lacks a notion leaves it so and does not name it in its
 * provider.notions (then the key is absent from status). */
struct volume_facts {
	const char *id;          /* the service's; never NULL but while creating */
	const char *name;        /* raw, as the service has it; NULL = none */
	const char *service_state; /* the service's own word */
	const char *type, *zone, *region, *encryption_key;
	const char *source_id, *source_name;
	const char *health_message;
	const char *details;     /* a JSON object as text, or NULL */
	const char *token;       /* idempotency token it was created with */
	uint64_t size_bytes;
	int64_t iops, throughput_bytes_per_s;
	int64_t created_at_s;
	enum volume_state state; /* from the driver's total table */
	enum volume_access access;
	enum volume_health health;
	enum source_kind source;
	int8_t encrypted;        /* -1 unknown, 0, 1 */
	bool managed;            /* carries our mark */
	bool blank;              /* carries the mark volfs.blank */
	uint32_t n_attachments, n_tags;
	const struct attachment *attachments;
	const struct tag *tags;  /* the user's, sorted by key; never volfs.* */
};

enum snapshot_state { SNAPSHOT_CREATING, SNAPSHOT_AVAILABLE, SNAPSHOT_ERROR,
		      SNAPSHOT_DELETING };
const char *snapshot_state_name(enum snapshot_state s);

struct snapshot_facts {
	const char *id, *name;       /* name raw; NULL = none */
	const char *volume_id;       /* of its volume; NULL = not known */
	const char *description, *token, *service_state;
	uint64_t size_bytes;
	int64_t created_at_s;
	enum snapshot_state state;
	int progress_percent;        /* -1 unknown */
	int8_t encrypted;
	bool managed, scheduled;
	const char *consistency;     /* "frozen" "crash" "files", static */
	uint32_t n_tags;
	const struct tag *tags;
};

/* The last thing that went wrong with an object. */
struct fault {
	int64_t at_s;
	uint64_t job;                /* 0 = none */
	char *verb;
	struct err err;
};

struct mount_user {
	char *name;
	int64_t since_s;
	bool read_only;
};

/*
 * What this host keeps of a volume and the service does not: stored, so that
 * it outlives the daemon. Immutable once part of a published volume. A new
 * member needs its line in fields[] of volume_local.c, else it is not kept.
 */
struct volume_local {
	atomic_uint refs;

	/* Control-file ownership by chown/chmod of the volume's directory;
	 * (uid_t)-1 = as configured. */
	uid_t owner_uid;
	gid_t owner_gid;
	mode_t owner_mode;           /* (mode_t)-1 = as configured */

	int8_t protect;              /* -1 by the blank rule, 0, 1 */
	bool formatted;              /* by us, once: never again */
	bool formatting;             /* found blank, and our mkfs was begun: what
				      * is there now can only be its remains */
	bool imported;               /* taken over: never mkfs */
	bool ever_attached;          /* from here */
	bool owner_pending;          /* it was blank when it was first attached: its
				      * directory gets owner and mode at the first
				      * mount (KIND_DIRECTORY) */
	bool made_here;              /* from nothing, by this daemon, at a
				      * service without marks: what is known
				      * of its blankness is this */
	bool auto_mount;             /* mounted when volfsd starts */

	/* Attachment to this host. */
	bool attached;
	bool attached_by_mount;      /* so the last unmount detaches */
	bool attached_read_only;
	int64_t attached_at_s;
	char *attach_json;           /* what provider->attach returned, encoded
				      * by attach_encode(): found again after
				      * a restart */
	char *device;                /* "/dev/loop3", NULL unless block */
	char *device_serial;
	dev_t device_devno;
	uint64_t device_diskseq;     /* 0 = not known */
	char *device_lost;           /* it went away: the sentence; then device
				      * is NULL */

	/* Mount. */
	bool mounted;
	bool mount_read_only;
	char *fstype, *options;      /* in force, or chosen for the next */
	char *subpath;
	uid_t data_uid;              /* (uid_t)-1 = as configured */
	gid_t data_gid;
	mode_t data_mode;
	struct mount_user *users;
	size_t n_users;
	bool grow_pending;           /* file system smaller than the device */

	/* Measured by a worker. */
	bool usage_known;
	char usage_scope[8];
	uint64_t total_bytes, used_bytes, available_bytes;
	uint64_t total_inodes, used_inodes;
	int64_t usage_at_s;
	bool went_read_only;         /* the kernel gave up on it */
	char *share_lost;            /* its server hangs: the sentence */
	int64_t share_lost_at_s;     /* since then; 0 = it does not */

	bool failed;                 /* its creation failed: state error */
	bool unresolved;             /* and nobody knows whether it made
				      * something: its token may find it */
	bool gone;                   /* no longer at the service: state lost */
	bool orphaned_name;          /* listed by id because of its name */
	int64_t last_used_at_s;
	struct fault fault;          /* at_s 0 = none */
};

struct volume_local *local_new(void);
struct volume_local *local_copy(const struct volume_local *l); /* may be NULL */
struct volume_local *local_ref(struct volume_local *l);
void local_unref(struct volume_local *l);
/* To and from the store's text (JSON). */
int local_encode(const struct volume_local *l, struct buf *out);
int local_decode(const char *text, size_t len, struct volume_local **out,
		 struct err *err);

/* What the engine says of a running job, as readers see it. */
struct job_view {
	atomic_uint refs;
	uint64_t id;
	const char *verb;            /* static */
	const char *state;           /* "waiting" "running", static */
	const char *step;            /* static */
	int percent;                 /* -1 unknown */
	int64_t started_at_s, deadline_at_s;
	uid_t uid;
};

/* A job_view is one calloc() with refs set to 1 by its maker; the last
 * reference frees it. NULL does nothing. */
struct job_view *job_view_ref(struct job_view *j);
void job_view_unref(struct job_view *j);

/*
 * A volume's place in the tree. It lives from the first appearance to the last
 * reference; its serial is the base of its node ids, stored, never used again.
 */
struct volume_node {
	atomic_uint refs;
	uint64_t serial;
	_Atomic uint64_t given;      /* bit per file index: the kernel has it */
	struct volume *current;      /* what it is now, a reference; under the
				      * service's lock, NULL once it is gone */
	_Atomic int64_t job_at_s;    /* when a job last ended on it: a listing
				      * may lag behind that */
	atomic_bool had_job;         /* a kept job may be its: else none is
				      * looked for */
	uint64_t touched;            /* service->clock when a job or a writer
				      * last changed it; under the same lock */
};

struct volume {
	atomic_uint refs;
	struct volume_node *node;    /* a reference */
	const char *name;            /* escaped; in this allocation */
	struct volume_facts f;
	struct volume_local *local;  /* a reference, or NULL = all defaults */
	struct job_view *job;        /* a reference, or NULL */
	int64_t changed_at_s;        /* something besides observed_at changed:
				      * mtime of its files */
	int64_t entries_at_s;        /* an entry came or went: mtime of the
				      * directory */
	int64_t state_since_s;
};

/* Deep copy of everything; takes references to node, local and job (each of
 * the last two may be NULL). NULL = no memory. */
struct volume *volume_new(struct volume_node *node, const char *name,
			  const struct volume_facts *f,
			  struct volume_local *local, struct job_view *job);
struct volume *volume_ref(struct volume *v);
void volume_unref(struct volume *v);

/* @current is the service's to set and to drop; NULL at first. */
struct volume_node *volume_node_new(uint64_t serial);
struct volume_node *volume_node_ref(struct volume_node *n);
void volume_node_unref(struct volume_node *n);

/* True when a reader could tell the two apart (observed_at aside). */
bool volume_facts_equal(const struct volume_facts *a,
			const struct volume_facts *b);

/* What the tree says: the service's state with what this host knows. */
enum volume_state volume_effective_state(const struct volume *v);
bool volume_is_attached(const struct volume *v);   /* to this host */
bool volume_is_mounted(const struct volume *v);
bool volume_is_protected(const struct volume *v);

struct snapshot {
	atomic_uint refs;
	uint64_t serial;
	_Atomic uint64_t *given;     /* shared by all records of the serial */
	uint64_t volume_serial;      /* 0: its volume is not listed */
	const char *name;            /* escaped; the id where it has none */
	struct snapshot_facts f;
	int8_t protect;              /* 0 or 1 */
	struct job_view *job;
	struct fault *fault;         /* NULL = none */
	int64_t changed_at_s;
};
/* The given bits that all records of one serial share; counted. */
_Atomic uint64_t *given_new(void);                      /* NULL = no memory */
_Atomic uint64_t *given_ref(_Atomic uint64_t *given);   /* NULL is allowed */
void given_unref(_Atomic uint64_t *given);

/* Takes a reference to @given. */
struct snapshot *snapshot_new(uint64_t serial, _Atomic uint64_t *given,
			      uint64_t volume_serial, const char *name,
			      const struct snapshot_facts *f);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);
bool snapshot_facts_equal(const struct snapshot_facts *a,
			  const struct snapshot_facts *b);

/* Compact records for the store (fields separated by NUL). The decoded facts
 * point into @text, which must outlive them; @scratch holds their arrays. */
int volume_facts_encode(const struct volume_facts *f, struct buf *out);
int volume_facts_decode(const char *text, size_t len, struct volume_facts *f,
			void **scratch, struct err *err);
int snapshot_facts_encode(const struct snapshot_facts *f, struct buf *out);
int snapshot_facts_decode(const char *text, size_t len,
			  struct snapshot_facts *f, void **scratch,
			  struct err *err);

#endif
