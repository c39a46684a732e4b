/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Flush: from a link's outbox through its queue to the socket, and what the other node says of it.
 *
 *   outbox --flush_queue_outbox--> queue (txq.h) --flush_now--> socket     kept (kept.h) --reap-->
 *
 * Threads: flush_now, flush_soon: any. flush_arrived, flush_acknowledged, flush_drained: the net
 *          loop. The others: who holds the link's tx_lock.
 */
#include "harbor/link/parts.h"

/* So many bytes of frames, and so many frames, may have arrived and not be acknowledged yet. */
#define FLUSH_ACK_BYTES (256u << 10)
#define FLUSH_ACK_FRAMES 256u
/* The same as the sender's ledger counts them: at most. */
#define FLUSH_LAG (FLUSH_ACK_BYTES + FLUSH_ACK_FRAMES * (LEDGER_FRAME + sizeof(struct msg)))

/* So much waits in the socket of somebody who does not read. The snapshot of a master has a few MB,
 * and a flush leaves less than this. */
#define FLUSH_CONTROL_MAX (UINT64_C(32) << 20)

/* Writes what waits, as far as the socket takes it. */
void flush_now(struct link *l);
/* The same at the end of this turn, unless much waits already. */
void flush_soon(struct link *l);
/* The socket has room again. */
void flush_drained(struct link *l);

/* Does the connection take one more frame of control? Who asks without end and reads no answer gets
 * none any more. Any thread. */
must_use bool flush_takes_control(int conn);
/* Bytes have been read: acknowledges what has arrived, if it is much. */
void flush_arrived(struct link *l);
/* The other node says that so many frames have arrived there. false: that cannot be. */
must_use bool flush_acknowledged(struct link *l, uint64_t count);

/* What was pushed goes into the queue. */
void flush_queue_outbox(struct link *l);
/* After a change of the queue. */
void flush_set_backlog(struct link *l);
/* Frees what has arrived at the other node. */
void flush_reap(struct link *l);
/* So many bytes are owed no more. */
void flush_leave(struct link *l, uint64_t bytes);
/* Where the other node's session stands here. */
void flush_copy_count(struct link_arrived *to, const struct inbound *in);
