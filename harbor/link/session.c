/* SPDX-License-Identifier: MIT */
#include "harbor/link/session.h"

#define NEVER_SENT "it has counted frames that were never sent"

void session_init(struct session *s)
{
	*s = (struct session){ .number = 1 };
}

void session_fini(struct session *s)
{
	inbound_reset(&s->in);
}

/* What is known of an earlier incarnation says nothing about this one. */
static void meet(struct session *s, uint64_t epoch)
{
	if (s->peer_epoch == epoch)
		return;
	s->peer_epoch = epoch;
	inbound_reset(&s->in);
}

void session_offer(struct session *s, uint64_t peer_epoch, struct wire_control *c)
{
	meet(s, peer_epoch);
	c->session = s->number;
	c->known = s->in.session;
	c->count = s->in.forgotten ? WIRE_FORGOTTEN : s->in.count;
}

struct kept_sum session_renew(struct session *s, struct txq *q)
{
	s->number++;
	return txq_renew(q);
}

/* Returns false if the other side cannot have counted so. */
static bool resume_ours(struct session *s, struct txq *q, const struct wire_control *c,
			struct session_news *ret)
{
	bool valid = true;

	if (c->known == s->number && c->count == WIRE_FORGOTTEN) {
		ret->renewed = true;
	} else {
		ret->done = txq_rewind(q, c->known == s->number ? c->count : 0, &valid);
		ret->renewed = !valid;
	}
	if (ret->renewed)
		ret->lost = session_renew(s, q);
	return valid;
}

const char *session_resume(struct session *s, struct txq *q, const struct wire_control *c,
			   struct session_news *ret)
{
	*ret = (struct session_news){ 0 };
	if (c->session == 0 || c->session == UINT64_MAX)
		return "it names no session";
	meet(s, c->epoch);
	if (!resume_ours(s, q, c, ret))
		return NEVER_SENT;
	if (c->session != s->in.session) {
		ret->theirs_renewed = s->in.session && !s->in.forgotten;
		inbound_adopt(&s->in, c->session);
	}
	return NULL;
}
