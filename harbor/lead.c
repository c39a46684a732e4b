/* SPDX-License-Identifier: MIT */
#include "harbor/lead.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/actor/move.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/seed.h"
#include "core/ds/list.h"
#include "core/log/log.h"
#include "harbor/announce.h"
#include "harbor/drain.h"
#include "harbor/link/moves.h"
#include "harbor/protocol/leader.h"
#include "harbor/registry/keeper.h"
#include "harbor/registry/library.h"
#include "harbor/secure/secure.h"
#include "harbor/state.h"

/* Who waits here is sent on after this time: before it gives us up (PEER_HANDSHAKE_NS). */
#define CALLER_WAITS_NS (4 * NS_PER_SEC)
/* At the end the disk may have so long. */
#define SAVE_WAIT_NS (2 * NS_PER_SEC)
/* A node that drains and leads tries so often to give the lead away. */
#define GIVE_AWAY_NS NS_PER_SEC
/* What is wrong with the registry is said again after this time. */
#define QUIET_NS (30 * NS_PER_SEC)

struct caller {
	struct caller *next;
	int conn;
	uint64_t until_ns;
	struct wire_control join;
};

static struct {
	struct lead_hooks hooks;
	const struct registry_ops *registry; /* NULL: no section master */
	bool shared;
	char address[ANNOUNCE_MAX];
	uint64_t heartbeat_ns, dead_ns;
	struct leader leader;	/* of a shared registry */
	uint64_t since_wall_ns; /* we are the master */
	LIST_OF(struct caller) callers;
	unsigned caller_count;
	uint64_t quiet_until_ns;
	char unsaved[HARBOR_UNSAVED_MAX]; /* why the last save failed; "": it did not */
	uint64_t unsaved_quiet_until_ns;
	uint64_t give_away_ns; /* the next try of a node that drains to give the lead away */
	void (*moved)(const char *why_not, void *ud);
	void *moved_ud;
	void (*backed_up)(const char *error, void *ud);
	void *backed_up_ud;
	harbor_registry_cb was_read;
	void *was_read_ud;
} L;

/* ---- the master comes and goes ---- */

static void create_master(const struct registry_content *content)
{
	struct master_config c = { .epoch = H.self.epoch,
				   .wall_ns = clock_wall_ns(),
				   .random = seed_number(),
				   .heartbeat_ns = L.heartbeat_ns,
				   .dead_ns = L.dead_ns,
				   .names_are_proven = secure_proves_names() };

	must(!H.master);
	H.master = master_create(L.hooks.master, NULL, content, &c, clock_mono_ns());
	L.since_wall_ns = clock_wall_ns();
	L.unsaved[0] = 0;
}

static bool is_us(const struct registry_leader *l)
{
	return strcmp(l->name, H.self.name) == 0 && strcmp(l->address, L.address) == 0;
}

/* Is it known who leads, somebody else? */
static bool leader_is_known(void)
{
	const struct registry_leader *l = &L.leader.view.leader;

	return l->name[0] && !is_us(l);
}

static struct wire_control refusal(void)
{
	struct wire_control c = { .kind = WIRE_REFUSE, .code = WIRE_NOT_LEADER };

	if (leader_is_known())
		snprintf(c.text, sizeof(c.text), "%s", L.leader.view.leader.address);
	return c;
}

/* ---- members that wait ---- */

static struct caller *take_caller(struct caller **at)
{
	struct caller *k = *at;

	list_unlink(&L.callers, at, next);
	L.caller_count--;
	return k;
}

static void send_away(int conn)
{
	struct wire_control c = refusal();

	conn_write(conn, &c);
	conn_close(conn);
}

static void send_all_on(void)
{
	while (L.callers.first) {
		struct caller *k = take_caller(&L.callers.first);

		send_away(k->conn);
		mem_free(k);
	}
}

static void greet_all(void)
{
	while (L.callers.first) {
		struct caller *k = take_caller(&L.callers.first);
		struct conn *c = conn_find(k->conn);

		if (c)
			L.hooks.greet(c, &k->join);
		mem_free(k);
	}
}

void lead_send_on(struct conn *c, const struct wire_control *join)
{
	struct caller *k;

	c->role = ROLE_MEMBER; /* no stranger any more */
	c->deadline_ns = 0;
	if ((leader_is_known() && !(join->flags & WIRE_LEADER_LOST)) ||
	    L.caller_count >= LEAD_CALLERS_MAX) {
		send_away(c->id);
		return;
	}
	k = mem_zalloc(sizeof(*k));
	k->conn = c->id;
	k->join = *join;
	k->until_ns = clock_mono_ns() + CALLER_WAITS_NS;
	list_append(&L.callers, k, next);
	L.caller_count++;
}

void lead_lost(int conn)
{
	for (struct caller **at = &L.callers.first; *at; at = &(*at)->next)
		if ((*at)->conn == conn) {
			mem_free(take_caller(at));
			return;
		}
}

/* The first has waited longest. */
static uint64_t tick_callers(uint64_t now)
{
	while (L.callers.first && now >= L.callers.first->until_ns) {
		struct caller *k = take_caller(&L.callers.first);

		send_away(k->conn);
		mem_free(k);
	}
	return L.callers.first ? L.callers.first->until_ns : UINT64_MAX;
}

/* ---- the hands of the leader's machine ---- */

static void ask(void *ud, enum registry_ask what, const char *to)
{
	(void)ud;
	keeper_ask(what, to);
}

static void lead(void *ud, const struct registry_content *content)
{
	(void)ud;
	log_event(lead_taken, NULL, "master: this node leads cluster %s", H.self.cluster);
	create_master(content);
	greet_all();
}

static void step_down(void *ud, const char *why)
{
	struct wire_control c = refusal();

	(void)ud;
	log_event(lead_lost, NULL, "master: this node does not lead cluster %s any more: %s",
		  H.self.cluster, why);
	master_dismiss(H.master, &c);
	H.master = master_destroy(H.master);
	keeper_forget();
}

static void changed(void *ud)
{
	const struct registry_leader *l = &L.leader.view.leader;

	(void)ud;
	if (!leader_is_known())
		return;
	log_event(lead_known, l->name, "master: cluster %s is led by node %s at %s", H.self.cluster,
		  l->name, l->address);
	send_all_on();
}

static void moved(void *ud, const char *why_not)
{
	void (*done)(const char *, void *) = L.moved;

	(void)ud;
	L.moved = NULL;
	if (done)
		done(why_not, L.moved_ud);
}

static const struct leader_ops leader_hands = {
	.ask = ask, .lead = lead, .step_down = step_down, .changed = changed, .moved = moved
};

bool lead_speaks(void)
{
	if (L.shared)
		(void)leader_speaks(&L.leader, clock_boot_ns());
	return H.master != NULL;
}

/* ---- what the keeper says ---- */

/* What is not saved is not given out, so a master that cannot save holds up all who join or name
 * something, and has to say so. */
static void note_saved(int result, const char *error)
{
	uint64_t now = clock_mono_ns();

	if (result == 0) {
		if (L.unsaved[0])
			log_info("registry: it is saved again");
		L.unsaved[0] = 0;
		return;
	}
	if (!L.unsaved[0] || now >= L.unsaved_quiet_until_ns) {
		log_event(registry_failed, NULL,
			  "registry: %s; until it can be saved no node joins and no name is given",
			  error);
		L.unsaved_quiet_until_ns = now + QUIET_NS;
	}
	snprintf(L.unsaved, sizeof(L.unsaved), "%s", error);
}

static void on_saved(int result, const char *error)
{
	lock_take(&H.lock);
	if (result == -ESTALE) {
		leader_refused(&L.leader, clock_boot_ns());
	} else if (lead_speaks()) {
		note_saved(result, error);
		master_saved(H.master, result, clock_mono_ns());
	}
	lock_release(&H.lock);
	L.hooks.touch();
}

static void on_answer(const struct registry_answer *a)
{
	uint64_t now = clock_mono_ns();

	lock_take(&H.lock);
	leader_answered(&L.leader, a, clock_boot_ns());
	if (a->result == -EIO && now >= L.quiet_until_ns) {
		log_event(registry_failed, NULL, "registry: %s", a->why);
		L.quiet_until_ns = now + QUIET_NS;
	} else if (a->result != -EIO && L.quiet_until_ns) {
		log_info("registry: it answers again");
		L.quiet_until_ns = 0;
	}
	lock_release(&H.lock);
	L.hooks.touch();
}

static void on_backup(const char *error)
{
	L.backed_up(error, L.backed_up_ud);
}

static void on_read(const struct registry_content *content, const char *error)
{
	L.was_read(content, error, L.was_read_ud);
}

static const struct keeper_hooks keeper_hands = {
	.saved = on_saved, .answered = on_answer, .backed_up = on_backup, .was_read = on_read
};

/* ---- life ---- */

/* What is not shared is read here, before anything runs that could wait for it. */
static int open_embedded(const struct harbor_config *c, char **ret_error)
{
	struct registry_content content = { 0 };
	int r = L.registry->load(&content);

	if (r == 0)
		create_master(&content);
	else
		*ret_error = mem_printf("the registry in %s cannot be read",
					c->state_dir ? c->state_dir : "memory");
	registry_content_fini(&content);
	return r;
}

static void note_address(const struct harbor_config *c, const char *address)
{
	const char *told = c->master_advertise ? c->master_advertise : address;

	if (!announce_is_any(told)) {
		snprintf(L.address, sizeof(L.address), "%s", told);
		return;
	}
	log_warning("master: it listens on all addresses, and master.advertise does not say which "
		    "one to tell: members find the leader by their list alone");
}

int lead_open(const struct harbor_config *c, const char *address, const struct lead_hooks *hooks,
	      char **ret_error)
{
	struct registry_config rc = c->registry;
	int r;

	L.hooks = *hooks;
	L.heartbeat_ns = H.self.heartbeat_ns;
	L.dead_ns = H.self.dead_ns;
	L.shared = rc.endpoints != NULL;
	if (L.shared)
		note_address(c, address);
	rc.state_dir = c->state_dir;
	rc.cluster = H.self.cluster;
	rc.name = H.self.name;
	rc.address = L.address;
	L.registry = L.shared ? registry_library(rc.library, ret_error) : &registry_sqlite;
	if (!L.registry)
		return -ENOENT;
	r = L.registry->open(&rc, ret_error);
	if (r < 0) {
		L.registry = NULL;
		return r;
	}
	if (L.shared)
		leader_init(&L.leader, &leader_hands, NULL, H.self.name);
	else
		r = open_embedded(c, ret_error);
	if (r == 0)
		r = keeper_start(L.registry, &keeper_hands);
	return r;
}

void lead_start(void)
{
	if (L.shared)
		leader_start(&L.leader, clock_boot_ns());
}

static void gave_away(const char *why_not, void *ud)
{
	(void)ud;
	if (why_not)
		log_warning("this node drains and leads: the lead was not given away: %s", why_not);
}

/* A candidate that takes work: the first one. NULL: all drain, or are not in the cluster. */
static const char *find_heir(void)
{
	const struct registry_view *v = &L.leader.view;

	for (unsigned i = 0; i < v->count; i++) {
		unsigned id = is_us(&v->candidates[i]) ? 0 : drain_node(v->candidates[i].name);

		if (id && id != H.self.id && !moves_is_draining(id))
			return v->candidates[i].name;
	}
	return NULL;
}

/* A node that drains does not go on leading, if there is another candidate. */
static uint64_t give_away(uint64_t now)
{
	const char *heir;
	char why[200] = "";

	if (!L.shared || !H.master || L.moved || !move_is_draining())
		return UINT64_MAX;
	if (now < L.give_away_ns)
		return L.give_away_ns;
	L.give_away_ns = now + GIVE_AWAY_NS;
	heir = find_heir();
	if (heir && !lead_move(heir, gave_away, NULL, why, sizeof(why)))
		gave_away(why, NULL);
	return L.give_away_ns;
}

uint64_t lead_tick(uint64_t now)
{
	uint64_t next = tick_callers(now), boot = clock_boot_ns(), at;

	at = give_away(now);
	next = at < next ? at : next;
	if (L.shared) {
		at = leader_tick(&L.leader, boot);
		at = at == UINT64_MAX ? at : now + (at > boot ? at - boot : 0);
		next = at < next ? at : next;
	}
	if (H.master) {
		at = master_tick(H.master, now);
		next = at < next ? at : next;
	}
	return next;
}

bool lead_stop(void)
{
	/* our own goodbye is on its way */
	if (H.master && (master_is_saving(H.master) || master_has(H.master, H.self.id)))
		return false;
	if (!L.shared)
		return true;
	if (!L.leader.mute)
		leader_stop(&L.leader);
	return leader_has_stopped(&L.leader);
}

void lead_close(void)
{
	if (!keeper_stop(SAVE_WAIT_NS))
		log_event(registry_failed, NULL,
			  "registry: it does not answer, what was not saved is lost");
	H.master = master_destroy(H.master);
	while (L.callers.first)
		mem_free(take_caller(&L.callers.first));
	memset(&L, 0, sizeof(L));
}

/* ---- for people ---- */

void lead_info(struct harbor_master_info *ret)
{
	*ret = (struct harbor_master_info){ .leads = H.master != NULL,
					    .registry = !L.registry ? NULL
							: L.shared  ? "etcd"
								    : "embedded" };
	if (!L.registry)
		return;
	ret->save_ms = (double)keeper_save_ns(&ret->saving) / (double)NS_PER_MS;
	ret->since_wall_ns = H.master ? L.since_wall_ns : 0;
	ret->waiting = L.caller_count;
	lead_unsaved(ret->unsaved);
	if (!L.shared)
		return;
	ret->view = L.leader.view;
	ret->reached = L.leader.reached;
	snprintf(ret->why, sizeof(ret->why), "%s", L.leader.why);
}

void lead_unsaved(char ret_why[HARBOR_UNSAVED_MAX])
{
	memcpy(ret_why, L.unsaved, HARBOR_UNSAVED_MAX);
	if (!H.master)
		*ret_why = 0;
}

bool lead_move(const char *to, void (*done)(const char *why_not, void *ud), void *ud, char *ret_why,
	       size_t size)
{
	bool begun = false;

	if (!L.registry)
		snprintf(ret_why, size, "this node is not the master, nor a candidate");
	else if (!L.shared)
		snprintf(ret_why, size,
			 "the embedded registry cannot move: it is a file of this host; with "
			 "master.registry: etcd there are other candidates");
	else if (L.moved)
		snprintf(ret_why, size, "the lead is being moved already");
	else
		begun = leader_move(&L.leader, to, ret_why, size);
	if (begun) {
		L.moved = done;
		L.moved_ud = ud;
	}
	return begun;
}

const char *lead_backup(const char *file, void (*done)(const char *error, void *ud), void *ud)
{
	if (!L.registry)
		return "this node is not the master (harborctl status says where that is)";
	if (!L.registry->backup)
		return "the registry is in etcd: back it up there (etcdctl snapshot save)";
	if (*file != '/')
		return "the file's path must begin with /: the node writes it";
	if (!keeper_backup(file))
		return "a backup is being written already";
	L.backed_up = done;
	L.backed_up_ud = ud;
	return NULL;
}

const char *lead_read(harbor_registry_cb done, void *ud)
{
	if (!L.registry)
		return "this node is not the master (harborctl status says where that is)";
	if (!keeper_read())
		return "the registry is being read already: try again";
	L.was_read = done;
	L.was_read_ud = ud;
	return NULL;
}
