/* SPDX-License-Identifier: MIT */
/* What the cluster shows to people, and what they ask of the master: the second half of harbor.h.
 * Any thread; the answers are snapshots. */
#include "harbor/harbor.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/move.h"
#include "harbor/events.h"
#include "harbor/lead.h"
#include "harbor/link/conn.h"
#include "harbor/link/link.h"
#include "harbor/link/moves.h"
#include "harbor/secure/secure.h"
#include "harbor/state.h"
#include "net/info.h"

static void describe_proof(const struct peer *p, struct harbor_node_info *n)
{
	struct conn *c = p->state == PEER_UP ? conn_find(p->conn) : NULL;
	struct secure_info i;

	if (!c || !c->secure)
		return;
	secure_info(c->secure, &i);
	snprintf(n->cipher, sizeof(n->cipher), "%s", i.cipher);
	snprintf(n->proof, sizeof(n->proof), "%s", i.who);
}

/* The master's incarnation is that of his node. */
static bool leads(const struct peer *p)
{
	return H.member.state == MEMBER_JOINED && p->epoch && p->epoch == H.member.master_epoch;
}

static void describe_link(struct link *l, struct harbor_node_info *n)
{
	static const char *const states[] = { "down", "connecting", "connecting", "up" };
	const struct peer *p = &l->peer;

	n->incarnation = p->epoch;
	n->master = leads(p);
	n->state = p->left ? "left" : peer_is_unreachable(p) ? "unreachable" : states[p->state];
	if (p->state == PEER_UP)
		n->protocol = p->version;
	else
		memcpy(n->why, p->why, sizeof(n->why));
	n->since_wall_ns = l->since_wall_ns;
	/* a link on which something happens is not asked, so the last answer may be old */
	n->rtt_ns = p->state == PEER_UP ? net_peer_rtt_ns(p->conn) : 0;
	if (!n->rtt_ns)
		n->rtt_ns = p->rtt_ns;
	/* relaxed, all of these: statistics */
	n->sent = atomic_load_explicit(&l->sent, memory_order_relaxed);
	n->received = atomic_load_explicit(&l->received, memory_order_relaxed);
	n->sent_frames = atomic_load_explicit(&l->sent_frames, memory_order_relaxed);
	n->sent_bytes = atomic_load_explicit(&l->sent_bytes, memory_order_relaxed);
	n->received_frames = atomic_load_explicit(&l->received_frames, memory_order_relaxed);
	n->received_bytes = atomic_load_explicit(&l->received_bytes, memory_order_relaxed);
	n->dropped = atomic_load_explicit(&l->dropped, memory_order_relaxed);
	n->resent = atomic_load_explicit(&l->resent, memory_order_relaxed);
	n->lost = atomic_load_explicit(&l->lost, memory_order_relaxed);
	n->queued_bytes = ledger_waiting(&l->ledger);
	n->unacknowledged_bytes = ledger_kept(&l->ledger);
	memcpy(n->name, p->name, sizeof(n->name));
	announce_reach(p->address, H.master_host, n->address);
	describe_proof(p, n);
}

void harbor_foreach_node(void (*f)(const struct harbor_node_info *n, void *ud), void *ud)
{
	lock_take(&H.lock);
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);
		struct harbor_node_info n = { .id = i };

		n.draining = i == H.self.id ? move_is_draining() : moves_is_draining(i);
		if (i == H.self.id) {
			n.incarnation = H.self.epoch;
			n.state = "self";
			n.master = H.master != NULL;
			n.since_wall_ns = H.since_wall_ns;
			memcpy(n.name, H.self.name, sizeof(n.name));
			memcpy(n.address, H.self.address, sizeof(n.address));
		} else if (l && l->peer.name[0]) {
			describe_link(l, &n);
		} else {
			continue;
		}
		f(&n, ud);
	}
	lock_release(&H.lock);
}

void harbor_glance(void (*f)(const struct harbor_glance *g, void *ud), void *ud)
{
	static const char *const states[] = { "down", "connecting", "connecting", "up" };

	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);

		if (!l || !l->peer.name[0] || i == H.self.id)
			continue;
		f(
			&(struct harbor_glance){
				.id = i,
				.name = l->peer.name,
				.state = states[(unsigned)l->peer.state % array_len(states)],
				.waiting_bytes = ledger_waiting(&l->ledger),
				.kept_bytes = ledger_kept(&l->ledger),
			},
			ud);
	}
}

void harbor_master_address(char *ret_text, size_t size)
{
	lock_take(&H.lock);
	snprintf(ret_text, size, "%s", H.member.master_count ? member_master(&H.member) : "");
	lock_release(&H.lock);
}

const char *harbor_forget(const char *node, char *ret_why, size_t size)
{
	const char *why = ret_why;

	lock_take(&H.lock);
	if (H.master)
		why = master_forget(H.master, node, ret_why, size);
	else
		snprintf(ret_why, size, "this node is not the master, which is at %s: ask that one",
			 H.member.master_count ? member_master(&H.member) : "no known place");
	lock_release(&H.lock);
	return why;
}

unsigned harbor_forwarders(void)
{
	return moves_forwarders();
}

bool harbor_is_master(void)
{
	bool is;

	lock_take(&H.lock);
	is = H.master != NULL;
	lock_release(&H.lock);
	return is;
}

void harbor_master(struct harbor_master_info *ret)
{
	lock_take(&H.lock);
	lead_info(ret);
	lock_release(&H.lock);
}

bool harbor_is_unsaved(char ret_why[HARBOR_UNSAVED_MAX])
{
	lock_take(&H.lock);
	lead_unsaved(ret_why);
	lock_release(&H.lock);
	return *ret_why;
}

bool harbor_move(const char *to, void (*done)(const char *why_not, void *ud), void *ud,
		 char *ret_why, size_t size)
{
	bool begun;

	lock_take(&H.lock);
	begun = lead_move(to, done, ud, ret_why, size);
	lock_release(&H.lock);
	events_touch_soon();
	return begun;
}

const char *harbor_backup(const char *file, void (*done)(const char *error, void *ud), void *ud)
{
	const char *why;

	lock_take(&H.lock);
	why = lead_backup(file, done, ud);
	lock_release(&H.lock);
	return why;
}

const char *harbor_read_registry(harbor_registry_cb done, void *ud)
{
	const char *why;

	lock_take(&H.lock);
	why = lead_read(done, ud);
	lock_release(&H.lock);
	return why;
}

struct name_view {
	void (*f)(const struct harbor_name_info *n, void *ud);
	void *ud;
};

static void view_name(const char *name, uint32_t handle, uint64_t fence, uint64_t since_wall_ns,
		      void *ud)
{
	struct name_view *v = ud;
	struct harbor_name_info n = { .handle = handle,
				      .fence = fence,
				      .since_wall_ns = since_wall_ns };

	memcpy(n.name, name, strnlen(name, sizeof(n.name) - 1));
	v->f(&n, v->ud);
}

void harbor_foreach_name(void (*f)(const struct harbor_name_info *n, void *ud), void *ud)
{
	struct name_view v = { f, ud };

	directory_foreach(&H.directory, view_name, &v);
}

void harbor_foreach_waiting(void (*f)(const char *name, uint32_t handle, void *ud), void *ud)
{
	directory_foreach_waiting(&H.directory, f, ud);
}
