/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The hands of moves (move_ways.h): what they do is done by links and mailboxes.
 *
 * Threads: move_links_init: behind link_init. The hands: any, under the lock of the moves.
 */
#include <stdint.h>

/* Begins moves (moves_init), which link_fini ends. room: of a link, in bytes.
 * patience_ns: with a forwarder that nobody uses. touch, any thread: moves_tick wants to be called
 * on the loop. */
void move_links_init(uint64_t room, uint64_t patience_ns, void (*touch)(void));
