/* SPDX-License-Identifier: MIT */
/* The authority on ids and names: what a frame, a lost connection or the clock changes. Names are
 * in master_names.c. */
#include "harbor/protocol/master.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/units.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/random.h"
#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "harbor/protocol/master_id.h"
#include "harbor/protocol/master_life.h"
#include "harbor/protocol/master_names.h"
#include "harbor/protocol/master_store.h"

/* A batch that cannot be saved is tried again this often. */
#define SAVE_AGAIN_NS NS_PER_SEC
/* Should the clock be wrong as well: so many registrations at most since a backup that is
 * restored. */
#define RESTORED_NUMBERS (UINT64_C(1) << 20)
/* One line about refusals in this time. */
#define QUIET_NS NS_PER_SEC

#ifdef CHECKS
/* A table that is longer is not walked after each step. */
#define CHECK_MAX 64u

static bool node_is_whole(const struct master *m, unsigned i)
{
	const struct master_node *n = &m->nodes[i];

	return n->r.id == i && n->out_size <= n->out_capacity && n->out_saving <= n->out_size &&
	       (!n->out || n->conn) && (n->out_size == n->out_saving || m->dirty) &&
	       (!n->out || m->dirty || m->batch_saving) &&
	       (!n->conn || (n->r.up && n->r.epoch && n->r.name[0])) &&
	       (!master_is_seen(n) || n->r.up);
}

static bool names_have_owners(const struct master *m)
{
	for (size_t i = 0; i < m->names.count && m->names.count <= CHECK_MAX; i++)
		if (!m->nodes[m->names.items[i].number >> 24].r.up)
			return false;
	return true;
}

/* What holds between two calls from outside. */
static void check(const struct master *m)
{
	for (unsigned i = 1; i < 256; i++)
		must(node_is_whole(m, i));
	must(names_have_owners(m));
	must(m->names.count <= MASTER_NAMES_MAX);
	must(m->batch_saving <= m->batch_size);
	must(m->batch_size == m->batch_saving || m->dirty);
}
#else
#define check(m) ((void)(m)) /* the state is looked at in builds with CHECKS=1 */
#endif

/* ---- nodes ---- */

static struct master_node *by_conn(struct master *m, int conn)
{
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].conn == conn)
			return &m->nodes[i];
	return NULL;
}

static struct wire_control member_frame(const struct master_node *n)
{
	struct wire_control c = {
		.kind = WIRE_MEMBER, .id = n->r.id, .epoch = n->r.epoch, .up = n->r.up
	};

	memcpy(c.name, n->r.name, sizeof(c.name));
	memcpy(c.address, n->r.address, sizeof(c.address));
	return c;
}

static void announce_node(struct master *m, const struct master_node *n)
{
	struct wire_control c = member_frame(n);

	master_save_node(m, n);
	master_broadcast(m, &c);
}

/* The incarnation has ended: everybody is told, and its names are free. Returns how many it had. */
static unsigned end_incarnation(struct master *m, struct master_node *n, const char *why,
				uint64_t now)
{

	master_drop_connection(m, n, why, now);
	n->r.up = false;
	n->r.gone = ++m->number;
	memset(n->seen_by, 0, sizeof(n->seen_by));
	announce_node(m, n);
	return master_release_homeless(m);
}

static void node_dead(struct master *m, struct master_node *n, const char *why, uint64_t now)
{
	unsigned names = end_incarnation(m, n, why, now);

	log_event(node_lost, n->r.name,
		  "master: node %s (harbor %u) is dead: %s; %u others were asked; %u names "
		  "released",
		  n->r.name, n->r.id, why, n->asked, names);
}

/* ---- life ---- */

static void load_node(struct master *m, const struct registry_node *r, uint64_t now)
{
	struct master_node *n = &m->nodes[r->id & 255];

	if (r->id < 1 || r->id > 255)
		return;
	n->r = *r;
	n->unseen = r->up;
	n->away = "it did not come back";
	n->alive_at = now;
	n->dead_at = now + m->c.dead_ns + MASTER_RETRY_NS;
}

/* What is known is from before a backup. Who lives now, and which names he has, his JOIN and his
 * claims say, as if the registry were lost; but who has which id is known, and the numbers and
 * births that were given out since are jumped over: half of the ring is more than one has used. */
static void go_behind_restored(struct master *m)
{
	m->number += RESTORED_NUMBERS;
	for (unsigned i = 1; i < 256; i++) {
		struct master_node *n = &m->nodes[i];

		if (!n->r.name[0] && !n->r.births)
			continue;
		n->r.gone = n->r.up ? ++m->number : n->r.gone;
		n->r.up = false;
		n->r.epoch = 0;
		if (n->r.births) /* not the same place again, if it is restored again */
			n->r.births += HANDLE_RING / 2 +
				       random_next(&m->c.random) % (HANDLE_RING / 4);
		n->unseen = true;
		master_save_node(m, n);
	}
	log_warning("master: the registry comes from a backup; nodes have %llu s to say what they "
		    "hold",
		    (unsigned long long)((m->c.dead_ns + MASTER_RETRY_NS) / NS_PER_SEC));
}

struct master *master_create(const struct master_ops *ops, void *ud,
			     const struct registry_content *content, const struct master_config *c,
			     uint64_t now)
{
	struct master *m = mem_zalloc(sizeof(*m));

	must(ops && content && c->random);
	*m = (struct master){ .ops = ops, .ud = ud, .c = *c, .number = content->number };
	for (unsigned i = 1; i < 256; i++)
		m->nodes[i].r.id = i;
	for (size_t i = 0; i < content->count; i++)
		if (content->items[i].is_name)
			master_load_name(m, &content->items[i]);
		else
			load_node(m, &content->items[i].node, now);
	if (!m->number || content->restored) {
		/* nobody registers one a microsecond for long */
		if (m->number < c->wall_ns / NS_PER_US)
			m->number = c->wall_ns / NS_PER_US;
		m->recovering_until = now + c->dead_ns + MASTER_RETRY_NS;
	}
	/* after the clock was asked: one backup may be restored twice within a second */
	if (content->restored)
		go_behind_restored(m);
	/* a batch is whole, but an older file may not be */
	(void)master_release_homeless(m);
	check(m);
	return m;
}

struct master *master_destroy(struct master *m)
{
	if (m) {
		for (unsigned i = 0; i < 256; i++)
			master_drop_output(&m->nodes[i]);
		map_fini(&m->names);
		mem_free(m->batch);
		mem_free(m);
	}
	return NULL;
}

/* ---- joining ---- */

static void send_snapshot(struct master *m, struct master_node *n, uint64_t births)
{
	struct wire_control c = { .kind = WIRE_JOINED,
				  .version = n->version,
				  .features = WIRE_FEATURES,
				  .id = n->r.id,
				  .epoch = m->c.epoch,
				  .births = births };

	master_write(m, n, &c);
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].r.up) {
			c = member_frame(&m->nodes[i]);
			master_write(m, n, &c);
		}
	for (size_t i = 0; i < m->names.count; i++) {
		c = master_name_frame(&m->names.items[i], 0);
		master_write(m, n, &c);
	}
	c = (struct wire_control){ .kind = WIRE_SYNCED, .change = m->change };
	master_write(m, n, &c);
}

static void refuse(struct master *m, int conn, const struct wire_control *c,
		   const struct master_refusal *why, uint64_t now)
{
	struct wire_control out = { .kind = WIRE_REFUSE, .code = why->code };

	snprintf(out.text, sizeof(out.text), "%s", why->text);
	master_write_now(m, conn, &out);
	m->refusals++;
	if (now < m->quiet_until)
		return;
	m->quiet_until = now + QUIET_NS;
	log_event(node_refused, remote_label_valid(c->name) ? c->name : NULL,
		  "master: node %s at %s is refused: %s (%llu so far)",
		  remote_label_valid(c->name) ? c->name : "?",
		  wire_address_valid(c->address) ? c->address : "?", why->text,
		  (unsigned long long)m->refusals);
}

/* The record is this incarnation's now. true: others do not know it so. */
static bool take_record(struct master_node *n, const struct wire_control *c)
{
	bool news = !n->r.up || n->r.epoch != c->epoch || strcmp(n->r.address, c->address) != 0 ||
		    strcmp(n->r.name, c->name) != 0;

	n->r.epoch = c->epoch;
	n->r.up = true;
	n->r.gone = 0;
	n->r.named = c->flags & WIRE_ID_NAMED;
	memcpy(n->r.name, c->name, sizeof(n->r.name));
	memcpy(n->r.address, c->address, sizeof(n->r.address));
	return news;
}

static bool join(struct master *m, int conn, const struct wire_control *c, uint64_t now)
{
	struct master_refusal why = { 0 };
	struct master_node *n = master_choose(m, c, now, &why);
	uint64_t births;
	bool same, news;

	if (!n) {
		refuse(m, conn, c, &why, now);
		return false;
	}
	same = n->r.epoch == c->epoch;
	master_drop_connection(m, n, "the node has connected anew", now);
	if (n->r.up && !same)
		node_dead(m, n, "it came back as a new incarnation", now);
	births = master_births(m, n, c, same);
	news = take_record(n, c);
	master_heard(n, now);
	if (news)
		announce_node(m, n); /* not to itself: it has no connection yet */
	else
		master_save_node(m, n);
	n->conn = conn;
	n->version = wire_common_version(c->version_min, c->version);
	n->features = c->features & WIRE_FEATURES;
	send_snapshot(m, n, births);
	log_event(node_joined, n->r.name, "master: node %s %s as harbor %u at %s", n->r.name,
		  same ? "is back" : "joins", n->r.id, n->r.address);
	return true;
}

bool master_join(struct master *m, int conn, const struct wire_control *c, uint64_t now)
{
	bool joined;

	must(conn > 0);
	joined = join(m, conn, c, now);
	check(m);
	return joined;
}

/* ---- what members say ---- */

/* A member says of whom we may know nothing more that he lives. */
static void believe(struct master *m, struct master_node *n, const struct wire_control *c,
		    uint64_t now)
{
	bool known = n->r.name[0] && n->r.epoch;

	if (known ? n->r.epoch != c->epoch
		  : now >= m->recovering_until || !remote_label_valid(c->name) ||
			    !wire_address_valid(c->address))
		return;
	if (!known) {
		n->r.epoch = c->epoch;
		memcpy(n->r.name, c->name, sizeof(n->r.name));
		memcpy(n->r.address, c->address, sizeof(n->r.address));
	}
	n->r.up = true;
	n->r.gone = 0;
	n->unseen = true;
	n->away = "it did not come back";
	n->dead_at = now + m->c.dead_ns;
	n->alive_at = now;
	announce_node(m, n);
	log_info("master: node %s (harbor %u) is alive, says another node", n->r.name, n->r.id);
}

static void link_reported(struct master *m, struct master_node *by, const struct wire_control *c,
			  uint64_t now)
{
	struct master_node *n = &m->nodes[c->id & 255];
	uint64_t bit = UINT64_C(1) << (by->r.id % 64);

	if (c->id < 1 || c->id > 255 || n == by || !c->epoch)
		return;
	if (c->up == WIRE_UP && !n->r.up)
		believe(m, n, c, now);
	if (n->r.epoch != c->epoch || !n->r.up)
		return;
	if (c->up == WIRE_UP) {
		*master_report_word(n, by->r.id) |= bit;
		master_vouched(n, now);
	} else {
		*master_report_word(n, by->r.id) &= ~bit;
	}
	if (c->up == WIRE_DOWN)
		master_doubted(m, by, n);
	if (c->up == WIRE_BROKEN && !n->conn)
		n->dead_at = now + m->c.dead_ns; /* the two may find each other again */
}

static void said_goodbye(struct master *m, struct master_node *n, uint64_t births, uint64_t now)
{
	unsigned names;

	if (births >= n->life && births < n->r.births)
		n->r.births = births; /* exactly */
	names = end_incarnation(m, n, "it said goodbye", now);
	log_event(node_left, n->r.name, "master: node %s (harbor %u) has left; %u names released",
		  n->r.name, n->r.id, names);
	n->r.epoch = 0; /* its id is given again before those of nodes that died */
	master_save_node(m, n);
}

void master_input(struct master *m, int conn, const struct wire_control *c, uint64_t now)
{
	struct master_node *n = by_conn(m, conn);
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = c->stamp };

	if (!n)
		return;
	master_heard(n, now);
	switch (c->kind) {
	case WIRE_PING:
		master_note_births(m, n, c->count);
		master_write_now(m, conn, &pong); /* says nothing that must be durable */
		break;
	case WIRE_REGISTER:
	case WIRE_RELEASE:
	case WIRE_TRANSFER:
	case WIRE_QUERY:
		master_name_asked(m, n, c, now);
		break;
	case WIRE_MEMBER:
		link_reported(m, n, c, now);
		break;
	case WIRE_GOODBYE:
		said_goodbye(m, n, c->count, now);
		break;
	default:
		master_drop_connection(m, n, "it sent a frame that does not belong here", now);
		break;
	}
	check(m);
}

void master_lost(struct master *m, int conn, uint64_t now)
{
	struct master_node *n = conn ? by_conn(m, conn) : NULL;

	if (!n)
		return;
	master_lose_connection(m, n, "it did not come back", now);
	check(m);
}

void master_dismiss(struct master *m, const struct wire_control *refuse)
{
	for (unsigned i = 1; i < 256; i++) {
		int conn = m->nodes[i].conn;

		if (!conn)
			continue;
		master_drop_output(&m->nodes[i]);
		master_write_now(m, conn, refuse);
		m->nodes[i].conn = 0;
		m->ops->close(m->ud, conn, "another is the master");
	}
}

bool master_has(const struct master *m, unsigned id)
{
	must(id < 256);
	return m->nodes[id].conn != 0;
}

/* Returns the time of the next look at this node. */
static uint64_t look_at(struct master *m, struct master_node *n, uint64_t now)
{
	uint64_t next;

	if (!master_is_gone(m, n, now, &next))
		return next;
	n->unseen = true;
	node_dead(m, n, n->away, now);
	return UINT64_MAX;
}

uint64_t master_tick(struct master *m, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 1; i < 256; i++) {
		uint64_t at = m->nodes[i].r.up ? look_at(m, &m->nodes[i], now) : UINT64_MAX;

		next = at < next ? at : next;
	}
	if (m->dirty && !m->batch_saving && now >= m->save_again)
		master_store_flush(m);
	check(m);
	/* while a save is under way it is master_saved that goes on */
	if (m->dirty && !m->batch_saving && m->save_again && m->save_again < next)
		next = m->save_again;
	return next;
}

void master_flush(struct master *m)
{
	if (!m->save_again) /* else the tick knows when */
		master_store_flush(m);
	check(m);
}

void master_saved(struct master *m, int result, uint64_t now)
{
	m->save_again = result < 0 ? now + SAVE_AGAIN_NS : 0;
	master_store_saved(m, result);
	check(m);
}

bool master_is_saving(const struct master *m)
{
	return m->batch_saving || (m->dirty && !m->save_again);
}

/* ---- for people ---- */

static struct master_node *by_id_or_name(struct master *m, const char *node, unsigned *ret_count)
{
	char *end;
	unsigned long id = strtoul(node, &end, 10);
	struct master_node *found = NULL;

	*ret_count = 0;
	if (*node && !*end && id >= 1 && id <= 255) {
		*ret_count = m->nodes[id].r.name[0] != 0;
		return &m->nodes[id];
	}
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].r.name[0] && strcmp(m->nodes[i].r.name, node) == 0) {
			found = &m->nodes[i];
			++*ret_count;
		}
	return found;
}

const char *master_forget(struct master *m, const char *node, char *ret_why, size_t size)
{
	unsigned count;
	struct master_node *n = by_id_or_name(m, node, &count);

	ret_why[0] = 0;
	if (count == 0)
		snprintf(ret_why, size, "the master knows no node %s", node);
	else if (count > 1)
		snprintf(ret_why, size, "%u nodes are named %s: say which by its harbor id", count,
			 node);
	else if (n->r.up)
		snprintf(ret_why, size, "node %s (harbor %u) is alive, or may come back", n->r.name,
			 n->r.id);
	if (ret_why[0])
		return ret_why;
	log_info("master: node %s (harbor %u) is forgotten", n->r.name, n->r.id);
	/* the births stay: whoever gets the id goes on from there */
	n->r = (struct registry_node){ .id = n->r.id, .births = n->r.births };
	master_save_node(m, n);
	check(m);
	return NULL;
}
