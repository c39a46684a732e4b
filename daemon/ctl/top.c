/* SPDX-License-Identifier: MIT */
/*
 * harborctl top. A node answers with its own busiest services; of several nodes the answers are put
 * into one, sorted once more and cut. A terminal is given no more than fits it.
 */
#include "daemon/ctl/top.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "daemon/admin/words.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/fan.h"
#include "daemon/ctl/print.h"

#define ROWS 40u
/* What the screen holds besides services: two heads, a blank line, the last line. */
#define SCREEN_LINES 5

struct top {
	struct fan fan;
	bool json, once, all;
	const char *sort;
	char *words[10]; /* for the node */
	unsigned limit;
};

/* ---- options ---- */

/* Takes out what is for us. The node looks at the rest. Returns 0, or an exit status. */
static int read_options(struct top *t, char *const *words)
{
	unsigned n = 1;

	t->words[0] = words[0];
	t->sort = "cpu_percent";
	t->limit = ROWS;
	for (unsigned i = 1; words[i]; i++) {
		if (strcmp(words[i], "--json") == 0) {
			t->json = true;
			continue;
		}
		if (strcmp(words[i], "--once") == 0 || strcmp(words[i], "--all") == 0) {
			*(words[i][2] == 'o' ? &t->once : &t->all) = true;
			continue;
		}
		if (!words[i + 1]) {
			fprintf(stderr, "harborctl: top: option needs a value: %s\n", words[i]);
			return CTL_USAGE;
		}
		if (strcmp(words[i], "--sort") == 0)
			t->sort = words[i + 1];
		if (strcmp(words[i], "--limit") == 0)
			t->limit = (unsigned)strtoul(words[i + 1], NULL, 10);
		if (n + 3 >= array_len(t->words)) {
			fputs("harborctl: top: too many options\n", stderr);
			return CTL_USAGE;
		}
		t->words[n++] = words[i++];
		t->words[n++] = words[i];
	}
	return 0;
}

/* ---- one order for all ---- */

struct ranked {
	double key;
	size_t order;
	struct jsonv *row;
};

static int highest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Sorts the rows of several nodes, and drops those above the limit. Returns how many. */
static size_t rank(struct jsonv *list, const char *sort, size_t limit)
{
	struct ranked *ranks = NULL;
	struct jsonv **end = &list->child;
	size_t n = 0;

	for (struct jsonv *row = list->child; row; row = row->next, n++) {
		const struct jsonv *key = jsonv_get(row, sort);

		if ((n & (n - 1)) == 0)
			ranks = mem_realloc(ranks, (n ? 2 * n : 1) * sizeof(*ranks));
		ranks[n] = (struct ranked){ key && key->text ? strtod(key->text, NULL) : 0, n,
					    row };
	}
	if (n)
		qsort(ranks, n, sizeof(*ranks), highest_first);
	for (size_t i = 0; i < n; i++) {
		ranks[i].row->next = NULL;
		if (i < limit) {
			*end = ranks[i].row;
			end = &ranks[i].row->next;
		} else {
			jsonv_destroy(ranks[i].row);
		}
	}
	*end = NULL;
	mem_free(ranks);
	return n > limit ? n - limit : 0;
}

/* ---- showing ---- */

/* What fits: a line that is cut is better than one that breaks. */
static void put_cut(FILE *out, const char *text, unsigned columns)
{
	for (unsigned column = 0; *text; text++) {
		if (*text == '\n')
			column = 0;
		else if ((*text & 0xc0) != 0x80 && ++column > columns)
			continue;
		else if ((*text & 0xc0) == 0x80 && column > columns)
			continue;
		fputc(*text, out);
	}
}

/* The screen once more. */
static void paint(const struct top *t, const struct jsonv *answer, const struct winsize *w)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		mem_exhausted(0);
	ctl_print(f, answer, (long long)time(NULL));
	fclose(f);
	fputs("\033[H\033[J", stdout);
	put_cut(stdout, text, w->ws_col ? w->ws_col : 80);
	fprintf(stdout, "by %s; --sort takes another column; ^C ends", t->sort);
	fflush(stdout);
	free(text);
}

/* Asks once, as it is to be shown. Returns NULL: nobody answered. */
static struct jsonv *look(struct top *t)
{
	struct jsonv *answer, *list;

	answer = t->all ? fan_ask_all(&t->fan) : fan_ask_one(&t->fan);
	list = answer ? (struct jsonv *)jsonv_get(answer, "services") : NULL;
	if (list && list->type == JSONV_ARRAY)
		(void)rank(list, t->sort, t->limit);
	return answer;
}

static int show_once(struct top *t)
{
	return fan_show(&t->fan, look(t), t->json);
}

static unsigned count(const struct jsonv *answer, const char *list)
{
	const struct jsonv *l = jsonv_get(answer, list);
	unsigned n = 0;

	for (const struct jsonv *row = l ? l->child : NULL; row; row = row->next)
		n++;
	return n;
}

static int show_again(struct top *t)
{
	const unsigned asked = t->limit;

	for (;;) {
		struct winsize w = { 0 };
		struct jsonv *answer = look(t), *list;
		unsigned others;

		if (!answer)
			return CTL_FAILED;
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
		others = SCREEN_LINES + count(answer, "nodes");
		list = (struct jsonv *)jsonv_get(answer, "services");
		if (list && w.ws_row > others + 1 && asked > w.ws_row - others)
			(void)rank(list, t->sort, w.ws_row - others);
		paint(t, answer, &w);
		jsonv_destroy(answer);
	}
}

int top_command(const struct ask *to, char *const *words, bool json)
{
	struct top t = { .fan = { .to = *to, .lists = { "nodes", "services" } }, .json = json };
	int r = read_options(&t, words);

	if (r)
		return r;
	t.fan.to.words = t.words;
	return t.json || t.once || !isatty(STDOUT_FILENO) ? show_once(&t) : show_again(&t);
}
