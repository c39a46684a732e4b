/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is wrong with a configuration: all errors are collected, each with its place, so that one
 * run tells everything.
 *
 * Limits: CONFIG_ERRORS_MAX; the last one says that there are more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include "core/base/base.h"

#define CONFIG_ERRORS_MAX 100u

/* Where something stands in a file, from 1; line 0: nowhere, or the whole file. */
struct place {
	unsigned line, column;
	const char *file; /* one of the configuration's, or an option of the command line (without
			   * a line); NULL: that which is being spoken of */
};

struct config_error {
	char *file;
	unsigned line, column; /* from 1; 0 = the whole file */
	char *text;	       /* "unknown key "thraeds", did you mean "threads"?" */
};

struct config_errors {
	struct config_error *items;
	size_t count;
	size_t total; /* with those that were dropped: has something gone wrong since? */
};

/* Adds an error about this place, of this file if the place names none; what is above the limit is
 * dropped. */
void config_error(struct config_errors *e, const char *file, struct place at, const char *fmt, ...)
	printf_like(4, 5);
void config_verror(struct config_errors *e, const char *file, struct place at, const char *fmt,
		   va_list ap);
/* Writes them as compilers do, a line each: FILE:LINE:COLUMN: TEXT. */
void config_errors_write(FILE *out, const struct config_errors *e);
/* Frees all errors; none are left. */
void config_errors_fini(struct config_errors *e);
/* Returns the place of text[offset], in no file. */
struct place place_at(const char *text, size_t offset);
