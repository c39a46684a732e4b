/* SPDX-License-Identifier: MIT */
/*
 * Events and logs: see history.h. Each question is a connection of its own, and names what is known
 * of each node already, so nodes that were started again need no care. Lines are in order by
 * their times within one round; what a node has to say late comes late.
 */
#include "daemon/ctl/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/jsonread.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/fan.h"
#include "daemon/ctl/jsonwrite.h"
#include "daemon/ctl/print.h"
#include "daemon/ctl/unanswered.h"

#define PAUSE_MS 300
#define LAST_OF_FOLLOW "10"
#define CLOCKS_APART 2 /* seconds: less is rounding, and matters to nobody */

struct history {
	const struct ask *whom;
	const char *list; /* what the rows are called */
	bool json, follow, colour;
	const char *last; /* NULL: no bound */
	char since[24];	  /* seconds, "" = no bound */
	struct text cursors;
	/* of one round */
	const struct jsonv **rows;
	size_t count, room;
	bool more;
	int status;	    /* an exit status: whether all have answered */
	char *told;	    /* the last complaint, which is not repeated */
	long long asked;    /* when, in seconds of the wall clock */
	struct text clocks; /* lines about those that are wrong, of the first answers */
	bool compared;
};

bool history_is(char *const *words)
{
	return strcmp(words[0], "events") == 0 || strcmp(words[0], "logs") == 0;
}

/* ---- the command line ---- */

/* "90", "90s", "10m", "10min", "2h", "1d" into seconds. */
static bool read_since(const char *text, char ret[24])
{
	static const struct {
		const char *unit;
		unsigned seconds;
	} units[] = { { "", 1 },     { "s", 1 },    { "m", 60 },
		      { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < array_len(units); i++)
		if (*text >= '0' && *text <= '9' && n < 100000 && strcmp(end, units[i].unit) == 0) {
			snprintf(ret, 24, "%lu", n * units[i].seconds);
			return true;
		}
	return false;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 9;
}

static int usage(const char *text, const char *what)
{
	fprintf(stderr, "harborctl: %s: %s\nTry 'harborctl --help'.\n", text, what);
	return CTL_USAGE;
}

static int parse(struct history *h, char *const *words)
{
	for (char *const *w = words + 1; *w; w++) {
		if (strcmp(*w, "-f") == 0 || strcmp(*w, "--follow") == 0)
			h->follow = true;
		else if (strcmp(*w, "--since") == 0 && w[1] && read_since(w[1], h->since))
			w++;
		else if (strcmp(*w, "--since") == 0 && w[1])
			return usage("--since takes a time, 90s, 10m, 2h or 1d, not", w[1]);
		else if (strcmp(*w, "--last") == 0 && w[1] && is_number(w[1]))
			h->last = *++w;
		else
			return usage("not understood here", *w);
	}
	if (h->follow && !h->last && !*h->since)
		h->last = LAST_OF_FOLLOW;
	return 0;
}

/* ---- one round ---- */

static struct jsonv *ask(struct history *h, const char *command)
{
	struct jsonv *answer;
	const char *words[8] = { command };
	struct fan f = { .to = *h->whom };
	unsigned n = 1;

	if (h->cursors.size) {
		words[n++] = "--after";
		words[n++] = text_string(&h->cursors);
	}
	if (*h->since) {
		words[n++] = "--since";
		words[n++] = h->since;
	}
	if (h->last) {
		words[n++] = "--last";
		words[n++] = h->last;
	}
	f.to.words = (char *const *)(void *)words;
	h->asked = time(NULL);
	answer = f.to.node && strcmp(f.to.node, FAN_ALL) == 0 ? fan_ask_all(&f) : fan_ask_one(&f);
	h->status = f.status;
	return answer;
}

/* Tells who gave no answer, unless these were told last; destroys the list. */
static void complain(struct history *h, struct jsonv *list)
{
	struct jsonv *row = NULL;
	cleanup(text_fini) struct text t = { 0 };

	unanswered_text(&t, list); /* the reason may change from try to try */
	if (h->told && strcmp(h->told, text_string(&t)) != 0) {
		mem_free(h->told);
		h->told = NULL;
	}
	if (t.size && !h->told) {
		(void)unanswered_tell(list);
		h->told = text_take(&t);
		if (h->json) { /* a line of its own, as all rows are */
			row = jsonv_object_create();
			unanswered_put(row, steal(list));
			jsonwrite(stdout, row);
		}
	}
	jsonv_destroy(row);
	jsonv_destroy(list);
}

/* Rows are sorted by the clocks of their nodes. One that is wrong puts them where they do not
 * belong, before what has caused them, and nothing else tells. */
static void compare_clock(struct history *h, const struct jsonv *answer)
{
	const struct jsonv *clock = jsonv_get(answer, "clock_time_seconds");
	const char *name = jsonv_text(answer, "node", "?");
	long long at = clock && clock->type == JSONV_NUMBER ? atoll(clock->text) : 0;
	long long now = time(NULL), off = 0;

	if (at < h->asked - CLOCKS_APART)
		off = at - h->asked;
	else if (at > now + CLOCKS_APART)
		off = at - now;
	if (!clock || h->compared || !off)
		return;
	text_puts(&h->clocks, "harborctl: the clock of node ");
	ctl_clean(&h->clocks, name, strlen(name));
	text_printf(&h->clocks, " is %lld s %s this host's: its lines stand where that says\n",
		    off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
}

static void tell_clocks(struct history *h)
{
	if (h->clocks.size)
		fputs(text_string(&h->clocks), stderr);
	text_cut(&h->clocks, 0);
	h->compared = true;
}

/* The rows and the cursor of one node's answer. */
static void take_node(struct history *h, const struct jsonv *answer)
{
	const struct jsonv *rows = jsonv_get(answer, h->list);
	const struct jsonv *more = jsonv_get(answer, "more");
	const char *cursor = jsonv_text(answer, "cursor", NULL);

	compare_clock(h, answer);
	if (cursor)
		text_printf(&h->cursors, "%s%s", h->cursors.size ? "," : "", cursor);
	h->more = h->more || (more && more->type == JSONV_TRUE);
	for (const struct jsonv *r = rows ? rows->child : NULL; r; r = r->next) {
		if (h->count == h->room) {
			h->room = h->room ? 2 * h->room : 256;
			h->rows = mem_realloc(h->rows, h->room * sizeof(*h->rows));
		}
		h->rows[h->count++] = r;
	}
}

/* Where a node does not answer its old cursor is kept: cursors of others are put behind it. */
static void take_all(struct history *h, const struct jsonv *answer)
{
	const struct jsonv *nodes = jsonv_get(answer, "nodes");
	cleanup(text_fini) struct text old = h->cursors;

	h->cursors = (struct text){ 0 };
	for (const struct jsonv *n = nodes ? nodes->child : NULL; n; n = n->next)
		if (unanswered_not(n))
			take_node(h, jsonv_get(n, "answer"));
	if (!nodes)
		take_node(h, answer);
	if (h->status && old.size)
		text_printf(&h->cursors, "%s%s", h->cursors.size ? "," : "", text_string(&old));
	if (h->cursors.size > 65536) /* old ones of nodes that never came back */
		text_cut(&h->cursors, strcspn(text_string(&h->cursors) + 32768, ",") + 32768);
}

/* ---- rows ---- */

static int by_time(const void *a, const void *b)
{
	const struct jsonv *const *x = a, *const *y = b;
	int c = strcmp(jsonv_text(*x, "time", ""), jsonv_text(*y, "time", ""));

	return c ? c : x < y ? -1 : 1;
}

/* "2026-11-23T09:31:41.123456Z" as local time, to the millisecond. */
static void add_time(struct text *t, const char *utc)
{
	struct tm tm = { .tm_isdst = 0 };
	const char *rest = strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm);
	char text[32];
	time_t seconds;

	if (!rest || *rest != '.') {
		ctl_clean(t, utc, strlen(utc));
		return;
	}
	seconds = timegm(&tm);
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	text_printf(t, "%s%.4s", text, rest);
}

static void add_text(struct text *t, const char *text)
{
	ctl_clean(t, text, strlen(text));
}

/* The lines of a text of several are indented. */
static void add_message(struct text *t, const struct jsonv *row)
{
	const struct jsonv *v = jsonv_get(row, "message");
	const char *p = v && v->text ? v->text : "", *end = v ? p + v->size : p;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		ctl_clean(t, p, (size_t)((newline ? newline : end) - p));
		if (newline)
			text_puts(t, "\n    ");
		p = newline ? newline + 1 : end;
	}
}

static const char *colour_of(const char *level)
{
	return strcmp(level, "error") == 0     ? "\033[1;31m"
	       : strcmp(level, "warning") == 0 ? "\033[33m"
					       : "";
}

static void add_line(const struct history *h, struct text *t, const struct jsonv *row)
{
	const char *level = jsonv_text(row, "level", ""),
		   *name = jsonv_text(row, "service_name", "");
	const char *colour = h->colour ? colour_of(level) : "",
		   *handle = jsonv_text(row, "service", "");

	text_printf(t, " %s", colour);
	add_text(t, level);
	text_puts(t, *colour ? "\033[0m" : "");
	text_printf(t, "%*s[", (int)(strlen(level) < 8 ? 8 - strlen(level) : 1), "");
	add_text(t, *handle ? handle : ":00000000");
	text_puts(t, *name ? " " : "");
	add_text(t, name);
	text_puts(t, "] ");
}

static void print_row(const struct history *h, const struct jsonv *row)
{
	cleanup(text_fini) struct text t = { 0 };

	add_time(&t, jsonv_text(row, "time", ""));
	text_puts(&t, " ");
	add_text(&t, jsonv_text(row, "node", ""));
	if (strcmp(h->list, "events") == 0) {
		text_puts(&t, " ");
		add_text(&t, jsonv_text(row, "event", ""));
		text_puts(&t, ": ");
	} else {
		add_line(h, &t, row);
	}
	add_message(&t, row);
	printf("%s\n", text_string(&t));
}

static void print_rows(struct history *h)
{
	if (h->count)
		qsort(h->rows, h->count, sizeof(*h->rows), by_time);
	for (size_t i = 0; i < h->count; i++) {
		if (h->json)
			jsonwrite(stdout, h->rows[i]);
		else
			print_row(h, h->rows[i]);
	}
	h->count = 0;
	fflush(stdout);
}

/* ---- the rounds ---- */

/* Returns false: there is no answer, which was said. */
static bool one_round(struct history *h, const char *command)
{
	cleanup(jsonv_freep) struct jsonv *answer = ask(h, command);
	struct jsonv *missing;

	h->more = false;
	if (!answer)
		return false;
	missing = unanswered_take(answer);
	take_all(h, answer);
	print_rows(h);
	tell_clocks(h);
	complain(h, missing);
	h->last = NULL; /* of the first answer only */
	return true;
}

static int show(struct history *h, const char *command)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	bool answered;

	for (;;) {
		answered = one_round(h, command);
		if (ferror(stdout))
			return CTL_FAILED; /* whoever read it has gone */
		if (!h->follow && !(answered && h->more))
			break;
		if (!answered && h->status == CTL_FAILED)
			break; /* the command is not one for this node */
		if (!h->more)
			nanosleep(&pause, NULL);
	}
	return h->status;
}

int history_command(const struct ask *whom, char *const *words, bool json)
{
	struct history h = {
		.whom = whom,
		.list = strcmp(words[0], "logs") == 0 ? "lines" : "events",
		.json = json,
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	int r = parse(&h, words);

	if (r == 0)
		r = show(&h, words[0]);
	text_fini(&h.cursors);
	text_fini(&h.clocks);
	mem_free(h.rows);
	mem_free(h.told);
	return r;
}
