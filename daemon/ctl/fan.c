/* SPDX-License-Identifier: MIT */
/* Questions to one node or to all: see fan.h. */
#include "daemon/ctl/fan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/jsonwrite.h"
#include "daemon/ctl/print.h"
#include "daemon/ctl/unanswered.h"

/* Waits for the answer. NULL: it is none, which is said. */
static struct jsonv *answer_of(struct fan *f, struct ask *a)
{
	cleanup(mem_freep) char *body = NULL;
	struct jsonv *answer = NULL;
	bool well = false;
	size_t size;

	f->status = CTL_FAILED;
	if (f->wait && !f->wait(f->ud, fileno(a->answer))) {
		ask_drop(a);
		return NULL;
	}
	f->status = ask_end(a, &body, &size, &well);
	if (f->status)
		return NULL;
	if (jsonread(body, size, &answer) < 0) {
		fputs("harborctl: the answer is malformed\n", stderr);
		f->status = CTL_FAILED;
		return NULL;
	}
	if (well)
		return answer;
	f->status = CTL_FAILED;
	ctl_print_error(answer);
	return jsonv_destroy(answer);
}

static struct jsonv *ask(struct fan *f, const char *node)
{
	struct ask a = f->to;

	a.node = node;
	f->status = ask_begin(&a);
	return f->status ? NULL : answer_of(f, &a);
}

struct jsonv *fan_ask_one(struct fan *f)
{
	return ask(f, f->to.node);
}

struct jsonv *fan_ask_all(struct fan *f)
{
	struct jsonv *all = ask(f, FAN_ALL);
	const struct jsonv *rows = jsonv_get(all, "nodes");
	unsigned nodes = 0, missing;

	if (!all)
		return NULL;
	for (const struct jsonv *row = rows ? rows->child : NULL; row; row = row->next)
		nodes++;
	missing = unanswered_add(all);
	if (missing)
		f->status = missing < nodes ? CTL_PARTLY : CTL_FAILED;
	return all;
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

/* Takes the answer out of the row of a node, which keeps an empty one. */
static struct jsonv *take_answer(struct jsonv *row)
{
	struct jsonv *in = (struct jsonv *)jsonv_get(row, "answer");
	struct jsonv *answer = jsonv_object_create();

	if (in && in->type == JSONV_OBJECT)
		answer->child = steal(in->child);
	return answer;
}

struct jsonv *fan_merge(struct jsonv *all, const char *const *lists)
{
	const struct jsonv *rows = jsonv_get(all, "nodes");
	struct jsonv *merged = NULL;

	for (struct jsonv *row = rows ? rows->child : NULL; row; row = row->next) {
		cleanup(jsonv_freep) struct jsonv *answer = NULL;

		if (!unanswered_not(row))
			continue;
		answer = take_answer(row);
		if (!merged)
			merged = steal(answer);
		for (unsigned i = 0; answer && lists[i]; i++)
			move_rows(merged, answer, lists[i]);
	}
	if (!merged)
		merged = jsonv_object_create();
	unanswered_put(merged, unanswered_take(all));
	jsonv_destroy(all);
	return merged;
}

int fan_show(struct jsonv *answer, bool json, int status)
{
	cleanup(jsonv_freep) struct jsonv *list = NULL;

	if (!answer)
		return status;
	if (json)
		jsonwrite(stdout, answer);
	list = unanswered_take(answer);
	if (!json)
		ctl_print(stdout, answer, (long long)time(NULL));
	(void)fflush(stdout); /* what is missing is told after what is there */
	jsonv_destroy(answer);
	return unanswered_tell(list) && status == CTL_DONE ? CTL_PARTLY : status;
}
