/* SPDX-License-Identifier: MIT */
#pragma once
/* How it is with the master, as one node knows it: for people. */
#include <stdbool.h>
#include <stdint.h>
#include "harbor/registry/registry.h"

/* What a registry keeps, or NULL and why it could not be read. On the loop; both are its
 * caller's. */
typedef void (*harbor_registry_cb)(const struct registry_content *content, const char *error,
				   void *ud);

#define HARBOR_UNSAVED_MAX 200u

struct harbor_master_info {
	const char *registry; /* "embedded", "etcd"; NULL: no section master */
	bool leads;
	uint64_t since_wall_ns; /* it leads */
	bool saving;		/* a save is under way */
	double save_ms;		/* how long the last one took, or the one under way has taken */
	unsigned waiting;	/* members that wait here for a leader */
	/* Why the last save failed; "": it did not. */
	char unsaved[HARBOR_UNSAVED_MAX];
	/* etcd */
	bool reached; /* it answered the last question */
	char why[200];
	struct registry_view view;
};
