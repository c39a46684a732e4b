/* SPDX-License-Identifier: MIT */
/* Services that meet over a network in memory: who gets a session and who does not, what a stranger
 * can do, what silence and closing do, and how often a pool wants to be called. */
#include "lua/modules/kcp/kcp_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/random.h"
#include "lua/modules/kcp/kcp_wire.h"

#define SERVER 1
#define POST_MAX 2000

struct post {
	int from, to;
	size_t n;
	uint8_t bytes[KCP_MTU_MAX];
};

/* A socket's number is its port; who sends from it can be given another address. */
static struct {
	struct post *posts[POST_MAX];
	unsigned count, lose; /* in a hundred */
	uint64_t seed, now;
	uint64_t sent, released;
	int moved_from, moved_to; /* what the one sends seems to come from the other */
	struct kcp_pool *server, *client;
} N;

static struct kcp_address address(int port)
{
	struct kcp_address a = { .size = 7,
				 .bytes = { 1, (uint8_t)(port >> 8), (uint8_t)port, 10, 0, 0,
					    (uint8_t)(port / 1000) } };

	return a;
}

static int port_of(const struct kcp_address *a)
{
	return a->size ? a->bytes[1] << 8 | a->bytes[2] : SERVER;
}

static void post(int from, int to, const uint8_t *p, size_t n)
{
	struct post *m = malloc(sizeof(*m));

	assert_non_null(m);
	assert_true(N.count < POST_MAX && n <= sizeof(m->bytes));
	m->from = from;
	m->to = to;
	m->n = n;
	memcpy(m->bytes, p, n);
	N.posts[N.count++] = m;
}

static void on_send(void *ud, int socket, const struct kcp_address *to, const uint8_t *p, size_t n)
{
	N.sent++;
	if (random_next(&N.seed) % 100 < N.lose)
		return;
	if (socket == N.moved_from)
		socket = N.moved_to;
	post(socket, port_of(to), p, n);
}

static void on_release(void *ud, int socket)
{
	N.released++;
}

static void deliver(void)
{
	while (N.count) {
		struct post *m = N.posts[0];
		struct kcp_address from = address(m->from);
		int to = m->to == N.moved_to && N.moved_to ? N.moved_from : m->to;

		N.count--;
		memmove(N.posts, N.posts + 1, N.count * sizeof(*N.posts));
		kcp_pool_input(to == SERVER ? N.server : N.client, to, &from, m->bytes, m->n,
			       N.now);
		free(m);
		kcp_pool_turn(N.server, N.now);
		kcp_pool_turn(N.client, N.now);
	}
}

/* So many ms go by. Returns how often a pool wanted to be called. */
static unsigned pass(uint64_t ms)
{
	uint64_t end = N.now + ms;
	unsigned calls = 0;

	for (;;) {
		uint64_t a, b;

		deliver();
		a = kcp_pool_turn(N.server, N.now);
		b = kcp_pool_turn(N.client, N.now);
		if (N.count)
			continue;
		a = a < b ? a : b;
		if (a > end - N.now) {
			N.now = end;
			return calls;
		}
		N.now += a;
		calls++;
	}
}

static void begin(const struct kcp_rules *r)
{
	static const struct kcp_hooks hooks = { .send = on_send, .release = on_release };
	static const uint8_t one[SIPHASH_KEY] = { 1 }, two[SIPHASH_KEY] = { 2 };

	memset(&N, 0, sizeof(N));
	N.seed = 99;
	N.now = 100000;
	N.server = kcp_pool_new(&hooks, one, N.now);
	N.client = kcp_pool_new(&hooks, two, N.now);
	kcp_pool_listen(N.server, SERVER, r);
}

static void finish(void)
{
	kcp_pool_free(N.server);
	kcp_pool_free(N.client);
	while (N.count)
		free(N.posts[--N.count]);
}

static struct kcp_session *news(struct kcp_pool *p, unsigned expected)
{
	unsigned bits = 0;
	struct kcp_session *s = kcp_pool_news(p, &bits);

	assert_int_equal(bits, expected);
	return s;
}

static struct kcp_session *dial(int socket, const struct kcp_rules *r, const char *token)
{
	uint32_t id = kcp_pool_connect(N.client, socket, r, 0, token, strlen(token), N.now);

	return kcp_session_find(N.client, id);
}

static void say(struct kcp_pool *p, struct kcp_session *s, const char *text)
{
	assert_int_equal(kcp_send(&s->kcp, text, strlen(text)), KCP_SENT);
	kcp_session_touch(p, s);
}

static void hears(struct kcp_pool *p, struct kcp_session *s, const char *text)
{
	uint8_t got[100];
	size_t n = strlen(text);

	assert_ptr_equal(news(p, KCP_NEWS_DATA), s);
	assert_int_equal(kcp_peek(&s->kcp), n);
	kcp_recv(&s->kcp, got);
	assert_memory_equal(got, text, n);
	kcp_session_touch(p, s);
}

static void rules(struct kcp_rules *r)
{
	kcp_rules_default(r);
	assert_null(kcp_rules_check(r));
}

/* A pair that has met. */
static void meet(int socket, const struct kcp_rules *r, struct kcp_session **ret_client,
		 struct kcp_session **ret_server)
{
	*ret_client = dial(socket, r, "token");
	pass(10);
	*ret_server = news(N.server, KCP_NEWS_OPEN);
	assert_ptr_equal(news(N.client, KCP_NEWS_OPEN), *ret_client);
	assert_int_equal((*ret_server)->token_size, 5);
	assert_memory_equal((*ret_server)->token, "token", 5);
}

static void test_meet(void **state)
{
	struct kcp_session *c, *s;
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	say(N.client, c, "hello");
	pass(1);
	hears(N.server, s, "hello");
	say(N.server, s, "welcome");
	pass(1);
	hears(N.client, c, "welcome");
	kcp_pool_close(N.client, c, N.now);
	pass(1);
	assert_ptr_equal(news(N.server, KCP_NEWS_END), s);
	assert_string_equal(s->why, "closed by the peer");
	kcp_pool_close(N.server, s, N.now);
	pass(200);
	assert_int_equal(N.released, 1);
	assert_int_equal(N.server->ids.count + N.client->ids.count + N.client->ports.count, 0);
	finish();
}

/* Every datagram may be lost, those of the meeting, too: it comes to a session all the same, and to
 * one only. */
static void test_lossy_meeting(void **state)
{
	struct kcp_rules r;

	rules(&r);
	for (unsigned seed = 1; seed < 40; seed++) {
		struct kcp_session *c, *s;

		begin(&r);
		N.lose = 40;
		N.seed = seed * 7919;
		r.timeout = 60000;
		c = dial(5000, &r, "");
		pass(60000);
		assert_int_equal(c->step, KCP_READY);
		s = news(N.server, KCP_NEWS_OPEN);
		assert_int_equal(N.server->ids.count, 1);
		say(N.server, s, "x");
		pass(20000);
		finish();
	}
}

static void test_nobody_listens(void **state)
{
	struct kcp_session *c;
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	N.lose = 100;
	c = dial(5000, &r, "");
	pass(4999);
	assert_int_equal(c->step, KCP_MEETING);
	pass(1);
	assert_ptr_equal(news(N.client, KCP_NEWS_END), c);
	assert_string_equal(c->why, "connect timed out");
	assert_in_range(N.sent, 4, 12);
	kcp_pool_close(N.client, c, N.now);
	assert_int_equal(N.client->ids.count, 0);
	finish();
}

static size_t make(uint8_t *to, struct meet m)
{
	m.token = (const uint8_t *)"";
	return meet_put(to, &m);
}

/* Strangers say what they like: no session comes of it, and no answer is larger than its
 * question. */
static void test_strangers(void **state)
{
	uint8_t b[MEET_MAX], kcp[KCP_HEADER + 1];
	struct kcp_address from = address(6000), other = address(7000);
	struct kcp_rules r;
	struct meet m;
	size_t n;

	rules(&r);
	begin(&r);
	for (unsigned kind = MEET_HELLO; kind <= MEET_CLOSE; kind++) {
		n = make(b, (struct meet){ .kind = (uint8_t)kind, .nonce = 5, .conv = 9 });
		for (size_t cut = 0; cut < n; cut++)
			kcp_pool_input(N.server, SERVER, &from, b, cut, N.now);
		assert_int_equal(N.count, 0);
		kcp_pool_input(N.server, SERVER, &from, b, n, N.now);
		assert_int_equal(N.count, kind == MEET_HELLO);
		if (N.count) {
			assert_true(N.posts[0]->n <= n);
			assert_true(meet_get(N.posts[0]->bytes, N.posts[0]->n, &m));
			free(N.posts[--N.count]);
		}
	}
	kcp_head_put(kcp, &(struct kcp_head){ .conv = 9, .cmd = KCP_PUSH, .size = 1 });
	kcp_pool_input(N.server, SERVER, &from, kcp, sizeof(kcp), N.now);
	assert_int_equal(N.server->ids.count + N.count, 0);
	/* a cookie is for one address, one nonce and ten seconds */
	m.kind = MEET_OPEN;
	n = make(b, m);
	kcp_pool_input(N.server, SERVER, &other, b, n, N.now);
	assert_int_equal(N.server->ids.count, 0);
	kcp_pool_input(N.server, SERVER, &from, b, n, N.now + 11000);
	assert_int_equal(N.server->ids.count, 0);
	m.nonce++;
	kcp_pool_input(N.server, SERVER, &from, b, make(b, m), N.now);
	assert_int_equal(N.server->ids.count, 0);
	m.nonce--;
	kcp_pool_input(N.server, SERVER, &from, b, make(b, m), N.now);
	assert_int_equal(N.server->ids.count, 1);
	kcp_pool_input(N.server, SERVER, &from, b, make(b, m), N.now); /* and again */
	assert_int_equal(N.server->ids.count, 1);
	assert_int_equal(N.count, 2);
	finish();
}

static void test_limits(void **state)
{
	struct kcp_session *c[4];
	struct kcp_rules r;

	rules(&r);
	r.per_address = 2;
	r.sessions = 3;
	begin(&r);
	for (unsigned i = 0; i < 3; i++)
		c[i] = dial(5000 + (int)i, &r, "");
	pass(10);
	assert_int_equal(N.server->ids.count, 2);
	assert_int_equal(c[2]->step, KCP_ENDED);
	assert_string_equal(c[2]->why, "refused: too many sessions of this address");
	c[3] = dial(6000, &r, ""); /* of another address */
	pass(10);
	assert_int_equal(c[3]->step, KCP_READY);
	c[3] = dial(7000, &r, "");
	pass(10);
	assert_string_equal(c[3]->why, "refused: the listener has all its sessions");
	/* who leaves makes room */
	kcp_pool_close(N.client, c[0], N.now);
	pass(1000);
	c[3] = dial(5005, &r, "");
	pass(10);
	assert_int_equal(c[3]->step, KCP_READY);
	finish();
}

/* Without a greeting: sessions of whoever begins, but few until they have proved something, and
 * little is sent to them. */
static void test_plain(void **state)
{
	uint8_t b[KCP_HEADER + 1] = { 0 };
	struct kcp_session *s, *c;
	struct kcp_address from;
	struct kcp_rules r;

	rules(&r);
	r.plain = true;
	r.unanswered = 3;
	r.sessions = 80;
	begin(&r);
	for (int i = 0; i < 20; i++) {
		from = address(6000 + i);
		kcp_head_put(b, &(struct kcp_head){ .conv = 77, .cmd = KCP_PUSH, .size = 1 });
		kcp_pool_input(N.server, SERVER, &from, b, sizeof(b), N.now);
	}
	assert_int_equal(N.server->ids.count, 3);
	for (int i = 0; i < 20; i++) {
		from = address(7000 + 1000 * i);
		kcp_pool_input(N.server, SERVER, &from, b, sizeof(b), N.now);
	}
	assert_int_equal(N.server->ids.count, 80 / 8 + 1);
	s = news(N.server, KCP_NEWS_OPEN | KCP_NEWS_DATA);
	for (unsigned i = 0; i < 20; i++)
		say(N.server, s, "a long text for somebody who has never asked for it");
	N.lose = 100;
	pass(20000);
	assert_true(s->bytes_out <= 3 * s->bytes_in);
	N.lose = 0;
	finish();

	begin(&r);
	kcp_pool_connect(N.client, 5000, &r, 4711, NULL, 0, N.now);
	c = news(N.client, KCP_NEWS_OPEN);
	say(N.client, c, "hello");
	pass(1);
	s = news(N.server, KCP_NEWS_OPEN | KCP_NEWS_DATA);
	assert_true(s->unanswered);
	kcp_recv(&s->kcp, NULL);
	say(N.server, s, "welcome");
	pass(20);
	assert_false(s->unanswered);
	hears(N.client, c, "welcome");
	finish();
}

/* A plain client says little, and what he is answered is much. */
static void test_plain_long_answer(void **state)
{
	struct kcp_session *s, *c;
	struct kcp_rules r;
	char text[3000], got[sizeof(text)];

	memset(text, 'x', sizeof(text));
	for (int stream = 0; stream < 2; stream++) {
		rules(&r);
		r.plain = true;
		r.set.stream = stream;
		begin(&r);
		kcp_pool_connect(N.client, 5000, &r, 4711, NULL, 0, N.now);
		c = news(N.client, KCP_NEWS_OPEN);
		say(N.client, c, "?");
		pass(1);
		s = news(N.server, KCP_NEWS_OPEN | KCP_NEWS_DATA);
		kcp_recv(&s->kcp, NULL);
		for (size_t at = 0; stream && at < 30; at++)
			assert_int_equal(kcp_send(&s->kcp, text, 1), KCP_SENT);
		assert_int_equal(kcp_send(&s->kcp, text, sizeof(text) - (stream ? 30 : 0)),
				 KCP_SENT);
		kcp_session_touch(N.server, s);
		N.sent = 0;
		pass(200);
		assert_true(N.sent < 20);
		assert_false(s->unanswered);
		for (size_t at = 0, n; at < sizeof(text); at += n) {
			n = kcp_peek(&c->kcp);
			assert_true(n <= sizeof(text) - at);
			kcp_recv(&c->kcp, (uint8_t *)got + at);
		}
		assert_memory_equal(got, text, sizeof(text));
		finish();
	}
}

/* Convs that the program has said, each for one session and for a time. */
static void test_expected(void **state)
{
	struct kcp_session *c;
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	assert_false(kcp_pool_expect(N.server, SERVER, 1, N.now));
	finish();
	r.plain = r.expected = true;
	r.sessions = 3;
	r.idle = 1000;
	r.keepalive = 300;
	begin(&r);
	for (uint32_t conv = 1; conv <= 3; conv++)
		assert_true(kcp_pool_expect(N.server, SERVER, conv, N.now));
	assert_false(kcp_pool_expect(N.server, SERVER, 4, N.now));
	for (uint32_t conv = 1; conv <= 5; conv += 4) {
		for (int i = 0; i < 2; i++) {
			int socket = 5000 + (int)conv * 10 + i;

			kcp_pool_connect(N.client, socket, &r, conv, NULL, 0, N.now);
			c = news(N.client, KCP_NEWS_OPEN);
			say(N.client, c, "hello");
			pass(1);
		}
	}
	assert_int_equal(N.server->ids.count, 1); /* of conv 1, from one address */
	pass(900);
	kcp_pool_connect(N.client, 7000, &r, 2, NULL, 0, N.now);
	assert_false(kcp_pool_expect(N.client, 7000, 6, N.now)); /* it does not listen */
	c = news(N.client, KCP_NEWS_OPEN);
	say(N.client, c, "hello");
	pass(1);
	assert_int_equal(N.server->ids.count, 2);
	pass(200);
	kcp_pool_connect(N.client, 8000, &r, 3, NULL, 0, N.now); /* too late */
	pass(1);
	assert_int_equal(N.server->ids.count, 2);
	assert_true(kcp_pool_expect(N.server, SERVER, 9, N.now));
	assert_true(kcp_pool_expect(N.server, SERVER, 9, N.now)); /* anew */
	assert_int_equal(kcp_pool_port(N.server, SERVER)->tickets.count, 1);
	finish();
}

/* The peer's address changes: the session goes with it if it has the key. */
static void test_move(void **state)
{
	struct kcp_address other = address(9999);
	struct kcp_session *c, *s;
	uint8_t b[MEET_MAX];
	struct kcp_rules r;
	struct meet m;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	N.moved_from = 5000;
	N.moved_to = 8000;
	say(N.client, c, "from elsewhere");
	pass(200);
	hears(N.server, s, "from elsewhere");
	assert_int_equal(port_of(&s->peer), 8000);
	assert_int_equal(s->port->moved, 1);
	say(N.server, s, "to there");
	pass(1);
	hears(N.client, c, "to there");
	/* a stranger who has seen the conv gets the question, and cannot answer it */
	kcp_head_put(b, &(struct kcp_head){ .conv = s->kcp.conv, .cmd = KCP_ASK });
	kcp_pool_input(N.server, SERVER, &other, b, KCP_HEADER, N.now);
	assert_int_equal(N.count, 1);
	assert_true(N.posts[0]->n <= KCP_HEADER);
	assert_true(meet_get(N.posts[0]->bytes, N.posts[0]->n, &m));
	assert_int_equal(m.kind, MEET_MOVED);
	free(N.posts[--N.count]);
	m.kind = MEET_PROVE;
	m.proof = 12345;
	kcp_pool_input(N.server, SERVER, &other, b, make(b, m), N.now);
	assert_int_equal(port_of(&s->peer), 8000);
	finish();

	r.roam = false;
	begin(&r);
	meet(5000, &r, &c, &s);
	N.moved_from = 5000;
	N.moved_to = 8000;
	say(N.client, c, "from elsewhere");
	pass(2000);
	assert_null(news(N.server, 0));
	assert_int_equal(port_of(&s->peer), 5000);
	finish();
}

/* Only the peer can close. */
static void test_close(void **state)
{
	struct kcp_address from = address(5000);
	struct kcp_session *c, *s;
	uint8_t b[MEET_MAX];
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	kcp_pool_input(N.server, SERVER, &from, b,
		       make(b, (struct meet){ .kind = MEET_CLOSE, .conv = s->kcp.conv }), N.now);
	assert_int_equal(s->step, KCP_READY);
	/* what was sent before the close arrives before it */
	N.lose = 30;
	for (unsigned i = 0; i < 50; i++)
		say(N.server, s, "one of many");
	kcp_pool_close(N.server, s, N.now);
	pass(4000);
	N.lose = 0;
	assert_ptr_equal(news(N.client, KCP_NEWS_DATA | KCP_NEWS_END), c);
	assert_int_equal(c->kcp.messages, 50);
	assert_int_equal(N.server->ids.count, 0);
	finish();

	/* the peer is gone: five seconds, not more */
	begin(&r);
	meet(5000, &r, &c, &s);
	N.lose = 100;
	say(N.server, s, "nobody hears it");
	kcp_pool_close(N.server, s, N.now);
	pass(4900);
	assert_int_equal(N.server->ids.count, 1);
	pass(300);
	assert_int_equal(N.server->ids.count, 0);
	finish();
}

static void test_listener_closes(void **state)
{
	struct kcp_session *c, *s;
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	assert_false(kcp_pool_unlisten(N.server, 12, N.now));
	assert_true(kcp_pool_unlisten(N.server, SERVER, N.now));
	assert_ptr_equal(news(N.server, KCP_NEWS_END), s);
	assert_int_equal(N.released, 1);
	pass(1);
	assert_ptr_equal(news(N.client, KCP_NEWS_END), c);
	finish();
}

/* A listener with very many sessions, or a pool of them, ends in a time that grows as they do. */
static void test_table_of_very_many(void **state)
{
	enum { COUNT = 1 << 18 };
	struct kcp_entry *all = calloc(COUNT, sizeof(*all)), *e;
	struct kcp_table t = { .size = 0 };
	clock_t began = clock();
	unsigned taken = 0;
	bool again = false;

	assert_non_null(all);
	for (unsigned i = 0; i < COUNT; i++)
		kcp_table_add(&t, &all[i], i);
	while ((e = kcp_table_any(&t))) {
		kcp_table_remove(&t, e);
		if (++taken == COUNT / 2 && !again) { /* one comes in between, in front */
			again = true;
			kcp_table_add(&t, e, 3);
			taken--;
		}
		assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
	}
	assert_int_equal(taken, COUNT);
	assert_int_equal(t.count, 0);
	kcp_table_fini(&t);
	free(all);
}

/* A session that waited for the next turn is over before it comes. */
static void test_over_before_the_turn(void **state)
{
	struct kcp_session *c, *s;
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	say(N.server, s, "nobody sends it");
	assert_true(kcp_pool_unlisten(N.server, SERVER, N.now));
	kcp_pool_turn(N.server, N.now);
	assert_ptr_equal(news(N.server, KCP_NEWS_END), s);
	assert_int_equal(s->step, KCP_ENDED);
	kcp_pool_close(N.server, s, N.now);
	assert_int_equal(N.server->ids.count, 0);

	say(N.client, c, "nor this");
	deliver();
	assert_ptr_equal(news(N.client, KCP_NEWS_END), c);
	kcp_pool_close(N.client, c, N.now);
	assert_int_equal(N.client->ids.count, 0);
	finish();
}

/* Without traffic there are signs of life only, and without those the end. */
static void test_silence(void **state)
{
	struct kcp_session *c, *s;
	struct kcp_rules r;
	uint64_t sent;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	pass(1000);
	sent = N.sent;
	/* ten minutes: a question and an answer each ten seconds, one wake-up for each */
	assert_in_range(pass(600000), 50, 130);
	assert_in_range(N.sent - sent, 110, 250);
	assert_int_equal(s->step, KCP_READY);
	assert_int_equal(c->step, KCP_READY);
	N.lose = 100;
	pass(30100);
	assert_string_equal(s->why, "the peer is silent");
	assert_string_equal(c->why, "the peer is silent");
	finish();
}

/* A peer that breaks the rules is told so. */
static void test_broken(void **state)
{
	uint8_t b[KCP_HEADER * 2];
	struct kcp_session *c, *s;
	struct kcp_address from = address(5000);
	struct kcp_head h = { .cmd = KCP_PUSH, .frg = 3 };
	struct kcp_rules r;

	rules(&r);
	begin(&r);
	meet(5000, &r, &c, &s);
	h.conv = s->kcp.conv;
	kcp_head_put(b, &h);
	h.sn = 1;
	kcp_head_put(b + KCP_HEADER, &h);
	kcp_pool_input(N.server, SERVER, &from, b, sizeof(b), N.now);
	pass(1);
	assert_ptr_equal(news(N.server, KCP_NEWS_END), s);
	assert_string_equal(s->why, "the fragments of a message do not follow each other");
	assert_ptr_equal(news(N.client, KCP_NEWS_END), c);
	finish();
}

/* The vectors of the authors: the key 0..15, the text 0..n-1. */
static void test_siphash(void **state)
{
	uint8_t key[SIPHASH_KEY], text[16];

	for (unsigned i = 0; i < 16; i++)
		key[i] = text[i] = (uint8_t)i;
	assert_true(siphash(key, text, 0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(siphash(key, text, 15) == UINT64_C(0xa129ca6149be45e5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_meet),
		cmocka_unit_test(test_lossy_meeting),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_long_answer),
		cmocka_unit_test(test_expected),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_listener_closes),
		cmocka_unit_test(test_table_of_very_many),
		cmocka_unit_test(test_over_before_the_turn),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
