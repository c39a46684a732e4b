/* SPDX-License-Identifier: MIT */
/*
 * A look-up gets any answers: as datagrams and over streams, with the right id and question or
 * without, from the server or from others, cut anywhere, and sockets that fail. It must end by
 * itself or by its time-outs, ask for sockets that there are, and return no more than it may.
 *
 * Input: a byte of flags for the look-up; then a byte of flags, two with a size, and so many bytes,
 * again and again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/dns/lookup.h"

enum { WITH_ID = 1, WITH_QUESTION = 2, FROM_OTHER = 4, BREAKS = 8, SOCKET_SHIFT = 4 };
#define HEAD 12

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct world {
	struct lookup *l;
	struct sockaddr_in6 server[LOOKUP_SOCKETS];
	bool open[LOOKUP_SOCKETS], stream[LOOKUP_SOCKETS];
	uint8_t question[512]; /* the last one, without the length that a stream puts before it */
	size_t question_size;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void act(struct world *w)
{
	const struct lookup_action *a;

	while ((a = lookup_action(w->l))) {
		size_t skip = 0;

		must(a->socket >= 0 && a->socket < LOOKUP_SOCKETS);
		must(w->open[a->socket] == (a->what == LOOKUP_SEND || a->what == LOOKUP_CLOSE));
		if (a->what == LOOKUP_UDP || a->what == LOOKUP_TCP) {
			w->server[a->socket] = a->to;
			w->open[a->socket] = true;
			w->stream[a->socket] = a->what == LOOKUP_TCP;
		} else if (a->what == LOOKUP_CLOSE) {
			w->open[a->socket] = false;
		} else {
			skip = w->stream[a->socket] && a->size > 2 ? 2 : 0;
			must(a->size - skip <= sizeof(w->question));
			w->question_size = a->size - skip;
			memcpy(w->question, a->bytes + skip, w->question_size);
		}
		lookup_acted(w->l);
	}
}

/* A message out of the question's id and question and the input's bytes. Returns its size. */
static size_t make(const struct world *w, unsigned flags, const uint8_t *p, size_t n, uint8_t *to)
{
	size_t size = 0, opt = 11; /* what EDNS puts behind the question */

	if (flags & WITH_QUESTION && w->question_size > HEAD + opt) {
		size = w->question_size - opt;
		memcpy(to, w->question, size);
		/* an answer, with the flags and numbers of the input */
		for (size_t i = 2; i < HEAD && n > 0; i++, p++, n--)
			to[i] ^= *p;
		to[2] |= 0x80;
	}
	memcpy(to + size, p, n);
	size += n;
	if (flags & WITH_ID && size >= 2 && w->question_size >= 2)
		memcpy(to, w->question, 2);
	return size;
}

static void receive(struct world *w, unsigned flags, const uint8_t *p, size_t n)
{
	int socket = (int)(flags >> SOCKET_SHIFT);
	struct sockaddr_in6 from = w->server[socket];
	uint8_t *m = malloc(2 + sizeof(w->question) + n);
	size_t size;

	if (flags & BREAKS)
		lookup_broken(w->l, socket);
	if (flags & FROM_OTHER)
		from.sin6_port ^= 1;
	size = make(w, flags, p, n, m + 2);
	m[0] = (uint8_t)(size >> 8);
	m[1] = (uint8_t)size;
	if (w->stream[socket])
		lookup_received(w->l, socket, NULL, m, 2 + size);
	else
		lookup_received(w->l, socket, (const struct sockaddr *)&from, m + 2, size);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const servers[] = { "127.0.0.1:53", "127.0.0.1:53,[::1]:5353" };
	struct world w = { 0 };
	unsigned flags = n ? *p : 0;
	const struct lookup_answer *a;
	const char *why;

	w.l = lookup_start(servers[flags & 1], "a.test", flags & 2 ? AF_INET6 : AF_INET, 1000, 2,
			   &why);
	must(w.l != NULL);
	if (n) {
		p++;
		n--;
	}
	act(&w);
	while (n >= 3) {
		size_t size = ((size_t)p[1] << 8 | p[2]) & 0x1fff;

		if (size > n - 3)
			size = n - 3;
		receive(&w, p[0], p + 3, size);
		lookup_process(w.l);
		act(&w);
		p += 3 + size;
		n -= 3 + size;
	}
	a = lookup_finished(w.l, &why);
	must(a || lookup_timeout_ms(w.l) >= 0);
	must(!a || lookup_timeout_ms(w.l) < 0);
	must(!a || why || (a->count > 0 && a->count <= LOOKUP_ADDRESSES && a->ttl >= 0));
	lookup_destroy(w.l);
	return 0;
}
