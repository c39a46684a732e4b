/* SPDX-License-Identifier: MIT */
/* UDP sockets of services, with real workers and plain sockets as peers. */
#include "net/info.h"
#include "net/net.h"
#include "net/poller.h"
#include "net/pressure.h"
#include "net/request.h"
#include "net/socket.h"
#include "net/udp.h"
#include "net/udpaddr.h"
#include "net/write.h"
#include "tests/unit/net/ear.h"

/* A plain socket on 127.0.0.1. */
static int plain(struct addr *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret = (struct addr){ .size = sizeof(ret->in),
			      .in = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &ret->any, ret->size), 0);
	assert_int_equal(getsockname(fd, &ret->any, &ret->size), 0);
	return fd;
}

static struct addr own_address(int id)
{
	struct addr_text t;
	struct addr a;
	char text[ADDR_TEXT_MAX];

	assert_true(net_local_address(id, text, sizeof(text)));
	assert_null(addr_split(text, -1, &t));
	assert_true(addr_numeric(&t, &a));
	return a;
}

static int send_datagram(int id, const struct addr *to, const char *text)
{
	char address[UDP_ADDRESS_MAX];
	size_t n = udpaddr_write(&to->any, address);
	struct iovec iov[2] = { { (void *)text, 1 }, { (void *)(text + 1), strlen(text) - 1 } };

	return net_udp_send(id, address, n, iov, 2);
}

static void receive(int fd, const char *text)
{
	char got[100] = "";

	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

static void datagrams_come_and_go_one_by_one(void **state)
{
	struct ear *ear = *state;
	int id = net_udp(ear->handle, "127.0.0.1", 0, NULL), fd;
	struct addr peer, own;

	assert_true(id > 0);
	own = own_address(id);
	fd = plain(&peer);
	for (int i = 0; i < 40; i++) /* more than one batch */
		assert_int_equal(sendto(fd, "hello", (size_t)i % 6, 0, &own.any, own.size), i % 6);
	for (int i = 0; i < 40; i++)
		assert_int_equal(expect(ear, SOCKET_UDP, id, NULL), i % 6);
	assert_int_equal(send_datagram(id, &peer, "first"), 0);
	assert_int_equal(send_datagram(id, &peer, "second"), 0);
	receive(fd, "first");
	receive(fd, "second");
	net_close(id);
	expect(ear, SOCKET_CLOSE, id, NULL);
	assert_int_equal(send_datagram(id, &peer, "late"), -1);
	expect_silence(ear);
	close(fd);
}

static void the_default_peer_gets_what_is_written(void **state)
{
	struct ear *ear = *state;
	struct net_error error;
	struct addr peer;
	int fd = plain(&peer);
	int id = net_udp_dial(ear->handle, "localhost", addr_port(&peer), &error);

	if (id < 0)
		fail_msg("%s", error.text);
	/* of two families the first may be IPv6 */
	if (own_address(id).any.sa_family == AF_INET) {
		assert_int_equal(send_text(id, "written"), 0);
		receive(fd, "written");
	}
	net_shutdown(id);
	expect(ear, SOCKET_CLOSE, id, NULL);

	id = net_udp(ear->handle, NULL, 0, NULL);
	assert_int_equal(send_text(id, "to nobody"), -1);
	assert_int_equal(net_udp_connect(id, "127.0.0.1", addr_port(&peer), NULL), 0);
	assert_int_equal(net_sendv(id, &(struct iovec){ "gathered", 8 }, 1), 0);
	receive(fd, "gathered");
	assert_int_equal(net_send_low(id, memcpy(payload_alloc(3), "low", 3), 3), 0);
	receive(fd, "low");
	assert_int_equal(net_udp_connect(id, "::1", 9, NULL), 0);
	expect(ear, SOCKET_ERROR, id, "protocol mismatch");
	assert_int_equal(send_text(id, "the old one"), 0);
	receive(fd, "the old one");
	net_close(id);
	expect(ear, SOCKET_CLOSE, id, NULL);
	close(fd);
}

static void what_cannot_be_opened_or_sent_says_why(void **state)
{
	struct ear *ear = *state;
	struct net_error error;
	struct addr peer;
	int id, port, listener, fd = plain(&peer);

	assert_int_equal(net_udp(ear->handle, "192.0.2.1", 9, &error), -EADDRNOTAVAIL);
	assert_string_equal(error.text, "udp 192.0.2.1:9: Cannot assign requested address");
	assert_int_equal(net_udp(ear->handle, "unix:/x", -1, &error), -EINVAL);
	assert_int_equal(net_udp_dial(ear->handle, "127.0.0.1", 0, &error), -EINVAL);
	assert_string_equal(error.text, "udp dial 127.0.0.1:0: Invalid argument");
	port = listen_started(ear, &listener);
	assert_true(port > 0);
	assert_int_equal(net_udp_connect(listener, "127.0.0.1", 9, NULL), -ENOTSOCK);
	assert_int_equal(net_udp_connect(0x7ffffff0, "127.0.0.1", 9, NULL), -ENOTSOCK);
	assert_int_equal(send_datagram(listener, &peer, "xx"), -1);
	id = net_udp(ear->handle, "127.0.0.1", 0, NULL);
	assert_int_equal(net_udp_send(id, "\1\2\3", 3, &(struct iovec){ "x", 1 }, 1), -1);
	net_close(id);
	expect(ear, SOCKET_CLOSE, id, NULL);
	net_close(listener);
	expect(ear, SOCKET_CLOSE, listener, NULL);
	close(fd);
}

/* A batch may bring more marks than are the bound: then it is not read, as at the bound. */
static void a_batch_of_many_marks_is_enough_to_read(void **state)
{
	enum { N = 8, SIZE = 1200 };
	struct ear *ear = *state;
	int id = net_udp(ear->handle, "127.0.0.1", 0, NULL), fd;
	struct addr peer, own = own_address(id);
	uint64_t read = 0;
	bool watched = true;

	fd = plain(&peer);
	assert_true(net_set_window(id, SIZE)); /* each datagram has a mark */
	net_pause(ear->handle, id);
	for (int i = 0; i < N; i++)
		assert_int_equal(sendto(fd, (char[SIZE]){ 0 }, SIZE, 0, &own.any, own.size), SIZE);
	pthread_mutex_lock(&lock); /* the owner is at work */
	net_start(ear->handle, id);
	while (read < N * SIZE) {
		struct socket *s = socket_lock(id);

		read = s->read_bytes;
		watched = s->events & EPOLLIN;
		socket_unlock(s);
		usleep(1000);
	}
	pthread_mutex_unlock(&lock);
	assert_false(watched);
	expect(ear, SOCKET_CONNECT, id, "transfer");
	for (int i = 0; i < N; i++)
		assert_int_equal(expect(ear, SOCKET_UDP, id, NULL), SIZE);
	assert_int_equal(sendto(fd, "more", 4, 0, &own.any, own.size), 4);
	expect(ear, SOCKET_UDP, id, "more");
	net_close(id);
	expect(ear, SOCKET_CLOSE, id, NULL);
	close(fd);
}

static void paused_and_passed_on_as_any_socket(void **state)
{
	struct ear *ear = *state, *other = ear_launch();
	int id = net_udp(ear->handle, "127.0.0.1", 0, NULL), fd;
	struct addr peer, own = own_address(id);

	fd = plain(&peer);
	net_pause(ear->handle, id);
	assert_int_equal(sendto(fd, "kept", 4, 0, &own.any, own.size), 4);
	expect_silence(ear);
	net_start(other->handle, id);
	expect(other, SOCKET_CONNECT, id, "transfer");
	expect(other, SOCKET_UDP, id, "kept");
	expect_silence(ear);
	/* with its owner the socket ends */
	service_retire(other->handle);
	for (int i = 0; net_local_address(id, (char[ADDR_TEXT_MAX]){ 0 }, ADDR_TEXT_MAX); i++) {
		assert_true(i < 20000);
		sendto(fd, "x", 1, 0, &own.any, own.size);
		usleep(1000);
	}
	ear_end(other);
	while (service_count() > 1)
		usleep(1000);
	close(fd);
	mem_free(other);
}

static void addresses_are_those_of_the_contract(void **state)
{
	struct addr a;
	char bytes[UDP_ADDRESS_MAX];

	(void)state;
	assert_true(udpaddr_read("\1\x1f\x90\x7f\0\0\1", 7, &a));
	assert_int_equal(addr_port(&a), 8080);
	assert_int_equal(a.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(udpaddr_write(&a.any, bytes), 7);
	assert_memory_equal(bytes, "\1\x1f\x90\x7f\0\0\1", 7);
	assert_false(udpaddr_read("\1\x1f\x90\x7f\0\0", 6, &a));
	assert_false(udpaddr_read("\2\x1f\x90\x7f\0\0\1", 7, &a));
	assert_false(udpaddr_read("\0", 1, &a));
	assert_false(udpaddr_read("", 0, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_come_and_go_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(the_default_peer_gets_what_is_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_or_sent_says_why, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_batch_of_many_marks_is_enough_to_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(paused_and_passed_on_as_any_socket, setup,
						teardown),
		cmocka_unit_test(addresses_are_those_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
