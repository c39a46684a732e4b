/* SPDX-License-Identifier: MIT */
/* Options of a program: see usage.h. */
#include "core/base/usage.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/must.h"

void usage_getopt(struct usage_getopt *ret, const char *prefix, const struct usage_option *options,
		  unsigned n)
{
	char *to;

	must(n <= USAGE_OPTIONS_MAX && strlen(prefix) <= 4);
	*ret = (struct usage_getopt){ 0 };
	to = stpcpy(ret->shorts, prefix);
	for (unsigned i = 0; i < n; i++) {
		const struct usage_option *o = &options[i];

		ret->longs[i].name = o->name;
		ret->longs[i].has_arg = o->argument ? required_argument : no_argument;
		ret->longs[i].val = o->letter;
		if (o->letter >= USAGE_NO_LETTER)
			continue;
		*to++ = (char)o->letter;
		if (o->argument)
			*to++ = ':';
	}
	*to = 0;
}

static size_t width_of(const struct usage_option *o)
{
	return strlen(o->name) + (o->argument ? 1 + strlen(o->argument) : 0);
}

static void print_option(FILE *out, const struct usage_option *o, size_t width)
{
	const char *p = o->help, *newline;

	if (o->letter < USAGE_NO_LETTER)
		fprintf(out, "  -%c, --%s", o->letter, o->name);
	else
		fprintf(out, "      --%s", o->name);
	fprintf(out, "%s%s%*s  ", o->argument ? " " : "", o->argument ? o->argument : "",
		(int)(width - width_of(o)), "");
	for (; (newline = strchr(p, '\n')); p = newline + 1)
		fprintf(out, "%.*s\n%*s", (int)(newline - p), p, (int)width + 10, "");
	fprintf(out, "%s\n", p);
}

void usage_print(FILE *out, const struct usage_option *options, unsigned n)
{
	size_t width = 0;

	for (unsigned i = 0; i < n; i++)
		width = width_of(&options[i]) > width ? width_of(&options[i]) : width;
	for (unsigned i = 0; i < n; i++)
		print_option(out, &options[i], width);
}
