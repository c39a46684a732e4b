/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * JSON writer: appends to a growing text, places the commas. Pure; no thread of its own.
 *
 * `key` is the member's name inside an object and NULL inside an array or at the top.
 * Text that is not UTF-8 is written all the same: each offending byte becomes \u00XX.
 * Limits: JSON_DEPTH_MAX open objects and arrays (asserted: the nesting is the program's own).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/base.h"
#include "core/base/text.h"

#define JSON_DEPTH_MAX 64

struct json {
	struct text text;
	unsigned depth;
	uint64_t comma; /* bit per depth: something stands before */
};

void json_init(struct json *j);
void json_fini(struct json *j);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_string(struct json *j, const char *key, const char *value); /* NULL: null */
void json_stringn(struct json *j, const char *key, const char *value, size_t n);
void json_printf(struct json *j, const char *key, const char *fmt, ...) printf_like(3, 4);
void json_int(struct json *j, const char *key, int64_t value);
void json_uint(struct json *j, const char *key, uint64_t value);
/* Infinities and NaN, which JSON does not have, become null. */
void json_double(struct json *j, const char *key, double value);
/* A duration, which is a number of seconds in every answer: written to the microsecond. */
void json_seconds(struct json *j, const char *key, uint64_t ns);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* A value that is JSON already. */
void json_raw(struct json *j, const char *key, const char *value);
/* ":0300002a" */
void json_handle(struct json *j, const char *key, uint32_t handle);

/* The key as bytes, for the value that follows with key == NULL. Inside an object only. */
void json_keyn(struct json *j, const char *key, size_t n);
