/* SPDX-License-Identifier: MIT */
/* The choice of an id: by the configuration's word, by the node's name, or one that is spare. */
#include "harbor/protocol/master_id.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/actor/handle.h"
#include "core/actor/remote.h"

/* ---- who gets which id ---- */

static struct master_node *refused(struct master_refusal *r, enum wire_code code,
				   const char *format, ...) printf_like(3, 4);

static struct master_node *refused(struct master_refusal *r, enum wire_code code,
				   const char *format, ...)
{
	va_list ap;

	r->code = code;
	va_start(ap, format);
	vsnprintf(r->text, sizeof(r->text), format, ap);
	va_end(ap);
	return NULL;
}

/* Is the incarnation that holds this record beyond doubt alive? */
static bool is_well(const struct master *m, const struct master_node *n, uint64_t now)
{
	return n->r.up &&
	       (master_is_own(m, n) ||
		(n->conn && now - n->heard < m->c.heartbeat_ns + m->c.heartbeat_ns / 2) ||
		master_is_seen(n));
}

/* Named nodes are their ids; only among the others a name tells who somebody is. */
static struct master_node *by_name(struct master *m, const char *name)
{
	for (unsigned i = 1; i < 256; i++)
		if (!m->nodes[i].r.named && strcmp(m->nodes[i].r.name, name) == 0)
			return &m->nodes[i];
	return NULL;
}

/* An id that nobody ever had. The name chooses, so that the same nodes get the same ids when a
 * registry is lost, whoever comes first; from the upper half, for the ids that people choose are
 * mostly small. */
static struct master_node *unused_node(struct master *m, const char *name)
{
	uint32_t hash = hash32(HASH32_START, name, strlen(name));

	for (unsigned i = 0; i < 255; i++) {
		struct master_node *n = &m->nodes[(254 - hash % 128 + 255 - i) % 255 + 1];

		if (!n->r.name[0] && !n->r.births)
			return n;
	}
	return NULL;
}

/* Of ids that belong to nobody alive: who left cleanly (epoch 0) gives before who died, the oldest
 * first. An id that a configuration names is kept for its node. */
static bool gives_before(const struct master_node *a, const struct master_node *b)
{
	bool a_left = a->r.epoch == 0, b_left = b->r.epoch == 0;

	return a_left != b_left ? a_left : a->r.gone < b->r.gone;
}

static struct master_node *spare_node(struct master *m, const char *name)
{
	struct master_node *best = unused_node(m, name);

	for (unsigned i = 1; i < 256 && !best; i++)
		if (!m->nodes[i].r.name[0])
			best = &m->nodes[i]; /* forgotten by hand */
	if (best)
		return best;
	for (unsigned i = 1; i < 256; i++) {
		struct master_node *n = &m->nodes[i];

		if (!n->r.up && !n->r.named && (!best || gives_before(n, best)))
			best = n;
	}
	return best;
}

static struct master_node *may_have(struct master *m, struct master_node *n,
				    const struct wire_control *c, uint64_t now,
				    struct master_refusal *why)
{
	bool held = c->flags & WIRE_ID_HELD;

	/* who proves his name, and nothing else, does not get what was another's */
	if (m->c.names_are_proven && n->r.name[0] && strcmp(n->r.name, c->name) != 0 &&
	    c->flags & (WIRE_ID_NAMED | WIRE_ID_HELD))
		return refused(why, WIRE_NOT_HERE,
			       "harbor id %u is node %s's by its certificate (harborctl forget %s)",
			       n->r.id, n->r.name, n->r.name);
	if (!n->r.up || n->r.epoch == c->epoch)
		return n;
	if (is_well(m, n, now) && held)
		return refused(why, WIRE_STALE,
			       "harbor id %u now belongs to another process, node %s at %s",
			       n->r.id, n->r.name, n->r.address);
	if (is_well(m, n, now))
		return refused(why, WIRE_NOT_HERE, "harbor id %u is in use: node %s at %s is alive",
			       n->r.id, n->r.name, n->r.address);
	if (!held && strcmp(n->r.name, c->name) == 0)
		return n; /* it restarted */
	return refused(why, WIRE_NOT_HERE,
		       "harbor id %u belongs to node %s at %s, which may come back", n->r.id,
		       n->r.name, n->r.address);
}

struct master_node *master_choose(struct master *m, const struct wire_control *c, uint64_t now,
				  struct master_refusal *why)
{
	bool has_id = c->flags & (WIRE_ID_NAMED | WIRE_ID_HELD);
	struct master_node *n;

	if (!remote_label_valid(c->name))
		return refused(why, WIRE_INVALID, "the node's name is not valid");
	if (!wire_address_valid(c->address))
		return refused(why, WIRE_INVALID, "the node's address is not valid");
	if (!c->epoch || c->id > 255 || (has_id && !c->id) || c->births >= MASTER_NUMBER_MAX)
		return refused(why, WIRE_INVALID, "harbor id %u: not valid", c->id);
	if (has_id) {
		n = &m->nodes[c->id];
	} else {
		n = by_name(m, c->name);
		n = n ? n : spare_node(m, c->name);
	}
	if (!n)
		return refused(why, WIRE_FULL,
			       "all 255 harbor ids are taken (harborctl forget frees one)");
	return may_have(m, n, c, now, why);
}

/* ---- births ---- */

/* The claim as a count that goes on from what is known. Somebody whose services started before he
 * could ask has begun anywhere: that is taken as far ahead on the ring. */
static uint64_t go_on(uint64_t known, uint64_t claim)
{
	if (claim >= known)
		return claim;
	return known + (HANDLE_RING - (known - claim) % HANDLE_RING) % HANDLE_RING;
}

static uint64_t margin(const struct master_node *n, uint64_t births)
{
	return MASTER_BIRTHS_MARGIN + (births - n->life) / 8;
}

static uint64_t random_births(struct master *m)
{
	/* it only has to differ from life to life */
	return 1 + (random_next(&m->c.random) >> 8) % HANDLE_RING;
}

uint64_t master_births(struct master *m, struct master_node *n, const struct wire_control *c,
		       bool same)
{
	uint64_t births = n->r.births;

	if (!births)
		births = c->births ? c->births : random_births(m);
	else if (same && c->births)
		births = c->births;
	else if (c->births)
		births = go_on(births, c->births);
	else if (!same && n->unseen)
		births += MASTER_BIRTHS_UNSEEN;
	n->unseen = false;
	if (!same || !n->life)
		n->life = births;
	if (births + margin(n, births) > n->r.births)
		n->r.births = births + margin(n, births);
	return births;
}

void master_note_births(struct master *m, struct master_node *n, uint64_t births)
{
	/* half of the margin is left for what happens until the next report */
	if (births < n->life || births >= MASTER_NUMBER_MAX ||
	    births + margin(n, births) / 2 <= n->r.births)
		return;
	n->r.births = births + margin(n, births);
	master_save_node(m, n);
}
