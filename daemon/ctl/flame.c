/* SPDX-License-Identifier: MIT */
/* harborctl flame: see flame.h. */
#include "daemon/ctl/flame.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/jsonread.h"
#include "core/base/mem.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/flamedraw.h"
#include "daemon/ctl/print.h"

#define SECONDS "10"
#define HZ "99"
#define LOOKS 100u /* after the time, each LOOK_NS */
#define LOOK_NS 100000000L

struct wish {
	const char *address, *seconds, *hz, *svg;
};

static int usage(const char *what)
{
	fprintf(stderr,
		"harborctl: flame: %s\n"
		"usage: harborctl flame [ADDRESS] [--seconds N] [--hz N] [--svg FILE]\n",
		what);
	return CTL_USAGE;
}

static int parse(char *const *words, struct wish *ret)
{
	*ret = (struct wish){ "-", SECONDS, HZ, NULL };
	for (; *words; words++) {
		const char **to = strcmp(*words, "--seconds") == 0 ? &ret->seconds
				  : strcmp(*words, "--hz") == 0	   ? &ret->hz
				  : strcmp(*words, "--svg") == 0   ? &ret->svg
								   : NULL;

		if (!to && (*words)[0] == '-')
			return usage("unknown option");
		if (to && !*++words)
			return usage("option needs a value");
		if (!to && strcmp(ret->address, "-") != 0)
			return usage("one address, or none for all services");
		*(to ? to : &ret->address) = *words;
	}
	return atoi(ret->seconds) > 0 ? 0 : usage("1 to 300 seconds");
}

/* ---- the answers ---- */

/* The parsed answer, the caller's; NULL: there is none, and *ret_status is the exit status. */
static struct jsonv *read_answer(int status, const char *body, size_t size, bool ok,
				 int *ret_status)
{
	struct jsonv *v = NULL;

	*ret_status = status;
	if (status)
		return NULL;
	*ret_status = CTL_FAILED;
	if (jsonread(body, size, &v) < 0) {
		fprintf(stderr, "harborctl: the answer is malformed\n");
		return NULL;
	}
	if (ok) {
		*ret_status = 0;
		return v;
	}
	ctl_print_error(v);
	jsonv_destroy(v);
	return NULL;
}

static struct jsonv *start(const struct ask *node, const struct wish *w, int *ret_status)
{
	char *words[] = { "flame", (char *)(uintptr_t)w->address, (char *)(uintptr_t)w->seconds,
			  (char *)(uintptr_t)w->hz, NULL };
	cleanup(mem_freep) char *body = NULL;
	size_t size = 0;
	bool ok = false;
	struct ask a = { .socket = node->socket, .node = node->node, .words = words };
	int r = ask_node(&a, &body, &size, &ok);

	return read_answer(r, body, size, ok, ret_status);
}

/* NULL as well while the profile is under way: *ret_status is 0 then. */
static struct jsonv *take(const struct ask *node, const struct jsonv *started, char **ret_body,
			  int *ret_status)
{
	const char *harbor = jsonv_text(started, "harbor", "");
	char *words[] = { "flame", "--take", (char *)(uintptr_t)jsonv_text(started, "profile", ""),
			  NULL };
	size_t size = 0;
	bool ok = false;
	struct ask a = { .socket = node->socket, .node = node->node, .words = words };
	int r;
	struct jsonv *v;

	/* The service may have been another node's than the one that was asked. */
	if (strcmp(harbor, "0") != 0)
		a.node = harbor;
	r = ask_node(&a, ret_body, &size, &ok);
	v = read_answer(r, *ret_body, size, ok, ret_status);
	if (v && strcmp(jsonv_text(v, "state", ""), "done") != 0) {
		jsonv_destroy(v);
		v = NULL;
		*ret_status = 0;
	}
	return v;
}

/* ---- showing ---- */

static void print_folded(const struct jsonv *profile)
{
	const struct jsonv *stacks = jsonv_get(profile, "stacks");

	for (const struct jsonv *s = stacks ? stacks->child : NULL; s; s = s->next)
		printf("%s %s\n", jsonv_text(s, "stack", ""), jsonv_text(s, "samples", ""));
}

static int write_svg(const struct wish *w, const struct jsonv *profile)
{
	cleanup(mem_freep) char *title =
		mem_printf("%s, %s samples, %s a second for %s s",
			   strcmp(w->address, "-") == 0 ? "all services" : w->address,
			   jsonv_text(profile, "samples", ""), w->hz, w->seconds);
	FILE *f = fopen(w->svg, "we");
	bool bad;

	if (f)
		flame_draw(f, profile, title);
	bad = !f || ferror(f);
	if (f && fclose(f) != 0)
		bad = true;
	if (bad)
		fprintf(stderr, "harborctl: %s: %s\n", w->svg, strerror(errno));
	return bad ? CTL_FAILED : 0;
}

int flame_command(const struct ask *node, char *const *words, bool json)
{
	struct jsonv *started, *profile = NULL;
	cleanup(mem_freep) char *body = NULL;
	struct wish w;
	int r = parse(words, &w);

	if (r)
		return r;
	started = start(node, &w, &r);
	if (!started)
		return r;
	nanosleep(&(struct timespec){ .tv_sec = atoi(w.seconds) }, NULL);
	for (unsigned i = 0; i < LOOKS && !profile; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
		mem_free(steal(body));
		profile = take(node, started, &body, &r);
		if (r)
			break;
	}
	if (profile && w.svg)
		r = write_svg(&w, profile);
	else if (profile && json)
		printf("%s\n", body);
	else if (profile)
		print_folded(profile);
	else if (!r)
		r = CTL_FAILED, fprintf(stderr, "harborctl: the profile does not end\n");
	jsonv_destroy(profile);
	jsonv_destroy(started);
	return r;
}
