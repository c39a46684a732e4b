/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A fuzzer's bytes as steps of a history: numbers, names and whole control frames. Small numbers
 * and known names are cheap to say, so that frames of different steps speak of the same things;
 * hostile ones are one byte away. An input that is used up gives zeros.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harbor/protocol/wire.h"

struct input {
	const uint8_t *p;
	size_t n;
};

#define INPUT_CHECK(what)        \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

static inline uint8_t input_byte(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

static inline uint64_t input_number(struct input *in)
{
	static const uint64_t hostile[] = { UINT64_MAX,
					    UINT64_C(1) << 63,
					    UINT64_C(1) << 62,
					    UINT32_MAX,
					    INT32_MAX,
					    1 << 24,
					    256,
					    255 };
	uint8_t b = input_byte(in);
	uint64_t v = 0;

	if (b < 240)
		return b;
	if (b < 248)
		return hostile[b - 240];
	for (unsigned i = 0; i < (b & 7u) + 1; i++)
		v = v << 8 | input_byte(in);
	return v;
}

/* A text of at most size - 1 bytes. */
static inline void input_text(struct input *in, char *out, size_t size)
{
	static const char *const known[] = {
		"",
		"A",
		"B",
		"game-1",
		"game-2",
		"10.0.0.1:7",
		"10.0.0.2:7",
		"[::1]:80",
		".local",
		":A:01000003",
		"12",
		"a\nb",
		"\x1b[2J",
		"exactly-15-byte",
		"sixty-three bytes-sixty-three-bytes-sixty-three-bytes-sixty-three"
	};
	uint8_t b = input_byte(in);
	size_t n = 0;

	memset(out, 0, size);
	if (b < sizeof(known) / sizeof(known[0])) {
		n = strlen(known[b]);
		memcpy(out, known[b], n < size ? n : size - 1);
	} else if (b == 255) {
		memset(out, 'x', size - 1);
	} else {
		for (n = 0; n < (b & 31u) && n < size - 1; n++)
			out[n] = (char)input_byte(in);
	}
}

/* Any kind of control frame. */
static inline enum wire_kind input_kind(uint8_t b)
{
	return (enum wire_kind)(WIRE_HELLO + b % (unsigned)(_WIRE_KIND_MAX - WIRE_HELLO));
}

/* A handle: its node is near, its index small. */
static inline uint32_t input_handle(struct input *in)
{
	uint8_t b = input_byte(in);

	return b == 255 ? (uint32_t)input_number(in) : (uint32_t)(b >> 4) << 24 | (b & 15u);
}

/* The handle (by its node), the cluster and the versions are right unless the input takes trouble.
 */
static inline void input_control(struct input *in, enum wire_kind kind, struct wire_control *ret)
{
	uint8_t b = input_byte(in);

	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->version = ret->version_min = b & 64 ? (uint32_t)input_number(in) : wire_version;
	if (b & 128)
		input_text(in, ret->cluster, sizeof(ret->cluster));
	else
		memcpy(ret->cluster, "c", 2);
	ret->flags = b & 3u;
	ret->up = b >> 2 & 1u;
	ret->id = (uint32_t)input_number(in);
	ret->epoch = input_number(in);
	ret->request = (uint32_t)input_number(in);
	ret->code = (uint32_t)input_number(in);
	ret->handle = input_handle(in);
	input_text(in, ret->name, sizeof(ret->name));
	input_text(in, ret->address, sizeof(ret->address));
	input_text(in, ret->text, sizeof(ret->text));
	ret->peer_epoch = input_number(in);
	ret->count = input_number(in);
	ret->change = input_number(in);
	ret->births = input_number(in);
	ret->fence = input_number(in);
	ret->session = input_number(in);
	ret->known = input_number(in);
	if (kind == WIRE_TRANSFER)
		ret->target = input_handle(in);
	ret->stamp = 1;
}
