/* SPDX-License-Identifier: MIT */
/* The authority on ids and names: see master.h. */
#include "harbor/master.h"

#include <stdio.h>
#include <string.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/map.h"
#include "core/mem.h"
#include "core/remote.h"

/* A batch that cannot be saved is tried again this often. */
#define SAVE_AGAIN_NS NS_PER_SEC

struct node {
	struct registry_node r; /* name empty = free */
	int conn;               /* 0 = none just now */
	uint64_t heard, dead_at; /* dead_at: for a node that is up without a connection */
	uint8_t *out;           /* frames that wait for the flush */
	size_t out_size, out_capacity;
};

struct master {
	const struct master_ops *ops;
	void *ud;
	const struct registry_ops *registry;
	struct master_config c;
	struct node nodes[256]; /* by id */
	struct map names;
	uint64_t change, generation; /* the last ones given */
	struct registry_change *batch;
	size_t batch_size, batch_capacity;
	bool dirty;
	uint64_t save_again;
};

/* ---- output ---- */

static void mark_dirty(struct master *m)
{
	if (!m->dirty)
		m->ops->want_flush(m->ud);
	m->dirty = true;
}

static void write_node(struct master *m, struct node *n, const struct wire_control *c)
{
	if (n->out_capacity - n->out_size < WIRE_CONTROL_MAX) {
		n->out_capacity = n->out_capacity ? n->out_capacity * 2 : 2 * WIRE_CONTROL_MAX;
		n->out = mem_realloc(n->out, n->out_capacity);
	}
	n->out_size += wire_encode(n->out + n->out_size, c);
	mark_dirty(m);
}

static void drop_output(struct node *n)
{
	mem_free(n->out);
	n->out = NULL;
	n->out_size = n->out_capacity = 0;
}

static void write_now(struct master *m, int conn, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];

	m->ops->write(m->ud, conn, frame, wire_encode(frame, c));
}

static void broadcast(struct master *m, const struct wire_control *c)
{
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].conn)
			write_node(m, &m->nodes[i], c);
}

static struct registry_change *add_change(struct master *m)
{
	if (m->batch_size == m->batch_capacity) {
		m->batch_capacity = m->batch_capacity ? m->batch_capacity * 2 : 16;
		m->batch = mem_realloc(m->batch, m->batch_capacity * sizeof(*m->batch));
	}
	m->batch[m->batch_size] = (struct registry_change){ 0 };
	mark_dirty(m);
	return &m->batch[m->batch_size++];
}

static void save_node(struct master *m, const struct node *n)
{
	add_change(m)->node = n->r;
}

static void save_name(struct master *m, const char *name, uint32_t handle)
{
	struct registry_change *c = add_change(m);

	c->is_name = true;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->handle = handle;
}

int master_flush(struct master *m)
{
	if (m->batch_size) {
		int r = m->registry->save(m->batch, m->batch_size);

		if (r < 0)
			return r; /* dirty stays: the tick tries again */
		m->batch_size = 0;
	}
	m->dirty = false;
	m->save_again = 0;
	for (unsigned i = 1; i < 256; i++) {
		struct node *n = &m->nodes[i];

		if (!n->out)
			continue;
		if (n->conn)
			m->ops->write(m->ud, n->conn, n->out, n->out_size);
		drop_output(n);
	}
	return 0;
}

/* ---- nodes and names ---- */

static struct node *by_name(struct master *m, const char *name)
{
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].r.name[0] && strcmp(m->nodes[i].r.name, name) == 0)
			return &m->nodes[i];
	return NULL;
}

static struct node *by_conn(struct master *m, int conn)
{
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].conn == conn)
			return &m->nodes[i];
	return NULL;
}

static struct wire_control member_frame(const struct node *n)
{
	struct wire_control c = { .kind = WIRE_MEMBER, .id = n->r.id, .epoch = n->r.epoch,
				  .generation = n->r.generation, .up = n->r.up };

	memcpy(c.name, n->r.name, sizeof(c.name));
	memcpy(c.address, n->r.address, sizeof(c.address));
	return c;
}

static struct wire_control name_frame(const char *name, uint32_t handle, uint64_t change)
{
	struct wire_control c = { .kind = WIRE_NAME, .handle = handle, .change = change };

	snprintf(c.text, sizeof(c.text), "%s", name);
	return c;
}

static void announce_name(struct master *m, const char *name, uint32_t handle)
{
	struct wire_control c = name_frame(name, handle, ++m->change);

	save_name(m, name, handle);
	broadcast(m, &c);
}

static void release_name(struct master *m, struct map_item *i)
{
	announce_name(m, i->key, 0);
	map_remove(&m->names, i);
}

static void node_dead(struct master *m, struct node *n, const char *why)
{
	struct wire_control c;
	unsigned names = 0;

	n->r.up = false;
	n->conn = 0;
	drop_output(n);
	save_node(m, n);
	c = member_frame(n);
	broadcast(m, &c);
	for (size_t i = m->names.count; i-- > 0;)
		if (m->names.items[i].number >> 24 == n->r.id) {
			release_name(m, &m->names.items[i]);
			names++;
		}
	log_warning("master: node %s (harbor %u) is dead: %s; %u names released", n->r.name, n->r.id, why, names);
}

/* ---- life ---- */

struct loading {
	struct master *m;
	uint64_t now;
};

static void load_node(const struct registry_node *r, void *ud)
{
	struct loading *l = ud;
	struct node *n = &l->m->nodes[r->id & 255];

	if (r->id < 1 || r->id > 255)
		return;
	n->r = *r;
	if (r->generation > l->m->generation)
		l->m->generation = r->generation;
	n->dead_at = l->now + l->m->c.dead_ns + MASTER_RETRY_NS;
}

static void load_name(const char *name, uint32_t handle, void *ud)
{
	struct loading *l = ud;
	struct map_item *i = map_add(&l->m->names, name);

	if (i)
		i->number = handle;
}

struct master *master_create(const struct master_ops *ops, void *ud, const struct registry_ops *registry,
			     const struct master_config *c, uint64_t now)
{
	struct master *m = mem_zalloc(sizeof(*m));
	struct loading l = { m, now };

	*m = (struct master){ .ops = ops, .ud = ud, .registry = registry, .c = *c,
			      .generation = c->wall_ns };
	if (registry->load(load_node, load_name, &l) < 0)
		return master_destroy(m);
	/* a name whose node is not up belongs to nobody: a batch is whole, but an older file may not be */
	for (size_t i = m->names.count; i-- > 0;)
		if (!m->nodes[m->names.items[i].number >> 24].r.up)
			release_name(m, &m->names.items[i]);
	return m;
}

struct master *master_destroy(struct master *m)
{
	if (m) {
		for (unsigned i = 0; i < 256; i++)
			drop_output(&m->nodes[i]);
		map_fini(&m->names);
		mem_free(m->batch);
		mem_free(m);
	}
	return NULL;
}

/* ---- joining ---- */

/* What speaks against this node; 0: nothing. */
struct refusal {
	enum wire_code code;
	char text[160];
};

static struct node *refused(struct refusal *r, enum wire_code code, const char *format, const char *name,
			    unsigned id)
{
	r->code = code;
	snprintf(r->text, sizeof(r->text), format, id, name);
	return NULL;
}

/* Is the incarnation that holds this record beyond doubt alive? */
static bool is_well(const struct master *m, const struct node *n, uint64_t now)
{
	return n->r.up && n->conn && now - n->heard < m->c.heartbeat_ns + m->c.heartbeat_ns / 2;
}

static struct node *free_node(struct master *m)
{
	/* From the top: ids that people ask for are mostly small. */
	for (unsigned i = 255; i > 0; i--)
		if (!m->nodes[i].r.name[0])
			return &m->nodes[i];
	return NULL;
}

static struct node *choose(struct master *m, const struct wire_control *c, uint64_t now, struct refusal *why)
{
	struct node *n = by_name(m, c->name);
	struct node *holder = c->id ? &m->nodes[c->id & 255] : n ? n : free_node(m);

	if (!c->name[0] || !c->epoch || c->id > 255)
		return refused(why, WIRE_INVALID, "harbor id %u, node \"%s\": not valid", c->name, c->id);
	if (!holder)
		return refused(why, WIRE_FULL, "all %u harbor ids are taken", "", 255);
	if (holder->r.name[0] && holder != n)
		return refused(why, WIRE_ID_TAKEN, "harbor id %u belongs to node %s", holder->r.name, c->id);
	if (!n)
		return holder;
	/* a process that has not been in the cluster yet has no number: it is the newest */
	if (n->r.epoch != c->epoch && c->generation && c->generation < n->r.generation)
		return refused(why, WIRE_STALE, "harbor %u: a newer incarnation of node %s has taken over",
			       n->r.name, n->r.id);
	if (n->r.epoch != c->epoch && is_well(m, n, now))
		return refused(why, WIRE_NOT_HERE, "harbor %u: another node that is named %s is up", n->r.name,
			       n->r.id);
	return holder;
}

/* The record of a node that asks for another id than it had goes to that id. */
static void move_node(struct master *m, struct node *from, struct node *to)
{
	if (from->r.up)
		node_dead(m, from, "it asks for another harbor id");
	if (from->conn)
		m->ops->close(m->ud, from->conn, "it asks for another harbor id");
	drop_output(from);
	*from = (struct node){ 0 };
}

static void send_snapshot(struct master *m, struct node *n)
{
	struct wire_control c = { .kind = WIRE_JOINED,
				  .version = WIRE_VERSION,
				  .id = n->r.id,
				  .epoch = m->c.epoch,
				  .generation = n->r.generation };

	write_node(m, n, &c);
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].r.up) {
			c = member_frame(&m->nodes[i]);
			write_node(m, n, &c);
		}
	for (size_t i = 0; i < m->names.count; i++) {
		c = name_frame(m->names.items[i].key, m->names.items[i].number, 0);
		write_node(m, n, &c);
	}
	c = (struct wire_control){ .kind = WIRE_SYNCED, .change = m->change };
	write_node(m, n, &c);
}

static void drop_connection(struct master *m, struct node *n, const char *why)
{
	int conn = n->conn;

	n->conn = 0;
	drop_output(n);
	if (conn)
		m->ops->close(m->ud, conn, why);
}

static uint64_t number_of(struct master *m, const struct wire_control *c)
{
	/* a number that we did not give is known to others: the registry was lost, or is an old one */
	if (c->generation > m->generation)
		m->generation = c->generation;
	return c->generation ? c->generation : ++m->generation;
}

bool master_join(struct master *m, int conn, const struct wire_control *c, uint64_t now)
{
	struct refusal why = { 0 };
	struct node *n = choose(m, c, now, &why), *old = by_name(m, c->name);
	bool news;

	if (!n) {
		struct wire_control out = { .kind = WIRE_REFUSE, .code = why.code };

		snprintf(out.text, sizeof(out.text), "%s", why.text);
		write_now(m, conn, &out);
		log_warning("master: node %s at %s is refused: %s", c->name, c->address, why.text);
		return false;
	}
	if (old && old != n)
		move_node(m, old, n);
	drop_connection(m, n, "the node has connected anew");
	if (n->r.up && n->r.epoch != c->epoch)
		node_dead(m, n, "it came back as a new incarnation");
	news = !n->r.up || strcmp(n->r.address, c->address) != 0;
	if (n->r.epoch != c->epoch)
		n->r.generation = number_of(m, c);
	n->r = (struct registry_node){ .id = (unsigned)(n - m->nodes), .epoch = c->epoch, .up = true,
				       .generation = n->r.generation };
	memcpy(n->r.name, c->name, sizeof(n->r.name));
	memcpy(n->r.address, c->address, sizeof(n->r.address));
	n->heard = now;
	if (news) {
		struct wire_control out = member_frame(n);

		save_node(m, n);
		broadcast(m, &out); /* not to itself: it has no connection yet */
	}
	n->conn = conn;
	send_snapshot(m, n);
	log_info("master: node %s %s as harbor %u at %s", n->r.name, news ? "joins" : "is back", n->r.id,
		 n->r.address);
	return true;
}

/* ---- requests ---- */

static void answer(struct master *m, struct node *n, uint32_t request, enum wire_code code)
{
	static const char *const texts[] = { [WIRE_NAME_TAKEN] = REMOTE_NAME_TAKEN,
					     [WIRE_NO_NAME] = REMOTE_NO_NAME,
					     [WIRE_INVALID] = "invalid name or handle",
					     [WIRE_FULL] = "too many names" };
	struct wire_control c = { .kind = WIRE_ANSWER, .request = request, .code = code };

	snprintf(c.text, sizeof(c.text), "%s", code < array_len(texts) && texts[code] ? texts[code] : "");
	write_node(m, n, &c);
}

static enum wire_code register_name(struct master *m, const struct wire_control *c)
{
	struct map_item *i = map_find(&m->names, c->text);

	if (!remote_name_valid(c->text) || !m->nodes[c->handle >> 24].r.up)
		return WIRE_INVALID;
	if (i)
		return i->number == c->handle ? WIRE_OK_CODE : WIRE_NAME_TAKEN;
	if (m->names.count >= MASTER_NAMES_MAX)
		return WIRE_FULL;
	map_add(&m->names, c->text)->number = c->handle;
	announce_name(m, c->text, c->handle);
	return WIRE_OK_CODE;
}

static enum wire_code give_up_name(struct master *m, const struct wire_control *c)
{
	struct map_item *i = map_find(&m->names, c->text);

	if (!i || i->number != c->handle)
		return WIRE_NO_NAME;
	release_name(m, i);
	return WIRE_OK_CODE;
}

void master_input(struct master *m, int conn, const struct wire_control *c, uint64_t now)
{
	struct node *n = by_conn(m, conn);
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = c->stamp };

	if (!n)
		return;
	n->heard = now;
	switch (c->kind) {
	case WIRE_PING:
		write_now(m, conn, &pong); /* says nothing that must be durable */
		break;
	case WIRE_REGISTER:
		answer(m, n, c->request, register_name(m, c));
		break;
	case WIRE_RELEASE:
		answer(m, n, c->request, give_up_name(m, c));
		break;
	case WIRE_GOODBYE:
		node_dead(m, n, "it said goodbye");
		m->ops->close(m->ud, conn, "it said goodbye");
		break;
	default:
		drop_connection(m, n, "it sent a frame that does not belong here");
		n->dead_at = now + m->c.dead_ns;
		break;
	}
}

void master_lost(struct master *m, int conn, uint64_t now)
{
	struct node *n = conn ? by_conn(m, conn) : NULL;

	if (n) {
		n->conn = 0;
		drop_output(n);
		n->dead_at = now + m->c.dead_ns;
	}
}

uint64_t master_tick(struct master *m, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 1; i < 256; i++) {
		struct node *n = &m->nodes[i];
		uint64_t end = n->conn ? n->heard + m->c.dead_ns : n->dead_at;

		if (!n->r.up)
			continue;
		if (now >= end) {
			int conn = n->conn;

			node_dead(m, n, conn ? "no heartbeat" : "it did not come back");
			if (conn)
				m->ops->close(m->ud, conn, "no heartbeat");
		} else if (end < next) {
			next = end;
		}
	}
	if (m->dirty && now >= m->save_again) {
		m->save_again = now + SAVE_AGAIN_NS;
		(void)master_flush(m);
	}
	return m->dirty && m->save_again < next ? m->save_again : next;
}
