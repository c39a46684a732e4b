/* SPDX-License-Identifier: MIT */
/* Encrypted connections, from both sides of the handshake. The first byte says what the rest is:
 * what a stranger sends; what a stranger adds to a connection of members; what a member says in
 * records of any kind. A stranger never has a byte passed on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* For the sealing of records that nobody else would make. */
#include "harbor/secure/openssl/records.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
extern const struct secure_library harbor_secure_library;
#define L (&harbor_secure_library)

static struct secure_context *context;

static void check(int ok)
{
	if (!ok)
		abort();
}

/* A leak checker does not look into the memory of keys, where the context lies. */
static void tear_down(void)
{
	L->context_destroy(context);
}

static void set_up(void)
{
	struct secure_config c = { .keys[0] = { .id = "k" }, .key_count = 1, .records_per_key = 4 };
	char why[SECURE_WHY_MAX];

	if (context)
		return;
	context = L->context_create(&c, why);
	check(context != NULL && atexit(tear_down) == 0);
}

/* Takes what a session has to say. */
static size_t say(struct secure_session *s, uint8_t *out, size_t room)
{
	struct net_plain plain = { 0 };
	size_t n = 0, size;
	bool more = true;

	while (more && room - n >= 256) {
		more = L->seal(s, &plain, out + n, room - n, &size);
		n += size;
	}
	return n;
}

/* Feeds bytes in pieces. Returns how many plain bytes came of them. */
static size_t feed(struct secure_session *s, const uint8_t *p, size_t n, size_t piece)
{
	uint8_t out[4096];
	size_t plain = 0;

	for (size_t at = 0; at < n || (n == 0 && at == 0); at += piece) {
		size_t size = n - at < piece ? n - at : piece;
		uint8_t *copy = malloc(size + 1); /* so that a sanitizer sees a byte too many */
		struct secure_input io = { .bytes = copy, .size = size };
		enum secure_event e;

		memcpy(copy, p + at, size);
		do {
			e = L->input(s, &io);
			if (io.wants_write)
				(void)say(s, out, sizeof(out));
			plain += e == SECURE_PLAIN ? io.plain_size : 0;
		} while (e == SECURE_READY || e == SECURE_PLAIN);
		check(e != SECURE_MORE || io.size == 0);
		check(e != SECURE_BAD || L->why(s)[0]);
		free(copy);
		if (e != SECURE_MORE)
			break;
	}
	return plain;
}

static void pass(struct secure_session *from, struct secure_session *to)
{
	uint8_t bytes[8192];
	size_t n = say(from, bytes, sizeof(bytes));
	struct secure_input io = { .bytes = bytes, .size = n };

	while (n && L->input(to, &io) != SECURE_MORE)
		;
}

static void meet(struct secure_session **ret_a, struct secure_session **ret_b)
{
	struct secure_input none = { 0 };
	struct secure_session *a = L->session_create(context, true);
	struct secure_session *b = L->session_create(context, false);

	(void)L->input(a, &none);
	for (unsigned i = 0; i < 2; i++) {
		pass(a, b);
		pass(b, a);
	}
	check(a->tx.cipher && b->rx.cipher);
	*ret_a = a;
	*ret_b = b;
}

/* Records: type, size, content; sealed as a member would. */
static void member_says(const uint8_t *p, size_t n)
{
	uint8_t out[1024], back[1024];
	struct secure_session *a, *b;

	meet(&a, &b);
	while (n >= 2 && !b->bad) {
		size_t size = p[1] < n - 2 ? p[1] : n - 2;
		size_t sealed = seal_words(&a->tx, p + 2, size, p[0], out);
		struct secure_input io = { .bytes = out, .size = sealed };
		enum secure_event e;

		e = L->input(b, &io);
		check(e != SECURE_PLAIN || (p[0] == APPLICATION && io.plain_size == size) ||
		      p[0] == 0);
		if (io.wants_write)
			(void)say(b, back, sizeof(back));
		if (p[0] == HANDSHAKE && e == SECURE_MORE)
			check(next_key(&a->tx, true));
		p += 2 + size;
		n -= 2 + size;
	}
	L->session_destroy(a);
	L->session_destroy(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct secure_session *a, *b;

	if (n < 2)
		return 0;
	set_up();
	switch (p[0] % 4) {
	case 0:
	case 1:
		a = L->session_create(context, p[0] % 4 == 1);
		if (p[0] % 4 == 1)
			check(feed(a, p, 0, 1) == 0);
		check(feed(a, p + 2, n - 2, p[1] + 1u) == 0);
		L->session_destroy(a);
		break;
	case 2:
		meet(&a, &b);
		check(feed(b, p + 2, n - 2, p[1] + 1u) == 0);
		L->session_destroy(a);
		L->session_destroy(b);
		break;
	default:
		member_says(p + 1, n - 1);
		break;
	}
	return 0;
}
