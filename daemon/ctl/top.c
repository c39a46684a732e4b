/* SPDX-License-Identifier: MIT */
/*
 * harborctl top. A node answers with its own busiest services; of several nodes the answers are put
 * into one, sorted once more and cut. A terminal is given no more than fits it, and its keys say
 * what is looked at next: an answer that is on its way then is not waited for.
 */
#include "daemon/ctl/top.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "daemon/admin/words.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/fan.h"
#include "daemon/ctl/print.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/unanswered.h"

#define ROWS 40u
/* What the screen holds besides services: two heads, what is not shown of each table, a blank line,
 * the last line. */
#define SCREEN_LINES 7

#define COLUMNS_MAX 16u
#define COLUMN_MAX 40u
#define NODE_MAX 64u

struct top {
	struct fan fan;
	bool json, once, all;
	char sort[COLUMN_MAX];
	char *words[12]; /* for the node; its --sort is `sort` */
	unsigned limit;
	/* on a terminal */
	int key;			       /* that was pressed and nobody has looked at */
	char columns[COLUMNS_MAX][COLUMN_MAX]; /* that were shown last, and by which one can sort */
	unsigned column_count;
	char node[NODE_MAX];  /* that was shown last */
	char asked[NODE_MAX]; /* that is asked since a key said so */
};

/* ---- options ---- */

/* Takes out what is for us. The node looks at the rest. Returns 0, or an exit status. */
static int read_options(struct top *t, char *const *words)
{
	unsigned n = 1;

	t->words[0] = words[0];
	t->words[n++] = "--sort";
	t->words[n++] = t->sort;
	(void)snprintf(t->sort, sizeof(t->sort), "cpu_percent");
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
		if (strcmp(words[i], "--sort") == 0) {
			(void)snprintf(t->sort, sizeof(t->sort), "%s", words[++i]);
			continue;
		}
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

/* The last line: what is shown, who is missing, and what a key does. */
static char *last_line(const struct top *t, const struct jsonv *missing)
{
	struct text line = { 0 };

	text_printf(&line, "by %s of %s", t->sort, t->all ? "all nodes" : t->node);
	if (missing && missing->child) {
		text_puts(&line, ", no answer of ");
		unanswered_text(&line, missing);
	}
	text_puts(&line, t->fan.wait ? "; < > column, n node, a all, q quit"
				     : "; --sort takes another column; ^C ends");
	return text_take(&line);
}

/* The screen once more. */
static void paint(const struct top *t, struct jsonv *answer, const struct winsize *w)
{
	cleanup(jsonv_freep) struct jsonv *missing = unanswered_take(answer);
	unsigned columns = w->ws_col ? w->ws_col : 80;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		mem_exhausted(0);
	ctl_print_keep(t->sort);
	ctl_print(f, answer, (long long)time(NULL));
	fclose(f);
	fputs("\033[H\033[J", stdout);
	put_cut(stdout, text, columns);
	free(text);
	text = last_line(t, missing);
	put_cut(stdout, text, columns);
	mem_free(text);
	fflush(stdout);
}

/* Asks once, as it is to be shown. Returns NULL: nobody answered. */
static struct jsonv *look(struct top *t)
{
	static const char *const lists[] = { "nodes", "services", NULL };
	struct jsonv *answer, *list;

	answer = t->all ? fan_ask_all(&t->fan) : fan_ask_one(&t->fan);
	if (answer && t->all)
		answer = fan_merge(answer, lists);
	list = answer ? (struct jsonv *)jsonv_get(answer, "services") : NULL;
	if (list && list->type == JSONV_ARRAY)
		(void)rank(list, t->sort, t->limit);
	return answer;
}

static int show_once(struct top *t)
{
	struct jsonv *answer = look(t);

	return fan_show(answer, t->json, t->fan.status);
}

static unsigned count(const struct jsonv *answer, const char *list)
{
	const struct jsonv *l = jsonv_get(answer, list);
	unsigned n = 0;

	for (const struct jsonv *row = l ? l->child : NULL; row; row = row->next)
		n++;
	return n;
}

/* ---- keys ---- */

static bool wait_or_key(void *ud, int fd)
{
	struct top *t = ud;

	if (!t->key)
		t->key = terminal_wait(fd);
	return !t->key;
}

/* Takes note of what is shown: of whom, and the columns with figures. */
static void note(struct top *t, const struct jsonv *answer)
{
	const struct jsonv *nodes = jsonv_get(answer, "nodes"), *rows;

	(void)snprintf(t->node, sizeof(t->node), "%s",
		       jsonv_text(nodes ? nodes->child : NULL, "node", "?"));
	rows = jsonv_get(answer, "services");
	if (!rows || !rows->child)
		return;
	t->column_count = 0;
	for (const struct jsonv *v = rows->child->child; v; v = v->next)
		if (v->type == JSONV_NUMBER && t->column_count < COLUMNS_MAX)
			(void)snprintf(t->columns[t->column_count++], COLUMN_MAX, "%s", v->key);
}

static void other_column(struct top *t, int step)
{
	unsigned at = 0;

	if (!t->column_count)
		return;
	while (at < t->column_count && strcmp(t->columns[at], t->sort) != 0)
		at++;
	at = (at + t->column_count + (unsigned)step) % t->column_count;
	(void)snprintf(t->sort, sizeof(t->sort), "%s", t->columns[at]);
}

static bool is_reached(const struct jsonv *row)
{
	const char *state = jsonv_text(row, "state", "");

	return strcmp(state, "up") == 0 || strcmp(state, "self") == 0;
}

/* The next of those that can be reached, after the last the first. */
static void other_node(struct top *t)
{
	struct fan f = { .to = { .socket = t->fan.to.socket,
				 .words = (char *[]){ "nodes", NULL } } };
	cleanup(jsonv_freep) struct jsonv *answer = fan_ask_one(&f);
	const struct jsonv *rows = jsonv_get(answer, "nodes");
	const char *first = NULL, *next = NULL;
	bool found = false;

	for (const struct jsonv *r = rows ? rows->child : NULL; r && !next; r = r->next) {
		const char *name = jsonv_text(r, "name", NULL);

		if (!is_reached(r) || !name)
			continue;
		first = first ? first : name;
		next = found ? name : NULL;
		found = found || strcmp(name, t->node) == 0;
	}
	next = next ? next : first;
	if (!next)
		return;
	t->all = false;
	(void)snprintf(t->asked, sizeof(t->asked), "%s", next);
	t->fan.to.node = t->asked;
}

/* Does what the key says. Returns false: it is the last one. */
static bool press(struct top *t)
{
	int key = t->key;

	t->key = TERMINAL_NONE;
	if (key == '>' || key == '.' || key == TERMINAL_RIGHT)
		other_column(t, 1);
	if (key == '<' || key == ',' || key == TERMINAL_LEFT)
		other_column(t, -1);
	if (key == 'n')
		other_node(t);
	if (key == 'a')
		t->all = !t->all;
	return key != 'q' && key != 'Q';
}

static void show_one(struct top *t, struct jsonv *answer)
{
	struct jsonv *list = (struct jsonv *)jsonv_get(answer, "services");
	unsigned others = SCREEN_LINES + count(answer, "nodes");
	struct winsize w = { 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	if (list && w.ws_row > others + 1 && t->limit > w.ws_row - others)
		(void)rank(list, t->sort, w.ws_row - others);
	note(t, answer);
	paint(t, answer, &w);
}

static int show_again(struct top *t)
{
	struct jsonv *answer;
	int r = -1;

	t->fan.ud = t;
	t->fan.wait = terminal_begin() ? wait_or_key : NULL;
	while (r < 0) {
		answer = look(t);
		if (t->key)
			r = press(t) ? -1 : CTL_DONE;
		else if (answer)
			show_one(t, answer);
		else
			r = t->fan.status;
		jsonv_destroy(answer);
	}
	terminal_end();
	if (r == CTL_DONE)
		putchar('\n');
	return r;
}

int top_command(const struct ask *to, char *const *words, bool json)
{
	struct top t = { .fan = { .to = *to }, .json = json };
	int r = read_options(&t, words);

	if (to->node && strcmp(to->node, FAN_ALL) == 0)
		t.all = true;
	if (r)
		return r;
	t.fan.to.words = t.words;
	return t.json || t.once || !isatty(STDOUT_FILENO) ? show_once(&t) : show_again(&t);
}
