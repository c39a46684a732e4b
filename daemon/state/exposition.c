/* SPDX-License-Identifier: MIT */
/* Prometheus' text format: see exposition.h. */
#include "daemon/state/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/must.h"
#include "core/base/units.h"

void exposition_family(struct text *t, const char *name, enum exposition_type type,
		       const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	must(!strpbrk(help, "\\\n"));
	text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

void exposition_label(char labels[EXPOSITION_LABELS], const char *name, const char *value)
{
	size_t n = strlen(labels), used = 0;

	n += (size_t)snprintf(labels + n, EXPOSITION_LABELS - n, "%s%s=\"", n ? "," : "", name);
	must(n + 2 * EXPOSITION_VALUE + 2 <= EXPOSITION_LABELS);
	for (; *value && used < EXPOSITION_VALUE; value++, used++) {
		if (*value == '"' || *value == '\\' || *value == '\n')
			labels[n++] = '\\';
		labels[n++] = *value;
		if (*value == '\n')
			labels[n - 1] = 'n';
	}
	labels[n++] = '"';
	labels[n] = 0;
}

static void begin(struct text *t, const char *name, const char *labels)
{
	if (*labels)
		text_printf(t, "%s{%s} ", name, labels);
	else
		text_printf(t, "%s ", name);
}

void exposition_count(struct text *t, const char *name, const char *labels, uint64_t value)
{
	begin(t, name, labels);
	text_printf(t, "%" PRIu64 "\n", value);
}

void exposition_seconds(struct text *t, const char *name, const char *labels, uint64_t ns)
{
	begin(t, name, labels);
	text_printf(t, "%" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_SEC, ns % NS_PER_SEC);
}

void exposition_counter(struct text *t, const char *name, uint64_t value, const char *help)
{
	exposition_family(t, name, EXPOSITION_COUNTER, help);
	exposition_count(t, name, "", value);
}

void exposition_gauge(struct text *t, const char *name, uint64_t value, const char *help)
{
	exposition_family(t, name, EXPOSITION_GAUGE, help);
	exposition_count(t, name, "", value);
}

static void write_sample(struct text *t, const struct exposition_figure *f, const char *labels,
			 const void *row)
{
	uint64_t value = *(const uint64_t *)(const void *)((const char *)row + f->offset);

	if (f->unit == EXPOSITION_PLAIN)
		exposition_count(t, f->name, labels, value);
	else if (f->unit == EXPOSITION_NS || value)
		exposition_seconds(t, f->name, labels, value);
}

void exposition_table(struct text *t, const struct exposition_table *table)
{
	for (unsigned f = 0; f < table->figure_count; f++) {
		const struct exposition_figure *figure = &table->figures[f];

		exposition_family(t, figure->name, figure->type, figure->help);
		for (unsigned i = 0; i < table->row_count; i++) {
			const void *row = (const char *)table->rows + i * table->row_size;
			char labels[EXPOSITION_LABELS] = "";

			if (table->label(row, i, labels))
				write_sample(t, figure, labels, row);
		}
	}
}
