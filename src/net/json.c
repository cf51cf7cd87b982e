/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

DEFINE_AUTO_PTR(auto_tokener, struct json_tokener, json_tokener_free)

static const char *type_word(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_boolean: return "a truth value";
	case json_type_double: return "a fraction";
	case json_type_int: return "a number";
	case json_type_object: return "an object";
	case json_type_array: return "a list";
	case json_type_string: return "text";
	case json_type_null: break;
	}
	return "null";
}

static int parse(const char *text, size_t len, int flags, const char *what,
		 struct json_object **out, struct err *err)
{
	AUTO(auto_tokener) struct json_tokener *tok =
		json_tokener_new_ex(JSON_DEPTH_MAX);
	AUTO(auto_json) struct json_object *o = NULL;
	enum json_tokener_error e;
	size_t end;

	if (!tok)
		return err_oom(err);
	if (len > INT_MAX)
		return err_set(err, EPROTO, "%s is too large to be read", what);
	/* json-c takes NUL bytes for the end of the text: junk behind one
	 * would pass unseen. */
	if (memchr(text, '\0', len))
		return err_set(err, EPROTO, "%s has a NUL byte in it", what);
	json_tokener_set_flags(tok, flags);
	o = json_tokener_parse_ex(tok, text, (int)len);
	e = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	/* A bare number at the end waits for more digits. */
	if (e == json_tokener_continue) {
		o = json_tokener_parse_ex(tok, "", 1);
		e = json_tokener_get_error(tok);
		end = len;
	}
	if (e == json_tokener_continue || e == json_tokener_error_parse_eof)
		return err_set(err, EPROTO, "%s ends in the middle, at byte %zu",
			       what, len);
	if (e != json_tokener_success)
		return err_set(err, EPROTO, "%s is not JSON: %s at byte %zu",
			       what, json_tokener_error_desc(e), end);
	/* TEXT need not end in a NUL byte, and has none. */
	while (end < len && strchr(" \t\r\n", text[end]))
		end++;
	if (end < len)
		return err_set(err, EPROTO,
			       "%s goes on after its end, at byte %zu", what,
			       end);
	*out = STEAL(o);
	return 0;
}

int json_parse(const char *text, size_t len, const char *what,
	       struct json_object **out, struct err *err)
{
	return parse(text, len, JSON_TOKENER_VALIDATE_UTF8, what, out, err);
}

int json_parse_bytes(const char *text, size_t len, const char *what,
		     struct json_object **out, struct err *err)
{
	return parse(text, len, 0, what, out, err);
}

static struct json_object *member(struct json_object *o, const char *key,
				  size_t len)
{
	char name[128];
	uint64_t index;
	struct json_object *v;

	if (json_object_is_type(o, json_type_array)) {
		if (parse_u64(key, len, &index, NULL) < 0 ||
		    index >= json_object_array_length(o))
			return NULL;
		return json_object_array_get_idx(o, index);
	}
	if (!json_object_is_type(o, json_type_object) || len >= sizeof(name))
		return NULL;
	memcpy(name, key, len);
	name[len] = '\0';
	if (json_object_object_get_ex(o, name, &v))
		return v;
	json_object_object_foreach(o, k, val) {
		if (!strcasecmp(k, name))
			return val;
	}
	return NULL;
}

struct json_object *json_find(struct json_object *o, const char *path)
{
	while (o && *path) {
		size_t len = strcspn(path, ".");

		o = member(o, path, len);
		path += len;
		if (*path == '.')
			path++;
	}
	return o;
}

static int missing_value(const char *path, struct err *err)
{
	return err_set(err, EPROTO, "the answer has no '%s'", path);
}

static int wrong_type(const char *path, struct json_object *v,
		      const char *wanted, struct err *err)
{
	return err_set(err, EPROTO, "'%s' in the answer is %s, not %s", path,
		       type_word(v), wanted);
}

static int as_string(struct json_object *v, const char *path,
		     const char **out, struct err *err)
{
	const char *text;

	if (!json_object_is_type(v, json_type_string) &&
	    !json_object_is_type(v, json_type_int))
		return wrong_type(path, v, "text", err);
	text = json_object_get_string(v);
	if (!text)
		return err_oom(err);
	if (json_object_is_type(v, json_type_string) &&
	    strlen(text) != (size_t)json_object_get_string_len(v))
		return err_set(err, EPROTO,
			       "'%s' in the answer has a NUL byte in it", path);
	*out = text;
	return 0;
}

static int as_i64(struct json_object *v, const char *path, int64_t *out,
		  struct err *err)
{
	char quoted[64];
	const char *text;
	double d;

	switch (json_object_get_type(v)) {
	case json_type_int:
		/* Over 2^63-1 json-c holds an unsigned number. */
		if (json_object_get_uint64(v) > INT64_MAX)
			break;
		*out = json_object_get_int64(v);
		return 0;
	case json_type_double:
		/* 1e9 is how some services write a whole number. */
		d = json_object_get_double(v);
		if (!(d > -9e15 && d < 9e15) || d != (double)(int64_t)d)
			break;
		*out = (int64_t)d;
		return 0;
	case json_type_string:
		text = json_object_get_string(v);
		if (!parse_i64(text, strlen(text), out, NULL))
			return 0;
		return err_set(err, EPROTO,
			       "'%s' in the answer is '%s', not a number", path,
			       quote_for_error(quoted, sizeof(quoted), text,
					       strlen(text)));
	default:
		return wrong_type(path, v, "a number", err);
	}
	return err_set(err, EPROTO, "'%s' in the answer is no whole number of 63 bits",
		       path);
}

static int as_bool(struct json_object *v, const char *path, bool *out,
		   struct err *err)
{
	const char *text;

	switch (json_object_get_type(v)) {
	case json_type_boolean:
		*out = json_object_get_boolean(v);
		return 0;
	case json_type_int:
		if (json_object_get_int64(v) != 0 &&
		    json_object_get_int64(v) != 1)
			break;
		*out = json_object_get_int64(v) == 1;
		return 0;
	case json_type_string:
		text = json_object_get_string(v);
		if (!parse_bool(text, strlen(text), out, NULL))
			return 0;
		break;
	default:
		break;
	}
	return wrong_type(path, v, "true or false", err);
}

int json_get_string(struct json_object *o, const char *path, const char **out,
		    struct err *err)
{
	struct json_object *v = json_find(o, path);

	return v ? as_string(v, path, out, err) : missing_value(path, err);
}

int json_get_i64(struct json_object *o, const char *path, int64_t *out,
		 struct err *err)
{
	struct json_object *v = json_find(o, path);

	return v ? as_i64(v, path, out, err) : missing_value(path, err);
}

int json_get_bool(struct json_object *o, const char *path, bool *out,
		  struct err *err)
{
	struct json_object *v = json_find(o, path);

	return v ? as_bool(v, path, out, err) : missing_value(path, err);
}

int json_get_size(struct json_object *o, const char *path, uint64_t *out,
		  struct err *err)
{
	int64_t value;
	int r = json_get_i64(o, path, &value, err);

	if (r < 0)
		return r;
	if (value < 0)
		return err_set(err, EPROTO,
			       "'%s' in the answer is %lld, under zero", path,
			       (long long)value);
	*out = (uint64_t)value;
	return 0;
}

int json_get_array(struct json_object *o, const char *path,
		   struct json_object **out, size_t *len, struct err *err)
{
	struct json_object *v = json_find(o, path);

	if (!v)
		return missing_value(path, err);
	if (!json_object_is_type(v, json_type_array))
		return wrong_type(path, v, "a list", err);
	*out = v;
	*len = json_object_array_length(v);
	return 0;
}

int json_get_object(struct json_object *o, const char *path,
		    struct json_object **out, struct err *err)
{
	struct json_object *v = json_find(o, path);

	if (!v)
		return missing_value(path, err);
	if (!json_object_is_type(v, json_type_object))
		return wrong_type(path, v, "an object", err);
	*out = v;
	return 0;
}

int json_opt_string(struct json_object *o, const char *path,
		    const char *missing, const char **out, struct err *err)
{
	struct json_object *v = json_find(o, path);

	if (v)
		return as_string(v, path, out, err);
	*out = missing;
	return 0;
}

int json_opt_i64(struct json_object *o, const char *path, int64_t missing,
		 int64_t *out, struct err *err)
{
	struct json_object *v = json_find(o, path);

	if (v)
		return as_i64(v, path, out, err);
	*out = missing;
	return 0;
}

int json_opt_bool(struct json_object *o, const char *path, bool missing,
		  bool *out, struct err *err)
{
	struct json_object *v = json_find(o, path);

	if (v)
		return as_bool(v, path, out, err);
	*out = missing;
	return 0;
}

int json_opt_size(struct json_object *o, const char *path, uint64_t missing,
		  uint64_t *out, struct err *err)
{
	if (json_find(o, path))
		return json_get_size(o, path, out, err);
	*out = missing;
	return 0;
}

int json_opt_array(struct json_object *o, const char *path,
		   struct json_object **out, size_t *len, struct err *err)
{
	if (json_find(o, path))
		return json_get_array(o, path, out, len, err);
	*out = NULL;
	*len = 0;
	return 0;
}

static int add(struct json_object *o, const char *key,
	       struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(o, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int json_add_string(struct json_object *o, const char *key, const char *value)
{
	return value ? add(o, key, json_object_new_string(value)) : 0;
}

int json_add_i64(struct json_object *o, const char *key, int64_t value)
{
	return add(o, key, json_object_new_int64(value));
}

int json_add_bool(struct json_object *o, const char *key, bool value)
{
	return add(o, key, json_object_new_boolean(value));
}
