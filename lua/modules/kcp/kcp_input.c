/* SPDX-License-Identifier: MIT */
/* The half of a connection that receives: what comes from outside is looked at here. */
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "lua/modules/kcp/kcp.h"
#include "lua/modules/kcp/kcp_wire.h"

/* What one datagram has acknowledged. */
struct acked {
	uint32_t segments;
	bool any;      /* a segment by its number */
	uint32_t sn;   /* the greatest of these numbers, */
	uint32_t time; /* and when that one was sent */
};

static bool is_sent(const struct kcp *k, uint32_t sn)
{
	return kcp_before(sn, k->next);
}

static bool segment_is_right(const struct kcp *k, const struct kcp_head *h)
{
	uint32_t most = k->set.mtu - KCP_HEADER;

	if (h->conv != k->conv || kcp_before(k->next, h->una))
		return false;
	switch (h->cmd) {
	case KCP_PUSH:
		return h->size <= (most > KCP_SEGMENT_MAX ? most : KCP_SEGMENT_MAX);
	case KCP_ACK:
		return h->size == 0 && is_sent(k, h->sn);
	case KCP_ASK:
	case KCP_TELL:
		return h->size == 0;
	default:
		return false;
	}
}

/* All segments, before any of them has an effect. */
static bool datagram_is_right(const struct kcp *k, const uint8_t *p, size_t n)
{
	struct kcp_head h;
	size_t at = 0;

	for (; at < n; at += KCP_HEADER + h.size)
		if (!kcp_head_get(p + at, n - at, &h) || !segment_is_right(k, &h))
			return false;
	return n > 0;
}

/* ---- acknowledgements ---- */

static struct kcp_segment **flight_at(struct kcp *k, uint32_t sn)
{
	return &k->flight[sn & (k->flight_size - 1)];
}

static void land(struct kcp *k, uint32_t sn, struct acked *a)
{
	struct kcp_segment *s = steal(*flight_at(k, sn));

	k->out_bytes -= sizeof(*s) + s->size;
	a->segments++;
	mem_free(s);
}

static void skip_landed(struct kcp *k)
{
	while (k->una != k->next && !*flight_at(k, k->una))
		k->una++;
}

/* All before `una` have arrived. An older word than we have heard says nothing, nor does its
 * window. */
static void hear_una(struct kcp *k, const struct kcp_head *h, struct acked *a)
{
	if (kcp_before(h->una, k->una))
		return;
	if (k->held && (h->wnd > k->peer_window || h->una != k->una))
		k->look = true;
	k->peer_window = h->wnd;
	for (; k->una != h->una; k->una++)
		if (*flight_at(k, k->una))
			land(k, k->una, a);
	skip_landed(k);
}

/* The way there and back took so long. */
static void measure(struct kcp *k, uint32_t rtt)
{
	uint32_t off = rtt > k->srtt ? rtt - k->srtt : k->srtt - rtt, slack;

	if (!k->proven) {
		k->srtt = rtt;
		k->rttvar = rtt / 2;
	} else {
		k->rttvar = (3 * k->rttvar + off) / 4;
		k->srtt = (7 * k->srtt + rtt) / 8;
	}
	k->proven = true;
	slack = 4 * k->rttvar > k->set.interval ? 4 * k->rttvar : k->set.interval;
	k->rto = k->srtt + slack;
	if (k->rto < k->set.min_rto)
		k->rto = k->set.min_rto;
	if (k->rto > KCP_RTO_MAX)
		k->rto = KCP_RTO_MAX;
}

/* The segment sn has arrived. A time at which it was not sent is no measure. */
static void hear_ack(struct kcp *k, const struct kcp_head *h, uint32_t now, struct acked *a)
{
	uint32_t sent = h->ts - k->ts_base;
	struct kcp_segment *s;

	if (kcp_before(h->sn, k->una))
		return;
	s = *flight_at(k, h->sn);
	if (!s)
		return;
	if (!kcp_before(sent, s->first) && !kcp_before(s->last, sent)) {
		measure(k, now - sent);
		if (!a->any || kcp_before(a->sn, h->sn)) {
			a->any = true;
			a->sn = h->sn;
			a->time = sent;
		}
	}
	land(k, h->sn, a);
	skip_landed(k);
}

/* Segments before an acknowledged one that were sent no later than it are probably lost. */
static void count_skipped(struct kcp *k, const struct acked *a)
{
	if (!a->any || !k->set.resend)
		return;
	for (uint32_t sn = k->una; kcp_before(sn, a->sn); sn++) {
		struct kcp_segment *s = *flight_at(k, sn);

		if (s && !kcp_before(a->time, s->last) && ++s->skipped == k->set.resend)
			k->look = true;
	}
}

static void grow(struct kcp *k, uint32_t landed)
{
	for (; landed && k->cwnd < k->set.send_window; landed--) {
		if (k->cwnd < k->ssthresh) {
			k->cwnd++;
		} else if (++k->credit >= k->cwnd) {
			k->credit = 0;
			k->cwnd++;
		}
	}
}

/* ---- data ---- */

static struct kcp_segment **arrived_at(struct kcp *k, uint32_t sn)
{
	return &k->arrived[sn & (k->arrived_size - 1)];
}

/* To be acknowledged; one more than a full list is forgotten, the peer will send it again. */
static void owe_ack(struct kcp *k, const struct kcp_head *h, uint32_t now)
{
	if (k->ack_count >= 2 * k->set.recv_window)
		return;
	if (k->ack_count == k->ack_room) {
		k->ack_room = k->ack_room ? k->ack_room * 2 : 16;
		k->acks = mem_realloc(k->acks, k->ack_room * sizeof(*k->acks));
	}
	if (!k->ack_count)
		k->ack_at = now + k->set.interval;
	k->acks[k->ack_count++] = (struct kcp_ack){ h->sn, h->ts };
}

static void broken(struct kcp *k, const char *why)
{
	k->state = KCP_BROKEN;
	k->why = why;
}

/* The next segment without a hole before it: whether it goes on with the message. */
static bool joins(struct kcp *k, const struct kcp_segment *s)
{
	if (k->part_left && s->frg != k->part_left - 1)
		broken(k, "the fragments of a message do not follow each other");
	else if (s->frg >= k->set.recv_window)
		broken(k, "a message has more fragments than the window has places");
	else if (k->part_bytes + s->size > k->set.message_max)
		broken(k, "a message is larger than message_max");
	if (k->state != KCP_OPEN)
		return false;
	k->part_left = s->frg;
	k->part_bytes = s->frg ? k->part_bytes + s->size : 0;
	k->messages += s->frg == 0;
	return true;
}

static void hear_push(struct kcp *k, const struct kcp_head *h, const uint8_t *data, uint32_t now)
{
	struct kcp_segment *s, **place;

	k->stats.segments_in++;
	if (kcp_before(h->sn, k->expected)) {
		/* `una` says that it has come, in any acknowledgement */
		if (!k->ack_count)
			owe_ack(k, h, now);
		k->stats.twice++;
		return;
	}
	if (h->sn - k->unread >= k->set.recv_window) {
		k->stats.outside++;
		return;
	}
	owe_ack(k, h, now);
	kcp_ring_grow(&k->arrived, &k->arrived_size, h->sn - k->unread + 1, k->unread);
	place = arrived_at(k, h->sn);
	if (*place) {
		k->stats.twice++;
		return;
	}
	s = mem_alloc(sizeof(*s) + h->size);
	*s = (struct kcp_segment){ .size = (uint16_t)h->size, .frg = h->frg };
	memcpy(s->bytes, data, h->size);
	*place = s;
	k->in_bytes += sizeof(*s) + s->size;
	/* a hole: the peer should know it soon */
	if (h->sn != k->expected)
		k->ack_at = now;
	while (k->expected - k->unread < k->arrived_size && (s = *arrived_at(k, k->expected)) &&
	       joins(k, s))
		k->expected++;
}

static void hear(struct kcp *k, const struct kcp_head *h, const uint8_t *data, uint32_t now,
		 struct acked *a)
{
	hear_una(k, h, a);
	if (h->cmd == KCP_PUSH)
		hear_push(k, h, data, now);
	else if (h->cmd == KCP_ASK)
		k->tell = true;
}

bool kcp_input(struct kcp *k, const uint8_t *p, size_t n, uint32_t now)
{
	struct acked a = { .segments = 0 };
	struct kcp_head h;

	if (!datagram_is_right(k, p, n)) {
		k->stats.rejected++;
		return false;
	}
	k->stats.datagrams_in++;
	k->stats.bytes_in += n;
	/* the acknowledgements first: each of them measures the time, and `una` of the first would
	 * take the segments of the others away */
	for (size_t at = 0; kcp_head_get(p + at, n - at, &h); at += KCP_HEADER + h.size)
		if (h.cmd == KCP_ACK)
			hear_ack(k, &h, now, &a);
	for (size_t at = 0; kcp_head_get(p + at, n - at, &h) && k->state == KCP_OPEN;
	     at += KCP_HEADER + h.size)
		hear(k, &h, p + at + KCP_HEADER, now, &a);
	count_skipped(k, &a);
	grow(k, a.segments);
	return true;
}

/* ---- messages ---- */

size_t kcp_peek(const struct kcp *k)
{
	const struct kcp_segment *s;
	size_t n = 0;

	if (!k->messages)
		return KCP_NONE;
	for (uint32_t sn = k->unread;; sn++) {
		s = k->arrived[sn & (k->arrived_size - 1)];
		n += s->size;
		if (s->frg == 0)
			return n;
	}
}

/* The window has become so much larger than the peer knows that it should hear of it. */
static bool has_news(const struct kcp *k)
{
	uint32_t now = kcp_window(k);

	return now && (!k->told || (k->told < k->set.recv_window / 4 && now >= k->told * 2));
}

void kcp_copy(const struct kcp *k, uint8_t *ret)
{
	const struct kcp_segment *s;
	uint32_t sn = k->unread;

	must(k->messages > 0);
	do {
		s = k->arrived[sn++ & (k->arrived_size - 1)];
		memcpy(ret, s->bytes, s->size);
		ret += s->size;
	} while (s->frg != 0);
}

void kcp_recv(struct kcp *k, uint8_t *ret)
{
	bool more = true;

	if (ret)
		kcp_copy(k, ret);
	must(k->messages > 0);
	while (more) {
		struct kcp_segment *s = steal(*arrived_at(k, k->unread));

		more = s->frg != 0;
		k->in_bytes -= sizeof(*s) + s->size;
		k->unread++;
		mem_free(s);
	}
	k->messages--;
	if (has_news(k))
		k->tell = true;
}
