/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * sproto: messages of declared types as bytes, and the types themselves, which come as a compiled
 * bundle.
 *
 * Threads:   a loaded schema is constant; any number of threads read it. The slots: any thread.
 * Ownership: sproto_load returns a schema that sproto_free ends, unless it was saved in a slot:
 *            then it lives as long as the process.
 * Limits:    SPROTO_SIZE_MAX bytes of an encoded message, SPROTO_DEPTH_MAX structs in each other.
 * See:       sproto_schema.c, sproto_encode.c, sproto_decode.c, sproto_pack.c, sproto_slots.c;
 *            tests/fuzz/fuzz_sproto_*.c
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SPROTO_SIZE_MAX 16777216u
#define SPROTO_DEPTH_MAX 64u
#define SPROTO_TAG_MAX 32766u
#define SPROTO_DECIMALS_MAX 18u
#define SPROTO_SLOTS 16u

enum sproto_kind { SPROTO_INTEGER, SPROTO_BOOLEAN, SPROTO_STRING, SPROTO_DOUBLE, SPROTO_STRUCT };

struct sproto_type;

struct sproto_field {
	const char *name;
	const struct sproto_type *owner; /* the type that it is a field of */
	const struct sproto_type *type;	 /* of a struct */
	/* an array that is a Lua map by this field of its type; NULL: a plain one */
	const struct sproto_field *key;
	/* with key: the map holds this field, not the struct; else NULL */
	const struct sproto_field *value;
	double scale; /* 10^n of integer(n); 0: not a decimal */
	uint16_t tag;
	uint8_t kind; /* enum sproto_kind */
	bool array, binary;
};

struct sproto_type {
	uint32_t magic;
	uint32_t entries_max; /* entries in the header of a message, at most */
	const char *name;
	struct sproto_field *fields; /* by tag */
	uint32_t count;
};

struct sproto_protocol {
	const char *name;
	const struct sproto_type *request, *response; /* NULL: none */
	uint16_t tag;
	bool confirm; /* "response nil" */
};

struct sproto;

/* NULL: the bytes, which stay the caller's, are no valid bundle, or hold nothing. */
struct sproto *sproto_load(const void *bundle, size_t n);
/* NULL is fine; does nothing for a saved one. */
void sproto_free(struct sproto *s);
/* Whether p, which must be readable or NULL, is a loaded schema, or one of its types. */
bool sproto_is_schema(const void *p);
bool sproto_is_type(const void *p);
const struct sproto_type *sproto_find_type(const struct sproto *s, const char *name);
const struct sproto_protocol *sproto_find_name(const struct sproto *s, const char *name);
const struct sproto_protocol *sproto_find_tag(const struct sproto *s, int64_t tag);
void sproto_dump(const struct sproto *s, FILE *f);

/* Pushes the value at index (a table, or what can be indexed) as bytes. Raises for what does not
 * fit the type. */
void sproto_encode(lua_State *L, const struct sproto_type *t, int index);
/* Fills the table at index; returns how many bytes that took. Raises "decode error" and others. */
size_t sproto_decode(lua_State *L, const struct sproto_type *t, const void *data, size_t n,
		     int index);
/* Pushes a table with a value for every field. */
void sproto_default(lua_State *L, const struct sproto_type *t);

/* 0-packing. `out` has room for sproto_pack_max(n); returns the size. */
size_t sproto_pack_max(size_t n);
size_t sproto_pack(const void *data, size_t n, void *out);
/* Size of the unpacked bytes; -1: they were cut off. */
int64_t sproto_unpack_size(const void *data, size_t n);
/* For bytes that sproto_unpack_size likes; `out` has that much room. */
void sproto_unpack(const void *data, size_t n, void *out);

/* slot < SPROTO_SLOTS. The schema lives from now on; what was in the slot does so too. */
void sproto_save(struct sproto *s, unsigned slot);
/* NULL: nothing was saved there. */
struct sproto *sproto_saved(unsigned slot);
/* What sproto_save needs of a schema: it is not to be freed any more. */
void sproto_keep(struct sproto *s);
/* What the schema was loaded from, for a process that has it not: a copy is kept. Before it is
 * saved, by the thread that has loaded it; later calls do nothing. */
void sproto_set_bundle(struct sproto *s, const void *bundle, size_t n);
/* NULL: nobody has said it. Any thread that has found the schema in a slot. */
const void *sproto_bundle(const struct sproto *s, size_t *ret_size);
