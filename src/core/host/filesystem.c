/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's side of file systems: what is asked of the helpers. */

#include "core/host/filesystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/fault.h"
#include "base/parse.h"
#include "core/host/commands.h"

#define PROBE_MS 30000
#define MKFS_MS (15 * 60 * 1000)
#define FSCK_MS (6 * 3600 * 1000)
#define GROW_MS (6 * 3600 * 1000)

DEFINE_AUTO_PTR(auto_json, struct json_object, json_object_put)

static void probe_from_json(struct json_object *o, struct fs_probe *p)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->type, sizeof(p->type), "%s", reply_text(o, "type"));
	snprintf(p->uuid, sizeof(p->uuid), "%s", reply_text(o, "uuid"));
	snprintf(p->label, sizeof(p->label), "%s", reply_text(o, "label"));
	snprintf(p->found, sizeof(p->found), "%s", reply_text(o, "found"));
	p->blank = reply_bool(o, "blank");
	p->unclean = reply_bool(o, "unclean");
	p->size_bytes = reply_u64(o, "size_bytes");
}

int fs_probe(const struct call *c, const struct device *dev,
	     uint64_t want_bytes, struct fs_probe *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	char want[WORD_MAX];
	const char *argv[] = { "probe", dev->path,
			       word_of_u64(want, want_bytes), NULL };
	int r = device_helper_run(c, PROBE_MS, dev, argv, &reply, err);

	if (r == 0)
		probe_from_json(reply, out);
	return r;
}

static const struct fs_limits {
	const char *fstype;
	uint64_t least_bytes;
	const char *least;
	size_t label_max;
} fs_limits[] = {
	/* ext4: with a journal; xfs: mkfs.xfs of xfsprogs 6.1; btrfs: of
	 * btrfs-progs 6.2, with its defaults (DUP metadata). */
	{ "ext4", 8 << 20, "8M", 16 },
	{ "xfs", 300 << 20, "300M", 12 },
	{ "btrfs", 114294784, "109M", 255 },
};

static int fs_make_check(const char *fstype, const char *label,
			 uint64_t size_bytes, struct err *err)
{
	const struct fs_limits *l = fs_limits;
	char has[FORMAT_MAX];

	while (strcmp(l->fstype, fstype) != 0)
		l++;
	if (size_bytes < l->least_bytes)
		return err_set(err, EINVAL, "%s is too small for %s, which "
			       "needs at least %s (%llu bytes)",
			       format_size(has, size_bytes), fstype, l->least,
			       (unsigned long long)l->least_bytes);
	if (label && strlen(label) > l->label_max)
		return err_set(err, EINVAL, "label '%.64s' is too long: %s "
			       "takes %zu bytes", label, fstype, l->label_max);
	return 0;
}

/* 64 bits of FNV-1a with murmur's finish: spreads, hides nothing. */
static uint64_t token_hash(const char *token, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325u ^ seed;

	for (; *token; token++) {
		h ^= (unsigned char)*token;
		h *= 0x100000001b3u;
	}
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	return h;
}

/* The UUID (version 8: ours) of a job's file system; "" without a token. */
static void token_to_uuid(const char *token, char *out, size_t room)
{
	uint64_t a, b;

	out[0] = 0;
	if (!token || !*token)
		return;
	a = token_hash(token, 0);
	b = token_hash(token, 0x9e3779b97f4a7c15u);
	a = (a & 0xffffffffffff0fffu) | 0x8000;
	b = (b & 0x3fffffffffffffffu) | 0x8000000000000000u;
	snprintf(out, room, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
		 (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xffff,
		 (unsigned)(b >> 48),
		 (unsigned long long)(b & 0xffffffffffffu));
}

int fs_make(const struct call *c, const struct device *dev, const char *fstype,
	    const char *label, uint64_t want_bytes, bool overwrite,
	    struct err *err)
{
	int64_t left_ms = call_left_ms(c, MKFS_MS);
	char want[WORD_MAX], limit[WORD_MAX], uuid[64];
	/* The helper gives up before we do, to clean up after itself. */
	int64_t limit_ms = left_ms > 8000 ? left_ms - 2000 : left_ms * 3 / 4;
	const char *argv[] = { "mkfs", dev->path, fstype, label ? label : "",
			       uuid, word_of_u64(want, want_bytes),
			       word_of_u64(limit, (uint64_t)limit_ms),
			       overwrite ? "1" : "0", NULL };
	int r = fs_type_check(fstype, err);

	if (r < 0)
		return r;
	r = fs_make_check(fstype, label, dev->size_bytes, err);
	if (r < 0)
		return r;
	token_to_uuid(c->token, uuid, sizeof(uuid));
	FAULT_POINT("host.mkfs.before");
	r = device_helper_run(c, left_ms, dev, argv, NULL, err);
	FAULT_POINT("host.mkfs.after");
	return r;
}

int fs_check(const struct call *c, const struct device *dev,
	     const char *fstype, struct err *err)
{
	int64_t left_ms = call_left_ms(c, FSCK_MS);
	char limit[WORD_MAX];
	const char *argv[] = { "fsck", dev->path, fstype,
			       word_of_u64(limit, (uint64_t)left_ms), NULL };

	if (strncmp(fstype, "ext", 3) != 0)
		return 0;
	FAULT_POINT("host.fsck.before");
	return device_helper_run(c, left_ms, dev, argv, NULL, err);
}

int fs_grow(const struct call *c, const struct device *dev, const char *fstype,
	    const char *mounted_at, struct err *err)
{
	int64_t left_ms = call_left_ms(c, GROW_MS);
	bool ext = strncmp(fstype, "ext", 3) == 0;
	char limit[WORD_MAX];
	const char *argv[] = { "grow", dev->path, fstype,
			       mounted_at ? mounted_at : "",
			       word_of_u64(limit, (uint64_t)left_ms), NULL };
	int r;

	if (!ext && strcmp(fstype, "xfs") != 0 && strcmp(fstype, "btrfs") != 0)
		return err_set(err, EINVAL, "a file system of type '%s' cannot "
			       "be grown: ext4, xfs and btrfs can", fstype);
	if (!ext && !mounted_at)
		return err_set(err, EINVAL, "%s is grown while it is mounted: "
			       "mount the volume first", fstype);
	FAULT_POINT("host.grow.before");
	r = device_helper_run(c, left_ms, dev, argv, NULL, err);
	FAULT_POINT("host.grow.after");
	return r;
}

int fs_usage(const struct call *c, const char *path, int64_t most_ms,
	     struct fs_usage *out, struct err *err)
{
	AUTO(auto_json) struct json_object *reply = NULL;
	const char *argv[] = { "statfs", path, NULL };
	int r = helper_run(c, most_ms, argv, &reply, err);

	if (r < 0)
		return r;
	*out = (struct fs_usage){
		.total_bytes = reply_u64(reply, "total_bytes"),
		.used_bytes = reply_u64(reply, "used_bytes"),
		.available_bytes = reply_u64(reply, "available_bytes"),
		.total_inodes = reply_u64(reply, "total_inodes"),
		.used_inodes = reply_u64(reply, "used_inodes"),
		.read_only = reply_bool(reply, "read_only"),
	};
	return 0;
}
