/* SPDX-License-Identifier: MIT */
/* Keys of all nodes, sorted by name, so that those of one key stand together: see confdiff.h. */
#include "daemon/ctl/confdiff.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/jsonread.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/ctl/fan.h"
#include "daemon/ctl/unanswered.h"

#define NODES_MAX 256u

struct said {
	const char *key, *value, *place; /* value NULL: not set */
	unsigned node;
};

struct nodes {
	const char *names[NODES_MAX];
	unsigned count;
};

struct table {
	struct said *items;
	size_t count;
};

static void add_rows(struct table *t, const struct jsonv *answer, unsigned node)
{
	const struct jsonv *rows = jsonv_get(answer, "config");

	for (const struct jsonv *r = rows ? rows->child : NULL; r; r = r->next) {
		if (!jsonv_text(r, "key", NULL))
			continue;
		if ((t->count & (t->count - 1)) == 0)
			t->items = mem_realloc(t->items,
					       (t->count ? 2 * t->count : 1) * sizeof(*t->items));
		t->items[t->count++] = (struct said){ .key = jsonv_text(r, "key", NULL),
						      .value = jsonv_text(r, "value", NULL),
						      .place = jsonv_text(r, "place", NULL),
						      .node = node };
	}
}

/* Takes what each node said. */
static void collect(const struct jsonv *answer, struct nodes *nodes, struct table *t)
{
	const struct jsonv *list = jsonv_get(answer, "nodes");

	for (const struct jsonv *n = list ? list->child : NULL; n; n = n->next) {
		const char *name = jsonv_text(n, "node", NULL);

		if (!name || nodes->count == NODES_MAX || !unanswered_not(n))
			continue;
		add_rows(t, jsonv_get(n, "answer"), nodes->count);
		nodes->names[nodes->count++] = name;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->node > y->node) - (x->node < y->node);
}

/* What all nodes say of one key. */
struct group {
	const struct said *first;
	size_t count;
	unsigned values; /* different ones; a node that does not have the key has one more */
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct group group_at(const struct table *t, size_t i, unsigned nodes)
{
	struct group g = { .first = &t->items[i] };

	while (i + g.count < t->count && strcmp(g.first[g.count].key, g.first->key) == 0) {
		bool is_new = true;

		for (size_t k = 0; is_new && k < g.count; k++)
			is_new = !same(g.first[k].value, g.first[g.count].value);
		g.values += is_new;
		g.count++;
	}
	g.values += g.count < nodes;
	return g;
}

static void write_row(struct json *j, const struct said *s, const char *node)
{
	json_object(j, NULL);
	json_string(j, "key", s->key);
	json_string(j, "node", node);
	json_string(j, "value", s->value);
	json_string(j, "place", s->place);
	json_object_end(j);
}

/* A key that some nodes do not have, a variable of the environment, is a row of theirs, too. */
static void write_group(struct json *j, const struct group *g, const struct nodes *nodes)
{
	size_t next = 0;

	for (unsigned n = 0; n < nodes->count; n++) {
		struct said none = { .key = g->first->key, .place = "not set", .node = n };
		bool there = next < g->count && g->first[next].node == n;

		write_row(j, there ? &g->first[next] : &none, nodes->names[n]);
		next += there;
	}
}

static void write_differences(struct json *j, const struct table *t, const struct nodes *nodes,
			      bool own)
{
	struct group g;

	for (size_t i = 0; i < t->count; i += g.count) {
		g = group_at(t, i, nodes->count);
		if (g.values > 1 && (g.values == nodes->count) == own)
			write_group(j, &g, nodes);
	}
}

static void write_all(struct json *j, struct table *t, const struct nodes *nodes)
{
	if (t->count)
		qsort(t->items, t->count, sizeof(*t->items), by_key);
	json_object(j, NULL);
	json_array(j, "differences");
	write_differences(j, t, nodes, false);
	write_differences(j, t, nodes, true);
	json_array_end(j);
	json_object_end(j);
}

int confdiff_command(const struct ask *to, bool json)
{
	char *words[] = { "config", NULL };
	struct fan f = { .to = { .socket = to->socket, .words = words } };
	cleanup(jsonv_freep) struct jsonv *answer = fan_ask_all(&f);
	struct jsonv *shown = NULL;
	struct nodes nodes = { .count = 0 };
	struct table t = { 0 };
	struct json j;

	if (!answer)
		return f.status;
	collect(answer, &nodes, &t);
	json_init(&j);
	write_all(&j, &t, &nodes);
	must(jsonread(text_string(&j.text), j.text.size, &shown) == 0);
	json_fini(&j);
	mem_free(t.items);
	unanswered_put(shown, unanswered_take(answer));
	return fan_show(shown, json, f.status);
}
