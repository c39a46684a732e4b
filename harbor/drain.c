/* SPDX-License-Identifier: MIT */
/* Where services may be moved to, and what they are called. */
#include "harbor/drain.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/move.h"
#include "harbor/link/link.h"
#include "harbor/link/moves.h"
#include "harbor/state.h"
#include "net/listen.h"

static void called(unsigned id, char ret_text[MOVE_CALLED_MAX])
{
	struct link *l;

	lock_take(&H.lock);
	l = link_find(id);
	link_call(id == H.self.id ? H.self.name : l ? l->peer.name : "", id, ret_text);
	lock_release(&H.lock);
}

static unsigned targets(uint8_t ids[256])
{
	unsigned n = 0;

	lock_take(&H.lock);
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);

		if (l && l->peer.state == PEER_UP && !moves_is_draining(i))
			ids[n++] = (uint8_t)i;
	}
	lock_release(&H.lock);
	return n;
}

/* An id is one node; a name is a label, which several may have. */
unsigned drain_node(const char *name)
{
	unsigned by_name = 0, by_id = 0, count = 0;

	lock_held(&H.lock);
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);
		const char *label = i == H.self.id ? H.self.name : l ? l->peer.name : "";
		char id[12];

		snprintf(id, sizeof(id), "%u", i);
		if (!*label)
			continue;
		if (strcmp(id, name) == 0)
			by_id = i;
		if (strcmp(label, name) == 0) {
			by_name = i;
			count++;
		}
	}
	return by_id ? by_id : count == 1 ? by_name : 0;
}

static unsigned node_by_name(const char *name)
{
	unsigned id;

	lock_take(&H.lock);
	id = drain_node(name);
	lock_release(&H.lock);
	return id;
}

struct wanted {
	uint32_t handle;
	void (*f)(const char *name, uint32_t of, void *ud);
	void *ud;
};

static void pick(const char *name, uint32_t handle, uint64_t fence, uint64_t since, void *ud)
{
	const struct wanted *w = ud;

	(void)fence;
	(void)since;
	if (w->handle ? handle == w->handle : handle >> 24 == H.self.id)
		w->f(name, handle, w->ud);
}

static void names_of(uint32_t handle, void (*f)(const char *name, uint32_t of, void *ud), void *ud)
{
	struct wanted w = { handle, f, ud };

	directory_foreach(&H.directory, pick, &w);
}

static void draining(bool on)
{
	net_refuse_clients(on);
	moves_draining(on);
}

static const struct move_ops ops = {
	.relay = moves_relay,
	.find = moves_find,
	.adopted = moves_adopted,
	.left = moves_left,
	.finish = moves_finish,
	.finished = moves_finished,
	.now = moves_now,
	.settled = moves_settled,
	.draining = draining,
	.targets = targets,
	.drainers = moves_drainers,
	.node = node_by_name,
	.called = called,
	.names = names_of,
};

void drain_init(void)
{
	move_set(&ops);
}
