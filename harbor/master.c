/* SPDX-License-Identifier: MIT */
/* The authority on ids and names: see master.h.
 *
 * A node is known by its name; its record stays for ever, so its id is the same each time. `up` means that the
 * members have been told of it. A connection may break and come back within dead_ns without anybody
 * noticing; a new epoch under the same name means that the old incarnation is dead, at once.
 */
#include "harbor/master.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/map.h"
#include "core/mem.h"

struct node {
	char name[64], address[128];
	unsigned id;
	uint64_t epoch;
	bool up;
	int conn;          /* 0 = none just now */
	uint64_t heard, lost_at;
};

static struct {
	const struct master_ops *ops;
	const struct registry_ops *registry;
	uint64_t dead_ns;
	struct node nodes[256]; /* by id; name empty = free */
	struct map names;
} M;

static struct node *by_name(const char *name)
{
	for (unsigned i = 1; i < 256; i++)
		if (M.nodes[i].name[0] && strcmp(M.nodes[i].name, name) == 0)
			return &M.nodes[i];
	return NULL;
}

static struct node *by_conn(int conn)
{
	for (unsigned i = 1; i < 256; i++)
		if (M.nodes[i].conn == conn)
			return &M.nodes[i];
	return NULL;
}

static void broadcast(const struct wire_control *c)
{
	for (unsigned i = 1; i < 256; i++)
		if (M.nodes[i].conn)
			M.ops->write(M.nodes[i].conn, c);
}

static struct wire_control member_frame(const struct node *n)
{
	struct wire_control c = { .kind = WIRE_MEMBER, .id = n->id, .epoch = n->epoch, .up = n->up };

	memcpy(c.name, n->name, sizeof(c.name));
	memcpy(c.address, n->address, sizeof(c.address));
	return c;
}

static struct wire_control name_frame(const char *name, uint32_t handle)
{
	struct wire_control c = { .kind = WIRE_NAME, .handle = handle };

	snprintf(c.text, sizeof(c.text), "%s", name);
	return c;
}

static void release_name(struct map_item *i)
{
	struct wire_control c = name_frame(i->key, 0);

	M.registry->save_name(i->key, 0);
	map_remove(&M.names, i);
	broadcast(&c);
}

static void node_dead(struct node *n, const char *why)
{
	struct wire_control c;

	log_warning("master: node %s (harbor %u) is dead: %s", n->name, n->id, why);
	n->up = false;
	n->conn = 0;
	c = member_frame(n);
	broadcast(&c);
	for (size_t i = M.names.count; i-- > 0;)
		if (M.names.items[i].number >> 24 == n->id)
			release_name(&M.names.items[i]);
}

static void load_node(const char *name, unsigned id, uint64_t epoch, void *ud)
{
	if (id < 1 || id > 255)
		return;
	snprintf(M.nodes[id].name, sizeof(M.nodes[id].name), "%s", name);
	M.nodes[id].id = id;
	M.nodes[id].epoch = epoch;
	M.nodes[id].lost_at = *(uint64_t *)ud;
}

static void load_name(const char *name, uint32_t handle, void *ud)
{
	struct map_item *i = map_add(&M.names, name);

	(void)ud;
	if (i)
		i->number = handle;
	/* Its node was alive when we went: it has the usual time to come back. */
	M.nodes[handle >> 24].up = true;
}

void master_init(const struct master_ops *ops, const struct registry_ops *registry, uint64_t dead_ns,
		 uint64_t now)
{
	M.ops = ops;
	M.registry = registry;
	M.dead_ns = dead_ns;
	registry->load(load_node, load_name, &now);
}

void master_fini(void)
{
	map_fini(&M.names);
	memset(&M, 0, sizeof(M));
}

static void refuse(int conn, const char *why)
{
	struct wire_control c = { .kind = WIRE_REFUSE };

	snprintf(c.text, sizeof(c.text), "%s", why);
	M.ops->write(conn, &c);
	M.ops->close(conn);
}

static struct node *choose(const struct wire_control *c, char *why, size_t size)
{
	struct node *n = by_name(c->name);

	if (c->id) {
		struct node *holder = &M.nodes[c->id & 255];

		if (c->id > 255 || (holder->name[0] && holder != n)) {
			snprintf(why, size, "harbor id %u belongs to node %s", c->id,
				 c->id > 255 ? "nobody" : holder->name);
			return NULL;
		}
		if (n && n != holder) {
			if (n->up) {
				snprintf(why, size, "node %s is up with harbor id %u", n->name, n->id);
				return NULL;
			}
			n->name[0] = 0; /* it asks for another id: the record moves */
		}
		return holder;
	}
	if (n)
		return n;
	/* From the top: ids that people ask for are mostly small. */
	for (unsigned i = 255; i > 0; i--)
		if (!M.nodes[i].name[0])
			return &M.nodes[i];
	snprintf(why, size, "all 255 harbor ids are taken");
	return NULL;
}

static void hello(int conn, const struct wire_control *c, uint64_t now)
{
	char why[128];
	struct node *n = choose(c, why, sizeof(why));
	struct wire_control out;

	if (!n) {
		log_warning("master: node %s at %s is refused: %s", c->name, c->address, why);
		refuse(conn, why);
		return;
	}
	bool fresh = !n->up || n->epoch != c->epoch || !n->address[0];

	if (n->up && n->epoch != c->epoch)
		node_dead(n, "it came back as a new incarnation");
	if (n->conn && n->conn != conn)
		M.ops->close(n->conn);
	n->id = (unsigned)(n - M.nodes);
	if (strcmp(n->name, c->name) != 0 || n->epoch != c->epoch) {
		memcpy(n->name, c->name, sizeof(n->name));
		M.registry->save_node(n->name, n->id, c->epoch);
	}
	memcpy(n->address, c->address, sizeof(n->address));
	n->epoch = c->epoch;
	n->up = true;
	n->conn = 0;
	n->heard = now;
	if (fresh) {
		log_info("master: node %s joins as harbor %u at %s", n->name, n->id, n->address);
		out = member_frame(n);
		broadcast(&out);
	}
	n->conn = conn;
	out = (struct wire_control){ .kind = WIRE_JOINED, .id = n->id };
	M.ops->write(conn, &out);
	for (unsigned i = 1; i < 256; i++)
		if (M.nodes[i].up && M.nodes[i].address[0]) {
			out = member_frame(&M.nodes[i]);
			M.ops->write(conn, &out);
		}
	for (size_t i = 0; i < M.names.count; i++) {
		out = name_frame(M.names.items[i].key, M.names.items[i].number);
		M.ops->write(conn, &out);
	}
	out = (struct wire_control){ .kind = WIRE_SYNCED };
	M.ops->write(conn, &out);
}

static void answer(int conn, uint32_t request, const char *why)
{
	struct wire_control c = { .kind = WIRE_ANSWER, .request = request };

	snprintf(c.text, sizeof(c.text), "%s", why);
	if (request)
		M.ops->write(conn, &c);
}

static void register_name(const struct node *n, const struct wire_control *c)
{
	struct map_item *i = map_find(&M.names, c->text);

	if (c->text[0] == 0 || strlen(c->text) > 15 || c->handle >> 24 != n->id) {
		answer(n->conn, c->request, "not a name or not a handle of this node");
		return;
	}
	if (i && i->number != c->handle) {
		log_warning("master: name %s belongs to :%08x, not to :%08x", c->text, i->number, c->handle);
		answer(n->conn, c->request, "name is taken");
		return;
	}
	if (!i) {
		struct wire_control out = name_frame(c->text, c->handle);

		M.registry->save_name(c->text, c->handle); /* durable before anybody hears of it */
		map_add(&M.names, c->text)->number = c->handle;
		broadcast(&out);
	}
	answer(n->conn, c->request, "");
}

void master_input(int conn, const struct wire_control *c, uint64_t now)
{
	struct node *n = by_conn(conn);
	struct map_item *i;

	if (c->kind == WIRE_HELLO) {
		hello(conn, c, now);
		return;
	}
	if (!n) {
		refuse(conn, "say hello first");
		return;
	}
	n->heard = now;
	switch (c->kind) {
	case WIRE_PING: {
		struct wire_control pong = { .kind = WIRE_PONG, .stamp = c->stamp };

		M.ops->write(conn, &pong);
		break;
	}
	case WIRE_REGISTER:
		register_name(n, c);
		break;
	case WIRE_RELEASE:
		i = map_find(&M.names, c->text);
		if (i && i->number == c->handle)
			release_name(i);
		answer(conn, c->request, i ? "" : "no such name");
		break;
	case WIRE_GOODBYE:
		node_dead(n, "it left");
		break;
	default:
		break;
	}
}

void master_lost(int conn, uint64_t now)
{
	struct node *n = by_conn(conn);

	if (n) {
		n->conn = 0;
		n->lost_at = now;
	}
}

void master_tick(uint64_t now)
{
	for (unsigned i = 1; i < 256; i++) {
		struct node *n = &M.nodes[i];

		if (n->conn && now - n->heard > M.dead_ns) {
			int conn = n->conn;

			node_dead(n, "no heartbeat");
			M.ops->close(conn);
		} else if (n->up && !n->conn && now - n->lost_at > M.dead_ns) {
			node_dead(n, "it did not come back");
		}
	}
}
