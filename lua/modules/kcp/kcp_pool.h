/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The KCP sessions of a service: all that belongs to its UDP sockets, with one wheel of times.
 *
 *   port     a socket that listens, or that has connected; what may come on it says kcp_rules
 *   session  MEETING > READY > CLOSING > ENDED
 *            a struct kcp, the peer's address, and when something was heard of it
 *   host     an address without its port (of IPv6 the upper 64 bits), to count by
 *
 * A listener makes a session of who has shown by a cookie that answers reach him (kcp_meet.h), and
 * keeps nothing of anybody before. `plain` ports take KCP as it is, without a greeting: there any
 * datagram with a first segment makes a session, so their number is limited until a peer has
 * repeated a time of ours, and such a one is sent no more than three times what came from it: a
 * small segment first, and all else when that is acknowledged. With `expected` the program says
 * beforehand which convs will come, each for one session.
 *
 * A datagram of a session from another address is answered by a question that only who has the
 * session's key can answer; then the session goes on there. Plain sessions stay where they are.
 *
 * What is to be sent goes out in kcp_pool_turn, once for all that happened in a turn of the
 * service. It says when it wants to be called again; sessions without traffic want so for the
 * sign of life only.
 *
 * Time:      ms on a clock that never goes back.
 * Threads:   none of its own; its owner's.
 * Ownership: sessions and ports are the pool's. A session that ends is kept until
 *            kcp_pool_close, for there may be messages to take.
 * Limits:    struct kcp_rules.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/kcp/kcp_session.h"

#define KCP_LINGER 5000u /* ms that a closed session tries to bring away what it has */

void kcp_rules_default(struct kcp_rules *ret);
/* NULL, or what is wrong. */
const char *kcp_rules_check(const struct kcp_rules *r);

/* secret: random bytes. */
struct kcp_pool *kcp_pool_new(const struct kcp_hooks *hooks, const uint8_t secret[SIPHASH_KEY],
			      uint64_t now);
/* Tells the peers, as far as one datagram can, and frees everything; sockets are not released. */
void kcp_pool_free(struct kcp_pool *p);

/* A socket that nobody has given yet, to listen. */
void kcp_pool_listen(struct kcp_pool *p, int socket, const struct kcp_rules *r);
/* The port of a socket, NULL: there is none. */
struct kcp_port *kcp_pool_port(struct kcp_pool *p, int socket);
/* A plain listener with `expected` takes a session of this conv, once, within its `idle` time.
 * Returns false: there is no such listener, or as many are expected as it may have sessions. */
bool kcp_pool_expect(struct kcp_pool *p, int socket, uint32_t conv, uint64_t now);
/* Ends the listener's sessions and releases the socket. false: no such listener. */
bool kcp_pool_unlisten(struct kcp_pool *p, int socket, uint64_t now);
/* A socket to meet its default peer, with a token for him of at most MEET_TOKEN_MAX bytes; or, with
 * conv != 0, to speak at once without a greeting. Returns the session's id; news OPEN or END will
 * follow. The socket is released with the session. */
uint32_t kcp_pool_connect(struct kcp_pool *p, int socket, const struct kcp_rules *r, uint32_t conv,
			  const void *token, size_t size, uint64_t now);
/* A datagram has come. */
void kcp_pool_input(struct kcp_pool *p, int socket, const struct kcp_address *from,
		    const uint8_t *data, size_t n, uint64_t now);

/* The program is done with it. What was sent goes out still, for KCP_LINGER at most. */
void kcp_pool_close(struct kcp_pool *p, struct kcp_session *s, uint64_t now);
/* Takes the news of a session, bits of kcp_news; NULL: there are none. */
struct kcp_session *kcp_pool_news(struct kcp_pool *p, unsigned *ret);
/* Sends all that is due. Returns ms until the next call is wanted, UINT64_MAX: only when something
 * happens. */
uint64_t kcp_pool_turn(struct kcp_pool *p, uint64_t now);
