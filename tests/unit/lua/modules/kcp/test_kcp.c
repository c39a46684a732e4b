/* SPDX-License-Identifier: MIT */
/* Two ends over a network that loses, doubles, delays and reorders by a seed, in a time of its own:
 * what one sends the other gets, byte by byte and in order. Then what each field of the wire may
 * say, and how a connection ends. */
#include "lua/modules/kcp/kcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/random.h"
#include "lua/modules/kcp/kcp_wire.h"

#define UNDER_WAY_MAX 4096
#define CONV 0x11223344u
#define TIME_MAX 600000u /* ms that a transfer may take */

struct datagram {
	uint32_t at;
	unsigned to;
	size_t n;
	uint8_t bytes[KCP_MTU_MAX];
};

/* The network: chances in a thousand, delays in ms. */
struct net {
	uint64_t seed;
	unsigned lose, twice, delay, jitter;
	struct datagram *under_way[UNDER_WAY_MAX];
	unsigned count;
	uint64_t carried;
};

struct end {
	struct kcp k;
	struct net *net;
	unsigned self;
	uint64_t make;		   /* the seed of what is sent next, */
	uint64_t expect;	   /* and of what is received next */
	unsigned to_send, to_take; /* messages */
	size_t took;		   /* bytes, of a stream */
	uint32_t pause;		   /* takes nothing before that time */
};

static uint32_t Now;
static size_t Message = 5000; /* the largest that is made */

static unsigned chance(struct net *n, unsigned range)
{
	return range ? (unsigned)(random_next(&n->seed) >> 16) % range : 0;
}

static void put(struct net *n, unsigned to, const uint8_t *p, size_t size)
{
	struct datagram *d = malloc(sizeof(*d));

	assert_non_null(d);
	assert_true(n->count < UNDER_WAY_MAX);
	d->to = to;
	d->n = size;
	d->at = Now + n->delay + chance(n, n->jitter);
	memcpy(d->bytes, p, size);
	n->under_way[n->count++] = d;
}

static void carry(void *ud, const uint8_t *p, size_t size)
{
	struct end *e = ud;
	struct net *n = e->net;

	assert_true(size <= e->k.set.mtu);
	n->carried++;
	if (chance(n, 1000) < n->lose)
		return;
	put(n, !e->self, p, size);
	if (chance(n, 1000) < n->twice)
		put(n, !e->self, p, size);
}

static void deliver(struct net *n, struct end *ends)
{
	for (unsigned i = 0; i < n->count;) {
		struct datagram *d = n->under_way[i];

		if (kcp_before(Now, d->at)) {
			i++;
			continue;
		}
		assert_true(kcp_input(&ends[d->to].k, d->bytes, d->n, Now));
		free(d);
		n->under_way[i] = n->under_way[--n->count];
	}
}

static uint32_t next_arrival(const struct net *n)
{
	uint32_t wait = KCP_NEVER;

	for (unsigned i = 0; i < n->count; i++)
		if (n->under_way[i]->at - Now < wait)
			wait = n->under_way[i]->at - Now;
	return wait;
}

/* The size of the next message and a byte for each of its places come out of a seed. */
static size_t message(uint64_t *seed, uint8_t *ret)
{
	size_t n = (size_t)(random_next(seed) >> 20) % (Message + 1);

	if ((random_next(seed) & 7) != 0)
		n %= 200;
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)(random_next(seed) >> 11);
	return n;
}

static void produce(struct end *e)
{
	static uint8_t bytes[1 << 17];

	while (e->to_send) {
		uint64_t before = e->make;
		size_t n = message(&e->make, bytes);
		enum kcp_sent s = kcp_send(&e->k, bytes, n);

		if (s == KCP_FULL) {
			e->make = before;
			return;
		}
		assert_int_equal(s, KCP_SENT);
		e->to_send--;
	}
}

/* A stream has no boundaries: its bytes are compared with those that were sent. */
static void take_stream(struct end *e, const uint8_t *p, size_t n)
{
	static uint8_t whole[2][1 << 17];
	static size_t size[2], at[2];

	if (!e->took)
		size[e->self] = at[e->self] = 0;
	e->took += n;
	for (size_t i = 0; i < n; i++) {
		while (at[e->self] == size[e->self]) {
			assert_true(e->to_take > 0);
			e->to_take--;
			size[e->self] = message(&e->expect, whole[e->self]);
			at[e->self] = 0;
		}
		assert_int_equal(p[i], whole[e->self][at[e->self]++]);
	}
}

static void consume(struct end *e)
{
	static uint8_t got[1 << 17], expected[1 << 17];
	size_t n, m;

	if (kcp_before(Now, e->pause))
		return;
	while ((n = kcp_peek(&e->k)) != KCP_NONE) {
		assert_true(n <= sizeof(got));
		kcp_recv(&e->k, got);
		if (e->k.set.stream) {
			take_stream(e, got, n);
			continue;
		}
		assert_true(e->to_take > 0);
		m = message(&e->expect, expected);
		assert_int_equal(n, m);
		assert_memory_equal(got, expected, n);
		e->to_take--;
	}
}

static void check_bounds(const struct kcp *k)
{
	assert_true(k->out_bytes <= k->set.queue_max);
	assert_true(k->next - k->una <= k->flight_size);
	assert_true(k->expected - k->unread <= k->set.recv_window);
	assert_true(k->in_bytes <=
		    k->set.recv_window * (KCP_SEGMENT_MAX + sizeof(struct kcp_segment)));
	assert_true(k->ack_count <= 2 * k->set.recv_window);
	assert_int_equal(k->state, KCP_OPEN);
}

static void begin(struct net *n, struct end *ends, const struct kcp_settings *s, unsigned messages)
{
	uint64_t a = n->seed + 7, b = n->seed + 11;

	for (unsigned i = 0; i < 2; i++) {
		ends[i] = (struct end){ .net = n, .self = i, .pause = Now };
		kcp_init(&ends[i].k, CONV, (uint32_t)random_next(&n->seed), s);
		ends[i].make = i ? a : b;
		ends[i].expect = i ? b : a;
		ends[i].to_send = ends[i].to_take = messages;
	}
}

static void finish(struct net *n, struct end *ends)
{
	while (n->count)
		free(n->under_way[--n->count]);
	kcp_fini(&ends[0].k);
	kcp_fini(&ends[1].k);
}

static bool done(const struct end *ends)
{
	for (unsigned i = 0; i < 2; i++) {
		/* what is left of a stream are messages without bytes */
		bool taken = ends[i].k.set.stream ? ends[i].k.messages == 0 : !ends[i].to_take;

		if (ends[i].to_send || !taken || !kcp_is_idle(&ends[i].k))
			return false;
	}
	return true;
}

/* One round: what is due; then the time of the next event. */
static void step(struct net *n, struct end *ends)
{
	uint32_t wait = 1000, w;

	deliver(n, ends);
	for (unsigned i = 0; i < 2; i++) {
		consume(&ends[i]);
		produce(&ends[i]);
		if (kcp_next(&ends[i].k, Now) == 0)
			kcp_flush(&ends[i].k, Now, carry, &ends[i]);
		check_bounds(&ends[i].k);
		w = kcp_next(&ends[i].k, Now);
		assert_true(w > 0); /* a flush leaves nothing that is due */
		wait = w < wait ? w : wait;
		if (kcp_before(Now, ends[i].pause) && ends[i].pause - Now < wait)
			wait = ends[i].pause - Now;
	}
	w = next_arrival(n);
	Now += w < wait ? w : wait;
}

static void transfer(struct net *n, struct end *ends)
{
	uint32_t start = Now;

	while (!done(ends)) {
		step(n, ends);
		assert_true(Now - start < TIME_MAX);
	}
}

static void random_settings(struct net *n, struct kcp_settings *s)
{
	kcp_settings_default(s);
	s->mtu = KCP_MTU_MIN + chance(n, 1400);
	s->send_window = 1 + chance(n, 200);
	s->recv_window = 70 + chance(n, 200);
	s->interval = chance(n, 50);
	s->resend = chance(n, 4);
	s->redundancy = chance(n, 4);
	s->nodelay = chance(n, 2);
	s->congestion = chance(n, 2);
	s->stream = chance(n, 3) == 0;
	s->min_rto = 10 + chance(n, 100);
	s->dead_link = 1000;
	s->queue_max = 20000 + chance(n, 100000);
}

static void test_bad_networks(void **state)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct net n = { .seed = seed * 977 };
		struct kcp_settings s;
		struct end ends[2];

		Now = seed % 3 ? (uint32_t)seed * 1000 : UINT32_MAX - 500; /* the clock wraps */
		for (unsigned i = 0; i < 3; i++)
			random_next(&n.seed);
		n.lose = chance(&n, 400);
		n.twice = chance(&n, 300);
		n.delay = chance(&n, 100);
		n.jitter = chance(&n, 150);
		random_settings(&n, &s);
		begin(&n, ends, &s, 60);
		if (seed % 4 == 0) { /* the numbers wrap */
			for (unsigned i = 0; i < 2; i++) {
				ends[i].k.una = ends[i].k.next = UINT32_MAX - 20;
				ends[i].k.unread = ends[i].k.expected = UINT32_MAX - 20;
			}
		}
		ends[1].pause = Now + chance(&n, 3000);
		transfer(&n, ends);
		finish(&n, ends);
	}
}

/* Without losses nothing is sent twice. */
static void test_good_network(void **state)
{
	struct net n = { .seed = 5, .delay = 20 };
	struct kcp_settings s;
	struct end ends[2];

	Now = 1;
	kcp_settings_default(&s);
	begin(&n, ends, &s, 300);
	transfer(&n, ends);
	for (unsigned i = 0; i < 2; i++) {
		const struct kcp_stats *t = &ends[i].k.stats;

		assert_int_equal(t->late + t->early + t->twice + t->outside + t->rejected, 0);
		assert_true(ends[i].k.proven);
		assert_in_range(ends[i].k.srtt, 40, 60);
	}
	finish(&n, ends);
}

static int compare_ages(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* 60 messages a second, 20 ms each way, one datagram of twenty lost, ends that are looked at every
 * 10 ms: how old is the message that is later than 99 of 100? */
static uint32_t p99_of_a_stream(uint32_t redundancy)
{
	enum { COUNT = 20000 };
	static uint32_t ages[COUNT];
	struct net n = { .seed = 4, .lose = 50, .delay = 20 };
	struct kcp_settings s;
	struct end ends[2];
	uint32_t sent = 0, taken = 0, born;

	Now = 0;
	kcp_settings_default(&s);
	s.redundancy = redundancy;
	begin(&n, ends, &s, 0);
	for (; taken < COUNT; Now++) {
		deliver(&n, ends);
		if (sent < COUNT && Now >= sent * 1000 / 60) {
			assert_int_equal(kcp_send(&ends[0].k, &Now, sizeof(Now)), KCP_SENT);
			sent++;
			kcp_flush(&ends[0].k, Now, carry, &ends[0]);
		}
		while (kcp_peek(&ends[1].k) == sizeof(born)) {
			kcp_recv(&ends[1].k, (uint8_t *)&born);
			ages[taken++] = Now - born;
		}
		for (unsigned i = 0; Now % 10 == 0 && i < 2; i++)
			if (kcp_next(&ends[i].k, Now) == 0)
				kcp_flush(&ends[i].k, Now, carry, &ends[i]);
	}
	finish(&n, ends);
	qsort(ages, COUNT, sizeof(*ages), compare_ages);
	return ages[COUNT * 99 / 100];
}

static void test_latency(void **state)
{
	assert_in_range(p99_of_a_stream(0), 60, 110);
	assert_in_range(p99_of_a_stream(1), 21, 45);
}

/* Nobody takes: the window closes, what is sent waits, and the peer asks until it opens. */
static void test_closed_window(void **state)
{
	struct net n = { .seed = 9, .delay = 5 };
	struct kcp_settings s;
	struct end ends[2];
	uint64_t before;

	Now = 1;
	kcp_settings_default(&s);
	s.recv_window = 8;
	s.message_max = 3000;
	Message = 3000;
	begin(&n, ends, &s, 100);
	ends[1].pause = Now + 20000;
	while (Now < 10000)
		step(&n, ends);
	assert_int_equal(ends[0].k.peer_window, 0);
	assert_true(ends[0].k.probing && ends[0].k.held);
	before = n.carried;
	while (Now < 19000)
		step(&n, ends);
	assert_in_range(n.carried - before, 1, 20); /* seldom enough */
	transfer(&n, ends);
	finish(&n, ends);
	Message = 5000;
}

/* The news of an open window is lost, and everything else for a while. */
static void test_lost_window(void **state)
{
	struct net n = { .seed = 9, .delay = 5 };
	struct kcp_settings s;
	struct end ends[2];

	Now = 1;
	kcp_settings_default(&s);
	s.recv_window = 8;
	s.message_max = 3000;
	Message = 3000;
	begin(&n, ends, &s, 100);
	ends[1].pause = Now + 2000;
	while (Now < 1990)
		step(&n, ends);
	n.lose = 1000;
	while (Now < 5000)
		step(&n, ends);
	n.lose = 0;
	transfer(&n, ends);
	finish(&n, ends);
	Message = 5000;
}

/* ---- by hand ---- */

struct catch
{
	unsigned count;
	size_t n;
	uint8_t bytes[KCP_MTU_MAX];
};

static void caught(void *ud, const uint8_t *p, size_t n)
{
	struct catch *c = ud;

	c->count++;
	c->n = n;
	memcpy(c->bytes, p, n);
}

static void start(struct kcp *k)
{
	struct kcp_settings s;

	kcp_settings_default(&s);
	s.interval = 0;
	kcp_init(k, CONV, 1000, &s);
}

static void test_wire(void **state)
{
	static const uint8_t push[] = {
		0x44, 0x33, 0x22, 0x11, 81, 0, 128, 0, 0xf2, 3, 0, 0,	0,
		0,    0,    0,	  0,	0,  0, 0,   2, 0,    0, 0, 'h', 'i'
	};
	static const uint8_t ack[] = { 0x44, 0x33, 0x22, 0x11, 82, 0, 127, 0, 0xf2, 3, 0, 0,
				       0,    0,	   0,	 0,    1,  0, 0,   0, 0,    0, 0, 0 };
	struct catch c = { 0 };
	struct kcp a, b;
	uint8_t got[8];

	start(&a);
	start(&b);
	assert_int_equal(kcp_next(&a, 10), KCP_NEVER);
	assert_int_equal(kcp_send(&a, "hi", 2), KCP_SENT);
	assert_int_equal(kcp_next(&a, 10), 0);
	kcp_flush(&a, 10, caught, &c);
	assert_int_equal(c.n, sizeof(push));
	assert_memory_equal(c.bytes, push, sizeof(push));
	assert_true(kcp_input(&b, c.bytes, c.n, 15));
	assert_int_equal(kcp_next(&b, 15), 0);
	kcp_flush(&b, 15, caught, &c);
	assert_int_equal(c.n, sizeof(ack));
	assert_memory_equal(c.bytes, ack, sizeof(ack));
	assert_int_equal(kcp_peek(&b), 2);
	kcp_recv(&b, got);
	assert_memory_equal(got, "hi", 2);
	assert_int_equal(kcp_peek(&b), KCP_NONE);
	assert_false(kcp_is_idle(&a));
	assert_true(kcp_input(&a, c.bytes, c.n, 22));
	assert_true(kcp_is_idle(&a));
	assert_int_equal(a.srtt, 12);
	assert_int_equal(a.out_bytes, 0);
	assert_int_equal(b.in_bytes, 0);
	assert_int_equal(kcp_next(&a, 22), KCP_NEVER);
	kcp_fini(&a);
	kcp_fini(&b);
}

/* The bytes of a segment in buf; returns their number. */
static size_t segment(uint8_t *buf, struct kcp_head h)
{
	h.conv = CONV;
	kcp_head_put(buf, &h);
	memset(buf + KCP_HEADER, 'x', h.size);
	return KCP_HEADER + h.size;
}

static bool input(struct kcp *k, struct kcp_head h)
{
	uint8_t buf[KCP_HEADER + 9000];

	return kcp_input(k, buf, segment(buf, h), 50);
}

static void test_lies(void **state)
{
	struct catch c = { 0 };
	struct kcp k;
	uint8_t buf[4000];
	size_t n;

	start(&k);
	kcp_send(&k, "hi", 2);
	kcp_flush(&k, 10, caught, &c);
	/* what was never sent has not arrived */
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .sn = 1 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .una = 2 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_TELL, .una = 0x7fffffff }));
	assert_false(input(&k, (struct kcp_head){ .cmd = 80 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = 85 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .size = 1 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_ASK, .size = 1 }));
	assert_false(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .size = KCP_SEGMENT_MAX + 1 }));
	n = segment(buf, (struct kcp_head){ .cmd = KCP_PUSH, .size = 4 });
	assert_false(kcp_input(&k, buf, n - 1, 50));
	assert_false(kcp_input(&k, buf, 23, 50));
	assert_false(kcp_input(&k, buf, 0, 50));
	buf[0]++;
	assert_false(kcp_input(&k, buf, n, 50));
	buf[0]--;
	/* the first is right, the second is not: neither counts */
	assert_false(kcp_input(&k, buf, n + segment(buf + n, (struct kcp_head){ .cmd = 99 }), 50));
	assert_int_equal(kcp_peek(&k), KCP_NONE);
	assert_int_equal(k.stats.rejected, 13);
	assert_int_equal(k.ack_count, 0);
	assert_false(kcp_is_idle(&k));
	/* a time that was not sent is no measure and no proof */
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .ts = 1011 }));
	assert_true(kcp_is_idle(&k));
	assert_false(k.proven);
	kcp_fini(&k);
}

/* An older datagram that comes later does not turn back what was heard. */
static void test_old_words(void **state)
{
	struct catch c = { 0 };
	struct kcp k;

	start(&k);
	kcp_send(&k, "1", 1);
	kcp_send(&k, "2", 1);
	kcp_flush(&k, 10, caught, &c);
	assert_int_equal(c.count, 1); /* both in one datagram */
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_TELL, .una = 2, .wnd = 50 }));
	assert_int_equal(k.peer_window, 50);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_TELL, .una = 1, .wnd = 0 }));
	assert_int_equal(k.peer_window, 50);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .una = 0, .sn = 0, .wnd = 0 }));
	assert_int_equal(k.peer_window, 50);
	assert_int_equal(k.una, 2);
	kcp_fini(&k);
}

static void test_fragments(void **state)
{
	struct kcp k;
	uint8_t got[8];

	start(&k);
	/* 2 1 0 in any order, twice */
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 2, .frg = 0, .size = 1 }));
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 0, .frg = 2, .size = 2 }));
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 0, .frg = 2, .size = 2 }));
	assert_int_equal(kcp_peek(&k), KCP_NONE);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 1, .frg = 1, .size = 0 }));
	assert_int_equal(kcp_peek(&k), 3);
	kcp_recv(&k, got);
	assert_int_equal(k.stats.twice, 1);
	/* the window is 128 from what was taken */
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 3 + 128, .size = 1 }));
	assert_int_equal(k.stats.outside, 1);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 2 + 128, .size = 1 }));
	assert_int_equal(k.stats.outside, 1);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 3, .frg = 2, .size = 1 }));
	assert_int_equal(k.state, KCP_OPEN);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 4, .frg = 0, .size = 1 }));
	assert_int_equal(k.state, KCP_BROKEN);
	assert_int_equal(kcp_peek(&k), KCP_NONE);
	assert_int_equal(kcp_next(&k, 60), KCP_NEVER);
	kcp_fini(&k);
	start(&k);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .frg = 128, .size = 1 }));
	assert_int_equal(k.state, KCP_BROKEN);
	kcp_fini(&k);
}

static void test_large_messages(void **state)
{
	static uint8_t bytes[200000];
	struct kcp_settings s;
	struct kcp k;

	kcp_settings_default(&s);
	s.message_max = 2000;
	s.queue_max = 10000;
	kcp_init(&k, CONV, 0, &s);
	assert_int_equal(kcp_send(&k, bytes, 2001), KCP_TOO_LARGE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(kcp_send(&k, bytes, 2000), KCP_SENT);
	assert_int_equal(kcp_send(&k, bytes, 2000), KCP_FULL);
	assert_int_equal(kcp_send(&k, NULL, 0), KCP_SENT);
	/* a peer's, too */
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .frg = 2, .size = 1000 }));
	assert_true(
		input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 1, .frg = 1, .size = 1000 }));
	assert_int_equal(k.state, KCP_OPEN);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = 2, .size = 1 }));
	assert_int_equal(k.state, KCP_BROKEN);
	kcp_fini(&k);
	s.message_max = 200000;
	s.queue_max = 400000;
	kcp_init(&k, CONV, 0, &s);
	assert_int_equal(kcp_send(&k, bytes, 127 * 1376 + 1), KCP_TOO_LARGE);
	assert_int_equal(kcp_send(&k, bytes, 127 * 1376), KCP_SENT);
	kcp_fini(&k);
}

/* Nobody answers: sent again, later and later, then the link is dead. */
static void test_dead_link(void **state)
{
	struct catch c = { 0 };
	struct kcp k;
	uint32_t now = 0, before, wait = 0;

	start(&k);
	kcp_send(&k, "x", 1);
	while (k.state == KCP_OPEN) {
		kcp_flush(&k, now, caught, &c);
		before = wait;
		wait = kcp_next(&k, now);
		assert_true(wait >= before || wait == KCP_RTO_MAX);
		now += wait;
		assert_true(wait == KCP_NEVER || wait <= KCP_RTO_MAX);
		assert_true(c.count <= 20);
	}
	assert_int_equal(k.state, KCP_DEAD);
	assert_int_equal(c.count, 20);
	assert_int_equal(k.stats.late, 19);
	kcp_fini(&k);
}

/* Two later ones are acknowledged: the lost one goes out before its time. */
static void test_early(void **state)
{
	struct catch c = { 0 };
	struct kcp_head h;
	struct kcp k;

	start(&k);
	for (unsigned i = 0; i < 3; i++) {
		kcp_send(&k, "x", 1);
		kcp_flush(&k, 10 + i, caught, &c);
	}
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .sn = 1, .ts = 1011, .wnd = 9 }));
	assert_true(kcp_next(&k, 50) > 0);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_ACK, .sn = 2, .ts = 1012, .wnd = 9 }));
	assert_int_equal(kcp_next(&k, 50), 0);
	kcp_flush(&k, 50, caught, &c);
	assert_int_equal(c.count, 4);
	assert_true(kcp_head_get(c.bytes, c.n, &h));
	assert_int_equal(h.sn, 0);
	assert_int_equal(h.ts, 1050);
	assert_int_equal(k.stats.early, 1);
	assert_true(kcp_next(&k, 50) > 0);
	kcp_fini(&k);
}

/* A small segment goes along with the next ones; not with a large one's, and not for ever. */
static void test_along(void **state)
{
	static const uint8_t large[1000];
	struct catch c = { 0 };
	struct kcp_settings s;
	struct kcp k;

	kcp_settings_default(&s);
	s.redundancy = 2;
	kcp_init(&k, CONV, 0, &s);
	for (unsigned i = 0; i < 5; i++) {
		kcp_send(&k, "x", 1);
		kcp_flush(&k, 10 + i, caught, &c);
		assert_int_equal(c.count, i + 1);
		assert_int_equal(c.n, (i < 2 ? i + 1 : 3) * (KCP_HEADER + 1));
	}
	assert_int_equal(k.stats.along, 7);
	assert_int_equal(k.stats.late + k.stats.early, 0);
	/* what was sent keeps its time */
	assert_int_equal(kcp_next(&k, 14), 10 + 200 - 14);
	assert_true(input(&k, (struct kcp_head){ .cmd = KCP_TELL, .una = 5, .wnd = 128 }));
	kcp_send(&k, large, sizeof(large));
	kcp_flush(&k, 60, caught, &c);
	kcp_send(&k, "x", 1);
	kcp_flush(&k, 61, caught, &c);
	assert_int_equal(c.n, KCP_HEADER + 1);
	kcp_fini(&k);
}

/* What comes again is acknowledged once, for `una` says it of all. */
static void test_one_word(void **state)
{
	struct catch c = { 0 };
	struct kcp k;

	start(&k);
	for (uint32_t sn = 0; sn < 3; sn++)
		assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = sn, .size = 1 }));
	for (uint32_t sn = 0; sn < 3; sn++)
		assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = sn, .size = 1 }));
	kcp_flush(&k, 60, caught, &c);
	assert_int_equal(c.n, 3 * KCP_HEADER);
	for (uint32_t sn = 0; sn < 3; sn++)
		assert_true(input(&k, (struct kcp_head){ .cmd = KCP_PUSH, .sn = sn, .size = 1 }));
	kcp_flush(&k, 61, caught, &c);
	assert_int_equal(c.n, KCP_HEADER);
	assert_int_equal(k.stats.twice, 6);
	kcp_fini(&k);
}

static void test_ask(void **state)
{
	struct catch c = { 0 };
	struct kcp_head h;
	struct kcp a, b;

	start(&a);
	start(&b);
	kcp_ask(&a);
	assert_int_equal(kcp_next(&a, 5), 0);
	kcp_flush(&a, 5, caught, &c);
	assert_true(kcp_head_get(c.bytes, c.n, &h));
	assert_int_equal(h.cmd, KCP_ASK);
	assert_true(kcp_input(&b, c.bytes, c.n, 6));
	kcp_flush(&b, 6, caught, &c);
	assert_true(kcp_head_get(c.bytes, c.n, &h));
	assert_int_equal(h.cmd, KCP_TELL);
	assert_int_equal(h.wnd, 128);
	assert_true(kcp_input(&a, c.bytes, c.n, 7));
	assert_int_equal(kcp_next(&a, 7), KCP_NEVER);
	kcp_fini(&a);
	kcp_fini(&b);
}

/* Settings change while a transfer runs. */
static void test_change(void **state)
{
	struct net n = { .seed = 77, .lose = 100, .delay = 10, .jitter = 30 };
	struct kcp_settings s;
	struct end ends[2];

	Now = 1;
	kcp_settings_default(&s);
	s.mtu = 200;
	s.send_window = 3;
	s.stream = true;
	s.queue_max = 30000;
	begin(&n, ends, &s, 100);
	for (unsigned i = 0; i < 50; i++)
		step(&n, ends);
	s.mtu = 1000;
	s.send_window = 300;
	s.recv_window = 600;
	for (unsigned i = 0; i < 2; i++)
		kcp_set(&ends[i].k, &s);
	for (unsigned i = 0; i < 20; i++)
		step(&n, ends);
	/* a datagram that is larger than the mtu is now: what was cut stays as it is */
	s.send_window = 2;
	kcp_set(&ends[0].k, &s);
	transfer(&n, ends);
	finish(&n, ends);
}

static void test_settings(void **state)
{
	struct kcp_settings s;

	kcp_settings_default(&s);
	assert_null(kcp_settings_check(&s));
#define WRONG(field, value)                                              \
	do {                                                             \
		uint32_t good_ = s.field;                                \
		s.field = (value);                                       \
		assert_non_null(strstr(kcp_settings_check(&s), #field)); \
		s.field = good_;                                         \
	} while (0)
	WRONG(mtu, 99);
	WRONG(mtu, 9001);
	WRONG(send_window, 0);
	WRONG(send_window, 4097);
	WRONG(recv_window, 0);
	WRONG(recv_window, 4097);
	WRONG(interval, 5001);
	WRONG(resend, 1001);
	WRONG(redundancy, 11);
	WRONG(min_rto, 9);
	WRONG(min_rto, 5001);
	WRONG(dead_link, 1);
	WRONG(queue_max, 4095);
	WRONG(message_max, 0);
#undef WRONG
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),	      cmocka_unit_test(test_good_network),
		cmocka_unit_test(test_bad_networks),  cmocka_unit_test(test_latency),
		cmocka_unit_test(test_closed_window), cmocka_unit_test(test_lost_window),
		cmocka_unit_test(test_lies),	      cmocka_unit_test(test_old_words),
		cmocka_unit_test(test_fragments),     cmocka_unit_test(test_large_messages),
		cmocka_unit_test(test_dead_link),     cmocka_unit_test(test_early),
		cmocka_unit_test(test_along),	      cmocka_unit_test(test_one_word),
		cmocka_unit_test(test_ask),	      cmocka_unit_test(test_change),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
