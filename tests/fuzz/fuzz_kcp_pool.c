/* SPDX-License-Identifier: MIT */
/* Datagrams of strangers to a pool of KCP sessions that listens with a greeting and without, and
 * connects: raw ones, greetings made of what the pool itself has said, and its own datagrams with
 * bytes changed. Between them the program sends, takes and closes, and a turn comes behind most of
 * these. There are no more sessions than the rules say, and whoever has shown nothing is never sent
 * more than came from him. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/kcp/kcp_pool.h"
#include "lua/modules/kcp/kcp_wire.h"
#include "tests/fuzz/harbor_input.h"

#define SOCKETS 5 /* 1, 2 and 5 listen, 2 plainly, 5 for what is expected; 3 and 4 connect */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct {
	struct kcp_pool *pool;
	struct meet said;	   /* the last greeting */
	uint8_t last[KCP_MTU_MAX]; /* the last datagram */
	size_t last_size;
	uint64_t now;
	size_t answered; /* bytes of greetings since the last input */
	bool there[SOCKETS + 1];
} F;

static void on_send(void *ud, int socket, const struct kcp_address *to, const uint8_t *p, size_t n)
{
	INPUT_CHECK(n > 0 && n <= KCP_MTU_MAX && socket <= SOCKETS && F.there[socket]);
	memcpy(F.last, p, n);
	F.last_size = n;
	if (meet_is(p, n)) {
		INPUT_CHECK(meet_get(p, n, &F.said));
		F.said.token_size = 0;
		F.answered += n;
	}
}

static void on_release(void *ud, int socket)
{
	INPUT_CHECK(F.there[socket]);
	F.there[socket] = false;
}

static struct kcp_address address(uint8_t b)
{
	struct kcp_address a = { .size = b & 128 ? 19 : 7 };

	a.bytes[0] = b & 128 ? 2 : 1;
	a.bytes[2] = b & 3;
	a.bytes[4] = b >> 2 & 3;
	return a;
}

static void give(struct input *in, const uint8_t *p, size_t n)
{
	uint8_t where = input_byte(in);
	struct kcp_address from = address(input_byte(in));
	uint8_t *exact = malloc(n + 1);

	memcpy(exact, p, n);
	F.answered = 0;
	kcp_pool_input(F.pool, 1 + where % SOCKETS, &from, exact, n, F.now);
	if (meet_is(p, n) && p[n > 7 ? 7 : 0] == MEET_HELLO)
		INPUT_CHECK(F.answered <= n);
	free(exact);
}

static void give_raw(struct input *in)
{
	size_t n = input_byte(in);

	if (n > in->n)
		n = in->n;
	in->n -= n;
	in->p += n;
	give(in, in->p - n, n);
}

/* What was said last as another kind. */
static void give_greeting(struct input *in)
{
	uint8_t bytes[MEET_MAX], token[64] = { 0 };
	struct meet m = F.said;

	m.kind = MEET_HELLO + input_byte(in) % 8;
	m.token = token;
	m.token_size = input_byte(in) % 64;
	if (m.kind != MEET_OPEN)
		m.token_size = 0;
	if (input_byte(in) & 1)
		m.nonce = input_byte(in);
	give(in, bytes, meet_put(bytes, &m));
}

static void give_changed(struct input *in)
{
	uint8_t bytes[KCP_MTU_MAX];
	size_t n = F.last_size;

	memcpy(bytes, F.last, n);
	for (unsigned i = input_byte(in) % 4; i && n; i--)
		bytes[input_byte(in) % n] ^= input_byte(in);
	give(in, bytes, n);
}

static void give_push(struct input *in)
{
	uint8_t bytes[KCP_HEADER + 8] = { 0 };
	struct kcp_head h = { .conv = 1u + (input_byte(in) & 7), .wnd = 128, .size = 8 };

	h.cmd = (uint8_t)(KCP_PUSH + (input_byte(in) & 3));
	h.sn = input_byte(in);
	h.frg = input_byte(in) & 3;
	h.size = h.cmd == KCP_PUSH ? 8 : 0;
	kcp_head_put(bytes, &h);
	give(in, bytes, KCP_HEADER + h.size);
}

static void act(struct input *in)
{
	unsigned bits;
	struct kcp_session *s = kcp_session_find(F.pool, 1 + input_byte(in) % 16);
	uint8_t what = input_byte(in);

	while (what & 1 && kcp_pool_news(F.pool, &bits))
		;
	if ((what & 192) == 192)
		kcp_pool_unlisten(F.pool, 1 + (what & 1), F.now);
	if (what & 32)
		kcp_pool_expect(F.pool, 5, 1u + (what & 7), F.now);
	if (!s)
		return;
	if (what & 2 && s->has_kcp && kcp_send(&s->kcp, "hello", 5) == KCP_SENT)
		kcp_session_touch(F.pool, s);
	if (what & 4 && s->has_kcp && kcp_peek(&s->kcp) != KCP_NONE) {
		kcp_recv(&s->kcp, NULL);
		kcp_session_touch(F.pool, s);
	}
	if ((what & 24) == 24)
		kcp_pool_close(F.pool, s, F.now);
}

static void begin(void)
{
	static const struct kcp_hooks hooks = { .send = on_send, .release = on_release };
	static const uint8_t secret[SIPHASH_KEY] = { 1 };
	struct kcp_rules r;

	memset(&F, 0, sizeof(F));
	F.now = 1000;
	kcp_rules_default(&r);
	r.sessions = 5;
	r.per_address = 3;
	r.unanswered = 2;
	F.pool = kcp_pool_new(&hooks, secret, F.now);
	for (int i = 1; i <= SOCKETS; i++)
		F.there[i] = true;
	kcp_pool_listen(F.pool, 1, &r);
	r.plain = true;
	kcp_pool_listen(F.pool, 2, &r);
	r.expected = true;
	kcp_pool_listen(F.pool, 5, &r);
	r.plain = r.expected = false;
	kcp_pool_connect(F.pool, 3, &r, 0, "token", 5, F.now);
	kcp_pool_connect(F.pool, 4, &r, 3, NULL, 0, F.now);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const step[])(struct input *) = { give_raw, give_greeting, give_changed,
							give_push, act };
	struct input in = { p, n };

	begin();
	while (in.n) {
		uint8_t what = input_byte(&in);

		if (what % 7 < 5)
			step[what % 7](&in);
		else
			F.now += what % 7 == 5 ? what : what * 100u;
		if (what < 200) /* else more happens before the next turn */
			kcp_pool_turn(F.pool, F.now);
		for (int i = 1; i <= SOCKETS; i += i == 2 ? 3 : 1) {
			struct kcp_port *port = kcp_pool_port(F.pool, i);

			INPUT_CHECK(!port || port->sessions.count <= 5);
		}
	}
	kcp_pool_free(F.pool);
	return 0;
}
