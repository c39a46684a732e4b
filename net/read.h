/* SPDX-License-Identifier: MIT */
#pragma once
/* Reading sockets that epoll calls readable. For the files of net/ only. */
#include <stddef.h>
#include <stdint.h>

struct msg;
struct socket;

/* Before any other thread starts, and after they have ended. */
void read_init(unsigned loops);
void read_fini(void);
/* [loop] Reads, and tells the owner. It gives the socket's lock back. */
void read_ready(struct socket *s);
/* A message with so many bytes goes to the owner: returns the flag that it is to have. The lock is
 * held. */
uint8_t read_mark(struct socket *s, size_t size);
/* The owner takes a message of a socket that was marked. No lock. */
void read_taken(const struct msg *m);
