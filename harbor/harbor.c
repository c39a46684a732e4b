/* SPDX-License-Identifier: MIT */
/* The life of this node in the cluster. What others ask of it is in asked.c, what people see in
 * describe.c. */
#include "harbor/harbor.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/seed.h"
#include "core/log/log.h"
#include "harbor/asked.h"
#include "harbor/drain.h"
#include "harbor/effects.h"
#include "harbor/events.h"
#include "harbor/lead.h"
#include "harbor/link/conn.h"
#include "harbor/link/link.h"
#include "harbor/link/move_links.h"
#include "harbor/secure/secure.h"
#include "harbor/report.h"
#include "harbor/state.h"
#include "harbor/watch.h"
#include "net/info.h"
#include "net/post.h"
#include "net/timer.h"

/* A registration waits as long as a message to an unknown name; if that does not wait, so long. */
#define REQUEST_WAIT_MS UINT64_C(10000)

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

static const struct link_hooks link_hands = { events_overrun, messages_lost };

/* Returns the listener of links, or -errno. */
static int open_ports(const struct harbor_config *c, char **ret_error)
{
	int r = c->master_listen ? init_master(c, ret_error) : 0;

	return r < 0 ? r : conn_listen(c->listen, false, ret_error);
}

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
	H.self.pace.max = secure_on() ? PEER_ATTEMPTS_SECURE : PEER_ATTEMPTS;
	for (unsigned i = 0; c->masters && c->masters[i] && i < array_len(H.masters) - 1; i++)
		H.masters[i] = mem_strdup(c->masters[i]);
	directory_init(&H.directory, deliver, NULL);
	link_init(c->message_max, c->queue_max, &link_hands);
	move_links_init(c->queue_max, c->forwarder_ms * NS_PER_MS, events_touch_soon);
	conn_init(&events_conn_ops, &H.lock);
	r = open_ports(c, ret_error);
	if (r < 0) {
		secure_fini(); /* no worker is there: nobody speaks without it */
		return r;
	}
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
	remote_set(&asked_ops);
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
		log_event(keys_applied, NULL, "harbor: keys were read again: %s%s%s", secure_kind(),
			  c->key_count > 1 ? ", accepted is also key " : "",
			  c->key_count > 1 ? c->keys[1].id : "");
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
					 .handshakes_failed = n.handshakes,
					 .expires = secure_expires() };
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

/* The last words have as long again as what was before them. */
static uint64_t stop_ends_ns(void)
{
	return H.goodbye_at_ns + H.stop_ns;
}

void harbor_stop(uint64_t timeout_ns, uint64_t most_ns)
{
	uint64_t now = clock_mono_ns();

	if (!H.started)
		return;
	lock_take(&H.lock);
	H.stop_ns = timeout_ns / 2;
	H.goodbye_at_ns = now + H.stop_ns;
	H.stop_last_ns = now + most_ns;
	H.stop_left = UINT64_MAX;
	lock_release(&H.lock);
	net_post(events_stop, NULL);
	lock_take(&H.lock);
	while (!H.stopped && clock_mono_ns() < stop_ends_ns())
		(void)lock_wait_until(&H.lock, &H.stopped_now, stop_ends_ns());
	H.on_state = NULL;
	lock_release(&H.lock);
}

void harbor_fini(void)
{
	report_flush();
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
