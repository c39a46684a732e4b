/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The parts of an image (image.h): what its bytes are, and its head, which image.c (content) and
 * image_names.c (references and names) share.
 */
#include <stdatomic.h>
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
	IMAGE_STRING, /* offset of a struct image_string */
	IMAGE_TABLE,  /* offset of a struct image_table */
	IMAGE_POINTER,
	IMAGE_CFUNCTION,
	IMAGE_BYTECODE, /* like a string: a function without upvalues */
};

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
	uint32_t id;	/* 0 .. image_tables - 1; the root is 0 */
	uint32_t n;	/* what # is: places of the array */
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
	IMAGE_ANY, /* all of image_type; keys: no tables, no functions */
	/* values: integer, float, boolean, string, table; keys: strings and 32-bit integers */
	IMAGE_PLAIN,
};

/* Only image.c and image_names.c look inside. */
struct image {
	struct share_root *native; /* the VM's, with a count of its own; NULL: the data follow */
	size_t size;
	uint64_t root;
	uint64_t version;
	char *name; /* once published, for good */
	uint32_t tables;
	uint32_t source;
	atomic_uint refs; /* released with release, acquired by who frees */
	bool log;
};
