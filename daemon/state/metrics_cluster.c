/* SPDX-License-Identifier: MIT */
/* The figures of the cluster as this node sees it, and of its links: see metrics.h. */
#include "daemon/state/metrics_cluster.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "daemon/state/exposition.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

struct nodes {
	struct harbor_node_info items[256];
	unsigned n;
};

static void note_node(const struct harbor_node_info *n, void *ud)
{
	struct nodes *nodes = ud;

	nodes->items[nodes->n++] = *n;
}

static bool is_link(const struct harbor_node_info *n)
{
	/* one that has left in order is no link any more, and its figures are history */
	return strcmp(n->state, "self") != 0 && strcmp(n->state, "left") != 0;
}

static const struct exposition_figure figures[] = {
#define FIGURE(name, type, unit, member, help)                                    \
	{                                                                         \
		"harbord_link_" name, help, EXPOSITION_##type, EXPOSITION_##unit, \
			offsetof(struct harbor_node_info, member)                 \
	}
	FIGURE("messages_sent_total", COUNTER, PLAIN, sent, "Messages that were sent to the node."),
	FIGURE("messages_received_total", COUNTER, PLAIN, received, "Messages that came from it."),
	FIGURE("frames_sent_total", COUNTER, PLAIN, sent_frames,
	       "Frames that were written to its link."),
	FIGURE("frames_received_total", COUNTER, PLAIN, received_frames,
	       "Frames that came over it."),
	FIGURE("sent_bytes_total", COUNTER, PLAIN, sent_bytes,
	       "Bytes of the frames that were written."),
	FIGURE("received_bytes_total", COUNTER, PLAIN, received_bytes,
	       "Bytes of the frames that came."),
	FIGURE("frames_resent_total", COUNTER, PLAIN, resent,
	       "Frames that were written once more after a break of the link."),
	FIGURE("messages_dropped_total", COUNTER, PLAIN, dropped, "Messages that were refused."),
	FIGURE("messages_lost_total", COUNTER, PLAIN, lost,
	       "Messages that were accepted, and of which it is not known whether they arrived."),
	FIGURE("queued_bytes", GAUGE, PLAIN, queued_bytes, "Bytes that wait to be written."),
	FIGURE("unacknowledged_bytes", GAUGE, PLAIN, unacknowledged_bytes,
	       "Bytes that were written and that the node has not acknowledged."),
	FIGURE("rtt_seconds", GAUGE, MEASURED, rtt_ns,
	       "How long a round trip takes: by TCP while the link is busy, or the last question."),
#undef FIGURE
};

static bool label_link(const void *row, unsigned index, char labels[EXPOSITION_LABELS])
{
	const struct harbor_node_info *n = row;
	char id[12];

	(void)index;
	if (!is_link(n))
		return false;
	snprintf(id, sizeof(id), "%u", n->id);
	exposition_label(labels, "peer", n->name);
	exposition_label(labels, "peer_id", id);
	return true;
}

static void write_links(struct text *t, const struct nodes *nodes)
{
	exposition_family(t, "harbord_link_up", EXPOSITION_GAUGE,
			  "1: the link to the node is up. A node that left in order has no line.");
	for (unsigned i = 0; i < nodes->n; i++) {
		char labels[EXPOSITION_LABELS] = "";

		if (label_link(&nodes->items[i], i, labels))
			exposition_count(t, "harbord_link_up", labels,
					 strcmp(nodes->items[i].state, "up") == 0);
	}
	exposition_table(t, &(struct exposition_table){ .figures = figures,
							.figure_count = array_len(figures),
							.rows = nodes->items,
							.row_size = sizeof(*nodes->items),
							.row_count = nodes->n,
							.label = label_link });
}

static void count_name(const struct harbor_name_info *n, void *ud)
{
	unsigned *count = ud;

	*count += n->name[0] != ':'; /* else it is a membership of a group */
}

static void count_waiting(const char *name, uint32_t handle, void *ud)
{
	unsigned *count = ud;

	(void)name;
	(void)handle;
	++*count;
}

static void write_master(struct text *t)
{
	struct harbor_master_info m;

	harbor_master(&m);
	exposition_gauge(t, "harbord_master", m.leads, "1: this node leads the cluster.");
	if (!m.registry)
		return;
	exposition_gauge(t, "harbord_master_reached", !strcmp(m.registry, "embedded") || m.reached,
			 "1: the registry behind the master answered the last question.");
	exposition_gauge(t, "harbord_master_unsaved", m.unsaved[0] != 0,
			 "1: the last save into the registry failed: no node joins, no name is "
			 "given.");
	exposition_family(t, "harbord_master_save_seconds", EXPOSITION_GAUGE,
			  "How long the last save into the registry took, or takes.");
	exposition_seconds(t, "harbord_master_save_seconds", "", (uint64_t)(m.save_ms * 1e6));
}

static void write_security(struct text *t)
{
	struct harbor_security s;
	uint64_t changed = info_secret_changed();

	harbor_security(&s);
	exposition_counter(t, "harbord_connections_accepted_total", s.accepted,
			   "Connections on the port for links.");
	exposition_counter(t, "harbord_connections_refused_total", s.refused,
			   "Connections on the port for links that were refused.");
	exposition_counter(t, "harbord_handshakes_failed_total", s.handshakes_failed,
			   "Connections of nodes whose proof failed.");
	if (s.expires)
		exposition_gauge(t, "harbord_certificate_expires_timestamp_seconds", s.expires,
				 "When the certificate of the node is not good any more, in "
				 "seconds since 1970.");
	if (changed)
		exposition_gauge(t, "harbord_secret_changed_timestamp_seconds", changed,
				 "When the key of the cluster was made, by its name, or else its "
				 "file or that of the certificate written, in seconds since 1970.");
}

void metrics_write_cluster(struct text *t)
{
	struct nodes *nodes = mem_zalloc(sizeof(*nodes));
	unsigned names = 0, waiting = 0;

	harbor_foreach_node(note_node, nodes);
	harbor_foreach_name(count_name, &names);
	harbor_foreach_waiting(count_waiting, &waiting);
	exposition_gauge(t, "harbord_joined", harbor_state() == HARBOR_JOINED,
			 "1: the node is in the cluster, and its master answers.");
	exposition_gauge(t, "harbord_names", names, "Global names that this node knows.");
	exposition_gauge(t, "harbord_names_waited_for", waiting,
			 "Global names that services of this node wait for.");
	write_master(t);
	write_security(t);
	write_links(t, nodes);
	mem_free(nodes);
}
