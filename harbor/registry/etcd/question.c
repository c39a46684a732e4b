/* SPDX-License-Identifier: MIT */
#include "harbor/registry/etcd/question.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "harbor/registry/etcd/base64.h"

static void put_bytes(struct json *j, const char *name, const char *bytes, size_t n)
{
	cleanup(mem_freep) char *text = base64_encode(bytes, n);

	json_string(j, name, text);
}

static void put_text(struct json *j, const char *name, const char *text)
{
	put_bytes(j, name, text, strlen(text));
}

/* 64 bits are written as a text. */
static void put_number(struct json *j, const char *name, uint64_t number)
{
	json_printf(j, name, "%llu", (unsigned long long)number);
}

/* The first key behind all that begin with the prefix: its last byte is less than 255. */
static void put_end(struct json *j, const char *prefix)
{
	cleanup(mem_freep) char *end = mem_strdup(prefix);

	end[strlen(end) - 1]++;
	put_text(j, "range_end", end);
}

static char *text_of(struct json *j)
{
	char *text = text_take(&j->text);

	json_fini(j);
	return text;
}

void question_begin(struct question *q)
{
	struct json *const lists[] = { &q->conditions, &q->then, &q->otherwise };

	for (unsigned i = 0; i < array_len(lists); i++) {
		json_init(lists[i]);
		json_array(lists[i], NULL);
	}
}

void question_if(struct question *q, const char *key, enum question_revision which,
		 uint64_t revision)
{
	struct json *j = &q->conditions;
	bool created = which == QUESTION_CREATED;

	json_object(j, NULL);
	put_text(j, "key", key);
	json_string(j, "target", created ? "CREATE" : "MOD");
	json_string(j, "result", "EQUAL");
	put_number(j, created ? "create_revision" : "mod_revision", revision);
	json_object_end(j);
}

static void begin(struct json *list, const char *kind, const char *key)
{
	json_object(list, NULL);
	json_object(list, kind);
	put_text(list, "key", key);
}

static void end(struct json *list)
{
	json_object_end(list);
	json_object_end(list);
}

void question_put(struct question *q, const char *key, const char *value, uint64_t lease)
{
	begin(&q->then, "request_put", key);
	put_text(&q->then, "value", value);
	if (lease)
		put_number(&q->then, "lease", lease);
	end(&q->then);
}

void question_delete(struct question *q, const char *key)
{
	begin(&q->then, "request_delete_range", key);
	end(&q->then);
}

void question_get(struct json *list, const char *key, bool prefix)
{
	begin(list, "request_range", key);
	if (prefix)
		put_end(list, key);
	end(list);
}

char *question_end(struct question *q)
{
	struct json *const lists[] = { &q->conditions, &q->then, &q->otherwise };
	char *text;

	for (unsigned i = 0; i < array_len(lists); i++)
		json_array_end(lists[i]);
	text = mem_printf("{\"compare\":%s,\"success\":%s,\"failure\":%s}",
			  text_string(&q->conditions.text), text_string(&q->then.text),
			  text_string(&q->otherwise.text));
	for (unsigned i = 0; i < array_len(lists); i++)
		json_fini(lists[i]);
	return text;
}

char *question_page(const char *prefix, const char *first, size_t first_size, uint64_t revision,
		    unsigned limit)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	put_bytes(&j, "key", first, first_size);
	put_end(&j, prefix);
	json_uint(&j, "limit", limit);
	if (revision)
		put_number(&j, "revision", revision);
	json_object_end(&j);
	return text_of(&j);
}
