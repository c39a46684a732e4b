/* SPDX-License-Identifier: MIT */
/* What an operator should look at: see trouble.h. */
#include "daemon/state/trouble.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/mailbox.h"
#include "core/actor/service.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/ds/best.h"
#include "core/log/log.h"
#include "core/log/source.h"
#include "daemon/state/info.h"
#include "daemon/state/process.h"
#include "harbor/harbor.h"
#include "lua/modules/cluster/sends.h"

#define TEXT_MAX 300
/* Lines that were lost longer ago are history. */
#define LOST_RECENTLY_NS (600 * NS_PER_SEC)
/* The alert of deploy/monitoring has the same figure. */
#define LINK_BYTES 64000000u

struct call {
	void (*f)(const char *text, void *ud);
	void *ud;
	struct text names; /* of nodes that are missing, and how many they are */
	unsigned missing;
};

/* ---- mailboxes ---- */

struct row {
	struct best_entry entry;
	uint32_t handle;
	unsigned length;
};

struct longest {
	struct best rows;
	unsigned count; /* of all */
};

static void rank(struct service *s, void *ud)
{
	unsigned length = mailbox_length(&s->mailbox);
	struct row r = { .entry.key = length, .handle = service_handle(s), .length = length };
	struct longest *l = ud;

	if (length < TROUBLE_MAILBOX)
		return;
	l->count++;
	best_add(&l->rows, &r.entry);
}

static void tell_mailboxes(const struct call *c)
{
	struct longest l = { .rows = best_of(TROUBLE_SERVICES, sizeof(struct row)) };
	char text[TEXT_MAX], name[LOG_NAME_MAX];

	service_foreach(rank, &l);
	best_sort(&l.rows);
	for (size_t i = 0; i < l.rows.count; i++) {
		const struct row *r = best_at(&l.rows, i);

		log_name_of(r->handle, name);
		snprintf(text, sizeof(text),
			 "%u messages wait for service :%08x %s: it takes them more slowly than "
			 "they come (harborctl why :%08x)",
			 r->length, r->handle, name, r->handle);
		c->f(text, c->ud);
	}
	best_fini(&l.rows);
	if (l.count <= TROUBLE_SERVICES)
		return;
	snprintf(text, sizeof(text),
		 "%u messages and more wait for each of %u other services "
		 "(harborctl top --sort mailbox_messages)",
		 TROUBLE_MAILBOX, l.count - TROUBLE_SERVICES);
	c->f(text, c->ud);
}

/* ---- links ---- */

/* Who has left in order is not missing. */
static void note_missing(struct call *c, const struct harbor_node_info *n)
{
	if (strcmp(n->state, "down") != 0 && strcmp(n->state, "unreachable") != 0)
		return;
	if (c->missing++ < TROUBLE_NODES)
		text_printf(&c->names, "%snode %s (harbor %u) is %s%s%s", c->names.size ? ", " : "",
			    n->name, n->id, n->state, *n->why ? ": " : "", n->why);
}

static void tell_missing(struct call *c)
{
	char text[TEXT_MAX];

	if (!c->missing)
		return;
	if (c->missing > TROUBLE_NODES)
		text_printf(&c->names, ", and so are %u more", c->missing - TROUBLE_NODES);
	snprintf(text, sizeof(text), "%s (harborctl nodes)", text_string(&c->names));
	text_fini(&c->names);
	c->f(text, c->ud);
}

static void tell_link(const struct harbor_node_info *n, void *ud)
{
	struct call *c = ud;
	uint64_t bytes = n->queued_bytes + n->unacknowledged_bytes;
	char text[TEXT_MAX];

	note_missing(c, n);
	if (bytes < LINK_BYTES)
		return;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " MB wait for node %s, which takes them more slowly than they come; at "
		 "cluster.queue_max what is sent to it is dropped",
		 bytes / 1000000, n->name);
	c->f(text, c->ud);
}

/* ---- the process ---- */

static void tell_descriptors(const struct call *c)
{
	struct process_descriptors d;
	char text[TEXT_MAX];

	process_descriptors(&d);
	if (d.open < d.most - d.most / 10)
		return;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " of %" PRIu64 " descriptors are in use; without any no client and no "
		 "file can be opened (harborctl sockets; LimitNOFILE=)",
		 d.open, d.most);
	c->f(text, c->ud);
}

static void tell_log(const struct call *c)
{
	uint64_t last = log_dropped_ns(), ago = clock_mono_ns() - last;
	char text[TEXT_MAX];
	int error = log_dropped_errno();

	if (!last || ago > LOST_RECENTLY_NS)
		return;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " lines of the log were lost, the last one %" PRIu64 " s ago: %s",
		 log_dropped(), ago / NS_PER_SEC,
		 error ? strerror(error) : "it is not written as fast as lines come");
	c->f(text, c->ud);
}

/* ---- skynet.cluster ---- */

/* A few of many nodes: the status has them all (cluster_sends_json). */
static void tell_cluster_sends(const struct call *c)
{
	struct sends_peer peers[SENDS_PEERS_MAX + 1];
	unsigned n = sends_look(peers), told = 0;
	uint64_t now = clock_mono_ns();
	char text[TEXT_MAX];

	for (unsigned i = 0; i < n && told < TROUBLE_NODES; i++) {
		const struct sends_peer *p = &peers[i];

		if (now - p->last_ns > LOST_RECENTLY_NS)
			continue;
		told++;
		snprintf(text, sizeof(text),
			 "%" PRIu64
			 " sends of skynet.cluster to node %.63s did not arrive, or may not "
			 "have, the last one %" PRIu64 " s ago",
			 p->dropped + p->lost, p->name, (now - p->last_ns) / NS_PER_SEC);
		c->f(text, c->ud);
	}
}

void trouble_foreach(void (*f)(const char *text, void *ud), void *ud)
{
	struct call c = { .f = f, .ud = ud };

	tell_descriptors(&c);
	tell_mailboxes(&c);
	if (info_get()->cluster) { /* else there is no link, nor what they are kept in */
		harbor_foreach_node(tell_link, &c);
		tell_missing(&c);
	}
	tell_cluster_sends(&c);
	tell_log(&c);
}
