/* SPDX-License-Identifier: MIT */
/* The cluster as the rest of the node sees it: life, the functions of core/actor/remote.h,
 * snapshots for people.
 *
 * Workers reach the data plane (link.c) and the names (directory.c) directly; everything else they
 * ask for is posted to the loop as a job, where the control plane lives. */
#include "harbor/harbor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/seed.h"
#include "core/log/log.h"
#include "harbor/drain.h"
#include "harbor/effects.h"
#include "harbor/events.h"
#include "harbor/lead.h"
#include "harbor/link/conn.h"
#include "harbor/link/link.h"
#include "harbor/secure/secure.h"
#include "harbor/link/moves.h"
#include "harbor/state.h"
#include "harbor/watch.h"
#include "net/info.h"
#include "net/post.h"
#include "net/timer.h"

/* A registration waits as long as a message to an unknown name; if that does not wait, so long. */
#define REQUEST_WAIT_MS UINT64_C(10000)

/* ---- jobs ---- */

enum job_kind {
	JOB_REGISTER,
	JOB_RELEASE,
	JOB_TRANSFER,
	JOB_QUERY,
	JOB_WATCH,
	JOB_LOST,
	JOB_LOSSES,
	JOB_ENDED,
	JOB_BIRTHS
};

struct job {
	enum job_kind kind;
	uint32_t from, handle, target;
	int32_t session;
	unsigned id; /* JOB_WATCH */
	bool connected;
	uint64_t after; /* JOB_LOSSES */
	char name[REMOTE_NAME_SIZE];
};

static bool is_connected(unsigned id)
{
	struct link *l = id < 256 ? link_find(id) : NULL;

	if (id == WATCH_MASTER)
		return H.member.state == MEMBER_JOINED;
	return id == H.self.id || (l && l->peer.state == PEER_UP);
}

static void run_watch(const struct job *j)
{
	watch_add(j->from, j->session, j->id, j->connected);
	if (is_connected(j->id) == j->connected)
		watch_tell(j->id, j->connected);
}

/* A name of ours must have a service behind it: one that ended before this job would keep the name
 * for ever. */
static void run_register(const struct job *j)
{
	if (j->handle >> 24 != H.self.id || effects_is_alive(j->handle))
		member_register(&H.member, j->from, j->session, j->name, j->handle);
	else if (j->session)
		service_send_error_text(0, j->from, j->session, SEND_NO_SERVICE_TEXT);
}

static void run_transfer(const struct job *j)
{
	if (j->target >> 24 == H.self.id && !effects_is_alive(j->target))
		service_send_error_text(0, j->from, j->session, SEND_NO_SERVICE_TEXT);
	else
		member_transfer(&H.member, j->from, j->session, j->name, j->handle, j->target);
}

static void run_job(void *arg)
{
	cleanup(mem_freep) struct job *j = arg;

	lock_take(&H.lock);
	switch (j->kind) {
	case JOB_REGISTER:
		run_register(j);
		break;
	case JOB_RELEASE:
		member_release(&H.member, j->from, j->session, j->name, j->handle);
		break;
	case JOB_TRANSFER:
		run_transfer(j);
		break;
	case JOB_QUERY:
		member_query(&H.member, j->from, j->session, j->name);
		break;
	case JOB_WATCH:
		run_watch(j);
		break;
	case JOB_LOST:
		watch_add_lost(j->from, j->session);
		break;
	case JOB_LOSSES:
		watch_add_messages(j->from, j->session, j->after);
		break;
	case JOB_BIRTHS:
		member_tell_births(&H.member, clock_mono_ns());
		break;
	case JOB_ENDED:
		member_forget(&H.member, j->handle);
		directory_forget(&H.directory, j->handle);
		watch_forget(j->handle);
		break;
	}
	lock_release(&H.lock);
	if (j->kind <= JOB_QUERY)
		events_touch(); /* it has a deadline */
}

static void post_job(const struct job *proto, const char *name)
{
	struct job *j = mem_zalloc(sizeof(*j));

	*j = *proto;
	if (name)
		memcpy(j->name, name, strnlen(name, sizeof(j->name) - 1));
	net_post(run_job, j);
}

static void touch(void *arg)
{
	(void)arg;
	events_touch();
}

/* ---- core/actor/remote.h; any thread ---- */

static uint32_t remote_find(const char *name)
{
	return directory_find(&H.directory, name);
}

static int remote_send_name(const char *name, struct msg *m)
{
	uint32_t handle = directory_find(&H.directory, name);

	if (handle) {
		m->dest = handle;
		/* the owner may just have ended */
		return service_forward(m) == SEND_OK ? SEND_OK : SEND_REFUSED;
	}
	if (!remote_name_valid(
		    name)) { /* nobody will ever have it, and only its beginning would be kept */
		m->dest = 0;
		service_fail_request(m, REMOTE_NO_NAME);
		msg_destroy(m);
		return SEND_OK;
	}
	if (!directory_post(&H.directory, name, m, clock_mono_ns() + H.c.name_wait_ms * NS_PER_MS))
		net_post(touch, NULL); /* it has a deadline now */
	return SEND_OK;
}

static void touch_soon(void)
{
	net_post(touch, NULL);
}

/* What a node that drains has already it keeps until it is moved. */
static bool may_register(const char *name, uint32_t handle)
{
	return !move_is_draining() || !handle_is_local(handle) ||
	       directory_find(&H.directory, name) == handle;
}

static void remote_register(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	if (!may_register(name, handle)) {
		if (session)
			service_send_error_text(0, from, session, REMOTE_DRAINING);
		else
			log_printf(LOG_LEVEL_WARNING, from, "global name %s: %s", name,
				   REMOTE_DRAINING);
		return;
	}
	post_job(&(struct job){ JOB_REGISTER, .from = from, .session = session, .handle = handle },
		 name);
}

static void remote_release(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	post_job(&(struct job){ JOB_RELEASE, .from = from, .session = session, .handle = handle },
		 name);
}

static void remote_transfer(uint32_t from, int32_t session, const char *name, uint32_t handle,
			    uint32_t target)
{
	post_job(&(struct job){ JOB_TRANSFER, .from = from, .session = session, .handle = handle,
				.target = target },
		 name);
}

static uint64_t remote_fence(const char *name, uint32_t *ret_handle)
{
	return directory_fence(&H.directory, name, ret_handle);
}

static void remote_sync_name(uint32_t from, int32_t session, const char *name)
{
	post_job(&(struct job){ JOB_QUERY, .from = from, .session = session }, name);
}

static size_t remote_members(const char *group, uint32_t *ret, size_t max, uint64_t *ret_version)
{
	return directory_members(&H.directory, group, ret, max, ret_version);
}

static void remote_wait_group(uint32_t from, int32_t session, const char *group, uint64_t version)
{
	directory_watch_group(&H.directory, group, version, from, session);
}

static uint64_t remote_round_trip(unsigned id)
{
	struct link *l = id < 256 ? link_find(id) : NULL;

	uint64_t ns;

	if (id == harbor_id())
		return 0;
	/* relaxed: a measure */
	ns = l ? atomic_load_explicit(&l->round_trip_ns, memory_order_relaxed) : 0;
	return ns ? ns : UINT64_MAX;
}

static void remote_query(uint32_t from, int32_t session, const char *name, uint32_t timeout_ms)
{
	directory_ask(&H.directory, name, from, session,
		      timeout_ms ? clock_mono_ns() + timeout_ms * NS_PER_MS : 0);
	if (timeout_ms)
		net_post(touch, NULL);
}

static void remote_watch(uint32_t from, int32_t session, unsigned id, bool connected)
{
	post_job(&(struct job){ JOB_WATCH, .from = from, .session = session, .id = id,
				.connected = connected },
		 NULL);
}

static void remote_connected(uint32_t from, int32_t session, unsigned id)
{
	remote_watch(from, session, id, true);
}

static void remote_disconnected(uint32_t from, int32_t session, unsigned id)
{
	remote_watch(from, session, id, false);
}

static void remote_master_lost(uint32_t from, int32_t session)
{
	remote_watch(from, session, WATCH_MASTER, false);
}

static void remote_name_lost(uint32_t from, int32_t session)
{
	post_job(&(struct job){ JOB_LOST, .from = from, .session = session }, NULL);
}

static void remote_messages_lost(uint32_t from, int32_t session, uint64_t after)
{
	post_job(&(struct job){ JOB_LOSSES, .from = from, .session = session, .after = after },
		 NULL);
}

static void remote_births(void)
{
	post_job(&(struct job){ JOB_BIRTHS }, NULL);
}

static void remote_ended(uint32_t handle)
{
	post_job(&(struct job){ JOB_ENDED, .handle = handle }, NULL);
}

static const struct remote_ops ops = {
	.send = link_send,
	.send_name = remote_send_name,
	.find_name = remote_find,
	.register_name = remote_register,
	.release_name = remote_release,
	.transfer_name = remote_transfer,
	.name_fence = remote_fence,
	.sync_name = remote_sync_name,
	.group_members = remote_members,
	.wait_group = remote_wait_group,
	.round_trip = remote_round_trip,
	.query_name = remote_query,
	.wait_connected = remote_connected,
	.wait_disconnected = remote_disconnected,
	.wait_master_lost = remote_master_lost,
	.wait_name_lost = remote_name_lost,
	.wait_messages_lost = remote_messages_lost,
	.service_ended = remote_ended,
	.births = remote_births,
};

/* ---- life ---- */

static void deliver(void *ud, struct msg *m)
{
	(void)ud;
	service_forward(m);
}

static int init_master(const struct harbor_config *c, char **ret_error)
{
	static const struct lead_hooks hooks = { .master = &effects_master_ops,
						 .touch = events_touch,
						 .greet = events_greet };
	char text[ANNOUNCE_MAX] = "", address[ANNOUNCE_MAX];
	int r = conn_listen(c->master_listen, true, ret_error);

	if (r < 0)
		return r;
	(void)net_local_address(r, text, sizeof(text));
	announce_text(text, address);
	r = lead_open(c, address, &hooks, ret_error);
	if (r < 0)
		return r;
	log_info("harbor: master, listening on %s, registry in %s", address,
		 c->registry.endpoints ? "etcd"
		 : c->state_dir	       ? c->state_dir
				       : "memory only (no master.state_dir)");
	/* we are a member of our own master, at the port it really has */
	if (!H.masters[0] || strcmp(H.masters[0], c->master_listen) == 0) {
		mem_free(H.masters[0]);
		H.masters[0] = mem_strdup(address);
	}
	return 0;
}

static void messages_lost(struct link *l, uint64_t sent, uint64_t unsent, const char *why)
{
	watch_lost_messages(l->id, sent, unsent, why);
}

static const struct link_hooks link_hands = { events_overrun, touch_soon, messages_lost };

int harbor_init(const struct harbor_config *c, char **ret_error)
{
	char address[ANNOUNCE_MAX] = "";
	int r;

	must(c->node_name && c->cluster && c->listen && c->harbor <= 255);
	must(c->heartbeat_ms && c->dead_ms > c->heartbeat_ms);
	if (c->secure) {
		r = secure_init(c->secure, ret_error);
		if (r < 0)
			return r;
		log_info("harbor: links are encrypted, %s", secure_kind());
	}
	H.c = *c;
	H.c.secure = NULL;
	snprintf(H.self.name, sizeof(H.self.name), "%s", c->node_name);
	snprintf(H.self.cluster, sizeof(H.self.cluster), "%s", c->cluster);
	H.self.epoch = seed_number();
	H.self.random = seed_number();
	H.self.heartbeat_ns = c->heartbeat_ms * NS_PER_MS;
	H.self.dead_ns = c->dead_ms * NS_PER_MS;
	H.self.link_wait_ns = c->link_wait_ms * NS_PER_MS;
	for (unsigned i = 0; c->masters && c->masters[i] && i < array_len(H.masters) - 1; i++)
		H.masters[i] = mem_strdup(c->masters[i]);
	directory_init(&H.directory, deliver, NULL);
	link_init(c->message_max, c->queue_max, &link_hands);
	conn_init(&events_conn_ops, &H.lock);
	if (c->master_listen) {
		r = init_master(c, ret_error);
		if (r < 0)
			return r;
	}
	r = conn_listen(c->listen, false, ret_error);
	if (r < 0)
		return r;
	(void)net_local_address(r, address, sizeof(address));
	announce_text(address, H.self.address);
	log_info("harbor: listening on %s", H.self.address);
	if (c->advertise)
		snprintf(H.self.address, sizeof(H.self.address), "%s", c->advertise);
	else if (announce_is_any(H.self.address))
		memcpy(H.any_address, H.self.address, sizeof(H.any_address));
	member_init(&H.member, &effects_member_ops, NULL, &H.self, c->harbor,
		    (const char *const *)H.masters);
	H.member.request_wait_ns = (c->name_wait_ms ? c->name_wait_ms : REQUEST_WAIT_MS) *
				   NS_PER_MS;
	H.timer = net_timer_create(events_tick, NULL);
	remote_set(&ops);
	drain_init();
	return 0;
}

static void check_links(void *arg)
{
	(void)arg;
	lock_take(&H.lock);
	conn_check_again();
	lock_release(&H.lock);
	events_touch();
}

int harbor_secure(const struct secure_config *c, char **ret_error)
{
	int r;

	lock_take(&H.lock);
	r = secure_init(c, ret_error);
	if (r == 0)
		log_info("harbor: keys were read again: %s", secure_kind());
	lock_release(&H.lock);
	if (r == 0)
		net_post(check_links, NULL);
	return r;
}

void harbor_security(struct harbor_security *ret)
{
	struct conn_count n;

	lock_take(&H.lock);
	n = conn_count();
	*ret = (struct harbor_security){ .accepted = n.accepted,
					 .refused = n.refused,
					 .handshakes_failed = n.handshakes };
	snprintf(ret->kind, sizeof(ret->kind), "%s", secure_kind() ? secure_kind() : "");
	lock_release(&H.lock);
}

static void begin(void *arg)
{
	(void)arg;
	lock_take(&H.lock);
	lead_start();
	member_start(&H.member, clock_mono_ns());
	lock_release(&H.lock);
	events_touch();
}

int harbor_start(void (*on_state)(enum harbor_state st, const char *what, void *ud), void *ud)
{
	must(H.timer && !H.started);
	H.on_state = on_state;
	H.on_state_ud = ud;
	/* relaxed: before anybody else looks */
	atomic_store_explicit(&H.state, HARBOR_JOINING, memory_order_relaxed);
	H.started = true;
	net_post(begin, NULL);
	return 0;
}

enum harbor_state harbor_state(void)
{
	/* relaxed: a lone value */
	return (enum harbor_state)atomic_load_explicit(&H.state, memory_order_relaxed);
}

uint32_t harbor_first_index(void)
{
	uint64_t births;

	lock_take(&H.lock);
	/* without the master's word anywhere is best: nobody knows where the last life ended */
	member_begin_births(&H.member, 1 + seed_number() % HANDLE_RING);
	births = H.member.births_base;
	lock_release(&H.lock);
	return HANDLE_FIRST + (uint32_t)(births % HANDLE_RING);
}

unsigned harbor_id(void)
{
	return atomic_load_explicit(&H.id, memory_order_relaxed); /* a lone value */
}

void harbor_stop(uint64_t timeout_ns)
{
	uint64_t until = clock_mono_ns() + timeout_ns;
	static uint64_t timeout;

	if (!H.started)
		return;
	timeout = timeout_ns;
	net_post(events_stop, &timeout);
	lock_take(&H.lock);
	while (!H.stopped && lock_wait_until(&H.lock, &H.stopped_now, until))
		;
	H.on_state = NULL;
	lock_release(&H.lock);
}

void harbor_fini(void)
{
	move_set(NULL);
	remote_set(NULL);
	net_timer_destroy(H.timer);
	H.timer = NULL;
	conn_fini();
	secure_fini();
	link_fini();
	member_fini(&H.member);
	watch_fini();
	directory_fini(&H.directory);
	lead_close();
	for (unsigned i = 0; i < array_len(H.masters); i++) {
		mem_free(H.masters[i]);
		H.masters[i] = NULL;
	}
}

/* ---- snapshots for people; any thread ---- */

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

static void describe_link(struct link *l, struct harbor_node_info *n)
{
	static const char *const states[] = { "down", "connecting", "connecting", "up" };
	const struct peer *p = &l->peer;

	n->incarnation = p->epoch;
	n->state = p->left ? "left" : peer_is_unreachable(p) ? "unreachable" : states[p->state];
	if (p->state != PEER_UP)
		memcpy(n->why, p->why, sizeof(n->why));
	n->since_wall_ns = l->since_wall_ns;
	n->rtt_ns = p->rtt_ns;
	/* relaxed, all of these: statistics */
	n->sent = atomic_load_explicit(&l->sent, memory_order_relaxed);
	n->received = atomic_load_explicit(&l->received, memory_order_relaxed);
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
		snprintf(ret_why, size, "this node is not the master");
	lock_release(&H.lock);
	return why;
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

bool harbor_move(const char *to, void (*done)(const char *why_not, void *ud), void *ud,
		 char *ret_why, size_t size)
{
	bool begun;

	lock_take(&H.lock);
	begun = lead_move(to, done, ud, ret_why, size);
	lock_release(&H.lock);
	net_post(touch, NULL);
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
