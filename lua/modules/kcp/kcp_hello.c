/* SPDX-License-Identifier: MIT */
/* Meeting, moving and leaving: what is said in datagrams that are no KCP. */
#include "lua/modules/kcp/kcp_hello.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"

#define COOKIE_AGE 10u	 /* seconds that a cookie is good */
#define COOKIE_USE 8000u /* ms after which another is asked for */
#define TRY_FIRST 200u
#define TRY_MAX 2000u

enum purpose { FOR_OPEN = 1, FOR_MOVE, FOR_CLOSE, FOR_PROOF };

/* ---- cookies and proofs ---- */

/* What only this pool can make for this address. */
static uint64_t cookie(const struct kcp_pool *p, enum purpose purpose, const struct kcp_address *a,
		       uint64_t about, uint32_t time)
{
	uint8_t text[1 + 8 + 4 + KCP_ADDRESS_MAX] = { (uint8_t)purpose };

	little_put64(text + 1, about);
	little_put32(text + 9, time);
	memcpy(text + 13, a->bytes, a->size);
	return siphash(p->secret, text, 13u + a->size);
}

static bool cookie_is_good(const struct kcp_pool *p, enum purpose purpose,
			   const struct kcp_address *a, uint64_t about, const struct meet *m,
			   uint64_t now)
{
	uint32_t age = (uint32_t)(now / 1000) - m->time;

	return age <= COOKIE_AGE && m->mac == cookie(p, purpose, a, about, m->time);
}

/* What only the two ends of the session can make. A close says who closes. */
static uint64_t proof(const struct kcp_session *s, enum purpose purpose, bool by_listener,
		      const struct meet *m)
{
	uint8_t text[1 + 1 + 4 + 4 + 8] = { (uint8_t)purpose, by_listener };

	little_put32(text + 2, s->kcp.conv);
	little_put32(text + 6, m->time);
	little_put64(text + 10, m->mac);
	return siphash(s->key, text, sizeof(text));
}

/* ---- the listener ---- */

static void on_hello(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		     const struct meet *m, uint64_t now)
{
	struct meet a = { .kind = MEET_COOKIE, .nonce = m->nonce, .time = (uint32_t)(now / 1000) };

	a.mac = cookie(p, FOR_OPEN, from, m->nonce, a.time);
	kcp_send_to(p, port, from, &a);
}

static void accept_again(struct kcp_pool *p, const struct kcp_session *s)
{
	struct meet a = { .kind = MEET_ACCEPT, .nonce = s->nonce, .conv = s->kcp.conv };

	memcpy(a.key, s->key, sizeof(a.key));
	kcp_send_to(p, s->port, &s->peer, &a);
}

/* The session that this OPEN has made already: its answer was lost. */
static struct kcp_session *opened_before(struct kcp_pool *p, struct kcp_port *port,
					 const struct kcp_address *from, uint64_t nonce)
{
	struct kcp_host *h = kcp_host_find(p, port, from);

	for (struct kcp_session *s = h ? h->sessions : NULL; s; s = s->next_of_host)
		if (s->nonce == nonce && kcp_address_same(&s->peer, from))
			return s;
	return NULL;
}

static uint32_t new_conv(struct kcp_pool *p, struct kcp_port *port)
{
	uint32_t conv;

	do
		conv = (uint32_t)kcp_draw(p);
	while (!conv || kcp_session_of(p, port, conv, &(struct kcp_address){ 0 }));
	return conv;
}

static void refuse(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		   uint64_t nonce)
{
	bool full = port->sessions.count >= port->rules.sessions;
	struct meet a = { .kind = MEET_REFUSE, .nonce = nonce };

	a.reason = full ? MEET_FULL : MEET_TOO_MANY;
	port->refused++;
	kcp_send_to(p, port, from, &a);
}

static void on_open(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		    const struct meet *m, uint64_t now)
{
	struct kcp_session *s = opened_before(p, port, from, m->nonce);

	if (!cookie_is_good(p, FOR_OPEN, from, m->nonce, m, now))
		return;
	if (s) {
		accept_again(p, s);
		return;
	}
	s = kcp_session_new(p, port, now);
	if (!kcp_session_count(p, s, from, false)) {
		kcp_session_free(p, s);
		refuse(p, port, from, m->nonce);
		return;
	}
	s->peer = *from;
	s->nonce = m->nonce;
	s->keyed = true;
	little_put64(s->key, kcp_draw(p));
	little_put64(s->key + 8, kcp_draw(p));
	if (m->token_size) {
		s->token = mem_alloc(m->token_size);
		memcpy(s->token, m->token, m->token_size);
		s->token_size = m->token_size;
	}
	kcp_session_ready(p, s, new_conv(p, port), now);
	accept_again(p, s);
	kcp_session_tell(p, s, KCP_NEWS_OPEN);
}

void kcp_hello_moved(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		     uint64_t now)
{
	struct meet a = { .kind = MEET_MOVED, .conv = s->kcp.conv, .time = (uint32_t)(now / 1000) };

	if (!s->port->rules.roam || !s->keyed)
		return;
	a.mac = cookie(p, FOR_MOVE, from, a.conv, a.time);
	kcp_send_to(p, s->port, from, &a);
}

static void on_prove(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		     const struct meet *m, uint64_t now)
{
	struct kcp_session *s = kcp_session_of(p, port, m->conv, from);

	if (!s || !s->keyed || kcp_address_same(&s->peer, from) || !port->rules.roam)
		return;
	if (!cookie_is_good(p, FOR_MOVE, from, m->conv, m, now) ||
	    m->proof != proof(s, FOR_PROOF, false, m))
		return;
	kcp_session_uncount(s);
	if (!kcp_session_count(p, s, from, false)) {
		port->refused++;
		kcp_session_end(p, s, "too many sessions at the peer's new address");
		return;
	}
	s->peer = *from;
	s->heard = now;
	port->moved++;
	kcp_session_touch(p, s);
}

/* ---- the one that connects ---- */

void kcp_hello_try(struct kcp_pool *p, struct kcp_session *s, uint64_t now)
{
	struct meet m = { .kind = MEET_HELLO, .nonce = s->nonce };

	if (now >= s->until) {
		kcp_session_end(p, s, "connect timed out");
		return;
	}
	if (now >= s->asked + COOKIE_USE)
		s->has_cookie = false;
	if (s->has_cookie) {
		m.kind = MEET_OPEN;
		m.time = s->mac_time;
		m.mac = s->mac;
		m.token = s->token;
		m.token_size = s->token_size;
	}
	kcp_send_to(p, s->port, &s->peer, &m);
	s->wait = s->wait ? s->wait + s->wait / 2 : TRY_FIRST;
	if (s->wait > TRY_MAX)
		s->wait = TRY_MAX;
}

static void on_cookie(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		      const struct meet *m, uint64_t now)
{
	if (s->has_cookie)
		return;
	s->peer = *from; /* it knows the nonce */
	s->mac = m->mac;
	s->mac_time = m->time;
	s->has_cookie = true;
	s->asked = now;
	s->wait = 0;
	kcp_session_touch(p, s);
}

static void on_accept(struct kcp_pool *p, struct kcp_session *s, const struct meet *m, uint64_t now)
{
	if (!s->has_cookie || !m->conv)
		return;
	memcpy(s->key, m->key, sizeof(s->key));
	s->keyed = true;
	kcp_session_ready(p, s, m->conv, now);
	kcp_session_tell(p, s, KCP_NEWS_OPEN);
}

static void on_moved(struct kcp_pool *p, struct kcp_session *s, const struct meet *m)
{
	struct meet a = { .kind = MEET_PROVE, .conv = m->conv, .time = m->time, .mac = m->mac };

	a.proof = proof(s, FOR_PROOF, false, m);
	kcp_send_to(p, s->port, &s->peer, &a);
}

static void client_input(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
			 const struct meet *m, uint64_t now)
{
	if (s->peer.size && !kcp_address_same(&s->peer, from)) {
		s->port->strays++;
	} else if (s->step == KCP_MEETING && m->nonce == s->nonce) {
		if (m->kind == MEET_COOKIE)
			on_cookie(p, s, from, m, now);
		else if (m->kind == MEET_ACCEPT)
			on_accept(p, s, m, now);
		else if (m->kind == MEET_REFUSE && s->has_cookie)
			kcp_session_end(p, s,
					m->reason == MEET_FULL
						? "refused: the listener has all its sessions"
						: "refused: too many sessions of this address");
	} else if (s->has_kcp && s->keyed && m->kind == MEET_MOVED && m->conv == s->kcp.conv) {
		on_moved(p, s, m);
	}
}

/* ---- both ---- */

void kcp_hello_close(struct kcp_pool *p, struct kcp_session *s)
{
	struct meet m = { .kind = MEET_CLOSE, .conv = s->kcp.conv };

	m.proof = proof(s, FOR_CLOSE, s->port->listens, &m);
	kcp_send_to(p, s->port, &s->peer, &m);
}

static void on_close(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		     const struct meet *m)
{
	struct kcp_session *s = kcp_session_of(p, port, m->conv, from);

	if (s && s->keyed && kcp_address_same(&s->peer, from) &&
	    m->proof == proof(s, FOR_CLOSE, !port->listens, m))
		kcp_session_end(p, s, "closed by the peer");
}

void kcp_hello_input(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		     const uint8_t *data, size_t n, uint64_t now)
{
	struct meet m;

	if (port->rules.plain || !meet_get(data, n, &m))
		port->strays++;
	else if (m.kind == MEET_CLOSE)
		on_close(p, port, from, &m);
	else if (!port->listens)
		client_input(p, port->own, from, &m, now);
	else if (m.kind == MEET_HELLO)
		on_hello(p, port, from, &m, now);
	else if (m.kind == MEET_OPEN)
		on_open(p, port, from, &m, now);
	else if (m.kind == MEET_PROVE)
		on_prove(p, port, from, &m, now);
}
