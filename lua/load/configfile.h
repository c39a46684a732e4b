/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Configuration files in the manner of skynet: a Lua chunk whose globals are the keys.
 *
 * Threads:   any; nothing is shared between calls.
 * Limits:    CONFIGFILE_INSTRUCTIONS, CONFIGFILE_NS and CONFIGFILE_BYTES for the whole evaluation,
 * CONFIGFILE_DEPTH includes inside each other: a file can be wrong, but it cannot hang the start.
 */
#include <stddef.h>
#include <stdint.h>

#define CONFIGFILE_INSTRUCTIONS 10000000
/* One instruction may compare or copy megabytes, or include a file. */
#define CONFIGFILE_NS UINT64_C(3000000000)
#define CONFIGFILE_BYTES (64u << 20)
#define CONFIGFILE_DEPTH 32

/* Evaluates `text`, the content of `file`, and calls emit for every key, in no order.
 *
 * include is called for each include "path" with an absolute path (a relative one was taken from
 * the directory of the file it stands in). It returns 0 and a text (mem_free'd here), or -errno and
 * an error text (the same). 0, or -EINVAL with *ret_error (the caller's, mem_free), and in
 * *ret_line the line of `file` or 0; an error of an included file has that file and line in its
 * text. */
int configfile_eval(const char *file, const char *text, size_t size,
		    int (*include)(const char *path, char **ret_text, size_t *ret_size,
				   char **ret_error, void *ud),
		    void (*emit)(const char *key, const char *value, void *ud), void *ud,
		    char **ret_error, unsigned *ret_line);
