/* SPDX-License-Identifier: MIT */
/* The schema as text: what a key's type means in words. */
#include "conf/help.h"

#include <string.h>

#include "conf/schema.h"

/* The column before which a line of a description ends. */
#define WIDTH 80u

struct words {
	const char *type, *unit;
	const char *suffix; /* of the bounds, if they are numbers */
	const char *values; /* in place of bounds */
	const char *before; /* the bounds: another value */
};

static const struct words words[] = {
	[SCHEMA_STRING] = { .type = "text", .suffix = " bytes" },
	[SCHEMA_BOOL] = { .type = "boolean", .values = "true, false" },
	[SCHEMA_UINT] = { .type = "number", .suffix = "" },
	[SCHEMA_MS] = { .type = "time", .unit = "ms, s, min, h; s without one", .suffix = "ms" },
	[SCHEMA_BYTES] = { .type = "size",
			   .unit = "B, KiB, MiB, GiB; B without one",
			   .suffix = "B" },
	[SCHEMA_ADDRESS] = { .type = "address", .values = "HOST:PORT" },
	[SCHEMA_ADDRESSES] = { .type = "list of addresses",
			       .values = "HOST:PORT, or a list of them" },
	[SCHEMA_SOCKET] = { .type = "address",
			    .values = "unix:PATH, relative to the file's folder, or unix:@NAME" },
	[SCHEMA_CHOICE] = { .type = "choice" },
	[SCHEMA_HARBOR] = { .type = "number", .suffix = "", .before = "auto, " },
	[SCHEMA_THREADS] = { .type = "number", .suffix = "", .before = "auto, " },
	[SCHEMA_PATH] = { .type = "path", .values = "relative to the file's folder" },
	[SCHEMA_CLUSTERS] = { .type = "list of gateways",
			      .values = "NAME=HOST:PORT, or a list of them" },
	[SCHEMA_SECRET] = { .type = "path",
			    .values = "relative to the file's folder, or credential:NAME" },
	[SCHEMA_TEMPLATES] = { .type = "list of paths",
			       .values = "paths with ?, relative to the file's folder" },
};

static void put_choices(FILE *out, const char *choices)
{
	for (const char *p = choices; *p; p++)
		if (*p == '|')
			fputs(", ", out);
		else
			putc(*p, out);
}

static void put_values(FILE *out, const struct schema_key *k, const struct words *w)
{
	/* as a number of threads 0 is written auto */
	uint64_t low = k->type == SCHEMA_THREADS ? 1 : k->low;

	fputs("  values: ", out);
	if (k->type == SCHEMA_CHOICE)
		put_choices(out, k->fallback);
	else if (w->values)
		fputs(w->values, out);
	else
		fprintf(out, "%s%llu%s to %llu%s", w->before ? w->before : "",
			(unsigned long long)low, k->type == SCHEMA_STRING ? "" : w->suffix,
			(unsigned long long)k->high, w->suffix);
	putc('\n', out);
}

/* Writes the text between single spaces, in lines of at most WIDTH columns. */
static void put_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WIDTH) {
			putc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column ? " " : "    ", (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputs("\n\n", out);
}

static void put_key(FILE *out, const struct schema_key *k)
{
	const struct words *w = &words[k->type];

	fprintf(out, "%s.%s\n  type: %s\n", k->section, k->name, w->type);
	if (w->unit)
		fprintf(out, "  unit: %s\n", w->unit);
	put_values(out, k, w);
	if (k->fallback)
		fprintf(out, "  default: %.*s\n", (int)schema_fallback_length(k), k->fallback);
	else
		fputs("  default: none\n", out);
	fprintf(out, "  changes: %s\n", k->live ? "on reload" : "at the next start");
	put_text(out, k->help);
}

void config_help(FILE *out)
{
	for (size_t i = 0; i < SCHEMA_KEYS; i++)
		put_key(out, &schema_keys[i]);
	fputs("env.NAME\n  type: text\n  default: none\n  changes: at the next start\n", out);
	put_text(out, "What getenv returns for NAME in every service.");
}
