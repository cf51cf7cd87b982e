/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_PROVIDERS_SIM_H
#define VOLFS_PROVIDERS_SIM_H

#include <pthread.h>

#include "base/buf.h"
#include "core/provider.h"
#include "net/http.h"
#include "net/json.h"

/* Insides of the sim driver, for its own files, its unit test and its fuzz
 * target. */

struct sim_words {                       /* of struct bounds */
	struct sim_words *older;
	char **types, **zones;           /* NULL-terminated */
};

struct sim_session {
	struct session base;

	/* Options. */
	char *endpoint, *directory, *host, *host_zone, *kind, *silent;
	char *plug, *plug_by_id;
	char **types, **zones;
	uint64_t latency_ms, jitter_ms, pending_ms, lag_ms, timeout_ms;
	uint64_t volumes, volume_bytes, page_size, request_limit;
	uint64_t quota_volumes, quota_bytes, capacity_bytes, attach_limit;
	bool multi_writer;

	struct http *http;
	const char *here;                /* what the cloud calls this host */
	int dir_fd;                      /* of our own cloud's directory */

	pthread_mutex_t lock;            /* protects the rest; never held over
					  * a request */
	bool ready;                      /* the cloud answers, knows this host */
	bool starting;                   /* somebody sees to that */
	struct bounds bounds;
	struct sim_words *words;         /* the newest; older ones may still be
					  * in somebody's hands */
};

/* sim_cloud.c: the cloud of one's own, where no endpoint is configured. */

/* Starts volfs-simcloud in @dir unless it runs there. It lives on, as a cloud
 * does: `volfs-simcloud --stop DIR` ends it. @plug: its program for real
 * disks, "" = none. */
int sim_cloud_start(const struct call *c, const char *dir, const char *plug,
		    struct err *err);
/* What the options say of it, as its settings; a JSON object. */
void sim_cloud_settings(const struct sim_session *s, struct buf *out);

/* sim_ask.c. Each of these blocks to the call's deadline at most. */

/* One request, as the operations below say it. */
struct sim_ask {
	const char *method, *path;
	const struct buf *body;          /* NULL = none */
	const char *token;               /* NULL = none */
	bool once;                       /* not to be repeated */
	uint64_t timeout_ms;             /* 0 = as configured */
};

int sim_ask(struct sim_session *s, const struct call *c,
	    const struct sim_ask *a, struct http_reply *out, struct err *err);
/* Its two halves: the cloud is there and knows this host; the request. */
int sim_ready(struct sim_session *s, const struct call *c, struct err *err);
int sim_send(struct sim_session *s, const struct call *c,
	     const struct sim_ask *a, struct http_reply *out,
	     struct err *err);
/* Tells the cloud of this host (sim_ready() does). */
int sim_register(struct sim_session *s, const struct call *c,
		 struct err *err);
/* "/v1/<what>/<id><rest>", escaped, in @b. */
const char *sim_path(struct buf *b, const char *what, const char *id,
		     const char *rest);
/* Asks, and gives the volume that is answered to @out. */
int sim_ask_volume(struct sim_session *s, const struct call *c,
		   const struct sim_ask *a, const struct volume_sink *out,
		   struct err *err);
/* For what is asked of a volume and answered with nothing of interest. */
int sim_tell_volume(struct sim_session *s, const struct call *c,
		    const char *method, const char *id, const char *rest,
		    const struct buf *body, struct err *err);
/* @r, but -ENOENT is 0: what is gone already is as it was asked to be. */
int sim_gone_is_fine(int r, struct err *err);

/* A sink that looks at one volume: is what was asked for still going on? */
struct sim_look {
	const char *pending;             /* its own state ... */
	enum volume_state here;          /* ... or its attachment's to us */
	bool found;
};

/* Until the service no longer shows what @l says; a volume that is gone shows
 * nothing. */
int sim_wait_while(struct sim_session *s, const struct call *c,
		   const char *id, struct sim_look *l, struct err *err);

/* Pure halves: text in, structs out. The facts given to a sink point into what
 * was parsed and are gone afterwards. */
int sim_parse_volume(const char *text, size_t len, const char *here,
		     const struct volume_sink *out, struct err *err);
/* A page: @next gets what to ask for next, empty at the end. */
int sim_parse_volumes(const char *text, size_t len, const char *here,
		      const struct volume_sink *out, struct buf *next,
		      struct err *err);
int sim_parse_snapshot(const char *text, size_t len,
		       const struct volume_sink *out, struct err *err);
int sim_parse_snapshots(const char *text, size_t len,
			const struct volume_sink *out, struct buf *next,
			struct err *err);
int sim_parse_attach(const char *text, size_t len, struct attach_result *out,
		     struct err *err);
int sim_parse_instance(const char *text, size_t len, struct instance *out,
		       struct err *err);
/* The strings of @types and @zones are the caller's to free. */
int sim_parse_limits(const char *text, size_t len, struct bounds *out,
		     char ***types, char ***zones, struct err *err);
void sim_parse_fault(const struct http_reply *reply, struct http_fault *out);
void sim_words_free(char **words);

void sim_request_create(const struct volume_spec *want, const char *zone,
			const char *snapshot, const char *volume,
			struct buf *out);
void sim_request_change(const struct volume_change *want, struct buf *out);
/* Takes off those of @old that @tags lacks. */
void sim_request_tags(const struct volume_facts *old, const struct tag *tags,
		      uint32_t n_tags, struct buf *out);
void sim_request_marks(bool managed, bool blank, const char *name,
		       struct buf *out);
void sim_request_snapshot(const char *volume, const char *name,
			  struct buf *out);
void sim_request_consistency(const char *word, struct buf *out);

#endif
