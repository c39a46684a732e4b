/* SPDX-License-Identifier: MIT */
/* One question to all nodes of the cluster: see fan.h. */
#include "daemon/ctl/fan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/jsonwrite.h"
#include "daemon/ctl/print.h"

/* So many nodes are asked at once: the control socket has room for a few times as many. */
#define ASKED_MAX 16u
#define NODES_MAX 256u

static void say_error(const char *node, const struct jsonv *answer)
{
	fprintf(stderr, "harborctl: %s%s%s\n", node ? node : "", node ? ": " : "",
		jsonv_text(answer, "error", "no reason given"));
}

/* Waits for the answer of one. NULL: it is none, which is said. */
static struct jsonv *answer_of(const struct fan *f, struct ask *a)
{
	cleanup(mem_freep) char *body = NULL;
	struct jsonv *answer = NULL;
	bool well = false;
	size_t size;

	if (f->wait && !f->wait(f->ud, fileno(a->answer))) {
		ask_drop(a);
		return NULL;
	}
	if (ask_end(a, &body, &size, &well))
		return NULL;
	if (jsonread(body, size, &answer) < 0) {
		fputs("harborctl: the answer is malformed\n", stderr);
		return NULL;
	}
	if (well)
		return answer;
	say_error(a->node, answer);
	return jsonv_destroy(answer);
}

/* Puts the rows of one answer behind those of another. */
static void move_rows(struct jsonv *to, struct jsonv *from, const char *list)
{
	struct jsonv *a = (struct jsonv *)jsonv_get(to, list), **end;
	struct jsonv *b = (struct jsonv *)jsonv_get(from, list);

	if (!a || !b || a->type != JSONV_ARRAY || b->type != JSONV_ARRAY)
		return;
	for (end = &a->child; *end; end = &(*end)->next)
		;
	*end = steal(b->child);
}

static struct jsonv *merge(const struct fan *f, struct jsonv *all, struct jsonv *answer)
{
	if (!all)
		return answer;
	for (unsigned i = 0; i < FAN_LISTS && f->lists[i]; i++)
		move_rows(all, answer, f->lists[i]);
	jsonv_destroy(answer);
	return all;
}

/* Asks a few nodes at once. */
static struct jsonv *ask_some(struct fan *f, char *const *nodes, size_t n, struct jsonv *all)
{
	struct ask asks[ASKED_MAX];
	bool begun[ASKED_MAX];

	for (size_t i = 0; i < n; i++) {
		asks[i] = f->to;
		asks[i].node = nodes[i];
		begun[i] = ask_begin(&asks[i]) == 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct jsonv *answer = begun[i] ? answer_of(f, &asks[i]) : NULL;

		f->failed += !answer;
		if (answer)
			all = merge(f, all, answer);
	}
	return all;
}

bool fan_reaches(const struct jsonv *row)
{
	const char *state = jsonv_text(row, "state", "");

	return strcmp(state, "up") == 0 || strcmp(state, "self") == 0;
}

/* The ids of all nodes that the node asked can reach, and its own. Returns their number. */
static size_t find_nodes(struct fan *f, char *ret_nodes[NODES_MAX])
{
	char *words[] = { "nodes", NULL };
	struct ask a = { .socket = f->to.socket, .node = f->to.node, .words = words };
	struct jsonv *answer = ask_begin(&a) == 0 ? answer_of(f, &a) : NULL;
	const struct jsonv *rows = jsonv_get(answer, "nodes");
	size_t n = 0;

	for (const struct jsonv *r = rows ? rows->child : NULL; r && n < NODES_MAX; r = r->next) {
		const char *id = jsonv_text(r, "harbor", NULL);

		if (fan_reaches(r) && id)
			ret_nodes[n++] = mem_strdup(id);
	}
	f->failed += !answer;
	jsonv_destroy(answer);
	return n;
}

struct jsonv *fan_ask_all(struct fan *f)
{
	char *nodes[NODES_MAX];
	size_t n;
	struct jsonv *all = NULL;

	f->failed = 0;
	n = find_nodes(f, nodes);
	for (size_t i = 0; i < n; i += ASKED_MAX)
		all = ask_some(f, nodes + i, n - i < ASKED_MAX ? n - i : ASKED_MAX, all);
	if (!n && !f->failed) { /* a node without a cluster */
		char *own = NULL;

		all = ask_some(f, &own, 1, all);
	}
	for (size_t i = 0; i < n; i++)
		mem_free(nodes[i]);
	return all;
}

struct jsonv *fan_ask_one(struct fan *f)
{
	char *own = (char *)(uintptr_t)f->to.node;

	f->failed = 0;
	return ask_some(f, &own, 1, NULL);
}

int fan_show(const struct fan *f, struct jsonv *answer, bool json)
{
	if (!answer)
		return CTL_FAILED;
	if (json)
		jsonwrite(stdout, answer);
	else
		ctl_print(stdout, answer, (long long)time(NULL));
	jsonv_destroy(answer);
	return f->failed ? CTL_PARTLY : CTL_DONE;
}
