/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_TESTS_CONFORMANCE_H
#define VOLFS_TESTS_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/provider.h"

/*
 * The suite that every provider must pass: what core/provider.h promises,
 * checked through the vtable alone. A check is a function that returns whether
 * it held; what did not is printed as a TAP comment by NEED().
 */
struct suite {
	const struct provider *p;
	struct opt_values given;
	struct session *s;           /* open, or NULL */
	char dir[256];               /* private; state/ and run/ are in it */
	char state_dir[272], run_dir[272];
	char prefix[32];             /* of the names that this run makes */
	unsigned serial;             /* of names and tokens */
	const char *import_id;       /* --import=ID, or NULL */
	const char *skip;            /* why the running check does not apply */
	unsigned freezes, thaws;
};

/* What a sink was given: deep copies. */
struct found {
	struct volume **v;
	struct snapshot **s;
	size_t n_volumes, n_snapshots;
	struct volume_sink sink;     /* hand this out */
};

#define NEED(cond, ...)                                         \
	do {                                                    \
		if (!(cond)) {                                  \
			diag(__FILE__, __LINE__, __VA_ARGS__);  \
			return false;                           \
		}                                               \
	} while (0)

#define NEED_OK(r, err, what)                                   \
	NEED((r) == 0, "%s: %d %s", what, (r), (err)->text)

/* The check does not apply to this provider. */
#define SKIP(t, why)                                            \
	do {                                                    \
		(t)->skip = (why);                              \
		return true;                                    \
	} while (0)

void diag(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* True if @r, @err are a failure with @num, told as errors are to be told:
 * num matches, more than 20 characters, one line. @num 0: any. */
bool refused(int r, const struct err *err, int num, const char *what);

void found_init(struct found *f);
void found_done(struct found *f);
const struct volume_facts *found_volume(const struct found *f, const char *id);
const struct snapshot_facts *found_snapshot(const struct found *f,
					    const char *id);

/* A fresh name, a fresh token: in @out, 64 bytes. */
const char *fresh_name(struct suite *t, char *out);
const char *fresh_token(struct suite *t, char *out);
/* A call that may take a minute; with counted freeze and thaw. */
struct call call_make(struct suite *t, const char *token);
/* The size that checks make volumes of: the least, at least 32 MiB. */
uint64_t small_size(struct suite *t);

bool session_open(struct suite *t);
void session_close(struct suite *t);

/* Makes a volume and waits until it is no longer being made. */
bool make_volume(struct suite *t, const char *name, uint64_t size,
		 struct found *out);
/* Asks until volume @id is in a state of rest; false, with a comment, if it
 * is gone or takes longer than 30 s. */
bool settle_volume(struct suite *t, const char *id, struct found *out);
bool settle_snapshot(struct suite *t, const char *volume_id, const char *id,
		     struct found *out);
bool take_snapshot(struct suite *t, const struct volume_facts *v,
		   const char *name, struct found *out);
bool list_all(struct suite *t, struct found *out);
/* Is @id listed? Asks for up to 10 s until the answer is @want: services are
 * eventually consistent. */
bool listed(struct suite *t, const char *id, bool want);
bool snapshot_listed(struct suite *t, const char *id, bool want);
/* By its name or its token: did this run make it? */
bool is_of_this_run(const struct suite *t, const struct volume_facts *f);
/* Removes it with its snapshots. */
bool drop_volume(struct suite *t, const struct volume_facts *v);

/* Writes @byte over the first @len bytes of the volume's content, or compares
 * them with it: through its image, device or directory. False with a comment;
 * t->skip set where the content cannot be reached from here. */
bool content_write(struct suite *t, const struct volume_facts *v,
		   unsigned char byte);
bool content_is(struct suite *t, const struct volume_facts *v,
		unsigned char byte);

struct check {
	const char *name;
	bool (*run)(struct suite *t);
};
/* NULL-terminated lists. */
extern const struct check checks_volumes[];
extern const struct check checks_snapshots[];
extern const struct check checks_failures[];

#endif
