/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Master: gives harbor ids, keeps the global names (one owner each, the first), tells members of
 * each other, and removes what the dead leave behind. Pure: no socket, no clock.
 *
 * Identity. A node whose configuration names a harbor id is that id; its name is only a label, and
 * others may have the same. A node without (`auto`) is its name, and keeps the id that it was
 * given. An incarnation is one process, with its epoch. A new incarnation of the same label
 * replaces one that is away or silent at once; any other newcomer waits until the owner is dead.
 * Who is alive is never pushed out: the newcomer is told to try again, and an incarnation that
 * comes back to find its id in use is refused for good.
 * Where certificates prove names, an id that somebody asks for is the name's that had it last, also
 * when it is dead, until it is forgotten by hand.
 *
 * Life. A node whose connection broke has dead_ns to come back, and nobody notices. It is dead if
 * it does not, unless a member that is here reports a link to it (WIRE_MEMBER): who is only cut off
 * from the master keeps its id, its links and its names. After a restart every node that was up has
 * the grace time to come back; a master whose registry was lost learns meanwhile, from what its
 * members hold and report, who else lives.
 *
 * Births. No handle of an earlier life of an id is given out again for a long time: each id has a
 * count of handles used up, over all lives and owners. A new life begins where the count stands
 * (JOINED), a member tells how far it has come (PING), and what is saved runs ahead of that by a
 * margin. Nothing known: a random beginning.
 *
 * A registry that comes from a backup is a lost one as far as lives and names go: it knows who has
 * which id, and births and numbers go on behind all that can have been given out since.
 *
 * Numbers. Registrations (fences) and deaths have numbers, which grow over all restarts. Where two
 * nodes believe to own one name, the later registration wins: an earlier owner that was cut off has
 * lost it. A member's claim to such a number counts only while the master makes good a lost
 * registry; nothing else hangs on numbers that others say.
 *
 * What is answered and announced is durable first: input only gathers changes and frames,
 * master_flush begins to save the changes as one batch, and when master_saved says that they are
 * durable, the frames are written. What is gathered meanwhile goes with the next save. If saving
 * fails everything stays and is tried again; meanwhile nobody is told anything.
 *
 * Threads: the net loop, under the harbor's lock. Connections are numbers of the caller's.
 * Limits:  255 nodes, MASTER_NAMES_MAX names, MASTER_OUT_MAX bytes that wait for one member.
 */
#include <stdbool.h>
#include <stdint.h>
#include "harbor/protocol/master_ops.h"
#include "harbor/protocol/wire.h"

/* Members try again at least this often; see member.h. */
#define MASTER_RETRY_NS UINT64_C(4000000000)

struct master;

/* A master that goes on from what a registry holds. ops and content stay the caller's. */
struct master *master_create(const struct master_ops *ops, void *ud,
			     const struct registry_content *content, const struct master_config *c,
			     uint64_t now);
struct master *master_destroy(struct master *m);
/* A JOIN: the first frame of a connection, its cluster and version checked already. true: it is a
 * member now; false: it was refused (written at once), and the caller closes it. */
bool master_join(struct master *m, int conn, const struct wire_control *c, uint64_t now);
/* A later frame of a member. */
void master_input(struct master *m, int conn, const struct wire_control *c, uint64_t now);
void master_lost(struct master *m, int conn, uint64_t now);
/* This process is not the master any more: tells every member with this frame, and closes. The
 * master is only to be destroyed now. */
void master_dismiss(struct master *m, const struct wire_control *refuse);
/* Returns whether the node with this id has a connection. */
bool master_has(const struct master *m, unsigned id);
/* Who is silent or away too long is dead. Returns the time of the next look. */
uint64_t master_tick(struct master *m, uint64_t now);
/* Has what changed saved, and then told (master_saved); what needs no saving is told at once. Does
 * nothing while a save is under way. */
void master_flush(struct master *m);
/* The save that ops->save began has ended: 0, or what the registry said; then a later master_tick
 * tries again. */
void master_saved(struct master *m, int result, uint64_t now);
/* Returns whether a save is under way or to come soon: not when the last one failed. */
bool master_is_saving(const struct master *m);
/* Forgets a node that is not alive, by id or name: its id is free. Returns NULL, or why not, which
 * is written into `ret_why`. Any thread that holds the harbor's lock. */
const char *master_forget(struct master *m, const char *node, char *ret_why, size_t size);
