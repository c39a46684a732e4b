/* SPDX-License-Identifier: MIT */
/* harborctl: sends one command to a node's control socket (admin.h) and shows the answer. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/base.h"
#include "core/mem.h"
#include "daemon/ctl_print.h"
#include "daemon/jsonread.h"
#include "daemon/sockpath.h"

#define FAILED 1
#define ANSWER_MAX ((size_t)256 << 20)
/* Longer than any command takes: a call has its own, shorter deadline. */
#define PATIENCE_SECONDS 15

struct options {
	const char *socket, *node;
	bool json;
	char **words; /* command and arguments, NULL-terminated */
};

static const struct {
	const char *name, *usage, *help;
} commands[] = {
#define COMMAND(name, min, max, usage, help) { #name, usage, help },
#include "daemon/commands.def"
#undef COMMAND
};

static void help(FILE *out)
{
	fputs("usage: harborctl [--socket PATH | --node NAME] [--json] COMMAND [ARG]...\n"
	      "Asks a node of a harbor cluster that runs on this host.\n"
	      "\n"
	      "  -s, --socket PATH  the node's control socket\n"
	      "  -n, --node NAME    the node, by its name (default: the host's name)\n"
	      "  -j, --json         print the answer as JSON\n"
	      "  -V, --version      print the version and exit\n"
	      "  -h, --help         print this and exit\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (unsigned i = 0; i < array_len(commands); i++) {
		char head[80], *p;

		snprintf(head, sizeof(head), "%s %s", commands[i].name, commands[i].usage);
		for (p = head; *p && *p != ' '; p++)
			if (*p == '_')
				*p = '-';
		fprintf(out, "  %-34s %s\n", head, commands[i].help);
	}
	fputs("\nExit status: 0 done, 1 the command failed, 64 wrong command line, 69 no node answers.\n", out);
}

static int usage(const char *text, const char *what)
{
	fprintf(stderr, "harborctl: %s%s%s\nTry 'harborctl --help'.\n", text, what ? ": " : "",
		what ? what : "");
	return EX_USAGE;
}

/* 0, an exit status, or -1: done already. */
static int parse(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' }, { "node", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },         { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	struct options o = { 0 };
	int c;

	opterr = 0;
	/* "+": what follows the command is the command's */
	while ((c = getopt_long(argc, argv, "+:s:n:jVh", longs, NULL)) != -1) {
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
	if (o.socket && o.node)
		return usage("--socket and --node exclude each other", NULL);
	/* --json may stand behind the command as well, where fingers put it */
	if (optind < argc && strcmp(argv[argc - 1], "--json") == 0 && argc - 1 > optind) {
		o.json = true;
		argv[--argc] = NULL;
	}
	if (optind == argc)
		return usage("no command given", NULL);
	o.words = argv + optind;
	*ret = o;
	return 0;
}

/* Same rule as commands.c: log-level is log_level. */
static bool known(const char *word)
{
	for (unsigned i = 0; i < array_len(commands); i++) {
		const char *a = commands[i].name, *b = word;

		while (*a && (*a == *b || (*a == '_' && *b == '-')))
			a++, b++;
		if (!*a && !*b)
			return true;
	}
	return false;
}

/* ---- the socket ---- */

static int connect_to(const struct options *o)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	char path[SOCKPATH_MAX], host[256];
	const char *node = o->node, *socket_path = o->socket;
	int fd;

	if (!node && gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = 0;
		node = host;
	}
	if (!socket_path) {
		if (!node || !sockpath_find(node, path)) {
			fprintf(stderr, "harborctl: no control socket of node %s is to be found\n", node ? node : "?");
			return -1;
		}
		socket_path = path;
	}
	if (strncmp(socket_path, "unix:", 5) == 0)
		socket_path += 5;
	if (strlen(socket_path) >= sizeof(un.sun_path)) {
		fprintf(stderr, "harborctl: %s: %s\n", socket_path, strerror(ENAMETOOLONG));
		return -1;
	}
	strcpy(un.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		fprintf(stderr, "harborctl: %s: %s\n", socket_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static char *encode(char *const *words)
{
	size_t n = 1;
	char *line, *to;

	for (unsigned i = 0; words[i]; i++)
		n += strlen(words[i]) * 3 + 1;
	line = to = mem_alloc(n);
	for (unsigned i = 0; words[i]; i++) {
		if (i)
			*to++ = ' ';
		for (const unsigned char *p = (const unsigned char *)words[i]; *p; p++) {
			if (*p > ' ' && *p != '%' && *p != 0x7f)
				*to++ = (char)*p;
			else
				to += sprintf(to, "%%%02X", *p);
		}
	}
	*to++ = '\n';
	*to = 0;
	return line;
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* One answer: its status word and its body. NULL: the node went away or does not speak our language. */
static char *read_answer(FILE *f, bool *ret_ok, size_t *ret_size)
{
	cleanup(mem_freep) char *body = NULL;
	char head[64], word[16];
	size_t size;

	if (!fgets(head, sizeof(head), f) || sscanf(head, "%15s %zu", word, &size) != 2 || size > ANSWER_MAX)
		return NULL;
	body = mem_alloc(size + 1);
	if (fread(body, 1, size, f) != size)
		return NULL;
	body[size] = 0;
	*ret_ok = strcmp(word, "ok") == 0;
	*ret_size = size;
	return steal(body);
}

static void show(const struct options *o, const char *body, size_t size, bool ok)
{
	struct jsonv *answer = NULL;
	const struct jsonv *why;

	if (jsonread(body, size, &answer) < 0)
		answer = NULL;
	why = jsonv_get(answer, "error");
	if (o->json) {
		printf("%s\n", body);
	} else if (ok && answer) {
		ctl_print(stdout, answer, (long long)time(NULL));
	} else {
		fprintf(stderr, "harborctl: %s\n", why && why->text ? why->text : body);
	}
	jsonv_destroy(answer);
}

int main(int argc, char **argv)
{
	cleanup(mem_freep) char *request = NULL, *body = NULL;
	struct options o = { 0 };
	bool ok = false;
	size_t size = 0;
	FILE *f;
	int fd, r = parse(argc, argv, &o);

	if (r)
		return r < 0 ? 0 : r;
	if (!known(o.words[0]))
		return usage("unknown command", o.words[0]);
	fd = connect_to(&o);
	if (fd < 0)
		return EX_UNAVAILABLE;
	f = fdopen(fd, "r");
	request = encode(o.words);
	if (f && write_all(fd, request, strlen(request)))
		body = read_answer(f, &ok, &size);
	if (f)
		fclose(f);
	if (!body) {
		fprintf(stderr, "harborctl: the node gave no answer\n");
		return EX_UNAVAILABLE;
	}
	show(&o, body, size, ok);
	return ok ? 0 : FAILED;
}
