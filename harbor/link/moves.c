/* SPDX-License-Identifier: MIT */
/* The table of moves and the notes about them: see moves.h.
 *
 * What is sent by way of the table is sent under its lock, so that a change of ways comes between
 * two messages. An error that the sending causes may come back here on the same thread: it finds
 * the lock held by itself, and goes on. */
#include "harbor/link/moves.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/list.h"
#include "core/ds/sessions.h"
#include "core/log/log.h"

#define NOTE_MAGIC 0x4d4f5645u /* "MOVE" */
#define NOTE_AGAIN_NS (1000 * NS_PER_MS)
#define BUSY_NS (5 * NS_PER_MS)
#define HELD_FULL "too many messages wait for a service that moves"

enum note_kind {
	NOTE_CLAIM = 1,
	NOTE_SWITCH,
	NOTE_HELD,
	NOTE_PASS,
	NOTE_GO,
	NOTE_DONE,
	NOTE_DRAIN
};

struct note {
	enum note_kind kind;
	unsigned node;
	uint32_t from, to;
};

enum way {
	WAY_OLD,  /* to `from` and its forwarder */
	WAY_HELD, /* nowhere just now */
	WAY_NEW,  /* to `to` */
	WAY_OWN,  /* the forwarder is here */
};

struct move {
	struct move *next, *same_to;
	uint32_t from, to;
	enum way way;
	unsigned held_count;
	LIST_OF(struct msg) held;
	uint64_t held_ns;	    /* since */
	uint64_t asked_ns;	    /* WAY_OWN: the last time that somebody was asked */
	uint64_t asked[4], done[4]; /* nodes, as bits */
};

struct entry {
	uint32_t handle;
	int32_t one; /* 1: the entry is in use */
	struct move *first;
};

static const struct sessions_kind KIND = {
	.entry = sizeof(struct entry),
	.session = offsetof(struct entry, one),
	.service = offsetof(struct entry, handle),
	.first = 64,
};

atomic_uint_least64_t moves_filter[(1u << MOVES_FILTER_BITS) / 64];

static struct {
	const struct moves_ops *ops;
	struct lock lock;
	LIST_OF(struct move) all; /* oldest first */
	struct sessions from, to;
	unsigned count;
	LIST_OF(struct msg) late; /* notes that wait until no large message is before them */
	uint64_t draining[4];	  /* nodes, as bits */
	uint64_t next_ns;	  /* of the next look, 0: none */
} M;

/* This thread holds the lock: what it causes runs in here, too. */
static _Thread_local bool inside;

static bool enter(void)
{
	if (inside)
		return false;
	lock_take(&M.lock);
	inside = true;
	return true;
}

static void leave(bool entered)
{
	if (!entered)
		return;
	inside = false;
	lock_release(&M.lock);
}

static unsigned node_of(uint32_t handle)
{
	return handle >> 24;
}

static bool is_ours(uint32_t handle)
{
	return node_of(handle) == M.ops->self();
}

static bool has_bit(const uint64_t bits[4], unsigned i)
{
	return bits[i / 64 & 3] >> (i % 64) & 1;
}

static void set_bit(uint64_t bits[4], unsigned i, bool on)
{
	uint64_t bit = UINT64_C(1) << (i % 64);

	bits[i / 64 & 3] = on ? bits[i / 64 & 3] | bit : bits[i / 64 & 3] & ~bit;
}

/* ---- notes ---- */

static void put32(uint8_t *p, uint32_t n)
{
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct msg *note_create(uint32_t dest, unsigned source, const struct note *n)
{
	struct msg *m = msg_create(MOVES_NOTE_SIZE);
	uint8_t *p = msg_payload(m);

	put32(p, NOTE_MAGIC);
	p[4] = (uint8_t)n->kind;
	p[5] = (uint8_t)n->node;
	p[6] = p[7] = 0;
	put32(p + 8, n->from);
	put32(p + 12, n->to);
	m->type = PTYPE_HARBOR;
	m->source = (uint32_t)source << 24;
	m->dest = dest;
	return m;
}

/* Only a node itself (index 0) writes notes. */
static bool note_read(const struct msg *m, struct note *ret)
{
	const uint8_t *p = msg_payload(m);

	if (m->type != PTYPE_HARBOR || m->session || m->size != MOVES_NOTE_SIZE ||
	    (m->source & HANDLE_INDEX_MAX) || get32(p) != NOTE_MAGIC)
		return false;
	*ret = (struct note){ (enum note_kind)p[4], p[5], get32(p + 8), get32(p + 12) };
	return p[4] >= NOTE_CLAIM && p[4] <= NOTE_DRAIN;
}

static void tell(unsigned node, const struct note *n)
{
	if (M.ops->up(node))
		(void)M.ops->send(note_create((uint32_t)node << 24, M.ops->self(), n));
}

/* ---- the table; under the lock ---- */

static struct move *find(uint32_t from)
{
	const struct entry *e = sessions_find(&M.from, &KIND, from, 1);

	return e ? e->first : NULL;
}

static struct move *find_to(uint32_t to)
{
	const struct entry *e = sessions_find(&M.to, &KIND, to, 1);

	return e ? e->first : NULL;
}

static void mark(uint32_t handle)
{
	uint32_t bit = moves_hash(handle);

	atomic_fetch_or_explicit(&moves_filter[bit / 64], UINT64_C(1) << (bit % 64),
				 memory_order_relaxed);
}

static void look_at(uint64_t ns)
{
	if (!M.next_ns || ns < M.next_ns)
		M.next_ns = ns;
	M.ops->touch();
}

static void link_to(struct move *r)
{
	struct entry *e = sessions_find(&M.to, &KIND, r->to, 1);

	if (!e) {
		e = sessions_add(&M.to, &KIND, r->to, 1);
		*e = (struct entry){ r->to, 1, NULL };
	}
	r->same_to = e->first;
	e->first = r;
	mark(r->to);
}

static void unlink_to(struct move *r)
{
	struct entry *e = sessions_find(&M.to, &KIND, r->to, 1);
	struct move **at = &e->first;

	while (*at != r)
		at = &(*at)->same_to;
	*at = r->same_to;
	if (!e->first)
		sessions_remove(&M.to, &KIND, e);
}

static void forget(struct move *r)
{
	struct move **at = &M.all.first;

	must(list_is_empty(&r->held));
	while (*at != r)
		at = &(*at)->next;
	list_unlink(&M.all, at, next);
	sessions_remove(&M.from, &KIND, sessions_find(&M.from, &KIND, r->from, 1));
	unlink_to(r);
	M.count--;
	mem_free(r);
}

/* Those of no consequence any more go first. false: all are needed. */
static bool make_room(void)
{
	for (struct move *r = M.all.first; r && M.count >= MOVES_MAX; r = r->next) {
		if (r->way == WAY_NEW) {
			forget(r);
			break;
		}
	}
	return M.count < MOVES_MAX;
}

static struct move *add(uint32_t from, uint32_t to, enum way way)
{
	struct move *r;
	struct entry *e;

	if (!make_room())
		return NULL;
	r = mem_zalloc(sizeof(*r));
	r->from = from;
	r->to = to;
	r->way = way;
	list_append(&M.all, r, next);
	M.count++;
	e = sessions_add(&M.from, &KIND, from, 1);
	*e = (struct entry){ from, 1, r };
	mark(from);
	link_to(r);
	return r;
}

/* Where the service is now, as far as we know. */
static uint32_t last_of(uint32_t handle)
{
	for (unsigned i = 0; i < MOVES_HOPS; i++) {
		const struct move *r = find(handle);

		if (!r)
			break;
		handle = r->to;
	}
	return handle;
}

/* ---- sending; under the lock ---- */

/* A pass has come to where the service is: everything before it is here. */
static void passed(const struct note *n);

static bool is_pass(const struct msg *m, struct note *ret)
{
	return unlikely(m->type == PTYPE_HARBOR) && note_read(m, ret) && ret->kind == NOTE_PASS;
}

/* m->dest is final, or a forwarder. */
static int deliver(struct msg *m)
{
	const struct move *r = find(m->dest);
	struct note n;

	if (!is_ours(m->dest))
		return M.ops->send(m);
	if ((!r || r->way != WAY_OWN) && is_pass(m, &n)) {
		msg_destroy(m);
		passed(&n);
		return SEND_OK;
	}
	return service_forward(m) == SEND_OK ? SEND_OK : SEND_REFUSED;
}

/* A move to this handle that still has its old way, which senders to the new handle must therefore
 * take, too. */
static struct move *unfinished(uint32_t to)
{
	struct move *r = find_to(to);

	while (r && r->way == WAY_NEW)
		r = r->same_to;
	return r;
}

/* Writes m's next receiver into m->dest. Returns the move that holds it, or NULL: send it. */
static struct move *route(struct msg *m)
{
	for (unsigned i = 0; i < MOVES_HOPS; i++) {
		struct move *r = find(m->dest);

		if (!r && !(m->flags & MSG_RELAYED))
			r = unfinished(m->dest);
		if (!r)
			return NULL;
		m->dest = r->from;
		if (r->way == WAY_HELD)
			return r;
		if (r->way != WAY_NEW)
			return NULL;
		m->dest = r->to;
	}
	return NULL;
}

static int hold(struct move *r, struct msg *m)
{
	if (r->held_count >= MOVES_HOLD_MAX) {
		service_reject(m, HELD_FULL);
		return SEND_REFUSED;
	}
	list_append(&r->held, m, next);
	r->held_count++;
	return SEND_OK;
}

static int send_on(struct msg *m)
{
	struct move *r = route(m);
	struct note n;

	if (r)
		return hold(r, m);
	if (is_pass(m, &n) && !is_ours(m->dest) && M.ops->busy(m->dest)) {
		list_append(&M.late, m, next);
		look_at(clock_mono_ns() + BUSY_NS);
		return SEND_OK;
	}
	return deliver(m);
}

/* From now on messages go the new way, first those that waited for it. */
static void take_new_way(struct move *r)
{
	struct msg *m = list_take_all(&r->held), *next;

	r->way = WAY_NEW;
	r->held_count = 0;
	for (; m; m = next) {
		next = m->next;
		(void)send_on(m);
	}
}

int moves_send(struct msg *m)
{
	bool entered = enter();
	int r = send_on(m);

	leave(entered);
	return r;
}

/* ---- asking senders to go the new way; under the lock ---- */

static void ask(struct move *r, unsigned node)
{
	set_bit(r->asked, node, true);
	tell(node, &(struct note){ NOTE_SWITCH, 0, r->from, r->to });
}

static bool is_settled(const struct move *r)
{
	for (unsigned i = 1; i < 256; i++)
		if (i != M.ops->self() && M.ops->up(i) && !has_bit(r->done, i))
			return false;
	return true;
}

/* What a node still sends to the old handle goes on, and it is asked to stop that. */
static int relay(struct move *r, struct msg *m)
{
	unsigned node = node_of(m->source);

	if (r && node != M.ops->self() && node != 0 && !has_bit(r->asked, node))
		ask(r, node);
	m->flags |= MSG_RELAYED;
	return send_on(m);
}

int moves_relay(struct msg *m)
{
	bool entered = enter();
	struct move *back = find_to(m->dest);
	int r;

	while (back && back->way != WAY_OWN)
		back = back->same_to;
	r = relay(back, m);
	leave(entered);
	return r;
}

/* In this life of the node the old handle never was. */
bool moves_find(struct msg *m)
{
	bool entered, found;
	struct move *r;

	if (!moves_concern(m->dest))
		return false;
	entered = enter();
	r = find(m->dest);
	found = r != NULL;
	if (r) {
		m->dest = r->to;
		(void)relay(r, m);
	}
	leave(entered);
	return found;
}

static bool accepts(unsigned node, uint32_t dest, unsigned hops)
{
	for (const struct move *r = find_to(dest); r; r = r->same_to)
		if (node_of(r->from) == node || (hops && accepts(node, r->from, hops - 1)))
			return true;
	return false;
}

bool moves_accepts(unsigned node, uint32_t dest)
{
	bool entered, well;

	if (!moves_concern(dest))
		return false;
	entered = enter();
	well = accepts(node, dest, MOVES_HOPS);
	leave(entered);
	return well;
}

bool moves_knows(uint32_t old, unsigned node)
{
	bool entered, well = false;

	if (!moves_concern(old))
		return false;
	entered = enter();
	for (unsigned i = 0; i < MOVES_HOPS && !well; i++) {
		const struct move *r = find(old);

		if (!r)
			break;
		old = r->to;
		well = node_of(old) == node;
	}
	leave(entered);
	return well;
}

/* ---- claims; under the lock ---- */

static enum way first_way(uint32_t from)
{
	if (is_ours(from))
		return handle_lookup(from) ? WAY_OLD : WAY_NEW;
	return M.ops->up(node_of(from)) ? WAY_OLD : WAY_NEW;
}

/* `from` is `to` now, says the node of `to`. A known move stays if it leads on: its way may hold
 * messages. If it ends nowhere, that life was given up before it began. */
static struct move *claim(uint32_t from, uint32_t to)
{
	struct move *r = find(from);

	if (from == to)
		return NULL;
	if (!r)
		return add(from, to, first_way(from));
	if (r->to != to && !find(r->to)) {
		unlink_to(r);
		r->to = to;
		link_to(r);
	}
	return r;
}

void moves_adopted(uint32_t service, const uint32_t *old, unsigned n)
{
	bool entered = enter();

	for (unsigned i = 0; i < n; i++) {
		(void)claim(old[i], service);
		for (unsigned node = 1; node < 256; node++)
			if (node != M.ops->self())
				tell(node, &(struct note){ NOTE_CLAIM, 0, old[i], service });
	}
	leave(entered);
}

void moves_left(uint32_t old, uint32_t to)
{
	bool entered = enter();
	struct move *r = claim(old, to);

	if (r) {
		r->way = WAY_OWN;
		r->asked_ns = clock_mono_ns();
		for (unsigned node = 1; node < 256; node++)
			if (node != M.ops->self() && M.ops->up(node))
				ask(r, node);
		look_at(r->asked_ns + NOTE_AGAIN_NS);
	}
	leave(entered);
}

uint32_t moves_now(uint32_t old)
{
	bool entered = enter();
	uint32_t now = last_of(old);

	leave(entered);
	return now;
}

bool moves_settled(uint32_t old)
{
	bool entered = enter(), well = true;

	for (const struct move *r = M.all.first; r && well; r = r->next)
		if (r->way == WAY_OWN && (!old || r->from == old))
			well = is_settled(r);
	leave(entered);
	return well;
}

void moves_draining(bool on)
{
	bool entered = enter();

	for (unsigned node = 1; node < 256; node++)
		if (node != M.ops->self())
			tell(node, &(struct note){ NOTE_DRAIN, on, 0, 0 });
	leave(entered);
}

unsigned moves_count(void)
{
	bool entered = enter();
	unsigned n = M.count;

	leave(entered);
	return n;
}

/* ---- notes that come in; the loop, under the lock ---- */

static void on_go(uint32_t from)
{
	struct move *r = find(from);
	uint32_t to;

	if (!r || r->way != WAY_HELD)
		return;
	to = r->to;
	for (unsigned i = 0; i < MOVES_HOPS; i++) {
		const struct move *on = find(to);

		if (!on || on->way != WAY_NEW)
			break;
		to = on->to;
	}
	M.ops->transfer(from, to);
	take_new_way(r);
}

static void passed(const struct note *n)
{
	struct note go = { NOTE_GO, 0, n->from, 0 }, done = { NOTE_DONE, n->node, n->from, 0 };

	if (n->node == M.ops->self())
		on_go(n->from);
	else
		tell(n->node, &go);
	tell(node_of(n->from), &done);
}

/* `from` is a service that this node gave away: it asks us to send to `to`. */
static void on_switch(unsigned node, uint32_t from, uint32_t to)
{
	struct move *r = claim(from, to);
	struct msg *held;

	if (!r)
		return;
	if (r->way == WAY_OLD) {
		r->way = WAY_HELD;
		r->held_ns = clock_mono_ns();
		look_at(r->held_ns + MOVES_HELD_NS);
	}
	held = note_create((uint32_t)node << 24, M.ops->self(),
			   &(struct note){ NOTE_HELD, 0, from, 0 });
	if (!M.ops->busy(from)) {
		(void)M.ops->send(held);
		return;
	}
	list_append(&M.late, held, next);
	look_at(clock_mono_ns() + BUSY_NS);
}

/* The node sends nothing to our old service any more: this goes behind what it has sent. */
static void on_held(unsigned node, uint32_t from)
{
	struct move *r = find(from);
	struct msg *m;

	if (!r || !is_ours(from))
		return;
	m = note_create(from, node, &(struct note){ NOTE_PASS, node, from, 0 });
	if (r->way == WAY_OWN) {
		service_forward(m);
		return;
	}
	m->dest = r->to;
	m->flags |= MSG_RELAYED;
	(void)send_on(m);
}

static void on_done(unsigned node, uint32_t from)
{
	struct move *r = find(from);
	uint32_t to = from;

	if (!r || !is_ours(from))
		return;
	set_bit(r->done, node, true);
	for (unsigned i = 0; i < MOVES_HOPS && (r = find(to)); i++) {
		to = r->to;
		M.ops->purge(node, to);
	}
}

static void on_note(unsigned node, const struct note *n)
{
	switch (n->kind) {
	case NOTE_CLAIM:
		if (node_of(n->to) == node)
			(void)claim(n->from, n->to);
		break;
	case NOTE_SWITCH:
		if (node_of(n->from) == node && node_of(n->to) != 0)
			on_switch(node, n->from, n->to);
		break;
	case NOTE_HELD:
		on_held(node, n->from);
		break;
	case NOTE_GO:
		if (moves_knows(n->from, node))
			on_go(n->from);
		break;
	case NOTE_DONE:
		on_done(n->node, n->from);
		break;
	case NOTE_DRAIN:
		set_bit(M.draining, node, n->node);
		break;
	case NOTE_PASS:
		break; /* is for a service */
	}
}

bool moves_note(unsigned node, struct msg *m)
{
	const struct move *r;
	bool entered, taken = false;
	struct note n;

	if (!note_read(m, &n))
		return false;
	entered = enter();
	r = find(m->dest);
	if (n.kind == NOTE_PASS && (!r || r->way != WAY_OWN)) {
		passed(&n);
		taken = true;
	} else if (n.kind != NOTE_PASS && !(m->dest & HANDLE_INDEX_MAX)) {
		on_note(node, &n);
		taken = true;
	}
	leave(entered);
	if (taken)
		msg_destroy(m);
	return taken;
}

bool moves_is_draining(unsigned node)
{
	bool entered = enter(), on = has_bit(M.draining, node);

	leave(entered);
	return on;
}

/* ---- nodes and time; the loop ---- */

/* The claim of the last life goes first: who hears of an earlier one then knows that it leads on.
 */
static void tell_claims(unsigned node, bool last)
{
	for (const struct move *r = M.all.first; r; r = r->next) {
		uint32_t to = last_of(r->from);

		if (is_ours(to) && (r->to == to) == last && handle_lookup(to))
			tell(node, &(struct note){ NOTE_CLAIM, 0, r->from, to });
	}
}

void moves_link_up(unsigned node)
{
	bool entered = enter();

	tell(node, &(struct note){ NOTE_DRAIN, move_is_draining(), 0, 0 });
	tell_claims(node, true);
	tell_claims(node, false);
	for (struct move *r = M.all.first; r; r = r->next)
		if (r->way == WAY_OWN && !has_bit(r->done, node))
			ask(r, node);
	leave(entered);
}

void moves_node_gone(unsigned node, bool dead)
{
	bool entered = enter();

	set_bit(M.draining, node, false);
	for (struct move *r = M.all.first, *next; r; r = next) {
		next = r->next;
		set_bit(r->asked, node, false);
		set_bit(r->done, node, false);
		if (r->way == WAY_OWN)
			continue;
		if (node_of(r->from) == node && r->way != WAY_NEW)
			take_new_way(r);
		if (dead && node_of(r->to) == node && !find(r->to)) {
			take_new_way(r); /* to be refused */
			forget(r);
		}
	}
	leave(entered);
}

static void try_late(void)
{
	struct msg *m = list_take_all(&M.late), *next;
	struct note n;

	for (; m; m = next) {
		next = m->next;
		if (!note_read(m, &n) || n.kind == NOTE_PASS) {
			(void)send_on(m);
		} else if (M.ops->busy(n.from)) {
			list_append(&M.late, m, next);
			look_at(clock_mono_ns() + BUSY_NS);
		} else {
			(void)M.ops->send(m);
		}
	}
}

static void look_after(struct move *r, uint64_t now)
{
	if (r->way == WAY_HELD) {
		if (now >= r->held_ns + MOVES_HELD_NS)
			take_new_way(r);
		else
			look_at(r->held_ns + MOVES_HELD_NS);
	}
	if (r->way != WAY_OWN || is_settled(r))
		return;
	if (now >= r->asked_ns + NOTE_AGAIN_NS) {
		r->asked_ns = now;
		for (unsigned i = 1; i < 256; i++)
			if (i != M.ops->self() && M.ops->up(i) && !has_bit(r->done, i))
				ask(r, i);
	}
	look_at(r->asked_ns + NOTE_AGAIN_NS);
}

uint64_t moves_tick(uint64_t now)
{
	bool entered = enter();
	uint64_t next;

	if (M.next_ns && now >= M.next_ns) {
		M.next_ns = 0;
		try_late();
		for (struct move *r = M.all.first; r; r = r->next)
			look_after(r, now);
	}
	next = M.next_ns ? M.next_ns : UINT64_MAX;
	leave(entered);
	return next;
}

/* ---- life ---- */

void moves_init(const struct moves_ops *ops)
{
	must(ops);
	M.ops = ops;
	lock_init(&M.lock, LOCK_moves);
}

static void free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

void moves_fini(void)
{
	for (struct move *r = M.all.first, *next; r; r = next) {
		next = r->next;
		free_list(list_take_all(&r->held));
		mem_free(r);
	}
	free_list(list_take_all(&M.late));
	sessions_fini(&M.from);
	sessions_fini(&M.to);
	for (size_t i = 0; i < array_len(moves_filter); i++)
		atomic_store_explicit(&moves_filter[i], 0, memory_order_relaxed);
	lock_fini(&M.lock);
	memset(&M, 0, sizeof(M));
}
