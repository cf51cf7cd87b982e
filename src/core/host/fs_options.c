/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The closed lists: the file systems that are made, and for each file system
 * the mount options that may come from the tree. What could reach past the
 * volume (other devices, the owner of everything, ACLs switched off) is not
 * among them: that is for the configuration.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/host/commands.h"
#include "core/host/filesystem.h"

/* "=" at the end: takes a value. */
static const char *const options_common[] = {
	"ro", "rw", "nodev", "nosuid", "noexec", "exec", "noatime", "atime",
	"relatime", "strictatime", "nodiratime", "lazytime", "nolazytime",
	"sync", "async", "dirsync", "nosymfollow", NULL
};

static const char *const options_ext[] = {
	"discard", "nodiscard", "data=", "errors=", "commit=", "barrier",
	"nobarrier", "noload", "norecovery", "delalloc", "nodelalloc",
	"user_xattr", "acl", "noacl", "journal_checksum", "init_itable",
	"noinit_itable", "stripe=", "max_batch_time=", "min_batch_time=",
	"auto_da_alloc", "noauto_da_alloc", "grpid", "nogrpid", "usrquota",
	"grpquota", "prjquota", "noquota", "minixdf", "bsddf", NULL
};

static const char *const options_xfs[] = {
	"discard", "nodiscard", "nouuid", "norecovery", "logbufs=",
	"logbsize=", "allocsize=", "inode32", "inode64", "largeio",
	"nolargeio", "noalign", "sunit=", "swidth=", "swalloc", "uquota",
	"gquota", "pquota", "usrquota", "grpquota", "prjquota", "noquota",
	"filestreams", "wsync", "grpid", "nogrpid", NULL
};

static const char *const options_btrfs[] = {
	"discard", "discard=", "nodiscard", "compress", "compress=",
	"compress-force", "compress-force=", "autodefrag", "noautodefrag",
	"ssd", "nossd", "ssd_spread", "commit=", "flushoncommit",
	"noflushoncommit", "datacow", "nodatacow", "datasum", "nodatasum",
	"max_inline=", "space_cache=", "thread_pool=", "acl", "noacl",
	"rescue=", "skip_balance", "subvol=", "subvolid=", "degraded", NULL
};

static const char *const options_vfat[] = {
	"uid=", "gid=", "umask=", "dmask=", "fmask=", "iocharset=",
	"codepage=", "shortname=", "utf8", "utf8=", "quiet", "flush",
	"discard", "errors=", "showexec", "tz=", NULL
};

static const char *const options_nfs[] = {
	"vers=", "nfsvers=", "minorversion=", "proto=", "port=", "mountproto=",
	"mountport=", "mountvers=", "soft", "hard", "softerr", "intr",
	"nointr", "timeo=", "retrans=", "retry=", "rsize=", "wsize=",
	"noresvport", "resvport", "nolock", "lock", "local_lock=", "ac",
	"noac", "actimeo=", "acregmin=", "acregmax=", "acdirmin=",
	"acdirmax=", "cto", "nocto", "sec=", "bg", "fg", "lookupcache=",
	"nconnect=", "max_connect=", "sharecache", "nosharecache",
	"fsc", "nofsc", "noacl", "acl", "clientaddr=", "_netdev", "tcp",
	"udp", "rdirplus", "nordirplus", NULL
};

static const char *const options_none[] = { NULL };

static const struct {
	const char *fstype;
	const char *const *options;
} option_lists[] = {
	{ "ext2", options_ext },     { "ext3", options_ext },
	{ "ext4", options_ext },     { "xfs", options_xfs },
	{ "btrfs", options_btrfs },  { "vfat", options_vfat },
	{ "nfs", options_nfs },      { "nfs4", options_nfs },
	{ "bind", options_none },
};

static const char *const types_made[] = { "ext4", "xfs", "btrfs", NULL };

static bool option_is_in(const char *const *list, const char *word,
			 size_t len)
{
	const char *equals = memchr(word, '=', len);
	size_t name = equals ? (size_t)(equals - word) + 1 : len;

	for (; *list; list++)
		if (strlen(*list) == name && strncmp(*list, word, name) == 0)
			return !equals || name < len;
	return false;
}

/* Values are words: nothing that a mount helper could read as more options,
 * and no path but a subvolume's. */
static bool option_value_is_plain(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)word[i];

		if (!isalnum(c) && !strchr("=_-.:/@+", c))
			return false;
	}
	return true;
}

/* "errors=panic" would let who has one volume end the whole machine. */
static bool option_is_harmful(const char *word, size_t len)
{
	static const char panic[] = "errors=panic";

	return len == sizeof(panic) - 1 && memcmp(word, panic, len) == 0;
}

static int option_refuse(const char *fstype, const char *const *own,
			 const char *word, size_t len, struct err *err)
{
	const char *all[128], *near;
	char name[64], shown[64];
	size_t n = 0, i;

	for (i = 0; options_common[i]; i++)
		all[n++] = options_common[i];
	for (i = 0; own[i] && n < ARRAY_SIZE(all) - 1; i++)
		all[n++] = own[i];
	all[n] = NULL;
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	near = nearest_word(name, all);
	quote_for_error(shown, sizeof(shown), word, len);
	if (!option_value_is_plain(word, len))
		return err_set(err, EINVAL, "mount option '%s' has a byte that "
			       "no option of the tree may have", shown);
	if (option_is_harmful(word, len))
		return err_set(err, EINVAL, "mount option '%s' would stop the "
			       "whole machine: errors=remount-ro or "
			       "errors=continue", shown);
	if (near && strcmp(near, name) != 0)
		return err_set(err, EINVAL, "mount option '%s' is not in the "
			       "list for %s; did you mean '%s'?", shown, fstype,
			       near);
	return err_set(err, EINVAL, "mount option '%s' is not in the list for "
		       "%s, such as ro, noatime, noexec, sync, discard: see "
		       "volfs-files(7)", shown, fstype);
}

int fs_options_check(const char *fstype, const char *options, struct err *err)
{
	const char *const *own = NULL;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(option_lists); i++)
		if (strcmp(option_lists[i].fstype, fstype) == 0)
			own = option_lists[i].options;
	if (!own)
		return err_set(err, EINVAL, "mount options for '%s' are not "
			       "known here: known are ext2 ext3 ext4 xfs btrfs "
			       "vfat nfs", fstype);
	for (; *options; options += len + (options[len] == ',')) {
		len = strcspn(options, ",");
		if (len == 0)
			continue;
		if ((option_is_in(options_common, options, len) ||
		     option_is_in(own, options, len)) &&
		    option_value_is_plain(options, len) &&
		    !option_is_harmful(options, len))
			continue;
		return option_refuse(fstype, own, options, len, err);
	}
	return 0;
}

int fs_type_check(const char *fstype, struct err *err)
{
	char program[48], path[256];
	const char *near;
	size_t i;

	for (i = 0; types_made[i]; i++) {
		if (strcmp(types_made[i], fstype) != 0)
			continue;
		snprintf(program, sizeof(program), "mkfs.%s", fstype);
		if (tool_find(program, path, sizeof(path), err) < 0)
			return err_set(err, EINVAL, "fstype '%s' cannot be "
				       "made here: %.200s", fstype, err ?
				       err->text : program);
		return 0;
	}
	near = nearest_word(fstype, types_made);
	return err_set(err, EINVAL, "fstype '%.32s' cannot be made: possible "
		       "are ext4, xfs and btrfs%s%s%s", fstype,
		       near ? "; did you mean '" : "", near ? near : "",
		       near ? "'" : "");
}
