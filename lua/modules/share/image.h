/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Image: an immutable tree (or graph) of Lua values outside every Lua heap, for data that many services read.
 *
 * One allocation holds all of it. References inside are offsets. It is built from a table of one Lua state and
 * read by any number of threads without a lock.
 *
 * Threads:   building: one. Reading: any. image_ref, image_unref and the named images: any.
 * Ownership: counted. image_build and image_find give a reference; image_publish takes one.
 * Limits:    nesting IMAGE_DEPTH_MAX.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_DEPTH_MAX 150

enum image_type {
	IMAGE_NIL, /* a hole in an array, or a free node */
	IMAGE_FALSE,
	IMAGE_TRUE,
	IMAGE_INTEGER,
	IMAGE_FLOAT,
	IMAGE_STRING,   /* offset of a struct image_string */
	IMAGE_TABLE,    /* offset of a struct image_table */
	IMAGE_POINTER,
	IMAGE_CFUNCTION,
	IMAGE_BYTECODE, /* like a string: a function without upvalues */
};

struct image;
struct share_root;

struct image_string {
	uint32_t size, hash;
	char text[]; /* and a NUL */
};

struct image_node {
	uint64_t key, value;
	uint32_t hash;
	uint8_t key_type, value_type;
};

struct image_table {
	uint32_t id;    /* 0 .. image_tables - 1; the root is 0 */
	uint32_t n;     /* what # gives: places of the array */
	uint32_t slots; /* of the hash, 0 or a power of two */
	uint32_t pairs; /* used ones */
	/* n values, n types padded to 8, the nodes */
};

struct image_value {
	uint64_t v;
	uint8_t type;
};

/* Which values a table may hold; the texts of the errors differ as well. */
enum image_rule {
	IMAGE_ANY,   /* all of image_type; keys: no tables, no functions */
	IMAGE_PLAIN, /* values: integer, float, boolean, string, table; keys: strings and 32-bit integers */
};

/* Builds from the table at index. Raises for what cannot be shared. The state keeps nothing. */
struct image *image_build(lua_State *L, int index, enum image_rule rule);
struct image *image_ref(struct image *im);
/* The last one frees it. */
void image_unref(struct image *im);

/* With a VM that shares (lua/vm/share.h) an image is a root of it, and its count that of the root: a reference to one is
 * a reference to the other. NULL: it is not, and the functions below read it. */
struct share_root *image_native(const struct image *im);
/* The image that is this root, or NULL. */
struct image *image_of_native(const struct share_root *r);

const struct image_table *image_root(const struct image *im);
uint32_t image_tables(const struct image *im);
size_t image_size(const struct image *im);
const struct image_table *image_table_at(const struct image *im, uint64_t offset);
const struct image_string *image_string_at(const struct image *im, uint64_t offset);

/* The value of the key at index; type IMAGE_NIL: none. */
struct image_value image_get(lua_State *L, int index, const struct image *im, const struct image_table *t);
/* The same for a key of an image. */
struct image_value image_get_key(const struct image *im, const struct image_table *t, const struct image *from,
                                 struct image_value key);
/* Entries in order: 0 .. image_places - 1; false: nothing at this place. */
uint32_t image_places(const struct image_table *t);
bool image_entry(const struct image_table *t, uint32_t place, struct image_value *ret_key,
                 struct image_value *ret_value);
/* The place behind that of the key at index (nil: 0), or -1 if the key is not there. */
int64_t image_place_after(lua_State *L, int index, const struct image *im, const struct image_table *t);

/* ---- named images; the newest of a name is current ---- */

/* Takes the reference. The version before is let go. log: its end is worth a line in the log, from `source`.
 * Gives the number of this version: it grows over all names. */
uint64_t image_publish(const char *name, struct image *im_take, bool log, uint32_t source);
/* The same if there is none of that name yet; 0: there is, and im is still the caller's. */
uint64_t image_publish_new(const char *name, struct image *im_take);
/* A reference to the current one, or NULL. */
struct image *image_find(const char *name);
/* Ends the name; false: there is none. */
bool image_withdraw(const char *name);
/* The version that is current, or 0. */
uint64_t image_current(const char *name);
/* The first name behind `after` (NULL: the first of all) in the order of strcmp; mem_free it. NULL: none. */
char *image_next_name(const char *after);
/* NULL: never published. Valid as long as the reference. */
const char *image_name(const struct image *im);
uint64_t image_version(const struct image *im);
/* How many versions exist, current or held by somebody. */
unsigned image_count(void);
