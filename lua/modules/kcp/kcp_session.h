/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sessions of a pool (kcp_pool.h): what they are, where they are found, how many there may be, and
 * the lists of those that are to be looked at and of those that have news.
 *
 * Threads and ownership: as the pool.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ds/list.h"
#include "core/ds/wheel.h"
#include "lua/modules/kcp/kcp.h"
#include "lua/modules/kcp/kcp_meet.h"
#include "lua/modules/kcp/kcp_table.h"

#define KCP_ADDRESS_MAX 19u

/* As in net/udpaddr.h: family, port, address. */
struct kcp_address {
	uint8_t size; /* 0: the default peer of the socket */
	uint8_t bytes[KCP_ADDRESS_MAX];
};

struct kcp_rules {
	struct kcp_settings set;
	uint32_t sessions;    /* of a listener */
	uint32_t per_address; /* of them from one host */
	uint32_t unanswered;  /* plain ones of one host that have proved nothing */
	uint32_t idle;	      /* ms of silence after which a session ends */
	uint32_t keepalive;   /* ms of silence after which the peer is asked; 0: never */
	uint32_t timeout;     /* ms that a connect may take */
	bool plain;
	bool expected; /* plain sessions of expected convs only */
	bool roam;     /* sessions follow their peers to other addresses */
};

enum kcp_step { KCP_MEETING, KCP_READY, KCP_CLOSING, KCP_ENDED };

enum kcp_news {
	KCP_NEWS_OPEN = 1, /* accepted, or connected */
	KCP_NEWS_DATA = 2, /* a message can be taken */
	KCP_NEWS_END = 4,  /* `why` */
};

struct kcp_hooks {
	void (*send)(void *ud, int socket, const struct kcp_address *to, const uint8_t *p,
		     size_t n);
	void (*release)(void *ud, int socket); /* the pool does not use it any more */
	void *ud;
};

/* A conv that a plain listener takes once. */
struct kcp_ticket {
	struct kcp_entry entry;
	struct kcp_ticket *next; /* the later ones */
	uint32_t conv;
	uint64_t until;
};

struct kcp_port {
	struct kcp_entry entry; /* in pool.ports, by socket */
	int socket;
	bool listens;
	struct kcp_rules rules;
	struct kcp_table sessions; /* by conv */
	struct kcp_table hosts;
	uint32_t unanswered;
	struct kcp_table tickets; /* by conv */
	LIST_OF(struct kcp_ticket) oldest;
	uint32_t expected;	 /* of these */
	struct kcp_session *own; /* of a connect */
	uint64_t strays, refused, moved;
};

struct kcp_host {
	struct kcp_entry entry;
	uint8_t ip[KCP_ADDRESS_MAX];
	uint32_t count, unanswered;
	struct kcp_session *sessions;
};

struct kcp_session {
	struct kcp_entry by_conv, by_id;
	struct wheel_entry timer;
	struct kcp_session *next_of_host, *next_dirty, *next_news;
	struct kcp_port *port;
	struct kcp_host *host; /* of a listener's, NULL: it is not counted any more */
	struct kcp kcp;
	struct kcp_address peer;
	uint32_t id;
	enum kcp_step step;
	bool owned; /* the program has not closed it */
	bool dirty, unanswered, has_kcp, keyed, has_cookie;
	uint8_t news, goodbyes;
	const char *why;
	uint64_t heard, asked, until; /* until: the end of meeting or closing */
	uint64_t wait;		      /* of meeting: ms until the next try */
	uint64_t bytes_in, bytes_out;
	uint64_t nonce, mac;
	uint32_t mac_time;
	uint8_t key[SIPHASH_KEY];
	uint16_t token_size;
	uint8_t *token;
};

struct kcp_pool {
	struct kcp_hooks hooks;
	struct wheel wheel;
	struct kcp_table ports, ids;
	LIST_OF(struct kcp_session) dirty;
	LIST_OF(struct kcp_session) news;
	uint32_t last_id;
	uint64_t drawn; /* random numbers */
	uint8_t secret[SIPHASH_KEY];
};

static inline bool kcp_address_same(const struct kcp_address *a, const struct kcp_address *b)
{
	return a->size == b->size && __builtin_memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* A number that nobody can guess. */
uint64_t kcp_draw(struct kcp_pool *p);
/* Sends a greeting from a port. */
void kcp_send_to(struct kcp_pool *p, struct kcp_port *port, const struct kcp_address *to,
		 const struct meet *m);

/* A new session of a port, not READY yet. */
struct kcp_session *kcp_session_new(struct kcp_pool *p, struct kcp_port *port, uint64_t now);
/* It speaks KCP from now on. */
void kcp_session_ready(struct kcp_pool *p, struct kcp_session *s, uint32_t conv, uint64_t now);
/* The session is over. It is freed if the program has closed it. */
void kcp_session_end(struct kcp_pool *p, struct kcp_session *s, const char *why);
void kcp_session_free(struct kcp_pool *p, struct kcp_session *s);

/* A session that the program has not closed, or NULL. */
struct kcp_session *kcp_session_find(struct kcp_pool *p, uint32_t id);
/* The session of a port with this conv, or NULL. In a plain listener it is also its address that
 * counts. */
struct kcp_session *kcp_session_of(struct kcp_pool *p, struct kcp_port *port, uint32_t conv,
				   const struct kcp_address *from);

/* Counts it with its address. Returns false: there are too many. */
bool kcp_session_count(struct kcp_pool *p, struct kcp_session *s, const struct kcp_address *from,
		       bool unanswered);
void kcp_session_uncount(struct kcp_session *s);
/* It is unanswered no more. */
void kcp_session_proven(struct kcp_session *s);
/* The host of an address, NULL: it has no sessions. */
struct kcp_host *kcp_host_find(struct kcp_pool *p, struct kcp_port *port,
			       const struct kcp_address *from);

/* Something was given to the session's kcp, or taken: it is looked at in the next turn. */
void kcp_session_touch(struct kcp_pool *p, struct kcp_session *s);
/* The program should hear these bits of kcp_news. */
void kcp_session_tell(struct kcp_pool *p, struct kcp_session *s, unsigned news);
