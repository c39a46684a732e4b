/* SPDX-License-Identifier: MIT */
/* One other node seen by a peer: what the master says, connections that open, break and speak in
 * any frames, time. Whatever comes: up and down take turns, a link is only with the incarnation
 * that the master named, nothing is written to a connection that is closed, and there are never
 * more than the link and one attempt. A real queue and session stand behind it: whatever counts and
 * sessions are named, they go on from a place that they know. */
#include "harbor/protocol/witness.h"
#include "harbor/link/session.h"
#include "tests/fuzz/harbor_input.h"

#define CONNS 64
#define MS UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum life { FREE, OPENING, OURS, ACCEPTED, CLOSED };

static struct run {
	struct peer p;
	struct peer_self self;
	uint64_t now;
	int conns;
	enum life life[CONNS + 1];
	bool up;
	uint64_t named; /* the incarnation that the master named last, 0 = none */
	struct session session;
	struct txq queue;
	bool waits, probed;
	uint64_t quiet; /* since then the link is up, somebody waits, and nothing was heard */
} R;

static unsigned count(enum life a, enum life b)
{
	unsigned n = 0;

	for (int i = 1; i <= R.conns; i++)
		n += R.life[i] == a || R.life[i] == b;
	return n;
}

static int on_connect(struct peer *p)
{
	INPUT_CHECK(p->address[0] && R.conns < CONNS);
	R.life[++R.conns] = OPENING;
	return R.conns;
}

static bool is_open(int conn)
{
	return conn >= 1 && conn <= R.conns && R.life[conn] != CLOSED;
}

static void on_write(struct peer *p, int conn, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];
	struct wire_control again;

	(void)p;
	INPUT_CHECK(is_open(conn) && R.life[conn] != OPENING);
	INPUT_CHECK((c->kind >= WIRE_HELLO && c->kind <= WIRE_GOODBYE) || c->kind == WIRE_SAY);
	INPUT_CHECK(wire_decode(frame, wire_encode(frame, c), &again) == WIRE_OK);
}

static void on_close(struct peer *p, int conn, const char *why)
{
	(void)p;
	INPUT_CHECK(why && is_open(conn));
	R.life[conn] = CLOSED;
}

static void on_up(struct peer *p, int conn)
{
	INPUT_CHECK(!R.up && is_open(conn) && p->conn == conn);
	INPUT_CHECK(R.named && p->epoch == R.named);
	R.up = true;
	R.quiet = R.now;
}

static void on_down(struct peer *p, enum peer_loss loss, const char *why)
{
	(void)p;
	(void)loss;
	INPUT_CHECK(R.up && why);
	R.up = R.probed = false;
}

static void on_tired(struct peer *p)
{
	(void)p;
	INPUT_CHECK(!R.up);
}

static void free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

static void on_give_up(struct peer *p, enum peer_loss loss)
{
	(void)loss;
	INPUT_CHECK(!R.up && !(p->conn && p->offered));
	(void)session_renew(&R.session, &R.queue);
	inbound_forget(&R.session.in);
}

static void on_offer(struct peer *p, struct wire_control *c)
{
	INPUT_CHECK(!R.up);
	session_offer(&R.session, p->epoch, c);
}

static const char *on_resume(struct peer *p, const struct wire_control *c)
{
	uint64_t number = R.session.number;
	struct session_news news;
	const char *why;

	INPUT_CHECK(!R.up && p->epoch == R.named && c->epoch == R.named);
	why = session_resume(&R.session, &R.queue, c, &news);
	INPUT_CHECK(news.renewed == (R.session.number != number));
	INPUT_CHECK(news.renewed || !news.lost.messages);
	INPUT_CHECK(why || R.session.in.session == c->session);
	INPUT_CHECK((why && !news.renewed) || R.queue.kept.cursor == R.queue.kept.first);
	return why;
}

static uint64_t on_received(struct peer *p)
{
	(void)p;
	return R.session.in.count;
}

static bool on_acknowledged(struct peer *p, uint64_t count)
{
	bool valid;

	(void)p;
	INPUT_CHECK(R.up);
	(void)txq_acknowledge(&R.queue, count, &valid);
	INPUT_CHECK(!valid || R.queue.kept.first == count);
	return valid;
}

static bool on_waits(struct peer *p)
{
	INPUT_CHECK(R.up && p->state == PEER_UP);
	return R.waits;
}

static void on_alive(struct peer *p)
{
	INPUT_CHECK(R.up && R.probed && p->state == PEER_UP);
	R.probed = false;
}

static unsigned on_doubt(struct peer *p)
{
	INPUT_CHECK(p->state == PEER_WAITING && p->reachable);
	return R.waits ? 0 : p->attempt % 4;
}

static void on_witness(struct peer *p, const struct wire_control *c)
{
	INPUT_CHECK(R.up && p->state == PEER_UP);
	witness_input(p, c->id == p->id ? p : NULL, c);
}

static const struct peer_ops ops = { on_connect,      on_write,	  on_close, on_up,     on_down,
				     on_tired,	      on_give_up, on_offer, on_resume, on_received,
				     on_acknowledged, on_waits,	  on_alive, on_doubt,  on_witness };

/* The fields go through the bytes of a frame, as they do in life. */
static bool frame(struct input *in, enum wire_kind kind, struct wire_control *ret)
{
	uint8_t bytes[WIRE_CONTROL_MAX];
	struct wire_control c;

	input_control(in, kind, &c);
	return wire_decode(bytes, wire_encode(bytes, &c), ret) == WIRE_OK;
}

static int conn_of(struct input *in)
{
	return R.conns ? 1 + input_byte(in) % R.conns : 0;
}

static void step_member(struct input *in)
{
	struct wire_control c;

	if (!frame(in, WIRE_MEMBER, &c))
		return;
	c.id = R.p.id;
	if (c.up && c.epoch && c.name[0] &&
	    c.address[0]) { /* harbor/protocol/member.c passes nothing else on */
		R.named = c.epoch;
		peer_member_up(&R.p, &c, R.now);
	} else if (!c.up) {
		R.named = 0;
		peer_member_down(&R.p, R.now);
	}
}

static void step_connected(struct input *in)
{
	int conn = conn_of(in);

	if (conn && R.life[conn] == OPENING) {
		R.life[conn] = OURS;
		peer_connected(&R.p, conn, R.now);
	}
}

static void step_reached(struct input *in)
{
	int conn = conn_of(in);

	if (conn && R.life[conn] == OPENING)
		peer_reached(&R.p, conn, R.now);
}

static void step_hello(struct input *in)
{
	struct wire_control c;
	int conn = R.conns + 1;

	if (conn > CONNS - 8 || !frame(in, WIRE_HELLO, &c))
		return;
	R.life[++R.conns] = ACCEPTED;
	if (!peer_hello(&R.p, conn, &c, R.now))
		R.life[conn] = CLOSED;
	else
		INPUT_CHECK(R.up && R.p.conn == conn && c.epoch == R.named);
}

static void step_frame(struct input *in)
{
	uint8_t b = input_byte(in);
	struct wire_control c;
	int conn = conn_of(in);

	if (conn && (R.life[conn] == OURS || R.life[conn] == ACCEPTED) &&
	    frame(in, input_kind(b), &c)) {
		R.quiet = R.now;
		peer_heard(&R.p, conn, R.now);
		peer_input(&R.p, conn, &c, R.now);
	}
}

static void step_lost(struct input *in)
{
	int conn = conn_of(in);

	if (conn && R.life[conn] != CLOSED) {
		R.life[conn] = CLOSED;
		peer_lost(&R.p, conn, "the connection was closed", R.now);
	}
}

static void step_refused(struct input *in)
{
	int conn = conn_of(in);

	if (conn && R.life[conn] == OPENING) {
		R.life[conn] = CLOSED;
		peer_refused(&R.p, conn, "Connection refused", R.now);
	}
}

/* As from another node's link. */
static void step_testimony(struct input *in)
{
	struct wire_control c;

	if (frame(in, WIRE_SAY, &c)) {
		if (input_byte(in) & 1) {
			c.epoch = R.p.epoch;
			c.request = R.p.question;
		}
		peer_testified(&R.p, &c);
	}
}

static void step_time(struct input *in)
{
	uint64_t end = R.now + input_byte(in) * 50 * MS;

	do { /* as the timer does, at most a heartbeat late */
		uint64_t next;

		(void)peer_tick(&R.p, R.now);
		next = peer_tick(&R.p, R.now);
		INPUT_CHECK(next > R.now);
		if (!R.up || !R.waits)
			R.quiet = R.now;
		INPUT_CHECK(R.now - R.quiet <= R.self.dead_ns + R.self.heartbeat_ns);
		R.now = next < end ? next : end;
	} while (R.now < end);
}

/* Frames go out, as many as a batch holds, and data frames come in. */
static void step_data(struct input *in)
{
	static struct txq_batch b;
	uint8_t n = input_byte(in);

	for (unsigned i = 0; i < (n & 7u); i++) {
		struct msg *m = msg_create(i == 3 ? 2 * WIRE_CHUNK_MAX : i);

		m->source = i;
		txq_push(&R.queue, m);
	}
	if (!R.up)
		return;
	if (n & 8)
		(void)txq_fill(&R.queue, &b);
	if (R.session.in.forgotten && n & 16)
		inbound_adopt(&R.session.in, R.session.in.session + 1);
	R.session.in.count += n >> 5;
}

static void step_wait(struct input *in)
{
	R.waits = input_byte(in) & 1;
	R.quiet = R.now;
}

static void step_probe(struct input *in)
{
	(void)in;
	R.probed = R.up;
	peer_probe(&R.p, R.now);
}

static void check(void)
{
	INPUT_CHECK(R.up == (R.p.state == PEER_UP));
	INPUT_CHECK(R.p.state != PEER_UP || is_open(R.p.conn));
	INPUT_CHECK(R.p.state != PEER_CONNECTING || is_open(R.p.conn));
	INPUT_CHECK(count(OPENING, OURS) + count(ACCEPTED, ACCEPTED) <= 2);
	INPUT_CHECK(memchr(R.p.why, 0, sizeof(R.p.why)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const step[])(struct input *) = { step_member,   step_connected, step_hello,
							step_frame,    step_frame,     step_lost,
							step_time,     step_data,      step_probe,
							step_wait,     step_reached,   step_refused,
							step_testimony };
	struct input in = { p, n > 4096 ? 4096 : n };
	bool larger = input_byte(&in) & 1;

	memset(&R, 0, sizeof(R));
	R.now = 1000 * MS;
	R.self = (struct peer_self){ .cluster = "c",
				     .name = "self",
				     .address = "10.0.0.9:7",
				     .id = larger ? 9 : 1,
				     .epoch = 99,
				     .heartbeat_ns = 1000 * MS,
				     .dead_ns = 5000 * MS,
				     .link_wait_ns = 1000 * MS,
				     .pace.max = PEER_ATTEMPTS,
				     .random = 77 };
	peer_init(&R.p, &ops, &R.self, 5);
	txq_init(&R.queue);
	session_init(&R.session);
	while (in.n && R.conns < CONNS - 8) {
		step[input_byte(&in) % (sizeof(step) / sizeof(step[0]))](&in);
		check();
	}
	INPUT_CHECK(R.self.pace.young <= 1);
	peer_stop(&R.p);
	free_list(txq_clear(&R.queue));
	(void)txq_renew(&R.queue);
	txq_fini(&R.queue);
	session_fini(&R.session);
	return 0;
}
