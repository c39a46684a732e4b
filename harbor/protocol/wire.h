/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Wire format of links and of the conversation with the master. Big endian. Decoding is
 * total: any bytes are legal input.
 *
 *   0       4      5      6       8        12     16        20    24
 *   | len   | kind | type | flags | source | dest | session | seq | payload ...         WIRE_MSG
 *   | len   | kind | type | flags | source | dest | session | seq | stream | size (8) | WIRE_LARGE
 *   | len   | kind | 0    | flags | stream | seq  | a piece of the payload ...          WIRE_CHUNK
 *   | len   | kind | count (8) |                                                        WIRE_ACK
 *   | len   | kind | fields ...                                                         all others
 *
 * len counts from `kind`. Fields are u32, u64 and strings (u8 length, bytes), in the order of the
 * kind's format in wire.c; bytes behind the last one belong to later versions and are skipped, so a
 * kind learns a field by having it appended. The first frame in either direction starts with the
 * magic; anything else is a stranger, and seen to be one after at most nine bytes.
 *
 * A payload above WIRE_CHUNK_MAX travels as WIRE_LARGE and then in chunks, between which other
 * messages may go; the sender keeps the messages of one pair of services in order.
 *
 * The data frames (MSG, LARGE, CHUNK) of one direction belong to a session of their sender, in
 * which they are counted from 0; seq is that number mod 2^32. A session outlives its connections:
 * HELLO and WELCOME say which one the speaker sends in (`session`), which one of the other node he
 * took last (`known`) and how many frames of it have arrived (`count`), and so where the other one
 * goes on (harbor/link/session.h). After that nothing comes twice and nothing is left out: a gap is
 * a broken peer. `count` in PING, PONG, ACK and GOODBYE acknowledges so many frames. In the PING
 * and GOODBYE of a member to the master it says how many handles the node has used up (see
 * master.h).
 * flags are zero.
 *
 * Threads: none, pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/actor/msg.h"

#define WIRE_MAGIC 0x48425244u /* "HBRD" */
/* What this program speaks: the newest version, and the oldest. A link uses the newest that both
 * ends speak. A release that has a new version speaks the one before, too, so that a cluster can be
 * upgraded node by node. The numbers stand in wire.c, so that a test can link a program that speaks
 * others. */
extern const uint32_t wire_version, wire_version_min;
/* What a node can do beyond its version, a bit each, told in HELLO, WELCOME, JOIN and JOINED. What
 * both sides must understand is used only where both have its bit. */
#define WIRE_FEATURES 0u
#define WIRE_MSG_HEADER 24u
#define WIRE_LARGE_HEADER 36u
#define WIRE_CHUNK_HEADER 16u
#define WIRE_ACK_SIZE 13u
/* What a small message may have to wait for: a chunk, and at 1 Gbit/s half a millisecond. */
#define WIRE_CHUNK_MAX 65536u
/* Large messages under way in one direction; each may hold its whole size at the receiver. */
#define WIRE_LARGE_MAX 16u
/* Control frames are small: four strings of 255 and a few numbers. */
#define WIRE_CONTROL_MAX 2048u

enum wire_kind {
	WIRE_MSG = 1,
	WIRE_LARGE,
	WIRE_CHUNK,
	/* links */
	WIRE_HELLO,   /* the one who connected: who I am, whom I want */
	WIRE_WELCOME, /* the link is up */
	WIRE_REFUSE,  /* code, text; also the master's */
	WIRE_PING,
	WIRE_PONG,
	WIRE_GOODBYE, /* I end; also to the master */
	/* member and master */
	WIRE_JOIN,   /* who I am, the id I hold or ask for */
	WIRE_JOINED, /* your id; members and names follow */
	WIRE_MEMBER, /* the master: a node is up, or down; a member: my link to it is */
	WIRE_NAME,   /* a name has an owner, or none (handle 0) */
	WIRE_SYNCED, /* the snapshot is complete */
	WIRE_REGISTER,
	WIRE_RELEASE,  /* handle 0, here and in TRANSFER: the owner's, whichever that is */
	WIRE_ANSWER,   /* to a request: code, text */
	WIRE_ACK,      /* links: so many data frames have arrived */
	WIRE_TRANSFER, /* a name goes from its owner to another service, in one change */
	WIRE_QUERY,    /* who owns the name? The answer follows all changes before it */
	WIRE_PROBE,    /* the master: does the link to this node answer? Then say so (MEMBER) */
	WIRE_ASK,      /* links: have you a link to this incarnation, which refuses me? */
	WIRE_SAY,      /* and the answer */
	_WIRE_KIND_MAX,
};

/* Why somebody is refused, and what became of a request. */
enum wire_code {
	WIRE_OK_CODE,
	WIRE_OTHER_CLUSTER,
	WIRE_OTHER_VERSION,
	WIRE_STALE,   /* another incarnation has this node's harbor id and is alive */
	WIRE_CROSSED, /* both connected; the other connection stays */
	WIRE_FULL,
	WIRE_NAME_TAKEN,
	WIRE_NO_NAME,
	WIRE_INVALID,
	WIRE_NOT_HERE, /* not (yet) in the cluster, or not the node you want: try again */
	WIRE_NOT_OWNER,
	WIRE_NO_HEIR,	 /* TRANSFER: the new owner's node is not here */
	WIRE_NOT_LEADER, /* a candidate that is not the master; text: his address, if known */
};

/* MEMBER: the node is down for good, or up; of a link also: it broke, and may come back. */
enum wire_up { WIRE_DOWN, WIRE_UP, WIRE_BROKEN };

/* JOIN: the id stands in the node's configuration; the node has it already, from an earlier
 * JOINED. */
#define WIRE_ID_NAMED 1u
#define WIRE_ID_HELD 2u
/* JOIN: the master whom I know does not answer. */
#define WIRE_LEADER_LOST 4u

/* `count` of a HELLO or WELCOME: how much of the session has arrived is not known any more. */
#define WIRE_FORGOTTEN UINT64_MAX

/* The fields of all control frames. */
struct wire_control {
	enum wire_kind kind;
	uint32_t magic, version, version_min, features;
	uint32_t id, up, request, handle, code;
	uint32_t target;     /* TRANSFER: the new owner */
	uint32_t flags;	     /* JOIN: WIRE_ID_* */
	uint64_t epoch;	     /* of the incarnation that speaks (MEMBER: that is spoken of) */
	uint64_t peer_epoch; /* HELLO: of the incarnation that is wanted */
	uint64_t stamp;	     /* PING: the sender's clock; PONG: it comes back */
	uint64_t count;	     /* data frames received */
	uint64_t session;    /* of the speaker's data frames, never 0 */
	uint64_t known;	     /* the other side's session that was taken last, 0 = none */
	uint64_t change;     /* names: number of the change, 0 inside a snapshot */
	uint64_t births;     /* JOIN: handles used up, 0 = none yet; JOINED: as the master counts */
	uint64_t fence;	     /* of a name's registration: a later one has a higher number */
	char cluster[64], name[64], address[128], text[256];
};

/* Bytes written into out (at least WIRE_CONTROL_MAX). The magic need not be set. */
size_t wire_encode(uint8_t *out, const struct wire_control *c);
/* Headers; the payload or the piece follows them. */
void wire_encode_msg(uint8_t out[WIRE_MSG_HEADER], const struct msg *m, uint32_t seq);
void wire_encode_large(uint8_t out[WIRE_LARGE_HEADER], const struct msg *m, uint32_t seq,
		       uint32_t stream);
void wire_encode_chunk(uint8_t out[WIRE_CHUNK_HEADER], uint32_t size, uint32_t seq,
		       uint32_t stream);
void wire_encode_ack(uint8_t out[WIRE_ACK_SIZE], uint64_t count);

enum wire_result { WIRE_OK, WIRE_MORE, WIRE_BAD };
/* Can a connection begin with these bytes? WIRE_MORE: nothing is wrong so far. */
enum wire_result wire_peek_first(const uint8_t *p, size_t n);
/* Looks at the frame that begins at p: its kind and whole size. WIRE_BAD: no frame of ours.
 * WIRE_MORE: fewer than 5 bytes. */
enum wire_result wire_peek(const uint8_t *p, size_t n, enum wire_kind *ret_kind, size_t *ret_size);
/* A whole control frame of wire_peek's size. */
enum wire_result wire_decode(const uint8_t *p, size_t n, struct wire_control *ret);
/* Headers of data frames, whole; size is that of the message, for a chunk that of the piece. */
void wire_decode_msg(const uint8_t *p, struct msg *ret_m, uint32_t *ret_seq);
void wire_decode_large(const uint8_t *p, struct msg *ret_m, uint32_t *ret_seq,
		       uint32_t *ret_stream);
void wire_decode_chunk(const uint8_t *p, uint32_t *ret_size, uint32_t *ret_seq,
		       uint32_t *ret_stream);
/* Of a whole WIRE_ACK: the count. */
uint64_t wire_decode_ack(const uint8_t *p);
/* May a node be reached at this address? Host and port, no unix socket; a host's name is not looked
 * up. */
bool wire_address_valid(const char *address);
/* The version that such a range and ours have in common, the highest; 0: none. */
uint32_t wire_common_version(uint32_t min, uint32_t max);
