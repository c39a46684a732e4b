/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The data plane of the simulation: what harbor/link/link.c does around a session and a queue, in
 * one thread. Part of sim.h.
 *
 * Each node sends numbered messages, as one of two services, to each other node, and calls it. What
 * arrives must be from the incarnation that it names, for this one, and the next number of its
 * sender or a later one. In the end each number that is missing has been counted by its sender as
 * lost or bounced, which only happens where one of the two had given the other up; and each call
 * has had one outcome.
 */
#define SIM_SENDERS 2
#define SIM_CALLS 512
#define SIM_LARGE (2 * WIRE_CHUNK_MAX + 777) /* three chunks */

/* One direction's messages: to one incarnation, or from one. */
struct sim_flow {
	uint64_t epoch; /* of the other node */
	uint64_t number[SIM_SENDERS], messages;
};

struct sim_link {
	struct session session;
	struct txq queue;
	uint64_t told;
	struct sim_flow sent, arrived;
	uint64_t lost, bounced, give_ups; /* since sent.epoch */
	uint64_t given_up;		  /* the last incarnation that was, after a handshake */
	bool waits[SIM_CALLS];		  /* for an answer */
	int32_t calls;
};

/* The payload's beginning; the rest is `pattern`. */
struct sim_payload {
	uint64_t from, to; /* incarnations */
	uint64_t number;
	int32_t call; /* 0: none wanted; < 0: the answer to it */
	uint8_t sender, pattern;
};

/* Over all histories, for who wants to know whether they reach what they are about. */
static struct {
	uint64_t sent, arrived, resent, lost, bounced, calls, answered, failed, strays, resumes;
	uint64_t gone, testimonies; /* dead nodes that were refused, living ones that were not */
} sim_total;

static struct sim_link *sim_link(struct sim_node *n, unsigned id)
{
	struct sim_link *l = n->link[id];

	if (l)
		return l;
	l = n->link[id] = mem_zalloc(sizeof(*l));
	session_init(&l->session);
	txq_init(&l->queue);
	return l;
}

static void sim_free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

static void sim_link_free(struct sim_link *l)
{
	if (!l)
		return;
	sim_free_list(txq_clear(&l->queue));
	(void)txq_renew(&l->queue);
	txq_fini(&l->queue);
	session_fini(&l->session);
	mem_free(l);
}

/* ---- sending ---- */

static void sim_flow_to(struct sim_link *l, uint64_t epoch)
{
	if (l->sent.epoch == epoch)
		return;
	l->sent = (struct sim_flow){ .epoch = epoch };
	l->lost = l->bounced = l->give_ups = 0;
}

/* The bytes of a batch arrive in pieces that end anywhere, and what is still under way when the
 * connection breaks does not. */
static void sim_write_batch(int id, unsigned side, const struct txq_batch *b)
{
	uint8_t *bytes = mem_alloc(b->bytes);
	size_t n = 0, cut;

	for (unsigned i = 0; i < b->parts; i++) {
		memcpy(bytes + n, b->iov[i].iov_base, b->iov[i].iov_len);
		n += b->iov[i].iov_len;
	}
	for (size_t at = 0; at < n; at += cut) {
		cut = 1 + sim_random(n - at);
		sim_post_later(id, side, sim_random(3) * NS_PER_MS, bytes + at, cut);
	}
	mem_free(bytes);
}

static void sim_flush(struct sim_node *n, struct peer *p)
{
	static struct txq_batch b;
	struct sim_link *l = sim_link(n, p->id);

	while (p->state == PEER_UP && txq_fill(&l->queue, &b)) {
		sim_total.resent += b.resent;
		sim_write_batch(p->conn, sim_side(p->conn, sim_place(n)), &b);
	}
}

static void sim_push(struct sim_node *n, struct peer *p, struct sim_payload head, size_t size)
{
	struct sim_link *l = sim_link(n, p->id);
	struct msg *m = msg_create(sizeof(head) + size);

	sim_flow_to(l, p->epoch);
	head.from = n->self.epoch;
	head.to = p->epoch;
	head.number = ++l->sent.number[head.sender];
	head.pattern = (uint8_t)(head.number * 7 + head.sender);
	memcpy(msg_payload(m), &head, sizeof(head));
	memset((char *)msg_payload(m) + sizeof(head), head.pattern, size);
	m->type = PTYPE_LUA;
	m->source = n->self.id << 24 | (head.sender + 1u);
	m->dest = p->id << 24 | 1;
	l->sent.messages++;
	sim_total.sent++;
	txq_push(&l->queue, m);
	sim_flush(n, p);
}

static size_t sim_size(void)
{
	return sim_random(12) ? sim_random(300) : sim_random(SIM_LARGE);
}

/* Some messages from node i to node k, and a call. What is refused is no message. */
static inline void sim_send(unsigned i, unsigned k)
{
	struct sim_node *a = &sim->node[i], *b = &sim->node[k];
	struct peer *p = a->alive && b->self.id ? &a->peers[b->self.id] : NULL;
	struct sim_link *l;

	if (i == k || !p || !p->ops || !p->reachable || a->frozen)
		return;
	for (uint64_t n = 1 + sim_random(8); n > 0; n--)
		sim_push(a, p, (struct sim_payload){ .sender = (uint8_t)sim_random(SIM_SENDERS) },
			 sim_size());
	l = sim_link(a, p->id);
	if (!p->patient || l->calls + 1 >= SIM_CALLS)
		return;
	l->waits[++l->calls] = true;
	sim_total.calls++;
	sim_push(a, p, (struct sim_payload){ .call = l->calls }, sim_size());
}

/* ---- calls ---- */

static void sim_fail_calls(struct sim_link *l)
{
	for (int32_t k = 1; k <= l->calls; k++) {
		sim_total.failed += l->waits[k];
		l->waits[k] = false;
	}
}

static void sim_answered(struct sim_link *l, int32_t call)
{
	if (!l->waits[call])
		sim_total.strays++;
	else
		sim_total.answered++;
	l->waits[call] = false;
}

/* ---- what arrives ---- */

static void sim_arrived(struct sim_node *n, struct peer *p, const struct msg *m)
{
	struct sim_link *l = sim_link(n, p->id);
	struct sim_payload head;
	const uint8_t *rest = (const uint8_t *)msg_payload(m) + sizeof(head);

	assert_true(m->size >= sizeof(head));
	memcpy(&head, msg_payload(m), sizeof(head));
	for (size_t i = 0; i < m->size - sizeof(head); i++)
		if (rest[i] != head.pattern)
			fail_msg("seed %u: a message has come with other bytes", sim->seed);
	if (head.to != n->self.epoch || head.from != p->epoch)
		fail_msg("seed %u: a message is of another incarnation, or for one", sim->seed);
	if (l->arrived.epoch != head.from)
		l->arrived = (struct sim_flow){ .epoch = head.from };
	if (head.number <= l->arrived.number[head.sender])
		fail_msg("seed %u: message %llu comes after %llu", sim->seed,
			 (unsigned long long)head.number,
			 (unsigned long long)l->arrived.number[head.sender]);
	l->arrived.number[head.sender] = head.number;
	l->arrived.messages++;
	sim_total.arrived++;
	if (head.call < 0)
		sim_answered(l, -head.call);
	else if (head.call && p->reachable)
		sim_push(n, p, (struct sim_payload){ .call = -head.call, .sender = 1 }, sim_size());
}

/* Bytes came in: acknowledges now and then. */
static void sim_acknowledge(struct sim_node *n, struct peer *p)
{
	struct sim_link *l = sim_link(n, p->id);
	uint8_t ack[WIRE_ACK_SIZE];

	if (p->state != PEER_UP || l->session.in.count - l->told < 1 + sim_random(20))
		return;
	l->told = l->session.in.count;
	wire_encode_ack(ack, l->told);
	sim_write_bytes(p->conn, sim_side(p->conn, sim_place(n)), ack, sizeof(ack));
}

/* ---- hands of the peer ---- */

static void sim_renewed(struct sim_link *l, const struct kept_sum *lost)
{
	l->lost += lost->messages;
	sim_total.lost += lost->messages;
}

static void sim_peer_offer(struct peer *p, struct wire_control *c)
{
	session_offer(&sim_link(sim_node_of_self(p->self), p->id)->session, p->epoch, c);
}

static const char *sim_peer_resume(struct peer *p, const struct wire_control *c)
{
	struct sim_link *l = sim_link(sim_node_of_self(p->self), p->id);
	struct session_news news;
	const char *why = session_resume(&l->session, &l->queue, c, &news);

	if (why)
		fail_msg("seed %u: the session of an honest peer is refused: %s", sim->seed, why);
	sim_total.resumes += c->count && c->count != WIRE_FORGOTTEN;
	sim_renewed(l, &news.lost);
	if (news.renewed || news.theirs_renewed)
		sim_fail_calls(l);
	return NULL;
}

static uint64_t sim_peer_received(struct peer *p)
{
	struct sim_link *l = sim_link(sim_node_of_self(p->self), p->id);

	return l->told = l->session.in.count;
}

static bool sim_peer_acknowledged(struct peer *p, uint64_t count)
{
	struct txq *q = &sim_link(sim_node_of_self(p->self), p->id)->queue;
	bool valid = true;

	if (count > q->kept.first)
		(void)txq_acknowledge(q, count, &valid);
	if (!valid)
		fail_msg("seed %u: an honest peer has counted too far", sim->seed);
	return valid;
}

static void sim_link_up(struct peer *p, struct sim_end *e)
{
	struct sim_link *l = sim_link(sim_node_of_self(p->self), p->id);

	e->in.in = &l->session.in;
	e->in.max = SIM_LARGE + sizeof(struct sim_payload);
	l->told = l->session.in.count;
	sim_flush(sim_node_of_self(p->self), p);
}

static void sim_link_down(struct peer *p)
{
	if (peer_loss_kind(p) == WIRE_DOWN)
		sim_fail_calls(sim_link(sim_node_of_self(p->self), p->id));
}

/* Does anything wait for the other node: an answer, an acknowledgement? */
static bool sim_link_waits(struct peer *p)
{
	const struct sim_link *l = sim_link(sim_node_of_self(p->self), p->id);

	for (int32_t k = 1; k <= l->calls; k++)
		if (l->waits[k])
			return true;
	return l->queue.kept.first != l->queue.kept.end || !txq_is_empty(&l->queue);
}

static void sim_link_give_up(struct peer *p)
{
	struct sim_link *l = sim_link(sim_node_of_self(p->self), p->id);
	struct msg *bounced = txq_clear(&l->queue);
	struct kept_sum lost = session_renew(&l->session, &l->queue);

	sim_renewed(l, &lost);
	for (struct msg *m = bounced; m; m = m->next, l->bounced++)
		sim_total.bounced++;
	sim_free_list(bounced);
	inbound_forget(&l->session.in);
	l->give_ups++;
	l->given_up = l->session.peer_epoch;
	sim_fail_calls(l);
}

/* The requests that wait stay in the queue, where link.c takes them out: more arrives, nothing
 * else changes. */
static void sim_peer_tired(struct peer *p)
{
	sim_fail_calls(sim_link(sim_node_of_self(p->self), p->id));
}

/* ---- what must hold in the end ---- */

/* What a has sent to b. */
static void sim_check_flow(const struct sim_node *a, const struct sim_node *b)
{
	const struct sim_link *out = a->link[b->self.id], *in = b->link[a->self.id];
	uint64_t arrived, missing;

	if (!out || !in || out->sent.epoch != b->self.epoch)
		return;
	arrived = in->arrived.epoch == a->self.epoch ? in->arrived.messages : 0;
	missing = out->sent.messages - arrived;
	if (missing > out->lost + out->bounced)
		fail_msg("seed %u: %llu messages of node%u to node%u have not come, %llu are "
			 "known to be lost",
			 sim->seed, (unsigned long long)missing, sim_place(a), sim_place(b),
			 (unsigned long long)(out->lost + out->bounced));
	if (out->lost + out->bounced && !out->give_ups && in->given_up != a->self.epoch)
		fail_msg("seed %u: node%u has lost messages to node%u, and neither had given the "
			 "other up",
			 sim->seed, sim_place(a), sim_place(b));
	if (out->queue.kept.cursor != out->queue.kept.end)
		fail_msg("seed %u: node%u has not sent all to node%u", sim->seed, sim_place(a),
			 sim_place(b));
}

static inline void sim_check_flows(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < SIM_NODES; k++) {
			struct sim_node *a = &sim->node[i], *b = &sim->node[k];

			if (i == k || !a->alive || !b->alive)
				continue;
			sim_check_flow(a, b);
			for (int32_t c = 1; a->link[b->self.id] && c < SIM_CALLS; c++)
				if (a->link[b->self.id]->waits[c])
					fail_msg("seed %u: call %d of node%u to node%u waits for "
						 "ever",
						 sim->seed, c, i, k);
		}
}
