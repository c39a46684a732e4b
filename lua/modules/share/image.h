/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Image: an immutable tree (or graph) of Lua values outside every Lua heap, for data that many
 * services read.
 *
 * One allocation holds all of it. References inside are offsets. It is built from a table of one
 * Lua state and read by any number of threads without a lock.
 *
 * Threads:   building: one. Reading: any. image_ref, image_unref and the named images: any.
 * Ownership: counted. image_build and image_find return a reference; image_publish takes one.
 * Limits:    nesting IMAGE_DEPTH_MAX.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/share/image_types.h"

/* Builds from the table at index. Raises for what cannot be shared. The state keeps nothing. */
struct image *image_build(lua_State *L, int index, enum image_rule rule);
const struct image_table *image_root(const struct image *im);
uint32_t image_tables(const struct image *im);
size_t image_size(const struct image *im);
const struct image_table *image_table_at(const struct image *im, uint64_t offset);
const struct image_string *image_string_at(const struct image *im, uint64_t offset);

/* The value of the key at index; type IMAGE_NIL: none. */
struct image_value image_get(lua_State *L, int index, const struct image *im,
			     const struct image_table *t);
/* The same for a key of an image. */
struct image_value image_get_key(const struct image *im, const struct image_table *t,
				 const struct image *from, struct image_value key);
/* Entries in order: 0 .. image_places - 1; false: nothing at this place. */
uint32_t image_places(const struct image_table *t);
bool image_entry(const struct image_table *t, uint32_t place, struct image_value *ret_key,
		 struct image_value *ret_value);
/* The place behind that of the key at index (nil: 0), or -1 if the key is not there. */
int64_t image_place_after(lua_State *L, int index, const struct image *im,
			  const struct image_table *t);
