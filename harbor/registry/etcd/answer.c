/* SPDX-License-Identifier: MIT */
/* Numbers are texts in it, and what is zero or empty is left out. */
#include "harbor/registry/etcd/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/jsonread.h"
#include "core/base/mem.h"
#include "harbor/registry/etcd/base64.h"

static struct jsonv *parse(const char *body, size_t n)
{
	struct jsonv *v;

	if (jsonread(body, n, &v) < 0)
		return NULL;
	return v->type == JSONV_OBJECT ? v : jsonv_destroy(v);
}

static const struct jsonv *member(const struct jsonv *object, const char *name)
{
	return object && object->type == JSONV_OBJECT ? jsonv_get(object, name) : NULL;
}

static const char *string(const struct jsonv *object, const char *name)
{
	const struct jsonv *v = member(object, name);

	return v && v->type == JSONV_STRING ? v->text : NULL;
}

static bool is_true(const struct jsonv *object, const char *name)
{
	const struct jsonv *v = member(object, name);

	return v && v->type == JSONV_TRUE;
}

/* A number of this name, which may stand there as a text; 0 if it is not there. */
static bool number(const struct jsonv *object, const char *name, uint64_t *ret)
{
	const struct jsonv *v = member(object, name);
	char *end;

	*ret = 0;
	if (!v)
		return true;
	if ((v->type != JSONV_STRING && v->type != JSONV_NUMBER) || *v->text < '0' ||
	    *v->text > '9')
		return false;
	errno = 0;
	*ret = strtoull(v->text, &end, 10);
	return !*end && !errno;
}

/* The bytes of this name, base64; empty if they are not there. */
static char *bytes(const struct jsonv *object, const char *name, size_t *ret_size)
{
	const struct jsonv *v = member(object, name);

	if (!v)
		return base64_decode("", 0, ret_size);
	return v->type == JSONV_STRING ? base64_decode(v->text, v->size, ret_size) : NULL;
}

static bool one_key(const struct jsonv *kv, etcd_key_fn *f, void *ud)
{
	struct etcd_key k = { 0 };
	cleanup(mem_freep) char *key = bytes(kv, "key", &k.key_size);
	cleanup(mem_freep) char *value = bytes(kv, "value", &k.value_size);

	if (!key || !value || !k.key_size || !number(kv, "create_revision", &k.created) ||
	    !number(kv, "mod_revision", &k.changed) || !number(kv, "lease", &k.lease))
		return false;
	k.key = key;
	k.value = value;
	if (f)
		f(&k, ud);
	return true;
}

static bool header(const struct jsonv *j, struct etcd_result *ret)
{
	return number(member(j, "header"), "revision", &ret->revision) && ret->revision;
}

/* A list of this name, or its first element; none if it is not there. */
static bool list(const struct jsonv *object, const char *name, const struct jsonv **ret_first)
{
	const struct jsonv *v = member(object, name);

	*ret_first = v ? v->child : NULL;
	return !v || v->type == JSONV_ARRAY;
}

static bool keys(const struct jsonv *range, etcd_key_fn *f, void *ud)
{
	const struct jsonv *kv;

	if (!list(range, "kvs", &kv))
		return false;
	for (; kv; kv = kv->next)
		if (!one_key(kv, f, ud))
			return false;
	return true;
}

bool answer_range(const char *body, size_t n, struct etcd_result *ret, etcd_key_fn *f, void *ud)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(body, n);

	*ret = (struct etcd_result){ 0 };
	if (!j || !header(j, ret))
		return false;
	ret->more = is_true(j, "more");
	return keys(j, f, ud);
}

bool answer_txn(const char *body, size_t n, struct etcd_result *ret, etcd_key_fn *f, void *ud)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(body, n);
	const struct jsonv *part;

	*ret = (struct etcd_result){ 0 };
	if (!j || !header(j, ret))
		return false;
	ret->succeeded = is_true(j, "succeeded");
	if (!list(j, "responses", &part))
		return false;
	for (; part; part = part->next)
		if (!keys(member(part, "response_range"), f, ud))
			return false;
	return true;
}

bool answer_grant(const char *body, size_t n, uint64_t *ret_lease, uint64_t *ret_seconds)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(body, n);

	return j && number(j, "ID", ret_lease) && *ret_lease && number(j, "TTL", ret_seconds) &&
	       *ret_seconds;
}

/* The gateway answers as a stream, of which only the first line is for us. */
bool answer_keepalive(const char *body, size_t n, uint64_t *ret_seconds)
{
	const char *end = n ? memchr(body, '\n', n) : NULL;
	cleanup(jsonv_freep) struct jsonv *j = parse(body, end ? (size_t)(end - body) : n);
	const struct jsonv *result = member(j, "result");
	uint64_t id;

	return number(result, "ID", &id) && id && number(result, "TTL", ret_seconds);
}

bool answer_token(const char *body, size_t n, char *ret_token, size_t size)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(body, n);
	const char *token = string(j, "token");

	if (!token || !*token || strlen(token) >= size)
		return false;
	/* it becomes a line of a header */
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p >= 127)
			return false;
	memcpy(ret_token, token, strlen(token) + 1);
	return true;
}

static size_t first_line(const char *body, size_t n)
{
	size_t i = 0;

	while (i < n && i < 200 && body[i] >= ' ' && body[i] < 127)
		i++;
	return i;
}

void answer_error(const char *body, size_t n, char *ret_text, size_t size, int *ret_code)
{
	cleanup(jsonv_freep) struct jsonv *j = parse(body, n);
	const char *text = string(j, "message");
	uint64_t code;

	if (!text)
		text = string(j, "error");
	*ret_code = number(j, "code", &code) && code < 100 ? (int)code : 0;
	/* what stands before etcd's own interface, or before etcd, speaks no JSON */
	if (!j)
		snprintf(ret_text, size, "%.*s", (int)first_line(body, n), body);
	else
		snprintf(ret_text, size, "%s", text ? text : "");
	for (char *p = ret_text; *p; p++) /* it becomes a line of the log */
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
}
