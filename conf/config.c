/* SPDX-License-Identifier: MIT */
/* A configuration that says nothing, its lists and its environment. */
#include "conf/config.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

struct config *config_create(const char *file)
{
	struct config *c = mem_zalloc(sizeof(*c));

	c->file = mem_strdup(file);
	return c;
}

void config_list_add(struct config_list *list, const char *item)
{
	must(item);
	list->items = mem_realloc(list->items, (list->count + 2) * sizeof(*list->items));
	list->items[list->count++] = mem_strdup(item);
	list->items[list->count] = NULL;
}

void config_list_clear(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		mem_free(list->items[i]);
	mem_free(list->items);
	*list = (struct config_list){ 0 };
}

void config_env_add(struct config *c, const char *key, const char *value)
{
	size_t n = c->env_count;

	must(key && value);
	/* the capacity is the next power of two */
	if ((n & (n - 1)) == 0)
		c->env = mem_realloc(c->env, (n ? n * 2 : 1) * sizeof(*c->env));
	c->env[n] = (struct config_pair){ .key = mem_strdup(key),
					  .value = mem_strdup(value),
					  .order = n };
	c->env_count++;
}

const char *config_env_get(const struct config *c, const char *key)
{
	for (size_t i = c->env_count; i > 0; i--)
		if (strcmp(c->env[i - 1].key, key) == 0)
			return c->env[i - 1].value;
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	const struct config_pair *x = a, *y = b;
	int by_name = strcmp(x->key, y->key);

	return by_name ? by_name : (x->order > y->order) - (x->order < y->order);
}

static void pair_fini(struct config_pair *p)
{
	mem_free(p->key);
	mem_free(p->value);
}

void config_env_settle(struct config *c)
{
	size_t n = 0;

	if (c->env_count)
		qsort(c->env, c->env_count, sizeof(*c->env), by_key);
	for (size_t i = 0; i < c->env_count; i++) {
		if (i + 1 < c->env_count && strcmp(c->env[i].key, c->env[i + 1].key) == 0)
			pair_fini(&c->env[i]);
		else
			c->env[n++] = c->env[i];
	}
	c->env_count = n;
}

void config_env_clear(struct config *c)
{
	for (size_t i = 0; i < c->env_count; i++)
		pair_fini(&c->env[i]);
	mem_free(c->env);
	c->env = NULL;
	c->env_count = 0;
}
