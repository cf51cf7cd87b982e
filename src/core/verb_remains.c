/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a creation that ended without a verdict may have left at the service,
 * and is to be taken away: it is found by the creation's token.
 *
 * A listing that shows nothing proves nothing where listings lag. So the
 * creation is repeated under its token: it gives what the first one made, is
 * refused (then that one made nothing), or makes it now. The id that is found
 * so is stored before anything is removed: a crash in between goes on with the
 * id, since a token may be spent once its object is gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fault.h"
#include "core/engine_impl.h"
#include "core/verb_impl.h"

#define POLL_MS 200
#define POLL_MAX_MS 5000

bool is_ambiguous(int num)
{
	return num == ETIMEDOUT || num == EPROTO || num == EHOSTUNREACH ||
	       num == EIO || num == ECANCELED || num == EAGAIN;
}

struct remains {
	struct job *j;
	struct volume *v;            /* with its id, once found; a reference */
	struct snapshot *sn;
	bool all;                    /* the sink gets others, too */
	bool found;
	enum volume_state state;
};

static bool is_its(const struct remains *r, const char *of, const char *token)
{
	return !r->found &&
	       (!r->all || (of && token && strcmp(of, token) == 0));
}

/* Its row, where the volume is out of the tree already (an early rmdir). */
static int store_hidden(struct job *j, struct volume *v, struct err *err)
{
	struct store_batch *b = store_batch_new();
	int r = volume_row(b, j->svc, v, err);

	if (r < 0) {
		store_batch_free(b);
		return r;
	}
	r = store_commit(j->engine->store, b, err);
	if (r < 0)
		return r;
	volume_unref(j->hidden_volume);
	j->hidden_volume = volume_ref(v);
	return 0;
}

static int found_volume(void *arg, const struct volume_facts *f,
			struct err *err)
{
	struct remains *rs = arg;
	struct job *j = rs->j;
	struct volume *v;
	int r;

	if (!is_its(rs, f->token, rs->v->f.token))
		return 0;
	v = volume_new(rs->v->node, rs->v->name, f, rs->v->local, NULL);
	if (!v)
		return err_oom(err);
	/* No listing shows it as a new one meanwhile. */
	tombstone_hold(j->svc, f->id);
	r = volume_update(j->svc, v->node->serial,
			  &(struct volume_update){ .facts = f, .store = true },
			  err);
	if (r == -ESTALE)
		r = store_hidden(j, v, err);
	if (r < 0) {
		volume_unref(v);
		return r;
	}
	volume_unref(rs->v);
	rs->v = v;
	rs->state = f->state;
	rs->found = true;
	return 0;
}

static int found_snapshot(void *arg, const struct snapshot_facts *f,
			  struct err *err)
{
	struct remains *rs = arg;
	struct snapshot *sn;

	if (!rs->sn || !is_its(rs, f->token, rs->sn->f.token))
		return 0;
	sn = snapshot_new(rs->sn->serial, rs->sn->given, rs->sn->volume_serial,
			  rs->sn->name, f);
	if (!sn)
		return err_oom(err);
	tombstone_hold(rs->j->svc, f->id);
	snapshot_unref(rs->sn);
	rs->sn = sn;
	rs->found = true;
	return 0;
}

static int no_volume(void *arg, const struct volume_facts *f, struct err *err)
{
	return 0;
}

static int no_snapshot(void *arg, const struct snapshot_facts *f,
		       struct err *err)
{
	return 0;
}

/* The listing shows it, mostly; and asking so makes nothing. */
static int look(struct remains *rs, const struct call *c,
		const struct volume_sink *sink, struct err *err)
{
	struct job *j = rs->j;
	int r;

	rs->all = true;
	r = PROVIDER_CALL(j, c, j->svc->provider->list(j->svc->session, c,
						       sink, err), err);
	rs->all = false;
	return r < 0 ? r : 0;
}

/* As run_create() asked, from what the volume's record has of it. */
static int create_again(struct job *j, const struct call *c,
			const struct volume *v, const struct volume_sink *sink,
			struct err *err)
{
	const struct provider *p = j->svc->provider;
	const struct volume_facts *f = &v->f;
	struct volume_spec spec = {
		.name = f->name, .size_bytes = f->size_bytes,
		.type = f->type, .zone = f->zone,
		.encryption_key = f->encryption_key,
		.fstype = v->local && v->local->fstype
				  ? v->local->fstype
				  : j->svc->config->core.fstype,
		.iops = f->iops,
		.throughput_bytes_per_s = f->throughput_bytes_per_s,
		.encrypted = f->encrypted, .blank = f->source == SOURCE_NONE && p->set_marks,
		.tags = f->tags, .n_tags = f->n_tags,
	};
	struct snapshot_facts from = { .id = f->source_id,
				       .name = f->source_name,
				       .state = SNAPSHOT_AVAILABLE,
				       .encrypted = -1 };
	struct volume_facts other = { .id = f->source_id,
				      .name = f->source_name,
				      .state = VOLUME_AVAILABLE, .iops = -1,
				      .throughput_bytes_per_s = -1,
				      .encrypted = -1, .managed = true };
	struct snapshot *sn = NULL;
	struct volume *source = NULL;
	int r;

	if (f->source == SOURCE_SNAPSHOT && p->create_from_snapshot) {
		sn = service_snapshot_by_id(j->svc, f->source_id);
		r = PROVIDER_CALL(j, c, p->create_from_snapshot(
			j->svc->session, c, &spec, sn ? &sn->f : &from, sink,
			err), err);
	} else if (f->source == SOURCE_VOLUME && p->create_from_volume) {
		source = service_volume_by_id(j->svc, f->source_id);
		r = PROVIDER_CALL(j, c, p->create_from_volume(
			j->svc->session, c, &spec, source ? &source->f : &other,
			sink, err), err);
	} else {
		r = PROVIDER_CALL(j, c, p->create(j->svc->session, c, &spec,
						  sink, err), err);
	}
	snapshot_unref(sn);
	volume_unref(source);
	return r;
}

/* A refusal of the repeat: there is nothing. No answer again: who knows. */
static int judge(struct err *err)
{
	if (!is_ambiguous(err->num))
		return 0;
	return err_wrap(err, "what its creation may have left cannot be looked "
			"for now; try again");
}

static int note_state(void *arg, const struct volume_facts *f,
		      struct err *err)
{
	struct remains *rs = arg;

	rs->state = f->state;
	return 0;
}

/* Not every service removes what it is still making. */
static int wait_until_made(struct remains *rs, const struct call *c,
			   struct err *err)
{
	const struct provider *p = rs->j->svc->provider;
	struct volume_sink sink = { note_state, no_snapshot, rs };
	int64_t wait_ms = POLL_MS;
	int r = 0;

	while (r == 0 && p->get && rs->state == VOLUME_CREATING) {
		r = call_sleep(c, wait_ms, err);
		if (r < 0)
			return r;
		wait_ms = wait_ms * 3 / 2 < POLL_MAX_MS ? wait_ms * 3 / 2
							: POLL_MAX_MS;
		r = PROVIDER_CALL(rs->j, c, p->get(rs->j->svc->session, c,
						   rs->v->f.id, &sink, err),
				  err);
	}
	return r == -ENOENT ? 0 : r;
}

/* Its creation ended without a verdict; or nobody listened to that any more,
 * since an early rmdir had taken the volume from the tree. */
static bool may_be_there(const struct volume *v)
{
	return (v->local && v->local->unresolved) ||
	       v->f.state == VOLUME_CREATING;
}

int remains_of_volume(struct job *j, struct volume **v, struct err *err)
{
	struct remains rs = { .j = j, .v = *v };
	struct volume_sink sink = { found_volume, no_snapshot, &rs };
	struct call c, again;
	int r;

	if (!rs.v->f.token)
		return 0;
	job_call(j, &c);
	job_step(j, "look-for-remains");
	r = look(&rs, &c, &sink, err);
	if (r == 0 && !rs.found && may_be_there(rs.v)) {
		again = c;
		again.token = rs.v->f.token;
		r = create_again(j, &again, rs.v, &sink, err);
		if (r < 0)
			r = judge(err);
	}
	FAULT_POINT("job.remains.found");
	if (r == 0 && rs.found)
		r = wait_until_made(&rs, &c, err);
	*v = rs.v;
	return r;
}

int remains_of_snapshot(struct job *j, struct snapshot **sn, struct err *err)
{
	const struct provider *p = j->svc->provider;
	struct remains rs = { .j = j, .sn = *sn };
	struct volume_sink sink = { no_volume, found_snapshot, &rs };
	struct volume *v;
	struct call c, again;
	int r;

	if (!rs.sn->f.token || !rs.sn->f.volume_id)
		return 0;
	job_call(j, &c);
	job_step(j, "look-for-remains");
	r = look(&rs, &c, &sink, err);
	v = service_volume(j->svc, rs.sn->volume_serial);
	/* Without the volume there is nothing to repeat it on. After a start
	 * nobody knows any more how it ended. */
	if (r == 0 && !rs.found && v && v->f.id &&
	    (!rs.sn->fault || is_ambiguous(rs.sn->fault->err.num))) {
		again = c;
		again.token = rs.sn->f.token;
		r = PROVIDER_CALL(j, &again, p->snapshot(
			j->svc->session, &again, &v->f, rs.sn->f.name, &sink,
			err), err);
		if (r < 0)
			r = judge(err);
	}
	volume_unref(v);
	*sn = rs.sn;
	return r;
}
