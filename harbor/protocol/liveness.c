/* SPDX-License-Identifier: MIT */
#include "harbor/protocol/liveness.h"

#include "core/base/random.h"

/* Three fit into dead_ns: one until the question, two for the answer. */
uint64_t liveness_beat(uint64_t heartbeat_ns, uint64_t dead_ns)
{
	uint64_t most = dead_ns / 3;

	return heartbeat_ns < most ? heartbeat_ns : most ? most : 1;
}

uint64_t liveness_next_beat(uint64_t beat, uint64_t epoch, uint64_t now)
{
	/* the epoch differs from node to node: not all at once */
	return now + beat - (now + epoch % beat) % beat;
}

uint64_t liveness_idle(uint64_t beat, bool first, uint64_t *random)
{
	uint64_t more = first ? (random_next(random) >> 8) % LIVENESS_IDLE_SPREAD
			      : 2 * LIVENESS_IDLE_SPREAD;

	return (LIVENESS_IDLE_BEATS + more) * beat;
}

void liveness_begin(struct liveness *l, uint64_t next_beat, uint64_t idle, uint64_t now)
{
	l->heard_ns = l->seen_ns = l->calm_ns = now;
	l->beat_ns = next_beat;
	l->idle_ns = idle;
}

void liveness_end(struct liveness *l)
{
	l->asked_ns = 0;
	l->probed = l->again = false;
}

void liveness_heard(struct liveness *l, uint64_t now)
{
	l->heard_ns = l->seen_ns = now;
	l->asked_ns = 0;
	l->again = false;
}

void liveness_seen(struct liveness *l, uint64_t now)
{
	l->seen_ns = now;
}

void liveness_ask(struct liveness *l, uint64_t idle, uint64_t now)
{
	l->asked_ns = now;
	l->idle_ns = idle;
}

bool liveness_is_fresh(const struct liveness *l, uint64_t beat, uint64_t now)
{
	return now - l->heard_ns < beat;
}

bool liveness_look(struct liveness *l, uint64_t beat, uint64_t next, bool waits, bool doubted,
		   uint64_t now)
{
	bool stale = !liveness_is_fresh(l, beat, now) && (waits || doubted);
	bool late = now >= l->beat_ns + beat;

	l->beat_ns = next;
	if (l->asked_ns) {
		late &= !l->again;
		l->again |= late;
		return late;
	}
	if (!waits)
		l->calm_ns = now;
	return stale || now - l->seen_ns >= l->idle_ns;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Who waits does not do so since before the last look that found nobody. A beat is left for the
 * answer: if the question comes so late, it was this process that stood still. And one
 * from a question of the other side, which may have stood still, too; it asks once until it is
 * answered. */
uint64_t liveness_silent_at(const struct liveness *l, uint64_t beat, uint64_t dead_ns)
{
	if (!l->asked_ns)
		return UINT64_MAX;
	return later(later(l->heard_ns, l->calm_ns) + dead_ns,
		     later(l->asked_ns, l->seen_ns) + beat);
}
