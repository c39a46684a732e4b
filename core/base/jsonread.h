/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * JSON reader: text into a tree. Pure; no thread of its own.
 * Limits: JSONREAD_DEPTH_MAX nested values; the tree takes a few times the text's size.
 */
#include <stdbool.h>
#include <stddef.h>

#define JSONREAD_DEPTH_MAX 64

enum jsonv_type {
	JSONV_NULL,
	JSONV_FALSE,
	JSONV_TRUE,
	JSONV_NUMBER,
	JSONV_STRING,
	JSONV_ARRAY,
	JSONV_OBJECT
};

struct jsonv {
	enum jsonv_type type;
	char *key;	     /* in an object; else NULL */
	char *text;	     /* string (decoded) or number (as written); NUL-terminated */
	size_t size;	     /* of text; a string may hold NULs */
	struct jsonv *child; /* first member of an array or object */
	struct jsonv *next;  /* sibling */
};

/* 0, or -EINVAL when the text is not one JSON value. The tree is the caller's. */
int jsonread(const char *text, size_t n, struct jsonv **ret_value);
struct jsonv *jsonv_destroy(struct jsonv *v);
/* For cleanup(). */
static inline void jsonv_freep(struct jsonv **v)
{
	jsonv_destroy(*v);
}
/* Returns an object without members. */
struct jsonv *jsonv_object_create(void);
/* NULL: no such member. */
const struct jsonv *jsonv_get(const struct jsonv *object, const char *key);
/* The text of this member, a string or a number; `otherwise` if there is no such member, or it is
 * none of these. */
const char *jsonv_text(const struct jsonv *object, const char *key, const char *otherwise);
