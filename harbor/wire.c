/* SPDX-License-Identifier: MIT */
/* Frames: see wire.h. Control frames are described by a format a kind, one letter a field, so encoding and
 * decoding cannot drift apart. */
#include "harbor/wire.h"

#include <string.h>

static const char *const formats[_WIRE_KIND_MAX] = {
	[WIRE_HELLO] = "mvcnaie", [WIRE_WELCOME] = "nie", [WIRE_REFUSE] = "t",   [WIRE_PING] = "s",
	[WIRE_PONG] = "s",	  [WIRE_GOODBYE] = "",	   [WIRE_JOINED] = "i",	  [WIRE_MEMBER] = "naieu",
	[WIRE_SYNCED] = "",	  [WIRE_REGISTER] = "rth", [WIRE_RELEASE] = "rth", [WIRE_ANSWER] = "rt",
	[WIRE_NAME] = "th",
};

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Where a field of a letter lives: a number, a wide number or a string. */
static uint32_t *number_of(struct wire_control *c, char f)
{
	switch (f) {
	case 'm': return &c->magic;
	case 'v': return &c->version;
	case 'i': return &c->id;
	case 'u': return &c->up;
	case 'r': return &c->request;
	case 'h': return &c->handle;
	default: return NULL;
	}
}

static uint64_t *wide_of(struct wire_control *c, char f)
{
	return f == 'e' ? &c->epoch : f == 's' ? &c->stamp : NULL;
}

static char *string_of(struct wire_control *c, char f, size_t *ret_size)
{
	switch (f) {
	case 'c': *ret_size = sizeof(c->cluster); return c->cluster;
	case 'n': *ret_size = sizeof(c->name); return c->name;
	case 'a': *ret_size = sizeof(c->address); return c->address;
	default: *ret_size = sizeof(c->text); return c->text;
	}
}

size_t wire_encode(uint8_t *out, const struct wire_control *control)
{
	struct wire_control c = *control;
	uint8_t *p = out + 5;

	for (const char *f = formats[c.kind]; *f; f++) {
		uint32_t *number = number_of(&c, *f);
		uint64_t *wide = wide_of(&c, *f);

		if (number) {
			p = put32(p, *number);
		} else if (wide) {
			p = put32(p, (uint32_t)(*wide >> 32));
			p = put32(p, (uint32_t)*wide);
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

void wire_encode_msg(uint8_t out[WIRE_MSG_HEADER], const struct msg *m)
{
	put32(out, (uint32_t)m->size + WIRE_MSG_HEADER - 4);
	out[4] = WIRE_MSG;
	out[5] = m->type;
	out[6] = out[7] = 0;
	put32(out + 8, m->source);
	put32(out + 12, m->dest);
	put32(out + 16, (uint32_t)m->session);
	put32(out + 20, 0);
}

enum wire_result wire_peek(const uint8_t *p, size_t n, uint64_t max, enum wire_kind *ret_kind,
			   size_t *ret_size)
{
	uint32_t len;

	if (n < 5)
		return WIRE_MORE;
	len = get32(p);
	if (p[4] == 0 || p[4] >= _WIRE_KIND_MAX)
		return WIRE_BAD;
	if (p[4] == WIRE_MSG ? len < WIRE_MSG_HEADER - 4 || len > max + WIRE_MSG_HEADER - 4 :
			       len < 1 || len > WIRE_CONTROL_MAX - 4)
		return WIRE_BAD;
	*ret_kind = (enum wire_kind)p[4];
	*ret_size = (size_t)len + 4;
	return WIRE_OK;
}

enum wire_result wire_decode(const uint8_t *p, size_t n, struct wire_control *ret)
{
	struct wire_control c = { .kind = (enum wire_kind)(n > 4 ? p[4] : 0) };
	const uint8_t *end = p + n;

	if (n < 5 || c.kind <= WIRE_MSG || c.kind >= _WIRE_KIND_MAX)
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
			*wide = (uint64_t)get32(p) << 32 | get32(p + 4);
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
	if (p != end || (c.kind == WIRE_HELLO && c.magic != WIRE_MAGIC))
		return WIRE_BAD;
	*ret = c;
	return WIRE_OK;
}

void wire_decode_msg(const uint8_t *p, struct msg *ret)
{
	*ret = (struct msg){
		.size = get32(p) - (WIRE_MSG_HEADER - 4),
		.type = p[5],
		.source = get32(p + 8),
		.dest = get32(p + 12),
		.session = (int32_t)get32(p + 16),
	};
}
