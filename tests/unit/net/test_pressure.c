/* SPDX-License-Identifier: MIT */
/* Who passes on what he reads is read no faster than it is taken. */
#include "net/info.h"
#include "net/pressure.h"
#include "tests/unit/net/ear.h"

#define WINDOW 4000

/* An accepted connection with a window of WINDOW; the other end. */
static int windowed(struct ear *ear, int *ret_id)
{
	int listener, port = listen_started(ear, &listener), fd;

	assert_true(net_set_window(listener, WINDOW));
	fd = raw_connect(port);
	*ret_id = expect(ear, SOCKET_ACCEPT, listener, NULL);
	net_start(ear->handle, *ret_id);
	expect(ear, SOCKET_CONNECT, *ret_id, "start");
	net_close(listener);
	expect(ear, SOCKET_CLOSE, listener, NULL);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void heard_after(struct ear *ear, int id, const char *text)
{
	assert_int_equal(expect(ear, SOCKET_DATA, id, text), strlen(text));
}

static void is_not_read(struct ear *ear)
{
	usleep(20000); /* time for a wrong message to come; without it the test could only pass */
	expect_silence(ear);
}

/* Messages of 72 bytes, which count 200, until one is marked. */
static void pass_until_marked(uint32_t owner, int id)
{
	for (int i = 1; i < WINDOW / 2 / 200; i++)
		assert_false(net_pass_on(owner, id, 72));
	assert_true(net_pass_on(owner, id, 72));
}

static void at_the_window_it_is_not_read_and_at_half_of_it_again(void **state)
{
	struct ear *ear = *state;
	int id, fd = windowed(ear, &id);

	for (int round = 0; round < 3; round++) {
		pass_until_marked(ear->handle, id);
		say(fd, "half");
		heard_after(ear, id, "half");
		pass_until_marked(ear->handle, id);
		say(fd, "full");
		is_not_read(ear);
		pass_until_marked(ear->handle, id); /* what it had read before */
		net_passed(id);
		is_not_read(ear);
		net_passed(id);
		heard_after(ear, id, "full");
		net_passed(id);
		net_passed(id); /* once too often is no harm */
	}
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void one_large_message_is_marked_by_itself(void **state)
{
	struct ear *ear = *state;
	int id, fd = windowed(ear, &id);

	assert_true(net_pass_on(ear->handle, id, UINT64_C(1) << 40));
	assert_true(net_pass_on(ear->handle, id, WINDOW));
	say(fd, "later");
	is_not_read(ear);
	net_passed(id);
	heard_after(ear, id, "later");
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void only_of_its_own_sockets_and_only_with_a_window(void **state)
{
	struct ear *ear = *state;
	int id, fd = windowed(ear, &id);

	assert_false(net_pass_on(ear->handle + 1, id, WINDOW));
	assert_false(net_pass_on(ear->handle, id + 1, WINDOW));
	assert_false(net_pass_on(ear->handle, -1, WINDOW));
	assert_true(net_set_window(id, 0));
	assert_false(net_pass_on(ear->handle, id, WINDOW));
	assert_false(net_set_window(id + 1, 0));
	assert_true(net_set_window(id, NET_WINDOW_NODE)); /* this test's node has none */
	assert_false(net_pass_on(ear->handle, id, WINDOW));
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
	net_passed(id);
}

static void who_is_held_is_not_read_and_said_to_wait(void **state)
{
	struct ear *ear = *state;
	int id, fd = windowed(ear, &id);

	net_hold(ear->handle + 1, id, true); /* another's */
	say(fd, "one");
	heard_after(ear, id, "one");
	net_hold(ear->handle, id, true);
	say(fd, "two");
	is_not_read(ear);
	net_hold(ear->handle, id, false);
	heard_after(ear, id, "two");
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
	net_hold(ear->handle, id, true); /* a socket that is no more */
}

static void who_takes_over_a_held_socket_reads_it(void **state)
{
	struct ear *ear = *state, *other = ear_launch();
	int id, fd = windowed(ear, &id);

	net_hold(ear->handle, id, true);
	say(fd, "for whom?");
	is_not_read(ear);
	net_start(ear->handle, id); /* nobody else */
	expect(ear, SOCKET_CONNECT, id, "transfer");
	is_not_read(ear);
	net_start(other->handle, id);
	expect(other, SOCKET_CONNECT, id, "transfer");
	heard_after(other, id, "for whom?");
	close(fd);
	expect(other, SOCKET_CLOSE, id, NULL);
	service_retire(other->handle);
	while (service_count() > 1)
		usleep(1000);
	ear_end(other);
	mem_free(other);
}

static void a_large_read_comes_in_parts_of_the_window(void **state)
{
	struct ear *ear = *state;
	int id, fd = windowed(ear, &id);
	char text[WINDOW * 4];
	size_t got = 0;

	memset(text, 'x', sizeof(text));
	assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
	while (got < sizeof(text)) {
		struct event *e = ear_next(ear, 20000);

		assert_non_null(e);
		assert_int_equal(e->type, SOCKET_DATA);
		assert_true(e->ud <= WINDOW / 4);
		got += (size_t)e->ud;
		event_destroy(e);
	}
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(at_the_window_it_is_not_read_and_at_half_of_it_again),
		T(one_large_message_is_marked_by_itself),
		T(only_of_its_own_sockets_and_only_with_a_window),
		T(who_is_held_is_not_read_and_said_to_wait),
		T(who_takes_over_a_held_socket_reads_it),
		T(a_large_read_comes_in_parts_of_the_window),
	};

	return cmocka_run_group_tests_name("net/pressure", tests, NULL, NULL);
}
