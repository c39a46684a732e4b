/* SPDX-License-Identifier: MIT */
/* Messages without their pointers: see tape_message.h. */
#include "lua/load/tape_message.h"

#include <string.h>

#include "core/base/little.h"
#include "lua/modules/cluster/multicast.h"
#include "net/net.h"
#include "net/udpaddr.h"

#define SOCKET_HEAD 13u

/* Only the node itself sends these with a buffer of its own. */
static bool is_of_socket(uint8_t type, uint32_t source, size_t size, size_t head)
{
	return type == PTYPE_SOCKET && source == 0 && size >= head;
}

/* How many bytes the buffer of such a message has; a datagram's address stands behind it. */
static size_t buffer_size(const struct socket_message *m)
{
	size_t n = (size_t)m->ud;

	return m->type == SOCKET_UDP ? n + udpaddr_size(m->buffer[n]) : n;
}

static void keep_socket(const struct msg *m, struct tape_record *r, struct text *room)
{
	uint8_t head[SOCKET_HEAD];
	struct socket_message sm;
	const char *text = (const char *)msg_payload(m) + sizeof(sm);

	memcpy(&sm, msg_payload(m), sizeof(sm));
	little_put32(head, (uint32_t)sm.type);
	little_put32(head + 4, (uint32_t)sm.id);
	little_put32(head + 8, (uint32_t)sm.ud);
	head[12] = sm.buffer != NULL;
	text_add(room, head, sizeof(head));
	if (sm.buffer)
		text_add(room, sm.buffer, buffer_size(&sm));
	else
		text_add(room, text, m->size - sizeof(sm));
	r->data = room->bytes;
	r->data_size = room->size;
}

void tape_keep_payload(const struct msg *m, struct tape_record *r, struct text *room)
{
	if (is_of_socket(m->type, m->source, m->size, sizeof(struct socket_message)))
		keep_socket(m, r, room);
	else
		r->data = multicast_payload(m, &r->data_size);
}

/* Whether the bytes are what a message with this head brings. */
static bool is_buffer(const struct socket_message *m, const char *bytes, size_t size)
{
	size_t n = (size_t)m->ud;

	if (m->ud < 0 || n > size)
		return false;
	if (m->type == SOCKET_DATA)
		return n == size && n > 0;
	return m->type == SOCKET_UDP && size > n && udpaddr_size(bytes[n]) == size - n;
}

static struct msg *make_socket(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + SOCKET_HEAD;
	struct socket_message sm = { .type = (int)little_get32(data),
				     .id = (int)little_get32(data + 4),
				     .ud = (int)little_get32(data + 8) };
	size_t n = size - SOCKET_HEAD, text = data[12] ? 0 : n;
	struct msg *m;

	if (data[12] > 1 || (data[12] && !is_buffer(&sm, bytes, n)))
		return NULL;
	if (data[12]) {
		sm.buffer = payload_alloc(n);
		memcpy(sm.buffer, bytes, n);
	}
	m = msg_create(sizeof(sm) + text);
	memcpy(msg_payload(m), &sm, sizeof(sm));
	if (text)
		memcpy((char *)msg_payload(m) + sizeof(sm), bytes, text);
	return m;
}

struct msg *tape_make_message(const struct tape_record *r, uint32_t dest)
{
	struct msg *m = is_of_socket(r->type, r->source, r->data_size, SOCKET_HEAD)
				? make_socket(r->data, r->data_size)
				: msg_create_copy(r->data, r->data_size);

	if (!m)
		return NULL;
	m->source = r->source;
	m->dest = dest;
	m->session = r->session;
	m->type = r->type;
	m->flags = r->flags & MSG_FOREIGN;
	return m;
}
