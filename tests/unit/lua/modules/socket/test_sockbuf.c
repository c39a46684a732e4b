/* SPDX-License-Identifier: MIT */
/* The receive buffer: as a queue in C, and through the functions that Lua gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/modules/socket/sockbuf.h"
#include "lua/host/host.h"
#include "lua/modules/socket/sockbuf_lua.h"

static void push(struct sockbuf *b, const char *text)
{
	size_t n = strlen(text);
	void *p = payload_alloc(n);

	memcpy(p, text, n);
	sockbuf_push(b, p, n);
}

static void assert_front(const struct sockbuf *b, const char *text)
{
	char copy[256];
	size_t n = strlen(text);

	assert_true(n <= b->size && n < sizeof(copy));
	sockbuf_copy(b, copy, n);
	copy[n] = 0;
	assert_string_equal(copy, text);
}

static int setup(void **state)
{
	struct sockbuf *b = malloc(sizeof(*b));

	sockbuf_init(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	sockbuf_clear(*state);
	free(*state);
	return 0;
}

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	struct sockbuf *b = *state;

	push(b, "abc");
	push(b, "");
	push(b, "defg");
	assert_int_equal(b->size, 7);
	assert_front(b, "abcdefg");
	sockbuf_skip(b, 2);
	assert_front(b, "cdefg");
	sockbuf_skip(b, 1);
	assert_front(b, "defg");
	sockbuf_skip(b, 4);
	assert_int_equal(b->size, 0);
	assert_int_equal(b->count, 0);
	push(b, "again");
	assert_front(b, "again");
}

static void peek_gives_one_piece_or_nothing(void **state)
{
	struct sockbuf *b = *state;

	assert_non_null(sockbuf_peek(b, 0));
	push(b, "abc");
	push(b, "def");
	sockbuf_skip(b, 1);
	assert_memory_equal(sockbuf_peek(b, 2), "bc", 2);
	assert_null(sockbuf_peek(b, 3));
}

static void many_chunks_make_the_ring_grow_and_an_empty_queue_gives_it_back(void **state)
{
	struct sockbuf *b = *state;
	char large[SOCKBUF_SMALL + 2] = "";

	/* the head is in the middle when it grows, and the ring wraps */
	push(b, "xx");
	push(b, "yy");
	sockbuf_skip(b, 2);
	for (int i = 0; i < 100; i++) {
		memset(large, '0' + i % 10, sizeof(large) - 1);
		push(b, large);
	}
	assert_int_equal(b->count, 101);
	assert_front(b, "yy000");
	sockbuf_skip(b, 2 + 98 * (sizeof(large) - 1) - 1);
	assert_front(b, "7888");
	assert_true(b->ring != b->first);
	sockbuf_skip(b, b->size);
	assert_true(b->ring == b->first);
	push(b, "z");
	assert_front(b, "z");
}

static void find_gives_the_place_of_the_first_separator(void **state)
{
	struct sockbuf *b = *state;
	size_t at = 99;

	assert_false(sockbuf_find(b, "\n", 1, &at));
	push(b, "one\ntwo\n");
	assert_true(sockbuf_find(b, "\n", 1, &at));
	assert_int_equal(at, 3);
	sockbuf_skip(b, 4);
	assert_true(sockbuf_find(b, "\n", 1, &at));
	assert_int_equal(at, 3);
	sockbuf_skip(b, 4);
	assert_false(sockbuf_find(b, "\n", 1, &at));
}

static void a_separator_may_span_chunks(void **state)
{
	struct sockbuf *b = *state;
	size_t at;

	push(b, "head\r");
	assert_false(sockbuf_find(b, "\r\n\r\n", 4, &at));
	push(b, "\n");
	assert_false(sockbuf_find(b, "\r\n\r\n", 4, &at));
	push(b, "\r");
	assert_false(sockbuf_find(b, "\r\n\r\n", 4, &at));
	push(b, "\nbody");
	assert_true(sockbuf_find(b, "\r\n\r\n", 4, &at));
	assert_int_equal(at, 4);
}

static void a_false_start_of_a_separator_hides_no_true_one(void **state)
{
	struct sockbuf *b = *state;
	size_t at;

	push(b, "aa");
	assert_false(sockbuf_find(b, "aab", 3, &at));
	push(b, "a");
	assert_false(sockbuf_find(b, "aab", 3, &at));
	push(b, "ab!");
	assert_true(sockbuf_find(b, "aab", 3, &at));
	assert_int_equal(at, 2);
}

static void a_new_separator_is_searched_from_the_beginning(void **state)
{
	struct sockbuf *b = *state;
	size_t at;
	char longer[40];

	push(b, "a,b;c");
	assert_false(sockbuf_find(b, "\n", 1, &at));
	assert_true(sockbuf_find(b, ",", 1, &at));
	assert_int_equal(at, 1);
	memset(longer, 'c', sizeof(longer));
	assert_false(sockbuf_find(b, longer, sizeof(longer), &at));
	for (int i = 0; i < 39; i++)
		push(b, "c");
	assert_true(sockbuf_find(b, longer, sizeof(longer), &at));
	assert_int_equal(at, 4);
}

static void a_search_goes_on_where_the_last_one_ended(void **state)
{
	struct sockbuf *b = *state;
	size_t at;

	push(b, "xxxx");
	assert_false(sockbuf_find(b, "\n", 1, &at));
	/* a byte that was searched already is not looked at again */
	((char *)b->ring[0].data)[1] = '\n';
	push(b, "yy\n");
	assert_true(sockbuf_find(b, "\n", 1, &at));
	assert_int_equal(at, 6);
}

/* The simplest thing that can be right: one flat string. */
static void random_use_agrees_with_a_flat_string(void **state)
{
	static const char *const seps[] = { "b", "ab", "aab", "abab", "bb" };
	struct sockbuf *b = *state;
	char flat[4096] = "";
	size_t size = 0;

	srand(20240607);
	for (int step = 0; step < 50000; step++) {
		int what = rand() % 3;

		if (size > 0 && rand() % 50 == 0)
			sockbuf_gather(b, size + 1 + (size_t)rand() % 20);

		if (what == 0 && size < 2000) {
			char piece[8];
			size_t n = (size_t)rand() % sizeof(piece);

			for (size_t i = 0; i < n; i++)
				piece[i] = rand() % 3 ? 'a' : 'b';
			piece[n < 7 ? n : 7] = 0;
			push(b, piece);
			strcpy(flat + size, piece);
			size += strlen(piece);
		} else if (what == 1) {
			const char *sep = seps[(unsigned)rand() % 5], *p = strstr(flat, sep);
			size_t at, n = strlen(sep);
			bool found = sockbuf_find(b, sep, n, &at);

			assert_int_equal(found, p != NULL);
			if (found) {
				assert_int_equal(at, p - flat);
				sockbuf_skip(b, at + n);
				size -= at + n;
				memmove(flat, flat + at + n, size + 1);
			}
		} else if (size > 0) {
			size_t n = (size_t)rand() % (size < 5 ? size : 5);

			sockbuf_skip(b, n);
			size -= n;
			memmove(flat, flat + n, size + 1);
		}
		assert_int_equal(b->size, size);
	}
}

/* ---- as Lua sees it ---- */

static int lua_setup(void **state)
{
	static struct host host; /* what is held for a service is held here */
	static struct task task = { .host = &host };
	lua_State *L = luaL_newstate();

	*(struct task **)lua_getextraspace(L) = &task;
	luaL_openlibs(L);
	lua_newtable(L);
	luaL_setfuncs(L, sockbuf_functions, 0);
	lua_setglobal(L, "d");
	*state = L;
	return luaL_dostring(L, "function put(b, s) return d.push(b, {}, d.str2p(s)) end\n"
				"function fails(text, f, ...)\n"
				"  local ok, err = pcall(f, ...)\n"
				"  assert(not ok and err:find(text, 1, true), err)\n"
				"end");
}

static int lua_teardown(void **state)
{
	lua_close(*state);
	return 0;
}

static void run(void **state, const char *code)
{
	lua_State *L = *state;

	if (luaL_dostring(L, code) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
}

static void pop_gives_n_bytes_or_nil_and_what_is_left(void **state)
{
	run(state, "local b = d.buffer()\n"
		   "assert(put(b, 'hello ') == 6 and put(b, 'world') == 11)\n"
		   "local s, n = d.pop(b, {}, 8) assert(s == 'hello wo' and n == 3)\n"
		   "s, n = d.pop(b, {}, 4) assert(s == nil and n == 3)\n"
		   "s, n = d.pop(b, {}, 0) assert(s == nil and n == 3)\n"
		   "assert(d.readall(b, {}) == 'rld' and d.readall(b, {}) == '')\n");
}

static void readline_takes_the_line_and_without_a_pool_only_tests(void **state)
{
	run(state, "local b = d.buffer() put(b, 'one\\ntw') put(b, 'o\\n\\nrest')\n"
		   "assert(d.readline(b, nil, '\\n') == true)\n"
		   "assert(d.readline(b, {}, '\\n') == 'one')\n"
		   "assert(d.readline(b, {}, '\\n') == 'two')\n"
		   "assert(d.readline(b, {}, '\\n') == '')\n"
		   "assert(select('#', d.readline(b, {}, '\\n')) == 0)\n"
		   "fails('empty separator', d.readline, b, {}, '')\n"
		   "d.clear(b, {}) d.clear(nil, {})\n"
		   "assert(d.readall(b, {}) == '')\n");
}

static void wrong_arguments_raise_the_texts_of_the_contract(void **state)
{
	run(state, "local b, p = d.buffer(), d.str2p('x')\n"
		   "fails('need buffer object at param 1', d.push, {}, {}, p, 1)\n"
		   "fails('need buffer object at param 1', d.push, io.stdout, {}, p, 1)\n"
		   "fails('need buffer object at param 1', d.push)\n"
		   "fails('need message block at param 3', d.push, b, {}, 'text', 4)\n"
		   "fails('need message block at param 3', d.push, b, {}, b, 4)\n"
		   "fails('Invalid read', d.header, '') fails('Invalid read', d.header, '12345')\n"
		   "fails('negative', d.push, b, {}, p, -1) d.drop(p, 1)\n");
}

static void header_is_a_big_endian_number(void **state)
{
	run(state, "assert(d.header('\\1') == 1 and d.header('\\1\\2') == 258)\n"
		   "assert(d.header('\\1\\0\\0') == 65536 and d.header('\\255\\255\\255\\255') == "
		   "0xffffffff)\n");
}

static void a_large_read_over_many_chunks_is_whole(void **state)
{
	run(state, "local b, parts = d.buffer(), {}\n"
		   "for i = 1, 500 do parts[i] = string.rep(string.char(i % 256), i) put(b, "
		   "parts[i]) end\n"
		   "local all = table.concat(parts)\n"
		   "assert(d.pop(b, {}, #all - 1) == all:sub(1, -2))\n"
		   "assert(d.readall(b, {}) == all:sub(-1))\n"
		   "put(b, 'left to the collector') b = nil collectgarbage()\n");
}

/* Bytes that tell where they are. */
static char nth(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static void push_from(struct sockbuf *b, size_t from, size_t n)
{
	char *p = payload_alloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = nth(from + i);
	sockbuf_push(b, p, n);
}

static void what_is_expected_comes_in_one_piece(void **state)
{
	static const size_t pieces[] = { 70000, 1, 30000, 100000, 65536, 3 };
	struct sockbuf b;
	size_t at = 0;
	const char *p;

	(void)state;
	sockbuf_init(&b);
	push_from(&b, 0, 10);
	at = 10;
	sockbuf_expect(&b, 200000); /* too little is there: nothing is prepared */
	assert_int_equal(b.room, 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		push_from(&b, at, pieces[i]);
		at += pieces[i];
		assert_int_equal(b.size, at);
		if (b.size < 200000)
			sockbuf_expect(&b, 200000);
	}
	p = sockbuf_peek(&b, 200000);
	assert_non_null(p);
	for (size_t i = 0; i < 200000; i++)
		assert_int_equal(p[i], nth(i));
	sockbuf_skip(&b, 200000);
	assert_int_equal(b.size, at - 200000);
	char rest[70000];

	sockbuf_copy(&b, rest, b.size);
	for (size_t i = 0; i < b.size; i++)
		assert_int_equal(rest[i], nth(200000 + i));
	sockbuf_clear(&b);
}

static void a_reader_that_gives_up_finds_all_bytes(void **state)
{
	struct sockbuf b;
	size_t at;
	char all[80000];

	(void)state;
	sockbuf_init(&b);
	push_from(&b, 0, 70000);
	sockbuf_skip(&b, 1000);
	sockbuf_expect(&b, 1 << 20);
	assert_true(b.room > 0);
	push_from(&b, 70000, 5000);
	assert_true(sockbuf_find(&b, (char[]){ nth(1000), nth(1001), nth(1002) }, 3, &at));
	assert_int_equal(at, 0);
	sockbuf_skip(&b, 2000);
	push_from(&b, 75000, 5000);
	assert_int_equal(b.size, 77000);
	sockbuf_copy(&b, all, b.size);
	for (size_t i = 0; i < b.size; i++)
		assert_int_equal(all[i], nth(3000 + i));
	sockbuf_clear(&b);
	push_from(&b, 0, 70000);
	sockbuf_expect(&b, SOCKBUF_GATHER_MAX + 1); /* too much */
	assert_int_equal(b.room, 0);
	sockbuf_clear(&b);
}

/* What a peer sends byte by byte weighs about what it is, whether somebody waits for the end of a
 * line meanwhile or not. */
static void a_byte_does_not_weigh_a_chunk(void **state)
{
	struct sockbuf b;
	size_t at;
	char all[4];

	(void)state;
	for (int searched = 0; searched < 2; searched++) {
		sockbuf_init(&b);
		for (size_t i = 0; i < 100000; i++) {
			push(&b, i % 2 ? "b" : "a");
			if (searched)
				assert_false(sockbuf_find(&b, "\n", 1, &at));
		}
		assert_int_equal(b.size, 100000);
		assert_true(b.count < 40);
		push(&b, "\n");
		push(&b, "more");
		assert_true(sockbuf_find(&b, "\n", 1, &at));
		assert_int_equal(at, 100000);
		for (size_t i = 0; i < 100000; i += 4) {
			sockbuf_copy(&b, all, 4);
			assert_memory_equal(all, "abab", 4);
			sockbuf_skip(&b, 4);
		}
		assert_front(&b, "\nmore");
		sockbuf_clear(&b);
	}
}

int main(void)
{
#define queue(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
#define lua(t) cmocka_unit_test_setup_teardown(t, lua_setup, lua_teardown)
	const struct CMUnitTest tests[] = {
		queue(bytes_come_out_in_the_order_they_went_in),
		queue(peek_gives_one_piece_or_nothing),
		queue(many_chunks_make_the_ring_grow_and_an_empty_queue_gives_it_back),
		queue(find_gives_the_place_of_the_first_separator),
		queue(a_separator_may_span_chunks),
		queue(a_false_start_of_a_separator_hides_no_true_one),
		queue(a_new_separator_is_searched_from_the_beginning),
		queue(a_search_goes_on_where_the_last_one_ended),
		queue(random_use_agrees_with_a_flat_string),
		cmocka_unit_test(what_is_expected_comes_in_one_piece),
		cmocka_unit_test(a_reader_that_gives_up_finds_all_bytes),
		cmocka_unit_test(a_byte_does_not_weigh_a_chunk),
		lua(pop_gives_n_bytes_or_nil_and_what_is_left),
		lua(readline_takes_the_line_and_without_a_pool_only_tests),
		lua(wrong_arguments_raise_the_texts_of_the_contract),
		lua(header_is_a_big_endian_number),
		lua(a_large_read_over_many_chunks_is_whole),
	};

	return cmocka_run_group_tests_name("lua/sockbuf", tests, NULL, NULL);
}
