/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Events of sockets that found no memory in the service, and come again.
 *
 * Somebody waits in the service for the CONNECT or the CLOSE of a socket, and for ever if it is
 * lost. So a message of a socket is kept, outside of the Lua state, when there was no memory to
 * begin its dispatch, and dispatched again after a while. If the dispatch had begun, only those are
 * kept that skynet.socket may see twice. Bytes are not kept: what came behind them would overtake
 * them, so their stream is ended (block.h).
 *
 * Threads: the worker that runs the service.
 * Limits:  a socket has a few events at most, so the list is bounded by the number of sockets.
 */
#include "lua/host/host.h"

/* There was no memory to begin with m. Returns true when m is kept, and taken then. */
bool again_keep(struct host *h, struct msg *m);
/* The task, which ends, found no memory on its way: the same for its request. */
void again_keep_request(struct task *t);
/* The time has come (WAIT_AGAIN): returns what is kept, linked by `next`, oldest first. The caller
 * takes it, and gives back by again_put_back what he could not begin with. */
struct msg *again_take(struct host *h);
void again_put_back(struct host *h, struct msg *list_take);
/* The service ends: drops what is kept. */
void again_drop(struct host *h);
