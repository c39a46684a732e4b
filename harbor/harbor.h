/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The cluster: what daemon/ sees of harbor/. Fills core/actor/remote.h.
 *
 * Threads: init and stop from the main thread; everything else runs on the net loop or, for the
 * data plane, on the sending worker (see harbor/link/link.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/actor/remote.h"
#include "harbor/config.h"
#include "harbor/masterinfo.h"

/* Binds the listeners (and the master's), opens the registry. Errors are text in ret_error
 * (mem_free): result -EADDRINUSE, -EACCES, -EINVAL ... */
int harbor_init(const struct harbor_config *c, char **ret_error);
/* Replaces keys or certificates: for connections to come at once; a connection whose other end
 * would not be let in any more ends soon. Returns 0, or -EINVAL and a text (mem_free): nothing has
 * changed. Main thread. */
int harbor_secure(const struct secure_config *c, char **ret_error);
/* How members are told from strangers: "key NAME", "certificates", or "" for not at all; and how
 * many strangers were refused. */
struct harbor_security {
	char kind[80];
	uint64_t accepted; /* connections on the port for links */
	uint64_t refused, handshakes_failed;
	uint64_t expires; /* of our certificate, in seconds since 1970; 0: there is none */
};
void harbor_security(struct harbor_security *ret);
/* Starts joining; state changes are told by on_state on the net loop. After node_start. */
int harbor_start(void (*on_state)(enum harbor_state st, const char *what, void *ud), void *ud);
/* Any thread. */
enum harbor_state harbor_state(void);
/* Returns our harbor id once joined; 0 before. Any thread. */
unsigned harbor_id(void);
/* Returns where the handles of this life begin: the boot asks once, before the first ordinary
 * service. */
uint32_t harbor_first_index(void);
/* Releases names, tells master and peers goodbye, flushes, closes. It waits for what other nodes
 * were sent as long as some of it arrives within timeout_ns, and for most_ns at most. Main
 * thread. */
void harbor_stop(uint64_t timeout_ns, uint64_t most_ns);
/* After the workers and the loop have ended. */
void harbor_fini(void);

/* ---- for harborctl; [any thread], answers are snapshots ---- */
struct harbor_node_info {
	unsigned id;
	char name[64];
	char address[128];
	uint64_t incarnation;
	/* "up", "connecting", "unreachable" (alive, says the master, but not from here), "down",
	 * "left" (in order), "self" */
	const char *state;
	char why[128];		/* the last link ended, or could not be made; "": it is up */
	bool master;		/* it leads, as far as this node knows */
	bool draining;		/* it gives its work away, see core/actor/move.h */
	uint32_t protocol;	/* the version that the link speaks; 0: it is down, or no link */
	uint64_t since_wall_ns; /* the state is what it is */
	uint64_t rtt_ns;
	uint64_t sent, received; /* messages */
	/* on the wire of the link, over all its connections */
	uint64_t sent_frames, sent_bytes, received_frames, received_bytes;
	uint64_t queued_bytes;	       /* wait to be written */
	uint64_t unacknowledged_bytes; /* were written, and it is not known whether they arrived */
	uint64_t resent;	       /* frames written once more after a break */
	uint64_t dropped;	       /* sends refused */
	uint64_t lost;	 /* messages that were accepted, and whose fate is not known: the node was
			* given up before it had acknowledged them */
	char cipher[40]; /* of the link; "" if it is down or not encrypted */
	char proof[80];	 /* by what the other node has proven itself: "key NAME" ... */
};
/* The links without any lock, for a signal handler of a process that crashes: as they stand, and
 * names may be torn. */
struct harbor_glance {
	unsigned id;
	const char *name, *state;
	uint64_t waiting_bytes, kept_bytes;
};
void harbor_glance(void (*f)(const struct harbor_glance *g, void *ud), void *ud);
void harbor_foreach_node(void (*f)(const struct harbor_node_info *n, void *ud), void *ud);
struct harbor_name_info {
	char name[REMOTE_NAME_SIZE];
	uint32_t handle;
	uint64_t fence; /* number of the registration: a later one has a higher number */
	uint64_t since_wall_ns;
};
void harbor_foreach_name(void (*f)(const struct harbor_name_info *n, void *ud), void *ud);
/* Any thread. */
bool harbor_is_master(void);
/* How many services that moved to other nodes still have their forwarder here. */
unsigned harbor_forwarders(void);
/* Whether this node is the master, and the registry behind that. */
void harbor_master(struct harbor_master_info *ret);
/* Whether this node leads and could not save what it has to keep: until it can, no node joins and
 * no name is given. Returns why, too. Any thread. */
bool harbor_is_unsaved(char ret_why[HARBOR_UNSAVED_MAX]);
/* Gives the lead to this candidate, or to any other (""). Returns true, and done is called on the
 * loop when that has ended, with NULL or why not; or false, and why not is in ret_why. */
bool harbor_move(const char *to, void (*done)(const char *why_not, void *ud), void *ud,
		 char *ret_why, size_t size);
/* Writes a copy of the embedded registry into a file that is not there yet. Returns NULL, and done
 * is called on the loop when that has ended; or why not, constant. */
const char *harbor_backup(const char *file, void (*done)(const char *error, void *ud), void *ud);
/* Reads what the registry of this node keeps, from its disk or its server. Returns NULL, and done
 * is called on the loop when that has ended; or why not, constant. */
const char *harbor_read_registry(harbor_registry_cb done, void *ud);
/* The master we talk to, or try next; "" without a cluster. */
void harbor_master_address(char *ret_text, size_t size);
/* Has the master forget a node that is not alive, by name or id. Returns NULL, or why not, in
 * ret_why. */
const char *harbor_forget(const char *node, char *ret_why, size_t size);
/* Who waits for which name. */
void harbor_foreach_waiting(void (*f)(const char *name, uint32_t handle, void *ud), void *ud);
