/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Liveness of a link that is up. All links of a node are looked at in one wake-up, the beat, and
 * whatever arrives on a link says that the other side lives and hears us, but for its questions: it
 * asks also when nothing of ours arrives there. (Data stops soon then, for nobody acknowledges it.)
 * Only who waits asks (WIRE_PING, which is answered at once): a link that was silent for a beat
 * while something waits for the other node, and any link of which nothing, and no question either,
 * came for LIVENESS_IDLE_BEATS. A question that nothing answers ends the link, so that what waited
 * does so for dead_ns at most. A process that got no processor, or was stopped, must not take its
 * own silence for that of others: all that has arrived is told before the look, and who comes late
 * himself asks once more, for whoever was asked may have stood still with him.
 *
 * Pure. Threads: none of its own; its owner's.
 */
#include <stdbool.h>
#include <stdint.h>

/* An idle link is asked after so many beats by the node with the smaller id, and after a few more
 * by the other, should the first not have done so. */
#define LIVENESS_IDLE_BEATS 15u
#define LIVENESS_IDLE_SPREAD 10u /* and at random up to so many more, not all links at once */

struct liveness {
	uint64_t heard_ns; /* the last word that was no question */
	uint64_t seen_ns;  /* the last one of all */
	uint64_t asked_ns; /* our question, 0 = none */
	uint64_t calm_ns;  /* the last look at which nothing waited for the other node */
	uint64_t beat_ns;  /* the next look */
	uint64_t idle_ns;  /* a link that is silent for so long is asked */
	bool probed;	   /* the master wants to know */
	bool again;	   /* this question was asked once more, for we were late ourselves */
};

/* Returns the time between two looks. */
uint64_t liveness_beat(uint64_t heartbeat_ns, uint64_t dead_ns);
/* Returns the first look after now of the node with this epoch. */
uint64_t liveness_next_beat(uint64_t beat, uint64_t epoch, uint64_t now);
/* Returns after how much silence an idle link is asked. first: we are to ask before the other. */
uint64_t liveness_idle(uint64_t beat, bool first, uint64_t *random);
/* The link is up. */
void liveness_begin(struct liveness *l, uint64_t next_beat, uint64_t idle, uint64_t now);
/* It is not any more; nothing is to be answered. */
void liveness_end(struct liveness *l);
/* The other side has said something. */
void liveness_heard(struct liveness *l, uint64_t now);
/* It has asked. */
void liveness_seen(struct liveness *l, uint64_t now);
/* We ask. idle: how much silence there may be from now on, until we ask again. */
void liveness_ask(struct liveness *l, uint64_t idle, uint64_t now);
/* Returns whether it has spoken since the last beat. */
bool liveness_is_fresh(const struct liveness *l, uint64_t beat, uint64_t now);
/* The look of a beat; next: that of the next one. waits: something waits for the other node.
 * doubted: others say that it is dead. Returns whether it is to be asked. */
bool liveness_look(struct liveness *l, uint64_t beat, uint64_t next, bool waits, bool doubted,
		   uint64_t now);
/* Returns when the link is silent, UINT64_MAX: nobody has asked. */
uint64_t liveness_silent_at(const struct liveness *l, uint64_t beat, uint64_t dead_ns);
