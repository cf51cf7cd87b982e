/* SPDX-License-Identifier: Apache-2.0 */

/* What the machine says: mount tables, the answers of helper processes, and
 * the options that somebody wants to mount with. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "core/host/commands.h"
#include "core/host/filesystem.h"
#include "core/host/mount_internal.h"
#include "net/json.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=x\n"
	"31 22 7:3 / /run/volfs/mnt/s/v rw shared:9 master:1 - xfs /dev/loop3 "
	"rw\n32 31 7:3 /a\\040b /volumes/s/v/data ro propagate_from:4 - xfs "
	"/dev/loop3 rw\n",
	/* Each on the other, as a table read in two pieces could have it. */
	"40 50 0:1 / /x rw - tmpfs none rw\n50 40 0:1 / /x rw - tmpfs none rw\n",
	"7 7 0:1 / / rw - rootfs none rw\n",
	"{\"ok\":true,\"fstype\":\"ext4\",\"size_bytes\":4096}\n",
	"{\"ok\":false,\"errno\":\"EBUSY\",\"message\":\"busy\"}\n",
	"{\"ok\":false,\"errno\":\"-1\",\"message\":null}",
	"noatime,data=ordered,discard", "rw,errors=panic", "subvol=/a@b,,ro",
	NULL
};

static void check_table(const uint8_t *data, size_t size)
{
	struct mount_table t;
	char path[32];
	int fd = memfd_create("mountinfo", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0 && file_write_all(fd, data, size) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount_table_read_file(path, &t, NULL) == 0) {
		for (size_t i = 0; i < t.n; i++) {
			const char *target = t.e[i].target;
			const struct mount_entry *e;

			e = mount_table_find(&t, target);
			FUZZ_CHECK(e && !strcmp(e->target, target));
			FUZZ_CHECK(path_is_below(target, target));
			mount_table_of_path(&t, t.e[i].root);
		}
		mount_table_done(&t);
	}
	close(fd);
}

static void check_answer(const char *text, size_t size)
{
	AUTO(auto_json) struct json_object *o = NULL;
	struct err err = ERR_INIT;
	int r = helper_parse(text, size, &o, &err);

	FUZZ_CHECK((r == 0) == (o != NULL) && (r == 0) == (err.num == 0));
	FUZZ_CHECK(r == 0 || (r < 0 && err.num == -r));
	if (o) {
		reply_u64(o, "size_bytes");
		reply_text(o, "fstype");
	}
}

/* One type an input: looking for the nearest word is what takes longest. */
static void check_options(const char *text)
{
	static const char *const types[] = { "ext4", "xfs", "btrfs", "vfat",
					     "nfs", "bind" };
	const char *type = types[strlen(text) % ARRAY_SIZE(types)];
	struct err err = ERR_INIT;
	int r = fs_options_check(type, text, &err);

	FUZZ_CHECK(r == 0 || (r == -EINVAL && err.text[0]));
	FUZZ_CHECK(r < 0 || !strpbrk(text, " \t\n\\'\"%"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_table(data, size);
	check_answer((const char *)data, size);
	check_options(text);
	return 0;
}
