/* SPDX-License-Identifier: MIT */
/* Two sessions in one process, with a wire of bytes between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "harbor/secure/secure.h"
#include "net/write.h"

static uint64_t seed = 20261126;

/* BUILD/tests/unit/harbor/secure/test_secure -> BUILD/modules */
static const char *library(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	assert_true(n > 0);
	path[n] = 0;
	for (unsigned i = 0; i < 5; i++)
		*strrchr(path, '/') = 0;
	strcat(path, "/modules/harbor-secure.so.1");
	return path;
}

static struct secure_key key(const char *id, int byte)
{
	struct secure_key k;

	snprintf(k.id, sizeof(k.id), "%s", id);
	memset(k.bytes, byte, sizeof(k.bytes));
	return k;
}

static void use(struct secure_key first, const struct secure_key *second, uint64_t records)
{
	struct secure_config c = { .library = library(),
				   .keys[0] = first,
				   .key_count = second ? 2 : 1,
				   .records_per_key = records };
	char *error = NULL;

	if (second)
		c.keys[1] = *second;
	if (secure_init(&c, &error) < 0)
		fail_msg("%s", error);
}

struct end {
	struct secure_session *s;
	struct text in;	  /* plain bytes that came */
	struct text wire; /* sealed bytes that left and did not arrive yet */
	bool ready, ended, bad;
};

static void seal_to(struct end *e, const struct iovec *iov, int n, size_t room)
{
	struct net_plain plain = { iov, n, 0 };
	bool more = true;

	while (more) {
		uint8_t *out = mem_alloc(room);
		size_t size;

		more = secure_seal(e->s, &plain, out, room, &size);
		assert_true(size <= room);
		text_add(&e->wire, out, size);
		mem_free(out);
	}
	assert_int_equal(plain.n, 0);
}

static void take(struct end *e, const void *bytes, size_t n)
{
	struct secure_input io = { .bytes = bytes, .size = n };
	enum secure_event got;

	do {
		got = secure_input(e->s, &io);
		if (io.wants_write)
			seal_to(e, NULL, 0, 256);
		e->ready |= got == SECURE_READY;
		e->ended |= got == SECURE_ENDED;
		e->bad |= got == SECURE_BAD;
		if (got == SECURE_PLAIN)
			text_add(&e->in, io.plain, io.plain_size);
	} while (got != SECURE_MORE && !e->bad && !e->ended);
}

/* Moves what waits from one end to the other, in pieces of up to `most` bytes. */
static void move(struct end *from, struct end *to, size_t most)
{
	struct text wire = from->wire;

	from->wire = (struct text){ 0 };
	for (size_t at = 0, n; at < wire.size; at += n) {
		n = 1 + random_next(&seed) % most;
		n = n < wire.size - at ? n : wire.size - at;
		take(to, wire.bytes + at, n);
	}
	text_fini(&wire);
}

static void shake_hands(struct end *a, struct end *b, size_t most)
{
	*a = (struct end){ .s = secure_create(true) };
	*b = (struct end){ .s = secure_create(false) };
	take(a, NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		move(a, b, most);
		move(b, a, most);
	}
}

static void end_fini(struct end *e)
{
	secure_destroy(e->s);
	text_fini(&e->in);
	text_fini(&e->wire);
}

static void part(struct end *a, struct end *b)
{
	end_fini(a);
	end_fini(b);
	secure_fini();
}

/* Random parts of random sizes, empty ones among them; what goes in comes out. */
static void talk(struct end *a, struct end *b, unsigned times)
{
	struct text sent = { 0 };

	for (unsigned t = 0; t < times; t++) {
		struct iovec iov[40];
		int n = (int)(random_next(&seed) % 40) + 1;
		size_t room = 256 + random_next(&seed) % 100000;

		for (int i = 0; i < n; i++) {
			size_t size = random_next(&seed) % (random_next(&seed) % 8 ? 90 : 70000);
			uint8_t *bytes = mem_alloc(size + 1);

			memset(bytes, (int)(random_next(&seed) & 255), size);
			iov[i] = (struct iovec){ bytes, size };
			text_add(&sent, bytes, size);
		}
		seal_to(a, iov, n, room);
		for (int i = 0; i < n; i++)
			mem_free(iov[i].iov_base);
		move(a, b, 1 + random_next(&seed) % 60000);
	}
	assert_false(b->bad);
	assert_int_equal(b->in.size, sent.size);
	assert_memory_equal(b->in.bytes, sent.bytes, sent.size);
	text_fini(&sent);
	text_fini(&b->in);
}

static void test_passes_bytes(void **state)
{
	struct end a, b;
	struct secure_info i;

	(void)state;
	for (unsigned most = 1; most <= 4096; most *= 16) {
		use(key("k", 7), NULL, 0);
		shake_hands(&a, &b, most);
		assert_true(a.ready && b.ready && !a.bad && !b.bad);
		talk(&a, &b, 20);
		talk(&b, &a, 20);
		secure_info(b.s, &i);
		assert_string_equal(i.who, "key k");
		assert_string_equal(i.cipher, "TLS_AES_128_GCM_SHA256");
		part(&a, &b);
	}
}

static void test_takes_new_keys_in_the_middle(void **state)
{
	struct end a, b;

	(void)state;
	use(key("k", 7), NULL, 3);
	shake_hands(&a, &b, 100);
	talk(&a, &b, 50);
	talk(&b, &a, 50);
	part(&a, &b);
}

static void test_says_the_end(void **state)
{
	struct iovec iov = { "last", 4 };
	struct end a, b;

	(void)state;
	use(key("k", 7), NULL, 0);
	shake_hands(&a, &b, 100);
	secure_end(a.s);
	seal_to(&a, &iov, 1, 256);
	seal_to(&a, &iov, 1, 256); /* goes nowhere */
	move(&a, &b, 9);
	assert_true(b.ended && !b.bad);
	assert_int_equal(b.in.size, 4);
	part(&a, &b);
}

static void test_sees_every_changed_byte(void **state)
{
	struct iovec iov = { "hello", 5 };
	struct end a, b;

	(void)state;
	for (size_t at = 0;; at++) {
		size_t size;

		use(key("k", 7), NULL, 0);
		shake_hands(&a, &b, 4096);
		seal_to(&a, &iov, 1, 256);
		size = a.wire.size;
		if (at < size) {
			a.wire.bytes[at] ^= (char)(1 << (random_next(&seed) % 8));
			seal_to(&a, &iov, 1, 256);
			move(&a, &b, 4096);
			/* a longer size waits for more: nothing is believed meanwhile */
			assert_true(b.bad || at == 3 || at == 4);
			assert_int_equal(b.in.size, 0);
		}
		part(&a, &b);
		if (at >= size)
			break;
	}
}

/* Records that are sent again, left out, or come in another order. */
static void test_sees_changed_order(void **state)
{
	struct iovec iov = { "hello", 5 };
	struct end a, b;

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		struct text first;

		use(key("k", 7), NULL, 0);
		shake_hands(&a, &b, 4096);
		seal_to(&a, &iov, 1, 256);
		first = a.wire;
		a.wire = (struct text){ 0 };
		if (kind != 2)
			seal_to(&a, &iov, 1, 256);
		if (kind == 0) {
			move(&a, &b, 4096); /* the second first */
			assert_int_equal(b.in.size, 0);
		} else {
			take(&b, first.bytes, first.size);
			assert_false(b.bad);
			take(&b, first.bytes, first.size); /* again */
			assert_int_equal(b.in.size, 5);
		}
		assert_true(b.bad);
		text_fini(&first);
		part(&a, &b);
	}
}

static void test_refuses_other_keys(void **state)
{
	struct secure_key two = key("two", 2), one = key("one", 1);
	struct end a, b;

	(void)state;
	/* who connects uses the first of its keys; the other end knows both */
	use(one, &two, 0);
	a = (struct end){ .s = secure_create(true) };
	use(two, &one, 0);
	b = (struct end){ .s = secure_create(false) };
	take(&a, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		move(&a, &b, 4096);
		move(&b, &a, 4096);
	}
	assert_true(a.ready && b.ready);
	talk(&a, &b, 3);
	part(&a, &b);

	/* a name that the other end does not know, and a key that is another under its name */
	for (unsigned same = 0; same < 2; same++) {
		use(key(same ? "two" : "three", 3), NULL, 0);
		a = (struct end){ .s = secure_create(true) };
		use(two, NULL, 0);
		b = (struct end){ .s = secure_create(false) };
		take(&a, NULL, 0);
		move(&a, &b, 4096);
		move(&b, &a, 4096);
		assert_true(a.bad && b.bad && !a.ready && !b.ready);
		assert_non_null(strstr(secure_why(b.s), same ? "is not the one that we have"
							     : "is none of this node's"));
		part(&a, &b);
	}
}

static void test_bounds_what_strangers_send(void **state)
{
	struct end b;
	uint8_t junk[3000];

	(void)state;
	use(key("k", 7), NULL, 0);
	for (unsigned round = 0; round < 300; round++) {
		b = (struct end){ .s = secure_create(false) };
		for (size_t i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)random_next(&seed);
		if (round % 2)
			memcpy(junk, "\x16\x03\x01", 3);
		for (unsigned i = 0; i < 60 && !b.bad; i++)
			take(&b, junk, sizeof(junk));
		assert_true(b.bad && !b.ready);
		assert_int_equal(b.in.size, 0);
		end_fini(&b);
	}
	secure_fini();
}

static void test_knows_who_is_still_let_in(void **state)
{
	struct secure_key old = key("old", 1), new = key("new", 2);
	char why[SECURE_WHY_MAX] = "";
	struct end a, b;

	(void)state;
	use(old, NULL, 0);
	shake_hands(&a, &b, 4096);
	use(new, &old, 0);
	assert_true(secure_holds(a.s, why) && secure_holds(b.s, why));
	use(new, NULL, 0);
	assert_false(secure_holds(a.s, why) || secure_holds(b.s, why));
	assert_string_equal(why, "its key \"old\" was removed");
	use(key("old", 3), NULL, 0);
	assert_false(secure_holds(b.s, why));
	part(&a, &b);
}

/* Who has a key that was removed is not to keep a handshake ready for that. */
static void test_lets_nobody_finish_with_keys_of_before(void **state)
{
	struct end a = { .s = NULL }, b = { .s = NULL };

	(void)state;
	use(key("old", 1), NULL, 0);
	a.s = secure_create(true);
	b.s = secure_create(false);
	take(&a, NULL, 0);
	move(&a, &b, 4096);
	assert_false(a.ready || a.bad || b.ready || b.bad);
	use(key("new", 2), NULL, 0);
	move(&b, &a, 4096);
	assert_true(a.bad && !a.ready);
	assert_string_equal(secure_why(a.s), "its key \"old\" was removed");
	part(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_bytes),
		cmocka_unit_test(test_takes_new_keys_in_the_middle),
		cmocka_unit_test(test_says_the_end),
		cmocka_unit_test(test_sees_every_changed_byte),
		cmocka_unit_test(test_sees_changed_order),
		cmocka_unit_test(test_refuses_other_keys),
		cmocka_unit_test(test_bounds_what_strangers_send),
		cmocka_unit_test(test_knows_who_is_still_let_in),
		cmocka_unit_test(test_lets_nobody_finish_with_keys_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
