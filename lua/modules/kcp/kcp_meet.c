/* SPDX-License-Identifier: MIT */
#include "lua/modules/kcp/kcp_meet.h"

#include <string.h>

#include "core/base/base.h"

#define VERSION 1

enum part {
	CONV = 1,
	NONCE = 2,
	COOKIE = 4,
	PROOF = 8,
	KEY = 16,
	REASON = 32,
	TOKEN = 64,
	FILL = 128
};

/* The parts of each kind, in the order in which they stand. */
static const uint8_t parts[] = {
	[MEET_HELLO] = NONCE | FILL,	      [MEET_COOKIE] = NONCE | COOKIE,
	[MEET_OPEN] = NONCE | COOKIE | TOKEN, [MEET_ACCEPT] = NONCE | CONV | KEY,
	[MEET_REFUSE] = NONCE | REASON,	      [MEET_MOVED] = CONV | COOKIE,
	[MEET_PROVE] = CONV | COOKIE | PROOF, [MEET_CLOSE] = CONV | PROOF,
};

static const uint8_t magic[] = { 0, 0, 0, 0, 'h', 'k', VERSION };

bool meet_is(const uint8_t *p, size_t n)
{
	return n >= 4 && little_get32(p) == 0;
}

/* The bytes of a kind without its token. */
static size_t size_of(unsigned kind)
{
	unsigned w = parts[kind];

	if (w & FILL)
		return MEET_HELLO_SIZE;
	return 8 + (w & NONCE ? 8u : 0) + (w & CONV ? 4u : 0) + (w & COOKIE ? 12u : 0) +
	       (w & PROOF ? 8u : 0) + (w & KEY ? SIPHASH_KEY : 0) + (w & REASON ? 1u : 0) +
	       (w & TOKEN ? 2u : 0);
}

static void get_parts(const uint8_t *p, unsigned w, struct meet *m)
{
	p += 8;
	if (w & NONCE) {
		m->nonce = little_get64(p);
		p += 8;
	}
	if (w & CONV) {
		m->conv = little_get32(p);
		p += 4;
	}
	if (w & COOKIE) {
		m->time = little_get32(p);
		m->mac = little_get64(p + 4);
		p += 12;
	}
	if (w & PROOF)
		m->proof = little_get64(p);
	if (w & KEY)
		memcpy(m->key, p, SIPHASH_KEY);
	if (w & REASON)
		m->reason = *p;
	if (w & TOKEN) {
		m->token_size = little_get16(p);
		m->token = p + 2;
	}
}

bool meet_get(const uint8_t *p, size_t n, struct meet *ret)
{
	*ret = (struct meet){ .kind = 0 };
	if (n < 8 || memcmp(p, magic, sizeof(magic)) != 0)
		return false;
	ret->kind = p[7];
	if (ret->kind < MEET_HELLO || ret->kind > MEET_CLOSE || n < size_of(ret->kind))
		return false;
	get_parts(p, parts[ret->kind], ret);
	return n == size_of(ret->kind) + ret->token_size && ret->token_size <= MEET_TOKEN_MAX;
}

size_t meet_put(uint8_t ret[MEET_MAX], const struct meet *m)
{
	unsigned w = parts[m->kind];
	size_t n = size_of(m->kind);
	uint8_t *p = ret + 8;

	memset(ret, 0, n);
	memcpy(ret, magic, sizeof(magic));
	ret[7] = m->kind;
	if (w & NONCE)
		p = little_put64(p, m->nonce);
	if (w & CONV)
		p = little_put32(p, m->conv);
	if (w & COOKIE)
		p = little_put64(little_put32(p, m->time), m->mac);
	if (w & PROOF)
		little_put64(p, m->proof);
	if (w & KEY)
		memcpy(p, m->key, SIPHASH_KEY);
	if (w & REASON)
		*p = m->reason;
	if (w & TOKEN)
		p = little_put16(p, m->token_size);
	if (m->token_size)
		memcpy(p, m->token, m->token_size);
	return n + m->token_size;
}
