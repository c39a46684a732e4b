/* SPDX-License-Identifier: MIT */
/* Control frames are described by a format a kind, one letter a field, so
 * encoding and decoding cannot drift apart. */
#include "harbor/protocol/wire.h"

#include <string.h>

#include "core/base/addrtext.h"
#include "core/base/must.h"

#ifndef WIRE_VERSION
#define WIRE_VERSION 3u
#define WIRE_VERSION_MIN 3u
#endif

const uint32_t wire_version = WIRE_VERSION, wire_version_min = WIRE_VERSION_MIN;

static const char *const formats[_WIRE_KIND_MAX] = {
	[WIRE_HELLO] = "mwvciepfrkSK",
	[WIRE_WELCOME] = "mviefrkSK",
	[WIRE_REFUSE] = "mot",
	[WIRE_PING] = "sk",
	[WIRE_PONG] = "sk",
	[WIRE_GOODBYE] = "k",
	[WIRE_JOIN] = "mwvcnaielbf",
	[WIRE_JOINED] = "mviebf",
	[WIRE_MEMBER] = "naieu",
	[WIRE_NAME] = "thxg",
	[WIRE_SYNCED] = "g",
	[WIRE_REGISTER] = "rthx",
	[WIRE_RELEASE] = "rth",
	[WIRE_ANSWER] = "rothx",
	[WIRE_ACK] = "k",
	[WIRE_TRANSFER] = "rthd",
	[WIRE_QUERY] = "rt",
	[WIRE_PROBE] = "ie",
	[WIRE_ASK] = "ier",
	[WIRE_SAY] = "ieru",
};

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	return put32(put32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* Where a field of a letter lives: a number, a wide number or a string. */
static uint32_t *number_of(struct wire_control *c, char f)
{
	switch (f) {
	case 'm':
		return &c->magic;
	case 'v':
		return &c->version;
	case 'w':
		return &c->version_min;
	case 'f':
		return &c->features;
	case 'i':
		return &c->id;
	case 'u':
		return &c->up;
	case 'r':
		return &c->request;
	case 'h':
		return &c->handle;
	case 'o':
		return &c->code;
	case 'l':
		return &c->flags;
	case 'd':
		return &c->target;
	default:
		return NULL;
	}
}

static uint64_t *wide_of(struct wire_control *c, char f)
{
	switch (f) {
	case 'e':
		return &c->epoch;
	case 'p':
		return &c->peer_epoch;
	case 's':
		return &c->stamp;
	case 'k':
		return &c->count;
	case 'S':
		return &c->session;
	case 'K':
		return &c->known;
	case 'g':
		return &c->change;
	case 'b':
		return &c->births;
	case 'x':
		return &c->fence;
	default:
		return NULL;
	}
}

static char *string_of(struct wire_control *c, char f, size_t *ret_size)
{
	switch (f) {
	case 'c':
		*ret_size = sizeof(c->cluster);
		return c->cluster;
	case 'n':
		*ret_size = sizeof(c->name);
		return c->name;
	case 'a':
		*ret_size = sizeof(c->address);
		return c->address;
	default:
		*ret_size = sizeof(c->text);
		return c->text;
	}
}

size_t wire_encode(uint8_t *out, const struct wire_control *control)
{
	struct wire_control c = *control;
	uint8_t *p = out + 5;

	c.magic = WIRE_MAGIC;
	for (const char *f = formats[c.kind]; *f; f++) {
		uint32_t *number = number_of(&c, *f);
		uint64_t *wide = wide_of(&c, *f);

		if (number) {
			p = put32(p, *number);
		} else if (wide) {
			p = put64(p, *wide);
		} else {
			size_t size, n;
			const char *s = string_of(&c, *f, &size);

			n = strnlen(s, size - 1);
			*p++ = (uint8_t)n;
			memcpy(p, s, n);
			p += n;
		}
	}
	put32(out, (uint32_t)(p - out) - 4);
	out[4] = (uint8_t)c.kind;
	return (size_t)(p - out);
}

static void put_envelope(uint8_t *out, enum wire_kind kind, uint32_t len, const struct msg *m,
			 uint32_t seq)
{
	put32(out, len);
	out[4] = (uint8_t)kind;
	out[5] = m->type;
	out[6] = out[7] = 0;
	put32(out + 8, m->source);
	put32(out + 12, m->dest);
	put32(out + 16, (uint32_t)m->session);
	put32(out + 20, seq);
}

void wire_encode_msg(uint8_t out[WIRE_MSG_HEADER], const struct msg *m, uint32_t seq)
{
	must_slow(m->size <= WIRE_CHUNK_MAX);
	put_envelope(out, WIRE_MSG, (uint32_t)m->size + WIRE_MSG_HEADER - 4, m, seq);
}

void wire_encode_large(uint8_t out[WIRE_LARGE_HEADER], const struct msg *m, uint32_t seq,
		       uint32_t stream)
{
	put_envelope(out, WIRE_LARGE, WIRE_LARGE_HEADER - 4, m, seq);
	put32(out + 24, stream);
	put64(out + 28, m->size);
}

void wire_encode_chunk(uint8_t out[WIRE_CHUNK_HEADER], uint32_t size, uint32_t seq, uint32_t stream)
{
	must(size > 0 && size <= WIRE_CHUNK_MAX);
	put32(out, size + WIRE_CHUNK_HEADER - 4);
	out[4] = WIRE_CHUNK;
	out[5] = out[6] = out[7] = 0;
	put32(out + 8, stream);
	put32(out + 12, seq);
}

void wire_encode_ack(uint8_t out[WIRE_ACK_SIZE], uint64_t count)
{
	put32(out, WIRE_ACK_SIZE - 4);
	out[4] = WIRE_ACK;
	put64(out + 5, count);
}

enum wire_result wire_peek_first(const uint8_t *p, size_t n)
{
	static const uint8_t magic[4] = { WIRE_MAGIC >> 24, (WIRE_MAGIC >> 16) & 255,
					  (WIRE_MAGIC >> 8) & 255, WIRE_MAGIC & 255 };
	size_t have = n > 5 ? n - 5 : 0;

	/* a control frame's length fits in 16 bits */
	if ((n > 0 && p[0]) || (n > 1 && p[1]))
		return WIRE_BAD;
	if (n > 4 && (p[4] <= WIRE_CHUNK || p[4] >= _WIRE_KIND_MAX || formats[p[4]][0] != 'm'))
		return WIRE_BAD;
	if (memcmp(p + 5, magic, have < 4 ? have : 4) != 0)
		return WIRE_BAD;
	return have < 4 ? WIRE_MORE : WIRE_OK;
}

enum wire_result wire_peek(const uint8_t *p, size_t n, enum wire_kind *ret_kind, size_t *ret_size)
{
	uint32_t len, least, most;

	if (n < 5)
		return WIRE_MORE;
	len = get32(p);
	switch (p[4]) {
	case WIRE_MSG:
		least = WIRE_MSG_HEADER;
		most = least + WIRE_CHUNK_MAX;
		break;
	case WIRE_LARGE:
		least = most = WIRE_LARGE_HEADER;
		break;
	case WIRE_CHUNK:
		least = WIRE_CHUNK_HEADER + 1;
		most = WIRE_CHUNK_HEADER + WIRE_CHUNK_MAX;
		break;
	default:
		if (p[4] == 0 || p[4] >= _WIRE_KIND_MAX)
			return WIRE_BAD;
		least = p[4] == WIRE_ACK ? WIRE_ACK_SIZE : 5;
		most = WIRE_CONTROL_MAX;
		break;
	}
	if (len < least - 4 || len > most - 4)
		return WIRE_BAD;
	*ret_kind = (enum wire_kind)p[4];
	*ret_size = (size_t)len + 4;
	return WIRE_OK;
}

enum wire_result wire_decode(const uint8_t *p, size_t n, struct wire_control *ret)
{
	struct wire_control c = { .kind = (enum wire_kind)(n > 4 ? p[4] : 0) };
	const uint8_t *end = p + n;

	if (n < 5 || c.kind <= WIRE_CHUNK || c.kind >= _WIRE_KIND_MAX)
		return WIRE_BAD;
	p += 5;
	for (const char *f = formats[c.kind]; *f; f++) {
		uint32_t *number = number_of(&c, *f);
		uint64_t *wide = wide_of(&c, *f);
		size_t need = number ? 4 : wide ? 8 : 1;

		if ((size_t)(end - p) < need)
			return WIRE_BAD;
		if (number) {
			*number = get32(p);
		} else if (wide) {
			*wide = get64(p);
		} else {
			size_t size, len = *p;
			char *s = string_of(&c, *f, &size);

			if ((size_t)(end - p) - 1 < len || len >= size || memchr(p + 1, 0, len))
				return WIRE_BAD;
			memcpy(s, p + 1, len);
			need += len;
		}
		p += need;
	}
	if (formats[c.kind][0] == 'm' && c.magic != WIRE_MAGIC)
		return WIRE_BAD;
	*ret = c;
	return WIRE_OK;
}

void wire_decode_msg(const uint8_t *p, struct msg *ret, uint32_t *ret_seq)
{
	*ret = (struct msg){
		.size = get32(p) - (WIRE_MSG_HEADER - 4),
		.type = p[5],
		.source = get32(p + 8),
		.dest = get32(p + 12),
		.session = (int32_t)get32(p + 16),
	};
	*ret_seq = get32(p + 20);
}

void wire_decode_large(const uint8_t *p, struct msg *ret, uint32_t *ret_seq, uint32_t *ret_stream)
{
	wire_decode_msg(p, ret, ret_seq);
	*ret_stream = get32(p + 24);
	ret->size = get64(p + 28);
}

void wire_decode_chunk(const uint8_t *p, uint32_t *ret_size, uint32_t *ret_seq,
		       uint32_t *ret_stream)
{
	*ret_size = get32(p) - (WIRE_CHUNK_HEADER - 4);
	*ret_stream = get32(p + 8);
	*ret_seq = get32(p + 12);
}

uint64_t wire_decode_ack(const uint8_t *p)
{
	return get64(p + 5);
}

bool wire_address_valid(const char *address)
{
	struct addr_text t;

	for (const char *p = address; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return !addr_split(address, -1, &t) && !t.is_unix && t.host[0] && t.port > 0;
}

uint32_t wire_common_version(uint32_t min, uint32_t max)
{
	uint32_t top = max < WIRE_VERSION ? max : WIRE_VERSION;

	return top >= min && top >= WIRE_VERSION_MIN ? top : 0;
}
