/* SPDX-License-Identifier: Apache-2.0 */

/* What is kept as JSON beside the facts of volumes: meta.json of the local
 * driver, facts on a share, jobs and attachments in the store. Refused, or
 * taken with sound facts; what we write ourselves reads back the same. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "core/engine_impl.h"
#include "net/json.h"
#include "providers/local.h"
#include "providers/nfs.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"{\"schema\": 1,\n \"id\": \"lv-00\",\n \"token\": \"t\",\n "
	"\"size_bytes\": 1048576,\n \"created_at_s\": 7,\n "
	"\"directory_ino\": 9,\n \"managed\": true,\n \"blank\": false,\n "
	"\"source\": \"snapshot\",\n \"source_id\": \"ls-1\",\n "
	"\"source_name\": \"n\",\n \"consistency\": \"frozen\",\n "
	"\"tags\": {\"b\": \"1\",\n  \"a\": \"\"}}\n",
	"{\"id\":\"v-1\",\"directory\":\"a\",\"directory_ino\":4,"
	"\"handle\":\"00ff\"}",
	"{\"id\":\"v-1\",\"directory\":\"n\",\"folder\":\"a%20b\","
	"\"volume_id\":\"v-2\"}",
	"{\"service\":\"local\",\"verb\":\"create\",\"text\":\"size=1G\","
	"\"name\":\"db\",\"token\":\"t\",\"state\":\"failed\",\"serial\":5,"
	"\"snapshot\":0,\"uid\":1,\"gid\":2,\"pid\":3,\"submitted\":4,"
	"\"started\":5,\"finished\":6,\"early\":0,\"hidden\":1,"
	"\"errno\":\"EBUSY\",\"code\":\"c\",\"request\":\"r\","
	"\"message\":\"m\"}",
	"{\"verb\":\"set\",\"setting\":\"size\",\"text\":null,"
	"\"errno\":\"OK\",\"state\":7}",
	"{\"kind\":\"block\",\"serial\":\"s\",\"wwn\":\"w\",\"by_id\":\"b\","
	"\"path\":\"/dev/x\",\"image\":\"/i\",\"backing_dev\":1,"
	"\"backing_ino\":2,\"read_only\":true}",
	"{\"kind\":\"share\",\"fstype\":\"nfs\",\"source\":\"h:/p\","
	"\"options\":\"ro\",\"directory\":\"/d\"}", NULL
};

static void check_local(const char *text, size_t len)
{
	struct local_meta m;
	struct err err = ERR_INIT;
	int r = local_meta_parse(text, len, &m, &err);

	FUZZ_CHECK(r == 0 || (r == -EUCLEAN && err.num == EUCLEAN));
	if (r < 0)
		return;
	FUZZ_CHECK(!strpbrk(m.id, "/.") && strlen(m.id) < LOCAL_ID_ROOM);
	FUZZ_CHECK(m.size_bytes > 0 && m.size_bytes <= INT64_MAX);
	FUZZ_CHECK(m.created_at_s >= 0);
	for (uint32_t i = 1; i < m.n_tags; i++)
		FUZZ_CHECK(strcmp(m.tags[i - 1].key, m.tags[i].key) < 0);
	local_meta_done(&m);
}

/* Names in it become paths. */
static void check_nfs(const char *text, size_t len, const char *place)
{
	AUTO(auto_json) struct json_object *o = NULL;
	const char *dir;

	if (nfs_meta_parse(text, len, place, "v-1", &o) < 0)
		return;
	dir = nfs_text(o, "directory");
	FUZZ_CHECK(*dir && *dir != '.' && !strchr(dir, '/'));
	FUZZ_CHECK(strlen(dir) <= NAME_BYTES_MAX);
	nfs_number(o, "directory_ino");
	nfs_is_of(o, &(struct nfs_ident){ .ino = 4, .handle = "00ff" });
}

static void check_job(const char *text, size_t len)
{
	static struct engine e;
	struct job *j = job_decode(&e, 17, text, len);
	struct store_batch *b;

	if (!j)
		return;
	FUZZ_CHECK(j->id == 17 && j->verb && j->text && j->state <= JOB_CANCELLED);
	FUZZ_CHECK(j->err.num >= 0 && job_state_name(j->state));
	b = store_batch_new();
	FUZZ_CHECK(b && job_row(b, j) == 0);
	store_batch_free(b);
	job_unref(j);
}

static void check_attachment(const char *text)
{
	AUTO(auto_buf) struct buf one = BUF_INIT(1 << 20);
	AUTO(auto_buf) struct buf two = BUF_INIT(1 << 20);
	struct attach_result a, back;
	struct err err = ERR_INIT;
	int r = attach_decode(text, &a, &err);

	FUZZ_CHECK(r == 0 || (r == -EPROTO && err.text[0]));
	if (r < 0)
		return;
	FUZZ_CHECK(attach_encode(&a, &one) == 0);
	FUZZ_CHECK(attach_decode(buf_str(&one), &back, &err) == 0);
	FUZZ_CHECK(attach_encode(&back, &two) == 0);
	FUZZ_CHECK(!strcmp(buf_str(&one), buf_str(&two)));
	attach_done(&a);
	attach_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_local((const char *)data, size);
	check_nfs((const char *)data, size, NFS_VOLUMES);
	check_nfs((const char *)data, size, NFS_SNAPSHOT_FACTS);
	check_job((const char *)data, size);
	check_attachment(text);
	return 0;
}
