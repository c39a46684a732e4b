/* SPDX-License-Identifier: MIT */
/* Sessions: their tables, and how many there may be. */
#include "lua/modules/kcp/kcp_session.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"

/* ---- small things ---- */

uint64_t kcp_draw(struct kcp_pool *p)
{
	uint8_t text[1 + 8] = { 0 };

	little_put64(text + 1, p->drawn++);
	return siphash(p->secret, text, sizeof(text));
}

void kcp_send_to(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *to,
		 const struct meet *m)
{
	uint8_t bytes[MEET_MAX];

	p->hooks.send(p->hooks.ud, port->socket, to, bytes, meet_put(bytes, m));
}

void kcp_session_touch(struct kcp_pool *p, struct kcp_session *s)
{
	if (s->dirty || s->step == KCP_ENDED)
		return;
	s->dirty = true;
	list_append(&p->dirty, s, next_dirty);
}

void kcp_session_tell(struct kcp_pool *p, struct kcp_session *s, unsigned news)
{
	if (!s->owned)
		return;
	if (!s->news)
		list_append(&p->news, s, next_news);
	s->news |= (uint8_t)news;
}

/* ---- by conv ---- */

/* A conv that a listener has chosen is its only one. In plain ports clients choose, and two may
 * choose the same, so there the address belongs to it. */
static uint64_t conv_hash(const struct kcp_pool *p, const struct kcp_port *port, uint32_t conv,
			  const struct kcp_address *peer)
{
	uint8_t text[4 + KCP_ADDRESS_MAX];
	size_t n = port->rules.plain && port->listens ? peer->size : 0;

	little_put32(text, conv);
	memcpy(text + 4, peer->bytes, n);
	return siphash(p->secret, text, 4 + n);
}

struct kcp_session *kcp_session_of(struct kcp_pool *p, struct kcp_port *port, uint32_t conv,
				   const struct kcp_address *from)
{
	uint64_t hash = conv_hash(p, port, conv, from);

	for (struct kcp_entry *e = kcp_table_first(&port->sessions, hash); e;
	     e = kcp_table_next(e)) {
		struct kcp_session *s = container_of(e, struct kcp_session, by_conv);

		if (s->kcp.conv != conv)
			continue;
		if (!port->listens || !port->rules.plain || kcp_address_same(&s->peer, from))
			return s;
	}
	return NULL;
}

/* ---- by id ---- */

static uint64_t id_hash(uint32_t id)
{
	return id; /* they count up, which fills a table evenly */
}

static struct kcp_session *by_id(struct kcp_pool *p, uint32_t id)
{
	struct kcp_entry *e = kcp_table_first(&p->ids, id_hash(id));

	return e ? container_of(e, struct kcp_session, by_id) : NULL;
}

struct kcp_session *kcp_session_find(struct kcp_pool *p, uint32_t id)
{
	struct kcp_session *s = by_id(p, id);

	return s && s->owned ? s : NULL;
}

static uint32_t new_id(struct kcp_pool *p)
{
	do
		p->last_id = p->last_id == INT32_MAX ? 1 : p->last_id + 1;
	while (by_id(p, p->last_id));
	return p->last_id;
}

/* ---- hosts ---- */

/* The address without its port; a customer of IPv6 has 64 bits for himself. */
static void host_of(const struct kcp_address *a, uint8_t ret[KCP_ADDRESS_MAX])
{
	size_t n = a->size > 7 ? 8 : a->size > 3 ? a->size - 3u : 0;

	memset(ret, 0, KCP_ADDRESS_MAX);
	ret[0] = a->bytes[0];
	memcpy(ret + 1, a->bytes + 3, n);
}

struct kcp_host *kcp_host_find(struct kcp_pool *p, struct kcp_port *port,
			       const struct kcp_address *from)
{
	uint8_t ip[KCP_ADDRESS_MAX];
	struct kcp_entry *e;

	host_of(from, ip);
	e = kcp_table_first(&port->hosts, siphash(p->secret, ip, sizeof(ip)));
	for (; e; e = kcp_table_next(e)) {
		struct kcp_host *h = container_of(e, struct kcp_host, entry);

		if (memcmp(h->ip, ip, sizeof(ip)) == 0)
			return h;
	}
	return NULL;
}

static struct kcp_host *host_add(struct kcp_pool *p, struct kcp_port *port,
				 const struct kcp_address *from)
{
	struct kcp_host *h = kcp_host_find(p, port, from);

	if (h)
		return h;
	h = mem_zalloc(sizeof(*h));
	host_of(from, h->ip);
	kcp_table_add(&port->hosts, &h->entry, siphash(p->secret, h->ip, sizeof(h->ip)));
	return h;
}

/* Of all sessions that are allowed an eighth may be unanswered. Who knows a conv that is expected
 * has shown something, if not that the address is his. */
static bool is_room(const struct kcp_port *port, const struct kcp_host *h, bool unanswered)
{
	const struct kcp_rules *r = &port->rules;

	if (port->sessions.count >= r->sessions || (h && h->count >= r->per_address))
		return false;
	if (!unanswered || r->expected)
		return true;
	return port->unanswered < r->sessions / 8 + 1 && (!h || h->unanswered < r->unanswered);
}

bool kcp_session_count(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		       bool unanswered)
{
	struct kcp_host *h = kcp_host_find(p, s->port, from);

	if (!is_room(s->port, h, unanswered))
		return false;
	if (!h)
		h = host_add(p, s->port, from);
	s->host = h;
	s->next_of_host = h->sessions;
	h->sessions = s;
	h->count++;
	s->unanswered = unanswered;
	h->unanswered += unanswered;
	s->port->unanswered += unanswered;
	return true;
}

void kcp_session_proven(struct kcp_session *s)
{
	if (!s->unanswered)
		return;
	s->unanswered = false;
	s->host->unanswered--;
	s->port->unanswered--;
}

void kcp_session_uncount(struct kcp_session *s)
{
	struct kcp_session **at;
	struct kcp_host *h = s->host;

	if (!h)
		return;
	kcp_session_proven(s);
	for (at = &h->sessions; *at != s; at = &(*at)->next_of_host)
		;
	*at = s->next_of_host;
	s->host = NULL;
	if (--h->count == 0) {
		kcp_table_remove(&s->port->hosts, &h->entry);
		mem_free(h);
	}
}

/* ---- life ---- */

struct kcp_session *kcp_session_new(struct kcp_pool *p, struct kcp_port *port, uint64_t now)
{
	struct kcp_session *s = mem_zalloc(sizeof(*s));

	s->port = port;
	s->id = new_id(p);
	s->owned = true;
	s->heard = s->asked = now;
	kcp_table_add(&p->ids, &s->by_id, id_hash(s->id));
	if (!port->listens)
		port->own = s;
	return s;
}

void kcp_session_ready(struct kcp_pool *p, struct kcp_session *s, uint32_t conv, uint64_t now)
{
	kcp_init(&s->kcp, conv, (uint32_t)kcp_draw(p), &s->port->rules.set);
	s->has_kcp = true;
	s->step = KCP_READY;
	s->heard = now;
	kcp_table_add(&s->port->sessions, &s->by_conv, conv_hash(p, s->port, conv, &s->peer));
	kcp_session_touch(p, s);
}

static void forget_news(struct kcp_pool *p, struct kcp_session *s)
{
	struct kcp_session **at = &p->news.first;

	while (s->news && *at && *at != s)
		at = &(*at)->next_news;
	if (s->news && *at)
		list_unlink(&p->news, at, next_news);
	s->news = 0;
}

static void forget_dirty(struct kcp_pool *p, struct kcp_session *s)
{
	struct kcp_session **at = &p->dirty.first;

	while (s->dirty && *at && *at != s)
		at = &(*at)->next_dirty;
	if (s->dirty && *at)
		list_unlink(&p->dirty, at, next_dirty);
	s->dirty = false;
}

/* The port of a connect goes with its session. */
static void leave_port(struct kcp_pool *p, struct kcp_session *s)
{
	struct kcp_port *port = s->port;

	s->port = NULL;
	if (!port || port->listens)
		return;
	kcp_table_remove(&p->ports, &port->entry);
	kcp_table_fini(&port->sessions);
	p->hooks.release(p->hooks.ud, port->socket);
	mem_free(port);
}

void kcp_session_free(struct kcp_pool *p, struct kcp_session *s)
{
	forget_news(p, s);
	forget_dirty(p, s);
	wheel_disarm(&p->wheel, &s->timer);
	kcp_table_remove(&p->ids, &s->by_id);
	if (s->has_kcp)
		kcp_fini(&s->kcp);
	mem_free(s->token);
	mem_free(s);
}

void kcp_session_end(struct kcp_pool *p, struct kcp_session *s, const char *why)
{
	if (s->step == KCP_ENDED)
		return;
	if (s->has_kcp)
		kcp_table_remove(&s->port->sessions, &s->by_conv);
	kcp_session_uncount(s);
	wheel_disarm(&p->wheel, &s->timer);
	s->step = KCP_ENDED;
	s->why = why;
	leave_port(p, s);
	if (s->owned)
		kcp_session_tell(p, s, KCP_NEWS_END);
	else
		kcp_session_free(p, s);
}
