/* SPDX-License-Identifier: MIT */
/* A node goes from heard to suspected to alarming as time passes without a word of it, and back to
 * heard with any word. */
#include "harbor/protocol/master_life.h"

#include "core/log/log.h"

/* Of dead_ns, in fifths. */
#define SUSPECT 2u
#define ALARM 3u
/* Who are asked first. */
#define ASKED_FIRST 2u

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void master_vouched(struct master_node *n, uint64_t now)
{
	n->alive_at = now;
	n->doubt = NOT_IN_DOUBT;
	n->asked = 0;
}

void master_heard(struct master_node *n, uint64_t now)
{
	n->heard = now;
	master_vouched(n, now);
}

static void probe(struct master *m, struct master_node *whom, const struct master_node *n)
{
	struct wire_control c = { .kind = WIRE_PROBE, .id = n->r.id, .epoch = n->r.epoch };

	/* says nothing that must be durable */
	master_write_now(m, whom->conn, &c);
}

static bool may_know(const struct master_node *n, const struct master_node *other)
{
	return other != n && other->told &&
	       (n->seen_by[other->r.id / 64] >> (other->r.id % 64) & 1);
}

/* Asks at most so many, others than last time. */
static void ask(struct master *m, struct master_node *n, unsigned most)
{
	unsigned from = n->asked_last;

	for (unsigned i = 0; i < 255 && most; i++) {
		struct master_node *other = &m->nodes[1 + (from + i) % 255];

		if (!may_know(n, other))
			continue;
		n->asked_last = other->r.id;
		n->asked++;
		probe(m, other, n);
		most--;
	}
}

void master_doubted(struct master *m, struct master_node *by, struct master_node *n)
{
	if (!n->told)
		return;
	log_warning("master: node %s (harbor %u) does not hear node %s (harbor %u), which %s",
		    by->r.name, by->r.id, n->r.name, n->r.id,
		    n->doubt == NOT_IN_DOUBT ? "is alive: it is asked, too"
					     : "is not heard here either");
	probe(m, n, by);
}

static uint64_t fifths(const struct master *m, uint64_t n)
{
	return m->c.dead_ns / 5 * n;
}

/* Returns when this doubt has its next step. */
static uint64_t ask_in_doubt(struct master *m, struct master_node *n, uint64_t now)
{
	if (n->doubt == NOT_IN_DOUBT && now >= n->alive_at + fifths(m, SUSPECT)) {
		n->doubt = SUSPECTED;
		ask(m, n, ASKED_FIRST);
	}
	if (n->doubt == SUSPECTED && now >= n->alive_at + fifths(m, ALARM)) {
		n->doubt = ALARMING;
		n->asked = 0; /* those who were asked first are asked again */
		ask(m, n, 255);
	}
	return n->doubt == NOT_IN_DOUBT ? n->alive_at + fifths(m, SUSPECT)
	       : n->doubt == SUSPECTED	? n->alive_at + fifths(m, ALARM)
					: UINT64_MAX;
}

bool master_is_gone(struct master *m, struct master_node *n, uint64_t now, uint64_t *ret_next)
{
	uint64_t verdict, step;

	/* Whoever comes here late has not let its own node speak either. */
	if (master_is_own(m, n)) {
		master_heard(n, now);
		*ret_next = UINT64_MAX;
		return false;
	}
	if (n->conn && now - n->heard >= m->c.dead_ns) {
		master_drop_connection(m, n, "no heartbeat", now);
		n->dead_at = now;
		if (now - n->alive_at < m->c.dead_ns)
			log_warning("master: node %s (harbor %u) is not heard here, but by other "
				    "nodes: it keeps its id and its names",
				    n->r.name, n->r.id);
	}
	if (n->conn) {
		verdict = n->heard + m->c.dead_ns;
	} else {
		verdict = master_is_seen(n) ? later(n->dead_at, n->alive_at + m->c.dead_ns)
					    : n->dead_at;
		if (now >= verdict)
			return true;
	}
	step = ask_in_doubt(m, n, now);
	*ret_next = step < verdict ? step : verdict;
	return false;
}
