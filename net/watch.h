/* SPDX-License-Identifier: MIT */
#pragma once
/* What epoll watches a socket for, and what becomes of a socket that fails. The lock of the socket
 * is held. For the files of net/ only. */

struct socket;

/* Makes epoll watch for what state and flags ask for. Returns 0 or -errno. */
int watch(struct socket *s);
/* The same; a failure ends the socket and is told to its owner. */
void watch_or_fail(struct socket *s);
/* Something that was tried on the descriptor failed. A service gets ERROR and may go on; C code
 * hears on_close, and its socket neither reads nor writes any more; of a listener it is logged. */
void watch_failed(struct socket *s, const char *why);
