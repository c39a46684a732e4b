/* SPDX-License-Identifier: MIT */
/* Members, impostors and strangers talk to a master in frames cut in any pieces; connections break,
 * time passes, the disk fails, the master restarts. Whatever comes, what the master tells is sound:
 * ids in range, one living connection an id, printable names owned by the node in their handle,
 * growing fences, bounded output, and a registry from which it starts again. */
#include "core/base/base.h"
#include "core/log/log.h"
#include "core/actor/group.h"
#include "core/actor/remote.h"
#include "harbor/protocol/master.h"
#include "harbor/protocol/master_store.h"
#include "harbor/link/stream.h"
#include "tests/fuzz/harbor_input.h"

#define CONNS 8
#define DISK_NAMES 512
#define MS UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct conn {
	bool open, member;
	unsigned id;	       /* as JOINED said */
	struct stream in, out; /* what the master hears, and what it says */
	size_t unread;	       /* bytes said since the last step */
	bool greeted;	       /* its first frame was here */
};

static struct run {
	struct master *m;
	uint64_t now;
	bool disk_full;
	struct registry_content batch; /* being saved */
	struct conn conn[CONNS + 1];
} R;

static struct disk {
	struct registry_node node[256];
	struct {
		char name[REMOTE_NAME_SIZE];
		uint32_t handle;
		uint64_t fence;
	} name[DISK_NAMES];
	unsigned names;
	uint64_t number;
} D;

/* ---- the disk ---- */

static void disk_load(struct registry_content *ret)
{
	for (unsigned i = 1; i < 256; i++)
		if (D.node[i].id)
			registry_add(ret)->node = D.node[i];
	for (unsigned i = 0; i < D.names; i++)
		if (D.name[i].handle) {
			struct registry_change *c = registry_add(ret);

			c->is_name = true;
			memcpy(c->name, D.name[i].name, sizeof(c->name));
			c->handle = D.name[i].handle;
			c->fence = D.name[i].fence;
		}
	ret->number = D.number;
}

static void save_name(const struct registry_change *c)
{
	unsigned i = 0;

	INPUT_CHECK(group_allows(c->name, c->handle));
	while (i < D.names && strcmp(D.name[i].name, c->name) != 0)
		i++;
	if (i == D.names) {
		INPUT_CHECK(D.names < DISK_NAMES); /* inputs are far shorter than that */
		memcpy(D.name[D.names++].name, c->name, sizeof(c->name));
	}
	D.name[i].handle = c->handle;
	D.name[i].fence = c->fence;
}

static void disk_save(const struct registry_content *batch)
{
	INPUT_CHECK(batch->number >= D.number);
	D.number = batch->number;
	for (size_t i = 0; i < batch->count; i++) {
		const struct registry_change *c = &batch->items[i];

		if (c->is_name) {
			INPUT_CHECK(c->fence <= batch->number);
			save_name(c);
		} else {
			INPUT_CHECK(c->node.id >= 1 && c->node.id <= 255);
			INPUT_CHECK(!c->node.name[0] || remote_label_valid(c->node.name));
			D.node[c->node.id] = c->node;
		}
	}
}

static void begin_save(void *ud, const struct registry_change *c, size_t n, uint64_t number)
{
	(void)ud;
	INPUT_CHECK(!R.batch.count && n);
	for (size_t i = 0; i < n; i++)
		*registry_add(&R.batch) = c[i];
	R.batch.number = number;
}

/* The save under way ends, if there is one. */
static void end_save(void)
{
	if (!R.batch.count)
		return;
	if (!R.disk_full)
		disk_save(&R.batch);
	registry_content_fini(&R.batch);
	master_saved(R.m, R.disk_full ? -5 : 0, R.now);
}

/* ---- what the master says ---- */

static void joined(struct conn *c, unsigned id)
{
	INPUT_CHECK(id >= 1 && id <= 255);
	for (unsigned i = 1; i <= CONNS; i++) {
		struct conn *other = &R.conn[i];

		INPUT_CHECK(other == c || !other->open || !other->member || other->id != id);
	}
	c->member = true;
	c->id = id;
}

static void said(void *ud, const struct wire_control *f)
{
	struct conn *c = ud;

	switch (f->kind) {
	case WIRE_JOINED:
		joined(c, f->id);
		break;
	case WIRE_MEMBER:
		INPUT_CHECK(f->id >= 1 && f->id <= 255);
		INPUT_CHECK(!f->up ||
			    (remote_label_valid(f->name) && wire_address_valid(f->address)));
		break;
	case WIRE_NAME:
		INPUT_CHECK(group_allows(f->text, f->handle));
		INPUT_CHECK(!f->handle || D.node[f->handle >> 24].id || R.disk_full);
		break;
	case WIRE_SYNCED:
	case WIRE_ANSWER:
	case WIRE_PONG:
	case WIRE_PROBE:
	case WIRE_REFUSE:
		break;
	default:
		abort(); /* no other frame is a master's */
	}
}

static void no_message(void *ud, struct msg *m)
{
	(void)ud;
	msg_destroy(m);
	abort();
}

static void on_write(void *ud, int conn, const uint8_t *bytes, size_t n)
{
	struct conn *c = &R.conn[conn];

	(void)ud;
	INPUT_CHECK(conn >= 1 && conn <= CONNS);
	INPUT_CHECK(c->open);
	c->unread += n;
	INPUT_CHECK(c->unread <= MASTER_OUT_MAX);
	INPUT_CHECK(stream_input(&c->out, bytes, n));
}

static void on_close(void *ud, int conn, const char *why)
{
	struct conn *c = &R.conn[conn];

	(void)ud;
	(void)why;
	INPUT_CHECK(c->open);
	c->open = false;
	c->in.dead = true;
}

static void on_want_flush(void *ud)
{
	(void)ud;
}

static const struct master_ops ops = {
	.write = on_write, .close = on_close, .want_flush = on_want_flush, .save = begin_save
};

/* ---- what it hears ---- */

static void heard(void *ud, const struct wire_control *f)
{
	struct conn *c = ud;
	int id = (int)(c - R.conn);

	if (c->member || c->greeted) {
		master_input(R.m, id, f, R.now);
		return;
	}
	/* what harbor/effects.c looks at before the master does */
	if (f->kind != WIRE_JOIN || strcmp(f->cluster, "c") != 0 ||
	    !wire_common_version(f->version_min, f->version)) {
		c->open = false;
		c->in.dead = true;
		return;
	}
	c->greeted = true;
	if (!master_join(R.m, id, f, R.now)) {
		c->open = false;
		c->in.dead = true;
	}
}

static void conn_end(struct conn *c)
{
	stream_fini(&c->in);
	stream_fini(&c->out);
	memset(c, 0, sizeof(*c));
}

static struct conn *conn_of(struct input *in)
{
	struct conn *c = &R.conn[1 + input_byte(in) % CONNS];

	if (c->open)
		return c;
	conn_end(c);
	c->open = true;
	c->in = (struct stream){ .on_control = heard, .on_message = no_message, .ud = c };
	c->out = (struct stream){
		.on_control = said, .on_message = no_message, .greeted = true, .ud = c
	};
	return c;
}

static void hang_up(struct conn *c)
{
	if (c->open) {
		c->open = false;
		master_lost(R.m, (int)(c - R.conn), R.now);
	}
}

static void feed(struct conn *c, const uint8_t *p, size_t n)
{
	if (c->open && !stream_input(&c->in, p, n))
		hang_up(c);
}

/* ---- steps ---- */

static void step_frame(struct input *in)
{
	static const enum wire_kind kinds[] = { WIRE_JOIN,    WIRE_JOIN,     WIRE_REGISTER,
						WIRE_RELEASE, WIRE_MEMBER,   WIRE_PING,
						WIRE_GOODBYE, WIRE_REGISTER, WIRE_TRANSFER,
						WIRE_QUERY };
	struct conn *c = conn_of(in);
	uint8_t b = input_byte(in), frame[WIRE_CONTROL_MAX];
	enum wire_kind kind = b < 240 ? kinds[b % 10] : input_kind(b);
	struct wire_control f;
	size_t n, cut;

	input_control(in, kind, &f);
	n = wire_encode(frame, &f);
	cut = b & 16 ? n / 2 : n;
	feed(c, frame, cut);
	feed(c, frame + cut, n - cut);
}

static void step_bytes(struct input *in)
{
	struct conn *c = conn_of(in);
	size_t n = input_byte(in);

	n = n < in->n ? n : in->n;
	feed(c, in->p, n);
	in->p += n;
	in->n -= n;
}

static void step_hang_up(struct input *in)
{
	hang_up(&R.conn[1 + input_byte(in) % CONNS]);
}

static void step_time(struct input *in)
{
	R.now += input_byte(in) * 50 * MS;
	INPUT_CHECK(master_tick(R.m, R.now) > R.now);
}

static void step_flush(struct input *in)
{
	uint8_t b = input_byte(in);

	R.disk_full = b == 7;
	end_save();
	master_flush(R.m);
	if (b & 1)
		end_save();
	for (unsigned i = 1; i <= CONNS; i++)
		R.conn[i].unread = 0;
}

static void start(void)
{
	struct master_config config = { .epoch = R.now + 1,
					.wall_ns = 1000000,
					.random = 77,
					.heartbeat_ns = 1000 * MS,
					.dead_ns = 5000 * MS };

	struct registry_content content = { 0 };

	disk_load(&content);
	R.m = master_create(&ops, NULL, &content, &config, R.now);
	registry_content_fini(&content);
}

static void step_restart(struct input *in)
{
	R.m = master_destroy(R.m);
	if (R.batch.count && input_byte(in) & 1) /* saved, and nobody was told */
		disk_save(&R.batch);
	registry_content_fini(&R.batch);
	for (unsigned i = 1; i <= CONNS; i++)
		conn_end(&R.conn[i]);
	if (input_byte(in) == 9)
		memset(&D, 0, sizeof(D)); /* the registry is lost as well */
	R.now += MS;
	start();
}

static void step_forget(struct input *in)
{
	char name[64], why[200];

	input_text(in, name, sizeof(name));
	(void)master_forget(R.m, name, why, sizeof(why));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const step[])(struct input *) = { step_frame,   step_frame, step_frame,
							step_frame,   step_bytes, step_hang_up,
							step_time,    step_flush, step_flush,
							step_restart, step_forget };
	struct input in = { p, n > 4096 ? 4096 : n };

	log_set_level(LOG_LEVEL_ERROR);
	memset(&R, 0, sizeof(R));
	memset(&D, 0, sizeof(D));
	R.now = 1000 * MS;
	start();
	while (in.n)
		step[input_byte(&in) % 11](&in);
	R.m = master_destroy(R.m);
	registry_content_fini(&R.batch);
	for (unsigned i = 1; i <= CONNS; i++)
		conn_end(&R.conn[i]);
	return 0;
}
