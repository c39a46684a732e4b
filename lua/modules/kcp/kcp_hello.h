/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Meeting, moving and leaving: what sessions say in datagrams that are no KCP (kcp_meet.h).
 *
 * Threads and ownership: as the pool (kcp_pool.h).
 */
#include "lua/modules/kcp/kcp_session.h"

/* A datagram for which meet_is has said yes. */
void kcp_hello_input(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *from,
		     const uint8_t *data, size_t n, uint64_t now);
/* The next try of a session that is MEETING, or its end. */
void kcp_hello_try(struct kcp_pool *p, struct kcp_session *s, uint64_t now);
/* A datagram of the session has come from there. */
void kcp_hello_moved(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		     uint64_t now);
/* Tells the peer of a session with a key that it is over. */
void kcp_hello_close(struct kcp_pool *p, struct kcp_session *s);
