/* SPDX-License-Identifier: MIT */
/* The data plane of links.
 *
 *   any worker --push--> outbox --flusher--> queue (txq.c) --writev--> socket
 *
 * A sender pushes on the outbox, a stack with one CAS a push, and marks the link in its thread's
 * turn: at the end of the turn it flushes each marked link, so all sends of a turn leave with few
 * writes. Each worker flushes for itself and never waits for the end of somebody else's turn. A
 * sender outside of a turn flushes at once, and so does one whose turn has filled the outbox well.
 *
 * The flush right is a flag. Who does not get it goes away, for the holder looks once more after
 * giving it back. The flusher writes until nothing is left, the socket has enough (on_drain
 * resumes), or it has written FLUSH_BYTES (a closure on the loop resumes): a worker is not kept
 * from its services by a slow megabyte.
 *
 * Ordering  L1 outbox CAS seq_cst  <-> L2 exchange acquire: the flusher sees the message.
 *           F1 exchange(flushing) seq_cst finds it taken <-> F2 the holder stores false, then loads
 *              the outbox and the three reasons not to go on, all seq_cst: either the pusher got
 *              the right, or the holder sees the push. The same holds for on_drain, link_up and the
 *              closure, which first clear their reason and then ask for the right.
 *           G1 link_shut stores the gate, then empties the outbox; G2 a sender pushes, then loads
 *              the gate (all seq_cst): a message that slips in is bounced by one of the two.
 */
#include "harbor/link/link.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/stack.h"
#include "core/actor/remote.h"
#include "core/sched/worker.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "net/post.h"
#include "net/request.h"
#include "net/write.h"

/* More than this in the socket's own queue: wait for on_drain. Above net's low mark of 64 KiB, or
 * on_drain would not come. */
#define SOCKET_ENOUGH (256u << 10)
#define FLUSH_BYTES (2u << 20)
/* A turn that has this much waiting flushes before its end. */
#define EARLY_BYTES (256u << 10)
#define QUIET_NS NS_PER_SEC
/* For errors in place of answers, beyond queue_max. */
#define RESERVE_BYTES (256u << 10)
#define RESERVE_ERROR_MAX 512u

static _Atomic(struct link *) links[256];
static uint64_t message_max, queue_max;
static void (*on_overrun)(struct link *l);

/* Links this thread has pushed to since its last flush. */
static _Thread_local struct {
	struct turn_hook hook;
	bool armed;
	uint64_t touched[4];
} turn;

/* ---- life ---- */

void link_init(uint64_t a_message_max, uint64_t a_queue_max, void (*overrun)(struct link *l))
{
	must(a_message_max && a_queue_max && overrun);
	message_max = a_message_max;
	queue_max = a_queue_max;
	on_overrun = overrun;
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
		lock_init(&l->tx_lock, LOCK_link);
		txq_init(&l->queue);
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

static struct msg *take_outbox(struct link *l);

void link_fini(void)
{
	for (unsigned i = 0; i < 256; i++) {
		struct link *l = link_find(i);

		if (!l)
			continue;
		free_list(take_outbox(l));
		free_list(txq_clear(&l->queue));
		pending_fini(&l->pending);
		lock_fini(&l->tx_lock);
		free(l);
		/* relaxed: nobody else is left */
		atomic_store_explicit(&links[i], NULL, memory_order_relaxed);
	}
}

/* ---- refusing ---- */

static const char *gate_text(int gate)
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
	/* relaxed: a statistic */
	atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
	if (!may_log(&l->quiet_until_ns))
		return;
	log_printf(LOG_LEVEL_WARNING, m->source,
		   "Drop message to harbor %u from :%08x to :%08x (session = %d, msgsz = %llu): "
		   "%s; %llu so far",
		   l->id, m->source, m->dest, m->session, (unsigned long long)m->size, why,
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

static void bounce(struct link *l, struct msg *m, const char *why)
{
	while (m) {
		struct msg *next = m->next;

		refuse(l, m, why);
		m = next;
	}
}

/* ---- flushing ---- */

/* Oldest first. */
static struct msg *take_outbox(struct link *l)
{
	return stack_take_all(&l->outbox, next); /* L2 */
}

static void queue_outbox(struct link *l)
{
	struct msg *m = take_outbox(l);

	while (m) {
		struct msg *next = m->next;

		txq_push(&l->queue, m);
		m = next;
	}
}

static void set_backlog(struct link *l)
{
	atomic_store_explicit(&l->backlog, !txq_is_empty(&l->queue), memory_order_seq_cst);
}

/* These do not wait any more. */
static void leave(struct link *l, const struct msg *m)
{
	for (; m; m = m->next)
		ledger_leave(&l->ledger, m->size + WIRE_MSG_HEADER);
}

static void resume(void *arg);

static void flush_locked(struct link *l)
{
	struct txq_batch b;
	uint64_t written = 0, in_socket;
	/* relaxed: it changes under tx_lock only */
	int conn = atomic_load_explicit(&l->conn, memory_order_relaxed);

	lock_held(&l->tx_lock);
	while (conn > 0) {
		queue_outbox(l);
		if (!txq_fill(&l->queue, &b))
			break;
		pending_add(&l->pending, b.begun, b.begun_count);
		/* A socket that failed is told by on_close, and then the requests among these
		 * fail. */
		(void)net_sendv_queued(conn, b.iov, (int)b.parts, &in_socket);
		ledger_written(&l->ledger, b.done_bytes + b.done_count * WIRE_MSG_HEADER,
			       in_socket);
		/* relaxed: a statistic */
		atomic_fetch_add_explicit(&l->sent, b.done_count, memory_order_relaxed);
		free_list(b.done);
		written += b.bytes;
		if (in_socket > SOCKET_ENOUGH) {
			/* on_drain comes after this: the queue is seen full under tx_lock, which it
			 * takes */
			atomic_store_explicit(&l->stalled, true, memory_order_seq_cst);
			break;
		}
		if (written > FLUSH_BYTES) {
			if (!atomic_exchange_explicit(&l->resting, true, memory_order_seq_cst))
				net_post(resume, l);
			break;
		}
	}
	set_backlog(l);
}

static bool may_flush(struct link *l)
{
	return (atomic_load_explicit(&l->outbox, memory_order_seq_cst) ||
		atomic_load_explicit(&l->backlog, memory_order_seq_cst)) &&
	       atomic_load_explicit(&l->conn, memory_order_seq_cst) > 0 &&
	       !atomic_load_explicit(&l->stalled, memory_order_seq_cst) &&
	       !atomic_load_explicit(&l->resting, memory_order_seq_cst);
}

static void flush(struct link *l)
{
	while (may_flush(l) &&
	       !atomic_exchange_explicit(&l->flushing, true, memory_order_seq_cst)) { /* F1 */
		lock_take(&l->tx_lock);
		flush_locked(l);
		lock_release(&l->tx_lock);
		atomic_store_explicit(&l->flushing, false, memory_order_seq_cst); /* F2 */
	}
}

static void resume(void *arg)
{
	struct link *l = arg;

	atomic_store_explicit(&l->resting, false, memory_order_seq_cst);
	flush(l);
}

void link_drained(struct link *l)
{
	lock_take(&l->tx_lock);
	atomic_store_explicit(&l->stalled, false, memory_order_seq_cst);
	ledger_socket(&l->ledger, 0);
	lock_release(&l->tx_lock);
	flush(l);
}

/* ---- sending ---- */

static void end_turn(struct turn_hook *h)
{
	turn.armed = false;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t bits = turn.touched[i];

		turn.touched[i] = 0;
		for (; bits; bits &= bits - 1)
			flush(link_find(i * 64 + (unsigned)__builtin_ctzll(bits)));
	}
}

static void flush_later(struct link *l)
{
	if (!service_current() || ledger_waiting(&l->ledger) > EARLY_BYTES) {
		flush(l);
		return;
	}
	turn.touched[l->id / 64] |= UINT64_C(1) << (l->id % 64);
	if (turn.armed)
		return;
	turn.hook.run = end_turn;
	turn.armed = sched_at_turn_end(&turn.hook);
	if (!turn.armed)
		end_turn(&turn.hook); /* a callback on a thread that is no worker: a launch */
}

/* Who finds the gate shut after a push makes sure that nothing stays behind it. */
static void bounce_waiting(struct link *l, const char *why)
{
	struct msg *m;

	lock_take(&l->tx_lock);
	queue_outbox(l);
	m = txq_clear(&l->queue);
	leave(l, m);
	set_backlog(l);
	lock_release(&l->tx_lock);
	bounce(l, m, why);
}

/* The others stay in their order. */
static void bounce_requests(struct link *l)
{
	struct msg *waiting, *requests = NULL;

	lock_take(&l->tx_lock);
	queue_outbox(l);
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
	set_backlog(l);
	lock_release(&l->tx_lock);
	bounce(l, requests, gate_text(LINK_BROKEN));
}

/* A small queue is written by the loop, which tells nobody: then the last write's figure is too
 * high. */
static void recount_socket(struct link *l)
{
	int conn;

	if (!lock_try(&l->tx_lock))
		return; /* the flusher is at it */
	/* relaxed: it changes under tx_lock only */
	conn = atomic_load_explicit(&l->conn, memory_order_relaxed);
	ledger_socket(&l->ledger, conn > 0 ? net_queued(conn) : 0);
	lock_release(&l->tx_lock);
}

uint64_t link_queued(struct link *l)
{
	recount_socket(l);
	return ledger_sum(&l->ledger);
}

/* Enters m into the ledger, unless there is no room for it. */
static bool enter(struct link *l, const struct msg *m)
{
	uint64_t size = m->size + WIRE_MSG_HEADER;
	bool error = m->type == PTYPE_ERROR && m->size <= RESERVE_ERROR_MAX;
	uint64_t bound = queue_max + WIRE_MSG_HEADER + (error ? RESERVE_BYTES : 0);

	if (likely(ledger_enter(&l->ledger, size, bound)))
		return true;
	recount_socket(l);
	return ledger_enter(&l->ledger, size, bound);
}

static void overrun(void *arg)
{
	on_overrun(arg);
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
		flush_later(l);
	else if (gate == LINK_BROKEN)
		bounce_requests(l);
	else
		bounce_waiting(l, gate_text(gate));
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
 * messages only from their senders. Whoever waits hears of it. */
static int refuse_foreign(struct link *l, struct msg *m)
{
	uint32_t self = (uint32_t)service_harbor() << 24;

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
	struct link *l = link_find(m->dest >> 24);
	int gate = l ? atomic_load_explicit(&l->gate, memory_order_acquire) : LINK_NO_NODE;
	const char *why;

	if (gate != LINK_OPEN && (gate != LINK_BROKEN || msg_wants_answer(m)))
		return refuse(l, m, gate_text(gate));
	if (m->source == 0)
		m->source = (uint32_t)service_harbor() << 24; /* the node itself */
	if (unlikely(m->source >> 24 != service_harbor()))
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

	if (may_log(&l->strays_quiet_until_ns))
		log_printf(LOG_LEVEL_WARNING, m->dest,
			   "Drop message of harbor %u from :%08x to :%08x (type %d, session = %d): "
			   "%s; %llu so far",
			   l->id, m->source, m->dest, m->type, m->session,
			   m->source >> 24 == l->id ? "nobody waits for this answer"
						    : "its sender is of another node",
			   (unsigned long long)n);
}

void link_received(struct link *l, struct msg *m)
{
	uint32_t source = m->source, dest = m->dest;
	bool is_answer = msg_is_answer(m), theirs = source >> 24 == l->id;
	int32_t session = is_answer || msg_wants_answer(m) ? m->session : 0;
	int r = SEND_NO_SERVICE;

	atomic_fetch_add_explicit(&l->received, 1, memory_order_relaxed); /* a statistic */
	if (!theirs || (is_answer && session && !pending_answered(&l->pending, m))) {
		stray(l, m);
		msg_destroy(m);
		return;
	}
	m->flags |= MSG_FOREIGN;
	/* A message of the socket server holds pointers; no other node has business sending one. */
	if (dest >> 24 != service_harbor() || m->type == PTYPE_SOCKET)
		msg_destroy(m);
	else
		r = service_send(m);
	if (r != SEND_OK && r != SEND_REFUSED && !is_answer)
		service_send_error_text(dest, source, session, SEND_NO_SERVICE_TEXT);
}

/* ---- states ---- */

void link_up(struct link *l, int conn)
{
	must(conn > 0);
	net_set_limit(conn, UINT64_MAX / 2); /* the ledger bounds it */
	net_nodelay(conn);
	lock_take(&l->tx_lock);
	atomic_store_explicit(&l->stalled, false, memory_order_seq_cst);
	atomic_store_explicit(&l->conn, conn, memory_order_seq_cst);
	ledger_socket(&l->ledger, 0);
	lock_release(&l->tx_lock);
	flush(l);
}

void link_down(struct link *l, const char *why)
{
	struct msg *cut;

	lock_take(&l->tx_lock);
	atomic_store_explicit(&l->conn, 0, memory_order_seq_cst);
	ledger_socket(&l->ledger, 0);
	cut = txq_cut(&l->queue);
	leave(l, cut);
	set_backlog(l);
	lock_release(&l->tx_lock);
	free_list(cut);
	pending_fail(&l->pending, why);
}

void link_open(struct link *l)
{
	atomic_store_explicit(&l->gate, LINK_OPEN, memory_order_seq_cst);
}

void link_tired(struct link *l)
{
	atomic_store_explicit(&l->gate, LINK_BROKEN, memory_order_seq_cst); /* G1 */
	bounce_requests(l);
}

void link_shut(struct link *l, enum link_gate gate)
{
	must(gate < LINK_BROKEN);
	atomic_store_explicit(&l->gate, gate, memory_order_seq_cst); /* G1 */
	bounce_waiting(l, gate_text(gate));
	pending_fail(&l->pending, gate_text(gate));
}
