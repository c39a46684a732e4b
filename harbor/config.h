/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the harbor is told when it starts, and what it says of itself.
 */
#include <stdint.h>
#include "harbor/registry/registry.h"

struct secure_config;

struct harbor_config {
	const char *node_name;	    /* with `auto` who the node is, else a label */
	unsigned harbor;	    /* 1..255: the node is this id; 0: `auto` */
	const char *cluster;	    /* cluster name, checked in the handshake */
	const char *listen;	    /* where other nodes reach us, "ip:port" */
	const char *advertise;	    /* what we tell them; NULL = listen with the real port */
	const char *const *masters; /* NULL-terminated */
	uint32_t heartbeat_ms;	    /* 1000 */
	uint32_t dead_ms;	    /* 5000 */
	uint32_t link_wait_ms;	    /* how long calls wait for a link that is broken; 1000 */
	uint64_t message_max;	    /* bytes, 256 MiB */
	uint64_t queue_max;	    /* bytes a link may have unsent, 64 MiB + message_max */
	uint32_t name_wait_ms;	    /* how long a send to an unknown name waits */
	uint32_t forwarder_ms;	    /* how long a forwarder is kept that nobody uses */
	const struct secure_config *secure; /* used by harbor_init only; NULL: no encryption */
	/* this node is the master as well */
	const char *master_listen;    /* NULL = it is not */
	const char *master_advertise; /* what other candidates are told; NULL = where it listens */
	const char *state_dir;	      /* registry.sqlite lives here; NULL: it is kept in memory */
	struct registry_config registry; /* endpoints NULL: embedded. Of its other members the
					    harbor fills in the upper four */
};

enum harbor_state { HARBOR_OFF, HARBOR_JOINING, HARBOR_JOINED, HARBOR_MASTER_LOST, HARBOR_REFUSED };
