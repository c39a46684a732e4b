/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The options of a program, which stand once in a table (options.def beside its main file): the
 * command line is read, the help is printed and the manual page is made from it.
 *
 * Pure but for the stream. Any thread.
 */
#include <getopt.h>
#include <stdio.h>

struct usage_option {
	int letter; /* what getopt_long returns; from USAGE_NO_LETTER on there is no short form */
	const char *name;
	const char *argument; /* NULL: none */
	const char *help;     /* no full stop; "\n" where the line breaks */
};

#define USAGE_NO_LETTER 256
#define USAGE_OPTIONS_MAX 16u

/* For getopt_long: the long forms with their end, and the short ones behind `prefix`. */
struct usage_getopt {
	struct option longs[USAGE_OPTIONS_MAX + 1];
	char shorts[4 + 2 * USAGE_OPTIONS_MAX + 1];
};

/* At most USAGE_OPTIONS_MAX options, and a prefix of at most 4 characters. */
void usage_getopt(struct usage_getopt *ret, const char *prefix, const struct usage_option *options,
		  unsigned n);
/* One line and more an option. */
void usage_print(FILE *out, const struct usage_option *options, unsigned n);
