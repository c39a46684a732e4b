/* SPDX-License-Identifier: MIT */
/* Ports, and what happens when: datagrams, times, news. */
#include "lua/modules/kcp/kcp_pool.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "lua/modules/kcp/kcp_hello.h"
#include "lua/modules/kcp/kcp_wire.h"

#define ASK_AGAIN 5u	 /* a question without an answer comes again in that part of the time */
#define FIRST_TRUST 3u	 /* times the bytes that came, to who has proved nothing */
#define GOODBYES 3u	 /* a close is said so often, */
#define GOODBYE_WAIT 50u /* with so many ms between */

void kcp_rules_default(struct kcp_rules *ret)
{
	*ret = (struct kcp_rules){ .sessions = 10000,
				   .per_address = 256,
				   .unanswered = 16,
				   .idle = 30000,
				   .keepalive = 10000,
				   .timeout = 5000,
				   .roam = true };
	kcp_settings_default(&ret->set);
}

const char *kcp_rules_check(const struct kcp_rules *r)
{
	if (r->sessions < 1 || r->sessions > 1u << 20)
		return "sessions must be 1 to 1048576";
	if (r->per_address < 1 || r->per_address > 1u << 20)
		return "per_address must be 1 to 1048576";
	if (r->unanswered < 1 || r->unanswered > 1u << 20)
		return "unanswered must be 1 to 1048576";
	if (r->idle < 100 || r->idle > 86400000)
		return "idle must be 100 to 86400000 ms";
	if (r->keepalive > 86400000)
		return "keepalive must be 0 to 86400000 ms";
	if (r->timeout < 10 || r->timeout > 3600000)
		return "timeout must be 10 to 3600000 ms";
	return kcp_settings_check(&r->set);
}

struct kcp_pool *kcp_pool_new(const struct kcp_hooks *hooks, const uint8_t secret[SIPHASH_KEY],
			      uint64_t now)
{
	struct kcp_pool *p = mem_zalloc(sizeof(*p));

	p->hooks = *hooks;
	memcpy(p->secret, secret, SIPHASH_KEY);
	wheel_init(&p->wheel, now);
	return p;
}

static void say_goodbye(struct kcp_pool *p, struct kcp_session *s)
{
	if (s->keyed && (s->step == KCP_READY || s->step == KCP_CLOSING))
		kcp_hello_close(p, s);
}

/* ---- sending and news ---- */

struct carrier {
	struct kcp_pool *p;
	struct kcp_session *s;
};

/* Who has proved nothing may be a victim in whose name somebody else asks. */
static void carry(void *ud, const uint8_t *bytes, size_t n)
{
	struct carrier *c = ud;
	struct kcp_session *s = c->s;

	if (s->unanswered && s->bytes_out + n > FIRST_TRUST * s->bytes_in)
		return;
	s->bytes_out += n;
	c->p->hooks.send(c->p->hooks.ud, s->port->socket, &s->peer, bytes, n);
}

struct kcp_session *kcp_pool_news(struct kcp_pool *p, unsigned *ret)
{
	struct kcp_session *s = list_take(&p->news, next_news);

	if (s) {
		*ret = s->news;
		s->news = 0;
	}
	return s;
}

/* ---- convs that are expected ---- */

static struct kcp_ticket *ticket_find(const struct kcp_port *port, uint32_t conv)
{
	struct kcp_entry *e = kcp_table_first(&port->tickets, conv);

	return e ? container_of(e, struct kcp_ticket, entry) : NULL;
}

/* Forgets those of before that time. All are good for as long, so the oldest go first; one that was
 * used or is expected anew is in the list only. */
static void tickets_forget(struct kcp_port *port, uint64_t now)
{
	while (port->oldest.first && port->oldest.first->until <= now) {
		struct kcp_ticket *t = list_take(&port->oldest, next);

		if (ticket_find(port, t->conv) == t)
			kcp_table_remove(&port->tickets, &t->entry);
		port->expected--;
		mem_free(t);
	}
}

static bool ticket_is_there(const struct kcp_port *port, uint32_t conv, uint64_t now)
{
	struct kcp_ticket *t = ticket_find(port, conv);

	return t && t->until > now;
}

static void ticket_use(struct kcp_port *port, uint32_t conv)
{
	struct kcp_ticket *t = ticket_find(port, conv);

	if (t)
		kcp_table_remove(&port->tickets, &t->entry);
}

/* ---- ports ---- */

/* Frees what has no sessions any more. */
static void port_free(struct kcp_pool *p, struct kcp_port *port)
{
	tickets_forget(port, UINT64_MAX);
	kcp_table_remove(&p->ports, &port->entry);
	kcp_table_fini(&port->sessions);
	kcp_table_fini(&port->hosts);
	kcp_table_fini(&port->tickets);
	mem_free(port);
}

struct kcp_port *kcp_pool_port(struct kcp_pool *p, int socket)
{
	struct kcp_entry *e = kcp_table_first(&p->ports, (uint64_t)socket);

	return e ? container_of(e, struct kcp_port, entry) : NULL;
}

static struct kcp_port *port_add(struct kcp_pool *p, int socket, const struct kcp_rules *r)
{
	struct kcp_port *port = mem_zalloc(sizeof(*port));

	must(!kcp_pool_port(p, socket) && kcp_rules_check(r) == NULL);
	port->socket = socket;
	port->rules = *r;
	kcp_table_add(&p->ports, &port->entry, (uint64_t)socket);
	return port;
}

void kcp_pool_listen(struct kcp_pool *p, int socket, const struct kcp_rules *r)
{
	port_add(p, socket, r)->listens = true;
}

bool kcp_pool_unlisten(struct kcp_pool *p, int socket, uint64_t now)
{
	struct kcp_port *port = kcp_pool_port(p, socket);
	struct kcp_entry *e;

	if (!port || !port->listens)
		return false;
	while ((e = kcp_table_any(&port->sessions))) {
		struct kcp_session *s = container_of(e, struct kcp_session, by_conv);

		say_goodbye(p, s);
		kcp_session_end(p, s, "the listener is closed");
	}
	p->hooks.release(p->hooks.ud, port->socket);
	port_free(p, port);
	return true;
}

static void ignore_release(void *ud, int socket)
{
}

void kcp_pool_free(struct kcp_pool *p)
{
	struct kcp_entry *e;

	p->hooks.release = ignore_release;
	while ((e = kcp_table_any(&p->ids))) {
		struct kcp_session *s = container_of(e, struct kcp_session, by_id);

		s->owned = true; /* its end does not free it */
		say_goodbye(p, s);
		kcp_session_end(p, s, "the service ends");
		kcp_session_free(p, s);
	}
	while ((e = kcp_table_any(&p->ports))) {
		struct kcp_port *port = container_of(e, struct kcp_port, entry);

		port_free(p, port);
	}
	kcp_table_fini(&p->ports);
	kcp_table_fini(&p->ids);
	mem_free(p);
}

bool kcp_pool_expect(struct kcp_pool *p, int socket, uint32_t conv, uint64_t now)
{
	struct kcp_port *port = kcp_pool_port(p, socket);
	struct kcp_ticket *t;

	if (!port || !port->listens || !port->rules.plain || !port->rules.expected)
		return false;
	tickets_forget(port, now);
	if (port->expected >= port->rules.sessions)
		return false;
	ticket_use(port, conv); /* the later one counts */
	t = mem_zalloc(sizeof(*t));
	t->conv = conv;
	t->until = now + port->rules.idle;
	kcp_table_add(&port->tickets, &t->entry, conv);
	list_append(&port->oldest, t, next);
	port->expected++;
	return true;
}

uint32_t kcp_pool_connect(struct kcp_pool *p, int socket, const struct kcp_rules *r, uint32_t conv,
			  const void *token, size_t size, uint64_t now)
{
	struct kcp_port *port = port_add(p, socket, r);
	struct kcp_session *s = kcp_session_new(p, port, now);

	must(size <= MEET_TOKEN_MAX);
	port->rules.plain = conv != 0;
	if (conv) {
		kcp_session_ready(p, s, conv, now);
		kcp_session_tell(p, s, KCP_NEWS_OPEN);
		return s->id;
	}
	s->nonce = kcp_draw(p);
	s->until = now + r->timeout;
	if (size) {
		s->token = mem_alloc(size);
		memcpy(s->token, token, size);
		s->token_size = (uint16_t)size;
	}
	kcp_session_touch(p, s);
	return s->id;
}

/* ---- datagrams ---- */

/* A datagram of plain KCP that nobody knows: a session, if it begins one. */
static struct kcp_session *accept_plain(struct kcp_pool *p, struct kcp_port *port,
					const struct kcp_address *from, const uint8_t *data,
					size_t n, uint64_t now)
{
	struct kcp_session *s;
	struct kcp_head h;

	if (!kcp_head_get(data, n, &h) || h.cmd != KCP_PUSH || h.una != 0 ||
	    h.sn >= port->rules.set.recv_window ||
	    (port->rules.expected && !ticket_is_there(port, h.conv, now))) {
		port->strays++;
		return NULL;
	}
	s = kcp_session_new(p, port, now);
	if (!kcp_session_count(p, s, from, true)) {
		kcp_session_free(p, s);
		port->refused++;
		return NULL;
	}
	if (port->rules.expected)
		ticket_use(port, h.conv);
	s->peer = *from;
	kcp_session_ready(p, s, h.conv, now);
	/* what carry() lets through must do for him to prove something */
	s->kcp.shy = true;
	kcp_session_tell(p, s, KCP_NEWS_OPEN);
	return s;
}

static void hear(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		 const uint8_t *data, size_t n, uint64_t now)
{
	if (!kcp_input(&s->kcp, data, n, (uint32_t)now))
		return;
	if (!s->peer.size)
		s->peer = *from;
	s->heard = now;
	s->bytes_in += n;
	if (s->kcp.proven)
		kcp_session_proven(s);
	while (s->step == KCP_CLOSING && kcp_peek(&s->kcp) != KCP_NONE)
		kcp_recv(&s->kcp, NULL);
	if (kcp_peek(&s->kcp) != KCP_NONE)
		kcp_session_tell(p, s, KCP_NEWS_DATA);
	kcp_session_touch(p, s);
}

void kcp_pool_input(struct kcp_pool *p, int socket, const struct kcp_address *from,
		    const uint8_t *data, size_t n, uint64_t now)
{
	struct kcp_port *port = kcp_pool_port(p, socket);
	struct kcp_session *s;

	if (!port)
		return;
	if (meet_is(data, n)) {
		kcp_hello_input(p, port, from, data, n, now);
		return;
	}
	if (n < KCP_HEADER) {
		port->strays++;
		return;
	}
	s = kcp_session_of(p, port, little_get32(data), from);
	if (!s && port->listens && port->rules.plain)
		s = accept_plain(p, port, from, data, n, now);
	else if (!s)
		port->strays++;
	if (!s)
		return;
	if (kcp_address_same(&s->peer, from) || !s->peer.size)
		hear(p, s, from, data, n, now);
	else if (port->listens)
		kcp_hello_moved(p, s, from, now);
	else
		port->strays++;
}

/* ---- time ---- */

/* Closed by the program: brings away what there is, says goodbye, is gone. true: it is. */
static bool leave(struct kcp_pool *p, struct kcp_session *s, uint64_t now)
{
	if (now < s->until && (s->goodbyes || !kcp_is_idle(&s->kcp)))
		return false;
	if (s->keyed && s->goodbyes < GOODBYES) {
		kcp_hello_close(p, s);
		s->goodbyes++;
		s->until = now + GOODBYE_WAIT;
		if (s->goodbyes < GOODBYES)
			return false;
	}
	kcp_session_end(p, s, "closed");
	return true;
}

/* When the peer is asked for a sign of life, if nothing comes from it until then. */
static uint64_t next_question(const struct kcp_session *s)
{
	uint32_t wait = s->port->rules.keepalive;

	if (!wait)
		return UINT64_MAX;
	return s->asked > s->heard ? s->asked + wait / ASK_AGAIN + 1 : s->heard + wait;
}

static void arm(struct kcp_pool *p, struct kcp_session *s, uint64_t now)
{
	const struct kcp_rules *r = &s->port->rules;
	uint64_t at = s->heard + r->idle, ask = next_question(s);
	uint32_t wait;

	wheel_disarm(&p->wheel, &s->timer);
	if (s->step == KCP_MEETING) {
		at = now + s->wait;
		wheel_arm(&p->wheel, &s->timer, at < s->until ? at : s->until);
		return;
	}
	if (ask < at)
		at = ask;
	wait = kcp_next(&s->kcp, (uint32_t)now);
	if (wait != KCP_NEVER && now + wait < at)
		at = now + wait;
	if (s->step == KCP_CLOSING && s->until < at)
		at = s->until;
	wheel_arm(&p->wheel, &s->timer, at);
}

static void keep_alive(struct kcp_session *s, uint64_t now)
{
	if (now < next_question(s))
		return;
	s->asked = now;
	kcp_ask(&s->kcp);
}

/* All that is due of one session. */
static void run(struct kcp_pool *p, struct kcp_session *s, uint64_t now)
{
	struct carrier c = { p, s };

	if (s->step == KCP_MEETING) {
		kcp_hello_try(p, s, now);
		if (s->step == KCP_MEETING)
			arm(p, s, now);
		return;
	}
	if (s->kcp.state == KCP_OPEN && now >= s->heard + s->port->rules.idle) {
		kcp_session_end(p, s, "the peer is silent");
		return;
	}
	keep_alive(s, now);
	if (kcp_next(&s->kcp, (uint32_t)now) == 0)
		kcp_flush(&s->kcp, (uint32_t)now, carry, &c);
	if (s->kcp.state != KCP_OPEN) {
		say_goodbye(p, s);
		kcp_session_end(p, s, s->kcp.why);
		return;
	}
	if (s->step == KCP_CLOSING && leave(p, s, now))
		return;
	arm(p, s, now);
}

void kcp_pool_close(struct kcp_pool *p, struct kcp_session *s, uint64_t now)
{
	must(s->owned);
	s->owned = false;
	if (s->step == KCP_ENDED) {
		kcp_session_free(p, s);
		return;
	}
	if (s->step == KCP_MEETING) {
		kcp_session_end(p, s, "closed");
		return;
	}
	s->step = KCP_CLOSING;
	s->until = now + KCP_LINGER;
	while (kcp_peek(&s->kcp) != KCP_NONE)
		kcp_recv(&s->kcp, NULL);
	kcp_session_touch(p, s);
}

uint64_t kcp_pool_turn(struct kcp_pool *p, uint64_t now)
{
	struct wheel_entry *due = wheel_advance(&p->wheel, now);
	struct kcp_session *s;
	uint64_t next;

	while (due) {
		s = container_of(due, struct kcp_session, timer);
		due = due->next;
		kcp_session_touch(p, s);
	}
	while ((s = list_take(&p->dirty, next_dirty))) {
		s->dirty = false;
		if (s->step != KCP_ENDED) /* it may have ended since it was touched */
			run(p, s, now);
	}
	next = wheel_next(&p->wheel);
	if (next == UINT64_MAX)
		return UINT64_MAX;
	return next > now ? next - now : 0;
}
