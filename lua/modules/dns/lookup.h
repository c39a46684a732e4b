/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One question to name servers, over c-ares: tries again, asks the next server, takes an answer
 * that was cut over TCP, and reads answers. It has no sockets: it says what is to be done with
 * them, and is told what came.
 *
 *   owner                             look-up
 *   lookup_start          ->
 *                         <-          actions: open, send, close
 *   lookup_received, lookup_broken
 *   lookup_process        ->          takes all of that, and time-outs
 *                         <-          actions; lookup_finished, or else lookup_timeout_ms
 *
 * Sockets are numbers below LOOKUP_SOCKETS; a number that was closed is used again.
 *
 * Threads:   none of its own; one at a time.
 * Ownership: the owner's, until lookup_destroy. Bytes that are handed in are copied.
 * Limits:    LOOKUP_ADDRESSES of an answer, LOOKUP_INBOX bytes that wait at a socket.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define LOOKUP_SOCKETS 16
#define LOOKUP_ADDRESSES 64
#define LOOKUP_INBOX ((size_t)128 << 10)

struct lookup;

struct lookup_action {
	struct lookup_action *next;
	enum { LOOKUP_UDP, LOOKUP_TCP, LOOKUP_SEND, LOOKUP_CLOSE } what;
	int socket;
	struct sockaddr_in6 to; /* of an open: an IPv4 or IPv6 address */
	size_t size;		/* of a send */
	char bytes[];
};

struct lookup_answer {
	unsigned count;
	long ttl; /* the least, in seconds */
	struct in6_addr at[LOOKUP_ADDRESSES];
};

/* Asks the servers ("10.0.0.1:53,[::1]:53") for the addresses of a name: family is AF_INET or
 * AF_INET6. Each is asked `tries` times; the first try waits timeout_ms, each round twice as long
 * as the one before. Returns NULL and in *ret_why what is wrong. It may be finished at once. */
struct lookup *lookup_start(const char *servers, const char *name, int family, int timeout_ms,
			    int tries, const char **ret_why);
void lookup_destroy(struct lookup *l);

/* What is to be done next, or NULL; lookup_acted when it is done. */
const struct lookup_action *lookup_action(const struct lookup *l);
void lookup_acted(struct lookup *l);

/* Bytes of a stream, or a datagram, came; `from` is who has sent the datagram. Of others than the
 * server it is ignored. */
void lookup_received(struct lookup *l, int socket, const struct sockaddr *from, const void *bytes,
		     size_t size);
/* The socket has failed, or its stream has ended. */
void lookup_broken(struct lookup *l, int socket);
/* Takes what has come, and the time. */
void lookup_process(struct lookup *l);
/* When lookup_process is to be called at the latest, -1: it is finished. */
long lookup_timeout_ms(const struct lookup *l);
/* Returns NULL as long as it is not; *ret_why is why there is no address, or NULL. */
const struct lookup_answer *lookup_finished(const struct lookup *l, const char **ret_why);
/* Whether it could not even be asked: the name is none. */
bool lookup_bad_name(const struct lookup *l);
