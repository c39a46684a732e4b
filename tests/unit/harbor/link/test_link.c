/* SPDX-License-Identifier: MIT */
/* A link on a real socket, with real services and workers on this side and the test at the other
 * end of the
 * wire: it reads when it likes and writes frames of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/remote.h"
#include "core/actor/life.h"
#include "harbor/link/flush.h"
#include "harbor/link/link.h"
#include "harbor/link/move_links.h"
#include "harbor/link/move_note.h"
#include "harbor/link/moves.h"
#include "harbor/link/stream.h"
#include "net/connect.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/post.h"
#include "net/request.h"
#include "net/write.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/waiting.h"

#define FAR 2u
#define THERE 0x02000009u
#define MESSAGE_MAX (4u << 20)
#define QUEUE_MAX (8u << 20)
/* What a node that has it may not have acknowledged yet, and a header. */
#define LAG (FLUSH_LAG + ledger_cost(0))
#define CLIENTS 3
#define EACH 20000

static int listener = -1, far = -1;
static atomic_int near_id;
static struct link *l;
static struct stream near_in, far_in;
static struct inbound far_arrived;
static uint64_t far_session;
static uint32_t me, far_seq;
static uint64_t acknowledged;

/* ---- our end, as conn.c has it ---- */

static void near_frame(void *ud, const struct wire_control *c)
{
	(void)ud;
	(void)c;
}

static void near_message(void *ud, struct msg *m)
{
	(void)ud;
	link_received(l, m);
}

static void near_ack(void *ud, uint64_t frames)
{
	(void)ud;
	if (!flush_acknowledged(l, frames))
		abort();
}

static void on_data(void *ud, int id, const void *data, size_t n)
{
	(void)ud;
	(void)id;
	if (!stream_input(&near_in, data, n))
		abort();
	flush_arrived(l);
}

/* What the other node says at each handshake. */
static struct wire_control far_hello(void)
{
	return (struct wire_control){ .epoch = 1,
				      .session = far_session,
				      .known = far_arrived.session,
				      .count = far_arrived.forgotten ? WIRE_FORGOTTEN
								     : far_arrived.count };
}

static void on_open(void *ud, int id, const char *text, int port)
{
	(void)ud;
	(void)text;
	(void)port;
	struct wire_control theirs = far_hello(), ours;

	if (link_resume(l, &theirs))
		abort();
	l->peer.epoch = 1;
	link_offer(l, &ours);
	if (ours.session != far_arrived.session)
		inbound_adopt(&far_arrived, ours.session);
	far_seq = (uint32_t)ours.count;
	near_in.in = &l->session.in;
	link_up(l, id);
	atomic_store_explicit(&near_id, id, memory_order_release);
}

static void on_drain(void *ud, int id)
{
	(void)ud;
	(void)id;
	flush_drained(l);
}

static const struct net_handler near = { .on_data = on_data,
					 .on_open = on_open,
					 .on_drain = on_drain };

/* ---- the far end ---- */

static struct msg *got[CLIENTS * EACH + 64];
static unsigned count;

static void far_frame(void *ud, const struct wire_control *c)
{
	(void)ud;
	(void)c;
	abort();
}

static void far_message(void *ud, struct msg *m)
{
	(void)ud;
	assert_true(count < array_len(got));
	got[count++] = m;
}

static void far_ack(void *ud, uint64_t frames)
{
	(void)ud;
	assert_true(frames <= far_seq);
	acknowledged = frames;
}

/* Reads until so many messages are here, and acknowledges them. */
static void far_read(unsigned want)
{
	uint8_t ack[WIRE_ACK_SIZE];

	static char room[256 << 10];
	struct pollfd p = { .fd = far, .events = POLLIN };

	while (count < want) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		ssize_t n = recv(far, room, sizeof(room), 0);

		assert_true(n > 0);
		assert_true(stream_input(&far_in, room, (size_t)n));
		wire_encode_ack(ack, far_arrived.count);
		assert_int_equal(send(far, ack, sizeof(ack), MSG_NOSIGNAL), sizeof(ack));
	}
}

static void far_write(int type, uint32_t source, uint32_t dest, int32_t session, const char *text)
{
	uint8_t frame[256];
	struct msg m = { .type = (uint8_t)type,
			 .source = source,
			 .dest = dest,
			 .session = session,
			 .size = strlen(text) };

	wire_encode_msg(frame, &m, far_seq++);
	memcpy(frame + WIRE_MSG_HEADER, text, m.size);
	assert_int_equal(send(far, frame, WIRE_MSG_HEADER + m.size, MSG_NOSIGNAL),
			 WIRE_MSG_HEADER + m.size);
}

/* ---- both ---- */

static struct sockaddr_in where;

static void connect_both(void)
{
	atomic_store_explicit(&near_id, 0, memory_order_relaxed);
	near_in = (struct stream){ .max = MESSAGE_MAX,
				   .on_control = near_frame,
				   .on_message = near_message,
				   .on_ack = near_ack,
				   .greeted = true };
	far_in = (struct stream){ .in = &far_arrived,
				  .max = MESSAGE_MAX,
				  .on_control = far_frame,
				  .on_message = far_message,
				  .on_ack = far_ack,
				  .greeted = true };
	assert_true(net_connect_handler(&near, NULL, "127.0.0.1", ntohs(where.sin_port)) > 0);
	far = accept(listener, NULL, NULL);
	assert_true(far >= 0);
	for (int i = 0; !atomic_load_explicit(&near_id, memory_order_acquire); i++) {
		assert_true(i < 10000);
		poll(NULL, 0, 1); /* the loop opens it on its own thread; nobody tells this one */
	}
}

static atomic_bool link_ended;

static void end_link(void *arg)
{
	(void)arg;
	link_down(l);
	net_close(atomic_load_explicit(&near_id, memory_order_relaxed));
	stream_fini(&near_in);
	atomic_store_explicit(&link_ended, true, memory_order_release);
}

/* Returns when it is lost. */
static void lose_link(void)
{
	char end[4096];

	atomic_store_explicit(&link_ended, false, memory_order_relaxed);
	net_post(end_link, NULL);
	while (recv(far, end, sizeof(end), 0) > 0)
		; /* what is under way is lost */
	stream_fini(&far_in);
	for (int i = 0; !atomic_load_explicit(&link_ended, memory_order_acquire); i++) {
		assert_true(i < 10000);
		poll(NULL, 0, 1);
	}
}

static void shut_link(void *arg)
{
	(void)arg;
	link_shut(l, LINK_NODE_DOWN);
}

static atomic_uint overruns;

static void overrun(struct link *which)
{
	assert_ptr_equal(which, l);
	atomic_fetch_add_explicit(&overruns, 1, memory_order_relaxed);
}

static void touch(void)
{
}

static uint64_t lost_sent, lost_unsent;

static void on_lost(struct link *which, uint64_t sent, uint64_t unsent, const char *why)
{
	assert_ptr_equal(which, l);
	assert_non_null(why);
	lost_sent += sent;
	lost_unsent += unsent;
}

static void tire_link(void *arg)
{
	(void)arg;
	link_tired(l);
}

static void ended(uint32_t handle)
{
	(void)handle;
}

static const struct link_hooks hooks = { overrun, on_lost };
static const struct remote_ops ops = { .send = link_send, .service_ended = ended };

static int setup(void **state)
{
	const struct node_config c = { .threads = 2, .harbor = 1 };
	socklen_t size = sizeof(where);

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	where = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
	assert_int_equal(listen(listener, 4), 0);
	post.count = post.ended = count = 0;
	inbound_reset(&far_arrived);
	far_session = 77;
	lost_sent = lost_unsent = 0;
	assert_int_equal(node_init(&c), 0);
	module_add(&actor);
	assert_int_equal(net_init(1), 0);
	link_init(MESSAGE_MAX, QUEUE_MAX, &hooks);
	move_links_init(QUEUE_MAX, NS_PER_SEC * 600, touch);
	l = link_get(FAR);
	remote_set(&ops);
	assert_int_equal(node_start(), 0);
	me = service_launch("actor", NULL);
	assert_int_equal(me >> 24, 1);
	link_open(l);
	connect_both();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bool ok = node_stop(10 * NS_PER_SEC);

	remote_set(NULL);
	link_fini();
	net_fini();
	stream_fini(&near_in);
	stream_fini(&far_in);
	inbound_reset(&far_arrived);
	for (unsigned i = 0; i < count; i++)
		got[i] = msg_destroy(got[i]);
	close(far);
	close(listener);
	return ok ? 0 : -1;
}

static int send_from(uint32_t source, int32_t session, int type, const void *data, size_t n)
{
	struct msg *m = msg_create_copy(data, n);

	m->source = source;
	m->dest = THERE;
	m->session = session;
	m->type = (uint8_t)type;
	return link_send(m);
}

static void a_message_arrives_whole(void **state)
{
	(void)state;
	assert_int_equal(send_from(me, -7, PTYPE_LUA, "hello", 5), 0);
	assert_int_equal(send_from(0, 0, PTYPE_TEXT, "", 0), 0);
	far_read(2);
	assert_int_equal(got[0]->source, me);
	assert_int_equal(got[0]->dest, THERE);
	assert_int_equal(got[0]->session, -7);
	assert_int_equal(got[0]->type, PTYPE_LUA);
	assert_int_equal(got[0]->size, 5);
	assert_memory_equal(msg_payload(got[0]), "hello", 5);
	assert_int_equal(got[1]->source, 0x01000000); /* the node itself */
}

static void what_comes_in_goes_to_its_mailbox_and_strangers_get_an_error(void **state)
{
	struct letter letter;

	(void)state;
	far_write(PTYPE_TEXT, THERE, me, 0, "hi");
	letter = letter_to(me, 0);
	assert_string_equal(letter.text, "hi");
	assert_int_equal(letter.source, THERE);
	far_write(PTYPE_TEXT, THERE, me + 1000, 5, "nobody");
	far_read(1);
	assert_int_equal(got[0]->type, PTYPE_ERROR);
	assert_int_equal(got[0]->session, 5);
	assert_int_equal(got[0]->dest, THERE);
	assert_int_equal(got[0]->source, me + 1000);
	far_write(PTYPE_ERROR, THERE, me + 1000, 5, "nobody"); /* not for errors */
	/* holds pointers: not taken */
	far_write(PTYPE_SOCKET, THERE, me, 6, "0123456789012345678901234567890");
	far_read(2);
	assert_int_equal(got[1]->session, 6);
	assert_int_equal(letters_to(me), 1);
}

static void calls_wait_over_a_break_and_fail_when_it_is_long(void **state)
{
	int32_t sum = 0;

	(void)state;
	for (int32_t i = 1; i <= 3; i++)
		assert_int_equal(send_from(me, i, PTYPE_LUA, "x", 1), 0);
	assert_int_equal(send_from(me, 9, PTYPE_RESPONSE, "an answer waits for nothing", 5), 0);
	far_read(4);
	far_write(PTYPE_RESPONSE, THERE, me, 2, "done");
	assert_string_equal(letter_to(me, 0).text, "done");
	lose_link();
	close(far);
	assert_int_equal(letters_to(me), 1);
	connect_both();
	far_write(PTYPE_RESPONSE, THERE, me, 3, "done over another connection");
	assert_string_equal(letter_to(me, 1).text, "done over another connection");
	assert_int_equal(send_from(me, 4, PTYPE_LUA, "x", 1), 0);
	lose_link();
	net_post(tire_link, NULL);
	for (unsigned i = 2; i <= 3; i++) {
		struct letter e = letter_to(me, i);

		assert_int_equal(e.type, PTYPE_ERROR);
		assert_int_equal(e.source, THERE);
		assert_string_equal(e.text, REMOTE_LINK_LOST);
		sum += e.session;
	}
	assert_int_equal(sum, 1 + 4);
	assert_true(run_as(me, nothing, NULL));
	assert_int_equal(letters_to(me), 4);
	assert_int_equal(pending_count(&l->pending), 0);
}

static void what_waits_while_the_link_is_down_leaves_with_the_next_one(void **state)
{
	(void)state;
	lose_link();
	close(far);
	assert_int_equal(send_from(me, 1, PTYPE_LUA, "later", 5), 0);
	assert_int_equal(send_from(me, 2, PTYPE_LUA, "and this", 8), 0);
	connect_both();
	far_read(2);
	assert_int_equal(got[0]->session, 1);
	assert_int_equal(got[1]->session, 2);
	assert_int_equal(letters_to(me), 0);
}

static void what_was_written_and_did_not_arrive_is_written_again(void **state)
{
	static char big[3 * WIRE_CHUNK_MAX];

	(void)state;
	assert_int_equal(send_from(me, 1, PTYPE_RESPONSE, "here", 4), 0);
	far_read(1);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(send_from(me, 2, PTYPE_RESPONSE, big, sizeof(big)), 0);
		assert_int_equal(send_from(me, 3, PTYPE_RESPONSE, "behind it", 9), 0);
		lose_link();
		close(far);
		connect_both();
	}
	far_read(1 + 6);
	for (unsigned i = 1; i < 7; i++)
		assert_int_equal(got[i]->session, i % 2 ? 2 : 3);
	assert_true(atomic_load_explicit(&l->resent, memory_order_relaxed) >= 3 * 5);
	assert_true(atomic_load_explicit(&l->sent, memory_order_relaxed) == 7);
	eventually(ledger_sum(&l->ledger) == 0 && ledger_kept(&l->ledger) == 0);
}

/* It had given this node up: what it has not acknowledged may have arrived or not. */
static void what_a_node_has_forgotten_is_lost_and_counted_and_its_calls_fail(void **state)
{
	(void)state;
	assert_int_equal(send_from(me, 1, PTYPE_LUA, "call", 4), 0);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "send", 4), 0);
	lose_link();
	close(far);
	inbound_forget(&far_arrived);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "queued", 6), 0);
	connect_both();
	assert_string_equal(letter_to(me, 0).text, REMOTE_LINK_LOST);
	far_read(1);
	assert_int_equal(got[0]->size, 6);
	assert_true(atomic_load_explicit(&l->lost, memory_order_relaxed) == 2);
	assert_true(lost_sent == 2 && lost_unsent == 0);
	assert_int_equal(letters_to(me), 1);
	eventually(ledger_sum(&l->ledger) == 0);
}

static void calls_fail_when_the_other_node_begins_a_new_session(void **state)
{
	(void)state;
	assert_int_equal(send_from(me, 1, PTYPE_LUA, "call", 4), 0);
	far_read(1);
	lose_link();
	close(far);
	far_session++; /* the answer may have been in the last one */
	connect_both();
	assert_string_equal(letter_to(me, 0).text, REMOTE_LINK_LOST);
	far_write(PTYPE_TEXT, THERE, me, 0, "from its first frame on");
	assert_string_equal(letter_to(me, 1).text, "from its first frame on");
}

static void what_arrives_in_numbers_is_acknowledged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		far_write(PTYPE_TEXT, THERE, me, 0, "one of many");
	eventually(letters_to(me) == 1000);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "the end", 7), 0);
	far_read(1);
	assert_true(acknowledged >= 1000 - 256);
}

static void who_reads_nothing_gets_no_more_acknowledgements(void **state)
{
	int id = atomic_load_explicit(&near_id, memory_order_relaxed);
	struct iovec much = { mem_zalloc(FLUSH_CONTROL_MAX + (16 << 20)),
			      FLUSH_CONTROL_MAX + (16 << 20) };
	uint64_t before;

	(void)state;
	assert_true(flush_takes_control(id));
	assert_true(net_sendv(id, &much, 1) >= 0);
	before = net_queued(id);
	assert_true(before >= FLUSH_CONTROL_MAX);
	assert_false(flush_takes_control(id));
	for (unsigned i = 0; i < 1000; i++)
		far_write(PTYPE_TEXT, THERE, me, 0, "one of many");
	eventually(letters_to(me) == 1000);
	assert_int_equal(net_queued(id), before);
	mem_free(much.iov_base);
}

static void sends_to_the_dead_and_the_unknown_fail_with_their_reason(void **state)
{
	struct msg *m = msg_create(0);

	(void)state;
	lose_link();
	assert_int_equal(send_from(me, 1, PTYPE_LUA, "waits", 5), 0);
	net_post(shut_link, NULL);
	assert_string_equal(letter_to(me, 0).text, REMOTE_NODE_DOWN);
	assert_true(send_from(me, 2, PTYPE_LUA, "x", 1) < 0);
	assert_string_equal(letter_to(me, 1).text, REMOTE_NODE_DOWN);
	m->source = me;
	m->dest = 0x77000001;
	m->session = 3;
	m->type = PTYPE_LUA;
	assert_true(link_send(m) < 0);
	assert_string_equal(letter_to(me, 2).text, REMOTE_NO_NODE);
	assert_true(ledger_waiting(&l->ledger) == 0);
}

static void a_link_that_is_away_for_long_fails_its_calls_and_keeps_the_rest(void **state)
{
	static char big[3 * WIRE_CHUNK_MAX];

	(void)state;
	lose_link();
	close(far);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "first", 5), 0);
	assert_int_equal(send_from(me, 1, PTYPE_LUA, "a call", 6), 0);
	assert_int_equal(send_from(me, 2, PTYPE_LUA, big, sizeof(big)), 0);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, big, sizeof(big)), 0);
	net_post(tire_link, NULL);
	assert_string_equal(letter_to(me, 0).text, REMOTE_LINK_LOST);
	assert_string_equal(letter_to(me, 1).text, REMOTE_LINK_LOST);
	assert_true(send_from(me, 3, PTYPE_LUA, "a late call", 11) < 0);
	assert_string_equal(letter_to(me, 2).text, REMOTE_LINK_LOST);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "last", 4), 0);
	link_open(l);
	connect_both();
	far_read(3);
	assert_int_equal(got[0]->size, 5);
	assert_int_equal(got[1]->size, sizeof(big));
	assert_int_equal(got[2]->size, 4);
	assert_int_equal(letters_to(me), 3);
}

static void a_message_above_the_limit_is_refused_and_the_link_stays(void **state)
{
	char *big = mem_zalloc(MESSAGE_MAX + 1);

	(void)state;
	assert_true(send_from(me, 1, PTYPE_LUA, big, MESSAGE_MAX + 1) < 0);
	assert_string_equal(letter_to(me, 0).text, REMOTE_TOO_LARGE);
	assert_int_equal(send_from(me, 2, PTYPE_LUA, big, MESSAGE_MAX), 0);
	far_read(1);
	assert_int_equal(got[0]->size, MESSAGE_MAX);
	mem_free(big);
}

static void an_answer_above_the_limit_becomes_a_small_error(void **state)
{
	char *big = mem_zalloc(MESSAGE_MAX + 1);

	(void)state;
	assert_true(send_from(me, 7, PTYPE_RESPONSE, big, MESSAGE_MAX + 1) < 0);
	assert_true(send_from(me, 8, PTYPE_ERROR, big, MESSAGE_MAX + 1) < 0);
	far_read(2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(got[i]->type, PTYPE_ERROR);
		assert_int_equal(got[i]->session, 7 + (int)i);
		assert_int_equal(got[i]->source, me);
		assert_int_equal(got[i]->dest, THERE);
		assert_int_equal(got[i]->size, strlen("the answer was refused: " REMOTE_TOO_LARGE));
	}
	assert_int_equal(letters_to(me), 0);
	mem_free(big);
}

/* Each send is a flush of its own, which once went past every bound into the socket's queue. */
static void small_messages_one_by_one_keep_the_bound_too(void **state)
{
	static char text[2000];
	unsigned accepted = 0;

	(void)state;
	while (send_from(me, 0, PTYPE_LUA, text, sizeof(text)) == 0)
		assert_true(++accepted < 4 * QUEUE_MAX / sizeof(text));
	/* nobody reads and nothing fits */
	assert_true(ledger_sum(&l->ledger) <= QUEUE_MAX + LAG);
	assert_true(ledger_sum(&l->ledger) > QUEUE_MAX);
	assert_true(net_queued(atomic_load_explicit(&near_id, memory_order_relaxed)) < 1 << 20);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(send_from(me, 0, PTYPE_LUA, text, sizeof(text)) < 0);
	far_read(accepted);
	eventually(ledger_sum(&l->ledger) == 0);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, text, sizeof(text)), 0);
	far_read(accepted + 1);
}

static void answers_to_a_peer_that_does_not_read_become_errors_and_then_the_end_of_the_link(
	void **state)
{
	char *big = mem_zalloc(1 << 20);
	unsigned accepted = 0, told = 0;

	(void)state;
	atomic_store_explicit(&overruns, 0, memory_order_relaxed);
	while (send_from(me, 1, PTYPE_RESPONSE, big, 1 << 20) == 0)
		assert_true(++accepted < 64);
	told++;
	while (!atomic_load_explicit(&overruns, memory_order_relaxed)) {
		assert_true(told < 1 << 20);
		assert_true(send_from(me, (int32_t)++told, PTYPE_RESPONSE, big, 1 << 20) < 0);
	}
	assert_true(told > 1000);
	assert_true(ledger_sum(&l->ledger) <= QUEUE_MAX + (1 << 20));
	mem_free(big);
}

/* What is left of the queue is for errors in place of answers, which are short. */
static void a_full_queue_has_room_for_short_errors_only(void **state)
{
	static char text[2000];

	(void)state;
	while (send_from(me, 0, PTYPE_LUA, text, sizeof(text)) == 0)
		;
	while (send_from(me, 0, PTYPE_LUA, text, 1) == 0)
		;
	assert_true(send_from(me, 0, PTYPE_ERROR, text, 513) < 0);
	assert_int_equal(send_from(me, 0, PTYPE_ERROR, text, 512), 0);
	assert_true(send_from(me, 0, PTYPE_LUA, text, 1) < 0);
}

static void an_answer_is_taken_from_the_node_that_was_asked_and_once(void **state)
{
	(void)state;
	assert_int_equal(send_from(me, 5, PTYPE_LUA, "x", 1), 0);
	far_read(1);
	far_write(PTYPE_RESPONSE, 0x03000001, me, 5, "of a third node");
	far_write(PTYPE_RESPONSE, THERE, me, 6, "nobody asked");
	far_write(PTYPE_ERROR, THERE, me, 6, "nobody asked");
	far_write(PTYPE_RESPONSE, THERE + 1, me, 5,
		  "another service of that node, it was handed on");
	far_write(PTYPE_RESPONSE, THERE, me, 5, "twice");
	far_write(PTYPE_LUA, 0x03000001, me, 0, "in the name of a third node");
	far_write(PTYPE_TEXT, THERE, me, 0, "the end");
	assert_string_equal(letter_to(me, 1).text, "the end");
	assert_string_equal(letter_to(me, 0).text,
			    "another service of that node, it was handed on");
	assert_int_equal(letters_to(me), 2);
	assert_true(atomic_load_explicit(&l->strays, memory_order_relaxed) == 5);
}

static void nobody_speaks_for_a_service_of_another_node(void **state)
{
	(void)state;
	/* a request of THERE that a service here hands on to a third: whoever asked is told */
	assert_true(send_from(0x03000001, 5, PTYPE_LUA, "x", 1) < 0);
	assert_true(send_from(0x03000001, 6, PTYPE_RESPONSE, "x", 1) < 0);
	far_read(1);
	assert_int_equal(got[0]->type, PTYPE_ERROR);
	assert_int_equal(got[0]->session, 6);
	assert_int_equal(got[0]->source, 0x01000000);
}

/* The loop hears of it while a worker writes, and cannot free it: then the worker does. */
static void what_is_acknowledged_while_somebody_writes_is_freed(void **state)
{
	(void)state;
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "x", 1), 0);
	eventually(ledger_kept(&l->ledger) != 0);
	eventually(!atomic_exchange_explicit(&l->flushing, true, memory_order_seq_cst));
	lock_take(&l->tx_lock);
	far_read(1);
	eventually(atomic_load_explicit(&l->acked, memory_order_acquire) == 1);
	lock_release(&l->tx_lock);
	atomic_store_explicit(&l->flushing, false, memory_order_seq_cst);
	flush_now(l);
	assert_true(ledger_sum(&l->ledger) == 0);
}

/* ---- services that move: from FAR to a third node ---- */

#define THIRD 3u
#define THERE_NOW 0x03000005u

static void note_of(unsigned node, enum move_note_kind kind, unsigned number)
{
	const struct move_note n = { kind, 0, number, THERE, THERE_NOW };

	assert_true(moves_note(node, move_note_create(0x01000000, node, &n)));
}

/* A call is on its way, its receiver goes on on the third node, and this one holds what follows.
 * Returns the number of the holding. */
static unsigned call_and_move(int32_t session)
{
	struct move_note n;

	link_open(link_get(THIRD));
	assert_int_equal(send_from(me, session, PTYPE_LUA, "x", 1), 0);
	far_read(1);
	note_of(THIRD, NOTE_CLAIM, 1);
	note_of(FAR, NOTE_SWITCH, 0);
	far_read(2);
	assert_true(move_note_read(got[1], &n) && n.kind == NOTE_HELD);
	return n.number;
}

static void the_last_answer_of_a_service_that_moved_is_taken(void **state)
{
	(void)state;
	note_of(THIRD, NOTE_GO, call_and_move(5));
	assert_int_equal(pending_count(&l->pending), 0);
	far_write(PTYPE_RESPONSE, THERE, me, 5, "overtaken by what is told of it");
	assert_string_equal(letter_to(me, 0).text, "overtaken by what is told of it");
	far_write(PTYPE_RESPONSE, THERE, me, 5, "twice");
	far_write(PTYPE_TEXT, THERE, me, 0, "the end");
	assert_string_equal(letter_to(me, 1).text, "the end");
}

/* It was pushed behind the word that nothing comes any more, by who had not heard of the move. */
static void what_went_the_old_way_late_goes_before_what_is_held(void **state)
{
	unsigned first = call_and_move(5);
	struct msg *m = msg_create(0);
	struct move_note n;

	(void)state;
	m->source = me;
	m->dest = THERE;
	m->type = PTYPE_LUA;
	assert_int_equal(link_send_on(m), 0);
	moves_overtaken(THERE);
	far_read(4);
	assert_int_equal(got[2]->type, PTYPE_LUA);
	assert_true(move_note_read(got[3], &n) && n.kind == NOTE_HELD && n.number != first);
	note_of(THIRD, NOTE_GO, first);
	assert_int_equal(pending_count(&l->pending), 1);
	note_of(THIRD, NOTE_GO, n.number);
	assert_int_equal(pending_count(&l->pending), 0);
	moves_overtaken(THERE);
	moves_overtaken(me);
	assert_int_equal(send_from(me, 0, PTYPE_LUA, "the new way", 11), 0);
	assert_true(ledger_sum(&link_get(THIRD)->ledger) == ledger_cost(11));
}

static void a_request_for_a_move_that_is_forgotten_is_refused_by_the_way_that_it_came(void **state)
{
	struct msg *m = msg_create_copy("x", 1);

	(void)state;
	/* the other node sends on what a third one asked a service that we do not know any more */
	far_write(PTYPE_LUA, 0x03000001, me, 7, "who is that?");
	far_read(1);
	assert_int_equal(got[0]->type, PTYPE_ERROR);
	assert_int_equal(got[0]->dest, 0x03000001);
	assert_int_equal(got[0]->session, 7);
	/* and here we are the one who sent it on: whoever asked is told */
	link_open(link_get(THIRD));
	m->type = PTYPE_LUA;
	m->source = 0x03000001;
	m->dest = THERE;
	m->session = 8;
	m->flags |= MSG_RELAYED;
	assert_int_equal(link_send_on(m), SEND_OK);
	far_read(2);
	far_write(PTYPE_ERROR, 0x02000000, 0x03000001, 8, "no such service");
	eventually(ledger_sum(&link_get(THIRD)->ledger) == ledger_cost(15));
	assert_int_equal(pending_count(&l->pending), 0);
	/* only for what was asked */
	far_write(PTYPE_ERROR, 0x02000000, 0x03000001, 8, "no such service");
	far_write(PTYPE_TEXT, THERE, me, 0, "the end");
	assert_string_equal(letter_to(me, 0).text, "the end");
	assert_true(ledger_sum(&link_get(THIRD)->ledger) == ledger_cost(15));
}

static void calls_of_a_service_that_moved_fail_with_its_new_node(void **state)
{
	(void)state;
	(void)call_and_move(5);
	link_shut(link_get(THIRD), LINK_NODE_DOWN);
	moves_node_gone(THIRD, true);
	assert_string_equal(letter_to(me, 0).text, REMOTE_NODE_DOWN);
	assert_int_equal(pending_count(&l->pending), 0);
}

static void what_waits_for_a_service_that_moves_is_as_much_as_a_link_takes(void **state)
{
	char *big = mem_zalloc(1 << 20);
	unsigned held = 0;

	(void)state;
	(void)call_and_move(5);
	while (send_from(me, 6, PTYPE_LUA, big, 1 << 20) == 0)
		assert_true(++held <= QUEUE_MAX >> 20);
	assert_int_equal(held, QUEUE_MAX >> 20);
	assert_string_equal(letter_to(me, 0).text,
			    "too many messages wait for a service that moves");
	mem_free(big);
}

/* The new node is well, and cannot be reached from here: its answer would not come. */
static void calls_of_a_service_that_moved_out_of_reach_fail(void **state)
{
	(void)state;
	(void)call_and_move(5);
	link_shut(link_get(THIRD), LINK_OUT_OF_REACH);
	moves_node_gone(THIRD, false);
	(void)moves_tick(clock_mono_ns() + MOVES_HELD_NS);
	assert_string_equal(letter_to(me, 0).text, REMOTE_LINK_LOST);
	assert_int_equal(pending_count(&l->pending), 0);
}

static void a_peer_that_does_not_read_fills_the_queue_to_its_limit_and_no_more(void **state)
{
	char *big = mem_zalloc(1 << 20);
	int32_t accepted = 0;

	(void)state;
	while (send_from(me, accepted + 1, PTYPE_LUA, big, 1 << 20) == 0)
		assert_true(++accepted < 64);
	assert_string_equal(letter_to(me, 0).text, REMOTE_QUEUE_FULL);
	assert_true(ledger_sum(&l->ledger) <= QUEUE_MAX + LAG);
	assert_true(net_queued(atomic_load_explicit(&near_id, memory_order_relaxed)) < 1 << 20);
	/* it reads again: everything that was accepted arrives, in order */
	far_read((unsigned)accepted);
	for (int32_t i = 0; i < accepted; i++)
		assert_int_equal(got[i]->session, i + 1);
	assert_int_equal(send_from(me, 99, PTYPE_LUA, "x", 1), 0);
	far_read((unsigned)accepted + 1);
	mem_free(big);
}

/* Sends EACH numbered messages, a few of them large, in one turn after the other. */
static void storm(struct service *s, void *arg)
{
	int32_t *next = arg;

	for (int i = 0; i < EACH / 10 && *next < EACH; i++) {
		size_t n = *next % 1000 == 999 ? 3 * WIRE_CHUNK_MAX : 16;
		struct msg *m = msg_create(n);

		memset(msg_payload(m), *next & 255, n);
		m->source = service_handle(s);
		m->dest = THERE;
		m->session = ++*next;
		m->type = PTYPE_MULTICAST; /* nobody answers it, here or when it is refused */
		if (link_send(m) < 0) {
			(*next)--;
			return; /* the queue is full; the far end reads behind us */
		}
	}
}

static void *drive(void *arg)
{
	int32_t next = 0;

	while (next < EACH)
		if (!run_as(*(uint32_t *)arg, storm, &next))
			abort();
	return NULL;
}

static void many_senders_keep_their_order_under_load(void **state)
{
	uint32_t client[CLIENTS];
	int32_t seen[CLIENTS] = { 0 };
	pthread_t thread[CLIENTS];

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++) {
		client[i] = service_launch("actor", NULL);
		pthread_create(&thread[i], NULL, drive, &client[i]);
	}
	far_read(CLIENTS * EACH);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < CLIENTS; k++)
			if (got[i]->source == client[k])
				assert_int_equal(got[i]->session, ++seen[k]);
	assert_int_equal(seen[0] + seen[1] + seen[2], CLIENTS * EACH);
	/* the far end may have read it all before the near one has counted it out */
	eventually(ledger_sum(&l->ledger) == 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_message_arrives_whole),
		T(what_comes_in_goes_to_its_mailbox_and_strangers_get_an_error),
		T(calls_wait_over_a_break_and_fail_when_it_is_long),
		T(what_waits_while_the_link_is_down_leaves_with_the_next_one),
		T(what_was_written_and_did_not_arrive_is_written_again),
		T(what_a_node_has_forgotten_is_lost_and_counted_and_its_calls_fail),
		T(calls_fail_when_the_other_node_begins_a_new_session),
		T(what_arrives_in_numbers_is_acknowledged),
		T(who_reads_nothing_gets_no_more_acknowledgements),
		T(sends_to_the_dead_and_the_unknown_fail_with_their_reason),
		T(a_link_that_is_away_for_long_fails_its_calls_and_keeps_the_rest),
		T(a_message_above_the_limit_is_refused_and_the_link_stays),
		T(an_answer_above_the_limit_becomes_a_small_error),
		T(small_messages_one_by_one_keep_the_bound_too),
		T(answers_to_a_peer_that_does_not_read_become_errors_and_then_the_end_of_the_link),
		T(a_full_queue_has_room_for_short_errors_only),
		T(an_answer_is_taken_from_the_node_that_was_asked_and_once),
		T(nobody_speaks_for_a_service_of_another_node),
		T(a_peer_that_does_not_read_fills_the_queue_to_its_limit_and_no_more),
		T(many_senders_keep_their_order_under_load),
		T(what_is_acknowledged_while_somebody_writes_is_freed),
		T(the_last_answer_of_a_service_that_moved_is_taken),
		T(what_went_the_old_way_late_goes_before_what_is_held),
		T(calls_of_a_service_that_moved_fail_with_its_new_node),
		T(calls_of_a_service_that_moved_out_of_reach_fail),
		T(what_waits_for_a_service_that_moves_is_as_much_as_a_link_takes),
		T(a_request_for_a_move_that_is_forgotten_is_refused_by_the_way_that_it_came),
	};

	return cmocka_run_group_tests_name("harbor/link", tests, NULL, NULL);
}
