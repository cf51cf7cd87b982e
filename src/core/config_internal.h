/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_CORE_CONFIG_INTERNAL_H
#define VOLFS_CORE_CONFIG_INTERNAL_H

/* Shared by the config*.c files only. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/options.h"

/* Limits of a configuration file; over them is a sentence. */
#define CONF_BYTES_MAX (1024 * 1024)
#define CONF_DEPTH_MAX 32
#define CONF_NODES_MAX 100000
#define CONF_PATH_MAX 512         /* dotted path of a key */
#define CONF_SERVICES_MAX 1000
#define CONF_VALUE_MAX 65536      /* a value after expansion */

enum conf_kind { CONF_NULL, CONF_TEXT, CONF_MAP, CONF_LIST };

/* A file that nodes name as their source. */
struct conf_file {
	char *path;
	bool is_private;          /* nobody else may read it: secrets may stand
				   * in it */
};

/* One node of a file, or of several merged ones. */
struct conf_node {
	enum conf_kind kind;
	char *key;                /* in a mapping; else NULL */
	char *text;               /* CONF_TEXT */
	struct conf_node **child; /* in the order of the file */
	struct conf_node **sorted;/* CONF_MAP: by key, for conf_child() */
	size_t n, room, n_sorted;
	const struct conf_file *file;
	unsigned line;            /* of the key, else of the value */
	bool used;                /* some key was looked for here */
};

/* Parses @len bytes as one YAML document. An empty one is an empty mapping.
 * Return: the root, always a mapping, for conf_free(); NULL with @err. */
struct conf_node *conf_parse(const char *text, size_t len,
			     const struct conf_file *file, struct err *err);
void conf_free(struct conf_node *node);
/* Lays @over upon @base, key by key; both are used up. NULL: no memory. */
struct conf_node *conf_merge(struct conf_node *base, struct conf_node *over);
/* The value of @key (without regard to case) of a mapping; NULL if none. */
struct conf_node *conf_child(const struct conf_node *map, const char *key);
/* The same over a dotted path. */
struct conf_node *conf_at(struct conf_node *root, const char *path);

/* A flag as given. */
struct conf_flag {
	const char *name;         /* as written, without "--" and "=..." */
	char plain[CONF_PATH_MAX];/* its name without case, '-', '.' */
	const char *value;
	bool used;
};

enum service_form {
	FORM_NATIVE,              /* services.NAME */
	FORM_LIBSTORAGE,          /* libstorage.server.services.NAME */
	FORM_OSD,                 /* osd.drivers.DRIVER */
	FORM_MODULE,              /* rexray.modules.NAME */
	FORM_BARE                 /* no block of its own: only a driver */
};

/* A service while it is put together. */
struct draft {
	struct service_config *to;
	enum service_form form;
	char path[CONF_PATH_MAX]; /* of its block; "" for FORM_BARE */
	struct conf_node *block;
};

struct loader {
	const struct config_request *req;
	struct config *config;
	struct conf_file files[8];
	size_t n_files;
	struct conf_node *root;
	struct conf_flag *flags;
	size_t n_flags;
	struct draft *drafts;
	size_t n_drafts;
	bool is_rexray;           /* has a libstorage or rexray section */
};

enum found_from { FROM_FILE, FROM_ENV, FROM_FLAG };

/* A value where it stands. */
struct found {
	enum found_from from;
	struct conf_node *node;   /* FROM_FILE */
	const char *text;         /* the others */
	char source[CONF_PATH_MAX + 64];
};

/* A place where keys may stand: a block of the file (NULL: only environment
 * and flags) and its dotted path. */
struct place {
	struct conf_node *block;
	const char *path;         /* "" for the root */
};

/* config_lookup.c */
/* The value of @key (a dotted path below @at): flag, else environment, else
 * file. Marks what it finds as used. A YAML null is not found. */
bool conf_lookup(struct loader *l, const struct place *at, const char *key,
		 struct found *f);
/* The same from the root, as expanded text; NULL if there is none or, with a
 * problem noted, no text. The caller's to free. */
char *conf_lookup_text(struct loader *l, const char *path, struct found *f);
const char *conf_env(const struct loader *l, const char *name);
/* "a.b", "c" -> "a.b.c"; cut to @room */
void conf_join(char *out, size_t room, const char *path, const char *key);
/* "services.a.b" -> VOLFS_SERVICES_A_B, "ebs.tag" -> EBS_TAG */
void conf_env_name(const char *path, char *out, size_t room);
/* "ebs.accessKey", "ebsAccessKey" -> "ebsaccesskey" */
void conf_flag_plain(const char *name, char *out, size_t room);
/* "path:line" */
void conf_source(const struct conf_node *node, char *out, size_t room);
/* @text with $NAME and $$ replaced. */
int conf_expand(const struct loader *l, const char *text, char **out,
		struct err *err);
/* What @f gives for @spec: expanded, read from files, joined; not yet checked.
 * -EPERM: a secret as a flag. */
int conf_value(struct loader *l, const struct opt_spec *spec,
	       const struct found *f, char **text, struct err *err);
/* The contents of the file that holds a secret, which others cannot read. */
int conf_secret_file(const char *path, char **text, struct err *err);
struct stat;
bool conf_is_private(const struct stat *st);

/* config_resolve.c */
int conf_resolve_core(struct loader *l, struct err *err);
int conf_resolve_service(struct loader *l, struct draft *d, struct err *err);
const struct opt_spec *conf_driver_table(const struct loader *l,
					 const char *driver, bool *built);

/* config_services.c: which services there are, in all forms */
int conf_find_services(struct loader *l, struct err *err);

/* config_rexray.c: the older names of volfs's own keys */
enum rexray_change { AS_IS, GIB, INVERTED, LEVEL };
struct rexray_name {
	const char *path;         /* "libstorage.integration..." */
	const char *key;          /* of service_option_table */
	enum rexray_change change;
};
extern const struct rexray_name rexray_names[];
extern const struct rexray_name rexray_core_names[];
/* Why @path (or a path above it) means nothing here; NULL if it is not one of
 * those. @top: the length of the part that the sentence is about. */
const char *rexray_ignored(const char *path, size_t *top);
/* True if keys that are known lie below @path. */
bool rexray_is_container(const char *path);
/* The next words after @parent of all known paths, for "did you mean". */
size_t rexray_words(const char *parent, const char **words, size_t room,
		    char *store, size_t store_room);
/* Rewrites an old value to volfs's: GiB, inverted booleans, level words. */
int rexray_convert(enum rexray_change change, char **text, struct err *err);
/* Without "libstorage.", as it may stand in a service's block. */
const char *rexray_short_path(const char *path);

/* config_unknown.c */
void conf_report_unknown(struct loader *l);
/* The sentence for a flag that no key was looked for by; 0, with a note, if it
 * is one of a driver that no service has. */
int conf_unknown_flag(struct loader *l, const struct conf_flag *flag,
		      struct err *err);

/* config_known.c */
const char *const *conf_driver_roots(const char *driver);
const char *const *conf_all_roots(void);

/* config.c: sentences; all drop equal ones */
void conf_problem(struct config *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void conf_note(struct config *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The first one stays; also a problem. */
void conf_service_error(struct config *c, struct service_config *s,
			const char *text);
/* The value of @spec in its canonical form, NULL for none, and where it is
 * from; the caller's to free. A default that does not parse (a driver's own
 * matter) is given as it is written. */
char *conf_effective(const struct opt_spec *spec,
		     const struct opt_values *values, const char **source);
void conf_service_refuse(struct config *c, struct service_config *s,
			 const char *text);

#endif
