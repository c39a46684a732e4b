/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Images as bytes, for another process: the same values, with the same order of pairs.
 *
 *   u8 type, then: nothing (nil, false, true), i64, f64, u32 size and bytes (a string), u64 (a
 *   pointer), u32 number of an earlier table or function, or of a new table: u32 places of its
 *   list, u32 pairs in there, u32 other pairs, and so many keys with their values, the list's
 *   first, each of them as here. Of a function: u32 size, u64 hash and bytes of its code; of one of
 *   Lua's libraries its name as a string, "math.floor". The number of a table or of a function with
 *   code is how many of these began before it.
 *
 * Numbers are little-endian. Not everything that may be shared has bytes: other functions of C have
 * none. The code of functions is what Lua dumps, which is as trustworthy as who wrote the bytes:
 * the hash finds damage, not malice.
 *
 * Threads: any. Ownership: as said. Limits: IMAGE_DEPTH_MAX.
 */
#include <stdbool.h>
#include <stddef.h>
#include "core/base/text.h"
#include "lua/modules/share/image_types.h"

/* Appends the bytes of the image, which the caller holds. NULL, or why not (constant). */
const char *image_to_bytes(struct image *im, struct text *to);
/* A new image, with one reference; NULL: the bytes are none, whatever they are, or there is no
 * memory. */
struct image *image_of_bytes(const void *bytes, size_t size);
