/* SPDX-License-Identifier: MIT */
/* Recordings as bytes: see tapefile.h. */
#include "lua/load/tapefile.h"

#include <string.h>

#include "core/base/little.h"
#include "core/base/must.h"

static const char magic[8] = { 'h', 'a', 'r', 'b', 't', 'a', 'p', 'e' };
#define HEAD (sizeof(magic) + 4)
#define RECORD_HEAD 5u
#define FIXED_MAX 64u

void tape_write_head(struct text *to)
{
	uint8_t version[4];

	little_put32(version, TAPE_VERSION);
	text_add(to, magic, sizeof(magic));
	text_add(to, version, sizeof(version));
}

/* The numbers of a record. Returns the byte behind. */
static uint8_t *put_numbers(uint8_t *p, const struct tape_record *r)
{
	switch (r->kind) {
	case 'H':
		p = little_put32(little_put32(p, r->dest), r->seed);
		p = little_put64(p, (uint64_t)r->random[0]);
		p = little_put64(p, (uint64_t)r->random[1]);
		return little_put64(p, r->hash);
	case 'M':
		*p++ = r->type;
		*p++ = r->flags;
		p = little_put32(little_put32(p, r->source), (uint32_t)r->session);
		return little_put64(little_put64(p, r->mono_ns), r->now_cs);
	case 'V':
		p = little_put16(p, r->function);
		*p++ = r->raised;
		return little_put64(p, r->hash);
	case 'N':
		return little_put32(p, r->dest);
	case 'F':
		return little_put32(little_put64(p, r->size), r->dest);
	case 'I':
		return little_put64(p, r->size);
	case 'S':
		*p++ = r->type;
		p = little_put32(little_put32(p, r->source), r->dest);
		p = little_put32(little_put32(p, (uint32_t)r->session), (uint32_t)r->result);
		return little_put64(little_put64(p, r->size), r->hash);
	default:
		return p;
	}
}

/* Whether a text that ends in NUL stands before its data. */
static bool has_text(char kind)
{
	return kind == 'H' || kind == 'I';
}

void tape_write(struct text *to, const struct tape_record *r)
{
	uint8_t fixed[FIXED_MAX], head[RECORD_HEAD];
	size_t n = (size_t)(put_numbers(fixed, r) - fixed);
	size_t version = has_text(r->kind) ? strlen(r->version) + 1 : 0;

	must(n + version + r->data_size <= TAPE_RECORD_MAX);
	head[0] = (uint8_t)r->kind;
	little_put32(head + 1, (uint32_t)(n + version + r->data_size));
	text_add(to, head, sizeof(head));
	text_add(to, fixed, n);
	if (version)
		text_add(to, r->version, version);
	if (r->data_size)
		text_add(to, r->data, r->data_size);
}

bool tape_open(struct tape_reader *r, const void *bytes, size_t size, const char **ret_why)
{
	const uint8_t *p = bytes;
	uint32_t version;

	*ret_why = "it is no recording of harborctl record";
	if (size < HEAD || memcmp(p, magic, sizeof(magic)) != 0)
		return false;
	version = little_get32(p + sizeof(magic));
	*ret_why = version < TAPE_VERSION
			   ? "it is of an older harbord, whose format this one does not read"
			   : "it is of a newer harbord, whose format this one does not know";
	if (version != TAPE_VERSION)
		return false;
	*r = (struct tape_reader){ p + HEAD, p + size };
	return true;
}

/* How many bytes of numbers a record of this kind has; SIZE_MAX: there is no such kind. */
static size_t numbers(char kind)
{
	switch (kind) {
	case 'H':
		return 32;
	case 'M':
		return 26;
	case 'V':
		return 11;
	case 'N':
		return 4;
	case 'F':
		return 12;
	case 'I':
		return 8;
	case 'S':
		return 33;
	case 'G':
	case 'g':
	case 'E':
		return 0;
	default:
		return SIZE_MAX;
	}
}

static void get_numbers(const uint8_t *p, struct tape_record *r)
{
	switch (r->kind) {
	case 'H':
		r->dest = little_get32(p);
		r->seed = little_get32(p + 4);
		r->random[0] = (int64_t)little_get64(p + 8);
		r->random[1] = (int64_t)little_get64(p + 16);
		r->hash = little_get64(p + 24);
		break;
	case 'M':
		r->type = p[0];
		r->flags = p[1];
		r->source = little_get32(p + 2);
		r->session = (int32_t)little_get32(p + 6);
		r->mono_ns = little_get64(p + 10);
		r->now_cs = little_get64(p + 18);
		break;
	case 'V':
		r->function = little_get16(p);
		r->raised = p[2];
		r->hash = little_get64(p + 3);
		break;
	case 'N':
		r->dest = little_get32(p);
		break;
	case 'F':
		r->size = little_get64(p);
		r->dest = little_get32(p + 8);
		break;
	case 'I':
		r->size = little_get64(p);
		break;
	case 'S':
		r->type = p[0];
		r->source = little_get32(p + 1);
		r->dest = little_get32(p + 5);
		r->session = (int32_t)little_get32(p + 9);
		r->result = (int32_t)little_get32(p + 13);
		r->size = little_get64(p + 17);
		r->hash = little_get64(p + 25);
		break;
	default:
		break;
	}
}

static bool take_text(struct tape_record *r)
{
	const char *nul = memchr(r->data, 0, r->data_size);

	if (!nul)
		return false;
	r->version = r->data;
	r->data_size -= (size_t)(nul + 1 - r->version);
	r->data = nul + 1;
	return true;
}

bool tape_next(struct tape_reader *r, struct tape_record *ret)
{
	size_t left = (size_t)(r->end - r->at), size, fixed;

	if (left < RECORD_HEAD)
		return false;
	*ret = (struct tape_record){ .kind = (char)r->at[0] };
	size = little_get32(r->at + 1);
	fixed = numbers(ret->kind);
	if (size > TAPE_RECORD_MAX || fixed > size || size > left - RECORD_HEAD)
		return false;
	get_numbers(r->at + RECORD_HEAD, ret);
	ret->data = r->at + RECORD_HEAD + fixed;
	ret->data_size = size - fixed;
	if (has_text(ret->kind) && !take_text(ret))
		return false;
	r->at += RECORD_HEAD + size;
	return true;
}
