/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The wire of skynet.cluster: bodies of its frames, without socket and without Lua.
 *
 *   request   | type | address | session | total or payload |   address: u32, or u8 length and name
 *   response  | session | type | data |                         integers little-endian
 *
 * A frame is a big-endian u16 in front of such a body. Messages of CLUSTER_PART bytes and more
 * travel as a head and parts; an inbox puts them together.
 *
 * Threads:   none of its own.
 * Ownership: what is parsed points into the caller's bytes; an inbox owns what it gathers.
 * Limits:    an inbox holds CLUSTER_HALVES messages and `max` bytes, which whoever makes it
 *            sets. What is allocated follows the bytes that came, not the size that a head
 *            declares.
 * Failure:   texts; an inbox that refuses a message swallows its parts and says so at the last.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLUSTER_PART 0x8000u /* bytes of one part; a request of fewer is a single frame */
#define CLUSTER_NAME_MAX 255u
#define CLUSTER_HEAD_MAX (2 + 1 + 1 + CLUSTER_NAME_MAX + 4 + 4)
#define CLUSTER_HALVES 256u	  /* messages under way on one connection */
#define CLUSTER_HELD (256u << 20) /* their bytes, and the size of any one */
#define CLUSTER_SESSION_MAX INT32_MAX

enum cluster_kind {
	CLUSTER_SINGLE,
	CLUSTER_HEAD,
	CLUSTER_MORE, /* a part, others follow */
	CLUSTER_LAST,
	CLUSTER_TRACE,
};

struct cluster_request {
	enum cluster_kind kind;
	bool push;	  /* nobody waits for an answer */
	uint32_t addr;	  /* if there is no name */
	const char *name; /* name_size bytes, or NULL */
	size_t name_size;
	uint32_t session;
	uint32_t total; /* CLUSTER_HEAD */
	/* payload, part or tag; what a request is to carry does not go through here */
	const char *data;
	size_t size;
};

/* NULL, or what is wrong with the body. */
const char *clusterwire_parse_request(const void *body, size_t n, struct cluster_request *ret);
/* Writes the frame up to its data, r->size bytes of which follow; returns the bytes written. */
size_t clusterwire_write_request(uint8_t ret[CLUSTER_HEAD_MAX], const struct cluster_request *r);

enum cluster_answer {
	ANSWER_ERROR = 0, /* data is a text */
	ANSWER_OK = 1,
	ANSWER_BEGIN = 2, /* total bytes follow in parts */
	ANSWER_MORE = 3,
	ANSWER_LAST = 4,
};

struct cluster_response {
	uint32_t session;
	enum cluster_answer type;
	uint32_t total; /* ANSWER_BEGIN */
	const char *data;
	size_t size;
};

const char *clusterwire_parse_response(const void *body, size_t n, struct cluster_response *ret);
size_t clusterwire_write_response(uint8_t ret[CLUSTER_HEAD_MAX], const struct cluster_response *r);

/* The session after this one. */
uint32_t clusterwire_next_session(uint32_t session);

/* ---- messages in parts ---- */

struct cluster_half {
	uint32_t session; /* 0: this place is free */
	bool push;
	uint32_t addr;
	uint32_t total, got, room;
	uint8_t name_size;
	char name[CLUSTER_NAME_MAX];
	char *data;
};

struct cluster_inbox {
	struct cluster_half *halves; /* `capacity` places */
	unsigned count, capacity;
	size_t held; /* bytes allocated for data */
	size_t max;  /* their bound, and that of one message; at most CLUSTER_HELD */
};

enum inbox_result {
	INBOX_NOTHING,
	INBOX_MESSAGE, /* *ret is complete; give it back with clusterwire_release */
	INBOX_REFUSED, /* the message of this session came to its end and is lost */
};

/* A head or a part. */
enum inbox_result clusterwire_gather(struct cluster_inbox *in, const struct cluster_request *r,
				     struct cluster_half **ret);
void clusterwire_release(struct cluster_inbox *in, struct cluster_half *h);
void clusterwire_fini(struct cluster_inbox *in);
