/* SPDX-License-Identifier: MIT */
/* Sends of a turn leave with few writes: a sender marks the link in its thread's turn, and at the
 * end of the turn the thread flushes each marked link. Each worker flushes for itself and never
 * waits for the end of somebody else's turn. A sender outside of a turn flushes at once, and so
 * does one whose turn has filled the outbox well.
 *
 * The flush right is a flag. Who does not get it goes away, for the holder looks once more after
 * giving it back. The flusher writes until nothing is left, the socket has enough (flush_drained
 * resumes), or it has written FLUSH_BYTES (a closure on the loop resumes): a worker is not kept
 * from its services by a slow megabyte.
 *
 * Acknowledgements go along with what is written anyway. Only after a read that leaves much
 * unacknowledged, which is one of a stream in one direction, the loop writes one by itself.
 *
 * Ordering  L1 link.c's outbox CAS seq_cst <-> L2 exchange acquire: the flusher sees the message.
 *           F1 exchange(flushing) seq_cst finds it taken <-> F2 the holder stores false, then loads
 *              the outbox and the three reasons not to go on, all seq_cst: either the pusher got
 *              the right, or the holder sees the push. The same holds for flush_drained, link_up
 *              and the closure, which first clear their reason and then ask for the right.
 *           A1 the flusher stores what it has written, release, before it writes <-> the loop
 *              loads it, acquire, when an acknowledgement of it came.
 *           A2 the loop stores what is acknowledged, then asks for the flush right <-> F2 the
 *              holder loads it after he gave the right back, all seq_cst: one of the two frees
 *              that, also while nothing may be written.
 */
#include "harbor/link/flush.h"

#include "core/actor/service.h"
#include "core/base/base.h"
#include "core/base/must.h"
#include "core/ds/stack.h"
#include "core/sched/worker.h"
#include "net/post.h"
#include "net/write.h"

/* More than this in the socket's own queue: wait for flush_drained. Above net's low mark of 64 KiB,
 * or that would not come. */
#define SOCKET_ENOUGH (256u << 10)
#define FLUSH_BYTES (2u << 20)
/* A turn that has this much waiting flushes before its end. */
#define EARLY_BYTES (256u << 10)
/* So much that is not acknowledged is worth a write of its own, so much a few bytes in one. */
#define ACK_ALONG_BYTES (16u << 10)
#define ACK_ALONG_FRAMES 16u

/* Links this thread has pushed to since its last flush; `marked` says which are among them. */
static _Thread_local struct {
	struct turn_hook hook;
	bool armed;
	unsigned count;
	uint64_t marked[4];
	struct link *link[256];
} turn;

/* Oldest first. */
static struct msg *take_outbox(struct link *l)
{
	return stack_take_all(&l->outbox, next); /* L2 */
}

void flush_queue_outbox(struct link *l)
{
	struct msg *m = take_outbox(l);

	while (m) {
		struct msg *next = m->next;

		txq_push(&l->queue, m);
		m = next;
	}
}

void flush_set_backlog(struct link *l)
{
	atomic_store_explicit(&l->backlog, !txq_is_empty(&l->queue), memory_order_seq_cst);
}

void flush_leave(struct link *l, uint64_t bytes)
{
	if (bytes)
		ledger_leave(&l->ledger, bytes);
	ledger_keep(&l->ledger, l->queue.kept.bytes);
}

void flush_reap(struct link *l)
{
	uint64_t acked = atomic_load_explicit(&l->acked, memory_order_acquire); /* A2 */
	struct kept_sum done;
	bool valid;

	lock_held(&l->tx_lock);
	if (acked <= l->queue.kept.first)
		return;
	done = txq_acknowledge(&l->queue, acked, &valid);
	must(valid); /* flush_acknowledged has looked at it */
	atomic_store_explicit(&l->reaped, acked, memory_order_relaxed); /* may_reap: a hint */
	flush_leave(l, done.bytes);
}

/* Is so much unacknowledged that the other node should be told? */
static bool ack_is_due(struct link *l, uint64_t frames, uint64_t bytes)
{
	/* relaxed: whoever sees an older number tells it a little later */
	uint64_t count = atomic_load_explicit(&l->arrived.count, memory_order_relaxed),
		 told = atomic_load_explicit(&l->told.count, memory_order_relaxed);

	return count - told >= frames ||
	       (count != told &&
		atomic_load_explicit(&l->arrived.bytes, memory_order_relaxed) -
				atomic_load_explicit(&l->told.bytes, memory_order_relaxed) >=
			bytes);
}

static void encode_ack(struct link *l, uint8_t *out)
{
	/* relaxed: as above; two that tell at once may tell in any order, the higher one counts */
	uint64_t count = atomic_load_explicit(&l->arrived.count, memory_order_relaxed),
		 bytes = atomic_load_explicit(&l->arrived.bytes, memory_order_relaxed);

	wire_encode_ack(out, count);
	atomic_store_explicit(&l->told.count, count, memory_order_relaxed);
	atomic_store_explicit(&l->told.bytes, bytes, memory_order_relaxed);
}

static void resume(void *arg);

/* Has the batch written, and with it, if that is due, what has arrived here. Returns what is in the
 * socket's queue then. */
static uint64_t write_batch(struct link *l, int conn, struct txq_batch *b)
{
	uint8_t ack[WIRE_ACK_SIZE];
	uint64_t in_socket;

	if (ack_is_due(l, ACK_ALONG_FRAMES, ACK_ALONG_BYTES)) {
		encode_ack(l, ack);
		b->iov[b->parts++] = (struct iovec){ ack, sizeof(ack) };
	}
	pending_add(&l->pending, b->begun, b->begun_count);
	atomic_store_explicit(&l->written, l->queue.kept.cursor, memory_order_release); /* A1 */
	ledger_keep(&l->ledger, l->queue.kept.bytes);
	/* A socket that failed is told by on_close, and the next one gets it all again. */
	(void)net_sendv_queued(conn, b->iov, (int)b->parts, &in_socket);
	/* relaxed, all of these: statistics */
	atomic_fetch_add_explicit(&l->sent, b->done, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->sent_frames, b->frames, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->sent_bytes, b->bytes, memory_order_relaxed);
	if (b->resent)
		atomic_fetch_add_explicit(&l->resent, b->resent, memory_order_relaxed);
	return in_socket;
}

static void flush_locked(struct link *l)
{
	struct txq_batch b;
	uint64_t written = 0, in_socket;
	/* relaxed: it changes under tx_lock only */
	int conn = atomic_load_explicit(&l->conn, memory_order_relaxed);

	lock_held(&l->tx_lock);
	while (conn > 0) {
		flush_reap(l);
		flush_queue_outbox(l);
		if (!txq_fill(&l->queue, &b))
			break;
		in_socket = write_batch(l, conn, &b);
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
	flush_set_backlog(l);
}

static bool may_flush(struct link *l)
{
	return (atomic_load_explicit(&l->outbox, memory_order_seq_cst) ||
		atomic_load_explicit(&l->backlog, memory_order_seq_cst)) &&
	       atomic_load_explicit(&l->conn, memory_order_seq_cst) > 0 &&
	       !atomic_load_explicit(&l->stalled, memory_order_seq_cst) &&
	       !atomic_load_explicit(&l->resting, memory_order_seq_cst);
}

/* reaped is relaxed: this thread has written it, or got the flush right from who did. */
static bool may_reap(struct link *l)
{
	return atomic_load_explicit(&l->acked, memory_order_seq_cst) >
	       atomic_load_explicit(&l->reaped, memory_order_relaxed); /* A2 */
}

void flush_now(struct link *l)
{
	bool write;

	while (((write = may_flush(l)) || may_reap(l)) &&
	       !atomic_exchange_explicit(&l->flushing, true, memory_order_seq_cst)) { /* F1 */
		lock_take(&l->tx_lock);
		if (write)
			flush_locked(l);
		else
			flush_reap(l);
		lock_release(&l->tx_lock);
		atomic_store_explicit(&l->flushing, false, memory_order_seq_cst); /* F2 */
	}
}

static void resume(void *arg)
{
	struct link *l = arg;

	atomic_store_explicit(&l->resting, false, memory_order_seq_cst);
	flush_now(l);
}

void flush_drained(struct link *l)
{
	lock_take(&l->tx_lock);
	atomic_store_explicit(&l->stalled, false, memory_order_seq_cst);
	lock_release(&l->tx_lock);
	flush_now(l);
}

static void end_turn(struct turn_hook *h)
{
	turn.armed = false;
	while (turn.count) {
		struct link *l = turn.link[--turn.count];

		turn.marked[l->id / 64] &= ~(UINT64_C(1) << (l->id % 64));
		flush_now(l);
	}
}

void flush_soon(struct link *l)
{
	uint64_t *word = &turn.marked[l->id / 64], bit = UINT64_C(1) << (l->id % 64);

	if (!service_current() || ledger_waiting(&l->ledger) > EARLY_BYTES) {
		flush_now(l);
		return;
	}
	if (!(*word & bit))
		turn.link[turn.count++] = l;
	*word |= bit;
	if (turn.armed)
		return;
	turn.hook.run = end_turn;
	turn.armed = sched_at_turn_end(&turn.hook);
	if (!turn.armed)
		end_turn(&turn.hook); /* a callback on a thread that is no worker: a launch */
}

/* ---- acknowledging ---- */

void flush_copy_count(struct link_arrived *to, const struct inbound *in)
{
	/* relaxed: under tx_lock, or a little late */
	atomic_store_explicit(&to->count, in->count, memory_order_relaxed);
	atomic_store_explicit(&to->bytes, in->bytes, memory_order_relaxed);
}

/* relaxed, all of these: statistics, which the loop alone writes */
static void count_received(struct link *l, const struct inbound *in)
{
	uint64_t count = atomic_load_explicit(&l->arrived.count, memory_order_relaxed),
		 bytes = atomic_load_explicit(&l->arrived.bytes, memory_order_relaxed);

	if (in->count < count)
		return; /* a new session began, and its first frames are counted the next time */
	atomic_fetch_add_explicit(&l->received_frames, in->count - count, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->received_bytes, in->bytes - bytes, memory_order_relaxed);
}

bool flush_takes_control(int conn)
{
	return net_queued(conn) < FLUSH_CONTROL_MAX;
}

void flush_arrived(struct link *l)
{
	const struct inbound *in = &l->session.in;
	int conn = atomic_load_explicit(&l->conn, memory_order_relaxed); /* the loop changes it */
	uint8_t ack[WIRE_ACK_SIZE];
	struct iovec iov = { ack, sizeof(ack) };

	count_received(l, in);
	flush_copy_count(&l->arrived, in);
	if (conn <= 0 || !ack_is_due(l, FLUSH_ACK_FRAMES, FLUSH_ACK_BYTES) ||
	    !flush_takes_control(conn))
		return;
	encode_ack(l, ack);
	(void)net_sendv(conn, &iov, 1);
}

bool flush_acknowledged(struct link *l, uint64_t count)
{
	if (count > atomic_load_explicit(&l->written, memory_order_acquire)) /* A1 */
		return false;
	/* relaxed: only the loop writes it. An older number was overtaken on its way out. */
	if (count <= atomic_load_explicit(&l->acked, memory_order_relaxed))
		return true;
	atomic_store_explicit(&l->acked, count, memory_order_seq_cst); /* A2 */
	flush_now(l);
	return true;
}
