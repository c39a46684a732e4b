/* SPDX-License-Identifier: MIT */
/* A KCP connection that hears what the fuzzer says: datagrams of segments that are nearly right,
 * and raw bytes. Between them it sends, takes messages and lets time pass. It stays within its
 * bounds, sends nothing larger than its mtu, and the bytes that it takes are those that came. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/kcp/kcp.h"
#include "lua/modules/kcp/kcp_wire.h"
#include "tests/fuzz/harbor_input.h"

#define CONV 7u
#define SEGMENTS_MAX 40u /* of a datagram that is made here */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void sent(void *ud, const uint8_t *p, size_t n)
{
	const struct kcp *k = ud;
	struct kcp_head h;

	INPUT_CHECK(n >= KCP_HEADER && n <= k->set.mtu);
	for (size_t at = 0; at < n; at += KCP_HEADER + h.size) {
		INPUT_CHECK(kcp_head_get(p + at, n - at, &h));
		INPUT_CHECK(h.conv == CONV && h.cmd >= KCP_PUSH && h.cmd <= KCP_TELL);
		INPUT_CHECK(h.wnd <= k->set.recv_window);
	}
}

/* A byte that is near to a number, or far. */
static uint32_t near(struct input *in, uint32_t to)
{
	uint8_t b = input_byte(in);

	return b == 255 ? (uint32_t)input_number(in) : to + (uint32_t)(int8_t)b;
}

/* A segment's byte is its number, so that what is taken can be checked. */
static size_t add_segment(struct input *in, const struct kcp *k, uint8_t *to)
{
	uint8_t kind = input_byte(in);
	struct kcp_head h = { .conv = CONV, .cmd = (uint8_t)(KCP_PUSH + (kind & 3)) };

	h.frg = kind & 4 ? input_byte(in) : (uint8_t)(kind >> 6);
	h.wnd = kind & 8 ? input_byte(in) : 128;
	h.una = kind & 16 ? near(in, k->una) : k->una;
	h.sn = near(in, h.cmd == KCP_ACK ? k->una : k->expected);
	h.ts = near(in, k->ts_base);
	h.size = h.cmd == KCP_PUSH ? input_byte(in) * (kind & 32 ? 6u : 1u) : 0;
	kcp_head_put(to, &h);
	memset(to + KCP_HEADER, (uint8_t)h.sn, h.size);
	return KCP_HEADER + h.size;
}

static void hear_made(struct input *in, struct kcp *k, uint32_t now)
{
	static uint8_t bytes[SEGMENTS_MAX * (KCP_HEADER + 255 * 6)];
	unsigned count = input_byte(in) % SEGMENTS_MAX;
	size_t n = 0;

	for (unsigned i = 0; i < count && in->n; i++)
		n += add_segment(in, k, bytes + n);
	kcp_input(k, bytes, n, now);
}

static void hear_raw(struct input *in, struct kcp *k, uint32_t now)
{
	size_t n = input_byte(in);

	if (n > in->n)
		n = in->n;
	kcp_input(k, in->p, n, now);
	in->p += n;
	in->n -= n;
}

static void send_some(struct input *in, struct kcp *k)
{
	static const uint8_t zeros[70000];

	kcp_send(k, zeros, input_byte(in) * (input_byte(in) & 1 ? 256u : 1u));
}

static void take(struct kcp *k, bool raw)
{
	static uint8_t got[1 << 18];
	size_t n = kcp_peek(k);

	if (n == KCP_NONE)
		return;
	INPUT_CHECK(n <= k->set.message_max);
	uint8_t first = (uint8_t)k->unread;
	kcp_recv(k, got);
	for (size_t i = 0; i < n && !raw; i++)
		INPUT_CHECK((uint8_t)(got[i] - first) < (uint8_t)(k->unread - first) ||
			    k->unread - first >= 256u);
}

static void check_bounds(const struct kcp *k)
{
	INPUT_CHECK(k->out_bytes <= k->set.queue_max);
	INPUT_CHECK(k->next - k->una <= k->set.send_window);
	INPUT_CHECK(k->expected - k->unread <= k->set.recv_window);
	INPUT_CHECK(k->in_bytes <=
		    k->set.recv_window * (KCP_SEGMENT_MAX + sizeof(struct kcp_segment)));
	INPUT_CHECK(k->ack_count <= 2 * k->set.recv_window);
	INPUT_CHECK(k->rto >= k->set.min_rto && k->rto <= KCP_RTO_MAX);
}

static void settings(struct input *in, struct kcp_settings *s)
{
	uint8_t b = input_byte(in);

	kcp_settings_default(s);
	s->stream = b & 1;
	s->nodelay = b & 2;
	s->congestion = b & 4;
	s->mtu = b & 8 ? 120 : 1400;
	s->send_window = b & 16 ? 3 : 128;
	s->recv_window = b & 32 ? 5 : 128;
	s->redundancy = b >> 6;
	s->message_max = 10000;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	struct kcp_settings s;
	struct kcp k;
	uint32_t now = 1000;
	bool raw = false;

	settings(&in, &s);
	kcp_init(&k, CONV, 0, &s);
	k.unread = k.expected = k.una = k.next = near(&in, 0);
	while (in.n) {
		uint8_t what = input_byte(&in);

		raw = raw || (what & 7) == 1;
		if ((what & 7) == 0)
			hear_made(&in, &k, now);
		else if ((what & 7) == 1)
			hear_raw(&in, &k, now);
		else if ((what & 7) == 2)
			send_some(&in, &k);
		else if ((what & 7) == 3)
			take(&k, raw);
		else if ((what & 7) == 4)
			now += input_byte(&in) * 16u;
		kcp_flush(&k, now, sent, &k);
		INPUT_CHECK(kcp_next(&k, now) > 0);
		check_bounds(&k);
	}
	kcp_fini(&k);
	return 0;
}
