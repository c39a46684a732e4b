/* SPDX-License-Identifier: MIT */
#include "harbor/registry/etcd/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/group.h"
#include "core/actor/remote.h"
#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/jsonread.h"
#include "core/base/mem.h"

/* ---- writing ---- */

static char *end(struct json *j)
{
	char *text;

	json_object_end(j);
	text = text_take(&j->text);
	json_fini(j);
	return text;
}

static void begin(struct json *j)
{
	json_init(j);
	json_object(j, NULL);
}

static void put_number(struct json *j, const char *name, uint64_t number)
{
	json_printf(j, name, "%llu", (unsigned long long)number);
}

char *record_of_node(const struct registry_node *n)
{
	struct json j;

	begin(&j);
	json_string(&j, "name", n->name);
	json_string(&j, "address", n->address);
	json_bool(&j, "named", n->named);
	json_bool(&j, "up", n->up);
	put_number(&j, "epoch", n->epoch);
	put_number(&j, "gone", n->gone);
	put_number(&j, "births", n->births);
	return end(&j);
}

char *record_of_name(const struct registry_change *c)
{
	struct json j;

	begin(&j);
	json_uint(&j, "handle", c->handle);
	put_number(&j, "fence", c->fence);
	return end(&j);
}

char *record_of_leader(const struct registry_leader *l)
{
	struct json j;

	begin(&j);
	json_string(&j, "name", l->name);
	json_string(&j, "address", l->address);
	put_number(&j, "since", l->since_wall_ns);
	return end(&j);
}

char *record_of_number(uint64_t number)
{
	struct json j;

	begin(&j);
	put_number(&j, "number", number);
	return end(&j);
}

/* ---- reading ---- */

static struct jsonv *parse(const char *value, size_t n)
{
	struct jsonv *v;

	if (jsonread(value, n, &v) < 0)
		return NULL;
	return v->type == JSONV_OBJECT ? v : jsonv_destroy(v);
}

/* A number, written as a number or as a text. */
static bool get_number(const struct jsonv *object, const char *name, uint64_t *ret)
{
	const struct jsonv *v = object ? jsonv_get(object, name) : NULL;
	char *rest;

	if (!v || (v->type != JSONV_STRING && v->type != JSONV_NUMBER) || *v->text < '0' ||
	    *v->text > '9')
		return false;
	errno = 0;
	*ret = strtoull(v->text, &rest, 10);
	return !*rest && !errno;
}

static bool get_text(const struct jsonv *object, const char *name, char *ret, size_t size)
{
	const struct jsonv *v = object ? jsonv_get(object, name) : NULL;

	if (!v || v->type != JSONV_STRING || v->size >= size || strlen(v->text) != v->size)
		return false;
	memcpy(ret, v->text, v->size + 1);
	return true;
}

static bool get_bool(const struct jsonv *object, const char *name, bool *ret)
{
	const struct jsonv *v = object ? jsonv_get(object, name) : NULL;

	*ret = v && v->type == JSONV_TRUE;
	return v && (v->type == JSONV_TRUE || v->type == JSONV_FALSE);
}

bool record_to_node(const char *value, size_t n, unsigned id, struct registry_node *ret)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(value, n);

	*ret = (struct registry_node){ .id = id };
	return get_text(j, "name", ret->name, sizeof(ret->name)) &&
	       (!ret->name[0] || remote_label_valid(ret->name)) &&
	       get_text(j, "address", ret->address, sizeof(ret->address)) &&
	       get_bool(j, "named", &ret->named) && get_bool(j, "up", &ret->up) &&
	       get_number(j, "epoch", &ret->epoch) && get_number(j, "gone", &ret->gone) &&
	       get_number(j, "births", &ret->births);
}

bool record_to_name(const char *value, size_t n, const char *name, struct registry_change *ret)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(value, n);
	uint64_t handle;

	*ret = (struct registry_change){ .is_name = true };
	if (!get_number(j, "handle", &handle) || handle <= 0xffffff || handle > UINT32_MAX ||
	    !group_allows(name, (uint32_t)handle) || strlen(name) >= sizeof(ret->name))
		return false;
	memcpy(ret->name, name, strlen(name));
	ret->handle = (uint32_t)handle;
	return get_number(j, "fence", &ret->fence);
}

bool record_to_leader(const char *value, size_t n, struct registry_leader *ret)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(value, n);

	*ret = (struct registry_leader){ 0 };
	return get_text(j, "name", ret->name, sizeof(ret->name)) && remote_label_valid(ret->name) &&
	       get_text(j, "address", ret->address, sizeof(ret->address)) &&
	       get_number(j, "since", &ret->since_wall_ns);
}

bool record_to_number(const char *value, size_t n, uint64_t *ret)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(value, n);

	return get_number(j, "number", ret);
}
