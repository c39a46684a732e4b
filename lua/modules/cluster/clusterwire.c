/* SPDX-License-Identifier: MIT */
/*
 * See clusterwire.h. The type byte of a request is a kind and two flags: 0x80, the address is a
 * name; 0x40, a push. A single push has no flag but session 0. Only what a sender can mean is
 * accepted, so a body that parses is written again byte for byte (tests/fuzz/fuzz_cluster.c).
 */
#include "lua/modules/cluster/clusterwire.h"

#include <string.h>

#include "core/base/mem.h"
#include "lua/modules/socket/frames.h"
#include "core/base/little.h"
#include "core/base/must.h"

#define TYPE_SINGLE 0x00
#define TYPE_HEAD 0x01
#define TYPE_MORE 0x02
#define TYPE_LAST 0x03
#define TYPE_TRACE 0x04
#define TYPE_PUSH 0x40
#define TYPE_NAME 0x80

#define FIRST_ROOM 4096u

uint32_t clusterwire_next_session(uint32_t session)
{
	return session >= CLUSTER_SESSION_MAX ? 1 : session + 1;
}

/* Others follow it without end, and no message comes nearer to its own. */
static const char EMPTY_PART[] = "empty part, and not the last";

/* ---- requests ---- */

/* Goes behind the type byte. Returns what is left, or NULL. */
static const uint8_t *parse_address(const uint8_t *p, const uint8_t *end, bool named,
				    struct cluster_request *ret)
{
	if (!named) {
		if (end - p < 4)
			return NULL;
		ret->addr = little_get32(p);
		return p + 4;
	}
	if (end - p < 1 || p[0] == 0 || end - p < 1 + p[0])
		return NULL;
	ret->name = (const char *)p + 1;
	ret->name_size = p[0];
	return p + 1 + p[0];
}

const char *clusterwire_parse_request(const void *body, size_t n, struct cluster_request *ret)
{
	const uint8_t *p = body, *end = p + n;
	bool named, push;

	*ret = (struct cluster_request){ .kind = CLUSTER_SINGLE };
	if (n < 1)
		return "empty frame";
	named = p[0] & TYPE_NAME;
	push = p[0] & TYPE_PUSH;
	switch (p[0]) {
	case TYPE_SINGLE:
	case TYPE_SINGLE | TYPE_NAME:
		p = parse_address(p + 1, end, named, ret);
		if (!p || end - p < 4)
			return "short request";
		ret->session = little_get32(p);
		ret->push = ret->session == 0;
		p += 4;
		break;
	case TYPE_HEAD:
	case TYPE_HEAD | TYPE_PUSH:
	case TYPE_HEAD | TYPE_NAME:
	case TYPE_HEAD | TYPE_NAME | TYPE_PUSH:
		ret->kind = CLUSTER_HEAD;
		ret->push = push;
		p = parse_address(p + 1, end, named, ret);
		if (!p || end - p != 8)
			return "head of a wrong size";
		ret->session = little_get32(p);
		ret->total = little_get32(p + 4);
		p = end;
		break;
	case TYPE_MORE:
	case TYPE_LAST:
		ret->kind = p[0] == TYPE_MORE ? CLUSTER_MORE : CLUSTER_LAST;
		if (n < 5 || n > 5 + CLUSTER_PART)
			return "part of a wrong size";
		if (n == 5 && ret->kind == CLUSTER_MORE)
			return EMPTY_PART;
		ret->session = little_get32(p + 1);
		p += 5;
		break;
	case TYPE_TRACE:
		ret->kind = CLUSTER_TRACE;
		if (n > 1 + CLUSTER_PART)
			return "trace tag too long";
		p += 1;
		break;
	default:
		return "unknown type";
	}
	if (ret->kind != CLUSTER_TRACE && ret->session > CLUSTER_SESSION_MAX)
		return "session out of range";
	if (ret->kind != CLUSTER_TRACE && ret->kind != CLUSTER_SINGLE && ret->session == 0)
		return "message in parts without session";
	ret->data = (const char *)p;
	ret->size = (size_t)(end - p);
	return NULL;
}

size_t clusterwire_write_request(uint8_t ret[CLUSTER_HEAD_MAX], const struct cluster_request *r)
{
	static const uint8_t types[] = { TYPE_SINGLE, TYPE_HEAD, TYPE_MORE, TYPE_LAST, TYPE_TRACE };
	uint8_t *p = ret + FRAME_HEAD;

	*p++ = (uint8_t)(types[r->kind] | (r->name ? TYPE_NAME : 0) |
			 (r->kind == CLUSTER_HEAD && r->push ? TYPE_PUSH : 0));
	if (r->name) {
		*p++ = (uint8_t)r->name_size;
		memcpy(p, r->name, r->name_size);
		p += r->name_size;
	} else if (r->kind == CLUSTER_SINGLE || r->kind == CLUSTER_HEAD) {
		p = little_put32(p, r->addr);
	}
	if (r->kind != CLUSTER_TRACE)
		p = little_put32(p, r->session);
	if (r->kind == CLUSTER_HEAD)
		p = little_put32(p, r->total);
	frame_put_head(ret, (size_t)(p - ret) - FRAME_HEAD + r->size);
	return (size_t)(p - ret);
}

/* ---- responses ---- */

const char *clusterwire_parse_response(const void *body, size_t n, struct cluster_response *ret)
{
	const uint8_t *p = body;

	if (n < 5)
		return "short response";
	if (p[4] > ANSWER_LAST)
		return "unknown response type";
	*ret = (struct cluster_response){
		.session = little_get32(p), .type = p[4], .data = (const char *)p + 5, .size = n - 5
	};
	if (ret->type == ANSWER_MORE && n == 5)
		return EMPTY_PART;
	if (ret->type == ANSWER_BEGIN) {
		if (n != 9)
			return "response head of a wrong size";
		ret->total = little_get32(p + 5);
		ret->size = 0;
	}
	return NULL;
}

size_t clusterwire_write_response(uint8_t ret[CLUSTER_HEAD_MAX], const struct cluster_response *r)
{
	uint8_t *p = little_put32(ret + FRAME_HEAD, r->session);

	*p++ = (uint8_t)r->type;
	if (r->type == ANSWER_BEGIN)
		p = little_put32(p, r->total);
	frame_put_head(ret, (size_t)(p - ret) - FRAME_HEAD + r->size);
	return (size_t)(p - ret);
}

/* ---- messages in parts ---- */

static struct cluster_half *find(struct cluster_inbox *in, uint32_t session)
{
	for (unsigned i = 0; i < in->capacity; i++)
		if (in->halves[i].session == session)
			return &in->halves[i];
	return NULL;
}

void clusterwire_release(struct cluster_inbox *in, struct cluster_half *h)
{
	must(h >= in->halves && h < in->halves + in->capacity && h->session);
	in->held -= h->room;
	in->count--;
	mem_free(h->data);
	*h = (struct cluster_half){ .session = 0 };
}

void clusterwire_fini(struct cluster_inbox *in)
{
	for (unsigned i = 0; i < in->capacity; i++)
		if (in->halves[i].session)
			clusterwire_release(in, &in->halves[i]);
	mem_free(in->halves);
	*in = (struct cluster_inbox){ .max = in->max };
}

static struct cluster_half *free_place(struct cluster_inbox *in)
{
	unsigned old = in->capacity;

	if (in->count == CLUSTER_HALVES)
		return NULL;
	if (in->count == old) {
		in->capacity = old ? old * 2 : 2;
		in->halves = mem_realloc(in->halves, in->capacity * sizeof(*in->halves));
		memset(in->halves + old, 0, (in->capacity - old) * sizeof(*in->halves));
	}
	return find(in, 0);
}

static void begin(struct cluster_inbox *in, const struct cluster_request *r)
{
	struct cluster_half *h = find(in, r->session);

	if (h) /* the peer has given up the one before */
		clusterwire_release(in, h);
	h = r->total > in->max ? NULL : free_place(in);
	if (!h)
		return;
	*h = (struct cluster_half){ .session = r->session,
				    .push = r->push,
				    .addr = r->addr,
				    .total = r->total,
				    .name_size = (uint8_t)r->name_size };
	if (r->name)
		memcpy(h->name, r->name, r->name_size);
	in->count++;
}

/* false: it does not fit. */
static bool append(struct cluster_inbox *in, struct cluster_half *h,
		   const struct cluster_request *r)
{
	if (r->size > h->total - h->got)
		return false;
	if (h->got + r->size > h->room) {
		size_t room = h->room ? h->room : FIRST_ROOM;

		while (room < h->got + r->size)
			room *= 2;
		if (room > h->total)
			room = h->total;
		if (in->held + room - h->room > in->max)
			return false;
		h->data = mem_realloc(h->data, room);
		in->held += room - h->room;
		h->room = (uint32_t)room;
	}
	if (r->size)
		memcpy(h->data + h->got, r->data, r->size);
	h->got += (uint32_t)r->size;
	return true;
}

enum inbox_result clusterwire_gather(struct cluster_inbox *in, const struct cluster_request *r,
				     struct cluster_half **ret)
{
	struct cluster_half *h;

	if (r->kind == CLUSTER_HEAD) {
		begin(in, r);
		return INBOX_NOTHING;
	}
	h = find(in, r->session);
	if (h && !append(in, h, r)) {
		clusterwire_release(in, h);
		h = NULL;
	}
	if (r->kind == CLUSTER_MORE)
		return INBOX_NOTHING;
	if (h && h->got == h->total) {
		*ret = h;
		return INBOX_MESSAGE;
	}
	if (h)
		clusterwire_release(in, h);
	return INBOX_REFUSED;
}
