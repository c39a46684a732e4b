/* SPDX-License-Identifier: MIT */
/*
 * Tables for people, of any answer: no command has a form of its own. The columns are the members
 * of the list's first object, as wide as their widest cell; numbers stand to the right. What they
 * are of is in their names (daemon/admin/commands.def): durations and sizes are shown with a unit
 * ("12m07s", "3.50ms", "1.20M"), points in time as ages. Values nested inside a cell are written
 * as JSON. A list with texts of several lines (stacks) is written as blocks, and a lone "output" as
 * it is.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/text.h"
#include "daemon/ctl/print.h"

#define COLUMNS_MAX 32u
#define GAP 2

void ctl_clean(struct text *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x20 && c != 0x7f) {
			text_add(t, p + i, 1);
			continue;
		}
		if (c == '\n')
			text_puts(t, "\\n");
		else
			text_printf(t, "\\x%02x", c);
	}
}

static void add_value(struct text *t, const struct jsonv *v, bool nested)
{
	bool object = v->type == JSONV_OBJECT;

	switch (v->type) {
	case JSONV_NULL:
		text_puts(t, nested ? "null" : "-");
		break;
	case JSONV_FALSE:
		text_puts(t, nested ? "false" : "no");
		break;
	case JSONV_TRUE:
		text_puts(t, nested ? "true" : "yes");
		break;
	case JSONV_STRING:
		text_puts(t, nested ? "\"" : "");
		ctl_clean(t, v->text, v->size);
		text_puts(t, nested ? "\"" : "");
		break;
	case JSONV_NUMBER:
		text_add(t, v->text, v->size);
		break;
	case JSONV_ARRAY:
	case JSONV_OBJECT:
		text_puts(t, object ? "{" : "[");
		for (const struct jsonv *m = v->child; m; m = m->next) {
			if (object) {
				ctl_clean(t, m->key, strlen(m->key));
				text_puts(t, "=");
			}
			add_value(t, m, true);
			text_puts(t, m->next ? ", " : "");
		}
		text_puts(t, object ? "}" : "]");
		break;
	}
}

/* "3d04h", "12m07s" */
static void add_age(struct text *t, long long seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds >= 86400)
		text_printf(t, "%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
	else if (seconds >= 3600)
		text_printf(t, "%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
	else
		text_printf(t, "%lldm%02llds", seconds / 60, seconds % 60);
}

/* Three figures of a number below 1024. */
static void add_short(struct text *t, double v, const char *unit)
{
	text_printf(t, "%.*f%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit);
}

static void add_duration(struct text *t, double seconds)
{
	if (seconds >= 60)
		add_age(t, (long long)seconds);
	else if (seconds >= 1)
		add_short(t, seconds, "s");
	else if (seconds >= 0.001)
		add_short(t, seconds * 1e3, "ms");
	else
		text_printf(t, seconds > 0 ? "%.0fus" : "0", seconds * 1e6);
}

static void add_size(struct text *t, double bytes)
{
	static const char *const units[] = { "K", "M", "G", "T", "P", "E" };
	unsigned i = 0;

	if (bytes < 1024) {
		text_printf(t, "%.0f", bytes);
		return;
	}
	for (bytes /= 1024; bytes >= 1023.5 && i + 1 < array_len(units); i++)
		bytes /= 1024;
	add_short(t, bytes, units[i]);
}

static bool ends_in(const char *key, const char *end)
{
	size_t n = strlen(key), m = strlen(end);

	return n >= m && strcmp(key + n - m, end) == 0;
}

/* What a number is of, its name says. */
static void add_number(struct text *t, const struct jsonv *v, long long now)
{
	const char *key = v->key ? v->key : "";

	if (strcmp(key, "since") == 0 || ends_in(key, "_time_seconds"))
		add_age(t, now - atoll(v->text));
	else if (ends_in(key, "_seconds"))
		add_duration(t, strtod(v->text, NULL));
	else if (ends_in(key, "_bytes"))
		add_size(t, strtod(v->text, NULL));
	else
		add_value(t, v, false);
}

/* A member's name, which may be a stranger's text as well. */
static char *name_of(const struct jsonv *v)
{
	struct text t = { 0 };

	ctl_clean(&t, v->key, strlen(v->key));
	return text_take(&t);
}

static char *cell(const struct jsonv *v, long long now)
{
	struct text t = { 0 };

	if (v->type == JSONV_NUMBER)
		add_number(&t, v, now);
	else
		add_value(&t, v, false);
	return text_take(&t);
}

/* Characters, not bytes: what a terminal shows. */
static int width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void pad(FILE *out, int n)
{
	fprintf(out, "%*s", n > 0 ? n : 0, "");
}

/* ---- tables ---- */

struct column {
	const char *key;
	char *head;
	int width;
	bool right;  /* numbers */
	bool silent; /* it says nothing in any row */
	bool hidden;
};

struct table {
	struct column columns[COLUMNS_MAX];
	unsigned count;
};

static struct {
	int width;
	const char *keep;
} fit;

/* What an operator needs least, that first. */
static const char *const details[] = {
	"incarnation",
	"proof",
	"cipher",
	"protocol",
	"now_seconds",
	"clock_time_seconds",
	"start_time_seconds",
	"frames_resent",
	"received_bytes",
	"sent_bytes",
	"messages_received",
	"messages_sent",
	"messages_refused",
	"mailbox_max_messages",
	"resident_bytes",
	"config_hash",
	"connections",
	"interval_seconds",
	"unacknowledged_bytes",
	"fence",
	"errors_per_second",
	"workers",
	"turn_seconds",
};

void ctl_print_fit(int width)
{
	fit.width = width;
}

void ctl_print_keep(const char *column)
{
	fit.keep = column;
}

static bool says_nothing(const struct jsonv *v)
{
	return !v || v->type == JSONV_NULL || v->type == JSONV_FALSE ||
	       (v->type == JSONV_NUMBER && strtod(v->text, NULL) == 0) ||
	       (v->type == JSONV_STRING && !v->size) || (v->type >= JSONV_ARRAY && !v->child);
}

static void add_column(struct table *t, const struct jsonv *v)
{
	struct column *c = &t->columns[t->count];

	for (unsigned i = 0; i < t->count; i++)
		if (strcmp(t->columns[i].key, v->key) == 0)
			return;
	if (t->count == COLUMNS_MAX)
		return;
	t->count++;
	*c = (struct column){
		.key = v->key, .head = name_of(v), .right = v->type == JSONV_NUMBER, .silent = true
	};
	c->width = width(c->head);
}

static void measure(struct table *t, const struct jsonv *list, long long now)
{
	for (const struct jsonv *row = list->child; row; row = row->next)
		for (const struct jsonv *v = row->child; v; v = v->next)
			add_column(t, v);
	for (const struct jsonv *row = list->child; row; row = row->next) {
		for (unsigned i = 0; i < t->count; i++) {
			struct column *c = &t->columns[i];
			const struct jsonv *v = jsonv_get(row, c->key);
			cleanup(mem_freep) char *text = v ? cell(v, now) : mem_strdup("");

			if (width(text) > c->width)
				c->width = width(text);
			c->right = c->right || (v && v->type == JSONV_NUMBER);
			c->silent = c->silent && says_nothing(v);
		}
	}
}

static bool may_hide(const struct table *t, unsigned i)
{
	const struct column *c = &t->columns[i];

	return i && !c->hidden && !(fit.keep && strcmp(c->key, fit.keep) == 0);
}

static struct column *least_needed(struct table *t)
{
	for (unsigned i = t->count; i-- > 0;)
		if (t->columns[i].silent && may_hide(t, i))
			return &t->columns[i];
	for (unsigned d = 0; d < array_len(details); d++)
		for (unsigned i = 0; i < t->count; i++)
			if (strcmp(t->columns[i].key, details[d]) == 0 && may_hide(t, i))
				return &t->columns[i];
	for (unsigned i = t->count; i-- > 0;)
		if (i + 1 < t->count && may_hide(t, i))
			return &t->columns[i];
	return NULL;
}

static void hide(struct table *t)
{
	for (;;) {
		struct column *c;
		int sum = -GAP;

		for (unsigned i = 0; i < t->count; i++)
			sum += t->columns[i].hidden ? 0 : GAP + t->columns[i].width;
		c = fit.width && sum > fit.width ? least_needed(t) : NULL;
		if (!c)
			break;
		c->hidden = true;
	}
}

/* row NULL: the heads */
static void print_row(FILE *out, const struct table *t, const struct jsonv *row, long long now)
{
	int owed = 0; /* blanks before the next cell, so that none end a line */

	for (unsigned i = 0; i < t->count; i++) {
		const struct column *c = &t->columns[i];
		const struct jsonv *v = row && !c->hidden ? jsonv_get(row, c->key) : NULL;
		cleanup(mem_freep) char *text = NULL;
		int blank;

		if (c->hidden)
			continue;
		text = !row ? mem_strdup(c->head) : v ? cell(v, now) : mem_strdup("");
		blank = c->width - width(text);
		if (!*text) {
			owed += c->width + GAP;
			continue;
		}
		pad(out, owed + (c->right ? blank : 0));
		fputs(text, out);
		owed = (c->right ? 0 : blank) + GAP;
	}
	fputc('\n', out);
}

static void print_hidden(FILE *out, const struct table *t)
{
	const char *before = "not shown: ";

	for (unsigned i = 0; i < t->count; i++) {
		if (!t->columns[i].hidden)
			continue;
		fprintf(out, "%s%s", before, t->columns[i].head);
		before = ", ";
	}
	if (*before == ',')
		fputs(" (--wide)\n", out);
}

static void print_table(FILE *out, const struct jsonv *list, long long now)
{
	struct table t = { .count = 0 };

	measure(&t, list, now);
	hide(&t);
	print_row(out, &t, NULL, now);
	for (const struct jsonv *row = list->child; row; row = row->next)
		print_row(out, &t, row, now);
	print_hidden(out, &t);
	for (unsigned i = 0; i < t.count; i++)
		mem_free(t.columns[i].head);
}

/* A text of several lines: as it is but for control characters, indented. */
static void print_text(FILE *out, const struct jsonv *v, int indent)
{
	for (const char *p = v->text, *end = p + v->size; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);
		cleanup(text_fini) struct text t = { 0 };

		for (size_t i = 0; i < n; i++)
			if (p[i] == '\t')
				text_puts(&t, "\t");
			else
				ctl_clean(&t, p + i, 1);
		pad(out, indent);
		fprintf(out, "%s\n", text_string(&t));
		p += n + (newline != NULL);
	}
}

/* Lines after the first one, a traceback's, stay lines. */
void ctl_print_error(const struct jsonv *answer)
{
	struct jsonv none = { .type = JSONV_STRING, .text = "no reason was given" };
	const struct jsonv *v = jsonv_get(answer, "error");

	none.size = strlen(none.text);
	fputs("harborctl: ", stderr);
	print_text(stderr, v && v->type == JSONV_STRING && v->size ? v : &none, 0);
}

static bool has_lines(const struct jsonv *v)
{
	return v->type == JSONV_STRING && memchr(v->text, '\n', v->size);
}

static bool has_texts(const struct jsonv *list)
{
	for (const struct jsonv *row = list->child; row; row = row->next)
		for (const struct jsonv *v = row->child; v; v = v->next)
			if (has_lines(v))
				return true;
	return false;
}

/* Each row: the short values in one line, then the long ones. */
static void print_blocks(FILE *out, const struct jsonv *list, long long now)
{
	for (const struct jsonv *row = list->child; row; row = row->next) {
		bool first = true;

		for (const struct jsonv *v = row->child; v; v = v->next) {
			cleanup(mem_freep) char *text = has_lines(v) ? NULL : cell(v, now);
			cleanup(mem_freep) char *name = name_of(v);

			if (!text)
				continue;
			fprintf(out, "%s%s %s", first ? "" : "  ", name, text);
			first = false;
		}
		fputc('\n', out);
		for (const struct jsonv *v = row->child; v; v = v->next)
			if (has_lines(v))
				print_text(out, v, GAP);
	}
}

static bool is_table(const struct jsonv *v)
{
	if (v->type != JSONV_ARRAY || !v->child)
		return false;
	for (const struct jsonv *row = v->child; row; row = row->next)
		if (row->type != JSONV_OBJECT || !row->child)
			return false;
	return true;
}

static bool is_left_off(const struct jsonv *v)
{
	return v->type == JSONV_NUMBER && strcmp(v->key, "left_off") == 0;
}

/* The members that are single values, one a line. */
static bool print_lines(FILE *out, const struct jsonv *object, long long now)
{
	bool any = false;
	int widest = 0;

	for (const struct jsonv *v = object->child; v; v = v->next) {
		cleanup(mem_freep) char *name = name_of(v);

		if (!is_table(v) && width(name) > widest)
			widest = width(name);
	}
	for (const struct jsonv *v = object->child; v; v = v->next) {
		if (is_table(v) || is_left_off(v))
			continue;
		cleanup(mem_freep) char *text = cell(v, now), *name = name_of(v);

		fputs(name, out);
		pad(out, widest - width(name) + GAP);
		fprintf(out, "%s\n", text);
		any = true;
	}
	return any;
}

/* Single values first, then the tables, and how many rows are not in them. */
static void print_object(FILE *out, const struct jsonv *object, long long now)
{
	bool before = print_lines(out, object, now);

	for (const struct jsonv *v = object->child; v; v = v->next) {
		if (is_table(v)) {
			if (before)
				fputc('\n', out);
			(has_texts(v) ? print_blocks : print_table)(out, v, now);
			before = true;
		}
		if (is_left_off(v) && strcmp(v->text, "0") != 0)
			fprintf(out, "... and %s more (--limit)\n", v->text);
	}
}

void ctl_print(FILE *out, const struct jsonv *answer, long long now)
{
	must(answer);
	const struct jsonv *only = answer->type == JSONV_OBJECT ? answer->child : NULL;
	bool alone = only && (!only->next || (is_left_off(only->next) && !only->next->next));

	if (alone && only->type == JSONV_ARRAY && !only->child) {
		cleanup(mem_freep) char *name = name_of(only);

		fprintf(out, "no %s\n", name);
	} else if (alone && only->type == JSONV_STRING && strcmp(only->key, "output") == 0) {
		print_text(out, only, 0);
	} else if (alone && only->type == JSONV_ARRAY &&
		   (!is_table(only) || strcmp(only->key, "values") == 0)) {
		for (const struct jsonv *v = only->child; v; v = v->next) {
			cleanup(mem_freep) char *text = cell(v, now);

			fprintf(out, "%s\n", text);
		}
	} else if (only) {
		print_object(out, answer, now);
	}
}
