/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * KCP: messages in order and without loss over datagrams that get lost. The state of one
 * connection; no socket, no clock, no address: the caller brings datagrams and the time, and
 * carries those away that kcp_flush makes.
 *
 *   kcp_send -> queue -> flight -> kcp_flush -> datagrams      [una, next) are in flight
 *   kcp_recv <- whole messages <- arrived <- kcp_input <- datagrams
 *                                              [unread, expected) have arrived without a hole
 *
 * A segment is sent again when its time (rto) is over, or when several later ones were acknowledged
 * before it. What waits for its time says kcp_next, so nobody has to look every 10 ms:
 * acknowledgements wait up to `interval` for company, everything else is due at once.
 *
 * What a peer says is believed only as far as it can be true: acknowledgements of what was sent,
 * times that were sent, numbers within the window, fragments that fit together.
 *
 * Time:      ms, wraps; differences are what counts.
 * Threads:   none of its own; its owner's.
 * Ownership: all is the connection's; data is copied in and out.
 * Limits:    struct kcp_settings. The rings grow to a window as it is used.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ds/list.h"

#define KCP_NEVER UINT32_MAX
#define KCP_MTU_MIN 100u
#define KCP_MTU_MAX 9000u
#define KCP_SEGMENT_MAX 1500u /* bytes of a segment that are taken whatever our mtu is */
#define KCP_WINDOW_MAX 4096u
#define KCP_FRAGMENTS_MAX 127u /* of a message that we send; a window of 128 is the usual one */
#define KCP_RTO_MAX 5000u
#define KCP_NONE SIZE_MAX

struct kcp_settings {
	uint32_t mtu;	      /* bytes of a datagram, without the headers of UDP and IP */
	uint32_t send_window; /* segments in flight at most */
	uint32_t recv_window; /* segments that are kept for us at most */
	uint32_t interval;    /* ms that an acknowledgement may wait for company */
	uint32_t resend;      /* acknowledged later ones after which one is sent again; 0: never */
	uint32_t redundancy;  /* datagrams with later data that a small segment goes along with */
	uint32_t min_rto;     /* ms */
	uint32_t dead_link;   /* times that a segment is sent, then the link is dead */
	uint32_t queue_max;   /* bytes of memory for what is to be sent or acknowledged */
	uint32_t message_max; /* bytes of a message, in both directions */
	bool nodelay;	 /* the time for an answer grows by half each time, not to the double */
	bool congestion; /* losses make the window small, as with TCP */
	bool stream;	 /* what is sent has no boundaries: small pieces share segments */
};

enum kcp_state {
	KCP_OPEN,
	KCP_DEAD,   /* a segment was sent `dead_link` times in vain */
	KCP_BROKEN, /* the peer breaks the rules, `why` says which */
};

enum kcp_sent { KCP_SENT, KCP_FULL, KCP_TOO_LARGE };

struct kcp_segment {
	struct kcp_segment *next; /* in the queue */
	uint32_t first, last;	  /* when it was sent */
	uint32_t due, rto;
	uint32_t skipped; /* datagrams with acknowledgements of later ones */
	uint32_t sent;	  /* times */
	uint32_t along;	  /* times that it went along with later ones */
	uint16_t size, room;
	uint8_t frg;
	uint8_t bytes[];
};

struct kcp_ack {
	uint32_t sn, ts;
};

struct kcp_stats {
	uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out; /* with headers of KCP */
	uint64_t segments_in, segments_out;			   /* of data */
	uint64_t late, early; /* sent again: after their time, and before it, */
	uint64_t along;	      /* or along with later ones */
	uint64_t twice;	      /* segments that came once more */
	uint64_t outside;     /* segments beyond the window */
	uint64_t rejected;    /* datagrams that cannot be right */
};

struct kcp {
	struct kcp_settings set;
	uint32_t conv;
	uint32_t ts_base; /* our clock on the wire is this much ahead */
	enum kcp_state state;
	const char *why;

	LIST_OF(struct kcp_segment) queue;
	struct kcp_segment *newest; /* of the queue, if that is not empty */
	uint32_t queued;	    /* segments */
	size_t out_bytes;	    /* memory of queue and flight */
	struct kcp_segment **flight;
	uint32_t flight_size, una, next;
	uint32_t resend_at; /* if `timed`: when the first of them is sent again, */
	bool timed, look;   /* unless something has happened that calls for a look at all */
	bool held;	    /* some are beyond the peer's window */
	uint32_t peer_window;
	uint32_t cwnd, ssthresh, credit, recover;
	uint32_t srtt, rttvar, rto;
	bool proven; /* the peer has repeated a time of ours */
	bool shy;    /* until then only little is sent: one segment, which is small */
	bool probing, recovering;
	uint32_t probe_at, probe_wait;

	struct kcp_segment **arrived;
	uint32_t arrived_size, unread, expected;
	size_t in_bytes;    /* memory */
	uint32_t messages;  /* whole ones */
	uint32_t part_left; /* fragments that the last one lacks, */
	size_t part_bytes;  /* and what is there of it */
	struct kcp_ack *acks;
	uint32_t ack_count, ack_room, ack_at;
	uint32_t told; /* the window that was last sent */
	bool ask, tell;

	struct kcp_stats stats;
};

/* What carries a datagram away; it does not change the connection. */
typedef void kcp_output(void *ud, const uint8_t *p, size_t n);

/* Quick settings for games: nodelay, resend after 2, no congestion control, 128 segments each
 * way. */
void kcp_settings_default(struct kcp_settings *ret);
/* NULL, or which setting is out of its range, with that range. */
const char *kcp_settings_check(const struct kcp_settings *s);

/* ts_base: a number that nobody guesses, so that `proven` proves something. */
void kcp_init(struct kcp *k, uint32_t conv, uint32_t ts_base, const struct kcp_settings *s);
void kcp_fini(struct kcp *k);
/* Other settings, checked, on the way. What was cut into segments stays as it is. */
void kcp_set(struct kcp *k, const struct kcp_settings *s);

/* Appends a message (in a stream: bytes). FULL: more than queue_max would wait; TOO_LARGE: more
 * than message_max, or than KCP_FRAGMENTS_MAX fragments. Nothing is sent before kcp_flush. */
enum kcp_sent kcp_send(struct kcp *k, const void *p, size_t n);
/* Asks the peer for a sign of life at the next flush. */
void kcp_ask(struct kcp *k);
/* Nothing waits to be sent or acknowledged. */
bool kcp_is_idle(const struct kcp *k);

/* A datagram. false: it cannot be of this connection, and nothing is changed by it. */
bool kcp_input(struct kcp *k, const uint8_t *p, size_t n, uint32_t now);
/* The bytes of the next whole message, KCP_NONE: there is none yet. */
size_t kcp_peek(const struct kcp *k);
/* Copies the next message, which stays. */
void kcp_copy(const struct kcp *k, uint8_t *ret);
/* Takes the next message out, of which kcp_peek has said the size; ret NULL: throws it away. */
void kcp_recv(struct kcp *k, uint8_t *ret);

/* ms until kcp_flush has something to do, 0: it has, KCP_NEVER: as long as nothing happens. */
uint32_t kcp_next(const struct kcp *k, uint32_t now);
/* Makes datagrams of all that is due. Afterwards the state may be KCP_DEAD. */
void kcp_flush(struct kcp *k, uint32_t now, kcp_output *f, void *ud);

/* ---- between the files of the connection ---- */

/* Whether a is before b. */
static inline bool kcp_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Makes room for so many segments [from, from + places) in a ring, where each has its place by its
 * number. */
void kcp_ring_grow(struct kcp_segment ***ring, uint32_t *size, uint32_t places, uint32_t from);

/* Segments that we would take now. */
static inline uint32_t kcp_window(const struct kcp *k)
{
	uint32_t used = k->expected - k->unread;

	return used < k->set.recv_window ? k->set.recv_window - used : 0;
}
