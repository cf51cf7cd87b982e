/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system over the fake engine, in the foreground:
 *	fs_fake MOUNTPOINT [VOLUMES [DELAY_MS]]
 * Lines on standard input act behind the tree's back: "add SERVICE NAME",
 * "remove SERVICE SERIAL", "size SERIAL BYTES", "swap SERIAL BYTES" (without
 * telling the kernel). Each is answered with "ok N".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fs/fuse_reply.h"
#include "fs/publish.h"
#include "unit/fake_engine.h"

static struct fs fs;

static void command(const char *line)
{
	char word[32] = "", name[256] = "";
	unsigned long long a = 0, b = 0;
	uint64_t answer = 0;

	if (sscanf(line, "add %llu %255s", &a, name) == 2)
		answer = fake_add(fs.engine, (unsigned)a, name, name);
	else if (sscanf(line, "remove %llu %llu", &a, &b) == 2)
		fake_remove(fs.engine, (unsigned)a, b);
	else if (sscanf(line, "size %llu %llu", &a, &b) == 2)
		fake_swap_size(fs.engine, 1, a, b, true);
	else if (sscanf(line, "swap %llu %llu", &a, &b) == 2)
		fake_swap_size(fs.engine, 1, a, b, false);
	else if (sscanf(line, "%31s", word) == 1 && !strcmp(word, "names"))
		answer = names_count(fs.names);
	printf("ok %llu\n", (unsigned long long)answer);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned long volumes = 3;
	struct engine_host host;
	struct err err = ERR_INIT;
	char line[512];

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "--hooks") == 0) {
#ifdef VOLFS_FAULT_POINTS
		return 0;
#else
		return 1;
#endif
	}
	if (argc > 2)
		sscanf(argv[2], "%lu", &volumes);
	if (argc > 3)
		sscanf(argv[3], "%d", &fake_delay_ms);
	log_init(LOG_DEBUG_);
	if (fs_init(&fs, argv[1], "0-fake") < 0)
		return 1;
	fs_host(&fs, &host);
	fs.engine = fake_new(&host);
	for (unsigned long i = 1; i <= volumes; i++) {
		char name[32], id[32];

		snprintf(name, sizeof(name), "v%lu", i);
		snprintf(id, sizeof(id), "vol-%lu", i);
		fake_add(fs.engine, 1, name, id);
	}
	fake_add(fs.engine, 2, "b1", "b-1");
	fake_add_snapshot(fs.engine, 1, 1, "nightly", "snap-1");
	fake_add_snapshot(fs.engine, 1, 0, "lost", "snap-2");
	fs.publisher = publisher_new(&fs, &err);
	if (!fs.publisher || pendings_start(fs.pendings, &err) < 0 ||
	    session_open(&fs, NULL, &err) < 0 ||
	    session_start(fs.session, &err) < 0) {
		fprintf(stderr, "fs_fake: %s\n", err.text);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		command(line);
	session_stop(fs.session);
	fake_free(fs.engine);
	fs_done(&fs);
	session_free(fs.session);
	return 0;
}
