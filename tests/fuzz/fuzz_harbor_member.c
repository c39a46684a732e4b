/* SPDX-License-Identifier: MIT */
/* A member and whoever answers at the master's address: any frames, breaks and silence, while
 * services register and release names. Whatever comes: each request has at most one verdict and
 * none is without one for a reason other than the master's silence, what is passed on is sound,
 * nothing is written to a closed connection. */
#include "core/actor/group.h"
#include "core/actor/remote.h"
#include "core/actor/handle.h"
#include "harbor/protocol/member.h"
#include "harbor/link/stream.h"
#include "tests/fuzz/harbor_input.h"

#define SESSIONS 512
#define MS UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct run {
	struct member m;
	struct peer_self self;
	struct stream in; /* what the present connection brings */
	uint64_t now;
	int conn; /* the last one opened */
	bool open, connected, snapshot, known;
	enum member_state state;
	int32_t session;
	bool asked[SESSIONS + 1];
	unsigned births;
	unsigned given;	   /* how often the master said that a name is ours */
	unsigned ended[8]; /* services of each place that have ended: their handles are not used
	                      again */
} R;

static int on_connect(void *ud, const char *address)
{
	(void)ud;
	INPUT_CHECK(!R.open && address[0]);
	stream_fini(&R.in);
	R.open = true;
	R.connected = false;
	return ++R.conn;
}

static void on_write(void *ud, int conn, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];
	struct wire_control again;

	(void)ud;
	INPUT_CHECK(R.open && R.connected && conn == R.conn);
	INPUT_CHECK(c->kind != WIRE_REGISTER || group_allows(c->text, c->handle));
	INPUT_CHECK(wire_decode(frame, wire_encode(frame, c), &again) == WIRE_OK);
}

static void on_close(void *ud, int conn, const char *why)
{
	(void)ud;
	INPUT_CHECK(R.open && conn == R.conn && why);
	R.open = false;
	R.in.dead = true;
}

static void on_id(void *ud, unsigned id)
{
	(void)ud;
	INPUT_CHECK(id >= 1 && id <= 255);
	R.known = true;
}

static uint64_t on_births(void *ud)
{
	(void)ud;
	return R.births;
}

static void on_snapshot(void *ud, bool complete)
{
	(void)ud;
	INPUT_CHECK(!complete || R.snapshot);
	R.snapshot = !complete;
}

static void on_node(void *ud, const struct wire_control *c)
{
	(void)ud;
	INPUT_CHECK(R.known && c->id >= 1 && c->id <= 255);
	INPUT_CHECK(!c->up ||
		    (remote_label_valid(c->name) && wire_address_valid(c->address) && c->epoch));
}

static void on_name(void *ud, const char *name, uint32_t handle, uint64_t fence)
{
	(void)ud;
	(void)fence;
	INPUT_CHECK(R.known && group_allows(name, handle));
	INPUT_CHECK(!handle || handle >> 24);
	R.given += handle >> 24 == R.self.id;
}

static bool on_alive(void *ud, uint32_t handle)
{
	(void)ud;
	INPUT_CHECK(R.known && handle >> 24 == R.self.id);
	return handle & 1;
}

static void on_lost(void *ud, const char *name, uint32_t handle, uint32_t winner)
{
	(void)ud;
	INPUT_CHECK(group_allows(name, 0) && handle >> 24 == R.self.id);
	(void)winner;
}

static void on_answer(void *ud, uint32_t from, int32_t session, const char *name, uint32_t code,
		      const char *text, uint64_t fence)
{
	(void)ud;
	(void)from;
	(void)code;
	(void)fence;
	INPUT_CHECK(group_allows(name, 0) && text);
	if (!session)
		return;
	INPUT_CHECK(session > 0 && session <= R.session && R.asked[session]);
	R.asked[session] = false;
}

static void on_state(void *ud, enum member_state st, const char *why)
{
	(void)ud;
	(void)why;
	R.state = st;
}

static void on_probe(void *ud, unsigned id, uint64_t epoch)
{
	(void)ud;
	(void)id;
	(void)epoch;
	INPUT_CHECK(R.state == MEMBER_JOINED);
}

static const struct member_ops ops = { on_connect,  on_write, on_close, on_id,	  on_births,
				       on_snapshot, on_node,  on_name,	on_alive, on_lost,
				       on_answer,   on_state, on_probe };

static void heard(void *ud, const struct wire_control *c)
{
	(void)ud;
	member_input(&R.m, R.conn, c, R.now);
}

static void no_message(void *ud, struct msg *m)
{
	(void)ud;
	msg_destroy(m);
	abort();
}

static void hang_up(const char *why)
{
	if (R.open) {
		R.open = false;
		member_lost(&R.m, R.conn, why, R.now);
	}
}

static void feed(const uint8_t *p, size_t n)
{
	int conn = R.conn;

	if (R.open && R.connected && !stream_input(&R.in, p, n) && conn == R.conn)
		hang_up("not a master");
}

static void step_connected(struct input *in)
{
	if (!R.open || R.connected)
		return;
	if (input_byte(in) == 7) {
		hang_up("Connection refused");
		return;
	}
	R.connected = true;
	R.in = (struct stream){ .on_control = heard, .on_message = no_message };
	member_connected(&R.m, R.conn, R.now);
}

static void step_frame(struct input *in)
{
	static const enum wire_kind kinds[] = { WIRE_JOINED, WIRE_MEMBER, WIRE_NAME, WIRE_SYNCED,
						WIRE_ANSWER, WIRE_REFUSE, WIRE_PONG, WIRE_NAME };
	uint8_t b = input_byte(in), frame[WIRE_CONTROL_MAX];
	enum wire_kind kind = b < 240 ? kinds[b % 8] : input_kind(b);
	struct wire_control f;
	size_t n, cut;

	input_control(in, kind, &f);
	n = wire_encode(frame, &f);
	cut = b & 16 ? n / 2 : n;
	feed(frame, cut);
	if (cut < n)
		feed(frame + cut, n - cut);
}

static void step_bytes(struct input *in)
{
	size_t n = input_byte(in);

	n = n < in->n ? n : in->n;
	feed(in->p, n);
	in->p += n;
	in->n -= n;
}

static void step_lost(struct input *in)
{
	(void)in;
	hang_up("the connection was closed");
}

static void step_time(struct input *in)
{
	R.now += input_byte(in) * 50 * MS;
	R.births += 3;
	(void)member_tick(&R.m, R.now);
	INPUT_CHECK(member_tick(&R.m, R.now) > R.now);
}

static uint32_t handle_of(unsigned place)
{
	return (uint32_t)R.self.id << 24 | (8 + place + 8 * R.ended[place]);
}

/* As a service's request comes: its name is valid, its handle ours. */
static void request(struct input *in,
		    void (*f)(struct member *, uint32_t, int32_t, const char *, uint32_t))
{
	char name[REMOTE_NAME_SIZE];
	uint32_t handle = handle_of(input_byte(in) & 7u);

	input_text(in, name, sizeof(name));
	if (remote_name_valid(name) && strlen(name) == 1 && in->n % 3 == 0) { /* a group's */
		char group[2] = { name[0] };

		group_key(group, handle, name);
	}
	if (!R.self.id || !group_allows(name, handle) || R.session == SESSIONS)
		return;
	R.asked[++R.session] = true;
	f(&R.m, handle, R.session, name, handle);
}

static void step_register(struct input *in)
{
	request(in, member_register);
}

static void step_release(struct input *in)
{
	request(in, member_release);
}

static void transfer(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle)
{
	member_transfer(m, from, session, name, handle, (handle ^ R.births << 24) | 1);
}

static void query(struct member *m, uint32_t from, int32_t session, const char *name,
		  uint32_t handle)
{
	(void)handle;
	member_query(m, from, session, name);
}

static void step_hand_over(struct input *in)
{
	request(in, input_byte(in) & 1 ? transfer : query);
}

static void step_forget(struct input *in)
{
	unsigned place = input_byte(in) & 7u;

	member_forget(&R.m, handle_of(place));
	R.ended[place]++;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const step[])(struct input *) = { step_connected, step_frame,    step_frame,
							step_frame,	step_bytes,    step_lost,
							step_time,	step_register, step_release,
							step_forget,	step_hand_over };
	static const char *const masters[] = { "10.0.0.1:7", "10.0.0.2:7", NULL };
	struct input in = { p, n > 4096 ? 4096 : n };

	memset(&R, 0, sizeof(R));
	R.now = 1000 * MS;
	R.self = (struct peer_self){ .cluster = "c",
				     .name = "self",
				     .address = "10.0.0.9:7",
				     .epoch = 99,
				     .heartbeat_ns = 1000 * MS,
				     .dead_ns = 5000 * MS,
				     .random = 77 };
	member_init(&R.m, &ops, NULL, &R.self, input_byte(&in) & 7u, masters);
	member_start(&R.m, R.now);
	while (in.n) {
		step[input_byte(&in) % 11](&in);
		/* its own claims and releases come on top of the services' requests and of the
		 * names that it is given, once each and not once a connection */
		INPUT_CHECK(R.m.request_count <= 3 * ((unsigned)R.session + R.given));
		INPUT_CHECK(R.self.id <= 255);
	}
	member_stop(&R.m);
	member_fini(&R.m);
	stream_fini(&R.in);
	return 0;
}
