/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_NET_JSON_H
#define VOLFS_NET_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/auto.h"
#include "base/err.h"

/*
 * Reading what a service answered. Each getter takes a path of keys with dots
 * ("volume.size_bytes"; a number picks from an array: "items.0.id"), leaves
 * its output alone on failure, and names the path in the sentence.
 *
 * Keys are compared exactly first, then without regard to case, because
 * services and the libraries read them that way do not agree on it. Numbers
 * may come as text and text as numbers.
 *
 * json_get_*: the value must be there: -EPROTO if it is missing, null or of
 * another type. json_opt_*: missing or null gives @missing.
 */
DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

/* The deepest nesting that is read. */
#define JSON_DEPTH_MAX 32

/* -EPROTO with @what and the place where it stops being JSON. @out is the
 * caller's to json_object_put(). Trailing junk is an error. */
int json_parse(const char *text, size_t len, const char *what,
	       struct json_object **out, struct err *err);
/* As json_parse(), for what we wrote ourselves: texts may hold any bytes but
 * NUL, as the names of files and tags may. */
int json_parse_bytes(const char *text, size_t len, const char *what,
		     struct json_object **out, struct err *err);

/* NULL if missing or null. Borrowed from @o. */
struct json_object *json_find(struct json_object *o, const char *path);

/* Strings are borrowed from @o; they contain no NUL (else -EPROTO). */
int json_get_string(struct json_object *o, const char *path, const char **out,
		    struct err *err);
int json_get_i64(struct json_object *o, const char *path, int64_t *out,
		 struct err *err);
int json_get_bool(struct json_object *o, const char *path, bool *out,
		  struct err *err);
/* A number of bytes: 0 to 2^63-1. */
int json_get_size(struct json_object *o, const char *path, uint64_t *out,
		  struct err *err);
int json_get_array(struct json_object *o, const char *path,
		   struct json_object **out, size_t *len, struct err *err);
int json_get_object(struct json_object *o, const char *path,
		    struct json_object **out, struct err *err);

int json_opt_string(struct json_object *o, const char *path,
		    const char *missing, const char **out, struct err *err);
int json_opt_i64(struct json_object *o, const char *path, int64_t missing,
		 int64_t *out, struct err *err);
int json_opt_bool(struct json_object *o, const char *path, bool missing,
		  bool *out, struct err *err);
int json_opt_size(struct json_object *o, const char *path, uint64_t missing,
		  uint64_t *out, struct err *err);
/* A missing array has no items: *out = NULL, *len = 0. */
int json_opt_array(struct json_object *o, const char *path,
		   struct json_object **out, size_t *len, struct err *err);

/* For building requests: adds to the object; NULL @value adds nothing.
 * -ENOMEM, and the object is unchanged. */
int json_add_string(struct json_object *o, const char *key, const char *value);
int json_add_i64(struct json_object *o, const char *key, int64_t value);
int json_add_bool(struct json_object *o, const char *key, bool value);

#endif
