/* SPDX-License-Identifier: MIT */
/* Settings, and the half of a connection that sends. */
#include "lua/modules/kcp/kcp.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "lua/modules/kcp/kcp_wire.h"

#define RING_FIRST 8u /* places of a ring before there is more; a power of two */
#define RTO_START 200u
#define SSTHRESH_MIN 2u
#define CWND_START 4u
#define ACKS_AT_ONCE 32u /* so many do not wait for company */
#define EARLY_MAX 5u	 /* times that a segment is sent before its time */
#define PROBE_FIRST 500u
#define PROBE_MAX 15000u
#define PEER_WINDOW 128u /* before the peer has said what it is */
#define SHY_MAX 16u	 /* bytes of the first segment to a peer who has proved nothing */

void kcp_settings_default(struct kcp_settings *ret)
{
	*ret = (struct kcp_settings){ .mtu = 1400,
				      .send_window = 128,
				      .recv_window = 128,
				      .interval = 10,
				      .resend = 2,
				      .min_rto = 30,
				      .dead_link = 20,
				      .queue_max = 1u << 20,
				      .message_max = 128u << 10,
				      .nodelay = true };
}

const char *kcp_settings_check(const struct kcp_settings *s)
{
	if (s->mtu < KCP_MTU_MIN || s->mtu > KCP_MTU_MAX)
		return "mtu must be 100 to 9000 bytes";
	if (s->send_window < 1 || s->send_window > KCP_WINDOW_MAX)
		return "send_window must be 1 to 4096 segments";
	if (s->recv_window < 1 || s->recv_window > KCP_WINDOW_MAX)
		return "recv_window must be 1 to 4096 segments";
	if (s->interval > 5000)
		return "interval must be 0 to 5000 ms";
	if (s->resend > 1000)
		return "resend must be 0 to 1000";
	if (s->redundancy > 10)
		return "redundancy must be 0 to 10";
	if (s->min_rto < 10 || s->min_rto > KCP_RTO_MAX)
		return "min_rto must be 10 to 5000 ms";
	if (s->dead_link < 2 || s->dead_link > 1000)
		return "dead_link must be 2 to 1000";
	if (s->queue_max < 4096 || s->queue_max > 1u << 30)
		return "queue_max must be 4096 to 1073741824 bytes";
	if (s->message_max < 1 || s->message_max > 1u << 26)
		return "message_max must be 1 to 67108864 bytes";
	return NULL;
}

static uint32_t ring_size(uint32_t window)
{
	uint32_t n = 1;

	while (n < window)
		n *= 2;
	return n;
}

void kcp_ring_grow(struct kcp_segment ***ring, uint32_t *size, uint32_t places, uint32_t from)
{
	uint32_t old = *size, n = ring_size(places);
	struct kcp_segment **before = *ring;

	if (n <= old)
		return;
	*ring = mem_zalloc(n * sizeof(**ring));
	*size = n;
	for (uint32_t sn = from; sn != from + old; sn++)
		(*ring)[sn & (n - 1)] = before[sn & (old - 1)];
	mem_free(before);
}

void kcp_init(struct kcp *k, uint32_t conv, uint32_t ts_base, const struct kcp_settings *s)
{
	must(kcp_settings_check(s) == NULL);
	*k = (struct kcp){ .set = *s,
			   .conv = conv,
			   .ts_base = ts_base,
			   .peer_window = PEER_WINDOW,
			   .cwnd = CWND_START,
			   .ssthresh = KCP_WINDOW_MAX,
			   .rto = RTO_START,
			   .told = s->recv_window };
	kcp_ring_grow(&k->flight, &k->flight_size, RING_FIRST, 0);
	kcp_ring_grow(&k->arrived, &k->arrived_size, RING_FIRST, 0);
}

static void ring_free(struct kcp_segment **ring, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		mem_free(ring[i]);
	mem_free(ring);
}

void kcp_fini(struct kcp *k)
{
	struct kcp_segment *s;

	ring_free(k->flight, k->flight_size);
	ring_free(k->arrived, k->arrived_size);
	while ((s = list_take(&k->queue, next)))
		mem_free(s);
	mem_free(k->acks);
	memset(k, 0, sizeof(*k));
}

void kcp_set(struct kcp *k, const struct kcp_settings *s)
{
	must(kcp_settings_check(s) == NULL);
	k->set = *s;
}

/* ---- the queue ---- */

static size_t segment_room(const struct kcp *k)
{
	return k->set.mtu - KCP_HEADER;
}

/* The first segment of all goes to a peer who has proved nothing. */
static bool begins_shyly(const struct kcp *k)
{
	return k->shy && !k->proven && !k->next && !k->queue.first;
}

static void append(struct kcp *k, const uint8_t *p, size_t n, uint8_t frg)
{
	size_t room = k->set.stream && !begins_shyly(k) ? segment_room(k) : n;
	struct kcp_segment *s = mem_alloc(sizeof(*s) + room);

	*s = (struct kcp_segment){ .size = (uint16_t)n, .room = (uint16_t)room, .frg = frg };
	memcpy(s->bytes, p, n);
	list_append(&k->queue, s, next);
	k->newest = s;
	k->queued++;
	k->out_bytes += sizeof(*s) + n;
}

/* Bytes of a stream that fit into the segment that waits last. */
static size_t fill_newest(struct kcp *k, const uint8_t *p, size_t n)
{
	size_t more;

	if (!k->queue.first)
		return 0;
	more = (size_t)(k->newest->room - k->newest->size);
	if (more > n)
		more = n;
	memcpy(k->newest->bytes + k->newest->size, p, more);
	k->newest->size = (uint16_t)(k->newest->size + more);
	k->out_bytes += more;
	return more;
}

enum kcp_sent kcp_send(struct kcp *k, const void *data, size_t n)
{
	const uint8_t *p = data ? data : (const uint8_t *)"";
	size_t room = segment_room(k), first = begins_shyly(k) && n > SHY_MAX ? SHY_MAX : 0;
	size_t count = n ? (n - first + room - 1) / room + (first > 0) : 1, filled = 0, part;

	if (n > k->set.message_max || (!k->set.stream && count > KCP_FRAGMENTS_MAX))
		return KCP_TOO_LARGE;
	if (k->out_bytes + n + count * sizeof(struct kcp_segment) > k->set.queue_max)
		return KCP_FULL;
	if (n == 0 && !k->set.stream)
		append(k, p, 0, 0);
	if (k->set.stream)
		filled = fill_newest(k, p, n);
	for (size_t at = filled; at < n; at += part) {
		part = at == 0 && first ? first : n - at < room ? n - at : room;
		append(k, p + at, part, k->set.stream ? 0 : (uint8_t)--count);
	}
	return KCP_SENT;
}

void kcp_ask(struct kcp *k)
{
	k->ask = true;
}

bool kcp_is_idle(const struct kcp *k)
{
	return !k->queue.first && k->una == k->next;
}

/* ---- datagrams ---- */

struct writer {
	struct kcp *k;
	kcp_output *f;
	void *ud;
	size_t n;
	uint8_t bytes[KCP_MTU_MAX];
};

static void writer_end(struct writer *w)
{
	if (!w->n)
		return;
	w->k->stats.datagrams_out++;
	w->k->stats.bytes_out += w->n;
	w->k->told = kcp_window(w->k);
	w->f(w->ud, w->bytes, w->n);
	w->n = 0;
}

/* Adds a segment; one that is larger than the mtu, which was larger once, goes alone. */
static void writer_add(struct writer *w, const struct kcp_head *h, const uint8_t *data)
{
	if (w->n && w->n + KCP_HEADER + h->size > w->k->set.mtu)
		writer_end(w);
	kcp_head_put(w->bytes + w->n, h);
	memcpy(w->bytes + w->n + KCP_HEADER, data, h->size);
	w->n += KCP_HEADER + h->size;
}

static struct kcp_head head_of(const struct kcp *k, uint8_t cmd)
{
	return (struct kcp_head){
		.conv = k->conv, .cmd = cmd, .wnd = (uint16_t)kcp_window(k), .una = k->expected
	};
}

static void write_acks(struct kcp *k, struct writer *w)
{
	struct kcp_head h = head_of(k, KCP_ACK);

	for (uint32_t i = 0; i < k->ack_count; i++) {
		h.sn = k->acks[i].sn;
		h.ts = k->acks[i].ts;
		writer_add(w, &h, w->bytes);
	}
	k->ack_count = 0;
}

/* Whether the peer is to be asked for its window, which is closed. */
static void probe(struct kcp *k, uint32_t now)
{
	if (k->peer_window || kcp_is_idle(k)) {
		k->probing = false;
	} else if (!k->probing) {
		k->probing = true;
		k->probe_wait = PROBE_FIRST;
		k->probe_at = now + k->probe_wait;
	} else if (!kcp_before(now, k->probe_at)) {
		k->ask = true;
		k->probe_wait += k->probe_wait / 2;
		if (k->probe_wait > PROBE_MAX)
			k->probe_wait = PROBE_MAX;
		k->probe_at = now + k->probe_wait;
	}
}

static void write_window(struct kcp *k, struct writer *w, uint32_t now)
{
	for (unsigned i = 0; i < 2; i++) {
		struct kcp_head h = head_of(k, i ? KCP_TELL : KCP_ASK);
		bool *wanted = i ? &k->tell : &k->ask;

		h.ts = now + k->ts_base;
		if (*wanted)
			writer_add(w, &h, w->bytes);
		*wanted = false;
	}
}

/* ---- segments in flight ---- */

/* Segments that may be added to those in flight. */
static uint32_t room_in_flight(const struct kcp *k)
{
	uint32_t limit = k->set.send_window, used = k->next - k->una;

	if (k->peer_window < limit)
		limit = k->peer_window;
	if (k->set.congestion && k->cwnd < limit)
		limit = k->cwnd;
	if (k->shy && !k->proven && limit > 1)
		limit = 1;
	return used < limit ? limit - used : 0;
}

static void launch(struct kcp *k, uint32_t now)
{
	for (uint32_t room = room_in_flight(k); room && k->queue.first; room--) {
		struct kcp_segment *s = list_take(&k->queue, next);

		k->queued--;
		s->rto = k->rto;
		s->due = now;
		kcp_ring_grow(&k->flight, &k->flight_size, k->next - k->una + 1, k->una);
		k->flight[k->next & (k->flight_size - 1)] = s;
		k->next++;
	}
}

/* Losses: at most one cut for all that was in flight at the time of the first. */
static void shrink(struct kcp *k, bool late, bool early)
{
	uint32_t half = (late ? k->cwnd : k->next - k->una) / 2;

	if (!k->set.congestion || !(late || early))
		return;
	if (k->recovering && kcp_before(k->una, k->recover))
		return;
	k->recovering = true;
	k->recover = k->next;
	k->ssthresh = half < SSTHRESH_MIN ? SSTHRESH_MIN : half;
	if (late)
		k->cwnd = 1;
	else if (k->ssthresh + k->set.resend < k->cwnd)
		k->cwnd = k->ssthresh + k->set.resend;
	k->credit = 0;
}

static bool skipped_enough(const struct kcp *k, const struct kcp_segment *s)
{
	return k->set.resend && s->skipped >= k->set.resend && s->sent <= EARLY_MAX;
}

/* Sends one segment if it is due. Returns whether it did; *late and *early say that it was not the
 * first time. */
static bool try_send(struct kcp *k, struct kcp_segment *s, uint32_t now, bool *late, bool *early)
{
	if (!s->sent) {
		s->first = now;
	} else if (!kcp_before(now, s->due)) {
		s->rto += k->set.nodelay ? s->rto / 2 : s->rto;
		if (s->rto > KCP_RTO_MAX)
			s->rto = KCP_RTO_MAX;
		k->stats.late++;
		*late = true;
	} else if (skipped_enough(k, s)) {
		k->stats.early++;
		*early = true;
	} else {
		return false;
	}
	s->sent++;
	s->skipped = 0;
	s->last = now;
	s->due = now + s->rto + (k->set.nodelay ? 0 : s->rto / 8);
	return true;
}

/* The peer takes no segment that far, it is sent again when the window opens. */
static bool is_held(const struct kcp *k, const struct kcp_segment *s, uint32_t sn)
{
	return s->sent && sn - k->una >= k->peer_window;
}

static void write_segment(struct kcp *k, struct writer *w, const struct kcp_segment *s, uint32_t sn)
{
	struct kcp_head h = head_of(k, KCP_PUSH);

	h.ts = s->last + k->ts_base;
	h.frg = s->frg;
	h.sn = sn;
	h.size = s->size;
	k->stats.segments_out++;
	writer_add(w, &h, s->bytes);
}

/* A segment in flight goes along with what is sent now for the first time, so that who misses it
 * need not ask: for a program that sends now and then, not for one that fills the window. */
static bool goes_along(const struct kcp *k, const struct kcp_segment *s, bool fresh)
{
	return fresh && s->sent && s->along < k->set.redundancy && s->size <= k->set.mtu / 8;
}

static bool try_along(struct kcp *k, struct kcp_segment *s, uint32_t now, bool fresh)
{
	if (!goes_along(k, s, fresh))
		return false;
	s->along++;
	s->last = now;
	k->stats.along++;
	return true;
}

/* before: the segments from there on are new. */
static void write_flight(struct kcp *k, struct writer *w, uint32_t now, uint32_t before)
{
	bool late = false, early = false;
	bool fresh = k->next != before && !k->queue.first;

	k->timed = k->look = k->held = false;
	for (uint32_t sn = k->una; sn != k->next; sn++) {
		struct kcp_segment *s = k->flight[sn & (k->flight_size - 1)];

		if (s && is_held(k, s, sn)) {
			k->held = true;
			continue;
		}
		if (s && s->sent >= k->set.dead_link && !kcp_before(now, s->due)) {
			k->state = KCP_DEAD;
			k->why = "the peer does not answer";
			return;
		}
		if (s && (try_send(k, s, now, &late, &early) || try_along(k, s, now, fresh)))
			write_segment(k, w, s, sn);
		if (s && (!k->timed || kcp_before(s->due, k->resend_at)))
			k->resend_at = s->due;
		k->timed = k->timed || s;
	}
	shrink(k, late, early);
}

void kcp_flush(struct kcp *k, uint32_t now, kcp_output *f, void *ud)
{
	struct writer w = { .k = k, .f = f, .ud = ud };
	uint32_t before = k->next;

	if (k->state != KCP_OPEN)
		return;
	write_acks(k, &w);
	probe(k, now);
	write_window(k, &w, now);
	launch(k, now);
	write_flight(k, &w, now, before);
	writer_end(&w);
}

static uint32_t until(uint32_t at, uint32_t now)
{
	return kcp_before(now, at) ? at - now : 0;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t kcp_next(const struct kcp *k, uint32_t now)
{
	uint32_t wait = KCP_NEVER;

	if (k->state != KCP_OPEN)
		return KCP_NEVER;
	if (k->tell || k->ask || k->look || k->ack_count >= ACKS_AT_ONCE)
		return 0;
	if (k->queue.first && room_in_flight(k))
		return 0;
	if (!k->peer_window && !k->probing && !kcp_is_idle(k))
		return 0;
	if (k->ack_count)
		wait = earlier(wait, until(k->ack_at, now));
	if (k->timed && k->una != k->next)
		wait = earlier(wait, until(k->resend_at, now));
	if (k->probing)
		wait = earlier(wait, until(k->probe_at, now));
	return wait;
}
