/* SPDX-License-Identifier: MIT */
/* Frames of data, right and wrong ones, cut in any pieces, through a stream, and over a connection
 * that breaks and goes on in the same session, in a new one or in one that was forgotten. What a
 * right frame carries arrives whole and unchanged, and no more is under way than the limits allow.
 * Nothing comes after a stream has given up. */
#include "harbor/link/stream.h"
#include "tests/fuzz/harbor_input.h"

#define MESSAGE_MAX 300000u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct run {
	struct stream s;
	struct inbound in;
	uint32_t seq;
	bool given_up, raw; /* raw: bytes came that are not made here */
	uint8_t pattern;    /* payloads are made of it, a large one of its stream's number */
} R;

static void check_bytes(const struct msg *m, uint8_t pattern)
{
	const uint8_t *p = msg_payload(m);

	for (size_t i = 0; i < m->size; i++)
		INPUT_CHECK(p[i] == pattern);
}

static void on_control(void *ud, const struct wire_control *c)
{
	(void)ud;
	INPUT_CHECK(!R.given_up && c->kind > WIRE_CHUNK && c->kind < _WIRE_KIND_MAX);
}

static void on_ack(void *ud, uint64_t number)
{
	(void)ud;
	(void)number;
	INPUT_CHECK(!R.given_up);
}

static void on_message(void *ud, struct msg *m)
{
	(void)ud;
	INPUT_CHECK(!R.given_up && m->size <= MESSAGE_MAX);
	if (!R.raw)
		check_bytes(m, m->size > WIRE_CHUNK_MAX || m->type == 255 ? (uint8_t)m->dest
									  : R.pattern);
	msg_destroy(m);
}

static void check_bounds(void)
{
	unsigned under_way = 0;

	for (unsigned i = 0; i < WIRE_LARGE_MAX; i++) {
		const struct inbound_large *l = &R.in.large[i];

		if (!l->msg)
			continue;
		under_way++;
		INPUT_CHECK(l->filled <= l->msg->size && l->msg->size <= MESSAGE_MAX);
		for (unsigned k = 0; k < i; k++)
			INPUT_CHECK(!R.in.large[k].msg || R.in.large[k].stream != l->stream);
	}
	INPUT_CHECK(under_way <= WIRE_LARGE_MAX && R.s.have <= WIRE_CONTROL_MAX);
}

/* Bytes in two pieces. */
static void feed(struct input *in, const uint8_t *p, size_t n)
{
	size_t cut = n ? input_number(in) % (n + 1) : 0;

	if (R.given_up)
		return;
	R.given_up = !stream_input(&R.s, p, cut);
	if (!R.given_up)
		R.given_up = !stream_input(&R.s, p + cut, n - cut);
}

static uint32_t sequence(struct input *in)
{
	uint8_t b = input_byte(in);

	return b == 255 ? (uint32_t)input_number(in) : R.seq;
}

/* A header and a payload of one byte's copies. */
static void feed_frame(struct input *in, const uint8_t *head, size_t head_size, size_t payload,
		       uint8_t pattern)
{
	uint8_t *frame = malloc(head_size + payload + 1);

	memcpy(frame, head, head_size);
	memset(frame + head_size, pattern, payload);
	R.pattern = pattern;
	R.seq++;
	feed(in, frame, head_size + payload);
	free(frame);
}

static void feed_message(struct input *in)
{
	struct msg m = { .type = 1, .dest = 1, .size = input_number(in) % WIRE_CHUNK_MAX };
	uint8_t head[WIRE_MSG_HEADER];

	wire_encode_msg(head, &m, sequence(in));
	feed_frame(in, head, sizeof(head), m.size, input_byte(in));
}

/* dest says what the chunks of this stream are made of; type 255 that it came in chunks although it
 * is small. */
static void feed_large(struct input *in)
{
	uint32_t stream = input_byte(in) & 31u;
	struct msg m = { .type = 255, .dest = stream, .size = input_number(in) };
	uint8_t head[WIRE_LARGE_HEADER];

	wire_encode_large(head, &m, sequence(in), stream);
	feed_frame(in, head, sizeof(head), 0, 0);
}

static void feed_chunk(struct input *in)
{
	uint32_t stream = input_byte(in) & 31u,
		 size = 1 + (uint32_t)(input_number(in) % WIRE_CHUNK_MAX);
	uint8_t head[WIRE_CHUNK_HEADER];

	wire_encode_chunk(head, size, sequence(in), stream);
	feed_frame(in, head, sizeof(head), size, (uint8_t)stream);
}

static void feed_control(struct input *in)
{
	uint8_t frame[WIRE_CONTROL_MAX];
	struct wire_control c;

	input_control(in, input_kind(input_byte(in)), &c);
	feed(in, frame, wire_encode(frame, &c));
}

static void feed_ack(struct input *in)
{
	uint8_t frame[WIRE_ACK_SIZE];

	wire_encode_ack(frame, input_number(in));
	feed(in, frame, sizeof(frame));
}

static void begin_stream(void)
{
	R.s = (struct stream){ .in = &R.in,
			       .max = MESSAGE_MAX,
			       .greeted = true,
			       .on_control = on_control,
			       .on_message = on_message,
			       .on_ack = on_ack };
}

/* The connection breaks. The next one goes on where the last one ended. */
static void break_off(struct input *in)
{
	uint64_t session = R.in.session;
	uint8_t b = input_byte(in);

	stream_fini(&R.s);
	begin_stream();
	if (b == 0)
		inbound_forget(&R.in);
	else if (b == 1)
		inbound_adopt(&R.in, session + 1);
	INPUT_CHECK(b > 1 || (R.in.count == 0 && R.in.large_bytes == 0));
	R.seq = (uint32_t)R.in.count;
}

static void feed_garbage(struct input *in)
{
	size_t n = input_byte(in);

	if (n > in->n)
		n = in->n;
	R.raw = true;
	feed(in, in->p, n);
	if (n > in->n)
		n = in->n;
	in->p += n;
	in->n -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const step[])(struct input *) = { feed_message, feed_large,   feed_chunk,
							feed_control, feed_garbage, feed_ack,
							break_off };
	struct input in = { p, n };

	memset(&R, 0, sizeof(R));
	inbound_adopt(&R.in, 1);
	begin_stream();
	while (in.n && !R.given_up) {
		step[input_byte(&in) % 7](&in);
		check_bounds();
	}
	stream_fini(&R.s);
	inbound_reset(&R.in);
	return 0;
}
