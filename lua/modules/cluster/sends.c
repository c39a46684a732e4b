/* SPDX-License-Identifier: MIT */
/* What skynet.cluster did not get through: see sends.h. */
#include "lua/modules/cluster/sends.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/lock.h"

static struct lock lock = LOCK_INIT(cluster_sends);
static struct sends_peer peers[SENDS_PEERS_MAX + 1]; /* [lock] the last is of all others */
static unsigned count;				     /* [lock] */

static struct sends_peer *find_locked(const char *name)
{
	lock_held(&lock);
	for (unsigned i = 0; i < count; i++)
		if (strncmp(peers[i].name, name, SENDS_NAME_MAX - 1) == 0)
			return &peers[i];
	if (count == array_len(peers))
		return &peers[count - 1];
	snprintf(peers[count].name, SENDS_NAME_MAX, "%s",
		 count == SENDS_PEERS_MAX ? SENDS_REST : name);
	return &peers[count++];
}

void sends_count(const char *name, uint64_t dropped, uint64_t lost)
{
	struct sends_peer *p;

	lock_take(&lock);
	p = find_locked(name);
	p->dropped += dropped;
	p->lost += lost;
	p->last_ns = clock_mono_ns();
	lock_release(&lock);
}

unsigned sends_look(struct sends_peer ret[SENDS_PEERS_MAX + 1])
{
	unsigned n;

	lock_take(&lock);
	n = count;
	memcpy(ret, peers, n * sizeof(*ret));
	lock_release(&lock);
	return n;
}
