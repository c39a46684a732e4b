/* SPDX-License-Identifier: MIT */
/*
 * Commands for all nodes: see gather.h. A node's part is finished by its answer, on whichever
 * thread that comes; who finishes a part asks the next node, and who finishes the last one answers.
 * The asker of a part is the number of its gathering and its own.
 */
#include "daemon/admin/gather.h"

#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/admin/call.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

#define NODES_MAX 256u

struct part {
	unsigned harbor;
	char node[64];
	bool self, there, well;
	char *why;  /* it is not asked; NULL: it is */
	char *body; /* NULL: none yet */
};

struct gather {
	struct asker who;
	char *line;
	void (*serve)(const struct asker *who, char *line);
	bool ends_us; /* our own part is the last, when all others have answered */
	struct part parts[NODES_MAX];
	unsigned count, asked, answered;
	size_t bytes;
};

/* [lock], and of a gathering all but whom it asks, and what */
static struct lock lock = LOCK_INIT(gather);
static struct gather *gathers[GATHERS_MAX];

static void on_answer(const struct asker *a, bool well, const char *body, size_t size);

/* ---- whom to ask ---- */

static void add_node(const struct harbor_node_info *n, void *ud)
{
	struct gather *g = ud;
	struct part *p = &g->parts[g->count];

	/* who has left in order has nothing to say, and nobody misses it */
	if (g->count == NODES_MAX || strcmp(n->state, "left") == 0)
		return;
	g->count++;
	p->harbor = n->id;
	snprintf(p->node, sizeof(p->node), "%s", n->name);
	p->self = strcmp(n->state, "self") == 0;
	p->there = p->self || strcmp(n->state, "up") == 0;
	if (!p->there)
		p->why = mem_printf("it cannot be reached, it is %s%s%s", n->state,
				    n->why[0] ? ": " : "", n->why);
}

static void put_us_last(struct gather *g)
{
	for (unsigned i = 0; i + 1 < g->count; i++) {
		if (g->parts[i].self) {
			struct part p = g->parts[i];

			g->parts[i] = g->parts[i + 1];
			g->parts[i + 1] = p;
		}
	}
}

static bool are_we_in(const struct gather *g)
{
	for (unsigned i = 0; i < g->count; i++)
		if (g->parts[i].self)
			return true;
	return false;
}

static void find_nodes(struct gather *g)
{
	if (info_get()->cluster)
		harbor_foreach_node(add_node, g);
	if (g->ends_us)
		put_us_last(g);
	if (are_we_in(g))
		return;
	must(g->count < NODES_MAX);
	g->parts[g->count] = (struct part){ .self = true, .there = true };
	snprintf(g->parts[g->count].node, sizeof(g->parts->node), "%s", info_get()->node);
	g->count++;
}

/* ---- the end ---- */

static void write_part(struct json *j, const struct part *p)
{
	json_object(j, NULL);
	json_string(j, "node", p->node);
	if (p->harbor)
		json_uint(j, "harbor", p->harbor);
	json_bool(j, "ok", p->well);
	json_raw(j, "answer", p->body);
	json_object_end(j);
}

static void finish(struct gather *g)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_array(&j, "nodes");
	for (unsigned i = 0; i < g->count; i++) {
		write_part(&j, &g->parts[i]);
		mem_free(g->parts[i].body);
		mem_free(g->parts[i].why);
	}
	json_array_end(&j);
	json_object_end(&j);
	asker_answer(&g->who, &j);
	json_fini(&j);
	mem_free(g->line);
	mem_free(g);
}

/* ---- the questions ---- */

static void refuse_part(unsigned slot, unsigned part, const char *why)
{
	const struct asker a = { .answer = on_answer,
				 .session = (int32_t)(slot * NODES_MAX + part) };

	asker_refuse(&a, why);
}

static void ask_part(struct gather *g, unsigned slot, unsigned part)
{
	const struct part *p = &g->parts[part];
	const struct asker a = { .answer = on_answer,
				 .names_node = true,
				 .session = (int32_t)(slot * NODES_MAX + part) };
	cleanup(mem_freep) char *line = mem_strdup(g->line);
	void (*serve)(const struct asker *who, char *line) = g->serve;

	if (!p->there)
		refuse_part(slot, part, p->why);
	else if (p->self)
		serve(&a, line);
	else
		call_node(&a, p->harbor, line);
}

/* Takes the next node to be asked, -1: all have been. Its gathering is there until it is
 * answered. */
static int next_locked(struct gather *g)
{
	bool waits = g->ends_us && g->asked + 1 == g->count && g->answered < g->asked;

	lock_held(&lock);
	return g->asked < g->count && !waits ? (int)g->asked++ : -1;
}

static void keep_locked(struct gather *g, struct part *p, bool well, const char *body, size_t size)
{
	static const char full[] = "{\"error\":\"the answers of all nodes are too large\"}";
	bool fits = size < sizeof(full) || g->bytes + size <= GATHER_ANSWER_MAX;

	lock_held(&lock);
	must(!p->body);
	p->well = well && fits;
	p->body = fits ? mem_strndup(body, size) : mem_strdup(full);
	g->bytes += fits ? size : 0;
	g->answered++;
}

static void on_answer(const struct asker *a, bool well, const char *body, size_t size)
{
	unsigned slot = (unsigned)a->session / NODES_MAX, part = (unsigned)a->session % NODES_MAX;
	struct gather *g;
	bool last;
	int next;

	must(slot < GATHERS_MAX);
	lock_take(&lock);
	g = gathers[slot];
	must(g && part < g->count);
	keep_locked(g, &g->parts[part], well, body, size);
	next = next_locked(g);
	last = g->answered == g->count;
	if (last)
		gathers[slot] = NULL;
	lock_release(&lock);
	if (last)
		finish(g);
	else if (next >= 0)
		ask_part(g, slot,
			 (unsigned)next); /* may answer at once: as deep as there are nodes */
}

/* ---- the beginning ---- */

static int enter(struct gather *g)
{
	int slot = -1;

	lock_take(&lock);
	for (unsigned i = 0; i < GATHERS_MAX && slot < 0; i++)
		if (!gathers[i])
			slot = (int)i;
	if (slot >= 0)
		gathers[slot] = g;
	lock_release(&lock);
	return slot;
}

/* Asks one more, unless g has had all its answers: then its place is empty, or another's. */
static bool ask_next(struct gather *g, unsigned slot)
{
	int part;

	lock_take(&lock);
	part = gathers[slot] == g ? next_locked(g) : -1;
	lock_release(&lock);
	if (part >= 0)
		ask_part(g, slot, (unsigned)part);
	return part >= 0;
}

void gather_ask(const struct asker *who, const char *line,
		void (*serve)(const struct asker *who, char *line), bool ends_us)
{
	struct gather *g = mem_zalloc(sizeof(*g));
	int slot;

	g->who = *who;
	g->line = mem_strdup(line);
	g->serve = serve;
	g->ends_us = ends_us;
	find_nodes(g);
	slot = enter(g);
	if (slot < 0) {
		for (unsigned i = 0; i < g->count; i++)
			mem_free(g->parts[i].why);
		mem_free(g->line);
		mem_free(g);
		asker_refuse(who, "other commands for all nodes are under way: try again");
		return;
	}
	for (unsigned i = 0; i < GATHER_AT_ONCE && ask_next(g, (unsigned)slot); i++)
		;
}
