/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_OPTIONS_H
#define VOLFS_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * An option table declares the configuration keys of a driver (or of volfs
 * itself): name, type, default, range, help. From it come parsing, the error
 * sentences, `volfsd --check`, .volfs/drivers/<driver>, .volfs/config and
 * volfs.conf(5). The field at @offset of the target struct has the type
 *
 *	OPT_STR, OPT_PATH, OPT_SECRET, OPT_CHOICE   char *  (NULL = not given)
 *	OPT_BOOL                                    bool
 *	OPT_U64, OPT_SIZE (bytes), OPT_DURATION (ms), OPT_MODE    uint64_t
 *	OPT_LIST                                    char ** (NULL-terminated)
 *	OPT_MAP                                     char ** ("key=value" each)
 */
enum opt_type {
	OPT_STR, OPT_PATH, OPT_SECRET, OPT_CHOICE, OPT_BOOL, OPT_U64,
	OPT_SIZE, OPT_DURATION, OPT_MODE, OPT_LIST, OPT_MAP
};

struct opt_spec {
	const char *key;              /* "accessKey"; compared without case */
	enum opt_type type;
	size_t offset;
	const char *dflt;             /* as it would be written; NULL = none */
	uint64_t min, max;            /* inclusive; max 0 = no upper bound */
	uint64_t unit;                /* what a bare number counts, for SIZE and
				       * DURATION of older forms: GiB for
				       * libStorage's size, 1000 for seconds; 0 =
				       * bytes, or no bare numbers */
	const char *const *choices;   /* OPT_CHOICE, NULL-terminated */
	const char *const *aliases;   /* older spellings, NULL-terminated */
	const char *env;              /* further environment names, blanks between;
				       * they rank below a configuration file */
	bool required;
	bool literal;                 /* '$' stands for itself in a value */
	const char *help;             /* one sentence or two */
};

/* One given value: the canonical spec, the text, and where it came from
 * ("/etc/volfs/config.yml:12", "environment EBS_REGION", "--ebsRegion",
 * "default"). */
struct opt_value {
	const struct opt_spec *spec;
	char *text;                   /* OPT_LIST, OPT_MAP: '\n' between items */
	char *source;
};

struct opt_values {
	struct opt_value *v;
	size_t n;
};

/* The spec of @key by name or alias, without regard to case; NULL if none. */
const struct opt_spec *options_find(const struct opt_spec *table,
				    const char *key);

/* The nearest key to @key, for "did you mean"; NULL if none is near. */
const char *options_nearest(const struct opt_spec *table, const char *key);

/* Would @text do for @spec? 0 or -EINVAL with a sentence. */
int options_check(const struct opt_spec *spec, const char *text,
		  struct err *err);

/* @text in the form that reads back the same ("1024M" -> "1G", "yes" ->
 * "true"), the caller's to free; 0 or -EINVAL with a sentence. */
int options_canonical(const struct opt_spec *spec, const char *text,
		      char **out, struct err *err);

/* The entry of @spec in @given, NULL if it is not there. */
const struct opt_value *options_given(const struct opt_values *given,
				      const struct opt_spec *spec);

/* "duration" for OPT_DURATION: for messages and help. Static. */
const char *options_type_name(enum opt_type type);

/* Sets every field of @target: given values, else defaults; a given text of
 * NULL is "nothing" also where there is a default. @target's memory is the
 * caller's; what the fields point to is freed by options_done(). On failure
 * @target holds nothing to free. -EINVAL names the key, the value and its
 * source. */
int options_apply(const struct opt_spec *table, const struct opt_values *given,
		  void *target, struct err *err);
void options_done(const struct opt_spec *table, void *target);

/* Appends one paragraph an option: key, type, default, environment, help. */
void options_describe(const struct opt_spec *table, const char *driver,
		      struct buf *out);

/* libStorage's rule: "ebs.accessKey" -> EBS_ACCESSKEY, --ebsAccessKey. */
void options_env_name(const char *driver, const char *key, char *out,
		      size_t room);

void opt_values_done(struct opt_values *v);

#endif
