/* SPDX-License-Identifier: MIT */
/* What moves need of links: see move_links.h. */
#include "harbor/link/move_links.h"

#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "harbor/link/flush.h"
#include "harbor/link/link.h"
#include "harbor/link/move_ways.h"
#include "harbor/link/moves.h"

static uint64_t room, patience;
static void (*touch)(void);

static unsigned own_id(void)
{
	return service_harbor();
}

static bool is_up(unsigned node)
{
	struct link *l = link_find(node);

	return l && atomic_load_explicit(&l->gate, memory_order_acquire) >= LINK_BROKEN;
}

static int push_local(struct msg *m)
{
	return service_forward(m) == SEND_OK ? SEND_OK : SEND_REFUSED;
}

static bool is_alive(uint32_t handle)
{
	return handle_lookup(handle) != NULL;
}

static bool end_forwarder(uint32_t handle)
{
	struct service *s = service_grab(handle);
	bool idle;

	if (!s)
		return true;
	idle = mailbox_is_idle(&s->mailbox);
	service_unref(s);
	return idle && service_retire(handle);
}

static uint64_t patience_with_forwarders(void)
{
	return patience;
}

static bool is_busy(uint32_t dest)
{
	struct link *l = link_find(dest >> 24);
	bool busy;

	if (!l)
		return false;
	lock_take(&l->tx_lock);
	flush_queue_outbox(l);
	flush_set_backlog(l);
	busy = txq_has_lane(&l->queue, dest);
	lock_release(&l->tx_lock);
	return busy;
}

/* To a node that nobody waits for they fail; a service of ours answers by no link. */
static void transfer_pending(uint32_t from, uint32_t to)
{
	struct link *old = link_find(from >> 24), *new = link_find(to >> 24);
	int gate = new ? atomic_load_explicit(&new->gate, memory_order_acquire) : LINK_NO_NODE;
	struct pending failed;

	if (!old)
		return;
	if (to >> 24 == service_harbor()) {
		pending_move(&old->pending, from, NULL, to);
	} else if (gate >= LINK_BROKEN) {
		pending_move(&old->pending, from, &new->pending, to);
	} else {
		pending_init(&failed);
		pending_move(&old->pending, from, &failed, to);
		pending_fail(&failed, link_gate_text(gate));
		pending_fini(&failed);
	}
}

static void purge_pending(unsigned source, uint32_t dest)
{
	struct link *l = link_find(dest >> 24);

	if (l)
		pending_forget(&l->pending, source, dest);
}

static uint64_t room_of_links(void)
{
	return room;
}

static void touch_moves(void)
{
	touch();
}

static const struct moves_ops moves_hands = {
	.self = own_id,
	.send = link_send_on,
	.local = push_local,
	.alive = is_alive,
	.end = end_forwarder,
	.patience = patience_with_forwarders,
	.busy = is_busy,
	.up = is_up,
	.transfer = transfer_pending,
	.purge = purge_pending,
	.room = room_of_links,
	.touch = touch_moves,
};

void move_links_init(uint64_t a_room, uint64_t patience_ns, void (*a_touch)(void))
{
	room = a_room;
	patience = patience_ns;
	touch = a_touch;
	moves_init(&moves_hands);
}
