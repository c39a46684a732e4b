/* SPDX-License-Identifier: MIT */
/*
 * A C service that does what the Lua test tells it, by text: "CMD rest". Answers are text
 * responses. It uses every function of skynet.h at least once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "skynet.h"

struct parrot {
	struct skynet_context *ctx;
	int signals;
	void *kept;
	size_t kept_size;
	uint32_t waits_for; /* who asked for the timer */
	int waits_session, timer;
};

static int released;

static void answer(struct parrot *p, uint32_t to, int session, const char *text)
{
	skynet_send(p->ctx, 0, to, PTYPE_RESPONSE, session, (void *)text, strlen(text));
}

static void answer_number(struct parrot *p, uint32_t to, int session, long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", n);
	answer(p, to, session, text);
}

/* Blocks of each kind through each function; 0, or the number of what was wrong. */
static int try_memory(void)
{
	char *p = malloc(10), *q;
	void *r;

	strcpy(p, "123456789");
	p = realloc(p, 100000);
	if (strcmp(p, "123456789"))
		return 1;
	q = strdup(p);
	free(p);
	if (strcmp(q, "123456789"))
		return 2;
	free(q);
	p = calloc(1000, 10);
	for (int i = 0; i < 10000; i++)
		if (p[i])
			return 3;
	free(p);
	for (size_t a = 1; a <= 4096; a *= 2) {
		p = memalign(a, 100);
		q = aligned_alloc(a, 100);
		if ((uintptr_t)p % a || (uintptr_t)q % a)
			return 4;
		memset(p, 7, 100);
		memset(q, 8, 100);
		p = realloc(p, 1000);
		q = realloc(q, 50);
		for (int i = 0; i < 100; i++)
			if (p[i] != 7 || (i < 50 && q[i] != 8))
				return 5;
		free(p);
		free(q);
	}
	if (posix_memalign(&r, 3, 10) != EINVAL || posix_memalign(&r, 64, 10) != 0 ||
	    (uintptr_t)r % 64)
		return 6;
	free(r);
	free(NULL);
	p = skynet_lalloc(NULL, 0, 10);
	p = skynet_lalloc(p, 10, 20);
	if (!p || skynet_lalloc(p, 20, 0))
		return 7;
	return 0;
}

/* All that can go wrong with a send; 0, or the number of what was wrong. A leak would be seen by
 * the sanitizer. */
static int try_sends(struct parrot *p, uint32_t me)
{
	struct skynet_context *c = p->ctx;
	char *huge;

	if (skynet_send(c, 0, 0xfffffe, PTYPE_TEXT, 5, "x", 1) != -1)
		return 1;
	if (skynet_send(c, 0, 0xfffffe, PTYPE_TEXT | PTYPE_TAG_DONTCOPY, 5, malloc(100), 100) != -1)
		return 2;
	if (skynet_send(c, 0, 0, PTYPE_TEXT | PTYPE_TAG_DONTCOPY, 5, malloc(100), 100) != -1)
		return 3;
	if (skynet_send(c, 0, 0, PTYPE_TEXT, 5, NULL, 0) != 5)
		return 4;
	int first = skynet_send(c, 0, 0, PTYPE_TAG_ALLOCSESSION, 0, NULL, 0);
	int second = skynet_send(c, 0, 0, PTYPE_TAG_ALLOCSESSION, 0, NULL, 0);

	if (first <= 0 || second <= first)
		return 5;
	huge = malloc(1);
	if (skynet_send(c, 0, me, PTYPE_TEXT | PTYPE_TAG_DONTCOPY, 0, huge, (size_t)1 << 56) != -2)
		return 6;
	if (skynet_sendname(c, 0, ".nobody", PTYPE_TEXT | PTYPE_TAG_DONTCOPY, 0, malloc(10), 10) !=
	    -1)
		return 7;
	if (skynet_sendname(c, 0, ":fffffe", PTYPE_TEXT, 0, "x", 1) != -1)
		return 8;
	if (skynet_sendname(c, 0, ".parrot", PTYPE_TEXT, 0, "NOTHING", 7) != 0)
		return 9;
	if (skynet_sendname(c, 0, "NOBODYS", PTYPE_TEXT | PTYPE_TAG_ALLOCSESSION, 0, "x", 1) <=
	    second)
		return 10;
	return 0;
}

static int try_queries(struct parrot *p, uint32_t me)
{
	struct skynet_context *c = p->ctx;
	char address[16];
	int harbor = -1;

	snprintf(address, sizeof(address), ":%x", me);
	if (strcmp(skynet_command(c, "REG", NULL), address))
		return 1;
	if (skynet_queryname(c, address) != me || skynet_queryname(c, ".parrot") != me ||
	    skynet_queryname(c, ".nobody"))
		return 2;
	if (skynet_queryname(c, "GLOBAL"))
		return 3;
	if (skynet_isremote(c, me, &harbor) || harbor != 0)
		return 4;
	if (!skynet_isremote(c, 0x77000001, &harbor) || harbor != 0x77)
		return 5;
	if (skynet_current_handle() != me)
		return 6;
	if (skynet_command(c, "NOSUCH", NULL))
		return 7;
	if (strtol(skynet_command(c, "STARTTIME", NULL), NULL, 10) < 1600000000)
		return 8;
	uint64_t now = skynet_now();

	if (skynet_now() < now || skynet_now() > now + 1000)
		return 9;
	skynet_debug_memory("parrot");
	return 0;
}

static int on_text(struct parrot *p, int session, uint32_t source, const char *text, size_t size)
{
	uint32_t me = skynet_current_handle();
	char word[16] = "";
	const char *rest;

	sscanf(text, "%15s", word); /* a copied message has a NUL behind it */
	rest = text + strlen(word) + (text[strlen(word)] == ' ');
	if (strcmp(word, "ECHO") == 0) {
		answer(p, source, session, rest);
	} else if (strcmp(word, "FORWARD") == 0) {
		/* the message itself goes back */
		skynet_send(p->ctx, 0, source, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY, session,
			    (void *)text, size);
		return 1;
	} else if (strcmp(word, "KEEP") == 0) {
		free(p->kept);
		p->kept = (void *)text;
		p->kept_size = size;
		answer(p, source, session, "kept");
		return 1;
	} else if (strcmp(word, "GIVE") == 0) {
		skynet_send(p->ctx, 0, source, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY, session,
			    p->kept, p->kept_size);
		p->kept = NULL;
	} else if (strcmp(word, "ALIGNED") == 0) {
		char *block = memalign(256, 12);

		memcpy(block, "on 256 bytes", 12);
		skynet_send(p->ctx, 0, source, PTYPE_RESPONSE | PTYPE_TAG_DONTCOPY, session, block,
			    12);
	} else if (strcmp(word, "TIMER") == 0) {
		p->waits_for = source;
		p->waits_session = session;
		p->timer = atoi(skynet_command(p->ctx, "TIMEOUT", rest));
	} else if (strcmp(word, "COMMAND") == 0) {
		char command[16] = "";
		int n = 0;
		const char *r;

		sscanf(rest, "%15s %n", command, &n);
		r = skynet_command(p->ctx, command, rest[n] ? rest + n : NULL);
		answer(p, source, session, r ? r : "NULL");
	} else if (strcmp(word, "MEMORY") == 0) {
		answer_number(p, source, session, try_memory());
	} else if (strcmp(word, "SENDS") == 0) {
		answer_number(p, source, session, try_sends(p, me));
	} else if (strcmp(word, "QUERIES") == 0) {
		answer_number(p, source, session, try_queries(p, me));
	} else if (strcmp(word, "SIGNALS") == 0) {
		answer_number(p, source, session, p->signals);
	} else if (strcmp(word, "RELEASED") == 0) {
		answer_number(p, source, session, __atomic_load_n(&released, __ATOMIC_RELAXED));
	} else if (strcmp(word, "LOG") == 0) {
		skynet_error(p->ctx, "%s, and %0*d", rest, 3000, 7);
		skynet_error(NULL, "nobody says %s", rest);
		answer(p, source, session, "logged");
	} else if (strcmp(word, "DEAF") == 0) {
		answer(p, source, session, "deaf");
		skynet_callback(p->ctx, NULL, NULL);
	}
	return 0;
}

static int on_message(struct skynet_context *ctx, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t sz)
{
	struct parrot *p = ud;

	if (ctx != p->ctx)
		abort();
	if (type == PTYPE_RESPONSE && session == p->timer && source == 0 && msg == NULL && sz == 0)
		answer(p, p->waits_for, p->waits_session, "ring");
	else if (type == PTYPE_TEXT && msg)
		return on_text(p, session, source, msg, sz);
	return 0;
}

void *parrot_create(void)
{
	return calloc(1, sizeof(struct parrot));
}

int parrot_init(struct parrot *p, struct skynet_context *ctx, const char *args)
{
	p->ctx = ctx;
	if (args && strcmp(args, "refuse") == 0)
		return 1;
	skynet_callback(ctx, p, on_message);
	if (args && *args)
		skynet_command(ctx, "REG", args);
	return 0;
}

void parrot_release(struct parrot *p)
{
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
	free(p->kept);
	free(p);
}

void parrot_signal(struct parrot *p, int sig)
{
	p->signals = sig;
}
