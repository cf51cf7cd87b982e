/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_VERB_H
#define VOLFS_CORE_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/options.h"
#include "core/provider.h"
#include "core/volume.h"

struct job;
struct service;

/*
 * A verb is what a line in a control file asks for. Its words are a table, and
 * usage texts, checks and the manual come from it. Lines are
 *	[async] [dry-run] [timeout=DUR] [1] WORD|KEY=VALUE ...
 * with each key once.
 */
struct word_spec {
	const char *key;
	enum opt_type type;
	bool flag;               /* stands alone, without =VALUE */
	bool repeat;             /* may come more than once (tag=K=V) */
	const char *dflt;        /* as it would be written; NULL = none */
	const char *const *choices;
	uint64_t unit;           /* as in struct opt_spec */
	unsigned notion;         /* enum notion it needs, 0 = none */
	const char *help;
};

enum verb_target { TARGET_DAEMON, TARGET_SERVICE, TARGET_NAME, TARGET_VOLUME,
		   TARGET_SNAPSHOT };

struct verb {
	const char *name;            /* "mount": in jobs, logs, sentences */
	enum verb_target target;
	const struct word_spec *words; /* ends with key NULL; NULL = none */
	const char *help;            /* one sentence */
	const char *example;         /* the line of an example, "1" */

	/* Does the driver have it at all? NULL = always. The file is absent
	 * where not. */
	bool (*can)(const struct provider *p);
	/* Memory only; also on a reader thread. What can be refused at once is
	 * refused here, with the service lock not held. NULL = nothing. */
	int (*check)(struct job *j, struct err *err);
	/* On a worker; blocks; is repeated with the same token after a crash. */
	int (*run)(struct job *j, struct err *err);
	bool urgent;                 /* may use the store's reserve */
};

extern const struct verb *const verbs[];     /* NULL-terminated */
const struct verb *verb_find(const char *name);

/* What a setting file's write becomes: verb "set" with that key. */
struct setting {
	const char *key;             /* also the file's name */
	enum opt_type type;
	uint64_t unit;
	unsigned notion;             /* needed, 0 = none */
	unsigned field;              /* enum volume_field it needs, 0 = none */
	bool (*can)(const struct provider *p); /* may be NULL */
	const char *help;
	const char *example;
};
extern const struct setting settings[];      /* ends with key NULL */
const struct setting *setting_find(const char *key);
/* Can this volume's file be written: what the driver changes, and managed. */
bool setting_is_writable(const struct setting *s, const struct provider *p);

/* The line taken apart. */
struct word {
	const struct word_spec *spec;
	char *value;                 /* "" for a flag */
};
struct line {
	bool async, dry_run;
	int64_t timeout_ms;          /* -1 = not said */
	struct word *words;
	size_t n;
};
/* -EINVAL: unknown word (names the nearest), wrong value, key twice, NUL;
 * -E2BIG. @svc (may be NULL) lets words whose notion the driver lacks be
 * refused. A line of nothing but blanks or "1" is fine. */
int line_parse(const char *text, size_t len, const struct verb *v,
	       const struct provider *p, struct line *out, struct err *err);
void line_done(struct line *l);
const char *line_value(const struct line *l, const char *key); /* or NULL */
/* A flag that is said to be 0 is not there. */
bool line_has(const struct line *l, const char *key);

/* What reading the verb's file gives: usage with each word, type, default and
 * help, and an example; at least 512 bytes (padded with newline-free spaces
 * and a final newline). @name: for TARGET_NAME files, may be NULL. */
void verb_usage(const struct verb *v, struct service *svc, const char *path,
		struct buf *out);

#endif
