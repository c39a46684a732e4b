/* SPDX-License-Identifier: MIT */
/* A group is one block: its members in the order of their handles. */
#include "core/actor/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

/* ':', and eight hexadecimal digits */
#define HANDLE_SIZE 9u

struct group {
	uint64_t version;
	size_t count, capacity;
	uint32_t members[];
};

/* ---- texts ---- */

bool group_name_valid(const char *group)
{
	return remote_name_valid(group) && strlen(group) < REMOTE_GROUP_SIZE;
}

void group_key(const char *group, uint32_t handle, char ret[REMOTE_NAME_SIZE])
{
	must(group_name_valid(group));
	snprintf(ret, REMOTE_NAME_SIZE, ":%s:%08x", group, handle);
}

bool group_of_key(const char *key, char ret_group[REMOTE_NAME_SIZE], uint32_t *ret_handle)
{
	size_t n = strnlen(key, REMOTE_NAME_SIZE);
	char again[REMOTE_NAME_SIZE];

	if (key[0] != ':' || n <= 1 + HANDLE_SIZE || n >= REMOTE_NAME_SIZE)
		return false;
	memcpy(ret_group, key + 1, n - 1 - HANDLE_SIZE);
	ret_group[n - 1 - HANDLE_SIZE] = 0;
	if (!group_name_valid(ret_group))
		return false;
	*ret_handle = (uint32_t)strtoul(key + n - HANDLE_SIZE + 1, NULL, 16);
	/* there is one way to write it */
	group_key(ret_group, *ret_handle, again);
	return *ret_handle && strcmp(again, key) == 0;
}

bool group_allows(const char *key, uint32_t handle)
{
	char group[REMOTE_NAME_SIZE];
	uint32_t member;

	if (key[0] != ':')
		return remote_name_valid(key);
	return group_of_key(key, group, &member) && (!handle || member == handle);
}

/* ---- members ---- */

static struct group *group_find(const struct groups *g, const char *group)
{
	const struct map_item *i = map_find(&g->map, group);

	return i ? (struct group *)(void *)i->text : NULL;
}

/* Returns where the handle is, or belongs. */
static size_t place_of(const struct group *group, uint32_t handle)
{
	size_t low = 0, high = group->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (group->members[middle] < handle)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool add(struct groups *g, const char *name, uint32_t handle)
{
	struct map_item *i = map_find(&g->map, name);
	struct group *group;
	size_t at;

	if (!i)
		i = map_add(&g->map, name);
	group = (struct group *)(void *)i->text;
	at = group ? place_of(group, handle) : 0;
	if (group && at < group->count && group->members[at] == handle)
		return false;
	if (!group || group->count == group->capacity) {
		size_t capacity = group ? group->capacity * 2 : 4;

		group = mem_realloc(group, sizeof(*group) + capacity * sizeof(uint32_t));
		if (!i->text)
			*group = (struct group){ 0 };
		group->capacity = capacity;
		i->text = (char *)group;
	}
	memmove(&group->members[at + 1], &group->members[at],
		(group->count - at) * sizeof(uint32_t));
	group->members[at] = handle;
	group->count++;
	group->version = ++g->version;
	return true;
}

static bool take_out(struct groups *g, const char *name, uint32_t handle)
{
	struct map_item *i = map_find(&g->map, name);
	struct group *group = i ? (struct group *)(void *)i->text : NULL;
	size_t at = group ? place_of(group, handle) : 0;

	if (!group || at == group->count || group->members[at] != handle)
		return false;
	group->count--;
	memmove(&group->members[at], &group->members[at + 1],
		(group->count - at) * sizeof(uint32_t));
	group->version = ++g->version;
	if (!group->count)
		map_remove(&g->map, i);
	return true;
}

static struct group_watch *take_watches(struct groups *g, const char *group)
{
	struct group_watch *taken = NULL;

	for (struct group_watch **p = &g->watches.first; *p;) {
		struct group_watch *w = *p;

		if (strcmp(w->group, group) != 0) {
			p = &w->next;
			continue;
		}
		list_unlink(&g->watches, p, next);
		g->watching--;
		w->next = taken;
		taken = w;
	}
	return taken;
}

struct group_watch *groups_set(struct groups *g, const char *key, bool here)
{
	char group[REMOTE_NAME_SIZE];
	uint32_t handle;

	if (key[0] != ':' || !group_of_key(key, group, &handle))
		return NULL;
	if (here ? !add(g, group, handle) : !take_out(g, group, handle))
		return NULL;
	return take_watches(g, group);
}

size_t groups_members(const struct groups *g, const char *name, uint32_t *ret, size_t max,
		      uint64_t *ret_version)
{
	const struct group *group = group_find(g, name);
	size_t n = group ? group->count : 0;

	*ret_version = group ? group->version : 0;
	if (n && max)
		memcpy(ret, group->members, (n < max ? n : max) * sizeof(*ret));
	return n;
}

/* ---- who waits ---- */

bool groups_watch(struct groups *g, const char *name, uint64_t version, uint32_t from,
		  int32_t session, const char **ret_why)
{
	const struct group *group = group_find(g, name);
	struct group_watch *w;

	*ret_why = NULL;
	if ((group ? group->version : 0) != version)
		return false;
	if (g->watching >= GROUP_WATCHES_MAX) {
		*ret_why = "too many services wait for changes of groups";
		return false;
	}
	w = mem_zalloc(sizeof(*w));
	w->from = from;
	w->session = session;
	memcpy(w->group, name, strnlen(name, sizeof(w->group) - 1));
	list_append(&g->watches, w, next);
	g->watching++;
	return true;
}

void groups_forget(struct groups *g, uint32_t from)
{
	for (struct group_watch **p = &g->watches.first; *p;) {
		struct group_watch *w = *p;

		if (w->from != from) {
			p = &w->next;
			continue;
		}
		list_unlink(&g->watches, p, next);
		g->watching--;
		mem_free(w);
	}
}

void groups_fini(struct groups *g)
{
	struct group_watch *w;

	while ((w = list_take(&g->watches, next)))
		mem_free(w);
	map_fini(&g->map);
	*g = (struct groups){ 0 };
}
