/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names under .create/, .remove/ and .import/: each exists as soon as
 * somebody says it, and until the kernel has forgotten it again. The kernel
 * keeps names for as long as it has memory, so of very many the oldest go
 * first: a name is looked up again at each use, and then has a new node. Those
 * that are open for writing stay: who may only look must not be able to take
 * a name from under a writer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/auto.h"
#include "fs/node.h"

#define NAMES_MAX 4096
#define TRIES_MAX 16                 /* open ones passed over at once */

struct name_key {
	unsigned service, index;
	char name[NAME_MAX + 1];     /* zeroed behind its end */
};

struct name_entry {
	uint64_t serial, lookups;
	unsigned writers;            /* that have it open */
	UT_hash_handle by_serial, by_name;
	struct name_key key;
};

struct names {
	pthread_mutex_t lock;        /* all below */
	uint64_t next;
	struct name_entry *by_serial, *by_name;
};

static size_t key_length(const char *name)
{
	return offsetof(struct name_key, name) + strlen(name);
}

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	pthread_mutex_init(&n->lock, NULL);
	/* A later daemon must not give a number again that the kernel has. */
	n->next = ((uint64_t)time(NULL) << 8) & (NODE_NAME_BIT - 1);
	return n;
}

static void entry_free(struct names *n, struct name_entry *e)
{
	HASH_DELETE(by_serial, n->by_serial, e);
	HASH_DELETE(by_name, n->by_name, e);
	free(e);
}

void names_free(struct names *n)
{
	struct name_entry *e, *next;

	if (!n)
		return;
	HASH_ITER(by_serial, n->by_serial, e, next)
		entry_free(n, e);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

/* To the end of those that go first. */
static void entry_renew(struct names *n, struct name_entry *e)
{
	HASH_DELETE(by_serial, n->by_serial, e);
	HASH_ADD(by_serial, n->by_serial, serial, sizeof(e->serial), e);
}

/* Makes room by the oldest that nobody writes to. */
static void evict(struct names *n)
{
	for (unsigned i = 0; i < TRIES_MAX &&
	     HASH_CNT(by_serial, n->by_serial) > NAMES_MAX; i++) {
		if (n->by_serial->writers)
			entry_renew(n, n->by_serial);
		else
			entry_free(n, n->by_serial);
	}
}

uint64_t names_get(struct names *n, unsigned service, unsigned index,
		   const char *name)
{
	struct name_key key = { .service = service, .index = index };
	size_t len = strnlen(name, NAME_MAX);
	struct name_entry *e;

	memcpy(key.name, name, len);
	LOCK_SCOPE(&n->lock);
	HASH_FIND(by_name, n->by_name, &key, key_length(key.name), e);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return 0;
		e->key = key;
		e->serial = NODE_NAME_BIT |
			    (n->next++ & (NODE_NAME_BIT - 1));
		HASH_ADD(by_serial, n->by_serial, serial, sizeof(e->serial),
			 e);
		HASH_ADD_KEYPTR(by_name, n->by_name, &e->key,
				key_length(e->key.name), e);
	} else {
		entry_renew(n, e);
	}
	e->lookups++;
	evict(n);
	return e->serial;
}

static struct name_entry *find_serial(struct names *n, uint64_t serial)
{
	struct name_entry *e;

	HASH_FIND(by_serial, n->by_serial, &serial, sizeof(serial), e);
	return e;
}

char *names_find(struct names *n, uint64_t serial)
{
	struct name_entry *e;

	LOCK_SCOPE(&n->lock);
	e = find_serial(n, serial);
	return e ? strdup(e->key.name) : NULL;
}

void names_forget(struct names *n, uint64_t serial, uint64_t lookups)
{
	struct name_entry *e;

	LOCK_SCOPE(&n->lock);
	e = find_serial(n, serial);
	if (!e)
		return;
	e->lookups -= lookups < e->lookups ? lookups : e->lookups;
	if (e->lookups == 0 && !e->writers)
		entry_free(n, e);
}

void names_open(struct names *n, uint64_t serial)
{
	struct name_entry *e;

	LOCK_SCOPE(&n->lock);
	e = find_serial(n, serial);
	if (e)
		e->writers++;
}

void names_close(struct names *n, uint64_t serial)
{
	struct name_entry *e;

	LOCK_SCOPE(&n->lock);
	e = find_serial(n, serial);
	if (!e || !e->writers)
		return;
	e->writers--;
	if (e->lookups == 0 && !e->writers)
		entry_free(n, e);
}

size_t names_count(struct names *n)
{
	LOCK_SCOPE(&n->lock);
	return HASH_CNT(by_serial, n->by_serial);
}
