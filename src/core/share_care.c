/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounted shares whose server hangs, or has another directory now: told in
 * health, by what a helper met when it measured the mount. What uses the mount
 * is not touched: it waits, and goes on when the server does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "core/engine_impl.h"
#include "core/host/share.h"
#include "core/verb_impl.h"

/* How soon it is looked at again, whatever the service's own pace is. */
#define AGAIN_MS 15000

struct change_of_share {
	const char *text;            /* NULL: it answers */
	int64_t since_s;
};

static void local_share(struct volume_local *l, void *arg)
{
	const struct change_of_share *x = arg;

	free(l->share_lost);
	l->share_lost = x->text ? strdup(x->text) : NULL;
	l->share_lost_at_s = x->text ? x->since_s : 0;
}

/* "the server 'nas-1'", or what else the share is from. */
static void whose(const struct volume *v, char *out, size_t room)
{
	struct attach_result a = { 0 };
	char host[256];

	snprintf(out, room, "what is mounted at data/");
	if (v->local->attach_json &&
	    attach_decode(v->local->attach_json, &a, NULL) == 0 && a.source) {
		if (share_host(a.source, host, sizeof(host)))
			snprintf(out, room, "the server '%s'", host);
		else
			snprintf(out, room, "the share at '%.200s'", a.source);
	}
	attach_done(&a);
}

static void describe(const struct volume *v, int num, int64_t since_s,
		     char *out, size_t room)
{
	char at[FORMAT_MAX], who[300];

	format_time(at, since_s);
	whose(v, who, sizeof(who));
	if (num == ETIMEDOUT || num == EHOSTUNREACH)
		snprintf(out, room, "%s has not answered since %s: what uses "
			 "data/ waits, and goes on when it is back; echo force "
			 "> unmount ends the waiting with errors, lazy leaves "
			 "it to itself", who, at);
	else if (num == ESTALE)
		snprintf(out, room, "%s has another directory there since %s "
			 "than the one that was mounted [ESTALE]: echo force > "
			 "unmount, then mount it again; containers that have "
			 "the old mount keep it", who, at);
	else
		snprintf(out, room, "%s gives errors since %s: %s [%s]", who,
			 at, strerrordesc_np(num), err_name(num));
}

void share_care_note(struct service *s, const struct volume *v, int r)
{
	const struct volume_local *l = v->local;
	struct change_of_share x = { .since_s = clock_unix_s() };
	struct err err = ERR_INIT;
	char text[700];

	if (l->device || r == -ECANCELED || (r == 0 && !l->share_lost))
		return;
	if (r < 0) {
		if (l->share_lost && l->share_lost_at_s)
			x.since_s = l->share_lost_at_s;
		describe(v, -r, x.since_s, text, sizeof(text));
		x.text = text;
		refresh_schedule(s, AGAIN_MS);
		if (l->share_lost && strcmp(l->share_lost, text) == 0)
			return;
	}
	if (volume_update(s, v->node->serial,
			  &(struct volume_update){
				  .local = local_share, .arg = &x,
				  .store = true,
				  .event = x.text ? "share-lost"
						  : "share-back" }, &err) < 0)
		log_error("'%s/%s': %s", s->name, v->name, err.text);
	if (x.text)
		log_warn("'%s/%s': %s", s->name, v->name, x.text);
	else
		log_info("'%s/%s': its server answers again", s->name,
			 v->name);
}
