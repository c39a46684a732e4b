/* SPDX-License-Identifier: MIT */
/* The same figures as metrics and as JSON: see cluster_sends.h. */
#include "daemon/state/cluster_sends.h"

#include <stddef.h>

#include "core/base/base.h"
#include "daemon/state/exposition.h"
#include "lua/modules/cluster/sends.h"

static bool label_peer(const void *row, unsigned index, char labels[EXPOSITION_LABELS])
{
	const struct sends_peer *p = row;

	(void)index;
	exposition_label(labels, "peer", p->name);
	return true;
}

void cluster_sends_metrics(struct text *t)
{
	static const struct exposition_figure figures[] = {
		{ "harbord_cluster_sends_dropped_total",
		  "Sends of skynet.cluster that found no connection, or were refused by it.",
		  EXPOSITION_COUNTER, EXPOSITION_PLAIN, offsetof(struct sends_peer, dropped) },
		{ "harbord_cluster_sends_lost_total",
		  "Sends of skynet.cluster that were not acknowledged when the connection ended.",
		  EXPOSITION_COUNTER, EXPOSITION_PLAIN, offsetof(struct sends_peer, lost) },
	};
	struct sends_peer peers[SENDS_PEERS_MAX + 1];
	unsigned n = sends_look(peers);

	if (n)
		exposition_table(t, &(struct exposition_table){ .figures = figures,
								.figure_count = array_len(figures),
								.rows = peers,
								.row_size = sizeof(*peers),
								.row_count = n,
								.label = label_peer });
}

void cluster_sends_json(struct json *j)
{
	struct sends_peer peers[SENDS_PEERS_MAX + 1];
	unsigned n = sends_look(peers);

	if (!n)
		return;
	json_array(j, "cluster_peers");
	for (unsigned i = 0; i < n; i++) {
		json_object(j, NULL);
		json_string(j, "peer", peers[i].name);
		json_uint(j, "cluster_sends_dropped", peers[i].dropped);
		json_uint(j, "cluster_sends_lost", peers[i].lost);
		json_object_end(j);
	}
	json_array_end(j);
}
