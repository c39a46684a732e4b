/* SPDX-License-Identifier: MIT */
/* Messages and payload buffers: see msg.h. */
#include "core/actor/msg.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

void *payload_alloc(size_t n)
{
	must(n <= MSG_SIZE_MAX);
	return msg_payload(mem_alloc(msg_allocation(n)));
}

void *payload_realloc(void *payload, size_t n)
{
	if (!payload)
		return payload_alloc(n);
	return msg_payload(mem_realloc(msg_of(payload), msg_allocation(n)));
}

void payload_free(void *payload)
{
	if (payload)
		mem_free(msg_of(payload));
}

struct msg *msg_create(size_t n)
{
	struct msg *m = mem_alloc(msg_allocation(n));

	must(n <= MSG_SIZE_MAX);
	*m = (struct msg){ .size = n };
	return m;
}

struct msg *msg_create_copy(const void *data, size_t n)
{
	struct msg *m = msg_create(n + 1);
	char *p = msg_payload(m);

	must(data || !n);
	if (n)
		memcpy(p, data, n);
	p[n] = 0;
	m->size = n;
	return m;
}

struct msg *msg_destroy(struct msg *m)
{
	mem_free(m);
	return NULL;
}

static void (*on_drop[4])(const struct msg *m); /* added before any thread starts */

void msg_add_on_drop(void (*f)(const struct msg *m))
{
	must(f);
	for (size_t i = 0; i < array_len(on_drop); i++) {
		if (on_drop[i] && on_drop[i] != f)
			continue;
		on_drop[i] = f;
		return;
	}
	abort(); /* a fifth kind of payload: the array wants to grow */
}

static void (*on_taken)(const struct msg *m); /* set before any thread starts */

void msg_set_on_taken(void (*f)(const struct msg *m))
{
	on_taken = f;
}

void msg_taken(struct msg *m)
{
	must(on_taken && m->flags & MSG_MARK);
	m->flags &= (uint8_t)~MSG_MARK;
	on_taken(m);
}

void msg_drop(struct msg *m)
{
	if (unlikely(m->flags & MSG_MARK))
		msg_taken(m);
	for (size_t i = 0; i < array_len(on_drop) && on_drop[i]; i++)
		on_drop[i](m);
	msg_destroy(m);
}

const char *msg_type_name(int type)
{
	static const char *const names[] = {
		[PTYPE_TEXT] = "text",
		[PTYPE_RESPONSE] = "response",
		[PTYPE_MULTICAST] = "multicast",
		[PTYPE_CLIENT] = "client",
		[PTYPE_SYSTEM] = "system",
		[PTYPE_HARBOR] = "harbor",
		[PTYPE_SOCKET] = "socket",
		[PTYPE_ERROR] = "error",
		[PTYPE_QUEUE] = "queue",
		[PTYPE_DEBUG] = "debug",
		[PTYPE_LUA] = "lua",
		[PTYPE_SNAX] = "snax",
		[PTYPE_TRACE] = "trace",
	};

	return type >= 0 && (size_t)type < array_len(names) ? names[type] : NULL;
}
