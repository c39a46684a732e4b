/* SPDX-License-Identifier: MIT */
/*
 * harborctl: reads the command line, finds the socket of the node that is meant (local.h), sends it
 * one line (daemon/admin/words.h) and shows the answer (print.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/usage.h"
#include "daemon/admin/words.h"
#include "daemon/ctl/ask.h"
#include "daemon/ctl/confdiff.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/fan.h"
#include "daemon/ctl/fleet.h"
#include "daemon/ctl/flame.h"
#include "daemon/ctl/history.h"
#include "daemon/ctl/key.h"
#include "daemon/ctl/local.h"
#include "daemon/ctl/print.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/top.h"
#include "daemon/ctl/unanswered.h"
#include "core/base/jsonread.h"
#include "daemon/admin/sockpath.h"

/* Answered here, by no node. */
#define LOCAL "local"
#define KEY "key"
#define FLEET "fleet"

struct options {
	const char *socket, *node;
	bool json, wide;
	char **words; /* command and arguments, NULL-terminated */
};

static const struct command {
	const char *name;
	unsigned min, max;
	const char *usage, *help;
} commands[] = {
#define COMMAND(name, min, max, usage, help) { #name, min, max, usage, help },
#include "daemon/admin/commands.def"
};

static const struct usage_option option_table[] = {
#define OPTION(letter, name, argument, help) { letter, name, argument, help },
#include "daemon/ctl/options.def"
};

/* Where the text of a row begins, and the longest line. */
#define HELP_TEXT 36
#define HELP_WIDTH 96

/* One command: how it is used, and what it does, wrapped between blanks. */
static void help_row(FILE *out, const char *head, const char *text)
{
	int column = fprintf(out, "  %-*s", HELP_TEXT - 3, head);

	if (column >= HELP_TEXT)
		column = HELP_WIDTH; /* the text begins in a line of its own */
	while (*text) {
		int n = (int)strcspn(text, " ");

		if (column + 1 + n > HELP_WIDTH)
			column = fprintf(out, "\n%*s", HELP_TEXT - 1, "") - 1;
		column += fprintf(out, " %.*s", n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void help_command(FILE *out, const struct command *c)
{
	cleanup(mem_freep) char *head = mem_printf("%s%s%s", c->name, *c->usage ? " " : "",
						   c->usage);

	for (char *p = head; *p && *p != ' '; p++)
		if (*p == '_')
			*p = '-';
	help_row(out, head, c->help);
}

static void help(FILE *out)
{
	fputs("usage: harborctl [--socket PATH] [--node NAME|ID] [--json | --wide] COMMAND "
	      "[ARG]...\n"
	      "Asks a node of a harbor cluster. Without an option that is the node that runs on "
	      "this host; if\n"
	      "there are several, they are listed.\n"
	      "\n",
	      out);
	usage_print(out, option_table, array_len(option_table));
	fputs("\nCommands:\n", out);
	for (unsigned i = 0; i < array_len(commands); i++)
		help_command(out, &commands[i]);
	help_row(out, LOCAL, "The nodes of this host.");
	help_row(out, KEY " new [FILE] | show FILE",
		 "Makes a key for a cluster (cluster.key_file), or names those of a file.");
	help_row(out, FLEET " " FLEET_USAGE,
		 "The hosts of a cluster by one file: renders, checks, installs and upgrades.");
	fputs("\nExit status: 0 done, 1 the command failed, 2 wrong command line, 3 only some of "
	      "the "
	      "nodes answered,\n4 the node is not healthy (status), 69 no node answers.\n",
	      out);
}

static int usage(const char *text, const char *what)
{
	fprintf(stderr, "harborctl: %s%s%s\nTry 'harborctl --help'.\n", text, what ? ": " : "",
		what ? what : "");
	return CTL_USAGE;
}

/* 0, an exit status, or -1: done already. */
static int parse(int argc, char **argv, struct options *ret)
{
	struct options o = { 0 };
	struct usage_getopt g;
	int c;

	/* "+": what follows the command is the command's */
	usage_getopt(&g, "+:", option_table, array_len(option_table));
	opterr = 0;
	while ((c = getopt_long(argc, argv, g.shorts, g.longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'n':
			o.node = optarg;
			break;
		case 'j':
			o.json = true;
			break;
		case 'w':
			o.wide = true;
			break;
		case 'V':
			puts("harborctl " HARBORD_VERSION);
			return -1;
		case 'h':
			help(stdout);
			return -1;
		case ':':
			return usage("option needs a value", argv[optind - 1]);
		default:
			return usage("unknown option", argv[optind - 1]);
		}
	}
	/* both may stand behind the command as well, where fingers put them */
	while (argc - 1 > optind &&
	       (strcmp(argv[argc - 1], "--json") == 0 || strcmp(argv[argc - 1], "--wide") == 0)) {
		*(argv[argc - 1][2] == 'j' ? &o.json : &o.wide) = true;
		argv[--argc] = NULL;
	}
	if (optind == argc)
		return usage("no command given", NULL);
	o.words = argv + optind;
	*ret = o;
	return 0;
}

/* By the rule of daemon/admin/commands.c, log-level is log_level. NULL: there is none. */
static const struct command *find_command(const char *word)
{
	for (unsigned i = 0; i < array_len(commands); i++) {
		const char *a = commands[i].name, *b = word;

		while (*a && (*a == *b || (*a == '_' && *b == '-')))
			a++, b++;
		if (!*a && !*b)
			return &commands[i];
	}
	return NULL;
}

/* "sockets --help" and "help sockets" tell of that command, all else that asks for help of all.
 * Returns whether the words ask for it. */
static bool is_help(char *const *words)
{
	const struct command *c;
	bool first = strcmp(words[0], "help") == 0;

	if (!first && (!words[1] || words[2] ||
		       (strcmp(words[1], "--help") != 0 && strcmp(words[1], "-h") != 0)))
		return false;
	c = find_command(words[first] ? words[first] : "");
	if (c)
		help_command(stdout, c);
	else
		help(stdout);
	return true;
}

/* 0, or a usage line and its exit status. */
static int check_words(char *const *words)
{
	const struct command *c = find_command(words[0]);
	unsigned n = 0;

	if (!c && strcmp(words[0], LOCAL) == 0)
		return words[1] ? usage("local takes no argument", NULL) : 0;
	if (!c)
		return usage("unknown command", words[0]);
	while (words[n + 1])
		n++;
	if (n >= c->min && n <= c->max)
		return 0;
	fprintf(stderr, "harborctl: %s takes %s arguments than these\nusage: harborctl %s %s\n",
		words[0], n < c->min ? "more" : "fewer", words[0], c->usage);
	return CTL_USAGE;
}

/* The whole of a file, "-" is stdin; NULL: it cannot be read, or be sent (said). */
static char *read_script(const char *path)
{
	cleanup(mem_freep) char *text = mem_alloc(WORDS_LINE_MAX + 1);
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t n = f ? fread(text, 1, WORDS_LINE_MAX + 1, f) : 0;
	bool well = f && !ferror(f);

	if (!well)
		fprintf(stderr, "harborctl: %s: %s\n", path, strerror(errno));
	if (f && f != stdin)
		fclose(f);
	if (!well)
		return NULL;
	if (n > WORDS_LINE_MAX || memchr(text, 0, n)) {
		fprintf(stderr, "harborctl: %s: %s\n", path,
			n > WORDS_LINE_MAX ? "too long" : "holds a NUL");
		return NULL;
	}
	text[n] = 0;
	return steal(text);
}

/* Is the third word a file whose text the node is to get as well? */
static bool has_file(char *const *words)
{
	return strcmp(words[0], "inject") == 0 ||
	       (strcmp(words[0], "config") == 0 && words[1] && strcmp(words[1], "--diff") == 0);
}

/* "inject ADDRESS FILE ARG..." becomes "inject ADDRESS FILE TEXT ARG...". 0 or an exit status. */
static int add_script(struct options *o, char **ret_words, char **ret_script)
{
	static char whole[PATH_MAX];
	unsigned n = 0;

	while (o->words[n])
		n++;
	if (n < 3)
		return 0; /* check_words tells */
	if (n >= WORDS_MAX - 1)
		return usage("too many arguments", NULL);
	*ret_script = read_script(o->words[2]);
	if (!*ret_script)
		return CTL_FAILED;
	memcpy(ret_words, o->words, 3 * sizeof(*ret_words));
	if (strcmp(o->words[0], "config") == 0 && realpath(o->words[2], whole))
		ret_words[2] = whole;
	ret_words[3] = *ret_script;
	memcpy(ret_words + 4, o->words + 3, (n - 2) * sizeof(*ret_words)); /* with the NULL */
	o->words = ret_words;
	return 0;
}

/* Returns the exit status. What is no JSON must not reach a terminal. */
static int show(const struct options *o, const char *body, size_t size, bool ok)
{
	struct jsonv *answer = NULL;

	if (jsonread(body, size, &answer) < 0) {
		fprintf(stderr, "harborctl: the answer is malformed\n");
		return CTL_FAILED;
	}
	if (ok)
		return fan_show(answer, o->json, CTL_DONE);
	if (o->json)
		printf("%s\n", body);
	else
		ctl_print_error(answer);
	jsonv_destroy(answer);
	return CTL_FAILED;
}

static int show_local(const struct options *o)
{
	struct local_nodes l;
	cleanup(mem_freep) char *json = NULL;
	size_t size;

	local_find(&l);
	json = local_json(&l, o->node, &size);
	if (l.of_others)
		fprintf(stderr, "harborctl: %zu more of other users, which they and root see\n",
			l.of_others);
	local_fini(&l);
	return show(o, json, size, true);
}

static bool is_all(const struct options *o)
{
	return o->node && strcmp(o->node, FAN_ALL) == 0;
}

/* Makes sure that o->socket is there, and o->node only if that node is to be asked through it.
 * 0 or an exit status. */
static int choose(struct options *o, char path[SOCKPATH_MAX])
{
	bool forward;
	int r;

	if (o->socket)
		return 0;
	o->socket = path;
	if (is_all(o))
		return local_choose_any(path);
	r = local_choose(o->node, path, &forward);
	if (!forward)
		o->node = NULL;
	return r;
}

static int ask(const struct options *o, char **ret_body, size_t *ret_size, bool *ret_well)
{
	return ask_node(&(struct ask){ .socket = o->socket, .node = o->node, .words = o->words },
			ret_body, ret_size, ret_well);
}

/* The exit status of `status`, for scripts: CTL_UNHEALTHY after a line that says why. who: "the
 * node", or which of several. */
static int health_of(const struct jsonv *answer, const char *who)
{
	const struct jsonv *healthy = jsonv_get(answer, "healthy");

	if (!healthy || healthy->type != JSONV_FALSE)
		return CTL_DONE;
	fprintf(stderr, "harborctl: %s is not healthy: %s\n", who,
		jsonv_text(answer, "unhealthy", ""));
	return CTL_UNHEALTHY;
}

static bool is_status(const struct options *o)
{
	return strcmp(o->words[0], "status") == 0;
}

static int ask_once(const struct options *o)
{
	cleanup(jsonv_freep) struct jsonv *answer = NULL;
	cleanup(mem_freep) char *body = NULL;
	size_t size = 0;
	bool ok = false;
	int r = ask(o, &body, &size, &ok);

	r = r ? r : show(o, body, size, ok);
	if (r == CTL_DONE && is_status(o) && jsonread(body, size, &answer) == 0)
		r = health_of(answer, "the node");
	return r;
}

/* ---- all nodes ---- */

static struct fan fan_of(const struct options *o)
{
	return (struct fan){ .to = { .socket = o->socket, .words = o->words } };
}

/* Those that are not healthy. */
static int health_of_all(const struct jsonv *nodes)
{
	int r = CTL_DONE;

	for (const struct jsonv *n = nodes ? nodes->child : NULL; n; n = n->next) {
		cleanup(text_fini) struct text who = { 0 };

		unanswered_name(&who, n);
		if (health_of(jsonv_get(n, "answer"), text_string(&who)))
			r = CTL_UNHEALTHY;
	}
	return r;
}

/* The answers of all nodes, each under its node's name. */
static void print_each(const struct jsonv *nodes)
{
	const char *gap = "";

	for (const struct jsonv *n = nodes ? nodes->child : NULL; n; n = n->next) {
		cleanup(text_fini) struct text t = { 0 };

		if (!unanswered_not(n))
			continue;
		ctl_clean(&t, jsonv_text(n, "node", "?"), strlen(jsonv_text(n, "node", "?")));
		printf("%s%s:\n", gap, text_string(&t));
		ctl_print(stdout, jsonv_get(n, "answer"), (long long)time(NULL));
		gap = "\n";
	}
}

static int ask_each(const struct options *o)
{
	struct fan f = fan_of(o);
	struct jsonv *all = fan_ask_all(&f);
	int health;

	if (!all)
		return f.status;
	health = is_status(o) ? health_of_all(jsonv_get(all, "nodes")) : CTL_DONE;
	if (!o->json) {
		cleanup(jsonv_freep) struct jsonv *rows = all;

		print_each(jsonv_get(rows, "nodes"));
		all = jsonv_object_create();
		unanswered_put(all, unanswered_take(rows));
	}
	return fan_show(all, o->json, f.status ? f.status : health);
}

/* Takes --all out of the words, into ret_words. false: it is not there. */
static bool take_all(struct options *o, char *ret_words[WORDS_MAX + 1])
{
	unsigned n = 0;
	bool all = false;

	for (char **w = o->words; *w; w++) {
		if (strcmp(*w, "--all") == 0)
			all = true;
		else
			ret_words[n++] = *w;
	}
	ret_words[n] = NULL;
	if (all)
		o->words = ret_words;
	return all;
}

static int ask_clocks(const struct options *o)
{
	static const char *const lists[] = { "clocks", NULL };
	struct fan f = fan_of(o);
	struct jsonv *all = fan_ask_all(&f);

	return fan_show(all ? fan_merge(all, lists) : NULL, o->json, f.status);
}

/* ---- drain --wait ---- */

static bool is_drained(const char *body, size_t size)
{
	struct jsonv *answer = NULL;
	bool drained;

	if (jsonread(body, size, &answer) < 0)
		return false;
	drained = strcmp(jsonv_text(answer, "state", ""), "drained") == 0;
	jsonv_destroy(answer);
	return drained;
}

/* One question. -1: not yet; else the exit status, and the answer is shown. */
static int look_at_drain(const struct options *o, bool over)
{
	cleanup(mem_freep) char *body = NULL;
	bool ok = false, drained;
	size_t size = 0;
	int r = ask(o, &body, &size, &ok);

	if (r)
		return r;
	drained = ok && is_drained(body, size);
	if (ok && !drained && !over)
		return -1;
	r = show(o, body, size, ok);
	return drained ? r : CTL_FAILED;
}

/* Begins to drain, and asks again and again. The words are: drain NODE --wait [SECONDS]. */
static int drain_and_wait(struct options *o, const char *seconds)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	struct timespec now;
	char *end = "";
	long limit = seconds ? strtol(seconds, &end, 10) : LONG_MAX, until;
	int r;

	if (*end || limit < 0)
		return usage("drain --wait takes seconds", seconds);
	clock_gettime(CLOCK_MONOTONIC, &now);
	until = limit < LONG_MAX - now.tv_sec ? now.tv_sec + limit : LONG_MAX;
	o->words[2] = NULL;
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		r = look_at_drain(o, now.tv_sec >= until);
		if (r >= 0)
			break;
		nanosleep(&pause, NULL);
		o->words[2] = "--status";
		o->words[3] = NULL;
	}
	if (r == CTL_FAILED && now.tv_sec >= until)
		fprintf(stderr, "harborctl: not drained within %ld s\n", limit);
	return r;
}

static bool is_drain_wait(char *const *words)
{
	return strcmp(words[0], "drain") == 0 && words[2] && strcmp(words[2], "--wait") == 0;
}

/* Without a file the nodes are compared. */
static bool is_confdiff(char *const *words)
{
	return strcmp(words[0], "config") == 0 && words[1] && strcmp(words[1], "--diff") == 0 &&
	       !words[2];
}

static bool is_command(const struct options *o, const char *name)
{
	return strcmp(o->words[0], name) == 0;
}

static bool has_word(char *const *words, const char *word)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

/* Commands that are about all nodes, unless one is named. */
static bool is_about_all(const struct options *o)
{
	return history_is(o->words) || is_confdiff(o->words) ||
	       ((is_command(o, "top") || is_command(o, "clock")) && has_word(o->words, "--all"));
}

/* What takes its time is looked at on one node. 0 or an exit status. */
static int check_all(const struct options *o)
{
	return is_all(o) && (is_command(o, "flame") || is_drain_wait(o->words))
		       ? usage("this is asked of one node: name it with --node", o->words[0])
		       : 0;
}

/* The command, of the node that is chosen. */
static int run(struct options *o)
{
	const struct ask to = { .socket = o->socket, .node = o->node };
	char *words[WORDS_MAX + 1];

	if (history_is(o->words))
		return history_command(&to, o->words, o->json);
	if (is_confdiff(o->words))
		return confdiff_command(&to, o->json);
	if (is_command(o, "top"))
		return top_command(&to, o->words, o->json);
	if (is_command(o, "flame"))
		return flame_command(&to, o->words + 1, o->json);
	if (is_command(o, "clock") && take_all(o, words))
		return ask_clocks(o);
	if (is_all(o))
		return ask_each(o);
	if (!is_drain_wait(o->words))
		return ask_once(o);
	memcpy(words, o->words, 4 * sizeof(*words)); /* the last may be the NULL */
	o->words = words;
	return drain_and_wait(o, words[3]);
}

int main(int argc, char **argv)
{
	char path[SOCKPATH_MAX];
	cleanup(mem_freep) char *script = NULL;
	char *words[WORDS_MAX + 1];
	struct options o = { 0 };
	int r = parse(argc, argv, &o);

	if (r)
		return r < 0 ? 0 : r;
	if (is_help(o.words))
		return CTL_DONE;
	if (!o.wide)
		ctl_print_fit(terminal_width());
	if (is_command(&o, KEY))
		return key_command(o.words);
	if (is_command(&o, FLEET))
		return fleet_command(o.words, o.json);
	if (has_file(o.words))
		r = add_script(&o, words, &script);
	r = r ? r : check_words(o.words);
	if (r == 0 && is_command(&o, LOCAL))
		return show_local(&o);
	if (!o.node && is_about_all(&o))
		o.node = FAN_ALL;
	r = r ? r : check_all(&o);
	r = r ? r : choose(&o, path);
	return r ? r : run(&o);
}
