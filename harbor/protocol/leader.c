/* SPDX-License-Identifier: MIT */
#include "harbor/protocol/leader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/must.h"

/* So much of a lease is not used: clocks that run at different speeds may not matter. */
#define MARGIN(lease) ((lease) / 10)

void leader_init(struct leader *l, const struct leader_ops *ops, void *ud, const char *name)
{
	must(ops && name);
	*l = (struct leader){ .ops = ops, .ud = ud, .name = name, .ask_at = UINT64_MAX };
}

void leader_start(struct leader *l, uint64_t now)
{
	l->ask_at = now;
}

static void ask(struct leader *l, enum registry_ask what, const char *to)
{
	must(!l->asked);
	l->asked = true;
	l->ops->ask(l->ud, what, to);
}

static void step_down(struct leader *l, const char *why, uint64_t now)
{
	bool led = l->state == LEADER_LEADS;

	l->state = LEADER_CANDIDATE;
	l->ask_at = now;
	if (led)
		l->ops->step_down(l->ud, why);
}

static void lose(struct leader *l, const char *why, uint64_t now)
{
	l->view.leader = (struct registry_leader){ 0 }; /* who it is the next look will say */
	step_down(l, why, now);
}

bool leader_speaks(struct leader *l, uint64_t now)
{
	if (l->state == LEADER_LEADS && now >= l->lease_until)
		lose(l, "the lease could not be renewed in time", now);
	return l->state == LEADER_LEADS;
}

void leader_refused(struct leader *l, uint64_t now)
{
	if (l->state != LEADER_CANDIDATE)
		lose(l, "another has been elected", now);
}

/* ---- answers ---- */

static uint64_t end_of_lease(const struct registry_answer *a)
{
	return a->lease_at + a->lease_ns - MARGIN(a->lease_ns);
}

static void looked(struct leader *l, const struct registry_answer *a, uint64_t now)
{
	bool same = strcmp(l->view.leader.name, a->view.leader.name) == 0 &&
		    strcmp(l->view.leader.address, a->view.leader.address) == 0;

	l->view = a->view;
	if (a->elected) { /* nobody is told before the content is here */
		l->state = LEADER_LOADING;
		l->ask_at = now;
	} else if (!same) {
		l->ops->changed(l->ud);
	}
}

static void loaded(struct leader *l, const struct registry_answer *a, uint64_t now)
{
	l->lease_until = end_of_lease(a);
	if (now >= l->lease_until) {
		lose(l, "it took too long to load the registry", now);
		return;
	}
	l->state = LEADER_LEADS;
	l->ask_at = now;
	l->ops->lead(l->ud, &a->content);
}

static void renewed(struct leader *l, const struct registry_answer *a)
{
	l->view = a->view;
	l->lease_until = end_of_lease(a);
	l->ask_at = a->lease_at + a->lease_ns / 3;
}

void leader_answered(struct leader *l, const struct registry_answer *a, uint64_t now)
{
	must(l->asked);
	l->asked = false;
	l->reached = a->result != -EIO;
	snprintf(l->why, sizeof(l->why), "%s", a->result < 0 ? a->why : "");
	(void)leader_speaks(l, now);
	if (a->what == REGISTRY_RESIGN) {
		l->moving = false;
		l->ask_at = now;
		l->ops->moved(l->ud, a->result < 0 ? a->why : NULL);
		return;
	}
	if (l->state == LEADER_CANDIDATE && a->what != REGISTRY_LOOK)
		return; /* it is for a leader who is none any more */
	l->ask_at = now + LEADER_LOOK_NS;
	if (a->result == -ESTALE)
		leader_refused(l, now);
	else if (a->result < 0)
		return;
	else if (a->what == REGISTRY_LOOK)
		looked(l, a, now);
	else if (a->what == REGISTRY_RENEW)
		renewed(l, a);
	else
		loaded(l, a, now);
}

/* ---- time ---- */

static void ask_next(struct leader *l)
{
	if (l->moving)
		ask(l, REGISTRY_RESIGN,
		    l->view.leader.name[0] ? l->view.leader.name : REGISTRY_ANYBODY);
	else if (l->state == LEADER_CANDIDATE)
		ask(l, REGISTRY_LOOK, "");
	else if (l->state == LEADER_LOADING)
		ask(l, REGISTRY_LOAD, "");
	else
		ask(l, REGISTRY_RENEW, "");
}

uint64_t leader_tick(struct leader *l, uint64_t now)
{
	uint64_t next;

	(void)leader_speaks(l, now);
	if (!l->asked && now >= l->ask_at && !leader_has_stopped(l))
		ask_next(l);
	next = l->state == LEADER_LEADS ? l->lease_until : UINT64_MAX;
	if (!l->asked && !leader_has_stopped(l) && l->ask_at < next)
		next = l->ask_at;
	return next;
}

/* ---- giving it away ---- */

static const struct registry_leader *find_heir(const struct leader *l, const char *to)
{
	for (unsigned i = 0; i < l->view.count; i++) {
		const char *name = l->view.candidates[i].name;

		if (*to ? strcmp(name, to) == 0 : strcmp(name, l->name) != 0)
			return &l->view.candidates[i];
	}
	return NULL;
}

/* heir NULL: whoever comes. */
static void resign(struct leader *l, const struct registry_leader *heir)
{
	l->view.leader = heir ? *heir : (struct registry_leader){ 0 };
	l->moving = true;
	step_down(l, "it gives the lead away", 0); /* behind a question under way, at once */
}

bool leader_move(struct leader *l, const char *to, char *ret_why, size_t size)
{
	const struct registry_leader *heir = find_heir(l, to);

	ret_why[0] = 0;
	if (l->state != LEADER_LEADS && l->view.leader.name[0])
		snprintf(ret_why, size, "this node does not lead, %s does: ask that one (--node)",
			 l->view.leader.name);
	else if (l->state != LEADER_LEADS)
		snprintf(ret_why, size, "this node does not lead, and nobody does just now");
	else if (strcmp(to, l->name) == 0)
		snprintf(ret_why, size, "this node leads already");
	else if (!heir && *to)
		snprintf(ret_why, size, "%s is no candidate (harborctl master lists them)", to);
	else if (!heir)
		snprintf(ret_why, size, "there is no other candidate");
	else
		resign(l, heir);
	return !ret_why[0];
}

void leader_stop(struct leader *l)
{
	l->mute = true;
	if (l->state == LEADER_LEADS)
		resign(l, find_heir(l, ""));
	l->state = LEADER_CANDIDATE;
}

bool leader_has_stopped(const struct leader *l)
{
	return l->mute && !l->moving;
}
