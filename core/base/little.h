/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Little-endian numbers in bytes, at any address, on any machine. The put functions return the byte
 * behind.
 */
#include <stdint.h>

static inline uint16_t little_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t little_get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t little_get64(const uint8_t *p)
{
	return little_get32(p) | (uint64_t)little_get32(p + 4) << 32;
}

static inline uint8_t *little_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	return p + 2;
}

static inline uint8_t *little_put32(uint8_t *p, uint32_t v)
{
	return little_put16(little_put16(p, (uint16_t)v), (uint16_t)(v >> 16));
}

static inline uint8_t *little_put64(uint8_t *p, uint64_t v)
{
	return little_put32(little_put32(p, (uint32_t)v), (uint32_t)(v >> 32));
}
