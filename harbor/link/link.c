/* SPDX-License-Identifier: MIT */
/* The data plane of links but for the writing, which is in flush.c.
 *
 *   any worker --push--> outbox --flush.c--> queue (txq.c) --writev--> socket
 *
 * Ordering  L1 outbox CAS seq_cst <-> L2 in flush.c.
 *           G1 link_shut stores the gate, then empties the outbox; G2 a sender pushes, then loads
 *              the gate (all seq_cst): a message that slips in is bounced by one of the two.
 */
#include "harbor/link/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/tally.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/stack.h"
#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "harbor/link/flush.h"
#include "harbor/link/moves.h"
#include "net/post.h"
#include "net/request.h"

#define QUIET_NS NS_PER_SEC
/* For errors in place of answers, beyond queue_max. */
#define RESERVE_BYTES (256u << 10)
#define RESERVE_ERROR_MAX 512u

static _Atomic(struct link *) links[256];
static uint64_t message_max, queue_max;
static const struct link_hooks *hooks;

/* ---- life ---- */

void link_init(uint64_t a_message_max, uint64_t a_queue_max, const struct link_hooks *a_hooks)
{
	must(a_message_max && a_queue_max && a_hooks);
	hooks = a_hooks;
	message_max = a_message_max;
	queue_max = a_queue_max;
}

struct link *link_find(unsigned id)
{
	/* acquire <-> release in link_get: the link is set up */
	return atomic_load_explicit(&links[id & 255], memory_order_acquire);
}

struct link *link_get(unsigned id)
{
	struct link *l = link_find(id);

	must(id >= 1 && id <= 255);
	if (!l) {
		l = aligned_alloc(CACHE_LINE,
				  (sizeof(*l) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
		if (!l)
			mem_exhausted(sizeof(*l));
		memset(l, 0, sizeof(*l));
		l->id = id;
		l->since_wall_ns = clock_wall_ns();
		lock_init(&l->tx_lock, LOCK_link);
		txq_init(&l->queue);
		session_init(&l->session);
		pending_init(&l->pending);
		atomic_store_explicit(&links[id & 255], l, memory_order_release);
	}
	return l;
}

static void free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

void link_fini(void)
{
	moves_fini();
	for (unsigned i = 0; i < 256; i++) {
		struct link *l = link_find(i);

		if (!l)
			continue;
		free_list(stack_take_all(&l->outbox, next));
		free_list(txq_clear(&l->queue));
		(void)txq_renew(&l->queue);
		txq_fini(&l->queue);
		session_fini(&l->session);
		pending_fini(&l->pending);
		lock_fini(&l->tx_lock);
		free(l);
		/* relaxed: nobody else is left */
		atomic_store_explicit(&links[i], NULL, memory_order_relaxed);
	}
}

/* ---- refusing ---- */

const char *link_gate_text(int gate)
{
	switch (gate) {
	case LINK_NO_NODE:
		return REMOTE_NO_NODE;
	case LINK_NODE_DOWN:
		return REMOTE_NODE_DOWN;
	default:
		return REMOTE_LINK_LOST;
	}
}

/* Writes the name where any thread may read it. */
static void note_name(struct link *l)
{
	uint64_t words[array_len(l->called)];

	static_assert(sizeof(words) == sizeof(l->peer.name), "");
	memcpy(words, l->peer.name, sizeof(words));
	/* relaxed: whoever reads takes what there is */
	for (unsigned i = 0; i < array_len(words); i++)
		atomic_store_explicit(&l->called[i], words[i], memory_order_relaxed);
	tally_node_named(l->peer.id);
}

void link_call(const char *name, unsigned id, char ret_text[MOVE_CALLED_MAX])
{
	if (*name)
		snprintf(ret_text, MOVE_CALLED_MAX, "node %s (harbor %u)", name, id);
	else
		snprintf(ret_text, MOVE_CALLED_MAX, "harbor %u", id);
}

void link_called(struct link *l, unsigned id, char ret_text[MOVE_CALLED_MAX])
{
	uint64_t words[array_len(l->called)] = { 0 };
	char name[sizeof(words)];

	for (unsigned i = 0; l && i < array_len(words); i++)
		words[i] = atomic_load_explicit(&l->called[i], memory_order_relaxed);
	memcpy(name, words, sizeof(name));
	name[sizeof(name) - 1] = 0;
	link_call(name, id, ret_text);
}

/* One line a second and node: a storm of sends to a dead node is not a storm of lines. */
static bool may_log(atomic_uint_least64_t *quiet_until_ns)
{
	/* relaxed: a rate limit */
	uint64_t now = clock_mono_ns(),
		 until = atomic_load_explicit(quiet_until_ns, memory_order_relaxed);

	return now >= until &&
	       atomic_compare_exchange_strong_explicit(quiet_until_ns, &until, now + QUIET_NS,
						       memory_order_relaxed, memory_order_relaxed);
}

static void complain(struct link *l, const struct msg *m, const char *why)
{
	char node[MOVE_CALLED_MAX];

	/* relaxed: a statistic */
	atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
	if (!may_log(&l->quiet_until_ns))
		return;
	link_called(l, l->id, node);
	log_printf(LOG_LEVEL_WARNING, m->source,
		   "Drop message to %s from :%08x to :%08x (session = %d, msgsz = %llu): "
		   "%s; %llu so far",
		   node, m->source, m->dest, m->session, (unsigned long long)m->size, why,
		   (unsigned long long)atomic_load_explicit(&l->dropped, memory_order_relaxed));
}

static int refuse(struct link *l, struct msg *m, const char *why)
{
	if (l)
		complain(l, m, why);
	else
		log_printf(LOG_LEVEL_WARNING, m->source, "Drop message to :%08x: %s", m->dest, why);
	service_fail_request(m, why);
	msg_destroy(m);
	return SEND_REFUSED;
}

/* Returns how many they were. */
static uint64_t bounce(struct link *l, struct msg *m, const char *why)
{
	uint64_t n = 0;

	while (m) {
		struct msg *next = m->next;

		refuse(l, m, why);
		m = next;
		n++;
	}
	return n;
}

/* ---- sending ---- */

/* These are owed no more. */
static void leave(struct link *l, const struct msg *m)
{
	uint64_t bytes = 0;

	for (; m; m = m->next)
		bytes += ledger_cost(m->size);
	flush_leave(l, bytes);
}

/* Who finds the gate shut after a push makes sure that nothing stays behind it. */
static uint64_t bounce_waiting(struct link *l, const char *why)
{
	struct msg *m;

	lock_take(&l->tx_lock);
	flush_queue_outbox(l);
	m = txq_clear(&l->queue);
	leave(l, m);
	flush_set_backlog(l);
	lock_release(&l->tx_lock);
	return bounce(l, m, why);
}

/* The others stay in their order. */
static void bounce_requests(struct link *l)
{
	struct msg *waiting, *requests = NULL;

	lock_take(&l->tx_lock);
	flush_queue_outbox(l);
	waiting = txq_clear(&l->queue);
	while (waiting) {
		struct msg *m = waiting;

		waiting = m->next;
		if (!msg_wants_answer(m)) {
			txq_push(&l->queue, m);
			continue;
		}
		m->next = requests;
		requests = m;
	}
	leave(l, requests);
	flush_set_backlog(l);
	lock_release(&l->tx_lock);
	bounce(l, requests, link_gate_text(LINK_BROKEN));
}

/* Enters m into the ledger, unless there is no room for it. */
static bool enter(struct link *l, const struct msg *m)
{
	uint64_t size = ledger_cost(m->size);
	bool error = m->type == PTYPE_ERROR && m->size <= RESERVE_ERROR_MAX;
	/* A node that has everything may not have said so yet. */
	uint64_t bound = queue_max + FLUSH_LAG + ledger_cost(0) + (error ? RESERVE_BYTES : 0);

	return ledger_enter(&l->ledger, size, bound);
}

static void overrun(void *arg)
{
	hooks->overrun(arg);
}

static void push(struct link *l, struct msg *m)
{
	/* relaxed: only a value to begin with */
	struct msg *old = atomic_load_explicit(&l->outbox, memory_order_relaxed);
	int gate;

	do
		m->next = old;
	while (!atomic_compare_exchange_weak_explicit(&l->outbox, &old, m, memory_order_seq_cst,
						      memory_order_relaxed)); /* L1, G2 */
	gate = atomic_load_explicit(&l->gate, memory_order_seq_cst);	      /* G2 */
	if (likely(gate == LINK_OPEN))
		flush_soon(l);
	else if (gate == LINK_BROKEN)
		bounce_requests(l);
	else
		bounce_waiting(l, link_gate_text(gate));
}

/* A limit refuses an answer: its caller on the other node gets a small error. If there is no
 * room for that either, all that wait for answers over this link are told by its end. */
static int refuse_answer(struct link *l, struct msg *m, const char *why)
{
	cleanup(mem_freep) char *text = mem_printf("the answer was refused: %s", why);
	struct msg *e = msg_create_copy(text, strlen(text));

	complain(l, m, why);
	msg_address_answer(e, m->source, m->dest, m->session, PTYPE_ERROR);
	msg_destroy(m);
	if (enter(l, e)) {
		push(l, e);
	} else {
		msg_destroy(e);
		net_post(overrun, l);
	}
	return SEND_REFUSED;
}

/* A service here speaks in the name of one of another node: the node behind the link takes
 * messages only from their senders. Whoever waits hears of it. An error goes on in our own name:
 * the request came by us. */
static int refuse_foreign(struct link *l, struct msg *m)
{
	uint32_t self = (uint32_t)service_harbor() << 24;

	if (m->type == PTYPE_ERROR && m->session && m->size <= RESERVE_ERROR_MAX) {
		m->source = self;
		return link_send_on(m);
	}
	if (msg_is_answer(m) && m->session) {
		m->source = self;
		return refuse_answer(l, m, REMOTE_HANDED_ON);
	}
	complain(l, m, REMOTE_HANDED_ON);
	if (msg_wants_answer(m))
		service_send_error_text(self, m->source, m->session, REMOTE_HANDED_ON);
	msg_destroy(m);
	return SEND_REFUSED;
}

int link_send(struct msg *m)
{
	uint32_t dest = m->dest;
	int r;

	/* An answer is for a call of the life that it is sent to. So no error that is sent under a
	 * lock of the link asks for that of the moves. */
	if (msg_is_answer(m))
		return link_send_on(m);
	if (unlikely(moves_concern(dest)))
		return moves_send(m);
	r = link_send_on(m);
	if (unlikely(moves_concern(dest)))
		moves_overtaken(dest);
	return r;
}

int link_send_on(struct msg *m)
{
	struct link *l = link_find(m->dest >> 24);
	int gate = l ? atomic_load_explicit(&l->gate, memory_order_acquire) : LINK_NO_NODE;
	const char *why;

	if (gate != LINK_OPEN && (gate != LINK_BROKEN || msg_wants_answer(m)))
		return refuse(l, m, link_gate_text(gate));
	if (m->source == 0)
		m->source = (uint32_t)service_harbor() << 24; /* the node itself */
	if (unlikely(m->source >> 24 != service_harbor()) &&
	    (msg_is_answer(m) || !(m->flags & MSG_RELAYED)))
		return refuse_foreign(l, m);
	if (likely(m->size <= message_max && enter(l, m))) {
		push(l, m);
		return SEND_OK;
	}
	why = m->size > message_max ? REMOTE_TOO_LARGE : REMOTE_QUEUE_FULL;
	return msg_is_answer(m) && m->session ? refuse_answer(l, m, why) : refuse(l, m, why);
}

/* ---- receiving ---- */

/* It speaks for a service of another node, or answers what nobody asked it (or not any more). */
static void stray(struct link *l, const struct msg *m)
{
	/* relaxed: a statistic */
	uint64_t n = atomic_fetch_add_explicit(&l->strays, 1, memory_order_relaxed) + 1;
	char node[MOVE_CALLED_MAX];

	if (!may_log(&l->strays_quiet_until_ns))
		return;
	link_called(l, l->id, node);
	log_printf(LOG_LEVEL_WARNING, m->dest,
		   "Drop message of %s from :%08x to :%08x (type %d, session = %d): %s; "
		   "%llu so far",
		   node, m->source, m->dest, m->type, m->session,
		   m->source >> 24 == l->id ? "nobody waits for this answer"
					    : "its sender is of another node",
		   (unsigned long long)n);
}

/* The service that was asked has moved to l's node, which may have answered before we heard that
 * its old node sent the request on; or it has moved from there, and its last answer was large: what
 * it does not end is overtaken by what we were told since. */
static bool answered_after_move(struct link *l, const struct msg *m)
{
	for (unsigned i = 1; i < 256; i++) {
		struct link *other = link_find(i);
		uint32_t asked = other && other != l ? pending_asked(&other->pending, m) : 0;

		if (asked && (moves_knows(asked, l->id) || moves_accepts(l->id, asked)))
			return pending_answered(&other->pending, m);
	}
	return false;
}

static bool is_awaited(struct link *l, const struct msg *m)
{
	return pending_answered(&l->pending, m) || (moves_count() && answered_after_move(l, m));
}

/* l's node has sent a request on to a service that moved here, of which we know nothing any more:
 * it tells the one who asked, for it alone knows who that is. */
static void refuse_relayed(struct link *l, const struct msg *m)
{
	struct msg *e;

	if (!msg_wants_answer(m))
		return;
	e = msg_create_copy(SEND_NO_SERVICE_TEXT, strlen(SEND_NO_SERVICE_TEXT));
	msg_address_answer(e, (uint32_t)service_harbor() << 24, m->source, m->session, PTYPE_ERROR);
	if (enter(l, e))
		push(l, e);
	else
		msg_destroy(e);
}

void link_received(struct link *l, struct msg *m)
{
	uint32_t source = m->source, dest = m->dest;
	bool is_answer = msg_is_answer(m);
	bool theirs = source >> 24 == l->id || (!is_answer && moves_accepts(l->id, dest));
	int32_t session = is_answer || msg_wants_answer(m) ? m->session : 0;
	int r = SEND_NO_SERVICE;

	atomic_fetch_add_explicit(&l->received, 1, memory_order_relaxed); /* a statistic */
	if (!theirs || (is_answer && session && !is_awaited(l, m))) {
		stray(l, m);
		if (!is_answer)
			refuse_relayed(l, m);
		msg_destroy(m);
		return;
	}
	if (unlikely(m->type == PTYPE_HARBOR) && moves_note(l->id, m))
		return;
	m->flags |= MSG_FOREIGN;
	/* A message of the socket server holds pointers; no other node has business sending one.
	 * What we sent on for another node and was refused is that one's to hear. */
	if (m->type == PTYPE_ERROR && session)
		r = service_send(m);
	else if (dest >> 24 != service_harbor() || m->type == PTYPE_SOCKET)
		msg_destroy(m);
	else
		r = service_send(m);
	if (r != SEND_OK && r != SEND_REFUSED && !is_answer)
		service_send_error_text(dest, source, session, SEND_NO_SERVICE_TEXT);
}

/* ---- states ---- */

/* They were accepted, and are given up: of `sent` it is not known whether they have arrived. */
static void lose(struct link *l, uint64_t sent, uint64_t unsent, const char *why)
{
	if (sent) {
		atomic_fetch_add_explicit(&l->lost, sent, memory_order_relaxed); /* a statistic */
		if (may_log(&l->lost_quiet_until_ns))
			log_warning("harbor: %llu messages to node %s (harbor %u) may not have "
				    "arrived: %s",
				    (unsigned long long)sent, l->peer.name, l->id, why);
	}
	if (sent + unsent)
		hooks->lost(l, sent, unsent, why);
}

/* Where the session stands after a change of it. */
static void set_counts(struct link *l)
{
	const struct kept *k = &l->queue.kept;

	lock_held(&l->tx_lock);
	atomic_store_explicit(&l->acked, k->first, memory_order_release);
	atomic_store_explicit(&l->reaped, k->first, memory_order_relaxed); /* under tx_lock */
	atomic_store_explicit(&l->written, k->cursor, memory_order_release);
	flush_set_backlog(l);
}

void link_offer(struct link *l, struct wire_control *c)
{
	session_offer(&l->session, l->peer.epoch, c);
}

const char *link_resume(struct link *l, const struct wire_control *c)
{
	struct session_news news;
	const char *why;

	/* relaxed: the loop changes it */
	must(!atomic_load_explicit(&l->conn, memory_order_relaxed));
	lock_take(&l->tx_lock);
	flush_reap(l);
	why = session_resume(&l->session, &l->queue, c, &news);
	flush_leave(l, news.done.bytes + news.lost.bytes);
	set_counts(l);
	lock_release(&l->tx_lock);
	lose(l, news.lost.messages, 0, why ? why : "the other node had given this one up");
	if (news.renewed || news.theirs_renewed)
		pending_fail(&l->pending, REMOTE_LINK_LOST);
	return why;
}

void link_up(struct link *l, int conn)
{
	must(conn > 0);
	net_set_limit(conn, UINT64_MAX / 2); /* the ledger bounds it */
	net_nodelay(conn);
	lock_take(&l->tx_lock);
	flush_copy_count(&l->arrived, &l->session.in);
	flush_copy_count(&l->told, &l->session.in); /* by the handshake */
	atomic_store_explicit(&l->stalled, false, memory_order_seq_cst);
	atomic_store_explicit(&l->conn, conn, memory_order_seq_cst);
	lock_release(&l->tx_lock);
	flush_now(l);
}

void link_measured(struct link *l)
{
	const struct peer *p = &l->peer;
	/* until the first heartbeat it is far away */
	uint64_t ns = p->state != PEER_UP ? 0 : p->rtt_ns ? p->rtt_ns : NS_PER_SEC;

	/* relaxed, both: a measure */
	if (atomic_load_explicit(&l->round_trip_ns, memory_order_relaxed) != ns)
		atomic_store_explicit(&l->round_trip_ns, ns, memory_order_relaxed);
}

void link_down(struct link *l)
{
	lock_take(&l->tx_lock);
	atomic_store_explicit(&l->conn, 0, memory_order_seq_cst);
	lock_release(&l->tx_lock);
}

void link_fail_requests(struct link *l)
{
	bounce_requests(l);
	pending_fail(&l->pending, link_gate_text(LINK_BROKEN));
}

void link_open(struct link *l)
{
	note_name(l);
	atomic_store_explicit(&l->gate, LINK_OPEN, memory_order_seq_cst);
}

void link_tired(struct link *l)
{
	atomic_store_explicit(&l->gate, LINK_BROKEN, memory_order_seq_cst); /* G1 */
	link_fail_requests(l);
}

static void renew(struct link *l, uint64_t unsent, const char *why)
{
	struct kept_sum lost;

	lock_take(&l->tx_lock);
	flush_reap(l);
	lost = session_renew(&l->session, &l->queue);
	flush_leave(l, lost.bytes);
	set_counts(l);
	lock_release(&l->tx_lock);
	lose(l, lost.messages, unsent, why);
	pending_fail(&l->pending, why);
}

void link_renew(struct link *l, const char *why)
{
	renew(l, 0, why);
}

void link_shut(struct link *l, enum link_gate gate)
{
	uint64_t unsent;

	must(gate < LINK_BROKEN);
	atomic_store_explicit(&l->gate, gate, memory_order_seq_cst); /* G1 */
	unsent = bounce_waiting(l, link_gate_text(gate));
	renew(l, unsent, link_gate_text(gate));
	inbound_forget(&l->session.in);
}
