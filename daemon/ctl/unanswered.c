/* SPDX-License-Identifier: MIT */
/* Who gave no answer: see unanswered.h. What is said of a node may be a stranger's text. */
#include "daemon/ctl/unanswered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/ctl/print.h"

bool unanswered_not(const struct jsonv *row)
{
	const struct jsonv *ok = jsonv_get(row, "ok");

	return ok && ok->type == JSONV_TRUE;
}

static void write_row(struct json *j, const struct jsonv *row)
{
	const char *harbor = jsonv_text(row, "harbor", NULL);

	json_object(j, NULL);
	json_string(j, "node", jsonv_text(row, "node", ""));
	if (harbor)
		json_uint(j, "harbor", strtoul(harbor, NULL, 10));
	json_string(j, "error",
		    jsonv_text(jsonv_get(row, "answer"), "error", "no reason was given"));
	json_object_end(j);
}

void unanswered_put(struct jsonv *object, struct jsonv *list)
{
	struct jsonv **end = &object->child;

	must(list && object->type == JSONV_OBJECT);
	while (*end)
		end = &(*end)->next;
	list->next = NULL;
	mem_free(list->key);
	list->key = mem_strdup(UNANSWERED);
	*end = list;
}

unsigned unanswered_add(struct jsonv *gathered)
{
	const struct jsonv *rows = jsonv_get(gathered, "nodes");
	struct jsonv *list = NULL;
	unsigned n = 0;
	struct json j;

	json_init(&j);
	json_array(&j, NULL);
	for (const struct jsonv *row = rows ? rows->child : NULL; row; row = row->next) {
		if (unanswered_not(row))
			continue;
		write_row(&j, row);
		n++;
	}
	json_array_end(&j);
	must(jsonread(text_string(&j.text), j.text.size, &list) == 0);
	json_fini(&j);
	unanswered_put(gathered, list);
	return n;
}

struct jsonv *unanswered_take(struct jsonv *answer)
{
	if (!answer || answer->type != JSONV_OBJECT)
		return NULL;
	for (struct jsonv **v = &answer->child; *v; v = &(*v)->next) {
		struct jsonv *list = *v;

		if (strcmp(list->key, UNANSWERED) != 0 || list->type != JSONV_ARRAY)
			continue;
		*v = list->next;
		list->next = NULL;
		return list;
	}
	return NULL;
}

static void add_clean(struct text *t, const char *text)
{
	ctl_clean(t, text, strlen(text));
}

void unanswered_name(struct text *t, const struct jsonv *row)
{
	const char *harbor = jsonv_text(row, "harbor", "");

	text_puts(t, "node ");
	add_clean(t, jsonv_text(row, "node", "?"));
	if (*harbor) {
		text_puts(t, " (harbor ");
		add_clean(t, harbor);
		text_puts(t, ")");
	}
}

void unanswered_text(struct text *t, const struct jsonv *list)
{
	for (const struct jsonv *row = list ? list->child : NULL; row; row = row->next) {
		unanswered_name(t, row);
		text_puts(t, row->next ? ", " : "");
	}
}

unsigned unanswered_tell(const struct jsonv *list)
{
	unsigned n = 0;

	for (const struct jsonv *row = list ? list->child : NULL; row; row = row->next, n++) {
		cleanup(text_fini) struct text t = { 0 };

		unanswered_name(&t, row);
		text_puts(&t, ": ");
		add_clean(&t, jsonv_text(row, "error", "no reason was given"));
		fprintf(stderr, "harborctl: %s\n", text_string(&t));
	}
	return n;
}
