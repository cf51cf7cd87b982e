/* SPDX-License-Identifier: Apache-2.0 */
#include "core/volume.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

/*
 * What this host keeps of a volume, and its text in the store: one JSON object
 * that holds only what differs from a new record. Keys that are not known are
 * passed over, so that an older volfs can still read a newer record.
 */

#define LOCAL_TEXT_MAX (4 * 1024 * 1024)
#define LOCAL_DEPTH_MAX 8

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)
DEFINE_AUTO_PTR(auto_tokener, struct json_tokener, json_tokener_free)
DEFINE_AUTO_PTR(auto_local, struct volume_local, local_unref)

enum field_type { FIELD_BOOL, FIELD_INT8, FIELD_UINT32, FIELD_INT64,
		  FIELD_UINT64, FIELD_STRING };

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	int64_t initial;         /* what local_new() gives; strings: NULL */
};

#define FIELD(name, kind, start)                                        \
	{ #name, FIELD_##kind, offsetof(struct volume_local, name), start }

static const struct field fields[] = {
	FIELD(owner_uid, UINT32, -1),
	FIELD(owner_gid, UINT32, -1),
	FIELD(owner_mode, UINT32, -1),
	FIELD(protect, INT8, -1),
	FIELD(formatted, BOOL, 0),
	FIELD(formatting, BOOL, 0),
	FIELD(imported, BOOL, 0),
	FIELD(ever_attached, BOOL, 0),
	FIELD(owner_pending, BOOL, 0),
	FIELD(made_here, BOOL, 0),
	FIELD(auto_mount, BOOL, 0),
	FIELD(attached, BOOL, 0),
	FIELD(attached_by_mount, BOOL, 0),
	FIELD(attached_read_only, BOOL, 0),
	FIELD(attached_at_s, INT64, 0),
	FIELD(attach_json, STRING, 0),
	FIELD(device, STRING, 0),
	FIELD(device_serial, STRING, 0),
	FIELD(device_devno, UINT64, 0),
	FIELD(device_diskseq, UINT64, 0),
	FIELD(device_lost, STRING, 0),
	FIELD(mounted, BOOL, 0),
	FIELD(mount_read_only, BOOL, 0),
	FIELD(fstype, STRING, 0),
	FIELD(options, STRING, 0),
	FIELD(subpath, STRING, 0),
	FIELD(data_uid, UINT32, -1),
	FIELD(data_gid, UINT32, -1),
	FIELD(data_mode, UINT32, -1),
	FIELD(grow_pending, BOOL, 0),
	FIELD(usage_known, BOOL, 0),
	FIELD(total_bytes, UINT64, 0),
	FIELD(used_bytes, UINT64, 0),
	FIELD(available_bytes, UINT64, 0),
	FIELD(total_inodes, UINT64, 0),
	FIELD(used_inodes, UINT64, 0),
	FIELD(usage_at_s, INT64, 0),
	FIELD(went_read_only, BOOL, 0),
	FIELD(share_lost, STRING, 0),
	FIELD(share_lost_at_s, INT64, 0),
	FIELD(failed, BOOL, 0),
	FIELD(unresolved, BOOL, 0),
	FIELD(gone, BOOL, 0),
	FIELD(orphaned_name, BOOL, 0),
	FIELD(last_used_at_s, INT64, 0),
};

_Static_assert(sizeof(uid_t) == 4 && sizeof(gid_t) == 4 &&
	       sizeof(mode_t) == 4, "stored as 32 bits");
_Static_assert(sizeof(dev_t) == 8, "stored as 64 bits");

/* Numbers travel as 64 bits; a UINT64 keeps its bits. */
static int64_t field_number(const struct volume_local *l,
			    const struct field *f)
{
	const void *at = (const char *)l + f->offset;

	switch (f->type) {
	case FIELD_BOOL:
		return *(const bool *)at;
	case FIELD_INT8:
		return *(const int8_t *)at;
	case FIELD_UINT32:
		return *(const uint32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

static void field_set(struct volume_local *l, const struct field *f,
		      int64_t value)
{
	void *at = (char *)l + f->offset;

	switch (f->type) {
	case FIELD_BOOL:
		*(bool *)at = value;
		break;
	case FIELD_INT8:
		*(int8_t *)at = value;
		break;
	case FIELD_UINT32:
		*(uint32_t *)at = value;
		break;
	default:
		*(int64_t *)at = value;
		break;
	}
}

static char **field_string(const struct volume_local *l, const struct field *f)
{
	return (char **)((char *)(uintptr_t)l + f->offset);
}

static bool field_is_initial(const struct volume_local *l,
			     const struct field *f)
{
	if (f->type == FIELD_STRING)
		return !*field_string(l, f);
	if (f->type == FIELD_UINT32)
		return (uint32_t)field_number(l, f) == (uint32_t)f->initial;
	return field_number(l, f) == f->initial;
}

/* ---- life ---- */

struct volume_local *local_new(void)
{
	struct volume_local *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	atomic_init(&l->refs, 1);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].type != FIELD_STRING)
			field_set(l, &fields[i], fields[i].initial);
	}
	return l;
}

static void local_free(struct volume_local *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].type == FIELD_STRING)
			free(*field_string(l, &fields[i]));
	}
	for (size_t i = 0; i < l->n_users; i++)
		free(l->users[i].name);
	free(l->users);
	free(l->fault.verb);
	free(l);
}

/* strdup() for what may be NULL. Return: -ENOMEM. */
static int string_copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int users_copy(struct volume_local *to, const struct volume_local *from)
{
	if (from->n_users == 0)
		return 0;
	to->users = calloc(from->n_users, sizeof(*to->users));
	if (!to->users)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_users; i++) {
		to->users[i] = from->users[i];
		if (string_copy(&to->users[i].name, from->users[i].name) < 0)
			return -ENOMEM;
		to->n_users = i + 1;
	}
	return 0;
}

struct volume_local *local_copy(const struct volume_local *l)
{
	AUTO(auto_local) struct volume_local *n = local_new();
	int r = 0;

	if (!n || !l)
		return STEAL(n);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];

		if (f->type != FIELD_STRING)
			field_set(n, f, field_number(l, f));
		else
			r |= string_copy(field_string(n, f),
					 *field_string(l, f));
	}
	memcpy(n->usage_scope, l->usage_scope, sizeof(n->usage_scope));
	r |= users_copy(n, l);
	n->fault = l->fault;
	r |= string_copy(&n->fault.verb, l->fault.verb);
	return r < 0 ? NULL : STEAL(n);
}

struct volume_local *local_ref(struct volume_local *l)
{
	if (l)
		atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void local_unref(struct volume_local *l)
{
	if (l && atomic_fetch_sub_explicit(&l->refs, 1,
					   memory_order_acq_rel) == 1)
		local_free(l);
}

/* ---- to text ---- */

/* Puts @value, whose reference it takes, into @o. A NULL is no memory. */
static int json_put(struct json_object *o, const char *key,
		    struct json_object *value)
{
	if (value && json_object_object_add(o, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static struct json_object *field_encode(const struct volume_local *l,
					const struct field *f)
{
	switch (f->type) {
	case FIELD_BOOL:
		return json_object_new_boolean(field_number(l, f) != 0);
	case FIELD_STRING:
		return json_object_new_string(*field_string(l, f));
	case FIELD_UINT64:
		return json_object_new_uint64((uint64_t)field_number(l, f));
	default:
		return json_object_new_int64(field_number(l, f));
	}
}

static int users_encode(const struct volume_local *l, struct json_object *root)
{
	AUTO(auto_json) struct json_object *list = json_object_new_array();
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_users; i++) {
		const struct mount_user *u = &l->users[i];
		AUTO(auto_json) struct json_object *o =
			json_object_new_object();

		if (!o || json_put(o, "name", json_object_new_string(
						u->name ? u->name : "")) < 0 ||
		    json_put(o, "since_s",
			     json_object_new_int64(u->since_s)) < 0 ||
		    json_put(o, "read_only",
			     json_object_new_boolean(u->read_only)) < 0)
			return -ENOMEM;
		if (json_object_array_add(list, o) < 0)
			return -ENOMEM;
		o = NULL;
	}
	return r < 0 ? r : json_put(root, "users", STEAL(list));
}

static int fault_encode(const struct fault *f, struct json_object *root)
{
	AUTO(auto_json) struct json_object *o = json_object_new_object();

	if (!o || json_put(o, "at_s", json_object_new_int64(f->at_s)) < 0 ||
	    json_put(o, "job", json_object_new_uint64(f->job)) < 0 ||
	    (f->verb &&
	     json_put(o, "verb", json_object_new_string(f->verb)) < 0) ||
	    json_put(o, "errno", json_object_new_int64(f->err.num)) < 0 ||
	    json_put(o, "code", json_object_new_string(f->err.code)) < 0 ||
	    json_put(o, "request",
		     json_object_new_string(f->err.request)) < 0 ||
	    json_put(o, "text", json_object_new_string(f->err.text)) < 0)
		return -ENOMEM;
	return json_put(root, "fault", STEAL(o));
}

int local_encode(const struct volume_local *l, struct buf *out)
{
	AUTO(auto_json) struct json_object *root = json_object_new_object();
	const char *text;
	size_t len;
	int r = root ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		if (!field_is_initial(l, &fields[i]))
			r = json_put(root, fields[i].key,
				     field_encode(l, &fields[i]));
	}
	if (r == 0 && l->usage_scope[0])
		r = json_put(root, "usage_scope",
			     json_object_new_string_len(
				     l->usage_scope,
				     (int)strnlen(l->usage_scope,
						  sizeof(l->usage_scope))));
	if (r == 0 && l->n_users > 0)
		r = users_encode(l, root);
	if (r == 0 && l->fault.at_s != 0)
		r = fault_encode(&l->fault, root);
	if (r < 0)
		return r;
	text = json_object_to_json_string_length(
		root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&len);
	if (!text)
		return -ENOMEM;
	buf_append(out, text, len);
	return -buf_failed(out);
}

/* ---- from text ---- */

static int bad(struct err *err, const char *key, const char *want)
{
	return err_set(err, EPROTO,
		       "the stored record of a volume is not understood: '%s' is not %s",
		       key, want);
}

static int number_decode(const char *key, struct json_object *o, int64_t min,
			 int64_t max, int64_t *out, struct err *err)
{
	int64_t n = json_object_get_int64(o);

	if (!json_object_is_type(o, json_type_int) || n < min || n > max)
		return bad(err, key, "a number in its range");
	*out = n;
	return 0;
}

/* A copy of the text; bytes after a NUL in it would be lost, so none may be. */
static int text_decode(const char *key, struct json_object *o, char **out,
		       struct err *err)
{
	const char *s;

	if (!json_object_is_type(o, json_type_string))
		return bad(err, key, "a text");
	s = json_object_get_string(o);
	if (strlen(s) != (size_t)json_object_get_string_len(o))
		return bad(err, key, "a text without NUL");
	free(*out);
	*out = strdup(s);
	return *out ? 0 : err_oom(err);
}

static int array_decode(const char *key, struct json_object *o, char *out,
			size_t room, struct err *err)
{
	AUTO(auto_free) char *text = NULL;
	int r = text_decode(key, o, &text, err);

	if (r < 0)
		return r;
	if (strlen(text) >= room)
		return bad(err, key, "short enough");
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int bool_decode(const char *key, struct json_object *o, bool *out,
		       struct err *err)
{
	if (!json_object_is_type(o, json_type_boolean))
		return bad(err, key, "true or false");
	*out = json_object_get_boolean(o);
	return 0;
}

static int uint64_decode(const char *key, struct json_object *o, uint64_t *out,
			 struct err *err)
{
	int64_t sign;
	int r = number_decode(key, o, 0, INT64_MAX, &sign, err);

	if (r == 0)
		*out = json_object_get_uint64(o);
	return r;
}

static int field_decode(struct volume_local *l, const struct field *f,
			struct json_object *o, struct err *err)
{
	int64_t n = 0;
	bool flag = false;
	int r;

	switch (f->type) {
	case FIELD_STRING:
		return text_decode(f->key, o, field_string(l, f), err);
	case FIELD_BOOL:
		r = bool_decode(f->key, o, &flag, err);
		n = flag;
		break;
	case FIELD_INT8:
		r = number_decode(f->key, o, -1, 1, &n, err);
		break;
	case FIELD_UINT32:
		r = number_decode(f->key, o, 0, UINT32_MAX, &n, err);
		break;
	case FIELD_UINT64:
		r = uint64_decode(f->key, o, (uint64_t *)&n, err);
		break;
	default:
		r = number_decode(f->key, o, INT64_MIN, INT64_MAX, &n, err);
		break;
	}
	if (r == 0)
		field_set(l, f, n);
	return r;
}

static int user_decode(struct mount_user *u, struct json_object *o,
		       struct err *err)
{
	struct json_object *name, *since, *read_only;
	int r;

	if (!json_object_object_get_ex(o, "name", &name) ||
	    !json_object_object_get_ex(o, "since_s", &since) ||
	    !json_object_object_get_ex(o, "read_only", &read_only))
		return bad(err, "users", "a list of users");
	r = number_decode("since_s", since, INT64_MIN, INT64_MAX, &u->since_s,
			  err);
	if (r == 0)
		r = bool_decode("read_only", read_only, &u->read_only, err);
	if (r == 0)
		r = text_decode("name", name, &u->name, err);
	return r;
}

static int users_decode(struct volume_local *l, struct json_object *list,
			struct err *err)
{
	size_t n;
	int r = 0;

	if (!json_object_is_type(list, json_type_array))
		return bad(err, "users", "a list of users");
	n = json_object_array_length(list);
	if (n == 0)
		return 0;
	l->users = calloc(n, sizeof(*l->users));
	if (!l->users)
		return err_oom(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = user_decode(&l->users[i],
				json_object_array_get_idx(list, i), err);
		if (r == 0)
			l->n_users = i + 1;
	}
	return r;
}

static int fault_decode(struct fault *f, struct json_object *o,
			struct err *err)
{
	struct json_object *v;
	int64_t n = 0;
	int r;

	if (!json_object_object_get_ex(o, "at_s", &v))
		return bad(err, "fault", "an error with its time");
	r = number_decode("at_s", v, INT64_MIN, INT64_MAX, &f->at_s, err);
	if (r == 0 && json_object_object_get_ex(o, "job", &v))
		r = uint64_decode("job", v, &f->job, err);
	if (r == 0 && json_object_object_get_ex(o, "verb", &v))
		r = text_decode("verb", v, &f->verb, err);
	if (r == 0 && json_object_object_get_ex(o, "errno", &v))
		r = number_decode("errno", v, 0, INT32_MAX, &n, err);
	f->err.num = (int)n;
	if (r == 0 && json_object_object_get_ex(o, "code", &v))
		r = array_decode("code", v, f->err.code, sizeof(f->err.code),
				 err);
	if (r == 0 && json_object_object_get_ex(o, "request", &v))
		r = array_decode("request", v, f->err.request,
				 sizeof(f->err.request), err);
	if (r == 0 && json_object_object_get_ex(o, "text", &v))
		r = array_decode("text", v, f->err.text, sizeof(f->err.text),
				 err);
	return r;
}

/* The whole of the text as one JSON object, or NULL. */
static struct json_object *object_parse(const char *text, size_t len)
{
	AUTO(auto_tokener) struct json_tokener *t =
		json_tokener_new_ex(LOCAL_DEPTH_MAX);
	AUTO(auto_json) struct json_object *root = NULL;

	if (!t || len == 0 || len > LOCAL_TEXT_MAX)
		return NULL;
	root = json_tokener_parse_ex(t, text, (int)len);
	if (json_tokener_get_error(t) != json_tokener_success ||
	    json_tokener_get_parse_end(t) != len ||
	    !json_object_is_type(root, json_type_object))
		return NULL;
	return STEAL(root);
}

int local_decode(const char *text, size_t len, struct volume_local **out,
		 struct err *err)
{
	AUTO(auto_json) struct json_object *root = object_parse(text, len);
	AUTO(auto_local) struct volume_local *l = NULL;
	struct json_object *v;
	int r = 0;

	if (!root)
		return err_set(err, EPROTO,
			       "the stored record of a volume is not a JSON object");
	l = local_new();
	if (!l)
		return err_oom(err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		if (json_object_object_get_ex(root, fields[i].key, &v))
			r = field_decode(l, &fields[i], v, err);
	}
	if (r == 0 && json_object_object_get_ex(root, "usage_scope", &v))
		r = array_decode("usage_scope", v, l->usage_scope,
				 sizeof(l->usage_scope), err);
	if (r == 0 && json_object_object_get_ex(root, "users", &v))
		r = users_decode(l, v, err);
	if (r == 0 && json_object_object_get_ex(root, "fault", &v))
		r = fault_decode(&l->fault, v, err);
	if (r == 0)
		*out = STEAL(l);
	return r;
}
