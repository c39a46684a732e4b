/* SPDX-License-Identifier: MIT */
#pragma once
/* Reading sockets that epoll calls readable. For the files of net/ only. */

struct msg;
struct socket;

/* [loop] Reads, and tells the owner. It gives the socket's lock back. */
void read_ready(struct socket *s);
/* core's msg_set_on_taken: the owner takes a message that was marked. No lock. */
void read_taken(const struct msg *m);
